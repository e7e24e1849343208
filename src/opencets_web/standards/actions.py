"""Writing standards: apply, move and end checklists, mark steps, set bands, pause and stop clocks."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets_web.audit import log
from opencets_web.cases.models import Case, CaseState
from opencets_web.evidence.models import Exhibit, Record
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.standards.known import known
from opencets_web.standards.models import (
    AppliedChecklist,
    Clock,
    Deadline,
    Notice,
    Pause,
    QuietHours,
    StepMark,
    StepState,
)
from opencets_web.standards.reckoning import due_of_band, due_of_step
from opencets_web.standards.vocabulary import Checklist, Step, checklist_of, clocks_of, content_of
from opencets_web.ui.notify import tell

VERB_OF = {
    StepState.DONE: "step.done",
    StepState.SKIPPED: "step.skipped",
    StepState.NOT_APPLICABLE: "step.not-applicable",
    StepState.OPEN: "step.reopened",
}
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


# --- Checklists -------------------------------------------------------------------------------------


@transaction.atomic
def apply_checklist(actor: Actor, reference: str, key: str) -> UUID:
    """Put a case under the newest version of a checklist; the id of what was applied.

    ActRefused: no such checklist is offered to the case, or the case goes by it already.
    """
    case = _case(actor, reference)
    offered = known().checklists_for(case.kind, actor.country, actor.agency_name, timezone.now().date())
    entry = next((entry for entry in offered if entry.key == key), None)
    if entry is None:
        raise ActRefused("That checklist is not offered to this kind of case in your country.")
    if AppliedChecklist.objects.filter(case=case, checklist=key, ended_at=None).exists():
        raise ActRefused(f"{reference} goes by {entry.title} already.")
    applied = _apply(actor, case, entry)
    _log("checklist.applied", actor, case, {"checklist": key, "version": entry.version})
    return applied.id


def _apply(actor: Actor, case: Case, entry: Checklist, replaces: AppliedChecklist | None = None) -> AppliedChecklist:
    now = timezone.now()
    applied = AppliedChecklist.objects.create(
        holding_id=case.holding_id,
        agency_id=case.agency_id,
        case=case,
        checklist=entry.key,
        version=entry.version,
        content=content_of(entry),
        required=sum(step.required for step in entry.steps),
        first_information_at=replaces.first_information_at if replaces else _first_information_at(case),
        applied_at=replaces.applied_at if replaces else now,
        applied_by_id=actor.officer_id,
        replaces=replaces,
    )
    _set_deadlines(case, applied, entry)
    return applied


def _first_information_at(case: Case) -> datetime:
    """The first information as a clock of the case knows it; else when the case was opened."""
    clocks = Clock.objects.filter(case=case, ended_at=None).order_by("first_information_at")
    return clocks.values_list("first_information_at", flat=True).first() or case.opened_at


def _set_deadlines(case: Case, applied: AppliedChecklist, entry: Checklist | None) -> None:
    """Make the deadlines of the steps those that the checklist asks for; what stays the same is left, with who was told."""
    live = {row.step: row for row in Deadline.objects.filter(case=case, checklist=applied.checklist, ended_at=None)}
    wanted = {}
    for step in entry.steps if entry else ():
        due = due_of_step(step, applied.first_information_at, applied.applied_at)
        if due is not None:
            wanted[step.key] = (step, due)
    now = timezone.now()
    for key, row in live.items():
        if key not in wanted or wanted[key][1].due_at != row.due_at:
            row.ended_at = now
            row.save(update_fields=["ended_at"])
    marks = _live_marks(case, applied.checklist)
    for key, (step, due) in wanted.items():
        if key in live and live[key].due_at == due.due_at:
            continue
        mark = marks.get(key)
        Deadline.objects.create(
            holding_id=case.holding_id,
            agency_id=case.agency_id,
            case=case,
            checklist=applied.checklist,
            step=key,
            title=step.title,
            runs_from_at=due.runs_from,
            due_at=due.due_at,
            soon_at=due.soon_at,
            escalate_at=due.escalate_at,
            met_at=mark.at if mark and mark.state != StepState.OPEN else None,
        )


def _live_marks(case: Case, checklist: str) -> dict[str, StepMark]:
    return {mark.step: mark for mark in StepMark.objects.filter(case=case, checklist=checklist, ended_at=None)}


@transaction.atomic
def end_checklist(actor: Actor, applied_id: UUID, reason: str) -> str:
    """Take a checklist off a case with a reason; what was marked stays. The case's reference."""
    if not reason.strip():
        raise ActRefused("A checklist is taken off a case with a reason.")
    applied = _applied(actor, applied_id)
    if applied.ended_at is not None:
        raise ActRefused("The case does not go by it any more.")
    _end(actor, applied, reason)
    _set_deadlines(applied.case, applied, None)
    _log("checklist.ended", actor, applied.case, {"checklist": applied.checklist, "reason": reason})
    return applied.case.reference


