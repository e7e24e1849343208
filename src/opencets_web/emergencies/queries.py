"""Reading emergency access: one's own, and for supervisors and auditors all of the agency's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from opencets.errors import NotFound
from opencets_web.accounts.models import Role
from opencets_web.audit import log
from opencets_web.emergencies.models import EmergencyAccess
from opencets_web.policy.actor import Actor

REVIEW_WITHIN = timedelta(days=7)
MOST = 200


@dataclass(frozen=True, slots=True)
class EmergencyRow:
    """One emergency access as shown. ``state``: waiting, lapsed, refused, absent (confirmed, and no such case), open, over."""

    id: UUID
    reference: str
    reason: str
    hours: int
    asked_by: str
    asked_at: datetime
    lapses_at: datetime
    answered_by: str
    answer: str
    state: str
    until: datetime | None
    reviewed_by: str
    reviewed_at: datetime | None
    accepted: bool | None
    review: str
    mine: bool
    may_answer: bool
    may_end: bool
    may_review: bool
    overdue: bool


@dataclass(frozen=True, slots=True)
class EmergenciesPage:
    """What waits for a supervisor, what waits for a review, and the rest, newest first."""

    waiting: tuple[EmergencyRow, ...]
    to_review: tuple[EmergencyRow, ...]
    others: tuple[EmergencyRow, ...]
    may_ask: bool
    oversees: bool


def oversees(actor: Actor) -> bool:
    """Whether the actor sees all of the agency's emergency access: supervisors and auditors do."""
    return actor.has(Role.SUPERVISOR) or actor.has(Role.AUDITOR)


def emergencies_of(actor: Actor) -> QuerySet[EmergencyAccess]:
    """What the actor may see: their own; for who oversees, the agency's. NotFound: administrators and the like."""
    if not (actor.reads_cases or oversees(actor)):
        raise NotFound
    mine = Q(agency_id=actor.agency_id) if oversees(actor) else Q(asked_by_id=actor.officer_id)
    return EmergencyAccess.objects.filter(mine).select_related("asked_by", "answered_by", "reviewed_by")


def count_waiting(actor: Actor) -> int:
    """How many wait for this supervisor; 0 for everybody else, without a query."""
    if not actor.has(Role.SUPERVISOR):
        return 0
    rows = emergencies_of(actor).filter(answered_at=None, lapses_at__gt=timezone.now())
    return rows.exclude(asked_by_id=actor.officer_id).count()


def list_emergencies(actor: Actor) -> EmergenciesPage:
    """The actor's emergency access; for supervisors and auditors the agency's, what waits for them first."""
    rows = [_row(actor, row) for row in emergencies_of(actor).order_by("-asked_at")[:MOST]]
    log.record("emergency.listed", actor)
    waiting = tuple(row for row in rows if row.state == "waiting")
    opened = [row for row in rows if row.state in ("open", "over")]
    to_review = tuple(row for row in reversed(opened) if row.accepted is None)
    rest = tuple(row for row in rows if row not in waiting and row not in to_review)
    return EmergenciesPage(waiting, to_review, rest, actor.reads_cases, oversees(actor))


def _state(row: EmergencyAccess, now: datetime) -> str:
    if row.answered_at is None:
        return "waiting" if row.lapses_at > now else "lapsed"
    if not row.confirmed:
        return "refused"
    if row.opened_until is None:
        return "absent"
    return "open" if row.ended_at is None and row.opened_until > now else "over"


def _row(actor: Actor, row: EmergencyAccess) -> EmergencyRow:
    now = timezone.now()
    state, mine = _state(row, now), row.asked_by_id == actor.officer_id
    third = not mine and row.answered_by_id != actor.officer_id
    return EmergencyRow(
        id=row.id,
        reference=row.reference,
        reason=row.reason,
        hours=row.hours,
        asked_by=row.asked_by.display_name,
        asked_at=row.asked_at,
        lapses_at=row.lapses_at,
        answered_by=row.answered_by.display_name if row.answered_by else "",
        answer=row.answer,
        state=state,
        until=row.ended_at or row.opened_until,
        reviewed_by=row.reviewed_by.display_name if row.reviewed_by else "",
        reviewed_at=row.reviewed_at,
        accepted=row.accepted,
        review=row.review,
        mine=mine,
        may_answer=state == "waiting" and not mine and actor.has(Role.SUPERVISOR),
        may_end=state == "open" and (mine or actor.has(Role.SUPERVISOR)),
        may_review=state in ("open", "over") and third and oversees(actor),
        overdue=state == "over" and row.accepted is None and row.asked_at < now - REVIEW_WITHIN,
    )
