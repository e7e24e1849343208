"""The auditor's room: actor, query or form, act, render."""

from __future__ import annotations

import json
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from opencets.errors import ActRefused
from opencets_web.auditing import actions, extracts, queries
from opencets_web.auditing.forms import AuditForm, SentenceForm, WeekForm
from opencets_web.cases.views import int_of
from opencets_web.policy.middleware import actor_of


@require_GET
def list_acts(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = AuditForm(request.GET, queries.list_officers(actor))
    found = queries.list_acts(actor, form.wanted(), int_of(request, "page"))
    return render(request, "auditing/log.html", {"found": found, "form": form})


@require_GET
def export_acts(request: HttpRequest) -> HttpResponseBase:
    actor = actor_of(request)
    form = AuditForm(request.GET, queries.list_officers(actor))
    return _file("".join(queries.export_acts(actor, form.wanted())), "csv", "text/csv; charset=utf-8")


@require_GET
def export_extract(request: HttpRequest) -> HttpResponseBase:
    actor = actor_of(request)
    form = AuditForm(request.GET, queries.list_officers(actor))
    return _file(extracts.export_extract(actor, form.wanted()), "jsonl", "application/jsonl")


@require_GET
def checkpoint(request: HttpRequest) -> HttpResponseBase:
    held = extracts.take_checkpoint(actor_of(request))
    return _file(json.dumps(held, sort_keys=True, indent=1), "checkpoint.json", "application/json")


@require_GET
def unusual(request: HttpRequest) -> HttpResponse:
    found = queries.list_unusual(actor_of(request), request.GET.get("week", ""))
    return render(request, "auditing/unusual.html", {"found": found})


@require_POST
def mark(request: HttpRequest) -> HttpResponse:
    form = SentenceForm(request.POST)
    if not form.is_valid():
        raise ActRefused("A pattern is marked with a sentence that says what it was.")
    made = actions.mark_pattern(actor_of(request), form.cleaned_data["key"], form.cleaned_data["sentence"])
    undo = reverse("audit:mark-withdraw", args=[made.id])
    messages.success(request, "The pattern is marked.", extra_tags=f"undo:{undo}")
    return redirect(f"{reverse('audit:unusual')}?week={made.day.isoformat()}")


@require_POST
def withdraw_mark(request: HttpRequest, mark_id: UUID) -> HttpResponse:
    taken = actions.withdraw_mark(actor_of(request), mark_id)
    messages.success(request, "The pattern waits for a sentence again.")
    return redirect(f"{reverse('audit:unusual')}?week={taken.day.isoformat()}")


@require_GET
def reviews(request: HttpRequest) -> HttpResponse:
    return render(request, "auditing/reviews.html", {"found": queries.list_reviews(actor_of(request))})


@require_POST
def sign(request: HttpRequest) -> HttpResponse:
    form = WeekForm(request.POST)
    if not form.is_valid():
        raise ActRefused("A week is signed off with a sentence.")
    review = actions.sign_week(actor_of(request), form.cleaned_data["week"], form.cleaned_data["sentence"])
    undo = reverse("audit:review-withdraw", args=[review.id])
    messages.success(request, "The week is signed off.", extra_tags=f"undo:{undo}")
    return redirect("audit:reviews")


@require_POST
def withdraw_review(request: HttpRequest, review_id: UUID) -> HttpResponse:
    actions.withdraw_review(actor_of(request), review_id)
    messages.success(request, "The sign-off is withdrawn.")
    return redirect("audit:reviews")


def _file(content: str | bytes, ending: str, kind: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="audit-{timezone.now():%Y-%m-%d}.{ending}"'}
    return HttpResponse(content, content_type=kind, headers=headers)
