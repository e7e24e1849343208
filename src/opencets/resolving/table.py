"""Whole tables: a CSV of people in, clusters and the pairs behind them out. The work of ``opencets resolve``."""

from __future__ import annotations

import csv
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from opencets.errors import ActRefused, NotThisFormat
from opencets.resolving.apart import Apart, read_seen
from opencets.resolving.bulk import CONFLICTS_WITHIN, Pairs, cluster_rows, probable_pairs
from opencets.resolving.columns import Builder
from opencets.resolving.features import Commonness, hard_conflict
from opencets.resolving.kernel import Arrays, Longs
from opencets.resolving.model import Model, load_model
from opencets.resolving.people import FIELDS, Person, PersonRow, candidate_keys, prepare
from opencets.resolving.records import Clusters, RecordIds
from opencets.resolving.suggest import Suggestion, score, what_would_change

DOUBTFUL = 0.02
"""Pairs less probable than this are forgotten at once; those above speak for or against their clusters."""


Record = TypeVar("Record", Person, PersonRow)


class Find(Protocol):
    """Where the pairs of a table are found and scored: here (``probable_pairs``) or on a cluster of machines."""

    def __call__(
        self, table: Arrays, model: Model, at_least: float, sides: npt.NDArray[np.int8] | None = None
    ) -> Pairs: ...


@dataclass(frozen=True, slots=True)
class Resolution:
    """What came of a table, or of two that are linked. ``clusters``: (record_id, cluster_id) of each row, in the table's order.

    ``cluster_id`` is the smallest record id of the cluster. ``pairs``: the suggestions asked for, best first.
    ``model``: name and version of the weights. ``notes``: what a careful reader should know, one sentence each.
    ``found``: how many pairs are probable enough to join.
    """

    clusters: Clusters
    pairs: tuple[Suggestion, ...]
    model: str
    notes: tuple[str, ...]
    found: int = 0

    @property
    def entities(self) -> int:
        """The number of clusters."""
        return self.clusters.many


def resolve_table(
    path: Path,
    link: Path | None = None,
    *,
    at_least: float = 0.5,
    pairs_at_least: float | None = 0.1,
    model: Model | None = None,
    tell: Callable[[str], None] = lambda stage: None,
    find: Find = probable_pairs,
    different: Iterable[tuple[str, str]] = (),
) -> Resolution:
    """The people of a CSV (see ``PersonRow``) in clusters; with ``link``, only records of different tables pair up.

    ``different``: pairs that a person judged; they, and records seen at two places at one time (the columns ``seen_at``,
    ``latitude``, ``longitude``), never stand in one cluster.

    A pair joins from the calibrated probability ``at_least`` on, the strongest first, and never two records that cannot
    be one person (see ``hard_conflict``). ``pairs_at_least``: None tells no pairs, and keeps no row in memory.
    ``tell`` hears the stages. Raises NotThisFormat where a table cannot be used.
    """
    tell("Reading")
    sides = array("b")

    def rows() -> Iterator[PersonRow]:
        for side, each in enumerate([path] if link is None else [path, link]):
            for row in each_row(each):
                sides.append(side)
                yield row

    taken = _Taken(keep=pairs_at_least is not None)
    try:
        taken.take_rows(rows())
    except KeyError as again:
        record, row = again.args
        raise NotThisFormat(_twice(record, sides[: row + 1], path, link)) from None
    across = np.array(sides, np.int8) if link is not None else None
    apart = Apart(
        different,
        {record: seen for each in [path, *([link] if link else [])] for record, seen in read_seen(each).items()},
    )
    return _resolved(taken, across, at_least, pairs_at_least, model, tell, find, apart)


def _twice(record: str, sides: Sequence[int], path: Path, link: Path | None) -> str:
    if link is not None and sides[-1] == 1:
        return (
            f"{link.name}: record_id {record} stands in {path.name} too, or twice in {link.name}; number the two tables "
            "apart, for example with a prefix."
        )
    return f"{path.name}: line {len(sides) + 1} repeats record_id {record}; each may stand once."


