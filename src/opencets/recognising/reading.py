"""Reading a picture through any recogniser: scaled, turned where nothing stands upright, sure words alone, in reading order.

A picture is read as it stands; where that gives little, the three other quarter turns are read too, and the turn that gives most
counts. A line stays that has a word of some length of which the recogniser is sure, or a short one of which it is very sure: noise
gives short, unsure ones. Lines stand from the top down, those beside each other from the left, or from the right where the script
runs so. Lines that lean by more than about ten degrees are read in part or not at all.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from opencets.recognising.plugging import Recogniser, Seen
from opencets.values.writing import clean, whole

if TYPE_CHECKING:
    from PIL.Image import Image

LONGEST_PX = 2_400
"""A larger picture is read at this size; what a pass costs grows with the pixels."""
SHORTEST_PX = 1_000
"""A smaller picture is enlarged, three times at most: small letters are read better so."""
SMALLEST_PX = 16
LEAST_CONFIDENCE = 60
SURE = 85
MOST_WORDS = 2_000
LONGEST_WORD = 200
ENOUGH = 1_200
"""Confidence times letters, at which no other turn is tried: three words of five letters at 80."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its box as shares of the upright picture's sides, and the number of its line from 0.

    ``second``: of a video, at which the frame stands on which it was read.
    """

    text: str
    confidence: int
    left: float
    top: float
    width: float
    height: float
    line: int
    second: float | None = None


@dataclass(frozen=True, slots=True)
class ReadText:
    """What a picture says. ``text``: a line for each line, in reading order; ``turn``: the degrees (clockwise) it was turned."""

    words: tuple[Word, ...]
    text: str
    turn: int
    version: str


def read_text(recogniser: Recogniser, picture: Image) -> ReadText:
    """The words of an upright picture of any mode. Raises what the recogniser raises."""
    best: tuple[float, int, list[Seen], tuple[int, int]] = (0.0, 0, [], (1, 1))
    if min(picture.size) >= SMALLEST_PX:
        scaled = _scaled(picture)
        for turn in (0, 90, 270, 180):
            turned = scaled.rotate(-turn, expand=True) if turn else scaled
            kept = kept_words(recogniser.read(turned))
            score = sum(word.confidence * _letters(word.text) for word in kept if _letters(word.text) >= 3)
            if score > best[0] or (not turn and kept):
                best = (score, turn, kept, turned.size)
            if score >= ENOUGH:
                break
    _, turn, kept, size = best
    lines = in_reading_order(kept)
    words = [
        _placed(word, number, size, turn) for number, line in enumerate(lines) for word in line
    ]  # fmt: skip
    text = "\n".join(" ".join(word.text for word in line) for line in lines)
    return ReadText(tuple(words[:MOST_WORDS]), text, turn, recogniser.version)


def read_frames(recogniser: Recogniser, frames: Iterable[tuple[float, Image]]) -> ReadText:
    """The words of a video's frames, each line where it stands first: the same line of a later frame is left out."""
    words: list[Word] = []
    said: dict[str, int] = {}
    for second, picture in frames:
        lines: dict[int, list[Word]] = {}
        for word in read_text(recogniser, picture).words:
            lines.setdefault(word.line, []).append(word)
        for line in lines.values():
            text = " ".join(word.text for word in line)
            if text not in said:
                said[text] = len(said)
                words.extend(replace(word, line=said[text], second=second) for word in line)
    return ReadText(tuple(words[:MOST_WORDS]), "\n".join(said), 0, recogniser.version)


def kept_words(seen: Iterable[Seen]) -> list[Seen]:
    """The words of lines that say something, cleaned; without those of which the recogniser is not sure."""
    lines: dict[int, list[Seen]] = {}
    for word in seen:
        text = _clean(word.text)
        if text and word.confidence >= LEAST_CONFIDENCE and word.width > 0 and word.height > 0:
            lines.setdefault(word.line, []).append(replace(word, text=text))
    return [word for line in lines.values() if any(map(_tells, line)) for word in line][:MOST_WORDS]


def in_reading_order(words: Sequence[Seen]) -> list[list[Seen]]:
    """The words line by line; lines that stand at one height follow each other in the direction of their script."""
    lines: dict[int, list[Seen]] = {}
    for word in words:
        lines.setdefault(word.line, []).append(word)
    rows: list[list[list[Seen]]] = []
    for line in sorted(lines.values(), key=_middle):
        if rows and _beside(rows[-1][0], line):
            rows[-1].append(line)
        else:
            rows.append([line])
    ordered = []
    for row in rows:
        leftward = sum(map(_runs_left, (word.text for line in row for word in line))) * 2 > sum(
            len(line) for line in row
        )
        ordered.extend(sorted(row, key=lambda line: min(word.left for word in line), reverse=leftward))
    return ordered


def _clean(text: str) -> str:
    """Text that may be kept: no control marks, and at least one letter or digit."""
    if not any(sign.isalnum() for sign in text):
        return ""
    return clean(whole(text), most=LONGEST_WORD) if len(text) <= LONGEST_WORD else ""


def _letters(text: str) -> int:
    """Letters and digits; a Han, kana or Hangul character says as much as two."""
    return sum(2 if ord(sign) >= 0x2E80 else 1 for sign in text if sign.isalnum())


def _tells(word: Seen) -> bool:
    letters = _letters(word.text)
    return letters >= 4 or (letters >= 2 and word.confidence >= SURE and (letters >= 3 or ord(word.text[0]) >= 0x2E80))


def _runs_left(text: str) -> bool:
    return any(unicodedata.bidirectional(sign) in ("R", "AL") for sign in text)


def _middle(line: Sequence[Seen]) -> float:
    return min(word.top for word in line) / 2 + max(word.top + word.height for word in line) / 2


def _beside(above: Sequence[Seen], line: Sequence[Seen]) -> bool:
    """Whether a line's middle stands within the other's height."""
    return min(word.top for word in above) <= _middle(line) <= max(word.top + word.height for word in above)


def _scaled(picture: Image) -> Image:
    from PIL.Image import Resampling

    grey = picture if picture.mode == "L" else picture.convert("L")
    longest = max(grey.size)
    scale = (
        LONGEST_PX / longest
        if longest > LONGEST_PX
        else min(3.0, SHORTEST_PX / longest)
        if longest < SHORTEST_PX
        else 1.0
    )
    if scale == 1.0:
        return grey
    size = (max(1, round(grey.width * scale)), max(1, round(grey.height * scale)))
    return grey.resize(
        size, Resampling.LANCZOS if scale > 1 else Resampling.BOX, reducing_gap=2.0 if scale < 1 else None
    )


def _placed(word: Seen, line: int, size: tuple[int, int], turn: int) -> Word:
    """The box as shares of the picture as it stood before it was turned."""
    left, top = word.left / size[0], word.top / size[1]
    width, height = word.width / size[0], word.height / size[1]
    if turn == 90:
        left, top, width, height = top, 1 - left - width, height, width
    elif turn == 180:
        left, top = 1 - left - width, 1 - top - height
    elif turn == 270:
        left, top, width, height = 1 - top - height, left, height, width
    left, top = min(max(left, 0.0), 1.0), min(max(top, 0.0), 1.0)
    return Word(
        word.text, round(word.confidence), round(left, 4), round(top, 4), round(min(width, 1 - left), 4),
        round(min(height, 1 - top), 4), line,
    )  # fmt: skip
