"""Pages and posts of grading: actor, query or form, action, render."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from opencets.errors import ActRefused
from opencets_web.grading import actions, filters, queries
from opencets_web.grading.forms import ReleaseForm, RuleForm, ids_of, scheme_choices
from opencets_web.media.actions import shown_known
from opencets_web.media.forms import GalleryForm
from opencets_web.policy.middleware import actor_of


def _number(request: HttpRequest, name: str = "page") -> int | None:
    given = request.GET.get(name, "")
    return int(given) if given.isdecimal() and len(given) < 9 else None


def _back(request: HttpRequest, otherwise: str) -> HttpResponse:
    wanted = request.POST.get("next", "")
    return redirect(wanted if url_has_allowed_host_and_scheme(wanted, {request.get_host()}) else otherwise)


@require_GET
def of_case(request: HttpRequest, reference: str) -> HttpResponse:
    actor = actor_of(request)
    scheme = queries.scheme_of(actor, request.session)
    frame, found = queries.get_series(
        actor, reference, scheme, number=_number(request) or 1, only_waiting=request.GET.get("only") == "waiting",
        shown=shown_known(request.session),
    )  # fmt: skip
    return render(request, "grading/series.html", {"frame": frame, "found": found, "choices": scheme_choices()})


@require_GET
def work(request: HttpRequest, reference: str) -> HttpResponse:
    actor = actor_of(request)
    frame, found = queries.get_work(
        actor, reference, queries.scheme_of(actor, request.session),
        mode="second" if request.GET.get("mode") == "second" else "first", after=request.GET.get("after", "")[:40],
        series=_number(request, "series"), shown=shown_known(request.session),
    )  # fmt: skip
    return render(request, "grading/work.html", {"frame": frame, "found": found, "choices": scheme_choices()})


@require_GET
def bar(request: HttpRequest, reference: str) -> HttpResponse:
    """The grades of the officer's scheme as a bar below a gallery of the case; empty for who may only read."""
    actor = actor_of(request)
    if not queries.may_grade(actor, reference):
        return HttpResponse(status=204)
    scheme, back = queries.scheme_of(actor, request.session), reverse("media:gallery", args=[reference])
    return render(request, "grading/bar.html", {"scheme": scheme, "back": back, "choices": scheme_choices()})


@require_GET
def grade_filter(request: HttpRequest, reference: str) -> HttpResponse:
    """The grades of the officer's scheme as a filter of a case's gallery, each with its number of files."""
    actor = actor_of(request)
    scheme = queries.scheme_of(actor, request.session)
    found = filters.get_filter(actor, reference, GalleryForm(request.GET).wanted(), scheme)
    return render(request, "grading/filter.html", {"found": found})


@require_GET
def of_media(request: HttpRequest, media_id: UUID) -> HttpResponse:
    actor = actor_of(request)
    scheme = queries.scheme_of(actor, request.session)
    found = queries.get_of_media(actor, media_id, scheme, shown=shown_known(request.session))
    page = {"found": found, "frame": found.frame, "choices": scheme_choices()}
    return render(request, "grading/media.html", page)


@require_POST
def give_one(request: HttpRequest, media_id: UUID) -> HttpResponse:
    """A vote from the page of a file: on it alone, or on its whole group of near-duplicates."""
    actor, code = actor_of(request), request.POST.get("code", "")
    scheme, group = request.POST.get("scheme", ""), request.POST.get("whole") == "1"
    given = actions.give_grade(actor, media_id, scheme, code, uuid4().hex, whole_group=group)
    plural = "" if given.files == 1 else "s"
    undo = reverse("grading:undo", args=[given.act_id])
    messages.success(request, f"{given.files:,} file{plural} graded as {given.label}.", extra_tags=f"undo:{undo}")
    return redirect("grading:of-media", media_id)


@require_POST
def give(request: HttpRequest) -> HttpResponse:
    """One act of grading as the island sends it: ``{media, scheme, grade, client_id}``, or ``series`` and ``group`` for media."""
    given = _posted(request)
    actor, scheme, code = actor_of(request), str(given.get("scheme", "")), str(given.get("grade", ""))
    client_id, media = str(given.get("client_id", "")), ids_of(given.get("media", []))
    inherited = "inherited" if given.get("inherited") is True else ""
    if series := given.get("series"):
        group = given.get("group")
        group = group if isinstance(group, int) and not isinstance(group, bool) else None
        waiting = given.get("waiting") is True
        seen = str(given.get("seen", ""))
        done = actions.grade_series(
            actor, ids_of([series])[0], group, scheme, code, client_id, how=inherited, waiting=waiting, seen=seen
        )
    else:
        how = inherited or ("group" if len(media) > 1 else "single")
        done = actions.give_grades(actor, media, scheme, code, client_id, how=how)
    undo = reverse("grading:undo", args=[done.act_id])
    return JsonResponse({"act": str(done.act_id), "files": done.files, "label": done.label, "undo": undo})


def _posted(request: HttpRequest) -> dict[str, object]:
    try:
        given = json.loads(request.body)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise ActRefused("An act of grading is an object of JSON.")
    return given


