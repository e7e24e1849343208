"""Running a statement over parts of a ledger by DuckDB in this process; `opencets.sighting.spark` runs the same on a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from opencets.sighting.batch import FIELDS
from opencets.sighting.journal import sync_folder
from opencets.sighting.parts import DAYS, FILES, GROUPS, LINKS, OFFERS, RARITY, SIGHTINGS, Part
from opencets.sighting.points import ROW_GROUPS

if TYPE_CHECKING:
    from opencets.sighting.ledger import Ledger

SCANNED = 122_880
"""Rows of a group in parts that are read from end to end."""
COMPRESSION, LEVEL = "zstd", 3

_COLUMNS = {
    SIGHTINGS: {
        pa.timestamp("ms"): "timestamp", pa.string(): "varchar", pa.uint16(): "usmallint", pa.uint32(): "uinteger",
        pa.bool_(): "boolean",
    },
}  # fmt: skip
EMPTY = {
    SIGHTINGS: ", ".join(f"cast(null as {_COLUMNS[SIGHTINGS][field.type]}) as {field.name}" for field in FIELDS),
    FILES: "cast(null as bigint) as number, cast(null as varchar) as file, cast(null as timestamp) as first_at, "
    "cast(null as varchar) as first_identity",
    RARITY: "cast(null as bigint) as number, cast(null as bigint) as computers",
    DAYS: "cast(null as date) as day, cast(null as varchar) as network, cast(null as varchar) as country, "
    "cast(null as varchar) as region, cast(null as varchar) as identity, cast(null as bigint) as sightings, "
    "cast(null as bigint) as direct, cast(null as bigint) as complete, cast(null as integer) as hours, "
    "cast(null as timestamp) as first_at, cast(null as timestamp) as last_at, cast(null as varchar) as address, "
    "cast(null as integer) as port, cast(null as varchar) as client, cast(null as bigint) as provider, "
    "cast(null as varchar) as place, cast(null as integer) as shared_line, cast(null as bigint[]) as files",
    OFFERS: "cast(null as varchar) as file, cast(null as varchar) as identity, cast(null as varchar) as network, "
    "cast(null as varchar) as country, cast(null as varchar) as region, cast(null as timestamp) as first_at, "
    "cast(null as timestamp) as last_at, cast(null as bigint) as sightings, cast(null as bigint) as direct, "
    "cast(null as bigint) as complete",
    LINKS: "cast(null as varchar) as earlier, cast(null as varchar) as later, cast(null as varchar) as rule, "
    "cast(null as timestamp) as since, cast(null as timestamp) as until, cast(null as integer) as port, "
    "cast(null as integer) as addresses, cast(null as integer) as days",
    GROUPS: "cast(null as varchar) as identity, cast(null as varchar) as computer",
}  # fmt: skip
"""What a table without parts looks like."""


Written = list[tuple[str, int]]
"""Paths of the files that an answer was written to, and how many rows each has; none where there are no rows."""


class Engine(Protocol):
    """What runs statements in DuckDB's dialect over parts; `Duck` here, `opencets.sighting.spark.Spark` on a cluster."""

    def use(self, tables: Mapping[str, Sequence[Part]]) -> None:
        """Let tables be these parts from now on."""

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The answer of a statement."""

    def table(self, sql: str) -> pa.Table:
        """The answer as columns."""

    def keep(self, identities: Iterable[str]) -> None:
        """Make the table ``kept`` of identities."""

    def write(self, sql: str, path: str) -> Written:
        """The answer as parts at ``path`` or beside it, on the disk when this returns."""

    def close(self) -> None:
        """Give back what the engine holds."""


class Duck:
    """A DuckDB connection in which each table is the parts that are given."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._connection: Any = duckdb.connect(":memory:")
        spill = ledger.folder / ".spill"
        self._connection.execute(f"set temp_directory = '{_quoted(str(spill))}'")
        self._connection.execute(f"set memory_limit = '{_memory_share()}B'")
        self._connection.execute("set preserve_insertion_order = false")
        self._connection.execute("set enable_progress_bar = false")
        # footers of parts are read once: a part never changes
        self._connection.execute("set parquet_metadata_cache = true")
        self._views: dict[str, tuple[str, ...]] = {}

    def use(self, tables: Mapping[str, Sequence[Part]]) -> None:
        """Let tables be these parts from now on."""
        for table, parts in tables.items():
            paths = tuple(part.path for part in parts)
            if self._views.get(table) != paths:
                self._connection.execute(f"create or replace view {table} as {self._source(table, parts)}")
                self._views[table] = paths

    def close(self) -> None:
        """Give back the connection."""
        self._connection.close()

    def _source(self, table: str, parts: Sequence[Part]) -> str:
        if not parts:
            return f"select {EMPTY[table]} where false"
        paths = ", ".join(f"'{_quoted(path)}'" for path in self._ledger.paths(parts))
        return f"select * from read_parquet([{paths}], hive_partitioning = false)"

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The answer of a statement."""
        found: list[tuple[Any, ...]] = self._connection.execute(sql).fetchall()
        return found

    def table(self, sql: str) -> pa.Table:
        """The answer as columns."""
        answer: pa.Table = self._connection.sql(sql).to_arrow_table()
        return answer

    def keep(self, identities: Iterable[str]) -> None:
        """Make the table ``kept`` of identities."""
        self._connection.register("kept", pa.table({"identity": pa.array(sorted(set(identities)), pa.string())}))

    def write(self, sql: str, path: str) -> Written:
        """The answer as one part at ``path``, on the disk when this returns."""
        target = self._ledger.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_suffix(".draft")
        group = ROW_GROUPS.get(path.split("/", 1)[0], SCANNED)
        self._connection.execute(
            f"copy ({sql}) to '{_quoted(str(draft))}' (format parquet, compression {COMPRESSION}, "
            f"compression_level {LEVEL}, row_group_size {group}, parquet_version v2)"
        )
        rows = settle(draft, target)
        return [(path, rows)] if rows else []


def settle(draft: Path, target: Path) -> int:
    """Move a written file of Parquet to its place, so that it lasts; its rows. One without rows is taken away."""
    rows = int(pq.read_metadata(draft).num_rows)
    if not rows:
        draft.unlink()
        return 0
    handle = os.open(draft, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft.replace(target)
    sync_folder(target.parent)
    return rows


def _memory_share() -> int:
    """A third of this machine's memory, in bytes: the case database lives here too, and what is larger is spilled."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 3


def _quoted(text: str) -> str:
    return text.replace("'", "''")
