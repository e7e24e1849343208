"""The letter to a provider: one content, as plain text and as PDF, with the same bytes each time on one machine.

A name is shown in its own script: the text face of the machine first, and for what it lacks the first other font that
has it. A character that no font here has is written as its code point (``‹U+1F600›``) and reported, never drawn as an
empty box. Sources: PDF 2.0 (ISO 32000-2), section 9.9 (embedded subsets); Unicode 16, annex 9 (direction of text).
"""

from __future__ import annotations

import logging
import os
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

FOLDERS: Final = ("/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts", "/System/Library/Fonts")
_TEXT_FACES: Final = (
    ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
    ("NotoSans-Regular.ttf", "NotoSans-Bold.ttf"),
    ("LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf"),
    ("Arial.ttf", "Arial Bold.ttf"),
)
_WIDTH = 78


@dataclass(frozen=True, slots=True)
class Line:
    """One value that is asked about: what, when in UTC, when in the provider's zone, and from which port."""

    kind: str
    value: str
    at_utc: str = ""
    at_theirs: str = ""
    port: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """What the letter says. ``dated``: an aware instant, also the PDF's date, so that the same letter is the same file."""

    number: str
    dated: datetime
    letterhead: tuple[str, ...]
    addressee: tuple[str, ...]
    title: str
    law: str
    subject: str
    opening: str
    zone: str
    lines: tuple[Line, ...]
    categories: tuple[str, ...]
    statements: tuple[tuple[str, str], ...]
    deadline: str
    closing: str
    signature: tuple[str, ...]
    contact: tuple[str, ...]
    draft: bool = False
    marking: str = ""
    """How the letter may be passed on, above everything else."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the letter in the order of reading: a heading with paragraphs, a list, or the table of values."""

    heading: str = ""
    paragraphs: tuple[str, ...] = ()
    bullets: tuple[str, ...] = ()
    table: tuple[Line, ...] = field(default=())
    strong: bool = False


def parts(letter: Letter) -> tuple[Part, ...]:
    """What stands between subject and signature; both forms of the letter are written from it."""
    made = [Part(paragraphs=(_flow(letter.opening),))]
    made.append(Part("What is asked about", table=letter.lines))
    made.append(Part("What is asked for", bullets=letter.categories))
    made += [Part(label, paragraphs=tuple(text.splitlines())) for label, text in letter.statements if text.strip()]
    if letter.deadline:
        made.append(Part("Until when", paragraphs=(letter.deadline,), strong=True))
    made.append(Part(paragraphs=(_flow(letter.closing),)))
    return tuple(made)


def _flow(text: str) -> str:
    return " ".join(text.split())


# --- Plain text ------------------------------------------------------------------------------------------------------


def as_text(letter: Letter) -> str:
    """The letter as plain text, 78 columns wide, for a portal or an e-mail."""
    out: list[str] = [letter.marking, ""] if letter.marking else []
    out += ["DRAFT: NOT SENT", ""] if letter.draft else []
    out += [*letter.letterhead, "", *letter.addressee, ""]
    out += [f"Number: {letter.number}", f"Date:   {letter.dated:%Y-%m-%d}", ""]
    out += textwrap.wrap(letter.subject, _WIDTH) + textwrap.wrap(f"Legal basis: {letter.law}", _WIDTH) + [""]
    for part in parts(letter):
        if part.heading:
            out.append(part.heading.upper())
        for number, line in enumerate(part.table, 1):
            out += _line_as_text(number, line, letter.zone)
        for paragraph in part.paragraphs:
            out += textwrap.wrap(paragraph, _WIDTH) or [""]
        for bullet in part.bullets:
            out += textwrap.wrap(bullet, _WIDTH, initial_indent="- ", subsequent_indent="  ")
        out.append("")
    out += [*letter.signature, "", "Contact at any hour:", *letter.contact]
    return "\n".join(out).rstrip() + "\n"


def _line_as_text(number: int, line: Line, zone: str) -> Iterator[str]:
    yield f"{number}. {line.kind}: {line.value}"
    if line.at_utc:
        yield f"   {'Time (UTC):':<24}{line.at_utc}"
    if line.at_theirs:
        yield f"   {f'Time ({zone}):':<24}{line.at_theirs}"
    if line.port:
        yield f"   {'Source port:':<24}{line.port}"
    if line.remark:
        yield from textwrap.wrap(line.remark, _WIDTH, initial_indent="   ", subsequent_indent="   ")


# --- Fonts -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Face:
    """A font file, or one font of a collection, and the characters it has."""

    path: str
    number: int
    letters: frozenset[int]


