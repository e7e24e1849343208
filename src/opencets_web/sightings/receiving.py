"""What sensors deliver is taken in: signed requests, each part once, acknowledged only when log and sightings are kept.

Nothing that a sensor says is believed before its key has signed it. The log's seal and chain are checked, and that the sightings
say that they come from this log; that they are what the log gives is checked by whoever replays it (``opencets sensor evidence``).
"""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from opencets.errors import ActRefused, Interrupted, NotFound
from opencets.packing import deliveries
from opencets.packing.fields import cleaned, said
from opencets.sighting.delivered import check_part
from opencets.sighting.journal import sync_folder
from opencets.sighting.sealed import RAW, SEALED, Checked
from opencets_web.audit import log, outbox
from opencets_web.evidence.vault import store
from opencets_web.policy.acting import proof_of
from opencets_web.sightings import ledger as kept
from opencets_web.sightings.models import FileState, SightingFile
from opencets_web.ui.notify import tell

_SAY = "select set_config('app.sensor', %s, true), set_config('app.sensor_proof', %s, true)"
_ROW = "select agency_id, name, key, authority, purpose, expires_on, withdrawn_at from sightings_sensor where id = %s"
_LOCK = "select silent_since, refused_why from sightings_sensorstate where sensor_id = %s for update"
_HEARD = (
    "update sightings_sensorstate set heard_at = %s, silent_since = null, apart_seconds = null, refused_at = null,"
    " refused_why = '', parts = parts + %s, sightings = sightings + %s where sensor_id = %s"
)
_CLOCK = "Its clock is"


class ClockApart(ActRefused):
    """The sensor's clock and ours lie too far apart."""

    code = "clock"


