"""What an officer types or pastes as a target, as canonical values: one a line, its kind said or recognised."""

from __future__ import annotations

import re
from dataclasses import dataclass

from opencets.errors import ValueRefused
from opencets.records import KINDS
from opencets.values import find_in_text, normalise
from opencets.values.services import SERVICES

TARGET_KINDS = tuple(kind.name for kind in KINDS.values() if kind.links == "strong")
"""Every kind that names one thing by itself."""
MOST_BYTES = 2_000
"""A row of a B-tree holds a third of a page (PostgreSQL, section 64.1), and the value is looked up through one."""
_BY_LENGTH = {32: "md5", 40: "sha1", 64: "sha256"}
_SAID = re.compile(r"(?P<kind>[a-z_0-9]{2,16})\s*[:=]\s*(?P<value>\S.*)", re.IGNORECASE)
_ADDRESS_AT = re.compile(r"(?P<ip>[0-9a-fA-F:.]{3,45})\s*(?:@|,|;|\s+at\s+|\s)\s*(?P<when>\d{4}-\d\d-\d\d.*)")
_ALSO = {"mail": "email", "e-mail": "email", "tel": "phone", "telephone": "phone", "sha-1": "sha1", "sha-256": "sha256",
         "ip": "ip_hour", "bitcoin": "wallet", "iban": "iban", "screen_name": "handle", "guid": "account_id"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Value:
    """One value to declare."""

    kind: str
    raw: str
    normal: str


def values_of(text: str, *, kind: str = "", country: str = "") -> tuple[tuple[Value, ...], tuple[str, ...]]:
    """The values in a text of one a line, and a sentence for each line that is none. Each value once.

    ``kind``: of every line; else the line may say it (``wallet: bc1...``), and else it is recognised. ``country`` reads
    telephone numbers without a prefix. A text of 64 hexadecimal digits is a SHA-256 unless the line says ``pdq:``.
    """
    found: dict[tuple[str, str], Value] = {}
    refused = []
    for line in (line.strip() for line in text.splitlines()):
        if not line:
            continue
        try:
            value = _value(line, kind, country)
            if len(value.normal.encode()) > MOST_BYTES:
                raise ValueRefused(f"“{line[:60]}…” is too long to be compared: {MOST_BYTES:,} bytes are the limit.")
        except ValueRefused as refusal:
            refused.append(refusal.sentence)
        else:
            found.setdefault((value.kind, value.normal), value)
    return tuple(found.values()), tuple(refused)


def _value(line: str, kind: str, country: str) -> Value:
    raw = line
    said = _SAID.fullmatch(line)
    if not kind and said and (named := _kind_named(said["kind"])):
        kind, raw = named, said["value"].strip()
    if not kind:
        kind = _recognised(line, country)
    if kind == "ip_hour" and (parts := _ADDRESS_AT.fullmatch(raw)):
        return Value(kind, line, normalise(kind, parts["ip"], instant=parts["when"]))
    return Value(kind, line, normalise(kind, raw, country=country))


def _kind_named(word: str) -> str:
    name = word.casefold()
    name = _ALSO.get(name, name)
    return name if name in TARGET_KINDS else ""


def _recognised(line: str, country: str) -> str:
    """The kind of a line that does not say it; ValueRefused: an address without a time, or nothing that is known."""
    if _ADDRESS_AT.fullmatch(line) and (_is("ip", line.split("@")[0].split()[0].rstrip(",;"), country)):
        return "ip_hour"
    if re.fullmatch(r"[0-9a-fA-F]+", line) and len(line) in _BY_LENGTH:
        return _BY_LENGTH[len(line)]
    whole = [one.kind for one in find_in_text(line) if (one.start, one.end) == (0, len(line))]
    if whole and whole[0] == "ip":
        raise ValueRefused(
            f"“{line[:60]}”: an address without a time names nobody. Write it with the time and its zone, for example "
            f"{line[:40]} 2026-11-24T06:00Z."
        )
    if whole:
        return whole[0]
    for kind in ("imei", "iban", "phone"):
        if any(mark.isdigit() for mark in line) and _is(kind, line, country):
            return kind
    of = line.partition(":")[0].casefold()
    if of in SERVICES or line.startswith("@"):
        return "handle"
    raise ValueRefused(
        f"“{line[:60]}” is of no kind that is recognised. Say the kind in front, for example kik:{line[:20]} "
        f"or plate: {line[:20]}."
    )


def _is(kind: str, text: str, country: str) -> bool:
    try:
        normalise(kind, text, country=country)
    except ValueRefused:
        return False
    return True


def label_of(kind: str, normal: str) -> str:
    """A value as pages and sentences call it."""
    if kind in ("md5", "sha1", "sha256", "pdq"):
        return f"{KINDS[kind].label} {normal[:12]}…"
    return normal
