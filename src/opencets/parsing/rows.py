"""Rows of a delimited text: which encoding, which delimiter, and one row after another with bounded memory.

An encoding is never guessed: a byte order mark, else strict UTF-8, else what a person said (``options["encoding"]``).
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from opencets.errors import DamagedSource, NotThisFormat
from opencets.parsing.source import Source

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DELIMITERS = ",;\t|"
MOST_CELL_CHARS = 1_000_000
MOST_LINE_CHARS = 4_000_000
MOST_COLUMNS = 2_000
_MOST_RECOVERIES = 100


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Its number (1 is the first row of the file, as a spreadsheet shows it), its cells, or why it has none.
    """

    number: int
    cells: tuple[str, ...]
    broken: str = ""


def encoding_of(source: Source) -> str:
    """The encoding of the whole text; raises DamagedSource where no mark, no strict UTF-8 and no option tells it."""
    head = source.head(4)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    wanted = str(source.options.get("encoding") or "")
    if wanted:
        try:
            return codecs.lookup(wanted).name
        except LookupError:
            raise DamagedSource(f"{source.locator}: “{wanted}” is not an encoding known here.") from None
    with source.open() as stream:
        place = _first_broken_byte(stream)
    if place is None:
        return "utf-8"
    raise DamagedSource(
        f"{source.locator}: the text is not UTF-8 (byte {place:,}) and carries no byte order mark; "
        "say which encoding it has (for example windows-1252) and read it again."
    )


def _first_broken_byte(stream: BinaryIO) -> int | None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    read = 0
    while True:
        block = stream.read(1 << 20)
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            return max(read + error.start, 0)
        if not block:
            return None
        read += len(block)


def head_text(source: Source, count: int = 65_536) -> str:
    """The first ``count`` bytes as text for recognising; raises NotThisFormat where they are no text."""
    head = source.head(count)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return head[: len(head) // 4 * 4].decode(name, "ignore").lstrip("\ufeff")
    if head.count(0) > len(head) / 10:  # logs with a few are text; UTF-16 without a mark has them everywhere
        raise NotThisFormat("not text: it has zero bytes and no byte order mark")
    encoding = str(source.options.get("encoding") or "utf-8")
    try:
        return codecs.getincrementaldecoder(encoding)().decode(head)
    except LookupError:
        raise NotThisFormat(f"“{encoding}” is not an encoding known here") from None
    except UnicodeDecodeError:
        return head.decode("latin-1")  # for recognising only: reading will ask for the encoding


def delimiter_of(text: str, name: str = "") -> str | None:
    """The delimiter that parts most lines of a sample alike into two or more cells; None where none does.

    The tab wins ties, as it stands in no prose; a name that ends in ``.tsv`` makes it certain if it occurs at all.
    """
    sample = "\n".join(text.splitlines()[:200])
    if name.lower().endswith((".tsv", ".tab")) and "\t" in sample:
        return "\t"
    best: tuple[float, int, str] | None = None
    for delimiter in _DELIMITERS:
        counts = [
            len(cells) for cells in csv.reader(io.StringIO(sample), delimiter=delimiter) if any(map(str.strip, cells))
        ]
        if not counts:
            continue
        columns, rows = Counter(counts).most_common(1)[0]
        if columns < 2:
            continue
        alike = rows / len(counts)
        score = alike + (0.2 if delimiter == "\t" else 0) + min(columns, 20) / 100
        if alike >= 0.5 and (best is None or score > best[0]):
            best = (score, columns, delimiter)
    return best[2] if best else None


def rows_of(source: Source, encoding: str, delimiter: str) -> Iterator[Row]:
    """The rows, blank ones passed over. A row that cannot be read is given with the reason; those after it are read on.

    A quotation mark that is never closed costs its own row: the lines that it swallowed are read again by themselves.
    """
    csv.field_size_limit(max(csv.field_size_limit(), MOST_CELL_CHARS))
    with source.open() as stream, io.TextIOWrapper(stream, encoding=encoding, newline="") as text:
        lines = _Lines(text)
        number = recoveries = 0
        while True:
            lines.start_row()
            try:
                cells = next(csv.reader(lines, delimiter=delimiter), None)
                broken = "" if cells is None or not lines.ended_early(delimiter) else "a quotation mark is not closed"
            except csv.Error as error:
                cells, broken = [], str(error)
            if cells is None:
                return
            number += 1
            if lines.too_long:
                broken = f"the line is longer than {MOST_LINE_CHARS:,} characters"
            if broken and len(lines.taken) > 1 and recoveries < _MOST_RECOVERIES:
                recoveries += 1
                lines.give_back()
                broken += "; the lines after it are read by themselves"
            if broken:
                yield Row(number, (), broken)
            elif len(cells) > MOST_COLUMNS:
                yield Row(number, (), f"it has {len(cells):,} columns, more than {MOST_COLUMNS:,}")
            elif any(map(str.strip, cells)):
                yield Row(number, tuple(cells))


class _Lines:
    """Lines for the csv module, remembering those of the current row so that they can be given back."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._waiting: deque[str] = deque()
        self.taken: list[str] = []
        self.at_end = False
        self.too_long = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else self._text.readline(MOST_LINE_CHARS)
        if not line:
            self.at_end = True
            raise StopIteration
        if len(line) == MOST_LINE_CHARS and not line.endswith(("\n", "\r")):
            self.too_long = True
            while (rest := self._text.readline(MOST_LINE_CHARS)) and not rest.endswith(("\n", "\r")):
                pass
            line = line[:1000].replace('"', "") + "\n"
        self.taken.append(line)
        return line

    def start_row(self) -> None:
        self.taken = []
        self.at_end = self.too_long = False

    def ended_early(self, delimiter: str) -> bool:
        """Whether the text ended inside a quotation; only the strict mode of the csv module tells."""
        if not self.at_end or not self.taken:
            return False
        try:
            list(csv.reader(self.taken, delimiter=delimiter, strict=True))
        except csv.Error as error:
            return "unexpected end" in str(error)
        return False

    def give_back(self) -> None:
        self._waiting.extendleft(reversed(self.taken[1:]))


def fold_header(header: str) -> str:
    """A header for comparing: casefolded, marks as spaces: ``E-Mail_Address:`` -> ``e mail address``."""
    return " ".join(re.sub(r"[\W_]+", " ", header.casefold()).split())
