"""Reading a link chart: entities, records and values as nodes, and for every edge why it is there.

Nodes: ``e:<record id>`` an entity by its anchor, ``r:<record id>`` any other record, ``v:<kind>:<value>`` a value,
``c:<case id>`` a case. Everything is asked anew from what the reader may see; places are computed here, so that slow
machines only draw.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Case as When_case
from django.db.models import F, Q, Value, When, Window
from django.db.models.functions import RowNumber
from django.urls import NoReverseMatch, reverse

from opencets.errors import NotFound
from opencets.linking import layout
from opencets.records import KINDS
from opencets.values.handling import Label
from opencets_web.audit import log
from opencets_web.cases.models import Case
from opencets_web.cases.queries import CaseFrame, my_cases
from opencets_web.charts.models import SavedChart
from opencets_web.entities import queries as entities
from opencets_web.entities.models import Judgement, Match, Verdict
from opencets_web.entities.queries import PEOPLE, ROLE_WORDS, STRONG_KINDS, Group, RecordLine
from opencets_web.evidence.models import Claim, Record
from opencets_web.leads.models import Connection
from opencets_web.media.models import NearDuplicate
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.labels import label_over
from opencets_web.policy.rules import LEVELS

MOST_NODES = 150
MOST_VALUES = 60
MOST_HOLDERS = 12
"""How many holders of one value are drawn at first; expanding the value draws up to ``MOST_EXPANDED``."""
MOST_EXPANDED = 40
MOST_REASONS = 8


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that speaks for an edge."""

    sentence: str
    left: str = ""
    right: str = ""
    bits: float | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A thing on the chart; x and y are None where the page places it beside what was expanded."""

    id: str
    label: str
    kind: str
    subtitle: str = ""
    url: str = ""
    generic: bool = False
    x: float | None = None
    y: float | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """A tie on the chart, with what speaks for it."""

    id: str
    source: str
    target: str
    kind: str
    label: str
    sentence: str
    bits: float | None = None
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes and edges with places; ``more`` where the cap left something out."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    more: bool
    label: Label | None = None
    """Of all holdings that are drawn, the most restrictive."""

    def as_json(self) -> dict[str, Any]:
        """As the island ``linkchart`` takes it."""
        return {"nodes": [asdict(node) for node in self.nodes], "edges": [asdict(edge) for edge in self.edges],
                "more": self.more, "label": self.label.text() if self.label else ""}  # fmt: skip

    @property
    def rows(self) -> list[tuple[Node, Edge, Node]]:
        """The chart as a table: from, tie, to."""
        by_id = {node.id: node for node in self.nodes}
        return [(by_id[edge.source], edge, by_id[edge.target]) for edge in self.edges]


@dataclass(slots=True)
class _Drawing:
    """A chart being drawn: what is on it so far, and whose records were looked at."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[str, Edge] = field(default_factory=dict)
    holdings: set[tuple[UUID, UUID]] = field(default_factory=set)
    more: bool = False

    def add(self, node: Node) -> bool:
        """Whether the node is on the chart: the cap may leave it out."""
        if node.id in self.nodes:
            return True
        if len(self.nodes) >= MOST_NODES:
            self.more = True
            return False
        self.nodes[node.id] = node
        return True

    def tie(self, edge: Edge) -> None:
        """Add an edge whose two ends are drawn."""
        if edge.source in self.nodes and edge.target in self.nodes and edge.source != edge.target:
            self.edges.setdefault(edge.id, edge)

    def placed(self, seed: str, fixed: Mapping[str, tuple[float, float]] | None = None) -> Graph:
        """The chart with a place for every node; fixed nodes stay where they are."""
        ends = [(edge.source, edge.target) for edge in self.edges.values()]
        places = layout(self.nodes, ends, zlib.crc32(seed.encode()), fixed, spacing=80.0)
        nodes = tuple(
            Node(node.id, node.label, node.kind, node.subtitle, node.url, node.generic, *places[node.id])
            for node in self.nodes.values()
        )
        return Graph(nodes, tuple(self.edges.values()), self.more)

    def unplaced(self) -> Graph:
        """The chart without places."""
        return Graph(tuple(self.nodes.values()), tuple(self.edges.values()), self.more)


# --- Nodes and edges -------------------------------------------------------------------------------------------------


