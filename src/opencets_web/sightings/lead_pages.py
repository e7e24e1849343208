"""Reading leads for a page: the queue of a jurisdiction by what is due, one computer's lead, and how the order did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import F, QuerySet
from django.urls import reverse
from django.utils import timezone

from opencets.errors import NotFound
from opencets.sighting import answers
from opencets.sighting.areas import EVERYWHERE
from opencets_web.accounts.models import READING_ROLES, Officer
from opencets_web.audit import log
from opencets_web.cases.models import Case, CaseState
from opencets_web.evidence.models import Claim
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.sightings import ledger as kept
from opencets_web.sightings.leads import Band, band_of, bands, met
from opencets_web.sightings.models import ComputerLead, Outcome
from opencets_web.sightings.queries import Tab, tabs
from opencets_web.sightings.sight import Node, read_tree

GOOD = (Outcome.SAFEGUARDED, Outcome.ARRESTED, Outcome.FOUND)
MOST_ASKED = 12


@dataclass(frozen=True, slots=True)
class Other:
    """Another agency that follows the same computer, and whom to call."""

    agency: str
    contact: str
    phone: str
    since: datetime


@dataclass(frozen=True, slots=True)
class LeadRow:
    """A lead in the queue."""

    id: UUID
    identity: str
    short: str
    url: str
    jurisdiction: str
    score: float
    why: str
    band: Band
    opened_at: datetime
    opened_by: str
    assigned: str
    mine: bool
    due_at: datetime | None
    overdue: bool
    next: str
    case: str
    others: tuple[Other, ...]
    visited_at: datetime | None
    again: bool
    outcome: str
    said: str
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Did:
    """What became of leads of one band: how the order did."""

    label: str
    ended: int
    good: int


@dataclass(frozen=True, slots=True)
class Queue:
    """The leads of an agency, what is due first at the top."""

    tabs: tuple[Tab, ...]
    rows: tuple[LeadRow, ...]
    page: Page[ComputerLead]
    overdue: int
    nodes: tuple[Node, ...]
    did: tuple[Did, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A sighting of the case that a provider can be asked about, with address, port and time as they stand."""

    value: str
    url: str


@dataclass(frozen=True, slots=True)
class OnComputer:
    """The lead of one computer on its page, and what can be done."""

    row: LeadRow | None
    cases: tuple[tuple[str, str], ...]
    officers: tuple[tuple[str, str], ...]
    asked: tuple[Asked, ...]
    outcomes: tuple[tuple[str, str], ...]
    past: tuple[LeadRow, ...]


def get_queue(actor: Actor, *, jurisdiction: str = "", state: str = "open", number: int = 1) -> Queue:
    """The leads of the actor's agency; ``state``: open, mine, free, overdue or ended. NotFound for whoever reads no cases."""
    if not actor.reads_cases:
        raise NotFound
    now, tree = timezone.now(), read_tree()
    rows = _rows(actor)
    overdue = rows.filter(ended_at=None, due_at__lt=now).count()
    if jurisdiction:
        wanted = next((node for node in tree if node.code == jurisdiction), None)
        below = [node.id for node in tree if wanted and wanted in tuple(tree.above(node))]
        rows = rows.filter(jurisdiction_id__in=below)
    rows = rows.filter(ended_at=None) if state != "ended" else rows.exclude(ended_at=None)
    if state == "mine":
        rows = rows.filter(assigned_to_id=actor.officer_id)
    elif state == "free":
        rows = rows.filter(assigned_to=None)
    elif state == "overdue":
        rows = rows.filter(due_at__lt=now)
    page = Paginator(rows.order_by(F("due_at").asc(nulls_last=True), "-ended_at", "id"), 30).get_page(number)
    log.record("leads.listed", actor, details={"jurisdiction": jurisdiction, "state": state, "page": page.number})
    used = {
        row.jurisdiction_id for row in ComputerLead.objects.filter(agency_id=actor.agency_id).only("jurisdiction_id")
    }
    nodes = tuple(node for node in tree if used & {one.id for one in tree if node in tuple(tree.above(one))})
    return Queue(tabs("leads"), _told(actor, list(page)), page, overdue, nodes, _did(actor))


def _rows(actor: Actor) -> QuerySet[ComputerLead]:
    rows = ComputerLead.objects.filter(agency_id=actor.agency_id)
    return rows.select_related("jurisdiction", "opened_by", "assigned_to")


