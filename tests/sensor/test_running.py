"""A whole run on loopback: what is written, sealed, replayed, delivered; stopped and killed at any moment."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from opencets.cli.main import main
from opencets.errors import DamagedSource
from opencets.packing.authority import Wanted
from opencets.packing.package import open_package
from opencets.sighting import Ledger
from opencets.sighting.looks import looks
from opencets.sighting.reading import read_batches
from opencets.sighting.sealed import read_log
from opencets_sensor import running
from opencets_sensor.replaying import batch_of, lines_of, sightings_of
from opencets_sensor.running import Run, alone, prepare
from opencets_sensor.settings import read_settings
from tests.sensor.ready import KEY, PURPOSE, make_ready

FILE, PIECES, CLIENTS = "c" * 40, 20, 30
MORE = """
[pace]
network_gap_seconds = 0
asks_a_second = 200
source_again_seconds = 1
source_gap_seconds = 0
[reach]
also = ["127.0.0.0/8"]
[spool]
{spool}
"""
QUICK = "connect_seconds = 1\nanswer_seconds = 1\nlinger_seconds = 0.1\nhold_seconds = 0"


@pytest.fixture
def tracker() -> Iterator[int]:
    """The port of a tracker that tells of clients on loopback."""
    stubs = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("stubs.py")), FILE, str(PIECES), str(CLIENTS)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert stubs.stdout is not None
        yield int(stubs.stdout.readline())
    finally:
        stubs.terminate()
        said, _ = stubs.communicate(timeout=10)
        assert said == ""  # no client was asked for more than it said by itself


def ready(
    folder: Path, tracker: int, *, spool: str = "seconds = 1", deliver: str = 'ledger = "ledger"', top: str = ""
) -> Path:
    """The settings of a sensor that asks the tracker about one file."""
    wanted = Wanted("bittorrent", FILE, PIECES, (f"http://127.0.0.1:{tracker}/announce",))
    deliver += "\nevery_seconds = 0.5"
    return make_ready(folder, [wanted], bittorrent=QUICK, more=MORE.format(spool=spool), deliver=deliver, top=top)


def begun(settings: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("opencets")), "sensor", "run", str(settings), "--purpose", PURPOSE],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run_for(settings: Path, seconds: float) -> str:
    """A run in this process, from its checks to its last part; what it told."""
    told = list[str]()
    made = prepare(settings, PURPOSE, "iva", dt.datetime.now(dt.UTC))

    async def look() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, stop.set)
        await Run(made, told.append).until(stop)

    with alone(made.folder):
        asyncio.run(look())
    return "\n".join(told)


def parts_of(settings: Path, of: str = "sent") -> list[Path]:
    return sorted((settings.parent / "state" / of).glob("*.log.gz"))


def test_a_run_is_sealed_delivered_and_replayed_byte_for_byte(tmp_path: Path, tracker: int) -> None:
    settings = ready(tmp_path, tracker)
    told = run_for(settings, 2)
    assert told.count("The clock was not measured") == 1
    parts = [read_log(path) for path in parts_of(settings)]
    rows = [row for part in parts for row in sightings_of(part)]
    assert len({row["identity"] for row in rows}) == len(rows) == CLIENTS
    for row in rows:
        number = int(bytes.fromhex(row["identity"])[8:])
        assert row["pieces_have"] == (PIECES if number % 2 else 1 + number % (PIECES - 1))
    asked = {(entry["address"], entry["port"]) for part in parts for entry in part.entries if entry["do"] == "heard"}
    assert len(asked) == CLIENTS
    assert all(address.startswith("127.0.1.") for address, _ in asked)

    # the purpose was there before the first question, in the log and in the sensor's own log of looks
    assert [(look["purpose"], "Order 7/2026" in look["what"]) for look in looks(tmp_path / "state")] == [
        (PURPOSE, True)
    ]
    assert all(part.head["purpose"] == PURPOSE and part.head["settings"]["name"] == "avon-1" for part in parts)

    # the same bytes from another place; the ledger has the same rows, once
    out = tmp_path / "again.jsonl"
    logs = [str(path) for path in parts_of(settings)]
    answer = CliRunner().invoke(main, ["sensor", "replay", *logs, "--out", str(out), "--key", parts[0].key])
    assert answer.exit_code == 0
    assert out.read_bytes() == b"".join(map(lines_of, parts))
    assert [json.loads(line) for line in out.read_bytes().splitlines()] == rows
    ledger = Ledger.open(tmp_path / "ledger")
    origins = list(ledger.state().origins.values())
    assert sum(origin["rows"] for origin in origins) == CLIENTS
    assert {(origin["sensor"], origin["order"]) for origin in origins} == {
        ("avon-1", "Order 7/2026 of the invented court of Avon")
    }
    assert {origin["raw_sha256"] for origin in origins} == {part.digest for part in parts}
    assert [done.again for done in ledger.load(map(batch_of, parts))] == [True] * len(parts)

    # started again within the hour it asks nobody again, and its chain goes on
    run_for(settings, 1)
    parts = [read_log(path) for path in parts_of(settings)]
    assert sum(1 for part in parts for _ in sightings_of(part)) == CLIENTS
    assert [part.head["before"] for part in parts] == ["", *(part.chain for part in parts[:-1])]
    health = CliRunner().invoke(main, ["sensor", "status", str(settings)])
    assert health.exit_code == 1
    assert "alert: It has not run for" in health.output
    assert "The clock was not measured" in health.output


def test_a_part_is_sealed_before_it_is_larger_than_a_server_takes(
    tmp_path: Path, tracker: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "LONGEST_LOG", 4000)
    settings = ready(tmp_path, tracker, spool="seconds = 3600")
    run_for(settings, 2)
    parts = [read_log(path) for path in parts_of(settings)]
    assert len(parts) > 1  # by the clock alone there would be one
    assert sum(1 for part in parts for _ in sightings_of(part)) == CLIENTS


def test_the_evidence_of_a_computer_verifies_alone_and_shows_no_other(tmp_path: Path, tracker: int) -> None:
    settings = ready(tmp_path, tracker, spool="seconds = 60")
    run_for(settings, 2)
    (log,) = map(read_log, parts_of(settings))
    rows = list(sightings_of(log))
    one, ledger = rows[7], tmp_path / "ledger"
    (tmp_path / "node-key").write_bytes(b64encode(KEY.private_bytes_raw()))

    def asked(out: str, identity: str = one["identity"]) -> Any:
        return CliRunner().invoke(main, [
            "sensor", "evidence", identity, str(tmp_path / out), "--store", str(ledger), "--key", str(tmp_path / "node-key"),
            "--purpose", "Case 7",
        ])  # fmt: skip

    assert asked("one.zip").output.endswith("one.zip: 1 sightings\n")
    manifest = open_package(str(tmp_path / "one.zip"))
    assert (manifest["identity"], manifest["purpose"]) == (one["identity"], "Case 7")
    with zipfile.ZipFile(tmp_path / "one.zip") as package:
        package.extractall(tmp_path / "one")
    command = [sys.executable, str(tmp_path / "one" / "verify.py"), str(tmp_path / "one.zip")]
    program = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (program.returncode, "AS SIGNED" in program.stdout) == (0, True)
    assert b"an address is a connection, not a person" in (tmp_path / "one" / "limits.md").read_bytes()
    (batch,) = json.loads((tmp_path / "one" / "batches.json").read_text())
    assert (batch["key"], batch["seal_key"], batch["raw_log"]) == (f"log:{log.chain}", log.key, True)

    # the extract replays to this computer's sighting, byte for byte, under the same seal, and holds nothing of the others
    extract = tmp_path / "one" / "logs" / "000001.log.gz"
    again = CliRunner().invoke(
        main, ["sensor", "replay", str(extract), "--key", log.key, "--out", str(tmp_path / "again")]
    )
    assert again.exit_code == 0
    assert (tmp_path / "again").read_bytes() == (tmp_path / "one" / "replayed.jsonl").read_bytes()
    assert [json.loads(line) for line in (tmp_path / "again").read_bytes().splitlines()] == [one]
    assert read_log(extract).chain == log.chain
    withheld = gzip.decompress(extract.read_bytes())
    packed = b"".join([withheld, *(path.read_bytes() for path in (tmp_path / "one").iterdir() if path.is_file())])
    assert not any(row["address"].encode() + b'"' in packed for row in rows if row is not one)
    at = withheld.index(b"\n#") + 2
    other = b"1" if withheld[at : at + 1] == b"0" else b"0"
    extract.write_bytes(gzip.compress(withheld[:at] + other + withheld[at + 1 :]))
    with pytest.raises(DamagedSource, match="the chain breaks"):
        read_log(extract)

    # what cannot be: another's identity, a file that is there, a log that is another's; each look is noted
    assert "no sighting of" in asked("two.zip", "f" * 40).output
    assert "is there already" in asked("one.zip").output
    (raw,) = (ledger / "raw").glob("*")
    raw.write_bytes(extract.read_bytes())
    assert asked("three.zip").exit_code == 2
    assert not (tmp_path / "three.zip").exists()
    assert [look["purpose"] for look in looks(ledger)] == ["Case 7"] * 4


def test_what_the_ledger_forgets_is_forgotten_in_its_logs_and_what_is_kept_still_holds(
    tmp_path: Path, tracker: int
) -> None:
    run_for(ready(tmp_path, tracker, spool="seconds = 60"), 2)
    (log,) = map(read_log, (tmp_path / "ledger" / "raw").glob("*"))
    rows = list(sightings_of(log))
    ledger, tomorrow = str(tmp_path / "ledger"), str(dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1))
    (tmp_path / "leads").write_text(rows[3]["identity"])

    def forgotten(*keep: str) -> str:
        gone = ("sightings", "forget", "--store", ledger, "--before", tomorrow, "--yes", *keep)
        assert CliRunner().invoke(main, gone).exit_code == 0
        return CliRunner().invoke(main, ["sensor", "forget", "--store", ledger, "--before", tomorrow]).output

    assert forgotten("--keep", str(tmp_path / "leads")) == "0 logs removed, 1 shortened\n"
    (path,) = (tmp_path / "ledger" / "raw").glob("*")
    kept = read_log(path)
    assert (kept.chain, list(sightings_of(kept))) == (log.chain, [rows[3]])
    written = gzip.decompress(path.read_bytes()).decode()
    assert not any(f'"{row["address"]}"' in written for row in rows if row is not rows[3])
    assert forgotten("--keep", str(tmp_path / "leads")) == "0 logs removed, 0 shortened\n"
    assert forgotten() == "1 logs removed, 0 shortened\n"
    assert not list((tmp_path / "ledger" / "raw").glob("*"))


def test_spool_files_are_loaded_by_sightings_load_once_however_they_come(tmp_path: Path, tracker: int) -> None:
    settings = ready(tmp_path, tracker, deliver='folder = "out"', top="hearsay = true")
    run_for(settings, 2)
    files = sorted((tmp_path / "out").glob("*.parquet"))
    for _ in range(2):
        loaded = CliRunner().invoke(
            main, ["sightings", "load", *map(str, files), "--store", str(tmp_path / "ledger"), "--json"]
        )
        assert loaded.exit_code == 0
    ledger = Ledger.open(tmp_path / "ledger")
    origins = list(ledger.state().origins.values())
    parts = [read_log(path) for path in sorted((tmp_path / "out").glob("*.log.gz"))]
    assert [origin["key"] for origin in origins] == [f"log:{part.chain}" for part in parts]
    assert {origin["software"] for origin in origins} == {parts[0].head["software"]}
    assert [batch.rows.to_pylist() for path in files for batch in read_batches(path, by_sensor=True)] == [
        batch_of(part).rows.to_pylist() for part in parts
    ]
    (stranger,) = {batch.origin.key.partition(":")[0] for batch in read_batches(files[0])}
    assert len(stranger) == 64  # elsewhere a file is named by what it is, whatever it says
    kinds = Counter(row["evidence"] for part in parts for row in sightings_of(part))
    assert kinds["handshake"] == CLIENTS
    assert kinds["tracker"] >= CLIENTS
    assert [done.again for done in ledger.load(map(batch_of, parts))] == [True] * len(parts)


def test_a_log_that_was_touched_is_refused_and_says_where(tmp_path: Path, tracker: int) -> None:
    settings = ready(tmp_path, tracker, spool="seconds = 60")
    run_for(settings, 2)
    (path,) = parts_of(settings)
    whole = gzip.decompress(path.read_bytes())
    lines = whole.splitlines(keepends=True)
    other = tmp_path / "other.log.gz"

    def refused(given: bytes) -> str:
        other.write_bytes(gzip.compress(given))
        with pytest.raises(DamagedSource) as reason:
            read_log(other)
        return reason.value.sentence

    assert "line 4" in refused(b"".join([*lines[:3], lines[3].replace(b'"port":', b'"port":1'), *lines[4:]]))
    assert "line 3" in refused(b"".join([*lines[:2], *lines[3:]]))
    assert "line 3" in refused(b"".join([*lines[:2], lines[3], lines[2], *lines[4:]]))
    assert "line 1" in refused(whole.replace(PURPOSE.encode(), b"for something else entirely   ", 1))
    refused(whole[: len(whole) // 2])
    refused(b"".join(lines[:-1]))
    assert "not that of the key" in refused(whole.replace(b'"signature":"', b'"signature":"AAAA', 1))
    rng = random.Random(5)
    for _ in range(60):
        at = rng.randrange(80, len(whole))
        refused(whole[:at] + bytes((whole[at] ^ (1 << rng.randrange(7)),)) + whole[at + 1 :])
    answer = CliRunner().invoke(main, ["sensor", "replay", str(path), "--key", "another"])
    assert answer.exit_code == 2
    assert "not by that of the sensor" in answer.output


def test_when_nothing_can_be_delivered_it_keeps_what_it_saw_stops_looking_and_delivers_later(
    tmp_path: Path, tracker: int
) -> None:
    (tmp_path / "ledger").write_text("a file where the ledger should be")
    settings = ready(tmp_path, tracker, spool="seconds = 0.5\nmost_megabytes = 0.002")
    told = run_for(settings, 3)
    assert "Sightings cannot be delivered" in told
    assert "nothing is looked for until they are" in told
    waiting = [read_log(path) for path in parts_of(settings, "waiting")]
    entries = [entry for part in waiting for entry in part.entries]
    (full_at,) = (entry["at"] for entry in entries if entry.get("what") == "full")
    assert json.loads((tmp_path / "state" / "health.json").read_text())["at"] - full_at > 1000
    assert not any(entry["at"] > full_at + 300 for entry in entries if entry["do"] in ("told", "heard"))
    (tmp_path / "ledger").unlink()
    answer = CliRunner().invoke(main, ["sensor", "deliver", str(settings)])
    assert answer.output == f"{len(waiting)} parts delivered\n"
    loaded = sum(origin["rows"] for origin in Ledger.open(tmp_path / "ledger").state().origins.values())
    assert loaded == sum(1 for part in waiting for _ in sightings_of(part)) > 0
    assert not parts_of(settings, "waiting")


@pytest.mark.parametrize("times", [3, pytest.param(25, marks=pytest.mark.proof)])
def test_killed_at_any_moment_nothing_is_doubled_and_nothing_lost(tmp_path: Path, tracker: int, times: int) -> None:
    settings = ready(tmp_path, tracker, spool="seconds = 0.5")
    settings.write_text(settings.read_text().replace("asks_a_second = 200", f"asks_a_second = {60 // times + 5}"))
    rng = random.Random(times)
    for _ in range(times):
        run = begun(settings)
        while not list((tmp_path / "state" / "open").glob("*")) and run.poll() is None:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 1.2))
        os.kill(run.pid, signal.SIGKILL)
        run.communicate()
    run_for(settings, CLIENTS / (60 // times + 5) + 2)
    parts = [read_log(path) for path in parts_of(settings)]
    counted = Counter(row["identity"] for part in parts for row in sightings_of(part))
    assert set(counted.values()) == {1}
    assert len(counted) == CLIENTS
    assert [part.head["before"] for part in parts] == ["", *(part.chain for part in parts[:-1])]
    origins = Ledger.open(tmp_path / "ledger").state().origins.values()
    assert sum(origin["rows"] for origin in origins) == CLIENTS
    assert not list((tmp_path / "state").glob("*/*.open"))


def test_three_sensors_share_the_files_and_one_folder_serves_one_run(tmp_path: Path) -> None:
    files = [Wanted("bittorrent", f"{number:040x}", PIECES) for number in range(200)]
    shares = [read_settings(make_ready(tmp_path / str(n), files, top=f'share = "{n}/3"')) for n in (1, 2, 3)]
    taken = [[one.mine(wanted.file) for one in shares].count(True) for wanted in files]
    assert set(taken) == {1}
    assert all(30 < sum(one.mine(wanted.file) for wanted in files) < 110 for one in shares)
    made = prepare(ready(tmp_path / "alone", 9), PURPOSE, "iva", dt.datetime.now(dt.UTC))
    with alone(made.folder):
        second = CliRunner().invoke(
            main, ["sensor", "run", str(tmp_path / "alone" / "sensor.toml"), "--purpose", PURPOSE]
        )
    assert (second.exit_code, "Another run of this sensor" in second.output) == (2, True)
