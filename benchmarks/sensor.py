"""Computers asked what they offer, a second of processor time, with every line of the log written; and sightings replayed.

Made-up clients on this machine's own loopback each say that they have some pieces of a generated file, whole or in part; they
count what they are asked for. Beside the sensor's own greeting stands a session of libtorrent in upload mode, the mode in which
it asks for nothing, among the same clients: how many it reads, at what cost, and what it says to them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PIECES = 40
PIECE = 1 << 15
PORT = 26881


def generated() -> tuple[bytes, bytes]:
    """A torrent of a file that does not exist, and its info-hash."""
    import hashlib

    hashes = b"".join(hashlib.sha1(bytes((number,))).digest() for number in range(PIECES))
    info = b"d6:lengthi%de4:name9:lorem.bin12:piece lengthi%de6:pieces%d:%se" % (
        PIECES * PIECE,
        PIECE,
        len(hashes),
        hashes,
    )
    return b"d4:info%se" % info, hashlib.sha1(info).digest()


def have(number: int) -> int:
    """How many pieces a client says that it has: every second one all."""
    return PIECES if number % 2 else 1 + number % (PIECES - 1)


def address_of(number: int) -> str:
    return f"127.1.{number // 250}.{1 + number % 250}"


async def serve() -> None:
    """All clients behind one port; each address is one. What each was sent after the greeting is counted by kind."""
    kinds: dict[int, int] = {}
    info_hash = bytes.fromhex(sys.argv[2])

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if await reader.readexactly(1) == b"?":
                writer.write(json.dumps(kinds).encode() + b"\n")
                kinds.clear()
                return
            await reader.readexactly(67)
            *_, third, fourth = map(int, writer.get_extra_info("sockname")[0].split("."))
            number = third * 250 + fourth - 1
            bits = int("1" * have(number) + "0" * (-PIECES % 8 + PIECES - have(number)), 2).to_bytes((PIECES + 7) // 8)
            extended = b"\x14\x00d1:md6:ut_pexi1ee1:v10:Stub 1.0.0e"
            writer.write(
                b"\x13BitTorrent protocol" + bytes((0, 0, 0, 0, 0, 0x10, 0, 4)) + info_hash + b"-ST0001-%012d" % number
                + struct.pack(">I", len(extended)) + extended + struct.pack(">IB", 1 + len(bits), 5) + bits
            )  # fmt: skip
            while True:
                (length,) = struct.unpack(">I", await reader.readexactly(4))
                body = await reader.readexactly(length)
                if body:
                    kinds[body[0]] = kinds.get(body[0], 0) + 1
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "0.0.0.0", PORT, backlog=4096)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


@contextmanager
def clients(info_hash: bytes) -> Iterator[None]:
    """The clients, in a process of their own."""
    running = subprocess.Popen(
        [sys.executable, __file__, "--serve", info_hash.hex()], stdout=subprocess.PIPE, text=True
    )
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        yield
    finally:
        running.terminate()
        running.communicate()


def sent() -> dict[str, int]:
    """Messages that the clients were sent after the greeting since the last call, by kind."""
    import socket

    names = {
        "1": "unchoke",
        "2": "interested",
        "3": "not interested",
        "6": "request",
        "20": "extension",
        "15": "have none",
    }
    with socket.create_connection(("127.0.0.1", PORT)) as line:
        line.sendall(b"?")
        return {names.get(kind, kind): count for kind, count in json.loads(line.makefile().readline()).items()}


def by_sensor(info_hash: bytes, count: int, at_once: int, folder: Path) -> dict[str, Any]:
    """Each client asked once; what is told of each is compared with what it has."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from opencets.packing.authority import Wanted
    from opencets.sighting.sealed import read_log
    from opencets_sensor.log import Log
    from opencets_sensor.networks import bittorrent
    from opencets_sensor.networks.contract import Place
    from opencets_sensor.replaying import batch_of, lines_of, sightings_of

    head = {
        "at": 0, "sensor": "bench", "run": "bench", "part": 1, "software": "bench", "configuration": "", "purpose": "figures",
        "settings": {"hearsay": False}, "clock": {"offset_ms": None, "source": ""}, "authority": {"order": ""}, "before": "",
    }  # fmt: skip
    log = Log.begin(folder, "bench", head)
    asker = bittorrent.joined({"linger_seconds": 0, "answer_seconds": 20})
    wanted = Wanted(bittorrent.NAME, info_hash.hex(), PIECES)

    async def ask_all() -> None:
        turns = asyncio.Semaphore(at_once)

        async def ask(number: int) -> None:
            async with turns:
                await asker.ask(Place(address_of(number), PORT), wanted, log.note)

        await asyncio.gather(*(ask(number) for number in range(count)))

    begun, wall = time.process_time(), time.monotonic()
    asyncio.run(ask_all())
    took, wall = time.process_time() - begun, time.monotonic() - wall
    path, _ = log.seal(folder, "ended", 0, Ed25519PrivateKey.generate())
    begun = time.process_time()
    sealed = read_log(path)
    rows = list(sightings_of(sealed))
    batch_of(sealed)
    replayed = time.process_time() - begun
    told = {row["address"]: row["pieces_have"] for row in rows}
    assert told == {address_of(number): have(number) for number in range(count)}
    assert lines_of(sealed) == lines_of(read_log(path))
    return {
        "computers": count, "read_right": len(told), "computers_per_cpu_second": round(count / took),
        "wall_seconds": round(wall, 2), "sent_after_the_greeting": sent(),
        "log_bytes_a_computer": round(path.stat().st_size / count),
        "sightings_replayed_per_cpu_second": round(count / replayed),
    }  # fmt: skip


