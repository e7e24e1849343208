"""Reading an exhibit: a file, a folder or an archive, and everything nested in it, one event after another.

``walk`` reads here, in this process; ``opencets.parsing.apart`` reads each file in a separate, limited process.
"""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from opencets.errors import LimitReached, SourceRefused
from opencets.parsing import containers
from opencets.parsing.detect import detect
from opencets.parsing.limits import DEFAULT, Budget, Limits
from opencets.parsing.source import (
    Event,
    FolderOpener,
    Member,
    Noted,
    Skipped,
    Source,
    source_of,
)
from opencets.records import Locator, Record


@dataclass(frozen=True, slots=True)
class FileRead:
    """One file was read to its end: by which format, how many records and skipped lines it gave.

    ``source`` opens the file again, for whoever wants its bytes (digests, signals).
    ``format``: the reader's FORMAT, empty where none could be chosen.
    """

    locator: Locator
    format: str
    media_type: str
    size: int
    records: int
    skipped: int
    source: Source


def read_file(source: Source, limits: Limits | None = None) -> Iterator[Event | FileRead]:
    """Reads one file and does not descend: Members are yielded for the caller to read. The last event is a FileRead.

    The only broad catch of the readers: one that fails costs one Skipped line; what it gave before is kept, and a file
    that gave nothing is still listed as a document.
    """
    if limits is not None or "limits" not in source.options:
        source = dataclasses.replace(source, options={**source.options, "limits": limits or DEFAULT})
    allowed = source.options["limits"]
    assert isinstance(allowed, Limits)
    where = source.locator
    try:
        detection = detect(source)
    except SourceRefused as refusal:
        yield Skipped(where, refusal.code, refusal.sentence)
        yield FileRead(where, "", "", source.size, 0, 1, source)
        return
    except Exception as error:
        yield Skipped(where, "unreadable", f"{where}: cannot be opened ({_cause(error)}).")
        yield FileRead(where, "", "", source.size, 0, 1, source)
        return
    reader = detection.reader
    if reader is None:
        yield Skipped(where, "no-reader", f"{where}: no reader reads it ({detection.why}).")
        yield FileRead(where, "", detection.media_type, source.size, 0, 1, source)
        return
    if detection.mislabelled:
        yield Noted(where, "mislabelled", f"{where}: {detection.mislabelled}; {detection.why}.")
    records = skipped = members = 0
    try:
        for event in reader.read(source):
            if isinstance(event, Record):
                records += 1
                if records > allowed.records:
                    raise LimitReached(f"{where}: more than {allowed.records:,} records; the rest was not read.")
            elif isinstance(event, Skipped):
                skipped += 1
            elif isinstance(event, Member):
                members += 1
            yield event
    except SourceRefused as refusal:
        skipped += 1
        sentence = refusal.sentence if source.name in refusal.sentence else f"{where}: {refusal.sentence}"
        yield Skipped(where, refusal.code, sentence)
    except Exception as error:
        skipped += 1
        told = f"{records:,} records before it are kept" if records else "nothing was read from it"
        yield Skipped(
            where,
            "damaged",
            f"{where}: the reader {reader.FORMAT}/{reader.VERSION} stopped ({_cause(error)}); {told}.",
        )
    if not (records or members) and skipped and not isinstance(source.open, FolderOpener):
        from opencets.parsing.readers import document

        try:
            for event in document.read(source):
                records += 1
                yield event
        except Exception as error:
            skipped += 1
            yield Skipped(
                where,
                "unreadable",
                f"{where}: cannot be opened again ({_cause(error)}).",
            )
    yield FileRead(
        where,
        reader.FORMAT,
        detection.media_type,
        source.size,
        records,
        skipped,
        source,
    )


def _cause(error: BaseException) -> str:
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def walk(source: Source, limits: Limits = DEFAULT) -> Iterator[Event | FileRead]:
    """Reads the source and everything nested in it, depth first: Records, Skipped, Noted, and a FileRead per file.

    Members are descended into, not yielded. Containers nested deeper than ``limits.nesting`` and exhibits that unpack
    beyond their ratio cost one Skipped line each. Archives held open are closed at the end.
    """
    try:
        yield from _walk(
            dataclasses.replace(source, options={**source.options, "limits": limits}),
            limits,
            0,
            None,
        )
    finally:
        containers.release()


def _walk(source: Source, limits: Limits, depth: int, budget: Budget | None) -> Iterator[Event | FileRead]:
    folder = isinstance(source.open, FolderOpener)
    if budget is None and not folder:
        budget = Budget(source.size, limits)
    for event in read_file(source):
        if not isinstance(event, Member):
            yield event
            continue
        refusal = refuse_member(event, limits, depth + (not folder), None if folder else budget)
        if refusal is not None:
            yield refusal
            continue
        yield from _walk(event.source, limits, depth + (not folder), None if folder else budget)


