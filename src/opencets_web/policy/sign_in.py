"""Signing in and out, in the log: who, when, from where; a refusal says the same whether the address exists or not."""

from __future__ import annotations

from typing import Any

from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse

from opencets_web.accounts.adapter import ClosedDoors
from opencets_web.accounts.models import Officer
from opencets_web.audit import log
from opencets_web.policy.acting import acting_as
from opencets_web.policy.actor import Actor


class LoggedDoors(ClosedDoors):
    """Each sign-in, each failure and each sign-out leaves a line in the transaction of the request."""

    def post_login(self, request: HttpRequest, user: Any, **given: Any) -> HttpResponse:
        answer: HttpResponse = super().post_login(request, user, **given)
        _record("account.signed-in", user, request)
        return answer

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        email = str(credentials.get("email") or "")[:254]
        officer = Officer.objects.select_related("agency").filter(email__iexact=email, is_active=True).first()
        _record("account.sign-in-failed", officer, request, {"step": "password", "address shown": email})

    def logout(self, request: HttpRequest) -> None:
        _record("account.signed-out", request.user, request)
        super().logout(request)


class LoggedCodeForm(AuthenticateForm):  # type: ignore[misc]
    """The one-time code at sign-in; a wrong one is logged."""

    def clean_code(self) -> str:
        try:
            code: str = super().clean_code()
        except ValidationError:
            _record("account.sign-in-failed", self.user, context.request, {"step": "one-time code"})
            raise
        return code


def _record(verb: str, officer: Any, request: HttpRequest, details: dict[str, Any] | None = None) -> None:
    """Log it as the officer's own act, so that their agency's auditor sees it; as nobody's where nobody has the address."""
    if not isinstance(officer, Officer) or not officer.is_active:
        with acting_as(None):
            log.record(verb, None, details={**(details or {}), "from": request.META.get("REMOTE_ADDR", "")})
        return
    actor = Actor.of(officer, address=request.META.get("REMOTE_ADDR", ""))
    with acting_as(officer.id):
        log.record(verb, actor, subject=f"officer:{officer.email}", details=details)