def _end(actor: Actor, applied: AppliedChecklist, reason: str) -> None:
    applied.ended_at, applied.ended_by_id, applied.ended_because = timezone.now(), actor.officer_id, reason
    applied.save(update_fields=["ended_at", "ended_by", "ended_because"])


def _restore(applied: AppliedChecklist) -> None:
    applied.ended_at, applied.ended_by_id, applied.ended_because = None, None, ""
    applied.save(update_fields=["ended_at", "ended_by", "ended_because"])
    _set_deadlines(applied.case, applied, checklist_of(applied.content))


@transaction.atomic
def restore_checklist(actor: Actor, applied_id: UUID) -> str:
    """Put a checklist that was taken off back on its case, in the version it had. The case's reference."""
    applied = _applied(actor, applied_id)
    if AppliedChecklist.objects.filter(case=applied.case, checklist=applied.checklist, ended_at=None).exists():
        raise ActRefused("The case goes by it already.")
    _restore(applied)
    _log("checklist.restored", actor, applied.case, {"checklist": applied.checklist, "version": applied.version})
    return applied.case.reference


@transaction.atomic
def move_checklist(actor: Actor, applied_id: UUID, version: int) -> UUID:
    """Let a case go by another, newer version of its checklist; marks stay with their steps. The id of what applies now."""
    applied = _applied(actor, applied_id)
    entry = known().checklist(applied.checklist, version)
    if entry is None or entry.version <= applied.version or entry.valid_from > timezone.now().date():
        raise ActRefused(f"There is no version {version} to move to.")
    if applied.ended_at is not None:
        raise ActRefused("The case does not go by that version any more.")
    _end(actor, applied, f"Moved to version {version}")
    moved = _apply(actor, applied.case, entry, replaces=applied)
    _log(
        "checklist.moved",
        actor,
        applied.case,
        {"checklist": entry.key, "from": applied.version, "to": version},
    )
    return moved.id


@transaction.atomic
def move_back(actor: Actor, applied_id: UUID) -> str:
    """Let the case go by the version again that it had before it moved to this one. The case's reference."""
    applied = _applied(actor, applied_id)
    before = applied.replaces
    if applied.ended_at is not None or before is None:
        raise ActRefused("The case did not move to this version, or does not go by it any more.")
    _end(actor, applied, f"Moved back to version {before.version}")
    before.case = applied.case
    _restore(before)
    _log(
        "checklist.moved-back",
        actor,
        applied.case,
        {"checklist": applied.checklist, "from": applied.version, "to": before.version},
    )
    return applied.case.reference


def _applied(actor: Actor, applied_id: UUID) -> AppliedChecklist:
    rows = AppliedChecklist.objects.select_related("case", "replaces").select_for_update(of=("self",))
    applied = door.admit(actor, rows, "contribute", pk=applied_id)
    _refuse_closed(applied.case)
    return applied


# --- Steps ------------------------------------------------------------------------------------------


@transaction.atomic
def mark_step(
    actor: Actor,
    reference: str,
    *,
    checklist: str,
    step: str,
    state: str,
    reason: str = "",
    exhibit: UUID | None = None,
    evidence: str = "",
) -> UUID:
    """Say of a step that it is done, skipped, not applicable, or open again; the mark's id.

    ``evidence``: a reference of one's own; the address or id of a record of the case is kept as that record. ActRefused: a
    skipped step without a reason, or a done one without the evidence it asks for.
    """
    case = _case(actor, reference)
    applied = AppliedChecklist.objects.filter(case=case, checklist=checklist, ended_at=None).first()
    wanted = checklist_of(applied.content).step(step) if applied else None
    if wanted is None:
        raise NotFound
    if state not in StepState.values:
        raise ActRefused("A step is done, skipped, not applicable or open.")
    given: dict[str, Any] = {"exhibit": None, "record": None, "reference": ""}
    if state == StepState.DONE:
        given = _evidence(actor, case, wanted, exhibit, evidence)
    elif state != StepState.OPEN and not reason.strip():
        raise ActRefused("A step is left out with a reason.")
    before = _live_mark(case, checklist, step)
    if (before.state if before else StepState.OPEN) == state:
        raise ActRefused(f"“{wanted.title}” is {StepState(state).label.lower()} already.")
    mark = _mark(actor, case, before, checklist, wanted, state, reason=reason.strip(), **given)
    _log(
        VERB_OF[StepState(state)],
        actor,
        case,
        {"checklist": checklist, "step": step, "reason": reason, "mark": mark.id, "stopped": _stopped(mark)},
    )
    return mark.id