@require_POST
def marks(request: HttpRequest) -> HttpResponse:
    """What the officer may know of the grades of these media, for the tiles of a gallery: ``{media}`` to ``{id: mark}``."""
    actor = actor_of(request)
    scheme = queries.scheme_of(actor, request.session)
    found = queries.list_marks(actor, ids_of(_posted(request).get("media", [])), scheme)
    told = {
        str(identity): {"state": mark.state, "words": mark.words, "tone": mark.tone, "mine": mark.mine}
        for identity, mark in found.items()
        if mark.state != "ungraded"
    }
    return JsonResponse({"scheme": scheme.name, "marks": told})


@require_POST
def choose_scheme(request: HttpRequest) -> HttpResponse:
    label = actions.choose_scheme(actor_of(request), request.session, request.POST.get("scheme", ""))
    messages.success(request, f"You grade in {label} until you sign out.")
    return _back(request, "/")


@require_POST
def undo(request: HttpRequest, act_id: UUID) -> HttpResponse:
    reference = actions.undo(actor_of(request), act_id)
    if "application/json" in request.headers.get("Accept", ""):
        return JsonResponse({"undone": str(act_id)})
    again = reverse("grading:redo", args=[act_id])
    messages.success(request, "The grading is taken back.", extra_tags=f"undo:{again}")
    return _back(request, reverse("grading:of-case", args=[reference]))


@require_POST
def redo(request: HttpRequest, act_id: UUID) -> HttpResponse:
    given = actions.redo(actor_of(request), act_id, uuid4().hex)
    undo_url = reverse("grading:undo", args=[given.act_id])
    messages.success(request, f"{given.files:,} graded again as {given.label}.", extra_tags=f"undo:{undo_url}")
    return _back(request, "/")


@require_GET
def disagreements(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    found = queries.list_disagreements(actor, number=_number(request) or 1, shown=shown_known(request.session))
    return render(request, "grading/disagreements.html", {"found": found})


@require_POST
def show_votes(request: HttpRequest, decision_id: UUID) -> HttpResponse:
    actions.show_votes(actor_of(request), decision_id)
    return redirect("grading:disagreements")


@require_POST
def settle(request: HttpRequest, decision_id: UUID) -> HttpResponse:
    actions.settle(actor_of(request), decision_id, request.POST.get("code", ""), request.POST.get("reason", ""))
    undo = reverse("grading:reopen", args=[decision_id])
    messages.success(request, "It is settled.", extra_tags=f"undo:{undo}")
    return redirect("grading:disagreements")


@require_POST
def reopen(request: HttpRequest, decision_id: UUID) -> HttpResponse:
    actions.reopen(actor_of(request), decision_id)
    messages.success(request, "The settlement is taken back; the votes count as before.")
    return redirect("grading:disagreements")


@require_POST
def open_round(request: HttpRequest, decision_id: UUID) -> HttpResponse:
    actions.open_round(actor_of(request), decision_id)
    undo = reverse("grading:close-round", args=[decision_id])
    messages.success(request, "Everybody votes on it anew.", extra_tags=f"undo:{undo}")
    return redirect("grading:disagreements")


@require_POST
def close_round(request: HttpRequest, decision_id: UUID) -> HttpResponse:
    actions.close_round(actor_of(request), decision_id)
    messages.success(request, "The new round is taken back.")
    return redirect("grading:disagreements")


@require_GET
def entries(request: HttpRequest) -> HttpResponse:
    found = queries.list_entries(actor_of(request), number=_number(request) or 1)
    return render(request, "grading/entries.html", {"found": found})


@require_POST
def release(request: HttpRequest) -> HttpResponse:
    actor, form = actor_of(request), ReleaseForm(request.POST)
    if not form.is_valid():
        raise ActRefused("Choose files, and say on which legal basis they leave.")
    clean = form.cleaned_data
    done = actions.release_entries(
        actor, clean["decisions"], clean["authority"], conditions_kept=clean["conditions_kept"]
    )
    messages.success(request, f"{done:,} entr{'y' if done == 1 else 'ies'} released; an export holds them from now on.")
    return redirect("grading:entries")


@require_POST
def export(request: HttpRequest) -> HttpResponse:
    made = actions.export_entries(actor_of(request), request.POST.get("scheme", ""), request.POST.get("form", ""))
    headers = {"Content-Disposition": f'attachment; filename="{made.name}"'}
    return HttpResponse(made.content, content_type=made.media_type, headers=headers)


@require_POST
def withdraw(request: HttpRequest, entry_id: UUID) -> HttpResponse:
    actions.withdraw_entry(actor_of(request), entry_id, request.POST.get("because", ""))
    undo = reverse("grading:entry-restore", args=[entry_id])
    messages.success(request, "The entry is withdrawn; the next export leaves it out.", extra_tags=f"undo:{undo}")
    return redirect("grading:entries")


@require_POST
def restore(request: HttpRequest, entry_id: UUID) -> HttpResponse:
    actions.restore_entry(actor_of(request), entry_id)
    messages.success(request, "The entry stands on the list again.")
    return redirect("grading:entries")


@require_POST
def rule(request: HttpRequest) -> HttpResponse:
    form = RuleForm(request.POST)
    if not form.is_valid():
        raise ActRefused("An entry needs between 1 and 9 votes, and a scheme that people grade in.")
    actions.change_rule(actor_of(request), form.cleaned_data["votes"], form.cleaned_data["scheme"])
    messages.success(request, "What your agency demands of its grades is changed.")
    return redirect("grading:entries")
