"""Every file that no other reader opens: one document record with name, size and media type."""

from __future__ import annotations

from collections.abc import Iterator

from opencets.parsing import magic
from opencets.parsing.claims import assert_claim
from opencets.parsing.source import Event, FolderOpener, Skipped, Source
from opencets.records import Record

FORMAT = "document"
VERSION = "1"
LABEL = "Document (not opened further)"


_CONTAINERS = {
    "application/x-7z-compressed": "a 7z archive",
    "application/vnd.rar": "a RAR archive",
    "application/zstd": "a Zstandard archive",
    "application/vnd.ms-cab-compressed": "a cabinet archive",
    "application/vnd.ms-outlook": "an Outlook mail store",
    "application/x-ewf": "a disk image",
    "application/x-vmdk": "a disk image",
    "application/x-qcow2": "a disk image",
    "application/x-luks": "an encrypted volume",
    "application/pgp-encrypted": "encrypted",
    "application/age-encryption": "encrypted",
}


def recognise(source: Source) -> str | None:
    """None for every file."""
    return "a folder" if isinstance(source.open, FolderOpener) else None


def read(source: Source) -> Iterator[Event]:
    """One ``document`` record; for an archive, mail store or disk image that nothing here opens, a line says so too."""
    media_type = magic.type_of(source.head(4096), source.name)
    claims = [
        assert_claim("file_name", source.name),
        assert_claim("media_type", media_type),
    ]
    if source.size >= 0:
        claims.append(assert_claim("size_bytes", str(source.size)))
    yield Record("document", source.locator, tuple(claims), f"{FORMAT}/{VERSION}")
    if media_type in _CONTAINERS:
        yield Skipped(
            source.locator,
            "not-opened",
            f"{source.locator}: {_CONTAINERS[media_type]}, which no reader opens; unpack it and add the files inside.",
        )
