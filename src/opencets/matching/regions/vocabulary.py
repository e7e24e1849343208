"""Words for descriptors: centres learnt from the features of the segment itself, without chance.

A word is only where to look: what is compared afterwards are the codes. So each segment learns its own, in two levels
(k-means of k-means), starting from descriptors taken at even steps; the same features give the same words.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from opencets.matching.regions.features import Vectors

FEATURES_A_WORD = 400
LARGEST = 8192
SAMPLE = 96
"""Descriptors a word is learnt from."""
ROUNDS = 8
ENTRIES = 4
"""Upper words whose lower ones are looked at when a feature is given its word."""

Words = npt.NDArray[np.int64]


def learn(vectors: Vectors, count: int) -> Vectors:
    """``count`` centres (a power of two), in groups of about its root that lie together."""
    groups = 1 << (count.bit_length() // 2)
    sample = _evenly(vectors, count * SAMPLE)
    upper = _means(sample, groups)
    nearest = _nearest(sample, upper)
    lower = [_means(_or_all(sample, nearest == group), count // groups) for group in range(groups)]
    return np.concatenate(lower)


def word_count(features: int) -> int:
    """How many words a segment of so many features has; 1 when there are few: then all are compared."""
    wanted = min(LARGEST, features // FEATURES_A_WORD)
    return 1 << (wanted.bit_length() - 1) if wanted >= 16 else 1


def assign(vectors: Vectors, words: Vectors) -> Words:
    """The word of each descriptor, by way of the upper level."""
    count = words.shape[0]
    groups = 1 << (count.bit_length() // 2)
    each = count // groups
    upper = words.reshape(groups, each, -1).mean(axis=1)
    norms = (words**2).sum(axis=1)
    found = np.empty(vectors.shape[0], np.int64)
    for begin in range(0, vectors.shape[0], 8192):
        some = vectors[begin : begin + 8192]
        entries = np.argpartition(_distances(some, upper), min(ENTRIES, groups) - 1, axis=1)[:, : min(ENTRIES, groups)]
        best = np.full(some.shape[0], np.inf, np.float32)
        for group in range(groups):
            mine = np.flatnonzero((entries == group).any(axis=1))
            if not mine.size:
                continue
            part = slice(group * each, (group + 1) * each)
            distance = norms[part] - 2 * some[mine] @ words[part].T
            nearest = distance.argmin(axis=1)
            value = distance[np.arange(mine.size), nearest]
            better = value < best[mine]
            best[mine[better]] = value[better]
            found[begin + mine[better]] = group * each + nearest[better]
    return found


def probes(vectors: Vectors, words: Vectors, count: int) -> npt.NDArray[np.int64]:
    """The ``count`` nearest words of each query descriptor, exactly."""
    if words.shape[0] <= count:
        return np.tile(np.arange(words.shape[0]), (vectors.shape[0], 1))
    return np.argpartition(_distances(vectors, words), count, axis=1)[:, :count]


def _means(vectors: Vectors, count: int) -> Vectors:
    centres = _evenly(vectors, count).copy()
    if centres.shape[0] < count:
        centres = np.concatenate((centres, np.repeat(centres[:1], count - centres.shape[0], axis=0)))
    for _ in range(ROUNDS):
        nearest = _nearest(vectors, centres)
        order = np.argsort(nearest, kind="stable")
        held, starts = np.unique(nearest[order], return_index=True)
        sums = np.add.reduceat(vectors[order], starts, axis=0)
        centres[held] = sums / np.diff(np.append(starts, vectors.shape[0]))[:, None]
    return centres


def _nearest(vectors: Vectors, centres: Vectors) -> Words:
    parts = [
        _distances(vectors[begin : begin + 8192], centres).argmin(axis=1) for begin in range(0, vectors.shape[0], 8192)
    ]
    return np.concatenate(parts)


def _distances(vectors: Vectors, centres: Vectors) -> Vectors:
    """Squared distances, but for the length of each of ``vectors``, which changes no order."""
    return np.asarray((centres**2).sum(axis=1) - 2 * vectors @ centres.T, np.float32)


def _evenly(vectors: Vectors, count: int) -> Vectors:
    if vectors.shape[0] <= count:
        return vectors
    return vectors[np.linspace(0, vectors.shape[0] - 1, count).astype(np.int64)]


def _or_all(vectors: Vectors, chosen: npt.NDArray[np.bool_]) -> Vectors:
    some = vectors[chosen]
    return some if some.shape[0] else vectors[:1]
