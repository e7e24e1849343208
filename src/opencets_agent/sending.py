"""From the spool to the server and back: batches in order, signed; the answer's time, order and libraries.

Whatever goes wrong (no way, no answer, 4xx, 5xx, an answer that is none), nothing leaves the spool; the same batch is sent again
after a pause that grows to a minute, with chance in it so that many agents do not come at once. A hit does not wait for the pause.
"""

from __future__ import annotations

import http.client
import json
import random
import sqlite3
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from opencets.errors import ActRefused
from opencets.packing.captures import batch_of, sign_batch
from opencets.packing.fields import moment_of
from opencets_agent.clock import Clock
from opencets_agent.device import Device
from opencets_agent.spool import Spool

LONGEST_PAUSE = 60.0
LARGEST_ANSWER = 32 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said to a batch."""

    received: int
    order: bytes | None
    libraries: tuple[tuple[str, str], ...]
    """Name and digest of those that this device is to use."""


class Sender(threading.Thread):
    """Brings what waits. ``heard`` is called, in this thread, with each answer."""

    def __init__(
        self, spool: Spool, device: Device, clock: Clock, server: str, context: ssl.SSLContext | None, seconds: float,
        heard: Callable[[Answer], None],
    ) -> None:  # fmt: skip
        super().__init__(name="sender", daemon=True)
        self._spool, self._device, self._clock, self._heard = spool, device, clock, heard
        self._way = Way(server, context, seconds)
        self._wake, self._stop_at = threading.Event(), 0.0
        self._failed = 0
        self.trouble = ""
        """Why the last try failed, in a sentence; empty: it did not."""
        self.reached_at: float | None = None

    def hurry(self) -> None:
        """Something waits that must not."""
        self._wake.set()

    def finish(self, seconds: float) -> None:
        """Send what waits, if that goes within so many seconds, and end."""
        self._stop_at = time.monotonic() + seconds
        self._wake.set()
        self.join(seconds + 1)
        self._way.close()

    def run(self) -> None:
        """Until `finish`."""
        while not (self._stop_at and time.monotonic() > self._stop_at + 1):
            tried = time.monotonic()
            sent = self._send()
            if self._stop_at and (not sent or not self._spool.waiting()[0] or time.monotonic() > self._stop_at):
                return
            if sent:
                if not self._spool.waiting()[0]:
                    self._wake.wait(3600)
            else:
                pause = min(LONGEST_PAUSE, 2.0 ** min(self._failed - 1, 10))
                self._wake.wait(pause * (0.5 + random.random() / 2))
            self._wake.clear()
            if not sent and (rest := tried + 0.5 - time.monotonic()) > 0:
                time.sleep(rest)

    def _send(self) -> bool:
        try:
            batch = self._spool.next_batch()
            if not batch:
                return True
            answer = self._ask("POST", "/agent/v1/entries", batch_of(batch))
            received = answer["received"]
            if type(received) is not int or not 0 <= received <= batch[-1].seq + (1 << 40):
                raise ValueError("it does not say what it received")
            self._spool.commit(received)
            if received < batch[0].seq:
                raise ValueError(f"the server keeps no entry beyond {received}, and {batch[0].seq} was sent")
            libraries = tuple((str(one["name"]), str(one["digest"])) for one in answer.get("libraries") or ())
            order = answer.get("order")
            self._heard(Answer(received, _order_bytes(order), libraries))
        except (
            OSError,
            http.client.HTTPException,
            ValueError,
            KeyError,
            TypeError,
            ActRefused,
            sqlite3.Error,
        ) as reason:
            self._failed += 1
            self.trouble = f"{type(reason).__name__}: {reason}"
            return False
        self._failed, self.trouble, self.reached_at = 0, "", time.monotonic()
        return True

    def _ask(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        headers = sign_batch(self._device.id, self._clock.now(), body, self._device.key)
        status, given = self._way.ask(method, path, body, headers)
        answer = json.loads(given) if given[:1] == b"{" else {}
        if isinstance(answer.get("time"), str):
            self._clock.hear(moment_of(answer["time"]))
        if status != 200:
            raise ValueError(f"the server answered {status}")
        return answer

    def fetch_library(self, digest: str) -> bytes:
        """A library by its digest. OSError or ValueError: it cannot be had now."""
        path = f"/agent/v1/libraries/{digest}"
        headers = sign_batch(self._device.id, self._clock.now(), b"", self._device.key)
        status, given = self._way.ask("GET", path, b"", headers)
        if status != 200:
            raise ValueError(f"the server answered {status} to the library {digest[:12]}")
        return given


class Way:
    """One connection to the server, kept open and made anew where it broke."""

    def __init__(self, server: str, context: ssl.SSLContext | None, seconds: float) -> None:
        parts = urlsplit(server)
        host = parts.hostname or ""
        if parts.scheme == "http" and not _is_here(host):
            raise ActRefused(
                f"The order's server is {server}: only https leaves this device. The agent does not start."
            )
        self._secure, self._host, self._port = parts.scheme == "https", host, parts.port
        self._base, self._context, self._seconds = parts.path.rstrip("/"), context, seconds
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """Status and body of the answer. A connection that the server had closed meanwhile is made anew, once."""
        for last in (self._connection is None, True):
            try:
                return self._ask(method, path, body, headers)
            except (ConnectionError, http.client.BadStatusLine, http.client.CannotSendRequest):
                self.close()
                if last:
                    raise
            except BaseException:
                self.close()
                raise
        raise AssertionError

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        if self._connection is None:
            if self._secure:
                context = self._context or ssl.create_default_context()
                self._connection = http.client.HTTPSConnection(
                    self._host, self._port, timeout=self._seconds, context=context
                )
            else:
                self._connection = http.client.HTTPConnection(self._host, self._port, timeout=self._seconds)
        sent = {**headers, "Content-Type": "application/json"}
        self._connection.request(method, f"{self._base}{path}", body or None, sent)
        answer = self._connection.getresponse()
        given = answer.read(LARGEST_ANSWER + 1)
        if len(given) > LARGEST_ANSWER:
            raise ValueError("the answer is too large")
        return answer.status, given

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _order_bytes(order: Any) -> bytes | None:
    """The signed order of an answer: the envelope as JSON, or the same as one text."""
    if order is None:
        return None
    return order.encode() if isinstance(order, str) else json.dumps(order).encode()
