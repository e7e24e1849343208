"""The desk, a case's overview, search and the auditor's page: actor, query or form, render."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from opencets_web.cases.forms import NumberForm
from opencets_web.cases.views import int_of
from opencets_web.desk import audit, queries
from opencets_web.desk.forms import AuditForm, SearchForm
from opencets_web.desk.search import PARTS
from opencets_web.desk.search import search as search_everywhere
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
    words, part = (form.cleaned_data["q"] if form.is_valid() else ""), request.GET.get("in", "")
    found = search_everywhere(actor_of(request), words, part=part, number=int_of(request, "page"))
    return render(request, "desk/search.html", {"found": found, "form": form, "parts": PARTS})


@require_GET
def list_audit(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = AuditForm(request.GET, audit.list_officers(actor))
    found = audit.list_acts(actor, number=int_of(request, "page"), **form.wanted())
    return render(request, "desk/audit.html", {"found": found, "form": form})


@require_GET
def export_audit(request: HttpRequest) -> HttpResponseBase:
    actor = actor_of(request)
    form = AuditForm(request.GET, audit.list_officers(actor))
    lines = "".join(audit.export_acts(actor, **form.wanted()))
    name = f"audit-{timezone.now():%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)
