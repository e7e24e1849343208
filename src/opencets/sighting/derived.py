"""The derived tables of a ledger: made of the sightings by SQL that DuckDB and Spark both read, never the other way round.

``days``: for each day, network, region and identity what it offered (one row where there are a hundred sightings).
``offers``: for each file and identity of a month since when, until when and how often it was offered.
``files``: a number for each digest, and who offered it first. ``rarity``: how many computers offered a file in the
last thirty days that the ledger knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from opencets.sighting.batch import DIRECT
from opencets.sighting.grouping import derive_groups
from opencets.sighting.parts import DAYS, FILES, GROUPS, OFFERS, RARITY, SIGHTINGS, Part, State

if TYPE_CHECKING:
    from opencets.sighting.ledger import Ledger

RARITY_DAYS = 30
MOST_DAYS_AT_ONCE = 31
MOST_LOOSE = 16
"""So many parts of a network's day may lie beside each other as they were loaded; from then on they are merged."""

Exchange = Callable[..., None]

_DIRECT = ", ".join(f"'{name}'" for name in DIRECT)
_DAYS = f"""
    select cast(s.seen_at as date) as day, s.network, s.country, s.region, s.identity,
      count(*) as sightings, count(*) filter (where s.evidence in ({_DIRECT})) as direct,
      count(*) filter (where s.pieces_total > 0 and s.pieces_have = s.pieces_total) as complete,
      bit_or(cast(pow(2, extract(hour from s.seen_at)) as integer)) as hours,
      min(s.seen_at) as first_at, max(s.seen_at) as last_at,
      max_by(s.address, s.seen_at) as address, max_by(s.port, s.seen_at) as port, max_by(s.client, s.seen_at) as client,
      max_by(s.provider, s.seen_at) as provider, max_by(s.place, s.seen_at) as place,
      max(cast(s.shared_line as integer)) as shared_line, array_agg(distinct f.number) as files
    from sightings s join files f on f.file = s.file {{where}}
    group by 1, 2, 3, 4, 5 order by country, region, identity, day
"""
_OFFERS = f"""
    select s.file, s.identity, s.network, max_by(s.country, s.seen_at) as country, max_by(s.region, s.seen_at) as region,
      min(s.seen_at) as first_at, max(s.seen_at) as last_at, count(*) as sightings,
      count(*) filter (where s.evidence in ({_DIRECT})) as direct,
      count(*) filter (where s.pieces_total > 0 and s.pieces_have = s.pieces_total) as complete
    from sightings s {{where}} group by 1, 2, 3 order by file, identity
"""
_IN_ORDER = "order by identity, seen_at, file"
_OFFERS_TOGETHER = """
    select file, identity, network, max_by(country, last_at) as country, max_by(region, last_at) as region,
      min(first_at) as first_at, max(last_at) as last_at,
      cast(sum(sightings) as bigint) as sightings, cast(sum(direct) as bigint) as direct,
      cast(sum(complete) as bigint) as complete
    from offers group by 1, 2, 3 order by file, identity
"""
_FILES = """
    with seen as (
      select file, min(seen_at) as first_at, min_by(identity, seen_at) as first_identity from sightings group by 1),
    earlier as (
      select f.number, f.file, case when seen.first_at < f.first_at then seen.first_at else f.first_at end as first_at,
        case when seen.first_at < f.first_at then seen.first_identity else f.first_identity end as first_identity
      from files f left join seen on seen.file = f.file),
    new as (
      select {taken} + row_number() over (order by seen.first_at, seen.file) as number, seen.file, seen.first_at,
        seen.first_identity
      from seen left join files known on known.file = seen.file where known.file is null)
    select number, file, first_at, first_identity from (select * from earlier union all select * from new) order by file
"""
_RARITY = """
    with pairs as (
      select distinct unnest(d.files) as number, coalesce(g.computer, d.identity) as computer
      from days d left join groups g on g.identity = d.identity where d.day > date '{after}')
    select number, count(*) as computers from pairs group by 1 order by number
"""


