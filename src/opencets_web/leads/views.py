"""Pages of alerts and connections: actor, query or form, action, render."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from opencets.errors import ActRefused
from opencets_web.cases.views import int_of
from opencets_web.leads import actions, queries
from opencets_web.leads.forms import AlertsForm, DismissForm, ThresholdForm
from opencets_web.policy.middleware import actor_of


@require_GET
def list_alerts(request: HttpRequest) -> HttpResponse:
    form = AlertsForm(request.GET)
    found = queries.list_alerts(actor_of(request), number=int_of(request, "page"), **form.wanted())
    return render(
        request,
        "leads/alerts.html",
        {"found": found, "form": form, "threshold": ThresholdForm(initial={"least": found.least})},
    )


@require_POST
def threshold(request: HttpRequest) -> HttpResponse:
    form = ThresholdForm(request.POST)
    if not form.is_valid():
        raise ActRefused("Choose from which strength you are told of connections.")
    actions.set_threshold(actor_of(request), float(form.cleaned_data["least"]))
    messages.success(request, "Kept. Weaker connections stay on the cases' own pages, and under “weaker ones too”.")
    return redirect(_back(request))


@require_POST
def accept(request: HttpRequest, alert_id: UUID) -> HttpResponse:
    url = actions.accept_alert(actor_of(request), alert_id)
    messages.success(request, "The alert is yours.", extra_tags=f"undo:{reverse('leads:reopen', args=[alert_id])}")
    return redirect(url or "leads:list")


@require_POST
def dismiss(request: HttpRequest, alert_id: UUID) -> HttpResponse:
    form = DismissForm(request.POST)
    actions.dismiss_alert(actor_of(request), alert_id, form.cleaned_data["reason"] if form.is_valid() else "")
    messages.success(request, "The alert is dismissed.", extra_tags=f"undo:{reverse('leads:reopen', args=[alert_id])}")
    return redirect(_back(request))


@require_POST
def reopen(request: HttpRequest, alert_id: UUID) -> HttpResponse:
    actions.reopen_alert(actor_of(request), alert_id)
    messages.success(request, "The alert is new again.")
    return redirect(_back(request))


def _back(request: HttpRequest) -> str:
    """Where the officer came from, if it is on this site; else the queue."""
    wanted = request.POST.get("next", "")
    return wanted if url_has_allowed_host_and_scheme(wanted, {request.get_host()}) else reverse("leads:list")


@require_GET
def connections(request: HttpRequest, reference: str) -> HttpResponse:
    kind = request.GET.get("kind", "")
    found = queries.list_connections(actor_of(request), reference, kind=kind, number=int_of(request, "page"))
    return render(request, "leads/connections.html", {"frame": found.frame, "found": found, "kind": kind})


@require_GET
def connection(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    found = queries.get_connection(actor_of(request), connection_id)
    return render(request, "leads/connection.html", {"found": found, "row": found.row})
