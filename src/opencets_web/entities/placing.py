"""Placing: a new record is compared with all others at once, and what stands afterwards does not depend on the order.

The same edges stand whether records came one by one, in any order, or all at once (``opencets.resolving.placing.edges``
is the plain version): a value that turns generic, a key that too many share and a record that was replaced take back
what was suggested through them. ``check`` goes through everything every night, and finds nothing to change.

One of the files that open the blind door; jobs call it, pages cannot.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from django.db import connection, transaction
from django.utils import timezone

from opencets.linking import default_rarity
from opencets.resolving import BLOCK_LIMIT, Suggestion, load_model
from opencets.resolving.packed import FORM
from opencets.resolving.placing import STRONG, Kept, Stated, compare, keep, key_of, likely, unpack
from opencets_web.accounts.ids import new_id
from opencets_web.accounts.statements import Statement, ask
from opencets_web.audit import log
from opencets_web.entities import matching
from opencets_web.entities.weights import live_model, live_name
from opencets_web.evidence.models import Exhibit
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.blind import across_holdings

RECORDS_AT_ONCE = 200
KEYS_AT_ONCE = 1_000
"""New records are placed in batches of so many keys: each is locked, and the server's table of locks holds some thousands."""
STRIPES = 2**31
"""Keys are locked as numbers of 31 bits: what PostgreSQL takes beside the number of the lock."""
_LOCK_SHARED = f"select 1 from pg_advisory_xact_lock_shared({matching.LOCK})"
_LOCK_STRIPES = f"select count(pg_advisory_xact_lock({matching.LOCK}, stripe)) from unnest(%s::int[]) stripe"

Pair = tuple[UUID, UUID]


@dataclass(frozen=True, slots=True)
class Step:
    """What one transaction of placing did: how many suggestions it wrote, and whether there is more to do."""

    suggested: int
    more: bool


@dataclass(slots=True)
class Difference:
    """By how much the whole run found something else than what stood; all zero when nothing was missed."""

    values: int = 0
    records: int = 0
    written: int = 0
    retired: int = 0

    def __bool__(self) -> bool:
        return bool(self.values or self.records or self.written or self.retired)


class _Placed(NamedTuple):
    """A kept record; most candidates are never read further than ``packed``. ``ids``: those below, one after the other.

    A tuple, since hundreds are made for each record that arrives.
    """

    ids: bytes
    packed: bytes
    keys: tuple[int, ...] = ()

    @classmethod
    def of(cls, read: _Read) -> _Placed:
        """A record as read."""
        ids = read.id.bytes + read.holding_id.bytes + read.agency_id.bytes
        return cls(ids, read.kept.packed(), read.kept.keys)

    @property
    def id(self) -> UUID:
        """The record's."""
        return UUID(bytes=self.ids[:16])

    @property
    def holding_id(self) -> UUID:
        """Of the record's holding."""
        return UUID(bytes=self.ids[16:32])

    @property
    def agency_id(self) -> UUID:
        """Of the agency to which the holding belongs."""
        return UUID(bytes=self.ids[32:])

    @property
    def kept(self) -> Kept:
        """The record as compared."""
        kept = unpack(str(self.id), self.packed, self.keys)
        assert kept is not None, "read from the database in this version's form"
        return kept


@dataclass(frozen=True, slots=True)
class _Read:
    """A record as its claims state it now; ``counted``: its strong values, whosesoever."""

    id: UUID
    holding_id: UUID
    agency_id: UUID
    kept: Kept
    counted: frozenset[tuple[str, str]]


