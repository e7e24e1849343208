"""What a ledger is asked: factors of the computers of a jurisdiction, one computer's history, a file's offers, counts.

Each statement runs on DuckDB and, by `opencets.sighting.spark`, on a Spark cluster. Of two sightings of the same
millisecond either may be told as the last. A jurisdiction is a country (``GB``), a region (``US-WY``) or nothing, which is
all. A computer here is what `opencets.sighting.grouping` links: an installation by its GUID or user hash, the runs of a
BitTorrent program that follow each other. An address is not a person.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from opencets.errors import ActRefused, NotFound
from opencets.sighting.areas import Area
from opencets.sighting.batch import NETWORKS
from opencets.sighting.grouping import Link
from opencets.sighting.ledger import Ledger
from opencets.sighting.parts import DAYS, FILES, GROUPS, LINKS, OFFERS, RARITY, SIGHTINGS, Part

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
_SPREAD = """
    with recent as (
      select coalesce(g.computer, d.identity) as identity, d.sightings, d.country, d.region, d.place
      from days d left join groups g on g.identity = d.identity
      where day > date '{after}' and day <= date '{until}' {within}),
    spots as (select coalesce({by}, '') as spot, identity, sum(sightings) as sightings from recent group by 1, 2)
    select spot, count(*) as computers, sum(sightings) as sightings from spots group by 1
    union all select null, count(distinct identity), coalesce(sum(sightings), 0) from spots order by 1 nulls last
"""
_MEMBERS = "select identity from groups where computer = '{computer}' order by identity"
_LINKS = """
    select l.earlier, l.later, l.rule, l.since, l.until, l.port, l.addresses, l.days from links l
    where l.earlier in ({identities}) or l.later in ({identities}) order by l.since, l.earlier, l.later
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
    last: Sequence[dict[str, Any]]
    """When and where each was seen last, by name: first_at, at, address, port, client, provider, country, region, place."""
    after: str
    until: str

    def __len__(self) -> int:
        return len(self.identities)


class LastSeen(Sequence[dict[str, Any]]):
    """When and where computers were seen last; one is put together when it is asked for."""

    NAMES = ("first_at", "at", "address", "port", "client", "provider", "country", "region", "place")

    def __init__(self, columns: Sequence[Any]) -> None:
        self._columns = columns

    def __len__(self) -> int:
        return len(self._columns[0])

    def __getitem__(self, at: Any) -> Any:
        return {
            name: _plain(value)
            for name, value in zip(self.NAMES, (column[int(at)] for column in self._columns), strict=True)
        }

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[at] for at in range(len(self)))


def _plain(value: Any) -> Any:
    """A cell of Arrow or NumPy as Python has it."""
    return value.as_py() if hasattr(value, "as_py") else value.item() if isinstance(value, np.generic) else value


def computers(
    ledger: Ledger,
    jurisdiction: str | Area = "",
    days: int = 30,
    *,
    network: str = "",
) -> Computers:
    """The computers seen in a jurisdiction in the last ``days`` that the ledger knows, on one network where it is given.

    ``vanishing``: over the files offered, the sum of one by how many computers offered each in thirty days, so what
    would be harder to find without this computer (the contribution to availability of Hurley and others, WWW 2013).
    Raises ActRefused for what is no jurisdiction, or where derived tables are behind (``Ledger.derive``).
    """
    state = ledger.state()
    if state.stale:
        raise ActRefused(
            f"{len(state.stale)} days were loaded and not counted yet; run Ledger.derive (opencets sightings load does)."
        )
    within = within_of(jurisdiction, network)
    until = newest_day(ledger)
    after = (dt.date.fromisoformat(until) - dt.timedelta(days)).isoformat()
    tables = {
        DAYS: _days_of(ledger, after, until, network),
        FILES: state.table(FILES),
        RARITY: state.table(RARITY),
        GROUPS: state.table(GROUPS),
    }
    sql = _FACTORS.format(after=after, until=until, within=within)
    columns = ledger.columns(tables, sql)
    end = np.datetime64(until) + np.timedelta64(1, "D")
    names = ("files", "vanishing", "first_here", "hours", "days", "networks")
    facts = {name: np.asarray(columns[place], np.float64) for place, name in enumerate(names, 1)}
    facts["direct_share"] = np.asarray(columns[8], np.float64) / np.maximum(np.asarray(columns[7], np.float64), 1)
    idle = end.astype("datetime64[us]") - np.asarray(columns[12], "datetime64[us]")
    facts["idle_days"] = idle.astype(np.float64) / 86_400_000_000
    facts["shared_line"] = np.asarray(columns[10], np.float64)
    return Computers(columns[0], facts, LastSeen(columns[11:]), after, until)


