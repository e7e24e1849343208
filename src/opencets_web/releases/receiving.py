"""Receiving a part: taking it into a case, refusing it, acknowledging its withdrawal, and packages that come as a file.

A package is checked in every byte before anything of it is unpacked, and each file again while it is kept. Stopped anywhere, the
same job goes on with the files that are not kept yet.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from opencets.errors import ActRefused, DamagedSource, SourceRefused
from opencets.packing.blobs import Stored
from opencets.packing.package import open_notice, sign_notice
from opencets.packing.part import Taken, marks_of, take_in, unpack
from opencets.packing.verify import key_id
from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency
from opencets_web.audit import log, outbox
from opencets_web.audit.models import SigningKey
from opencets_web.audit.signing import signing_key
from opencets_web.cases.models import Case, CaseState
from opencets_web.disclosure.gathering import key_ref
from opencets_web.evidence.actions import add_files, begin_exhibit, complete_exhibit
from opencets_web.evidence.models import Blob, CustodyEntry, Exhibit, ExhibitFile, ExhibitState
from opencets_web.evidence.vault import opening, store
from opencets_web.marks.releasing import receive_mark, settle_marks
from opencets_web.media.models import Media
from opencets_web.policy import door
from opencets_web.policy.acting import acting_as
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Grant, GrantState, Handling, Holding
from opencets_web.releases.models import PartnerKey, PartRelease, ReceivedPart, ReceivedState
from opencets_web.sharing.models import Origin
from opencets_web.ui.notify import tell


def trusted_keys(actor: Actor, *, by_upload: bool) -> dict[str, frozenset[str]]:
    """The keys that may have signed what comes in, each with the agencies it speaks for; none named: any of this node.

    What this node carried was signed by its own key, of now or of before; what comes as a file, by a key the agency entered.
    """
    if not by_upload:
        own = {key_id(bytes(public)) for public in SigningKey.objects.values_list("public", flat=True)}
        return {key: frozenset() for key in {*own, key_ref()}}
    found: dict[str, frozenset[str]] = {}
    for key, whose in PartnerKey.objects.filter(agency_id=actor.agency_id, ended_at=None).values_list(
        "key_ref", "whose"
    ):
        found[key] = found.get(key, frozenset()) | {whose.casefold()}
    return found


def check(
    actor: Actor, open_package: Callable[[], BinaryIO], size: int, *, by_upload: bool, package_id: str = ""
) -> Taken:
    """Check a package in every byte, for the actor's agency; refused as ``packing.part.take_in`` refuses."""
    agency = Agency.objects.values_list("name", flat=True).get(pk=actor.agency_id)
    trusted = trusted_keys(actor, by_upload=by_upload)
    taken = take_in(open_package(), size, agency=agency, trusted=trusted.keys(), package_id=package_id)
    speaks_for = trusted[taken.key_id]
    told = str(taken.manifest["case"]["agency"])
    if speaks_for and told.casefold() not in speaks_for:
        raise ActRefused(
            f"The package is refused: it says that {told} released it, and its key was entered for another agency."
        )
    return taken


# --- Into a case -----------------------------------------------------------------------------------------------------


def _part(actor: Actor, part_id: UUID) -> ReceivedPart:
    rows = ReceivedPart.objects.filter(agency_id=actor.agency_id).select_related("blob")
    return door.admit(actor, rows.select_for_update(of=("self",)), "contribute", pk=part_id)


@transaction.atomic
def accept_part(actor: Actor, part_id: UUID, reference: str) -> None:
    """Receive a part into a case of one's own agency: it becomes an exhibit of its own there. Again: nothing.

    ActRefused: withdrawn or refused, a closed or another agency's case, or (originator control) a case that is open to others.
    """
    part = _part(actor, part_id)
    if part.state in (ReceivedState.KEEPING, ReceivedState.KEPT):
        return
    if part.state != ReceivedState.WAITING:
        raise ActRefused("It was refused; take the refusal back first.")
    if part.withdrawn_at is not None:
        raise ActRefused(f"{part.from_name} withdrew it: {part.withdrawn_because}")
    case = door.admit(actor, Case.objects.select_for_update(of=("self",)), "contribute", reference=reference)
    if case.agency_id != actor.agency_id:
        raise ActRefused("What is released to your agency is received into a case of your own agency.")
    if case.state != CaseState.OPEN:
        raise ActRefused(f"{reference} is closed; open it again to receive something into it.")
    if bool(part.terms.get("originator_control", True)):
        _refuse_open_to_others(part, case)
    title = f"Released by {part.from_name}"
    part.exhibit_id = begin_exhibit(actor, reference, title=title, source=f"release {part.release_ref}")
    part.case, part.state, part.received_by_id = case, ReceivedState.KEEPING, actor.officer_id
    part.save(update_fields=["exhibit", "case", "state", "received_by"])
    _log("part.accepted", actor, part, {"into": reference, "from": part.from_name, "sha256": part.sha256})
    _tell(part)
    outbox.post("part.accepted", part_id=str(part.id), officer_id=str(actor.officer_id))


