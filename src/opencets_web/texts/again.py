"""What another version of the recogniser, or of the model of languages, is to go through again, and what was left unread.

One of the files that may use the blind door: an upgrade concerns every case, whoever is signed in. What comes out are jobs alone,
each as the officer whom the first reading served; a job whose officer is gone or may no longer work on the case ends at the door.
"""

from __future__ import annotations

from uuid import UUID

from django.db import connection

from opencets.recognising.language import model
from opencets_web.audit import outbox
from opencets_web.evidence.models import Exhibit, ExhibitState
from opencets_web.policy.blind import across_holdings
from opencets_web.texts.models import LanguagePass, TextOrder, VisibleText
from opencets_web.texts.standing import standing

MOST = 1_000


def read_again() -> int:
    """Post the work that an upgrade left to do, and exhibits read before there was any; how many jobs. Safe to run again."""
    if not connection.in_atomic_block:
        raise RuntimeError("What is to be read again is posted in one transaction.")
    ready = standing()
    with across_holdings():
        cases: dict[UUID, UUID] = {}
        if ready.reads:
            earlier = VisibleText.objects.filter(retired_at=None).exclude(recogniser=ready.version)
            cases |= dict(earlier.order_by("case_id").values_list("case_id", "read_for_id").distinct("case_id")[:MOST])
            # Orders too: what came while no recogniser was there was never read. Where nothing waits, the job ends at once.
            cases |= dict(TextOrder.objects.filter(ended_at=None).values_list("case_id", "asked_by_id")[:MOST])
        told = LanguagePass.objects.filter(model=model()).values("exhibit_id")
        exhibits = Exhibit.objects.filter(state=ExhibitState.READ).exclude(id__in=told).order_by("id")
        untold = list(exhibits.values_list("id", "received_by_id")[:MOST])
    for case_id, officer_id in cases.items():
        outbox.post("text.asked", case_id=str(case_id), officer_id=str(officer_id))
    for exhibit_id, officer_id in untold:
        outbox.post("languages.left", exhibit_id=str(exhibit_id), officer_id=str(officer_id))
    return len(cases) + len(untold)
