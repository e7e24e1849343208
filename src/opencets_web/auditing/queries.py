"""Reading the audit log: for an agency's auditor, who sees acts and no content. Not found for everyone else."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from io import StringIO
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db import connection
from django.db.models import Count, Min, Q, QuerySet
from django.db.models.functions import TruncDay, TruncHour
from django.urls import reverse
from django.utils import timezone

from opencets.errors import NotFound
from opencets_web.accounts.models import Agency, Officer
from opencets_web.audit import log
from opencets_web.audit.models import Act
from opencets_web.audit.verbs import VERBS
from opencets_web.auditing.models import Review
from opencets_web.auditing.rules import RULES, Rule
from opencets_web.auditing.unusual import Finding, find_unusual
from opencets_web.policy.actor import Actor
from opencets_web.policy.purposes import saying

MOST_EXPORTED = 200_000
PLOT_DAYS = 62
SHOWN_DETAILS = {
    "words": "words", "path": "address", "count": "media", "lines": "lines", "to": "to", "agency": "to", "until": "until",
    "level": "level", "state": "state", "page": "page", "week": "week", "rule": "rule",
}  # fmt: skip
"""Of an act's details, what an auditor reads: what was asked for, how much, and to whom; never what was found."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filters of the log. ``whose``: "own" acts of the auditor's agency, "others" those of other agencies on its records."""

    officer: str = ""
    whose: str = ""
    verb: str = ""
    case: str = ""
    purpose: str = ""
    since: date | None = None
    until: date | None = None
    text: str = ""

    def told(self) -> dict[str, Any]:
        """What was asked for, as the log keeps it."""
        asked = {name: getattr(self, name) for name in self.__slots__}
        return {name: value.isoformat() if isinstance(value, date) else value for name, value in asked.items() if value}


@dataclass(frozen=True, slots=True)
class ActLine:
    """One act: who, when, what, on what, for what purpose, from where. No content."""

    id: int
    at: datetime
    officer: str
    agency: str
    verb: str
    sentence: str
    subject: str
    asked: str
    purpose: str
    address: str


@dataclass(frozen=True, slots=True)
class SealState:
    """How far the log is sealed: acts in the last checkpoint, when it was made, its root (hexadecimal), the key that signs."""

    size: int
    at: datetime
    root: str
    key: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the plot: which hour or day, how many acts, and where it stands in a drawing 100 high."""

    label: str
    count: int
    x: int
    y: int
    height: int
    url: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Acts over time, by hour up to two days, else by day."""

    bars: tuple[Bar, ...]
    unit: str
    most: int
    width: int


@dataclass(frozen=True, slots=True)
class AuditPage:
    """The log, filtered."""

    lines: tuple[ActLine, ...]
    page: Page[Act]
    plot: Plot
    seal: SealState | None
    tabs: tuple[dict[str, Any], ...]


def list_officers(actor: Actor) -> tuple[tuple[str, str], ...]:
    """The officers of the auditor's agency, for the filter. NotFound: no auditor."""
    refuse_others(actor)
    officers = (
        Officer.objects.filter(agency_id=actor.agency_id).order_by("display_name").values_list("id", "display_name")
    )
    return tuple((str(identity), name) for identity, name in officers)


def list_acts(actor: Actor, wanted: Wanted, number: int = 1) -> AuditPage:
    """The acts of the auditor's agency and on its records, newest first. NotFound: the actor is no auditor."""
    refuse_others(actor)
    acts = chosen_acts(actor, wanted)
    page = Paginator(acts.order_by("-id"), 100).get_page(number)
    shown = list(page)  # before this look is itself an act
    plot = _plot(acts, wanted)
    log.record("audit.viewed", actor, details=wanted.told() | {"page": page.number})
    return AuditPage(tuple(_lines(shown)), page, plot, seal_state(), tabs("audit:list"))


def export_acts(actor: Actor, wanted: Wanted) -> list[str]:
    """The filtered acts as CSV (RFC 4180), line by line, the newest 200,000 at most; the export is itself an act."""
    refuse_others(actor)
    rows = list(chosen_acts(actor, wanted).order_by("-id")[:MOST_EXPORTED])
    log.record("audit.exported", actor, details=wanted.told() | {"form": "csv", "lines": len(rows)})
    return list(_as_csv(rows))


