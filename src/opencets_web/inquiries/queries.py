"""Reading data requests for a page: actor first, frozen pages out.

What an agency asks of providers is its own business: an agency to which a case was released sees none of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import F, Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from opencets import requesting
from opencets.errors import NotFound, ValueRefused
from opencets.records import KINDS
from opencets.requesting.checking import zone_of
from opencets.requesting.instruments import PURPOSES, Field, Instrument, newest
from opencets.requesting.letters import Letter, Line, Written
from opencets_web.accounts.models import Agency
from opencets_web.audit import log
from opencets_web.cases.models import Assignment
from opencets_web.cases.queries import CaseFrame, get_frame
from opencets_web.entities.queries import ASKED_KINDS, STRONG_KINDS, line_of, records_with_places
from opencets_web.evidence.models import Claim, Exhibit, ExhibitState, Record
from opencets_web.inquiries.models import (
    OPEN_STATES,
    Inquiry,
    InquiryState,
    InquiryStep,
    InquiryValue,
    Letterhead,
    Provider,
)
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Handling, Holding

FOLDER: Final = Path(__file__).with_name("instruments")
TIMES: Final = ("happened_at", "sent_at", "registered_at", "taken_at", "created_at")
"""The properties that say when, the first that a record has."""
MOST_FOUND, MOST_NEW = 30, 30
TONES = {
    InquiryState.DRAFT: "",
    InquiryState.APPROVED: "info",
    InquiryState.SERVED: "accent",
    InquiryState.PRESERVED: "accent",
    InquiryState.ANSWERED: "good",
    InquiryState.REFUSED: "warn",
    InquiryState.WITHDRAWN: "",
    InquiryState.CLOSED: "",
}


def instruments() -> tuple[Instrument, ...]:
    """Every kind of request that can be made now."""
    return newest(requesting.load(FOLDER))


def instrument_of(inquiry: Inquiry) -> Instrument:
    """The instrument under which a request was made, in the version it names."""
    return requesting.load(FOLDER)[inquiry.instrument, inquiry.instrument_version]


# --- Rows of lists ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InquiryRow:
    """A data request in a list: where it stands, and when something is to be done."""

    id: UUID
    number: str
    case: str
    subject: str
    instrument: str
    purpose: str
    emergency: bool
    provider: str
    state: str
    state_label: str
    tone: str
    next_at: datetime | None
    next_sentence: str
    overdue: bool
    drafted_by: str
    drafted_at: datetime

    @property
    def url(self) -> str:
        """Its own page."""
        return reverse("inquiries:show", args=[self.id])


def _row(inquiry: Inquiry, now: datetime) -> InquiryRow:
    instrument, state = instrument_of(inquiry), InquiryState(inquiry.state)
    sentence, overdue = _next(inquiry, instrument, now)
    return InquiryRow(
        id=inquiry.id,
        number=inquiry.number,
        case=inquiry.case.reference,
        subject=inquiry.subject,
        instrument=instrument.title,
        purpose=instrument.purpose_label,
        emergency=instrument.emergency,
        provider=inquiry.provider.name,
        state=inquiry.state,
        state_label=state.label,
        tone=TONES[state],
        next_at=inquiry.next_at,
        next_sentence=sentence,
        overdue=overdue,
        drafted_by=inquiry.drafted_by.display_name,
        drafted_at=inquiry.drafted_at,
    )


def _next(inquiry: Inquiry, instrument: Instrument, now: datetime) -> tuple[str, bool]:
    """What is to be done next, and whether it is late."""
    state, at = inquiry.state, inquiry.next_at
    if state == InquiryState.DRAFT:
        return "Complete it and have it approved", False
    if state == InquiryState.APPROVED:
        return "Serve it on the provider", False
    if at is None:
        return "", False
    if state == InquiryState.SERVED:
        word = "Confirmation" if instrument.preserves else "Answer"
        return (f"{word} is overdue", True) if at < now else (f"{word} is due", False)
    if state == InquiryState.PRESERVED:
        if inquiry.preserved_until is not None and inquiry.preserved_until < now:
            return "The preservation has lapsed", True
        return (
            ("Renew it, or ask for production, before it lapses", True)
            if at < now
            else ("Preserved; renewal is due", False)
        )
    return "", False


def _rows(actor: Actor) -> QuerySet[Inquiry]:
    return door.visible(actor, Inquiry.objects.select_related("case", "provider", "drafted_by").defer("letter"))


@dataclass(frozen=True, slots=True)
class InquiryList:
    """Data requests by when something is to be done."""

    rows: tuple[InquiryRow, ...]
    page: Page[Inquiry]
    overdue: int


def list_inquiries(
    actor: Actor, *, words: str = "", state: str = "open", mine: bool = False, number: int = 1
) -> InquiryList:
    """The data requests that the actor may see, what is due first at the top; ``state``: open, overdue, ended or any."""
    now = timezone.now()
    rows = _rows(actor)
    overdue = rows.filter(next_at__lt=now, state__in=OPEN_STATES).count()
    if state == "overdue":
        rows = rows.filter(next_at__lt=now, state__in=OPEN_STATES)
    elif state == "open":
        rows = rows.filter(state__in=OPEN_STATES)
    elif state == "ended":
        rows = rows.exclude(state__in=OPEN_STATES)
    if mine:
        rows = rows.filter(
            case__in=Assignment.objects.filter(officer_id=actor.officer_id, until_at=None).values("case")
        )
    if words:
        # What is asked about is sealed, and not searched.
        rows = rows.filter(Q(number__icontains=words) | Q(provider__name__icontains=words))
    page = Paginator(rows.order_by(F("next_at").asc(nulls_last=True), "-drafted_at"), 50).get_page(number)
    log.record("inquiries.listed", actor, details={"words": words, "state": state, "page": page.number})
    return InquiryList(tuple(_row(inquiry, now) for inquiry in page), page, overdue)


@dataclass(frozen=True, slots=True)
class CaseInquiries:
    """The data requests of a case."""

    frame: CaseFrame
    rows: tuple[InquiryRow, ...]


def list_case_inquiries(actor: Actor, reference: str) -> CaseInquiries:
    """The data requests of a case: what is due first, then the newest."""
    frame = get_frame(actor, reference, "inquiries:case")
    now = timezone.now()
    rows = _rows(actor).filter(case_id=frame.case_id).order_by(F("next_at").asc(nulls_last=True), "-drafted_at")[:300]
    log.record(
        "case.viewed", actor, holding=frame.holding, subject=f"case:{reference}", details={"section": "inquiries"}
    )
    return CaseInquiries(frame, tuple(_row(inquiry, now) for inquiry in rows))


def due_soon(actor: Actor, case_ids: Iterable[UUID], *, days: int = 3, limit: int = 8) -> tuple[InquiryRow, ...]:
    """What is overdue or due within some days in these cases, the latest first; not logged: the page that asks is."""
    now = timezone.now()
    rows = _rows(actor).filter(
        case_id__in=list(case_ids), state__in=OPEN_STATES, next_at__lt=now + timedelta(days=days)
    )
    return tuple(_row(inquiry, now) for inquiry in rows.order_by("next_at")[:limit])


# --- Carrying a value over -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """A value where it stands in the evidence, with what its record says of time and port."""

    claim_id: UUID
    record_id: UUID
    kind: str
    kind_label: str
    raw: str
    value: str
    time: str
    recorded: str
    port: str
    place: str

    @property
    def zone_known(self) -> bool:
        """Whether the source itself says the zone."""
        return self.recorded.endswith("Z")


def places_of(actor: Actor, claims: Iterable[Claim]) -> tuple[Place, ...]:
    """Where these claims stand; those that the actor may not see, or that no provider can be asked about, are left out."""
    wanted = [claim for claim in claims if claim.kind in ASKED_KINDS and claim.normal is not None]
    ids = {claim.record_id for claim in wanted}
    records = {record.id: record for record in door.visible(actor, records_with_places().filter(pk__in=ids))}
    beside: dict[UUID, list[Claim]] = defaultdict(list)
    said = Claim.objects.filter(record__in=list(records), property__in=(*TIMES, "port"))
    for claim in door.visible(actor, said).order_by("id"):
        beside[claim.record_id].append(claim)
    return tuple(
        _place(claim, records[claim.record_id], beside[claim.record_id])
        for claim in wanted
        if claim.record_id in records
    )


def _place(claim: Claim, record: Record, beside: list[Claim]) -> Place:
    times = sorted((one for one in beside if one.property in TIMES), key=lambda one: TIMES.index(one.property))
    when = next((one for one in times if one.normal), None)
    port = next((one.raw.strip() for one in beside if one.property == "port"), "")
    line = line_of(record)
    kind = "ip" if claim.kind == "ip_hour" else claim.kind
    raw = claim.raw if claim.kind != "ip_hour" else (claim.normal or "").partition("@")[0]
    return Place(
        claim_id=claim.id,
        record_id=record.id,
        kind=kind,
        kind_label=KINDS[kind].label,
        raw=raw,
        value=(claim.normal or "").partition("@")[0] if claim.kind == "ip_hour" else claim.normal or "",
        time=when.raw if when else record.at_text,
        recorded=(when.normal or "") if when else record.at_text,
        port=port or requesting.port_in(raw),
        place=f"{line.exhibit} › {line.locator}",
    )


def find_places(actor: Actor, frame: CaseFrame, words: str, *, record_id: str = "") -> tuple[Place, ...]:
    """Values of the case that contain the words, or all of some records (ids with commas), each where it stands.

    Nothing for no words.
    """
    claims = Claim.objects.filter(
        case_id=frame.case_id, kind__in=ASKED_KINDS, normal__isnull=False, record__retired_at=None
    )
    if record_id:
        try:
            claims = claims.filter(record__in=[UUID(one) for one in record_id.split(",")[:20]])
        except ValueError:
            return ()
    elif words.strip():
        said = words.strip()
        # An address stands beside each hour of its use; the hour alone is found by its whole value.
        claims = claims.filter(
            (Q(normal__icontains=said) & ~Q(kind="ip_hour")) | Q(kind="ip_hour", normal__iexact=said)
        )
    else:
        return ()
    return places_of(actor, door.visible(actor, claims).order_by("kind", "normal", "id")[:MOST_FOUND])


# --- A new request ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewPage:
    """What is needed to begin a request: the carried value, kinds, providers, and drafts that could take it."""

    frame: CaseFrame
    place: Place | None
    places: tuple[Place, ...]
    instruments: tuple[Instrument, ...]
    providers: tuple[tuple[UUID, str], ...]
    drafts: tuple[InquiryRow, ...]

    @property
    def choices(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """The instruments by what they are for."""
        return [
            (label, [(one.key, one.title) for one in self.instruments if one.purpose == purpose])
            for purpose, label in PURPOSES.items()
        ]


def get_new(actor: Actor, reference: str, claim_id: str = "", *, find: str = "", record_id: str = "") -> NewPage:
    """Beginning a request on a case, with the claim that is carried over; NotFound: not this actor's to ask.

    Without a claim, ``find`` or ``record_id`` give the places among which the officer chooses one.
    """
    frame = get_frame(actor, reference, "inquiries:case", to="contribute")
    place = None
    if claim_id:
        claim = door.admit(actor, Claim.objects.filter(case_id=frame.case_id), pk=claim_id)
        place = next(iter(places_of(actor, [claim])), None)
    now = timezone.now()
    drafts = _rows(actor).filter(case_id=frame.case_id, state=InquiryState.DRAFT).order_by("-drafted_at")[:10]
    log.record(
        "case.viewed", actor, holding=frame.holding, subject=f"case:{reference}", details={"section": "new inquiry"}
    )
    return NewPage(
        frame=frame,
        place=place,
        places=() if place else find_places(actor, frame, find, record_id=record_id),
        instruments=instruments(),
        providers=tuple(_own_providers(actor).filter(ended_at=None).order_by("name").values_list("id", "name")),
        drafts=tuple(_row(inquiry, now) for inquiry in drafts) if place else (),
    )


# --- One request -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ValueRow:
    """A value that is asked about, as checked now for this provider."""

    id: UUID
    kind: str
    kind_label: str
    raw: str
    value: str
    time: str
    recorded: str
    zone: str
    source_port: str
    port: str
    at: datetime | None
    theirs: str
    asked_port: int | None
    place: str
    record_url: str
    refusals: tuple[requesting.Remark, ...]
    warnings: tuple[requesting.Remark, ...]
    removed: bool

    @property
    def zone_known(self) -> bool:
        """Whether the source itself says the zone."""
        return self.recorded.endswith("Z")


def asked_of(row: InquiryValue) -> requesting.Asked:
    """A kept value as the checks take it."""
    return requesting.Asked(
        kind=row.kind, value=row.raw, time=row.time, recorded=row.recorded, zone=row.zone, port=row.port,
        source_port=row.source_port,
    )  # fmt: skip


def holder_of(provider: Provider) -> requesting.Holder:
    """A provider as the checks take it."""
    return requesting.Holder(
        name=provider.name,
        shares_addresses=provider.shares_addresses,
        shared_ranges=tuple(line.strip() for line in provider.shared_ranges.splitlines() if line.strip()),
        retention_days=provider.retention_days,
    )


def value_row(row: InquiryValue, provider: Provider, now: datetime) -> ValueRow:
    """A kept value as checked at an instant for a provider."""
    checked = requesting.check(asked_of(row), holder_of(provider), now)
    return ValueRow(
        id=row.id,
        kind=row.kind,
        kind_label=KINDS[row.kind].label if row.kind in KINDS else row.kind,
        raw=row.raw,
        value=checked.value,
        time=row.time,
        recorded=row.recorded,
        zone=row.zone,
        source_port=row.source_port,
        port=row.port,
        at=checked.at,
        theirs=in_zone(checked.at, provider.zone),
        asked_port=checked.port,
        place=row.place,
        record_url=reverse("entities:record", args=[row.record_id]) if row.record_id else "",
        refusals=checked.refusals,
        warnings=checked.warnings,
        removed=row.removed_at is not None,
    )


def in_zone(at: datetime | None, zone: str) -> str:
    """An instant as the provider's clocks showed it, with its offset; empty for none."""
    if at is None:
        return ""
    try:
        local = at.astimezone(zone_of(zone))
    except ValueRefused:
        local = at
    stamp = f"{local:%Y-%m-%d %H:%M:%S}" + (f".{local:%f}".rstrip("0") if local.microsecond else "")
    offset = f"{local:%z}"
    return f"{stamp} {offset[:3]}:{offset[3:]}"


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step that was taken, and whether it was taken back."""

    at: datetime
    by: str
    sentence: str
    undone: bool


@dataclass(frozen=True, slots=True)
class Contained:
    """Whether a value that was asked about stands in the answer."""

    kind: str
    value: str
    record_url: str


@dataclass(frozen=True, slots=True)
class AnswerPage:
    """The exhibit that is the answer: what of the values asked about it contains, and what came new with it."""

    exhibit: str
    title: str
    url: str
    state: str
    read: bool
    sha256: tuple[tuple[str, str], ...]
    contained: tuple[Contained, ...]
    new: tuple[Contained, ...]
    more_new: bool


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """A provider of the agency's directory."""

    id: UUID
    name: str
    country: str
    portal: str
    email: str
    address: str
    languages: str
    emergency_contact: str
    purposes: tuple[str, ...]
    purpose_labels: tuple[str, ...]
    retention_days: int | None
    shares_addresses: bool
    shared_ranges: str
    zone: str
    ended: bool
    added_by: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class InquiryPage:
    """One data request with everything that was said, checked and done."""

    frame: CaseFrame
    row: InquiryRow
    instrument: Instrument
    provider: ProviderRow
    values: tuple[ValueRow, ...]
    removed: tuple[ValueRow, ...]
    statements: tuple[tuple[str, str], ...]
    given: Mapping[str, str]
    missing: tuple[str, ...]
    remarks: tuple[str, ...]
    approved_by: str
    approved_at: datetime | None
    served_at: datetime | None
    served_how: str
    served_reference: str
    due_at: datetime | None
    preserved_until: datetime | None
    answered_at: datetime | None
    ended_because: str
    letter_sha256: str
    renews: tuple[str, str] | None
    renewals: tuple[tuple[str, str, str], ...]
    may_renew: bool
    steps: tuple[StepRow, ...]
    last_step: str
    answer: AnswerPage | None
    exhibits: tuple[tuple[UUID, str], ...]
    drafted_by_me: bool

    @property
    def draft(self) -> bool:
        """Whether it may still be changed."""
        return self.row.state == InquiryState.DRAFT

    @property
    def waits_for_another(self) -> bool:
        """Whether the drafter may not approve it: the instrument wants a second person."""
        return self.instrument.second_person and self.drafted_by_me

    @property
    def blocked(self) -> bool:
        """Whether something stands against approval."""
        return bool(self.missing)


