"""Reading an exhibit: every file through a limited process, kept batch by batch, so that a crash costs one batch's work.

A batch is kept in one transaction: files, records, claims, report lines, media, blobs, progress. What was kept is never read
again; what was not is. Members of containers become files of the exhibit; after a restart their container is listed again.
"""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, F, Q, Sum
from django.utils import timezone

from opencets.packing.blobs import new_blob_id
from opencets.parsing.limits import Budget, Limits
from opencets.parsing.sandbox import Failure, Pool
from opencets.parsing.source import Member, Noted, Skipped, Source
from opencets.parsing.walk import refuse_member
from opencets.records import Locator, Record
from opencets_web.accounts.ids import new_id
from opencets_web.audit import log, outbox
from opencets_web.evidence.examine import Batch, Examined, Finding, LinesRead, Packed, RecordsRead, examine
from opencets_web.evidence.keeping import Under, keep_read, stable_id
from opencets_web.evidence.models import Blob, Exhibit, ExhibitFile, ExhibitState, FileState, ReportLine
from opencets_web.evidence.models import Record as KeptRecord
from opencets_web.evidence.vault import keys, piece_opening, store
from opencets_web.policy import door
from opencets_web.policy.acting import acting_as
from opencets_web.policy.actor import Actor
from opencets_web.ui.notify import tell

FILES_AT_ONCE = 24
BYTES_AT_ONCE = 24 * 1024 * 1024
PROCESSES = int(os.environ.get("OPENCETS_READERS", "0")) or os.cpu_count() or 2


@dataclass(slots=True)
class _Todo:
    """A file that waits: its source, the row it has, how deep it lies, what the container it lies in may still unpack."""

    source: Source
    file_id: UUID
    reading: int
    depth: int
    budget: Budget | None
    keep: bool
    relist: bool = False


@dataclass(slots=True)
class _Kept:
    """What a batch gave so far."""

    todo: tuple[_Todo, ...]
    batch: Batch
    records: list[tuple[int, Record]] = field(default_factory=list)
    skipped: list[tuple[int, Skipped]] = field(default_factory=list)
    noted: list[tuple[int, Noted]] = field(default_factory=list)
    members: list[tuple[int, Member]] = field(default_factory=list)
    examined: dict[int, Examined] = field(default_factory=dict)
    packed: Packed | None = None


def read_exhibit(actor: Actor, exhibit_id: UUID) -> None:
    """Read every file of an exhibit that waits; safe to call again after any stop. NotFound where it is not the actor's."""
    with acting_as(actor.officer_id):
        exhibit = _begin(actor, exhibit_id)
        if exhibit is None:
            return
        reading = _Reading(actor, exhibit)
        waiting = reading.waiting_files()
    reading.run(waiting)
    with acting_as(actor.officer_id):
        _end(actor, exhibit)


def _begin(actor: Actor, exhibit_id: UUID) -> Exhibit | None:
    exhibit = door.admit(
        actor,
        Exhibit.objects.select_related("case", "agency").select_for_update(of=("self",)),
        "contribute",
        pk=exhibit_id,
    )
    if exhibit.state == ExhibitState.READ:
        # A file that came in during the reading waits; it has posted this turn.
        waits = ExhibitFile.objects.filter(exhibit=exhibit, state=FileState.WAITING).exists()
    else:
        waits = exhibit.state in (ExhibitState.RECEIVED, ExhibitState.READING)
    if not waits:
        return None
    now = timezone.now()
    exhibit.state = ExhibitState.READING
    exhibit.reading_at = exhibit.reading_at or now
    # What a corrected file said before is retired, not deleted.
    KeptRecord.objects.filter(
        exhibit=exhibit, retired_at=None, file__state=FileState.WAITING, reading__lt=F("file__reading")
    ).update(retired_at=now)
    ReportLine.objects.filter(
        exhibit=exhibit, retired_at=None, file__state=FileState.WAITING, reading__lt=F("file__reading")
    ).update(retired_at=now)
    for name, count in _true_counts(exhibit).items():
        setattr(exhibit, name, count)
    exhibit.save(update_fields=["state", "reading_at", *COUNTS])
    tell(f"case:{exhibit.case_id}", "exhibit", exhibit.id)
    return exhibit


COUNTS = ("files_read", "bytes_read", "files_found", "bytes_found", "records_read", "lines_skipped")


