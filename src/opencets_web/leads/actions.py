"""Deciding alerts: accept, dismiss with a reason, open again."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from opencets.errors import ActRefused
from opencets_web.audit import log
from opencets_web.leads.models import AlertState, AlertThreshold
from opencets_web.leads.queries import told
from opencets_web.policy import door
from opencets_web.policy.actor import Actor


@transaction.atomic
def accept_alert(actor: Actor, alert_id: UUID) -> str:
    """Take an alert on: it leaves the queue of new ones; the address it leads to."""
    return _decide(actor, alert_id, AlertState.ACCEPTED, "", "alert.accepted")


@transaction.atomic
def dismiss_alert(actor: Actor, alert_id: UUID, reason: str) -> str:
    """Dismiss an alert with a reason; it can be opened again."""
    if not reason.strip():
        raise ActRefused("An alert is dismissed with a reason.")
    return _decide(actor, alert_id, AlertState.DISMISSED, reason, "alert.dismissed")


@transaction.atomic
def reopen_alert(actor: Actor, alert_id: UUID) -> str:
    """Put an alert back among the new ones."""
    return _decide(actor, alert_id, AlertState.NEW, "", "alert.reopened")


@transaction.atomic
def set_threshold(actor: Actor, least_strength: float) -> None:
    """From which strength the actor is told of connections; ActRefused outside 0 to 100."""
    if not 0 <= least_strength <= 100:
        raise ActRefused("A strength lies between 0 and 100.")
    AlertThreshold.objects.update_or_create(officer_id=actor.officer_id, defaults={"least_strength": least_strength})
    log.record("alerts.threshold-set", actor, details={"least_strength": least_strength})


def _decide(actor: Actor, alert_id: UUID, state: AlertState, reason: str, verb: str) -> str:
    alert = door.admit(actor, told(actor).select_for_update(of=("self",)), "contribute", pk=alert_id)
    decided = state != AlertState.NEW
    alert.state, alert.decided_because = state, reason
    alert.decided_at = timezone.now() if decided else None
    alert.decided_by_id = actor.officer_id if decided else None
    alert.save(update_fields=["state", "decided_because", "decided_at", "decided_by"])
    log.record(
        verb,
        actor,
        holding=(alert.holding_id, alert.agency_id),
        subject=f"alert:{alert.id}",
        details={"case": alert.case.reference, "reason": reason},
    )
    return alert.subject_url
