"""A supervised person of Avon with a device that signs, and an order in force."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from opencets.packing import captures
from opencets.packing.made_up import MadeUpDevice as Agent
from opencets.packing.order import Order

if TYPE_CHECKING:
    from opencets_web.policy.actor import Actor
    from tests.web.conftest import Cast

    Behind = Callable[[Actor | None], AbstractContextManager[None]]

REFERENCE = "SV-2026-0001"


def hit(
    words: str = "meet at the blue kiosk", severity: int = 4, *, condition: str = "C1", program: str = "xterm",
    address: str = "", collector: str = "typed", conversation: str = "talk-1", screenshot: bool = False,
) -> captures.Hit:  # fmt: skip
    """A hit on a harmless phrase."""
    return captures.Hit(
        rule=captures.Rule("neutral", "1", words, severity, f"The phrase “{words}” was typed."), condition=condition,
        at=dt.datetime.now(dt.UTC), where=captures.Where(collector, program, "Chat with Robin", address), direction="typed",
        conversation=conversation, text=captures.Text("so we " + "x" * 300, words, " at noon " + "y" * 300, 306, 306 + len(words)),
        file=None, screenshot=screenshot,
    )  # fmt: skip


def heartbeat(**changed: Any) -> captures.Heartbeat:
    """A heartbeat of an agent whose notice is seen."""
    said = {
        "coverage": (captures.Covered("xterm", "ocr"),), "notice_visible": True, "waiting": 0, "waiting_bytes": 0,
        "clock": captures.Clock(0, 5),
    }  # fmt: skip
    return captures.Heartbeat(**{**said, **changed})


def picture(of: int, form: str = "window") -> captures.Screenshot:
    """A grey picture as a screenshot."""
    import base64
    import io

    from PIL import Image

    written = io.BytesIO()
    Image.new("RGB", (64, 40), (90, 120, 150)).save(written, "JPEG")
    return captures.Screenshot(of, form, 64, 40, base64.b64encode(written.getvalue()).decode())


def supervising(actor: Actor) -> Actor:
    """The same officer as one who supervises; the row says it too, so that the wall knows it."""
    from opencets_web.accounts.models import Officer

    Officer.objects.filter(pk=actor.officer_id).update(roles=["supervising-officer"])
    return replace(actor, roles=frozenset({"supervising-officer"}))


@dataclass
class Watched:
    """The officer, the device, the order."""

    officer: Actor
    agent: Agent
    device_id: UUID
    order_id: UUID
    order: Order


def watch(officer: Actor, agent: Agent, reference: str = REFERENCE, **condition: Any) -> tuple[UUID, UUID, Order]:
    """Open a file, enrol the device, sign an order; as the officer."""
    from pathlib import Path

    from django.conf import settings

    from opencets.packing.order import open_order
    from opencets_web.audit.signing import public_of, signing_key
    from opencets_web.supervision import actions

    actions.open_person(officer, reference=reference, name="Sam Sample")
    device = actions.enrol_device(officer, reference, agent.request())
    now = dt.datetime.now(dt.UTC)
    made = actions.draft_order(
        officer, device, court="Crown Court at Sampleton", reference="T20260001", words="Computer use is watched.",
        complaint="The chief officer, 1 Sample Street", begins_at=now - dt.timedelta(days=1), ends_at=now + dt.timedelta(days=90),
        notice_on=(now - dt.timedelta(days=2)).date(), co_users=["Alex Sample"],
    )  # fmt: skip
    said = {
        "ref": "C1", "words": "No contact through chats.", "collectors": ["typed", "shown", "evasion"], "text_around": 40,
        "screenshot": "window", "severity_from": 2, "retention_days": 60,
        "excluded": {"programs": ["thunderbird"], "sites": ["bank.example"], "people": [], "hours": []},
    }  # fmt: skip
    actions.put_condition(officer, made, **{**said, **condition})
    written = actions.sign_order(officer, made)
    import base64

    key = base64.b64encode(public_of(signing_key(Path(settings.HOME)))).decode()
    order = open_order(written.encode(), [key])
    agent.obey(order)
    return device, made, order


@pytest.fixture
def watched(cast: Cast, as_actor: Behind) -> Watched:
    """Avon's owner supervises a person with one device under an order in force."""
    officer, agent = supervising(cast.owner), Agent()
    with as_actor(officer):
        device, made, order = watch(officer, agent)
    return Watched(officer, agent, device, made, order)
