"""A chart as an officer made it: places, hidden, grouped and noted nodes, the time shown; and what of it is frozen.

What is drawn always comes from the server; of a browser only ids of nodes, places and words are taken.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Q, QuerySet

from opencets.errors import ActRefused, DamagedSource, NotFound
from opencets.linking import layout as place_nodes
from opencets_web.cases.models import Case
from opencets_web.cases.queries import CaseFrame, get_frame
from opencets_web.charts import queries
from opencets_web.charts.models import SavedChart
from opencets_web.charts.queries import Drawing, Edge, Graph, Node, Reason, labelled
from opencets_web.charts.whole import get_whole_graph
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.labels import label_over
from opencets_web.policy.models import Holding

MOST_BYTES = 2_000_000
MOST_EXPANDED = 30
MOST_WORDS = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """Which chart: around a record, of a case (whole or not), or a saved one; and what the officer made of it."""

    around: UUID | None = None
    reference: str = ""
    saved: str = ""
    whole: bool = False
    layout: str = ""


@dataclass(frozen=True, slots=True)
class Composed:
    """A chart as it is seen, with what it is called and the case it is kept with."""

    graph: Graph
    title: str
    layout: dict[str, Any]
    saved: SavedChart | None = None
    titled: frozenset[tuple[UUID, UUID]] = frozenset()
    """Whose words the title has, also where the node that it names is hidden."""

    @property
    def owners(self) -> set[tuple[UUID, UUID]]:
        """Whose records are drawn, named or noted."""
        return set(self.titled).union(*self.graph.holdings.values())


def visible_charts(actor: Actor) -> QuerySet[SavedChart]:
    """Saved charts of the actor's cases; of frozen ones those of which the actor may see every holding."""
    return seen_whole(actor, door.visible(actor, SavedChart.objects.filter(removed_at=None)))


def seen_whole(actor: Actor, rows: QuerySet[SavedChart]) -> QuerySet[SavedChart]:
    """Of these charts, those of which the actor may see every holding that is frozen on them."""
    opened = ArraySubquery(door.visible(actor, Holding.objects.all()).values("id"))
    return rows.filter(Q(holdings=[]) | Q(holdings__contained_by=opened))


def get_saved(actor: Actor, chart_id: str) -> SavedChart:
    """A saved chart; NotFound where it is not the actor's, or draws what is not."""
    return door.admit(actor, visible_charts(actor).select_related("case"), pk=chart_id)


def read_layout(text: str) -> dict[str, Any]:
    """What a browser says an officer made of a chart; what is not of its form is passed over. ActRefused: too much."""
    if len(text) > MOST_BYTES:
        raise ActRefused("The chart is too large to be kept: hide what is not needed.")
    try:
        given = json.loads(text or "{}")
    except (ValueError, RecursionError):
        raise ActRefused("The layout of the chart could not be read.") from None
    if not isinstance(given, dict):
        return {}
    places = given.get("places")
    time = given.get("time")
    groups = given.get("groups")
    notes = given.get("notes")
    return {
        "places": {
            _text(node, 400): [float(part) for part in place]
            for node, place in (places if isinstance(places, dict) else {}).items()
            if isinstance(place, list) and len(place) == 2 and all(_is_place(part) for part in place)
        },
        **{name: _texts(given.get(name)) for name in ("hidden", "pinned", "expanded")},
        "groups": [
            {"id": _text(group.get("id"), 20), "label": _text(group.get("label"), MOST_WORDS),
             "members": _texts(group.get("members"))}
            for group in (groups if isinstance(groups, list) else [])[:200]
            if isinstance(group, dict)
        ],
        "notes": {
            _text(node, 400): _text(text, MOST_WORDS)
            for node, text in list((notes if isinstance(notes, dict) else {}).items())[:500]
        },
        "time": _texts(time) if isinstance(time, list) and len(time) == 2 else None,
    }  # fmt: skip


def _is_place(part: object) -> bool:
    return isinstance(part, int | float) and abs(part) < 1e7


def _texts(given: object) -> list[str]:
    return [_text(one, 400) for one in given[:5_000]] if isinstance(given, list) else []


