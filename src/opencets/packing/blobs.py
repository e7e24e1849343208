"""Write-once encrypted blobs in a folder or in an object store (S3 and its like, through obstore).

A blob is staged under a name of its own and appears whole or not at all; a name is never written twice.
In a folder the bytes are flushed to the disk before the name appears. The store keeps no key: ``put`` gives back the
wrapped one, for the database.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import ObjectStore, from_url

from opencets.errors import ActRefused, NotFound
from opencets.packing.frames import FrameReader, FrameWriter, Written, new_key
from opencets.packing.keys import Keys, MasterKey

READ_SIZE = 1 << 20
_BLOB_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Stored:
    """A blob in the store: its identifier, its wrapped key, the clear length in bytes and the clear SHA-256 (hex)."""

    blob_id: str
    wrapped_key: bytes
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, repr=False)
class Opening:
    """Opens one blob, in this process or (pickled) in another that has neither store nor master key."""

    path: str
    key: bytes
    blob_id: str

    def __call__(self) -> BinaryIO:
        """A new seekable clear stream. NotFound: the blob is gone. DamagedSource: changed or cut."""
        return open_sealed(self.path, self.key, self.blob_id)

    def __repr__(self) -> str:
        return f"Opening({self.blob_id})"


def new_blob_id() -> str:
    """A random identifier: 32 hexadecimal digits."""
    return uuid.uuid4().hex


def open_sealed(place: str, key: bytes, blob_id: str) -> BinaryIO:
    """A seekable clear stream of the sealed file at ``place``: a path, or a URL of an object store."""
    raw: BinaryIO
    if "://" in place:
        url, _, name = place.rpartition("#")
        try:
            raw = cast(BinaryIO, obstore.open_reader(from_url(url), name))
        except FileNotFoundError:
            raise NotFound(f"The blob {blob_id} is not in the store.") from None
    else:
        try:
            raw = Path(place).open("rb", buffering=0)  # noqa: SIM115 - closed by the reader
        except FileNotFoundError:
            raise NotFound(f"The blob {blob_id} is not in the store.") from None
    try:
        # RawIOBase fills short reads already; the cast says that it reads as any binary file does.
        return cast(BinaryIO, FrameReader(raw, key, blob_id))
    except BaseException:
        raw.close()
        raise


class BlobStore:
    """Blobs below a folder, or below the URL of an object store (``s3://bucket/prefix``).

    ``keys``: what wraps the key of each blob; bytes stand for one master key of 32 bytes.
    """

    def __init__(self, place: str | Path, keys: bytes | Keys) -> None:
        self._keys: Keys = MasterKey(keys) if isinstance(keys, bytes) else keys
        self._folder: Path | None = None
        self._store: ObjectStore | None = None
        self._url = str(place)
        if "://" in self._url:
            self._store = from_url(self._url)
        else:
            self._folder = Path(place).absolute()
            (self._folder / "staged").mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(
        self,
        source: BinaryIO | Iterable[bytes],
        *,
        blob_id: str | None = None,
        seen: Callable[[bytes], object] | None = None,
    ) -> Stored:
        """Encrypt and keep ``source`` while its SHA-256 runs; ``seen`` gets each clear part (more digests).

        ActRefused: ``blob_id`` is taken. When the source fails or the process dies, nothing appears.
        """
        blob_id = _refuse_bad(blob_id) if blob_id else new_blob_id()
        key = new_key()
        parts = source if not hasattr(source, "read") else iter(lambda: cast(BinaryIO, source).read(READ_SIZE), b"")
        if self._folder is None:
            written = self._put_remote(parts, key, blob_id, seen)
        else:
            staged = self.staged_path(blob_id)
            try:
                with staged.open("xb") as raw:
                    written = _seal(parts, raw, key, blob_id, seen)
                self.adopt(staged, blob_id)
            finally:
                staged.unlink(missing_ok=True)
        return Stored(blob_id, self._keys.wrap(key), written.size, written.sha256)

    def staged_path(self, blob_id: str) -> Path:
        """Where a blob of a folder store is written before it appears. ActRefused: the store is no folder."""
        if self._folder is None:
            raise ActRefused("An object store has no folder to stage in; stage in the home and adopt from there.")
        return self._folder / "staged" / f"{_refuse_bad(blob_id)}.{uuid.uuid4().hex[:8]}"

    def adopt(self, sealed: Path, blob_id: str) -> None:
        """Let a sealed file appear as a blob; ``sealed`` is gone afterwards. ActRefused: the identifier is taken."""
        if self._folder is None:
            with sealed.open("rb") as raw:
                self._put_new(raw, blob_id)
            sealed.unlink()
            return
        with sealed.open("rb") as raw:
            os.fsync(raw.fileno())
        target = self._path(blob_id)
        _make_folders(target.parent, self._folder)
        try:
            # A link, not a rename: it fails where the name is taken.
            os.link(sealed, target)
        except FileExistsError:
            raise ActRefused(f"The blob {blob_id} is there already, and blobs are written once.") from None
        except OSError:
            self._copy_in(sealed, target, blob_id)
        _flush_folder(target.parent)
        sealed.unlink()

    def open(self, blob_id: str, wrapped_key: bytes) -> BinaryIO:
        """A seekable clear stream of the blob. NotFound: it is not here. DamagedSource: changed or cut."""
        return self.opening(blob_id, wrapped_key)()

    def opening(self, blob_id: str, wrapped_key: bytes) -> Opening:
        """What opens the blob elsewhere: it carries the key of this one blob only."""
        return Opening(self._place(blob_id), self._keys.unwrap(wrapped_key), blob_id)

    def exists(self, blob_id: str) -> bool:
        """Whether the blob is in the store."""
        if self._store is None:
            return self._path(blob_id).exists()
        try:
            obstore.head(self._store, _name(blob_id))
        except FileNotFoundError:
            return False
        return True

    def delete(self, blob_id: str) -> None:
        """Remove the blob; absent already is no error, so that a repeated removal ends well."""
        if self._store is None:
            self._path(blob_id).unlink(missing_ok=True)
        else:
            with contextlib.suppress(FileNotFoundError):
                obstore.delete(self._store, _name(blob_id))

    def remove_staged(self, *, older_than: float) -> int:
        """Remove what dead writers left half written, last changed before the instant ``older_than`` (Unix seconds)."""
        removed = 0
        for path in (self._folder / "staged").iterdir() if self._folder else ():
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < older_than:
                    path.unlink()
                    removed += 1
        return removed

    def _path(self, blob_id: str) -> Path:
        assert self._folder is not None
        return self._folder / _name(blob_id)

    def _place(self, blob_id: str) -> str:
        return str(self._path(blob_id)) if self._folder else f"{self._url}#{_name(blob_id)}"

    def _put_remote(
        self, parts: Iterable[bytes], key: bytes, blob_id: str, seen: Callable[[bytes], object] | None
    ) -> Written:
        # Write-once needs one put, and the length is known only at the end: the sealed bytes wait in a file.
        with tempfile.TemporaryFile() as raw:
            written = _seal(parts, cast(BinaryIO, raw), key, blob_id, seen)
            raw.seek(0)
            self._put_new(cast(BinaryIO, raw), blob_id)
        return written

    def _put_new(self, raw: BinaryIO, blob_id: str) -> None:
        assert self._store is not None
        try:
            obstore.put(self._store, _name(blob_id), raw, mode="create", use_multipart=False)
        except AlreadyExistsError:
            raise ActRefused(f"The blob {blob_id} is there already, and blobs are written once.") from None

    def _copy_in(self, sealed: Path, target: Path, blob_id: str) -> None:
        """Adopt across file systems, or where the file system knows no links."""
        staged = self.staged_path(blob_id)
        try:
            with sealed.open("rb") as old, staged.open("xb") as new:
                while part := old.read(READ_SIZE):
                    new.write(part)
                new.flush()
                os.fsync(new.fileno())
            if target.exists():
                raise ActRefused(f"The blob {blob_id} is there already, and blobs are written once.")
            staged.rename(target)
        finally:
            staged.unlink(missing_ok=True)


def _seal(
    parts: Iterable[bytes], raw: BinaryIO, key: bytes, blob_id: str, seen: Callable[[bytes], object] | None
) -> Written:
    writer = FrameWriter(raw, key, blob_id)
    for part in parts:
        writer.write(part)
        if seen is not None:
            seen(part)
    written = writer.finish()
    raw.flush()
    return written


def _name(blob_id: str) -> str:
    _refuse_bad(blob_id)
    return f"{blob_id[:2]}/{blob_id[2:4]}/{blob_id}"


def _refuse_bad(blob_id: str) -> str:
    if not _BLOB_ID.fullmatch(blob_id):
        raise ActRefused("A blob's identifier is 32 hexadecimal digits in small letters.")
    return blob_id


def _make_folders(folder: Path, top: Path) -> None:
    """Make ``folder`` below ``top``; a new name is flushed to the disk before anything stands under it."""
    if folder.exists() or folder == top:
        return
    _make_folders(folder.parent, top)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    _flush_folder(folder.parent)


def _flush_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
