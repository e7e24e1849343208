"""``opencets match videos``: shared footage as a table; a broken file costs a line."""

from __future__ import annotations

import csv
from pathlib import Path

from click.testing import CliRunner

from opencets.cli.match import match
from tests.hashing.test_sign import film


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(match, ["videos", *(str(argument) for argument in arguments)])
    return done.exit_code, done.output


def test_shared_footage_is_written_and_broken_files_cost_a_line_each(tmp_path: Path) -> None:
    (tmp_path / "held").mkdir()
    whole = film(6)
    (tmp_path / "held" / "whole.mp4").write_bytes(whole)
    (tmp_path / "held" / "empty.mp4").write_bytes(b"")
    (tmp_path / "held" / "cut.mp4").write_bytes(whole[:3000])
    (tmp_path / "new.mkv").write_bytes(film(4, "matroska"))
    code, told = run(tmp_path / "new.mkv", "--against", tmp_path / "held", "--out", tmp_path / "out.csv")
    assert code == 1
    assert "empty.mp4: no video" in told
    assert "cut.mp4: The video cannot be opened" in told
    assert "1 shared intervals in 1 pairs of videos" in told
    (row,) = csv.DictReader((tmp_path / "out.csv").read_text().splitlines())
    assert row["left"].endswith("new.mkv")
    assert row["right"].endswith("whole.mp4")
    assert (abs(float(row["left_end"]) - 4) <= 0.3, abs(float(row["right_begin"])) <= 0.3) == (True, True)
    assert row["sentence"].startswith("Seconds 0.0 to ")


def test_without_another_side_the_videos_are_compared_with_each_other(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(film(3))
    code, told = run(tmp_path, "--out", tmp_path / "out.csv")
    assert (code, "1 shared intervals in 1 pairs" in told) == (0, True)
