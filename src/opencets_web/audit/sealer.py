"""The sealer: gives committed acts their place in the tree, in commit order, and writes a signed checkpoint.

Only acts of transactions that ended before every running one are sealed (their number is below the snapshot's horizon), so a
late commit is never skipped: sequence order is not commit order.
"""

from __future__ import annotations

from datetime import UTC
from hashlib import sha256
from typing import Any

from django.db import connection, transaction

from opencets_web.audit import keychain
from opencets_web.audit.models import Checkpoint, Seal
from opencets_web.audit.signed import checkpoint_text, leaf_text
from opencets_web.audit.tree import Frontier

LEAF = """
sha256('\\x00'::bytea || convert_to(concat_ws(E'\\x1f', id::text,
  to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), verb, coalesce(officer_id::text, ''),
  coalesce(agency_id::text, ''), coalesce(holding_id::text, ''), coalesce(holding_agency_id::text, ''), subject, details,
  purpose, address, written_in::text), 'UTF8'))
"""
"""The leaf of an act as SQL: RFC 6962's leaf hash over its fields joined by the unit separator (U+001F)."""


INSTANT = "to_char({} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
"""An instant as the log writes it, as SQL: UTC with microseconds."""


def seal(limit: int = 50_000, *, moved: bool = False) -> int:
    """Seal the acts whose transactions have all ended; the number sealed. One sealer at a time (advisory lock).

    Each place is signed, and so is the checkpoint. ``moved``: the database came to this server from another one, whose numbers of
    transactions say nothing here; all acts are sealed, and the checkpoint says so (ceiling 0).
    ActRefused: the key of the log is not on this machine.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(hashtext('opencets.audit.sealer'))")
            cursor.execute(
                "select a.id, a.leaf, a.written_in, statement_timestamp(), pg_snapshot_xmin(pg_current_snapshot())::text::bigint,"
                " pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
                " from audit_act a left join audit_seal s on s.act_id = a.id where s.act_id is null"
                " and (%s or a.written_in < pg_snapshot_xmin(pg_current_snapshot())::text::bigint)"
                " order by a.written_in, a.id limit %s",
                [moved, limit + 1],
            )
            found = cursor.fetchall()
            rows = found[:limit]
        if not rows:
            return 0
        signer = keychain.get_signer()
        last = Checkpoint.objects.order_by("-size").first()
        frontier = Frontier.from_bytes(last.size, bytes(last.frontier)) if last else Frontier()
        after, marks, seals = frontier.size, sha256(), []
        for act_id, leaf, *_ in rows:
            mark = signer.sign(leaf_text(frontier.size, act_id, bytes(leaf)))
            marks.update(mark)
            seals.append(Seal(leaf_number=frontier.size, act_id=act_id, leaf=bytes(leaf), signature=mark))
            frontier.append(bytes(leaf))
        Seal.objects.bulk_create(seals, batch_size=5_000)
        _, _, written_in, at, horizon, ceiling = found[-1]
        point = Checkpoint(
            size=frontier.size, root=frontier.root(), frontier=frontier.to_bytes(), at=at, after=after,
            horizon=written_in if len(found) > limit and not moved else horizon,  # the rest comes with the next
            ceiling=0 if moved else ceiling, marks=marks.digest(), key=signer.number,
        )  # fmt: skip
        point.signature = signer.sign(checkpoint_text(told(point)))
        point.save(force_insert=True)
    return len(rows)


def told(point: Checkpoint) -> dict[str, Any]:
    """A checkpoint as an export and a held file have it."""
    return {
        "line": "checkpoint",
        "size": point.size,
        "root": bytes(point.root).hex(),
        "frontier": bytes(point.frontier).hex(),
        "at": point.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "after": point.after,
        "horizon": point.horizon,
        "ceiling": point.ceiling,
        "marks": bytes(point.marks).hex() if point.marks is not None else None,
        "key": point.key,
        "signature": bytes(point.signature).hex() if point.signature is not None else None,
    }


def database_time() -> str:
    """Now by the database's clock, as the log writes it."""
    with connection.cursor() as cursor:
        cursor.execute(f"select {INSTANT.format('clock_timestamp()')}")
        return str(cursor.fetchone()[0])


def seal_as_job() -> int:
    """Seal as the worker does: the jobs role may write seals only as the blind role."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("set local role opencets_blind")
        return seal()
