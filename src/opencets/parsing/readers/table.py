"""Tables of people, accounts, logs and files: CSV, TSV, semicolon and XLSX, with guessed and correctable columns.

What a column means is guessed from its header (``columns.yaml``, some twenty languages) and from what its cells are; a
person corrects it with ``options["columns"]``. A column that means nothing here stays in ``extra`` under its header.
"""

from __future__ import annotations

import csv
import re
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib import resources
from itertools import islice

import yaml

from opencets.errors import DamagedSource, LimitReached, NotThisFormat, ValueRefused
from opencets.parsing.claims import assert_claim, clean, mentioned
from opencets.parsing.limits import limits_of, refuse_ratio
from opencets.parsing.rows import MOST_COLUMNS, Row, delimiter_of, encoding_of, fold_header, head_text, rows_of
from opencets.parsing.source import Event, Noted, Skipped, Source
from opencets.records import PROPERTIES, RECORDS, Claim, Locator, Record, Role
from opencets.values import normalise
from opencets.values.services import SERVICES

FORMAT = "table"
VERSION = "1"
LABEL = "Table (CSV, TSV, XLSX)"

_READER = f"{FORMAT}/{VERSION}"
_SAMPLE_ROWS = 300
_HEADER_ROWS = 20
_MOST_SKIPPED_ROWS = 1_000
_MOST_EXTRA_CHARS = 100_000
_MOST_HOURS = 72
_XLSX_ROWS = 1_048_576
"""Rows of a sheet, by the format (ECMA-376)."""

PARTS = frozenset(
    [
        "latitude", "longitude", "service", "pdq_quality", "camera_maker", "device_maker", "directory",
        "ends_at", "time_of_day",
    ]
)  # fmt: skip
"""Meanings of a column that are a part of another column's value, beside the properties of the vocabulary."""
_ROLES = ("own", "contact", "seen_with", "device_of", "mentioned")
_SEVERAL = frozenset(
    [
        "phone",
        "email",
        "screen_name",
        "account_id",
        "url",
        "ip",
        "imei",
        "wallet",
        "iban",
        "alias",
        "plate",
        "tag",
        "payment_handle",
    ]
)
"""Properties of which one cell may hold several, parted by line breaks, semicolons, bars or commas."""
_INSTANTS = ("happened_at", "sent_at", "registered_at", "taken_at", "created_at", "modified_at")
_DATED = (*_INSTANTS, "date_of_birth")
_DIGESTS = ("md5", "sha1", "sha256", "pdq", "photodna")
# Words of a header that speaks about another column and holds no value of it: Phone number label, Source file name.
_SENDERS = frozenset(["sender", "from", "author", "own", "absender", "von", "expéditeur", "remitente", "mittente"])
_BESIDE = frozenset(
    [
        "label",
        "type",
        "count",
        "status",
        "image",
        "picture",
        "source",
        "flag",
        "flags",
        "observed",
        "verified",
        "valid",
        "score",
        "version",
        "hash",
        "of",
    ]
)
_YES_NO = ("victim_identified", "offender_identified", "distributed")
# What the cells of a column can show by themselves, in the order in which they are tried.
_TELLING = ("email", "url", "iban", "sha256", "sha1", "md5", "ip", "wallet", "imei", "phone", "location", "happened_at")


@dataclass(frozen=True, slots=True)
class ColumnGuess:
    """What one column seems to mean.

    ``index``: 0 for the first column, the key in ``options["columns"]``. ``property``: a property of the vocabulary,
    with ``@service`` where known, or one of ``PARTS``; None where it means nothing here. ``confidence``: 0 to 1.
    ``why``: a sentence. ``samples``: up to three cells.
    """

    index: int
    header: str
    property: str | None
    confidence: float
    why: str
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Column:
    """One column as it is read: property or part, service, role, order of dates, zone by its header."""

    index: int
    header: str
    property: str
    service: str = ""
    role: Role | None = None
    order: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True)
class _Sheet:
    """One table: its name (empty in a text file), its delimiter (empty in a workbook), and the encoding of a text."""

    name: str
    encoding: str
    delimiter: str


