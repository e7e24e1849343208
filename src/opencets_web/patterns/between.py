"""Reading the paths between two people or accounts, and the unexpected neighbours of one, over what the reader may see.

The search asks PostgreSQL as the reader, so that row-level security leaves their rows alone, and every record on it passes the
door a second time. The blind door is not opened here: what hidden records would connect is told by pointers alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.urls import reverse

from opencets.linking.explain import explain_path, explain_tie
from opencets.linking.nearby import Nearby
from opencets.linking.paths import Path, combined
from opencets_web.audit import log
from opencets_web.entities import queries as entities
from opencets_web.entities.queries import PEOPLE, Group, RecordLine
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
    """The best paths of at most four ties from the entity of a record to that of another; without one, unexpected neighbours.

    NotFound: either record is not a person or account that the actor may see.
    """
    people = entities.records_with_places().filter(kind__in=PEOPLE, retired_at=None)
    start = door.admit(actor, people, pk=record_id)
    goal = door.admit(actor, people, pk=to) if to else None
    groups = entities.list_groups(actor, [start.id, *([goal.id] if goal else [])])
    one, other = groups[start.id], groups[goal.id] if goal else None
    choices = () if goal or not words else _choices(actor, start, words)
    paths: list[Path] = []
    neighbours: tuple[Neighbour, ...] = ()
    complete = True
    lines: dict[str, RecordLine] = {}
    if goal is None or (other is not None and other.anchor != one.anchor):
        source = DatabaseTies()
        ends = _ids(one) | (_ids(other) if other else set())
        near = Nearby(ends, source, layers=2, max_bits=MAX_BITS)
        lines = _visible(actor, near.records)
        near.without(near.records - lines.keys())
        complete = near.complete
        if other:
            paths = near.paths(_ids(one), _ids(other), group_of=source.group_of)
        else:
            neighbours = _neighbours(near, one, lines, source, start)
    log.record_each(
        "paths.sought",
        actor,
        sorted({*one.holdings, *(other.holdings if other else ())}),
        subject=f"entity:{one.anchor}",
    )
    return PathsPage(
        label=one.label,
        url=reverse("entities:detail", args=[one.anchor]),
        page_url=reverse("patterns:paths", args=[start.id]),
        words=words,
        to_label=other.label if other else "",
        to_url=reverse("entities:detail", args=[other.anchor]) if other else "",
        asked=goal is not None,
        together=entities.percent_of(combined(paths)),
        paths=tuple(_shown(path, lines) for path in paths),
        choices=choices,
        neighbours=neighbours,
        complete=complete,
    )


def _ids(group: Group) -> set[str]:
    return {str(line.id) for line in group.lines}


def _choices(actor: Actor, start: Record, words: str) -> tuple[tuple[RecordLine, str], ...]:
    found = entities.list_people(actor, words=words).rows
    address = reverse("patterns:paths", args=[start.id])
    return tuple((line, f"{address}?to={line.id}") for line in found[:MOST_CHOICES] if line.id != start.id)


def _visible(actor: Actor, records: set[str]) -> dict[str, RecordLine]:
    rows = entities.records_with_places().filter(pk__in=[UUID(record) for record in records], retired_at=None)
    return {str(record.id): entities.line_of(record) for record in door.visible(actor, rows)}


def _neighbours(
    near: Nearby, one: Group, lines: dict[str, RecordLine], source: DatabaseTies, start: Record
) -> tuple[Neighbour, ...]:
    address = reverse("patterns:paths", args=[start.id])
    mine = {line.case_reference for line in one.lines}

    def wanted(record: str) -> bool:
        return lines[record].kind in PEOPLE and lines[record].case_reference not in mine

    found = near.unexpected(_ids(one), wanted, group_of=source.group_of, most=MOST_NEIGHBOURS)
    return tuple(
        Neighbour(
            lines[each.record],
            entities.percent_of(each.probability),
            explain_path(each.path, lambda record: _called(lines[record])).sentence,
            f"{address}?to={each.record}",
        )
        for each in found
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