def get_lead(actor: Actor, identities: Sequence[str]) -> OnComputer:
    """What the actor's agency does about a computer, by any of its identities, and what it may do next."""
    rows = list(_rows(actor).filter(identities__overlap=list(identities)).order_by("-opened_at")[:20])
    told = _told(actor, rows)
    current = next((row for row in told if row.ended_at is None), None)
    cases: tuple[tuple[str, str], ...] = ()
    officers: tuple[tuple[str, str], ...] = ()
    if current is not None:
        mine = door.visible(actor, Case.objects.filter(agency_id=actor.agency_id, state=CaseState.OPEN))
        cases = tuple(mine.order_by("-opened_at").values_list("reference", "title")[:100])
        working = Officer.objects.filter(agency_id=actor.agency_id, is_active=True, roles__overlap=list(READING_ROLES))
        officers = tuple(
            (str(pk), name) for pk, name in working.order_by("display_name").values_list("id", "display_name")
        )
    lead = next((row for row in rows if row.ended_at is None), None)
    return OnComputer(
        current, cases, officers, _asked(actor, lead, current.case if current else ""), tuple(Outcome.choices),
        tuple(row for row in told if row.ended_at is not None),
    )  # fmt: skip


def _asked(actor: Actor, lead: ComputerLead | None, reference: str) -> tuple[Asked, ...]:
    """The last sightings of the case's exhibit, one for each address and hour, as data requests begin at them."""
    if lead is None or lead.exhibit_id is None or not reference:
        return ()
    claims = Claim.objects.filter(
        record__exhibit_id=lead.exhibit_id, kind="ip_port", normal__isnull=False, record__retired_at=None
    )
    rows = door.visible(actor, claims).order_by("-record__at_text").values_list("record_id", "normal")[:2000]
    newest: dict[str, UUID] = {}
    for record, value in rows:
        newest.setdefault(str(value), record)
    by_record = dict(
        door.visible(actor, Claim.objects.filter(record_id__in=list(newest.values())[:MOST_ASKED], kind="ip_hour"))
        .values_list("record_id", "id")
    )  # fmt: skip
    address = reverse("inquiries:new", args=[reference])
    return tuple(
        Asked(value.replace("@", " at ") + ":00 UTC", f"{address}?claim={by_record[record]}")
        for value, record in list(newest.items())[:MOST_ASKED]
        if record in by_record
    )


def _told(actor: Actor, rows: list[ComputerLead]) -> tuple[LeadRow, ...]:
    now, others, again = timezone.now(), met() if rows else {}, _seen_again(rows)
    cases = [row.case_id for row in rows if row.case_id]
    visible = door.visible(actor, Case.objects.filter(pk__in=cases))
    named = dict(visible.values_list("id", "reference")) if cases else {}
    return tuple(
        LeadRow(
            row.id, row.identity, row.identity[:12], reverse("sightings:computer", args=[row.identity]),
            row.jurisdiction.name if row.jurisdiction else "", row.score, row.why, band_of(row.score), row.opened_at,
            row.opened_by.display_name, row.assigned_to.display_name if row.assigned_to else "",
            row.assigned_to_id == actor.officer_id, row.due_at, row.due_at is not None and row.due_at < now,
            "Act on it" if row.assigned_to_id else "Take it on", named.get(row.case_id, "") if row.case_id else "",
            tuple(
                Other(agency.short_name, agency.contact_name, agency.contact_phone, since)
                for agency, since in others.get(row.id, ())
            ),
            row.visited_at, row.id in again, Outcome(row.outcome).label if row.outcome else "", row.said, row.ended_at,
        )
        for row in rows
    )  # fmt: skip


def _seen_again(rows: list[ComputerLead]) -> set[UUID]:
    """The leads whose computer was seen after the visit."""
    visited = {row.identity: (row.id, row.visited_at) for row in rows if row.visited_at is not None}
    ledger = kept.find_ledger()
    if not visited or ledger is None:
        return set()
    since = f"{min(at for _, at in visited.values()):%Y-%m-%d}"
    last = answers.last_seen(ledger, list(visited), EVERYWHERE, since)
    return {lead for identity, (lead, at) in visited.items() if identity in last and last[identity] > at}


def _did(actor: Actor) -> tuple[Did, ...]:
    """Of the ended leads of each band how many found something: whether the order puts first what matters."""
    counted = {band.label: [0, 0] for band in bands()}
    ended = ComputerLead.objects.filter(agency_id=actor.agency_id).exclude(ended_at=None)
    for score, outcome in ended.values_list("score", "outcome"):
        of = counted[band_of(score).label]
        of[0] += 1
        of[1] += outcome in GOOD
    return tuple(Did(label, total, good) for label, (total, good) in counted.items() if total)
