"""What stands around a chart on its page: where its parts come from, and what may be done with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.urls import reverse

from opencets_web.audit import log
from opencets_web.cases.queries import CaseFrame, my_cases
from opencets_web.charts import keeping
from opencets_web.charts.models import SavedChart
from opencets_web.charts.queries import Graph
from opencets_web.entities import queries as entities
from opencets_web.entities.queries import PEOPLE
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.rules import LEVELS


@dataclass(frozen=True, slots=True)
class ChartPage:
    """What stands around a chart: what it is drawn around, and where its parts come from."""

    title: str
    subtitle: str
    about_url: str
    here_url: str
    graph_url: str
    focus: str = ""
    expand_url: str = ""
    whole_url: str = ""
    time_url: str = ""
    around: UUID | None = None
    reference: str = ""
    whole: bool = False
    may_save: bool = False
    saved: SavedChart | None = None
    may_remove: bool = False

    @property
    def table_url(self) -> str:
        """The same as a table."""
        return self.here_url + ("&" if "?" in self.here_url else "?") + "view=table"


def get_chart(actor: Actor, record_id: UUID, *, to_keep: bool = True) -> ChartPage:
    """The page of the chart around a record, with the form ``to_keep`` it where the actor may. NotFound: not the actor's."""
    record = door.admit(actor, entities.records_with_places(), pk=record_id)
    # A chart leads across cases: that is asked for here, before the island fetches it.
    log.record("chart.viewed", actor, subject=f"record:{record.id}", details={"section": "page"})
    line = entities.line_of(record)
    url = reverse("charts:graph", args=[record.id])
    return ChartPage(
        title=line.label[:120],
        subtitle=f"{line.kind_label} · {line.subtitle}",
        about_url=line.entity_url if record.kind in PEOPLE else line.url,
        here_url=reverse("charts:around", args=[record.id]),
        graph_url=url,
        expand_url=url,
        time_url=reverse("charts:times", args=[record.id]),
        around=record.id,
        may_save=to_keep and door.level(actor, record.holding_id) >= LEVELS["contribute"],
    )


def get_case_chart(actor: Actor, frame: CaseFrame, *, whole: bool = False, to_keep: bool = True) -> ChartPage:
    """The page of the chart of a case: what connects it, or the ``whole`` of it."""
    log.record("chart.viewed", actor, subject=f"case:{frame.reference}", details={"section": "page"})
    here, url = reverse("charts:case", args=[frame.reference]), reverse("charts:case-graph", args=[frame.reference])
    return ChartPage(
        title=frame.reference,
        subtitle=frame.title,
        about_url=reverse("entities:case", args=[frame.reference]),
        here_url=f"{here}?whole=1" if whole else here,
        graph_url=f"{url}?whole=1" if whole else url,
        focus="" if whole else f"c:{frame.case_id}",
        expand_url=url,
        whole_url="" if whole else f"{here}?whole=1",
        reference=frame.reference,
        whole=whole,
        may_save=to_keep and frame.may_contribute,
    )


def get_saved_chart(actor: Actor, chart_id: str) -> ChartPage:
    """The page of a saved chart. NotFound: it, or something that a frozen one draws, is not the actor's."""
    saved = keeping.get_saved(actor, chart_id)
    if saved.frozen_at:
        keeping.thawed(saved)
    log.record(
        "chart.viewed", actor, holding=(saved.holding_id, saved.agency_id), subject=f"chart:{saved.id}",
        details={"section": "page"},
    )  # fmt: skip
    reference = saved.case.reference
    if saved.around:
        expand, about = reverse("charts:graph", args=[saved.around]), reverse("charts:around", args=[saved.around])
    else:
        expand, about = reverse("charts:case-graph", args=[reference]), reverse("charts:case", args=[reference])
    frozen = saved.frozen_at is not None
    return ChartPage(
        title=saved.title,
        subtitle=f"Kept with {reference}",
        about_url=about,
        here_url=reverse("charts:saved", args=[saved.id]),
        graph_url=reverse("charts:saved-graph", args=[saved.id]),
        expand_url="" if frozen else expand,
        time_url=reverse("charts:saved-times", args=[saved.id]),
        around=saved.around,
        reference="" if saved.around else reference,
        whole=saved.whole,
        may_save=not frozen and door.level(actor, saved.holding_id) >= LEVELS["contribute"],
        saved=saved,
        may_remove=door.level(actor, saved.holding_id) >= LEVELS["contribute"],
    )


def get_saved_graph(actor: Actor, chart_id: str) -> Graph:
    """What a saved chart draws now, or drew when it was frozen, for the island: hidden nodes stay in it, to be shown again."""
    saved = keeping.get_saved(actor, chart_id)
    if saved.frozen_at:
        return keeping.compose(actor, keeping.Asked(saved=chart_id)).graph
    made = keeping.read_layout("") | saved.layout
    _, graph = keeping.drawn(actor, saved.around, saved.case.reference, whole=saved.whole)
    made = keeping.seen_layout(keeping.widened(actor, graph, made), made)
    places: dict[str, Any] = made["places"]
    nodes = tuple(
        replace(node, x=places[node.id][0], y=places[node.id][1]) if node.id in places else node for node in graph.nodes
    )
    return replace(graph, nodes=nodes, layout=made)


# --- The list --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SavedLine:
    """A saved chart in a list."""

    title: str
    case_reference: str
    saved_by: str
    saved_at: datetime
    frozen_at: datetime | None
    url: str
    remove_url: str
    may_remove: bool


@dataclass(frozen=True, slots=True)
class ChartList:
    """Saved charts, and the cases from which one begins."""

    rows: tuple[SavedLine, ...]
    page: Page[SavedChart]
    cases: tuple[tuple[str, str, str], ...]


def list_charts(actor: Actor, number: int = 1) -> ChartList:
    """The saved charts of the actor's cases, the latest first, and the cases that the actor works on."""
    rows = keeping.visible_charts(actor).select_related("case", "saved_by").defer("content")
    page = Paginator(rows.order_by("-saved_at", "-id"), 50).get_page(number)
    log.record("chart.viewed", actor, details={"section": "list", "page": page.number})
    cases = tuple(
        (case.reference, case.title, reverse("charts:case", args=[case.reference])) for case in my_cases(actor)
    )
    return ChartList(
        tuple(
            SavedLine(
                title=chart.title,
                case_reference=chart.case.reference,
                saved_by=chart.saved_by.display_name,
                saved_at=chart.saved_at,
                frozen_at=chart.frozen_at,
                url=reverse("charts:saved", args=[chart.id]),
                remove_url=reverse("charts:remove", args=[chart.id]),
                may_remove=chart.agency_id == actor.agency_id,
            )
            for chart in page
        ),
        page,
        cases,
    )


def as_table(actor: Actor, asked: keeping.Asked, frame: CaseFrame | None = None) -> Graph:
    """The chart as a table and in words: as it is arranged where it is kept."""
    return keeping.compose(actor, asked, frame).graph
