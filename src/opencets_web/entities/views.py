"""Pages of people and identifiers: actor, query or form, action, render."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from opencets.errors import ActRefused
from opencets_web.cases.queries import get_frame
from opencets_web.entities import actions, queries
from opencets_web.entities.forms import IdentifierForm, JudgeForm, RulingForm, WeightsForm, WordsForm
from opencets_web.entities.shared import list_shared
from opencets_web.entities.versions import get_versions
from opencets_web.policy.middleware import actor_of

LISTS = {
    "judge": queries.list_queue,
    "within": queries.list_queue_within,
    "people": queries.list_people,
    "decisions": queries.list_judgements,
}
LABELS = {
    "judge": "Between cases",
    "within": "Within a case",
    "people": "People and accounts",
    "decisions": "Judgements",
}
SAID = {"same": "Judged: the same person.", "different": "Judged: different people.", "unsure": "Judged: unsure."}


@require_GET
def list_entities(request: HttpRequest) -> HttpResponse:
    form = WordsForm(request.GET)
    show = form.showing(*LISTS)
    found = LISTS[show](actor_of(request), words=form.words(), number=number_of(request))
    tabs = [{"label": LABELS[name], "url": f"{request.path}?show={name}", "active": name == show} for name in LISTS]
    return render(request, "entities/list.html", {"found": found, "form": form, "show": show, "lists": tabs})


@require_GET
def case_people(request: HttpRequest, reference: str) -> HttpResponse:
    frame, form = get_frame(actor_of(request), reference, "entities:case"), IdentifierForm(request.GET)
    show, number = form.showing("people", "identifiers"), number_of(request)
    if show == "people":
        del form.fields["kind"]
        found: object = queries.list_case_people(actor_of(request), frame, words=form.words(), number=number)
    else:
        found = queries.list_case_identifiers(actor_of(request), frame, number=number, **form.wanted())
    tabs = [
        {"label": label, "url": f"{request.path}?show={name}", "active": name == show}
        for name, label in (("people", "People and accounts"), ("identifiers", "Identifiers"))
    ]
    page = {"frame": frame, "found": found, "form": form, "show": show, "lists": tabs}
    return render(request, f"entities/case_{show}.html", page)


@require_GET
def detail(request: HttpRequest, record_id: UUID) -> HttpResponse:
    return render(request, "entities/detail.html", {"entity": queries.get_entity(actor_of(request), record_id)})


@require_GET
def numbered(request: HttpRequest, number: str) -> HttpResponse:
    found = queries.get_numbered(actor_of(request), number)
    if found.stands and found.replaced_at is None:
        return redirect(found.entity_url)
    return render(request, "entities/number.html", {"found": found})


@require_GET
def record(request: HttpRequest, record_id: UUID) -> HttpResponse:
    return render(request, "entities/record.html", {"record": queries.get_record(actor_of(request), record_id)})


@require_POST
def judge(request: HttpRequest) -> HttpResponse:
    form = JudgeForm(request.POST)
    if not form.is_valid():
        raise ActRefused("A judgement names two records and says same, different or unsure.")
    given = form.cleaned_data
    judgement = actions.judge(actor_of(request), given["left"], given["right"], given["verdict"], given["reason"])
    messages.success(request, SAID[given["verdict"]], extra_tags=f"undo:{reverse('entities:undo', args=[judgement])}")
    for sentence in queries.list_contradictions(actor_of(request), judgement):
        messages.warning(request, sentence)
    return redirect(back_from(request, reverse("entities:detail", args=[given["left"]])))


@require_POST
def undo(request: HttpRequest, judgement_id: UUID) -> HttpResponse:
    verdict = actions.undo_judgement(actor_of(request), judgement_id)
    messages.success(request, f"The judgement “{verdict}” is undone; it stays in the history.")
    return redirect(back_from(request, reverse("entities:list")))


@require_GET
def shared(request: HttpRequest) -> HttpResponse:
    form, asked = WordsForm(request.GET), {"kind": request.GET.get("kind", ""), "value": request.GET.get("value", "")}
    found = list_shared(actor_of(request), words=form.words(), number=number_of(request), **asked)
    return render(request, "entities/shared.html", {"found": found, "form": form})


@require_POST
def rule(request: HttpRequest) -> HttpResponse:
    form = RulingForm(request.POST)
    if not form.is_valid():
        raise ActRefused("A ruling names a value, says whether it says something, and why.")
    ruling = actions.rule_value(actor_of(request), **form.ruling())
    messages.success(
        request,
        "Ruled. Connections are searched again.",
        extra_tags=f"undo:{reverse('entities:ruling-end', args=[ruling])}",
    )
    return redirect(back_from(request, reverse("entities:shared")))


@require_POST
def end_ruling(request: HttpRequest, ruling_id: UUID) -> HttpResponse:
    actions.end_ruling(actor_of(request), ruling_id)
    messages.success(request, "The ruling is ended; the count holds again. It stays in the history.")
    return redirect(back_from(request, reverse("entities:shared")))


@require_GET
def weights(request: HttpRequest) -> HttpResponse:
    return render(request, "entities/weights.html", {"found": get_versions(actor_of(request))})


@require_POST
def ask_weights(request: HttpRequest) -> HttpResponse:
    actions.ask_weights(actor_of(request), _why(request))
    messages.success(request, "Asked for. The version stands here once it is made and compared.")
    return redirect("entities:weights")


@require_POST
def weights_live(request: HttpRequest, version_id: UUID) -> HttpResponse:
    actions.take_live(actor_of(request), version_id, _why(request))
    back = reverse("entities:weights-back")
    messages.success(request, "Live. All suggestions are weighed again.", extra_tags=f"undo:{back}")
    return redirect("entities:weights")


@require_POST
def weights_back(request: HttpRequest) -> HttpResponse:
    actions.go_back(actor_of(request), _why(request) or "Taken back by the administrator who had changed it.")
    messages.success(request, "The earlier version is live again. All suggestions are weighed again.")
    return redirect("entities:weights")


def _why(request: HttpRequest) -> str:
    form = WeightsForm(request.POST)
    return str(form.cleaned_data["reason"]) if form.is_valid() else ""


def back_from(request: HttpRequest, otherwise: str) -> str:
    """The page that the form stood on, where it is one of ours."""
    asked = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(asked, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return asked if asked and ours else otherwise


def number_of(request: HttpRequest) -> int:
    """The page asked for; the first where it is no number."""
    given = request.GET.get("page", "")
    return int(given) if given.isdecimal() and len(given) < 9 else 1
