"""The ledger: a folder of Parquet, written atomically, never changed in place; what counts stands in its journal.

::

    journal, lock                              opencets.sighting.journal
    sightings/network=N/day=D/BATCH.parquet    as loaded
    sightings/network=N/month=M/COUNT.parquet  a month's, sorted by identity and time, merged by ``compact``
    days/, offers/, files/, rarity/            derived by ``derive``; see `opencets.sighting.derived`
    links/, groups/                            derived too; see `opencets.sighting.grouping`

A batch counts from the moment its line stands in the journal; what a crash left without a line is swept later.
A batch whose key is in the journal is passed over. Merging writes new parts, then one line that exchanges them for the
old, which stay on the disk for whoever reads them until the next ``derive`` or ``compact`` begins; ``forget`` takes all
of them at once.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from opencets.errors import NotFound
from opencets.sighting import derived
from opencets.sighting.batch import FIELDS, NETWORKS, Batch
from opencets.sighting.engine import SCANNED, Duck, Engine
from opencets.sighting.journal import Journal, sync_folder
from opencets.sighting.parts import SIGHTINGS, Part, State, said
from opencets.sighting.points import Points

ANSWERS = ".answers"
"""Where programs keep answers beside the ledger, by the number of the journal's entries."""
COMPRESSION, LEVEL = "zstd", 3
_PARTS = re.compile(
    r"(?:(?:sightings|days|offers)/network=[a-z]+/(?:(?:day|month)=[\d-]+/)?|files/|rarity/|links/|groups/)[\d-]+\.(?:parquet|draft)"
)
"""The files that a ledger writes; whatever else stands in its folder is somebody's and stays."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a batch. ``again``: its key was in the ledger, nothing was done."""

    batch: int
    rows: int
    refused: int
    again: bool


