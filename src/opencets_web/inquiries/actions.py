"""Writing data requests: each act checks, changes, logs and tells in one transaction, and each has its way back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from opencets import requesting
from opencets.errors import ActRefused, NotFound, ValueRefused
from opencets.requesting.checking import zone_of
from opencets.requesting.instruments import PURPOSES, Instrument
from opencets_web.accounts.models import Agency
from opencets_web.audit import log
from opencets_web.cases.models import Case, CaseState
from opencets_web.entities.queries import ASKED_KINDS
from opencets_web.evidence.actions import begin_exhibit, complete_exhibit
from opencets_web.evidence.models import Claim, Exhibit, ExhibitState
from opencets_web.inquiries import queries
from opencets_web.inquiries.models import Inquiry, InquiryState, InquiryStep, InquiryValue, Letterhead, Provider
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.ui.notify import tell

STATE_FIELDS = (
    "state", "approved_by_id", "approved_at", "served_at", "served_how", "served_reference", "due_at", "preserved_until",
    "answered_at", "answer_id", "ended_because", "letter", "letter_sha256", "next_at",
)  # fmt: skip
"""What a step changes, and what is put back when it is taken back."""


# --- Drafting --------------------------------------------------------------------------------------------------------


@transaction.atomic
def draft_inquiry(
    actor: Actor,
    reference: str,
    *,
    instrument: str,
    provider_id: UUID,
    subject: str = "",
    claim_ids: Sequence[str] = (),
) -> UUID:
    """Begin a data request on a case, with the values of claims where some are given; its id.

    ActRefused: the case is closed or another agency's, the kind of request is not known, or the provider was ended.
    """
    case = door.admit(actor, Case.objects.select_for_update(of=("self",)), "contribute", reference=reference)
    _may_ask(actor, case)
    chosen = next((one for one in queries.instruments() if one.key == instrument), None)
    if chosen is None:
        raise ActRefused("That kind of request is not known here; choose one of the list.")
    provider = Provider.objects.filter(pk=provider_id, agency_id=actor.agency_id).first()
    if provider is None:
        raise NotFound
    if provider.ended_at is not None:
        raise ActRefused(f"{provider.name} was taken off your directory; put it back to ask it.")
    inquiry = _begin(actor, case, chosen, provider, subject or f"{chosen.purpose_label}: {provider.name}")
    _step(actor, inquiry, "inquiry.drafted", "Drafted.", {}, {"instrument": instrument, "provider": provider.id})
    if claim_ids:
        add_claims(actor, inquiry.id, claim_ids)
    return inquiry.id


def _may_ask(actor: Actor, case: Case) -> None:
    if case.agency_id != actor.agency_id:
        raise ActRefused("Data requests of a case are made by the agency that owns it.")
    if case.state != CaseState.OPEN:
        raise ActRefused(f"{case.reference} is closed; open it again to ask for data.")


def _begin(
    actor: Actor, case: Case, instrument: Instrument, provider: Provider, subject: str, renews: Inquiry | None = None
) -> Inquiry:
    number = Inquiry.objects.filter(case=case).count() + 1
    return Inquiry.objects.create(
        holding_id=case.holding_id,
        agency_id=case.agency_id,
        case=case,
        number=f"{case.reference}-DR-{number:02d}",
        instrument=instrument.key,
        instrument_version=instrument.version,
        provider=provider,
        subject=subject[:200],
        renews=renews,
        statements=dict(renews.statements) if renews else {},
        drafted_by_id=actor.officer_id,
        drafted_at=timezone.now(),
    )


@transaction.atomic
def change_inquiry(actor: Actor, inquiry_id: UUID, subject: str, statements: Mapping[str, str]) -> None:
    """Write what the instrument wants said; what it does not know is left out. ActRefused: no draft any more."""
    inquiry = _draft(actor, inquiry_id)
    names = {field.name for field in queries.instrument_of(inquiry).fields}
    inquiry.subject = subject.strip()[:200] or inquiry.subject
    inquiry.statements = {name: text.strip() for name, text in statements.items() if name in names and text.strip()}
    inquiry.save(update_fields=["subject", "statements"])
    _log(actor, inquiry, "inquiry.changed", {"statements": sorted(inquiry.statements)})
    _tell(inquiry)


@transaction.atomic
def add_claims(actor: Actor, inquiry_id: UUID, claim_ids: Sequence[str]) -> tuple[UUID, ...]:
    """Carry values over from the claims of the case, with time, port and place as they stand there; their ids.

    NotFound: a claim of another case. ActRefused: a value that no provider can be asked about, or one that stands already.
    """
    inquiry = _draft(actor, inquiry_id)
    found = [
        door.admit(actor, Claim.objects.filter(case_id=inquiry.case_id), pk=claim_id) for claim_id in claim_ids[:200]
    ]
    places = queries.places_of(actor, found)
    if not places:
        raise ActRefused("A provider cannot be asked about this: choose an address, a number, an account or a name.")
    added = []
    for place in places:
        if InquiryValue.objects.filter(inquiry=inquiry, claim_id=place.claim_id, removed_at=None).exists():
            raise ActRefused(f"{place.value} from that place stands in the request already.")
        added.append(
            _keep(
                actor, inquiry, kind=place.kind, raw=place.raw, time=place.time[:200], recorded=place.recorded[:40],
                source_port=place.port[:12], claim_id=place.claim_id, record_id=place.record_id, place=place.place,
            )
        )  # fmt: skip
    return tuple(added)


@transaction.atomic
def add_by_hand(
    actor: Actor, inquiry_id: UUID, *, kind: str, value: str, time: str = "", zone: str = "", port: str = "", place: str
) -> UUID:
    """Add a value that stands in no exhibit, with where it comes from; its id. ActRefused, with the reason, where it is wrong."""
    inquiry = _draft(actor, inquiry_id)
    if kind not in ASKED_KINDS or kind == "ip_hour":
        raise ActRefused("A provider cannot be asked about this kind of value.")
    if not place.strip():
        raise ActRefused("Say where the value comes from: a value without a source cannot be checked by anyone.")
    row = InquiryValue(kind=kind, raw=value.strip(), time=time.strip(), zone=zone.strip(), port=port.strip())
    _refuse_wrong(inquiry, row)
    return _keep(
        actor, inquiry, kind=kind, raw=row.raw, time=row.time, zone=row.zone, port=row.port, place=place.strip()
    )


def _keep(actor: Actor, inquiry: Inquiry, **given: Any) -> UUID:
    row = InquiryValue.objects.create(
        holding_id=inquiry.holding_id, agency_id=inquiry.agency_id, inquiry=inquiry, added_by_id=actor.officer_id,
        added_at=timezone.now(), **given,
    )  # fmt: skip
    _log(actor, inquiry, "inquiry.value-added", {"value": row.id, "claim": given.get("claim_id"), "kind": row.kind})
    _tell(inquiry)
    return row.id


def _refuse_wrong(inquiry: Inquiry, row: InquiryValue) -> None:
    """ActRefused for what contradicts the source or cannot be; what is still missing may be said later."""
    checked = requesting.check(queries.asked_of(row), queries.holder_of(inquiry.provider), timezone.now())
    if checked.contradicted:
        first = checked.contradicted[0]
        raise ActRefused(f"{first.sentence} {first.repair}")


@transaction.atomic
def complete_value(actor: Actor, value_id: UUID, *, zone: str, port: str) -> UUID:
    """Say what the source does not: the zone of its time, the source port. The request's id.

    ActRefused, with the reason and nothing changed, where that contradicts the source.
    """
    row, inquiry = _value(actor, value_id)
    row.zone, row.port = zone.strip()[:60], port.strip()[:12]
    _refuse_wrong(inquiry, row)
    row.save(update_fields=["zone", "port"])
    _log(actor, inquiry, "inquiry.value-completed", {"value": row.id, "zone": row.zone, "port": row.port})
    _tell(inquiry)
    return inquiry.id


@transaction.atomic
def remove_value(actor: Actor, value_id: UUID) -> UUID:
    """Take a value out of a draft; the request's id."""
    return _mark_value(actor, value_id, timezone.now(), "inquiry.value-removed")


