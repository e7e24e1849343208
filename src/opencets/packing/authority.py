"""An authority: a signed list of known files whose offers a sensor may look for, with the order, the purpose and the end.

One JSON object: ``text``, the authority as text, and the Ed25519 signature (RFC 8032) over it by ``key``. The text is signed
as it stands, so nothing has to be written anew to verify it. A sensor takes it only from keys that its owner has named, and
only between its two days; without one it does not start. No name, picture or description of a file stands in it.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from opencets.errors import ActRefused

FORMAT = "opencets authority 1"
_SIGNED = b"opencets-authority-1\n"
_DIGEST = re.compile("[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}")
_NEEDED = ("name", "agency", "order", "purpose", "begins_on", "ends_on")
_PIECES = range(1, 1 << 24)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One known file on one network. ``pieces``: how many it has, None where the list does not say."""

    network: str
    file: str
    pieces: int | None = None
    trackers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Authority:
    """What may be looked for, by whose order and until when. Only `open_authority` makes one."""

    name: str
    agency: str
    order: str
    purpose: str
    begins_on: dt.date
    ends_on: dt.date
    files: Mapping[tuple[str, str], Wanted]
    key: str
    """The public key that signed it, in base64."""
    digest: str
    """SHA-256 of its text."""

    def require(self, network: str, file: str, now: dt.datetime) -> Wanted:
        """The file, where it may be looked for at this moment. ActRefused otherwise: there is no way round."""
        self.require_day(now)
        wanted = self.files.get((network, file))
        if wanted is None:
            raise ActRefused(f"The authority “{self.name}” does not name this file on {network}; it is not looked for.")
        return wanted

    def require_day(self, now: dt.datetime) -> None:
        """ActRefused before the first day and after the last (UTC)."""
        if not self.begins_on <= now.astimezone(dt.UTC).date() <= self.ends_on:
            raise ActRefused(
                f"The authority “{self.name}” ({self.order}) holds from {self.begins_on} to {self.ends_on}; nothing is looked "
                "for outside these days. Ask for a new one."
            )


def sign_authority(said: Mapping[str, Any], files: Collection[Wanted], key: Ed25519PrivateKey) -> bytes:
    """The bytes of an authority: ``said`` has name, agency, order, purpose, begins_on and ends_on. ActRefused: a part lacks."""
    rows = [
        {
            "network": one.network,
            "file": one.file,
            **({"pieces": one.pieces} if one.pieces else {}),
            **({"trackers": list(one.trackers)} if one.trackers else {}),
        }
        for one in sorted(files, key=lambda one: (one.network, one.file))
    ]
    text = json.dumps(
        {"format": FORMAT, **{name: said.get(name, "") for name in _NEEDED}, "files": rows}, separators=(",", ":")
    )
    public = key.public_key().public_bytes_raw()
    signed = {
        "text": text,
        "key": b64encode(public).decode(),
        "signature": b64encode(key.sign(_SIGNED + text.encode())).decode(),
    }
    written = json.dumps(signed, indent=1).encode() + b"\n"
    open_authority(written, [signed["key"]])
    return written


def wanted_in(table: str) -> list[Wanted]:
    """The files of a table (CSV) with the columns network, file, and where known pieces and trackers (with spaces between).

    ActRefused names the first line that cannot be used: a list that is half understood is not signed.
    """
    reader = csv.DictReader(io.StringIO(table.removeprefix("\ufeff")))
    if not {"network", "file"} <= {(name or "").strip() for name in reader.fieldnames or ()}:
        raise ActRefused(
            "The table needs the columns network and file, and may have pieces and trackers. Nothing was signed."
        )
    found = []
    for row in reader:
        said = {
            name.strip(): (value or "").strip() for name, value in row.items() if name and isinstance(value, str | None)
        }
        pieces = said.get("pieces", "")
        try:
            number = int(pieces) if pieces else None
            given = {"network": said["network"].lower(), "file": said["file"].lower(), "pieces": number}
            found.append(_wanted({**given, "trackers": said.get("trackers", "").split()}))
        except ValueError as reason:
            raise ActRefused(f"Line {reader.line_num} of the table: {reason}. Nothing was signed.") from None
    return found


def open_authority(written: bytes, trusted: Collection[str]) -> Authority:
    """The authority, where one of the ``trusted`` keys (base64) signed it. ActRefused says what is wrong with it.

    Its days are not looked at: `Authority.require` does, at each look.
    """
    try:
        signed = json.loads(written)
        text, key, signature = (str(signed[name]) for name in ("text", "key", "signature"))
        public = Ed25519PublicKey.from_public_bytes(b64decode(key, validate=True))
        mark = b64decode(signature, validate=True)
    except (ValueError, KeyError, TypeError, NotBase64, RecursionError):
        raise ActRefused(
            "This is no signed authority: it has no text, key and signature. Nothing is looked for."
        ) from None
    if key not in trusted:
        raise ActRefused(
            f"The authority is signed with the key {key}, which is not among the trusted keys of the settings. Compare it with "
            "the agency that gave it to you; nothing is looked for."
        )
    try:
        public.verify(mark, _SIGNED + text.encode())
    except InvalidSignature:
        raise ActRefused(
            "The authority was changed after it was signed. Take it anew from the agency that signed it."
        ) from None
    return _read(text, key)


def _read(text: str, key: str) -> Authority:
    try:
        said = json.loads(text)
        if said["format"] != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        for name in _NEEDED:
            if not str(said[name]).strip():
                raise ValueError(f"it says no {name}")
        begins, ends = (dt.date.fromisoformat(said[name]) for name in ("begins_on", "ends_on"))
        if ends < begins:
            raise ValueError("it ends before it begins")
        files = {(one.network, one.file): one for one in map(_wanted, said["files"])}
        if not files:
            raise ValueError("it names no file")
    except (ValueError, KeyError, TypeError, AttributeError) as reason:
        raise ActRefused(f"The authority cannot be used: {reason}. Nothing is looked for.") from reason
    name, agency, order, purpose = (str(said[part]) for part in _NEEDED[:4])
    digest = sha256(text.encode()).hexdigest()
    return Authority(name, agency, order, purpose, begins, ends, MappingProxyType(files), key, digest)


def _wanted(row: Any) -> Wanted:
    file, pieces = str(row["file"]), row.get("pieces")
    if not _DIGEST.fullmatch(file):
        raise ValueError(f"“{file[:70]}” is no digest of 32, 40 or 64 small hexadecimal digits")
    if pieces is not None and (type(pieces) is not int or pieces not in _PIECES):
        raise ValueError(f"“{pieces}” is no number of pieces")
    trackers = row.get("trackers", [])
    if not isinstance(trackers, list) or not all(isinstance(one, str) for one in trackers):
        raise ValueError("the trackers of a file are no list")
    return Wanted(str(row["network"]), file, pieces, tuple(trackers))
