"""Writing cases: one function per verb; check, change, log, follow-up, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets_web.audit import log, outbox
from opencets_web.cases.models import (
    FIELDS,
    HOLDING_FIELDS,
    Assignment,
    Case,
    CaseState,
    FieldChange,
    Note,
    PartnerNumber,
    plain_lines,
)
from opencets_web.policy import door, purposes
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Handling, Holding
from opencets_web.ui.notify import tell


@dataclass(frozen=True, slots=True)
class Changed:
    """Which fields were written, and which were not because someone else had changed them meanwhile."""

    saved: tuple[str, ...]
    met: tuple[str, ...]


def _log(verb: str, actor: Actor, case: Case, details: dict[str, object] | None = None) -> None:
    """The line in the log, and word to every open page of the case."""
    log.record(
        verb, actor, holding=(case.holding_id, case.agency_id), subject=f"case:{case.reference}", details=details
    )
    tell(f"case:{case.id}", verb, case.id)


@transaction.atomic
def open_case(
    actor: Actor,
    *,
    reference: str,
    title: str,
    kind: str,
    summary: str = "",
    handling: str = "P",
    tlp: str = "",
    conditions: str = "",
    disclosure: str = "open",
    restricted: bool = False,
) -> str:
    """Open a case for the actor's agency, with its own Holding; the actor works on it, and that is their purpose of today.

    Returns the reference.

    ActRefused: the actor reads no cases, or the reference is taken.
    """
    if not actor.reads_cases:
        raise ActRefused("A case is opened by an officer who works on cases; your roles do not include that.")
    now = timezone.now()
    holding = Holding(
        agency_id=actor.agency_id,
        handling=handling,
        tlp=tlp,
        conditions=conditions,
        disclosure=disclosure,
        restricted=False,
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
    purposes.state(actor, [holding.id], "investigation", purposes.words_of("investigation", ""))
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
def change_case(actor: Actor, reference: str, *, wanted: Mapping[str, str], seen: Mapping[str, str]) -> Changed:
    """Write the fields that the editor changed; ``seen`` is what stood in each when the editor began.

    A field that someone else changed since, to something else, is not written but named in ``met``: nothing of either is lost.
    A field left as it was seen keeps what stands now. NotFound: ``handling`` and the like are changed by the owner alone.
    """
    of_holding = bool(set(wanted) & set(HOLDING_FIELDS))
    rows = Case.objects.select_for_update(of=("self",))
    case = door.admit(actor, rows, "manage" if of_holding else "contribute", reference=reference)
    if of_holding and case.agency_id != actor.agency_id:
        raise NotFound
    # Read after the case is locked: a row joined to a locked one is as it was before the wait.
    holding = Holding.objects.get(pk=case.holding_id)
    row_of: dict[str, Case | Holding] = {name: holding if name in HOLDING_FIELDS else case for name in wanted}
    now_stands = {name: plain_lines(getattr(row, name)) for name, row in row_of.items()}
    touched = [name for name, new in wanted.items() if new not in (seen.get(name), now_stands[name])]
    met = [name for name in touched if now_stands[name] != seen.get(name)]
    saved = [name for name in touched if name not in met]
    result = {**now_stands, **{name: wanted[name] for name in saved}}
    if of_holding and result["handling"] == Handling.CONDITIONS and not result["conditions"]:
        # Their change and this one are fine alone, and together leave code C without its conditions.
        met += [name for name in ("handling", "conditions") if name in saved]
        saved = [name for name in saved if name not in met]
    for row in (case, holding):
        fields = [name for name in saved if row_of[name] is row]
        for name in fields:
            setattr(row, name, wanted[name])
        if fields:
            row.save(update_fields=fields)
    _keep_changes(actor, case, {name: (now_stands[name], wanted[name]) for name in saved})
    if {"disclosure", "handling", "tlp"} & set(saved):
        outbox.post("release.changed", holding_id=str(case.holding_id), officer_id=str(actor.officer_id))
    return Changed(tuple(saved), tuple(met))


def _keep_changes(actor: Actor, case: Case, changes: Mapping[str, tuple[str, str]]) -> None:
    now = timezone.now()
    details: dict[str, object] = {}
    for name, (before, after) in changes.items():
        kept = FieldChange.objects.create(
            holding_id=case.holding_id, agency_id=case.agency_id, case=case, field=name, before=before, after=after,
            by_id=actor.officer_id, at=now,
        )  # fmt: skip
        # What stands sealed in the case does not stand open in the log: the line names the change that keeps it.
        details[name] = {"change": kept.id} if name == "summary" else {"from": before, "to": after}
    if changes:
        _log("case.changed", actor, case, details)


@transaction.atomic
def put_back(actor: Actor, change_id: UUID, seen: str) -> str:
    """Put a field back to what stood before a change; the case's reference. ``seen``: what the officer saw to stand now.

    ActRefused: it stands so already, or was changed again meanwhile.
    """
    change = door.admit(actor, FieldChange.objects.select_related("case"), "contribute", pk=change_id)
    reference = change.case.reference
    case = door.admit(actor, Case.objects.select_related("holding"), pk=change.case_id)
    stands = {name: plain_lines(getattr(case.holding if name in HOLDING_FIELDS else case, name)) for name in FIELDS}
    if plain_lines(seen) != stands[change.field]:
        raise ActRefused("It was changed again meanwhile; look at what stands now first.")
    if change.before == stands[change.field]:
        raise ActRefused("It stands so already.")
    fields = HOLDING_FIELDS if change.field in HOLDING_FIELDS else (change.field,)
    wanted = {name: stands[name] for name in fields} | {change.field: change.before}
    if change_case(actor, reference, wanted=wanted, seen=stands).met:
        raise ActRefused("It was changed again meanwhile, or code C would lose its conditions; look at it first.")
    return reference


@transaction.atomic
def close_case(actor: Actor, reference: str, reason: str) -> None:
    """Close a case with a reason; everything stays readable, and it can be opened again."""
    _set_state(actor, reference, CaseState.CLOSED, reason, "case.closed")


@transaction.atomic
def reopen_case(actor: Actor, reference: str, reason: str = "") -> None:
    """Open a closed case again."""
    _set_state(actor, reference, CaseState.OPEN, reason, "case.reopened")


def _set_state(actor: Actor, reference: str, state: CaseState, reason: str, verb: str) -> None:
    case = door.admit(actor, Case.objects.select_for_update(of=("self",)), "manage", reference=reference)
    if case.state == state:
        raise ActRefused(f"{reference} is {CaseState(state).label.lower()} already.")
    case.state = state
    case.closed_at = timezone.now() if state == CaseState.CLOSED else None
    case.closed_because = reason if state == CaseState.CLOSED else ""
    case.save(update_fields=["state", "closed_at", "closed_because"])
    _log(verb, actor, case, {"reason given": bool(reason)})


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
        _log("case.joined", actor, case)
        _tell_desk(actor, case)


@transaction.atomic
def leave_case(actor: Actor, reference: str) -> None:
    """Hand a case over: it leaves the actor's desk, with the time kept."""
    case = door.admit(actor, Case.objects.all(), reference=reference)
    left = Assignment.objects.filter(case=case, officer_id=actor.officer_id, until_at=None).update(
        until_at=timezone.now()
    )
    if left:
        _log("case.left", actor, case)
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
    _log("note.added", actor, case, {"note": note.id})
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
    _log("note.withdrawn" if withdrawn else "note.restored", actor, note.case, {"note": note.id})
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
    _log("number.added", actor, case, {"partner": partner, "number": number})


@transaction.atomic
def restore_number(actor: Actor, reference: str, number_id: UUID) -> None:
    """Put a removed number back on the case; ActRefused where the same number stands there again."""
    case = door.admit(actor, Case.objects.all(), "contribute", reference=reference)
    row = door.admit(actor, PartnerNumber.objects.exclude(removed_at=None), pk=number_id, case=case)
    add_number(actor, reference, row.partner, row.number)


@transaction.atomic
def remove_number(actor: Actor, reference: str, number_id: UUID) -> None:
    """Take a partner's number off the case; the log keeps it."""
    case = door.admit(actor, Case.objects.all(), "contribute", reference=reference)
    removed = PartnerNumber.objects.filter(pk=number_id, case=case, removed_at=None).update(removed_at=timezone.now())
    if removed:
        _log("number.removed", actor, case, {"number": number_id})
