"""Declaring, withdrawing, writing to the other side, agreeing: each checks, changes, logs and posts what follows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from opencets.errors import ActRefused
from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency
from opencets_web.audit import log, outbox
from opencets_web.cases.models import Case, CaseState
from opencets_web.deconfliction.models import (
    Conflict,
    ConflictState,
    Declaration,
    DeclaredValue,
    OperationKind,
    Outcome,
    Said,
    Subject,
    ThreadLine,
)
from opencets_web.deconfliction.rules import limit, place_key
from opencets_web.deconfliction.thread import Line, Standing, standing
from opencets_web.deconfliction.values import Value, label_of
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.rules import LEVELS


@transaction.atomic
def declare_target(
    actor: Actor,
    reference: str,
    values: Sequence[Value],
    *,
    purpose: str,
    days: int = 90,
    label: str = "",
    contact: str = "",
    record_ref: UUID | None = None,
    media_ref: UUID | None = None,
) -> UUID:
    """Declare that a case works on these values, until a day; the declaration's id. All that is kept is compared at once.

    ActRefused: no purpose or value, too many, another agency's case, a closed one, or the officer's day is full.
    """
    case = _own_open_case(actor, reference, purpose)
    if not values:
        raise ActRefused("A target has at least one value: an address, a number, a name, a hash.")
    if len(values) > limit("values_per_declaration"):
        raise ActRefused(f"One declaration holds {limit('values_per_declaration')} values at most; split it.")
    if not 1 <= days <= limit("days_most"):
        raise ActRefused(f"A target stands from 1 to {limit('days_most')} days.")
    _within_the_day(actor, Subject.TARGET, len(values))
    now = timezone.now()
    declaration = Declaration.objects.create(
        holding_id=case.holding_id, agency_id=case.agency_id, case=case, subject=Subject.TARGET,
        label=label.strip() or _called(values), purpose=purpose, contact=contact.strip(), record_ref=record_ref,
        media_ref=media_ref, begins_at=now, ends_at=now + timedelta(days=days), declared_by_id=actor.officer_id,
        declared_at=now,
    )  # fmt: skip
    DeclaredValue.objects.bulk_create(
        DeclaredValue(
            id=new_id(), holding_id=case.holding_id, agency_id=case.agency_id, declaration=declaration, kind=value.kind,
            raw=value.raw[:2_000], normal=value.normal,
        )
        for value in values
    )  # fmt: skip
    _declared(actor, case, declaration, {"values": [f"{value.kind}:{value.normal}" for value in values]})
    return declaration.id


@transaction.atomic
def declare_operation(
    actor: Actor,
    reference: str,
    *,
    operation: str,
    begins_at: datetime,
    ends_at: datetime,
    purpose: str,
    label: str = "",
    contact: str = "",
    position: tuple[float, float] | None = None,
    radius_metres: int = 0,
    place: str = "",
) -> UUID:
    """Declare an operation of a case: when, where, of what kind; the declaration's id. Others' operations are compared at once.

    ActRefused: no place, a time that has passed or ends before it begins, and as ``declare_target``.
    """
    case = _own_open_case(actor, reference, purpose)
    now = timezone.now()
    if operation not in OperationKind.values:
        raise ActRefused("Choose the kind of operation.")
    if ends_at <= begins_at:
        raise ActRefused("The operation ends after it begins.")
    if ends_at <= now:
        raise ActRefused("The operation is over already; only what is planned or under way is declared.")
    if ends_at > now + timedelta(days=limit("days_ahead_most")):
        raise ActRefused(f"An operation is declared at most {limit('days_ahead_most')} days ahead.")
    if ends_at - begins_at > timedelta(days=limit("operation_days_most")):
        raise ActRefused(
            f"One operation lasts {limit('operation_days_most')} days at most; declare the next part apart."
        )
    if position is None and not place_key(place):
        raise ActRefused("An operation has a place: a position with a radius, or an address.")
    if not 0 <= radius_metres <= limit("radius_metres_most"):
        raise ActRefused(f"The radius is from 0 to {limit('radius_metres_most'):,} metres.")
    _within_the_day(actor, Subject.OPERATION, 1)
    declaration = Declaration.objects.create(
        holding_id=case.holding_id, agency_id=case.agency_id, case=case, subject=Subject.OPERATION,
        label=label.strip() or OperationKind(operation).label, purpose=purpose, contact=contact.strip(),
        operation=operation, begins_at=begins_at, ends_at=ends_at, latitude=position[0] if position else None,
        longitude=position[1] if position else None, radius_metres=radius_metres, place=place.strip(),
        place_key=place_key(place), declared_by_id=actor.officer_id, declared_at=now,
    )  # fmt: skip
    details = {"operation": operation, "begins": begins_at, "ends": ends_at, "position": position, "place": place}
    _declared(actor, case, declaration, details)
    return declaration.id


def _own_open_case(actor: Actor, reference: str, purpose: str) -> Case:
    case = door.admit(actor, Case.objects.all(), "contribute", reference=reference)
    if case.agency_id != actor.agency_id:
        raise ActRefused("The case belongs to another agency; its own officers declare for it.")
    if case.state != CaseState.OPEN:
        raise ActRefused("The case is closed; open it again to declare for it.")
    if not purpose.strip():
        raise ActRefused("A declaration says for what it is made; the log keeps it.")
    return case


def _within_the_day(actor: Actor, subject: Subject, more: int) -> None:
    """Refuse beyond the officer's limit of the last 24 hours: declaring is no way to search what others hold."""
    name = "values_per_officer_and_day" if subject == Subject.TARGET else "operations_per_officer_and_day"
    with connection.cursor() as cursor:
        # Two declarations at once could each pass below the limit.
        cursor.execute("select pg_advisory_xact_lock(hashtext(%s))", [f"opencets declaring {actor.officer_id}"])
    since = timezone.now() - timedelta(days=1)
    mine = Declaration.objects.filter(declared_by_id=actor.officer_id, declared_at__gte=since, subject=subject)
    used = mine.count() if subject == Subject.OPERATION else DeclaredValue.objects.filter(declaration__in=mine).count()
    if used + more > limit(name):
        raise ActRefused(
            f"You declared {used} within 24 hours; {limit(name)} are the limit. A larger list belongs into the case as an "
            "exhibit, where it is compared without being declared."
        )


