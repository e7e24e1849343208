"""The page that asks why: actor, query or act, render."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme

from opencets.errors import ActRefused
from opencets_web.policy import purposes
from opencets_web.policy.middleware import WHY, actor_of
from opencets_web.purposes import queries


def choose(request: HttpRequest) -> HttpResponse:
    """One click or one digit, and on to where the officer wanted to go."""
    actor, wrong = actor_of(request), ""
    given = request.POST if request.method == "POST" else request.GET
    holdings, target = purposes.ids_in(given.getlist("of")), _next(given.get("next", ""))
    if request.method == "POST":
        try:
            purposes.choose(actor, holdings, *(request.POST.get(name, "") for name in WHY))
            return redirect(target)
        except ActRefused as refusal:
            wrong = refusal.sentence
    page = {"asked": queries.get_asked(actor, holdings), "of": holdings, "next": target, "wrong": wrong}
    return render(request, "purposes/choose.html", page, status=422 if wrong else 200)


def _next(wanted: str) -> str:
    """Where the officer wanted to go, within this site."""
    fine = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and wanted.startswith("/")
    return wanted if fine else "/"
