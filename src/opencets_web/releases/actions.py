"""Asking for a part, answering, releasing it, and what becomes of it: each checks, changes, logs and posts what follows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from opencets.errors import ActRefused, NotFound, OpenCETSError
from opencets.packing.blobs import Stored
from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency, Officer, Role
from opencets_web.audit import log, outbox
from opencets_web.cases.models import Case, CaseState
from opencets_web.deconfliction.models import Conflict
from opencets_web.deconfliction.values import Value
from opencets_web.disclosure.gathering import admit_release, key_ref
from opencets_web.evidence.models import Blob, Claim, Exhibit, ExhibitFile, ExhibitState, Record
from opencets_web.evidence.vault import store
from opencets_web.leads.queries import standing_pointers
from opencets_web.marks.models import Mark
from opencets_web.marks.releasing import region_to_release
from opencets_web.policy import door
from opencets_web.policy.acting import acting_as
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Handling, Tlp
from opencets_web.policy.rules import may_release
from opencets_web.releases.gathering import UNDECIDED, PartGathering, matching_records
from opencets_web.releases.models import (
    ItemKind,
    PartAsked,
    PartnerKey,
    PartRelease,
    PartRequest,
    PartState,
    ReceivedPart,
    ReleaseItem,
    ReleaseRule,
    ReleaseState,
    Sought,
    Urgency,
)
from opencets_web.ui.notify import tell

MOST_VALUES = 100
MOST_ITEMS = 500

# --- Asking ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: from whom, what, for what, on which basis, how soon."""

    sought: str
    purpose: str
    legal_basis: str
    values: tuple[Value, ...] = ()
    text: str = ""
    urgency: str = Urgency.ROUTINE.value
    wanted_by: date | None = None
    recipients: str = ""

    @property
    def key(self) -> str:
        """The same for the same thing asked for."""
        named = sorted(f"{value.kind}:{value.normal}" for value in self.values)
        return sha256("\x1f".join([self.sought, self.text.strip(), self.recipients, *named]).encode()).hexdigest()


@transaction.atomic
def ask(
    actor: Actor,
    reference: str,
    wanted: Wanted,
    *,
    to_agency: UUID | None = None,
    pointer_id: UUID | None = None,
    conflict_id: UUID | None = None,
) -> UUID:
    """Ask another agency for a part of what it holds; the request's id. With a pointer or conflict, the agency is that one's.

    ActRefused: another agency's or a closed case, nothing sought, no purpose or basis, a code that lets only be called, or
    it is asked for already.
    """
    case = door.admit(actor, Case.objects.all(), "contribute", reference=reference)
    if case.agency_id != actor.agency_id:
        raise ActRefused("A request stands under a case of your own agency: choose one of yours.")
    if case.state != CaseState.OPEN:
        raise ActRefused(f"{reference} is closed; open it again to ask for something.")
    if wanted.sought not in Sought.values or wanted.sought == Sought.PASS_ON:
        raise ActRefused("Choose what is asked for.")
    pointer, conflict = None, None
    if pointer_id is not None:
        pointer = door.admit(actor, standing_pointers(actor).filter(case=case), "contribute", pk=pointer_id)
        to_agency = pointer.other_agency_id
        if not pointer.may_request:
            raise ActRefused("The owner's handling code lets you call, not request: use the contact shown.")
    if conflict_id is not None:
        rows = Conflict.objects.filter(agency_id=actor.agency_id, case=case)
        conflict = door.admit(actor, rows, "contribute", pk=conflict_id)
        to_agency = conflict.other_agency_id
        if not conflict.may_request or not conflict.told_them:
            raise ActRefused("The owner's handling code lets you call, not request: use the contact shown.")
    if to_agency is None or to_agency == actor.agency_id or not Agency.objects.filter(pk=to_agency).exists():
        raise ActRefused("Choose the agency that is asked: another one of this node.")
    if pointer is None and conflict is None and not wanted.values and not wanted.text.strip():
        raise ActRefused("Say what is sought: an identifier, one a line, or a sentence.")
    return _ask(actor, case, wanted, to_agency, pointer=pointer, conflict=conflict)


