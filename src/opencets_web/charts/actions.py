"""Keeping link charts: one function per verb."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from opencets.errors import ActRefused
from opencets_web.audit import log
from opencets_web.charts import queries
from opencets_web.charts.models import SavedChart
from opencets_web.evidence.models import Record
from opencets_web.policy import door
from opencets_web.policy.actor import Actor


@transaction.atomic
def save_chart(actor: Actor, around: UUID, title: str) -> UUID:
    """Keep the chart around a record with the record's case: its title, and where each node stands. Returns its id.

    What is drawn is asked anew each time; only places are kept. NotFound: the record is not the actor's to write to.
    """
    record = door.admit(actor, Record.objects.all(), "contribute", pk=around)
    graph = queries.get_graph(actor, around)
    chart = SavedChart(
        holding_id=record.holding_id,
        agency_id=record.agency_id,
        case_id=record.case_id,
        title=title,
        around=around,
        layout={"places": {node.id: [node.x, node.y] for node in graph.nodes}},
        saved_by_id=actor.officer_id,
        saved_at=timezone.now(),
    )
    chart.save(force_insert=True)
    _tell("chart.saved", actor, chart)
    return chart.id


@transaction.atomic
def remove_chart(actor: Actor, chart_id: UUID) -> None:
    """Take a saved chart off the lists; it can be put back."""
    _set_removed(actor, chart_id, removed=True)


@transaction.atomic
def restore_chart(actor: Actor, chart_id: UUID) -> None:
    """Put a removed chart back."""
    _set_removed(actor, chart_id, removed=False)


def _set_removed(actor: Actor, chart_id: UUID, *, removed: bool) -> None:
    chart = door.admit(actor, SavedChart.objects.select_for_update(of=("self",)), "contribute", pk=chart_id)
    if (chart.removed_at is not None) == removed:
        raise ActRefused("The chart is removed already." if removed else "The chart is on the list already.")
    chart.removed_at = timezone.now() if removed else None
    chart.save(update_fields=["removed_at"])
    _tell("chart.removed" if removed else "chart.restored", actor, chart)


def _tell(verb: str, actor: Actor, chart: SavedChart) -> None:
    log.record(
        verb,
        actor,
        holding=(chart.holding_id, chart.agency_id),
        subject=f"chart:{chart.id}",
        details={"title": chart.title},
    )