def newest_day(ledger: Ledger) -> str:
    """The last day (ISO 8601) that the ledger has sightings of."""
    return max((part.last for part in ledger.state().table(DAYS)), default="1970-01-01")


def _days_of(ledger: Ledger, after: str, until: str, network: str) -> list[Part]:
    """The parts that hold days after one and until another."""
    return [
        part
        for part in ledger.state().table(DAYS)
        if part.last > after and part.first <= until and network in ("", part.network)
    ]


def within_of(jurisdiction: str | Area, network: str = "") -> str:
    """The condition for a jurisdiction and a network; ActRefused for what is none."""
    area = Area.named(jurisdiction) if isinstance(jurisdiction, str) else jurisdiction
    if network and network not in NETWORKS:
        raise ActRefused(f"“{network[:20]}” is no network: one of {', '.join(NETWORKS)}.")
    return area.condition() + (f" and network = '{network}'" if network else "")


@dataclass(frozen=True, slots=True)
class Spread:
    """How many computers were seen where. ``spots``: by country, region or place; "" is what is known less precisely.

    A computer that was seen at two spots counts at both, and once in ``computers``.
    """

    spots: dict[str, tuple[int, int]]
    """Computers and sightings."""
    computers: int
    sightings: int
    after: str
    until: str


def spread(
    ledger: Ledger,
    jurisdiction: str | Area = "",
    by: str = "country",
    days: int = 30,
    *,
    until: str = "",
    network: str = "",
) -> Spread:
    """Computers by ``country``, ``region`` or ``place`` in the ``days`` until a day (the ledger's newest without one)."""
    if by not in ("country", "region", "place"):
        raise ValueError(f"computers are counted by country, region or place, not by {by}")
    until = dt.date.fromisoformat(until).isoformat() if until else newest_day(ledger)
    after = (dt.date.fromisoformat(until) - dt.timedelta(days)).isoformat()
    sql = _SPREAD.format(by=by, after=after, until=until, within=within_of(jurisdiction, network))
    rows = ledger.rows({DAYS: _days_of(ledger, after, until, network), GROUPS: ledger.state().table(GROUPS)}, sql)
    spots = {str(spot): (int(found), int(sightings)) for spot, found, sightings in rows if spot is not None}
    total = next(row for row in rows if row[0] is None)
    return Spread(spots, int(total[1]), int(total[2]), after, until)


class Sighting(NamedTuple):
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
    wanted = _identity(identity)
    members, links = ([wanted], ()) if alone else _linked(ledger, wanted)
    rows = ledger.find(SIGHTINGS, "identity", members, Sighting._fields)
    if not rows.num_rows:
        raise NotFound(f"The ledger has no sighting of {wanted}.")
    rows = rows.sort_by([(name, "ascending") for name in ("seen_at", "network", "file", "batch", "line")])
    return History(wanted, tuple(map(Sighting._make, _tuples(rows))), links)


def _linked(ledger: Ledger, wanted: str) -> tuple[list[str], tuple[Link, ...]]:
    """The identities of the computer that has this one, and the links that say so or say perhaps."""
    state, members = ledger.state(), [wanted]
    named = ledger.find(GROUPS, "identity", [wanted], ["computer"])
    if named.num_rows:
        same = _MEMBERS.format(computer=named["computer"][0].as_py())
        members = [str(row[0]) for row in ledger.rows({GROUPS: state.table(GROUPS)}, same)]
    linked = state.table(LINKS)
    found = ledger.rows({LINKS: linked}, _LINKS.format(identities=_quoted(members))) if linked else []
    return members, tuple(Link(*row) for row in found)


def _tuples(rows: pa.Table) -> Iterator[tuple[Any, ...]]:
    """The rows with cells as Python has them; times without a zone are UTC."""
    columns = [
        column.to_numpy().astype("datetime64[us]").tolist()
        if pa.types.is_timestamp(column.type)
        else column.to_pylist()
        for column in rows.columns
    ]
    return zip(*columns, strict=True)


def _quoted(identities: Sequence[str]) -> str:
    """Identities, which are hexadecimal digits, as SQL writes them."""
    return ", ".join(f"'{identity}'" for identity in identities)


