"""Counting across all holdings: which values are generic, so that they link nobody.

One of the files of this room that open the blind door; jobs call it, pages cannot. What it learns leaves as the generic
mark of a claim, and as what follows from it where records are placed (``placing``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction

from opencets.linking import bucket, default_rarity
from opencets.resolving.placing import STRONG
from opencets_web.accounts.statements import Statement, ask
from opencets_web.entities.models import ValueRuling
from opencets_web.evidence.models import Exhibit
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.blind import across_holdings

VALUES_AT_ONCE = 5_000
LOCK = "hashtext('opencets entities placing')"
ALL = f"select pg_advisory_xact_lock({LOCK})"
"""Nobody else counts or places: for what changes values and records that stand already."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A value whose weight changed: it is held by more (or fewer) cases than before, past a border of its buckets."""

    kind: str
    normal: str
    cases: int
    bucket: int
    generic: bool


@transaction.atomic
def count_identifiers(actor: Actor, exhibit_id: UUID) -> tuple[Changed, ...]:
    """Count in how many cases each strong value of an exhibit stands, and mark or unmark generic claims everywhere.

    Returns the values whose bucket or generic state changed, so that connections through them are scored again. Only
    values of this exhibit are looked at; a second run changes nothing. NotFound: the exhibit is not the actor's.
    """
    exhibit = door.admit(actor, Exhibit.objects.all(), pk=exhibit_id)
    changed: list[Changed] = []
    with across_holdings():
        with connection.cursor() as cursor:
            # Two counts at once could each miss the other's case; one after the other sees all that is committed.
            cursor.execute(ALL)
        for values in _values_of(exhibit.id):
            changed += count_values(values).changed
    return tuple(changed)


@transaction.atomic
def apply_ruling(actor: Actor, ruling_id: UUID) -> None:
    """Mark the claims of a value anew after its ruling was made or ended; who holds it as their own is placed again."""
    ruling = door.admit(actor, ValueRuling.objects.all(), pk=ruling_id)
    with across_holdings():
        with connection.cursor() as cursor:
            cursor.execute(ALL)
        count_values([(ruling.kind, ruling.normal)])


def _values_of(exhibit_id: UUID) -> Iterator[list[tuple[str, str]]]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            "select distinct c.kind, c.normal from evidence_claim c join evidence_record r on r.id = c.record_id"
            " where r.exhibit_id = %s and c.normal is not null and c.kind = any(%s) order by 1, 2",
            [exhibit_id, list(STRONG)],
        )
        while values := cursor.fetchmany(VALUES_AT_ONCE):
            yield [(kind, normal) for kind, normal in values]


@dataclass(frozen=True, slots=True)
class Counted:
    """What counting some values found. ``differing``: how many had another generic state, or another count and link."""

    changed: tuple[Changed, ...]
    differing: int


def count_values(values: Sequence[tuple[str, str]]) -> Counted:
    """Count in how many cases each value stands, and mark or unmark its claims everywhere; behind the blind door."""
    counted = _count(values, again=True)
    written = [value for value, _, before, _, generic in counted if (value.cases, value.generic) != (before, generic)]
    _write(written)
    # Claims read since a value turned generic are marked too, so every generic value is gone through.
    _mark([value for value, ruled, _, _, generic in counted if value.generic or generic or ruled])
    changed = (
        value
        for value, _, before, old_bucket, old_generic in counted
        if (before is None and value.cases >= 2)
        or (before is not None and (value.bucket, value.generic) != (old_bucket, old_generic))
    )
    # Of a value that stays generic the count is brought up here only; nothing follows from it.
    differing = [
        value
        for value, _, before, _, generic in counted
        if value.generic != generic or (not generic and value.cases != before)
    ]
    return Counted(tuple(changed), len(differing))


