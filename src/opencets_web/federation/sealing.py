"""A provider's client secret at rest: AES-256-GCM under a key of this home, bound to the provider it belongs to."""

from __future__ import annotations

import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from opencets_web.federation.asserted import AnswerRefused


def _cipher() -> AESGCM:
    derived = HKDF(SHA256(), 32, salt=None, info=b"opencets identity provider secrets")
    return AESGCM(derived.derive(settings.FEDERATION_KEY.encode()))


def seal_secret(provider_id: UUID, secret: str) -> bytes:
    """The secret as it is kept; empty for none."""
    if not secret:
        return b""
    nonce = os.urandom(12)
    return nonce + _cipher().encrypt(nonce, secret.encode(), provider_id.bytes)


def open_secret(provider_id: UUID, sealed: bytes) -> str:
    """The secret itself; AnswerRefused where it was sealed for another provider or by another home."""
    if not sealed:
        return ""
    try:
        return _cipher().decrypt(sealed[:12], sealed[12:], provider_id.bytes).decode()
    except InvalidTag:
        raise AnswerRefused("The client secret does not open with this system's key: enter it anew.") from None
