"""The blob store of this machine, and the keys that open it: root key, a key for each agency, a key for each blob."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from django.conf import settings

from opencets.errors import ActRefused, DamagedSource
from opencets.packing.blobs import BlobStore, Opening
from opencets.packing.keys import Keys, Ring
from opencets_web.evidence.models import AgencyKey, Blob
from opencets_web.evidence.pieces import PieceOpening
from opencets_web.evidence.root import root_key

KNOWN_SECONDS = 20.0
"""How long a process goes on with what it knows of a key: a new or a destroyed one is noticed then."""


class _Known:
    """What this process knows of the agencies' keys, each with when it was asked."""

    def __init__(self) -> None:
        self.root: Keys = root_key(Path(settings.HOME))
        self._keys: dict[UUID, tuple[float, bytes]] = {}
        self._current: dict[UUID, tuple[float, tuple[UUID, bytes] | None]] = {}

    def find(self, key_id: UUID) -> bytes:
        """The 32 bytes of an agency's key. ActRefused: it was destroyed. DamagedSource: there was never such a key."""
        asked, key = self._keys.get(key_id, (-KNOWN_SECONDS, b""))
        if time.monotonic() - asked < KNOWN_SECONDS:
            return key
        row = AgencyKey.objects.filter(pk=key_id).first()
        if row is None:
            raise DamagedSource(f"The key {key_id} that wrapped a blob's key is not known here.")
        if row.wrapped is None:
            raise ActRefused(
                f"The content was destroyed with its key on {row.destroyed_at:%Y-%m-%d}: {row.destroyed_because}"
            )
        key = self.root.unwrap(bytes(row.wrapped))
        self._keys[key_id] = (time.monotonic(), key)
        return key

    def ring(self, agency_id: UUID | None) -> Ring:
        """What wraps for an agency, and opens for all; without an agency it wraps by the root."""
        if agency_id is None:
            return Ring(None, self.find, self.root)
        asked, current = self._current.get(agency_id, (-KNOWN_SECONDS, None))
        if time.monotonic() - asked >= KNOWN_SECONDS:
            row = AgencyKey.objects.filter(agency_id=agency_id, replaced_at=None, destroyed_at=None).first()
            current = (row.id, self.find(row.id)) if row else None
            self._current[agency_id] = (time.monotonic(), current)
        return Ring(current, self.find, self.root)


@cache
def known() -> _Known:
    """What this process knows of keys; ``cache_clear`` forgets it."""
    return _Known()


def keys(agency_id: UUID | None = None) -> Keys:
    """What wraps the keys of an agency's blobs, and opens those of any."""
    return known().ring(agency_id)


def store(agency_id: UUID | None = None) -> BlobStore:
    """The store below ``<home>/blobs``, sealing for an agency; it asks the database here, and not in ``put``."""
    return BlobStore(Path(settings.HOME) / "blobs", keys(agency_id))


def opening(blob: Blob) -> Opening:
    """What opens a blob, here or in another process."""
    return store().opening(blob.path, bytes(blob.wrapped_key))


def piece(blob: Blob, offset: int, size: int) -> BinaryIO:
    """A seekable clear stream of one piece of a blob: a file or thumbnail packed with others."""
    return piece_opening(blob, offset, size)()


def piece_opening(blob: Blob, offset: int, size: int) -> Opening | PieceOpening:
    """What opens one piece of a blob, here or in another process."""
    whole = opening(blob)
    return whole if offset == 0 and size == blob.size else PieceOpening(whole, offset, size)
