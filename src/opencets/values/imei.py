"""Numbers of mobile devices. Canonical: the 15-digit IMEI with its check digit (3GPP TS 23.003 section 6)."""

from __future__ import annotations

import re

from stdnum import luhn

from opencets.errors import ValueRefused
from opencets.values.writing import clean, plain_digits, refuse_lost_digits

# Reporting bodies that issue or issued type allocation codes; a 14- or 16-digit number outside them is something else.
_ISSUERS = frozenset(
    ["01", "10", "30", "33", "35", "44", "45", "49", "50", "51", "52", "53", "54", "86", "91", "98", "99"]
)


def normalise(raw: str, **context: str) -> str:
    """15 digits.

    A 16-digit IMEISV and a 14-digit number without check digit get theirs computed; a wrong check digit is
    refused.
    """
    text = plain_digits(clean(raw, most=60))
    refuse_lost_digits(text)
    text = re.sub(r"^imei(?:sv)?\s*\d?\s*[:#=]?\s*", "", text, flags=re.IGNORECASE)
    digits = re.sub(r"[\s./\\-]|(?<=\d)\.0$", "", text)
    if not re.fullmatch(r"\d{14,16}", digits):
        raise ValueRefused(f"“{text}” does not have the 15 digits of an IMEI.")
    if len(set(digits)) <= 2 or digits.startswith(("0123456", "1234567")):
        raise ValueRefused(f"“{text}” is a default number, not the IMEI of one device.")
    if len(digits) == 15:
        if not luhn.is_valid(digits):
            raise ValueRefused(f"“{text}” is not an IMEI: its check digit is wrong.")
        return digits
    if digits[:2] not in _ISSUERS:
        raise ValueRefused(f"“{text}” does not begin like an IMEI.")
    return digits[:14] + luhn.calc_check_digit(digits[:14])
