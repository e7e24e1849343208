"""What is signed of the log, and an export as signed lines: pure, so that whoever has an export verifies it without a database.

An export (``opencets-audit-2``) holds header, keys, checkpoints, acts in the order of their numbers, seals in the order of their
leaves, and a signature over all lines before it. An extract holds some acts, each with its place and its proof of inclusion.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from opencets.errors import DamagedSource

FORMAT = "opencets-audit-2"
FIELDS = (
    "id", "at", "verb", "officer_id", "agency_id", "holding_id", "holding_agency_id", "subject", "details", "purpose",
    "address", "written_in",
)  # fmt: skip
"""In the order in which the leaf joins them (``audit.sealer.LEAF``)."""


@dataclass(frozen=True, slots=True)
class Signer:
    """The key that signs now, and its number in the log."""

    number: int
    private: Ed25519PrivateKey

    def sign(self, text: bytes) -> bytes:
        """64 bytes (RFC 8032)."""
        return self.private.sign(text)


def leaf_text(leaf_number: int, act_id: int, leaf: bytes) -> bytes:
    """What is signed when an act gets its place."""
    return f"opencets-audit-leaf-1\n{leaf_number}\n{act_id}\n{leaf.hex()}\n".encode()


def checkpoint_text(point: Mapping[str, Any]) -> bytes:
    """What is signed of a checkpoint, given as an export has it (hashes in hexadecimal)."""
    parts = [str(point[name]) for name in ("size", "root", "at", "after", "horizon", "ceiling", "marks", "key")]
    return "\n".join(["opencets-audit-checkpoint-1", *parts, ""]).encode()


def key_text(key: Mapping[str, Any]) -> bytes:
    """What is signed of a key: by the key before it, and of the first by itself."""
    parts = [str(key[name]) for name in ("number", "public", "since", "at")]
    return "\n".join(["opencets-audit-key-1", *parts, ""]).encode()


def export_text(digest: bytes) -> bytes:
    """What is signed of an export."""
    return f"opencets-audit-export-2\n{digest.hex()}\n".encode()


def holds(public: bytes, signature: bytes, text: bytes) -> bool:
    """Whether the signature is the public key's over this text; False also for what is no key or no signature."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def signed_lines(lines: Iterable[dict[str, Any]], signer: Signer) -> Iterator[bytes]:
    """The lines as bytes, and a last one that signs them."""
    digest = sha256()
    for line in lines:
        row = json.dumps(line, sort_keys=True, separators=(",", ":")).encode() + b"\n"
        digest.update(row)
        yield row
    yield last_line(signer.number, signer.sign(export_text(digest.digest())))


def last_line(key: int, signature: bytes) -> bytes:
    """The line that signs an export, in the one form it may have."""
    last = {
        "line": "signature",
        "algorithm": "Ed25519 over SHA-256 of all lines before",
        "key": key,
        "signature": signature.hex(),
    }
    return json.dumps(last, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def from_hex(text: str) -> bytes:
    """The bytes of small hexadecimal letters; ValueError for any other writing of them, which no signature would cover."""
    given = bytes.fromhex(text)
    if given.hex() != text:
        raise ValueError
    return given


def lines_of_export(export: Path) -> Iterator[dict[str, Any]]:
    """The lines of an export; the signature's line brings the digest of all before. DamagedSource: a line is no JSON."""
    digest, first = sha256(), True
    with export.open("rb") as stream:
        for number, row in enumerate(stream, 1):
            try:
                line = json.loads(row)
                if not isinstance(line, dict) or (first and line.get("format") != FORMAT):
                    raise ValueError
            except (ValueError, RecursionError):
                raise DamagedSource(
                    f"{export}, line {number}: not a line of {FORMAT}; the file is cut, changed or another one."
                ) from None
            first = False
            if line.get("line") == "signature":
                line |= {"digest": digest.digest(), "row": row}
            digest.update(row)
            yield line
