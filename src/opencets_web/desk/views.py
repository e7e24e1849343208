"""The desk, a case's overview and search: actor, query or form, render."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from opencets_web.cases.forms import NumberForm
from opencets_web.cases.views import int_of
from opencets_web.desk import queries
from opencets_web.desk.forms import SearchForm
from opencets_web.desk.search import PARTS
from opencets_web.desk.search import search as search_everywhere
from opencets_web.media.actions import shown_known
from opencets_web.policy.middleware import actor_of


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "desk/home.html", {"desk": queries.get_desk(actor_of(request))})


@require_GET
def case(request: HttpRequest, reference: str) -> HttpResponse:
    actor = actor_of(request)
    overview = queries.get_overview(actor, reference)
    # A partner writes its own number first of all.
    number_form = NumberForm(initial={} if overview.frame.own_agency else {"partner": actor.agency_name})
    return render(
        request, "desk/case.html", {"frame": overview.frame, "overview": overview, "number_form": number_form}
    )


@require_GET
def search(request: HttpRequest) -> HttpResponse:
    form = SearchForm(request.GET)
    words, language, part = *form.asked(), request.GET.get("in", "")
    found = search_everywhere(
        actor_of(request), words, language=language, part=part, number=int_of(request, "page"),
        shown=shown_known(request.session),
    )  # fmt: skip
    return render(request, "desk/search.html", {"found": found, "form": form, "parts": PARTS})
