"""Numbers. Canonical: decimal point, no separators, no exponent, no trailing zeros."""

from __future__ import annotations

import re
from decimal import Decimal

from opencets.errors import ValueRefused
from opencets.values.writing import clean, plain_digits


def normalise(raw: str, *, decimal: str = "", **context: str) -> str:
    """The number.

    ``decimal`` ("," or ".") reads ``1,234`` and ``1.234,5``; refused where the separator could be either.
    """
    written = plain_digits(clean(raw, most=60)).replace("−", "-").replace("'", "").strip('" ')
    text = re.sub(r"(?<=\d) (?=\d{3}(?:\D|$))", "", written)
    if decimal == "," and not re.fullmatch(r"[+-]?\d+\.(?:\d{1,2}|\d{4,})", text):  # 1234.5 is canonical already
        text = text.replace(".", "").replace(",", ".")
    elif decimal == "." or re.fullmatch(r"[+-]?\d{1,3}(?:,\d{3}){2,}(?:\.\d+)?|[+-]?\d{1,3},\d{3}\.\d+", text):
        text = text.replace(",", "")
    elif re.fullmatch(r"[+-]?\d{1,3}(?:\.\d{3}){2,}(?:,\d+)?|[+-]?\d{1,3}\.\d{3},\d+", text):
        text = text.replace(".", "").replace(",", ".")
    elif re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", text):
        raise ValueRefused(
            f"“{written}” is a thousand or a fraction, depending on the country; say which sign is the decimal sign."
        )
    else:
        text = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
    if not re.fullmatch(r"[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,2})?", text):
        raise ValueRefused(f"“{written}” is not a number.")
    plain = format(Decimal(text), "f")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain.lstrip("-") in ("", "0") else plain.removeprefix("+")
