"""Who may hear which live channel: ``case:<id>`` and ``here:<id>`` those who may read the case, ``officer:<id>`` the officer
alone, ``agency:<id>`` the agency's officers who read cases.
"""

from __future__ import annotations

from uuid import UUID

from asgiref.sync import sync_to_async

from opencets.errors import NotFound
from opencets_web.cases.models import Case
from opencets_web.evidence.ledger import officer_id_of
from opencets_web.policy import door
from opencets_web.policy.acting import acting_as
from opencets_web.policy.officers import actor_for
from opencets_web.ui.live import Scope


async def authorise_live(scope: Scope, channels: frozenset[str]) -> bool:
    """Whether the signed-in officer of the request may hear all of the channels; without a session nothing is heard."""
    return await sync_to_async(_may_hear)(scope, channels)


def _may_hear(scope: Scope, channels: frozenset[str]) -> bool:
    officer_id = officer_id_of(scope, listens=True)
    if officer_id is None:
        return False
    try:
        actor = actor_for(officer_id)
        with acting_as(actor.officer_id):
            for channel in channels:
                kind, _, name = channel.partition(":")
                if kind == "officer" and name == str(actor.officer_id):
                    continue
                if kind == "agency" and actor.reads_cases and name == str(actor.agency_id):
                    continue
                if kind not in ("case", "here"):
                    return False
                door.admit(actor, Case.objects.all(), pk=UUID(name))
    except (NotFound, ValueError):
        return False
    return True
