"""Writing sightings: files handed in and loaded, sight of jurisdictions, known files that may be asked about."""

from __future__ import annotations

import hashlib
import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from opencets.errors import ActRefused, NotFound, OpenCETSError
from opencets.packing.blobs import Stored
from opencets.sighting.reading import read_batches
from opencets_web.accounts.models import Agency, Role
from opencets_web.audit import log, outbox
from opencets_web.evidence.vault import store
from opencets_web.policy.acting import acting_as
from opencets_web.policy.actor import Actor
from opencets_web.sightings import ledger as kept
from opencets_web.sightings.handed_in import MOST_ENTRIES, read_list
from opencets_web.sightings.loading import clear_copy, load_batches
from opencets_web.sightings.models import FileSet, FileState, SetFile, Sight, SightingFile
from opencets_web.sightings.sight import open_to
from opencets_web.ui.notify import tell

HANDING_IN = frozenset({Role.INVESTIGATOR, Role.ANALYST, Role.SUPERVISOR})
LARGEST_CHUNK = 8 << 20
LARGEST_FILE = 1 << 36
LONGEST_DAYS = 730
_ENDINGS = (
    ".parquet", ".arrow", ".arrows", ".csv", ".csv.gz", ".tsv", ".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz", ".jsonl.zst",
    ".json",
)  # fmt: skip


def may_hand_in(actor: Actor) -> bool:
    """Whether the actor hands in files of sightings and lists of known files."""
    return bool(HANDING_IN & actor.roles)


def _refuse_others(actor: Actor) -> None:
    if not actor.reads_cases:
        raise NotFound
    if not may_hand_in(actor):
        raise ActRefused("Sightings and known files are handed in by investigators, analysts and supervisors.")


# --- Files of sightings ----------------------------------------------------------------------------------------------


def receive_file(actor: Actor, given: BinaryIO, *, name: str, sensor: str, authority: str, zone: str = "") -> UUID:
    """Take a whole file of sightings in, encrypted; a job loads it. Its id. ActRefused as ``begin_file``."""
    stated = _stated(actor, name=name, sensor=sensor, authority=authority, zone=zone)
    stored = store(actor.agency_id).put(given)
    try:
        with acting_as(actor.officer_id):
            row = SightingFile.objects.create(**stated)
            _arrived(actor, row, stored)
    except BaseException:
        store().delete(stored.blob_id)
        raise
    return row.id


@transaction.atomic
def begin_file(actor: Actor, *, name: str, sensor: str, authority: str, zone: str = "", size: int = 0) -> UUID:
    """Begin a file of sightings that arrives in chunks; its id.

    ActRefused: not the actor's role, an ending that cannot be read, no sensor or authority named, a zone that is none, too large.
    """
    if not 0 <= size <= LARGEST_FILE:
        raise ActRefused("A file of sightings is 64 GiB at most; split it by day.")
    row = SightingFile.objects.create(
        **_stated(actor, name=name, sensor=sensor, authority=authority, zone=zone), size=size
    )
    log.record("sightings.begun", actor, subject=f"sighting-file:{row.id}", details={"name": row.name, "size": size})
    return row.id


def _stated(actor: Actor, *, name: str, sensor: str, authority: str, zone: str) -> dict[str, Any]:
    _refuse_others(actor)
    plain = Path(name.replace("\x00", "")).name.strip()[-200:]
    if not plain.lower().endswith(_ENDINGS):
        raise ActRefused(f"{plain or 'The file'} cannot be loaded: its ending is none of {', '.join(_ENDINGS)}.")
    if not (sensor.strip() and authority.strip()):
        raise ActRefused("Say which sensor or tool wrote the file, and by which authority it observed.")
    if zone:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ActRefused(f"“{zone[:40]}” is no time zone; write it as Europe/London.") from None
    return {
        "agency_id": actor.agency_id, "name": plain, "sensor": sensor.strip()[:120], "authority": authority.strip()[:300],
        "zone": zone, "received_by_id": actor.officer_id, "received_at": timezone.now(),
    }  # fmt: skip


def _partial(file_id: UUID) -> Path:
    """Where the chunks of a file are put together."""
    folder = Path(settings.HOME) / "run" / "sightings"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / f"{file_id}.part"


@transaction.atomic
def add_chunk(actor: Actor, file_id: UUID, offset: int, chunk: bytes) -> int:
    """Add a chunk at its offset; how many bytes are here now. A chunk that is here already is passed over.

    ActRefused: it does not begin where the last one ended, or it is too large.
    """
    row = _arriving(actor, file_id)
    if len(chunk) > LARGEST_CHUNK:
        raise ActRefused(f"A chunk is {LARGEST_CHUNK >> 20} MiB at most.")
    if offset + len(chunk) <= row.arrived:
        return row.arrived
    if offset != row.arrived:
        raise ActRefused(f"The next chunk begins at byte {row.arrived}, not at {offset}.")
    if row.arrived + len(chunk) > (row.size or LARGEST_FILE):
        raise ActRefused("That is more than the file was said to have.")
    path = _partial(row.id)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as stream:
        stream.seek(offset)
        stream.write(chunk)
        stream.truncate()
    row.arrived += len(chunk)
    row.save(update_fields=["arrived"])
    return row.arrived


