"""Evidence put together: what several paths say when some of them rest on the same ties.

Each tie is an event with a probability, ties of different evidence are independent, a path is real when all its ties
are. The probability that at least one path is real follows exactly by inclusion and exclusion: independent paths give
the noisy-or, paths that share a tie are never counted as if they were two, and a path that only adds ties to another
adds nothing.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations

MOST_PATHS = 10
"""1,023 terms; the dearer paths beyond them are left out, which can only make the answer more careful."""


def any_of(paths: Sequence[Mapping[Hashable, float]]) -> float:
    """The probability that at least one path is real; each path maps its events to their probabilities.

    An event that two paths give different probabilities has the higher one. No path: 0.
    """
    strongest: dict[Hashable, float] = {}
    for path in paths:
        for event, probability in path.items():
            strongest[event] = max(probability, strongest.get(event, 0.0))
    sets = sorted({frozenset(path) for path in paths}, key=lambda events: -_all(events, strongest))
    least = [one for one in sets if not any(other < one for other in sets)][:MOST_PATHS]
    total = 0.0
    for size in range(1, len(least) + 1):
        sign = 1 if size % 2 else -1
        for chosen in combinations(least, size):
            total += sign * _all(frozenset().union(*chosen), strongest)
    return min(1.0, max(0.0, total))


def _all(events: frozenset[Hashable], probabilities: Mapping[Hashable, float]) -> float:
    return math.prod(probabilities[event] for event in events)
