"""From a marked region to the pictures it stands in: nearest features, votes by turn and size, verification, significance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from opencets.matching.regions import loops, vocabulary
from opencets.matching.regions.features import ANGLES, LEVELS, SCALE_STEPS, Query
from opencets.matching.regions.segment import Segment

FURTHEST = 0.40
"""Squared distance of two descriptors beyond which they are no match."""
EXPECTED = 200
FLOOR = 0.004
ROOM = 1 << 21
PROPOSALS = 80
COMPARED = 1000
"""Matches of one picture that are verified, those of most weight."""
MODELS = 4
MODEL_POINTS = 5
DENSITY = 0.5
"""The share of the features between the verified ones from which points count in full: less is a chance likeness."""
SEEN = -7.0
"""Binary logarithm of the size, in picture heights, of features that can be seen again."""
BREADTH = 0.08
"""The lesser spread (standard deviation, as a share of the region's diagonal) from which points count in full."""

ALIKE = 0.25
"""Squared distance of two descriptors below which they tell the same: a motif that repeats is one reason, not fifty."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Effort:
    """How far a query is followed in each segment."""

    words: int = 24
    """In which each feature is sought, the nearest first."""
    matches: int = 600
    """Of each feature, the nearest."""
    pictures: int = 150
    """That are verified, those of most votes."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Matches of a query in a segment, sorted by picture and query feature."""

    query: npt.NDArray[np.int32]
    picture: npt.NDArray[np.int32]
    places: Floats
    """In heights of the item."""
    turn: Floats
    octave: Floats
    weight: Floats
    rarity: Floats
    """Natural logarithm of one in how many pictures so near a match of this feature stands."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A picture in which the region was verified."""

    picture: int
    score: float
    votes: float
    points: npt.NDArray[np.int64]
    """Matches (places in the candidates), each query feature once."""
    transform: npt.NDArray[np.float64]
    models: int


def candidates(segment: Segment, query: Query, gone: npt.NDArray[np.bool_], effort: Effort) -> Candidates:
    """What is near to the features of ``query``, each match weighted: near ones more, repeated and common ones less."""
    probed = vocabulary.probes(query.vectors, np.asarray(segment.words), effort.words)
    out = (np.empty(ROOM, np.int32), np.empty(ROOM, np.int64), np.empty(ROOM, np.float32))
    most, written = effort.matches, -1
    while written < 0:  # fewer of each when there are too many in all
        written = loops.collect(query.vectors, LEVELS, probed, segment.starts, segment.codes, FURTHEST, most, out)
        most //= 2
    owners = segment.owners[out[1][:written]].astype(np.int32)
    order = loops.order_of(owners, gone)  # by picture; of a picture by query feature, as they were collected
    number, feature, owner, distance = out[0][order], out[1][order], owners[order], out[2][order]
    aspect = segment.aspects[owner]
    places = np.asarray(segment.places[feature] / np.float32(65535), np.float32)
    places[:, 0] *= aspect
    turn = segment.angles[feature].astype(np.float32) / ANGLES - query.angles[number]
    size = segment.sizes[feature].astype(np.float32) / SCALE_STEPS - 12 + np.log2(np.maximum(aspect, 1))
    return Candidates(
        number,
        owner,
        places,
        turn.astype(np.float32),
        (size - query.sizes[number]).astype(np.float32),
        *_weights(number, owner, distance, len(query), segment.items.size),
    )


def _weights(number: Any, owner: Any, distance: Floats, features: int, pictures: int) -> tuple[Floats, Floats]:
    """What a match counts among the votes (its rarity, less where the picture answers the feature often), and its rarity.

    The rarity of a match is how few pictures hold one as near: what every edge or every letter answers counts nothing.
    In a small collection that says little, so `EXPECTED` pictures of the kind measured are counted in.
    """
    fresh = np.ones(number.size, np.bool_)
    fresh[1:] = (number[1:] != number[:-1]) | (owner[1:] != owner[:-1])
    group = np.cumsum(fresh) - 1
    repeated = np.bincount(group)[group] if number.size else np.zeros(0)
    nearest = np.minimum.reduceat(distance, np.flatnonzero(fresh)) if number.size else distance
    numbers = number[fresh]
    rank = loops.ranks_in(numbers, features, nearest)
    expected = EXPECTED * np.exp((nearest - FURTHEST) / 0.05) * 0.5
    few = np.maximum(rank + 1, FLOOR * pictures)
    rarity = np.log((pictures + EXPECTED) / (few + expected))[group]
    rarity = np.maximum(rarity, 0)
    return np.asarray(rarity / np.sqrt(repeated), np.float32), np.asarray(rarity, np.float32)


def rank(query: Query, found: Candidates, pictures: int) -> tuple[npt.NDArray[np.int64], Any, Any, Any]:
    """Pictures by the votes of their best turn, size and place, and for each: begins, peaks' weights, peaks."""
    begins = np.searchsorted(found.picture, np.arange(pictures + 1))
    weights, peaks = np.zeros((pictures, loops.PEAKS), np.float32), np.zeros((pictures, loops.PEAKS, 2), np.float32)
    middle = (query.places.min(axis=0) + query.places.max(axis=0)) / 2
    columns = (found.query, found.turn, found.octave, found.weight, query.places, found.places)
    loops.vote(begins, *columns, middle, _reach(query), weights, peaks)
    order = np.argsort(-weights[:, 0], kind="stable")
    return order[weights[order, 0] > 0], begins, weights, peaks


def verify(
    query: Query, found: Candidates, begin: int, end: int, peaks: Any, votes: float, picture: int
) -> Verified | None:
    """The region in one picture, or None: up to four maps, the later ones moved only (what repeats), no match used twice."""
    reach = _reach(query)
    taken: list[npt.NDArray[np.int64]] = []
    covered = np.zeros(len(query), np.bool_)
    near = np.zeros(end - begin, np.bool_)
    octave, turn = found.octave[begin:end], found.turn[begin:end]
    for peak_turn, peak_octave in peaks:
        off = np.abs((turn - peak_turn + 0.5) % 1 - 0.5)
        near |= (off < 1.5 / 24) & (np.abs(octave - peak_octave) < 1.2)
    first = np.zeros(6)
    for number in range(MODELS):
        some = _strongest(found, begin + np.flatnonzero(near))
        if some.size < MODEL_POINTS:
            break
        chosen, model = np.empty(some.size, np.int64), np.empty(6)
        columns = (found.places[some], found.turn[some], found.octave[some], found.weight[some])
        surest = np.argsort(-found.weight[some], kind="stable")[:PROPOSALS]
        query_xy = query.places[found.query[some]]
        count = loops.verify(found.query[some], query_xy, *columns, surest, reach, chosen, model)
        if count < MODEL_POINTS or (number and not _only_moved(first, model)):
            break
        points = some[_distinct(query_xy, columns[0], chosen[:count], model, reach)]
        near[some[chosen[:count]] - begin] = False
        fresh = points[~covered[found.query[points]]]
        if fresh.size < MODEL_POINTS:
            break
        first = first if number else model
        covered[found.query[fresh]] = True
        taken.append(fresh)
    if not taken:
        return None
    points = np.concatenate(taken)
    return Verified(picture, _score(query, found, points, first, reach), votes, points, first, len(taken))


def _reach(query: Query) -> float:
    """The diagonal of the region."""
    return float(np.linalg.norm(np.ptp(query.places, axis=0)))


def _strongest(found: Candidates, some: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    if some.size <= COMPARED:
        return some
    return np.sort(some[np.argpartition(-found.weight[some], COMPARED)[:COMPARED]])


def _only_moved(first: Any, model: Any) -> bool:
    """Whether two maps differ in nothing but where they lead to."""
    linear, other = first[[0, 1, 3, 4]], model[[0, 1, 3, 4]]
    return bool(np.linalg.norm(linear - other) < 0.25 * np.linalg.norm(linear))


def _distinct(query_xy: Floats, item_xy: Floats, chosen: Any, model: Any, reach: float) -> npt.NDArray[np.int64]:
    """Of the chosen matches one for each place in the region and one for each place in the item."""
    size = float(np.sqrt(abs(model[0] * model[4] - model[1] * model[3])))
    cell = 0.02 * reach
    keys = (np.round(query_xy[chosen] / cell), np.round(item_xy[chosen] / (cell * size)))
    kept = np.ones(chosen.size, np.bool_)
    for key in keys:
        _, places = np.unique(key, axis=0, return_index=True)
        single = np.zeros(chosen.size, np.bool_)
        single[places] = True
        kept &= single
    return np.asarray(chosen[kept], np.int64)


def _score(query: Query, found: Candidates, points: Any, model: Any, reach: float) -> float:
    """The rarity of the verified matches together, in decimal digits, less where they crowd in a line or a corner.

    Of n verified features that look alike each counts by the root of n: two patterns that repeat by one grid agree often.
    """
    vectors = query.vectors[found.query[points]]
    alike = (2 - 2 * vectors @ vectors.T < ALIKE).sum(axis=1)
    rarity = float((found.rarity[points] / np.sqrt(alike)).sum()) / float(np.log(10))
    places = query.places[found.query[points]]
    breadth = float(np.sqrt(max(np.linalg.eigvalsh(np.cov(places.T))[0], 0.0))) / reach
    return rarity * min(1.0, breadth / BREADTH) * min(1.0, _density(query, found.query[points], model) / DENSITY) ** 2


def _density(query: Query, verified: Any, model: Any) -> float:
    """Which share of the region's features inside the hull of the verified ones was verified, of those large enough to be seen."""
    import cv2

    hull = cv2.convexHull(query.places[verified])
    size = float(np.log2(abs(model[0] * model[4] - model[1] * model[3]))) / 2
    seen = query.sizes + size > SEEN
    seen[verified] = True
    inside = [
        number
        for number in np.flatnonzero(seen)
        if cv2.pointPolygonTest(hull, query.places[number].tolist(), False) >= 0
    ]
    return len(verified) / max(len(inside), 1)
