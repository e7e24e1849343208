"""Taking away what nobody goes on with: half-written blobs of dead writers, uploads given up. What was acknowledged stays."""

from __future__ import annotations

import time
from pathlib import Path

from django.conf import settings

from opencets_web.accounts.models import READING_ROLES, Officer
from opencets_web.evidence.models import ExhibitState, Upload
from opencets_web.evidence.vault import store
from opencets_web.policy import door
from opencets_web.policy.acting import acting_as
from opencets_web.policy.officers import actor_for

STAGED_SECONDS = 86_400.0
"""A writer changes what it stages every few seconds; a day later nobody writes it any more, on any machine of the home."""
UPLOAD_SECONDS = 7 * 86_400.0


def remove_left_behind() -> int:
    """How many half-written files of dead writers and of uploads given up were removed; safe to call at any time."""
    return remove_staged() + remove_given_up()


def remove_staged() -> int:
    """How many blobs left half written for a day were removed; none of them ever appeared in the store."""
    return store().remove_staged(older_than=time.time() - STAGED_SECONDS)


def remove_given_up() -> int:
    """How many files of uploads were removed that nobody wrote to for seven days.

    Those whose exhibit still receives stay, so that they resume, and those that no officer may see any more: asked as
    officers of each agency, until every file has an answer, not across holdings.
    """
    folder = Path(settings.HOME) / "blobs" / "uploads"
    oldest = time.time() - UPLOAD_SECONDS
    left = {path.name: path for path in folder.glob("*") if path.stat().st_mtime < oldest} if folder.exists() else {}
    removed = 0
    officers = Officer.objects.filter(is_active=True, roles__overlap=sorted(READING_ROLES)).order_by("agency_id", "id")
    for officer_id in officers.values_list("id", flat=True) if left else ():
        with acting_as(officer_id):
            rows = door.visible(actor_for(officer_id), Upload.objects.filter(blob_path__in=list(left)))
            answers = dict(rows.values_list("blob_path", "exhibit__state"))
        for name, state in answers.items():
            path = left.pop(name)
            if state != ExhibitState.RECEIVING:
                path.unlink(missing_ok=True)
                removed += 1
        if not left:
            break
    return removed
