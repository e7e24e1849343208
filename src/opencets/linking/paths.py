"""Paths: from some records to every other case they are connected with, the most probable first, each with its ties.

The graph is never built: the caller supplies the ties of a batch of records (``TieSource``), one batch per layer of the
search, so that a database answers one question per layer. The cost of a path is the sum of its ties' bits; a **hop** is
a tie whose two records lie in different groups (cases), ties inside a group cost bits and no hop. The search keeps, for
each record, the ways to reach it that fewer than ``per_group`` others beat in bits, hops and ties at once; it never
returns to a group it has left, never uses a value a second time, and never steps through a generic value.

Where records lie under different holdings (``held_by``), a way is set aside only for ways that use no holding but its own.
What is found over some holdings then is what a search of these alone finds: nobody learns from it that there are others.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from opencets.linking.evidence import any_of


@dataclass(frozen=True, slots=True)
class Tie:
    """Two records that hold the same value (or near-duplicates, or are probably the same person).

    ``value``: what both hold; for a near-duplicate any text that names the pair, the same from both sides.
    ``bits``: cost, ``-log2`` of the probability that the two are really connected (``Rarity.bits``).
    ``left_claim``, ``right_claim``: the keys of the claims that say so, for the explanation.
    ``note``: what the sentence adds in brackets, for example ``"distance 12 of 256"``.
    ``generic``: held by too many; the search leaves such a tie out whatever its bits say.
    """

    left: str
    right: str
    kind: str
    value: str
    bits: float
    left_claim: str
    right_claim: str
    note: str = ""
    generic: bool = False

    def turned(self) -> Tie:
        """The same tie seen from the other record."""
        return replace(
            self,
            left=self.right,
            right=self.left,
            left_claim=self.right_claim,
            right_claim=self.left_claim,
        )


class TieSource(Protocol):
    """Who knows the ties: PostgreSQL behind the web part, a dictionary in tests (``Holdings``)."""

    def ties_of(self, records: Sequence[str]) -> Iterable[Tie]:
        """Every tie that has one of ``records`` at either end, also inside a group; order does not matter.

        Records of one group that hold the same value may be tied as a star (all to one of them) instead of each to
        each: steps along one value cost its bits once and come out as one tie.
        """
        ...


@dataclass(frozen=True, slots=True)
class Path:
    """A way from one record to another: ``ties`` in order, each tie's right record being the next one's left.

    ``groups``: the group of each record along the way, one more than ties. ``probability`` is ``2 ** -bits``.
    """

    ties: tuple[Tie, ...]
    groups: tuple[str, ...]
    bits: float
    hops: int
    probability: float

    @property
    def records(self) -> tuple[str, ...]:
        """The records along the way, the start first."""
        return (self.ties[0].left, *(tie.right for tie in self.ties)) if self.ties else ()

    @property
    def values(self) -> frozenset[tuple[str, str]]:
        """(kind, value) of every tie."""
        return frozenset((tie.kind, tie.value) for tie in self.ties)


@dataclass(frozen=True, slots=True)
class Connection:
    """One other group that was reached: its best diverse paths, and what they say together.

    ``probability``: that at least one of the paths is real (``combined``); what they share counts once, because e-mail and
    screen name of one account, or two digests of one file, are one piece of evidence. ``hops``: of the best.
    """

    group: str
    paths: tuple[Path, ...]
    probability: float
    hops: int
    within: frozenset[str] = frozenset()
    """The holdings that its paths use, each of them all; empty where the search was told of none."""


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found. ``complete`` is False where ``frontier_limit`` cut ways off: say so to the reader.

    ``looked_at``: number of records whose ties were asked for.
    """

    connections: tuple[Connection, ...]
    complete: bool
    looked_at: int

    @property
    def paths(self) -> list[Path]:
        """All paths of all connections, the cheapest first."""
        return sorted((path for found in self.connections for path in found.paths), key=_order)


def search(
    starts: Iterable[str],
    source: TieSource,
    *,
    group_of: Callable[[str], str],
    max_hops: int = 3,
    max_ties: int = 7,
    max_bits: float = 12.0,
    per_group: int = 3,
    frontier_limit: int = 20_000,
    held_by: Callable[[str], str] | None = None,
) -> Search:
    """Every other group that the start records reach within the bounds, the most probable connection first.

    Equal inputs give equal answers in equal order, whatever the order of starts and ties. ``held_by``: the holding of a
    record; then there is one connection for each group and each set of holdings that paths to it use.
    """
    bounds = _Bounds(max_hops, max_ties, max_bits, per_group, frontier_limit)
    known = _Known(source, group_of, held_by)
    walk = _Walk(starts, known, bounds)
    while walk.step():
        pass
    arrived: dict[str, list[_Arrival]] = defaultdict(list)
    for way in walk.arrivals:
        path = _path(way.ties(), group_of)
        arrived[path.groups[-1]].append((path, known.holdings(path.records)))
    connections = [found for group, paths in arrived.items() for found in _connections(group, paths, per_group)]
    connections.sort(key=lambda found: (-found.probability, found.hops, found.group, sorted(found.within)))
    return Search(tuple(connections), walk.complete, known.looked_at)


