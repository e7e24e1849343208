"""Reading the patterns of one case: communities and brokers, who writes to whom and when, months, co-presence.

Over what this reader may see alone: counts, order and pictures come from the rows that pass the door. Places in the pictures are
computed here; templates draw them as SVG, and the same stands beside each as a table and in words.
"""

from __future__ import annotations

import math
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from opencets.linking import layout
from opencets.linking.patterns import (
    Contact,
    Edge,
    Exchange,
    Meeting,
    Presence,
    Slice,
    Structure,
    exchanges,
    meetings,
    rhythm,
    shared_values,
    slices,
    structure,
)
from opencets_web.audit import log
from opencets_web.cases.queries import CaseFrame
from opencets_web.entities.queries import STRONG_KINDS, percent_of
from opencets_web.evidence.models import Claim, Record
from opencets_web.policy import door
from opencets_web.policy.actor import Actor

MOST_MESSAGES = 20_000
MOST_CLAIMS = 40_000
MOST_PRESENCES = 20_000
MOST_IN_ONE_CONVERSATION = 30
"""In a larger group a message is written to the group, and to nobody in particular."""
MOST_DRAWN = 60
MOST_IN_MATRIX = 12
MOST_LISTED = 40
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
TINTS = ("accent-solid", "violet", "good", "warn", "bad", "text-2")


@dataclass(frozen=True, slots=True)
class Dot:
    """A name in the picture of the network: where, how large, of which community."""

    name: str
    x: float
    y: float
    radius: float
    below: float
    """Where the name is written, from the middle."""
    tint: str
    community: int
    passing: str
    """The share of ways between others that pass, in words; empty where none do."""
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """A tie in the picture."""

    x1: float
    y1: float
    x2: float
    y2: float
    width: float


@dataclass(frozen=True, slots=True)
class Network:
    """The picture of who belongs together."""

    dots: tuple[Dot, ...]
    lines: tuple[Line, ...]
    width: float
    height: float
    left: float
    top: float
    cut: int
    communities: tuple[tuple[int, str, tuple[str, ...]], ...]
    brokers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One field of a grid: where, how full (0 to 1), how many, and its words."""

    x: float
    y: float
    strength: float
    count: int
    label: str


@dataclass(frozen=True, slots=True)
class Grid:
    """Fields in rows and columns with their names."""

    cells: tuple[Cell, ...]
    rows: tuple[tuple[str, float], ...]
    columns: tuple[tuple[str, float], ...]
    height: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One month."""

    x: float
    y: float
    height: float
    slice: Slice


@dataclass(frozen=True, slots=True)
class Months:
    """The months as bars."""

    bars: tuple[Bar, ...]
    width: float
    first: str
    last: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Met:
    """Two names and the times at which they were in one place, on one axis of time."""

    left: str
    right: str
    y: float
    marks: tuple[tuple[float, str], ...]
    meetings: tuple[Meeting, ...]


@dataclass(frozen=True, slots=True)
class Together:
    """Who was in one place at one time."""

    rows: tuple[Met, ...]
    height: float
    first: datetime | None
    last: datetime | None
    cut: int


@dataclass(frozen=True, slots=True)
class PatternsPage:
    """The patterns of a case; ``cut`` says what was too much to be read as a whole."""

    network: Network | None
    matrix: Grid | None
    exchanges: tuple[Exchange, ...]
    week: Grid | None
    months: Months | None
    together: Together | None
    messages: int
    undated: int
    cut: bool

    @property
    def empty(self) -> bool:
        """Whether nothing can be drawn."""
        return not (self.network or self.matrix or self.week or self.together)


