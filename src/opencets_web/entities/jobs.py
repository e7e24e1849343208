"""The later work of this room, in the queue ``linking``: run after a batch of an exhibit was read."""

from __future__ import annotations

import logging
from uuid import UUID

from opencets.errors import NotFound
from opencets_web.accounts.statements import Statement, ask
from opencets_web.audit import outbox
from opencets_web.entities import learning, matching, placing
from opencets_web.policy.acting import acting_as
from opencets_web.policy.actor import Actor

STEPS_AT_ONCE = 25
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


def make_weights(version_id: str, officer_id: str) -> None:
    """Learn and compare the version of the weights that was asked for; again without effect."""
    with acting_as(UUID(officer_id)):
        learning.make_version(_actor(officer_id), UUID(version_id))


def weigh_again(term_id: str, officer_id: str) -> None:
    """Weigh some thousand records again by the live version, and post the rest, so that other work is not kept waiting."""
    for _ in range(STEPS_AT_ONCE):
        with acting_as(UUID(officer_id)):
            if not learning.weigh_step(_actor(officer_id), UUID(term_id)):
                return
    with acting_as(UUID(officer_id)):
        outbox.post("weights.changed", term_id=term_id, officer_id=officer_id)


_OFFICER = (
    "select o.is_active, o.agency_id, a.short_name, o.display_name, a.country, o.roles from accounts_officer o"
    " join accounts_agency a on a.id = o.agency_id where o.id = %s"
)


def _actor(officer_id: str) -> Actor:
    """Asked for each record that arrives, so as SQL. NotFound where the officer is not there or not active any more."""
    for active, agency, agency_name, name, country, roles in ask(Statement(_OFFICER, [UUID(officer_id)]))[0]:
        if active:
            return Actor(UUID(officer_id), agency, agency_name, name, country, frozenset(roles))
    raise NotFound("The officer whom this work serves is not there or not active any more.")
