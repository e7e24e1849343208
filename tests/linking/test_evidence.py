"""What several paths say together: what they share is counted once."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opencets.linking import Path, Tie, any_of, combined


def path(*ties: tuple[str, str, str, float]) -> Path:
    """Ties of (left, right, value, probability), all e-mail."""
    made = tuple(Tie(left, right, "email", value, -math.log2(p), "", "") for left, right, value, p in ties)
    bits = math.fsum(tie.bits for tie in made)
    return Path(made, tuple(record[0] for record in (made[0].left, *(t.right for t in made))), bits, 1, 2.0**-bits)


def test_two_independent_paths_are_the_noisy_or() -> None:
    assert combined([path(("A1", "B1", "x", 0.8)), path(("A2", "B2", "y", 0.5))]) == pytest.approx(0.9)


def test_two_paths_through_one_tie_are_no_more_probable_than_that_tie() -> None:
    through_c = path(("A1", "C1", "x", 0.5), ("C1", "B1", "y", 0.8))
    through_d = path(("A1", "C1", "x", 0.5), ("C1", "B2", "z", 0.8))
    assert combined([through_c, through_d]) == pytest.approx(0.5 * (1 - 0.2 * 0.2))


def test_two_values_of_one_pair_of_records_are_one_event() -> None:
    assert combined([path(("A1", "B1", "x", 0.8)), path(("A1", "B1", "y", 0.5))]) == pytest.approx(0.8)


def test_no_path_says_nothing() -> None:
    assert any_of([]) == 0.0


EVENTS = "abcde"


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sets(st.sampled_from(EVENTS), min_size=1), max_size=5),
    st.tuples(*(st.floats(0.05, 0.95) for _ in EVENTS)),
)
def test_the_answer_equals_counting_every_world(paths: list[set[str]], chances: tuple[float, ...]) -> None:
    probability = dict(zip(EVENTS, chances, strict=True))
    whole = 0.0
    for world in product((False, True), repeat=len(EVENTS)):
        real = {event for event, holds in zip(EVENTS, world, strict=True) if holds}
        if any(path <= real for path in paths):
            whole += math.prod(probability[e] if e in real else 1 - probability[e] for e in EVENTS)
    assert any_of([{event: probability[event] for event in path} for path in paths]) == pytest.approx(whole, abs=1e-9)
