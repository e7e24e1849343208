"""Reading an officer's own account for its page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.utils import timezone

from opencets_web.accounts import notice as notices
from opencets_web.accounts.models import Certification, Officer
from opencets_web.audit import log
from opencets_web.policy import standing
from opencets_web.policy.actor import Actor
from opencets_web.policy.proving import passkey_options


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey of the officer."""

    number: int
    name: str
    added_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A browser in which the officer is signed in."""

    number: int
    browser: str
    address: str
    began_at: datetime
    seen_at: datetime
    locked: bool
    here: bool


@dataclass(frozen=True, slots=True)
class CertificationRow:
    """A certification of the officer."""

    kind: str
    issued_by: str
    issued_on: date
    expires_on: date
    current: bool


@dataclass(frozen=True, slots=True)
class Account:
    """The officer's own account."""

    email: str
    unit: str
    roles: tuple[str, ...]
    has_app: bool
    codes_left: int | None
    passkeys: tuple[Passkey, ...]
    sessions: tuple[SessionRow, ...]
    certifications: tuple[CertificationRow, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """The notice in its present wording."""

    paragraphs: tuple[str, ...]
    version: str


def get_account(actor: Actor, session_key: str) -> Account:
    """Everything an officer may see of their own account; nobody's secret is in it."""
    officer = Officer.objects.get(pk=actor.officer_id)
    log.record("account.viewed", actor)
    factors = list(Authenticator.objects.filter(user_id=officer.pk).order_by("created_at"))
    codes = next((row for row in factors if row.type == Authenticator.Type.RECOVERY_CODES), None)
    return Account(
        email=officer.email,
        unit=officer.unit,
        roles=tuple(role.replace("-", " ").capitalize() for role in officer.roles),
        has_app=any(row.type == Authenticator.Type.TOTP for row in factors),
        codes_left=len(codes.wrap().get_unused_codes()) if codes else None,
        passkeys=tuple(
            Passkey(row.pk, row.wrap().name, row.created_at, row.last_used_at)
            for row in factors
            if row.type == Authenticator.Type.WEBAUTHN
        ),
        sessions=tuple(_sessions(actor, session_key)),
        certifications=tuple(
            CertificationRow(
                row.kind, row.issued_by, row.issued_on, row.expires_on, row.expires_on > timezone.now().date()
            )
            for row in Certification.objects.filter(officer_id=officer.pk, withdrawn_at=None).order_by("expires_on")
        ),
    )


def _sessions(actor: Actor, session_key: str) -> list[SessionRow]:
    rows = []
    for row in UserSession.objects.filter(user_id=actor.officer_id).order_by("-last_seen_at"):
        stands = standing.read_standing(row, actor.officer_id)
        if stands is not None and not stands.over:
            rows.append(
                SessionRow(
                    number=row.pk,
                    browser=browser_of(row.user_agent),
                    address=row.ip,
                    began_at=row.created_at,
                    seen_at=row.last_seen_at,
                    locked=stands.locked,
                    here=row.session_key == session_key,
                )
            )
    return sorted(rows, key=lambda row: not row.here)


def browser_of(user_agent: str) -> str:
    """The name of the browser and its system, as far as the browser tells: for recognising one's own."""
    browsers = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chromium"), ("Safari/", "Safari"))
    systems = (
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    )
    name = next((label for mark, label in browsers if mark in user_agent), user_agent[:40] or "Unknown program")
    system = next((label for mark, label in systems if mark in user_agent), "")
    return f"{name} on {system}" if system else name


def get_notice(actor: Actor) -> Notice:
    """The notice of the actor's agency."""
    text = notices.text_for(Officer.objects.select_related("agency").get(pk=actor.officer_id).agency)
    return Notice(tuple(part.strip() for part in text.split("\n\n") if part.strip()), notices.version(text))


def get_passkey_options(actor: Actor) -> dict[str, Any] | None:
    """What the browser asks the officer's passkey for; None where they have none."""
    return passkey_options(Officer.objects.get(pk=actor.officer_id))
