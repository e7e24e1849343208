"""Reading people and identifiers: entities as this reader sees them, suggestions, and where each fact comes from.

An entity is computed for each reader from the rows that this reader may see, at the moment of asking: a hidden record
changes nothing (``docs/decisions/entities.md``).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import log2
from typing import Any, Final, Protocol
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db import connection, models
from django.db.models import Count, Exists, F, FloatField, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Cast, Ln
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from opencets.errors import NotFound
from opencets.linking import JUDGED, components
from opencets.records import KINDS, PROPERTIES, RECORDS
from opencets.resolving import Model, what_would_change
from opencets.values.handling import Label, most_restrictive
from opencets_web.audit import log
from opencets_web.cases.models import Case
from opencets_web.cases.queries import CaseFrame
from opencets_web.entities.contradictions import DECIDING, GROUPING_KINDS, Deciding, contradictions_of, state
from opencets_web.entities.models import Judgement, Match, Verdict
from opencets_web.entities.numbering import number_of, read_number, span_of
from opencets_web.entities.weights import live_model
from opencets_web.evidence.models import Claim, Record
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.labels import labels_under
from opencets_web.policy.models import Grant, Holding
from opencets_web.policy.rules import LEVELS, level_of

PEOPLE: Final = ("person", "account")
DIGEST_KINDS: Final = ("md5", "pdq", "sha1", "sha256")
STRONG_KINDS: Final = tuple(kind.name for kind in KINDS.values() if kind.links == "strong")
LISTED_KINDS: Final = tuple(kind for kind in STRONG_KINDS if kind not in DIGEST_KINDS)
ASKED_KINDS: Final = (
    "ip", "ip_hour", "email", "phone", "handle", "account_id", "url", "imei", "device_serial", "wallet", "payment_handle",
    "iban",
)  # fmt: skip
"""Kinds of value that a provider can be asked about."""
ROUNDS = 3
"""How many steps from one record to the next an entity is followed; what lies beyond is said, not silently left out."""
MOST_RECORDS = 400
MOST_CLAIMS = 60_000
HEAD = 50
"""So many suggestions of the queue are weighed by what they would bring together."""
MOST_LISTED = 30
"""Of how many of its records an entity in a list shows the values; its own page shows all."""
ROLE_WORDS: Final = {
    "own": "own",
    "contact": "of a contact",
    "seen_with": "seen with it",
    "device_of": "of the device",
    "mentioned": "mentioned",
}
Against = dict[UUID, tuple[str, ...]]
VERDICT_TONES: Final = {Verdict.SAME: "good", Verdict.DIFFERENT: "bad", Verdict.UNSURE: "warn"}


# --- What stands on a page -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RecordLine:
    """A record in a list: what it is called, what it is, where it was read."""

    id: UUID
    label: str
    kind: str
    kind_label: str
    case_reference: str
    case_title: str
    agency: str
    exhibit: str
    locator: str
    reader: str
    at_text: str

    @property
    def url(self) -> str:
        """The record's own page."""
        return reverse("entities:record", args=[self.id])

    @property
    def entity_url(self) -> str:
        """The entity of a person or account; empty for other records."""
        return reverse("entities:detail", args=[self.id]) if self.kind in PEOPLE else ""

    @property
    def subtitle(self) -> str:
        """Case and exhibit in one line."""
        return f"{self.case_reference} · {self.exhibit}"


def percent_of(probability: float) -> str:
    """A probability in words that never say that something is certain."""
    return "over 99 %" if probability > 0.99 else f"{probability:.0%}".replace("%", " %")


class _Named(Protocol):
    """What an entity can be called by."""

    @property
    def id(self) -> UUID: ...
    @property
    def label(self) -> str: ...
    @property
    def kind(self) -> str: ...


@dataclass(frozen=True, slots=True)
class _Label:
    """A record's name alone, for lists that need no more of it."""

    id: UUID
    label: str
    kind: str


@dataclass(frozen=True, slots=True)
class Behind:
    """One claim behind a value: who says so, and where it stands."""

    raw: str
    role: str
    note: str
    record: RecordLine


@dataclass(frozen=True, slots=True)
class AttributeValue:
    """A value of an attribute, with every claim behind it."""

    value: str
    kind: str
    linked: bool
    generic: bool
    note: str
    roles: tuple[str, ...]
    behind: tuple[Behind, ...]

    @property
    def cases(self) -> int:
        """In how many of the reader's cases it stands within this entity."""
        return len({claim.record.case_reference for claim in self.behind})


