"""Videos: a bounded number of frames over the whole length, each with its second, its PDQ and its quality.

The form is that of vPDQ (Meta, "vPDQ: Video PDQ", 2021: a PDQ, its quality and its second for each sampled frame); the
way to it is cheaper. Key frames are decoded first, at about a fiftieth of the cost of all frames. Between two key
frames that stand further apart than a step, frames are decoded only where the two differ: a still stretch is told by
its ends. Where the picture changes so swiftly that two samples a step apart are no near-duplicates (a camera in the
hand), frames between them are hashed too, those that change most first: two copies sampled at different instants would
otherwise never meet. What a video costs is bounded three times: by `FRAMES` frames kept (videos beyond `DENSE_SECONDS`
are sampled more thinly, by their key frames alone), by `DENSE_PIXELS` pixels decoded between key frames, spread over
the length when they do not reach, and by `picture.DECODED_PIXELS` for one frame.

PDQ is computed on the frame as stored, as for pictures: a phone's turned video keeps the hash that others have. A
second PDQ, without black borders, stands beside the first where the video has such borders, so that a letterboxed copy
meets its original.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from opencets.errors import DamagedSource, LimitReached
from opencets.hashing.pdq import USABLE_QUALITY, pdq
from opencets.hashing.picture import DECODED_PIXELS, thumbnail

Luma = npt.NDArray[np.uint8]

FRAMES = 1_200
"""Frames kept of one video, of which the samples at even steps are half at most."""
STEP_SECONDS = 1.0
DENSE_SECONDS = 600.0
"""Up to this length a video has a sample for each step of a second; longer ones have 600 samples."""
SHORT_FRAMES = 120
"""A video of fewer seconds is sampled more densely, to so many frames or every `SHORTEST_STEP` seconds."""
SHORTEST_STEP = 0.25
SWIFT_BITS = 24
"""Neighbouring samples further apart than this have frames between them hashed, as far as `FRAMES` reaches."""
WHOLE_SECONDS = 60.0
"""Up to this length all frames between key frames are decoded, beyond it those on which others are built."""
WAITING_PIXELS = 32_000_000
"""Decoded frames that wait for the next sample, in pixels: fifteen of 1920 x 1080."""
DENSE_PIXELS = 25_000_000_000
"""Pixels decoded between key frames of one video: eight minutes of 1920 x 1080 at 25 frames a second."""
STILL_BITS = 6
"""Key frames no further apart than this: nothing between them is decoded."""
BORDER_LUMA = 24
BORDER_SHARE = 0.02
BORDER_MOST = 0.4
BORDER_LOOKS = 6
LOOKS = 160
"""Key frames of one video that are looked at for `key_frames`; a longer one is sought through at even steps."""
DIFFERENT_BITS = 30
"""Key frames nearer to one that is kept are left out by `key_frames`: they show the same."""
STRIP_FRAMES = 8
STRIP_FRAME_PX = 160
KEPT_PICTURES = 64


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: its second from the beginning, its PDQ (32 bytes), its PDQ quality (0 to 100).

    ``inner`` and ``inner_quality`` are those of the picture without its black borders; None where there are none.
    ``strip_place``: where the frame stands in the strip, from 0; None where it is not in it.
    """

    second: float
    pdq: bytes
    quality: int
    inner: bytes | None = None
    inner_quality: int | None = None
    strip_place: int | None = None


@dataclass(frozen=True, slots=True)
class Watched:
    """What the frames of a video gave."""

    width: int
    height: int
    duration: float | None
    """Seconds, as the container or the stream says; None where neither does."""
    frames: tuple[Frame, ...]
    thumbnail: bytes | None
    """A JPEG of the first frame that is not plain, or of the first."""
    strip: bytes | None
    """A JPEG of up to eight frames side by side, in order of time."""
    broken: str = ""


@dataclass(frozen=True, slots=True)
class _Box:
    """What of a frame is not border: rows and columns, the second of each left out."""

    top: int
    bottom: int
    left: int
    right: int

    def of(self, bright: Luma) -> Luma:
        return bright[self.top : self.bottom, self.left : self.right]