def best_paths(
    starts: Iterable[str],
    source: TieSource,
    *,
    group_of: Callable[[str], str],
    max_hops: int = 3,
    max_ties: int = 7,
    max_bits: float = 12.0,
    per_group: int = 3,
    frontier_limit: int = 20_000,
) -> list[Path]:
    """The best diverse paths to every other group, cheapest first: ``search(...).paths``."""
    return search(
        starts,
        source,
        group_of=group_of,
        max_hops=max_hops,
        max_ties=max_ties,
        max_bits=max_bits,
        per_group=per_group,
        frontier_limit=frontier_limit,
    ).paths


def between(
    starts: Iterable[str],
    goals: Iterable[str],
    source: TieSource,
    *,
    group_of: Callable[[str], str],
    max_hops: int = 3,
    max_ties: int = 7,
    max_bits: float = 12.0,
    count: int = 3,
    frontier_limit: int = 20_000,
) -> list[Path]:
    """The best diverse paths from any start to any goal record, searched from both ends, smaller side first.

    An empty list means: not connected within the bounds. A record that is start and goal gives no path.
    """
    from_starts, from_goals = sorted(set(starts)), sorted(set(goals))
    if not from_starts or not from_goals:
        return []
    bounds = _Bounds(max_hops, max_ties, max_bits, count, frontier_limit)
    known = _Known(source, group_of)
    ahead, behind = _Walk(from_starts, known, bounds), _Walk(from_goals, known, bounds)
    same_group = bool({known.group(start) for start in from_starts} & {known.group(goal) for goal in from_goals})
    # Steps along one value are collapsed, so a path of max_ties ties takes at most three raw steps a tie.
    for _ in range(3 * max_ties):
        smaller, larger = sorted((ahead, behind), key=lambda walk: len(walk.frontier))
        if not smaller.step() and not larger.step():
            break
        # One side that has seen all it can reach has seen the other side's records too, except those of its own groups.
        if smaller.reached_everything and not same_group:
            break
    found: list[Path] = []
    for record in sorted(ahead.ways.keys() & behind.ways.keys()):
        for first in ahead.ways[record]:
            for second in behind.ways[record]:
                ties = [
                    *first.ties(),
                    *(tie.turned() for tie in reversed(second.ties())),
                ]
                if not ties:
                    continue
                path = _path(ties, group_of)
                if path.ties and _fits(path, bounds):
                    found.append(path)
    return _diverse(found, count)


@dataclass(frozen=True, slots=True)
class _Bounds:
    max_hops: int
    max_ties: int
    max_bits: float
    kept: int
    frontier_limit: int


@dataclass(slots=True, eq=False)
class _Way:
    """One way to reach a record; ``before`` leads back to the start, ``rank`` is its place in its layer."""

    record: str
    group: str
    bits: float
    hops: int
    count: int
    values: frozenset[tuple[str, str]]
    left_groups: frozenset[str]
    crossed: bool
    tie: Tie | None
    before: _Way | None
    spent: float = 0.0
    """Of the bits, those of the value of the last tie."""
    within: frozenset[str] = frozenset()
    rank: int = 0

    def ties(self) -> list[Tie]:
        ties: list[Tie] = []
        way: _Way | None = self
        while way is not None and way.tie is not None:
            ties.append(way.tie)
            way = way.before
        return ties[::-1]

    def order(self) -> tuple[float, int, int, str, int, str, str]:
        """Total and independent of the order of input: a way is told apart by the way before it and its last tie."""
        assert self.tie is not None
        assert self.before is not None
        return self.bits, self.hops, self.count, self.record, self.before.rank, self.tie.kind, self.tie.value


