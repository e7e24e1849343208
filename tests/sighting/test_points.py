"""Rows found by key: the same as reading everything, whatever the order of the parts, and only where the key can stand."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from opencets.sighting import Ledger, answers
from opencets.sighting.derived import MOST_LOOSE
from opencets.sighting.parts import OFFERS, SIGHTINGS
from opencets.sighting.points import Points
from tests.sighting.invented import batch

COLUMNS = ("identity", "seen_at", "file", "client", "port", "line")


def rows_of(table: pa.Table) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(row.items()) for row in table.to_pylist())


def written(folder: Path, name: str, keys: Sequence[str], **how: Any) -> str:
    table = pa.table({"key": pa.array(keys), "at": pa.array(range(len(keys)), pa.int64())})
    pq.write_table(table, folder / name, row_group_size=50, **how)
    return name


@pytest.mark.parametrize(
    ("shape", "how"),
    [("sorted", {}), ("as they came", {}), ("sorted", {"write_statistics": False}), ("sorted", {"use_dictionary": False})],
)  # fmt: skip
def test_every_row_of_a_key_is_found_and_no_other(tmp_path: Path, shape: str, how: dict[str, Any]) -> None:
    chance = random.Random(3)
    keys = [f"{chance.randrange(60):04x}" for _ in range(1000)]
    keys = sorted(keys) if shape == "sorted" else keys
    name = written(tmp_path, "a.parquet", keys, **how)
    points = Points(tmp_path)
    for wanted in (["0000"], ["001e"], ["003b"], ["ffff"], ["", "zzzz"], ["0005", "0006", "0033"]):
        found = points.find([name], "key", wanted, ["at"])
        expected = [at for at, key in enumerate(keys) if key in wanted]
        assert sorted(found["at"].to_pylist() if found.num_rows else []) == expected


def test_groups_that_cannot_hold_a_key_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = written(tmp_path, "a.parquet", [f"{number // 10:04x}" for number in range(1000)])
    points = Points(tmp_path)
    read: list[int] = []
    opened = points._opened(name, "key")

    real = opened.file

    class Watched:
        num_row_groups = real.num_row_groups

        def read_row_group(self, number: int, **how: Any) -> pa.Table:
            read.append(number)
            return real.read_row_group(number, **how)

    object.__setattr__(opened, "file", Watched())
    assert points.find([name], "key", ["0007"], ["at"])["at"].to_pylist() == list(range(70, 80))
    assert read == [1, 1], "the keys of one group of twenty, and then its rows"
    assert points.find([name], "key", ["ffff"], ["at"]).num_rows == 0
    assert read == [1, 1]


def test_parts_as_loaded_merged_days_and_months_give_the_same_rows(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path)
    given = [batch(seed, days=60) for seed in range(4)]
    list(ledger.load(given))
    everything = pa.concat_tables([one.rows.cast(_plain(one.rows.schema)) for one in given]).select(COLUMNS)

    def check() -> None:
        for who in range(12):
            identity = f"{who:032x}"
            found = ledger.find(SIGHTINGS, "identity", [identity], COLUMNS)
            mine = everything.filter(pa.compute.equal(everything["identity"], identity))
            assert rows_of(found.cast(mine.schema)) == rows_of(mine)

    check()
    assert not any(part.ordered for part in ledger.state().table(SIGHTINGS))
    ledger.derive()
    check()
    ledger.compact()
    check()
    assert all(part.ordered for part in ledger.state().table(SIGHTINGS))
    list(ledger.load([batch(9, days=60)]))
    everything = pa.concat_tables(
        [everything, batch(9, days=60).rows.cast(_plain(given[0].rows.schema)).select(COLUMNS)]
    )
    check()
    assert len(answers.history(Ledger.open(tmp_path), f"{3:032x}", alone=True).sightings) == sum(
        row == f"{3:032x}" for row in everything["identity"].to_pylist()
    )


def test_a_day_of_many_small_batches_is_merged_while_it_is_counted(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path)
    for seed in range(MOST_LOOSE - 1):
        list(ledger.load([batch(seed, days=1, rows=40)]))
    ledger.derive()
    assert not any(part.ordered for part in ledger.state().table(SIGHTINGS)), "few lie as they were loaded"
    list(ledger.load([batch(99, days=1, rows=40)]))
    before = answers.history(ledger, f"{1:032x}")
    ledger.derive()
    parts = ledger.state().table(SIGHTINGS)
    assert all(part.ordered for part in parts)
    assert len(parts) == len({(part.network, part.first) for part in parts})
    assert sum(part.rows for part in parts) == 40 * MOST_LOOSE
    assert answers.history(ledger, f"{1:032x}") == before


def test_a_part_that_was_forgotten_is_let_go_of(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path)
    list(ledger.load([batch(1, days=60)]))
    ledger.derive()
    identity = f"{3:032x}"
    before = len(answers.history(ledger, identity).sightings)
    old = {part.path for part in ledger.state().table(SIGHTINGS) if part.first < "2026-04-20"}
    assert old & {path for path, _ in ledger._points._open}
    Ledger.open(tmp_path).forget("2026-04-20")
    assert 0 < len(answers.history(ledger, identity).sightings) < before
    assert not old & {path for path, _ in ledger._points._open}


def test_offers_of_several_months_are_one_line_a_computer(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path)
    list(ledger.load([batch(seed, days=70) for seed in range(3)]))
    ledger.derive()
    file = f"{0:040x}"
    rows = [row for seed in range(3) for row in batch(seed, days=70).rows.to_pylist() if row["file"] == file]
    found = {(one.identity, one.network): one for one in answers.offers(ledger, file)}
    assert found.keys() == {(row["identity"], row["network"]) for row in rows}
    assert len(ledger.state().table(OFFERS)) > len({row["network"] for row in rows}), "several parts a network"
    for (identity, network), one in found.items():
        mine = [row for row in rows if (row["identity"], row["network"]) == (identity, network)]
        assert (one.sightings, one.first_at, one.last_at) == (
            len(mine), min(row["seen_at"] for row in mine), max(row["seen_at"] for row in mine),
        )  # fmt: skip
        assert one.direct == sum(row["evidence"] == "handshake" for row in mine)
    order = [(one.last_at, one.identity) for one in answers.offers(ledger, file)]
    assert order == sorted(order, key=lambda pair: (-pair[0].timestamp(), pair[1]))


def _plain(schema: pa.Schema) -> pa.Schema:
    """The schema with texts as texts."""
    return pa.schema(
        [
            pa.field(one.name, one.type.value_type if pa.types.is_dictionary(one.type) else one.type)
            for one in schema
        ]
    )  # fmt: skip
