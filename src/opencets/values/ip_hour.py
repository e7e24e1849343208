"""An IP address with the hour of its use. Canonical: ``address@YYYY-MM-DDTHH`` (UTC)."""

from __future__ import annotations

import re

from opencets.errors import ValueRefused
from opencets.values import Variant
from opencets.values import instant as instants
from opencets.values import ip as addresses


def normalise(raw: str, *, instant: str = "", **context: str) -> str:
    """From ``address@instant``, or from an address and ``instant``.

    Refuses an instant whose zone is not known, one without an hour, and addresses that mean something inside one
    network only.
    """
    address, at, when = raw.strip().partition("@")
    if not at:
        when = instant
    if not when.strip():
        raise ValueRefused(f"“{raw[:60]}” has no time; an address without a time names nobody.")
    known = addresses.normalise(address)
    if addresses.is_local(known):
        raise ValueRefused(f"“{known}” is used inside many networks at once; it names no connection.")
    if shared := addresses.shared_line(known):
        raise ValueRefused(f"“{known}” is {shared}; it names no connection.")
    when = when.strip()
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d", when):
        when += ":00:00Z"
    moment = instants.normalise(when, **context)
    if not moment.endswith("Z"):
        raise ValueRefused(f"“{when}”: the time zone is not known; say which, and the hour can be compared.")
    return f"{known}@{moment[:13]}"


def variants(normal: str) -> tuple[Variant, ...]:
    """The address on that day; of an IPv6 address also its network of 64 bits in that hour, which is one connection's."""
    address, _, hour = normal.partition("@")
    found = [Variant(f"day:{address}@{hour[:10]}", "the hour")]
    if ":" in address:
        found.insert(0, Variant(f"network:{addresses.network_of(address)}@{hour}", "which device of the connection"))
    return tuple(found)