def _value_id(kind: str, normal: str) -> str:
    return f"v:{kind}:{normal}"


def _entity_node(group: Group) -> Node:
    cases = sorted({line.case_reference for line in group.lines})
    shown = ", ".join(cases[:3]) + (f" and {len(cases) - 3} more" if len(cases) > 3 else "")
    subtitle = f"{len(group.lines)} records · {shown}" if len(group.lines) > 1 else group.lines[0].subtitle
    url = reverse("entities:detail", args=[group.anchor])
    return Node(f"e:{group.anchor}", group.label, group.kind, subtitle, url)


def _record_node(line: RecordLine) -> Node:
    return Node(f"r:{line.id}", line.label[:120], line.kind, line.subtitle, line.url)


def _value_node(claim: Claim) -> Node:
    normal = claim.normal or ""
    kind = KINDS[claim.kind]
    return Node(_value_id(claim.kind, normal), normal, claim.kind, kind.label, "", claim.generic)


def _case_node(case: Case) -> Node:
    return Node(f"c:{case.id}", case.reference, "case", case.title, _case_url(case.reference))


def _case_url(reference: str) -> str:
    try:
        return reverse("desk:case", args=[reference])
    except NoReverseMatch:
        return reverse("entities:case", args=[reference])


def _claim_edge(holder: Node, claims: Sequence[Claim], lines: Mapping[UUID, RecordLine]) -> Edge:
    """The edge between a holder and a value, with the claims that say so."""
    first = claims[0]
    normal = first.normal or ""
    roles = sorted({claim.role for claim in claims})
    role = ROLE_WORDS.get("own" if "own" in roles else roles[0], roles[0])
    kind = KINDS[first.kind]
    sentence = f"{holder.label} has {kind.label} {normal} ({role}), said by {_counted(len(claims), 'claim')}."
    if first.generic:
        sentence += " Too many use this value; it links nobody."
    return Edge(
        id=f"{holder.id}|{_value_id(first.kind, normal)}",
        source=holder.id,
        target=_value_id(first.kind, normal),
        kind=first.kind,
        label=role,
        sentence=sentence,
        reasons=tuple(
            Reason(
                f"{lines[claim.record_id].case_reference} · {lines[claim.record_id].exhibit}, read by"
                f" {lines[claim.record_id].reader}",
                claim.raw[:200],
                lines[claim.record_id].locator,
            )
            for claim in claims[:MOST_REASONS]
        ),
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _match_edge(match: Match, left: Node, right: Node) -> Edge:
    percent = entities.percent_of(match.probability)
    return Edge(
        id=f"match:{match.id}",
        source=left.id,
        target=right.id,
        kind="match",
        label=percent,
        sentence=f"Suggested: {left.label} and {right.label} are the same person ({percent}). Nobody has judged it.",
        bits=match.bits,
        reasons=tuple(
            Reason(str(reason["sentence"]), str(reason["left"]), str(reason["right"]), float(reason["bits"]))
            for reason in match.reasons
        ),
    )


def _judgement_edge(judgement: Judgement, left: Node, right: Node) -> Edge:
    verdict = Verdict(judgement.verdict).label
    return Edge(
        id=f"judgement:{judgement.id}",
        source=left.id,
        target=right.id,
        kind="judgement",
        label=verdict.lower(),
        sentence=f"{verdict}, judged by {judgement.by.display_name} on {judgement.at:%Y-%m-%d}.",
        reasons=(Reason(judgement.reason),),
    )


def _copy_edge(copy: NearDuplicate, left: Node, right: Node) -> Edge:
    left_second, right_second = (
        f"at {second:.1f} s" if second is not None else "" for second in (copy.left_second, copy.right_second)
    )
    return Edge(
        id=f"copy:{copy.id}",
        source=left.id,
        target=right.id,
        kind="near_duplicate",
        label=f"distance {copy.distance}",
        sentence=f"Near-duplicates: their PDQ differ in {copy.distance} of 256 bits.",
        reasons=(Reason("Compared by PDQ; 31 or fewer bits count as near", left_second, right_second),),
    )


# --- Drawing ---------------------------------------------------------------------------------------------------------


def _draw_entity(drawing: _Drawing, group: Group) -> Node | None:
    node = _entity_node(group)
    if not drawing.add(node):
        return None
    drawing.holdings |= group.holdings
    return node


def _draw_values(drawing: _Drawing, holder: Node, claims: Iterable[Claim], lines: Sequence[RecordLine]) -> list[Claim]:
    """Draw the values that a holder's records claim; returns one claim for each, those that still link."""
    by_value: dict[tuple[str, str], list[Claim]] = defaultdict(list)
    for claim in claims:
        if claim.normal is not None and claim.kind in STRONG_KINDS:
            by_value[claim.kind, claim.normal].append(claim)
    by_id = {line.id: line for line in lines}
    ranked = sorted(
        by_value.values(), key=lambda of: (of[0].generic, of[0].role != "own", -len(of), of[0].normal or "")
    )
    drawing.more |= len(ranked) > MOST_VALUES
    linking = []
    for of in ranked[:MOST_VALUES]:
        if drawing.add(_value_node(of[0])):
            drawing.tie(_claim_edge(holder, of, by_id))
            if not of[0].generic:
                linking.append(of[0])
    return linking


Pair = Match | Judgement


@dataclass(slots=True)
class _Neighbours:
    """What stands around a node before it is drawn: pairs with other entities, and claims of others to its values."""

    pairs: list[Pair] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)