def _true_counts(exhibit: Exhibit) -> dict[str, int]:
    """What the rows themselves say: after a stop, or a correction, progress goes on from the truth."""
    read = ~Q(state=FileState.WAITING)
    files = ExhibitFile.objects.filter(exhibit=exhibit).aggregate(
        files_found=Count("id"),
        bytes_found=Sum("size", default=0),
        files_read=Count("id", filter=read),
        bytes_read=Sum("size", filter=read, default=0),
    )
    return {
        **files,
        "records_read": KeptRecord.objects.filter(exhibit=exhibit, retired_at=None).count(),
        "lines_skipped": ReportLine.objects.filter(exhibit=exhibit, retired_at=None)
        .exclude(code__startswith="note:")
        .count(),
    }


class _Reading:
    """One run over one exhibit."""

    def __init__(self, actor: Actor, exhibit: Exhibit) -> None:
        self.actor = actor
        self.exhibit = exhibit
        self.under = Under(exhibit.holding_id, exhibit.agency_id, exhibit.case_id, exhibit.id)
        self.waiting: deque[_Todo] = deque()
        self.retry: deque[_Todo] = deque()
        self.under_way: dict[str, _Kept] = {}
        self.told_at = 0.0
        self.listed_again: set[UUID] = set()

    def waiting_files(self) -> list[_Todo]:
        """The files that wait. A member whose bytes are kept is opened there; for one whose are not, the containers that
        it lies in are listed again."""
        files = list(
            ExhibitFile.objects.filter(exhibit=self.exhibit, state=FileState.WAITING)
            .select_related("blob")
            .order_by("id")
        )
        todo = [self._kept(file) for file in files if file.blob_id is not None]
        parents = {file.parent_id for file in files if file.blob_id is None and file.parent_id is not None}
        tops: dict[UUID, ExhibitFile] = {}
        while parents:
            containers = list(ExhibitFile.objects.filter(id__in=parents).select_related("blob"))
            self.listed_again |= {one.id for one in containers if one.state != FileState.WAITING}
            tops |= {one.id: one for one in containers if one.blob_id is not None}
            parents = {one.parent_id for one in containers if one.blob_id is None and one.parent_id is not None}
        todo.extend(self._kept(file, relist=True) for file in tops.values() if file.state != FileState.WAITING)
        return todo

    def _kept(self, file: ExhibitFile, *, relist: bool = False) -> _Todo:
        if file.blob is None:
            raise RuntimeError(f"{self.exhibit.reference}: {file.name} has no blob.")
        options = {"country": self.exhibit.agency.country, **self.exhibit.options, **file.options}
        source = Source(
            Locator(tuple(file.path)), file.size, piece_opening(file.blob, file.blob_offset, file.size), options
        )
        depth = max(0, len(file.path) - 1)
        return _Todo(source, file.id, file.reading, depth, Budget(file.size, Limits()), keep=False, relist=relist)

    def run(self, todo: Sequence[_Todo]) -> None:
        """Until nothing waits: batches go out, findings come in, whole batches are kept."""
        self.waiting.extend(todo)
        with Pool(PROCESSES, Limits()) as pool:
            while self.waiting or self.retry or pool.busy:
                while (self.waiting or self.retry) and pool.has_room:
                    kept = self._next_batch()
                    refused = pool.send(examine, kept.batch)
                    if refused is not None:
                        self._failed(kept, refused.failure)
                if not pool.busy:
                    continue
                for outcome in pool.receive():
                    kept = self.under_way[outcome.task.pack_id]
                    if outcome.result is not None:
                        self._take(kept, outcome.result)
                    if outcome.failure is not None:
                        self._failed(kept, outcome.failure)
                    elif outcome.done:
                        self._keep(kept)
            self._tell(last=True)

    def _next_batch(self) -> _Kept:
        if self.retry:
            todo: tuple[_Todo, ...] = (self.retry.popleft(),)
        else:
            chosen, size = [self.waiting.popleft()], 0
            size = max(chosen[0].source.size, 0)
            while self.waiting and len(chosen) < FILES_AT_ONCE:
                size += max(self.waiting[0].source.size, 0)
                if size > BYTES_AT_ONCE:
                    break
                chosen.append(self.waiting.popleft())
            todo = tuple(chosen)
        pack_id = new_blob_id()
        batch = Batch(
            tuple(entry.source for entry in todo),
            tuple(entry.keep for entry in todo),
            str(store().staged_path(pack_id)),
            pack_id,
        )
        kept = _Kept(todo, batch)
        self.under_way[pack_id] = kept
        return kept

    def _take(self, kept: _Kept, finding: Finding) -> None:
        if isinstance(finding, RecordsRead):
            kept.records.extend((finding.number, record) for record in finding.records)
            if len(kept.records) >= 20_000:
                with acting_as(self.actor.officer_id):
                    self._keep_records(kept)
        elif isinstance(finding, LinesRead):
            kept.skipped.extend((finding.number, line) for line in finding.skipped)
            kept.noted.extend((finding.number, line) for line in finding.noted)
            kept.members.extend((finding.number, member) for member in finding.members)
        elif isinstance(finding, Examined):
            kept.examined[finding.number] = finding
        else:
            kept.packed = finding

    def _failed(self, kept: _Kept, failure: Failure | None) -> None:
        """A batch whose process ended: each file alone again, so that the one at fault costs its own line only."""
        self.under_way.pop(kept.batch.pack_id, None)
        _remove(kept.batch.pack_path)
        if len(kept.todo) > 1:
            self.retry.extend(kept.todo)
            return
        todo = kept.todo[0]
        where = todo.source.locator
        why = failure or Failure("failed", "The reading process ended.")
        line = Skipped(
            where, why.code, f"{where}: {why.sentence} Nothing else was touched; open it by hand if it matters."
        )
        with acting_as(self.actor.officer_id):
            self._keep_records(kept)
            self._keep_lines([(todo, line)])
            if todo.relist:
                self._give_up_members(todo, line)
            else:
                ExhibitFile.objects.filter(pk=todo.file_id).update(
                    state=FileState.SKIPPED, note=_clean(line.sentence), lines_skipped=1, read_at=timezone.now()
                )
                self._count(files=1, size=max(todo.source.size, 0), skipped=1)

    def _give_up_members(self, todo: _Todo, line: Skipped) -> None:
        """A container that was read before cannot be listed any more: what still waits in it is told as not read."""
        ExhibitFile.objects.filter(parent_id=todo.file_id, state=FileState.WAITING).update(
            state=FileState.SKIPPED, note=_clean(line.sentence), lines_skipped=1, read_at=timezone.now()
        )

    def _keep(self, kept: _Kept) -> None:
        self.under_way.pop(kept.batch.pack_id, None)
        with acting_as(self.actor.officer_id):
            self._keep_records(kept)
            blob = self._keep_pack(kept)
            self._keep_files(kept, blob)
            self._keep_lines([(kept.todo[number], line) for number, line in kept.skipped])
            self._keep_lines([(kept.todo[number], line) for number, line in kept.noted])
            found, refused = self._keep_members(kept)
            fresh = [entry for entry in kept.todo if not entry.relist]
            self._count(
                files=len(fresh),
                size=sum(max(entry.source.size, 0) for entry in fresh),
                skipped=len(kept.skipped) + refused,
                found=found,
            )
            outbox.post("records.read", exhibit_id=str(self.exhibit.id), officer_id=str(self.actor.officer_id))
        self._tell()

    def _keep_records(self, kept: _Kept) -> None:
        read = [(kept.todo[number].file_id, kept.todo[number].reading, record) for number, record in kept.records]
        new = keep_read(self.under, read, timezone.now())
        kept.records.clear()
        if new:
            Exhibit.objects.filter(pk=self.exhibit.pk).update(records_read=F("records_read") + new)

    def _keep_pack(self, kept: _Kept) -> Blob | None:
        packed = kept.packed
        if packed is None or packed.size == 0:
            _remove(kept.batch.pack_path)
            return None
        store().adopt(Path(kept.batch.pack_path), kept.batch.pack_id)
        return Blob.objects.create(
            id=new_id(),
            holding_id=self.under.holding_id,
            agency_id=self.under.agency_id,
            path=kept.batch.pack_id,
            wrapped_key=keys(self.under.agency_id).wrap(packed.key),
            size=packed.size,
            sha256=packed.sha256,
            created_at=timezone.now(),
        )

    def _keep_files(self, kept: _Kept, blob: Blob | None) -> None:
        """One statement for all files of the batch."""
        rows: list[tuple[Any, ...]] = []
        for number, seen in sorted(kept.examined.items()):
            todo = kept.todo[number]
            if todo.relist:
                continue
            read = seen.records or seen.members or not seen.skipped
            rows.append(
                (
                    todo.file_id, FileState.READ if read else FileState.SKIPPED, seen.format, seen.media_type[:100],
                    seen.md5, seen.sha1, seen.sha256, seen.size, seen.records, seen.skipped, _clean(seen.trouble)[:2000],
                    blob.id if blob and seen.kept else None, seen.kept.offset if blob and seen.kept else None,
                    blob.id if blob and seen.thumbnail else None, _signals(seen),
                )
            )  # fmt: skip
        if not rows:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                "update evidence_exhibitfile f set state = u.state, format = u.format, media_type = u.media_type, md5 = u.md5,"
                " sha1 = u.sha1, sha256 = u.sha256, size = u.size, records_read = u.records, lines_skipped = u.skipped,"
                " note = u.note, read_at = %s, blob_id = coalesce(u.blob, f.blob_id),"
                " blob_offset = coalesce(u.place, f.blob_offset), pack_id = coalesce(u.pack, f.pack_id), signals = u.signals"
                " from unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[],"
                " %s::int[], %s::int[], %s::text[], %s::uuid[], %s::bigint[], %s::uuid[], %s::jsonb[])"
                " as u(id, state, format, media_type, md5, sha1, sha256, size, records, skipped, note, blob, place, pack, signals)"
                " where f.id = u.id",
                [timezone.now(), *(list(column) for column in zip(*rows, strict=True))],
            )

    def _keep_lines(self, lines: Sequence[tuple[_Todo, Skipped | Noted]]) -> None:
        ReportLine.objects.bulk_create(
            [
                ReportLine(
                    holding_id=self.under.holding_id,
                    agency_id=self.under.agency_id,
                    exhibit_id=self.exhibit.id,
                    file_id=todo.file_id,
                    reading=todo.reading,
                    path=_clean(" › ".join(line.locator.path)),
                    place=_clean(line.locator.place),
                    code=("note:" if isinstance(line, Noted) else "") + line.code[:34],
                    sentence=_clean(line.sentence),
                    key=sha256(
                        repr((todo.file_id, todo.reading, line.locator, line.code, line.sentence)).encode(
                            "utf-8", "replace"
                        )
                    ).hexdigest()[:32],
                )
                for todo, line in lines
            ],
            ignore_conflicts=True,
            batch_size=1000,
        )

    def _keep_members(self, kept: _Kept) -> tuple[int, int]:
        """Rows for the members found, and their turn in the queue; how many are new, how many were refused."""
        entries: list[tuple[_Todo, Source, int]] = []
        refused: list[tuple[_Todo, Skipped | Noted]] = []
        for number, member in kept.members:
            todo = kept.todo[number]
            refusal = refuse_member(member, Limits(), todo.depth + 1, todo.budget)
            if refusal is not None:
                refused.append((todo, refusal))
                continue
            entries.append((todo, member.source, todo.depth + 1))
        self._keep_lines(refused)
        if not entries:
            return 0, len(refused)
        rows = [
            ExhibitFile(
                id=stable_id(self.exhibit.id, *source.locator.path),
                holding_id=self.under.holding_id,
                agency_id=self.under.agency_id,
                exhibit_id=self.exhibit.id,
                parent_id=todo.file_id,
                path=[_clean(part) for part in source.locator.path],
                name=_clean(source.name),
                size=max(source.size, 0),
            )
            for todo, source, _ in entries
        ]
        known = {
            row["id"]: row
            for chunk in _chunks([row.id for row in rows], 5_000)
            for row in ExhibitFile.objects.filter(id__in=chunk).values("id", "state", "reading", "options", "blob_id")
        }
        ExhibitFile.objects.bulk_create(
            [row for row in rows if row.id not in known], ignore_conflicts=True, batch_size=1000
        )
        for (todo, source, depth), row in zip(entries, rows, strict=True):
            before = known.get(row.id)
            relist = row.id in self.listed_again
            if before is not None and before["state"] != FileState.WAITING and not relist:
                continue
            if before is not None and before["blob_id"] is not None:
                continue  # it waits with its own bytes, and is in the queue already
            if before is not None and before["options"]:
                # A new mapping: members of one listing share theirs.
                source = replace(source, options={**source.options, **before["options"]})
            reading = before["reading"] if before is not None else 0
            self.waiting.append(_Todo(source, row.id, reading, depth, todo.budget, keep=not relist, relist=relist))
        found = [row for row in rows if row.id not in known]
        Exhibit.objects.filter(pk=self.exhibit.pk).update(bytes_found=F("bytes_found") + sum(row.size for row in found))
        return sum(row.id not in known for row in rows), len(refused)

    def _count(self, *, files: int, size: int, skipped: int, found: int = 0) -> None:
        Exhibit.objects.filter(pk=self.exhibit.pk).update(
            files_read=F("files_read") + files,
            bytes_read=F("bytes_read") + size,
            lines_skipped=F("lines_skipped") + skipped,
            files_found=F("files_found") + found,
        )

    def _tell(self, *, last: bool = False) -> None:
        """At most twice a second: how far it is."""
        now = time.monotonic()
        if last or now - self.told_at >= 0.5:
            self.told_at = now
            with transaction.atomic():
                tell(f"case:{self.exhibit.case_id}", "exhibit", self.exhibit.id)