def _ask(actor: Actor, case: Case, wanted: Wanted, to_agency: UUID, **about: Any) -> UUID:
    if not wanted.purpose.strip() or not wanted.legal_basis.strip():
        raise ActRefused("A request says for what the records are needed, and on which legal basis.")
    if wanted.urgency not in Urgency.values:
        raise ActRefused("Choose how soon an answer is needed.")
    if wanted.wanted_by is not None and wanted.wanted_by < timezone.now().date():
        raise ActRefused("The day until which an answer is needed has passed.")
    if len(wanted.values) > MOST_VALUES:
        raise ActRefused(f"One request holds {MOST_VALUES} identifiers at most; split it.")
    request = PartRequest(
        holding_id=case.holding_id, agency_id=case.agency_id, case=case, to_agency_id=to_agency, sought=wanted.sought,
        values=[[value.kind, value.raw, value.normal] for value in wanted.values], text=wanted.text.strip(),
        purpose=wanted.purpose.strip(), legal_basis=wanted.legal_basis.strip(), urgency=wanted.urgency,
        wanted_by=wanted.wanted_by, recipients=wanted.recipients, key=wanted.key, asked_by_id=actor.officer_id,
        asked_at=timezone.now(), **about,
    )  # fmt: skip
    try:
        with transaction.atomic():
            request.save(force_insert=True)
    except IntegrityError:
        raise ActRefused("This is asked for already; wait for the answer, or take the request back.") from None
    _log(
        "part-request.made", actor, case,
        {"request": request.id, "to": to_agency, "sought": wanted.sought, "purpose": request.purpose,
         "values": [f"{value.kind}:{value.normal}" for value in wanted.values]},
    )  # fmt: skip
    _carry_request(actor, request)
    return request.id


def _own_request(actor: Actor, request_id: UUID) -> PartRequest:
    rows = PartRequest.objects.filter(agency_id=actor.agency_id).select_related("case").select_for_update(of=("self",))
    return door.admit(actor, rows, "contribute", pk=request_id)


def _carry_request(actor: Actor, request: PartRequest) -> None:
    tell(f"case:{request.case_id}", "part", request.id)
    outbox.post("part-request.changed", request_id=str(request.id), officer_id=str(actor.officer_id))


@transaction.atomic
def take_request_back(actor: Actor, request_id: UUID) -> None:
    """Take an open request back; again: nothing. ActRefused: it was answered."""
    request = _own_request(actor, request_id)
    if request.state == PartState.WITHDRAWN:
        return
    if request.state != PartState.ASKED:
        raise ActRefused("The request was answered already.")
    request.state, request.answered_at = PartState.WITHDRAWN, timezone.now()
    request.save(update_fields=["state", "answered_at"])
    _log("part-request.withdrawn", actor, request.case, {"request": request.id})
    _carry_request(actor, request)


@transaction.atomic
def ask_part_again(actor: Actor, request_id: UUID) -> UUID:
    """Ask once more what was taken back or declined; the new request's id. ActRefused: it waits or was released."""
    request = _own_request(actor, request_id)
    if request.state not in (PartState.WITHDRAWN, PartState.DECLINED):
        raise ActRefused("Only what was declined or taken back is asked again.")
    today = timezone.now().date()
    wanted = Wanted(
        sought=request.sought, purpose=request.purpose, legal_basis=request.legal_basis,
        values=tuple(Value(*value) for value in request.values), text=request.text, urgency=request.urgency,
        wanted_by=request.wanted_by if request.wanted_by and request.wanted_by >= today else None,
        recipients=request.recipients,
    )  # fmt: skip
    if request.sought == Sought.PASS_ON:
        return _ask(actor, request.case, wanted, request.to_agency_id, origin_id=request.origin_id)
    return ask(
        actor, request.case.reference, wanted, to_agency=request.to_agency_id, pointer_id=request.pointer_id,
        conflict_id=request.conflict_id,
    )  # fmt: skip


