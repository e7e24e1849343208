"""Judgements move the weights a little, from held-out evidence, and where they say nothing new nothing moves."""

from __future__ import annotations

import json
import random
from functools import cache

import numpy as np
import pytest

from opencets.errors import ActRefused
from opencets.linking import default_rarity
from opencets.resolving import FIELDS, PersonRow, load_model
from opencets.resolving.feedback import (
    LEAST_MET,
    Card,
    Figures,
    Judged,
    Version,
    digest_of,
    figures,
    propose,
    standing_for,
    told,
    turned,
)
from opencets.resolving.invented import invent, written_elsewhere
from opencets.resolving.model import Model, model_from
from opencets.resolving.placing import Kept, Stated, compare, edges, keep
from opencets.resolving.reliability import bins_of, drawn, error_of


def worth(kind: str) -> float:
    return default_rarity().probability(kind, 2)


def kept_of(row: PersonRow) -> Kept:
    stated = [Stated(field, "text", text, None, False) for field in FIELDS[1:] if (text := getattr(row, field))]
    return keep(row.record_id, "person", stated)


@cache
def judged_world(seed: int, *, elsewhere: bool = True) -> tuple[Judged, ...]:
    """Every pair that the shipped weights suggest among invented people, judged rightly."""
    people = invent(1_000, seed, homonyms=0.3 if elsewhere else 0.05)
    rows = written_elsewhere(people.rows, seed) if elsewhere else people.rows
    kept = {row.record_id: kept_of(row) for row in rows}
    pairs = list(edges(kept.values(), load_model(), worth))
    random.Random(seed).shuffle(pairs)
    return tuple(
        Judged(
            kept[a], kept[b], people.person_of[a] == people.person_of[b], f"2026-11-{1 + at % 20:02d}T09:00:00+00:00"
        )
        for at, (a, b) in enumerate(pairs)
    )


def figures_of(model: Model, judged: tuple[Judged, ...]) -> Figures:
    found = np.array([told(model, one, worth) for one in judged])
    return figures(found, np.array([one.same for one in judged]), np.ones(len(judged)))


@cache
def learned() -> tuple[Version, Card]:
    shipped = load_model()
    version, card = propose("person-3.1", shipped, Version(shipped), judged_world(11), worth)
    return version, card


def test_a_version_tells_other_people_of_the_place_better_and_joins_fewer_strangers() -> None:
    shipped, (version, card) = load_model(), learned()
    before, after = (figures_of(model, judged_world(77)) for model in (shipped, version.model))
    assert after.error < 0.7 * before.error
    assert after.loss < 0.7 * before.loss
    assert after.over < before.over
    assert card.after.loss < card.before.loss
    assert card.before.over > card.after.over


def test_the_card_says_of_which_judgements_and_what_moved_in_words() -> None:
    version, card = learned()
    judged = judged_world(11)
    assert card.judged + card.left_out == len(judged)
    assert (card.since, card.until) == ("2026-11-01T09:00:00+00:00", "2026-11-20T09:00:00+00:00")
    assert card.digest == digest_of(reversed(judged)) != digest_of(judged[1:])
    moved = {(one.feature, one.level): one for one in card.moved}
    # A line that strangers share says less than it did.
    assert moved["phone", "same"].after < moved["phone", "same"].before - 1
    assert moved["phone", "same"].sentence == "the same telephone number …"
    assert model_from(json.loads(version.model.as_json())) == version.model


def test_a_level_that_few_judged_pairs_meet_keeps_its_weight_and_so_does_the_start() -> None:
    shipped, (version, card) = load_model(), learned()
    assert version.model.prior_bits == shipped.prior_bits
    for one in card.moved:
        assert one.met >= LEAST_MET or one.feature == "one_account"
    moved = {(one.feature, one.level) for one in card.moved}
    for cell, weight in shipped.weights.items():
        if cell not in moved:
            assert version.model.weights[cell].bits == pytest.approx(weight.bits, abs=0.03)


