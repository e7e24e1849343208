"""The web role acts as nobody without a proof that SQL cannot make: what an injected statement would try."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

if TYPE_CHECKING:
    from tests.web.conftest import Cast


@contextmanager
def _as_the_web_session() -> Iterator[Any]:
    """A cursor in a transaction whose session itself is the web role's, as a served page's is."""
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set local session authorization opencets_web")
        yield cursor
        transaction.set_rollback(True)


def _told(cursor: Any, officer: str, proof: str) -> tuple[UUID | None, UUID | None]:
    """As whom the database takes the transaction, and of which agency."""
    from opencets_web.policy.acting import TELL

    cursor.execute(TELL, [officer, proof])
    cursor.execute("select app_officer(), app_agency()")
    officer_id, agency_id = cursor.fetchone()
    return officer_id, agency_id


def test_a_proof_made_with_the_key_is_taken(cast: Cast) -> None:
    from opencets_web.policy.acting import identity

    with _as_the_web_session() as cursor:
        assert _told(cursor, *identity(cast.owner.officer_id)) == (cast.owner.officer_id, cast.avon.id)
        assert _told(cursor, *identity(None)) == (None, None)


@pytest.mark.parametrize("forged", ["none", "of another officer", "of yesterday", "made up", "no proof at all"])
def test_a_forged_identity_is_nobodys(cast: Cast, forged: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from opencets_web.policy.acting import identity

    now = time.time()
    mine = identity(cast.outsider.officer_id)[1]
    if forged == "of yesterday":
        monkeypatch.setattr(time, "time", lambda: now - 86_400)
    proofs = {
        "none": "",
        "of another officer": mine,
        "of yesterday": identity(cast.owner.officer_id)[1],
        "made up": f"{int(now)} {'0' * 64}",
        "no proof at all": "x' or true --",
    }
    with _as_the_web_session() as cursor:
        assert _told(cursor, str(cast.owner.officer_id), proofs[forged]) == (None, None)


@pytest.mark.parametrize("role", ["web", "jobs", "blind"])
def test_no_role_reads_the_key(db: None, role: str) -> None:
    from django.db import DatabaseError, connection, transaction

    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:  # noqa: PT012
        cursor.execute(f"set local role opencets_{role}")
        cursor.execute("select * from policy_identitykey")


def test_the_blocks_of_the_key_make_the_hmac_of_the_standard() -> None:
    """RFC 4231, test case 2, and a key that is longer than a block (test case 6)."""
    import hmac
    from hashlib import sha256

    from django.test import override_settings

    from opencets_web.policy.acting import padded_key

    for key in ("Jefe", "k" * 131):
        with override_settings(IDENTITY_KEY=key):
            inner, outer = padded_key()
        text = b"what do ya want for nothing?"
        ours = sha256(outer + sha256(inner + text).digest()).digest()
        assert ours == hmac.digest(key.encode(), text, "sha256")
