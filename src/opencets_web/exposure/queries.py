"""Reading exposure for a page: actor first, frozen pages out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Count, OuterRef, Subquery, Sum
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets_web.accounts.models import Officer, Role
from opencets_web.audit import log
from opencets_web.exposure.models import AgencyRule, Ask, AskKind, Day, Setting, TwoPerson
from opencets_web.exposure.rules import SEVERITY_WORDS, Eyes, Rule, Today, default, needs_two
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
    return _today(actor, Setting.objects.filter(pk=actor.officer_id).values_list("own_budget", flat=True).first())


def today_and_asks(actor: Actor) -> tuple[Today, int]:
    """``today_of``, and how many colleagues ask for company or a go-ahead at this moment."""
    now = timezone.now()
    asking = (
        Ask.objects.filter(agency_id=actor.agency_id, answered_at=None, ended_at=None, lapses_at__gt=now)
        .exclude(officer_id=actor.officer_id)
        .order_by()
        .values("agency_id")
        .annotate(number=Count("id"))
        .values("number")
    )
    own = Setting.objects.filter(pk=OuterRef("pk")).values("own_budget")
    row = Officer.objects.filter(pk=actor.officer_id).values_list(Subquery(own), Subquery(asking)).first()
    own_budget, asks = row if row is not None else (None, 0)
    return _today(actor, own_budget), asks or 0


def _today(actor: Actor, own: int | None) -> Today:
    row = Day.objects.filter(officer_id=actor.officer_id, on=today()).first()
    rule = rule_of(actor)
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


def asks_for_two(case_id: UUID) -> bool:
    """Whether a case's media are shown only while two officers are present."""
    return TwoPerson.objects.filter(case_id=case_id, ended_at=None).exists()


def is_beside(actor: Actor) -> bool:
    """Whether a second officer is present for the actor now, or the actor is present for one."""
    now = timezone.now()
    present = Ask.objects.filter(kind=AskKind.PRESENCE, agreed=True, ended_at=None, ends_at__gt=now)
    return (
        present.filter(officer_id=actor.officer_id).exists() or present.filter(answered_by_id=actor.officer_id).exists()
    )


# --- Pages ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DayLine:
    """One day of an officer's own history."""

    on: date
    count: int
    minutes: int
    severe: int
    breaks: int
    snoozes: int
    share: int
    """Per cent of the agency's budget."""
    x: int = 0
    y: int = 120
    height: int = 0
    """Its bar in a plot of 560 by 120, in which the budget stands at 40."""


@dataclass(frozen=True, slots=True)
class AskLine:
    """An ask for presence or a go-ahead, as it stands now."""

    id: UUID
    kind: str
    label: str
    officer: str
    asked_at: datetime
    lapses_at: datetime
    answered_by: str
    state: str
    tone: str
    ends_at: datetime | None
    mine: bool
    open: bool
    running: bool

    @property
    def yes(self) -> str:
        """What a colleague who agrees says."""
        return "I sit beside you" if self.kind == AskKind.PRESENCE else "Go ahead"


@dataclass(frozen=True, slots=True)
class MinePage:
    """How the actor sees, what they were shown, and what they can do about it. Nobody else reads it."""

    eyes: Eyes
    today: Today
    rule: Rule
    own_budget: int | None
    talk_asked_at: datetime | None
    days: tuple[DayLine, ...]
    asks: tuple[AskLine, ...]
    resting_until: datetime | None
    is_supervisor: bool
    severities: tuple[tuple[str, int], ...]

    @property
    def minutes(self) -> int:
        """Minutes shown today."""
        return round(self.today.seconds / 60)

    @property
    def seen_days(self) -> tuple[DayLine, ...]:
        """The days on which anything was shown, the newest first."""
        return tuple(day for day in reversed(self.days) if day.count)


DAYS_SHOWN = 28


def get_mine(actor: Actor) -> MinePage:
    """The actor's own page."""
    shown, rule = today_of(actor), rule_of(actor)
    setting = Setting.objects.filter(pk=actor.officer_id).first()
    since = today() - timedelta(days=DAYS_SHOWN - 1)
    rows = {row.on: row for row in Day.objects.filter(officer_id=actor.officer_id, on__gte=since)}
    days = tuple(_day_line(since, after, rows, rule) for after in range(DAYS_SHOWN))
    now = timezone.now()
    return MinePage(
        eyes=_eyes(setting),
        today=shown,
        rule=rule,
        own_budget=setting.own_budget if setting else None,
        talk_asked_at=setting.talk_asked_at if setting else None,
        days=days,
        asks=tuple(line for line in _asks(actor, now) if line.mine and (line.open or line.running)),
        resting_until=shown.resting_until if shown.resting(now) else None,
        is_supervisor=actor.has(Role.SUPERVISOR),
        severities=tuple(zip(SEVERITY_WORDS, shown.by_severity, strict=True)),
    )


