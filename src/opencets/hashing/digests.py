"""MD5, SHA-1 and SHA-256 of a stream, in one reading."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Digests:
    """Three digests of the same bytes, lower-case hexadecimal, and how many bytes there were.

    MD5 (RFC 1321) and SHA-1 (FIPS 180-4) are carried because hash lists are keyed by them; only SHA-256 (FIPS 180-4)
    proves that two files are the same.
    """

    md5: str
    sha1: str
    sha256: str
    size: int


def read_chunks(stream: BinaryIO, chunk_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
    """The rest of ``stream`` in pieces of at most ``chunk_bytes``."""
    while chunk := stream.read(chunk_bytes):
        yield chunk


def digest_chunks(chunks: Iterable[bytes]) -> Digests:
    """The digests of all ``chunks`` one after another."""
    md5 = hashlib.md5(usedforsecurity=False)
    sha1 = hashlib.sha1(usedforsecurity=False)
    sha256 = hashlib.sha256()
    size = 0
    for chunk in chunks:
        md5.update(chunk)
        sha1.update(chunk)
        sha256.update(chunk)
        size += len(chunk)
    return Digests(md5.hexdigest(), sha1.hexdigest(), sha256.hexdigest(), size)


def digest(stream: BinaryIO) -> Digests:
    """The digests of what is left in ``stream``, read once in pieces of one mebibyte."""
    return digest_chunks(read_chunks(stream))


def digest_plainly(content: bytes) -> Digests:
    """The plain version of `digest`, kept as the reference for the tests."""
    return Digests(
        hashlib.md5(content, usedforsecurity=False).hexdigest(),
        hashlib.sha1(content, usedforsecurity=False).hexdigest(),
        hashlib.sha256(content).hexdigest(),
        len(content),
    )
