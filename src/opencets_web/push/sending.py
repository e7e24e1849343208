"""Sending links to browsers: no content leaves the system, only the address of a notice that opens behind the door.

One of the files that may use the blind door: it sees which officer was told, and sends that officer's browsers a link. When it
waits and when not is as for mail (``standards.mailing``): quiet hours hold it back, a threat to life does not wait.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from opencets.errors import ActRefused, DamagedSource
from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Officer
from opencets_web.audit import log
from opencets_web.casework.models import Notice as WorkNotice
from opencets_web.exposure.models import Ask
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.blind import across_holdings
from opencets_web.policy.rules import LEVELS
from opencets_web.push import services
from opencets_web.push.models import AgencySwitch, Delivery, Subscription
from opencets_web.standards.models import Notice as LateNotice
from opencets_web.standards.models import QuietHours
from opencets_web.standards.reckoning import quiet

_log = logging.getLogger("opencets.push")
MOST = 200
MOST_TRIES = 8
TOO_OLD = timedelta(days=1)
"""A link that could not be sent for so long is not sent any more; the notice stands in the application."""
LONGEST_WAIT = timedelta(hours=2)


class Told(StrEnum):
    """What an officer is told of, and in which room it stands."""

    DEADLINE = "deadline"
    WORK = "work"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Due:
    """One link to one browser, to be sent now."""

    subscription_id: UUID
    notice_id: UUID
    told: Told
    urgent: bool
    service: str


def waiting(now: datetime | None = None) -> list[Due]:
    """What is to be sent now, a threat to life first. Empty where the node names no push service."""
    if not settings.PUSH_ON:
        return []
    now = now or timezone.now()
    with across_holdings():
        browsers: dict[UUID, list[Subscription]] = {}
        for row in _live():
            browsers.setdefault(row.officer_id, []).append(row)
        late = list(
            LateNotice.objects.filter(
                officer_id__in=browsers, seen_at=None, raised_at__gt=now - TOO_OLD, deadline__met_at=None,
                deadline__ended_at=None,
            ).select_related("deadline").order_by("-deadline__threat_to_life", "raised_at")[: 5 * MOST]
        )  # fmt: skip
        work = list(
            WorkNotice.objects.filter(officer_id__in=browsers, read_at=None, at__gt=now - TOO_OLD)
            .defer("sentence")
            .order_by("at")[: 5 * MOST]
        )
        hours = QuietHours.objects.in_bulk(list(browsers))
        told = [(row.id, row.officer_id, row.raised_at, Told.DEADLINE, row.deadline.threat_to_life) for row in late]
        told += [(row.id, officer_id, row.asked_at, Told.ASK, False) for row, officer_id in _asked(browsers, now)]
        told += [(row.id, row.officer_id, row.at, Told.WORK, False) for row in work]
        done = _settled([notice_id for notice_id, *_ in told], now)
        return [
            Due(browser.id, notice_id, kind, urgent, urlsplit(browser.endpoint).netloc)
            for notice_id, officer_id, at, kind, urgent in told
            if urgent or not _calm(hours.get(officer_id), now)
            for browser in browsers[officer_id]
            if at >= browser.made_at and (browser.id, notice_id) not in done
        ][:MOST]


def _asked(browsers: dict[UUID, list[Subscription]], now: datetime) -> Iterator[tuple[Ask, UUID]]:
    """The asks that nobody answered yet, each with the officers of the agency who may."""
    colleagues: dict[UUID, list[UUID]] = {}
    for officer_id, (browser, *_) in browsers.items():
        colleagues.setdefault(browser.agency_id, []).append(officer_id)
    rows = Ask.objects.filter(agency_id__in=colleagues, answered_at=None, ended_at=None, lapses_at__gt=now)
    for row in rows.order_by("asked_at")[:MOST]:
        for officer_id in colleagues[row.agency_id]:
            if officer_id != row.officer_id:
                yield row, officer_id


def _live() -> QuerySet[Subscription]:
    """The browsers of officers who are active, in agencies that have not switched it off."""
    off = AgencySwitch.objects.filter(off=True).values("agency_id")
    return Subscription.objects.filter(ended_at=None, officer__is_active=True).exclude(agency_id__in=off)


def _calm(hours: QuietHours | None, now: datetime) -> bool:
    return hours is not None and quiet(now, f"{hours.begins:%H:%M}", f"{hours.ends:%H:%M}", hours.zone)


def _settled(notices: list[UUID], now: datetime) -> set[tuple[UUID, UUID]]:
    """What went already, waits for its next try, or is given up."""
    return {
        (row.subscription_id, row.notice)
        for row in Delivery.objects.filter(notice__in=notices)
        if row.sent_at is not None or row.tries >= MOST_TRIES or (row.after is not None and row.after > now)
    }


def push(due: Due, now: datetime | None = None) -> bool | None:
    """Send one link and write down that it went; whether it went, None where its service could not be reached at all.

    The row is locked while the link travels and marked in the same transaction, so two workers never send it twice.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("A link is sent in one transaction with its mark.")
    now = now or timezone.now()
    with across_holdings():
        Delivery.objects.bulk_create(
            [Delivery(id=new_id(), subscription_id=due.subscription_id, notice=due.notice_id)], ignore_conflicts=True
        )
        rows = Delivery.objects.select_related("subscription__officer__agency").filter(sent_at=None)
        row = (
            rows.select_for_update(of=("self",), skip_locked=True)
            .filter(subscription_id=due.subscription_id, notice=due.notice_id, subscription__ended_at=None)
            .first()
        )
        if row is None:
            return False
        found = _link(due, row.subscription.officer, now)
        if found is None:
            row.tries = MOST_TRIES
            row.save(update_fields=["tries"])
            return False
        return _send(row, due, found, now)


