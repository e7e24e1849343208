"""Reading sightings for a page: what is open to the actor first, then the ledger, then the words.

The ledger is no table behind the wall: every question to it carries the area that is open to the actor (``sight.open_to``), so
that what lies elsewhere is not read, and is not counted.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from django.core.paginator import Page, Paginator
from django.urls import reverse
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets.ranking.computers import ComputersModel, computers_model, rank_computers, shortlist
from opencets.sighting import Ledger, answers
from opencets.sighting.answers import Sighting
from opencets.sighting.areas import Area
from opencets.sighting.batch import DIRECT, IDENTITIES
from opencets_web.accounts.models import Agency, Role
from opencets_web.audit import log
from opencets_web.policy.actor import Actor
from opencets_web.policy.purposes import MOST_WORDS
from opencets_web.sightings import ledger as kept
from opencets_web.sightings.links import children_of, links_of
from opencets_web.sightings.models import FileSet, FileState, SetFile, Sight, SightingFile
from opencets_web.sightings.sight import Node, Opened, open_to

MOST_RANKED = 100
SHORTLIST = 300
ON_A_PAGE = 20
MOST_LEASES = 60
MOST_HITS = 100
COLUMNS = 60
"""Of the picture of a computer's time: a longer history has more days in each."""
NETWORK_WORDS = {"bittorrent": "BitTorrent", "gnutella": "Gnutella", "edonkey": "eDonkey", "other": "Other"}
FACTOR_WORDS = {
    "vanishing": "Rare files", "first_here": "New files", "links": "Links", "children": "Children", "files": "Library",
    "hours": "Hours", "networks": "Networks", "fresh": "Freshness",
}  # fmt: skip
FACTOR_TINTS = {
    "vanishing": "accent-solid", "first_here": "violet", "links": "bad", "children": "warn", "files": "good", "hours": "text-3",
    "networks": "accent-line", "fresh": "text-2",
}  # fmt: skip
EVIDENCE_WORDS = {
    "handshake": "by its own word", "browse": "by its own word", "tracker": "by a tracker's word", "dht": "by others' word",
    "pex": "by others' word", "other": "not said how",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tab:
    """A section of the room."""

    label: str
    url: str
    active: bool
    count: int | None = None


def tabs(active: str) -> tuple[Tab, ...]:
    """The sections of the room."""
    names = (
        ("Computers", "list"), ("Leads", "leads"), ("Map", "map"), ("Statistics", "statistics"), ("Jurisdictions", "jurisdictions"),
        ("Known files", "sets"), ("Received", "received"), ("Sensors", "sensors"),
    )  # fmt: skip
    return tuple(Tab(label, reverse(f"sightings:{name}"), name == active) for label, name in names)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the computers is asked for."""

    jurisdiction: str = ""
    network: str = ""
    days: int = 30


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether anything can be shown, and what to do where nothing can."""

    opened: Opened
    ledger: Ledger | None

    @property
    def missing(self) -> str:
        """What is missing: ``jurisdictions``, ``sight``, ``ledger`` or nothing."""
        if not self.opened.tree.nodes:
            return "jurisdictions"
        return "sight" if not self.opened.area else "ledger" if self.ledger is None else ""


def standing(actor: Actor) -> Standing:
    """What is open to the actor, and the ledger. NotFound for whoever reads no cases."""
    return Standing(open_to(actor), kept.find_ledger())


# --- Who matters most ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FactorBar:
    """One factor of a computer: its part of the bar, in words, and the computer's place without it."""

    name: str
    label: str
    tint: str
    x: float
    width: float
    points: float
    sentence: str
    place_without: int
    beyond: bool


@dataclass(frozen=True, slots=True)
class RankedRow:
    """One computer in the order."""

    place: int
    identity: str
    score: float
    bars: tuple[FactorBar, ...]
    why: tuple[str, ...]
    penalties: tuple[str, ...]
    last_at: dt.datetime
    address: str
    client: str
    where: str
    network: str

    @property
    def url(self) -> str:
        """Its own page."""
        return reverse("sightings:computer", args=[self.identity])

    @property
    def short(self) -> str:
        """Enough of its identity to tell it from others in a list."""
        return self.identity[:12] + ("…" if len(self.identity) > 12 else "")


@dataclass(frozen=True, slots=True)
class Ranking:
    """The computers of what is open to the actor, the first to look at first."""

    standing: Standing
    tabs: tuple[Tab, ...]
    rows: tuple[RankedRow, ...] = ()
    page: Page[Any] | None = None
    computers: int = 0
    after: str = ""
    until: str = ""
    model: ComputersModel | None = None
    legend: tuple[tuple[str, str], ...] = ()
    weights: tuple[tuple[str, float, float], ...] = ()


def get_ranking(actor: Actor, wanted: Wanted, number: int = 1, *, on_a_page: int = ON_A_PAGE) -> Ranking:
    """The first hundred computers of a jurisdiction, with what speaks for each. NotFound: a jurisdiction that is not open."""
    here = standing(actor)
    sections = tabs("list")
    area = here.opened.chosen(wanted.jurisdiction) if here.opened.area else Area()
    log.record(
        "sightings.ranked", actor,
        details={"jurisdiction": wanted.jurisdiction, "network": wanted.network, "days": wanted.days, "page": number},
    )  # fmt: skip
    if here.missing or here.ledger is None:
        return Ranking(here, sections)
    model = computers_model()
    found = ranked(here.ledger, area, wanted, model)
    facts = {name: np.array(values) for name, values in found["facts"].items()}
    identities = [row["identity"] for row in found["rows"]]
    links = links_of(actor, {row["identity"]: row["hours"] for row in found["rows"]})
    facts["links"] = np.array([float(len(links.get(identity, ()))) for identity in identities])
    children = children_of(actor, set().union(*links.values()))
    facts["children"] = np.array(
        [float(sum(len(children.get(case, ())) for case in links.get(identity, ()))) for identity in identities]
    )
    order = rank_computers(facts, MOST_RANKED, model, count=len(identities))
    page = Paginator(order, on_a_page).get_page(number)
    largest = max((one.score for one in order), default=1.0) or 1.0
    rows = tuple(_row(one, found["rows"][one.at], largest, here.opened) for one in page)
    legend = tuple((FACTOR_WORDS[factor.name], FACTOR_TINTS[factor.name]) for factor in model.factors)
    weights = tuple((FACTOR_WORDS[factor.name], factor.weight, factor.half) for factor in model.factors)
    return Ranking(
        here, sections, rows, page, found["computers"], found["after"], found["until"], model, legend, weights
    )


def ranked(ledger: Ledger, area: Area, wanted: Wanted, model: ComputersModel, *, anew: bool = False) -> dict[str, Any]:
    """The shortlist of an area with its facts, as the ledger keeps the answer; ``anew``: of the ledger as it is now."""

    def ask() -> dict[str, Any]:
        found = answers.computers(ledger, area, wanted.days, network=wanted.network)
        first = shortlist(found.facts, SHORTLIST, model, count=len(found)) if len(found) else np.array([], int)
        identities = [found.identities[at] for at in first]
        used = answers.used(ledger, identities, area, "1970-01-01")
        rows = [
            {"identity": identity, "hours": used.get(identity, []), **_told(found.last[int(at)])}
            for identity, at in zip(identities, first.tolist(), strict=True)
        ]
        facts = {name: values[first].tolist() for name, values in found.facts.items()}
        return {"computers": len(found), "after": found.after, "until": found.until, "rows": rows, "facts": facts}

    question = {
        "ask": "ranked", "area": area.condition(), "network": wanted.network, "days": wanted.days, "model": model.model,
        "most": SHORTLIST,
    }  # fmt: skip
    told: dict[str, Any] = kept.answered(ledger, question, ask, anew=anew)
    return told


def _told(last: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, dt.datetime) else value for name, value in last.items()}


