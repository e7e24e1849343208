"""The inner loops of the search for regions, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from opencets.matching.compiled import compiled

TURNS, OCTAVES = 24, 16
"""Cells of the votes: of 15 degrees, and of an octave."""
CELL = 0.06
"""Width of a cell of places, as a share of the region's diagonal."""
PEAKS = 3
SLOT_BITS = 18
"""The cells in which a picture's matches vote: half of two to this power at most."""
PLACE_BITS = 33
"""Turn and octave, and twelve bits for each direction."""

Floats = npt.NDArray[np.float32]


@compiled
def distance_table(vector: Floats, levels: Floats, table: Floats) -> None:
    """Squared distance of each fourth of ``vector`` from what each byte of a code stands for, as ``table`` (32, 256)."""
    for byte in range(32):
        for value in range(256):
            total = np.float32(0)
            for part in range(4):
                step = vector[4 * byte + part] - levels[(value >> (2 * part)) & 3]
                total += step * step
            table[byte, value] = total


@compiled
def collect(
    vectors: Floats, levels: Floats, probed: Any, starts: Any, codes: Any, furthest: float, most: int, out: Any
) -> Any:
    """For each query feature the features in its words nearer than ``furthest``, at most the ``most`` nearest.

    ``out``: query, feature, distance, of one length; the answer is how many were written; -1 when they do not hold them.
    """
    out_query, out_feature, out_distance = out
    table = np.empty((32, 256), np.float32)
    longest = 0
    for query in range(probed.shape[0]):
        length = 0
        for probe in range(probed.shape[1]):
            word = probed[query, probe]
            length += starts[word + 1] - starts[word]
        longest = max(longest, length)
    near = np.empty(longest, np.int64)
    distances = np.empty(longest, np.float32)
    written = 0
    for query in range(vectors.shape[0]):
        distance_table(vectors[query], levels, table)
        count = 0
        for probe in range(probed.shape[1]):
            word = probed[query, probe]
            for feature in range(starts[word], starts[word + 1]):
                total = np.float32(0)
                for byte in range(10):
                    total += table[byte, codes[feature, byte]]
                if total >= furthest:
                    continue
                for byte in range(10, 18):
                    total += table[byte, codes[feature, byte]]
                if total >= furthest:
                    continue
                for byte in range(18, 32):
                    total += table[byte, codes[feature, byte]]
                if total < furthest:
                    near[count] = feature
                    distances[count] = total
                    count += 1
        limit = np.float32(furthest)
        if count > most:
            limit = np.partition(distances[:count], most)[most]
        for place in range(count):
            if distances[place] < limit:
                if written >= out_query.shape[0]:
                    return -1
                out_query[written] = query
                out_feature[written] = near[place]
                out_distance[written] = distances[place]
                written += 1
    return written


@compiled
def order_of(group: Any, dropped: Any) -> Any:
    """The places of ``group`` by the number that stands there, those of one number in their order; ``dropped`` ones left out."""
    starts = np.zeros(dropped.shape[0] + 1, np.int64)
    for place in range(group.shape[0]):
        if not dropped[group[place]]:
            starts[group[place] + 1] += 1
    starts = np.cumsum(starts)
    order = np.empty(starts[-1], np.int64)
    for place in range(group.shape[0]):
        number = group[place]
        if not dropped[number]:
            order[starts[number]] = place
            starts[number] += 1
    return order


@compiled
def ranks_in(group: Any, groups: int, value: Floats) -> Any:
    """For each place how many of its group have a lesser value, those before it counted in where values are equal."""
    order = order_of(group, np.zeros(groups, np.bool_))
    ranks = np.empty(group.shape[0], np.int64)
    begin = 0
    while begin < order.shape[0]:
        end = begin
        while end < order.shape[0] and group[order[end]] == group[order[begin]]:
            end += 1
        some = order[begin:end]
        inside = np.argsort(value[some], kind="mergesort")
        for rank in range(inside.shape[0]):
            ranks[some[inside[rank]]] = rank
        begin = end
    return ranks