def _called(values: Sequence[Value]) -> str:
    first = label_of(values[0].kind, values[0].normal)[:150]
    return first + (f" and {len(values) - 1} more" if len(values) > 1 else "")


def _declared(actor: Actor, case: Case, declaration: Declaration, details: dict[str, Any]) -> None:
    verb = "target.declared" if declaration.subject == Subject.TARGET else "operation.declared"
    log.record(
        verb, actor, holding=(case.holding_id, case.agency_id), subject=f"declaration:{declaration.id}",
        details={"case": case.reference, "purpose": declaration.purpose, "until": declaration.ends_at, **details},
    )  # fmt: skip
    _compare(actor, declaration)


def _compare(actor: Actor, declaration: Declaration) -> None:
    outbox.post("declaration.changed", declaration_id=str(declaration.id), officer_id=str(actor.officer_id))


@transaction.atomic
def withdraw_declaration(actor: Actor, declaration_id: UUID, reason: str) -> str:
    """End a declaration now, with a reason: it watches no more, and its conflicts are over; the case's reference."""
    declaration = _own_declaration(actor, declaration_id)
    if not reason.strip():
        raise ActRefused("A declaration is withdrawn with a reason; the log keeps it.")
    if declaration.withdrawn_at is not None:
        raise ActRefused("It was withdrawn already.")
    declaration.withdrawn_at, declaration.withdrawn_by_id = timezone.now(), actor.officer_id
    declaration.withdrawn_because = reason
    return _changed(actor, declaration, "declaration.withdrawn", {"reason": reason})


