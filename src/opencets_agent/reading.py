"""The text of a window without an accessibility tree: its changed rows as a picture, read by tesseract, at a slow pace."""

from __future__ import annotations

import asyncio
import shutil
from io import BytesIO

from PIL import Image, ImageChops

AROUND = 24
"""Rows above and below a change that are read with it, so that whole lines are."""
LEAST = 10
"""A change smaller than this on both sides is a cursor; it is read with the next."""
LONGEST_SECONDS = 10.0


class WindowReader:
    """Reads what changed in a window since it was last read. One picture is kept in memory, of the window in front."""

    def __init__(self, language: str) -> None:
        self._language, self._window = language, 0
        self._before: Image.Image | None = None

    @staticmethod
    def is_there() -> bool:
        """Whether the program is installed."""
        return shutil.which("tesseract") is not None

    def forget(self) -> None:
        """Put the picture away."""
        self._window, self._before = 0, None

    async def read(self, window: int, picture: Image.Image) -> str:
        """The text of the rows that changed; empty: none did."""
        grey = picture.convert("L")
        box = (0, 0, *grey.size)
        if self._window == window and self._before is not None and self._before.size == grey.size:
            changed = ImageChops.difference(self._before, grey).getbbox()
            if changed is None or (changed[2] - changed[0] < LEAST and changed[3] - changed[1] < 2 * LEAST):
                return ""
            box = (0, max(changed[1] - AROUND, 0), grey.width, min(changed[3] + AROUND, grey.height))
        self._window, self._before = window, grey
        return await self._recognise(grey.crop(box))

    async def _recognise(self, strip: Image.Image) -> str:
        if strip.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0)) < 110:  # type: ignore[operator]
            strip = ImageChops.invert(strip)
        written = BytesIO()
        strip.resize((strip.width * 2, strip.height * 2), Image.Resampling.BILINEAR).save(written, "PPM")
        program = await asyncio.create_subprocess_exec(
            "nice", "tesseract", "stdin", "stdout", "--psm", "6", "-l", self._language,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            env={"OMP_THREAD_LIMIT": "1", "PATH": "/usr/local/bin:/usr/bin:/bin"},
        )  # fmt: skip
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                told, _ = await program.communicate(written.getvalue())
        except TimeoutError:
            program.kill()
            await program.wait()
            return ""
        return told.decode("utf-8", "replace")
