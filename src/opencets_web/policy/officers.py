"""From an officer's id, as a job or a command knows it, to the actor."""

from __future__ import annotations

from uuid import UUID

from opencets.errors import NotFound
from opencets_web.accounts.models import Officer
from opencets_web.policy.actor import Actor


def actor_for(officer_id: str | UUID, *, address: str = "job") -> Actor:
    """The actor of an active officer; NotFound for any other: later work ends with the account."""
    officer = Officer.objects.select_related("agency").filter(pk=officer_id, is_active=True).first()
    if officer is None:
        raise NotFound("The officer whom this work serves is not there or not active any more.")
    return Actor.of(officer, address=address, otherwise="Later work of an officer's act")


def actor_by_email(email: str, *, address: str = "command") -> Actor:
    """The actor of an active officer by e-mail address; NotFound for any other."""
    officer = Officer.objects.select_related("agency").filter(email__iexact=email, is_active=True).first()
    if officer is None:
        raise NotFound(f"No active officer signs in as {email}.")
    return Actor.of(officer, address=address, otherwise="Command of the machine's operator")
