"""Computers that no tracker tells of in HTTP: by UDP, by the distributed table and by each other. Real clients; takes minutes."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest

from opencets.packing.authority import Wanted
from opencets.sighting.sealed import read_log
from opencets_sensor.networks import NETWORKS
from opencets_sensor.replaying import sightings_of
from tests.sensor.ready import PURPOSE, make_ready
from tests.sensor.swarm import PIECES, TRACKER, File, streams_in, swarm
from tests.sensor.test_wire import MORE, OPENCETS, SENSOR

TABLE = Path(__file__).with_name("tables.py")


@pytest.mark.proof
@pytest.mark.timeout(420)
def test_udp_trackers_the_table_and_peer_exchange_lead_to_computers_that_nobody_else_told_of(tmp_path: Path) -> None:
    file = File.generated(2, f"http://{TRACKER}:6969/announce")
    hidden = File.generated(3, "http://192.0.2.1:1/none")
    settings = make_ready(
        tmp_path / "sensor",
        [
            Wanted("bittorrent", file.info_hash, PIECES, (f"udp://{TRACKER}:6969",)),
            Wanted("bittorrent", hidden.info_hash, PIECES),
        ],
        more=MORE.replace("source_again_seconds = 2", "source_again_seconds = 15"),
        bittorrent=(
            "table = true\ntable_of_our_own = true\ntable_seconds = 8\ntable_port = 6881\n"
            'table_bootstrap = ["192.0.2.31:6881"]'
        ),
    )  # fmt: skip
    with swarm(tmp_path) as made:
        made.tracker([file], 7000, 30, clock_off_ms=0)
        made.aria2("aria", "192.0.2.11", file)
        made.transmission("trans", "192.0.2.12", file)
        # only the first knows of the second, and it tells by peer exchange
        made.exchanging("knows", "192.0.2.13", file, "192.0.2.14")
        made.exchanging("known", "192.0.2.14", file, "", announced=False)
        # a table of five nodes, of which one offers the file that no tracker knows
        for last in range(31, 36):
            inside = made.network(f"node{last}", f"192.0.2.{last}")
            torrent = tmp_path / "hidden.torrent"
            torrent.write_bytes(hidden.torrent)
            own = tmp_path / f"node{last}"
            own.mkdir()
            (own / "lorem.bin").write_bytes(hidden.content)
            given = (str(torrent), str(own)) if last == 35 else ()
            made.start(
                inside, sys.executable, str(TABLE), f"192.0.2.{last}", "192.0.2.31:6881", *given, log=f"node{last}"
            )
        inside = made.network("sensor", SENSOR)
        capture = tmp_path / "wire.pcap"
        watch = made.start(inside, "tcpdump", "-i", "there", "-s", "0", "-U", "-w", str(capture), "tcp")
        time.sleep(12)
        run = made.start(inside, OPENCETS, "sensor", "run", str(settings), "--purpose", PURPOSE, log="run")
        wanted = {"192.0.2.11", "192.0.2.12", "192.0.2.13", "192.0.2.14", "192.0.2.35"}
        for _ in range(75):
            time.sleep(4)
            parts = [
                read_log(path) for of in ("waiting", "sent") for path in (tmp_path / "sensor/state" / of).glob("*.gz")
            ]
            seen = {row["address"] for part in parts for row in sightings_of(part)}
            if wanted <= seen:
                break
        run.send_signal(signal.SIGTERM)
        assert run.wait(20) == 0, (tmp_path / "run.txt").read_text()
        watch.send_signal(signal.SIGTERM)
        watch.wait()
    parts = [read_log(path) for path in sorted((tmp_path / "sensor" / "state" / "sent").glob("*.log.gz"))]
    rows = [row for part in parts for row in sightings_of(part)]
    assert {row["address"]: row["pieces_have"] for row in rows} == dict.fromkeys(wanted, PIECES)
    told: dict[str, set[str]] = {}
    for part in parts:
        for entry in part.entries:
            if entry.get("network") in NETWORKS:
                for place, kind in NETWORKS[entry["network"]].told_in(entry):
                    told.setdefault(place.address, set()).add(kind)
    assert told["192.0.2.35"] == {"dht"}
    assert told["192.0.2.14"] == {"pex"}
    assert "tracker" in told["192.0.2.11"] & told["192.0.2.12"]
    for stream in streams_in(capture).values():
        assert len(stream) < 4096
        for content in (file.content, hidden.content):
            assert not any(content[at : at + 12] in stream for at in range(0, len(content), 1024))
