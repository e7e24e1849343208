"""Which sightings are one computer's: runs of a program that follow each other, and programs of two networks that move together.

The GUID of Gnutella and the user hash of eDonkey last as long as an installation; a BitTorrent peer id lasts for one run of
a program, so one computer has hundreds. Rules link a run to the one before it; each link keeps its rule and its times, so a
person can follow it, and a group is nothing but its links. An address alone joins nothing, and no rule reads an address that
is shared or anonymised. Hurley and others (WWW 2013) link sessions by what an application sends; the rules here are for
networks that send nothing lasting.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from opencets.sighting.parts import DAYS, GROUPS, LINKS, Part

if TYPE_CHECKING:
    from opencets.sighting.ledger import Ledger

LOOKED_BACK_DAYS = 45
"""Twice what a rule looks back, and more: what is found anew from a day on reads nothing older."""

_SESSIONS = """
    with sessions as (
      select identity, network, country, region, address, port, client, provider, first_at, last_at, files
      from days where day >= date '{read}' and network in ({sessions}) and coalesce(shared_line, 0) = 0 and port > 0),
    at_address as (
      select identity, network, port, address, first_at, lag(identity) over runs as before, lag(last_at) over runs as left_at
      from sessions window runs as (partition by network, address, port, client order by first_at, identity)),
    same_port as (
      select *, lag(identity) over runs as before, lag(last_at) over runs as left_at, lag(files) over runs as had,
        lag(address) over runs as from_address
      from sessions
      window runs as (partition by network, port, client, provider, country, region order by first_at, identity)),
    crowded as (
      select *, sum(case when before <> identity and first_at < left_at then 1 else 0 end) over (
        partition by network, port, client, provider, country, region order by first_at
        range between interval 14 day preceding and current row) as crowd
      from same_port)
    select before as earlier, identity as later, 'address_port' as rule, left_at as since, first_at as until, port,
      1 as addresses, 1 as days
    from at_address
    where before <> identity and first_at >= left_at and first_at <= left_at + interval {address_port} day
      and first_at >= timestamp '{since} 00:00:00'
    union all
    select before, identity,
      case when port in ({ports}) then 'usual_port' when list_has_any(files, had) then 'port_file' else 'port_alone' end,
      left_at, first_at, port, 1, 1
    from crowded
    where before <> identity and from_address <> address and first_at >= left_at
      and first_at >= timestamp '{since} 00:00:00'
      and case when port in ({ports})
        then crowd = 0 and list_has_any(files, had) and first_at <= left_at + interval {usual_port} day
        else (list_has_any(files, had) and first_at <= left_at + interval {port_file} day)
          or (crowd = 0 and first_at <= left_at + interval {port_alone} day) end
"""
_TOGETHER = """
    with seen as (
      select coalesce(g.computer, d.identity) as computer, d.network, d.day, substr(cast(d.day as varchar), 1, 7) as month,
        d.address, d.client, d.first_at, d.last_at
      from days d left join groups g on g.identity = d.identity
      where d.day >= date '{since}' and coalesce(d.shared_line, 0) = 0),
    met as (
      select a.computer as earlier, b.computer as later, a.month, count(distinct a.address) as addresses,
        count(distinct a.day) as days, min(a.first_at) as since, max(b.last_at) as until,
        min(case when a.client = b.client then 1 else 0 end) as alike
      from seen a join seen b on a.day = b.day and a.address = b.address
      where a.network < b.network and a.computer <> b.computer group by 1, 2, 3
      having count(distinct a.address) >= {addresses} or count(distinct a.day) >= {days}),
    on_days as (select computer, month, array_agg(distinct day) as seen_on from seen group by 1, 2)
    select met.earlier, met.later,
      case when met.addresses >= {addresses} and met.alike = 1 then 'together' else 'beside' end as rule,
      met.since, met.until, 0 as port, cast(met.addresses as integer) as addresses, cast(met.days as integer) as days
    from met join on_days a on a.computer = met.earlier and a.month = met.month
    join on_days b on b.computer = met.later and b.month = met.month
    where array_length(array_intersect(a.seen_on, b.seen_on)) * 10 <= met.days * 11
