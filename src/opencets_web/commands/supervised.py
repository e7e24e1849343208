"""The demonstration's supervised people: two invented persons, three devices, harmless hits, one device that fell silent.

What the devices send is made here as an agent makes it, sealed, chained and kept by the same way in as any batch.
"""

from __future__ import annotations

import base64
import datetime as dt
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from opencets.packing import captures
from opencets.packing.made_up import MadeUpDevice

if TYPE_CHECKING:
    from opencets_web.policy.actor import Actor

SYSTEM = "Invented desktop, Linux 6"
HITS = (
    # minutes ago, phrase, severity, before, after, program, conversation, direction, with screenshot
    (
        4,
        "meet at the blue kiosk",
        4,
        "on Sunday we could ",
        " and walk to the lake",
        "chromium",
        "chat-a",
        "typed",
        True,
    ),
    (5, "bring the green umbrella", 5, "it may rain, ", ", and the map", "chromium", "chat-a", "shown", True),
    (9, "send the train timetable", 3, "can you ", " for Saturday", "chromium", "chat-a", "typed", False),
    (55, "the second bench by the pond", 2, "they met on ", " again", "gedit", "note-1", "typed", False),
    (
        130,
        "meet at the blue kiosk",
        4,
        "the article says people ",
        " every morning",
        "firefox",
        "news-1",
        "shown",
        False,
    ),
    (300, "send the train timetable", 3, "Please ", " to the whole team", "evolution", "mail-1", "typed", False),
)

EVERYDAY = (
    "The train to the coast leaves at nine, and the kiosk on the platform sells maps.",
    "Could you water the plants on the balcony while we are away?",
    "The library opens an hour later on Mondays.",
    "Thank you for the soup, it was the best of this winter.",
)
"""What people of the demonstration write every day: the sample that its library is tested against."""


def _show_library(actor: Actor) -> str:
    """The neutral phrases as a library of the agency, tested against everyday lines, for the orders to name; its digest."""
    from opencets import watching
    from opencets_web.policy.acting import acting_as
    from opencets_web.supervision import libraries

    neutral = watching.Library.open(Path(watching.__file__).parent / "libraries" / "neutral")
    with acting_as(actor.officer_id):
        made = libraries.hand_in(actor, watching.bytes_of(neutral), "neutral")
        libraries.test_library(actor, made, EVERYDAY)
    return neutral.digest


def show_supervision(actor: Actor, reviewer: Actor | None) -> None:
    """As web: open two files, enrol three devices, sign their orders, and let the devices send. Once."""
    from opencets_web.policy.acting import acting_as
    from opencets_web.supervision import actions, caring
    from opencets_web.supervision.models import SupervisedPerson

    with acting_as(actor.officer_id):
        if SupervisedPerson.objects.filter(reference="SV-2026-0001").exists():
            return
    library = _show_library(actor)
    now = dt.datetime.now(dt.UTC)
    for number, (name, devices) in enumerate(
        (("Sam Sample", ("Desktop in the hall", "Laptop")), ("Robin Example", ("Family computer",)))
    ):
        reference = f"SV-2026-000{number + 1}"
        with acting_as(actor.officer_id):
            actions.open_person(
                actor, reference=reference, name=name, reviewer_id=reviewer.officer_id if reviewer else None
            )
            caring.agree(
                actor,
                reference,
                kind="visit",
                due_at=now + dt.timedelta(days=2),
                words="At the flat, with the plan.",
                agreed=True,
            )
            caring.agree(
                actor,
                reference,
                kind="register",
                due_at=now - dt.timedelta(hours=20),
                words="Yearly confirmation of the address.",
            )
            caring.enter_contact(
                actor, reference, kind="treatment", name="Sample practice", details="+442079460150, Tuesdays"
            )
            caring.agree_goal(actor, reference, "A place at the evening school")
        for place, device in enumerate(devices):
            agent = MadeUpDevice(device, now - dt.timedelta(hours=8), SYSTEM, ("user",), boot="invented-run-1")
            _watch(actor, agent, reference, now, library)
            silent = number == 1
            _send(
                agent,
                now - dt.timedelta(minutes=9 if silent else 0),
                HITS if place == 0 and not silent else HITS[3:5],
                silent=silent,
            )


