"""Best ranked paths between two entities in a large graph of ties: part of ``opencets bench link``.

``python benchmarks/link_paths.py [--links N] [--pairs N] [--seed S] [--json]``

Entities hold values whose numbers of holders are heavy-tailed (most one, some tens of thousands). Chains of 2 to 5
ties through values of two holders are planted between entities; as many pairs are drawn at random, which are seldom
connected. Peers: SciPy's Dijkstra within the same limit on the same graph; on a hundredth of it NetworkX, the search layer by
layer, and igraph where it is installed (GPL, so no dependency here). Answers are held against SciPy's and NetworkX's.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import itertools
import json
import os
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from opencets.linking import Tie, TieArrays, between, default_rarity

MAX_BITS = 8.0
"""A path of less than 1 in 256 is no lead; a planted chain of five ties costs about 1.3 bits."""
TIES = (2, 3, 4, 5)
PEER_PAIRS = 5
LAYERS = "layer by layer (opencets.linking.between)"


@dataclass(frozen=True)
class Graph:
    """Holdings as arrays, and the pairs to ask about: planted ones by their number of ties, 0 for random pairs."""

    holders: npt.NDArray[np.int32]
    values: npt.NDArray[np.int32]
    bits: npt.NDArray[np.float32]
    entities: int
    pairs: dict[int, list[tuple[int, int]]]


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """The measures, also printed; with ``--json`` as one JSON value."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--links", type=int, default=10_000_000)
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    outcome = {"benchmark": "link_paths", "cpus": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}
    outcome |= run(options.links, options.pairs, options.seed)
    if options.json:
        print(json.dumps(outcome))
    else:
        tell(outcome)
    return outcome


def tell(outcome: dict[str, Any]) -> None:
    """The measures as lines."""
    print(
        f"{outcome['links']:,} links, {outcome['entities']:,} entities, {outcome['values']:,} values (the widest held by "
        f"{outcome['widest']:,}); arrays {outcome['megabytes']} MB, built in {outcome['build_seconds']} s"
    )
    for name, figures in outcome["ways"].items():
        print(
            f"  {name:<44} median {figures['median_ms']:>9.3f} ms  95 % {figures['p95_ms']:>9.3f} ms  "
            f"worst {figures['worst_ms']:>9.3f} ms  of {figures['pairs']}"
        )
    print(f"  by ties: {outcome['by_ties']}")


