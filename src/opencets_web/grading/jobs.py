"""Later work of grading; each calls one action."""

from __future__ import annotations

from uuid import UUID

from opencets_web.grading import building
from opencets_web.policy.acting import acting_as
from opencets_web.policy.officers import actor_for


def build_series(exhibit_id: str, officer_id: str) -> None:
    """Find the series of a case anew after media of an exhibit of it were matched."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        building.build_series(actor, UUID(exhibit_id))


def build_series_anew(case_id: str, officer_id: str) -> None:
    """Find the series of a case anew after what ties its files changed."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        building.build_series_anew(actor, UUID(case_id))


def weigh_media(case_id: str, officer_id: str) -> None:
    """Keep how severe the graded media of a case are, after votes came to agree or to differ."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        building.weigh_media(actor, UUID(case_id))
