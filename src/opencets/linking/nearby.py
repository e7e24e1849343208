"""The part of the graph around some records, collected layer by layer and then searched on arrays.

A database answers a few questions, one for each layer, with the ties that this reader may see; ranked paths and unexpected
neighbours then come from arrays in memory, so that the number of questions does not grow with the number of paths.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from opencets.linking.arrays import TieArrays, Way
from opencets.linking.paths import Path, Tie, TieSource, combined


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A record reached over more than one tie: the best path to it, and the probability of the best paths together."""

    record: str
    probability: float
    path: Path


class Nearby:
    """Ties around some records. ``complete`` is False where a layer was too wide to be read as a whole."""

    def __init__(
        self,
        records: Iterable[str],
        source: TieSource,
        *,
        layers: int = 3,
        most_records: int = 3_000,
        max_bits: float = 8.0,
    ) -> None:
        self.max_bits, self.complete = max_bits, True
        self._ties: dict[tuple[str, str, str, str], Tie] = {}
        cost = dict.fromkeys(records, 0.0)
        frontier = sorted(cost)
        for _ in range(layers):
            if not frontier:
                break
            reached: dict[str, float] = {}
            asked = set(frontier)
            for tie in source.ties_of(frontier):
                if tie.generic or not math.isfinite(tie.bits) or tie.left == tie.right:
                    continue
                self._keep(tie)
                for here, there in ((tie.left, tie.right), (tie.right, tie.left)):
                    if here in asked:
                        through = cost[here] + tie.bits
                        if through <= max_bits and through < min(
                            cost.get(there, math.inf), reached.get(there, math.inf)
                        ):
                            reached[there] = through
            fresh = sorted((bits, record) for record, bits in reached.items() if record not in cost)
            self.complete &= len(fresh) <= most_records
            frontier = [record for _, record in fresh[:most_records]]
            cost.update((record, bits) for bits, record in fresh)

    def _keep(self, tie: Tie) -> None:
        """The cheaper of two that say the same of the same two records."""
        side = tie if tie.left < tie.right else tie.turned()
        name = (side.kind, side.value, side.left, side.right)
        if name not in self._ties or side.bits < self._ties[name].bits:
            self._ties[name] = side

    @property
    def records(self) -> set[str]:
        """Every record that some tie names."""
        return {record for tie in self._ties.values() for record in (tie.left, tie.right)}

    def without(self, hidden: Collection[str]) -> None:
        """Forget the ties of these records."""
        left_out = set(hidden)
        self._ties = {
            name: tie for name, tie in self._ties.items() if tie.left not in left_out and tie.right not in left_out
        }

    def paths(
        self, starts: Collection[str], goals: Collection[str], *, group_of: Callable[[str], str], count: int = 3
    ) -> list[Path]:
        """The best ranked paths from any start to any goal; empty: not connected in this part of the graph."""
        known = self.records
        begin, end = sorted(known.intersection(starts)), sorted(known.intersection(goals))
        if not begin or not end or set(begin) & set(end):
            return []
        graph = _Graph(self._ties.values(), begin, end)
        found = graph.arrays.between(graph.start, graph.goal, max_bits=self.max_bits, count=count)
        return [graph.path(way, group_of) for way in found.ways]

    def unexpected(
        self, starts: Collection[str], wanted: Callable[[str], bool], *, group_of: Callable[[str], str], most: int = 12
    ) -> list[Neighbour]:
        """Records that ``wanted`` admits and that only two ties or more reach, the most probable first.

        What one tie reaches is known to whoever looks at the record; what several reach together is not.
        """
        begin = sorted(self.records.intersection(starts))
        if not begin:
            return []
        graph = _Graph(self._ties.values(), begin, ())
        near, _ = graph.arrays.around(graph.start, max_bits=self.max_bits)
        beside = {
            end
            for tie in self._ties.values()
            if {tie.left, tie.right} & set(begin)
            for end in (tie.left, tie.right)
        }  # fmt: skip
        found: list[Neighbour] = []
        for node, _ in near:
            record = graph.names[node]
            if record in beside or not wanted(record):
                continue
            ways = graph.arrays.between(graph.start, node, max_bits=self.max_bits, count=2).ways
            paths = [graph.path(way, group_of) for way in ways]
            if paths and len(paths[0].ties) > 1:
                found.append(Neighbour(record, combined(paths), paths[0]))
            if len(found) == 3 * most:
                break
        return sorted(found, key=lambda one: (-one.probability, one.path.bits, one.record))[:most]


class _Graph:
    """Ties as arrays: all starts are one node, and so are all goals."""

    def __init__(self, ties: Iterable[Tie], starts: Collection[str], goals: Collection[str]) -> None:
        kept = list(ties)
        self.starts, self.goals = set(starts), set(goals)
        others = {side for tie in kept for side in (tie.left, tie.right)} - self.starts - self.goals
        self.names = ["", "", *sorted(others)]
        self.start, self.goal = 0, 1
        self._node = {name: at for at, name in enumerate(self.names) if at > 1}
        self._node |= dict.fromkeys(self.starts, 0) | dict.fromkeys(self.goals, 1)
        self._by_value: dict[tuple[str, str, float], list[Tie]] = {}
        for tie in kept:
            self._by_value.setdefault((tie.kind, tie.value, tie.bits), []).append(tie)
        self.values = sorted(self._by_value)
        holders: list[int] = []
        values: list[int] = []
        for at, value in enumerate(self.values):
            ends = {self._node[side] for tie in self._by_value[value] for side in (tie.left, tie.right)}
            holders += sorted(ends)
            values += [at] * len(ends)
        self.arrays = TieArrays.build(holders, values, [bits for _, _, bits in self.values], len(self.names))

    def path(self, way: Way, group_of: Callable[[str], str]) -> Path:
        """The way as a path of ties between records, each with the claims that say so."""
        ties: list[Tie] = []
        here = ""
        for (one, other), value in zip(pairwise(way.entities), way.values, strict=True):
            tie = self._tie(one, other, value, here)
            ties.append(tie)
            here = tie.right
        records = [ties[0].left, *(tie.right for tie in ties)]
        groups = tuple(group_of(record) for record in records)
        hops = sum(left != right for left, right in pairwise(groups))
        return Path(tuple(ties), groups, way.bits, hops, way.probability)

    def _tie(self, one: int, other: int, value: int, here: str) -> Tie:
        """The tie between two nodes through a value; where a star joins them, one from the first end to the last."""
        ties = self._by_value[self.values[value]]
        sides = [side for tie in ties for side in (tie, tie.turned())]
        direct = [
            tie for tie in sides
            if self._node[tie.left] == one and self._node[tie.right] == other and here in ("", tie.left)
        ]  # fmt: skip
        if direct:
            return min(direct, key=lambda tie: (tie.left, tie.right))
        left = min(
            (tie for tie in sides if self._node[tie.left] == one),
            key=lambda tie: (tie.left != here, tie.left, tie.right),
        )
        right = min((tie for tie in sides if self._node[tie.right] == other), key=lambda tie: (tie.right, tie.left))
        return replace(left, right=right.right, right_claim=right.right_claim)
