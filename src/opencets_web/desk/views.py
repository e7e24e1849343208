"""The desk, a case's overview and search: actor, query or form, render."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from opencets_web.cases.forms import NumberForm
from opencets_web.cases.views import int_of
from opencets_web.desk import actions, queries, watching
from opencets_web.desk.forms import SearchForm, WatchForm
from opencets_web.desk.search import PARTS
from opencets_web.desk.search import search as search_everywhere
from opencets_web.media.actions import shown_known
from opencets_web.policy.middleware import actor_of


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "desk/home.html", {"desk": queries.get_desk(actor_of(request))})


@require_GET
def case(request: HttpRequest, reference: str) -> HttpResponse:
    actor = actor_of(request)
    overview = queries.get_overview(actor, reference)
    # A partner writes its own number first of all.
    number_form = NumberForm(initial={} if overview.frame.own_agency else {"partner": actor.agency_name})
    return render(
        request, "desk/case.html", {"frame": overview.frame, "overview": overview, "number_form": number_form}
    )


@require_GET
def search(request: HttpRequest) -> HttpResponse:
    form = SearchForm(request.GET)
    known = shown_known(request.session)
    found = search_everywhere(actor_of(request), form.asked(), number=int_of(request, "page"), shown=known)
    return render(request, "desk/search.html", {"found": found, "form": form, "parts": PARTS})


@require_GET
def watches(request: HttpRequest) -> HttpResponse:
    return render(request, "desk/watches.html", {"rows": watching.list_watches(actor_of(request))})


@require_GET
def watch(request: HttpRequest, watch_id: UUID) -> HttpResponse:
    found = watching.show_watch(actor_of(request), watch_id, int_of(request, "page"))
    return render(request, "desk/watch.html", {"found": found})


@require_POST
def make_watch(request: HttpRequest) -> HttpResponse:
    form = WatchForm(request.POST)
    ask = form.asked()
    made = actions.make_watch(actor_of(request), ask, str(form.cleaned_data.get("title", "")))
    messages.success(
        request,
        "You are told of what this finds from now on.",
        extra_tags=f"undo:{reverse('desk:watch-end', args=[made])}",
    )
    return redirect("desk:watches")


@require_POST
def pause_watch(request: HttpRequest, watch_id: UUID) -> HttpResponse:
    actions.pause_watch(actor_of(request), watch_id)
    messages.success(
        request, "The watch is paused.", extra_tags=f"undo:{reverse('desk:watch-resume', args=[watch_id])}"
    )
    return redirect("desk:watches")


@require_POST
def resume_watch(request: HttpRequest, watch_id: UUID) -> HttpResponse:
    actions.resume_watch(actor_of(request), watch_id)
    messages.success(request, "The watch runs again.")
    return redirect("desk:watches")


@require_POST
def end_watch(request: HttpRequest, watch_id: UUID) -> HttpResponse:
    actions.end_watch(actor_of(request), watch_id)
    messages.success(
        request, "The watch is ended.", extra_tags=f"undo:{reverse('desk:watch-restore', args=[watch_id])}"
    )
    return redirect("desk:watches")


@require_POST
def restore_watch(request: HttpRequest, watch_id: UUID) -> HttpResponse:
    actions.restore_watch(actor_of(request), watch_id)
    messages.success(request, "The watch is back.")
    return redirect("desk:watches")