def place(actor: Actor, exhibit_id: UUID) -> Step:
    """Place an exhibit's new people and accounts, take back what was replaced, settle what turned generic: one step.

    Called until nothing more is to do; a step that was done changes nothing when it is done again. NotFound: the
    exhibit is not the actor's.
    """
    holding, agency, reference = door.admit_fields(actor, Exhibit, exhibit_id, "holding_id", "agency_id", "reference")
    with across_holdings():
        gone, stale, new = _waiting(exhibit_id)
        if gone:
            _go(exhibit_id)
            return Step(0, more=True)
        if new:
            now = _at_once(new)
            suggested, turned = _arrive(now)
            more = turned or stale or len(new) == RECORDS_AT_ONCE or len(now) < len(new)
        else:
            suggested, more = 0, _settle() if stale else False
    if new:
        log.record(
            "match.suggested",
            actor,
            holding=(holding, agency),
            subject=f"exhibit:{reference}",
        )
    return Step(suggested, more)


def _waiting(exhibit_id: UUID) -> tuple[bool, bool, list[_Read]]:
    """Whether records of an exhibit are gone, whether any record is stale, and the new ones; asked in one go."""
    _, [(gone, stale)], new = ask(
        # Workers for one look-up take longer to start than it takes, and a plan longer to make than to carry out.
        Statement(
            "select set_config('max_parallel_workers_per_gather', '0', true),"
            " set_config('plan_cache_mode', 'force_generic_plan', true)"
        ),
        Statement(_WAITS, [exhibit_id]),
        Statement(_CLAIMS.format(asked=_NEW), [exhibit_id, RECORDS_AT_ONCE]),
    )
    return gone, stale, _records(new)


def _at_once(new: Sequence[_Read]) -> Sequence[_Read]:
    """The first of them that have no more than ``KEYS_AT_ONCE`` keys together, at least one."""
    keys, many = 0, 0
    for record in new:
        keys += len(record.kept.keys) + len(record.counted)
        if many and keys > KEYS_AT_ONCE:
            break
        many += 1
    return new[:many]


def _arrive(new: Sequence[_Read]) -> tuple[int, bool]:
    """Place records that stood nowhere before; how many suggestions that gave, and whether a value turned generic.

    Whoever shares an open key, or a value, with another waits for them. A shut key proposes nobody, however many more come;
    it stays shut while nobody can take a record away, so at the keys that most share no batch waits. A record that comes
    alone is placed sooner than its keys would be asked.
    """
    keys = {key for record in new for key in record.kept.keys}
    values = sorted(set().union(*(record.counted for record in new)))
    first, shut = [Statement(_LOCK_SHARED)], frozenset[int]()
    if len(new) > 1:
        _, found = ask(*first, Statement(_shut(BLOCK_LIMIT), [sorted(keys)]))
        first, shut = [], frozenset(key for (key,) in found)
    stripes = {key % STRIPES for key in keys - shut} | {hash_of(value) for value in values}
    ids = [record.id for record in new]
    generic, turned = matching.count_arrived(values, ids, first=[*first, Statement(_LOCK_STRIPES, [sorted(stripes)])])
    if generic:
        new = _read("select unnest(%s::uuid[]) as id", [ids])
    return _move({}, *_write(new, shut), shut=shut), turned


def hash_of(value: tuple[str, str]) -> int:
    """The stripe under which a value is counted: the same in every process."""
    return key_of(f"n:{value[0]}:{value[1]}") % STRIPES


def settle() -> bool:
    """Compare anew some of the records of which a value turned generic, or stopped being so; whether there were any."""
    with across_holdings():
        return _settle()


def _go(exhibit_id: UUID) -> None:
    """Take back records that a corrected reading has replaced, and what was suggested on them."""
    with connection.cursor() as cursor:
        cursor.execute(matching.ALL)
        records = _placed(_gone(exhibit_id))
        _move(records, {})
        cursor.execute("delete from entities_placement where id = any(%s)", [list(records)])
        cursor.execute(
            "select distinct kind, normal from evidence_claim where record_id = any(%s) and normal is not null"
            " and kind = any(%s)",
            [[record.id for record in records.values()], list(STRONG)],
        )
        matching.count_values(sorted(cursor.fetchall()))


def _gone(exhibit_id: UUID) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select p.id from evidence_record r join entities_placement p on p.record_id = r.id"
            " where r.exhibit_id = %s and r.kind in ('account', 'person') and r.retired_at is not null"
            " order by p.id limit %s",
            [exhibit_id, RECORDS_AT_ONCE],
        )
        return [row[0] for row in cursor.fetchall()]