@transaction.atomic
def restore_value(actor: Actor, value_id: UUID) -> UUID:
    """Put a value back into a draft; the request's id."""
    return _mark_value(actor, value_id, None, "inquiry.value-added")


def _mark_value(actor: Actor, value_id: UUID, removed_at: datetime | None, verb: str) -> UUID:
    row, inquiry = _value(actor, value_id)
    row.removed_at = removed_at
    row.save(update_fields=["removed_at"])
    _log(actor, inquiry, verb, {"value": row.id})
    _tell(inquiry)
    return inquiry.id


def _value(actor: Actor, value_id: UUID) -> tuple[InquiryValue, Inquiry]:
    row = door.admit(actor, InquiryValue.objects.all(), "contribute", pk=value_id)
    return row, _draft(actor, row.inquiry_id)


# --- Its way ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def approve_inquiry(actor: Actor, inquiry_id: UUID) -> None:
    """Approve a complete draft: from now on its letter stays word for word.

    ActRefused: something is missing or refused by the checks, or the instrument wants another person than the drafter.
    """
    inquiry = _draft(actor, inquiry_id)
    instrument = queries.instrument_of(inquiry)
    if instrument.second_person and inquiry.drafted_by_id == actor.officer_id:
        raise ActRefused(f"{instrument.law} wants a second person: somebody else than the drafter approves it.")
    before = _before(inquiry)
    now = timezone.now()
    inquiry.state, inquiry.approved_by_id, inquiry.approved_at = InquiryState.APPROVED, actor.officer_id, now
    letter = _refuse_incomplete(actor, inquiry, instrument)
    inquiry.letter = queries.frozen(letter)
    inquiry.letter_sha256 = hashlib.sha256(requesting.as_pdf(letter).pdf).hexdigest()
    _step(actor, inquiry, "inquiry.approved", "Approved.", before, {"letter": inquiry.letter_sha256})


