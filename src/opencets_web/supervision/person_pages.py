"""Reading a supervised person's file, devices, orders and libraries, as frozen pages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone

from opencets.errors import NotFound
from opencets_web.accounts.models import Agency
from opencets_web.audit import log
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Grant
from opencets_web.supervision.actions import may_supervise, person_for
from opencets_web.supervision.caring import may_rate
from opencets_web.supervision.instruments import Instrument, Part, instruments
from opencets_web.supervision.models import (
    Appointment,
    Assessment,
    BreachReport,
    Condition,
    Contact,
    Device,
    DeviceState,
    Entry,
    Hit,
    HitState,
    KnownList,
    LibraryState,
    Order,
    OrderState,
    PhraseLibrary,
    Plan,
    SupervisedPerson,
)
from opencets_web.supervision.policies import Policy, policy_of
from opencets_web.supervision.queries import FaultRow, Tab, colleagues, list_faults, person_url, require_reader, tabs
from opencets_web.supervision.reviewing import body_of

QUIET = dt.timedelta(seconds=60)
SETTING_WORDS = {"court": "Court", "school": "School", "family": "Family"}


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device as it stands now."""

    id: UUID
    name: str
    person: str
    person_url: str
    system: str
    accounts: str
    key_end: str
    state: str
    tone: str
    heard_at: dt.datetime | None
    entries: int
    offset: str
    waiting: int
    notice_visible: bool | None
    coverage: tuple[tuple[str, str, str], ...]
    uncovered: int
    order_words: str
    order_url: str
    ended: bool
    draft_url: str
    has_order: bool


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A supervised person in the list."""

    reference: str
    url: str
    name: str
    setting: str
    in_charge: str
    devices: int
    absent: int
    waiting: int
    severe: int
    due_at: dt.datetime | None
    overdue: bool
    order_ends_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """The supervised people whose files are open to the actor."""

    tabs: tuple[Tab, ...]
    rows: tuple[PersonRow, ...]
    may: bool


def list_people(actor: Actor) -> PeoplePage:
    """Everybody whose file is open to the actor, who has most to look at first. NotFound: reads no cases."""
    require_reader(actor)
    log.record("supervised.listed", actor)
    people = list(door.visible(actor, SupervisedPerson.objects.filter(ended_at=None)).select_related("in_charge"))
    ids = [one.pk for one in people]
    hits: dict[UUID, Any] = {
        row["person_id"]: row
        for row in Hit.objects.filter(person_id__in=ids, deleted_at=None)
        .exclude(state=HitState.DONE)
        .values("person_id")
        .annotate(all=Count("id"), severe=Count("id", filter=Q(severity__gte=4)))
    }
    devices: dict[UUID, list[DeviceState]] = {}
    for state in DeviceState.objects.filter(device__person_id__in=ids, device__ended_at=None).select_related("device"):
        devices.setdefault(state.device.person_id, []).append(state)
    due: dict[UUID, dt.datetime] = {}
    for row in Appointment.objects.filter(person_id__in=ids, done_at=None, dropped_at=None).order_by("-due_at"):
        due[row.person_id] = row.due_at
    ends: dict[UUID, dt.datetime] = {}
    for order in (
        Order.objects.filter(person_id__in=ids, state=OrderState.SIGNED)
        .order_by("-ends_at")
        .only("person_id", "ends_at")
    ):
        ends[order.person_id] = order.ends_at
    now = timezone.now()
    rows = [
        PersonRow(
            one.reference, person_url(one.reference), one.name, SETTING_WORDS[one.setting], one.in_charge.display_name,
            len(devices.get(one.pk, ())), sum(state.absent_since is not None for state in devices.get(one.pk, ())),
            hits.get(one.pk, {}).get("all", 0), hits.get(one.pk, {}).get("severe", 0), due.get(one.pk),
            bool(due.get(one.pk) and due[one.pk] < now), ends.get(one.pk),
        )
        for one in people
    ]  # fmt: skip
    rows.sort(key=lambda row: (-row.severe, -row.absent, -row.waiting, row.reference))
    return PeoplePage(tabs("people"), tuple(rows), may_supervise(actor))


@dataclass(frozen=True, slots=True)
class DevicesPage:
    """Every device that is open to the actor."""

    tabs: tuple[Tab, ...]
    rows: tuple[DeviceRow, ...]
    officer_id: UUID


def list_devices(actor: Actor) -> DevicesPage:
    """The devices of all files open to the actor, silent ones first. NotFound: reads no cases."""
    require_reader(actor)
    log.record("supervised.listed", actor)
    rows = door.visible(actor, Device.objects.filter(ended_at=None)).select_related("state", "person")
    found = sorted(_devices(list(rows[:500])), key=lambda row: ({"bad": 0, "warn": 1}.get(row.tone, 2), row.name))
    return DevicesPage(tabs("devices"), tuple(found), actor.officer_id)


def _devices(devices: list[Device]) -> list[DeviceRow]:
    orders = {
        one.device_id: one
        for one in Order.objects.filter(device__in=devices, state=OrderState.SIGNED).defer(
            "document", "words", "co_users"
        )
    }
    drafts = dict(Order.objects.filter(device__in=devices, state=OrderState.DRAFT).values_list("device_id", "pk"))
    return [_device(one, orders.get(one.pk), drafts.get(one.pk)) for one in devices]


def _device(device: Device, order: Order | None, draft: UUID | None) -> DeviceRow:
    state, now = device.state, timezone.now()
    beat = state.heartbeat or {}
    words, tone = _standing(device, state, order, now)
    coverage = tuple((one["program"], one["source"], one.get("words", "")) for one in beat.get("coverage", ()))
    ahead = state.offset_ms / 1000
    return DeviceRow(
        device.id, device.name, device.person.reference, person_url(device.person.reference), device.system,
        ", ".join(device.accounts), device.key[-12:], words, tone, state.received_at, state.last_seq,
        "" if abs(ahead) < 2 else f"{abs(ahead):,.0f} s {'ahead' if ahead > 0 else 'behind'}", int(beat.get("waiting", 0)),
        beat.get("notice_visible"), coverage, sum(source == "none" for _, source, _ in coverage),
        f"Version {order.version}, until {order.ends_at:%Y-%m-%d}" if order else "",
        reverse("supervision:order", args=[order.pk]) if order else "", device.ended_at is not None,
        reverse("supervision:order", args=[draft]) if draft else "", order is not None,
    )  # fmt: skip


def _standing(device: Device, state: DeviceState, order: Order | None, now: dt.datetime) -> tuple[str, str]:
    if device.ended_at is not None:
        return "Ended", "line"
    if order is None:
        return "No order in force", "warn"
    if now >= order.ends_at:
        return "The order has ended", "line"
    if state.received_at is None:
        return "Never heard of", "warn"
    if state.absent_since is not None:
        return "Absent", "bad"
    if state.stopped:
        return "Agent stopped", "warn"
    return ("Heard of", "good") if now - state.received_at < QUIET else ("Quiet", "warn")


# --- One person -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One version of an order."""

    id: UUID
    url: str
    device: str
    version: int
    state: str
    tone: str
    court: str
    reference: str
    begins_at: dt.datetime
    ends_at: dt.datetime
    signed_by: str
    signed_at: dt.datetime | None
    in_force: bool


