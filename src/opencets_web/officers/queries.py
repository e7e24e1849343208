"""Reading the people of one's agency for a page: actor first, frozen pages out. No row of a case but a supervisor's own list."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef
from django.utils import timezone

from opencets.errors import NotFound
from opencets_web.accounts import failures
from opencets_web.accounts import notice as notices
from opencets_web.accounts.models import Agency, Certification, Officer, Role
from opencets_web.audit import log
from opencets_web.cases.models import Assignment, Case, CaseState
from opencets_web.officers.actions import require_role
from opencets_web.officers.models import AccessReview, Cover, Invitation
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.rooms import certification_kinds


@dataclass(frozen=True, slots=True)
class OfficerRow:
    """A colleague in the list."""

    officer_id: UUID
    name: str
    email: str
    unit: str
    roles: tuple[str, ...]
    active: bool
    locked: bool
    closed_because: str
    last_at: datetime | None
    covered_by: str
    expiring: tuple[str, ...]
    kept: bool = False
    changed: bool = False


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """An invitation that was not used yet."""

    invitation_id: UUID
    email: str
    name: str
    expires_at: datetime
    expired: bool


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """The open review of access."""

    due_on: date
    late: bool
    rows: tuple[OfficerRow, ...]
    left: int


@dataclass(frozen=True, slots=True)
class People:
    """The room of an agency's people. ``changes``: for an administrator, who may; a supervisor looks and gives out cases."""

    agency: str
    kind: str
    units: tuple[str, ...]
    rows: tuple[OfficerRow, ...]
    invitations: tuple[InvitationRow, ...]
    review_due_on: date | None
    changes: bool
    assigns: bool


@dataclass(frozen=True, slots=True)
class CertificationRow:
    """A certification of an officer."""

    certification_id: UUID
    kind: str
    issued_by: str
    issued_on: date
    expires_on: date
    current: bool
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class CoverRow:
    """An absence and who covers it."""

    cover_id: UUID
    by: str
    from_on: date
    until_on: date
    running: bool


@dataclass(frozen=True, slots=True)
class OfficerPage:
    """One colleague, for an administrator."""

    officer: OfficerRow
    role_names: tuple[str, ...]
    mine: bool
    certifications: tuple[CertificationRow, ...]
    covers: tuple[CoverRow, ...]
    colleagues: tuple[tuple[UUID, str], ...]
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unassigned:
    """An open case on which nobody active works."""

    reference: str
    title: str
    opened_at: datetime
    last_worked_by: str


@dataclass(frozen=True, slots=True)
class UnassignedPage:
    """The cases that a supervisor gives out, and to whom they can go."""

    rows: tuple[Unassigned, ...]
    colleagues: tuple[tuple[UUID, str], ...]


def get_people(actor: Actor) -> People:
    """Everybody of the actor's agency, for an administrator or a supervisor; else NotFound."""
    require_role(actor, Role.ADMINISTRATOR, Role.SUPERVISOR)
    log.record("officers.viewed", actor)
    agency = Agency.objects.get(pk=actor.agency_id)
    changes = actor.has(Role.ADMINISTRATOR)
    review = AccessReview.objects.filter(agency=agency, signed_at=None).first() if changes else None
    return People(
        agency=agency.name,
        kind=agency.get_kind_display(),
        units=tuple(agency.units),
        rows=tuple(_rows(actor)),
        invitations=tuple(_invitations(actor)) if changes else (),
        review_due_on=review.due_on if review else None,
        changes=changes,
        assigns=actor.has(Role.SUPERVISOR),
    )


def get_officer(actor: Actor, officer_id: UUID) -> OfficerPage:
    """One colleague, for an administrator; else NotFound."""
    require_role(actor, Role.ADMINISTRATOR)
    row = next((row for row in _rows(actor) if row.officer_id == officer_id), None)
    if row is None:
        raise NotFound
    officer = Officer.objects.select_related("agency").get(pk=officer_id)
    log.record("officers.viewed", actor, subject=f"officer:{officer.email}")
    today, kinds = timezone.now().date(), dict(certification_kinds())
    return OfficerPage(
        officer=row,
        role_names=tuple(officer.roles),
        mine=officer_id == actor.officer_id,
        certifications=tuple(
            CertificationRow(
                certification_id=entry.id,
                kind=kinds.get(entry.kind, entry.kind),
                issued_by=entry.issued_by,
                issued_on=entry.issued_on,
                expires_on=entry.expires_on,
                current=entry.withdrawn_at is None and entry.issued_on <= today < entry.expires_on,
                withdrawn=entry.withdrawn_at is not None,
            )
            for entry in Certification.objects.filter(officer_id=officer_id).order_by("-expires_on")
        ),
        covers=tuple(
            CoverRow(entry.id, entry.by.display_name, entry.from_on, entry.until_on, entry.from_on <= today)
            for entry in Cover.objects.select_related("by")
            .filter(absent_id=officer_id, ended_at=None)
            .order_by("from_on")
        ),
        colleagues=_readers(actor, but=officer_id),
        units=tuple(officer.agency.units),
    )


