"""Where a provider's word meets the rules of signing in (django-allauth): what it replaces, and what it cannot."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from allauth.mfa.stages import AuthenticateStage
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from opencets_web.federation import entrance
from opencets_web.policy.sign_in import LoggedDoors, record_failure


class ProviderDoors(LoggedDoors):
    """A password or a passkey signs nobody in whose agency has said that they come through its provider."""

    def get_login_stages(self) -> list[str]:
        stages: list[str] = super().get_login_stages()
        own = "opencets_web.federation.doors.OwnFactor"
        return [own if stage == "allauth.mfa.stages.AuthenticateStage" else stage for stage in stages]

    def pre_login(self, request: HttpRequest, user: Any, **given: Any) -> HttpResponse | None:
        answer = super().pre_login(request, user, **given)
        if answer is None and not _through_provider(given.get("signal_kwargs")):
            sentence = entrance.password_refused(user)
            if sentence:
                record_failure(user, request, {"step": "provider"})
                messages.error(request, sentence)
                answer = redirect("account_login")
        return answer

    def post_login(self, request: HttpRequest, user: Any, **given: Any) -> HttpResponse:
        answer = super().post_login(request, user, **given)
        said: dict[str, Any] = given.get("signal_kwargs") or {}
        if _through_provider(said):
            entrance.note_sign_in(user, UUID(said["binding"]), proved=said["proved"])
        return answer

    def how(self, **given: Any) -> dict[str, Any]:
        said: dict[str, Any] = given.get("signal_kwargs") or {}
        if not _through_provider(said):
            return {}
        return {"through": said["through"], "second factor": "the provider's" if said["proved"] else "their own"}


class OwnFactor(AuthenticateStage):  # type: ignore[misc]
    """The officer's own second factor, asked unless the provider's word for one counts."""

    def _should_handle(self, request: HttpRequest) -> bool:
        said = self.login.signal_kwargs
        if _through_provider(said):
            # A passkey of an earlier sign-in in this browser is no proof of this one.
            return not said["proved"] and entrance.has_own_factor(self.login.user)
        handles: bool = super()._should_handle(request)
        return handles


def sign_in(request: HttpRequest, found: entrance.Admitted, through: str, next: str) -> HttpResponse:
    """Let the officer in whom a provider vouches for: their own second factor is asked first, unless the provider's counts."""
    said = {"binding": str(found.binding_id), "proved": found.proved, "through": through}
    login = Login(user=found.officer, email_verification="none", redirect_url=next or None, signal_kwargs=said)
    answer: HttpResponse = perform_login(request, login)
    return answer


def _through_provider(said: dict[str, Any] | None) -> bool:
    return bool(said) and "binding" in (said or {})
