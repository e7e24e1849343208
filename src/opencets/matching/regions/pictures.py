"""The brightness of a picture, upright, decoded no larger than is needed; hostile ones are refused."""

from __future__ import annotations

import struct
import warnings
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from opencets.errors import DamagedSource, LimitReached, NotThisFormat

DECLARED_PIXELS = 400_000_000
"""A picture that declares more pixels than this is refused unread."""
DECODED_PIXELS = 100_000_000
"""A picture whose (scaled) decode would hold more pixels than this is refused."""
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "JPEG2000", "AVIF")
HEIF = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis")
_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    MemoryError,
    RuntimeError,
    ArithmeticError,
    struct.error,
)

Grey = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom, each as a share of the picture's width or height."""


@dataclass(frozen=True, slots=True)
class Brightness:
    """The grey pixels of a picture or of a part of it, and where that part lies in the upright picture."""

    grey: Grey
    width: int
    """Of the whole upright picture, in its own pixels."""
    height: int
    box: Box = (0.0, 0.0, 1.0, 1.0)


def read_brightness(content: BinaryIO, longest_px: int, box: Box = (0.0, 0.0, 1.0, 1.0)) -> Brightness:
    """The first picture in ``content``, upright, cut to ``box`` and no longer than ``longest_px`` a side.

    A JPEG is decoded scaled where that suffices. Raises NotThisFormat when no decoder knows the bytes, LimitReached for
    a decompression bomb, DamagedSource when the pixels are not whole.
    """
    image = _open(content)
    width, height = image.size
    if width * height > DECLARED_PIXELS:
        raise LimitReached(f"The picture declares {width} x {height} pixels; more than {DECLARED_PIXELS} are refused.")
    turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    if isinstance(image, JpegImageFile):
        wanted = longest_px / max(box[2] - box[0], box[3] - box[1], 1e-3)
        scale = wanted / max(width, height)
        if scale < 1:
            image.draft("L", (max(1, int(width * scale)), max(1, int(height * scale))))
    if image.width * image.height > DECODED_PIXELS:
        raise LimitReached(f"The picture of {width} x {height} pixels cannot be decoded small; it is refused.")
    try:
        image.load()
        upright = ImageOps.exif_transpose(image)
        grey = (upright if upright.mode == "L" else _on_white(upright)).convert("L")
    except _ERRORS as reason:
        raise DamagedSource(f"The picture cannot be decoded: {reason}") from reason
    cut = (
        int(box[0] * grey.width),
        int(box[1] * grey.height),
        max(int(box[0] * grey.width) + 1, round(box[2] * grey.width)),
        max(int(box[1] * grey.height) + 1, round(box[3] * grey.height)),
    )
    cut = (cut[0], cut[1], min(cut[2], grey.width), min(cut[3], grey.height))
    if cut != (0, 0, grey.width, grey.height):
        box = (cut[0] / grey.width, cut[1] / grey.height, cut[2] / grey.width, cut[3] / grey.height)
        grey = grey.crop(cut)
    scale = longest_px / max(grey.size)
    if scale < 1:
        size = (max(1, round(grey.width * scale)), max(1, round(grey.height * scale)))
        grey = grey.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    return Brightness(np.array(grey), *((height, width) if turned else (width, height)), box)


def _open(content: BinaryIO) -> Image.Image:
    head = content.read(12)
    content.seek(0)
    formats: tuple[str, ...] = FORMATS
    if head[4:8] == b"ftyp" and head[8:12] in HEIF:
        from pillow_heif import register_heif_opener

        register_heif_opener()
        formats = ("HEIF",)
    Image.init()  # loads every decoder; which may be tried is said below
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Image.open(content, formats=formats)
    except UnidentifiedImageError as reason:
        raise NotThisFormat("The bytes are no picture that can be decoded.") from reason
    except Image.DecompressionBombError as reason:
        raise LimitReached("The picture declares too many pixels; it is refused.") from reason
    except _ERRORS as reason:
        raise DamagedSource(f"The picture cannot be decoded: {reason}") from reason


def _on_white(image: Image.Image) -> Image.Image:
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image
    layer = image.convert("RGBA")
    white = Image.new("RGBA", layer.size, "white")
    white.alpha_composite(layer)
    return white