def get_fields(actor: Actor, inquiry_id: UUID) -> tuple[Field, ...]:
    """What the instrument of a request wants said."""
    return instrument_of(door.admit(actor, Inquiry.objects.all(), pk=inquiry_id)).fields


def get_inquiry_id(actor: Actor, value_id: UUID) -> UUID:
    """The request in which a value stands."""
    return door.admit(actor, InquiryValue.objects.all(), "contribute", pk=value_id).inquiry_id


_PAGE = ("case", "provider", "provider__added_by", "drafted_by", "approved_by", "answer", "renews")


def get_inquiry(actor: Actor, inquiry_id: UUID) -> InquiryPage:
    """One data request; NotFound: not this actor's."""
    inquiry = door.admit(actor, Inquiry.objects.select_related(*_PAGE), pk=inquiry_id)
    frame = get_frame(actor, inquiry.case.reference, "inquiries:case")
    now = timezone.now()
    instrument = instrument_of(inquiry)
    kept = door.visible(actor, InquiryValue.objects.filter(inquiry=inquiry)).order_by("added_at", "id")
    rows = [value_row(row, inquiry.provider, now) for row in kept]
    values = tuple(row for row in rows if not row.removed)
    steps = list(
        door.visible(actor, InquiryStep.objects.filter(inquiry=inquiry))
        .select_related("officer")
        .order_by("-at", "-id")[:100]
    )
    renewals = door.visible(actor, Inquiry.objects.filter(renews=inquiry)).order_by("drafted_at")
    exhibits = door.visible(actor, Exhibit.objects.filter(case_id=inquiry.case_id)).exclude(
        state=ExhibitState.CANCELLED
    )
    log.record("inquiry.viewed", actor, holding=frame.holding, subject=f"inquiry:{inquiry.number}")
    standing = next((step for step in steps if step.undone_at is None and step.before), None)
    shown_renewals = tuple(
        (one.number, InquiryState(one.state).label, reverse("inquiries:show", args=[one.id])) for one in renewals[:20]
    )
    return InquiryPage(
        frame=frame,
        row=_row(inquiry, now),
        instrument=instrument,
        provider=_provider_row(inquiry.provider),
        values=values,
        removed=tuple(row for row in rows if row.removed),
        statements=tuple((field.label, inquiry.statements.get(field.name, "")) for field in instrument.fields),
        given={**inquiry.statements, "subject": inquiry.subject},
        missing=missing_of(inquiry, instrument, values),
        remarks=_remarks(inquiry, instrument),
        approved_by=inquiry.approved_by.display_name if inquiry.approved_by else "",
        approved_at=inquiry.approved_at,
        served_at=inquiry.served_at,
        served_how=inquiry.served_how,
        served_reference=inquiry.served_reference,
        due_at=inquiry.due_at,
        preserved_until=inquiry.preserved_until,
        answered_at=inquiry.answered_at,
        ended_because=inquiry.ended_because,
        letter_sha256=inquiry.letter_sha256,
        renews=(inquiry.renews.number, reverse("inquiries:show", args=[inquiry.renews_id])) if inquiry.renews else None,
        renewals=shown_renewals,
        may_renew=instrument.preserves and inquiry.state in (InquiryState.SERVED, InquiryState.PRESERVED),
        steps=tuple(
            StepRow(step.at, step.officer.display_name, step.sentence, step.undone_at is not None) for step in steps
        ),
        last_step=standing.sentence if standing else "",
        answer=_answer(actor, inquiry, values) if inquiry.answer else None,
        exhibits=tuple((one.id, f"{one.reference} {one.title}") for one in exhibits.order_by("-begun_at")[:100]),
        drafted_by_me=inquiry.drafted_by_id == actor.officer_id,
    )


