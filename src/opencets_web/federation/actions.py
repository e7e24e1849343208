"""What an administrator does with the agency's own identity provider."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets_web.accounts.models import Officer, Role
from opencets_web.audit import log
from opencets_web.federation import entrance, oidc, saml
from opencets_web.federation.models import Binding, IdentityProvider, Kind
from opencets_web.officers.actions import require_role
from opencets_web.policy.actor import Actor

TRIED_WITHIN = timedelta(minutes=15)


def _record(verb: str, actor: Actor, provider: IdentityProvider, details: dict[str, Any] | None = None) -> None:
    details = {"provider": provider.name, **(details or {})}
    log.record(verb, actor, subject=f"identity-provider:{provider.pk}", details=details)


def _own(actor: Actor, provider_id: UUID) -> IdentityProvider:
    """A provider of the administrator's agency, locked for a change; else NotFound."""
    require_role(actor, Role.ADMINISTRATOR)
    rows = IdentityProvider.objects.select_for_update().filter(pk=provider_id, agency_id=actor.agency_id)
    found = rows.first()
    if found is None:
        raise NotFound
    return found


@transaction.atomic
def register_oidc(
    actor: Actor, *, name: str, issuer: str, client_id: str, secret: str, domains: list[str], accepted: list[str]
) -> UUID:
    """Register an OpenID Connect provider, switched off; its id. ActRefused where the issuer's configuration is not there."""
    require_role(actor, Role.ADMINISTRATOR)
    oidc.configuration(issuer)
    now = timezone.now()
    provider = IdentityProvider.objects.create(
        agency_id=actor.agency_id, kind=Kind.OIDC, name=name, issuer=issuer, client_id=client_id,
        secret=secret, domains=domains, accepted=accepted, registered_by_id=actor.officer_id,
        registered_at=now, changed_at=now,
    )  # fmt: skip
    _record("federation.registered", actor, provider, {"issuer": issuer, "domains": domains, "accepted": accepted})
    return provider.pk


@transaction.atomic
def change_oidc(
    actor: Actor, provider_id: UUID, *, name: str, issuer: str, client_id: str, secret: str, domains: list[str],
    accepted: list[str],
) -> None:  # fmt: skip
    """Change an OpenID Connect provider. An empty secret leaves the one that is kept.

    ActRefused for another issuer once officers are bound: their subjects are the old one's. From the change on the provider's word
    for a second factor counts for an officer only once they have shown their own again.
    """
    provider = _own(actor, provider_id)
    if provider.kind != Kind.OIDC:
        raise NotFound
    if issuer != provider.issuer and Binding.objects.filter(provider=provider).exists():
        raise ActRefused("Officers are bound to subjects of this issuer: register another provider for another issuer.")
    oidc.configuration(issuer)
    values = {"name": name, "issuer": issuer, "client_id": client_id, "domains": domains, "accepted": accepted}
    changes: dict[str, Any] = {
        field: [getattr(provider, field), new] for field, new in values.items() if getattr(provider, field) != new
    }
    for field, new in values.items():
        setattr(provider, field, new)
    if secret:
        provider.secret = secret
        changes["client secret"] = "entered anew"
    if set(changes) - {"name"}:
        provider.changed_at = timezone.now()
    provider.save(update_fields=[*values, "secret", "changed_at"])
    if changes:
        _record("federation.changed", actor, provider, changes)


@transaction.atomic
def register_saml(
    actor: Actor, *, name: str, metadata: bytes, domains: list[str], accepted: list[str], email_attribute: str
) -> UUID:
    """Register a SAML provider from its metadata, switched off; its id. ActRefused where the metadata lacks what is needed."""
    require_role(actor, Role.ADMINISTRATOR)
    read, now = saml.read_metadata(metadata), timezone.now()
    provider = IdentityProvider.objects.create(
        agency_id=actor.agency_id, kind=Kind.SAML, name=name, issuer=read.entity_id, sign_on_url=read.sign_on_url,
        certificates=list(read.certificates), domains=domains, accepted=accepted, email_attribute=email_attribute,
        registered_by_id=actor.officer_id, registered_at=now, changed_at=now,
    )  # fmt: skip
    _record(
        "federation.registered", actor, provider,
        {"issuer": read.entity_id, "domains": domains, "accepted": accepted, "certificates": len(read.certificates)},
    )  # fmt: skip
    return provider.pk


@transaction.atomic
def change_saml(
    actor: Actor, provider_id: UUID, *, name: str, metadata: bytes, domains: list[str], accepted: list[str],
    email_attribute: str,
) -> None:  # fmt: skip
    """Change a SAML provider; empty metadata leaves what was read before. ActRefused for another entity id with officers bound."""
    provider = _own(actor, provider_id)
    if provider.kind != Kind.SAML:
        raise NotFound
    values: dict[str, Any] = {
        "name": name,
        "domains": domains,
        "accepted": accepted,
        "email_attribute": email_attribute,
    }
    if metadata:
        read = saml.read_metadata(metadata)
        if read.entity_id != provider.issuer and Binding.objects.filter(provider=provider).exists():
            raise ActRefused(
                "Officers are bound to subjects of the other entity id: register another provider for this one."
            )
        values |= {
            "issuer": read.entity_id, "sign_on_url": read.sign_on_url, "certificates": list(read.certificates)
        }  # fmt: skip
    changed = [field for field, new in values.items() if getattr(provider, field) != new]
    details: dict[str, Any] = {
        field: [getattr(provider, field), values[field]] for field in changed if field != "certificates"
    }
    for field, new in values.items():
        setattr(provider, field, new)
    if set(changed) - {"name"}:
        provider.changed_at = timezone.now()
    provider.save(update_fields=[*values, "changed_at"])
    if changed:
        if "certificates" in changed:
            details["certificates"] = len(provider.certificates)
        _record("federation.changed", actor, provider, details)