def recognise(source: Source) -> str | None:
    """None for a workbook, and for a text that one delimiter parts into columns, of which one means something here."""
    head = source.head(4)
    if head.startswith(b"PK\x03\x04"):
        return None if _is_workbook(source) else "a ZIP archive, and no workbook in it"
    try:
        text = head_text(source)
    except NotThisFormat as refusal:
        return refusal.sentence
    start = text.lstrip()[:200]
    if start.startswith(("{", "[", "<", "%PDF", "From ", "BEGIN:", "%!")):
        return "text of another kind (JSON, XML, mail or a document)"
    named = source.name.lower().endswith((".csv", ".tsv", ".tab"))
    delimiter = delimiter_of(text, source.name)
    if delimiter is None and not named:
        return "no delimiter parts its lines into columns"
    if named or source.options.get("columns"):
        return None
    known = sum(guess.property is not None for guess in _guess(_sample_of_text(text, delimiter or ",")[0], source))
    return None if known >= 2 else "its columns mean nothing here"


def guess_columns(source: Source) -> list[ColumnGuess]:
    """What each column of the (first) table seems to mean, best guess each, before any correction.

    Reads the first 300 rows. Raises SourceRefused where the file is no table that can be read.
    """
    for sheet in _sheets(source):
        table, _ = _sample(source, sheet)
        if table:
            return _guess(table, source)
    return []


def read(source: Source) -> Iterator[Event]:
    """One record a row, of the kind that the columns say: person, account, event, message, device, media or known_file.

    ``options``: ``columns`` (index or header -> property, ``property@service``, ``contact:property``, or ""
    to leave it in ``extra``), ``kind`` (of record), ``country``, ``service``, ``zone`` (IANA), ``order`` ("dmy",
    "mdy"), ``encoding``, ``scheme`` (of categories). A row that does not fit is skipped with its number, the columns
    found and those expected.
    """
    sheets = _sheets(source)
    for sheet in sheets:
        yield from _read_sheet(source, sheet, len(sheets) > 1)


def _read_sheet(source: Source, sheet: _Sheet, several: bool) -> Iterator[Event]:
    def locator(number: int) -> Locator:
        place = f"row {number}"
        return source.locator.at(f"sheet {sheet.name}, {place}" if several else place)

    where = source.locator.at(f"sheet {sheet.name}") if several else source.locator
    table, header_row = _sample(source, sheet)
    if not table:
        if not several:
            yield Skipped(where, "empty", f"{where}: the table has no rows.")
        return
    guesses = _guess(table, source)
    columns, complaints = _corrected(guesses, source)
    for complaint in complaints:
        yield Skipped(where, "option-refused", f"{where}: {complaint}")
    if not columns:
        headers = ", ".join(guess.header for guess in guesses[:20])
        yield Skipped(
            where,
            "columns-unknown",
            f"{where}: none of its {len(guesses)} columns ({headers[:300]}) means something here; "
            "say what they mean (columns) and read it again.",
        )
        return
    orders = [_order_of(column, table, source) for column in columns]
    columns = [column for column, _ in orders]
    for _, note in orders:
        if note:
            yield Noted(where, "order-inferred" if "no other way" in note else "order-needed", f"{where}: {note}")
    for column in columns:
        if (
            column.property == "account_id"
            and not (column.service or source.options.get("service"))
            and "service" not in [one.property for one in columns]
        ):
            yield Noted(
                where,
                "service-needed",
                f"{where}: “{column.header}” holds account numbers of a service that "
                "is not named; say which (account_id@service), "
                "or they link nothing.",
            )
    header = [guess.header for guess in guesses]
    if header_row is not None and header_row.number > 1:
        yield Noted(
            where, "preamble", f"{where}: the rows above row {header_row.number}, the header, were passed over."
        )
    first = header_row.number if header_row else 0
    kind = _kind_of(columns, source)
    refused = 0
    for row in _rows(source, sheet):
        if row.number <= first:
            continue
        cells = list(row.cells)
        while len(cells) > len(header) and not cells[-1].strip():
            cells.pop()
        if not row.broken and sheet.delimiter == "":  # a workbook leaves out empty cells at the end
            cells += [""] * (len(header) - len(cells))
        if row.broken or len(cells) != len(header):
            refused += 1
            if refused <= _MOST_SKIPPED_ROWS:
                why = row.broken or f"it has {len(cells)} columns, {len(header)} expected"
                place = locator(row.number)
                yield Skipped(place, "row-refused", f"{place}: {why}; row skipped.")
            continue
        if header_row is not None and [cell.strip() for cell in cells] == header:
            continue  # the header again, as page-wise exports repeat it
        yield _record(kind, locator(row.number), columns, header, cells, source)
    if refused > _MOST_SKIPPED_ROWS:
        rest = refused - _MOST_SKIPPED_ROWS
        yield Skipped(where, "row-refused", f"{where}: {rest:,} more rows were skipped like these.")


