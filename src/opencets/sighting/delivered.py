"""A part that somebody's sensor delivered: whether its log is sealed by that sensor, and its sightings are of that log.

That the sightings are what the log gives is for whoever can replay it; ``opencets sensor evidence`` does before it writes.
"""

from __future__ import annotations

import io
import json
from dataclasses import asdict

import pyarrow as pa
import pyarrow.parquet as pq

from opencets.errors import DamagedSource, LimitReached, SourceRefused
from opencets.sighting.reading import ORIGIN, ROWS
from opencets.sighting.sealed import Checked, check_log, origin_of

LARGEST_SIGHTINGS = 256 << 20


def check_part(log: bytes, sightings: bytes, key: str) -> tuple[Checked, int]:
    """The log of a part as it says itself, and how many sightings the part has. SourceRefused and those below it say why not."""
    checked = check_log(log)
    if checked.key != key:
        raise SourceRefused("The log was sealed by the key of another sensor.")
    try:
        file = pq.ParquetFile(io.BytesIO(sightings))
        told = json.loads((file.schema_arrow.metadata or {}).get(ORIGIN, b"{}"))
        unpacked = sum(file.metadata.row_group(at).total_byte_size for at in range(file.metadata.num_row_groups))
        rows = int(file.metadata.num_rows)
    except (pa.ArrowException, OSError, ValueError, RecursionError) as reason:
        raise DamagedSource(f"The sightings are no Parquet file: {reason}.") from None
    if told != asdict(origin_of(checked)):
        raise SourceRefused("The sightings do not say that they come from this log: another SHA-256, key or origin.")
    if rows > ROWS or unpacked > LARGEST_SIGHTINGS:
        raise LimitReached(f"A part has at most {ROWS:,} sightings and {LARGEST_SIGHTINGS:,} bytes of them.")
    return checked, rows
