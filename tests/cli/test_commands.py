"""The commands as a person types them: what they print, what they write, and their exit codes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from opencets.cli.main import OWN, Commands, main
from opencets.hashing import sign
from opencets.hashing.pdq import TURNS, turned_codes
from opencets.matching import HammingIndex


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "exhibit"
    (folder / "inner").mkdir(parents=True)
    Image.effect_mandelbrot((400, 300), (-2, -1, 1, 1), 60).save(folder / "scene.png")
    Image.effect_mandelbrot((400, 300), (-2, -1, 1, 1), 60).convert("L").save(folder / "inner" / "copy.jpg")
    (folder / "letter.txt").write_bytes(b"ordinary text")
    return folder


def run(*arguments: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, done.stderr


def hash_file(path: Path, codes: np.ndarray) -> Path:
    path.write_text("".join(code.tobytes().hex() + "\n" for code in codes))
    return path


def codes_with_a_near_pair() -> np.ndarray:
    codes = np.random.default_rng(1).integers(0, 256, (50, 32), np.uint8)
    codes[40] = codes[3]
    codes[40, 0] ^= 0b111
    return codes


def test_hash_prints_a_line_of_columns_for_each_file_of_a_folder(pictures: Path) -> None:
    code, out, err = run("hash", pictures)
    assert (code, err) == (0, "")
    rows = [line.split("\t") for line in out.splitlines()]
    assert [Path(row[6]).name for row in rows] == ["letter.txt", "scene.png", "copy.jpg"]
    content = (pictures / "scene.png").read_bytes()
    signed = sign(io.BytesIO(content))
    assert signed.pdq is not None
    assert rows[1][:6] == [
        hashlib.sha256(content).hexdigest(),
        hashlib.sha1(content).hexdigest(),
        hashlib.md5(content).hexdigest(),
        signed.pdq.hex(),
        str(signed.quality),
        str(len(content)),
    ]
    assert rows[0][3:5] == ["-", "-"]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_hash_json_tells_the_trouble_of_one_file_and_goes_on(pictures: Path, jobs: str) -> None:
    (pictures / "broken.png").write_bytes((pictures / "scene.png").read_bytes()[:200])
    code, out, err = run("hash", "--json", "--jobs", jobs, pictures)
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [bool(line["trouble"]) for line in lines] == [True, False, False, False]
    assert lines[0]["sha256"] == hashlib.sha256((pictures / "broken.png").read_bytes()).hexdigest()
    assert lines[0]["pdq"] is None
    assert len(lines[2]["pdq"]) == 64
    assert err.count("broken.png") == 1


def test_hash_refuses_a_path_that_is_not_there_before_reading_any(pictures: Path) -> None:
    code, out, err = run("hash", pictures, pictures / "absent")
    assert (code, out) == (2, "")
    assert "absent does not exist; nothing was hashed." in err


def test_hash_goes_on_with_the_file_of_a_run_that_was_stopped(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "signals"
    assert run("hash", pictures, "--out", out)[0] == 0
    whole = out.read_bytes()
    assert whole.count(b"\n") == 3
    out.write_bytes(whole[: whole.index(b"\n") + 30])
    code, _, err = run("hash", pictures, "--out", out, "--resume")
    assert (code, out.read_bytes()) == (0, whole)
    assert "1 of 3 files were in" in err
    assert run("hash", pictures, "--resume")[0] == 2
    code, _, err = run("hash", pictures, "--json", "--out", out, "--resume")
    assert (code, out.read_bytes()) == (2, whole)
    assert "does not hold the JSON lines" in err


def test_a_hashing_process_that_is_killed_costs_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    content = np.random.default_rng(1).integers(0, 256, 3_000_000, np.uint8).tobytes()
    for number in range(60):
        (folder / f"{number:02}.bin").write_bytes(content)
    command = [sys.executable, "-m", "opencets.cli.main", "hash", "--json", "--jobs", "2", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)
        lines = [json.loads(line) for line in (first, *process.stdout)]
        errors = process.stderr.read()
    assert [Path(line["path"]).name for line in lines] == [f"{number:02}.bin" for number in range(60)]
    troubled = [line for line in lines if line["trouble"]]
    # it may have died between two batches, and then nothing was lost
    assert len(troubled) <= 1
    assert process.returncode == len(troubled)
    assert errors.count(".bin") == len(troubled)
    assert {line["md5"] for line in lines if not line["trouble"]} == {hashlib.md5(content).hexdigest()}


def test_hash_keeps_one_line_a_file_whatever_its_name(tmp_path: Path) -> None:
    name = os.fsdecode(b"two\nlines\tand \xff\x1b[31m")
    (tmp_path / name).write_bytes(b"text")
    os.mkfifo(tmp_path / "pipe")
    code, out, err = run("hash", tmp_path)
    assert code == 1
    assert [line.count("\t") for line in out.splitlines()] == [6, 6]
    assert "\x1b" not in out
    assert "pipe: The file could not be read: it is not an ordinary file." in err
    assert json.loads(run("hash", "--json", tmp_path / name)[1])["path"] == str(tmp_path / name)


def test_match_pairs_writes_every_pair_within_the_radius(tmp_path: Path) -> None:
    hashes = hash_file(tmp_path / "hashes.txt", codes_with_a_near_pair())
    code, out, err = run("match", "pairs", hashes, "--radius", "31", "--out", tmp_path / "pairs.csv")
    assert (code, out) == (0, "")
    assert (tmp_path / "pairs.csv").read_text() == "left,right,distance\n3,40,3\n"
    assert "1 pairs within 31 bits among 50 hashes" in err
    assert run("match", "pairs", hashes, "--radius", "2", "--out", tmp_path / "pairs.csv")[0] == 0
    assert (tmp_path / "pairs.csv").read_text() == "left,right,distance\n"


def test_match_pairs_of_a_broken_file_names_the_line_and_writes_nothing(tmp_path: Path) -> None:
    hashes = hash_file(tmp_path / "hashes.txt", codes_with_a_near_pair())
    hashes.write_text(hashes.read_text() + "not a hash\n")
    code, out, err = run("match", "pairs", hashes, "--out", tmp_path / "pairs.csv")
    assert (code, out) == (2, "")
    assert "hashes.txt, line 51" in err
    assert [entry.name for entry in tmp_path.iterdir()] == ["hashes.txt"]
    code, _, err = run(
        "match", "pairs", hash_file(hashes, codes_with_a_near_pair()), "--out", tmp_path / "no" / "p.csv"
    )
    assert code != 0
    assert "p.csv" in err


@pytest.mark.parametrize("kind", ["folder", "text"])
def test_match_query_looks_up_in_an_index_folder_or_a_text_file(tmp_path: Path, kind: str) -> None:
    codes = codes_with_a_near_pair()
    index = hash_file(tmp_path / "known.txt", codes)
    if kind == "folder":
        index = tmp_path / "index"
        HammingIndex.build(codes, index)
    hashes = hash_file(tmp_path / "hashes.txt", codes[[40, 7]])
    code, out, err = run("match", "query", index, hashes)
    assert (code, out) == (0, "query,item,distance\n0,40,0\n0,3,3\n1,7,0\n")
    assert "3 matches within 31 bits for 2 hashes among 50." in err
    assert run("match", "query", index, hashes, "--out", tmp_path / "out.csv")[0] == 0
    assert (tmp_path / "out.csv").read_text() == out


def test_match_query_of_a_folder_without_an_index_is_refused(tmp_path: Path) -> None:
    code, out, err = run("match", "query", tmp_path, hash_file(tmp_path / "hashes.txt", codes_with_a_near_pair()))
    assert (code, out) == (2, "")
    assert "holds no index" in err


def test_version_and_help_and_an_unknown_command() -> None:
    code, out, _ = run("--version")
    assert (code, out.split(",")[0]) == (0, "opencets")
    code, out, _ = run("--help")
    assert code == 0
    assert "hash" in out
    code, _, err = run("nonsense")
    assert code == 2
    assert "No such command 'nonsense'" in err


class Point:
    """What an installed package's entry point is to the command."""

    def __init__(self, name: str, bring: object) -> None:
        self.name, self.value, self._bring = name, f"{name}_package:commands", bring

    def load(self) -> object:
        if isinstance(self._bring, Exception):
            raise self._bring
        return self._bring


