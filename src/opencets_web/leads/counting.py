"""How much is open in the rooms: the numbers beside their names on every page."""

from __future__ import annotations

from django.db import connection
from django.http import HttpRequest

from opencets_web.leads.queries import count_new
from opencets_web.policy.middleware import actor_of


def room_counts(request: HttpRequest) -> dict[str, int]:
    """New alerts of the officer's own cases; nothing outside of the request's transaction, where nobody sees anything."""
    return {"Alerts": count_new(actor_of(request))} if connection.in_atomic_block else {}
