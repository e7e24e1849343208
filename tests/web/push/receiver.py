"""A push service on a real socket, and a browser's keys: it keeps what it was given, and opens it as a browser would."""

from __future__ import annotations

import threading
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_bytes

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def text(octets: bytes) -> str:
    """URL-safe Base64 without padding, as browsers write it."""
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


@dataclass
class Message:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class PushService:
    """``with PushService() as service``: ``messages``; ``answers`` is the status it gives, with ``headers`` beside it."""

    messages: list[Message] = field(default_factory=list)
    answers: int = 201
    headers: dict[str, str] = field(default_factory=dict)
    port: int = 0

    def __enter__(self) -> PushService:
        keeper = self

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                given = {name.lower(): value for name, value in self.headers.items()}
                keeper.messages.append(Message(self.path, given, body))
                self.send_response(keeper.answers)
                for name, value in keeper.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *given: object) -> None:
                """Nothing is written to the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *given: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Keys:
    """The keys that a browser makes for one subscription (RFC 8291, section 2)."""

    def __init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.auth = token_bytes(16)

    @property
    def p256dh(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def opens(self, body: bytes) -> bytes:
        """What a browser reads of a message (RFC 8188 and RFC 8291, by the library of their author)."""
        clear: bytes = http_ece.decrypt(body, private_key=self.private, auth_secret=self.auth, version="aes128gcm")
        return clear

    def given(self, endpoint: str) -> dict[str, object]:
        """As ``PushSubscription.toJSON()``."""
        return {
            "endpoint": endpoint,
            "expirationTime": None,
            "keys": {"p256dh": text(self.p256dh), "auth": text(self.auth)},
        }
