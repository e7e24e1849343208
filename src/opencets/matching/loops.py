"""The compiled inner loops of the Hamming index. Codes are four 64-bit words; band ``b`` is bits 16 b to 16 b + 15."""

from __future__ import annotations

from typing import Any

import numpy as np

from opencets.matching.compiled import compiled, popcount

Array = Any
"""A NumPy array inside a compiled loop; shapes and types are said in each docstring."""


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

    ``offsets`` (16, 65537): where each bucket begins; ``ids`` (16, n): the codes, bucket after bucket; ``signatures``
    (16, n): beside each code its next band (the sixteenth is followed by the first), by which most candidates fall.
    """
    count = words.shape[0]
    for band in range(16):
        word, shift = band >> 2, np.uint64((band & 3) * 16)
        after = (band + 1) & 15
        after_word, after_shift = after >> 2, np.uint64((after & 3) * 16)
        row = offsets[band]
        row[:] = 0
        for code in range(count):
            row[((words[code, word] >> shift) & np.uint64(0xFFFF)) + np.uint64(1)] += np.uint32(1)
        for bucket in range(65536):
            row[bucket + 1] += row[bucket]
        place = row.copy()
        for code in range(count):
            bucket = (words[code, word] >> shift) & np.uint64(0xFFFF)
            free = place[bucket]
            place[bucket] = free + np.uint32(1)
            ids[band, free] = code
            signatures[band, free] = (words[code, after_word] >> after_shift) & np.uint64(0xFFFF)


@compiled
def find_near(
    queries: Array,
    words: Array,
    offsets: Array,
    ids: Array,
    signatures: Array,
    flips: Array,
    radius: int,
    begin: int,
    later_only: int,
    out_query: Array,
    out_code: Array,
    out_distance: Array,
) -> tuple[int, int]:
    """All codes of one segment within ``radius`` of each query from ``begin`` on.

    By the pigeonring principle (Qin and Xiao, VLDB 2018): where 16 bands around a ring differ in at most ``radius``
    bits together, some band differs in at most radius/16, and together with the next band in at most 2 radius/16. A
    match is reported at the first such band only, so none comes twice. A query whose buckets are crowded is compared
    with every code instead, which bounds its cost.

    ``flips``: the 16-bit masks of at most radius/16 bits. ``later_only``: -1, or the position of ``queries[0]`` in
    ``words``; then only codes after the query are reported. Gives how many matches are in the three ``out`` arrays and
    the query to go on with: a query whose matches did not fit is not reported at all.
    """
    most_one = radius // 16
    most_two = 2 * radius // 16
    count = words.shape[0]
    code: Any
    room = out_query.shape[0]
    found = 0
    for query in range(begin, queries.shape[0]):
        mark = found
        q0, q1, q2, q3 = queries[query, 0], queries[query, 1], queries[query, 2], queries[query, 3]
        earliest = later_only + query + 1 if later_only >= 0 else 0
        load = np.int64(0)
        for band in range(16):
            key = (queries[query, band >> 2] >> np.uint64((band & 3) * 16)) & np.uint64(0xFFFF)
            for flip in flips:
                bucket = key ^ flip
                load += np.int64(offsets[band, bucket + np.uint64(1)]) - np.int64(offsets[band, bucket])
        if 2 * load > count:
            for code in range(earliest, count):
                distance = (
                    popcount(q0 ^ words[code, 0])
                    + popcount(q1 ^ words[code, 1])
                    + popcount(q2 ^ words[code, 2])
                    + popcount(q3 ^ words[code, 3])
                )
                if distance <= radius:
                    if found == room:
                        return mark, query
                    out_query[found] = query
                    out_code[found] = code
                    out_distance[found] = distance
                    found += 1
            continue
        for band in range(16):
            key = (queries[query, band >> 2] >> np.uint64((band & 3) * 16)) & np.uint64(0xFFFF)
            after = (band + 1) & 15
            after_key = (queries[query, after >> 2] >> np.uint64((after & 3) * 16)) & np.uint64(0xFFFF)
            for flip in flips:
                bucket = key ^ flip
                allowed = np.uint64(most_two) - popcount(flip)
                for place in range(offsets[band, bucket], offsets[band, bucket + np.uint64(1)]):
                    if popcount(np.uint64(signatures[band, place]) ^ after_key) > allowed:
                        continue
                    code = np.int64(ids[band, place])
                    if code < earliest:
                        continue
                    x0, x1, x2, x3 = q0 ^ words[code, 0], q1 ^ words[code, 1], q2 ^ words[code, 2], q3 ^ words[code, 3]
                    distance = popcount(x0) + popcount(x1) + popcount(x2) + popcount(x3)
                    if distance > radius:
                        continue
                    seen = False
                    for earlier in range(band):
                        word = x0 if earlier < 4 else x1 if earlier < 8 else x2 if earlier < 12 else x3
                        one = popcount((word >> np.uint64((earlier & 3) * 16)) & np.uint64(0xFFFF))
                        if one > most_one:
                            continue
                        follower = earlier + 1
                        word = x0 if follower < 4 else x1 if follower < 8 else x2 if follower < 12 else x3
                        two = one + popcount((word >> np.uint64((follower & 3) * 16)) & np.uint64(0xFFFF))
                        if two <= most_two:
                            seen = True
                            break
                    if seen:
                        continue
                    if found == room:
                        return mark, query
                    out_query[found] = query
                    out_code[found] = code
                    out_distance[found] = distance
                    found += 1
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
    room = out_query.shape[0]
    found = 0
    for query in range(begin, queries.shape[0]):
        mark = found
        q0, q1, q2, q3 = queries[query, 0], queries[query, 1], queries[query, 2], queries[query, 3]
        earliest = later_only + query + 1 if later_only >= 0 else 0
        for code in range(earliest, words.shape[0]):
            distance = (
                popcount(q0 ^ words[code, 0])
                + popcount(q1 ^ words[code, 1])
                + popcount(q2 ^ words[code, 2])
                + popcount(q3 ^ words[code, 3])
            )
            if distance <= radius:
                if found == room:
                    return mark, query
                out_query[found] = query
                out_code[found] = code
                out_distance[found] = distance
                found += 1
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
    flips: Array,
    radius: int,
    begin: int,
    out_query: Array,
    out_code: Array,
    out_distance: Array,
) -> tuple[int, int]:
    """All pairs of a code of one segment and a code of another (or, with ``same``, of itself) within ``radius``.

    The same principle as `find_near`, walking bucket after bucket of each band, so that memory is read in order.
    ``begin`` counts bands times codes; gives how many pairs are in the three ``out`` arrays and where to go on.
    """
    most_one = radius // 16
    most_two = 2 * radius // 16
    count = words.shape[0]
    room = out_query.shape[0]
    found = 0
    code: Any
    for band in range(begin // count, 16):
        first = begin % count if band == begin // count else 0
        bucket = np.searchsorted(offsets[band], np.uint32(first), side="right") - 1
        for place in range(first, count):
            while offsets[band, bucket + 1] <= place:
                bucket += 1
            mark = found
            query = ids[band, place]
            after_key = np.uint64(signatures[band, place])
            q0, q1, q2, q3 = words[query, 0], words[query, 1], words[query, 2], words[query, 3]
            for flip in flips:
                target = bucket ^ np.int64(flip)
                if same and target < bucket:
                    continue
                start = np.int64(other_offsets[band, target])
                if same and target == bucket:
                    start = np.int64(place + 1)
                allowed = np.uint64(most_two) - popcount(flip)
                for rank in range(start, np.int64(other_offsets[band, target + 1])):
                    if popcount(np.uint64(other_signatures[band, rank]) ^ after_key) > allowed:
                        continue
                    code = other_ids[band, rank]
                    x0, x1 = q0 ^ other_words[code, 0], q1 ^ other_words[code, 1]
                    x2, x3 = q2 ^ other_words[code, 2], q3 ^ other_words[code, 3]
                    distance = popcount(x0) + popcount(x1) + popcount(x2) + popcount(x3)
                    if distance > radius:
                        continue
                    seen = False
                    for earlier in range(band):
                        word = x0 if earlier < 4 else x1 if earlier < 8 else x2 if earlier < 12 else x3
                        one = popcount((word >> np.uint64((earlier & 3) * 16)) & np.uint64(0xFFFF))
                        if one > most_one:
                            continue
                        follower = earlier + 1
                        word = x0 if follower < 4 else x1 if follower < 8 else x2 if follower < 12 else x3
                        two = one + popcount((word >> np.uint64((follower & 3) * 16)) & np.uint64(0xFFFF))
                        if two <= most_two:
                            seen = True
                            break
                    if seen:
                        continue
                    if found == room:
                        return mark, band * count + place
                    out_query[found] = query
                    out_code[found] = code
                    out_distance[found] = distance
                    found += 1
    return found, 16 * count
