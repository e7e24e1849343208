"""Before anything is asked: the checks that keep the sensor from transferring content. One that fails ends it.

The ways by which it is held, each enough alone:

- There is no code to ask for a piece, to write one or to give one: `opencets_sensor.torrent.messages` has one list of what may
  be sent, through which every message goes, and content is let go of at its head.
- libtorrent, which could, is given no torrent: it has no pieces to want, no peers and no storage (`torrent.table`).
- No setting changes either: words that are not known are refused (`settings`).
- These checks try both at every start, with messages that must not pass.
- `tests/sensor/test_wire.py` watches the wire between the sensor and real clients and counts what content crossed it.
"""

from __future__ import annotations

import struct

from opencets.errors import ActRefused
from opencets_sensor.torrent import messages

_MUST_NOT_LEAVE = tuple(
    struct.pack(">IB", 1 + len(body), kind) + body
    for kind, body in (
        (messages.INTERESTED, b""), (messages.UNCHOKE, b""), (messages.REQUEST, bytes(12)), (messages.PIECE, bytes(9)),
        (messages.HAVE, bytes(4)), (messages.BITFIELD, b"\xff"), (messages.HAVE_ALL, b""),
        (messages.EXTENDED, b"\x02d8:msg_typei0e5:piecei0ee"),
    )
)  # fmt: skip
_HELLO = messages.handshake(bytes(20), bytes(20))
_MUST_NOT_ARRIVE = (
    struct.pack(">IBII", 9 + 16384, messages.PIECE, 0, 0),
    struct.pack(">IBB", 40, messages.EXTENDED, 3),
)


def require_no_transfer() -> None:
    """Try what must not be possible. ActRefused, and nothing is asked, where it is."""
    for message in _MUST_NOT_LEAVE:
        for written in (message, _HELLO + message, messages.extension_handshake() + message):
            try:
                messages.require_allowed(written)
            except ActRefused:
                continue
            raise ActRefused(f"A message of kind {message[4]} could leave this sensor. It does not start.")
    for message in _MUST_NOT_ARRIVE:
        try:
            for _ in messages.Reader().feed(_HELLO + message):
                pass
        except messages.ContentOffered:
            continue
        raise ActRefused(f"A message of kind {message[4]} could be taken in by this sensor. It does not start.")
    messages.require_allowed(_HELLO + messages.extension_handshake())