@dataclass(frozen=True, slots=True)
class Attribute:
    """A property with its values."""

    label: str
    kind: str
    values: tuple[AttributeValue, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """A property of one side of a pair, in one line."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Side:
    """One record of a pair, as shown beside the other."""

    record: RecordLine
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class MatchCard:
    """A suggestion with both sides and its reasons."""

    id: UUID
    left: Side
    right: Side
    probability: float
    bits: float
    reasons: tuple[dict[str, Any], ...]
    model: str
    found_at: datetime
    may_judge: bool
    label: Label
    """Of both sides, the most restrictive."""
    change: str = ""
    """What "the same" would bring together, where it was weighed."""
    turned: str = ""
    """The smallest evidence that would turn the model's verdict."""

    @property
    def sides(self) -> tuple[Side, Side]:
        """Left and right."""
        return self.left, self.right

    @property
    def percent(self) -> str:
        """The probability in words that promise no more than the model does."""
        return percent_of(self.probability)


@dataclass(frozen=True, slots=True)
class JudgementLine:
    """A decision: who, when, why, and whether it stands."""

    id: UUID
    left: RecordLine | None
    right: RecordLine | None
    verdict: str
    verdict_label: str
    tone: str
    reason: str
    by: str
    agency: str
    at: datetime
    undone_at: datetime | None
    undone_by: str
    undo_url: str
    may_undo: bool
    against: tuple[str, ...] = ()
    """What contradicts it: later data, or another judgement."""


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A case in which an entity stands."""

    reference: str
    title: str
    agency: str
    records: int
    url: str
    record_ids: tuple[UUID, ...] = ()

    @property
    def of_records(self) -> str:
        """The entity's records in this case as an address names them, 20 at most: what is asked about is copied from them."""
        return ",".join(str(key) for key in self.record_ids[:20])


@dataclass(frozen=True, slots=True)
class EntityPage:
    """One person or account as this reader sees it."""

    anchor: UUID
    label: str
    kind: str
    kind_label: str
    also: tuple[str, ...]
    records: tuple[RecordLine, ...]
    attributes: tuple[Attribute, ...]
    contacts: tuple[AttributeValue, ...]
    cases: tuple[CaseLine, ...]
    suggestions: tuple[MatchCard, ...]
    judgements: tuple[JudgementLine, ...]
    connected: tuple[tuple[str, tuple[RecordLine, ...], bool], ...]
    kept_apart: int
    complete: bool
    chart_url: str
    number: str
    """What it can be called by in a report."""
    earlier: tuple[str, ...]
    """The numbers of its other records, which lead to this entity."""


@dataclass(frozen=True, slots=True)
class WayStep:
    """One tie on the way from a number's record to its entity's anchor."""

    left: RecordLine
    right: RecordLine
    sentence: str
    at: datetime | None
    """Since when: the judgement was made, or the later of the two was read."""
    reason: str


@dataclass(frozen=True, slots=True)
class NumberPage:
    """What became of a number: where its record stands now, by which ties, and from whom it was told apart."""

    number: str
    record: RecordLine
    entity_url: str
    entity_number: str
    entity_label: str
    stands: bool
    """Whether the entity is still called by this number."""
    replaced_at: datetime | None
    way: tuple[WayStep, ...]
    apart: tuple[JudgementLine, ...]


# --- Records as lines ------------------------------------------------------------------------------------------------


def _url(name: str, *arguments: object) -> str:
    try:
        return reverse(name, args=arguments)
    except NoReverseMatch:
        return ""


def _people_url(reference: str) -> str:
    return reverse("entities:case", args=[reference])


_LINE = (
    "holding", "agency", "kind", "label", "place", "reader", "at_text", "at", "conversation", "retired_at",
    "case__reference", "case__title", "case__agency__short_name", "exhibit__reference", "file__path",
)  # fmt: skip


def records_with_places() -> QuerySet[Record]:
    """Records with what a line about them needs, and no more: texts, signals and options stay where they are."""
    return Record.objects.select_related("case", "case__agency", "exhibit", "file").only(*_LINE)


def line_of(record: Record) -> RecordLine:
    """A record as a line; its case, exhibit and file come with it (``records_with_places``)."""
    kind = RECORDS.get(record.kind)
    place = " › ".join((*record.file.path, record.place) if record.place else record.file.path)
    return RecordLine(
        id=record.id,
        label=record.label or (kind.label if kind else record.kind),
        kind=record.kind,
        kind_label=kind.label if kind else record.kind,
        case_reference=record.case.reference,
        case_title=record.case.title,
        agency=record.case.agency.short_name,
        exhibit=record.exhibit.reference,
        locator=place,
        reader=record.reader,
        at_text=record.at_text,
    )


def _lines(actor: Actor, ids: Iterable[UUID]) -> dict[UUID, RecordLine]:
    wanted = set(ids)
    if not wanted:
        return {}
    return {record.id: line_of(record) for record in door.visible(actor, records_with_places().filter(pk__in=wanted))}


# --- Grouping --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Seen:
    """What of the neighbourhood of some records was read so far: enough to group them."""

    records: set[UUID] = field(default_factory=set)
    holders: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    people: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    judged: set[tuple[UUID, UUID, str]] = field(default_factory=set)
    complete: bool = True


def _names(claim: Claim) -> bool:
    """Whether the claim can make two records one entity."""
    return claim.role == "own" and claim.normal is not None and not claim.generic and claim.kind in GROUPING_KINDS


def _around(actor: Actor, starts: Iterable[UUID]) -> _Seen:
    """What the actor may see within ``ROUNDS`` steps of some records, along shared own values and judgements."""
    seen = _Seen()
    frontier = set(starts)
    for step in range(ROUNDS + 1):
        seen.records |= frontier
        fresh = _read_names(actor, seen, frontier)
        touching = Q(left__in=frontier) | Q(right__in=frontier)
        live = Judgement.objects.filter(touching, undone_at=None, left__retired_at=None, right__retired_at=None)
        standing = door.visible(actor, live)
        judged = set(standing.values_list("left_id", "right_id", "verdict"))
        seen.judged |= judged
        wanted = {side for left, right, verdict in judged if verdict == Verdict.SAME for side in (left, right)}
        wanted = (wanted | _holders(actor, fresh)) - seen.records
        if not wanted:
            return seen
        if step == ROUNDS or len(seen.records) + len(wanted) > MOST_RECORDS:
            seen.complete = False
            return seen
        frontier = wanted
    return seen


def _read_names(actor: Actor, seen: _Seen, records: set[UUID]) -> set[tuple[str, str]]:
    """Take in what can group or part these records; returns the values not met before."""
    naming = Claim.objects.filter(
        Q(kind__in=GROUPING_KINDS, generic=False) | Q(property__in=DECIDING),
        record__in=records, record__kind__in=PEOPLE, role="own", normal__isnull=False,
    )  # fmt: skip
    rows: Iterable[tuple[UUID, str, Any, bool, str]] = door.visible(actor, naming).values_list(
        "record_id", "kind", "normal", "generic", "property"
    )[:MOST_CLAIMS]
    fresh = set()
    for record, kind, normal, generic, prop in rows:
        if kind in GROUPING_KINDS and not generic:
            if (kind, normal) not in seen.holders:
                fresh.add((kind, normal))
            seen.holders[kind, normal].append(str(record))
        if prop in DECIDING:
            state(seen.people[str(record)], prop, normal)
    return fresh


def _any_of(values: Iterable[tuple[str, str]]) -> Q:
    """The condition that a claim is of one of these values."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for kind, normal in sorted(values):
        by_kind[kind].append(normal)
    same = Q(pk__in=[])
    for kind, normals in by_kind.items():
        same |= Q(kind=kind, normal__in=normals)
    return same


def _holders(actor: Actor, values: set[tuple[str, str]]) -> set[UUID]:
    """The visible people and accounts that hold one of these values as their own."""
    if not values:
        return set()
    rows = Claim.objects.filter(
        _any_of(values), role="own", generic=False, record__kind__in=PEOPLE, record__retired_at=None
    )
    return set(door.visible(actor, rows).values_list("record_id", flat=True).distinct()[: MOST_RECORDS * 2])


def _edges(holders: dict[tuple[str, str], list[str]]) -> list[tuple[str, str, float]]:
    """Edges between all holders of one value; where many hold it, each to the first, which joins them as well."""
    edges = []
    for records in holders.values():
        ordered = sorted(set(records))
        pairs = (
            [(one, other) for at, one in enumerate(ordered) for other in ordered[at + 1 :]]
            if len(ordered) <= 30
            else [(ordered[0], other) for other in ordered[1:]]
        )
        edges += [(one, other, 1.0) for one, other in pairs]
    return edges


def _contradictions(people: dict[str, dict[str, str]]) -> set[tuple[str, str]]:
    """Pairs of records that cannot be one person, by what they state: see ``contradictions.Deciding``."""
    parting = {"date_of_birth", "national_id", "location"}
    stated = sorted((record, Deciding.of(values)) for record, values in people.items() if parting & set(values))
    return {
        (one, other)
        for at, (one, mine) in enumerate(stated)
        for other, theirs in stated[at + 1 :]
        if mine.conflict(theirs)
    }


def _group(seen: _Seen) -> tuple[dict[str, tuple[str, ...]], int]:
    """The cluster of each record, and how many ties were cut to keep apart what somebody judged different."""
    return _clusters(seen.holders, seen.people, seen.judged, {str(record) for record in seen.records})


def _clusters(
    holders: dict[tuple[str, str], list[str]],
    people: dict[str, dict[str, str]],
    judged: Iterable[tuple[UUID, UUID, str]],
    records: set[str],
) -> tuple[dict[str, tuple[str, ...]], int]:
    sides = [(str(left), str(right), verdict) for left, right, verdict in judged]
    inside = [(left, right, verdict) for left, right, verdict in sides if left in records and right in records]
    same = {(left, right) for left, right, verdict in inside if verdict == Verdict.SAME}
    different = {(left, right) for left, right, verdict in inside if verdict == Verdict.DIFFERENT}
    edges = _edges(holders) + [(left, right, JUDGED) for left, right in same]
    clusters = components(edges, different, records)
    # Records that contradict each other stay apart, also by way of a third, unless a person judged them the same.
    apart: set[tuple[str, str]] = set()
    for cluster in clusters.clusters:
        if 1 < len(cluster) <= MOST_RECORDS:
            apart |= _contradictions({record: people.get(record, {}) for record in cluster})
    if apart - same:
        clusters = components(edges, different | (apart - same), records)
    return {record: cluster for cluster in clusters.clusters for record in cluster}, len(clusters.cut)


# --- The entity ------------------------------------------------------------------------------------------------------


def get_entity(actor: Actor, record_id: UUID) -> EntityPage:
    """The entity that stands around a record, from what this actor may see; NotFound: the record is not the actor's.

    The anchor, which is the entity's address, is the lowest id of its visible records.
    """
    start = door.admit(actor, records_with_places().filter(kind__in=PEOPLE), pk=record_id)
    seen = _around(actor, [start.id])
    clusters, cut = _group(seen)
    members = [UUID(record) for record in clusters[str(start.id)]]
    records = list(door.visible(actor, records_with_places().filter(pk__in=members)).order_by("id"))
    lines = {record.id: line_of(record) for record in records}
    claims = list(door.visible(actor, Claim.objects.filter(record__in=members)).order_by("id")[:MOST_CLAIMS])
    label, kind = _called(lines.values(), claims)
    attributes, contacts = _attributes(claims, lines)
    judgements, suggestions = _decisions(actor, members, lines)
    _log_looks(actor, records, "entity.viewed", f"entity:{members[0]}")
    return EntityPage(
        anchor=members[0],
        label=label,
        kind=kind,
        kind_label=RECORDS[kind].label,
        also=tuple(sorted({line.label for line in lines.values()} - {label})),
        records=tuple(sorted(lines.values(), key=lambda line: (line.case_reference, line.exhibit, line.locator))),
        attributes=attributes,
        contacts=contacts,
        cases=_cases_of(lines.values()),
        suggestions=suggestions,
        judgements=judgements,
        connected=_connected(actor, members, claims),
        kept_apart=cut,
        complete=seen.complete,
        chart_url=_url("charts:around", members[0]),
        number=number_of(members[0]),
        earlier=tuple(number_of(member) for member in members[1:]),
    )


def get_numbered(actor: Actor, text: str) -> NumberPage:
    """What became of a number, from what this actor may see; NotFound: miswritten, or not the actor's."""
    number = read_number(text)
    first, last = span_of(number)
    rows = records_with_places().filter(id__gte=first, id__lte=last, kind__in=PEOPLE)
    start = next((row for row in door.visible(actor, rows) if number_of(row.id) == number), None)
    if start is None:
        raise NotFound
    record = _successor(actor, start) if start.retired_at is not None else start
    seen = _around(actor, [record.id])
    clusters, _ = _group(seen)
    members = [UUID(member) for member in clusters[str(record.id)]]
    way = _way(seen, clusters[str(record.id)], str(record.id))
    touching = Judgement.objects.filter(Q(left=record.id) | Q(right=record.id) | Q(left__in=members, right__in=members))
    judged = list(
        door.visible(actor, touching.filter(undone_at=None).select_related("by__agency", "undone_by")).order_by(
            "-at", "-id"
        )[:200]
    )
    sides = {side for judgement in judged for side in (judgement.left_id, judgement.right_id)}
    lines = _lines(actor, {*members, *sides})
    stated = door.visible(actor, Claim.objects.filter(record__in=members, property="full_name")).order_by("id")
    read = dict(door.visible(actor, Record.objects.filter(pk__in=members)).values_list("id", "read_at"))
    same = {frozenset((str(one.left_id), str(one.right_id))): one for one in judged if one.verdict == Verdict.SAME}
    _log_looks(actor, [start, record], "entity.viewed", f"entity:{members[0]}")
    return NumberPage(
        number=number,
        record=lines[record.id],
        entity_url=reverse("entities:detail", args=[members[0]]),
        entity_number=number_of(members[0]),
        entity_label=_called([lines[member] for member in members], stated)[0],
        stands=members[0] == start.id,
        replaced_at=start.retired_at,
        way=tuple(_way_step(lines, read, step, same.get(frozenset(step[:2]))) for step in way),
        apart=tuple(
            _judgement_line(one, lines, set())
            for one in judged
            if one.verdict == Verdict.DIFFERENT and record.id in (one.left_id, one.right_id)
        ),
    )


def _successor(actor: Actor, old: Record) -> Record:
    """The record that a corrected reading put in the place of an old one; the old one itself where there is none."""
    rows = records_with_places().filter(file=old.file_id, kind=old.kind, place=old.place, retired_at=None)
    return door.visible(actor, rows).order_by("id").first() or old


def _way(seen: _Seen, members: Sequence[str], start: str) -> list[tuple[str, str, str]]:
    """The fewest ties that lead from one record of an entity to its anchor, each with its words."""
    inside, end = set(members), members[0]
    ties: dict[str, dict[str, str]] = defaultdict(dict)
    for (kind, normal), holders in sorted(seen.holders.items()):
        held = sorted(set(holders) & inside)
        for other in held[1:]:
            ties[held[0]][other] = ties[other][held[0]] = f"{KINDS[kind].ties} {normal}"
    for left, right, verdict in sorted(seen.judged):
        if verdict == Verdict.SAME and {str(left), str(right)} <= inside:
            ties[str(left)][str(right)] = ties[str(right)][str(left)] = "judged the same"
    came: dict[str, str] = {}
    frontier = [start]
    while frontier and end not in came and start != end:
        following = []
        for record in frontier:
            for other in ties[record]:
                if other != start and other not in came:
                    came[other] = record
                    following.append(other)
        frontier = following
    way: list[tuple[str, str, str]] = []
    while end in came:
        way.insert(0, (came[end], end, ties[came[end]][end]))
        end = came[end]
    return way


def _way_step(
    lines: dict[UUID, RecordLine], read: dict[UUID, datetime], step: tuple[str, str, str], judged: Judgement | None
) -> WayStep:
    left, right = UUID(step[0]), UUID(step[1])
    if judged is not None:
        return WayStep(
            lines[left], lines[right], f"judged the same by {judged.by.display_name}", judged.at, judged.reason
        )
    return WayStep(lines[left], lines[right], step[2], max(read[left], read[right]), "")


@dataclass(frozen=True, slots=True)
class Group:
    """The records of one entity, with what they claim; for rooms that draw entities."""

    anchor: UUID
    label: str
    kind: str
    lines: tuple[RecordLine, ...]
    claims: tuple[Claim, ...]
    holdings: frozenset[tuple[UUID, UUID]]


def list_groups(actor: Actor, ids: Iterable[UUID]) -> dict[UUID, Group]:
    """The entity of each of these records, of those that are people or accounts and open to the actor."""
    wanted = set(ids)
    if not wanted:
        return {}
    clusters, _ = _group(_around(actor, wanted))
    members = {UUID(record) for start in wanted for record in clusters[str(start)]}
    people = records_with_places().filter(pk__in=members, kind__in=PEOPLE)
    read = {record.id: record for record in door.visible(actor, people)}
    starts = sorted(wanted & set(read))
    stated: dict[UUID, list[Claim]] = defaultdict(list)
    for claim in door.visible(actor, Claim.objects.filter(record__in=members)).order_by("id")[:MOST_CLAIMS]:
        stated[claim.record_id].append(claim)
    made: dict[tuple[str, ...], Group] = {}
    groups = {}
    for start in starts:
        cluster = clusters[str(start)]
        if cluster not in made:
            records = [read[UUID(record)] for record in cluster if UUID(record) in read]
            claims = tuple(claim for record in records for claim in stated[record.id])
            lines = tuple(line_of(record) for record in records)
            holdings = frozenset((record.holding_id, record.agency_id) for record in records)
            made[cluster] = Group(records[0].id, *_called(lines, claims), lines, claims, holdings)
        groups[start] = made[cluster]
    return groups


def _called(lines: Iterable[_Named], claims: Iterable[Claim]) -> tuple[str, str]:
    """What an entity is called: the name that most of its records state, else its first label."""
    every = list(lines)
    kind = "person" if any(line.kind == "person" for line in every) else every[0].kind
    names = Counter(
        claim.normal
        for claim in claims
        if claim.property == "full_name" and claim.role == "own" and claim.normal is not None
    )
    if names:
        return names.most_common(1)[0][0], kind
    return min((line for line in every if line.kind == kind), key=lambda line: line.id).label, kind


def _attributes(
    claims: Iterable[Claim], lines: dict[UUID, RecordLine]
) -> tuple[tuple[Attribute, ...], tuple[AttributeValue, ...]]:
    """The entity's own attributes, and the values of others that its records name; in the vocabulary's order."""
    own: dict[str, dict[str, list[Claim]]] = defaultdict(lambda: defaultdict(list))
    others: dict[tuple[str, str], list[Claim]] = defaultdict(list)
    for claim in claims:
        value = claim.normal if claim.normal is not None else claim.raw
        if claim.role in ("own", "device_of"):
            own[claim.property][value].append(claim)
        else:
            others[claim.kind, value].append(claim)
    order = {name: at for at, name in enumerate(PROPERTIES)}
    attributes = tuple(
        Attribute(
            PROPERTIES[name].label if name in PROPERTIES else name,
            PROPERTIES[name].kind if name in PROPERTIES else "text",
            tuple(
                _value(value, behind, lines)
                for value, behind in sorted(values.items(), key=lambda one: (-len(one[1]), one[0]))
            ),
        )
        for name, values in sorted(own.items(), key=lambda one: order.get(one[0], 999))
    )
    ranked = sorted(others.items(), key=lambda one: (-len(one[1]), one[0]))[:200]
    return attributes, tuple(_value(value, behind, lines) for (_, value), behind in ranked)


def _value(value: str, claims: list[Claim], lines: dict[UUID, RecordLine]) -> AttributeValue:
    first = claims[0]
    return AttributeValue(
        value=value,
        kind=first.kind,
        linked=first.normal is not None and first.kind in STRONG_KINDS,
        generic=any(claim.generic for claim in claims),
        note=first.note,
        roles=tuple(sorted({ROLE_WORDS.get(claim.role, claim.role) for claim in claims})),
        behind=tuple(
            Behind(claim.raw, ROLE_WORDS.get(claim.role, claim.role), claim.note, lines[claim.record_id])
            for claim in claims[:100]
            if claim.record_id in lines
        ),
    )


def _cases_of(lines: Iterable[RecordLine]) -> tuple[CaseLine, ...]:
    by_case: dict[str, list[RecordLine]] = defaultdict(list)
    for line in lines:
        by_case[line.case_reference].append(line)
    return tuple(
        CaseLine(
            reference,
            of[0].case_title,
            of[0].agency,
            len(of),
            reverse("entities:case", args=[reference]),
            tuple(line.id for line in of),
        )
        for reference, of in sorted(by_case.items())
    )


def _connected(
    actor: Actor, members: Sequence[UUID], claims: Iterable[Claim]
) -> tuple[tuple[str, tuple[RecordLine, ...], bool], ...]:
    """Messages, media, devices and events that carry one of the entity's own values, by kind; at most 20 of each."""
    values = {
        (claim.kind, claim.normal) for claim in claims
        if claim.role in ("own", "device_of") and claim.normal is not None
        and claim.kind in STRONG_KINDS and not claim.generic
    }  # fmt: skip
    if not values:
        return ()
    holding = door.visible(actor, Claim.objects.filter(_any_of(values), record__retired_at=None))
    ids = set(holding.exclude(record__in=members).values_list("record_id", flat=True)[:2_000])
    rows = door.visible(actor, records_with_places().filter(pk__in=ids))
    found: dict[str, list[RecordLine]] = defaultdict(list)
    for record in rows.exclude(kind__in=("known_file", "document")).order_by("-at_text", "id"):
        found[record.kind].append(line_of(record))
    order = list(RECORDS)
    return tuple(
        (RECORDS[kind].plural, tuple(records[:20]), len(records) > 20)
        for kind, records in sorted(found.items(), key=lambda one: order.index(one[0]))
    )


def _decisions(
    actor: Actor, members: Sequence[UUID], lines: dict[UUID, RecordLine]
) -> tuple[tuple[JudgementLine, ...], tuple[MatchCard, ...]]:
    """The judgements that touch the entity, and the suggestions on which nobody has decided yet."""
    inside = set(members)
    touching = Q(left__in=members) | Q(right__in=members)
    history = Judgement.objects.filter(touching).select_related("by__agency", "undone_by")
    judged = list(door.visible(actor, history).order_by("-at", "-id")[:100])
    matches = list(
        door.visible(actor, Match.objects.filter(touching, retired_at=None)).order_by("-probability", "id")[:60]
    )
    standing = {(judgement.left_id, judgement.right_id) for judgement in judged if judgement.undone_at is None}
    open_matches = [
        match for match in matches
        if (match.left_id, match.right_id) not in standing and not {match.left_id, match.right_id} <= inside
    ]  # fmt: skip
    shown = {side for match in open_matches for side in (match.left_id, match.right_id)}
    shown |= {side for judgement in judged for side in (judgement.left_id, judgement.right_id)}
    lines = lines | _lines(actor, shown - set(lines))
    writable = _writable(actor, [*judged, *open_matches])
    against = contradictions_of(actor, judged)
    return (
        tuple(_judgement_line(judgement, lines, writable, against) for judgement in judged),
        _cards(actor, open_matches, lines, writable),
    )


def _judgement_line(
    judgement: Judgement, lines: dict[UUID, RecordLine], writable: set[UUID], against: Against | None = None
) -> JudgementLine:
    verdict = Verdict(judgement.verdict)
    return JudgementLine(
        id=judgement.id,
        left=lines.get(judgement.left_id),
        right=lines.get(judgement.right_id),
        verdict=verdict.value,
        verdict_label=verdict.label,
        tone=VERDICT_TONES[verdict],
        reason=judgement.reason,
        by=judgement.by.display_name,
        agency=judgement.by.agency.short_name,
        at=judgement.at,
        undone_at=judgement.undone_at,
        undone_by=judgement.undone_by.display_name if judgement.undone_by else "",
        undo_url=reverse("entities:undo", args=[judgement.id]),
        may_undo=judgement.undone_at is None
        and bool({judgement.left_holding_id, judgement.right_holding_id} & writable),
        against=(against or {}).get(judgement.id, ()),
    )


def list_contradictions(actor: Actor, judgement_id: UUID) -> tuple[str, ...]:
    """What contradicts a judgement now; NotFound: not the actor's."""
    judgement = door.admit(actor, Judgement.objects.all(), pk=judgement_id)
    return contradictions_of(actor, [judgement]).get(judgement.id, ())


def _writable(actor: Actor, pairs: Iterable[Match | Judgement]) -> set[UUID]:
    """Of the holdings of these pairs, those under which the actor may contribute."""
    ids = {holding for pair in pairs for holding in (pair.left_holding_id, pair.right_holding_id)}
    if not ids:
        return set()
    now = timezone.now()
    grants = list(Grant.objects.filter(holding__in=ids, withdrawn_at=None))
    holdings = door.visible(actor, Holding.objects.filter(pk__in=ids))
    return {holding.id for holding in holdings if level_of(actor, holding, grants, now) >= LEVELS["contribute"]}


_FACTS = (
    "full_name", "alias", "screen_name", "date_of_birth", "place_of_birth", "gender", "national_id", "email",
    "phone", "account_id", "street", "city", "occupation", "role_in_case",
)  # fmt: skip


def _cards(
    actor: Actor, matches: Sequence[Match], lines: dict[UUID, RecordLine], writable: set[UUID]
) -> tuple[MatchCard, ...]:
    """Suggestions with what each side states of itself."""
    ids = {side for match in matches for side in (match.left_id, match.right_id)}
    facts: dict[UUID, list[Fact]] = defaultdict(list)
    if ids:
        stated = Claim.objects.filter(record__in=ids, role="own", property__in=_FACTS)
        rows = door.visible(actor, stated).values_list("record_id", "property", "normal", "raw")
        for record, prop, normal, raw in sorted(rows, key=lambda row: (_FACTS.index(row[1]), row[3])):
            fact = Fact(PROPERTIES[prop].label, raw if KINDS[PROPERTIES[prop].kind].links == "none" else normal or raw)
            if fact not in facts[record]:
                facts[record].append(fact)
    labels = labels_under(
        actor, [side for match in matches for side in (match.left_holding_id, match.right_holding_id)]
    )
    model = live_model() if matches else None
    return tuple(
        MatchCard(
            id=match.id,
            left=Side(lines[match.left_id], tuple(facts[match.left_id][:12])),
            right=Side(lines[match.right_id], tuple(facts[match.right_id][:12])),
            probability=match.probability,
            bits=match.bits,
            reasons=tuple(_written(reason) for reason in match.reasons),
            model=match.model,
            found_at=match.found_at,
            may_judge=bool({match.left_holding_id, match.right_holding_id} & writable),
            label=most_restrictive(labels[holding] for holding in (match.left_holding_id, match.right_holding_id)),
            turned=_turned(match, model),
        )
        for match in matches
        if match.left_id in lines and match.right_id in lines
    )


def _turned(match: Match, model: Model | None) -> str:
    """From the reasons that the reader is shown alone; nothing where another model weighed them."""
    if model is None or not match.model.startswith(f"{model.name}+"):
        return ""
    change = what_would_change(match.bits, ((reason["feature"], reason["bits"]) for reason in match.reasons), model)
    return change.sentence if change else "No single further value would turn it."


def _written(reason: dict[str, Any]) -> dict[str, Any]:
    sentence = str(reason.get("sentence", ""))
    return {**reason, "sentence": sentence[:1].upper() + sentence[1:]}


def _log_list(actor: Actor, frame: CaseFrame, details: dict[str, Any]) -> None:
    log.record("entities.listed", actor, holding=frame.holding, subject=f"case:{frame.reference}", details=details)


def _log_looks(actor: Actor, records: Sequence[Record], verb: str, subject: str) -> None:
    """One line for each holding looked into, so that every owner sees who looked."""
    log.record_each(verb, actor, {(record.holding_id, record.agency_id) for record in records}, subject=subject)


# --- The queue of suggestions ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Queue:
    """Suggestions to judge, those first on which a person's word says most."""

    cards: tuple[MatchCard, ...]
    page: Page[Any]
    undecided: int


def _undecided(actor: Actor) -> QuerySet[Match]:
    judged = Judgement.objects.filter(left=OuterRef("left"), right=OuterRef("right"), undone_at=None)
    # An identical own value groups the two already: a person's word adds little there, and others wait.
    naming = Claim.objects.filter(kind__in=GROUPING_KINDS, role="own", generic=False, normal__isnull=False)
    other = naming.filter(record=OuterRef(OuterRef("right")), kind=OuterRef("kind"), normal=OuterRef("normal"))
    shared = naming.filter(Exists(other), record=OuterRef("left"))
    return door.visible(actor, Match.objects.filter(retired_at=None)).filter(~Exists(judged), ~Exists(shared))


def count_undecided(actor: Actor) -> int:
    """How many suggested matches of the actor's cases nobody has judged."""
    return _undecided(actor).exclude(left_holding_id=F("right_holding_id")).count()


def list_queue_within(actor: Actor, *, words: str = "", number: int = 1) -> Queue:
    """As ``list_queue``, for suggestions inside one case: they tidy a case up, and connect nothing new."""
    return list_queue(actor, words=words, number=number, within=True)


def list_queue(actor: Actor, *, words: str = "", number: int = 1, within: bool = False) -> Queue:
    """The undecided suggestions between the actor's cases, ten a page: those first on which a judgement changes most.

    What it changes is what it would bring together (records and cases of both entities, as this actor sees them), times
    the probability that it does, times the doubt that it ends: the entropy of the probability, so that a pair at 70 %
    gains most and one at 99.9 % least. The first ``HEAD`` by probability and doubt alone are ordered so; the others
    follow as they are.
    """
    p = F("probability")
    certain = Q(probability__gt=0.0001, probability__lt=0.9999)
    doubt = -(p * Ln(p, output_field=FloatField()) + (1.0 - p) * Ln(1.0 - p, output_field=FloatField()))
    worth = models.Case(models.When(certain, then=p * doubt), default=models.Value(0.0), output_field=FloatField())
    same_holding = Q(left_holding_id=F("right_holding_id"))
    matches = _undecided(actor).filter(same_holding if within else ~same_holding).annotate(gain=worth)
    if words:
        sides = ("left__label", "right__label", "left__case__reference", "right__case__reference")
        found = Q(pk__in=[])
        for side in sides:
            found |= Q(**{f"{side}__icontains": words})
        matches = matches.filter(found)
    ordered = _Weighed(actor, matches.order_by("-gain", "-bits", "id"))
    page = Paginator(ordered, 10).get_page(number)
    shown = list(page)
    lines = _lines(actor, {side for match in shown for side in (match.left_id, match.right_id)})
    log.record("matches.listed", actor, details={"words": words, "page": page.number})
    cards = _cards(actor, shown, lines, _writable(actor, shown))
    told = tuple(replace(card, change=ordered.change_of(card.id)) for card in cards)
    return Queue(told, page, page.paginator.count)


class _Weighed(Sequence[Any]):
    """Suggestions in the order of what a judgement would change: the head weighed by what it brings together."""

    def __init__(self, actor: Actor, matches: QuerySet[Any]) -> None:
        self._matches = matches
        self._length = matches.count()
        head = list(matches[:HEAD])
        self._change = _changes(actor, head)
        self._head = sorted(head, key=lambda match: (-match.gain * self._weight(match), -match.bits, match.id))

    def _weight(self, match: Match) -> float:
        records, cases = self._change[match.id]
        return log2(1 + records) * log2(1 + cases)

    def change_of(self, match: UUID) -> str:
        """What "the same" would bring together, in words; empty beyond the head."""
        if match not in self._change:
            return ""
        records, cases = self._change[match]
        return f"The same would bring together {records} records of {cases} case{'' if cases == 1 else 's'}."

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, wanted: Any) -> Any:
        if not isinstance(wanted, slice):
            return self[wanted : wanted + 1][0]
        begin, end, _ = wanted.indices(self._length)
        found = self._head[begin:end]
        if end > len(self._head):
            found += list(self._matches[max(begin, len(self._head)) : end])
        return found