def run(links: int, pairs: int, seed: int) -> dict[str, Any]:
    """The graph built, every pair asked, the peers on some of the same pairs."""
    graph = planted(links, pairs, seed)
    began = time.perf_counter()
    arrays = TieArrays.build(graph.holders[:10], graph.values[:10], graph.bits, graph.entities)
    arrays.between(0, 1)
    compiling = time.perf_counter() - began
    began = time.perf_counter()
    arrays = TieArrays.build(graph.holders, graph.values, graph.bits, graph.entities)
    built = time.perf_counter() - began
    arrays.between(0, 1)  # the room for searches is made once for each thread

    times: dict[int, list[float]] = {}
    costs: dict[tuple[int, int], float | None] = {}
    for ties, asked in graph.pairs.items():
        for one, other in asked:
            began = time.perf_counter()
            found = arrays.between(one, other, max_bits=MAX_BITS)
            times.setdefault(ties, []).append((time.perf_counter() - began) * 1000)
            assert found.complete, "a search gave up"
            assert not ties or found.ways, f"a planted chain of {ties} ties was not found"
            costs[one, other] = found.ways[0].bits if found.ways else None
    outcome = {
        "links": arrays.links,
        "entities": arrays.entities,
        "values": int(graph.bits.size),
        "widest": int(np.bincount(graph.values).max()),
        "seed": seed,
        "megabytes": arrays.bytes // 1_000_000,
        "build_seconds": round(built, 2),
        "compile_seconds": round(compiling, 2),
        "by_ties": {
            ("random pairs" if not ties else f"{ties} ties"): {
                **figures(took),
                "connected": sum(costs[pair] is not None for pair in graph.pairs[ties]),
            }
            for ties, took in times.items()
        },
        "ways": {"arrays, three best paths": figures([one for took in times.values() for one in took])},
    }
    asked = [pair for ties in (0, 3, 5) for pair in graph.pairs[ties][:2]]
    for name, ask in peers(graph, arrays).items():
        took = []
        for pair in asked:
            began = time.perf_counter()
            cost = ask(*pair)
            took.append((time.perf_counter() - began) * 1000)
            mine = costs[pair]
            assert (cost is None) == (mine is None), f"{name}: {cost} bits, arrays: {mine} bits"
            assert cost is None or mine is None or abs(cost - mine) < 1e-3, f"{name}: {cost}, arrays: {mine} bits"
        outcome["ways"][name] = figures(took)
    outcome["ways"] |= small(max(10_000, links // 100), seed)
    outcome["peak_megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return outcome


def small(links: int, seed: int) -> dict[str, Any]:
    """The slower peers on a hundredth: NetworkX takes minutes and gigabytes to build ten million links."""
    networkx = importlib.import_module("networkx")
    graph = planted(links, 30, seed)
    arrays = TieArrays.build(graph.holders, graph.values, graph.bits, graph.entities)
    plain = networkx.Graph()
    half = graph.bits[graph.values].astype(float) / 2
    plain.add_weighted_edges_from(
        zip(graph.holders.tolist(), (graph.entities + graph.values).tolist(), half.tolist(), strict=True)
    )
    took, ours = [], []
    for one, other in [pair for ties in (0, 3, 5) for pair in graph.pairs[ties][:PEER_PAIRS]]:
        began = time.perf_counter()
        try:
            cost: float | None = networkx.bidirectional_dijkstra(plain, one, other)[0]
        except (networkx.NetworkXNoPath, networkx.NodeNotFound):
            cost = None
        took.append((time.perf_counter() - began) * 1000)
        began = time.perf_counter()
        mine = arrays.between(one, other, max_bits=MAX_BITS, count=1).ways
        ours.append((time.perf_counter() - began) * 1000)
        if cost is None or cost > MAX_BITS:
            assert not mine, "a way where NetworkX knows none"
        else:
            assert abs(mine[0].bits - cost) < 1e-3, f"NetworkX: {cost} bits, arrays: {mine[0].bits} bits"
    source, layers = _Layers(graph, arrays), []
    for ties in (0, 3):
        one, other = graph.pairs[ties][0]
        began = time.perf_counter()
        found = between(
            [str(one)], [str(other)], source, group_of=lambda record: record,
            max_hops=4, max_ties=4, max_bits=MAX_BITS, count=1, frontier_limit=200,
        )  # fmt: skip
        layers.append((time.perf_counter() - began) * 1000)
        best = arrays.between(one, other, max_bits=MAX_BITS, count=1).ways
        # Cut off at 200 ways a layer it may miss the best, and never finds a better one.
        assert not found or found[0].bits >= best[0].bits - 1e-3, "the search by layers found a cheaper path"
    by_igraph = (
        {f"igraph Dijkstra, {links:,} links": figures(_igraph(graph))} if importlib.util.find_spec("igraph") else {}
    )
    return {
        **by_igraph,
        f"{LAYERS}, {links:,} links": figures(layers),
        f"NetworkX bidirectional, {links:,} links": figures(took),
        f"arrays, one best path, {links:,} links": figures(ours),
    }


def peers(graph: Graph, arrays: TieArrays) -> dict[str, Callable[[int, int], float | None]]:
    """By name, what answers the cost of the best path within the limit."""
    nodes = arrays.starts.size - 1
    half = np.empty(arrays.neighbours.size, np.float64)
    owner = np.repeat(np.arange(nodes), np.diff(arrays.starts))
    value = np.where(owner >= graph.entities, owner, arrays.neighbours) - graph.entities
    # SciPy takes a link of 0 for none.
    half[:] = np.maximum(graph.bits[value], 1e-9) / 2
    matrix = csr_array((half, arrays.neighbours, arrays.starts), shape=(nodes, nodes))
    del owner, value

    def by_scipy(one: int, other: int) -> float | None:
        cost = dijkstra(matrix, indices=one, limit=MAX_BITS)[other]
        return float(cost) if np.isfinite(cost) else None

    return {"SciPy Dijkstra, within the limit": by_scipy}


def _igraph(graph: Graph) -> list[float]:
    """igraph where it is installed: GPL, so no dependency here. It takes seconds for each pair."""
    igraph = importlib.import_module("igraph")
    edges = np.column_stack((graph.holders, graph.entities + graph.values)).tolist()
    whole = igraph.Graph(n=graph.entities + graph.bits.size, edges=edges)
    whole.es["w"] = (graph.bits[graph.values].astype(float) / 2).tolist()
    took = []
    for one, other in [graph.pairs[ties][0] for ties in (0, 3, 5)]:
        began = time.perf_counter()
        whole.distances(source=[one], target=[other], weights="w")
        took.append((time.perf_counter() - began) * 1000)
    return took


class _Layers:
    """The same arrays as a ``TieSource`` for the search that asks layer by layer."""

    def __init__(self, graph: Graph, arrays: TieArrays) -> None:
        self._graph, self._arrays = graph, arrays

    def ties_of(self, records: Sequence[str]) -> Iterator[Tie]:
        starts, neighbours, entities = self._arrays.starts, self._arrays.neighbours, self._arrays.entities
        for record in records:
            one = int(record)
            for value in neighbours[starts[one] : starts[one + 1]].tolist():
                bits = float(self._graph.bits[value - entities])
                if bits > MAX_BITS:
                    continue
                for other in neighbours[starts[value] : starts[value + 1]].tolist():
                    if other != one:
                        yield Tie(record, str(other), "phone", str(value), bits, "", "")


def planted(links: int, pairs: int, seed: int) -> Graph:
    """Holdings of about ``links`` rows with planted chains, and pairs of each number of ties."""
    chance, rarity = np.random.default_rng(seed), default_rarity()
    entities, values = links // 2, int(links * 0.28)
    held = 1 + (1.2 * (1 + chance.pareto(1.1, values))).astype(np.int64)
    held = np.maximum((np.minimum(held, 45_000) * (1.1 * links / held.sum())).astype(np.int64), 1)
    what = np.repeat(np.arange(values, dtype=np.int32), held)
    who = chance.integers(0, entities, what.size, dtype=np.int32)
    chosen: dict[int, list[tuple[int, int]]] = {}
    more_who: list[int] = []
    more_what: list[int] = []
    next_value = values
    for ties in TIES:
        for _ in range(pairs // len(TIES)):
            chain = chance.integers(0, entities, ties + 1).tolist()
            for one, other in itertools.pairwise(chain):
                more_who += [one, other]
                more_what += [next_value, next_value]
                next_value += 1
            chosen.setdefault(ties, []).append((chain[0], chain[-1]))
    chosen[0] = [(int(a), int(b)) for a, b in chance.integers(0, entities, (pairs, 2)) if a != b]
    holders = np.concatenate((who, np.array(more_who, np.int32)))
    what = np.concatenate((what, np.array(more_what, np.int32)))
    degrees = np.bincount(what, minlength=next_value)
    worth = {degree: smooth(degree, rarity.worths["phone"].probability) for degree in np.unique(degrees).tolist()}
    bits = np.array([worth[degree] for degree in degrees.tolist()], np.float32)
    return Graph(holders, what, bits, entities, chosen)


def smooth(degree: int, probability: float) -> float:
    """The bits of a value of so many holders, without a limit: hubs stay in the graph, and the search has to cope."""
    return float(-np.log2(default_rarity().probability("phone", max(degree, 2)))) if degree > 1 else 0.0


def figures(took: list[float]) -> dict[str, float]:
    """Median, 95th percentile and worst, in milliseconds."""
    ordered = np.array(took)
    return {
        "pairs": len(took),
        "median_ms": round(float(np.median(ordered)), 3),
        "p95_ms": round(float(np.percentile(ordered, 95)), 3),
        "worst_ms": round(float(ordered.max()), 3),
    }


if __name__ == "__main__":
    main()
