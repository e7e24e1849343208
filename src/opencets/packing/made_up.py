"""A device that there is not, for demonstrations, tests and benchmarks: its key, its chain, its signatures, as an agent's are."""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from opencets.packing import captures
from opencets.packing.order import Order, sign_request


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass
class MadeUpDevice:
    """Keeps its chain in memory, sealed and signed as its order says. It watches nothing."""

    name: str = "Desktop in the hall"
    begun: dt.datetime = field(default_factory=_now)
    system: str = "Invented 1"
    accounts: tuple[str, ...] = ("sam",)
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    device: str = field(default_factory=lambda: str(uuid4()))
    boot: str = field(default_factory=lambda: secrets.token_hex(8))
    order: str = ""
    version: int = 1
    recipient: str = ""
    after: tuple[int, str] = (0, "")

    def __post_init__(self) -> None:
        self.after = captures.beginning(self.device)

    def request(self, name: str = "") -> bytes:
        """Its request for an order."""
        said = {
            "device": self.device, "name": name or self.name, "accounts": list(self.accounts), "system": self.system,
            "made_at": self.begun,
        }  # fmt: skip
        return sign_request(said, self.key)

    def obey(self, order: Order) -> None:
        """Take an order over."""
        self.order, self.version, self.recipient = order.order, order.version, order.server_key

    def entry(self, body: captures.Body, at: dt.datetime | None = None, **changed: Any) -> captures.Entry:
        """The next link of its chain, made at ``at`` or now; ``changed``: what of it is not as it should be."""
        at = at or _now()
        made = captures.make_entry(
            self.after, body, captures.seal_body(body, self.recipient), device=self.device, boot=self.boot, at=at,
            mono_ms=round((at - self.begun).total_seconds() * 1000), order=self.order, version=self.version,
        )  # fmt: skip
        if changed:
            made = replace(made, **changed)
            made = replace(made, hash=made.reckoned())
        self.after = made.head
        return made

    def headers(self, body: bytes, at: dt.datetime | None = None) -> dict[str, str]:
        """The signature of a request."""
        return captures.sign_batch(self.device, at or _now(), body, self.key)
