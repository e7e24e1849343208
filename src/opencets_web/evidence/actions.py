"""Receiving evidence: begin an exhibit, take its files, complete it; read again with corrections; cancel."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from opencets.errors import ActRefused, Interrupted, NotFound
from opencets.packing.blobs import BlobStore, Stored
from opencets.parsing.source import shown
from opencets_web.accounts.ids import new_id
from opencets_web.audit import log, outbox
from opencets_web.cases.models import Case, CaseState
from opencets_web.casework.actions import write_comment
from opencets_web.evidence.models import (
    Blob,
    CustodyEntry,
    Exhibit,
    ExhibitFile,
    ExhibitState,
    FileState,
    Record,
    Upload,
)
from opencets_web.evidence.vault import store
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.ui.notify import tell


@transaction.atomic
def begin_exhibit(
    actor: Actor,
    reference: str,
    *,
    title: str,
    files_expected: int = 0,
    bytes_expected: int = 0,
    source: str = "browser",
) -> UUID:
    """Open an exhibit of a case for receiving; its id. ActRefused: the case is closed."""
    case = door.admit(actor, Case.objects.select_for_update(of=("self",)), "contribute", reference=reference)
    if case.state != CaseState.OPEN:
        raise ActRefused(f"{reference} is closed; open it again before an exhibit is added.")
    title = shown(title)[:200]
    number = Exhibit.objects.filter(case=case).count() + 1
    now = timezone.now()
    exhibit = Exhibit.objects.create(
        holding_id=case.holding_id,
        agency_id=case.agency_id,
        case=case,
        reference=f"EX-{number:04d}",
        title=title or "Untitled",
        received_by_id=actor.officer_id,
        begun_at=now,
        files_expected=files_expected,
        bytes_expected=bytes_expected,
    )
    _custody(actor, exhibit, "begun", f"{actor.display_name} began to receive it ({source}).")
    log.record("exhibit.begun", actor, holding=_holding(exhibit), subject=_subject(exhibit), details={"title": title})
    return exhibit.id


@dataclass(frozen=True, slots=True)
class Begun:
    """An upload's place in the store."""

    upload_id: UUID
    blob_path: str
    wrapped_key: bytes
    length: int
    finished: bool


@transaction.atomic
def begin_upload(actor: Actor, exhibit_id: UUID, *, path: str, length: int, blob_path: str, wrapped_key: bytes) -> UUID:
    """Note that a file is on its way in. ActRefused: the exhibit is complete already."""
    exhibit = door.admit(actor, Exhibit.objects.all(), "contribute", pk=exhibit_id)
    if exhibit.state != ExhibitState.RECEIVING:
        raise ActRefused(f"{exhibit.reference} is complete; begin a new exhibit for further files.")
    upload = Upload.objects.create(
        holding_id=exhibit.holding_id,
        agency_id=exhibit.agency_id,
        exhibit=exhibit,
        officer_id=actor.officer_id,
        path=path,
        length=length,
        wrapped_key=wrapped_key,
        blob_path=blob_path,
        begun_at=timezone.now(),
    )
    return upload.id


def get_upload(actor: Actor, upload_id: UUID) -> Begun:
    """The actor's own upload; NotFound for any other."""
    with transaction.atomic():
        upload = door.admit(actor, Upload.objects.filter(officer_id=actor.officer_id), "contribute", pk=upload_id)
    return Begun(upload.id, upload.blob_path, bytes(upload.wrapped_key), upload.length, upload.finished_at is not None)


@transaction.atomic
def finish_upload(actor: Actor, upload_id: UUID, *, sha256: str, size: int) -> None:
    """Take a file that is wholly there into the exhibit; again: nothing."""
    upload = door.admit(
        actor,
        Upload.objects.select_related("exhibit__case").select_for_update(of=("self",)),
        "contribute",
        pk=upload_id,
    )
    if upload.finished_at is not None:
        return
    now = timezone.now()
    upload.finished_at, upload.offset = now, size
    upload.save(update_fields=["finished_at", "offset"])
    stored = Stored(upload.blob_path, bytes(upload.wrapped_key), size, sha256)
    exhibit = Exhibit.objects.select_related("case").select_for_update(of=("self",)).get(pk=upload.exhibit_id)
    add_file(actor, exhibit, upload.path, stored)
    if exhibit.state not in (ExhibitState.RECEIVING, ExhibitState.CANCELLED):
        _read_late_file(actor, exhibit, upload.path)


