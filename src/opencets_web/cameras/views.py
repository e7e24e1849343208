"""Pages of cameras, times and places: actor, query or form, action, render."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from opencets.errors import ActRefused, NotFound
from opencets_web.cameras import actions, queries
from opencets_web.cameras.forms import FingerprintForm, ReasonForm, day
from opencets_web.policy.middleware import actor_of


@require_GET
def of_media(request: HttpRequest, media_id: UUID) -> HttpResponse:
    found = queries.get_camera(actor_of(request), media_id)
    return render(request, "cameras/of_media.html", {"found": found, "frame": found.frame})


@require_GET
def of_case(request: HttpRequest, reference: str) -> HttpResponse:
    found = queries.get_cameras(actor_of(request), reference)
    return render(request, "cameras/of_case.html", {"found": found, "frame": found.frame})


def new(request: HttpRequest, reference: str) -> HttpResponse:
    actor, form = actor_of(request), FingerprintForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            given = form.cleaned_data
            actions.ask_fingerprint(actor, reference, name=given["name"], chosen=form.chosen(), serial=given["serial"])
            messages.success(request, "The fingerprint is being made; then the pictures are compared with it.")
            return redirect("cameras:of-case", reference)
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    found = queries.get_new(
        actor, reference, serial=request.GET.get("serial", "")[:300], model=request.GET.get("model", "")[:300]
    )
    page = {"found": found, "frame": found.frame, "form": form, "kept": {str(one) for one in form.chosen()}}
    return render(request, "cameras/new.html", page, status=422 if form.errors else 200)


@require_POST
def withdraw(request: HttpRequest, fingerprint_id: UUID) -> HttpResponse:
    reference = actions.withdraw_fingerprint(actor_of(request), fingerprint_id)
    undo = reverse("cameras:restore", args=[fingerprint_id])
    messages.success(request, "The fingerprint is withdrawn; its matches are not shown.", extra_tags=f"undo:{undo}")
    return redirect("cameras:of-case", reference)


@require_POST
def restore(request: HttpRequest, fingerprint_id: UUID) -> HttpResponse:
    reference = actions.restore_fingerprint(actor_of(request), fingerprint_id)
    messages.success(request, "The fingerprint is in use again.")
    return redirect("cameras:of-case", reference)


@require_POST
def judge(request: HttpRequest, match_id: UUID) -> HttpResponse:
    actor, form = actor_of(request), ReasonForm(request.POST)
    if not form.is_valid():
        raise ActRefused("Say why: what else speaks for or against this camera.")
    same = form.cleaned_data["same"] == "yes"
    made = actions.judge_match(actor, match_id, same=same, reason=form.cleaned_data["reason"])
    undo = reverse("cameras:undo", args=[made])
    messages.success(request, "Same camera: kept." if same else "Another camera: kept.", extra_tags=f"undo:{undo}")
    return redirect("cameras:of-media", queries.media_of_match(actor, match_id))


@require_POST
def undo(request: HttpRequest, judgement_id: UUID) -> HttpResponse:
    media_id = actions.undo_judgement(actor_of(request), judgement_id)
    messages.success(request, "The judgement is undone; the match is open again.")
    return redirect("cameras:of-media", media_id)


@require_GET
def where_and_when(request: HttpRequest, reference: str) -> HttpResponse:
    since, until = day(request.GET.get("from", "")), day(request.GET.get("to", ""))
    given = request.GET.get("page", "")
    number = int(given) if given.isdecimal() and len(given) < 9 else 1
    found = queries.get_map(actor_of(request), reference, since=since, until=until, number=number)
    return render(request, "cameras/map.html", {"found": found, "frame": found.frame})


@require_GET
def points(request: HttpRequest, reference: str) -> JsonResponse:
    since, until = day(request.GET.get("from", "")), day(request.GET.get("to", ""))
    return JsonResponse(queries.list_points(actor_of(request), reference, since=since, until=until))
