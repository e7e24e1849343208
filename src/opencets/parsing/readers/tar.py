"""TAR archives, plain or packed with gzip, bzip2 or xz; members open on their own, unsafe ones cost one line each.

A packed archive is unpacked once into a temporary file, within the limits, so that members need not start over.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, BinaryIO, cast

from opencets.errors import DamagedSource, LimitReached
from opencets.parsing import magic
from opencets.parsing.containers import content_of, held_open, note_on_name, refusal_of_name
from opencets.parsing.limits import Limits, limits_of, spool
from opencets.parsing.source import Event, FolderOpener, Member, Noted, Skipped, Source, shown

FORMAT = "tar"
VERSION = "1"
LABEL = "TAR archive"

_PACKED: dict[str, Callable[[BinaryIO], IO[bytes]]] = {
    "application/gzip": lambda stream: cast(IO[bytes], gzip.GzipFile(fileobj=stream)),
    "application/x-bzip2": lambda stream: cast(IO[bytes], bz2.BZ2File(stream)),
    "application/x-xz": lambda stream: cast(IO[bytes], lzma.LZMAFile(stream)),  # noqa: SIM115 - closed where it is used
}
_BROKEN = (tarfile.TarError, EOFError, OSError, ValueError, lzma.LZMAError)


@dataclass(slots=True)
class _Archive:
    """The unpacked archive: a stream in which members lie at known places."""

    stream: BinaryIO

    def close(self) -> None:
        self.stream.close()


@dataclass(frozen=True, slots=True)
class TarMemberOpener:
    """Opens the bytes of a member by where they lie in the unpacked archive; picklable as far as the container is."""

    container: Callable[[], BinaryIO]
    start: int
    size: int
    packed: int
    limits: Limits

    def __call__(self) -> BinaryIO:
        return content_of(self, self.size, self._copy)

    def _copy(self) -> BinaryIO:
        archive = _unpacked(self.container, self.packed, self.limits)
        archive.stream.seek(self.start)
        copy, length = spool(cast(IO[bytes], _Window(archive.stream, self.size)), self.size, "member")
        if length != self.size:
            copy.close()
            raise DamagedSource(f"The archive is cut off: {length:,} of {self.size:,} bytes of the member are there.")
        return copy


class _Window:
    def __init__(self, stream: BinaryIO, size: int) -> None:
        self.stream, self.left = stream, size

    def read(self, count: int) -> bytes:
        block = self.stream.read(min(count, self.left))
        self.left -= len(block)
        return block


def _unpacked(container: Callable[[], BinaryIO], size: int, limits: Limits) -> _Archive:
    def make() -> _Archive:
        stream = container()
        media_type = magic.type_of_content(stream.read(600))
        stream.seek(0)
        opened = _PACKED.get(media_type or "")
        if opened is None:
            return _Archive(stream)
        with stream, opened(stream) as inner:
            return _Archive(spool(inner, limits.container_bytes, "the archive", size, limits)[0])

    return held_open(("tar", container), make)


def recognise(source: Source) -> str | None:
    """None for a TAR header at the start, or at the start of what gzip, bzip2 or xz packed."""
    if isinstance(source.open, FolderOpener):
        return "a folder"
    media_type = magic.type_of_content(source.head(600))
    if media_type == "application/x-tar":
        return None
    opened = _PACKED.get(media_type or "")
    if opened is None:
        return "does not start as a TAR archive does"
    try:
        with source.open() as stream, opened(stream) as inner:
            head = inner.read(600)
    except (*_BROKEN, EOFError) as error:
        return f"packed, and cannot be unpacked ({error})"
    return None if magic.type_of_content(head) == "application/x-tar" else "packed, but not a TAR archive"


def read(source: Source) -> Iterator[Event]:
    """Regular files as Members in the order of the archive; links, devices and unsafe names are skipped with a line."""
    limits = limits_of(source)
    names = Counter[str]()
    total = 0
    try:
        archive = _unpacked(source.open, source.size, limits)
    except _BROKEN as error:
        raise DamagedSource(f"{source.locator}: cannot be unpacked ({error}); it may be cut off.") from error
    archive.stream.seek(0)
    try:
        with tarfile.open(fileobj=archive.stream, mode="r:", errorlevel=0) as listing:
            for number, entry in enumerate(iter(listing.next, None), 1):
                listing.members.clear()  # type: ignore[attr-defined]  # the listing would otherwise keep a million headers
                if number > limits.members:
                    raise LimitReached(
                        f"{source.locator}: more than {limits.members:,} members; the rest was not read."
                    )
                here = archive.stream.tell()
                total += entry.size if entry.isreg() else 0
                if total > limits.container_bytes:
                    raise LimitReached(f"{source.locator}: unpacks to more than {limits.container_bytes:,} bytes.")
                yield from _member(source, entry, names, limits)
                archive.stream.seek(here)
    except tarfile.TarError as error:
        raise DamagedSource(
            f"{source.locator}: the archive breaks off ({error}); members before it are kept."
        ) from error


def _member(source: Source, entry: tarfile.TarInfo, names: Counter[str], limits: Limits) -> Iterator[Event]:
    name = entry.name
    if entry.isdir():
        return
    names[name] += 1
    where = source.locator.inside(shown(name) if names[name] == 1 else f"{shown(name)}#{names[name]}")
    refusal = refusal_of_name(name)
    if refusal is not None:
        yield Skipped(where, "unsafe-name", f"{where}: {refusal}; the member was not opened.")
    elif entry.issym() or entry.islnk():
        yield Skipped(where, "link", f"{where}: a link to {shown(entry.linkname)}; links in archives are not followed.")
    elif not entry.isreg():
        yield Skipped(where, "not-a-file", f"{where}: a device, socket or pipe; not read.")
    elif entry.issparse():
        yield Skipped(where, "sparse", f"{where}: stored with holes, which is not read; unpack it and add the file.")
    elif entry.size > limits.member_bytes:
        yield Skipped(where, "limit-reached", f"{where}: {entry.size:,} bytes, {limits.member_bytes:,} are allowed.")
    else:
        if odd := note_on_name(name):
            yield Noted(where, "odd-name", f"{where}: {odd}.")
        opener = TarMemberOpener(source.open, entry.offset_data, entry.size, source.size, limits)
        yield Member(Source(where, entry.size, opener, source.options))
