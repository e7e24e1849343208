"""Veils: what stands in a gallery before anyone asks to see a picture. Drawn here, from the thumbnail, and sent in its place.

A gallery that sends pictures and lets the browser blur them has shown them to whoever opens the browser's tools, and blurs
each one again at every paint. A veil has 16 by 16 pixels and about 200 bytes; it stands in the page itself. The picture
leaves only when it is asked for, so that what an officer saw is what the server gave out.

A job keeps the veil of each new medium. Where there is none yet, it is drawn while the page is made, and kept in memory.
"""

from __future__ import annotations

import io
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Protocol
from uuid import UUID

from django.db import connection
from PIL import Image, ImageDraw, UnidentifiedImageError

from opencets_web.evidence.models import Blob
from opencets_web.evidence.vault import opening
from opencets_web.media.models import Media

SIDE = 16
LEVELS = {"strong": 6, "medium": 10, "light": SIDE}
"""Pixels a side that each level of veil keeps."""
MOST_KEPT = 20_000
AT_ONCE = 500
_kept: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
_lock = Lock()


def draw(thumbnail: bytes) -> bytes:
    """The veil of a thumbnail (JPEG): WebP, 16 by 16; empty where it cannot be decoded."""
    try:
        with Image.open(io.BytesIO(thumbnail), formats=("JPEG",)) as image:
            image.draft("RGB", (SIDE * 2, SIDE * 2))
            small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError):
        return b""
    encoded = io.BytesIO()
    small.save(encoded, "WEBP", quality=60, method=0)
    return encoded.getvalue()


def veiled(media: Sequence[Media], *, level: str, grey: bool) -> dict[UUID, str]:
    """The veil of each as an address that holds the bytes themselves (RFC 2397); left out where there is no thumbnail."""
    missing = [row for row in media if row.veil is None and row.thumbnail_id and _remembered(("drawn", row.id)) is None]
    for row, thumbnail in _thumbnails(missing):
        _remember(("drawn", row.id), draw(thumbnail))
    found = {}
    for row in media:
        drawn = bytes(row.veil) if row.veil is not None else _remembered(("drawn", row.id)) or b""
        if drawn and row.thumbnail_size:
            found[row.id] = _address(row.id, drawn, level, grey)
    return found


class Rectangle(Protocol):
    """A part of a picture, in thousandths of its sides."""

    @property
    def left(self) -> int: ...
    @property
    def top(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...


def paint(picture: bytes, covers: Sequence[Rectangle], *, strip: bool = False) -> bytes:
    """A JPEG with rectangles painted over; of a strip of frames nothing is left to see, as masks know no second."""
    try:
        with Image.open(io.BytesIO(picture), formats=("JPEG",)) as image:
            shown = image.convert("RGB")
    except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError):
        # What cannot be decoded cannot be painted over: nothing of it is given out.
        shown = Image.new("RGB", (8, 8), (96, 96, 96))
    draw_on = ImageDraw.Draw(shown)
    wide, high = shown.size
    for cover in covers:
        left, top = cover.left * wide // 1000, cover.top * high // 1000
        right, bottom = -(-(cover.left + cover.width) * wide // 1000), -(-(cover.top + cover.height) * high // 1000)
        draw_on.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), fill=(96, 96, 96))
    if strip:
        draw_on.rectangle((0, 0, wide, high), fill=(96, 96, 96))
    encoded = io.BytesIO()
    shown.save(encoded, "JPEG", quality=85)
    return encoded.getvalue()


def _address(media_id: UUID, drawn: bytes, level: str, grey: bool) -> str:
    if level == "light" and not grey:
        return f"data:image/webp;base64,{b64encode(drawn).decode()}"
    key = (level, grey, media_id)
    made = _remembered(key)
    if made is None:
        with Image.open(io.BytesIO(drawn), formats=("WEBP",)) as image:
            side = LEVELS[level]
            small = image.convert("L" if grey else "RGB").resize((side, side), Image.Resampling.BOX)
        encoded = io.BytesIO()
        small.save(encoded, "PNG", compress_level=1)
        made = encoded.getvalue()
        _remember(key, made)
    return f"data:image/png;base64,{b64encode(made).decode()}"


def _remembered(key: tuple[object, ...]) -> bytes | None:
    with _lock:
        made = _kept.get(key)
        if made is not None:
            _kept.move_to_end(key)
        return made


def _remember(key: tuple[object, ...], made: bytes) -> None:
    with _lock:
        _kept[key] = made
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)


def _thumbnails(media: Iterable[Media]) -> Iterable[tuple[Media, bytes]]:
    """The bytes of each thumbnail; those of one pack are read from one opened blob, in the order in which they stand."""
    by_blob: dict[UUID, list[Media]] = {}
    for row in media:
        if row.thumbnail_id and row.thumbnail_size:
            by_blob.setdefault(row.thumbnail_id, []).append(row)
    for blob in Blob.objects.filter(pk__in=by_blob):
        with opening(blob)() as stream:
            for row in sorted(by_blob[blob.pk], key=lambda each: each.thumbnail_offset):
                stream.seek(row.thumbnail_offset)
                yield row, stream.read(row.thumbnail_size)


def keep_veils(exhibit_id: UUID) -> int:
    """Draw and keep the veils of an exhibit's media that have none; how many. Runs as a job, and again without harm."""
    kept = 0
    rows = Media.objects.filter(file__exhibit_id=exhibit_id, veil=None, thumbnail__isnull=False, thumbnail_size__gt=0)
    while batch := list(rows.order_by("thumbnail_id", "thumbnail_offset", "id")[:AT_ONCE]):
        drawn = {row.id: b"" for row in batch} | {row.id: draw(thumbnail) for row, thumbnail in _thumbnails(batch)}
        with connection.cursor() as cursor:
            cursor.execute(
                "update media_media m set veil = given.veil from unnest(%s::uuid[], %s::bytea[]) as given (id, veil)"
                " where m.id = given.id",
                [list(drawn), list(drawn.values())],
            )
        kept += len(batch)
    return kept
