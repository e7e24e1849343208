"""What the agencies' people need done by itself: handing over, covering, closing what nobody uses, opening reviews.

Each is safe to do again. What touches cases acts as the officer who takes them on, who sees what they may see.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Greatest
from django.utils import timezone

from opencets.errors import NotFound
from opencets_web.accounts.models import Agency, Officer
from opencets_web.audit import log
from opencets_web.cases.models import Assignment, CaseState
from opencets_web.officers.actions import take_on
from opencets_web.officers.models import AccessReview, Cover
from opencets_web.policy import door
from opencets_web.policy.acting import acting_as
from opencets_web.policy.actor import Actor
from opencets_web.policy.officers import actor_for
from opencets_web.ui.notify import tell

UNUSED = timedelta(days=90)
YEAR = timedelta(days=365)
DUE = timedelta(days=30)


@transaction.atomic
def hand_over(actor: Actor, leaver_id: UUID) -> int:
    """Put the open cases of a colleague who left on the actor's desk, as far as the actor may see them; how many."""
    rows = door.visible(actor, Assignment.objects.select_related("case").filter(officer_id=leaver_id, until_at=None))
    count = 0
    for row in rows.filter(agency_id=actor.agency_id):
        Assignment.objects.filter(pk=row.pk).update(until_at=timezone.now())
        if row.case.state == CaseState.OPEN:
            take_on(row.case, actor.officer_id)
            count += 1
        log.record(
            "case.taken-over", actor, holding=(row.holding_id, row.agency_id), subject=f"case:{row.case.reference}"
        )
    tell(f"officer:{actor.officer_id}", "case.joined", actor.officer_id)
    return count


def carry_cover(cover_id: UUID) -> None:
    """Begin or end a cover as its days say; cases that the absent officer took on since are covered too."""
    cover = Cover.objects.filter(pk=cover_id).first()
    if cover is None:
        return
    try:
        actor = actor_for(cover.by_id)
    except NotFound:
        return
    with acting_as(actor.officer_id), transaction.atomic():
        cover = Cover.objects.select_for_update().get(pk=cover_id)
        today = timezone.now().date()
        if cover.ended_at is None and cover.from_on <= today <= cover.until_on:
            _begin(actor, cover)
        elif cover.ended_at is not None or today > cover.until_on:
            _end(actor, cover)


def _begin(actor: Actor, cover: Cover) -> None:
    rows = Assignment.objects.select_related("case").filter(
        officer_id=cover.absent_id, until_at=None, case__state=CaseState.OPEN, agency_id=actor.agency_id
    )
    for row in door.visible(actor, rows):
        made = take_on(row.case, actor.officer_id)
        if made is not None:
            cover.made.append(made)
            holding = (row.holding_id, row.agency_id)
            log.record("case.covered", actor, holding=holding, subject=f"case:{row.case.reference}")
    cover.begun_at = cover.begun_at or timezone.now()
    cover.save(update_fields=["made", "begun_at"])
    tell(f"officer:{actor.officer_id}", "case.joined", actor.officer_id)


def _end(actor: Actor, cover: Cover) -> None:
    Assignment.objects.filter(pk__in=cover.made, until_at=None).update(until_at=timezone.now())
    cover.made = []
    cover.ended_at = cover.ended_at or timezone.now()
    cover.save(update_fields=["made", "ended_at"])
    tell(f"officer:{actor.officer_id}", "case.left", actor.officer_id)


def carry_covers() -> None:
    """Every cover whose day has come or gone."""
    today = timezone.now().date()
    for cover_id in Cover.objects.filter(ended_at=None, from_on__lte=today).values_list("id", flat=True):
        carry_cover(cover_id)


@transaction.atomic
def disable_unused() -> int:
    """Close every account that nobody has used for ninety days (CJIS Security Policy 5.9.5, AC-2(3)); how many."""
    last = Greatest("last_login", "opened_at", "created_at")
    rows = Officer.objects.filter(is_active=True).annotate(last_used=last).filter(last_used__lt=timezone.now() - UNUSED)
    count = 0
    for officer in rows.select_related("agency").select_for_update(of=("self",), skip_locked=True):
        # In the officer's own name, so that the auditor of their agency reads it.
        with acting_as(officer.pk):
            log.record("officer.unused", Actor.of(officer, address="job"), subject=f"officer:{officer.email}")
        officer.is_active, officer.closed_at = False, timezone.now()
        officer.closed_because = "Not used for 90 days."
        officer.save(update_fields=["is_active", "closed_at", "closed_because"])
        tell(f"officer:{officer.pk}", "sign-in.changed", officer.pk)
        count += 1
    return count


@transaction.atomic
def open_reviews() -> int:
    """Open the yearly review of each agency that has had none for a year; how many."""
    today, count = timezone.now().date(), 0
    for agency in Agency.objects.filter(officers__is_active=True).distinct():
        rows = AccessReview.objects.filter(agency=agency)
        if rows.filter(signed_at=None).exists() or rows.filter(opened_on__gt=today - YEAR).exists():
            continue
        AccessReview.objects.create(agency=agency, opened_on=today, due_on=today + DUE)
        log.record("review.opened", None, subject=f"agency:{agency.short_name}")
        count += 1
    return count