# ---- sheets and rows


def _is_workbook(source: Source) -> bool:
    try:
        with source.open() as stream, zipfile.ZipFile(stream) as archive:
            return "xl/workbook.xml" in archive.namelist()[:10_000]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return source.name.lower().endswith((".xlsx", ".xlsm"))


def _sheets(source: Source) -> list[_Sheet]:
    if not source.head(4).startswith(b"PK\x03\x04"):
        encoding = encoding_of(source)
        delimiter = delimiter_of(head_text(source), source.name) or ","
        return [_Sheet("", encoding, delimiter)]
    import openpyxl

    _check_workbook(source)
    try:
        with source.open() as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns of styles and extensions, which carry no evidence
            book = openpyxl.load_workbook(stream, read_only=True, data_only=False, keep_links=False)
            names = [sheet.title for sheet in book.worksheets]
            book.close()
    except Exception as error:
        raise DamagedSource(
            f"{source.locator}: the workbook cannot be opened ({type(error).__name__}: {error})."
        ) from None
    return [_Sheet(name, "", "") for name in names]


def _check_workbook(source: Source) -> None:
    """Refuses bombs, encryption and document types before openpyxl sees the bytes."""
    limits = limits_of(source)
    try:
        with source.open() as stream, zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            if len(members) > 10_000:
                raise LimitReached(f"{source.locator}: {len(members):,} parts are no workbook.")
            for member in members:
                refuse_ratio(f"{source.locator} › {member.filename}", member.compress_size, member.file_size, limits)
                if member.filename.endswith("sharedStrings.xml") and member.file_size > limits.json_bytes:
                    raise LimitReached(
                        f"{source.locator}: its texts are {member.file_size:,} bytes, more than {limits.json_bytes:,}."
                    )
                if member.filename.endswith((".xml", ".rels")):
                    with archive.open(member) as part:
                        if b"<!DOCTYPE" in part.read(2048).replace(b"\0", b""):
                            raise DamagedSource(
                                f"{source.locator} › {member.filename}: declares a document type; not read."
                            )
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, zlib.error) as error:
        raise DamagedSource(f"{source.locator}: the workbook is broken ({error}).") from None


def _rows(source: Source, sheet: _Sheet) -> Iterator[Row]:
    if sheet.delimiter:
        yield from rows_of(source, sheet.encoding, sheet.delimiter)
        return
    import openpyxl

    number = 0
    try:
        with source.open() as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(stream, read_only=True, data_only=False, keep_links=False)
            page = book[sheet.name]
            page.reset_dimensions()
            for number, values in enumerate(page.iter_rows(max_row=_XLSX_ROWS, values_only=True), 1):
                cells = [_cell_text(value) for value in values]
                while cells and not cells[-1]:
                    cells.pop()
                if len(cells) > MOST_COLUMNS:
                    yield Row(number, (), f"it has {len(cells):,} columns, more than {MOST_COLUMNS:,}")
                elif cells:
                    yield Row(number, tuple(cells))
            book.close()
    except Exception as error:
        raise DamagedSource(
            f"{source.locator}: sheet {sheet.name} breaks off after row {number:,} ({type(error).__name__}: {error}); "
            "the rows before it are kept."
        ) from None