class NotAllowed(ActRefused):
    """The sensor is known and may not deliver now. ``code``: withdrawn or expired."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = code


@dataclass(frozen=True, slots=True)
class Known:
    """A sensor as its agency registered it. As an actor of the log it has no officer: it acts in its own name."""

    id: UUID
    agency_id: UUID
    name: str
    key: str
    authority: str
    purpose: str
    expires_on: dt.date
    withdrawn_at: dt.datetime | None
    officer_id: None = None
    otherwise: str = ""
    asks: bool = False
    renews: bool = False
    address: str = ""


@dataclass(frozen=True, slots=True)
class Signed:
    """What the headers of a request say."""

    sensor: str
    time: str
    digest: str
    signature: str


@contextmanager
def as_sensor(sensor_id: UUID) -> Iterator[Any]:
    """Inside, in one transaction, the database knows this sensor: its own rows and no others."""
    inside = connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SAY, [str(sensor_id), " ".join(proof_of(f"sensor {sensor_id}"))])
        yield cursor
        if inside:
            cursor.execute(_SAY, ["", ""])


def known_sensor(sensor_id: UUID) -> Known:
    """The registered sensor of this id, withdrawn or not. NotFound: there is none."""
    with as_sensor(sensor_id) as cursor:
        cursor.execute(_ROW, [sensor_id])
        row = cursor.fetchone()
    if row is None:
        raise NotFound
    return Known(sensor_id, *row)


def require_sensor(kind: str, given: Signed, now: dt.datetime) -> Known:
    """The sensor that signed this request, of which no body was read yet.

    NotFound and ActRefused: nobody here signed it, and the two look alike. ClockApart, NotAllowed: told to sensor and agency.
    """
    try:
        sensor_id = UUID(given.sensor)
    except ValueError:
        raise NotFound from None
    if str(sensor_id) != given.sensor:
        raise NotFound
    sensor = known_sensor(sensor_id)
    at = deliveries.require_signed(kind, given.sensor, given.time, given.digest, given.signature, sensor.key)
    apart = (at - now).total_seconds()
    if abs(apart) > deliveries.LATEST_SECONDS:
        how = f"{abs(apart):,.0f} s {'ahead of' if apart > 0 else 'behind'}"
        _refused(sensor, f"{_CLOCK} {how} ours; it was told the time.", now, apart=round(apart))
        raise ClockApart("The clock of the sensor is too far from the server's; go by the time of this answer.")
    if sensor.withdrawn_at is not None:
        sentence = f"{sensor.name} was withdrawn on {sensor.withdrawn_at:%Y-%m-%d}; its agency takes nothing from it."
        _refused(sensor, "It was withdrawn, and delivers still.", now)
        raise NotAllowed("withdrawn", sentence)
    if sensor.expires_on < now.date():
        _refused(sensor, f"Its authority ended on {sensor.expires_on}, and it delivers still.", now)
        raise NotAllowed(
            "expired", f"The authority of {sensor.name} ended on {sensor.expires_on}; its agency renews it."
        )
    return sensor


def take_health(sensor: Known, body: bytes, now: dt.datetime) -> dict[str, Any]:
    """Keep how the sensor says that it goes. DamagedSource: it cannot be read."""
    health = deliveries.read_health(body)
    with as_sensor(sensor.id) as cursor:
        before = _lock(cursor, sensor)
        cursor.execute("select health from sightings_sensorstate where sensor_id = %s", [sensor.id])
        old = json.loads(found) if isinstance(found := cursor.fetchone()[0], str) else found or {}
        cursor.execute(
            _HEARD.replace(" where", ", health = %s, health_at = %s where"),
            [now, 0, 0, json.dumps(said(health)), now, sensor.id],
        )
        changed = sorted(old.get("alerts", [])) != sorted(health.alerts) or old.get("ended") != health.ended
        if changed:
            log.record(
                "sensor.said", sensor, subject=f"sensor:{sensor.id}",
                details={"alerts": list(health.alerts)[:10], "ended": health.ended},
            )  # fmt: skip
        if changed or before[0] is not None or before[1]:
            tell(f"agency:{sensor.agency_id}", "sensor", sensor.id)
    return {"kept": "health"}


def take_part(sensor: Known, body: bytes, now: dt.datetime) -> dict[str, Any]:
    """Keep a part, its log beside the ledger and its sightings as a file that a job loads; what is answered.

    SourceRefused and those below it: it will never be taken. Interrupted: it could not be kept now.
    """
    packed, sightings = deliveries.read_part(body)
    checked, rows = check_part(packed, sightings, sensor.key)
    batch = f"log:{checked.chain}"
    with as_sensor(sensor.id) as cursor:
        if SightingFile.objects.filter(delivered_by_id=sensor.id, batch=batch).exists():
            cursor.execute(_HEARD, [now, 0, 0, sensor.id])
            return {"kept": checked.digest, "again": True}
    stored = store(sensor.agency_id).put(io.BytesIO(sightings))
    try:
        with as_sensor(sensor.id) as cursor:
            _lock(cursor, sensor)
            again = SightingFile.objects.filter(delivered_by_id=sensor.id, batch=batch).exists()
            if not again:
                row = SightingFile.objects.create(
                    agency_id=sensor.agency_id, name=_name_of(checked), size=stored.size, arrived=stored.size,
                    sha256=stored.sha256, blob_path=stored.blob_id, wrapped_key=stored.wrapped_key, sensor=sensor.name,
                    authority=sensor.authority, state=FileState.WAITING, delivered_by_id=sensor.id, batch=batch,
                    log_sha256=checked.digest, received_at=now,
                )  # fmt: skip
                log.record(
                    "sightings.delivered", sensor, subject=f"sighting-file:{row.id}",
                    details={
                        "sensor": sensor.name, "name": row.name, "sha256": row.sha256, "log": checked.digest, "rows": rows,
                        "lines": checked.count, "authority": row.authority,
                    },
                )  # fmt: skip
                outbox.post("sightings.delivered", sensor_id=str(sensor.id))
                cursor.execute(_HEARD, [now, 1, rows, sensor.id])
                tell(f"agency:{sensor.agency_id}", "sensor", sensor.id)
                keep_log(packed, checked.digest)
    except BaseException:
        store().delete(stored.blob_id)
        raise
    if again:
        store().delete(stored.blob_id)
    return {"kept": checked.digest, "again": again}


def keep_log(packed: bytes, digest: str) -> None:
    """Put a sealed log where the ledger's evidence looks for it, on the disk when this returns. Interrupted: it cannot be."""
    target = kept.folder() / RAW / f"{digest}{SEALED}"
    try:
        if target.exists() and sha256(target.read_bytes()).hexdigest() == digest:
            return
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=target.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(packed)
                stream.flush()
                os.fsync(stream.fileno())
            Path(draft).rename(target)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        sync_folder(target.parent)
    except OSError as reason:
        raise Interrupted(f"The log could not be kept: {reason.strerror}. Send it again.") from None


def _name_of(checked: Checked) -> str:
    part = checked.head.get("part")
    number = part if isinstance(part, int) and 0 <= part < 1_000_000_000 else 0
    return f"{cleaned(str(checked.head['run']), 100)}-{number:06d}.parquet"


def _lock(cursor: Any, sensor: Known) -> tuple[dt.datetime | None, str]:
    cursor.execute(_LOCK, [sensor.id])
    row: tuple[dt.datetime | None, str] | None = cursor.fetchone()
    if row is None:
        raise NotFound
    return row


def _refused(sensor: Known, why: str, now: dt.datetime, *, apart: int | None = None) -> None:
    """Tell the agency; the log has it once, until the sensor is heard again or is refused for something else."""
    with as_sensor(sensor.id) as cursor:
        before = _lock(cursor, sensor)[1]
        cursor.execute(
            "update sightings_sensorstate set refused_at = %s, refused_why = %s, apart_seconds = %s where sensor_id = %s",
            [now, why[:400], apart, sensor.id],
        )
        if before != why and not (apart is not None and before.startswith(_CLOCK)):
            log.record("sensor.refused", sensor, subject=f"sensor:{sensor.id}", details={"why": why})
            tell(f"agency:{sensor.agency_id}", "sensor", sensor.id)
