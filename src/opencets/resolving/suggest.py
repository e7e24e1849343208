"""Suggestions: which records are probably the same person, each with its reasons. Nothing is merged here."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from opencets.resolving.features import FEATURES, hard_conflict
from opencets.resolving.model import Model, load_model
from opencets.resolving.people import Person, PersonRow, candidate_keys, prepare

BLOCK_LIMIT = 100
"""A key that more records share is generic and proposes nobody by itself."""

_FEATURE = {feature.name: feature for feature in FEATURES}


@dataclass(frozen=True, slots=True)
class Reason:
    """One feature's word: the values compared, its bits for (or against), the sentence for people."""

    feature: str
    left: str
    right: str
    bits: float
    sentence: str


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


class Commonness:
    """How common names are among the records at hand, so that a common one weighs less, and none weighs more.

    Records of one person share their name too, so not every bearer counts: only bearers born in different years, and
    bearers beyond the sixth (a name that a form or a phone fills in by itself has no dates of birth to tell it by).
    """

    LEAST_RECORDS = 200
    """Among fewer records nothing can be said, and a little is taken from every shared name."""
    _NOT_KNOWN = 2.0
    _OF_ONE_PERSON = 6

    def __init__(self, people: Iterable[Person]) -> None:
        self._bearers: Counter[str] = Counter()
        self._years: dict[str, set[str]] = defaultdict(set)
        self._records = 0
        for person in people:
            self._records += 1
            if person.name:
                self._bearers[person.name] += 1
                if person.birth:
                    self._years[person.name].add(person.birth[:4])

    def reason(self, left: Person, right: Person, model: Model) -> Reason | None:
        """What the name's commonness takes from the sameness of two who share it; None where it takes nothing."""
        name = left.name
        if name is None or name != right.name:
            return None
        if self._records < self.LEAST_RECORDS:
            return Reason("commonness", name, name, -self._NOT_KNOWN, f"how common the name {name} is, is not known")
        others = max(len(self._years.get(name, ())) - 1, self._bearers[name] - self._OF_ONE_PERSON)
        if others < 1:
            return None
        # Only the power of two counts and is told: an exact number would speak of records that the reader may not see.
        others = 2 ** (others.bit_length() - 1)
        excess = math.log2(others / self._records / model.weights["name", "same"].u)
        if excess <= 0:
            return None
        # Never below nothing: a common name that agrees does not speak against the two being one person.
        bits = -min(excess, max(0.0, model.weights["name", "same"].bits))
        sentence = f"the name {name} is common"
        return Reason("commonness", name, name, bits, sentence)


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
    reasons = []
    for feature_name, level_name, bits in model.contributions(left, right):
        feature = _FEATURE[feature_name]
        level = next(level for level in feature.levels if level.name == level_name)
        one, other = str(getattr(left, feature.column)), str(getattr(right, feature.column))
        reasons.append(Reason(feature_name, one, other, bits, level.sentence.format(left=one, right=other)))
    total = model.score(left, right)
    common = commonness.reason(left, right, model) if commonness else None
    if common is not None:
        reasons.append(common)
        total += common.bits
    again = _told_twice(left, right, reasons)
    if again is not None:
        reasons.append(again)
        total += again.bits
    reasons.sort(key=lambda reason: (-abs(reason.bits), reason.feature))
    conflict = hard_conflict(left, right) or ""
    # A conflict does not hide the pair (data can be wrong), but no machine calls it probable.
    probability = min(model.probability(total), 0.05) if conflict else model.probability(total)
    return Suggestion(left.record_id, right.record_id, probability, total, tuple(reasons), model.name, conflict)


def _told_twice(left: Person, right: Person, reasons: Iterable[Reason]) -> Reason | None:
    """Takes a screen name's bits back where it repeats the e-mail address: one account, one piece of evidence."""
    bits = {reason.feature: reason.bits for reason in reasons}
    if min(bits.get("email", 0.0), bits.get("screen_name", 0.0)) <= 0:
        return None
    if not (left.local_part and left.local_part == left.screen_name and right.local_part == right.screen_name):
        return None
    told = -min(bits["email"], bits["screen_name"])
    sentence = f"the screen name {left.screen_name} repeats the e-mail address"
    return Reason("one_account", left.screen_name or "", right.screen_name or "", told, sentence)


def candidates(people: list[Person], others: list[Person] | None) -> Iterator[tuple[Person, Person]]:
    """Each pair that shares a key which is not generic, once, in a fixed order."""
    blocks: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for side, side_people in ((0, people), (1, others or [])):
        for at, person in enumerate(side_people):
            for key in candidate_keys(person):
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