def _list_holders(actor: Actor, drawing: _Drawing, values: Sequence[Claim], most: int) -> list[Claim]:
    """Who else holds some values: people and accounts first, at most ``most`` claims a value."""
    same = Q(pk__in=[])
    for claim in values:
        same |= Q(kind=claim.kind, normal=claim.normal)
    order = [When(record__kind=kind, then=Value(at)) for at, kind in enumerate((*PEOPLE, "device", "media"))]
    place = Window(
        RowNumber(),
        partition_by=[F("kind"), F("normal")],
        order_by=[When_case(*order, default=Value(9)), F("record_id"), F("id")],
    )
    rows = door.visible(actor, Claim.objects.filter(same, generic=False, record__retired_at=None)).annotate(place=place)
    claims = list(rows.filter(place__lte=most + 1).order_by("kind", "normal", "place"))
    drawing.more |= any(claim.place > most for claim in claims)
    return [claim for claim in claims if claim.place <= most]


def _list_pairs(actor: Actor, group: Group) -> list[Pair]:
    """The judgements and the undecided suggestions between this entity and others."""
    members = {line.id for line in group.lines}
    touching = Q(left__in=members) | Q(right__in=members)
    matches = list(door.visible(actor, Match.objects.filter(touching, retired_at=None)).order_by("-probability")[:30])
    standing = Judgement.objects.filter(touching, undone_at=None).select_related("by")
    judged = list(door.visible(actor, standing).order_by("-at")[:30])
    decided = {(judgement.left_id, judgement.right_id) for judgement in judged}
    return [*judged, *(match for match in matches if (match.left_id, match.right_id) not in decided)]


def _draw_neighbours(actor: Actor, drawing: _Drawing, found: _Neighbours, centre: Group | None) -> None:
    """Draw the entities and records of these pairs and claims, and their ties."""
    records = _records(actor, {claim.record_id for claim in found.claims})
    sides = {side for pair in found.pairs for side in (pair.left_id, pair.right_id)}
    known = {line.id: centre for line in centre.lines} if centre else {}
    people = {record.id for record in records.values() if record.kind in PEOPLE}
    groups = known | entities.list_groups(actor, (sides | people) - set(known))
    for pair in found.pairs:
        left, right = groups.get(pair.left_id), groups.get(pair.right_id)
        if left is None or right is None or left.anchor == right.anchor:
            continue
        one, other = _draw_entity(drawing, left), _draw_entity(drawing, right)
        if one is not None and other is not None:
            tie = _match_edge(pair, one, other) if isinstance(pair, Match) else _judgement_edge(pair, one, other)
            drawing.tie(tie)
    by_tie: dict[tuple[str, str, str | None], list[Claim]] = defaultdict(list)
    holders: dict[str, tuple[Node, dict[UUID, RecordLine]]] = {}
    for claim in found.claims:
        record = records.get(claim.record_id)
        if record is None:
            continue
        group = groups.get(record.id)
        node = _entity_node(group) if group else _record_node(entities.line_of(record))
        if not drawing.add(node):
            continue
        drawing.holdings |= group.holdings if group else {(record.holding_id, record.agency_id)}
        # Cut short, two looks at one entity may know different records of it.
        lines = group.lines if group else (entities.line_of(record),)
        holders.setdefault(node.id, (node, {}))[1].update({line.id: line for line in lines})
        by_tie[node.id, claim.kind, claim.normal].append(claim)
    for (node_id, _, _), of in by_tie.items():
        drawing.tie(_claim_edge(holders[node_id][0], of, holders[node_id][1]))