@transaction.atomic
def ask_to_pass_on(actor: Actor, part_id: UUID, *, recipients: str, purpose: str, legal_basis: str) -> UUID:
    """Ask the originator of a received part whether it may go to these recipients; the request's id.

    ActRefused: it is not received, needs no asking, or came from another node (whom one asks by other ways).
    """
    part = door.admit(actor, ReceivedPart.objects.select_related("case", "exhibit__origin"), pk=part_id)
    if part.case is None or part.exhibit is None or not hasattr(part.exhibit, "origin"):
        raise ActRefused("Receive it into a case first.")
    case = door.admit(actor, Case.objects.all(), "contribute", pk=part.case_id)
    if not part.exhibit.origin.controlled:
        raise ActRefused("It was released without originator control: its terms say how it may be used.")
    if part.from_agency_id is None:
        raise ActRefused(f"{part.from_name} works on another node: ask them by the contact in the package.")
    if not recipients.strip():
        raise ActRefused("Say to whom it is to be passed on, by their full name.")
    wanted = Wanted(Sought.PASS_ON.value, purpose, legal_basis, recipients=" ".join(recipients.split()))
    return _ask(actor, case, wanted, part.from_agency_id, origin=part.exhibit.origin)


# --- Answering -------------------------------------------------------------------------------------------------------


def _asked(actor: Actor, asked_id: UUID) -> PartAsked:
    rows = PartAsked.objects.filter(agency_id=actor.agency_id).select_for_update(of=("self",))
    return door.admit(actor, rows, "contribute", pk=asked_id)


def _answer(actor: Actor, asked: PartAsked, state: PartState, answer: str) -> None:
    asked.state, asked.answer = state, answer
    asked.answered_at, asked.answered_by_id = timezone.now(), actor.officer_id
    asked.save(update_fields=["state", "answer", "answered_at", "answered_by"])
    log.record(
        "part-request.answered", actor, holding=(asked.holding_id, asked.agency_id), subject=f"part-asked:{asked.id}",
        details={"request": asked.request_ref, "state": state, "answer": answer},
    )  # fmt: skip
    tell(f"agency:{asked.agency_id}", "part", asked.id)
    outbox.post("part-request.changed", request_id=str(asked.request_ref), officer_id=str(actor.officer_id))


@transaction.atomic
def decline_part(actor: Actor, asked_id: UUID, answer: str) -> None:
    """Decline what is asked for, with a sentence that the asking agency reads. ActRefused: answered or taken back."""
    asked = _asked(actor, asked_id)
    if asked.state != PartState.ASKED:
        raise ActRefused("It was answered or taken back already.")
    if not answer.strip():
        raise ActRefused("Decline with a sentence that the asking agency can read.")
    _answer(actor, asked, PartState.DECLINED, answer.strip())


@transaction.atomic
def reconsider_part(actor: Actor, asked_id: UUID) -> None:
    """Take a refusal back: the request waits for an answer again, and the asking agency is told."""
    asked = _asked(actor, asked_id)
    if asked.state != PartState.DECLINED:
        raise ActRefused("It was not declined.")
    _answer(actor, asked, PartState.ASKED, "")


@transaction.atomic
def answer_pass_on(actor: Actor, asked_id: UUID, *, agrees: bool, answer: str) -> None:
    """Answer whether what was released may be passed on: for these recipients and nobody else.

    ActRefused: it is another kind of request, was answered, or a refusal says no reason. An agreement may be taken back.
    """
    asked = _asked(actor, asked_id)
    if asked.sought != Sought.PASS_ON or asked.passes_on is None:
        raise ActRefused("This asks for a release, not to pass one on.")
    release = door.admit(actor, PartRelease.objects.select_related("case"), "manage", pk=asked.passes_on)
    admit_release(actor, release.case.reference)
    if asked.state == PartState.WITHDRAWN or (
        asked.state != PartState.ASKED and agrees == (asked.state == PartState.RELEASED)
    ):
        raise ActRefused("It was answered or taken back already.")
    if not agrees and not answer.strip():
        raise ActRefused("Decline with a sentence that the asking agency can read.")
    _answer(actor, asked, PartState.RELEASED if agrees else PartState.DECLINED, answer.strip())


# --- Releasing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms something is released, and to whom. ``officers``: named ones of the agency; none: all of it."""

    purpose: str
    legal_basis: str
    to_agency: UUID | None = None
    elsewhere: str = ""
    officers: tuple[UUID, ...] = ()
    conditions: str = ""
    until_on: date | None = None
    controlled: bool = True


