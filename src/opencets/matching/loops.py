"""The compiled inner loops of the Hamming index. Codes are four 64-bit words; band ``b`` is bits 16 b to 16 b + 15.

What a search looks through follows from the pigeonring principle (Qin and Xiao, VLDB 2018), for any whole ``levels`` of
the bands with the sum of ``level + 1`` equal to ``radius + 1``: where two codes differ in at most ``radius`` bits, some
band differs in at most its level, together with the next band around the ring in at most both levels and one more, and
together with the two next in at most the three levels and two more.
A band of level -1 is not looked into at all. Levels are free for each query, so a crowded band is left out and others
are looked into more widely. A match is reported at the first such band only, so that none comes twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from opencets.matching.compiled import LANES, compiled, lowest_bit, near_lanes, popcount, prefetch

Array = Any
"""A NumPy array inside a compiled loop; shapes and types are said in each docstring."""

BANDS = 16
WITHIN_ONE = 17
WITHIN_TWO = 137
"""How many 16-bit masks have at most one and at most two bits."""
SURVIVORS = 1024
LOOKUP_ENTRIES = 16
"""Finding a bucket costs about as much as looking through so many entries."""
LEAVE_AT = 8
"""A query that compares more than an eighth of all codes one by one is better compared with all of them in order."""


@compiled
def permute(codes: Array, table: Array, words: Array) -> None:
    """Fills ``words`` (n, 4) with ``codes`` (n, 32) permuted; ``table`` (32, 256, 4) tells where each goes."""
    for code in range(codes.shape[0]):
        first = second = third = fourth = np.uint64(0)
        for place in range(32):
            row = table[place, codes[code, place]]
            first |= row[0]
            second |= row[1]
            third |= row[2]
            fourth |= row[3]
        words[code, 0] = first
        words[code, 1] = second
        words[code, 2] = third
        words[code, 3] = fourth


@compiled
def fill_buckets(words: Array, offsets: Array, ids: Array, signatures: Array) -> None:
    """Fills one compressed row of buckets for each of the 16 bands.

    ``offsets`` (16, 65537): where each bucket begins; ``ids`` (16 n): the codes, band after band, bucket after bucket;
    ``signatures`` (16 n and `LANES` more): beside each code its next band (the sixteenth is followed by the first), by
    which most candidates fall.
    """
    count = words.shape[0]
    low = np.uint64(0xFFFF)
    keys = np.empty((5, count), np.uint16)
    for word in range(4):
        for code in range(count):
            whole = words[code, word]
            keys[0, code] = whole & low
            keys[1, code] = (whole >> np.uint64(16)) & low
            keys[2, code] = (whole >> np.uint64(32)) & low
            keys[3, code] = whole >> np.uint64(48)
            keys[4, code] = words[code, (word + 1) & 3] & low
        for quarter in range(4):
            band = 4 * word + quarter
            row = offsets[band]
            row[:] = 0
            for code in range(count):
                row[np.int64(keys[quarter, code]) + 1] += np.uint32(1)
            for bucket in range(65536):
                row[bucket + 1] += row[bucket]
            place = row.copy()
            begin = band * count
            for code in range(count):
                bucket = keys[quarter, code]
                free = place[bucket]
                place[bucket] = free + np.uint32(1)
                ids[begin + free] = code
                signatures[begin + free] = keys[quarter + 1, code]
    signatures[16 * count :] = 0


@compiled
def spread(
    query: Array, code: Array, distance: Array, owners: Array, shared: Array, extra: Array
) -> tuple[Array, Array, Array]:
    """The same matches with the owners of each code; see the head of `opencets.matching.segment` for the last three."""
    starts = np.empty((code.shape[0], 2), np.int64)
    total = 0
    for rank in range(code.shape[0]):
        low, high = 0, shared.shape[0]
        while low < high:
            middle = (low + high) >> 1
            if shared[middle] < code[rank]:
                low = middle + 1
            else:
                high = middle
        several = low < shared.shape[0] and shared[low] == code[rank]
        starts[rank, 0] = code[rank] + extra[low]
        starts[rank, 1] = 1 + (extra[low + 1] - extra[low] if several else 0)
        total += starts[rank, 1]
    queries = np.empty(total, np.int64)
    items = np.empty(total, np.int64)
    distances = np.empty(total, np.uint16)
    filled = 0
    for rank in range(code.shape[0]):
        for owner in range(starts[rank, 1]):
            queries[filled] = query[rank]
            items[filled] = owners[starts[rank, 0] + owner]
            distances[filled] = distance[rank]
            filled += 1
    return queries, items, distances


@compiled
def differing(x0: Any, x1: Any, x2: Any, x3: Any, band: int) -> Any:
    """In how many bits of a band the codes differ whose difference is ``x0`` to ``x3``."""
    word = x0 if band < 4 else x1 if band < 8 else x2 if band < 12 else x3
    return np.int64(popcount((word >> np.uint64((band & 3) * 16)) & np.uint64(0xFFFF)))


@compiled
def is_first(x0: Any, x1: Any, x2: Any, x3: Any, band: int, levels: Array, chain: int) -> bool:
    """Whether no band before ``band`` reports the codes whose difference is ``x0`` to ``x3``.

    ``chain``: in how many bands after one another (2 or 3) candidates were held against the levels.
    """
    one, two = differing(x0, x1, x2, x3, 0), differing(x0, x1, x2, x3, 1)
    for earlier in range(band):
        three = differing(x0, x1, x2, x3, (earlier + 2) & 15)
        of_two = levels[earlier] + levels[(earlier + 1) & 15] + 1
        of_three = of_two + levels[(earlier + 2) & 15] + 1
        if one <= levels[earlier] and one + two <= of_two and (chain == 2 or one + two + three <= of_three):
            return False
        one, two = two, three
    return True


@compiled
def choose_levels(sizes: Array, count: int, radius: int, levels: Array) -> None:
    """Fills ``levels`` with what is likely the cheapest choice; ``sizes`` (16, 2): entries at level 0 and at level 1."""
    wanted = radius + 1
    cost_of_two = np.float64(WITHIN_TWO - WITHIN_ONE) * (count / 65536 + LOOKUP_ENTRIES)
    crowded = False
    for band in range(BANDS):
        levels[band] = wanted // BANDS - 1
        if sizes[band, 1] > cost_of_two:
            crowded = True
    if not crowded:
        for band in range(wanted % BANDS):
            levels[band] += 1
        return
    levels[:] = -1
    for _ in range(wanted):
        best, least = 0, np.inf
        for band in range(BANDS):
            if levels[band] == -1:
                cost = np.float64(sizes[band, 0] + LOOKUP_ENTRIES)
            elif levels[band] == 0:
                cost = np.float64(sizes[band, 1] - sizes[band, 0] + (WITHIN_ONE - 1) * LOOKUP_ENTRIES)
            elif levels[band] == 1:
                cost = cost_of_two
            else:
                continue
            if cost < least:
                best, least = band, cost
        levels[best] += 1


@compiled
def compare(
    q0: Any,
    q1: Any,
    q2: Any,
    q3: Any,
    words: Array,
    ids: Array,
    levels: Array,
    chain: int,
    radius: int,
    earliest: int,
    query: int,
    places: Array,
    bands: Array,
    survivors: int,
    found: int,
    out_query: Array,
    out_code: Array,
    out_distance: Array,
) -> int:
    """Adds the survivors that are within ``radius`` to the ``out`` arrays; how many are in them then, -1 for no room."""
    for rank in range(survivors):
        code = np.int64(ids[places[rank]])
        places[rank] = code
        prefetch(words, 4 * code)
    for rank in range(survivors):
        code = places[rank]
        x0, x1, x2, x3 = q0 ^ words[code, 0], q1 ^ words[code, 1], q2 ^ words[code, 2], q3 ^ words[code, 3]
        distance = np.int64(popcount(x0) + popcount(x1) + popcount(x2) + popcount(x3))
        if distance > radius or code < earliest or not is_first(x0, x1, x2, x3, bands[rank], levels, chain):
            continue
        if found == out_query.shape[0]:
            return -1
        out_query[found] = query
        out_code[found] = code
        out_distance[found] = distance
        found += 1
    return found


@compiled
def scan_one(
    q0: Any,
    q1: Any,
    q2: Any,
    q3: Any,
    words: Array,
    radius: int,
    earliest: int,
    query: int,
    found: int,
    out_query: Array,
    out_code: Array,
    out_distance: Array,
) -> int:
    """The same as `compare` for every code from ``earliest`` on."""
    for code in range(earliest, words.shape[0]):
        distance = np.int64(
            popcount(q0 ^ words[code, 0])
            + popcount(q1 ^ words[code, 1])
            + popcount(q2 ^ words[code, 2])
            + popcount(q3 ^ words[code, 3])
        )
        if distance <= radius:
            if found == out_query.shape[0]:
                return -1
            out_query[found] = query
            out_code[found] = code
            out_distance[found] = distance
            found += 1
    return found


@compiled
def find_near(
    queries: Array,
    words: Array,
    offsets: Array,
    ids: Array,
    signatures: Array,
    masks: Array,
    radius: int,
    begin: int,
    later_only: int,
    out_query: Array,
    out_code: Array,
    out_distance: Array,
) -> tuple[int, int]:
    """All codes of one segment within ``radius`` (at most 47) of each query from ``begin`` on.

    Memory is the cost: buckets, then codes, are asked for ahead. A query that finds itself in a crowd is compared with
    every code in order instead, which bounds its cost.

    ``masks``: the 16-bit masks of at most two bits, the fewest first. ``later_only``: -1, or the position of
    ``queries[0]`` in ``words``; then only codes after the query are reported. Gives how many matches are in the three
    ``out`` arrays and the query to go on with: a query whose matches did not fit is not reported at all.
    """
    count: Any = np.int64(words.shape[0])
    keys = np.empty(BANDS, np.uint64)
    starts = np.empty((BANDS, WITHIN_ONE), np.int64)
    stops = np.empty((BANDS, WITHIN_ONE), np.int64)
    sizes = np.empty((BANDS, 2), np.int64)
    levels = np.empty(BANDS, np.int64)
    places = np.empty(SURVIVORS + LANES, np.int64)
    bands = np.empty(SURVIVORS + LANES, np.int64)
    found: Any = 0
    for query in range(begin, queries.shape[0]):
        mark = found
        q0, q1, q2, q3 = queries[query, 0], queries[query, 1], queries[query, 2], queries[query, 3]
        earliest: Any = np.int64(later_only + query + 1 if later_only >= 0 else 0)
        for band in range(BANDS):
            key = (queries[query, band >> 2] >> np.uint64((band & 3) * 16)) & np.uint64(0xFFFF)
            keys[band] = key
            first = band * count
            for mask in range(WITHIN_ONE):
                bucket = np.int64(key ^ masks[mask])
                starts[band, mask] = first + np.int64(offsets[band, bucket])
                stops[band, mask] = first + np.int64(offsets[band, bucket + 1])
                prefetch(signatures, starts[band, mask])
                prefetch(signatures, starts[band, mask] + LANES - 1)  # lanes seldom end in the line they begin in
            sizes[band, 0] = stops[band, 0] - starts[band, 0]
            sizes[band, 1] = stops[band].sum() - starts[band].sum()
        choose_levels(sizes, count, radius, levels)
        compared, survivors = np.int64(0), 0
        for band in range(BANDS):
            level = levels[band]
            after = (band + 1) & 15
            after_key = np.uint16(keys[after])
            several = 0 if level < 0 else 1 if level == 0 else WITHIN_ONE if level == 1 else WITHIN_TWO
            for mask in range(several):
                allowed = level + levels[after] + 1 - (0 if mask == 0 else 1 if mask < WITHIN_ONE else 2)
                if allowed < 0:
                    break
                if mask < WITHIN_ONE:
                    block, stop = starts[band, mask], stops[band, mask]
                else:
                    bucket = np.int64(keys[band] ^ masks[mask])
                    block = band * count + np.int64(offsets[band, bucket])
                    stop = band * count + np.int64(offsets[band, bucket + 1])
                while block < stop:
                    near = near_lanes(signatures, block, after_key, np.uint16(allowed))
                    if stop - block < LANES:
                        near &= (np.uint64(1) << np.uint64(stop - block)) - np.uint64(1)
                    while near:
                        place = block + np.int64(lowest_bit(near))
                        prefetch(ids, place)
                        places[survivors] = place
                        bands[survivors] = band
                        survivors += 1
                        near &= near - np.uint64(1)
                    block += LANES
                    if survivors < SURVIVORS:
                        continue
                    compared += survivors
                    if compared * LEAVE_AT > count:
                        break
                    found = compare(
                        q0,
                        q1,
                        q2,
                        q3,
                        words,
                        ids,
                        levels,
                        2,
                        radius,
                        earliest,
                        query,
                        places,
                        bands,
                        survivors,
                        found,
                        out_query,
                        out_code,
                        out_distance,
                    )
                    if found < 0:
                        return mark, query
                    survivors = 0
                if compared * LEAVE_AT > count:
                    break
            if compared * LEAVE_AT > count:
                break
        if compared * LEAVE_AT > count:
            found = scan_one(q0, q1, q2, q3, words, radius, earliest, query, mark, out_query, out_code, out_distance)
        else:
            found = compare(
                q0,
                q1,
                q2,
                q3,
                words,
                ids,
                levels,
                2,
                radius,
                earliest,
                query,
                places,
                bands,
                survivors,
                found,
                out_query,
                out_code,
                out_distance,
            )
        if found < 0:
            return mark, query
    return found, queries.shape[0]


@compiled
def scan_near(
    queries: Array,
    words: Array,
    radius: int,
    begin: int,
    later_only: int,
    out_query: Array,
    out_code: Array,
    out_distance: Array,
) -> tuple[int, int]:
    """The same as `find_near` by comparing every query with every code."""
    found = 0
    for query in range(begin, queries.shape[0]):
        mark = found
        earliest = later_only + query + 1 if later_only >= 0 else 0
        found = scan_one(
            queries[query, 0],
            queries[query, 1],
            queries[query, 2],
            queries[query, 3],
            words,
            radius,
            earliest,
            query,
            mark,
            out_query,
            out_code,
            out_distance,
        )
        if found < 0:
            return mark, query
    return found, queries.shape[0]


@compiled
def join_near(
    words: Array,
    offsets: Array,
    ids: Array,
    signatures: Array,
    other_words: Array,
    other_offsets: Array,
    other_ids: Array,
    other_signatures: Array,
    same: bool,
    masks: Array,
    levels: Array,
    radius: int,
    thirds: Array,
    thirds_of: Array,
    begin: int,
    out_query: Array,
    out_code: Array,
    out_distance: Array,
) -> tuple[int, int]:
    """All pairs of a code of one segment and a code of another (or, with ``same``, of itself) within ``radius``.

    The same principle as `find_near` with one choice of ``levels`` for all, walking bucket after bucket of each band,
    so that memory is read in order: ``thirds`` (other codes) is room for the bands after the next, bucket after bucket,
    ``thirds_of`` (1) says for which band it is filled, -1 at first. By them nearly all candidates fall before their codes
    are fetched from anywhere. ``begin`` counts bands times codes; gives how many pairs are in the three ``out`` arrays and
    where to go on.
    """
    count: Any = np.int64(words.shape[0])
    other_count = np.int64(other_words.shape[0])
    places = np.empty(SURVIVORS + LANES, np.int64)
    bands = np.empty(SURVIVORS + LANES, np.int64)
    query: Any
    found: Any = 0
    for band in range(begin // count, BANDS):
        level = levels[band]
        if level < 0:
            continue
        third = (band + 2) & 15
        third_word, third_shift = third >> 2, np.uint64((third & 3) * 16)
        if thirds_of[0] != band:
            for place in range(other_count):
                if place + 32 < other_count:
                    prefetch(other_words, 4 * np.int64(other_ids[band * other_count + place + 32]) + third_word)
                thirds[place] = other_words[np.int64(other_ids[band * other_count + place]), third_word] >> third_shift
            thirds_of[0] = band
        first = begin % count if band == begin // count else 0
        bucket = np.searchsorted(offsets[band], np.uint32(first), side="right") - 1
        both = level + levels[(band + 1) & 15] + 1
        all_three = both + levels[third] + 1
        several = 1 if level == 0 else WITHIN_ONE if level == 1 else WITHIN_TWO
        bands[:] = band
        for rank in range(first, count):
            while offsets[band, bucket + 1] <= rank:
                bucket += 1
            mark, survivors = found, 0
            query = np.int64(ids[band * count + rank])
            after_key = signatures[band * count + rank]
            q0, q1, q2, q3 = words[query, 0], words[query, 1], words[query, 2], words[query, 3]
            third_key = np.uint16(words[query, third_word] >> third_shift)
            for mask in range(several):
                target = bucket ^ np.int64(masks[mask])
                of_key = 0 if mask == 0 else 1 if mask < WITHIN_ONE else 2
                allowed = both - of_key
                if allowed < 0:
                    break
                if same and target < bucket:
                    continue
                block = np.int64(other_offsets[band, target])
                if same and target == bucket:
                    block = np.int64(rank + 1)
                block += band * other_count
                stop = band * other_count + np.int64(other_offsets[band, target + 1])
                while block < stop:
                    near = near_lanes(other_signatures, block, after_key, np.uint16(allowed))
                    if stop - block < LANES:
                        near &= (np.uint64(1) << np.uint64(stop - block)) - np.uint64(1)
                    while near:
                        place = block + np.int64(lowest_bit(near))
                        near &= near - np.uint64(1)
                        of_two = popcount(np.uint64(other_signatures[place] ^ after_key))
                        of_three = popcount(np.uint64(thirds[place - band * other_count] ^ third_key))
                        if of_key + np.int64(of_two + of_three) > all_three:
                            continue
                        places[survivors] = place
                        prefetch(other_ids, place)
                        survivors += 1
                    block += LANES
                    if survivors >= SURVIVORS:
                        found = compare(
                            q0,
                            q1,
                            q2,
                            q3,
                            other_words,
                            other_ids,
                            levels,
                            3,
                            radius,
                            0,
                            query,
                            places,
                            bands,
                            survivors,
                            found,
                            out_query,
                            out_code,
                            out_distance,
                        )
                        if found < 0:
                            return mark, band * count + rank
                        survivors = 0
            found = compare(
                q0,
                q1,
                q2,
                q3,
                other_words,
                other_ids,
                levels,
                3,
                radius,
                0,
                query,
                places,
                bands,
                survivors,
                found,
                out_query,
                out_code,
                out_distance,
            )
            if found < 0:
                return mark, band * count + rank
    return found, BANDS * count
