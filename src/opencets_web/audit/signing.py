"""The node's key: it signs the log, its exports and the packages of cases, so that others see from where they come."""

from __future__ import annotations

import contextlib
import os
import secrets
from base64 import b64decode, b64encode
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat


def signing_key(home: Path) -> Ed25519PrivateKey:
    """The node's Ed25519 key, made at first use in the home's folder of secrets (mode 0600); the first one made stays."""
    path = key_file(home)
    if not path.exists():
        write_key(path, Ed25519PrivateKey.generate(), first=True)
    return Ed25519PrivateKey.from_private_bytes(b64decode(path.read_text()))


def public_of(private: Ed25519PrivateKey) -> bytes:
    """The 32 bytes of the public key."""
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_file(home: Path) -> Path:
    """Where the private key stands: the file of ``OPENCETS_AUDIT_KEY``, or the home's secrets."""
    named = os.environ.get("OPENCETS_AUDIT_KEY")
    return Path(named) if named else home / "secrets" / "audit-signing-key"


def read_key(path: Path) -> Ed25519PrivateKey | None:
    """The private key of a file; None where there is no file."""
    try:
        return Ed25519PrivateKey.from_private_bytes(b64decode(path.read_text()))
    except FileNotFoundError:
        return None


def write_key(path: Path, private: Ed25519PrivateKey, *, first: bool = False) -> None:
    """Write the key where only its owner reads it (mode 0600), whole or not at all; ``first``: one that is there stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    staged = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(b64encode(private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())))
        stream.flush()
        os.fsync(stream.fileno())
    if not first:
        os.replace(staged, path)
        return
    # A link, not a rename: of two that begin at once, one key stays.
    with contextlib.suppress(FileExistsError):
        os.link(staged, path)
    staged.unlink()
