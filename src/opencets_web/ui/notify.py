"""Telling open pages that something changed: an id only, the page asks again through the door."""

from __future__ import annotations

from django.db import connection

from opencets_web.ui.live import NOTIFY, announcement


def tell(channel: str, event: str, subject: object) -> None:
    """Announce on ``case:<id>`` or ``officer:<id>`` when the transaction commits; the same telling twice is one."""
    with connection.cursor() as cursor:
        cursor.execute(NOTIFY, [announcement(channel, event, str(subject))])
