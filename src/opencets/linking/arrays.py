"""Ties as arrays: the best ranked paths between two entities among tens of millions of links, in milliseconds.

Entities and values are nodes, a holding is a link; a tie from one entity to another through a value costs the value's
bits. The search runs from both ends and stops where no cheaper way can be left, so that an unconnected pair, the usual
case, costs two small balls instead of the whole graph. Built from a snapshot; what a reader may not see is not in theirs.
"""

from __future__ import annotations

import heapq
import math
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opencets.linking.evidence import any_of
from opencets.linking.loops import rows_of, shortest, within

HEAP = 1 << 20
MOST_LOOKED = 400_000
"""How many nodes one search settles before it gives up and says so."""


@dataclass(frozen=True, slots=True)
class Way:
    """A path on the arrays: entities in order, and the value between each two. ``probability`` is ``2 ** -bits``."""

    entities: tuple[int, ...]
    values: tuple[int, ...]
    bits: float

    @property
    def probability(self) -> float:
        """That every tie of the way is real."""
        return float(2.0**-self.bits)


@dataclass(frozen=True, slots=True)
class Ways:
    """The best ways between two entities; ``complete`` is False where the search gave up before it could be sure."""

    ways: tuple[Way, ...]
    probability: float
    complete: bool


class TieArrays:
    """A graph of entities that hold values, kept as arrays; answers ``between`` and ``around``."""

    def __init__(
        self,
        starts: npt.NDArray[np.int64],
        neighbours: npt.NDArray[np.int32],
        bits: npt.NDArray[np.float32],
        entities: int,
    ) -> None:
        self.starts, self.neighbours, self.bits, self.entities = starts, neighbours, bits, entities
        self._threads = threading.local()

    @classmethod
    def build(
        cls, holders: npt.ArrayLike, values: npt.ArrayLike, bits: npt.ArrayLike, entities: int | None = None
    ) -> TieArrays:
        """From holdings (entity and value numbers from 0, one row a link) and the bits of each value.

        A value of infinite bits is generic: its links are left out. Raises ValueError for a negative number or bits.
        """
        held = np.asarray(holders, np.int32)
        what = np.asarray(values, np.int32)
        worth = np.asarray(bits, np.float32)
        count = entities if entities is not None else int(held.max(initial=-1)) + 1
        if held.shape != what.shape or held.min(initial=0) < 0 or what.min(initial=0) < 0:
            raise ValueError("holdings need one entity and one value each, numbered from 0")
        if held.max(initial=-1) >= count or what.max(initial=-1) >= worth.size or (worth < 0).any():
            raise ValueError("an entity or a value of a holding is unknown, or a value has negative bits")
        finite = np.isfinite(worth)
        if not finite.all():
            kept = finite[what]
            held, what, worth = held[kept], what[kept], np.where(finite, worth, 0).astype(np.float32)
        starts, neighbours = rows_of(held, what, count + worth.size, count)
        return cls(starts, neighbours, worth, count)

    @property
    def links(self) -> int:
        """How many holdings are kept."""
        return self.neighbours.size // 2

    @property
    def bytes(self) -> int:
        """What the arrays take, without the room for searches (28 bytes a node and thread, and its queues)."""
        return self.starts.nbytes + self.neighbours.nbytes + self.bits.nbytes

    def between(
        self, one: int, other: int, *, max_bits: float = 12.0, count: int = 3, most_looked: int = MOST_LOOKED
    ) -> Ways:
        """The ``count`` cheapest ways from one entity to another, none using all values of a better one.

        Exact: the second is the cheapest of those that leave out some value of the first, and so on. No way: not
        connected within ``max_bits``. ``probability``: that at least one is real, shared ties counted once.
        """
        if one == other or not (0 <= one < self.entities and 0 <= other < self.entities):
            return Ways((), 0.0, True)
        found: list[Way] = []
        first, complete = self._shortest(one, other, max_bits, most_looked, ())
        waiting: list[tuple[float, tuple[int, ...], tuple[int, ...], Way]] = []
        tried: set[tuple[int, ...]] = {()}
        if first is not None:
            waiting.append((first.bits, first.values, (), first))
        while waiting and len(found) < count:
            _, _, without, way = heapq.heappop(waiting)
            if not any(set(better.values) <= set(way.values) for better in found):
                found.append(way)
            if len(found) == count:
                break
            for value in way.values:
                banned = tuple(sorted((*without, value)))
                if banned in tried:
                    continue
                tried.add(banned)
                # What is dearer than the ways still waiting that will do cannot be among the best.
                enough = sorted(entry[0] for entry in waiting)[: count - len(found)]
                limit = min(max_bits, enough[-1]) if len(enough) == count - len(found) else max_bits
                next_way, sure = self._shortest(one, other, limit, most_looked, banned)
                complete &= sure
                if next_way is not None:
                    entry = (next_way.bits, next_way.values, banned, next_way)
                    if all(entry[1] != kept[1] or entry[2] != kept[2] for kept in waiting):
                        heapq.heappush(waiting, entry)
        return Ways(tuple(found), self.together(found), complete)

    def together(self, ways: Sequence[Way]) -> float:
        """The probability that at least one of the ways is real: ties that several share are counted once."""
        return any_of([{value: 2.0 ** -float(self.bits[value]) for value in way.values} for way in ways])

    def around(
        self, start: int, *, max_bits: float = 6.0, most_looked: int = MOST_LOOKED
    ) -> tuple[list[tuple[int, float]], bool]:
        """The other entities within ``max_bits``, the cheapest first, and whether these are all."""
        room = self._room()
        found, complete = within(
            self.starts, self.neighbours, self.bits, self.entities, start, max_bits, most_looked, room.next(),
            room.seen, room.cost, room.before, room.heap_cost, room.heap_node,
        )  # fmt: skip
        return [(int(node), float(room.cost[0, node])) for node in found if node != start], bool(complete)

    def _room(self) -> _Room:
        room: _Room | None = getattr(self._threads, "room", None)
        if room is None:
            room = self._threads.room = _Room(self.starts.size - 1)
        return room

    def _shortest(
        self, one: int, other: int, max_bits: float, most_looked: int, banned: Iterable[int]
    ) -> tuple[Way | None, bool]:
        room = self._room()
        stamp = room.next()
        for value in banned:
            room.banned[self.entities + value] = stamp
        room.ends[:] = one, other
        _bits, meeting, complete = shortest(
            self.starts, self.neighbours, self.bits, self.entities, room.ends, max_bits, most_looked, room.banned, stamp,
            room.seen, room.cost, room.before, room.heap_cost, room.heap_node,
        )  # fmt: skip
        if meeting < 0:
            return None, bool(complete)
        nodes = [int(meeting)]
        while (node := int(room.before[0, nodes[0]])) >= 0:
            nodes.insert(0, node)
        while (node := int(room.before[1, nodes[-1]])) >= 0:
            nodes.append(node)
        entities = tuple(node for node in nodes if node < self.entities)
        values = tuple(node - self.entities for node in nodes if node >= self.entities)
        return Way(entities, values, math.fsum(float(self.bits[value]) for value in values)), bool(complete)


class _Room:
    """What one thread's searches write into; a new stamp makes all of it empty again."""

    def __init__(self, nodes: int) -> None:
        self.seen = np.zeros((2, nodes), np.int32)
        self.cost = np.zeros((2, nodes), np.float32)
        self.before = np.zeros((2, nodes), np.int32)
        self.banned = np.zeros(nodes, np.int32)
        self.heap_cost = np.zeros((2, HEAP), np.float32)  # as the costs: an entry is stale where it is dearer
        self.heap_node = np.zeros((2, HEAP), np.int32)
        self.ends = np.zeros(2, np.int64)
        self._stamp = 0

    def next(self) -> int:
        self._stamp += 1
        return self._stamp