@dataclass(frozen=True, slots=True)
class AppointmentRow:
    """A visit, check or date."""

    id: UUID
    kind: str
    words: str
    due_at: dt.datetime
    agreed: bool
    overdue: bool
    done_at: dt.datetime | None
    done_by: str
    outcome: str


@dataclass(frozen=True, slots=True)
class AssessmentRow:
    """A filled-in instrument with each item's part."""

    id: UUID
    name: str
    version: str
    score: int
    most: int
    band: str
    parts: tuple[Part, ...]
    rater: str
    at: dt.datetime
    withdrawn: bool
    mine: bool


@dataclass(frozen=True, slots=True)
class LineOfTime:
    """Something that a device told, besides hits and heartbeats."""

    at: dt.datetime
    kind: str
    words: str
    device: str


@dataclass(frozen=True, slots=True)
class PersonPage:
    """A supervised person's file."""

    tabs: tuple[Tab, ...]
    sections: tuple[Tab, ...]
    section: str
    reference: str
    name: str
    case_url: str
    setting: str
    policy: Policy
    in_charge: str
    reviewer: str
    officer_id: UUID
    case_id: UUID
    devices: tuple[DeviceRow, ...] = ()
    orders: tuple[OrderRow, ...] = ()
    faults: tuple[FaultRow, ...] = ()
    hits: tuple[Any, ...] = ()
    waiting: int = 0
    open_due: tuple[AppointmentRow, ...] = ()
    past: tuple[AppointmentRow, ...] = ()
    contacts: tuple[Any, ...] = ()
    plans: tuple[Any, ...] = ()
    assessments: tuple[AssessmentRow, ...] = ()
    forms: tuple[Instrument, ...] = ()
    may_rate: bool = False
    may: bool = False
    opened_to: tuple[tuple[str, str, dt.datetime], ...] = ()
    colleagues: tuple[tuple[str, str], ...] = ()
    officers: tuple[tuple[str, str], ...] = ()
    history: tuple[LineOfTime, ...] = ()
    reports: tuple[Any, ...] = ()
    conditions: tuple[str, ...] = ()
    recorded: tuple[Any, ...] = ()