def _refuse_open_to_others(part: ReceivedPart, case: Case) -> None:
    """Originator control: what is received is not passed on by being put where others read already."""
    standing = Grant.objects.filter(
        holding_id=case.holding_id, state__in=(GrantState.OPEN, GrantState.INVITED), withdrawn_at=None,
        expires_at__gt=timezone.now(),
    )  # fmt: skip
    others = standing.exclude(to_agency_id=case.agency_id).exclude(to_officer__agency_id=case.agency_id)
    if part.from_agency_id is not None:
        others = others.exclude(to_agency_id=part.from_agency_id)
    if others.exists():
        raise ActRefused(
            f"{case.reference} is open to another agency, and {part.from_name} released this under originator control: receive it "
            "into a case that is yours alone, or ask them first."
        )


def keep_part(actor: Actor, part_id: UUID) -> None:
    """Check an accepted part, keep its files as an exhibit, sign the receipt; safe to call again after any stop."""
    with acting_as(actor.officer_id):
        part = _part(actor, part_id)
        if part.state != ReceivedState.KEEPING:
            return
        assert part.exhibit_id is not None
        open_package = opening(part.blob)
        into = store(part.agency_id)
        try:
            taken = check(actor, open_package, part.size, by_upload=part.by_upload, package_id=str(part.release_ref))
            _begin_keeping(actor, part, taken)
        except (SourceRefused, ActRefused) as refusal:
            _damaged(actor, part, refusal.sentence)
            return
    digests = {str(entry["path"]): str(entry["sha256"]) for entry in taken.manifest["files"]}
    for name, size in taken.inside:
        with acting_as(actor.officer_id):
            if ExhibitFile.objects.filter(exhibit_id=part.exhibit_id, path=[name]).exists():
                continue
        stored = into.put(unpack(open_package(), name, size))
        try:
            if stored.sha256 != digests[name]:
                raise DamagedSource(f"{name} of the package is not what was checked a moment ago.")
            with acting_as(actor.officer_id):
                _keep(actor, part_id, name, stored)
        except BaseException:
            into.delete(stored.blob_id)
            raise
    with acting_as(actor.officer_id):
        _kept(actor, part_id, taken)


def _begin_keeping(actor: Actor, part: ReceivedPart, taken: Taken) -> None:
    """Where the exhibit comes from stands there before its first file does; again: nothing."""
    exhibit = door.admit(actor, Exhibit.objects.select_for_update(of=("self",)), "contribute", pk=part.exhibit_id)
    terms, case = taken.manifest["release"], taken.manifest["case"]
    _, made = Origin.objects.get_or_create(
        exhibit=exhibit,
        defaults={
            "holding_id": exhibit.holding_id, "agency_id": exhibit.agency_id, "case_id": exhibit.case_id,
            "from_agency_id": part.from_agency_id, "from_name": part.from_name, "their_case": str(case["reference"])[:80],
            "release_ref": part.release_ref, "sha256": part.sha256, "key_ref": taken.key_id, "purpose": str(terms["purpose"]),
            "handling": _code(terms), "conditions": str(terms["conditions"]), "until_on": _day(terms["until"]),
            "controlled": bool(terms["originator_control"]), "received_at": timezone.now(),
            "withdrawn_at": part.withdrawn_at,
        },
    )  # fmt: skip
    if not made:
        return
    conditions = f" Conditions: {terms['conditions']}" if terms["conditions"] else ""
    control = " Not to be passed on without asking them." if terms["originator_control"] else ""
    CustodyEntry.objects.create(
        holding_id=exhibit.holding_id, agency_id=exhibit.agency_id, exhibit=exhibit, at=timezone.now(),
        officer_id=actor.officer_id, act="released",
        sentence=f"Released by {part.from_name} for: {terms['purpose']} Package {part.release_ref}, SHA-256 {part.sha256}, signed "
        f"with the key {taken.key_id}; every byte is as it was signed.{conditions}{control}",
    )  # fmt: skip


