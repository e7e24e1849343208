"""What a sensor knows between two moments: places where files are said to be offered, and when each may be asked again.

It is a convenience and no evidence: taken away, the sensor finds the places anew. It outlasts a stop, so that a sensor that
is started often asks nobody more often than one that runs through.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from opencets_sensor.networks.contract import Place

_TABLES = """
create table if not exists place(
  network text, file text, address text, port integer, kind text, told_at integer, due_at integer, answered integer default 0,
  asking integer default 0,
  primary key (network, file, address, port)) without rowid;
create index if not exists place_due on place(due_at);
create table if not exists source(
  network text, file text, name text, due_at integer, failures integer default 0,
  primary key (network, file, name)) without rowid;
"""


class State:
    """The state's file; times are milliseconds since 1970."""

    def __init__(self, path: Path) -> None:
        self._base = sqlite3.connect(path, isolation_level=None)
        self._base.executescript("pragma journal_mode=wal; pragma synchronous=normal;" + _TABLES)

    def learn(self, network: str, file: str, told: Iterable[tuple[Place, str]], now: int, most: int) -> None:
        """Places that were told of; those that are known keep their turn."""
        room = most - self._base.execute("select count(*) from place").fetchone()[0]
        self._base.execute("begin")
        for place, kind in told:
            room -= 1
            self._base.execute(
                "insert into place(network, file, address, port, kind, told_at, due_at) "
                + ("values (?, ?, ?, ?, ?, ?, ?)" if room >= 0 else "select ?, ?, ?, ?, ?, ?, ? from place where false")
                + " on conflict do update set told_at = excluded.told_at",
                (network, file, place.address, place.port, kind, now, now),
            )
        self._base.execute("commit")

    def due_places(self, now: int, most: int) -> list[tuple[str, str, Place]]:
        """Places whose turn it is, the longest waiting first."""
        rows = self._base.execute(
            "select network, file, address, port from place where due_at <= ? order by due_at limit ?", (now, most)
        )
        return [(network, file, Place(address, port)) for network, file, address, port in rows]

    def asking(self, network: str, file: str, place: Place, again_at: int) -> None:
        """A place is asked now: its next turn, unless the asking is cut off before anything was written of it."""
        self._base.execute(
            "update place set due_at = ?, asking = 1 where network = ? and file = ? and address = ? and port = ?",
            (again_at, network, file, place.address, place.port),
        )

    def asked(self, network: str, file: str, place: Place, again_at: int, *, answered: bool) -> None:
        """A place was asked, and it stands in the log: its next turn."""
        self._base.execute(
            "update place set due_at = max(due_at, ?), asking = 0, answered = ? "
            "where network = ? and file = ? and address = ? and port = ?",
            (again_at, answered, network, file, place.address, place.port),
        )

    def resume(self, now: int) -> None:
        """Give their turn back to places whose asking was cut off: the log has nothing of it."""
        self._base.execute("update place set due_at = ?, asking = 0 where asking", (now,))

    def source_due_at(self, network: str, file: str, name: str) -> int:
        """When a source may be asked about a file."""
        row = self._base.execute(
            "select due_at from source where network = ? and file = ? and name = ?", (network, file, name)
        ).fetchone()
        return int(row[0]) if row else 0

    def source_asked(self, network: str, file: str, name: str, again_at: int, *, failed: bool) -> int:
        """A source was asked; how often in a row it did not answer."""
        row = self._base.execute(
            "insert into source values (?, ?, ?, ?, ?) on conflict do update set due_at = excluded.due_at, "
            "failures = case when excluded.failures then failures + 1 else 0 end returning failures",
            (network, file, name, again_at, int(failed)),
        ).fetchone()
        return int(row[0])

    def forget(self, before: int) -> None:
        """Let go of places that nobody told of since, and that did not answer."""
        self._base.execute("delete from place where told_at < ? and not answered", (before,))

    def counts(self) -> tuple[int, int]:
        """Places known, and those that answered."""
        known, answered = self._base.execute("select count(*), coalesce(sum(answered), 0) from place").fetchone()
        return int(known), int(answered)

    def close(self) -> None:
        """Let go of the file."""
        self._base.close()
