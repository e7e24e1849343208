"""WhatsApp chats exported as text by iOS and Android telephones (and Signal's text exports, which look alike).

The export has no zone, no ids, and the order of day and month of the telephone's language: the order is inferred from
the whole file (days above 12, the dates in names of attachments, time running forward) and told in the report.
No zone is invented. A header line inside somebody's message cannot be told from a real one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from opencets.parsing import text
from opencets.parsing.claims import assert_claim, assert_instant, mentioned
from opencets.parsing.limits import limits_of
from opencets.parsing.source import Event, FolderOpener, Noted, Skipped, Source
from opencets.records import Claim, Locator, Record

FORMAT = "whatsapp_text"
VERSION = "1"
LABEL = "WhatsApp text export"

_READER = f"{FORMAT}/{VERSION}"
_MARKS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
_DATE = r"(\d{1,4})\s?[./-]\s?(\d{1,2})\s?[./-]\s?(\d{1,4})\.?"
_HALF = r"[aApP]\.?\s?[mM]\.?|上午|下午|午前|午後|오전|오후|π\.μ\.|μ\.μ\.|ص|م"
_TIME = rf"(?:({_HALF})\s?)?(\d{{1,2}})[:.](\d{{2}})(?:[:.](\d{{2}}))?(?:\s?({_HALF}))?"
_HEADER = re.compile(rf"^(?:\[{_DATE},?\s+{_TIME}\]\s?|{_DATE},?\s+{_TIME}\s+[-\u2013]\s)(.*)$", re.DOTALL)
_SENDER = re.compile(r"^([^:\n]{1,120}?)\s?:(?:\s|$)(.*)$", re.DOTALL)
_SECOND_HALF = re.compile(r"^(?:[pP]|下午|午後|오후|μ\.μ\.|م)")
_ATTACHED = (
    re.compile(r"^<[^<>:]{1,40}:\s?([^<>\n]+\.\w{2,5})>", re.MULTILINE),
    re.compile(r"^([^\s/\\]+\.\w{2,5}) \([^()\n]+\)$", re.MULTILINE),
)
_DATE_IN_NAME = re.compile(r"(?:[A-Z]+-)(\d{4})-?(\d{2})-?(\d{2})-")
_PLACE = re.compile(r"https?://maps\.google\.com/\?q=(-?\d+\.\d+),(-?\d+\.\d+)")
_SYSTEM = re.compile(
    r"end-to-end encrypted|created (?:this )?group|changed the (?:subject|group|settings)|changed this group|"
    r"changed (?:their|to) (?:phone number|\+)|security code|^You (?:were|are) |disappearing messages|"
    r"joined using this group|Ende-zu-Ende-verschlüsselt|cifrados de extremo a extremo|chiffrés de bout en bout|"
    r"crittografati end-to-end|criptografia de ponta a ponta",
    re.IGNORECASE,
)
_CHAT_NAMES = re.compile(
    r"^(?:WhatsApp[ -]Chat(?: with| mit| - |\s-)?|Chat de WhatsApp con|Discussion WhatsApp avec|Chat WhatsApp con|"
    r"Conversa do WhatsApp com)\s*(.+)$",
    re.IGNORECASE,
)
_ORDERS = {"day first": (2, 1, 0), "month first": (2, 0, 1), "year first": (0, 1, 2)}
"""Where year, month and day stand among the three numbers."""


@dataclass(frozen=True, slots=True)
class _Header:
    numbers: tuple[int, int, int]
    digits: tuple[int, int, int]
    hour: int
    minute: int
    second: int
    stamp: str
    rest: str

    def moment(self, order: str) -> datetime | None:
        at = _ORDERS[order]
        if (self.digits[0] > 2) != (at[0] == 0) and (self.digits[0] > 2 or self.digits[2] > 2):
            return None
        year, month, day = (self.numbers[place] for place in at)
        if year < 100:
            year += 2000
        try:
            return datetime(year, month, day, self.hour, self.minute, self.second)
        except ValueError:
            return None


def _header(line: str) -> _Header | None:
    plain = line.lstrip(_MARKS)
    if not plain or not (plain[0] == "[" or plain[0].isdigit()):
        return None
    flat = plain[:60].replace("\u202f", " ").replace("\xa0", " ") + plain[60:]
    found = _HEADER.match(flat)
    if found is None:
        return None
    groups = found.groups()
    part = groups[:8] if groups[0] is not None else groups[8:16]
    first, second, third, before, hour_text, minute, seconds, after = part
    hour = int(hour_text)
    half = before or after
    if half:
        later = _SECOND_HALF.match(half) is not None
        hour = hour % 12 + (12 if later else 0)
    if hour > 23 or int(minute) > 59 or int(seconds or 0) > 59:
        return None
    rest = groups[16] or ""
    return _Header(
        (int(first), int(second), int(third)),
        (len(first), len(second), len(third)),
        hour,
        int(minute),
        int(seconds or 0),
        flat[: len(flat) - len(rest)].strip(" []-\u2013"),
        rest,
    )


def _split(header: _Header) -> tuple[str | None, str]:
    """Sender (None for a system line) and text."""
    found = _SENDER.match(header.rest.lstrip(_MARKS))
    if found is None:
        return None, header.rest.strip(_MARKS + " ")
    name, body = found.group(1).strip(_MARKS + " \u202f\xa0"), found.group(2)
    if not name or '"' in name or "“" in name or _SYSTEM.search(name):
        return None, header.rest.strip(_MARKS + " ")
    if body.startswith("\u200e") and _SYSTEM.search(body):
        return None, body.strip(_MARKS + " ")
    return name, body.strip(_MARKS + " ")


def recognise(source: Source) -> str | None:
    """None where the first written line is a dated message header."""
    if isinstance(source.open, FolderOpener):
        return "a folder"
    head = source.head(4096)
    if b"\x00" in head[:400] and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "not text"
    for line in text.beginning(source, 8192).splitlines():
        if line.strip(_MARKS + " "):
            return None if _header(line) else "the first line is not a dated message"
    return "no text in it"


def _order_of(source: Source, encoding: str) -> tuple[str, str, bool]:
    """The order, a sentence saying why, and whether it is certain."""
    wanted = source.options.get("date_order")
    if isinstance(wanted, str) and wanted in _ORDERS:
        return wanted, f"read {wanted}, as a person has set", True
    impossible = dict.fromkeys(_ORDERS, 0)
    backwards = dict.fromkeys(_ORDERS, 0)
    named = dict.fromkeys(_ORDERS, 0)
    first_proof = dict.fromkeys(_ORDERS, 0)
    last: dict[str, datetime] = {}
    separator = ""
    for number, line, _ in text.lines(source, encoding):
        header = _header(line)
        if header is None:
            continue
        separator = separator or next((mark for mark in "./-" if mark in header.stamp[:6]), "")
        held = _DATE_IN_NAME.search(header.rest)
        for order in _ORDERS:
            moment = header.moment(order)
            if moment is None:
                impossible[order] += 1
                first_proof[order] = first_proof[order] or number
                continue
            if order in last and moment < last[order]:
                backwards[order] += 1
            last[order] = moment
            if held and (moment.year, moment.month, moment.day) == tuple(int(part) for part in held.groups()):
                named[order] += 1
    fewest = min(impossible.values())
    left = [order for order in _ORDERS if impossible[order] == fewest]
    if len(left) == 1:
        return left[0], _proven(left[0], first_proof), True
    if "year first" in left and separator != "-":
        left.remove("year first")
        if len(left) == 1:
            return left[0], _proven(left[0], first_proof), True
    best = max(left, key=lambda order: (named[order], -backwards[order], order == "day first"))
    others_named = max((named[order] for order in left if order != best), default=0)
    if named[best] > others_named:
        return best, f"read {best}: the names of {named[best]} attached files carry the same date", True
    calm = min((backwards[order] for order in left if order != best), default=0)
    if backwards[best] < calm:
        return best, f"read {best}: read otherwise, time would run backwards {calm} times", True
    if separator == ".":
        return best, "read day first: dates with points are written so; no date in the file proves it", False
    return best, f"read {best}, but nothing in the file proves it; set the order of dates if it is wrong", False


def _proven(order: str, first_proof: dict[str, int]) -> str:
    other = "month first" if order == "day first" else "day first"
    return f"read {order}: line {first_proof[other] or 1} allows no other order"


def _conversation(source: Source, encoding: str) -> str:
    """The chat's name: of the file or archive, else from the line about encryption that opens an iOS export."""
    for name in (source.name, *reversed(source.locator.path[:-1])):
        stem = name.replace("\\", "/").rsplit("/", 1)[-1]
        stem = stem.rsplit(".", 1)[0] if "." in stem else stem
        found = _CHAT_NAMES.match(stem)
        if found:
            return found.group(1).strip(" -\u2013")
    for number, line, _ in text.lines(source, encoding):
        header = _header(line)
        sender = _SENDER.match(header.rest.lstrip(_MARKS)) if header else None
        if sender and sender.group(2).startswith("\u200e") and _SYSTEM.search(sender.group(2)):
            return sender.group(1).strip(_MARKS + " ")
        if number >= 5:
            break
    return source.name.rsplit(".", 1)[0]


