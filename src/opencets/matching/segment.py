"""An immutable run of codes: each different code once, the items that own it, and the buckets to find it by.

On disk a segment is a folder of plain NumPy arrays, opened memory-mapped:

===================== ================== =====================================================================
``words.npy``         uint64 (n, 4)      the different codes, permuted, in ascending order
``owner_starts.npy``  int64 (n + 1)      where each code's owners begin in ``owners``
``owners.npy``        int64 (items)      items, ascending for each code
``offsets.npy``       uint32 (16, 65537) for each band, where each bucket begins
``ids.npy``           uint32 (16, n)     for each band, the codes bucket after bucket
``signatures.npy``    uint16 (16, n)     beside each of ``ids``, the code's next band
===================== ================== =====================================================================
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from opencets.matching.codes import Words
from opencets.matching.loops import fill_buckets, find_near, join_near, scan_near

BANDS = 16
SMALL = 2048
"""Segments of fewer different codes are scanned: no buckets are looked into."""
SCAN_BATCH = 1024
JOIN_ROOM = 1 << 18
LARGEST_BAND_RADIUS = 2
"""Beyond a radius of 47 the buckets to visit (697 a band) cost as much as the scan."""

Items = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Near:
    """Positions of queries and codes, and how many bits they differ in."""

    query: Items
    code: Items
    distance: npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Segment:
    """See the head of this file."""

    words: Words
    owner_starts: Items
    owners: Items
    offsets: npt.NDArray[np.uint32]
    ids: npt.NDArray[np.uint32]
    signatures: npt.NDArray[np.uint16]

    @classmethod
    def build(cls, words: Words, items: Items) -> Segment:
        """A segment of ``words`` (n, 4) where each belongs to the item at the same place of ``items``."""
        order = _ascending(words, items)
        words, items = words[order], items[order]
        fresh = np.ones(words.shape[0], np.bool_)
        fresh[1:] = (words[1:] != words[:-1]).any(axis=1)
        starts = np.append(np.flatnonzero(fresh), words.shape[0]).astype(np.int64)
        words = np.ascontiguousarray(words[fresh])
        count = words.shape[0]
        offsets = np.zeros((BANDS, 65537), np.uint32)
        ids = np.empty((BANDS, count), np.uint32)
        signatures = np.empty((BANDS, count), np.uint16)
        fill_buckets(_frozen(words), offsets, ids, signatures)
        return cls(*map(_frozen, (words, starts, np.ascontiguousarray(items), offsets, ids, signatures)))

    @classmethod
    def open(cls, folder: Path) -> Segment:
        """The segment in ``folder``, memory-mapped; raises OSError or ValueError when it is not whole."""
        loaded = [np.load(folder / f"{part.name}.npy", mmap_mode="r", allow_pickle=False) for part in fields(cls)]
        return cls(*(_frozen(np.asarray(array)) for array in loaded))

    def write(self, folder: Path) -> None:
        """The segment's files in the new ``folder``, on the disk when this returns."""
        folder.mkdir()
        for part in fields(self):
            with (folder / f"{part.name}.npy").open("wb") as file:
                np.save(file, getattr(self, part.name))
                file.flush()
                os.fsync(file.fileno())
        sync_folder(folder)

    def near(self, queries: Words, radius: int, later_only: int = -1) -> Near:
        """The codes within ``radius`` of each query; see `opencets.matching.loops.find_near`."""
        if self.words.shape[0] < SMALL or radius // BANDS > LARGEST_BAND_RADIUS:
            return scan(queries, self.words, radius, later_only)
        rows = (self.words, self.offsets, self.ids, self.signatures, _flips(radius // BANDS))
        return _collect(lambda begin, out: find_near(queries, *rows, radius, begin, later_only, *out), queries.shape[0])

    def join(self, other: Segment, radius: int) -> Iterator[Near]:
        """Portions of all pairs of a code here and one of ``other`` within ``radius``; with itself each pair once."""
        same = other is self
        sides = (self, other)
        if min(side.words.shape[0] for side in sides) < SMALL or self._join_is_crowded(other, radius):
            for begin in range(0, self.words.shape[0], SCAN_BATCH):
                words = self.words[begin : begin + SCAN_BATCH]
                near = scan(words, other.words, radius, begin if same else -1)
                yield Near(near.query + begin, near.code, near.distance)
            return
        rows = [(side.words, side.offsets, side.ids, side.signatures) for side in sides]
        yield from _portions(
            lambda begin, out: join_near(*rows[0], *rows[1], same, _flips(radius // BANDS), radius, begin, *out),
            BANDS * self.words.shape[0],
            JOIN_ROOM,
        )

    def _join_is_crowded(self, other: Segment, radius: int) -> bool:
        """Whether walking the buckets compares more than comparing everything would."""
        if radius // BANDS > LARGEST_BAND_RADIUS:
            return True
        here, there = self._bucket_sizes(), other._bucket_sizes()
        buckets, load = np.arange(65536), 0
        for flip in _flips(radius // BANDS).tolist():
            load += int((here * there[:, buckets ^ flip]).sum())
        return load > 2 * int(self.words.shape[0]) * int(other.words.shape[0])

    def _bucket_sizes(self) -> Items:
        ends: Items = self.offsets.astype(np.int64)
        return ends[:, 1:] - ends[:, :-1]

    def owners_of(self, near: Near) -> Near:
        """The same matches with items for codes: one for each owner."""
        counts = self.owner_starts[near.code + 1] - self.owner_starts[near.code]
        if bool((counts == 1).all()):
            return Near(near.query, self.owners[self.owner_starts[near.code]], near.distance)
        place = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        owners = self.owners[np.repeat(self.owner_starts[near.code], counts) + place]
        return Near(np.repeat(near.query, counts), owners, np.repeat(near.distance, counts))

    def unfolded(self) -> tuple[Words, Items]:
        """The words and items the segment was built from, in its own order."""
        return np.repeat(self.words, np.diff(self.owner_starts), axis=0), np.asarray(self.owners)


def scan(queries: Words, words: Words, radius: int, later_only: int = -1) -> Near:
    """The words within ``radius`` of each query, by comparing all."""
    queries, words = _frozen(queries), _frozen(words)
    return _collect(lambda begin, out: scan_near(queries, words, radius, begin, later_only, *out), queries.shape[0])


def sync_folder(folder: Path) -> None:
    """Brings the names in ``folder`` to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def pieces(sizes: Items, most: int) -> Iterator[tuple[Items, Items]]:
    """Walks ``sum(sizes)`` places, at most ``most`` at a time: for each, of which size it is and its rank there."""
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if ends.size else 0
    for start in range(0, total, most):
        place = np.arange(start, min(start + most, total))
        which = np.searchsorted(ends, place, side="right")
        yield which, place - (ends[which] - sizes[which])


def _collect(run: Callable[[int, tuple[Any, Any, Any]], tuple[int, int]], queries: int) -> Near:
    kept = list(_portions(run, queries, max(4096, 2 * queries)))
    if len(kept) == 1:
        return kept[0]
    if not kept:
        return Near(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint16))
    return Near(
        np.concatenate([near.query for near in kept]),
        np.concatenate([near.code for near in kept]),
        np.concatenate([near.distance for near in kept]),
    )


def _portions(run: Callable[[int, tuple[Any, Any, Any]], tuple[int, int]], total: int, room: int) -> Iterator[Near]:
    """What ``run`` finds, portion after portion; the room grows when a single step finds more than it holds."""
    begin = 0
    out = (np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.uint16))
    while begin < total:
        found, reached = run(begin, out)
        if found:
            yield Near(out[0][:found].copy(), out[1][:found].copy(), out[2][:found].copy())
        if reached < total and found < room // 2:
            room *= 4
            out = (np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.uint16))
        begin = reached


@lru_cache(maxsize=8)
def _flips(bits: int) -> npt.NDArray[np.uint64]:
    """All 16-bit masks of at most ``bits`` bits, the fewest first."""
    masks = [sum(1 << bit for bit in chosen) for count in range(bits + 1) for chosen in combinations(range(16), count)]
    flips = np.array(masks, np.uint64)
    flips.flags.writeable = False
    return flips


def _ascending(words: Words, items: Items) -> npt.NDArray[np.intp]:
    """The order by word after word, then item; sorting by all is slow, and the first word nearly always decides."""
    order = np.argsort(words[:, 0], kind="stable")
    first = words[order, 0]
    same = first[1:] == first[:-1]
    tied = np.zeros(order.size, np.bool_)
    tied[1:] |= same
    tied[:-1] |= same
    if tied.any():
        rows = order[tied]
        keys = (items[rows], words[rows, 3], words[rows, 2], words[rows, 1], words[rows, 0])
        order[tied] = rows[np.lexsort(keys)]
    return order


def _frozen(array: Any) -> Any:
    view = array.view()
    view.flags.writeable = False
    return view
