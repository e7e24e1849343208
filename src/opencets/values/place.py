"""Positions. Canonical: ``latitude,longitude`` in decimal degrees (WGS 84), five decimals (about one metre)."""

from __future__ import annotations

import re

from opencets.errors import ValueRefused
from opencets.values.writing import clean, plain_digits

_DECIMAL = r"([+-]?\d{1,3}(?:[.,]\d{1,20})?)"
_DEGREES = (
    r"(\d{1,3}(?:\.\d{1,10})?)\s*(?:°|º|deg|d|\s)\s*"
    r"(?:(\d{1,2}(?:\.\d{1,10})?)\s*(?:['′’m]|\s)\s*)?"
    r"(?:(\d{1,2}(?:\.\d{1,10})?)\s*(?:\"|″|”|''|s)?\s*)?"
)


def normalise(raw: str, **context: str) -> str:
    """The position, from decimal degrees, degrees with minutes and seconds, ISO 6709 or a geo: address.

    Refuses 0,0 and what is off the globe.
    """
    text = plain_digits(clean(raw, most=200)).strip("\"'()[] ").replace("−", "-")
    if text[:4].lower() == "geo:":  # RFC 5870: parameters behind ;
        text = text[4:].partition(";")[0]
    text = re.sub(r"(?<=\d)\?.*$", "", text)
    latitude, longitude = _pair(text, raw)
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise ValueRefused(f"“{raw[:60]}” is not on the globe.")
    one, two = (f"{round(part, 5) + 0.0:.5f}" for part in (latitude, longitude))
    if float(one) == float(two) == 0:
        raise ValueRefused("0,0 stands for a missing position.")
    return f"{one},{two}"


def _pair(text: str, raw: str) -> tuple[float, float]:
    if found := re.fullmatch(rf"{_DECIMAL}\s*(?:[/;]|,\s|\s,|\s)\s*{_DECIMAL}", text):
        return float(found[1].replace(",", ".")), float(found[2].replace(",", "."))
    if found := re.fullmatch(
        r"([+-]?\d{1,3}(?:\.\d{1,20})?),([+-]?\d{1,3}(?:\.\d{1,20})?)(?:,[+-]?\d{1,6}(?:\.\d{1,20})?)?", text
    ):
        return float(found[1]), float(found[2])
    if found := re.fullmatch(
        r"([+-]\d{1,2}(?:\.\d{1,20})?)([+-]\d{1,3}(?:\.\d{1,20})?)(?:[+-]\d{1,6}(?:\.\d{1,20})?)?(?:CRS\w{1,20})?/?",
        text,
    ):
        return float(found[1]), float(found[2])
    letters = re.findall(r"[NSEWO]", text.upper())
    parts = re.split(r"[NSEWO]", text, flags=re.IGNORECASE)
    if len(letters) == 2 and letters[0] in "NS" and letters[1] in "EWO" and len(parts) == 3:
        halves = parts[1:] if not parts[0].strip(" ,;/") else parts[:2]
        degrees = [_degrees(half.strip(" ,;/")) for half in halves]
        if None not in degrees:
            north, east = (value or 0.0 for value in degrees)
            return (-north if letters[0] == "S" else north), (-east if letters[1] == "W" else east)
    raise ValueRefused(f"“{raw[:60]}” is not a position of latitude and longitude.")


def _degrees(text: str) -> float | None:
    if found := re.fullmatch(r"\d{1,3}(?:\.\d{1,20})?\s*°?", text):
        return float(text.rstrip("° "))
    found = re.fullmatch(_DEGREES, text + " ", re.IGNORECASE)
    if found is None or float(found[2] or 0) >= 60 or float(found[3] or 0) >= 60:
        return None
    return float(found[1]) + float(found[2] or 0) / 60 + float(found[3] or 0) / 3600
