"""What an officer does with their own account."""

from __future__ import annotations

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db import transaction
from django.http import HttpRequest

from opencets.errors import ActRefused, NotFound
from opencets_web.accounts import failures
from opencets_web.accounts import notice as notices
from opencets_web.accounts.models import Officer
from opencets_web.audit import log, outbox
from opencets_web.policy import standing
from opencets_web.policy.actor import Actor
from opencets_web.policy.proving import proof_refused
from opencets_web.ui.notify import tell

CHANGED = "sign-in.changed"
"""Told on an officer's own channel: every live line of theirs is judged anew at once."""


@transaction.atomic
def end_session(actor: Actor, session_id: int) -> None:
    """End one of the actor's own sessions; its pages are refused with their next request, its live lines end at once."""
    row = UserSession.objects.filter(pk=session_id, user_id=actor.officer_id).first()
    if row is None:
        raise NotFound
    _end(actor, [row])


@transaction.atomic
def end_other_sessions(actor: Actor, session_key: str) -> int:
    """End all of the actor's sessions but this one; how many."""
    rows = list(UserSession.objects.filter(user_id=actor.officer_id).exclude(session_key=session_key))
    _end(actor, rows)
    return len(rows)


def _end(actor: Actor, rows: list[UserSession]) -> None:
    marks = [standing.mark_of(row.session_key) for row in rows]
    outbox.post("session.ended", officer_id=str(actor.officer_id), sessions=marks)
    for row in rows:
        row.end()
        log.record("account.session-ended", actor, details={"from": str(row.ip), "browser": row.user_agent})
    tell(f"officer:{actor.officer_id}", CHANGED, actor.officer_id)


@transaction.atomic
def lock_session(actor: Actor, session_key: str) -> None:
    """Lock the actor's session: it shows nothing until a second factor is shown, and its live lines end."""
    standing.lock(session_key)
    log.record("account.session-locked", actor)
    tell(f"officer:{actor.officer_id}", CHANGED, actor.officer_id)


@transaction.atomic
def require_another_factor(actor: Actor, authenticator_id: int) -> None:
    """ActRefused where this is the actor's last second factor: recovery codes alone are none.

    The officer's row is held until the request ends, so that two windows do not each take the other one away.
    """
    Officer.objects.select_for_update().get(pk=actor.officer_id)
    rows = Authenticator.objects.filter(user_id=actor.officer_id)
    own = rows.filter(pk=authenticator_id).first()
    if own is not None and not get_adapter().can_delete_authenticator(own):
        raise ActRefused("Every account has a second factor: add another one before you take this away.")


def prove(actor: Actor, request: HttpRequest) -> tuple[str, bool]:
    """Take the proof of the request: the sentence where it does not hold, and whether the account is locked with it."""
    wrong = proof_refused(request, actor)
    return wrong, wrong == failures.SENTENCE


@transaction.atomic
def acknowledge_notice(actor: Actor, version: str) -> None:
    """Keep that the officer has read this wording. ActRefused where it was changed meanwhile."""
    officer = Officer.objects.select_related("agency").get(pk=actor.officer_id)
    if version != notices.version(notices.text_for(officer.agency)):
        raise ActRefused("The notice was changed meanwhile: read it as it stands now.")
    officer.notice_seen = version
    officer.save(update_fields=["notice_seen"])
    log.record("account.notice-acknowledged", actor, details={"sha256": version})
