"""Communities, brokers, exchanges, months and meetings of a small case, counted by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from opencets.linking.patterns import (
    Contact,
    Presence,
    exchanges,
    meetings,
    rhythm,
    shared_values,
    slices,
    structure,
)

MONDAY = datetime(2026, 3, 2, 21, 10, tzinfo=UTC)


def two_rings() -> list[tuple[str, str, float]]:
    """Anna, Ben and Cleo write to each other, as do Dora, Emil and Finn; only Cleo and Dora join the two."""
    rings = [("Anna", "Ben"), ("Ben", "Cleo"), ("Anna", "Cleo"), ("Dora", "Emil"), ("Emil", "Finn"), ("Dora", "Finn")]
    return [*((left, right, 3.0) for left, right in rings), ("Cleo", "Dora", 1.0)]


def test_two_rings_are_two_communities_and_those_who_join_them_the_brokers() -> None:
    found = structure(two_rings())
    assert found.communities == (("Anna", "Ben", "Cleo"), ("Dora", "Emil", "Finn"))
    assert [name for name, _ in found.brokers] == ["Cleo", "Dora"]
    # Of the ten ways between others, six pass each of the two.
    assert found.brokers[0][1] == pytest.approx(0.6)
    assert structure(reversed(two_rings())) == found


def test_nothing_tied_has_no_structure_and_loops_count_for_nothing() -> None:
    assert structure([]).communities == ()
    assert structure([("Anna", "Anna", 2.0)]).edges == ()


def test_exchanges_are_counted_by_direction_with_first_and_last() -> None:
    contacts = [
        Contact("Anna", "Ben", MONDAY), Contact("Anna", "Ben", MONDAY + timedelta(days=3)),
        Contact("Ben", "Anna", None), Contact("Anna", "Anna", MONDAY),
    ]  # fmt: skip
    there, back = exchanges(contacts)
    assert (there.sender, there.recipient, there.count) == ("Anna", "Ben", 2)
    assert (there.first, there.last) == (MONDAY, MONDAY + timedelta(days=3))
    assert (back.count, back.first) == (1, None)


def test_the_rhythm_stands_by_weekday_and_hour() -> None:
    grid = rhythm([MONDAY, MONDAY + timedelta(minutes=5), MONDAY + timedelta(days=6, hours=3)])
    assert (grid[0][21], grid[0][22]) == (2, 0)
    assert sum(map(sum, grid)) == 3
    # Sunday's message was sent after midnight, so on Monday.
    assert grid[0][0] == 1


def test_months_without_a_message_are_shown_and_a_tie_is_new_once() -> None:
    found = slices(
        [Contact("Anna", "Ben", MONDAY), Contact("Ben", "Anna", MONDAY + timedelta(days=70)), Contact("A", "B", None)]
    )
    assert [(one.month, one.contacts, one.names, one.new_ties) for one in found] == [
        ("2026-03", 1, 2, 1), ("2026-04", 0, 0, 0), ("2026-05", 1, 2, 0),
    ]  # fmt: skip
    assert slices([]) == ()


def test_two_at_one_address_within_the_hour_met_and_two_days_later_did_not() -> None:
    presences = [
        Presence("Anna", "198.51.100.7", MONDAY), Presence("Ben", "198.51.100.7", MONDAY + timedelta(minutes=40)),
        Presence("Cleo", "198.51.100.7", MONDAY + timedelta(days=2)), Presence("Dora", "198.51.100.8", MONDAY),
    ]  # fmt: skip
    (met,) = meetings(presences)
    assert (met.left, met.right, met.place, met.minutes, met.metres) == ("Anna", "Ben", "198.51.100.7", 40, 0)


def test_positions_meet_within_the_metres_allowed() -> None:
    presences = [
        Presence("Anna", "52.00000,4.00000", MONDAY), Presence("Ben", "52.00090,4.00000", MONDAY),
        Presence("Cleo", "52.00400,4.00000", MONDAY),
    ]  # fmt: skip
    (met,) = meetings(presences)
    assert (met.left, met.right, met.metres) == ("Anna", "Ben", 100)
    assert len(meetings(presences, metres=500)) == 3


def test_a_value_of_many_is_a_star_and_weighs_no_more_than_a_pair() -> None:
    assert shared_values([("Anna", "x"), ("Ben", "x"), ("Anna", "x")]) == [("Anna", "Ben", 1.0)]
    crowd = shared_values((f"n{number:02d}", "y") for number in range(20))
    assert len(crowd) == 19
    assert sum(weight for _, _, weight in crowd) == pytest.approx(1.0)
