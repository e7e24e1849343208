"""Patterns of one case: communities, brokers, who writes to whom and when, who was in one place at one time.

Everything takes names as the case writes them and gives numbers in a fixed order; two writings of one person are two names.
Communities are Louvain's (NetworkX, seeded), brokers those through whom most shortest ways between others pass
(betweenness, Brandes), both over the ties given.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations

import networkx as nx

Edge = tuple[str, str, float]
"""Two names and the weight of what ties them; several edges of one pair are added up."""

MOST_EXACT = 600
"""Beyond so many names betweenness is taken from as many sampled starts: equal in order, near in size."""
EARTH_METRES = 6_371_000


@dataclass(frozen=True, slots=True)
class Structure:
    """``communities``: each sorted, the largest first. ``brokers``: (name, share of ways that pass), the busiest first."""

    communities: tuple[tuple[str, ...], ...]
    brokers: tuple[tuple[str, float], ...]
    edges: tuple[Edge, ...]

    def community_of(self) -> dict[str, int]:
        """The number of each name's community, from 0."""
        return {name: at for at, names in enumerate(self.communities) for name in names}


def structure(edges: Iterable[Edge], *, seed: int = 0) -> Structure:
    """Communities and brokers of a graph; equal edges in any order give equal answers. Loops are left out."""
    weights: dict[tuple[str, str], float] = defaultdict(float)
    for left, right, weight in edges:
        if left != right and weight > 0:
            weights[min(left, right), max(left, right)] += weight
    graph: nx.Graph[str] = nx.Graph()
    ordered = tuple((left, right, weight) for (left, right), weight in sorted(weights.items()))
    graph.add_nodes_from(sorted({name for left, right, _ in ordered for name in (left, right)}))
    graph.add_weighted_edges_from(ordered)
    if not ordered:
        return Structure((), (), ())
    found = nx.community.louvain_communities(graph, weight="weight", seed=seed)
    communities = sorted((tuple(sorted(names)) for names in found), key=lambda names: (-len(names), names))
    sample = None if len(graph) <= MOST_EXACT else MOST_EXACT
    between = nx.betweenness_centrality(graph, k=sample, normalized=True, seed=seed)
    brokers = sorted(((name, round(share, 4)) for name, share in between.items() if share > 0), key=_by_share)
    return Structure(tuple(communities), tuple(brokers), ordered)


def _by_share(entry: tuple[str, float]) -> tuple[float, str]:
    return -entry[1], entry[0]


@dataclass(frozen=True, slots=True)
class Contact:
    """One message from one to another; ``at`` None where no time with a zone is known."""

    sender: str
    recipient: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Exchange:
    """What went from one to another: how often, first and last."""

    sender: str
    recipient: str
    count: int
    first: datetime | None
    last: datetime | None


def exchanges(contacts: Iterable[Contact]) -> tuple[Exchange, ...]:
    """Who writes to whom, the busiest pair first."""
    held: dict[tuple[str, str], list[datetime | None]] = defaultdict(list)
    for contact in contacts:
        if contact.sender != contact.recipient:
            held[contact.sender, contact.recipient].append(contact.at)
    found = []
    for (sender, recipient), instants in held.items():
        known = sorted(at for at in instants if at is not None)
        found.append(
            Exchange(sender, recipient, len(instants), known[0] if known else None, known[-1] if known else None)
        )
    return tuple(sorted(found, key=lambda one: (-one.count, one.sender, one.recipient)))


def rhythm(instants: Iterable[datetime]) -> tuple[tuple[int, ...], ...]:
    """How many by weekday (Monday first) and hour, in the zone of the instants."""
    counted = Counter((at.weekday(), at.hour) for at in instants)
    return tuple(tuple(counted[day, hour] for hour in range(24)) for day in range(7))


@dataclass(frozen=True, slots=True)
class Slice:
    """One month: how much was written, by how many names, and which ties were first seen in it."""

    month: str
    contacts: int
    names: int
    new_ties: int


