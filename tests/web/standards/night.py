"""A deadline that ran out in the night, and the notice of it: what mail and web push tell a link of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from opencets_web.cases.actions import open_case
from opencets_web.standards import actions, overdue
from opencets_web.standards.models import Notice
from tests.web.conftest import Behind, Cast

NIGHT = datetime(2026, 7, 1, 1, 30, tzinfo=UTC)


def tell_in_the_night(cast: Cast, as_actor: Behind, as_job: Behind) -> Notice:
    """Avon's owner is told, in the night, that a high band (no threat to life) ran out."""
    with as_actor(cast.owner):
        open_case(cast.owner, reference="AV-1", title="Lantern of Harbour Street", kind="possession")
        began = NIGHT - timedelta(days=8)
        why = "Coaches a team."
        actions.set_band(
            cast.owner, "AV-1", clocks="gb-risk-bands", band="high", reason=why, first_information_at=began
        )
    with as_job(None):
        overdue.tell_overdue(NIGHT)
    return Notice.objects.get()