class _Known:
    """The ties asked for so far, by record; each record is asked for once."""

    def __init__(
        self, source: TieSource, group_of: Callable[[str], str], held_by: Callable[[str], str] | None = None
    ) -> None:
        self._source = source
        self._ties: dict[str, dict[tuple[str, str, str], Tie]] = {}
        self._groups: dict[str, str] = {}
        self._group_of = group_of
        self._held_by = held_by
        self.looked_at = 0

    def holdings(self, records: Iterable[str]) -> frozenset[str]:
        """Under which holdings the records lie; none where nobody said."""
        return frozenset(map(self._held_by, records)) if self._held_by else frozenset()

    def group(self, record: str) -> str:
        if record not in self._groups:
            self._groups[record] = self._group_of(record)
        return self._groups[record]

    def ask(self, records: Iterable[str]) -> None:
        asked = sorted({record for record in records if record not in self._ties})
        if not asked:
            return
        self.looked_at += len(asked)
        for record in asked:
            self._ties[record] = {}
        for tie in self._source.ties_of(asked):
            if tie.generic or not math.isfinite(tie.bits) or tie.bits < 0 or tie.left == tie.right:
                continue
            for side in (tie, tie.turned()):
                if side.left in self._ties:
                    name = (side.right, side.kind, side.value)
                    other = self._ties[side.left].get(name)
                    if other is None or (
                        side.bits,
                        side.left_claim,
                        side.right_claim,
                    ) < (
                        other.bits,
                        other.left_claim,
                        other.right_claim,
                    ):
                        self._ties[side.left][name] = side

    def ties(self, record: str) -> Iterator[Tie]:
        return iter(self._ties[record].values())


class _Walk:
    """A search outwards from some records, one layer of ties at a time."""

    def __init__(self, starts: Iterable[str], known: _Known, bounds: _Bounds) -> None:
        self._known, self._bounds = known, bounds
        nothing: frozenset[str] = frozenset()
        self.frontier = [
            _Way(
                start,
                known.group(start),
                0.0,
                0,
                0,
                frozenset(),
                nothing,
                False,
                None,
                None,
                within=known.holdings([start]),
            )
            for start in sorted(set(starts))
        ]
        self._home = frozenset(way.group for way in self.frontier)
        self.ways: dict[str, list[_Way]] = {way.record: [way] for way in self.frontier}
        self.arrivals: list[_Way] = []
        self.complete = True

    @property
    def reached_everything(self) -> bool:
        """Whether no way is left to follow and none was cut off."""
        return not self.frontier and self.complete

    def step(self) -> bool:
        """One layer further; False when there is nothing left to follow."""
        if not self.frontier:
            return False
        self._known.ask(way.record for way in self.frontier)
        longer = [
            further
            for way in self.frontier
            for tie in self._known.ties(way.record)
            if (further := self._along(way, tie))
        ]
        longer.sort(key=_Way.order)
        self.frontier = []
        for way in longer:
            if self._beaten(way):
                continue
            if len(self.frontier) == self._bounds.frontier_limit:
                self.complete = False
                break
            way.rank = len(self.frontier)
            self.ways.setdefault(way.record, []).append(way)
            self.frontier.append(way)
            # The tie that entered the group is the last one: what follows inside it is no new arrival.
            if way.before is not None and way.before.group != way.group:
                self.arrivals.append(way)
        return True

    def _along(self, way: _Way, tie: Tie) -> _Way | None:
        group, value = self._known.group(tie.right), (tie.kind, tie.value)
        crosses = group != way.group
        if crosses and (group in way.left_groups or group in self._home):
            return None
        same_value = way.tie is not None and (way.tie.kind, way.tie.value) == value
        if same_value:
            if crosses and way.crossed:
                return None
            # Steps along one value are one tie, worth what the weakest of them is.
            spent, count = max(way.spent, tie.bits), way.count
            bits = way.bits + spent - way.spent
        else:
            if value in way.values:
                return None
            spent, count = tie.bits, way.count + 1
            bits = way.bits + spent
        hops = way.hops + crosses
        if hops > self._bounds.max_hops or count > self._bounds.max_ties or bits > self._bounds.max_bits:
            return None
        within = way.within | self._known.holdings([tie.right])
        if self._outnumbered(tie.right, bits, hops, count, within):
            return None
        return _Way(
            tie.right,
            group,
            bits,
            hops,
            count,
            way.values | {value},
            way.left_groups | {way.group} if crosses else way.left_groups,
            crosses or (same_value and way.crossed),
            tie,
            way,
            spent,
            within,
        )

    def _outnumbered(self, record: str, bits: float, hops: int, count: int, within: frozenset[str]) -> bool:
        """Whether enough ways are kept already that are better in everything: asked first, because it is cheap."""
        ways = self.ways.get(record, ())
        if len(ways) < self._bounds.kept:
            return False
        better = sum(
            other.bits <= bits and other.hops <= hops and other.count <= count and other.within <= within
            for other in ways
        )
        return better >= self._bounds.kept

    def _beaten(self, way: _Way) -> bool:
        better = 0
        for other in self.ways.get(way.record, ()):
            if (
                other.bits <= way.bits
                and other.hops <= way.hops
                and other.count <= way.count
                and other.within <= way.within
            ):
                if other.values <= way.values:
                    return True
                better += 1
        return better >= self._bounds.kept


