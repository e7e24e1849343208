"""A folder of this machine: its files in sorted order; links are not followed, and said so."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from opencets.parsing.source import (
    Event,
    FileOpener,
    FolderOpener,
    Member,
    Skipped,
    Source,
    shown,
)

FORMAT = "folder"
VERSION = "1"
LABEL = "Folder"


def recognise(source: Source) -> str | None:
    """None for a folder."""
    return None if isinstance(source.open, FolderOpener) else "not a folder"


def read(source: Source) -> Iterator[Event]:
    """Each file below the folder as a Member named by its path in it; links, devices, unreadable ones are skipped."""
    opener = source.open
    assert isinstance(opener, FolderOpener)
    yield from _below(source, opener.path, "")


def _below(source: Source, folder: str, prefix: str) -> Iterator[Event]:
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        where = source.locator.inside(shown(prefix.rstrip("/"))) if prefix else source.locator
        yield Skipped(
            where,
            "unreadable",
            f"{where}: the folder cannot be listed ({error.strerror}); check its permissions.",
        )
        return
    for entry in entries:
        name = prefix + entry.name
        where = source.locator.inside(shown(name))
        try:
            state = entry.stat(follow_symlinks=False)
        except OSError as error:
            yield Skipped(where, "unreadable", f"{where}: cannot be looked at ({error.strerror}).")
            continue
        if stat.S_ISDIR(state.st_mode):
            yield from _below(source, entry.path, name + "/")
        elif stat.S_ISREG(state.st_mode):
            opener = FileOpener(entry.path, state.st_size, state.st_mtime_ns)
            yield Member(Source(where, state.st_size, opener, source.options))
        elif stat.S_ISLNK(state.st_mode):
            yield Skipped(
                where,
                "link",
                f"{where}: a link to {shown(os.readlink(entry.path))}; links are not followed.",
            )
        else:
            yield Skipped(where, "not-a-file", f"{where}: a device, socket or pipe; not read.")
