"""A real Spark cluster, a master and two workers on this machine, gives the same clusters as this process."""

from __future__ import annotations

import csv
from contextlib import nullcontext
from pathlib import Path

import pytest
from click.testing import CliRunner

from opencets import cluster
from opencets.cli.main import main
from opencets.resolving import FIELDS
from opencets.resolving.crowd import crowd
from opencets.resolving.invented import invent
from tests.spark_cluster import context, master

__all__ = ["context", "master"]


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_the_command_writes_the_same_clusters_with_either_engine(context: object, master: str, tmp_path: Path) -> None:
    rows = [*invent(400, seed=4).rows, *crowd(3_000, 4).rows()]
    table = tmp_path / "people.csv"
    with open(table, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(FIELDS)
        writer.writerows([getattr(row, name) for name in FIELDS] for row in rows)
    told = []
    with pytest.MonkeyPatch.context() as patch:
        # one context lives in a process: the command is given the one that is there
        patch.setattr(cluster, "cluster", lambda _master: nullcontext(context))
        for extra in ([], ["--engine", "spark", "--master", master]):
            out = tmp_path / "clusters.csv"
            done = CliRunner().invoke(main, ["resolve", str(table), "--out", str(out), *extra])
            assert done.exit_code == 0, done.output
            told.append(out.read_text())
    assert told[0] == told[1]
    assert len(set(told[0].split(",")[1::2])) > 500
