"""One mail message as records: who, to whom, when, what, and its attachments as members (RFC 5322, 2045, 2047).

Shared by the readers of single messages and of mailboxes. Mail breaks its own standards all the time: a header that
cannot be decoded, a wrong character set or an impossible date costs a note on that claim, never the message.
"""

from __future__ import annotations

import email
import email.policy
import email.utils
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import Message
from html.parser import HTMLParser
from typing import BinaryIO

from opencets.errors import DamagedSource, LimitReached
from opencets.parsing.claims import assert_claim, assert_instant, clean, mentioned
from opencets.parsing.containers import held_open
from opencets.parsing.limits import limits_of
from opencets.parsing.source import Event, Member, Noted, Source, shown
from opencets.records import Claim, Locator, Record

_POLICY = email.policy.default.clone(raise_on_defect=False)
_UNMUNGE = re.compile(rb"^>(>*From )", re.MULTILINE)
_ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|\[?(?:IPv6:)?[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?![\w.:])"
)
_PLAIN_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_WRITERS = (
    ("From", ""),
    ("Sender", "Sender header"),
    ("Reply-To", "Reply-To header"),
    ("Return-Path", "Return-Path header"),
)
_READERS = ("To", "Cc", "Bcc", "Apparently-To", "X-Apparently-To", "Delivered-To")
_DIRECT = (
    ("Subject", "subject"),
    ("Message-ID", "message_id"),
    ("X-Mailer", "software"),
    ("User-Agent", "software"),
)
_KEPT = ("In-Reply-To", "References", "X-Gmail-Labels", "Authentication-Results", "List-Id")


@dataclass(frozen=True, slots=True)
class Slice:
    """Where a message lies in its file: the whole file for ``length`` -1."""

    container: Callable[[], BinaryIO]
    start: int = 0
    length: int = -1
    munged: bool = False

    def read(self, most: int, name: str) -> bytes:
        """The message's bytes; LimitReached for more than ``most``."""
        if self.length > most:
            raise LimitReached(f"{name}: a message of {self.length:,} bytes, {most:,} are allowed; not read.")
        with self.container() as stream:
            stream.seek(self.start)
            content = stream.read(self.length if self.length >= 0 else most + 1)
        if len(content) > most:
            raise LimitReached(f"{name}: a message of more than {most:,} bytes; not read.")
        return _UNMUNGE.sub(rb"\1", content) if self.munged else content


class _Parsed:
    """A message held in memory while its parts are read."""

    def __init__(self, content: bytes) -> None:
        self.message = email.message_from_bytes(content, policy=_POLICY)
        self.parts = list(self.message.walk())

    def close(self) -> None:
        self.parts = []


@dataclass(frozen=True, slots=True)
class PartOpener:
    """Opens one attachment of a message, decoded; picklable as far as the container is."""

    where: Slice
    part: int
    most: int

    def __call__(self) -> BinaryIO:
        parsed = held_open(("mail", self.where), lambda: _Parsed(self.where.read(self.most, "mail")))
        if self.part >= len(parsed.parts):
            raise DamagedSource("The message has changed since it was listed.")
        return io.BytesIO(_payload(parsed.parts[self.part]))


def _payload(part: Message) -> bytes:
    if part.get_content_type() == "message/rfc822" and part.is_multipart():
        inner = part.get_payload(0)
        if isinstance(inner, Message):
            try:
                return inner.as_bytes(policy=email.policy.compat32)
            except (UnicodeError, LookupError, ValueError, TypeError, AttributeError, KeyError):
                return inner.as_string(policy=email.policy.compat32).encode("utf-8", "surrogateescape")
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def read_message(source: Source, where: Slice, place: str, reader: str, mailbox: str = "") -> Iterator[Event]:
    """A ``message`` record, a Member per attachment, an ``account`` record per address; ``place`` tells them apart."""
    most = limits_of(source).json_bytes
    locator = source.locator.at(place)
    content = where.read(most, str(locator))
    parsed = held_open(("mail", where), lambda: _Parsed(content))
    message = parsed.message
    claims: list[Claim] = []
    people: dict[str, tuple[str, str]] = {}
    if mailbox:
        claims.append(assert_claim("conversation", mailbox))
    claims.extend(_writers(message, people))
    claims.extend(_recipients(message, people))
    claims.extend(_sent(message))
    for name, asserted in _DIRECT:
        claims.extend(assert_claim(asserted, value) for value in _header(message, name)[:1])
    claims.extend(_addresses_of_computers(message))
    body, note, used = _body(parsed)
    if body.strip():
        claims.append(assert_claim("body", body.strip(), note=note))
    members = list(_attachments(source, where, parsed, used, place, most))
    claims.extend(assert_claim("attachment", member.source.name) for member in members)
    claims.extend(mentioned(body))
    extra = tuple((name.lower(), clean(value)[:2000]) for name in _KEPT for value in _header(message, name)[:1])
    yield Record("message", locator, tuple(claims), reader, extra)
    yield from members
    for address, (name, heading) in people.items():
        yield _person(source.locator, place, address, name, heading, reader)
    defects = sorted({type(defect).__name__ for part in parsed.parts for defect in part.defects})
    if defects:
        yield Noted(
            locator,
            "mail-defects",
            f"{locator}: the mail breaks its standard ({', '.join(defects)}); read as far as it goes.",
        )


