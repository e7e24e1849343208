"""The rules of access as pure functions: one condition a line, and what is absent closes the door."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Grant, GrantState, Holding, Level, Tlp

LEVELS = {Level.READ.value: 1, Level.CONTRIBUTE.value: 2, Level.MANAGE.value: 3}


def grant_is_live(grant: Grant, now: datetime) -> bool:
    """Whether a grant opens anything at this instant."""
    if grant.state != GrantState.OPEN:
        return False
    return grant.withdrawn_at is None and grant.granted_at <= now < grant.expires_at


def grant_is_for(grant: Grant, actor: Actor) -> bool:
    """Whether a grant is the actor's: to the officer by name, or to the agency of an officer who reads cases."""
    if grant.to_officer_id is not None:
        return grant.to_officer_id == actor.officer_id
    return grant.to_agency_id == actor.agency_id and actor.reads_cases


def level_of(actor: Actor, holding: Holding, grants: list[Grant], now: datetime) -> int:
    """0 none, 1 read, 2 contribute, 3 manage."""
    best = 0
    if holding.agency_id == actor.agency_id and actor.reads_cases and not holding.restricted:
        best = LEVELS[Level.MANAGE]
    for grant in grants:
        if grant.holding_id == holding.id and grant_is_for(grant, actor) and grant_is_live(grant, now):
            best = max(best, LEVELS[grant.level])
    return best


def refused_by_label(holding: Holding) -> str:
    """Why the label of a holding keeps it from being released to an agency; empty: it does not.

    TLP 2.0 (FIRST): RED is for the individual recipients named, no organisation.
    """
    if holding.tlp == Tlp.RED:
        return "TLP:RED is for named recipients alone, not for an agency: give them a signed package, or change the label first."
    return ""


def may_release(actor: Actor, holding_agency: UUID, level: int) -> bool:
    """Only the owning agency's officers at level manage give a holding to others: originator control."""
    return holding_agency == actor.agency_id and level >= LEVELS[Level.MANAGE]