@transaction.atomic
def begin_release(actor: Actor, reference: str, terms: Terms, *, asked_id: UUID | None = None) -> UUID:
    """Begin to release a part of a case, asked for or not; the draft's id. What matches the request stands in it, undecided.

    A draft of the same officer for the same request and case is gone on with. ActRefused: not theirs to release, no purpose or
    basis, code C without conditions, the own agency, a day that has passed.
    """
    case = admit_release(actor, reference)
    asked = None
    if asked_id is not None:
        asked = _asked(actor, asked_id)
        if asked.state not in (PartState.ASKED, PartState.PARTLY) or asked.sought == Sought.PASS_ON:
            raise ActRefused("It was answered or taken back already.")
        there = PartRelease.objects.filter(
            asked=asked, case=case, drafted_by_id=actor.officer_id, state=ReleaseState.DRAFT
        )
        if begun := there.first():
            return begun.id
    told = _terms(actor, case, terms, asked)
    release = PartRelease.objects.create(
        holding_id=case.holding_id, agency_id=case.agency_id, case=case, asked=asked, drafted_by_id=actor.officer_id,
        drafted_at=timezone.now(), **told,
    )  # fmt: skip
    _log(
        "part-release.begun", actor, case, {"release": release.id, "to": release.recipients, "purpose": release.purpose}
    )
    if asked is not None and asked.values:
        rows = matching_records(actor, case.id, asked.values)
        _add(actor, release, [(ItemKind.RECORD, row.exhibit_id, None, row.id, None) for row in rows[:MOST_ITEMS]])
    return release.id


def _terms(actor: Actor, case: Case, terms: Terms, asked: PartAsked | None) -> dict[str, Any]:
    """The fields of a release that its terms say, checked."""
    if not terms.purpose.strip() or not terms.legal_basis.strip():
        raise ActRefused("A release names its purpose and its legal basis.")
    if terms.until_on is not None and terms.until_on < timezone.now().date():
        raise ActRefused("The day until which it may be used has passed.")
    to_agency = asked.from_agency_id if asked is not None else terms.to_agency
    agency = Agency.objects.filter(pk=to_agency).first() if to_agency is not None else None
    if to_agency is not None and agency is None:
        raise ActRefused("That agency is not known here.")
    recipients = agency.name if agency is not None else " ".join(terms.elsewhere.split())
    if not recipients:
        raise ActRefused("Say to which agency it is released.")
    if agency is not None and agency.id == actor.agency_id:
        raise ActRefused("Your own agency sees the case already.")
    named = Officer.objects.filter(pk__in=terms.officers, agency=agency, is_active=True) if terms.officers else ()
    officers = [officer for officer in named if officer.reads_cases]
    if len(officers) != len(set(terms.officers)):
        raise ActRefused("Named are officers of the receiving agency who read cases.")
    if case.holding.tlp == Tlp.RED and not officers:
        raise ActRefused("TLP:RED is for named recipients alone: name the officers of the receiving agency.")
    code_c = case.holding.handling == Handling.CONDITIONS
    if code_c and not terms.conditions.strip():
        raise ActRefused(
            f"{case.reference} has handling code C ({case.holding.conditions}): say under which conditions it is released."
        )
    return {
        "to_agency": agency,
        "recipients": recipients,
        "for_officers": [officer.id for officer in officers],
        "officer_names": [officer.display_name for officer in officers],
        "purpose": terms.purpose.strip(),
        "legal_basis": terms.legal_basis.strip(),
        "handling": Handling.CONDITIONS if terms.conditions.strip() else Handling.PERMITTED,
        "conditions": terms.conditions.strip(),
        "until_on": terms.until_on,
        "controlled": terms.controlled,
    }


def _own_release(actor: Actor, release_id: UUID, *states: ReleaseState) -> PartRelease:
    """A release of the actor's agency, locked, that they may release; ActRefused: in another state, or not theirs to give."""
    rows = PartRelease.objects.filter(agency_id=actor.agency_id)
    rows = rows.select_related("case__holding", "case__agency", "asked", "drafted_by").select_for_update(of=("self",))
    release = door.admit(actor, rows, "manage", pk=release_id)
    if not may_release(actor, release.agency_id, door.level(actor, release.holding_id)):
        raise ActRefused(f"Your grant on {release.case.reference} does not let you release it.")
    if states and release.state not in states:
        raise ActRefused(f"It cannot be done now: this release is “{ReleaseState(release.state).label}”.")
    return release


