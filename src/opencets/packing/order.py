"""An order: who is watched, on which device, from when to when, what may be taken and what never; signed by the service's key.

One JSON object: ``text``, the order as text, and the Ed25519 signature (RFC 8032) over it by ``key``, as `packing.authority` does.
An agent takes it only from keys that its settings trust, only for its own device, only between its two moments. It is changed only
by a new signed version that names the one before by its SHA-256. A device asks for one by a request, signed with its own key.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from opencets.errors import ActRefused
from opencets.packing.fields import read_fields, said

FORMAT = "opencets order 1"
REQUEST_FORMAT = "opencets device request 1"
_SIGNED = b"opencets-order-1\n"
_REQUEST_SIGNED = b"opencets-device-request-1\n"
LARGEST = 1 << 20
COLLECTORS = (
    "typed", "shown", "window", "address", "clipboard", "file", "drive", "account", "program", "evasion",
)  # fmt: skip
"""What a condition may name. What none of an order's conditions names is not collected."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Person:
    """Who is watched. ``ref``: the service's own number for the person."""

    ref: str
    name: str


@dataclass(frozen=True, slots=True)
class Device:
    """The one device. ``accounts``: the accounts of its operating system that the order reaches; of others nothing is taken."""

    id: str
    name: str
    key: str
    """Its Ed25519 public key, base64: what it sends is signed with it."""
    accounts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of a week, in the order's time zone. ``to`` before ``from_`` runs past midnight, counted from the day named."""

    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...]
    from_: str
    to: str

    def contains(self, local: dt.datetime) -> bool:
        """Whether a local moment lies in them; the end is not in them, and equal ends are the whole day."""
        at, today = f"{local:%H:%M}", DAYS[local.weekday()]
        if self.from_ < self.to:
            return today in self.days and self.from_ <= at < self.to
        yesterday = DAYS[(local.weekday() - 1) % 7]
        return (today in self.days and at >= self.from_) or (yesterday in self.days and at < self.to)


@dataclass(frozen=True, slots=True)
class Excluded:
    """What is never taken under a condition, whatever it says."""

    programs: tuple[str, ...] = ()
    """Names of programs, as the system names their file: ``firefox-esr``."""
    sites: tuple[str, ...] = ()
    """``bank.example`` is that host and what is under it; ``clinic.example/patients`` what begins so."""
    people: tuple[str, ...] = ()
    """Names, numbers or addresses; where one of them names a conversation, a window or an address, nothing is taken."""
    hours: tuple[Hours, ...] = ()

    def why(self, program: str, window: str, address: str, local: dt.datetime) -> str:
        """In a sentence why nothing may be taken there and then, or nothing."""
        name = program.casefold().removesuffix(".exe")
        if any(name == one.casefold().removesuffix(".exe") for one in self.programs):
            return f"the program {program} is excluded"
        if (site := self.site_of(address)) is not None:
            return f"the site {site} is excluded"
        if (person := self.person_in(f"{window}\n{address}")) is not None:
            return f"{person} is excluded"
        if any(hours.contains(local) for hours in self.hours):
            return "the hour is excluded"
        return ""

    def site_of(self, address: str) -> str | None:
        """The excluded site that an address is of, or None."""
        host, path = _host_and_path(address)
        for site in self.sites if host else ():
            wanted, _, under = site.casefold().removeprefix("https://").removeprefix("http://").partition("/")
            wanted = wanted.removeprefix("www.").strip(".")
            if (host == wanted or host.endswith(f".{wanted}")) and path.startswith(f"/{under}" if under else ""):
                return site
        return None

    def person_in(self, text: str) -> str | None:
        """The excluded person whom a text names, or None: whole words, whatever their case and spaces."""
        folded = " ".join(text.casefold().split())
        for person in self.people:
            name = " ".join(person.casefold().split())
            if name and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", folded):
                return person
        return None


