"""What an agent sends to its server: entries in one chain for ever, each with a sealed body, in signed batches.

An entry says in the open only device, run, number, time, kind and order; what was taken stands in its ``body``, sealed with age
to the key that the order names, so that nobody on the device can read or write it anew. ``seq`` counts up from 1 without a gap,
over restarts too; ``prev`` is the hash of the entry before. The hash covers the body by its SHA-256, so a body that a full spool
had to let go leaves its mark (``sha256:...``) and the chain still holds.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import pyrage
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from opencets.errors import ActRefused, DamagedSource, SourceRefused
from opencets.packing.fields import canonical, instant, moment_of, read_fields, said

MOST_ENTRIES = 64
"""Entries of one batch."""
LARGEST_BODY = 4 << 20
"""Bytes of one body, unsealed."""
LARGEST_BATCH = 12 << 20
LATEST_SECONDS = 300
"""How far apart the time of a batch and the server's clock may be."""
CLOCK_JUMP_MS = 5000
_BATCH_SIGNED = b"opencets-batch-1\n"
_DROPPED = "sha256:"
_HASH = re.compile("[0-9a-f]{64}")
_SHORTER = re.compile("([0-9a-f]{32})? ([0-9a-f]{40})?")


# --- What a body says, by kind ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Where:
    """Where something was: by which collector, in which program and window, at which address."""

    collector: Literal[
        "typed", "shown", "window", "address", "clipboard", "file", "drive", "account", "program", "evasion"
    ]  # fmt: skip
    program: str = ""
    window: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """By what it was found."""

    library: str
    version: str
    phrase: str
    severity: int
    reason: str


@dataclass(frozen=True, slots=True)
class Text:
    """The words found, with as many before and after as the condition allows; offsets of the match in the text as it was.

    Where its parts stand in several messages these are joined by line breaks, and the offsets count from the beginning of the first
    message that has a part; the reason says where each part stands.
    """

    before: str
    match: str
    after: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file that stands in the order's list of known files. Its content is not taken."""

    name: str
    size: int
    sha256: str
    md5: str = ""
    sha1: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """Something the order asks for was found. ``conversation``: the same key for the same thread of the same program."""

    rule: Rule
    condition: str
    at: dt.datetime
    where: Where
    direction: Literal["typed", "shown", "clipboard", "file"]
    conversation: str
    text: Text | None
    file: KnownFile | None
    screenshot: bool
    """Whether a screenshot follows."""


@dataclass(frozen=True, slots=True)
class Screenshot:
    """The picture of a hit, as its condition allows; ``of`` is the number of the hit. ``jpeg`` in base64."""

    of: int
    form: Literal["window", "masked", "screen"]
    width: int
    height: int
    jpeg: str


@dataclass(frozen=True, slots=True)
class Started:
    """The agent began. ``after``: how the run before ended; ``killed`` has no goodbye."""

    after: Literal["first", "stopped", "ended", "killed"]
    agent: str
    system: str
    session: str
    collectors: tuple[str, ...]
    order_digest: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The agent stopped in good order, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The order ended, and the agent with it. ``by``: by whose clock."""

    ends_at: dt.datetime
    by: Literal["device", "server"]
    words: str


@dataclass(frozen=True, slots=True)
class Covered:
    """A program with a window, and by what its text is read; ``none``: it is not."""

    program: str
    source: Literal["accessibility", "ocr", "none", "excluded"]
    words: str = ""


@dataclass(frozen=True, slots=True)
class Clock:
    """What the agent knows of the time: its own clock against the server's, and how long ago the server told it."""

    ahead_ms: int | None
    trusted_seconds_ago: int | None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The agent runs."""

    coverage: tuple[Covered, ...]
    notice_visible: bool
    waiting: int
    waiting_bytes: int
    clock: Clock
    paused: str = ""
    """Why nothing is taken just now, in a sentence; empty: it is."""


@dataclass(frozen=True, slots=True)
class Gap:
    """The spool was full: what was let go. Numbers are of entries whose bodies are gone; their place in the chain stays."""

    first: int
    last: int
    count: int
    kinds: Mapping[str, int]
    words: str


@dataclass(frozen=True, slots=True)
class Evasion:
    """A sign that somebody goes round the order; a sign, not a proof. ``sign`` is one word for machines."""

    sign: str
    words: str
    severity: int = 3


@dataclass(frozen=True, slots=True)
class Drive:
    """A removable drive came or went."""

    act: Literal["present", "added", "removed"]
    device: str
    mounted_at: str
    filesystem: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the system that the order does not name was made, removed or used."""

    act: Literal["present", "added", "removed", "signed in", "signed out"]
    name: str