def resolve_people(
    people: Iterable[Person],
    sides: Sequence[int] | None = None,
    at_least: float = 0.5,
    pairs_at_least: float | None = 0.1,
    model: Model | None = None,
    tell: Callable[[str], None] = lambda stage: None,
    find: Find = probable_pairs,
    apart: Apart | None = None,
) -> Resolution:
    """``resolve_table`` for prepared people."""
    taken = _Taken(keep=pairs_at_least is not None)
    taken.take(people)
    across = None if sides is None else np.array(sides, np.int8)
    return _resolved(taken, across, at_least, pairs_at_least, model, tell, find, apart or Apart())


class _Taken:
    """People as arrays; themselves only where pairs are to be told."""

    def __init__(self, *, keep: bool) -> None:
        self.ids = RecordIds()
        self.order = np.empty(0, np.int64)
        self.people: list[Person] | None = [] if keep else None
        self.builder = Builder()

    def take(self, people: Iterable[Person]) -> None:
        """People that are prepared. Raises KeyError, with id and row, where a record id comes again."""
        for person in self._each(people):
            self.builder.add_person(person)
            if self.people is not None:
                self.people.append(person)

    def take_rows(self, rows: Iterable[PersonRow]) -> None:
        """People as given, prepared here. Raises as ``take``."""
        if self.people is not None:
            self.take(map(prepare, rows))
            return
        for row in self._each(rows):
            self.builder.add_row(row)

    def _each(self, records: Iterable[Record]) -> Iterator[Record]:
        for record in records:
            self.ids.append(record.record_id)
            yield record
        self.order, again = self.ids.order()
        if again is not None:
            raise KeyError(self.ids[again], again)


def _resolved(
    taken: _Taken,
    sides: npt.NDArray[np.int8] | None,
    at_least: float,
    pairs_at_least: float | None,
    model: Model | None,
    tell: Callable[[str], None],
    find: Find,
    apart: Apart,
) -> Resolution:
    used = (model or load_model()).check()
    tell("Counting names and values")
    table = taken.builder.table()
    tell("Comparing")
    pairs = find(table, used, min(DOUBTFUL, at_least), sides)
    tell("Clustering")
    roots, probability = clusters_of(table, pairs, used, at_least, taken.ids, taken.order, apart)
    split = np.flatnonzero((probability >= at_least) & (roots[pairs.left] != roots[pairs.right]))
    notes = _notes(taken.ids, pairs, split, apart)
    between = _Between(taken, roots, apart)
    told: list[Suggestion] = []
    if pairs_at_least is not None and taken.people is not None:
        tell("Writing reasons")
        common = Commonness(taken.people)
        for at in np.flatnonzero(probability >= pairs_at_least).tolist():
            left, right = taken.people[pairs.left[at]], taken.people[pairs.right[at]]
            one, other = (left, right) if sides is not None or left.record_id < right.record_id else (right, left)
            suggestion = score(one, other, used, common)
            if probability[at] >= at_least and roots[pairs.left[at]] != roots[pairs.right[at]]:
                suggestion = replace(suggestion, conflict=between.why(int(pairs.left[at]), int(pairs.right[at])))
            elif not suggestion.conflict:
                suggestion = replace(suggestion, conflict=apart.why(one.record_id, other.record_id))
            told.append(suggestion)
        told.sort(key=lambda one: (-one.probability, -one.bits, one.left, one.right))
    return Resolution(
        Clusters.of(taken.ids, roots, taken.order),
        tuple(told),
        used.name,
        tuple(notes),
        int((probability >= at_least).sum()),
    )


def _notes(ids: Sequence[str], pairs: Pairs, split: Longs, apart: Apart) -> list[str]:
    """What a careful reader should know of the pairs that are probable and were not joined."""
    direct = [at for at in split.tolist() if apart.why(ids[pairs.left[at]], ids[pairs.right[at]])] if apart else []
    notes = []
    if direct:
        notes.append(
            f"{len(direct):,} probable pairs were kept apart: judged different, or seen at two places at one time."
        )
    if split.size > len(direct):
        notes.append(
            f"{split.size - len(direct):,} probable pairs were kept apart: the other records of their clusters speak against them."
        )
    if missing := apart.unknown(ids):
        notes.append(
            f"{missing:,} pairs judged different name a record that is not in the table; they were passed over."
        )
    return notes


