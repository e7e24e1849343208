"""ZIP archives: every member a source of its own; unsafe names, links, encrypted ones and bombs cost one line each.

Office documents and e-books are ZIP archives too: they give a document record and their embedded pictures and videos.
"""

from __future__ import annotations

import stat
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from opencets.errors import DamagedSource, LimitReached
from opencets.parsing import magic
from opencets.parsing.claims import assert_claim
from opencets.parsing.containers import (
    content_of,
    held_open,
    note_on_name,
    refusal_of_name,
)
from opencets.parsing.limits import Limits, limits_of, refuse_ratio, spool
from opencets.parsing.source import (
    Event,
    FolderOpener,
    Member,
    Noted,
    Skipped,
    Source,
    shown,
)
from opencets.records import Record

FORMAT = "zip"
VERSION = "1"
LABEL = "ZIP archive"

_ENCRYPTED = 0x1
_MARKED_UTF8 = 0x800
_PACKED_LIKE = ("[Content_Types].xml", "mimetype", "META-INF/manifest.xml")
_EMBEDDED = ("media/", "Pictures/", "images/", "embeddings/", "Media/")


@dataclass(frozen=True, slots=True)
class ZipMemberOpener:
    """Opens the member at ``index`` of the archive that ``container`` opens; picklable as far as the container is."""

    container: Callable[[], BinaryIO]
    index: int
    name: str
    packed: int
    size: int
    limits: Limits

    def __call__(self) -> BinaryIO:
        return content_of(self, self.size, self._unpack)

    def _unpack(self) -> BinaryIO:
        archive = _archive_of(self.container)
        info = archive.infolist()[self.index]
        if info.filename != self.name:
            raise DamagedSource(f"{shown(self.name)}: the archive has changed since it was listed.")
        try:
            with archive.open(info) as stream:
                copy, length = spool(stream, info.file_size, shown(self.name), self.packed, self.limits)
        except (
            zipfile.BadZipFile,
            EOFError,
            NotImplementedError,
            RuntimeError,
            ValueError,
        ) as error:
            raise DamagedSource(f"{shown(self.name)} cannot be unpacked: {error}") from error
        except Exception as error:  # zlib, bz2 and lzma raise their own kinds
            raise DamagedSource(f"{shown(self.name)} cannot be unpacked: {type(error).__name__}: {error}") from error
        if length != info.file_size:
            copy.close()
            raise DamagedSource(f"{shown(self.name)} unpacks to {length:,} bytes, {info.file_size:,} are declared.")
        return copy


@dataclass(slots=True)
class _Archive:
    """An open archive with its stream, so that both are closed together."""

    directory: zipfile.ZipFile
    stream: BinaryIO

    def close(self) -> None:
        self.directory.close()
        self.stream.close()


def _archive_of(container: Callable[[], BinaryIO]) -> zipfile.ZipFile:
    return held_open(("zip", container), lambda: _open(container)).directory


def _open(container: Callable[[], BinaryIO]) -> _Archive:
    stream = container()
    try:
        return _Archive(zipfile.ZipFile(stream), stream)
    except BaseException:
        stream.close()
        raise


def recognise(source: Source) -> str | None:
    """None where the file starts as a ZIP archive does."""
    if isinstance(source.open, FolderOpener):
        return "a folder"
    return (
        None if magic.type_of_content(source.head(600)) == "application/zip" else "does not start as a ZIP archive does"
    )


def read(source: Source) -> Iterator[Event]:
    """The members in the order of the directory; a damaged directory or one beyond the limits refuses the archive."""
    limits = limits_of(source)
    try:
        archive = _archive_of(source.open)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise DamagedSource(
            f"{source.locator}: the archive's directory cannot be read ({error}); it may be cut off."
        ) from error
    entries = archive.infolist()
    _refuse_bomb(source, entries, limits)
    names = Counter[str]()
    promised = magic.type_of_name(source.name)
    office = promised not in (None, "application/zip") and any(one.filename in _PACKED_LIKE for one in entries[:3])
    if office:
        yield _document(source)
    for index, entry in enumerate(entries):
        if entry.is_dir():
            continue
        if office and not any(mark in entry.filename for mark in _EMBEDDED):
            continue
        yield from _member(source, index, entry, names, limits)