def missing_of(inquiry: Inquiry, instrument: Instrument, values: Iterable[ValueRow]) -> tuple[str, ...]:
    """What stands against approving and serving a request, each as a sentence."""
    listed = list(values)
    missing = [] if listed else ["Nothing is asked about: add an identifier."]
    missing += [
        f"“{field.label}” is empty."
        for field in instrument.fields
        if field.required and not str(inquiry.statements.get(field.name, "")).strip()
    ]
    missing += [f"{row.value}: {remark.sentence}" for row in listed for remark in row.refusals]
    return tuple(missing)


def _remarks(inquiry: Inquiry, instrument: Instrument) -> tuple[str, ...]:
    """What of the provider does not fit the kind of request."""
    provider = inquiry.provider
    found = []
    if provider.purposes and instrument.purpose not in provider.purposes:
        accepted = ", ".join(PURPOSES[purpose].lower() for purpose in provider.purposes if purpose in PURPOSES)
        found.append(
            f"{provider.name} accepts, as your directory says: {accepted}. Not: {instrument.purpose_label.lower()}."
        )
    if instrument.emergency and not provider.emergency_contact:
        found.append(f"Your directory names no emergency contact of {provider.name}.")
    if not (provider.portal or provider.email or provider.address):
        found.append(f"Your directory does not say how {provider.name} is served.")
    return tuple(found)