SECTIONS = (
    ("Now", "now"),
    ("Orders", "orders"),
    ("Care", "care"),
    ("History", "history"),
    ("What is recorded", "told"),
)


def get_person(actor: Actor, reference: str, section: str = "now") -> PersonPage:
    """One section of a person's file. NotFound: not open to the actor, or no such section."""
    require_reader(actor)
    if section not in {name for _, name in SECTIONS}:
        raise NotFound
    person = person_for(actor, reference, "read")
    log.record(
        "supervised.viewed", actor, holding=(person.holding_id, person.agency_id), subject=f"supervised:{reference}",
        details={"section": section},
    )  # fmt: skip
    names = {one.pk: one.display_name for one in _officers(person)}
    given: dict[str, Any] = {
        "now": _now, "orders": _orders, "care": _care, "history": _history, "told": _told,
    }[section](actor, person)  # fmt: skip
    sections = tuple(
        Tab(label, person_url(reference) + ("" if name == "now" else f"{name}/"), name == section)
        for label, name in SECTIONS
    )
    return PersonPage(
        tabs("people"), sections, section, reference, person.name, reverse("desk:case", args=[reference]),
        SETTING_WORDS[person.setting], policy_of(person.setting), names.get(person.in_charge_id, ""),
        names.get(person.reviewer_id, "") if person.reviewer_id else "", actor.officer_id, person.case_id,
        may=may_supervise(actor), **given,
    )  # fmt: skip


def _officers(person: SupervisedPerson) -> list[Any]:
    from opencets_web.accounts.models import Officer

    return list(Officer.objects.filter(pk__in=[pk for pk in (person.in_charge_id, person.reviewer_id) if pk]))


def _now(actor: Actor, person: SupervisedPerson) -> dict[str, Any]:
    from opencets_web.supervision.queries import _row

    devices = _devices(
        list(Device.objects.filter(person=person).select_related("state", "person").order_by("enrolled_at"))
    )
    hits = (
        Hit.objects.filter(person=person, deleted_at=None)
        .exclude(state=HitState.DONE)
        .select_related("person", "device")
    )
    now = timezone.now()
    due = Appointment.objects.filter(person=person, done_at=None, dropped_at=None).order_by("due_at")[:8]
    grants = Grant.objects.filter(holding_id=person.holding_id, withdrawn_at=None, expires_at__gt=now)
    opened = tuple(
        (
            one.to_officer.display_name if one.to_officer else one.to_agency.short_name if one.to_agency else "",
            f"{one.get_level_display()}: {one.purpose}", one.expires_at,
        )
        for one in grants.select_related("to_officer", "to_agency").order_by("granted_at")
    )  # fmt: skip
    return {
        "devices": tuple(devices), "hits": tuple(_row(one, 1) for one in hits.order_by("-severity", "-received_at")[:10]),
        "waiting": hits.count(), "faults": tuple(one for one in list_faults(actor, person.reference) if not one.answer),
        "open_due": tuple(_appointment(one, now) for one in due), "opened_to": opened, "colleagues": colleagues(actor),
        "officers": colleagues(actor, supervising=True),
    }  # fmt: skip


