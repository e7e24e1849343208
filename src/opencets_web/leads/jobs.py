"""Later work of the leads room; each calls one action."""

from __future__ import annotations

from uuid import UUID

from opencets_web.leads import linking
from opencets_web.policy.acting import acting_as
from opencets_web.policy.officers import actor_for


def link_exhibit(exhibit_id: str, officer_id: str) -> None:
    """Search for connections from an exhibit's case, and raise alerts."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        linking.link_exhibit(actor, UUID(exhibit_id))


def link_judged(judgement_id: str, left_id: str, right_id: str, officer_id: str) -> None:
    """Search again from the cases of two records that were judged, or whose judgement was undone."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        linking.link_records(actor, [UUID(left_id), UUID(right_id)])


def link_ruled(ruling_id: str, officer_id: str) -> None:
    """Search again from the cases that hold a value on which somebody ruled."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        linking.link_ruled(actor, UUID(ruling_id))


def search_older() -> None:
    """Find again, with the model of today, what an older one found."""
    while linking.search_older():
        pass


def tell_anew(holding_id: str, officer_id: str) -> None:
    """Decide again what connections tell each side, after a release or its withdrawal."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        linking.tell_anew(UUID(holding_id))


def tell_known(hash_set_id: str, officer_id: str) -> None:
    """Alert the cases in which a hash set found known files."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        linking.tell_known(UUID(hash_set_id))
