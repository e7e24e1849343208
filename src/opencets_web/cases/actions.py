"""Writing cases: one function per verb; check, change, log, follow-up, in one transaction."""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from opencets.errors import ActRefused
from opencets_web.audit import log, outbox
from opencets_web.cases.models import Assignment, Case, CaseState, Note, PartnerNumber
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Holding
from opencets_web.ui.notify import tell


@transaction.atomic
def open_case(
    actor: Actor,
    *,
    reference: str,
    title: str,
    kind: str,
    summary: str = "",
    handling: str = "P",
    conditions: str = "",
    disclosure: str = "open",
    restricted: bool = False,
) -> str:
    """Open a case for the actor's agency, with its own Holding; the actor works on it. Returns the reference.

    ActRefused: the actor reads no cases, or the reference is taken.
    """
    if not actor.reads_cases:
        raise ActRefused("A case is opened by an officer who works on cases; your roles do not include that.")
    now = timezone.now()
    holding = Holding(
        agency_id=actor.agency_id, handling=handling, conditions=conditions, disclosure=disclosure, restricted=False
    )
    holding.save(force_insert=True)
    case = Case(
        holding=holding,
        agency_id=actor.agency_id,
        reference=reference,
        title=title,
        kind=kind,
        summary=summary,
        opened_at=now,
        opened_by_id=actor.officer_id,
    )
    try:
        with transaction.atomic():
            case.save(force_insert=True)
    except IntegrityError:
        raise ActRefused(f"The reference {reference} is taken; choose another.") from None
    Assignment.objects.create(
        holding=holding, agency_id=actor.agency_id, case=case, officer_id=actor.officer_id, since_at=now
    )
    log.record(
        "case.opened",
        actor,
        holding=(holding.id, actor.agency_id),
        subject=f"case:{reference}",
        details={"title": title},
    )
    if restricted:
        restrict_case(actor, reference)
    _tell_desk(actor, case)
    return reference


def _tell_desk(actor: Actor, case: Case) -> None:
    """An open desk takes the case up, or lets it go; only then does it hear what happens in it."""
    tell(f"officer:{actor.officer_id}", "cases", case.id)


@transaction.atomic
def restrict_case(actor: Actor, reference: str) -> None:
    """Close the case to colleagues: only officers with a grant by name, the actor first, see it from now on."""
    from datetime import timedelta

    from opencets_web.policy.models import Grant

    case = door.admit(actor, Case.objects.select_related("holding"), "manage", reference=reference)
    now = timezone.now()
    Grant.objects.create(
        holding=case.holding,
        agency_id=case.agency_id,
        to_officer_id=actor.officer_id,
        level="manage",
        purpose="Works on the restricted case",
        granted_by_id=actor.officer_id,
        granted_at=now,
        expires_at=now + timedelta(days=365),
    )
    case.holding.restricted = True
    case.holding.save(update_fields=["restricted"])
    log.record(
        "case.changed",
        actor,
        holding=(case.holding_id, case.agency_id),
        subject=f"case:{reference}",
        details={"restricted": True},
    )


@transaction.atomic
def change_case(
    actor: Actor,
    reference: str,
    *,
    title: str,
    kind: str,
    summary: str,
    handling: str,
    conditions: str,
    disclosure: str,
) -> None:
    """Change what is written about a case and how it is handled; only the changed fields are written and logged."""
    case = door.admit(
        actor, Case.objects.select_related("holding").select_for_update(of=("self",)), "manage", reference=reference
    )
    changed: dict[str, object] = {}
    for row, wanted in (
        (case, {"title": title, "kind": kind, "summary": summary}),
        (case.holding, {"handling": handling, "conditions": conditions, "disclosure": disclosure}),
    ):
        fields = [name for name, new in wanted.items() if getattr(row, name) != new]
        for name in fields:
            changed[name] = {"from": getattr(row, name), "to": wanted[name]}
            setattr(row, name, wanted[name])
        if fields:
            row.save(update_fields=fields)
    if {"disclosure", "handling"} & set(changed):
        outbox.post("release.changed", holding_id=str(case.holding_id), officer_id=str(actor.officer_id))
    if changed:
        log.record(
            "case.changed",
            actor,
            holding=(case.holding_id, case.agency_id),
            subject=f"case:{reference}",
            details=changed,
        )


@transaction.atomic
def close_case(actor: Actor, reference: str, reason: str) -> None:
    """Close a case with a reason; everything stays readable, and it can be opened again."""
    _set_state(actor, reference, CaseState.CLOSED, reason, "case.closed")


@transaction.atomic
def reopen_case(actor: Actor, reference: str, reason: str = "") -> None:
    """Open a closed case again."""
    _set_state(actor, reference, CaseState.OPEN, reason, "case.reopened")


