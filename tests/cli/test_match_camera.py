"""Camera fingerprints by command: made of a folder, compared, refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from opencets.cli.main import main
from opencets.rehearsal.sensors import InventedCamera, as_jpeg


def run(*arguments: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    own, other = InventedCamera(1, 512, 544), InventedCamera(2, 512, 544)
    for name, pixels in {
        **{f"flat/{number}.jpg": own.take(number, flat=True) for number in range(4)},
        "given/own.jpg": own.take(50),
        "given/other.jpg": other.take(50),
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(as_jpeg(pixels))
    (tmp_path / "given" / "letter.txt").write_bytes(b"ordinary text")
    return tmp_path


def test_a_fingerprint_is_made_and_finds_the_pictures_of_its_camera(folder: Path) -> None:
    made = folder / "camera.fingerprint"
    (folder / "flat" / "letter.txt").write_bytes(b"ordinary text")
    code, _, err = run("match", "fingerprint", folder / "flat", "--out", made)
    assert code == 0, err
    assert "from 4 pictures (1 left out)" in err
    code, out, err = run("match", "camera", made, folder / "given")
    rows = {Path(line.split("\t")[3]).name: line.split("\t") for line in out.splitlines()}
    assert (rows["own.jpg"][0], rows["other.jpg"][0], rows["letter.txt"][:3]) == ("yes", "no", ["-", "-", "-"])
    assert code == 1
    assert "letter.txt: No decoder" in err
    assert "1 of 3 match" in err
    code, out, _ = run("match", "camera", made, folder / "flat" / "1.jpg", "--json")
    line = json.loads(out)
    assert (code, line["match"], line["turn"], line["is_reference"]) == (0, True, 0, True)


def test_a_fingerprint_is_refused_where_it_cannot_be_one(folder: Path) -> None:
    code, _, err = run("match", "fingerprint", folder / "flat" / "1.jpg", "--out", folder / "camera.fingerprint")
    assert code == 2
    assert "at least 3" in err
    assert not (folder / "camera.fingerprint").exists()
    code, _, err = run("match", "camera", folder / "flat" / "1.jpg", folder / "given")
    assert code == 2
    assert "no camera fingerprint" in err