@cache
def _files(folders: tuple[str, ...]) -> tuple[str, ...]:
    """Font files, the plain sans faces first: the order decides which of several that have a character draws it."""

    def rank(path: str) -> tuple[int, str]:
        name = os.path.basename(path)
        plain = "Bold" not in name and "Italic" not in name and "Oblique" not in name and "Condensed" not in name
        order = (
            0
            if name.startswith("NotoSans") and plain
            else 1
            if name.startswith("Noto") and plain
            else 2
            if plain
            else 3
        )
        return order, name

    found = [
        str(path)
        for folder in folders
        for ending in ("*.ttf", "*.otf", "*.ttc")
        for path in Path(folder).rglob(ending)
        if "Emoji" not in path.name and "LastResort" not in path.name
    ]
    return tuple(sorted(set(found), key=rank))


@cache
def _face(path: str) -> _Face:
    from fontTools.ttLib import TTFont

    with TTFont(path, fontNumber=0, lazy=True) as font:
        return _Face(path, 0, frozenset(font.getBestCmap() or ()))


def _text_face(folders: tuple[str, ...]) -> tuple[str, str] | None:
    by_name = {os.path.basename(path): path for path in _files(folders)}
    for plain, bold in _TEXT_FACES:
        if plain in by_name:
            return by_name[plain], by_name.get(bold, by_name[plain])
    return None


def _others(wanted: set[int], folders: tuple[str, ...]) -> tuple[list[_Face], set[int]]:
    """The fonts that have what the text face lacks, and what none has."""
    chosen: list[_Face] = []
    for path in _files(folders):
        if not wanted:
            break
        try:
            face = _face(path)
        except Exception:  # a broken font file of the machine is passed over
            logging.getLogger("opencets.requesting").warning("%s cannot be read as a font.", path)
            continue
        if wanted & face.letters:
            chosen.append(face)
            wanted = wanted - face.letters
    return chosen, wanted


def _drawn(texts: Iterable[str]) -> set[int]:
    """The code points that need a shape: no controls, marks of direction, joiners or variation selectors."""
    return {
        ord(letter)
        for text in texts
        for letter in text
        if unicodedata.category(letter) not in ("Cc", "Cf") and not 0xFE00 <= ord(letter) <= 0xFE0F and letter != " "
    }


def _texts(letter: Letter) -> list[str]:
    every = [
        letter.number, letter.title, letter.law, letter.subject, letter.zone, letter.deadline, letter.marking,
        *letter.letterhead, *letter.addressee, *letter.signature, *letter.contact,
    ]  # fmt: skip
    for part in parts(letter):
        every += [part.heading, *part.paragraphs, *part.bullets]
    for line in letter.lines:
        every += [line.kind, line.value, line.at_utc, line.at_theirs, line.port, line.remark]
    return every


# --- PDF -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Written:
    """A PDF, and the characters that no font of this machine has (each written as its code point)."""

    pdf: bytes
    missing: tuple[str, ...]


def as_pdf(letter: Letter, folders: tuple[str, ...] = FOLDERS) -> Written:
    """The letter as PDF (A4), fonts embedded; the same letter is the same bytes, the fonts being the same."""
    fonts = fonts_for([*_texts(letter), "‹›•…"], folders)
    page = _sheet(letter, fonts)
    _write(page, letter, fonts.spelt, fonts.family)
    return Written(bytes(page.output()), tuple(chr(code) for code in sorted(fonts.spelt)))


@dataclass(frozen=True, slots=True)
class Fonts:
    """The fonts of this machine that draw some texts; ``spelt``: how the characters are written that none has."""

    face: tuple[str, str] | None
    others: tuple[_Face, ...]
    spelt: dict[int, str]

    @property
    def family(self) -> str:
        """The name under which a page knows them."""
        return "text" if self.face else "helvetica"

    def put_on(self, page: Any) -> None:
        """Embed them in a page of ``fpdf``."""
        logging.getLogger("fontTools").setLevel(logging.ERROR)
        if self.face:
            page.add_font("text", "", self.face[0])
            page.add_font("text", "B", self.face[1])
        names = []
        for number, other in enumerate(self.others):
            page.add_font(f"other{number}", "", other.path, collection_font_number=other.number)
            page.add_font(f"other{number}", "B", other.path, collection_font_number=other.number)
            names.append(f"other{number}")
        if names:
            page.set_fallback_fonts(names, exact_match=False)
        if self.face:
            page.set_text_shaping(True)


