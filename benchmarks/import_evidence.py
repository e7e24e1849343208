"""A folder of photographs with a ZIP inside: received, hashed, matched and linked, beside hashlib + Pillow + pdqhash.

Both sides get the same files on the same two cores in the same run. The plain pipeline runs in as many processes as OpenCETS
has readers: MD5, SHA-1 and SHA-256, a decode, PDQ with quality, a thumbnail. OpenCETS does all of it through its own way,
from encrypted blobs to rows with claims in PostgreSQL, and then matches near-duplicates, counts identifiers, resolves people
and links. Receiving (encrypting and flushing to the disk) is timed apart and inside the total. What came out is checked
beside the times: digests equal, PDQ within 10 bits, planted near-duplicates found, nothing twice.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import multiprocessing
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

SIZE = (1632, 1224)
NEAR_EVERY = 40
"""Of so many photographs one is another one made smaller and compressed again."""


def photograph(seed: int) -> bytes:
    """A made-up scene of two megapixels as JPEG: light, shapes of all sizes, grain."""
    rng = np.random.default_rng(seed)
    sky = Image.fromarray(rng.integers(0, 255, (7, 9, 3), dtype=np.uint8)).resize(SIZE, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(sky)
    for _ in range(60):
        x, y = int(rng.integers(SIZE[0])), int(rng.integers(SIZE[1]))
        w, h = (int(side * rng.random() ** 3 / 2) + 2 for side in SIZE)
        colour = tuple(int(part) for part in rng.integers(0, 256, 3))
        (draw.ellipse if rng.random() < 0.5 else draw.rectangle)((x, y, x + w, y + h), fill=colour)
    tile = np.random.default_rng(seed % 7).normal(0, 6, (SIZE[1], SIZE[0])).astype(np.int16)
    grain = np.roll(tile, (int(rng.integers(400)), int(rng.integers(400))), (0, 1))
    pixels = np.clip(np.asarray(sky, dtype=np.int16) + grain[:, :, None], 0, 255).astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", quality=85)
    return content.getvalue()


def again(content: bytes) -> bytes:
    """The same photograph made smaller and compressed again."""
    copy = io.BytesIO()
    with Image.open(io.BytesIO(content)) as image:
        image.resize((1200, 900), Image.Resampling.LANCZOS).save(copy, "JPEG", quality=60)
    return copy.getvalue()


def _make(number: int) -> bytes:
    return again(photograph(number - 1)) if number % NEAR_EVERY == NEAR_EVERY - 1 else photograph(number)


def write_folder(folder: Path, files: int) -> list[tuple[int, int]]:
    """``files`` photographs, a tenth of them inside a ZIP; the planted pairs, by number."""
    in_zip = files // 10
    with ProcessPoolExecutor() as pool, zipfile.ZipFile(folder / "archive.zip", "w") as archive:
        for number, content in enumerate(pool.map(_make, range(files), chunksize=8)):
            if number < in_zip:
                archive.writestr(f"DCIM/{number:05}.jpg", content)
            else:
                place = folder / f"camera{number % 4}" / f"IMG_{number:05}.jpg"
                place.parent.mkdir(exist_ok=True)
                place.write_bytes(content)
    return [(number - 1, number) for number in range(NEAR_EVERY - 1, files, NEAR_EVERY)]


def plain(place: tuple[str, str]) -> tuple[str, bytes, int]:
    """SHA-256, PDQ and quality of one file or member, as one would write it first; a thumbnail is made too."""
    import pdqhash

    path, member = place
    if member:
        with zipfile.ZipFile(path) as archive:
            content = archive.read(member)
    else:
        content = Path(path).read_bytes()
    hashlib.md5(content, usedforsecurity=False).hexdigest()
    hashlib.sha1(content, usedforsecurity=False).hexdigest()
    sha256 = hashlib.sha256(content).hexdigest()
    image = Image.open(io.BytesIO(content)).convert("RGB")
    bits, quality = pdqhash.compute(np.asarray(image))
    image.thumbnail((320, 320))
    image.save(io.BytesIO(), "JPEG", quality=80)
    return sha256, np.packbits(bits).tobytes(), int(quality)


def run_plain(folder: Path, processes: int) -> tuple[float, dict[str, tuple[bytes, int]]]:
    """Wall seconds of the plain pipeline over the folder, and what it found by SHA-256."""
    places: list[tuple[str, str]] = []
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                places.extend((str(path), name) for name in archive.namelist())
        elif path.is_file():
            places.append((str(path), ""))
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        pool.map(plain, places[: processes * 2], chunksize=1)  # imports and warm-up are not timed
        begun = time.perf_counter()
        found = pool.map(plain, places, chunksize=8)
        took = time.perf_counter() - begun
        pool.close()
        pool.join()
    return took, {sha256: (pdq, quality) for sha256, pdq, quality in found}


PROGRAM = """
import json, os, resource, sys, time
from pathlib import Path
import django
django.setup()
from uuid import UUID
from django.db import connection, transaction
from opencets_web.policy.acting import acting_as
from opencets_web.policy.officers import actor_for
act, rest = sys.argv[1], sys.argv[2:]