def _end(actor: Actor, exhibit: Exhibit) -> None:
    """The reading has ended: attachments are joined, counts made true, the rest of the way begins."""
    _join_attachments(exhibit)
    counts = _true_counts(exhibit)
    Exhibit.objects.filter(pk=exhibit.pk).update(state=ExhibitState.READ, read_at=timezone.now(), **counts)
    log.record(
        "exhibit.read",
        actor,
        holding=(exhibit.holding_id, exhibit.agency_id),
        subject=f"exhibit:{exhibit.case.reference}/{exhibit.reference}",
        details=counts,
    )
    outbox.post("exhibit.read", exhibit_id=str(exhibit.id), officer_id=str(actor.officer_id))
    tell(f"case:{exhibit.case_id}", "exhibit", exhibit.id)


def _join_attachments(exhibit: Exhibit) -> None:
    """A message's attachment, found by its name in the same container or folder, becomes a claim with the file's SHA-256.

    Where the name stands more than once, only a file beside the chat counts; an ambiguous name joins nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            with named as (
              select c.record_id, c.raw, r.file_id, f.path, f.parent_id,
                     lower(regexp_replace(c.raw, '^.*[/\\\\]', '')) as wanted
              from evidence_claim c join evidence_record r on r.id = c.record_id join evidence_exhibitfile f on f.id = r.file_id
              where r.exhibit_id = %s and c.property = 'attachment' and r.retired_at is null
            ), candidates as (
              select n.record_id, n.raw, m.sha256,
                     count(*) over (partition by n.record_id, n.wanted) as choices,
                     bool_or(m.parent_id is not distinct from n.parent_id) over (partition by n.record_id, n.wanted) as beside,
                     m.parent_id is not distinct from n.parent_id as is_beside
              from named n join evidence_exhibitfile m on m.exhibit_id = %s and lower(m.name) = n.wanted
              where m.sha256 <> '' and m.size > 0
            ), chosen as (
              select record_id, raw, min(sha256) as sha256 from candidates
              where is_beside or not beside group by record_id, raw having count(distinct sha256) = 1
            )
            select record_id, raw, sha256 from chosen
            """,
            [exhibit.id, exhibit.id],
        )
        rows = cursor.fetchall()
        if not rows:
            return
        identities = [stable_id(record, "attached", raw, digest) for record, raw, digest in rows]
        cursor.execute(
            "insert into evidence_claim (id, holding_id, agency_id, case_id, record_id, property, kind, raw, normal, role, note,"
            " generic) select u.id, %s, %s, %s, u.record_id, 'attached_file', 'sha256', u.raw, u.sha256, 'own',"
            " 'found by its name in the same exhibit', false from unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[])"
            " as u(id, record_id, raw, sha256) on conflict do nothing",
            [
                exhibit.holding_id, exhibit.agency_id, exhibit.case_id, identities,
                [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows],
            ],
        )  # fmt: skip


