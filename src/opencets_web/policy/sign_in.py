"""Signing in and out, in the log: who, when, from where; a refusal says the same whether the address exists or not."""

from __future__ import annotations

from typing import Any

from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from opencets_web.accounts import failures
from opencets_web.accounts.adapter import ClosedDoors
from opencets_web.accounts.models import Officer
from opencets_web.accounts.sealed import FACTOR_PLACE, PREFIX, open_text, seal_text
from opencets_web.audit import log, outbox
from opencets_web.policy import standing
from opencets_web.policy.acting import acting_as
from opencets_web.policy.actor import Actor


class LoggedDoors(ClosedDoors):
    """Each sign-in, each failure and each sign-out leaves a line in the transaction of the request."""

    error_messages = {**ClosedDoors.error_messages, "too_many_login_attempts": failures.SENTENCE}

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """A locked account says so in the words in which an address that nobody has is refused after as many failures."""
        officer = _officer(credentials)
        if officer is not None and failures.is_locked(officer):
            raise self.validation_error("too_many_login_attempts")
        super().pre_authenticate(request, **credentials)

    def pre_login(self, request: HttpRequest, user: Any, **given: Any) -> HttpResponse | None:
        answer: HttpResponse | None = super().pre_login(request, user, **given)
        if answer is None and failures.is_locked(user):
            messages.error(request, failures.SENTENCE)
            answer = redirect("account_login")
        return answer

    def post_login(self, request: HttpRequest, user: Any, **given: Any) -> HttpResponse:
        answer: HttpResponse = super().post_login(request, user, **given)
        failures.forget_failures(user)
        standing.begin(request.session.session_key or "")
        _record("account.signed-in", user, request, self.how(**given))
        return answer

    def how(self, **given: Any) -> dict[str, Any]:
        """What the line of a sign-in says of its way, beside who and from where."""
        return {}

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        officer = _officer(credentials)
        shown = str(credentials.get("email") or "")[:254]
        _record("account.sign-in-failed", officer, request, {"step": "password", "address shown": shown})
        _count(officer, request)

    def logout(self, request: HttpRequest) -> None:
        _record("account.signed-out", request.user, request)
        if isinstance(request.user, Officer) and request.session.session_key:
            with acting_as(request.user.pk):
                mark = standing.mark_of(request.session.session_key)
                outbox.post("session.ended", officer_id=str(request.user.pk), sessions=[mark])
        super().logout(request)


class LoggedCodeForm(AuthenticateForm):  # type: ignore[misc]
    """The one-time code at sign-in; a wrong one is logged."""

    def clean_code(self) -> str:
        if failures.is_locked(self.user):
            raise ValidationError(failures.SENTENCE)
        try:
            code: str = super().clean_code()
        except ValidationError:
            _record("account.sign-in-failed", self.user, context.request, {"step": "one-time code"})
            if _count(self.user, context.request):
                raise ValidationError(failures.SENTENCE) from None
            raise
        return code


class NewPasskeyForm(AddWebAuthnForm):  # type: ignore[misc]
    """A passkey signs in alone unless one says otherwise: its device asks for finger, face or PIN, which makes two factors."""

    passwordless = forms.BooleanField(
        label="Sign in with it alone, without the password",
        help_text="Leave it off for a key without memory of its own: it serves as the second step then.",
        required=False,
        initial=True,
    )


class SecondFactors(DefaultMFAAdapter):  # type: ignore[misc]
    """What is said of second factors, and that the last one is not taken away."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "cannot_delete_authenticator": "Every account has a second factor: add another one before you take this away.",
    }

    def encrypt(self, text: str) -> str:
        """The secret of a one-time-code app, or the seed of recovery codes, sealed under the key of this node."""
        return seal_text(text, FACTOR_PLACE, None)

    def decrypt(self, encrypted_text: str) -> str:
        """The secret again; one from before there were sealed fields is given as it stands, until set-up has sealed it."""
        return open_text(encrypted_text, FACTOR_PLACE) if encrypted_text.startswith(PREFIX) else encrypted_text

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Recovery codes alone are no second factor."""
        others = Authenticator.objects.filter(user_id=authenticator.user_id).exclude(pk=authenticator.pk)
        return bool(others.exclude(type=Authenticator.Type.RECOVERY_CODES).exists())

    def generate_authenticator_name(self, user: Any, type: Authenticator.Type) -> str:
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return "This computer" if not number else f"Passkey {number + 1}"


def record_failure(officer: Officer, request: HttpRequest, details: dict[str, Any]) -> None:
    """Log that an officer was not let in, as their own failure."""
    _record("account.sign-in-failed", officer, request, details)


def _officer(credentials: dict[str, Any]) -> Officer | None:
    email = str(credentials.get("email") or "")[:254]
    return Officer.objects.select_related("agency").filter(email__iexact=email, is_active=True).first()


def _count(officer: Officer | None, request: HttpRequest) -> bool:
    locks = officer is not None and failures.count_failure(officer)
    if locks:
        _record("account.locked", officer, request)
    return locks


def _record(verb: str, officer: Any, request: HttpRequest, details: dict[str, Any] | None = None) -> None:
    """Log it as the officer's own act, so that their agency's auditor sees it; as nobody's where nobody has the address."""
    if not isinstance(officer, Officer) or not officer.is_active:
        with acting_as(None):
            log.record(verb, None, details={**(details or {}), "from": request.META.get("REMOTE_ADDR", "")})
        return
    actor = Actor.of(officer, address=request.META.get("REMOTE_ADDR", ""))
    with acting_as(officer.id):
        log.record(verb, actor, subject=f"officer:{officer.email}", details=details)
