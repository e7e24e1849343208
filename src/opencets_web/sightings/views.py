"""Pages of sightings: actor, query or form, action, render."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from opencets.errors import ActRefused, NotFound
from opencets_web.cases.views import int_of
from opencets_web.policy.middleware import actor_of
from opencets_web.sightings import actions, figures, lead_pages, leads, maps, queries, sensor_pages, sensors
from opencets_web.sightings.forms import (
    FileForm,
    ListForm,
    MapForm,
    QueueForm,
    RenewForm,
    SeekForm,
    SensorForm,
    SetForm,
    SightForm,
    VisitForm,
)
from opencets_web.sightings.sight import open_to

LARGEST_UPLOAD = 200_000_000


@require_GET
def list_computers(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = ListForm(request.GET, open_to(actor))
    found = queries.get_ranking(actor, form.wanted(), int_of(request, "page"))
    return render(request, "sightings/list.html", {"found": found, "form": form})


@require_GET
def computer(request: HttpRequest, identity: str) -> HttpResponse:
    actor = actor_of(request)
    found = queries.get_computer(actor, identity)
    page = {
        "found": found,
        "lead": lead_pages.get_lead(actor, [found.identity, *found.identities]),
        "visit": VisitForm(),
    }
    return render(request, "sightings/computer.html", page)


@require_POST
def open_lead(request: HttpRequest, identity: str) -> HttpResponse:
    leads.open_lead(actor_of(request), identity)
    messages.success(request, "Your agency follows this computer.")
    return redirect("sightings:computer", identity.replace("-", "").lower())


@require_GET
def list_leads(request: HttpRequest) -> HttpResponse:
    code, state = request.GET.get("jurisdiction", "")[:40], request.GET.get("state", "open")[:10]
    found = lead_pages.get_queue(actor_of(request), jurisdiction=code, state=state, number=int_of(request, "page"))
    form = QueueForm(request.GET, [(node.code, node.indented) for node in found.nodes])
    return render(request, "sightings/leads.html", {"found": found, "form": form})


@require_POST
def assign_lead(request: HttpRequest, lead_id: UUID) -> HttpResponse:
    given = request.POST.get("officer", "")
    identity = leads.assign_lead(actor_of(request), lead_id, id_of(given) if given else None)
    messages.success(request, "The lead is given.")
    return redirect("sightings:computer", identity)


def id_of(text: str) -> UUID:
    """An id of a form. NotFound for what is none."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None


@require_POST
def take_into_case(request: HttpRequest, lead_id: UUID) -> HttpResponse:
    given = request.POST.get("reference", "")[:60]
    identity = leads.take_into_case(actor_of(request), lead_id, given, declare=bool(request.POST.get("declare")))
    messages.success(request, f"Its sightings are an exhibit of {given} and are read now.")
    return redirect("sightings:computer", identity)


@require_POST
def record_visit(request: HttpRequest, lead_id: UUID) -> HttpResponse:
    form = VisitForm(request.POST)
    if not form.is_valid():
        raise ActRefused("Say when the line was visited, as 2026-01-31 08:30.")
    identity = leads.record_visit(actor_of(request), lead_id, form.cleaned_data["at"])
    messages.success(request, "From now on it is told when this computer is seen after the visit.")
    return redirect("sightings:computer", identity)


@require_POST
def end_lead(request: HttpRequest, lead_id: UUID) -> HttpResponse:
    identity = leads.end_lead(actor_of(request), lead_id, request.POST.get("outcome", ""), request.POST.get("said", ""))
    undo = reverse("sightings:lead-reopen", args=[lead_id])
    messages.success(request, "What became of it is kept.", extra_tags=f"undo:{undo}")
    return redirect("sightings:computer", identity)


@require_POST
def reopen_lead(request: HttpRequest, lead_id: UUID) -> HttpResponse:
    identity = leads.reopen_lead(actor_of(request), lead_id)
    messages.success(request, "The lead is open again.")
    return redirect("sightings:computer", identity)