class _Between:
    """Why two probable records came into different clusters: what keeps some two of their members apart."""

    def __init__(self, taken: _Taken, roots: Longs, apart: Apart) -> None:
        self._taken, self._roots, self._apart = taken, roots, apart
        self._members: dict[int, list[int]] | None = None

    def why(self, left: int, right: int) -> str:
        """The first reason found; that of the two themselves before others'."""
        if self._members is None:
            self._members = defaultdict(list)
            for row, root in enumerate(self._roots.tolist()):
                self._members[root].append(row)
        ids, people = self._taken.ids, self._taken.people or []
        for one, other in [(left, right), *self._pairs(left, right)]:
            reason = self._apart.why(ids[one], ids[other]) or hard_conflict(people[one], people[other])
            if reason:
                return reason if (one, other) == (left, right) else f"{ids[one]} and {ids[other]}: {reason}"
        return "the other records of their clusters speak against it"

    def _pairs(self, left: int, right: int) -> Iterator[tuple[int, int]]:
        assert self._members is not None
        for one in self._members[int(self._roots[left])]:
            for other in self._members[int(self._roots[right])]:
                yield one, other


def clusters_of(
    table: Arrays,
    pairs: Pairs,
    model: Model,
    at_least: float,
    ids: Sequence[str] = (),
    order: Longs | None = None,
    apart: Apart | None = None,
) -> tuple[Longs, npt.NDArray[np.float64]]:
    """The smallest row of each row's cluster, and the probability of each pair.

    Equal pairs are taken in the order of their record ids (``RecordIds.order``), where it is given: the order of the rows
    changes nothing.
    """
    probability = model.probabilities(pairs.bits)
    sure = np.clip(probability, 1e-6, 1 - 1e-6)
    worth = np.log2(sure / (1 - sure)) - np.log2(at_least / max(1 - at_least, 1e-6))
    first, second = pairs.left, pairs.right
    if order is not None:
        rank = np.empty(order.size, np.int64)
        rank[order] = np.arange(order.size)
        first, second = np.minimum(rank[pairs.left], rank[pairs.right]), np.maximum(rank[pairs.left], rank[pairs.right])
    best = np.lexsort((second, first, -np.round(pairs.bits, 6)))
    walls = apart.walls(ids) if apart else Apart().walls(())
    roots = cluster_rows(table, walls, pairs.left[best], pairs.right[best], worth[best], CONFLICTS_WITHIN)
    return roots, probability


def explain_pair(
    path: Path,
    link: Path | None,
    one: str,
    other: str,
    *,
    at_least: float = 0.5,
    model: Model | None = None,
    different: Iterable[tuple[str, str]] = (),
) -> list[str]:
    """In lines for people: the verdict on two records, what each comparison adds, why not, what would change it.

    Names and values weigh as they do among all records of the table. ActRefused where a record is not in it.
    """
    used = (model or load_model()).check()
    people = [prepare(row) for each in [path, *([link] if link else [])] for row in each_row(each)]
    by_id = {person.record_id: person for person in people}
    for record in (one, other):
        if record not in by_id:
            raise ActRefused(f"{path.name} has no record {record}; nothing was explained.")
    common = Commonness(people)
    pair = score(by_id[one], by_id[other], used, common)
    start, lines = used.prior(common.records), []
    verdict = "probably the same person" if pair.probability >= at_least else "probably not the same person"
    lines.append(f"{one} and {other}: {verdict}, probability {pair.probability:.4f} (model {pair.model}).")
    lines.append(f"{start:+7.1f} bits  two of {common.records:,} records, before anything is compared")
    so_far = start
    for reason in pair.reasons:
        so_far += reason.bits
        lines.append(f"{reason.bits:+7.1f} bits  {reason.sentence} (so far {so_far:+.1f})")
    seen = {record: seen for each in [path, *([link] if link else [])] for record, seen in read_seen(each).items()}
    apart = Apart(different, seen).why(one, other)
    if pair.conflict:
        lines.append(f"They cannot be one person: {pair.conflict}.")
    if apart:
        lines.append(f"They are kept apart, whatever else is stated: {apart}.")
    if not set(candidate_keys(by_id[one], wide=True)) & set(candidate_keys(by_id[other], wide=True)):
        lines.append("They share no key, so a run over the table would not have compared them.")
    change = what_would_change(pair.bits, ((reason.feature, reason.bits) for reason in pair.reasons), used, at_least)
    if apart:
        lines.append("No further value would change it while that stands.")
    elif pair.conflict:
        lines.append("No further value would change it while both dates of birth stand.")
    elif change is None:
        lines.append("No single further value would change it.")
    else:
        lines.append(f"{change.sentence} ({change.bits:+.1f} bits, probability {change.probability:.4f})")
    return lines


