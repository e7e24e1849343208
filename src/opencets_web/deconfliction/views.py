"""Pages of declarations and conflicts: actor, query or form, action, render."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from opencets.errors import ActRefused, NotFound
from opencets_web.cases.views import int_of
from opencets_web.deconfliction import actions, queries
from opencets_web.deconfliction.forms import (
    BeginForm,
    ConfirmForm,
    LineForm,
    OperationForm,
    ProposeForm,
    ReasonForm,
    TargetForm,
)
from opencets_web.policy.middleware import actor_of


@require_GET
def room(request: HttpRequest) -> HttpResponse:
    found = queries.get_room(actor_of(request), number=int_of(request, "page"))
    return render(request, "deconfliction/room.html", {"found": found})


@require_GET
def begin(request: HttpRequest) -> HttpResponse:
    form = BeginForm(request.GET)
    if not form.is_valid():
        return redirect("deconfliction:room")
    return redirect(f"deconfliction:{form.cleaned_data['subject']}", form.cleaned_data["case"])


@require_GET
def case(request: HttpRequest, reference: str) -> HttpResponse:
    found = queries.get_case_page(actor_of(request), reference)
    return render(request, "deconfliction/case.html", {"frame": found.frame, "found": found})


def target(request: HttpRequest, reference: str) -> HttpResponse:
    """Declaring a target; a POST declares it."""
    actor = actor_of(request)
    chosen = {name: request.GET.get(name, "") for name in ("record", "media")}
    found = queries.get_declaring(actor, reference, "target", **chosen)
    form = TargetForm(request.POST or None, initial=found.initial, country=actor.country)
    if request.method == "POST" and form.is_valid():
        try:
            return redirect("deconfliction:declaration", actions.declare_target(actor, reference, **form.given()))
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    page = {"frame": found.frame, "found": found, "form": form}
    return render(request, "deconfliction/target.html", page, status=422 if form.errors else 200)


def operation(request: HttpRequest, reference: str) -> HttpResponse:
    """Declaring an operation; a POST declares it."""
    actor, form = actor_of(request), OperationForm(request.POST or None)
    found = queries.get_declaring(actor, reference, "operation")
    if request.method == "POST" and form.is_valid():
        try:
            return redirect("deconfliction:declaration", actions.declare_operation(actor, reference, **form.given()))
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    page = {"frame": found.frame, "found": found, "form": form}
    return render(request, "deconfliction/operation.html", page, status=422 if form.errors else 200)


@require_GET
def declaration(request: HttpRequest, declaration_id: UUID) -> HttpResponse:
    found = queries.get_declaration(actor_of(request), declaration_id)
    return render(request, "deconfliction/declaration.html", {"frame": found.frame, "found": found, "row": found.row})


@require_POST
def withdraw(request: HttpRequest, declaration_id: UUID) -> HttpResponse:
    form = ReasonForm(request.POST)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    actions.withdraw_declaration(actor_of(request), declaration_id, reason)
    undo = reverse("deconfliction:restore", args=[declaration_id])
    messages.success(request, "It is withdrawn and watches no more.", extra_tags=f"undo:{undo}")
    return redirect("deconfliction:declaration", declaration_id)


@require_POST
def restore(request: HttpRequest, declaration_id: UUID) -> HttpResponse:
    actions.restore_declaration(actor_of(request), declaration_id)
    messages.success(request, "It stands again, and is compared again.")
    return redirect("deconfliction:declaration", declaration_id)


@require_GET
def conflict(request: HttpRequest, conflict_id: UUID) -> HttpResponse:
    actions.mark_read(actor_of(request), conflict_id)
    found = queries.get_conflict(actor_of(request), conflict_id)
    return render(request, "deconfliction/conflict.html", {"frame": found.frame, "found": found, "row": found.row})


@require_POST
def write(request: HttpRequest, conflict_id: UUID) -> HttpResponse:
    form = LineForm(request.POST)
    actions.write(actor_of(request), conflict_id, form.cleaned_data["text"] if form.is_valid() else "")
    return redirect(_thread(conflict_id))


@require_POST
def ask(request: HttpRequest, conflict_id: UUID) -> HttpResponse:
    form = LineForm(request.POST)
    actions.ask_for_release(actor_of(request), conflict_id, form.cleaned_data["text"] if form.is_valid() else "")
    messages.success(request, "They are asked.")
    return redirect(_thread(conflict_id))


@require_POST
def propose(request: HttpRequest, conflict_id: UUID) -> HttpResponse:
    form = ProposeForm(request.POST)
    if not form.is_valid():
        raise ActRefused("Choose what you propose: proceed, hand over, or work jointly.")
    actions.propose(actor_of(request), conflict_id, **form.given())
    messages.success(request, "Your proposal is sent. It holds once they confirm; a new proposal replaces it.")
    return redirect(_thread(conflict_id))


@require_POST
def confirm(request: HttpRequest, conflict_id: UUID) -> HttpResponse:
    form = ConfirmForm(request.POST)
    if not form.is_valid():
        raise ActRefused("That proposal does not stand any more: read the latest lines.")
    actions.confirm(actor_of(request), conflict_id, form.cleaned_data["proposal"])
    messages.success(request, "You agreed. Either side can open it again with a reason.")
    return redirect(_thread(conflict_id))


@require_POST
def reopen(request: HttpRequest, conflict_id: UUID) -> HttpResponse:
    form = ReasonForm(request.POST)
    actions.reopen(actor_of(request), conflict_id, form.cleaned_data["reason"] if form.is_valid() else "")
    messages.success(request, "It is open again on both sides.")
    return redirect(_thread(conflict_id))


@require_POST
def open_to_them(request: HttpRequest, conflict_id: UUID) -> HttpResponse:
    actions.open_to_them(actor_of(request), conflict_id)
    messages.success(request, "They are told whom to call, and can write here.")
    return redirect(_thread(conflict_id))


def _thread(conflict_id: UUID) -> str:
    return reverse("deconfliction:conflict", args=[conflict_id]) + "#thread"
