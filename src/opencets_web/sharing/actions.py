"""Asking another agency, releasing a case to it, withdrawing: each with its purpose, and known for ever."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets_web.accounts.models import Agency
from opencets_web.audit import log, outbox
from opencets_web.cases.models import Case
from opencets_web.leads.queries import standing_pointers
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Grant, GrantState, Level
from opencets_web.policy.rules import may_release, refused_by_label
from opencets_web.sharing.models import Asked, Release, Request, RequestState
from opencets_web.sharing.origin import refuse_passing_on
from opencets_web.ui.notify import tell

STANDING = (GrantState.OPEN, GrantState.INVITED)
"""The states in which a grant opens the case, or would as soon as the other side accepts."""


@transaction.atomic
def ask(actor: Actor, pointer_id: UUID, purpose: str) -> UUID:
    """Ask the agency behind a pointer for what connects; the request's id.

    ActRefused: its owner lets only be called, or a request is open already.
    """
    pointer = door.admit(
        actor,
        standing_pointers(actor).select_related("case").filter(agency_id=actor.agency_id),
        "contribute",
        pk=pointer_id,
    )
    if not purpose.strip():
        raise ActRefused("A request says for what the other agency's records are needed.")
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
    _log(
        "request.made", actor, pointer.case, {"request": request.id, "to": pointer.other_agency_id, "purpose": purpose}
    )
    outbox.post("request.changed", request_id=str(request.id), officer_id=str(actor.officer_id))
    return request.id


@transaction.atomic
def withdraw_request(actor: Actor, request_id: UUID) -> str:
    """Take an open request back; the case's reference."""
    request = door.admit(actor, _own_requests(actor), "contribute", pk=request_id)
    if request.state != RequestState.ASKED:
        raise ActRefused("The request was answered already.")
    request.state, request.answered_at = RequestState.WITHDRAWN, timezone.now()
    request.save(update_fields=["state", "answered_at"])
    _log("request.withdrawn", actor, request.case, {"request": request.id})
    outbox.post("request.changed", request_id=str(request.id), officer_id=str(actor.officer_id))
    return request.case.reference


@transaction.atomic
def ask_again(actor: Actor, request_id: UUID) -> str:
    """Ask once more what a withdrawn request asked; the case's reference. ActRefused: it was not withdrawn."""
    request = door.admit(actor, _own_requests(actor), "contribute", pk=request_id)
    if request.state != RequestState.WITHDRAWN:
        raise ActRefused("Only a request that was withdrawn is asked again.")
    ask(actor, request.pointer_id, request.purpose)
    return request.case.reference


def _own_requests(actor: Actor) -> QuerySet[Request]:
    rows = Request.objects.filter(agency_id=actor.agency_id).select_related("case")
    return rows.select_for_update(of=("self",))


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
    until: datetime | None = None,
    invited: bool = False,
) -> UUID:
    """Release a case to another agency until a day; the release's id. NotFound: not this actor's to give.

    ``invited``: it opens only once they accept, and they may decline or leave.
    ActRefused: to one's own agency, beyond a year, or it is released to them already.
    """
    rows = Case.objects.select_related("holding").select_for_update(of=("self",))
    case = door.admit(actor, rows, "manage", reference=reference)
    if not may_release(actor, case.agency_id, door.level(actor, case.holding_id)):
        raise ActRefused(f"{reference} belongs to another agency; only its owner releases it.")
    if refused := refused_by_label(case.holding):
        raise ActRefused(refused)
    if level not in (Level.READ, Level.CONTRIBUTE):
        raise ActRefused("A release lets the other agency read or contribute.")
    if not purpose.strip():
        raise ActRefused("A release names its purpose.")
    if to_agency == actor.agency_id:
        raise ActRefused("Your own agency sees the case already.")
    other = Agency.objects.filter(pk=to_agency).first()
    if other is None:
        raise ActRefused("That agency is not known here.")
    refuse_passing_on(actor, case.id, other.name, to_agency=other.id)
    if not 1 <= days <= 366:
        raise ActRefused("A release lasts from 1 to 366 days.")
    now = timezone.now()
    if Grant.objects.filter(
        holding=case.holding, to_agency_id=to_agency, state__in=STANDING, withdrawn_at=None, expires_at__gt=now
    ).exists():
        raise ActRefused(
            "It is released to that agency already, or they are invited; withdraw that release to change it."
        )
    grant = Grant.objects.create(
        holding=case.holding,
        agency_id=case.agency_id,
        to_agency_id=to_agency,
        level=level,
        purpose=purpose,
        granted_by_id=actor.officer_id,
        granted_at=now,
        expires_at=until or now + timedelta(days=days),
        invited=invited,
        state=GrantState.INVITED if invited else GrantState.OPEN,
    )
    asked = door.admit(actor, _open_asked(actor), "contribute", pk=asked_id, case=case) if asked_id else None
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
    _log(
        "invitation.made" if invited else "release.made",
        actor,
        case,
        {"release": made.id, "to": to_agency, "purpose": purpose, "until": grant.expires_at},
    )
    tell(f"case:{case.id}", "release", made.id)
    tell(f"agency:{to_agency}", "invitation" if invited else "release", grant.id)
    if not invited:
        outbox.post("release.changed", holding_id=str(case.holding_id), officer_id=str(actor.officer_id))
    return made.id


