"""Making a signed package of a case, its withdrawal, and what recipients acknowledge: each known for ever."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from opencets.errors import ActRefused, DamagedSource, NotFound, OpenCETSError
from opencets.packing.blobs import Stored
from opencets.packing.package import open_notice
from opencets_web.accounts.ids import new_id
from opencets_web.audit import log, outbox
from opencets_web.disclosure.gathering import PARTS, Choice, Gathering, admit_release, choice_of, key_ref, sealed
from opencets_web.disclosure.models import Package, PackageState, Receipt
from opencets_web.evidence.models import Blob
from opencets_web.evidence.vault import store
from opencets_web.policy import door
from opencets_web.policy.acting import acting_as
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Handling
from opencets_web.ui.notify import tell

TOLD_EVERY_SECONDS = 1.0


@transaction.atomic
def ask_package(actor: Actor, reference: str, choice: Choice) -> UUID:
    """Order a package; workers make it. The package's id.

    ActRefused: no purpose, recipients or (code C) conditions; a day that has passed; an exhibit that is not ours to give.
    """
    package = _begin(actor, reference, choice)
    outbox.post("package.asked", package_id=str(package.id), officer_id=str(actor.officer_id))
    return package.id


def _begin(actor: Actor, reference: str, choice: Choice) -> Package:
    case = admit_release(actor, reference)
    if choice.format not in PARTS:
        raise ActRefused(f"There is no package format {choice.format}; choose one of {', '.join(PARTS)}.")
    if not choice.recipients.strip():
        raise ActRefused("A package names its recipients.")
    if not choice.purpose.strip():
        raise ActRefused("A package names its purpose.")
    if case.holding.handling == Handling.CONDITIONS and not choice.conditions.strip():
        raise ActRefused(
            f"{reference} has handling code C ({case.holding.conditions}): say under which conditions it is released."
        )
    if choice.until_on is not None and choice.until_on < timezone.now().date():
        raise ActRefused("The day until which it may be used has passed.")
    gathering = Gathering(actor, case, choice)
    if not gathering.exhibits and not gathering.whole:
        raise ActRefused("There is no exhibit to release.")
    package = Package.objects.create(
        holding=case.holding,
        agency_id=case.agency_id,
        case=case,
        format=choice.format,
        recipients=choice.recipients.strip(),
        purpose=choice.purpose.strip(),
        handling=case.holding.handling,
        conditions=choice.conditions.strip(),
        until_on=choice.until_on,
        exhibits=sorted(set(choice.exhibits)),
        originals=sorted(set(choice.originals)),
        other_cases=choice.other_cases,
        asked_by_id=actor.officer_id,
        asked_at=timezone.now(),
    )
    _log("package.asked", actor, package, {"recipients": choice.recipients, "purpose": choice.purpose})
    return package


def make_package(actor: Actor, package_id: UUID) -> None:
    """Make a package that was asked for, keep it encrypted; again: nothing. A refusal is kept with its sentence."""
    with acting_as(actor.officer_id):
        package = door.admit(actor, Package.objects.select_for_update(of=("self",)), "manage", pk=package_id)
        if package.state not in (PackageState.WAITING, PackageState.MAKING):
            return
        package.state = PackageState.MAKING
        package.save(update_fields=["state"])
        tell(f"case:{package.case_id}", "package", package.id)
    stored: Stored | None = None
    try:
        with acting_as(actor.officer_id):
            package = _read(actor, package_id)
            gathering = _gathering(actor, package)
            with _told(actor, package, gathering) as tick:
                gathering.tick = tick
                stored = store().put(sealed(gathering, package.id))
            left_out = gathering.left_out()
        with acting_as(actor.officer_id):
            blob = Blob.objects.create(
                id=new_id(),
                holding_id=package.holding_id,
                agency_id=package.agency_id,
                path=stored.blob_id,
                wrapped_key=stored.wrapped_key,
                size=stored.size,
                sha256=stored.sha256,
                media_type="application/zip",
                created_at=timezone.now(),
            )
            _finish(actor, package_id, stored.sha256, stored.size, blob, [[e.what, e.count, e.why] for e in left_out])
    except BaseException as error:
        if stored is not None:
            store().delete(stored.blob_id)
        if not isinstance(error, OpenCETSError) or isinstance(error, NotFound) or error.retry_helps:
            raise
        with acting_as(actor.officer_id):
            refused = door.admit(actor, Package.objects.all(), "manage", pk=package_id)
            refused.state, refused.sentence = PackageState.REFUSED, error.sentence
            refused.save(update_fields=["state", "sentence"])
            _log("package.refused", actor, refused, {"why": error.sentence})
            tell(f"case:{refused.case_id}", "package", refused.id)


def write_package(
    actor: Actor,
    reference: str,
    choice: Choice,
    out: Path,
    *,
    began: Callable[[int], object],
    tick: Callable[[int], object],
) -> tuple[UUID, str, int]:
    """Make a package into a file, for a command: (id, SHA-256, size). The file appears whole or not at all.

    ActRefused: the file is there already, or as ``ask_package`` refuses.
    """
    if out.exists():
        raise ActRefused(f"{out} is there already; name a new file.")
    with acting_as(actor.officer_id):
        package_id = _begin(actor, reference, choice).id
    appeared = False
    try:
        with acting_as(actor.officer_id):
            gathering = _gathering(actor, _read(actor, package_id), tick)
            began(gathering.expected())
            digest, size = _write_whole(out, sealed(gathering, package_id))
            appeared = True
            left_out = [[entry.what, entry.count, entry.why] for entry in gathering.left_out()]
        with acting_as(actor.officer_id):
            _finish(actor, package_id, digest, size, None, left_out)
    except BaseException as error:
        if appeared:
            out.unlink(missing_ok=True)
        with acting_as(actor.officer_id):
            refused = door.admit(actor, Package.objects.all(), "manage", pk=package_id)
            refused.state = PackageState.REFUSED
            refused.sentence = (
                error.sentence if isinstance(error, OpenCETSError) else "The command was ended before it was whole."
            )
            refused.save(update_fields=["state", "sentence"])
            _log("package.refused", actor, refused, {"why": refused.sentence})
        raise
    return package_id, digest, size


def _write_whole(out: Path, chunks: Iterator[bytes]) -> tuple[str, int]:
    """Write under another name, flush to the disk, let it appear; (SHA-256, size)."""
    digest, size = sha256(), 0
    staged = out.with_name(f".{out.name}.part")
    try:
        with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                stream.write(chunk)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            # A link, not a rename: what appeared meanwhile under the name is not written over.
            os.link(staged, out)
        except FileExistsError:
            raise ActRefused(f"{out} is there already; name a new file.") from None
        folder = os.open(out.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        staged.unlink(missing_ok=True)
    return digest.hexdigest(), size


def _read(actor: Actor, package_id: UUID) -> Package:
    rows = Package.objects.select_related("case__holding", "case__agency")
    return door.admit(actor, rows, "manage", pk=package_id)


def _gathering(actor: Actor, package: Package, tick: Callable[[int], object] = lambda count: None) -> Gathering:
    """ActRefused: the case is not the actor's to release any more."""
    case = admit_release(actor, package.case.reference)
    return Gathering(actor, case, choice_of(package), tick)


