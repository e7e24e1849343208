"""Reading requests and releases for a page: actor first, frozen pages out.

Pointers, requests and releases are the owning agency's own business: an agency to which a case was released sees of it only the
releases to itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.utils import timezone

from opencets.errors import NotFound
from opencets.values.handling import TLP
from opencets_web.accounts.models import Agency
from opencets_web.audit import log
from opencets_web.cases.models import Case
from opencets_web.cases.queries import CaseFrame, get_frame
from opencets_web.leads.queries import PointerRow, get_pointer
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Disclosure, Grant, GrantState, Handling, Level
from opencets_web.sharing.models import Asked, Release, Request, RequestState

NEWEST = 20
"""How many rows of each part the page of all parts shows."""
TONES = {
    RequestState.ASKED: "accent",
    RequestState.RELEASED: "good",
    RequestState.DECLINED: "warn",
    RequestState.WITHDRAWN: "",
}


@dataclass(frozen=True, slots=True)
class RequestRow:
    """What we asked another agency for."""

    id: UUID
    case: str
    case_id: UUID
    agency: str
    contact: str
    phone: str
    purpose: str
    asked_by: str
    asked_at: datetime
    open: bool
    state: str
    tone: str
    answer: str
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class AskedRow:
    """What another agency asks of us, and which of our cases it is about."""

    id: UUID
    case: str
    case_id: UUID
    case_title: str
    agency_id: UUID
    agency: str
    officer: str
    purpose: str
    asked_at: datetime
    open: bool
    state: str
    tone: str
    answer: str
    answered_at: datetime | None
    answered_by: str
    handling: str
    tlp: str
    conditions: str


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """What we released, to whom, for what, until when."""

    id: UUID
    case: str
    case_id: UUID
    case_title: str
    agency: str
    level: str
    purpose: str
    released_by: str
    released_at: datetime
    until: datetime
    live: bool
    state: str
    label: str
    tone: str
    answer: str
    answered_by: str
    answered_at: datetime | None
    again: bool
    withdrawn_at: datetime | None
    withdrawn_by: str
    withdrawn_because: str


@dataclass(frozen=True, slots=True)
class ReceivedRow:
    """What another agency released to us. The case is named only while the release stands."""

    case: str
    case_title: str
    agency: str
    level: str
    purpose: str
    released_at: datetime
    until: datetime
    live: bool
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """An invitation of another agency to ours. The case is named only while we take part."""

    id: UUID
    case: str
    case_title: str
    agency: str
    officer: str
    contact: str
    phone: str
    level: str
    purpose: str
    at: datetime
    until: datetime
    state: str
    label: str
    tone: str
    stands: bool
    answer: str
    answered_by: str
    answered_at: datetime | None


Row = RequestRow | AskedRow | ReleaseRow | ReceivedRow | InvitationRow


@dataclass(frozen=True, slots=True)
class Part:
    """One of the four parts of sharing: its rows, and how many there are in all and open."""

    name: str
    title: str
    rows: tuple[Row, ...]
    total: int
    waiting: int


@dataclass(frozen=True, slots=True)
class SharingPage:
    """Requests and releases of the actor's agency; ``page`` where one part is shown alone."""

    parts: tuple[Part, ...]
    alone: str
    page: Page[Any] | None
    channels: str
    agency_id: UUID


def _requests(actor: Actor) -> QuerySet[Request]:
    rows = door.visible(actor, Request.objects.filter(agency_id=actor.agency_id))
    return rows.select_related("case", "to_agency", "asked_by").order_by("-asked_at", "-id")


def _asked(actor: Actor) -> QuerySet[Asked]:
    rows = door.visible(actor, Asked.objects.filter(agency_id=actor.agency_id))
    return rows.select_related("case", "holding", "from_agency", "answered_by").order_by("-asked_at", "-id")


def _released(actor: Actor) -> QuerySet[Release]:
    rows = door.visible(actor, Release.objects.filter(agency_id=actor.agency_id))
    return rows.select_related(
        "case", "grant__withdrawn_by", "grant__answered_by", "to_agency", "released_by"
    ).order_by("-released_at", "-id")


def _received(actor: Actor) -> QuerySet[Grant]:
    """Grants to the agency or to the officer by name, from other agencies; the acting officer's own view of them."""
    mine = Q(to_officer_id=actor.officer_id)
    if actor.reads_cases:
        mine |= Q(to_agency_id=actor.agency_id)
    rows = Grant.objects.filter(mine, invited=False).exclude(agency_id=actor.agency_id)
    return rows.select_related("agency").order_by("-granted_at", "-id")


