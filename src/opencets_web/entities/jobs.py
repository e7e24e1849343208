"""The later work of this room, in the queue ``linking``: run after a batch of an exhibit was read."""

from __future__ import annotations

import logging
from uuid import UUID

from opencets_web.accounts.models import Officer
from opencets_web.entities import matching, placing
from opencets_web.policy.acting import acting_as
from opencets_web.policy.actor import Actor

_log = logging.getLogger("opencets.entities")


def count_identifiers(exhibit_id: str, officer_id: str) -> tuple[matching.Changed, ...]:
    """Count the exhibit's values over all cases; returns those whose weight changed. Again without effect."""
    with acting_as(UUID(officer_id)):
        changed = matching.count_identifiers(_actor(officer_id), UUID(exhibit_id))
    while _settled(officer_id):
        pass
    return changed


def _settled(officer_id: str) -> bool:
    with acting_as(UUID(officer_id)):
        return placing.settle()


def resolve_people(exhibit_id: str, officer_id: str) -> int:
    """Place the exhibit's new people and accounts; returns how many pairs were suggested. Again without effect."""
    found, more = 0, True
    while more:
        with acting_as(UUID(officer_id)):
            step = placing.place(_actor(officer_id), UUID(exhibit_id))
        found, more = found + step.suggested, step.more
    return found


def check_places() -> placing.Difference:
    """The whole run: every record placed from nothing; what differed is put right and told."""
    found = placing.check()
    if found:
        _log.warning("The whole run found what placing had missed, and put it right: %s", found)
    return found


def apply_ruling(ruling_id: str, officer_id: str) -> None:
    """Mark the claims of a value after a ruling on it; again without effect."""
    with acting_as(UUID(officer_id)):
        matching.apply_ruling(_actor(officer_id), UUID(ruling_id))
    while _settled(officer_id):
        pass


def _actor(officer_id: str) -> Actor:
    return Actor.of(Officer.objects.select_related("agency").get(pk=officer_id))
