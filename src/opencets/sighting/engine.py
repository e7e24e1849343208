"""Running a statement over parts of a ledger: DuckDB in this process, or the same statement on a Spark session."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from opencets.sighting.batch import FIELDS
from opencets.sighting.journal import sync_folder
from opencets.sighting.parts import DAYS, FILES, OFFERS, RARITY, SIGHTINGS, Part

if TYPE_CHECKING:
    from opencets.sighting.ledger import Ledger

ROW_GROUP = 122_880
COMPRESSION, LEVEL = "zstd", 3

_COLUMNS = {
    SIGHTINGS: {
        pa.timestamp("ms"): "timestamp", pa.string(): "varchar", pa.uint16(): "usmallint", pa.uint32(): "uinteger",
        pa.bool_(): "boolean",
    },
}  # fmt: skip
_EMPTY = {
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
}  # fmt: skip
"""What a table without parts looks like."""


class Engine:
    """A DuckDB connection in which each table is the parts that are given. Use it as a context."""

    def __init__(self, ledger: Ledger, tables: Mapping[str, Sequence[Part]], *, threads: int | None = None) -> None:
        self._ledger = ledger
        self._connection: Any = duckdb.connect(":memory:")
        spill = ledger.folder / ".spill"
        self._connection.execute(f"set temp_directory = '{_quoted(str(spill))}'")
        self._connection.execute("set preserve_insertion_order = false")
        self._connection.execute("set enable_progress_bar = false")
        if threads is not None:
            self._connection.execute(f"set threads = {threads:d}")
        # footers of parts are read once: a part never changes
        self._connection.execute("set parquet_metadata_cache = true")
        self._views: dict[str, tuple[str, ...]] = {}
        self.use(tables)

    def use(self, tables: Mapping[str, Sequence[Part]]) -> None:
        """Let tables be these parts from now on."""
        for table, parts in tables.items():
            paths = tuple(part.path for part in parts)
            if self._views.get(table) != paths:
                self._connection.execute(f"create or replace view {table} as {self._source(table, parts)}")
                self._views[table] = paths

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *gone: object) -> None:
        self._connection.close()

    def _source(self, table: str, parts: Sequence[Part]) -> str:
        if not parts:
            return f"select {_EMPTY[table]} where false"
        paths = ", ".join(f"'{_quoted(path)}'" for path in self._ledger.paths(parts))
        return f"select * from read_parquet([{paths}], hive_partitioning = false)"

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The answer of a statement."""
        found: list[tuple[Any, ...]] = self._connection.execute(sql, list(values)).fetchall()
        return found

    def table(self, sql: str, values: Sequence[Any] = ()) -> pa.Table:
        """The answer as columns."""
        answer: pa.Table = self._connection.sql(sql, params=list(values) or None).to_arrow_table()
        return answer

    def keep(self, identities: Iterable[str]) -> None:
        """Make the table ``kept`` of identities."""
        self._connection.register("kept", pa.table({"identity": pa.array(sorted(set(identities)), pa.string())}))

    def write(self, sql: str, path: str) -> int:
        """The answer as a part at ``path``, on the disk when this returns; its rows. No file where there are none."""
        target = self._ledger.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_suffix(".draft")
        self._connection.execute(
            f"copy ({sql}) to '{_quoted(str(draft))}' (format parquet, compression {COMPRESSION}, "
            f"compression_level {LEVEL}, row_group_size {ROW_GROUP}, parquet_version v2)"
        )
        counted = self._connection.execute(
            "select coalesce(sum(num_rows), 0) from parquet_file_metadata(?)", [str(draft)]
        ).fetchone()
        if not counted[0]:
            draft.unlink()
            return 0
        handle = os.open(draft, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        draft.replace(target)
        sync_folder(target.parent)
        return int(counted[0])


def _quoted(text: str) -> str:
    return text.replace("'", "''")
