"""The readers: every sibling module is one; a new format is one new file here, nothing else changes.

Each gives ``FORMAT``, ``VERSION``, ``LABEL``, ``recognise(source)`` and ``read(source)``: docs/how-to/add-a-reader.md.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Protocol, cast

from opencets.parsing.source import Event, Source


class Reader(Protocol):
    """What a reader module offers."""

    FORMAT: str
    VERSION: str
    LABEL: str

    def recognise(self, source: Source) -> str | None:
        """None where the file is of this format, else a short reason why not. Looks at the first bytes, not at all."""

    def read(self, source: Source) -> Iterator[Event]:
        """What the file says, one after another, in bounded memory."""


ORDER = (
    "folder", "picture", "video", "vics", "ncmec_hashes", "hash_set", "telegram", "whatsapp", "mbox", "eml", "*",
    "table", "zip", "tar", "compressed", "document",
)  # fmt: skip
"""Who is asked first: unmistakable content, then the narrow text formats, then (``*``) the rest, tables, containers;
``document`` takes what is left, so that no file is lost silently."""


@cache
def readers() -> tuple[Reader, ...]:
    """Every reader beside this file, in the order in which they are asked."""
    names = [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]
    names.sort(
        key=lambda name: (
            ORDER.index(name) if name in ORDER else ORDER.index("*"),
            name,
        )
    )
    return tuple(cast(Reader, import_module(f"{__name__}.{name}")) for name in names)
