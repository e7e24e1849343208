"""Pages of emergency access: actor, query or form, action, render."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from opencets.errors import ActRefused, NotFound
from opencets_web.emergencies import actions, queries
from opencets_web.emergencies.forms import AnswerForm, AskForm, ReviewForm
from opencets_web.policy.middleware import actor_of


@require_GET
def list_emergencies(request: HttpRequest) -> HttpResponse:
    page = {"found": queries.list_emergencies(actor_of(request)), "form": AskForm(), "review": ReviewForm()}
    return render(request, "emergencies/list.html", page)


@require_POST
def ask(request: HttpRequest) -> HttpResponse:
    actor, form = actor_of(request), AskForm(request.POST)
    if form.is_valid():
        try:
            actions.ask(actor, **form.cleaned_data)
            messages.success(
                request, "Asked. Supervisors of your agency are told; one of them has to confirm within 30 minutes."
            )
            return redirect("emergencies:list")
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    page = {"found": queries.list_emergencies(actor), "form": form, "review": ReviewForm()}
    return render(request, "emergencies/list.html", page, status=422)


@require_POST
def confirm(request: HttpRequest, emergency_id: UUID) -> HttpResponse:
    if actions.confirm(actor_of(request), emergency_id, _answer(request)):
        undo = reverse("emergencies:end", args=[emergency_id])
        messages.success(
            request, "Confirmed: it is open. Those who manage the case are told.", extra_tags=f"undo:{undo}"
        )
    else:
        messages.warning(request, "Confirmed, but your agency has no closed case with this number: nothing was opened.")
    return redirect("emergencies:list")


@require_POST
def refuse(request: HttpRequest, emergency_id: UUID) -> HttpResponse:
    actions.refuse(actor_of(request), emergency_id, _answer(request))
    messages.success(request, "Refused. It can be asked again.")
    return redirect("emergencies:list")


@require_POST
def end(request: HttpRequest, emergency_id: UUID) -> HttpResponse:
    actions.end(actor_of(request), emergency_id)
    messages.success(request, "It is closed again. In another emergency it can be asked again.")
    return redirect("emergencies:list")


@require_POST
def review(request: HttpRequest, emergency_id: UUID) -> HttpResponse:
    form = ReviewForm(request.POST)
    if not form.is_valid():
        raise ActRefused("A review says whether it was justified, and why.")
    given = form.cleaned_data
    actions.review(actor_of(request), emergency_id, accepted=given["accepted"], text=given["review"])
    undo = reverse("emergencies:review-withdraw", args=[emergency_id])
    messages.success(request, "The review is kept.", extra_tags=f"undo:{undo}")
    return redirect("emergencies:list")


@require_POST
def withdraw_review(request: HttpRequest, emergency_id: UUID) -> HttpResponse:
    actions.withdraw_review(actor_of(request), emergency_id)
    messages.success(request, "The review is taken back; it waits again.")
    return redirect("emergencies:list")


def _answer(request: HttpRequest) -> str:
    form = AnswerForm(request.POST)
    return str(form.cleaned_data["answer"]) if form.is_valid() else ""