def _code(terms: dict[str, Any]) -> str:
    """The handling code of the terms; what is no code here is treated as code C: the more restrictive one."""
    return str(terms["handling"]) if terms["handling"] in Handling.values else Handling.CONDITIONS.value


def _day(text: object) -> date | None:
    try:
        return date.fromisoformat(str(text)) if text else None
    except ValueError:
        raise DamagedSource("The package is refused: the day until which it may be used is no day.") from None


def _keep(actor: Actor, part_id: UUID, name: str, stored: Stored) -> None:
    part = _part(actor, part_id)
    rows = Exhibit.objects.select_related("case").select_for_update(of=("self",))
    exhibit = door.admit(actor, rows, "contribute", pk=part.exhibit_id)
    if ExhibitFile.objects.filter(exhibit=exhibit, path=[name]).exists():
        raise ActRefused(f"{name} was kept by another run.")
    add_files(actor, exhibit, [(name, stored)])


def _kept(actor: Actor, part_id: UUID, taken: Taken) -> None:
    part = _part(actor, part_id)
    if part.state != ReceivedState.KEEPING:
        return
    assert part.exhibit_id is not None
    exhibit = door.admit(actor, Exhibit.objects.all(), "contribute", pk=part.exhibit_id)
    if exhibit.state == ExhibitState.RECEIVING:
        complete_exhibit(actor, exhibit.id)
    now = timezone.now()
    receipt = sign_notice(
        {
            "kind": "receipt", "package": str(part.release_ref), "sha256": part.sha256,
            "agency": Agency.objects.values_list("name", flat=True).get(pk=actor.agency_id),
            "received_by": actor.display_name, "on": now.date().isoformat(),
        },
        signing_key(Path(settings.HOME)),
    )  # fmt: skip
    part.state, part.received_at, part.receipt, part.sentence = ReceivedState.KEPT, now, receipt.decode(), ""
    part.save(update_fields=["state", "received_at", "receipt", "sentence"])
    _log("part.received", actor, part, {"from": part.from_name, "sha256": part.sha256, "files": len(taken.inside)})
    _tell(part)
    _carry(actor, part)


def _damaged(actor: Actor, part: ReceivedPart, sentence: str) -> None:
    """The package is refused by the machine: nothing of it was unpacked. The sender is told the reason."""
    part.state, part.sentence, part.refused_at = ReceivedState.DAMAGED, sentence, timezone.now()
    part.save(update_fields=["state", "sentence", "refused_at"])
    if part.exhibit_id is not None:
        begun = Exhibit.objects.filter(pk=part.exhibit_id, state=ExhibitState.RECEIVING)
        begun.update(state=ExhibitState.CANCELLED)
    _log("part.refused", actor, part, {"from": part.from_name, "why": sentence, "by": "the check of the package"})
    _tell(part)
    _carry(actor, part)


def keep_marks(actor: Actor, exhibit_id: UUID) -> int:
    """Marks of a received exhibit from those of its package, each on the picture of its region; how many. Again: nothing new."""
    with acting_as(actor.officer_id):
        rows = ReceivedPart.objects.filter(agency_id=actor.agency_id, exhibit_id=exhibit_id, state=ReceivedState.KEPT)
        part = door.visible(actor, rows.select_related("blob")).first()
        if part is None or part.withdrawn_at is not None:
            return 0
        kept = 0
        for row, features in marks_of(opening(part.blob)):
            pictures = Media.objects.filter(file__exhibit_id=exhibit_id, file__path=[str(row["picture"])])
            media = door.visible(actor, pictures.select_related("case")).first()
            if media is not None:
                kept += receive_mark(actor, media, part.release_ref, row, features, released_by=part.from_name)
        return kept


@transaction.atomic
def refuse_part(actor: Actor, part_id: UUID, reason: str) -> None:
    """Refuse what was released to one's agency, with a sentence for the sender; nothing is taken in."""
    part = _part(actor, part_id)
    if part.state != ReceivedState.WAITING:
        raise ActRefused("It was received or refused already.")
    if not reason.strip():
        raise ActRefused("Refuse with a sentence that the sender can read.")
    part.state, part.sentence, part.refused_at = ReceivedState.REFUSED, reason.strip(), timezone.now()
    part.received_by_id = actor.officer_id
    part.save(update_fields=["state", "sentence", "refused_at", "received_by"])
    _log("part.refused", actor, part, {"from": part.from_name, "why": reason.strip()})
    _tell(part)
    _carry(actor, part)


