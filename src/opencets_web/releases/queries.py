"""Reading parts asked for, released and received, for a page: actor first, frozen pages out.

Each side reads its own rows. What an agency asks for, releases and receives is its own business, also while its case is open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, BinaryIO
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet

from opencets.errors import ActRefused, NotFound
from opencets.records import KINDS, PROPERTIES, RECORDS
from opencets_web.accounts.models import READING_ROLES, Agency, Officer, Role
from opencets_web.audit import log
from opencets_web.cases.models import Case, CaseState
from opencets_web.cases.queries import CaseFrame, get_frame
from opencets_web.deconfliction.models import Conflict
from opencets_web.deconfliction.values import label_of
from opencets_web.disclosure.gathering import key_ref
from opencets_web.evidence.models import Claim, Exhibit, ExhibitFile, ExhibitState, Record
from opencets_web.evidence.vault import opening
from opencets_web.leads.queries import standing_pointers
from opencets_web.marks.models import Mark, kinds
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.rules import LEVELS
from opencets_web.releases.gathering import UNDECIDED, PartGathering, where, withdrawal_notice
from opencets_web.releases.models import (
    ItemKind,
    PartAsked,
    PartnerKey,
    PartRelease,
    PartRequest,
    PartState,
    ReceivedPart,
    ReceivedState,
    ReleaseItem,
    ReleaseRule,
    ReleaseState,
    Sought,
    Urgency,
)
from opencets_web.sharing.queries import other_agencies as agencies_beside

NEWEST = 20
MOST_FOUND = 40
TONES = {
    PartState.ASKED.value: "accent",
    PartState.RELEASED.value: "good",
    PartState.PARTLY.value: "good",
    PartState.DECLINED.value: "warn",
    PartState.WITHDRAWN.value: "",
    ReleaseState.DRAFT.value: "",
    ReleaseState.WAITING.value: "accent",
    ReleaseState.MAKING.value: "accent",
    ReleaseState.MADE.value: "good",
    ReleaseState.REFUSED.value: "bad",
    ReleaseState.DISCARDED.value: "",
    ReceivedState.KEEPING.value: "accent",
    ReceivedState.KEPT.value: "good",
    ReceivedState.DAMAGED.value: "bad",
}
_URGENT = {Urgency.URGENT.value: "warn", Urgency.LIFE.value: "bad"}


@dataclass(frozen=True, slots=True)
class AskedFor:
    """A request for a part, from either side."""

    id: UUID
    ours: bool
    case: str
    agency: str
    officer: str
    contact: str
    phone: str
    sought: str
    kind: str
    values: tuple[tuple[str, str], ...]
    text: str
    purpose: str
    legal_basis: str
    urgency: str
    urgent: str
    wanted_by: date | None
    recipients: str
    asked_at: datetime
    state: str
    label: str
    tone: str
    answer: str
    answered_at: datetime | None
    answered_by: str

    @property
    def open(self) -> bool:
        """Whether it waits for an answer."""
        return self.state == PartState.ASKED

    @property
    def passes_on(self) -> bool:
        """Whether it asks to pass something on."""
        return self.kind == Sought.PASS_ON

    @property
    def whole_case(self) -> bool:
        """Whether a whole case is asked for."""
        return self.kind == Sought.CASE

    @property
    def url(self) -> str:
        """Its page, on the side that reads this row."""
        return f"/sharing/parts/{'requests' if self.ours else 'asked'}/{self.id}/"


@dataclass(frozen=True, slots=True)
class GivenRow:
    """A part release in a list."""

    id: UUID
    case: str
    recipients: str
    officers: tuple[str, ...]
    purpose: str
    legal_basis: str
    handling: str
    conditions: str
    until_on: date | None
    controlled: bool
    state: str
    label: str
    tone: str
    by: str
    at: datetime
    made_at: datetime | None
    size: int
    sha256: str
    key_ref: str
    sentence: str
    elsewhere: bool
    approved_by: str
    arrived_at: datetime | None
    received_at: datetime | None
    received_by: str
    refused_at: datetime | None
    refused_because: str
    withdrawn_at: datetime | None
    withdrawn_by: str
    withdrawn_because: str
    acknowledged_at: datetime | None
    acknowledged_by: str

    @property
    def url(self) -> str:
        """Its page."""
        return f"/sharing/parts/releases/{self.id}/"

    @property
    def made(self) -> bool:
        """Whether it has left."""
        return self.state == ReleaseState.MADE

    @property
    def draft(self) -> bool:
        """Whether it is being prepared."""
        return self.state == ReleaseState.DRAFT

    @property
    def waits(self) -> bool:
        """Whether a second person has to approve it."""
        return self.state == ReleaseState.WAITING


@dataclass(frozen=True, slots=True)
class ReceivedRow:
    """A part that another agency released to ours."""

    id: UUID
    case: str
    exhibit: str
    exhibit_id: UUID | None
    agency: str
    officer: str
    purpose: str
    legal_basis: str
    handling: str
    conditions: str
    until: str
    controlled: bool
    officers: tuple[str, ...]
    state: str
    label: str
    tone: str
    arrived_at: datetime
    size: int
    sha256: str
    key_ref: str
    by_upload: bool
    request_id: UUID | None
    received_by: str
    received_at: datetime | None
    sentence: str
    withdrawn_at: datetime | None
    withdrawn_because: str
    acknowledged_at: datetime | None

    @property
    def url(self) -> str:
        """Its page."""
        return f"/sharing/parts/received/{self.id}/"

    @property
    def waits(self) -> bool:
        """Whether somebody has to receive or refuse it."""
        return self.state == ReceivedState.WAITING and self.withdrawn_at is None

    @property
    def kept(self) -> bool:
        """Whether it was received into a case."""
        return self.state == ReceivedState.KEPT

    @property
    def refused(self) -> bool:
        """Whether an officer refused it."""
        return self.state == ReceivedState.REFUSED

    @property
    def to_acknowledge(self) -> bool:
        """Whether its withdrawal waits to be acknowledged."""
        return self.withdrawn_at is not None and self.acknowledged_at is None


Row = AskedFor | GivenRow | ReceivedRow


# --- Rows ------------------------------------------------------------------------------------------------------------


def _requests(actor: Actor) -> QuerySet[PartRequest]:
    rows = door.visible(actor, PartRequest.objects.filter(agency_id=actor.agency_id))
    return rows.select_related("case", "to_agency", "asked_by").order_by("-asked_at", "-id")


def _asked(actor: Actor) -> QuerySet[PartAsked]:
    rows = door.visible(actor, PartAsked.objects.filter(agency_id=actor.agency_id))
    return rows.select_related("case", "from_agency", "answered_by").order_by("-asked_at", "-id")


def _given(actor: Actor) -> QuerySet[PartRelease]:
    rows = door.visible(actor, PartRelease.objects.filter(agency_id=actor.agency_id))
    rows = rows.select_related("case__holding", "case__agency", "drafted_by", "approved_by", "withdrawn_by", "asked")
    return rows.order_by("-drafted_at", "-id")


def _received(actor: Actor) -> QuerySet[ReceivedPart]:
    rows = door.visible(actor, ReceivedPart.objects.filter(agency_id=actor.agency_id))
    return rows.select_related("case", "exhibit", "received_by").order_by("-arrived_at", "-id")


def _values(values: Iterable[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((KINDS[kind].label if kind in KINDS else kind, label_of(kind, normal)) for kind, _, normal in values)


def _request_row(row: PartRequest) -> AskedFor:
    other = row.to_agency
    return AskedFor(
        id=row.id, ours=True, case=row.case.reference, agency=other.name, officer=row.asked_by.display_name,
        contact=other.contact_name, phone=other.contact_phone, answered_by="", **_common(row),
    )  # fmt: skip


def _asked_row(row: PartAsked) -> AskedFor:
    other = row.from_agency
    return AskedFor(
        id=row.id, ours=False, case=row.case.reference if row.case else "", agency=other.name, officer=row.from_officer_name,
        contact=other.contact_name, phone=other.contact_phone,
        answered_by=row.answered_by.display_name if row.answered_by else "", **_common(row),
    )  # fmt: skip


def _common(row: PartRequest | PartAsked) -> dict[str, Any]:
    agreed = row.sought == Sought.PASS_ON and row.state == PartState.RELEASED
    return {
        "sought": Sought(row.sought).label, "kind": row.sought, "values": _values(row.values), "text": row.text,
        "purpose": row.purpose, "legal_basis": row.legal_basis, "urgency": Urgency(row.urgency).label,
        "urgent": _URGENT.get(row.urgency, ""), "wanted_by": row.wanted_by, "recipients": row.recipients,
        "asked_at": row.asked_at, "state": row.state, "label": "Agreed" if agreed else PartState(row.state).label,
        "tone": TONES[row.state], "answer": row.answer, "answered_at": row.answered_at,
    }  # fmt: skip


def _given_row(row: PartRelease) -> GivenRow:
    label, tone = ReleaseState(row.state).label, TONES[row.state]
    if row.withdrawn_at is not None:
        label, tone = "Withdrawn", "warn"
    elif row.refused_at is not None:
        label, tone = "Refused by them", "warn"
    elif row.received_at is not None:
        label = "Received by them"
    return GivenRow(
        id=row.id, case=row.case.reference, recipients=row.recipients, officers=tuple(row.officer_names), purpose=row.purpose,
        legal_basis=row.legal_basis, handling=row.handling, conditions=row.conditions, until_on=row.until_on,
        controlled=row.controlled, state=row.state, label=label, tone=tone, by=row.drafted_by.display_name, at=row.drafted_at,
        made_at=row.made_at, size=row.size, sha256=row.sha256, key_ref=row.key_ref, sentence=row.sentence,
        elsewhere=row.to_agency_id is None, approved_by=row.approved_by.display_name if row.approved_by else "",
        arrived_at=row.arrived_at, received_at=row.received_at, received_by=row.received_by, refused_at=row.refused_at,
        refused_because=row.refused_because, withdrawn_at=row.withdrawn_at,
        withdrawn_by=row.withdrawn_by.display_name if row.withdrawn_by else "", withdrawn_because=row.withdrawn_because,
        acknowledged_at=row.acknowledged_at, acknowledged_by=row.acknowledged_by,
    )  # fmt: skip


def _received_row(row: ReceivedPart) -> ReceivedRow:
    label, tone, terms = ReceivedState(row.state).label, TONES.get(row.state, "accent"), row.terms
    if row.withdrawn_at is not None:
        label, tone = "Withdrawn by them", "warn"
    elif row.state == ReceivedState.REFUSED:
        tone = "warn"
    return ReceivedRow(
        id=row.id, case=row.case.reference if row.case else "", exhibit=row.exhibit.reference if row.exhibit else "",
        exhibit_id=row.exhibit_id, agency=row.from_name, officer=row.from_officer_name, purpose=terms.get("purpose", ""),
        legal_basis=terms.get("legal_basis", ""), handling=terms.get("handling", "C"), conditions=terms.get("conditions", ""),
        until=terms.get("until", ""), controlled=terms.get("originator_control", True),
        officers=tuple(terms.get("to", {}).get("officers", ())), state=row.state, label=label, tone=tone,
        arrived_at=row.arrived_at, size=row.size, sha256=row.sha256, key_ref=row.key_ref, by_upload=row.by_upload,
        request_id=row.request_id, received_by=row.received_by.display_name if row.received_by else "",
        received_at=row.received_at, sentence=row.sentence, withdrawn_at=row.withdrawn_at,
        withdrawn_because=row.withdrawn_because, acknowledged_at=row.acknowledged_at,
    )  # fmt: skip


# --- The room and a case -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PartList:
    """One list of the room: its rows, how many there are, and how many wait for somebody here."""

    name: str
    title: str
    rows: tuple[Row, ...]
    total: int
    waiting: int


@dataclass(frozen=True, slots=True)
class RoomPage:
    """Parts asked for, released and received; ``page`` where one list is shown alone."""

    lists: tuple[PartList, ...]
    alone: str
    page: Page[Any] | None
    agency_id: UUID


_WAITS = {
    "of-us": Q(state=PartState.ASKED),
    "received": Q(state=ReceivedState.WAITING, withdrawn_at=None) | Q(withdrawn_at__isnull=False, acknowledged_at=None),
    "by-us": Q(state=PartState.ASKED),
    "given": Q(state__in=[ReleaseState.DRAFT, ReleaseState.WAITING]),
}
_LISTS: dict[str, tuple[str, Callable[[Actor], QuerySet[Any]], Callable[[Any], Row]]] = {
    "of-us": ("Other agencies ask of you", _asked, _asked_row),
    "received": ("Released to you", _received, _received_row),
    "by-us": ("You asked", _requests, _request_row),
    "given": ("You released", _given, _given_row),
}


def get_room(actor: Actor, *, alone: str = "", number: int = 1) -> RoomPage:
    """What was asked and released in parts, both ways, the newest first; empty for an officer who reads no cases."""
    chosen = alone if alone in _LISTS else ""
    lists, page = [], None
    for name, (title, rows_of, as_row) in _LISTS.items():
        if chosen and name != chosen:
            continue
        rows = rows_of(actor)
        if chosen:
            page = Paginator(rows, 50).get_page(number)
            shown, total = list(page), page.paginator.count
        else:
            shown = list(rows[: NEWEST + 1])
            total = len(shown) if len(shown) <= NEWEST else rows.count()
        waiting = rows.filter(_WAITS[name]).count() if shown else 0
        lists.append(
            PartList(name, title, tuple(as_row(row) for row in shown[: 50 if chosen else NEWEST]), total, waiting)
        )
    log.record("parts.viewed", actor, details={"part": chosen, "page": number if chosen else 1})
    return RoomPage(tuple(lists), chosen, page, actor.agency_id)


@dataclass(frozen=True, slots=True)
class DeskParts:
    """What of parts waits on the desk: asked of us, released to us, withdrawn and not acknowledged, to be approved."""

    asked: tuple[AskedFor, ...]
    received: tuple[ReceivedRow, ...]
    approvals: tuple[GivenRow, ...]

    def __bool__(self) -> bool:
        return bool(self.asked or self.received or self.approvals)


def desk_parts(actor: Actor) -> DeskParts:
    """What waits for somebody of the actor's agency, the most urgent and oldest first, six of each."""
    order = {Urgency.LIFE.value: 0, Urgency.URGENT.value: 1, Urgency.ROUTINE.value: 2}
    asked = [_asked_row(row) for row in _asked(actor).filter(_WAITS["of-us"]).order_by("asked_at")[:50]]
    asked.sort(key=lambda row: next(rank for value, rank in order.items() if Urgency(value).label == row.urgency))
    received = _received(actor).filter(_WAITS["received"]).order_by("arrived_at")[:6]
    approvals = _given(actor).filter(state=ReleaseState.WAITING).exclude(sent_by_id=actor.officer_id)
    approvals = approvals.exclude(drafted_by_id=actor.officer_id).order_by("sent_at")[:6]
    return DeskParts(
        tuple(asked[:6]), tuple(_received_row(row) for row in received), tuple(_given_row(row) for row in approvals)
    )