@dataclass(frozen=True, slots=True)
class Program:
    """A program of a watched account began or ended."""

    act: Literal["started", "ended"]
    program: str


@dataclass(frozen=True, slots=True)
class Address:
    """An address was opened."""

    program: str
    address: str
    title: str


@dataclass(frozen=True, slots=True)
class Window:
    """A window came to the front."""

    program: str
    title: str


@dataclass(frozen=True, slots=True)
class Notice:
    """The notice was shown, closed or covered; while it is not shown nothing is taken."""

    state: Literal["shown", "closed", "covered", "refused"]
    words: str


Body: TypeAlias = (
    Hit | Screenshot | Started | Stopped | Ended | Heartbeat | Gap | Evasion | Drive | Account | Program | Address | Window
    | Notice
)  # fmt: skip
KINDS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "started": Started, "stopped": Stopped, "heartbeat": Heartbeat, "hit": Hit, "screenshot": Screenshot, "gap": Gap,
        "evasion": Evasion, "drive": Drive, "account": Account, "program": Program, "address": Address, "window": Window,
        "ended": Ended, "notice": Notice,
    }
)  # fmt: skip
_KIND_OF = {kind: name for name, kind in KINDS.items()}


def kind_of(body: Body) -> str:
    """The word by which an entry names its body."""
    return _KIND_OF[type(body)]


def body_of(kind: str, given: Any) -> Body:
    """A body out of JSON. DamagedSource: the kind or a part of it is not known, lacks or is not what it must be."""
    if kind not in KINDS:
        raise DamagedSource(f"An entry is of the kind “{kind[:40]}”, which is not known here.")
    try:
        body: Body = read_fields(KINDS[kind], given)
        _check(body)
    except ValueError as reason:
        raise DamagedSource(f"The body of a {kind} entry cannot be read: {reason}.") from None
    return body


def said_of(body: Body) -> dict[str, Any]:
    """A body as JSON takes it; `body_of` gives it back."""
    told: dict[str, Any] = said(body)
    return told


def _check(body: Body) -> None:
    if isinstance(body, Hit):
        if not 1 <= body.rule.severity <= 5:
            raise ValueError("rule.severity is from 1 to 5")
        if (body.text is None) == (body.file is None):
            raise ValueError("a hit has a text or a file, one of them")
        if body.text is not None and not 0 <= body.text.start <= body.text.end:
            raise ValueError("text.start and text.end are no places of a match")
        if (file := body.file) is not None and not (_HASH.fullmatch(file.sha256) and file.size >= 0):
            raise ValueError("file has no size and SHA-256")
        if file is not None and not (_SHORTER.fullmatch(f"{file.md5} {file.sha1}")):
            raise ValueError("file.md5 and file.sha1 are no digests")
    if isinstance(body, Screenshot):
        try:
            jpeg = b64decode(body.jpeg, validate=True)
        except (ValueError, NotBase64):
            raise ValueError("jpeg is no base64") from None
        if jpeg[:3] != b"\xff\xd8\xff" or not 0 < body.width <= 65535 or not 0 < body.height <= 65535:
            raise ValueError("jpeg is no JPEG picture")
    if isinstance(body, Evasion) and not 1 <= body.severity <= 5:
        raise ValueError("severity is from 1 to 5")
    if isinstance(body, Gap) and not 1 <= body.first <= body.last:
        raise ValueError("first and last are no numbers of entries")


