"""From the spool to where sightings are kept. A part that was delivered is moved; one that is delivered twice counts once."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from pathlib import Path

from opencets.errors import Interrupted
from opencets.sighting import Ledger
from opencets.sighting.journal import sync_folder
from opencets.sighting.parts import SIGHTINGS
from opencets.sighting.sealed import RAW, SEALED, extract_log, read_log
from opencets_sensor import settings
from opencets_sensor.replaying import batch_of, write_batch


def deliver(waiting: Path, sent: Path, to: settings.Deliver, base: Path) -> int:
    """Bring every part that waits where it goes, the oldest first; how many. Interrupted: it cannot be reached now.

    The log goes first and then its sightings, so that no sighting lacks its proof.
    """
    parts = sorted(waiting.glob(f"*{SEALED}"))
    try:
        for path in parts:
            log = read_log(path)
            batch = batch_of(log)
            if to.folder:
                name = path.name.removesuffix(SEALED)
                _put(path, base / to.folder / path.name)
                staged = base / to.folder / f"{name}.parquet.part"
                write_batch(batch, staged)
                staged.rename(base / to.folder / f"{name}.parquet")
            if to.ledger:
                _put(path, base / to.ledger / RAW / f"{log.digest}{SEALED}")
                list(Ledger.create(base / to.ledger).load([batch]))
            path.rename(sent / path.name)
        if parts and to.ledger:
            Ledger.open(base / to.ledger).derive()
    except OSError as reason:
        raise Interrupted(f"Sightings cannot be delivered: {reason}. They wait, and are delivered later.") from reason
    return len(parts)


def forget_logs(ledger: Ledger, before: str) -> tuple[int, int]:
    """Bring the logs of a ledger that began before a day (ISO 8601) to what the ledger still has: removed, and shortened.

    What the ledger forgot is forgotten in the logs: its lines are withheld, by their hashes, and a log without any row goes.
    """
    removed = shortened = 0
    for number, origin in ledger.state().origins.items():
        path = ledger.folder / RAW / f"{origin.get('raw_sha256', '')}{SEALED}"
        if not path.exists():
            continue
        log = read_log(path)
        if dt.datetime.fromtimestamp(log.head["at"] / 1000, dt.UTC).date().isoformat() >= before:
            continue
        sql = f"select distinct line from sightings where batch = {number}"
        kept = {int(line) for (line,) in ledger.rows({SIGHTINGS: ledger.state().table(SIGHTINGS)}, sql)}
        if not kept:
            path.unlink()
            removed += 1
        elif any(entry["n"] not in kept for entry in log.entries if entry["do"] not in ("clock", "withheld")):
            staged = path.with_name(f"{path.name}.part")
            staged.write_bytes(extract_log(path, kept))
            staged.rename(path)
            shortened += 1
    return removed, shortened


def waiting_bytes(*folders: Path) -> int:
    """How much waits on the disk."""
    total = 0
    for folder in folders:
        for path in folder.iterdir():
            try:
                total += path.stat().st_size
            except FileNotFoundError:
                continue
    return total


def _put(source: Path, target: Path) -> None:
    """A copy, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = target.with_name(f"{target.name}.part")
    shutil.copyfile(source, staged)
    with staged.open("rb+") as file:
        os.fsync(file.fileno())
    staged.rename(target)
    sync_folder(target.parent)
