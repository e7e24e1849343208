"""Live events: PostgreSQL's NOTIFY to server-sent events, on a route in front of Django.

One connection of the process listens; each open page has a short queue. An event carries identifiers only: the page
fetches what changed through the door, as its officer. ``resync`` says that events may have been missed: fetch all.
The stream ends when the officer may no longer hear one of its channels.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import psycopg

from opencets.errors import OpenCETSError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Authorise = Callable[[Scope, frozenset[str]], Awaitable[bool]]
"""Whether the session of the request may hear all of these channels."""

CHANNEL = "opencets_live"
NOTIFY = f"select pg_notify('{CHANNEL}', %s)"
"""The statement that announces, inside the transaction of the change; its parameter is from ``announcement``."""

PING_SECONDS = 15.0
ASK_AGAIN_SECONDS = 30.0
CHECK_SECONDS = 20.0
RETRY_MILLISECONDS = 3000
QUEUE_LENGTH = 64
MAX_CHANNELS = 64
_CHANNEL = re.compile(r"(case|here|officer|agency):[0-9A-Za-z-]{1,64}")
_EVENT = re.compile(r"[a-z][a-z0-9.-]{0,40}")
_log = logging.getLogger("opencets.live")


def announcement(channel: str, event: str, subject: str) -> str:
    """The text of one NOTIFY: ``channel`` (``case:<id>``, ``officer:<id>``), ``event``, and the changed thing's id.

    ValueError: a name that is none; nothing but identifiers may travel here.
    """
    if not _CHANNEL.fullmatch(channel) or not _EVENT.fullmatch(event) or len(subject) > 64:
        raise ValueError(f"No announcement: channel {channel[:80]!r}, event {event[:80]!r}.")
    return json.dumps({"channel": channel, "event": event, "id": subject}, separators=(",", ":"))


@dataclass(eq=False, slots=True)
class _Listener:
    channels: frozenset[str]
    queue: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(QUEUE_LENGTH))

    def put(self, event: bytes) -> None:
        try:
            self.queue.put_nowait(event)
        except asyncio.QueueFull:
            # A page that reads too slowly is told to fetch all, instead of being told the most part.
            while not self.queue.empty():
                self.queue.get_nowait()
            self.queue.put_nowait(RESYNC)


RESYNC = b"event: resync\ndata: {}\n\n"
PING = b": ping\n\n"
SIGN_IN_CHANGED = b"event: sign-in.changed\n"
"""Told on the officer's own channel when a session or an account ends: the line is judged at once."""
_END = b""


class LiveApp:
    """The ASGI application of ``GET /live/?channel=case:<id>&channel=officer:<id>``.

    ``authorise``: asked before the stream begins, twice a minute, and when a sign-in of the officer changes; ``conninfo``: gives
    the listening connection's parameters (the web role suffices: NOTIFY passes no table).
    """

    def __init__(self, authorise: Authorise, conninfo: Callable[[], str]) -> None:
        self._authorise = authorise
        self._conninfo = conninfo
        self._listeners: set[_Listener] = set()
        self._listening: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def open_streams(self) -> int:
        """How many pages are listening to this process."""
        return len(self._listeners)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            await _refuse(send, 405, "Only GET is answered here.")
            return
        asked = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("channel", [])
        channels = frozenset(asked)
        if not 0 < len(channels) <= MAX_CHANNELS or not all(map(_CHANNEL.fullmatch, channels)):
            await _refuse(send, 400, f"Name 1 to {MAX_CHANNELS} channels, as channel=case:<id>.")
            return
        if not await self._may(scope, channels):
            await _refuse(send, 404, "Not found.")
            return
        await self._stream(scope, channels, receive, send)

    def stop(self) -> None:
        """End all streams and the listening; from the event loop's own thread or a signal's callback there."""
        self._stopping = True
        if self._listening is not None:
            self._listening.cancel()
        for listener in self._listeners:
            while not listener.queue.empty():
                listener.queue.get_nowait()
            listener.queue.put_nowait(_END)

    async def _may(self, scope: Scope, channels: frozenset[str]) -> bool:
        try:
            return await self._authorise(scope, channels)
        except OpenCETSError:
            return False

    async def _stream(self, scope: Scope, channels: frozenset[str], receive: Receive, send: Send) -> None:
        listener = _Listener(channels)
        self._listeners.add(listener)
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._listen())
        gone = asyncio.create_task(_until_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _STREAM_HEADERS})
            await _part(send, f"retry: {RETRY_MILLISECONDS}\n\n".encode())
            asked_at = time.monotonic()
            while not self._stopping:
                event = asyncio.create_task(listener.queue.get())
                done, _ = await asyncio.wait({event, gone}, timeout=PING_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if event not in done:
                    event.cancel()
                if gone in done or (event in done and event.result() == _END):
                    break
                told = event in done and event.result().startswith(SIGN_IN_CHANGED)
                if told or time.monotonic() - asked_at > ASK_AGAIN_SECONDS:
                    if not await self._may(scope, channels):
                        break
                    asked_at = time.monotonic()
                await _part(send, event.result() if event in done else PING)
            with contextlib.suppress(OSError):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:
            pass
        finally:
            gone.cancel()
            self._listeners.discard(listener)

    async def _listen(self) -> None:
        """Listen for as long as the process lives; after each new connection, what may be missed is said."""
        wait, first = 0.5, True
        while not self._stopping:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._conninfo(), autocommit=True, connect_timeout=10, application_name="opencets live"
                ) as connection:
                    await connection.execute(f"listen {CHANNEL}")
                    if not first:
                        self._tell_all(RESYNC)
                    wait, first = 0.5, False
                    while True:
                        async for notice in connection.notifies(timeout=CHECK_SECONDS):
                            self._pass_on(notice.payload)
                        await connection.execute("select 1")
            except (psycopg.Error, OSError, OpenCETSError) as error:
                first = False
                _log.warning("Live events wait for the database (%s); trying again.", str(error).strip())
                await asyncio.sleep(wait)
                wait = min(wait * 2, 10)

    def _pass_on(self, payload: str) -> None:
        try:
            said = json.loads(payload)
            channel, event = said["channel"], said["event"]
            if not _EVENT.fullmatch(event):
                raise ValueError(event)
        except (ValueError, TypeError, KeyError):
            _log.warning("A live event was not of the form announced and was left out.")
            return
        line = f"event: {event}\ndata: {json.dumps(said, separators=(',', ':'))}\n\n".encode()
        for listener in self._listeners:
            if channel in listener.channels:
                listener.put(line)

    def _tell_all(self, event: bytes) -> None:
        for listener in self._listeners:
            listener.put(event)


_STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _part(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _refuse(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"sentence": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
