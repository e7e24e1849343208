"""Reading the values that too many share, as far as the reader sees who holds them, and the rulings on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import BooleanField, Count, ExpressionWrapper, Q
from django.urls import reverse

from opencets.linking import default_rarity
from opencets.records import KINDS
from opencets_web.audit import log
from opencets_web.entities.models import ValueRuling
from opencets_web.entities.queries import STRONG_KINDS
from opencets_web.evidence.models import Claim
from opencets_web.policy import door
from opencets_web.policy.actor import Actor

MOST_RULINGS = 200


@dataclass(frozen=True, slots=True)
class Ruling:
    """What an officer of the reader's agency decided on a value."""

    id: UUID
    kind: str
    value: str
    generic: bool
    reason: str
    by: str
    at: datetime
    ended_at: datetime | None
    ended_by: str
    end_url: str


@dataclass(frozen=True, slots=True)
class SharedValue:
    """A value, how many of the reader's cases hold it, and whether it links there."""

    kind: str
    kind_label: str
    value: str
    cases: int
    records: int
    generic: bool
    cap: int
    sentence: str
    ruling: Ruling | None


@dataclass(frozen=True, slots=True)
class SharedValues:
    """The list; ``asked`` where one value was asked for by its address."""

    rows: tuple[SharedValue, ...]
    page: Page[Any]
    ended: tuple[Ruling, ...]
    asked: bool
    may_rule: bool


def list_shared(actor: Actor, *, kind: str = "", value: str = "", words: str = "", number: int = 1) -> SharedValues:
    """Values marked as held by too many, and those ruled on, by the reader's own cases that hold them; or one value."""
    rulings = [
        _ruling(one)
        for one in door.visible(
            actor, ValueRuling.objects.filter(agency_id=actor.agency_id).select_related("by", "ended_by")
        ).order_by("-at")[:MOST_RULINGS]
    ]
    standing = {(one.kind, one.value): one for one in rulings if one.ended_at is None}
    claims = Claim.objects.filter(kind__in=STRONG_KINDS, normal__isnull=False, record__retired_at=None)
    if kind and value:
        claims = claims.filter(kind=kind, normal=value)
    else:
        ruled = Q(pk__in=[])
        for of_kind, normal in standing:
            ruled |= Q(kind=of_kind, normal=normal)
        claims = claims.filter(Q(generic=True) | ruled)
        claims = claims.filter(normal__icontains=words) if words else claims
    counted = door.visible(actor, claims).values("kind", "normal").annotate(
        cases=Count("case_id", distinct=True),
        records=Count("record_id", distinct=True),
        marked=Count("id", filter=ExpressionWrapper(Q(generic=True), output_field=BooleanField())),
    )  # fmt: skip
    page = Paginator(counted.order_by("-cases", "-records", "kind", "normal"), 50).get_page(number)
    log.record("values.viewed", actor, details={"kind": kind, "value": value, "words": words, "page": page.number})
    worths = default_rarity().worths
    return SharedValues(
        rows=tuple(
            SharedValue(
                kind=row["kind"],
                kind_label=KINDS[row["kind"]].label,
                value=str(row["normal"]),
                cases=row["cases"],
                records=row["records"],
                generic=bool(row["marked"]),
                cap=worths[row["kind"]].cap,
                sentence=worths[row["kind"]].sentence,
                ruling=standing.get((row["kind"], str(row["normal"]))),
            )
            for row in page
            if row["kind"] in worths
        ),
        page=page,
        ended=tuple(one for one in rulings if one.ended_at is not None)[:20],
        asked=bool(kind and value),
        may_rule=actor.reads_cases,
    )


def _ruling(one: ValueRuling) -> Ruling:
    return Ruling(
        one.id, one.kind, one.normal, one.generic, one.reason, one.by.display_name, one.at, one.ended_at,
        one.ended_by.display_name if one.ended_by else "", reverse("entities:ruling-end", args=[one.id]),
    )  # fmt: skip
