"""Finding what is overdue, and telling: the officers of the case first, the agency's supervisors when it stays so.

One of the files that may use the blind door: the clock runs for every case, whoever is signed in. What comes out stays under the
holding that it is about, and is told only to officers who may work on that case.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from opencets_web.accounts.models import Officer, Role
from opencets_web.audit import log
from opencets_web.cases.models import Assignment, CaseState
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.blind import across_holdings
from opencets_web.policy.rules import LEVELS
from opencets_web.standards.models import Deadline, Notice, NoticeKind
from opencets_web.ui.notify import tell

MOST = 200
"""How many deadlines one run looks at: a run is one transaction, and what is left is found by the next."""


def tell_overdue(now: datetime | None = None) -> int:
    """Tell of what became overdue and of what stayed so, each once; how many deadlines. Safe to stop and to run again."""
    if not connection.in_atomic_block:
        raise RuntimeError("Deadlines are told in one transaction with their marks.")
    now = now or timezone.now()
    with across_holdings():
        late = Deadline.objects.filter(
            ended_at=None, met_at=None, paused_at=None, case__state=CaseState.OPEN, due_at__lte=now
        )
        locked = late.select_related("case").select_for_update(of=("self",), skip_locked=True).order_by("due_at")
        fresh = list(locked.filter(overdue_at=None)[:MOST])
        for deadline in fresh:
            _tell(deadline, NoticeKind.OVERDUE, now)
        stayed = list(locked.filter(overdue_at__isnull=False, escalated_at=None, escalate_at__lte=now)[:MOST])
        for deadline in stayed:
            _tell(deadline, NoticeKind.ESCALATED, now)
    return len(fresh) + len(stayed)


def _tell(deadline: Deadline, kind: NoticeKind, now: datetime) -> None:
    """Write down that it was told, and one notice for each officer; nobody is told twice, whatever ran before."""
    field = "overdue_at" if kind == NoticeKind.OVERDUE else "escalated_at"
    setattr(deadline, field, now)
    deadline.save(update_fields=[field])
    officers = _working(deadline) if kind == NoticeKind.OVERDUE else []
    officers = officers or _supervisors(deadline)
    Notice.objects.bulk_create(
        [
            Notice(
                holding_id=deadline.holding_id,
                agency_id=deadline.agency_id,
                deadline=deadline,
                officer=officer,
                kind=kind,
                raised_at=now,
            )
            for officer in officers
        ],
        ignore_conflicts=True,
    )
    log.record(
        "deadline.overdue" if kind == NoticeKind.OVERDUE else "deadline.escalated",
        None,
        holding=(deadline.holding_id, deadline.agency_id),
        subject=f"case:{deadline.case.reference}",
        details={"deadline": deadline.id, "title": deadline.title, "due": deadline.due_at, "told": len(officers)},
    )
    tell(f"case:{deadline.case_id}", "deadline.overdue", deadline.id)
    for officer in officers:
        tell(f"officer:{officer.id}", "deadline.overdue", deadline.id)


def _working(deadline: Deadline) -> list[Officer]:
    """The officers of the case who may still work on it."""
    assigned = Assignment.objects.filter(case_id=deadline.case_id, until_at=None).values("officer_id")
    return _who_may(deadline, Officer.objects.filter(id__in=assigned))


def _supervisors(deadline: Deadline) -> list[Officer]:
    """The owning agency's supervisors who may see the case: of a restricted one, those with a grant by name."""
    return _who_may(
        deadline, Officer.objects.filter(agency_id=deadline.agency_id, roles__contains=[Role.SUPERVISOR.value])
    )


def _who_may(deadline: Deadline, officers: QuerySet[Officer]) -> list[Officer]:
    active = officers.filter(is_active=True).select_related("agency").order_by("id")
    return [officer for officer in active if door.level(Actor.of(officer), deadline.holding_id) >= LEVELS["contribute"]]