def invite(actor: Actor, reference: str, to_agency: UUID, *, purpose: str, days: int, level: str) -> UUID:
    """Invite another agency to work on a case; the release's id. Nothing opens before they accept; refused as ``release`` is."""
    return release(actor, reference, to_agency, purpose=purpose, days=days, level=level, invited=True)


def _invitation(actor: Actor, grant_id: UUID) -> Grant:
    """An invitation to the actor's agency, locked; NotFound for any other. ActRefused: it was withdrawn or is over."""
    rows = Grant.objects.filter(to_agency_id=actor.agency_id, invited=True).select_for_update(of=("self",))
    grant = rows.filter(pk=grant_id).first() if actor.reads_cases else None
    if grant is None:
        raise NotFound
    if grant.withdrawn_at is not None or grant.expires_at <= timezone.now():
        raise ActRefused("The invitation was withdrawn or is over.")
    return grant


@transaction.atomic
def accept_invitation(actor: Actor, grant_id: UUID) -> None:
    """Take part in a case; also after declining or leaving, as long as the invitation stands. The case is open from now on."""
    grant = _invitation(actor, grant_id)
    if grant.state == GrantState.OPEN:
        raise ActRefused("Your agency takes part already.")
    _answer_invitation(actor, grant, GrantState.OPEN, "", "invitation.accepted")


@transaction.atomic
def decline_invitation(actor: Actor, grant_id: UUID, reason: str) -> None:
    """Decline an invitation with a sentence for the other agency; ActRefused: it is not waiting for an answer."""
    grant = _invitation(actor, grant_id)
    if grant.state != GrantState.INVITED:
        raise ActRefused("The invitation is answered already.")
    if not reason.strip():
        raise ActRefused("Decline with a sentence that the inviting agency can read.")
    _answer_invitation(actor, grant, GrantState.DECLINED, reason, "invitation.declined")


@transaction.atomic
def reconsider_invitation(actor: Actor, grant_id: UUID) -> None:
    """Take a refusal back: the invitation waits for an answer again."""
    grant = _invitation(actor, grant_id)
    if grant.state != GrantState.DECLINED:
        raise ActRefused("The invitation was not declined.")
    _answer_invitation(actor, grant, GrantState.INVITED, "", "invitation.reconsidered")


@transaction.atomic
def leave_joint_case(actor: Actor, grant_id: UUID, reason: str) -> None:
    """Leave a case that the agency was invited to, with a reason: it closes at once for all its officers.

    What they wrote stays in it. They may come back by accepting again, as long as the invitation stands.
    """
    grant = _invitation(actor, grant_id)
    if grant.state != GrantState.OPEN:
        raise ActRefused("Your agency does not take part.")
    if not reason.strip():
        raise ActRefused("Leave with a sentence that the owning agency can read.")
    _answer_invitation(actor, grant, GrantState.LEFT, reason, "invitation.left")


