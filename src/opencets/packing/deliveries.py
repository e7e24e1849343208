"""What a sensor sends to a server by itself: parts (a sealed log and its sightings) and its health, each request signed.

The signature is over what is sent, by whom, when, and the SHA-256 of the body, so a server can judge it before it reads the body.
A sensor is named by its key: nobody has to tell it a number.
"""

from __future__ import annotations

import datetime as dt
import json
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Literal
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from opencets.errors import ActRefused, DamagedSource, ValueRefused
from opencets.packing.fields import canonical, instant, moment_of, read_fields, said

LARGEST_PART = 64 << 20
"""Bytes of a request that brings a part."""
LARGEST_HEALTH = 64 << 10
LATEST_SECONDS = 300
"""How far apart the time of a request and the server's clock may be."""
FINAL = frozenset({413, 422})
"""Answers that stay the same however often the same part is sent; after any other it is sent again."""
MOST_ALERTS, LONGEST_ALERT = 50, 400
_MOST = (1 << 63) - 1
_BEGIN = b"opencets part 1\n"
_SIGNED = b"opencets-delivery-1\n"
Kind = Literal["parts", "health"]


def sensor_id(key: str) -> UUID:
    """The name of the sensor with this public key (Ed25519, base64). ValueRefused: it is none."""
    try:
        raw = b64decode(key, validate=True)
        Ed25519PublicKey.from_public_bytes(raw)
    except (ValueError, NotBase64):
        raise ValueRefused("This is no key of a sensor: 44 letters, as “opencets sensor check” prints them.") from None
    return UUID(bytes=sha256(b"opencets sensor\n" + raw).digest()[:16])


# --- Signatures -------------------------------------------------------------------------------------------------------


def sign_delivery(kind: Kind, time: dt.datetime, body: bytes, key: Ed25519PrivateKey) -> dict[str, str]:
    """The headers of a request with this body, signed with the sensor's key."""
    at, digest = instant(time), sha256(body).hexdigest()
    name = str(sensor_id(b64encode(key.public_key().public_bytes_raw()).decode()))
    mark = b64encode(key.sign(_message(kind, name, at, digest))).decode()
    return {"X-Sensor": name, "X-Time": at, "X-Digest": digest, "X-Signature": mark}


def require_signed(kind: str, sensor: str, time: str, digest: str, signature: str, key: str) -> dt.datetime:
    """The time that the sensor says, where its key (base64) signed this. ActRefused otherwise.

    Whether the time is near enough (`LATEST_SECONDS`), and the body that of the digest, is for the server.
    """
    try:
        public = Ed25519PublicKey.from_public_bytes(b64decode(key, validate=True))
        public.verify(b64decode(signature, validate=True), _message(kind, sensor, time, digest))
        return moment_of(time)
    except (InvalidSignature, ValueError, NotBase64):
        raise ActRefused("The signature of the sensor does not hold.") from None


def _message(kind: str, sensor: str, time: str, digest: str) -> bytes:
    return _SIGNED + f"{kind}\n{sensor}\n{time}\n{digest}".encode()


# --- Bodies -----------------------------------------------------------------------------------------------------------


def join_part(log: bytes, sightings: bytes) -> bytes:
    """The body of a request that brings a part: a sealed log, packed, and its sightings as Parquet."""
    return _BEGIN + f"{len(log)} {len(sightings)}\n".encode() + log + sightings


def read_part(body: bytes) -> tuple[bytes, bytes]:
    """Log and sightings of a request. DamagedSource: it is not written as a part is."""
    end = body.find(b"\n", len(_BEGIN), len(_BEGIN) + 40)
    sizes = body[len(_BEGIN) : end].decode("ascii", "replace").split(" ") if body.startswith(_BEGIN) and end > 0 else []
    if len(sizes) != 2 or not all(size.isascii() and size.isdigit() for size in sizes):
        raise DamagedSource("This is no part of a sensor that this version reads.")
    log, sightings = (int(size) for size in sizes)
    if end + 1 + log + sightings != len(body):
        raise DamagedSource("The part has not as many bytes as it says.")
    return body[end + 1 : end + 1 + log], body[end + 1 + log :]


@dataclass(frozen=True, slots=True)
class Health:
    """How a sensor says that it goes. ``ended``: it stopped in good order."""

    software: str
    run: str
    at: dt.datetime
    ended: bool
    alerts: tuple[str, ...]
    asked: int
    answered: int
    places: int
    parts_waiting: int
    bytes_waiting: int
    parts_refused: int
    clock_offset_ms: int | None
    authority_ends_on: str


def write_health(health: Health) -> bytes:
    """The body of a request that tells it."""
    return canonical(said(health)).encode()


def read_health(body: bytes) -> Health:
    """What a request tells. Too many alerts and too long texts are cut. DamagedSource: it cannot be read."""
    try:
        health: Health = read_fields(Health, json.loads(body))
        numbers = (health.asked, health.answered, health.places, health.parts_waiting, health.bytes_waiting)
        if not all(0 <= number <= _MOST for number in (*numbers, health.parts_refused)):
            raise ValueError("a count is below nothing, or beyond all counting")
        if abs(health.clock_offset_ms or 0) > _MOST:
            raise ValueError("clock_offset_ms is beyond all counting")
    except (ValueError, RecursionError) as reason:
        raise DamagedSource(f"The health of the sensor cannot be read: {reason}.") from None
    return replace(
        health,
        alerts=tuple(text[:LONGEST_ALERT] for text in health.alerts[:MOST_ALERTS]),
        software=health.software[:120],
        run=health.run[:120],
        authority_ends_on=health.authority_ends_on[:10],
    )