@dataclass(frozen=True, slots=True)
class CasePage:
    """What of one case was asked for, released and received in parts."""

    frame: CaseFrame
    asked: tuple[AskedFor, ...]
    requests: tuple[AskedFor, ...]
    given: tuple[GivenRow, ...]
    received: tuple[ReceivedRow, ...]


def get_case(actor: Actor, reference: str) -> CasePage:
    """The parts of one case; NotFound for whoever may not see it, and for other agencies: it is its owner's business."""
    frame = _own_frame(actor, reference)
    log.record("parts.viewed", actor, holding=frame.holding, subject=f"case:{reference}")
    of_case = {"case_id": frame.case_id}
    return CasePage(
        frame=frame,
        asked=tuple(_asked_row(row) for row in _asked(actor).filter(**of_case)[:50]),
        requests=tuple(_request_row(row) for row in _requests(actor).filter(**of_case)[:50]),
        given=tuple(_given_row(row) for row in _given(actor).filter(**of_case)[:100]),
        received=tuple(_received_row(row) for row in _received(actor).filter(**of_case)[:100]),
    )


def _own_frame(actor: Actor, reference: str, to: str = "read") -> CaseFrame:
    frame = get_frame(actor, reference, "sharing:case", to=to)
    if not frame.own_agency:
        raise NotFound
    return frame