def _row(one: Any, known: dict[str, Any], largest: float, opened: Opened) -> RankedRow:
    bars, x = [], 0.0
    for share in one.shares:
        width = round(100 * share.points / largest, 2)
        bars.append(
            FactorBar(
                share.name, FACTOR_WORDS[share.name], FACTOR_TINTS[share.name], round(x, 2), width, share.points, share.sentence,
                share.place_without, share.place_without > SHORTLIST,
            )
        )  # fmt: skip
        x += width
    why = [share for share in sorted(one.shares, key=lambda share: -share.points)[:3] if share.points > 0]
    return RankedRow(
        one.place, known["identity"], one.score, tuple(bars), tuple(share.sentence for share in why), one.penalties,
        instant_of(known["at"]), known["address"] or "", known["client"] or "",
        where_of(opened, known["country"], known["region"], known["place"]), known.get("network") or "",
    )  # fmt: skip


def instant_of(text: str) -> dt.datetime:
    """An instant of the ledger, which is UTC."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def where_of(opened: Opened, country: str | None, region: str | None, place: str | None) -> str:
    """Where an address was, from the smallest that is known, and whose jurisdiction that is."""
    node = opened.tree.place_of(country, region, place)
    if node is None or not (node.own.countries or node.own.regions or node.own.places):
        return ", ".join(filter(None, (place, region or country))) or "place not known"
    return f"{place}, {node.name}" if place and place != node.name else node.name


# --- One computer ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """An address that a computer used, and whose line that was then."""

    address: str
    ports: str
    first_at: dt.datetime
    last_at: dt.datetime
    sightings: int
    provider: str
    where: str
    accuracy: str
    shared: bool
    x: float
    width: float
    tint: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One field of the picture of time."""

    x: float
    y: float
    strength: float
    label: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A known file that the computer offered, as a set names it."""

    digest: str
    set_name: str
    category: str
    first_at: dt.datetime
    last_at: dt.datetime
    sightings: int
    whole: bool
    direct: bool


@dataclass(frozen=True, slots=True)
class Because:
    """Why two identities are taken for one computer's, and how sure that is."""

    earlier: str
    later: str
    sentence: str
    percent: int
    joins: bool


