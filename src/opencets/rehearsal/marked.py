"""A quilt that stands in rooms of two agencies: turned, smaller, mirrored, and for some seconds of a video. Nobody is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from opencets.rehearsal.rooms import Scene, draw, encode

SIZE = (640, 480)
QUILT_PX = 220
ROOMS = {"tablet": 5_200_001, "laptop": 5_200_002}
"""Rooms that no other picture of the world shows."""


@dataclass(frozen=True, slots=True)
class Lies:
    """Where the quilt's middle lies, as shares of the picture, how large it is and how far it is turned."""

    x: float
    y: float
    scale: float
    turn_degrees: float


MARKED = "PIC_0001.jpg"
"""The picture on which the quilt lies straight, as `OUTLINE` says."""
_FIRST = Lies(0.44, 0.55, 1.1, 0.0)
OUTLINE = [
    [round(_FIRST.x + across * QUILT_PX * 1.1 / 2 / SIZE[0], 4), round(_FIRST.y + down * QUILT_PX * 1.1 / 2 / SIZE[1], 4)]
    for across, down in ((-1, -1), (1, -1), (1, 1), (-1, 1))
]  # fmt: skip
_PICTURES: dict[str, dict[str, tuple[int, Lies | None, bool]]] = {
    "tablet": {
        MARKED: (0, _FIRST, False),
        "PIC_0002.jpg": (1, Lies(0.6, 0.6, 0.8, 28), False),
        "PIC_0003.jpg": (2, Lies(0.4, 0.5, 0.95, -15), True),
        "PIC_0004.jpg": (3, None, False),
        "PIC_0005.jpg": (4, Lies(0.35, 0.62, 1.3, 70), False),
    },
    "laptop": {
        "IMG_7001.jpg": (0, Lies(0.55, 0.5, 0.9, 115), False),
        "IMG_7002.jpg": (1, None, False),
    },
}


def write_things(folder: Path) -> int:
    """``tablet`` (pictures and a video) and ``laptop`` under ``folder``: rooms in which the quilt lies; how many files."""
    written = 0
    for place, pictures in _PICTURES.items():
        (folder / place).mkdir(parents=True, exist_ok=True)
        for name, (view, lies, flipped) in pictures.items():
            picture = _room(Scene(ROOMS[place], view), lies)
            (folder / place / name).write_bytes(encode(ImageOps.mirror(picture) if flipped else picture, "jpg", 88))
            written += 1
    shots = [(5, None), (6, Lies(0.5, 0.55, 1.0, 12)), (7, None)]
    _write_film(folder / "tablet" / "MOV_0006.mp4", [_room(Scene(ROOMS["tablet"], view), lies) for view, lies in shots])
    return written + 1


def _room(scene: Scene, lies: Lies | None) -> Image.Image:
    picture = draw(scene, *SIZE)
    if lies is None:
        return picture
    side = round(QUILT_PX * lies.scale)
    quilt = _quilt().resize((side, side), Image.Resampling.BICUBIC)
    mask = Image.new("L", quilt.size, 255)
    turned = quilt.rotate(lies.turn_degrees, Image.Resampling.BICUBIC, expand=True)
    outline = mask.rotate(lies.turn_degrees, Image.Resampling.BICUBIC, expand=True)
    corner = (round(lies.x * SIZE[0] - turned.width / 2), round(lies.y * SIZE[1] - turned.height / 2))
    picture.paste(turned, corner, outline)
    return picture


def _quilt() -> Image.Image:
    """Patches of cloth sewn together, no two alike."""
    random = Random("a quilt")
    cloth = Image.new("RGB", (QUILT_PX, QUILT_PX), (214, 204, 180))
    canvas = ImageDraw.Draw(cloth)
    step = QUILT_PX // 6
    for left in range(0, QUILT_PX, step):
        for top in range(0, QUILT_PX, step):
            ground = tuple(random.randint(40, 225) for _ in range(3))
            canvas.rectangle([left, top, left + step - 2, top + step - 2], ground)
            for _ in range(4):
                points = [(left + random.uniform(2, step - 4), top + random.uniform(2, step - 4)) for _ in range(3)]
                canvas.polygon(points, tuple(random.randint(20, 250) for _ in range(3)))
    return cloth


def _write_film(path: Path, shots: Sequence[Image.Image], seconds: int = 3) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=5, options={"g": "5"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.bit_rate = 4_000_000
        for shot in shots:
            still = np.asarray(shot)
            for _ in range(5 * seconds):
                for packet in stream.encode(av.VideoFrame.from_ndarray(still, format="rgb24")):
                    container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
