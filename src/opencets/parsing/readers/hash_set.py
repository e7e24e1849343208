"""Hash sets.

One digest a line, video hash lines (frame,quality,PDQ,second), and tables of digests with named columns.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import BinaryIO

from opencets.errors import NotThisFormat
from opencets.parsing.claims import assert_claim, clean
from opencets.parsing.rows import delimiter_of, encoding_of, fold_header, head_text, rows_of
from opencets.parsing.source import Event, Noted, Skipped, Source
from opencets.records import Claim, Record

FORMAT = "hash_set"
VERSION = "1"
LABEL = "Hash set (text or table)"

_READER = f"{FORMAT}/{VERSION}"
_LENGTHS = {32: "md5", 40: "sha1", 64: "sha256"}
_LINE = re.compile(r"\s*\"?(?:0x)?([0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64})\"?[\s,;]*")
_FRAME = re.compile(r"\s*(\d{1,9}),(\d{1,3}),([0-9a-fA-F]{64}),(\d{1,9}(?:\.\d{1,9})?)\s*")
_MOST_FRAMES = 100_000
_MOST_SKIPPED_LINES = 1_000

_COLUMNS = {
    "md5": "md5", "md5 hash": "md5", "hash md5": "md5", "md5sum": "md5",
    "sha1": "sha1", "sha 1": "sha1", "sha1 hash": "sha1", "hash sha1": "sha1", "sha 1 hash": "sha1",
    "sha256": "sha256", "sha 256": "sha256", "sha256 hash": "sha256", "hash sha256": "sha256", "sha 256 hash": "sha256",
    "pdq": "pdq", "pdq hash": "pdq", "photodna": "photodna", "photo dna": "photodna", "pdna": "photodna",
    "pdq quality": "quality", "quality": "quality",
    "category": "category", "classification": "category", "grade": "category", "kategorie": "category",
    "catégorie": "category", "categoría": "category", "categoria": "category", "categorie": "category",
    "series": "series", "series name": "series", "serie": "series", "série": "series",
    "source": "comment", "comment": "comment", "comments": "comment", "note": "comment", "description": "comment",
    "tags": "tag", "tag": "tag", "size": "size_bytes", "file size": "size_bytes", "filesize": "size_bytes",
    "size bytes": "size_bytes", "mime type": "media_type", "media type": "media_type",
    "file name": "file_name", "filename": "file_name", "name": "file_name",
    "id": "", "#": "", "no": "", "date": "", "added": "", "updated": "", "date updated": "", "sha384": "", "sha512": "",
    "sha 384": "", "sha 512": "", "crc32": "", "version": "", "agency": "", "country": "", "extension": "",
    "scheme": "scheme", "confirmed by": "", "doubted by": "", "upvotes": "", "downvotes": "",
}  # fmt: skip
"""Folded header -> property; empty: kept as an extra field; ``quality`` and ``scheme`` belong to another column."""
_DIGESTS = ("md5", "sha1", "sha256", "pdq", "photodna")


def recognise(source: Source) -> str | None:
    """None for a list of digests, lines of video hashes, or a table whose columns are all those of a hash set."""
    try:
        text = head_text(source, 16_384)
    except NotThisFormat as refusal:
        return refusal.sentence
    lines = [line for line in text.splitlines()[:200] if line.strip() and not line.startswith("#")]
    if len(text) >= 16_000 and lines:
        lines = lines[:-1]  # cut in the middle
    if not lines:
        return "no line of text"
    if _FRAME.fullmatch(lines[0]) or _is_list(lines):
        return None
    delimiter = delimiter_of(text, source.name) or ","
    header = [fold_header(cell) for cell in next(csv.reader([lines[0]], delimiter=delimiter), [])]
    known = [_COLUMNS.get(cell) for cell in header]
    if not any(column in _DIGESTS for column in known):
        return "no line of digests and no column of digests"
    if None in known:
        return f"column “{header[known.index(None)]}” is not one of a hash set"
    return None


def _is_list(lines: list[str]) -> bool:
    """Whether the first line and most of the others are one digest each."""
    return bool(lines and _LINE.fullmatch(lines[0])) and sum(map(bool, map(_LINE.fullmatch, lines))) >= 0.5 * len(lines)


def read(source: Source) -> Iterator[Event]:
    """``known_file`` records: one a line or row; one in all for the frames of one video.

    64 digits can be SHA-256 or PDQ: ``options["algorithm"]`` says which, else the share of hashes with exactly half
    their bits set (PDQ cuts at the median), and the report tells the guess. ``options["scheme"]``: of the categories.
    """
    encoding = encoding_of(source)
    text = head_text(source, 65_536)
    lines = [line for line in text.splitlines()[:2000] if line.strip() and not line.startswith("#")]
    if lines and _FRAME.fullmatch(lines[0]):
        yield from _frames(source, encoding)
    elif _is_list(lines):
        yield from _lines(source, encoding, lines)
    else:
        yield from _table(source, encoding, delimiter_of(text, source.name) or ",")


def _of_64(source: Source, digests: list[str]) -> tuple[str, str]:
    """("pdq" or "sha256", why)."""
    wanted = str(source.options.get("algorithm") or "").lower().replace("-", "")
    if wanted in ("pdq", "sha256"):
        return wanted, ""
    sample = [digest for digest in digests if len(digest) == 64][:500]
    if not sample:
        return "sha256", ""
    halves = sum(int(digest, 16).bit_count() == 128 for digest in sample)
    algorithm = "pdq" if halves >= 0.3 * len(sample) else "sha256"
    label = "PDQ" if algorithm == "pdq" else "SHA-256"
    return algorithm, (
        f"digests of 64 digits are read as {label}, because {halves:,} of "
        f"{len(sample):,} have exactly half their bits set "
        "(PDQ: most, SHA-256: about 5 in 100); say the algorithm if that is wrong"
    )


def _lines(source: Source, encoding: str, sample: list[str]) -> Iterator[Event]:
    found = [match[1] for line in sample[:1000] if (match := _LINE.fullmatch(line))]
    of_64, why = _of_64(source, found)
    if why:
        yield Noted(source.locator, "algorithm-guessed", f"{source.locator}: {why}.")
    refused = 0
    with source.open() as stream:
        for number, line in enumerate(_text_lines(stream, encoding), 1):
            if not line.strip() or line.startswith("#"):
                continue
            where = source.locator.at(f"line {number}")
            match = _LINE.fullmatch(line)
            if not match:
                refused += 1
                if refused <= _MOST_SKIPPED_LINES:
                    shown = clean(line.strip())[:40]
                    yield Skipped(
                        where, "row-refused", f"{where}: “{shown}” is not a digest of 32, 40 or 64 digits; skipped."
                    )
                continue
            algorithm = of_64 if len(match[1]) == 64 else _LENGTHS[len(match[1])]
            made = assert_claim(algorithm, match[1])
            if made.normal is None:
                refused += 1
                if refused <= _MOST_SKIPPED_LINES:
                    yield Skipped(where, "row-refused", f"{where}: {made.note.rstrip('.')}; skipped.")
                continue
            yield Record("known_file", where, (made,), _READER)
    if refused > _MOST_SKIPPED_LINES:
        rest = refused - _MOST_SKIPPED_LINES
        yield Skipped(source.locator, "row-refused", f"{source.locator}: {rest:,} more lines were skipped like these.")


def _text_lines(stream: BinaryIO, encoding: str) -> Iterator[str]:
    """Lines of at most 4,096 characters; the rest of a longer line is passed over."""
    with io.TextIOWrapper(stream, encoding=encoding, errors="replace") as text:
        while line := text.readline(4096):
            whole = line
            while whole and not whole.endswith("\n"):
                whole = text.readline(4096)
            yield line


def _frames(source: Source, encoding: str) -> Iterator[Event]:
    """One record for the video: a PDQ per frame; the note holds quality and second, as a matcher needs them."""
    claims: list[Claim] = []
    frames = refused = 0
    with source.open() as stream:
        for number, line in enumerate(_text_lines(stream, encoding), 1):
            if not line.strip():
                continue
            match = _FRAME.fullmatch(line)
            if not match:
                refused += 1
                if refused <= _MOST_SKIPPED_LINES:
                    where = source.locator.at(f"line {number}")
                    yield Skipped(where, "row-refused", f"{where}: not frame,quality,PDQ,second; skipped.")
                continue
            frames += 1
            if frames <= _MOST_FRAMES:
                made = assert_claim("pdq", match[3], quality=match[2])
                note = f"quality {int(match[2])}, second {match[4]}"
                claims.append(
                    Claim("pdq", made.raw, "pdq", made.normal, "own", note if made.normal else f"{note}: {made.note}")
                )
    if frames > _MOST_FRAMES:
        yield Skipped(
            source.locator,
            "limit-reached",
            f"{source.locator}: {frames:,} frames, more than {_MOST_FRAMES:,}; the rest was not read.",
        )
    if claims:
        claims.insert(0, assert_claim("file_name", source.name.rsplit(".", 1)[0], note="the name of the list"))
        yield Record("known_file", source.locator, tuple(claims), _READER, (("frames", str(frames)),))


def _table(source: Source, encoding: str, delimiter: str) -> Iterator[Event]:
    header: list[str] = []
    columns: list[str] = []
    refused = 0
    scheme_of_file = str(source.options.get("scheme") or "UNKNOWN").upper()
    for row in rows_of(source, encoding, delimiter):
        if not header:
            header = [cell.strip() for cell in row.cells]
            columns = [_COLUMNS.get(fold_header(cell)) or "" for cell in header]
            continue
        where = source.locator.at(f"row {row.number}")
        cells = list(row.cells)
        while len(cells) > len(header) and not cells[-1].strip():
            cells.pop()
        if row.broken or len(cells) != len(header):
            why = row.broken or f"it has {len(cells)} columns, {len(header)} expected"
            refused += 1
            if refused <= _MOST_SKIPPED_LINES:
                yield Skipped(where, "row-refused", f"{where}: {why}; row skipped.")
            continue
        named = {column: cell.strip() for column, cell in zip(columns, cells, strict=True) if column and cell.strip()}
        scheme = named.get("scheme", scheme_of_file)
        claims: list[Claim] = []
        for column, cell in zip(columns, cells, strict=True):
            if not cell.strip() or column in ("", "scheme", "quality"):
                continue
            if column == "pdq":
                made = assert_claim("pdq", cell, quality=named.get("quality", ""))
                note = f"quality {named['quality']}" if made.normal and named.get("quality") else made.note
                claims.append(Claim("pdq", made.raw, "pdq", made.normal, "own", note))
            elif column == "category":
                claims.append(assert_claim("category", cell.strip(), scheme=scheme))
            elif column == "tag":
                claims.extend(assert_claim("tag", part.strip()) for part in re.split(r"[,;]", cell) if part.strip())
            else:
                claims.append(assert_claim(column, cell.strip()))
        if not any(claim.normal for claim in claims if claim.property in _DIGESTS):
            refused += 1
            if refused <= _MOST_SKIPPED_LINES:
                cause = next((claim.note for claim in claims if claim.property in _DIGESTS), "every digest is empty")
                yield Skipped(
                    where, "row-refused", f"{where}: no digest can be used ({cause.rstrip('.')}); row skipped."
                )
            continue
        extra = tuple(
            (head, clean(cell)) for head, column, cell in zip(header, columns, cells, strict=True)
            if column in ("", "scheme", "quality") and cell.strip()
        )  # fmt: skip
        yield Record("known_file", where, tuple(claims), _READER, extra)
    if refused > _MOST_SKIPPED_LINES:
        rest = refused - _MOST_SKIPPED_LINES
        yield Skipped(source.locator, "row-refused", f"{source.locator}: {rest:,} more rows were skipped like these.")