@dataclass(frozen=True, slots=True)
class _Link:
    """Where the officer reads it, for how long it is worth sending, and what the log says of it."""

    path: str
    subject: str
    holding: tuple[UUID, UUID] | None = None
    seconds: int = services.LIVES_SECONDS


def _link(due: Due, officer: Officer, now: datetime) -> _Link | None:
    """The link, where the officer may still read what it leads to."""
    actor = Actor.of(officer)
    if not officer.is_active:
        return None
    if due.told == Told.ASK:
        ask = Ask.objects.get(pk=due.notice_id)
        waits = ask.answered_at is None and ask.ended_at is None and ask.lapses_at > now
        if not waits or ask.agency_id != actor.agency_id or ask.officer_id == officer.pk or not actor.reads_cases:
            return None
        left = int((ask.lapses_at - now).total_seconds())
        return _Link("/exposure/asks/", f"exposure-ask:{ask.id}", seconds=left)
    notice: LateNotice | WorkNotice
    if due.told == Told.DEADLINE:
        notice = late = LateNotice.objects.select_related("deadline__case").get(pk=due.notice_id)
        path, reference = f"/standards/notices/{late.id}/", late.deadline.case.reference
    else:
        notice = work = WorkNotice.objects.select_related("case").defer("sentence").get(pk=due.notice_id)
        path, reference = "/", work.case.reference
    needed = LEVELS["contribute" if due.told == Told.DEADLINE else "read"]
    if door.level(actor, notice.holding_id) < needed:
        return None
    return _Link(path, f"case:{reference}", (notice.holding_id, notice.agency_id))


def _send(row: Delivery, due: Due, link: _Link, now: datetime) -> bool | None:
    browser = row.subscription
    try:
        answer = services.send(
            services.Browser(browser.endpoint, browser.p256dh, browser.auth), link.path, topic=str(due.notice_id),
            urgent=due.urgent, seconds=link.seconds,
        )  # fmt: skip
    except (ActRefused, DamagedSource):
        # The node names this service no more, or the keys of the browser are lost: it asks again by itself.
        return _end(browser, "its push service is not allowed any more", now)
    except OSError as trouble:
        _later(row, now, 0)
        _log.warning("A push service could not be reached (%s).", type(trouble).__name__)
        return None
    if answer.status in (404, 410):
        return _end(browser, "the browser took it back", now)
    if not 200 <= answer.status < 300:
        _later(row, now, answer.retry_after)
        _log.warning("A push service answered %d; tried %d times.", answer.status, row.tries)
        return False
    row.sent_at = now
    row.save(update_fields=["sent_at"])
    log.record(
        "notice.pushed",
        None,
        holding=link.holding,
        subject=link.subject,
        details={"notice": due.notice_id, "officer": browser.officer_id, "browser": browser.id},
    )
    return True


def _later(row: Delivery, now: datetime, asked_seconds: int) -> None:
    """After one, two, four minutes and so on, or as long as the service asks; two hours at most."""
    row.tries += 1
    row.after = now + min(max(timedelta(minutes=2 ** (row.tries - 1)), timedelta(seconds=asked_seconds)), LONGEST_WAIT)
    row.save(update_fields=["tries", "after"])


def _end(browser: Subscription, because: str, now: datetime) -> bool:
    browser.ended_at, browser.ended_because = now, because
    browser.save(update_fields=["ended_at", "ended_because"])
    log.record("push.ended", None, details={"browser": browser.id, "because": because})
    return False


def end_of_session(officer_id: UUID, sessions: list[str], now: datetime | None = None) -> int:
    """End the browsers that were set up in sessions which an officer signed out of, or ended elsewhere; how many."""
    now = now or timezone.now()
    with across_holdings():
        rows = list(Subscription.objects.filter(officer_id=officer_id, session__in=sessions, ended_at=None))
        for row in rows:
            _end(row, "signed out", now)
    return len(rows)


def end_of_officers(now: datetime | None = None) -> int:
    """End the browsers of officers whose account was ended; how many."""
    now = now or timezone.now()
    with across_holdings():
        rows = list(Subscription.objects.filter(officer__is_active=False, ended_at=None)[:MOST])
        for row in rows:
            _end(row, "the account was ended", now)
    return len(rows)
