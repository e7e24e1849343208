"""The letter: one content as text and as PDF, the same bytes each time, names of every script, nothing boxed in silence."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pypdf import PdfReader

from opencets.requesting import Letter, Line, as_pdf, as_text

LETTER = Letter(
    number="AV-2026-0001-DR-01",
    dated=datetime(2026, 11, 22, 5, 0, tzinfo=UTC),
    letterhead=("Avon Constabulary", "1 Quay Street"),
    addressee=("Lantern Broadband", "legal@lantern.example.org"),
    title="Production",
    law="Regulation (EU) 2023/1543, articles 5 and 9",
    subject="Subscriber of an address",
    opening="You are ordered to produce\nthe evidence below.",
    zone="Europe/Berlin",
    lines=(
        Line("IP address", "203.0.113.7", "2026-11-20 10:11:12", "2026-11-20 11:11:12 +01:00", "50412"),
        Line("Screen name", "harbour kestrel"),
    ),
    categories=("Subscriber data",),
    statements=(("Offence", "Distribution"), ("Left empty", "")),
    deadline="Your answer is asked for within 10 days of receipt.",
    closing="Keep this order confidential.",
    signature=("Ines Marlow", "Investigator"),
    contact=("Avon control room", "+44 20 7946 0000"),
)
SAID = (
    "Avon Constabulary", "Lantern Broadband", "AV-2026-0001-DR-01", "2026-11-22", "Subscriber of an address",
    "Regulation (EU) 2023/1543, articles 5 and 9", "You are ordered to produce the evidence below.", "203.0.113.7",
    "2026-11-20 10:11:12", "2026-11-20 11:11:12", "+01:00", "50412", "Europe/Berlin", "harbour kestrel", "Subscriber data",
    "Distribution", "within 10 days of receipt", "Keep this order confidential.", "Ines Marlow", "+44 20 7946 0000",
)  # fmt: skip


def read_back(pdf: bytes) -> str:
    """The words of a PDF, as one line."""
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


def test_both_forms_say_the_same() -> None:
    text, pdf = " ".join(as_text(LETTER).split()), read_back(as_pdf(LETTER).pdf)
    for words in SAID:
        assert words in text
        assert words in pdf
    assert "Left empty" not in text + pdf
    assert "page 1 of 1" in pdf


def test_the_same_letter_is_the_same_file() -> None:
    assert as_pdf(LETTER).pdf == as_pdf(LETTER).pdf
    assert as_pdf(LETTER).pdf != as_pdf(replace(LETTER, number="AV-2026-0001-DR-02")).pdf
    assert as_text(LETTER) == as_text(LETTER)


def test_a_draft_says_that_it_is_one() -> None:
    assert "DRAFT: NOT SENT" in as_text(replace(LETTER, draft=True))
    assert "DRAFT: NOT SENT" in read_back(as_pdf(replace(LETTER, draft=True)).pdf)
    assert "DRAFT" not in as_text(LETTER)


def test_fonts_are_embedded_so_that_the_letter_looks_alike_everywhere() -> None:
    fonts = PdfReader(io.BytesIO(as_pdf(LETTER).pdf)).pages[0]["/Resources"]["/Font"]
    kept = [font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"] for font in fonts.values()]
    assert kept
    assert all("/FontFile2" in one.get_object() for one in kept)


def test_a_character_that_no_font_has_is_spelt_and_reported() -> None:
    strange = replace(LETTER, lines=(Line("Screen name", "kestrel \U0010fffd"),))
    written = as_pdf(strange)
    assert written.missing == ("\U0010fffd",)
    assert "‹U+10FFFD›" in read_back(written.pdf)
    assert as_pdf(LETTER).missing == ()


def test_a_machine_without_fonts_still_writes_and_reports_what_it_cannot(tmp_path: Path) -> None:
    written = as_pdf(replace(LETTER, lines=(Line("Screen name", "Ольга"),)), (str(tmp_path),))
    assert set(written.missing) >= set("Ольга")
    assert "<U+041E>" in read_back(written.pdf)
    assert "Avon Constabulary" in read_back(written.pdf)


def test_names_in_other_scripts_are_drawn_where_the_machine_has_their_fonts() -> None:
    written = as_pdf(replace(LETTER, lines=(Line("Screen name", "Ольга Łukasz Ελένη"),)))
    assert written.missing or "Ольга" in read_back(written.pdf)


def test_the_signature_never_stands_alone_on_its_page() -> None:
    for length in range(14, 40):
        facts = ("Facts", "\n".join(f"Line {number} of the facts." for number in range(length)))
        pages = PdfReader(io.BytesIO(as_pdf(replace(LETTER, statements=(facts,))).pdf)).pages
        last = pages[-1].extract_text()
        assert "Keep this order confidential." in last
        assert "Ines Marlow" in last


def test_a_long_letter_goes_over_pages_and_loses_nothing() -> None:
    many = tuple(
        Line("IP address", f"203.0.113.{number}", "2026-11-20 10:11:12", "2026-11-20 11:11:12 +01:00", "50412")
        for number in range(1, 121)
    )
    written = as_pdf(replace(LETTER, lines=many))
    said = read_back(written.pdf)
    assert len(PdfReader(io.BytesIO(written.pdf)).pages) > 2
    assert all(f"203.0.113.{number} " in said for number in range(1, 121))