def test_few_judgements_teach_nothing_and_judgements_that_say_nothing_new_propose_nothing() -> None:
    shipped = load_model()
    with pytest.raises(ActRefused, match="fewer than 60 judgements"):
        propose("person-3.1", shipped, Version(shipped), judged_world(11)[:50], worth)
    right = [one for one in judged_world(11) if one.same][:200]
    with pytest.raises(ActRefused, match="fewer than 15 say"):
        propose("person-3.1", shipped, Version(shipped), right, worth)
    agreed = judged_world(11)[:300]
    drawn_by_chance = random.Random(4)
    as_told = [
        Judged(one.left, one.right, drawn_by_chance.random() < told(shipped, one, worth), one.at) for one in agreed
    ]
    with pytest.raises(ActRefused, match="nothing to propose"):
        propose("person-3.1", shipped, Version(shipped), as_told, worth)


def test_what_a_version_is_said_to_tell_is_what_placing_tells() -> None:
    def said(kind: str, value: str) -> Stated:
        return Stated(kind, kind, value, value, False)

    emails = [said("email", f"{letter}@example.org") for letter in "abc"]
    rows = [
        ("a", [Stated("full_name", "text", "Anna Keller", None, False), *emails[:2], said("iban", "GB33")]),
        ("b", [Stated("full_name", "text", "Ana Keler", None, False), *reversed(emails), said("iban", "GB33")]),
    ]
    left, right = (keep(record, "person", stated) for record, stated in rows)
    suggested = compare(left, right, load_model(), worth)
    assert suggested is not None
    assert told(load_model(), Judged(left, right, True, ""), worth) == suggested.probability
    for pair in judged_world(11)[:200]:
        one = compare(pair.left, pair.right, load_model(), worth)
        assert one is not None
        assert told(load_model(), pair, worth) == one.probability


def test_a_later_version_counts_no_judgement_twice_and_is_compared_with_a_fair_former_one() -> None:
    shipped, (version, card) = load_model(), learned()
    with pytest.raises(ActRefused, match="nothing to propose"):
        propose("person-3.2", shipped, version, judged_world(11), worth)
    later = [
        *judged_world(11),
        *(Judged(o.left, o.right, o.same, "2026-12-01T09:00:00+00:00") for o in judged_world(31)),
    ]
    again, further = propose("person-3.2", shipped, version, later, worth)
    assert further.present == "person-3.1"
    assert further.root == "person-3"
    assert further.judged > card.judged
    # Held out of both: the former version is not told on the judgements that it was learned from.
    assert further.before.error > 0
    assert again.until == "2026-12-01T09:00:00+00:00"


def test_pairs_that_change_sides_are_named() -> None:
    shipped, (version, _) = load_model(), learned()
    fresh = judged_world(77)
    changed = turned(fresh, shipped, version.model, worth)
    assert changed
    for one in changed:
        assert told(shipped, fresh[one.at], worth) == one.before >= 0.5 > one.after
    assert changed == sorted(changed, key=lambda one: (-abs(one.after - one.before), one.at))


def test_a_judged_pair_stands_for_its_like_within_limits() -> None:
    # Half of the judged are doubtful, but one suggestion in ten is.
    stands = standing_for([0.55] * 10 + [0.99] * 10, [0.55] * 10 + [0.99] * 90)
    assert stands[0] == pytest.approx(0.2)
    assert stands[-1] == pytest.approx(1.8)
    assert standing_for([0.99, 0.55], [0.99] * 999 + [0.55])[1] == pytest.approx(0.2)
    assert standing_for([0.2, 0.3], [0.9]) == [1.0, 1.0]


def test_the_reliability_leaves_out_tenths_with_few_pairs() -> None:
    bins = bins_of(np.array([0.91] * 9 + [0.15]), np.array([True] * 9 + [False]))
    assert error_of(bins) == pytest.approx(0.9 * 0.09 + 0.1 * 0.15)
    picture = drawn("Reliability", {"before": bins, "after": bins}, fewest=5)
    assert picture.count("<circle") == 2
    assert "told 0.15" not in picture
    assert "told 0.91" in picture
