"""Reading a link chart: entities, records and values as nodes, and for every edge why it is there.

Nodes: ``e:<record id>`` an entity by its anchor, ``r:<record id>`` any other record, ``v:<kind>:<value>`` a value,
``c:<case id>`` a case. Everything is asked anew from what the reader may see; places are computed here, so that slow
machines only draw.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from uuid import UUID

from django.db.models import Case as When_case
from django.db.models import F, Q, Value, When, Window
from django.db.models.functions import RowNumber
from django.urls import NoReverseMatch, reverse

from opencets.errors import NotFound
from opencets.linking import layout
from opencets.records import KINDS, RECORDS
from opencets.values.handling import Label
from opencets_web.audit import log
from opencets_web.audit.verbs import ACROSS_CASES
from opencets_web.cases.models import Case
from opencets_web.cases.queries import CaseFrame
from opencets_web.charts.models import SavedChart
from opencets_web.entities import queries as entities
from opencets_web.entities.models import Judgement, Match, Verdict
from opencets_web.entities.queries import PEOPLE, ROLE_WORDS, STRONG_KINDS, Group, RecordLine
from opencets_web.evidence.models import Claim, Record
from opencets_web.leads.models import Connection
from opencets_web.leads.queries import owners_of, visible_connections
from opencets_web.media.models import NearDuplicate
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.labels import label_over
from opencets_web.policy.models import Holding

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
    note: str = ""
    """What an officer wrote beside it on a kept chart."""


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
    reasons: tuple[Reason, ...] | None = ()
    """None: not told along with a large chart; ``why`` tells them for this tie."""
    first: str = ""
    last: str = ""
    """The days between which its records happened; empty where they name none."""


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes and edges with places; ``more`` where the cap left something out."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    more: bool
    label: Label | None = None
    """Of all holdings that are drawn, the most restrictive."""
    holdings: Mapping[str, frozenset[tuple[UUID, UUID]]] = field(default_factory=dict)
    """Whose records each node stands for, with their agency."""
    layout: Mapping[str, Any] | None = None
    """What an officer made of a kept chart."""
    told: tuple[str, ...] = ()
    """Of a way between two: how likely it is, and each of its ties in words."""

    def as_json(self) -> dict[str, Any]:
        """As the island ``linkchart`` takes it."""
        told = {"nodes": [_told(node) for node in self.nodes], "edges": [_told_edge(edge) for edge in self.edges],
                "more": self.more, "label": self.label.text() if self.label else ""}  # fmt: skip
        if self.told:
            told["told"] = self.told
        return told if self.layout is None else told | {"layout": self.layout}

    @property
    def rows(self) -> list[tuple[Node, Edge, Node]]:
        """The chart as a table: from, tie, to."""
        by_id = {node.id: node for node in self.nodes}
        return [(by_id[edge.source], edge, by_id[edge.target]) for edge in self.edges]

    @property
    def in_words(self) -> tuple[str, ...]:
        """The chart in sentences, for who does not see it: how much is drawn, what most ties meet in, what stands apart."""
        return told_in_words(self)


def _told(node: Node) -> dict[str, Any]:
    return {name: getattr(node, name) for name in Node.__slots__}


def _told_edge(edge: Edge) -> dict[str, Any]:
    told = {name: getattr(edge, name) for name in Edge.__slots__}
    if edge.reasons is not None:
        told["reasons"] = [asdict(reason) for reason in edge.reasons]
    return told


def told_in_words(graph: Graph) -> tuple[str, ...]:
    """A chart in a few sentences."""
    if not graph.nodes:
        return ("Nothing is drawn.",)
    kinds = Counter(node.kind for node in graph.nodes)
    listed = ", ".join(f"{_kind_words(kind)}: {number}" for kind, number in kinds.most_common())
    sentences = [
        f"The chart shows {counted(len(graph.nodes), 'thing')} ({listed}) and {counted(len(graph.edges), 'tie')}."
    ]
    ends = Counter(end for edge in graph.edges for end in (edge.source, edge.target))
    by_id = {node.id: node for node in graph.nodes}
    for node_id, ties in ends.most_common(3):
        mine = [edge for edge in graph.edges if node_id in (edge.source, edge.target)]
        others = [edge.target if edge.source == node_id else edge.source for edge in mine]
        named = list(dict.fromkeys(by_id[other].label for other in others if other in by_id))
        more = f" and {len(named) - 5} more" if len(named) > 5 else ""
        sentences.append(f"{by_id[node_id].label} has {counted(ties, 'tie')}: to {', '.join(named[:5])}{more}.")
    alone = sum(1 for node in graph.nodes if node.id not in ends)
    if alone:
        sentences.append(f"{counted(alone, 'thing')} stand{'s' if alone == 1 else ''} without a tie.")
    days = sorted(day for edge in graph.edges for day in (edge.first, edge.last) if day)
    if days:
        sentences.append(f"Ties with a time are told from {days[0]} to {days[-1]}.")
    sentences += [f"Note on {node.label}: {node.note}" for node in graph.nodes if node.note]
    return tuple(sentences)


def _kind_words(kind: str) -> str:
    named = KINDS.get(kind) or RECORDS.get(kind)
    return named.label.lower() if named else kind.replace("_", " ")


@dataclass(slots=True)
class Drawing:
    """A chart being drawn: what is on it so far, and whose records each node stands for."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[str, Edge] = field(default_factory=dict)
    of_node: dict[str, set[tuple[UUID, UUID]]] = field(default_factory=lambda: defaultdict(set))
    more: bool = False

    @property
    def holdings(self) -> set[tuple[UUID, UUID]]:
        """All whose records were looked at."""
        return {holding for of in self.of_node.values() for holding in of}

    def owed(self) -> dict[str, frozenset[tuple[UUID, UUID]]]:
        """Whose records each drawn node stands for; of a value, those of all who are tied to it."""
        owed = {node: set(of) for node, of in self.of_node.items() if node in self.nodes}
        for edge in self.edges.values():
            for value, holder in ((edge.source, edge.target), (edge.target, edge.source)):
                if value.startswith("v:"):
                    owed.setdefault(value, set()).update(self.of_node.get(holder, ()))
        return {node: frozenset(of) for node, of in owed.items()}

    def add(self, node: Node) -> bool:
        """Whether the node is on the chart: the cap may leave it out."""
        if node.id in self.nodes:
            return True
        if len(self.nodes) >= MOST_NODES:
            self.more = True
            return False
        self.nodes[node.id] = node
        return True

    def put(self, node: Node, holdings: Iterable[tuple[UUID, UUID]]) -> None:
        """Add a node whatever the cap, with whose records it stands for."""
        self.nodes.setdefault(node.id, node)
        self.of_node[node.id].update(holdings)

    def tie(self, edge: Edge) -> None:
        """Add an edge whose two ends are drawn."""
        if edge.source in self.nodes and edge.target in self.nodes and edge.source != edge.target:
            self.edges.setdefault(edge.id, edge)

    def rename(self, old: str, new: str) -> None:
        """Call a node otherwise: an entity is one node on a chart, whichever of its records it was first drawn by."""
        if old == new or old not in self.nodes:
            return
        self.nodes = {(new if key == old else key): node for key, node in self.nodes.items()}
        self.nodes[new] = replace(self.nodes[new], id=new)
        self.of_node[new] |= self.of_node.pop(old, set())
        turned = [
            replace(edge, id=edge.id.replace(old, new), source=new if edge.source == old else edge.source,
                    target=new if edge.target == old else edge.target)
            for edge in self.edges.values()
        ]  # fmt: skip
        self.edges = {edge.id: edge for edge in turned}

    def placed(self, seed: str, fixed: Mapping[str, tuple[float, float]] | None = None) -> Graph:
        """The chart with a place for every node; fixed nodes stay where they are."""
        ends = [(edge.source, edge.target) for edge in self.edges.values()]
        places = layout(self.nodes, ends, zlib.crc32(seed.encode()), fixed, spacing=80.0)
        nodes = tuple(
            Node(node.id, node.label, node.kind, node.subtitle, node.url, node.generic, *places[node.id])
            for node in self.nodes.values()
        )
        return Graph(nodes, tuple(self.edges.values()), self.more, holdings=self.owed())

    def unplaced(self) -> Graph:
        """The chart without places."""
        return Graph(tuple(self.nodes.values()), tuple(self.edges.values()), self.more, holdings=self.owed())


