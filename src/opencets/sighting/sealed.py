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
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from opencets.errors import DamagedSource, LimitReached, NotThisFormat
from opencets.sighting.batch import Origin

FORMAT = "opencets sensor log 1"
SEALED = ".log.gz"
RAW = "raw"
"""The folder of a ledger in which logs stand, named by their SHA-256, as the ledger's batches name them."""
BEGIN = sha256(FORMAT.encode()).hexdigest()
SIGNED = b"opencets-sensor-log-1\n"
LONGEST_LINE = 4 << 20
LARGEST_LOG = 128 << 20
"""Bytes of somebody else's log, unpacked, that are read at all."""
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


@dataclass(frozen=True, slots=True)
class Checked:
    """A part whose chain and signature hold, without its entries."""

    head: Line
    count: int
    """How many lines it has, head and seal among them."""
    chain: str
    key: str
    digest: str


def read_log(path: Path) -> Sealed:
    """A sealed part, every line of it checked. DamagedSource names the first line that is not as it was written."""
    packed = path.read_bytes()
    try:
        given = gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed
    except (OSError, EOFError, zlib.error) as reason:
        raise DamagedSource(f"{path.name} is cut or changed: {reason}. Take another copy.") from None
    _require_log(given, path.name)
    lines, chain, end = whole_lines(given)
    key = _seal_of(given, end, chain, lines[-1] if lines else {}, len(lines), path.name)
    return Sealed(lines[0], tuple(lines[1:-1]), chain, key, sha256(packed).hexdigest())


def check_log(packed: bytes, name: str = "The log") -> Checked:
    """What a sealed part of somebody else says of itself, every line of it checked and none kept; errors as `read_log`.

    LimitReached: unpacked it is larger than `LARGEST_LOG`. No line may be withheld.
    """
    given = _unpacked(packed, name)
    _require_log(given, name)
    count, chain, end, head, last = 0, BEGIN, 0, Line(), Line()
    try:
        for last, after, begin in _walk(given):
            head = head or last
            count, chain, end = count + 1, after, begin
            if last["do"] == "withheld":
                raise DamagedSource(f"{name}, line {count}: it is withheld; only whole logs are taken.")
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DamagedSource(f"{name}, line {count + 1}: it is not written as a line is.") from None
    return Checked(head, count, chain, _seal_of(given, end, chain, last, count, name), sha256(packed).hexdigest())


def origin_of(log: Sealed | Checked) -> Origin:
    """Where the sightings of a part come from. Their key is its chain: whoever brings them, they count once.

    DamagedSource: the head does not say all of it.
    """
    head = log.head
    try:
        said = Origin(
            key=f"log:{log.chain}",
            sensor=head["sensor"],
            run=head["run"],
            software=head["software"],
            configuration=head["configuration"],
            clock_offset_ms=head["clock"]["offset_ms"],
            clock_source=head["clock"]["source"],
            raw_sha256=log.digest,
            order=head["authority"]["order"],
        )
    except (KeyError, TypeError) as missing:
        raise DamagedSource(f"The head of the log does not say {missing}.") from None
    texts = (said.sensor, said.run, said.software, said.configuration, said.clock_source, said.order)
    if not all(isinstance(text, str) for text in texts) or not isinstance(said.clock_offset_ms, int | None):
        raise DamagedSource("The head of the log says something of another kind than a head does.")
    return said


def _unpacked(packed: bytes, name: str) -> bytes:
    """A gzip file of one member. DamagedSource, LimitReached."""
    reader = zlib.decompressobj(wbits=31)
    try:
        given = reader.decompress(packed, LARGEST_LOG + 1)
    except zlib.error as reason:
        raise DamagedSource(f"{name} is cut or changed: {reason}. Take another copy.") from None
    if len(given) > LARGEST_LOG:
        raise LimitReached(f"{name} has more than {LARGEST_LOG:,} bytes when it is unpacked.")
    if not reader.eof or reader.unused_data:
        raise DamagedSource(f"{name} is cut, or has something after its end. Take another copy.")
    return given


def _require_log(given: bytes, name: str) -> None:
    if not given.startswith(b'{"n":0,"do":"open","format":"' + FORMAT.encode() + b'"'):
        raise NotThisFormat(f"{name} is no log of a sensor that this version reads.")


def _seal_of(given: bytes, end: int, chain: str, last: Line, count: int, name: str) -> str:
    """The key whose signature over the chain ends the log."""
    if last.get("do") != "seal":
        raise DamagedSource(
            f"{name}, line {count + 1}: the chain breaks; the log is cut, or was changed after it was written."
        )
    try:
        said = json.loads(given[end:])
        key, mark = b64decode(said["key"]), b64decode(said["signature"])
        Ed25519PublicKey.from_public_bytes(key).verify(mark, SIGNED + chain.encode())
        if given[end:] != signature_line(key, mark):
            raise ValueError("it is not written as a seal is")
    except (InvalidSignature, ValueError, KeyError, TypeError):
        raise DamagedSource(f"{name}: its seal is not that of the key that it names; it was changed.") from None
    return b64encode(key).decode()


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
    lines, chain, end = list[Line](), BEGIN, 0
    for line, after, at in _walk(given):
        if unsealed and line["do"] == "seal":
            break
        chain, end = after, at
        lines.append(line)
    return lines, chain, end


def _walk(given: bytes) -> Iterator[tuple[Line, str, int]]:
    """Each line that fits its chain, up to the seal; the chain after it, and where the next begins."""
    count, chain, begin = 0, BEGIN, 0
    while (end := given.find(b"\n", begin, begin + LONGEST_LINE)) >= 0:
        text, _, mark = given[begin:end].rpartition(b" ")
        if next_chain(chain, text).encode() != mark:
            return
        line: Line = json.loads(text) if text[:1] != WITHHELD else {"n": count, "do": "withheld"}
        chain, begin, count = mark.decode(), end + 1, count + 1
        yield line, chain, begin
        if line["do"] == "seal":
            return
