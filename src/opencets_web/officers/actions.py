"""What administrators and supervisors do for the people of their agency. An administrator reads no case here."""

from __future__ import annotations

import secrets
from datetime import date, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets_web.accounts import failures
from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency, Certification, Officer, Role
from opencets_web.audit import log, outbox
from opencets_web.cases.models import Assignment, Case
from opencets_web.officers.models import AccessReview, Cover, Invitation, ReviewedAccount
from opencets_web.policy import door
from opencets_web.policy.acting import acting_as
from opencets_web.policy.actor import Actor
from opencets_web.ui.notify import tell

INVITED_FOR = timedelta(days=7)


def require_role(actor: Actor, *roles: str) -> None:
    """NotFound for an actor with none of the roles: the room is not there for them."""
    if not any(actor.has(role) for role in roles):
        raise NotFound


def _colleague(actor: Actor, officer_id: UUID) -> Officer:
    """An officer of the administrator's agency, locked for a change; else NotFound."""
    require_role(actor, Role.ADMINISTRATOR)
    found = Officer.objects.select_for_update().filter(pk=officer_id, agency_id=actor.agency_id).first()
    if found is None:
        raise NotFound
    return found


def _record(verb: str, actor: Actor, officer: Officer | str, details: dict[str, Any] | None = None) -> None:
    email = officer if isinstance(officer, str) else officer.email
    log.record(verb, actor, subject=f"officer:{email}", details=details)


@transaction.atomic
def invite(actor: Actor, *, email: str, display_name: str, unit: str, roles: list[str]) -> str:
    """Invite somebody to an account of the actor's agency: the token of the link, told once and kept nowhere.

    ActRefused where the address has an account, or an invitation that is still open.
    """
    require_role(actor, Role.ADMINISTRATOR)
    email, now = email.strip().lower(), timezone.now()
    if Officer.objects.filter(email__iexact=email).exists():
        raise ActRefused(f"{email} has an account already.")
    if Invitation.objects.filter(email=email, used_at=None, withdrawn_at=None, expires_at__gt=now).exists():
        raise ActRefused(f"{email} is invited already: withdraw that invitation first.")
    token = secrets.token_urlsafe(32)
    Invitation.objects.create(
        agency_id=actor.agency_id,
        email=email,
        display_name=display_name,
        unit=unit,
        roles=roles,
        token_hash=sha256(token.encode()).hexdigest(),
        invited_by_id=actor.officer_id,
        invited_at=now,
        expires_at=now + INVITED_FOR,
    )
    _record("officer.invited", actor, email, {"roles": roles})
    return token


@transaction.atomic
def withdraw_invitation(actor: Actor, invitation_id: UUID) -> str:
    """Withdraw an invitation that was not used: its link opens nothing any more. The address."""
    require_role(actor, Role.ADMINISTRATOR)
    row = Invitation.objects.filter(
        pk=invitation_id, agency_id=actor.agency_id, used_at=None, withdrawn_at=None
    ).first()
    if row is None:
        raise NotFound
    row.withdrawn_at = timezone.now()
    row.save(update_fields=["withdrawn_at"])
    _record("officer.invitation-withdrawn", actor, row.email)
    return row.email


@transaction.atomic
def accept_invitation(token: str, password: str) -> str:
    """Make the account of an invitation, with its password; the address to sign in with.

    ActRefused where the link was used, withdrawn or is too old. The database makes the account, and only for such a token:
    the web role makes no officer by itself.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("select app_accept_invitation(%s, %s, %s)", [token, new_id(), make_password(password)])
            made = cursor.fetchone()[0]
    except IntegrityError:
        made = None
    if made is None:
        raise ActRefused("This link is used, withdrawn or too old: ask your administrator for another.")
    officer = Officer.objects.select_related("agency").get(pk=made)
    EmailAddress.objects.create(user=officer, email=officer.email, verified=True, primary=True)
    with acting_as(officer.pk):
        log.record("officer.enrolled", Actor.of(officer), subject=f"officer:{officer.email}")
    return officer.email


@transaction.atomic
def change_officer(actor: Actor, officer_id: UUID, *, display_name: str, unit: str, roles: list[str]) -> None:
    """Change name, unit and roles of a colleague; ActRefused for one's own roles: another administrator changes these."""
    officer = _colleague(actor, officer_id)
    if officer.pk == actor.officer_id and set(roles) != set(officer.roles):
        raise ActRefused("Your own roles are changed by another administrator.")
    details = {
        name: [was, new]
        for name, was, new in (
            ("name", officer.display_name, display_name),
            ("unit", officer.unit, unit),
            ("roles", officer.roles, roles),
        )
        if was != new
    }
    officer.display_name, officer.unit, officer.roles = display_name, unit, roles
    officer.save(update_fields=["display_name", "unit", "roles"])
    if details:
        _record("officer.changed", actor, officer, details)
        tell(f"officer:{officer.pk}", "sign-in.changed", officer.pk)


