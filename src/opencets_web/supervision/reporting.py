"""What leaves the room on paper or as a package: breach reports, the week in short, and what the person is told."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from opencets.errors import ActRefused
from opencets.packing.fields import instant
from opencets.packing.package import Part, seal
from opencets.requesting.letters import fonts_for
from opencets_web.accounts.ids import new_id
from opencets_web.audit.signing import signing_key
from opencets_web.policy.actor import Actor
from opencets_web.supervision.actions import note, person_for
from opencets_web.supervision.models import (
    Appointment,
    BreachReport,
    Condition,
    Entry,
    Fault,
    Hit,
    HitState,
    Order,
    SupervisedPerson,
    Verdict,
)
from opencets_web.supervision.person_pages import recorded_of
from opencets_web.supervision.reviewing import picture_of

WEEK = dt.timedelta(days=7)
MOST_HITS = 2_000


# --- Breach reports ---------------------------------------------------------------------------------------------------


@transaction.atomic
def breach_report(actor: Actor, reference: str, condition: str, purpose: str) -> tuple[bytes, str]:
    """A signed package of what an officer judged as a breach of one condition, and the name of its file.

    In it is what that condition allows and no more: the words around as long as it says, a screenshot only where it asks for one,
    and nothing of other conditions. With each hit goes its entry of the device's chain as it came, so that a court's expert can
    verify number, order and time without the service. ActRefused: nothing judged as a breach, or no purpose.
    """
    person = person_for(actor, reference)
    if not purpose.strip():
        raise ActRefused("Say for which court or hearing it is made.")
    rows = Hit.objects.filter(
        person=person, condition=condition, verdict=Verdict.BREACH, state=HitState.DONE, deleted_at=None
    )
    hits = list(rows.select_related("device").order_by("at")[:MOST_HITS])
    if not hits:
        raise ActRefused("No hit under this condition was judged as a breach by the officer.")
    content = b"".join(
        seal(_parts(person, hits), _header(actor, person, condition, purpose), signing_key(Path(settings.HOME)))
    )
    made = BreachReport.objects.create(
        id=new_id(), holding_id=person.holding_id, agency_id=person.agency_id, person=person, condition=condition[:20],
        purpose=purpose.strip()[:300], hits=[hit.pk for hit in hits], made_by_id=actor.officer_id, made_at=timezone.now(),
        sha256=hashlib.sha256(content).hexdigest(),
    )  # fmt: skip
    note(
        actor,
        "breach-report.made",
        person,
        f"breach-report:{made.id}",
        condition=condition,
        hits=len(hits),
        sha256=made.sha256,
    )
    return content, f"breach-{reference}-{condition}-{timezone.now():%Y-%m-%d}.zip"


def _header(actor: Actor, person: SupervisedPerson, condition: str, purpose: str) -> dict[str, Any]:
    return {
        "package": {"kind": "breach report", "made_at": instant(timezone.now()), "made_by": actor.display_name},
        "person": {"reference": person.reference, "name": person.name}, "condition": condition, "purpose": purpose.strip(),
        "service": actor.agency_name,
    }  # fmt: skip


def _parts(person: SupervisedPerson, hits: Sequence[Hit]) -> Iterator[Part]:
    orders = {
        (str(one.order_ref), one.version): one for one in Order.objects.filter(person=person).exclude(signed_at=None)
    }
    used: dict[tuple[str, int], Order] = {}
    lines, entries = [], []
    for hit in hits:
        key = (str(hit.said.get("order")), int(hit.said.get("version", 0)))
        order = orders.get(key)
        condition = Condition.objects.filter(order=order, ref=hit.condition).first() if order else None
        if order is None or condition is None:
            continue
        used[key] = order
        said, around = hit.said, condition.text_around
        reviews = [
            {"stage": one.stage, "verdict": one.verdict, "severity": one.severity, "officer": one.officer.display_name,
             "at": instant(one.at), "words": one.words}
            for one in hit.reviews.filter(undone_at=None).select_related("officer").order_by("stage")
        ]  # fmt: skip
        lines.append(
            {
                "hit": str(hit.id), "device": hit.device.name, "entry": hit.seq, "at": instant(hit.at),
                "received_at": instant(hit.received_at), "collector": hit.collector, "program": hit.program,
                "window": said.get("window", ""), "address": said.get("address", ""), "phrase": hit.phrase,
                "library": f"{hit.library} {hit.library_version}", "reason": said.get("reason", ""),
                "before": said.get("before", "")[-around:] if around else "", "match": said.get("match", ""),
                "after": said.get("after", "")[:around], "file": said.get("file"), "reviews": reviews,
            }
        )  # fmt: skip
        entry = Entry.objects.filter(device_id=hit.device_id, seq=hit.seq).first()
        if entry is not None:
            entries.append(
                {
                    "device": str(entry.device_id), "boot": entry.boot, "seq": entry.seq, "at": entry.at_text,
                    "mono_ms": entry.mono_ms, "kind": entry.kind, "order": str(entry.order_ref), "version": entry.order_version,
                    "prev": entry.prev, "hash": entry.hash, "body_sha256": _digest(entry.body),
                }
            )  # fmt: skip
        if condition.screenshot != "none" and (picture := picture_of(hit)):
            yield Part(
                f"screenshots/{hit.seq:08d}.jpg",
                "screenshot of a hit, as its condition allows",
                [picture],
                packed=False,
            )
    yield Part("hits.json", "hits judged as breaches", [_json(lines)])
    yield Part("chain.json", "links of the device's chain, their bodies by digest", [_json(entries)])
    for (_, version), order in sorted(used.items()):
        yield Part(f"orders/order-{version}-{str(order.order_ref)[:8]}.json", "signed order", [order.document.encode()])


def _digest(body: str) -> str:
    return body.removeprefix("sha256:") if body.startswith("sha256:") else hashlib.sha256(body.encode()).hexdigest()


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True).encode() + b"\n"


# --- Paper ------------------------------------------------------------------------------------------------------------


def _paper(title: str, blocks: Sequence[tuple[str, Sequence[str]]], foot: str) -> bytes:
    from fpdf import FPDF
    from fpdf.enums import XPos, YPos

    fonts = fonts_for([title, foot, *(text for heading, lines in blocks for text in (heading, *lines))])
    page = FPDF(format="A4")
    page.set_creation_date(timezone.now())
    page.set_title(title.translate(fonts.spelt))
    page.set_lang("en")
    page.set_margins(22, 20, 22)
    page.set_auto_page_break(True, 20)
    fonts.put_on(page)
    page.add_page()

    def say(text: str, size: float = 10, bold: bool = False) -> None:
        page.set_font(fonts.family, "B" if bold else "", size)
        page.multi_cell(0, size * 0.5, text.translate(fonts.spelt), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    say(title, 16, bold=True)
    for heading, lines in blocks:
        page.ln(4)
        say(heading, 12, bold=True)
        for line in lines:
            say(line) if line else page.ln(3)
    page.ln(6)
    say(foot, 8)
    return bytes(page.output())


@transaction.atomic
def told_paper(actor: Actor, reference: str) -> tuple[bytes, str]:
    """What is recorded of the person, on paper for the person (PDF), and the name of its file."""
    person = person_for(actor, reference, "read")
    blocks: list[tuple[str, Sequence[str]]] = []
    for one in recorded_of(person):
        lines = [
            f"By {one.court}, {one.reference}: {one.words}",
            f"From {one.begins_at:%Y-%m-%d %H:%M} to {one.ends_at:%Y-%m-%d %H:%M} (UTC). At its end the program stops by itself.",
        ]
        for ref, words, collected, excluded, days in one.conditions:
            lines += [
                "",
                f"{ref}. {words}",
                f"Recorded: {collected}.",
                f"Never recorded: {excluded or 'nothing is excluded'}.",
            ]
            lines.append(f"Kept for {days} days, then deleted, unless an officer keeps it for a court.")
        lines += ["", f"Kept now: {one.kept} hits; deleted by rule so far: {one.deleted}."]
        if one.co_users:
            lines.append(f"Others who use the device and were told: {', '.join(one.co_users)}.")
        if one.opens_to:
            lines.append(f"By the terms of the order also open to: {one.opens_to}.")
        lines.append(f"Questions and complaints: {one.complaint}")
        blocks.append((one.device, lines))
    if not blocks:
        blocks.append(("Nothing is recorded", ["No order is in force."]))
    note(actor, "supervised.told", person)
    foot = (
        f"{actor.agency_name}, {timezone.now():%Y-%m-%d %H:%M} UTC, {person.reference}. Passwords are never recorded."
    )
    return _paper(f"What is recorded: {person.name}", blocks, foot), f"told-{reference}.pdf"


@transaction.atomic
def week_paper(actor: Actor, reference: str) -> tuple[bytes, str]:
    """The last seven days of a person in short (PDF), and the name of its file."""
    person = person_for(actor, reference, "read")
    week = week_of(person)
    note(actor, "supervised.summed-up", person)
    foot = f"{actor.agency_name}, {timezone.now():%Y-%m-%d %H:%M} UTC. Counts, not contents; the file has the rest."
    return _paper(f"{person.reference}: the week to {timezone.now():%Y-%m-%d}", week, foot), f"week-{reference}.pdf"


def week_of(person: SupervisedPerson) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The last seven days in short: hits and what became of them, devices, what was agreed and what is due."""
    now = timezone.now()
    since = now - WEEK
    hits = list(Hit.objects.filter(person=person, received_at__gte=since).values_list("severity", "verdict", "state"))
    verdicts = Counter(Verdict(verdict).label for _, verdict, state in hits if verdict and state == HitState.DONE)
    by_severity = Counter(severity for severity, _, _ in hits)
    open_hits = sum(state != HitState.DONE for _, _, state in hits)
    faults = Counter(one.get_kind_display() for one in Fault.objects.filter(person=person, at__gte=since).only("kind"))
    rows = Appointment.objects.filter(person=person, dropped_at=None)
    done = rows.filter(done_at__gte=since).count()
    missed = rows.filter(done_at=None, due_at__lt=now).count()
    coming = [
        f"{one.due_at:%Y-%m-%d %H:%M} UTC: {one.get_kind_display()}"
        for one in rows.filter(done_at=None, due_at__gte=now, due_at__lt=now + WEEK).order_by("due_at")
    ]
    return (
        (
            "Hits",
            (
                f"{len(hits)} in seven days, {open_hits} not reviewed.",
                *(f"Severity {severity}: {count}" for severity, count in sorted(by_severity.items(), reverse=True)),
                *(f"{words}: {count}" for words, count in verdicts.most_common()),
            ),
        ),
        ("Devices", tuple(f"{words}: {count}" for words, count in faults.most_common()) or ("Nothing wrong.",)),
        ("Agreed", (f"Done: {done}. Past their day and not done: {missed}.", *(coming or ["Nothing is due next week."]))),
    )  # fmt: skip


def report_hits(actor: Actor, reference: str, condition: str) -> list[UUID]:
    """Which hits a breach report under this condition would hold now."""
    person = person_for(actor, reference, "read")
    rows = Hit.objects.filter(
        person=person, condition=condition, verdict=Verdict.BREACH, state=HitState.DONE, deleted_at=None
    )
    return list(rows.values_list("pk", flat=True))
