"""Trackers: who is said to offer a file, asked over HTTP (BEP 3, 7, 23) and UDP (BEP 15).

A tracker lists whoever asks it. So each question is followed by one that takes the sensor off the list again; for the moment
between them it is listed, with a port at which nothing listens. It says that one byte is left: some trackers show complete
computers only to those who lack something. It counts no bytes, up or down.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
import struct
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NamedTuple
from urllib.parse import quote_from_bytes, urlsplit

from opencets.errors import Interrupted
from opencets_sensor.torrent import bencode

LARGEST = 1 << 20
MOST_WANTED = 200
_UDP_MAGIC = 0x41727101980
_CONNECT, _ANNOUNCE, _ERROR = 0, 1, 3
_STARTED, _STOPPED = 2, 3


class Asked(NamedTuple):
    """Who asks: an identity for this run, and the port that is told, at which nothing listens."""

    peer_id: bytes
    port: int


async def announce(url: str, info_hash: bytes, asked: Asked, seconds: float) -> bytes:
    """The tracker's answer as it came (HTTP: the body; UDP: the datagram). Interrupted: it gave none."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(seconds):
            if parts.scheme == "udp" and parts.hostname and parts.port:
                return await _udp(parts.hostname, parts.port, info_hash, asked)
            if parts.scheme in ("http", "https") and parts.hostname:
                answer = await _http(parts, info_hash, asked, b"started")
                await _http(parts, info_hash, asked, b"stopped")
                return answer
    except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError, struct.error) as reason:
        raise Interrupted(f"The tracker did not answer: {type(reason).__name__} {reason}".strip()) from reason
    raise Interrupted("The tracker's address is neither http, https nor udp with a port.")


async def _http(parts: Any, info_hash: bytes, asked: Asked, event: bytes) -> bytes:
    query = "&".join(
        f"{name}={quote_from_bytes(value, safe='')}"
        for name, value in (
            ("info_hash", info_hash), ("peer_id", asked.peer_id), ("port", b"%d" % asked.port), ("uploaded", b"0"),
            ("downloaded", b"0"), ("left", b"1"), ("compact", b"1"), ("numwant", b"%d" % MOST_WANTED), ("event", event),
        )
    )  # fmt: skip
    path = f"{parts.path or '/'}?{parts.query + '&' if parts.query else ''}{query}"
    safe = ssl.create_default_context() if parts.scheme == "https" else None
    reader, writer = await asyncio.open_connection(
        parts.hostname, parts.port or (443 if safe else 80), ssl=safe, limit=LARGEST
    )
    try:
        host = parts.netloc.rpartition("@")[2]
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("latin-1"))
        await writer.drain()
        answer = b""
        while len(answer) <= LARGEST and (part := await reader.read(1 << 16)):
            answer += part
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.") or head.split(b" ", 2)[1:2] != [b"200"] or len(answer) > LARGEST:
        raise ValueError(head[:60].decode("latin-1"))
    return body


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.arrived: asyncio.Queue[bytes] = asyncio.Queue(8)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if not self.arrived.full():
            self.arrived.put_nowait(data)


async def _udp(host: str, port: int, info_hash: bytes, asked: Asked) -> bytes:
    transport, line = await asyncio.get_running_loop().create_datagram_endpoint(_Datagrams, remote_addr=(host, port))

    async def exchange(action: int, connection: int, body: bytes) -> bytes:
        number = secrets.token_bytes(4)
        for patience in (2, 4, 8):
            transport.sendto(struct.pack(">QI", connection, action) + number + body)
            try:
                async with asyncio.timeout(patience):
                    while True:
                        answer = await line.arrived.get()
                        if answer[4:8] == number and len(answer) >= 8:
                            break
            except TimeoutError:
                continue
            if struct.unpack_from(">I", answer) != (action,):
                raise ValueError(answer[8:108].decode("utf-8", "replace"))
            return answer
        raise TimeoutError("no datagram came back")

    try:
        (connection,) = struct.unpack_from(">Q", await exchange(_CONNECT, _UDP_MAGIC, b""), 8)
        key = secrets.token_bytes(4)

        def body(event: int) -> bytes:
            left = struct.pack(">QQQII4siH", 0, 1, 0, event, 0, key, MOST_WANTED, asked.port)
            return info_hash + asked.peer_id + left

        answer = await exchange(_ANNOUNCE, connection, body(_STARTED))
        transport.sendto(struct.pack(">QI", connection, _ANNOUNCE) + secrets.token_bytes(4) + body(_STOPPED))
        return answer + (b"6" if transport.get_extra_info("sockname")[0].count(":") else b"4")
    finally:
        transport.close()


def peers_in(url: str, answer: bytes) -> list[tuple[str, int]]:
    """The addresses and ports of an answer; none where it says that it failed, or nothing that can be read."""
    try:
        if url.startswith("udp:"):
            return compact_peers(answer[20:-1], six=answer[-1:] == b"6")
        said = bencode.decode(answer)
        listed = said.get(b"peers", b"")
        named = isinstance(listed, list)
        found = [(_written(row[b"ip"]), int(row[b"port"])) for row in listed] if named else compact_peers(listed)
        return found + compact_peers(said.get(b"peers6", b""), six=True)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return []


def interval_in(url: str, answer: bytes) -> int:
    """After how many seconds the tracker may be asked again; 0 where it does not say."""
    try:
        if url.startswith("udp:"):
            return int(struct.unpack_from(">I", answer, 8)[0])
        said = bencode.decode(answer)
        return max(int(said.get(b"interval", 0)), int(said.get(b"min interval", 0)))
    except (ValueError, TypeError, AttributeError, struct.error, IndexError):
        return 0


def compact_peers(given: bytes, *, six: bool = False) -> list[tuple[str, int]]:
    """Addresses and ports, six bytes each, or eighteen."""
    kind, size = (IPv6Address, 16) if six else (IPv4Address, 4)
    step = size + 2
    return [
        (str(kind(given[at : at + size])), int.from_bytes(given[at + size : at + step]))
        for at in range(0, len(given) - step + 1, step)
    ]


def _written(address: bytes) -> str:
    text = address.decode("ascii")
    return str(IPv6Address(text) if ":" in text else IPv4Address(text))