def by_libtorrent(torrent: bytes, count: int, folder: Path, seconds: float) -> dict[str, Any]:
    """The same clients by a session in upload mode, until it knows of all or the time is over."""
    import libtorrent as lt

    (folder / "torrent").write_bytes(torrent)
    session = lt.session({
        "listen_interfaces": "127.0.0.1:0", "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
        "connections_limit": count + 10, "connection_speed": 1000, "torrent_connect_boost": 255, "enable_outgoing_utp": False,
        "close_redundant_connections": False, "allow_multiple_connections_per_ip": True, "alert_mask": 0,
    })  # fmt: skip
    wanted = lt.add_torrent_params()
    wanted.ti, wanted.save_path = lt.torrent_info(str(folder / "torrent")), str(folder)
    wanted.flags = lt.torrent_flags.upload_mode
    begun, wall = time.process_time(), time.monotonic()
    handle = session.add_torrent(wanted)
    while handle.status().state != lt.torrent_status.downloading:
        time.sleep(0.05)
    for number in range(count):
        handle.connect_peer((address_of(number), PORT))
    told: dict[str, int] = {}
    while time.monotonic() - wall < seconds and len(told) < count:
        time.sleep(0.2)
        for peer in handle.get_peer_info():
            if pieces := sum(peer.pieces):
                told[peer.ip[0]] = pieces
    took, wall = time.process_time() - begun, time.monotonic() - wall
    right = sum(have(number) == told.get(address_of(number)) for number in range(count))
    return {
        "computers": count, "read_right": right, "computers_per_cpu_second": round(right / took), "wall_seconds": round(wall, 2),
        "sent_after_the_greeting": sent(),
    }  # fmt: skip


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(serve())
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--computers", type=int, default=5000, help="made-up clients that the sensor asks")
    parser.add_argument(
        "--peer-computers", type=int, default=1000, help="those that libtorrent asks, connected all at once"
    )
    parser.add_argument("--at-once", type=int, default=100)
    given = parser.parse_args()
    torrent, info_hash = generated()
    with tempfile.TemporaryDirectory() as scratch, clients(info_hash):
        folder = Path(scratch)
        sensor = by_sensor(info_hash, given.computers, given.at_once, folder)
        peer = by_libtorrent(torrent, given.peer_computers, folder, 60)
    facts = {"benchmark": "sensor", "python": platform.python_version(), "machine": platform.machine(),
             "cores": os.cpu_count(), "load_before": round(os.getloadavg()[2], 2)}  # fmt: skip
    print(json.dumps(facts | {"sensor": sensor, "libtorrent in upload mode": peer}, indent=1))


if __name__ == "__main__":
    main()