# --- Nodes and edges -------------------------------------------------------------------------------------------------


def value_id(kind: str, normal: str) -> str:
    return f"v:{kind}:{normal}"


def entity_node(group: Group) -> Node:
    cases = sorted({line.case_reference for line in group.lines})
    shown = ", ".join(cases[:3]) + (f" and {len(cases) - 3} more" if len(cases) > 3 else "")
    subtitle = f"{len(group.lines)} records · {shown}" if len(group.lines) > 1 else group.lines[0].subtitle
    url = reverse("entities:detail", args=[group.anchor])
    return Node(f"e:{group.anchor}", group.label, group.kind, subtitle, url)


def record_node(line: RecordLine) -> Node:
    return Node(f"r:{line.id}", line.label[:120], line.kind, line.subtitle, line.url)


def value_node(claim: Claim) -> Node:
    normal = claim.normal or ""
    kind = KINDS[claim.kind]
    return Node(value_id(claim.kind, normal), normal, claim.kind, kind.label, "", claim.generic)


def case_node(case: Case) -> Node:
    return Node(f"c:{case.id}", case.reference, "case", case.title, _case_url(case.reference))


def _case_url(reference: str) -> str:
    try:
        return reverse("desk:case", args=[reference])
    except NoReverseMatch:
        return reverse("entities:case", args=[reference])


