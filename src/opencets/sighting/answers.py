"""What a ledger is asked: factors of the computers of a jurisdiction, one computer's history, a file's offers, counts.

Each statement runs on DuckDB and, by `opencets.sighting.spark`, on a Spark cluster. Of two sightings of the same
millisecond either may be told as the last. A jurisdiction is a country (``GB``), a region (``US-WY``) or nothing, which is
all. A computer here is what `opencets.sighting.grouping` links: an installation by its GUID or user hash, the runs of a
BitTorrent program that follow each other. An address is not a person.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from opencets.errors import ActRefused, NotFound
from opencets.sighting.grouping import Link
from opencets.sighting.ledger import Ledger
from opencets.sighting.parts import DAYS, FILES, GROUPS, LINKS, OFFERS, RARITY, SIGHTINGS

SUPPRESSED_BELOW = 5
"""Published counts under it are withheld: they could point at one household."""
GAP_DAYS = 7

_FACTORS = """
    with recent as (
      select coalesce(g.computer, d.identity) as identity, d.day, d.network, d.country, d.region, d.sightings, d.direct,
        d.complete, d.hours, d.first_at, d.last_at, d.address, d.port, d.client, d.provider, d.place, d.shared_line, d.files
      from days d left join groups g on g.identity = d.identity
      where d.day > date '{after}' and d.day <= date '{until}' {within}),
    offered as (
      select distinct identity, unnest(files) as number from recent),
    of_files as (
      select o.identity, count(*) as files, sum(cast(1 as double) / coalesce(r.computers, 1)) as vanishing,
        sum(case when coalesce(g.computer, f.first_identity) = o.identity and f.first_at >= timestamp '{after} 00:00:00'
          then 1 else 0 end) as first_here
      from offered o left join rarity r on r.number = o.number left join files f on f.number = o.number
      left join groups g on g.identity = f.first_identity group by 1),
    hourly as (select identity, day, bit_or(hours) as hours from recent group by 1, 2),
    online as (select identity, sum(bit_count(hours)) as hours, count(*) as days from hourly group by 1),
    known as (
      select identity, sum(sightings) as sightings, sum(direct) as direct, sum(complete) as complete,
        count(distinct network) as networks, max(shared_line) as shared_line, min(first_at) as first_at,
        max(last_at) as last_at, max_by(address, last_at) as address, max_by(port, last_at) as port,
        max_by(client, last_at) as client, max_by(provider, last_at) as provider, max_by(country, last_at) as country,
        max_by(region, last_at) as region, max_by(place, last_at) as place
      from recent group by 1)
    select k.identity, x.files, x.vanishing, x.first_here, h.hours, h.days, k.networks, k.sightings, k.direct, k.complete,
      coalesce(k.shared_line, 0) as shared_line, k.first_at, k.last_at, k.address, k.port, k.client, k.provider, k.country,
      k.region, k.place
    from known k join of_files x on x.identity = k.identity join online h on h.identity = k.identity order by k.identity
"""
_HISTORY = """
    select seen_at, network, identity, identity_kind, file, address, port, client, pieces_have, pieces_total, evidence,
      country, region, place, accuracy_km, provider, shared_line, batch, line
    from sightings where identity in ({identities}) order by seen_at, network, file, batch, line
"""
_MEMBERS = """
    select other.identity from groups mine join groups other on other.computer = mine.computer
    where mine.identity = '{identity}' order by other.identity
"""
_LINKS = """
    select l.earlier, l.later, l.rule, l.since, l.until, l.port, l.addresses, l.days from links l
    where l.earlier in ({identities}) or l.later in ({identities}) order by l.since, l.earlier, l.later
"""
_OFFERS = """
    select identity, network, max_by(country, last_at) as country, max_by(region, last_at) as region,
      min(first_at) as first_at, max(last_at) as last_at, sum(sightings) as sightings, sum(direct) as direct,
      sum(complete) as complete
    from offers where file = '{file}' group by 1, 2 order by last_at desc, identity
"""
_COUNTS = """
    select {of} as period, {by} as place, network, sum(sightings) as sightings,
      count(distinct coalesce(g.computer, d.identity)) as computers
    from days d left join groups g on g.identity = d.identity
    where day > date '{after}' and day <= date '{until}' {within} group by 1, 2, 3 order by 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Computers:
    """The computers of a jurisdiction seen in some days, with what a ranking weighs; arrays of one length."""

    identities: list[str]
    facts: dict[str, npt.NDArray[np.float64]]
    """By name: files, vanishing, first_here, hours, days, networks, direct_share, idle_days, shared_line."""
    last: list[dict[str, Any]]
    """When and where each was seen last, by name: first_at, at, address, port, client, provider, country, region, place."""
    after: str
    until: str

    def __len__(self) -> int:
        return len(self.identities)