def _changes(actor: Actor, matches: Sequence[Match]) -> dict[UUID, tuple[int, int]]:
    """How many records, and of how many cases, each pair's two sides have together: with whom they share own values."""
    sides = {side for match in matches for side in (match.left_id, match.right_id)}
    if not sides:
        return {}
    naming = Claim.objects.filter(kind__in=GROUPING_KINDS, role="own", generic=False, normal__isnull=False)
    own: dict[UUID, set[tuple[str, str]]] = defaultdict(set)
    said: Iterable[tuple[UUID, str, Any]] = door.visible(actor, naming.filter(record__in=sides)).values_list(
        "record_id", "kind", "normal"
    )
    for record, kind, normal in said:
        own[record].add((kind, normal))
    values = set().union(*own.values())
    held = naming.filter(_any_of(values), record__kind__in=PEOPLE, record__retired_at=None)
    holders: dict[tuple[str, str], set[tuple[UUID, UUID]]] = defaultdict(set)
    rows: Iterable[tuple[str, Any, UUID, UUID]] = (
        door.visible(actor, held).values_list("kind", "normal", "record_id", "case_id")[:MOST_CLAIMS] if values else ()
    )
    for kind, normal, record, case in rows:
        holders[kind, normal].add((record, case))
    of_sides = Record.objects.filter(pk__in=sides)
    case_of = dict(door.visible(actor, of_sides).values_list("id", "case_id"))
    found = {}
    for match in matches:
        around = {row for side in (match.left_id, match.right_id) for value in own[side] for row in holders[value]}
        around |= {(side, case_of[side]) for side in (match.left_id, match.right_id) if side in case_of}
        found[match.id] = (len({record for record, _ in around}), len({case for _, case in around}))
    return found


