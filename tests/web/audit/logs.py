"""A log in the real tables, as weeks of work would have left it; and hands that may write every table but have not the key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

BATCH = 12


def write_log(acts: int = 48, first: int = 1) -> None:
    """``acts`` acts of transactions long ended, not sealed; in the test's transaction.

    Three acts a transaction, the transactions not in the order of the acts' numbers: the order of commits is another one.
    """
    from django.db import connection

    from opencets_web.audit.sealer import LEAF

    with past_the_triggers(), connection.cursor() as cursor:
        cursor.execute(
            "insert into audit_act (id, at, verb, officer_id, agency_id, holding_id, holding_agency_id, subject, details, purpose,"
            " address, leaf, written_in) select n, now() - interval '90 days' + n * interval '1 minute',"
            " (array['case.viewed', 'search.made', 'entity.viewed'])[1 + n %% 3], md5('officer' || n %% 5)::uuid,"
            " md5('agency' || n %% 2)::uuid, md5('case' || n %% 7)::uuid, md5('agency' || n %% 2)::uuid, 'case:AV-' || n %% 7,"
            " '{\"words\":\"term ' || n || '\"}', 'Looking after ' || n, '192.0.2.' || n %% 250, '', 10 + (((n - 1) / 3) # 1)"
            " from generate_series(%s::int, %s::int) n",
            [first, first + acts - 1],
        )
        cursor.execute(f"update audit_act set leaf = {LEAF} where leaf = ''")


def seal_log(most: int = 1_000_000, batch: int = BATCH) -> int:
    """Seal in batches of a fixed size, so that there are several checkpoints; how many acts."""
    from opencets_web.audit.sealer import seal

    sealed = 0
    while sealed < most and (now := seal(limit=batch)):
        sealed += now
    return sealed


@contextmanager
def past_the_triggers() -> Iterator[None]:
    """As a superuser of the database writes: no trigger stops him."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("set local session_replication_role = replica")
    try:
        yield
    finally:
        if not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute("set local session_replication_role = origin")


def verified(**asked: Any) -> Any:
    """The finding about the tables as they are now."""
    from opencets_web.audit.lines import lines_of_log
    from opencets_web.audit.verifying import verify_lines

    return verify_lines(lines_of_log(), **asked)