def _refuse_incomplete(actor: Actor, inquiry: Inquiry, instrument: Instrument) -> requesting.Letter:
    now = timezone.now()
    kept = InquiryValue.objects.filter(inquiry=inquiry, removed_at=None).order_by("added_at", "id")
    values = [queries.value_row(row, inquiry.provider, now) for row in door.visible(actor, kept)]
    missing = queries.missing_of(inquiry, instrument, values)
    if missing:
        raise ActRefused(f"{inquiry.number} is not ready: {' '.join(missing[:5])}")
    head = Letterhead.objects.filter(agency_id=inquiry.agency_id).first()
    inquiry.approved_by = type(inquiry.drafted_by).objects.get(pk=actor.officer_id)
    return queries.compose(inquiry, values, head, Agency.objects.get(pk=inquiry.agency_id))


@transaction.atomic
def serve_inquiry(actor: Actor, inquiry_id: UUID, *, at: datetime, how: str, reference: str = "") -> None:
    """Note that the approved request was served: how, when, under which number of the provider. Its terms run from then.

    ActRefused: not approved, served before it was approved, or in the future.
    """
    inquiry = _in_state(actor, inquiry_id, InquiryState.APPROVED)
    instrument, now = queries.instrument_of(inquiry), timezone.now()
    if at > now + timedelta(minutes=5):
        raise ActRefused(f"{at:%Y-%m-%d %H:%M} UTC lies in the future: write when it was served, in UTC.")
    assert inquiry.approved_at is not None
    if at < inquiry.approved_at - timedelta(minutes=1):
        raise ActRefused("It cannot have been served before it was approved.")
    before = _before(inquiry)
    inquiry.state, inquiry.served_at, inquiry.served_how, inquiry.served_reference = (
        InquiryState.SERVED, at, how, reference.strip()
    )  # fmt: skip
    inquiry.due_at = requesting.answer_due(instrument, at, _zone(inquiry.provider))
    renews = inquiry.renews
    begins = renews.preserved_until if renews and renews.preserved_until else at
    inquiry.preserved_until = requesting.preserved_until(instrument, begins, renewed=renews is not None)
    inquiry.next_at = inquiry.due_at
    _step(actor, inquiry, "inquiry.served", f"Served: {how}.", before, {"how": how, "reference": reference, "at": at})
    if renews is not None and renews.state in (InquiryState.SERVED, InquiryState.PRESERVED):
        earlier = _locked(actor, renews.id)
        kept = _before(earlier)
        earlier.state, earlier.next_at = InquiryState.CLOSED, None
        _step(actor, earlier, "inquiry.renewed", f"Renewed by {inquiry.number}.", kept, {"by": inquiry.id})