@dataclass(frozen=True, slots=True)
class ComputerPage:
    """All that is open to the actor of one computer."""

    tabs: tuple[Tab, ...]
    identity: str
    """By which the order names it."""
    identities: tuple[str, ...]
    reasons: tuple[Because, ...]
    """Why several identities are told as one computer, and what else may belong to it."""
    kinds: tuple[tuple[str, str], ...]
    """Each kind of identity and how far it can be trusted."""
    sightings: int
    first_at: dt.datetime
    last_at: dt.datetime
    days: int
    clients: tuple[str, ...]
    networks: tuple[tuple[str, int, int], ...]
    leases: tuple[LeaseRow, ...]
    leases_cut: int
    gaps: tuple[tuple[dt.datetime, dt.datetime, int], ...]
    cells: tuple[Cell, ...]
    column: float
    axis: tuple[tuple[float, str], ...]
    busiest: str
    direct: int
    shared: int
    hits: tuple[Hit, ...]
    hits_cut: int
    unknown: int
    elsewhere: bool
    jurisdictions: tuple[Node, ...]
    links: tuple[tuple[str, str, tuple[str, ...]], ...]
    sensors: tuple[str, ...]


def get_computer(actor: Actor, identity: str) -> ComputerPage:
    """One computer's history as far as it lies in what is open to the actor; else NotFound, as for one that is not there."""
    here = standing(actor)
    plain = identity.replace("-", "").lower()
    log.record("sightings.computer-viewed", actor, subject=f"computer:{plain[:64]}")
    if here.ledger is None:
        raise NotFound
    try:
        history = answers.history(here.ledger, plain)
    except ActRefused:
        raise NotFound from None
    area, tree = here.opened.area, here.opened.tree
    seen = [one for one in history.sightings if area.holds(one.country, one.region, one.place)]
    if not seen:
        raise NotFound
    first, last = _utc(seen[0].seen_at), _utc(seen[-1].seen_at)
    open_history = answers.History(plain, tuple(seen))
    named, shown = named_as(history), set(open_history.identities)
    reasons = tuple(
        Because(link.earlier, link.later, link.sentence, round(100 * link.probability), link.joins)
        for link in history.links
        if link.earlier in shown and link.later in shown
    )
    by_network = Counter(one.network for one in seen)
    files = {one.file for one in seen}
    hits = _hits(actor, seen)
    leases = _leases(here.opened, open_history)
    cells, column, axis, busiest = _time(seen)
    nodes = {node.id: node for one in seen if (node := tree.place_of(one.country, one.region, one.place))}
    hours = sorted({(one.address, one.port, f"{one.seen_at:%Y-%m-%dT%H}") for one in seen[-400:]})
    links = links_of(actor, {plain: [list(hour) for hour in hours]}).get(plain, ())
    children = children_of(actor, links)
    kinds = sorted({one.identity_kind for one in seen})
    origins = here.ledger.state().origins
    sensors = sorted({str(origins[batch].get("sensor", "")) for batch in {one.batch for one in seen}} - {""})
    return ComputerPage(
        tabs("list"), named, tuple(open_history.identities), reasons[:MOST_HITS],
        tuple((kind.replace("_", " "), IDENTITIES[kind]) for kind in kinds), len(seen), first, last,
        len({one.seen_at.date() for one in seen}), tuple(sorted({one.client for one in seen if one.client})),
        tuple(
            (NETWORK_WORDS[name], count, len({one.file for one in seen if one.network == name}))
            for name, count in by_network.most_common()
        ),
        leases[:MOST_LEASES], max(0, len(leases) - MOST_LEASES),
        tuple((_utc(begin), _utc(end), (end - begin).days) for begin, end in open_history.gaps),
        cells, column, axis, busiest, round(100 * sum(one.evidence in DIRECT for one in seen) / len(seen)),
        round(100 * sum(bool(one.shared_line) for one in seen) / len(seen)), hits[:MOST_HITS], max(0, len(hits) - MOST_HITS),
        len(files) - len({hit.digest for hit in hits}), len(seen) < len(history.sightings), tuple(nodes.values()),
        tuple((reference, reverse("desk:case", args=[reference]), children.get(reference, ())) for reference in links),
        tuple(sensors),
    )  # fmt: skip


