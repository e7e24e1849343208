"""Clusters respect every "different"; the chart is stable."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from opencets.linking import JUDGED, components, layout

NAMES = st.sampled_from("abcdefgh")


def test_records_join_through_their_edges_and_one_alone_stays_alone() -> None:
    found = components([("b", "a", 3.0), ("b", "c", 2.0)], records=["d"])
    assert found.clusters == (("a", "b", "c"), ("d",))
    assert found.by_record() == {"a": "a", "b": "a", "c": "a", "d": "d"}


def test_a_different_cuts_the_weakest_edge_between_the_two() -> None:
    found = components([("a", "b", 5.0), ("b", "c", 1.0), ("c", "d", 5.0)], cannot_link=[("a", "d")])
    assert found.clusters == (("a", "b"), ("c", "d"))
    assert found.cut == (("b", "c", 1.0),)


def test_a_different_outweighs_a_same_about_the_same_two() -> None:
    found = components([("a", "b", JUDGED)], cannot_link=[("b", "a")])
    assert found.clusters == (("a",), ("b",))
    assert found.cut == (("a", "b", JUDGED),)


def test_undoing_the_different_joins_again() -> None:
    edges = [("a", "b", 2.0), ("b", "c", 2.0)]
    assert components(edges, [("a", "c")]).clusters != components(edges).clusters
    assert components(edges).clusters == (("a", "b", "c"),)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(NAMES, NAMES, st.floats(0, 10)), max_size=20),
    st.lists(st.tuples(NAMES, NAMES).filter(lambda pair: pair[0] != pair[1]), max_size=6),
)
def test_no_pair_judged_different_ever_stands_together(
    edges: list[tuple[str, str, float]], different: list[tuple[str, str]]
) -> None:
    found = components(edges, different)
    of = found.by_record()
    assert all(of[left] != of[right] for left, right in different)
    turned = [(right, left, strength) for left, right, strength in reversed(edges)]
    assert components(turned, reversed(different)) == found


def test_the_same_chart_is_laid_out_the_same_way_and_neighbours_lie_near() -> None:
    nodes = [f"n{number}" for number in range(40)]
    edges = [(nodes[number], nodes[number + 1]) for number in range(39)]
    places = layout(nodes, edges, seed=7)
    assert places == layout(reversed(nodes), [(b, a) for a, b in edges], seed=7)
    near = [math.dist(places[a], places[b]) for a, b in edges]
    assert sum(near) / len(near) < math.dist(places["n0"], places["n39"])


def test_expanding_a_node_leaves_what_is_on_the_chart_where_it_is() -> None:
    before = layout(["a", "b", "c"], [("a", "b"), ("b", "c")])
    after = layout(["a", "b", "c", "d"], [("a", "b"), ("b", "c"), ("c", "d")], fixed=before)
    assert {name: after[name] for name in before} == before
    assert math.dist(after["c"], after["d"]) < 400


def test_an_empty_chart_one_node_and_an_edge_to_nowhere_are_laid_out() -> None:
    assert layout([], []) == {}
    assert layout(["a"], [("a", "zz")]).keys() == {"a"}