def other_agencies(actor: Actor) -> tuple[tuple[UUID, str], ...]:
    """Every agency of this node but the actor's own, by name."""
    return agencies_beside(actor)


def own_cases(actor: Actor) -> tuple[tuple[str, str], ...]:
    """The open cases of the actor's agency that they may add to: number and title, the newest first."""
    rows = door.visible(actor, Case.objects.filter(agency_id=actor.agency_id, state=CaseState.OPEN))
    return tuple(rows.order_by("-opened_at").values_list("reference", "title")[:200])


# --- Asking ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AskPage:
    """Asking for a part: under which case, and whom, where a pointer or conflict says it."""

    frame: CaseFrame
    agencies: tuple[tuple[UUID, str], ...]
    country: str
    agency: str
    contact: str
    phone: str
    may_request: bool
    initial: dict[str, str]

    @property
    def about(self) -> bool:
        """Whether a pointer or conflict says whom to ask."""
        return bool(self.agency)


def get_ask(
    actor: Actor, reference: str, *, pointer_id: UUID | None = None, conflict_id: UUID | None = None,
    record_ids: Sequence[UUID] = (), agency: str = "",
) -> AskPage:  # fmt: skip
    """The page that asks, with the identifiers of records of the case copied; NotFound unless the case is the actor's agency's."""
    frame = _own_frame(actor, reference, "contribute")
    log.record("parts.viewed", actor, holding=frame.holding, subject=f"case:{reference}", details={"section": "ask"})
    other, may, values = None, True, list[str]()
    if pointer_id is not None:
        rows = standing_pointers(actor).filter(case_id=frame.case_id).select_related("other_agency")
        pointer = door.admit(actor, rows, pk=pointer_id)
        other, may = pointer.other_agency, pointer.may_request
    elif conflict_id is not None:
        found = Conflict.objects.filter(agency_id=actor.agency_id, case_id=frame.case_id).select_related("other_agency")
        conflict = door.admit(actor, found, pk=conflict_id)
        other, may = conflict.other_agency, conflict.may_request and conflict.told_them
        values = [f"{part['kind']}: {part['value']}" for part in conflict.parts if part.get("kind") in _ASKABLE]
    if record_ids:
        claims = Claim.objects.filter(
            case_id=frame.case_id, record__in=record_ids, kind__in=_ASKABLE, normal__isnull=False, role="own"
        )
        rows_ = door.visible(actor, claims).values_list("kind", "normal").distinct()[:50]
        values += [f"{kind}: {normal}" for kind, normal in rows_]
    return AskPage(
        frame=frame, agencies=agencies_beside(actor), country=actor.country, agency=other.name if other else "",
        contact=other.contact_name if other else "", phone=other.contact_phone if other else "", may_request=may,
        initial={"values": "\n".join(values), "agency": agency},
    )  # fmt: skip


