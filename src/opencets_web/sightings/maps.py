"""The map of computers: the world as tiles, a country by its regions, a region by its places, each in a window of days.

A count never says more than the database of places did: what is known to the country only is counted in the country and shown
beside its regions, not in one of them. Where an agency has laid boundaries (GeoJSON) into its folder of places, these are drawn.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml
from django.urls import reverse

from opencets.errors import NotFound
from opencets.sighting import answers
from opencets.sighting.areas import Area
from opencets_web.audit import log
from opencets_web.policy.actor import Actor
from opencets_web.sightings import boundaries
from opencets_web.sightings import ledger as kept
from opencets_web.sightings.queries import Standing, Tab, standing, tabs
from opencets_web.sightings.sight import Opened

TILE, STEP = 32, 35
ACROSS = 8
MOST_ROWS = 400


@dataclass(frozen=True, slots=True)
class MapWanted:
    """Which part of the world, on which network, in which days."""

    at: str = ""
    network: str = ""
    days: int = 30
    back: int = 0


@dataclass(frozen=True, slots=True)
class Tile:
    """A country or region on the map: where, how many computers, where a click leads."""

    code: str
    label: str
    name: str
    x: float
    y: float
    width: float
    path: str
    computers: int
    sightings: int
    strength: float
    url: str


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the way down, from the world."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class MapPage:
    """A part of the world with its computers."""

    standing: Standing
    tabs: tuple[Tab, ...]
    steps: tuple[Step, ...] = ()
    name: str = ""
    tiles: tuple[Tile, ...] = ()
    listed: tuple[Tile, ...] = ()
    view: str = ""
    drawn: bool = False
    computers: int = 0
    sightings: int = 0
    less: int = 0
    less_words: str = ""
    first_day: str = ""
    last_day: str = ""
    newest: str = ""
    most_back: int = 0


@cache
def world() -> tuple[dict[str, tuple[int, int]], dict[str, str]]:
    """Column and row of each country's tile, and its name."""
    table = yaml.safe_load(Path(__file__).with_name("world.yaml").read_text("utf-8"))
    places = {
        code: (column, row)
        for row, line in enumerate(table["grid"].splitlines())
        for column, code in enumerate(line.split())
        if code != ".."
    }
    return places, table["names"]


def get_map(actor: Actor, wanted: MapWanted) -> MapPage:
    """The map at a country, a region or the world, as far as it is open to the actor. NotFound for another part."""
    here = standing(actor)
    log.record(
        "sightings.mapped", actor,
        details={"at": wanted.at, "network": wanted.network, "days": wanted.days, "back": wanted.back},
    )  # fmt: skip
    if here.missing or here.ledger is None:
        return MapPage(here, tabs("map"))
    area = Area.named(wanted.at).within(here.opened.area)
    if not area:
        raise NotFound
    newest = answers.newest_day(here.ledger)
    oldest = min(part.first for part in here.ledger.state().table("days"))
    most_back = max(0, (dt.date.fromisoformat(newest) - dt.date.fromisoformat(oldest)).days)
    until = (dt.date.fromisoformat(newest) - dt.timedelta(min(wanted.back, most_back))).isoformat()
    by = "country" if not wanted.at else "place" if "-" in wanted.at else "region"
    question = {
        "ask": "spread", "area": area.condition(), "by": by, "days": wanted.days, "until": until, "network": wanted.network,
    }  # fmt: skip

    def ask() -> dict[str, Any]:
        found = answers.spread(here.ledger, area, by, wanted.days, until=until, network=wanted.network)  # type: ignore[arg-type]
        return {"spots": found.spots, "computers": found.computers, "sightings": found.sightings, "after": found.after}

    found = kept.answered(here.ledger, question, ask)
    spots: dict[str, list[int]] = dict(found["spots"])
    less = spots.pop("", [0, 0])[0]
    level = {"country": _of_world, "region": _of_country, "place": _of_region}[by]
    tiles, view, drawn = level(here.opened, wanted, spots)
    listed = sorted((tile for tile in tiles if tile.computers), key=lambda tile: (-tile.computers, tile.name))
    words = {
        "country": "whose country nobody knows",
        "region": "known to the country only",
        "place": "known to the region only",
    }
    return MapPage(
        here, tabs("map"), _steps(here.opened, wanted), _name(here.opened, wanted.at) if wanted.at else "The world", tiles,
        tuple(listed[:MOST_ROWS]), view, drawn, found["computers"], found["sightings"], less, words[by],
        (dt.date.fromisoformat(found["after"]) + dt.timedelta(1)).isoformat(), until, newest, most_back,
    )  # fmt: skip


