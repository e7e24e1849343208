"""Words read from generated pictures by the real program, and what becomes of recognisers that hang, crash or print rubbish."""

from __future__ import annotations

import shutil
import time
from functools import cache
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from opencets.errors import LimitReached
from opencets.recognising import ReadText, RecogniserFailed, RecogniserMissing, read_text, recogniser_named, tesseract
from opencets.recognising.plugging import Seen
from opencets.recognising.reading import SMALLEST_PX, in_reading_order, kept_words
from opencets.recognising.tesseract import COLUMNS, Tesseract, parse_table

LINES = ("Harbour Hotel Room 214", "Call +44 20 7946 0000", "www.example.org/room")
installed = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="tesseract is not installed; scripts/bootstrap.py test brings it as root"
)


def sign(
    *lines: str, size: tuple[int, int] = (760, 300), points: int = 36, turn: int = 0, lean: float = 0
) -> Image.Image:
    """A picture of a sign with these lines, turned clockwise by quarters, leaning by some degrees."""
    picture = Image.new("L", size, 225)
    draw = ImageDraw.Draw(picture)
    draw.ellipse((-200, 300, 260, 760), fill=150)
    font = ImageFont.load_default(points)
    for number, line in enumerate(lines):
        draw.text((size[0] // 9, size[1] // 5 + number * points * 1.6), line, font=font, fill=20)
    if lean:
        picture = picture.rotate(lean, fillcolor=225, resample=Image.Resampling.BICUBIC)
    return picture.rotate(-turn, expand=True)


@cache
def upright_reading() -> ReadText:
    """The three lines as they are read upright."""
    return read(sign(*LINES))


def read(picture: Image.Image) -> ReadText:
    return read_text(recogniser_named(), picture)


@installed
@pytest.mark.parametrize(("points", "lean"), [(16, 0), (70, 0), (36, 4)])
def test_words_of_several_sizes_are_read_in_their_order(points: int, lean: float) -> None:
    found = read(sign(*LINES[:2], size=(1100, 500), points=points, lean=lean))
    assert "Hotel Room" in found.text
    assert "7946 0000" in found.text
    assert found.text.index("Room") < found.text.index("7946")
    assert found.version.startswith("tesseract 5")


@installed
@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_picture_is_read_and_its_boxes_lie_on_the_picture_as_it_stands(turn: int) -> None:
    upright, turned = upright_reading(), read(sign(*LINES, turn=turn))
    assert turned.text == upright.text == "\n".join(LINES)
    assert (upright.turn, turned.turn) == (0, 360 - turn)
    first, there = upright.words[0], turned.words[0]
    assert (there.width > there.height) == (turn == 180)
    back = {
        90: (there.top, 1 - there.left - there.width),
        180: (1 - there.left - there.width, 1 - there.top - there.height),
        270: (1 - there.top - there.height, there.left),
    }
    assert back[turn] == pytest.approx((first.left, first.top), abs=0.02)


@installed
def test_boxes_are_shares_of_the_picture_and_small_pictures_are_enlarged() -> None:
    found = read(sign("Lantern 42", size=(300, 120), points=18))
    assert found.text == "Lantern 42"
    word = found.words[0]
    assert 0.08 < word.left < 0.16
    assert 0.15 < word.top < 0.5
    assert 0.2 < word.width < 0.35
    assert word.confidence >= 85


@installed
def test_pictures_without_words_and_hardly_any_pixels_say_nothing() -> None:
    assert read(Image.new("RGB", (200, 150), "white")).text == ""
    assert read(Image.new("L", (SMALLEST_PX - 1, 900), 255)).words == ()


@installed
def test_a_huge_picture_is_read_at_a_bounded_size() -> None:
    begun = time.monotonic()
    found = read(sign(*LINES, size=(7600, 3000), points=360))
    assert found.text == "\n".join(LINES)
    assert time.monotonic() - begun < 20


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Tesseract:
    """Another program in the place of tesseract: it answers what it is asked, and does this with a picture."""
    program = folder / "tesseract"
    program.write_text(
        "#!/bin/sh\ncase $1 in --version) echo 'tesseract 9.9';; --list-langs) printf 'List:\\neng\\nosd\\n';; *)\n"
        f"{script}\n;; esac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return Tesseract.open()


def test_without_the_program_or_its_data_the_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stand_in(tmp_path, monkeypatch, "true").version == "tesseract 9.9 eng"
    with pytest.raises(RecogniserMissing, match=r"no data for deu \(it has eng\); on Debian: apt-get install"):
        Tesseract.open("eng+deu")
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(RecogniserMissing, match="not installed; on Debian: apt-get install tesseract-ocr"):
        Tesseract.open()
    with pytest.raises(RecogniserMissing, match="OPENCETS_TEXT_RECOGNISER"):
        recogniser_named("opencets.nowhere.Reader")


@pytest.mark.parametrize(
    ("script", "refusal", "said"),
    [
        ("sleep 60", LimitReached, "took longer"),
        ("kill -SEGV $$", RecogniserFailed, "signal 11"),
        ("exit 3", RecogniserFailed, "exit status 3"),
        ("head -c 3000000 /dev/urandom", RecogniserFailed, "something else"),
        ("echo level; echo 5", RecogniserFailed, "something else"),
        ("yes rubbish", RecogniserFailed, "exit status 1"),
        ("true", RecogniserFailed, "something else"),
    ],
)
def test_a_recogniser_that_hangs_crashes_or_prints_rubbish_costs_that_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, refusal: type[Exception], said: str
) -> None:
    monkeypatch.setattr(tesseract, "SECONDS", 0.4 if script.startswith("sleep") else 20.0)
    with pytest.raises(refusal, match=said):
        stand_in(tmp_path, monkeypatch, script).read(sign(*LINES))


def row(*cells: object) -> str:
    return "\t".join(map(str, cells))


def test_rows_of_the_table_that_cannot_be_are_left_out() -> None:
    table = "\n".join(
        [
            row(*COLUMNS),
            row(1, 1, 0, 0, 0, 0, 0, 0, 900, 500, -1, ""),
            row(5, 1, 1, 1, 1, 1, 10, 20, 30, 12, 96.5, "Room"),
            row(5, 1, 1, 1, 1, 2, 50, 20, 30, 12, 91, "tab\tin it"),
            row(5, 1, 1, 1, 2, 1, "x", 20, 30, 12, 91, "no number"),
            row(5, 1, 1, 1, 2, 2, 10, 20, 30, 12, "nan", "unsure"),
            row(5, 1, 1, 1, 2, 3, -10, 20, 30, 12, 90, "outside"),
            row(5, 1, 1, 1, 2, 4, 10, 20, 30, 12, 90, " "),
            "5\t1",
            row(5, 1, 2, 1, 1, 1, 10, 90, 30, 12, 80, "Other"),
        ]
    )
    assert [(word.text, word.confidence, word.line) for word in parse_table(table.encode() + b"\n\xff\xfe\n")] == [
        ("Room", 96.5, 0),
        ("tab\tin it", 91.0, 0),
        ("Other", 80.0, 1),
    ]


def seen(text: str, confidence: float = 90, left: float = 0, top: float = 0, line: int = 0) -> Seen:
    return Seen(text, confidence, left, top, 40, 12, line)


def test_lines_that_say_nothing_surely_are_left_out() -> None:
    kept = kept_words(
        [
            seen("Harbour", 61, line=1), seen("of", 62, line=1), seen("|", 99, line=1), seen("blurred", 59, line=1),
            seen("On", 65, line=2), seen("aa", 80, line=3), seen("214", 95, line=4), seen("21", 95, line=5),
            seen("東京", 86, line=6), seen("\x00\u202eabcd", 90, line=7), seen("a" * 300, 90, line=8),
        ]
    )  # fmt: skip
    assert [word.text for word in kept] == ["Harbour", "of", "214", "東京", "\ufffdabcd"]


def test_lines_beside_each_other_are_read_in_the_direction_of_their_script() -> None:
    below, right, left = (
        seen("below", left=10, top=60, line=1),
        seen("right", left=300, top=3, line=2),
        seen("left", line=3),
    )
    assert [line[0].text for line in in_reading_order([below, right, left])] == ["left", "right", "below"]
    first, second = seen("مرحبا", left=300, line=4), seen("صديقي", left=10, top=2, line=5)
    assert [line[0].text for line in in_reading_order([second, first])] == ["مرحبا", "صديقي"]
