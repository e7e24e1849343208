"""Leads from sightings: opened from a computer, given to an officer, taken into a case, visited, ended with what became of it.

Taken into a case, a computer's sightings become an exhibit like any other: a table that is received, kept and read, so that its
addresses, ports, hours, identity and files stand among the case's values, meet those of other cases, and can be asked about at a
provider without being typed again.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets.ranking.computers import computers_model
from opencets.sighting import answers
from opencets.sighting.answers import Sighting
from opencets_web.accounts.models import Agency, Officer
from opencets_web.audit import log
from opencets_web.cases.models import Case, CaseState
from opencets_web.deconfliction.actions import declare_target
from opencets_web.deconfliction.values import values_of
from opencets_web.evidence.actions import receive_path
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.sightings import account
from opencets_web.sightings import ledger as kept
from opencets_web.sightings.models import ComputerLead, Outcome
from opencets_web.sightings.queries import Wanted, get_ranking, named_as, named_by_sets
from opencets_web.sightings.sight import open_to

MOST_ROWS = 50_000
MOST_DECLARED = 12
MOST_IDENTITIES = 500
"""Of a computer's identities the last so many are kept with a lead, besides the one by which it is named."""
_SEEN = ("Event time (UTC)", "Event", "IP address", "Port", "Account ID", "File as offered", "Network", "Program", "How known",
         "Pieces", "Country", "Region", "Place", "Accuracy (km)", "AS number", "Shared line", "Batch", "Line")  # fmt: skip
_FILES = ("Name", "SHA-1", "First seen", "Last seen", "Times", "Network", "Known as", "By set")


@dataclass(frozen=True, slots=True)
class Band:
    """One band of the clocks."""

    least: float
    label: str
    take_hours: int
    act_days: int


@cache
def bands() -> tuple[Band, ...]:
    """The clocks of leads, the highest score first."""
    table = yaml.safe_load(Path(__file__).with_name("lead_clocks.yaml").read_text("utf-8"))
    rows = [
        Band(float(row["from"]), row["label"], int(row["take_hours"]), int(row["act_days"])) for row in table["bands"]
    ]
    return tuple(sorted(rows, key=lambda band: -band.least))


def band_of(score: float) -> Band:
    """The band that a score reaches."""
    return next(band for band in bands() if score >= band.least)


def _due(lead: ComputerLead) -> datetime:
    band = band_of(lead.score)
    if lead.assigned_to_id is None:
        return lead.opened_at + timedelta(hours=band.take_hours)
    return lead.opened_at + timedelta(days=band.act_days)


def _seen(actor: Actor, identity: str) -> answers.History:
    """A computer as far as it is open to the actor, by the identity by which it is named. NotFound without any sighting."""
    plain, opened, ledger = identity.replace("-", "").lower(), open_to(actor), kept.find_ledger()
    if ledger is None:
        raise NotFound
    try:
        found = answers.history(ledger, plain)
    except ActRefused:
        raise NotFound from None
    seen = [one for one in found.sightings if opened.area.holds(one.country, one.region, one.place)]
    if not seen:
        raise NotFound
    shown = {one.identity for one in seen}
    links = tuple(link for link in found.links if link.earlier in shown and link.later in shown)
    return answers.History(named_as(found), tuple(seen), links)


@transaction.atomic
def open_lead(actor: Actor, identity: str) -> UUID:
    """Follow a computer, from what the order of the last thirty days says of it; the lead's id.

    NotFound: no computer that is open to the actor. ActRefused: the agency follows it already.
    """
    found = _seen(actor, identity)
    plain, seen = found.identity, found.sightings
    identities = list(dict.fromkeys((plain, *reversed(found.identities))))[:MOST_IDENTITIES]
    if (
        ComputerLead.objects.select_for_update()
        .filter(agency_id=actor.agency_id, identities__overlap=identities, ended_at=None)
        .exists()
    ):
        raise ActRefused("Your agency follows this computer already.")
    node = open_to(actor).tree.place_of(seen[-1].country, seen[-1].region, seen[-1].place)
    ranked = next((row for row in get_ranking(actor, Wanted(), on_a_page=1_000).rows if row.identity == plain), None)
    lead = ComputerLead(
        agency_id=actor.agency_id, identity=plain, identities=identities, jurisdiction_id=node.id if node else None,
        score=ranked.score if ranked else 0.0, place=ranked.place if ranked else None,
        why="; ".join(ranked.why) if ranked else "", model=computers_model().model, opened_by_id=actor.officer_id,
        opened_at=timezone.now(),
    )  # fmt: skip
    lead.due_at = _due(lead)
    lead.save()
    _log(actor, lead, "lead.opened", {"score": lead.score, "place": lead.place})
    return lead.id


