"""The middlewares of the door: who is acting in this request, what asks for a new proof, and what a refusal looks like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast
from urllib.parse import urlencode, urlsplit

from allauth.usersessions.models import UserSession
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets_web.accounts import notice
from opencets_web.accounts.models import Officer
from opencets_web.audit import log
from opencets_web.audit.log import PurposeWanted
from opencets_web.policy import purposes
from opencets_web.policy.acting import acting_as, put_officer
from opencets_web.policy.actor import Actor
from opencets_web.policy.dangerous import what_is_dangerous
from opencets_web.policy.proving import FIELDS, passkey_options, proof_refused
from opencets_web.policy.rooms import require_certification, room_at
from opencets_web.policy.standing import SEEN_EVERY, Standing, read_standing, see

Answer = Callable[[HttpRequest], HttpResponseBase]
OPEN_PATHS = ("/account/", "/static/", "/healthz", "/i18n/")
"""Paths that need no signed-in officer: signing in itself, and files that hold no record."""

LOCKED_PATHS = (
    "/account/me/locked/", "/account/me/prove/", "/account/me/lock/", "/account/logout/", "/static/", "/healthz", "/i18n/",
)  # fmt: skip
"""What a locked session still answers."""
RENEWAL = "X-Renewal"
"""The header of a request that a page makes by itself."""
PURPOSE = "X-Purpose"
"""The header in which a program says why it looks: a code of ``data/purposes.yaml``, and words after a semicolon."""
WHY = ("why", "why_text")
"""In what a purpose travels, beside the fields of the act that asked for it."""


def actor_of(request: HttpRequest) -> Actor:
    """The actor of a request behind the door; the middleware has put it there."""
    return cast("Actor", request.actor)  # type: ignore[attr-defined]


def act_as_the_signed_in_officer(get_response: Answer) -> Answer:
    """Nothing but the open paths answers without an officer who has shown both factors, in a session that is open.

    A session that was ended, or that is twelve hours old, is signed out. One that is locked answers only where a factor is
    shown again. A notice that has not been acknowledged stands before every page.
    """

    def answer(request: HttpRequest) -> HttpResponseBase:
        officer = request.user
        standing = None
        if isinstance(officer, Officer) and officer.is_active:
            current, second_factor, standing = _signed_in(officer, request.session.session_key)
        if standing is None or standing.over or not current.is_active:
            return _signed_out(request, get_response)
        actor = Actor.of(current, address=request.META.get("REMOTE_ADDR", ""), session=standing.mark)
        asking = current.agency.purpose_asking
        try:
            said = purposes.said_with(given, typed=asking == "typed") if (given := request.headers.get(PURPOSE)) else ""
        except ActRefused as refusal:
            return JsonResponse({"code": "purpose", "sentence": refusal.sentence}, status=400)
        actor = replace(actor, purpose=said, asks=asking != "off", renews=bool(request.headers.get(RENEWAL)))
        request.actor = actor  # type: ignore[attr-defined]
        request.standing = standing  # type: ignore[attr-defined]
        if standing.locked and not request.path.startswith(LOCKED_PATHS):
            return _locked(request)
        if not request.path.startswith(OPEN_PATHS):
            if not second_factor:
                return redirect("me:home")
            if notice.version(notice.text_for(current.agency)) != current.notice_seen:
                return _first(request, "notice", "Read and acknowledge the notice first.", "me:notice")
        if not standing.locked and _acts(request) and timezone.now() - standing.seen_at > SEEN_EVERY:
            see(standing.key)
        put_officer(actor.officer_id)
        try:
            return get_response(request)
        finally:
            put_officer(None)

    return answer


def standing_here(request: HttpRequest) -> Standing:
    """How the session of a request behind the door stands."""
    return cast("Standing", request.standing)  # type: ignore[attr-defined]


def _signed_out(request: HttpRequest, get_response: Answer) -> HttpResponseBase:
    if request.user.is_authenticated:
        logout(request)
    if request.path.startswith(OPEN_PATHS) and not request.path.startswith("/account/me/"):
        return get_response(request)
    if request.path.startswith("/api/"):
        return JsonResponse({"code": "sign-in", "sentence": "Sign in first."}, status=401)
    return redirect_to_login(request.get_full_path())


def _locked(request: HttpRequest) -> HttpResponseBase:
    return _first(request, "locked", "The session is locked: show a second factor again.", "me:locked", status=423)


def _first(request: HttpRequest, code: str, sentence: str, name: str, *, status: int = 403) -> HttpResponseBase:
    """Something comes before the page that was asked for: a program is told, a person is led there."""
    if request.headers.get(RENEWAL):
        return HttpResponse(status=204)
    if wants_json(request):
        return JsonResponse({"code": code, "sentence": sentence}, status=status)
    here = request.get_full_path() if request.method == "GET" else "/"
    if request.headers.get("HX-Request"):
        here = urlsplit(request.headers.get("HX-Current-URL", "/")).path or "/"
        return HttpResponse(status=200, headers={"HX-Redirect": f"{reverse(name)}?{urlencode({'next': here})}"})
    return redirect(f"{reverse(name)}?{urlencode({'next': here})}")


def wants_json(request: HttpRequest) -> bool:
    """Whether a program asks: the API, or a script of ours."""
    return request.path.startswith("/api/") or request.headers.get("Accept", "").startswith("application/json")


def _acts(request: HttpRequest) -> bool:
    """Whether the officer acts: a page that renews itself, and the pictures of a page, do not keep a session open."""
    return not request.headers.get(RENEWAL) and request.headers.get("Sec-Fetch-Dest", "") not in {
        "image", "video", "audio", "script", "style", "font", "track",
    }  # fmt: skip


def _signed_in(officer: Officer, session_key: str | None) -> tuple[Officer, bool, Standing | None]:
    """The officer with their agency, whether a second factor is set up, and how the session stands: one short query."""
    from allauth.mfa.models import Authenticator

    factor = Exists(Authenticator.objects.filter(user_id=OuterRef("user_id")))
    rows = UserSession.objects.filter(session_key=session_key or "").select_related("user__agency")
    row = rows.annotate(second_factor=factor).first()
    standing = read_standing(row, officer.pk)
    if row is None or standing is None:
        return officer, False, None
    return cast("Officer", row.user), bool(row.second_factor), standing


class ask_for_proof:
    """Before a dangerous act a second factor is shown again; the act goes on with it, so that nothing is filled in twice."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> HttpResponseBase | None:
        """None: the act goes on. Else the page that asks, with what was filled in kept in it."""
        address = request.resolver_match.view_name if request.resolver_match else ""
        if (room := room_at(address)) and hasattr(request, "actor"):
            try:
                with transaction.atomic():
                    require_certification(actor_of(request), room)
            except ActRefused as refusal:
                return refusals_as_pages(self.get_response).process_exception(request, refusal)
        does = what_is_dangerous(address, request.method or "")
        if not does or not hasattr(request, "actor") or standing_here(request).proved:
            return None
        wrong = ""
        if request.method == "POST" and any(request.POST.get(name) for name in FIELDS):
            wrong = proof_refused(request, actor_of(request))
            if not wrong:
                return None
        if wants_json(request):
            sentence = wrong or f"This {does}: show a second factor at {reverse('me:prove')} first."
            return JsonResponse({"code": "proof", "sentence": sentence}, status=403)
        officer = cast("Officer", request.user)
        page = {
            "does": does,
            "wrong": wrong,
            "kept": _kept(request, *FIELDS) if request.method == "POST" else [("next", request.get_full_path())],
            "target": request.get_full_path() if request.method == "POST" else reverse("me:prove"),
            "options": passkey_options(officer),
        }
        return render(request, "account/prove.html", page, status=422 if wrong else 200)


