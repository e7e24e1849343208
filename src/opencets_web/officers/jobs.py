"""Later work for the people of an agency; each calls one action."""

from __future__ import annotations

from uuid import UUID

from opencets_web.officers import carrying
from opencets_web.policy.acting import acting_as
from opencets_web.policy.officers import actor_for


def hand_over(leaver_id: str, officer_id: str) -> None:
    """Put the work of a colleague who left on the officer's desk."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        carrying.hand_over(actor, UUID(leaver_id))


def carry_cover(cover_id: str) -> None:
    """Begin or end one cover."""
    carrying.carry_cover(UUID(cover_id))


def keep_accounts() -> None:
    """Once an hour: covers, unused accounts, yearly reviews."""
    carrying.carry_covers()
    carrying.disable_unused()
    carrying.open_reviews()
