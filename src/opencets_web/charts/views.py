"""Pages of link charts: actor, query or form, action, render."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from opencets.errors import ActRefused
from opencets_web.cases.queries import get_frame
from opencets_web.charts import actions, queries
from opencets_web.charts.forms import SaveForm
from opencets_web.policy.middleware import actor_of


@require_GET
def list_charts(request: HttpRequest) -> HttpResponse:
    given = request.GET.get("page", "")
    found = queries.list_charts(actor_of(request), int(given) if given.isdecimal() and len(given) < 9 else 1)
    return render(request, "charts/list.html", {"found": found})


@require_GET
def around(request: HttpRequest, record_id: UUID) -> HttpResponse:
    actor, saved, table = actor_of(request), request.GET.get("saved", ""), request.GET.get("view") == "table"
    chart = queries.get_chart(actor, record_id, saved, to_keep=not table)
    if table:
        page: dict[str, object] = {"chart": chart, "graph": queries.get_graph(actor, record_id, saved_id=saved)}
        return render(request, "charts/table.html", page)
    form = SaveForm(initial={"around": record_id, "title": chart.title})
    return render(request, "charts/chart.html", {"chart": chart, "form": form})


@require_GET
def graph(request: HttpRequest, record_id: UUID) -> JsonResponse:
    expand, saved = request.GET.get("expand", ""), request.GET.get("saved", "")
    return JsonResponse(queries.get_graph(actor_of(request), record_id, expand=expand, saved_id=saved).as_json())


@require_GET
def case(request: HttpRequest, reference: str) -> HttpResponse:
    frame = get_frame(actor_of(request), reference, "charts:case")
    page = {"chart": queries.get_case_chart(actor_of(request), frame), "frame": frame}
    if request.GET.get("view") == "table":
        return render(request, "charts/table.html", page | {"graph": queries.get_case_graph(actor_of(request), frame)})
    return render(request, "charts/chart.html", page)


@require_GET
def case_graph(request: HttpRequest, reference: str) -> JsonResponse:
    frame = get_frame(actor_of(request), reference, "charts:case")
    return JsonResponse(
        queries.get_case_graph(actor_of(request), frame, expand=request.GET.get("expand", "")).as_json()
    )


@require_POST
def save(request: HttpRequest) -> HttpResponse:
    form = SaveForm(request.POST)
    if not form.is_valid():
        raise ActRefused("A chart is kept under a title of 1 to 200 letters.")
    chart = actions.save_chart(actor_of(request), **form.cleaned_data)
    messages.success(request, "The chart is kept.", extra_tags=f"undo:{reverse('charts:remove', args=[chart])}")
    return redirect(f"{reverse('charts:around', args=[form.cleaned_data['around']])}?saved={chart}")


@require_POST
def remove(request: HttpRequest, chart_id: UUID) -> HttpResponse:
    actions.remove_chart(actor_of(request), chart_id)
    messages.success(
        request, "The chart is off the list.", extra_tags=f"undo:{reverse('charts:restore', args=[chart_id])}"
    )
    return redirect("charts:list")


@require_POST
def restore(request: HttpRequest, chart_id: UUID) -> HttpResponse:
    actions.restore_chart(actor_of(request), chart_id)
    messages.success(request, "The chart is back.")
    return redirect("charts:list")
