"""Invented cameras: sensors whose pixels differ a little, and pictures of made-up scenes taken with them.

The model is that of the literature on sensor noise (Chen, Fridrich, Goljan, Lukáš: IEEE TIFS 3(1), 2008, equation 2): what falls
on a pixel times one plus the pixel's own factor, and noise that is new in each picture.
"""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


class InventedCamera:
    """A camera of ``width`` × ``height`` pixels, the same for the same ``seed``."""

    def __init__(self, seed: int, width: int = 640, height: int = 640, *, strength: float = 0.02) -> None:
        self._seed = seed
        self.width, self.height = width, height
        rng = np.random.default_rng([seed, 1])
        self._factors = rng.normal(0, strength, (height, width)).astype(np.float32)

    def take(self, number: int, *, flat: bool = False) -> Pixels:
        """Picture ``number``: a scene of soft surfaces, edges and texture; ``flat``: a bright wall."""
        rng = np.random.default_rng([self._seed, 2, number, int(flat)])
        scene = _wall(rng, self.height, self.width) if flat else _scene(rng, self.height, self.width)
        light = scene * (1 + self._factors)[..., None]
        light += rng.normal(0, 2.0, light.shape).astype(np.float32)
        return np.asarray(np.clip(light, 0, 255).round(), np.uint8)


def _wall(rng: np.random.Generator, height: int, width: int) -> npt.NDArray[np.float32]:
    slope = np.linspace(-8, 8, width, dtype=np.float32)[None, :, None] * float(rng.uniform(-1, 1))
    return np.asarray(np.full((height, width, 3), rng.uniform(170, 210), np.float32) + slope, np.float32)


def _scene(rng: np.random.Generator, height: int, width: int) -> npt.NDArray[np.float32]:
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(0, 1, width, dtype=np.float32)[None, :]
    scene = np.empty((height, width, 3), np.float32)
    for channel in range(3):
        x, y = rng.uniform(1, 4, 2)
        scene[..., channel] = 120 + 50 * np.sin(x * rows * 3 + channel) * np.cos(y * columns * 3)
    for _ in range(14):
        top, left = int(rng.integers(height)), int(rng.integers(width))
        down, along = int(rng.integers(20, height // 2)), int(rng.integers(20, width // 2))
        scene[top : top + down, left : left + along] *= rng.uniform(0.5, 1.4, 3).astype(np.float32)
    top, left = int(rng.integers(height // 2)), int(rng.integers(width // 2))
    part = scene[top : top + height // 3, left : left + width // 3]
    part += rng.normal(0, 12, (*part.shape[:2], 1)).astype(np.float32)
    return np.clip(scene, 0, 255)


def as_jpeg(pixels: Pixels, quality: int = 92) -> bytes:
    """The picture as a JPEG file without metadata."""
    from PIL import Image

    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "JPEG", quality=quality)
    return encoded.getvalue()
