"""Where a reader reads from, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from opencets.records import Locator, Record


@dataclass(frozen=True, slots=True)
class Source:
    """One file to be read: its locator, size, and how to open it.

    ``open``: gives a new seekable binary stream each time; picklable, so that another process can open it.
    ``options``: what a person corrected, for example ``{"columns": {"3": "email"}, "country": "GB", "zone": "Europe/London"}``.
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
        """The first ``count`` bytes."""
        with self.open() as stream:
            return stream.read(count)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was not read: where, a code for machines, a sentence for people (what, where, why, what to do)."""

    locator: Locator
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Member:
    """A file found inside a container; it is read as a source of its own.

    ``described``: what the container itself says of the member, carried by a record of its own where it matters.
    """

    source: Source


Event = Record | Skipped | Member
"""What a reader yields, one after another."""
