"""The ledger: every answer is what a plain count over the rows gives, at each stage; nothing is lost, nothing doubled."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from opencets.errors import ActRefused, DamagedSource, NotFound, NotThisFormat
from opencets.sighting import Batch, Ledger, Origin, answers
from opencets.sighting.parts import FILES, SIGHTINGS
from tests.sighting.invented import batch, invented

ROOT = Path(__file__).parents[2]


def rows_of(*seeds: int) -> list[dict[str, Any]]:
    return [row for seed in seeds for row in batch(seed).rows.to_pylist()]


def plain(rows: list[dict[str, Any]], after: str, country: str) -> dict[str, tuple[float, ...]]:
    """What is asked of the computers of a country, counted row by row."""
    recent = [row for row in rows if row["seen_at"].date().isoformat() > after]
    offering = defaultdict(set)
    for row in recent:
        offering[row["file"]].add(row["identity"])
    first: dict[str, tuple[Any, str]] = {}
    for row in rows:
        first[row["file"]] = min(
            first.get(row["file"], (row["seen_at"], row["identity"])), (row["seen_at"], row["identity"])
        )
    told = {}
    for identity in sorted({row["identity"] for row in recent if row["country"] == country}):
        mine = [row for row in recent if row["identity"] == identity]
        files = {row["file"] for row in mine}
        told[identity] = (
            len(files),
            round(sum(1 / len(offering[file]) for file in files), 9),
            sum(first[file][1] == identity and first[file][0].date().isoformat() > after for file in files),
            len({(row["seen_at"].date(), row["seen_at"].hour) for row in mine}),
            len({row["seen_at"].date() for row in mine}),
            round(sum(row["evidence"] == "handshake" for row in mine) / len(mine), 9),
        )
    return told


def asked(ledger: Ledger, country: str) -> dict[str, tuple[float, ...]]:
    found = answers.computers(ledger, country, 30)
    facts = ("files", "vanishing", "first_here", "hours", "days", "direct_share")
    return {
        identity: tuple(round(float(found.facts[name][place]), 9) for name in facts)
        for place, identity in enumerate(found.identities)
    }


def test_answers_are_those_of_a_plain_count_loaded_at_once_or_in_parts_merged_or_not(tmp_path: Path) -> None:
    rows = rows_of(1, 2, 3)
    after = answers.dt.date.fromisoformat(max(row["seen_at"] for row in rows).date().isoformat())
    after = (after - answers.dt.timedelta(30)).isoformat()
    ledger = Ledger.create(tmp_path / "ledger")
    for seed in (1, 2, 3):
        assert [done.again for done in ledger.load([batch(seed)])] == [False]
        ledger.derive()
    whole = Ledger.create(tmp_path / "whole")
    assert sum(done.rows for done in whole.load([batch(3), batch(1), batch(2)])) == len(rows)
    whole.derive()
    for country in ("GB", "US"):
        expected = plain(rows, after, country)
        assert expected
        assert asked(ledger, country) == expected
        assert asked(whole, country) == expected
    before = (
        [answers.history(ledger, f"{who:032x}") for who in range(3)],
        [answers.offers(ledger, f"{file:040x}") for file in range(4)],
        answers.counts(ledger, "", 60),
    )
    assert ledger.compact(newest_kept=0) > 0
    assert len(ledger.state().table(SIGHTINGS)) == 6  # two months of three networks
    again = Ledger.open(tmp_path / "ledger")
    assert asked(again, "US") == plain(rows, after, "US")
    assert before == (
        [answers.history(again, f"{who:032x}") for who in range(3)],
        [answers.offers(again, f"{file:040x}") for file in range(4)],
        answers.counts(again, "", 60),
    )
    mine = [f"{who:032x}" for who in range(3)]
    assert [len(history.sightings) for history in before[0]] == [
        sum(row["identity"] == who for row in rows) for who in mine
    ]
    assert [sum(offer.sightings for offer in of_file) for of_file in before[1]] == [
        sum(row["file"] == f"{file:040x}" for row in rows) for file in range(4)
    ]
    assert sum(count.sightings or 0 for count in before[2]) == len(rows)
    late = batch(4)
    assert [done.rows for done in again.load([late])] == [late.rows.num_rows]
    again.derive()
    assert asked(again, "US") == plain(rows_of(1, 2, 3, 4), after, "US")


def test_a_batch_that_is_in_is_passed_over_and_says_so(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path)
    first, again = ledger.load([batch(1), batch(1)])
    assert (first.again, again.again, again.rows) == (False, True, first.rows)
    assert ledger.origin(first.batch)["clock_source"] == "NTP"
    with pytest.raises(NotFound):
        ledger.origin(9)


def test_what_is_forgotten_is_gone_from_every_table_and_from_the_disk(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path)
    list(ledger.load([batch(1), batch(2)]))
    ledger.derive()
    kept = f"{3:032x}"
    rows = rows_of(1, 2)
    border = "2026-03-20"
    stays = [row for row in rows if row["seen_at"].date().isoformat() >= border or row["identity"] == kept]
    answer = tmp_path / ".answers" / "3" / "told.json"
    answer.parent.mkdir(parents=True)
    answer.write_text("{}")
    assert ledger.forget(border, [kept]) == len(rows) - len(stays)
    assert not answer.exists()
    assert sum(count.sightings or 0 for count in answers.counts(ledger, "", 60)) == len(stays)
    assert sum(part.rows for part in ledger.state().table(SIGHTINGS)) == len(stays)
    named = set(ledger.state().parts)
    assert {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*.parquet")} == named
    assert len(answers.history(ledger, kept).sightings) == sum(row["identity"] == kept for row in rows)
    ledger.forget("2099-01-01")
    assert [part.table for part in ledger.state().parts.values()] == ["files"]
    assert ledger.rows({FILES: ledger.state().table(FILES)}, "select count(first_identity) from files") == [(0,)]
    assert [done.again for done in ledger.load([batch(1), batch(3)])] == [True, False]
    ledger.derive()
    assert sum(count.sightings or 0 for count in answers.counts(ledger, "", 60)) == batch(3).rows.num_rows


def test_who_reads_while_parts_are_merged_keeps_what_it_reads(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path)
    list(ledger.load([batch(1, days=120), batch(2, days=120)]))
    ledger.derive()
    reading = list(ledger.state().parts)
    assert ledger.compact() > 2
    assert [path for path in reading if not (tmp_path / path).exists()] == []
    (tmp_path / "days" / "0.draft").write_bytes(b"left by a crash, but not ours")
    (tmp_path / "files" / "00000099.draft").write_bytes(b"left by a crash")
    assert ledger.compact() == 0
    left = {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*.*") if file.is_file()}
    assert left == {*ledger.state().parts, "days/0.draft"}


def test_files_of_others_in_the_folder_stay(tmp_path: Path) -> None:
    theirs = [tmp_path / "raw.parquet", tmp_path / "sightings" / "raw.parquet", tmp_path / "files" / "of-may.parquet"]
    for path in theirs:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"somebody's")
    ledger = Ledger.create(tmp_path)
    list(ledger.load([batch(1)]))
    ledger.derive()
    ledger.compact()
    ledger.forget("2099-01-01")
    assert all(path.exists() for path in theirs)


def test_questions_that_cannot_be_answered_say_why(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path)
    assert len(answers.computers(ledger)) == 0
    list(ledger.load([batch(1)]))
    with pytest.raises(ActRefused, match="not counted yet"):
        answers.computers(ledger)
    ledger.derive()
    for refused in ("Wyoming", "US-", "U", "US-W'Y"):
        with pytest.raises(ActRefused, match="no jurisdiction"):
            answers.computers(ledger, refused)
    with pytest.raises(ActRefused, match="no identity"):
        answers.history(ledger, "' or true")
    with pytest.raises(NotFound):
        answers.history(ledger, "ff" * 16)
    with pytest.raises(ActRefused, match="no digest"):
        answers.offers(ledger, "abc")
    with pytest.raises(NotThisFormat):
        Ledger.open(tmp_path / "nothing")


def test_leases_and_gaps_follow_the_addresses_in_turn(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path)
    given = invented(1, rows=4, computers=1).to_pylist()
    for row, day, address in zip(
        given, (1, 2, 3, 20), ("192.0.2.1", "192.0.2.1", "192.0.2.7", "192.0.2.1"), strict=True
    ):
        row.update(seen_at=answers.dt.datetime(2026, 3, day), address=address)
    list(ledger.load([Batch.of(Origin("four"), pa.Table.from_pylist(given))]))
    history = answers.history(ledger, f"{0:032x}")
    assert [(lease.address, lease.sightings) for lease in history.leases] == [
        ("192.0.2.1", 2), ("192.0.2.7", 1), ("192.0.2.1", 1),
    ]  # fmt: skip
    assert [(begin.day, end.day) for begin, end in history.gaps] == [(3, 20)]


def test_few_are_withheld_from_what_is_published(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path)
    list(ledger.load([batch(1, computers=12)]))
    ledger.derive()
    monthly = answers.counts(ledger, "", 60, monthly=True)
    assert {count.period for count in monthly} == {"2026-03", "2026-04"}
    published = answers.counts(ledger, "", 60, monthly=True, published=True)
    assert all(
        (one.computers is None) == ((other.computers or 0) < 5) for one, other in zip(published, monthly, strict=True)
    )
    assert any(count.computers is None for count in published)


def test_rows_that_cannot_be_kept_are_refused_with_their_reason(tmp_path: Path) -> None:
    given = invented(1, rows=8).to_pylist()
    given[1]["address"] = "300.1.1.1"
    given[2]["file"] = "xyz"
    given[3]["network"] = "fidonet"
    given[4]["pieces_have"] = 101
    given[5]["seen_at"] = answers.dt.datetime(1970, 1, 1)
    given[6]["identity"] = None
    told = Batch.of(Origin("some"), pa.Table.from_pylist(given))
    assert [line for line, _ in told.refused] == [1, 2, 3, 4, 5, 6]
    named = ("address", "digest", "network", "pieces", "time", "identity")
    assert [name in why for name, (_, why) in zip(named, told.refused, strict=True)] == [True] * 6
    assert told.rows.num_rows == 2
    with pytest.raises(NotThisFormat, match="port is missing"):
        Batch.of(Origin("none"), invented(1).drop_columns(["port"]))


def test_a_journal_that_is_cut_goes_on_and_one_that_was_changed_is_refused(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path)
    list(ledger.load([batch(1)]))
    path = tmp_path / "journal"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"do":"load","batch":2')
    again = Ledger.open(tmp_path)
    assert set(again.state().batches) == {"batch 1"}
    assert [done.again for done in again.load([batch(2)])] == [False]
    assert set(Ledger.open(tmp_path).state().batches) == {"batch 1", "batch 2"}
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1].replace(b"bittorrent", b"bitTorrent", 1) + lines[2])
    with pytest.raises(DamagedSource, match="whole lines"):
        Ledger.open(tmp_path)


LOADER = """
import sys
from pathlib import Path
from opencets.sighting import Ledger
from tests.sighting.invented import batch
ledger = Ledger.create(Path(sys.argv[1]))
print("ready", flush=True)
for seed in range(int(sys.argv[2]), int(sys.argv[3])):
    for done in ledger.load([batch(seed, rows=60, days=2)]):
        print(seed, flush=True)
    if seed % 5 == 4:
        ledger.derive()
        ledger.compact(newest_kept=0)