def _settle() -> bool:
    """Read again the records of which a value turned generic, or stopped being so, and compare them anew."""
    with connection.cursor() as cursor:
        cursor.execute(matching.ALL)
        cursor.execute("select id from entities_placement where stale order by id limit %s", [RECORDS_AT_ONCE])
        stale = [row[0] for row in cursor.fetchall()]
    if stale:
        _again(_placed(stale))
    return bool(stale)


def _again(before: Mapping[int, _Placed]) -> None:
    """Prepare placed records from their claims again and compare them anew."""
    read = {record.id: record for record in _read("select unnest(%s::uuid[]) as id", [[r.id for r in before.values()]])}
    after = {place: _Placed.of(read[record.id]) for place, record in before.items() if record.id in read}
    with connection.cursor() as cursor:
        cursor.executemany(
            "update entities_placement set packed = %s, keys = %s, stale = false where id = %s",
            [(record.packed, list(record.keys), place) for place, record in after.items()],
        )
    _move(before, after)


# --- Reading and writing records -------------------------------------------------------------------------------------


# Places are looked up record by record, not joined: a plan for any exhibit would read the table of places whole.
_WAITS = (
    "select exists (select 1 from evidence_record r where r.exhibit_id = %s and r.kind in ('account', 'person')"
    " and r.retired_at is not null and (select p.id from entities_placement p where p.record_id = r.id) is not null),"
    " exists (select 1 from entities_placement where stale)"
)
# Materialised, or a plan for any exhibit could go through the records of all in the order of their ids.
_NEW = (
    "with here as materialized (select r.id from evidence_record r where r.exhibit_id = %s and r.kind in ('account', 'person')"
    " and r.retired_at is null and (select p.id from entities_placement p where p.record_id = r.id) is null)"
    " select id from here order by id limit %s"
)
_CLAIMS = (
    "select r.id, r.kind, r.holding_id, r.agency_id, c.role, c.property, c.kind, coalesce(c.normal, c.raw),"
    " c.normal, c.generic from ({asked}) asked join evidence_record r on r.id = asked.id and r.retired_at is null"
    " left join evidence_claim c on c.record_id = r.id order by r.id, c.id"
)


