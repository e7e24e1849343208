"""The log of a sensor: what was sent and what was said, in numbered parts, each line chained to the last, each part sealed.

A line is a JSON object, a space and its chain: the SHA-256 of the chain before and the SHA-256 of the object's text. So a line
that concerns others can be withheld from a copy (``#`` and the text's SHA-256 in its place), and the seal still holds. A part
begins with its head (sensor, run, versions, settings, authority, purpose, clock, the chain of the part before) and ends with
its seal: how many lines, why it ended, and the sensor's Ed25519 signature over the chain. So nothing can be changed, left out
or put in without it being seen, within a part and between parts. The form is JSON lines, which any tool reads.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from opencets.errors import DamagedSource, NotThisFormat
from opencets.sighting.journal import sync_folder

FORMAT = "opencets sensor log 1"
OPEN, SEALED = ".log.open", ".log.gz"
_BEGIN = sha256(FORMAT.encode()).hexdigest()
_SIGNED = b"opencets-sensor-log-1\n"
LONGEST_LINE = 4 << 20
WITHHELD = b"#"
Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sealed:
    """A part whose chain and signature hold."""

    head: Line
    entries: tuple[Line, ...]
    chain: str
    key: str
    """The public key that sealed it, in base64: whether it is the sensor's is for the reader to compare."""
    digest: str
    """SHA-256 of the file."""


class Log:
    """The part that is written now."""

    def __init__(self, path: Path, lines: list[Line], chain: str) -> None:
        self._path, self._chain, self._count = path, chain, len(lines)
        self._file = path.open("ab")
        self.size = self._file.tell()

    @classmethod
    def begin(cls, folder: Path, name: str, head: Line) -> Log:
        """A new part with its head, on the disk before anything is asked."""
        log = cls(folder / f"{name}{OPEN}", [], _BEGIN)
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
        self._chain = _next(self._chain, text.encode())
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
        self._file.write(_signature(key.public_key().public_bytes_raw(), key.sign(_SIGNED + chain.encode())))
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
        lines, chain, end = _whole(path.read_bytes(), unsealed=True)
        if not lines:
            path.unlink()
            continue
        os.truncate(path, end)
        yield Log(path, lines, chain), lines


def read_log(path: Path) -> Sealed:
    """A sealed part, every line of it checked. DamagedSource names the first line that is not as it was written."""
    packed = path.read_bytes()
    try:
        given = gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed
    except (OSError, EOFError, zlib.error) as reason:
        raise DamagedSource(f"{path.name} is cut or changed: {reason}. Take another copy.") from None
    if not given.startswith(b'{"n":0,"do":"open","format":"' + FORMAT.encode() + b'"'):
        raise NotThisFormat(f"{path.name} is no log of a sensor that this version reads.")
    lines, chain, end = _whole(given)
    if not lines or lines[-1]["do"] != "seal":
        raise DamagedSource(
            f"{path.name}, line {len(lines) + 1}: the chain breaks; the log is cut, or was changed after it was written."
        )
    try:
        last = json.loads(given[end:])
        key, mark = b64decode(last["key"]), b64decode(last["signature"])
        Ed25519PublicKey.from_public_bytes(key).verify(mark, _SIGNED + chain.encode())
        if given[end:] != _signature(key, mark):
            raise ValueError("it is not written as a seal is")
    except (InvalidSignature, ValueError, KeyError, TypeError):
        raise DamagedSource(f"{path.name}: its seal is not that of the key that it names; it was changed.") from None
    return Sealed(lines[0], tuple(lines[1:-1]), chain, b64encode(key).decode(), sha256(packed).hexdigest())


def extract_log(path: Path, keep: Collection[int]) -> bytes:
    """The part with the lines of these numbers, its head, its clock and its seal; of the others only their hashes. Packed."""
    read_log(path)
    out = b""
    for line in gzip.decompress(path.read_bytes()).splitlines(keepends=True):
        text, _, mark = line.rpartition(b" ")
        said = json.loads(text or line)
        if said["do"] in ("open", "clock", "seal", "signature") or said["n"] in keep:
            out += line
        else:
            out += b"#" + sha256(text).hexdigest().encode() + b" " + mark
    return gzip.compress(out, 6, mtime=0)


def _next(chain: str, text: bytes) -> str:
    digest = text[1:].decode("ascii", "replace") if text[:1] == WITHHELD else sha256(text).hexdigest()
    return sha256(f"{chain}{digest}".encode()).hexdigest()


def _signature(key: bytes, mark: bytes) -> bytes:
    """The last line, in the one form that it has."""
    said = {"do": "signature", "key": b64encode(key).decode(), "signature": b64encode(mark).decode()}
    return json.dumps(said, separators=(",", ":")).encode() + b"\n"


def _whole(given: bytes, *, unsealed: bool = False) -> tuple[list[Line], str, int]:
    """The lines up to the first that does not fit its chain, the chain there, and where the next begins.

    ``unsealed``: a seal that was written, and not yet packed, is left out: it is written anew.
    """
    lines, chain, begin = list[Line](), _BEGIN, 0
    while (end := given.find(b"\n", begin, begin + LONGEST_LINE)) >= 0:
        text, _, mark = given[begin:end].rpartition(b" ")
        if _next(chain, text).encode() != mark:
            break
        line: Line = json.loads(text) if text[:1] != WITHHELD else {"n": len(lines), "do": "withheld"}
        if unsealed and line["do"] == "seal":
            break
        chain, begin = mark.decode(), end + 1
        lines.append(line)
        if line["do"] == "seal":
            break
    return lines, chain, begin