def read_clusters(path: Path) -> list[tuple[str, str]]:
    """The clusters of an earlier run. Raises NotThisFormat where the file is none."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        if next(rows, None) != ["record_id", "cluster_id"]:
            raise NotThisFormat(
                f"{path.name} is no clusters of an earlier run: its columns are not record_id,cluster_id."
            )
        return [(row[0], row[1]) for row in rows if len(row) == 2]


def as_before(clusters: Iterable[tuple[str, str]], previous: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The clusters with the numbers of an earlier run: each keeps the number that most of its records had.

    A number goes to the one cluster that holds most of its former records (then the smallest record): what was merged
    keeps one of its numbers, what was split gives the number to the larger part, and a merge that is taken back brings
    the numbers back. Others are numbered by their smallest record whose id is nobody's number.
    """
    now, before = list(clusters), dict(previous)
    members: dict[str, list[str]] = defaultdict(list)
    for record, cluster in now:
        members[cluster].append(record)
    claims: Counter[tuple[str, str]] = Counter()
    for record, cluster in now:
        if record in before:
            claims[cluster, before[record]] += 1
    order = sorted(claims, key=lambda claim: (-claims[claim], claim[1] != min(members[claim[0]]), claim))
    given: dict[str, str] = {}
    taken = set()
    for cluster, number in order:
        if cluster not in given and number not in taken:
            given[cluster] = number
            taken.add(number)
    # Old numbers stay reserved: one that reappears under other records would lead a reader to somebody else.
    taken.update(before.values())
    for cluster in sorted(members.keys() - given.keys()):
        free = next((record for record in sorted(members[cluster]) if record not in taken), None)
        given[cluster] = free if free is not None else f"{min(members[cluster])}+"
        taken.add(given[cluster])
    return [(record, given[cluster]) for record, cluster in now]


def each_row(path: Path) -> Iterator[PersonRow]:
    """The rows of a CSV with a header, one by one. Raises NotThisFormat naming what is missing, double or broken."""
    line = 0
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            columns = [name.strip() for name in next(reader, [])]
            _check_columns(path.name, columns)
            at = columns.index("record_id")
            places = [(name, columns.index(name)) for name in FIELDS if name in columns and name != "record_id"]
            blank = [""] * len(columns)
            for row in reader:
                line = reader.line_num
                if not row:
                    continue
                if len(row) > len(columns):
                    raise NotThisFormat(
                        f"{path.name}: line {line} has more fields than the header has columns; "
                        "put quotes around fields that contain a comma."
                    )
                row += blank[len(row) :]
                record = row[at].strip()
                if not record:
                    raise NotThisFormat(f"{path.name}: line {line} has no record_id; give every row one.")
                yield PersonRow(record, **{name: row[place].strip() for name, place in places})
    except UnicodeDecodeError as broken:
        raise NotThisFormat(f"{path.name} is not UTF-8 (byte {broken.start}); save it as CSV in UTF-8.") from None
    except csv.Error as broken:
        raise NotThisFormat(f"{path.name}: line {line + 1} is no CSV: {broken}.") from None
    except OSError as broken:
        raise ActRefused(f"{path.name} cannot be read: {broken.strerror}.") from None


def _check_columns(name: str, columns: Sequence[str]) -> None:
    if "record_id" not in columns:
        raise NotThisFormat(f"{name} has no column record_id; its columns are: {', '.join(columns) or 'none'}.")
    if len(set(columns) & set(FIELDS)) < 2:
        raise NotThisFormat(f"{name} has no column to compare people by; known are: {', '.join(FIELDS[1:])}.")
    double = sorted({column for column in columns if column in FIELDS and columns.count(column) > 1})
    if double:
        raise NotThisFormat(f"{name} has the column {double[0]} twice; rename one of them.")
