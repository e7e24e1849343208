"""A real Spark cluster, a master and two workers on this machine, against the index in one process."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from opencets import cluster
from opencets.cli.main import main
from opencets.errors import ActRefused
from opencets.matching import HammingIndex, spark
from tests.spark_cluster import context, master

__all__ = ["context", "master"]


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
        patch.setattr(cluster, "cluster", lambda _master: nullcontext(context))
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
    with pytest.raises(ActRefused, match=r"Install opencets\[spark\]"), cluster.cluster("local[1]"):
        pass
    (tmp_path / "letter.txt").write_text("keep")
    with pytest.raises(ActRefused, match="it is not empty"):
        spark.build(None, some_codes()[:10], tmp_path)
