"""Number plates. Canonical: upper case, letters and digits only, with ``country:`` in front where known."""

from __future__ import annotations

import re

from opencets.errors import ValueRefused
from opencets.values.writing import clean, plain_digits, refuse_placeholder


def normalise(raw: str, *, country: str = "", **context: str) -> str:
    """The plate, for example ``GB:AB12CDE``.

    The country comes from a prefix ``GB:`` or from ``country`` (ISO 3166-1 alpha-2).
    """
    text = plain_digits(clean(raw, most=60)).upper()
    refuse_placeholder(text)
    if prefixed := re.match(r"([A-Z]{2})\s*:\s*(?=.)", text):
        country, text = prefixed[1], text[prefixed.end() :]
    plate = "".join(mark for mark in clean(text).upper() if mark.isalnum())
    if not 2 <= len(plate) <= 12:
        raise ValueRefused(f"“{raw[:40]}” does not have the 2 to 12 characters of a number plate.")
    of = country.strip().upper()
    return f"{of}:{plate}" if re.fullmatch(r"[A-Z]{2}", of) else plate
