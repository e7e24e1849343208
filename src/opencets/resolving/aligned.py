"""The compiled loops under ``names``: two names aligned letter by letter and part by part. All numbers are whole.

A part is aligned with a part by steps of one or two letters to none, one or two; each step has a weight in hundredths
of a bit; no step reaches over the beginning of a syllable. Parts of a name may be joined with their neighbour, stand in any order,
or stand on one side only; the weakest pair of parts decides.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from itertools import permutations
from typing import Any

import numpy as np

from opencets.resolving.names import NEVER as UNLEARNED

# numba carries no types; Any here keeps the strict checks on everything that calls the loops
numba: Any = import_module("numba")

LEFT, RIGHT = 52, 26
"""Letters: a to z, and on the left A to Z too, which begin a word or a syllable."""
PARTS = 4
"""More parts than that are not compared: the first three and the last stand for the name."""
LETTERS = 40
"""A part joined with its neighbour is cut after so many letters."""
LITTLE = 6_000
"""A part that weighs less than so much speaks against a pair as if it weighed so much: Oh and O differ by little."""
ALONE = 8
"""What each part that stands on one side only takes from the weakest pair, in hundredths."""
NICKNAME, INITIAL = 45, 25
"""How much of a part's letters a nickname and an initial stand for, in hundredths."""


def compiled(function: Callable[..., Any], **how: Any) -> Any:
    """``function`` compiled on first call and cached on disk where a place can be written."""
    try:
        return numba.njit(cache=True, nogil=True, **how)(function)
    except RuntimeError:  # "no locator available": nowhere to write
        return numba.njit(cache=False, nogil=True, **how)(function)


def lean(function: Callable[..., Any]) -> Any:
    """The same for a function that makes no array, and so need not count who holds one: that costs more than short loops do."""
    return compiled(function, _nrt=False)


def within(function: Callable[..., Any]) -> Any:
    """The same, compiled into its callers: to hand over a table of thirty arrays costs more than most comparisons."""
    return compiled(function, _nrt=False, inline="always")


def _segmentations() -> tuple[np.ndarray, np.ndarray]:
    """For 1 to 4 parts: ways to join neighbours two by two, as rows of (start, length), and how many parts are left."""
    table = np.zeros((PARTS + 1, 5, PARTS, 2), np.int64)
    sizes = np.zeros((PARTS + 1, 5), np.int64)
    for count in range(1, PARTS + 1):
        ways: list[list[tuple[int, int]]] = [[]]
        for _ in range(count):
            ways = [
                [*way, (at, length)]
                for way in ways
                for at in [sum(length for _, length in way)]
                for length in (1, 2)
                if at + length <= count
            ] + [way for way in ways if sum(length for _, length in way) == count]
        for row, way in enumerate(sorted(ways, key=lambda way: (-len(way), way))):
            table[count, row, : len(way)] = way
            sizes[count, row] = len(way)
    return table, sizes


def _orders() -> tuple[np.ndarray, np.ndarray]:
    """For a few parts and as many or more: every way to give each of the few one of the others."""
    table = np.zeros((PARTS + 1, PARTS + 1, 24, PARTS), np.int64)
    sizes = np.zeros((PARTS + 1, PARTS + 1), np.int64)
    for few in range(1, PARTS + 1):
        for many in range(few, PARTS + 1):
            orders = list(permutations(range(many), few))
            table[few, many, : len(orders), :few] = orders
            sizes[few, many] = len(orders)
    return table, sizes


SEGMENTATIONS, SEGMENTS = _segmentations()
ORDERS, ORDER_COUNTS = _orders()


