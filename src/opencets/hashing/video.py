"""Videos: a bounded number of key frames, spread over the whole length, each with its PDQ.

Key frames alone are decoded (about a fiftieth of the cost of all frames), found by seeking, so that an hour costs about
as much as a minute. The form follows vPDQ (a PDQ with its quality and its second for each frame), the density does not:
two videos are compared by the share of frames that have a near frame in the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from PIL import Image

from opencets.errors import DamagedSource, LimitReached
from opencets.hashing.pdq import pdq
from opencets.hashing.picture import DECODED_PIXELS, luma, thumbnail

FRAMES = 32
STRIP_FRAMES = 8
STRIP_FRAME_PX = 160


@dataclass(frozen=True, slots=True)
class Frame:
    """One key frame: its second from the beginning, its PDQ (32 bytes), its PDQ quality (0 to 100)."""

    second: float
    pdq: bytes
    quality: int


@dataclass(frozen=True, slots=True)
class Watched:
    """What the key frames of a video gave."""

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


def watch(content: BinaryIO, *, thumbnail_px: int = 320, frames: int = FRAMES) -> Watched:
    """At most ``frames`` key frames of the first picture stream of ``content``, spread over its length.

    Raises DamagedSource when the container cannot be opened or holds no picture stream, LimitReached for frames too
    large to decode.
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
        stream.codec_context.skip_frame = "NONKEY"
        stream.thread_type = "NONE"
        duration = _duration(container, stream)
        broken, seen, pictures = "", [], []
        try:
            for second, picture in _key_frames(container, stream, duration, frames):
                hashed, quality = pdq(luma(picture))
                seen.append(Frame(round(second, 3), hashed.tobytes(), quality))
                small = picture.copy()
                small.thumbnail(
                    (thumbnail_px, thumbnail_px),
                    Image.Resampling.BILINEAR,
                    reducing_gap=2.0,
                )
                pictures.append(small)
        except (av.FFmpegError, ValueError, OSError, MemoryError) as reason:
            broken = _reason(reason)
    telling = next((n for n, frame in enumerate(seen) if frame.quality > 20), 0)
    return Watched(
        width,
        height,
        duration,
        tuple(seen),
        thumbnail(pictures[telling], thumbnail_px) if pictures else None,
        _strip(pictures) if len(pictures) > 1 else None,
        broken,
    )


def _duration(container: Any, stream: Any) -> float | None:
    if stream.duration and stream.time_base and stream.duration > 0:
        return float(stream.duration * stream.time_base)
    if container.duration and container.duration > 0:
        return float(container.duration / 1_000_000)
    return None


def _key_frames(container: Any, stream: Any, duration: float | None, count: int) -> Iterator[tuple[float, Image.Image]]:
    """Seconds and pictures of different key frames: at or before each of ``count`` equal steps, else the first ones."""
    begin = float((stream.start_time or 0) * stream.time_base)
    if duration is None or duration <= count:
        step, last = (0.0 if duration is None else duration / count), -1.0
        for frame in container.decode(stream):
            second = float(frame.time or 0.0) - begin
            if last < 0 or second - last >= step:
                last = second
                yield second, frame.to_image()
                count -= 1
            if count == 0:
                return
        return
    last_pts = None
    for n in range(count):
        target = begin + duration * n / count
        container.seek(int(target / stream.time_base), stream=stream, backward=True)
        frame = next(iter(container.decode(stream)), None)
        if frame is None or (last_pts is not None and (frame.pts or 0) <= last_pts):
            continue
        last_pts = frame.pts or 0
        yield max(0.0, float(frame.time or 0.0) - begin), frame.to_image()


def _strip(pictures: list[Image.Image]) -> bytes:
    chosen = [
        pictures[n * len(pictures) // min(STRIP_FRAMES, len(pictures))] for n in range(min(STRIP_FRAMES, len(pictures)))
    ]
    small = []
    for picture in chosen:
        piece = picture.copy()
        piece.thumbnail((STRIP_FRAME_PX, STRIP_FRAME_PX), Image.Resampling.BILINEAR)
        small.append(piece)
    joined = Image.new(
        "RGB",
        (sum(piece.width for piece in small), max(piece.height for piece in small)),
    )
    left = 0
    for piece in small:
        joined.paste(piece, (left, 0))
        left += piece.width
    return thumbnail(joined, max(joined.size))


def _reason(reason: BaseException) -> str:
    return str(getattr(reason, "strerror", None) or reason or type(reason).__name__)
