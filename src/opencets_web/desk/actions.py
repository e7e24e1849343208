"""Watches: made, paused, resumed, ended, put back; and the look that tells what is new."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from hashlib import sha256
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from opencets.errors import ActRefused
from opencets_web.audit import log
from opencets_web.cases.models import Case
from opencets_web.casework.actions import tell_officer
from opencets_web.desk.models import Watch, WatchHit
from opencets_web.desk.search import MOST_FOUND, PARTS, Ask, Mark, marks
from opencets_web.desk.watching import ask_of, get_watch, mine, text_of, words_of
from opencets_web.policy import door
from opencets_web.policy.actor import Actor

MOST_WATCHES = 100


@transaction.atomic
def make_watch(actor: Actor, ask: Ask, title: str = "") -> UUID:
    """Go on with a search: what it finds from now on is told to its officer. Returns the watch's id.

    ActRefused: nothing is asked for, so much is found that nobody would read it, or 100 watches run already.
    """
    if not ask.parts:
        raise ActRefused("A watch needs words, a value or a language.")
    if mine(actor).count() >= MOST_WATCHES:
        raise ActRefused(f"You have {MOST_WATCHES} watches. End one that you need no more.")
    found = marks(actor, ask)
    often = [part for part, number in Counter(mark.part for mark in found).items() if number >= MOST_FOUND]
    if often:
        label = dict(PARTS)[often[0]].lower()
        raise ActRefused(
            f"This finds {MOST_FOUND} {label} or more already. Narrow it by words, a case or a kind of hit."
        )
    now = timezone.now()
    watch = Watch(
        officer_id=actor.officer_id, agency_id=actor.agency_id, title=title.strip()[:200] or words_of(ask)[:200],
        asked=text_of(ask), made_at=now, looked_at=now,
    )  # fmt: skip
    watch.save(force_insert=True)
    _keep(watch, found, told=False)
    _tell("watch.made", actor, watch, {"words": words_of(ask)})
    return watch.id


@transaction.atomic
def pause_watch(actor: Actor, watch_id: UUID) -> None:
    """Tell nothing for now."""
    watch = _locked(actor, watch_id)
    if watch.paused_at is not None:
        raise ActRefused("The watch is paused already.")
    watch.paused_at = timezone.now()
    watch.save(update_fields=["paused_at"])
    _tell("watch.paused", actor, watch)


@transaction.atomic
def resume_watch(actor: Actor, watch_id: UUID) -> None:
    """Tell again, from now on: what came while it was paused is on the search page."""
    watch = _locked(actor, watch_id)
    if watch.paused_at is None:
        raise ActRefused("The watch runs already.")
    _keep(watch, marks(actor, ask_of(watch)), told=False)
    watch.paused_at, watch.looked_at = None, timezone.now()
    watch.save(update_fields=["paused_at", "looked_at"])
    _tell("watch.resumed", actor, watch)


@transaction.atomic
def end_watch(actor: Actor, watch_id: UUID) -> None:
    """End a watch; it can be put back."""
    watch = _locked(actor, watch_id)
    watch.ended_at = timezone.now()
    watch.save(update_fields=["ended_at"])
    _tell("watch.ended", actor, watch)


@transaction.atomic
def restore_watch(actor: Actor, watch_id: UUID) -> None:
    """Put an ended watch back; what came meanwhile is not told."""
    watch = _locked(actor, watch_id, ended=True)
    if watch.ended_at is None:
        raise ActRefused("The watch was not ended.")
    _keep(watch, marks(actor, ask_of(watch)), told=False)
    watch.ended_at, watch.looked_at = None, timezone.now()
    watch.save(update_fields=["ended_at", "looked_at"])
    _tell("watch.restored", actor, watch)


@transaction.atomic
def look(actor: Actor, watch_id: UUID) -> int:
    """Search as the watch's officer, and tell what was never found before: one notice for each case. How much is new."""
    watch = Watch.objects.select_for_update().get(pk=watch_id)
    if watch.paused_at is not None or watch.ended_at is not None or watch.officer_id != actor.officer_id:
        return 0
    fresh = _keep(watch, marks(actor, ask_of(watch)), told=True)
    watch.looked_at = timezone.now()
    watch.save(update_fields=["looked_at"])
    by_case: dict[UUID, list[Mark]] = defaultdict(list)
    for mark in fresh:
        by_case[mark.case_id].append(mark)
    labels = dict(PARTS)
    for case in door.visible(actor, Case.objects.filter(id__in=list(by_case))).order_by("reference"):
        found = by_case[case.id]
        counted = Counter(labels[mark.part].lower() for mark in found)
        what = ", ".join(f"{number} in {part}" for part, number in counted.items())
        url = found[0].url if len(found) == 1 else f"/watches/{watch.id}/"
        tell_officer(
            actor,
            case,
            actor.officer_id,
            f"Watch “{watch.title}” found something new in {case.reference}: {what}.",
            url,
        )
        log.record(
            "watch.told", actor, holding=(case.holding_id, case.agency_id), subject=f"watch:{watch.id}",
            details={"found": dict(counted)},
        )  # fmt: skip
    return len(fresh)


def _keep(watch: Watch, found: Iterable[Mark], *, told: bool) -> list[Mark]:
    """Keep what was found; returns what was not kept before."""
    by_key = {sha256(f"{mark.part}\n{mark.key}".encode()).hexdigest(): mark for mark in found}
    known = set(WatchHit.objects.filter(watch=watch, key__in=list(by_key)).values_list("key", flat=True))
    now = timezone.now()
    fresh = {key: mark for key, mark in by_key.items() if key not in known}
    WatchHit.objects.bulk_create(
        WatchHit(
            watch=watch, officer_id=watch.officer_id, key=key, part=mark.part, case_id=mark.case_id, url=mark.url[:200],
            found_at=now, told=told,
        )
        for key, mark in fresh.items()
    )  # fmt: skip
    return list(fresh.values())


def _locked(actor: Actor, watch_id: UUID, *, ended: bool = False) -> Watch:
    get_watch(actor, watch_id, ended=ended)
    return Watch.objects.select_for_update().get(pk=watch_id)


def _tell(verb: str, actor: Actor, watch: Watch, details: dict[str, object] | None = None) -> None:
    log.record(verb, actor, subject=f"watch:{watch.id}", details=details)
