"""Which camera took a picture: the noise that each sensor leaves in every picture it takes (PRNU).

A sensor's pixels differ a little in how they answer to light. The pattern multiplies each picture, so that it is estimated from a
set of pictures of one camera and found again in others. The steps are those of the literature:

* the noise of a picture is what a wavelet filter takes for noise (Mihçak, Kozintsev, Ramchandran: ICASSP 1999; Lukáš, Fridrich,
  Goljan: IEEE TIFS 1(2), 2006), each coefficient weighted by the local variance, so that texture counts little;
* the fingerprint is the maximum-likelihood estimate, the sum of noise times brightness over the sum of squared brightness (Chen,
  Fridrich, Goljan, Lukáš: IEEE TIFS 3(1), 2008);
* what all cameras of a model share is taken out: the means of rows and columns of each position of the 2 × 2 colour filter, and
  peaks of the spectrum (the same paper, section IV);
* the score is the peak-to-correlation energy (PCE): the squared correlation at the expected place over the mean squared
  correlation elsewhere, with the sign of the correlation (Goljan, Fridrich, Filler: SPIE 7254, 2009).

A picture is compared at its centre, 1984 pixels a side where it has them. Equal or swapped dimensions are compared at the expected
place in the turns that the dimensions allow. A picture of the same aspect ratio that was scaled down, to 0.45 at least, is
compared with the fingerprint scaled alike (Goljan, Fridrich: SPIE 6819, 2008, who look for the scale; here the dimensions tell it);
any other smaller picture, which may be cut out of a larger one, is looked for everywhere. Nothing here decides: a score is a
suggestion with its rate of error.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from opencets.errors import DamagedSource, NotThisFormat, ValueRefused

Pixels = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]
Spectrum = npt.NDArray[np.complex64]

CROP: Final = 1984
"""Pixels a side at the centre that are compared; a multiple of `STEP`."""
STEP: Final = 32
"""Sides are cut to a multiple of this, which five levels of wavelets need."""
SMALLEST: Final = 512
"""A shorter side is refused: there is not enough noise in it."""
THRESHOLD: Final = 60.0
"""The PCE from which two are suggested as one camera's."""
SCALED_THRESHOLD: Final = 30.0
"""The same for a picture that was scaled down, which keeps less of the noise (measured by ``benchmarks/camera.py``)."""
LEAST_SCALE: Final = 0.45
"""Scaled down further, most pictures of the camera do not reach the threshold."""
PRESELECT: Final = 2.0
"""The z-score of the binarised comparison below which no PCE is computed."""
FEWEST_REFERENCES: Final = 3
ADVISED_REFERENCES: Final = 20
USABLE_SHARE: Final = 0.25
"""The share of pixels that must be neither black nor burnt out."""
SLACK: Final = 2
"""Pixels by which the expected place may be missed: cutting to odd sides moves it by one."""

_SIGMA2: Final = 1.5**2
"""The variance taken for noise. Small: the filter then weights by one over the local variance, which separates best (measured)."""
_BLUR: Final = 0.7
"""Standard deviation, in pixels of the scaled picture, by which the fingerprint is smoothed before it is scaled (measured)."""
_LEVELS: Final = 5
_WINDOWS: Final = (3, 5, 7, 9)
_BLACK, _BURNT = 4, 251
_STILL: Final = 0.05
"""Standard deviation of the noise below which a picture was drawn, not taken."""
_BLOCK: Final = 8
"""Pixels a side of the blocks of JPEG."""
_MAGIC: Final = "opencets-camera-fingerprint"
_VERSION: Final = 1
_HEADER_BYTES: Final = 1 << 20

# Daubechies' scaling filter with four vanishing moments (Ten Lectures on Wavelets, table 6.1)
_LOW: Final = np.array(
    [0.230377813308855, 0.714846570552542, 0.630880767929590, -0.027983769416984,
     -0.187034811718881, 0.030841381835987, 0.032883011666983, -0.010597401784997],
    np.float32,
)  # fmt: skip
_HIGH: Final = (_LOW[::-1] * np.array([1, -1] * 4, np.float32)).astype(np.float32)
_TAPS: Final = len(_LOW)