ORDER_TONES = {
    OrderState.DRAFT: "warn",
    OrderState.SIGNED: "good",
    OrderState.REPLACED: "line",
    OrderState.WITHDRAWN: "line",
}


def _orders(actor: Actor, person: SupervisedPerson) -> dict[str, Any]:
    rows = Order.objects.filter(person=person).select_related("device", "signed_by").order_by("device_id", "-version")
    devices = _devices(
        list(Device.objects.filter(person=person).select_related("state", "person").order_by("enrolled_at"))
    )
    return {"orders": tuple(_order_row(one) for one in rows), "devices": tuple(devices)}


def _order_row(one: Order) -> OrderRow:
    now = timezone.now()
    ended = one.state == OrderState.SIGNED and one.ends_at <= now
    return OrderRow(
        one.id, reverse("supervision:order", args=[one.pk]), one.device.name, one.version,
        "Ended" if ended else one.get_state_display(), "line" if ended else ORDER_TONES[OrderState(one.state)], one.court,
        one.reference, one.begins_at, one.ends_at, one.signed_by.display_name if one.signed_by else "", one.signed_at,
        one.state == OrderState.SIGNED and not ended,
    )  # fmt: skip


def _appointment(one: Appointment, now: dt.datetime) -> AppointmentRow:
    return AppointmentRow(
        one.id, one.get_kind_display(), one.words, one.due_at, one.agreed, one.done_at is None and one.due_at < now, one.done_at,
        one.done_by.display_name if one.done_by_id and one.done_by else "", one.outcome,
    )  # fmt: skip


def _care(actor: Actor, person: SupervisedPerson) -> dict[str, Any]:
    now = timezone.now()
    rows = list(Appointment.objects.filter(person=person, dropped_at=None).select_related("done_by").order_by("due_at"))
    forms = instruments()
    filled = []
    for one in Assessment.objects.filter(person=person).select_related("rater").order_by("-at")[:20]:
        form = forms.get(one.instrument)
        if form is None or not one.answers:
            continue
        parts = form.parts(one.answers)
        score = int(one.score)
        filled.append(
            AssessmentRow(
                one.id, form.name, one.version, score, sum(part.most for part in parts), form.band(score), parts,
                one.rater.display_name, one.at, one.withdrawn_at is not None, one.rater_id == actor.officer_id,
            )
        )  # fmt: skip
    contacts = Contact.objects.filter(person=person, ended_at=None).order_by("kind", "entered_at")
    plans = Plan.objects.filter(person=person, dropped_at=None).order_by("reached_at", "made_at")
    return {
        "open_due": tuple(_appointment(one, now) for one in rows if one.done_at is None),
        "past": tuple(_appointment(one, now) for one in reversed(rows) if one.done_at is not None)[:30],
        "contacts": tuple(_named(one) for one in contacts),
        "plans": tuple({"id": one.id, "words": one.words, "reached_at": one.reached_at} for one in plans),
        "assessments": tuple(filled), "forms": tuple(forms.values()), "may_rate": may_rate(actor),
    }  # fmt: skip


def _named(one: Contact) -> dict[str, Any]:
    return {"id": one.id, "kind": one.get_kind_display(), "name": one.name, "details": one.details}


TOLD_KINDS = ("started", "stopped", "ended", "drive", "account", "notice", "evasion", "gap")