@dataclass(frozen=True, slots=True)
class PeopleList:
    """People and accounts of all cases, as read."""

    rows: tuple[RecordLine, ...]
    page: Page[Record]


def list_people(actor: Actor, *, words: str = "", number: int = 1) -> PeopleList:
    """People and accounts of every case open to the actor, newest first; ``words`` in labels and values."""
    rows = door.visible(actor, records_with_places().filter(kind__in=PEOPLE, retired_at=None))
    if words:
        stated = door.visible(actor, Claim.objects.filter(normal__icontains=words)).values("record_id")
        rows = rows.filter(Q(label__icontains=words) | Q(pk__in=stated))
    page = Paginator(rows.order_by("-id"), 50).get_page(number)
    log.record("entities.listed", actor, details={"words": words, "page": page.number})
    return PeopleList(tuple(line_of(record) for record in page), page)


@dataclass(frozen=True, slots=True)
class Decisions:
    """Judgements, the latest first."""

    rows: tuple[JudgementLine, ...]
    page: Page[Judgement]


def list_judgements(actor: Actor, *, words: str = "", number: int = 1) -> Decisions:
    """Every judgement on the actor's cases, standing or ended, the latest first; ``words`` in reason and judge."""
    rows = door.visible(actor, Judgement.objects.select_related("by__agency", "undone_by")).order_by("-at", "-id")
    if words:
        rows = rows.filter(Q(reason__icontains=words) | Q(by__display_name__icontains=words))
    page = Paginator(rows, 50).get_page(number)
    shown = list(page)
    lines = _lines(actor, {side for judgement in shown for side in (judgement.left_id, judgement.right_id)})
    writable = _writable(actor, shown)
    log.record("matches.listed", actor, details={"section": "judgements", "page": page.number})
    against = contradictions_of(actor, shown)
    return Decisions(tuple(_judgement_line(judgement, lines, writable, against) for judgement in shown), page)


