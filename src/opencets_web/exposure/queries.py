"""Reading exposure for a page: actor first, frozen pages out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import UUID

from django.db.models import Sum
from django.utils import timezone

from opencets.errors import ActRefused
from opencets_web.exposure.models import AgencyRule, Ask, AskKind, Day, Setting, TwoPerson
from opencets_web.exposure.rules import Eyes, Rule, Today, needs_two
from opencets_web.policy.actor import Actor


def eyes_of(actor: Actor) -> Eyes:
    """How the actor sees at this moment."""
    row = Setting.objects.filter(pk=actor.officer_id).first()
    return _eyes(row)


def _eyes(row: Setting | None) -> Eyes:
    if row is None:
        return Eyes()
    without = {name for name in ("pictures", "video", "sound", "severe") if getattr(row, f"without_{name}")}
    return Eyes(
        mode=row.mode,
        veil=row.veil,
        grey=row.grey,
        tile=row.tile,
        sound=row.sound and "sound" not in without,
        without=frozenset(without),
        today=row.without_on == today(),
    )


def today() -> date:
    """The day that counts are kept by: UTC."""
    return timezone.now().date()


def rule_of(actor: Actor) -> Rule:
    """What the actor's agency asks for."""
    row = AgencyRule.objects.filter(pk=actor.agency_id).first()
    if row is None:
        return Rule.usual()
    names = Rule.__dataclass_fields__
    return Rule(**{name: getattr(row, name) for name in names})


def today_of(actor: Actor) -> Today:
    """What the actor was shown today, against the agency's budget and their own lower one."""
    row = Day.objects.filter(officer_id=actor.officer_id, on=today()).first()
    rule = rule_of(actor)
    own = Setting.objects.filter(pk=actor.officer_id).values_list("own_budget", flat=True).first()
    showings = rule.showings if own is None else min(own, rule.showings)
    nothing = Today(showings=showings, minutes=rule.minutes, break_after=rule.break_after)
    if row is None:
        return nothing
    more = 0
    if row.count >= showings or row.seconds >= rule.minutes * 60:
        agreed = Ask.objects.filter(officer_id=actor.officer_id, on=row.on, kind=AskKind.GO_AHEAD, agreed=True)
        more = agreed.aggregate(total=Sum("more"))["total"] or 0
    return replace(
        nothing,
        count=row.count,
        seconds=row.seconds,
        by_severity=tuple(row.by_severity),
        sound_seconds=row.sound_seconds,
        masks_lifted=row.masks_lifted,
        breaks=row.breaks,
        snoozes=row.snoozes,
        stretch_seconds=row.stretch_seconds,
        prompt_at=row.prompt_at,
        resting_until=row.resting_until,
        more=more,
    )


class NotNow(ActRefused):
    """A picture is not given out at this moment; its code says to the page which way on there is."""

    code = "not-now"


class Chosen(NotNow):
    """The officer chose not to see this."""

    code = "chosen"


class Resting(NotNow):
    """The officer is on a break."""

    code = "resting"


class BudgetUsed(NotNow):
    """The day's budget is used."""

    code = "budget"


class SecondWanted(NotNow):
    """A second officer has to be present."""

    code = "two"


def refuse_look(
    actor: Actor, *, video: bool, severity: int | None, case_id: UUID, original: bool = False, eyes: Eyes | None = None
) -> None:
    """NotNow where the actor is not to be shown this now: by their own choice, the budget, or for want of a second officer."""
    eyes = eyes if eyes is not None else eyes_of(actor)
    if sentence := eyes.hides(video=video, severity=severity):
        raise Chosen(sentence)
    now = timezone.now()
    shown = today_of(actor)
    if shown.resting(now):
        raise Resting("You are on a break. Nothing is shown until it ends, or until you end it.")
    if shown.over:
        raise BudgetUsed("The day's budget of showings is used. What you did is kept; a colleague can give a go-ahead.")
    two_from = TwoPerson.objects.filter(case_id=case_id, ended_at=None).values_list("two_from", flat=True).first()
    if needs_two(rule_of(actor), severity=severity, original=original, case_from=two_from) and not is_beside(actor):
        raise SecondWanted(
            "This is shown only while a second officer is present. Ask one; they answer in their own session."
        )


def is_beside(actor: Actor) -> bool:
    """Whether a second officer is present for the actor now, or the actor is present for one."""
    now = timezone.now()
    present = Ask.objects.filter(kind=AskKind.PRESENCE, agreed=True, ended_at=None, ends_at__gt=now)
    return (
        present.filter(officer_id=actor.officer_id).exists() or present.filter(answered_by_id=actor.officer_id).exists()
    )
