"""The search on arrays against every path there is, and what it refuses."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opencets.linking import TieArrays, Way
from opencets.linking.loops import shortest

MAX_BITS = 3.0


def every_way(
    held: set[tuple[int, int]], bits: list[float], one: int, other: int
) -> list[tuple[float, frozenset[int]]]:
    """(bits, values) of every way within the bound, the plain slow reference; the cheapest first."""
    by_value: dict[int, list[int]] = {}
    for holder, value in held:
        by_value.setdefault(value, []).append(holder)
    found: list[tuple[float, frozenset[int]]] = []

    def walk(at: int, values: frozenset[int], cost: float) -> None:
        if at == other:
            found.append((cost, values))
            return
        for value, holders in by_value.items():
            if value not in values and at in holders and cost + bits[value] <= MAX_BITS:
                for holder in holders:
                    if holder != at:
                        walk(holder, values | {value}, cost + bits[value])

    walk(one, frozenset(), 0.0)
    return sorted(set(found), key=lambda way: (way[0], sorted(way[1])))


def best_of(ways: list[tuple[float, frozenset[int]]], count: int) -> list[float]:
    taken: list[tuple[float, frozenset[int]]] = []
    for cost, values in ways:
        if len(taken) < count and not any(better <= values for _, better in taken):
            taken.append((cost, values))
    return [cost for cost, _ in taken]


@settings(deadline=None, max_examples=80)
@given(
    st.sets(st.tuples(st.integers(0, 6), st.integers(0, 7)), min_size=1, max_size=22),
    st.lists(st.sampled_from([0.125, 0.25, 0.5, 0.75, 1.0, 1.5]), min_size=8, max_size=8),
)
def test_the_ranked_ways_are_those_of_the_plain_search(held: set[tuple[int, int]], bits: list[float]) -> None:
    rows = sorted(held)
    arrays = TieArrays.build([h for h, _ in rows], [v for _, v in rows], bits, 7)
    for one, other in ((0, 1), (2, 5)):
        found = arrays.between(one, other, max_bits=MAX_BITS, count=3)
        assert found.complete
        assert [way.bits for way in found.ways] == pytest.approx(best_of(every_way(held, bits, one, other), 3))
        for way in found.ways:
            _check(way, held, bits, (one, other))


def _check(way: Way, held: set[tuple[int, int]], bits: list[float], ends: tuple[int, int]) -> None:
    assert (way.entities[0], way.entities[-1]) == ends
    for (left, right), value in zip(pairwise(way.entities), way.values, strict=True):
        assert {(left, value), (right, value)} <= held
    assert way.bits == pytest.approx(math.fsum(bits[value] for value in way.values))


def small() -> TieArrays:
    """0 -(a)- 1 -(b)- 2, and 0, 1, 2 all hold a value c that is dearer; 3 stands alone."""
    return TieArrays.build([0, 1, 1, 2, 0, 1, 2], [0, 0, 1, 1, 2, 2, 2], [0.5, 0.5, 2.0], 4)


def test_two_ways_are_ranked_and_counted_together_once() -> None:
    found = small().between(0, 2)
    assert [(way.entities, way.values) for way in found.ways] == [((0, 1, 2), (0, 1)), ((0, 2), (2,))]
    assert found.probability == pytest.approx(1 - (1 - 0.5) * (1 - 0.25))


def test_nobody_is_connected_beyond_the_bound_or_alone() -> None:
    assert small().between(0, 2, max_bits=0.9).ways == ()
    assert small().between(0, 3) == small().between(0, 0)
    assert small().between(0, 9).ways == ()


def test_a_search_that_gives_up_says_so() -> None:
    assert not small().between(0, 2, most_looked=0).complete


def test_a_generic_value_is_no_link_and_what_cannot_be_is_refused() -> None:
    arrays = TieArrays.build([0, 1], [0, 0], [math.inf])
    assert arrays.links == 0
    assert arrays.between(0, 1).ways == ()
    with pytest.raises(ValueError, match="negative"):
        TieArrays.build([0, 1], [0, 0], [-1.0])
    with pytest.raises(ValueError, match="numbered from 0"):
        TieArrays.build([0, -1], [0, 0], [1.0])


def test_around_lists_the_nearest_first() -> None:
    found, complete = small().around(0, max_bits=1.5)
    assert complete
    assert [node for node, _ in found] == [1, 2]
    assert [bits for _, bits in found] == pytest.approx([0.5, 1.0])


def test_the_compiled_loop_answers_as_plain_python() -> None:
    chance = np.random.default_rng(5)
    held = chance.integers(0, 60, 200), chance.integers(0, 90, 200)
    arrays = TieArrays.build(*held, chance.uniform(0.1, 2.0, 90))
    room = arrays._room()
    for stamp, ends in enumerate(((0, 1), (3, 40), (7, 22)), 1_000):
        room.ends[:] = ends
        given_to = (
            arrays.starts, arrays.neighbours, arrays.bits, arrays.entities, room.ends, 5.0, 10_000, room.banned,
        )  # fmt: skip
        rest = (room.seen, room.cost, room.before, room.heap_cost, room.heap_node)
        fast = shortest(*given_to, stamp, *rest)
        plain = getattr(shortest, "py_func")(*given_to, stamp + 100, *rest)  # noqa: B009 - numba's own attribute
        assert fast == plain
