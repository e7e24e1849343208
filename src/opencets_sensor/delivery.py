"""From the spool to where sightings are kept. A part that was delivered is moved; one that is delivered twice counts once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from opencets.errors import Interrupted
from opencets.sighting import Ledger
from opencets.sighting.journal import sync_folder
from opencets_sensor import settings
from opencets_sensor.log import SEALED, read_log
from opencets_sensor.replaying import batch_of, write_batch

RAW = "raw"
"""The folder of a ledger in which logs stand, named by their SHA-256, as the ledger's batches name them."""


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