def _history(actor: Actor, person: SupervisedPerson) -> dict[str, Any]:
    rows = (
        Entry.objects.filter(device__person=person, kind__in=TOLD_KINDS)
        .select_related("device")
        .order_by("-received_at")[:60]
    )
    lines = [LineOfTime(one.at, one.kind.capitalize(), _words(one), one.device.name) for one in rows]
    refs = Condition.objects.filter(order__person=person, removed_at=None).exclude(order__signed_at=None)
    reports = BreachReport.objects.filter(person=person).select_related("made_by").order_by("-made_at")
    return {
        "history": tuple(lines), "faults": list_faults(actor, person.reference),
        "conditions": tuple(sorted(set(refs.values_list("ref", flat=True)))),
        "reports": tuple(
            {"condition": one.condition, "purpose": one.purpose, "count": len(one.hits), "by": one.made_by.display_name,
             "at": one.made_at, "sha256": one.sha256}
            for one in reports
        ),
    }  # fmt: skip


def _words(entry: Entry) -> str:
    body = body_of(entry)
    if body is None:
        return "Let go by rule." if entry.body.startswith("sha256:") else "It cannot be read."
    told = [
        str(getattr(body, name))
        for name in ("act", "state", "after", "why", "name", "device", "sign", "words")
        if hasattr(body, name)
    ]
    return ", ".join(part for part in told if part)


