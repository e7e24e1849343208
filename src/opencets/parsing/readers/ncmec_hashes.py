"""NCMEC hash sharing, version 2: the answer of ``/v2/entries`` as XML (namespace hashsharing.ncmec.org/hashsharing/v2).

Each image or video is one known file with its digests, PDQ and classification. Its votes, the members that confirm it
(affirmativeFeedback) and those that doubt it (negativeFeedback), are counted once each and kept as extra fields. Deleted
entries name no digest: they are told, so that a person can compare versions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from opencets.parsing.claims import assert_claim, clean
from opencets.parsing.source import Event, Noted, Skipped, Source
from opencets.records import Claim, Record

FORMAT = "ncmec_hashes"
VERSION = "1"
LABEL = "NCMEC hash sharing (XML)"

_READER = f"{FORMAT}/{VERSION}"
_NAMESPACE = "hashsharing.ncmec.org/hashsharing/v2"
_FINGERPRINTS = {"md5": "md5", "sha1": "sha1", "pdq": "pdq", "pdna": "photodna"}
_ENTRIES = ("image", "video")
_DELETED = ("deletedImage", "deletedVideo")
_CHUNK_BYTES = 1 << 16
_MOST_TEXT = 10_000


def recognise(source: Source) -> str | None:
    """None for XML whose head names the namespace of hash sharing and its queryResult."""
    head = source.head(2048)
    if b"queryResult" not in head or _NAMESPACE.encode() not in head:
        return "no queryResult of NCMEC hash sharing"
    return None


@dataclass(slots=True)
class _Entry:
    """What stood in one entry so far."""

    kind: str
    identity: str = ""
    member: str = ""
    classification: str = ""
    fingerprints: list[tuple[str, str]] = field(default_factory=list)
    confirmed_by: set[str] = field(default_factory=set)
    doubted_by: set[str] = field(default_factory=set)
    reasons: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Reading:
    """The place in the document: open elements, the entry in hand, what is ready to be given."""

    source: Source
    path: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    length: int = 0
    member: str = ""
    entry: _Entry | None = None
    number: int = 0
    deleted: int = 0
    ready: list[Event] = field(default_factory=list)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rsplit(" ", 1)[-1]
        self.path.append(name)
        self.text, self.length = [], 0
        if name in _ENTRIES and self.entry is None:
            self.number += 1
            self.entry = _Entry(name)
        elif name in _DELETED:
            self.deleted += 1
        elif name == "member":
            self.member = attributes.get("id", "")
        elif name == "reason" and self.entry is not None and attributes.get("name"):
            self.entry.reasons.append(clean(attributes["name"])[:200])

    def words(self, words: str) -> None:
        if self.length < _MOST_TEXT:
            self.text.append(words)
            self.length += len(words)

    def end(self, name: str) -> None:
        name, text = name.rsplit(" ", 1)[-1], "".join(self.text).strip()
        entry = self.entry
        if entry is not None:
            if name == "member":
                who = self.member or text
                if "affirmativeFeedback" in self.path:
                    entry.confirmed_by.add(who)
                elif "negativeFeedback" in self.path:
                    entry.doubted_by.add(who)
                else:
                    entry.member = text
            elif name == "id":
                entry.identity = text
            elif name == "classification":
                entry.classification = text
            elif name in _FINGERPRINTS and "fingerprints" in self.path and text:
                entry.fingerprints.append((_FINGERPRINTS[name], text))
            elif name == entry.kind:
                self._give(entry)
                self.entry = None
        self.path.pop()
        self.text, self.length = [], 0

    def _give(self, entry: _Entry) -> None:
        where = self.source.locator.at(f"entry {self.number}")
        scheme = str(self.source.options.get("scheme") or "NCMEC").upper()
        claims: list[Claim] = [assert_claim(name, value) for name, value in entry.fingerprints]
        if not any(claim.normal for claim in claims if claim.property != "photodna"):
            sentence = f"{where}: no digest and no PDQ can be used; entry skipped."
            self.ready.append(Skipped(where, "row-refused", sentence))
            return
        if entry.classification:
            claims.append(assert_claim("category", entry.classification, scheme=scheme))
        extra = {
            "id": entry.identity,
            "member": entry.member,
            "confirmed by": str(len(entry.confirmed_by) or ""),
            "doubted by": str(len(entry.doubted_by) or ""),
            "reasons of doubt": "; ".join(dict.fromkeys(entry.reasons)),
        }
        kept = tuple((name, clean(value)) for name, value in extra.items() if value)
        self.ready.append(Record("known_file", where, tuple(claims), _READER, kept))


class _DoctypeRefused(Exception):
    pass


def _refuse_doctype(*_: object) -> None:
    raise _DoctypeRefused


def read(source: Source) -> Iterator[Event]:
    """``known_file`` records, one an entry, in bounded memory; a document type is refused, entities are never made."""
    reading = _Reading(source)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.words
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        with source.open() as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                parser.Parse(chunk, False)
                yield from reading.ready
                reading.ready.clear()
            parser.Parse(b"", True)
    except (expat.ExpatError, _DoctypeRefused) as reason:
        why = "it declares a document type" if isinstance(reason, _DoctypeRefused) else str(reason)
        sentence = f"{source.locator}: the XML cannot be read further after {reading.number:,} entries: {why}."
        yield from reading.ready
        yield Skipped(source.locator, "broken", sentence)
        return
    yield from reading.ready
    if reading.deleted:
        sentence = (
            f"{source.locator}: {reading.deleted:,} deleted entries name no digest; a newer version leaves them out."
        )
        yield Noted(source.locator, "deleted-entries", sentence)
