"""The agencies' keys over time: made, replaced, exchanged under the rows they wrap, destroyed. Run by the owner of the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from opencets.errors import ActRefused
from opencets.packing.frames import new_key, wrap_key
from opencets.packing.keys import MAGIC, Keys
from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency
from opencets_web.accounts.sealed import sealer
from opencets_web.audit import log
from opencets_web.evidence.field_keys import live_key
from opencets_web.evidence.models import AgencyKey, FieldKey
from opencets_web.evidence.root import FileRoot, root_key
from opencets_web.evidence.vault import keys, known

ROWS_AT_ONCE = 2_000
WRAPPED = (
    ("evidence_blob", "agency_id"),
    ("evidence_upload", "agency_id"),
    ("media_hashset", "agency_id"),
    ("sightings_sightingfile", "agency_id"),
)
"""Every table with the ``wrapped_key`` of a blob, and the column that says whose it is."""
EXCHANGED = (*WRAPPED, ("evidence_fieldkey", "agency_id"))
"""What is wrapped anew when an agency's key is replaced: with the blobs' keys, the one that seals its private fields."""


@dataclass(frozen=True, slots=True)
class KeyLine:
    """One key of an agency, and how many blobs open by it."""

    agency: str
    number: int
    made_at: datetime
    state: str
    blobs: int


def ensure_keys() -> int:
    """Give each agency that has none its first key, and each, and this node, a key of sealed fields; how many first keys."""
    made = 0
    for agency in Agency.objects.exclude(pk__in=AgencyKey.objects.values("agency_id")):
        with transaction.atomic():
            _make(agency, 1)
        made += 1
    for agency_id in (None, *Agency.objects.order_by("id").values_list("id", flat=True)):
        live_key(agency_id)
    return made


def list_keys() -> list[KeyLine]:
    """Every key with its state; what the root key wraps itself is not among them."""
    return [
        KeyLine(
            key.agency.short_name,
            key.number,
            key.made_at,
            "destroyed" if key.destroyed_at else "replaced" if key.replaced_at else "current",
            _rows_wrapped_by(key.id),
        )
        for key in AgencyKey.objects.select_related("agency").order_by("agency__short_name", "number")
    ]


def rotate(agency: Agency, step: Callable[[int], object]) -> tuple[int, int]:
    """Replace an agency's key by the next number and exchange it under every row; (its number, rows exchanged).

    No blob is written. Stopped in the middle, the rows that are left open by the key before, and the next call goes on with them.
    """
    with transaction.atomic():
        before = (
            AgencyKey.objects.select_for_update().filter(agency=agency, replaced_at=None, destroyed_at=None).first()
        )
        left = before is not None and before.number > 1 and _rows_not_wrapped_by(agency.id, before.id)
        if before is not None and not left:
            before.replaced_at = timezone.now()
            before.save(update_fields=["replaced_at"])
        newest = before if left else None
        if newest is None:
            newest = _make(agency, (before.number if before else 0) + 1)
        log.record("key.rotated", None, subject=f"agency:{agency.short_name}", details={"number": newest.number})
    known.cache_clear()
    return newest.number, _exchange(agency.id, newest.id, keys(agency.id), step)


def rotate_root(step: Callable[[int], object]) -> int:
    """Exchange the root key in the home's secrets under every agency's key; how many. ActRefused: a program keeps it.

    What the root wraps itself, from before there were agencies' keys, is exchanged first. Stopped anywhere it goes on.
    """
    root = root_key(Path(settings.HOME))
    if not isinstance(root, FileRoot):
        raise ActRefused("The root key is kept by the program of OPENCETS_ROOT_KEY: exchange it there.")
    ensure_keys()
    for current in AgencyKey.objects.filter(replaced_at=None, destroyed_at=None):
        _exchange(current.agency_id, current.id, keys(current.agency_id), step)
    coming = root.begin_exchange()
    with transaction.atomic():
        kept = list(AgencyKey.objects.select_for_update().filter(destroyed_at=None))
        for key in kept:
            key.wrapped = wrap_key(coming, root.unwrap(bytes(key.wrapped or b"")))
            key.save(update_fields=["wrapped"])
        for own in FieldKey.objects.select_for_update().filter(agency=None, ended_at=None):
            own.wrapped_key = wrap_key(coming, root.unwrap(bytes(own.wrapped_key or b"")))
            own.save(update_fields=["wrapped_key"])
        log.record("key.root-rotated", None, details={"keys": len(kept)})
    root.end_exchange()
    known.cache_clear()
    return len(kept)


def destroy(agency: Agency, number: int, reason: str) -> int:
    """Destroy a key: what it still wraps is lost for ever; how many rows. ActRefused: no reason, or no such key."""
    if not reason.strip():
        raise ActRefused("A key is destroyed with a reason; the log keeps it.")
    with transaction.atomic():
        key = AgencyKey.objects.select_for_update().filter(agency=agency, number=number, destroyed_at=None).first()
        if key is None:
            raise ActRefused(f"{agency.short_name} has no key {number} that could be destroyed: opencets keys list")
        lost = _rows_wrapped_by(key.id)
        now = timezone.now()
        key.wrapped, key.destroyed_at, key.destroyed_because = None, now, reason.strip()
        key.replaced_at = key.replaced_at or now
        key.save(update_fields=["wrapped", "destroyed_at", "destroyed_because", "replaced_at"])
        fields = [
            row.id
            for row in FieldKey.objects.filter(agency=agency, ended_at=None)
            if bytes(row.wrapped_key or b"").startswith(MAGIC + key.id.bytes)
        ]
        FieldKey.objects.filter(id__in=fields).update(wrapped_key=None, ended_at=now, ended_because=reason.strip())
        if not AgencyKey.objects.filter(agency=agency, replaced_at=None).exists():
            _make(agency, AgencyKey.objects.filter(agency=agency).count() + 1)
        known.cache_clear()
        live_key(agency.id)
        log.record(
            "key.destroyed", None, subject=f"agency:{agency.short_name}",
            details={"number": number, "rows": lost, "reason": reason.strip(), "private fields": bool(fields)},
        )  # fmt: skip
    known.cache_clear()
    sealer.cache_clear()
    return lost


def _make(agency: Agency, number: int) -> AgencyKey:
    made = AgencyKey.objects.create(
        id=new_id(),
        agency=agency,
        number=number,
        wrapped=root_key(Path(settings.HOME)).wrap(new_key()),
        made_at=timezone.now(),
    )
    log.record("key.made", None, subject=f"agency:{agency.short_name}", details={"number": number})
    return made


def _exchange(agency_id: UUID, newest: UUID, wraps: Keys, step: Callable[[int], object]) -> int:
    """Wrap anew every row of the agency that another key wraps, some thousand in a transaction; how many."""
    exchanged = 0
    for table, owner in EXCHANGED:
        for batch in _batches(table, owner, agency_id, newest):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.executemany(
                    f"update {table} set wrapped_key = %s where id = %s and wrapped_key = %s",
                    [(wraps.wrap(wraps.unwrap(wrapped)), row, wrapped) for row, wrapped in batch],
                )
            exchanged += len(batch) if (table, owner) in WRAPPED else 0
            step(len(batch))
    return exchanged


def _batches(table: str, owner: str, agency_id: UUID, newest: UUID) -> Iterator[list[tuple[UUID, bytes]]]:
    """The rows of a table that another key wraps and that can be opened, in the order of their ids."""
    after = UUID(int=0)
    destroyed = [MAGIC + key.bytes for key in AgencyKey.objects.exclude(destroyed_at=None).values_list("id", flat=True)]
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                f"select id, wrapped_key from {table} where {owner} = %s and wrapped_key is not null"
                " and substr(wrapped_key, 1, 20) <> %s and substr(wrapped_key, 1, 20) <> all (%s::bytea[]) and id > %s"
                " order by id limit %s",
                [agency_id, MAGIC + newest.bytes, destroyed, after, ROWS_AT_ONCE],
            )
            batch = [(row, bytes(wrapped)) for row, wrapped in cursor.fetchall()]
        if not batch:
            return
        yield batch
        after = batch[-1][0]


def _rows_wrapped_by(key_id: UUID) -> int:
    return sum(
        _count(f"select count(*) from {table} where substr(wrapped_key, 1, 20) = %s", [MAGIC + key_id.bytes])
        for table, _ in WRAPPED
    )


def _rows_not_wrapped_by(agency_id: UUID, key_id: UUID) -> int:
    return sum(
        _count(
            f"select count(*) from {table} where {owner} = %s and substr(wrapped_key, 1, 20) <> %s",
            [agency_id, MAGIC + key_id.bytes],
        )
        for table, owner in EXCHANGED
    )


def _count(statement: str, given: list[UUID | bytes]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        return int(cursor.fetchone()[0])