def _answer(actor: Actor, inquiry: Inquiry, values: Iterable[ValueRow]) -> AnswerPage:
    """What of the values asked about stands in the answer, and which identifiers the case did not hold before it."""
    exhibit = inquiry.answer
    assert exhibit is not None
    claims = door.visible(
        actor, Claim.objects.filter(record__exhibit=exhibit, normal__isnull=False, record__retired_at=None)
    )
    asked = list(values)
    same = Q(pk__in=[])
    for row in asked:
        same |= Q(kind=row.kind, normal=row.value)
    holding: dict[tuple[str, str], UUID] = {}
    for kind, normal, record in claims.filter(same).values_list("kind", "normal", "record_id"):
        holding.setdefault((kind, str(normal)), record)
    linking = [kind for kind in (*STRONG_KINDS, "ip") if kind in ASKED_KINDS and kind != "ip_hour"]
    elsewhere = Claim.objects.filter(case_id=inquiry.case_id, kind__in=linking, normal__isnull=False)
    known = door.visible(actor, elsewhere.exclude(record__exhibit=exhibit))
    came: dict[tuple[str, str], UUID] = {}
    brought = claims.filter(kind__in=linking).order_by("id").values_list("kind", "normal", "record_id")[:5_000]
    for kind, normal, record in brought:
        came.setdefault((kind, str(normal)), record)
    pairs = Q(pk__in=[])
    for kind in {kind for kind, _ in came}:
        pairs |= Q(kind=kind, normal__in=[normal for of, normal in came if of == kind])
    before = {(kind, str(normal)) for kind, normal in known.filter(pairs).values_list("kind", "normal").distinct()}
    before |= {(row.kind, row.value) for row in asked}
    fresh = [(key, record) for key, record in came.items() if key not in before]
    files = exhibit.files.filter(parent=None).order_by("path").values_list("name", "sha256")[:20]
    return AnswerPage(
        exhibit=exhibit.reference,
        title=exhibit.title,
        url=reverse("evidence:report", args=[exhibit.id]),
        state=ExhibitState(exhibit.state).label,
        read=exhibit.state == ExhibitState.READ,
        sha256=tuple(files),
        contained=tuple(
            Contained(row.kind, row.value, _record_url(holding.get((row.kind, row.value)))) for row in asked
        ),
        new=tuple(Contained(kind, value, _record_url(record)) for (kind, value), record in fresh[:MOST_NEW]),
        more_new=len(fresh) > MOST_NEW,
    )


