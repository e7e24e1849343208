"""What officers make of hits: two stages, keeping, taking back; screenshots; answers to faults. A machine decides nothing."""

from __future__ import annotations

from base64 import b64decode
from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from opencets.errors import ActRefused, DamagedSource, NotFound
from opencets.packing import captures
from opencets_web.audit import log
from opencets_web.casework.actions import tell_officer
from opencets_web.exposure import queries as exposure
from opencets_web.exposure.actions import Look, count_looks
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.supervision.keys import identity_of
from opencets_web.supervision.models import Entry, Fault, Hit, HitState, Review, SupervisedPerson, Verdict
from opencets_web.ui.notify import tell

FIRST, SECOND = 1, 2
SEVERE = 4
"""From here on an officer is told also by a notice, which mail and web push carry."""
MEANT = frozenset({Verdict.WATCH, Verdict.BREACH})
"""Verdicts that the first reviewer passes on."""


def stage_of(actor: Actor, person: SupervisedPerson) -> int:
    """At which stage the actor reviews: the first reviewer first, everybody else whom the file opens to as the officer."""
    return FIRST if person.reviewer_id == actor.officer_id and person.in_charge_id != actor.officer_id else SECOND


def _hit(actor: Actor, hit_id: UUID) -> Hit:
    return door.admit(
        actor, Hit.objects.select_related("person").select_for_update(of=("self",)), "contribute", pk=hit_id
    )


def _note(verb: str, actor: Actor, hit: Hit, **details: object) -> None:
    log.record(verb, actor, holding=(hit.holding_id, hit.agency_id), subject=f"hit:{hit.id}", details=details)
    for officer in {hit.person.in_charge_id, hit.person.reviewer_id} - {None}:
        tell(f"officer:{officer}", "hit", hit.id)


@transaction.atomic
def review_hit(actor: Actor, hit_id: UUID, verdict: str, severity: int | None = None, words: str = "") -> UUID:
    """Say what a hit is; the review's id. A first reviewer passes on what is to be watched or a breach, and ends the rest.

    ActRefused: no verdict, reviewed at this stage by somebody else, or deleted by rule.
    """
    hit = _hit(actor, hit_id)
    if verdict not in Verdict.values:
        raise ActRefused("Say what it is: a false alarm, nothing to follow, to be watched, or a breach.")
    if hit.deleted_at is not None:
        raise ActRefused("It was kept as long as its condition says and is deleted; its reviews stand.")
    stage, now = stage_of(actor, hit.person), timezone.now()
    if stage == FIRST and hit.reviews.filter(stage=SECOND, undone_at=None).exists():
        raise ActRefused("The officer has reviewed it.")
    graded = severity if severity is not None and 1 <= severity <= 5 else hit.graded or hit.severity
    before = hit.reviews.filter(stage=stage, undone_at=None).first()
    if before is not None:
        if before.officer_id != actor.officer_id:
            raise ActRefused(f"{before.officer.display_name} has reviewed it at this stage. They can take it back.")
        before.undone_at = now
        before.save(update_fields=["undone_at"])
    try:
        with transaction.atomic():
            made = Review.objects.create(
                holding_id=hit.holding_id, agency_id=hit.agency_id, hit=hit, stage=stage, officer_id=actor.officer_id,
                verdict=verdict, severity=graded, words=words.strip()[:2000], at=now,
            )  # fmt: skip
    except IntegrityError:
        raise ActRefused("Somebody else reviewed it at this moment; look again.") from None
    _settle(hit)
    _note("hit.reviewed", actor, hit, stage=stage, verdict=verdict, severity=graded)
    return made.id


@transaction.atomic
def undo_review(actor: Actor, review_id: UUID) -> UUID:
    """Take one's own review back; the hit's id. The hit stands as before it."""
    review = door.admit(actor, Review.objects.all(), "contribute", pk=review_id)
    if review.officer_id != actor.officer_id or review.undone_at is not None:
        raise ActRefused("One takes back one's own review, once.")
    hit = _hit(actor, review.hit_id)
    review.undone_at = timezone.now()
    review.save(update_fields=["undone_at"])
    _settle(hit)
    _note("hit.review-undone", actor, hit, stage=review.stage)
    return hit.id


def _settle(hit: Hit) -> None:
    """What stands of a hit follows from the reviews that stand."""
    reviews = {one.stage: one for one in hit.reviews.filter(undone_at=None)}
    last = reviews.get(SECOND) or reviews.get(FIRST)
    if last is None:
        hit.state, hit.verdict, hit.graded = HitState.NEW, "", None
    else:
        passed = last.stage == FIRST and last.verdict in MEANT
        hit.state, hit.verdict, hit.graded = HitState.PASSED if passed else HitState.DONE, last.verdict, last.severity
    hit.save(update_fields=["state", "verdict", "graded"])