@transaction.atomic
def change_terms(actor: Actor, release_id: UUID, terms: Terms) -> None:
    """Change the terms of a draft; refused as ``begin_release`` is."""
    release = _own_release(actor, release_id, ReleaseState.DRAFT)
    told = _terms(actor, release.case, terms, release.asked)
    for name, value in told.items():
        setattr(release, name, value)
    release.save(update_fields=list(told))
    _log("part-release.changed", actor, release.case, {"release": release.id, "to": release.recipients})
    _tell_release(release)


@transaction.atomic
def add_items(
    actor: Actor,
    release_id: UUID,
    *,
    records: Sequence[UUID] = (),
    files: Sequence[UUID] = (),
    exhibits: Sequence[UUID] = (),
    marks: Sequence[UUID] = (),
    shown: Collection[str] = (),
) -> int:
    """Put things of the case into a draft, undecided; how many were new. NotFound: not of this case.

    ActRefused: a mark that is withdrawn, or stands on a masked picture or on a known one that this session did not ask for
    (``shown``).
    """
    release = _own_release(actor, release_id, ReleaseState.DRAFT)
    of_case = {"case_id": release.case_id}
    wanted: list[Wanting] = []
    for key in exhibits:
        exhibit = door.admit(actor, Exhibit.objects.filter(**of_case).exclude(state=ExhibitState.CANCELLED), pk=key)
        wanted.append((ItemKind.EXHIBIT, exhibit.id, None, None, None))
    for key in files:
        file = door.admit(actor, ExhibitFile.objects.filter(exhibit__case_id=release.case_id), pk=key)
        wanted.append((ItemKind.FILE, file.exhibit_id, file.id, None, None))
    for key in records:
        record = door.admit(actor, Record.objects.filter(**of_case), pk=key)
        wanted.append((ItemKind.RECORD, record.exhibit_id, None, record.id, None))
    for key in marks:
        mark = door.admit(actor, Mark.objects.filter(**of_case), pk=key)
        region = region_to_release(actor, mark, shown=shown)
        wanted.append((ItemKind.MARK, region.media.file.exhibit_id, None, None, mark.id))
    return _add(actor, release, wanted)


Wanting = tuple[ItemKind, UUID, UUID | None, UUID | None, UUID | None]
"""Kind, exhibit, and the file, record or mark that it is."""


def _add(actor: Actor, release: PartRelease, wanted: Sequence[Wanting]) -> int:
    named = ("kind", "exhibit_id", "file_id", "record_id", "mark_id")
    there = set(ReleaseItem.objects.filter(part_release=release).values_list(*named))
    new = [one for one in dict.fromkeys(wanted) if (one[0].value, *one[1:]) not in there]
    if len(there) + len(new) > MOST_ITEMS:
        raise ActRefused(
            f"One release weighs {MOST_ITEMS} items at most: release the exhibit they stand in, or make two."
        )
    now = timezone.now()
    ReleaseItem.objects.bulk_create(
        ReleaseItem(
            id=new_id(), holding_id=release.holding_id, agency_id=release.agency_id, part_release=release, kind=kind,
            exhibit_id=exhibit, file_id=file, record_id=record, mark_id=mark, given=False, reason=UNDECIDED,
            added_by_id=actor.officer_id, added_at=now,
        )
        for kind, exhibit, file, record, mark in new
    )  # fmt: skip
    if new:
        _log("part-release.changed", actor, release.case, {"release": release.id, "added": len(new)})
        _tell_release(release)
    return len(new)


@dataclass(frozen=True, slots=True)
class Decision:
    """Yes or no to one item: why not; of an exhibit whether its files go along; of a record which claims are left out."""

    item_id: UUID
    given: bool
    reason: str = ""
    originals: bool = False
    masked: tuple[UUID, ...] = ()


@transaction.atomic
def decide_items(actor: Actor, release_id: UUID, decisions: Sequence[Decision]) -> None:
    """Say yes or no to items of a draft; may be said again. ActRefused: a no without a reason."""
    release = _own_release(actor, release_id, ReleaseState.DRAFT)
    items = {item.id: item for item in ReleaseItem.objects.filter(part_release=release).select_for_update()}
    told = []
    for decision in decisions:
        item = items.get(decision.item_id)
        if item is None:
            raise NotFound
        if not decision.given and not decision.reason.strip():
            raise ActRefused("A no says why: the asking agency reads the reason.")
        item.given, item.reason = decision.given, "" if decision.given else decision.reason.strip()[:500]
        item.originals = decision.given and decision.originals and item.kind == ItemKind.EXHIBIT
        item.masked = _masked(actor, item, decision.masked) if decision.given else []
        item.save(update_fields=["given", "reason", "originals", "masked"])
        told.append([str(item.id), item.given])
    _log("part-release.changed", actor, release.case, {"release": release.id, "decided": told})
    _tell_release(release)