@compiled
def vote(
    begins: Any,
    number: Any,
    turn: Floats,
    octave: Floats,
    weight: Floats,
    query_xy: Floats,
    item_xy: Floats,
    middle: Floats,
    reach: float,
    smooth: Any,
    peaks: Any,
) -> None:
    """For each picture's matches the turns, sizes and places of the region on which they agree best.

    Each match alone says how the region is turned and sized and where its ``middle`` lies (Lowe 2004, section 7.3); it
    votes for the two nearest cells of each of the four. ``smooth`` (pictures, `PEAKS`) and ``peaks`` (pictures, `PEAKS`,
    2) are written: the weight of votes, and the turn and octave; cells beside a better one are left out.
    """
    slots = 1 << SLOT_BITS
    keys = np.full(slots, -1, np.int64)
    votes = np.empty(slots, np.float32)
    used = np.empty(slots // 2, np.int64)
    for picture in range(begins.shape[0] - 1):
        count = 0
        first_key = np.int64(picture) << PLACE_BITS
        for match in range(begins[picture], begins[picture + 1]):
            if abs(octave[match]) >= OCTAVES // 2 - 1:
                continue
            share = turn[match] - np.floor(turn[match])
            size = 2.0 ** octave[match]
            cosine, sine = np.cos(2 * np.pi * share) * size, np.sin(2 * np.pi * share) * size
            x, y = query_xy[number[match], 0] - middle[0], query_xy[number[match], 1] - middle[1]
            at_x, at_y = item_xy[match, 0] - cosine * x + sine * y, item_xy[match, 1] - sine * x - cosine * y
            row = int(np.floor(share * TURNS - 0.5))
            column = int(np.floor(octave[match] - 0.5)) + OCTAVES // 2
            for near_row in range(row, row + 2):
                for near_column in range(column, column + 2):
                    cell = CELL * reach * 2.0 ** (near_column - OCTAVES // 2)
                    left, top = int(np.floor(at_x / cell - 0.5)) + 2048, int(np.floor(at_y / cell - 0.5)) + 2048
                    if left < 0 or left >= 4095 or top < 0 or top >= 4095:
                        continue
                    for near_left in range(left, left + 2):
                        for near_top in range(top, top + 2):
                            pose = np.int64(near_row % TURNS * OCTAVES + near_column)
                            key = first_key | pose << 24 | near_left << 12 | near_top
                            slot = np.int64(
                                (np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - SLOT_BITS)
                            )
                            while keys[slot] != key and keys[slot] >> PLACE_BITS == picture:
                                slot = (slot + 1) & (slots - 1)
                            if keys[slot] != key:
                                if count == used.shape[0]:
                                    continue  # thousands of matches have voted: what agrees has a cell by now
                                keys[slot], votes[slot] = key, 0
                                used[count] = slot
                                count += 1
                            votes[slot] += weight[match]
        for peak in range(PEAKS):
            best = -1
            for place in range(count):
                if best < 0 or votes[used[place]] > votes[best]:
                    best = used[place]
            if best < 0 or votes[best] <= 0:
                break
            pose = (keys[best] - first_key) >> 24
            best_row, best_column = pose // OCTAVES, pose % OCTAVES
            smooth[picture, peak] = votes[best]
            peaks[picture, peak, 0] = (best_row + 0.5) / TURNS
            peaks[picture, peak, 1] = best_column + 0.5 - OCTAVES // 2
            for place in range(count):
                pose = (keys[used[place]] - first_key) >> 24
                apart = abs(pose // OCTAVES - best_row)
                if min(apart, TURNS - apart) <= 1 and abs(pose % OCTAVES - best_column) <= 1:
                    votes[used[place]] = 0


@compiled
def _fits(
    model: Any, query_xy: Floats, item_xy: Floats, turn: Floats, octave: Floats, match: int, tolerance: float, pose: Any
) -> float:
    """How far ``model`` (a b tx; c d ty) brings a match from its place, squared, as a share of the tolerance.

    2 when the feature is turned or sized otherwise than the map says (``pose``: its turn and octave).
    """
    off_turn = turn[match] - pose[0]
    off_turn -= np.round(off_turn)
    if abs(off_turn) > 0.042 or abs(octave[match] - pose[1]) > 0.5:
        return 2.0
    x, y = query_xy[match, 0], query_xy[match, 1]
    off_x = model[0] * x + model[1] * y + model[2] - item_xy[match, 0]
    off_y = model[3] * x + model[4] * y + model[5] - item_xy[match, 1]
    share: float = (off_x * off_x + off_y * off_y) / (tolerance * tolerance)
    return share


@compiled
def _pose(model: Any, pose: Any) -> None:
    """The turn and the octave of a map into ``pose``."""
    pose[0] = np.arctan2(model[3] - model[1], model[0] + model[4]) / (2 * np.pi)
    pose[1] = np.log2(max(1e-9, abs(model[0] * model[4] - model[1] * model[3]))) / 2


@compiled
def _count(
    model: Any,
    query_xy: Floats,
    item_xy: Floats,
    turn: Floats,
    octave: Floats,
    weight: Floats,
    query: Any,
    tolerance: float,
) -> Any:
    """The weight of the query features of which ``model`` brings a match within the tolerance, the middle counting more."""
    pose = np.empty(2, np.float64)
    _pose(model, pose)
    total, last, best = 0.0, -1, 0.0
    for match in range(query.shape[0]):
        if query[match] != last:
            total += best
            best = 0.0
            last = query[match]
        off = _fits(model, query_xy, item_xy, turn, octave, match, tolerance, pose)
        if off < 1:
            best = max(best, (1 - off * off) * weight[match])
    return total + best


@compiled
def _choose(
    model: Any,
    query_xy: Floats,
    item_xy: Floats,
    turn: Floats,
    octave: Floats,
    query: Any,
    tolerance: float,
    chosen: Any,
) -> Any:
    """For each query feature its best match under ``model`` within the tolerance into ``chosen``; how many."""
    pose = np.empty(2, np.float64)
    _pose(model, pose)
    count, last, best, best_match = 0, -1, 1.0, -1
    for match in range(query.shape[0] + 1):
        if match == query.shape[0] or query[match] != last:
            if best_match >= 0:
                chosen[count] = best_match
                count += 1
            if match == query.shape[0]:
                break
            best, best_match, last = 1.0, -1, query[match]
        off = _fits(model, query_xy, item_xy, turn, octave, match, tolerance, pose)
        if off < best:
            best, best_match = off, match
    return count


@compiled
def _fit_affine(query_xy: Floats, item_xy: Floats, chosen: Any, count: int, model: Any) -> bool:
    """The affine map of least squares through the chosen matches, into ``model``; False when they lie on a line."""
    mean_x, mean_y, mean_u, mean_v = 0.0, 0.0, 0.0, 0.0
    for place in range(count):
        match = chosen[place]
        mean_x += query_xy[match, 0] / count
        mean_y += query_xy[match, 1] / count
        mean_u += item_xy[match, 0] / count
        mean_v += item_xy[match, 1] / count
    xx, xy, yy, xu, yu, xv, yv = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for place in range(count):
        match = chosen[place]
        x, y = query_xy[match, 0] - mean_x, query_xy[match, 1] - mean_y
        u, v = item_xy[match, 0] - mean_u, item_xy[match, 1] - mean_v
        xx += x * x
        xy += x * y
        yy += y * y
        xu += x * u
        yu += y * u
        xv += x * v
        yv += y * v
    determinant = xx * yy - xy * xy
    if determinant <= 1e-3 * (xx + yy) * (xx + yy) / 4:
        return False
    model[0] = (xu * yy - yu * xy) / determinant
    model[1] = (yu * xx - xu * xy) / determinant
    model[3] = (xv * yy - yv * xy) / determinant
    model[4] = (yv * xx - xv * xy) / determinant
    model[2] = mean_u - model[0] * mean_x - model[1] * mean_y
    model[5] = mean_v - model[3] * mean_x - model[4] * mean_y
    return True


@compiled
def verify(
    query: Any,
    query_xy: Floats,
    item_xy: Floats,
    turn: Floats,
    octave: Floats,
    weight: Floats,
    order: Any,
    reach: float,
    chosen: Any,
    model: Any,
) -> Any:
    """The affine map under which query features of most weight have a match, and those matches; how many, or 0.

    Matches come sorted by query. Each match in ``order`` (the surest first) alone proposes a map that keeps shapes
    (Philbin and others, "Object retrieval with large vocabularies and fast spatial matching", 2007); the best is fitted
    to its matches again and again, with a narrower tolerance.
    """
    proposal = np.empty(6, np.float64)
    best = 0.0
    for place in range(order.shape[0]):
        match = order[place]
        size = 2.0 ** octave[match]
        cosine, sine = np.cos(2 * np.pi * turn[match]) * size, np.sin(2 * np.pi * turn[match]) * size
        x, y = query_xy[match, 0], query_xy[match, 1]
        proposal[0], proposal[1] = cosine, -sine
        proposal[3], proposal[4] = sine, cosine
        proposal[2] = item_xy[match, 0] - cosine * x + sine * y
        proposal[5] = item_xy[match, 1] - sine * x - cosine * y
        total = _count(proposal, query_xy, item_xy, turn, octave, weight, query, 0.08 * reach * size)
        if total > best:
            best = total
            model[:] = proposal
    if best <= 0:
        return 0
    count = 0
    for tolerance in (0.08, 0.06, 0.04, 0.03):
        size = np.sqrt(abs(model[0] * model[4] - model[1] * model[3]))
        count = _choose(model, query_xy, item_xy, turn, octave, query, tolerance * reach * size, chosen)
        if count < 4:
            return 0
        if not _fit_affine(query_xy, item_xy, chosen, count, model):
            return 0
        determinant = model[0] * model[4] - model[1] * model[3]
        longest = max(np.hypot(model[0], model[3]), np.hypot(model[1], model[4]))
        if determinant <= 0 or longest * longest > 4 * determinant:
            return 0
    size = np.sqrt(model[0] * model[4] - model[1] * model[3])
    return _choose(model, query_xy, item_xy, turn, octave, query, 0.03 * reach * size, chosen)
