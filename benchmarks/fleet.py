"""Many agents at once against one server that is killed, over lines that are cut at random: is anything lost, doubled or untold?

Each agent is the agent's own spool and sender (its signed batches, its pauses, its chain) with made-up heartbeats and finds; only
desktop and collectors are left out. Between agents and server stand lines of this machine that are cut in the middle of requests
and answers. At the end the server's chain of every device is held against what its agent wrote; and of some chains one entry is
taken out, to see whether the gap is told.

The server is a small one that keeps entries in a file of SQLite, in a process of its own, which is killed (SIGKILL) and started
anew.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


# --- The server of the rehearsal, in a process of its own -------------------------------------------------------------


class Keeping(ThreadingHTTPServer):
    """Entries in one SQLite file: an answer is given only when they are on the disk."""

    daemon_threads, request_queue_size, allow_reuse_address = True, 1024, True

    def __init__(self, port: int, path: str, keys: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", port), Answering)
        self.keys, self.lock = keys, threading.Lock()
        self.database = sqlite3.connect(path, check_same_thread=False)
        self.database.executescript(
            "pragma journal_mode = wal; pragma synchronous = full;"
            "create table if not exists entry (device text, seq integer, hash text, text text, primary key (device, seq));"
            "create table if not exists fault (device text, seq integer, kind text);"
        )
        self.received = dict(self.database.execute("select device, max(seq) from entry group by device"))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A line that was cut."""


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Keeping
    timeout = 120

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        from opencets.errors import OpenCETSError
        from opencets.packing.captures import read_batch, require_signed
        from opencets.packing.fields import instant

        body = self.rfile.read(int(self.headers["Content-Length"]))
        device = self.headers["X-Device"]
        now = instant(dt.datetime.now(dt.UTC))
        try:
            if len(body) < int(self.headers["Content-Length"]):
                raise ConnectionError
            require_signed(device, self.headers["X-Time"], self.headers["X-Signature"], body, self.server.keys[device])
            entries = read_batch(body)
        except (OpenCETSError, KeyError):
            self._send(403, {"time": now})
            return
        except ConnectionError:
            self.close_connection = True
            return
        with self.server.lock:
            seq = self.server.received.get(device, 0)
            for entry in entries:
                if entry.seq != seq + 1:
                    continue
                self.server.database.execute(
                    "insert into entry values (?, ?, ?, ?)",
                    (device, entry.seq, entry.hash, json.dumps(entry.to_json())),
                )
                seq = entry.seq
            self.server.database.commit()
            self.server.received[device] = seq
        self._send(200, {"received": seq, "time": now, "order": None, "libraries": []})

    def _send(self, status: int, said: dict[str, Any]) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(port: int, path: str, keys: str) -> None:
    Keeping(port, path, json.loads(Path(keys).read_text())).serve_forever(0.1)


# --- Lines that are cut ------------------------------------------------------------------------------------------------


class Lines:
    """A port through which agents reach the server; a share of connections is cut somewhere in the middle."""

    def __init__(self, to: tuple[str, int], share: float) -> None:
        self.to, self.share, self.cut, self.port = to, share, 0, 0
        self.down = False
        self._open: set[asyncio.StreamWriter] = set()
        self._chance = random.Random(11)

    async def begin(self) -> None:
        server = await asyncio.start_server(self._join, "127.0.0.1", 0, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.down:
            writer.close()
            return
        try:
            to_reader, to_writer = await asyncio.open_connection(*self.to)
        except OSError:
            writer.close()
            return
        left = self._chance.randint(0, 60_000) if self._chance.random() < self.share else -1
        self._open |= {writer, to_writer}
        try:
            await asyncio.gather(
                self._pass(reader, to_writer, writer, left), self._pass(to_reader, writer, to_writer, left)
            )
        except asyncio.CancelledError:  # the rehearsal is over
            return
        finally:
            self._open -= {writer, to_writer}
            writer.close()
            to_writer.close()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, other: asyncio.StreamWriter, left: int
    ) -> None:  # fmt: skip
        try:
            while piece := await reader.read(16_384):
                if left >= 0:
                    if len(piece) > left:
                        writer.write(piece[:left])
                        self.cut += 1
                        break
                    left -= len(piece)
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        writer.close()
        other.close()

    def drop_all(self) -> None:
        """Every line goes dead at once."""
        for writer in list(self._open):
            self.cut += 1
            writer.transport.abort()


# --- Agents ------------------------------------------------------------------------------------------------------------


class Agent:
    """Spool and sender of one device, and what it wrote."""

    def __init__(self, folder: Path, server: str, recipient: str) -> None:
        from opencets_agent import device
        from opencets_agent.clock import Clock
        from opencets_agent.sending import Sender
        from opencets_agent.spool import Spool

        folder.mkdir(parents=True)
        device.enrol(folder, folder.name, ("rowan",), dt.datetime.now(dt.UTC))
        self.device, self.recipient, self.order = device.open_device(folder), recipient, str(uuid4())
        self.clock = Clock(folder)
        self.spool = Spool(folder, self.device.id, str(uuid4()), self.clock.wall, 4 << 20)
        self.hashes: dict[int, str] = {}
        self.sender = Sender(self.spool, self.device, self.clock, server, None, 10, lambda answer: None)

    def put(self, body: Any) -> None:
        self.spool.append(body, self.recipient, self.order, 1)
        seq, mark = self.spool.head
        self.hashes[seq] = mark
        self.sender.hurry()


