"""Resumable uploads (tus 1.0.0: creation, termination, checksum) as a route in front of Django.

Django keeps a body in clear text on the disk before a view sees it; here each whole frame of 1 MiB is encrypted in
memory and only then written. After a lost connection, or a server that was killed, whole frames remain and the client
goes on after them. When the last byte is there, the sealed file is read back: its SHA-256 is that of what is kept.

The route knows no model. The ledger says who asks, keeps the upload's row, and takes the finished file over.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import errno
import fcntl
import hashlib
import hmac
import json
import logging
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Generic, Protocol, TypeVar
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from opencets.errors import ActRefused, DamagedSource, Interrupted, LimitReached, NotFound, OpenCETSError
from opencets.packing.frames import FRAME_SIZE, HEADER, HEADER_SIZE, SEALED_FRAME_SIZE, FrameReader, seal_frame

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

VERSION = "1.0.0"
EXTENSIONS = "creation,termination,checksum"
CHECKSUMS = ("sha256", "sha1")
MAX_LENGTH = 1 << 40
MAX_METADATA = 8192
MAX_PATH = 1024
IDLE_SECONDS = 120.0
ADVANCE_SECONDS = 1.0
FREE_BYTES = 1 << 30
"""What stays free on the disk for the database and the rest."""

_log = logging.getLogger("opencets.uploads")
Session = TypeVar("Session")


@dataclass(frozen=True, slots=True, repr=False)
class Upload:
    """One upload: its length in bytes, and where and under which key its frames are written.

    ``key``: the blob's own key, unwrapped. ``finished``: the ledger has taken the file over; ``path`` may be gone.
    """

    upload_id: str
    length: int
    path: Path
    blob_id: str
    key: bytes
    finished: bool = False


class UploadLedger(Protocol[Session]):
    """What the route asks of the application; each call is one transaction, and ``finished`` may come twice."""

    async def officer_of(self, scope: Scope) -> Session | None:
        """The signed-in session of the request, or None."""

    async def create(self, session: Session, metadata: dict[str, str], length: int) -> Upload:
        """A new upload; ``metadata`` as of ``read_metadata``. ActRefused; NotFound: absent, or not for this officer."""

    async def load(self, session: Session, upload_id: str) -> Upload:
        """The upload as it stands. NotFound: none of that name, or of another officer."""

    async def advanced(self, upload: Upload, offset: int) -> None:
        """So many bytes are kept; for the display of progress."""

    async def finished(self, upload: Upload, sha256: str, size: int) -> None:
        """All is there and was read back; take ``upload.path`` over as the blob ``upload.blob_id``."""

    async def removed(self, upload: Upload) -> None:
        """The client gave the upload up; its file is gone."""


class Refusal(Exception):
    """An answer that ends the request: HTTP status, a code for machines, a sentence for people."""

    def __init__(self, status: int, code: str, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status, self.code, self.sentence, self.headers = status, code, sentence, headers


class UploadApp(Generic[Session]):
    """The ASGI application below ``prefix``: ``POST prefix``, then ``HEAD``, ``PATCH``, ``DELETE prefix<id>``."""

    def __init__(
        self, ledger: UploadLedger[Session], *, prefix: str = "/uploads/", max_length: int = MAX_LENGTH
    ) -> None:
        self._ledger = ledger
        self._prefix = prefix
        self._max_length = max_length

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            status, answer = await self._answer(scope, headers, receive)
            await _send(send, status, answer)
        except Refusal as refusal:
            await _refuse(send, refusal)
        except OpenCETSError as error:
            await _refuse(send, Refusal(_status(error), error.code, error.sentence))
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            _log.error("An upload stopped: the disk is full.")
            await _refuse(send, Refusal(507, "disk-full", "The server's disk is full; what was sent so far is kept."))

    async def _answer(self, scope: Scope, headers: dict[str, str], receive: Receive) -> tuple[int, dict[str, str]]:
        method: str = scope["method"]
        if method == "OPTIONS":
            return 204, {
                "Tus-Version": VERSION,
                "Tus-Extension": EXTENSIONS,
                "Tus-Max-Size": str(self._max_length),
                "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
            }
        if method != "HEAD":
            _refuse_other_origin(scope, headers)
        session = await self._ledger.officer_of(scope)
        if session is None:
            raise Refusal(401, "sign-in", "Sign in first; what was sent so far is kept.")
        if headers.get("tus-resumable") != VERSION:
            raise Refusal(
                412, "tus-version", f"The header Tus-Resumable: {VERSION} is needed.", **{"Tus-Version": VERSION}
            )
        name = scope["path"].removeprefix(self._prefix).strip("/")
        if method == "POST" and not name:
            return await self._create(session, headers)
        if not name or method not in {"HEAD", "PATCH", "DELETE"}:
            raise Refusal(405, "method", f"{method} means nothing here.", Allow="OPTIONS, POST, HEAD, PATCH, DELETE")
        upload = await self._ledger.load(session, name)
        if method == "HEAD":
            return await self._tell(upload)
        if method == "DELETE":
            return await self._remove(upload)
        return await self._append(upload, headers, receive)

    async def _create(self, session: Session, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
        length = _number(headers, "upload-length")
        if length > self._max_length:
            raise Refusal(413, "too-large", f"A file may have {self._max_length} bytes; this one has {length}.")
        metadata = read_metadata(headers.get("upload-metadata", ""))
        upload = await self._ledger.create(session, metadata, length)
        await asyncio.to_thread(upload.path.parent.mkdir, mode=0o700, parents=True, exist_ok=True)
        free = (await asyncio.to_thread(shutil.disk_usage, upload.path.parent)).free
        if length + FREE_BYTES > free:
            await self._ledger.removed(upload)
            raise Refusal(507, "disk-full", f"The file has {length} bytes, and the server's disk has {free} left.")
        if length == 0:
            async with _held(upload) as stream:
                await asyncio.to_thread(_write_frame, stream, upload, 0, b"")
                await self._finish(upload, stream)
        return 201, {"Location": f"{self._prefix}{upload.upload_id}", "Upload-Offset": "0"}

    async def _tell(self, upload: Upload) -> tuple[int, dict[str, str]]:
        offset = upload.length
        if not upload.finished:
            async with _held(upload) as stream:
                offset = await asyncio.to_thread(_kept, stream, upload)
                if offset == upload.length:
                    # The server ended between the last byte and its acknowledgement.
                    await self._finish(upload, stream)
        return 200, {"Upload-Offset": str(offset), "Upload-Length": str(upload.length)}

    async def _remove(self, upload: Upload) -> tuple[int, dict[str, str]]:
        if upload.finished:
            raise Refusal(403, "finished", "The upload is finished and is an exhibit now; it is not removed here.")
        async with _held(upload):
            upload.path.unlink(missing_ok=True)
            await self._ledger.removed(upload)
        return 204, {}

    async def _append(self, upload: Upload, headers: dict[str, str], receive: Receive) -> tuple[int, dict[str, str]]:
        if headers.get("content-type") != "application/offset+octet-stream":
            raise Refusal(415, "content-type", "The content type of a part is application/offset+octet-stream.")
        begin = _number(headers, "upload-offset")
        if upload.finished:
            raise Refusal(409, "finished", "The upload is finished.", **{"Upload-Offset": str(upload.length)})
        checksum = _Checksum.read(headers.get("upload-checksum"))
        async with _held(upload) as stream:
            kept = await asyncio.to_thread(_kept, stream, upload)
            if begin != kept:
                sentence = f"{kept} bytes are kept, and the part begins at {begin}: ask with HEAD and go on from there."
                raise Refusal(409, "offset", sentence, **{"Upload-Offset": str(kept)})
            offset = await self._take(upload, stream, begin, receive, checksum)
            await asyncio.to_thread(_flush, stream)
            await self._ledger.advanced(upload, offset)
            if offset == upload.length:
                await self._finish(upload, stream)
            return 204, {"Upload-Offset": str(offset)}

    async def _take(
        self, upload: Upload, stream: BinaryIO, offset: int, receive: Receive, checksum: _Checksum | None
    ) -> int:
        """Seal what arrives, frame by frame; how many bytes of the upload are kept now."""
        begin, held, more, received = offset, bytearray(), True, 0
        told = time.monotonic()
        while more:
            try:
                message = await asyncio.wait_for(receive(), IDLE_SECONDS)
            except TimeoutError:
                break
            if message["type"] == "http.disconnect":
                break
            body: bytes = message.get("body", b"")
            more = message.get("more_body", False)
            received += len(body)
            held += body
            if checksum:
                checksum.update(body)
            if begin + received > upload.length:
                raise Refusal(413, "too-long", f"More was sent than the {upload.length} bytes that were announced.")
            while len(held) >= FRAME_SIZE or (held and begin + received == upload.length):
                frame = bytes(held[:FRAME_SIZE])
                await asyncio.to_thread(_write_frame, stream, upload, offset // FRAME_SIZE, frame)
                offset += len(frame)
                del held[:FRAME_SIZE]
                if time.monotonic() - told > ADVANCE_SECONDS:
                    told = time.monotonic()
                    await self._ledger.advanced(upload, offset)
        if checksum and not more and not checksum.agrees():
            await asyncio.to_thread(_cut, stream, begin)
            raise Refusal(460, "checksum", "The part does not have the checksum sent with it; send it again.")
        if not more and offset == begin and received:
            raise Refusal(400, "part-too-short", f"A part before the last has at least {FRAME_SIZE} bytes.")
        return offset

    async def _finish(self, upload: Upload, stream: BinaryIO) -> None:
        await asyncio.to_thread(_flush, stream)
        try:
            sha256 = await asyncio.to_thread(_read_back, upload)
        except DamagedSource as error:
            _log.error("Upload %s was read back and is damaged: %s", upload.upload_id, error.sentence)
            await asyncio.to_thread(_cut, stream, 0)
            raise Interrupted("What was written does not read back as it was sent; the upload begins again.") from error
        await self._ledger.finished(upload, sha256, upload.length)


def read_metadata(header: str) -> dict[str, str]:
    """The ``Upload-Metadata`` header as texts: keys as sent, and ``relative_path`` in its one safe form.

    Refusal: longer than 8 KiB, not base64 of UTF-8, or a path that leaves its folder.
    """
    if len(header) > MAX_METADATA:
        raise Refusal(400, "metadata", f"The header Upload-Metadata may have {MAX_METADATA} characters.")
    metadata: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        key, _, value = pair.partition(" ")
        try:
            metadata[key] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise Refusal(400, "metadata", f"Upload-Metadata: {key} is no base64 of UTF-8 text.") from None
    named = metadata.get("relative_path") or metadata.get("relativePath") or metadata.get("filename") or ""
    # Uploaders say "null" where a file has no folder.
    if named == "null":
        named = metadata.get("filename", "")
    metadata["relative_path"] = safe_path(named)
    return metadata


def safe_path(named: str) -> str:
    """``named`` with ``/`` between its parts, inside its folder. Refusal: it leaves it, is empty or over 1,024 long."""
    text = named.replace("\\", "/")
    parts = [part for part in text.split("/") if part not in {"", "."}]
    bad = not parts or ".." in parts or text.startswith("/") or parts[0].endswith(":") or len(text) > MAX_PATH
    if bad or any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise Refusal(400, "path", f"{named[:80]!r} is no path of a file inside the folder that is uploaded.")
    return "/".join(parts)


class _Checksum:
    """The checksum that a part was sent with."""

    def __init__(self, name: str, expected: bytes) -> None:
        self._digest = hashlib.new(name, usedforsecurity=False)
        self._expected = expected
        self.update = self._digest.update

    @classmethod
    def read(cls, header: str | None) -> _Checksum | None:
        if header is None:
            return None
        name, _, value = header.partition(" ")
        if name not in CHECKSUMS:
            raise Refusal(400, "checksum-kind", f"The checksums known are {', '.join(CHECKSUMS)}.")
        try:
            return cls(name, base64.b64decode(value.strip(), validate=True))
        except binascii.Error:
            raise Refusal(400, "checksum-kind", "The checksum is no base64.") from None

    def agrees(self) -> bool:
        return hmac.compare_digest(self._digest.digest(), self._expected)


@contextlib.asynccontextmanager
async def _held(upload: Upload) -> AsyncIterator[BinaryIO]:
    """The sealed file, for this request alone; made with its head where there is none."""
    stream = await asyncio.to_thread(_open_held, upload.path)
    try:
        yield stream
    finally:
        # A lock ends with its file; a written frame is flushed before it counts.
        stream.close()


def _open_held(path: Path) -> BinaryIO:
    stream = path.open("ab+", buffering=0)
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.close()
        raise Refusal(423, "busy", "Another connection is sending this upload; try again in a moment.") from None
    path.chmod(0o600)
    return stream


def _kept(stream: BinaryIO, upload: Upload) -> int:
    """How many clear bytes stand in whole frames; what a dying server left of one more is cut off."""
    size = stream.seek(0, 2)
    body = max(0, size - HEADER_SIZE)
    frames, rest = divmod(body, SEALED_FRAME_SIZE)
    whole = upload.length // FRAME_SIZE
    last = upload.length - whole * FRAME_SIZE
    if frames == whole and rest == last + SEALED_FRAME_SIZE - FRAME_SIZE and (last or not whole):
        return upload.length
    _cut(stream, frames * FRAME_SIZE)
    return frames * FRAME_SIZE


def _cut(stream: BinaryIO, offset: int) -> None:
    """Keep the frames before ``offset``; with none, the head alone."""
    stream.seek(0, 2)
    if stream.tell() < HEADER_SIZE:
        stream.truncate(0)
        stream.write(HEADER)
    frames = offset // FRAME_SIZE
    stream.truncate(HEADER_SIZE + frames * SEALED_FRAME_SIZE)


def _write_frame(stream: BinaryIO, upload: Upload, number: int, text: bytes) -> None:
    last = number * FRAME_SIZE + len(text) == upload.length
    if number == 0:
        _cut(stream, 0)
    sealed = memoryview(seal_frame(AESGCM(upload.key), upload.blob_id, number, text, last=last))
    while sealed:
        sealed = sealed[stream.write(sealed) :]


def _flush(stream: BinaryIO) -> None:
    os.fsync(stream.fileno())


def _read_back(upload: Upload) -> str:
    with upload.path.open("rb", buffering=0) as raw, FrameReader(raw, upload.key, upload.blob_id) as clear:
        if clear.size != upload.length:
            raise DamagedSource(f"{clear.size} bytes are kept of {upload.length}.")
        digest = hashlib.sha256()
        while part := clear.read(FRAME_SIZE):
            digest.update(part)
        return digest.hexdigest()


def _number(headers: dict[str, str], name: str) -> int:
    text = headers.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise Refusal(400, name, f"The header {name.title()} says a number of bytes; it was {text[:40]!r}.")
    return int(text)


def _refuse_other_origin(scope: Scope, headers: dict[str, str]) -> None:
    """A browser says where a request comes from; a request that does not say it, or from elsewhere, is not taken."""
    origin = headers.get("origin")
    if origin is not None:
        same = urlsplit(origin).netloc.lower() == headers.get("host", "").lower() != ""
    else:
        same = headers.get("sec-fetch-site") == "same-origin"
    if not same:
        raise Refusal(403, "origin", "Uploads are taken from this server's own pages only (the header Origin).")


def _status(error: OpenCETSError) -> int:
    for kind, status in ((NotFound, 404), (LimitReached, 413), (ActRefused, 409), (Interrupted, 503)):
        if isinstance(error, kind):
            return status
    return 400


async def _refuse(send: Send, refusal: Refusal) -> None:
    body = json.dumps({"code": refusal.code, "sentence": refusal.sentence}, ensure_ascii=False).encode()
    await _send(send, refusal.status, {"Content-Type": "application/json; charset=utf-8", **refusal.headers}, body)


async def _send(send: Send, status: int, headers: dict[str, str], body: bytes = b"") -> None:
    everything = {
        "Tus-Resumable": VERSION,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Length": str(len(body)),
        **headers,
    }
    if status == 204:
        del everything["Content-Length"]
    named = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in everything.items()]
    # The client may be gone; what it sent is kept all the same.
    with contextlib.suppress(OSError):
        await send({"type": "http.response.start", "status": status, "headers": named})
        await send({"type": "http.response.body", "body": body})
