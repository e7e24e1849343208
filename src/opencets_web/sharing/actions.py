"""Asking another agency, releasing a case to it, withdrawing: each with its purpose, and known for ever."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from opencets.errors import ActRefused
from opencets_web.accounts.models import Agency
from opencets_web.audit import log, outbox
from opencets_web.cases.models import Case
from opencets_web.leads.models import Pointer
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Grant, Level
from opencets_web.policy.rules import LEVELS, may_release
from opencets_web.sharing.models import Asked, Release, Request, RequestState


@transaction.atomic
def ask(actor: Actor, pointer_id: UUID, purpose: str) -> UUID:
    """Ask the agency behind a pointer for what connects; the request's id.

    ActRefused: its owner lets only be called, or a request is open already.
    """
    pointer = door.admit(actor, Pointer.objects.select_related("case"), "contribute", pk=pointer_id)
    if not pointer.may_request:
        raise ActRefused("The owner's handling code lets you call, not request: use the contact shown.")
    request = Request(
        holding_id=pointer.holding_id,
        agency_id=pointer.agency_id,
        case=pointer.case,
        pointer=pointer,
        to_agency_id=pointer.other_agency_id,
        purpose=purpose,
        asked_by_id=actor.officer_id,
        asked_at=timezone.now(),
    )
    try:
        with transaction.atomic():
            request.save(force_insert=True)
    except IntegrityError:
        raise ActRefused("A request for this is open already; wait for its answer or withdraw it.") from None
    _log("request.made", actor, pointer.case, {"request": request.id, "to": pointer.other_agency_id, "purpose": purpose})
    outbox.post("request.changed", request_id=str(request.id), officer_id=str(actor.officer_id))
    return request.id


@transaction.atomic
def withdraw_request(actor: Actor, request_id: UUID) -> str:
    """Take an open request back; the case's reference."""
    request = door.admit(actor, Request.objects.select_related("case"), "contribute", pk=request_id)
    if request.state != RequestState.ASKED:
        raise ActRefused("The request was answered already.")
    request.state, request.answered_at = RequestState.WITHDRAWN, timezone.now()
    request.save(update_fields=["state", "answered_at"])
    _log("request.withdrawn", actor, request.case, {"request": request.id})
    outbox.post("request.changed", request_id=str(request.id), officer_id=str(actor.officer_id))
    return request.case.reference


@transaction.atomic
def release(
    actor: Actor,
    reference: str,
    to_agency: UUID,
    *,
    purpose: str,
    days: int = 90,
    level: str = Level.READ,
    asked_id: UUID | None = None,
) -> UUID:
    """Release a case to another agency until a day; the release's id. NotFound: not this actor's to give.

    ActRefused: to one's own agency, beyond a year, or it is released to them already.
    """
    case = door.admit(actor, Case.objects.select_related("holding"), "manage", reference=reference)
    if not may_release(actor, case.agency_id, door.level(actor, case.holding_id)):
        raise ActRefused(f"{reference} belongs to another agency; only its owner releases it.")
    if level not in (Level.READ, Level.CONTRIBUTE):
        raise ActRefused("A release lets the other agency read or contribute.")
    if to_agency == actor.agency_id:
        raise ActRefused("Your own agency sees the case already.")
    if not 1 <= days <= 366:
        raise ActRefused("A release lasts from 1 to 366 days.")
    now = timezone.now()
    if Grant.objects.filter(holding=case.holding, to_agency_id=to_agency, withdrawn_at=None, expires_at__gt=now).exists():
        raise ActRefused("It is released to that agency already; withdraw that release to change it.")
    grant = Grant.objects.create(
        holding=case.holding,
        agency_id=case.agency_id,
        to_agency_id=to_agency,
        level=level,
        purpose=purpose,
        granted_by_id=actor.officer_id,
        granted_at=now,
        expires_at=now + timedelta(days=days),
    )
    asked = door.admit(actor, Asked.objects.all(), "contribute", pk=asked_id, case=case) if asked_id else None
    made = Release.objects.create(
        holding=case.holding,
        agency_id=case.agency_id,
        case=case,
        grant=grant,
        to_agency_id=to_agency,
        asked=asked,
        purpose=purpose,
        released_by_id=actor.officer_id,
        released_at=now,
    )
    if asked is not None:
        _answer(actor, asked, RequestState.RELEASED, purpose)
    _log("release.made", actor, case, {"release": made.id, "to": to_agency, "purpose": purpose, "until": grant.expires_at})
    outbox.post("release.changed", holding_id=str(case.holding_id), officer_id=str(actor.officer_id))
    return made.id


@transaction.atomic
def decline(actor: Actor, asked_id: UUID, answer: str) -> str:
    """Decline what another agency asked for, with a sentence for them; the case's reference."""
    asked = door.admit(actor, Asked.objects.select_related("case"), "contribute", pk=asked_id)
    if LEVELS["manage"] > door.level(actor, asked.holding_id):
        raise ActRefused("Only the owning agency answers.")
    _answer(actor, asked, RequestState.DECLINED, answer)
    return asked.case.reference


@transaction.atomic
def withdraw_release(actor: Actor, release_id: UUID, reason: str) -> str:
    """End a release now: the other agency sees nothing of the case any more; the case's reference."""
    made = door.admit(actor, Release.objects.select_related("case", "grant"), "manage", pk=release_id)
    if made.agency_id != actor.agency_id:
        raise ActRefused("Only the owning agency withdraws a release.")
    if made.withdrawn_at is not None:
        raise ActRefused("It was withdrawn already.")
    now = timezone.now()
    made.grant.withdrawn_at, made.grant.withdrawn_by_id, made.grant.withdrawn_because = now, actor.officer_id, reason
    made.grant.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_because"])
    made.withdrawn_at = now
    made.save(update_fields=["withdrawn_at"])
    _log("release.withdrawn", actor, made.case, {"release": made.id, "to": made.to_agency_id, "reason": reason})
    outbox.post("release.changed", holding_id=str(made.holding_id), officer_id=str(actor.officer_id))
    return made.case.reference


def _answer(actor: Actor, asked: Asked, state: RequestState, answer: str) -> None:
    if asked.state != RequestState.ASKED:
        raise ActRefused("It was answered or withdrawn already.")
    asked.state, asked.answer = state, answer
    asked.answered_at, asked.answered_by_id = timezone.now(), actor.officer_id
    asked.save(update_fields=["state", "answer", "answered_at", "answered_by"])
    _log("request.answered", actor, asked.case, {"request": asked.request_ref, "state": state})
    outbox.post("request.changed", request_id=str(asked.request_ref), officer_id=str(actor.officer_id))


def _log(verb: str, actor: Actor, case: Case, details: dict[str, object]) -> None:
    log.record(
        verb, actor, holding=(case.holding_id, case.agency_id), subject=f"case:{case.reference}", details=details
    )


def other_agencies(actor: Actor) -> list[Agency]:
    """Every agency of this node but the actor's own, by name."""
    return list(Agency.objects.exclude(pk=actor.agency_id))