def body_of(number: int, chance: random.Random) -> Any:
    from opencets.packing import captures

    if chance.random() < 0.8:
        return captures.Heartbeat((captures.Covered("mousepad", "accessibility"),), True, 0, 0, captures.Clock(0, 0))
    return captures.Hit(
        captures.Rule("bench", "1", "meet at the blue kiosk", 4, "the phrase"), "1", dt.datetime.now(dt.UTC),
        captures.Where("typed", "mousepad"), "typed", "c", captures.Text("", f"meet {number}", "", 0, 6), None, False,
    )  # fmt: skip


async def rehearse(options: argparse.Namespace) -> dict[str, Any]:
    import pyrage

    from opencets.packing.captures import Entry, beginning, check_chain

    recipient = str(pyrage.x25519.Identity.generate().to_public())
    chance = random.Random(5)
    with tempfile.TemporaryDirectory(prefix="fleet") as name:
        folder = Path(name)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        lines = Lines(("127.0.0.1", port), options.cut)
        await lines.begin()
        threading.stack_size(256 * 1024)
        agents = [
            Agent(folder / f"device {number}", f"http://127.0.0.1:{lines.port}", recipient)
            for number in range(options.agents)
        ]
        (folder / "keys.json").write_text(json.dumps({one.device.id: one.device.public for one in agents}))

        def start() -> subprocess.Popen[bytes]:
            words = [sys.executable, __file__, "--serve", str(port), str(folder / "kept.db"), str(folder / "keys.json")]
            return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        server, kills = start(), 0
        try:
            for agent in agents:
                agent.sender.start()
            began = time.monotonic()
            kill_at = [options.seconds * part for part in (0.3, 0.65)]
            drop_at = [options.seconds * part for part in (0.15, 0.5, 0.8)]
            number, due = 0, [began + chance.random() * options.every for _ in agents]
            while (now := time.monotonic()) < began + options.seconds:
                for place, agent in enumerate(agents):
                    if due[place] <= now:
                        due[place] += options.every
                        number += 1
                        await asyncio.to_thread(agent.put, body_of(number, chance))
                if kill_at and now - began > kill_at[0]:
                    kill_at.pop(0)
                    server.send_signal(signal.SIGKILL)
                    server.wait()
                    kills += 1
                    await asyncio.sleep(2)
                    server = start()
                if drop_at and now - began > drop_at[0]:
                    drop_at.pop(0)
                    lines.drop_all()
                    lines.down = True
                    await asyncio.sleep(2)
                    lines.down = False
                await asyncio.sleep(0.02)
            wrote_in = time.monotonic() - began
            lines.share = 0.0
            limit = time.monotonic() + 180
            while any(agent.spool.waiting()[0] for agent in agents) and time.monotonic() < limit:
                await asyncio.sleep(0.5)
            drained = time.monotonic() - began - wrote_in
            for agent in agents:
                agent.sender._stop_at = time.monotonic()
                agent.sender.hurry()
            await asyncio.sleep(1)
        finally:
            server.kill()
            server.wait()
        kept = sqlite3.connect(folder / "kept.db")
        lost = doubled = wrong = 0
        for agent in agents:
            rows = kept.execute(
                "select seq, hash, text from entry where device = ? order by seq", (agent.device.id,)
            ).fetchall()
            there = {seq: mark for seq, mark, _ in rows}
            lost += len(agent.hashes.keys() - there.keys())
            doubled += len(rows) - len(there)
            wrong += sum(there[seq] != agent.hashes.get(seq) for seq in there)
            entries = [Entry.from_json(json.loads(text)) for _, _, text in rows]
            wrong += len(check_chain(entries, beginning(agent.device.id)))
        taken_out = told = 0
        for agent in agents[:: max(len(agents) // 50, 1)]:
            rows = kept.execute("select text from entry where device = ? order by seq", (agent.device.id,)).fetchall()
            entries = [Entry.from_json(json.loads(text)) for (text,) in rows]
            if len(entries) < 3:
                continue
            gone = chance.randrange(1, len(entries) - 1)
            taken_out += 1
            faults = check_chain([*entries[:gone], *entries[gone + 1 :]], beginning(agent.device.id))
            told += [(one.kind, one.seq) for one in faults] == [("missing", entries[gone].seq + 1)]
        kept.close()
        for agent in agents:
            agent.spool.close()
        return {
            "agents": options.agents, "seconds": round(wrote_in, 1), "entries": sum(len(one.hashes) for one in agents),
            "server_killed": kills, "lines_cut": lines.cut, "seconds_until_all_was_there": round(drained, 1), "lost": lost,
            "doubled": doubled, "wrong": wrong, "gaps_made": taken_out, "gaps_told": told,
        }  # fmt: skip


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        serve(int(sys.argv[2]), sys.argv[3], sys.argv[4])
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--agents", type=int, default=500, help="how many at once")
    parser.add_argument("--seconds", type=float, default=600, help="for how long they write")
    parser.add_argument("--every", type=float, default=10, help="seconds between two entries of an agent")
    parser.add_argument("--cut", type=float, default=0.05, help="share of lines that are cut in the middle")
    parser.add_argument("--json", action="store_true", help="print as JSON")
    options = parser.parse_args()
    before = os.getloadavg()[0]
    found = asyncio.run(rehearse(options))
    found["load_before_and_after"] = [round(before, 1), round(os.getloadavg()[0], 1)]
    if options.json:
        print(json.dumps(found, indent=1))
        return
    for name, value in found.items():
        print(f"{name.replace('_', ' ')}: {value}")


if __name__ == "__main__":
    main()
