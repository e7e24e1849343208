"""Suggestions: scored, explained, calibrated, and careful."""

from __future__ import annotations

import math
from dataclasses import replace
from types import MappingProxyType

import pytest

from opencets.errors import ActRefused
from opencets.resolving import (
    Commonness,
    PersonRow,
    Suggestion,
    Weight,
    load_model,
    prepare,
    suggest,
    what_would_change,
)
from opencets.resolving.invented import invent, scripts
from opencets.resolving.train import Measure, measure

ANNA = PersonRow("1", "Anna Bergmann", date_of_birth="1980-02-13", email="anna@example.org", gender="f")


def asserted(found: list[Suggestion], at_least: float) -> list[tuple[str, str]]:
    return [(one.left, one.right) for one in found if one.probability >= at_least]


def test_the_same_person_is_suggested_with_each_reason_in_a_sentence() -> None:
    other = PersonRow("2", "Bergmann Anna", date_of_birth="1980-02-13", email="a.b@example.net", gender="w")
    (found,) = suggest([ANNA, other])
    assert found.probability > 0.9
    assert [reason.sentence for reason in found.reasons] == [
        "the same date of birth 1980-02-13",
        "the name anna stands in both",
        "the name bergmann stands in both",
        "e-mail addresses differ: anna@example.org and a.b@example.net",
        "the same gender",
    ]
    assert found.bits == pytest.approx(load_model().prior(2) + sum(reason.bits for reason in found.reasons))
    assert "the same date of birth 1980-02-13 (+" in found.why
    assert found.model == "person-3"


def test_a_name_alone_is_not_enough_to_be_probable() -> None:
    found = suggest([PersonRow("1", "Anna Bergmann"), PersonRow("2", "Anna Bergmann")])
    assert all(one.probability < 0.7 for one in found)


def test_people_born_years_apart_are_never_called_probable() -> None:
    other = replace(ANNA, record_id="2", date_of_birth="1951-11-30", email="other@example.net")
    (found,) = suggest([ANNA, other], at_least=0.0)
    assert found.probability <= 0.05
    assert found.conflict == "dates of birth 1980-02-13 and 1951-11-30 are years apart"
    (found,) = suggest([ANNA, replace(other, email=ANNA.email)], at_least=0.0)
    assert found.conflict == "", "with one address on both sides the weights decide which value is wrong"


@pytest.mark.parametrize(
    ("birth", "sentence"),
    [
        ("1980", "the same year of birth, no more is known of at least one: 1980-02-13 and 1980"),
        ("1980-02", "the same month of birth, one day not known: 1980-02-13 and 1980-02"),
        ("1980-02-18", "dates of birth one digit apart: 1980-02-13 and 1980-02-18"),
        ("1980-07-29", "the same year of birth, but another date: 1980-02-13 and 1980-07-29"),
    ],
)
def test_dates_are_compared_at_the_coarser_precision(birth: str, sentence: str) -> None:
    (found,) = suggest([ANNA, replace(ANNA, record_id="2", date_of_birth=birth)], at_least=0.0)
    assert sentence in [reason.sentence for reason in found.reasons]


def test_day_and_month_exchanged_is_seen() -> None:
    one, other = replace(ANNA, date_of_birth="1980-02-03"), replace(ANNA, record_id="2", date_of_birth="1980-03-02")
    (found,) = suggest([one, other])
    assert any("day and month exchanged" in reason.sentence for reason in found.reasons)


def test_new_rows_are_linked_to_old_ones_and_not_to_each_other() -> None:
    twin, old = replace(ANNA, record_id="2"), replace(ANNA, record_id="9")
    found = suggest([ANNA, twin], against=[old, ANNA])
    assert sorted((one.left, one.right) for one in found) == [("1", "9"), ("2", "1"), ("2", "9")]


def test_nobody_is_suggested_for_rows_that_state_nothing() -> None:
    assert suggest([PersonRow("1", "unknown"), PersonRow("2", "unknown")], at_least=0.0) == []
    assert suggest([]) == []


def test_a_model_with_an_untrained_weight_is_refused_by_its_name() -> None:
    shipped = load_model()
    holes = {name: weight for name, weight in shipped.weights.items() if name != ("email", "same")}
    holes["phone", "tail"] = Weight(0.0, 0.5)
    with pytest.raises(ActRefused, match=r"no trained weight for email/same, phone/tail"):
        suggest([ANNA], model=replace(shipped, weights=MappingProxyType(holes)))
    with pytest.raises(ActRefused, match="no model"):
        load_model("../person-1")


def test_more_agreement_never_lowers_the_probability() -> None:
    steps = load_model().calibration
    assert list(steps) == sorted(steps)
    assert [p for _, p in steps] == sorted(p for _, p in steps)
    assert 0 < steps[0][1] < steps[-1][1] < 1


