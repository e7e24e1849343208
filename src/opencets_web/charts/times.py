"""When and where something happened around a record or on a saved chart: events with a time, places with a position.

Events are records with a time that hold a value of an entity (own values that link), or are its records themselves. One choice of
time narrows bars, map and tables alike.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.urls import reverse

from opencets.records import KINDS
from opencets_web.audit import log
from opencets_web.charts import keeping
from opencets_web.charts.models import SavedChart
from opencets_web.charts.queries import DAY
from opencets_web.entities import queries as entities
from opencets_web.entities.queries import PEOPLE, STRONG_KINDS, RecordLine
from opencets_web.evidence.models import Claim, Record
from opencets_web.policy import door
from opencets_web.policy.actor import Actor

MOST_EVENTS = 5_000
MOST_PLACES = 500
MOST_NODES = 200
MOST_BARS = 400


@dataclass(frozen=True, slots=True)
class EventLine:
    """A record that happened at a time."""

    line: RecordLine
    at_text: str
    text: str


@dataclass(frozen=True, slots=True)
class PlaceLine:
    """A record that names a position."""

    line: RecordLine
    x: float
    y: float
    at_text: str


@dataclass(frozen=True, slots=True)
class TimesPage:
    """Events and places around a record or a chart, of the time chosen."""

    title: str
    back_url: str
    since: str
    until: str
    bars: tuple[tuple[str, int], ...]
    events: tuple[EventLine, ...]
    page: Page[Any]
    places: tuple[PlaceLine, ...]
    total: int
    cut: bool


def get_times(
    actor: Actor, *, record_id: UUID | None = None, chart_id: str = "", since: str, until: str, number: int
) -> TimesPage:
    """Events and places around a record, or on a saved chart, from ``since`` to ``until`` (days). NotFound: not the actor's."""
    if record_id is not None:
        record = door.admit(actor, entities.records_with_places(), pk=record_id)
        title, back, subject = (
            entities.line_of(record).label[:120],
            reverse("charts:around", args=[record_id]),
            f"record:{record_id}",
        )
        starts = {record.id}
    else:
        saved = keeping.get_saved(actor, chart_id)
        title, back, subject = saved.title, reverse("charts:saved", args=[chart_id]), f"chart:{chart_id}"
        starts = set(door.visible(actor, _drawn_on(actor, saved)).values_list("id", flat=True)[:MOST_NODES])
    ids, cut = _around(actor, starts)
    rows = door.visible(actor, Record.objects.filter(pk__in=ids, retired_at=None).exclude(at_text=""))
    dated = rows.values_list("id", "at_text", "holding_id", "agency_id").order_by("-at_text", "id")
    told = [one for one in dated if DAY.match(one[1])]
    days = [(key, text) for key, text, _, _ in told]
    inside = [
        (key, text) for key, text in days if (not since or text[:10] >= since) and (not until or text[:10] <= until)
    ]
    page = Paginator(inside, 50).get_page(number)
    places = _places(actor, ids, since, until)
    keys = [key for key, _ in page]
    read = {
        one.id: one
        for one in door.visible(
            actor, entities.records_with_places().filter(pk__in=[*keys, *(key for key, *_ in places)])
        )
    }
    # Bars count what stands on no page too.
    holdings = {(holding, agency) for _, _, holding, agency in told}
    holdings |= {(one.holding_id, one.agency_id) for one in read.values()}
    log.record_each("chart.times-viewed", actor, holdings, subject=subject, details={"from": since, "to": until})
    bodies = dict(door.visible(actor, Record.objects.filter(pk__in=keys)).values_list("id", "body"))
    return TimesPage(
        title=title,
        back_url=back,
        since=since,
        until=until,
        bars=_bars([text for _, text in days]),
        events=tuple(EventLine(entities.line_of(read[key]), text.replace("T", " ").replace("Z", " UTC"), bodies.get(key, "")[:160])
                     for key, text in page if key in read),
        page=page,
        places=tuple(PlaceLine(entities.line_of(read[key]), x, y, read[key].at_text.replace("T", " ").replace("Z", " UTC"))
                     for key, x, y in places if key in read),
        total=len(days),
        cut=cut,
    )  # fmt: skip


def _drawn_on(actor: Actor, saved: SavedChart) -> QuerySet[Record]:
    """The records on a saved chart: of a frozen one as they stood, of a case all of it, else those that have a place."""
    if saved.frozen_at:
        nodes = [node.id for node in keeping.compose(actor, keeping.Asked(saved=str(saved.id))).graph.nodes]
    elif saved.around is None:
        return Record.objects.filter(case_id=saved.case_id, retired_at=None).order_by("id")
    else:
        made = keeping.read_layout(json.dumps(saved.layout))
        nodes = [f"r:{saved.around}", *(node for node in made["places"] if node not in set(made["hidden"]))]
    return Record.objects.filter(pk__in=[key for node in nodes if node[:2] in ("e:", "r:") and (key := _key(node[2:]))])


def _key(text: str) -> UUID | None:
    """A record's id; None for what a browser made up."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _around(actor: Actor, starts: set[UUID]) -> tuple[set[UUID], bool]:
    """The records themselves, those of their entities, and every visible record that holds a value of them that links."""
    groups = entities.list_groups(actor, starts)
    ids = starts | {line.id for group in groups.values() for line in group.lines}
    own = Claim.objects.filter(record__in=ids, kind__in=STRONG_KINDS, normal__isnull=False, generic=False)
    people = Q(role="own") | ~Q(record__kind__in=PEOPLE)
    values: Iterable[Any] = door.visible(actor, own.filter(people)).values_list("kind", "normal").distinct()[:500]
    same = Q(pk__in=[])
    for kind, normal in values:
        same |= Q(kind=kind, normal=normal)
    held = door.visible(actor, Claim.objects.filter(same, record__retired_at=None, kind__in=list(KINDS)))
    found = list(held.order_by("record_id").values_list("record_id", flat=True).distinct()[: MOST_EVENTS + 1])
    return ids | set(found[:MOST_EVENTS]), len(found) > MOST_EVENTS


def _places(actor: Actor, ids: set[UUID], since: str, until: str) -> list[tuple[UUID, float, float]]:
    rows = Claim.objects.filter(record__in=ids, kind="place", normal__isnull=False)
    if since:
        rows = rows.filter(record__at_text__gte=since)
    if until:
        rows = rows.filter(record__at_text__lt=f"{until}~")
    found = []
    ordered = door.visible(actor, rows).order_by("record__at_text", "id")
    given: Iterable[Any] = ordered.values_list("record_id", "normal")[:MOST_PLACES]
    for record, normal in given:
        try:
            latitude, longitude = (float(part) for part in normal.split(",")[:2])
        except ValueError:
            continue
        if abs(latitude) <= 90 and abs(longitude) <= 180:
            found.append((record, longitude, latitude))
    return found


def _bars(times: list[str]) -> tuple[tuple[str, int], ...]:
    """How many events a day; a month or a year where that would be too many bars."""
    for length, rest in ((10, ""), (7, "-01"), (4, "-01-01")):
        counted = Counter(text[:length] + rest for text in times)
        if len(counted) <= MOST_BARS:
            break
    return tuple(sorted(counted.items()))
