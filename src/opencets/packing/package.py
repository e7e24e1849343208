"""Signed packages: a ZIP file whose manifest names every file with size and SHA-256, signed with Ed25519 (RFC 8032).

The same parts, header and key give the same bytes: entries stand in the order given, without the clock, and so does the
signature. Nothing is held but one chunk at a time and one manifest line a file. ``verify`` checks a package alone.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from base64 import b64encode
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from itertools import chain
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from opencets.errors import ActRefused, DamagedSource
from opencets.packing import verify

Row = dict[str, Any]
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first instant that a ZIP file can name: no entry says when it was packed, the manifest does."""
_PLAIN_FILE = 0o100644 << 16


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a package: its name inside, what it is for, its bytes in chunks. ``packed``: deflated in the ZIP file."""

    name: str
    role: str
    chunks: Iterable[bytes]
    packed: bool = True


class _Sink:
    """What the ZIP writer writes into: bytes that wait to be taken. It cannot seek, so sizes follow each entry."""

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, part: bytes) -> int:
        self._held += part
        return len(part)

    def flush(self) -> None:
        """Nothing waits anywhere else."""

    def take(self) -> bytes:
        taken = bytes(self._held)
        self._held.clear()
        return taken


def seal(
    parts: Iterable[Part],
    header: Mapping[str, Any],
    key: Ed25519PrivateKey,
    *,
    seen: Callable[[int], object] | None = None,
) -> Iterator[bytes]:
    """The bytes of a signed package of ``parts``, chunk by chunk; ``seen`` gets the length of each clear chunk.

    ``header``: what the manifest says beside the files (package, case, release). ActRefused: a name leads out of the package
    or is given twice.
    """
    sink, files = _Sink(), list[Row]()
    taken = {verify.MANIFEST, verify.SIGNATURE}
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    archive = zipfile.ZipFile(sink, "w", allowZip64=True)  # type: ignore[call-overload]
    own = (
        Part("verify.py", "program that verifies this package", [verifier()]),
        Part(verify.PUBLIC_KEY, "public key of the signature", [pem]),
    )
    try:
        for part in chain(own, parts):
            try:
                verify.refuse_name(part.name)
            except verify.Wrong as wrong:
                raise ActRefused(f"A package cannot hold it: {wrong}") from None
            if part.name in taken:
                raise ActRefused(f"A package holds {part.name} once.")
            taken.add(part.name)
            digest, size = hashlib.sha256(), 0
            with archive.open(_entry(part.name, packed=part.packed), "w", force_zip64=True) as stream:
                for chunk in part.chunks:
                    digest.update(chunk)
                    size += len(chunk)
                    stream.write(chunk)
                    if seen is not None:
                        seen(len(chunk))
                    if waiting := sink.take():
                        yield waiting
            files.append({"path": part.name, "role": part.role, "size": size, "sha256": digest.hexdigest()})
    finally:
        # Where a part fails, the others are let go at once: what they read from is open.
        if isinstance(parts, Generator):
            parts.close()
    signed_by = {
        "algorithm": "Ed25519 (RFC 8032) over the bytes of manifest.json",
        "key_id": verify.key_id(public),
        "public_key": b64encode(public).decode(),
    }
    manifest = {**header, "format": verify.FORMAT, "signed_by": signed_by, "files": files}
    text = json.dumps(manifest, sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n"
    for name, content in ((verify.MANIFEST, text), (verify.SIGNATURE, key.sign(text))):
        with archive.open(_entry(name, packed=name == verify.MANIFEST), "w", force_zip64=True) as stream:
            stream.write(content)
    archive.close()
    yield sink.take()


def _entry(name: str, *, packed: bool) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    entry.external_attr, entry.create_system = _PLAIN_FILE, 3
    return entry


def verifier() -> bytes:
    """The program that every package carries, as it stands beside this file."""
    return resources.files("opencets.packing").joinpath("verify.py").read_bytes()


def open_package(path: str, *, key_id: str = "") -> Row:
    """The manifest of a package whose every byte is as it was signed. DamagedSource names the first file that is not."""
    try:
        manifest, _ = verify.check_package(path, key_id)
    except verify.Wrong as wrong:
        raise DamagedSource(f"The package is not as it was signed. {wrong}") from None
    return dict(manifest)


def json_lines(rows: Iterable[Row]) -> Iterator[bytes]:
    """One JSON value a line, keys sorted, in chunks of about 256 KiB."""
    held = bytearray()
    for row in rows:
        held += json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        if len(held) >= 1 << 18:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


def sign_notice(notice: Mapping[str, Any], key: Ed25519PrivateKey) -> bytes:
    """A receipt or withdrawal notice as a signed file: it names a package by id and SHA-256 and says what became of it."""
    whole = {**notice, "format": verify.NOTICE}
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signed_by = {
        "algorithm": "Ed25519 (RFC 8032) over the notice as JSON with sorted keys, no spaces, ASCII",
        "key_id": verify.key_id(public),
        "public_key": b64encode(public).decode(),
        "signature": b64encode(key.sign(verify.canonical(whole))).decode(),
    }
    return json.dumps({"notice": whole, "signed_by": signed_by}, sort_keys=True, indent=1).encode() + b"\n"


def open_notice(text: bytes) -> tuple[Row, str]:
    """What a signed notice says and the id of its key. DamagedSource: it is none, or was changed."""
    try:
        notice, key = verify.check_notice(text)
    except verify.Wrong as wrong:
        raise DamagedSource(f"It is no notice as it was signed. {wrong}") from None
    return dict(notice), str(key)