def test_a_package_brings_commands_and_a_broken_one_costs_only_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command("greet")
    def greet() -> None:
        click.echo("good morning")

    points = [Point("broken", ImportError("no module named django")), Point("good", lambda: [greet])]
    monkeypatch.setattr("opencets.cli.main.entry_points", lambda group: points if group == "opencets.commands" else [])
    group = Commands(name="opencets")
    runner = CliRunner()
    assert runner.invoke(group, ["greet"]).stdout == "good morning\n"
    assert runner.invoke(group, ["hash", "--help"]).exit_code == 0
    missing = runner.invoke(group, ["serve"])
    assert missing.exit_code == 2
    assert "No such command 'serve'" in missing.stderr
    assert "The commands of broken_package are missing: ImportError: no module named django." in missing.stderr
    helped = runner.invoke(group, ["--help"])
    assert "greet" in helped.stdout
    assert "broken_package" in helped.stdout


def test_every_own_command_that_is_there_loads_under_its_name() -> None:
    group = main
    assert isinstance(group, Commands)
    context = click.Context(group)
    there = [name for name in group.list_commands(context) if name in OWN]
    assert {"hash", "match", "bench"} <= set(there)
    for name in there:
        command = group.get_command(context, name)
        assert command is not None
        assert command.name == name