def _records(actor: Actor, ids: set[UUID]) -> dict[UUID, Record]:
    rows = door.visible(actor, entities.records_with_places().filter(pk__in=ids)) if ids else []
    return {record.id: record for record in rows}


def _draw_copies(actor: Actor, drawing: _Drawing, record: Record, node: Node) -> None:
    """Draw the near-duplicates of a picture or video, where both sides are visible."""
    touching = Q(left__record=record) | Q(right__record=record)
    rows = NearDuplicate.objects.filter(touching).select_related("left", "right").order_by("distance", "id")
    copies = list(door.visible(actor, rows)[:MOST_EXPANDED])
    others = _records(actor, {side for copy in copies for side in (copy.left.record_id, copy.right.record_id)})
    for copy in copies:
        other = others.get(copy.right.record_id if copy.left.record_id == record.id else copy.left.record_id)
        if other is None:
            continue
        drawn = _record_node(entities.line_of(other))
        if drawing.add(drawn):
            drawing.holdings.add((other.holding_id, other.agency_id))
            left, right = (node, drawn) if copy.left.record_id == record.id else (drawn, node)
            drawing.tie(_copy_edge(copy, left, right))


def _draw_record(actor: Actor, drawing: _Drawing, record: Record) -> None:
    """Draw a record, or the entity that it belongs to, its values, and what stands around them."""
    if record.kind in PEOPLE:
        group = entities.list_groups(actor, [record.id])[record.id]
        node = _draw_entity(drawing, group)
        if node is not None:
            values = _draw_values(drawing, node, group.claims, group.lines)
            around = _Neighbours(_list_pairs(actor, group), _list_holders(actor, drawing, values, MOST_HOLDERS))
            _draw_neighbours(actor, drawing, around, group)
        return
    line = entities.line_of(record)
    node = _record_node(line)
    drawing.add(node)
    drawing.holdings.add((record.holding_id, record.agency_id))
    claims = door.visible(actor, Claim.objects.filter(record=record)).order_by("id")[:500]
    values = _draw_values(drawing, node, claims, [line])
    _draw_neighbours(actor, drawing, _Neighbours(claims=_list_holders(actor, drawing, values, MOST_HOLDERS)), None)
    if record.kind == "media":
        _draw_copies(actor, drawing, record, node)


# --- The charts ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChartPage:
    """What stands around a chart: what it is drawn around, and where its parts come from."""

    title: str
    subtitle: str
    focus: str
    about_url: str
    graph_url: str
    expand_url: str
    table_url: str
    save_url: str
    around: UUID | None
    may_save: bool
    saved_as: str
    remove_url: str


def get_chart(actor: Actor, record_id: UUID, saved_id: str = "", *, to_keep: bool = True) -> ChartPage:
    """The page of the chart around a record, with the form ``to_keep`` it where the actor may.

    NotFound: the record, or the saved chart, is not the actor's.
    """
    record = door.admit(actor, entities.records_with_places(), pk=record_id)
    saved = door.admit(actor, SavedChart.objects.filter(removed_at=None), pk=saved_id) if saved_id else None
    # A chart leads across cases: that is asked for here, before the island fetches it.
    log.record("chart.viewed", actor, subject=f"record:{record.id}", details={"section": "page"})
    line = entities.line_of(record)
    url = reverse("charts:graph", args=[record.id])
    given = f"?saved={saved.id}" if saved else ""
    people = record.kind in PEOPLE
    return ChartPage(
        title=line.label[:120],
        subtitle=f"{line.kind_label} · {line.subtitle}",
        focus="",
        about_url=line.entity_url if people else line.url,
        graph_url=url + given,
        expand_url=url + given,
        table_url=reverse("charts:around", args=[record.id]) + (f"{given}&" if given else "?") + "view=table",
        save_url=reverse("charts:save"),
        around=record.id,
        may_save=to_keep and door.level(actor, record.holding_id) >= LEVELS["contribute"],
        saved_as=saved.title if saved else "",
        remove_url=reverse("charts:remove", args=[saved.id]) if saved else "",
    )


