"""The desk, a case's overview, search and the auditor's page: actor, query or form, render."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from opencets_web.cases.forms import NumberForm, ReasonForm
from opencets_web.desk import queries
from opencets_web.policy.middleware import actor_of


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "desk/home.html", {"desk": queries.get_desk(actor_of(request))})


@require_GET
def case(request: HttpRequest, reference: str) -> HttpResponse:
    overview = queries.get_overview(actor_of(request), reference)
    page = {"frame": overview.frame, "overview": overview, "reason_form": ReasonForm(), "number_form": NumberForm()}
    return render(request, "desk/case.html", page)
