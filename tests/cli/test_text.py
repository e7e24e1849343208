"""``opencets text``: whether a recogniser is there, and the words of files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from opencets.cli.main import main
from tests.web.texts.signs import sign

SIGNS = ("--recogniser", "tests.web.texts.signs.Signs")


def test_check_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = CliRunner().invoke(main, ["text", "check", *SIGNS])
    assert (ready.exit_code, ready.output) == (0, "Ready: signs 1.\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = CliRunner().invoke(main, ["text", "check"])
    assert missing.exit_code == 1
    assert "apt-get install tesseract-ocr" in missing.output


def test_read_gives_words_boxes_and_language_and_tells_what_could_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "zimmer.png").write_bytes(sign(100))
    (tmp_path / "notes.txt").write_text("no picture")
    paths = [str(tmp_path / name) for name in ("zimmer.png", "notes.txt")]
    told = CliRunner().invoke(main, ["text", "read", *paths, *SIGNS, "--json"])
    assert told.exit_code == 1
    assert "notes.txt: The task stopped: SourceRefused: it is no picture" in told.stderr
    line = json.loads(told.stdout)
    assert (line["language"], line["script"], line["recogniser"]) == ("de", "Latin", "signs 1")
    assert line["words"][0][:2] == ["Zimmer", 95]
    plain = CliRunner().invoke(main, ["text", "read", paths[0], *SIGNS])
    assert plain.output == f"{paths[0]} (de)\n    Zimmer frei, bitte an der Rezeption fragen\n"
    assert CliRunner().invoke(main, ["text", "read", paths[0], "--languages", "no-such"]).exit_code == 2
