"""What every container reader needs: safe names, archives held open, members as sources.

Archives stay open in the process that reads them (the last few), because opening a ZIP of 100,000 members for each
of its members would read its directory 100,000 times.
"""

from __future__ import annotations

import io
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import BinaryIO, Protocol, TypeVar, cast

from opencets.parsing.source import shown

_DRIVE = re.compile(r"^[A-Za-z]:")


def refusal_of_name(name: str) -> str | None:
    """Why a member's name is not to be trusted as a path, or None: absolute, drive letter, ``..``, empty, NUL."""
    if not name or name.strip("/\\") == "":
        return "it has no name"
    if "\x00" in name:
        return "its name contains a NUL character"
    if name[0] in "/\\":
        return "its name is an absolute path"
    if _DRIVE.match(name):
        return "its name starts with a drive letter"
    if ".." in name.replace("\\", "/").split("/"):
        return "its name climbs out of the container with '..'"
    return None


def note_on_name(name: str) -> str | None:
    """What is odd about an accepted name (marks that turn the reading direction, undecodable bytes), or None."""
    if shown(name) != name:
        return f"its name holds characters that do not show or turn the reading direction: {shown(name)}"
    return None


class Closable(Protocol):
    """Anything that can be closed."""

    def close(self) -> None:
        """Gives back what is held open."""


ArchiveT = TypeVar("ArchiveT", bound=Closable)


class _Held:
    def __init__(self, most: int, most_bytes: int) -> None:
        self.lock = threading.RLock()
        self.archives: OrderedDict[Hashable, Closable] = OrderedDict()
        self.contents: OrderedDict[Hashable, bytes] = OrderedDict()
        self.most = most
        self.most_bytes = most_bytes
        self.kept_bytes = 0


_held = _Held(most=8, most_bytes=32 * 1024 * 1024)
_SMALL = 8 * 1024 * 1024


def held_open(key: Hashable, make: Callable[[], ArchiveT]) -> ArchiveT:
    """The archive of ``key``, opened by ``make`` the first time and kept while it is among the last few used."""
    with _held.lock:
        found = _held.archives.get(key)
        if found is None:
            found = make()
            _held.archives[key] = found
            while len(_held.archives) > _held.most:
                _, oldest = _held.archives.popitem(last=False)
                oldest.close()
        else:
            _held.archives.move_to_end(key)
        return cast(ArchiveT, found)


def content_of(key: Hashable, size: int, unpack: Callable[[], BinaryIO]) -> BinaryIO:
    """A stream of a member's bytes; a small member just unpacked is not unpacked again for its next reader."""
    with _held.lock:
        found = _held.contents.get(key)
        if found is not None:
            _held.contents.move_to_end(key)
            return io.BytesIO(found)
        stream = unpack()
        if not 0 <= size <= _SMALL:
            return stream
        with stream:
            content = stream.read()
        _held.contents[key] = content
        _held.kept_bytes += len(content)
        while _held.kept_bytes > _held.most_bytes:
            _, oldest = _held.contents.popitem(last=False)
            _held.kept_bytes -= len(oldest)
        return io.BytesIO(content)


def release() -> None:
    """Closes every archive held open in this process."""
    with _held.lock:
        while _held.archives:
            _, archive = _held.archives.popitem()
            archive.close()
        _held.contents.clear()
        _held.kept_bytes = 0
