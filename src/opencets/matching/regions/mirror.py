"""A region sought as it was marked and as a mirror shows it.

A picture that was flipped has the same local features, each seen in a mirror. So the query is turned over, not the
pictures: the 4 by 4 histograms of a descriptor change sides, the 8 directions in each run backwards. Nothing is read
again and the index keeps nothing twice; a search costs a good third more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from opencets.matching.regions.features import Query
from opencets.matching.regions.index import ORDINARY, Place, RegionIndex
from opencets.matching.regions.search import Effort


def _turned_over() -> npt.NDArray[np.int64]:
    """Where each of the 128 values of a SIFT descriptor (4 rows, 4 columns along its direction, 8 directions) comes from."""
    places = np.arange(128).reshape(4, 4, 8)
    return np.asarray(places[::-1][:, :, (8 - np.arange(8)) % 8].reshape(-1), np.int64)


TURNED_OVER = _turned_over()

MIRRORED_FEATURES = 350
MIRRORED_EFFORT = Effort(words=12, matches=400, pictures=80)
"""A flipped picture is the rarer case: it is sought by the strongest features and less far, at a third of the cost."""


def mirrored(query: Query) -> Query:
    """The query as if it had been marked on the picture flipped left to right."""
    places = query.places.copy()
    places[:, 0] = query.aspect - places[:, 0]
    angles = np.asarray((0.5 - query.angles) % 1.0, np.float32)
    return replace(query, vectors=np.ascontiguousarray(query.vectors[:, TURNED_OVER]), places=places, angles=angles)


def search_either(
    index: RegionIndex, query: Query, *, at_most: int = 100, above: float = 0.0, exclude: Sequence[int] = ()
) -> list[Place]:
    """Where the region stands as it was marked or flipped, the best first; of each picture the surer of the two."""
    best: dict[int, Place] = {}
    for flipped in (False, True):
        asked = mirrored(query).strongest(MIRRORED_FEATURES) if flipped else query
        effort = MIRRORED_EFFORT if flipped else ORDINARY
        for place in index.search(asked, at_most=at_most, above=above, exclude=exclude, effort=effort):
            there = best.get(place.item)
            if there is None or place.score > there.score:
                best[place.item] = _flipped(place) if flipped else place
    return sorted(best.values(), key=lambda place: (-place.score, place.item))[:at_most]


def _flipped(place: Place) -> Place:
    """A place found by the turned-over query, its points said in the picture as it was marked."""
    pairs = tuple((round(1 - x, 5), y, there_x, there_y) for x, y, there_x, there_y in place.pairs)
    return replace(place, pairs=pairs, mirrored=True)
