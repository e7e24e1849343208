"""Later work of search; each calls one action."""

from __future__ import annotations

import logging
from uuid import UUID

from django.db import transaction

from opencets.errors import OpenCETSError
from opencets_web.desk import actions, naming
from opencets_web.desk.models import Watch
from opencets_web.policy.acting import acting_as
from opencets_web.policy.officers import actor_for


def keep_names(exhibit_id: str, officer_id: str) -> None:
    """Keep the keys of the names that an exhibit states."""
    actor = actor_for(officer_id)
    with acting_as(actor.officer_id):
        naming.keep_names(actor, UUID(exhibit_id))


def look_for_watches() -> None:
    """Every watch that runs looks once, each as its officer; one that cannot does not stop the others."""
    with transaction.atomic():
        running = list(
            Watch.objects.filter(paused_at=None, ended_at=None, officer__is_active=True).values_list("id", "officer_id")
        )
    for watch_id, officer_id in running:
        try:
            actor = actor_for(officer_id)
            with acting_as(actor.officer_id):
                actions.look(actor, watch_id)
        except OpenCETSError:
            logging.getLogger("opencets.desk").exception("A watch could not look; it tries again in the next round.")