def claim_edge(holder: Node, claims: Sequence[Claim], lines: Mapping[UUID, RecordLine]) -> Edge:
    """The edge between a holder and a value, with the claims that say so."""
    first = claims[0]
    first_day, last_day = between(lines[claim.record_id].at_text for claim in claims)
    normal = first.normal or ""
    roles = sorted({claim.role for claim in claims})
    role = ROLE_WORDS.get("own" if "own" in roles else roles[0], roles[0])
    kind = KINDS[first.kind]
    sentence = f"{holder.label} has {kind.label} {normal} ({role}), said by {counted(len(claims), 'claim')}."
    if first.generic:
        sentence += " Too many use this value; it links nobody."
    return Edge(
        id=f"{holder.id}|{value_id(first.kind, normal)}",
        source=holder.id,
        target=value_id(first.kind, normal),
        kind=first.kind,
        label=role,
        sentence=sentence,
        first=first_day,
        last=last_day,
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


def between(times: Iterable[str]) -> tuple[str, str]:
    """The first and the last day of times as records state them; empty where none is whole."""
    days = sorted(text[:10] for text in times if DAY.match(text))
    return (days[0], days[-1]) if days else ("", "")


DAY = re.compile(r"\d{4}-\d\d-\d\d")


def counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def match_edge(match: Match, left: Node, right: Node) -> Edge:
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


def judgement_edge(judgement: Judgement, left: Node, right: Node) -> Edge:
    verdict = Verdict(judgement.verdict).label
    return Edge(
        id=f"judgement:{judgement.id}",
        source=left.id,
        target=right.id,
        kind="judgement",
        label=verdict.lower(),
        sentence=f"{verdict}, judged by {judgement.by.display_name} on {judgement.at:%Y-%m-%d}.",
        first=f"{judgement.at:%Y-%m-%d}",
        last=f"{judgement.at:%Y-%m-%d}",
        reasons=(Reason(judgement.reason),),
    )


def copy_edge(copy: NearDuplicate, left: Node, right: Node) -> Edge:
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


def _draw_entity(drawing: Drawing, group: Group) -> Node | None:
    node = entity_node(group)
    if not drawing.add(node):
        return None
    drawing.of_node[node.id] |= group.holdings
    return node


def _draw_values(drawing: Drawing, holder: Node, claims: Iterable[Claim], lines: Sequence[RecordLine]) -> list[Claim]:
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
        if drawing.add(value_node(of[0])):
            drawing.tie(claim_edge(holder, of, by_id))
            if not of[0].generic:
                linking.append(of[0])
    return linking


Pair = Match | Judgement


@dataclass(slots=True)
class Neighbours:
    """What stands around a node before it is drawn: pairs with other entities, and claims of others to its values."""

    pairs: list[Pair] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)


def _list_holders(actor: Actor, drawing: Drawing, values: Sequence[Claim], most: int) -> list[Claim]:
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


def draw_neighbours(
    actor: Actor, drawing: Drawing, found: Neighbours, centre: Group | None, *, values: bool = False
) -> None:
    """Draw the entities and records of these pairs and claims, and their ties; ``values``: the values of the claims too."""
    if values:
        for claim in found.claims:
            drawing.add(value_node(claim))
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
            tie = match_edge(pair, one, other) if isinstance(pair, Match) else judgement_edge(pair, one, other)
            drawing.tie(tie)
    by_tie: dict[tuple[str, str, str | None], list[Claim]] = defaultdict(list)
    holders: dict[str, tuple[Node, dict[UUID, RecordLine]]] = {}
    for claim in found.claims:
        record = records.get(claim.record_id)
        if record is None:
            continue
        group = groups.get(record.id)
        node = entity_node(group) if group else record_node(entities.line_of(record))
        if not drawing.add(node):
            continue
        drawing.of_node[node.id] |= group.holdings if group else {(record.holding_id, record.agency_id)}
        # Cut short, two looks at one entity may know different records of it.
        lines = group.lines if group else (entities.line_of(record),)
        holders.setdefault(node.id, (node, {}))[1].update({line.id: line for line in lines})
        by_tie[node.id, claim.kind, claim.normal].append(claim)
    for (node_id, _, _), of in by_tie.items():
        drawing.tie(claim_edge(holders[node_id][0], of, holders[node_id][1]))