def _text(given: object, most: int) -> str:
    """Text that PostgreSQL and every file take: no NUL, no half of a pair."""
    return str(given)[:most].replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def compose(actor: Actor, asked: Asked, frame: CaseFrame | None = None) -> Composed:
    """The chart as the officer sees it; ``frame``: of its case, where it is known.

    NotFound: it, or something that it is drawn around, is not the actor's.
    """
    saved = get_saved(actor, asked.saved) if asked.saved else None
    if saved and saved.frozen_at:
        graph = thawed(saved)
        queries.log_frozen(actor, saved)
        return Composed(replace(graph, label=label_over(actor, saved.drawn_holdings)), saved.title, {}, saved)
    made = read_layout(asked.layout) if asked.layout else read_layout(json.dumps(saved.layout) if saved else "")
    around, reference, entire = asked.around, asked.reference, asked.whole
    if saved:
        around, reference, entire = saved.around, saved.case.reference, saved.whole
    title, graph = drawn(actor, around, reference, whole=entire, frame=frame)
    graph = widened(actor, graph, made)
    if saved and not asked.layout:
        made = seen_layout(graph, made)
    titled = frozenset() if around is None else graph.holdings.get(graph.nodes[0].id, frozenset())
    if saved:
        titled |= {(saved.holding_id, saved.agency_id)}
    elif around is None:
        case = frame or door.admit(actor, Case.objects.all(), reference=reference)
        titled |= {(case.holding_id, case.agency_id)}
    return Composed(arranged(graph, made), saved.title if saved else title, made, saved, titled)


def drawn(
    actor: Actor, around: UUID | None, reference: str, *, whole: bool, frame: CaseFrame | None = None
) -> tuple[str, Graph]:
    """What the chart around a record, or of a case, is called, and what it draws now. NotFound: neither is given or open."""
    if around is not None:
        graph = queries.get_graph(actor, around)
        return graph.nodes[0].label, graph
    if not reference:
        raise NotFound
    frame = frame or get_frame(actor, reference, "charts:case")
    title = f"{frame.reference} {frame.title}"
    return title, get_whole_graph(actor, frame) if whole else queries.get_case_graph(actor, frame)


def widened(actor: Actor, graph: Graph, made: Mapping[str, Any]) -> Graph:
    """With what was expanded, asked anew; what is open no more stays away."""
    drawing = Drawing({node.id: node for node in graph.nodes}, {edge.id: edge for edge in graph.edges}, more=graph.more)
    for node, of in graph.holdings.items():
        drawing.of_node[node] |= of
    for node_id in made["expanded"][:MOST_EXPANDED]:
        if node_id not in drawing.nodes:
            continue
        around = Drawing()
        try:
            queries.draw_around(actor, around, node_id)
        except NotFound:
            continue
        queries.log_chart(actor, around, "chart.expanded", node_id[:80])
        for met in around.nodes.values():
            drawing.put(replace(met, x=None, y=None), around.of_node[met.id])
        for edge in around.edges.values():
            drawing.tie(edge)
    fixed = {
        node.id: (float(node.x), float(node.y))
        for node in drawing.nodes.values()
        if node.x is not None and node.y is not None
    } | {node: (place[0], place[1]) for node, place in made["places"].items()}
    ends = [(edge.source, edge.target) for edge in drawing.edges.values()]
    places = place_nodes(drawing.nodes, ends, zlib.crc32(b"kept"), fixed, spacing=80.0)
    nodes = tuple(replace(node, x=places[node.id][0], y=places[node.id][1]) for node in drawing.nodes.values())
    whole = Graph(nodes, tuple(drawing.edges.values()), drawing.more, graph.label, drawing.owed())
    return labelled(actor, drawing, whole) if made["expanded"] else whole


def seen_layout(graph: Graph, made: dict[str, Any]) -> dict[str, Any]:
    """What an officer made of a chart, as far as it is about nodes that this reader is shown: ids name values and records.

    A group's words are left out with any of its members.
    """
    seen = {node.id for node in graph.nodes}
    groups = []
    for group in made["groups"]:
        members = [member for member in group["members"] if member in seen]
        if members:
            label = group["label"] if len(members) == len(group["members"]) else "Group"
            groups.append({"id": group["id"], "label": label, "members": members})
            seen.add(group["id"])
    return made | {
        "groups": groups,
        **{name: {node: of for node, of in made[name].items() if node in seen} for name in ("places", "notes")},
        **{name: [node for node in made[name] if node in seen] for name in ("hidden", "pinned", "expanded")},
    }