@transaction.atomic
def assign_lead(actor: Actor, lead_id: UUID, officer_id: UUID | None) -> str:
    """Give a lead to an officer of the agency, to oneself without one named; the computer's identity."""
    lead = _open(actor, lead_id)
    officer = Officer.objects.filter(
        pk=officer_id or actor.officer_id, agency_id=actor.agency_id, is_active=True
    ).first()
    if officer is None:
        raise NotFound
    lead.assigned_to, lead.assigned_at = officer, timezone.now()
    lead.due_at = _due(lead)
    lead.save(update_fields=["assigned_to", "assigned_at", "due_at"])
    _log(actor, lead, "lead.assigned", {"to": str(officer.id)})
    return lead.identity


@transaction.atomic
def take_into_case(actor: Actor, lead_id: UUID, reference: str, *, declare: bool = True) -> str:
    """Make a computer's sightings an exhibit of an own open case; with ``declare`` other cases are compared. The identity.

    NotFound: no lead or case of the actor. ActRefused: it stands in a case already, or the case is closed or another's.
    """
    lead = _open(actor, lead_id)
    case = door.admit(actor, Case.objects.all(), "contribute", reference=reference.strip())
    if case.agency_id != actor.agency_id or case.state != CaseState.OPEN:
        raise ActRefused("Sightings are taken into an open case of your own agency.")
    if lead.case_id is not None:
        raise ActRefused("Its sightings stand in a case already.")
    found = _seen(actor, lead.identity)
    plain, seen = found.identity, found.sightings
    with tempfile.TemporaryDirectory(prefix="lead-", dir=Path(settings.HOME) / "run") as scratch:
        folder = Path(scratch) / f"computer-{plain[:12]}"
        folder.mkdir()
        kept_rows = seen[-MOST_ROWS:]
        write_tables(folder, kept_rows, named_by_sets(actor, {one.file for one in seen}))
        ledger = kept.find_ledger()
        last = answers.History(plain, tuple(kept_rows), found.links)
        account.write_account(folder, last, len(seen), ledger.state().origins if ledger else {})
        exhibit_id, _ = receive_path(actor, case.reference, folder, title=f"Sightings of computer {plain[:12]}")
    lead.case, lead.exhibit_id = case, exhibit_id
    lead.save(update_fields=["case", "exhibit"])
    holding = (case.holding_id, case.agency_id)
    log.record(
        "lead.taken-into-case", actor, holding=holding, subject=f"case:{case.reference}",
        details={"computer": plain, "sightings": len(seen), "exhibit": str(exhibit_id)},
    )  # fmt: skip
    if declare:
        values, _ = values_of("\n".join(_declared(plain, seen)))
        declare_target(
            actor, case.reference, values, purpose="A computer that offers known files", label=f"Computer {plain[:12]}"
        )
    return plain


def _declared(identity: str, seen: Iterable[Sighting]) -> list[str]:
    """Its identity, and its last address of each of its last days."""
    by_day = {one.seen_at.date(): one for one in seen if not one.shared_line}
    last = [by_day[day] for day in sorted(by_day, reverse=True)[:MOST_DECLARED]]
    identities = dict.fromkeys(one.identity for one in reversed(last))
    return [
        *(f"account_id: p2p:{one}" for one in identities or [identity]),
        *(f"ip_hour: {one.address}@{one.seen_at:%Y-%m-%dT%H}" for one in last),
    ]


