"""Reference sets: invented people whose truth is known, on which versions of the weights are compared. Never learned from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from opencets.resolving.bulk import probable_pairs
from opencets.resolving.columns import table_of
from opencets.resolving.crowd import BADLY_WRITTEN, crowd
from opencets.resolving.invented import invent
from opencets.resolving.model import Model
from opencets.resolving.people import Person, prepare
from opencets.resolving.reliability import bins_of, error_of
from opencets.resolving.table import DOUBTFUL, resolve_people
from opencets.resolving.train import measure

SEED = 303
"""Neither a seed that the shipped weights were learned from, nor one that they were calibrated on."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A set and how a version does on it. ``over``: pairs wrongly joined; ``under``: pairs of one person kept apart."""

    name: str
    records: int
    right: int
    over: int
    under: int
    error: float

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return 2 * self.right / (2 * self.right + self.over + self.under) if self.right else 0.0


def on_references(model: Model, people: int = 2_000) -> tuple[Reference, ...]:
    """How a version does on people with every field, and on crowds that state a name and a date, well and badly written."""
    whole = invent(people, SEED)
    found = [
        _measured(
            "people with every field",
            model,
            map(prepare, whole.rows),
            [whole.person_of[r.record_id] for r in whole.rows],
        )
    ]
    for name, errors in (("names and dates", None), ("names and dates, badly written", BADLY_WRITTEN)):
        some = crowd(2 * people, SEED, errors)
        found.append(_measured(name, model, map(prepare, some.rows()), some.person.tolist()))
    return tuple(found)


def _measured(name: str, model: Model, people: Iterable[Person], person: Sequence[int]) -> Reference:
    known = list(people)
    groups: dict[str, list[str]] = defaultdict(list)
    for record, cluster in resolve_people(known, pairs_at_least=None, model=model).clusters:
        groups[cluster].append(record)
    truth: dict[int, list[str]] = defaultdict(list)
    for one, who in zip(known, person, strict=True):
        truth[who].append(one.record_id)
    found = measure(_pairs(groups.values()), set(_pairs(truth.values())))
    pairs, who_is = probable_pairs(table := table_of(known), model, DOUBTFUL), np.array(person)
    bins = bins_of(model.probabilities(pairs.bits), who_is[pairs.left] == who_is[pairs.right])
    return Reference(name, int(table.birth.size), found.right, found.wrong, found.missed, round(error_of(bins), 4))


def _pairs(groups: Iterable[list[str]]) -> list[tuple[str, str]]:
    return [(one, other) for group in groups for one in sorted(group) for other in sorted(group) if one < other]
