"""How far an exhibit is, and what its reading gave, as commands and the API tell it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q, Sum

from opencets_web.audit import log
from opencets_web.evidence.models import Exhibit, ExhibitFile, ExhibitState, ReportLine
from opencets_web.leads.models import AlertState
from opencets_web.leads.queries import told, visible_connections
from opencets_web.policy import door
from opencets_web.policy.actor import Actor


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an exhibit is, and for how long no worker has been heard of (None: never)."""

    reference: str
    state: str
    files_found: int
    files_read: int
    connected: bool
    silent_seconds: float | None
    trouble: str

    @property
    def reading(self) -> bool:
        """Whether it is on its way to being read."""
        return self.state in (ExhibitState.RECEIVING, ExhibitState.RECEIVED, ExhibitState.READING)

    @property
    def refused(self) -> bool:
        """Whether it could not be read."""
        return self.state in (ExhibitState.REFUSED, ExhibitState.CANCELLED)

    def ended(self, *, connect: bool) -> bool:
        """Whether nothing more happens to it; ``connect``: the search for connections included."""
        return self.refused or (self.state == ExhibitState.READ and (self.connected or not connect))

    def workers_silent(self, seconds: float) -> bool:
        """Whether no worker has given a sign of life for so long."""
        return self.silent_seconds is None or self.silent_seconds > seconds


def get_standing(actor: Actor, exhibit_id: UUID) -> Standing:
    """How far an exhibit is; NotFound where it is not this actor's to see. Not logged again: who asks has been."""
    exhibit = door.admit(actor, Exhibit.objects.all(), pk=exhibit_id)
    with connection.cursor() as cursor:
        cursor.execute("select extract(epoch from now() - max(last_heartbeat)) from procrastinate_workers")
        silent = cursor.fetchone()[0]
    return Standing(
        reference=exhibit.reference,
        state=exhibit.state,
        files_found=max(exhibit.files_found, exhibit.files_read),
        files_read=exhibit.files_read,
        connected=exhibit.linked_at is not None and (exhibit.read_at is None or exhibit.linked_at >= exhibit.read_at),
        silent_seconds=None if silent is None else float(silent),
        trouble=exhibit.sentence,
    )


@dataclass(frozen=True, slots=True)
class Summary:
    """The reading report in numbers, with every line of what was not read."""

    case: str
    exhibit: str
    title: str
    state: str
    files_received: int
    files_found: int
    files_read: int
    bytes_read: int
    records: int
    lines_skipped: int
    formats: tuple[tuple[str, int, int], ...]
    skipped: tuple[dict[str, str], ...]
    notes: tuple[dict[str, str], ...]
    connections: int
    alerts: int


def get_summary(actor: Actor, exhibit_id: UUID) -> Summary:
    """The reading report of an exhibit, whole; NotFound where it is not this actor's to see."""
    exhibit = door.admit(actor, Exhibit.objects.select_related("case"), pk=exhibit_id)
    subject = f"exhibit:{exhibit.case.reference}/{exhibit.reference}"
    log.record("exhibit.viewed", actor, holding=(exhibit.holding_id, exhibit.agency_id), subject=subject)
    files = ExhibitFile.objects.filter(exhibit=exhibit).values("format")
    formats = files.annotate(files=Count("id"), read=Sum("records_read")).order_by("-files", "format")
    lines = list(ReportLine.objects.filter(exhibit=exhibit, retired_at=None).order_by("path", "place", "code"))
    alerts = told(actor).filter(case_id=exhibit.case_id, state=AlertState.NEW)
    sides = Q(left_case_id=exhibit.case_id) | Q(right_case_id=exhibit.case_id)
    connections = visible_connections(actor).filter(sides)
    return Summary(
        case=exhibit.case.reference,
        exhibit=exhibit.reference,
        title=exhibit.title,
        state=ExhibitState(exhibit.state).label,
        files_received=exhibit.files_received,
        files_found=max(exhibit.files_found, exhibit.files_read),
        files_read=exhibit.files_read,
        bytes_read=exhibit.bytes_read,
        records=exhibit.records_read,
        lines_skipped=exhibit.lines_skipped,
        formats=tuple((row["format"] or "not read", row["files"], row["read"] or 0) for row in formats),
        skipped=tuple(line_of(line) for line in lines if not line.code.startswith("note:")),
        notes=tuple(line_of(line) for line in lines if line.code.startswith("note:")),
        connections=connections.count(),
        alerts=alerts.count(),
    )


def line_of(line: ReportLine) -> dict[str, Any]:
    """A line of the reading report for a program: where, which code, the sentence."""
    code = line.code.removeprefix("note:")
    return {"path": line.path, "place": line.place, "code": code, "sentence": line.sentence}
