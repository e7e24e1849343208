"""BitTorrent: trackers, the distributed table and peer exchange say where; the handshake and the bitfield say what.

The conversation with a computer is: handshake, extension handshake, and listening until it has said which pieces it has. The
sensor never says that it is interested, asks for no piece, offers none, and hangs up when one is sent.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.ciphers import CipherContext

from opencets.errors import ActRefused, Interrupted
from opencets.packing.authority import Wanted
from opencets_sensor.clock import now_ms
from opencets_sensor.networks.contract import Entry, Note, Offer, Place, Source
from opencets_sensor.settings import read_table, within
from opencets_sensor.torrent import bencode, encryption, messages, trackers

NAME = "bittorrent"
TABLE_AT_ONCE = 20
FETCHED_AHEAD = 2048
"""Bytes that the system may take from a computer before the sensor has looked at what it sends."""
_Write = Callable[[str, str, list[list[Any]]], None]
"""Writes an entry of a conversation: of which kind, how it ended, what was said."""
MOST_READ = messages.LARGEST + (1 << 16)


@dataclass(frozen=True, slots=True)
class BitTorrent:
    """The table ``[networks.bittorrent]`` of the settings."""

    trackers: tuple[str, ...] = ()
    """Asked about every file, beside those that the authority names for it."""
    table: bool = False
    """Whether the distributed table is asked."""
    table_bootstrap: tuple[str, ...] = ()
    table_port: int = within(6881, 0, 65_535)
    table_seconds: float = within(20, 1, 300)
    table_of_our_own: bool = False
    told_port: int = within(6881, 1024, 65_535)
    """The port that trackers are told; nothing listens there."""
    connect_seconds: float = within(6, 0.2, 60)
    answer_seconds: float = within(10, 0.5, 120)
    linger_seconds: float = within(1.5, 0, 60)
    """How long to listen on after the pieces were told: many clients tell the last ones one by one."""
    hold_seconds: float = within(100, 0, 110)
    """How long a few conversations are held to hear of other computers."""


# --- What the log says: nothing here knows more than an entry ------------------------------------------------------------


def offers_in(entry: Entry, *, hearsay: bool) -> Iterator[Offer]:
    """The sighting of a conversation; by hearsay, those of an answer of a tracker or of the table."""
    if entry.get("network") != NAME:
        return
    if entry["do"] == "heard" and (offer := _offer(entry)) is not None:
        yield offer
    if hearsay:
        for place, kind in told_in(entry):
            yield Offer(int(entry["at"]), str(entry["file"]), place, kind)


def told_in(entry: Entry) -> Iterator[tuple[Place, str]]:
    """The places that an entry tells of."""
    if entry.get("network") != NAME:
        return
    if entry["do"] == "told" and entry["by"] == "tracker":
        found = trackers.peers_in(str(entry["from"]), b64decode(entry["answer"]))
        yield from ((Place(*one), "tracker") for one in dict.fromkeys(found))
    elif entry["do"] == "told" and entry["by"] == "dht":
        yield from ((Place(str(address), int(port)), "dht") for address, port in entry["places"])
    elif entry["do"] in ("heard", "held"):
        for _, body in _read(entry):
            if body[:2] == bytes((messages.EXTENDED, messages.PEERS)):
                yield from ((Place(*one), "pex") for one in _exchanged(body[2:]))


def _read(entry: Entry) -> Iterator[tuple[int, bytes]]:
    """When and what of the messages that were read."""
    for line in entry["wire"]:
        if line[1] == "<":
            yield int(line[0]), b64decode(line[2])


def _exchanged(body: bytes) -> list[tuple[str, int]]:
    try:
        said = bencode.decode(body)
        return trackers.compact_peers(said.get(b"added", b"")) + trackers.compact_peers(
            said.get(b"added6", b""), six=True
        )
    except (ValueError, AttributeError, TypeError):
        return []


def _offer(entry: Entry) -> Offer | None:
    """What the computer said that it has; None where it did not say, has nothing, or said what cannot be."""
    pieces: int | None = entry["pieces"]
    peer_id, client, at = b"", None, 0
    have: bytearray | None = None
    whole = False
    for after, body in _read(entry):
        if body.startswith(messages.PROTOCOL):
            peer_id = body[48 : messages.HANDSHAKE]
            continue
        kind = body[0]
        if kind == messages.EXTENDED and body[1] == messages.EXTENSION_HANDSHAKE:
            client = _client(body[2:]) or client
        elif kind == messages.BITFIELD:
            have, whole, at = bytearray(body[1:]), False, after
        elif kind == messages.HAVE_ALL:
            whole, at = True, after
        elif kind == messages.HAVE_NONE:
            have, whole, at = bytearray(), False, after
        elif kind == messages.HAVE and len(body) == 5:
            have, at = have if have is not None else bytearray(), after
            if not _mark(have, int.from_bytes(body[1:]), pieces):
                return None
    counted = _counted(have, whole, pieces)
    if not peer_id or counted is None:
        return None
    return Offer(
        at=int(entry["at"]) + at, file=str(entry["file"]), place=Place(str(entry["address"]), int(entry["port"])),
        evidence="handshake", identity=peer_id.hex(), identity_kind="peer_id", client=client or _prefix(peer_id),
        have=counted[0], total=counted[1],
    )  # fmt: skip


def _mark(have: bytearray, piece: int, pieces: int | None) -> bool:
    """Put one piece in; whether there can be such a piece."""
    if piece >= (pieces or 8 * messages.LARGEST):
        return False
    have.extend(bytes(max(piece // 8 + 1 - len(have), 0)))
    have[piece // 8] |= 0x80 >> piece % 8
    return True


def _counted(have: bytearray | None, whole: bool, pieces: int | None) -> tuple[int | None, int | None] | None:
    """Pieces had and pieces there are; None where nothing is offered or the bitfield cannot be of this file.

    Where the list of files does not say how many pieces there are, a bitfield may have up to seven bits too many: a complete
    computer can then be told as one that lacks a few pieces, and never the other way round.
    """
    if whole:
        return pieces, pieces
    if have is None or not any(have):
        return None
    count = int.from_bytes(have).bit_count()
    if pieces is None:
        return count, 8 * len(have)
    beyond = int.from_bytes(have) & ((1 << max(8 * len(have) - pieces, 0)) - 1)
    if len(have) > (pieces + 7) // 8 or (8 * len(have) > pieces and beyond):
        return None
    return count, pieces


def _client(body: bytes) -> str | None:
    try:
        said = bencode.decode(body).get(b"v", b"")
        return _plain(said.decode("utf-8", "replace"))
    except (ValueError, AttributeError, TypeError):
        return None


def _prefix(peer_id: bytes) -> str | None:
    text = _plain(peer_id[:8].decode("latin-1"))
    return f"peer id {text}" if text and text.isascii() and len(text) == 8 else None


def _plain(text: str) -> str | None:
    return "".join(letter for letter in text if letter.isprintable()).strip()[:100] or None


# --- Asking ----------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Talk:
    """One conversation: what went each way, with milliseconds since it began."""

    begun: float
    info_hash: bytes
    writer: asyncio.StreamWriter
    held: _Write | None
    """Writes what was said so far, where the conversation goes on to hear of others."""
    out: CipherContext | None = None
    wire: list[list[Any]] = field(default_factory=list)
    told_at: float | None = None
    exchanged: bool = False
    extends: bool = False
    shaken: bool = False
    arrived: int = 0
    is_held: bool = False

    def hold(self) -> None:
        """Write what was said, and listen on."""
        assert self.held is not None
        self.held("heard", "all was said; it is listened on", self.wire)
        self.wire, self.is_held = [], True

    def _after(self) -> int:
        return int((asyncio.get_running_loop().time() - self.begun) * 1000)

    def send(self, clear: bytes) -> None:
        """The only way out for a message: past the list of those that may be sent."""
        messages.require_allowed(clear)
        self.wire.append([self._after(), ">", b64encode(clear).decode()])
        self.writer.write(self.out.update(clear) if self.out else clear)

    def take(self, said: bytes | tuple[int, int]) -> None:
        """Keep what was said, and see what it was."""
        if isinstance(said, tuple):
            self.wire.append([self._after(), "~", *said])
            return
        self.wire.append([self._after(), "<", b64encode(said).decode()])
        if said.startswith(messages.PROTOCOL):
            self.shaken, self.extends = True, bool(said[25] & 0x10)
            if said[28:48] != self.info_hash:
                raise ValueError("it spoke of another file")
        elif said[0] in (messages.BITFIELD, messages.HAVE_ALL, messages.HAVE_NONE, messages.HAVE):
            self.told_at = asyncio.get_running_loop().time()
        elif said[:2] == bytes((messages.EXTENDED, messages.PEERS)):
            self.exchanged = True


def joined(table: Mapping[str, Any]) -> Asker:
    """An asker by the table ``[networks.bittorrent]``."""
    return Asker(read_table(BitTorrent, dict(table), "networks.bittorrent"))


class Asker:
    """BitTorrent as long as the sensor runs."""

    def __init__(self, settings: BitTorrent) -> None:
        self._settings = settings
        self._peer_id = secrets.token_bytes(20)
        self._asked = trackers.Asked(self._peer_id, settings.told_port)
        self._table: Any = None

    async def begin(self) -> None:
        """Join the table, where it is to be asked."""
        if self._settings.table:
            from opencets_sensor.torrent.table import Table

            self._table = Table(
                self._settings.table_bootstrap, self._settings.table_port, own_networks=self._settings.table_of_our_own
            )
            self._table.begin()

    def sources(self, wanted: Wanted) -> Iterator[Source]:
        """The trackers of the authority and of the settings, and the table."""
        for url in dict.fromkeys((*wanted.trackers, *self._settings.trackers)):
            yield Source("tracker", url)
        if self._table is not None:
            yield Source("dht", "dht", at_once=TABLE_AT_ONCE)

    async def find(self, source: Source, wanted: Wanted, note: Note) -> int:
        """Ask a tracker or the table, and write what it told."""
        info_hash = bytes.fromhex(wanted.file)
        at, told = now_ms(), {"network": NAME, "file": wanted.file, "by": source.kind, "from": source.name}
        if source.kind == "dht":
            from opencets_sensor.torrent.table import VERSION

            found = await self._table.peers(info_hash, self._settings.table_seconds)
            note("told", at=at, **told, through=VERSION, places=[list(one) for one in found])
            return 0
        try:
            answer = await trackers.announce(source.name, info_hash, self._asked, self._settings.answer_seconds * 2)
        except Interrupted as reason:
            note("silent", at=at, **told, why=reason.sentence)
            raise
        note("told", at=at, **told, answer=b64encode(answer).decode())
        return trackers.interval_in(source.name, answer)

    async def ask(self, place: Place, wanted: Wanted, note: Note, *, hold: bool = False) -> None:
        """Ask in the clear, and where that is not answered, encrypted; write each conversation, a held one in two parts."""
        for way in ("plain", "encrypted"):
            at, begun = now_ms(), asyncio.get_running_loop().time()
            told = {
                "at": at, "network": NAME, "file": wanted.file, "pieces": wanted.pieces, "address": place.address,
                "port": place.port, "way": way,
            }  # fmt: skip

            def write(do: str, end: str, wire: list[list[Any]], told: dict[str, Any] = told) -> None:
                note(do, **told, end=end, wire=wire)

            if await self._talk(place, bytes.fromhex(wanted.file), way, begun, write if hold else None, write):
                return

    async def leave(self) -> None:
        """Leave the table."""
        if self._table is not None:
            self._table.end()

    async def _talk(
        self, place: Place, info_hash: bytes, way: str, begun: float, held: _Write | None, write: _Write
    ) -> bool:
        """One conversation, written down; whether another way need not be tried."""
        try:
            async with asyncio.timeout(self._settings.connect_seconds):
                reader, writer = await _connect(place)
        except (OSError, TimeoutError) as reason:
            write("heard", f"not reached: {type(reason).__name__}", [])
            return True
        talk = _Talk(begun, info_hash, writer, held)
        try:
            end = await self._converse(reader, talk, way)
        except ActRefused:
            raise
        except messages.ContentOffered as reason:
            end = f"content was sent unasked and not taken: {reason}"
        except asyncio.IncompleteReadError:
            end = "it hung up"
        except (OSError, ValueError, TimeoutError) as reason:
            end = f"{type(reason).__name__}: {reason}".rstrip(": ")
        finally:
            writer.transport.abort()
        write("held" if talk.is_held else "heard", end, talk.wire)
        return talk.shaken

    async def _converse(self, reader: asyncio.StreamReader, talk: _Talk, way: str) -> str:
        loop = asyncio.get_running_loop()
        hello = messages.handshake(talk.info_hash, self._peer_id)
        back: CipherContext | None = None
        if way == "plain":
            talk.send(hello)
        else:
            messages.require_allowed(hello)
            async with asyncio.timeout(self._settings.answer_seconds):
                talk.out, back = await encryption.agree(
                    reader.readexactly, _writer_of(talk.writer), talk.info_hash, hello
                )
            talk.wire.append([0, ">", b64encode(hello).decode()])
        parser, greeted = messages.Reader(), False
        while True:
            left = self._until(talk) - loop.time()
            if left <= 0 and talk.told_at and talk.held is not None and not talk.is_held and not talk.exchanged:
                talk.hold()
                continue
            if left <= 0:
                return "all was said" if talk.told_at else "it did not say what it has"
            try:
                async with asyncio.timeout(left):
                    arrived = await reader.read(2048)
            except TimeoutError:
                continue
            if not arrived:
                return "it hung up"
            talk.arrived += len(arrived)
            if talk.arrived > MOST_READ:
                return "it said too much"
            for said in parser.feed(back.update(arrived) if back else arrived):
                talk.take(said)
            if talk.shaken and talk.extends and not greeted:
                talk.send(messages.extension_handshake())
                greeted = True

    def _until(self, talk: _Talk) -> float:
        if talk.is_held:
            return talk.begun + (0 if talk.exchanged else self._settings.hold_seconds)
        if talk.told_at:
            return talk.told_at + self._settings.linger_seconds
        return talk.begun + self._settings.answer_seconds


async def _connect(place: Place) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection over which the system takes but little ahead of what is read."""
    family = socket.AF_INET6 if ":" in place.address else socket.AF_INET
    line = socket.socket(family, socket.SOCK_STREAM)
    try:
        line.setblocking(False)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, FETCHED_AHEAD)
        await asyncio.get_running_loop().sock_connect(line, (place.address, place.port))
        return await asyncio.open_connection(sock=line, limit=FETCHED_AHEAD)
    except BaseException:
        line.close()
        raise


def _writer_of(writer: asyncio.StreamWriter) -> Any:
    async def write(given: bytes) -> None:
        writer.write(given)
        await writer.drain()

    return write
