"""What waits is sealed, bounded, in one chain over restarts, and outlasts a kill at any instant."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest

from opencets.errors import DamagedSource
from opencets.packing import captures
from opencets.packing.captures import check_chain
from opencets_agent.spool import FILE, Spool

DEVICE = "7b8c6a52-2f0e-4f57-9d0a-0c3c1c9a0001"
SERVER = pyrage.x25519.Identity.generate()
TO = str(SERVER.to_public())


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def opened(folder: Path, most: int = 1 << 24, boot: str = "b1") -> Spool:
    return Spool(folder, DEVICE, boot, now, most)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = opened(tmp_path)
    yield made
    made.close()


def window(spool: Spool, title: str) -> int:
    return spool.append(captures.Window("xterm", title), TO, "o", 1)


def hit(severity: int) -> captures.Hit:
    return captures.Hit(
        captures.Rule("neutral", "1", "blue kiosk", severity, "r"), "1", now(), captures.Where("typed"), "typed", "c",
        captures.Text("", "blue kiosk", "", 0, 10), None, False,
    )  # fmt: skip


def test_entries_leave_in_order_and_only_when_the_server_has_them(spool: Spool, tmp_path: Path) -> None:
    for number in range(100):
        window(spool, f"meet at the blue kiosk {number}")
    first = spool.next_batch()
    assert [entry.seq for entry in first] == list(range(1, 65))
    assert spool.next_batch() == first
    spool.commit(64)
    assert [entry.seq for entry in spool.next_batch()] == list(range(65, 101))
    assert check_chain(spool.next_batch(), first[-1]) == []
    spool.commit(100)
    assert spool.waiting() == (0, 0)
    assert window(spool, "next") == 101


def test_nobody_on_the_device_can_read_what_waits(spool: Spool, tmp_path: Path) -> None:
    window(spool, "meet at the blue kiosk")
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"kiosk" not in written
    assert all(path.stat().st_mode & 0o77 == 0 for path in tmp_path.glob(FILE))


def test_the_chain_goes_on_over_a_restart(tmp_path: Path) -> None:
    first = opened(tmp_path)
    window(first, "a")
    first.append(captures.Stopped("asked to"), TO, "o", 1)
    first.close()
    second = opened(tmp_path, boot="b2")
    assert second.last_kind == "stopped"
    window(second, "b")
    assert check_chain(second.next_batch(), captures.beginning(DEVICE)) == []
    assert [entry.boot for entry in second.next_batch()] == ["b1", "b1", "b2"]
    second.close()


def test_a_full_spool_lets_go_of_the_oldest_of_least_weight_and_says_so(tmp_path: Path) -> None:
    spool = opened(tmp_path, 150_000)
    spool.append(hit(2), TO, "o", 1)
    spool.append(hit(5), TO, "o", 1)
    for number in range(150):
        window(spool, f"{number} " + "x" * 400)
    assert spool.waiting()[1] <= 150_000
    entries = list[captures.Entry]()
    while batch := spool.next_batch():
        entries += batch
        spool.commit(batch[-1].seq)
    spool.close()
    assert check_chain(entries, captures.beginning(DEVICE)) == []
    bodies = [captures.open_body(entry, [str(SERVER)]) for entry in entries]
    gaps = [body for body in bodies if isinstance(body, captures.Gap)]
    gone = [entry for entry in entries if entry.dropped]
    assert sum(gap.count for gap in gaps) == len(gone) > 0
    assert {entry.kind for entry in gone} == {"window"}
    assert gone[0].seq == 3
    assert [body.rule.severity for body in bodies if isinstance(body, captures.Hit)] == [2, 5]


def test_a_spool_that_is_broken_or_none_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"SQLite format 3\0" + bytes(4000))
    with pytest.raises(DamagedSource, match="is broken"):
        opened(tmp_path)


WRITER = """
import sys
from pathlib import Path
from tests.agent.test_spool import opened, window
spool = opened(Path(sys.argv[1]), boot=sys.argv[2])
while True:
    print(window(spool, "x" * 300), flush=True)
"""


def test_a_kill_at_any_instant_loses_nothing_that_was_told_and_breaks_no_chain(tmp_path: Path) -> None:
    told = 0
    for boot in range(4):
        program = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), f"b{boot}"], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": "."},
        )  # fmt: skip
        assert program.stdout is not None
        assert int(program.stdout.readline()) == told + 1
        time.sleep(0.05 + 0.03 * boot)
        program.send_signal(signal.SIGKILL)
        program.wait(10)
        lines = program.stdout.read().split("\n")[:-1]
        program.stdout.close()
        spool = opened(tmp_path, boot="reader")
        head, told = spool.head[0], max(told + 1, *(int(line) for line in lines or ["0"]))
        assert head in (told, told + 1)
        told = head
        spool.close()
    spool = opened(tmp_path, boot="reader")
    entries = list[captures.Entry]()
    while batch := spool.next_batch():
        entries += batch
        spool.commit(batch[-1].seq)
    spool.close()
    assert [entry.seq for entry in entries] == list(range(1, told + 1))
    assert {fault.kind for fault in check_chain(entries, captures.beginning(DEVICE))} == {"killed"}
