"""Pages of cases: actor, query or form, action, render."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET, require_POST

from opencets.errors import ActRefused
from opencets_web.cases import actions, queries
from opencets_web.cases.forms import AccessForm, ChangeForm, FilterForm, NewCaseForm, NoteForm, NumberForm, ReasonForm
from opencets_web.policy.middleware import actor_of


@require_GET
def list_cases(request: HttpRequest) -> HttpResponse:
    form = FilterForm(request.GET)
    found = queries.list_cases(actor_of(request), number=int_of(request, "page"), **form.wanted())
    return render(request, "cases/list.html", {"found": found, "form": form})


def int_of(request: HttpRequest, name: str, default: int = 1) -> int:
    """A number of the query string, or the default where it is none."""
    given = request.GET.get(name, "")
    return int(given) if given.isdecimal() and len(given) < 9 else default


def new_case(request: HttpRequest) -> HttpResponse:
    form = NewCaseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            reference = actions.open_case(actor_of(request), **form.cleaned_data)
            return redirect("evidence:exhibits", reference)
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    return render(request, "cases/new.html", {"form": form}, status=422 if form.errors else 200)


def change_case(request: HttpRequest, reference: str) -> HttpResponse:
    """The form of a case. Where another officer changed the same field meanwhile it comes back (409) with both versions."""
    actor = actor_of(request)
    frame = queries.get_frame(actor, reference, "desk:case", to="contribute")
    own, stands, since = frame.own_agency and frame.may_manage, queries.stands_now(actor, frame), timezone.now()
    form, status = ChangeForm(request.POST or None, stands=stands, own=own), 200
    meetings: tuple[queries.Meeting, ...] = ()
    if request.method == "POST" and form.is_valid():
        changed = actions.change_case(actor, reference, wanted=form.wanted(), seen=form.seen())
        frame = queries.get_frame(actor, reference, "desk:case")
        if not changed.met:
            messages.success(request, f"{reference} is changed." if changed.saved else "Nothing was to be changed.")
            return redirect("desk:case", reference)
        meetings = queries.list_meetings(actor, frame, changed.met, form.wanted())
        form, status = form.met(queries.stands_now(actor, frame), changed.met, own), 409
    elif form.errors:
        status = 422
    meanwhile = queries.changes_since(actor, frame, parse_datetime(request.GET.get("since", "").replace(" ", "+")))
    page = {"frame": frame, "form": form, "meetings": meetings, "meanwhile": meanwhile, "since": since}
    return render(request, "cases/change.html", page, status=status)


@require_GET
def history(request: HttpRequest, reference: str) -> HttpResponse:
    actor = actor_of(request)
    frame = queries.get_frame(actor, reference, "desk:case")
    return render(request, "cases/history.html", {"frame": frame, "changes": queries.list_changes(actor, frame)})


@require_POST
def put_back(request: HttpRequest, change_id: UUID) -> HttpResponse:
    reference = actions.put_back(actor_of(request), change_id, request.POST.get("seen", ""))
    messages.success(request, "It is put back. The history keeps both, so this can be put back too.")
    return redirect("cases:history", reference)


@require_POST
def close_case(request: HttpRequest, reference: str) -> HttpResponse:
    form = ReasonForm(request.POST)
    if not form.is_valid():
        raise ActRefused("A case is closed with a reason.")
    actions.close_case(actor_of(request), reference, form.cleaned_data["reason"])
    messages.success(request, f"{reference} is closed.", extra_tags=f"undo:{reverse('cases:reopen', args=[reference])}")
    return redirect("desk:case", reference)


@require_POST
def reopen_case(request: HttpRequest, reference: str) -> HttpResponse:
    actions.reopen_case(actor_of(request), reference)
    messages.success(request, f"{reference} is open again.")
    return redirect("desk:case", reference)


@require_POST
def join_case(request: HttpRequest, reference: str) -> HttpResponse:
    actions.join_case(actor_of(request), reference)
    messages.success(request, "It stands on your desk.", extra_tags=f"undo:{reverse('cases:leave', args=[reference])}")
    return redirect("desk:case", reference)


@require_POST
def leave_case(request: HttpRequest, reference: str) -> HttpResponse:
    actions.leave_case(actor_of(request), reference)
    messages.success(request, "It has left your desk.", extra_tags=f"undo:{reverse('cases:join', args=[reference])}")
    return redirect("desk:case", reference)


def notes(request: HttpRequest, reference: str) -> HttpResponse:
    actor, form = actor_of(request), NoteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        note = actions.add_note(actor, reference, form.cleaned_data["text"])
        messages.success(request, "The note is kept.", extra_tags=f"undo:{reverse('cases:note-withdraw', args=[note])}")
        return redirect("cases:notes", reference)
    frame = queries.get_frame(actor, reference, "cases:notes")
    page = {"frame": frame, "notes": queries.list_notes(actor, frame), "form": form}
    return render(request, "cases/notes.html", page, status=422 if form.errors else 200)


@require_POST
def withdraw_note(request: HttpRequest, note_id: UUID) -> HttpResponse:
    reference = actions.withdraw_note(actor_of(request), note_id)
    messages.success(
        request, "The note is withdrawn.", extra_tags=f"undo:{reverse('cases:note-restore', args=[note_id])}"
    )
    return redirect("cases:notes", reference)


@require_POST
def restore_note(request: HttpRequest, note_id: UUID) -> HttpResponse:
    reference = actions.restore_note(actor_of(request), note_id)
    messages.success(request, "The note is back.")
    return redirect("cases:notes", reference)


@require_POST
def add_number(request: HttpRequest, reference: str) -> HttpResponse:
    form = NumberForm(request.POST)
    if not form.is_valid():
        raise ActRefused("A partner's number has a partner and a number.")
    actions.add_number(actor_of(request), reference, **form.cleaned_data)
    messages.success(request, f"{form.cleaned_data['partner']} {form.cleaned_data['number']} stands on the case.")
    return redirect("desk:case", reference)


@require_POST
def remove_number(request: HttpRequest, reference: str, number_id: UUID) -> HttpResponse:
    actions.remove_number(actor_of(request), reference, number_id)
    undo = reverse("cases:number-restore", args=[reference, number_id])
    messages.success(request, "The number is off the case; the access log keeps it.", extra_tags=f"undo:{undo}")
    return redirect("desk:case", reference)


@require_POST
def restore_number(request: HttpRequest, reference: str, number_id: UUID) -> HttpResponse:
    actions.restore_number(actor_of(request), reference, number_id)
    messages.success(request, "The number stands on the case again.")
    return redirect("desk:case", reference)


@require_GET
def access(request: HttpRequest, reference: str) -> HttpResponse:
    frame = queries.get_frame(actor_of(request), reference, "cases:access")
    form = AccessForm(request.GET)
    found = queries.list_access(actor_of(request), frame, number=int_of(request, "page"), **form.wanted())
    return render(request, "cases/access.html", {"frame": frame, "found": found, "form": form})
