"""What a limited process makes of a list of known files: entries, and the lines that are none.

Runs without Django, database or master key, as ``evidence.examine`` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from opencets.packing.blobs import Opening
from opencets.parsing import FileRead, Noted, Skipped, Source, walk
from opencets.records import Locator, Record

ENTRIES_AT_ONCE = 5_000
LINES_AT_ONCE = 300
_QUALITY = re.compile(r"quality (\d{1,3})")


@dataclass(frozen=True, slots=True)
class ListRead:
    """One list to read: its name, size in bytes, how it is opened, what a person said of it."""

    name: str
    size: int
    opening: Opening
    options: dict[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One known file: digests in lower-case hexadecimal, PDQ as 32 bytes, category written SCHEME:code."""

    md5: str = ""
    sha1: str = ""
    sha256: str = ""
    pdq: bytes | None = None
    quality: int | None = None
    category: str = ""
    series: str = ""
    affirmed: int = 0
    doubted: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """Something of the list that is no entry: where, a code for machines, a sentence for people."""

    place: str
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Found:
    """Some entries and lines; ``skipped`` counts all lines that are no entry, also those not listed."""

    entries: tuple[Entry, ...] = ()
    lines: tuple[Line, ...] = ()
    skipped: int = 0
    format: str = ""


@dataclass(slots=True)
class _Gathered:
    entries: list[Entry] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    skipped: int = 0
    others: int = 0

    def give(self, read_as: str = "") -> Found:
        found = Found(tuple(self.entries), tuple(self.lines[:LINES_AT_ONCE]), self.skipped, read_as)
        self.entries.clear()
        self.lines.clear()
        self.skipped = 0
        return found


def read_entries(task: ListRead) -> Iterator[Found]:
    """The entries of a list in its order, also of lists inside an archive."""
    options: dict[str, object] = dict(task.options)
    source = Source(Locator((task.name,)), task.size, task.opening, options)
    gathered, read_as = _Gathered(), ""
    for event in walk(source):
        if isinstance(event, Record):
            entries = list(entries_of(event))
            gathered.entries.extend(entries)
            if not entries:
                gathered.others += 1
        elif isinstance(event, Skipped):
            gathered.skipped += 1
            gathered.lines.append(Line(str(event.locator), event.code, event.sentence))
        elif isinstance(event, Noted):
            gathered.lines.append(Line(str(event.locator), f"note:{event.code}", event.sentence))
        elif isinstance(event, FileRead):
            read_as = event.format if event.records else read_as
        if len(gathered.entries) >= ENTRIES_AT_ONCE or len(gathered.lines) >= LINES_AT_ONCE:
            yield gathered.give(read_as)
    if gathered.others:
        sentence = f"{task.name}: what it holds beside known files with a digest ({gathered.others:,}) was left out."
        gathered.lines.append(Line(task.name, "note:no-digest", sentence))
    yield gathered.give(read_as)


def entries_of(record: Record) -> Iterator[Entry]:
    """A known-file record as entries: one with its digests and first PDQ, one more for each further PDQ (frames of a video).

    A graded media record of a VICS case counts too; any other record is none.
    """
    category = record.first("category") or ""
    if record.kind != "known_file" and not (record.kind == "media" and category):
        return
    digests = {name: _digest(record, name) for name in ("md5", "sha1", "sha256")}
    series = (record.first("series") or "")[:200].replace("\x00", "\ufffd")
    codes = [
        (bytes.fromhex(claim.normal), _quality(claim.note))
        for claim in record.claims
        if claim.property == "pdq" and claim.normal and re.fullmatch(r"[0-9a-f]{64}", claim.normal)
    ]
    if not codes and not any(digests.values()):
        return
    votes = _votes(record)
    pdq, quality = codes[0] if codes else (None, None)
    graded = Entry(category=category[:60], series=series, affirmed=votes["affirmed"], doubted=votes["doubted"])
    yield replace(graded, pdq=pdq, quality=quality, md5=digests["md5"], sha1=digests["sha1"], sha256=digests["sha256"])
    for pdq, quality in codes[1:]:
        yield replace(graded, pdq=pdq, quality=quality)


def _votes(record: Record) -> dict[str, int]:
    """How many members confirm and doubt an entry, as the list says: NCMEC's feedback, or columns of that name."""
    said = {name.strip().lower().replace("_", " "): value for name, value in record.extra}
    counted = {
        "affirmed": said.get("confirmed by") or said.get("upvotes") or "",
        "doubted": said.get("doubted by") or said.get("downvotes") or "",
    }
    return {name: min(int(value), 1_000_000) if value.strip().isdecimal() else 0 for name, value in counted.items()}


def _digest(record: Record, name: str) -> str:
    length = {"md5": 32, "sha1": 40, "sha256": 64}[name]
    found = (record.first(name) or "").lower()
    return found if re.fullmatch(rf"[0-9a-f]{{{length}}}", found) else ""


def _quality(note: str) -> int | None:
    found = _QUALITY.search(note)
    return int(found[1]) if found else None