"""


def kill_at_random_instants(folder: Path, instants: int) -> None:
    """Loaders are killed; what was acknowledged is there once, and a load that is done again adds what is missing."""
    chance = random.Random(instants)
    acknowledged: set[int] = set()
    top = 0
    for instant in range(instants):
        loader = subprocess.Popen(
            [sys.executable, "-c", LOADER, str(folder), str(max(0, top - 2)), str(top + 40)],
            stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ.copy(),
        )  # fmt: skip
        assert loader.stdout is not None
        assert loader.stdout.readline() == "ready\n"
        if instant % 2:
            acknowledged.add(int(loader.stdout.readline()))
        time.sleep(chance.random() * 0.5)
        loader.send_signal(signal.SIGKILL)
        acknowledged.update(int(line) for line in loader.stdout if line.endswith("\n"))
        loader.wait()
        loader.stdout.close()
        ledger = Ledger.open(folder)
        held = {int(key.removeprefix("batch ")) for key in ledger.state().batches}
        assert acknowledged <= held
        top = max(held, default=0) + 1
        by_batch = sum(origin["rows"] for origin in ledger.state().origins.values())
        assert sum(part.rows for part in ledger.state().table(SIGHTINGS)) == by_batch == 60 * len(held)
    ledger.derive()
    rows = [row for seed in sorted(held) for row in batch(seed, rows=60, days=2).rows.to_pylist()]
    assert sum(count.sightings or 0 for count in answers.counts(ledger, "", 3650)) == len(rows)
    assert len(held) >= instants // 2
    anybody = rows[0]["identity"]
    assert len(answers.history(ledger, anybody).sightings) == sum(row["identity"] == anybody for row in rows)


@pytest.mark.slow
def test_a_killed_loader_loses_no_acknowledged_batch_and_doubles_none(tmp_path: Path) -> None:
    kill_at_random_instants(tmp_path, 6)


@pytest.mark.proof
@pytest.mark.timeout(1200)
def test_killed_at_two_hundred_instants(tmp_path: Path) -> None:
    kill_at_random_instants(tmp_path, 200)