def _path(ties: Sequence[Tie], group_of: Callable[[str], str]) -> Path:
    """A path from raw steps: steps along one value become one tie from the first record to the last."""
    joined: list[Tie] = []
    for tie in ties:
        if joined and (joined[-1].kind, joined[-1].value) == (tie.kind, tie.value):
            last = joined.pop()
            if last.left != tie.right:
                weakest = max(last, tie, key=lambda step: step.bits)
                joined.append(
                    replace(last, right=tie.right, right_claim=tie.right_claim, bits=weakest.bits, note=weakest.note)
                )
        else:
            joined.append(tie)
    records = [joined[0].left, *(tie.right for tie in joined)] if joined else []
    groups = tuple(group_of(record) for record in records)
    bits = math.fsum(tie.bits for tie in joined)
    hops = sum(one != other for one, other in itertools.pairwise(groups))
    return Path(tuple(joined), groups, bits, hops, 2.0**-bits)


def _fits(path: Path, bounds: _Bounds) -> bool:
    visited = [group for at, group in enumerate(path.groups) if at == 0 or path.groups[at - 1] != group]
    between_ends = visited[1:] if len(visited) > 2 and visited[0] == visited[-1] else visited
    return (
        path.hops <= bounds.max_hops
        and len(path.ties) <= bounds.max_ties
        and path.bits <= bounds.max_bits
        and len(path.values) == len(path.ties)
        and len(set(path.records)) == len(path.records)
        and len(set(between_ends)) == len(between_ends)
    )


def _order(
    path: Path,
) -> tuple[float, int, int, tuple[str, ...], tuple[tuple[str, str], ...]]:
    return (
        path.bits,
        path.hops,
        len(path.ties),
        path.records,
        tuple((tie.kind, tie.value) for tie in path.ties),
    )


def _diverse(paths: Iterable[Path], count: int) -> list[Path]:
    """The cheapest paths, leaving out each that only adds values to one already taken."""
    taken: list[Path] = []
    for path in sorted(paths, key=_order):
        if len(taken) == count:
            break
        if not any(other.values <= path.values for other in taken):
            taken.append(path)
    return taken


_Arrival = tuple[Path, frozenset[str]]


def _connections(group: str, arrived: Iterable[_Arrival], count: int) -> list[Connection]:
    """The best diverse paths over each set of holdings.

    A path stands aside only for those over holdings of its own: over the same ones as before, over fewer for any that is as
    good, since a way that needs more of them then says nothing new.
    """
    taken: list[_Arrival] = []
    for path, within in sorted(arrived, key=lambda one: _order(one[0])):
        same = [other for other, others in taken if others == within]
        if any(others < within for _, others in taken) or len(same) == count:
            continue
        if not any(other.values <= path.values for other in same):
            taken.append((path, within))
    together: dict[frozenset[str], list[Path]] = defaultdict(list)
    for path, within in taken:
        together[within].append(path)
    return [Connection(group, tuple(of), combined(of), of[0].hops, within) for within, of in together.items()]


def combined(paths: Iterable[Path]) -> float:
    """The probability that at least one of the paths is real, each piece of evidence counted once.

    A tie is an event; ties of one value, and ties between one pair of records, are the same event. What paths share is
    counted once (``evidence.any_of``): two paths through one address are no more probable than that address.
    """
    parent: dict[Hashable, Hashable] = {}

    def root(event: Hashable) -> Hashable:
        parent.setdefault(event, event)
        while parent[event] != event:
            event = parent[event]
        return event

    taken = list(paths)
    for tie in (tie for path in taken for tie in path.ties):
        one, other = sorted((root((tie.kind, tie.value)), root(("", *sorted((tie.left, tie.right))))), key=str)
        parent[other] = one
    together: list[dict[Hashable, float]] = []
    for path in taken:
        events: dict[Hashable, float] = {}
        for tie in path.ties:
            event = root((tie.kind, tie.value))
            events[event] = max(2.0**-tie.bits, events.get(event, 0.0))
        together.append(events)
    return any_of(together)
