"""Where the acts of a case stand in the sealed log, with the hashes that lead to the root (RFC 6962, section 2.1.1).

One of the files that may use the blind door: the path from a leaf to the root passes the hashes of other agencies' acts. Out
come hashes alone, of which nothing can be read, and no act of another holding.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection

from opencets_web.audit.tree import AuditPaths
from opencets_web.policy.actor import Actor
from opencets_web.policy.blind import across_holdings
from opencets_web.policy.rules import may_release

LEAVES_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Proofs:
    """The last checkpoint, and for each sealed act of the holding its leaf number and audit path."""

    size: int = 0
    root: str = ""
    at: str = ""
    numbers: dict[int, int] = field(default_factory=dict)
    paths: AuditPaths | None = None

    def of(self, act_id: int) -> tuple[int | None, list[str]]:
        """Leaf number and audit path of an act; (None, []) where it is not sealed yet."""
        number = self.numbers.get(act_id)
        if number is None or self.paths is None:
            return None, []
        return number, [sibling.hex() for sibling in self.paths.path(number)]


def prove(actor: Actor, holding_id: UUID, agency_id: UUID, level: int) -> Proofs:
    """The proofs of all acts of a holding, for an actor who may release it; without any for everyone else.

    Reads every leaf of the log once, in order; held are the paths of the holding's own acts.
    """
    if not may_release(actor, agency_id, level):
        return Proofs()
    with across_holdings(), connection.cursor() as cursor:
        cursor.execute(
            "select size, encode(root, 'hex'), to_char(at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
            " from audit_checkpoint order by size desc limit 1"
        )
        point = cursor.fetchone()
        if point is None:
            return Proofs()
        size, root, at = point
        cursor.execute(
            "select a.id, s.leaf_number from audit_act a join audit_seal s on s.act_id = a.id"
            " where a.holding_id = %s and s.leaf_number < %s",
            [holding_id, size],
        )
        numbers: dict[int, int] = dict(cursor.fetchall())
        paths = AuditPaths(size, numbers.values())
        done = 0
        while numbers and done < size:
            cursor.execute(
                "select a.leaf from audit_seal s join audit_act a on a.id = s.act_id"
                " where s.leaf_number >= %s and s.leaf_number < %s order by s.leaf_number",
                [done, min(done + LEAVES_AT_ONCE, size)],
            )
            leaves = cursor.fetchall()
            if not leaves:
                break
            for (leaf,) in leaves:
                paths.append(bytes(leaf))
            done += len(leaves)
        if numbers and (done != size or paths.root().hex() != root):
            return Proofs()
    return Proofs(size, root, at, numbers, paths)
