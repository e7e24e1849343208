"""The blob store of this machine and its master key."""

from __future__ import annotations

import contextlib
import os
import secrets
from functools import cache
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from opencets.packing.blobs import BlobStore, Opening
from opencets_web.evidence.models import Blob
from opencets_web.evidence.pieces import PieceOpening


def master_key() -> bytes:
    """The 32 bytes that wrap every blob's key; made at first use, kept in the home's secrets (mode 0600)."""
    path = Path(settings.HOME) / "secrets" / "master-key"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        staged = path.with_name(f"master-key.{secrets.token_hex(8)}")
        with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(secrets.token_bytes(32))
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(staged, path)
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
    return piece_opening(blob, offset, size)()


def piece_opening(blob: Blob, offset: int, size: int) -> Opening | PieceOpening:
    """What opens one piece of a blob, here or in another process."""
    whole = opening(blob)
    return whole if offset == 0 and size == blob.size else PieceOpening(whole, offset, size)
