"""Planted connections among 40,000 records of 14 agencies: part of ``opencets bench link``.

``python benchmarks/link_world.py [--seed S] [--records N] [--json]``; ``--learn`` writes the shipped calibrator anew.

Everything learned (calibrator of identities, worth of a shared value by kind, holders, roles and years between) and both
thresholds come from two other worlds (``LEARN``, ``CHOOSE``). Per starting record: who is connected? Every person asserted is
right or wrong; recall counts the planted far ends. F1 of both. Beside it, in the same run: exact joins, normalised joins
(values of more than ten records left out), those with Splink's people at 0.99 as it scores them, and the same paths with
perfect identity as the ceiling.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from opencets.errors import ValueRefused
from opencets.linking import TieArrays, bucket
from opencets.linking.calibrator import Calibrator, calibration_error, learn, load_calibrator
from opencets.rehearsal.network import TIES, Network, Row, network
from opencets.resolving import Person, PersonRow, load_model, prepare
from opencets.resolving.bulk import Pairs, probable_pairs
from opencets.resolving.columns import table_of
from opencets.resolving.features import CELLS
from opencets.resolving.kernel import Arrays, fill_pairs
from opencets.resolving.people import COLUMNS
from opencets.values import normalise

LEARN, CHOOSE = 101, 102
AT_LEAST = 0.01
"""Pairs less probable than this, as the resolver alone sees them, are left out."""
CALIBRATOR = "identity-2"
CAP = 10
MOST_TIES = 5
MAX_BITS = 5.0
MOST_LEARNED = 64
"""Of a value that more records hold nothing is learned: it ties nobody."""
MOST_FALSE = 0.10
"""People asserted wrongly for each start: a stranger under suspicion weighs more than what F1 says."""
SHIPPED = Path(__file__).parents[1] / "src" / "opencets" / "linking" / "models"

Pair = tuple[int, int]


@dataclass
class Prepared:
    """A world as the engines see it: records by number, values held, suggestions of identity, and the truth."""

    world: Network
    at: dict[str, int]
    held: list[tuple[int, str, str, str]]
    raw: list[tuple[int, str, str]]
    table: Arrays
    pairs: Pairs
    told: npt.NDArray[np.float64]
    marks: list[tuple[str, ...]]
    seconds: float

    @property
    def persons(self) -> list[int]:
        """Who each record is."""
        return [row.person for row in self.world.rows]

    @property
    def sides(self) -> list[Pair]:
        """The suggested pairs as numbers of records."""
        return list(zip(self.pairs.left.tolist(), self.pairs.right.tolist(), strict=True))


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """The measures, also printed; with ``--json`` as one JSON value."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--records", type=int, default=40_000)
    parser.add_argument("--learn", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    if options.learn:
        (SHIPPED / f"{CALIBRATOR}.json").write_text(learned(prepared(LEARN, 40_000)).as_json(), "utf-8")
    outcome = {"benchmark": "link_world", "cpus": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}
    outcome |= run(options.seed, options.records)
    if options.json:
        print(json.dumps(outcome))
    else:
        tell(outcome)
    return outcome


def tell(outcome: dict[str, Any]) -> None:
    """The measures as lines."""
    print(
        f"{outcome['records']:,} records, {outcome['starts']} starts, threshold {outcome['threshold']} chosen on another world"
    )
    for name, one in outcome["ways"].items():
        recall = "  ".join(f"{ties}: {share:.3f}" for ties, share in one["recall_by_ties"].items())
        print(
            f"  {name:<34} F1 {one['f1']:.3f}  precision {one['precision']:.3f}  recall {one['recall']:.3f}  by ties {recall}"
            f"  false people per start {one['false_per_start']:.3f}"
        )
    print(
        f"  identity: calibration error {outcome['calibration_error']} (resolver's own {outcome['resolver_calibration_error']})"
    )
    print(f"  seconds: {outcome['seconds']}")


def run(seed: int, records: int) -> dict[str, Any]:
    """Worths and thresholds from other worlds, then this world once, each way."""
    calibrator = load_calibrator(CALIBRATOR)
    began = time.perf_counter()
    first = prepared(LEARN, records)
    worth = worths(first)
    chooser = prepared(CHOOSE, records)
    thresholds = {
        perfect: chosen(reached(chooser, worth, identities(chooser, calibrator, perfect)), chooser)
        for perfect in (False, True)
    }
    learning = time.perf_counter() - began
    told = prepared(seed, records)
    began = time.perf_counter()
    ours = reached(told, worth, identities(told, calibrator, False))
    searching = time.perf_counter() - began
    ceiling = reached(told, worth, identities(told, calibrator, True))
    people = told.persons
    labelled = [
        (calibrator.probability(marks), resolver, people[left] == people[right])
        for (left, right), resolver, marks in zip(told.sides, told.told.tolist(), told.marks, strict=True)
    ]
    exact = [(record, (kind, raw)) for record, kind, raw in told.raw]
    normal = [(record, (kind, value)) for record, kind, value, _ in told.held]
    return {
        "seed": seed,
        "learned_on": LEARN,
        "threshold_chosen_on": CHOOSE,
        "threshold": thresholds[False],
        "records": len(told.world.rows),
        "starts": len(told.world.starts),
        "ways": {
            "paths, calibrated identity": judged(above(ours, thresholds[False]), told),
            "exact joins": judged(joined(exact, told, ()), told),
            "normalised joins": judged(joined(normal, told, ()), told),
            "normalised joins, Splink at 0.99": judged(joined(normal, told, splink_pairs(told)), told),
            "paths, perfect identity": judged(above(ceiling, thresholds[True]), told),
        },
        "calibration_error": round(calibration_error((p, right) for p, _, right in labelled), 4),
        "resolver_calibration_error": round(calibration_error((p, right) for _, p, right in labelled), 4),
        "seconds": {
            "learning and choosing": round(learning, 1), "resolving": round(told.seconds, 1), "paths": round(searching, 1),
        },
    }  # fmt: skip


# --- The world as the engines see it ---------------------------------------------------------------------------------


def prepared(seed: int, records: int) -> Prepared:
    """The world of a seed: values normalised, identities suggested by ``opencets.resolving`` as it stands."""
    world = network(seed, records=records, chains=records // 50, background=records // 200)
    at = {row.id: number for number, row in enumerate(world.rows)}
    held, raw = [], []
    for number, row in enumerate(world.rows):
        for one in row.held:
            raw.append((number, one.kind, one.raw))
            try:
                context = {"country": "US"} if one.kind == "phone" else {}
                held.append((number, one.kind, normalise(one.kind, one.raw, **context), one.role))
            except ValueRefused:
                continue
    began = time.perf_counter()
    people = [prepare(person_row(row)) for row in world.rows]
    table, model = table_of(people), load_model()
    pairs = probable_pairs(table, model, AT_LEAST)
    seconds = time.perf_counter() - began
    marks = list(marks_of(people, world.rows, table, pairs))
    return Prepared(world, at, held, raw, table, pairs, model.probabilities(pairs.bits), marks, seconds)


def person_row(row: Row) -> PersonRow:
    """A record as the resolver takes it: own values alone."""
    own: dict[str, str] = {}
    for one in row.held:
        if one.role == "own":
            own.setdefault(one.kind, one.raw)
    return PersonRow(
        record_id=row.id, full_name=row.name, date_of_birth=row.birth, gender=row.gender, city=row.city,
        email=own.get("email", "").strip("<>"), phone=own.get("phone", ""), country="US", screen_name=own.get("handle", ""),
    )  # fmt: skip


def marks_of(people: list[Person], rows: list[Row], table: Arrays, pairs: Pairs) -> Iterator[tuple[str, ...]]:
    """What holds of each suggested pair: levels, how common its name is, how many rivals each side has."""
    cells = fill_pairs(table, load_model().rules(len(people)), pairs.left, pairs.right)[:, : len(CELLS)].astype(
        np.int64
    )
    scripts = [script_of(row.name) for row in rows]
    parts = [len(person.name.split()) if person.name else 0 for person in people]
    names = Counter(person.skeleton for person in people if person.skeleton)
    births = Counter(person.birth for person in people if person.birth)
    best: dict[int, list[float]] = defaultdict(list)
    for left, right, bits in zip(pairs.left.tolist(), pairs.right.tolist(), pairs.bits.tolist(), strict=True):
        best[left].append(bits)
        best[right].append(bits)
    for left, right, bits, met in zip(
        pairs.left.tolist(), pairs.right.tolist(), pairs.bits.tolist(), cells.tolist(), strict=True
    ):
        levels: dict[str, list[str]] = defaultdict(list)
        for (feature, level), times in zip(CELLS, met, strict=True):
            levels[feature] += [level] * times
        named = "+".join(levels.pop("name", ["none"]))
        born = "".join(levels.pop("birth", ["none"]))
        common = min(8, max(names.get(people[side].skeleton, 1) for side in (left, right)).bit_length())
        rivals = max(sum(other > bits - 2 for other in best[side]) for side in (left, right)) - 1
        written = "+".join(sorted((scripts[left], scripts[right])))
        told = [f"{feature}={level[0]}" for feature, level in levels.items() if level]
        identifiers = ",".join(one for one in told if one.startswith(("email", "phone", "screen_name")))
        words = agreement(named)
        yield (
            f"name={named}|birth={born}",
            f"name={named}",
            f"birth={born}",
            f"scripts={written}",
            f"scripts={written}|birth={born}",
            f"parts={min(parts[left], parts[right])}|birth={born}",
            f"birth={born}|common={common}",
            f"rivals={min(rivals, 6)}",
            f"rivals={min(rivals, 3)}|birth={born}",
            f"bits={max(-12, min(24, int(bits // 2 * 2)))}",
            f"agency={'same' if rows[left].agency == rows[right].agency else 'other'}",
            f"day={min(4, births.get(people[left].birth or '', 0))}" if born == "same" else "day=no",
            f"identifiers={identifiers}",
            f"identifiers={identifiers}|words={words}",
            *told,
        )


def agreement(named: str) -> str:
    """What the words of two names say together: all agree, some do, none does; ``unsaid`` where a side states none."""
    levels = set(named.split("+")) - {"extra", "unread"}
    if not levels or levels == {"none"}:
        return "unsaid"
    return "all" if "different" not in levels else "some" if len(levels) > 1 else "none"


def script_of(name: str) -> str:
    """The script of a name by its first letter, as Unicode names it."""
    letter = next((letter for letter in name if letter.isalpha()), "a")
    return unicodedata.name(letter, "LATIN").partition(" ")[0].lower()


def learned(told: Prepared) -> Calibrator:
    """The calibrator of identities from one world's truth."""
    people = told.persons
    labelled = (
        (marks, people[left] == people[right]) for (left, right), marks in zip(told.sides, told.marks, strict=True)
    )
    return learn(CALIBRATOR, labelled, f"Invented people of opencets.rehearsal.network, seed {LEARN}, 40,000 records.")


# --- Ties and their worth --------------------------------------------------------------------------------------------


def values_of(told: Prepared) -> dict[tuple[str, str], dict[int, str]]:
    """The holders of each value with their role; a contact's role counts where a record has both."""
    found: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    for record, kind, value, role in told.held:
        found[kind, value][record] = "contact" if "contact" in (role, found[kind, value].get(record)) else role
    return found


@dataclass(frozen=True, slots=True)
class Tie:
    """Records that hold one value; ``manner``: what its worth depends on, the most telling parts first."""

    holders: dict[int, str]
    manner: tuple[Any, ...]


def ties_of(told: Prepared) -> Iterator[Tie]:
    """The tie of each value with at least two holders."""
    shared = {value: holders for value, holders in values_of(told).items() if len(holders) > 1}
    differ = bearers(told, shared)
    for (kind, value), holders in shared.items():
        yield Tie(holders, manner(told, kind, value, holders, differ[kind, value]))


def bearers(told: Prepared, shared: dict[tuple[str, str], dict[int, str]]) -> dict[tuple[str, str], int]:
    """Of each value how many people state it as their own, as far as names tell them apart; 0 where nobody does.

    One person met twice, two of a family, a number given out again, a default name and a shelter have as many holders as
    one another, but not as many names.
    """
    owned = [
        (value, *pair)
        for value, holders in shared.items()
        for own in ([record for record, role in sorted(holders.items()) if role == "own"],)
        if len(own) <= CAP
        for pair in combinations(own, 2)
    ]
    left, right = (np.array([pair[side] for pair in owned], np.int32) for side in (1, 2))
    cells = fill_pairs(told.table, load_model().rules(len(told.world.rows)), left, right)
    agreeing: dict[tuple[str, str], list[Pair]] = defaultdict(list)
    for (value, one, other), met in zip(owned, cells[:, : len(CELLS)].astype(int).tolist(), strict=True):
        named = "+".join(
            level for (feature, level), times in zip(CELLS, met, strict=True) if feature == "name" and times
        )
        if agreement(named) in ("all", "some"):
            agreeing[value].append((one, other))
    found = {}
    for value, holders in shared.items():
        root = {record: record for record, role in sorted(holders.items()) if role == "own"}
        for one, other in agreeing[value]:
            kept, gone = sorted((root[one], root[other]))
            root = {record: kept if first == gone else first for record, first in root.items()}
        found[value] = len(set(root.values()))
    return found


def manner(told: Prepared, kind: str, value: str, holders: dict[int, str], differ: int) -> tuple[Any, ...]:
    """What a tie's worth depends on: kind, holders by bucket, whose it is, how many bear it, years between, how short it is."""
    rows = told.world.rows
    days = [rows[record].on.toordinal() for record in holders]
    years = (max(days) - min(days)) // 365 if len(holders) == 2 else -1
    roles = "+".join(sorted(holders.values())) if len(holders) == 2 else str(sorted(set(holders.values())))
    short = kind == "handle" and len(value.partition(":")[2].rstrip("0123456789")) >= len(value.partition(":")[2]) - 2
    return kind, bucket(len(holders)), roles, min(differ, 5), min(years, 5), short


Worths = dict[tuple[Any, ...], float]


def worths(told: Prepared) -> Worths:
    """How often two holders of a value of each manner are really the same or connected, from one world's truth."""
    group, people = told.world.connected(), told.persons
    right: Counter[tuple[Any, ...]] = Counter()
    seen: Counter[tuple[Any, ...]] = Counter()
    for tie in ties_of(told):
        if len(tie.holders) > MOST_LEARNED:
            continue
        hits = sum(group[people[a]] == group[people[b]] for a, b in combinations(tie.holders, 2))
        for known in _wider(tie.manner):
            seen[known] += math.comb(len(tie.holders), 2)
            right[known] += hits
    found: Worths = {}
    for known in sorted(seen, key=len):
        # Few examples lean on what is known of the wider group.
        before = next((found[part] for part in _wider(known)[1:] if part in found), 0.3)
        found[known] = (right[known] + 4 * before) / (seen[known] + 4)
    return found


def _wider(known: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """The manner and the wider groups that it belongs to."""
    return [known[:size] for size in (6, 4, 3, 2) if size <= len(known)]


def worth_of(worth: Worths, known: tuple[Any, ...]) -> float:
    """The probability for this manner, or the nearest that was seen."""
    return next((worth[part] for part in _wider(known) if part in worth), 0.0)


def identities(told: Prepared, calibrator: Calibrator, perfect: bool) -> dict[Pair, float]:
    """Each pair of records that may be one person, with its probability."""
    if perfect:
        held: dict[int, list[int]] = defaultdict(list)
        for number, person in enumerate(told.persons):
            held[person].append(number)
        return {(a, b): 0.999 for numbers in held.values() for a in numbers for b in numbers if a < b}
    return {pair: calibrator.probability(marks) for pair, marks in zip(told.sides, told.marks, strict=True)}


def reached(told: Prepared, worth: Worths, same: dict[Pair, float]) -> dict[str, dict[int, float]]:
    """For every start the people reached, each with the probability of all paths together."""
    holders: list[int] = []
    values: list[int] = []
    bits: list[float] = []
    for tie in ties_of(told):
        probability = worth_of(worth, tie.manner)
        if probability < 0.02:
            continue
        holders += tie.holders
        values += [len(bits)] * len(tie.holders)
        bits.append(-math.log2(min(probability, 0.999)))
    for (left, right), probability in same.items():
        if probability >= 0.05:
            holders += (left, right)
            values += [len(bits)] * 2
            bits.append(-math.log2(min(probability, 0.999)))
    arrays = TieArrays.build(holders, values, bits, len(told.world.rows))
    people = told.persons
    found: dict[str, dict[int, float]] = {}
    for start in told.world.starts:
        at = told.at[start.record]
        asserted: dict[int, float] = {}
        near, _ = arrays.around(at, max_bits=MAX_BITS)
        for other, _ in near:
            if people[other] != people[at]:
                together = arrays.between(at, other, max_bits=MAX_BITS + 1, count=3).probability
                asserted[people[other]] = max(together, asserted.get(people[other], 0.0))
        found[start.record] = asserted
    return found


# --- Judging ---------------------------------------------------------------------------------------------------------


def above(found: dict[str, dict[int, float]], threshold: float) -> dict[str, set[int]]:
    """The people asserted at a threshold."""
    return {start: {who for who, p in people.items() if p >= threshold} for start, people in found.items()}


def chosen(found: dict[str, dict[int, float]], told: Prepared) -> float:
    """The threshold with the best F1 on this world of those that assert few enough strangers, in fortieths."""
    steps = {round(step / 40, 3): judged(above(found, step / 40), told) for step in range(4, 40)}
    careful = {
        step: one["f1"]
        for step, one in steps.items()
        if one["false_per_start"] + 1.64 * one["false_error"] <= MOST_FALSE
    }
    return max(careful or {max(steps): 0.0}, key=lambda step: (careful.get(step, 0.0), step))


def judged(asserted: dict[str, set[int]], told: Prepared) -> dict[str, Any]:
    """Precision over asserted people, recall over planted far ends, by ties; false people per start."""
    group = told.world.connected()
    people = told.persons
    right = 0
    strangers = []
    hits: Counter[int] = Counter()
    planted: Counter[int] = Counter()
    for start in told.world.starts:
        own = people[told.at[start.record]]
        known = sum(group[who] == group[own] for who in asserted[start.record])
        right += known
        strangers.append(len(asserted[start.record]) - known)
        if start.far is not None:
            planted[start.ties] += 1
            hits[start.ties] += start.far in asserted[start.record]
    wrong = sum(strangers)
    precision = right / (right + wrong) if right + wrong else 1.0
    recall = sum(hits.values()) / sum(planted.values())
    return {
        "f1": round(2 * precision * recall / (precision + recall), 4) if precision + recall else 0.0,
        "precision": round(precision, 4),
        "recall": round(recall, 4),
        "recall_by_ties": {ties: round(hits[ties] / planted[ties], 4) for ties in TIES if planted[ties]},
        "false_per_start": round(wrong / len(told.world.starts), 4),
        "false_error": round(float(np.std(strangers)) / math.sqrt(len(strangers)), 4),
        "right": right,
        "wrong": wrong,
    }


def joined(held: Iterable[tuple[int, tuple[str, str]]], told: Prepared, same: Iterable[Pair]) -> dict[str, set[int]]:
    """Plain joins: everybody within five values of at most ten records, and pairs taken for one person."""
    by_value: dict[tuple[str, str], set[int]] = defaultdict(set)
    for record, value in held:
        by_value[value].add(record)
    beside: dict[int, set[int]] = defaultdict(set)
    for records in by_value.values():
        if 2 <= len(records) <= CAP:
            for record in records:
                beside[record] |= records
    merged: dict[int, set[int]] = defaultdict(set)
    for left, right in same:
        merged[left].add(right)
        merged[right].add(left)
    people = told.persons
    found: dict[str, set[int]] = {}
    for start in told.world.starts:
        seen = layer = _with_same({told.at[start.record]}, merged)
        for _ in range(MOST_TIES):
            layer = _with_same({other for record in layer for other in beside[record]}, merged) - seen
            seen = seen | layer
        found[start.record] = {people[record] for record in seen} - {people[told.at[start.record]]}
    return found


def _with_same(records: set[int], merged: dict[int, set[int]]) -> set[int]:
    whole, waiting = set(records), list(records)
    while waiting:
        for other in merged.get(waiting.pop(), ()):
            if other not in whole:
                whole.add(other)
                waiting.append(other)
    return whole


def splink_pairs(told: Prepared) -> set[Pair]:
    """The pairs that Splink, with the shipped weights and no calibration, gives at least 0.99."""
    import duckdb
    import pyarrow
    from splink import Linker
    from splink.backends.duckdb import DuckDBAPI

    from opencets.resolving.splinked import _quiet, settings

    people = [prepare(person_row(row)) for row in told.world.rows]
    values = {name: pyarrow.array([getattr(one, name) for one in people], pyarrow.string()) for name in COLUMNS}
    rules = ("birth", "skeleton", "email", "phone", "screen_letters")
    blocking = [f"l.{column} = r.{column}" for column in rules]
    connection = duckdb.connect(":memory:")
    with _quiet():
        connection.register(
            "given_people", pyarrow.table({"row": pyarrow.array(range(len(people)), pyarrow.int64()), **values})
        )
        connection.execute("create table people as select * from given_people")
        api = DuckDBAPI(connection)
        shipped = {**settings(load_model()), "blocking_rules_to_generate_predictions": blocking}
        linker = Linker(api.register("people"), shipped, validate_settings=False, log_level=None)
        found = linker.inference.predict(threshold_match_probability=0.99)
        rows = connection.execute(f'select row_l, row_r from "{found.physical_name}"').fetchall()
    return {(min(pair), max(pair)) for pair in rows}


if __name__ == "__main__":
    main()
