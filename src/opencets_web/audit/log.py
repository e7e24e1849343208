"""Writing the log: one line beside the act, in the same transaction, with the purpose for which the officer acts."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any, Protocol
from uuid import UUID

from django.db import connection

from opencets.errors import PurposeMissing
from opencets_web.accounts.statements import Statement, ask
from opencets_web.audit.verbs import ACROSS_CASES, FROM_ACROSS, VERBS, WITHOUT_ASKING

Holding = tuple[UUID, UUID]
"""Of a guarded row: its holding's id and agency's id."""


class By(Protocol):
    """Who acted, as far as the log needs it (``policy.actor.Actor``)."""

    @property
    def officer_id(self) -> UUID | None: ...
    @property
    def agency_id(self) -> UUID: ...
    @property
    def purpose(self) -> str: ...
    @property
    def otherwise(self) -> str: ...
    @property
    def asks(self) -> bool: ...
    @property
    def renews(self) -> bool: ...
    @property
    def address(self) -> str: ...


class PurposeWanted(PurposeMissing):
    """Why the officer acts is not said: on which holdings; none: across holdings."""

    def __init__(self, holdings: tuple[UUID, ...]) -> None:
        super().__init__("Say first for which purpose you look at this today.")
        self.holdings = holdings


_SAID = (
    "(select p.words from audit_purpose p where p.officer_id = %(officer)s::uuid and p.holding_id is not distinct from {holding}"
    " and (p.day = (select app_day()) or (%(renews)s::bool and p.at > now() - interval '12 hours')) order by p.id desc limit 1)"
)
"""What the officer said for a holding today, as SQL; one probe of an index."""
_TODAY = (
    f"coalesce({_SAID.format(holding='h.holding')},"
    f" case when %(also_across)s::bool then {_SAID.format(holding='null::uuid')} end)"
)
_LINES = (
    "insert into audit_act (verb, officer_id, agency_id, holding_id, holding_agency_id, subject, details, purpose, address)"
    " select %(verb)s::text, %(officer)s::uuid, %(agency)s::uuid, w.holding, w.agency,"
    " case when coalesce(%(whose)s::uuid = w.agency, true) then %(subject)s::text else '' end,"
    " %(details)s::text, w.purpose, %(address)s::text"
    f" from (select h.holding, h.agency, coalesce(nullif(%(said)s::text, ''), {_TODAY}, %(otherwise)s::text) as purpose"
    " from unnest(%(holdings)s::uuid[], %(agencies)s::uuid[]) h(holding, agency)) w"
    " where not %(wanted)s::bool or w.purpose <> '' returning 1"
)
_MISSING = f"select h.holding from unnest(%(holdings)s::uuid[]) h(holding) where {_TODAY} is null"


def record(
    verb: str,
    by: By | None,
    *,
    holding: Holding | None = None,
    subject: str = "",
    details: dict[str, Any] | None = None,
) -> None:
    """Log one act, inside the transaction of the act.

    ``holding``: the guarded row's (holding id, agency id), so that its owner sees who looked; ``subject``: for example
    ``"case:AV-2026-0001"``. The line carries the purpose that the officer said for the holding today. KeyError for a verb that
    ``verbs`` lacks; RuntimeError outside a transaction; PurposeWanted where one who is asked for a purpose has not said any: then
    nothing is written, and the transaction must not go on.
    """
    _write(verb, by, [holding or (None, None)], subject, details, None)


def record_each(
    verb: str,
    by: By | None,
    holdings: Collection[Holding],
    *,
    subject: str = "",
    details: dict[str, Any] | None = None,
    whose: UUID | None = None,
) -> None:
    """Log one act on several holdings: a line for each, so that every owner sees it. As ``record``, asking for all at once.

    ``whose``: the agency that alone may read the subject, such as the reference of its case; the other owners' lines have none.
    """
    if holdings:
        _write(verb, by, sorted(holdings), subject, details, whose)


def _write(
    verb: str,
    by: By | None,
    holdings: Sequence[Holding | tuple[None, None]],
    subject: str,
    details: dict[str, Any] | None,
    whose: UUID | None,
) -> None:
    VERBS[verb]
    if not connection.in_atomic_block:
        raise RuntimeError(f"{verb} is logged outside of the transaction of the act.")
    of_cases = holdings[0][0] is not None or verb in ACROSS_CASES
    given = {
        "verb": verb,
        "officer": by.officer_id if by else None,
        "agency": by.agency_id if by else None,
        "subject": subject[:80],
        "whose": whose,
        "details": canonical(details or {}),
        "address": (by.address if by else "")[:64],
        "said": by.purpose if by else "",
        "otherwise": by.otherwise if by else "",
        "renews": bool(by and by.renews),
        "also_across": verb in FROM_ACROSS,
        "holdings": [holding for holding, _ in holdings],
        "agencies": [agency for _, agency in holdings],
        "wanted": bool(by and by.asks and of_cases and verb not in WITHOUT_ASKING),
    }
    (written,) = ask(Statement(_LINES, given))
    if len(written) < len(holdings):
        (missing,) = ask(Statement(_MISSING, given))
        raise PurposeWanted(tuple(row[0] for row in missing if row[0] is not None))


def canonical(details: dict[str, Any]) -> str:
    """JSON with sorted keys and no spaces: the same text on every machine."""
    return json.dumps(details, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
