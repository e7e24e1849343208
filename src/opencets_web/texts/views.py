"""Pages of visible text: actor, query or form, action, render."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from opencets_web.cases.views import int_of
from opencets_web.media.actions import shown_known
from opencets_web.policy.middleware import actor_of
from opencets_web.texts import actions, queries
from opencets_web.texts.forms import TextForm


@require_GET
def of_media(request: HttpRequest, media_id: UUID) -> HttpResponse:
    words = request.GET.get("q", "")[:300]
    page = queries.get_media_text(actor_of(request), media_id, words, shown=shown_known(request.session))
    return render(request, "texts/of_media.html", {"page": page, "frame": page.frame})


@require_GET
def of_case(request: HttpRequest, reference: str) -> HttpResponse:
    form = TextForm(request.GET)
    words, language = form.asked()
    page = queries.get_case_text(
        actor_of(request),
        reference,
        words,
        language,
        number=int_of(request, "page"),
        shown=shown_known(request.session),
    )
    return render(request, "texts/of_case.html", {"page": page, "frame": page.frame, "form": form})


@require_POST
def order(request: HttpRequest, reference: str) -> HttpResponse:
    actions.order_text(actor_of(request), reference)
    messages.success(request, "Its pictures are being read, those that come later too. You can leave the page.")
    return redirect("texts:of-case", reference)


@require_POST
def end(request: HttpRequest, reference: str) -> HttpResponse:
    actions.end_text(actor_of(request), reference)
    messages.success(request, "No further picture is read. What was read stays.")
    return redirect("texts:of-case", reference)
