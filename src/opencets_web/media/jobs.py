"""Later work of the media room; each calls one action."""

from __future__ import annotations

from uuid import UUID

from opencets_web.media import importing, index, matching, veils
from opencets_web.policy.acting import acting_as
from opencets_web.policy.officers import actor_for


def match_media(exhibit_id: str, officer_id: str) -> None:
    """Make rows of an exhibit's new media and match them."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        matching.match_media(actor, UUID(exhibit_id))


def read_hash_set(hash_set_id: str, officer_id: str) -> None:
    """Read a hash set that was handed in; then it is matched."""
    importing.read_hash_set(actor_for(officer_id), UUID(hash_set_id))


def match_hash_set(hash_set_id: str, officer_id: str) -> None:
    """Run a hash set over all kept media, or take its marks off where it was withdrawn."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        matching.match_hash_set(actor, UUID(hash_set_id))


def merge_indexes(*, whole: bool) -> None:
    """Keep the indexes of near pictures in few pieces."""
    index.merge_indexes(whole=whole)


def keep_veils(exhibit_id: str, officer_id: str) -> None:
    """Draw what stands in galleries for an exhibit's new media."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        veils.keep_veils(UUID(exhibit_id))


def settle_entry(entry_id: str, officer_id: str) -> None:
    """Do what officers decided of one entry of a hash set, on all that it names."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        matching.settle_entry(actor, UUID(entry_id))