@transaction.atomic
def keep_hit(actor: Actor, hit_id: UUID, *, kept: bool) -> None:
    """Keep a hit beyond its days, or let the rule decide again. ActRefused: it is deleted."""
    hit = _hit(actor, hit_id)
    if hit.deleted_at is not None:
        raise ActRefused("It is deleted already: it was kept as long as its condition says.")
    hit.kept = kept
    hit.save(update_fields=["kept"])
    _note("hit.kept", actor, hit, kept=kept)


@transaction.atomic
def show_screenshot(actor: Actor, hit_id: UUID) -> bytes:
    """The screenshot of a hit (JPEG), counted as a look and logged. NotFound: none; NotNow: not to be shown at this moment."""
    hit = door.admit(actor, Hit.objects.select_related("person"), pk=hit_id)
    exposure.refuse_look(actor, video=False, severity=None, case_id=hit.person.case_id)
    picture = picture_of(hit)
    if not picture:
        raise NotFound
    count_looks(actor, [Look(0.0, None)])
    log.record("hit.shown", actor, holding=(hit.holding_id, hit.agency_id), subject=f"hit:{hit.id}")
    return picture


def picture_of(hit: Hit) -> bytes:
    """The bytes of a hit's screenshot; empty: it has none, or none any more."""
    if hit.screenshot_seq is None:
        return b""
    row = Entry.objects.filter(device_id=hit.device_id, seq=hit.screenshot_seq).first()
    body = body_of(row) if row is not None else None
    return b64decode(body.jpeg) if isinstance(body, captures.Screenshot) else b""


def sent_of(row: Entry) -> captures.Entry:
    """An entry as the device sent it."""
    return captures.Entry(
        str(row.device_id), row.boot, row.seq, row.at_text, row.mono_ms, row.kind, str(row.order_ref), row.order_version,
        row.prev, row.body, row.hash,
    )  # fmt: skip


def body_of(row: Entry) -> captures.Body | None:
    """What an entry says; None: let go, or not to be read."""
    try:
        return captures.open_body(sent_of(row), [identity_of(row.agency_id)])
    except DamagedSource:
        return None


@transaction.atomic
def tell_of_hits(actor: Actor, person_id: UUID) -> int:
    """A notice to the officer in charge and the first reviewer about severe hits that nobody has looked at; how many hits."""
    person = SupervisedPerson.objects.select_related("case").filter(pk=person_id).first()
    if person is None:
        return 0
    since = timezone.now() - timedelta(minutes=10)
    rows = Hit.objects.filter(person=person, state=HitState.NEW, severity__gte=SEVERE, received_at__gte=since)
    count = rows.count()
    if count:
        for officer in {person.in_charge_id, person.reviewer_id or person.in_charge_id}:
            words = f"{person.reference}: {count} severe hit{'s' if count > 1 else ''} that nobody has looked at."
            tell_officer(actor, person.case, officer, words, reverse("supervision:queue"))
    return count


# --- Faults -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def answer_fault(actor: Actor, fault_id: UUID, answer: str) -> UUID:
    """Say what was done about a fault of a device; its id. ActRefused: nothing said."""
    fault = door.admit(actor, Fault.objects.select_related("person"), "contribute", pk=fault_id)
    if not answer.strip():
        raise ActRefused("Say what you found out, or what you did.")
    fault.answer, fault.answered_at, fault.answered_by_id = answer.strip()[:2000], timezone.now(), actor.officer_id
    fault.save(update_fields=["answer", "answered_at", "answered_by"])
    holding = (fault.holding_id, fault.agency_id)
    log.record("fault.answered", actor, holding=holding, subject=f"fault:{fault.id}", details={"kind": fault.kind})
    tell(f"officer:{fault.person.in_charge_id}", "device", fault.device_id)
    return fault.id


@transaction.atomic
def reopen_fault(actor: Actor, fault_id: UUID) -> UUID:
    """Take the answer to a fault back; its id."""
    fault = door.admit(actor, Fault.objects.all(), "contribute", pk=fault_id)
    fault.answer, fault.answered_at, fault.answered_by = "", None, None
    fault.save(update_fields=["answer", "answered_at", "answered_by"])
    log.record("fault.reopened", actor, holding=(fault.holding_id, fault.agency_id), subject=f"fault:{fault.id}")
    return fault.id
