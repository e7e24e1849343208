"""The node's Ed25519 key: where it stands, how it begins, and how one key hands over to the next.

The private key stands in the home's secrets (``audit-signing-key``) or in the file that ``OPENCETS_AUDIT_KEY`` names, never in
the database: whoever owns the database alone can sign nothing. Public keys stand in the log, each signed by the one before.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import transaction

from opencets.errors import ActRefused
from opencets_web.audit.models import Checkpoint, SigningKey
from opencets_web.audit.signed import Signer, key_text
from opencets_web.audit.signing import key_file, public_of, read_key, signing_key, write_key


def key_path() -> Path:
    """Where the private key stands."""
    return key_file(Path(settings.HOME))


def get_signer() -> Signer:
    """The key that signs now; the first is made, and put into the log, where the log has none.

    ActRefused: the private key of the log's last public key is not on this machine.
    """
    last = SigningKey.objects.order_by("-number").first()
    if last is None:
        if Checkpoint.objects.filter(signature__isnull=False).exists():
            raise ActRefused("The log has signed checkpoints and no key: its keys were taken away. Nothing is sealed.")
        return _first()
    for path in (key_path(), _next_path()):
        private = read_key(path)
        if private is not None and public_of(private) == bytes(last.public):
            return Signer(last.number, private)
    raise ActRefused(
        f"The log is signed with key {last.number} ({b64encode(bytes(last.public)).decode()}), whose private half is not in "
        f"{key_path()}. Put it there (a copy of the home's secrets has it); until then nothing is sealed."
    )


def rotate_key(at: str) -> SigningKey:
    """A new key that signs from now on, signed by the one before; in a transaction, the new private key is on disk first."""
    before = get_signer()
    fresh = Ed25519PrivateKey.generate()
    write_key(_next_path(), fresh)
    size = Checkpoint.objects.order_by("-size").values_list("size", flat=True).first() or 0
    key = _enter(before.number + 1, fresh, size, at, before.private)
    transaction.on_commit(lambda: os.replace(_next_path(), key_path()))
    return key


def keys_of(rows: Sequence[SigningKey]) -> list[dict[str, Any]]:
    """The public keys as an export has them."""
    return [
        {"line": "key", "number": row.number, "public": bytes(row.public).hex(), "since": row.since, "at": row.at,
         "signature": bytes(row.signature).hex()}
        for row in rows
    ]  # fmt: skip


def _first() -> Signer:
    private = signing_key(Path(settings.HOME))
    from opencets_web.audit.sealer import database_time

    size = Checkpoint.objects.order_by("-size").values_list("size", flat=True).first() or 0
    return Signer(_enter(1, private, size, database_time(), private).number, private)


def _enter(number: int, private: Ed25519PrivateKey, since: int, at: str, signed_by: Ed25519PrivateKey) -> SigningKey:
    told = {"number": number, "public": public_of(private).hex(), "since": since, "at": at}
    return SigningKey.objects.create(
        number=number, public=public_of(private), since=since, at=at, signature=signed_by.sign(key_text(told))
    )


def _next_path() -> Path:
    return key_path().with_name(key_path().name + ".next")
