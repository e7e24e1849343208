"""Reading an agency's identity providers for a page: actor first, frozen pages out; and what the sign-in page needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from django.utils import timezone

from opencets.errors import NotFound
from opencets_web.accounts.models import Officer, Role
from opencets_web.audit import log
from opencets_web.federation import entrance
from opencets_web.federation.models import Binding, IdentityProvider, Kind
from opencets_web.officers.actions import require_role
from opencets_web.policy.actor import Actor

WARNED = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with which a SAML provider signs."""

    fingerprint: str
    ends_at: datetime
    ended: bool
    ends_soon: bool
    days_left: int


@dataclass(frozen=True, slots=True)
class BoundRow:
    """An officer who is known to the provider by a subject."""

    binding_id: UUID
    officer_id: UUID
    name: str
    email: str
    subject: str
    bound_at: datetime
    confirmed_at: datetime | None
    ended: bool


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """A provider in the list."""

    provider_id: UUID
    name: str
    kind: str
    issuer: str
    domains: tuple[str, ...]
    on: bool
    only: bool
    ended: bool
    certificates: tuple[Certificate, ...]


@dataclass(frozen=True, slots=True)
class ProviderPage:
    """One provider of the agency."""

    row: ProviderRow
    saml: bool
    client_id: str
    has_secret: bool
    sign_on_url: str
    accepted: tuple[str, ...]
    email_attribute: str
    changed_at: datetime
    tried_at: datetime | None
    tried: bool
    bound: tuple[BoundRow, ...]
    may_be_only: bool


@dataclass(frozen=True, slots=True)
class Way:
    """A provider that an address leads to."""

    provider_id: UUID
    agency: str
    name: str
    host: str


def list_providers(actor: Actor) -> tuple[ProviderRow, ...]:
    """The providers of the actor's agency, for an administrator."""
    require_role(actor, Role.ADMINISTRATOR)
    log.record("federation.viewed", actor)
    rows = IdentityProvider.objects.filter(agency_id=actor.agency_id).order_by("ended_at", "name")
    return tuple(_row(row) for row in rows)


def get_provider(actor: Actor, provider_id: UUID) -> ProviderPage:
    """One provider of the actor's agency, for an administrator; NotFound for any other."""
    require_role(actor, Role.ADMINISTRATOR)
    found = IdentityProvider.objects.filter(pk=provider_id, agency_id=actor.agency_id).first()
    if found is None:
        raise NotFound
    log.record("federation.viewed", actor, subject=f"identity-provider:{found.pk}")
    bindings = Binding.objects.select_related("officer").filter(provider=found).order_by("ended_at", "bound_at")
    return ProviderPage(
        row=_row(found),
        saml=found.kind == Kind.SAML,
        client_id=found.client_id,
        has_secret=bool(found.secret),
        sign_on_url=found.sign_on_url,
        accepted=tuple(found.accepted),
        email_attribute=found.email_attribute,
        changed_at=found.changed_at,
        tried_at=found.tried_at,
        tried=found.tried_at is not None and found.tried_at >= found.changed_at,
        bound=tuple(
            BoundRow(
                row.pk,
                row.officer_id,
                row.officer.display_name,
                row.officer.email,
                row.subject,
                row.bound_at,
                row.confirmed_at,
                row.ended_at is not None,
            )
            for row in bindings
        ),
        may_be_only=entrance.keeps_password(Officer.objects.get(pk=actor.officer_id)),
    )


def get_values(actor: Actor, provider_id: UUID) -> dict[str, object]:
    """What the form about a provider begins with; the secret is not among it."""
    page = get_provider(actor, provider_id)
    return {
        "saml": page.saml,
        "name": page.row.name,
        "issuer": page.row.issuer,
        "client_id": page.client_id,
        "domains": "\n".join(page.row.domains),
        "accepted": "\n".join(page.accepted),
        "email_attribute": page.email_attribute,
    }


def ways_for(email: str) -> tuple[Way, ...]:
    """The providers that are switched on for the domain of an address; asked by nobody in particular."""
    domain = email.strip().lower().rpartition("@")[2]
    rows = IdentityProvider.objects.select_related("agency").filter(
        domains__contains=[domain], switched_on_at__isnull=False, ended_at=None
    )
    return tuple(Way(row.pk, row.agency.name, row.name, _host(row)) for row in rows.order_by("agency__name"))


def _host(row: IdentityProvider) -> str:
    return (row.sign_on_url or row.issuer).partition("//")[2].partition("/")[0] or row.issuer


def _row(found: IdentityProvider) -> ProviderRow:
    return ProviderRow(
        found.pk,
        found.name,
        Kind(found.kind).label,
        found.issuer,
        tuple(found.domains),
        found.switched_on_at is not None,
        found.only,
        found.ended_at is not None,
        tuple(_certificate(text) for text in found.certificates),
    )


def _certificate(text: str) -> Certificate:
    read = x509.load_pem_x509_certificate(text.encode())
    ends_at, now = read.not_valid_after_utc.astimezone(UTC), timezone.now()
    mark = read.fingerprint(SHA256()).hex(":")
    return Certificate(mark, ends_at, ends_at <= now, now < ends_at <= now + WARNED, (ends_at - now).days)