def _read(asked: str, parameters: list[Any]) -> list[_Read]:
    """The live records that a query names, as their claims state them now; by id."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIMS.format(asked=asked), parameters)
        return _records(cursor.fetchall())


def _records(rows: Iterable[tuple[Any, ...]]) -> list[_Read]:
    about: dict[UUID, tuple[str, UUID, UUID]] = {}
    stated: dict[UUID, list[Stated]] = defaultdict(list)
    counted: dict[UUID, set[tuple[str, str]]] = defaultdict(set)
    for record, kind, holding, agency, role, prop, value_kind, text, normal, generic in rows:
        about[record] = (kind, holding, agency)
        if role == "own":
            stated[record].append(Stated(prop, value_kind, text, normal, generic))
        if normal is not None and value_kind in STRONG:
            counted[record].add((value_kind, normal))
    return [
        _Read(record, holding, agency, keep(str(record), kind, stated[record]), frozenset(counted[record]))
        for record, (kind, holding, agency) in about.items()
    ]


_HOLDERS = (
    "select k.key, array_agg(c.placement_id) as places from unnest(%s::bigint[]) k(key) cross join lateral"
    " (select placement_id from entities_candidatekey c where c.key = k.key limit %s) c group by k.key"
)
_NEAR = (
    "array_agg(p.id), array_agg(octet_length(p.packed)), string_agg(uuid_send(p.record_id) ||"
    " uuid_send(p.record_holding_id) || uuid_send(p.record_agency_id) || p.packed, ''::bytea)"
    " from entities_placement p where p.id = any({})"
)
"""Placed records in one row: hundreds of rows of ids would take longer to read than to compare."""
_IDS = 48


@cache
def _shut(limit: int) -> str:
    """Which keys more than so many share."""
    return (
        "select k.key from unnest(%s::bigint[]) k(key) where (select count(*) from (select 1 from entities_candidatekey c"
        f" where c.key = k.key limit {limit + 1}) c) > {limit}"
    )


@cache
def _held_and_near(limit: int) -> str:
    """Who has each key, and in the last row those that share one with no more than so many."""
    places = f"array(select distinct unnest(places) from held where cardinality(places) <= {limit})"
    return (
        f"with held as materialized ({_HOLDERS % ('%s', limit + 1)}) select key, places, null::int[], null::bytea from held"
        f" union all select null, {_NEAR.format(places)}"
    )


_PLACED = (
    "with new as (insert into entities_placement (record_id, record_holding_id, record_agency_id, packed, keys, stale)"
    " select r, h, a, p, k::bigint[], false"
    " from unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::bytea[], %s::text[]) n(r, h, a, p, k)"
    " on conflict (record_id) do nothing returning id, record_id, keys),"
    " kept as (insert into entities_candidatekey (key, placement_id) select unnest(keys), id from new)"
    " select id, record_id from new"
)


def _write(
    new: Sequence[_Read], shut: frozenset[int] = frozenset()
) -> tuple[dict[int, _Placed], dict[int, set[int]], dict[int, _Placed]]:
    """Give new records their places and keys: where they stand now, who had these keys before, and these themselves.

    One that another job has placed meanwhile is left out. ``shut``: keys of which nobody needs to know who has them.
    """
    made = {record.id: _Placed.of(record) for record in new}
    keys = sorted({key for record in made.values() for key in record.keys} - shut)
    (*rows, (_, *near)), written = ask(
        Statement(_held_and_near(BLOCK_LIMIT), [keys]),
        Statement(
            _PLACED,
            [
                list(made),
                [record.holding_id for record in new],
                [record.agency_id for record in new],
                [record.packed for record in made.values()],
                ["{" + ",".join(map(str, record.keys)) + "}" for record in made.values()],
            ],
        ),
    )
    placed = {place: made[record] for place, record in written}
    return placed, {key: set(held) for key, held, *_ in rows}, _near(*near)


def _near(places: Sequence[int] | None, lengths: Sequence[int], content: bytes) -> dict[int, _Placed]:
    """What ``_NEAR`` has read; what another version packed is read from its claims."""
    found, old, at = {}, {}, 0
    for place, length in zip(places or (), lengths or (), strict=True):
        end = at + _IDS + length
        record = found[place] = _Placed(content[at : at + _IDS], content[at + _IDS : end])
        if record.packed[:4] != FORM:
            old[record.id] = place
        at = end
    return {**found, **_of_old(old)}


def _of_old(places: Mapping[UUID, int]) -> dict[int, _Placed]:
    """Records in their places, read from their claims."""
    if not places:
        return {}
    read = _read("select unnest(%s::uuid[]) as id", [list(places)])
    return {places[record.id]: _Placed.of(record) for record in read}


def _candidates(places: Collection[int]) -> dict[int, _Placed]:
    """Placed records as they are compared, without their keys."""
    if not places:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(f"select {_NEAR.format('%s')}", [list(places)])
        return _near(*cursor.fetchone())


def _placed(places: Collection[int]) -> dict[int, _Placed]:
    """Placed records with the keys under which they stand."""
    found = _candidates(places)
    with connection.cursor() as cursor:
        cursor.execute("select id, keys from entities_placement where id = any(%s)", [list(places)])
        keys = dict(cursor.fetchall())
    return {place: record._replace(keys=tuple(keys[place])) for place, record in found.items()}


# --- What moves, and what follows ------------------------------------------------------------------------------------


def _move(
    before: Mapping[int, _Placed],
    after: Mapping[int, _Placed],
    held: Mapping[int, set[int]] | None = None,
    near: Mapping[int, _Placed] | None = None,
    shut: frozenset[int] = frozenset(),
) -> int:
    """Put records under their keys, and keep, change and take back suggestions accordingly; how many were written.

    ``before``: as the records stood, for those that did; ``after``: as they stand now, for those that still do.
    ``held``: who had the keys before, where the new records' keys are written already; ``near``: these, as far as read.
    ``shut``: keys that too many shared before and share after.
    """
    old = {place: frozenset(record.keys) for place, record in before.items()}
    new = {place: frozenset(record.keys) for place, record in after.items()}
    none: frozenset[int] = frozenset()
    left = [(key, place) for place, keys in old.items() for key in keys - new.get(place, none)]
    joined = [(key, place) for place, keys in new.items() for key in keys - old.get(place, none)]
    removed, added = _by_key(left), _by_key(joined)
    keys = set().union(*old.values(), *new.values())
    if held is None:
        held = _holders(keys, BLOCK_LIMIT + max(map(len, removed.values()), default=0) + 1)
        _rewrite(left, joined)
    pairs: set[tuple[int, int]] = set()
    closed: dict[int, set[int]] = {}
    for key in keys - shut:
        were = held.get(key, set())
        are = were - removed.get(key, set()) | added.get(key, set())
        if len(are) > BLOCK_LIMIT:
            if len(were) <= BLOCK_LIMIT:
                closed[key] = were
            continue
        movers: Iterable[int] = are if len(were) > BLOCK_LIMIT else [place for place in are if place in new]
        pairs.update((min(one, other), max(one, other)) for one in movers for other in are if one != other)
    known = {**(near or {}), **after}
    known.update(_candidates({place for pair in pairs for place in pair} - set(known)))
    suggested = _compared(known, pairs)
    _keep(known, suggested)
    stood = [record.id for record in before.values()]
    if stood:
        _retire_touching(stood, {pair for suggestion in suggested if (pair := _ids(suggestion))})
    if closed:
        _retire_closed(closed, set(before) | set(after))
    return len(suggested)


def _by_key(rows: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for key, place in rows:
        found[key].add(place)
    return found


def _holders(keys: Collection[int], most: int) -> dict[int, set[int]]:
    """Which places have each key, ``most`` at most."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLDERS, [sorted(keys), most])
        return {key: set(places) for key, places in cursor.fetchall()}