@dataclass(frozen=True, slots=True)
class UnusualPage:
    """The unusual patterns of a week, and the rules by which they are told."""

    week: date
    ends: date
    before: date
    after: date | None
    findings: tuple[Finding, ...]
    waiting: int
    rules: tuple[Rule, ...]
    tabs: tuple[dict[str, Any], ...]


def list_unusual(actor: Actor, week: str = "") -> UnusualPage:
    """The unusual patterns of the week that holds the given day (ISO), this week where none is given. NotFound: no auditor."""
    refuse_others(actor)
    monday = monday_of(_day_of(week) or timezone.now().date())
    findings = find_unusual(actor, monday)
    log.record("audit.unusual-viewed", actor, details={"week": monday.isoformat()})
    after = monday + timedelta(days=7)
    return UnusualPage(
        monday, monday + timedelta(days=6), monday - timedelta(days=7), after if after <= timezone.now().date() else None,
        findings, sum(one.mark is None for one in findings), RULES, tabs("audit:unusual"),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Week:
    """A week of the log: signed off or missing."""

    monday: date
    sunday: date
    review: Review | None
    over: bool


@dataclass(frozen=True, slots=True)
class ReviewsPage:
    """The weeks since the log began, newest first, half a year at most."""

    weeks: tuple[Week, ...]
    missing: int
    seal: SealState | None
    tabs: tuple[dict[str, Any], ...]


def list_reviews(actor: Actor) -> ReviewsPage:
    """Which weeks were signed off, by whom, over which checkpoint; and which are missing. NotFound: no auditor."""
    refuse_others(actor)
    first = Act.objects.filter(agency_id=actor.agency_id).aggregate(first=Min("at"))["first"] or timezone.now()
    this = monday_of(timezone.now().date())
    begins = max(monday_of(first.astimezone(UTC).date()), this - timedelta(weeks=26))
    signed = {
        review.week: review
        for review in Review.objects.filter(agency_id=actor.agency_id, withdrawn_at=None).select_related("signed_by")
    }
    weeks = []
    monday = this
    while monday >= begins:
        weeks.append(Week(monday, monday + timedelta(days=6), signed.get(monday), monday < this))
        monday -= timedelta(days=7)
    log.record("audit.reviews-viewed", actor)
    missing = sum(week.over and week.review is None for week in weeks)
    return ReviewsPage(tuple(weeks), missing, seal_state(), tabs("audit:reviews"))


def tabs(active: str) -> tuple[dict[str, Any], ...]:
    """The sections of the auditor's room."""
    sections = (("Log", "audit:list"), ("Unusual patterns", "audit:unusual"), ("Weekly review", "audit:reviews"))
    return tuple({"label": label, "url": reverse(name), "active": name == active} for label, name in sections)


def monday_of(day: date) -> date:
    """The Monday on or before a day."""
    return day - timedelta(days=day.weekday())


def acts_of_week(actor: Actor, monday: date) -> int:
    """How many acts of the agency, and on its records, the week has."""
    refuse_others(actor)
    return chosen_acts(actor, Wanted(since=monday, until=monday + timedelta(days=6))).count()


def refuse_others(actor: Actor) -> None:
    """NotFound: the actor is no auditor."""
    if not actor.has("auditor"):
        raise NotFound


def _day_of(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def chosen_acts(actor: Actor, wanted: Wanted) -> QuerySet[Act]:
    """What the wall shows the auditor, narrowed."""
    acts = Act.objects.filter(Q(agency_id=actor.agency_id) | Q(holding_agency_id=actor.agency_id))
    if wanted.officer:
        acts = acts.filter(officer_id=UUID(wanted.officer))
    if wanted.whose == "own":
        acts = acts.filter(agency_id=actor.agency_id)
    elif wanted.whose == "others":
        acts = acts.filter(~Q(agency_id=actor.agency_id), holding_agency_id=actor.agency_id)
    if wanted.verb:
        acts = acts.filter(verb=wanted.verb)
    if wanted.case:
        named = Act.objects.filter(subject=f"case:{wanted.case}", holding_id__isnull=False).values("holding_id")
        acts = acts.filter(Q(holding_id__in=named) | Q(subject=f"case:{wanted.case}"))
    if wanted.purpose:
        acts = acts.filter(saying(wanted.purpose))
    if wanted.since:
        acts = acts.filter(at__gte=_start(wanted.since))
    if wanted.until:
        acts = acts.filter(at__lt=_start(wanted.until + timedelta(days=1)))
    if wanted.text:
        anywhere = (
            Q(subject__icontains=wanted.text) | Q(purpose__icontains=wanted.text) | Q(address__startswith=wanted.text)
        )
        acts = acts.filter(anywhere | Q(details__icontains=wanted.text, verb="search.made"))
    return acts.defer("leaf")


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _plot(acts: QuerySet[Act], wanted: Wanted) -> Plot:
    last = min(wanted.until or timezone.now().date(), timezone.now().date())
    first = max(wanted.since or last - timedelta(days=13), last - timedelta(days=PLOT_DAYS - 1))
    hourly = last - first < timedelta(days=2)
    truncated: Any = TruncHour("at", tzinfo=UTC) if hourly else TruncDay("at", tzinfo=UTC)
    counted = dict(
        acts.filter(at__gte=_start(first), at__lt=_start(last + timedelta(days=1)))
        .order_by()
        .annotate(bucket=truncated)
        .values_list("bucket")
        .annotate(Count("id"))
    )
    step = timedelta(hours=1) if hourly else timedelta(days=1)
    times = []
    at = _start(first)
    while at < _start(last + timedelta(days=1)):
        times.append(at)
        at += step
    most = max(counted.values(), default=0)
    kept = {name: value for name, value in wanted.told().items() if name not in {"since", "until"}}
    bars = []
    for place, at in enumerate(times):
        count = counted.get(at, 0)
        height = max(2, round(100 * count / most)) if count else 0
        url = "?" + urlencode(kept | {"since": f"{at:%Y-%m-%d}", "until": f"{at:%Y-%m-%d}"})
        bars.append(
            Bar(f"{at:%a %d %b %H:%M}" if hourly else f"{at:%a %d %b}", count, 10 * place, 100 - height, height, url)
        )
    return Plot(tuple(bars), "hour" if hourly else "day", most, 10 * len(times))


def _lines(acts: list[Act]) -> Iterator[ActLine]:
    officers = dict(Officer.objects.filter(id__in={act.officer_id for act in acts}).values_list("id", "display_name"))
    agencies = dict(Agency.objects.values_list("id", "short_name"))
    for act in acts:
        yield ActLine(
            id=act.id,
            at=act.at,
            officer=officers.get(act.officer_id, "") if act.officer_id else "The system",
            agency=agencies.get(act.agency_id, "") if act.agency_id else "",
            verb=act.verb,
            sentence=VERBS.get(act.verb, act.verb),
            subject=act.subject,
            asked=_asked(act.details),
            purpose=act.purpose,
            address=act.address,
        )


def _asked(details: str) -> str:
    """What was asked for, how much and to whom, in words; of everything else nothing."""
    given = json.loads(details)
    return "; ".join(
        f"{label}: {str(given[name])[:200]}"
        for name, label in SHOWN_DETAILS.items()
        if given.get(name) not in (None, "", 0)
    )


def _as_csv(acts: list[Act]) -> Iterator[str]:
    yield _line(["number", "at", "officer", "agency", "verb", "sentence", "subject", "asked", "purpose", "address"])
    for line in _lines(acts):
        at = line.at.isoformat(timespec="milliseconds")
        said = [
            line.officer,
            line.agency,
            line.verb,
            line.sentence,
            line.subject,
            line.asked,
            line.purpose,
            line.address,
        ]
        cells = [line.id, at, *said]
        yield _line([_unarmed(str(cell)) for cell in cells])


def _line(cells: list[str]) -> str:
    written = StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()


def _unarmed(cell: str) -> str:
    """A cell that a spreadsheet takes as text: what begins like a formula gets an apostrophe before it."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def seal_state() -> SealState | None:
    """How far the log is sealed; None for whoever is no auditor."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select c.size, c.at, encode(c.root, 'hex'), coalesce((select encode(k.public, 'hex') from audit_signingkey k"
            " where k.number = c.key), '') from app_last_checkpoint() c"
        )
        row = cursor.fetchone()
    return SealState(*row) if row else None
