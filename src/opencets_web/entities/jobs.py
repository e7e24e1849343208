"""The later work of this room, in the queue ``linking``: run after a batch of an exhibit was read."""

from __future__ import annotations

from uuid import UUID

from opencets_web.accounts.models import Officer
from opencets_web.entities import matching
from opencets_web.policy.acting import acting_as
from opencets_web.policy.actor import Actor


def count_identifiers(exhibit_id: str, officer_id: str) -> tuple[matching.Changed, ...]:
    """Count the exhibit's values over all cases; returns those whose weight changed. Again without effect."""
    with acting_as(UUID(officer_id)):
        return matching.count_identifiers(_actor(officer_id), UUID(exhibit_id))


def resolve_people(exhibit_id: str, officer_id: str) -> int:
    """Suggest matches for the exhibit's new people and accounts; returns how many pairs. Again without effect."""
    with acting_as(UUID(officer_id)):
        return matching.resolve_people(_actor(officer_id), UUID(exhibit_id))


def apply_ruling(ruling_id: str, officer_id: str) -> None:
    """Mark the claims of a value after a ruling on it; again without effect."""
    with acting_as(UUID(officer_id)):
        matching.apply_ruling(_actor(officer_id), UUID(ruling_id))


def _actor(officer_id: str) -> Actor:
    return Actor.of(Officer.objects.select_related("agency").get(pk=officer_id))
