"""Pages of patterns and paths: actor, query or form, action, render."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from opencets_web.cases.queries import get_frame
from opencets_web.patterns import between, queries
from opencets_web.patterns.forms import PathsForm
from opencets_web.policy.middleware import actor_of


@require_GET
def case(request: HttpRequest, reference: str) -> HttpResponse:
    frame = get_frame(actor_of(request), reference, "patterns:case")
    found = queries.get_patterns(actor_of(request), frame)
    return render(request, "patterns/case.html", {"frame": frame, "found": found})


@require_GET
def paths(request: HttpRequest, record_id: UUID) -> HttpResponse:
    form = PathsForm(request.GET)
    words, to = form.wanted()
    found = between.get_paths(actor_of(request), record_id, words=words, to=to)
    return render(request, "patterns/paths.html", {"found": found, "form": form})