@transaction.atomic
def reconsider_refusal(actor: Actor, part_id: UUID) -> None:
    """Take a refusal back: the part waits again."""
    part = _part(actor, part_id)
    if part.state != ReceivedState.REFUSED:
        raise ActRefused("It was not refused by you.")
    part.state, part.sentence, part.refused_at, part.received_by_id = ReceivedState.WAITING, "", None, None
    part.save(update_fields=["state", "sentence", "refused_at", "received_by"])
    _log("part.reconsidered", actor, part, {"from": part.from_name})
    _tell(part)
    _carry(actor, part)


@transaction.atomic
def acknowledge_withdrawal(actor: Actor, part_id: UUID) -> None:
    """Acknowledge that a release was withdrawn, signed; the sender is told. Again: nothing."""
    part = _part(actor, part_id)
    if part.withdrawn_at is None:
        raise ActRefused("It was not withdrawn.")
    if part.acknowledged_at is not None:
        return
    now = timezone.now()
    text = sign_notice(
        {
            "kind": "receipt", "of": "withdrawal", "package": str(part.release_ref), "sha256": part.sha256,
            "agency": Agency.objects.values_list("name", flat=True).get(pk=actor.agency_id),
            "received_by": actor.display_name, "on": now.date().isoformat(),
        },
        signing_key(Path(settings.HOME)),
    )  # fmt: skip
    part.acknowledged_at, part.acknowledged_by_id, part.acknowledgement = now, actor.officer_id, text.decode()
    part.save(update_fields=["acknowledged_at", "acknowledged_by", "acknowledgement"])
    _log("part.withdrawal-acknowledged", actor, part, {"from": part.from_name})
    _tell(part)
    _carry(actor, part)


# --- From another node -----------------------------------------------------------------------------------------------------


def bring_package(actor: Actor, source: BinaryIO) -> UUID:
    """Take a package that came as a file from another node, once it is checked in every byte; the part's id.

    It then waits to be received into a case. ActRefused, DamagedSource: as ``check``, or it is here already.
    """
    with acting_as(actor.officer_id):
        if not actor.reads_cases:
            raise ActRefused("A package is brought by an officer who reads cases.")
        into = store(actor.agency_id)
    stored = into.put(source)
    try:
        with acting_as(actor.officer_id):
            return _brought(actor, stored)
    except BaseException:
        into.delete(stored.blob_id)
        raise


def _brought(actor: Actor, stored: Stored) -> UUID:
    now = timezone.now()
    holding = Holding.objects.create(agency_id=actor.agency_id)
    blob = Blob(
        id=new_id(), holding=holding, agency_id=actor.agency_id, path=stored.blob_id, wrapped_key=stored.wrapped_key,
        size=stored.size, sha256=stored.sha256, media_type="application/zip", created_at=now,
    )  # fmt: skip
    taken = check(actor, opening(blob), stored.size, by_upload=True)
    package = UUID(str(taken.manifest["package"]["id"]))
    if ReceivedPart.objects.filter(agency_id=actor.agency_id, release_ref=package).exists():
        raise ActRefused("This package is here already: look among what was released to you.")
    officers = taken.manifest["release"]["to"]["officers"]
    if officers and actor.display_name not in officers:
        raise ActRefused(f"The package is refused: it names {', '.join(map(str, officers))} to receive it.")
    blob.save(force_insert=True)
    terms = taken.manifest["release"]
    part = ReceivedPart.objects.create(
        holding=holding, agency_id=actor.agency_id, release_ref=package, from_name=str(taken.manifest["case"]["agency"])[:200],
        from_officer_name=str(terms["released_by"])[:200], for_officers=[actor.officer_id] if officers else [],
        terms=terms, blob=blob, size=stored.size, sha256=stored.sha256, key_ref=taken.key_id, arrived_at=now, by_upload=True,
    )  # fmt: skip
    # Its Holding is of this moment: nobody can have said yet why they look into it.
    log.record(
        "part.brought", actor, subject=f"part:{part.id}",
        details={"release": package, "from": part.from_name, "sha256": part.sha256, "key": taken.key_id},
    )  # fmt: skip
    _tell(part)
    return part.id


