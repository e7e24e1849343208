"""The words of pictures that may be hostile, read in a separate, limited process; no model and no setting is needed here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from PIL import Image

from opencets.hashing.picture import decode, upright
from opencets.hashing.video import key_frames
from opencets.packing.blobs import Opening
from opencets.parsing.limits import Limits
from opencets.parsing.sandbox import Pool
from opencets.recognising import ReadText, Recogniser, RecogniserMissing, read_frames, read_text, recogniser_named
from opencets_web.evidence.pieces import PieceOpening

SECONDS = 300.0
"""For one file: decoding and four passes for each picture of it; an ordinary picture takes one second."""
FRAMES = 6
"""Key frames of a video that are read, those that differ most."""
LONGEST_FRAME_PX = 2_400
LONGEST_PX = 4_800
"""Pixels a side that leave the decoder; the recogniser's own size is smaller."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture or video to read, and by which recogniser."""

    key: str
    opening: Opening | PieceOpening
    media_type: str
    recogniser: str
    languages: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a picture gave no words."""

    code: str
    sentence: str


def words_of(picture: Picture) -> ReadText:
    """The words of one picture, or of a video's key frames; an error of the tree where there are none to read.

    Runs in the limited process.
    """
    recogniser = _opened(picture.recogniser, picture.languages)
    with picture.opening() as stream:
        if picture.media_type.startswith("video/"):
            frames = key_frames(stream, most=FRAMES, longest_px=LONGEST_FRAME_PX)
            return read_frames(recogniser, ((second, Image.fromarray(bright)) for second, bright in frames))
        decoded = decode(stream, picture.media_type, scaled=False)
    return read_text(recogniser, upright(decoded, LONGEST_PX).convert("L"))


@cache
def _opened(name: str, languages: str) -> Recogniser:
    return recogniser_named(name, languages)


def read_words(pictures: Sequence[Picture]) -> Iterator[tuple[str, ReadText | Trouble]]:
    """Key and words of each picture, or why it has none, in the order of completion. Raises RecogniserMissing."""
    if not pictures:
        return
    with Pool(1, Limits(seconds=SECONDS)) as pool:
        for outcome in pool.run(words_of, pictures):
            if outcome.failure is not None:
                if outcome.failure.code == RecogniserMissing.code:
                    raise RecogniserMissing(outcome.failure.sentence)
                yield outcome.task.key, Trouble(outcome.failure.code, outcome.failure.sentence)
            elif outcome.result is not None:
                yield outcome.task.key, outcome.result