def _watch(actor: Actor, agent: MadeUpDevice, reference: str, now: dt.datetime, library: str) -> None:
    from opencets_web.policy.acting import acting_as
    from opencets_web.supervision import actions
    from opencets_web.supervision.models import Order

    with acting_as(actor.officer_id):
        device = actions.enrol_device(actor, reference, agent.request())
        made = actions.draft_order(
            actor, device, court="Crown Court at Sampleton", reference=f"T2026-{reference[-4:]}",
            words="Computers are used only while they are watched as this order says.", time_zone="Europe/London",
            complaint="The chief officer, 1 Sample Street, Sampleton", begins_at=now - dt.timedelta(days=20),
            ends_at=now + dt.timedelta(days=345), notice_on=(now - dt.timedelta(days=21)).date(), co_users=["Alex Sample"],
            libraries=[library],
        )  # fmt: skip
        actions.put_condition(
            actor, made, ref="C1", words="No contact with children through chats or messages.",
            collectors=["typed", "shown", "window", "evasion"], text_around=200, screenshot="window", severity_from=2,
            retention_days=90,
            excluded={
                "programs": ["thunderbird"], "sites": ["bank.example", "clinic.example"], "people": ["Dr Sample"],
                "hours": [{"days": ["sun"], "from": "08:00", "to": "12:00"}],
            },
        )  # fmt: skip
        actions.sign_order(actor, made)
        order = Order.objects.get(pk=made)
    from opencets_web.supervision.keys import recipient_of

    with acting_as(actor.officer_id):
        agent.recipient = recipient_of(actor.agency_id)
    agent.order, agent.version = str(order.order_ref), order.version


def _send(agent: MadeUpDevice, now: dt.datetime, hits: Sequence[tuple[Any, ...]], *, silent: bool) -> None:
    from opencets_web.supervision import receiving

    entries = [
        agent.entry(
            captures.Started("first", "invented", SYSTEM, "x11", ("typed", "shown", "window", "evasion"), "0" * 64),
            agent.begun,
        )
    ]
    for minutes, phrase, severity, before, after, program, talk, direction, shot in sorted(
        hits, key=lambda one: -one[0]
    ):
        at = now - dt.timedelta(minutes=minutes)
        body = captures.Hit(
            captures.Rule("neutral", "1", phrase, severity, f"The phrase “{phrase}” was {direction}."), "C1", at,
            captures.Where("typed" if direction == "typed" else "shown", program, "Invented window", ""), direction, talk,
            captures.Text(before, phrase, after, len(before), len(before) + len(phrase)), None, shot,
        )  # fmt: skip
        entries.append(agent.entry(body, at))
        if shot:
            entries.append(agent.entry(_picture(entries[-1].seq), at + dt.timedelta(seconds=1)))
    covered = (
        captures.Covered("chromium", "accessibility"),
        captures.Covered("xterm", "none", "It has no accessibility tree."),
    )
    entries.append(agent.entry(captures.Heartbeat(covered, True, 0, 0, captures.Clock(0, 9)), now))
    if not silent:
        entries.append(agent.entry(captures.Stopped("the computer was shut down"), now))
    receiving.take_batch(UUID(agent.device), now, captures.batch_of(entries), now)


def _picture(of: int) -> captures.Screenshot:
    """A drawn window: coloured boxes, nothing else."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (640, 400), (236, 239, 244))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 640, 36), fill=(76, 86, 106))
    for number in range(5):
        left = 24 if number % 2 else 220
        draw.rounded_rectangle(
            (left, 60 + 64 * number, left + 380, 108 + 64 * number), 10, fill=(163, 190, 200 - 20 * number)
        )
    written = io.BytesIO()
    image.save(written, "JPEG", quality=70)
    return captures.Screenshot(of, "window", 640, 400, base64.b64encode(written.getvalue()).decode())
