"""Films of drawn scenes, and the album of the media room."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import av

from tests.web.media.conftest import album, books, import_list, own_home, scene

__all__ = ["album", "books", "film", "import_list", "own_home"]

FPS = 5


def film(*seeds: int, size: tuple[int, int] = (320, 240), border: int = 0, gop: int = 500) -> bytes:
    """A film that shows the scene of each seed for a second, ``border`` black rows above and below."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream: Any = container.add_stream(
            "mpeg4", rate=FPS, options={"g": str(gop), "qscale": "3", "sc_threshold": "1000000000"}
        )
        stream.width, stream.height, stream.pix_fmt = size[0], size[1] + 2 * border, "yuv420p"
        stream.bit_rate = 2_000_000
        stream.time_base = Fraction(1, FPS)
        for seed in seeds:
            picture = scene(seed, size)
            from PIL import ImageOps

            frame = av.VideoFrame.from_image(ImageOps.expand(picture, (0, border, 0, border)) if border else picture)
            for _ in range(FPS):
                frame.pts = None
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return out.getvalue()