def _live_mark(case: Case, checklist: str, step: str) -> StepMark | None:
    rows = StepMark.objects.filter(case=case, checklist=checklist, step=step, ended_at=None)
    return rows.select_for_update().first()


def _mark(
    actor: Actor, case: Case, before: StepMark | None, checklist: str, step: Step, state: str, **given: Any
) -> StepMark:
    now = timezone.now()
    if before is not None:
        before.ended_at = now
        before.save(update_fields=["ended_at"])
    mark = StepMark.objects.create(
        holding_id=case.holding_id,
        agency_id=case.agency_id,
        case=case,
        checklist=checklist,
        step=step.key,
        required=step.required,
        state=state,
        at=now,
        by_id=actor.officer_id,
        by_agency_id=actor.agency_id,
        **given,
    )
    Deadline.objects.filter(case=case, checklist=checklist, step=step.key, ended_at=None).update(
        met_at=None if state == StepState.OPEN else now
    )
    if before is not None:
        for clock in Clock.objects.filter(met_mark=before, ended_at=None):
            _unmeet(clock)
    if state == StepState.DONE:
        for clock in Clock.objects.filter(case=case, clocks__in=step.stops, ended_at=None, met_at=None):
            _meet(actor, clock, f"Step done: {step.title}", mark)
    return mark


def _stopped(mark: StepMark) -> list[str]:
    return list(Clock.objects.filter(met_mark=mark, ended_at=None).values_list("clocks", flat=True))


def _evidence(actor: Actor, case: Case, step: Step, exhibit: UUID | None, evidence: str) -> dict[str, Any]:
    """What is named as evidence, seen through the door: an exhibit, a record, or a reference."""
    shown = None
    if exhibit is not None:
        shown = door.admit(actor, Exhibit.objects.filter(case=case), pk=exhibit)
    evidence, record = evidence.strip()[:300], None
    if found := _ID.search(evidence):
        record = door.visible(actor, Record.objects.filter(case=case, pk=found.group())).first()
    if step.evidence == "exhibit" and shown is None:
        raise ActRefused(f"“{step.title}” is done with an exhibit: receive it into the case, and choose it here.")
    if step.evidence == "record" and record is None:
        raise ActRefused(f"“{step.title}” is done with a record: open the record, and put its address here.")
    if step.evidence == "reference" and not (shown or evidence):
        raise ActRefused(f"“{step.title}” is done with evidence: an exhibit, a record's address or a reference.")
    return {"exhibit": shown, "record": record, "reference": "" if record else evidence}


@transaction.atomic
def undo_mark(actor: Actor, mark_id: UUID) -> str:
    """Take back what was said last of a step: what was said before holds again. The case's reference."""
    mark = door.admit(actor, StepMark.objects.select_related("case"), "contribute", pk=mark_id)
    case = mark.case
    _refuse_closed(case)
    if mark.ended_at is not None:
        raise ActRefused("Something else was said of the step since.")
    applied = AppliedChecklist.objects.filter(case=case, checklist=mark.checklist, ended_at=None).first()
    step = checklist_of(applied.content).step(mark.step) if applied else None
    if step is None:
        raise ActRefused("The case does not go by that step any more.")
    earlier = (
        StepMark.objects.filter(case=case, checklist=mark.checklist, step=mark.step, at__lt=mark.at)
        .order_by("-at")
        .first()
    )
    given: dict[str, Any] = {"reason": "Taken back."}
    if earlier is not None:
        given = {name: getattr(earlier, name) for name in ("reason", "exhibit", "record", "reference")}
    _mark(actor, case, mark, mark.checklist, step, earlier.state if earlier else StepState.OPEN, **given)
    _log("step.undone", actor, case, {"checklist": mark.checklist, "step": mark.step, "was": mark.state})
    return case.reference


# --- Clocks -----------------------------------------------------------------------------------------