def _set_state(actor: Actor, reference: str, state: CaseState, reason: str, verb: str) -> None:
    case = door.admit(actor, Case.objects.all(), "manage", reference=reference)
    if case.state == state:
        raise ActRefused(f"{reference} is {CaseState(state).label.lower()} already.")
    case.state = state
    case.closed_at = timezone.now() if state == CaseState.CLOSED else None
    case.closed_because = reason if state == CaseState.CLOSED else ""
    case.save(update_fields=["state", "closed_at", "closed_because"])
    log.record(
        verb, actor, holding=(case.holding_id, case.agency_id), subject=f"case:{reference}", details={"reason": reason}
    )


@transaction.atomic
def join_case(actor: Actor, reference: str) -> None:
    """Take on a case: it stands on the actor's desk from now on."""
    case = door.admit(actor, Case.objects.all(), "contribute", reference=reference)
    _, made = Assignment.objects.get_or_create(
        case=case,
        officer_id=actor.officer_id,
        until_at=None,
        defaults={"holding_id": case.holding_id, "agency_id": case.agency_id, "since_at": timezone.now()},
    )
    if made:
        log.record("case.joined", actor, holding=(case.holding_id, case.agency_id), subject=f"case:{reference}")
        _tell_desk(actor, case)


@transaction.atomic
def leave_case(actor: Actor, reference: str) -> None:
    """Hand a case over: it leaves the actor's desk, with the time kept."""
    case = door.admit(actor, Case.objects.all(), reference=reference)
    left = Assignment.objects.filter(case=case, officer_id=actor.officer_id, until_at=None).update(
        until_at=timezone.now()
    )
    if left:
        log.record("case.left", actor, holding=(case.holding_id, case.agency_id), subject=f"case:{reference}")
        _tell_desk(actor, case)


@transaction.atomic
def add_note(actor: Actor, reference: str, text: str) -> UUID:
    """Write a note on a case; its id."""
    case = door.admit(actor, Case.objects.all(), "contribute", reference=reference)
    note = Note.objects.create(
        holding_id=case.holding_id,
        agency_id=case.agency_id,
        case=case,
        author_id=actor.officer_id,
        text=text,
        written_at=timezone.now(),
    )
    log.record(
        "note.added",
        actor,
        holding=(case.holding_id, case.agency_id),
        subject=f"case:{reference}",
        details={"note": note.id},
    )
    return note.id


@transaction.atomic
def withdraw_note(actor: Actor, note_id: UUID) -> str:
    """Withdraw one's own note; it stays, marked. The case's reference."""
    return _mark_note(actor, note_id, withdrawn=True)


@transaction.atomic
def restore_note(actor: Actor, note_id: UUID) -> str:
    """Put one's withdrawn note back. The case's reference."""
    return _mark_note(actor, note_id, withdrawn=False)


def _mark_note(actor: Actor, note_id: UUID, *, withdrawn: bool) -> str:
    note = door.admit(actor, Note.objects.select_related("case"), "contribute", pk=note_id, author_id=actor.officer_id)
    note.withdrawn_at = timezone.now() if withdrawn else None
    note.save(update_fields=["withdrawn_at"])
    log.record(
        "note.withdrawn" if withdrawn else "note.restored",
        actor,
        holding=(note.holding_id, note.agency_id),
        subject=f"case:{note.case.reference}",
        details={"note": note.id},
    )
    return note.case.reference


@transaction.atomic
def add_number(actor: Actor, reference: str, partner: str, number: str) -> None:
    """Write a partner's own number for the case; ActRefused where it stands already."""
    case = door.admit(actor, Case.objects.all(), "contribute", reference=reference)
    try:
        with transaction.atomic():
            PartnerNumber.objects.create(
                holding_id=case.holding_id, agency_id=case.agency_id, case=case, partner=partner, number=number
            )
    except IntegrityError:
        raise ActRefused(f"{partner} {number} stands on the case already.") from None
    log.record(
        "number.added",
        actor,
        holding=(case.holding_id, case.agency_id),
        subject=f"case:{reference}",
        details={"partner": partner, "number": number},
    )


@transaction.atomic
def remove_number(actor: Actor, reference: str, number_id: UUID) -> None:
    """Take a partner's number off the case; the log keeps it."""
    case = door.admit(actor, Case.objects.all(), "contribute", reference=reference)
    removed = PartnerNumber.objects.filter(pk=number_id, case=case, removed_at=None).update(removed_at=timezone.now())
    if removed:
        log.record(
            "number.removed",
            actor,
            holding=(case.holding_id, case.agency_id),
            subject=f"case:{reference}",
            details={"number": number_id},
        )