# --- Entries ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """One link of a device's chain."""

    device: str
    boot: str
    """One run of the agent, by a name made at its start."""
    seq: int
    at: str
    """By the device's clock."""
    mono_ms: int
    """By a clock of that run that nobody can turn back."""
    kind: str
    order: str
    version: int
    prev: str
    body: str
    """Sealed, base64; ``sha256:`` and a digest where a full spool let the body go."""
    hash: str

    @property
    def dropped(self) -> bool:
        """Whether the body is gone."""
        return self.body.startswith(_DROPPED)

    @property
    def head(self) -> tuple[int, str]:
        """Where the chain stands after it: for `check_chain`."""
        return self.seq, self.hash

    def to_json(self) -> dict[str, Any]:
        """As a batch has it."""
        told: dict[str, Any] = said(self)
        return told

    @classmethod
    def from_json(cls, given: Any) -> Entry:
        """DamagedSource: it is not written as an entry is. Whether chain and hash hold is for `check_chain`."""
        try:
            entry = read_fields(cls, given, "entry")
            moment_of(entry.at)
            if entry.seq < 1 or entry.version < 1 or entry.mono_ms < 0 or entry.kind not in KINDS:
                raise ValueError(f"seq, version, mono_ms or kind (“{entry.kind[:40]}”) is none that an entry has")
            if not (_HASH.fullmatch(entry.prev) and _HASH.fullmatch(entry.hash)):
                raise ValueError("prev or hash is no SHA-256")
            if entry.dropped and not _HASH.fullmatch(entry.body.removeprefix(_DROPPED)):
                raise ValueError("the mark of a body that was let go is no SHA-256")
        except ValueError as reason:
            raise DamagedSource(f"An entry cannot be read: {reason}.") from None
        return entry

    def without_body(self) -> Entry:
        """The same link with its body let go; the chain still holds."""
        return self if self.dropped else replace(self, body=f"{_DROPPED}{sha256(self.body.encode()).hexdigest()}")

    def reckoned(self) -> str:
        """The hash that it must have."""
        told = self.to_json()
        del told["hash"]
        told["body"] = self.body.removeprefix(_DROPPED) if self.dropped else sha256(self.body.encode()).hexdigest()
        return sha256(canonical(told).encode()).hexdigest()


def beginning(device: str) -> tuple[int, str]:
    """Where the chain of a device stands before its first entry."""
    return 0, sha256(f"opencets entries 1\n{device}".encode()).hexdigest()


def make_entry(
    after: tuple[int, str], body: Body, sealed: str, *, device: str, boot: str, at: dt.datetime, mono_ms: int,
    order: str, version: int,
) -> Entry:  # fmt: skip
    """The next link; ``sealed`` is `seal_body` of ``body``."""
    seq, prev = after
    entry = Entry(device, boot, seq + 1, instant(at), mono_ms, kind_of(body), order, version, prev, sealed, "0" * 64)
    return replace(entry, hash=entry.reckoned())


def seal_body(body: Body, recipient: str) -> str:
    """A body, sealed to the server's key (age), base64."""
    text = canonical(said_of(body)).encode()
    if len(text) > LARGEST_BODY:
        raise ActRefused(f"A {kind_of(body)} entry has {len(text):,} bytes; at most {LARGEST_BODY:,} are sent.")
    return b64encode(pyrage.encrypt(text, [pyrage.x25519.Recipient.from_str(recipient)])).decode()


def open_body(entry: Entry, identities: Sequence[str]) -> Body | None:
    """What an entry says, by one of the server's secret keys (``AGE-SECRET-KEY-1...``); None: its body was let go.

    DamagedSource: it was sealed to another key, changed, or is not what its kind says.
    """
    if entry.dropped:
        return None
    try:
        sealed = b64decode(entry.body, validate=True)
        text = pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(one) for one in identities])
        given = json.loads(text) if len(text) <= LARGEST_BODY else None
    except (pyrage.DecryptError, ValueError, NotBase64, RecursionError):
        raise DamagedSource(
            f"The body of entry {entry.seq} cannot be opened: sealed to another key, or changed."
        ) from None
    return body_of(entry.kind, given)


# --- The chain --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fault:
    """Something about a chain that an officer must see. ``kind``: device, altered, repeated, missing, broken, clock, killed."""

    seq: int
    kind: Literal["device", "altered", "repeated", "missing", "broken", "clock", "killed"]
    sentence: str