@dataclass(frozen=True, slots=True)
class Captures:
    """What a hit keeps. ``text_around``: characters on each side; ``screenshot`` ``masked``: all but the window is black."""

    text_around: int = 200
    screenshot: Literal["none", "window", "masked", "screen"] = "none"
    file_content: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of an order: what it says, what is collected for it, what is kept and for how long."""

    ref: str
    words: str
    collectors: tuple[
        Literal[
            "typed", "shown", "window", "address", "clipboard", "file", "drive", "account", "program", "evasion"
        ],
        ...,
    ]  # fmt: skip
    retention_days: int
    captures: Captures = Captures()
    severity_from: int = 1
    excluded: Excluded = Excluded()
    alert_severity: int = 2
    """With which severity a drive or an account is told that the order does not know; what phrases have is in their library."""


@dataclass(frozen=True, slots=True)
class Named:
    """A phrase library that the order allows, by name, version and digest."""

    name: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class _Said:
    """The text of an order, as it is signed."""

    format: Literal["opencets order 1"]
    order: str
    version: int
    replaces: str | None
    setting: Literal["court", "school", "family"]
    service: str
    court: str
    reference: str
    words: str
    person: Person
    device: Device
    co_users: tuple[str, ...]
    begins_at: dt.datetime
    ends_at: dt.datetime
    time_zone: str
    server: str
    server_key: str
    complaint: str
    libraries: tuple[Named, ...]
    known_files: str | None
    conditions: tuple[Condition, ...]
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Order(_Said):
    """An order whose signature holds. Only `open_order` makes one."""

    key: str = field(default="", kw_only=True)
    """The public key that signed it, in base64."""
    digest: str = field(default="", kw_only=True)
    """SHA-256 of its text: what the next version names as replaced."""

    def require(self, device_id: str, now: dt.datetime) -> None:
        """ActRefused: it is for another device, has not begun, or has ended. Signature and text were looked at before."""
        if self.device.id != device_id:
            raise ActRefused(
                f"The order {self.reference} is for another device ({self.device.name}). This device ({device_id}) is not "
                "watched; ask the service for an order for it."
            )
        if now < self.begins_at:
            raise ActRefused(
                f"The order {self.reference} begins at {self.local(self.begins_at)}. Nothing is taken before it begins."
            )
        if now >= self.ends_at:
            raise ActRefused(
                f"The order {self.reference} ended at {self.local(self.ends_at)}. Nothing is taken any more."
            )

    def require_account(self, account: str) -> None:
        """ActRefused: the order does not reach this account of the operating system."""
        if account not in self.device.accounts:
            raise ActRefused(
                f"The order {self.reference} does not reach the account {account} of this device, only "
                f"{', '.join(self.device.accounts)}. Nothing is taken here."
            )

    def follows(self, other: Order) -> bool:
        """Whether this is a later version of ``other`` that replaces exactly it: same order, same device."""
        same = (self.order, self.device.id, self.device.key) == (other.order, other.device.id, other.device.key)
        return same and self.version > other.version and self.replaces == other.digest

    def conditions_for(self, collector: str) -> tuple[Condition, ...]:
        """The conditions that name a collector; none: it must not run."""
        return tuple(one for one in self.conditions if collector in one.collectors)

    def collectors(self) -> tuple[str, ...]:
        """What is collected under it, in the order of `COLLECTORS`."""
        return tuple(name for name in COLLECTORS if self.conditions_for(name))

    def local(self, moment: dt.datetime) -> str:
        """A moment as a person of the order's place reads it."""
        return f"{moment.astimezone(ZoneInfo(self.time_zone)):%Y-%m-%d %H:%M} ({self.time_zone})"

    def local_time(self, moment: dt.datetime) -> dt.datetime:
        """A moment in the order's time zone, by which its hours are meant."""
        return moment.astimezone(ZoneInfo(self.time_zone))


def sign_order(said_: Mapping[str, Any], key: Ed25519PrivateKey) -> bytes:
    """The bytes of an order; ``said_`` has what `Order` has, as JSON takes it. ActRefused says what is wrong with it."""
    text = json.dumps({"format": FORMAT, **said(said_)}, separators=(",", ":"), ensure_ascii=False)
    public = b64encode(key.public_key().public_bytes_raw()).decode()
    written = _envelope(text, key, _SIGNED)
    open_order(written, [public])
    return written


