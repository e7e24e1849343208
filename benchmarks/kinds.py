"""Kinds other than people: accounts, devices, vehicles, organisations and places, invented, resolved. ``opencets bench kinds``.

Precision, recall and calibration of each kind on things that nobody learned from, beside joins of equal identifiers and
plain Splink on the same prepared columns, by those of the keys that are whole columns.

Many records of one thing state nothing in common: ``reach``
is the share of true pairs that any key finds, and the ceiling of recall but for what a third record joins.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from opencets.resolving.invented_kinds import InventedThings, invent_things
from opencets.resolving.kinds import Item, Kind, candidates, kinds, load_kind, resolve_kind
from opencets.resolving.reliability import bins_of, error_of
from opencets.resolving.train import measure
from opencets.resolving.train_kinds import scored_pairs

IDENTIFYING = {
    "account": (("screen_name",), ("email",), ("phone",)),
    "device": (("serial",), ("imei",), ("mac",)),
    "vehicle": (("plate",), ("vin",)),
    "organisation": (("number",), ("name",), ("website",)),
    "place": (("street", "house_number", "city"), ("name",)),
}
"""What an exact join joins by."""
Pairs = set[tuple[str, str]]
Keys = tuple[tuple[str, ...], ...]


def main() -> None:
    parser = argparse.ArgumentParser(prog="opencets bench kinds", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--things", type=int, default=3_000, help="Invented things of each kind, about 1.7 records each."
    )
    parser.add_argument("--without-splink", action="store_true", help="Leave the peer Splink out.")
    parser.add_argument("--json", action="store_true", help="Print JSON.")
    asked = parser.parse_args()
    result = {name: measured(name, asked.things, splink=not asked.without_splink) for name in kinds()}
    if asked.json:
        print(json.dumps(result, indent=1))
        return
    for name, found in result.items():
        print(f"{name}: {found['records']} records, reach {found['reach']}, calibration error {found['error']}")
        for way, row in found["ways"].items():
            print(f"  {way:<14} P {row['precision']:.3f} R {row['recall']:.3f} F1 {row['f1']:.3f}  {row['seconds']} s")


def measured(name: str, things: int, *, splink: bool = True) -> dict[str, Any]:
    """All figures of a kind; AssertionError where ours is not better calibrated than 0.06, or no better than a join."""
    model, world = load_kind(name), invent_things(name, things, 909)
    true, items = world.true_pairs(), {record: model.kind.prepare(row) for record, row in world.rows.items()}
    ways = {"opencets": _timed(lambda: _together(resolve_kind(world.rows, model).clusters), true)}
    ways["exact join"] = _timed(lambda: _joined(world, IDENTIFYING[name]), true)
    ways["prepared join"] = _timed(lambda: _joined_items(items, IDENTIFYING[name]), true)
    if splink:
        ways["plain Splink"] = _timed(lambda: plain_splink(model.kind, items), true)
    scored = [(model.probability(bits), same) for bits, same in scored_pairs(model, world)]
    told, same = np.array([share for share, _ in scored]), np.array([one for _, one in scored])
    asked = told >= 0.02
    error = round(error_of(bins_of(told[asked], same[asked])), 4)
    found = set(candidates(model.kind, items))
    assert error < 0.06, f"{name} is calibrated by {error}"
    assert ways["opencets"]["f1"] > max(ways["exact join"]["f1"], ways["prepared join"]["f1"]), (
        f"{name}: a join is better"
    )
    return {
        "records": len(items), "true_pairs": len(true), "reach": round(len(found & true) / len(true), 4), "error": error,
        "ways": ways,
    }  # fmt: skip


def _timed(way: Any, true: Pairs) -> dict[str, float]:
    began = time.process_time()
    found = measure(way(), true)
    return {
        "precision": round(found.precision, 4), "recall": round(found.recall, 4), "f1": round(found.f1, 4),
        "over": found.wrong, "under": found.missed, "seconds": round(time.process_time() - began, 2),
    }  # fmt: skip


def _together(clusters: Iterable[tuple[str, str]]) -> Pairs:
    groups: dict[str, list[str]] = defaultdict(list)
    for record, cluster in clusters:
        groups[cluster].append(record)
    return {(a, b) for group in groups.values() for a in group for b in group if a < b}


def _joined(world: InventedThings, columns: Keys) -> Pairs:
    return _by_values((record, row, columns) for record, row in world.rows.items())


def _joined_items(items: Mapping[str, Item], columns: Keys) -> Pairs:
    return _by_values((record, item, columns) for record, item in items.items())


def _by_values(stated: Iterable[tuple[str, Mapping[str, str], Keys]]) -> Pairs:
    """Union of records with one equal value, whatever else they state."""
    holders: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = defaultdict(list)
    root: dict[str, str] = {}

    def top(record: str) -> str:
        while root.setdefault(record, record) != record:
            record = root[record]
        return record

    for record, row, columns in stated:
        for column in columns:
            values = tuple(row.get(part, "") for part in column)
            if all(values):
                holders[column, values].append(record)
    for held in holders.values():
        for one in held[1:]:
            root[top(one)] = top(held[0])
    return _together((record, top(record)) for record in list(root))


def plain_splink(kind: Kind, items: Mapping[str, Item]) -> Pairs:
    """Splink with sensible settings: exact, then Jaro-Winkler at 0.9, term frequencies, EM, clusters at 0.95."""
    import duckdb
    import pyarrow
    import splink.comparison_library as cl
    from splink import Linker, SettingsCreator, block_on
    from splink.backends.duckdb import DuckDBAPI

    from opencets.resolving.splinked import _quiet

    names = [column.name for column in kind.columns]
    rules = [[part.partition(".")[0] for part in key] for key in kind.keys if not any("." in part for part in key)]
    connection = duckdb.connect(":memory:")
    with _quiet():
        held = {name: [item.get(name) for item in items.values()] for name in names}
        connection.register("given_things", pyarrow.table({"row": list(items), **held}))
        connection.execute("create table things as select * from given_things")
        settings = SettingsCreator(
            link_type="dedupe_only",
            unique_id_column_name="row",
            comparisons=[
                cl.JaroWinklerAtThresholds(name, [0.9]).configure(term_frequency_adjustments=True) for name in names
            ],
            blocking_rules_to_generate_predictions=[block_on(*rule) for rule in rules],
        )
        linker = Linker(DuckDBAPI(connection).register("things"), settings, log_level=None)
        known = [block_on(*columns) for columns in IDENTIFYING[kind.name]]
        linker.training.estimate_probability_two_random_records_match(known, recall=0.5)
        linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
        for rule in known[:2]:
            linker.training.estimate_parameters_using_expectation_maximisation(rule)
        found = linker.inference.predict(threshold_match_probability=0.5)
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(found, threshold_match_probability=0.95)
        rows = connection.execute(f'select "row", cluster_id from "{clusters.physical_name}"').fetchall()
    return _together((str(record), str(cluster)) for record, cluster in rows)


if __name__ == "__main__":
    main()
