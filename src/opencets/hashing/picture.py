"""Still pictures: brightness for PDQ, and a small copy for the gallery.

A JPEG is decoded scaled (by the decoder's own cosine transform, to a half, a quarter or an eighth, both sides kept at
300 pixels or more), because decoding is nearly the whole cost. PDQ then filters and samples where it would have on the
whole picture, which keeps photographs within 2 bits of the published implementation (10 are tolerated at quality 80 and
more). Three kinds of pictures would be further off: those of low quality (below `SCALED_QUALITY`), those with more than
`FRAGILE_BITS` bits so near to the median that a small disturbance flips them, and those full of hard, fine detail
(print, halftone: neighbouring pixels differ by more than `ROUGHNESS` on average), where the clipping of single pixels
counts. They are decoded again at full size (up to `DECODED_PIXELS`), and that hash counts. What stays further off are
drawn pictures of perfect symmetry or period: most of their coefficients are nought, and the last digit decides.

PDQ is computed on the pixels as stored: the EXIF orientation is not applied, as in the published implementations, so
that hashes agree with the lists of others. HEIC and HEIF are the exception: their decoder turns the picture itself. The
small copy is shown to people and is turned upright.

Of an animation or a file of several pages only the first picture counts. Transparency is ignored for PDQ, as in the
published implementations, and laid on white in the small copy.
"""

from __future__ import annotations

import io
import struct
import threading
import warnings
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from opencets.errors import DamagedSource, LimitReached, NotThisFormat
from opencets.hashing.pdq import bits_of, coefficients_of, fragile_bits, pdq_samples, quality_of, turned_hashes

SCALED_SIDE = 300
SCALED_QUALITY = 60
FRAGILE_BITS = 10
ROUGHNESS = 20.0
DECLARED_PIXELS = 400_000_000
"""A picture that declares more pixels than this is refused unread."""
DECODED_PIXELS = 100_000_000
"""A picture whose (scaled) decode would hold more pixels than this is refused: 400 MB, copies apart."""
FINE_PIXELS = 30_000_000
"""Up to this size brightness is computed without rounding where it may count: 12 bytes a pixel."""

DECODER_BLOCK_BYTES = 1 << 20
"""The decoder starts a row of blocks anew at each end of its input; larger portions save that."""

FORMATS = {
    "image/jpeg": ("JPEG", "MPO"),
    "image/png": ("PNG",),
    "image/gif": ("GIF",),
    "image/webp": ("WEBP",),
    "image/tiff": ("TIFF",),
    "image/bmp": ("BMP",),
    "image/jp2": ("JPEG2000",),
    "image/avif": ("AVIF",),
    "image/heic": ("HEIF",),
    "image/heif": ("HEIF", "AVIF"),
}
"""The decoders that may touch each media type; no other of Pillow's decoders is ever tried."""