@dataclass(slots=True)
class _Seen:
    """The frames so far by the step in which they fall, and small pictures of some of them."""

    step: float
    box: _Box | None
    thumbnail_px: int
    frames: dict[int, Frame] = field(default_factory=dict)
    between: list[Frame] = field(default_factory=list)
    pictures: dict[int, Image.Image] = field(default_factory=dict)
    decoded_pixels: int = 0

    def cell(self, second: float) -> int:
        # Frames come a little early or late (29.97 a second, rounded time stamps).
        return max(0, math.floor(second / self.step + 0.05))

    def add(self, cell: int, second: float, frame: Any) -> Frame:
        self.frames[cell] = seen = self.hashed(second, frame)
        self._keep_picture(cell, frame)
        return seen

    def hashed(self, second: float, frame: Any) -> Frame:
        bright = frame.to_ndarray(format="gray")
        hashed, quality = pdq(bright)
        seen = Frame(round(max(0.0, second), 3), hashed.tobytes(), quality)
        if self.box is not None:
            hashed, inner_quality = pdq(self.box.of(bright))
            seen = replace(seen, inner=hashed.tobytes(), inner_quality=inner_quality)
        return seen

    def _keep_picture(self, cell: int, frame: Any) -> None:
        """Every second picture goes when there are too many, so that they stay spread."""
        if len(self.pictures) >= KEPT_PICTURES:
            self.pictures = {cell: self.pictures[cell] for cell in sorted(self.pictures)[::2]}
        small = frame.to_image()
        small.thumbnail((self.thumbnail_px, self.thumbnail_px), Image.Resampling.BILINEAR, reducing_gap=2.0)
        turned = int(getattr(frame, "rotation", 0) or 0)
        self.pictures[cell] = small.rotate(turned, expand=True) if turned else small


