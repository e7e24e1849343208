"""Carrying requests, releases, receipts and withdrawals between the two sides, so that each has its own rows and reads no other's.

One of the files that may use the blind door: what is carried to an agency stands under a Holding of that agency, and the package
is sealed anew with that agency's key. Nothing of the sender's Holding opens.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from opencets.errors import DamagedSource
from opencets.packing.blobs import Stored
from opencets_web.accounts.ids import new_id
from opencets_web.cases.models import Case
from opencets_web.cases.telling import tell_officers
from opencets_web.deconfliction.models import ConflictSecret
from opencets_web.evidence.models import Blob
from opencets_web.evidence.vault import opening, store
from opencets_web.leads.models import Alert, AlertKind, PointerSecret
from opencets_web.marks.releasing import settle_marks
from opencets_web.policy.acting import acting_as
from opencets_web.policy.actor import Actor
from opencets_web.policy.blind import across_holdings
from opencets_web.policy.models import Disclosure, Holding
from opencets_web.releases.gathering import withdrawal_notice
from opencets_web.releases.models import (
    PartAsked,
    PartRelease,
    PartRequest,
    PartState,
    ReceivedPart,
    ReceivedState,
    ReleaseState,
    Sought,
)
from opencets_web.sharing.models import Origin
from opencets_web.ui.notify import tell

# --- Requests --------------------------------------------------------------------------------------------------------


def carry_request(request_id: UUID) -> None:
    """Make both sides of a request for a part say the same; safe to run again."""
    with across_holdings():
        rows = PartRequest.objects.select_related("case", "to_agency", "asked_by__agency", "origin")
        request = rows.select_for_update(of=("self",)).get(pk=request_id)
        asked = PartAsked.objects.select_for_update(of=("self",)).filter(request_ref=request.id).first()
        if asked is None:
            if request.state != PartState.ASKED:
                return
            asked = _deliver(request)
            if asked is None:
                return
        if request.state == PartState.WITHDRAWN and asked.state == PartState.ASKED:
            asked.state, asked.answered_at = PartState.WITHDRAWN, request.answered_at
            asked.save(update_fields=["state", "answered_at"])
            _tell_asked(asked)
        elif request.state != PartState.WITHDRAWN and request.state != asked.state:
            request.state, request.answer, request.answered_at = asked.state, asked.answer, asked.answered_at
            request.save(update_fields=["state", "answer", "answered_at"])
            _clear(request, asked)
            _tell_answer(request)


def _deliver(request: PartRequest) -> PartAsked | None:
    """Put a request before the asked side; None where its owner's code has closed that way since: then it is answered at once."""
    case, closed, passes_on = _case_meant(request)
    if closed:
        request.state, request.answered_at = PartState.DECLINED, timezone.now()
        request.answer = "This cannot be asked for here any more. Call them."
        request.save(update_fields=["state", "answer", "answered_at"])
        _tell_answer(request)
        return None
    holding = case.holding if case is not None else Holding.objects.create(agency_id=request.to_agency_id)
    asked = PartAsked.objects.create(
        id=new_id(), holding=holding, agency_id=request.to_agency_id, request_ref=request.id, case=case,
        from_agency_id=request.agency_id, from_officer_name=request.asked_by.display_name, sought=request.sought,
        values=request.values, text=request.text, purpose=request.purpose, legal_basis=request.legal_basis,
        urgency=request.urgency, wanted_by=request.wanted_by, passes_on=passes_on, recipients=request.recipients,
        asked_at=request.asked_at,
    )  # fmt: skip
    _tell_asked(asked)
    if case is not None:
        sentence = f"{request.asked_by.agency.name} asks for a part: {request.purpose}"
        _alert(case, f"part-asked:{request.id}", sentence, AlertKind.REQUEST, f"/sharing/parts/asked/{asked.id}/")
    return asked


def _case_meant(request: PartRequest) -> tuple[Case | None, bool, UUID | None]:
    """Which case of theirs a request is about, whether asking is closed, and which release it would pass on."""
    if request.sought == Sought.PASS_ON and request.origin is not None:
        release = PartRelease.objects.select_related("case__holding").filter(pk=request.origin.release_ref).first()
        return (release.case, False, release.id) if release is not None else (None, True, None)
    other: Case | None = None
    if request.pointer_id is not None:
        rows = PointerSecret.objects.select_related("other_case__holding", "pointer")
        secret = rows.get(pointer_id=request.pointer_id)
        if secret.pointer.retired_at is not None:
            return None, True, None
        other = secret.other_case
    elif request.conflict_id is not None:
        found = ConflictSecret.objects.select_related("left_case__holding", "right_case__holding")
        between = found.get(Q(left_id=request.conflict_id) | Q(right_id=request.conflict_id))
        other = between.right_case if between.left_id == request.conflict_id else between.left_case
    if other is None:
        return None, False, None
    return other, other.holding.disclosure != Disclosure.OPEN or other.agency_id != request.to_agency_id, None