def _cell_text(value: object) -> str:
    """A cell as text: a formula as its text, never its result; a date in ISO 8601.

    A whole number without a fraction.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time(0) else value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(getattr(value, "text", value))


def _sample_of_text(text: str, delimiter: str) -> tuple[list[Row], Row | None]:
    lines = text.splitlines(keepends=True)[: 2 * _SAMPLE_ROWS]
    rows = [
        Row(number, tuple(cells))
        for number, cells in enumerate(csv.reader(lines, delimiter=delimiter), 1)
        if any(map(str.strip, cells))
    ]
    return _headed(rows[:_SAMPLE_ROWS])


def _sample(source: Source, sheet: _Sheet) -> tuple[list[Row], Row | None]:
    return _headed(list(islice((row for row in _rows(source, sheet) if not row.broken), _SAMPLE_ROWS)))


def _headed(rows: list[Row]) -> tuple[list[Row], Row | None]:
    """The sample from its header on, with the header row; without one, an invented header stands first.

    The header is the row, of the first twenty, in which most cells are known headers; else the first row if none of its
    cells is a value that tells its kind, and as long as the rows after it.
    """
    if not rows:
        return [], None
    width = Counter(len(row.cells) for row in rows).most_common(1)[0][0]
    scores = [
        sum(fold_header(cell) in _synonyms() for cell in row.cells)
        if len(row.cells) >= min(width, 2) or width == 1
        else 0
        for row in rows[:_HEADER_ROWS]
    ]
    best = max(scores)
    if best:
        place = scores.index(best)
        row = rows[place]
        if (place == 0 and len(row.cells) >= width) or best >= max(2, width / 4):
            return rows[place:], row
    first = rows[0]
    texts = [cell.strip() for cell in first.cells]
    is_header = (
        len(rows) > 1
        and len(texts) == width
        and all(texts)
        and len(set(texts)) == len(texts)
        and not any(re.fullmatch(r"[\d\W]+", text) or len(text) > 80 or any(_kinds_of(text, "")) for text in texts)
    )
    if is_header and width > 1:
        return rows, first
    invented = Row(0, tuple(f"Column {number}" for number in range(1, width + 1)))
    return [invented, *rows], None


# ---- what the columns mean


@cache
def _synonyms() -> dict[str, str]:
    text = resources.files(__package__).joinpath("columns.yaml").read_text("utf-8")
    table: dict[str, list[str]] = yaml.safe_load(text)
    return {fold_header(str(word)): name for name, words in reversed(table.items()) for word in words}


def _guess(table: list[Row], source: Source) -> list[ColumnGuess]:
    header, body = table[0].cells, table[1:]
    country = str(source.options.get("country") or "")
    guesses = []
    for index, title in enumerate(header):
        cells = [row.cells[index].strip() for row in body if index < len(row.cells) and row.cells[index].strip()]
        guesses.append(_guess_column(index, title.strip() or f"Column {index + 1}", cells, country))
    return _settled(guesses)


def _guess_column(index: int, header: str, cells: list[str], country: str) -> ColumnGuess:
    samples = tuple(cell[:80] for cell in cells[:3])
    by_header, exact = _by_header(header)
    shown = cells[:60]
    counts: Counter[str] = Counter(kind for cell in shown for kind in _kinds_of(cell, country))
    shares = {kind: counts[kind] / len(shown) for kind in _TELLING if counts[kind]} if shown else {}
    telling = next((kind for kind in _TELLING if shares.get(kind, 0) >= 0.8), None)
    if by_header is not None:
        name = by_header.partition("@")[0]
        if name in ("time_of_day", "happened_at") and telling == "happened_at":
            return ColumnGuess(
                index, header, "happened_at", 0.95, f"header “{header}”, and its cells have date and time", samples
            )
        share = shares.get(name, 0.0)
        if name in _TELLING[:-2] and shown:
            if share >= 0.5:
                return ColumnGuess(
                    index, header, by_header, 0.99, f"header “{header}”, and {share:.0%} of its cells are one", samples
                )
            if telling and telling != name:
                return ColumnGuess(
                    index,
                    header,
                    telling,
                    0.7,
                    f"its cells are ({shares[telling]:.0%}), whatever the header “{header}” says",
                    samples,
                )
            if share < 0.1 and len(shown) >= 5 and not (name == "phone" and not country):
                return ColumnGuess(
                    index, header, by_header, 0.4, f"header “{header}”, but hardly a cell is one", samples
                )
        elif name == "location" and share < 0.1:
            return ColumnGuess(index, header, None, 0.0, f"header “{header}”, but no cell is a position", samples)
        elif name == "screen_name" and telling in ("email", "phone", "url"):
            return ColumnGuess(
                index,
                header,
                telling,
                0.8,
                f"its cells are ({shares[telling]:.0%}), whatever the header “{header}” says",
                samples,
            )
        return ColumnGuess(index, header, by_header, 0.9 if exact else 0.7, f"header “{header}”", samples)
    if telling and (len(shown) >= 2 or telling in ("email", "url", "iban", "ip")):
        confidence = 0.75 if len(shown) >= 5 else 0.6
        return ColumnGuess(index, header, telling, confidence, f"{shares[telling]:.0%} of its cells are one", samples)
    return ColumnGuess(index, header, None, 0.0, "neither the header nor the cells are known here", samples)


def _by_header(header: str) -> tuple[str | None, bool]:
    """(property, whether the whole header is known). ``Kik username`` is a screen name with its service."""
    folded = fold_header(header)
    zone = re.sub(r"\b(?:utc|gmt|z|local|local time)\b", " ", folded).split()
    folded = " ".join(zone) or folded
    if folded in _synonyms():
        return _synonyms()[folded], True
    words = folded.split()
    for size in range(min(3, len(words) - 1), 0, -1):
        service = SERVICES.get("_".join(words[:size])) or SERVICES.get(" ".join(words[:size]))
        if service:
            rest = _synonyms().get(" ".join(words[size:]))
            if " ".join(words[size:]) in ("id", "number") or rest == "account_id":
                return f"account_id@{service}", True
            if rest in ("screen_name", "full_name", "alias") or " ".join(words[size:]) in ("handle", "account", "user"):
                return f"screen_name@{service}", True
            if rest == "url":
                return rest, True
    if len(words) == 1 and SERVICES.get(folded) not in (None, "unknown", "line", "signal", "session", "element"):
        return f"screen_name@{SERVICES[folded]}", True
    if words and words[-1].isdecimal() and " ".join(words[:-1]) in _synonyms():  # Phone 2
        return _synonyms()[" ".join(words[:-1])], True
    if _BESIDE & set(words):
        return None, False
    for size in range(min(4, len(words) - 1), 0, -1):  # the longest known run of words, from the right
        for start in range(len(words) - size, -1, -1):
            run = " ".join(words[start : start + size])
            name = _synonyms().get(run)
            if name and (
                size > 1 or (name in ("email", "phone", "imei", "iban", "ip", "date_of_birth") and len(words) <= 3)
            ):
                return name, False
    return None, False


def _kinds_of(cell: str, country: str) -> Iterator[str]:
    """The kinds that a cell tells by itself; cheap tests first, so that a long column costs little."""
    cell = cell.strip()
    if not 4 <= len(cell) <= 400:
        return
    tests = (
        ("email", "@" in cell and " " not in cell.strip(), "email"),
        ("phone", cell.lower().endswith(("@s.whatsapp.net", "@c.us")), "phone"),
        ("url", cell[:8].lower().startswith(("http://", "https://", "hxxp", "www.")), "url"),
        ("iban", bool(re.match(r"[A-Za-z]{2}\d{2}[ A-Za-z0-9]{10,40}$", cell)), "iban"),
        ("md5", len(cell) == 32, "md5"),
        ("sha1", len(cell) == 40, "sha1"),
        ("sha256", len(cell) == 64, "sha256"),
        ("ip", cell.count(".") == 3 or cell.count(":") >= 2, "ip"),
        ("wallet", len(cell) >= 25 and " " not in cell, "wallet"),
        ("imei", bool(re.fullmatch(r"\d[\d -]{13,18}\d?", cell)), "imei"),
        ("phone", bool(re.match(r"\(?\+\s?\d|00[1-9]\d{7}", cell)), "phone"),
        ("phone", bool(country) and bool(re.match(r"\(?0\d[\d ()/.-]{6,}$", cell)), "phone"),
        ("location", bool(re.match(r"[+-]?\d{1,3}\.\d{3,}\s*[,;/ ]\s*[+-]?\d{1,3}\.\d{3,}", cell)), "place"),
        ("happened_at", len(cell) >= 14 and bool(re.search(r"\d:\d\d", cell)), "instant"),
    )  # fmt: skip
    for name, worth, kind in tests:
        if worth:
            try:
                normalise(kind, cell, country=country, order="dmy")
            except ValueRefused:
                continue
            yield name


def _settled(guesses: list[ColumnGuess]) -> list[ColumnGuess]:
    """The guesses seen together: a model beside camera columns, a date of a log, a second start."""
    names = [guess.property for guess in guesses]
    seen: Counter[str] = Counter()
    settled = []
    for guess in guesses:
        name = guess.property
        if name == "camera_model" and fold_header(guess.header) == "model" and "camera_serial" not in names:
            guess = replace(guess, property="device_model")
        if name == "camera_maker" and fold_header(guess.header) == "make" and "camera_serial" not in names:
            guess = replace(guess, property="device_maker")
        if name == "happened_at":
            seen[name] += 1
            if seen[name] > 1:  # one log row happens once; a second time (not the end) describes something else
                guess = replace(
                    guess, property=None, confidence=0.0, why="another column already says when it happened"
                )
            elif "sent_at" not in names and "body" in names:
                guess = replace(guess, property="sent_at")
        if name == "time_of_day" and not any(one in names for one in ("happened_at", "sent_at")):
            guess = replace(guess, property="happened_at", confidence=0.5)
        settled.append(guess)
    return settled


def _corrected(guesses: list[ColumnGuess], source: Source) -> tuple[list[_Column], list[str]]:
    """The columns that are read, after what a person said; and what could not be done of it."""
    raw = source.options.get("columns")
    said = {str(key): str(value or "") for key, value in raw.items()} if isinstance(raw, dict) else {}
    complaints = []
    columns = []
    for guess in guesses:
        wanted = said.pop(str(guess.index), None)
        by_title = said.pop(guess.header, None)
        meaning = wanted if wanted is not None else by_title if by_title is not None else (guess.property or "")
        if not meaning:
            continue
        role_said, colon, rest = meaning.partition(":")
        role: Role | None = None
        if colon and role_said in _ROLES:
            role, meaning = role_said, rest  # type: ignore[assignment]
        name, _, service = meaning.partition("@")
        if name not in PROPERTIES and name not in PARTS:
            complaints.append(
                f"column {guess.index} (“{guess.header}”) was called “{name}”, "
                "which is no property known here; left unread."
            )
            continue
        zone = "UTC" if re.search(r"\b(?:UTC|GMT)\b(?!\s*[+-]\s*\d)", guess.header, re.IGNORECASE) else ""
        columns.append(_Column(guess.index, guess.header, name, service, role, "", zone))
    complaints.extend(f"there is no column “{key}” to be read as “{value}”." for key, value in said.items())
    return columns, complaints


def _order_of(column: _Column, table: list[Row], source: Source) -> tuple[_Column, str]:
    """The column with its order of day and month: as said, or as its own cells prove it (and then a sentence)."""
    if column.property not in _DATED and column.property != "ends_at":
        return column, ""
    if said := str(source.options.get("order") or ""):
        return replace(column, order=said), ""
    day_first: list[int] = []
    month_first: list[int] = []
    either: list[int] = []
    for row in table[1:]:
        cell = row.cells[column.index] if column.index < len(row.cells) else ""
        if found := re.match(r"\s*(\d{1,2})[/-](\d{1,2})[/-](?:\d{4}|\d{2})\b", cell):
            if int(found[1]) > 12 >= int(found[2]):
                day_first.append(row.number)
            elif int(found[2]) > 12 >= int(found[1]):
                month_first.append(row.number)
            elif int(found[1]) != int(found[2]):
                either.append(row.number)
    if day_first and month_first:
        return (
            column,
            f"dates in “{column.header}” are written in both orders (rows "
            f"{day_first[0]} and {month_first[0]}); say which (order).",
        )
    if not day_first and not month_first:
        return (
            column,
            f"dates in “{column.header}” can be read in two ways (row {either[0]}); say which (order)."
            if either
            else "",
        )
    order, row_number = ("dmy", day_first[0]) if day_first else ("mdy", month_first[0])
    words = "day first" if order == "dmy" else "month first"
    return replace(
        column, order=order
    ), f"dates in “{column.header}” are read {words}, as row {row_number} can be read in no other way."


def _kind_of(columns: list[_Column], source: Source) -> str:
    said = str(source.options.get("kind") or "")
    if said in RECORDS:
        return said
    names = {column.property for column in columns}
    if names & set(_DIGESTS):
        return "media" if names & {"file_name", "file_path", "directory"} else "known_file"
    if "body" in names or ("sent_at" in names and names & {"sender", "recipient", "conversation"}):
        return "message"
    person = {"full_name", "given_name", "family_name", "date_of_birth", "place_of_birth", "street", "national_id"}
    # A call list lists the others: their numbers are contacts, whatever the heading of its times.
    calls = {"phone", "duration"} <= names
    if ("happened_at" in names or calls) and (not names & (person - {"full_name"}) or "action" in names):
        return "event"
    if names & person:
        return "person"
    if names & {"screen_name", "account_id", "registered_at"}:
        return "account"
    if names & {"imei", "mac", "device_serial"} and not names & {"email", "phone"}:
        return "device"
    if names & {"file_name", "file_path", "taken_at", "camera_serial"}:
        return "media"
    return "person"


# ---- one row


def _record(
    kind: str, where: Locator, columns: list[_Column], header: list[str], cells: list[str], source: Source
) -> Record:
    values: dict[str, str] = {}
    for column in columns:
        if cells[column.index].strip():
            values.setdefault(column.property, cells[column.index].strip())
    claims: list[Claim] = []
    extra: list[tuple[str, str]] = []
    read_columns = {column.index: column for column in columns}
    for index, cell in enumerate(cells):
        meant = read_columns.get(index)
        if not cell.strip():
            continue
        if meant is None or meant.property in PARTS:
            if meant is None or meant.property not in ("latitude", "longitude"):
                extra.append((clean(header[index])[:200], clean(cell)[:_MOST_EXTRA_CHARS]))
            continue
        claims.extend(_claims(meant, cell.strip(), values, kind, source))
    claims.extend(_joined(columns, values, kind, source, extra))
    return Record(kind, where, tuple(_once(claims)), _READER, tuple(extra))


def _role(column: _Column, kind: str) -> Role:
    """The role that a person said, else.

    In a log row the addresses stood beside, in a call list the others are contacts.
    """
    if column.role:
        return column.role
    if column.property in ("ip", "ip_hour", "ip_port", "port"):
        return "seen_with"
    if kind == "event" and column.property in ("phone", "full_name", "email"):
        return "contact"
    if kind == "message" and not _SENDERS & set(fold_header(column.header).split()):
        return "contact" if column.property in ("phone", "email", "screen_name", "account_id") else "own"
    if column.property in ("imei", "mac", "device_serial", "device_model", "camera_serial") and kind in (
        "person",
        "account",
        "event",
        "media",
    ):
        return "device_of"
    return "own"


def _context(column: _Column, values: dict[str, str], source: Source) -> dict[str, str]:
    country = values.get("country", "")
    context = {
        "country": country.upper()
        if re.fullmatch(r"[A-Za-z]{2}", country)
        else str(source.options.get("country") or ""),
        "service": column.service or values.get("service", "") or str(source.options.get("service") or ""),
        "zone": column.zone or str(source.options.get("zone") or ""),
        "order": column.order,
    }
    if column.property == "date_of_birth":
        context["latest"] = str(source.options.get("latest") or "2025")  # two digits of a birth year are never ahead
    elif column.property == "category":
        context["scheme"] = str(source.options.get("scheme") or "UNKNOWN")
    elif column.property == "pdq":
        context["quality"] = values.get("pdq_quality", "")
    elif column.property == "camera_serial":
        context["maker"], context["model"] = values.get("camera_maker", ""), values.get("camera_model", "")
    elif column.property == "device_serial":
        context["maker"], context["model"] = values.get("device_maker", ""), values.get("device_model", "")
    elif column.property == "gender":
        context["list"] = "gender"
    elif column.property in _YES_NO:
        context["list"] = "boolean"
    return context


def _claims(column: _Column, cell: str, values: dict[str, str], kind: str, source: Source) -> Iterator[Claim]:
    context = _context(column, values, source)
    role = _role(column, kind)
    raw = cell
    if column.property in _INSTANTS and "time_of_day" in values and not re.search(r"\d[:h]\d\d", cell):
        raw = f"{cell} {values['time_of_day']}"
    if column.property == "camera_model" and "camera_maker" in values:
        maker = values["camera_maker"]
        raw = cell if cell.lower().startswith(maker.lower()) else f"{maker} {cell}"
    if column.property == "file_name" and ("directory" in values):
        folder = values["directory"]
        mark = "\\" if "\\" in folder else "/"
        yield assert_claim("file_path", f"{folder.rstrip(mark)}{mark}{cell}")
    if column.property == "tag":
        yield from (assert_claim("tag", part.strip(), role=role) for part in re.split(r"[,;\n]", cell) if part.strip())
        return
    made = assert_claim(column.property, raw, role=role, **context)
    if made.normal is None and column.property in _SEVERAL:
        parts = [part.strip() for part in re.split(r"[\n;|,]+|\s/\s", cell) if part.strip()]
        if 1 < len(parts) <= 200:
            yield from (assert_claim(column.property, part, role=role, **context) for part in parts)
            return
    yield made
    if column.property in ("body", "comment"):
        yield from mentioned(cell[:1_000_000], context["country"])


def _joined(
    columns: list[_Column], values: dict[str, str], kind: str, source: Source, extra: list[tuple[str, str]]
) -> Iterator[Claim]:
    """What two columns say together: a position, and an address at an hour."""
    if "latitude" in values and "longitude" in values:
        made = assert_claim(
            "location", f"{values['latitude'].replace(',', '.')},{values['longitude'].replace(',', '.')}"
        )
        if made.normal is None and re.fullmatch(r"[\s0.,]*", values["latitude"] + values["longitude"]):
            extra.append(("latitude, longitude", made.raw))  # 0,0: no position, and nothing to tell
        else:
            yield made
    else:
        extra.extend((name, values[name]) for name in ("latitude", "longitude") if name in values)
    when = next((column for column in columns if column.property in ("happened_at", "registered_at")), None)
    if when is None or "ip" not in values or when.property not in values:
        return
    begin = values[when.property]
    if "time_of_day" in values and not re.search(r"\d[:h]\d\d", begin):
        begin = f"{begin} {values['time_of_day']}"
    context = _context(when, values, source)
    try:
        addresses = normalise("ip", values["ip"])
        first = normalise("instant", begin, **context)
        last = normalise("instant", values["ends_at"], **context) if "ends_at" in values else first
    except ValueRefused:
        return  # the claims on ip and time already say why
    for hour, note in _hours(first, last):
        raw = f"{values['ip']} {begin}" + (f" – {values['ends_at']}" if "ends_at" in values else "")
        try:
            normal = normalise("ip_hour", f"{addresses}@{hour}")
        except ValueRefused as refusal:
            yield Claim("ip_hour", clean(raw), "ip_hour", None, "seen_with", refusal.sentence)
            return
        yield Claim("ip_hour", clean(raw), "ip_hour", normal, "seen_with", note)
        if "port" in values and first[:13] == last[:13]:
            yield _at_port(raw, normal, values["port"])


def _at_port(raw: str, at_hour: str, port: str) -> Claim:
    """The address at its port in that hour: behind one that a carrier shares, the port tells subscribers apart."""
    try:
        normal = normalise("ip_port", at_hour, port=port)
    except ValueRefused as refusal:
        return Claim("ip_port", clean(f"{raw}, port {port}"), "ip_port", None, "seen_with", refusal.sentence)
    return Claim("ip_port", clean(f"{raw}, port {port}"), "ip_port", normal, "seen_with")


def _hours(first: str, last: str) -> Iterator[tuple[str, str]]:
    """Every hour from first to last, up to 72; beyond that only both ends."""
    if not (first.endswith("Z") and last.endswith("Z")) or last <= first:
        yield first, ""
        return
    begin, end = (datetime.fromisoformat(moment[:13] + ":00:00") for moment in (first, last))
    count = int((end - begin).total_seconds() // 3600) + 1
    if count > _MOST_HOURS:
        note = f"one end of {count:,} hours"
        yield first, note
        yield last, note
        return
    for step in range(count):
        hour = begin + timedelta(hours=step)
        yield f"{hour:%Y-%m-%dT%H}:00:00Z", "" if count == 1 else f"one of {count} hours of the session"


def _once(claims: list[Claim]) -> Iterator[Claim]:
    seen: set[tuple[str, str, str]] = set()
    for claim in claims:
        key = (claim.property, claim.role, claim.normal if claim.normal is not None else claim.raw)
        if key not in seen:
            seen.add(key)
            yield claim