def count_arrived(
    values: Sequence[tuple[str, str]], records: Sequence[UUID], first: Sequence[Statement]
) -> tuple[bool, bool]:
    """Count the values of records that have just come; whether any is generic, and whether any turned so by them.

    An arrival only adds, so what is generic stays so and is not counted again, however many hold it. ``first``:
    what goes ahead of the counting in the same message, and takes the locks.
    """
    counted = _count(values, again=False, first=first)
    _write([value for value, _, before, _, generic in counted if (value.cases, value.generic) != (before, generic)])
    turned = [value for value, _, _, _, generic in counted if value.generic and not generic]
    _mark(turned)
    known = [value for value, ruled, _, _, generic in counted if generic or ruled]
    if known:
        with connection.cursor() as cursor:
            cursor.execute(
                f"with v as (select * from unnest(%s::text[], %s::text[], %s::bool[]) v(kind, normal, generic)), {_TOLD}"
                " and c.record_id = any(%s)) update evidence_claim c set generic = told.generic from told where c.id = told.id",
                [*map(list, zip(*((v.kind, v.normal, v.generic) for v in known), strict=True)), list(records)],
            )
    return bool(known or turned), bool(turned)


_Found = tuple[Changed, bool, int | None, int | None, bool | None]
"""A value as counted now, whether an agency ever ruled on it; cases, bucket and generic state as they were kept before."""
_TOLD = (
    "told as (select c.id, c.record_id, c.role, coalesce(r.generic, v.generic) as generic from v"
    " join evidence_claim c on c.kind = v.kind and c.normal = v.normal"
    " left join entities_valueruling r on r.kind = v.kind and r.normal = v.normal and r.agency_id = c.agency_id"
    " and r.ended_at is null where c.generic <> coalesce(r.generic, v.generic)"
)
"""The claims of ``v`` (kind, normal, generic) that are marked otherwise than the count and each agency's ruling say."""


def _count(values: Sequence[tuple[str, str]], *, again: bool, first: Sequence[Statement] = ()) -> list[_Found]:
    rarity = default_rarity()
    *_, counted = ask(
        *first,
        Statement(
            "with v as (select * from unnest(%s::text[], %s::text[]) v(kind, normal))"
            " select v.kind, v.normal, case when i.generic and not %s then i.cases_count else"
            " (select count(distinct c.case_id) from evidence_claim c"
            " join evidence_record r on r.id = c.record_id and r.retired_at is null"
            " where c.kind = v.kind and c.normal = v.normal) end,"
            " exists (select 1 from entities_valueruling r where r.kind = v.kind and r.normal = v.normal),"
            " i.cases_count, i.bucket, i.generic"
            " from v left join entities_identifier i on i.kind = v.kind and i.normal = v.normal",
            [[kind for kind, _ in values], [normal for _, normal in values], again],
        ),
    )
    return [
        (Changed(kind, normal, cases, bucket(cases), rarity.generic(kind, cases)), *before)
        for kind, normal, cases, *before in counted
    ]


def _write(written: Sequence[Changed]) -> None:
    if not written:
        return
    rows = ((value.kind, value.normal, value.cases, value.bucket, value.generic) for value in written)
    ask(
        Statement(
            "insert into entities_identifier (kind, normal, cases_count, bucket, generic)"
            " select * from unnest(%s::text[], %s::text[], %s::int[], %s::int[], %s::bool[])"
            " on conflict (kind, normal) do update set cases_count = excluded.cases_count,"
            " bucket = excluded.bucket, generic = excluded.generic returning 1",
            [list(column) for column in zip(*rows, strict=True)],
        )
    )


def _mark(marked: Sequence[Changed]) -> None:
    """Mark the claims of values as generic or not; records that are compared by one of them are to be placed again."""
    if not marked:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"with v as (select * from unnest(%s::text[], %s::text[], %s::bool[]) v(kind, normal, generic)), {_TOLD}),"
            " marked as (update evidence_claim c set generic = told.generic from told where c.id = told.id)"
            " select distinct record_id from told where role = 'own'",
            [list(column) for column in zip(*((v.kind, v.normal, v.generic) for v in marked), strict=True)],
        )
        records = [row[0] for row in cursor.fetchall()]
        if records:
            cursor.execute(
                "update entities_placement set stale = true where id in (select id from entities_placement"
                " where record_id = any(%s) and not stale order by id for update)",
                [records],
            )
