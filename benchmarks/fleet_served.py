"""Five hundred supervised devices at once against one server that is killed, over a network that cuts: what is kept, and how soon.

``opencets bench fleet-served [--devices N] [--minutes M] [--port P] [--json]``

A scratch home gets persons, devices and signed orders by the same actions as an officer. Each device then is a chain of real
entries (heartbeats, programs, hits, screenshots), sealed and signed as an agent does it, sent over sockets of its own. Some of the
sendings are cut: in the middle of the request, or before the answer is read. The server's process group is killed with SIGKILL and
started again, twice. One device in a hundred loses entries before they are sent, and as many let bodies go.

Asserted from the tables at the end: of every device each entry that was made and not lost stands there once, with its hash;
each hit is a hit once; every loss and every body let go is a fault that an officer sees, and no other device has one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import json
import os
import platform
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from opencets.packing import captures
from opencets.packing.made_up import MadeUpDevice

sys.path.insert(0, str(Path(__file__).parent))

A_PERSON = 10
HEARTBEAT = 10.0
CUT = 0.05
"""So many sendings are cut, half of them after the server has read all."""
LOSING = 0.01
ANSWER_SECONDS = 20.0
LONGEST_PAUSE = 10.0
WORDS = "meet at the blue kiosk"
_JPEG = b64encode(b"\xff\xd8\xff" + bytes(range(256)) * 120).decode()
"""Stands for a screenshot: its first bytes, and as large as a small one. Nobody looks at it here."""


# --- In the scratch home ----------------------------------------------------------------------------------------------


def cast() -> dict[str, Any]:
    """An agency with a supervising officer; as owner."""
    from opencets_web.accounts.models import Agency, Officer

    agency = Agency.objects.create(
        name="Avon Probation", short_name="Avon", country="GB", contact_email="desk@avon.example.org"
    )
    officer = Officer.objects.create(
        email="officer@avon.example.org", display_name="Officer", agency=agency, roles=["supervising-officer"]
    )
    return {"officer": str(officer.id)}


def enrol(officer: str, where: str) -> dict[str, Any]:
    """Persons, devices and signed orders, as the officer does it; the orders' numbers and the key to seal to. As web role."""
    from uuid import UUID

    from opencets_web.policy.acting import acting_as
    from opencets_web.policy.officers import actor_for
    from opencets_web.supervision import actions

    requests: list[str] = json.loads(Path(where).read_text())
    now, made = dt.datetime.now(dt.UTC), []
    with acting_as(UUID(officer)):
        actor = actor_for(officer)
    for number, request in enumerate(requests):
        reference = f"SV-2026-{number // A_PERSON:04}"
        with acting_as(UUID(officer)):
            if number % A_PERSON == 0:
                actions.open_person(actor, reference=reference, name=f"Person {number // A_PERSON}")
            device = actions.enrol_device(actor, reference, request.encode())
            order = actions.draft_order(
                actor, device, court="Crown Court at Sampleton", reference=f"T2026{number:04}",
                words="Computer use is watched.", complaint="The chief officer, 1 Sample Street",
                begins_at=now - dt.timedelta(days=1), ends_at=now + dt.timedelta(days=90),
                notice_on=(now - dt.timedelta(days=2)).date(), co_users=["Alex Sample"],
            )  # fmt: skip
            if number % A_PERSON == 0:
                actions.put_condition(
                    actor, order, ref="C1", words="No contact through chats.", collectors=["typed", "shown", "program"],
                    text_around=40, screenshot="window", severity_from=2, retention_days=60,
                    excluded={"programs": [], "sites": [], "people": [], "hours": []},
                )  # fmt: skip
            actions.sign_order(actor, order)
            written, _ = actions.download_order(actor, order)
        said = json.loads(json.loads(written)["text"])
        made.append({"order": said["order"], "version": said["version"], "recipient": said["server_key"],
                     "digest": sha256(json.loads(written)["text"].encode()).hexdigest()})  # fmt: skip
    return {"orders": made}


