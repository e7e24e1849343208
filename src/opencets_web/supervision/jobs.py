"""Later work of supervision; each calls one action."""

from __future__ import annotations

from uuid import UUID

from opencets.errors import NotFound
from opencets_web.policy.acting import acting_as
from opencets_web.policy.officers import actor_for
from opencets_web.supervision import by_rule, joining, reviewing


def tell_of_hits(person_id: str, officer_id: str) -> None:
    """Tell the officer in charge and the first reviewer of severe hits, also where no page of theirs is open."""
    try:
        actor = actor_for(officer_id)
    except NotFound:
        return
    with acting_as(actor.officer_id):
        reviewing.tell_of_hits(actor, UUID(person_id))


def look_for_absence() -> None:
    """Devices that are silent."""
    by_rule.look_for_absence()


def delete_by_rule() -> None:
    """What was kept long enough."""
    by_rule.delete_by_rule()


def join_hits() -> None:
    """What reviewed hits name goes into the files, as exhibits."""
    joining.join_all()
