"""Pages of parts asked for, released and received: actor, query or form, action, render."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST, require_safe

from opencets.errors import ActRefused, NotFound, SourceRefused
from opencets_web.cases.views import int_of
from opencets_web.media import serving
from opencets_web.media.actions import shown_known
from opencets_web.policy.middleware import actor_of
from opencets_web.releases import actions, queries, receiving
from opencets_web.releases.forms import (
    MOST_NOTICE,
    NO_REASONS,
    AnswerPassOnForm,
    AskForm,
    BringForm,
    DecisionsForm,
    ItemsForm,
    KeyForm,
    PassOnForm,
    ReasonForm,
    TermsForm,
)


def _id(request: HttpRequest, name: str) -> UUID | None:
    """An id in the query string; NotFound for what is none."""
    given = request.GET.get(name, "")
    try:
        return UUID(given) if given else None
    except ValueError:
        raise NotFound from None


def _ids(request: HttpRequest, name: str) -> tuple[UUID, ...]:
    """Ids in the query string, with commas between them, 20 at most; NotFound for what is none."""
    try:
        return tuple(UUID(one) for one in request.GET.get(name, "").split(",")[:20] if one)
    except ValueError:
        raise NotFound from None


def _reason(request: HttpRequest) -> str:
    form = ReasonForm(request.POST)
    return str(form.cleaned_data["reason"]) if form.is_valid() else ""


@require_GET
def room(request: HttpRequest) -> HttpResponse:
    found = queries.get_room(actor_of(request), alone=request.GET.get("show", ""), number=int_of(request, "page"))
    return render(request, "releases/room.html", {"found": found, "form": BringForm()})


@require_GET
def case(request: HttpRequest, reference: str) -> HttpResponse:
    found = queries.get_case(actor_of(request), reference)
    return render(request, "releases/case.html", {"frame": found.frame, "found": found})


# --- Asking ----------------------------------------------------------------------------------------------------------


@require_GET
def begin_ask(request: HttpRequest) -> HttpResponse:
    """Choose the case under which something is asked for; what was given goes along."""
    actor, chosen = actor_of(request), request.GET.get("case", "")
    along = {name: request.GET[name] for name in ("agency", "record") if request.GET.get(name)}
    if chosen:
        queries.get_ask(actor, chosen)
        return redirect(reverse("releases:ask", args=[chosen]) + (f"?{urlencode(along)}" if along else ""))
    return render(request, "releases/choose.html", {"cases": queries.own_cases(actor), "along": along.items()})


def ask(request: HttpRequest, reference: str) -> HttpResponse:
    actor, pointer, conflict = actor_of(request), _id(request, "pointer"), _id(request, "conflict")
    page = queries.get_ask(
        actor, reference, pointer_id=pointer, conflict_id=conflict, record_ids=_ids(request, "record"),
        agency=request.GET.get("agency", ""),
    )  # fmt: skip
    form = AskForm(
        request.POST or None, agencies=page.agencies, country=page.country, about=page.about, initial=page.initial
    )
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.ask(
                actor, reference, form.wanted(), to_agency=form.cleaned_data.get("agency"), pointer_id=pointer,
                conflict_id=conflict,
            )  # fmt: skip
            undo = reverse("releases:request-take-back", args=[made])
            messages.success(request, "They are asked.", extra_tags=f"undo:{undo}")
            return redirect("releases:request", made)
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    shown = {"frame": page.frame, "page": page, "form": form}
    return render(request, "releases/ask.html", shown, status=422 if form.errors else 200)


@require_GET
def request_page(request: HttpRequest, request_id: UUID) -> HttpResponse:
    found = queries.get_request(actor_of(request), request_id)
    return render(request, "releases/request.html", {"frame": found.frame, "found": found})


@require_POST
def take_back(request: HttpRequest, request_id: UUID) -> HttpResponse:
    actions.take_request_back(actor_of(request), request_id)
    undo = reverse("releases:request-again", args=[request_id])
    messages.success(request, "The request is taken back.", extra_tags=f"undo:{undo}")
    return redirect("releases:request", request_id)


@require_POST
def ask_again(request: HttpRequest, request_id: UUID) -> HttpResponse:
    made = actions.ask_part_again(actor_of(request), request_id)
    undo = reverse("releases:request-take-back", args=[made])
    messages.success(request, "They are asked again.", extra_tags=f"undo:{undo}")
    return redirect("releases:request", made)


# --- Being asked -------------------------------------------------------------------------------------------------------


@require_GET
def asked(request: HttpRequest, asked_id: UUID) -> HttpResponse:
    return render(request, "releases/asked.html", {"found": queries.get_asked(actor_of(request), asked_id)})


@require_POST
def decline(request: HttpRequest, asked_id: UUID) -> HttpResponse:
    actions.decline_part(actor_of(request), asked_id, _reason(request))
    undo = reverse("releases:asked-reconsider", args=[asked_id])
    messages.success(request, "They are told that you declined.", extra_tags=f"undo:{undo}")
    return redirect("releases:asked", asked_id)


@require_POST
def reconsider(request: HttpRequest, asked_id: UUID) -> HttpResponse:
    actions.reconsider_part(actor_of(request), asked_id)
    messages.success(request, "It waits for your answer again.")
    return redirect("releases:asked", asked_id)


@require_POST
def answer_pass_on(request: HttpRequest, asked_id: UUID) -> HttpResponse:
    form = AnswerPassOnForm(request.POST)
    if not form.is_valid():
        raise ActRefused("Say yes or no.")
    actions.answer_pass_on(
        actor_of(request), asked_id, agrees=form.cleaned_data["agrees"], answer=form.cleaned_data["answer"]
    )
    messages.success(request, "They are told. You can change your answer below.")
    return redirect("releases:asked", asked_id)


# --- Releasing -------------------------------------------------------------------------------------------------------


def begin(request: HttpRequest, reference: str) -> HttpResponse:
    """Say to whom and under which terms; a POST makes the draft."""
    actor, asked_id, mark_id = actor_of(request), _id(request, "asked"), _id(request, "mark")
    frame = queries.get_begin(actor, reference)
    row = queries.asking(actor, asked_id) if asked_id else None
    initial = {"purpose": row.purpose, "legal_basis": row.legal_basis} if row else {}
    form = TermsForm(
        request.POST or None, agencies=queries.other_agencies(actor), code_c=frame.conditions, asked=row is not None,
        initial=initial | {"controlled": True},
    )  # fmt: skip
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.begin_release(actor, reference, form.terms(), asked_id=asked_id)
            _add_mark(request, made, mark_id)
            undo = reverse("releases:discard", args=[made])
            messages.success(request, "Nothing has left yet: choose what is given.", extra_tags=f"undo:{undo}")
            return redirect("releases:release", made)
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    return render(
        request, "releases/begin.html", {"frame": frame, "form": form, "asked": row}, status=422 if form.errors else 200
    )


def _add_mark(request: HttpRequest, release_id: UUID, mark_id: UUID | None) -> None:
    """Put the mark that the release was begun for into it; why not, where it cannot leave."""
    if mark_id is None:
        return
    try:
        actions.add_items(actor_of(request), release_id, marks=[mark_id], shown=shown_known(request.session))
    except NotFound:
        raise
    except ActRefused as refusal:
        messages.warning(request, refusal.sentence)


def release(request: HttpRequest, release_id: UUID) -> HttpResponse:
    """One release; a POST changes the terms of a draft."""
    actor, words = actor_of(request), request.GET.get("q", "")
    page = queries.get_release(actor, release_id, words=words)
    form = _terms_form(request, page)
    if request.method == "POST" and form.is_valid():
        try:
            actions.change_terms(actor, release_id, form.terms())
            messages.success(request, "The terms are changed.")
            return redirect("releases:release", release_id)
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    shown: dict[str, Any] = {"frame": page.frame, "page": page, "form": form, "words": words, "reasons": NO_REASONS}
    return render(request, "releases/release.html", shown, status=422 if form.errors else 200)


def _terms_form(request: HttpRequest, page: queries.ReleasePage) -> TermsForm:
    return TermsForm(
        request.POST or None, agencies=page.agencies, officers=page.officers, code_c=page.frame.conditions,
        asked=page.asked is not None, initial=page.initial,
    )  # fmt: skip


@require_POST
def add_items(request: HttpRequest, release_id: UUID) -> HttpResponse:
    form = ItemsForm(request.POST)
    if not form.is_valid():
        raise NotFound
    given = form.cleaned_data
    added = actions.add_items(
        actor_of(request), release_id, records=given["record"], files=given["file"], exhibits=given["exhibit"],
        marks=given["mark"], shown=shown_known(request.session),
    )  # fmt: skip
    if added:
        messages.success(request, f"{added} to decide on below.")
    return redirect("releases:release", release_id)


@require_POST
def decide(request: HttpRequest, release_id: UUID) -> HttpResponse:
    actor = actor_of(request)
    items = [(row.id, row.kind) for row in queries.get_release(actor, release_id).items]
    form = DecisionsForm(items, request.POST)
    if not form.is_valid():
        raise ActRefused("Say yes or no to each item, and why not.")
    actions.decide_items(actor, release_id, form.decisions())
    messages.success(request, "Kept. The preview below shows exactly what would leave.")
    return redirect(reverse("releases:release", args=[release_id]) + "#preview")


@require_POST
def send(request: HttpRequest, release_id: UUID) -> HttpResponse:
    state = actions.send(actor_of(request), release_id, request.POST.get("seen", ""))
    if state == "waiting":
        undo = reverse("releases:draft", args=[release_id])
        messages.success(request, "A second person of your agency approves it now.", extra_tags=f"undo:{undo}")
    else:
        messages.success(request, "It is released. You can withdraw it here; what was released stays known.")
    return redirect("releases:release", release_id)


@require_POST
def approve(request: HttpRequest, release_id: UUID) -> HttpResponse:
    actions.approve(actor_of(request), release_id, request.POST.get("seen", ""))
    messages.success(request, "Approved: it is released.")
    return redirect("releases:release", release_id)


@require_POST
def back_to_draft(request: HttpRequest, release_id: UUID) -> HttpResponse:
    actions.back_to_draft(actor_of(request), release_id, _reason(request))
    messages.success(request, "It is being prepared again.")
    return redirect("releases:release", release_id)


@require_POST
def discard(request: HttpRequest, release_id: UUID) -> HttpResponse:
    actions.discard(actor_of(request), release_id)
    undo = reverse("releases:draft", args=[release_id])
    messages.success(request, "Given up; nothing has left.", extra_tags=f"undo:{undo}")
    return redirect("releases:release", release_id)


@require_POST
def withdraw(request: HttpRequest, release_id: UUID) -> HttpResponse:
    actions.withdraw_part(actor_of(request), release_id, _reason(request))
    undo = reverse("releases:reinstate", args=[release_id])
    messages.success(request, "Withdrawn: they are told, and acknowledge it.", extra_tags=f"undo:{undo}")
    return redirect("releases:release", release_id)


@require_POST
def reinstate(request: HttpRequest, release_id: UUID) -> HttpResponse:
    actions.reinstate_part(actor_of(request), release_id)
    messages.success(request, "The withdrawal is taken back, and they are told.")
    return redirect("releases:release", release_id)


@require_safe
def download(request: HttpRequest, release_id: UUID) -> HttpResponseBase:
    return _package(request, queries.get_release_download(actor_of(request), release_id))


def _package(request: HttpRequest, found: queries.Download) -> HttpResponseBase:
    return serving.original(
        request, found.open(), size=found.size, media_type="application/zip", name=found.name, sha256=found.sha256
    )


@require_GET
def notice(request: HttpRequest, release_id: UUID) -> HttpResponse:
    return _paper(*queries.get_paper(actor_of(request), release_id, "notice"))


@require_GET
def receipt(request: HttpRequest, release_id: UUID) -> HttpResponse:
    return _paper(*queries.get_paper(actor_of(request), release_id, "receipt"))


def _paper(name: str, text: bytes) -> HttpResponse:
    answer = HttpResponse(text, content_type="application/json")
    answer.headers["Content-Disposition"] = serving.disposition(name, inline=False)
    return answer


# --- Receiving -------------------------------------------------------------------------------------------------------


@require_GET
def received(request: HttpRequest, part_id: UUID) -> HttpResponse:
    found = queries.get_received(actor_of(request), part_id)
    return render(request, "releases/received.html", {"found": found, "row": found.row, "form": PassOnForm()})


@require_POST
def accept(request: HttpRequest, part_id: UUID) -> HttpResponse:
    receiving.accept_part(actor_of(request), part_id, request.POST.get("case", ""))
    messages.success(request, "It is checked and taken into the case; the sender gets a signed receipt.")
    return redirect("releases:received", part_id)


@require_POST
def refuse(request: HttpRequest, part_id: UUID) -> HttpResponse:
    receiving.refuse_part(actor_of(request), part_id, _reason(request))
    undo = reverse("releases:received-reconsider", args=[part_id])
    messages.success(request, "They are told that you refused it.", extra_tags=f"undo:{undo}")
    return redirect("releases:received", part_id)


@require_POST
def reconsider_refusal(request: HttpRequest, part_id: UUID) -> HttpResponse:
    receiving.reconsider_refusal(actor_of(request), part_id)
    messages.success(request, "It waits for you again.")
    return redirect("releases:received", part_id)


@require_POST
def acknowledge(request: HttpRequest, part_id: UUID) -> HttpResponse:
    receiving.acknowledge_withdrawal(actor_of(request), part_id)
    messages.success(request, "They are told that you know. Destroy what you printed or copied.")
    return redirect("releases:received", part_id)


@require_POST
def pass_on(request: HttpRequest, part_id: UUID) -> HttpResponse:
    form = PassOnForm(request.POST)
    if not form.is_valid():
        raise ActRefused("Say to whom it is to be passed on, for what, and on which legal basis.")
    made = actions.ask_to_pass_on(actor_of(request), part_id, **form.cleaned_data)
    undo = reverse("releases:request-take-back", args=[made])
    messages.success(request, "The originator is asked.", extra_tags=f"undo:{undo}")
    return redirect("releases:received", part_id)


@require_GET
def received_receipt(request: HttpRequest, part_id: UUID) -> HttpResponse:
    return _paper(*queries.get_received_paper(actor_of(request), part_id))


@require_safe
def received_download(request: HttpRequest, part_id: UUID) -> HttpResponseBase:
    return _package(request, queries.get_received_download(actor_of(request), part_id))


@require_POST
def bring(request: HttpRequest) -> HttpResponse:
    actor, form = actor_of(request), BringForm(request.POST, request.FILES)
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            if file.size < MOST_NOTICE and file.read(1) == b"{":
                file.seek(0)
                to = receiving.bring_notice(actor, file.read())
                messages.success(request, "The notice is as it was signed, and is entered.")
                return redirect(to)
            file.seek(0)
            made = receiving.bring_package(actor, file)
            messages.success(request, "Every byte is as it was signed. Receive it into a case, or refuse it.")
            return redirect("releases:received", made)
        except (ActRefused, SourceRefused) as refusal:
            form.add_error(None, refusal.sentence)
    found = queries.get_room(actor)
    return render(request, "releases/room.html", {"found": found, "form": form}, status=422)


# --- What an agency demands ----------------------------------------------------------------------------------------------


def rules(request: HttpRequest) -> HttpResponse:
    """How the agency releases; a POST enters a key of another node."""
    actor, form = actor_of(request), KeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.trust_key(actor, **form.cleaned_data)
            undo = reverse("releases:key-end", args=[made])
            messages.success(request, "The key is trusted.", extra_tags=f"undo:{undo}")
            return redirect("releases:rules")
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    page = {"found": queries.get_rules(actor), "form": form}
    return render(request, "releases/rules.html", page, status=422 if form.errors else 200)


@require_POST
def second_person(request: HttpRequest) -> HttpResponse:
    demanded = request.POST.get("demanded") == "yes"
    actions.demand_second_person(actor_of(request), demanded=demanded)
    messages.success(
        request, "A second person approves every release now." if demanded else "Releases need no second person now."
    )
    return redirect("releases:rules")


@require_POST
def end_key(request: HttpRequest, key_id: UUID) -> HttpResponse:
    actions.end_key(actor_of(request), key_id)
    undo = reverse("releases:key-restore", args=[key_id])
    messages.success(request, "The key is trusted no longer.", extra_tags=f"undo:{undo}")
    return redirect("releases:rules")


@require_POST
def restore_key(request: HttpRequest, key_id: UUID) -> HttpResponse:
    actions.restore_key(actor_of(request), key_id)
    messages.success(request, "The key is trusted again.")
    return redirect("releases:rules")