def _day_line(since: date, after: int, rows: dict[date, Day], rule: Rule) -> DayLine:
    on, x = since + timedelta(days=after), 3 + after * 20
    row = rows.get(on)
    if row is None:
        return DayLine(on, 0, 0, 0, 0, 0, 0, x)
    share = round(100 * row.count / rule.showings) if rule.showings else 100
    high = min(120, max(2, share * 80 // 100)) if row.count else 0
    minutes, severe = round(row.seconds / 60), row.by_severity[3]
    return DayLine(on, row.count, minutes, severe, row.breaks, row.snoozes, share, x, 120 - high, high)


def _asks(actor: Actor, now: datetime) -> tuple[AskLine, ...]:
    rows = Ask.objects.filter(agency_id=actor.agency_id, asked_at__gte=now - timedelta(hours=24))
    return tuple(
        _ask_line(actor, row, now)
        for row in rows.select_related("officer", "answered_by").order_by("-asked_at", "-id")[:100]
    )


def _ask_line(actor: Actor, row: Ask, now: datetime) -> AskLine:
    is_open = row.answered_at is None and row.ended_at is None and row.lapses_at > now
    running = bool(row.agreed and row.ended_at is None and row.ends_at is not None and row.ends_at > now)
    state, tone = "Lapsed", "line"
    if is_open:
        state, tone = "Waiting for an answer", "info"
    elif running:
        state, tone = "Together now", "good"
    elif row.ended_at is not None:
        state = "Ended"
    elif row.agreed is False:
        state = "Not now"
    elif row.agreed and row.kind == AskKind.GO_AHEAD:
        state, tone = "Go-ahead given", "good"
    elif row.agreed:
        state = "Over"
    return AskLine(
        id=row.id,
        kind=row.kind,
        label=AskKind(row.kind).label,
        officer=row.officer.display_name,
        asked_at=row.asked_at,
        lapses_at=row.lapses_at,
        answered_by=row.answered_by.display_name if row.answered_by else "",
        state=state,
        tone=tone,
        ends_at=row.ends_at if running else None,
        mine=actor.officer_id in (row.officer_id, row.answered_by_id),
        open=is_open,
        running=running,
    )


def list_asks(actor: Actor) -> tuple[AskLine, ...]:
    """What the officers of the actor's agency asked of each other in the last day; NotFound for one who reads no cases."""
    if not actor.reads_cases:
        raise NotFound
    lines = _asks(actor, timezone.now())
    return tuple(line for line in lines if line.open or line.mine)


@dataclass(frozen=True, slots=True)
class EnoughPage:
    """Why nothing is shown now, and which ways on there are."""

    because: str
    title: str
    sentence: str
    today: Today
    break_minutes: int
    snooze_minutes: int
    asked: AskLine | None


TITLES = {
    "budget": ("That is enough for today", "The day's budget of showings is used. Everything you did is kept, and the case waits."),
    "resting": ("You are on a break", "Nothing is shown until it ends. Words and digests are there all the same."),
    "two": ("This is looked at by two", "Ask a colleague to sit beside you; they answer in their own session."),
    "break": ("Time for a pause", "Away from the screen, if you can. The last look is as careful as the first."),
    "chosen": ("You chose not to see this", "Nobody asks why. Words and digests are there; the choice is yours to change."),
}  # fmt: skip


def get_enough(actor: Actor, because: str) -> EnoughPage:
    """The calm page; ``because`` is the code of a refusal, or ``break``."""
    because = because if because in TITLES else "budget"
    title, sentence = TITLES[because]
    kind = AskKind.PRESENCE if because == "two" else AskKind.GO_AHEAD
    asked = next((line for line in _asks(actor, timezone.now()) if line.mine and line.open and line.kind == kind), None)
    return EnoughPage(
        because, title, sentence, today_of(actor), rule_of(actor).break_minutes, default("snooze_minutes"), asked
    )


@dataclass(frozen=True, slots=True)
class LoadDay:
    """What an agency's officers were shown on a day, as a distribution."""

    on: date
    officers: int
    low: int
    middle: int
    high: int
    severe: int
    minutes: int
    share: int


@dataclass(frozen=True, slots=True)
class NamedLine:
    """An officer to speak with, and why; no figure beside the name."""

    name: str
    why: str
    step: str


@dataclass(frozen=True, slots=True)
class LoadPage:
    """The load of an agency: days with enough officers to say something, and whom to speak with."""

    days: tuple[LoadDay, ...]
    suppressed: int
    named: tuple[NamedLine, ...]
    rule: Rule
    smallest: int
    form: dict[str, object]


def get_load(actor: Actor) -> LoadPage:
    """The load of the actor's agency in four weeks; NotFound for whoever is no supervisor. No figure belongs to one officer."""
    if not actor.has(Role.SUPERVISOR):
        raise NotFound
    since = today() - timedelta(days=DAYS_SHOWN - 1)
    rule = rule_of(actor)
    with connection.cursor() as cursor:
        cursor.execute("select day, officers, low, middle, high, severe, minutes from exposure_load(%s)", [since])
        days = tuple(
            LoadDay(
                on, number, round(low), round(middle), round(high), round(severe), round(minutes),
                min(150, round(100 * middle / rule.showings) if rule.showings else 100),
            )
            for on, number, low, middle, high, severe, minutes in cursor.fetchall()
        )  # fmt: skip
        cursor.execute("select name, over_on, asked_at from exposure_named(%s)", [today() - timedelta(days=6)])
        named = tuple(_named(name, over_on, asked_at) for name, over_on, asked_at in cursor.fetchall())
    log.record("exposure.load-viewed", actor)
    return LoadPage(
        days=days,
        suppressed=DAYS_SHOWN - len(days),
        named=named,
        rule=rule,
        smallest=default("smallest_group"),
        form={name: getattr(rule, name) for name in Rule.__dataclass_fields__},
    )


def _named(name: str, over_on: date | None, asked_at: datetime | None) -> NamedLine:
    if asked_at is not None:
        return NamedLine(
            name, "asked for a talk", "Find an hour for them this week, away from the desk. Ask nothing beforehand."
        )
    day = f"{over_on:%-d %B}" if over_on else ""
    return NamedLine(
        name,
        f"went over the day's budget on {day}",
        "Offer to share the case, or a day on other work. It is about the load.",
    )
