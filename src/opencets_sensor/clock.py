"""How far the sensor's clock is off, asked of time servers (SNTP, RFC 4330); the datagrams are kept as proof."""

from __future__ import annotations

import asyncio
import struct
import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_SINCE_1900 = 2_208_988_800
_ASK = bytes((0x23,)) + bytes(39)
"""Version 4, client; the sending time follows."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The clock at a moment. ``offset_ms``: the sensor's clock minus UTC; None where no server answered."""

    at: int
    offset_ms: int | None = None
    error_ms: int | None = None
    """Half of the time that question and answer took: it cannot be further off than that."""
    source: str = ""
    asked: str = ""
    answered: str = ""

    def said(self) -> dict[str, Any]:
        """As the log keeps it."""
        return {name: getattr(self, name) for name in self.__slots__}


def now_ms() -> int:
    """Milliseconds since 1970, UTC, by the sensor's clock."""
    return time.time_ns() // 1_000_000


async def measure(servers: Sequence[str], seconds: float = 3) -> Measured:
    """By the server that answered fastest; without one, what is known: nothing."""
    found = await asyncio.gather(*(_ask(server, seconds) for server in servers))
    answered = [one for one in found if one is not None]
    return min(answered, key=lambda one: one.error_ms or 0) if answered else Measured(now_ms())


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, answer: asyncio.Future[tuple[bytes, float]]) -> None:
        self._answer = answer

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if not self._answer.done():
            self._answer.set_result((data, time.time()))

    def error_received(self, reason: Exception) -> None:
        if not self._answer.done():
            self._answer.set_exception(reason)


async def _ask(server: str, seconds: float) -> Measured | None:
    host, _, port = server.rpartition(":") if server.count(":") == 1 else (server, "", "123")
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[bytes, float]] = loop.create_future()
    try:
        async with asyncio.timeout(seconds):
            line, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(answer), remote_addr=(host, int(port)))
            try:
                sent = time.time()
                ask = _ASK + _stamp(sent)
                line.sendto(ask)
                given, arrived = await answer
            finally:
                line.close()
    except (OSError, ValueError, TimeoutError):
        return None
    if len(given) < 48 or given[0] & 7 != 4 or not 1 <= given[1] <= 15 or given[24:32] != ask[40:48]:
        return None
    received, transmitted = _seconds(given[32:40]), _seconds(given[40:48])
    offset = ((sent - received) + (arrived - transmitted)) / 2
    error = ((arrived - sent) - (transmitted - received)) / 2
    return Measured(
        now_ms(), round(offset * 1000), max(round(error * 1000 + 0.5), 1), f"NTP {server}, stratum {given[1]}",
        b64encode(ask).decode(), b64encode(given).decode(),
    )  # fmt: skip


def _stamp(seconds: float) -> bytes:
    whole, part = divmod(seconds + _SINCE_1900, 1)
    return struct.pack(">II", int(whole) & 0xFFFFFFFF, int(part * (1 << 32)))


def _seconds(stamp: bytes) -> float:
    whole, part = struct.unpack(">II", stamp)
    return float(whole - _SINCE_1900 + part / (1 << 32))
