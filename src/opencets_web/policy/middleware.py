"""The two middlewares of the door: who is acting in this request, and what a refusal looks like."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render

from opencets.errors import ActRefused, NotFound
from opencets_web.accounts.models import Officer
from opencets_web.audit import log
from opencets_web.policy.acting import acting_as, put_officer
from opencets_web.policy.actor import Actor

Answer = Callable[[HttpRequest], HttpResponseBase]
OPEN_PATHS = ("/account/", "/static/", "/healthz", "/i18n/")
"""Paths that need no signed-in officer: signing in itself, and files that hold no record."""


def actor_of(request: HttpRequest) -> Actor:
    """The actor of a request behind the door; the middleware has put it there."""
    return cast("Actor", request.actor)  # type: ignore[attr-defined]


def act_as_the_signed_in_officer(get_response: Answer) -> Answer:
    """Nothing but the open paths answers without an officer who has shown both factors."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        officer = request.user
        if not isinstance(officer, Officer) or not officer.is_active:
            if request.path.startswith(OPEN_PATHS):
                return get_response(request)
            if request.path.startswith("/api/"):
                return JsonResponse({"code": "sign-in", "sentence": "Sign in first."}, status=401)
            return redirect_to_login(request.get_full_path())
        current, second_factor = _officer_with_factor(officer)
        actor = Actor.of(
            current,
            purpose=str(request.session.get("purpose", "")),
            address=request.META.get("REMOTE_ADDR", ""),
        )
        request.actor = actor  # type: ignore[attr-defined]
        if not request.path.startswith(OPEN_PATHS) and not second_factor:
            return redirect("mfa_activate_totp")
        put_officer(actor.officer_id)
        try:
            return get_response(request)
        finally:
            put_officer(None)

    return answer


def _officer_with_factor(officer: Officer) -> tuple[Officer, bool]:
    """The officer with their agency, and whether a second factor is set up: one query, as every page asks it."""
    from allauth.mfa.models import Authenticator

    factor = Exists(Authenticator.objects.filter(user_id=OuterRef("pk")))
    current = Officer.objects.select_related("agency").annotate(second_factor=factor).get(pk=officer.pk)
    return current, bool(current.second_factor)


def has_second_factor(officer: Officer) -> bool:
    """Whether the officer has set up a second factor; without one, only the page that sets it up opens."""
    from allauth.mfa.models import Authenticator

    return bool(Authenticator.objects.filter(user_id=officer.pk).exists())


class refusals_as_pages:
    """A refused act becomes a page with one sentence; the reason stands in the audit log, which outlives the rollback."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """404 for NotFound, 409 for any other refused act; everything else goes on as an error."""
        if not isinstance(exception, ActRefused):
            return None
        status = 404 if isinstance(exception, NotFound) else 409
        actor: Actor | None = getattr(request, "actor", None)
        if actor is not None:
            with acting_as(actor.officer_id), transaction.atomic():
                log.record("door.refused", actor, details={"path": request.path[:400], "code": exception.code})
        if request.path.startswith("/api/") or request.headers.get("Accept", "").startswith("application/json"):
            return JsonResponse({"code": exception.code, "sentence": exception.sentence}, status=status)
        return render(
            request, "404.html" if status == 404 else "refused.html", {"sentence": exception.sentence}, status=status
        )
