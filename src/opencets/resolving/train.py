"""Training of the shipped model from labelled people, and the measures that every model is held to.

``python -m opencets.resolving.train MODEL.json`` writes the shipped file again, digit for digit.
"""

from __future__ import annotations

import math
import random
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from opencets.resolving.features import FEATURES
from opencets.resolving.invented import Invented, invent
from opencets.resolving.model import Model, Weight, calibrate
from opencets.resolving.people import Person, prepare
from opencets.resolving.suggest import Commonness, candidates, score


@dataclass(frozen=True, slots=True)
class Measure:
    """Pairs asserted against pairs true. Over-merging (``wrong``) harms the innocent, ``missed`` pairs lose a child."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        """Share of asserted pairs that are true; 1 where nothing was asserted."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """Share of true pairs that were asserted; 1 where there were none."""
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return 2 * self.right / (2 * self.right + self.wrong + self.missed) if self.right else 0.0


def measure(asserted: Iterable[tuple[str, str]], true: set[tuple[str, str]]) -> Measure:
    """Over- and under-merging counted apart."""
    pairs = {(min(a, b), max(a, b)) for a, b in asserted}
    return Measure(len(pairs & true), len(pairs - true), len(true - pairs))


def train(name: str, learn: Invented, calibrate_on: Invented, trained: str, *, seed: int = 0) -> Model:
    """A model from labelled people.

    ``m`` from all true pairs; ``u`` from random pairs, for near-unique columns from the sum of squared frequencies
    (random pairs hardly ever share an e-mail address, and an unmet level would keep a default worth 20 bits);
    calibration by isotonic regression on the candidate pairs of other people than those learned from.
    """
    people = {row.record_id: prepare(row) for row in learn.rows}
    same = Counter(found for a, b in learn.true_pairs() for found in _levels(people[a], people[b]))
    chance, everyone = random.Random(seed), sorted(people)
    other: Counter[tuple[str, str]] = Counter()
    for _ in range(200_000):
        a, b = chance.choice(everyone), chance.choice(everyone)
        if learn.person_of[a] != learn.person_of[b]:
            other.update(_levels(people[a], people[b]))
    weights: dict[tuple[str, str], Weight] = {}
    for feature in FEATURES:
        names = [level.name for level in feature.levels]
        m_total = sum(same[feature.name, level] for level in names)
        u_total = sum(other[feature.name, level] for level in names)
        held = {(learn.person_of[a], getattr(person, feature.column)) for a, person in people.items()}
        squares = squared_frequencies(value for _, value in sorted(held, key=str)) if feature.near_unique else 0.0
        for at, level in enumerate(names):
            m = (same[feature.name, level] + 0.5) / (m_total + 0.5 * len(names))
            u = (other[feature.name, level] + 0.5) / (u_total + 0.5 * len(names))
            if feature.near_unique and at == 0:
                u = max(squares, 1 / len(people) ** 1.5)
            weights[feature.name, level] = Weight(round(m, 8), round(u, 10))
    # A pair of a world of this size is the same person with these odds; calibration answers for other sizes.
    prior = math.log2(len(learn.true_pairs()) / (len(people) * (len(people) - 1) / 2))
    model = Model(name, round(prior, 3), weights, (), trained).check()
    others = [prepare(row) for row in calibrate_on.rows]
    common = Commonness(others)
    scored = [
        (score(a, b, model, common).bits, calibrate_on.person_of[a.record_id] == calibrate_on.person_of[b.record_id])
        for a, b in candidates(others, None)
    ]
    return replace(model, calibration=calibrate(scored))


def squared_frequencies(values: Iterable[str | None]) -> float:
    """The probability that two of these values, drawn at random, are equal; None is passed over, 0 for fewer than two.

    Given one value per person it is how often two people share one; given one per record it is an upper bound of that.
    """
    counts = Counter(value for value in values if value is not None)
    total = sum(counts.values())
    shared = sum(count * (count - 1) for count in counts.values())
    return shared / (total * (total - 1)) if total > 1 else 0.0


def _levels(left: Person, right: Person) -> list[tuple[str, str]]:
    return [(feature.name, level.name) for feature in FEATURES if (level := feature.level(left, right)) is not None]


def shipped() -> Model:
    """The model of ``models/person-1.json``, trained anew from the same seeds."""
    return train(
        "person-1",
        invent(4000, seed=101),
        invent(4000, seed=202, homonyms=0.08),
        "Weights from 4,000 invented people in five scripts (seed 101), calibration from 4,000 others (seed 202); "
        "opencets.resolving.train. Invented, not real: to be replaced by a model trained on judgements.",
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(shipped().as_json(), "utf-8")
