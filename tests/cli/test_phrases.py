"""``opencets phrases``: texts scanned, libraries checked, tried and compared, phrases reviewed, a model evaluated."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from opencets.cli.main import main
from opencets.watching import Library
from tests.watching.invented_chats import THEMES, write_corpus

NEUTRAL = str(Path(str(files("opencets.watching"))) / "libraries" / "neutral")


def _run(*words: str | Path, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(main, ["phrases", *map(str, words)], input=stdin)


def _library(folder: Path, version: int, *phrases: str) -> Path:
    folder.mkdir()
    said = {
        "format": "opencets phrases 1", "name": "small", "version": version, "sentence": "Harmless.", "source": "tests",
        "language": "en", "theme": "trips", "severity": 3, "phrases": [*phrases],
    }  # fmt: skip
    (folder / "library.yaml").write_text(yaml.safe_dump(said, allow_unicode=True))
    return folder


def test_scan_gives_offsets_phrase_severity_and_reason(tmp_path: Path) -> None:
    text = "Hi\r\nplease s3nd the train\r\ntimetable\n明天在蓝色报亭见面\n"
    (tmp_path / "chat.txt").write_bytes(text.encode())
    told = _run("scan", tmp_path / "chat.txt", "--library", NEUTRAL, "--json")
    assert told.exit_code == 0
    hits = [json.loads(line) for line in told.stdout.splitlines()]
    assert [(hit["start"], hit["end"], hit["line"], hit["column"], hit["phrase"], hit["severity"]) for hit in hits] == [
        (11, 36, 2, 8, "send the train timetable", 4), (39, 46, 4, 3, "在蓝色报亭见面", 5),
    ]  # fmt: skip
    assert text[11:36] == hits[0]["matched"]
    plain = _run("scan", "-", "--library", NEUTRAL, "--language", "zh", stdin=text.encode())
    assert plain.output == "4:3 [39-46] severity 5: “在蓝色报亭见面” (trips, severity 5) of neutral version 1.\n"
    quiet = _run(
        "scan", "-", "--library", NEUTRAL, "--category", "news", stdin=b"reporters said: send the train timetable"
    )
    assert (quiet.exit_code, quiet.output) == (0, "")


def test_scan_refuses_what_is_no_library_and_tells_what_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "chat.txt").write_bytes(b"\xff\xfa meet at the blue kiosk")
    refused = _run("scan", tmp_path / "chat.txt", "--library", tmp_path / "nowhere")
    assert refused.exit_code == 2
    assert "There is no phrase library at" in refused.stderr
    told = _run("scan", tmp_path / "chat.txt", "--library", NEUTRAL)
    assert "not all UTF-8" in told.stderr
    assert "meet at the blue kiosk" in told.stdout


def test_check_and_test_measure_noise_and_hold_a_noisy_library_back(tmp_path: Path) -> None:
    sample = tmp_path / "sample"
    sample.mkdir()
    (sample / "a.txt").write_text("the blue kiosk is open\n" * 50 + "drizzle\n")
    (sample / "b.txt").write_text("nothing here\n" * 50)
    library = _library(tmp_path / "small", 1, "blue kiosk", "drizzle", "green umbrella")
    told = json.loads(_run("check", library, "--sample", sample, "--json").stdout)
    assert [(each["phrase"], each["hits"]) for each in told["noise"]["phrases"]] == [("blue kiosk", 50), ("drizzle", 1)]
    assert told["noise"]["bytes"] > 1_800
    plain = _run("check", library, "--sample", sample)
    assert plain.exit_code == 0
    assert "“blue kiosk”: the blue kiosk is open" in plain.output
    held = _run("test", library, "--sample", sample)
    assert held.exit_code == 1
    assert "“blue kiosk” hits" in held.output
    assert held.output.endswith("It should not go live.\n")
    passed = _run("test", library, "--sample", sample / "b.txt", "--json")
    assert (passed.exit_code, json.loads(passed.stdout)["may_go_live"]) == (0, True)
    assert _run("check", _library(tmp_path / "twice", 1, "café noir", "cafe noir")).exit_code == 1


def test_compare_tells_what_a_new_version_finds_loses_and_weighs(tmp_path: Path) -> None:
    (tmp_path / "sample.txt").write_text("a blue kiosk\nand drizzle\nthe green umbrella\n")
    old = _library(tmp_path / "old", 1, "blue kiosk", "drizzle")
    new = _library(tmp_path / "new", 2, "blue kiosk", "green umbrella")
    (new / "library.yaml").write_text((new / "library.yaml").read_text().replace("severity: 3", "severity: 4"))
    told = json.loads(_run("compare", old, new, "--sample", tmp_path / "sample.txt", "--json").stdout)
    assert [(each["line"], each["phrase"], each["old"], each["new"]) for each in told] == [
        (0, "blue kiosk", 3, 4), (1, "drizzle", 3, 0), (2, "green umbrella", 0, 4),
    ]  # fmt: skip
    plain = _run("compare", old, new, "--sample", tmp_path / "sample.txt").output
    assert plain.startswith("1 hits more, 1 fewer, 1 of another severity.\n")


def test_precision_reads_reviews_and_refuses_others(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text("library,version,phrase,useful\n" + "small,1,drizzle,no\n" * 30)
    assert _run("precision", path).output.startswith("mute     “drizzle” of small version 1: 0 of 30 hits")
    assert json.loads(_run("precision", path, "--json").stdout)[0]["proposal"] == "mute"
    path.write_text("library,version,phrase,useful\nsmall,1,drizzle,perhaps\n")
    assert "reviews.csv:2:" in _run("precision", path).stderr
    path.write_text("phrase\ndrizzle\n")
    assert "the column library is missing" in _run("precision", path).stderr


def test_evaluate_reads_a_corpus_and_learns_weights(tmp_path: Path) -> None:
    write_corpus(tmp_path, 200, 9)
    library = _library(tmp_path / "small", 1, "drizzle")
    body = yaml.safe_load((library / "library.yaml").read_text())
    for theme, phrases in THEMES.items():
        (library / f"{theme}.yaml").write_text(
            yaml.safe_dump({"language": "en", "theme": theme, "severity": 3, "phrases": list(phrases)})
        )
    assert body["version"] == Library.open(library).version
    told = json.loads(_run("evaluate", "--pan", tmp_path, "--library", library, "--budget", 5, "--json").stdout)
    assert (told["model"], told["conversations"], told["budget"]["alerts"]) == ("baseline-1", 200, 5)
    assert told["authors"]["f0.5"] > 0.7
    learned = _run("evaluate", "--pan", tmp_path, "--library", library, "--train", tmp_path / "ours-1.yaml")
    assert learned.exit_code == 0
    assert learned.output.startswith("ours-1: ")
    assert "time to alert" in learned.output
    again = _run("evaluate", "--pan", tmp_path, "--library", library, "--weights", tmp_path / "ours-1.yaml")
    assert again.output.startswith("ours-1: 200 conversations")
    nowhere = _run("evaluate", "--pan", tmp_path, "--library", library, "--train", tmp_path / "nowhere" / "ours-1.yaml")
    assert (nowhere.exit_code, "there is no folder" in nowhere.stderr) == (2, True)
    (tmp_path / "lines.txt").write_text("c0001 one\n")
    assert "lines.txt:1:" in _run("evaluate", "--pan", tmp_path, "--library", library).stderr


@pytest.mark.parametrize("command", ["scan", "check", "test", "compare", "precision", "evaluate"])
def test_each_command_says_what_it_does(command: str) -> None:
    assert _run(command, "--help").exit_code == 0
