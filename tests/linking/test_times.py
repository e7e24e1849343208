"""Years between: a value that two had one after the other says less than one that both have."""

from __future__ import annotations

from typing import Any

import pytest

from opencets.linking import Holdings, bits_of, default_rarity, explain_path, fading, rarity_from, search, years_between

OLD, NEW = ("2014-02-01", "2015-03-01"), ("2021-05-02", "2024-01-01")


@pytest.mark.parametrize(
    ("left", "right", "years"),
    [
        (OLD, NEW, 6),
        (NEW, OLD, 6),
        (("2015-03-01", "2015-03-01"), ("2016-02-28", "2016-02-28"), 0),
        (("2015-03-01", "2015-03-01"), ("2016-02-29", "2016-03-09"), 1),
        (("2014-01-01", "2022-01-01"), ("2016-01-01", "2016-01-01"), 0),
        ((None, None), NEW, 0),
        (("2015", "2015-03"), NEW, 0),
    ],
)
def test_years_lie_between_what_does_not_touch(
    left: tuple[str | None, str | None], right: tuple[str | None, str | None], years: int
) -> None:
    assert years_between(left, right) == years


def test_a_number_seen_years_apart_counts_for_less_and_says_why() -> None:
    rarity = default_rarity()
    bits, words = fading(rarity, "phone", NEW, OLD)
    assert bits == pytest.approx(bits_of(rarity.left_after("phone", 6)))
    assert words == (
        "seen 6 years apart, until 2015-03-01 and from 2021-05-02; numbers are given out again, so it counts for less"
    )
    assert fading(rarity, "phone", OLD, OLD) == (0.0, "")
    assert fading(rarity, "national_id", OLD, NEW) == (0.0, "")
    shares = [rarity.left_after("phone", years) for years in range(12)]
    assert shares == sorted(shares, reverse=True)
    assert (shares[0], shares[1]) == (1.0, 1.0)


def test_of_two_paths_the_one_at_one_time_stands_first_and_a_case_counts_by_all_its_days() -> None:
    holdings = Holdings()
    for record, day in (("A1", "2014-03-01"), ("A2", "2023-03-01"), ("B1", "2023-06-01"), ("C1", "2023-06-01")):
        holdings.add_record(record, record[0], day)
    for record in ("A1", "C1"):
        holdings.add(record, record[0], "phone", "+15550100")
    for record in ("A2", "B1"):
        holdings.add(record, record[0], "handle", "chatter:owl")
    found = search(["A1", "A2"], holdings, group_of=lambda record: record[0])
    assert [one.group for one in found.connections] == ["B", "C"], (
        "a screen name of that year before a number of another"
    )
    sentence = explain_path(found.connections[1].paths[0], str).sentence
    assert "seen 9 years apart, until 2014-03-01 and from 2023-06-01; numbers are given out again" in sentence
    holdings.add("A2", "A", "phone", "+15550100")
    again = search(["A1", "A2"], holdings, group_of=lambda record: record[0])
    assert [one.group for one in again.connections] == ["C", "B"], "the case holds the number to this day"


@pytest.mark.parametrize("years", [{2: 0.8, 4: 0.9}, {2: 1.0}, {2: 0.0}])
def test_a_table_in_which_time_adds_worth_or_takes_all_is_refused(years: dict[int, float]) -> None:
    row: dict[str, Any] = {
        "probability": 0.9,
        "beta": 0.2,
        "cap": 10,
        "sentence": "s",
        "years": years,
        "passes": "it passes",
    }
    with pytest.raises(ValueError, match="falling shares"):
        rarity_from({"model": "test", "kinds": {"phone": row}})
