"""Writing the log: one line beside the act, in the same transaction."""

from __future__ import annotations

import json
from typing import Any, Protocol
from uuid import UUID

from django.db import connection

from opencets_web.audit.verbs import VERBS


class By(Protocol):
    """Who acted, as far as the log needs it (``policy.actor.Actor``)."""

    @property
    def officer_id(self) -> UUID | None: ...
    @property
    def agency_id(self) -> UUID: ...
    @property
    def purpose(self) -> str: ...
    @property
    def address(self) -> str: ...


def record(
    verb: str,
    by: By | None,
    *,
    holding: tuple[UUID, UUID] | None = None,
    subject: str = "",
    details: dict[str, Any] | None = None,
) -> None:
    """Log one act, inside the transaction of the act.

    ``holding``: the guarded row's (holding id, agency id), so that its owner sees who looked; ``subject``: for example
    ``"case:AV-2026-0001"``. KeyError for a verb that ``verbs`` lacks; RuntimeError outside a transaction.
    """
    VERBS[verb]
    if not connection.in_atomic_block:
        raise RuntimeError(f"{verb} is logged outside of the transaction of the act.")
    holding_id, holding_agency = holding or (None, None)
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into audit_act (verb, officer_id, agency_id, holding_id, holding_agency_id, subject, details, purpose, address)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                verb,
                by.officer_id if by else None,
                by.agency_id if by else None,
                holding_id,
                holding_agency,
                subject[:80],
                canonical(details or {}),
                by.purpose if by else "",
                (by.address if by else "")[:64],
            ],
        )


def canonical(details: dict[str, Any]) -> str:
    """JSON with sorted keys and no spaces: the same text on every machine."""
    return json.dumps(details, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
