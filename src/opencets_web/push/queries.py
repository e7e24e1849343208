"""Reading web push for a page: actor first, frozen pages out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings

from opencets_web.accounts.models import Role
from opencets_web.policy.actor import Actor
from opencets_web.push.models import AgencySwitch, ServerKey, Subscription


@dataclass(frozen=True, slots=True)
class BrowserRow:
    """A browser in which the actor is told."""

    id: UUID
    browser: str
    made_at: datetime
    here: bool


@dataclass(frozen=True, slots=True)
class PushPanel:
    """Whether there is web push for the actor, and in which browsers."""

    on: bool
    agency_off: bool
    key: str
    rows: tuple[BrowserRow, ...]
    may_switch: bool


def get_panel(actor: Actor) -> PushPanel:
    """The actor's own browsers; nobody reads another's."""
    key = ServerKey.objects.first()
    rows = Subscription.objects.filter(officer_id=actor.officer_id, ended_at=None).order_by("made_at")
    return PushPanel(
        on=settings.PUSH_ON and key is not None,
        agency_off=AgencySwitch.objects.filter(agency_id=actor.agency_id, off=True).exists(),
        key=key.public if key else "",
        rows=tuple(BrowserRow(row.id, row.browser, row.made_at, row.session == actor.session) for row in rows),
        may_switch=actor.has(Role.ADMINISTRATOR),
    )