"""


@dataclass(frozen=True, slots=True)
class Grouping:
    """The rules of a version."""

    model: str
    joins_from: float
    sessions: tuple[str, ...]
    usual_ports: tuple[int, ...]
    rules: dict[str, dict[str, Any]]


@lru_cache(maxsize=1)
def grouping_rules() -> Grouping:
    """The rules shipped in ``grouping.yaml``."""
    table = yaml.safe_load(files("opencets.sighting").joinpath("grouping.yaml").read_text(encoding="utf-8"))
    return Grouping(
        table["model"], table["joins_from"], tuple(table["sessions"]), tuple(table["usual_ports"]), table["rules"]
    )


@dataclass(frozen=True, slots=True)
class Link:
    """Why two identities are taken for one computer's: the rule, when the one ended and the other began, its probability."""

    earlier: str
    later: str
    rule: str
    since: dt.datetime
    until: dt.datetime
    port: int
    addresses: int
    days: int

    @property
    def probability(self) -> float:
        """As the rule's table says."""
        return float(grouping_rules().rules[self.rule]["probability"])

    @property
    def joins(self) -> bool:
        """Whether it is sure enough to count both as one computer."""
        return self.probability >= grouping_rules().joins_from

    @property
    def sentence(self) -> str:
        """The reason in words."""
        hours = max(0.0, (self.until - self.since).total_seconds() / 3600)
        spoken = f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.0f} days"
        return str(grouping_rules().rules[self.rule]["says"]).format(
            hours=spoken, port=self.port, addresses=self.addresses, days=self.days, month=self.since.strftime("%B %Y")
        )


def derive_groups(ledger: Ledger, exchange: Callable[..., None], stale: Sequence[str]) -> None:
    """Links and groups anew from the first of the ``stale`` days on; what stands before it stays. Inside the lock."""
    rules = grouping_rules()
    state = ledger.state()
    old = state.table(LINKS)
    since = dt.date.fromisoformat(min(stale))
    month = since.replace(day=1)
    read = since - dt.timedelta(LOOKED_BACK_DAYS)
    sessions = _SESSIONS.format(
        read=read,
        since=since,
        sessions=", ".join(f"'{name}'" for name in rules.sessions),
        ports=", ".join(map(str, rules.usual_ports)),
        **{
            name: rules.rules[name]["within_days"] for name in ("address_port", "port_file", "port_alone", "usual_port")
        },
    )
    runs = f"""
        select * from ({sessions}) union all
        select earlier, later, rule, since, until, port, addresses, days from links
        where rule not in ('together', 'beside') and until < timestamp '{since} 00:00:00'
    """
    days = [part for part in state.table(DAYS) if part.last >= min(read, month).isoformat()]
    with ledger.asking({DAYS: days, LINKS: old}) as engine:
        first = engine.write(runs, f"{LINKS}/{state.entries:08d}-1.parquet")
    linked = [Part(LINKS, path, rows) for path, rows in first]
    groups = _write_groups(ledger, linked, f"{GROUPS}/{state.entries:08d}-1.parquet")
    together = _TOGETHER.format(
        since=month, addresses=rules.rules["together"]["addresses"], days=rules.rules["beside"]["days"]
    )
    whole = f"""
        select * from ({together}) union all
        select earlier, later, rule, since, until, port, addresses, days from links
        where rule in ('together', 'beside') and until < timestamp '{month} 00:00:00'
    """
    with ledger.asking({DAYS: days, LINKS: old, GROUPS: groups}) as engine:
        second = engine.write(whole, f"{LINKS}/{state.entries:08d}-2.parquet")
    linked += [Part(LINKS, path, rows) for path, rows in second]
    groups = _write_groups(ledger, linked, f"{GROUPS}/{state.entries:08d}-2.parquet")
    exchange("groups", [*linked, *groups], [*old, *state.table(GROUPS)])


def _write_groups(ledger: Ledger, links: Sequence[Part], path: str) -> list[Part]:
    """The part that says of each identity that is linked which computer it is; a computer is named by its least identity."""
    rules = grouping_rules()
    sure = [name for name, rule in rules.rules.items() if rule["probability"] >= rules.joins_from]
    if not links:
        return []
    columns = ["earlier", "later", "rule"]
    table = pa.concat_tables(
        [pq.read_table(file, columns=columns) for file in ledger.paths(links)], promote_options="default"
    )
    table = table.filter(pc.is_in(table["rule"], pa.array(sure)))
    if not table.num_rows:
        return []
    ends = pa.chunked_array([*table["earlier"].chunks, *table["later"].chunks]).dictionary_encode().combine_chunks()
    order = pc.array_sort_indices(ends.dictionary)
    names = ends.dictionary.take(order)
    place = np.empty(len(names), np.int64)
    place[order.to_numpy()] = np.arange(len(names))
    edges = place[ends.indices.to_numpy()].reshape(2, -1)
    _, labels = connected_components(
        coo_array((np.ones(edges.shape[1], np.bool_), (edges[0], edges[1])), shape=(len(names), len(names))),
        directed=False,
    )
    _, first = np.unique(labels, return_index=True)
    groups = pa.table({"identity": names, "computer": names.take(pa.array(first[labels]))})
    return [Part(GROUPS, path, ledger.write(groups, path))]