def computers(ledger: Ledger, jurisdiction: str = "", days: int = 30) -> Computers:
    """The computers seen in a jurisdiction in the last ``days`` that the ledger knows.

    ``vanishing``: over the files offered, the sum of one by how many computers offered each in thirty days, so what
    would be harder to find without this computer (the contribution to availability of Hurley and others, WWW 2013).
    Raises ActRefused for what is no jurisdiction, or where derived tables are behind (``Ledger.derive``).
    """
    state = ledger.state()
    if state.stale:
        raise ActRefused(
            f"{len(state.stale)} days were loaded and not counted yet; run Ledger.derive (opencets sightings load does)."
        )
    within = within_of(jurisdiction)
    parts = state.table(DAYS)
    until = max((part.last for part in parts), default="1970-01-01")
    after = (dt.date.fromisoformat(until) - dt.timedelta(days)).isoformat()
    tables = {
        DAYS: [part for part in parts if part.last > after],
        FILES: state.table(FILES),
        RARITY: state.table(RARITY),
        GROUPS: state.table(GROUPS),
    }
    rows = ledger.rows(tables, _FACTORS.format(after=after, until=until, within=within))
    end = dt.datetime.fromisoformat(until) + dt.timedelta(days=1)
    facts = {
        name: np.array([float(row[place]) for row in rows])
        for name, place in (
            ("files", 1),
            ("vanishing", 2),
            ("first_here", 3),
            ("hours", 4),
            ("days", 5),
            ("networks", 6),
        )
    }
    facts["direct_share"] = np.array([row[8] / row[7] for row in rows])
    facts["idle_days"] = np.array([(end - row[12]).total_seconds() / 86400 for row in rows])
    facts["shared_line"] = np.array([float(row[10]) for row in rows])
    names = ("first_at", "at", "address", "port", "client", "provider", "country", "region", "place")
    last = [dict(zip(names, row[11:], strict=True)) for row in rows]
    return Computers([str(row[0]) for row in rows], facts, last, after, until)


def within_of(jurisdiction: str) -> str:
    """The condition for a jurisdiction; ActRefused for what is none."""
    if not jurisdiction:
        return ""
    country, dash, region = jurisdiction.upper().partition("-")
    if not (len(country) == 2 and country.isascii() and country.isalpha()) or (dash and not region.isalnum()):
        raise ActRefused(f"“{jurisdiction}” is no jurisdiction: give a country (GB) or a region of ISO 3166-2 (US-WY).")
    return f"and region = '{country}-{region}'" if dash else f"and country = '{country}'"


@dataclass(frozen=True, slots=True)
class Sighting:
    """One row of a history; times are UTC."""

    seen_at: dt.datetime
    network: str
    identity: str
    identity_kind: str
    file: str
    address: str
    port: int
    client: str | None
    pieces_have: int | None
    pieces_total: int | None
    evidence: str
    country: str | None
    region: str | None
    place: str | None
    accuracy_km: int | None
    provider: int | None
    shared_line: bool | None
    batch: int
    line: int


@dataclass(frozen=True, slots=True)
class Lease:
    """An address that a computer used, and since when until when it was seen there."""

    address: str
    first_at: dt.datetime
    last_at: dt.datetime
    sightings: int
    ports: tuple[int, ...]
    shared_line: bool


@dataclass(frozen=True, slots=True)
class History:
    """All that the ledger holds of one computer. ``identity``: the one that was asked for, or by which it is named."""

    identity: str
    sightings: tuple[Sighting, ...]
    links: tuple[Link, ...] = ()
    """Why several identities are told as one computer, and what else may belong to it."""

    @property
    def identities(self) -> list[str]:
        """Its identities, in the order in which they were seen."""
        return list(dict.fromkeys(one.identity for one in self.sightings))

    @property
    def leases(self) -> list[Lease]:
        """Addresses in the order of their first use; one that comes back after another is a new lease."""
        leases: list[Lease] = []
        run: list[Sighting] = []
        for one in (*self.sightings, None):
            if run and (one is None or one.address != run[-1].address):
                ports = tuple(sorted({each.port for each in run}))
                shared = any(each.shared_line for each in run)
                leases.append(Lease(run[0].address, run[0].seen_at, run[-1].seen_at, len(run), ports, shared))
                run = []
            if one is not None:
                run.append(one)
        return leases

    @property
    def gaps(self) -> list[tuple[dt.datetime, dt.datetime]]:
        """Times of more than a week in which it was not seen: off, elsewhere, or nobody looked."""
        pairs = zip(self.sightings, self.sightings[1:], strict=False)
        return [
            (one.seen_at, other.seen_at)
            for one, other in pairs
            if other.seen_at - one.seen_at > dt.timedelta(days=GAP_DAYS)
        ]