DECODER_ERRORS = (
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
"""What Pillow's decoders raise on broken bytes."""

_heif = threading.Lock()


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded picture: the pixels (perhaps scaled), the size it declares, its EXIF orientation (1 to 8)."""

    image: Image.Image
    width: int
    height: int
    orientation: int
    scaled: bool
    broken: str = ""
    """Why the pixels are not complete; empty when they are."""


def decode(content: BinaryIO, media_type: str, *, scaled: bool = True) -> Decoded:
    """The pixels of the first picture in ``content``; scaled where the format can and ``scaled`` allows.

    Raises NotThisFormat when ``media_type`` has no decoder or its decoder does not know the bytes, LimitReached for a
    decompression bomb, DamagedSource when nothing could be decoded.
    """
    image = _open(content, media_type)
    width, height = image.size
    _refuse_beyond(width * height, DECLARED_PIXELS, width, height)
    if scaled and isinstance(image, JpegImageFile):
        image.draft("YCbCr", (SCALED_SIDE, SCALED_SIDE))
        image.decodermaxblock = DECODER_BLOCK_BYTES
    _refuse_beyond(image.width * image.height, DECODED_PIXELS, width, height)
    broken = ""
    try:
        image.load()
    except DECODER_ERRORS as reason:
        broken = str(reason) or type(reason).__name__
        image = _what_was_decoded(image, broken)
    orientation = _orientation(image) if media_type not in ("image/heic", "image/heif") else 1
    return Decoded(image, width, height, orientation, image.size != (width, height), broken)


def picture_pdq(decoded: Decoded, content: BinaryIO, media_type: str) -> tuple[bytes, int, bytes]:
    """PDQ and quality of a picture, and the PDQ of its seven turns one after another (see `turned_hashes`).

    ``content`` is decoded anew at full size where the scaled one may not conform.
    """
    size = (decoded.height, decoded.width)
    brightness = luma(decoded.image)
    samples = pdq_samples(brightness, size)
    coefficients, quality = coefficients_of(samples), quality_of(samples)
    affordable = size[0] * size[1] <= DECODED_PIXELS
    if (
        decoded.scaled
        and affordable
        and (quality < SCALED_QUALITY or fragile_bits(coefficients) > FRAGILE_BITS or _is_rough(brightness))
    ):
        content.seek(0)
        full = decode(content, media_type, scaled=False)
        bright = fine_luma(full.image) if size[0] * size[1] <= FINE_PIXELS else luma(full.image)
        samples = pdq_samples(bright)
        coefficients, quality = coefficients_of(samples), quality_of(samples)
    return bits_of(coefficients).tobytes(), quality, turned_hashes(samples, size).tobytes()


def luma(image: Image.Image) -> npt.NDArray[np.uint8]:
    """The brightness of each pixel (ITU-R BT.601, 0 to 255), shape (height, width)."""
    if image.mode == "YCbCr":
        return np.asarray(image.getchannel(0))
    return np.asarray(_as_rgb_or_grey(image).convert("L"))


def _is_rough(brightness: npt.NDArray[np.uint8]) -> bool:
    """Whether neighbours, along every fourth row or every fourth column, differ by more than `ROUGHNESS` on average."""
    along = np.diff(brightness[::4].astype(np.int16), axis=1)
    down = np.diff(brightness[:, ::4].astype(np.int16), axis=0)
    return any(steps.size > 0 and float(np.abs(steps).mean()) > ROUGHNESS for steps in (along, down))


def fine_luma(image: Image.Image) -> npt.NDArray[np.float32]:
    """The same without rounding, for pictures whose bits hang on the last digit."""
    pixels = np.asarray(_as_rgb_or_grey(image))
    if pixels.ndim == 2:
        return pixels.astype(np.float32)
    return pixels @ np.array([0.299, 0.587, 0.114], np.float32)


def thumbnail(image: Image.Image, longest_px: int, orientation: int = 1) -> bytes:
    """A JPEG of ``image``, at most ``longest_px`` a side, upright, encoded from the pixels alone, without metadata."""
    small = image if image.mode == "YCbCr" else _on_white(image)
    scale = longest_px / max(small.size)
    if scale < 1:
        size = (max(1, round(small.width * scale)), max(1, round(small.height * scale)))
        small = small.resize(size, Image.Resampling.BILINEAR, reducing_gap=1.0)
    turn = _TURNS.get(orientation)
    small = small.transpose(turn) if turn is not None else small.copy()
    small.info = {}
    encoded = io.BytesIO()
    small.save(encoded, "JPEG", quality=80)
    return encoded.getvalue()


def upright(decoded: Decoded, longest_px: int) -> Image.Image:
    """The pixels as people see them: turned as the file says, transparency on white, at most ``longest_px`` a side."""
    image = decoded.image if decoded.image.mode == "YCbCr" else _on_white(decoded.image)
    scale = longest_px / max(image.size)
    if scale < 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    turn = _TURNS.get(decoded.orientation)
    return image.transpose(turn) if turn is not None else image


# EXIF 2.32, tag 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _open(content: BinaryIO, media_type: str) -> Image.Image:
    formats = FORMATS.get(media_type)
    if formats is None:
        raise NotThisFormat(f"No decoder for {media_type or 'an unknown media type'}; only the digests are kept.")
    if "HEIF" in formats:
        _teach_heif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return Image.open(content, formats=formats)
            except Image.DecompressionBombError as bomb:
                # Pillow's own limit knows nothing of scaled decoding: 200-megapixel photographs are ordinary JPEG
                if media_type != "image/jpeg":
                    raise LimitReached(f"The picture declares too many pixels to be decoded safely ({bomb})") from bomb
                content.seek(0)
                return JpegImageFile(content)
    except UnidentifiedImageError as reason:
        raise DamagedSource(
            f"The bytes begin like {media_type}, and its decoder cannot make a picture of them."
        ) from reason
    except DECODER_ERRORS as reason:
        raise DamagedSource(f"The bytes begin like {media_type} and cannot be opened as such: {reason}.") from reason


def _teach_heif() -> None:
    with _heif:
        if "HEIF" not in Image.OPEN:
            import pillow_heif

            pillow_heif.register_heif_opener()


def _refuse_beyond(pixels: int, limit: int, width: int, height: int) -> None:
    if pixels > limit:
        raise LimitReached(
            f"The picture declares {width} x {height} pixels, and at most {limit // 1_000_000} million are decoded."
        )


def _what_was_decoded(image: Image.Image, broken: str) -> Image.Image:
    """The pixels that were decoded before the break; raises DamagedSource when there are none."""
    core = getattr(image, "_im", None)
    if core is None or (isinstance(image, ImageFile.ImageFile) and image.format not in ("JPEG", "MPO", "PNG")):
        raise DamagedSource(f"The picture is broken and nothing of it could be decoded: {broken}.")
    part = Image.Image()
    part._im, part._mode, part._size = core, core.mode, core.size
    return part


def _orientation(image: Image.Image) -> int:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            turned = image.getexif().get(0x0112, 1)
    except Exception:  # broken EXIF costs the orientation and nothing else; the parsers inside raise anything
        return 1
    return turned if isinstance(turned, int) and 1 <= turned <= 8 else 1


def _as_rgb_or_grey(image: Image.Image) -> Image.Image:
    if image.mode in ("RGB", "L"):
        return image
    if image.mode.startswith(("I", "F")):
        return _sixteen_bits_to_eight(image)
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")


def _sixteen_bits_to_eight(image: Image.Image) -> Image.Image:
    values = np.nan_to_num(np.asarray(image, np.float64))
    top = 255.0 if values.size and values.max() <= 255 else 65535.0
    return Image.fromarray(np.clip(values * (255.0 / top), 0, 255).astype(np.uint8))


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        solid = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", solid.size, "white"), solid).convert("RGB")
    return _as_rgb_or_grey(image)
