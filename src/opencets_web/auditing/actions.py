"""What an auditor does: say what an unusual pattern was, sign off a week, and take either back."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets_web.accounts.ids import new_id
from opencets_web.audit import log
from opencets_web.auditing.models import Mark, Review
from opencets_web.auditing.queries import acts_of_week, monday_of, refuse_others, seal_state
from opencets_web.auditing.unusual import Finding, find_unusual
from opencets_web.policy.actor import Actor


@transaction.atomic
def mark_pattern(actor: Actor, key: str, sentence: str) -> Mark:
    """Say what a pattern was; its key is ``Finding.key``. NotFound: no auditor, no such pattern. ActRefused: marked already."""
    refuse_others(actor)
    finding = _finding(actor, key)
    if finding.mark is not None:
        raise ActRefused("It is marked already: withdraw what was said first.")
    mark = Mark.objects.create(
        id=new_id(), agency_id=actor.agency_id, rule=finding.rule.name, officer_id=finding.officer_id, day=finding.day,
        number=finding.number, sentence=sentence, marked_by_id=actor.officer_id, marked_at=timezone.now(),
    )  # fmt: skip
    details = {"rule": finding.rule.name, "day": finding.day.isoformat(), "sentence": sentence}
    log.record("audit.pattern-marked", actor, subject=f"officer:{finding.officer}", details=details)
    return mark


@transaction.atomic
def withdraw_mark(actor: Actor, mark_id: UUID) -> Mark:
    """Take back what was said of a pattern: it waits again. NotFound: no auditor, no such mark."""
    refuse_others(actor)
    mark = Mark.objects.select_for_update().filter(pk=mark_id, agency_id=actor.agency_id, withdrawn_at=None).first()
    if mark is None:
        raise NotFound
    mark.withdrawn_at = timezone.now()
    mark.save(update_fields=["withdrawn_at"])
    log.record("audit.mark-withdrawn", actor, subject=f"officer:{mark.officer_id}", details={"rule": mark.rule})
    return mark


@transaction.atomic
def sign_week(actor: Actor, week: date, sentence: str) -> Review:
    """Sign off a week that is over, each unusual pattern of which has its sentence, over the last checkpoint.

    NotFound: no auditor. ActRefused: the week is not over or signed already, a pattern waits, or the log is not sealed past it.
    """
    refuse_others(actor)
    week = monday_of(week)
    ends = week + timedelta(days=7)
    if ends > timezone.now().date():
        raise ActRefused("The week is not over yet.")
    waiting = sum(one.mark is None for one in find_unusual(actor, week))
    if waiting:
        raise ActRefused(f"{waiting} unusual patterns of that week wait for a sentence.")
    seal = seal_state()
    if seal is None or seal.at.date() < ends:
        raise ActRefused("The log is not sealed past the end of that week yet: a worker seals every few seconds.")
    try:
        with transaction.atomic():
            review = Review.objects.create(
                id=new_id(), agency_id=actor.agency_id, week=week, sentence=sentence, acts=acts_of_week(actor, week),
                signed_by_id=actor.officer_id, signed_at=timezone.now(), checkpoint=seal.size, root=seal.root,
            )  # fmt: skip
    except IntegrityError:
        raise ActRefused("That week is signed off already.") from None
    log.record(
        "audit.week-signed",
        actor,
        subject=f"week:{week.isoformat()}",
        details={"checkpoint": seal.size, "root": seal.root},
    )
    return review


@transaction.atomic
def withdraw_review(actor: Actor, review_id: UUID) -> Review:
    """Take back a sign-off: the week is missing again. NotFound: no auditor, no such sign-off."""
    refuse_others(actor)
    review = (
        Review.objects.select_for_update().filter(pk=review_id, agency_id=actor.agency_id, withdrawn_at=None).first()
    )
    if review is None:
        raise NotFound
    review.withdrawn_at = timezone.now()
    review.save(update_fields=["withdrawn_at"])
    log.record("audit.sign-off-withdrawn", actor, subject=f"week:{review.week.isoformat()}")
    return review


def _finding(actor: Actor, key: str) -> Finding:
    day = key.rpartition(":")[2]
    try:
        found = find_unusual(actor, monday_of(date.fromisoformat(day)))
    except ValueError:
        raise NotFound from None
    for finding in found:
        if finding.key == key:
            return finding
    raise NotFound
