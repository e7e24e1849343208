"""The statements of a ledger on a Spark cluster, for more sightings than one machine reads: the same SQL, the same answers.

The ledger's folder is one that every machine sees under the same path. Statements are written in DuckDB's dialect and
translated by sqlglot. What the cluster writes are ordinary parts, several for one statement, that any engine reads.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pyarrow as pa
import sqlglot
from sqlglot import exp

from opencets.cluster import watched
from opencets.sighting.engine import EMPTY, Written, settle
from opencets.sighting.parts import Part

if TYPE_CHECKING:
    from opencets.sighting.ledger import Ledger

_ADVICE = "Check that every machine sees the ledger's folder under the same path, and may write to it."
_ORDERED = (exp.ArgMax, exp.ArgMin)


class Spark:
    """A Spark session in which each table is the parts that are given. Raises Interrupted where the cluster gives up."""

    def __init__(self, context: Any, ledger: Ledger) -> None:
        from pyspark.sql import SparkSession

        self._ledger = ledger
        self._session: Any = SparkSession(context).newSession()
        for name, value in (
            ("session.timeZone", "UTC"),
            ("timestampType", "TIMESTAMP_NTZ"),  # as the ledger keeps it: UTC, without a zone
            ("parquet.compression.codec", "zstd"),
        ):
            self._session.conf.set(f"spark.sql.{name}", value)
        self._views: dict[str, tuple[str, ...]] = {}

    def use(self, tables: Mapping[str, Sequence[Part]]) -> None:
        """Let tables be these parts from now on."""
        for table, parts in tables.items():
            paths = tuple(self._ledger.paths(parts))
            if self._views.get(table) == paths:
                continue
            with watched(_ADVICE):
                if paths:
                    # the folders' names say what the columns say: nothing is read from them
                    frame = self._session.read.option("recursiveFileLookup", "true").parquet(*paths)
                else:
                    frame = self._session.sql(translated(f"select {EMPTY[table]} where false"))
                frame.createOrReplaceTempView(table)
            self._views[table] = paths

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The answer of a statement."""
        with watched(_ADVICE):
            return [tuple(row) for row in self._session.sql(translated(sql)).collect()]

    def table(self, sql: str) -> pa.Table:
        """The answer as columns."""
        with watched(_ADVICE):
            return self._session.sql(translated(sql)).toArrow()

    def keep(self, identities: Iterable[str]) -> None:
        """Make the table ``kept`` of identities."""
        rows = [(identity,) for identity in sorted(set(identities))]
        self._session.createDataFrame(rows, "identity string").createOrReplaceTempView("kept")

    def write(self, sql: str, path: str) -> Written:
        """The answer as parts beside ``path``, numbered in its order, on the disk when this returns."""
        draft = self._ledger.folder / ".spill" / uuid4().hex
        stem = path.removesuffix(".parquet")
        written: Written = []
        try:
            with watched(_ADVICE):
                self._session.sql(translated(sql)).write.parquet(draft.as_uri())
            for number, file in enumerate(sorted(draft.glob("*.parquet"))):
                target = f"{stem}-{number:05d}.parquet"
                rows = settle(file, self._ledger.folder / target)
                if rows:
                    written.append((target, rows))
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return written

    def close(self) -> None:
        """Give back nothing: the session lives as long as its context."""


def translated(sql: str) -> str:
    """A statement of DuckDB in Spark's dialect.

    DuckDB's ``max_by`` passes over rows in which the wanted value is missing, Spark's does not.
    """
    statement = sqlglot.parse_one(sql, read="duckdb")
    for call in list(statement.find_all(*_ORDERED)):
        present = exp.Not(this=exp.Is(this=call.this.copy(), expression=exp.Null()))
        call.replace(exp.Filter(this=call.copy(), expression=exp.Where(this=present)))
    for overlap in list(statement.find_all(exp.ArrayOverlaps)):
        overlap.replace(exp.func("arrays_overlap", overlap.this, overlap.expression))
    return statement.sql(dialect="spark")