NEVER = -(1 << 40)
"""Less than any weight."""
EVERY_LEFT, EVERY_RIGHT = np.full((LEFT, LEFT // 2), 3, np.uint8), np.full((RIGHT, RIGHT), 1, np.uint8)
"""For tables of which it is not known where steps of two letters were learned: each is looked up."""


@lean
def align(
    x: Any,
    y: Any,
    one: Any,
    two_one: Any,
    one_two: Any,
    two_two: Any,
    lost: Any,
    gained: Any,
    left_pairs: Any,
    right_pairs: Any,
    scores: Any,
    enough: Any,
) -> Any:
    """The best weight of turning ``x`` into ``y``; ``scores`` holds that of turning each beginning into each.

    Given up with ``NEVER`` as soon as no way comes to ``enough`` any more, the last row of ``scores`` telling the most that
    each letter of ``x`` can add; with ``enough`` at ``NEVER`` all ways are gone. ``left_pairs`` and ``right_pairs``: see
    ``names.Steps.pairs``.
    """
    n, m, reach = len(x), len(y), scores[scores.shape[0] - 1]
    rest = 0
    for i in range(n):
        rest += reach[i]
    before = NEVER
    for i in range(n + 1):
        top, inside, learned = NEVER, i > 1 and x[i - 1] < 26, 0
        if inside:
            learned = left_pairs[x[i - 2], x[i - 1]]
        for j in range(m + 1):
            best = 0 if i == 0 and j == 0 else NEVER
            if i and j:
                best = scores[i - 1, j - 1] + one[x[i - 1], y[j - 1]]
                if inside:
                    step = two_one[x[i - 2], x[i - 1], y[j - 1]] if learned & 1 else UNLEARNED
                    best = max(best, scores[i - 2, j - 1] + step)
                if j > 1:
                    step = one_two[x[i - 1], y[j - 2], y[j - 1]] if right_pairs[y[j - 2], y[j - 1]] else UNLEARNED
                    best = max(best, scores[i - 1, j - 2] + step)
                if inside and j > 1:
                    step = int(two_two[x[i - 2], x[i - 1], y[j - 2], y[j - 1]]) if learned & 2 else UNLEARNED
                    best = max(best, scores[i - 2, j - 2] + step)
            if i:
                best = max(best, scores[i - 1, j] + lost[x[i - 1]])
            if j:
                best = max(best, scores[i, j - 1] + gained[y[j - 1]])
            scores[i, j] = best
            top = max(top, best)
        # A step of two letters may still begin in the row before.
        if max(top, before) + rest < enough:
            return NEVER
        before = top
        if i:
            rest -= reach[i - 1]
    return scores[n, m]


@lean
def agreement(
    x: Any,
    y: Any,
    one: Any,
    two_one: Any,
    one_two: Any,
    two_two: Any,
    lost: Any,
    gained: Any,
    left_bits: Any,
    right_bits: Any,
    left_pairs: Any,
    right_pairs: Any,
    reach: Any,
    scores: Any,
    least: Any,
) -> Any:
    """The agreement of one part with one other, in hundredths: see ``compare``; where it is below ``least``, or ``NEVER``.

    The tables come one by one: as one tuple the same took 1.8 times as long.

    ``reach``: the most that a letter on the left can add beside one on the right. ``scores``: room for two rows and a column
    more than there are letters.
    """
    most = 0
    for at in range(len(x)):
        most += left_bits[x[at]]
    for at in range(len(y)):
        most += right_bits[y[at]]
    most = max(1, most // 2)
    enough, last, rest = int(least * most) // 100 - 1 if least > 0 else NEVER, scores.shape[0] - 1, 0
    for at in range(len(x)):
        best = 0
        for to in range(len(y)):
            best = max(best, reach[x[at], y[to]])
        scores[last, at] = best
        rest += best
    if rest < enough:
        return NEVER
    weight = align(x, y, one, two_one, one_two, two_two, lost, gained, left_pairs, right_pairs, scores, enough)
    return weight * 100 // (most if weight > 0 else max(most, LITTLE))


@compiled
def compare(
    x: Any,
    x_starts: Any,
    x_nicks: Any,
    y: Any,
    y_starts: Any,
    y_nicks: Any,
    one: Any,
    two_one: Any,
    one_two: Any,
    two_two: Any,
    lost: Any,
    gained: Any,
    left_bits: Any,
    right_bits: Any,
    segmentations: Any,
    segments: Any,
    orders: Any,
    order_counts: Any,
    pairs: Any,
) -> Any:
    """(agreement of the weakest pair of parts, weight of all pairs, parts on one side only), of the best arrangement.

    Agreement: the weight of a pair over what its letters weigh at most, in hundredths, less ``ALONE`` for each part
    that stands on one side only; never above 0 where one part is all that is compared and the other name has more.
    ``pairs`` takes the arrangement: a row
    (start, length, start, length) a pair.
    """
    n, m = len(x_starts) - 1, len(y_starts) - 1
    scores = np.zeros((LETTERS + 2, LETTERS + 1), np.int64)
    weights = np.zeros((PARTS, 3, PARTS, 3), np.int64)
    agreements = np.zeros((PARTS, 3, PARTS, 3), np.int64)
    for a in range(n):
        for a_length in range(1, min(2, n - a) + 1):
            left = x[x_starts[a] : min(x_starts[a + a_length], x_starts[a] + LETTERS)]
            left_most = 0
            for letter in left:
                left_most += left_bits[letter]
            for b in range(m):
                for b_length in range(1, min(2, m - b) + 1):
                    right = y[y_starts[b] : min(y_starts[b + b_length], y_starts[b] + LETTERS)]
                    right_most = 0
                    for letter in right:
                        right_most += right_bits[letter]
                    weight = align(
                        left,
                        right,
                        one,
                        two_one,
                        one_two,
                        two_two,
                        lost,
                        gained,
                        EVERY_LEFT,
                        EVERY_RIGHT,
                        scores,
                        NEVER,
                    )
                    most = max(1, (left_most + right_most) // 2)
                    agreement = weight * 100 // (most if weight > 0 else max(most, LITTLE))
                    if a_length == 1 and b_length == 1:
                        if x_nicks[a] & y_nicks[b] and x_nicks[a] & y_nicks[b] & 1 == 0:
                            agreement = max(agreement, NICKNAME)
                            weight = max(weight, most * NICKNAME // 100)
                        elif (x_nicks[a] | y_nicks[b]) & 1 and x_nicks[a] & y_nicks[b] & 1 == 0:
                            # Bit 0 marks an initial: only the beginning of the other part is asked.
                            best = -(1 << 40)
                            if x_nicks[a] & 1:
                                for at in range(1, len(right) + 1):
                                    best = max(best, scores[len(left), at])
                                most = left_most
                            else:
                                for at in range(1, len(left) + 1):
                                    best = max(best, scores[at, len(right)])
                                most = right_most
                            weight = min(best, most)
                            agreement = INITIAL if best * 2 > most else min(best * 100 // max(1, most), -INITIAL)
                    weights[a, a_length, b, b_length] = weight
                    agreements[a, a_length, b, b_length] = agreement
    found, found_weight, found_alone = -(1 << 40), 0, 0
    for row in range(segments.shape[1]):
        p = segments[n, row]
        for other in range(segments.shape[1]):
            q = segments[m, other]
            few, many = min(p, q), max(p, q)
            # Joined to one, a name of two parts would hide the weaker one; against a name of one part it may be.
            if few == 0 or (few == 1 and n > 1 and m > 1):
                continue
            for at in range(order_counts[few, many]):
                weakest, total = 1 << 40, 0
                for place in range(few):
                    taken = orders[few, many, at, place]
                    mine, theirs = (place, taken) if p <= q else (taken, place)
                    a, a_length = segmentations[n, row, mine, 0], segmentations[n, row, mine, 1]
                    b, b_length = segmentations[m, other, theirs, 0], segmentations[m, other, theirs, 1]
                    weakest = min(weakest, agreements[a, a_length, b, b_length])
                    total += weights[a, a_length, b, b_length]
                value = weakest - ALONE * (many - few)
                if few == 1 and many > 1:
                    value = min(value, 0)
                if value > found or (value == found and total > found_weight):
                    found, found_weight, found_alone = value, total, many - few
                    pairs[:] = -1
                    for place in range(few):
                        taken = orders[few, many, at, place]
                        mine, theirs = (place, taken) if p <= q else (taken, place)
                        pairs[place, 0] = segmentations[n, row, mine, 0]
                        pairs[place, 1] = segmentations[n, row, mine, 1]
                        pairs[place, 2] = segmentations[m, other, theirs, 0]
                        pairs[place, 3] = segmentations[m, other, theirs, 1]
    return found, found_weight, found_alone


@compiled
def expect(
    x: Any,
    y: Any,
    one: Any,
    two_one: Any,
    one_two: Any,
    two_two: Any,
    lost: Any,
    gained: Any,
    c_one: Any,
    c_two_one: Any,
    c_one_two: Any,
    c_two_two: Any,
    c_lost: Any,
    c_gained: Any,
) -> Any:
    """Adds to the counts how often each step is taken, over all ways of turning ``x`` into ``y`` by their odds.

    Here the steps hold odds, not hundredths of bits.
    """
    n, m = len(x), len(y)
    forth = np.zeros((n + 1, m + 1))
    back = np.zeros((n + 1, m + 1))
    forth[0, 0], back[n, m] = 1.0, 1.0
    for i in range(n + 1):
        for j in range(m + 1):
            odds = forth[i, j]
            if i and j:
                odds += forth[i - 1, j - 1] * one[x[i - 1], y[j - 1]]
                inside = i > 1 and x[i - 1] < 26
                if inside:
                    odds += forth[i - 2, j - 1] * two_one[x[i - 2], x[i - 1], y[j - 1]]
                if j > 1:
                    odds += forth[i - 1, j - 2] * one_two[x[i - 1], y[j - 2], y[j - 1]]
                if inside and j > 1:
                    odds += forth[i - 2, j - 2] * two_two[x[i - 2], x[i - 1], y[j - 2], y[j - 1]]
            if i:
                odds += forth[i - 1, j] * lost[x[i - 1]]
            if j:
                odds += forth[i, j - 1] * gained[y[j - 1]]
            forth[i, j] = odds
    if forth[n, m] <= 0.0:
        return
    for i in range(n, -1, -1):
        for j in range(m, -1, -1):
            odds = back[i, j]
            share = forth[i, j] / forth[n, m]
            if i < n and j < m:
                step = one[x[i], y[j]] * back[i + 1, j + 1]
                c_one[x[i], y[j]] += share * step
                odds += step
                inside = i + 1 < n and x[i + 1] < 26
                if inside:
                    step = two_one[x[i], x[i + 1], y[j]] * back[i + 2, j + 1]
                    c_two_one[x[i], x[i + 1], y[j]] += share * step
                    odds += step
                if j + 1 < m:
                    step = one_two[x[i], y[j], y[j + 1]] * back[i + 1, j + 2]
                    c_one_two[x[i], y[j], y[j + 1]] += share * step
                    odds += step
                if inside and j + 1 < m:
                    step = two_two[x[i], x[i + 1], y[j], y[j + 1]] * back[i + 2, j + 2]
                    c_two_two[x[i], x[i + 1], y[j], y[j + 1]] += share * step
                    odds += step
            if i < n:
                step = lost[x[i]] * back[i + 1, j]
                c_lost[x[i]] += share * step
                odds += step
            if j < m:
                step = gained[y[j]] * back[i, j + 1]
                c_gained[y[j]] += share * step
                odds += step
            back[i, j] = odds
