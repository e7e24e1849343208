"""Connections between cases: found against planted, by hops, and decoys that must not be reported.

``python benchmarks/link.py [--only chains planted paths] [--cases N] [--records N] [--links N] [--seed S] [--json]``

Three measures in one run: ``chains`` (below), ``planted`` (``link_world.py``: hidden chains of people among 40,000 records of
14 agencies), ``paths`` (``link_paths.py``: the best paths between two entities among ten million links).

The world is planted here: chains of four cases whose neighbours share one strong value, with inside-case steps and
near-duplicate pictures among them; decoys are values that twelve and more cases hold. The peer is the plain join: every
case that shares any value, generic or not, as far as the same number of hops.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import link_paths
import link_world

from opencets.linking import Holdings, explain_path, search

KINDS = ("email", "phone", "handle", "camera_serial", "wallet", "device_serial", "sha256", "pdq")
MOST_HOPS = 3


@dataclass
class World:
    """Holdings with the truth: hops of every planted pair of cases, and the values that are decoys."""

    holdings: Holdings = field(default_factory=Holdings)
    truth: dict[tuple[str, str], int] = field(default_factory=dict)
    decoys: set[tuple[str, str]] = field(default_factory=set)


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """The measures, also printed; with ``--json`` as one JSON value."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=60)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument(
        "--only", nargs="+", choices=("chains", "planted", "paths"), default=["chains", "planted", "paths"]
    )
    parser.add_argument("--planted-records", type=int, default=40_000)
    parser.add_argument("--links", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    outcome: dict[str, Any] = {"benchmark": "link", "cpus": os.cpu_count(), "seed": options.seed}
    if "chains" in options.only:
        outcome |= of_chains(options)
    if "planted" in options.only:
        outcome["planted"] = link_world.run(options.seed, options.planted_records)
    if "paths" in options.only:
        outcome["paths_between"] = link_paths.run(options.links, 300, options.seed)
    if options.json:
        print(json.dumps(outcome))
        return outcome
    if "chains" in options.only:
        tell(outcome)
    if "planted" in options.only:
        link_world.tell(outcome["planted"])
    if "paths" in options.only:
        link_paths.tell(outcome["paths_between"])
    return outcome


def of_chains(options: argparse.Namespace) -> dict[str, Any]:
    """Cases in chains of four, searched once each."""
    began = time.perf_counter()
    world = chains(options.cases, options.records, options.seed)
    built = time.perf_counter() - began
    return {
        "world": "chains",
        "cases": len(world.holdings.groups()),
        "records": sum(len(world.holdings.members(case)) for case in world.holdings.groups()),
        "planted_pairs": len(world.truth),
        "build_seconds": round(built, 2),
        **measured(world),
    }


def tell(outcome: dict[str, Any]) -> None:
    """The measures of the chains as lines."""
    print(
        f"{outcome['cases']} cases, {outcome['records']:,} records, {outcome['planted_pairs']} planted pairs of cases"
    )
    for name in ("paths", "plain_join"):
        figures = outcome[name]
        recall = "  ".join(f"{hops} hops {share:.3f}" for hops, share in figures["recall_by_hops"].items())
        print(f"  {name:<11} precision {figures['precision']:.3f}  recall: {recall}  false pairs {figures['false']}")
    print(
        f"  through decoys {outcome['paths']['through_decoys']}, without explanation "
        f"{outcome['paths']['unexplained']}; per case median {outcome['search_ms_median']} ms, "
        f"worst {outcome['search_ms_worst']} ms"
    )


def measured(world: World) -> dict[str, Any]:
    """Every case searched once; the plain join beside it."""
    holdings = world.holdings
    found: set[tuple[str, str]] = set()
    times: list[float] = []
    through_decoys = unexplained = 0
    for case in holdings.groups():
        began = time.perf_counter()
        result = search(holdings.members(case), holdings, group_of=holdings.group_of, max_hops=MOST_HOPS)
        times.append((time.perf_counter() - began) * 1000)
        for connection in result.connections:
            found.add((min(case, connection.group), max(case, connection.group)))
            for path in connection.paths:
                halves = {(kind, half) for kind, value in path.values for half in (value, *value.split("~"))}
                through_decoys += bool(halves & world.decoys)
                named = all(tie.left_claim and tie.right_claim for tie in path.ties)
                unexplained += not (named and explain_path(path, str).sentence)
    paths = _against(world.truth, found)
    return {
        "paths": {**paths, "through_decoys": through_decoys, "unexplained": unexplained},
        "plain_join": _against(world.truth, plain_join(holdings)),
        "search_ms_median": round(statistics.median(times), 1),
        "search_ms_worst": round(max(times), 1),
    }


def plain_join(holdings: Holdings) -> set[tuple[str, str]]:
    """Cases within three steps of "shares any exact value", as a join in SQL finds them."""
    holders: dict[tuple[str, str], set[str]] = defaultdict(set)
    for case in holdings.groups():
        for record in holdings.members(case):
            for value in holdings.values_of(record):
                holders[value].add(case)
    beside: dict[str, set[str]] = defaultdict(set)
    for cases in holders.values():
        for case in cases:
            beside[case] |= cases - {case}
    pairs: set[tuple[str, str]] = set()
    for case in holdings.groups():
        reached = layer = {case}
        for _ in range(MOST_HOPS):
            layer = {other for one in layer for other in beside[one]} - reached
            reached = reached | layer
        pairs |= {(min(case, other), max(case, other)) for other in reached if other != case}
    return pairs


def _against(truth: dict[tuple[str, str], int], found: set[tuple[str, str]]) -> dict[str, Any]:
    right = found & truth.keys()
    by_hops = {
        hops: round(sum(truth[pair] == hops for pair in right) / sum(h == hops for h in truth.values()), 4)
        for hops in sorted(set(truth.values()))
    }
    return {
        "precision": round(len(right) / len(found), 4) if found else 1.0,
        "recall": round(len(right) / len(truth), 4) if truth else 1.0,
        "recall_by_hops": by_hops,
        "found": len(found),
        "false": len(found - truth.keys()),
    }


def chains(cases: int, records: int, seed: int) -> World:
    """Chains of four cases tied by strong values, among records of their own and values that everybody holds."""
    chance = random.Random(seed)
    world, serial = World(), 0
    names = [f"case-{number:03d}" for number in range(cases)]

    def value(kind: str) -> str:
        nonlocal serial
        serial += 1
        return f"{chance.getrandbits(256):064x}" if kind in ("sha256", "pdq") else f"{kind}-{serial}"

    def hold(case: str, number: int, kind: str, what: str) -> None:
        record = f"{case}/r{number}"
        world.holdings.add(record, case, kind, what, f"{record}#{kind}")

    each = max(20, records // cases)
    for case in names:
        for number in range(each):
            for kind in chance.sample(KINDS, 2):
                hold(case, number, kind, value(kind))
        # Fifty messages of one sender in one case: a star, no square.
        sender = value("email")
        for number in range(min(50, each)):
            hold(case, number, "email", sender)
    for start in range(0, cases - 3, 4):
        chain = names[start : start + 4]
        inward = 1
        for left, right in pairwise(chain):
            kind, leaving = chance.choice(KINDS), inward
            if chance.random() < 0.5:
                # The next tie leaves from another record of the case, which shares a value with the first.
                leaving, inside = inward + 1, value("handle")
                hold(left, inward, "handle", inside)
                hold(left, leaving, "handle", inside)
            shared = value(kind)
            hold(left, leaving, kind, shared)
            inward = chance.randrange(2, each - 2)
            if kind == "pdq":
                near = f"{int(shared, 16) ^ sum(1 << bit for bit in chance.sample(range(256), 10)):064x}"
                world.holdings.add_near("pdq", shared, near, 10)
                shared = near
            hold(right, inward, kind, shared)
        for one in range(4):
            for other in range(one + 1, 4):
                world.truth[chain[one], chain[other]] = other - one
    for number in range(30):
        kind = chance.choice(("email", "phone", "sha256", "camera_serial", "ip_hour"))
        everybody = value(kind)
        world.decoys.add((kind, everybody))
        for case in chance.sample(names, min(cases, 12 + number % 20)):
            hold(case, chance.randrange(each), kind, everybody)
    return world


if __name__ == "__main__":
    main()
