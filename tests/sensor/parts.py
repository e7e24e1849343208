"""Sealed parts as a sensor makes them, with sightings by hearsay of documentation addresses."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from opencets.packing.deliveries import join_part
from opencets.sighting.sealed import read_log
from opencets_sensor.log import Log
from opencets_sensor.replaying import batch_of, write_batch

NOON = int(dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC).timestamp() * 1000)


def make_log(folder: Path, key: Ed25519PrivateKey, number: int = 1, *, count: int = 3, **changed: Any) -> Path:
    """A sealed log in ``folder`` that tells of ``count`` places."""
    head = {
        "at": NOON, "sensor": "avon-1", "run": "avon-1-run", "part": number, "software": "rehearsal", "configuration": "0" * 64,
        "settings": {"hearsay": True}, "clock": {"offset_ms": 3, "source": "ntp.example.org"}, "purpose": "rehearsal",
        "authority": {"order": "Order 7/2026", "agency": "Avon Police"}, "before": "", **changed,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    log = Log.begin(folder, f"avon-1-{number:06d}", head)
    for place in range(count):
        log.note(
            "told", network="bittorrent", by="dht", at=NOON + 1000 * place, file="c" * 40,
            places=[[f"198.51.100.{1 + place % 250}", 7000 + number]],
        )  # fmt: skip
    path, _ = log.seal(folder, "turn", NOON + 60_000, key)
    return path


def sightings_of_log(path: Path) -> bytes:
    """Its sightings as Parquet."""
    staged = path.with_suffix(".parquet")
    write_batch(batch_of(read_log(path)), staged)
    try:
        return staged.read_bytes()
    finally:
        staged.unlink()


def body_of(path: Path) -> bytes:
    """The body that brings it to a server."""
    return join_part(path.read_bytes(), sightings_of_log(path))
