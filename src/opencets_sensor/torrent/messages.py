"""Messages between BitTorrent clients (BEP 3, 6, 10, 11): which the sensor may send, and which it reads beyond their head.

`SENT` and `READ` are the whole of it. A message of any other kind is let go of at its head: its body is neither kept nor looked
at, and one that carries content (``piece``, or data of the file's description) ends the conversation.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from opencets.errors import ActRefused
from opencets_sensor.torrent import bencode

PROTOCOL = b"\x13BitTorrent protocol"
HANDSHAKE = 68
RESERVED = bytes((0, 0, 0, 0, 0, 0x10, 0, 0x04))
"""What the sensor says of itself: it knows the extension protocol and the fast extension; nothing else."""

CHOKE, UNCHOKE, INTERESTED, NOT_INTERESTED, HAVE, BITFIELD, REQUEST, PIECE, CANCEL, PORT = range(10)
SUGGEST, HAVE_ALL, HAVE_NONE, REJECT, ALLOWED_FAST = range(13, 18)
EXTENDED = 20
EXTENSION_HANDSHAKE, PEERS = 0, 1
"""Kinds of extended messages: the first is fixed; the second is the number that the sensor gives to peer exchange."""

SENT = frozenset({(EXTENDED, EXTENSION_HANDSHAKE)})
"""The only message that is sent after the handshake. Interest, requests and pieces have no way out of this program."""
READ = frozenset({CHOKE, UNCHOKE, INTERESTED, NOT_INTERESTED, HAVE, BITFIELD, PORT, HAVE_ALL, HAVE_NONE, EXTENDED})
"""Kinds that are read. Of ``EXTENDED`` only its handshake and peer exchange."""
CARRIES_CONTENT = frozenset({PIECE})
HASHES_V2 = range(21, 24)
LARGEST = 1 << 18
"""Bytes of the longest message that is read: the bitfield of two million pieces."""


class ContentOffered(Exception):
    """The other side sent content that nobody asked for. The conversation ends; nothing of it is kept."""


def handshake(info_hash: bytes, peer_id: bytes) -> bytes:
    """The first 68 bytes of a conversation."""
    return PROTOCOL + RESERVED + info_hash + peer_id


def extension_handshake() -> bytes:
    """What the sensor tells of extensions: that it reads peer exchange. It names no program and no port."""
    body = bytes((EXTENDED, EXTENSION_HANDSHAKE)) + bencode.encode({b"m": {b"ut_pex": PEERS}})
    return struct.pack(">I", len(body)) + body


def require_allowed(written: bytes) -> bytes:
    """The bytes, where they are a handshake or messages of `SENT` or empty ones that keep the line open. ActRefused otherwise."""
    rest = written
    if rest.startswith(PROTOCOL) and len(rest) >= HANDSHAKE:
        rest = rest[HANDSHAKE:]
    while rest:
        if len(rest) < 4:
            raise ActRefused("Half a message would be sent; the sensor stops.")
        (length,) = struct.unpack_from(">I", rest)
        body, rest = rest[4 : 4 + length], rest[4 + length :]
        if len(body) != length or (length and tuple(body[:2]) not in SENT):
            kind = body[0] if body else -1
            raise ActRefused(f"A message of kind {kind} would be sent, which the sensor may not send; it stops.")
    return written


@dataclass(slots=True)
class Reader:
    """Takes what arrives, in any parts, and gives whole messages: the handshake, then each body.

    Of a message that is not read it gives ``(kind, length)`` alone, and passes over its bytes as they come.
    """

    _held: bytearray = field(default_factory=bytearray)
    _passing: int = 0
    _shaken: bool = False

    def feed(self, arrived: bytes) -> Iterator[bytes | tuple[int, int]]:
        """What is whole now. ContentOffered; ValueError where it is not the protocol."""
        self._held += arrived
        while True:
            if self._passing:
                gone = min(self._passing, len(self._held))
                del self._held[:gone]
                self._passing -= gone
            if not self._shaken:
                if not PROTOCOL.startswith(bytes(self._held[: len(PROTOCOL)])):
                    raise ValueError("it does not speak BitTorrent")
                if len(self._held) < HANDSHAKE:
                    return
                yield bytes(self._held[:HANDSHAKE])
                del self._held[:HANDSHAKE]
                self._shaken = True
            if len(self._held) < 5:
                if len(self._held) == 4 and not any(self._held):
                    self._held.clear()
                return
            (length,) = struct.unpack_from(">I", self._held)
            if not length:
                del self._held[:4]
                continue
            kind = self._held[4]
            if kind in CARRIES_CONTENT or kind in HASHES_V2:
                self._held.clear()
                raise ContentOffered(f"a message of kind {kind} with {length} bytes")
            if length > LARGEST:
                raise ValueError(f"a message of {length} bytes")
            if kind == EXTENDED and len(self._held) < 6:
                return
            extended_read = kind == EXTENDED and length > 1 and self._held[5] in (EXTENSION_HANDSHAKE, PEERS)
            if kind == EXTENDED and not extended_read:
                self._held.clear()
                raise ContentOffered(f"an extended message that was not asked for, of {length} bytes")
            if kind not in READ:
                yield kind, length
                del self._held[:4]
                self._passing = length
                continue
            if len(self._held) < 4 + length:
                return
            yield bytes(self._held[4 : 4 + length])
            del self._held[: 4 + length]
