"""Asking an identity provider over the network, as an administrator's words send us: bounded, and never into one's own network.

HTTPS only; no redirect is followed; ten seconds and 512 KiB at most; the address that was checked is the one that is connected
to, so that a name which changes meanwhile (DNS rebinding) leads nowhere else. A provider inside one's own network is declared by
whoever runs the machine (``OPENCETS_PRIVATE_PROVIDERS``), not by an agency's administrator; one on this very machine may speak
HTTP then. Source: OWASP Server-Side Request Forgery Prevention Cheat Sheet.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
import ssl
from threading import Timer
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

from django.conf import settings

from opencets_web.federation.asserted import AnswerRefused

SECONDS = 10.0
MOST = 512 * 1024


def require_address(url: str, what: str) -> SplitResult:
    """The parts of an address that may be asked, or that a browser may be sent to; AnswerRefused for any other."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AnswerRefused(f"{what} is no address.") from None
    host = parts.hostname or ""
    if not host or parts.username or parts.password or parts.fragment or port == 0:
        raise AnswerRefused(f"{what} is no address of a provider: {url[:200]}")
    if parts.scheme == "https" or (parts.scheme == "http" and _is_declared(parts) and _is_loopback_name(host)):
        return parts
    raise AnswerRefused(f"{what} is not an https address: {url[:200]}")


def ask(url: str, what: str, *, form: dict[str, str] | None = None, headers: dict[str, str] | None = None) -> Any:
    """The JSON that is answered to a GET, or to a POST of ``form``. AnswerRefused: not reached, not allowed, not JSON."""
    parts = require_address(url, what)
    addresses = _checked_addresses(parts, what)
    secure = ssl.create_default_context() if parts.scheme == "https" else None
    connection = _Pinned(parts.hostname or "", addresses, secure)
    timer = Timer(SECONDS, connection.cut)
    timer.start()
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        sent = {"Accept": "application/json", **(headers or {})}
        if form is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        body = None if form is None else urlencode(form)
        connection.request("GET" if form is None else "POST", path, body=body, headers=sent | {"Host": parts.netloc})
        with connection.getresponse() as answer:
            if 300 <= answer.status < 400:
                raise AnswerRefused(f"{what} answers with a redirect, which is not followed.")
            content = answer.read(MOST + 1)
    except (OSError, http.client.HTTPException, AttributeError):
        raise AnswerRefused(f"{what} does not answer within {SECONDS:.0f} seconds: {parts.hostname}.") from None
    finally:
        timer.cancel()
        connection.close()
    if len(content) > MOST:
        raise AnswerRefused(f"{what} answers with more than {MOST // 1024} KiB.")
    return _read(content, answer.status, what)


def _read(content: bytes, status: int, what: str) -> Any:
    try:
        said = json.loads(content)
    except ValueError:
        said = None
    if status >= 400:
        why = said.get("error", "") if isinstance(said, dict) else ""
        raise AnswerRefused(f"{what} refuses (status {status}{f', {str(why)[:80]}' if why else ''}).")
    if not isinstance(said, dict):
        raise AnswerRefused(f"{what} does not answer with JSON.")
    return said


def _is_declared(parts: SplitResult) -> bool:
    return {(parts.hostname or "").lower(), parts.netloc.lower()} & set(settings.PRIVATE_PROVIDERS) != set()


def _is_loopback_name(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _checked_addresses(parts: SplitResult, what: str) -> list[tuple[str, int]]:
    """The addresses of the host, where all of them may be asked."""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AnswerRefused(f"{what}: no host is called {parts.hostname}.") from None
    addresses = [str(row[4][0]) for row in found]
    if not _is_declared(parts) and not all(_is_public(address) for address in addresses):
        raise AnswerRefused(
            f"{what}: {parts.hostname} is inside a private network. Whoever runs this system declares such a provider."
        )
    return [(address, port) for address in dict.fromkeys(addresses)]


def _is_public(address: str) -> bool:
    """Whether an address is everybody's; one that carries another inside (RFC 4291, 6052, 3056) is judged by that too."""
    number = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(number, ipaddress.IPv6Address):
        inner = number.ipv4_mapped or number.sixtofour
        if number in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(number) & 0xFFFFFFFF)
        if inner is not None and not inner.is_global:
            return False
    return number.is_global and not number.is_multicast


class _Pinned(http.client.HTTPConnection):
    """A connection to an address that was checked, speaking TLS to the name that was asked for."""

    def __init__(self, host: str, addresses: list[tuple[str, int]], secure: ssl.SSLContext | None) -> None:
        super().__init__(host, addresses[0][1], timeout=SECONDS)
        self._addresses, self._secure = addresses, secure
        self._open: socket.socket | None = None

    def connect(self) -> None:
        self.sock = self._open = self._reach()
        if self._secure is not None:
            # The timer must find the socket also while TLS is being agreed on.
            agreed = self._secure.wrap_socket(self._open, server_hostname=self.host, do_handshake_on_connect=False)
            self.sock = self._open = agreed
            agreed.do_handshake()

    def _reach(self) -> socket.socket:
        for address in self._addresses[:-1]:
            try:
                return socket.create_connection(address, SECONDS / 4)
            except OSError:
                continue
        return socket.create_connection(self._addresses[-1], SECONDS / 2)

    def cut(self) -> None:
        """End what is under way: a server that sends a byte now and then holds nobody for longer."""
        if self._open is not None:
            try:
                self._open.shutdown(socket.SHUT_RDWR)
            except OSError:
                return
