"""All the pictures a marked region stands in: immutable segments in a folder, merged as they grow in number."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from opencets.errors import DamagedSource
from opencets.matching.regions import search as searching
from opencets.matching.regions.features import Features, Query
from opencets.matching.regions.search import Effort
from opencets.matching.regions.segment import Segment

FORMAT = "opencets regions 1"
MERGE_FACTOR = 4
ORDINARY = Effort()
REPORTED = 22.0
"""The score from which a place is reported: above the largest of a wrong picture (19.8, now 14.2), 60 regions, also mirrored,
in 5,000 rendered pictures."""


@dataclass(frozen=True, slots=True)
class Place:
    """A picture in which the region stands, and what speaks for it."""

    item: int
    score: float
    """Minus the decimal logarithm of how often so good an agreement is expected by chance."""
    votes: float
    """How strongly features agree on turn and size, the order before verification."""
    points: int
    """Different features of the region that were verified."""
    models: int
    """How many maps were needed; more than one for what repeats or bends."""
    transform: tuple[float, ...]
    """a b x; c d y of the first map, between positions counted in heights of the two pictures."""
    pairs: tuple[tuple[float, float, float, float], ...]
    """The matched points: x, y in the query's picture, x, y in the item, as shares of width and height."""
    aspects: tuple[float, float]
    """Width by height of the query's picture and of the item."""
    mirrored: bool = False
    """The region lies there flipped left to right (and then turned); ``transform`` is from the flipped picture."""

    @property
    def reported(self) -> bool:
        """Whether the score is above that of every false match measured."""
        return self.score >= REPORTED

    def carried(self, polygon: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
        """Where the first map brings corners of the query's picture (shares) in the item (shares, perhaps outside it)."""
        a, b, x0, c, d, y0 = self.transform
        mine, there = self.aspects
        corners = [(1 - x if self.mirrored else x, y) for x, y in polygon]
        return [
            (round((a * x * mine + b * y + x0) / there, 5), round(c * x * mine + d * y + y0, 5)) for x, y in corners
        ]

    @property
    def size(self) -> float:
        """How many times as large, in heights of the picture, the thing is there."""
        a, b, _, c, d, _ = self.transform
        return round(math.sqrt(abs(a * d - b * c)), 3)

    @property
    def turn_degrees(self) -> float:
        """How far it is turned with the clock."""
        a, b, _, c, d, _ = self.transform
        return round(math.degrees(math.atan2(c - b, a + d)), 1)


class RegionIndex:
    """Pictures by their local features. One writer at a time; readers see the last whole state."""

    def __init__(self, folder: Path | None, segments: list[tuple[str, Segment]], state: dict[str, Any]) -> None:
        self._folder, self._segments, self._state = folder, segments, state

    @classmethod
    def create(cls, folder: Path | None = None) -> RegionIndex:
        """An empty index, in memory alone or in the new ``folder``."""
        index = cls(folder, [], {"format": FORMAT, "next": 0, "made": 0, "segments": [], "removed": []})
        if folder is not None:
            folder.mkdir(parents=True)
            index._keep_state()
        return index

    @classmethod
    def open(cls, folder: Path) -> RegionIndex:
        """The index in ``folder``; raises DamagedSource when it is none."""
        try:
            state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
            if state["format"] != FORMAT:
                raise ValueError(f"its format is {state['format']}")
            segments = [(name, Segment.open(folder / name)) for name in state["segments"]]
        except (OSError, ValueError, KeyError, TypeError) as reason:
            raise DamagedSource(f"The folder {folder.name} holds no index of regions: {reason}") from reason
        return cls(folder, segments, state)

    def __len__(self) -> int:
        """How many positions were given, removed ones too."""
        return int(self._state["next"])

    @property
    def feature_count(self) -> int:
        """Features kept in all segments."""
        return sum(segment.owners.size for _, segment in self._segments)

    def add(self, pictures: Sequence[Features]) -> list[int]:
        """Add pictures; their positions, which follow one another."""
        first = len(self)
        items = list(range(first, first + len(pictures)))
        if not items:
            return items
        fresh = [(self._new_name(), Segment.build(items, pictures))]
        rest = list(self._segments)
        # Sizes fall by the factor from one segment to the next, so that a feature is merged a few times only.
        while rest and rest[-1][1].owners.size < MERGE_FACTOR * sum(part.owners.size for _, part in fresh):
            fresh.insert(0, rest.pop())
        if len(fresh) > 1:
            merged = Segment.merge([part for _, part in fresh], np.array(self._state["removed"], np.int64))
            fresh = [(self._new_name(), merged)]
        self._state["next"] = first + len(pictures)
        self._replace(rest, fresh)
        return items

    def remove(self, items: Sequence[int]) -> None:
        """Leave items out of every answer from now on."""
        self._state["removed"] = sorted({*self._state["removed"], *map(int, items)})
        self._keep_state()

    def search(
        self,
        query: Query,
        *,
        at_most: int = 100,
        above: float = 0.0,
        exclude: Sequence[int] = (),
        effort: Effort = ORDINARY,
    ) -> list[Place]:
        """Where the marked region stands, the best first; ``exclude`` leaves out items (the picture it was marked on)."""
        if not len(query):
            return []
        removed = np.array([*self._state["removed"], *exclude], np.int64)
        places: list[Place] = []
        for _, segment in self._segments:
            gone = np.isin(np.asarray(segment.items), removed)
            found = searching.candidates(segment, query, gone, effort)
            order, begins, weights, peaks = searching.rank(query, found, segment.items.size)
            for picture in order[: effort.pictures].tolist():
                verified = searching.verify(
                    query,
                    found,
                    begins[picture],
                    begins[picture + 1],
                    peaks[picture],
                    float(weights[picture, 0]),
                    picture,
                )
                if verified is not None and verified.score > above:
                    places.append(_place(segment, query, found, verified))
        return sorted(places, key=lambda place: (-place.score, place.item))[:at_most]

    def _replace(self, kept: list[tuple[str, Segment]], fresh: list[tuple[str, Segment]]) -> None:
        old = {name for name, _ in self._segments} - {name for name, _ in kept}
        if self._folder is not None:
            for name, segment in fresh:
                shutil.rmtree(self._folder / name, ignore_errors=True)  # left by a crash before the state named it
                segment.write(self._folder / name)
            fresh = [(name, Segment.open(self._folder / name)) for name, _ in fresh]
        self._segments = kept + fresh
        self._state["segments"] = [name for name, _ in self._segments]
        self._keep_state()
        if self._folder is not None:
            for name in old:
                shutil.rmtree(self._folder / name, ignore_errors=True)

    def _new_name(self) -> str:
        self._state["made"] += 1
        return f"segment-{self._state['made']:06d}"

    def _keep_state(self) -> None:
        if self._folder is None:
            return
        draft = self._folder / f"state.json.{os.getpid()}.draft"
        with draft.open("w", encoding="utf-8") as file:
            json.dump(self._state, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._folder / "state.json")


def _place(segment: Segment, query: Query, found: searching.Candidates, verified: searching.Verified) -> Place:
    points = verified.points
    aspect = float(segment.aspects[verified.picture])
    left = query.places[found.query[points]] / np.array([query.aspect, 1], np.float32)
    right = found.places[points] / np.array([aspect, 1], np.float32)
    pairs = np.round(np.concatenate((left, right), axis=1).astype(float), 5)
    return Place(
        int(segment.items[verified.picture]),
        round(verified.score, 2),
        round(verified.votes, 3),
        int(points.size),
        verified.models,
        tuple(round(float(part), 6) for part in verified.transform),
        tuple((row[0], row[1], row[2], row[3]) for row in pairs.tolist()),
        (query.aspect, aspect),
    )