def get_graph(actor: Actor, record_id: UUID, *, expand: str = "", saved_id: str = "") -> Graph:
    """The chart around a record, two steps far; with ``expand`` what stands around one of its nodes, to be merged in.

    The same chart has the same places each time; a saved chart keeps the places it was saved with, and what is new
    finds a place beside. NotFound: the record, the saved chart or the node is not the actor's.
    """
    record = door.admit(actor, entities.records_with_places(), pk=record_id)
    saved = door.admit(actor, SavedChart.objects.filter(removed_at=None), pk=saved_id) if saved_id else None
    drawing = _Drawing()
    _draw_record(actor, drawing, record)
    first = drawing.placed(str(record.id), _places(saved))
    if expand:
        return _expanded(actor, first, expand)
    _log(actor, drawing, "chart.viewed", f"record:{record.id}")
    return _labelled(actor, drawing, first)


def _labelled(actor: Actor, drawing: _Drawing, graph: Graph) -> Graph:
    return replace(graph, label=label_over(actor, [holding for holding, _ in drawing.holdings]))


def _places(saved: SavedChart | None) -> dict[str, tuple[float, float]] | None:
    """The places that a saved chart keeps; anything that is no pair of numbers is passed over."""
    places = saved.layout.get("places") if saved and isinstance(saved.layout, dict) else None
    if not isinstance(places, dict):
        return None
    return {
        str(node): (float(place[0]), float(place[1]))
        for node, place in places.items()
        if isinstance(place, list) and len(place) == 2 and all(isinstance(part, int | float) for part in place)
    }


def _expanded(actor: Actor, first: Graph, node_id: str) -> Graph:
    """What stands around one node; places only where the node's own place is known here."""
    drawing = _Drawing()
    _draw_around(actor, drawing, node_id)
    _log(actor, drawing, "chart.expanded", node_id[:80])
    known = {node.id: (node.x or 0.0, node.y or 0.0) for node in first.nodes}
    if node_id not in known:
        return drawing.unplaced()
    # Places of the whole chart, so that what is new does not land on what is there.
    whole = _Drawing(nodes={**{node.id: node for node in first.nodes}, **drawing.nodes},
                     edges={**{edge.id: edge for edge in first.edges}, **drawing.edges})  # fmt: skip
    placed = whole.placed(node_id, known)
    mine = set(drawing.nodes)
    return Graph(tuple(node for node in placed.nodes if node.id in mine), tuple(drawing.edges.values()), drawing.more)


def _draw_around(actor: Actor, drawing: _Drawing, node_id: str) -> None:
    sort, _, rest = node_id.partition(":")
    if sort in ("e", "r"):
        record = door.admit(actor, entities.records_with_places(), pk=rest)
        _draw_record(actor, drawing, record)
    elif sort == "v":
        kind, _, normal = rest.partition(":")
        claim = door.visible(actor, Claim.objects.filter(kind=kind, normal=normal)).first()
        if claim is None or kind not in KINDS:
            raise NotFound
        drawing.add(_value_node(claim))
        if not claim.generic:
            found = _Neighbours(claims=_list_holders(actor, drawing, [claim], MOST_EXPANDED))
            _draw_neighbours(actor, drawing, found, None)
    elif sort == "c":
        case = door.admit(actor, Case.objects.all(), pk=rest)
        _draw_case(actor, drawing, case)
    else:
        raise NotFound


def _log(actor: Actor, drawing: _Drawing, verb: str, subject: str) -> None:
    """One line for each holding on the chart, so that every owner sees who looked."""
    log.record_each(verb, actor, drawing.holdings, subject=subject)


# --- The chart of a case ---------------------------------------------------------------------------------------------


def get_case_chart(actor: Actor, frame: CaseFrame) -> ChartPage:
    """The page of the chart of a case."""
    log.record("chart.viewed", actor, subject=f"case:{frame.reference}", details={"section": "page"})
    url = reverse("charts:case-graph", args=[frame.reference])
    return ChartPage(
        title=frame.reference,
        subtitle=frame.title,
        focus=f"c:{frame.case_id}",
        about_url=reverse("entities:case", args=[frame.reference]),
        graph_url=url,
        expand_url=url,
        table_url=reverse("charts:case", args=[frame.reference]) + "?view=table",
        save_url="",
        around=None,
        may_save=False,
        saved_as="",
        remove_url="",
    )


