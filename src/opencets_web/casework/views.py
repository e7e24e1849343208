"""Pages of the work on a case: actor, query or form, action, render."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from opencets.errors import ActRefused, NotFound
from opencets_web.casework import actions, queries
from opencets_web.casework.forms import CommentForm, DecisionForm, LinkForm, ReasonForm, TaskForm
from opencets_web.policy.middleware import actor_of


@require_GET
def work(request: HttpRequest, reference: str) -> HttpResponse:
    return _work(request, reference)


def _work(request: HttpRequest, reference: str, **tried: forms.Form) -> HttpResponse:
    """The page of the work; a form that was refused stands in it with what is wrong and what was written."""
    found = queries.get_work(actor_of(request), reference)
    page = {
        "frame": found.frame,
        "found": found,
        "comment_form": CommentForm(),
        "task_form": TaskForm(people=found.people),
        "decision_form": DecisionForm(),
        "link_form": LinkForm(),
        "tried": list(tried),
        **tried,
    }
    return render(request, "casework/work.html", page, status=422 if tried else 200)


@require_POST
def comment(request: HttpRequest, reference: str) -> HttpResponse:
    actor, form = actor_of(request), CommentForm(request.POST)
    if form.is_valid():
        try:
            made = actions.write_comment(actor, reference, form.cleaned_data["text"], also=form.cleaned_data["also"])
            undo = reverse("casework:comment-withdraw", args=[made])
            messages.success(request, "The comment is kept.", extra_tags=f"undo:{undo}")
            return redirect("casework:work", reference)
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error("also", refusal.sentence)
    return _work(request, reference, comment_form=form)


@require_POST
def task(request: HttpRequest, reference: str) -> HttpResponse:
    actor = actor_of(request)
    form = TaskForm(request.POST, people=queries.people_for(actor, reference))
    if form.is_valid():
        given = form.cleaned_data
        made = actions.give_task(actor, reference, given["title"], given["officer"], given["due_on"])
        undo = reverse("casework:task-withdraw", args=[made])
        messages.success(request, "The task is given.", extra_tags=f"undo:{undo}")
        return redirect("casework:work", reference)
    return _work(request, reference, task_form=form)


@require_POST
def decide(request: HttpRequest, reference: str) -> HttpResponse:
    actor, form = actor_of(request), DecisionForm(request.POST)
    if form.is_valid():
        try:
            given = form.cleaned_data
            actions.decide(actor, reference, given["what"], given["reason"], given["supersedes"])
            messages.success(request, "The decision is kept. A later one can supersede it.")
            return redirect("casework:work", reference)
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    return _work(request, reference, decision_form=form)


@require_POST
def link(request: HttpRequest, reference: str) -> HttpResponse:
    actor, form = actor_of(request), LinkForm(request.POST)
    if form.is_valid():
        try:
            actions.link_case(actor, reference, form.cleaned_data["other"], form.cleaned_data["reason"])
            messages.success(request, "The cases are linked. Withdraw the link below if it was wrong.")
            return redirect("casework:work", reference)
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error("other", refusal.sentence)
    return _work(request, reference, link_form=form)


@require_POST
def withdraw_link(request: HttpRequest, link_id: UUID) -> HttpResponse:
    form = ReasonForm(request.POST)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    reference = actions.withdraw_link(actor_of(request), link_id, reason)
    undo = reverse("casework:link-again", args=[link_id])
    messages.success(request, "The link is withdrawn.", extra_tags=f"undo:{undo}")
    return redirect("casework:work", reference)


@require_POST
def link_again(request: HttpRequest, link_id: UUID) -> HttpResponse:
    reference = actions.link_again(actor_of(request), link_id)
    messages.success(request, "The cases are linked again.")
    return redirect("casework:work", reference)


@require_POST
def withdraw_comment(request: HttpRequest, comment_id: UUID) -> HttpResponse:
    reference = actions.withdraw_comment(actor_of(request), comment_id)
    undo = reverse("casework:comment-restore", args=[comment_id])
    messages.success(request, "The comment is withdrawn.", extra_tags=f"undo:{undo}")
    return redirect(_back(request, reference))


@require_POST
def restore_comment(request: HttpRequest, comment_id: UUID) -> HttpResponse:
    reference = actions.restore_comment(actor_of(request), comment_id)
    messages.success(request, "The comment is back.")
    return redirect(_back(request, reference))


@require_POST
def finish_task(request: HttpRequest, task_id: UUID) -> HttpResponse:
    reference = actions.finish_task(actor_of(request), task_id)
    undo = reverse("casework:task-reopen", args=[task_id])
    messages.success(request, "Done.", extra_tags=f"undo:{undo}")
    return redirect(_back(request, reference))


@require_POST
def reopen_task(request: HttpRequest, task_id: UUID) -> HttpResponse:
    reference = actions.reopen_task(actor_of(request), task_id)
    undo = reverse("casework:task-done", args=[task_id])
    messages.success(request, "The task is open again.", extra_tags=f"undo:{undo}")
    return redirect(_back(request, reference))


@require_POST
def withdraw_task(request: HttpRequest, task_id: UUID) -> HttpResponse:
    reference = actions.withdraw_task(actor_of(request), task_id)
    undo = reverse("casework:task-restore", args=[task_id])
    messages.success(request, "The task is withdrawn.", extra_tags=f"undo:{undo}")
    return redirect(_back(request, reference))


@require_POST
def restore_task(request: HttpRequest, task_id: UUID) -> HttpResponse:
    reference = actions.restore_task(actor_of(request), task_id)
    messages.success(request, "The task is back.")
    return redirect(_back(request, reference))


@require_POST
def open_notice(request: HttpRequest, notice_id: UUID) -> HttpResponse:
    """Mark a notice as read and go to what it is about."""
    return redirect(actions.read_notice(actor_of(request), notice_id))


@require_POST
def read_notice(request: HttpRequest, notice_id: UUID) -> HttpResponse:
    actions.read_notice(actor_of(request), notice_id)
    undo = reverse("casework:notice-unread", args=[notice_id])
    messages.success(request, "Marked as read.", extra_tags=f"undo:{undo}")
    return redirect("desk:home")


@require_POST
def unread_notice(request: HttpRequest, notice_id: UUID) -> HttpResponse:
    actions.read_notice(actor_of(request), notice_id, unread=True)
    return redirect("desk:home")


@require_POST
def here(request: HttpRequest, reference: str) -> HttpResponse:
    """One beat of a page on which a case is open; answers who is here."""
    actor = actor_of(request)
    people = queries.who_is_here(actor, actions.be_here(actor, reference))
    return render(request, "casework/here.html", {"people": people})


@require_GET
def feed(request: HttpRequest, reference: str) -> HttpResponse:
    most = 200 if request.GET.get("all") else 12
    found = queries.get_feed(actor_of(request), reference, most)
    return render(request, "casework/feed.html", {"frame": found.frame, "found": found})


def _back(request: HttpRequest, reference: str) -> str:
    """Where the officer came from, if it is on this site; else the work on the case."""
    wanted = request.POST.get("next", "")
    fine = url_has_allowed_host_and_scheme(wanted, {request.get_host()})
    return wanted if fine else reverse("casework:work", args=[reference])
