"""Accounts with payment services. Canonical: ``service:name``, casefolded, without a leading $ or @."""

from __future__ import annotations

from opencets.values import Variant, handle
from opencets.values.handle import service_and_name


def normalise(raw: str, *, service: str = "", **context: str) -> str:
    """The account with its service (a prefix, the address of a payment page, a leading $ for Cash App, or ``service``)."""
    if not service and raw.strip().startswith("$"):
        service = "cashapp"
    return service_and_name(raw, service, sigils="@$")


def variants(normal: str) -> tuple[Variant, ...]:
    """As of a screen name: people take theirs along."""
    return handle.variants(normal)