def refuse_member(member: Member, limits: Limits, depth: int, budget: Budget | None) -> Skipped | None:
    """Why a member is not descended into (too deep, or the exhibit's budget is spent), or None."""
    where = member.source.locator
    if depth > limits.nesting:
        return Skipped(
            where,
            "nesting",
            f"{where}: lies {depth} containers deep, {limits.nesting} are allowed; it was not opened.",
        )
    if budget is not None:
        try:
            budget.spend(member.source.name, member.source.size)
        except LimitReached as refusal:
            return Skipped(where, refusal.code, f"{where}: {refusal.sentence}")
    return None


@dataclass(slots=True)
class ReadingReport:
    """What was read and what was not: counts, and one line with where and why for everything skipped."""

    files: int = 0
    size: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    records: Counter[str] = field(default_factory=Counter)
    skipped: list[Skipped] = field(default_factory=list)
    skipped_beyond: Counter[str] = field(default_factory=Counter)
    notes: list[Noted] = field(default_factory=list)
    most_lines: int = 10_000

    def add(self, event: Event | FileRead) -> None:
        """Counts one event. Lines beyond ``most_lines`` are counted by their code, so that the report stays bounded."""
        if isinstance(event, Record):
            self.records[event.kind] += 1
        elif isinstance(event, FileRead):
            self.files += 1
            self.size += max(event.size, 0)
            self.formats[event.format or "unreadable"] += 1
        elif isinstance(event, Skipped):
            if len(self.skipped) < self.most_lines:
                self.skipped.append(event)
            else:
                self.skipped_beyond[event.code] += 1
        elif isinstance(event, Noted) and len(self.notes) < self.most_lines:
            self.notes.append(event)

    @property
    def skipped_count(self) -> int:
        """How many things were skipped."""
        return len(self.skipped) + self.skipped_beyond.total()

    @property
    def complete(self) -> bool:
        """Whether nothing was skipped."""
        return self.skipped_count == 0

    def as_json(self) -> dict[str, Any]:
        """The report as plain values for JSON."""
        return {
            "files": self.files,
            "size_bytes": self.size,
            "formats": dict(self.formats.most_common()),
            "records": dict(self.records.most_common()),
            "records_total": self.records.total(),
            "skipped_total": self.skipped_count,
            "skipped": [_line(one) for one in self.skipped],
            "skipped_beyond": dict(self.skipped_beyond),
            "notes": [_line(one) for one in self.notes],
        }

    def __str__(self) -> str:
        lines = [f"Read {self.files:,} files ({self.size:,} bytes): {_counts(self.formats) or 'none'}."]
        lines.append(f"Records: {self.records.total():,} ({_counts(self.records) or 'none'}).")
        if self.notes:
            lines.append(f"To know ({len(self.notes):,}):")
            lines.extend(f"  {note.sentence}" for note in self.notes)
        if self.complete:
            lines.append("Nothing was skipped.")
        else:
            lines.append(f"Skipped ({self.skipped_count:,}):")
            lines.extend(f"  [{one.code}] {one.sentence}" for one in self.skipped)
            lines.extend(f"  [{code}] and {count:,} more" for code, count in self.skipped_beyond.most_common())
        return "\n".join(lines)


def _line(one: Skipped | Noted) -> dict[str, Any]:
    return {
        "path": list(one.locator.path),
        "place": one.locator.place,
        "code": one.code,
        "sentence": one.sentence,
    }


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counter.most_common())


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything read from one path, in memory: ``records``, ``report``, ``format`` (of the path itself), ``files``."""

    records: tuple[Record, ...]
    report: ReadingReport
    format: str
    files: tuple[FileRead, ...]


def read(
    path: str | os.PathLike[str],
    *,
    limits: Limits = DEFAULT,
    options: dict[str, object] | None = None,
) -> Reading:
    """Reads a file, folder or archive into memory, with everything nested in it. See ``walk`` for streaming.

    Raises OSError only where ``path`` itself does not exist or cannot be looked at.
    """
    source = source_of(path, options=options)
    records: list[Record] = []
    files: list[FileRead] = []
    report = ReadingReport()
    for event in walk(source, limits):
        report.add(event)
        if isinstance(event, Record):
            records.append(event)
        elif isinstance(event, FileRead):
            files.append(event)
    own = next((one.format for one in files if one.locator == source.locator), "")
    return Reading(tuple(records), report, own, tuple(files))
