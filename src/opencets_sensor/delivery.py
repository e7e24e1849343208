"""From the spool to where sightings are kept. A part that was delivered is moved; one that is delivered twice counts once."""

from __future__ import annotations

import datetime as dt
import os
import random
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from opencets.errors import Interrupted
from opencets.packing.deliveries import LARGEST_PART, Health, join_part, write_health
from opencets.sighting import Batch, Ledger
from opencets.sighting.journal import sync_folder
from opencets.sighting.parts import SIGHTINGS
from opencets.sighting.sealed import RAW, SEALED, extract_log, read_log
from opencets_sensor import settings
from opencets_sensor.replaying import batch_of, write_batch
from opencets_sensor.sending import PartRefused, Server

WAITING, SENT, REFUSED = "waiting", "sent", "refused"
"""The folders of a sensor's parts: those to deliver, those that arrived, and those that the server will never take."""
WHY = ".why"
LONGEST_PAUSE = 600.0


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of the parts that waited. ``refused``: names of parts, and why. ``unheard``: why health was not understood."""

    parts: int
    refused: dict[str, str]
    unheard: str = ""


def deliver(
    folder: Path, to: settings.Deliver, base: Path, server: Server | None, health: Health | None = None
) -> Delivered:
    """Bring every part that waits in a sensor's folder where it goes, the oldest first. Interrupted: it cannot be now.

    The log goes first and then its sightings, so that no sighting lacks its proof. A part that the server refuses for good is kept
    apart; the others go on. ``health`` is told first, so that a sensor that may not deliver learns it from a small request, and
    again when something changed by that; what waits is counted here.
    """
    parts, refused, unheard = sorted((folder / WAITING).glob(f"*{SEALED}")), dict[str, str](), ""
    try:
        if server is not None and health is not None:
            unheard = _tell(server, folder, replace(health, ended=False))
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
            try:
                if server is not None:
                    server.send_part(_body(path, batch), log.digest)
            except PartRefused as refusal:
                refused[path.name] = refusal.sentence
                _keep_apart(path, folder / REFUSED, refusal.sentence)
            else:
                path.rename(folder / SENT / path.name)
        if server is not None and health is not None and (parts or health.ended):
            unheard = _tell(server, folder, health)
        if parts and to.ledger:
            Ledger.open(base / to.ledger).derive()
    except OSError as reason:
        raise Interrupted(f"Sightings cannot be delivered: {reason}. They wait, and are delivered later.") from reason
    return Delivered(len(parts) - len(refused), refused, unheard)


def server_of(to: settings.Deliver, base: Path, key: Ed25519PrivateKey) -> Server | None:
    """The server of the settings, if they name one. ActRefused: its certificates cannot be read."""
    certificates = base / to.certificates if to.certificates else None
    return Server(to.server, key, certificates, to.answer_seconds) if to.server else None


def pause_after(failed: int) -> float:
    """Seconds until the next try: more after each that failed, and with chance, so that many sensors do not come at once."""
    return min(LONGEST_PAUSE, 2.0 ** min(failed, 20)) * (0.5 + random.random() / 2)


def refusals(folder: Path) -> dict[str, str]:
    """The parts that the server refused, by name, and why."""
    found = {}
    for path in sorted((folder / REFUSED).glob(f"*{SEALED}")):
        why = path.with_name(f"{path.name}{WHY}")
        found[path.name] = why.read_text(encoding="utf-8") if why.exists() else ""
    return found


def try_again(folder: Path) -> int:
    """Let the parts that were refused wait once more; how many."""
    again = sorted((folder / REFUSED).glob(f"*{SEALED}"))
    for path in again:
        path.rename(folder / WAITING / path.name)
        path.with_name(f"{path.name}{WHY}").unlink(missing_ok=True)
    return len(again)


def _tell(server: Server, folder: Path, health: Health) -> str:
    """Tell how the sensor goes, and what waits now; why the server does not understand it, or nothing."""
    waiting = len(list((folder / WAITING).glob(f"*{SEALED}")))
    counted = replace(
        health,
        parts_waiting=waiting,
        bytes_waiting=waiting_bytes(folder / WAITING),
        parts_refused=len(refusals(folder)),
    )
    try:
        server.tell_health(write_health(counted))
    except PartRefused as refusal:
        return refusal.sentence
    return ""


def _body(path: Path, batch: Batch) -> bytes:
    """The request that brings a part. PartRefused: it is larger than a server takes."""
    staged = path.with_name(f"{path.name}.parquet")
    try:
        write_batch(batch, staged)
        body = join_part(path.read_bytes(), staged.read_bytes())
    finally:
        staged.unlink(missing_ok=True)
    if len(body) > LARGEST_PART:
        raise PartRefused(f"The part has {len(body):,} bytes; a server takes {LARGEST_PART:,} at most.")
    return body


def _keep_apart(path: Path, folder: Path, why: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{path.name}{WHY}").write_text(why, encoding="utf-8")
    path.rename(folder / path.name)
    sync_folder(folder)


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
        for path in folder.iterdir() if folder.exists() else ():
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
