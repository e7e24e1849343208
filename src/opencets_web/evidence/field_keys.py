"""The keys of sealed fields: one for each agency, wrapped by the agency's key, and one of this node, wrapped by the root key.

Exchanging an agency's key wraps one row anew and leaves every sealed value as it is; destroying it destroys them all.
"""

from __future__ import annotations

import secrets
import time
from datetime import timedelta
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db.models import Q
from django.utils import timezone

from opencets.errors import ActRefused, DamagedSource
from opencets.packing.frames import new_key
from opencets_web.accounts.ids import new_id
from opencets_web.evidence.models import FieldKey
from opencets_web.evidence.vault import KNOWN_SECONDS, keys

NONCE = 12
YOUNG = timedelta(minutes=10)
"""A key that was made in a transaction may go with it: until it is as old as this, it is asked for again at each sealing."""


class FieldKeys:
    """``accounts.sealed.Sealer`` over the table of field keys."""

    def __init__(self) -> None:
        self._open: dict[UUID, tuple[float, AESGCM]] = {}
        self._current: dict[UUID | None, tuple[float, UUID]] = {}

    def seal(self, agency_id: UUID | None, clear: bytes, place: bytes) -> bytes:
        """Key identifier, nonce, sealed bytes. ActRefused: the agency's key was destroyed a moment ago."""
        key_id = self._current_of(agency_id)
        nonce = secrets.token_bytes(NONCE)
        return key_id.bytes + nonce + self._cipher(key_id).encrypt(nonce, clear, place)

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """The clear bytes. ActRefused: destroyed with its key. DamagedSource: changed, moved, or the key is not known."""
        if len(sealed) < 16 + NONCE + 16:
            raise DamagedSource(f"A sealed value of {place.split()[0].decode()} is cut off.")
        try:
            return self._cipher(UUID(bytes=sealed[:16])).decrypt(sealed[16 : 16 + NONCE], sealed[16 + NONCE :], place)
        except InvalidTag as error:
            raise DamagedSource(f"A sealed value of {place.split()[0].decode()} was changed, or moved here.") from error

    def _current_of(self, agency_id: UUID | None) -> UUID:
        asked, known = self._current.get(agency_id, (-KNOWN_SECONDS, UUID(int=0)))
        if time.monotonic() - asked < KNOWN_SECONDS:
            return known
        row = live_key(agency_id)
        self._keep(row)
        if timezone.now() - row.made_at > YOUNG:
            self._current[agency_id] = (time.monotonic(), row.id)
        return row.id

    def _cipher(self, key_id: UUID) -> AESGCM:
        asked, cipher = self._open.get(key_id, (-KNOWN_SECONDS, None))
        if cipher is not None and time.monotonic() - asked < KNOWN_SECONDS:
            return cipher
        row = FieldKey.objects.filter(pk=key_id).first()
        if row is None:
            raise DamagedSource(f"The key {key_id} of a sealed field is not known here.")
        return self._keep(row)

    def _keep(self, row: FieldKey) -> AESGCM:
        if row.wrapped_key is None:
            raise ActRefused(f"It was destroyed with its key on {row.ended_at:%Y-%m-%d}: {row.ended_because}")
        cipher = AESGCM(keys(row.agency_id).unwrap(bytes(row.wrapped_key)))
        self._open[row.id] = (time.monotonic(), cipher)
        return cipher


def live_key(agency_id: UUID | None) -> FieldKey:
    """The key that seals for an agency, or for this node; made where there is none. Two that make it at once keep one."""
    rows = FieldKey.objects.filter(Q(agency_id=agency_id) if agency_id else Q(agency=None), ended_at=None)
    row = rows.first()
    if row is None:
        made = FieldKey(
            id=new_id(), agency_id=agency_id, wrapped_key=keys(agency_id).wrap(new_key()), made_at=timezone.now()
        )
        FieldKey.objects.bulk_create([made], ignore_conflicts=True)
        row = rows.get()
    return row


def refuse_without_field_keys() -> None:
    """ActRefused, with the agency's name, where a key of sealed fields cannot be opened; asked before pages are served."""
    for row in FieldKey.objects.filter(ended_at=None).select_related("agency"):
        try:
            keys(row.agency_id).unwrap(bytes(row.wrapped_key or b""))
        except (DamagedSource, ActRefused) as error:
            whose = row.agency.short_name if row.agency else "this node"
            raise ActRefused(
                f"The key that seals private fields of {whose} cannot be opened: {error} Put back the secrets folder of this"
                " home (secrets/master-key), or what OPENCETS_ROOT_KEY names, from before."
            ) from error
