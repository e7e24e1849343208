"""Pages of supervision: actor, query or form, action, render."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from opencets.errors import ActRefused, NotFound
from opencets_web.cases.views import int_of
from opencets_web.media.serving import small_picture
from opencets_web.policy.actor import Actor
from opencets_web.policy.middleware import actor_of
from opencets_web.supervision import actions, caring, known_lists, person_pages, queries, reporting, reviewing
from opencets_web.supervision import libraries as phrase_libraries
from opencets_web.supervision.forms import (
    AppointmentForm,
    ConditionForm,
    ContactForm,
    DeviceForm,
    KnownListForm,
    LibraryForm,
    OrderForm,
    PersonForm,
    QueueForm,
    SampleForm,
)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise NotFound from None


def _file(request: HttpRequest) -> Any:
    given = request.FILES.get("file")
    if given is None:
        raise ActRefused("Choose a file first.")
    return given


def _section(reference: str, section: str) -> HttpResponse:
    return redirect(f"supervision:person-{section}", reference)


def _download(content: bytes, media_type: str, name: str) -> HttpResponse:
    return HttpResponse(
        content, content_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


# --- Hits -------------------------------------------------------------------------------------------------------------


@require_GET
def queue(request: HttpRequest) -> HttpResponse:
    form = QueueForm(request.GET)
    found = queries.get_queue(actor_of(request), **form.wanted(), number=int_of(request, "page"))
    return render(request, "supervision/queue.html", {"found": found, "form": form})


@require_GET
def hit(request: HttpRequest, hit_id: UUID) -> HttpResponse:
    return render(request, "supervision/hit.html", {"hit": queries.get_hit(actor_of(request), hit_id)})


@require_POST
def review(request: HttpRequest, hit_id: UUID) -> HttpResponse:
    actor, given, graded = actor_of(request), request.POST.get("verdict", ""), request.POST.get("severity", "")
    severity = int(graded) if graded in ("1", "2", "3", "4", "5") else None
    made = reviewing.review_hit(
        actor, hit_id, given or ("watch" if severity else ""), severity, request.POST.get("words", "")
    )
    messages.success(request, "Reviewed.", extra_tags=f"undo:{reverse('supervision:review-undo', args=[made])}")
    return redirect(queries.next_after(actor, hit_id))


@require_POST
def undo_review(request: HttpRequest, review_id: UUID) -> HttpResponse:
    found = reviewing.undo_review(actor_of(request), review_id)
    messages.success(request, "The review is taken back.")
    return redirect("supervision:hit", found)


@require_POST
def keep(request: HttpRequest, hit_id: UUID) -> HttpResponse:
    kept = request.POST.get("kept") == "1"
    reviewing.keep_hit(actor_of(request), hit_id, kept=kept)
    messages.success(request, "It is kept beyond its days." if kept else "It is deleted by its condition's days again.")
    return redirect("supervision:hit", hit_id)


@require_GET
def screenshot(request: HttpRequest, hit_id: UUID) -> HttpResponseBase:
    picture = reviewing.show_screenshot(actor_of(request), hit_id)
    return small_picture(io.BytesIO(picture), len(picture))


@require_POST
def answer_fault(request: HttpRequest, fault_id: UUID) -> HttpResponse:
    made = reviewing.answer_fault(actor_of(request), fault_id, request.POST.get("answer", ""))
    undo = reverse("supervision:fault-reopen", args=[made])
    messages.success(request, "Your answer is kept.", extra_tags=f"undo:{undo}")
    return redirect(_back(request))


@require_POST
def reopen_fault(request: HttpRequest, fault_id: UUID) -> HttpResponse:
    reviewing.reopen_fault(actor_of(request), fault_id)
    messages.success(request, "The answer is taken back.")
    return redirect(_back(request))


def _back(request: HttpRequest) -> str:
    given = request.POST.get("next", "")
    return given if given.startswith("/supervision/") else reverse("supervision:queue")


# --- People -----------------------------------------------------------------------------------------------------------


@require_GET
def people(request: HttpRequest) -> HttpResponse:
    return render(request, "supervision/people.html", {"found": person_pages.list_people(actor_of(request))})


@require_http_methods(["GET", "POST"])
def new_person(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    queries.require_reader(actor)
    form = PersonForm(request.POST or None, queries.colleagues(actor))
    if request.method == "POST" and form.is_valid():
        return redirect("supervision:person", actions.open_person(actor, **form.wanted()))
    page = {"form": form, "tabs": queries.tabs("people"), "may": actions.may_supervise(actor)}
    return render(request, "supervision/new_person.html", page, status=422 if form.errors else 200)


@require_GET
def person(request: HttpRequest, reference: str, section: str = "now") -> HttpResponse:
    found = person_pages.get_person(actor_of(request), reference, section)
    page = {"found": found, "device": DeviceForm(), "appointment": AppointmentForm(), "contact": ContactForm()}
    return render(request, "supervision/person.html", page)


@require_GET
def week(request: HttpRequest, reference: str) -> HttpResponse:
    content, name = reporting.week_paper(actor_of(request), reference)
    return _download(content, "application/pdf", name)


@require_GET
def told(request: HttpRequest, reference: str) -> HttpResponse:
    content, name = reporting.told_paper(actor_of(request), reference)
    return _download(content, "application/pdf", name)


@require_POST
def enrol(request: HttpRequest, reference: str) -> HttpResponse:
    actions.person_for(actor_of(request), reference)
    given = _file(request).read(actions.LARGEST_REQUEST + 1)
    actions.enrol_device(actor_of(request), reference, given, name=request.POST.get("name", ""))
    messages.success(request, "The device is enrolled. Draft its order now.")
    return _section(reference, "orders")


@require_POST
def hand_over(request: HttpRequest, reference: str) -> HttpResponse:
    actor, officer = actor_of(request), _id(request.POST.get("officer", ""))
    actions.person_for(actor, reference, "manage")
    if officer is None:
        raise ActRefused("Choose a colleague.")
    actions.hand_over(actor, reference, officer, request.POST.get("because", ""))
    messages.success(request, f"{reference} is handed over.")
    return redirect("supervision:people")


@require_POST
def reviewer(request: HttpRequest, reference: str) -> HttpResponse:
    actions.name_reviewer(actor_of(request), reference, _id(request.POST.get("officer", "")))
    messages.success(request, "The first reviewer is named.")
    return redirect("supervision:person", reference)


@require_POST
def breach(request: HttpRequest, reference: str) -> HttpResponse:
    given = request.POST.get("condition", "")[:20], request.POST.get("purpose", "")
    content, name = reporting.breach_report(actor_of(request), reference, *given)
    return _download(content, "application/zip", name)


# --- Care -------------------------------------------------------------------------------------------------------------


@require_POST
def appointment(request: HttpRequest, reference: str) -> HttpResponse:
    refused = "Say what it is and when it is due, as 2026-01-31 08:30."
    return _entered(request, reference, AppointmentForm(request.POST), caring.agree, refused)


@require_POST
def contact(request: HttpRequest, reference: str) -> HttpResponse:
    return _entered(request, reference, ContactForm(request.POST), caring.enter_contact, "Say who it is.")


def _entered(
    request: HttpRequest, reference: str, form: AppointmentForm | ContactForm, act: Callable[..., UUID], refused: str
) -> HttpResponse:
    """Do what a form of care asks for. ActRefused with ``refused``: it is not filled in."""
    actor = actor_of(request)
    actions.person_for(actor, reference)
    if not form.is_valid():
        raise ActRefused(refused)
    act(actor, reference, **form.cleaned_data)
    return _section(reference, "care")


@require_POST
def settle(request: HttpRequest, row_id: UUID, act: str) -> HttpResponse:
    reference = caring.settle(actor_of(request), row_id, act, request.POST.get("outcome", ""))
    _undo(request, act, "open", reverse("supervision:appointment-open", args=[row_id]))
    return _section(reference, "care")


@require_POST
def end_contact(request: HttpRequest, row_id: UUID, act: str) -> HttpResponse:
    reference = caring.end_contact(actor_of(request), row_id, ended=act == "end")
    _undo(request, act, "restore", reverse("supervision:contact-restore", args=[row_id]))
    return _section(reference, "care")


@require_POST
def goal(request: HttpRequest, reference: str) -> HttpResponse:
    caring.agree_goal(actor_of(request), reference, request.POST.get("words", ""))
    return _section(reference, "care")


@require_POST
def settle_goal(request: HttpRequest, row_id: UUID, act: str) -> HttpResponse:
    reference = caring.settle_goal(actor_of(request), row_id, act)
    _undo(request, act, "open", reverse("supervision:goal-open", args=[row_id]))
    return _section(reference, "care")


@require_POST
def assess(request: HttpRequest, reference: str) -> HttpResponse:
    caring.assess(actor_of(request), reference, request.POST.get("instrument", ""), request.POST.dict())
    messages.success(request, "The instrument is filled in. It adds up; you decide.")
    return _section(reference, "care")


@require_POST
def withdraw_assessment(request: HttpRequest, row_id: UUID, act: str) -> HttpResponse:
    reference = caring.withdraw_assessment(actor_of(request), row_id, withdrawn=act == "withdraw")
    _undo(request, act, "restore", reverse("supervision:assessment-restore", args=[row_id]))
    return _section(reference, "care")


def _undo(request: HttpRequest, act: str, back: str, address: str) -> None:
    if act != back:
        messages.success(request, "It is done.", extra_tags=f"undo:{address}")


# --- Devices and orders -----------------------------------------------------------------------------------------------


@require_GET
def devices(request: HttpRequest) -> HttpResponse:
    return render(request, "supervision/devices.html", {"found": person_pages.list_devices(actor_of(request))})


@require_POST
def end_device(request: HttpRequest, device_id: UUID, act: str) -> HttpResponse:
    reference = actions.end_device(actor_of(request), device_id, ended=act == "end")
    _undo(request, act, "restore", reverse("supervision:device-restore", args=[device_id]))
    return _section(reference, "orders")


@require_POST
def draft(request: HttpRequest, device_id: UUID) -> HttpResponse:
    return redirect("supervision:order", actions.draft_order(actor_of(request), device_id))


@require_http_methods(["GET", "POST"])
def order(request: HttpRequest, order_id: UUID) -> HttpResponse:
    actor = actor_of(request)
    found = person_pages.get_order(actor, order_id)
    form = OrderForm(request.POST or None, found.policy, found.offers, found.given)
    if request.method == "POST" and form.is_valid():
        actions.change_draft(actor, order_id, **form.wanted())
        messages.success(request, "The draft is kept.")
        return redirect("supervision:order", order_id)
    return _order_page(request, actor, order_id, form, ConditionForm(None, found.policy), 422 if form.errors else 200)


def _order_page(
    request: HttpRequest, actor: Actor, order_id: UUID, form: OrderForm, one: ConditionForm, status: int
) -> HttpResponse:
    found = person_pages.get_order(actor, order_id)
    return render(request, "supervision/order.html", {"found": found, "form": form, "condition": one}, status=status)


@require_POST
def condition(request: HttpRequest, order_id: UUID) -> HttpResponse:
    actor = actor_of(request)
    found = person_pages.get_order(actor, order_id)
    one = ConditionForm(request.POST, found.policy)
    if one.is_valid():
        actions.put_condition(actor, order_id, **one.wanted())
        messages.success(request, "The condition is kept.")
        return redirect("supervision:order", order_id)
    form = OrderForm(None, found.policy, found.offers, found.given)
    return _order_page(request, actor, order_id, form, one, 422)


@require_POST
def remove_condition(request: HttpRequest, condition_id: UUID, act: str) -> HttpResponse:
    order_id = actions.remove_condition(actor_of(request), condition_id, removed=act == "remove")
    _undo(request, act, "restore", reverse("supervision:condition-restore", args=[condition_id]))
    return redirect("supervision:order", order_id)


@require_POST
def sign(request: HttpRequest, order_id: UUID) -> HttpResponse:
    actions.sign_order(actor_of(request), order_id)
    messages.success(
        request, "The order is signed and in force. Take its file to the device, or let the agent fetch it."
    )
    return redirect("supervision:order", order_id)


@require_POST
def withdraw_draft(request: HttpRequest, order_id: UUID) -> HttpResponse:
    return _section(actions.withdraw_draft(actor_of(request), order_id), "orders")


@require_POST
def end_order(request: HttpRequest, order_id: UUID) -> HttpResponse:
    made = actions.end_order(actor_of(request), order_id)
    messages.success(request, "A version that ends now is signed. The device stops when it has it.")
    return redirect("supervision:order", made)


@require_GET
def download(request: HttpRequest, order_id: UUID) -> HttpResponse:
    document, name = actions.download_order(actor_of(request), order_id)
    return _download(document.encode(), "application/json", name)


# --- Phrases ----------------------------------------------------------------------------------------------------------


@require_GET
def phrases(request: HttpRequest) -> HttpResponse:
    return render(request, "supervision/phrases.html", {"found": queries.get_phrases(actor_of(request))})


@require_http_methods(["GET", "POST"])
def libraries(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    if request.method == "POST":
        given = _file(request)
        phrase_libraries.hand_in(actor, given.read(phrase_libraries.LARGEST + 1), given.name or "")
        messages.success(request, "The library is handed in. Test it against a sample before it goes to a device.")
        return redirect("supervision:libraries")
    return _libraries_page(request, KnownListForm())


def _libraries_page(request: HttpRequest, known: KnownListForm) -> HttpResponse:
    found = person_pages.get_libraries(actor_of(request))
    page = {"found": found, "form": LibraryForm(), "sample": SampleForm(), "known": known}
    return render(request, "supervision/libraries.html", page, status=422 if known.errors else 200)


@require_POST
def hand_in_known_list(request: HttpRequest) -> HttpResponse:
    actor, form = actor_of(request), KnownListForm(request.POST, request.FILES)
    queries.require_reader(actor)
    if not form.is_valid():
        return _libraries_page(request, form)
    given = dict(form.cleaned_data)
    content = given.pop("file").read(known_lists.LARGEST + 1)
    known_lists.hand_in(actor, content, **given)
    messages.success(request, "The list is handed in. Name it in an order, or roll it out to devices.")
    return redirect("supervision:libraries")


@require_POST
def roll_out_known_list(request: HttpRequest, list_id: UUID) -> HttpResponse:
    return _rolled_out(request, known_lists.roll_out(actor_of(request), list_id, _devices_of(request)))


@require_POST
def withdraw_known_list(request: HttpRequest, list_id: UUID, act: str) -> HttpResponse:
    known_lists.withdraw(actor_of(request), list_id, withdrawn=act == "withdraw")
    _undo(request, act, "restore", reverse("supervision:known-list-restore", args=[list_id]))
    return redirect("supervision:libraries")


@require_POST
def test_library(request: HttpRequest, library_id: UUID) -> HttpResponse:
    phrase_libraries.require_own(actor_of(request), library_id)
    sample = io.TextIOWrapper(_file(request).file, "utf-8", "replace")
    told_back = phrase_libraries.test_library(
        actor_of(request), library_id, (line.rstrip("\n")[:20_000] for line in sample)
    )
    messages.success(request, f"Tested: {told_back['hits']} hits in {told_back['lines']} lines that should have none.")
    return redirect("supervision:libraries")


@require_POST
def roll_out(request: HttpRequest, library_id: UUID) -> HttpResponse:
    return _rolled_out(request, phrase_libraries.roll_out(actor_of(request), library_id, _devices_of(request)))


def _devices_of(request: HttpRequest) -> list[UUID]:
    return [found for one in request.POST.getlist("device") if (found := _id(one)) is not None]


def _rolled_out(request: HttpRequest, count: int) -> HttpResponse:
    messages.success(
        request, f"Signed into the orders of {count} device{'' if count == 1 else 's'}; the agents fetch it."
    )
    return redirect("supervision:libraries")


@require_POST
def withdraw_library(request: HttpRequest, library_id: UUID, act: str) -> HttpResponse:
    phrase_libraries.withdraw_library(actor_of(request), library_id, withdrawn=act == "withdraw")
    _undo(request, act, "restore", reverse("supervision:library-restore", args=[library_id]))
    return redirect("supervision:libraries")
