"""The calibrator says what it has seen, and the shipped one reads back as written."""

from __future__ import annotations

import random

import pytest

from opencets.errors import ActRefused
from opencets.linking.calibrator import calibration_error, calibrator_from, learn, load_calibrator


def labelled(seed: int) -> list[tuple[tuple[str, ...], bool]]:
    """Same name is right in two of ten, with the same day of birth in nine of ten; another name hardly ever."""
    chance = random.Random(seed)
    shares = {("name",): 0.2, ("name", "birth"): 0.9, ("birth",): 0.02}
    return [(marks, chance.random() < share) for marks, share in shares.items() for _ in range(1_000)]


def test_it_learns_how_often_pairs_like_this_are_right_and_holds_on_others() -> None:
    model = learn("test-1", labelled(1), "1,000 each")
    assert model.probability(("name", "birth")) == pytest.approx(0.9, abs=0.03)
    assert model.probability(("name",)) == pytest.approx(0.2, abs=0.03)
    told = [(model.probability(marks), right) for marks, right in labelled(2)]
    assert calibration_error(told) < 0.03
    assert calibration_error((1 - p, right) for p, right in told) > 0.5


def test_a_mark_never_seen_adds_nothing_and_labels_of_one_side_are_refused() -> None:
    model = learn("test-1", labelled(1), "1,000 each")
    assert model.probability(("name", "unheard of")) == model.probability(("name",))
    with pytest.raises(ActRefused, match="right and pairs that are wrong"):
        learn("test-2", [(("name",), True)] * 50, "one-sided")


def test_the_shipped_calibrator_reads_back_and_an_unknown_one_is_refused() -> None:
    model = load_calibrator("identity-2")
    assert calibrator_from(model.as_json()) == calibrator_from(calibrator_from(model.as_json()).as_json())
    assert model.probability(("name=same+same|birth=same",)) > model.probability(
        ("name=different+different|birth=same",)
    )
    with pytest.raises(ActRefused, match="no calibrator"):
        load_calibrator("../secret")
