"""Suggestions: which records are probably the same person, each with its reasons. Nothing is merged here."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from opencets.resolving.features import LEVEL, Commonness, hard_conflict
from opencets.resolving.model import Model, load_model
from opencets.resolving.people import Person, PersonRow, candidate_keys, prepare

BLOCK_LIMIT = 100
"""A key that more records share is generic and proposes nobody by itself."""
CONFLICT_MOST = 0.05
"""The highest probability of two records that contradict each other."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One feature's word: the values compared, its bits for (or against), the sentence for people."""

    feature: str
    left: str
    right: str
    bits: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Change:
    """The smallest single piece of evidence that would turn a verdict; ``bits`` that it would move."""

    feature: str
    sentence: str
    bits: float
    probability: float


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Two records that may be the same person; ``left`` < ``right`` within one set, new and old where two are linked.

    ``probability`` is calibrated; ``bits`` the score it comes from; ``reasons`` the weightiest first; ``model`` its
    version; ``conflict`` why they cannot be one person all the same, or empty.
    """

    left: str
    right: str
    probability: float
    bits: float
    reasons: tuple[Reason, ...]
    model: str
    conflict: str = ""

    @property
    def why(self) -> str:
        """All reasons in one line, for example "the same date of birth 1980-02-03 (+9.1); names differ: ... (-2.0)"."""
        return "; ".join(f"{reason.sentence} ({reason.bits:+.1f})" for reason in self.reasons)


def suggest(
    rows: Iterable[PersonRow],
    against: Iterable[PersonRow] | None = None,
    model: Model | None = None,
    *,
    at_least: float = 0.05,
    commonness: Commonness | None = None,
) -> list[Suggestion]:
    """The pairs that are the same person with a probability of ``at_least``, the most probable first.

    Without ``against``, pairs among ``rows``; with it, pairs of one row and one of ``against`` (rows of the same
    ``record_id`` are never paired). Pairs that share no candidate key are not looked at. ``commonness``: of names among
    all records there are; without it, among those given. Raises ActRefused where the model lacks a weight.
    """
    used = (model or load_model()).check()
    people = [prepare(row) for row in rows]
    others = None if against is None else [prepare(row) for row in against]
    common = commonness or Commonness([*people, *(others or [])])
    scored = (score(left, right, used, common) for left, right in candidates(people, others))
    found = [one for one in scored if one.probability >= at_least]
    return sorted(found, key=lambda one: (-one.probability, -one.bits, one.left, one.right))


def score(left: Person, right: Person, model: Model, commonness: Commonness | None = None) -> Suggestion:
    """One pair, scored and explained, however improbable."""
    reasons = [
        Reason(
            found.feature,
            found.left,
            found.right,
            bits,
            LEVEL[found.feature, found.level].sentence.format(left=found.left, right=found.right),
        )
        for found, bits in model.contributions(left, right, commonness)
    ]
    total = model.prior(commonness.records if commonness else 0) + math.fsum(reason.bits for reason in reasons)
    reasons.sort(key=lambda reason: (-abs(reason.bits), reason.feature, reason.left))
    conflict = hard_conflict(left, right) or ""
    # A conflict does not hide the pair (data can be wrong), but no machine calls it probable.
    probability = min(model.probability(total), CONFLICT_MOST) if conflict else model.probability(total)
    return Suggestion(left.record_id, right.record_id, probability, total, tuple(reasons), model.name, conflict)


_CHANGES = {
    "birth": "date of birth", "email": "e-mail address", "phone": "telephone number", "national_id": "national number",
    "screen_name": "screen name", "gender": "gender", "street": "street", "postcode": "postcode", "city": "city",
    "birth_place": "place of birth", "occupation": "occupation",
}  # fmt: skip


def what_would_change(
    bits: float, reasons: Iterable[tuple[str, float]], model: Model, at_least: float = 0.5
) -> Change | None:
    """The smallest evidence that, alone, would turn the verdict at ``at_least``; None where no single value would.

    ``reasons``: (feature, bits) of what was found. Looked at is each value but the name: that both state the same, or
    that they state different ones; in place of what was found of it, or where one side was silent.
    """
    held: dict[str, float] = defaultdict(float)
    for feature, found in reasons:
        held[feature] += found
    threshold = model.least(at_least)
    probable = bits >= threshold
    changes = []
    for feature, noun in _CHANGES.items():
        level = "different" if probable else "same"
        after = bits - held[feature] + model.weights[feature, level].bits
        if (after >= threshold) != probable:
            if probable:
                sentence = f"It would not be probable if each stated another {noun}."
            else:
                sentence = f"It would be probable if both stated the same {noun}."
            changes.append(Change(feature, sentence, after - bits, model.probability(after)))
    return min(changes, key=lambda change: (abs(change.bits), change.feature), default=None)


def candidates(people: list[Person], others: list[Person] | None) -> Iterator[tuple[Person, Person]]:
    """Each pair that shares a key which is not generic, once, in a fixed order."""
    blocks: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for side, side_people in ((0, people), (1, others or [])):
        for at, person in enumerate(side_people):
            for key in candidate_keys(person, wide=True):
                blocks[key][side].append(at)
    pairs: set[tuple[int, int]] = set()
    for mine, theirs in blocks.values():
        if len(mine) + len(theirs) > BLOCK_LIMIT:
            continue
        if others is None:
            pairs.update((one, other) for index, one in enumerate(mine) for other in mine[index + 1 :])
        else:
            pairs.update((one, other) for one in mine for other in theirs)
    for one, other in sorted(pairs):
        left, right = people[one], (people if others is None else others)[other]
        if left.record_id == right.record_id:
            continue
        if others is None and right.record_id < left.record_id:
            left, right = right, left
        yield left, right