def _record_url(record_id: UUID | None) -> str:
    return reverse("entities:record", args=[record_id]) if record_id else ""


# --- The letter ------------------------------------------------------------------------------------------------------


def _marking(holding: Holding) -> str:
    """What stands above a letter: TLP and code C. The conditions are for partners, not for a provider; code P says nothing."""
    code = f"Handling code {holding.handling}" if holding.handling == Handling.CONDITIONS else ""
    return " · ".join(filter(None, (f"TLP:{holding.tlp}" if holding.tlp else "", code)))


def compose(inquiry: Inquiry, values: Iterable[ValueRow], head: Letterhead | None, agency: Agency) -> Letter:
    """What the letter of a request says, from what is kept now."""
    instrument, provider = instrument_of(inquiry), inquiry.provider
    lines = tuple(
        Line(
            kind=row.kind_label,
            value=row.value,
            at_utc=f"{row.at:%Y-%m-%d %H:%M:%S}" + (f".{row.at:%f}".rstrip("0") if row.at.microsecond else "")
            if row.at else "",
            at_theirs=row.theirs,
            port=str(row.asked_port or ""),
        )
        for row in values
    )  # fmt: skip
    address = [provider.name, *provider.address.splitlines(), provider.email, provider.portal]
    if instrument.emergency:
        address.append(provider.emergency_contact)
    reference = [f"Renews: {inquiry.renews.number}"] if inquiry.renews else []
    who = inquiry.approved_by or inquiry.drafted_by
    contact = (head.contact if head else "") or "\n".join(
        (agency.contact_name, agency.contact_phone, agency.contact_email)
    )
    signature = (head.signature if head else "") or agency.name
    return Letter(
        number=inquiry.number,
        dated=inquiry.approved_at or inquiry.drafted_at,
        letterhead=tuple(((head.head if head else "") or agency.name).splitlines()),
        addressee=tuple(filter(None, (*address, *reference))),
        title=instrument.title,
        law=_law(inquiry, instrument),
        subject=inquiry.subject,
        opening=instrument.opening,
        zone=provider.zone,
        lines=lines,
        categories=instrument.categories,
        statements=tuple(
            (field.label, str(inquiry.statements.get(field.name, ""))) for field in instrument.fields
        ),
        deadline=_deadline(instrument, renewed=inquiry.renews_id is not None),
        closing=instrument.closing,
        signature=(who.display_name, *signature.splitlines()),
        contact=tuple(contact.splitlines()),
        draft=inquiry.approved_at is None,
        marking=_marking(inquiry.holding),
    )  # fmt: skip