_ASKABLE = frozenset(kind.name for kind in KINDS.values() if kind.links == "strong" and kind.name != "ip_hour")


@dataclass(frozen=True, slots=True)
class RequestPage:
    """What we asked for, how it was answered, and what came."""

    frame: CaseFrame
    row: AskedFor
    received: tuple[ReceivedRow, ...]
    again: bool


def get_request(actor: Actor, request_id: UUID) -> RequestPage:
    """One request of the actor's agency."""
    request = door.admit(actor, _requests(actor), pk=request_id)
    frame = _own_frame(actor, request.case.reference)
    log.record("part-request.viewed", actor, holding=frame.holding, subject=f"part-request:{request.id}")
    received = tuple(_received_row(row) for row in _received(actor).filter(request=request))
    again = request.state in (PartState.DECLINED, PartState.WITHDRAWN)
    return RequestPage(frame, _request_row(request), received, again)


# --- Being asked -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Holds:
    """A case of ours, and how many of its records assert what is asked for."""

    reference: str
    title: str
    records: int
    may_release: bool


@dataclass(frozen=True, slots=True)
class AskedPage:
    """What another agency seeks, what we hold on it, and what was begun to answer it."""

    row: AskedFor
    holds: tuple[Holds, ...]
    cases: tuple[tuple[str, str], ...]
    releases: tuple[GivenRow, ...]
    passed_on: GivenRow | None
    agency_id: UUID


