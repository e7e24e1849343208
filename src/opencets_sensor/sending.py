"""From the spool to a server over the network: health first, then each part, signed, until it is acknowledged.

A part leaves the spool only for an answer that names its log. What the server will never take is kept apart and told, and holds
nobody up; whatever else goes wrong (no way, no answer, an answer that is none, a sensor that is not known or was withdrawn),
everything stays and is sent again. Sent twice, a part counts once.
"""

from __future__ import annotations

import datetime as dt
import http.client
import json
import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from opencets.errors import ActRefused, Interrupted
from opencets.packing.deliveries import FINAL, Kind, sign_delivery
from opencets.packing.fields import cleaned, moment_of

LARGEST_ANSWER = 1 << 20
OFF_MS = 1000
"""How far the server's clock may be from the sensor's before it is told; either may be wrong."""


class PartRefused(ActRefused):
    """The server will never take this: a part, or how the sensor says that it goes."""

    code = "part-refused"


class Server:
    """One server, one connection that is kept open and made anew where it broke."""

    def __init__(self, address: str, key: Ed25519PrivateKey, certificates: Path | None, seconds: float) -> None:
        require_address(address)
        parts = urlsplit(address)
        self._host, self._port, self._base = parts.hostname or "", parts.port, parts.path.rstrip("/")
        self._secure, self._key, self._seconds = parts.scheme == "https", key, seconds
        self._context: ssl.SSLContext | None = None
        if self._secure:
            try:
                self._context = ssl.create_default_context(cafile=str(certificates) if certificates else None)
            except OSError as reason:
                raise ActRefused(f"The certificates of the server cannot be read: {reason}.") from None
        self._connection: http.client.HTTPConnection | None = None
        self._ahead = dt.timedelta()
        self.clock_off_ms: int | None = None
        """The server's clock minus the sensor's, as its last answer told it."""

    def tell_health(self, body: bytes) -> None:
        """Tell how the sensor goes. PartRefused: it is not understood. Interrupted: not now, or nothing from this sensor; why."""
        self._deliver("health", body)

    def send_part(self, body: bytes, digest: str) -> bool:
        """Bring a part; whether the server had it before. PartRefused: it is never taken. Interrupted: not now."""
        answer = self._deliver("parts", body)
        if answer.get("kept") != digest:
            raise Interrupted("The server did not say that it kept the part; it is sent again.")
        return answer.get("again") is True

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _deliver(self, kind: Kind, body: bytes) -> dict[str, Any]:
        status, answer = self._ask(kind, body)
        if status == 409:
            # The request was dated too far from the server's time, which its answer says: once more, by that.
            status, answer = self._ask(kind, body)
        if status == 200:
            return answer
        said = cleaned(str(answer.get("sentence") or f"It answered {status}."), 300)
        if status in FINAL:
            raise PartRefused(said)
        raise Interrupted(f"{self._host}: {said} Nothing is lost; it is sent again.")

    def _ask(self, kind: Kind, body: bytes) -> tuple[int, dict[str, Any]]:
        headers = sign_delivery(kind, dt.datetime.now(dt.UTC) + self._ahead, body, self._key)
        try:
            status, given = self._exchange(f"/sensor/v1/{kind}", body, headers)
        except (OSError, http.client.HTTPException) as reason:
            self.close()
            raise Interrupted(f"{self._host} cannot be reached now: {reason or type(reason).__name__}.") from reason
        try:
            answer = json.loads(given)
            if not isinstance(answer, dict):
                raise ValueError("it is no table")
            self._hear(answer.get("time"))
        except (ValueError, RecursionError):
            self.close()
            raise Interrupted(f"{self._host} gave an answer ({status}) that is none of this server.") from None
        return status, answer

    def _hear(self, told: Any) -> None:
        """Date the next request by the server's clock. The sensor's own stays as it is: it is evidence."""
        if isinstance(told, str):
            self._ahead = moment_of(told) - dt.datetime.now(dt.UTC)
            self.clock_off_ms = round(self._ahead / dt.timedelta(milliseconds=1))

    def _exchange(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        for last in (self._connection is None, True):
            try:
                return self._once(path, body, headers)
            except (ConnectionError, http.client.BadStatusLine, http.client.CannotSendRequest):
                self.close()
                if last:
                    raise
        raise AssertionError

    def _once(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        if self._connection is None:
            if self._secure:
                self._connection = http.client.HTTPSConnection(
                    self._host, self._port, timeout=self._seconds, context=self._context
                )
            else:
                self._connection = http.client.HTTPConnection(self._host, self._port, timeout=self._seconds)
        sent = {**headers, "Content-Type": "application/octet-stream"}
        try:
            self._connection.request("POST", f"{self._base}{path}", body, sent)
        except (BrokenPipeError, ConnectionResetError):
            # The server answered before it had read all, and why may lie there to be read.
            if self._connection.sock is None:
                raise
        answer = self._connection.getresponse()
        given = answer.read(LARGEST_ANSWER + 1)
        if len(given) > LARGEST_ANSWER:
            raise http.client.HTTPException("the answer is too large")
        return answer.status, given


def require_address(address: str) -> None:
    """ActRefused: this is no address to which a sensor may deliver: https, and http to this machine alone."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if not host or parts.scheme not in ("https", "http") or parts.username or parts.query or parts.fragment:
        raise ActRefused(f"“{address[:80]}” is no address of a server, as https://cets.example.org.")
    if parts.scheme == "http" and not _is_here(host):
        raise ActRefused(f"The server is {address[:80]}: only https leaves this machine.")


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
