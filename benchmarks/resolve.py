"""People resolved: right, wrong and missed pairs on invented people, at several sizes, beside an exact join.

``python benchmarks/resolve.py [--people N ...] [--seed S] [--json]``
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from opencets.resolving import PersonRow, prepare, suggest
from opencets.resolving.invented import Invented, invent
from opencets.resolving.table import TRAINED_FROM_ROWS, resolve_people
from opencets.resolving.train import Measure, measure

ONLINE_MOST = 10_000
"""Above so many people the plain-Python way is left out: it is made for packages, not for tables."""


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """The measures, also printed; with ``--json`` as one JSON value."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, nargs="+", default=[500, 4_000])
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    runs = [run(count, options.seed) for count in options.people]
    outcome = {"benchmark": "resolve", "cpus": os.cpu_count(), "seed": options.seed, "runs": runs}
    if options.json:
        print(json.dumps(outcome))
    else:
        for one in runs:
            print(f"{one['people']:,} invented people, {one['records']:,} records, {one['true_pairs']:,} true pairs")
            for name, figures in one["ways"].items():
                print(
                    f"  {name:<34} precision {figures['precision']:.3f}  recall {figures['recall']:.3f}  "
                    f"F1 {figures['f1']:.3f}  wrong {figures['wrong']:>6,}  missed {figures['missed']:>6,}  "
                    f"{figures['seconds']:.2f} s"
                )
    return outcome


def run(count: int, seed: int) -> dict[str, Any]:
    """One world, three ways: exact join, suggestions in Python, the whole table with Splink."""
    world = invent(count, seed=seed)
    true = world.true_pairs()
    ways: dict[str, dict[str, float]] = {}

    began = time.perf_counter()
    joined = exact_pairs(world.rows)
    ways["exact: same e-mail, phone or number"] = _figures(measure(joined, true), began)

    if count <= ONLINE_MOST:
        began = time.perf_counter()
        found = suggest(world.rows, at_least=0.5)
        ways["suggest (Python), p >= 0.5"] = _figures(measure(((one.left, one.right) for one in found), true), began)

    began = time.perf_counter()
    resolution = resolve_people([prepare(row) for row in world.rows], at_least=0.5, pairs_at_least=0.5)
    ways[f"resolve (Splink), {resolution.model}"] = _figures(measure(_together(resolution.clusters), true), began)
    return {
        "people": count,
        "records": len(world.rows),
        "true_pairs": len(true),
        "trained_on_table": len(world.rows) >= TRAINED_FROM_ROWS,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "ways": ways,
        "by_script": by_script(world, resolution.clusters),
    }


def exact_pairs(rows: Iterable[PersonRow]) -> set[tuple[str, str]]:
    """The peer that everybody has: equality of normalised e-mail, telephone or national number."""
    holders: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        person = prepare(row)
        for column in ("email", "phone", "national_id"):
            value = getattr(person, column)
            if value is not None:
                holders[column, value].append(person.record_id)
    return {(a, b) for held in holders.values() for a in held for b in held if a < b}


def by_script(world: Invented, clusters: Iterable[tuple[str, str]]) -> dict[str, float]:
    """Share of true pairs found, by whether the two names are written in one script or two."""
    from opencets.resolving.invented import scripts

    script = {row.record_id: name for row, name in zip(world.rows, scripts(world.rows), strict=True)}
    found = _together(clusters)
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for a, b in world.true_pairs():
        name = script[a] if script[a] == script[b] else "across scripts"
        counts[name][0] += (a, b) in found
        counts[name][1] += 1
    return {name: round(right / total, 4) for name, (right, total) in sorted(counts.items())}


def _together(clusters: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    held: dict[str, list[str]] = defaultdict(list)
    for record, handle in clusters:
        held[handle].append(record)
    return {(a, b) for records in held.values() for a in records for b in records if a < b}


def _figures(measured: Measure, began: float) -> dict[str, float]:
    return {
        "precision": round(measured.precision, 4),
        "recall": round(measured.recall, 4),
        "f1": round(measured.f1, 4),
        "wrong": measured.wrong,
        "missed": measured.missed,
        "seconds": round(time.perf_counter() - began, 2),
    }


if __name__ == "__main__":
    main()
