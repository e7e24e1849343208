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
from opencets.packing.frames import new_key
from opencets.packing.keys import Keys, Ring
from opencets_web.evidence.models import AgencyKey, Blob
from opencets_web.evidence.pieces import PieceOpening
from opencets_web.evidence.root import make_private, root_key

KNOWN_SECONDS = 20.0
"""How long a process goes on with what it knows of a key: a new or a destroyed one is noticed then."""


DAY_KEY = "address-key-"


class _Known:
    """What this process knows of the agencies' keys, each with when it was asked."""

    def __init__(self) -> None:
        self.root: Keys = root_key(Path(settings.HOME))
        self._keys: dict[UUID, tuple[float, bytes]] = {}
        self._current: dict[UUID, tuple[float, tuple[UUID, bytes] | None]] = {}
        self._days: dict[int, tuple[tuple[int, int], bytes]] = {}

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

    def day_key(self, day: int) -> bytes:
        """The 32 bytes of the node's key of a day (days since 1970, UTC), made at first use and wrapped by the root key.

        One whose root key was exchanged since is made anew: it opened addresses that last minutes. Older ones are removed.
        """
        path = Path(settings.HOME) / "secrets" / f"{DAY_KEY}{day}"
        try:
            stamp = path.stat()
        except FileNotFoundError:
            self._make_day_key(path, day)
            stamp = path.stat()
        seen = (stamp.st_ino, stamp.st_mtime_ns)
        if self._days.get(day, (None, b""))[0] != seen:
            try:
                key = self.root.unwrap(path.read_bytes())
            except DamagedSource:
                path.unlink(missing_ok=True)
                self._make_day_key(path, day)
                key = self.root.unwrap(path.read_bytes())
            self._days = {
                day: (seen, key),
                **{other: kept for other, kept in self._days.items() if abs(other - day) == 1},
            }
        return self._days[day][1]

    def _make_day_key(self, path: Path, day: int) -> None:
        make_private(path, self.root.wrap(new_key()))
        for other in path.parent.glob(f"{DAY_KEY}*"):
            number = other.name.removeprefix(DAY_KEY)
            if number.isdecimal() and int(number) < day - 1:
                other.unlink(missing_ok=True)


@cache
def known() -> _Known:
    """What this process knows of keys; ``cache_clear`` forgets it."""
    return _Known()


def keys(agency_id: UUID | None = None) -> Keys:
    """What wraps the keys of an agency's blobs, and opens those of any."""
    return known().ring(agency_id)


def day_key(day: int) -> bytes:
    """The 32 bytes with which this node signs what ends on that day (days since 1970, UTC)."""
    return known().day_key(day)


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
