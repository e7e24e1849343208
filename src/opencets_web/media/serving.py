"""Bytes of media to a browser: a thumbnail whole, an original in the parts that are asked for, never as something that acts.

Only types that a browser shows and that carry no script are named as what they are (WHATWG MIME Sniffing, section 4.6 lists what
browsers take for pictures and videos); all else is offered as a file to keep. Range requests: RFC 9110, section 14.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import BinaryIO
from urllib.parse import quote

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

CHUNK = 1 << 18
SHOWN_TYPES = frozenset(
    {
        "image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/bmp",
        "video/mp4", "video/webm", "video/ogg", "video/quicktime", "video/x-m4v", "video/3gpp",
        "audio/mpeg", "audio/mp4", "audio/aac", "audio/ogg", "audio/webm", "audio/wav", "audio/flac",
    }
)  # fmt: skip
"""Types that are shown in the page; SVG and HTML are not among them."""
SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'"
KEPT_SECONDS = 60
"""How long the officer's own browser may keep a small picture: as long as access that ended may take to end."""
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def small_picture(stream: BinaryIO, size: int) -> HttpResponseBase:
    """A thumbnail or strip, which OpenCETS itself made: always JPEG."""
    with stream:
        response = _closed(HttpResponse(stream.read(size), content_type="image/jpeg"))
    response.headers["Cache-Control"] = f"private, max-age={KEPT_SECONDS}"
    return response


def original(
    request: HttpRequest, stream: BinaryIO, *, size: int, media_type: str, name: str, sha256: str
) -> HttpResponseBase:
    """A file as it is: 200, 206 for one range of it, 416 for a range that it does not have."""
    shown = media_type in SHOWN_TYPES
    begin, end, status = _wanted(request.headers.get("Range", ""), size)
    if status == 416:
        stream.close()
        refused = HttpResponse(status=416, content_type="text/plain")
        refused.headers["Content-Range"] = f"bytes */{size}"
        return _closed(refused)
    if request.method == "HEAD":
        stream.close()
        response: HttpResponseBase = HttpResponse(status=status)
    else:
        parts = _parts_async(stream, begin, end) if isinstance(request, ASGIRequest) else _parts(stream, begin, end)
        response = StreamingHttpResponse(parts, status=status)
        response._resource_closers.append(stream.close)  # type: ignore[attr-defined]
    if status == 206:
        response.headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    response.headers["Content-Type"] = media_type if shown else "application/octet-stream"
    response.headers["Content-Length"] = str(end - begin)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["ETag"] = f'"{sha256}"'
    response.headers["Content-Disposition"] = disposition(name, inline=shown)
    return _closed(response)


def _wanted(header: str, size: int) -> tuple[int, int, int]:
    """First byte, byte after the last, status. An unreadable or manifold Range counts as none, as RFC 9110 allows."""
    found = _RANGE.fullmatch(header.strip())
    if found is None or (not found[1] and not found[2]):
        return 0, size, 200
    if not found[1]:
        begin, end = max(0, size - int(found[2])), size
    else:
        begin, end = int(found[1]), min(size, int(found[2]) + 1) if found[2] else size
    return (begin, end, 206) if begin < end else (0, 0, 416)


def _parts(stream: BinaryIO, begin: int, end: int) -> Iterator[bytes]:
    stream.seek(begin)
    left = end - begin
    while left > 0 and (part := stream.read(min(CHUNK, left))):
        left -= len(part)
        yield part


async def _parts_async(stream: BinaryIO, begin: int, end: int) -> AsyncIterator[bytes]:
    await asyncio.to_thread(stream.seek, begin)
    left = end - begin
    while left > 0 and (part := await asyncio.to_thread(stream.read, min(CHUNK, left))):
        left -= len(part)
        yield part


def disposition(name: str, *, inline: bool) -> str:
    """Content-Disposition (RFC 6266) with a name that no browser or shell reads as more than a name."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    clean = "".join(letter for letter in last if letter.isprintable()).strip(" .")[:150] or "file"
    plain = re.sub(r"[^A-Za-z0-9._ ()-]", "_", clean)
    return f"{'inline' if inline else 'attachment'}; filename=\"{plain}\"; filename*=UTF-8''{quote(clean, safe='')}"


def _closed(response: HttpResponseBase) -> HttpResponseBase:
    """No guessing of types, no script, no copy in any cache, no reading from another site."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
