"""Emergency access: ask, confirm or refuse, end, review. What opens and closes is done by functions of the database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Officer, Role
from opencets_web.accounts.sealed import seal_text
from opencets_web.audit import log
from opencets_web.cases.models import Case
from opencets_web.emergencies.models import EmergencyAccess
from opencets_web.emergencies.queries import emergencies_of, oversees
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.ui.notify import tell

CONFIRM_WITHIN = timedelta(minutes=30)
MOST_TOLD = 100
MOST_WAITING = 3
"""So many of one officer's wait at a time: numbers are not tried out, and supervisors not flooded."""


@transaction.atomic
def ask(actor: Actor, *, reference: str, reason: str, hours: int = 4) -> UUID:
    """Ask for emergency access to a case by its number; the same whether there is such a case or not.

    ActRefused: no reason, more than a day, three wait already, or the case is open to the actor anyway. NotFound: the actor reads
    no cases.
    """
    if not actor.reads_cases:
        raise NotFound
    if not reason.strip():
        raise ActRefused("Say whose life is in danger, and what you need the case for.")
    if not 1 <= hours <= 24:
        raise ActRefused("Emergency access lasts from 1 to 24 hours.")
    if door.visible(actor, Case.objects.filter(reference=reference)).exists():
        raise ActRefused(f"{reference} is open to you already.")
    now = timezone.now()
    waiting = EmergencyAccess.objects.filter(asked_by_id=actor.officer_id, answered_at=None, lapses_at__gt=now)
    if waiting.count() >= MOST_WAITING:
        raise ActRefused(f"{MOST_WAITING} of yours wait for a supervisor already.")
    row = EmergencyAccess.objects.create(
        agency_id=actor.agency_id, reference=reference, reason=reason.strip(), hours=hours, asked_by_id=actor.officer_id,
        asked_at=now, lapses_at=now + CONFIRM_WITHIN,
    )  # fmt: skip
    _log("emergency.asked", actor, row, reason=row.reason, hours=hours)
    supervisors = Officer.objects.filter(agency_id=actor.agency_id, is_active=True, roles__contains=[Role.SUPERVISOR])
    for officer_id in supervisors.exclude(pk=actor.officer_id).values_list("id", flat=True):
        tell(f"officer:{officer_id}", "emergency", row.id)
    return row.id


@transaction.atomic
def confirm(actor: Actor, emergency_id: UUID, answer: str = "") -> bool:
    """Confirm as a second person; whether there was such a case, which is then open to whoever asked. All who manage it are told.

    NotFound: not a supervisor, not the agency's, or one's own. ActRefused: answered already, or it has lapsed.
    """
    row = _waiting(actor, emergency_id)
    sentence = f"Emergency access to {row.reference} for {row.asked_by.display_name}: {row.reason}"[:400]
    notices = [new_id() for _ in range(MOST_TOLD)]
    sealed = [seal_text(sentence, f"casework_notice sentence {notice}", row.agency_id) for notice in notices]
    with connection.cursor() as cursor:
        cursor.execute(
            "select holding, case_id, told from app_answer_emergency(%s, true, %s, %s, %s)",
            [row.id, answer, notices, sealed],
        )
        found = cursor.fetchone()
    holding, case_id, told = found or (None, None, [])
    row.refresh_from_db()
    log.record(
        "emergency.confirmed", actor, holding=(holding, row.agency_id) if holding else None,
        subject=f"case:{row.reference}",
        details={"emergency": row.id, "for": row.asked_by.email, "until": row.opened_until, "told": len(told or ())},
    )  # fmt: skip
    for officer_id in told or ():
        tell(f"officer:{officer_id}", "notice", case_id)
    tell(f"officer:{row.asked_by_id}", "emergency", row.id)
    return holding is not None


@transaction.atomic
def refuse(actor: Actor, emergency_id: UUID, answer: str = "") -> None:
    """Refuse as a supervisor; it can be asked again. NotFound and ActRefused as ``confirm``."""
    row = _waiting(actor, emergency_id)
    with connection.cursor() as cursor:
        cursor.execute("select holding from app_answer_emergency(%s, false, %s, '{}', '{}')", [row.id, answer])
    _log("emergency.refused", actor, row, answer=answer)
    tell(f"officer:{row.asked_by_id}", "emergency", row.id)


@transaction.atomic
def end(actor: Actor, emergency_id: UUID) -> None:
    """End it before its time: whoever asked, or a supervisor. NotFound: not theirs. ActRefused: it is not open."""
    row = _one(actor, emergency_id)
    if row.asked_by_id != actor.officer_id and not actor.has(Role.SUPERVISOR):
        raise NotFound
    with connection.cursor() as cursor:
        cursor.execute("select app_end_emergency(%s)", [row.id])
        holding = cursor.fetchone()[0]
    if holding is None:
        raise ActRefused("It is not open.")
    log.record(
        "emergency.ended", actor, holding=(holding, row.agency_id), subject=f"case:{row.reference}",
        details={"emergency": row.id},
    )  # fmt: skip


@transaction.atomic
def review(actor: Actor, emergency_id: UUID, *, accepted: bool, text: str) -> None:
    """Say afterwards whether it was justified, and why. NotFound: who asked or confirmed, and who does not oversee."""
    _review(actor, emergency_id, accepted, text)


@transaction.atomic
def withdraw_review(actor: Actor, emergency_id: UUID) -> None:
    """Take a review back: it waits again. NotFound as ``review``."""
    _review(actor, emergency_id, None, "")


def _review(actor: Actor, emergency_id: UUID, accepted: bool | None, text: str) -> None:
    row = _one(actor, emergency_id)
    if not oversees(actor) or actor.officer_id in (row.asked_by_id, row.answered_by_id):
        raise NotFound
    if accepted is not None and not text.strip():
        raise ActRefused("A review says why.")
    with connection.cursor() as cursor:
        cursor.execute("select app_review_emergency(%s, %s, %s)", [row.id, accepted, text.strip()])
        if not cursor.fetchone()[0]:
            raise ActRefused("Only what was opened is reviewed.")
    verb = "emergency.review-withdrawn" if accepted is None else "emergency.reviewed"
    _log(verb, actor, row, accepted=accepted, review=text)


def _one(actor: Actor, emergency_id: UUID) -> EmergencyAccess:
    row = emergencies_of(actor).filter(pk=emergency_id).first()
    if row is None:
        raise NotFound
    return row


def _waiting(actor: Actor, emergency_id: UUID) -> EmergencyAccess:
    row = _one(actor, emergency_id)
    if not actor.has(Role.SUPERVISOR) or row.asked_by_id == actor.officer_id:
        raise NotFound
    if row.answered_at is not None or row.lapses_at <= timezone.now():
        raise ActRefused("It was answered already, or nobody confirmed it in time: it can be asked again.")
    return row


def _log(verb: str, actor: Actor, row: EmergencyAccess, **details: Any) -> None:
    """Without a holding: whether the number stands for a case is not said by the log either."""
    log.record(verb, actor, subject=f"case:{row.reference}", details={"emergency": row.id, **details})