def _read_late_file(actor: Actor, exhibit: Exhibit, path: str) -> None:
    """A file whose last bytes came after the exhibit went to the readers is read too: what was acknowledged is not left."""
    if exhibit.state != ExhibitState.READING:
        exhibit.state = ExhibitState.RECEIVED
        exhibit.save(update_fields=["state"])
    _custody(
        actor, exhibit, "received", f"{shown(path)} arrived after the exhibit went to the readers; it is read as well."
    )
    outbox.post("exhibit.received", exhibit_id=str(exhibit.id), officer_id=str(actor.officer_id))


def add_file(actor: Actor, exhibit: Exhibit, path: str, stored: Stored) -> None:
    """Put a stored file into an exhibit under its path; the same path twice is kept under a numbered one."""
    add_files(actor, exhibit, [(path, stored)])


def add_files(actor: Actor, exhibit: Exhibit, arrived: Sequence[tuple[str, Stored]]) -> None:
    """Put stored files into an exhibit, each under its path (or a numbered one, where that is taken), each with a log line."""
    now = timezone.now()
    wanted = [shown(path) or "unnamed" for path, _ in arrived]
    there = ExhibitFile.objects.filter(exhibit=exhibit, path__in=[[name] for name in wanted])
    taken = {path[0] for path in there.values_list("path", flat=True)}
    blobs, files = [], []
    for name, (_, stored) in zip(wanted, arrived, strict=True):
        path, number = name, 1
        while path in taken or (number > 1 and ExhibitFile.objects.filter(exhibit=exhibit, path=[path]).exists()):
            number += 1
            path = f"{name} ({number})"
        taken.add(path)
        blob = Blob(
            id=new_id(),
            holding_id=exhibit.holding_id,
            agency_id=exhibit.agency_id,
            path=stored.blob_id,
            wrapped_key=stored.wrapped_key,
            size=stored.size,
            sha256=stored.sha256,
            created_at=now,
        )
        blobs.append(blob)
        files.append(
            ExhibitFile(
                holding_id=exhibit.holding_id,
                agency_id=exhibit.agency_id,
                exhibit=exhibit,
                path=[path],
                name=path.replace("\\", "/").rsplit("/", 1)[-1],
                size=stored.size,
                blob=blob,
                sha256=stored.sha256,
            )
        )
    Blob.objects.bulk_create(blobs)
    ExhibitFile.objects.bulk_create(files)
    Exhibit.objects.filter(pk=exhibit.pk).update(
        files_received=F("files_received") + len(files),
        bytes_received=F("bytes_received") + sum(file.size for file in files),
    )
    for file in files:
        log.record(
            "file.received",
            actor,
            holding=_holding(exhibit),
            subject=_subject(exhibit),
            details={"path": file.path[0], "sha256": file.sha256, "size": file.size},
        )
    tell(f"case:{exhibit.case_id}", "exhibit", exhibit.id)


@transaction.atomic
def complete_exhibit(actor: Actor, exhibit_id: UUID) -> None:
    """All files are there: hand the exhibit to the readers. ActRefused where nothing was received.

    Again, by whoever may contribute: reading and connecting go on in their name where they stopped, as after the account
    or the grant of the first has ended; what was read is not read again.
    """
    exhibit = door.admit(
        actor, Exhibit.objects.select_related("case").select_for_update(of=("self",)), "contribute", pk=exhibit_id
    )
    if exhibit.state != ExhibitState.RECEIVING:
        _go_on(actor, exhibit)
        return
    if not exhibit.files_received:
        raise ActRefused(f"{exhibit.reference}: no file was received; drop the files again.")
    now = timezone.now()
    exhibit.state, exhibit.received_at = ExhibitState.RECEIVED, now
    exhibit.files_found, exhibit.bytes_found = exhibit.files_received, exhibit.bytes_received
    exhibit.save(update_fields=["state", "received_at", "files_found", "bytes_found"])
    missing = exhibit.files_expected - exhibit.files_received
    told = f"{exhibit.files_received} files, {exhibit.bytes_received} bytes, each with its SHA-256."
    if missing > 0:
        told += f" {missing} of {exhibit.files_expected} announced files did not arrive."
    _custody(actor, exhibit, "received", told)
    log.record(
        "exhibit.received",
        actor,
        holding=_holding(exhibit),
        subject=_subject(exhibit),
        details={"files": exhibit.files_received, "bytes": exhibit.bytes_received, "missing": max(missing, 0)},
    )
    outbox.post("exhibit.received", exhibit_id=str(exhibit.id), officer_id=str(actor.officer_id))
    tell(f"case:{exhibit.case_id}", "exhibit", exhibit.id)


