"""What waits for the server: the device's chain of entries in one SQLite file, each on the disk before it counts.

An entry leaves only when the server said that it has it. Full, the spool lets go of bodies, the oldest of the least weight first;
their links stay, so the chain holds, and a gap entry says which. Bodies are sealed: this file tells who reads it how much waits.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from opencets.errors import DamagedSource
from opencets.packing.captures import MOST_ENTRIES, Body, Entry, Gap, Hit, beginning, kind_of, make_entry, seal_body

FILE = "spool.db"
BATCH_BYTES = 8 << 20
HEARTBEATS_WAITING = 30
"""So many wait with their full pace; beyond, one a minute is enough to show that the agent ran."""
_WEIGHT = {"program": 0, "window": 0, "address": 1, "heartbeat": 2, "screenshot": 3, "drive": 4, "account": 4}
KEPT = 100
"""The weight of what is never let go: how runs began and ended, gaps, evasion, notices, hits of severity 5."""


class Spool:
    """The chain of a device. Safe to use from the threads of one process; another process must not hold it."""

    def __init__(self, folder: Path, device: str, boot: str, wall: Callable[[], dt.datetime], most_bytes: int) -> None:
        self._device, self._boot, self._wall, self._most = device, boot, wall, most_bytes
        self._lock = threading.Lock()
        self._database = open_database(folder / FILE)
        try:
            self._database.executescript(
                """
                create table if not exists entry (
                    seq integer primary key, kind text not null, weight integer not null, body integer not null,
                    text text not null);
                create index if not exists by_weight on entry (weight, seq) where body > 0;
                create table if not exists head (one integer primary key check (one = 1), seq integer, hash text, kind text);
                """
            )
            row = self._database.execute("select seq, hash, kind from head").fetchone()
            self._bytes = self._database.execute("select coalesce(sum(length(text)), 0) from entry").fetchone()[0]
        except sqlite3.DatabaseError as reason:
            raise DamagedSource(f"The spool {FILE} is broken: {reason}. Keep it for the officer.") from None
        self._head = (int(row[0]), str(row[1])) if row else beginning(device)
        self.last_kind: str | None = str(row[2]) if row else None
        """The kind of the last entry ever made, None: there is none."""

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    @property
    def head(self) -> tuple[int, str]:
        """Number and hash of the last entry."""
        return self._head

    def append(self, body: Body, recipient: str, order: str, version: int) -> int:
        """Seal it, chain it, bring it to the disk; its number."""
        with self._lock:
            seq = self._append(body, recipient, order, version)
            if self._bytes > self._most:
                self._let_go(recipient, order, version)
            self._database.commit()
            return seq

    def _append(self, body: Body, recipient: str, order: str, version: int) -> int:
        entry = make_entry(
            self._head, body, seal_body(body, recipient), device=self._device, boot=self._boot, at=self._wall(),
            mono_ms=time.monotonic_ns() // 1_000_000, order=order, version=version,
        )  # fmt: skip
        text = json.dumps(entry.to_json(), separators=(",", ":"))
        weight = _WEIGHT.get(entry.kind, KEPT)
        if isinstance(body, Hit):
            weight = 10 * body.rule.severity if body.rule.severity < 5 else KEPT
        with_body = len(entry.body) if weight < KEPT else 0
        self._database.execute(
            "insert into entry values (?, ?, ?, ?, ?)", (entry.seq, entry.kind, weight, with_body, text)
        )
        self._database.execute(
            "insert into head values (1, ?, ?, ?) on conflict (one) do update set seq = excluded.seq, hash = excluded.hash, "
            "kind = excluded.kind",
            (entry.seq, entry.hash, kind_of(body)),
        )
        self._head, self._bytes = entry.head, self._bytes + len(text)
        return entry.seq

    def _let_go(self, recipient: str, order: str, version: int) -> None:
        """Down to nine tenths, so that one gap entry tells of many."""
        gone, kinds = list[int](), Counter[str]()
        rows = self._database.execute(
            "select seq, kind, text from entry where body > 0 order by weight, seq"
        ).fetchall()
        for seq, kind, text in rows:
            if self._bytes <= self._most * 9 // 10:
                break
            bare = json.dumps(Entry.from_json(json.loads(text)).without_body().to_json(), separators=(",", ":"))
            self._database.execute("update entry set text = ?, body = 0 where seq = ?", (bare, seq))
            self._bytes += len(bare) - len(text)
            gone.append(seq)
            kinds[kind] += 1
        if gone:
            words = f"The spool was full ({self._most:,} bytes): the bodies of {len(gone):,} entries were let go."
            gap = Gap(min(gone), max(gone), len(gone), dict(kinds), words)
            self._append(gap, recipient, order, version)

    def is_calm(self) -> bool:
        """Whether few enough heartbeats wait that the next needs no pause."""
        with self._lock:
            (count,) = self._database.execute("select count(*) from entry where kind = 'heartbeat'").fetchone()
        return int(count) < HEARTBEATS_WAITING

    def waiting(self) -> tuple[int, int]:
        """How many entries wait, and how many bytes they have."""
        with self._lock:
            (count,) = self._database.execute("select count(*) from entry").fetchone()
        return int(count), self._bytes

    def next_batch(self) -> list[Entry]:
        """The oldest entries, in their order, as many as go together. They stay until `commit`."""
        with self._lock:
            rows = self._database.execute(f"select text from entry order by seq limit {MOST_ENTRIES}").fetchall()
        batch, size = list[Entry](), 0
        for (text,) in rows:
            size += len(text)
            if batch and size > BATCH_BYTES:
                break
            batch.append(Entry.from_json(json.loads(text)))
        return batch

    def commit(self, received: int) -> None:
        """The server has everything up to this number."""
        with self._lock:
            (gone,) = self._database.execute(
                "select coalesce(sum(length(text)), 0) from entry where seq <= ?", (received,)
            ).fetchone()
            self._database.execute("delete from entry where seq <= ?", (received,))
            self._database.commit()
            self._bytes -= gone


def open_database(path: Path) -> sqlite3.Connection:
    """The file, with every commit brought to the disk."""
    database = sqlite3.connect(path, check_same_thread=False, timeout=10)
    path.chmod(0o600)
    try:
        database.execute("pragma journal_mode = wal")
        database.execute("pragma synchronous = full")
    except sqlite3.DatabaseError as reason:
        database.close()
        raise DamagedSource(f"The spool {path.name} is broken: {reason}. Keep it for the officer.") from None
    return database
