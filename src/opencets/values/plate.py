"""Number plates. Canonical: upper case, letters and digits only, with ``country:`` in front where known."""

from __future__ import annotations

import re

from opencets.errors import ValueRefused
from opencets.values import Variant
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


# Letters of one form in the two alphabets of plates, and the digits that they are misread for.
_LOOKS = str.maketrans("АВЕКМНОРСТУХOIZSBQ", "ABEKMH0PCTYX01258" + "0")


def variants(normal: str) -> tuple[Variant, ...]:
    """The plate without its country, and as it looks: Cyrillic or Latin letters, O and 0, I and 1."""
    plate = normal.rpartition(":")[2]
    looks = plate.translate(_LOOKS).translate(_LOOKS)
    found = (
        Variant(f"plate:{plate}", "the country"),
        Variant(f"looks:{looks}", "the country, and marks that look alike"),
    )
    return tuple(one for one in found if len(plate) >= 5)
