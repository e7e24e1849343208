"""Package after package equals all at once, because only what changed is searched again."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from opencets.linking import Connection, Degrees, Holdings, reach, search
from opencets.records import Claim, Locator, Record

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


ROWS = st.tuples(
    st.sampled_from([f"{case}{number}" for case in "ABCDEFGHIJKLMN" for number in range(2)]),
    st.just("email"),
    st.sampled_from(["v1", "v2", "v3", "v4", "v5", "v6"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(ROWS, min_size=1, max_size=8), min_size=1, max_size=8))
def test_package_after_package_gives_what_the_whole_run_gives(packages: list[list[Row]]) -> None:
    """A row that is there already is taken back, so that withdrawals are among the changes."""
    holdings = Holdings()
    kept: dict[str, tuple[Connection, ...]] = {}
    for package in packages:
        touched: set[tuple[str, str]] = set()
        changed: set[str] = set()
        for record, kind, value in package:
            touched.add((kind, value))
            changed.add(record)
            if (kind, value) in holdings.values_of(record):
                holdings.remove(record, kind, value)
            else:
                holdings.add(record, record[0], kind, value, f"{record}.{value}")
        everybody = [record for group in holdings.groups() for record in holdings.members(group)]
        holders = changed | {record for record in everybody if touched & set(holdings.values_of(record))}
        again = reach(holders, holdings, group_of=holdings.group_of, members=holdings.members, max_hops=MAX_HOPS - 1)
        again |= {g for g, found in kept.items() if any(path.values & touched for c in found for path in c.paths)}
        for group in again:
            kept[group] = search(
                holdings.members(group), holdings, group_of=holdings.group_of, max_hops=MAX_HOPS
            ).connections
    assert kept == all_at_once(holdings)


def test_a_record_brings_its_claims_with_whose_they_are_and_without_what_could_not_be_read() -> None:
    record = Record(
        "person",
        Locator(("people.csv",), "row 2"),
        (
            Claim("email", "A@Example.org", "email", "a@example.org"),
            Claim("phone", "+1 555 0100", "phone", "+15550100", role="contact"),
            Claim("phone", "none", "phone", None, note="no number"),
            Claim("full_name", "Anna", "name", "Anna"),
        ),
        "table/1",
    )
    holdings = Holdings()
    changes = holdings.add_claims(record, "A")
    assert [(change.kind, change.after) for change in changes] == [("email", 1), ("phone", 1)]
    holdings.add("b", "B", "phone", "+15550100", "phone")
    (connection,) = search([record.key], holdings, group_of=holdings.group_of).connections
    assert connection.paths[0].ties[0].left_claim == "phone (contact)"
    assert holdings.add_claims(record, "A") == []
