"""The log of this node as lines, as an export has them (``audit.signed``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connection

from opencets_web.audit import keychain
from opencets_web.audit.models import Checkpoint, SigningKey
from opencets_web.audit.sealer import INSTANT, database_time, told
from opencets_web.audit.signed import FORMAT

ACT = (
    f"'act' as line, id, {INSTANT.format('at')} as at, verb, coalesce(officer_id::text, '') as officer_id,"
    " coalesce(agency_id::text, '') as agency_id, coalesce(holding_id::text, '') as holding_id,"
    " coalesce(holding_agency_id::text, '') as holding_agency_id, subject, details, purpose, address, written_in,"
    " encode(leaf, 'hex') as leaf"
)
"""The columns of an act as a line has them, as SQL."""


def lines_of_log() -> Iterator[dict[str, Any]]:
    """Header, keys, checkpoints, acts and seals, as an export has them; inside a transaction of the owner's."""
    yield {"line": "header", "format": FORMAT, "at": database_time()}
    yield from keychain.keys_of(list(SigningKey.objects.order_by("number")))
    for point in Checkpoint.objects.order_by("size").iterator(chunk_size=2_000):
        yield told(point)
    yield from rows(f"select {ACT} from audit_act order by id")
    yield from rows(
        "select 'seal' as line, leaf_number, act_id, encode(leaf, 'hex') as leaf, encode(signature, 'hex') as signature"
        " from audit_seal order by leaf_number"
    )


def rows(statement: str, *given: Any) -> Iterator[dict[str, Any]]:
    """The rows of a statement as lines."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, given or None)
        names: list[str] | None = None
        while found := cursor.fetchmany(2_000):
            names = names or [column[0] for column in cursor.description]
            for row in found:
                yield dict(zip(names, row, strict=True))
