"""Later work of released parts; each calls one action."""

from __future__ import annotations

from uuid import UUID

from opencets_web.policy.acting import acting_as
from opencets_web.policy.officers import actor_for
from opencets_web.releases import actions, carrying, receiving


def carry_part_request(request_id: str, officer_id: str) -> None:
    """Make both sides of a request for a part say the same."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        carrying.carry_request(UUID(request_id))


def make_release(release_id: str, officer_id: str) -> None:
    """Make the package of a release, as the officer who released or approved it."""
    actions.make_release(actor_for(officer_id), UUID(release_id))


def carry_release(release_ref: str, officer_id: str) -> None:
    """Bring a release over, and its receipt, refusal or withdrawal to the other side."""
    carrying.carry_release(actor_for(officer_id), UUID(release_ref))


def settle_part(part_id: str, officer_id: str) -> None:
    """Let a received exhibit say whether its release was withdrawn."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        receiving.settle_part(actor, UUID(part_id))


def keep_part(part_id: str, officer_id: str) -> None:
    """Take an accepted part into its case, as the officer who accepted it."""
    receiving.keep_part(actor_for(officer_id), UUID(part_id))


def keep_marks(exhibit_id: str, officer_id: str) -> None:
    """Make the marks of a received exhibit, once its pictures are there."""
    receiving.keep_marks(actor_for(officer_id), UUID(exhibit_id))
