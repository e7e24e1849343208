"""The node's key: it signs exports of the log and the packages of cases, so that others see from where they come."""

from __future__ import annotations

import contextlib
import os
import secrets
from base64 import b64decode, b64encode
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def signing_key(home: Path) -> Ed25519PrivateKey:
    """The node's Ed25519 key, made at first use in the home's folder of secrets (mode 0600); the first one made stays."""
    path = home / "secrets" / "audit-signing-key"
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = Ed25519PrivateKey.generate().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        staged = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(b64encode(fresh))
            stream.flush()
            os.fsync(stream.fileno())
        # A link, not a rename: of two that begin at once, one key stays.
        with contextlib.suppress(FileExistsError):
            os.link(staged, path)
        staged.unlink()
    return Ed25519PrivateKey.from_private_bytes(b64decode(path.read_text()))