def _rewrite(left: Sequence[tuple[int, int]], joined: Sequence[tuple[int, int]]) -> None:
    with connection.cursor() as cursor:
        if left:
            cursor.execute(
                "delete from entities_candidatekey c using unnest(%s::bigint[], %s::bigint[]) l(key, place)"
                " where c.key = l.key and c.placement_id = l.place",
                [[key for key, _ in left], [place for _, place in left]],
            )
        if joined:
            cursor.execute(
                "insert into entities_candidatekey (key, placement_id) select * from unnest(%s::bigint[], %s::bigint[])"
                " on conflict do nothing",
                [[key for key, _ in joined], [place for _, place in joined]],
            )


def ready() -> None:
    """Load the compiled comparison, which takes longer than many records do: a worker that starts calls it."""
    packed, rows = [keep(str(at), "person", ()).packed() for at in (0, 1)], np.arange(2, dtype=np.int32)
    likely(packed, rows[:1], rows[1:], load_model())


def _compared(known: Mapping[int, _Placed], pairs: Iterable[tuple[int, int]]) -> list[Suggestion]:
    here = [pair for pair in pairs if pair[0] in known and pair[1] in known]
    if not here:
        return []
    model, rarity = live_model(), default_rarity()
    rows = {place: row for row, place in enumerate({place for pair in here for place in pair})}
    left, right = (np.fromiter((rows[pair[side]] for pair in here), np.int32, len(here)) for side in (0, 1))
    found = []
    for at in np.flatnonzero(likely([known[place].packed for place in rows], left, right, model)).tolist():
        one, other = sorted((known[place] for place in here[at]), key=lambda record: record.ids)
        suggestion = compare(one.kept, other.kept, model, lambda kind: rarity.probability(kind, 2))
        if suggestion is not None:
            found.append(suggestion)
    return found


