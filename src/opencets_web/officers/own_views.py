"""Pages of an officer's own account: actor, query or form, action, render."""

from __future__ import annotations

from allauth.mfa.webauthn.views import remove_webauthn
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from opencets_web.officers import own_actions as actions
from opencets_web.officers import own_queries as queries
from opencets_web.policy.middleware import actor_of, standing_here, wants_json


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Second factors, sessions, certifications."""
    found = queries.get_account(actor_of(request), standing_here(request).key)
    return render(request, "officers/own.html", {"account": found})


@require_POST
def end_session(request: HttpRequest, session_id: int) -> HttpResponse:
    actions.end_session(actor_of(request), session_id)
    messages.success(request, "That session is ended. Whoever sits there has to sign in.")
    return redirect("me:home")


@require_POST
def end_others(request: HttpRequest) -> HttpResponse:
    ended = actions.end_other_sessions(actor_of(request), standing_here(request).key)
    messages.success(request, f"Ended: {ended}. You are signed in here only.")
    return redirect("me:home")


@require_POST
def lock(request: HttpRequest) -> HttpResponse:
    """Lock this session now, as the page does by itself after idling; the button and the page ask for it."""
    actions.lock_session(actor_of(request), standing_here(request).key)
    return HttpResponse(status=204) if wants_json(request) else redirect(f"/account/me/locked/?next={_next(request)}")


@require_POST
def seen(request: HttpRequest) -> HttpResponse:
    """The officer works on the page without asking for another: the middleware has noted it."""
    return HttpResponse(status=204)


@require_GET
def locked(request: HttpRequest) -> HttpResponse:
    """The page of a locked session; an open one goes on."""
    if not standing_here(request).locked:
        return redirect(_next(request))
    return _ask(request, "", locked=True)


def remove_passkey(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Remove a passkey, as sign-in does it, unless it is the last second factor."""
    if hasattr(request, "actor"):
        actions.require_another_factor(actor_of(request), pk)
    answer: HttpResponseBase = remove_webauthn(request, pk=pk)
    return answer


def prove(request: HttpRequest) -> HttpResponseBase:
    """Show a second factor again, and go on where one was."""
    if request.method != "POST":
        if wants_json(request):
            return JsonResponse({"options": queries.get_passkey_options(actor_of(request))})
        return _ask(request, "", locked=standing_here(request).locked)
    wrong, over = actions.prove(actor_of(request), request)
    if over:
        logout(request)
    if wants_json(request):
        return JsonResponse({"sentence": wrong, "over": over}, status=422 if wrong else 200)
    if over:
        messages.error(request, wrong)
        return redirect("account_login")
    return _ask(request, wrong, locked=standing_here(request).locked) if wrong else redirect(_next(request))


def notice(request: HttpRequest) -> HttpResponse:
    """The notice at sign-in; a POST acknowledges the wording that was shown."""
    actor = actor_of(request)
    if request.method == "POST":
        actions.acknowledge_notice(actor, request.POST.get("version", ""))
        return redirect(_next(request))
    page = {"notice": queries.get_notice(actor), "next": _next(request)}
    return render(request, "account/notice.html", page)


def _ask(request: HttpRequest, wrong: str, *, locked: bool) -> HttpResponse:
    page = {
        "wrong": wrong,
        "locked": locked,
        "name": actor_of(request).display_name,
        "kept": [("next", _next(request))],
        "target": request.path.replace("/locked/", "/prove/"),
        "options": queries.get_passkey_options(actor_of(request)),
    }
    return render(request, "account/prove.html", page, status=422 if wrong else 200)


def _next(request: HttpRequest) -> str:
    """Where the officer wanted to go, within this site."""
    wanted = request.POST.get("next") or request.GET.get("next") or "/"
    fine = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and not wanted.startswith("/account/me/locked")
    return wanted if fine else "/"
