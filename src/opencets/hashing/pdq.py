"""PDQ, the 256-bit perceptual hash of pictures published by Meta ("The TMK+PDQF video-hashing algorithm and the PDQ
image-hashing algorithm", 2019).

The steps: luma; two passes of a box filter along rows and columns (Jarosz); 64 x 64 samples; the first 16 x 16 cosine
coefficients without the constant one; one bit a coefficient, set above the median. The quality is the sum of the
gradients of the 64 x 64 samples.

Filtering and sampling are linear along each axis and independent of the other axis. `pdq` therefore folds both passes
and the sampling into one narrow matrix per axis (64 rows, each about a sixty-fourth of the side wide), so that every
pixel is touched about once. `pdq_plainly` follows the publication step by step and is the reference for the tests.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Luma = npt.NDArray[np.float32] | npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float32]

SAMPLES = 64
COEFFICIENTS = 16
BOX_PASSES = 2
GRAIN = np.float32(64)
"""Steps of one in which coefficients are kept; of brightnesses to 255 they are sums of thousands."""
SMALLEST_SIDE = 5
"""Below five pixels a side the published implementations give no hash."""

TURNS = ("mirrored", "half", "flipped", "transposed", "right", "left", "transversed")
"""The other seven ways to lay a picture: mirrored left to right, turned by a half, mirrored top to bottom, mirrored along
the one diagonal, turned by a quarter to the right, to the left, mirrored along the other diagonal."""
OPPOSITE = {"right": "left", "left": "right"}
"""The turn that undoes one; every other undoes itself."""

USABLE_QUALITY = 50
"""Below this quality the publication advises not to match: the picture is too plain."""


def pdq(luma: Luma) -> tuple[npt.NDArray[np.uint8], int]:
    """The PDQ hash (32 bytes, the first is the first of the hexadecimal form) and the quality, 0 to 100.

    ``luma``: brightness 0 to 255, shape (height, width), at the size the picture has: never resize it by another filter
    first, that breaks conformance. A picture with a side below five pixels gives 32 zero bytes and quality 0.
    """
    samples = pdq_samples(luma)
    return bits_of(coefficients_of(samples)), quality_of(samples)


def pdq_samples(luma: Luma, size: tuple[int, int] | None = None) -> Matrix:
    """The 64 x 64 samples of the twice filtered picture; all nought where a side is below five pixels.

    ``size``: (height, width) of the whole picture, when each pixel of ``luma`` is the mean of a square of 2, 4 or 8
    pixels a side, as JPEG decoders give it. The filter and the sampling are then those of the whole picture.
    """
    height, width = size or luma.shape
    if height < SMALLEST_SIDE or width < SMALLEST_SIDE:
        return np.zeros((SAMPLES, SAMPLES), dtype=np.float32)
    return _sample(luma, height, width)


def coefficients_of(samples: Matrix) -> Matrix:
    """The 16 x 16 cosine coefficients behind the hash, to a `GRAIN`.

    Half the coefficients of a picture that is the same on both sides are nought; what sums leave of them by rounding
    differs from process to process, and so would the bits.
    """
    cosine = _cosine_matrix()
    return (np.rint((cosine @ samples @ cosine.T) * GRAIN) / GRAIN).astype(np.float32, copy=False)


def bits_of(coefficients: Matrix) -> npt.NDArray[np.uint8]:
    """One bit a coefficient, set above the median (of 256 the 128th smallest), packed into 32 bytes, last bit first."""
    flat = coefficients.ravel()
    median = np.partition(flat, flat.size // 2 - 1)[flat.size // 2 - 1]
    return np.packbits((flat > median)[::-1])


def turned_hashes(samples: Matrix, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """The hashes (7, 32) that the picture of ``size`` (height, width) would have in each of `TURNS`, without the picture.

    As the publication does (its section on dihedral hashes): mirroring an axis negates every second coefficient along it,
    and turning swaps the axes. The samples of the mirrored picture lie up to two pixels beside those of this one, since
    even boxes lean forward; here the samples are moved by as much before, which halves the bits that differ from the hash
    of the mirrored file.
    """
    down, across = (_lean(side) for side in size)
    by_rows: Matrix = samples + down * np.gradient(samples, axis=0)
    by_columns: Matrix = samples + across * np.gradient(samples, axis=1)
    by_both: Matrix = by_rows + across * np.gradient(by_rows, axis=1)
    odd = _SIGNS.astype(np.float32)
    mirrored = coefficients_of(by_columns) * odd[None, :]
    flipped = coefficients_of(by_rows) * odd[:, None]
    half = coefficients_of(by_both) * odd[None, :] * odd[:, None]
    laid = (mirrored, half, flipped, coefficients_of(samples).T, flipped.T, mirrored.T, half.T)
    return np.stack([bits_of(each) for each in laid])


def _lean(side: int) -> float:
    """How far, in samples, those of the mirrored axis lie from where the axis was sampled."""
    forward = 0.0 if window_of(side) % 2 else 0.5
    return -(2 * BOX_PASSES * forward + (side % (2 * SAMPLES) == 0)) * SAMPLES / side if side >= SMALLEST_SIDE else 0.0


def turned_codes(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The hashes (n, 7, 32) in each of `TURNS`, from hashes (n, 32) alone: for lists that hold nothing else.

    A bit says on which side of the median its coefficient is; the median is near nought, so that a negated coefficient
    nearly always is on the other side. Some more bits differ from the turned file than with `turned_hashes`.
    """
    bits = np.unpackbits(codes, axis=1)[:, ::-1].reshape(-1, COEFFICIENTS, COEFFICIENTS).astype(np.int8) * 2 - 1
    swapped = bits.transpose(0, 2, 1)
    across, down = _SIGNS[None, None, :], _SIGNS[None, :, None]
    laid = (
        bits * across,
        bits * across * down,
        bits * down,
        swapped,
        swapped * across,
        swapped * down,
        swapped * across * down,
    )
    kept = np.stack([each.reshape(codes.shape[0], COEFFICIENTS**2)[:, ::-1] > 0 for each in laid], axis=1)
    return np.packbits(kept, axis=2)