def _masked(actor: Actor, item: ReleaseItem, claims: Sequence[UUID]) -> list[UUID]:
    if item.record_id is None or not claims:
        return []
    rows = door.visible(actor, Claim.objects.filter(record_id=item.record_id, pk__in=claims))
    return sorted(rows.values_list("id", flat=True))


@transaction.atomic
def send(actor: Actor, release_id: UUID, seen: str) -> ReleaseState:
    """Release what was shown, or lay it before a second person where the agency demands one; how it stands now. Again: nothing.

    ``seen``: the digest of the preview. ActRefused: it changed since, an item is undecided or not ours to give.
    """
    release = _own_release(actor, release_id)
    if release.state in (ReleaseState.WAITING, ReleaseState.MAKING, ReleaseState.MADE):
        return ReleaseState(release.state)
    _own_release(actor, release_id, ReleaseState.DRAFT)
    _refuse_unseen(actor, release, seen)
    release.seen, release.sent_by_id, release.sent_at, release.sentence = seen, actor.officer_id, timezone.now(), ""
    rule = ReleaseRule.objects.filter(agency_id=release.agency_id).first()
    waits = rule is not None and rule.second_person
    release.state = ReleaseState.WAITING if waits else ReleaseState.MAKING
    release.save(update_fields=["seen", "sent_by", "sent_at", "sentence", "state"])
    _log("part-release.sent", actor, release.case, {"release": release.id, "to": release.recipients, "waits": waits})
    _tell_release(release)
    if not waits:
        outbox.post("part-release.sent", release_id=str(release.id), officer_id=str(actor.officer_id))
    return ReleaseState(release.state)


def _refuse_unseen(actor: Actor, release: PartRelease, seen: str) -> None:
    gathering = PartGathering(actor, release)
    gathering.refuse()
    if gathering.seen() != seen:
        raise ActRefused("What would leave has changed since you looked: look at the preview again, then release.")


@transaction.atomic
def approve(actor: Actor, release_id: UUID, seen: str) -> None:
    """Approve a release as the second person; it is made. ActRefused: one's own, or it changed since it was looked at."""
    release = _own_release(actor, release_id)
    if release.state in (ReleaseState.MAKING, ReleaseState.MADE):
        return
    _own_release(actor, release_id, ReleaseState.WAITING)
    if actor.officer_id in (release.drafted_by_id, release.sent_by_id):
        raise ActRefused("Your agency demands a second person: a colleague approves what you prepared.")
    _refuse_unseen(actor, release, seen)
    release.state, release.approved_by_id, release.approved_at = ReleaseState.MAKING, actor.officer_id, timezone.now()
    release.save(update_fields=["state", "approved_by", "approved_at"])
    _log("part-release.approved", actor, release.case, {"release": release.id, "to": release.recipients})
    _tell_release(release)
    outbox.post("part-release.sent", release_id=str(release.id), officer_id=str(actor.officer_id))


@transaction.atomic
def back_to_draft(actor: Actor, release_id: UUID, reason: str = "") -> None:
    """Take what waits for approval, could not be made or was given up back into preparation, or send it back with a reason."""
    release = _own_release(actor, release_id, ReleaseState.WAITING, ReleaseState.REFUSED, ReleaseState.DISCARDED)
    if release.state == ReleaseState.WAITING and actor.officer_id != release.sent_by_id and not reason.strip():
        raise ActRefused("Send it back with a sentence that says what is to be changed.")
    release.state, release.sentence = ReleaseState.DRAFT, reason.strip()
    release.save(update_fields=["state", "sentence"])
    _log("part-release.taken-back", actor, release.case, {"release": release.id, "reason": reason.strip()})
    _tell_release(release)


@transaction.atomic
def discard(actor: Actor, release_id: UUID) -> None:
    """Give up a draft; it stays, and may be taken up again. Nothing has left."""
    release = _own_release(actor, release_id, ReleaseState.DRAFT)
    release.state = ReleaseState.DISCARDED
    release.save(update_fields=["state"])
    _log("part-release.discarded", actor, release.case, {"release": release.id})
    _tell_release(release)


