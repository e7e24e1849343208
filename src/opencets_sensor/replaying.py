"""Sightings from a sealed log, and nothing else: the same log gives the same sightings, byte for byte, on any machine.

The sensor itself makes its sightings by this, so what a court replays is what the ledger got.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from opencets.sighting import Batch
from opencets.sighting.reading import ORIGIN
from opencets.sighting.sealed import Sealed, origin_of
from opencets_sensor.networks import NETWORKS

_TYPES = {
    "seen_at": pa.timestamp("ms"), "port": pa.uint16(), "pieces_have": pa.uint32(), "pieces_total": pa.uint32(),
    "line": pa.uint32(),
}  # fmt: skip
_COLUMNS = (
    "seen_at", "network", "identity", "identity_kind", "file", "address", "port", "client", "pieces_have", "pieces_total",
    "evidence", "line",
)  # fmt: skip


def sightings_of(log: Sealed) -> Iterator[dict[str, Any]]:
    """Each sighting of a part, in the order of its lines. One place by hearsay counts once a part and file."""
    hearsay = bool(log.head["settings"]["hearsay"])
    told = set[tuple[str, Any, str]]()
    for entry in log.entries:
        reading = NETWORKS.get(str(entry.get("network")))
        for offer in reading.offers_in(entry, hearsay=hearsay) if reading else ():
            if not offer.identity:
                if (offer.file, offer.place, offer.evidence) in told:
                    continue
                told.add((offer.file, offer.place, offer.evidence))
            stand_in = sha256(f"{offer.place.address}|{offer.place.port}|{offer.client or ''}".encode()).hexdigest()[
                :40
            ]
            yield {
                "seen_at": _written(offer.at),
                "network": entry["network"],
                "identity": offer.identity or stand_in,
                "identity_kind": offer.identity_kind,
                "file": offer.file,
                "address": offer.place.address,
                "port": offer.place.port,
                "client": offer.client,
                "pieces_have": offer.have,
                "pieces_total": offer.total,
                "evidence": offer.evidence,
                "line": entry["n"],
            }


def lines_of(log: Sealed) -> bytes:
    """The sightings as JSON lines, in the one form that they have."""
    return b"".join(json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in sightings_of(log))


def batch_of(log: Sealed) -> Batch:
    """The sightings as the ledger takes them. Their key is the chain of the log: whoever brings them, they count once."""
    rows = list(sightings_of(log))
    columns = {name: [row[name] for row in rows] for name in _COLUMNS}
    columns["seen_at"] = [dt.datetime.fromisoformat(moment).replace(tzinfo=None) for moment in columns["seen_at"]]
    table = pa.table({name: pa.array(values, _TYPES.get(name, pa.string())) for name, values in columns.items()})
    return Batch.of(origin_of(log), table)


def write_batch(batch: Batch, path: Path) -> None:
    """A Parquet file that ``opencets sightings load`` reads with all that is known of the batch, its key too."""
    said = json.dumps(asdict(batch.origin), sort_keys=True)
    pq.write_table(batch.rows.replace_schema_metadata({ORIGIN: said}), path, compression="zstd")


def _written(moment: int) -> str:
    whole, part = divmod(moment, 1000)
    return f"{dt.datetime.fromtimestamp(whole, dt.UTC):%Y-%m-%dT%H:%M:%S}.{part:03d}Z"