def history(ledger: Ledger, identity: str, *, alone: bool = False) -> History:
    """One computer's sightings by time, under all identities that are linked to the one given; ``alone``: under it only.

    NotFound where the ledger has none; ActRefused for what is no identity.
    """
    wanted = identity.strip().lower()
    if not wanted or any(digit not in "0123456789abcdef" for digit in wanted):
        raise ActRefused(
            f"“{identity[:70]}” is no identity: give the hexadecimal digits of a GUID, user hash or peer id."
        )
    state = ledger.state()
    members: list[str] = [wanted]
    links: tuple[Link, ...] = ()
    if not alone:
        groups = {GROUPS: state.table(GROUPS)}
        members = [str(row[0]) for row in ledger.rows(groups, _MEMBERS.format(identity=wanted))] or members
        found = ledger.rows({LINKS: state.table(LINKS)}, _LINKS.format(identities=_quoted(members)))
        links = tuple(Link(*row) for row in found)
    rows = ledger.rows({SIGHTINGS: state.table(SIGHTINGS)}, _HISTORY.format(identities=_quoted(members)))
    if not rows:
        raise NotFound(f"The ledger has no sighting of {wanted}.")
    return History(wanted, tuple(Sighting(*row) for row in rows), links)


def _quoted(identities: list[str]) -> str:
    """Identities, which are hexadecimal digits, as SQL writes them."""
    return ", ".join(f"'{identity}'" for identity in identities)


@dataclass(frozen=True, slots=True)
class Offer:
    """That a computer offered a file: since when, until when, how often, how often by its own word, how often whole."""

    identity: str
    network: str
    country: str | None
    region: str | None
    first_at: dt.datetime
    last_at: dt.datetime
    sightings: int
    direct: int
    complete: int


def offers(ledger: Ledger, file: str) -> list[Offer]:
    """Who offered a file, the latest first. Callers ask only for authorised files and with a purpose (`looks`)."""
    wanted = file.strip().lower()
    if len(wanted) not in (32, 40, 64) or any(digit not in "0123456789abcdef" for digit in wanted):
        raise ActRefused(f"“{file[:70]}” is no digest of a file: give 32, 40 or 64 hexadecimal digits.")
    tables = {OFFERS: ledger.state().table(OFFERS)}
    return [Offer(*row) for row in ledger.rows(tables, _OFFERS.format(file=wanted))]


@dataclass(frozen=True, slots=True)
class Count:
    """Sightings and computers of a day or month, place and network; ``None`` where too few to be published."""

    period: str
    place: str
    network: str
    sightings: int | None
    computers: int | None


def counts(
    ledger: Ledger,
    jurisdiction: str = "",
    days: int = 30,
    *,
    monthly: bool = False,
    published: bool = False,
) -> list[Count]:
    """Counts by day or month, country (region inside a jurisdiction) and network.

    ``published`` withholds what counts fewer than `SUPPRESSED_BELOW` computers.
    """
    state = ledger.state()
    parts = state.table(DAYS)
    until = max((part.last for part in parts), default="1970-01-01")
    after = (dt.date.fromisoformat(until) - dt.timedelta(days)).isoformat()
    sql = _COUNTS.format(
        of="substr(cast(day as varchar), 1, 7)" if monthly else "cast(day as varchar)",
        by="coalesce(region, country, '')" if jurisdiction else "coalesce(country, '')",
        after=after,
        until=until,
        within=within_of(jurisdiction),
    )
    rows = ledger.rows({DAYS: [part for part in parts if part.last > after], GROUPS: state.table(GROUPS)}, sql)
    return [
        Count(period, place, network, None, None)
        if published and found < SUPPRESSED_BELOW
        else Count(period, place, network, int(sightings), int(found))
        for period, place, network, sightings, found in rows
    ]
