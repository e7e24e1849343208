"""Addresses of network interfaces. Canonical: six pairs of lower-case digits with colons (EUI-48)."""

from __future__ import annotations

import re

from stdnum import mac
from stdnum.exceptions import ValidationError

from opencets.errors import ValueRefused
from opencets.values.writing import clean, plain_digits


def normalise(raw: str, **context: str) -> str:
    """The address, from colons, hyphens, dots or none; refuses groups, broadcast, zeros and runs: they name no device.

    An address that the device made up (its second digit is 2, 6, a or e) is kept: it is the same in one network for a
    while. See ``is_made_up``.
    """
    text = re.sub(r"^mac\s*[:#=]?\s*(?=[0-9a-f]{2})", "", plain_digits(clean(raw, most=60)), flags=re.IGNORECASE)
    if re.fullmatch(r"[0-9a-fA-F]{12}|[0-9a-fA-F]{4}(?:[.:-][0-9a-fA-F]{4}){2}", text):
        digits = re.sub(r"\W", "", text)
        text = ":".join(digits[at : at + 2] for at in range(0, 12, 2))
    try:
        # The library's list of makers grows old; a card of a new maker is one all the same.
        address = str(mac.validate(text, validate_manufacturer=False))
    except ValidationError:
        raise ValueRefused(f"“{text[:40]}” does not have the six pairs of digits of an interface's address.") from None
    if mac.is_multicast(address):
        raise ValueRefused(f"“{address}” is the address of a group, not of a device.")
    if len(set(address.replace(":", ""))) == 1 or address in (
        "01:23:45:67:89:ab",
        "00:11:22:33:44:55",
        "02:00:00:00:00:00",
    ):
        raise ValueRefused(f"“{address}” is a filler that many devices show.")
    return address


def is_made_up(address: str) -> bool:
    """Whether a canonical address was chosen by the device or its program and not by its maker."""
    return address[1] in "26ae"
