"""Scripts, styles and icons on a route of their own: read by a thread, never through Django, whose middleware would hold
each file as one synchronous stream.

Names that the build made from the content are kept by the browser for good; all others are asked for anew after a minute.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any, Protocol

from django.conf import settings
from django.contrib.staticfiles import finders
from whitenoise import WhiteNoise  # type: ignore[import-untyped]

from opencets_web.config.middleware import CONTENT_SECURITY_POLICY

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_NAMED_BY_CONTENT = re.compile(r"/dist/assets/[^/]+-[A-Za-z0-9_-]{8}\.[a-z0-9]+$")
_ALWAYS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
]


class _Answer(Protocol):
    status: HTTPStatus
    headers: list[tuple[str, str]]
    file: Any


class AssetsApp:
    """ASGI application: ``/static/...`` and ``/favicon.ico`` for ``GET`` and ``HEAD``; all else is not found.

    The list of files is made once, at the start: nothing outside of it is served, whatever a path says.
    """

    def __init__(self) -> None:
        self._files = WhiteNoise(
            None, max_age=60, allow_all_origins=False, immutable_file_test=lambda path, url: _named_by_content(url)
        )
        prefix = "/" + str(settings.STATIC_URL).strip("/") + "/"
        found: dict[str, str] = {}
        for finder in finders.get_finders():
            for path, storage in finder.list(None):
                found.setdefault(prefix + path.replace(os.sep, "/"), storage.path(path))
        known = {path: os.stat(path) for path in found.values()}
        for url, path in found.items():
            self._files.add_file_to_dictionary(url, path, stat_cache=known)
        mark = f"{prefix}dist/mark.svg"
        if mark in self._files.files:
            # Browsers ask for it by themselves where a page that is no page of ours (a file, a refusal) names no icon.
            self._files.files["/favicon.ico"] = self._files.files[mark]

    def serves(self, path: str) -> bool:
        """Whether a path is this route's."""
        return path.startswith("/static/") or path == "/favicon.ico"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = {
            "HTTP_" + name.decode("latin-1").upper().replace("-", "_"): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        status, headers, content = await asyncio.to_thread(self._read, scope["path"], scope["method"], given)
        told = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        await send({"type": "http.response.start", "status": status, "headers": told + _ALWAYS})
        await send({"type": "http.response.body", "body": content})

    def _read(self, path: str, method: str, given: dict[str, str]) -> tuple[int, list[tuple[str, str]], bytes]:
        known = self._files.files.get(path)
        if known is None:
            return 404, [("Content-Type", "text/plain"), ("Cache-Control", "no-store")], b"Not found."
        answer: _Answer = known.get_response(method, given)
        if answer.file is None:
            return int(answer.status), answer.headers, b""
        with answer.file as stream:
            return int(answer.status), answer.headers, stream.read()


def _named_by_content(url: str) -> bool:
    return _NAMED_BY_CONTENT.search(url) is not None