@transaction.atomic
def begin_trial(actor: Actor, provider_id: UUID, reply: entrance.Reply) -> tuple[str, str]:
    """Try a provider, also one that is switched off: what the browser keeps, and where it goes. It signs nobody in."""
    provider = _own(actor, provider_id)
    if provider.ended_at is not None:
        raise ActRefused(f"{provider.name} is taken off: put it back first.")
    provider.trial_until = timezone.now() + TRIED_WITHIN
    provider.save(update_fields=["trial_until"])
    log.record(
        "federation.trial-begun", actor, subject=f"identity-provider:{provider.pk}", details={"provider": provider.name}
    )
    return entrance.begin(provider, reply, trial_by=actor.officer_id)


@transaction.atomic
def switch_on(actor: Actor, provider_id: UUID, *, only: bool) -> None:
    """Let officers in through the provider; with ``only``, through nothing else.

    ActRefused: not tried since its last change, another one is on, or nobody would be left who can switch it off.
    """
    provider = _own(actor, provider_id)
    if provider.ended_at is not None:
        raise ActRefused(f"{provider.name} is taken off: put it back first.")
    if provider.switched_on_at is None and (provider.tried_at is None or provider.tried_at < provider.changed_at):
        raise ActRefused(f"{provider.name} has not answered since its last change: try it first.")
    if only and not entrance.keeps_password(Officer.objects.get(pk=actor.officer_id)):
        raise ActRefused(
            "An administrator who reads no case switches this on: they keep their password, for the day on which the provider"
            " does not answer."
        )
    provider.switched_on_at, provider.only = provider.switched_on_at or timezone.now(), only
    try:
        with transaction.atomic():
            provider.save(update_fields=["switched_on_at", "only"])
    except IntegrityError:
        raise ActRefused("Another provider of your agency is switched on: switch that off first.") from None
    _record("federation.switched-on", actor, provider, {"only": only})


@transaction.atomic
def switch_off(actor: Actor, provider_id: UUID) -> None:
    """Let nobody in through the provider any more; sessions that it began go on until they end."""
    provider = _own(actor, provider_id)
    if provider.switched_on_at is None:
        raise ActRefused(f"{provider.name} is off.")
    provider.switched_on_at, provider.only = None, False
    provider.save(update_fields=["switched_on_at", "only"])
    _record("federation.switched-off", actor, provider)


@transaction.atomic
def take_off(actor: Actor, provider_id: UUID) -> None:
    """Take a provider off that is not used any more; it stays, with who was bound. ActRefused while it is on."""
    provider = _own(actor, provider_id)
    if provider.switched_on_at is not None:
        raise ActRefused(f"{provider.name} is switched on: switch it off first.")
    provider.ended_at = provider.ended_at or timezone.now()
    provider.save(update_fields=["ended_at"])
    _record("federation.ended", actor, provider)


@transaction.atomic
def put_back(actor: Actor, provider_id: UUID) -> None:
    """Put a provider back that was taken off; it is switched off."""
    provider = _own(actor, provider_id)
    provider.ended_at = None
    provider.save(update_fields=["ended_at"])
    _record("federation.restored", actor, provider)


def release(actor: Actor, binding_id: UUID) -> UUID:
    """End that a subject is an officer: at their next sign-in they are bound anew by their address. The provider's id."""
    return _mark(actor, binding_id, ended=True)


def bind_again(actor: Actor, binding_id: UUID) -> UUID:
    """Take back a release. The provider's id. ActRefused where subject or officer are bound otherwise by now."""
    return _mark(actor, binding_id, ended=False)


@transaction.atomic
def _mark(actor: Actor, binding_id: UUID, *, ended: bool) -> UUID:
    require_role(actor, Role.ADMINISTRATOR)
    rows = Binding.objects.select_related("officer", "provider").select_for_update(of=("self",))
    row = rows.filter(pk=binding_id, agency_id=actor.agency_id).first()
    if row is None:
        raise NotFound
    row.ended_at = timezone.now() if ended else None
    try:
        with transaction.atomic():
            row.save(update_fields=["ended_at"])
    except IntegrityError:
        raise ActRefused("The officer, or the subject, is bound otherwise by now.") from None
    log.record(
        "federation.released" if ended else "federation.rebound", actor, subject=f"officer:{row.officer.email}",
        details={"provider": row.provider.name, "subject": row.subject},
    )  # fmt: skip
    return row.provider_id