def get_patterns(actor: Actor, frame: CaseFrame) -> PatternsPage:
    """The patterns of a case from what the actor may see."""
    contacts, instants, messages, messages_cut = _contacts(actor, frame)
    ties, ties_cut = _ties(actor, frame)
    presences, presences_cut = _presences(actor, frame)
    written = exchanges(contacts)
    weighted: list[Edge] = [(one.sender, one.recipient, math.log1p(one.count)) for one in written]
    met = meetings(presences)
    weighted += [(one.left, one.right, 1.0) for one in met]
    found = structure([*weighted, *ties])
    log.record("patterns.viewed", actor, holding=frame.holding, subject=f"case:{frame.reference}")
    return PatternsPage(
        network=_network(found, frame.reference) if found.edges else None,
        matrix=_matrix(written),
        exchanges=written[:MOST_LISTED],
        week=_week(instants),
        months=_months(slices(contacts)),
        together=_together(met),
        messages=messages,
        undated=messages - len(instants),
        cut=messages_cut or ties_cut or presences_cut,
    )


# --- What the case says ----------------------------------------------------------------------------------------------


def _name(text: str) -> str:
    """A name as written, without the address in brackets behind it, on one line."""
    plain = " ".join(text.split())
    return (re.sub(r"\s*<[^<>]*>$", "", plain).strip(" \"'") or plain.strip("<>"))[:60]


def _contacts(actor: Actor, frame: CaseFrame) -> tuple[list[Contact], list[datetime], int, bool]:
    """Who wrote to whom; where a source names no recipient, to the others of its conversation."""
    rows = door.visible(actor, Record.objects.filter(case_id=frame.case_id, kind="message", retired_at=None))
    read = list(rows.order_by("at_text", "id").values_list("id", "at", "conversation")[: MOST_MESSAGES + 1])
    messages = {record: (at, conversation) for record, at, conversation in read[:MOST_MESSAGES]}
    senders: dict[UUID, str] = {}
    recipients: dict[UUID, list[str]] = defaultdict(list)
    claims = Claim.objects.filter(
        case_id=frame.case_id, property__in=("sender", "recipient"), record__kind="message", record__retired_at=None
    )
    for record, prop, raw in (
        door.visible(actor, claims).order_by("id").values_list("record_id", "property", "raw")[: 4 * MOST_MESSAGES]
    ):
        if record not in messages or not _name(raw):
            continue
        if prop == "sender":
            senders.setdefault(record, _name(raw))
        else:
            recipients[record].append(_name(raw))
    present: dict[str, set[str]] = defaultdict(set)
    for record, sender in senders.items():
        present[messages[record][1]].add(sender)
    contacts: list[Contact] = []
    for record, sender in senders.items():
        at, conversation = messages[record]
        others = present[conversation] - {sender} if conversation else set()
        to = recipients.get(record) or (sorted(others) if len(others) < MOST_IN_ONE_CONVERSATION else [])
        contacts += [Contact(sender, other, at) for other in to]
    instants = [at for at, _ in messages.values() if at is not None]
    return contacts, instants, len(messages), len(read) > MOST_MESSAGES


def _ties(actor: Actor, frame: CaseFrame) -> tuple[list[Edge], bool]:
    """People, accounts and devices that hold one value, by what they are called."""
    claims = Claim.objects.filter(
        case_id=frame.case_id, kind__in=STRONG_KINDS, generic=False, normal__isnull=False,
        record__kind__in=("person", "account", "device"), record__retired_at=None,
    )  # fmt: skip
    rows = list(
        door.visible(actor, claims).order_by("id").values_list("record__label", "kind", "normal")[: MOST_CLAIMS + 1]
    )
    held = [(_name(label), f"{kind}:{normal}") for label, kind, normal in rows[:MOST_CLAIMS] if label.strip()]
    return shared_values(held), len(rows) > MOST_CLAIMS