def _kept(request: HttpRequest, *left_out: str) -> list[tuple[str, str]]:
    """What was filled in, to be sent again with what is asked for first."""
    return [
        (name, str(value))
        for name, values in request.POST.lists()
        if name not in {"csrfmiddlewaretoken", *left_out}
        for value in values
    ]


def _ask_why(request: HttpRequest, holdings: Sequence[str], wrong: str = "") -> HttpResponse:
    """The page that asks for a purpose: a program is told, a person is led there; what was filled in is kept in it."""
    if request.headers.get(RENEWAL):
        return HttpResponse(status=204)
    if wants_json(request):
        sentence = f"Say first for which purpose you look at this today: in the header {PURPOSE}, or on the page."
        codes = [one.code for one in purposes.choices()]
        return JsonResponse({"code": "purpose", "sentence": sentence, "purposes": codes}, status=428)
    if request.method == "POST" and not request.headers.get("HX-Request") and not request.FILES:
        typed = bool(wrong) or cast("Officer", request.user).agency.purpose_asking == "typed"
        asked = {"across": not holdings, "choices": purposes.choices(), "typed": typed}
        page = {
            "asked": asked, "of": holdings, "wrong": wrong, "target": request.get_full_path(),
            "kept": _kept(request, *WHY, "why_of"),
        }  # fmt: skip
        return render(request, "purposes/choose.html", page, status=422 if wrong else 428)
    here = request.get_full_path()
    if request.method != "GET" or request.headers.get("HX-Request"):
        stood = urlsplit(request.headers.get("HX-Current-URL") or request.headers.get("Referer") or "/")
        here = stood.path + (f"?{stood.query}" if stood.query else "")
    to = f"{reverse('purposes:choose')}?{urlencode({'of': holdings, 'next': here}, doseq=True)}"
    return HttpResponse(status=200, headers={"HX-Redirect": to}) if request.headers.get("HX-Request") else redirect(to)


class ask_for_purpose:
    """An act on a case by an officer who has not said today why: asked once, and the act goes on with it."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> HttpResponseBase | None:
        """Take the purpose that is sent beside an act."""
        if request.method != "POST" or "why_of" not in request.POST or not hasattr(request, "actor"):
            return None
        actor, holdings = actor_of(request), request.POST.getlist("why_of")
        try:
            with acting_as(actor.officer_id):
                purposes.choose(actor, purposes.ids_in(holdings), *(request.POST.get(name, "") for name in WHY))
        except ActRefused as refusal:
            return _ask_why(request, holdings, refusal.sentence)
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The page that asks, where the log has refused an act without a purpose; everything else goes on as an error."""
        if not isinstance(exception, PurposeWanted):
            return None
        return _ask_why(request, [str(holding) for holding in exception.holdings])


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
        if wants_json(request):
            return JsonResponse({"code": exception.code, "sentence": exception.sentence}, status=status)
        return render(
            request, "404.html" if status == 404 else "refused.html", {"sentence": exception.sentence}, status=status
        )
