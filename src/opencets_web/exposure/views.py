"""Pages of exposure: actor, query or form, action, render."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from opencets.errors import ActRefused
from opencets_web.exposure import actions, queries
from opencets_web.exposure.forms import RuleForm, SeeingForm, chosen
from opencets_web.policy.middleware import actor_of


def back(request: HttpRequest, otherwise: str = "exposure:mine") -> HttpResponse:
    """To the page that the act was asked on, where it named one of ours."""
    given = request.POST.get("next", "")
    return redirect(given if url_has_allowed_host_and_scheme(given, allowed_hosts=None) else reverse(otherwise))


def told(request: HttpRequest, sentence: str, undo: str = "") -> HttpResponse:
    """The sentence for the page's own script, or beside the page that comes."""
    if request.headers.get("Accept") == "application/json":
        return JsonResponse({"sentence": sentence})
    messages.success(request, sentence, extra_tags=f"undo:{undo}" if undo else "")
    return back(request)


@require_GET
def mine(request: HttpRequest) -> HttpResponse:
    page = queries.get_mine(actor_of(request))
    return render(request, "exposure/mine.html", {"page": page, "form": SeeingForm.of(page)})


@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    given = chosen(request.POST)
    if given is None:
        raise ActRefused("Tiles have 64 to 320 pixels a side, and a budget is a number of showings a day.")
    actions.choose(actor_of(request), **given)
    return told(request, "From now on you see media like this. Change it whenever you like.")


@require_GET
def enough(request: HttpRequest) -> HttpResponse:
    page = queries.get_enough(actor_of(request), request.GET.get("because", ""))
    return render(request, "exposure/enough.html", {"page": page, "next": request.GET.get("next", "")})


@require_POST
def begin_break(request: HttpRequest) -> HttpResponse:
    minutes = actions.begin_break(actor_of(request))
    return told(
        request, f"A break of {minutes} minutes. Nothing is shown until it ends.", reverse("exposure:break-end")
    )


@require_POST
def end_break(request: HttpRequest) -> HttpResponse:
    actions.end_break(actor_of(request))
    return told(request, "You are back.")


@require_POST
def snooze(request: HttpRequest) -> HttpResponse:
    minutes = actions.snooze_break(actor_of(request))
    return told(request, f"You are asked again after {minutes} minutes of showing.")


@require_POST
def talk(request: HttpRequest) -> HttpResponse:
    wanted = request.POST.get("wanted") == "yes"
    actions.ask_for_talk(actor_of(request), wanted=wanted)
    return told(
        request, "Your supervisors read that you would like to talk. No reason is given." if wanted else "Taken back."
    )


@require_POST
def ask(request: HttpRequest) -> HttpResponse:
    actions.ask_colleague(actor_of(request), request.POST.get("kind", ""))
    return told(request, "Your colleagues see it on their page of asks. It lapses by itself.")


@require_GET
def asks(request: HttpRequest) -> HttpResponse:
    return render(request, "exposure/asks.html", {"asks": queries.list_asks(actor_of(request))})


@require_POST
def answer(request: HttpRequest, ask_id: UUID) -> HttpResponse:
    agreed = request.POST.get("agreed") == "yes"
    actions.answer_colleague(actor_of(request), ask_id, agreed=agreed)
    messages.success(request, "Your colleague knows." if agreed else "Your colleague knows that it is not now.")
    return redirect("exposure:asks")


@require_POST
def end_ask(request: HttpRequest, ask_id: UUID) -> HttpResponse:
    actions.end_ask(actor_of(request), ask_id)
    return told(request, "Ended. Ask again whenever you like.")


@require_GET
def load(request: HttpRequest) -> HttpResponse:
    page = queries.get_load(actor_of(request))
    return render(request, "exposure/load.html", {"page": page, "form": RuleForm.of(page.rule)})


@require_POST
def rule(request: HttpRequest) -> HttpResponse:
    form = RuleForm(request.POST)
    if not form.is_valid():
        raise ActRefused("Each of these is a whole number within what the field says; nothing was changed.")
    actions.set_rule(actor_of(request), **form.cleaned_data)
    messages.success(request, "This holds for your agency from now on.")
    return redirect("exposure:load")


@require_POST
def two_person(request: HttpRequest, reference: str) -> HttpResponse:
    wanted = request.POST.get("wanted") == "yes"
    actions.set_two_person(actor_of(request), reference, on=wanted)
    said = "shown only while two officers are present" if wanted else "shown to one officer again"
    messages.success(request, f"The media of {reference} are {said}.")
    return redirect("media:gallery", reference)