def _go_on(actor: Actor, exhibit: Exhibit) -> None:
    """Post what still has to follow; the pipeline's locks make a second turn of the same work harmless."""
    waits = ExhibitFile.objects.filter(exhibit=exhibit, state=FileState.WAITING).exists()
    if exhibit.state in (ExhibitState.RECEIVED, ExhibitState.READING) or (exhibit.state == ExhibitState.READ and waits):
        event = "exhibit.received"
    elif exhibit.state == ExhibitState.READ and exhibit.linked_at is None:
        event = "exhibit.read"
    else:
        return
    log.record(event, actor, holding=_holding(exhibit), subject=_subject(exhibit), details={"again": True})
    outbox.post(event, exhibit_id=str(exhibit.id), officer_id=str(actor.officer_id))


@transaction.atomic
def cancel_exhibit(actor: Actor, exhibit_id: UUID) -> str:
    """Stop receiving an exhibit; what arrived stays in custody and is not read. The case's reference."""
    exhibit = door.admit(actor, Exhibit.objects.select_related("case"), "contribute", pk=exhibit_id)
    if exhibit.state not in (ExhibitState.RECEIVING, ExhibitState.RECEIVED):
        raise ActRefused(f"{exhibit.reference} is being read or was read; it stays in the case.")
    exhibit.state = ExhibitState.CANCELLED
    exhibit.save(update_fields=["state"])
    _custody(actor, exhibit, "cancelled", f"{actor.display_name} stopped receiving it; what arrived stays in custody.")
    log.record("exhibit.cancelled", actor, holding=_holding(exhibit), subject=_subject(exhibit))
    return exhibit.case.reference


@transaction.atomic
def resume_exhibit(actor: Actor, exhibit_id: UUID) -> str:
    """Go on with a cancelled exhibit: it receives again. The case's reference."""
    exhibit = door.admit(actor, Exhibit.objects.select_related("case"), "contribute", pk=exhibit_id)
    if exhibit.state != ExhibitState.CANCELLED:
        raise ActRefused(f"{exhibit.reference} was not cancelled.")
    exhibit.state = ExhibitState.RECEIVING
    exhibit.save(update_fields=["state"])
    _custody(actor, exhibit, "resumed", f"{actor.display_name} went on receiving it.")
    log.record("exhibit.begun", actor, holding=_holding(exhibit), subject=_subject(exhibit), details={"resumed": True})
    return exhibit.case.reference


@transaction.atomic
def correct_file(actor: Actor, file_id: UUID, options: dict[str, Any]) -> UUID:
    """Read one file again with what a person corrected (columns, country, zone, order of dates); the exhibit's id.

    The records read before are retired, not deleted; the claims they made stay traceable.
    """
    file = door.admit(actor, ExhibitFile.objects.select_related("exhibit__case"), "contribute", pk=file_id)
    exhibit = Exhibit.objects.select_for_update().get(pk=file.exhibit_id)
    if exhibit.state == ExhibitState.READING:
        raise ActRefused(f"{exhibit.reference} is being read; correct it when the reading has ended.")
    now = timezone.now()
    retired = Record.objects.filter(file=file, retired_at=None)
    log.record(
        "exhibit.columns-corrected",
        actor,
        holding=_holding(exhibit),
        subject=_subject(exhibit),
        details={"file": file.id, "options": options, "retired": retired.count()},
    )
    outbox.post("exhibit.received", exhibit_id=str(exhibit.id), officer_id=str(actor.officer_id))
    file.options, file.state, file.read_at = options, FileState.WAITING, None
    file.reading += 1
    file.save(update_fields=["options", "state", "read_at", "reading"])
    exhibit.state, exhibit.received_at = ExhibitState.RECEIVED, exhibit.received_at or now
    exhibit.save(update_fields=["state", "received_at"])
    return exhibit.id