def _refuse_bomb(source: Source, entries: list[zipfile.ZipInfo], limits: Limits) -> None:
    if len(entries) > limits.members:
        raise LimitReached(f"{source.locator}: {len(entries):,} members, {limits.members:,} are allowed; not opened.")
    packed = sum(entry.compress_size for entry in entries)
    unpacked = sum(entry.file_size for entry in entries)
    if source.size >= 0 and packed > source.size:
        raise LimitReached(
            f"{source.locator}: its members overlap ({packed:,} bytes in {source.size:,}); treated as a bomb."
        )
    if unpacked > limits.container_bytes:
        raise LimitReached(
            f"{source.locator}: unpacks to {unpacked:,} bytes, {limits.container_bytes:,} are allowed; not opened."
        )


def _member(
    source: Source,
    index: int,
    entry: zipfile.ZipInfo,
    names: Counter[str],
    limits: Limits,
) -> Iterator[Event]:
    name, guessed = _name_of(entry)
    names[name] += 1
    path = shown(name) if names[name] == 1 else f"{shown(name)}#{names[name]}"
    where = source.locator.inside(path)
    mode = entry.external_attr >> 16
    refusal = refusal_of_name(name)
    if refusal is not None:
        yield Skipped(where, "unsafe-name", f"{where}: {refusal}; the member was not opened.")
    elif stat.S_ISLNK(mode):
        yield Skipped(
            where,
            "link",
            f"{where}: a symbolic link; links in archives are not followed.",
        )
    elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        yield Skipped(where, "not-a-file", f"{where}: a device, socket or pipe; not read.")
    elif entry.flag_bits & _ENCRYPTED:
        yield Skipped(
            where,
            "encrypted",
            f"{where}: encrypted; unpack it with its password and add the files.",
        )
    elif entry.file_size > limits.member_bytes:
        yield Skipped(
            where,
            "limit-reached",
            f"{where}: {entry.file_size:,} bytes, {limits.member_bytes:,} are allowed; not opened.",
        )
    else:
        try:
            refuse_ratio(str(where), entry.compress_size, entry.file_size, limits)
        except LimitReached as reached:
            yield Skipped(where, reached.code, reached.sentence)
            return
        if names[name] > 1:
            yield Noted(
                where,
                "same-name",
                f"{where}: the archive holds several members of this name; all are read.",
            )
        if guessed:
            yield Noted(where, "name-encoding", f"{where}: {guessed}.")
        odd = note_on_name(name)
        if odd:
            yield Noted(where, "odd-name", f"{where}: {odd}.")
        opener = ZipMemberOpener(
            source.open,
            index,
            entry.filename,
            entry.compress_size,
            entry.file_size,
            limits,
        )
        yield Member(Source(where, entry.file_size, opener, source.options))


def _name_of(entry: zipfile.ZipInfo) -> tuple[str, str]:
    """The member's name, and how it was decoded where the archive does not say: many programs write UTF-8 unmarked."""
    name = entry.orig_filename
    if name.isascii() or entry.flag_bits & _MARKED_UTF8:
        return name, ""
    try:
        return name.encode("cp437").decode("utf-8"), "its name is UTF-8 though the archive does not say so"
    except UnicodeError:
        return (
            name,
            "its name is not marked as UTF-8 and was read as code page 437; letters may be wrong",
        )


def _document(source: Source) -> Record:
    media_type = magic.type_of(source.head(4096), source.name)
    claims = (
        assert_claim("file_name", source.name),
        assert_claim("media_type", media_type),
        assert_claim("size_bytes", str(source.size)),
    )
    return Record("document", source.locator, claims, f"{FORMAT}/{VERSION}")