def _person(where: Locator, place: str, address: str, name: str, heading: str, reader: str) -> Record:
    claims = [assert_claim("email", address)]
    if name:
        claims.append(assert_claim("full_name", name, note=f"as written in the {heading} header"))
    return Record("account", where.at(f"{place}, {heading} {address}".removeprefix(", ")), tuple(claims), reader)


def _header(message: Message, name: str) -> list[str]:
    """Every value of a header as decoded text; one that the decoder cannot take is given as it stands."""
    try:
        return [" ".join(clean(str(value)).split()) for value in message.get_all(name, [])]
    except Exception:  # the standard library's header parser raises many kinds on hostile headers
        raw = [str(value) for key, value in message.raw_items() if key.lower() == name.lower()]
        return [" ".join(clean(_decoded(value)).split()) for value in raw]


def _decoded(value: str) -> str:
    try:
        return str(make_header(decode_header(value)))
    except (LookupError, UnicodeError, ValueError, email.errors.HeaderParseError):
        return value


def _pairs(values: list[str]) -> Iterator[tuple[str, str]]:
    try:
        found = email.utils.getaddresses(values)
    except (RecursionError, ValueError, IndexError, TypeError, AttributeError):
        found = [("", address) for value in values for address in _PLAIN_ADDRESS.findall(value)]
    for name, address in found:
        if "@" in address:
            yield _decoded(name).strip(), address.strip("<> ")


def _writers(message: Message, people: dict[str, tuple[str, str]]) -> Iterator[Claim]:
    told: set[str] = set()
    for heading, note in _WRITERS:
        values = _header(message, heading)
        if heading == "From":
            yield from (assert_claim("sender", value) for value in values[:1])
        for name, address in _pairs(values):
            people.setdefault(address.casefold(), (name, heading))
            if address.casefold() not in told:
                told.add(address.casefold())
                yield assert_claim("email", address, note=note)
                if name and heading == "From":
                    yield assert_claim("full_name", name, note="as written in the From header")


def _recipients(message: Message, people: dict[str, tuple[str, str]]) -> Iterator[Claim]:
    told: set[str] = set()
    for heading in _READERS:
        values = _header(message, heading)
        yield from (
            assert_claim("recipient", value, note=heading) for value in values if heading in ("To", "Cc", "Bcc")
        )
        for name, address in _pairs([value.partition(" via ")[0] for value in values]):
            people.setdefault(address.casefold(), (name, heading))
            if address.casefold() not in told:
                told.add(address.casefold())
                yield assert_claim("email", address, role="contact", note=f"{heading} header")


def _sent(message: Message) -> Iterator[Claim]:
    """From the raw header: the standard library's own view of it writes ``-0000`` where no zone stood."""
    for raw in [str(value) for key, value in message.raw_items() if key.lower() == "date"][:1]:
        written = " ".join(clean(raw).split())
        moment = moment_of(written)
        if moment is None:
            yield assert_instant("sent_at", written, None, note="not a date; see the Received headers")
        else:
            yield assert_instant("sent_at", written, moment, note="" if moment.tzinfo else "no zone in the Date header")


def moment_of(written: str) -> datetime | None:
    """The instant of a Date header; ``-0000`` is UTC without saying where; without any zone it stays local."""
    try:
        moment = email.utils.parsedate_to_datetime(written)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None and re.search(r"-0000\b", written):
        return moment.replace(tzinfo=UTC)
    return moment


def _addresses_of_computers(message: Message) -> Iterator[Claim]:
    """The originating address as the sender's own; those of the Received chain as seen beside it, hop 1 the nearest."""
    told: set[str] = set()
    for name in ("X-Originating-IP", "X-Sender-IP", "X-Client-IP"):
        for value in _header(message, name):
            for found in _ADDRESS.findall(value):
                if (plain := found.strip("[]").removeprefix("IPv6:")) not in told:
                    told.add(plain)
                    yield assert_claim("ip", plain, note=f"{name} header")
    received = _header(message, "Received")
    for hop, value in enumerate(reversed(received[:50]), 1):
        for found in _ADDRESS.findall(value.partition(";")[0]):
            plain = found.strip("[]").removeprefix("IPv6:")
            if plain not in told and not plain.startswith("127.") and plain != "::1":
                told.add(plain)
                yield assert_claim("ip", plain, role="seen_with", note=f"Received header, hop {hop} of {len(received)}")


