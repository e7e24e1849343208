"""National identity numbers. Canonical: ``country:number``, upper case, letters and digits only."""

from __future__ import annotations

import re

from opencets.errors import ValueRefused
from opencets.values.writing import clean, plain_digits, refuse_lost_digits, refuse_placeholder


def normalise(raw: str, *, country: str = "", **context: str) -> str:
    """The number with its country (a prefix ``GB:``, or ``country``); refused without one.

    Equal numbers of two countries differ.
    """
    text = plain_digits(clean(raw, most=80)).upper()
    refuse_lost_digits(text)
    refuse_placeholder(text)
    if prefixed := re.match(r"([A-Z]{2})\s*:\s*(?=.)", text):
        country, text = prefixed[1], text[prefixed.end() :]
    of = country.strip().upper()
    if not re.fullmatch(r"[A-Z]{2}", of):
        raise ValueRefused(f"“{raw[:40]}”: say of which country the number is.")
    number = "".join(mark for mark in text if mark.isalnum())
    if not 4 <= len(number) <= 24:
        raise ValueRefused(f"“{raw[:40]}” does not have the 4 to 24 characters of an identity number.")
    if len(set(number)) == 1 or number in ("123456789", "1234567890", "0123456789", "12345678"):
        raise ValueRefused(f"“{raw[:40]}” is a filler, not an identity number.")
    return f"{of}:{number}"