def _clear(request: PartRequest, asked: PartAsked) -> None:
    """What the originator agreed to stands with the exhibit; taken back, it is gone again."""
    if request.sought != Sought.PASS_ON or request.origin_id is None:
        return
    origin = Origin.objects.select_for_update().get(pk=request.origin_id)
    cleared = [one for one in origin.cleared_for if one != asked.recipients]
    if asked.state == PartState.RELEASED:
        cleared.append(asked.recipients)
    origin.cleared_for = cleared
    origin.save(update_fields=["cleared_for"])


def _tell_asked(asked: PartAsked) -> None:
    tell(f"agency:{asked.agency_id}", "part", asked.id)
    if asked.case_id is not None:
        tell(f"case:{asked.case_id}", "part", asked.id)


def _tell_answer(request: PartRequest) -> None:
    word = {
        PartState.RELEASED: "agreed that you pass it on"
        if request.sought == Sought.PASS_ON
        else "released what you asked for",
        PartState.PARTLY: "released a part of what you asked for",
        PartState.DECLINED: "declined what you asked for",
        PartState.ASKED: "thinks your request over again",
    }
    sentence = f"{request.to_agency.name} {word[PartState(request.state)]}."
    answered = _seconds(request.answered_at)
    _alert(
        request.case, f"pa:{request.id}:{request.state}:{answered}", sentence, AlertKind.RELEASE,
        f"/sharing/parts/requests/{request.id}/",
    )  # fmt: skip
    tell(f"case:{request.case_id}", "part", request.id)


# --- Releases --------------------------------------------------------------------------------------------------------


def carry_release(actor: Actor, release_id: UUID) -> None:
    """Make both sides of a release say the same, and bring the package over where it is not there yet; safe to run again."""
    with acting_as(actor.officer_id), across_holdings():
        source = PartRelease.objects.select_related("blob").get(pk=release_id)
        if source.state != ReleaseState.MADE or source.to_agency_id is None:
            return
        there = ReceivedPart.objects.filter(release_ref=release_id, agency_id=source.to_agency_id).exists()
        into = store(source.to_agency_id)
    if not there:
        assert source.blob is not None
        with opening(source.blob)() as stream:
            stored = into.put(stream)
        try:
            with acting_as(actor.officer_id), across_holdings():
                _arrive(release_id, stored)
        except BaseException:
            into.delete(stored.blob_id)
            raise
    with acting_as(actor.officer_id), across_holdings():
        _agree(release_id)


def _locked(release_id: UUID) -> PartRelease:
    rows = PartRelease.objects.select_related("case__agency", "case__holding", "to_agency", "drafted_by", "asked")
    return rows.select_for_update(of=("self",)).get(pk=release_id)


def _arrive(release_id: UUID, stored: Stored) -> None:
    release, now = _locked(release_id), timezone.now()
    assert release.to_agency is not None
    to_agency = release.to_agency.id
    if ReceivedPart.objects.filter(release_ref=release.id, agency_id=to_agency).exists():
        raise RuntimeError("Another run has carried it; this copy is taken away.")
    if stored.sha256 != release.sha256:
        raise DamagedSource(f"The package of the release {release.id} is not the one that was made.")
    ref = release.asked.request_ref if release.asked else None
    request = PartRequest.objects.select_related("case__holding").filter(pk=ref).first() if ref else None
    holding = request.case.holding if request is not None else Holding.objects.create(agency_id=to_agency)
    blob = Blob.objects.create(
        id=new_id(), holding=holding, agency_id=to_agency, path=stored.blob_id, wrapped_key=stored.wrapped_key,
        size=stored.size, sha256=stored.sha256, media_type="application/zip", created_at=now,
    )  # fmt: skip
    part = ReceivedPart.objects.create(
        id=new_id(), holding=holding, agency_id=to_agency, release_ref=release.id, request=request,
        from_agency_id=release.agency_id, from_name=release.case.agency.name,
        from_officer_name=release.drafted_by.display_name, for_officers=release.for_officers,
        terms={
            "recipients": release.recipients, "to": {"agency": release.recipients, "officers": release.officer_names},
            "purpose": release.purpose, "legal_basis": release.legal_basis, "handling": release.handling,
            "conditions": release.conditions, "until": release.until_on.isoformat() if release.until_on else "",
            "originator_control": release.controlled, "released_by": release.drafted_by.display_name,
            "tlp": release.case.holding.tlp,
        },
        blob=blob, size=stored.size, sha256=stored.sha256, key_ref=release.key_ref, arrived_at=now,
    )  # fmt: skip
    release.arrived_at = now
    release.save(update_fields=["arrived_at"])
    tell(f"agency:{part.agency_id}", "part", part.id)
    tell(f"case:{release.case_id}", "part", release.id)
    if request is not None:
        sentence = f"{part.from_name} released something to you: {release.purpose}"
        _alert(request.case, f"part:{release.id}", sentence, AlertKind.RELEASE, f"/sharing/parts/received/{part.id}/")