def used():
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"own_cpu": own.ru_utime + own.ru_stime, "children_cpu": children.ru_utime + children.ru_stime,
            "own_peak_mb": own.ru_maxrss / 1024, "children_peak_mb": children.ru_maxrss / 1024}

told = {}
if act == "cast":
    from opencets_web.accounts.models import Agency, Officer
    agency = Agency.objects.create(name="Avon Constabulary", short_name="Avon", country="GB", contact_email="a@example.org")
    told["officer"] = str(Officer.objects.create(email="owner@avon.example.org", display_name="Owner", agency=agency,
                                                 roles=["investigator"]).id)
elif act == "receive":
    from opencets_web.cases.actions import open_case
    from opencets_web.evidence import actions
    actor = actor_for(rest[0])
    with acting_as(actor.officer_id):
        open_case(actor, reference=rest[1], title="Import", kind="possession")
    begun = time.perf_counter()
    told["exhibit"] = str(actions.receive_path(actor, rest[1], Path(rest[2]))[0])
    told["seconds"] = time.perf_counter() - begun
elif act == "read":
    from opencets_web.evidence import reading
    begun = time.perf_counter()
    reading.read_exhibit(actor_for(rest[0]), UUID(rest[1]))
    told["seconds"] = time.perf_counter() - begun
elif act == "profile":
    import cProfile, pstats
    from opencets_web.evidence import reading
    run = cProfile.Profile()
    run.runcall(reading.read_exhibit, actor_for(rest[0]), UUID(rest[1]))
    pstats.Stats(run, stream=sys.stderr).sort_stats("cumulative").print_stats(45)
elif act == "link":
    from opencets_web.entities import jobs as entities
    from opencets_web.leads import jobs as leads
    from opencets_web.media import jobs as media
    steps = {}
    for step in (media.match_media, entities.count_identifiers, entities.resolve_people, leads.link_exhibit):
        begun = time.perf_counter()
        step(exhibit_id=rest[1], officer_id=rest[0])
        steps[step.__name__] = round(time.perf_counter() - begun, 3)
    told["seconds"], told["steps"] = sum(steps.values()), steps
elif act == "tell":
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select sha256, signals->>'pdq', path[array_length(path, 1)] from evidence_exhibitfile"
                       " where exhibit_id = %s and signals is not null", rest[:1])
        told["media"] = cursor.fetchall()
        cursor.execute("select a.path[array_length(a.path, 1)], b.path[array_length(b.path, 1)] from media_nearduplicate n"
                       " join media_media l on l.id = n.left_id join media_media r on r.id = n.right_id"
                       " join evidence_exhibitfile a on a.id = l.file_id join evidence_exhibitfile b on b.id = r.file_id"
                       " where a.exhibit_id = %s", rest[:1])
        told["near"] = cursor.fetchall()
        cursor.execute("select count(*), count(distinct sha256) from media_media m where m.case_id ="
                       " (select case_id from evidence_exhibit where id = %s)", rest[:1])
        told["rows"] = cursor.fetchone()
