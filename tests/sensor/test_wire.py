"""The sensor among real clients, and what crossed the wire between it and them."""

from __future__ import annotations

import contextlib
import json
import signal
import struct
import subprocess
import sys
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from opencets.packing.authority import Wanted
from opencets.sighting import Ledger
from opencets.sighting.sealed import read_log
from opencets_sensor.networks.bittorrent import told_in
from opencets_sensor.networks.contract import Place
from opencets_sensor.replaying import batch_of, sightings_of
from tests.sensor.ready import PURPOSE, make_ready
from tests.sensor.swarm import PIECES, TRACKER, File, streams_in, swarm

OPENCETS = str(Path(sys.executable).with_name("opencets"))
SEEDS = ("192.0.2.11", "192.0.2.12", "192.0.2.13")
OTHERS = ("192.0.2.16", "192.0.2.17")
SENSOR = "192.0.2.99"
INTERVAL = 4
MORE = """
[pace]
ask_again_seconds = 3600
source_again_seconds = 2
network_gap_seconds = 0
[clock]
servers = ["192.0.2.1:1123"]
[reach]
also = ["192.0.2.0/24"]
never = ["192.0.2.1/32", "192.0.2.99/32"]
[spool]
seconds = 3
"""


def test_real_clients_are_found_complete_told_from_partial_and_no_content_crosses_the_wire(tmp_path: Path) -> None:
    file = File.generated(1, f"http://{TRACKER}:6969/announce")
    settings = make_ready(
        tmp_path / "sensor", [Wanted("bittorrent", file.info_hash, PIECES, (f"http://{TRACKER}:7000/announce",))],
        deliver='ledger = "ledger"\nevery_seconds = 2', more=MORE,
        bittorrent="hold_seconds = 3\nconnect_seconds = 3\nanswer_seconds = 4",
    )  # fmt: skip
    capture = tmp_path / "wire.pcap"
    with swarm(tmp_path) as made:
        made.tracker([file], 7000, INTERVAL, clock_off_ms=-1500)
        made.aria2("aria", SEEDS[0], file)
        made.aria2("crypt", SEEDS[1], file, "--bt-require-crypto=true", "--bt-min-crypto-level=arc4")
        made.transmission("trans", SEEDS[2], file)
        made.aria2("ariapart", "192.0.2.14", file, pieces=17, without=(*SEEDS, "192.0.2.15", *OTHERS))
        made.transmission("transpart", "192.0.2.15", file, pieces=9, without=(*SEEDS, "192.0.2.14", *OTHERS))
        pusher = made.network("pusher", "192.0.2.16")
        made.start(
            pusher, sys.executable, str(Path(__file__).with_name("pusher.py")), "192.0.2.16", "20016", TRACKER,
            file.info_hash, str(PIECES), log="pusher",
        )  # fmt: skip
        inside = made.network("sensor", SENSOR)
        watch = made.start(inside, "tcpdump", "-i", "there", "-s", "0", "-U", "-w", str(capture), "tcp")
        time.sleep(3)
        run = (OPENCETS, "sensor", "run", str(settings), "--purpose", PURPOSE)

        first = made.start(inside, *run, log="first")
        logs = settings.parent / "state" / "open"
        _until(lambda: any(b'"do":"told"' in path.read_bytes() for path in logs.glob("*")))
        made.aria2("late", "192.0.2.17", file)
        _until(lambda: any(b'"address":"192.0.2.17"' in path.read_bytes() for path in logs.glob("*")))
        first.send_signal(signal.SIGKILL)
        first.wait()
        left = {path.name for path in logs.glob("*")}
        second = made.start(inside, *run, log="second")
        _until(lambda: bool({path.name for path in logs.glob("*")} - left))
        time.sleep(INTERVAL + 1)
        second.send_signal(signal.SIGTERM)
        assert second.wait(20) == 0, (tmp_path / "second.txt").read_text()
        watch.send_signal(signal.SIGTERM)
        watch.wait()
    folder = settings.parent
    parts = [read_log(path) for path in sorted((folder / "state" / "sent").glob("*.log.gz"))]
    seen = [row for part in parts for row in sightings_of(part)]

    # every offering client is found, once though the sensor was killed, and partial ones are told from complete ones
    counted = {(row["address"], row["port"]): (row["pieces_have"], row["pieces_total"]) for row in seen}
    assert counted == {
        (f"192.0.2.{last}", 20000 + last): (have, PIECES)
        for last, have in ((11, PIECES), (12, PIECES), (13, PIECES), (14, 17), (15, 9), (16, PIECES), (17, PIECES))
    }
    assert len(seen) == len(counted)
    clients = {row["address"]: row["client"] for row in seen}
    assert [clients[f"192.0.2.{last}"] for last in (11, 12, 13)] == [
        "aria2/1.36.0",
        "aria2/1.36.0",
        "Transmission 3.00",
    ]
    assert {row["evidence"] for row in seen} == {"handshake"}
    # within two announce intervals: counted in answers that named it before it was asked, so that a busy machine, on which a
    # client is slow to start or to answer, decides nothing
    entries = [entry for part in parts for entry in part.entries]
    for row in seen:
        place = Place(row["address"], row["port"])
        asked_at = min(
            entry["at"]
            for entry in entries
            if entry["do"] in ("heard", "held") and Place(entry["address"], entry["port"]) == place
        )
        named = [
            entry["at"] for entry in entries if entry["do"] == "told" and place in {one for one, _ in told_in(entry)}
        ]
        assert 1 <= sum(at <= asked_at for at in named) <= 2, (row, named, asked_at)

    # the log is one chain over the crash, the ledger has the rows once, and they are those of the replay
    assert [part.head["before"] for part in parts] == ["", *(part.chain for part in parts[:-1])]
    assert {part.head["purpose"] for part in parts} == {PURPOSE}
    assert all(abs(part.head["clock"]["offset_ms"] + 1500) < 200 for part in parts)
    ledger = Ledger.open(folder / "ledger")
    assert sum(origin["rows"] for origin in ledger.state().origins.values()) == len(seen)
    assert [done.again for done in ledger.load(map(batch_of, parts))] == [True] * len(parts)
    for origin in ledger.state().origins.values():
        assert (folder / "ledger" / "raw" / f"{origin['raw_sha256']}.log.gz").exists()

    # the wire
    plain, encrypted = Counter[int](), 0
    streams = {key: stream for key, stream in streams_in(capture).items() if 7000 not in (key[1], key[3])}
    assert {key[0] for key in streams} == {SENSOR, *(row["address"] for row in seen)}
    for (source, _, target, _), stream in streams.items():
        if stream.startswith(b"\x13BitTorrent"):
            plain.update(_kinds(stream, from_sensor=source == SENSOR))
        else:
            encrypted += len(stream)
        if "192.0.2.16" not in (source, target):
            assert len(stream) < 2048
            assert not any(file.content[at : at + 12] in stream for at in range(0, len(file.content), 1024))
        elif source == SENSOR:
            assert len(stream) == 68
        else:  # what was pushed before the line was cut: the system's buffer at most, and nothing of it was kept
            assert len(stream) < 64 * (1 << 14)
    asked = {kind for kind in plain if kind >= 1000}
    assert asked == {1020}
    assert not {7} & {kind for kind in plain if kind < 1000}
    assert 0 < encrypted < 8000
    kept = b"".join(
        b64decode(line[2]) for part in parts for entry in part.entries if entry["do"] == "heard"
        for line in entry["wire"] if line[1] in "<>"
    )  # fmt: skip
    assert not any(file.content[at : at + 12] in kept for at in range(0, len(file.content), 1024))
    ends = [entry["end"] for part in parts for entry in part.entries if entry.get("address") == "192.0.2.16"]
    assert ends == ["content was sent unasked and not taken: a message of kind 7 with 16393 bytes"]

    again = subprocess.run(
        [OPENCETS, "sensor", "replay", *map(str, sorted((folder / "state" / "sent").glob("*.log.gz")))],
        capture_output=True, check=True,
    )  # fmt: skip
    assert [json.loads(line) for line in again.stdout.splitlines()] == seen


def _kinds(stream: bytes, *, from_sensor: bool) -> list[int]:
    """Kinds of the whole messages after the handshake; those of the sensor plus 1000."""
    kinds, at = [], 68
    while at + 5 <= len(stream):
        (length,) = struct.unpack_from(">I", stream, at)
        if at + 4 + length > len(stream):
            break
        if length and stream[48:68] != b"-XX0001-pushespieces":
            kinds.append(stream[at + 4] + 1000 * from_sensor)
        at += 4 + length
    return kinds


def _until(so: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until it is so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(FileNotFoundError):
            if so():
                return
        time.sleep(0.05)
    raise AssertionError("it did not become so")
