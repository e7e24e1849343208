"""What speaks against a standing judgement: later data, or another judgement; from what the reader may see alone."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from opencets.records import KINDS
from opencets.resolving import PersonRow, prepare
from opencets.resolving.apart import Seen, two_places
from opencets.resolving.features import hard_conflict
from opencets.resolving.people import Person
from opencets_web.entities.models import Judgement, Verdict
from opencets_web.evidence.models import Claim
from opencets_web.policy import door
from opencets_web.policy.actor import Actor

GROUPING_KINDS = ("account_id", "email", "handle", "national_id", "phone")
"""Records with one own value of these kinds stand as one entity, unless it is generic or the records contradict."""
SEEN = ("location", "happened_at", "taken_at")
"""Where somebody was, and when: the position and the instant of one thing that happened, not of an account's profile."""
DECIDING = ("date_of_birth", "national_id", "gender", *SEEN)


@dataclass(frozen=True, slots=True)
class Deciding:
    """What of a record can part it from others, prepared once for all of them."""

    person: Person
    national_id: str
    seen: Seen | None

    @classmethod
    def of(cls, said: Mapping[str, str]) -> Deciding:
        """From the normalised values of ``DECIDING``."""
        person = prepare(PersonRow.of({"record_id": "", **said}))
        return cls(person, said.get("national_id", ""), _seen(*(said.get(prop, "") for prop in SEEN)))

    def conflict(self, other: Deciding) -> str:
        """Why two records cannot be one person; empty where nothing says so."""
        mine, theirs = self.national_id, other.national_id
        if mine and theirs and mine != theirs and mine.split(":")[0] == theirs.split(":")[0]:
            return "two national numbers of one country"
        if self.seen and other.seen and (apart := two_places(self.seen, other.seen)):
            return apart
        return hard_conflict(self.person, other.person) or ""


def _seen(place: str, happened: str, taken: str) -> Seen | None:
    """None where place or time is missing, is stated in several ways (empty), or cannot be read."""
    with contextlib.suppress(ValueError):
        latitude, longitude = map(float, place.split(","))
        at = datetime.fromisoformat(taken or happened)
        return Seen(at, latitude, longitude) if at.tzinfo else None
    return None


def state(stated: dict[str, str], prop: str, normal: str) -> None:
    """Put a value of ``DECIDING`` among those that a record states; of several places or times none counts."""
    several = prop in SEEN and stated.get(prop, normal) != normal
    stated[prop] = "" if several else normal


def contradictions_of(actor: Actor, judgements: Iterable[Judgement]) -> dict[UUID, tuple[str, ...]]:
    """For each standing judgement that something contradicts, what: a sentence each."""
    standing = [one for one in judgements if one.undone_at is None and one.verdict != Verdict.UNSURE]
    sides = {side for one in standing for side in (one.left_id, one.right_id)}
    if not sides:
        return {}
    stated, held = _stated(actor, sides)
    others = _verdicts(actor, sides)
    found = {}
    for one in standing:
        against = _by_data(one, stated, held) + _by_judgements(one, others)
        if against:
            found[one.id] = tuple(against)
    return found


def _stated(actor: Actor, records: set[UUID]) -> tuple[dict[UUID, dict[str, str]], dict[UUID, set[tuple[str, str]]]]:
    own = Claim.objects.filter(
        Q(kind__in=GROUPING_KINDS, generic=False) | Q(property__in=DECIDING),
        record__in=records, role="own", normal__isnull=False, record__retired_at=None,
    )  # fmt: skip
    stated: dict[UUID, dict[str, str]] = defaultdict(dict)
    held: dict[UUID, set[tuple[str, str]]] = defaultdict(set)
    rows: Iterable[tuple[UUID, str, Any, bool, str]] = (
        door.visible(actor, own).order_by("id").values_list("record_id", "kind", "normal", "generic", "property")
    )
    for record, kind, normal, generic, prop in rows:
        if prop in DECIDING:
            state(stated[record], prop, normal)
        if kind in GROUPING_KINDS and not generic:
            held[record].add((kind, normal))
    return stated, held


def _verdicts(actor: Actor, records: set[UUID]) -> dict[UUID, dict[UUID, str]]:
    touching = Judgement.objects.filter(Q(left__in=records) | Q(right__in=records), undone_at=None)
    found: dict[UUID, dict[UUID, str]] = defaultdict(dict)
    for left, right, verdict in door.visible(actor, touching).values_list("left_id", "right_id", "verdict"):
        found[left][right] = found[right][left] = verdict
    return found


def _by_data(one: Judgement, stated: dict[UUID, dict[str, str]], held: dict[UUID, set[tuple[str, str]]]) -> list[str]:
    if one.verdict == Verdict.SAME:
        left, right = (Deciding.of(stated.get(side, {})) for side in (one.left_id, one.right_id))
        conflict = left.conflict(right)
        return [f"Judged the same, but: {conflict}."] if conflict else []
    shared = sorted(held.get(one.left_id, set()) & held.get(one.right_id, set()))
    return [f"Judged different, but both hold {KINDS[kind].ties} {normal} as their own." for kind, normal in shared]


def _by_judgements(one: Judgement, others: dict[UUID, dict[UUID, str]]) -> list[str]:
    mine, theirs = others.get(one.left_id, {}), others.get(one.right_id, {})
    thirds = {(mine[third], theirs[third]) for third in set(mine) & set(theirs)}
    if one.verdict == Verdict.DIFFERENT and (Verdict.SAME, Verdict.SAME) in thirds:
        return ["Judged different, but each was judged the same as a third."]
    if one.verdict == Verdict.SAME and thirds & {(Verdict.SAME, Verdict.DIFFERENT), (Verdict.DIFFERENT, Verdict.SAME)}:
        return ["Judged the same, but a third was judged the same as one and different from the other."]
    return []
