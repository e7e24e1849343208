"""What a shared value is worth."""

from __future__ import annotations

import math

import pytest

from opencets.linking import bucket, default_rarity, rarity_from
from opencets.records import KINDS


def test_every_strong_kind_of_the_vocabulary_has_a_worth_with_a_sentence() -> None:
    rarity = default_rarity()
    strong = {name for name, kind in KINDS.items() if kind.links == "strong"}
    assert strong - rarity.worths.keys() == set()
    assert all(worth.sentence.endswith(".") for worth in rarity.worths.values())
    assert not any(rarity.links(name) for name, kind in KINDS.items() if kind.links != "strong")


def test_the_bucket_changes_at_three_five_nine_seventeen_cases() -> None:
    degrees = range(2, 40)
    assert [d for d in degrees if bucket(d) != bucket(d - 1)] == [2, 3, 5, 9, 17, 33]
    assert all(bucket(d) == math.floor(math.log2(d - 1)) for d in degrees)
    assert bucket(1) == bucket(0) == -1


def test_a_value_that_more_hold_is_worth_less_and_changes_only_with_its_bucket() -> None:
    rarity = default_rarity()
    bits = [rarity.bits("email", degree) for degree in range(2, 11)]
    assert bits == sorted(bits)
    assert len(set(bits)) == len({bucket(degree) for degree in range(2, 11)})
    assert bits[0] == pytest.approx(-math.log2(0.95))


def test_above_the_cap_a_value_is_generic_and_costs_infinitely_much() -> None:
    rarity = default_rarity()
    assert not rarity.generic("email", 10)
    assert rarity.generic("email", 11)
    assert math.isinf(rarity.bits("email", 11))


def test_a_kind_without_a_row_never_links() -> None:
    assert default_rarity().generic("name", 2)
    with pytest.raises(KeyError):
        default_rarity().probability("name", 2)


def test_a_farther_near_duplicate_is_worth_less_and_beyond_31_nothing() -> None:
    rarity = default_rarity()
    bits = [rarity.bits("pdq", 2, distance) for distance in range(33)]
    assert bits == sorted(bits)
    assert math.isfinite(bits[31])
    assert math.isinf(bits[32])


def test_a_table_row_out_of_range_is_refused_by_name() -> None:
    row = {"probability": 1.0, "beta": 0.25, "cap": 10, "sentence": "Too sure."}
    with pytest.raises(ValueError, match="email needs 0 < probability < 1"):
        rarity_from({"model": "x", "kinds": {"email": row}})