def receive_path(
    actor: Actor,
    reference: str,
    path: Path,
    *,
    title: str = "",
    options: dict[str, Any] | None = None,
    progress: Any = None,
) -> tuple[UUID, tuple[str, ...]]:
    """Receive a file or folder of this machine into a case, streamed and encrypted; the exhibit's id and what was left out.

    ``options``: what a person says of all its files (``format``). ``progress(files, bytes)`` is told after each file.
    Some dozen files are one transaction, so a stopped command loses nothing that was told. Links, files that are no
    ordinary files and those that cannot be opened are left out and named.
    """
    from opencets_web.policy.acting import acting_as

    found, left_out = _files_below(path)
    if not found:
        why = left_out[0] if left_out else "it is empty."
        raise ActRefused(f"{shown(str(path))} holds no file that can be received: {why} No exhibit was begun.")
    with acting_as(actor.officer_id):
        exhibit_id = begin_exhibit(
            actor,
            reference,
            title=title or path.name,
            files_expected=len(found),
            bytes_expected=sum(size for _, _, size in found),
            source="command",
        )
        if options:
            Exhibit.objects.filter(pk=exhibit_id).update(options=options)
        into = store(Exhibit.objects.values_list("agency_id", flat=True).get(pk=exhibit_id))
    unreadable: list[str] = []
    for group in _stored_in_groups(found, into):
        arrived = [(name, stored) for name, stored in group if isinstance(stored, Stored)]
        unreadable.extend(f"{name}: {why}; not received." for name, why in group if isinstance(why, str))
        if arrived:
            with acting_as(actor.officer_id):
                exhibit = door.admit(actor, Exhibit.objects.select_related("case"), "contribute", pk=exhibit_id)
                add_files(actor, exhibit, arrived)
        if progress is not None:
            for _, stored in arrived:
                progress(1, stored.size)
    with acting_as(actor.officer_id):
        complete_exhibit(actor, exhibit_id)
    return exhibit_id, (*left_out, *unreadable)


FILES_TOGETHER = 64
BYTES_TOGETHER = 64 * 1024 * 1024
WRITERS = 4
"""Threads that encrypt and wait for the disk; the digests and the cipher run outside of Python's lock."""


def _stored_in_groups(
    found: Sequence[tuple[Path, str, int]], into: BlobStore
) -> Iterator[list[tuple[str, Stored | str]]]:
    """The files in their order, stored some at once, a group for each transaction; a sentence where one cannot be read."""
    groups: list[list[tuple[Path, str]]] = [[]]
    held = 0
    for place, name, size in found:
        if groups[-1] and (len(groups[-1]) >= FILES_TOGETHER or held + size > BYTES_TOGETHER):
            groups.append([])
            held = 0
        groups[-1].append((place, name))
        held += size
    with ThreadPoolExecutor(WRITERS) as writers:
        # The next group is written while the rows of this one are.
        ahead = [writers.submit(_store, place, into) for place, _ in groups[0]]
        for number, group in enumerate(groups):
            under_way, ahead = ahead, []
            if number + 1 < len(groups):
                ahead = [writers.submit(_store, place, into) for place, _ in groups[number + 1]]
            yield [(name, stored.result()) for (_, name), stored in zip(group, under_way, strict=True)]


def _store(place: Path, into: BlobStore) -> Stored | str:
    try:
        stream = place.open("rb")
    except OSError as error:
        return f"it cannot be opened ({error.strerror})"
    try:
        with stream:
            return into.put(stream)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise Interrupted(
                f"{shown(str(place))} could not be kept: the disk takes no more ({error.strerror}). What was received before "
                "stays in the exhibit; make room and bring the rest as a new one."
            ) from error
        return f"it cannot be read to its end ({error.strerror})"


def _files_below(path: Path) -> tuple[list[tuple[Path, str, int]], tuple[str, ...]]:
    if path.is_file():
        return [(path, path.name, path.stat().st_size)], ()
    if not path.is_dir():
        raise NotFound(f"{path} is neither a file nor a folder on this machine.")
    found, left_out = [], []
    for place in _walk(path):
        name = place.relative_to(path).as_posix()
        if place.is_symlink() or not place.is_file():
            left_out.append(f"{name}: a link or no ordinary file; not received.")
            continue
        found.append((place, name, place.stat().st_size))
    return found, tuple(left_out)


def _walk(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            yield from _walk(entry)
        else:
            yield entry


def _custody(actor: Actor, exhibit: Exhibit, act: str, sentence: str) -> None:
    CustodyEntry.objects.create(
        holding_id=exhibit.holding_id,
        agency_id=exhibit.agency_id,
        exhibit=exhibit,
        at=timezone.now(),
        officer_id=actor.officer_id,
        act=act,
        sentence=sentence,
    )


def _holding(exhibit: Exhibit) -> tuple[UUID, UUID]:
    return exhibit.holding_id, exhibit.agency_id


def _subject(exhibit: Exhibit) -> str:
    return f"exhibit:{exhibit.case.reference}/{exhibit.reference}"


def comment_on_exhibit(actor: Actor, exhibit_id: UUID, text: str, *, also: str = "") -> UUID:
    """Write a comment on an exhibit; its id. It stands among the comments of the case too, and refuses as they do."""
    exhibit = door.admit(actor, Exhibit.objects.select_related("case"), "contribute", pk=exhibit_id)
    page = f"/exhibits/{exhibit.id}/"
    return write_comment(actor, exhibit.case.reference, text, also=also, about=exhibit.id, page=page)
