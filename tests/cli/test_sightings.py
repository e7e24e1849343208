"""``opencets sightings``: load, rank, one computer, counts, forget; every look is written down."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
from click.testing import CliRunner

from opencets.cli.main import main
from tests.sighting.invented import invented


def run(*words: object, expect: int = 0) -> str:
    told = CliRunner().invoke(main, ["sightings", *map(str, words)])
    assert told.exit_code == expect, told.output
    return told.output


def test_from_a_file_to_the_order_and_back(tmp_path: Path) -> None:
    store = tmp_path / "ledger"
    pq.write_table(invented(1), tmp_path / "a.parquet")
    (loaded,) = json.loads(run("load", tmp_path / "a.parquet", "--store", store, "--sensor", "sensor 1", "--json"))
    assert (loaded["loaded"], loaded["refused"]) == (300, 0)
    assert "0 loaded, 300 were there" in run("load", tmp_path / "a.parquet", "--store", store)
    table = tmp_path / "rank.csv"
    ranked = json.loads(run("rank", "--store", store, "--jurisdiction", "us", "--days", 60, "--csv", table, "--json"))
    assert ranked["computers"] == len(ranked["ranked"]) > 0
    assert [row["rank"] for row in ranked["ranked"]] == list(range(1, ranked["computers"] + 1))
    with table.open(newline="") as file:
        assert [row["identity"] for row in csv.DictReader(file)] == [row["identity"] for row in ranked["ranked"]]
    identity = ranked["ranked"][0]["identity"]
    told = json.loads(run("computer", identity, "--store", store, "--purpose", "case 7", "--json"))
    assert told["sightings"] == sum(each == identity for each in invented(1)["identity"].to_pylist())
    assert identity in run("computer", identity, "--store", store)
    assert "fewer than 5" in run("counts", "--store", store, "--days", 60, "--published")
    assert "months written" in run("compact", "--store", store)
    assert identity in run("rank", "--store", store, "--days", 60)
    looks = run("looks", "--store", store)
    assert f"computer {identity}  case 7" in looks
    assert "rank us 60 days  no purpose given" in looks
    assert "sightings removed" in run("forget", "--store", store, "--before", "2026-03-20", "--yes")
    assert "no day" in run("forget", "--store", store, "--before", "soon", "--yes", expect=2)


def test_lines_that_are_refused_are_told_and_the_exit_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("network,observed_at,ip,port,info_hash\nbt,2026-02-03,192.0.2.1,1," + "ab" * 20 + "\n")
    assert "time zone" in run("load", path, "--store", tmp_path / "ledger", expect=1)
    assert "holds no ledger" in run("rank", "--store", tmp_path / "none", expect=2)