def get_asked(actor: Actor, asked_id: UUID) -> AskedPage:
    """One request of another agency, and in which of the actor's cases its identifiers stand; the looking is in the log."""
    asked = door.admit(actor, _asked(actor), pk=asked_id)
    log.record(
        "part-request.viewed", actor, holding=(asked.holding_id, asked.agency_id), subject=f"part-asked:{asked.id}",
        details={"searched": [f"{kind}:{normal}" for kind, _, normal in asked.values]},
    )  # fmt: skip
    releases = tuple(_given_row(row) for row in _given(actor).filter(asked=asked))
    passed_on = _given(actor).filter(pk=asked.passes_on).first() if asked.passes_on else None
    return AskedPage(
        row=_asked_row(asked),
        holds=_holds(actor, asked),
        cases=own_cases(actor) if asked.case_id is None else (),
        releases=releases,
        passed_on=_given_row(passed_on) if passed_on else None,
        agency_id=actor.agency_id,
    )


def _holds(actor: Actor, asked: PartAsked) -> tuple[Holds, ...]:
    found: dict[UUID, int] = {}
    if asked.values:
        wanted = Q()
        for kind, _, normal in asked.values:
            wanted |= Q(kind=kind, normal=normal)
        claims = door.visible(actor, Claim.objects.filter(wanted, agency_id=actor.agency_id, record__retired_at=None))
        counted = claims.order_by().values("case_id").annotate(number=Count("record_id", distinct=True))
        found = {row["case_id"]: row["number"] for row in counted}
    if asked.case_id is not None:
        found = {asked.case_id: found.get(asked.case_id, 0)}
    cases = door.visible(actor, Case.objects.filter(pk__in=list(found), agency_id=actor.agency_id))
    rows = [
        Holds(case.reference, case.title, found[case.id], door.level(actor, case.holding_id) >= LEVELS["manage"])
        for case in cases.order_by("-opened_at")[:8]
    ]
    return tuple(sorted(rows, key=lambda row: -row.records))