def _told(actor: Actor, person: SupervisedPerson) -> dict[str, Any]:
    return {"recorded": recorded_of(person)}


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is recorded on one device, as the person is told."""

    device: str
    court: str
    reference: str
    words: str
    begins_at: dt.datetime
    ends_at: dt.datetime
    complaint: str
    co_users: tuple[str, ...]
    opens_to: str
    conditions: tuple[tuple[str, str, str, str, int], ...]
    kept: int
    deleted: int


COLLECTOR_WORDS = {
    "typed": "what is typed", "shown": "what the screen shows", "window": "which program and window is used",
    "address": "addresses visited", "clipboard": "what is copied", "file": "new files (name, size, digest; not their content)",
    "drive": "removable drives", "account": "accounts of the device", "program": "programs started",
    "evasion": "signs that the watching is evaded",
}  # fmt: skip


def recorded_of(person: SupervisedPerson) -> tuple[Recorded, ...]:
    """What is recorded under each order in force, what is never taken, how long it is kept, and how much there is."""
    found = []
    for order in Order.objects.filter(person=person, state=OrderState.SIGNED).select_related("device", "opens_to"):
        conditions = Condition.objects.filter(order=order, removed_at=None).order_by("ref")
        told = Hit.objects.filter(device_id=order.device_id).aggregate(
            all=Count("id"), deleted=Count("id", filter=Q(deleted_at__isnull=False))
        )
        found.append(
            Recorded(
                order.device.name, order.court, order.reference, order.words, order.begins_at, order.ends_at, order.complaint,
                tuple(order.co_users), order.opens_to.name if order.opens_to else "",
                tuple(
                    (
                        one.ref, one.words, "; ".join(COLLECTOR_WORDS[name] for name in one.collectors),
                        excluded_words(one.excluded), one.retention_days,
                    )
                    for one in conditions
                ),
                told["all"] - told["deleted"], told["deleted"],
            )
        )  # fmt: skip
    return tuple(found)


def excluded_words(excluded: dict[str, Any]) -> str:
    """What is never taken under a condition, in one line."""
    parts = [", ".join(excluded.get(name, ())) for name in ("programs", "sites", "people")]
    parts += [f"{', '.join(one['days'])} {one['from']} to {one['to']}" for one in excluded.get("hours", ())]
    return "; ".join(part for part in parts if part)


# --- One order --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConditionRow:
    """A condition as it is shown and edited."""

    id: UUID
    ref: str
    words: str
    collectors: str
    captures: str
    severity_from: int
    excluded: str
    retention_days: int
    given: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Offers:
    """What a draft may name, each with its words."""

    libraries: tuple[tuple[str, str], ...] = ()
    known_lists: tuple[tuple[str, str], ...] = ()
    agencies: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class OrderPage:
    """One version of an order."""

    tabs: tuple[Tab, ...]
    row: OrderRow
    draft: bool
    reference: str
    person_url: str
    name: str
    policy: Policy
    words: str
    complaint: str
    co_users: tuple[str, ...]
    notice_on: dt.date | None
    time_zone: str
    libraries: tuple[dict[str, str], ...]
    opens_to: str
    digest: str
    conditions: tuple[ConditionRow, ...]
    known_list: str
    offers: Offers
    given: dict[str, Any]
    versions: tuple[OrderRow, ...]
    may: bool
    has: int


SHOTS = {
    "none": "no screenshot", "window": "screenshot of the window", "masked": "screenshot, all but the window black",
    "screen": "screenshot of the whole screen",
}  # fmt: skip


def get_order(actor: Actor, order_id: UUID) -> OrderPage:
    """One version of an order with its conditions and the other versions. NotFound: not open to the actor."""
    require_reader(actor)
    order = door.admit(
        actor, Order.objects.select_related("person", "device__state", "signed_by", "opens_to"), pk=order_id
    )
    named = [order.known_list_id] if order.known_list_id else []
    known = KnownList.objects.filter(pk__in=named).values_list("name", "version").first()
    person = order.person
    log.record("order.viewed", actor, holding=(order.holding_id, order.agency_id), subject=f"order:{order.id}")
    rows = tuple(_condition(one) for one in Condition.objects.filter(order=order, removed_at=None).order_by("ref"))
    draft = order.state == OrderState.DRAFT
    versions = (
        Order.objects.filter(order_ref=order.order_ref).select_related("device", "signed_by").order_by("-version")
    )
    given = {
        "court": order.court, "reference": order.reference, "words": order.words, "begins_at": order.begins_at,
        "ends_at": order.ends_at, "time_zone": order.time_zone, "co_users": "\n".join(order.co_users), "complaint": order.complaint,
        "notice_on": order.notice_on, "opens_to": str(order.opens_to_id or ""),
        "libraries": [one["digest"] for one in order.libraries], "known_list": str(order.known_list_id or ""),
    }  # fmt: skip
    return OrderPage(
        tabs("people"), _order_row(order), draft, person.reference, person_url(person.reference), person.name,
        policy_of(person.setting), order.words, order.complaint, tuple(order.co_users), order.notice_on, order.time_zone,
        tuple(order.libraries), order.opens_to.name if order.opens_to else "", order.digest, rows,
        " ".join(known) if known else "", _offers(actor) if draft else Offers(), given, tuple(_order_row(one) for one in versions),
        may_supervise(actor), order.device.state.order_version,
    )  # fmt: skip


def _offers(actor: Actor) -> Offers:
    tested = PhraseLibrary.objects.filter(agency_id=actor.agency_id, state=LibraryState.TESTED)
    lists = KnownList.objects.filter(agency_id=actor.agency_id, withdrawn_at=None)
    agencies = Agency.objects.exclude(pk=actor.agency_id).order_by("short_name")
    by_name = ("name", "-handed_in_at")
    return Offers(
        tuple((one.digest, f"{one.name} {one.version}") for one in tested.defer("content").order_by(*by_name)),
        tuple((str(one.pk), f"{one.name} {one.version}") for one in lists.defer("content").order_by(*by_name)),
        tuple((str(one.pk), one.short_name) for one in agencies),
    )


def _condition(one: Condition) -> ConditionRow:
    given = {
        "ref": one.ref, "words": one.words, "collectors": list(one.collectors), "text_around": one.text_around,
        "screenshot": one.screenshot, "severity_from": one.severity_from, "retention_days": one.retention_days,
        "alert_severity": one.alert_severity,
        "programs": "\n".join(one.excluded.get("programs", ())), "sites": "\n".join(one.excluded.get("sites", ())),
        "people": "\n".join(one.excluded.get("people", ())),
        "hours": "\n".join(f"{' '.join(h['days'])} {h['from']}-{h['to']}" for h in one.excluded.get("hours", ())),
    }  # fmt: skip
    return ConditionRow(
        one.id, one.ref, one.words, ", ".join(COLLECTOR_WORDS[name] for name in one.collectors),
        _captures(one), one.severity_from, excluded_words(one.excluded),
        one.retention_days, given,
    )  # fmt: skip


def _captures(one: Condition) -> str:
    told = f"{one.text_around} characters around, {SHOTS[one.screenshot]}"
    others = " and ".join(
        words for name, words in (("drive", "drives"), ("account", "other accounts")) if name in one.collectors
    )
    return f"{told}; {others} with severity {one.alert_severity}" if others else told


# --- Libraries --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LibraryRow:
    """One version of a library."""

    id: UUID
    name: str
    version: str
    state: str
    tone: str
    phrases: int
    digest: str
    test: dict[str, Any]
    handed_in_by: str
    handed_in_at: dt.datetime
    withdrawn: bool
    tested: bool
    on: tuple[str, ...]
    to: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class KnownListRow:
    """One version of a list of known files."""

    id: UUID
    name: str
    version: str
    authority: str
    files: int
    digest: str
    handed_in_by: str
    handed_in_at: dt.datetime
    withdrawn: bool
    on: tuple[str, ...]
    to: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class LibrariesPage:
    """The agency's libraries and lists of known files, and on which devices each version is."""

    tabs: tuple[Tab, ...]
    rows: tuple[LibraryRow, ...]
    lists: tuple[KnownListRow, ...]
    may: bool


