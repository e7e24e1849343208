"""Loading what sensors delivered: as the sensor, all that waits of it at once, and counted anew once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone

from opencets.errors import OpenCETSError
from opencets.sighting.reading import read_batches
from opencets_web.audit import log
from opencets_web.sightings import ledger as kept
from opencets_web.sightings.loading import clear_copy, load_batches
from opencets_web.sightings.models import FileState, SightingFile
from opencets_web.sightings.receiving import Known, as_sensor, known_sensor
from opencets_web.ui.notify import tell


def load_delivered(sensor_id: UUID) -> int:
    """Load the files of a sensor that wait into the ledger, the oldest first; how many. Runs as a job, and may run twice.

    A batch is in the ledger once, whatever happens: it is named by the chain of its log. The file may say so itself, because its
    sensor sealed that log, which was checked when it came (``receiving.take_part``).
    """
    sensor = known_sensor(sensor_id)
    with as_sensor(sensor_id):
        found = SightingFile.objects.filter(delivered_by_id=sensor_id, state__in=(FileState.WAITING, FileState.LOADING))
        rows = list(found.order_by("received_at"))
    loaded = [row for row in rows if _load(sensor, row)]
    if loaded:
        kept.make_ledger().derive()
    for row in loaded:
        _ended(sensor, row, FileState.LOADED, "")
    return len(rows)


def _load(sensor: Known, row: SightingFile) -> bool:
    _save(sensor, row, state=FileState.LOADING, rows=0, again=0, refused=0, report=[])
    try:
        with clear_copy(row) as path:
            for _ in load_batches(row, read_batches(path, by_sensor=True)):
                _save(sensor, row, rows=row.rows, again=row.again, refused=row.refused, report=row.report)
    except OpenCETSError as refusal:
        _ended(sensor, row, FileState.REFUSED, refusal.sentence)
        return False
    return True


def _save(sensor: Known, row: SightingFile, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(row, name, value)
    with as_sensor(sensor.id):
        row.save(update_fields=list(fields))


def _ended(sensor: Known, row: SightingFile, state: FileState, sentence: str) -> None:
    row.state, row.sentence, row.loaded_at = state, sentence, timezone.now()
    with as_sensor(sensor.id):
        row.save(update_fields=["state", "sentence", "loaded_at"])
        log.record(
            "sightings.loaded" if state == FileState.LOADED else "sightings.refused", sensor,
            subject=f"sighting-file:{row.id}",
            details={"rows": row.rows, "again": row.again, "refused": row.refused, "sentence": sentence},
        )  # fmt: skip
        tell(f"agency:{sensor.agency_id}", "sensor", sensor.id)
