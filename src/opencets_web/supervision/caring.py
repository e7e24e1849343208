"""Care after the sentence: what was agreed and is due, whom to call, goals, and instruments that trained raters fill in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from opencets.errors import ActRefused
from opencets_web.accounts.models import Certification
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.supervision.actions import note, person_for
from opencets_web.supervision.instruments import instruments
from opencets_web.supervision.models import (
    Appointment,
    AppointmentKind,
    Assessment,
    Contact,
    ContactKind,
    Plan,
)

RATING = "risk-rating"
"""The certification of those who fill in instruments; it is always asked for, whatever an agency opens."""


@transaction.atomic
def agree(actor: Actor, reference: str, *, kind: str, due_at: datetime, words: str = "", agreed: bool = False) -> UUID:
    """Put down a visit, check or date that is due; its id. ``agreed``: the person knows of it."""
    person = person_for(actor, reference)
    if kind not in AppointmentKind.values:
        raise ActRefused(
            "Say what it is: a check-in, a visit, a check of a device, a date of the register, treatment or a reminder."
        )
    made = Appointment.objects.create(
        holding_id=person.holding_id, agency_id=person.agency_id, person=person, kind=kind, words=words.strip()[:2000],
        due_at=due_at, agreed=agreed, made_by_id=actor.officer_id, made_at=timezone.now(),
    )  # fmt: skip
    note(actor, "appointment.made", person, f"appointment:{made.id}", kind=kind, due=due_at)
    return made.id


@transaction.atomic
def settle(actor: Actor, appointment_id: UUID, act: str, outcome: str = "") -> str:
    """``done`` with what came of it, ``dropped``, or ``open`` again; the person's reference. ActRefused: nothing said."""
    row = door.admit(actor, Appointment.objects.select_related("person"), "contribute", pk=appointment_id)
    now = timezone.now()
    if act == "done" and not outcome.strip():
        raise ActRefused("Say what came of it.")
    row.done_at, row.done_by_id = (now, actor.officer_id) if act == "done" else (None, None)
    row.outcome = outcome.strip()[:4000] if act == "done" else ""
    row.dropped_at = now if act == "dropped" else None
    row.save(update_fields=["done_at", "done_by", "outcome", "dropped_at"])
    note(actor, "appointment.changed", row.person, f"appointment:{row.id}", act=act)
    return row.person.reference


@transaction.atomic
def enter_contact(actor: Actor, reference: str, *, kind: str, name: str, details: str = "") -> UUID:
    """Enter somebody to call, or where the person lives and works; the id. ActRefused: no name."""
    person = person_for(actor, reference)
    if kind not in ContactKind.values or not name.strip():
        raise ActRefused("Say who it is, and what they are to the person.")
    made = Contact.objects.create(
        holding_id=person.holding_id, agency_id=person.agency_id, person=person, kind=kind, name=name.strip()[:200],
        details=details.strip()[:2000], entered_by_id=actor.officer_id, entered_at=timezone.now(),
    )  # fmt: skip
    note(actor, "contact.entered", person, f"contact:{made.id}", kind=kind)
    return made.id


@transaction.atomic
def end_contact(actor: Actor, contact_id: UUID, *, ended: bool = True) -> str:
    """A contact holds no longer, or again; the person's reference."""
    row = door.admit(actor, Contact.objects.select_related("person"), "contribute", pk=contact_id)
    row.ended_at = timezone.now() if ended else None
    row.save(update_fields=["ended_at"])
    note(actor, "contact.changed", row.person, f"contact:{row.id}", ended=ended)
    return row.person.reference


@transaction.atomic
def agree_goal(actor: Actor, reference: str, words: str) -> UUID:
    """Put down a goal that was agreed with the person; its id. ActRefused: nothing said."""
    person = person_for(actor, reference)
    if not words.strip():
        raise ActRefused("Say what was agreed.")
    made = Plan.objects.create(
        holding_id=person.holding_id, agency_id=person.agency_id, person=person, words=words.strip()[:2000],
        made_by_id=actor.officer_id, made_at=timezone.now(),
    )  # fmt: skip
    note(actor, "plan.made", person, f"plan:{made.id}")
    return made.id


@transaction.atomic
def settle_goal(actor: Actor, plan_id: UUID, act: str) -> str:
    """``reached``, ``dropped``, or ``open`` again; the person's reference."""
    row = door.admit(actor, Plan.objects.select_related("person"), "contribute", pk=plan_id)
    now = timezone.now()
    row.reached_at = now if act == "reached" else None
    row.dropped_at = now if act == "dropped" else None
    row.save(update_fields=["reached_at", "dropped_at"])
    note(actor, "plan.changed", row.person, f"plan:{row.id}", act=act)
    return row.person.reference


def may_rate(actor: Actor) -> bool:
    """Whether the actor's certification as a rater is current."""
    today = timezone.now().date()
    return Certification.objects.filter(
        officer_id=actor.officer_id, kind=RATING, withdrawn_at=None, issued_on__lte=today, expires_on__gt=today
    ).exists()


@transaction.atomic
def assess(actor: Actor, reference: str, instrument: str, answers: Mapping[str, str]) -> UUID:
    """Fill in an instrument; its id. ActRefused: not a trained rater, no such instrument, an item not answered."""
    person = person_for(actor, reference)
    if not may_rate(actor):
        raise ActRefused(
            "Instruments are filled in by officers whose certification as raters is current. Your administrator enters it."
        )
    form = instruments().get(instrument)
    if form is None:
        raise ActRefused("There is no such instrument here.")
    score = sum(part.points for part in form.parts(answers))
    made = Assessment.objects.create(
        holding_id=person.holding_id, agency_id=person.agency_id, person=person, instrument=form.key, version=form.version,
        answers={item.key: answers[item.key] for item in form.items}, score=str(score), rater_id=actor.officer_id,
        at=timezone.now(),
    )  # fmt: skip
    note(actor, "assessment.made", person, f"assessment:{made.id}", instrument=form.key, version=form.version)
    return made.id


@transaction.atomic
def withdraw_assessment(actor: Actor, assessment_id: UUID, *, withdrawn: bool = True) -> str:
    """Take a filled-in instrument back, or put it back; the person's reference. ActRefused: another's."""
    row = door.admit(actor, Assessment.objects.select_related("person"), "contribute", pk=assessment_id)
    if row.rater_id != actor.officer_id:
        raise ActRefused("The rater takes it back; others say in a note what they see otherwise.")
    row.withdrawn_at = timezone.now() if withdrawn else None
    row.save(update_fields=["withdrawn_at"])
    verb = "assessment.withdrawn" if withdrawn else "assessment.restored"
    note(actor, verb, row.person, f"assessment:{row.id}", instrument=row.instrument)
    return row.person.reference