@require_GET
def show_map(request: HttpRequest) -> HttpResponse:
    found = maps.get_map(actor_of(request), MapForm(request.GET).wanted())
    form = MapForm(request.GET, most_back=found.most_back)
    return render(request, "sightings/map.html", {"found": found, "form": form})


@require_GET
def statistics(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = ListForm(request.GET, open_to(actor), timed=False)
    return render(
        request, "sightings/statistics.html", {"found": figures.get_figures(actor, form.wanted()), "form": form}
    )


@require_GET
def statistics_picture(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    drawn = figures.picture(actor, ListForm(request.GET, open_to(actor), timed=False).wanted())
    return _download(drawn, "application/xml", "computers-by-month.svg")


@require_GET
def statistics_table(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    rows = figures.table(actor, ListForm(request.GET, open_to(actor), timed=False).wanted())
    return _download(rows, "text/csv; charset=utf-8", "computers-by-month.csv")


def _download(content: str, media_type: str, name: str) -> HttpResponse:
    return HttpResponse(
        content, content_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


@require_GET
def jurisdictions(request: HttpRequest) -> HttpResponse:
    found = queries.get_jurisdictions(actor_of(request))
    form = SightForm(None, [(node.code, node.indented) for node in found.open_nodes], found.agencies)
    return render(request, "sightings/jurisdictions.html", {"found": found, "form": form})


@require_POST
def grant(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    found = queries.get_jurisdictions(actor)
    form = SightForm(request.POST, [(node.code, node.indented) for node in found.open_nodes], found.agencies)
    if form.is_valid():
        given = form.cleaned_data
        try:
            made = actions.grant_sight(actor, given["jurisdiction"], given["agency"], given["purpose"], given["days"])
            undo = reverse("sightings:sight-withdraw", args=[made])
            messages.success(request, "They see its computers from now on.", extra_tags=f"undo:{undo}")
            return redirect("sightings:jurisdictions")
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    return render(request, "sightings/jurisdictions.html", {"found": found, "form": form}, status=422)


@require_POST
def withdraw_sight(request: HttpRequest, sight_id: UUID) -> HttpResponse:
    name = actions.set_sight_withdrawn(actor_of(request), sight_id, withdrawn=True)
    undo = reverse("sightings:sight-restore", args=[sight_id])
    messages.success(request, f"{name} sees them no more.", extra_tags=f"undo:{undo}")
    return redirect("sightings:jurisdictions")


@require_POST
def restore_sight(request: HttpRequest, sight_id: UUID) -> HttpResponse:
    name = actions.set_sight_withdrawn(actor_of(request), sight_id, withdrawn=False)
    messages.success(request, f"{name} sees them again, until the day that was set.")
    return redirect("sightings:jurisdictions")


def received(request: HttpRequest) -> HttpResponse:
    """The files of sightings; a POST hands one in."""
    actor = actor_of(request)
    form = FileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            if given["file"].size > LARGEST_UPLOAD:
                raise ActRefused("It is larger than 200 MB: send it through the API in chunks, or split it by day.")
            actions.receive_file(
                actor, given["file"].file, name=given["file"].name, sensor=given["sensor"], authority=given["authority"],
                zone=given["zone"],
            )  # fmt: skip
            messages.success(request, f"{given['file'].name} is kept; it is loaded now.")
            return redirect("sightings:received")
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    found = queries.list_received(actor, int_of(request, "page"))
    page = {"found": found, "form": form, "may": actions.may_hand_in(actor)}
    return render(request, "sightings/received.html", page, status=422 if form.errors else 200)


def list_sensors(request: HttpRequest) -> HttpResponse:
    """The sensors of the agency; a POST registers one."""
    actor = actor_of(request)
    form = SensorForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = sensors.register_sensor(actor, **form.cleaned_data)
            undo = reverse("sightings:sensor-withdraw", args=[made])
            messages.success(
                request, f"{form.cleaned_data['name']} may deliver from now on.", extra_tags=f"undo:{undo}"
            )
            return redirect("sightings:sensors")
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    found = sensor_pages.get_sensors(actor)
    renewals = [
        RenewForm(
            initial={"authority": row.authority, "purpose": row.purpose, "expires_on": row.expires_on},
            auto_id=f"renew-{row.id}-%s",
        )
        for row in found.rows
    ]
    page = {"found": found, "rows": list(zip(found.rows, renewals, strict=True)), "form": form}
    return render(request, "sightings/sensors.html", page, status=422 if form.errors else 200)


@require_POST
def renew_sensor(request: HttpRequest, sensor_id: UUID) -> HttpResponse:
    form = RenewForm(request.POST)
    given = form.cleaned_data if form.is_valid() else {}
    if not given:
        raise ActRefused("Say by which order or law the sensor observes, for which purpose, and until which day.")
    name = sensors.renew_sensor(actor_of(request), sensor_id, **given)
    messages.success(request, f"{name} may deliver until {given['expires_on']}.")
    return redirect("sightings:sensors")


@require_POST
def withdraw_sensor(request: HttpRequest, sensor_id: UUID) -> HttpResponse:
    name = sensors.withdraw_sensor(actor_of(request), sensor_id)
    undo = reverse("sightings:sensor-restore", args=[sensor_id])
    messages.success(request, f"Nothing is taken from {name} any more.", extra_tags=f"undo:{undo}")
    return redirect("sightings:sensors")


@require_POST
def restore_sensor(request: HttpRequest, sensor_id: UUID) -> HttpResponse:
    name = sensors.restore_sensor(actor_of(request), sensor_id)
    messages.success(request, f"{name} may deliver again, until the day that was set.")
    return redirect("sightings:sensors")


def sets(request: HttpRequest) -> HttpResponse:
    """The sets of known files; a POST hands one in."""
    actor = actor_of(request)
    form = SetForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            made = actions.import_file_set(
                actor, given["file"].file, name=given["name"], authority=given["authority"], expires_on=given["expires_on"],
                version=given["version"],
            )  # fmt: skip
            undo = reverse("sightings:set-withdraw", args=[made])
            messages.success(request, f"{given['name']} is in use.", extra_tags=f"undo:{undo}")
            return redirect("sightings:sets")
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    page = {
        "rows": queries.list_sets(actor), "form": form, "may": actions.may_hand_in(actor), "tabs": queries.tabs("sets"),
        "seek": SeekForm(),
    }  # fmt: skip
    return render(request, "sightings/sets.html", page, status=422 if form.errors else 200)


@require_POST
def withdraw_set(request: HttpRequest, set_id: UUID) -> HttpResponse:
    name = actions.set_file_set_withdrawn(actor_of(request), set_id, withdrawn=True)
    undo = reverse("sightings:set-restore", args=[set_id])
    messages.success(request, f"{name} is out of use.", extra_tags=f"undo:{undo}")
    return redirect("sightings:sets")


@require_POST
def restore_set(request: HttpRequest, set_id: UUID) -> HttpResponse:
    name = actions.set_file_set_withdrawn(actor_of(request), set_id, withdrawn=False)
    messages.success(request, f"{name} is in use again.")
    return redirect("sightings:sets")


def seek(request: HttpRequest) -> HttpResponse:
    """Where a known file is offered: asked by POST with a purpose, so that no address answers it by itself."""
    actor = actor_of(request)
    form = SeekForm(request.POST or None, initial={"digest": request.GET.get("file", "")[:70]})
    found = None
    if request.method == "POST" and form.is_valid():
        try:
            found = queries.seek_file(actor, form.cleaned_data["digest"], form.cleaned_data["purpose"])
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    elif request.method != "POST":
        open_to(actor)
    page = {"form": form, "found": found, "tabs": queries.tabs("sets")}
    return render(request, "sightings/seek.html", page, status=422 if form.errors else 200)
