"""Framed encryption: a stream of any length as AES-256-GCM frames that can be read from any place.

Layout: a header of 16 bytes (``OCFRAME1``, frame length as u32 big-endian, four zero bytes), then frames of 1 MiB of
text each (the last may be shorter, an empty stream has one empty frame), each followed by its 16-byte tag.
Nonce: the frame's number in 11 bytes, then 1 for the last frame and 0 before it, so that frames can be neither moved
nor left off. Associated text: header and blob identifier, so that one blob cannot stand in for another.
Each blob has its own random key, wrapped by a master key with AES key wrap (RFC 3394). AES-GCM: NIST SP 800-38D.
"""

from __future__ import annotations

import hashlib
import io
import secrets
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from opencets.errors import DamagedSource, NotThisFormat

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer
    from _typeshed import WriteableBuffer

FRAME_SIZE = 1 << 20
TAG_SIZE = 16
KEY_SIZE = 32
MAGIC = b"OCFRAME1"
HEADER = MAGIC + FRAME_SIZE.to_bytes(4, "big") + bytes(4)
HEADER_SIZE = len(HEADER)
SEALED_FRAME_SIZE = FRAME_SIZE + TAG_SIZE


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the length of the clear text in bytes and its SHA-256 in hexadecimal."""

    size: int
    sha256: str


def new_key() -> bytes:
    """A random key of 32 bytes for one blob."""
    return secrets.token_bytes(KEY_SIZE)


def wrap_key(master: bytes, key: bytes) -> bytes:
    """``key`` wrapped by the master key (AES key wrap, RFC 3394): 40 bytes that may be kept in the open."""
    return aes_key_wrap(master, key)


def unwrap_key(master: bytes, wrapped: bytes) -> bytes:
    """The key inside ``wrapped``. DamagedSource: the wrapped key was changed, or another master key made it."""
    try:
        return aes_key_unwrap(master, wrapped)
    except (InvalidUnwrap, ValueError) as error:
        raise DamagedSource(
            "The key of a blob could not be unwrapped: it was changed, or the master key in the secrets folder is "
            "not the one it was wrapped with."
        ) from error


def sealed_size(size: int) -> int:
    """The length on disk of a stream of ``size`` bytes."""
    return HEADER_SIZE + size + TAG_SIZE * max(1, -(-size // FRAME_SIZE))


def clear_size(sealed: int) -> int:
    """The length of the clear text in a sealed file of ``sealed`` bytes. DamagedSource: no file has that length."""
    body = sealed - HEADER_SIZE
    frames = -(-body // SEALED_FRAME_SIZE)
    size = body - frames * TAG_SIZE
    if body < TAG_SIZE or sealed_size(size) != sealed:
        raise DamagedSource(f"The sealed file was cut: {sealed} bytes are no whole number of frames.")
    return size


def seal_frame(cipher: AESGCM, blob_id: str, number: int, text: bytes | bytearray | memoryview, *, last: bool) -> bytes:
    """One frame, sealed. A number is sealed once under a key: who goes on writing goes on after the whole frames."""
    return cipher.encrypt(_nonce(number, last=last), text, HEADER + blob_id.encode())


def open_frame(cipher: AESGCM, blob_id: str, number: int, sealed: bytes, *, last: bool) -> bytes:
    """The clear text of one frame. DamagedSource: changed, moved, cut, or of another blob or key."""
    try:
        return cipher.decrypt(_nonce(number, last=last), sealed, HEADER + blob_id.encode())
    except InvalidTag as error:
        raise DamagedSource(
            f"Blob {blob_id}: frame {number} (from byte {number * FRAME_SIZE}) is not what was written: it was changed "
            f"or cut, or belongs to another blob. Restore the blob from a copy."
        ) from error


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


class FrameWriter:
    """Seals what is written onto ``raw``; ``finish()`` seals the last frame and gives size and SHA-256.

    Without ``finish()`` the file has no last frame and no reader accepts it. ``raw`` is not closed.
    """

    def __init__(self, raw: BinaryIO, key: bytes, blob_id: str) -> None:
        self._raw = raw
        self._cipher = AESGCM(key)
        self._blob_id = blob_id
        self._held = bytearray()
        self._number = 0
        self._size = 0
        self._digest = hashlib.sha256()
        self._written: Written | None = None
        raw.write(HEADER)

    def write(self, text: Buffer) -> int:
        """Take ``text``; a frame goes out once it is full and more follows."""
        if self._written is not None:
            raise ValueError("The blob is finished; nothing can be added.")
        view = memoryview(text).cast("B")
        self._digest.update(view)
        self._size += len(view)
        taken = 0
        while len(self._held) + len(view) - taken > FRAME_SIZE:
            if self._held:
                part = FRAME_SIZE - len(self._held)
                self._held += view[taken : taken + part]
                self._put(self._held, last=False)
                self._held = bytearray()
            else:
                part = FRAME_SIZE
                self._put(view[taken : taken + part], last=False)
            taken += part
        self._held += view[taken:]
        return len(view)

    def finish(self) -> Written:
        """Seal the last frame; what was written in all. Again: the same answer."""
        if self._written is None:
            self._put(self._held, last=True)
            self._held = bytearray()
            self._written = Written(self._size, self._digest.hexdigest())
        return self._written

    def _put(self, text: bytes | bytearray | memoryview, *, last: bool) -> None:
        self._raw.write(seal_frame(self._cipher, self._blob_id, self._number, text, last=last))
        self._number += 1


class FrameReader(io.RawIOBase):
    """A seekable clear stream over a sealed one; only the frames asked for are read and opened.

    The last frame is opened first, so that a cut file is refused at once. ``raw`` is closed together with this.
    NotThisFormat: no sealed file. DamagedSource: changed, cut, or not this blob or key.
    """

    def __init__(self, raw: BinaryIO, key: bytes, blob_id: str) -> None:
        super().__init__()
        self._raw = raw
        self._cipher = AESGCM(key)
        self._blob_id = blob_id
        self._place = 0
        self._opened = -1
        self._frame = b""
        head = raw.read(HEADER_SIZE)
        if head[: len(MAGIC)] != MAGIC:
            raise NotThisFormat(f"Blob {blob_id}: the file does not begin as a sealed blob does.")
        if head != HEADER:
            raise DamagedSource(f"Blob {blob_id}: the head of the file was changed or cut.")
        self.size = clear_size(raw.seek(0, io.SEEK_END))
        self._last = max(0, -(-self.size // FRAME_SIZE) - 1)
        self._load(self._last)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        self._refuse_closed()
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._refuse_closed()
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self.size}[whence]
        if start + offset < 0:
            raise ValueError(f"A place before the beginning: {start + offset}.")
        self._place = start + offset
        return self._place

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill ``buffer`` as far as the stream reaches, across frames; the number of bytes filled in."""
        self._refuse_closed()
        view = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(view) and self._place < self.size:
            number, within = divmod(self._place, FRAME_SIZE)
            if number != self._opened:
                self._load(number)
            part = min(len(view) - filled, len(self._frame) - within)
            view[filled : filled + part] = memoryview(self._frame)[within : within + part]
            filled += part
            self._place += part
        return filled

    def readall(self) -> bytes:
        rest = bytearray(max(0, self.size - self._place))
        return bytes(memoryview(rest)[: self.readinto(rest)])

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
            self._frame = b""
        super().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _load(self, number: int) -> None:
        self._raw.seek(HEADER_SIZE + number * SEALED_FRAME_SIZE)
        last = number == self._last
        length = self.size - number * FRAME_SIZE + TAG_SIZE if last else SEALED_FRAME_SIZE
        sealed = self._raw.read(length)
        if len(sealed) < length:
            # A store may answer a long read in parts.
            parts = [sealed]
            while sum(map(len, parts)) < length and (part := self._raw.read(length - sum(map(len, parts)))):
                parts.append(part)
            sealed = b"".join(parts)
        self._frame = open_frame(self._cipher, self._blob_id, number, sealed, last=last)
        self._opened = number

    def _refuse_closed(self) -> None:
        if self.closed:
            raise ValueError("The blob is closed.")
