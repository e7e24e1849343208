"""A recogniser to plug in: it reads signs whose grey says which text stands on them, in scripts whose data is not installed."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from opencets.recognising import RecogniserFailed
from opencets.recognising.plugging import Seen

if TYPE_CHECKING:
    from PIL.Image import Image

TEXTS = {
    20: "Harbour Hotel\nCall +44 20 7946 0000 www.example.org",
    40: "ГОСТИНИЦА Волна принимает гостей круглый год",
    60: "مرحبا بكم في فندق الميناء الجديد",
    80: "東京駅 出口 会いましょう",
    100: "Zimmer frei, bitte an der Rezeption fragen",
    120: "",
    140: "Harbour lamp",
}
CRASHES, RAISES, HANGS = 200, 220, 240


@dataclass(frozen=True)
class Signs:
    """Reads the grey in the middle; ``languages`` only changes its version."""

    version: str

    @classmethod
    def open(cls, languages: str) -> Self:
        return cls(f"signs {languages or 1}")

    def read(self, picture: Image) -> Sequence[Seen]:
        grey = round(int(picture.getpixel((picture.width // 2, picture.height // 2))) / 20) * 20  # type: ignore[call-overload]
        if grey == CRASHES:
            os.abort()
        if grey == RAISES:
            raise RecogniserFailed("The sign is not lit.")
        if grey == HANGS:
            time.sleep(60)
        return [
            Seen(word, 95, 0.1 * picture.width + 60 * place, (0.2 + 0.3 * line) * picture.height, 50, 20, line)
            for line, words in enumerate(TEXTS.get(grey, "").split("\n"))
            for place, word in enumerate(words.split())
        ]


def sign(grey: int, seed: int = 0) -> bytes:
    """A picture of one grey, which says what stands on it; a line at its edge tells it from others of that grey."""
    from PIL import Image

    picture = Image.new("RGB", (640, 480), (grey, grey, grey))
    picture.paste((seed % 256, 90, 160), (0, 0, 640, 4))
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()