def named_as(history: answers.History) -> str:
    """The identity by which a computer is named: the least of its own."""
    return min(one.identity for one in history.sightings)


def _utc(moment: dt.datetime) -> dt.datetime:
    return moment.replace(tzinfo=dt.UTC)


def _leases(opened: Opened, history: answers.History) -> tuple[LeaseRow, ...]:
    """Addresses in turn, with provider and place of their day, the latest first."""
    about: dict[str, list[Sighting]] = {}
    for one in history.sightings:
        about.setdefault(one.address, []).append(one)
    begin, end = history.sightings[0].seen_at, history.sightings[-1].seen_at
    span = max((end - begin).total_seconds(), 1.0)
    rows = []
    for at, lease in enumerate(history.leases):
        within = [one for one in about[lease.address] if lease.first_at <= one.seen_at <= lease.last_at]
        last = within[-1]
        radius = last.accuracy_km
        rows.append(
            LeaseRow(
                lease.address, ", ".join(map(str, lease.ports[:4])) + (" …" if len(lease.ports) > 4 else ""),
                _utc(lease.first_at), _utc(lease.last_at), lease.sightings, f"AS{last.provider}" if last.provider else "",
                where_of(opened, last.country, last.region, last.place),
                f"within {radius} km" if radius is not None else "", lease.shared_line,
                round(760 * (lease.first_at - begin).total_seconds() / span, 1),
                round(max(4.0, 760 * (lease.last_at - lease.first_at).total_seconds() / span), 1),
                "warn" if lease.shared_line else ("accent-solid", "violet")[at % 2],
            )
        )  # fmt: skip
    return tuple(reversed(rows))


