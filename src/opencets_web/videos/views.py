"""Pages of shared footage: actor, query or form, action, render."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from opencets_web.media.actions import shown_known
from opencets_web.policy.middleware import actor_of
from opencets_web.videos import actions, queries


@require_GET
def of_media(request: HttpRequest, media_id: UUID) -> HttpResponse:
    found = queries.get_footage(actor_of(request), media_id, shown=shown_known(request.session))
    return render(request, "videos/footage.html", {"found": found, "frame": found.frame})


@require_POST
def confirm(request: HttpRequest, footage_id: UUID) -> HttpResponse:
    footage = actions.confirm(actor_of(request), footage_id)
    return _back(request, footage.left_id, "Confirmed: the two videos share this footage.", footage_id)


@require_POST
def reject(request: HttpRequest, footage_id: UUID) -> HttpResponse:
    footage = actions.reject(actor_of(request), footage_id)
    return _back(
        request, footage.left_id, "Rejected: it stays, struck through, and is not suggested again.", footage_id
    )


@require_POST
def reopen(request: HttpRequest, footage_id: UUID) -> HttpResponse:
    footage = actions.reopen(actor_of(request), footage_id)
    return _back(request, footage.left_id, "Taken back: it is a suggestion again.")


def _back(request: HttpRequest, media_id: UUID, said: str, undo: UUID | None = None) -> HttpResponse:
    tags = f"undo:{reverse('videos:reopen', args=[undo])}" if undo else ""
    messages.success(request, said, extra_tags=tags)
    back = request.headers.get("Referer", "")
    if url_has_allowed_host_and_scheme(back, {request.get_host()}) and back.endswith("/footage/"):
        return redirect(back)
    return redirect("videos:of-media", media_id)