def get_case_graph(actor: Actor, frame: CaseFrame, *, expand: str = "") -> Graph:
    """The case, its entities, and the other visible cases in which they stand or which are connected to it."""
    case = door.admit(actor, Case.objects.all(), pk=frame.case_id)
    drawing = _Drawing()
    _draw_case(actor, drawing, case)
    first = drawing.placed(str(case.id))
    if expand:
        return _expanded(actor, first, expand)
    _log(actor, drawing, "chart.viewed", f"case:{frame.reference}")
    return _labelled(actor, drawing, first)


def _draw_case(actor: Actor, drawing: _Drawing, case: Case) -> None:
    node = _case_node(case)
    drawing.add(node)
    drawing.holdings.add((case.holding_id, case.agency_id))
    _draw_connections(actor, drawing, case)
    people = door.visible(actor, Record.objects.filter(case=case, kind__in=PEOPLE, retired_at=None)).order_by(
        "kind", "id"
    )
    ids = list(people.values_list("id", flat=True)[: MOST_NODES * 2])
    groups = {group.anchor: group for group in entities.list_groups(actor, ids).values()}
    ranked = sorted(
        groups.values(),
        key=lambda group: (
            -len({line.case_reference for line in group.lines}),
            group.kind,
            -len(group.lines),
            group.anchor,
        ),
    )
    drawing.more |= len(ids) == MOST_NODES * 2
    wanted = {line.case_reference for group in ranked[:60] for line in group.lines}
    cases = {each.reference: each for each in door.visible(actor, Case.objects.filter(reference__in=wanted))}
    drawing.more |= len(ranked) > 60
    for group in ranked[:60]:
        drawn = _draw_entity(drawing, group)
        if drawn is None:
            break
        in_case: dict[str, list[RecordLine]] = defaultdict(list)
        for line in group.lines:
            in_case[line.case_reference].append(line)
        for reference, lines in sorted(in_case.items()):
            if reference in cases and drawing.add(_case_node(cases[reference])):
                drawing.tie(_standing_edge(drawn, cases[reference], lines))


def _standing_edge(entity: Node, case: Case, lines: Sequence[RecordLine]) -> Edge:
    return Edge(
        id=f"{entity.id}|c:{case.id}",
        source=entity.id,
        target=f"c:{case.id}",
        kind="record",
        label="stands in",
        sentence=f"{entity.label} stands in {case.reference}, in {_counted(len(lines), 'record')}.",
        reasons=tuple(Reason(line.label[:120], line.exhibit, line.locator) for line in lines[:MOST_REASONS]),
    )


def _draw_connections(actor: Actor, drawing: _Drawing, case: Case) -> None:
    """Draw the cases that matching found connected to this one, where the reader may see every holding on the way."""
    touching = Q(left_case=case) | Q(right_case=case)
    rows = Connection.objects.filter(touching, retired_at=None).select_related("left_case", "right_case")
    for connection in door.visible(actor, rows).order_by("-strength")[:MOST_EXPANDED]:
        other = connection.right_case if connection.left_case_id == case.id else connection.left_case
        if drawing.add(_case_node(other)):
            drawing.tie(
                Edge(
                    id=f"connection:{connection.id}",
                    source=f"c:{connection.left_case_id}",
                    target=f"c:{connection.right_case_id}",
                    kind="connection",
                    label=f"{connection.hops} steps" if connection.hops > 1 else "direct",
                    sentence=connection.sentence,
                    reasons=(
                        Reason(f"Connected ({entities.percent_of(connection.probability)}) by {connection.model}"),
                    ),
                )
            )


# --- Saved charts ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SavedLine:
    """A saved chart in a list."""

    title: str
    case_reference: str
    saved_by: str
    saved_at: datetime
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
    rows = door.visible(actor, SavedChart.objects.filter(removed_at=None).select_related("case", "saved_by"))
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
                url=f"{reverse('charts:around', args=[chart.around])}?saved={chart.id}",
                remove_url=reverse("charts:remove", args=[chart.id]),
                may_remove=chart.agency_id == actor.agency_id,
            )
            for chart in page
        ),
        page,
        cases,
    )