def make_release(actor: Actor, release_id: UUID) -> None:
    """Make the package of a release, keep it encrypted and write-once, and have it carried over; again: nothing."""
    with acting_as(actor.officer_id):
        release = _own_release(actor, release_id)
        if release.state != ReleaseState.MAKING:
            return
        into = store(release.agency_id)
    stored: Stored | None = None
    try:
        with acting_as(actor.officer_id):
            release = door.admit(
                actor,
                PartRelease.objects.select_related("case__agency", "asked", "drafted_by"),
                "manage",
                pk=release_id,
            )
            admit_release(actor, release.case.reference)
            gathering = PartGathering(actor, release)
            gathering.refuse()
            stored = into.put(gathering.sealed())
        with acting_as(actor.officer_id):
            _made(actor, release_id, stored)
    except BaseException as error:
        if stored is not None:
            into.delete(stored.blob_id)
        if not isinstance(error, OpenCETSError) or isinstance(error, NotFound) or error.retry_helps:
            raise
        with acting_as(actor.officer_id):
            refused = _own_release(actor, release_id)
            refused.state, refused.sentence = ReleaseState.REFUSED, error.sentence
            refused.save(update_fields=["state", "sentence"])
            _log("part-release.refused", actor, refused.case, {"release": refused.id, "why": error.sentence})
            _tell_release(refused)


def _made(actor: Actor, release_id: UUID, stored: Stored) -> None:
    release = _own_release(actor, release_id, ReleaseState.MAKING)
    blob = Blob.objects.create(
        id=new_id(), holding_id=release.holding_id, agency_id=release.agency_id, path=stored.blob_id,
        wrapped_key=stored.wrapped_key, size=stored.size, sha256=stored.sha256, media_type="application/zip",
        created_at=timezone.now(),
    )  # fmt: skip
    release.state, release.made_at, release.blob = ReleaseState.MADE, timezone.now(), blob
    release.sha256, release.size, release.key_ref, release.sentence = stored.sha256, stored.size, key_ref(), ""
    release.save(update_fields=["state", "made_at", "blob", "sha256", "size", "key_ref", "sentence"])
    items = list(ReleaseItem.objects.filter(part_release=release))
    given = sum(item.given for item in items)
    _log(
        "part-release.made", actor, release.case,
        {"release": release.id, "to": release.recipients, "officers": release.officer_names, "purpose": release.purpose,
         "legal_basis": release.legal_basis, "handling": release.handling, "conditions": release.conditions,
         "sha256": stored.sha256, "size": stored.size, "given": given, "not_given": len(items) - given},
    )  # fmt: skip
    if release.asked_id is not None:
        asked = PartAsked.objects.select_for_update().get(pk=release.asked_id)
        if asked.state in (PartState.ASKED, PartState.PARTLY):
            all_given = given == len(items)
            answer = "Released." if all_given else f"{given} of {len(items)} items were released; the package says why."
            _answer(actor, asked, PartState.RELEASED if all_given else PartState.PARTLY, answer)
    _tell_release(release)
    if release.to_agency_id is not None:
        _carry_release(actor, release)


def _carry_release(actor: Actor, release: PartRelease) -> None:
    outbox.post("part-release.changed", release_ref=str(release.id), officer_id=str(actor.officer_id))


@transaction.atomic
def withdraw_part(actor: Actor, release_id: UUID, reason: str) -> None:
    """Withdraw a release: its recipients are told, and asked to destroy it. What was released stays known for ever."""
    release = _own_release(actor, release_id, ReleaseState.MADE)
    if not reason.strip():
        raise ActRefused("A release is withdrawn with a reason that its recipients read.")
    if release.withdrawn_at is not None:
        raise ActRefused("It was withdrawn already.")
    release.withdrawn_at, release.withdrawn_by_id = timezone.now(), actor.officer_id
    release.withdrawn_because = reason.strip()
    release.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_because"])
    _log(
        "part-release.withdrawn",
        actor,
        release.case,
        {"release": release.id, "to": release.recipients, "reason": reason},
    )
    _tell_release(release)
    _carry_release(actor, release)


