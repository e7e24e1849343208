"""Reading a list of known files that was handed in: as a job, in a limited process, kept batch by batch."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from opencets.errors import NotFound
from opencets.parsing import Limits, Pool
from opencets_web.audit import log, outbox
from opencets_web.evidence.vault import store
from opencets_web.media.hash_sets import Line, ListRead, read_entries
from opencets_web.media.matching import keep_entries
from opencets_web.media.models import HashSet, HashSetState
from opencets_web.policy.acting import acting_as
from opencets_web.policy.actor import Actor
from opencets_web.ui.notify import tell

MOST_LINES = 300
LIMITS = Limits(seconds=6 * 3600.0)


@dataclass(slots=True)
class _Taken:
    """What the reading of a list gave so far."""

    entries: int = 0
    skipped: int = 0
    format: str = ""


def read_hash_set(actor: Actor, hash_set_id: UUID) -> int:
    """Read a list that waits, in a limited process, its entries kept batch by batch; how many entries it has.

    Again after a crash: the same entries get the same ids, so nothing is kept twice. Runs as a job.
    """
    with acting_as(actor.officer_id):
        hash_set = HashSet.objects.filter(pk=hash_set_id).first()
        if hash_set is None:
            raise NotFound
        if hash_set.state != HashSetState.WAITING:
            return hash_set.entries_count
    opening = store().opening(hash_set.blob_path, bytes(hash_set.wrapped_key or b""))
    taken, refusal = _Taken(), ""
    lines: list[Line] = []
    task = ListRead(hash_set.file_name or hash_set.name, hash_set.file_size, opening, dict(hash_set.options))
    with Pool(1, LIMITS) as pool:
        for outcome in pool.run(read_entries, [task]):
            if outcome.failure is not None:
                refusal = outcome.failure.sentence
            if outcome.result is None:
                continue
            found = outcome.result
            with acting_as(actor.officer_id):
                keep_entries(hash_set.id, taken.entries, found.entries)
            taken.entries += len(found.entries)
            taken.skipped += found.skipped
            taken.format = found.format or taken.format
            lines.extend(found.lines[: MOST_LINES - len(lines)])
    if refusal:
        lines.append(Line("", "stopped", refusal))
    _finish_reading(actor, hash_set_id, taken, lines)
    return taken.entries


def _finish_reading(actor: Actor, hash_set_id: UUID, taken: _Taken, lines: list[Line]) -> None:
    with acting_as(actor.officer_id):
        hash_set = HashSet.objects.select_for_update().get(pk=hash_set_id)
        if hash_set.state != HashSetState.WAITING:
            return
        blob = hash_set.blob_path
        hash_set.state = HashSetState.READ if taken.entries else HashSetState.REFUSED
        if not taken.entries:
            hash_set.sentence = (
                f"{hash_set.file_name or hash_set.name}: no known file was found in it. A list is VICS JSON, "
                "CSV with digest columns, or one digest a line."
            )
        hash_set.entries_count, hash_set.lines_skipped, hash_set.format = taken.entries, taken.skipped, taken.format
        hash_set.report = [{"place": line.place, "code": line.code, "sentence": line.sentence} for line in lines]
        hash_set.read_at, hash_set.blob_path, hash_set.wrapped_key = timezone.now(), "", None
        hash_set.save(
            update_fields=[
                "state", "sentence", "entries_count", "lines_skipped", "format", "report", "read_at", "blob_path", "wrapped_key",
            ]
        )  # fmt: skip
        log.record(
            "hash-set.imported",
            actor,
            subject=f"hash-set:{hash_set_id}",
            details={"entries": taken.entries, "skipped": taken.skipped, "format": taken.format},
        )
        if taken.entries:
            outbox.post("hash-set.imported", hash_set_id=str(hash_set_id), officer_id=str(actor.officer_id))
        tell(f"officer:{actor.officer_id}", "hash-set", hash_set_id)
        transaction.on_commit(lambda: store().delete(blob))
