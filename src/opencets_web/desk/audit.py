"""Reading the audit log: for an agency's auditor, who sees acts and no content. Not found for everyone else."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from io import StringIO
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db import connection
from django.db.models import QuerySet

from opencets.errors import NotFound
from opencets_web.accounts.models import Agency, Officer
from opencets_web.audit import log
from opencets_web.audit.models import Act
from opencets_web.audit.verbs import VERBS
from opencets_web.policy.actor import Actor

MOST_EXPORTED = 200_000


@dataclass(frozen=True, slots=True)
class ActLine:
    """One act: who, when, what, on what, for what purpose, from where. No content."""

    id: int
    at: datetime
    officer: str
    agency: str
    verb: str
    sentence: str
    subject: str
    purpose: str
    address: str


@dataclass(frozen=True, slots=True)
class SealState:
    """How far the log is sealed: acts in the last checkpoint, when it was made, its root (hexadecimal)."""

    size: int
    at: datetime
    root: str


@dataclass(frozen=True, slots=True)
class AuditPage:
    """The log, filtered."""

    lines: tuple[ActLine, ...]
    page: Page[Act]
    officers: tuple[tuple[str, str], ...]
    verbs: tuple[tuple[str, str], ...]
    seal: SealState | None


def list_officers(actor: Actor) -> tuple[tuple[str, str], ...]:
    """The officers of the auditor's agency, for the filter. NotFound: no auditor."""
    _refuse_others(actor)
    officers = Officer.objects.filter(agency_id=actor.agency_id).values_list("id", "display_name")
    return tuple((str(identity), name) for identity, name in officers)


def list_acts(
    actor: Actor, *, officer: str = "", verb: str = "", subject: str = "", day: date | None = None, number: int = 1
) -> AuditPage:
    """The acts of the auditor's agency and on its records, newest first. NotFound: the actor is no auditor."""
    _refuse_others(actor)
    acts = _filtered(officer=officer, verb=verb, subject=subject, day=day)
    page = Paginator(acts.order_by("-id"), 100).get_page(number)
    shown = list(page)  # before this look is itself an act
    log.record("audit.viewed", actor, details=_asked(officer, verb, subject, day) | {"page": page.number})
    return AuditPage(
        lines=tuple(_lines(shown)),
        page=page,
        officers=list_officers(actor),
        verbs=tuple(sorted(VERBS.items(), key=lambda pair: pair[1])),
        seal=_seal_state(),
    )


def export_acts(
    actor: Actor, *, officer: str = "", verb: str = "", subject: str = "", day: date | None = None
) -> Iterator[str]:
    """The filtered acts as CSV (RFC 4180), line by line, the newest 200,000 at most; the export is itself an act."""
    _refuse_others(actor)
    log.record("audit.exported", actor, details=_asked(officer, verb, subject, day))
    rows = list(_filtered(officer=officer, verb=verb, subject=subject, day=day).order_by("-id")[:MOST_EXPORTED])
    return _as_csv(rows)


def _refuse_others(actor: Actor) -> None:
    if not actor.has("auditor"):
        raise NotFound


def _filtered(*, officer: str, verb: str, subject: str, day: date | None) -> QuerySet[Act]:
    """What the wall shows the auditor, narrowed."""
    acts = Act.objects.all()
    if officer:
        try:
            acts = acts.filter(officer_id=UUID(officer))
        except ValueError:
            return acts.none()
    if verb:
        acts = acts.filter(verb=verb)
    if subject:
        acts = acts.filter(subject__icontains=subject)
    if day:
        acts = acts.filter(at__date=day)
    return acts.defer("leaf", "details")


def _asked(officer: str, verb: str, subject: str, day: date | None) -> dict[str, Any]:
    asked = {"officer": officer, "verb": verb, "subject": subject, "day": day.isoformat() if day else ""}
    return {name: given for name, given in asked.items() if given}


def _lines(acts: list[Act]) -> Iterator[ActLine]:
    officers = dict(Officer.objects.filter(id__in={act.officer_id for act in acts}).values_list("id", "display_name"))
    agencies = dict(Agency.objects.values_list("id", "short_name"))
    for act in acts:
        yield ActLine(
            id=act.id,
            at=act.at,
            officer=officers.get(act.officer_id, "") if act.officer_id else "The system",
            agency=agencies.get(act.agency_id, "") if act.agency_id else "",
            verb=act.verb,
            sentence=VERBS.get(act.verb, act.verb),
            subject=act.subject,
            purpose=act.purpose,
            address=act.address,
        )


def _as_csv(acts: list[Act]) -> Iterator[str]:
    yield _line(["number", "at", "officer", "agency", "verb", "sentence", "subject", "purpose", "address"])
    for line in _lines(acts):
        at = line.at.isoformat(timespec="milliseconds")
        cells = [
            line.id,
            at,
            line.officer,
            line.agency,
            line.verb,
            line.sentence,
            line.subject,
            line.purpose,
            line.address,
        ]
        yield _line([_unarmed(str(cell)) for cell in cells])


def _line(cells: list[str]) -> str:
    written = StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()


def _unarmed(cell: str) -> str:
    """A cell that a spreadsheet takes as text: what begins like a formula gets an apostrophe before it."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _seal_state() -> SealState | None:
    with connection.cursor() as cursor:
        cursor.execute("select size, at, root from app_seal_state()")
        row = cursor.fetchone()
    return SealState(*row) if row else None
