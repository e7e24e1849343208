"""Pages of link charts: actor, query or form, action, render."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from opencets.errors import ActRefused
from opencets_web.cases.queries import CaseFrame, get_frame
from opencets_web.charts import actions, pages, queries, ways, whole
from opencets_web.charts.forms import ExportForm, SaveForm, TimesForm
from opencets_web.charts.keeping import Asked
from opencets_web.charts.times import get_times
from opencets_web.policy.middleware import actor_of


@require_GET
def list_charts(request: HttpRequest) -> HttpResponse:
    given = request.GET.get("page", "")
    found = pages.list_charts(actor_of(request), int(given) if given.isdecimal() and len(given) < 9 else 1)
    return render(request, "charts/list.html", {"found": found})


def _page(request: HttpRequest, chart: pages.ChartPage, asked: Asked, frame: CaseFrame | None = None) -> HttpResponse:
    page: dict[str, object] = {"chart": chart, "frame": frame}
    if request.GET.get("view") == "table":
        return render(request, "charts/table.html", page | {"graph": pages.as_table(actor_of(request), asked, frame)})
    return render(request, "charts/chart.html", page | {"form": SaveForm(initial={"title": chart.title})})


@require_GET
def around(request: HttpRequest, record_id: UUID) -> HttpResponse:
    table = request.GET.get("view") == "table"
    return _page(request, pages.get_chart(actor_of(request), record_id, to_keep=not table), Asked(record_id))


@require_GET
def graph(request: HttpRequest, record_id: UUID) -> JsonResponse:
    found = queries.get_graph(actor_of(request), record_id, expand=request.GET.get("expand", ""))
    return JsonResponse(found.as_json())


@require_GET
def case(request: HttpRequest, reference: str) -> HttpResponse:
    frame = get_frame(actor_of(request), reference, "charts:case")
    entire = request.GET.get("whole") == "1"
    chart = pages.get_case_chart(actor_of(request), frame, whole=entire)
    return _page(request, chart, Asked(reference=reference, whole=entire), frame)


@require_GET
def case_graph(request: HttpRequest, reference: str) -> JsonResponse:
    actor, expand = actor_of(request), request.GET.get("expand", "")
    frame = get_frame(actor, reference, "charts:case")
    if request.GET.get("whole") == "1" and not expand:
        return JsonResponse(whole.get_whole_graph(actor, frame).as_json())
    return JsonResponse(queries.get_case_graph(actor, frame, expand=expand).as_json())


@require_GET
def saved(request: HttpRequest, chart_id: UUID) -> HttpResponse:
    return _page(request, pages.get_saved_chart(actor_of(request), str(chart_id)), Asked(saved=str(chart_id)))


@require_GET
def saved_graph(request: HttpRequest, chart_id: UUID) -> JsonResponse:
    return JsonResponse(pages.get_saved_graph(actor_of(request), str(chart_id)).as_json())


@require_GET
def times(request: HttpRequest, record_id: UUID) -> HttpResponse:
    found = get_times(actor_of(request), record_id=record_id, **TimesForm(request.GET).asked())
    return render(request, "charts/times.html", {"found": found})


@require_GET
def saved_times(request: HttpRequest, chart_id: UUID) -> HttpResponse:
    found = get_times(actor_of(request), chart_id=str(chart_id), **TimesForm(request.GET).asked())
    return render(request, "charts/times.html", {"found": found})


@require_GET
def why(request: HttpRequest) -> JsonResponse:
    reasons = ways.why(actor_of(request), request.GET.get("tie", ""))
    return JsonResponse({"reasons": [asdict(reason) for reason in reasons]})


@require_GET
def way(request: HttpRequest) -> JsonResponse:
    found = ways.find_way(actor_of(request), request.GET.get("from", ""), request.GET.get("to", ""))
    return JsonResponse(found.as_json())


@require_POST
def save(request: HttpRequest) -> HttpResponse:
    form = SaveForm(request.POST)
    if not form.is_valid():
        raise ActRefused("A chart is kept under a title of 1 to 200 letters.")
    freeze = form.cleaned_data["freeze"]
    chart = actions.save_chart(actor_of(request), form.asked(), form.cleaned_data["title"], freeze=freeze)
    said = "The chart is kept as it is." if freeze else "The chart is kept."
    messages.success(request, said, extra_tags=f"undo:{reverse('charts:remove', args=[chart])}")
    return redirect("charts:saved", chart)


@require_POST
def export(request: HttpRequest) -> HttpResponse:
    form = ExportForm(request.POST)
    if not form.is_valid():
        raise ActRefused("A chart is handed out as SVG, PDF or CASE/UCO.")
    file = actions.export_chart(actor_of(request), form.asked(), form.cleaned_data["form"])
    answer = HttpResponse(file.content, content_type=file.media_type)
    answer["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return answer


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