def test_hashing_from_the_command_line_imports_no_web_part() -> None:
    program = (
        "import sys; from opencets.cli.main import main; main(['hash', '--help'], standalone_mode=False);"
        "print([m for m in ('django', 'numba', 'av', 'duckdb') if m in sys.modules], file=sys.stderr)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert done.stderr == "[]\n"


def test_bench_says_where_the_benchmarks_are_when_they_are_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("opencets.cli.bench.BENCHMARKS", tmp_path)
    code, _, err = run("bench", "hash")
    assert code == 1
    assert "folder benchmarks" in err
    (tmp_path / "beside_it.py").write_text("import sys\n\n\ndef say() -> None:\n    print(sys.argv[1:])\n")
    (tmp_path / "hash.py").write_text("import beside_it\n\nbeside_it.say()\n")
    assert run("bench", "hash", "--json", "--files", "3") == (0, "['--json', '--files', '3']\n", "")
    assert run("bench", "nonsense")[0] == 2


def test_match_query_finds_turned_hashes_where_asked(tmp_path: Path) -> None:
    codes = codes_with_a_near_pair()
    index = hash_file(tmp_path / "known.txt", codes)
    hashes = hash_file(tmp_path / "hashes.txt", turned_codes(codes[[9, 7]])[:, TURNS.index("right")])
    assert run("match", "query", index, hashes)[1].splitlines() == ["query,item,distance"]
    code, out, _ = run("match", "query", index, hashes, "--any-orientation")
    assert code == 0
    assert out.splitlines() == ["query,item,distance,orientation", "0,9,0,left", "1,7,0,left"]


def test_the_engine_spark_needs_a_folder_that_all_machines_see(tmp_path: Path) -> None:
    hashes = hash_file(tmp_path / "hashes.txt", codes_with_a_near_pair())
    code, _, err = run("match", "pairs", hashes, "--engine", "spark", "--out", tmp_path / "pairs.csv")
    assert code == 2
    assert "--share" in err
