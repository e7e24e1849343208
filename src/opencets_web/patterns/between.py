"""Reading the paths between two people or accounts, and the unexpected neighbours of one, over what the reader may see.

The search asks PostgreSQL as the reader, so that row-level security leaves their rows alone, and every record on it passes the
door a second time. The blind door is not opened here: what hidden records would connect is told by pointers alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.urls import reverse

from opencets.errors import NotFound
from opencets.linking.explain import explain_path, explain_tie
from opencets.linking.nearby import Nearby
from opencets.linking.nearby import Neighbour as Reached
from opencets.linking.paths import Path, combined
from opencets_web.audit import log
from opencets_web.entities import queries as entities
from opencets_web.entities.queries import PEOPLE, RecordLine
from opencets_web.evidence.models import Record
from opencets_web.leads.ties import DatabaseTies
from opencets_web.policy import door
from opencets_web.policy.actor import Actor

MAX_BITS = 8.0
MOST_CHOICES = 20
MOST_NEIGHBOURS = 12


@dataclass(frozen=True, slots=True)
class ShownPath:
    """One path as the component draws it, with its words."""

    sentence: str
    probability: str
    hops: int
    steps: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Somebody whom only several ties together reach."""

    line: RecordLine
    probability: str
    sentence: str
    url: str


@dataclass(frozen=True, slots=True)
class PathsPage:
    """The paths from one entity: to another one, or to whom to look; beside it the neighbours nobody expects."""

    label: str
    url: str
    page_url: str
    words: str
    to_label: str
    to_url: str
    asked: bool
    together: str
    paths: tuple[ShownPath, ...]
    choices: tuple[tuple[RecordLine, str], ...]
    neighbours: tuple[Neighbour, ...]
    complete: bool


def get_paths(actor: Actor, record_id: UUID, *, words: str = "", to: UUID | None = None) -> PathsPage:
    """The best paths of at most four ties from a record to another; without one the choices, and unexpected neighbours.

    Records of one entity are tied by what makes them one, so the paths of all of them are found. NotFound: either record is
    not a person or account that the actor may see.
    """
    people = entities.records_with_places().filter(kind__in=PEOPLE, retired_at=None)
    asked = {record_id, to or record_id}
    read = {record.id: record for record in door.visible(actor, people.filter(pk__in=asked))}
    if read.keys() != asked:
        raise NotFound
    start, goal = read[record_id], read[to] if to else None
    begin, end = {str(start.id)}, {str(goal.id)} if goal else set()
    asked_ids = begin | end
    source = DatabaseTies(counted=False)
    near = Nearby(begin | end, source, layers=2, max_bits=MAX_BITS)
    found = _visible(actor, near.records | begin | end)
    lines = {record: entities.line_of(row) for record, row in found.items()}
    near.without(near.records - lines.keys())
    one = lines[str(start.id)]
    paths = near.paths(begin, end, group_of=source.group_of) if goal else []
    neighbours = [] if goal else _neighbours(near, one, lines, source)
    named = asked_ids.union(*(path.records for path in paths), *(each.path.records for each in neighbours))
    holdings = {(found[record].holding_id, found[record].agency_id) for record in named}
    log.record_each("paths.sought", actor, sorted(holdings), subject=f"entity:{start.id}")
    return PathsPage(
        label=one.label,
        url=one.entity_url,
        page_url=reverse("patterns:paths", args=[start.id]),
        words=words,
        to_label=lines[str(goal.id)].label if goal else "",
        to_url=lines[str(goal.id)].entity_url if goal else "",
        asked=goal is not None,
        together=entities.percent_of(combined(paths)),
        paths=tuple(_shown(path, lines) for path in paths),
        choices=() if goal or not words else _choices(actor, start, words),
        neighbours=tuple(_neighbour(each, one, lines) for each in neighbours),
        complete=near.complete,
    )


def _choices(actor: Actor, start: Record, words: str) -> tuple[tuple[RecordLine, str], ...]:
    found = entities.list_people(actor, words=words).rows
    address = reverse("patterns:paths", args=[start.id])
    return tuple((line, f"{address}?to={line.id}") for line in found[:MOST_CHOICES] if line.id != start.id)


def _visible(actor: Actor, records: set[str]) -> dict[str, Record]:
    rows = entities.records_with_places().filter(pk__in=[UUID(record) for record in records], retired_at=None)
    return {str(record.id): record for record in door.visible(actor, rows)}


def _neighbours(near: Nearby, one: RecordLine, lines: dict[str, RecordLine], source: DatabaseTies) -> list[Reached]:
    def wanted(record: str) -> bool:
        return lines[record].kind in PEOPLE and lines[record].case_reference != one.case_reference

    return near.unexpected({str(one.id)}, wanted, group_of=source.group_of, most=MOST_NEIGHBOURS)


def _neighbour(each: Reached, one: RecordLine, lines: dict[str, RecordLine]) -> Neighbour:
    return Neighbour(
        lines[each.record],
        entities.percent_of(each.probability),
        explain_path(each.path, lambda record: _called(lines[record])).sentence,
        f"{reverse('patterns:paths', args=[one.id])}?to={each.record}",
    )


def _called(line: RecordLine) -> str:
    return f"{line.label[:60]} ({line.case_reference})"


def _shown(path: Path, lines: dict[str, RecordLine]) -> ShownPath:
    steps = []
    for at, record in enumerate(path.records):
        line = lines[record]
        tie = path.ties[at] if at < len(path.ties) else None
        steps.append(
            {
                "label": line.label[:120],
                "kind": line.kind,
                "subtitle": line.case_reference,
                "url": line.url,
                "tie": {"sentence": explain_tie(tie), "bits": tie.bits} if tie else None,
            }
        )
    sentence = explain_path(path, lambda record: _called(lines[record])).sentence
    return ShownPath(sentence, entities.percent_of(path.probability), path.hops, tuple(steps))
