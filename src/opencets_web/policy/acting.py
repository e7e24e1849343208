"""As whom the database is used: an officer is put into the transaction, and outside of one nobody sees anything.

The identity travels with BEGIN (``policy.postgresql``), local to the transaction, so a pooled connection carries nothing over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from django.db import connection, transaction

_officer: ContextVar[UUID | None] = ContextVar("opencets_officer", default=None)


def acting_officer() -> UUID | None:
    """The officer of this context, or None: then the database shows no guarded row."""
    return _officer.get()


def _tell_database(officer_id: UUID | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select set_config('app.officer', %s, true)", [str(officer_id) if officer_id else ""])


@contextmanager
def acting_as(officer_id: UUID | None) -> Iterator[None]:
    """Everything inside acts as the officer, in one transaction; the former officer is back afterwards.

    A savepoint does not BEGIN, so inside a transaction the setting is pushed, and taken back at the end.
    """
    before = _officer.get()
    token = _officer.set(officer_id)
    inside = connection.in_atomic_block
    try:
        with transaction.atomic():
            if inside:
                _tell_database(officer_id)
            yield
    finally:
        _officer.reset(token)
        if inside and not connection.needs_rollback:
            _tell_database(before)


def put_officer(officer_id: UUID | None) -> None:
    """Set the officer for the rest of this request; the middleware's only way in."""
    _officer.set(officer_id)
    if connection.in_atomic_block:
        _tell_database(officer_id)