def derive(ledger: Ledger, state: State, exchange: Exchange) -> int:
    """Bring the derived tables up to the sightings; how many days of networks were done anew. Inside the lock."""
    stale = dict(state.stale)
    if not stale:
        return 0
    _number_files(ledger, state, exchange, stale)
    _merge_days(ledger, exchange, MOST_LOOSE)
    state = ledger.state()
    chunks = [sorted(stale)[begin : begin + MOST_DAYS_AT_ONCE] for begin in range(0, len(stale), MOST_DAYS_AT_ONCE)]
    for chunk in chunks:
        _derive_days(ledger, state, exchange, chunk)
    derive_groups(ledger, exchange, [day for _, day in stale])
    _make_rarity(ledger, ledger.state(), exchange)
    return len(stale)


def _derive_days(ledger: Ledger, state: State, exchange: Exchange, keys: Sequence[tuple[str, str]]) -> None:
    """``days`` and ``offers`` of some days of networks, in place of those that stood for the same."""
    state = ledger.state()
    wanted = set(keys)
    through = [(network, day, state.stale[network, day]) for network, day in keys]
    add: list[Part] = []
    remove: list[Part] = []
    for network in sorted({network for network, _ in keys}):
        days = sorted(day for of, day in keys if of == network)
        # A merged part of a month holds other days too: all that it covers is made anew.
        for part in (*state.table(DAYS), *state.table(OFFERS)):
            if part.network == network and any(part.first <= day <= part.last for day in days):
                remove.append(part)
                wanted.update((network, day) for day in _days_between(state, network, part.first, part.last))
        days = sorted(day for of, day in wanted if of == network)
        sources = [
            part
            for part in state.table(SIGHTINGS)
            if part.network == network and any(part.first <= day <= part.last for day in days)
        ]
        if not sources:
            continue
        for first, last in _runs(days):
            where = f"where cast(s.seen_at as date) between date '{first}' and date '{last}'"
            with ledger.asking({SIGHTINGS: sources, FILES: state.table(FILES)}) as engine:
                for table, sql in ((DAYS, _DAYS), (OFFERS, _OFFERS)):
                    path = f"{table}/network={network}/{first}-{state.entries:08d}.parquet"
                    written = engine.write(sql.format(where=where), path)
                    add += [Part(table, path, rows, network, first, last) for path, rows in written]
    exchange("derive", add, remove, through)


def _days_between(state: State, network: str, first: str, last: str) -> set[str]:
    """The days between two that the ledger has sightings of, as far as parts tell: each day of a merged part."""
    import datetime as dt

    begin, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    return {(begin + dt.timedelta(number)).isoformat() for number in range((end - begin).days + 1)}


def _runs(days: Sequence[str]) -> list[tuple[str, str]]:
    """Days that follow one another inside a month, as first and last."""
    import datetime as dt

    runs: list[tuple[str, str]] = []
    for day in days:
        before = (dt.date.fromisoformat(day) - dt.timedelta(1)).isoformat()
        if runs and runs[-1][1] == before and before[:7] == day[:7]:
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return runs


def _number_files(ledger: Ledger, state: State, exchange: Exchange, stale: Iterable[tuple[str, str]]) -> None:
    """Give new digests a number and know who offered each file first; the table is written anew where it changed."""
    days = sorted({day for _, day in stale})
    sources = [
        part
        for part in state.table(SIGHTINGS)
        if any((part.network, day) in stale for day in days if part.first <= day <= part.last)
    ]
    if not sources:
        return
    old = state.table(FILES)
    taken = sum(part.rows for part in old)
    with ledger.asking({SIGHTINGS: sources, FILES: old}) as engine:
        path = f"{FILES}/{state.entries:08d}.parquet"
        written = engine.write(_FILES.format(taken=taken), path)
    exchange("files", [Part(FILES, path, rows) for path, rows in written], old)


def _make_rarity(ledger: Ledger, state: State, exchange: Exchange) -> None:
    import datetime as dt

    days = state.table(DAYS)
    if not days:
        exchange("rarity", [], state.table(RARITY))
        return
    newest = max(part.last for part in days)
    after = (dt.date.fromisoformat(newest) - dt.timedelta(RARITY_DAYS)).isoformat()
    with ledger.asking({DAYS: [part for part in days if part.last > after], GROUPS: state.table(GROUPS)}) as engine:
        path = f"{RARITY}/{state.entries:08d}.parquet"
        written = engine.write(_RARITY.format(after=after), path)
    exchange("rarity", [Part(RARITY, path, rows, "", after, newest) for path, rows in written], state.table(RARITY))


