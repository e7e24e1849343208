"""A workshop's camera and films, as files: one sensor with a clock that is off, copies without metadata, a film and a cut of it.

What ties them is of several kinds, so that a series of the demonstration has several reasons. Nobody is ever drawn.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from opencets.rehearsal.rooms import Scene, draw
from opencets.rehearsal.sensors import InventedCamera

SERIAL = "5501330"
WALLS, TAKEN = 5, 4
BEGUN = datetime(2026, 3, 7, 14, 20, tzinfo=UTC)
CLOCK_IS_OFF = timedelta(hours=1, minutes=3, seconds=20)
"""The camera's clock less UTC: the zone of an hour, and more than three minutes fast."""
_FIRST_ROOM = 5_100_000


def write_workshop(folder: Path) -> int:
    """A card with walls and a shoot, what was received of this and another camera, two films, a still; how many files."""
    own, other = InventedCamera(71), InventedCamera(72)
    files: dict[str, bytes] = {}
    for number in range(WALLS):
        files[f"DCIM/101KESTR/IMG_{301 + number:04}.JPG"] = _jpeg(own.take(number, flat=True), at=BEGUN, serial=SERIAL)
    for number in range(TAKEN):
        at, name = BEGUN + timedelta(minutes=30, seconds=50 * number), f"DCIM/101KESTR/IMG_{311 + number:04}.JPG"
        files[name] = _jpeg(own.take(20 + number), at=at, serial=SERIAL, satellite=number < 2)
    shared = own.take(20)
    files["received/4410982.jpg"] = _jpeg(shared[::2, ::2], quality=80)
    files["received/4410983.jpg"] = _jpeg(own.take(31), at=BEGUN + timedelta(minutes=36))
    files["received/4410991.jpg"] = _jpeg(own.take(32))
    files["received/5120044.jpg"] = _jpeg(other.take(40))
    scenes = [Scene(_FIRST_ROOM + number, 0) for number in range(8)]
    files["films/workshop.mp4"], files["films/cut.mp4"] = _film(scenes), _film(scenes[2:7])
    files["films/still.jpg"] = _jpeg(np.asarray(draw(scenes[3], 320, 240).resize((640, 480))))
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return len(files)


def _jpeg(
    pixels: Any, *, at: datetime | None = None, serial: str = "", satellite: bool = False, quality: int = 94
) -> bytes:
    exif = Image.Exif()
    if serial:
        exif[0x010F], exif[0x0110] = "Kestrel", "K7"
        exif.get_ifd(0x8769)[0xA431] = serial
    if at is not None:
        exif.get_ifd(0x8769)[0x9003] = (at + CLOCK_IS_OFF).strftime("%Y:%m:%d %H:%M:%S")
    if satellite and at is not None:
        clock = (float(at.hour), float(at.minute), float(at.second))
        place = {1: "N", 2: (51.0, 24.0, 0.0), 3: "W", 4: (2.0, 36.0, 0.0), 7: clock, 0x1D: at.strftime("%Y:%m:%d")}
        exif.get_ifd(0x8825).update(place)
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "JPEG", quality=quality, exif=exif)
    return out.getvalue()


def _film(scenes: Iterable[Scene]) -> bytes:
    """Two seconds of each scene."""
    import av

    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream: Any = container.add_stream("mpeg4", rate=5, options={"qscale": "3"})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 320, 240, "yuv420p", 2_000_000
        for scene in scenes:
            still = np.asarray(draw(scene, 320, 240))
            for _ in range(10):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(still, format="rgb24")))
        container.mux(stream.encode())
    return out.getvalue()
