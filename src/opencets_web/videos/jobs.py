"""Jobs of videos: each runs as the officer whom it serves, and calls one action."""

from __future__ import annotations

from uuid import UUID

from opencets_web.policy.acting import acting_as
from opencets_web.policy.officers import actor_for
from opencets_web.videos import footage


def find_footage(exhibit_id: str, officer_id: str) -> None:
    """Compare an exhibit's new videos with every near one."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        footage.find_footage(actor, UUID(exhibit_id))