@transaction.atomic
def set_band(
    actor: Actor, reference: str, *, clocks: str, band: str, reason: str, first_information_at: datetime | None = None
) -> UUID:
    """Set or change the band of a case on one set of clocks; the clock's id.

    Time runs from the first information or from now, as the data of the band says. ActRefused: no reason, a first
    information in the future, or no such band for this case.
    """
    case = _case(actor, reference)
    now = timezone.now()
    if not reason.strip():
        raise ActRefused("A band is set with a reason.")
    offered = known().clocks_for(case.kind, actor.country, actor.agency_name, now.date())
    entry = next((entry for entry in offered if entry.key == clocks), None)
    chosen = entry.band(band) if entry else None
    if entry is None or chosen is None:
        raise ActRefused("That band is not offered to this kind of case in your country.")
    first = first_information_at or _first_information_at(case)
    if first > now + timedelta(minutes=1):
        raise ActRefused("The first information cannot lie in the future; times are in UTC.")
    before = Clock.objects.filter(case=case, clocks=clocks, ended_at=None).select_for_update().first()
    if before is not None:
        if (before.band, before.version, before.first_information_at) == (band, entry.version, first):
            raise ActRefused(f"The case has the band {chosen.title} already.")
        _end_clock(before)
    clock = Clock.objects.create(
        holding_id=case.holding_id,
        agency_id=case.agency_id,
        case=case,
        clocks=clocks,
        version=entry.version,
        content=content_of(entry),
        band=band,
        reason=reason.strip(),
        first_information_at=first,
        set_at=now,
        set_by_id=actor.officer_id,
        by_agency_id=actor.agency_id,
        replaces=before,
    )
    due = due_of_band(entry, chosen, now if chosen.runs_from == "change" else first)
    Deadline.objects.create(
        holding_id=case.holding_id,
        agency_id=case.agency_id,
        case=case,
        clock=clock,
        title=f"{chosen.title}: {entry.acts} within {chosen.due}"[:300],
        threat_to_life=chosen.threat_to_life,
        runs_from_at=due.runs_from,
        due_at=due.due_at,
        soon_at=due.soon_at,
        escalate_at=due.escalate_at,
    )
    _log(
        "band.set",
        actor,
        case,
        {"clocks": clocks, "version": entry.version, "band": band, "from": before.band if before else "",
         "reason": reason, "due": due.due_at},
    )  # fmt: skip
    return clock.id


def _end_clock(clock: Clock) -> None:
    now = timezone.now()
    clock.ended_at = now
    clock.save(update_fields=["ended_at"])
    Deadline.objects.filter(clock=clock).update(ended_at=now)


@transaction.atomic
def undo_band(actor: Actor, clock_id: UUID) -> str:
    """Take the band that was set last back: the one before holds again, with its time. The case's reference."""
    clock = _clock(actor, clock_id)
    _end_clock(clock)
    if clock.replaces is not None:
        clock.replaces.ended_at = None
        clock.replaces.save(update_fields=["ended_at"])
        Deadline.objects.filter(clock=clock.replaces).update(ended_at=None)
    before = clock.replaces.band if clock.replaces else ""
    _log("band.taken-back", actor, clock.case, {"clocks": clock.clocks, "band": clock.band, "back to": before})
    return clock.case.reference


@transaction.atomic
def pause_clock(actor: Actor, clock_id: UUID, reason: str) -> str:
    """Let a clock stand still, with a reason, where its data allows it. The case's reference."""
    clock = _clock(actor, clock_id)
    band = clocks_of(clock.content).band(clock.band)
    deadline = Deadline.objects.select_for_update().get(clock=clock)
    now = timezone.now()
    if band is None or not band.may_pause:
        raise ActRefused("This clock is never paused.")
    if not reason.strip():
        raise ActRefused("A clock is paused with a reason.")
    if clock.met_at is not None or deadline.paused_at is not None:
        raise ActRefused("The clock does not run.")
    if deadline.due_at <= now:
        raise ActRefused("The clock is overdue; it is not paused any more.")
    Pause.objects.create(
        holding_id=clock.holding_id,
        agency_id=clock.agency_id,
        clock=clock,
        reason=reason.strip(),
        since_at=now,
        paused_by_id=actor.officer_id,
    )
    deadline.paused_at = now
    deadline.save(update_fields=["paused_at"])
    _log("clock.paused", actor, clock.case, {"clocks": clock.clocks, "band": clock.band, "reason": reason})
    return clock.case.reference


@transaction.atomic
def resume_clock(actor: Actor, clock_id: UUID) -> str:
    """Let a paused clock run on: what is due is due later by as long as it stood still. The case's reference."""
    clock = _clock(actor, clock_id)
    deadline = Deadline.objects.select_for_update().get(clock=clock)
    if deadline.paused_at is None:
        raise ActRefused("The clock runs already.")
    now = timezone.now()
    stood = now - deadline.paused_at
    Pause.objects.filter(clock=clock, until_at=None).update(until_at=now, resumed_by_id=actor.officer_id)
    deadline.paused_at = None
    for name in ("due_at", "soon_at", "escalate_at"):
        setattr(deadline, name, getattr(deadline, name) + stood)
    deadline.save(update_fields=["paused_at", "due_at", "soon_at", "escalate_at"])
    _log("clock.resumed", actor, clock.case, {"clocks": clock.clocks, "band": clock.band, "due": deadline.due_at})
    return clock.case.reference