@transaction.atomic
def restore_declaration(actor: Actor, declaration_id: UUID) -> str:
    """Put a withdrawn declaration back until the day it had; the case's reference. ActRefused: its day has passed."""
    declaration = _own_declaration(actor, declaration_id)
    if declaration.withdrawn_at is None:
        raise ActRefused("It was not withdrawn.")
    if declaration.ends_at <= timezone.now():
        raise ActRefused("The day it ended on has passed: declare it anew.")
    declaration.withdrawn_at, declaration.withdrawn_by_id, declaration.withdrawn_because = None, None, ""
    return _changed(actor, declaration, "declaration.restored", {})


def _own_declaration(actor: Actor, declaration_id: UUID) -> Declaration:
    rows = Declaration.objects.select_related("case").select_for_update(of=("self",))
    return door.admit(actor, rows, "contribute", pk=declaration_id)


def _changed(actor: Actor, declaration: Declaration, verb: str, details: dict[str, Any]) -> str:
    declaration.compared_at = None
    declaration.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_because", "compared_at"])
    log.record(
        verb, actor, holding=(declaration.holding_id, declaration.agency_id), subject=f"declaration:{declaration.id}",
        details={"case": declaration.case.reference, **details},
    )  # fmt: skip
    _compare(actor, declaration)
    return declaration.case.reference


# --- The thread ------------------------------------------------------------------------------------------------------


@transaction.atomic
def write(actor: Actor, conflict_id: UUID, text: str) -> None:
    """Write to the other owner; where they are not told, it stays a note of one's own side."""
    conflict = _conflict(actor, conflict_id)
    if not text.strip():
        raise ActRefused("There is nothing to send: write a sentence.")
    _say(actor, conflict, Said.SAID, text=text, kept_here=not conflict.told_them)


@transaction.atomic
def ask_for_release(actor: Actor, conflict_id: UUID, purpose: str) -> None:
    """Ask the other owner to release what meets. ActRefused: their code lets only be called."""
    conflict = _conflict(actor, conflict_id)
    if not conflict.may_request or not conflict.told_them:
        raise ActRefused("The owner's handling code lets you call, not request: use the contact shown.")
    if not purpose.strip():
        raise ActRefused("A request says for what the other agency's records are needed.")
    _say(actor, conflict, Said.ASKED, text=purpose)


@transaction.atomic
def propose(actor: Actor, conflict_id: UUID, outcome: str, *, gives: bool = False, text: str = "") -> None:
    """Propose how to settle it; the other owner confirms. ``gives``: of a hand-over, that our side gives."""
    conflict = _conflict(actor, conflict_id)
    if outcome not in Outcome.values:
        raise ActRefused("Choose what you propose: proceed, hand over, or work jointly.")
    if not conflict.told_them:
        raise ActRefused("The other side is not told, so nobody could confirm. Let them be told first, or call them.")
    if conflict.state == ConflictState.AGREED:
        raise ActRefused("You agreed already; open it again to propose something else.")
    _say(actor, conflict, Said.PROPOSED, text=text, outcome=outcome, gives=gives and outcome == Outcome.HAND_OVER)


@transaction.atomic
def confirm(actor: Actor, conflict_id: UUID, proposal_ref: UUID) -> None:
    """Agree to what the other owner proposed. ActRefused: that proposal does not stand any more, or is one's own."""
    conflict = _conflict(actor, conflict_id)
    proposal = _standing(conflict).proposal
    if proposal is None or proposal.ref != proposal_ref:
        raise ActRefused("That proposal does not stand any more: read the latest lines.")
    if proposal.ours:
        raise ActRefused("Your own side proposed it; the other owner confirms.")
    _say(actor, conflict, Said.CONFIRMED, outcome=proposal.outcome, gives=not proposal.gives, about=proposal.ref)


@transaction.atomic
def reopen(actor: Actor, conflict_id: UUID, reason: str) -> None:
    """Open an agreed conflict again, with a reason that both sides read."""
    conflict = _conflict(actor, conflict_id)
    if conflict.state != ConflictState.AGREED:
        raise ActRefused("It is not settled.")
    if not reason.strip():
        raise ActRefused("It is opened again with a reason; both sides read it.")
    _say(actor, conflict, Said.REOPENED, text=reason)