def compact(ledger: Ledger, state: State, exchange: Exchange, newest_kept: int) -> int:
    """Merge each network's months, the days that are still coming in excepted; how many months were written."""
    newest = sorted({part.last for part in state.table(SIGHTINGS)})[-newest_kept:] if newest_kept else []
    border = newest[0] if newest else "9999"
    merged = 0
    orders = {
        SIGHTINGS: f"select * from sightings {_IN_ORDER}",
        DAYS: "select * from days order by country, region, identity, day",
        OFFERS: _OFFERS_TOGETHER,
    }
    for table, sql in orders.items():
        months: dict[tuple[str, str], list[Part]] = {}
        for part in ledger.state().table(table):
            if part.last < border:
                months.setdefault((part.network, part.month), []).append(part)
        for (network, month), parts in sorted(months.items()):
            if len(parts) < 2 and (table != SIGHTINGS or "month=" in parts[0].path):
                continue
            count = ledger.state().entries
            path = f"{table}/network={network}/month={month}/{count:08d}.parquet"
            with ledger.asking({table: parts}) as engine:
                written = engine.write(sql, path)
            first, last = min(part.first for part in parts), max(part.last for part in parts)
            made = [Part(table, path, rows, network, first, last, table == SIGHTINGS) for path, rows in written]
            exchange("merge", made, parts)
            merged += 1
    _merge_days(ledger, exchange, 1)
    return merged


def _merge_days(ledger: Ledger, exchange: Exchange, least: int) -> None:
    """Bring the sightings of each day that has ``least`` parts as they were loaded into one part, by identity."""
    days: dict[tuple[str, str], list[Part]] = {}
    for part in ledger.state().table(SIGHTINGS):
        if part.first == part.last:
            days.setdefault((part.network, part.first), []).append(part)
    for (network, day), parts in sorted(days.items()):
        if sum(not part.ordered for part in parts) < least:
            continue
        path = f"{SIGHTINGS}/network={network}/day={day}/{ledger.state().entries:08d}-1.parquet"
        with ledger.asking({SIGHTINGS: parts}) as engine:
            written = engine.write(f"select * from sightings {_IN_ORDER}", path)
        exchange("merge", [Part(SIGHTINGS, path, rows, network, day, day, True) for path, rows in written], parts)


def forget(ledger: Ledger, state: State, exchange: Exchange, before: str, keep: Sequence[str]) -> int:
    """Write the parts with older days anew without what is to be forgotten; how many sightings that were. Inside the lock."""
    gone = 0
    for part in state.table(SIGHTINGS):
        if part.first >= before:
            continue
        path = part.path.removesuffix(".parquet") + f"-{ledger.state().entries:08d}.parquet"
        with ledger.asking({SIGHTINGS: [part]}) as engine:
            engine.keep(keep)
            written = engine.write(
                f"select s.* from sightings s left join kept on kept.identity = s.identity "
                f"where s.seen_at >= timestamp '{before} 00:00:00' or kept.identity is not null "
                "order by s.identity, s.seen_at, s.file",
                path,
            )
        rows = sum(rows for _, rows in written)
        if rows == part.rows:
            for path, _ in written:
                (ledger.folder / path).unlink()
            continue
        gone += part.rows - rows
        add = [Part(SIGHTINGS, path, rows, part.network, part.first, part.last, True) for path, rows in written]
        days = [(part.network, day) for day in sorted(_days_between(state, part.network, part.first, part.last))]
        exchange("forget", add, [part], days)
    files = ledger.state().table(FILES)
    if gone and files:
        path = f"{FILES}/{ledger.state().entries:08d}.parquet"
        with ledger.asking({FILES: files}) as engine:
            engine.keep(keep)
            written = engine.write(
                f"select f.number, f.file, f.first_at, case when f.first_at >= timestamp '{before} 00:00:00' "
                "or kept.identity is not null then f.first_identity end as first_identity "
                "from files f left join kept on kept.identity = f.first_identity order by f.file",
                path,
            )
        exchange("files", [Part(FILES, path, rows) for path, rows in written], files)
    return gone