def write_tables(folder: Path, seen: Sequence[Sighting], named: dict[str, tuple[str, str]]) -> None:
    """A computer's sightings and files as tables that the readers know; a file that no set names stands by its digest alone.

    Times are UTC and say so. SHA-1 stands where the network's digest is that of the file itself.
    """
    with (folder / "sightings.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(_SEEN)
        for one in seen:
            pieces = f"{one.pieces_have} of {one.pieces_total}" if one.pieces_total else ""
            writer.writerow(
                (
                    f"{one.seen_at.isoformat(timespec='milliseconds')}Z", "Offered a known file", one.address, one.port,
                    f"p2p:{one.identity}", one.file, one.network, one.client or "", one.evidence, pieces, one.country or "",
                    one.region or "", one.place or "", "" if one.accuracy_km is None else one.accuracy_km, one.provider or "",
                    "yes" if one.shared_line else "", one.batch, one.line,
                )
            )  # fmt: skip
    offered: dict[str, list[Sighting]] = {}
    for one in seen:
        offered.setdefault(one.file, []).append(one)
    with (folder / "files.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(_FILES)
        for digest, times in sorted(offered.items()):
            known_set, category = named.get(digest, ("", ""))
            sha1 = digest if times[0].network == "gnutella" and len(digest) == 40 else ""
            writer.writerow(
                (
                    f"Offered file {digest[:16]}", sha1, f"{times[0].seen_at.isoformat(timespec='milliseconds')}Z",
                    f"{times[-1].seen_at.isoformat(timespec='milliseconds')}Z", len(times), times[0].network, category, known_set,
                )
            )  # fmt: skip


@transaction.atomic
def record_visit(actor: Actor, lead_id: UUID, at: datetime) -> str:
    """Say when the line was visited, so that a computer that is seen again afterwards is told; its identity."""
    lead = _open(actor, lead_id)
    if not lead.opened_at - timedelta(days=366) <= at <= timezone.now() + timedelta(minutes=5):
        raise ActRefused("A visit was in the last year, and not in the future.")
    lead.visited_at = at
    lead.save(update_fields=["visited_at"])
    _log(actor, lead, "lead.visited", {"at": at.isoformat(timespec="minutes")})
    return lead.identity


@transaction.atomic
def end_lead(actor: Actor, lead_id: UUID, outcome: str, said: str) -> str:
    """Say what became of a lead; the computer's identity. ActRefused: no outcome."""
    lead = _open(actor, lead_id)
    if outcome not in Outcome.values:
        raise ActRefused("Say what became of it.")
    lead.outcome, lead.said, lead.ended_at, lead.ended_by_id = (
        outcome,
        said.strip()[:2000],
        timezone.now(),
        actor.officer_id,
    )
    lead.due_at = None
    lead.save(update_fields=["outcome", "said", "ended_at", "ended_by", "due_at"])
    _log(actor, lead, "lead.ended", {"outcome": outcome})
    return lead.identity


@transaction.atomic
def reopen_lead(actor: Actor, lead_id: UUID) -> str:
    """Take back that a lead has ended; the computer's identity. ActRefused: it is open, or another one of it is."""
    lead = _own(actor, lead_id)
    if lead.ended_at is None:
        raise ActRefused("It is open.")
    if ComputerLead.objects.filter(
        agency_id=actor.agency_id, identities__overlap=lead.identities, ended_at=None
    ).exists():
        raise ActRefused("Your agency follows this computer again already.")
    lead.outcome, lead.ended_at, lead.ended_by = "", None, None
    lead.due_at = _due(lead)
    lead.save(update_fields=["outcome", "ended_at", "ended_by", "due_at"])
    _log(actor, lead, "lead.reopened", {})
    return lead.identity


def _own(actor: Actor, lead_id: UUID) -> ComputerLead:
    if not actor.reads_cases:
        raise NotFound
    lead = ComputerLead.objects.select_for_update().filter(pk=lead_id, agency_id=actor.agency_id).first()
    if lead is None:
        raise NotFound
    return lead


def _open(actor: Actor, lead_id: UUID) -> ComputerLead:
    lead = _own(actor, lead_id)
    if lead.ended_at is not None:
        raise ActRefused("This lead has ended; open it again first.")
    return lead


def _log(actor: Actor, lead: ComputerLead, verb: str, details: dict[str, Any]) -> None:
    log.record(verb, actor, subject=f"computer:{lead.identity}", details={"lead": str(lead.id), **details})


def met() -> dict[UUID, list[tuple[Agency, datetime]]]:
    """For each open lead of the acting officer's agency the other agencies that follow the same computer, since when."""
    with connection.cursor() as cursor:
        cursor.execute("select lead, other, since from app_leads_met()")
        rows = cursor.fetchall()
    agencies = (
        {agency.id: agency for agency in Agency.objects.filter(pk__in={other for _, other, _ in rows})} if rows else {}
    )
    found: dict[UUID, list[tuple[Agency, datetime]]] = {}
    for lead, other, since in rows:
        found.setdefault(lead, []).append((agencies[other], since))
    return found