def _url(wanted: MapWanted, at: str) -> str:
    asked = {"at": at, "network": wanted.network, "days": wanted.days, "back": wanted.back}
    kept_ones = {name: value for name, value in asked.items() if value and not (name == "days" and value == 30)}
    return reverse("sightings:map") + (f"?{urlencode(kept_ones)}" if kept_ones else "")


def _ranked_url(opened: Opened, wanted: MapWanted, region: str, place: str) -> str:
    """The order of computers of the jurisdiction that a place is; empty where none is as small."""
    node = opened.tree.place_of(region[:2], region, place)
    if node is None or (region, place) not in node.own.places or not node.area.within(opened.area):
        return ""
    return reverse("sightings:list") + "?" + urlencode({"jurisdiction": node.code, "days": wanted.days})


def _name(opened: Opened, code: str) -> str:
    """The name of a country or region; a region by its jurisdiction's, or its code."""
    named = next((node.name for node in opened.tree if code in node.own.regions | node.own.countries), "")
    return named or world()[1].get(code, code)


def _steps(opened: Opened, wanted: MapWanted) -> tuple[Step, ...]:
    steps = [Step("The world", _url(wanted, ""))]
    if wanted.at:
        steps.append(Step(_name(opened, wanted.at[:2]), _url(wanted, wanted.at[:2])))
    if "-" in wanted.at:
        steps.append(Step(_name(opened, wanted.at), ""))
    return tuple(steps)


def _strength(count: int, most: int) -> float:
    return round(0.25 + 0.75 * math.sqrt(count / most), 2) if count else 0.0


Level = tuple[tuple[Tile, ...], str, bool]


def _of_world(opened: Opened, wanted: MapWanted, spots: dict[str, list[int]]) -> Level:
    places, names = world()
    most = max((count for count, _ in spots.values()), default=1) or 1
    shapes, view = boundaries.shapes("world")
    columns = max(column for column, _ in places.values()) + 1
    rows = max(row for _, row in places.values()) + 1
    strays = [code for code in sorted(spots) if code not in places]
    tiles = []
    for code, (column, row) in [*places.items(), *((code, (at, rows)) for at, code in enumerate(strays))]:
        count, sightings = spots.get(code, (0, 0))
        tiles.append(
            Tile(
                code, code, names.get(code, code), column * STEP, row * STEP, TILE, shapes.get(code, ""), count, sightings,
                _strength(count, most), _url(wanted, code) if count else "",
            )
        )  # fmt: skip
    return tuple(tiles), view or f"0 0 {columns * STEP} {(rows + bool(strays)) * STEP}", bool(shapes)


def _of_country(opened: Opened, wanted: MapWanted, spots: dict[str, list[int]]) -> Level:
    most = max((count for count, _ in spots.values()), default=1) or 1
    shapes, view = boundaries.shapes(wanted.at)
    codes = sorted({*spots, *(code for code in shapes if code.startswith(f"{wanted.at}-"))})
    wide = STEP * 2.6
    tiles = []
    for at, code in enumerate(codes):
        count, sightings = spots.get(code, (0, 0))
        tiles.append(
            Tile(
                code, code.partition("-")[2], _name(opened, code), (at % ACROSS) * (wide + 3), (at // ACROSS) * 52.0, wide,
                shapes.get(code, ""), count, sightings, _strength(count, most), _url(wanted, code) if count else "",
            )
        )  # fmt: skip
    across, down = min(len(codes), ACROSS), -(-len(codes) // ACROSS)
    return tuple(tiles), view or f"0 0 {max(across, 6) * (wide + 3):.0f} {max(down, 1) * 52}", bool(shapes)


def _of_region(opened: Opened, wanted: MapWanted, spots: dict[str, list[int]]) -> Level:
    most = max((count for count, _ in spots.values()), default=1) or 1
    shapes, view = boundaries.shapes(wanted.at)
    tiles = tuple(
        Tile(
            name, name[:12], name, 0, 0, round(100 * count / most, 1), shapes.get(name, ""), count, sightings,
            _strength(count, most), _ranked_url(opened, wanted, wanted.at, name),
        )
        for name, (count, sightings) in sorted(spots.items())
    )  # fmt: skip
    return tiles, view, bool(shapes)