class Offer(NamedTuple):
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
    rows = ledger.find(OFFERS, "file", [wanted], ("file", *Offer._fields))
    if not rows.num_rows:
        return []
    # Of the months of one computer the last says where it was; a month that does not know is passed over.
    grouped = rows.sort_by([("last_at", "ascending")]).group_by(["identity", "network"], use_threads=False)
    together = grouped.aggregate(
        [
            ("country", "last"), ("region", "last"), ("first_at", "min"), ("last_at", "max"), ("sightings", "sum"),
            ("direct", "sum"), ("complete", "sum"),
        ]
    )  # fmt: skip
    order = [("last_at_max", "descending"), ("identity", "ascending"), ("network", "ascending")]
    return list(map(Offer._make, _tuples(together.sort_by(order))))


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
    jurisdiction: str | Area = "",
    days: int = 30,
    *,
    monthly: bool = False,
    published: bool = False,
    by: str = "",
    network: str = "",
) -> list[Count]:
    """Counts by day or month, country (region inside a jurisdiction, or as ``by`` says) and network.

    ``published`` withholds what counts fewer than `SUPPRESSED_BELOW` computers.
    """
    until = newest_day(ledger)
    after = (dt.date.fromisoformat(until) - dt.timedelta(days)).isoformat()
    spot = by or ("region" if jurisdiction else "country")
    sql = _COUNTS.format(
        of="substr(cast(day as varchar), 1, 7)" if monthly else "cast(day as varchar)",
        by={"region": "coalesce(region, country, '')", "country": "coalesce(country, '')", "none": "''"}[spot],
        after=after,
        until=until,
        within=within_of(jurisdiction, network),
    )
    rows = ledger.rows({DAYS: _days_of(ledger, after, until, network), GROUPS: ledger.state().table(GROUPS)}, sql)
    return [
        Count(period, place, of, None, None)
        if published and found < SUPPRESSED_BELOW
        else Count(period, place, of, int(sightings), int(found))
        for period, place, of, sightings, found in rows
    ]


def used(ledger: Ledger, identities: Sequence[str], jurisdiction: str | Area, after: str) -> dict[str, list[list[Any]]]:
    """By computer the addresses that it used after a day, with port and hour (UTC, ``2026-03-01T14``): its last of each day.

    A computer is named by any of its identities, as it was asked for.
    """
    wanted = (
        "computer, address, port, last_at",
        f"day > date '{after}' {within_of(jurisdiction)}",
        "computer, last_at, address",
    )
    told: dict[str, list[list[Any]]] = {}
    for identity, address, port, at in _of_computers(ledger, identities, *wanted, after=after):
        told.setdefault(identity, []).append([address, int(port), f"{at:%Y-%m-%dT%H}"])
    return told


def last_seen(
    ledger: Ledger, identities: Sequence[str], jurisdiction: str | Area, since: str
) -> dict[str, dt.datetime]:
    """By computer when it was seen last, of those that were seen since a day (ISO 8601); times are UTC."""
    wanted = "computer, max(last_at)", f"day >= date '{since}' {within_of(jurisdiction)} group by 1", "computer"
    rows = _of_computers(ledger, identities, *wanted, after=since)
    return {identity: at.replace(tzinfo=dt.UTC) for identity, at in rows}


def _of_computers(
    ledger: Ledger, identities: Sequence[str], columns: str, where: str, order: str, *, after: str
) -> list[tuple[Any, ...]]:
    """Rows of days of the computers that hold these identities; the first column is each computer's identity as asked."""
    if not identities:
        return []
    asked = [_identity(identity) for identity in identities]
    state = ledger.state()
    groups = {GROUPS: state.table(GROUPS)}
    named = dict(ledger.rows(groups, f"select identity, computer from groups where identity in ({_quoted(asked)})"))
    computers = {named.get(identity, identity) for identity in asked}
    sql = f"""
        with seen as (
          select coalesce(g.computer, d.identity) as computer, d.day, d.network, d.country, d.region, d.place, d.address,
            d.port, d.last_at
          from days d left join groups g on g.identity = d.identity)
        select {columns} from seen where computer in ({_quoted(sorted(computers))}) and {where} order by {order}
    """
    parts = [part for part in state.table(DAYS) if part.last >= after]
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for row in ledger.rows({DAYS: parts, **groups}, sql):
        rows.setdefault(row[0], []).append(row[1:])
    return [(one, *row) for one in dict.fromkeys(asked) for row in rows.get(named.get(one, one), ())]


def _identity(text: str) -> str:
    """A computer's identity as the ledger writes it. ActRefused for what is none."""
    wanted = text.strip().lower()
    if not wanted or any(digit not in "0123456789abcdef" for digit in wanted):
        raise ActRefused(f"“{text[:70]}” is no identity: give the hexadecimal digits of a GUID, user hash or peer id.")
    return wanted
