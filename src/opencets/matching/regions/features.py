"""Local features of a picture: where something stands out, how large and turned it is, and a code of what it looks like.

The descriptor is RootSIFT (Lowe 2004; Arandjelović and Zisserman, "Three things everyone should know to improve object
retrieval", 2012). Each of its 128 values is kept as 2 bits, at levels fitted to the values RootSIFT takes, four values a
byte: 32 bytes a feature. A query keeps its values whole and is compared with the levels (asymmetric distance).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from opencets.matching.regions.pictures import Grey

SIDE_PX = 1024
"""Pictures are scaled down to this side before features are extracted."""
FEATURES = 1000
"""The most features kept of a picture; the strongest of each part of it first."""
QUERY_FEATURES = 700
DIMENSIONS = 128
CODE_BYTES = 32
EDGES = np.array([0.025, 0.085, 0.155], np.float32)
LEVELS = np.array([0.004, 0.055, 0.117, 0.205], np.float32)
"""The values that the four levels stand for."""
CONTRAST, EDGE = 0.012, 10.0
GRID = 6
ANGLES = 256
SCALE_STEPS = 16
"""Steps of an octave in which sizes are kept."""

Codes = npt.NDArray[np.uint8]
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Features:
    """The features of one picture, strongest first; positions are shares of its width and height times 65,535."""

    codes: Codes
    """(n, 32)"""
    places: npt.NDArray[np.uint16]
    """(n, 2): x, y"""
    angles: npt.NDArray[np.uint8]
    """In steps of a 256th of a turn."""
    sizes: npt.NDArray[np.uint8]
    """Size in the scaled picture's longer side, as steps of a 16th of an octave above a 4,096th of it."""
    aspect: float
    """Width by height."""

    def __len__(self) -> int:
        return int(self.codes.shape[0])

    def packed(self) -> bytes:
        """The features as bytes, for keeping beside a picture; `unpacked` reads them back."""
        head = np.array([len(self)], "<u4").tobytes() + np.array([self.aspect], "<f4").tobytes()
        parts = (self.codes, self.places.astype("<u2"), self.angles, self.sizes)
        return head + b"".join(part.tobytes() for part in parts)


@dataclass(frozen=True, slots=True)
class Query:
    """The features of a marked region: as `Features`, the descriptors kept whole, positions in the whole picture."""

    vectors: Vectors
    places: npt.NDArray[np.float32]
    """(n, 2): x in picture heights times the aspect, y in picture heights."""
    angles: npt.NDArray[np.float32]
    """In turns."""
    sizes: npt.NDArray[np.float32]
    """Binary logarithm of the size in picture heights."""
    aspect: float

    def __len__(self) -> int:
        return int(self.vectors.shape[0])

    def packed(self) -> bytes:
        """The query as bytes, for keeping beside a mark; `Query.unpacked` reads them back. 528 bytes a feature."""
        head = np.array([len(self)], "<u4").tobytes() + np.array([self.aspect], "<f4").tobytes()
        parts = (self.vectors, self.places, self.angles, self.sizes)
        return head + b"".join(part.astype("<f4").tobytes() for part in parts)

    def cropped(self, box: tuple[float, float, float, float]) -> Query:
        """The query as if ``box`` (left, top, right, bottom, shares) had been the whole picture: nothing tells where it lay."""
        height = box[3] - box[1]
        places = (self.places - np.array([box[0] * self.aspect, box[1]], np.float32)) / np.float32(height)
        aspect = self.aspect * (box[2] - box[0]) / height
        return replace(
            self,
            places=places.astype(np.float32),
            sizes=(self.sizes - np.float32(np.log2(height))),
            aspect=float(aspect),
        )

    def strongest(self, count: int) -> Query:
        """The query with its first features alone: they stand in the order in which they were chosen, spread over it."""
        some = slice(count)
        return Query(self.vectors[some], self.places[some], self.angles[some], self.sizes[some], self.aspect)

    @classmethod
    def unpacked(cls, content: bytes) -> Query:
        """The query that `packed` wrote; raises ValueError when the length is not its."""
        count = int(np.frombuffer(content, "<u4", 1)[0])
        if len(content) != 8 + 4 * count * (DIMENSIONS + 4):
            raise ValueError("These bytes are no packed query: the length does not fit their count.")
        values = np.frombuffer(content, "<f4", offset=8).astype(np.float32)
        ends = np.cumsum([count * DIMENSIONS, count * 2, count])
        vectors, places, angles, sizes = np.split(values, ends)
        aspect = float(np.frombuffer(content, "<f4", 1, 4)[0])
        return cls(vectors.reshape(-1, DIMENSIONS), places.reshape(-1, 2), angles, sizes, aspect)


def unpacked(content: bytes) -> Features:
    """The features that `Features.packed` wrote; raises ValueError when the length is not theirs."""
    count = int(np.frombuffer(content, "<u4", 1)[0])
    if len(content) != 8 + count * (CODE_BYTES + 6):
        raise ValueError("These bytes are no packed features: the length does not fit their count.")
    aspect = float(np.frombuffer(content, "<f4", 1, 4)[0])
    at = 8
    codes = np.frombuffer(content, np.uint8, count * CODE_BYTES, at).reshape(-1, CODE_BYTES)
    at += codes.nbytes
    places = np.frombuffer(content, "<u2", count * 2, at).reshape(-1, 2).astype(np.uint16)
    at += count * 4
    angles, sizes = np.frombuffer(content, np.uint8, count, at), np.frombuffer(content, np.uint8, count, at + count)
    return Features(codes, places, angles, sizes, aspect)


