"""Sealed logs of sensors: the form of their lines, of their chain and of their seal, read and checked; no line is written here.

A line is a JSON object, a space and its chain: the SHA-256 of the chain before and the SHA-256 of the object's text. So a line
that concerns others can be withheld from a copy (``#`` and the text's SHA-256 in its place), and the seal still holds. A part
begins with its head (sensor, run, versions, settings, authority, purpose, clock, the chain of the part before) and ends with
its seal: how many lines, why it ended, and the sensor's Ed25519 signature over the chain. So nothing can be changed, left out
or put in without it being seen, within a part and between parts. The form is JSON lines, which any tool reads.
"""

from __future__ import annotations

import gzip
import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from opencets.errors import DamagedSource, NotThisFormat

FORMAT = "opencets sensor log 1"
SEALED = ".log.gz"
RAW = "raw"
"""The folder of a ledger in which logs stand, named by their SHA-256, as the ledger's batches name them."""
BEGIN = sha256(FORMAT.encode()).hexdigest()
SIGNED = b"opencets-sensor-log-1\n"
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


def read_log(path: Path) -> Sealed:
    """A sealed part, every line of it checked. DamagedSource names the first line that is not as it was written."""
    packed = path.read_bytes()
    try:
        given = gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed
    except (OSError, EOFError, zlib.error) as reason:
        raise DamagedSource(f"{path.name} is cut or changed: {reason}. Take another copy.") from None
    if not given.startswith(b'{"n":0,"do":"open","format":"' + FORMAT.encode() + b'"'):
        raise NotThisFormat(f"{path.name} is no log of a sensor that this version reads.")
    lines, chain, end = whole_lines(given)
    if not lines or lines[-1]["do"] != "seal":
        raise DamagedSource(
            f"{path.name}, line {len(lines) + 1}: the chain breaks; the log is cut, or was changed after it was written."
        )
    try:
        last = json.loads(given[end:])
        key, mark = b64decode(last["key"]), b64decode(last["signature"])
        Ed25519PublicKey.from_public_bytes(key).verify(mark, SIGNED + chain.encode())
        if given[end:] != signature_line(key, mark):
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


def next_chain(chain: str, text: bytes) -> str:
    """The chain after a line of this text, which may be withheld."""
    digest = text[1:].decode("ascii", "replace") if text[:1] == WITHHELD else sha256(text).hexdigest()
    return sha256(f"{chain}{digest}".encode()).hexdigest()


def signature_line(key: bytes, mark: bytes) -> bytes:
    """The last line, in the one form that it has."""
    said = {"do": "signature", "key": b64encode(key).decode(), "signature": b64encode(mark).decode()}
    return json.dumps(said, separators=(",", ":")).encode() + b"\n"


def whole_lines(given: bytes, *, unsealed: bool = False) -> tuple[list[Line], str, int]:
    """The lines up to the first that does not fit its chain, the chain there, and where the next begins.

    ``unsealed``: a seal that was written, and not yet packed, is left out: it is written anew.
    """
    lines, chain, begin = list[Line](), BEGIN, 0
    while (end := given.find(b"\n", begin, begin + LONGEST_LINE)) >= 0:
        text, _, mark = given[begin:end].rpartition(b" ")
        if next_chain(chain, text).encode() != mark:
            break
        line: Line = json.loads(text) if text[:1] != WITHHELD else {"n": len(lines), "do": "withheld"}
        if unsealed and line["do"] == "seal":
            break
        chain, begin = mark.decode(), end + 1
        lines.append(line)
        if line["do"] == "seal":
            break
    return lines, chain, begin
