"""A real Spark cluster, a master and two workers on this machine, against the index in one process."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from opencets.cli.main import main
from opencets.errors import ActRefused
from opencets.matching import HammingIndex, spark

ROOT = Path(__file__).parents[2]
STARTING_S = 240


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def ended(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a standalone master that two workers of one core each have joined."""
    pyspark = pytest.importorskip("pyspark")
    if shutil.which("java") is None:
        pytest.skip("no Java runtime on this machine")
    home = Path(pyspark.__file__).parent
    folder = tmp_path_factory.mktemp("spark")
    command = [str(home / "bin" / "spark-class")]
    environment = {
        **os.environ,
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_WORKER_DIR": str(folder),
    }
    port = free_port()
    address = f"spark://127.0.0.1:{port}"
    parts = [
        ["org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", str(port)],
        *(
            ["org.apache.spark.deploy.worker.Worker", address, "--host", "127.0.0.1", "--cores", "1", "--memory", "1g"]
            for _ in range(2)
        ),
    ]
    with ExitStack() as held:
        log = held.enter_context((folder / "log").open("w+b"))
        for part in parts:
            process = subprocess.Popen(
                [*command, *part, "--webui-port", "0"],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
            )
            held.callback(ended, process)
        until = time.monotonic() + STARTING_S
        while (folder / "log").read_bytes().count(b"Registering worker 127.0.0.1") < 2:
            assert time.monotonic() < until, (folder / "log").read_text()[-4_000:]
            time.sleep(0.2)
        yield address


@pytest.fixture(scope="module")
def context(master: str) -> Iterator[object]:
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executor.memory": "512m",
        "spark.executorEnv.PYTHONPATH": str(ROOT / "src"),
        "spark.log.level": "ERROR",
    }
    with spark.cluster(master, settings) as there:
        yield there


def some_codes() -> np.ndarray:
    """Random codes, and among them groups of noisy copies and of identical ones."""
    rng = np.random.default_rng(5)
    codes = rng.integers(0, 256, (30_000, 32), np.uint8)
    for group in range(200):
        members = rng.choice(30_000, 5, replace=False)
        bits = np.repeat(np.unpackbits(codes[members[:1]], axis=1), 5, axis=0)
        for row in bits[1:]:
            row[rng.choice(256, int(rng.integers(0, 24)) if group % 4 else 0, replace=False)] ^= 1
        codes[members] = np.packbits(bits, axis=1)
    return codes


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_executors_find_the_same_to_the_pair(context: object, tmp_path: Path) -> None:
    codes = some_codes()
    alone = HammingIndex.build(codes)
    built = spark.build(context, codes, tmp_path / "index", segment_codes=8_000)
    assert (built.fragments, len(built), built.count) == (4, 30_000, 30_000)
    assert not (tmp_path / "index" / "given").exists()

    def pairs() -> list[tuple[int, int, int]]:
        found = spark.each_pairs(context, tmp_path / "index", 31)
        return sorted(row for some in found for row in zip(*(column.tolist() for column in some), strict=True))

    wanted = sorted(zip(*(column.tolist() for column in alone.pairs()), strict=True))
    assert len(wanted) > 1_000
    assert pairs() == wanted
    assert pairs() == sorted(zip(*(column.tolist() for column in built.pairs()), strict=True))

    # it is an ordinary index: other processes add to it and take from it, and the executors see that too
    for index in (built, alone):
        assert index.add(codes[:50]) == range(30_000, 30_050)
        index.remove([wanted[0][0], 30_007])
    assert pairs() == sorted(zip(*(column.tolist() for column in alone.pairs()), strict=True))
    queries = np.concatenate([codes[:300], np.random.default_rng(8).integers(0, 256, (20, 32), np.uint8)])
    ((begin, found),) = spark.search(context, tmp_path / "index", queries, 31)
    assert begin == 0
    for one, other in zip(found, alone.search(queries), strict=True):
        assert one.tolist() == other.tolist()
    assert sorted(entry.name.partition("-")[0] for entry in (tmp_path / "index").iterdir()) == [
        "lock", "manifest.json", "removed", *["segment"] * 4, "tail",
    ]  # fmt: skip


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_the_command_writes_the_same_with_either_engine(context: object, master: str, tmp_path: Path) -> None:
    hashes = tmp_path / "hashes.txt"
    hashes.write_text("".join(code.tobytes().hex() + "\n" for code in some_codes()[:6_000]))
    runner = CliRunner()
    given = {"pairs": [hashes], "query": [hashes, hashes, "--any-orientation"]}
    with pytest.MonkeyPatch.context() as patch:
        # one context lives in a process: the command is given the one that is there
        patch.setattr(spark, "cluster", lambda _master: nullcontext(context))
        for command, arguments in given.items():
            told = []
            for extra in ([], ["--engine", "spark", "--master", master, "--share", tmp_path]):
                out = tmp_path / f"{command}.csv"
                done = runner.invoke(main, ["match", command, *map(str, (*arguments, *extra)), "--out", str(out)])
                assert done.exit_code == 0, done.output
                told.append(sorted(out.read_text().splitlines()))
            assert told[0] == told[1]
            assert len(told[0]) > 50
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_dir()] == []


def test_without_spark_or_java_the_advice_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(ActRefused, match=r"Install opencets\[spark\]"), spark.cluster("local[1]"):
        pass
    (tmp_path / "letter.txt").write_text("keep")
    with pytest.raises(ActRefused, match="it is not empty"):
        spark.build(None, some_codes()[:10], tmp_path)