def read(source: Source) -> Iterator[Event]:
    """Messages in the order of the file, then one record per participant."""
    encoding, guess = text.encoding_of(source)
    if guess:
        yield Noted(source.locator, "encoding", f"{source.locator}: {guess}.")
    order, why, certain = _order_of(source, encoding)
    yield Noted(source.locator, "date-order", f"{source.locator}: dates were {why}. The export names no time zone.")
    conversation = _conversation(source, encoding)
    participants: dict[str, tuple[int, int]] = {}
    open_header: _Header | None = None
    body: list[str] = []
    begun = held = 0
    most = limits_of(source).text_chars
    for number, line, cut in text.lines(source, encoding):
        if cut:
            yield Skipped(
                source.locator.at(f"line {number}"),
                "long-line",
                f"{source.locator}: line {number} is too long and was cut.",
            )
        header = _header(line)
        if header is None:
            if open_header is not None:
                held += len(line) + 1
                if held <= most:
                    body.append(line)
                elif held - len(line) - 1 <= most:
                    where = source.locator.at(f"line {number}")
                    yield Skipped(
                        where, "long-message", f"{where}: the message is longer than {most:,} characters; cut here."
                    )
            elif line.strip(_MARKS + " "):
                where = source.locator.at(f"line {number}")
                yield Skipped(where, "no-header", f"{where}: a line before the first dated message; skipped.")
            continue
        if open_header is not None:
            yield _message(source, begun, open_header, body, conversation, order, certain, participants)
        open_header, begun, body, held = header, number, [], 0
    if open_header is not None:
        yield _message(source, begun, open_header, body, conversation, order, certain, participants)
    for name, (first, count) in participants.items():
        yield _participant(source.locator, name, first, count)


