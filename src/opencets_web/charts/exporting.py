"""A chart as a file: a picture (SVG), a document (PDF) with the ties in words, and CASE/UCO for other programs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opencets.packing.chart import PLAIN, SUGGESTED, TONES, Chart, bounds, case_uco, corners, short, svg
from opencets.requesting.letters import fonts_for

MOST_LISTED = 1_500


@dataclass(frozen=True, slots=True)
class File:
    """A file to be handed out."""

    name: str
    media_type: str
    content: bytes


def exported(chart: Chart, form: str, at: datetime) -> File:
    """The chart in one of ``FORMS``; the same chart at the same time is the same bytes."""
    ending, media_type, make = FORMS[form]
    stem = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in chart.title).strip("-")[:60]
    return File(f"chart-{stem or 'drawn'}-{at:%Y-%m-%d}.{ending}", media_type, make(chart, at))


def as_pdf(chart: Chart, at: datetime) -> bytes:
    """The picture on a sheet across, then the chart in words and every tie with its sentence."""
    from fpdf import FPDF
    from fpdf.enums import XPos, YPos

    logging.getLogger("fpdf").setLevel(logging.ERROR)
    names = {str(node["id"]): str(node["label"]) for node in chart.nodes}
    texts = [
        chart.title,
        chart.label,
        *chart.words,
        *names.values(),
        *(str(node["note"]) for node in chart.nodes),
        "…·–",
    ]
    fonts = fonts_for(texts + [str(tie["sentence"] or tie["label"]) for tie in chart.ties])
    family = fonts.family
    foot = f"{chart.label} · drawn {chart.drawn_at}" + (f" · SHA-256 {chart.sha256}" if chart.sha256 else "")

    class Sheet(FPDF):
        def footer(self) -> None:
            self.set_y(-12)
            self.set_font(family, size=7)
            self.set_text_color(90)
            self.cell(0, 5, f"{foot} · page {self.page_no()} of {{nb}}".translate(fonts.spelt), align="C")
            self.set_text_color(0)

    page = Sheet(orientation="L", format="A4")
    page.set_creation_date(at)
    page.set_title(chart.title.translate(fonts.spelt))
    page.set_lang("en")
    page.set_margins(14, 12, 14)
    page.set_auto_page_break(True, 14)
    page.alias_nb_pages()
    fonts.put_on(page)
    page.add_page()

    def say(text: str, size: float = 9, bold: bool = False) -> None:
        page.set_font(family, "B" if bold else "", size)
        page.multi_cell(0, size * 0.48, text.translate(fonts.spelt), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        page.ln(1)

    say(chart.title, 13, bold=True)
    _picture(page, chart, family, fonts.spelt)
    page.add_page()
    say("In words", 12, bold=True)
    for sentence in chart.words:
        say(sentence)
    say("Ties", 12, bold=True)
    for tie in chart.ties[:MOST_LISTED]:
        said = str(tie["sentence"] or tie["label"])
        when = f" ({tie['first']} to {tie['last']})" if tie["first"] else ""
        suggested = " Suggested by a program; nobody has to agree." if tie["kind"] in SUGGESTED else ""
        say(f"{names[str(tie['source'])]} – {names[str(tie['target'])]}: {said}{when}{suggested}", 8)
    if len(chart.ties) > MOST_LISTED:
        say(f"{len(chart.ties) - MOST_LISTED} more ties are on the picture and in the CASE/UCO file.", 8)
    return bytes(page.output())


def _picture(page: Any, chart: Chart, family: str, spelt: dict[int, str]) -> None:
    left, top, width, height = bounds(chart.nodes)
    begin, room, high = page.get_y() + 1, page.epw, page.h - page.get_y() - 18
    scale = min(room / width, high / height, 0.35)

    def place(x: float, y: float) -> tuple[float, float]:
        return page.l_margin + (x - left) * scale + (room - width * scale) / 2, begin + (y - top) * scale

    at = {str(node["id"]): place(float(node["x"] or 0), float(node["y"] or 0)) for node in chart.nodes}
    page.set_auto_page_break(False)
    page.set_line_width(0.15)
    page.set_draw_color(154, 164, 178)
    for tie in chart.ties:
        page.line(*at[str(tie["source"])], *at[str(tie["target"])])
    size = max(0.5, 15 * scale)
    worded = scale > 0.09 or len(chart.nodes) <= 250
    for node in chart.nodes:
        x, y = at[str(node["id"])]
        fill, line = TONES.get(str(node["kind"]), PLAIN)
        page.set_fill_color("#ffffff" if node["generic"] else fill)
        page.set_draw_color(line)
        outline = corners(str(node["kind"]), size)
        if outline:
            page.polygon([(x + across, y + down) for across, down in outline], style="DF")
        else:
            page.circle(x, y, size, style="DF")
        if worded:
            page.set_font(family, size=max(3.5, min(7, 31 * scale)))
            _middle(page, short(str(node["label"])).translate(spelt), x, y + size + 2.4)
            if node["note"]:
                _middle(page, str(node["note"]).translate(spelt), x, y - size - 1)
    page.set_draw_color(0)
    page.set_auto_page_break(True, 14)


def _middle(page: Any, text: str, x: float, y: float) -> None:
    page.text(x - page.get_string_width(text) / 2, y, text)


FORMS: dict[str, tuple[str, str, Callable[[Chart, datetime], bytes]]] = {
    "svg": ("svg", "image/svg+xml", lambda chart, at: svg(chart).encode()),
    "pdf": ("pdf", "application/pdf", as_pdf),
    "case-uco": ("jsonld", "application/ld+json", lambda chart, at: case_uco(chart)),
}