@transaction.atomic
def reinstate_part(actor: Actor, release_id: UUID) -> None:
    """Take a withdrawal back; its recipients are told that they may use it again."""
    release = _own_release(actor, release_id, ReleaseState.MADE)
    if release.withdrawn_at is None:
        raise ActRefused("It was not withdrawn.")
    release.withdrawn_at, release.withdrawn_by_id, release.withdrawn_because = None, None, ""
    release.acknowledged_at, release.acknowledged_by, release.acknowledgement = None, "", ""
    release.save(
        update_fields=[
            "withdrawn_at", "withdrawn_by", "withdrawn_because", "acknowledged_at", "acknowledged_by", "acknowledgement",
        ]
    )  # fmt: skip
    _log("part-release.reinstated", actor, release.case, {"release": release.id, "to": release.recipients})
    _tell_release(release)
    _carry_release(actor, release)


# --- What an agency demands ----------------------------------------------------------------------------------------------


def _supervisor(actor: Actor) -> None:
    if not actor.has(Role.SUPERVISOR):
        raise ActRefused("A supervisor of your agency decides this.")


@transaction.atomic
def demand_second_person(actor: Actor, *, demanded: bool) -> None:
    """Demand that a second person approves every release of the agency, or demand it no longer. ActRefused: no supervisor."""
    _supervisor(actor)
    now = timezone.now()
    rule, made = ReleaseRule.objects.get_or_create(
        agency_id=actor.agency_id,
        defaults={"second_person": demanded, "changed_by_id": actor.officer_id, "changed_at": now},
    )
    if not made:
        rule.second_person, rule.changed_by_id, rule.changed_at = demanded, actor.officer_id, now
        rule.save(update_fields=["second_person", "changed_by", "changed_at"])
    log.record("release-rule.changed", actor, subject="release-rule", details={"second_person": demanded})


@transaction.atomic
def trust_key(actor: Actor, *, key: str, whose: str, compared: str) -> UUID:
    """Trust a key of another node for the releases of one agency; its id. ActRefused: no supervisor, no key id, no comparison."""
    _supervisor(actor)
    plain = "".join(key.lower().split()).replace(":", "")
    if len(plain) != 64 or any(letter not in "0123456789abcdef" for letter in plain):
        raise ActRefused("A key's id has 64 hexadecimal digits; the sender reads it from their own page or package.")
    if not whose.strip() or not compared.strip():
        raise ActRefused("Say whose key it is, and how you compared its id with them.")
    trusted = PartnerKey(
        agency_id=actor.agency_id, key_ref=plain, whose=" ".join(whose.split()), compared=compared.strip(),
        added_by_id=actor.officer_id, added_at=timezone.now(),
    )  # fmt: skip
    try:
        with transaction.atomic():
            trusted.save(force_insert=True)
    except IntegrityError:
        raise ActRefused("This key is trusted for them already.") from None
    log.record("partner-key.added", actor, subject=f"partner-key:{trusted.id}", details={"key": plain, "whose": whose})
    return trusted.id


@transaction.atomic
def end_key(actor: Actor, key_id: UUID) -> None:
    """Trust a key no longer; what it signed and was received stays."""
    _set_ended(actor, key_id, ended=True)


@transaction.atomic
def restore_key(actor: Actor, key_id: UUID) -> None:
    """Trust a key again."""
    _set_ended(actor, key_id, ended=False)


def _set_ended(actor: Actor, key_id: UUID, *, ended: bool) -> None:
    trusted = PartnerKey.objects.select_for_update().filter(pk=key_id, agency_id=actor.agency_id).first()
    if trusted is None:
        raise NotFound
    _supervisor(actor)
    trusted.ended_at = timezone.now() if ended else None
    try:
        with transaction.atomic():
            trusted.save(update_fields=["ended_at"])
    except IntegrityError:
        raise ActRefused("This key is trusted for them already.") from None
    verb = "partner-key.ended" if ended else "partner-key.restored"
    log.record(verb, actor, subject=f"partner-key:{trusted.id}", details={"key": trusted.key_ref})


# --- Words -----------------------------------------------------------------------------------------------------------


def _tell_release(release: PartRelease) -> None:
    tell(f"case:{release.case_id}", "part", release.id)


def _log(verb: str, actor: Actor, case: Case, details: dict[str, object]) -> None:
    log.record(
        verb, actor, holding=(case.holding_id, case.agency_id), subject=f"case:{case.reference}", details=details
    )