def _body(parsed: _Parsed) -> tuple[str, str, set[int]]:
    """The text of the message (plain before HTML), a note on its decoding, and which parts it came from."""
    texts: dict[str, list[int]] = {"text/plain": [], "text/html": []}
    depth_of_mail = _inside_mail(parsed)
    for number, part in enumerate(parsed.parts):
        kind = part.get_content_type()
        if kind in texts and not part.is_multipart() and not _is_attached(part) and number not in depth_of_mail:
            texts[kind].append(number)
    kind = (
        "text/plain" if any(_payload(parsed.parts[number]).strip() for number in texts["text/plain"]) else "text/html"
    )
    notes: list[str] = []
    bodies = []
    for number in texts[kind]:
        written, note = _text_of(parsed.parts[number])
        bodies.append(text_of_html(written) if kind == "text/html" else written)
        if note and note not in notes:
            notes.append(note)
    if kind == "text/html" and texts[kind]:
        notes.append("text taken from HTML")
    return "\n\n".join(bodies), "; ".join(notes), {*texts["text/plain"], *texts["text/html"]}


def _inside_mail(parsed: _Parsed) -> set[int]:
    """Numbers of the parts that lie inside an attached message, which is read as a message of its own."""
    inside: set[int] = set()
    numbers = {id(part): number for number, part in enumerate(parsed.parts)}
    for number, part in enumerate(parsed.parts):
        if number and part.get_content_type() == "message/rfc822":
            inside.update(numbers[id(below)] for below in part.walk() if below is not part)
    return inside


def _is_attached(part: Message) -> bool:
    try:
        return part.get_content_disposition() == "attachment" or bool(part.get_filename())
    except Exception:  # a disposition that the header parser cannot take
        return True


def _text_of(part: Message) -> tuple[str, str]:
    content = _payload(part)
    try:
        charset = part.get_content_charset() or "utf-8"
    except (LookupError, UnicodeError, ValueError, AttributeError):
        charset = "utf-8"
    try:
        return content.decode(charset), ""
    except (LookupError, UnicodeError):
        pass
    try:
        return content.decode("utf-8"), f"declared as {charset}, read as UTF-8"
    except UnicodeError:
        return content.decode("cp1252", "replace"), f"declared as {charset}, which fails; read as Windows-1252"


def _attachments(
    source: Source, where: Slice, parsed: _Parsed, used: set[int], place: str, most: int
) -> Iterator[Member]:
    names = Counter[str]()
    inside = _inside_mail(parsed)
    for number, part in enumerate(parsed.parts):
        kind = part.get_content_type()
        nested = kind == "message/rfc822" and number > 0
        if number in used or number in inside or (part.is_multipart() and not nested):
            continue
        if number == 0 and kind.startswith("text/"):
            continue
        try:
            name = clean(_decoded(part.get_filename() or ""))
        except Exception:  # a file name that the header parser cannot take
            name = ""
        if not name:
            name = f"part {number}" + (".eml" if nested else "")
        name = shown(" ".join(name.split()))
        names[name] += 1
        if names[name] > 1:
            name = f"{name}#{names[name]}"
        content = _payload(part)
        inner = f"{place}/{name}" if place else name
        yield Member(
            Source(source.locator.inside(inner), len(content), PartOpener(where, number, most), source.options)
        )


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style", "head", "title"):
            self.hidden += tag in ("script", "style")
        elif tag in ("br", "p", "div", "tr", "li", "table", "h1", "h2", "h3", "blockquote"):
            self.parts.append("\n")
        elif tag == "a":
            target = dict(attrs).get("href") or ""
            if target.startswith(("http", "mailto:")):
                self.parts.append(f" <{target.removeprefix('mailto:')}> ")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self.hidden = max(0, self.hidden - 1)
        elif tag in ("p", "div", "tr", "table"):
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(data)


def text_of_html(written: str) -> str:
    """The readable text of an HTML page, with the targets of links; scripts and styles left out."""
    reader = _Text()
    try:
        reader.feed(written)
        reader.close()
    except (AssertionError, ValueError, RecursionError):
        return re.sub(r"<[^>]{0,2000}>", " ", written)
    lines = (" ".join(line.split()) for line in "".join(reader.parts).splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
