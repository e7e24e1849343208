"""A reading program that is killed (kill -9) at random moments and started again loses nothing and repeats nothing."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import time
import uuid
import zipfile
from pathlib import Path

import psycopg
import pytest

from opencets_web.config.connection import conninfo
from tests.web.evidence.programs import PROGRAM, run
from tests.web.evidence.room import picture


def write_folder(folder: Path) -> None:
    for number in range(150):
        place = folder / f"roll{number % 3}" / f"{number:03}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(picture(number, 800, 600))
    inner, outer = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        for number in range(60):
            archive.writestr(f"in/{number}.jpg", picture(1000 + number, 640, 480))
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("inner.zip", inner.getvalue())
        archive.writestr("cut.jpg", picture(7, 640, 480)[:2000])
        archive.writestr("../slip.txt", b"x")
    (folder / "outer.zip").write_bytes(outer.getvalue())
    rows = [f"Person {number},p{number}@example.org,+4420794{number:05}" for number in range(3000)]
    (folder / "people.csv").write_text("name,e-mail,phone\n" + "\n".join(rows) + "\n")


def wait_until_read(program: subprocess.Popen[bytes], exhibit: str, files: int) -> bool:
    """Wait until so many files of the exhibit are kept; whether the program came to its end before."""
    with psycopg.connect(conninfo("superuser"), autocommit=True) as connection:
        while program.poll() is None:
            row = connection.execute(
                "select count(*) from evidence_exhibitfile where exhibit_id = %s and state <> 'waiting'", [exhibit]
            ).fetchone()
            if row is not None and row[0] >= files:
                return False
            time.sleep(0.02)
    return True


@pytest.mark.slow
def test_a_killed_reading_loses_nothing_and_repeats_nothing(prepared: None, tmp_path: Path) -> None:
    write_folder(tmp_path)
    run_name = uuid.uuid4().hex[:8]
    officer = run("owner", "cast", "Kelvin")["officer"]
    plain = run("web", "receive", officer, f"KP-{run_name}", str(tmp_path))["exhibit"]
    run("jobs", "read", officer, plain)
    expected = run("owner", "tell", plain)

    killed = run("web", "receive", officer, f"KK-{run_name}", str(tmp_path))["exhibit"]
    random_moment = random.Random(run_name)
    kept: dict[str, str] = {}
    partly = 0
    for _ in range(5):
        program = subprocess.Popen(
            [sys.executable, str(PROGRAM), "read", officer, killed],
            env={**os.environ, "OPENCETS_DB_ROLE": "jobs"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        ended = wait_until_read(program, killed, len(kept) + random_moment.randint(1, 40))
        time.sleep(random_moment.uniform(0, 0.3))
        program.send_signal(signal.SIGKILL)
        program.wait()
        state = run("owner", "tell", killed)
        now = dict(state["read_at"])
        # What was kept stays kept, and is not read again.
        assert {path: now.get(path) for path in kept} == kept
        partly += 0 < len(now) < len(expected["files"])
        kept = now
        if ended:
            break
    assert partly, "no kill came in the middle of the reading"
    run("jobs", "read", officer, killed)
    told = run("owner", "tell", killed)
    for part in ("files", "records", "claims", "lines", "exhibit", "acts", "jobs"):
        assert told[part] == expected[part], f"{part} differ after {partly} kills"
    assert told["exhibit"][0][:3] == ["read", len(expected["files"]), len(expected["files"])]
    assert len({(path, key) for path, key, *_ in told["records"]}) == len(told["records"])