def _ids(suggestion: Suggestion) -> Pair:
    return UUID(suggestion.left), UUID(suggestion.right)


def model_name(weights: str) -> str:
    """What a suggestion says of where its weights come from: the version of those of people, and the table of rarity."""
    return f"{weights}+{default_rarity().model}"


def _keep(known: Mapping[int, _Placed], suggested: Sequence[Suggestion]) -> int:
    """Write new and changed suggestions; returns how many of them were not there as they are."""
    if not suggested:
        return 0
    wanted = {side.bytes for one in suggested for side in _ids(one)}
    placed = {str(record.id): record for record in known.values() if record.ids[:16] in wanted}
    now, name = timezone.now(), model_name(suggested[0].model)
    rows = [
        (new_id(), left.id, right.id, left.holding_id, left.agency_id, right.holding_id, right.agency_id,
         round(one.probability, 4), round(one.bits, 3),
         json.dumps([asdict(reason) | {"bits": round(reason.bits, 2)} for reason in one.reasons]))
        for one in suggested for left, right in [(placed[one.left], placed[one.right])]
    ]  # fmt: skip
    (written,) = ask(
        Statement(
            "insert into entities_match (id, left_id, right_id, left_holding_id, left_agency_id, right_holding_id,"
            " right_agency_id, probability, bits, reasons, model, found_at)"
            " select i, l, r, lh, la, rh, ra, p, b, w::jsonb, %s, %s from unnest(%s::uuid[], %s::uuid[], %s::uuid[],"
            " %s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::float8[], %s::float8[], %s::text[])"
            " n(i, l, r, lh, la, rh, ra, p, b, w) order by l, r"
            " on conflict (left_id, right_id, model) do update set"
            " probability = excluded.probability, bits = excluded.bits, reasons = excluded.reasons,"
            " found_at = excluded.found_at, retired_at = null"
            " where (entities_match.probability, entities_match.reasons) is distinct from"
            " (excluded.probability, excluded.reasons) or entities_match.retired_at is not null returning 1",
            [name, now, *(list(column) for column in zip(*rows, strict=True))],
        )
    )
    return len(written)


def _retire_touching(records: Collection[UUID], standing: Collection[Pair]) -> int:
    """End the suggestions on these records that are not among those standing, or that another model made."""
    return _retire("(m.left_id = any(%s) or m.right_id = any(%s))", [list(records)] * 2, standing)


def _retire(which: str, parameters: list[list[UUID]], standing: Collection[Pair]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            f"update entities_match m set retired_at = %s where m.retired_at is null and {which}"
            " and (m.model <> %s or not exists (select 1 from unnest(%s::uuid[], %s::uuid[]) s(l, r)"
            " where s.l = m.left_id and s.r = m.right_id))",
            [timezone.now(), *parameters, model_name(live_name()),
             [left for left, _ in standing], [right for _, right in standing]],
        )  # fmt: skip
        return int(cursor.rowcount)


def _retire_closed(closed: Mapping[int, set[int]], moved: Collection[int]) -> None:
    """End what was suggested by way of keys that too many share now, where no other open key proposes the pair."""
    places = sorted(set().union(*closed.values()) - set(moved))
    with connection.cursor() as cursor:
        cursor.execute(
            "select m.id, l.keys, r.keys from entities_match m join entities_placement l on l.record_id = m.left_id"
            " join entities_placement r on r.record_id = m.right_id"
            " where m.retired_at is null and l.id = any(%s) and r.id = any(%s)",
            [places, places],
        )
        shared = {match: set(left) & set(right) for match, left, right in cursor.fetchall()}
        asked = set().union(*shared.values()) - set(closed) if shared else set()
        held = _holders(asked, BLOCK_LIMIT + 1) if asked else {}
        crowded = set(closed) | {key for key, of in held.items() if len(of) > BLOCK_LIMIT}
        ended = [match for match, keys in shared.items() if keys <= crowded]
        if ended:
            cursor.execute("update entities_match set retired_at = %s where id = any(%s)", [timezone.now(), ended])


