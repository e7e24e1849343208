"""Bank accounts. Canonical: IBAN without spaces, upper case, checksum and country format verified (ISO 13616)."""

from __future__ import annotations

import re

from stdnum import iban
from stdnum.exceptions import ValidationError

from opencets.errors import ValueRefused
from opencets.values.writing import clean, plain_digits


def normalise(raw: str, **context: str) -> str:
    """The compact IBAN; refuses a wrong checksum, length or national check."""
    text = re.sub(r"^iban\s*[:#]?\s*", "", plain_digits(clean(raw, most=80)), flags=re.IGNORECASE)
    text = re.sub(r"[\s.:-]", "", text).upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{10,30}", text):
        raise ValueRefused(f"“{text}” does not have the form of an IBAN.")
    try:
        return str(iban.validate(text))
    except ValidationError:
        raise ValueRefused(f"“{text}” is not an IBAN: its checksum or its country's format is wrong.") from None