# --- The people of a case --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EntityRow:
    """An entity of a case in a list."""

    anchor: UUID
    url: str
    label: str
    kind: str
    kind_label: str
    records: int
    values: tuple[AttributeValue, ...]
    more_values: int
    elsewhere: tuple[str, ...]
    suggestions: int


@dataclass(frozen=True, slots=True)
class CasePeople:
    """The people and accounts of a case, grouped."""

    rows: tuple[EntityRow, ...]
    page: Page[tuple[str, ...]]
    records: int
    complete: bool


def list_case_people(actor: Actor, frame: CaseFrame, *, words: str = "", number: int = 1) -> CasePeople:
    """The people and accounts of a case as entities, those with most records first; ``words`` in labels and values.

    Grouped within the case; the page of an entity shows what joins it in other cases. Only what several records share is
    grouped here; the many that stand alone are counted, and read a page at a time.
    """
    people = door.visible(actor, Record.objects.filter(case_id=frame.case_id, kind__in=PEOPLE, retired_at=None))
    grouped, complete = _grouped(actor, frame, people)
    inside = {UUID(record) for cluster in grouped for record in cluster}
    if words:
        found = set(people.filter(_says(actor, frame, words)).values_list("id", flat=True))
        grouped = [cluster for cluster in grouped if any(UUID(record) in found for record in cluster)]
        alone = people.filter(pk__in=found - inside)
    else:
        alone = people.exclude(pk__in=inside)
    total = people.count()
    page = Paginator(_Entities(grouped, alone, None if words else total - len(inside)), 50).get_page(number)
    clusters = list(page)
    shown = people.filter(pk__in=[record for cluster in clusters for record in cluster])
    named: dict[UUID, _Named] = {
        record: _Label(record, label, kind) for record, label, kind in shown.values_list("id", "label", "kind")
    }
    _log_list(actor, frame, {"words": words, "page": page.number})
    return CasePeople(_entity_rows(actor, frame, clusters, named), page, total, complete)


