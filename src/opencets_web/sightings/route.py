"""The route of sensors, in front of Django: ``POST /sensor/v1/parts``, ``POST /sensor/v1/health``.

No session and no cookie: each request is signed with the sensor's key, and judged by its headers before its body is read. A few
parts are in memory at once; what is over that comes again. Nothing is written to the disk on the way.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from typing import Any, TypeVar

from django.db import DatabaseError, connection
from django.utils import timezone

from opencets.errors import ActRefused, NotFound, OpenCETSError, SourceRefused
from opencets.packing.deliveries import LARGEST_HEALTH, LARGEST_PART
from opencets.packing.fields import instant
from opencets_web.sightings import receiving

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
T = TypeVar("T")

PREFIX = "/sensor/v1/"
LARGEST = {"parts": LARGEST_PART, "health": LARGEST_HEALTH}
THREADS = 2
MOST_PARTS = 3
"""Parts in memory at once; a sensor that is told to come again has lost nothing."""
MOST_WAITING = 128
CHUNK_SECONDS, BODY_SECONDS = 30.0, 600.0
_log = logging.getLogger("opencets.sensors")


class _Answer(Exception):
    """Ends the request: status and what is said."""

    def __init__(self, status: int, code: str, sentence: str) -> None:
        super().__init__(status)
        self.status, self.said = status, {"code": code, "sentence": sentence}


class SensorApp:
    """The ASGI application of the sensors."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sensors")
        self._waiting = self._parts = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            told = await self._answer(scope["method"], scope["path"].removeprefix(PREFIX), headers, receive)
            await _send(send, 200, {**told, "time": instant(timezone.now())})
        except _Answer as answer:
            await _send(send, answer.status, {**answer.said, "time": instant(timezone.now())})

    async def _answer(self, method: str, kind: str, headers: dict[str, str], receive: Receive) -> dict[str, Any]:
        if kind not in LARGEST:
            raise _Answer(404, "not-found", "Not found.")
        if method != "POST":
            raise _Answer(405, "method", "Not found.")
        # Whoever is no sensor of ours is turned away before a byte of theirs is kept in memory.
        sensor = await self._in_thread(partial(_sensor, kind, headers))
        if kind == "health":
            body = await _body(kind, headers, receive)
            return await self._in_thread(partial(receiving.take_health, sensor, body, timezone.now()))
        if self._parts >= MOST_PARTS:
            raise _Answer(503, "busy", "Too many parts at once; come again. Nothing is lost.")
        self._parts += 1
        try:
            body = await _body(kind, headers, receive)
            return await self._in_thread(partial(receiving.take_part, sensor, body, timezone.now()))
        finally:
            self._parts -= 1

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._waiting >= MOST_WAITING:
            raise _Answer(503, "busy", "Too many sensors at once; come again. Nothing is lost.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, _closing, work)
        finally:
            self._waiting -= 1


def _closing(work: Callable[[], T]) -> T:
    """Do it on this thread's connection, and give the connection back; what went wrong as an answer."""
    try:
        return work()
    except receiving.ClockApart as refusal:
        raise _Answer(409, refusal.code, refusal.sentence) from None
    except receiving.NotAllowed as refusal:
        raise _Answer(403, refusal.reason, refusal.sentence) from None
    except SourceRefused as refusal:
        raise _Answer(422, refusal.code, refusal.sentence) from None
    except (NotFound, ActRefused):
        # An unknown sensor and a signature that does not hold look alike.
        raise _Answer(401, "signature", "No sensor that is registered here has signed this.") from None
    except DatabaseError as error:
        _log.warning("A delivery could not be kept (%s); the sensor keeps it.", str(error).strip().split("\n")[0])
        raise _Answer(503, "database", "It could not be kept now; come again.") from None
    except OpenCETSError as error:
        raise _Answer(503, error.code, error.sentence) from None
    except OSError as error:
        _log.warning("A delivery could not be kept (%s); the sensor keeps it.", error)
        raise _Answer(503, "disk", "It could not be kept now; come again.") from None
    finally:
        connection.close()


def _sensor(kind: str, headers: dict[str, str]) -> receiving.Known:
    given = receiving.Signed(*(headers.get(name, "") for name in ("x-sensor", "x-time", "x-digest", "x-signature")))
    return receiving.require_sensor(kind, given, timezone.now())


async def _body(kind: str, headers: dict[str, str], receive: Receive) -> bytes:
    """The body, which is that of the digest that was signed."""
    most, stated = LARGEST[kind], headers.get("content-length", "")
    too_large = _Answer(413, "too-large", f"At most {most:,} bytes are taken at once.")
    if stated.isdecimal() and int(stated) > most:
        raise too_large
    held, digest = bytearray(), sha256()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            more = True
            while more:
                message = await asyncio.wait_for(receive(), CHUNK_SECONDS)
                if message["type"] == "http.disconnect":
                    raise _Answer(400, "cut", "The delivery was cut off.")
                chunk = message.get("body", b"")
                if len(held) + len(chunk) > most:
                    raise too_large
                held += chunk
                digest.update(chunk)
                more = message.get("more_body", False)
    except TimeoutError:
        raise _Answer(408, "slow", "The delivery did not arrive in time.") from None
    if digest.hexdigest() != headers.get("x-digest", ""):
        raise _Answer(400, "altered", "What arrived is not what was signed; send it again.")
    return bytes(held)


async def _send(send: Send, status: int, told: dict[str, Any]) -> None:
    body = json.dumps(told, separators=(",", ":")).encode()
    headers = [
        (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]  # fmt: skip
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