def open_order(written: bytes, trusted: Collection[str]) -> Order:
    """The order, where one of the ``trusted`` keys (base64) signed it. ActRefused says what is wrong with it.

    Device, account and time are not looked at: `Order.require` does, again and again.
    """
    text, key, mark, public = _opened(written, "signed order")
    if key not in trusted:
        raise ActRefused(
            f"The order is signed with the key {key}, which is not among the trusted keys of the settings. Nothing is taken; "
            "compare the key with the service that gave the order."
        )
    try:
        public.verify(mark, _SIGNED + text.encode())
    except InvalidSignature:
        raise ActRefused(
            "The order was changed after it was signed. Nothing is taken; take it anew from the service that signed it."
        ) from None
    try:
        given = json.loads(text)
        if not isinstance(given, dict) or given.get("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        if {"key", "digest"} & given.keys():
            raise ValueError("it has a field that is not known here")
        order = read_fields(Order, {**given, "key": key, "digest": sha256(text.encode()).hexdigest()})
        _check(order)
    except (ValueError, RecursionError) as reason:
        raise ActRefused(f"The order cannot be used: {reason}. Nothing is taken.") from None
    return order


@dataclass(frozen=True, slots=True)
class Request:
    """What a device says of itself when an order for it is asked for."""

    format: Literal["opencets device request 1"]
    device: str
    name: str
    key: str
    accounts: tuple[str, ...]
    system: str
    made_at: dt.datetime


def sign_request(said_: Mapping[str, Any], key: Ed25519PrivateKey) -> bytes:
    """The bytes of a device's request: device, name, accounts, system, made_at; signed with the device's own key."""
    public = b64encode(key.public_key().public_bytes_raw()).decode()
    text = json.dumps({"format": REQUEST_FORMAT, **said(said_), "key": public}, separators=(",", ":"))
    written = _envelope(text, key, _REQUEST_SIGNED)
    open_request(written)
    return written


def open_request(written: bytes) -> Request:
    """A device's request. ActRefused: it is none, or the key that it names did not sign it.

    Whether the device is the person's is for the officer to see: they stand before it, and compare the key's end with the screen.
    """
    text, key, mark, public = _opened(written, "request of a device")
    try:
        public.verify(mark, _REQUEST_SIGNED + text.encode())
        request = read_fields(Request, json.loads(text))
        if request.key != key:
            raise ValueError("it names another key than the one that signed it")
        _uuid(request.device, "device")
        if not request.accounts or not all(map(str.strip, request.accounts)):
            raise ValueError("it names no account")
    except InvalidSignature:
        raise ActRefused(
            "The request was changed after the device signed it. Make it anew: opencets agent enrol."
        ) from None
    except (ValueError, RecursionError) as reason:
        raise ActRefused(f"The request of the device cannot be used: {reason}. Make it anew.") from None
    return request


def _envelope(text: str, key: Ed25519PrivateKey, mark: bytes) -> bytes:
    signed = {
        "text": text,
        "key": b64encode(key.public_key().public_bytes_raw()).decode(),
        "signature": b64encode(key.sign(mark + text.encode())).decode(),
    }
    return json.dumps(signed, indent=1, ensure_ascii=False).encode() + b"\n"


def _opened(written: bytes, what: str) -> tuple[str, str, bytes, Ed25519PublicKey]:
    if len(written) > LARGEST:
        raise ActRefused(f"This is no {what}: it is larger than {LARGEST:,} bytes. Nothing is taken.")
    try:
        signed = json.loads(written)
        text, key, signature = (str(signed[name]) for name in ("text", "key", "signature"))
        text.encode()
        return (
            text,
            key,
            b64decode(signature, validate=True),
            Ed25519PublicKey.from_public_bytes(b64decode(key, validate=True)),
        )
    except (ValueError, KeyError, TypeError, NotBase64, RecursionError):
        raise ActRefused(f"This is no {what}: it has no text, key and signature. Nothing is taken.") from None


def _check(order: Order) -> None:
    """ValueError: something that each field alone does not show."""
    for name in ("service", "court", "reference", "words", "complaint"):
        if not getattr(order, name).strip():
            raise ValueError(f"it says no {name}")
    _uuid(order.order, "order")
    _uuid(order.device.id, "device.id")
    try:
        Ed25519PublicKey.from_public_bytes(b64decode(order.device.key, validate=True))
    except (ValueError, NotBase64):
        raise ValueError("device.key is no Ed25519 key in base64") from None
    if not order.device.accounts or not all(map(str.strip, order.device.accounts)):
        raise ValueError("it names no account of the device")
    if order.version < 1 or (order.version == 1) != (order.replaces is None):
        raise ValueError("version 1 replaces nothing, and every later version names the text that it replaces")
    for name in ("replaces", "known_files"):
        value = getattr(order, name)
        if value is not None and not _HEX.fullmatch(value):
            raise ValueError(f"{name} is no SHA-256")
    if order.ends_at <= order.begins_at:
        raise ValueError("it ends before it begins")
    try:
        ZoneInfo(order.time_zone)
    except (OSError, ValueError, LookupError):
        raise ValueError(f"“{order.time_zone[:40]}” is no time zone") from None
    parts = urlsplit(order.server)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("server is no address of a server")
    if not re.fullmatch(r"age1[0-9a-z]{58}", order.server_key):
        raise ValueError("server_key is no recipient of age")
    _check_conditions(order)


def _check_conditions(order: Order) -> None:
    if not order.conditions:
        raise ValueError("it has no condition, so nothing may be taken")
    if len({one.ref for one in order.conditions}) < len(order.conditions):
        raise ValueError("two conditions have the same ref")
    for one in order.conditions:
        if not one.ref.strip() or not one.words.strip() or not one.collectors:
            raise ValueError("a condition lacks ref, words or collectors")
        if not 0 <= one.captures.text_around <= 1000:
            raise ValueError(f"condition {one.ref}: text_around is from 0 to 1000")
        if not 1 <= one.severity_from <= 5 or not 1 <= one.retention_days <= 36500:
            raise ValueError(f"condition {one.ref}: severity_from is from 1 to 5, retention_days from 1 to 36500")
        if not 1 <= one.alert_severity <= 5:
            raise ValueError(f"condition {one.ref}: alert_severity is from 1 to 5")
        for hours in one.excluded.hours:
            if not hours.days or not (_CLOCK.fullmatch(hours.from_) and _CLOCK.fullmatch(hours.to)):
                raise ValueError(f"condition {one.ref}: hours are days with times, as 22:00 to 06:00")
        if not all(text.strip() for text in (*one.excluded.programs, *one.excluded.sites, *one.excluded.people)):
            raise ValueError(f"condition {one.ref}: an excluded program, site or person is empty")


def _uuid(text: str, name: str) -> None:
    try:
        right = str(UUID(text)) == text
    except ValueError:
        right = False
    if not right:
        raise ValueError(f"{name} is no UUID in small letters")


def _host_and_path(address: str) -> tuple[str, str]:
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        return (parts.hostname or "").casefold().removeprefix("www.").strip("."), parts.path.casefold()
    except ValueError:
        return "", ""