def _message(
    source: Source,
    number: int,
    header: _Header,
    body: list[str],
    conversation: str,
    order: str,
    certain: bool,
    participants: dict[str, tuple[int, int]],
) -> Record:
    sender, first = _split(header)
    whole = "\n".join((first, *(line.strip("\u200e\u200f") for line in body))).strip()
    note = "no zone in the export" if certain else "no zone in the export; order of day and month not proven"
    moment = header.moment(order)
    claims = [
        assert_claim("conversation", conversation),
        assert_instant("sent_at", header.stamp, moment, note=note if moment else f"not a date when read {order}"),
    ]
    extra: tuple[tuple[str, str], ...] = ()
    if sender is None:
        extra = (("type", "system"),)
    else:
        seen = participants.get(sender)
        participants[sender] = (seen[0], seen[1] + 1) if seen else (number, 1)
        claims.append(assert_claim("sender", sender))
        claims.extend(_telephone(sender))
    if whole:
        claims.append(assert_claim("body", whole))
    for pattern in _ATTACHED:
        claims.extend(assert_claim("attachment", name.strip(_MARKS)) for name in pattern.findall(whole))
    for latitude, longitude in _PLACE.findall(whole):
        claims.append(assert_claim("location", f"{latitude},{longitude}", role="mentioned"))
    claims.extend(mentioned(whole))
    return Record("message", source.locator.at(f"line {number}"), tuple(claims), _READER, extra)


def _telephone(name: str) -> Iterator[Claim]:
    """The sender's number, where the export shows a number because the telephone's owner kept no name for it."""
    digits = sum(letter.isdigit() for letter in name)
    if digits >= 7 and name.lstrip(_MARKS + "~ ").startswith("+"):
        yield assert_claim("phone", "".join(letter for letter in name if letter not in _MARKS).strip("~ "))


def _participant(where: Locator, name: str, first: int, count: int) -> Record:
    claims = list(_telephone(name))
    kind = "account" if claims else "person"
    if not claims:
        claims.append(
            assert_claim("full_name", name.lstrip("~ \u202f\xa0"), note="as the telephone's owner named them")
        )
    return Record(
        kind, where.at(f"participant first on line {first}"), tuple(claims), _READER, (("messages", str(count)),)
    )
