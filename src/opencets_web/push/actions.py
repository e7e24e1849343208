"""Writing web push: a browser is told, is told no more; an agency wants none."""

from __future__ import annotations

import re
from hashlib import sha256
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets_web.accounts.models import Role
from opencets_web.audit import log
from opencets_web.policy.actor import Actor
from opencets_web.push.models import AgencySwitch, Subscription
from opencets_web.push.services import Browser, refuse_strange

MOST_BROWSERS = 10
_KINDS = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chromium"), ("Safari/", "Safari"))
_SYSTEMS = ("Windows", "Android", "iPhone", "iPad", "Mac OS X", "Linux")


@transaction.atomic
def subscribe(actor: Actor, browser: Browser, user_agent: str) -> UUID:
    """Tell the actor in this browser from now on; the subscription's id. Again: the same one.

    ActRefused: switched off, a push service that the node does not name, keys that are none, or ten browsers already.
    """
    if not settings.PUSH_ON:
        raise ActRefused("Web push is not set up on this system.")
    if AgencySwitch.objects.filter(agency_id=actor.agency_id, off=True).exists():
        raise ActRefused("Your agency has switched web push off.")
    refuse_strange(browser)
    named = sha256(browser.endpoint.encode()).hexdigest()
    mine = Subscription.objects.select_for_update().filter(officer_id=actor.officer_id, ended_at=None)
    known = mine.filter(endpoint_hash=named).first()
    if known is not None and known.session == actor.session:
        return known.id
    if known is not None:
        _end(actor, known, "asked for again")
    if mine.count() >= MOST_BROWSERS:
        raise ActRefused(f"You are told in {MOST_BROWSERS} browsers already: end one first.")
    try:
        with transaction.atomic():
            made = Subscription.objects.create(
                officer_id=actor.officer_id, agency_id=actor.agency_id, session=actor.session, endpoint=browser.endpoint,
                endpoint_hash=named, p256dh=browser.p256dh, auth=browser.auth, browser=_called(user_agent),
                made_at=timezone.now(),
            )  # fmt: skip
    except IntegrityError:
        raise ActRefused(
            "This browser is told for somebody else: sign out there first, or take it back in its settings."
        ) from None
    log.record("push.begun", actor, details={"browser": made.id})
    return made.id


def _called(user_agent: str) -> str:
    """What the browser calls itself, in two words; nothing else of it is kept."""
    kind = next((name for mark, name in _KINDS if mark in user_agent), "Browser")
    system = next((name for name in _SYSTEMS if re.search(rf"\b{name}\b", user_agent)), "")
    return f"{kind} on {system}" if system else kind


@transaction.atomic
def end_subscription(actor: Actor, subscription_id: UUID) -> None:
    """Tell the actor in that browser no more; asking there again is the way back. NotFound: not the actor's own."""
    rows = Subscription.objects.select_for_update().filter(officer_id=actor.officer_id, ended_at=None)
    row = rows.filter(pk=subscription_id).first()
    if row is None:
        raise NotFound
    _end(actor, row, "ended by the officer")


def _end(actor: Actor, row: Subscription, because: str) -> None:
    row.ended_at, row.ended_because = timezone.now(), because
    row.save(update_fields=["ended_at", "ended_because"])
    log.record("push.ended", actor, details={"browser": row.id, "because": because})


@transaction.atomic
def switch(actor: Actor, *, off: bool) -> None:
    """Switch web push off or on for the officers of the actor's agency. NotFound: the actor is no administrator."""
    if not actor.has(Role.ADMINISTRATOR):
        raise NotFound
    AgencySwitch.objects.update_or_create(
        agency_id=actor.agency_id,
        defaults={"off": off, "changed_by_id": actor.officer_id, "changed_at": timezone.now()},
    )
    log.record("push.switched", actor, details={"off": off})
