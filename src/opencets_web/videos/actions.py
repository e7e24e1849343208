"""Writing of videos: what an officer says of a suggested interval, and taking it back."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets_web.audit import log, outbox
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.rules import LEVELS
from opencets_web.videos.models import FootageState, SharedFootage

VERBS = {
    FootageState.CONFIRMED: "footage.confirmed",
    FootageState.REJECTED: "footage.rejected",
    FootageState.SUGGESTED: "footage.reopened",
}


def confirm(actor: Actor, footage_id: UUID) -> SharedFootage:
    """Say that the two videos share this footage."""
    return _judge(actor, footage_id, FootageState.CONFIRMED)


def reject(actor: Actor, footage_id: UUID) -> SharedFootage:
    """Say that they do not; the suggestion stays, struck through, and is not made again."""
    return _judge(actor, footage_id, FootageState.REJECTED)


def reopen(actor: Actor, footage_id: UUID) -> SharedFootage:
    """Take a judgement back: it is a suggestion again."""
    return _judge(actor, footage_id, FootageState.SUGGESTED)


@transaction.atomic
def _judge(actor: Actor, footage_id: UUID, state: FootageState) -> SharedFootage:
    """NotFound where either side is not the actor's to see, or both are only theirs to read."""
    rows = SharedFootage.objects.select_for_update(of=("self",)).select_related("left__case", "right__case")
    footage = door.admit(actor, rows, pk=footage_id)
    sides = (footage.left_holding_id, footage.right_holding_id)
    if max(door.level(actor, side) for side in sides) < LEVELS["contribute"]:
        raise NotFound
    if footage.state == state:
        raise ActRefused(f"This footage is {FootageState(footage.state).label.lower()} already.")
    footage.state = state
    footage.judged_at = None if state == FootageState.SUGGESTED else timezone.now()
    footage.judged_by_id = None if state == FootageState.SUGGESTED else actor.officer_id
    footage.save(update_fields=["state", "judged_at", "judged_by"])
    log.record(
        VERBS[state],
        actor,
        holding=(footage.left_holding_id, footage.left_agency_id),
        subject=f"footage:{footage.id}",
        details={
            "left": footage.left_id,
            "right": footage.right_id,
            "cases": [footage.left.case.reference, footage.right.case.reference],
        },
    )
    if footage.left_holding_id == footage.right_holding_id:
        outbox.post("ties.changed", case_id=str(footage.left.case_id), officer_id=str(actor.officer_id))
    return footage