def _records(actor: Actor, ids: set[UUID]) -> dict[UUID, Record]:
    rows = door.visible(actor, entities.records_with_places().filter(pk__in=ids)) if ids else []
    return {record.id: record for record in rows}


def _draw_copies(actor: Actor, drawing: Drawing, record: Record, node: Node) -> None:
    """Draw the near-duplicates of a picture or video, where both sides are visible."""
    touching = Q(left__record=record) | Q(right__record=record)
    rows = NearDuplicate.objects.filter(touching).select_related("left", "right").order_by("distance", "id")
    copies = list(door.visible(actor, rows)[:MOST_EXPANDED])
    others = _records(actor, {side for copy in copies for side in (copy.left.record_id, copy.right.record_id)})
    for copy in copies:
        other = others.get(copy.right.record_id if copy.left.record_id == record.id else copy.left.record_id)
        if other is None:
            continue
        drawn = record_node(entities.line_of(other))
        if drawing.add(drawn):
            drawing.of_node[drawn.id].add((other.holding_id, other.agency_id))
            left, right = (node, drawn) if copy.left.record_id == record.id else (drawn, node)
            drawing.tie(copy_edge(copy, left, right))


def _draw_record(actor: Actor, drawing: Drawing, record: Record) -> str:
    """Draw a record, or the entity that it belongs to, its values, and what stands around them; the node's id."""
    if record.kind in PEOPLE:
        group = entities.list_groups(actor, [record.id])[record.id]
        node = _draw_entity(drawing, group)
        if node is not None:
            values = _draw_values(drawing, node, group.claims, group.lines)
            around = Neighbours(_list_pairs(actor, group), _list_holders(actor, drawing, values, MOST_HOLDERS))
            draw_neighbours(actor, drawing, around, group)
        return f"e:{group.anchor}"
    line = entities.line_of(record)
    node = record_node(line)
    drawing.add(node)
    drawing.of_node[node.id].add((record.holding_id, record.agency_id))
    claims = door.visible(actor, Claim.objects.filter(record=record)).order_by("id")[:500]
    values = _draw_values(drawing, node, claims, [line])
    draw_neighbours(actor, drawing, Neighbours(claims=_list_holders(actor, drawing, values, MOST_HOLDERS)), None)
    if record.kind == "media":
        _draw_copies(actor, drawing, record, node)
    return node.id


# --- The charts ------------------------------------------------------------------------------------------------------


def get_graph(actor: Actor, record_id: UUID, *, expand: str = "") -> Graph:
    """The chart around a record, two steps far; with ``expand`` what stands around one of its nodes, to be merged in.

    The same chart has the same places each time. NotFound: the record or the node is not the actor's.
    """
    record = door.admit(actor, entities.records_with_places(), pk=record_id)
    drawing = Drawing()
    _draw_record(actor, drawing, record)
    first = drawing.placed(str(record.id))
    if expand:
        return _expanded(actor, first, expand)
    log_chart(actor, drawing, "chart.viewed", f"record:{record.id}")
    return labelled(actor, drawing, first)


def labelled(actor: Actor, drawing: Drawing, graph: Graph) -> Graph:
    """The chart with its label."""
    return replace(graph, label=label_over(actor, [holding for holding, _ in drawing.holdings]))


def _expanded(actor: Actor, first: Graph, node_id: str) -> Graph:
    """What stands around one node; places only where the node's own place is known here."""
    drawing = Drawing()
    draw_around(actor, drawing, node_id)
    log_chart(actor, drawing, "chart.expanded", node_id[:80])
    known = {node.id: (node.x or 0.0, node.y or 0.0) for node in first.nodes}
    if node_id not in known:
        return drawing.unplaced()
    # Places of the whole chart, so that what is new does not land on what is there.
    whole = Drawing(nodes={**{node.id: node for node in first.nodes}, **drawing.nodes},
                     edges={**{edge.id: edge for edge in first.edges}, **drawing.edges})  # fmt: skip
    placed = whole.placed(node_id, known)
    mine = set(drawing.nodes)
    return Graph(tuple(node for node in placed.nodes if node.id in mine), tuple(drawing.edges.values()), drawing.more)