@transaction.atomic
def end_account(actor: Actor, officer_id: UUID, *, reason: str, successor_id: UUID | None) -> None:
    """End a colleague's access: sessions and live lines at once, open cases to the successor.

    Without a successor the cases are shown to supervisors as unassigned. ActRefused for oneself, and without a reason.
    """
    officer = _colleague(actor, officer_id)
    if officer.pk == actor.officer_id:
        raise ActRefused("Your own account is ended by another administrator.")
    if not officer.is_active:
        raise ActRefused(f"{officer.display_name}'s account is ended already.")
    if not reason.strip():
        raise ActRefused("An account is ended with a reason.")
    successor = None
    if successor_id is not None:
        successor = (
            Officer.objects.filter(pk=successor_id, agency_id=actor.agency_id, is_active=True)
            .exclude(pk=officer.pk)
            .first()
        )
        if successor is None or not successor.reads_cases:
            raise ActRefused("The work goes to a colleague who reads cases.")
    close_account(officer, reason)
    _record("officer.ended", actor, officer, {"work to": successor.email if successor else ""})
    if successor is not None:
        outbox.post("officer.ended", leaver_id=str(officer.pk), officer_id=str(successor.pk))


def close_account(officer: Officer, reason: str) -> None:
    """Shut an account and every session of it; no log line: the act that asks for it writes one."""
    officer.is_active, officer.closed_at, officer.closed_because = False, timezone.now(), reason[:300]
    officer.save(update_fields=["is_active", "closed_at", "closed_because"])
    for row in UserSession.objects.filter(user_id=officer.pk):
        row.end()
    tell(f"officer:{officer.pk}", "sign-in.changed", officer.pk)


@transaction.atomic
def open_account(actor: Actor, officer_id: UUID) -> None:
    """Let a colleague in again whose account was ended; handed-over work stays where it went."""
    officer = _colleague(actor, officer_id)
    if officer.is_active:
        raise ActRefused(f"{officer.display_name}'s account is open.")
    officer.is_active, officer.closed_at, officer.closed_because = True, None, ""
    officer.opened_at = timezone.now()
    officer.save(update_fields=["is_active", "closed_at", "closed_because", "opened_at"])
    _record("officer.opened-again", actor, officer)


@transaction.atomic
def unlock_account(actor: Actor, officer_id: UUID) -> None:
    """Take the lock off that five failures have put on a colleague's account."""
    officer = _colleague(actor, officer_id)
    failures.forget_failures(officer)
    _record("officer.unlocked", actor, officer)


@transaction.atomic
def add_certification(
    actor: Actor, officer_id: UUID, *, kind: str, issued_on: date, expires_on: date, issued_by: str
) -> UUID:
    """Enter a colleague's certification; its id. ActRefused where it ends before it begins."""
    officer = _colleague(actor, officer_id)
    if expires_on <= issued_on:
        raise ActRefused("A certification ends after it was issued.")
    row = Certification.objects.create(
        officer=officer, agency_id=actor.agency_id, kind=kind, issued_on=issued_on, expires_on=expires_on,
        issued_by=issued_by, entered_by_id=actor.officer_id,
    )  # fmt: skip
    _record("certification.entered", actor, officer, {"kind": kind, "until": expires_on})
    return row.id


def withdraw_certification(actor: Actor, certification_id: UUID) -> UUID:
    """Withdraw a certification; it stays, marked. The officer's id."""
    return _mark_certification(actor, certification_id, withdrawn=True)


def restore_certification(actor: Actor, certification_id: UUID) -> UUID:
    """Put a withdrawn certification back. The officer's id."""
    return _mark_certification(actor, certification_id, withdrawn=False)


@transaction.atomic
def _mark_certification(actor: Actor, certification_id: UUID, *, withdrawn: bool) -> UUID:
    require_role(actor, Role.ADMINISTRATOR)
    rows = Certification.objects.select_related("officer").select_for_update(of=("self",))
    row = rows.filter(pk=certification_id, agency_id=actor.agency_id).first()
    if row is None:
        raise NotFound
    row.withdrawn_at = timezone.now() if withdrawn else None
    row.save(update_fields=["withdrawn_at"])
    verb = "certification.withdrawn" if withdrawn else "certification.restored"
    _record(verb, actor, row.officer, {"kind": row.kind})
    return row.officer_id


@transaction.atomic
def add_cover(actor: Actor, officer_id: UUID, *, by_id: UUID, from_on: date, until_on: date) -> UUID:
    """A colleague covers an absent one from day to day; its id. It begins at once where the day has come."""
    absent = _colleague(actor, officer_id)
    by = Officer.objects.filter(pk=by_id, agency_id=actor.agency_id, is_active=True).exclude(pk=absent.pk).first()
    if by is None or not by.reads_cases:
        raise ActRefused("A colleague who reads cases covers them.")
    if until_on < from_on:
        raise ActRefused("An absence ends after it begins.")
    row = Cover.objects.create(
        agency_id=actor.agency_id, absent=absent, by=by, from_on=from_on, until_on=until_on,
        entered_by_id=actor.officer_id,
    )  # fmt: skip
    _record("cover.entered", actor, absent, {"by": by.email, "from": from_on, "until": until_on})
    outbox.post("cover.changed", cover_id=str(row.id))
    return row.id


