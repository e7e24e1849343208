"""Everything that hashing knows of one file, from one reading of its bytes."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, cast

from opencets.errors import OpenCETSError
from opencets.hashing.digests import Digests, digest_chunks, read_chunks
from opencets.hashing.media_type import HEAD_BYTES, find_media_type
from opencets.hashing.picture import decode, picture_pdq, thumbnail
from opencets.hashing.video import Frame, watch

KEPT_BYTES = 64 << 20
"""Up to this size the bytes stay in memory between the digests and the decoding."""


@dataclass(frozen=True, slots=True)
class Signed:
    """The digests of a file and, when it is a picture or a video, what a decoder saw in it."""

    digests: Digests
    media_type: str | None
    """By content; where the content says nothing, what the caller said."""
    width: int | None = None
    height: int | None = None
    """Pixels as stored, before any EXIF orientation."""
    pdq: bytes | None = None
    """32 bytes. Pictures only; None where the picture did not decode whole."""
    quality: int | None = None
    """PDQ quality, 0 to 100; below 50 do not match by it."""
    turned: bytes | None = None
    """7 x 32 bytes: the PDQ that the picture has in each of `opencets.hashing.pdq.TURNS`."""
    frames: tuple[Frame, ...] = ()
    duration: float | None = None
    """Seconds."""
    thumbnail: bytes | None = None
    thumbnail_type: str | None = None
    trouble: str = ""
    """A sentence on what failed; empty when nothing did. The digests are always whole."""
    strip: bytes | None = None
    """Videos: up to eight frames side by side, of ``thumbnail_type``."""


def sign(stream: BinaryIO, *, media_type: str | None = None, thumbnail_px: int = 320) -> Signed:
    """Digests, media type, size, PDQ or key frames, and a thumbnail of what is left in ``stream``.

    The stream is read once for the digests; a picture or video up to `KEPT_BYTES` is decoded from memory, a larger one
    by seeking back, or from a temporary file where the stream cannot seek. ``media_type`` is only a hint for what the
    content does not tell. A broken, hostile or oversized picture never raises: ``trouble`` says what failed. Only an
    error of reading the stream itself (OSError) goes through.
    """
    seekable = stream.seekable()
    begin = stream.tell() if seekable else 0
    head = stream.read(HEAD_BYTES)
    found = find_media_type(head)
    spool = _spool(seekable)
    kept = found is not None

    def pieces() -> Iterator[bytes]:
        nonlocal kept
        if kept:
            spool.write(head)
        yield head
        for chunk in read_chunks(stream):
            if kept and seekable and spool.tell() + len(chunk) > KEPT_BYTES:
                kept = False
                spool.truncate(0)
            if kept:
                spool.write(chunk)
            yield chunk

    with spool:
        signed = Signed(digest_chunks(pieces()), found or media_type)
        if found is None:
            return signed
        content = spool if kept else cast(BinaryIO, _Rest(stream, begin))
        content.seek(0)
        return _look(signed, content, thumbnail_px)


def _spool(seekable: bool) -> BinaryIO:
    if seekable:
        return io.BytesIO()
    return cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=KEPT_BYTES))


class _Rest(io.RawIOBase):
    """A seekable stream seen from a place in it onwards, so that a decoder finds its content at zero."""

    def __init__(self, stream: BinaryIO, begin: int) -> None:
        self._stream = stream
        self._begin = begin

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._stream.tell() - self._begin

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset + self._begin if whence == io.SEEK_SET else offset, whence) - self._begin

    def read(self, size: int | None = -1) -> bytes:
        return self._stream.read(-1 if size is None else size)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        content = self._stream.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


def _look(signed: Signed, content: BinaryIO, thumbnail_px: int) -> Signed:
    try:
        if (signed.media_type or "").startswith("video/"):
            return _look_at_video(signed, content, thumbnail_px)
        return _look_at_picture(signed, content, thumbnail_px)
    except OpenCETSError as reason:
        return replace(signed, trouble=reason.sentence)
    except Exception as reason:
        return replace(
            signed,
            trouble=f"The decoder of {signed.media_type} failed: {type(reason).__name__}: {reason}.",
        )


def _look_at_picture(signed: Signed, content: BinaryIO, thumbnail_px: int) -> Signed:
    media_type = signed.media_type or ""
    decoded = decode(content, media_type)
    small = thumbnail(decoded.image, thumbnail_px, decoded.orientation)
    signed = replace(
        signed,
        width=decoded.width,
        height=decoded.height,
        thumbnail=small,
        thumbnail_type="image/jpeg",
    )
    if decoded.broken:
        return replace(
            signed,
            trouble=f"The picture is broken ({decoded.broken}): no PDQ; the thumbnail shows the part that was decoded.",
        )
    hashed, quality, turned = picture_pdq(decoded, content, media_type)
    return replace(signed, pdq=hashed, quality=quality, turned=turned)


def _look_at_video(signed: Signed, content: BinaryIO, thumbnail_px: int) -> Signed:
    watched = watch(content, thumbnail_px=thumbnail_px)
    trouble = ""
    if watched.broken:
        trouble = (
            f"The video is broken ({watched.broken}): {len(watched.frames)} key frames were read before the break."
        )
    elif not watched.frames:
        trouble = "The video gave no key frame: nothing to compare or show."
    return replace(
        signed,
        width=watched.width,
        height=watched.height,
        frames=watched.frames,
        duration=watched.duration,
        thumbnail=watched.thumbnail,
        thumbnail_type="image/jpeg" if watched.thumbnail else None,
        strip=watched.strip,
        trouble=trouble,
    )
