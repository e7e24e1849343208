"""The sealer: gives committed acts their place in the tree, in commit order, and writes a checkpoint.

Only acts of transactions that ended before every running one are sealed (their number is below the snapshot's horizon), so a
late commit is never skipped: sequence order is not commit order.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection, transaction
from django.utils import timezone

from opencets_web.audit.models import Act, Checkpoint, Seal
from opencets_web.audit.tree import Frontier

LEAF = """
sha256('\\x00'::bytea || convert_to(concat_ws(E'\\x1f', id::text,
  to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), verb, coalesce(officer_id::text, ''),
  coalesce(agency_id::text, ''), coalesce(holding_id::text, ''), coalesce(holding_agency_id::text, ''), subject, details,
  purpose, address, written_in::text), 'UTF8'))
"""
"""The leaf of an act as SQL: RFC 6962's leaf hash over its fields joined by the unit separator (U+001F)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found: how many acts, the root, and the first act that is not as it was."""

    acts: int
    sealed: int
    root: bytes
    broken_act: int | None = None
    sentence: str = ""


def seal(limit: int = 50_000) -> int:
    """Seal the acts whose transactions have all ended; the number sealed. One sealer at a time (advisory lock)."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(hashtext('opencets.audit.sealer'))")
            cursor.execute(
                "select a.id, a.leaf from audit_act a left join audit_seal s on s.act_id = a.id where s.act_id is null"
                " and a.written_in < pg_snapshot_xmin(pg_current_snapshot())::text::bigint order by a.written_in, a.id limit %s",
                [limit],
            )
            rows = cursor.fetchall()
        if not rows:
            return 0
        last = Checkpoint.objects.order_by("-size").first()
        frontier = Frontier.from_bytes(last.size, bytes(last.frontier)) if last else Frontier()
        seals = []
        for act_id, leaf in rows:
            seals.append(Seal(leaf_number=frontier.size, act_id=act_id))
            frontier.append(bytes(leaf))
        Seal.objects.bulk_create(seals, batch_size=5_000)
        Checkpoint.objects.create(
            size=frontier.size, root=frontier.root(), frontier=frontier.to_bytes(), at=timezone.now()
        )
    return len(rows)


def seal_as_job() -> int:
    """Seal as the worker does: the jobs role may write seals only as the blind role."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("set local role opencets_blind")
        return seal()


def verify() -> Verdict:
    """Compute every leaf and the root again and compare them with what was kept; the first difference is named."""
    frontier = Frontier()
    with connection.cursor() as cursor:
        cursor.execute(f"select id from audit_act where leaf <> {LEAF} order by id limit 1")
        changed = cursor.fetchone()
        cursor.execute("select count(*) from audit_act")
        acts = int(cursor.fetchone()[0])
    checkpoints = {point.size: bytes(point.root) for point in Checkpoint.objects.order_by("size")}
    if changed:
        return Verdict(acts, 0, b"", changed[0], f"Act {changed[0]} is not as it was written: its leaf hash differs.")
    sealed = Seal.objects.order_by("leaf_number").values_list("leaf_number", "act_id")
    leaves = dict(Act.objects.values_list("id", "leaf"))
    for number, act_id in sealed.iterator(chunk_size=10_000):
        if number != frontier.size:
            return Verdict(
                acts, frontier.size, frontier.root(), None, f"Leaf {frontier.size} is missing from the seals."
            )
        if act_id not in leaves:
            return Verdict(
                acts, frontier.size, frontier.root(), act_id, f"Act {act_id} was sealed as leaf {number} and is gone."
            )
        frontier.append(bytes(leaves[act_id]))
        kept = checkpoints.get(frontier.size)
        if kept is not None and kept != frontier.root():
            return Verdict(
                acts,
                frontier.size,
                frontier.root(),
                act_id,
                f"The root over {frontier.size} leaves differs from its checkpoint.",
            )
    if checkpoints and max(checkpoints) > frontier.size:
        return Verdict(
            acts,
            frontier.size,
            frontier.root(),
            None,
            f"A checkpoint covers {max(checkpoints)} leaves; only {frontier.size} are there.",
        )
    if max(checkpoints, default=0) < frontier.size:
        sentence = f"{frontier.size} leaves are sealed and the last checkpoint covers {max(checkpoints, default=0)}."
        return Verdict(acts, frontier.size, frontier.root(), None, sentence + " A checkpoint is gone.")
    return Verdict(acts, frontier.size, frontier.root(), None, f"{acts} acts, {frontier.size} sealed: as written.")