def fonts_for(texts: Iterable[str], folders: tuple[str, ...] = FOLDERS) -> Fonts:
    """The fonts that draw these texts, of those the machine has."""
    face = _text_face(folders)
    wanted = _drawn(texts)
    if face is None:  # the fonts that every reader of PDF has: Latin-1 alone
        others, missing = _others({code for code in wanted if code > 255}, folders)
    else:
        others, missing = _others(wanted - _face(face[0]).letters, folders)
    spelt = {code: f"‹U+{code:04X}›" if face else f"<U+{code:04X}>" for code in missing}
    return Fonts(face, tuple(others), spelt)


def _sheet(letter: Letter, fonts: Fonts) -> Any:
    from fpdf import FPDF

    family = fonts.family

    class Sheet(FPDF):
        def footer(self) -> None:
            self.set_y(-15)
            self.set_font(family, size=8)
            self.set_text_color(90)
            marked = f"{letter.marking} · " if letter.marking else ""
            self.cell(0, 5, f"{marked}{letter.number} · page {self.page_no()} of {{nb}}", align="C")
            self.set_text_color(0)

    page = Sheet(format="A4")
    page.set_creation_date(letter.dated)
    page.set_title(f"{letter.number} {letter.title}")
    page.set_lang("en")
    page.set_margins(22, 20, 22)
    page.set_auto_page_break(True, 22)
    page.alias_nb_pages()
    fonts.put_on(page)
    page.add_page()
    return page


def _write(page: Any, letter: Letter, spelt: dict[int, str], family: str) -> None:
    from fpdf.enums import TableBordersLayout, XPos, YPos
    from fpdf.fonts import FontFace

    def say(
        text: str, size: float = 10, bold: bool = False, after: float = 1.5, indent: float = 0, align: str = "L"
    ) -> None:
        page.set_font(family, "B" if bold else "", size)
        page.set_x(page.l_margin + indent)
        page.multi_cell(0, size * 0.48, text.translate(spelt), align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        page.ln(after)

    if letter.marking:
        say(letter.marking, 10, bold=True, align="R")
    if letter.draft:
        page.set_text_color(160, 0, 0)
        say("DRAFT: NOT SENT", 11, bold=True, align="R")
        page.set_text_color(0)
    for number, line in enumerate(letter.letterhead):
        say(line, 12 if number == 0 else 9, bold=number == 0, after=0)
    page.ln(2)
    page.line(page.l_margin, page.get_y(), page.w - page.r_margin, page.get_y())
    page.ln(5)
    for line in letter.addressee:
        say(line, after=0)
    page.ln(4)
    say(f"{letter.number}  ·  {letter.dated:%Y-%m-%d}", 9, after=4, align="R")
    say(letter.subject, 12, bold=True)
    say(f"Legal basis: {letter.law}", 9, after=4)
    every = parts(letter)
    below = 32 + 5 * (len(letter.signature) + len(letter.contact))
    for part in every:
        if part is every[-1] and page.will_page_break(below + 5 * (1 + len(part.paragraphs[0]) // 85)):
            page.add_page()  # nobody signs an empty sheet: what closes the letter stands above the name
        if part.heading:
            if page.will_page_break(22):
                page.add_page()
            say(part.heading, 10.5, bold=True, after=1)
        if part.table:
            page.set_font(family, size=8.5)
            with page.table(
                col_widths=(6, 24, 46, 36, 36, 18), line_height=4.4, text_align="LEFT",
                headings_style=FontFace(emphasis="BOLD", fill_color=(235, 238, 242)), padding=1,
                borders_layout=TableBordersLayout.HORIZONTAL_LINES, first_row_as_headings=True,
            ) as table:  # fmt: skip
                table.row(["", "Kind", "Value", "Time (UTC)", f"Time ({letter.zone})", "Source port"])
                for number, asked in enumerate(part.table, 1):
                    cells = [str(number), asked.kind, asked.value, asked.at_utc, asked.at_theirs, asked.port]
                    table.row([cell.translate(spelt) for cell in cells])
                    if asked.remark:
                        row = table.row()
                        row.cell("")
                        row.cell(asked.remark.translate(spelt), colspan=5)
            page.ln(3)
        for paragraph in part.paragraphs:
            say(paragraph, bold=part.strong, after=1)
        for bullet in part.bullets:
            say(f"• {bullet}" if family == "text" else f"- {bullet}", after=0.3, indent=3)
        page.ln(2.5)
    page.ln(8)
    page.line(page.l_margin, page.get_y(), page.l_margin + 70, page.get_y())
    page.ln(1.5)
    for line in letter.signature:
        say(line, after=0)
    page.ln(4)
    say("Contact at any hour", 9, bold=True, after=0.5)
    for line in letter.contact:
        say(line, 9, after=0)