def draw_around(actor: Actor, drawing: Drawing, node_id: str) -> None:
    sort, _, rest = node_id.partition(":")
    if sort in ("e", "r"):
        record = door.admit(actor, entities.records_with_places(), pk=rest)
        drawing.rename(_draw_record(actor, drawing, record), node_id)
    elif sort == "v":
        kind, _, normal = rest.partition(":")
        claim = door.visible(actor, Claim.objects.filter(kind=kind, normal=normal)).first()
        if claim is None or kind not in KINDS:
            raise NotFound
        drawing.add(value_node(claim))
        if not claim.generic:
            found = Neighbours(claims=_list_holders(actor, drawing, [claim], MOST_EXPANDED))
            draw_neighbours(actor, drawing, found, None)
    elif sort == "c":
        case = door.admit(actor, Case.objects.all(), pk=rest)
        _draw_case(actor, drawing, case)
    else:
        raise NotFound


def log_frozen(actor: Actor, saved: SavedChart, verb: str = "chart.viewed", **details: Any) -> None:
    """One line for each holding that a frozen chart draws."""
    drawn = Holding.objects.filter(id__in=saved.drawn_holdings).values_list("id", "agency_id")
    told = {"section": "frozen", "sha256": saved.sha256, **details}
    log.record_each(
        verb, actor, {*drawn, (saved.holding_id, saved.agency_id)}, subject=f"chart:{saved.id}", details=told
    )


def log_chart(actor: Actor, drawing: Drawing, verb: str, subject: str, whose: UUID | None = None) -> None:
    """One line for each holding on the chart, so that every owner sees who looked; one where nothing was found."""
    if drawing.holdings:
        log.record_each(verb, actor, drawing.holdings, subject=subject, whose=whose)
    elif verb in ACROSS_CASES:
        log.record(verb, actor, subject=subject)


# --- The chart of a case ---------------------------------------------------------------------------------------------


def get_case_graph(actor: Actor, frame: CaseFrame, *, expand: str = "") -> Graph:
    """The case, its entities, and the other visible cases in which they stand or which are connected to it."""
    case = door.admit(actor, Case.objects.all(), pk=frame.case_id)
    drawing = Drawing()
    _draw_case(actor, drawing, case)
    first = drawing.placed(str(case.id))
    if expand:
        return _expanded(actor, first, expand)
    log_chart(actor, drawing, "chart.viewed", f"case:{frame.reference}", case.agency_id)
    return labelled(actor, drawing, first)


def _draw_case(actor: Actor, drawing: Drawing, case: Case) -> None:
    node = case_node(case)
    drawing.add(node)
    drawing.of_node[node.id].add((case.holding_id, case.agency_id))
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
            if reference in cases and drawing.add(case_node(cases[reference])):
                drawing.tie(standing_edge(drawn, cases[reference], lines))


def standing_edge(entity: Node, case: Case, lines: Sequence[RecordLine]) -> Edge:
    """The tie between an entity and a case in which it stands."""
    first_day, last_day = between(line.at_text for line in lines)
    return Edge(
        id=f"{entity.id}|c:{case.id}",
        source=entity.id,
        target=f"c:{case.id}",
        kind="record",
        label="stands in",
        sentence=f"{entity.label} stands in {case.reference}, in {counted(len(lines), 'record')}.",
        first=first_day,
        last=last_day,
        reasons=tuple(Reason(line.label[:120], line.exhibit, line.locator) for line in lines[:MOST_REASONS]),
    )


def _draw_connections(actor: Actor, drawing: Drawing, case: Case) -> None:
    """Draw the cases that matching found connected to this one, where the reader may see every holding on the way."""
    touching = Q(left_case=case) | Q(right_case=case)
    rows = visible_connections(actor).filter(touching).select_related("left_case", "right_case")
    # As kept, and not as this reader may weigh them: a chart is handed out and frozen for others, who know of other cases.
    drawn = list(rows.order_by("-strength", "-found_at", "id")[:MOST_EXPANDED])
    owners = owners_of(drawn)
    for connection in drawn:
        other = connection.right_case if connection.left_case_id == case.id else connection.left_case
        node = case_node(other)
        if drawing.add(node):
            drawing.tie(connection_edge(connection))
            drawing.of_node[node.id] |= owners[connection.id]


def connection_edge(connection: Connection) -> Edge:
    """The tie between two cases that matching connected."""
    return Edge(
        id=f"connection:{connection.id}",
        source=f"c:{connection.left_case_id}",
        target=f"c:{connection.right_case_id}",
        kind="connection",
        label=f"{connection.hops} steps" if connection.hops > 1 else "direct",
        sentence=connection.sentence,
        reasons=(Reason(f"Connected ({entities.percent_of(connection.probability)}) by {connection.model}"),),
    )
