"""Lists of known files for supervised devices: handed in, put into orders device by device, and back again.

The list itself stands sealed here and never leaves: a device gets marks under a key of its own order (``opencets.packing.known``).
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import sha256
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets.packing import known
from opencets.packing.captures import KnownFile
from opencets_web.audit import log
from opencets_web.policy.actor import Actor
from opencets_web.supervision.actions import WORKING
from opencets_web.supervision.libraries import sign_into
from opencets_web.supervision.models import KnownList, Order

LARGEST = 70 << 20
_NO = "Lists of known files are handed in and rolled out by supervising officers and supervisors."


def require_own(actor: Actor, list_id: UUID) -> KnownList:
    """A list of the actor's agency, for those who change lists; else NotFound or ActRefused."""
    row = KnownList.objects.filter(pk=list_id, agency_id=actor.agency_id).defer("content").first()
    if row is None or not actor.reads_cases:
        raise NotFound
    if not WORKING & actor.roles:
        raise ActRefused(_NO)
    return row


@transaction.atomic
def hand_in(actor: Actor, content: bytes, *, name: str, version: str, authority: str) -> UUID:
    """Take a version of a list in: one MD5, SHA-1 or SHA-256 a line; its id. ActRefused: no list, or handed in before."""
    if not actor.reads_cases:
        raise NotFound
    if not WORKING & actor.roles:
        raise ActRefused(_NO)
    if len(content) > LARGEST:
        raise ActRefused(f"A list of known files has {LARGEST >> 20} MB at most.")
    if not (name.strip() and version.strip() and authority.strip()):
        raise ActRefused("Say the name of the list, its version, and the legal basis on which it is used.")
    packed = known.read_list(content)
    try:
        with transaction.atomic():
            made = KnownList.objects.create(
                agency_id=actor.agency_id, name=name.strip()[:120], version=version.strip()[:60],
                authority=authority.strip()[:400], digest=sha256(packed).hexdigest(), content=b64encode(packed).decode(),
                entries_count=sum(1 for _ in known.digests_of(packed)), handed_in_by_id=actor.officer_id,
                handed_in_at=timezone.now(),
            )  # fmt: skip
    except IntegrityError:
        raise ActRefused(
            "This list, or another of this name and version, was handed in before. A changed list gets a new version."
        ) from None
    log.record(
        "known-list.handed-in", actor, subject=f"known-list:{made.id}",
        details={"name": made.name, "version": made.version, "digest": made.digest, "files": made.entries_count},
    )  # fmt: skip
    return made.id


@transaction.atomic
def withdraw(actor: Actor, list_id: UUID, *, withdrawn: bool = True) -> None:
    """Put a list into no order any more, or allow it again. Orders in force go on until a new version."""
    row = require_own(actor, list_id)
    row.withdrawn_at = timezone.now() if withdrawn else None
    row.save(update_fields=["withdrawn_at"])
    log.record("known-list.withdrawn", actor, subject=f"known-list:{row.id}", details={"withdrawn": withdrawn})


@transaction.atomic
def roll_out(actor: Actor, list_id: UUID, devices: Sequence[UUID]) -> int:
    """Sign a new version of the order of each device with this list in the place of another; how many.

    The way back is to roll the version before out again. ActRefused: it is withdrawn, or a draft of a device is open.
    """
    row = require_own(actor, list_id)
    details = {"name": row.name, "version": row.version, "digest": row.digest}
    return sign_into(
        actor, devices, "known-list.rolled-out",
        lambda order: {} if order.known_list_id == row.pk else {"known_list_id": row.pk}, details,
    )  # fmt: skip


def given_to(order: Order) -> bytes:
    """What the device of an order gets of its list. NotFound: it names none."""
    if order.known_list is None:
        raise NotFound
    return known.for_device(b64decode(order.known_list.content), bytes.fromhex(order.known_key))


def names(row: KnownList, file: KnownFile) -> bool:
    """Whether a list has a file, by any of its digests."""
    digests = [bytes.fromhex(one) for one in (file.sha256, file.sha1, file.md5)]
    return known.has(b64decode(row.content), digests)
