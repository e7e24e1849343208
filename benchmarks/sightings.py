"""The ledger of sightings beside PostgreSQL (and an embedded ClickHouse where it is installed), on the same rows in one run.

The population is generated with the published shape (Wolak, Liberatore and Levine 2014): most computers share few files
on few days; 0.4 % hold much that few others have; as many hoard what everybody has, and as many are simply always there.
Asked are: the first hundred of a region with every factor, daily counts by country, one computer's history, all offers of
one file; forty computers and forty files, each once, as officers ask, and one again and again. Each answer is compared with
the peers' before its time counts. ``--growth`` repeats ours at more sizes.

What the ranking is for: which share of the files of thirty days is gone without the first 0.4 % of the computers, by our
order, by the largest library and by the most days.

PostgreSQL is our own supervised server: partitions by day, B-trees on identity, file and (region, day). Its own tables of
counts are not made for it: it answers from the rows, as ours derives what it answers from while loading (the time is told).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from opencets.ranking.computers import rank_computers
from opencets.sighting import Batch, Ledger, Origin, answers
from opencets.sighting.parts import GROUPS, SIGHTINGS
from opencets.sighting.reading import read_batches

DAYS = 60
BEGIN = np.datetime64("2026-01-01")
CHUNK = 1_000_000
TOP_SHARE = 0.004
REGION = "US-WY"
COLUMNS = ("seen_at", "network", "identity", "file", "address", "port", "client", "evidence", "country", "region",
           "pieces_have", "pieces_total", "shared_line")  # fmt: skip


@dataclass
class Population:
    """Computers with their libraries (runs of ``library``), days and weights; the same seed gives the same."""

    computers: int
    seed: int = 5

    def __post_init__(self) -> None:
        chance = np.random.default_rng(self.seed)
        count = self.computers
        self.files = max(1000, count // 2)
        common = int(self.files * 0.55)
        sizes = np.minimum(1 + chance.geometric(0.3, count), 60)
        length = np.minimum(1 + chance.geometric(0.25, count), DAYS)
        special = max(1, round(count * TOP_SHARE))
        order = chance.permutation(count)
        rare, hoarding, always = order[:special], order[special : 2 * special], order[2 * special : 3 * special]
        exclusive = np.array_split(np.arange(common, self.files), special)
        sizes[rare] = [len(some) + 20 for some in exclusive]
        sizes[hoarding] = int(1.5 * (self.files - common) / special) + 60
        length[always] = DAYS
        length[rare] = chance.integers(15, 45, special)
        self.begins = np.concatenate(([0], np.cumsum(sizes)))
        library = np.minimum((chance.pareto(0.9, int(self.begins[-1])) * 40).astype(np.int64), common - 1)
        for who, some in zip(rare, exclusive, strict=True):
            library[self.begins[who] : self.begins[who] + len(some)] = some
        self.library = library
        self.length = length
        self.first_day = np.floor(chance.random(count) * (DAYS - length + 1)).astype(np.int64)
        self.first_day[rare] = DAYS - length[rare]
        self.weight = np.sqrt(sizes) * chance.lognormal(0, 0.7, count)
        self.identities = np.array([f"{int(number):032x}" for number in chance.integers(1, 1 << 62, count)])
        self.digests = np.array([f"{int(number):040x}" for number in chance.integers(1, 1 << 62, self.files)])
        self.country = np.array(["US", "GB", "DE", "FR", "BR"])[np.minimum(chance.geometric(0.4, count) - 1, 4)]
        states = np.array(
            [REGION, "US-FL", "US-CA", "US-TX", "US-OH", *(f"US-{one}A" for one in "CGILMNPVW"), *("US-NY", "US-AZ")]
        )
        self.region = np.where(self.country == "US", states[chance.integers(0, len(states), count)], "")
        self.network = np.array(["bittorrent", "gnutella", "edonkey"])[chance.integers(0, 3, count)]
        self.address = chance.integers(0, 1 << 16, (count, 3))
        self.port = chance.integers(1024, 65535, count).astype(np.uint16)
        self.shared = chance.random(count) < 0.08

    def day(self, number: int, rows: int) -> Iterator[pa.Table]:
        """The sightings of one day, a million rows at a time."""
        chance = np.random.default_rng((self.seed, number))
        here = np.flatnonzero((self.first_day <= number) & (number < self.first_day + self.length))
        share = np.cumsum(self.weight[here])
        for begin in range(0, rows, CHUNK):
            size = min(CHUNK, rows - begin)
            who = here[np.searchsorted(share, chance.random(size) * share[-1])]
            sizes = self.begins[who + 1] - self.begins[who]
            file = self.library[self.begins[who] + (chance.random(size) * sizes).astype(np.int64)]
            yield self._table(chance, number, who, file)

    def _table(self, chance: Any, number: int, who: Any, file: Any) -> pa.Table:
        size = who.size
        at = np.sort(chance.integers(0, 86_400_000, size)).astype("timedelta64[ms]")
        have = np.where(chance.random(size) < 0.8, 100, chance.integers(0, 100, size)).astype(np.uint32)
        lease = self.address[who, np.minimum(number // 20, 2)]
        country, region = self.country[who], self.region[who]
        clients = np.array(["example 1.0", "example 2.3", "sample 4", "sample 5.1"])
        evidence = np.array(["handshake", "tracker", "dht"])
        return pa.table(
            {
                "seen_at": (BEGIN + np.timedelta64(number, "D")).astype("datetime64[ms]") + at,
                "network": _coded(self.network[who]),
                "identity": pa.DictionaryArray.from_arrays(pa.array(who.astype(np.int32)), pa.array(self.identities)),
                "identity_kind": _kinds(self.network[who]),
                "file": pa.DictionaryArray.from_arrays(pa.array(file.astype(np.int32)), pa.array(self.digests)),
                "address": pa.DictionaryArray.from_arrays(pa.array(lease.astype(np.int32)), _ADDRESSES),
                "port": self.port[who],
                "client": pa.DictionaryArray.from_arrays(pa.array((who % 4).astype(np.int8)), pa.array(clients)),
                "evidence": pa.DictionaryArray.from_arrays(
                    pa.array(np.searchsorted([0.8, 0.95], chance.random(size)).astype(np.int8)), pa.array(evidence)
                ),
                "country": _coded(country),
                "region": _coded(region, empty=True),
                "pieces_have": have,
                "pieces_total": np.full(size, 100, np.uint32),
                "shared_line": self.shared[who],
                "line": np.arange(size, dtype=np.uint32),
            }
        )


_ADDRESSES = pa.array([f"{net}.{last}" for net in ("192.0.2", "198.51.100", "203.0.113", *(f"198.18.{one}" for one in range(253)))
                       for last in range(256)])  # fmt: skip
"""Documentation networks, and the network of benchmarks (RFC 2544), which nobody has."""


def _coded(values: Any, *, empty: bool = False) -> pa.DictionaryArray:
    names, places = np.unique(values, return_inverse=True)
    mask = (names == "")[places] if empty else None
    return pa.DictionaryArray.from_arrays(pa.array(places.astype(np.int16), mask=mask), pa.array(names.tolist()))


def _kinds(networks: Any) -> pa.DictionaryArray:
    names, places = np.unique(networks, return_inverse=True)
    kinds = {"bittorrent": "peer_id", "gnutella": "guid", "edonkey": "user_hash"}
    return pa.DictionaryArray.from_arrays(
        pa.array(places.astype(np.int8)), pa.array([kinds[name] for name in names.tolist()])
    )


def offered(population: Population, rows: int) -> set[tuple[int, int]]:
    """The pairs of computer and file of the last thirty days."""
    pairs: set[tuple[int, int]] = set()
    for number in range(DAYS - 30, DAYS):
        for table in population.day(number, rows // DAYS):
            pairs |= _pairs(table)
    return pairs


def _pairs(table: pa.Table) -> set[tuple[int, int]]:
    computer, file = (table[name].chunk(0).indices.to_numpy().astype(np.int64) for name in ("identity", "file"))
    keys = np.unique(computer << 32 | file)
    return set(zip((keys >> 32).tolist(), (keys & 0xFFFFFFFF).tolist(), strict=True))


def load_ours(population: Population, folder: Path, rows: int) -> tuple[Ledger, dict[str, Any], set[tuple[int, int]]]:
    """The ledger, what loading took, and the pairs of computer and file of the last thirty days."""
    ledger = Ledger.create(folder)
    took = {"load": 0.0, "derive": 0.0, "compact": 0.0}
    pairs: set[tuple[int, int]] = set()
    for number in range(DAYS):
        for part, table in enumerate(population.day(number, rows // DAYS)):
            if number >= DAYS - 30:
                pairs |= _pairs(table)
            begun = time.process_time()
            (done,) = ledger.load([Batch.of(Origin(f"day {number} part {part}"), table)])
            took["load"] += time.process_time() - begun
            assert done.rows == table.num_rows
            assert not done.again
    for name in ("derive", "compact"):
        begun = time.process_time()
        getattr(ledger, name)()
        took[name] = time.process_time() - begun
    ledger.compact()  # takes what the first replaced off the disk
    kept = sum(part.rows for part in ledger.state().table("sightings"))
    assert kept == rows // DAYS * DAYS, f"{kept} of {rows // DAYS * DAYS} sightings are kept"
    weight = dict.fromkeys(("sightings", "days", "offers", "files", "rarity", "links", "groups"), 0)
    for file in folder.rglob("*.parquet"):
        weight[file.relative_to(folder).parts[0]] += file.stat().st_size
    return (
        ledger,
        {
            "rows": kept,
            "load_rows_s_core": round(kept / took["load"]),
            "derive_rows_s_core": round(kept / took["derive"]),
            "compact_rows_s_core": round(kept / took["compact"]),
            "bytes_a_sighting": {name: round(size / kept, 2) for name, size in weight.items()},
            "bytes_a_sighting_in_all": round(sum(weight.values()) / kept, 2),
        },
        pairs,
    )


def json_lines(population: Population, folder: Path, rows: int) -> dict[str, Any]:
    """How fast JSON lines come in, reading and normalising included."""
    table = next(population.day(3, rows))
    path = folder / "a.jsonl"
    names = ("network", "file", "address", "port", "evidence", "pieces_have", "pieces_total")
    plain = {name: table[name].to_pylist() for name in names}
    times = np.datetime_as_string(table["seen_at"].to_numpy().astype("datetime64[ms]"))
    guid = table["identity"].to_pylist()
    with path.open("w") as file:
        for place in range(rows):
            row = {name: values[place] for name, values in plain.items()}
            file.write(json.dumps(row | {"observed_at": f"{times[place]}Z", "guid": guid[place]}) + "\n")
    begun = time.process_time()
    ledger = Ledger.create(folder / "lines")
    loaded = sum(done.rows for done in ledger.load(read_batches(path)))
    took = time.process_time() - begun
    assert loaded == rows
    pq.write_table(table, folder / "a.parquet")
    begun = time.process_time()
    loaded = sum(done.rows for done in ledger.load(read_batches(folder / "a.parquet")))
    from_parquet = time.process_time() - begun
    assert loaded == rows
    return {"json_lines_rows_s_core": round(rows / took), "parquet_rows_s_core": round(rows / from_parquet)}


Question = Callable[[], Any]


def timed(ask: Question, rounds: int) -> tuple[Any, float]:
    """The answer and the median of the time by the clock, warm, in milliseconds."""
    told = ask()
    took = []
    for _ in range(rounds):
        begun = time.perf_counter()
        ask()
        took.append(1000 * (time.perf_counter() - begun))
    return told, round(statistics.median(took), 1)


def timed_each(ask: Callable[[str], Any], keys: list[str]) -> tuple[dict[str, Any], float, float]:
    """The answers by key; the median of keys that were never asked, as officers ask, and of one asked again and again."""
    told, took = {keys[0]: ask(keys[0])}, []
    for key in keys[1:]:
        begun = time.perf_counter()
        told[key] = ask(key)
        took.append(1000 * (time.perf_counter() - begun))
    return told, round(statistics.median(took), 1), timed(partial(ask, keys[-1]), len(keys))[1]


@dataclass(frozen=True)
class Asked:
    """Computers and files of the middle: neither the busiest nor one that was seen once; each is asked once, then one again."""

    identities: list[str]
    files: list[str]


def ask_ours(ledger: Ledger, asked: Asked, rounds: int) -> tuple[dict[str, Any], dict[str, float]]:
    """Each answer in the form in which the peers' are compared, and its time."""

    def top() -> list[tuple[str, int, int]]:
        found = answers.computers(ledger, REGION, 30)
        rank_computers(found.facts, 100, count=len(found))
        files, days = found.facts["files"], found.facts["days"]
        return [(name, int(files[place]), int(days[place])) for place, name in enumerate(found.identities)]

    def counts() -> list[tuple[Any, ...]]:
        found = answers.counts(ledger, "", DAYS)
        return [(count.period, count.place, count.network, count.sightings, count.computers) for count in found]

    def history(identity: str) -> list[tuple[Any, ...]]:
        return list(answers.history(ledger, identity).sightings)

    told: dict[str, Any] = {}
    times: dict[str, float] = {}
    told[TOP], times[TOP] = timed(top, rounds)
    told[COUNTS], times[COUNTS] = timed(counts, rounds)
    told[HISTORY], times[HISTORY], times[f"{HISTORY}, again"] = timed_each(history, asked.identities)
    told[OFFERS], times[OFFERS], times[f"{OFFERS}, again"] = timed_each(partial(answers.offers, ledger), asked.files)
    # Put into the peers' form outside of the time.
    told[HISTORY] = {
        identity: [tuple(getattr(one, name) for name in COLUMNS) for one in seen]
        for identity, seen in told[HISTORY].items()
    }
    told[OFFERS] = {
        file: [(one.identity, one.sightings, one.first_at, one.last_at) for one in found]
        for file, found in told[OFFERS].items()
    }
    return told, times


