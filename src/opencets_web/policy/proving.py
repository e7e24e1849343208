"""Showing a second factor again: a code of the authenticator app, a recovery code, or a passkey."""

from __future__ import annotations

from typing import Any

from allauth.mfa.base.forms import ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import ReauthenticateWebAuthnForm
from allauth.mfa.webauthn.internal import auth
from django.db import transaction
from django.http import HttpRequest

from opencets_web.accounts import failures
from opencets_web.accounts.models import Officer
from opencets_web.audit import log
from opencets_web.policy import standing
from opencets_web.policy.acting import acting_as
from opencets_web.policy.actor import Actor

FIELDS = ("code", "credential")
"""What a proof travels in, beside the fields of the act itself."""


def passkey_options(officer: Officer) -> dict[str, Any] | None:
    """What the browser asks a passkey for; None where the officer has none. Each answer serves once."""
    if not Authenticator.objects.filter(user_id=officer.pk, type=Authenticator.Type.WEBAUTHN).exists():
        return None
    options: dict[str, Any] = auth.begin_authentication(officer)
    return options


def proof_refused(request: HttpRequest, actor: Actor) -> str:
    """Take the proof of a POST: empty where it holds, and the session is open and fresh; else the sentence to show.

    Failures count as those of signing in do: the fifth locks the account and ends the session.
    """
    officer = Officer.objects.select_related("agency").get(pk=actor.officer_id)
    if failures.is_locked(officer):
        return failures.SENTENCE
    form = (
        ReauthenticateWebAuthnForm(user=officer, data=request.POST)
        if request.POST.get("credential")
        else ReauthenticateForm(user=officer, data=request.POST)
    )
    with acting_as(officer.id), transaction.atomic():
        if form.is_valid():
            form.save()
            standing.prove(request.session.session_key or "")
            log.record("account.proved", actor, subject=f"officer:{officer.email}")
            return ""
        locks = failures.count_failure(officer)
        log.record("account.proof-failed", actor, subject=f"officer:{officer.email}")
        if locks:
            log.record("account.locked", actor, subject=f"officer:{officer.email}")
    return failures.SENTENCE if locks else "That is not the code that is shown now, or it was used already."