# --- The noise of one picture -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SensorNoise:
    """The noise at the centre of one picture."""

    noise: Plane
    brightness: Plane
    """0 to 1 and a little more; 0 where the pixel says nothing, because it is black or burnt out."""
    width: int
    height: int
    """The size of the whole picture as stored."""
    usable: float
    """The share of pixels that are neither black nor burnt out."""

    def packed(self) -> tuple[bytes, bytes, tuple[int, int], tuple[int, int], float]:
        """The same as plain values of three bytes a pixel, to pass from one process to another."""
        brightness = np.clip(self.brightness * 255, 0, 255).round().astype(np.uint8)
        shape = (self.noise.shape[0], self.noise.shape[1])
        return self.noise.astype("<f2").tobytes(), brightness.tobytes(), shape, (self.width, self.height), self.usable

    @classmethod
    def unpacked(cls, given: tuple[bytes, bytes, tuple[int, int], tuple[int, int], float]) -> SensorNoise:
        """What ``packed`` gave."""
        noise, brightness, shape, (width, height), usable = given
        return cls(
            np.frombuffer(noise, "<f2").astype(np.float32).reshape(shape),
            np.asarray(np.frombuffer(brightness, np.uint8).reshape(shape) / 255, np.float32),
            width,
            height,
            usable,
        )


def noise_of(pixels: Pixels, *, crop: int = CROP) -> SensorNoise:
    """The noise at the centre of a picture: ``pixels`` as stored, shape (height, width) or (height, width, 3), not turned.

    ValueRefused: a side shorter than 512, less than a quarter of it neither black nor burnt out, or no noise at all.
    """
    import cv2

    height, width = pixels.shape[:2]
    if min(height, width) < SMALLEST:
        raise ValueRefused(
            f"The picture has {width} × {height} pixels; sensor noise is told apart from {SMALLEST} × {SMALLEST}."
        )
    centre = _centre(pixels, crop)
    grey = centre if centre.ndim == 2 else cv2.cvtColor(np.ascontiguousarray(centre), cv2.COLOR_RGB2GRAY)
    live = (grey > _BLACK) & (grey < _BURNT)
    usable = float(live.mean())
    if usable < USABLE_SHARE:
        raise ValueRefused(
            f"{1 - usable:.0%} of the picture's centre is black or burnt out; there the sensor's noise is lost."
        )
    bright = _luma(centre)
    noise = _without_pattern(_wavelet_noise(bright))
    if float(noise.std()) < _STILL:
        raise ValueRefused("The picture carries no noise; it was drawn or captured from a screen, not taken.")
    return SensorNoise(noise, (bright / 255.0 * live).astype(np.float32), width, height, usable)


