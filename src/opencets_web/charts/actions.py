"""Keeping and handing out link charts: one function per verb."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from opencets.errors import ActRefused
from opencets.packing.chart import Chart
from opencets_web.audit import log
from opencets_web.cases.models import Case
from opencets_web.charts import keeping
from opencets_web.charts.exporting import FORMS, File, exported
from opencets_web.charts.keeping import Asked, Composed
from opencets_web.charts.models import SavedChart
from opencets_web.evidence.models import Record
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.labels import label_over
from opencets_web.policy.models import Holding


@transaction.atomic
def save_chart(actor: Actor, asked: Asked, title: str, *, freeze: bool = False) -> UUID:
    """Keep a chart with its case: its title, and what the officer made of it. Returns its id.

    Living, what is drawn is asked anew each time. ``freeze``: what is drawn now is kept as it is, with the date and a digest.
    NotFound: the record or the case is not the actor's to write to.
    """
    if asked.saved:
        kept = keeping.get_saved(actor, asked.saved)
        if kept.frozen_at:
            raise ActRefused("The chart is frozen; open what it was drawn around to draw it anew.")
        asked = Asked(kept.around, kept.case.reference, "", kept.whole, asked.layout)
    if asked.around:
        record = door.admit(actor, Record.objects.all(), "contribute", pk=asked.around)
        case = door.admit(actor, Case.objects.all(), "contribute", pk=record.case_id)
    else:
        case = door.admit(actor, Case.objects.all(), "contribute", reference=asked.reference)
    composed = keeping.compose(actor, asked)
    now = timezone.now()
    chart = SavedChart(
        holding_id=case.holding_id, agency_id=case.agency_id, case_id=case.id, title=title, around=asked.around,
        whole=asked.whole, layout=_places(composed), saved_by_id=actor.officer_id, saved_at=now,
    )  # fmt: skip
    if freeze:
        chart.content = keeping.frozen(composed, now.isoformat(timespec="seconds"))
        chart.sha256, chart.frozen_at = keeping.digest(chart.content), now
        drawn = {holding for holding, _ in composed.owners}
        chart.holdings = [*sorted(drawn | {case.holding_id})]
    chart.save(force_insert=True)
    _tell("chart.frozen" if freeze else "chart.saved", actor, chart)
    return chart.id


def _places(composed: Composed) -> dict[str, object]:
    """What the officer made of it; where nothing was moved, the places in which it is drawn now."""
    places = {node.id: [node.x, node.y] for node in composed.graph.nodes}
    return composed.layout | {"places": places | composed.layout["places"]}


@transaction.atomic
def export_chart(actor: Actor, asked: Asked, form: str) -> File:
    """The chart as a file, with the label of all that it draws. The act is logged on every holding drawn.

    ActRefused: ``case-uco`` of what another agency owns: it is made to be passed on, and its owner alone does that.
    """
    if form not in FORMS:
        raise ActRefused(f"A chart is handed out as one of: {', '.join(FORMS)}.")
    composed = keeping.compose(actor, asked)
    graph, saved, now = composed.graph, composed.saved, timezone.now()
    frozen = saved if saved and saved.frozen_at else None
    drawn = Holding.objects.filter(id__in=frozen.drawn_holdings if frozen else [])
    owners = set(drawn.values_list("id", "agency_id")) or composed.owners
    if form == "case-uco" and any(agency != actor.agency_id for _, agency in owners):
        raise ActRefused(
            "The chart draws what other agencies own, and they alone pass it on: hide it, or ask them for a release. "
            "As a picture or PDF it stays a working copy under its label."
        )
    label = graph.label or label_over(actor, [holding for holding, _ in owners])
    at = frozen.frozen_at if frozen and frozen.frozen_at else now
    told = graph.as_json()
    chart = Chart(
        composed.title, tuple(told["nodes"]), tuple(told["edges"]), label.text(), f"{at:%Y-%m-%d %H:%M} UTC", graph.in_words,
        frozen.sha256 if frozen else "",
    )  # fmt: skip
    file = exported(chart, form, at)
    subject = f"chart:{saved.id}" if saved else f"record:{asked.around}" if asked.around else f"case:{asked.reference}"
    details = {"format": form, "sha256": keeping.digest_of(file.content), "bytes": len(file.content)}
    whose = next((agency for _, agency in composed.titled), None) if subject.startswith("case:") else None
    log.record_each("chart.exported", actor, owners, subject=subject, details=details, whose=whose)
    return file


@transaction.atomic
def remove_chart(actor: Actor, chart_id: UUID) -> None:
    """Take a saved chart off the lists; it can be put back."""
    _set_removed(actor, chart_id, removed=True)


@transaction.atomic
def restore_chart(actor: Actor, chart_id: UUID) -> None:
    """Put a removed chart back."""
    _set_removed(actor, chart_id, removed=False)


def _set_removed(actor: Actor, chart_id: UUID, *, removed: bool) -> None:
    rows = keeping.seen_whole(actor, SavedChart.objects.select_for_update(of=("self",)).defer("content"))
    chart = door.admit(actor, rows, "contribute", pk=chart_id)
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
        details={"title": chart.title} | ({"sha256": chart.sha256} if chart.sha256 else {}),
    )