@dataclass(frozen=True, slots=True)
class CaseEntity:
    """An entity of a case: its records there, and what it is called."""

    anchor: UUID
    label: str
    kind: str
    records: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class CaseEntities:
    """Many entities of a case at once, those with most records first; ``more`` where some are left out."""

    entities: tuple[CaseEntity, ...]
    more: bool


def list_case_entities(actor: Actor, frame: CaseFrame, most: int) -> CaseEntities:
    """Up to ``most`` entities of a case, grouped within it, in a handful of queries; for rooms that draw them."""
    people = door.visible(actor, Record.objects.filter(case_id=frame.case_id, kind__in=PEOPLE, retired_at=None))
    grouped, complete = _grouped(actor, frame, people)
    inside = {UUID(record) for cluster in grouped for record in cluster}
    alone = people.exclude(pk__in=inside).order_by("id").values_list("id", flat=True)
    left = most - len(grouped)
    single = list(alone[: left + 1]) if left > 0 else []
    clusters = [
        *(tuple(map(UUID, cluster)) for cluster in grouped[:most]),
        *((record,) for record in single[: max(left, 0)]),
    ]
    ids = [record for cluster in clusters for record in cluster]
    named: dict[UUID, _Named] = {
        record: _Label(record, label, kind)
        for record, label, kind in people.filter(pk__in=ids).values_list("id", "label", "kind")
    }
    names: dict[UUID, list[Claim]] = defaultdict(list)
    stated = Claim.objects.filter(record__in=ids, kind="name", property="full_name", role="own").only(
        "record_id", "property", "role", "normal"
    )
    for claim in door.visible(actor, stated).order_by("id"):
        names[claim.record_id].append(claim)
    made = []
    for cluster in clusters:
        label, kind = _called(
            [named[record] for record in cluster], [one for record in cluster for one in names[record]]
        )
        made.append(CaseEntity(cluster[0], label, kind, cluster))
    more = not complete or len(grouped) > most or len(single) > max(left, 0)
    return CaseEntities(tuple(made), more)