def kept() -> dict[str, Any]:
    """What stands of each device: its entries with one hash over all their hashes, its hits, its faults. As owner."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "select device_id::text, array_agg(seq order by seq), array_agg(hash order by seq) from supervision_entry group by 1"
        )
        found = {
            device: [seqs, sha256("".join(hashes).encode()).hexdigest()] for device, seqs, hashes in cursor.fetchall()
        }
        cursor.execute(
            "select device_id::text, array_agg(seq order by seq), count(screenshot_seq) from supervision_hit group by 1"
        )
        hits = {device: [seqs, pictures] for device, seqs, pictures in cursor.fetchall()}
        cursor.execute("select device_id::text, kind, count(*) from supervision_fault group by 1, 2")
        faults: dict[str, dict[str, int]] = {}
        for device, kind, count in cursor.fetchall():
            faults.setdefault(device, {})[kind] = count
    return {"entries": found, "hits": hits, "faults": faults}


ACTS: dict[str, Callable[..., dict[str, Any]]] = {"cast": cast, "enrol": enrol, "kept": kept}


# --- Devices ----------------------------------------------------------------------------------------------------------


@dataclass
class Told:
    """What happened on the way, over all devices."""

    batches: int = 0
    cut_before: int = 0
    cut_after: int = 0
    unreached: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    """From a hit to its acknowledgement, where no kill was between."""


class Device:
    """One chain, its spool in memory, and a sender that keeps trying."""

    def __init__(self, number: int, told: Told, port: int) -> None:
        self.chain = MadeUpDevice("Desktop")
        self.id = self.chain.device
        self.chance = random.Random(number)
        self.spool: list[captures.Entry] = []
        self.hashes: dict[int, str] = {}
        self.hits: list[int] = []
        self.born: dict[int, float] = {}
        self.digest = ""
        self.told, self.port = told, port
        self.lost = 0
        self.let_go = 0
        self.wake = asyncio.Event()
        self.blocked_at = 0.0

    def put(self, body: captures.Body) -> int:
        """The next link."""
        entry = self.chain.entry(body)
        self.spool.append(entry)
        self.hashes[entry.seq] = entry.hash
        return entry.seq

    async def live(self, until: float, *, loses: bool, lets_go: bool) -> None:
        """Make entries until then."""
        await asyncio.sleep(self.chance.random() * HEARTBEAT)
        self.put(captures.Started("first", "fleet", "Invented 1", "x11", ("typed", "shown", "program"), self.digest))
        halfway = time.monotonic() + (until - time.monotonic()) / 2
        while time.monotonic() < until:
            self._beat()
            if time.monotonic() > halfway and (loses or lets_go):
                self._lose(loses)
                loses = lets_go = False
            self.wake.set()
            await asyncio.sleep(HEARTBEAT * (0.9 + 0.2 * self.chance.random()))

    def _beat(self) -> None:
        covered = (captures.Covered("xterm", "ocr"), captures.Covered("chromium", "accessibility"))
        self.put(captures.Heartbeat(covered, True, len(self.spool), 0, captures.Clock(0, 5)))
        if self.chance.random() < 0.3:
            self.put(captures.Program("started", self.chance.choice(("editor", "chromium", "player"))))
        if self.chance.random() < 0.15:
            picture = self.chance.random() < 0.4
            hit = captures.Hit(
                captures.Rule("neutral", "1", WORDS, self.chance.randint(2, 5), f"The phrase “{WORDS}” was typed."), "C1",
                dt.datetime.now(dt.UTC), captures.Where("typed", "chromium", "Chat with Robin"), "typed", "talk-1",
                captures.Text("so we ", WORDS, " at noon", 6, 6 + len(WORDS)), None, picture,
            )  # fmt: skip
            seq = self.put(hit)
            self.hits.append(seq)
            self.born[seq] = time.monotonic()
            if picture:
                self.put(captures.Screenshot(seq, "window", 640, 400, _JPEG))

    def _lose(self, loses: bool) -> None:
        """Three heartbeats that somebody deletes from the spool, or bodies that a full spool lets go and tells of."""
        beat = captures.Heartbeat((), True, 0, 0, captures.Clock(0, 5))
        gone = [self.put(beat) for _ in range(3)]
        if loses:
            self.spool = [entry for entry in self.spool if entry.seq not in gone]
            for seq in gone:
                del self.hashes[seq]
            self.lost = len(gone)
            return
        self.spool = [entry.without_body() if entry.seq in gone else entry for entry in self.spool]
        self.put(captures.Gap(gone[0], gone[-1], len(gone), {"heartbeat": len(gone)}, "The spool was full."))
        self.let_go = 1

    async def send(self, ended: asyncio.Event) -> None:
        """Bring what waits until all is made and acknowledged."""
        failed = 0
        while not (ended.is_set() and not self.spool):
            if not self.spool:
                self.wake.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.wake.wait(), 1)
                continue
            try:
                received = await self._one(self.spool[: captures.MOST_ENTRIES])
            except (OSError, EOFError, ValueError, TimeoutError, asyncio.IncompleteReadError):
                failed += 1
                self.blocked_at = time.monotonic()
                await asyncio.sleep(min(LONGEST_PAUSE, 0.5 * 2**failed) * (0.5 + self.chance.random() / 2))
                continue
            now = time.monotonic()
            if failed:
                failed, self.blocked_at = 0, now
            for entry in self.spool:
                if (
                    entry.seq <= received
                    and (born := self.born.pop(entry.seq, None)) is not None
                    and born > self.blocked_at
                ):
                    self.told.seconds.append(now - born)
            self.spool = [entry for entry in self.spool if entry.seq > received]

    async def _one(self, entries: list[captures.Entry]) -> int:
        body = captures.batch_of(entries)
        headers = self.chain.headers(body)
        told = self.told
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", self.port), ANSWER_SECONDS)
        except (OSError, TimeoutError):
            told.unreached += 1
            raise
        try:
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            writer.write(
                f"POST /agent/v1/entries HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n{head}\r\n".encode()
            )
            drawn = self.chance.random()
            if drawn < CUT / 2:
                told.cut_before += 1
                writer.write(body[: len(body) // 2])
                await writer.drain()
                raise ConnectionAbortedError
            writer.write(body)
            await writer.drain()
            if drawn < CUT:
                told.cut_after += 1
                await asyncio.sleep(self.chance.random())
                raise ConnectionAbortedError
            answer = await asyncio.wait_for(reader.read(), ANSWER_SECONDS)
        finally:
            writer.transport.abort()
        head_bytes, _, content = answer.partition(b"\r\n\r\n")
        status = int(head_bytes.split(b" ", 2)[1]) if head_bytes.startswith(b"HTTP/1.1 ") else 0
        if status != 200:
            told.refused[status] += 1
            raise ValueError(f"the server answered {status}")
        told.batches += 1
        return int(json.loads(content)["received"])


# --- The whole --------------------------------------------------------------------------------------------------------


class Server:
    """``opencets serve`` in a process group of its own, without workers' queues that nobody here waits for."""

    def __init__(self, home: Any, port: int) -> None:
        self._home, self._port = home, port
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it answers."""
        self._running = subprocess.Popen(
            [self._home.opencets, "serve", "--port", str(self._port)], env=self._home.environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        end = time.monotonic() + 120
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1):
                return
            time.sleep(0.2)
        raise RuntimeError("the server did not start")

    def kill(self) -> None:
        """SIGKILL to it and to every process that it started; the database goes on, as its own service does."""
        import psutil

        assert self._running is not None
        for one in [psutil.Process(self._running.pid), *psutil.Process(self._running.pid).children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                if "postgres" not in one.name():
                    one.kill()
        self._running.wait(30)

    def stop(self) -> None:
        """In good order."""
        if self._running is not None and self._running.poll() is None:
            self._running.send_signal(signal.SIGINT)
            self._running.wait(60)


async def _run(devices: list[Device], server: Server, seconds: float, kills: int) -> dict[str, Any]:
    ended, begun = asyncio.Event(), time.monotonic()
    until = begun + seconds
    many = max(1, round(len(devices) * LOSING))
    living = [
        asyncio.create_task(one.live(until, loses=at < many, lets_go=many <= at < 2 * many))
        for at, one in enumerate(devices)
    ]
    sending = [asyncio.create_task(one.send(ended)) for one in devices]
    for turn in range(kills):
        await asyncio.sleep(max(0.0, begun + seconds * (turn + 1) / (kills + 1) - time.monotonic()))
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
    await asyncio.gather(*living)
    ended.set()
    drained = time.monotonic()
    await asyncio.wait_for(asyncio.gather(*sending), 300)
    return {
        "seconds": round(time.monotonic() - begun, 1),
        "drained_after_seconds": round(time.monotonic() - drained, 1),
    }


def _judge(devices: list[Device], stands: dict[str, Any]) -> dict[str, Any]:
    """Nothing lost, nothing doubled, every gap told and no other."""
    entries = hits = 0
    losing = letting = 0
    for one in devices:
        seqs, over = stands["entries"].get(one.id, [[], ""])
        expected = sorted(one.hashes)
        assert seqs == expected, (
            f"{one.id}: {len(set(expected) - set(seqs))} lost, {len(seqs) - len(set(seqs))} doubled"
        )
        assert over == sha256("".join(one.hashes[seq] for seq in expected).encode()).hexdigest(), (
            f"{one.id}: other hashes"
        )
        assert stands["hits"].get(one.id, [[], 0])[0] == one.hits, f"{one.id}: other hits"
        faults = stands["faults"].get(one.id, {})
        told = (1 if one.lost else 0) + one.let_go
        assert faults == ({"gap": told} if told else {}), f"{one.id}: {faults}, and {told} gaps were made"
        entries, hits, losing, letting = (
            entries + len(seqs),
            hits + len(one.hits),
            losing + bool(one.lost),
            letting + one.let_go,
        )
    return {"entries": entries, "hits": hits, "lost": 0, "doubled": 0, "devices_that_lost": losing, "devices_that_let_go": letting,
            "gaps_told": losing + letting, "other_faults": 0}  # fmt: skip


def measure(count: int, minutes: float, kills: int, port: int, place: Path | None) -> dict[str, Any]:
    """All figures, in a scratch home with a server of its own."""
    from import_evidence import Home

    told = Told()
    with tempfile.TemporaryDirectory(prefix="opencets-fleet-", dir=place) as scratch:
        os.chmod(scratch, 0o711)
        devices = [Device(number, told, port) for number in range(count)]
        asked = Path(scratch) / "requests.json"
        asked.write_text(json.dumps([one.chain.request().decode() for one in devices]))
        with Home(Path(scratch) / "home") as home:
            officer = home.act_of(__file__, "owner", "cast")["officer"]
            began = time.monotonic()
            orders = home.act_of(__file__, "web", "enrol", officer, str(asked))["orders"]
            enrolled = time.monotonic() - began
            for one, order in zip(devices, orders, strict=True):
                one.digest = order["digest"]
                one.chain.order, one.chain.version, one.chain.recipient = (
                    order[name] for name in ("order", "version", "recipient")
                )
            server = Server(home, port)
            server.start()
            try:
                went = asyncio.run(_run(devices, server, 60 * minutes, kills))
            finally:
                server.stop()
            facts = _judge(devices, home.act_of(__file__, "owner", "kept"))
    times = sorted(told.seconds)
    return {
        "devices": count, "minutes": minutes, "kills": kills, "enrolled_in_seconds": round(enrolled, 1), **went, **facts,
        "batches": told.batches, "cut_in_the_request": told.cut_before, "cut_before_the_answer": told.cut_after,
        "unreached": told.unreached, "answered_otherwise": dict(told.refused),
        "hit_to_acknowledged_seconds": {
            "median": round(statistics.median(times), 3), "p95": round(times[int(0.95 * (len(times) - 1))], 3), "of": len(times),
        },
        "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip


def main() -> None:
    if len(sys.argv) > 2 and sys.argv[1] == "--act":
        import django

        django.setup()
        print(json.dumps(ACTS[sys.argv[2]](*sys.argv[3:])))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--kills", type=int, default=2, help="how often the server is killed and started again")
    parser.add_argument("--port", type=int, default=9849)
    parser.add_argument("--place", type=Path, help="a folder for the scratch home (default: the system's)")
    parser.add_argument("--json", action="store_true", help="print JSON on one line")
    given = parser.parse_args()
    figures = measure(given.devices, given.minutes, given.kills, given.port, given.place)
    facts = {"benchmark": "fleet-served", "python": platform.python_version(), "cores": os.cpu_count()}
    print(json.dumps(facts | figures, indent=None if given.json else 1))


if __name__ == "__main__":
    main()