def no_features(aspect: float = 1.0) -> Features:
    """What stands in for a picture that cannot be decoded."""
    none = np.zeros(0, np.uint8)
    return Features(np.zeros((0, CODE_BYTES), np.uint8), np.zeros((0, 2), np.uint16), none, none, aspect)


def extract(grey: Grey, limit: int = FEATURES) -> Features:
    """The features of a whole picture, at most ``limit``, spread over it."""
    height, width = grey.shape
    places, sizes, angles, vectors = _rootsift(grey, limit, None)
    scale = np.array([65535 / width, 65535 / height], np.float32)
    steps = SCALE_STEPS * (np.log2(np.maximum(sizes, 1e-6) / max(width, height)) + 12)
    return Features(
        encode(vectors),
        np.clip(np.round(places * scale), 0, 65535).astype(np.uint16),
        (np.round(angles * ANGLES).astype(np.int64) % ANGLES).astype(np.uint8),
        np.clip(np.round(steps), 0, 255).astype(np.uint8),
        width / height,
    )


def describe(
    grey: Grey,
    polygon: npt.NDArray[np.float32],
    box: tuple[float, float, float, float],
    aspect: float,
    limit: int = QUERY_FEATURES,
) -> Query:
    """The features inside ``polygon`` (shares of the picture) of the part ``box`` of a picture, whose pixels are ``grey``."""
    import cv2

    height, width = grey.shape
    inside = (polygon - [box[0], box[1]]) / [box[2] - box[0], box[3] - box[1]] * [width, height]
    mask = np.zeros(grey.shape, np.uint8)
    cv2.fillPoly(mask, [np.round(inside).astype(np.int32)], (255,))
    places, sizes, angles, vectors = _rootsift(grey, limit, mask)
    share_x, share_y = (box[2] - box[0]) / width, (box[3] - box[1]) / height
    whole = np.column_stack(((box[0] + places[:, 0] * share_x) * aspect, box[1] + places[:, 1] * share_y))
    return Query(
        vectors, whole.astype(np.float32), angles, np.log2(np.maximum(sizes * share_y, 1e-6)).astype(np.float32), aspect
    )


def encode(vectors: Vectors) -> Codes:
    """The 32-byte codes of RootSIFT descriptors."""
    levels = np.searchsorted(EDGES, vectors.reshape(-1)).astype(np.uint8).reshape(-1, CODE_BYTES, 4)
    return np.ascontiguousarray(levels[:, :, 0] | levels[:, :, 1] << 2 | levels[:, :, 2] << 4 | levels[:, :, 3] << 6)


def decode(codes: Codes) -> Vectors:
    """The descriptors that codes stand for."""
    levels = np.stack([codes >> shift & 3 for shift in (0, 2, 4, 6)], axis=2)
    return LEVELS[levels.reshape(codes.shape[0], DIMENSIONS)]


def _rootsift(
    grey: Grey, limit: int, mask: Grey | None
) -> tuple[Vectors, npt.NDArray[np.float32], npt.NDArray[np.float32], Vectors]:
    """Places in pixels, sizes in pixels, angles in turns and descriptors of the chosen key points."""
    import cv2

    cv2.setNumThreads(1)
    grey = _stretched(grey)
    maker: Any = cv2.SIFT.create(0, 3, CONTRAST, EDGE, 1.6, True)
    found, descriptors = maker.detectAndCompute(grey, mask) if min(grey.shape) >= 8 else ((), None)
    if not found:
        empty = np.zeros(0, np.float32)
        return np.zeros((0, 2), np.float32), empty, empty, np.zeros((0, DIMENSIONS), np.float32)
    places = np.array([point.pt for point in found], np.float32).reshape(-1, 2)
    strength = np.array([point.response for point in found], np.float32)
    chosen = _spread(places, strength, grey.shape, limit)
    vectors = np.maximum(np.asarray(descriptors, np.float32)[chosen], 0)
    vectors = np.sqrt(vectors / np.maximum(vectors.sum(axis=1, keepdims=True), 1e-6)).astype(np.float32)
    sizes = np.array([found[place].size for place in chosen.tolist()], np.float32)
    angles = np.array([found[place].angle / 360 for place in chosen.tolist()], np.float32)
    return places[chosen], sizes, angles, vectors


def _stretched(grey: Grey) -> Grey:
    """The picture with its darkest and brightest hundredth at the ends, so that a dark one has as many features."""
    low, high = np.percentile(grey[::2, ::2], (1, 99))
    gain = min(255 / max(float(high - low), 1.0), 4.0)
    return np.asarray(np.clip((grey.astype(np.float32) - low) * gain, 0, 255), np.uint8)


def _spread(
    places: npt.NDArray[np.float32], strength: npt.NDArray[np.float32], shape: tuple[int, ...], limit: int
) -> npt.NDArray[np.int64]:
    """At most ``limit`` of the key points: the strongest of each cell of a grid in turn."""
    if strength.size <= limit:
        return np.argsort(-strength, kind="stable")
    cells = np.clip((places / [shape[1], shape[0]] * GRID).astype(np.int64), 0, GRID - 1)
    cell = cells[:, 0] * GRID + cells[:, 1]
    order = np.lexsort((-strength, cell))
    starts = np.searchsorted(cell[order], np.arange(GRID * GRID))
    rank = np.empty(strength.size, np.int64)
    rank[order] = np.arange(strength.size) - starts[cell[order]]
    return np.lexsort((-strength, rank))[:limit]