# --- Releasing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """One value of a record that is weighed; ``masked``: it stays."""

    id: UUID
    label: str
    value: str
    masked: bool


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One thing that is weighed for a release."""

    id: UUID
    kind: str
    kind_label: str
    label: str
    where: str
    size: int | None
    given: bool
    decided: bool
    reason: str
    originals: bool
    claims: tuple[ClaimRow, ...]


@dataclass(frozen=True, slots=True)
class FoundRow:
    """A record or file of the case that may be put into a release."""

    id: UUID
    label: str
    where: str


@dataclass(frozen=True, slots=True)
class Preview:
    """Exactly what leaves: the files of the package, the records, what is masked and left out; ``seen`` is its digest."""

    files: tuple[tuple[str, int, int | None], ...]
    originals: int
    original_bytes: int
    masked: int
    left_out: tuple[tuple[str, int, str], ...]
    refusal: str
    seen: str

    @property
    def nothing(self) -> bool:
        """Whether no item is given."""
        return not any(rows for _, rows, _ in self.files)


@dataclass(frozen=True, slots=True)
class ReleasePage:
    """A release: while it is prepared what may be chosen and what would leave, afterwards what became of it."""

    frame: CaseFrame
    row: GivenRow
    asked: AskedFor | None
    items: tuple[ItemRow, ...]
    preview: Preview | None
    exhibits: tuple[tuple[UUID, str], ...]
    records: tuple[FoundRow, ...]
    files: tuple[FoundRow, ...]
    marks: tuple[FoundRow, ...]
    second_person: bool
    may_approve: bool
    agencies: tuple[tuple[UUID, str], ...]
    officers: tuple[tuple[UUID, str], ...]
    initial: dict[str, Any]


def get_begin(actor: Actor, reference: str) -> CaseFrame:
    """The frame of a case that the actor may release a part of; else NotFound."""
    frame = _own_frame(actor, reference, "manage")
    log.record(
        "parts.viewed", actor, holding=frame.holding, subject=f"case:{reference}", details={"section": "release"}
    )
    return frame


def asking(actor: Actor, asked_id: UUID) -> AskedFor:
    """A request that a release would answer; logged with the page that shows it."""
    return _asked_row(door.admit(actor, _asked(actor), pk=asked_id))


def officers_of(agency_id: UUID | None) -> tuple[tuple[UUID, str], ...]:
    """The officers of an agency who may be named to receive something."""
    if agency_id is None:
        return ()
    rows = Officer.objects.filter(agency_id=agency_id, is_active=True, roles__overlap=sorted(READING_ROLES))
    return tuple(rows.order_by("display_name").values_list("id", "display_name")[:200])


def get_release(actor: Actor, release_id: UUID, *, words: str = "") -> ReleasePage:
    """One release of the actor's agency, with what would leave while it is prepared."""
    release = door.admit(actor, _given(actor), pk=release_id)
    frame = _own_frame(actor, release.case.reference)
    log.record(
        "part-release.viewed",
        actor,
        holding=frame.holding,
        subject=f"part-release:{release.id}",
        details={"words": words},
    )
    draft, waits = release.state == ReleaseState.DRAFT, release.state == ReleaseState.WAITING
    gathering = PartGathering(actor, release)
    rule = ReleaseRule.objects.filter(agency_id=actor.agency_id).first()
    asked = _asked(actor).filter(releases=release).first() if release.asked_id else None
    exhibits = door.visible(actor, Exhibit.objects.filter(case_id=frame.case_id)).exclude(state=ExhibitState.CANCELLED)
    records, files = _find(actor, frame, words) if draft and words.strip() else ((), ())
    there = {item.exhibit_id for item in gathering.weighed if item.kind == ItemKind.EXHIBIT}
    return ReleasePage(
        frame=frame,
        row=_given_row(release),
        asked=_asked_row(asked) if asked else None,
        items=_item_rows(actor, gathering.weighed),
        preview=_preview(gathering) if draft or waits else None,
        exhibits=tuple(
            (row.id, f"{row.reference} {row.title}") for row in exhibits.order_by("reference")[:200] if row.id not in there
        )
        if draft
        else (),
        records=records,
        files=files,
        marks=_marks(actor, frame, gathering) if draft else (),
        second_person=rule is not None and rule.second_person,
        may_approve=waits and actor.officer_id not in (release.drafted_by_id, release.sent_by_id),
        agencies=agencies_beside(actor) if draft else (),
        officers=officers_of(release.to_agency_id) if draft else (),
        initial={
            "agency": str(release.to_agency_id or ""), "elsewhere": "" if release.to_agency_id else release.recipients,
            "officers": [str(key) for key in release.for_officers], "purpose": release.purpose,
            "legal_basis": release.legal_basis, "conditions": release.conditions, "until_on": release.until_on,
            "controlled": release.controlled,
        },
    )  # fmt: skip