@transaction.atomic
def complete_file(actor: Actor, file_id: UUID, sha256: str = "") -> None:
    """All chunks are here: keep the file encrypted and let a job load it. ActRefused where bytes are missing or differ."""
    row = _arriving(actor, file_id)
    path = _partial(row.id)
    if not row.arrived or (row.size and row.arrived != row.size):
        raise ActRefused(f"{row.name} is not complete: {row.arrived} of {row.size} bytes are here.")
    with path.open("rb") as stream:
        if sha256 and hashlib.file_digest(stream, "sha256").hexdigest() != sha256.lower():
            raise ActRefused(f"{row.name} did not arrive as it was sent: its SHA-256 differs. Send it again.")
        stream.seek(0)
        stored = store(actor.agency_id).put(stream)
    _arrived(actor, row, stored)
    transaction.on_commit(lambda: path.unlink(missing_ok=True))


def _arriving(actor: Actor, file_id: UUID) -> SightingFile:
    row = SightingFile.objects.select_for_update().filter(pk=file_id, agency_id=actor.agency_id).first()
    if row is None or row.received_by_id != actor.officer_id:
        raise NotFound
    if row.state != FileState.ARRIVING:
        raise ActRefused(f"{row.name} has arrived already.")
    return row


def _arrived(actor: Actor, row: SightingFile, stored: Stored) -> None:
    row.state, row.size, row.arrived, row.sha256 = FileState.WAITING, stored.size, stored.size, stored.sha256
    row.blob_path, row.wrapped_key = stored.blob_id, stored.wrapped_key
    row.save(update_fields=["state", "size", "arrived", "sha256", "blob_path", "wrapped_key"])
    log.record(
        "sightings.received", actor, subject=f"sighting-file:{row.id}",
        details={"name": row.name, "sha256": row.sha256, "size": row.size, "sensor": row.sensor, "authority": row.authority},
    )  # fmt: skip
    outbox.post("sightings.received", file_id=str(row.id), officer_id=str(actor.officer_id))


def load_file(actor: Actor, file_id: UUID) -> int:
    """Load a file that waits into the ledger, and count anew; how many rows are new. Runs as a job, and may run twice.

    A batch is in the ledger once, whatever happens: it is named by the file's SHA-256.
    """
    with acting_as(actor.officer_id):
        row = SightingFile.objects.filter(pk=file_id, agency_id=actor.agency_id).first()
        if row is None:
            raise NotFound
        if row.state not in (FileState.WAITING, FileState.LOADING):
            return row.rows
        _save(row, state=FileState.LOADING, rows=0, again=0, refused=0, report=[])
    try:
        with clear_copy(row) as path:
            _load(actor, row, path)
    except OpenCETSError as refusal:
        _ended(actor, row, FileState.REFUSED, refusal.sentence)
        return row.rows
    kept.make_ledger().derive()
    kept.expect_anew(kept.make_ledger())
    _ended(actor, row, FileState.LOADED, "")
    return row.rows


def _load(actor: Actor, row: SightingFile, path: Path) -> None:
    mapping: dict[str, Any] = {"zone": row.zone} if row.zone else {}
    origin: dict[str, Any] = {
        "sensor": row.sensor,
        "run": f"file {row.id}",
        "order": f"{actor.agency_name}: {row.authority}",
    }
    for _ in load_batches(row, read_batches(path, mapping, **origin)):
        with acting_as(actor.officer_id):
            _save(row, rows=row.rows, again=row.again, refused=row.refused, report=row.report)
            tell(f"officer:{row.received_by_id}", "sightings", row.id)


