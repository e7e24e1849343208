"""The journal of a ledger: which files count, in one append-only file; a line that was written whole is what happened.

Each line is a JSON object and its CRC-32, written with one call and brought to the disk before the caller goes on. A line
that is cut or does not agree with its CRC ends the journal for readers, and the next writer cuts it off: it was never
acknowledged. Writers take turns by a lock on ``lock``; readers ask nobody.
"""

from __future__ import annotations

import fcntl
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from opencets.errors import DamagedSource, NotThisFormat

FORMAT = "opencets ledger 1"
JOURNAL, LOCK = "journal", "lock"


class Journal:
    """The entries of a ledger's folder, in order; each a JSON object with ``do``."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / JOURNAL
        self._lock = folder / LOCK

    @classmethod
    def create(cls, folder: Path) -> Journal:
        """The journal of a new ledger in ``folder``, or the one that another process has just begun there."""
        folder.mkdir(parents=True, exist_ok=True)
        journal = cls(folder)
        with journal.writing():
            if not journal._path.exists() or not journal.read()[0]:
                journal.append({"do": "begin", "format": FORMAT})
        return journal

    def read(self, begin: int = 0) -> tuple[list[dict[str, Any]], int]:
        """Every whole entry from byte ``begin`` on, and where the next will begin.

        DamagedSource where a broken line is followed by others: no crash leaves that.
        """
        try:
            with self._path.open("rb") as file:
                file.seek(begin)
                kept = file.read()
        except FileNotFoundError:
            raise NotThisFormat(f"The folder {self._path.parent.name} holds no ledger: it has no journal.") from None
        entries, end = self._whole(kept)
        if kept.find(b"\n", end) not in (-1, len(kept) - 1):
            raise DamagedSource(
                f"The journal of the ledger {self._path.parent.name} is broken at byte {begin + end:,}, with whole lines "
                "after it; no crash leaves that. Take the folder from a backup."
            )
        if not begin and entries and entries[0].get("format") != FORMAT:
            raise NotThisFormat(f"The folder {self._path.parent.name} is no ledger that this version reads.")
        return entries, begin + end

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Alone among writers; what a crash left half-written is cut off."""
        with self._lock.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self._path.exists():
                with self._path.open("rb+") as file:
                    kept = file.read()
                    _, end = self._whole(kept)
                    if end < len(kept) and kept.find(b"\n", end) in (-1, len(kept) - 1):
                        file.truncate(end)
                        os.fsync(file.fileno())
            yield

    def append(self, entry: dict[str, Any]) -> None:
        """Write one entry to the disk; when this returns, it happened. Inside ``writing``."""
        text = json.dumps(entry, separators=(",", ":"), sort_keys=True).encode()
        with self._path.open("ab") as file:
            file.write(text + b" %08x\n" % zlib.crc32(text))
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self._path.parent)

    @staticmethod
    def _whole(kept: bytes) -> tuple[list[dict[str, Any]], int]:
        """The entries up to the first line that is not whole, and where that begins."""
        entries, begin = [], 0
        while (end := kept.find(b"\n", begin)) >= 0:
            text, _, crc = kept[begin:end].rpartition(b" ")
            if crc != b"%08x" % zlib.crc32(text):
                break
            entries.append(json.loads(text))
            begin = end + 1
        return entries, begin


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