@transaction.atomic
def confirm_preservation(actor: Actor, inquiry_id: UUID, *, until: datetime | None = None, reference: str = "") -> None:
    """The provider keeps the data, until a day that it says or the instrument does; a reminder to renew is set.

    ActRefused: it asks for no preservation, is not served, or the day has passed.
    """
    inquiry = _in_state(actor, inquiry_id, InquiryState.SERVED, InquiryState.PRESERVED)
    instrument = queries.instrument_of(inquiry)
    if not instrument.preserves:
        raise ActRefused("This request asks for data, not for its preservation.")
    ends = until or inquiry.preserved_until
    assert ends is not None
    if ends <= timezone.now():
        raise ActRefused(f"{ends:%Y-%m-%d %H:%M} UTC has passed: a preservation that has ended is asked for anew.")
    before = _before(inquiry)
    inquiry.state, inquiry.preserved_until = InquiryState.PRESERVED, ends
    inquiry.next_at = requesting.renewal_due(instrument, ends)
    if reference.strip():
        inquiry.served_reference = reference.strip()
    _step(
        actor, inquiry, "inquiry.preserved", f"Preserved until {ends:%Y-%m-%d}.", before, {"until": ends, "reference": reference}
    )  # fmt: skip


@transaction.atomic
def renew_preservation(actor: Actor, inquiry_id: UUID) -> UUID:
    """Draft the renewal of a preservation, with everything it said; the new request's id.

    ActRefused: a renewal is drafted already, or the law lets it be renewed no more.
    """
    inquiry = _in_state(actor, inquiry_id, InquiryState.SERVED, InquiryState.PRESERVED)
    case = door.admit(actor, Case.objects.select_for_update(of=("self",)), "contribute", pk=inquiry.case_id)
    _may_ask(actor, case)
    instrument = queries.instrument_of(inquiry)
    if not instrument.preserves:
        raise ActRefused("Only a preservation is renewed; a request for data is asked again.")
    ended = (InquiryState.WITHDRAWN, InquiryState.REFUSED)
    standing = Inquiry.objects.filter(renews=inquiry).exclude(state__in=ended).first()
    if standing is not None:
        raise ActRefused(f"{standing.number} renews it already; withdraw that one to draft another.")
    times, earlier = 0, inquiry
    while earlier.renews is not None:
        times, earlier = times + 1, earlier.renews
    if instrument.most_renewals is not None and times >= instrument.most_renewals:
        times_said = f"{instrument.most_renewals} time"
        raise ActRefused(f"{instrument.law} lets it be renewed {times_said}; ask for production before it lapses.")
    made = _begin(actor, case, instrument, inquiry.provider, inquiry.subject, renews=inquiry)
    _step(actor, made, "inquiry.drafted", f"Drafted to renew {inquiry.number}.", {}, {"renews": inquiry.id})
    same = (
        "kind", "raw", "time", "recorded", "source_port", "zone", "port", "claim_id", "record_id", "place",
    )  # fmt: skip
    for row in door.visible(actor, InquiryValue.objects.filter(inquiry=inquiry, removed_at=None)).order_by("added_at"):
        _keep(actor, made, **{name: getattr(row, name) for name in same})
    return made.id


