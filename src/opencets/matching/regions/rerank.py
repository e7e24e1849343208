"""Putting places in order by an embedding that somebody plugs in: any ONNX model from a grey or colour square to a vector.

Nothing here needs a model, and none is downloaded. Where one is named, it says for each place how much what lies there looks
like what was marked (cosine of the two vectors). It changes the order of places, never which are reported.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from opencets.errors import SourceRefused
from opencets.matching.regions.index import Place
from opencets.matching.regions.pictures import Grey, read_brightness

Key = TypeVar("Key")
USUAL_PX = 224


class ModelRefused(SourceRefused):
    """The model named cannot be used: absent, unreadable, or not from a square to a vector."""

    code = "model-refused"


@dataclass(frozen=True, slots=True)
class Embedding:
    """A model that turns a picture into a vector."""

    session: Any
    input_name: str
    channels: int
    side_px: int

    @classmethod
    def open(cls, path: Path) -> Embedding:
        """The ONNX model in ``path``, run on one core. Raises ModelRefused with what to do."""
        try:
            import onnxruntime
        except ImportError:
            raise ModelRefused(
                f"The model {path.name} needs onnxruntime, an optional part: install OpenCETS with its part onnx."
            ) from None
        if not path.is_file():
            raise ModelRefused(f"The model {path.name} is not there; correct OPENCETS_REGION_MODEL or leave it empty.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as reason:  # onnxruntime raises its own classes, none of them public
            raise ModelRefused(f"The model {path.name} cannot be read: {reason}") from reason
        given = session.get_inputs()[0]
        if len(session.get_inputs()) != 1 or len(given.shape) != 4 or given.type != "tensor(float)":
            raise ModelRefused(
                f"The model {path.name} does not take one batch of pictures (batch, channels, side, side)."
            )
        channels = given.shape[1] if given.shape[1] in (1, 3) else 3
        side = given.shape[2] if isinstance(given.shape[2], int) else USUAL_PX
        return cls(session, given.name, channels, side)

    def vector(self, grey: Grey) -> npt.NDArray[np.float32]:
        """The vector of length one of a grey picture, scaled to the model's square, from 0 to 1."""
        import cv2

        square = cv2.resize(grey, (self.side_px, self.side_px), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        batch = np.broadcast_to(square, (1, self.channels, self.side_px, self.side_px))
        found = np.asarray(self.session.run(None, {self.input_name: np.ascontiguousarray(batch)})[0]).ravel()
        length = float(np.linalg.norm(found))
        return np.asarray(found / max(length, 1e-9), np.float32)


def reranked(
    embedding: Embedding,
    marked: Grey,
    places: Sequence[tuple[Key, Place]],
    corners: Sequence[Sequence[float]],
    picture_of: Callable[[Key], bytes],
) -> list[tuple[Key, Place, float | None]]:
    """Places in the order of likeness, the score deciding between equals; None, and last, where one cannot be looked at.

    ``marked``: the pixels of the region; ``corners``: its outline as shares; ``picture_of``: the bytes of a place's picture.
    """
    mine = embedding.vector(marked)
    found: list[tuple[Key, Place, float | None]] = []
    for key, place in places:
        try:
            there = _cut(picture_of(key), place.carried(corners), embedding.side_px)
            found.append((key, place, round(float(mine @ embedding.vector(there)), 4)))
        except (SourceRefused, OSError):
            found.append((key, place, None))
    return sorted(found, key=lambda each: (-2.0 if each[2] is None else -each[2], -each[1].score))


def _cut(content: bytes, outline: Sequence[tuple[float, float]], side_px: int) -> Grey:
    low = np.clip(np.min(outline, axis=0), 0, 0.99)
    high = np.clip(np.max(outline, axis=0), low + 0.01, 1)
    box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    return read_brightness(io.BytesIO(content), side_px * 2, box).grey
