"""Why a tie of a chart is there, and the likeliest way between two of its nodes: asked anew from what the reader may see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Q

from opencets.errors import NotFound
from opencets.linking import Path, explain_tie
from opencets.linking.nearby import Nearby
from opencets.records import KINDS
from opencets_web.cases.models import Case
from opencets_web.charts import queries
from opencets_web.charts.queries import Drawing, Edge, Graph, Reason
from opencets_web.entities import queries as entities
from opencets_web.entities.models import Judgement, Match
from opencets_web.entities.queries import PEOPLE, RecordLine
from opencets_web.evidence.models import Claim, Record
from opencets_web.leads.queries import owners_of, visible_connections
from opencets_web.leads.ties import DatabaseTies
from opencets_web.media.models import NearDuplicate
from opencets_web.policy import door
from opencets_web.policy.actor import Actor

MOST_STEPS = 6
MAX_BITS = 12.0
MOST_FRONTIER = 3_000
"""How many records one step of a search may reach; a value that too many use is not followed."""


def why(actor: Actor, tie: str) -> tuple[Reason, ...]:
    """The reasons of one tie by its id. NotFound: no such tie is open to the actor."""
    drawing = Drawing()
    try:
        edge, at = _edge(actor, drawing, tie)
    except (ValueError, ValidationError):
        raise NotFound from None
    queries.log_chart(actor, drawing, "chart.explained", f"{at}")
    return edge.reasons or ()


def _edge(actor: Actor, drawing: Drawing, tie: str) -> tuple[Edge, str]:
    holder, found, value = tie.partition("|")
    if found:
        return _held_edge(actor, drawing, holder, value), f"{holder}"[:80]
    sort, _, key = tie.partition(":")
    pair: Any
    if sort == "match":
        pair = door.admit(actor, Match.objects.filter(retired_at=None), pk=key)
    elif sort == "judgement":
        pair = door.admit(actor, Judgement.objects.filter(undone_at=None).select_related("by"), pk=key)
    elif sort == "copy":
        copy = door.admit(actor, NearDuplicate.objects.select_related("left", "right"), pk=key)
        lines = _lines(actor, {copy.left.record_id, copy.right.record_id})
        left, right = (queries.record_node(lines[side.record_id]) for side in (copy.left, copy.right))
        _owe(drawing, copy)
        return queries.copy_edge(copy, left, right), tie
    elif sort == "connection":
        rows = list(visible_connections(actor).filter(pk=key))
        if not rows:
            raise NotFound
        drawing.of_node[tie] |= owners_of(rows)[rows[0].id]
        return queries.connection_edge(rows[0]), tie
    else:
        raise NotFound
    groups = entities.list_groups(actor, {pair.left_id, pair.right_id})
    if len(groups) < 2:
        raise NotFound
    nodes = [queries.entity_node(groups[side]) for side in (pair.left_id, pair.right_id)]
    _owe(drawing, pair)
    made = queries.match_edge if sort == "match" else queries.judgement_edge
    return made(pair, *nodes), tie


def _owe(drawing: Drawing, pair: Any) -> None:
    drawing.of_node[str(pair.id)] |= {
        (pair.left_holding_id, pair.left_agency_id), (pair.right_holding_id, pair.right_agency_id)
    }  # fmt: skip


def _held_edge(actor: Actor, drawing: Drawing, holder: str, value: str) -> Edge:
    """A tie between a holder and a value, a holder and a case, or a value and a case."""
    if holder.startswith("v:"):
        return _value_in_case(actor, drawing, holder, value)
    record = door.admit(actor, entities.records_with_places(), pk=holder[2:])
    if record.kind in PEOPLE:
        group = entities.list_groups(actor, [record.id])[record.id]
        node, lines, claims = queries.entity_node(group), group.lines, list(group.claims)
        drawing.of_node[node.id] |= group.holdings
    else:
        line = entities.line_of(record)
        node, lines = queries.record_node(line), (line,)
        claims = list(door.visible(actor, Claim.objects.filter(record=record)).order_by("id")[:500])
        drawing.of_node[node.id].add((record.holding_id, record.agency_id))
    if value.startswith("c:"):
        case = door.admit(actor, Case.objects.all(), pk=value[2:])
        inside = [line for line in lines if line.case_reference == case.reference]
        return queries.standing_edge(node, case, inside)
    kind, normal = _value(value)
    said = [claim for claim in claims if claim.kind == kind and claim.normal == normal]
    if not said:
        raise NotFound
    return queries.claim_edge(node, said, {line.id: line for line in lines})


def _value_in_case(actor: Actor, drawing: Drawing, value: str, case_id: str) -> Edge:
    kind, normal = _value(value)
    case = door.admit(actor, Case.objects.all(), pk=case_id[2:])
    rows = Claim.objects.filter(kind=kind, normal=normal, case=case, record__retired_at=None)
    said = list(door.visible(actor, rows).order_by("id")[: queries.MOST_REASONS])
    if not said:
        raise NotFound
    lines = _lines(actor, {claim.record_id for claim in said})
    drawing.of_node[value].add((case.holding_id, case.agency_id))
    return Edge(
        f"{value}|{case_id}", value, case_id, "record", "stands in", "",
        reasons=tuple(
            Reason(f"{lines[claim.record_id].label} · {lines[claim.record_id].exhibit}", claim.raw[:200],
                   lines[claim.record_id].locator)
            for claim in said if claim.record_id in lines
        ),
    )  # fmt: skip


def _value(node: str) -> tuple[str, str]:
    sort, _, rest = node.partition(":")
    kind, _, normal = rest.partition(":")
    if sort != "v" or kind not in KINDS:
        raise NotFound
    return kind, normal


def _lines(actor: Actor, ids: Iterable[UUID]) -> dict[UUID, RecordLine]:
    rows = door.visible(actor, entities.records_with_places().filter(pk__in=set(ids)))
    return {record.id: entities.line_of(record) for record in rows}


# --- The way between two ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _End:
    """One end of a search: the node, as what it is drawn, and the records that stand for it."""

    node: str
    drawn_as: str
    records: frozenset[str]


def find_way(actor: Actor, start: str, end: str) -> Graph:
    """The likeliest way between two nodes over values that link, at most six values long, as a chart to be merged in.

    By the same table of worths as every path: rare values before common ones, and less for years between. Empty where there is
    none. NotFound: a node is not the actor's.
    """
    ends = [_begin(actor, node) for node in (start, end)]
    drawing = Drawing()
    told: tuple[str, ...] = ()
    if not ends[0].records & ends[1].records:
        source = DatabaseTies(counted=False, values_alone=True)
        near = Nearby(
            ends[0].records | ends[1].records,
            source,
            layers=MOST_STEPS // 2,
            most_records=MOST_FRONTIER,
            max_bits=MAX_BITS,
        )
        paths = near.paths(ends[0].records, ends[1].records, group_of=source.group_of, count=1)
        if paths:
            told = _draw_way(actor, drawing, paths[0])
            for one in ends:
                drawing.rename(one.drawn_as, one.node)
    queries.log_chart(actor, drawing, "chart.way-sought", start[:80])
    return replace(drawing.unplaced(), told=told)


def _begin(actor: Actor, node: str) -> _End:
    sort, _, rest = node.partition(":")
    records: set[UUID]
    drawn_as = node
    if sort in ("e", "r"):
        record = door.admit(actor, Record.objects.all(), pk=rest)
        group = entities.list_groups(actor, [record.id]).get(record.id)
        records = {line.id for line in group.lines} if group else {record.id}
        drawn_as = f"e:{group.anchor}" if group else node
    elif sort == "v":
        kind, normal = _value(node)
        rows = Claim.objects.filter(kind=kind, normal=normal, record__retired_at=None)
        records = set(door.visible(actor, rows).values_list("record_id", flat=True)[:MOST_FRONTIER])
    elif sort == "c":
        case = door.admit(actor, Case.objects.all(), pk=rest)
        inside = Record.objects.filter(case=case, kind__in=PEOPLE, retired_at=None)
        records = set(door.visible(actor, inside).order_by("id").values_list("id", flat=True)[:MOST_FRONTIER])
    else:
        raise NotFound
    if not records:
        raise NotFound
    return _End(node, drawn_as, frozenset(map(str, records)))


def _draw_way(actor: Actor, drawing: Drawing, path: Path) -> tuple[str, ...]:
    """Draw the claims that the way leads over, where all of them are open; how likely it is and each of its ties in words."""
    ids = {UUID(record) for record in path.records}
    same = Q(pk__in=[])
    for tie in path.ties:
        same |= Q(kind=tie.kind, normal=tie.value, record__in=(tie.left, tie.right))
    claims = list(door.visible(actor, Claim.objects.filter(same)).order_by("id"))
    called = {str(key): f"{line.label[:60]} ({line.case_reference})" for key, line in _lines(actor, ids).items()}
    if len(called) < len(ids) or {str(claim.record_id) for claim in claims} < called.keys():
        return ()
    queries.draw_neighbours(actor, drawing, queries.Neighbours(claims=claims), None, values=True)
    steps = [f"{called[tie.left]} and {called[tie.right]}: {explain_tie(tie)}." for tie in path.ties]
    return (f"All of it holds with a probability of {entities.percent_of(path.probability)}.", *steps)
