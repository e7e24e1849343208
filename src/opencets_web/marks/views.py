"""Pages of marks: actor, query or form, action, render."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from opencets_web.marks import actions, queries
from opencets_web.marks.forms import RegionForm
from opencets_web.media.actions import shown_known
from opencets_web.media.serving import disposition, small_picture
from opencets_web.policy.middleware import actor_of


def of_media(request: HttpRequest, media_id: UUID) -> HttpResponse:
    actor, shown = actor_of(request), shown_known(request.session)
    page = queries.get_media_marks(actor, media_id, shown=shown, large=request.GET.get("show") == "original")
    form = RegionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return redirect("marks:show", actions.mark_region(actor, media_id, **form.given()))
    status = 422 if form.errors else 200
    return render(request, "marks/of_media.html", {"page": page, "frame": page.frame, "form": form}, status=status)


@require_GET
def of_case(request: HttpRequest, reference: str) -> HttpResponse:
    page = queries.list_case_marks(actor_of(request), reference, shown=shown_known(request.session))
    return render(request, "marks/of_case.html", {"page": page, "frame": page.frame})


@require_GET
def show(request: HttpRequest, mark_id: UUID) -> HttpResponse:
    page = queries.get_mark(actor_of(request), mark_id, shown=shown_known(request.session))
    return render(request, "marks/show.html", {"page": page, "frame": page.frame})


@require_GET
def crop(request: HttpRequest, mark_id: UUID) -> HttpResponseBase:
    return small_picture(*queries.open_crop(actor_of(request), mark_id, shown=shown_known(request.session)))


@require_POST
def judge(request: HttpRequest, match_id: UUID) -> HttpResponse:
    verdict = request.POST.get("verdict", "")
    mark_id = actions.judge(actor_of(request), match_id, verdict, request.POST.get("reason", ""))
    undo = reverse("marks:undo", args=[match_id])
    messages.success(request, "Confirmed." if verdict == "same" else "Rejected.", extra_tags=f"undo:{undo}")
    return redirect("marks:show", mark_id)


@require_POST
def undo(request: HttpRequest, match_id: UUID) -> HttpResponse:
    mark_id = actions.undo_judgement(actor_of(request), match_id)
    messages.success(request, "Undone; the place is a suggestion again.")
    return redirect("marks:show", mark_id)


@require_POST
def hand_out(request: HttpRequest, mark_id: UUID) -> HttpResponse:
    purpose, shown = request.POST.get("purpose", ""), shown_known(request.session)
    name, content = actions.hand_out(actor_of(request), mark_id, purpose, shown=shown)
    answer = HttpResponse(content, content_type="image/jpeg")
    answer.headers["Content-Disposition"] = disposition(name, inline=False)
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@require_POST
def withdraw(request: HttpRequest, mark_id: UUID) -> HttpResponse:
    mark = actions.withdraw(actor_of(request), mark_id)
    undo_url = reverse("marks:restore", args=[mark_id])
    messages.success(request, f"{mark.name} is withdrawn.", extra_tags=f"undo:{undo_url}")
    return redirect("marks:of-case", mark.case.reference)


@require_POST
def restore(request: HttpRequest, mark_id: UUID) -> HttpResponse:
    mark = actions.restore(actor_of(request), mark_id)
    messages.success(request, f"{mark.name} is in use again and is sought in what came meanwhile.")
    return redirect("marks:show", mark_id)
