"""As whom the database is used: an officer is put into the transaction, and outside of one nobody sees anything.

The identity travels with BEGIN (``policy.postgresql``), local to the transaction, so a pooled connection carries nothing over.
With it travels its proof: an HMAC over officer and time under a key that no role may read, and that SQL cannot make. For the web
role the database takes no officer without it (``app_officer`` in ``policy.wall``).
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import sha256
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

_officer: ContextVar[UUID | None] = ContextVar("opencets_officer", default=None)


def acting_officer() -> UUID | None:
    """The officer of this context, or None: then the database shows no guarded row."""
    return _officer.get()


TELL = "select set_config('app.officer', %s, true), set_config('app.proof', %s, true)"
"""The statement that says as whom the transaction acts; its parameters are from ``identity``."""


def identity(officer_id: UUID | None) -> list[str]:
    """The officer and the proof of it, for ``TELL``; both empty for nobody."""
    if officer_id is None:
        return ["", ""]
    return [str(officer_id), " ".join(proof_of(str(officer_id)))]


def proof_of(words: str) -> tuple[str, str]:
    """The time, and the mark that this program alone can put on these words at that time."""
    at = str(int(time.time()))
    return at, hmac.digest(settings.IDENTITY_KEY.encode(), f"{words} {at}".encode(), "sha256").hex()


def padded_key() -> tuple[bytes, bytes]:
    """Inner and outer block of HMAC-SHA-256 under the key of this node, as RFC 2104, section 2, makes them."""
    key = settings.IDENTITY_KEY.encode()
    block = (sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)


def _tell_database(officer_id: UUID | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(TELL, identity(officer_id))


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
