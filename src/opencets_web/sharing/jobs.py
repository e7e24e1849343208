"""Later work of the sharing room; each calls one action."""

from __future__ import annotations

from uuid import UUID

from opencets_web.policy.acting import acting_as
from opencets_web.policy.officers import actor_for
from opencets_web.sharing import carrying


def carry_answer(grant_id: str, officer_id: str) -> None:
    """Tell the owner of a case how an invited agency answered."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        carrying.carry_answer(UUID(grant_id))


def carry_request(request_id: str, officer_id: str) -> None:
    """Make both sides of a request say the same."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        carrying.carry_request(actor, UUID(request_id))