def _find(actor: Actor, frame: CaseFrame, words: str) -> tuple[tuple[FoundRow, ...], tuple[FoundRow, ...]]:
    """Records whose name or a value of whom holds the words, and files so named."""
    text = words.strip()
    claims = Claim.objects.filter(case_id=frame.case_id).filter(Q(normal__icontains=text) | Q(raw__icontains=text))
    rows = door.visible(actor, Record.objects.filter(case_id=frame.case_id, retired_at=None))
    rows = rows.filter(Q(label__icontains=text) | Q(pk__in=door.visible(actor, claims).values("record_id")))
    files = door.visible(actor, ExhibitFile.objects.filter(exhibit__case_id=frame.case_id, name__icontains=text))
    return (
        tuple(
            FoundRow(row.id, row.label, where(row))
            for row in rows.select_related("file", "exhibit").order_by("at_text", "id")[:MOST_FOUND]
        ),
        tuple(
            FoundRow(file.id, file.name, " › ".join((file.exhibit.reference, *file.path)))
            for file in files.filter(blob__isnull=False).select_related("exhibit").order_by("name", "id")[:MOST_FOUND]
        ),
    )


def _marks(actor: Actor, frame: CaseFrame, gathering: PartGathering) -> tuple[FoundRow, ...]:
    """The marks of the case that are in use and not weighed yet."""
    rows = door.visible(actor, Mark.objects.filter(case_id=frame.case_id, withdrawn_at=None))
    rows = rows.exclude(pk__in=[item.mark_id for item in gathering.weighed if item.mark_id])
    return tuple(
        FoundRow(key, name, kinds().get(kind, {}).get("label", kind))
        for key, name, kind in rows.order_by("name", "id").values_list("id", "name", "kind")[:MOST_FOUND]
    )


def _item_rows(actor: Actor, items: Sequence[ReleaseItem]) -> tuple[ItemRow, ...]:
    records = [item.record_id for item in items if item.record_id][:200]
    claims: dict[UUID, list[Claim]] = {}
    for claim in door.visible(actor, Claim.objects.filter(record_id__in=records)).order_by("id"):
        claims.setdefault(claim.record_id, []).append(claim)
    return tuple(_item_row(item, claims.get(item.record_id, []) if item.record_id else []) for item in items)


def _item_row(item: ReleaseItem, claims: Sequence[Claim]) -> ItemRow:
    label, place, size = f"{item.exhibit.reference} {item.exhibit.title}", "", None
    if item.record is not None:
        kind = RECORDS[item.record.kind].label if item.record.kind in RECORDS else item.record.kind
        label, place = f"{kind}: {item.record.label}", where(item.record)
    elif item.file is not None:
        label, size = item.file.name, item.file.size
        place = " › ".join((item.exhibit.reference, *item.file.path))
    elif item.mark is not None:
        label = item.mark.name
        place = "Its name, kind and description, the region alone and what it is sought by; not the picture."
    masked = set(item.masked)
    return ItemRow(
        id=item.id, kind=item.kind, kind_label=ItemKind(item.kind).label, label=label, where=place, size=size,
        given=item.given, decided=item.given or item.reason != UNDECIDED, reason="" if item.reason == UNDECIDED else item.reason,
        originals=item.originals,
        claims=tuple(
            ClaimRow(
                claim.id, PROPERTIES[claim.property].label if claim.property in PROPERTIES else claim.property,
                claim.raw[:200], claim.id in masked,
            )
            for claim in claims
        ),
    )  # fmt: skip


def _preview(gathering: PartGathering) -> Preview:
    refusal = ""
    try:
        gathering.refuse()
    except ActRefused as refused:
        refusal = refused.sentence
    originals, size = gathering.sizes()
    return Preview(
        files=gathering.counted(),
        originals=originals,
        original_bytes=size,
        masked=sum(len(item.masked) for item in gathering.items),
        left_out=tuple((row["what"], row["count"], row["why"]) for row in gathering.left_out()),
        refusal=refusal,
        seen=gathering.seen(),
    )


# --- Receiving -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReceivedPage:
    """What was released to us: its terms, where it can be received, and what became of it."""

    row: ReceivedRow
    request: AskedFor | None
    cases: tuple[tuple[str, str], ...]
    channel: str
    pass_on: tuple[AskedFor, ...]


def get_received(actor: Actor, part_id: UUID) -> ReceivedPage:
    """One part that was released to the actor's agency (or to them by name)."""
    part = door.admit(actor, _received(actor), pk=part_id)
    log.record("part.viewed", actor, holding=(part.holding_id, part.agency_id), subject=f"part:{part.id}")
    request = _requests(actor).filter(pk=part.request_id).first() if part.request_id else None
    cases = own_cases(actor) if part.state == ReceivedState.WAITING else ()
    if request is not None:
        cases = tuple(sorted(cases, key=lambda case: case[0] != request.case.reference))
    asked = _requests(actor).filter(origin__exhibit_id=part.exhibit_id) if part.exhibit_id else ()
    return ReceivedPage(
        row=_received_row(part),
        request=_request_row(request) if request else None,
        cases=cases,
        channel=f"agency:{actor.agency_id}" + (f" case:{part.case_id}" if part.case_id else ""),
        pass_on=tuple(_request_row(row) for row in asked),
    )


