"""What wraps the keys of blobs: one master key, or a ring of keys that are named inside what they wrapped.

A key wrapped by a ring is ``OCK1``, the 16 bytes of the wrapping key's identifier, then AES key wrap (RFC 3394): 60 bytes. So
a row needs no other column to say by which key it opens, and keys are exchanged row by row without touching a blob.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from opencets.packing.frames import unwrap_key, wrap_key

MAGIC = b"OCK1"
_HEAD = len(MAGIC) + 16


class Keys(Protocol):
    """Wraps keys of blobs, and opens what was wrapped."""

    def wrap(self, key: bytes) -> bytes:
        """``key`` wrapped, to be kept in the open."""
        ...

    def unwrap(self, wrapped: bytes) -> bytes:
        """The key inside. DamagedSource: changed, or wrapped by a key that is not here."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class MasterKey:
    """One key of 32 bytes for all."""

    key: bytes

    def wrap(self, key: bytes) -> bytes:
        """``key`` wrapped by AES key wrap (RFC 3394)."""
        return wrap_key(self.key, key)

    def unwrap(self, wrapped: bytes) -> bytes:
        """The key inside. DamagedSource: changed, or another master key made it."""
        return unwrap_key(self.key, wrapped)


@dataclass(frozen=True, slots=True, repr=False)
class Ring:
    """Wraps with one key; opens what any key of the ring wrapped, and what the root wrapped before there was a ring.

    ``find``: the 32 bytes of the key with that identifier; it raises where the key is not to be had.
    """

    current: tuple[UUID, bytes] | None
    find: Callable[[UUID], bytes]
    root: Keys

    def wrap(self, key: bytes) -> bytes:
        """``key`` wrapped by the ring's current key, or by the root where there is none yet."""
        if self.current is None:
            return self.root.wrap(key)
        name, wrapping = self.current
        return MAGIC + name.bytes + wrap_key(wrapping, key)

    def unwrap(self, wrapped: bytes) -> bytes:
        """The key inside. DamagedSource: changed, or wrapped by a key that is not here."""
        name = wrapped_by(wrapped)
        return self.root.unwrap(wrapped) if name is None else unwrap_key(self.find(name), wrapped[_HEAD:])


def wrapped_by(wrapped: bytes) -> UUID | None:
    """The identifier of the key that wrapped it; None: the root did."""
    return UUID(bytes=wrapped[len(MAGIC) : _HEAD]) if wrapped.startswith(MAGIC) and len(wrapped) > _HEAD else None
