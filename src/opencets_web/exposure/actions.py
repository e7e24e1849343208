"""Writing exposure: counting looks, breaks, settings, asking a colleague, what an agency asks for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Role
from opencets_web.audit import log
from opencets_web.cases.models import Case
from opencets_web.exposure.models import AgencyRule, Ask, AskKind, Day, Mode, Setting, TwoPerson, Veil
from opencets_web.exposure.queries import rule_of, today
from opencets_web.exposure.rules import UNGRADED, default
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.ui.notify import tell

# --- Counting ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Look:
    """One showing: how long, how severe, with sound or not, and whether masks were lifted for it."""

    seconds: float
    severity: int | None
    sound: bool = False
    lifted: bool = False


@transaction.atomic
def count_looks(actor: Actor, looks: Iterable[Look]) -> None:
    """Add what the actor was shown to their day. A gap as long as a break, since the last look, is one."""
    looks = list(looks)
    if not looks:
        return
    by_severity = [0] * (UNGRADED + 1)
    for look in looks:
        by_severity[UNGRADED if look.severity is None else look.severity] += 1
    seconds = sum(look.seconds for look in looks)
    rested = rule_of(actor).break_minutes * 60
    with connection.cursor() as cursor:
        cursor.execute(
            'insert into exposure_day as d (id, officer_id, "on", count, seconds, by_severity, sound_seconds, masks_lifted, breaks,'
            " snoozes, stretch_seconds, last_at, prompt_at) values (%(id)s, %(officer)s, %(on)s, %(count)s, %(seconds)s, %(sev)s,"
            ' %(sound)s, %(lifted)s, 0, 0, %(seconds)s, now(), 0) on conflict (officer_id, "on") do update set'
            " count = d.count + excluded.count, seconds = d.seconds + excluded.seconds,"
            " by_severity = array(select a + b from unnest(d.by_severity, excluded.by_severity) as x (a, b)),"
            " sound_seconds = d.sound_seconds + excluded.sound_seconds, masks_lifted = d.masks_lifted + excluded.masks_lifted,"
            " prompt_at = case when d.last_at > now() - %(rested)s * interval '1 second' then d.prompt_at else 0 end,"
            " stretch_seconds = excluded.seconds + case when d.last_at > now() - %(rested)s * interval '1 second'"
            " then d.stretch_seconds else 0 end, last_at = now()",
            {
                "id": new_id(), "officer": actor.officer_id, "on": today(), "count": len(looks), "seconds": seconds,
                "sev": by_severity, "sound": sum(look.seconds for look in looks if look.sound),
                "lifted": sum(look.lifted for look in looks), "rested": rested,
            },
        )  # fmt: skip


def _day(actor: Actor) -> Day:
    found, _ = Day.objects.select_for_update().get_or_create(officer_id=actor.officer_id, on=today())
    return found


@transaction.atomic
def begin_break(actor: Actor) -> int:
    """Nothing is shown for the agency's minutes of a break; how many. The stretch begins anew after it."""
    minutes = rule_of(actor).break_minutes
    day = _day(actor)
    day.breaks += 1
    day.stretch_seconds = day.prompt_at = 0
    day.resting_until = timezone.now() + timedelta(minutes=minutes)
    day.save(update_fields=["breaks", "stretch_seconds", "prompt_at", "resting_until"])
    log.record("exposure.break-begun", actor, details={"minutes": minutes})
    return minutes


@transaction.atomic
def end_break(actor: Actor) -> None:
    """The actor is back before the time; nothing is asked."""
    day = _day(actor)
    day.resting_until = None
    day.save(update_fields=["resting_until"])
    log.record("exposure.break-ended", actor)


@transaction.atomic
def snooze_break(actor: Actor) -> int:
    """A break is offered again after some minutes more of showing; how many. Counted."""
    minutes = default("snooze_minutes")
    day = _day(actor)
    day.snoozes += 1
    day.prompt_at = day.stretch_seconds + minutes * 60
    day.save(update_fields=["snoozes", "prompt_at"])
    log.record("exposure.break-snoozed", actor, details={"minutes": minutes})
    return minutes


# --- How an officer sees ----------------------------------------------------------------------------------------------

CHOICES = ("grey", "sound", "without_pictures", "without_video", "without_sound", "without_severe")


@transaction.atomic
def choose(actor: Actor, **chosen: Any) -> None:
    """How the actor sees from now on: ``mode``, ``veil``, ``tile``, ``own_budget``, ``nothing_today`` and ``CHOICES``.

    Only what is given changes. ActRefused for a budget above the agency's, or a value that there is not.
    """
    row = Setting.objects.select_for_update().filter(pk=actor.officer_id).first() or Setting(
        officer_id=actor.officer_id
    )
    if "mode" in chosen:
        if chosen["mode"] not in Mode.values:
            raise ActRefused("There are three modes: pictures, words, digests.")
        row.mode = chosen["mode"]
    if "veil" in chosen:
        if chosen["veil"] not in Veil.values:
            raise ActRefused("A veil is strong, medium or light.")
        row.veil = chosen["veil"]
    if "tile" in chosen:
        row.tile = min(320, max(64, int(chosen["tile"])))
    for name in CHOICES:
        if name in chosen:
            setattr(row, name, bool(chosen[name]))
    if "nothing_today" in chosen:
        row.without_on = today() if chosen["nothing_today"] else None
    if "own_budget" in chosen:
        most, own = rule_of(actor).showings, chosen["own_budget"]
        if own is not None and not 0 <= own <= most:
            raise ActRefused(f"Your own budget is at most your agency's: {most} showings a day.")
        row.own_budget = own
    row.changed_at = timezone.now()
    row.save()
    # What an officer does not want to see is nobody's business: the log says that they chose, and not what.
    log.record("exposure.chosen", actor)


