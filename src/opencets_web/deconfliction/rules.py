"""The limits of this room, read from ``rules.yaml`` beside this file, and when two circles meet."""

from __future__ import annotations

import math
import re
import unicodedata
from functools import cache
from importlib import resources

import yaml

EARTH_METRES = 6_371_008.8
"""Mean radius of the Earth (IUGG, 1980)."""


@cache
def _rules() -> dict[str, dict[str, object]]:
    text = resources.files("opencets_web.deconfliction").joinpath("rules.yaml").read_text("utf-8")
    table: dict[str, dict[str, object]] = yaml.safe_load(text)
    return table


def limit(name: str) -> int:
    """The number of a rule; KeyError for a rule that the file lacks."""
    return int(str(_rules()[name]["value"]))


def metres_between(one: tuple[float, float], two: tuple[float, float]) -> float:
    """The great-circle distance of two positions (latitude, longitude in degrees), by the haversine formula."""
    first, second = math.radians(one[0]), math.radians(two[0])
    north, east = second - first, math.radians(two[1] - one[1])
    half = math.sin(north / 2) ** 2 + math.cos(first) * math.cos(second) * math.sin(east / 2) ** 2
    return 2 * EARTH_METRES * math.asin(math.sqrt(min(1.0, half)))


def place_key(written: str) -> str:
    """An address as compared: letters and digits alone, case and accents folded; two ways of writing it are one."""
    folded = unicodedata.normalize("NFKD", written.casefold())
    plain = "".join(mark for mark in folded if not unicodedata.combining(mark))
    return " ".join(re.findall(r"\w+", plain))[:300]