# --- The whole run ---------------------------------------------------------------------------------------------------


@transaction.atomic
def check_values(after: tuple[str, str]) -> tuple[int, tuple[str, str] | None]:
    """Count the next values over all holdings; how many had another count, and where to go on (None: at the end)."""
    with across_holdings(), connection.cursor() as cursor:
        cursor.execute(matching.ALL)
        cursor.execute(
            "select kind, normal from (select kind, normal from entities_identifier where (kind, normal) > (%s, %s)"
            " union select kind, normal from evidence_claim where (kind, normal) > (%s, %s) and normal is not null"
            " and kind = any(%s)) v order by 1, 2 limit %s",
            [*after, *after, list(STRONG), matching.VALUES_AT_ONCE],
        )
        values = [(kind, normal) for kind, normal in cursor.fetchall()]
        if not values:
            return 0, None
        return matching.count_values(values).differing, values[-1]


@transaction.atomic
def check_records(after: UUID) -> tuple[Difference, UUID | None]:
    """Place the next records from nothing, compare with what stands and put it right; None: at the end."""
    found = Difference()
    with across_holdings(), connection.cursor() as cursor:
        cursor.execute(matching.ALL)
        cursor.execute(
            "select id from (select record_id as id from entities_placement where record_id > %s union"
            " select id from evidence_record where id > %s and kind in ('account', 'person') and retired_at is null) r"
            " order by id limit %s",
            [after, after, RECORDS_AT_ONCE],
        )
        ids = [row[0] for row in cursor.fetchall()]
        if not ids:
            return found, None
        read = {record.id: record for record in _read("select unnest(%s::uuid[]) as id", [ids])}
        cursor.execute("select id from entities_placement where record_id = any(%s)", [ids])
        stood = _placed([row[0] for row in cursor.fetchall()])
        cursor.execute(
            "select record_id from entities_placement where record_id = any(%s)"
            " and (stale or substring(packed from 1 for 4) <> %s)",
            [ids, FORM],
        )
        stale = {row[0] for row in cursor.fetchall()}
        gone = {place: record for place, record in stood.items() if record.id not in read}
        other = {
            place: record
            for place, record in stood.items()
            if record.id in read and (record.id in stale or record.kept != read[record.id].kept)
        }
        missing = [record for key, record in read.items() if key not in {one.id for one in stood.values()}]
        found.records = len(gone) + len(other) + len(missing)
        if gone:
            _move(gone, {})
            cursor.execute("delete from entities_placement where id = any(%s)", [list(gone)])
        if other:
            _again(other)
        if missing:
            _move({}, *_write(missing))
        cursor.execute("select id from entities_placement where record_id = any(%s)", [ids])
        here = _placed([row[0] for row in cursor.fetchall()])
        held = _holders(set().union(*(record.keys for record in here.values())), BLOCK_LIMIT + 1)
        pairs = {
            (place, to)
            for place, record in here.items()
            for key in record.keys
            if len(held.get(key, ())) <= BLOCK_LIMIT
            for to in held.get(key, ())
            if to != place
        }
        known = here | _candidates({to for _, to in pairs} - set(here))
        pairs = {pair for pair in pairs if known[pair[0]].ids < known[pair[1]].ids}
        suggested = _compared(known, pairs)
        found.written = _keep(known, suggested)
        found.retired = _retire("m.left_id = any(%s)", [ids], {_ids(one) for one in suggested})
    return found, ids[-1]


def check() -> Difference:
    """The whole run, step by step, each its own transaction: count every value, place every record, and tell what differed."""
    found = Difference()
    value: tuple[str, str] | None = ("", "")
    while value is not None:
        changed, value = check_values(value)
        found.values += changed
    record: UUID | None = UUID(int=0)
    while record is not None:
        part, record = check_records(record)
        found.records += part.records
        found.written += part.written
        found.retired += part.retired
    return found