def _law(inquiry: Inquiry, instrument: Instrument) -> str:
    return str(inquiry.statements.get("law", "")).strip() or instrument.law


def _deadline(instrument: Instrument, *, renewed: bool) -> str:
    if instrument.preserves:
        days = instrument.renewal_days if renewed else instrument.preserve_days
        begins = (
            "from the end of the preservation that this request renews" if renewed else "from receipt of this request"
        )
        return f"Please preserve the data for {days} days {begins}."
    if instrument.answer_hours is not None:
        return f"Your answer is asked for within {instrument.answer_hours} hours of receipt."
    return (
        f"Your answer is asked for within {instrument.answer_days} days of receipt." if instrument.answer_days else ""
    )


def frozen(letter: Letter) -> dict[str, Any]:
    """A letter as JSON, to be kept word for word."""
    return {**asdict(letter), "dated": letter.dated.astimezone(UTC).isoformat()}


def thawed(kept: dict[str, Any]) -> Letter:
    """A kept letter."""
    parts: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()}
    parts["dated"] = datetime.fromisoformat(kept["dated"])
    parts["lines"] = tuple(Line(**line) for line in kept["lines"])
    parts["statements"] = tuple((label, text) for label, text in kept["statements"])
    return Letter(**parts)


def letter_of(actor: Actor, inquiry: Inquiry) -> Letter:
    """The letter of a request that was admitted: as approved, else as it would be written now."""
    if inquiry.letter:
        return thawed(inquiry.letter)
    now = timezone.now()
    kept = door.visible(actor, InquiryValue.objects.filter(inquiry=inquiry, removed_at=None)).order_by("added_at", "id")
    values = [value_row(row, inquiry.provider, now) for row in kept]
    agency = Agency.objects.get(pk=inquiry.agency_id)
    return compose(inquiry, values, Letterhead.objects.filter(agency_id=inquiry.agency_id).first(), agency)


