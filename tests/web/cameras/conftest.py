"""Cases with pictures by invented cameras: the album of the media tests, and files with a sensor's noise in them."""

from __future__ import annotations

import io
from functools import cache

from PIL import Image

from opencets.rehearsal.sensors import InventedCamera
from tests.web.media.conftest import album, books, own_home  # noqa: F401

SIDE = 512


@cache
def camera(seed: int) -> InventedCamera:
    """The same invented camera for the same seed."""
    return InventedCamera(seed, SIDE, SIDE)


@cache
def taken(seed: int, number: int, *, flat: bool = False, exif: tuple[tuple[str, object], ...] = ()) -> bytes:
    """A picture by an invented camera as JPEG; ``exif``: serial, time, satellite day and clock, north and east."""
    given = dict(exif)
    tags = Image.Exif()
    if "serial" in given:
        tags[0x010F], tags[0x0110] = "Harbour Optics", "HX-2"
        tags.get_ifd(0x8769)[0xA431] = given["serial"]
    if "time" in given:
        tags.get_ifd(0x8769)[0x9003] = given["time"]
    place = {}
    if "day" in given:
        place |= {0x1D: given["day"], 7: given["clock"]}
    if "north" in given:
        place |= {1: "N", 2: (given["north"], 0.0, 0.0), 3: "E", 4: (given["east"], 0.0, 0.0)}
    if place:
        tags.get_ifd(0x8825).update(place)
    stream = io.BytesIO()
    Image.fromarray(camera(seed).take(number, flat=flat)).save(stream, "JPEG", quality=95, exif=tags)
    return stream.getvalue()
