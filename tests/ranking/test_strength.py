"""The strength of an alert: ordered, explained, versioned."""

from __future__ import annotations

import math

import pytest

from opencets.ranking import MODEL, strength


def test_every_factor_is_in_sight_and_they_multiply_to_the_score() -> None:
    found = strength(0.9, ["email", "handle"], 2, newest_days=365)
    assert [factor.name for factor in found.factors] == ["probability", "evidence", "hops", "recency"]
    assert found.score == pytest.approx(100 * math.prod(factor.value for factor in found.factors), abs=0.05)
    assert found.sentence == (
        "medium (52 of 100): the connection is real with a probability of 90%; its softest tie is of the kind handle; "
        "2 cases away; the newest record is from 365 days ago"
    )
    assert found.model == MODEL == "alert-1"


def test_surer_nearer_harder_and_newer_comes_first() -> None:
    base = strength(0.8, ["handle"], 2, 100).score
    assert strength(0.9, ["handle"], 2, 100).score > base
    assert strength(0.8, ["email"], 2, 100).score > base
    assert strength(0.8, ["handle"], 1, 100).score > base
    assert strength(0.8, ["handle"], 2, 10).score > base


def test_age_never_takes_more_than_half() -> None:
    assert strength(1.0, ["email"], 1, 100_000).score == pytest.approx(50)
    assert strength(1.0, ["email"], 1, None).score == strength(1.0, ["email"], 1, -3).score == 100


def test_a_kind_that_the_table_does_not_know_counts_for_little() -> None:
    assert strength(1.0, ["email", "something_new"], 1).score == pytest.approx(50)


@pytest.mark.parametrize(("probability", "kinds", "hops"), [(1.2, ["email"], 1), (0.5, [], 1), (0.5, ["email"], 0)])
def test_what_is_no_connection_is_refused(probability: float, kinds: list[str], hops: int) -> None:
    with pytest.raises(ValueError, match=r"probability|at least one"):
        strength(probability, kinds, hops)


def test_the_bands_meet_without_a_gap() -> None:
    assert strength(0.75, ["email"], 1).band == "strong"
    assert strength(0.749, ["email"], 1).band == "medium"
    assert strength(0.0, ["email"], 1).band == "weak"