@transaction.atomic
def end_cover(actor: Actor, cover_id: UUID) -> UUID:
    """End a cover before its day; the absent officer's id."""
    require_role(actor, Role.ADMINISTRATOR)
    row = Cover.objects.select_related("absent").filter(pk=cover_id, agency_id=actor.agency_id, ended_at=None).first()
    if row is None:
        raise NotFound
    row.until_on = max(row.from_on, min(row.until_on, timezone.now().date() - timedelta(days=1)))
    row.ended_at = timezone.now()
    row.save(update_fields=["until_on", "ended_at"])
    _record("cover.ended", actor, row.absent)
    outbox.post("cover.changed", cover_id=str(row.id))
    return row.absent_id


@transaction.atomic
def change_agency(actor: Actor, **given: Any) -> None:
    """Change what is said of the actor's agency: kind, units, contact, notice, rooms that need a certification, purposes."""
    require_role(actor, Role.ADMINISTRATOR)
    agency = Agency.objects.select_for_update().get(pk=actor.agency_id)
    changed = {name: [getattr(agency, name), value] for name, value in given.items() if getattr(agency, name) != value}
    for name, value in given.items():
        setattr(agency, name, value)
    agency.save(update_fields=list(given))
    if changed:
        log.record("agency.changed", actor, subject=f"agency:{agency.short_name}", details=changed)


@transaction.atomic
def keep_account(actor: Actor, officer_id: UUID) -> None:
    """In the open review: this account's roles are still right."""
    officer, review = _colleague(actor, officer_id), _open_review(actor)
    _, made = ReviewedAccount.objects.get_or_create(
        review=review, officer=officer, undone_at=None,
        defaults={
            "agency_id": actor.agency_id, "roles": officer.roles, "kept_by_id": actor.officer_id,
            "kept_at": timezone.now(),
        },
    )  # fmt: skip
    if made:
        _record("review.account-kept", actor, officer, {"roles": officer.roles})


@transaction.atomic
def undo_keep(actor: Actor, officer_id: UUID) -> None:
    """Take back that an account was found right."""
    officer, review = _colleague(actor, officer_id), _open_review(actor)
    undone = ReviewedAccount.objects.filter(review=review, officer=officer, undone_at=None).update(
        undone_at=timezone.now()
    )
    if undone:
        _record("review.account-undone", actor, officer)


@transaction.atomic
def sign_review(actor: Actor) -> None:
    """Sign the open review. ActRefused while an active account has not been looked at, or has other roles by now."""
    review = _open_review(actor)
    kept = dict(review.accounts.filter(undone_at=None).values_list("officer_id", "roles"))
    left = [
        officer.display_name
        for officer in Officer.objects.filter(agency_id=actor.agency_id, is_active=True)
        if set(kept.get(officer.pk, ["not looked at"])) != set(officer.roles)
    ]
    if left:
        raise ActRefused(f"Not looked at yet, or changed since: {', '.join(left[:10])}.")
    review.signed_by_id, review.signed_at = actor.officer_id, timezone.now()
    review.save(update_fields=["signed_by", "signed_at"])
    log.record("review.signed", actor, details={"accounts": len(kept)})


def _open_review(actor: Actor) -> AccessReview:
    require_role(actor, Role.ADMINISTRATOR)
    review = AccessReview.objects.select_for_update().filter(agency_id=actor.agency_id, signed_at=None).first()
    if review is None:
        raise ActRefused("No review is open.")
    return review


@transaction.atomic
def assign(actor: Actor, reference: str, officer_id: UUID) -> None:
    """Give a case of the agency to an officer of it; for supervisors."""
    require_role(actor, Role.SUPERVISOR)
    case = door.admit(actor, Case.objects.all(), "manage", reference=reference)
    officer = Officer.objects.filter(pk=officer_id, agency_id=actor.agency_id, is_active=True).first()
    if officer is None or not officer.reads_cases or case.agency_id != actor.agency_id:
        raise ActRefused("A case is given to a colleague who reads cases.")
    if take_on(case, officer.pk):
        log.record(
            "case.assigned", actor, holding=(case.holding_id, case.agency_id), subject=f"case:{reference}",
            details={"to": officer.email},
        )  # fmt: skip


def take_on(case: Case, officer_id: UUID) -> UUID | None:
    """The assignment that puts the case on the officer's desk; None where it stands there already."""
    row, made = Assignment.objects.get_or_create(
        case=case,
        officer_id=officer_id,
        until_at=None,
        defaults={"holding_id": case.holding_id, "agency_id": case.agency_id, "since_at": timezone.now()},
    )
    return row.id if made else None
