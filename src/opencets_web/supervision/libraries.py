"""Phrase libraries of an agency: handed in, tested against a sample, put into orders device by device, and back again."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from opencets.errors import ActRefused, NotFound, SourceRefused
from opencets.watching.library import Library, bytes_of
from opencets.watching.watcher import Watcher
from opencets_web.audit import log
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.supervision.actions import WORKING, draft_order, sign_order
from opencets_web.supervision.models import Device, LibraryState, Order, OrderState, PhraseLibrary

LARGEST = 16 << 20
MOST_LINES = 200_000
MOST_TOLD = 50
_NO = "Phrase libraries are handed in and rolled out by supervising officers and supervisors."


def _refuse_others(actor: Actor) -> None:
    if not actor.reads_cases:
        raise NotFound
    if not WORKING & actor.roles:
        raise ActRefused(_NO)


def require_own(actor: Actor, library_id: UUID) -> PhraseLibrary:
    """A library of the actor's agency, for those who change libraries; else NotFound or ActRefused."""
    row = PhraseLibrary.objects.filter(pk=library_id, agency_id=actor.agency_id).first()
    if row is None or not actor.reads_cases:
        raise NotFound
    _refuse_others(actor)
    return row


@transaction.atomic
def hand_in(actor: Actor, content: bytes, name: str = "") -> UUID:
    """Take a version of a library in: one YAML file, or what ``bytes_of`` wrote; its id. ActRefused: handed in before."""
    _refuse_others(actor)
    if len(content) > LARGEST:
        raise ActRefused("A phrase library has 16 MB at most.")
    try:
        library = _read(content, name)
    except SourceRefused as refusal:
        raise ActRefused(f"{refusal.sentence} Nothing was handed in.") from None
    said = bytes_of(library)
    try:
        with transaction.atomic():
            made = PhraseLibrary.objects.create(
                agency_id=actor.agency_id, name=library.name[:120], version=str(library.version)[:60], digest=library.digest,
                content=said, phrases_count=len(library.phrases), handed_in_by_id=actor.officer_id, handed_in_at=timezone.now(),
            )  # fmt: skip
    except IntegrityError:
        raise ActRefused(
            f"Version {library.version} of {library.name} was handed in before. A changed library gets a new version."
        ) from None
    log.record(
        "library.handed-in", actor, subject=f"library:{made.id}",
        details={"name": made.name, "version": made.version, "digest": made.digest, "phrases": made.phrases_count},
    )  # fmt: skip
    return made.id


def _read(content: bytes, name: str) -> Library:
    if content.lstrip()[:1] == b"{":
        return Library.from_bytes(content)
    with tempfile.TemporaryDirectory(prefix="library-") as folder:
        path = Path(folder) / (Path(name).name or "library.yaml")
        path.write_bytes(content)
        try:
            return Library.open(path)
        except SourceRefused as refusal:
            raise SourceRefused(refusal.sentence.replace(f"{folder}/", "")) from None


@transaction.atomic
def test_library(actor: Actor, library_id: UUID, sample: Iterable[str]) -> dict[str, Any]:
    """Scan a sample of innocent text with a library: how often each phrase would have told an officer for nothing.

    ActRefused: the sample is empty.
    """
    row = require_own(actor, library_id)
    watcher = Watcher([Library.from_bytes(bytes(row.content))])
    lines = characters = 0
    by_phrase: Counter[str] = Counter()
    for line in sample:
        if lines >= MOST_LINES:
            break
        lines, characters = lines + 1, characters + len(line)
        by_phrase.update(hit.phrase for hit in watcher.scan(line))
    if not characters:
        raise ActRefused("The sample is empty: take text that people of this setting write every day.")
    count = by_phrase.total()
    row.test = {
        "lines": lines, "characters": characters, "hits": count, "per_million": round(count / characters * 1e6, 2),
        "phrases": by_phrase.most_common(MOST_TOLD),
    }  # fmt: skip
    row.tested_at, row.state = timezone.now(), LibraryState.TESTED
    row.save(update_fields=["test", "tested_at", "state"])
    log.record(
        "library.tested",
        actor,
        subject=f"library:{row.id}",
        details={"lines": lines, "hits": count, "digest": row.digest},
    )
    return dict(row.test)


@transaction.atomic
def withdraw_library(actor: Actor, library_id: UUID, *, withdrawn: bool = True) -> None:
    """Put a library into no order any more, or allow it again. Orders in force go on until a new version."""
    row = require_own(actor, library_id)
    back = LibraryState.TESTED if row.tested_at else LibraryState.HANDED_IN
    row.state = LibraryState.WITHDRAWN if withdrawn else back
    row.save(update_fields=["state"])
    log.record("library.withdrawn", actor, subject=f"library:{row.id}", details={"withdrawn": withdrawn})


@transaction.atomic
def roll_out(actor: Actor, library_id: UUID, devices: Sequence[UUID]) -> int:
    """Sign a new version of the order of each device with this version of the library in it; how many.

    It takes the place of another version of the same library; the way back is to roll the version before out again.
    ActRefused: not tested, or a draft of a device is open.
    """
    row = require_own(actor, library_id)
    if row.state != LibraryState.TESTED:
        raise ActRefused("A library is tested against a sample before it goes to a device.")

    def with_it(order: Order) -> dict[str, Any]:
        if any(one["digest"] == row.digest for one in order.libraries):
            return {}
        return {"libraries": [*(one["digest"] for one in order.libraries if one["name"] != row.name), row.digest]}

    details = {"name": row.name, "version": row.version, "digest": row.digest}
    return sign_into(actor, devices, "library.rolled-out", with_it, details)


def sign_into(
    actor: Actor, devices: Sequence[UUID], verb: str, change: Callable[[Order], dict[str, Any]], details: dict[str, Any]
) -> int:
    """Sign a new version of the order of each device with what ``change`` says of it; how many. Nothing said: it stays."""
    done = 0
    for device_id in devices:
        device = door.admit(actor, Device.objects.all(), "contribute", pk=device_id)
        order = Order.objects.filter(device=device, state=OrderState.SIGNED).first()
        if order is None:
            raise ActRefused(f"{device.name} has no order in force.")
        if said := change(order):
            sign_order(actor, draft_order(actor, device.id, **said))
            held = (device.holding_id, device.agency_id)
            log.record(verb, actor, holding=held, subject=f"device:{device.id}", details=details)
            done += 1
    return done
