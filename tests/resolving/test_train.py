"""The shipped model is what its training makes of its seeds."""

from __future__ import annotations

from importlib import resources

import pytest

from opencets.errors import ActRefused
from opencets.resolving.invented import invent
from opencets.resolving.model import calibrate
from opencets.resolving.train import shipped, squared_frequencies, train, world_of


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_training_again_gives_the_shipped_file_digit_for_digit() -> None:
    file = resources.files("opencets.resolving").joinpath("models", "person-3.json")
    assert shipped().as_json() == file.read_text("utf-8")


def test_a_level_that_no_candidate_meets_is_named_and_nothing_is_trained() -> None:
    people = invent(40, seed=1)
    world = world_of(people.rows, (people.person_of[row.record_id] for row in people.rows))
    with pytest.raises(ActRefused, match=r"no candidate pair of these worlds meets .*birth/crossed"):
        train("small", [world], [world], "too little")


def test_two_random_values_are_equal_as_often_as_their_squared_shares_say() -> None:
    assert squared_frequencies(["a", "a", "b", None, "c"]) == pytest.approx(2 / 12)
    assert squared_frequencies(["a"]) == squared_frequencies([None]) == 0.0


def test_calibration_rises_and_follows_the_labels() -> None:
    scored = [(float(score), score > 0 or score % 4 == 0) for score in range(-200, 200)]
    steps = calibrate(scored)
    assert [p for _, p in steps] == sorted(p for _, p in steps)
    assert steps[0][1] == pytest.approx(0.25, abs=0.08)
    assert steps[-1][1] > 0.95
    assert calibrate([]) == ()