@dataclass(frozen=True, slots=True)
class Download:
    """A package to be sent to the browser."""

    open: Callable[[], BinaryIO]
    name: str
    size: int
    sha256: str


def get_release_download(actor: Actor, release_id: UUID) -> Download:
    """The package of a release that was made, for whoever may release the case; else NotFound."""
    release = door.admit(actor, _given(actor).select_related("blob"), "manage", pk=release_id)
    if release.blob is None or release.state != ReleaseState.MADE or release.made_at is None:
        raise NotFound
    log.record(
        "part-release.downloaded", actor, holding=(release.holding_id, release.agency_id),
        subject=f"part-release:{release.id}", details={"sha256": release.sha256, "to": release.recipients},
    )  # fmt: skip
    name = f"{release.case.reference}-part-{release.made_at:%Y-%m-%d}.zip"
    return Download(opening(release.blob), name, release.size, release.sha256)


def get_received_download(actor: Actor, part_id: UUID) -> Download:
    """The package of a part that was released to the actor, as it came; NotFound for one that is not as it was signed."""
    part = door.admit(actor, _received(actor).select_related("blob"), pk=part_id)
    if part.state == ReceivedState.DAMAGED:
        raise NotFound
    log.record(
        "part.downloaded", actor, holding=(part.holding_id, part.agency_id), subject=f"part:{part.id}",
        details={"sha256": part.sha256},
    )  # fmt: skip
    return Download(
        opening(part.blob), f"released-{part.arrived_at:%Y-%m-%d}-{part.release_ref}.zip", part.size, part.sha256
    )


def get_received_paper(actor: Actor, part_id: UUID) -> tuple[str, bytes]:
    """The last signed paper of a received part, for a sender on another node: receipt, or acknowledgement of its withdrawal.

    NotFound: it was neither received nor acknowledged.
    """
    part = door.admit(actor, _received(actor), pk=part_id)
    text = part.acknowledgement or part.receipt
    if not text:
        raise NotFound
    log.record(
        "part.downloaded", actor, holding=(part.holding_id, part.agency_id), subject=f"part:{part.id}",
        details={"paper": "acknowledgement" if part.acknowledgement else "receipt"},
    )  # fmt: skip
    return f"receipt-{part.release_ref}.json", text.encode()


def get_paper(actor: Actor, release_id: UUID, which: str) -> tuple[str, bytes]:
    """The signed receipt, acknowledgement or withdrawal notice of a release: file name and text. NotFound: there is none."""
    release = door.admit(actor, _given(actor), "manage", pk=release_id)
    if which == "notice":
        text = withdrawal_notice(release) if release.withdrawn_at is not None else b""
    else:
        text = {"receipt": release.receipt, "acknowledgement": release.acknowledgement}.get(which, "").encode()
    if not text:
        raise NotFound
    log.record(
        "part-release.downloaded", actor, holding=(release.holding_id, release.agency_id),
        subject=f"part-release:{release.id}", details={"paper": which},
    )  # fmt: skip
    return f"{release.case.reference}-{which}-{release.id}.json", text


# --- What an agency demands ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key of another node."""

    id: UUID
    key_ref: str
    whose: str
    compared: str
    by: str
    at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class RulesPage:
    """How the agency releases, which keys it trusts, and the key by which others know it."""

    second_person: bool
    changed_by: str
    changed_at: datetime | None
    keys: tuple[KeyRow, ...]
    own_key: str
    agency: str
    may_change: bool


def get_rules(actor: Actor) -> RulesPage:
    """What the actor's agency demands of releases, and which keys it trusts."""
    log.record("parts.viewed", actor, details={"section": "rules"})
    rule = ReleaseRule.objects.filter(agency_id=actor.agency_id).select_related("changed_by").first()
    keys = PartnerKey.objects.filter(agency_id=actor.agency_id).select_related("added_by").order_by("ended_at", "whose")
    return RulesPage(
        second_person=rule is not None and rule.second_person,
        changed_by=rule.changed_by.display_name if rule else "",
        changed_at=rule.changed_at if rule else None,
        keys=tuple(
            KeyRow(key.id, key.key_ref, key.whose, key.compared, key.added_by.display_name, key.added_at, key.ended_at)
            for key in keys
        ),
        own_key=key_ref(),
        agency=Agency.objects.values_list("name", flat=True).get(pk=actor.agency_id),
        may_change=actor.has(Role.SUPERVISOR),
    )
