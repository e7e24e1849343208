"""The blob store of this machine and its master key."""

from __future__ import annotations

import io
import os
import secrets
from functools import cache
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from opencets.packing.blobs import BlobStore, Opening
from opencets_web.evidence.models import Blob


def master_key() -> bytes:
    """The 32 bytes that wrap every blob's key; made at first use, kept in the home's secrets (mode 0600)."""
    path = Path(settings.HOME) / "secrets" / "master-key"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        staged = path.with_name(f"master-key.{os.getpid()}")
        with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(secrets.token_bytes(32))
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(staged, path)
        except FileExistsError:
            pass
        staged.unlink()
        return path.read_bytes()


@cache
def store() -> BlobStore:
    """The store below ``<home>/blobs``."""
    return BlobStore(Path(settings.HOME) / "blobs", master_key())


def opening(blob: Blob) -> Opening:
    """What opens a blob, here or in another process."""
    return store().opening(blob.path, bytes(blob.wrapped_key))


def piece(blob: Blob, offset: int, size: int) -> BinaryIO:
    """A seekable clear stream of one piece of a blob: a file or thumbnail packed with others."""
    stream = opening(blob)()
    if offset == 0 and size == blob.size:
        return stream
    return io.BufferedReader(Piece(stream, offset, size), buffer_size=1 << 16)


class Piece(io.RawIOBase):
    """A part of a stream, seen as a stream of its own."""

    def __init__(self, stream: BinaryIO, offset: int, size: int) -> None:
        self._stream, self._offset, self._size, self._place = stream, offset, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        wanted = min(len(buffer), max(0, self._size - self._place))
        self._stream.seek(self._offset + self._place)
        content = self._stream.read(wanted)
        buffer[: len(content)] = content
        self._place += len(content)
        return len(content)

    def close(self) -> None:
        self._stream.close()
        super().close()
