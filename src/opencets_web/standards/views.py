"""Pages of checklists, clocks and notices: actor, query or form, action, render."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from opencets.errors import ActRefused
from opencets_web.cases.views import int_of
from opencets_web.policy.middleware import actor_of
from opencets_web.standards import actions, queries
from opencets_web.standards.forms import (
    ApplyForm,
    BandForm,
    BoardForm,
    QuietHoursForm,
    ReasonForm,
    StepForm,
    VersionForm,
)


@require_GET
def board(request: HttpRequest) -> HttpResponse:
    form = BoardForm(request.GET)
    found = queries.get_board(actor_of(request), number=int_of(request, "page"), **form.wanted())
    return render(request, "standards/board.html", {"board": found, "form": form})


@require_GET
def case(request: HttpRequest, reference: str) -> HttpResponse:
    found = queries.get_case_standards(actor_of(request), reference)
    return render(request, "standards/case.html", {"frame": found.frame, "found": found})


@require_POST
def apply(request: HttpRequest, reference: str) -> HttpResponse:
    form = ApplyForm(request.POST)
    if not form.is_valid():
        raise ActRefused("Choose a checklist.")
    made = actions.apply_checklist(actor_of(request), reference, form.cleaned_data["checklist"])
    undo = reverse("standards:undo-apply", args=[made])
    messages.success(request, "The case goes by the checklist.", extra_tags=f"undo:{undo}")
    return redirect("standards:case", reference)


@require_POST
def undo_apply(request: HttpRequest, applied_id: UUID) -> HttpResponse:
    reference = actions.end_checklist(actor_of(request), applied_id, "Taken back by the officer who had applied it.")
    messages.success(request, "The checklist is off the case.")
    return redirect("standards:case", reference)


@require_POST
def end(request: HttpRequest, applied_id: UUID) -> HttpResponse:
    reference = actions.end_checklist(actor_of(request), applied_id, _reason(request))
    undo = reverse("standards:restore", args=[applied_id])
    messages.success(request, "The checklist is off the case; its marks stay.", extra_tags=f"undo:{undo}")
    return redirect("standards:case", reference)


@require_POST
def restore(request: HttpRequest, applied_id: UUID) -> HttpResponse:
    reference = actions.restore_checklist(actor_of(request), applied_id)
    messages.success(request, "The checklist is back.")
    return redirect("standards:case", reference)


def move(request: HttpRequest, applied_id: UUID) -> HttpResponse:
    """What changes with the newest version; a POST moves the case to it."""
    actor, form = actor_of(request), VersionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = actions.move_checklist(actor, applied_id, form.cleaned_data["version"])
        undo = reverse("standards:move-back", args=[made])
        told = f"The case goes by version {form.cleaned_data['version']}."
        messages.success(request, told, extra_tags=f"undo:{undo}")
        return redirect("standards:case", queries.get_move(actor, made).frame.reference)
    found = queries.get_move(actor, applied_id)
    page = {"frame": found.frame, "found": found}
    return render(request, "standards/move.html", page, status=422 if form.errors else 200)


@require_POST
def move_back(request: HttpRequest, applied_id: UUID) -> HttpResponse:
    reference = actions.move_back(actor_of(request), applied_id)
    messages.success(request, "The case goes by the former version again.")
    return redirect("standards:case", reference)


@require_POST
def mark(request: HttpRequest, reference: str) -> HttpResponse:
    form = StepForm(request.POST)
    if not form.is_valid():
        raise ActRefused("Say of which step, and whether it is done, skipped, not applicable or open.")
    made = actions.mark_step(actor_of(request), reference, **form.cleaned_data)
    told = {"done": "The step is done.", "open": "The step is open again."}
    undo = reverse("standards:mark-undo", args=[made])
    messages.success(request, told.get(form.cleaned_data["state"], "The step is left out."), extra_tags=f"undo:{undo}")
    return redirect("standards:case", reference)


@require_POST
def undo_mark(request: HttpRequest, mark_id: UUID) -> HttpResponse:
    reference = actions.undo_mark(actor_of(request), mark_id)
    messages.success(request, "It is as it was before.")
    return redirect("standards:case", reference)


@require_POST
def set_band(request: HttpRequest, reference: str) -> HttpResponse:
    form = BandForm(request.POST)
    if not form.is_valid():
        raise ActRefused("A band is chosen, with a reason and the first information as a date and a time (UTC).")
    made = actions.set_band(actor_of(request), reference, **form.wanted())
    undo = reverse("standards:band-undo", args=[made])
    messages.success(request, "The clock runs.", extra_tags=f"undo:{undo}")
    return redirect("standards:case", reference)


@require_POST
def undo_band(request: HttpRequest, clock_id: UUID) -> HttpResponse:
    reference = actions.undo_band(actor_of(request), clock_id)
    messages.success(request, "The band is taken back.")
    return redirect("standards:case", reference)


@require_POST
def pause(request: HttpRequest, clock_id: UUID) -> HttpResponse:
    reference = actions.pause_clock(actor_of(request), clock_id, _reason(request))
    undo = reverse("standards:resume", args=[clock_id])
    messages.success(request, "The clock stands still.", extra_tags=f"undo:{undo}")
    return redirect("standards:case", reference)


@require_POST
def resume(request: HttpRequest, clock_id: UUID) -> HttpResponse:
    reference = actions.resume_clock(actor_of(request), clock_id)
    messages.success(request, "The clock runs on.")
    return redirect("standards:case", reference)


@require_POST
def meet(request: HttpRequest, clock_id: UUID) -> HttpResponse:
    reference = actions.meet_clock(actor_of(request), clock_id, _reason(request))
    undo = reverse("standards:reopen", args=[clock_id])
    messages.success(request, "The clock is stopped.", extra_tags=f"undo:{undo}")
    return redirect("standards:case", reference)


@require_POST
def reopen(request: HttpRequest, clock_id: UUID) -> HttpResponse:
    reference = actions.reopen_clock(actor_of(request), clock_id)
    messages.success(request, "The clock runs again.")
    return redirect("standards:case", reference)


def _reason(request: HttpRequest) -> str:
    form = ReasonForm(request.POST)
    return str(form.cleaned_data["reason"]) if form.is_valid() else ""


@require_GET
def notices(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    rows, page = queries.list_notices(actor, int_of(request, "page"))
    form = QuietHoursForm(initial=queries.get_quiet_hours(actor))
    return render(request, "standards/notices.html", {"notices": rows, "page": page, "form": form})


@require_GET
def notice(request: HttpRequest, notice_id: UUID) -> HttpResponse:
    """Where the link of a mail leads: the case, for the officer who was told."""
    return redirect("standards:case", queries.get_notice_case(actor_of(request), notice_id))


@require_POST
def see(request: HttpRequest, notice_id: UUID) -> HttpResponse:
    reference = actions.see_notice(actor_of(request), notice_id)
    undo = reverse("standards:unsee", args=[notice_id])
    messages.success(request, f"{reference}: taken note of.", extra_tags=f"undo:{undo}")
    return redirect("standards:notices")


@require_POST
def unsee(request: HttpRequest, notice_id: UUID) -> HttpResponse:
    actions.unsee_notice(actor_of(request), notice_id)
    messages.success(request, "It is new again.")
    return redirect("standards:notices")


@require_POST
def quiet(request: HttpRequest) -> HttpResponse:
    form = QuietHoursForm(request.POST)
    if not form.is_valid():
        raise ActRefused("Quiet hours are two times such as 22:00 and 06:00, and a zone.")
    actions.set_quiet_hours(actor_of(request), **form.cleaned_data)
    messages.success(request, "Kept. A threat to life is told at any time.")
    return redirect("standards:notices")
