"""Clusters: records that belong together by judgements and suggestions, with every "different" respected.

Entities are recomputed for each reader from the edges that this reader may see: a cluster computed from all edges and
then filtered would show that two visible records touch through a hidden one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Edge = tuple[str, str, float]
"""Two records and the strength of what joins them; judgements by people get ``JUDGED``."""

JUDGED = float("inf")


@dataclass(frozen=True, slots=True)
class Clusters:
    """``clusters``: each sorted, the one with the smallest member first. ``cut``: edges left out for a "different"."""

    clusters: tuple[tuple[str, ...], ...]
    cut: tuple[Edge, ...]

    def by_record(self) -> dict[str, str]:
        """The smallest member of each record's cluster, as the cluster's handle."""
        return {record: cluster[0] for cluster in self.clusters for record in cluster}


def components(
    edges: Iterable[Edge],
    cannot_link: Iterable[tuple[str, str]] = (),
    records: Iterable[str] = (),
) -> Clusters:
    """Connected components in which no pair judged different stands together: the weakest separating edges are cut.

    The strongest edges join first; an edge that would bring two records judged different together is cut, even one
    judged "same" (the two judgements contradict each other, and keeping apart is the safer error to repair).
    ``records`` adds records without edges. Equal inputs in any order give equal clusters.
    """
    parent: dict[str, str] = {}
    enemies: dict[str, set[str]] = {}

    def root(record: str) -> str:
        parent.setdefault(record, record)
        while parent[record] != record:
            parent[record] = parent[parent[record]]
            record = parent[record]
        return record

    for record in records:
        root(record)
    for left, right in cannot_link:
        root(left), root(right)
        if left != right:
            enemies.setdefault(left, set()).add(right)
            enemies.setdefault(right, set()).add(left)
    strongest = sorted(
        {(min(left, right), max(left, right), strength) for left, right, strength in edges},
        key=lambda edge: (-edge[2], edge[0], edge[1]),
    )
    cut: list[Edge] = []
    for left, right, strength in strongest:
        one, other = root(left), root(right)
        if one == other:
            continue
        if any(root(enemy) == other for enemy in enemies.get(one, ())):
            cut.append((left, right, strength))
            continue
        parent[other] = one
        if other in enemies:
            enemies.setdefault(one, set()).update(enemies.pop(other))
    together: dict[str, list[str]] = {}
    for record in sorted(parent):
        together.setdefault(root(record), []).append(record)
    return Clusters(tuple(sorted(tuple(members) for members in together.values())), tuple(cut))