def get_letter_text(actor: Actor, inquiry_id: UUID) -> tuple[str, str]:
    """(number, the letter as plain text)."""
    inquiry = _for_letter(actor, inquiry_id, "text")
    return inquiry.number, requesting.as_text(letter_of(actor, inquiry))


def get_letter_pdf(actor: Actor, inquiry_id: UUID) -> tuple[str, Written]:
    """(number, the letter as PDF with the characters that no font here has)."""
    inquiry = _for_letter(actor, inquiry_id, "pdf")
    return inquiry.number, requesting.as_pdf(letter_of(actor, inquiry))


def _for_letter(actor: Actor, inquiry_id: UUID, form: str) -> Inquiry:
    rows = Inquiry.objects.select_related("case", "provider", "drafted_by", "approved_by", "renews")
    inquiry = door.admit(actor, rows, pk=inquiry_id)
    holding = (inquiry.holding_id, inquiry.agency_id)
    log.record(
        "inquiry.letter-made", actor, holding=holding, subject=f"inquiry:{inquiry.number}", details={"form": form}
    )
    return inquiry


# --- Providers and letterhead ----------------------------------------------------------------------------------------


def _own_providers(actor: Actor) -> QuerySet[Provider]:
    """The directory of the actor's agency, for an officer who reads cases."""
    own = Provider.objects.filter(agency_id=actor.agency_id)
    return own if actor.reads_cases else own.none()