def _centre(pixels: Pixels, crop: int) -> Pixels:
    height, width = (min(side, crop) // STEP * STEP for side in pixels.shape[:2])
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return pixels[top : top + height, left : left + width]


def _luma(pixels: Pixels) -> Plane:
    if pixels.ndim == 2:
        return pixels.astype(np.float32)
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    return (pixels.astype(np.float32) @ weights).astype(np.float32)


def _wavelet_noise(bright: Plane) -> Plane:
    """What the wavelet filter takes for noise; sides are multiples of 32."""
    details: list[tuple[list[Plane], tuple[int, int]]] = []
    rest = bright
    for _ in range(_LEVELS):
        shape = (rest.shape[0], rest.shape[1])
        rest, *bands = _apart(rest)
        details.append(([_shrunk(band, _SIGMA2) for band in bands], shape))
    rest = np.zeros_like(rest)
    for bands, shape in reversed(details):
        rest = _together([rest, *bands], shape)
    return np.ascontiguousarray(rest)


def _apart(plane: Plane) -> tuple[Plane, ...]:
    """The four bands of one level, each half as wide and high; the plane is taken as periodic."""
    import cv2

    height, width = plane.shape
    wrapped = cv2.copyMakeBorder(plane, 0, _TAPS, 0, _TAPS, cv2.BORDER_WRAP)
    return tuple(
        np.ascontiguousarray(
            cv2.sepFilter2D(wrapped, cv2.CV_32F, along, down, anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)[
                :height:2, :width:2
            ],
            dtype=np.float32,
        )
        for along, down in ((_LOW, _LOW), (_LOW, _HIGH), (_HIGH, _LOW), (_HIGH, _HIGH))
    )


def _together(bands: Sequence[Plane], shape: tuple[int, int]) -> Plane:
    """The plane of ``shape`` whose four bands these are."""
    import cv2

    height, width = shape
    whole: Plane = np.zeros(shape, np.float32)
    for band, (along, down) in zip(bands, ((_LOW, _LOW), (_LOW, _HIGH), (_HIGH, _LOW), (_HIGH, _HIGH)), strict=True):
        spread: Plane = np.zeros((height, width), np.float32)
        spread[::2, ::2] = band
        wrapped = cv2.copyMakeBorder(spread, _TAPS, 0, _TAPS, 0, cv2.BORDER_WRAP)
        whole += cv2.sepFilter2D(
            wrapped,
            cv2.CV_32F,
            np.ascontiguousarray(along[::-1]),
            np.ascontiguousarray(down[::-1]),
            anchor=(_TAPS - 1, _TAPS - 1),
            borderType=cv2.BORDER_CONSTANT,
        )[_TAPS:, _TAPS:]
    return whole


def _shrunk(band: Plane, variance: float) -> Plane:
    """The part of each value that is noise of this variance, where the least local variance of four windows is signal."""
    import cv2

    energy = band * band
    least: Plane = np.full_like(energy, np.inf)
    for side in _WINDOWS:
        mean = cv2.blur(energy, (side, side), borderType=cv2.BORDER_REFLECT)
        np.minimum(least, mean, out=least)
    least -= np.float32(variance)
    np.maximum(least, 0, out=least)
    return (band * (np.float32(variance) / (np.float32(variance) + least))).astype(np.float32)


def _without_pattern(noise: Plane) -> Plane:
    """The noise without what cameras of one model share: means of rows and columns, peaks of the spectrum."""
    import scipy.fft

    level = noise.copy()
    for top in (0, 1):
        for left in (0, 1):
            part = level[top::2, left::2]
            part -= part.mean()
            part -= part.mean(axis=0, keepdims=True)
            part -= part.mean(axis=1, keepdims=True)
    spectrum = scipy.fft.rfft2(level)
    size = (np.abs(spectrum) / math.sqrt(level.size)).astype(np.float32)
    kept = _shrunk(size, float(level.var()))
    size[size == 0] = 1
    return np.asarray(scipy.fft.irfft2(spectrum * (kept / size), s=level.shape), np.float32)


# --- The fingerprint of a camera --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fingerprint:
    """The noise of a sensor, from pictures of one camera."""

    values: Plane
    """Mean 0, standard deviation 1."""
    width: int
    height: int
    """The size of the pictures that it was made from."""
    references: int
    sources: tuple[str, ...] = ()
    """SHA-256 of the files that it was made from, where they were given."""
    agreement: float = 0.0
    """PCE of the fingerprints of one half of the references and the other: whether they are of one camera."""
    remarks: tuple[str, ...] = field(default=())

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of what is compared."""
        return self.values.shape[0], self.values.shape[1]

    @cached_property
    def bits(self) -> npt.NDArray[np.uint8]:
        """The signs alone, eight to a byte: half a megabyte at full size, for fast preselection."""
        return np.packbits(self.values > 0)

    @cached_property
    def spectrum(self) -> Spectrum:
        """The conjugated transform, made once for all comparisons."""
        import scipy.fft

        return np.asarray(np.conj(scipy.fft.rfft2(self.values)), np.complex64)

    def to_bytes(self) -> bytes:
        """The file: one line of JSON, then the values as 16-bit floats, row by row; the line holds their SHA-256."""
        body = self.values.astype("<f2").tobytes()
        header = {
            "format": _MAGIC,
            "version": _VERSION,
            "width": self.width,
            "height": self.height,
            "crop": [self.shape[1], self.shape[0]],
            "references": self.references,
            "sources": list(self.sources),
            "agreement": round(self.agreement, 2),
            "remarks": list(self.remarks),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        return json.dumps(header, ensure_ascii=True).encode("ascii") + b"\n" + body

    def save(self, path: Path) -> None:
        """Write the file; it takes its name only when it is whole."""
        draft = path.with_name(f".{path.name}.draft")
        try:
            draft.write_bytes(self.to_bytes())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)

    @classmethod
    def from_bytes(cls, content: bytes) -> Fingerprint:
        """The fingerprint in a file's bytes; NotThisFormat or DamagedSource where it is none or was changed."""
        line, found, body = content[: _HEADER_BYTES + 1].partition(b"\n")
        body = content[len(line) + 1 :]
        try:
            header = json.loads(line) if found else {}
        except (ValueError, RecursionError):
            header = {}
        if not isinstance(header, dict) or header.get("format") != _MAGIC:
            raise NotThisFormat("This is no camera fingerprint of OpenCETS.")
        if header.get("version") != _VERSION:
            raise NotThisFormat(
                f"The camera fingerprint is of version {header.get('version')}; version {_VERSION} is read."
            )
        try:
            width, height = (int(side) for side in header["crop"])
            if not (0 < width <= CROP * 8 and 0 < height <= CROP * 8) or len(body) != 2 * width * height:
                raise ValueError("size")
            if hashlib.sha256(body).hexdigest() != header["sha256"]:
                raise ValueError("digest")
            values = np.frombuffer(body, "<f2").astype(np.float32).reshape(height, width)
            return cls(
                values=values,
                width=int(header["width"]),
                height=int(header["height"]),
                references=int(header["references"]),
                sources=tuple(str(source) for source in header["sources"]),
                agreement=float(header["agreement"]),
                remarks=tuple(str(remark) for remark in header["remarks"]),
            )
        except (KeyError, TypeError, ValueError) as reason:
            raise DamagedSource(
                f"The camera fingerprint is damaged or was changed: its {reason} does not fit; make it anew."
            ) from reason

    @classmethod
    def open(cls, path: Path) -> Fingerprint:
        """The fingerprint in a file; NotThisFormat or DamagedSource where it is none or was changed."""
        return cls.from_bytes(path.read_bytes())


class FingerprintMaker:
    """Takes references one after another, each once, and makes the fingerprint.

    Holds four planes, and of each reference the signs alone (half a megabyte), by which pictures of two cameras are noticed.
    """

    def __init__(self, *, crop: int = CROP) -> None:
        self._crop = crop
        self._sums: list[tuple[Plane, Plane]] = []
        self._size: tuple[int, int] | None = None
        self._sources: list[str] = []
        self._textures: list[float] = []
        self._signs: list[npt.NDArray[np.uint8]] = []
        self.count = 0

    def add(self, pixels: Pixels, source: str = "") -> None:
        """Take in one picture of the camera, ``source`` being its SHA-256; ValueRefused as `take` and `noise_of` do."""
        self._refuse((pixels.shape[1], pixels.shape[0]), source)
        self.take(noise_of(pixels, crop=self._crop), source)

    def take(self, found: SensorNoise, source: str = "") -> None:
        """Take in the noise of one picture. ValueRefused: of another size than the first, or taken in already."""
        size = (found.width, found.height)
        self._refuse(size, source)
        if self._size is None:
            self._size = size
            shape = found.noise.shape
            self._sums = [(np.zeros(shape, np.float32), np.zeros(shape, np.float32)) for _ in (0, 1)]
        above, below = self._sums[self.count % 2]
        above += found.noise * found.brightness
        below += found.brightness * found.brightness
        self._textures.append(_texture(found.brightness))
        self._signs.append(np.packbits(found.noise > 0))
        self._sources.append(source)
        self.count += 1

    def _refuse(self, size: tuple[int, int], source: str) -> None:
        if self._size is not None and size != self._size:
            raise ValueRefused(
                f"The reference has {size[0]} × {size[1]} pixels and the first one {self._size[0]} × {self._size[1]}; "
                "references are of one size and turned the same way."
            )
        if source and source in self._sources:
            raise ValueRefused("The same file was given as a reference twice.")

    def finish(self) -> Fingerprint:
        """The fingerprint of what was taken in. ValueRefused: fewer than three references, or they are not of one camera."""
        if self._size is None or self.count < FEWEST_REFERENCES:
            raise ValueRefused(
                f"A fingerprint needs at least {FEWEST_REFERENCES} usable pictures of the camera, "
                f"better {ADVISED_REFERENCES}; {self.count} given."
            )
        halves = [_unit(_without_pattern(above / (below + 1e-3))) for above, below in self._sums]
        agreement, _, _ = _peak(_correlation(halves[0], np.conj(_transform(halves[1]))), SLACK)
        if agreement < THRESHOLD:
            raise ValueRefused(
                f"One half of the references does not agree with the other (PCE {agreement:.0f}, {THRESHOLD:.0f} wanted): they "
                "may be of more than one camera, edited, scaled, or too dark. Flat, bright, unedited pictures are best."
            )
        strangers = self._strangers()
        (one, one_below), (other, other_below) = self._sums
        whole = _without_pattern((one + other) / (one_below + other_below + 1e-3))
        remarks = []
        textured = sum(texture > _FLAT for texture in self._textures)
        if self.count < ADVISED_REFERENCES and textured > self.count // 2:
            remarks.append(
                f"Made from {self.count} pictures, most of them full of detail; {ADVISED_REFERENCES} or more, "
                "or flat and bright ones, miss fewer."
            )
        if strangers:
            remarks.append(
                f"{strangers} of the {self.count} pictures agree{'s' if strangers == 1 else ''} with none of the others: "
                "too dark, edited, or of another camera. Leave such pictures out where others are to be had."
            )
        return Fingerprint(
            values=_unit(whole),
            width=self._size[0],
            height=self._size[1],
            references=self.count,
            sources=tuple(source for source in self._sources if source),
            agreement=agreement,
            remarks=tuple(remarks),
        )

    def _strangers(self) -> int:
        """How many references agree with none of the others, where others agree. ValueRefused: there are two groups of them.

        The z-scores of the signs that agree, pair by pair, are of one strong component where all are of one camera; a second
        one that stands out of the noise (twice the bound of the semicircle law) means two cameras.
        """
        size = self._signs[0].size * 8
        scores = np.zeros((self.count, self.count))
        for row in range(self.count):
            for column in range(row):
                apart = int(np.bitwise_count(self._signs[row] ^ self._signs[column]).sum())
                scores[row, column] = scores[column, row] = (size / 2 - apart) / (math.sqrt(size) / 2)
        strongest = np.linalg.eigvalsh(scores)[::-1]
        if strongest[1] > max(4 * math.sqrt(self.count), _SECOND_CAMERA * strongest[0]):
            raise ValueRefused(
                "The references fall into two groups that do not agree with each other: they are of more than one camera, or "
                "some were edited. Choose pictures of one camera."
            )
        best = scores.max(axis=1)
        return int((best < _STRANGER).sum()) if float(np.median(best)) > 2 * _STRANGER else 0


_SECOND_CAMERA: Final = 0.2
_STRANGER: Final = 4.0
_FLAT: Final = 6.0


def _texture(brightness: Plane) -> float:
    """How much the picture changes from one block of 32 pixels to the next, in steps of 255: low for a flat one."""
    height, width = brightness.shape
    blocks = brightness.reshape(height // STEP, STEP, width // STEP, STEP).mean(axis=(1, 3)) * 255
    return float(np.abs(np.diff(blocks, axis=1)).mean() + np.abs(np.diff(blocks, axis=0)).mean())


def make_fingerprint(pictures: Iterable[Pixels], *, crop: int = CROP) -> Fingerprint:
    """The fingerprint of the camera that took these pictures; ValueRefused as `FingerprintMaker` does."""
    maker = FingerprintMaker(crop=crop)
    for pixels in pictures:
        maker.add(pixels)
    return maker.finish()


def _unit(values: Plane) -> Plane:
    level = values - values.mean()
    deviation = float(level.std())
    return np.asarray(level / deviation if deviation else level, np.float32)


# --- Comparing --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SameCamera:
    """How a picture's noise compares with a fingerprint."""

    pce: float
    turn: int
    """Degrees anticlockwise by which the picture was turned for the comparison: 0, 90, 180 or 270."""
    anywhere: bool
    """Whether it was looked for everywhere (another size) or at the expected place."""
    place: tuple[int, int]
    """Columns to the right and rows down by which the best place in the camera's frame is off the middle of it."""
    places: int
    """How many places were tried, of which the best counts."""
    scale: float = 1.0
    """By how much the picture was scaled down from the camera's dimensions."""

    @property
    def matches(self) -> bool:
        """Whether the PCE reaches the threshold for such a comparison."""
        return self.pce >= (THRESHOLD if self.scale == 1.0 else SCALED_THRESHOLD)

    @property
    def by_theory(self) -> float:
        """How probable so high a PCE is for another camera's picture, were its noise independent of this camera's."""
        return false_alarm_by_theory(self.pce, self.places)


def false_alarm_by_theory(pce: float, places: int) -> float:
    """The probability that the best of ``places`` reaches this PCE by chance: correlations of independent noise are normal."""
    if pce <= 0:
        return 1.0
    one = 0.5 * math.erfc(math.sqrt(pce / 2))
    return min(1.0, -math.expm1(places * math.log1p(-one)) if one < 1 else 1.0)


def false_alarm_in_words(pce: float, scale: float = 1.0) -> str:
    """One sentence on how often pictures of other cameras reach this PCE, from what was measured, not from theory.

    Measured: "Forensic Camera Identification: Effects of Off-Nominal Exposures" (arXiv 2407.00543, 2024), 8,400 pictures: 99.92 %
    of well exposed pictures of other cameras were told apart, 99.46 % of underexposed ones.
    """
    least = THRESHOLD if scale == 1.0 else SCALED_THRESHOLD
    if pce < least:
        return f"A PCE of {pce:.0f} is below the threshold of {least:.0f}: it says nothing, neither for nor against."
    if scale != 1.0:
        return (
            f"A PCE of {pce:.0f}, threshold {least:.0f}, for a picture scaled down to {scale:.0%} of the camera's size: by theory "
            "another camera's picture gets there once in 900,000 comparisons. No large test of scaled pictures is known here: "
            "take it for a hint, and look for the original file."
        )
    return (
        f"A PCE of {pce:.0f}, threshold {THRESHOLD:.0f}: in a published test of this method, 8 of 10,000 pictures of other "
        "cameras were taken for the camera's, of underexposed ones 1 of 200. Newer telephones that compute their pictures err "
        "more often."
    )


def scale_between(picture: tuple[int, int], camera: tuple[int, int]) -> float | None:
    """By how much a picture of these dimensions was scaled down from the camera's, as it is or turned.

    None: another aspect ratio by more than a pixel, not smaller, or smaller than `LEAST_SCALE`.
    """
    for width, height in (picture, picture[::-1]):
        scale = width / camera[0]
        if LEAST_SCALE <= scale < 1 and abs(height - scale * camera[1]) <= 1:
            return scale
    return None


def compare_scaled(picture: SensorNoise, fingerprint: Fingerprint) -> SameCamera | None:
    """How the noise of a picture that was scaled down compares with the fingerprint scaled alike; None: it was not."""
    scale = scale_between((picture.width, picture.height), (fingerprint.width, fingerprint.height))
    if scale is None:
        return None
    conjugated = np.conj(_transform(_scaled(fingerprint, scale)))
    lies_alike = (picture.width > picture.height) == (fingerprint.width > fingerprint.height)
    weighted = picture.noise * picture.brightness
    best, places = SameCamera(-math.inf, 0, False, (0, 0), 0, scale), 0
    for turn in (0, 2) if lies_alike else (1, 3):
        plane = _fitted(np.rot90(weighted, turn), (conjugated.shape[0], 2 * (conjugated.shape[1] - 1)))
        pce, place, tried = _peak(_correlation(plane, conjugated), SLACK)
        places += tried
        if pce > best.pce:
            best = SameCamera(pce, turn * 90, False, place, tried, scale)
    return replace(best, places=places)


def _scaled(fingerprint: Fingerprint, scale: float) -> Plane:
    """The fingerprint as pictures carry it that were scaled so: smoothed as scaling does, its middle kept in the middle."""
    import cv2

    height, width = (int(side * scale) // STEP * STEP for side in fingerprint.shape)
    # The middle of a side of n pixels lies at (n - 1) / 2.
    across = (width - 1) / 2 - scale * (fingerprint.shape[1] - 1) / 2
    down = (height - 1) / 2 - scale * (fingerprint.shape[0] - 1) / 2
    smooth = cv2.GaussianBlur(fingerprint.values, (0, 0), _BLUR / scale)
    placed = np.array([[scale, 0, across], [0, scale, down]], np.float64)
    return _unit(np.asarray(cv2.warpAffine(smooth, placed, (width, height), flags=cv2.INTER_CUBIC), np.float32))


def compare(picture: SensorNoise, fingerprint: Fingerprint) -> SameCamera:
    """How the picture's noise compares with the fingerprint, in the best of the turns that the sizes allow.

    A picture of the same aspect ratio is compared as one that was scaled down, and looked for everywhere where that says nothing.

    ValueRefused: the picture is larger than those of the camera, so that it was not taken by it in that size.
    """
    same = (picture.width, picture.height) == (fingerprint.width, fingerprint.height)
    turned = (picture.height, picture.width) == (fingerprint.width, fingerprint.height)
    turns = [*((0, 2) if same else ()), *((1, 3) if turned else ())]
    anywhere = not turns
    scaled = compare_scaled(picture, fingerprint) if anywhere else None
    if scaled is not None and scaled.matches:
        return scaled
    if anywhere:
        turns = [
            turn for turn in range(4)
            if _fits((picture.width, picture.height), (fingerprint.width, fingerprint.height), swap=turn % 2 == 1)
        ]  # fmt: skip
        if not turns:
            raise ValueRefused(
                f"The picture ({picture.width} × {picture.height}) is larger than those of the camera "
                f"({fingerprint.width} × {fingerprint.height}): another camera, another setting, or scaled."
            )
    weighted = picture.noise * picture.brightness
    best = SameCamera(-math.inf, 0, anywhere, (0, 0), 0)
    places = 0
    for turn in turns:
        plane = _fitted(np.rot90(weighted, turn), fingerprint.shape)
        slack = None if anywhere else SLACK
        pce, place, tried = _peak(_correlation(plane, fingerprint.spectrum), slack)
        places += tried
        if pce > best.pce:
            best = SameCamera(pce, turn * 90, anywhere, place, tried)
    found = replace(best, places=places)
    return scaled if scaled is not None and not found.matches else found


def _fits(picture: tuple[int, int], frame: tuple[int, int], *, swap: bool) -> bool:
    width, height = picture[::-1] if swap else picture
    return width <= frame[0] and height <= frame[1]


def preselect(picture: SensorNoise, fingerprints: Iterable[Fingerprint]) -> list[float]:
    """For each fingerprint the z-score of the signs that agree at the expected place, in the best turn; 0 for another size.

    From `PRESELECT` on it is worth computing the PCE: of pictures of the camera with a PCE of 60, 998 of 1,000 get there, of
    others 2 of 100 for each turn (normal noise). Costs a hundredth of the PCE.
    """
    weighted = picture.noise * picture.brightness
    turned = {turn: np.rot90(weighted, turn) > 0 for turn in range(4)}
    packed = {turn: np.packbits(signs) for turn, signs in turned.items()}
    scores = []
    for fingerprint in fingerprints:
        best = 0.0
        for turn, signs in turned.items():
            size = (picture.width, picture.height) if turn % 2 == 0 else (picture.height, picture.width)
            if size != (fingerprint.width, fingerprint.height) or signs.shape != fingerprint.shape:
                continue
            apart = int(np.bitwise_count(packed[turn] ^ fingerprint.bits).sum())
            best = max(best, (signs.size / 2 - apart) / (math.sqrt(signs.size) / 2))
        scores.append(best)
    return scores


def null_scores(picture: SensorNoise, fingerprint: Fingerprint) -> Plane:
    """The PCE of every wrong place of one comparison: how often chance alone reaches a value, millions of times at once."""
    scores = _scores(_correlation(_fitted(picture.noise * picture.brightness, fingerprint.shape), fingerprint.spectrum))
    centred = np.roll(scores, (scores.shape[0] // 2, scores.shape[1] // 2), (0, 1))
    row, column = scores.shape[0] // 2, scores.shape[1] // 2
    centred[row - 16 : row + 17, column - 16 : column + 17] = 0
    return centred


def _fitted(plane: Plane, shape: tuple[int, int]) -> Plane:
    """The plane on the middle of ``shape``, cut or with nothing round it."""
    fitted: Plane = np.zeros(shape, np.float32)
    height, width = min(shape[0], plane.shape[0]), min(shape[1], plane.shape[1])
    top, left = (shape[0] - height) // 2, (shape[1] - width) // 2
    from_top, from_left = (plane.shape[0] - height) // 2, (plane.shape[1] - width) // 2
    fitted[top : top + height, left : left + width] = plane[from_top : from_top + height, from_left : from_left + width]
    return fitted


def _transform(plane: Plane) -> Spectrum:
    import scipy.fft

    return np.asarray(scipy.fft.rfft2(plane), np.complex64)


def _correlation(plane: Plane, conjugated: Spectrum) -> Plane:
    import scipy.fft

    level = plane - plane.mean()
    return np.asarray(scipy.fft.irfft2(_transform(level) * conjugated, s=level.shape), np.float32)


def _scores(correlation: Plane) -> Plane:
    """The PCE of each place, its neighbourhood not yet left out.

    The energy is that of the places at the same distance within the 8 × 8 blocks of JPEG: places that are whole blocks apart
    agree more, whichever cameras they are of, and would be taken for more than they are.
    """
    height, width = correlation.shape
    blocks = correlation.reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)
    energy = np.square(blocks).mean(axis=(0, 2), keepdims=True, dtype=np.float64)
    energy[energy == 0] = np.inf
    return np.asarray(np.sign(blocks) * np.square(blocks) / energy, np.float32).reshape(height, width)


def _peak(correlation: Plane, slack: int | None) -> tuple[float, tuple[int, int], int]:
    """PCE of the best place within ``slack`` of the expected one (None: anywhere), that place, and how many were tried."""
    height, width = correlation.shape
    scores = _scores(correlation)
    if slack is None:
        row, column = (int(side) for side in np.unravel_index(int(scores.argmax()), scores.shape))
        places = scores.size
    else:
        near = np.roll(scores, (slack, slack), (0, 1))[: 2 * slack + 1, : 2 * slack + 1]
        down, along = np.unravel_index(int(near.argmax()), near.shape)
        row, column = (int(down) - slack) % height, (int(along) - slack) % width
        places = near.size
    alike = np.square(correlation[row % _BLOCK :: _BLOCK, column % _BLOCK :: _BLOCK], dtype=np.float64)
    around = np.roll(alike, (1 - row // _BLOCK, 1 - column // _BLOCK), (0, 1))[:3, :3]
    energy = (float(alike.sum()) - float(around.sum())) / (alike.size - around.size)
    peak = float(correlation[row, column])
    pce = math.copysign(peak * peak / energy, peak) if energy > 0 else 0.0
    off = tuple(-side if side <= size // 2 else size - side for side, size in ((column, width), (row, height)))
    return pce, (off[0], off[1]), places