def _presences(actor: Actor, frame: CaseFrame) -> tuple[list[Presence], bool]:
    """Who was behind an address in an hour, and who was at a position at an instant."""
    somewhere = Claim.objects.filter(
        case_id=frame.case_id,
        kind__in=("ip_hour", "place"),
        generic=False,
        normal__isnull=False,
        record__retired_at=None,
    )
    read = list(
        door.visible(actor, somewhere).order_by("id").values_list(
            "record_id", "kind", "normal", "record__at", "record__kind", "record__label"
        )[: MOST_PRESENCES + 1]
    )  # fmt: skip
    rows = read[:MOST_PRESENCES]
    others = {record for record, _, _, _, kind, _ in rows if kind not in ("person", "account")}
    naming = ("screen_name", "email", "full_name", "sender", "account_id", "phone", "camera_serial")
    called: dict[UUID, tuple[int, str]] = {}
    if others:
        claims = Claim.objects.filter(record__in=others, property__in=naming, role="own")
        for record, prop, text in door.visible(actor, claims).values_list("record_id", "property", "raw"):
            rank = (naming.index(prop), _name(text.rpartition(":")[2] if prop == "screen_name" else text))
            called[record] = min(called.get(record, rank), rank)
    presences = []
    for record, kind, normal, at, of_kind, label in rows:
        name = _name(label) if of_kind in ("person", "account") else called.get(record, (0, ""))[1]
        place, _, hour = str(normal).partition("@")
        when = at if at is not None or kind == "place" else _hour(hour)
        if name and when is not None:
            presences.append(Presence(name, place, when))
    return presences, len(read) > MOST_PRESENCES


