"""Whole tables at once: candidates block by block, scored by ``kernel``, and clusters that hold no contradiction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from opencets.resolving.aligned import lean
from opencets.resolving.apart import FASTEST_KM_H, LEAST_KM, Walls
from opencets.resolving.columns import KEY_KINDS, blocks_of, keys_of
from opencets.resolving.kernel import (
    Arrays,
    Doubles,
    Ints,
    Longs,
    Room,
    block_pairs,
    in_conflict,
    room,
    score_pairs,
)
from opencets.resolving.model import Model

LARGEST_BLOCK = 300
"""A key that more records share is generic and proposes nobody by itself."""
PAIRS_AT_LEAST = 5_000_000
PAIRS_A_RECORD = 6
"""One kind of key proposes no more pairs than these a record (or those in all); its largest blocks are left out first."""
CONFLICTS_WITHIN = 64
"""Clusters up to this size are checked member by member for conflicts; larger ones stop growing."""


LARGE = 2_000_000
NOT_IF_LARGE = "fqg"
"""Tables of more records are not gone through by these keys: they are shared by too many to tell anybody apart."""
NEVER_PROBABLE = -1.0
"""What a pair that is no candidate, or an improbable one, says in bits where two clusters are to be joined."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of rows and the bits of each, the smaller row first, sorted."""

    left: Ints
    right: Ints
    bits: npt.NDArray[np.float64]


def kinds_for(table: Arrays) -> str:
    """The kinds of keys by which a table of this size is gone through: large ones by those that tell people apart."""
    return KEY_KINDS if table.birth.size <= LARGE else "".join(kind for kind in KEY_KINDS if kind not in NOT_IF_LARGE)


def candidate_chunks(table: Arrays, kinds: Sequence[str], part: int = 0, parts: int = 1) -> Iterator[tuple[Ints, Ints]]:
    """The pairs that share a key of these kinds, some at a time; a pair comes again for each kind that it shares.

    ``part``: of ``parts`` shares of the work, this one.
    """
    budget = max(PAIRS_AT_LEAST, PAIRS_A_RECORD * table.birth.size)
    for kind in kinds:
        blocks = blocks_of(keys_of(table, kind), LARGEST_BLOCK, budget)
        for number, chunk in enumerate(blocks.chunks()):
            if number % parts == part:
                yield block_pairs(blocks.order, blocks.starts[chunk], blocks.stops[chunk])


def probable_pairs(table: Arrays, model: Model, at_least: float, sides: npt.NDArray[np.int8] | None = None) -> Pairs:
    """Every candidate pair that is at least so probable. ``sides``: then only pairs across them."""
    return merged(scored(table, model, at_least, sides, kinds_for(table)))


def scored(
    table: Arrays,
    model: Model,
    at_least: float,
    sides: npt.NDArray[np.int8] | None,
    kinds: Sequence[str],
    part: int = 0,
    parts: int = 1,
) -> Iterator[npt.NDArray[np.float64]]:
    """Rows of (left, right, bits) at least so probable, pairs that share several kinds of keys more than once."""
    rules, prior = model.rules(table.birth.size), model.prior(table.birth.size)
    floor = model.least(at_least) - prior
    for left, right in candidate_chunks(table, kinds, part, parts):
        if sides is not None:
            across = sides[left] != sides[right]
            left, right = left[across], right[across]
        bits = score_pairs(table, rules, left, right)
        kept = bits >= floor
        yield np.column_stack((left[kept], right[kept], bits[kept] + prior))


def merged(found: Iterable[npt.NDArray[np.float64]]) -> Pairs:
    """Each pair once."""
    codes, bits = [np.empty(0, np.int64)], [np.empty(0)]
    for rows in found:
        codes.append(rows[:, 0].astype(np.int64) << 32 | rows[:, 1].astype(np.int64))
        bits.append(rows[:, 2].copy())
    code, first = np.unique(np.concatenate(codes), return_index=True)
    del codes
    return Pairs((code >> 32).astype(np.int32), (code & 0xFFFFFFFF).astype(np.int32), np.concatenate(bits)[first])


@numba.njit(cache=True)
def _support(root: Longs, following: Longs, starts: Longs, other: Ints, worth: Doubles, one: int, two: int) -> float:
    """What all pairs between two clusters say together; a pair that was never probable speaks against."""
    total, size_one, size_two = 0.0, 0, 0
    b = two
    while b >= 0:
        size_two += 1
        b = following[b]
    a = one
    while a >= 0:
        size_one += 1
        for at in range(starts[a], starts[a + 1]):
            if root[other[at]] == two:
                total += worth[at] - NEVER_PROBABLE
        a = following[a]
    return total + NEVER_PROBABLE * size_one * size_two


@numba.njit(cache=True)
def _kept_apart(walls: Walls, a: int, b: int) -> bool:
    """Whether a person judged two rows different, or they were seen at two places at one time (``apart.Apart.why``)."""
    for at in range(walls.starts[a], walls.starts[a + 1]):
        if walls.other[at] == b:
            return True
    hours = abs(walls.hours[a] - walls.hours[b])
    if np.isnan(hours):
        return False
    straight = np.sqrt((walls.x[a] - walls.x[b]) ** 2 + (walls.y[a] - walls.y[b]) ** 2 + (walls.z[a] - walls.z[b]) ** 2)
    kilometres = 2 * 6_371.0088 * np.arcsin(min(1.0, straight / 2))
    return bool(kilometres >= LEAST_KM and kilometres > FASTEST_KM_H * hours)


@lean
def _conflicts(t: Arrays, a: int, b: int, place: Room) -> bool:
    return bool(in_conflict(t, a, b, place))


@numba.njit(cache=True)
def cluster_rows(t: Arrays, walls: Walls, left: Ints, right: Ints, worth: Doubles, most: int) -> Longs:
    """The smallest row of each row's cluster. ``worth``: bits of each pair above the threshold, the best pair first.

    Two clusters join by a pair above the threshold where all pairs between them together speak for it, no two members
    conflict or are kept apart, and the cluster does not outgrow ``most``: chains of homonyms are how wrong giants arise.
    """
    count = t.birth.size
    starts = np.zeros(count + 1, np.int64)
    for at in range(left.size):
        starts[left[at] + 1] += 1
        starts[right[at] + 1] += 1
    for at in range(count):
        starts[at + 1] += starts[at]
    free = starts[:-1].copy()
    other, weight = np.empty(2 * left.size, np.int32), np.empty(2 * left.size, np.float64)
    for at in range(left.size):
        for one, two in ((left[at], right[at]), (right[at], left[at])):
            other[free[one]], weight[free[one]] = two, worth[at]
            free[one] += 1
    place, walled = room(), walls.starts.size > 1
    root, following, last, size = np.arange(count), np.full(count, -1), np.arange(count), np.ones(count, np.int64)
    for at in range(left.size):
        if worth[at] < 0:
            break
        one, two = root[left[at]], root[right[at]]
        if one == two or size[one] + size[two] > most:
            continue
        if one > two:
            one, two = two, one
        fits, a = True, one
        while a >= 0 and fits:
            b = two
            while b >= 0:
                if (walled and _kept_apart(walls, a, b)) or _conflicts(t, a, b, place):
                    fits = False
                    break
                b = following[b]
            a = following[a]
        if not fits or _support(root, following, starts, other, weight, one, two) < 0:
            continue
        b = two
        while b >= 0:
            root[b] = one
            b = following[b]
        following[last[one]] = two
        last[one] = last[two]
        size[one] += size[two]
    return root