def test_over_and_under_merging_are_counted_apart() -> None:
    assert measure([("b", "a"), ("a", "c")], {("a", "b"), ("b", "d")}) == Measure(right=1, wrong=1, missed=1)


def test_people_in_five_scripts_are_found_again_and_few_are_taken_for_another() -> None:
    people = invent(800, seed=31)
    assert {"latin", "cyrillic", "greek", "arabic", "kana"} == set(scripts(people.rows))
    found = measure(asserted(suggest(people.rows), 0.5), people.true_pairs())
    assert found.precision >= 0.93
    assert found.recall >= 0.72


def test_probabilities_promise_no_more_than_people_never_seen_keep() -> None:
    people = invent(1500, seed=47)
    true = people.true_pairs()
    found = suggest(people.rows, at_least=0.1)
    for low, high in ((0.1, 0.5), (0.5, 0.9), (0.9, 1.01)):
        part = [one for one in found if low <= one.probability < high]
        share = sum((min(one.left, one.right), max(one.left, one.right)) in true for one in part) / len(part)
        mean = sum(one.probability for one in part) / len(part)
        assert mean - 0.05 <= share <= mean + 0.25


def test_a_name_that_many_bear_weighs_less_and_says_so() -> None:
    crowd = [PersonRow(f"x{number}", f"Someone {chr(97 + number % 26)}{number // 26 * 'o'}lm") for number in range(300)]
    many = [PersonRow(f"n{number}", "Peter Novak", date_of_birth=f"{1950 + number}-01-15") for number in range(20)]
    two = [PersonRow("1", "Peter Novak", city="Corville"), PersonRow("2", "Peter Novak", city="Corville")]
    rare = {(one.left, one.right): one for one in suggest([*crowd, *two], at_least=0.0)}["1", "2"]
    common = {(one.left, one.right): one for one in suggest([*crowd, *many, *two], at_least=0.0)}["1", "2"]
    assert common.probability < rare.probability
    assert common.bits == pytest.approx(load_model().prior(322) + math.fsum(reason.bits for reason in common.reasons))
    assert "the whole name novak peter is commoner than its parts tell" in [r.sentence for r in common.reasons]
    assert "commonness" not in [reason.feature for reason in rare.reasons]


def test_a_name_filled_in_by_a_form_is_common_even_without_dates_of_birth() -> None:
    crowd = [
        PersonRow(f"x{number}", f"Someone Nr{'abcdefghij'[number % 10]}{'lmnoprst'[number % 8]}")
        for number in range(400)
    ]
    forms = [PersonRow(f"f{number}", "Phone Owner") for number in range(60)]
    found = suggest([*crowd, *forms], at_least=0.3)
    assert not [one for one in found if one.left.startswith("f")]


def test_known_commonness_of_all_records_can_be_brought_along() -> None:
    everybody = Commonness(
        prepare(PersonRow(str(n), "Anna Bergmann", date_of_birth=str(1940 + n % 60))) for n in range(250)
    )
    one, other = PersonRow("1", "Anna Bergmann", gender="f"), PersonRow("2", "Anna Bergmann", gender="f")
    (alone,) = suggest([one, other], at_least=0.0)
    (among_all,) = suggest([one, other], at_least=0.0, commonness=everybody)
    assert among_all.probability < alone.probability


def test_a_screen_name_that_repeats_the_address_is_no_second_piece_of_evidence() -> None:
    def bits(address: str) -> float:
        row = PersonRow("1", email=address, screen_name="robin_77")
        (found,) = suggest([row, replace(row, record_id="2")], at_least=0.0)
        assert found.bits == pytest.approx(load_model().prior(2) + sum(reason.bits for reason in found.reasons))
        return found.bits

    taken = load_model().weights["one_account", "repeats"].bits
    assert taken < -5
    assert bits("robin77@example.org") - bits("someone.else@example.org") == pytest.approx(taken)


def test_the_smallest_evidence_that_would_turn_a_verdict_is_told() -> None:
    model = load_model()
    (same,) = suggest([ANNA, replace(ANNA, record_id="2", full_name="Bergman Anna")])
    turned = what_would_change(same.bits, ((reason.feature, reason.bits) for reason in same.reasons), model)
    rows = [PersonRow("1", "Anna Bergmann"), PersonRow("2", "Anna Bergmann", city="Corville")]
    (alone,) = suggest(rows, at_least=0.0)
    needed = what_would_change(alone.bits, ((reason.feature, reason.bits) for reason in alone.reasons), model)
    assert turned is None or (turned.bits < 0 and turned.probability < 0.5)
    assert needed is not None
    assert needed.sentence.startswith("It would " + ("not be" if alone.probability >= 0.5 else "be") + " probable if ")
    assert (needed.probability >= 0.5) != (alone.probability >= 0.5)
    assert model.probability(alone.bits + needed.bits) == needed.probability