def _hour(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H").replace(tzinfo=UTC)
    except ValueError:
        return None


# --- Pictures --------------------------------------------------------------------------------------------------------


def _network(found: Structure, reference: str) -> Network:
    """The busiest names with their ties; communities by colour and number, brokers by size."""
    weight: dict[str, float] = defaultdict(float)
    for left, right, amount in found.edges:
        weight[left] += amount
        weight[right] += amount
    share = dict(found.brokers)
    drawn = set(sorted(weight, key=lambda name: (-share.get(name, 0.0), -weight[name], name))[:MOST_DRAWN])
    edges = [edge for edge in found.edges if edge[0] in drawn and edge[1] in drawn]
    spacing = 120.0 if len(drawn) < 25 else 95.0
    placed = layout(drawn, [(left, right) for left, right, _ in edges], zlib.crc32(reference.encode()), spacing=spacing)
    # Pages are wider than high, and names are written beside their dots.
    places = {name: (1.5 * x, y) for name, (x, y) in placed.items()}
    community = found.community_of()
    west, east = min(x for x, _ in places.values()) - 70, max(x for x, _ in places.values()) + 70
    north, south = min(y for _, y in places.values()) - 30, max(y for _, y in places.values()) + 34
    dots = tuple(
        Dot(
            name, round(x, 1), round(y, 1), radius := round(6 + 14 * math.sqrt(share.get(name, 0.0)), 1), radius + 13,
            TINTS[min(community[name], len(TINTS) - 1)], community[name] + 1, percent_of(share[name]) if name in share else "",
            name if len(name) <= 22 else f"{name[:20]}…",
        )
        for name, (x, y) in sorted(places.items())
    )  # fmt: skip
    lines = tuple(
        Line(
            round(places[one][0], 1), round(places[one][1], 1), round(places[other][0], 1), round(places[other][1], 1),
            round(min(5.0, 1 + amount / 1.5), 1),
        )
        for one, other, amount in edges
    )  # fmt: skip
    communities = tuple(
        (at + 1, TINTS[min(at, len(TINTS) - 1)], names) for at, names in enumerate(found.communities[:MOST_LISTED])
    )
    return Network(
        dots, lines, round(east - west, 1), round(south - north, 1), round(west, 1), round(north, 1), len(weight) - len(drawn),
        communities, tuple((name, percent_of(part)) for name, part in found.brokers[:10]),
    )  # fmt: skip


def _matrix(written: tuple[Exchange, ...]) -> Grid | None:
    """Who writes to whom among the busiest, senders down, recipients across."""
    if not written:
        return None
    weight: dict[str, int] = defaultdict(int)
    for one in written:
        weight[one.sender] += one.count
        weight[one.recipient] += one.count
    names = sorted(weight, key=lambda name: (-weight[name], name))[:MOST_IN_MATRIX]
    place = {name: at for at, name in enumerate(names)}
    most = max((one.count for one in written if one.sender in place and one.recipient in place), default=1)
    cells = tuple(
        Cell(
            place[one.recipient] * 34 + 150, place[one.sender] * 26 + 96, _strength(one.count, most), one.count,
            f"{one.sender} to {one.recipient}: {one.count}",
        )
        for one in written
        if one.sender in place and one.recipient in place
    )  # fmt: skip
    first = written[0]
    sentence = (
        f"Most was written by {first.sender} to {first.recipient}: {first.count} of {sum(o.count for o in written)}."
    )
    return Grid(
        cells,
        tuple((_short(name), place[name] * 26 + 96.0) for name in names),
        tuple((_short(name), place[name] * 34 + 170.0) for name in names),
        len(names) * 26 + 104,
        sentence,
    )


def _short(name: str) -> str:
    return name if len(name) <= 19 else f"{name[:18]}…"


def _strength(count: int, most: int) -> float:
    """How full a field is drawn: the root, so that the rare is seen beside the frequent."""
    return round(0.12 + 0.88 * math.sqrt(count / most), 2) if count else 0.0


def _week(instants: list[datetime]) -> Grid | None:
    """Messages by weekday and hour, UTC."""
    if not instants:
        return None
    counted = rhythm(at.astimezone(UTC) for at in instants)
    most, day, hour = max((count, -day, -hour) for day, hours in enumerate(counted) for hour, count in enumerate(hours))
    cells = tuple(
        Cell(72 + hour * 24, 24 + day * 24, _strength(count, most), count, f"{DAYS[day]} {hour:02d}:00: {count}")
        for day, hours in enumerate(counted)
        for hour, count in enumerate(hours)
    )
    nights = sum(sum(hours[22:]) + sum(hours[:6]) for hours in counted)
    sentence = (
        f"Busiest: {DAYS[-day]}, {-hour:02d}:00 to {(1 - hour) % 24:02d}:00 UTC, {most} messages. "
        f"{round(100 * nights / len(instants))} % were written between 22:00 and 6:00 UTC."
    )
    return Grid(
        cells,
        tuple((name[:3], 24.0 + at * 24) for at, name in enumerate(DAYS)),
        tuple((f"{hour:02d}", 72.0 + hour * 24) for hour in range(0, 24, 3)),
        196,
        sentence,
    )


def _months(found: tuple[Slice, ...]) -> Months | None:
    """The last three years of contacts, month by month."""
    shown = found[-36:]
    if not shown:
        return None
    most = max(one.contacts for one in shown)
    wide = 24.0
    bars = tuple(
        Bar(at * wide, round(100 - 92 * one.contacts / most, 1), round(92 * one.contacts / most, 1), one)
        for at, one in enumerate(shown)
    )
    busiest = max(shown, key=lambda one: (one.contacts, one.month))
    fresh = max(shown, key=lambda one: (one.new_ties, one.month))
    sentence = (
        f"Busiest month: {busiest.month}, {busiest.contacts} contacts of {busiest.names} names. "
        f"Most new ties: {fresh.month}, {fresh.new_ties}."
    )
    return Months(bars, len(shown) * wide, shown[0].month, shown[-1].month if len(shown) > 1 else "", sentence)


def _together(met: Iterable[Meeting]) -> Together | None:
    """Pairs by how often they met, each as a row of marks on one axis of time."""
    pairs: dict[tuple[str, str], list[Meeting]] = defaultdict(list)
    for one in met:
        pairs[one.left, one.right].append(one)
    if not pairs:
        return None
    ranked = sorted(pairs.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    shown = ranked[:MOST_IN_MATRIX]
    instants = [one.at for _, of in shown for one in of]
    first, last = min(instants), max(instants)
    span = max((last - first).total_seconds(), 1.0)
    rows = tuple(
        Met(
            left, right, at * 30.0 + 20,
            tuple(
                (round(226 + 460 * (one.at - first).total_seconds() / span, 1), f"{one.at:%Y-%m-%d %H:%M} UTC, {one.place}")
                for one in of
            ),
            tuple(of[:MOST_LISTED]),
        )
        for at, ((left, right), of) in enumerate(shown)
    )  # fmt: skip
    return Together(rows, len(rows) * 30.0 + 26, first, last, len(ranked) - len(shown))
