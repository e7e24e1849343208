"""Pages of data requests: actor, query or form, action, render."""

from __future__ import annotations

import json
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from opencets.errors import ActRefused, NotFound
from opencets_web.cases.views import int_of
from opencets_web.inquiries import actions, queries
from opencets_web.inquiries.forms import (
    AnswerForm,
    DraftForm,
    FilterForm,
    HandForm,
    LetterheadForm,
    NewForm,
    PreservedForm,
    ProviderForm,
    ReasonForm,
    ServeForm,
    ValueForm,
    zones,
)
from opencets_web.policy.middleware import actor_of


@require_GET
def list_inquiries(request: HttpRequest) -> HttpResponse:
    form = FilterForm(request.GET)
    found = queries.list_inquiries(actor_of(request), number=int_of(request, "page"), **form.wanted())
    return render(request, "inquiries/list.html", {"found": found, "form": form})


@require_GET
def case(request: HttpRequest, reference: str) -> HttpResponse:
    found = queries.list_case_inquiries(actor_of(request), reference)
    return render(request, "inquiries/case.html", {"frame": found.frame, "found": found})


def new(request: HttpRequest, reference: str) -> HttpResponse:
    actor, claim_id = actor_of(request), request.GET.get("claim", "")
    find, record_id = request.GET.get("find", ""), request.GET.get("record", "")
    page = queries.get_new(actor, reference, claim_id, find=find, record_id=record_id)
    form = NewForm(page, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            given = form.cleaned_data
            made = actions.draft_inquiry(
                actor,
                reference,
                instrument=given["instrument"],
                provider_id=given["provider"],
                claim_ids=[claim_id] if claim_id else [],
            )
            undo = reverse("inquiries:withdraw-draft", args=[made])
            messages.success(request, "The request is drafted.", extra_tags=f"undo:{undo}")
            return redirect("inquiries:show", made)
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    shown = {"frame": page.frame, "page": page, "form": form, "asked": find or record_id}
    return render(request, "inquiries/new.html", shown, status=422 if form.errors else 200)


def show(request: HttpRequest, inquiry_id: UUID) -> HttpResponse:
    """One request; a POST writes what its instrument wants said."""
    form = DraftForm(queries.get_fields(actor_of(request), inquiry_id), request.POST or None)
    if request.method == "POST" and form.is_valid():
        actions.change_inquiry(actor_of(request), inquiry_id, form.cleaned_data["subject"], form.statements())
        messages.success(request, "What is said is kept.")
        return redirect("inquiries:show", inquiry_id)
    return _shown(request, inquiry_id, form=form if form.is_bound else None, status=422 if form.errors else 200)


def _shown(
    request: HttpRequest, inquiry_id: UUID, *, form: DraftForm | None = None, refusal: str = "", at: UUID | None = None,
    status: int = 200,
) -> HttpResponse:  # fmt: skip
    """The page of a request; ``refusal`` is why an act was not done, and ``at`` the value that it is about."""
    actor, words = actor_of(request), request.GET.get("find", "")
    page = queries.get_inquiry(actor, inquiry_id)
    initial = {"subject": page.given["subject"]} | {f"say_{name}": text for name, text in page.given.items()}
    shown = {
        "frame": page.frame,
        "page": page,
        "form": form or DraftForm(page.instrument.fields, initial=initial),
        "hand": HandForm(request.POST if refusal and not at and "place" in request.POST else None),
        "serve": ServeForm(initial={"at": f"{timezone.now():%Y-%m-%d %H:%M}"}),
        "words": words,
        "places": queries.find_places(actor, page.frame, words, record_id=request.GET.get("record", "")),
        "zones": zones() if page.draft else (),
        "refusal": refusal,
        "refused_at": at,
    }
    return render(request, "inquiries/show.html", shown, status=status)


@require_GET
def letter_pdf(request: HttpRequest, inquiry_id: UUID) -> HttpResponse:
    number, written = queries.get_letter_pdf(actor_of(request), inquiry_id)
    answer = HttpResponse(written.pdf, content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="{number}.pdf"'
    if written.missing:
        answer["X-Missing-Characters"] = " ".join(f"U+{ord(letter):04X}" for letter in written.missing)
    return answer


@require_GET
def letter_text(request: HttpRequest, inquiry_id: UUID) -> HttpResponse:
    number, text = queries.get_letter_text(actor_of(request), inquiry_id)
    answer = HttpResponse(text, content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{number}.txt"'
    return answer


@require_POST
def add_values(request: HttpRequest, inquiry_id: UUID) -> HttpResponse:
    added = actions.add_claims(actor_of(request), inquiry_id, request.POST.getlist("claim"))
    undo = reverse("inquiries:value-remove", args=[added[0]])
    messages.success(
        request, "Carried over, with time, port and place.", extra_tags=f"undo:{undo}" if len(added) == 1 else ""
    )
    return redirect(_back(request, inquiry_id))


@require_POST
def add_by_hand(request: HttpRequest, inquiry_id: UUID) -> HttpResponse:
    form = HandForm(request.POST)
    if not form.is_valid():
        raise ActRefused("A value typed by hand needs its kind, the value, and where it comes from.")
    try:
        added = actions.add_by_hand(actor_of(request), inquiry_id, **form.cleaned_data)
    except NotFound:
        raise
    except ActRefused as refusal:
        return _shown(request, inquiry_id, refusal=refusal.sentence, status=409)
    messages.success(
        request,
        "The value stands in the request.",
        extra_tags=f"undo:{reverse('inquiries:value-remove', args=[added])}",
    )
    return redirect(_back(request, inquiry_id))


@require_POST
def complete_value(request: HttpRequest, value_id: UUID) -> HttpResponse:
    form = ValueForm(request.POST)
    if not form.is_valid():
        raise ActRefused("A zone has at most 60 letters and a port at most 5 digits.")
    inquiry_id = queries.get_inquiry_id(actor_of(request), value_id)
    try:
        actions.complete_value(actor_of(request), value_id, **form.cleaned_data)
    except NotFound:
        raise
    except ActRefused as refusal:
        return _shown(request, inquiry_id, refusal=refusal.sentence, at=value_id, status=409)
    messages.success(request, "Checked and kept.")
    return redirect(_back(request, inquiry_id))


@require_POST
def remove_value(request: HttpRequest, value_id: UUID) -> HttpResponse:
    inquiry_id = actions.remove_value(actor_of(request), value_id)
    undo = reverse("inquiries:value-restore", args=[value_id])
    messages.success(request, "The value is out of the request.", extra_tags=f"undo:{undo}")
    return redirect(_back(request, inquiry_id))


@require_POST
def restore_value(request: HttpRequest, value_id: UUID) -> HttpResponse:
    inquiry_id = actions.restore_value(actor_of(request), value_id)
    messages.success(request, "The value is back.")
    return redirect(_back(request, inquiry_id))


def _done(request: HttpRequest, inquiry_id: UUID, sentence: str) -> HttpResponse:
    undo = reverse("inquiries:take-back", args=[inquiry_id])
    messages.success(request, sentence, extra_tags=f"undo:{undo}")
    return redirect(_back(request, inquiry_id))


@require_POST
def approve(request: HttpRequest, inquiry_id: UUID) -> HttpResponse:
    try:
        actions.approve_inquiry(actor_of(request), inquiry_id)
    except NotFound:
        raise
    except ActRefused as refusal:
        return _shown(request, inquiry_id, refusal=refusal.sentence, status=409)
    return _done(request, inquiry_id, "Approved: the letter stays as it is.")


@require_POST
def serve(request: HttpRequest, inquiry_id: UUID) -> HttpResponse:
    form = ServeForm(request.POST)
    if not form.is_valid():
        raise ActRefused("Say how it was served and when, as 2026-02-03 04:05, in UTC.")
    try:
        actions.serve_inquiry(actor_of(request), inquiry_id, **form.cleaned_data)
    except NotFound:
        raise
    except ActRefused as refusal:
        return _shown(request, inquiry_id, refusal=refusal.sentence, status=409)
    return _done(request, inquiry_id, "Served: its terms run.")


@require_POST
def preserved(request: HttpRequest, inquiry_id: UUID) -> HttpResponse:
    form = PreservedForm(request.POST)
    if not form.is_valid():
        raise ActRefused("Say until when it is preserved, as 2026-02-03 04:05, in UTC.")
    actions.confirm_preservation(actor_of(request), inquiry_id, **form.cleaned_data)
    return _done(request, inquiry_id, "Preserved: you are reminded before it lapses.")


@require_POST
def renew(request: HttpRequest, inquiry_id: UUID) -> HttpResponse:
    made = actions.renew_preservation(actor_of(request), inquiry_id)
    undo = reverse("inquiries:withdraw-draft", args=[made])
    messages.success(request, "The renewal is drafted with everything it said.", extra_tags=f"undo:{undo}")
    return redirect("inquiries:show", made)


@require_POST
def answer(request: HttpRequest, inquiry_id: UUID) -> HttpResponse:
    form = AnswerForm(request.POST)
    if not form.is_valid():
        raise ActRefused("Choose the exhibit that is the answer.")
    actions.answer_inquiry(actor_of(request), inquiry_id, form.cleaned_data["exhibit"])
    return _done(request, inquiry_id, "Answered: what the answer contains stands below.")


@require_POST
def begin_answer(request: HttpRequest, inquiry_id: UUID) -> JsonResponse:
    asked = _json(request)
    begun = actions.begin_answer(
        actor_of(request), inquiry_id, files=_count(asked.get("files")), octets=_count(asked.get("bytes"))
    )
    return JsonResponse({"exhibit": str(begun.exhibit_id), "batch": str(begun.exhibit_id)})


@require_POST
def complete_answer(request: HttpRequest, inquiry_id: UUID) -> JsonResponse:
    asked = _json(request)
    try:
        exhibit_id = UUID(str(asked.get("exhibit") or asked.get("batch")))
    except ValueError:
        raise ActRefused("The request names no exhibit; load the page again.") from None
    actions.complete_answer(actor_of(request), inquiry_id, exhibit_id)
    return JsonResponse({"url": reverse("inquiries:show", args=[inquiry_id])})


@require_POST
def refused(request: HttpRequest, inquiry_id: UUID) -> HttpResponse:
    actions.refuse_inquiry(actor_of(request), inquiry_id, _reason(request))
    return _done(request, inquiry_id, "The provider's refusal is noted.")


@require_POST
def withdraw(request: HttpRequest, inquiry_id: UUID) -> HttpResponse:
    actions.withdraw_inquiry(actor_of(request), inquiry_id, _reason(request))
    return _done(request, inquiry_id, "The request is withdrawn.")


@require_POST
def withdraw_draft(request: HttpRequest, inquiry_id: UUID) -> HttpResponse:
    actions.withdraw_inquiry(actor_of(request), inquiry_id, "Taken back by the officer who had drafted it.")
    return _done(request, inquiry_id, "The draft is taken back.")


@require_POST
def close(request: HttpRequest, inquiry_id: UUID) -> HttpResponse:
    actions.close_inquiry(actor_of(request), inquiry_id, _reason(request))
    return _done(request, inquiry_id, "The request is closed.")


@require_POST
def take_back(request: HttpRequest, inquiry_id: UUID) -> HttpResponse:
    sentence = actions.take_back(actor_of(request), inquiry_id)
    messages.success(request, f"Taken back: {sentence.partition(':')[0]}")
    return redirect(_back(request, inquiry_id))


@require_GET
def providers(request: HttpRequest) -> HttpResponse:
    return render(request, "inquiries/providers.html", {"found": queries.get_directory(actor_of(request))})


def new_provider(request: HttpRequest) -> HttpResponse:
    form = ProviderForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.add_provider(actor_of(request), **form.cleaned_data)
            undo = reverse("inquiries:provider-end", args=[made])
            messages.success(request, "The provider stands in your directory.", extra_tags=f"undo:{undo}")
            return redirect("inquiries:providers")
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    page = {"form": form, "zones": zones()}
    return render(request, "inquiries/provider.html", page, status=422 if form.errors else 200)


def provider(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    actor = actor_of(request)
    row = queries.get_provider(actor, provider_id)
    form = ProviderForm(request.POST or None, initial={name: getattr(row, name) for name in ProviderForm.base_fields})
    if request.method == "POST" and form.is_valid():
        try:
            actions.change_provider(actor, provider_id, **form.cleaned_data)
            messages.success(request, f"{form.cleaned_data['name']} is changed.")
            return redirect("inquiries:providers")
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    page = {"form": form, "provider": row, "zones": zones()}
    return render(request, "inquiries/provider.html", page, status=422 if form.errors else 200)


@require_POST
def end_provider(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    actions.end_provider(actor_of(request), provider_id)
    undo = reverse("inquiries:provider-restore", args=[provider_id])
    messages.success(request, "The provider is off your directory.", extra_tags=f"undo:{undo}")
    return redirect("inquiries:providers")


@require_POST
def restore_provider(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    actions.restore_provider(actor_of(request), provider_id)
    messages.success(request, "The provider is back.")
    return redirect("inquiries:providers")


def letterhead(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    found = queries.get_directory(actor)
    initial = {"head": found.head, "signature": found.signature, "contact": found.contact}
    form = LetterheadForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        actions.change_letterhead(actor, **form.cleaned_data)
        messages.success(request, "The letterhead is kept; approved letters keep theirs.")
        return redirect("inquiries:providers")
    return render(request, "inquiries/letterhead.html", {"form": form}, status=422 if form.errors else 200)


def _reason(request: HttpRequest) -> str:
    form = ReasonForm(request.POST)
    return str(form.cleaned_data["reason"]) if form.is_valid() else ""


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


def _back(request: HttpRequest, inquiry_id: UUID) -> str:
    """Where the officer came from, if it is on this site; else the page of the request."""
    wanted = request.POST.get("next", "")
    fine = url_has_allowed_host_and_scheme(wanted, {request.get_host()})
    return wanted if fine else reverse("inquiries:show", args=[inquiry_id])
