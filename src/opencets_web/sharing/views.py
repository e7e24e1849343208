"""Pages of requests and releases: actor, query or form, action, render."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from opencets.errors import ActRefused, NotFound
from opencets_web.cases.views import int_of
from opencets_web.policy.middleware import actor_of
from opencets_web.sharing import actions, queries
from opencets_web.sharing.forms import AnswerForm, AskForm, DeclineForm, InviteForm, ReasonForm, ReleaseForm


@require_GET
def list_sharing(request: HttpRequest) -> HttpResponse:
    found = queries.list_sharing(actor_of(request), alone=request.GET.get("show", ""), number=int_of(request, "page"))
    return render(request, "sharing/list.html", {"found": found})


def case(request: HttpRequest, reference: str) -> HttpResponse:
    """The sharing of a case; a POST releases it."""
    actor = actor_of(request)
    found = queries.get_case_sharing(actor, reference)
    form = ReleaseForm(request.POST or None, agencies=found.agencies, conditions=found.frame.conditions)
    if request.method == "POST" and form.is_valid():
        try:
            given = form.cleaned_data
            made = actions.release(
                actor, reference, given["agency"], purpose=given["purpose"], days=given["days"], level=given["level"]
            )
            undo = reverse("sharing:release-undo", args=[made])
            messages.success(request, f"{reference} is released.", extra_tags=f"undo:{undo}")
            return redirect("sharing:case", reference)
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    invite_form = InviteForm(agencies=found.agencies, conditions=found.frame.conditions)
    page = {"frame": found.frame, "found": found, "form": form, "invite_form": invite_form}
    return render(request, "sharing/case.html", page, status=422 if form.errors else 200)


@require_POST
def invite(request: HttpRequest, reference: str) -> HttpResponse:
    actor = actor_of(request)
    found = queries.get_case_sharing(actor, reference)
    form = InviteForm(request.POST, agencies=found.agencies, conditions=found.frame.conditions)
    if form.is_valid():
        try:
            given = form.cleaned_data
            made = actions.invite(
                actor, reference, given["agency"], purpose=given["purpose"], days=given["days"], level=given["level"]
            )
            undo = reverse("sharing:release-undo", args=[made])
            messages.success(
                request, "They are invited. The case opens to them once they accept.", extra_tags=f"undo:{undo}"
            )
            return redirect("sharing:case", reference)
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    blank = ReleaseForm(agencies=found.agencies, conditions=found.frame.conditions)
    page = {"frame": found.frame, "found": found, "form": blank, "invite_form": form}
    return render(request, "sharing/case.html", page, status=422)


@require_POST
def accept(request: HttpRequest, grant_id: UUID) -> HttpResponse:
    actions.accept_invitation(actor_of(request), grant_id)
    undo = reverse("sharing:invitation-undo", args=[grant_id])
    messages.success(request, "Your agency takes part: the case is open to you.", extra_tags=f"undo:{undo}")
    return redirect("sharing:list")


@require_POST
def decline_invitation(request: HttpRequest, grant_id: UUID) -> HttpResponse:
    actions.decline_invitation(actor_of(request), grant_id, _reason(request))
    undo = reverse("sharing:invitation-reconsider", args=[grant_id])
    messages.success(request, "They are told that you declined.", extra_tags=f"undo:{undo}")
    return redirect("sharing:list")


@require_POST
def reconsider(request: HttpRequest, grant_id: UUID) -> HttpResponse:
    actions.reconsider_invitation(actor_of(request), grant_id)
    messages.success(request, "The invitation waits for your answer again.")
    return redirect("sharing:list")


@require_POST
def leave(request: HttpRequest, grant_id: UUID) -> HttpResponse:
    actions.leave_joint_case(actor_of(request), grant_id, _reason(request))
    undo = reverse("sharing:invitation-accept", args=[grant_id])
    messages.success(request, "Your agency has left the case.", extra_tags=f"undo:{undo}")
    return redirect("sharing:list")


@require_POST
def undo_accept(request: HttpRequest, grant_id: UUID) -> HttpResponse:
    actions.leave_joint_case(actor_of(request), grant_id, "Taken back by the officer who had accepted.")
    messages.success(request, "It is taken back: the case is closed to you again.")
    return redirect("sharing:list")


def _reason(request: HttpRequest) -> str:
    form = ReasonForm(request.POST)
    return str(form.cleaned_data["reason"]) if form.is_valid() else ""


def ask(request: HttpRequest, pointer_id: UUID) -> HttpResponse:
    actor, form = actor_of(request), AskForm(request.POST or None)
    found = queries.get_ask(actor, pointer_id)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.ask(actor, pointer_id, form.cleaned_data["purpose"])
            undo = reverse("sharing:request-withdraw", args=[made])
            messages.success(request, f"{found.pointer.agency} is asked.", extra_tags=f"undo:{undo}")
            return redirect("sharing:case", found.frame.reference)
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    page = {"frame": found.frame, "found": found, "form": form}
    return render(request, "sharing/ask.html", page, status=422 if form.errors else 200)


@require_POST
def withdraw_request(request: HttpRequest, request_id: UUID) -> HttpResponse:
    reference = actions.withdraw_request(actor_of(request), request_id)
    undo = reverse("sharing:request-again", args=[request_id])
    messages.success(request, "The request is withdrawn.", extra_tags=f"undo:{undo}")
    return redirect(_back(request, reference))


@require_POST
def ask_again(request: HttpRequest, request_id: UUID) -> HttpResponse:
    reference = actions.ask_again(actor_of(request), request_id)
    messages.success(request, "They are asked again.")
    return redirect(_back(request, reference))


@require_POST
def decline(request: HttpRequest, asked_id: UUID) -> HttpResponse:
    form = DeclineForm(request.POST)
    reference = actions.decline(actor_of(request), asked_id, form.cleaned_data["answer"] if form.is_valid() else "")
    messages.success(request, "They are told that you declined. You can still release the case.")
    return redirect(_back(request, reference))


@require_POST
def release_asked(request: HttpRequest, asked_id: UUID) -> HttpResponse:
    form = AnswerForm(request.POST)
    if not form.is_valid():
        raise ActRefused("A release names its purpose, what they may do, and for how long.")
    made, reference = actions.release_asked(actor_of(request), asked_id, **form.cleaned_data)
    undo = reverse("sharing:release-undo", args=[made])
    messages.success(request, f"{reference} is released.", extra_tags=f"undo:{undo}")
    return redirect(_back(request, reference))


@require_POST
def withdraw_release(request: HttpRequest, release_id: UUID) -> HttpResponse:
    form = ReasonForm(request.POST)
    reference = actions.withdraw_release(
        actor_of(request), release_id, form.cleaned_data["reason"] if form.is_valid() else ""
    )
    undo = reverse("sharing:release-again", args=[release_id])
    messages.success(
        request, "The release is withdrawn: they see nothing of the case any more.", extra_tags=f"undo:{undo}"
    )
    return redirect(_back(request, reference))


@require_POST
def undo_release(request: HttpRequest, release_id: UUID) -> HttpResponse:
    reference = actions.withdraw_release(
        actor_of(request), release_id, "Taken back by the officer who had released it."
    )
    messages.success(request, "The release is taken back.")
    return redirect(_back(request, reference))


@require_POST
def release_again(request: HttpRequest, release_id: UUID) -> HttpResponse:
    made, reference = actions.release_again(actor_of(request), release_id)
    undo = reverse("sharing:release-undo", args=[made])
    messages.success(request, f"{reference} is released again, until the day it had.", extra_tags=f"undo:{undo}")
    return redirect(_back(request, reference))


def _back(request: HttpRequest, reference: str) -> str:
    """Where the officer came from, if it is on this site; else the sharing of the case."""
    wanted = request.POST.get("next", "")
    fine = url_has_allowed_host_and_scheme(wanted, {request.get_host()})
    return wanted if fine else reverse("sharing:case", args=[reference])