@transaction.atomic
def answer_inquiry(actor: Actor, inquiry_id: UUID, exhibit_id: UUID) -> None:
    """Name the exhibit of the case that is the answer. NotFound: an exhibit of another case."""
    inquiry = _in_state(actor, inquiry_id, InquiryState.SERVED, InquiryState.PRESERVED, InquiryState.ANSWERED)
    exhibit = door.admit(actor, Exhibit.objects.filter(case_id=inquiry.case_id), pk=exhibit_id)
    if exhibit.state == ExhibitState.CANCELLED:
        raise ActRefused(f"{exhibit.reference} was cancelled; receive it again, or choose another.")
    before = _before(inquiry)
    inquiry.state, inquiry.answer_id, inquiry.answered_at = InquiryState.ANSWERED, exhibit.id, timezone.now()
    inquiry.next_at = None
    _step(
        actor, inquiry, "inquiry.answered", f"Answered: {exhibit.reference} {exhibit.title}.", before, {"exhibit": exhibit.id}
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Receiving:
    """An exhibit that is being received as the answer."""

    exhibit_id: UUID
    number: str


@transaction.atomic
def begin_answer(actor: Actor, inquiry_id: UUID, *, files: int, octets: int) -> Receiving:
    """Begin an exhibit of the case that will be the answer. ActRefused: nothing is waited for."""
    inquiry = _in_state(actor, inquiry_id, InquiryState.SERVED, InquiryState.PRESERVED, InquiryState.ANSWERED)
    exhibit_id = begin_exhibit(
        actor, inquiry.case.reference, title=f"Answer to {inquiry.number}", files_expected=files, bytes_expected=octets
    )
    return Receiving(exhibit_id, inquiry.number)


@transaction.atomic
def complete_answer(actor: Actor, inquiry_id: UUID, exhibit_id: UUID) -> None:
    """The files of the answer are there: they go to the readers, and the request is answered."""
    complete_exhibit(actor, exhibit_id)
    answer_inquiry(actor, inquiry_id, exhibit_id)


@transaction.atomic
def refuse_inquiry(actor: Actor, inquiry_id: UUID, reason: str) -> None:
    """Note that the provider refuses, with its reason."""
    _end(
        actor, inquiry_id, InquiryState.REFUSED, reason, "inquiry.refused", "Refused by the provider",
        (InquiryState.SERVED, InquiryState.PRESERVED),
    )  # fmt: skip


@transaction.atomic
def withdraw_inquiry(actor: Actor, inquiry_id: UUID, reason: str) -> None:
    """Give a request up, with the reason; one that was served is withdrawn with the provider by its officer."""
    _end(actor, inquiry_id, InquiryState.WITHDRAWN, reason, "inquiry.withdrawn", "Withdrawn", (
        InquiryState.DRAFT, InquiryState.APPROVED, InquiryState.SERVED, InquiryState.PRESERVED,
    ))  # fmt: skip


@transaction.atomic
def close_inquiry(actor: Actor, inquiry_id: UUID, reason: str) -> None:
    """Close a request whose answer, refusal or preservation needs no more work, with the reason."""
    _end(actor, inquiry_id, InquiryState.CLOSED, reason, "inquiry.closed", "Closed", (
        InquiryState.PRESERVED, InquiryState.ANSWERED, InquiryState.REFUSED,
    ))  # fmt: skip


def _end(
    actor: Actor,
    inquiry_id: UUID,
    state: InquiryState,
    reason: str,
    verb: str,
    word: str,
    out_of: tuple[InquiryState, ...],
) -> None:
    if not reason.strip():
        raise ActRefused("It is ended with a reason; the request keeps it.")
    inquiry = _in_state(actor, inquiry_id, *out_of)
    before = _before(inquiry)
    inquiry.state, inquiry.ended_because, inquiry.next_at = state, reason.strip(), None
    _step(actor, inquiry, verb, f"{word}: {reason.strip()}", before, {})


@transaction.atomic
def take_back(actor: Actor, inquiry_id: UUID) -> str:
    """Take the last step back: the request stands as before it, and both stay on record. What was taken back.

    ActRefused: nothing to take back, or a later request stands on it.
    """
    inquiry = _locked(actor, inquiry_id)
    standing = InquiryStep.objects.filter(inquiry=inquiry, undone_at=None).order_by("-at", "-id")
    step = next((one for one in standing if one.before), None)
    if step is None:
        raise ActRefused("There is no step to take back: a draft is withdrawn instead.")
    if step.verb == "inquiry.renewed":
        raise ActRefused("A renewal stands on it: take the service of the renewal back instead.")
    _undo(actor, inquiry, step)
    if step.verb == "inquiry.served" and inquiry.renews_id is not None:
        earlier = _locked(actor, inquiry.renews_id)
        renewed = (
            InquiryStep.objects.filter(inquiry=earlier, verb="inquiry.renewed", undone_at=None).order_by("-at").first()
        )
        if renewed is not None:
            _undo(actor, earlier, renewed)
    return str(step.sentence)


def _undo(actor: Actor, inquiry: Inquiry, step: InquiryStep) -> None:
    for name in STATE_FIELDS:
        kept = step.before[name]
        setattr(inquiry, name, parse_datetime(kept) if kept and name.endswith(("_at", "_until")) else kept)
    inquiry.save(update_fields=[name.removesuffix("_id") for name in STATE_FIELDS])
    step.undone_at = timezone.now()
    step.save(update_fields=["undone_at"])
    _log(actor, inquiry, "inquiry.taken-back", {"step": step.id, "verb": step.verb})
    _tell(inquiry)


# --- Providers and letterhead ----------------------------------------------------------------------------------------


@transaction.atomic
def add_provider(actor: Actor, **given: Any) -> UUID:
    """Enter a provider into the agency's directory; its id. ActRefused: the name stands there already."""
    _keeps_directory(actor)
    provider = Provider(
        agency_id=actor.agency_id, added_by_id=actor.officer_id, added_at=timezone.now(), **_sound(given)
    )
    _save_provider(provider)
    log.record("provider.added", actor, subject=f"provider:{provider.id}", details={"name": provider.name})
    return provider.id


@transaction.atomic
def change_provider(actor: Actor, provider_id: UUID, **given: Any) -> None:
    """Change what is known of a provider; letters that were approved keep what they say."""
    provider = _provider(actor, provider_id)
    for name, value in _sound(given).items():
        setattr(provider, name, value)
    _save_provider(provider, list(given))
    log.record("provider.changed", actor, subject=f"provider:{provider.id}", details={"changed": sorted(given)})


def _sound(given: dict[str, Any]) -> dict[str, Any]:
    """The fields with a zone and purposes that are known; ActRefused for others."""
    try:
        zone_of(given.get("zone") or "UTC")
    except ValueRefused as refusal:
        raise ActRefused(f"{refusal.sentence} Write it like Europe/London.") from None
    strange = set(given.get("purposes", ())) - set(PURPOSES)
    if strange:
        raise ActRefused("That kind of request is not known here.")
    return given


def _save_provider(provider: Provider, fields: list[str] | None = None) -> None:
    try:
        with transaction.atomic():
            if fields is None:
                provider.save(force_insert=True)
            else:
                provider.save(update_fields=fields)
    except IntegrityError:
        raise ActRefused(f"{provider.name} stands in your directory already.") from None


@transaction.atomic
def end_provider(actor: Actor, provider_id: UUID) -> None:
    """Take a provider off the directory; requests to it stay as they are."""
    provider = _provider(actor, provider_id)
    provider.ended_at = timezone.now()
    _save_provider(provider, ["ended_at"])
    log.record("provider.ended", actor, subject=f"provider:{provider.id}")


@transaction.atomic
def restore_provider(actor: Actor, provider_id: UUID) -> None:
    """Put a provider back. ActRefused: another of its name has come since."""
    provider = _provider(actor, provider_id)
    provider.ended_at = None
    _save_provider(provider, ["ended_at"])
    log.record("provider.restored", actor, subject=f"provider:{provider.id}")


@transaction.atomic
def change_letterhead(actor: Actor, *, head: str, signature: str, contact: str) -> None:
    """Write what stands above and below the agency's letters; letters that were approved keep theirs."""
    _keeps_directory(actor)
    Letterhead.objects.update_or_create(
        agency_id=actor.agency_id,
        defaults={
            "head": head, "signature": signature, "contact": contact, "changed_by_id": actor.officer_id,
            "changed_at": timezone.now(),
        },
    )  # fmt: skip
    log.record("letterhead.changed", actor, details={"head": head, "signature": signature, "contact": contact})


def _keeps_directory(actor: Actor) -> None:
    if not actor.reads_cases:
        raise NotFound


def _provider(actor: Actor, provider_id: UUID) -> Provider:
    _keeps_directory(actor)
    provider = Provider.objects.select_for_update().filter(pk=provider_id, agency_id=actor.agency_id).first()
    if provider is None:
        raise NotFound
    return provider


# --- Shared ----------------------------------------------------------------------------------------------------------


def _locked(actor: Actor, inquiry_id: UUID) -> Inquiry:
    rows = Inquiry.objects.select_related("case", "provider", "drafted_by", "renews").select_for_update(of=("self",))
    return door.admit(actor, rows, "contribute", pk=inquiry_id)


def _in_state(actor: Actor, inquiry_id: UUID, *states: InquiryState) -> Inquiry:
    inquiry = _locked(actor, inquiry_id)
    if inquiry.state not in states:
        wanted = " or ".join(InquiryState(state).label.lower() for state in states)
        raise ActRefused(
            f"{inquiry.number} is {InquiryState(inquiry.state).label.lower()}; this is done while it is {wanted}."
        )
    return inquiry


def _draft(actor: Actor, inquiry_id: UUID) -> Inquiry:
    inquiry = _in_state(actor, inquiry_id, InquiryState.DRAFT)
    _may_ask(actor, inquiry.case)
    return inquiry


def _before(inquiry: Inquiry) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name in STATE_FIELDS:
        value = getattr(inquiry, name)
        kept[name] = (
            value.isoformat() if isinstance(value, datetime) else str(value) if isinstance(value, UUID) else value
        )
    return kept


def _step(
    actor: Actor, inquiry: Inquiry, verb: str, sentence: str, before: dict[str, Any], details: dict[str, Any]
) -> None:
    """Save what the step changed, keep the step, log and tell."""
    if before:
        inquiry.save(update_fields=[name.removesuffix("_id") for name in STATE_FIELDS])
    InquiryStep.objects.create(
        holding_id=inquiry.holding_id,
        agency_id=inquiry.agency_id,
        inquiry=inquiry,
        verb=verb,
        sentence=sentence[:2_000],
        at=timezone.now(),
        officer_id=actor.officer_id,
        before=before,
    )
    _log(actor, inquiry, verb, details)
    _tell(inquiry)


def _zone(provider: Provider) -> Any:
    try:
        return zone_of(provider.zone)
    except ValueRefused:
        return zone_of("UTC")


def _log(actor: Actor, inquiry: Inquiry, verb: str, details: dict[str, Any]) -> None:
    holding = (inquiry.holding_id, inquiry.agency_id)
    log.record(verb, actor, holding=holding, subject=f"inquiry:{inquiry.number}", details=details)


def _tell(inquiry: Inquiry) -> None:
    tell(f"case:{inquiry.case_id}", "inquiry", inquiry.id)
