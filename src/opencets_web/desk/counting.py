"""How much is open in the rooms: the numbers beside their names on every page."""

from __future__ import annotations

from django.db import connection
from django.http import HttpRequest

from opencets_web.casework.queries import count_unread
from opencets_web.emergencies.queries import count_waiting
from opencets_web.leads.counting import room_counts as of_leads
from opencets_web.policy.middleware import actor_of


def room_counts(request: HttpRequest) -> dict[str, int]:
    """Beside the desk what the officer has not read, besides the counts of the rooms below."""
    if not connection.in_atomic_block:
        return of_leads(request)
    waiting = {"Emergency access": count_waiting(actor_of(request))}
    return {**of_leads(request), "Desk": count_unread(actor_of(request)), **waiting}