@transaction.atomic
def ask_for_talk(actor: Actor, *, wanted: bool) -> None:
    """The actor's supervisors read that they would like to talk, or no longer do; no reason is asked."""
    row = Setting.objects.select_for_update().filter(pk=actor.officer_id).first() or Setting(
        officer_id=actor.officer_id
    )
    row.talk_asked_at = timezone.now() if wanted else None
    row.changed_at = timezone.now()
    row.save()
    log.record("exposure.talk-asked" if wanted else "exposure.talk-settled", actor)


# --- Two officers -----------------------------------------------------------------------------------------------------


@transaction.atomic
def ask_colleague(actor: Actor, kind: str) -> UUID:
    """Ask the agency's officers to be present, or for a go-ahead; the ask lapses by itself. Its id; an open one is not doubled."""
    if kind not in AskKind.values or not actor.reads_cases:
        raise NotFound
    now = timezone.now()
    waiting = Ask.objects.filter(
        officer_id=actor.officer_id, kind=kind, answered_at=None, ended_at=None, lapses_at__gt=now
    ).first()
    if waiting is not None:
        return waiting.id
    asked = Ask.objects.create(
        agency_id=actor.agency_id, kind=kind, officer_id=actor.officer_id, on=today(), asked_at=now,
        lapses_at=now + timedelta(minutes=default("ask_minutes")),
    )  # fmt: skip
    log.record("exposure.asked", actor, subject=f"exposure-ask:{asked.id}", details={"kind": kind})
    _tell(asked)
    return asked.id


@transaction.atomic
def answer_colleague(actor: Actor, ask_id: UUID, *, agreed: bool) -> Ask:
    """Be present for a colleague, or give them a go-ahead; or not. ActRefused: their own ask, or it has lapsed or was answered."""
    asked = Ask.objects.select_for_update().filter(pk=ask_id, agency_id=actor.agency_id).first()
    if asked is None or not actor.reads_cases:
        raise NotFound
    now = timezone.now()
    if asked.officer_id == actor.officer_id:
        raise ActRefused("A colleague answers this, in their own session.")
    if asked.answered_at is not None or asked.ended_at is not None or asked.lapses_at <= now:
        raise ActRefused("This was answered already, or has lapsed. Your colleague can ask again.")
    asked.answered_by_id, asked.answered_at, asked.agreed = actor.officer_id, now, agreed
    if agreed and asked.kind == AskKind.PRESENCE:
        asked.ends_at = now + timedelta(minutes=rule_of(actor).two_minutes)
    elif agreed:
        asked.more = default("more")
    asked.save(update_fields=["answered_by", "answered_at", "agreed", "ends_at", "more"])
    log.record(
        "exposure.answered", actor, subject=f"exposure-ask:{asked.id}",
        details={"kind": asked.kind, "agreed": agreed, "for": str(asked.officer_id)},
    )  # fmt: skip
    _tell(asked)
    return asked


def _tell(asked: Ask) -> None:
    """Open pages of the agency's officers ask again; browsers that are not open are told by ``push``."""
    tell(f"agency:{asked.agency_id}", "exposure-ask", asked.id)
    tell(f"officer:{asked.officer_id}", "exposure-ask", asked.id)


@transaction.atomic
def end_ask(actor: Actor, ask_id: UUID) -> None:
    """Take an ask back, or end being together; either of the two may."""
    asked = Ask.objects.select_for_update().filter(pk=ask_id, agency_id=actor.agency_id, ended_at=None).first()
    if asked is None or actor.officer_id not in (asked.officer_id, asked.answered_by_id):
        raise NotFound
    asked.ended_at = timezone.now()
    asked.save(update_fields=["ended_at"])
    log.record("exposure.ask-ended", actor, subject=f"exposure-ask:{asked.id}", details={"kind": asked.kind})
    _tell(asked)


# --- What an agency, and a case, ask for ------------------------------------------------------------------------------


@transaction.atomic
def set_rule(actor: Actor, **asked: Any) -> None:
    """What the actor's agency asks for, from now on. ActRefused for whoever is no supervisor."""
    if not actor.has(Role.SUPERVISOR):
        raise ActRefused("A supervisor of your agency sets this.")
    values = {**asked, "changed_by_id": actor.officer_id, "changed_at": timezone.now()}
    AgencyRule.objects.update_or_create(agency_id=actor.agency_id, defaults=values)
    log.record("exposure.rule-set", actor, details=dict(asked))


@transaction.atomic
def set_two_person(actor: Actor, reference: str, *, on: bool) -> None:
    """In this case media are shown only while two officers are present; or no longer. For an officer who manages the case."""
    case = door.admit(actor, Case.objects.all(), "manage", reference=reference)
    rows = TwoPerson.objects.select_for_update().filter(case_id=case.id, ended_at=None)
    now = timezone.now()
    row = rows.first()
    if on and row is None:
        TwoPerson.objects.create(
            holding_id=case.holding_id,
            agency_id=case.agency_id,
            case_id=case.id,
            set_by_id=actor.officer_id,
            set_at=now,
        )
    elif not on and row is not None:
        row.ended_at, row.ended_by_id = now, actor.officer_id
        row.save(update_fields=["ended_at", "ended_by"])
    else:
        return
    verb = "exposure.two-asked-for" if on else "exposure.two-ended"
    log.record(verb, actor, holding=(case.holding_id, case.agency_id), subject=f"case:{reference}")
