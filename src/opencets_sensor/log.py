"""The log of a sensor: what was sent and what was said, in numbered parts, each written line by line and then sealed.

The form of lines, chain and seal, and how they are checked, stands in `opencets.sighting.sealed`.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from opencets.sighting.journal import sync_folder
from opencets.sighting.sealed import BEGIN, FORMAT, SEALED, SIGNED, Line, next_chain, signature_line, whole_lines

OPEN = ".log.open"


class Log:
    """The part that is written now."""

    def __init__(self, path: Path, lines: list[Line], chain: str) -> None:
        self._path, self._chain, self._count = path, chain, len(lines)
        self._file = path.open("ab")
        self.size = self._file.tell()

    @classmethod
    def begin(cls, folder: Path, name: str, head: Line) -> Log:
        """A new part with its head, on the disk before anything is asked."""
        log = cls(folder / f"{name}{OPEN}", [], BEGIN)
        log.note("open", format=FORMAT, **head)
        log.bring_to_disk()
        sync_folder(folder)
        return log

    @property
    def name(self) -> str:
        """The part's name, without its ending."""
        return self._path.name.removesuffix(OPEN)

    @property
    def count(self) -> int:
        """How many lines it has."""
        return self._count

    def note(self, do: str, **said: Any) -> Line:
        """Write one line; gives it as it will be read."""
        text = json.dumps({"n": self._count, "do": do, **said}, separators=(",", ":"))
        self._chain = next_chain(self._chain, text.encode())
        self._file.write(f"{text} {self._chain}\n".encode())
        self._file.flush()
        self._count += 1
        self.size = self._file.tell()
        line: Line = json.loads(text)
        return line

    def bring_to_disk(self) -> None:
        """What was written outlasts a loss of power."""
        os.fsync(self._file.fileno())

    def seal(self, folder: Path, why: str, at: int, key: Ed25519PrivateKey) -> tuple[Path, str]:
        """End the part and put it, sealed and packed, into ``folder``, whole or not at all; where it is, and its chain."""
        self.note("seal", lines=self._count, why=why, at=at)
        chain = self._chain
        self._file.write(signature_line(key.public_key().public_bytes_raw(), key.sign(SIGNED + chain.encode())))
        self.bring_to_disk()
        self._file.close()
        target = folder / f"{self.name}{SEALED}"
        staged = target.with_suffix(".part")
        with staged.open("wb") as file:
            file.write(gzip.compress(self._path.read_bytes(), 6, mtime=0))
            file.flush()
            os.fsync(file.fileno())
        staged.rename(target)
        sync_folder(folder)
        self._path.unlink()
        return target, chain

    def drop(self) -> None:
        """Let go of a part that was sealed and packed before."""
        self._file.close()
        self._path.unlink()


def left_open(folder: Path) -> Iterator[tuple[Log, list[Line]]]:
    """Parts that a crash left, each cut after its last whole line, and their lines; to be sealed as recovered."""
    for path in sorted(folder.glob(f"*{OPEN}")):
        lines, chain, end = whole_lines(path.read_bytes(), unsealed=True)
        if not lines:
            path.unlink()
            continue
        os.truncate(path, end)
        yield Log(path, lines, chain), lines
