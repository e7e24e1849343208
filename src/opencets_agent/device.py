"""The device: its identifier and its key, made once by ``opencets agent enrol``; and the request for an order."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import tempfile
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from opencets.errors import ActRefused
from opencets.packing.order import sign_request

DEVICE = "device.json"


@dataclass(frozen=True, slots=True, repr=False)
class Device:
    """Who this device is."""

    id: str
    name: str
    key: Ed25519PrivateKey

    @property
    def public(self) -> str:
        """Its public key, base64, as the order names it."""
        return b64encode(self.key.public_key().public_bytes_raw()).decode()


def enrol(folder: Path, name: str, accounts: tuple[str, ...], now: dt.datetime) -> bytes:
    """The device's request for an order; its key is made at the first call, and kept, readable by its owner alone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / DEVICE).exists():
        secret = b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()
        write_whole(folder / DEVICE, json.dumps({"id": str(uuid4()), "name": name, "secret": secret}).encode())
    device = open_device(folder)
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return sign_request(
        {"device": device.id, "name": device.name, "accounts": accounts, "system": system, "made_at": now}, device.key
    )


def open_device(folder: Path) -> Device:
    """The device. ActRefused: it was never enrolled, or its file is broken."""
    try:
        given = json.loads((folder / DEVICE).read_bytes())
        key = Ed25519PrivateKey.from_private_bytes(b64decode(given["secret"], validate=True))
        return Device(str(given["id"]), str(given["name"]), key)
    except FileNotFoundError:
        raise ActRefused(
            "This device has no key yet: “opencets agent enrol” makes it and writes the request for an order. "
            "The agent does not start."
        ) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise ActRefused(
            f"The device's file {DEVICE} is broken. Enrol the device anew; the officer sees that it was. The agent does not start."
        ) from None


def write_whole(path: Path, written: bytes) -> None:
    """A file, whole or not at all, on the disk when this returns, readable by its owner alone."""
    number, staged = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(written)
            file.flush()
            os.fsync(file.fileno())
        os.replace(staged, path)
    except BaseException:
        Path(staged).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