def _provider_row(provider: Provider) -> ProviderRow:
    return ProviderRow(
        id=provider.id,
        name=provider.name,
        country=provider.country,
        portal=provider.portal,
        email=provider.email,
        address=provider.address,
        languages=provider.languages,
        emergency_contact=provider.emergency_contact,
        purposes=tuple(provider.purposes),
        purpose_labels=tuple(PURPOSES[purpose] for purpose in provider.purposes if purpose in PURPOSES),
        retention_days=provider.retention_days,
        shares_addresses=provider.shares_addresses,
        shared_ranges=provider.shared_ranges,
        zone=provider.zone,
        ended=provider.ended_at is not None,
        added_by=provider.added_by.display_name,
        added_at=provider.added_at,
    )


@dataclass(frozen=True, slots=True)
class Directory:
    """The providers of the actor's agency, and what stands above and below its letters."""

    rows: tuple[ProviderRow, ...]
    ended: tuple[ProviderRow, ...]
    head: str
    signature: str
    contact: str


def get_directory(actor: Actor) -> Directory:
    """The providers that the actor's agency knows, by name."""
    rows = [_provider_row(provider) for provider in _own_providers(actor).select_related("added_by").order_by("name")]
    kept = Letterhead.objects.filter(agency_id=actor.agency_id).first() if actor.reads_cases else None
    log.record("providers.listed", actor)
    return Directory(
        tuple(row for row in rows if not row.ended),
        tuple(row for row in rows if row.ended),
        kept.head if kept else "",
        kept.signature if kept else "",
        kept.contact if kept else "",
    )


def get_provider(actor: Actor, provider_id: UUID) -> ProviderRow:
    """One provider of the actor's agency; else NotFound."""
    provider = _own_providers(actor).select_related("added_by").filter(pk=provider_id).first()
    if provider is None:
        raise NotFound
    return _provider_row(provider)