def check_chain(entries: Sequence[Entry], after: tuple[int, str] | Entry) -> list[Fault]:
    """What is wrong with entries that come after ``after`` (number and hash, or the whole entry), in their order.

    With the whole entry also the clock and the end of the run before are compared. Nothing is left out for a fault: what is
    wrong is kept and told.
    """
    faults = list[Fault]()
    before = after if isinstance(after, Entry) else None
    seq, prev = after.head if isinstance(after, Entry) else after
    for entry in entries:
        if before is not None and entry.device != before.device:
            faults.append(Fault(entry.seq, "device", f"Entry {entry.seq} names another device."))
        if entry.reckoned() != entry.hash:
            faults.append(Fault(entry.seq, "altered", f"Entry {entry.seq} was changed after it was made."))
        if entry.seq <= seq:
            faults.append(Fault(entry.seq, "repeated", f"The number {entry.seq} was used again."))
        elif entry.seq > seq + 1:
            missing = f"{seq + 1} to {entry.seq - 1}" if entry.seq > seq + 2 else f"{seq + 1}"
            faults.append(Fault(entry.seq, "missing", f"Before entry {entry.seq} there is no {missing}."))
        elif entry.prev != prev:
            faults.append(Fault(entry.seq, "broken", f"Entry {entry.seq} does not follow the entry before it."))
        if before is not None:
            faults += _clock_faults(before, entry)
        if entry.seq > seq:
            seq, prev, before = entry.seq, entry.hash, entry
    return faults


def _clock_faults(before: Entry, entry: Entry) -> list[Fault]:
    if before.boot != entry.boot:
        if before.kind in ("stopped", "ended"):
            return []
        return [Fault(entry.seq, "killed", f"The run before entry {entry.seq} ended without a goodbye.")]
    wall = (moment_of(entry.at) - moment_of(before.at)) / dt.timedelta(milliseconds=1)
    moved = wall - (entry.mono_ms - before.mono_ms)
    if abs(moved) <= CLOCK_JUMP_MS and entry.mono_ms >= before.mono_ms:
        return []
    how = f"{abs(moved) / 1000:,.0f} s {'on' if moved > 0 else 'back'}"
    return [Fault(entry.seq, "clock", f"Before entry {entry.seq} the clock of the device was moved {how}.")]


# --- Batches ----------------------------------------------------------------------------------------------------------


def batch_of(entries: Sequence[Entry]) -> bytes:
    """The body of a request that brings entries."""
    return json.dumps([entry.to_json() for entry in entries], separators=(",", ":")).encode()


def read_batch(written: bytes) -> list[Entry]:
    """The entries of a request. SourceRefused: it is too large, no batch, or an entry is not written as one is."""
    if len(written) > LARGEST_BATCH:
        raise SourceRefused(f"A batch has at most {LARGEST_BATCH:,} bytes.")
    try:
        given = json.loads(written)
    except (ValueError, RecursionError):
        raise DamagedSource("A batch is a list in JSON; this is none.") from None
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_ENTRIES:
        raise DamagedSource(f"A batch has from 1 to {MOST_ENTRIES} entries.")
    return [Entry.from_json(one) for one in given]


def sign_batch(device: str, time: dt.datetime, body: bytes, key: Ed25519PrivateKey) -> dict[str, str]:
    """The headers of a request with this body, signed with the device's key."""
    at = instant(time)
    return {
        "X-Device": device, "X-Time": at, "X-Signature": b64encode(key.sign(_message(device, at, body))).decode(),
    }  # fmt: skip


def require_signed(device: str, time: str, signature: str, body: bytes, key: str) -> dt.datetime:
    """The time that the device says, where its key (base64) signed this. ActRefused otherwise.

    Whether the time is near enough (`LATEST_SECONDS`) is for the server, which answers with its own.
    """
    try:
        public = Ed25519PublicKey.from_public_bytes(b64decode(key, validate=True))
        public.verify(b64decode(signature, validate=True), _message(device, time, body))
        return moment_of(time)
    except (InvalidSignature, ValueError, NotBase64):
        raise ActRefused("The signature of the device does not hold.") from None


def _message(device: str, time: str, body: bytes) -> bytes:
    return _BATCH_SIGNED + f"{device}\n{time}\n{sha256(body).hexdigest()}".encode()
