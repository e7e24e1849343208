"""Whole tables: a CSV of people in, clusters and the pairs behind them out. The work of ``opencets resolve``."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from opencets.errors import ActRefused, NotThisFormat
from opencets.resolving.features import hard_conflict
from opencets.resolving.model import Model, load_model
from opencets.resolving.people import FIELDS, Person, PersonRow, prepare
from opencets.resolving.splinked import fit, loaded, weights_of_pairs
from opencets.resolving.suggest import Commonness, Suggestion, score

TRAINED_FROM_ROWS = 5_000
"""Tables of at least so many rows are given weights of their own by expectation maximisation; smaller ones cannot."""

CONFLICTS_WITHIN = 64
"""Clusters up to this size are checked member by member for hard conflicts; larger ones stop growing."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """What came of a table, or of two that are linked. ``clusters``: (record_id, cluster_id) in the table's order.

    ``cluster_id`` is the smallest record id of the cluster. ``pairs``: the suggestions asked for, best first.
    ``model``: name and version of the weights. ``notes``: what a careful reader should know, one sentence each.
    """

    clusters: tuple[tuple[str, str], ...]
    pairs: tuple[Suggestion, ...]
    model: str
    notes: tuple[str, ...]

    @property
    def entities(self) -> int:
        """The number of clusters."""
        return len({cluster for _, cluster in self.clusters})


def resolve_table(
    path: Path,
    link: Path | None = None,
    *,
    at_least: float = 0.5,
    pairs_at_least: float = 0.1,
    model: Model | None = None,
    tell: Callable[[str], None] = lambda stage: None,
) -> Resolution:
    """The people of a CSV (see ``PersonRow``) in clusters; with ``link``, only records of different tables pair up.

    A pair joins from the calibrated probability ``at_least`` on, the strongest first, and never two records that cannot
    be one person (see ``hard_conflict``). ``tell`` hears the stages. Raises NotThisFormat where a table cannot be used.
    """
    tell("Reading")
    rows = read_table(path)
    sides = [0] * len(rows)
    if link is not None:
        others = read_table(link)
        double = sorted({row.record_id for row in rows} & {row.record_id for row in others})
        if double:
            raise NotThisFormat(
                f"{link.name}: record_id {double[0]} stands in {path.name} too ({len(double)} in all); number the two "
                "tables apart, for example with a prefix."
            )
        rows, sides = [*rows, *others], [*sides, *([1] * len(others))]
    people = [prepare(row) for row in rows]
    return resolve_people(people, sides if link is not None else None, at_least, pairs_at_least, model, tell)


def resolve_people(
    people: Sequence[Person],
    sides: Sequence[int] | None = None,
    at_least: float = 0.5,
    pairs_at_least: float = 0.1,
    model: Model | None = None,
    tell: Callable[[str], None] = lambda stage: None,
) -> Resolution:
    """``resolve_table`` for prepared people."""
    used = (model or load_model()).check()
    notes: list[str] = []
    tell("Finding candidates")
    with loaded(people, sides) as connection:
        if model is None and len(people) >= TRAINED_FROM_ROWS:
            tell("Training weights on the table")
            used, notes = fit(connection, used, em=True)
            notes.append(
                f"m and u weights fitted to {len(people):,} rows by expectation maximisation, from {load_model().name}."
            )
        elif model is None:
            notes.append(
                f"{len(people):,} rows are too few to train on (from {TRAINED_FROM_ROWS:,}): "
                f"the weights of {used.name} are used."
            )
        tell("Scoring")
        needed = min(at_least, pairs_at_least)
        floor = next((step for step, probability in used.calibration if probability >= needed), None)
        nothing_reaches_it = bool(used.calibration) and floor is None
        scored = [] if nothing_reaches_it else weights_of_pairs(connection, used, floor)
    tell("Clustering")
    common = Commonness(people)
    pairs = [score(people[left], people[right], used, common) for left, right, _ in scored]
    pairs.sort(key=lambda one: (-one.probability, -one.bits, one.left, one.right))
    handles = cluster(people, (pair for pair in pairs if pair.probability >= at_least))
    refused = sum(pair.probability >= at_least and handles[pair.left] != handles[pair.right] for pair in pairs)
    if refused:
        notes.append(
            f"{refused:,} probable pairs were kept apart: joining them would have put together people who conflict."
        )
    return Resolution(
        tuple((person.record_id, handles[person.record_id]) for person in people),
        tuple(pair for pair in pairs if pair.probability >= pairs_at_least),
        used.name,
        tuple(notes),
    )


def cluster(people: Sequence[Person], pairs: Iterable[Suggestion]) -> dict[str, str]:
    """The handle (smallest record id) of each record's cluster; the pairs join in the order given.

    A pair does not join where any two members would conflict, or where the cluster would outgrow ``CONFLICTS_WITHIN``:
    chains of homonyms are how wrong giants arise.
    """
    by_id = {person.record_id: person for person in people}
    members = {record: [record] for record in by_id}
    root = {record: record for record in by_id}
    for pair in pairs:
        one, other = root[pair.left], root[pair.right]
        if one == other or len(members[one]) + len(members[other]) > CONFLICTS_WITHIN:
            continue
        if any(hard_conflict(by_id[a], by_id[b]) for a in members[one] for b in members[other]):
            continue
        for record in members.pop(other):
            root[record] = one
            members[one].append(record)
    smallest = {at: min(records) for at, records in members.items()}
    return {record: smallest[at] for record, at in root.items()}


def read_table(path: Path) -> list[PersonRow]:
    """The rows of a CSV with a header. Raises NotThisFormat naming what is missing, double or broken."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            columns = [(name or "").strip() for name in reader.fieldnames or ()]
            reader.fieldnames = columns
            _check_columns(path.name, columns)
            rows: dict[str, PersonRow] = {}
            for row in reader:
                record = (row.get("record_id") or "").strip()
                if not record:
                    raise NotThisFormat(f"{path.name}: line {reader.line_num} has no record_id; give every row one.")
                if record in rows:
                    raise NotThisFormat(
                        f"{path.name}: line {reader.line_num} repeats record_id {record}; each may stand once."
                    )
                if None in row:
                    raise NotThisFormat(
                        f"{path.name}: line {reader.line_num} has more fields than the header has columns; "
                        "put quotes around fields that contain a comma."
                    )
                rows[record] = PersonRow.of({**row, "record_id": record})
    except UnicodeDecodeError as broken:
        raise NotThisFormat(f"{path.name} is not UTF-8 (byte {broken.start}); save it as CSV in UTF-8.") from None
    except csv.Error as broken:
        raise NotThisFormat(f"{path.name}: line {reader.line_num} is no CSV: {broken}.") from None
    except OSError as broken:
        raise ActRefused(f"{path.name} cannot be read: {broken.strerror}.") from None
    return list(rows.values())


def _check_columns(name: str, columns: Sequence[str]) -> None:
    if "record_id" not in columns:
        raise NotThisFormat(f"{name} has no column record_id; its columns are: {', '.join(columns) or 'none'}.")
    if len(set(columns) & set(FIELDS)) < 2:
        raise NotThisFormat(f"{name} has no column to compare people by; known are: {', '.join(FIELDS[1:])}.")
    double = sorted({column for column in columns if column in FIELDS and columns.count(column) > 1})
    if double:
        raise NotThisFormat(f"{name} has the column {double[0]} twice; rename one of them.")
