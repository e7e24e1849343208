"""The key pair of an agency to which devices seal what they send. The secret half stands sealed under the agency's key."""

from __future__ import annotations

import time
from uuid import UUID

import pyrage
from django.db import transaction
from django.utils import timezone

from opencets_web.accounts.ids import new_id
from opencets_web.supervision.models import ReceivingKey

KNOWN_SECONDS = 60.0
_known: dict[UUID, tuple[float, str]] = {}


def recipient_of(agency_id: UUID) -> str:
    """The public half, made at first use; of two that begin at once, the first stays."""
    row = ReceivingKey.objects.filter(agency_id=agency_id).first()
    if row is None:
        identity = pyrage.x25519.Identity.generate()
        made = ReceivingKey(
            id=new_id(), agency_id=agency_id, recipient=str(identity.to_public()), identity=str(identity),
            made_at=timezone.now(),
        )  # fmt: skip
        with transaction.atomic():
            ReceivingKey.objects.bulk_create([made], ignore_conflicts=True)
        row = ReceivingKey.objects.get(agency_id=agency_id)
    return row.recipient


def identity_of(agency_id: UUID) -> str:
    """The secret half, for whoever may read the row; kept in memory for a minute."""
    asked, identity = _known.get(agency_id, (-KNOWN_SECONDS, ""))
    if not identity or time.monotonic() - asked > KNOWN_SECONDS:
        identity = ReceivingKey.objects.get(agency_id=agency_id).identity
        _known[agency_id] = (time.monotonic(), identity)
    return identity
