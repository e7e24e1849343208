"""Films of drawn scenes, and the album of the media room."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import av
from PIL import Image, ImageOps

from tests.web.media.conftest import album, books, import_list, own_home, scene

__all__ = ["album", "books", "film", "import_list", "own_home"]

FPS = 5


def film(
    *seeds: int,
    size: tuple[int, int] = (320, 240),
    border: int = 0,
    gop: int = 500,
    laid: Image.Transpose | None = None,
) -> bytes:
    """A film that shows the scene of each seed for a second, ``border`` black rows above and below, or ``laid`` otherwise."""
    pictures = [scene(seed, size) for seed in seeds]
    pictures = [ImageOps.expand(one, (0, border, 0, border)) for one in pictures]
    pictures = [one if laid is None else one.transpose(laid) for one in pictures]
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream: Any = container.add_stream(
            "mpeg4", rate=FPS, options={"g": str(gop), "qscale": "3", "sc_threshold": "1000000000"}
        )
        (stream.width, stream.height), stream.pix_fmt = pictures[0].size, "yuv420p"
        stream.bit_rate = 2_000_000
        stream.time_base = Fraction(1, FPS)
        for picture in pictures:
            frame = av.VideoFrame.from_image(picture)
            for _ in range(FPS):
                frame.pts = None
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return out.getvalue()