def _invitations(actor: Actor) -> QuerySet[Grant]:
    """Invitations of other agencies to the actor's; none for an officer who reads no cases."""
    rows = Grant.objects.filter(to_agency_id=actor.agency_id, invited=True)
    rows = rows.select_related("agency", "granted_by", "answered_by").order_by("-granted_at", "-id")
    return rows if actor.reads_cases else rows.none()


def open_invitations(actor: Actor) -> tuple[InvitationRow, ...]:
    """The invitations that wait for the answer of the actor's agency, the oldest first."""
    waiting = _invitations(actor).filter(state=GrantState.INVITED, withdrawn_at=None, expires_at__gt=timezone.now())
    return _invitation_rows(actor, waiting.order_by("granted_at")[:6])


_INVITED_TONES = {
    GrantState.INVITED: "accent",
    GrantState.OPEN: "good",
    GrantState.DECLINED: "warn",
    GrantState.LEFT: "warn",
}
_INVITED_LABELS = {
    GrantState.INVITED: "Waiting for your answer",
    GrantState.OPEN: "You take part",
    GrantState.DECLINED: "You declined",
    GrantState.LEFT: "You left",
}


def _invitation_rows(actor: Actor, rows: Iterable[Grant]) -> tuple[InvitationRow, ...]:
    now, grants = timezone.now(), list(rows)
    taken = [grant.holding_id for grant in grants if grant.state == GrantState.OPEN]
    found = door.visible(actor, Case.objects.filter(holding_id__in=taken)) if taken else ()
    cases = {case.holding_id: case for case in found}
    made = []
    for grant in grants:
        stands = grant.withdrawn_at is None and grant.expires_at > now
        case = cases.get(grant.holding_id) if stands and grant.state == GrantState.OPEN else None
        over = "Withdrawn by them" if grant.withdrawn_at else "Over"
        made.append(
            InvitationRow(
                id=grant.id,
                case=case.reference if case else "",
                case_title=case.title if case else "",
                agency=grant.agency.name,
                officer=grant.granted_by.display_name,
                contact=grant.agency.contact_name,
                phone=grant.agency.contact_phone,
                level=Level(grant.level).label,
                purpose=grant.purpose,
                at=grant.granted_at,
                until=grant.expires_at,
                state=grant.state,
                label=_INVITED_LABELS[GrantState(grant.state)] if stands else over,
                tone=_INVITED_TONES[GrantState(grant.state)] if stands else "",
                stands=stands,
                answer=grant.answer,
                answered_by=grant.answered_by.display_name if grant.answered_by else "",
                answered_at=grant.answered_at,
            )
        )
    return tuple(made)


def list_sharing(actor: Actor, *, alone: str = "", number: int = 1) -> SharingPage:
    """Requests and releases: what was asked and released, both ways, the newest first. ``alone`` shows one part in pages."""
    chosen = alone if alone in _PARTS else ""
    parts: list[Part] = []
    page: Page[Any] | None = None
    for name, (title, rows_of, as_rows, waiting) in _PARTS.items():
        if chosen and name != chosen:
            continue
        rows = rows_of(actor)
        if chosen:
            page = Paginator(rows, 50).get_page(number)
            shown, total = list(page), page.paginator.count
        else:
            shown = list(rows[: NEWEST + 1])
            total = len(shown) if len(shown) <= NEWEST else rows.count()
        open_rows = rows.filter(**waiting).count() if waiting else 0
        parts.append(Part(name, title, as_rows(actor, shown[: 50 if chosen else NEWEST]), total, open_rows))
    log.record("sharing.viewed", actor, details={"part": chosen, "page": number if chosen else 1})
    channels = _channels(row for part in parts for row in part.rows)
    return SharingPage(tuple(parts), chosen, page, channels, actor.agency_id)


def _channels(rows: Iterable[Row]) -> str:
    """The cases whose events may change the page: those with open business first, 15 at most."""
    ordered = sorted(
        (row for row in rows if not isinstance(row, ReceivedRow | InvitationRow)),
        key=lambda row: not (row.live if isinstance(row, ReleaseRow) else row.open),
    )
    return " ".join(list(dict.fromkeys(f"case:{row.case_id}" for row in ordered))[:15])


