"""What keeps records apart whatever their names say: a person's "different", and two places at one time.

Two dates of birth are a third reason, and stand in ``features.hard_conflict``: they are compared with everything else. All
three hold within a cluster: no two of its members may be kept apart, however many records lie between them.
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from opencets.errors import ActRefused, NotThisFormat

FASTEST_KM_H = 1_000.0
"""Nobody is at two places between which they would have to travel faster: an airliner."""
LEAST_KM = 50.0
"""Places nearer than this are one: a mast's cell, a town, a place that was rounded."""
PLACE_COLUMNS = ("seen_at", "latitude", "longitude")


@dataclass(frozen=True, slots=True)
class Seen:
    """Where somebody was at an instant (UTC)."""

    at: datetime
    latitude: float
    longitude: float

    def __str__(self) -> str:
        return f"{self.latitude:.2f}, {self.longitude:.2f} at {self.at:%Y-%m-%d %H:%M} UTC"


class Walls(NamedTuple):
    """What keeps the rows of a table apart, as ``bulk.cluster_rows`` reads it.

    ``other[starts[row]:starts[row + 1]]``: the rows judged different from a row; ``hours``: when it was seen, NaN where not
    stated; ``x``, ``y``, ``z``: where, on a globe of radius 1.
    """

    starts: npt.NDArray[np.int64]
    other: npt.NDArray[np.int32]
    hours: npt.NDArray[np.float64]
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    z: npt.NDArray[np.float64]


class Apart:
    """Reasons to keep records apart. ``different``: pairs of records that a person judged; ``seen``: where each was, and when."""

    def __init__(self, different: Iterable[tuple[str, str]] = (), seen: Mapping[str, Seen] | None = None) -> None:
        self.different: dict[str, set[str]] = defaultdict(set)
        for one, other in different:
            self.different[one].add(other)
            self.different[other].add(one)
        self.seen = dict(seen or {})

    def __bool__(self) -> bool:
        return bool(self.different or self.seen)

    def why(self, one: str, other: str) -> str:
        """Why two records are not one person, for people; empty where nothing says so."""
        if other in self.different.get(one, ()):
            return "a person judged them different"
        here, there = self.seen.get(one), self.seen.get(other)
        return two_places(here, there) if here and there else ""

    def walls(self, ids: Sequence[str]) -> Walls:
        """The same for the rows of a table, by number."""
        row_of = {record: row for row, record in enumerate(ids)}
        others = [
            sorted(row_of[other] for other in self.different.get(record, ()) if other in row_of) for record in ids
        ]
        starts = np.zeros(len(ids) + 1, np.int64)
        np.cumsum([len(each) for each in others], out=starts[1:])
        places = np.full((4, len(ids)), np.nan)
        for record, seen in self.seen.items():
            if record in row_of:
                places[:, row_of[record]] = seen.at.timestamp() / 3_600, *_on_the_globe(seen)
        other = np.array([row for each in others for row in each], np.int32)
        return Walls(starts, other, *places)

    def unknown(self, ids: Iterable[str]) -> int:
        """How many judged pairs name a record that is not there."""
        if not self.different:
            return 0
        there = set(ids)
        pairs = ((one, other) for one, held in self.different.items() for other in held if one < other)
        return sum(1 for one, other in pairs if one not in there or other not in there)


def two_places(here: Seen, there: Seen) -> str:
    """Why nobody was at both, for people; empty where somebody could have been."""
    apart, hours = _kilometres(here, there), abs((here.at - there.at).total_seconds()) / 3_600
    if apart < LEAST_KM or apart <= FASTEST_KM_H * hours:
        return ""
    return f"two places at one time: {here}, and {there}, {apart:,.0f} km away"


def _on_the_globe(seen: Seen) -> tuple[float, float, float]:
    north, east = math.radians(seen.latitude), math.radians(seen.longitude)
    return math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)


def _kilometres(one: Seen, other: Seen) -> float:
    straight = math.dist(_on_the_globe(one), _on_the_globe(other))
    return 2 * 6_371.0088 * math.asin(min(1.0, straight / 2))


def read_seen(path: Path) -> dict[str, Seen]:
    """Where and when the records of a table were seen; empty where it has no such columns.

    NotThisFormat: a time without its zone, or a place that is none, with its line; records without any of it are passed over.
    """
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if not set(PLACE_COLUMNS) & set(reader.fieldnames or ()):
            return {}
        if missing := sorted(set(PLACE_COLUMNS) - set(reader.fieldnames or ())):
            raise NotThisFormat(f"{path.name} has no column {missing[0]}; a place needs {', '.join(PLACE_COLUMNS)}.")
        found = {}
        for row in reader:
            stated = [(row[name] or "").strip() for name in PLACE_COLUMNS]
            if any(stated):
                found[(row["record_id"] or "").strip()] = _seen(path.name, reader.line_num, *stated)
        return found


def _seen(name: str, line: int, at: str, latitude: str, longitude: str) -> Seen:
    try:
        instant, north, east = datetime.fromisoformat(at), float(latitude), float(longitude)
    except ValueError:
        instant, north, east = datetime.min, math.nan, math.nan
    if instant.tzinfo is None or not (-90 <= north <= 90 and -180 <= east <= 180):
        raise NotThisFormat(
            f"{name}: line {line} has no place at a time: seen_at such as 2026-05-01T12:00:00Z with its zone, latitude and "
            "longitude in degrees; leave all three empty where it is not known."
        )
    return Seen(instant.astimezone(UTC), north, east)


def read_different(path: Path) -> list[tuple[str, str]]:
    """The pairs of a file with the columns left and right, whatever else it has. NotThisFormat where it is none."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if not {"left", "right"} <= set(reader.fieldnames or ()):
                raise NotThisFormat(f"{path.name} names no pairs: it needs the columns left and right.")
            pairs = [((row["left"] or "").strip(), (row["right"] or "").strip()) for row in reader]
    except OSError as broken:
        raise ActRefused(f"{path.name} cannot be read: {broken.strerror}.") from None
    for line, (one, other) in enumerate(pairs, 2):
        if not one or not other or one == other:
            raise NotThisFormat(f"{path.name}: line {line} does not name two records.")
    return pairs
