"""The whole of a case as one chart: its entities, the values that two or more of them hold, and the other cases they stand in.

Thousands of nodes at once: records are read by columns, a tie says its sentence, and ``ways.why`` tells its reasons when asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.urls import reverse

from opencets.records import KINDS
from opencets_web.audit import log
from opencets_web.cases.models import Case
from opencets_web.cases.queries import CaseFrame
from opencets_web.charts.queries import Drawing, Edge, Graph, Node, between, case_node, counted, labelled, value_id
from opencets_web.entities import queries as entities
from opencets_web.entities.models import Match
from opencets_web.entities.queries import ROLE_WORDS, STRONG_KINDS
from opencets_web.evidence.models import Claim
from opencets_web.policy import door
from opencets_web.policy.actor import Actor

MOST_NODES = 2_500
MOST_EDGES = 7_000
MOST_CLAIMS = 40_000
MOST_CASES = 40


def get_whole_graph(actor: Actor, frame: CaseFrame) -> Graph:
    """Up to 2,500 nodes and 7,000 ties of a case, the most shared values first; ``more`` where something is left out."""
    case = door.admit(actor, Case.objects.all(), pk=frame.case_id)
    people = entities.list_case_entities(actor, frame, MOST_NODES)
    drawing = Drawing(more=people.more)
    holder = {record: f"e:{one.anchor}" for one in people.entities for record in one.records}
    held = _held(actor, holder)
    drawing.more |= len(held) > MOST_CLAIMS
    by_value: dict[tuple[str, str], dict[str, list[tuple[str, str]]]] = defaultdict(lambda: defaultdict(list))
    generic: set[tuple[str, str]] = set()
    for record, kind, normal, role, common, at_text in held[:MOST_CLAIMS]:
        by_value[kind, normal][holder[record]].append((role, at_text))
        if common:
            generic.add((kind, normal))
    shared = sorted(
        ((value, of) for value, of in by_value.items() if len(of) > 1),
        key=lambda one: (one[0] in generic, -len(one[1]), one[0]),
    )
    room = MOST_NODES - MOST_CASES
    tied = {node for _, of in shared for node in of}
    chosen = sorted(people.entities, key=lambda one: (f"e:{one.anchor}" not in tied, -len(one.records), one.anchor))
    # Half of the room is for those who share something, however many stand alone.
    values = shared[: max(room - len(chosen), room // 2)]
    drawing.more |= len(values) < len(shared) or len(chosen) > room - len(values)
    for one in chosen[: room - len(values)]:
        url = reverse("entities:detail", args=[one.anchor])
        subtitle = counted(len(one.records), "record")
        drawing.put(
            Node(f"e:{one.anchor}", one.label[:120], one.kind, subtitle, url), {(case.holding_id, case.agency_id)}
        )
    for (kind, normal), of in values:
        node = Node(value_id(kind, normal), normal, kind, KINDS[kind].label, "", (kind, normal) in generic)
        drawing.put(node, set())
        for entity, claims in of.items():
            if entity in drawing.nodes and len(drawing.edges) < MOST_EDGES:
                drawing.tie(_tie(drawing.nodes[entity], node, claims))
            elif entity in drawing.nodes:
                drawing.more = True
    _draw_matches(actor, drawing, holder)
    _draw_cases(actor, drawing, frame, values)
    log.record_each(
        "chart.viewed", actor, drawing.holdings, subject=f"case:{frame.reference}", details={"section": "whole"},
        whose=case.agency_id,
    )  # fmt: skip
    return labelled(actor, drawing, drawing.placed(str(case.id)))


def _held(actor: Actor, holder: dict[UUID, str]) -> list[tuple[UUID, str, str, str, bool, str]]:
    claims = Claim.objects.filter(record__in=list(holder), kind__in=STRONG_KINDS, normal__isnull=False)
    rows: Iterable[Any] = door.visible(actor, claims).order_by("id").values_list(
        "record_id", "kind", "normal", "role", "generic", "record__at_text"
    )[: MOST_CLAIMS + 1]  # fmt: skip
    return list(rows)


def _tie(holder: Node, value: Node, claims: list[tuple[str, str]]) -> Edge:
    roles = sorted({role for role, _ in claims})
    first_day, last_day = between(at_text for _, at_text in claims)
    role = ROLE_WORDS.get("own" if "own" in roles else roles[0], roles[0])
    sentence = f"{holder.label} has {value.subtitle} {value.label} ({role}), said by {counted(len(claims), 'claim')}."
    if value.generic:
        sentence += " Too many use this value; it links nobody."
    return Edge(
        id=f"{holder.id}|{value.id}", source=holder.id, target=value.id, kind=value.kind, label=role, sentence=sentence,
        reasons=None, first=first_day, last=last_day,
    )  # fmt: skip


def _draw_matches(actor: Actor, drawing: Drawing, holder: dict[UUID, str]) -> None:
    """The undecided suggestions between the entities of the case."""
    inside = Match.objects.filter(left__in=list(holder), right__in=list(holder), retired_at=None)
    for match in door.visible(actor, inside).order_by("-probability")[:500]:
        left, right = drawing.nodes.get(holder[match.left_id]), drawing.nodes.get(holder[match.right_id])
        if left and right:
            percent = entities.percent_of(match.probability)
            said = (
                f"Suggested: {left.label} and {right.label} are the same person ({percent}). Nobody may have judged it."
            )
            drawing.tie(Edge(f"match:{match.id}", left.id, right.id, "match", percent, said, match.bits, None))


def _draw_cases(actor: Actor, drawing: Drawing, frame: CaseFrame, values: list[Any]) -> None:
    """The other cases in which the values that link stand as somebody's own, with how many of them."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for (kind, normal), _ in values[:400]:
        by_kind[kind].append(normal)
    wanted = Q(pk__in=[])
    for kind, normals in by_kind.items():
        wanted |= Q(kind=kind, normal__in=normals)
    rows = Claim.objects.filter(wanted, generic=False, record__retired_at=None).exclude(case_id=frame.case_id)
    elsewhere: dict[UUID, set[tuple[str, str]]] = defaultdict(set)
    found: Iterable[Any] = door.visible(actor, rows).values_list("case_id", "kind", "normal").distinct()[:MOST_EDGES]
    for case_id, kind, normal in found:
        elsewhere[case_id].add((kind, normal))
    cases = door.visible(actor, Case.objects.filter(id__in=list(elsewhere)).select_related("agency"))
    for case in sorted(cases, key=lambda one: (-len(elsewhere[one.id]), one.reference))[:MOST_CASES]:
        node = case_node(case)
        drawing.put(node, {(case.holding_id, case.agency_id)})
        for kind, normal in sorted(elsewhere[case.id]):
            value = value_id(kind, normal)
            said = f"{KINDS[kind].label} {normal} also stands in {case.reference}."
            drawing.tie(Edge(f"{value}|{node.id}", value, node.id, "record", "stands in", said, None, None))
