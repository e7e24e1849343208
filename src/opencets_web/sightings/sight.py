"""Who may see which computers: the tree of jurisdictions, and what of it is open to an actor.

An agency sees the computers of the jurisdictions for which it is responsible, of those that a responsible agency opened to it,
and of all below them. Everybody else sees none: where nothing is granted, nothing is seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from django.utils import timezone

from opencets.errors import NotFound
from opencets.sighting.areas import Area
from opencets_web.policy.actor import Actor
from opencets_web.sightings.models import Jurisdiction, Sight


@dataclass(frozen=True, slots=True)
class Node:
    """A jurisdiction in the tree. ``area``: its own and that of all below it."""

    id: UUID
    code: str
    name: str
    parent: UUID | None
    depth: int
    own: Area
    area: Area
    responsible_id: UUID | None
    responsible: str
    contact: str

    @property
    def indented(self) -> str:
        """Its name as a line of a list, further in the deeper it lies."""
        return "\u2003" * self.depth + self.name


@dataclass(frozen=True, slots=True)
class Tree:
    """The jurisdictions from the top down, siblings by name."""

    nodes: tuple[Node, ...]
    version: str = ""
    _by_id: dict[UUID, Node] = field(default_factory=dict, repr=False)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def node(self, id: UUID) -> Node:
        """The jurisdiction of this id."""
        return self._by_id[id]

    def above(self, node: Node) -> Iterator[Node]:
        """The jurisdiction itself and those above it, upwards."""
        while True:
            yield node
            if node.parent is None or node.parent not in self._by_id:
                return
            node = self._by_id[node.parent]

    def place_of(self, country: str | None, region: str | None, place: str | None) -> Node | None:
        """The jurisdiction that a place belongs to, the smallest that holds it; None: nobody's."""
        found = [node for node in self.nodes if node.own.holds(country, region, place)]
        return max(
            found,
            key=lambda node: (bool(node.own.places), bool(node.own.regions), bool(node.own.countries), node.depth),
            default=None,
        )


@dataclass(frozen=True, slots=True)
class Opened:
    """What of the tree an actor may see: ``nodes`` wholly, ``area`` together."""

    tree: Tree
    nodes: tuple[Node, ...]
    area: Area
    responsible: frozenset[UUID]
    """Of the jurisdictions that the actor's agency may open to others."""

    def chosen(self, code: str) -> Area:
        """The area of a jurisdiction as far as it is open; all that is open without a code. NotFound for another."""
        if not code:
            return self.area
        node = next((one for one in self.tree if one.code == code), None)
        area = node.area.within(self.area) if node else Area()
        if not area:
            raise NotFound
        return area


def read_tree() -> Tree:
    """Every jurisdiction that has not ended."""
    rows = list(Jurisdiction.objects.filter(ended_at=None).select_related("responsible").order_by("name"))
    below: dict[UUID | None, list[Jurisdiction]] = {}
    known = {row.id for row in rows}
    for row in rows:
        below.setdefault(row.parent_id if row.parent_id in known else None, []).append(row)
    nodes: list[Node] = []

    def place(row: Jurisdiction, depth: int) -> Area:
        own = Area(
            frozenset(row.countries), frozenset(row.regions), frozenset((region, name) for region, name in row.places),
            row.everywhere,
        )  # fmt: skip
        at = len(nodes)
        area = own
        for lower in below.get(row.id, ()):
            area |= place(lower, depth + 1)
        nodes.insert(
            at,
            Node(
                row.id, row.code, row.name, row.parent_id, depth, own, area, row.responsible_id,
                row.responsible.short_name if row.responsible else "", row.contact,
            ),
        )  # fmt: skip
        return area

    for top in below.get(None, ()):
        place(top, 0)
    return Tree(tuple(nodes), rows[0].version if rows else "", {node.id: node for node in nodes})


def open_to(actor: Actor) -> Opened:
    """What the actor may see now. NotFound for whoever reads no cases."""
    if not actor.reads_cases:
        raise NotFound
    tree, now = read_tree(), timezone.now()
    responsible = {node.id for node in tree if any(one.responsible_id == actor.agency_id for one in tree.above(node))}
    granted = set(
        Sight.objects.filter(
            to_agency_id=actor.agency_id, withdrawn_at=None, granted_at__lte=now, expires_at__gt=now
        ).values_list("jurisdiction_id", flat=True)
    )
    nodes = tuple(node for node in tree if node.id in responsible or any(one.id in granted for one in tree.above(node)))
    area = Area()
    for node in nodes:
        area |= node.area
    return Opened(tree, nodes, area, frozenset(responsible))