def _grouped(actor: Actor, frame: CaseFrame, people: QuerySet[Record]) -> tuple[list[tuple[str, ...]], bool]:
    """The clusters of more than one record, the largest first, and whether every shared value was looked at."""
    shared = _shared(actor, frame, people)
    holders = {(kind, normal): [str(record) for record in of] for kind, normal, of in shared[:MOST_CLAIMS]}
    holdings = Q(left_holding_id=frame.holding_id, right_holding_id=frame.holding_id)
    judged = door.visible(actor, Judgement.objects.filter(holdings, undone_at=None))
    standing = list(judged.values_list("left_id", "right_id", "verdict"))
    sides = {side for left, right, _ in standing for side in (left, right)}
    records = {record for of in holders.values() for record in of}
    records |= {str(record) for record in people.filter(pk__in=sides).values_list("id", flat=True)} if sides else set()
    stated: dict[str, dict[str, str]] = defaultdict(dict)
    deciding = Claim.objects.filter(
        case_id=frame.case_id, property__in=DECIDING, kind__in={PROPERTIES[name].kind for name in DECIDING},
        role="own", normal__isnull=False, record__in=[UUID(record) for record in records],
    )  # fmt: skip
    if records:
        said: Iterable[tuple[UUID, str, Any]] = door.visible(actor, deciding).values_list(
            "record_id", "property", "normal"
        )
        for record, prop, normal in said:
            state(stated[str(record)], prop, normal)
    clusters, _ = _clusters(holders, stated, standing, records)
    several = {cluster for cluster in clusters.values() if len(cluster) > 1}
    return sorted(several, key=lambda cluster: (-len(cluster), cluster)), len(shared) <= MOST_CLAIMS


def _shared(actor: Actor, frame: CaseFrame, people: QuerySet[Record]) -> list[tuple[str, str, set[UUID]]]:
    """The own values that several of these people hold, each with its holders, as far as the actor sees them.

    Both sides are read once and joined by hash: the planner takes them for smaller than they are and would look up each
    person's claims, which takes several times as long in a case of 10,000 people.
    """
    naming = Claim.objects.filter(
        case_id=frame.case_id, kind__in=GROUPING_KINDS, role="own", generic=False, normal__isnull=False
    )
    claims, of_claims = door.visible(actor, naming).values("record_id", "kind", "normal").query.sql_with_params()
    records, of_records = people.order_by().values("id").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            f"with claims as materialized ({claims}), people as materialized ({records})"
            " select kind, normal, array_agg(record_id) from claims join people on people.id = claims.record_id"
            " group by kind, normal having count(*) > 1 limit %s",
            [*of_claims, *of_records, MOST_CLAIMS + 1],
        )
        return [(kind, normal, holders) for kind, normal, of in cursor.fetchall() if len(holders := set(of)) > 1]


def _says(actor: Actor, frame: CaseFrame, words: str) -> Q:
    """The condition that a record's label, or a value by which it is known, contains the words."""
    known_by = Claim.objects.filter(
        Q(kind__in=GROUPING_KINDS) | Q(property__in=(*DECIDING, "full_name", "alias")),
        case_id=frame.case_id, role="own", normal__icontains=words,
    )  # fmt: skip
    return Q(label__icontains=words) | Q(pk__in=door.visible(actor, known_by).values("record_id"))


class _Entities(Sequence[tuple[str, ...]]):
    """Entities of a case in the order of its list: the clusters, then the records that stand alone, by id."""

    def __init__(self, grouped: list[tuple[str, ...]], alone: QuerySet[Record], alone_count: int | None) -> None:
        self._grouped = grouped
        self._alone = alone.order_by("id").values_list("id", flat=True)
        self._length = len(grouped) + (self._alone.count() if alone_count is None else alone_count)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, wanted: Any) -> Any:
        if not isinstance(wanted, slice):
            return self[wanted : wanted + 1][0]
        begin, end, _ = wanted.indices(self._length)
        first = len(self._grouped)
        found = self._grouped[begin:end]
        if end > first:
            found += [(str(record),) for record in self._alone[max(begin - first, 0) : end - first]]
        return found


def _entity_rows(
    actor: Actor, frame: CaseFrame, clusters: Sequence[tuple[str, ...]], named: dict[UUID, _Named]
) -> tuple[EntityRow, ...]:
    members = [UUID(record) for cluster in clusters for record in cluster[:MOST_LISTED]]
    claims: dict[UUID, list[Claim]] = defaultdict(list)
    wanted = Claim.objects.filter(Q(kind__in=LISTED_KINDS) | Q(property="full_name"), record__in=members, role="own")
    for claim in door.visible(actor, wanted).order_by("id"):
        claims[claim.record_id].append(claim)
    elsewhere = _elsewhere(actor, frame, [claim for of in claims.values() for claim in of if _names(claim)])
    touching = Q(left__in=members) | Q(right__in=members)
    suggested = Counter(
        side for pair in _undecided(actor).filter(touching).values_list("left_id", "right_id") for side in pair
    )
    rows = []
    for cluster in clusters:
        ids = [UUID(record) for record in cluster]
        own = [claim for record in ids for claim in claims[record]]
        label, kind = _called([named[record] for record in ids], own)
        values: dict[tuple[str, str], list[Claim]] = defaultdict(list)
        for claim in own:
            if claim.kind in LISTED_KINDS and claim.normal is not None:
                values[claim.kind, claim.normal].append(claim)
        ranked = sorted(values.items(), key=lambda one: (one[1][0].generic, -len(one[1]), one[0]))
        rows.append(
            EntityRow(
                anchor=ids[0],
                url=reverse("entities:detail", args=[ids[0]]),
                label=label,
                kind=kind,
                kind_label=RECORDS[kind].label,
                records=len(cluster),
                values=tuple(_value(value, of, {}) for (_, value), of in ranked[:4]),
                more_values=max(0, len(ranked) - 4),
                elsewhere=tuple(sorted({case for pair in values for case in elsewhere.get(pair, ())})),
                suggestions=sum(suggested[record] for record in ids),
            )
        )
    return tuple(rows)


def _elsewhere(actor: Actor, frame: CaseFrame, claims: Iterable[Claim]) -> dict[tuple[str, str], set[str]]:
    """In which other cases of the actor the values stand as somebody's own."""
    values = {(claim.kind, claim.normal) for claim in claims if claim.normal is not None}
    if not values:
        return {}
    rows = door.visible(
        actor, Claim.objects.filter(_any_of(values), role="own", record__retired_at=None).exclude(case_id=frame.case_id)
    )
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    held: Iterable[tuple[str, Any, str]] = rows.values_list("kind", "normal", "case__reference").distinct()
    for kind, normal, case in held:
        found[kind, normal].add(case)
    return found


