"""Which push services this node talks to, and one message to one of them (RFC 8030, section 5; RFC 8291; RFC 8292).

The address of a subscription comes from a browser, so it is checked like any other input: a host that the node names, https, the
usual port, no user, no redirect. A loopback address may be named too, and is then spoken to without TLS: for tests.
"""

from __future__ import annotations

import http.client
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from django.conf import settings
from django.utils import timezone
from webpush import WebPush, WebPushSubscription
from webpush.types import WebPushKeys

from opencets.errors import ActRefused
from opencets_web.accounts.sealed import open_text, seal_text
from opencets_web.push.models import ServerKey

PLACE = "push_serverkey private 1"
SECONDS = 10
MOST_ANSWER = 4096
LIVES_SECONDS = 24 * 3600
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Browser:
    """Where a message goes, and the keys that it is sealed to."""

    endpoint: str
    p256dh: str
    auth: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a push service said: 2xx it has it, 404 and 410 there is no such browser any more."""

    status: int
    retry_after: int = 0


def refuse_strange(browser: Browser) -> None:
    """ActRefused, without the address, where it is not of a push service of this node, or its keys are not such keys."""
    parts = urlsplit(browser.endpoint)
    try:
        port, host = parts.port, (parts.hostname or "").lower()
    except ValueError:
        raise ActRefused("The browser gave an address that cannot be read.") from None
    plain = parts.scheme == "http" and host in LOOPBACK
    if (
        len(browser.endpoint) > 2000
        or not browser.endpoint.isascii()
        or any(ord(letter) <= 32 for letter in browser.endpoint)
        or not (parts.scheme == "https" or plain)
        or (port not in (None, 443) and not plain)
        or parts.username is not None
        or parts.fragment
        or not _named(host)
    ):
        raise ActRefused(
            "This browser's push service is not one that this system may talk to. Whoever runs it names them in OPENCETS_PUSH."
        )
    try:
        point, secret = _octets(browser.p256dh), _octets(browser.auth)
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise ActRefused("The browser gave keys that cannot be used; try again.") from None
    if len(point) != 65 or len(secret) != 16:
        raise ActRefused("The browser gave keys that cannot be used; try again.")


def _named(host: str) -> bool:
    """Whether the node names the host, itself or by ``*.`` and what follows."""
    return bool(host) and any(
        host.endswith(name[1:]) and len(host) > len(name) - 1 if name.startswith("*.") else host == name
        for name in settings.PUSH_HOSTS
    )


def _octets(text: str) -> bytes:
    if not text.isascii() or len(text) > 200:
        raise ValueError("too long")
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def make_server_key() -> ServerKey:
    """The key of this node; made where there is none. Run by the owner of the tables."""
    row = ServerKey.objects.first()
    if row is None:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        row = ServerKey(
            private=seal_text(pem, PLACE, None),
            public=urlsafe_b64encode(point).rstrip(b"=").decode(),
            made_at=timezone.now(),
        )
        row.save(force_insert=True)
    return row


def send(browser: Browser, link: str, *, topic: str, urgent: bool, seconds: int = LIVES_SECONDS) -> Answer:
    """Give one link to a push service, sealed to the browser. ActRefused: not a service of this node. OSError: not reached.

    ``topic``: a message that waits under the same topic is replaced, so that a second try tells nobody twice.
    ``seconds``: how long the service keeps it for a browser that is off.
    """
    refuse_strange(browser)
    pem = open_text(ServerKey.objects.get().private, PLACE).encode()
    public = load_pem_private_key(pem, None).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    sealed = WebPush(
        private_key=pem, public_key=BytesIO(public), subscriber=settings.DEFAULT_FROM_EMAIL, ttl=seconds
    ).get(
        json.dumps({"url": link}),
        WebPushSubscription.model_validate(
            {"endpoint": browser.endpoint, "keys": WebPushKeys(auth=browser.auth, p256dh=browser.p256dh)}
        ),
    )
    headers = {
        "TTL": str(seconds),
        "Urgency": "high" if urgent else "normal",
        "Topic": urlsafe_b64encode(sha256(topic.encode()).digest())[:32].decode(),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "Authorization": sealed.headers["authorization"],
    }
    return _post(browser.endpoint, sealed.encrypted, headers)


def _post(address: str, body: bytes, headers: dict[str, str]) -> Answer:
    """One request, no redirect followed, no more than a few kilobytes of the answer read."""
    parts = urlsplit(address)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    line = kind(parts.hostname or "", parts.port, timeout=SECONDS)
    try:
        line.request("POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers)
        answer = line.getresponse()
        answer.read(MOST_ANSWER)
        after = answer.headers.get("Retry-After", "")
        return Answer(answer.status, int(after) if after.isdecimal() and len(after) < 7 else 0)
    except http.client.HTTPException as error:
        raise OSError(f"The push service does not speak HTTP: {type(error).__name__}.") from None
    finally:
        line.close()
