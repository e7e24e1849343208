"""Signing in through a provider, as the browser walks it: find it, go there, come back. Nobody is signed in yet."""

from __future__ import annotations

import hmac
from urllib.parse import urlencode
from uuid import UUID

from allauth.core import ratelimit
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from opencets_web.federation import doors, entrance, forms, queries
from opencets_web.federation.asserted import AnswerRefused, Asserted
from opencets_web.policy.middleware import actor_of

STATE = "provider_state"


def reply_to(request: HttpRequest, provider_id: UUID) -> entrance.Reply:
    """Where the provider answers to, on the host that this browser uses."""

    def address(name: str) -> str:
        return request.build_absolute_uri(reverse(f"federation:{name}", args=[provider_id]))

    return entrance.Reply(answer_url=address("answer"), entity_id=address("metadata"))


def keep_state(request: HttpRequest, state: str) -> None:
    """This browser has begun the sign-in; no other may end it."""
    request.session[STATE] = state


def find(request: HttpRequest) -> HttpResponse:
    """The officer's address leads to the providers of its domain, each with the host it leads to."""
    form = forms.WayForm(request.POST or None)
    ways: tuple[queries.Way, ...] | None = None
    if request.method == "POST" and form.is_valid():
        if not ratelimit.consume(request, action="provider_find"):
            form.add_error(None, "Too many tries from here: wait five minutes.")
        else:
            ways = queries.ways_for(form.cleaned_data["email"])
            if not ways:
                form.add_error("email", "No agency here has a provider for this domain. Sign in with your password.")
    page = {"form": form, "ways": ways, "next": _next(request)}
    return render(request, "federation/find.html", page, status=422 if form.errors else 200)


@require_GET
def begin(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    """To the provider; the address that an agency gives its officers as a bookmark."""
    if hasattr(request, "actor"):
        return redirect(_next(request) or "/")
    provider = entrance.find_provider(provider_id)
    try:
        if not ratelimit.consume(request, action="provider_begin"):
            raise AnswerRefused("Too many tries from here: wait five minutes.")
        state, url = entrance.begin(provider, reply_to(request, provider_id), next=_next(request))
    except AnswerRefused as refusal:
        return _refused(request, provider, refusal)
    keep_state(request, state)
    return redirect(url)


@csrf_exempt
@require_http_methods(["GET", "POST"])
def answer(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    """Back from a provider: by GET from OpenID Connect, by a POST of the provider's page from SAML."""
    if request.method == "POST":
        return _posted(request, provider_id)
    provider = entrance.find_answering(provider_id, tried=hasattr(request, "actor"))
    try:
        attempt = entrance.find_attempt(_own_state(request, request.GET.get("state", "")), provider_id)
        said = entrance.take_code(
            attempt,
            reply_to(request, provider_id),
            code=request.GET.get("code", ""),
            said_issuer=request.GET.get("iss", ""),
            error=request.GET.get("error", ""),
        )
        return _end(request, attempt, said)
    except AnswerRefused as refusal:
        return _refused(request, provider, refusal)


def _posted(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    """The assertion is verified and kept; the browser then comes for it with its session, which this post does not show."""
    provider = entrance.find_answering(provider_id, tried=True)
    try:
        content = request.POST.get("SAMLResponse", "")
        state = entrance.take_assertion(provider, reply_to(request, provider_id), content)
    except AnswerRefused as refusal:
        return _refused(request, provider, refusal)
    there = reverse("federation:finish", args=[provider_id])
    return HttpResponse(status=303, headers={"Location": f"{there}?{urlencode({'state': state})}"})


@require_GET
def finish(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    """The browser that began the sign-in comes for what a SAML provider has posted."""
    provider = entrance.find_answering(provider_id, tried=hasattr(request, "actor"))
    try:
        attempt, said = entrance.take_kept(_own_state(request, request.GET.get("state", "")), provider_id)
        return _end(request, attempt, said)
    except AnswerRefused as refusal:
        return _refused(request, provider, refusal)


def _end(request: HttpRequest, attempt: entrance.UnderWay, said: Asserted) -> HttpResponse:
    """Sign the officer in; for a trial, show what was answered."""
    if attempt.trial_by_id is not None:
        if not hasattr(request, "actor") or actor_of(request).officer_id != attempt.trial_by_id:
            raise AnswerRefused("Whoever tries a provider is signed in while they do.")
        sentence = entrance.record_trial(attempt.provider, said, actor_of(request))
        proved = sorted(set(attempt.provider.accepted) & set(said.proofs))
        page = {"provider": attempt.provider, "said": said, "sentence": sentence, "proved": proved}
        return render(request, "federation/tried.html", page)
    if hasattr(request, "actor"):
        return redirect("/")
    return doors.sign_in(request, entrance.admit(attempt.provider, said), attempt.provider.name, attempt.next)


def _own_state(request: HttpRequest, state: str) -> str:
    """The state of an answer, where this browser began it. It serves once."""
    kept = str(request.session.pop(STATE, ""))
    if not kept or not hmac.compare_digest(kept.encode(), state.encode()):
        raise AnswerRefused("This answer was not asked for from this browser: begin the sign-in on this page.")
    return state


def _refused(request: HttpRequest, provider: entrance.Speaker, refusal: AnswerRefused) -> HttpResponse:
    entrance.record_refusal(provider, refusal, address=request.META.get("REMOTE_ADDR", ""))
    page = {"sentence": refusal.sentence, "provider": provider, "tried": hasattr(request, "actor")}
    return render(request, "federation/refused.html", page, status=403)


def _next(request: HttpRequest) -> str:
    """Where the officer wanted to go, within this site."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    return wanted if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) else ""


@require_GET
def metadata(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    """What a SAML provider reads of this system; it follows from the address alone, and says nothing of any agency."""
    page = {"reply": reply_to(request, provider_id)}
    return render(request, "federation/metadata.xml", page, content_type="application/samlmetadata+xml")
