"""Saved searches that watch: what they are, and what each has told. A watch is its officer's own; nobody else sees it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils.http import urlencode

from opencets.errors import NotFound
from opencets_web.audit import log
from opencets_web.cases.models import Case
from opencets_web.desk.models import Watch, WatchHit
from opencets_web.desk.search import PARTS, Ask
from opencets_web.policy import door
from opencets_web.policy.actor import Actor


@dataclass(frozen=True, slots=True)
class WatchLine:
    """A watch in a list."""

    id: UUID
    title: str
    asked: str
    search_url: str
    made_at: datetime
    looked_at: datetime | None
    paused: bool
    told: int
    url: str


@dataclass(frozen=True, slots=True)
class HitLine:
    """Something that a watch told."""

    part: str
    case_reference: str
    url: str
    found_at: datetime


@dataclass(frozen=True, slots=True)
class WatchPage:
    """A watch with what it told."""

    watch: WatchLine
    hits: tuple[HitLine, ...]
    page: Page[WatchHit]


def mine(actor: Actor) -> QuerySet[Watch]:
    """The actor's watches that were not ended."""
    return Watch.objects.filter(officer_id=actor.officer_id, ended_at=None)


def get_watch(actor: Actor, watch_id: UUID, *, ended: bool = False) -> Watch:
    """One of the actor's watches; NotFound for any other."""
    rows = Watch.objects.filter(officer_id=actor.officer_id) if ended else mine(actor)
    watch = rows.filter(pk=watch_id).first()
    if watch is None:
        raise NotFound
    return watch


def ask_of(watch: Watch) -> Ask:
    """What a watch searches for."""
    return Ask(**json.loads(watch.asked))


def list_watches(actor: Actor) -> tuple[WatchLine, ...]:
    """The actor's watches, the newest first, with how much each told of what the actor may still see."""
    log.record("watches.viewed", actor)
    cases = door.visible(actor, Case.objects.all()).values("id")
    told = Count("hits", filter=Q(hits__told=True, hits__case__in=cases))
    return tuple(_line(watch, watch.told) for watch in mine(actor).annotate(told=told).order_by("-made_at"))


def show_watch(actor: Actor, watch_id: UUID, number: int = 1) -> WatchPage:
    """A watch of the actor's and what it told, the newest first, where the case is still open to the actor."""
    watch = get_watch(actor, watch_id)
    cases = door.visible(actor, Case.objects.all()).values("id")
    rows = WatchHit.objects.filter(watch=watch, told=True, case__in=cases).select_related("case")
    page = Paginator(rows.order_by("-found_at", "id"), 50).get_page(number)
    log.record("watches.viewed", actor, subject=f"watch:{watch.id}", details={"page": page.number})
    labels = dict(PARTS)
    hits = tuple(HitLine(labels.get(hit.part, hit.part), hit.case.reference, hit.url, hit.found_at) for hit in page)
    return WatchPage(_line(watch, page.paginator.count), hits, page)


def words_of(ask: Ask) -> str:
    """What is searched for, in a line."""
    said: list[str] = [ask.words] if ask.words else []
    parts: dict[str, Any] = {
        "in": dict(PARTS).get(ask.part, ""),
        "language": ask.language,
        "case": ask.case,
        "from": ask.since,
        "to": ask.until,
    }
    return " · ".join(said + [f"{name}: {text}" for name, text in parts.items() if text])


def url_of(ask: Ask) -> str:
    """The address of a search."""
    given = {
        "q": ask.words,
        "language": ask.language,
        "in": ask.part,
        "case": ask.case,
        "from": ask.since,
        "to": ask.until,
    }
    return f"{reverse('desk:search')}?{urlencode({name: text for name, text in given.items() if text})}"


def text_of(ask: Ask) -> str:
    """What a watch keeps of a search."""
    return json.dumps(asdict(ask), ensure_ascii=False)


def _line(watch: Watch, told: int) -> WatchLine:
    ask = ask_of(watch)
    return WatchLine(
        watch.id, watch.title, words_of(ask), url_of(ask), watch.made_at, watch.looked_at, watch.paused_at is not None, told,
        reverse("desk:watch", args=[watch.id]),
    )  # fmt: skip
