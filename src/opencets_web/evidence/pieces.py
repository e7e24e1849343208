"""One piece of a blob, seen as a stream of its own: small files and thumbnails are packed together.

Knows no model and no key of the machine, so that a limited process opens a piece too.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import BinaryIO, cast

from opencets.packing.blobs import Opening


@dataclass(frozen=True, slots=True)
class PieceOpening:
    """Opens ``size`` bytes of a blob from ``offset`` on, here or (pickled) in another process."""

    blob: Opening
    offset: int
    size: int

    def __call__(self) -> BinaryIO:
        """A new seekable clear stream of the piece alone."""
        return cast(BinaryIO, io.BufferedReader(Piece(self.blob(), self.offset, self.size), buffer_size=1 << 16))


class Piece(io.RawIOBase):
    """A part of a stream, seen as a stream of its own; closing it closes the stream."""

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