def _request_rows(actor: Actor, rows: Iterable[Request]) -> tuple[Row, ...]:
    return tuple(
        RequestRow(
            id=row.id,
            case=row.case.reference,
            case_id=row.case_id,
            agency=row.to_agency.name,
            contact=row.to_agency.contact_name,
            phone=row.to_agency.contact_phone,
            purpose=row.purpose,
            asked_by=row.asked_by.display_name,
            asked_at=row.asked_at,
            open=row.state == RequestState.ASKED,
            state=RequestState(row.state).label,
            tone=TONES[RequestState(row.state)],
            answer=row.answer,
            answered_at=row.answered_at,
        )
        for row in rows
    )


def _asked_rows(actor: Actor, rows: Iterable[Asked]) -> tuple[Row, ...]:
    return tuple(
        AskedRow(
            id=row.id,
            case=row.case.reference,
            case_id=row.case_id,
            case_title=row.case.title,
            agency_id=row.from_agency_id,
            agency=row.from_agency.name,
            officer=row.from_officer_name,
            purpose=row.purpose,
            asked_at=row.asked_at,
            open=row.state == RequestState.ASKED,
            state=RequestState(row.state).label,
            tone=TONES[RequestState(row.state)],
            answer=row.answer,
            answered_at=row.answered_at,
            answered_by=row.answered_by.display_name if row.answered_by else "",
            handling=row.holding.handling,
            tlp=row.holding.tlp,
            conditions=row.holding.conditions,
        )
        for row in rows
    )


def _release_rows(actor: Actor, rows: Iterable[Release]) -> tuple[Row, ...]:
    now = timezone.now()
    found = list(rows)
    standing = {
        (row.holding_id, row.to_agency_id)
        for row in found
        if row.withdrawn_at is None and row.grant.expires_at > now and row.grant.state in _STANDING
    }
    return tuple(
        ReleaseRow(
            id=row.id,
            case=row.case.reference,
            case_id=row.case_id,
            case_title=row.case.title,
            agency=row.to_agency.name,
            level=Level(row.grant.level).label,
            purpose=row.purpose,
            released_by=row.released_by.display_name,
            released_at=row.released_at,
            until=row.grant.expires_at,
            live=row.withdrawn_at is None and row.grant.expires_at > now and row.grant.state in _STANDING,
            state=row.grant.state,
            label=(
                GrantState(row.grant.state).label
                if row.grant.state != GrantState.OPEN
                else "Taking part"
                if row.grant.invited
                else "Released"
            ),
            tone=_INVITED_TONES[GrantState(row.grant.state)],
            answer=row.grant.answer,
            answered_by=row.grant.answered_by.display_name if row.grant.answered_by else "",
            answered_at=row.grant.answered_at,
            again=(
                row.withdrawn_at is not None
                and row.grant.expires_at > now
                and (row.holding_id, row.to_agency_id) not in standing
            ),
            withdrawn_at=row.withdrawn_at,
            withdrawn_by=row.grant.withdrawn_by.display_name if row.grant.withdrawn_by else "",
            withdrawn_because=row.grant.withdrawn_because,
        )
        for row in found
    )


def _received_rows(actor: Actor, rows: Iterable[Grant]) -> tuple[Row, ...]:
    now = timezone.now()
    grants = list(rows)
    cases = {
        case.holding_id: case
        for case in door.visible(actor, Case.objects.filter(holding_id__in=[grant.holding_id for grant in grants]))
    }
    made = []
    for grant in grants:
        live = grant.withdrawn_at is None and grant.granted_at <= now < grant.expires_at
        case = cases.get(grant.holding_id) if live else None
        made.append(
            ReceivedRow(
                case=case.reference if case else "",
                case_title=case.title if case else "",
                agency=grant.agency.name,
                level=Level(grant.level).label,
                purpose=grant.purpose,
                released_at=grant.granted_at,
                until=grant.expires_at,
                live=live,
                ended_at=grant.withdrawn_at or (None if live else grant.expires_at),
            )
        )
    return tuple(made)


_STANDING = (GrantState.OPEN, GrantState.INVITED)
_Rows = Callable[[Actor], QuerySet[Any]]
_AsRows = Callable[[Actor, Iterable[Any]], tuple[Row, ...]]
_PARTS: dict[str, tuple[str, _Rows, _AsRows, dict[str, Any]]] = {
    "invited": (
        "Invitations to you",
        _invitations,
        _invitation_rows,
        {"state": GrantState.INVITED, "withdrawn_at": None},
    ),
    "of-us": ("Other agencies ask of you", _asked, _asked_rows, {"state": RequestState.ASKED}),
    "by-us": ("You asked", _requests, _request_rows, {"state": RequestState.ASKED}),
    "released": ("You released", _released, _release_rows, {}),
    "received": ("Released to you", _received, _received_rows, {}),
}