def watch(content: BinaryIO, *, thumbnail_px: int = 320, frames: int = FRAMES, dense: bool = True) -> Watched:
    """At most ``frames`` frames of the first picture stream of ``content``, about one a second or evenly fewer.

    ``dense``: whether frames between key frames are decoded where the key frames differ. Raises DamagedSource when the
    container cannot be opened or holds no picture stream, LimitReached for frames too large to decode. A break in the
    middle is told in ``broken``; what was read before it stays.
    """
    import av  # the libraries behind it take a while to load, and most files are pictures

    try:
        container = av.open(content, mode="r", metadata_errors="replace")
    except (av.FFmpegError, ValueError, OSError) as reason:
        raise DamagedSource(f"The video cannot be opened: {_reason(reason)}.") from reason
    with container:
        if not container.streams.video:
            raise DamagedSource("The file holds no picture stream; it may be sound only.")
        stream = container.streams.video[0]
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > DECODED_PIXELS:
            raise LimitReached(f"The video declares frames of {width} x {height} pixels; larger than is decoded.")
        stream.codec_context.options = {"max_pixels": str(DECODED_PIXELS)}
        stream.thread_type = "NONE"
        duration = _duration(container, stream)
        seen = _Seen(_step(duration, frames // 2), None, thumbnail_px)
        broken = ""
        # A break where it was looked for borders costs the borders alone.
        with contextlib.suppress(av.FFmpegError, ValueError, OSError):
            seen.box = _find_box(container, stream, duration)
        try:
            _see_key_frames(container, stream, duration, seen, frames // 2)
            if dense and seen.step <= STEP_SECONDS:
                _see_between(container, stream, duration, seen, frames)
        except LimitReached as reason:
            broken = reason.sentence.rstrip(".")
        except (av.FFmpegError, ValueError, OSError, MemoryError) as reason:
            broken = _reason(reason)
    return _watched(width, height, duration, seen, broken)


def key_frames(content: BinaryIO, *, most: int, longest_px: int) -> list[tuple[float, Luma]]:
    """Second and brightness, upright and no longer than ``longest_px`` a side, of key frames that differ from each other.

    At most ``most``, spread over the length; twice as many are held at a time. Plain frames are left out. What stands
    before a break is given; raises DamagedSource and LimitReached as `watch` does where nothing can be read.
    """
    import av

    try:
        container = av.open(content, mode="r", metadata_errors="replace")
    except (av.FFmpegError, ValueError, OSError) as reason:
        raise DamagedSource(f"The video cannot be opened: {_reason(reason)}.") from reason
    kept: list[tuple[float, bytes, Luma]] = []
    with container:
        if not container.streams.video:
            raise DamagedSource("The file holds no picture stream; it may be sound only.")
        stream = container.streams.video[0]
        if stream.codec_context.width * stream.codec_context.height > DECODED_PIXELS:
            raise LimitReached("The video declares frames that are larger than is decoded.")
        stream.codec_context.options = {"max_pixels": str(DECODED_PIXELS)}
        stream.thread_type = "NONE"
        stream.codec_context.skip_frame = "NONKEY"
        with contextlib.suppress(av.FFmpegError, ValueError, OSError, MemoryError):
            for second, frame in _looks(container, stream, _duration(container, stream)):
                bright = _small(frame, longest_px)
                hashed, quality = pdq(bright)
                code = hashed.tobytes()
                if quality < USABLE_QUALITY or any(_bits(code, other) <= DIFFERENT_BITS for _, other, _ in kept):
                    continue
                kept.append((round(max(0.0, second), 3), code, bright))
                if len(kept) == 2 * most:
                    kept = kept[::2]
    chosen = kept if len(kept) <= most else [kept[n * len(kept) // most] for n in range(most)]
    return [(second, bright) for second, _, bright in chosen]


def _looks(container: Any, stream: Any, duration: float | None) -> Iterator[tuple[float, Any]]:
    """Key frames over the length: all of a short video's, else the one at or before each of `LOOKS` even steps."""
    if duration is None or duration <= LOOKS * STEP_SECONDS:
        yield from itertools.islice(_decode(container, stream), LOOKS)
        return
    last = -1.0
    for look in range(LOOKS):
        _seek(container, stream, duration * look / LOOKS)
        second, frame = next(_decode(container, stream), (0.0, None))
        if frame is not None and second > last:
            last = second
            yield second, frame


def _small(frame: Any, longest_px: int) -> Luma:
    scale = min(1.0, longest_px / max(frame.width, frame.height))
    size = {"width": max(1, round(frame.width * scale)), "height": max(1, round(frame.height * scale))}
    bright: Luma = frame.reformat(format="gray", **size).to_ndarray()
    return np.ascontiguousarray(np.rot90(bright, int(getattr(frame, "rotation", 0) or 0) // 90))


def _watched(width: int, height: int, duration: float | None, seen: _Seen, broken: str) -> Watched:
    found = dict(sorted(seen.frames.items()))
    pictures = {cell: seen.pictures[cell] for cell in sorted(seen.pictures) if cell in found}
    telling = next((cell for cell in pictures if found[cell].quality > 20), next(iter(pictures), None))
    cells = list(pictures)
    chosen = [cells[n * len(cells) // min(STRIP_FRAMES, len(cells))] for n in range(min(STRIP_FRAMES, len(cells)))]
    if len(chosen) > 1:
        found.update({cell: replace(found[cell], strip_place=place) for place, cell in enumerate(chosen)})
    return Watched(
        width,
        height,
        duration,
        tuple(sorted((*found.values(), *seen.between), key=lambda frame: frame.second)),
        thumbnail(pictures[telling], seen.thumbnail_px) if telling is not None else None,
        _strip([pictures[cell] for cell in chosen]) if len(chosen) > 1 else None,
        broken,
    )


def _step(duration: float | None, frames: int) -> float:
    """Seconds between two frames: one; less for a short video, more for one with too many seconds."""
    if duration is None:
        return STEP_SECONDS
    if duration > min(DENSE_SECONDS, frames * STEP_SECONDS):
        return duration / frames
    return min(STEP_SECONDS, max(SHORTEST_STEP, duration / SHORT_FRAMES))


def _duration(container: Any, stream: Any) -> float | None:
    if stream.duration and stream.time_base and stream.duration > 0:
        return float(stream.duration * stream.time_base)
    if container.duration and container.duration > 0:
        return float(container.duration / 1_000_000)
    return None


def _begin(stream: Any) -> float:
    return float((stream.start_time or 0) * stream.time_base) if stream.time_base else 0.0


def _decode(container: Any, stream: Any, seen: _Seen | None = None) -> Iterator[tuple[float, Any]]:
    """Second and frame of what comes next; frames that grew beyond the limit in the middle are refused."""
    begin = _begin(stream)
    for frame in container.decode(stream):
        if frame.width * frame.height > DECODED_PIXELS:
            raise LimitReached(f"A frame of {frame.width} x {frame.height} pixels is larger than is decoded.")
        if seen is not None:
            seen.decoded_pixels += frame.width * frame.height
        if frame.time is not None:
            yield float(frame.time) - begin, frame


def _seek(container: Any, stream: Any, second: float) -> None:
    container.seek(int((_begin(stream) + second) / float(stream.time_base)), stream=stream, backward=True)


def _see_key_frames(container: Any, stream: Any, duration: float | None, seen: _Seen, most: int) -> None:
    """The first key frame of each step; of a long video the one at or before each step, found by seeking."""
    stream.codec_context.skip_frame = "NONKEY"
    if duration is not None and seen.step > STEP_SECONDS:
        last = None
        for cell in range(most):
            _seek(container, stream, cell * seen.step)
            second, frame = next(_decode(container, stream), (0.0, None))
            if frame is None or (last is not None and second <= last):
                continue
            last = second
            seen.add(cell, second, frame)
        return
    _seek(container, stream, 0.0)
    for second, frame in _decode(container, stream):
        cell = seen.cell(second)
        if cell in seen.frames:
            continue
        if len(seen.frames) == most:
            return
        seen.add(cell, second, frame)


def _see_between(container: Any, stream: Any, duration: float | None, seen: _Seen, most: int) -> None:
    """One frame for each step without a key frame, and more where the picture changes swiftly.

    Stretches whose two key frames hardly differ are left out. The stretches are taken far apart from each other first,
    so that what a bound leaves out is spread over the length.
    """
    stream.codec_context.skip_frame = "DEFAULT" if (duration or 0.0) <= WHOLE_SECONDS else "NONREF"
    gaps = _gaps(seen, duration)
    steps = sum(last - first for first, last in gaps)
    spare, granted = max(0, most - len(seen.frames) - steps), 0.0
    width = max(1, (len(gaps) - 1).bit_length())
    for number in sorted(range(len(gaps)), key=lambda n: int(f"{n:0{width}b}"[::-1], 2)):
        first, last = gaps[number]
        if seen.decoded_pixels > DENSE_PIXELS or len(seen.frames) + len(seen.between) >= most:
            return
        granted += spare * (last - first) / steps
        _seek(container, stream, seen.frames[first].second)
        _see_gap(_decode(container, stream, seen), seen, first, last, int(granted) - len(seen.between))


def _see_gap(frames: Iterator[tuple[float, Any]], seen: _Seen, first: int, last: int, allowed: int) -> None:
    """The samples between two key frames, and at most ``allowed`` frames between the samples."""
    before, end = seen.frames[first], seen.frames.get(last)
    waiting: list[tuple[float, Any]] = []
    for second, frame in frames:
        if second <= before.second + 1e-3:
            continue
        cell = seen.cell(second)
        if cell >= last and (end is None or second >= end.second - 1e-3):
            after = end
        elif cell not in seen.frames:
            after = seen.add(cell, second, frame)
        else:
            waiting.append((second, frame))
            if len(waiting) * frame.width * frame.height > WAITING_PIXELS:
                waiting = waiting[::2]
            continue
        allowed -= _see_swift(seen, before, waiting, after, allowed)
        if after is None or after is end:
            return
        before, waiting = after, []
    _see_swift(seen, before, waiting, None, allowed)


def _see_swift(seen: _Seen, before: Frame, waiting: list[tuple[float, Any]], after: Frame | None, allowed: int) -> int:
    """Hash frames between two samples while neighbours are far apart, the farthest first; how many were hashed."""
    hashed: dict[int, Frame] = {-1: before}
    if after is None and waiting and allowed > 0:
        after = seen.hashed(*waiting.pop())
        seen.between.append(after)
        allowed -= 1
    if after is None:
        return 0
    hashed[len(waiting)] = after
    count = 0
    stretches = [(-_apart(before, after), -1, len(waiting))]
    while stretches and count < allowed:
        distance, first, last = heapq.heappop(stretches)
        if -distance <= SWIFT_BITS:
            break
        if last - first < 2:
            continue
        middle = (first + last) // 2
        hashed[middle] = seen.hashed(*waiting[middle])
        seen.between.append(hashed[middle])
        count += 1
        for one, other in ((first, middle), (middle, last)):
            heapq.heappush(stretches, (-_apart(hashed[one], hashed[other]), one, other))
    return count


def _gaps(seen: _Seen, duration: float | None) -> list[tuple[int, int]]:
    """Pairs of neighbouring key frames' steps between which must be looked: steps are missing, or much has changed."""
    cells = sorted(seen.frames)
    if not cells:
        return []
    end = cells[-1] + 1 if duration is None else math.ceil(duration / seen.step)
    gaps = []
    for first, last in itertools.pairwise(cells):
        apart = _apart(seen.frames[first], seen.frames[last])
        plain = min(seen.frames[first].quality, seen.frames[last].quality) < USABLE_QUALITY
        if apart > SWIFT_BITS or (last - first > 1 and (plain or apart > STILL_BITS)):
            gaps.append((first, last))
    gaps.append((cells[-1], max(end, cells[-1] + 1) if duration is not None else cells[-1] + int(DENSE_SECONDS)))
    return gaps


def _apart(first: Frame, last: Frame) -> int:
    return _bits(first.pdq, last.pdq)


def _bits(code: bytes, other: bytes) -> int:
    return (int.from_bytes(code) ^ int.from_bytes(other)).bit_count()


def _find_box(container: Any, stream: Any, duration: float | None) -> _Box | None:
    """The picture without black borders, by what stays black in key frames over the length; None without borders."""
    stream.codec_context.skip_frame = "NONKEY"
    brightest: Luma | None = None
    for look in range(BORDER_LOOKS if duration else 1):
        _seek(container, stream, (duration or 0.0) * (look + 0.5) / BORDER_LOOKS)
        _, frame = next(_decode(container, stream), (0.0, None))
        if frame is None:
            continue
        bright = frame.to_ndarray(format="gray")
        if brightest is None:
            brightest = bright
        elif brightest.shape == bright.shape:
            brightest = np.maximum(brightest, bright)
    return None if brightest is None else find_box(brightest)


def find_box(bright: Luma) -> _Box | None:
    """What of ``bright`` is not a black border; None where less than 2 % of a side is border, or where all is dark.

    A line belongs to the border while 98 % of its pixels are black: sharp compression leaves single brighter ones.
    """
    height, width = bright.shape
    rows = (
        np.partition(bright, int(width * 0.98) - 1, axis=1)[:, int(width * 0.98) - 1] if width > 50 else bright.max(1)
    )
    columns = (
        np.partition(bright, int(height * 0.98) - 1, axis=0)[int(height * 0.98) - 1] if height > 50 else bright.max(0)
    )
    lit_rows, lit_columns = np.flatnonzero(rows > BORDER_LUMA), np.flatnonzero(columns > BORDER_LUMA)
    if not lit_rows.size or not lit_columns.size:
        return None
    box = _Box(int(lit_rows[0]), int(lit_rows[-1]) + 1, int(lit_columns[0]), int(lit_columns[-1]) + 1)
    down, across = (height - box.bottom + box.top) / height, (width - box.right + box.left) / width
    if max(down, across) < BORDER_SHARE or max(down, across) > 2 * BORDER_MOST:
        return None
    return box


def _strip(pictures: list[Image.Image]) -> bytes:
    small = []
    for picture in pictures:
        piece = picture.copy()
        piece.thumbnail((STRIP_FRAME_PX, STRIP_FRAME_PX), Image.Resampling.BILINEAR)
        small.append(piece)
    joined = Image.new("RGB", (sum(piece.width for piece in small), max(piece.height for piece in small)))
    left = 0
    for piece in small:
        joined.paste(piece, (left, 0))
        left += piece.width
    return thumbnail(joined, max(joined.size))


def _reason(reason: BaseException) -> str:
    return str(getattr(reason, "strerror", None) or reason or type(reason).__name__)