_SIGNS = np.array([-1, 1] * (COEFFICIENTS // 2), np.int8)


def quality_of(samples: Matrix) -> int:
    """The published quality: whole per cents of each step between neighbours, summed, over 90, at most 100."""
    down = np.trunc((samples[:-1] - samples[1:]) * np.float32(100) / np.float32(255))
    across = np.trunc((samples[:, :-1] - samples[:, 1:]) * np.float32(100) / np.float32(255))
    return min(
        100,
        int(np.abs(down).sum(dtype=np.float64) + np.abs(across).sum(dtype=np.float64)) // 90,
    )


def fragile_bits(coefficients: Matrix, share: float = 0.01) -> int:
    """How many bits a small disturbance may flip: coefficients within ``share`` of the middle spread of the median."""
    flat = coefficients.ravel()
    distance = np.abs(flat - np.median(flat))
    return int((distance < share * np.median(distance)).sum())


def _sample(luma: Luma, height: int, width: int) -> Matrix:
    """The 64 x 64 samples of the twice box-filtered picture of ``height`` and ``width``."""
    down = _fold(height, round(height / luma.shape[0]))
    across = _fold(width, round(width / luma.shape[1]))
    rows = np.empty((SAMPLES, luma.shape[1]), np.float32)
    for sample, (start, weights) in enumerate(down):
        rows[sample] = weights @ luma[start : start + weights.size].astype(np.float32, copy=False)
    samples = np.empty((SAMPLES, SAMPLES), np.float32)
    for sample, (start, weights) in enumerate(across):
        samples[:, sample] = rows[:, start : start + weights.size] @ weights
    return samples


@lru_cache(maxsize=256)
def _fold(side: int, scale: int) -> tuple[tuple[int, Matrix], ...]:
    """For each of the 64 samples along an axis of ``side`` pixels: the first pixel, and the weights from there on.

    With a ``scale``, so many pixels share one, which gets the weight of all.
    """
    window = window_of(side)
    forward = (window + 2) // 2 - 1
    pixels = np.arange(side)
    first = np.maximum(pixels + forward - window + 1, 0)
    last = np.minimum(pixels + forward, side - 1)
    folded = []
    for sample in range(SAMPLES):
        start = int((sample + 0.5) * side / SAMPLES)
        weights: npt.NDArray[np.float64] = np.ones(1)
        for _ in range(BOX_PASSES):
            boxes = slice(start, start + weights.size)
            each = weights / (last[boxes] - first[boxes] + 1)
            start, stop = int(first[boxes][0]), int(last[boxes][-1])
            enter = np.bincount(first[boxes] - start, each, stop - start + 2)
            leave = np.bincount(last[boxes] - start + 1, each, stop - start + 2)
            weights = np.cumsum(enter - leave)[:-1]
        shared = np.bincount(np.arange(start, start + weights.size) // scale - start // scale, weights)
        folded.append((start // scale, shared.astype(np.float32)))
    return tuple(folded)


def window_of(side: int) -> int:
    """The published width of the box for a side of so many pixels: a 128th, rounded up."""
    return (side + 2 * SAMPLES - 1) // (2 * SAMPLES)


def _box(centre: int, window: int, side: int) -> tuple[int, int]:
    """First and last pixel of the box at ``centre``; an even box leans forward, and the edge cuts it."""
    forward = (window + 2) // 2 - 1
    return max(0, centre + forward - window + 1), min(side - 1, centre + forward)


@lru_cache(maxsize=1)
def _cosine_matrix() -> Matrix:
    """Rows 1 to 16 of the 64-point cosine transform."""
    order = np.arange(1, COEFFICIENTS + 1)[:, None]
    place = np.arange(SAMPLES)[None, :]
    matrix = np.sqrt(2 / SAMPLES) * np.cos(np.pi / (2 * SAMPLES) * order * (2 * place + 1))
    narrow: Matrix = matrix.astype(np.float32)
    return narrow


def pdq_plainly(luma: Luma) -> tuple[npt.NDArray[np.uint8], int]:
    """The plain version of `pdq`: every step of the publication on the whole picture, in double precision."""
    height, width = luma.shape
    if height < SMALLEST_SIDE or width < SMALLEST_SIDE:
        return np.zeros(32, np.uint8), 0
    smooth = luma.astype(np.float64)
    for _ in range(BOX_PASSES):
        smooth = _box_along_rows(smooth, window_of(width))
        smooth = _box_along_rows(smooth.T, window_of(height)).T
    samples = np.empty((SAMPLES, SAMPLES))
    for i in range(SAMPLES):
        for j in range(SAMPLES):
            samples[i, j] = smooth[int((i + 0.5) * height / SAMPLES), int((j + 0.5) * width / SAMPLES)]
    coefficients = np.zeros((COEFFICIENTS, COEFFICIENTS))
    cosine = np.array(
        [
            [np.sqrt(2 / SAMPLES) * np.cos(np.pi / 2 / SAMPLES * (i + 1) * (2 * j + 1)) for j in range(SAMPLES)]
            for i in range(COEFFICIENTS)
        ]
    )
    coefficients = cosine @ samples @ cosine.T
    median = sorted(coefficients.ravel().tolist())[127]
    bits = [int(value > median) for value in coefficients.ravel().tolist()]
    gradient = 0
    for i in range(SAMPLES):
        for j in range(SAMPLES):
            if i + 1 < SAMPLES:
                gradient += abs(int((samples[i, j] - samples[i + 1, j]) * 100 / 255))
            if j + 1 < SAMPLES:
                gradient += abs(int((samples[i, j] - samples[i, j + 1]) * 100 / 255))
    return np.packbits(np.array(bits[::-1], np.uint8)), min(100, gradient // 90)


def _box_along_rows(picture: npt.NDArray[np.float64], window: int) -> npt.NDArray[np.float64]:
    """Each pixel replaced by the mean of its box along the row."""
    width = picture.shape[1]
    smooth = np.empty_like(picture)
    for pixel in range(width):
        first, last = _box(pixel, window, width)
        smooth[:, pixel] = picture[:, first : last + 1].mean(axis=1)
    return smooth
