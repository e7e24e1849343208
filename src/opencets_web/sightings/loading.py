"""From a file of sightings that is kept into the ledger: a clear copy while it is read, each batch placed and counted."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from opencets.sighting import Batch
from opencets.sighting.places import Places
from opencets_web.evidence.vault import store
from opencets_web.sightings import ledger as kept
from opencets_web.sightings.models import SightingFile

MOST_REASONS = 200


@contextmanager
def clear_copy(row: SightingFile) -> Iterator[Path]:
    """A file of sightings in the clear, under its name: the readers know a file by its ending. Gone when it is left."""
    folder = Path(settings.HOME) / "run"
    with tempfile.TemporaryDirectory(prefix="sightings-", dir=folder) as scratch:
        path = Path(scratch) / row.name
        with store().open(row.blob_path, bytes(row.wrapped_key or b"")) as source, path.open("wb") as clear:
            shutil.copyfileobj(source, clear, 1 << 20)
        yield path


def load_batches(row: SightingFile, batches: Iterable[Batch]) -> Iterator[None]:
    """Load batches of a file into the ledger, placed, and count in its row; after each the row can be kept."""
    into, databases = kept.make_ledger(), kept.places_folder()
    places = Places.open(databases) if any(databases.glob("*.mmdb")) else None
    for batch in batches:
        for done in into.load([places.placed(batch) if places else batch]):
            row.again += done.rows if done.again else 0
            row.rows += 0 if done.again else done.rows
            row.refused += done.refused
        room = MOST_REASONS - len(row.report)
        row.report += [{"line": line, "why": why} for line, why in batch.refused[:room]]
        yield
