"""Package after package equals all at once, because only what changed is searched again."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from opencets.linking import Connection, Degrees, Holdings, reach, search

Row = tuple[str, str, str]
MAX_HOPS = 2


def test_the_second_case_rescores_and_the_fourth_does_not() -> None:
    degrees = Degrees()
    changes = [degrees.add("email", "x@example.org", case) for case in "ABCDE"]
    assert [change.rescored for change in changes if change] == [False, True, True, False, True]
    assert degrees.degree("email", "x@example.org") == 5


def test_the_same_case_again_changes_nothing_until_its_last_claim_goes() -> None:
    degrees = Degrees()
    assert degrees.add("email", "x@example.org", "A") is not None
    assert degrees.add("email", "x@example.org", "A") is None
    assert degrees.remove("email", "x@example.org", "A") is None
    change = degrees.remove("email", "x@example.org", "A")
    assert change is not None
    assert (change.before, change.after) == (1, 0)


def test_crossing_the_cap_both_ways_is_a_change_to_score_again() -> None:
    degrees = Degrees()
    for number in range(10):
        degrees.add("email", "x@example.org", f"case{number}")
    over = degrees.add("email", "x@example.org", "case10")
    assert over is not None
    assert (over.rescored, over.generic) == (True, True)
    under = degrees.remove("email", "x@example.org", "case3")
    assert under is not None
    assert (under.rescored, under.generic) == (True, False)


def all_at_once(holdings: Holdings) -> dict[str, tuple[Connection, ...]]:
    return {
        group: search(holdings.members(group), holdings, group_of=holdings.group_of, max_hops=MAX_HOPS).connections
        for group in holdings.groups()
    }


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from([f"{case}{number}" for case in "ABCDEFGHIJKLMN" for number in range(2)]),
                st.just("email"),
                st.sampled_from(["v1", "v2", "v3", "v4", "v5", "v6"]),
            ),
            min_size=1,
            max_size=8,
        ),
        min_size=1,
        max_size=8,
    )
)
def test_package_after_package_gives_what_the_whole_run_gives(packages: list[list[Row]]) -> None:
    holdings = Holdings()
    kept: dict[str, tuple[Connection, ...]] = {}
    searched = 0
    for package in packages:
        touched: set[tuple[str, str]] = set()
        for record, kind, value in package:
            if (kind, value) not in holdings.values_of(record):
                touched.add((kind, value))
            holdings.add(record, record[0], kind, value, f"{record}.{value}")
        holders = {r for g in holdings.groups() for r in holdings.members(g) if touched & set(holdings.values_of(r))}
        again = reach(holders, holdings, group_of=holdings.group_of, members=holdings.members, max_hops=MAX_HOPS - 1)
        again |= {g for g, found in kept.items() if any(path.values & touched for c in found for path in c.paths)}
        for group in again:
            searched += 1
            kept[group] = search(
                holdings.members(group), holdings, group_of=holdings.group_of, max_hops=MAX_HOPS
            ).connections
    assert kept == all_at_once(holdings)
    assert searched >= len(kept)