def slices(contacts: Iterable[Contact]) -> tuple[Slice, ...]:
    """The months from the first to the last contact, also those in which nothing was written."""
    dated = sorted(
        ((contact.at, contact.sender, contact.recipient) for contact in contacts if contact.at),
        key=lambda one: one[0],
    )
    if not dated:
        return ()
    months: dict[str, list[tuple[str, str]]] = {}
    year, month = dated[0][0].year, dated[0][0].month
    while (year, month) <= (dated[-1][0].year, dated[-1][0].month):
        months[f"{year}-{month:02d}"] = []
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    for at, sender, recipient in dated:
        months[f"{at.year}-{at.month:02d}"].append((sender, recipient))
    seen: set[frozenset[str]] = set()
    found = []
    for name, pairs in months.items():
        ties = {frozenset(pair) for pair in pairs}
        found.append(Slice(name, len(pairs), len({side for pair in pairs for side in pair}), len(ties - seen)))
        seen |= ties
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Presence:
    """Somebody was somewhere: at a position, or behind an address; ``place`` names the address or is ``lat,lon``."""

    name: str
    place: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Meeting:
    """Two names at one place within the time allowed; ``metres`` and ``minutes`` apart."""

    left: str
    right: str
    place: str
    at: datetime
    minutes: int
    metres: int


def meetings(
    presences: Iterable[Presence], *, minutes: int = 60, metres: int = 150, most: int = 500
) -> tuple[Meeting, ...]:
    """Who was in the same place at the same time, in order of time; of one pair, place and hour the nearest.

    Addresses must be equal, positions at most ``metres`` apart. The window slides over sorted instants, so that the work
    grows with what lies near in time, not with its square; more than ``most`` are cut off.
    """
    ordered = sorted(set(presences), key=lambda one: (one.at, one.name, one.place))
    best: dict[tuple[str, str, str, datetime], Meeting] = {}
    window = timedelta(minutes=minutes)
    first = 0
    for at, here in enumerate(ordered):
        while here.at - ordered[first].at > window:
            first += 1
        for there in ordered[first:at]:
            if there.name == here.name:
                continue
            apart = _metres(here.place, there.place)
            if apart > metres:
                continue
            left, right = sorted((here.name, there.name))
            gap = round((here.at - there.at).total_seconds() / 60)
            hour = there.at.replace(minute=0, second=0, microsecond=0)
            key = (left, right, here.place if apart == 0 else "", hour)
            if key not in best or (gap, apart) < (best[key].minutes, best[key].metres):
                best[key] = Meeting(left, right, there.place, there.at, gap, round(apart))
    return tuple(sorted(best.values(), key=lambda one: (one.at, one.left, one.right, one.place))[:most])


def _metres(one: str, other: str) -> float:
    if one == other:
        return 0.0
    here, there = _position(one), _position(other)
    if here is None or there is None:
        return math.inf
    latitude = math.radians((here[0] + there[0]) / 2)
    east = math.radians(there[1] - here[1]) * math.cos(latitude)
    return EARTH_METRES * math.hypot(east, math.radians(there[0] - here[0]))


def _position(place: str) -> tuple[float, float] | None:
    latitude, comma, longitude = place.partition(",")
    try:
        return (float(latitude), float(longitude)) if comma else None
    except ValueError:
        return None


def shared_values(holders: Iterable[tuple[str, str]]) -> list[Edge]:
    """Edges between the names that hold one value, from (name, value); a value of many is a star around its first.

    Each value weighs one over its number of holders less one, so that a crowd counts no more than a pair.
    """
    by_value: dict[str, set[str]] = defaultdict(set)
    for name, value in holders:
        by_value[value].add(name)
    found: list[Edge] = []
    for _, names in sorted(by_value.items()):
        ordered = sorted(names)
        pairs = combinations(ordered, 2) if len(ordered) <= 12 else ((ordered[0], other) for other in ordered[1:])
        found += [(left, right, 1 / (len(ordered) - 1)) for left, right in pairs]
    return found
