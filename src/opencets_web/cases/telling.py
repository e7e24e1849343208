"""Telling the officers who work on a case, wherever on the site they are."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from opencets_web.cases.models import Assignment
from opencets_web.ui.notify import tell


def tell_officers(case_id: UUID, event: str, subject: object, *, but: Collection[UUID] = ()) -> None:
    """Announce an event on the case's channel and on the own channel of each officer who works on the case, ``but`` some."""
    tell(f"case:{case_id}", event, subject)
    officers = Assignment.objects.filter(case_id=case_id, until_at=None).values_list("officer_id", flat=True)
    for officer_id in officers:
        if officer_id not in but:
            tell(f"officer:{officer_id}", event, subject)