@transaction.atomic
def bring_notice(actor: Actor, text: bytes) -> str:
    """Take a signed notice that came as a file from another node: a withdrawal, a receipt, an acknowledgement. Where it belongs.

    A withdrawal counts only under the key that signed its package, and a receipt only for the package that left. DamagedSource:
    it is not as it was signed. ActRefused: it is for no package of the actor's, or under another key.
    """
    notice, key = open_notice(text)
    try:
        package = UUID(str(notice["package"]))
    except (ValueError, KeyError):
        raise ActRefused("The notice names no package.") from None
    if notice["kind"] == "withdrawal":
        return _withdrawn_elsewhere(actor, notice, key, package, text.decode())
    return _acknowledged_elsewhere(actor, notice, package, text.decode())


def _withdrawn_elsewhere(actor: Actor, notice: dict[str, Any], key: str, package: UUID, text: str) -> str:
    rows = ReceivedPart.objects.filter(agency_id=actor.agency_id, by_upload=True).select_for_update(of=("self",))
    part = door.visible(actor, rows).filter(release_ref=package).first()
    if part is None or notice.get("sha256") != part.sha256:
        raise ActRefused("The notice is for no package that was brought here.")
    if key != part.key_ref:
        raise ActRefused(f"The notice is refused: it was signed with the key {key}, and the package with another.")
    if part.withdrawn_at is None:
        part.withdrawn_at, part.withdrawn_because, part.notice = (
            timezone.now(),
            str(notice.get("reason", ""))[:2_000],
            text,
        )
        part.save(update_fields=["withdrawn_at", "withdrawn_because", "notice"])
        _log("part.withdrawal-brought", actor, part, {"from": part.from_name, "reason": part.withdrawn_because})
        _tell(part)
        outbox.post("part.withdrawn", part_id=str(part.id), officer_id=str(actor.officer_id))
    return f"/sharing/parts/received/{part.id}/"


def _acknowledged_elsewhere(actor: Actor, notice: dict[str, Any], package: UUID, text: str) -> str:
    rows = PartRelease.objects.filter(agency_id=actor.agency_id, to_agency=None).select_related("case")
    found = door.visible(actor, rows.select_for_update(of=("self",))).filter(pk=package).first()
    if found is None or not found.sha256 or notice.get("sha256") != found.sha256:
        raise ActRefused("The receipt is for no package of yours that left for another node.")
    by = f"{notice.get('received_by', '')}, {notice.get('agency', '')}"[:200]
    if notice.get("of") == "withdrawal":
        found.acknowledged_at, found.acknowledged_by, found.acknowledgement = timezone.now(), by, text
        found.save(update_fields=["acknowledged_at", "acknowledged_by", "acknowledgement"])
    else:
        found.received_at, found.received_by, found.receipt = timezone.now(), by, text
        found.save(update_fields=["received_at", "received_by", "receipt"])
    log.record(
        "part-release.receipt-brought", actor, holding=(found.holding_id, found.agency_id),
        subject=f"case:{found.case.reference}", details={"release": found.id, "by": by, "of": notice.get("of", "receipt")},
    )  # fmt: skip
    tell(f"case:{found.case_id}", "part", found.id)
    return f"/sharing/parts/releases/{found.id}/"


def settle_part(actor: Actor, part_id: UUID) -> None:
    """Let the exhibit of a received part say as its part does whether it was withdrawn; safe to call again."""
    part = _part(actor, part_id)
    if part.exhibit_id is None:
        return
    Origin.objects.filter(exhibit_id=part.exhibit_id, release_ref=part.release_ref).update(
        withdrawn_at=part.withdrawn_at
    )
    settle_marks(part.exhibit_id, part.withdrawn_at)


# --- Words -----------------------------------------------------------------------------------------------------------


def _carry(actor: Actor, part: ReceivedPart) -> None:
    if not part.by_upload:
        outbox.post("part-release.changed", release_ref=str(part.release_ref), officer_id=str(actor.officer_id))


def _tell(part: ReceivedPart) -> None:
    tell(f"agency:{part.agency_id}", "part", part.id)
    if part.case_id is not None:
        tell(f"case:{part.case_id}", "part", part.id)


def _log(verb: str, actor: Actor, part: ReceivedPart, details: dict[str, object]) -> None:
    log.record(
        verb, actor, holding=(part.holding_id, part.agency_id), subject=f"part:{part.id}",
        details={"release": part.release_ref, **details},
    )  # fmt: skip