@transaction.atomic
def meet_clock(actor: Actor, clock_id: UUID, how: str) -> str:
    """Stop a clock: its act was done, and how. The case's reference."""
    clock = _clock(actor, clock_id)
    if not how.strip():
        raise ActRefused("A clock is stopped by saying what was done.")
    if clock.met_at is not None:
        raise ActRefused("The clock is stopped already.")
    _meet(actor, clock, how.strip())
    _log("clock.met", actor, clock.case, {"clocks": clock.clocks, "band": clock.band, "how": how})
    return clock.case.reference


def _meet(actor: Actor, clock: Clock, how: str, mark: StepMark | None = None) -> None:
    clock.met_at, clock.met_by_id, clock.met_how, clock.met_mark = timezone.now(), actor.officer_id, how, mark
    clock.save(update_fields=["met_at", "met_by", "met_how", "met_mark"])
    Deadline.objects.filter(clock=clock).update(met_at=clock.met_at)


def _unmeet(clock: Clock) -> None:
    clock.met_at, clock.met_by, clock.met_how, clock.met_mark = None, None, "", None
    clock.save(update_fields=["met_at", "met_by", "met_how", "met_mark"])
    Deadline.objects.filter(clock=clock).update(met_at=None)


@transaction.atomic
def reopen_clock(actor: Actor, clock_id: UUID) -> str:
    """Let a stopped clock run again, as if it had not been stopped. The case's reference."""
    clock = _clock(actor, clock_id)
    if clock.met_at is None:
        raise ActRefused("The clock runs.")
    _log("clock.reopened", actor, clock.case, {"clocks": clock.clocks, "band": clock.band, "was": clock.met_how})
    _unmeet(clock)
    return clock.case.reference


def _clock(actor: Actor, clock_id: UUID) -> Clock:
    rows = Clock.objects.select_related("case", "replaces").select_for_update(of=("self",))
    clock = door.admit(actor, rows, "contribute", pk=clock_id)
    _refuse_closed(clock.case)
    if clock.ended_at is not None:
        raise ActRefused("The case has another band since.")
    return clock


# --- Being told -------------------------------------------------------------------------------------


@transaction.atomic
def see_notice(actor: Actor, notice_id: UUID) -> str:
    """Take note of what one was told; the case's reference."""
    rows = Notice.objects.select_related("deadline__case").filter(officer_id=actor.officer_id)
    notice = door.admit(actor, rows, pk=notice_id)
    if notice.seen_at is None:
        notice.seen_at = timezone.now()
        notice.save(update_fields=["seen_at"])
        _log("notice.seen", actor, notice.deadline.case, {"notice": notice.id, "title": notice.deadline.title})
    return notice.deadline.case.reference


@transaction.atomic
def unsee_notice(actor: Actor, notice_id: UUID) -> str:
    """Put what one took note of back among what is new; the case's reference."""
    rows = Notice.objects.select_related("deadline__case").filter(officer_id=actor.officer_id)
    notice = door.admit(actor, rows, pk=notice_id)
    notice.seen_at = None
    notice.save(update_fields=["seen_at"])
    _log("notice.seen", actor, notice.deadline.case, {"notice": notice.id, "again": True})
    return notice.deadline.case.reference


@transaction.atomic
def set_quiet_hours(actor: Actor, **given: Any) -> None:
    """Say whether and when not to be told by e-mail; a threat to life is told at any time."""
    QuietHours.objects.update_or_create(officer_id=actor.officer_id, defaults=given)
    log.record("quiet-hours.set", actor, details={name: str(value) for name, value in given.items()})


# --- Shared -----------------------------------------------------------------------------------------


def _case(actor: Actor, reference: str) -> Case:
    """The case, locked, for an officer who may contribute while it is open."""
    case = door.admit(actor, Case.objects.select_for_update(of=("self",)), "contribute", reference=reference)
    _refuse_closed(case)
    return case


def _refuse_closed(case: Case) -> None:
    if case.state != CaseState.OPEN:
        raise ActRefused(f"{case.reference} is closed; open it again first.")


def _log(verb: str, actor: Actor, case: Case, details: dict[str, Any]) -> None:
    subject = f"case:{case.reference}"
    log.record(verb, actor, holding=(case.holding_id, case.agency_id), subject=subject, details=details)
    tell(f"case:{case.id}", verb, case.id)