TOP, COUNTS = "top 100 of a region with factors", "daily counts by country"
HISTORY, OFFERS = "one computer's history", "all offers of one file"
_WHO = "coalesce(g.computer, s.identity)"
PEER_SQL = {
    TOP: f"""
        with recent as (
          select {_WHO} as computer, file, seen_at from s left join g on g.identity = s.identity
          where region = '{REGION}' and seen_at >= timestamp '{{after}}'),
        offering as (
          select file, count(distinct {_WHO}) as computers from s left join g on g.identity = s.identity
          where seen_at >= timestamp '{{after}}' and file in (select file from recent) group by file),
        pairs as (select distinct computer, file from recent)
        select p.computer, count(*), max(d.days), sum(1.0 / o.computers)
        from pairs p join offering o on o.file = p.file
        join (select computer, count(distinct cast(seen_at as date)) as days from recent group by computer) d
          on d.computer = p.computer
        group by p.computer order by 1""",
    COUNTS: f"""
        select cast(cast(seen_at as date) as varchar), country, network, count(*), count(distinct {_WHO})
        from s left join g on g.identity = s.identity group by 1, 2, 3 order by 1, 2, 3""",
    HISTORY: """
        select {columns} from s where identity in ({identities}) order by seen_at, network, file""",
    OFFERS: """
        select identity, count(*), min(seen_at), max(seen_at) from s where file = '{file}' group by identity order by 1""",
}
"""A peer is given which identities are one computer (``g``), as ours derives it."""
MEMBERS = "select b.identity from g a join g b on b.computer = a.computer where a.identity = '{identity}'"