@transaction.atomic
def open_to_them(actor: Actor, conflict_id: UUID) -> None:
    """Let the other side be told as well, for this conflict alone: whom to call, and the thread. It cannot be unsaid."""
    conflict = _conflict(actor, conflict_id, to="manage")
    if conflict.told_them:
        raise ActRefused("The other side is told already.")
    conflict.opened_to_them_at, conflict.opened_by_id = timezone.now(), actor.officer_id
    conflict.save(update_fields=["opened_to_them_at", "opened_by"])
    _log("conflict.opened", actor, conflict)
    outbox.post("conflict.changed", conflict_id=str(conflict.id), officer_id=str(actor.officer_id))


@transaction.atomic
def mark_read(actor: Actor, conflict_id: UUID) -> None:
    """Note that this officer has read what the other side wrote; a second time changes nothing."""
    conflict = door.admit(actor, _rows(), pk=conflict_id)
    if door.level(actor, conflict.holding_id) < LEVELS["contribute"]:
        return
    unread = []
    lines = ThreadLine.objects.filter(conflict=conflict, ours=False).select_for_update()
    for line in lines:
        if all(reader["officer"] != str(actor.officer_id) for reader in line.readers):
            reader = {"officer": str(actor.officer_id), "name": actor.display_name, "at": timezone.now().isoformat()}
            line.readers = [*line.readers, reader]
            line.save(update_fields=["readers"])
            unread.append(str(line.ref))
    if unread:
        _log("conflict.read", actor, conflict, {"lines": unread})
        outbox.post("conflict.changed", conflict_id=str(conflict.id), officer_id=str(actor.officer_id))


def _rows() -> Any:
    return Conflict.objects.filter(retired_at=None).select_related("case")


def _conflict(actor: Actor, conflict_id: UUID, *, to: str = "contribute") -> Conflict:
    found: Conflict = door.admit(actor, _rows().select_for_update(of=("self",)), to, pk=conflict_id)
    return found


def _standing(conflict: Conflict, more: Sequence[Line] = ()) -> Standing:
    rows = ThreadLine.objects.filter(conflict=conflict)
    lines = [
        Line(row.ref, row.said, row.ours, row.outcome, row.gives, row.about, row.said_at, row.kept_here) for row in rows
    ]
    return standing([*lines, *more])


def _say(
    actor: Actor,
    conflict: Conflict,
    said: Said,
    *,
    text: str = "",
    outcome: str = "",
    gives: bool = False,
    about: UUID | None = None,
    kept_here: bool = False,
) -> None:
    line = ThreadLine.objects.create(
        holding_id=conflict.holding_id, agency_id=conflict.agency_id, conflict=conflict, said=said, ours=True,
        author=actor.display_name, author_agency=Agency.objects.values_list("name", flat=True).get(pk=actor.agency_id),
        text=text.strip()[:4_000], outcome=outcome, gives=gives, about=about, kept_here=kept_here, said_at=timezone.now(),
    )  # fmt: skip
    now_stands = _standing(conflict)
    conflict.state, conflict.outcome, conflict.gives = now_stands.state, now_stands.outcome, now_stands.gives
    conflict.changed_at = timezone.now()
    conflict.save(update_fields=["state", "outcome", "gives", "changed_at"])
    verbs = {
        Said.SAID: "conflict.written", Said.ASKED: "conflict.release-asked", Said.PROPOSED: "conflict.proposed",
        Said.CONFIRMED: "conflict.agreed", Said.REOPENED: "conflict.reopened",
    }  # fmt: skip
    _log(verbs[said], actor, conflict, {"line": line.ref, "outcome": outcome})
    outbox.post("conflict.changed", conflict_id=str(conflict.id), officer_id=str(actor.officer_id))


def _log(verb: str, actor: Actor, conflict: Conflict, details: dict[str, Any] | None = None) -> None:
    log.record(
        verb, actor, holding=(conflict.holding_id, conflict.agency_id), subject=f"conflict:{conflict.id}",
        details={"case": conflict.case.reference, **(details or {})},
    )  # fmt: skip