def get_libraries(actor: Actor) -> LibrariesPage:
    """The phrase libraries of the actor's agency, and where each is rolled out. NotFound: reads no cases."""
    require_reader(actor)
    log.record("library.listed", actor)
    orders = door.visible(actor, Order.objects.filter(state=OrderState.SIGNED)).select_related("device", "person")
    listed = [
        (one, {entry["digest"] for entry in one.libraries} | {str(one.known_list_id or "")})
        for one in orders.defer("document", "words", "co_users", "known_key")
    ]
    rows = []
    libraries = PhraseLibrary.objects.filter(agency_id=actor.agency_id).select_related("handed_in_by").defer("content")
    for one in libraries.order_by("name", "-handed_in_at"):
        on, to = _on_and_to(listed, one.digest)
        tone = {LibraryState.TESTED: "good", LibraryState.HANDED_IN: "warn"}.get(LibraryState(one.state), "line")
        rows.append(
            LibraryRow(
                one.id, one.name, one.version, one.get_state_display(), tone, one.phrases_count, one.digest, one.test,
                one.handed_in_by.display_name, one.handed_in_at, one.state == LibraryState.WITHDRAWN, one.tested_at is not None,
                on, to if one.state == LibraryState.TESTED else (),
            )
        )  # fmt: skip
    lists = KnownList.objects.filter(agency_id=actor.agency_id).select_related("handed_in_by").defer("content")
    known = [_known_list(one, *_on_and_to(listed, str(one.pk))) for one in lists.order_by("name", "-handed_in_at")]
    return LibrariesPage(tabs("libraries"), tuple(rows), tuple(known), may_supervise(actor))


def _on_and_to(
    listed: Sequence[tuple[Order, set[str]]], mark: str
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """On which devices something is, and to which it may go."""
    now = timezone.now()
    on = tuple(f"{order.person.reference}, {order.device.name}" for order, has in listed if mark in has)
    to = tuple(
        (str(order.device_id), f"{order.person.reference}, {order.device.name}")
        for order, has in listed
        if mark not in has and order.ends_at > now
    )
    return on, to


def _known_list(one: KnownList, on: tuple[str, ...], to: tuple[tuple[str, str], ...]) -> KnownListRow:
    return KnownListRow(
        one.id, one.name, one.version, one.authority, one.entries_count, one.digest, one.handed_in_by.display_name,
        one.handed_in_at, one.withdrawn_at is not None, on, to if one.withdrawn_at is None else (),
    )  # fmt: skip