def _finish(
    actor: Actor, package_id: UUID, digest: str, size: int, blob: Blob | None, left_out: list[list[object]]
) -> None:
    package = door.admit(actor, Package.objects.select_for_update(of=("self",)), "manage", pk=package_id)
    package.state, package.made_at, package.sentence = PackageState.MADE, timezone.now(), ""
    package.sha256, package.size, package.blob, package.left_out = digest, size, blob, left_out
    package.done = package.expected
    package.key_ref = key_ref()
    package.save(
        update_fields=["state", "made_at", "sentence", "sha256", "size", "blob", "left_out", "done", "key_ref"]
    )
    _log("package.made", actor, package, {"sha256": digest, "size": size, "recipients": package.recipients})
    tell(f"case:{package.case_id}", "package", package.id)


@contextmanager
def _told(actor: Actor, package: Package, gathering: Gathering) -> Iterator[Callable[[int], object]]:
    """Tell the page how far it is, once a second: the reading is one transaction, so the telling has a connection of its own."""
    tally, ended, expected = [0], Event(), gathering.expected()

    def telling() -> None:
        try:
            while not ended.wait(TOLD_EVERY_SECONDS):
                with acting_as(actor.officer_id):
                    rows = Package.objects.filter(pk=package.id, state=PackageState.MAKING)
                    rows.update(done=min(tally[0], expected), expected=expected)
                    tell(f"case:{package.case_id}", "package", package.id)
        finally:
            connection.close()

    def tick(count: int) -> None:
        tally[0] += count

    thread = Thread(target=telling, name="package-progress", daemon=True)
    thread.start()
    try:
        yield tick
    finally:
        ended.set()
        thread.join(30)


