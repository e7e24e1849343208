"""Pages of evidence: actor, query or form, action, render."""

from __future__ import annotations

import json
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from opencets.errors import ActRefused, NotFound
from opencets_web.cases.views import int_of
from opencets_web.casework.forms import CommentForm
from opencets_web.evidence import actions, queries
from opencets_web.evidence.forms import ColumnsForm, MessagesForm
from opencets_web.policy.middleware import actor_of


@require_GET
def exhibits(request: HttpRequest, reference: str) -> HttpResponse:
    page = queries.list_exhibits(actor_of(request), reference)
    return render(request, "evidence/exhibits.html", {"frame": page.frame, "rows": page.rows})


@require_POST
def begin(request: HttpRequest, reference: str) -> JsonResponse:
    asked = _json(request)
    exhibit_id = actions.begin_exhibit(
        actor_of(request),
        reference,
        title=str(asked.get("title") or asked.get("name") or "Dropped files"),
        files_expected=_count(asked.get("files")),
        bytes_expected=_count(asked.get("bytes")),
    )
    return JsonResponse({"exhibit": str(exhibit_id), "batch": str(exhibit_id)})


@require_POST
def complete(request: HttpRequest, reference: str) -> JsonResponse:
    exhibit_id = _exhibit_of(_json(request))
    actions.complete_exhibit(actor_of(request), exhibit_id)
    return JsonResponse({"url": reverse("evidence:report", args=[exhibit_id])})


def _json(request: HttpRequest) -> dict[str, object]:
    try:
        given = json.loads(request.body or b"{}")
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise ActRefused("The request is not a JSON object; load the page again.")
    return given


def _count(given: object) -> int:
    return given if isinstance(given, int) and 0 <= given < 1 << 50 else 0


def _exhibit_of(asked: dict[str, object]) -> UUID:
    try:
        return UUID(str(asked.get("exhibit") or asked.get("batch")))
    except ValueError:
        raise ActRefused("The request names no exhibit; load the page again.") from None


@require_GET
def report(request: HttpRequest, exhibit_id: UUID) -> HttpResponse:
    only_skipped = request.GET.get("only") == "skipped"
    page = queries.get_report(actor_of(request), exhibit_id, number=int_of(request, "page"), only_skipped=only_skipped)
    shown = {"frame": page.frame, "report": page, "only_skipped": only_skipped, "comment_form": CommentForm()}
    return render(request, "evidence/report.html", shown)


@require_POST
def comment(request: HttpRequest, exhibit_id: UUID) -> HttpResponse:
    actor, form = actor_of(request), CommentForm(request.POST)
    if form.is_valid():
        try:
            made = actions.comment_on_exhibit(
                actor, exhibit_id, form.cleaned_data["text"], also=form.cleaned_data["also"]
            )
            undo = reverse("casework:comment-withdraw", args=[made])
            messages.success(request, "The comment is kept.", extra_tags=f"undo:{undo}")
            return redirect("evidence:report", exhibit_id)
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error("also", refusal.sentence)
    page = queries.get_report(actor, exhibit_id)
    shown = {"frame": page.frame, "report": page, "only_skipped": False, "comment_form": form}
    return render(request, "evidence/report.html", shown, status=422)


@require_GET
def progress(request: HttpRequest, exhibit_id: UUID) -> HttpResponse:
    row, reference = queries.get_progress(actor_of(request), exhibit_id)
    return render(request, "evidence/progress.html", {"row": row, "reference": reference})


@require_POST
def finish(request: HttpRequest, exhibit_id: UUID) -> HttpResponse:
    actions.complete_exhibit(actor_of(request), exhibit_id)
    messages.success(request, "The readers have the exhibit, with the files that arrived.")
    return redirect("evidence:report", exhibit_id)


@require_POST
def cancel(request: HttpRequest, exhibit_id: UUID) -> HttpResponse:
    reference = actions.cancel_exhibit(actor_of(request), exhibit_id)
    undo = reverse("evidence:resume", args=[exhibit_id])
    messages.success(request, "Receiving has stopped; what arrived stays in custody.", extra_tags=f"undo:{undo}")
    return redirect("evidence:exhibits", reference)


@require_POST
def resume(request: HttpRequest, exhibit_id: UUID) -> HttpResponse:
    reference = actions.resume_exhibit(actor_of(request), exhibit_id)
    messages.success(request, "The exhibit receives again.")
    return redirect("evidence:exhibits", reference)


def columns(request: HttpRequest, file_id: UUID) -> HttpResponse:
    page = queries.get_columns(actor_of(request), file_id)
    form = ColumnsForm(page, request.POST or None)
    if request.method == "POST" and form.is_valid():
        exhibit_id = actions.correct_file(actor_of(request), file_id, form.options(page))
        messages.success(request, "The table is being read again; what was read before is retired, not lost.")
        return redirect("evidence:report", exhibit_id)
    return render(request, "evidence/columns.html", {"frame": page.frame, "columns": page, "form": form})


@require_GET
def message_list(request: HttpRequest, reference: str) -> HttpResponse:
    form = MessagesForm(request.GET)
    page = queries.list_messages(actor_of(request), reference, number=int_of(request, "page"), **form.wanted())
    return render(request, "evidence/messages.html", {"frame": page.frame, "found": page, "form": form})
