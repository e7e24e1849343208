"""How much is open in the rooms: the numbers beside their names on every page."""

from __future__ import annotations

from django.db import connection
from django.db.models import Count, Value
from django.http import HttpRequest

from opencets_web.casework.queries import unread_notices
from opencets_web.emergencies.queries import count_waiting
from opencets_web.leads.queries import new_of_mine
from opencets_web.policy.middleware import actor_of


def room_counts(request: HttpRequest) -> dict[str, int]:
    """New alerts of the officer's own cases, what they have not read, what waits for their word: two queries at most.

    Nothing outside of the request's transaction, where nobody sees anything.
    """
    if not connection.in_atomic_block:
        return {}
    actor = actor_of(request)
    open_in = {"Alerts": new_of_mine(actor), "Desk": unread_notices(actor)}
    counted = [
        rows.order_by().values(room=Value(room)).annotate(number=Count("pk")).values_list("room", "number")
        for room, rows in open_in.items()
    ]
    numbers = dict(counted[0].union(*counted[1:], all=True))
    return {**{room: numbers.get(room, 0) for room in open_in}, "Emergency access": count_waiting(actor)}