def grouped(ledger: Ledger) -> pa.Table:
    """Which identities are one computer, as derived."""
    parts = ledger.paths(ledger.state().table(GROUPS))
    empty = pa.table({"identity": pa.array([], pa.string()), "computer": pa.array([], pa.string())})
    return pa.concat_tables([pq.read_table(path) for path in parts]) if parts else empty


class Postgres:
    """Partitions by day with B-trees, in a scratch home's server."""

    def __init__(self, home: Any) -> None:
        import psycopg

        from opencets_web.config.connection import conninfo

        os.environ.update(home.environment)
        self.connection = psycopg.connect(conninfo("superuser", place=home.place), autocommit=True)
        self.connection.execute("create schema bench; set search_path = bench; set timezone = 'UTC'; set jit = off")

    def load(self, population: Population, rows: int, groups: pa.Table) -> dict[str, Any]:
        self.connection.execute("create table g (identity text primary key, computer text)")
        with self.connection.cursor().copy("copy g from stdin (format csv)") as copy:
            copy.write(
                "".join(
                    f"{one},{of}\n"
                    for one, of in zip(*(groups[name].to_pylist() for name in groups.column_names), strict=True)
                )
            )
        self.connection.execute("create index on g (computer)")
        self.connection.execute("vacuum analyze g")
        self.connection.execute(
            "create table s (seen_at timestamp, network text, identity text, file text, address text, port int, client text, "
            "evidence text, country text, region text, pieces_have int, pieces_total int, shared_line bool) "
            "partition by range (seen_at)"
        )
        begun = time.perf_counter()
        for number in range(DAYS):
            day = BEGIN + np.timedelta64(number, "D")
            self.connection.execute(f"create table s{number} partition of s for values from ('{day}') to ('{day + 1}')")
            with self.connection.cursor().copy(f"copy s{number} from stdin (format csv)") as copy:
                for table in population.day(number, rows // DAYS):
                    sink = pa.BufferOutputStream()
                    pacsv.write_csv(table.select(list(COLUMNS)), sink, pacsv.WriteOptions(include_header=False))
                    copy.write(sink.getvalue().to_pybytes())
        loaded = time.perf_counter() - begun
        begun = time.perf_counter()
        for columns in ("identity, seen_at", "file, seen_at", "region, seen_at"):
            self.connection.execute(f"create index on s ({columns})")
        self.connection.execute("vacuum analyze s")
        size = self.connection.execute(
            "select sum(pg_total_relation_size(inhrelid)) from pg_inherits where inhparent = 's'::regclass"
        ).fetchone()
        assert size is not None
        return {
            "load_s": round(loaded, 1), "index_s": round(time.perf_counter() - begun, 1),
            "bytes_a_sighting_in_all": round(float(size[0]) / rows, 1),
        }  # fmt: skip

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()


class Clickhouse:
    """An embedded ClickHouse (chdb), ordered by region and identity, with bloom filters on identity and file."""

    def __init__(self, folder: Path) -> None:
        from chdb.session import Session  # type: ignore[import-not-found]

        self.folder = folder
        self.session = Session(str(folder / "chdb"))

    def load(self, population: Population, rows: int, groups: pa.Table) -> dict[str, Any]:
        self.session.query("create database bench")
        pq.write_table(groups, self.folder / "groups.parquet")
        self.session.query(
            "create table bench.g (identity String, computer Nullable(String)) engine = MergeTree order by identity"
        )
        self.session.query(f"insert into bench.g select * from file('{self.folder / 'groups.parquet'}', Parquet)")
        self.session.query(
            "create table bench.s (seen_at DateTime64(3, 'UTC'), network LowCardinality(String), identity String, file String, "
            "address String, port Int32, client LowCardinality(String), evidence LowCardinality(String), "
            "country LowCardinality(String), region LowCardinality(Nullable(String)), pieces_have Int32, pieces_total Int32, "
            "shared_line Bool, index by_identity identity type bloom_filter granularity 1, "
            "index by_file file type bloom_filter granularity 1) engine = MergeTree partition by toYYYYMM(seen_at) "
            "order by (region, identity, seen_at) settings allow_nullable_key = 1"
        )
        begun = time.perf_counter()
        path = self.folder / "day.parquet"
        for number in range(DAYS):
            for table in population.day(number, rows // DAYS):
                pq.write_table(table.select(list(COLUMNS)), path)
                self.session.query(f"insert into bench.s select * from file('{path}', Parquet)")
        loaded = time.perf_counter() - begun
        begun = time.perf_counter()
        self.session.query("optimize table bench.s final")
        size = self.session.query("select sum(bytes_on_disk) from system.parts where table = 's' and active", "CSV")
        return {
            "load_s": round(loaded, 1), "index_s": round(time.perf_counter() - begun, 1),
            "bytes_a_sighting_in_all": round(int(str(size).strip()) / rows, 2),
        }  # fmt: skip

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        told = self.session.query(re.sub(r"\b(from|join) (s|g)\b", r"\1 bench.\2", sql), "Arrow")
        table = pa.ipc.open_file(told.bytes()).read_all()
        return list(zip(*(column.to_pylist() for column in table.columns), strict=True)) if table.num_rows else []


def ask_peer(peer: Any, asked: Asked, rounds: int) -> tuple[dict[str, Any], dict[str, float]]:
    """The same of a peer: rows as it gives them."""
    after = str(BEGIN + np.timedelta64(DAYS - 30, "D"))
    told: dict[str, Any] = {}
    times: dict[str, float] = {}
    for name in (TOP, COUNTS):
        told[name], times[name] = timed(partial(peer.rows, PEER_SQL[name].format(after=after)), rounds)
    for name, keys in ((HISTORY, asked.identities), (OFFERS, asked.files)):

        def ask(key: str, name: str = name) -> Any:
            if name == OFFERS:
                return peer.rows(PEER_SQL[name].format(file=key))
            same = {key, *(_text(row[0]) for row in peer.rows(MEMBERS.format(identity=key)))}
            identities = ", ".join(f"'{one}'" for one in sorted(same))
            return peer.rows(PEER_SQL[name].format(identities=identities, columns=", ".join(COLUMNS)))

        told[name], times[name], times[f"{name}, again"] = timed_each(ask, keys)
    return told, times


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def agree(ours: dict[str, Any], theirs: dict[str, Any], who: str) -> None:
    """AssertionError where a peer answers otherwise."""
    import datetime as dt

    def plain(value: Any) -> Any:
        value = value.decode() if isinstance(value, bytes) else value
        return value.replace(tzinfo=None) if isinstance(value, dt.datetime) else value

    def listed(rows: Any) -> list[str]:
        return sorted(repr([plain(value) for value in row]) for row in rows)

    assert [(plain(row[0]), row[1], row[2]) for row in theirs[TOP]] == ours[TOP], f"{who}: {TOP}"
    assert listed(theirs[COUNTS]) == listed(ours[COUNTS]), f"{who}: {COUNTS}"
    for name in (HISTORY, OFFERS):
        assert theirs[name].keys() == ours[name].keys(), f"{who}: {name}"
        for key, rows in ours[name].items():
            assert rows, f"{name}: nothing is known of {key}"
            assert listed(theirs[name][key]) == listed(rows), f"{who}: {name} {key}"


def impact(ledger: Ledger, population: Population, pairs: set[tuple[int, int]]) -> dict[str, Any]:
    """Which share of the files of the last thirty days is gone without the first 0.4 %, by each order."""
    found = answers.computers(ledger, "", 30)
    first = max(1, round(population.computers * TOP_SHARE))
    number = {identity: place for place, identity in enumerate(population.identities.tolist())}
    orders = {
        "ours": [one.at for one in rank_computers(found.facts, first, count=len(found))],
        "largest library": np.argsort(-found.facts["files"], kind="stable")[:first].tolist(),
        "most days": np.lexsort((-found.facts["hours"], -found.facts["days"]))[:first].tolist(),
    }
    who, file = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    offering = np.bincount(file, minlength=population.files)
    there = int((offering > 0).sum())
    shares = {}
    for name, order in orders.items():
        gone = np.zeros(population.computers, np.bool_)
        gone[[number[found.identities[at]] for at in order]] = True
        left = np.bincount(file[~gone[who]], minlength=population.files)
        shares[name] = round(1 - int((left > 0).sum()) / there, 3)
    return {"computers_removed": first, "files_there": there, "share_of_files_gone": shares}


def _median(numbers: Iterable[int]) -> float:
    return float(statistics.median(numbers))


def chosen(population: Population, pairs: set[tuple[int, int]]) -> Asked:
    """What is asked: forty computers that were active for ten to fourteen days, and forty files."""
    counted = np.bincount([file for _, file in pairs], minlength=population.files)
    middle = len(counted) - population.files // 20
    files = np.argsort(counted, kind="stable")[middle - 20 : middle + 20]
    active = np.flatnonzero((population.length >= 10) & (population.length <= 14))
    half = len(active) // 2
    computers = active[np.argsort(population.weight[active], kind="stable")[half - 20 : half + 20]]
    return Asked(population.identities[computers].tolist(), population.digests[files].tolist())


def measure(rows: int, rounds: int, place: Path | None, *, peers: bool, kept: Path | None = None) -> dict[str, Any]:
    """All figures at one size, in a scratch folder; ``kept``: a ledger of that size that was made before."""
    with tempfile.TemporaryDirectory(prefix="opencets-bench-", dir=place) as scratch:
        os.chmod(scratch, 0o711)
        folder = Path(scratch)
        population = Population(max(1000, rows // 400))
        if kept:
            ledger, pairs = Ledger.open(kept), offered(population, rows)
            figures: dict[str, Any] = {"rows": sum(part.rows for part in ledger.state().table(SIGHTINGS))}
        else:
            ledger, figures, pairs = load_ours(population, folder / "ledger", rows)
        asked = chosen(population, pairs)
        ours, times = ask_ours(ledger, asked, rounds)
        outcome: dict[str, Any] = {
            "sightings": figures["rows"], "computers": population.computers, "ours": figures | {"ms": times},
            "impact": impact(ledger, population, pairs), "peers": {}, "left_out": {},
            "computers_of_several_identities": len(set(grouped(ledger)["computer"].to_pylist())),
            "rows_of_answers": {name: len(told) for name, told in ours.items() if name in (TOP, COUNTS)}
            | {name: _median(map(len, ours[name].values())) for name in (HISTORY, OFFERS)},
        }  # fmt: skip
        if not peers:
            return outcome
        from import_evidence import Home

        with Home(folder / "home") as home:
            server = Postgres(home)
            told = server.load(population, figures["rows"], grouped(ledger))
            theirs, times = ask_peer(server, asked, max(1, rounds // 3))
            print(json.dumps([told, times]), file=sys.stderr)
            agree(ours, theirs, "PostgreSQL")
            outcome["peers"]["PostgreSQL, partitions by day, B-trees"] = told | {"ms": times}
            server.connection.close()
        if find_spec("chdb"):
            embedded = Clickhouse(folder)
            told = embedded.load(population, figures["rows"], grouped(ledger))
            theirs, times = ask_peer(embedded, asked, rounds)
            agree(ours, theirs, "ClickHouse")
            outcome["peers"]["ClickHouse, embedded (chdb)"] = told | {"ms": times}
        else:
            outcome["left_out"]["ClickHouse, embedded (chdb)"] = "chdb is not installed"
        for told in outcome["peers"].values():
            told["times_ours"] = {
                question: round(took / outcome["ours"]["ms"][question], 1) for question, took in told["ms"].items()
            }
        return outcome


def drawn_growth(sizes: list[dict[str, Any]]) -> str:
    """What each question takes over the number of sightings."""
    from growth_chart import Line, drawn

    told = sorted(sizes, key=lambda size: size["sightings"])
    colours = {TOP: "#1f3a5f", COUNTS: "#8a4b08", HISTORY: "#17653a", OFFERS: "#6038b0"}
    return drawn(
        "Milliseconds that each question to the ledger takes, by how many sightings it holds",
        "A question to the ledger: milliseconds at the median, by sightings kept",
        "the first two read thirty and sixty days, the others one computer and one file",
        [
            Line(name, colour, [(round(size["sightings"], -3), size["ours"]["ms"][name]) for size in told])
            for name, colour in colours.items()
        ],
    )


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """The figures, also printed; with ``--json`` as one JSON value."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=3_000_000, help="sightings beside the peers")
    parser.add_argument("--growth", type=int, nargs="*", default=[], help="sizes for ours alone")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--lines", type=int, default=300_000, help="rows of JSON lines")
    parser.add_argument("--place", type=Path, help="a folder for scratch (default: the system's)")
    parser.add_argument("--plot", type=Path, help="a file in which the growth is drawn (SVG)")
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--ledger", type=Path, help="a ledger of --rows that was made before: its loading is not measured"
    )
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="opencets-bench-", dir=options.place) as scratch:
        lines = json_lines(Population(2000), Path(scratch), options.lines)
    sizes = (
        [measure(options.rows, options.rounds, options.place, peers=True, kept=options.ledger)] if options.rows else []
    )
    for size in options.growth:
        sizes.append(measure(size, options.rounds, options.place, peers=False))
        print(json.dumps(sizes[-1]), file=sys.stderr)
    if options.plot:
        options.plot.write_text(drawn_growth(sizes))
    outcome = {
        "benchmark": "sightings", "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "cpus": os.cpu_count(), "load": os.getloadavg()[0], "reading": lines, "sizes": sizes,
    }  # fmt: skip
    print(json.dumps(outcome, indent=None if options.json else 1))
    return outcome


if __name__ == "__main__":
    main()
