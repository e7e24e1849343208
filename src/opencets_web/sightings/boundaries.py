"""Boundaries that an agency lays into its folder of places: ``world.geojson``, ``US.geojson``, ``US-WY.geojson`` (RFC 7946).

No boundary is shipped. A feature is known by its property ``code`` (ISO 3166), or one of those that public files use for it, and
places by ``name``. Drawn in plate carrée, thinned to what a screen shows; a file that cannot be read is left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from opencets_web.sightings.ledger import places_folder

CODES = ("code", "ISO_A2", "iso_a2", "iso_3166_2", "ISO", "shapeISO", "name", "NAME")
LARGEST_BYTES = 64 << 20
WIDTH = 980.0
MOST_POINTS = 60_000


def shapes(part: str) -> tuple[dict[str, str], str]:
    """The outlines of a part of the world by code or name, as SVG paths, and the view that holds them; empty: none are laid."""
    path = places_folder() / f"{part}.geojson"
    try:
        stamp = path.stat()
    except OSError:
        return {}, ""
    return _read(path, stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=32)
def _read(path: Path, changed: int, size: int) -> tuple[dict[str, str], str]:
    if size > LARGEST_BYTES:
        return {}, ""
    try:
        given = json.loads(path.read_text("utf-8"))
        rings = {code: list(_rings(feature["geometry"])) for feature in given["features"] if (code := _code(feature))}
    except (OSError, ValueError, KeyError, TypeError):
        return {}, ""
    points = [point for of in rings.values() for ring in of for point in ring]
    if not points:
        return {}, ""
    west, east = min(x for x, _ in points), max(x for x, _ in points)
    south, north = min(y for _, y in points), max(y for _, y in points)
    # degrees of longitude are narrower away from the equator
    narrow = max(0.2, math.cos(math.radians((south + north) / 2)))
    scale = WIDTH / max((east - west) * narrow, 0.01)
    thin = max(1.0, math.sqrt(len(points) / MOST_POINTS))
    drawn = {
        code: " ".join(_path(ring, west, north, scale, narrow, thin) for ring in of).strip()
        for code, of in rings.items()
    }
    return {code: text for code, text in drawn.items() if text}, f"0 0 {WIDTH:.0f} {(north - south) * scale:.0f}"


def _code(feature: Any) -> str:
    about = feature.get("properties") or {}
    return next((str(about[name])[:80] for name in CODES if about.get(name)), "")


def _rings(geometry: Any) -> Iterator[list[tuple[float, float]]]:
    """The outer rings of a polygon or of several."""
    polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    if geometry["type"] not in ("Polygon", "MultiPolygon"):
        return
    for polygon in polygons:
        yield [(float(point[0]), float(point[1])) for point in polygon[0]]


def _path(ring: list[tuple[float, float]], west: float, north: float, scale: float, narrow: float, thin: float) -> str:
    """A ring as a path without the points that lie closer together than the screen tells apart."""
    kept: list[tuple[float, float]] = []
    for longitude, latitude in ring:
        x, y = (longitude - west) * narrow * scale, (north - latitude) * scale
        if not kept or abs(x - kept[-1][0]) + abs(y - kept[-1][1]) >= thin:
            kept.append((x, y))
    if len(kept) < 3:
        return ""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in kept) + "Z"