def _save(row: SightingFile, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(row, name, value)
    row.save(update_fields=list(fields))


def _ended(actor: Actor, row: SightingFile, state: FileState, sentence: str) -> None:
    with acting_as(actor.officer_id):
        _save(row, state=state, sentence=sentence, loaded_at=timezone.now())
        log.record(
            "sightings.loaded" if state == FileState.LOADED else "sightings.refused", actor,
            subject=f"sighting-file:{row.id}",
            details={"rows": row.rows, "again": row.again, "refused": row.refused, "sentence": sentence},
        )  # fmt: skip
        tell(f"officer:{row.received_by_id}", "sightings", row.id)


# --- Jurisdictions ---------------------------------------------------------------------------------------------------


@transaction.atomic
def grant_sight(actor: Actor, code: str, to_agency: UUID, purpose: str, days: int) -> UUID:
    """Open a jurisdiction of the actor's agency to another agency; the grant's id.

    NotFound: no jurisdiction that is open to the actor. ActRefused: the agency is not responsible for it, or the actor is no
    supervisor.
    """
    opened = open_to(actor)
    node = next((one for one in opened.nodes if one.code == code), None)
    agency = Agency.objects.filter(pk=to_agency).first()
    if node is None or agency is None:
        raise NotFound
    if not actor.has(Role.SUPERVISOR):
        raise ActRefused("A supervisor opens a jurisdiction to another agency.")
    if node.id not in opened.responsible:
        raise ActRefused(
            f"{actor.agency_name} is not responsible for {node.name}; {node.responsible or 'nobody here'} is."
        )
    if agency.id == actor.agency_id:
        raise ActRefused("Your own agency sees it already.")
    if not purpose.strip() or not 1 <= days <= LONGEST_DAYS:
        raise ActRefused(f"Say for which purpose, and for how many days, {LONGEST_DAYS} at most.")
    now = timezone.now()
    sight = Sight.objects.create(
        jurisdiction_id=node.id, agency_id=actor.agency_id, to_agency=agency, purpose=purpose.strip()[:300],
        granted_by_id=actor.officer_id, granted_at=now, expires_at=now + timedelta(days=days),
    )  # fmt: skip
    log.record(
        "jurisdiction.opened", actor, subject=f"jurisdiction:{node.code}",
        details={"to": agency.short_name, "purpose": sight.purpose, "until": sight.expires_at.date().isoformat()},
    )  # fmt: skip
    return sight.id


@transaction.atomic
def set_sight_withdrawn(actor: Actor, sight_id: UUID, *, withdrawn: bool) -> str:
    """Take sight of a jurisdiction back, or give it again until the day it had; the agency's name."""
    sight = (
        Sight.objects.select_for_update(of=("self",)).select_related("to_agency", "jurisdiction")
        .filter(pk=sight_id, agency_id=actor.agency_id).first()
    )  # fmt: skip
    if sight is None:
        raise NotFound
    if not actor.has(Role.SUPERVISOR):
        raise ActRefused("A supervisor opens a jurisdiction to another agency, and closes it.")
    if (sight.withdrawn_at is not None) == withdrawn:
        raise ActRefused("It is closed already." if withdrawn else "It is open.")
    sight.withdrawn_at = timezone.now() if withdrawn else None
    sight.withdrawn_by_id = actor.officer_id if withdrawn else None
    sight.save(update_fields=["withdrawn_at", "withdrawn_by"])
    log.record(
        "jurisdiction.closed" if withdrawn else "jurisdiction.opened", actor,
        subject=f"jurisdiction:{sight.jurisdiction.code}", details={"to": sight.to_agency.short_name, "again": not withdrawn},
    )  # fmt: skip
    return sight.to_agency.short_name


# --- Known files that may be asked about -----------------------------------------------------------------------------


@transaction.atomic
def import_file_set(
    actor: Actor, given: BinaryIO, *, name: str, authority: str, expires_on: date, version: str = ""
) -> UUID:
    """Take a list of known files in, by the digests under which networks offer them; the set's id.

    One digest a line, or CSV with the columns digest and category. ActRefused: not the actor's role, no authority, an end that
    has passed, or no digest in it.
    """
    _refuse_others(actor)
    if not (name.strip() and authority.strip()):
        raise ActRefused(
            "A set of known files has a name and an authority: the legal basis on which it may be asked about."
        )
    if expires_on <= timezone.now().date():
        raise ActRefused("The day until which it may be asked about has passed.")
    content = given.read(MOST_ENTRIES * 140)
    entries = read_list(content)
    if not entries:
        raise ActRefused(
            "No digest was found: one of 32, 40 or 64 hexadecimal digits a line, or CSV with the column digest."
        )
    row = FileSet.objects.create(
        agency_id=actor.agency_id, name=name.strip()[:200], authority=authority.strip()[:300], version=version.strip()[:60],
        sha256=hashlib.sha256(content).hexdigest(), entries_count=len(entries), imported_by_id=actor.officer_id,
        imported_at=timezone.now(), expires_on=expires_on,
    )  # fmt: skip
    SetFile.objects.bulk_create(
        (
            SetFile(file_set=row, agency_id=actor.agency_id, digest=digest, category=category)
            for digest, category in entries.items()
        ),
        batch_size=5_000,
    )
    log.record(
        "known-files.imported", actor, subject=f"file-set:{row.id}",
        details={"name": row.name, "authority": row.authority, "entries": len(entries), "sha256": row.sha256},
    )  # fmt: skip
    return row.id


@transaction.atomic
def set_file_set_withdrawn(actor: Actor, set_id: UUID, *, withdrawn: bool) -> str:
    """Take a set out of use, or put it back; its name."""
    row = FileSet.objects.select_for_update().filter(pk=set_id, agency_id=actor.agency_id).first()
    if row is None:
        raise NotFound
    _refuse_others(actor)
    if (row.withdrawn_at is not None) == withdrawn:
        raise ActRefused("It is out of use already." if withdrawn else "It is in use.")
    row.withdrawn_at = timezone.now() if withdrawn else None
    row.save(update_fields=["withdrawn_at"])
    log.record(
        "known-files.withdrawn" if withdrawn else "known-files.restored", actor, subject=f"file-set:{row.id}",
        details={"name": row.name},
    )  # fmt: skip
    return row.name
