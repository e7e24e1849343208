"""The noise of pictures that may be hostile, taken in a separate, limited process; no model and no setting is needed here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from opencets.errors import ValueRefused
from opencets.hashing.picture import decode
from opencets.matching.camera import SensorNoise, noise_of
from opencets.packing.blobs import Opening
from opencets.parsing.limits import Limits
from opencets.parsing.sandbox import Pool
from opencets_web.evidence.pieces import PieceOpening

SECONDS = 120.0
"""For one picture, decoding and filtering together; an ordinary one takes two."""

Packed = tuple[bytes, bytes, tuple[int, int], tuple[int, int], float]


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture to take the noise of."""

    key: str
    opening: Opening | PieceOpening
    media_type: str


def packed_noise(picture: Picture) -> Packed:
    """The noise of one picture as plain values; an error of the tree where it has none to give."""
    import numpy as np

    with picture.opening() as stream:
        decoded = decode(stream, picture.media_type, scaled=False)
    if decoded.broken:
        raise ValueRefused(f"The picture is incomplete ({decoded.broken}); its noise cannot be placed.")
    image = decoded.image if decoded.image.mode == "L" else decoded.image.convert("RGB")
    return noise_of(np.asarray(image)).packed()


def take_noise(pictures: Sequence[Picture]) -> Iterator[tuple[str, SensorNoise | str]]:
    """Key and noise of each picture, or the sentence that says why it has none; in the order of completion."""
    if not pictures:
        return
    with Pool(1, Limits(seconds=SECONDS)) as pool:
        for outcome in pool.run(packed_noise, pictures):
            if outcome.failure is not None:
                yield outcome.task.key, outcome.failure.sentence
            elif outcome.result is not None:
                yield outcome.task.key, SensorNoise.unpacked(outcome.result)