@dataclass(frozen=True, slots=True)
class CaseSharingPage:
    """Sharing of one case: how it may be shared, who asks, to whom it is released."""

    frame: CaseFrame
    rules: tuple[str, ...]
    asked: tuple[Row, ...]
    requests: tuple[Row, ...]
    releases: tuple[Row, ...]
    agencies: tuple[tuple[UUID, str], ...]
    joined: tuple[Row, ...]


def get_case_sharing(actor: Actor, reference: str) -> CaseSharingPage:
    """Sharing of one case; NotFound for whoever may not see it. Other agencies see the releases to themselves only."""
    frame = get_frame(actor, reference, "sharing:case")
    log.record("sharing.viewed", actor, holding=frame.holding, subject=f"case:{reference}")
    releases = door.visible(actor, Release.objects.filter(case_id=frame.case_id))
    if not frame.own_agency:
        releases = releases.filter(to_agency_id=actor.agency_id)
    releases = releases.select_related(
        "case", "grant__withdrawn_by", "grant__answered_by", "to_agency", "released_by"
    ).order_by("-released_at")
    return CaseSharingPage(
        frame=frame,
        rules=sharing_rules(frame),
        asked=_asked_rows(actor, _asked(actor).filter(case_id=frame.case_id)[:50]),
        requests=_request_rows(actor, _requests(actor).filter(case_id=frame.case_id)[:50]),
        releases=_release_rows(actor, releases[:100]),
        agencies=other_agencies(actor),
        joined=(
            ()
            if frame.own_agency
            else _invitation_rows(actor, _invitations(actor).filter(holding_id=frame.holding_id, state=GrantState.OPEN))
        ),
    )


def other_agencies(actor: Actor) -> tuple[tuple[UUID, str], ...]:
    """Every agency of this node but the actor's own, by name."""
    return tuple(Agency.objects.exclude(pk=actor.agency_id).values_list("id", "name"))


def sharing_rules(frame: CaseFrame) -> tuple[str, ...]:
    """How a case may be shared, each rule in a sentence."""
    code = {
        Handling.PERMITTED.value: "Handling code P: it may be shared with other agencies where the law allows it.",
        Handling.CONDITIONS.value: f"Handling code C: it may be shared under conditions: {frame.conditions}",
    }
    told = {
        Disclosure.OPEN.value: (
            "Where something of it matches another agency's records, both are told whom to call, and they may ask for a release."
        ),
        Disclosure.POINTER.value: (
            "Where something of it matches another agency's records, both are told whom to call; they cannot ask here."
        ),
        Disclosure.SILENT.value: (
            "Where something of it matches another agency's records, only your side is told; they learn nothing."
        ),
    }
    light = (f"TLP:{frame.tlp}: {TLP[frame.tlp]}.",) if frame.tlp else ()
    closed = ("It is restricted: colleagues see it only by a grant to them by name.",) if frame.restricted else ()
    kept = "Nobody else sees any of it until it is released to them; every release ends on its day or when it is withdrawn."
    return (code[frame.handling], *light, told[frame.disclosure], *closed, kept)


@dataclass(frozen=True, slots=True)
class AskPage:
    """Asking for a release: whom one asks, and the request that is open already."""

    frame: CaseFrame
    pointer: PointerRow
    open: RequestRow | None
    earlier: tuple[Row, ...]


def get_ask(actor: Actor, pointer_id: UUID) -> AskPage:
    """The page that asks the agency behind a pointer; NotFound unless the pointer is the actor's agency's and stands."""
    reference, pointer = get_pointer(actor, pointer_id)
    frame = get_frame(actor, reference, "sharing:case")
    if not frame.own_agency:
        raise NotFound
    log.record(
        "sharing.viewed", actor, holding=frame.holding, subject=f"case:{reference}", details={"pointer": pointer_id}
    )
    rows = _request_rows(actor, _requests(actor).filter(pointer_id=pointer_id)[:20])
    opened = next((row for row in rows if isinstance(row, RequestRow) and row.open), None)
    return AskPage(frame, pointer, opened, tuple(row for row in rows if row is not opened))