def _signals(seen: Examined) -> str | None:
    """What the media room makes its row of, or what a table's columns were taken for, as JSON; else None."""
    if seen.columns:
        guesses = [
            [
                one.index,
                _clean(one.header),
                one.property or "",
                round(one.confidence, 2),
                one.why,
                [_clean(cell) for cell in one.samples],
            ]
            for one in seen.columns
        ]
        return json.dumps({"columns": guesses})
    if not seen.is_media:
        return None
    return json.dumps(
        {
            "width": seen.width,
            "height": seen.height,
            "duration": seen.duration,
            "pdq": seen.pdq.hex() if seen.pdq else None,
            "quality": seen.quality,
            "turned": seen.turned.hex() if seen.turned else None,
            "frames": [
                [
                    frame.second,
                    frame.pdq.hex(),
                    frame.quality,
                    frame.inner.hex() if frame.inner else None,
                    frame.inner_quality,
                    frame.strip_place,
                ]
                for frame in seen.frames
            ],
            "thumbnail": [seen.thumbnail.offset, seen.thumbnail.size] if seen.thumbnail else None,
            "strip": [seen.strip.offset, seen.strip.size] if seen.strip else None,
            "trouble": _clean(seen.trouble),
        }
    )


def _clean(text: str) -> str:
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _chunks(items: list[Any], size: int) -> Iterator[list[Any]]:
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
