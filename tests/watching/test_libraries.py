"""Libraries are read strictly: what a file says and the reader does not know is refused with file and line."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from opencets.errors import SourceRefused
from opencets.watching import Library, Watcher, bytes_of
from opencets.watching.noise import remarks
from opencets.watching.patterns import compile_pattern

NEUTRAL = Path(str(files("opencets.watching"))) / "libraries" / "neutral"
HEAD = "format: opencets phrases 1\nname: small\nversion: 2\nsentence: Harmless.\nsource: tests\n"
THEME = "language: en\ntheme: trips\nseverity: 3\n"


def _file(folder: Path, body: str, name: str = "small.yaml") -> Path:
    path = folder / name
    path.write_text(body, "utf-8")
    return path


def test_the_example_library_finds_each_of_its_phrases_in_nine_scripts() -> None:
    library = Library.open(NEUTRAL)
    watcher = Watcher([library])
    assert len(library.languages) == 10
    for phrase in library.phrases:
        if not phrase.pattern:
            assert phrase.phrase in {hit.phrase for hit in watcher.scan(f"({phrase.phrase.upper()})")}
    assert not [remark for remark in remarks(library) if remark.serious]


def test_a_library_travels_as_bytes_and_keeps_its_digest(tmp_path: Path) -> None:
    library = Library.open(NEUTRAL)
    assert Library.from_bytes(bytes_of(library)) == library
    assert Library.from_bytes(bytes_of(library)).digest == library.digest
    one = Library.open(_file(tmp_path, HEAD + THEME + "phrases: [blue kiosk, green umbrella]\n"))
    other = Library.open(_file(tmp_path, HEAD + THEME + "phrases:\n  - green umbrella\n  - phrase: blue kiosk\n"))
    assert one.digest == other.digest
    for changed in (
        b"",
        b"[]",
        b"{}",
        bytes_of(one)[:-1],
        bytes_of(one).replace(b"blue", b"blu\\u0065"),
        b"\xff",
        b"[" * 99_999,
    ):
        with pytest.raises(SourceRefused):
            Library.from_bytes(changed)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (HEAD + THEME + "phrases:\n  - {phrase: blue kiosk, severty: 4}\n", "small.yaml:10: “severty” is not known here"),
        (HEAD + THEME + "phrases:\n  - {phrase: blue kiosk, severity: 6}\n", "small.yaml:10: a number from 1 to 5"),
        (HEAD + THEME + "colour: red\n", "small.yaml:9: “colour” is not known here"),
        (HEAD + THEME + "phrases: [blue kiosk, Blue kiosk, blue kiosk]\n", "“blue kiosk” stands already at small.yaml:9"),
        (HEAD + THEME + "phrases: [no]\n", "“no” is read by YAML as no text"),
        (HEAD + THEME + "phrases: ['!!']\n", "“!!” has fewer than 2 letters"),
        (HEAD + THEME + "phrases: [a: 1]\n", "small.yaml:9: “a” is not known here"),
        (HEAD + THEME + "phrases: {}\n", "small.yaml:9: a list is expected"),
        (HEAD + THEME + "phrases: []\n", "holds no phrase"),
        (HEAD + THEME + "phrases: [&a blue kiosk, *a]\n", "anchors"),
        (HEAD + THEME + "phrases: [{phrase: blue kiosk, contexts: [alone]}]\n", "there is no context “alone”"),
        (HEAD + THEME + "contexts: {a: {sentence: x, by: 1}}\nphrases: [ab cd]\n", "names no words, direction"),
        (HEAD + THEME + "contexts: {a: {sentence: x, words: [y z]}}\nphrases: [ab cd]\n", "needs either by"),
        (HEAD + THEME + "contexts: {a: {sentence: x, by: 1, direction: up}}\nphrases: [ab cd]\n", "“up” is no direction"),
        (HEAD + THEME + "patterns: [{pattern: '(a+)+b', near: blue kiosk}]\n", "a repeat has no end"),
        (HEAD + THEME + "patterns: [{pattern: '(', near: blue kiosk}]\n", "the pattern cannot be read"),
        (HEAD.replace("phrases 1", "phrases 9") + THEME, "small.yaml:1: the format is not"),
        (HEAD.replace("version: 2\n", "") + THEME, "version is missing"),
        (HEAD + "name: again\n" + THEME, "“name” stands twice"),
        (HEAD + THEME + "phrases: [blue\n", "small.yaml:10: it is no YAML"),
        ("", "is empty"),
        ("- a\n", "keys with values"),
        ("[" * 20_000, "YAML"),
        ("a: " + "x" * 300 + "\x00", "YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, body: str, told: str) -> None:
    with pytest.raises(SourceRefused) as refused:
        Library.open(_file(tmp_path, body))
    assert told in refused.value.sentence


def test_a_folder_needs_its_head_and_a_file_must_be_text(tmp_path: Path) -> None:
    _file(tmp_path, THEME + "phrases: [blue kiosk]\n", "trips.yaml")
    with pytest.raises(SourceRefused, match=r"has no library\.yaml"):
        Library.open(tmp_path)
    _file(tmp_path, HEAD, "library.yaml")
    assert [phrase.phrase for phrase in Library.open(tmp_path).phrases] == ["blue kiosk"]
    _file(tmp_path, THEME + "phrases: [green umbrella, blue kiosk]\n", "twice.yaml")
    with pytest.raises(SourceRefused, match=r"twice\.yaml:4: “blue kiosk” stands already at trips\.yaml:4"):
        Library.open(tmp_path)
    (tmp_path / "twice.yaml").write_bytes(b"language: \xff")
    with pytest.raises(SourceRefused, match="not written in UTF-8"):
        Library.open(tmp_path)
    with pytest.raises(SourceRefused, match="no phrase library at"):
        Library.open(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "pattern",
    [
        "(a{0,9}){2,9}",
        "(ab|cd){2,9}",
        r"(a)\1",
        "(?=a)b",
        "(?<=a)b",
        "a*",
        "a{0,20}b{0,20}c{0,20}",
        "a{0,3}",
        "x" * 400,
        "a{1,99}",
    ],
)
def test_a_pattern_that_could_run_away_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError):
        compile_pattern(pattern)


def test_the_worst_pattern_that_is_taken_ends_soon() -> None:
    import time

    compiled = compile_pattern(r"\w{1,32}\w{1,32}!")
    begun = time.process_time()
    assert compiled.search("a" * 1_000) is None
    assert time.process_time() - begun < 2


def test_remarks_name_what_an_author_should_look_at(tmp_path: Path) -> None:
    body = HEAD + THEME + "contexts: {a: {sentence: x, by: 1, words: [y z]}}\nphrases: [café noir, cafe noir, sun, {phrase: kiosk, severity: 5, hits_per_mb: 7}, cаfe rouge]\n"  # fmt: skip  # noqa: E501
    said = {(remark.phrase, remark.serious): remark.sentence for remark in remarks(Library.open(_file(tmp_path, body)))}
    assert "the same as" in said["café noir", True]
    assert "3 letters" in said["sun", False]
    assert "7 hits per MB" in said["kiosk", True]
    assert "single word of severity 5" in said["kiosk", False]
    assert "mixes scripts" in said["cаfe rouge", False]
    assert "context “a” is used by no phrase" in said["", False]