print(json.dumps(told | used()))
"""


class Home:
    """A scratch home with its own database server, removed at the end."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.opencets = str(Path(sys.executable).with_name("opencets"))
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
            "OPENCETS_HOME": str(place),
            "DJANGO_SETTINGS_MODULE": "opencets_web.config.settings",
        }
        self._run([self.opencets, "setup"])
        self._run([self.opencets, "database", "start"])

    def __enter__(self) -> Home:
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run([self.opencets, "reset", "--yes"], env=self.environment, capture_output=True, check=False)
        shutil.rmtree(self.place, ignore_errors=True)

    def _run(self, command: list[str], role: str = "owner") -> str:
        done = subprocess.run(
            command, env={**self.environment, "OPENCETS_DB_ROLE": role}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        if done.stderr.strip():
            print(done.stderr, file=sys.stderr)
        return done.stdout

    def act(self, role: str, *arguments: str) -> dict[str, Any]:
        """What one act of the program gave, in a process of its own, in a database role."""
        return dict(json.loads(self._run([sys.executable, "-c", PROGRAM, *arguments], role).splitlines()[-1]))

    def act_of(self, script: str, role: str, *arguments: str) -> dict[str, Any]:
        """The same for another benchmark's ``--act``."""
        return dict(json.loads(self._run([sys.executable, script, "--act", *arguments], role).splitlines()[-1]))


def check(told: dict[str, Any], peer: dict[str, tuple[bytes, int]], planted: list[tuple[int, int]]) -> dict[str, Any]:
    """AssertionError where ours and the peer's differ, a planted pair is missing or something is there twice."""
    digests = [sha256 for sha256, _, _ in told["media"]]
    assert len(digests) == len(set(digests)) == len(peer), f"{len(digests)} media of {len(peer)}"
    assert set(digests) == set(peer), "digests differ"
    assert told["rows"] == [len(peer), len(peer)], f"media rows {told['rows']}"
    distances = []
    for sha256, pdq, _ in told["media"]:
        theirs, quality = peer[sha256]
        if quality >= 80:
            distances.append((int.from_bytes(bytes.fromhex(pdq)) ^ int.from_bytes(theirs)).bit_count())
    assert max(distances) <= 10, f"PDQ is {max(distances)} bits off"
    near = {frozenset(int(Path(name).stem.rsplit("_", 1)[-1]) for name in pair) for pair in told["near"]}
    missing = [pair for pair in planted if frozenset(pair) not in near]
    assert not missing, f"near-duplicates not found: {missing[:5]}"
    return {"near_pairs_planted": len(planted), "near_pairs_found": len(planted) - len(missing), "near_pairs_all": len(near),
            "pdq_distance_max": max(distances), "media": len(digests)}  # fmt: skip


def measure(files: int, rounds: int, place: Path | None) -> dict[str, Any]:
    """All figures of ``rounds`` turns, ours and the peer's turn and turn about."""
    processes = os.cpu_count() or 2
    with tempfile.TemporaryDirectory(prefix="opencets-import-") as scratch:
        folder = Path(scratch) / "photographs"
        folder.mkdir()
        planted = write_folder(folder, files)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        turns = []
        for turn in range(rounds):
            os.chmod(scratch, 0o711)
            with Home((place or Path(scratch)) / f"home{turn}") as home:
                officer = home.act("owner", "cast")["officer"]
                orders = ["plain", "ours"] if turn % 2 else ["ours", "plain"]
                times: dict[str, Any] = {}
                for side in orders:
                    if side == "plain":
                        before = _children_cpu()
                        times["plain_seconds"], peer = run_plain(folder, processes)
                        times["plain_cpu"] = _children_cpu() - before
                    else:
                        received = home.act("web", "receive", officer, "IM-1", str(folder))
                        read = home.act("jobs", "read", officer, received["exhibit"])
                        linked = home.act("jobs", "link", officer, received["exhibit"])
                        times |= {"received": received, "read": read, "linked": linked}
                facts = check(home.act("owner", "tell", received["exhibit"]), peer, planted)
            turns.append(times | {"facts": facts})
    return summary(files, size, processes, turns)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def summary(files: int, size: int, processes: int, turns: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the turns, as files and megabytes a second and as ratios to the plain pipeline of the same turn."""

    def seconds(turn: dict[str, Any], *parts: str) -> float:
        return sum(float(turn[part]["seconds"]) for part in parts)

    def middle(values: list[float]) -> float:
        return round(statistics.median(values), 2)

    ways = {
        "hashed": ("read",),
        "hashed_matched_linked": ("read", "linked"),
        "with_receiving": ("received", "read", "linked"),
    }
    return {
        "files": files,
        "megabytes": round(size / 1e6, 1),
        "processes": processes,
        "turns": len(turns),
        "plain_files_per_second": middle([files / turn["plain_seconds"] for turn in turns]),
        **{
            name: {
                "files_per_second": middle([files / seconds(turn, *parts) for turn in turns]),
                "megabytes_per_second": middle([size / 1e6 / seconds(turn, *parts) for turn in turns]),
                "times_the_plain_pipeline": middle([turn["plain_seconds"] / seconds(turn, *parts) for turn in turns]),
            }
            for name, parts in ways.items()
        },
        "seconds": {
            part: middle([seconds(turn, part) for turn in turns]) for part in ("received", "read", "linked")
        } | {"plain": middle([turn["plain_seconds"] for turn in turns])},
        "link_steps_seconds": turns[-1]["linked"]["steps"],
        "cpu_seconds": {"plain": round(turns[-1]["plain_cpu"], 2)}
        | {part: round(turns[-1][part]["own_cpu"] + turns[-1][part]["children_cpu"], 2)
           for part in ("received", "read", "linked")},
        "peak_megabytes_of_a_process": round(max(
            float(turn[part][side]) for turn in turns for part in ("received", "read", "linked")
            for side in ("own_peak_mb", "children_peak_mb")
        )),
        "checked": turns[-1]["facts"],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--files", type=int, default=240, help="photographs of 2 megapixels, a tenth in a ZIP")
    parser.add_argument("--rounds", type=int, default=1, help="turns of both sides; medians are given")
    parser.add_argument("--full", action="store_true", help="2,000 photographs, three turns")
    parser.add_argument("--place", type=Path, help="a folder for the scratch homes (default: the system's)")
    arguments = parser.parse_args()
    try:
        import pdqhash  # noqa: F401
    except ImportError:
        sys.exit("pdqhash is not installed, and without it there is no peer to measure beside: pip install pdqhash.")
    files, rounds = (2000, 3) if arguments.full else (arguments.files, arguments.rounds)
    figures = measure(files, rounds, arguments.place)
    facts = {"benchmark": "import", "python": platform.python_version(), "machine": platform.machine(),
             "cores": os.cpu_count(), "load_before": round(os.getloadavg()[2], 2)}  # fmt: skip
    if arguments.json:
        print(json.dumps(facts | {"figures": figures}, indent=1))
        return
    for name, figure in figures.items():
        print(f"{name}: {figure}")


if __name__ == "__main__":
    main()