def _time(seen: Sequence[Sighting]) -> tuple[tuple[Cell, ...], float, tuple[tuple[float, str], ...], str]:
    """Days across, hours of the day (UTC) down: how often it was seen; the axis; the busiest hour in words."""
    first, last = seen[0].seen_at.date(), seen[-1].seen_at.date()
    days = (last - first).days + 1
    each = -(-days // COLUMNS)
    columns = -(-days // each)
    width = round(760 / max(columns, 20), 2)
    counted = Counter(((one.seen_at.date() - first).days // each, one.seen_at.hour) for one in seen)
    most = max(counted.values())
    cells = tuple(
        Cell(
            round(column * width, 2), hour * 9, round(0.3 + 0.7 * count / most, 2),
            f"{first + dt.timedelta(column * each)}{f' and {each - 1} more days' if each > 1 else ''}, {hour:02d}:00 UTC: {count}",
        )
        for (column, hour), count in sorted(counted.items())
    )  # fmt: skip
    marks = range(0, columns, max(1, columns // 5))
    axis = tuple((round(column * width, 2), f"{first + dt.timedelta(column * each):%d %b}") for column in marks)
    hours = Counter(one.seen_at.hour for one in seen)
    hour, count = max(hours.items(), key=lambda pair: (pair[1], -pair[0]))
    return cells, width, axis, f"{hour:02d}:00 to {(hour + 1) % 24:02d}:00 UTC, {count} of {len(seen)} sightings"


def live_sets(actor: Actor) -> Any:
    """The sets of known files that the actor's agency may ask about today."""
    return FileSet.objects.filter(agency_id=actor.agency_id, withdrawn_at=None, expires_on__gt=timezone.now().date())


def named_by_sets(actor: Actor, digests: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Of these digests those that a live set of the actor's agency names: set and category."""
    rows = SetFile.objects.filter(agency_id=actor.agency_id, digest__in=list(digests), file_set__in=live_sets(actor))
    return {
        digest: (name, category)
        for digest, name, category in rows.order_by("-id").values_list("digest", "file_set__name", "category")
    }


def _hits(actor: Actor, seen: Sequence[Sighting]) -> tuple[Hit, ...]:
    """The known files among what was offered, the latest first. A file that no set names is counted, and not shown."""
    offered: dict[str, list[Sighting]] = {}
    for one in seen:
        offered.setdefault(one.file, []).append(one)
    named = named_by_sets(actor, offered)
    rows = [
        Hit(
            digest, *named[digest], _utc(times[0].seen_at), _utc(times[-1].seen_at), len(times),
            any(one.pieces_total and one.pieces_have == one.pieces_total for one in times),
            any(one.evidence in DIRECT for one in times),
        )
        for digest, times in offered.items()
        if digest in named
    ]  # fmt: skip
    return tuple(sorted(rows, key=lambda hit: (hit.last_at, hit.digest), reverse=True))


# --- Where one known file is offered ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OfferRow:
    """That a computer of what is open to the actor offered the file."""

    identity: str
    network: str
    where: str
    first_at: dt.datetime
    last_at: dt.datetime
    sightings: int
    direct: int
    whole: int

    @property
    def url(self) -> str:
        """The computer's page."""
        return reverse("sightings:computer", args=[self.identity])


@dataclass(frozen=True, slots=True)
class Sought:
    """Who offers one known file."""

    digest: str
    set_name: str
    category: str
    rows: tuple[OfferRow, ...]
    cut: int


def seek_file(actor: Actor, digest: str, purpose: str) -> Sought:
    """Who offers a known file, in what is open to the actor; logged with the purpose before the ledger is asked.

    ActRefused: no live set of the actor's agency names the file, or no purpose is said.
    """
    here = standing(actor)
    wanted, why = digest.replace("-", "").strip().lower(), " ".join(purpose.split())[:MOST_WORDS]
    if not why:
        raise ActRefused("Say for which purpose you ask where this file is offered.")
    named = named_by_sets(actor, [wanted]).get(wanted)
    if named is None:
        raise ActRefused(
            "No set of known files that your agency may ask about names this digest. Hand in a list with its authority first."
        )
    log.record("sightings.file-sought", actor, subject=f"file:{wanted}", details={"set": named[0], "purpose": why})
    rows: list[OfferRow] = []
    for offer in answers.offers(here.ledger, wanted) if here.ledger and here.opened.area else ():
        if not here.opened.area.holds(offer.country, offer.region, None):
            continue
        rows.append(
            OfferRow(
                offer.identity, NETWORK_WORDS[offer.network], where_of(here.opened, offer.country, offer.region, None),
                _utc(offer.first_at), _utc(offer.last_at), offer.sightings, offer.direct, offer.complete,
            )
        )  # fmt: skip
    return Sought(wanted, *named, tuple(rows[:MOST_HITS]), max(0, len(rows) - MOST_HITS))


# --- Jurisdictions, known files, files received ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JurisdictionRow:
    """A jurisdiction in the tree."""

    node: Node
    responsible: str
    contact: str
    mine: bool
    opened: bool
    covers: str


@dataclass(frozen=True, slots=True)
class SightRow:
    """A jurisdiction opened to an agency."""

    id: UUID
    jurisdiction: str
    agency: str
    to_agency: str
    given: bool
    purpose: str
    expires_at: dt.datetime
    ended: bool


@dataclass(frozen=True, slots=True)
class Jurisdictions:
    """The tree, and who sees what."""

    tabs: tuple[Tab, ...]
    version: str
    rows: tuple[JurisdictionRow, ...]
    sights: tuple[SightRow, ...]
    open_nodes: tuple[Node, ...]
    agencies: tuple[tuple[str, str], ...]


def get_jurisdictions(actor: Actor) -> Jurisdictions:
    """The tree of jurisdictions, what of it the actor's agency may see, and to whom it opened what."""
    opened = open_to(actor)
    log.record("jurisdictions.viewed", actor)
    visible = {node.id for node in opened.nodes}
    may = actor.has(Role.SUPERVISOR)
    rows = tuple(
        JurisdictionRow(
            node, next((one.responsible for one in opened.tree.above(node) if one.responsible), ""),
            next((one.contact for one in opened.tree.above(node) if one.contact or one.responsible), ""),
            node.id in opened.responsible, node.id in visible, _covers(node),
        )
        for node in opened.tree
    )  # fmt: skip
    now = timezone.now()
    sights = Sight.objects.select_related("jurisdiction", "agency", "to_agency").order_by("-granted_at")[:100]
    told = tuple(
        SightRow(
            sight.id, sight.jurisdiction.name, sight.agency.short_name, sight.to_agency.short_name,
            may and sight.agency_id == actor.agency_id, sight.purpose, sight.expires_at,
            sight.withdrawn_at is not None or sight.expires_at <= now,
        )
        for sight in sights
        if actor.agency_id in (sight.agency_id, sight.to_agency_id)
    )  # fmt: skip
    agencies = Agency.objects.exclude(pk=actor.agency_id).order_by("name").values_list("id", "name")
    return Jurisdictions(
        tabs("jurisdictions"), opened.tree.version, rows, told,
        tuple(node for node in opened.nodes if may and node.id in opened.responsible),
        tuple((str(pk), name) for pk, name in agencies),
    )  # fmt: skip


def _covers(node: Node) -> str:
    words = [*sorted(node.own.countries), *sorted(node.own.regions), *(name for _, name in sorted(node.own.places))]
    if node.own.everywhere:
        return "whatever no other jurisdiction covers"
    return ", ".join(words[:12]) + (f" and {len(words) - 12} more" if len(words) > 12 else "")


@dataclass(frozen=True, slots=True)
class SetRow:
    """A set of known files in a list."""

    id: UUID
    name: str
    version: str
    authority: str
    entries: int
    imported_by: str
    imported_at: dt.datetime
    expires_on: dt.date
    state: str
    tone: str
    withdrawn: bool


def list_sets(actor: Actor) -> tuple[SetRow, ...]:
    """The sets of known files of the actor's agency."""
    if not actor.reads_cases:
        raise NotFound
    log.record("known-files.listed", actor)
    today = timezone.now().date()
    rows = (
        FileSet.objects.filter(agency_id=actor.agency_id).select_related("imported_by").order_by("-imported_at")[:200]
    )
    return tuple(
        SetRow(
            row.id, row.name, row.version, row.authority, row.entries_count, row.imported_by.display_name, row.imported_at,
            row.expires_on,
            "Withdrawn" if row.withdrawn_at else "Lapsed" if row.expires_on <= today else "In use",
            "" if row.withdrawn_at else "warn" if row.expires_on <= today else "good", row.withdrawn_at is not None,
        )
        for row in rows
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file of sightings in a list."""

    id: UUID
    name: str
    sensor: str
    authority: str
    size: int
    state: str
    tone: str
    under_way: bool
    rows: int
    again: int
    refused: int
    reasons: tuple[tuple[int, str], ...]
    sentence: str
    received_by: str
    received_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Received:
    """The files of sightings of an agency, and what the ledger holds in all."""

    tabs: tuple[Tab, ...]
    rows: tuple[FileRow, ...]
    page: Page[SightingFile]
    under_way: bool
    batches: int
    first: str
    last: str


_TONES = {FileState.LOADED: "good", FileState.REFUSED: "bad", FileState.LOADING: "accent", FileState.WAITING: "info"}


def list_received(actor: Actor, number: int = 1) -> Received:
    """The files of sightings that the actor's agency handed in, the newest first."""
    if not actor.reads_cases:
        raise NotFound
    rows = (
        SightingFile.objects.filter(agency_id=actor.agency_id)
        .select_related("received_by", "delivered_by")
        .order_by("-received_at")
    )
    page = Paginator(rows, 30).get_page(number)
    log.record("sightings.files-listed", actor, details={"page": page.number})
    told = tuple(file_row(row) for row in page)
    ledger = kept.find_ledger()
    parts = ledger.state().table("sightings") if ledger else []
    return Received(
        tabs("received"), told, page, any(row.under_way for row in told), len(ledger.state().origins) if ledger else 0,
        min((part.first for part in parts), default=""), max((part.last for part in parts), default=""),
    )  # fmt: skip


def file_row(row: SightingFile) -> FileRow:
    """A file of sightings as a list shows it."""
    state = FileState(row.state)
    return FileRow(
        row.id, row.name, row.sensor, row.authority, row.size, state.label, _TONES.get(state, ""),
        state in (FileState.WAITING, FileState.LOADING), row.rows, row.again, row.refused,
        tuple((reason["line"], reason["why"]) for reason in row.report[:20]), row.sentence,
        row.received_by.display_name if row.received_by else f"by the sensor {row.delivered_by}", row.received_at,
    )  # fmt: skip


def get_file(actor: Actor, file_id: UUID) -> FileRow:
    """One file of sightings of the actor's agency. NotFound for another's."""
    row = (
        SightingFile.objects.filter(pk=file_id, agency_id=actor.agency_id)
        .select_related("received_by", "delivered_by")
        .first()
    )
    if row is None or not actor.reads_cases:
        raise NotFound
    log.record("sightings.files-listed", actor, subject=f"sighting-file:{row.id}")
    return file_row(row)
