"""The route of devices, in front of Django: ``POST /agent/v1/entries``, ``GET /agent/v1/libraries/<digest>``.

No session and no cookie: each request is signed with the device's key. The database is asked in a few threads of this route's
own, so that five hundred devices take none from the officers' pages. Nothing is written to the disk on the way.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from django.db import DatabaseError, connection
from django.utils import timezone

from opencets.errors import ActRefused, DamagedSource, NotFound, OpenCETSError, SourceRefused
from opencets.packing.captures import LARGEST_BATCH
from opencets.packing.fields import instant
from opencets_web.supervision import receiving

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PREFIX = "/agent/v1/"
LIBRARY = f"{PREFIX}libraries/"
THREADS = 3
MOST_WAITING = 256
"""Requests that wait for a thread at once; a device that is told to come again has lost nothing."""
BODY_SECONDS = 30.0
_log = logging.getLogger("opencets.agents")


class _Answer(Exception):
    """Ends the request: status and what is said."""

    def __init__(self, status: int, said: dict[str, Any]) -> None:
        super().__init__(status)
        self.status, self.said = status, said


class AgentApp:
    """The ASGI application of the devices."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="agents")
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            content, media_type = await self._answer(scope["method"], scope["path"], headers, receive)
            await _send(send, 200, content, media_type)
        except _Answer as answer:
            told = {**answer.said, "time": instant(timezone.now())}
            await _send(send, answer.status, json.dumps(told).encode(), "application/json")

    async def _answer(self, method: str, path: str, headers: dict[str, str], receive: Receive) -> tuple[bytes, str]:
        if path == f"{PREFIX}entries" and method == "POST":
            # Whoever is no device of ours is turned away before a byte of theirs is kept in memory.
            await self._in_thread(partial(_known, headers))
            body = await _body(headers, receive)
            return await self._in_thread(partial(_entries, headers, body)), "application/json"
        if path.startswith(LIBRARY) and method == "GET":
            digest = path.removeprefix(LIBRARY)
            return await self._in_thread(partial(_library, headers, digest)), "application/octet-stream"
        known = path == f"{PREFIX}entries" or path.startswith(LIBRARY)
        raise _Answer(405 if known else 404, {"code": "method" if known else "not-found", "sentence": "Not found."})

    async def _in_thread(self, work: Callable[[], bytes]) -> bytes:
        if self._waiting >= MOST_WAITING:
            raise _Answer(503, {"code": "busy", "sentence": "Too many devices at once; come again. Nothing is lost."})
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, _closing, work)
        finally:
            self._waiting -= 1


def _closing(work: Callable[[], bytes]) -> bytes:
    """Do it on this thread's connection, and give the connection back; what went wrong as an answer."""
    try:
        return work()
    except receiving.ClockApart as refusal:
        raise _Answer(409, {"code": refusal.code, "sentence": refusal.sentence}) from None
    except SourceRefused as refusal:
        raise _Answer(422, {"code": refusal.code, "sentence": refusal.sentence}) from None
    except DamagedSource as refusal:
        raise _Answer(400, {"code": refusal.code, "sentence": refusal.sentence}) from None
    except (NotFound, ActRefused):
        # An unknown device and a signature that does not hold look alike.
        raise _Answer(401, {"code": "signature", "sentence": "The signature of the device does not hold."}) from None
    except DatabaseError as error:
        _log.warning("A batch could not be kept (%s); the device keeps it.", str(error).strip().split("\n")[0])
        raise _Answer(503, {"code": "database", "sentence": "It could not be kept now; come again."}) from None
    except ValueError:
        _log.exception("A batch could not be understood.")
        raise _Answer(400, {"code": "unreadable", "sentence": "The batch could not be understood."}) from None
    except OpenCETSError as error:
        raise _Answer(503, {"code": error.code, "sentence": error.sentence}) from None
    finally:
        connection.close()


def _signed(headers: dict[str, str], body: bytes) -> tuple[Any, Any, Any]:
    now = timezone.now()
    given = (headers.get(name, "") for name in ("x-device", "x-time", "x-signature"))
    device, at, signature = given
    device_id, said = receiving.require_device(device, at, signature, body, now)
    return device_id, said, now


def _known(headers: dict[str, str]) -> bytes:
    receiving.require_known(headers.get("x-device", ""))
    return b""


def _entries(headers: dict[str, str], body: bytes) -> bytes:
    device_id, said, now = _signed(headers, body)
    return json.dumps(receiving.take_batch(device_id, said, body, now), separators=(",", ":")).encode()


def _library(headers: dict[str, str], digest: str) -> bytes:
    device_id, _, _ = _signed(headers, b"")
    try:
        return receiving.library_for(device_id, digest)
    except NotFound:
        raise _Answer(404, {"code": "not-found", "sentence": "The order names no such library."}) from None


async def _body(headers: dict[str, str], receive: Receive) -> bytes:
    stated = headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > LARGEST_BATCH:
        raise _Answer(413, {"code": "too-large", "sentence": f"A batch has at most {LARGEST_BATCH:,} bytes."})
    held, more = bytearray(), True
    while more:
        try:
            message = await asyncio.wait_for(receive(), BODY_SECONDS)
        except TimeoutError:
            raise _Answer(408, {"code": "slow", "sentence": "The batch did not arrive in time."}) from None
        if message["type"] == "http.disconnect":
            raise _Answer(400, {"code": "cut", "sentence": "The batch was cut off."})
        held += message.get("body", b"")
        more = message.get("more_body", False)
        if len(held) > LARGEST_BATCH:
            raise _Answer(413, {"code": "too-large", "sentence": f"A batch has at most {LARGEST_BATCH:,} bytes."})
    return bytes(held)


async def _send(send: Send, status: int, body: bytes, media_type: str) -> None:
    headers = [
        (b"content-type", media_type.encode()), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]  # fmt: skip
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
