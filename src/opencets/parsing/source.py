"""Where a reader reads from, and what it gives back."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from opencets.records import Locator, Record

_last_head: tuple[object, int, bytes] = (None, 0, b"")


@dataclass(frozen=True, slots=True)
class Source:
    """One file to be read: its locator, size, and how to open it.

    ``open``: gives a new seekable binary stream each time. A frozen dataclass: picklable, hashable, equal by value:
    another process opens it (without network), archives are kept open by it, and a member is traced to its file by it.
    ``options``: what a person set, such as ``{"columns": {"3": "email"}, "country": "GB", "zone": "Europe/London"}``;
    the walk adds ``limits`` (see ``opencets.parsing.limits``).
    """

    locator: Locator
    size: int
    open: Callable[[], BinaryIO]
    options: dict[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The file's own name without folders, as found (`/` and `\\` both separate)."""
        return self.locator.path[-1].replace("\\", "/").rsplit("/", 1)[-1]

    def head(self, count: int = 4096) -> bytes:
        """The first ``count`` bytes. Those of the source last asked are kept: every reader in turn asks for them."""
        global _last_head
        opener, wanted, head = _last_head
        if opener is not self.open or wanted < count:
            wanted = max(count, 4096)
            with self.open() as stream:
                head = stream.read(wanted)
            _last_head = (self.open, wanted, head)
        return head[:count]


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was not read: where, a code for machines, a sentence for people (what, where, why, what to do)."""

    locator: Locator
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Noted:
    """Something worth telling that cost nothing: a guess that was made (the order of dates), a name that misleads."""

    locator: Locator
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Member:
    """A file found inside a container; it is read as a source of its own.

    ``described``: what the container itself says of the member, carried by a record of its own where it matters.
    """

    source: Source


Event = Record | Skipped | Noted | Member
"""What a reader yields, one after another."""


@dataclass(frozen=True, slots=True)
class FileOpener:
    """Opens a file of this machine for reading; picklable. Size and time make a changed file a different opener."""

    path: str
    size: int
    changed_ns: int

    def __call__(self) -> BinaryIO:
        return open(self.path, "rb")


@dataclass(frozen=True, slots=True)
class FolderOpener:
    """Stands for a folder of this machine, which has no bytes of its own; opening it is refused."""

    path: str

    def __call__(self) -> BinaryIO:
        raise IsADirectoryError(f"{self.path} is a folder; its files are opened one by one.")


def source_of(
    path: str | os.PathLike[str],
    name: str | None = None,
    options: dict[str, object] | None = None,
) -> Source:
    """The source of a file or folder of this machine. ``name``: what the locator calls it (default: its name)."""
    place = Path(path)
    locator = Locator((name or shown(place.name or str(place.resolve())),))
    if place.is_dir():
        return Source(locator, 0, FolderOpener(str(place)), options or {})
    state = place.stat()
    return Source(
        locator,
        state.st_size,
        FileOpener(str(place), state.st_size, state.st_mtime_ns),
        options or {},
    )


_DECEIVING = {
    *range(0x20),
    *range(0x7F, 0xA0),
    *range(0x200B, 0x2010),
    *range(0x2028, 0x202F),
    *range(0x2066, 0x206A),
    0xFEFF,
}


def shown(name: str) -> str:
    """``name`` with control characters, direction marks and undecodable bytes written out (⟨U+202E⟩)."""
    if name.isascii() and name.isprintable():
        return name
    parts = []
    for letter in name:
        code = ord(letter)
        if 0xDC80 <= code <= 0xDCFF:
            parts.append(f"⟨{code - 0xDC00:02X}⟩")
        elif code in _DECEIVING or 0xD800 <= code <= 0xDFFF:
            parts.append(f"⟨U+{code:04X}⟩")
        else:
            parts.append(letter)
    return "".join(parts)