def get_review(actor: Actor) -> ReviewPage | None:
    """The open review of access, for an administrator; None where none is open."""
    require_role(actor, Role.ADMINISTRATOR)
    review = AccessReview.objects.filter(agency_id=actor.agency_id, signed_at=None).first()
    log.record("officers.viewed", actor, details={"page": "review"})
    if review is None:
        return None
    kept = dict(review.accounts.filter(undone_at=None).values_list("officer_id", "roles"))
    rows = tuple(row for row in _rows(actor, kept) if row.active)
    left = sum(not row.kept or row.changed for row in rows)
    return ReviewPage(review.due_on, review.due_on < timezone.now().date(), rows, left)


def list_unassigned(actor: Actor) -> UnassignedPage:
    """Open cases of the agency on which nobody active works, for a supervisor; else NotFound."""
    require_role(actor, Role.SUPERVISOR)
    working = Assignment.objects.filter(case=OuterRef("pk"), until_at=None, officer__is_active=True)
    cases = Case.objects.filter(~Exists(working), state=CaseState.OPEN, agency_id=actor.agency_id)
    rows = list(door.visible(actor, cases).order_by("opened_at")[:500])
    last = {
        entry.case_id: entry.officer.display_name
        for entry in door.visible(actor, Assignment.objects.filter(case__in=[row.pk for row in rows]))
        .select_related("officer")
        .order_by("since_at")
    }
    log.record("officers.unassigned-listed", actor, details={"cases": len(rows)})
    return UnassignedPage(
        tuple(Unassigned(row.reference, row.title, row.opened_at, last.get(row.pk, "")) for row in rows),
        _readers(actor),
    )


def get_agency_values(actor: Actor) -> dict[str, object]:
    """What the form about the agency begins with, for an administrator."""
    require_role(actor, Role.ADMINISTRATOR)
    agency = Agency.objects.get(pk=actor.agency_id)
    log.record("officers.viewed", actor, subject=f"agency:{agency.short_name}")
    names = ("kind", "contact_name", "contact_phone", "contact_email", "certified_rooms", "purpose_asking")
    values: dict[str, object] = {name: getattr(agency, name) for name in names}
    return values | {"units": "\n".join(agency.units), "notice": agency.notice}


def get_brought_notice() -> str:
    """The notice that OpenCETS brings."""
    return notices.text_for(Agency())


def list_units(actor: Actor) -> tuple[str, ...]:
    """The units of the actor's agency."""
    return tuple(Agency.objects.values_list("units", flat=True).get(pk=actor.agency_id))


def read_invitation(token: str) -> tuple[str, str, str]:
    """Address, name and agency of an open invitation; NotFound for a token that opens none. Asked by nobody in particular."""
    with connection.cursor() as cursor:
        cursor.execute("select email, display_name, agency from app_read_invitation(%s)", [token])
        found = cursor.fetchone()
    if found is None:
        raise NotFound
    return found[0], found[1], found[2]


def _readers(actor: Actor, but: UUID | None = None) -> tuple[tuple[UUID, str], ...]:
    rows = Officer.objects.filter(agency_id=actor.agency_id, is_active=True)
    return tuple((row.pk, row.display_name) for row in rows if row.reads_cases and row.pk != but)


def _rows(actor: Actor, kept: dict[UUID, list[str]] | None = None) -> list[OfficerRow]:
    today, kinds = timezone.now().date(), dict(certification_kinds())
    covers = {
        cover.absent_id: cover.by.display_name
        for cover in Cover.objects.select_related("by").filter(
            agency_id=actor.agency_id, ended_at=None, from_on__lte=today, until_on__gte=today
        )
    }
    ending: dict[UUID, list[str]] = defaultdict(list)
    for row in Certification.objects.filter(agency_id=actor.agency_id, withdrawn_at=None).order_by("expires_on"):
        words, days = kinds.get(row.kind, row.kind), (row.expires_on - today).days
        if days <= 0:
            ending[row.officer_id].append(f"{words}: expired")
        elif days <= 60:
            ending[row.officer_id].append(f"{words}: {days} days left")
    kept = kept or {}
    return [
        OfficerRow(
            officer_id=officer.pk,
            name=officer.display_name,
            email=officer.email,
            unit=officer.unit,
            roles=tuple(str(Role(role).label) for role in officer.roles if role in Role.values),
            active=officer.is_active,
            locked=failures.is_locked(officer),
            closed_because=officer.closed_because,
            last_at=officer.last_login,
            covered_by=covers.get(officer.pk, ""),
            expiring=tuple(ending[officer.pk]),
            kept=officer.pk in kept,
            changed=officer.pk in kept and set(kept[officer.pk]) != set(officer.roles),
        )
        for officer in Officer.objects.filter(agency_id=actor.agency_id).order_by("-is_active", "display_name")
    ]


def _invitations(actor: Actor) -> list[InvitationRow]:
    now = timezone.now()
    rows = Invitation.objects.filter(agency_id=actor.agency_id, used_at=None, withdrawn_at=None).order_by("-invited_at")
    return [InvitationRow(row.id, row.email, row.display_name, row.expires_at, row.expires_at <= now) for row in rows]