@transaction.atomic
def withdraw_package(actor: Actor, package_id: UUID, reason: str) -> str:
    """Withdraw a package: a notice asks its recipients to destroy it; the case's reference. ActRefused: without a reason."""
    package = _own(actor, package_id)
    if not reason.strip():
        raise ActRefused("A package is withdrawn with a reason; the notice says it.")
    if package.state != PackageState.MADE:
        raise ActRefused("Only a package that was made is withdrawn.")
    if package.withdrawn_at is not None:
        raise ActRefused("It was withdrawn already.")
    package.withdrawn_at, package.withdrawn_by_id = timezone.now(), actor.officer_id
    package.withdrawn_because = reason.strip()
    package.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_because"])
    _log("package.withdrawn", actor, package, {"reason": reason})
    tell(f"case:{package.case_id}", "package", package.id)
    return package.case.reference


@transaction.atomic
def restore_package(actor: Actor, package_id: UUID) -> str:
    """Take a withdrawal back; the log keeps both. ActRefused: it was not withdrawn."""
    package = _own(actor, package_id)
    if package.withdrawn_at is None:
        raise ActRefused("It was not withdrawn.")
    package.withdrawn_at, package.withdrawn_by, package.withdrawn_because = None, None, ""
    package.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_because"])
    _log("package.restored", actor, package, {})
    tell(f"case:{package.case_id}", "package", package.id)
    return package.case.reference


@transaction.atomic
def enter_receipt(
    actor: Actor, package_id: UUID, *, received_by: str, received_on: date | None, note: str = ""
) -> tuple[UUID, str]:
    """Note that a recipient has the package; the receipt's id and the case's reference."""
    package = _own(actor, package_id)
    if not received_by.strip() or received_on is None:
        raise ActRefused("A receipt names who received the package, and the day.")
    return _receive(actor, package, received_by.strip(), received_on, note=note.strip())


@transaction.atomic
def take_receipt(actor: Actor, package_id: UUID, signed: bytes) -> tuple[UUID, str]:
    """Take a signed receipt file in. ActRefused: it was changed, is no receipt, or is of another package."""
    package = _own(actor, package_id)
    try:
        notice, key = open_notice(signed)
        received_on = date.fromisoformat(str(notice.get("on", ""))[:10])
    except (DamagedSource, ValueError) as error:
        raise ActRefused(
            f"This is no receipt as it was signed: choose the file that the recipient sent. {error}"
        ) from None
    if notice["kind"] != "receipt" or notice.get("sha256") != package.sha256:
        raise ActRefused("This receipt is of another package: its SHA-256 is not this one's.")
    by = str(notice.get("by", ""))[:200]
    return _receive(actor, package, by, received_on, key_ref=key, signed=signed.decode())


def _receive(
    actor: Actor, package: Package, by: str, on: date, *, note: str = "", key_ref: str = "", signed: str = ""
) -> tuple[UUID, str]:
    if package.state != PackageState.MADE:
        raise ActRefused("Only a package that was made can have been received.")
    if package.made_at is not None and on < package.made_at.date():
        raise ActRefused("That day is before the package was made.")
    if on > timezone.now().date():
        raise ActRefused("That day is still to come.")
    receipt = Receipt(
        holding_id=package.holding_id,
        agency_id=package.agency_id,
        package=package,
        received_by=by,
        received_on=on,
        note=note,
        key_ref=key_ref,
        signed=signed,
        entered_by_id=actor.officer_id,
        entered_at=timezone.now(),
    )
    try:
        with transaction.atomic():
            receipt.save(force_insert=True)
    except IntegrityError:
        raise ActRefused("This receipt is entered already.") from None
    _log("package.received", actor, package, {"by": by, "on": on.isoformat(), "signed": bool(signed)})
    tell(f"case:{package.case_id}", "package", package.id)
    return receipt.id, package.case.reference


@transaction.atomic
def remove_receipt(actor: Actor, receipt_id: UUID) -> str:
    """Take back a receipt that was entered by mistake; it stays in the log. The case's reference."""
    rows = Receipt.objects.select_related("package__case").filter(removed_at=None)
    receipt = door.admit(actor, rows, "manage", pk=receipt_id)
    receipt.removed_at = timezone.now()
    receipt.save(update_fields=["removed_at"])
    _log("package.receipt-removed", actor, receipt.package, {"by": receipt.received_by})
    tell(f"case:{receipt.package.case_id}", "package", receipt.package_id)
    return receipt.package.case.reference


def _own(actor: Actor, package_id: UUID) -> Package:
    rows = Package.objects.filter(agency_id=actor.agency_id).select_related("case").select_for_update(of=("self",))
    return door.admit(actor, rows, "manage", pk=package_id)


def _log(verb: str, actor: Actor, package: Package, details: dict[str, object]) -> None:
    log.record(
        verb,
        actor,
        holding=(package.holding_id, package.agency_id),
        subject=f"package:{package.id}",
        details={"format": package.format, **details},
    )