def arranged(graph: Graph, made: Mapping[str, Any]) -> Graph:
    """Without what is hidden or of another time, groups as one node each, notes beside their nodes."""
    hidden = set(made["hidden"])
    stands = {member: group["id"] for group in made["groups"] for member in group["members"]}
    edges = [edge for edge in graph.edges if not {edge.source, edge.target} & hidden]
    time = made["time"]
    if time:
        open_ = [edge for edge in edges if not edge.first or (edge.first <= time[1] and edge.last >= time[0])]
        held = {end for edge in edges for end in (edge.source, edge.target)}
        still = {end for edge in open_ for end in (edge.source, edge.target)}
        hidden |= held - still
        edges = open_
    notes, places = made["notes"], made["places"]
    nodes = {
        node.id: replace(node, note=notes.get(node.id, ""))
        for node in graph.nodes
        if node.id not in hidden and node.id not in stands
    }
    by_id = {node.id: node for node in graph.nodes}
    owed = {node: set(of) for node, of in graph.holdings.items() if node in nodes and not node.startswith("v:")}
    # A value is said by those alone whose tie to it is still shown.
    for edge in edges:
        for value, holder in ((edge.source, edge.target), (edge.target, edge.source)):
            if value in nodes and value.startswith("v:") and not holder.startswith("v:"):
                owed.setdefault(value, set()).update(graph.holdings.get(holder, ()))
    # One that stands alone by now still comes from those who said it.
    for value in nodes.keys() - owed.keys():
        owed[value] = set(graph.holdings.get(value, ()))
    for group in made["groups"]:
        members = [by_id[member] for member in group["members"] if member in by_id and member not in hidden]
        if members and group["id"] not in hidden:
            x, y = places.get(group["id"]) or (members[0].x, members[0].y)
            label = ", ".join(member.label for member in members[:5]) + (
                f" and {len(members) - 5} more" if len(members) > 5 else ""
            )
            nodes[group["id"]] = Node(
                group["id"], group["label"], "group", label, x=x, y=y, note=notes.get(group["id"], "")
            )
            owed[group["id"]] = {one for member in members for one in graph.holdings.get(member.id, ())}
    told = {node: frozenset(of) for node, of in owed.items()}
    return replace(graph, nodes=tuple(nodes.values()), edges=_joined(edges, stands, nodes), holdings=told)


def _joined(edges: list[Edge], stands: Mapping[str, str], nodes: Mapping[str, Node]) -> tuple[Edge, ...]:
    """The ties between what is drawn; those of a group's members are one for each other end."""
    kept: dict[str, Edge] = {}
    several: dict[tuple[str, str], list[Edge]] = {}
    for edge in edges:
        source, target = stands.get(edge.source, edge.source), stands.get(edge.target, edge.target)
        if source == target or source not in nodes or target not in nodes:
            continue
        if (source, target) == (edge.source, edge.target):
            kept[edge.id] = edge
        else:
            several.setdefault((source, target), []).append(edge)
    for (source, target), of in several.items():
        kinds = ", ".join(f"{number} {kind}" for kind, number in Counter(edge.kind for edge in of).most_common())
        kept[f"{source}|{target}"] = Edge(
            f"{source}|{target}", source, target, "group", queries.counted(len(of), "tie"),
            f"{queries.counted(len(of), 'tie')} of those grouped ({kinds}).", None,
            tuple(Reason(edge.sentence) for edge in of[:40]),
        )  # fmt: skip
    return tuple(kept.values())


# --- Frozen ----------------------------------------------------------------------------------------------------------


def frozen(composed: Composed, at: str) -> str:
    """What a frozen chart keeps: the same chart is the same text, whatever the order in which it was asked."""
    told = composed.graph.as_json()
    told["nodes"] = sorted(told["nodes"], key=lambda node: str(node["id"]))
    told["edges"] = sorted(told["edges"], key=lambda edge: str(edge["id"]))
    told |= {"title": composed.title, "frozen_at": at, "in_words": composed.graph.in_words}
    told.pop("layout", None)
    return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest(content: str) -> str:
    """SHA-256 of a frozen chart's content, in UTF-8."""
    return digest_of(content.encode())


def digest_of(content: bytes) -> str:
    """SHA-256 in hex."""
    return sha256(content).hexdigest()


def thawed(saved: SavedChart) -> Graph:
    """What a frozen chart keeps. DamagedSource: it is not what was frozen."""
    if digest(saved.content) != saved.sha256:
        raise DamagedSource(f"The frozen chart {saved.id} is not what was frozen: its digest differs.")
    told = json.loads(saved.content)
    edges = []
    for edge in told["edges"]:
        reasons = edge.pop("reasons")
        edges.append(Edge(**edge, reasons=None if reasons is None else tuple(Reason(**one) for one in reasons)))
    return Graph(tuple(Node(**node) for node in told["nodes"]), tuple(edges), told["more"], layout={})