def _agree(release_id: UUID) -> None:
    """Receipt, refusal and acknowledgement to the sender; withdrawal and its taking back to the recipient."""
    release, now = _locked(release_id), timezone.now()
    rows = ReceivedPart.objects.select_related("received_by", "acknowledged_by", "case")
    part = rows.select_for_update(of=("self",)).get(release_ref=release.id, agency=release.to_agency)
    _withdraw(release, part, now)
    kept, refused = part.state == ReceivedState.KEPT, part.state in (ReceivedState.REFUSED, ReceivedState.DAMAGED)
    stands = (
        part.received_at if kept else None,
        part.received_by.display_name if kept and part.received_by else "",
        part.receipt if kept else "",
        part.refused_at if refused else None,
        part.sentence if refused else "",
        part.acknowledged_at,
        part.acknowledged_by.display_name if part.acknowledged_by else "",
        part.acknowledgement,
    )
    fields = (
        "received_at", "received_by", "receipt", "refused_at", "refused_because", "acknowledged_at", "acknowledged_by",
        "acknowledgement",
    )  # fmt: skip
    if stands != tuple(getattr(release, name) for name in fields):
        for name, value in zip(fields, stands, strict=True):
            setattr(release, name, value)
        release.save(update_fields=list(fields))
        tell(f"case:{release.case_id}", "part", release.id)
        if refused:
            sentence = f"{release.recipients} refused what you released: {part.sentence}"
            _alert(
                release.case, f"part-refused:{release.id}:{_seconds(part.refused_at)}", sentence, AlertKind.RELEASE,
                f"/sharing/parts/releases/{release.id}/",
            )  # fmt: skip


def _withdraw(release: PartRelease, part: ReceivedPart, now: datetime) -> None:
    if (release.withdrawn_at is None) == (part.withdrawn_at is None):
        return
    withdrawn = release.withdrawn_at is not None
    part.withdrawn_at, part.withdrawn_because = release.withdrawn_at, release.withdrawn_because
    part.notice = withdrawal_notice(release).decode() if withdrawn else ""
    part.acknowledged_at, part.acknowledged_by, part.acknowledgement = None, None, ""
    part.save(
        update_fields=[
            "withdrawn_at", "withdrawn_because", "notice", "acknowledged_at", "acknowledged_by", "acknowledgement",
        ]
    )  # fmt: skip
    Origin.objects.filter(release_ref=release.id, agency_id=part.agency_id).update(withdrawn_at=release.withdrawn_at)
    if part.exhibit_id is not None:
        settle_marks(part.exhibit_id, release.withdrawn_at)
    tell(f"agency:{part.agency_id}", "part", part.id)
    if part.case is not None:
        word = f"withdrew what it released: {release.withdrawn_because}" if withdrawn else "took its withdrawal back."
        _alert(
            part.case, f"part-withdrawn:{release.id}:{_seconds(now)}", f"{part.from_name} {word}", AlertKind.RELEASE,
            f"/sharing/parts/received/{part.id}/",
        )  # fmt: skip


def _seconds(at: datetime | None) -> str:
    return f"{at.timestamp():.0f}" if at is not None else ""


def _alert(case: Case, digest: str, sentence: str, kind: AlertKind, url: str) -> None:
    if Alert.objects.filter(case=case, digest=digest).exists():
        return
    alert = Alert.objects.create(
        id=new_id(), holding_id=case.holding_id, agency_id=case.agency_id, case=case, kind=kind, sentence=sentence,
        strength=80.0, subject_url=url, digest=digest, raised_at=timezone.now(),
    )  # fmt: skip
    tell_officers(case.id, "alert.raised", alert.id)