class Ledger:
    """A ledger's folder. Any number of readers; writers take turns.

    Statements run by DuckDB in this process, or by the engine that is given: see `opencets.sighting.spark`.
    """

    def __init__(self, folder: Path, journal: Journal, engine: Callable[[Ledger], Engine] = Duck) -> None:
        self.folder, self._journal, self._new_engine = folder, journal, engine
        self._state, self._read = State(), 0
        self._engine: Engine | None = None
        self._asking, self._following = Lock(), Lock()
        self._points, self._points_at = Points(folder), 0

    @classmethod
    def create(cls, folder: Path, engine: Callable[[Ledger], Engine] = Duck) -> Ledger:
        """The ledger in ``folder``, begun where there is none."""
        return cls(folder, Journal.create(folder), engine)

    @classmethod
    def open(cls, folder: Path, engine: Callable[[Ledger], Engine] = Duck) -> Ledger:
        """The ledger in ``folder``. NotThisFormat where there is none, DamagedSource where its journal is broken."""
        ledger = cls(folder, Journal(folder), engine)
        ledger.state()
        return ledger

    def state(self) -> State:
        """What counts at this moment; for reading only."""
        with self._following:
            entries, self._read = self._journal.read(self._read)
            for entry in entries:
                self._state.apply(entry)
        return self._state

    def rows(self, tables: Mapping[str, Sequence[Part]], sql: str) -> list[tuple[Any, ...]]:
        """The answer of a statement over parts; the engine is kept for the next."""
        with self._asking:
            return self._using(tables).rows(sql)

    def columns(self, tables: Mapping[str, Sequence[Part]], sql: str) -> list[Any]:
        """The same by columns: numbers and times as NumPy arrays, the first column as a list, texts as Arrow."""
        with self._asking:
            table = self._using(tables).table(sql)
        return [
            column.to_pylist()
            if not place
            else column.combine_chunks()
            if pa.types.is_string(column.type) or column.null_count
            else column.to_numpy()
            for place, column in enumerate(table.columns)
        ]

    def find(self, table: str, key: str, wanted: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """The rows of a table whose ``key`` is one of those wanted, in no certain order; by `opencets.sighting.points`."""
        state = self.state()
        if self._points_at != state.entries:
            self._points.keep(state.parts)
            self._points_at = state.entries
        return self._points.find([part.path for part in state.table(table)], key, wanted, columns)

    def _using(self, tables: Mapping[str, Sequence[Part]]) -> Engine:
        if self._engine is None:
            self._engine = self._new_engine(self)
        self._engine.use(tables)
        return self._engine

    @contextmanager
    def asking(self, tables: Mapping[str, Sequence[Part]]) -> Iterator[Engine]:
        """An engine of its own over parts, as derived tables need it."""
        engine = self._new_engine(self)
        try:
            engine.use(tables)
            yield engine
        finally:
            engine.close()

    def paths(self, parts: Iterable[Part]) -> list[str]:
        """Where parts stand on this disk."""
        return [str(self.folder / part.path) for part in parts]

    def load(self, batches: Iterable[Batch]) -> Iterator[Loaded]:
        """Take batches in, one after the other; each is acknowledged by what is given back, and then lasts."""
        for batch in batches:
            with self._writing() as state:
                yield self._load(state, batch)

    def _load(self, state: State, batch: Batch) -> Loaded:
        key = batch.origin.key
        if key in state.batches:
            number = state.batches[key]
            return Loaded(number, state.origins[number]["rows"], state.origins[number]["refused"], again=True)
        number = max(state.origins, default=0) + 1
        parts = [self._write_day(rows, number, network, day) for network, day, rows in _by_day(batch.rows)]
        self._journal.append(
            {
                "do": "load",
                "batch": number,
                "origin": {name: value for name, value in asdict(batch.origin).items() if value not in ("", None)},
                "rows": batch.rows.num_rows,
                "refused": len(batch.refused),
                "days": [[part.network, part.first] for part in parts],
                "add": said(parts),
            }
        )
        return Loaded(number, batch.rows.num_rows, len(batch.refused), again=False)

    def _write_day(self, rows: pa.Table, number: int, network: str, day: str) -> Part:
        numbers = pa.array(np.full(rows.num_rows, number, np.uint32))
        path = f"{SIGHTINGS}/network={network}/day={day}/{number:08d}.parquet"
        return Part(
            SIGHTINGS,
            path,
            self.write(rows.append_column("batch", numbers).select(FIELDS.names), path),
            network,
            day,
            day,
        )

    def write(self, rows: pa.Table, path: str) -> int:
        """Rows as a part, on the disk when this returns; it counts when the journal names it. How many rows."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            pq.write_table(rows, file, compression=COMPRESSION, compression_level=LEVEL, row_group_size=SCANNED)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(target.parent)
        return int(rows.num_rows)

    def derive(self) -> int:
        """Bring the derived tables up to what was loaded; how many days of networks were done anew."""
        with self._writing() as state:
            self._sweep()
            return derived.derive(self, state, self._exchange)

    def compact(self, *, newest_kept: int = 2) -> int:
        """Merge the parts of each network's months, except those with the ``newest_kept`` days; how many months."""
        with self._writing() as state:
            self._sweep()
            return derived.compact(self, state, self._exchange, newest_kept)

    def forget(self, before: str, keep: Sequence[str] = ()) -> int:
        """Remove sightings before a day (ISO 8601) for good, those of the identities to ``keep`` excepted; how many.

        The derived tables are made anew, and what was replaced is taken off the disk at once: what is to be forgotten is
        not kept.
        """
        with self._writing() as state:
            gone = derived.forget(self, state, self._exchange, before, keep)
            derived.derive(self, state, self._exchange)
            self._sweep()
            # answers that a program kept beside the ledger tell of what is to be forgotten
            shutil.rmtree(self.folder / ANSWERS, ignore_errors=True)
            return gone

    def origin(self, batch: int) -> dict[str, Any]:
        """Where a batch came from. NotFound where there is none."""
        try:
            return self.state().origins[batch]
        except KeyError:
            raise NotFound(f"There is no batch {batch} in this ledger.") from None

    def _exchange(self, do: str, add: Sequence[Part], remove: Sequence[Part], days: Sequence[Any] = ()) -> None:
        self._journal.append(
            {"do": do, "add": said(add), "remove": [part.path for part in remove], "days": [list(day) for day in days]}
        )

    @contextmanager
    def _writing(self) -> Iterator[State]:
        with self._journal.writing():
            yield self.state()

    def _sweep(self) -> None:
        """Take off the disk what does not count: left by a crash, or replaced."""
        kept = self.state().parts
        for file in self.folder.rglob("*"):
            path = file.relative_to(self.folder).as_posix()
            if path not in kept and _PARTS.fullmatch(path):
                file.unlink(missing_ok=True)


def _by_day(rows: pa.Table) -> Iterator[tuple[str, str, pa.Table]]:
    """The rows of each network and day (ISO 8601)."""
    if not rows.num_rows:
        return
    column = rows["network"].combine_chunks()
    named = pc.index_in(column.dictionary, pa.array(NETWORKS)).to_numpy(zero_copy_only=False).astype(np.int64)
    networks = named[column.indices.to_numpy(zero_copy_only=False)]
    days = np.asarray(rows["seen_at"].to_numpy(), "datetime64[D]").astype(np.int64)
    keys = networks << 32 | days
    different, counts = np.unique(keys, return_counts=True)
    if different.size > 1:
        rows = rows.take(pa.array(np.argsort(keys, kind="stable")))
    begin = 0
    for key, count in zip(different.tolist(), counts.tolist(), strict=True):
        yield NETWORKS[key >> 32], str(np.datetime64(key & 0xFFFFFFFF, "D")), rows.slice(begin, count)
        begin += count
