"""An IP address with its port and the hour of its use. Canonical: ``address:port@YYYY-MM-DDTHH`` (UTC).

Where a carrier puts many subscribers behind one address, the port tells them apart.
"""

from __future__ import annotations

import re

from opencets.errors import ValueRefused
from opencets.values import Variant, ip_hour
from opencets.values.writing import plain_digits


def normalise(raw: str, *, port: str = "", instant: str = "", **context: str) -> str:
    """From ``address:port@instant``, or from an address, ``port`` and ``instant``.

    Refuses what ``ip_hour`` refuses, ports beyond 1 to 65535, and 80 and 443: these are a server's.
    """
    address, _, when = plain_digits(raw.strip()).partition("@")
    if found := re.fullmatch(r"(\[[^\]]+\]|\d+(?:\.\d+){3}):(\d{1,5})", address.strip()):
        address, port = found[1], found[2]
    known = ip_hour.normalise(address, instant=when or instant, **context)
    if not re.fullmatch(r"\d{1,5}", port.strip()) or not 1 <= int(port) <= 65_535:
        raise ValueRefused(f"“{raw[:60]}” has no port between 1 and 65535.")
    if int(port) in (80, 443):
        raise ValueRefused(f"“{raw[:60]}”: port {int(port)} is that of a server, not of a subscriber.")
    host, _, hour = known.partition("@")
    return f"{f'[{host}]' if ':' in host else host}:{int(port)}@{hour}"


def variants(normal: str) -> tuple[Variant, ...]:
    """The address in that hour, whatever the port."""
    host, _, hour = normal.partition("@")
    return (Variant(f"{host.rpartition(':')[0].strip('[]')}@{hour}", "the port"),)
