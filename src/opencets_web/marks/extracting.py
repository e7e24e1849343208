"""Features of the key frames of videos that may be hostile, taken in a separate, limited process; no model, no setting here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from opencets.hashing.video import key_frames
from opencets.matching.regions import Features, extract, unpacked
from opencets.matching.regions.features import SIDE_PX
from opencets.packing.blobs import Opening
from opencets.parsing.limits import Limits
from opencets.parsing.sandbox import Pool
from opencets_web.evidence.pieces import PieceOpening

SECONDS = 120.0
"""For one video: seeking, decoding and extraction together."""
FRAMES = 40
"""Key frames of one video that are searched, spread over its length."""


@dataclass(frozen=True, slots=True)
class Video:
    """One video to take features of."""

    key: str
    opening: Opening | PieceOpening


@dataclass(slots=True)
class Frames:
    """Second and features of the key frames of a video, and why there are no more of them."""

    found: list[tuple[float, Features]] = field(default_factory=list)
    trouble: str = ""


def packed_frames(video: Video) -> Iterator[tuple[float, bytes]]:
    """Second and packed features of the key frames of one video."""
    with video.opening() as content:
        frames = key_frames(content, most=FRAMES, longest_px=SIDE_PX)
    for second, bright in frames:
        yield second, extract(bright).packed()


def take_frames(videos: Sequence[Video]) -> dict[str, Frames]:
    """The frames of each video by its key; one that breaks or stops its process costs its own sentence."""
    found = {video.key: Frames() for video in videos}
    if not videos:
        return found
    with Pool(1, Limits(seconds=SECONDS)) as pool:
        for outcome in pool.run(packed_frames, videos):
            frames = found[outcome.task.key]
            if outcome.failure is not None:
                frames.trouble = outcome.failure.sentence
            elif outcome.result is not None:
                try:  # the process may have been taken over by what it decoded
                    second, packed = outcome.result
                    frames.found.append((float(second), unpacked(packed)))
                except (ValueError, TypeError):
                    frames.trouble = "The process that read it answered with no features."
    return found