def _answer_invitation(actor: Actor, grant: Grant, state: GrantState, answer: str, verb: str) -> None:
    opens_or_closes = GrantState.OPEN in (state, grant.state)
    grant.state, grant.answer = state, answer
    grant.answered_at, grant.answered_by_id = timezone.now(), actor.officer_id
    grant.save(update_fields=["state", "answer", "answered_at", "answered_by"])
    # The number of the case is not theirs to know before they accept, so the line names the invitation.
    log.record(
        verb,
        actor,
        holding=(grant.holding_id, grant.agency_id),
        subject=f"invitation:{grant.id}",
        details={"invitation": grant.id, "answer": answer},
    )
    tell(f"agency:{actor.agency_id}", "invitation", grant.id)
    outbox.post("invitation.answered", grant_id=str(grant.id), officer_id=str(actor.officer_id))
    if opens_or_closes:
        outbox.post("release.changed", holding_id=str(grant.holding_id), officer_id=str(actor.officer_id))


@transaction.atomic
def release_asked(actor: Actor, asked_id: UUID, *, purpose: str, level: str, days: int) -> tuple[UUID, str]:
    """Release what another agency asked for; the release's id and the case's reference."""
    asked = door.admit(actor, _open_asked(actor), "manage", pk=asked_id)
    made = release(
        actor, asked.case.reference, asked.from_agency_id, purpose=purpose, days=days, level=level, asked_id=asked_id
    )
    return made, asked.case.reference


@transaction.atomic
def release_again(actor: Actor, release_id: UUID) -> tuple[UUID, str]:
    """Put a withdrawn release back until the day it had; the new release's id and the case's reference.

    ActRefused: it was not withdrawn, or its day has passed.
    """
    before = door.admit(actor, Release.objects.select_related("case", "grant"), "manage", pk=release_id)
    if before.withdrawn_at is None:
        raise ActRefused("It was not withdrawn.")
    left = before.grant.expires_at - timezone.now()
    if left <= timedelta(0):
        raise ActRefused("The day it ended on has passed: make a new release.")
    days = max(1, min(366, -(-int(left.total_seconds()) // 86_400)))
    made = release(
        actor, before.case.reference, before.to_agency_id, purpose=before.purpose, days=days, level=before.grant.level,
        until=before.grant.expires_at, invited=before.grant.invited,
    )  # fmt: skip
    return made, before.case.reference


def _open_asked(actor: Actor) -> QuerySet[Asked]:
    """What may be answered, locked: of the actor's own agency only."""
    return Asked.objects.filter(agency_id=actor.agency_id).select_related("case").select_for_update(of=("self",))


@transaction.atomic
def decline(actor: Actor, asked_id: UUID, answer: str) -> str:
    """Decline what another agency asked for, with a sentence for them; the case's reference."""
    asked = door.admit(actor, _open_asked(actor), "manage", pk=asked_id)
    if not answer.strip():
        raise ActRefused("Decline with a sentence that the asking agency can read.")
    _answer(actor, asked, RequestState.DECLINED, answer)
    return asked.case.reference


@transaction.atomic
def withdraw_release(actor: Actor, release_id: UUID, reason: str) -> str:
    """End a release now: the other agency sees nothing of the case any more; the case's reference."""
    made = door.admit(actor, Release.objects.select_related("case", "grant"), "manage", pk=release_id)
    if made.agency_id != actor.agency_id:
        raise ActRefused("Only the owning agency withdraws a release.")
    if not reason.strip():
        raise ActRefused("A release is withdrawn with a reason; the log keeps it.")
    if made.withdrawn_at is not None:
        raise ActRefused("It was withdrawn already.")
    now = timezone.now()
    made.grant.withdrawn_at, made.grant.withdrawn_by_id, made.grant.withdrawn_because = now, actor.officer_id, reason
    made.grant.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_because"])
    made.withdrawn_at = now
    made.save(update_fields=["withdrawn_at"])
    tell(f"case:{made.case_id}", "release", made.id)
    tell(f"agency:{made.to_agency_id}", "invitation", made.grant_id)
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