@dataclass(frozen=True, slots=True)
class IdentifierRow:
    """A value of a case in a list: who holds it, in which way, and whether it still links."""

    kind: str
    kind_label: str
    value: str
    records: int
    own: int
    generic: bool
    elsewhere: int
    first_url: str

    @property
    def asked(self) -> bool:
        """Whether a provider can be asked about it."""
        return self.kind in ASKED_KINDS


@dataclass(frozen=True, slots=True)
class CaseIdentifiers:
    """The identifiers of a case."""

    rows: tuple[IdentifierRow, ...]
    page: Page[Any]
    kinds: tuple[tuple[str, str, int], ...]


def list_case_identifiers(
    actor: Actor, frame: CaseFrame, *, kind: str = "", words: str = "", number: int = 1
) -> CaseIdentifiers:
    """The strong values of a case by how many records hold them; generic ones marked; digests only if asked for."""
    claims = door.visible(
        actor, Claim.objects.filter(case_id=frame.case_id, normal__isnull=False, record__retired_at=None)
    )
    listed = claims.filter(kind=kind) if kind in STRONG_KINDS else claims.filter(kind__in=LISTED_KINDS)
    if words:
        listed = listed.filter(normal__icontains=words)
    grouped = listed.values("kind", "normal").annotate(
        records=Count("record", distinct=True),
        own=Count("record", distinct=True, filter=Q(role="own")),
        marked=Count("id", filter=Q(generic=True)),
    )
    page = Paginator(grouped.order_by("-records", "kind", "normal"), 100).get_page(number)
    shown: list[Any] = list(page)
    counts = dict(
        claims.filter(kind__in=STRONG_KINDS).values_list("kind").annotate(values=Count("normal", distinct=True))
    )
    same = Q(pk__in=[])
    for row in shown:
        same |= Q(kind=row["kind"], normal=row["normal"])
    counted = (
        door.visible(actor, Claim.objects.filter(same, record__retired_at=None))
        .exclude(case_id=frame.case_id)
        .values("kind", "normal")
    )
    others: dict[tuple[str, Any], int] = {
        (row["kind"], row["normal"]): row["cases"] for row in counted.annotate(cases=Count("case", distinct=True))
    }
    # The address of a value is a record that holds it, one whose own it is where there is one.
    text = Cast("record_id", models.CharField())
    holding = claims.filter(same).values("kind", "normal").annotate(own=Min(text, filter=Q(role="own")), any=Min(text))
    first: dict[tuple[str, Any], UUID] = {(row["kind"], row["normal"]): row["own"] or row["any"] for row in holding}
    _log_list(actor, frame, {"section": "identifiers", "kind": kind, "words": words, "page": page.number})
    return CaseIdentifiers(
        tuple(
            IdentifierRow(
                kind=row["kind"],
                kind_label=KINDS[row["kind"]].label,
                value=row["normal"],
                records=row["records"],
                own=row["own"],
                generic=bool(row["marked"]),
                elsewhere=others.get((row["kind"], row["normal"]), 0),
                first_url=reverse("entities:record", args=[first[row["kind"], row["normal"]]]),
            )
            for row in shown
        ),
        page,
        tuple((name, KINDS[name].label, counts[name]) for name in KINDS if counts.get(name)),
    )


# --- One record ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """A claim as it was read. ``ask_url``: where a provider is asked about it, for those who may."""

    ask_url: str
    property: str
    kind: str
    raw: str
    normal: str
    role: str
    generic: bool
    linked: bool
    note: str


@dataclass(frozen=True, slots=True)
class RecordPage:
    """A record with everything that says where it comes from."""

    line: RecordLine
    holding: tuple[UUID, UUID]
    key: str
    read_at: datetime
    retired_at: datetime | None
    file_sha256: str
    file_size: int
    exhibit_title: str
    exhibit_url: str
    case_url: str
    agency: str
    body: str
    extra: tuple[tuple[str, str], ...]
    claims: tuple[ClaimLine, ...]
    claims_total: int
    chart_url: str
    same_values: tuple[CaseLine, ...]
    ask_url: str


def get_record(actor: Actor, record_id: UUID) -> RecordPage:
    """One record: every claim as written, its place, the reader's version, the exhibit; NotFound: not the actor's."""
    rows = Record.objects.select_related("case", "case__agency", "exhibit", "file")
    record = door.admit(actor, rows, pk=record_id)
    claims = door.visible(actor, Claim.objects.filter(record=record)).order_by("id")
    shown = list(claims[:500])
    mine = record.agency_id == actor.agency_id and door.level(actor, record.holding_id) >= LEVELS["contribute"]
    ask_url = _url("inquiries:new", record.case.reference) if mine and record.retired_at is None else ""
    # The address itself stands beside the hour of its use: it is asked about once.
    asked = [kind for kind in ASKED_KINDS if kind != "ip_hour" or all(claim.kind != "ip" for claim in shown)]
    _log_looks(actor, [record], "record.viewed", f"record:{record.id}")
    return RecordPage(
        line=line_of(record),
        holding=(record.holding_id, record.agency_id),
        key=record.key,
        read_at=record.read_at,
        retired_at=record.retired_at,
        file_sha256=record.file.sha256,
        file_size=record.file.size,
        exhibit_title=record.exhibit.title,
        exhibit_url=_url("evidence:exhibit", record.exhibit_id) or _url("evidence:exhibits", record.case.reference),
        case_url=_url("desk:case", record.case.reference) or reverse("entities:case", args=[record.case.reference]),
        agency=record.case.agency.short_name,
        body=record.body,
        extra=_extra(record.extra),
        claims=tuple(_claim_line(claim, ask_url if claim.kind in asked else "") for claim in shown),
        claims_total=len(shown) if len(shown) < 500 else claims.count(),
        chart_url=_url("charts:around", record.id),
        same_values=_same_values(actor, record, shown),
        ask_url=ask_url,
    )


def _extra(extra: Any) -> tuple[tuple[str, str], ...]:
    pairs = extra.items() if isinstance(extra, dict) else [pair for pair in extra or () if len(pair) == 2]
    return tuple((str(name), str(value)) for name, value in pairs)


def _claim_line(claim: Claim, ask_url: str) -> ClaimLine:
    known = PROPERTIES.get(claim.property)
    asks = ask_url and claim.normal is not None
    return ClaimLine(
        ask_url=f"{ask_url}?claim={claim.id}" if asks else "",
        property=known.label if known else claim.property,
        kind=claim.kind,
        raw=claim.raw,
        normal=claim.normal or "",
        role=ROLE_WORDS.get(claim.role, claim.role),
        generic=claim.generic,
        linked=claim.normal is not None and claim.kind in STRONG_KINDS,
        note=claim.note,
    )


def _same_values(actor: Actor, record: Record, claims: Iterable[Claim]) -> tuple[CaseLine, ...]:
    """The other cases of the actor in which a value of this record stands, not counting generic ones."""
    same = Q(pk__in=[])
    for claim in claims:
        if claim.normal is not None and claim.kind in STRONG_KINDS and not claim.generic:
            same |= Q(kind=claim.kind, normal=claim.normal)
    rows = door.visible(actor, Claim.objects.filter(same, record__retired_at=None)).exclude(case_id=record.case_id)
    counted = dict(rows.values_list("case_id").annotate(records=Count("record", distinct=True)))
    cases = door.visible(actor, Case.objects.filter(pk__in=list(counted)).select_related("agency")).order_by(
        "reference"
    )
    return tuple(
        CaseLine(case.reference, case.title, case.agency.short_name, counted[case.id], _people_url(case.reference))
        for case in cases
    )
