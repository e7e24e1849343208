"""An immutable run of codes: each different code once, the items that own it, and the buckets to find it by.

On disk a segment is a folder of plain NumPy arrays, opened memory-mapped; 132 bytes a code and 4 MB:

===================== ================== =====================================================================
``words.npy``         uint64 (n, 4)      the different codes, permuted, in ascending order
``owners.npy``        uint32 (items)     items, code after code, ascending for each code
``shared.npy``        uint32 (k)         the codes with several owners, ascending
``extra.npy``         int64 (k + 1)      how many owners more than one the first 0, 1, ... of ``shared`` have together
``offsets.npy``       uint32 (16, 65537) for each band, where each bucket begins
``ids.npy``           uint32 (16 n)      for each band, the codes bucket after bucket
``signatures.npy``    uint16 (16 n + 32) beside each of ``ids``, the code's next band; the rest is read and not used
===================== ================== =====================================================================
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from opencets.matching.codes import Words
from opencets.matching.compiled import LANES
from opencets.matching.loops import BANDS, WITHIN_TWO, fill_buckets, find_near, join_near, scan_near, spread

SMALL = 2048
"""Segments of fewer different codes are scanned: no buckets are looked into."""
SCAN_BATCH = 1024
JOIN_ROOM = 1 << 18
CROWDED = 8
"""How many signatures may be looked at for each comparison of a code with a code."""
LARGEST_RADIUS = 47
"""Beyond it the buckets to visit (697 a band) cost as much as the scan."""
MOST_ITEMS = 1 << 32

Items = npt.NDArray[np.int64]


class Near(NamedTuple):
    """Positions of queries and codes, and how many bits they differ in; for reading only."""

    query: Items
    code: Items
    distance: npt.NDArray[np.uint16]


NOTHING = Near(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint16))


@dataclass(frozen=True, slots=True)
class Segment:
    """See the head of this file."""

    words: Words
    owners: npt.NDArray[np.uint32]
    shared: npt.NDArray[np.uint32]
    extra: Items
    offsets: npt.NDArray[np.uint32]
    ids: npt.NDArray[np.uint32]
    signatures: npt.NDArray[np.uint16]

    @classmethod
    def build(cls, words: Words, items: Items) -> Segment:
        """A segment of ``words`` (n, 4) where each belongs to the item (below 2^32) at the same place of ``items``."""
        order = _ascending(words, items)
        words, items = words[order], items[order]
        fresh = np.ones(words.shape[0], np.bool_)
        fresh[1:] = (words[1:] != words[:-1]).any(axis=1)
        if fresh.all():
            shared, extra = np.empty(0, np.uint32), np.zeros(1, np.int64)
        else:
            more = np.diff(np.append(np.flatnonzero(fresh), words.shape[0])) - 1
            shared = np.flatnonzero(more).astype(np.uint32)
            extra = np.append(0, np.cumsum(more[shared])).astype(np.int64)
            words = np.ascontiguousarray(words[fresh])
        count = words.shape[0]
        offsets = np.zeros((BANDS, 65537), np.uint32)
        ids = np.empty(BANDS * count, np.uint32)
        signatures = np.empty(BANDS * count + LANES, np.uint16)
        fill_buckets(_frozen(words), offsets, ids, signatures)
        return cls(*map(_frozen, (words, items.astype(np.uint32), shared, extra, offsets, ids, signatures)))

    @classmethod
    def open(cls, folder: Path) -> Segment:
        """The segment in ``folder``, memory-mapped; raises OSError or ValueError when it is not whole."""
        loaded = {
            part.name: np.load(folder / f"{part.name}.npy", mmap_mode="r", allow_pickle=False) for part in fields(cls)
        }
        # looked into 272 times a query, in no order: 4 MB in large pages of its own memory cost fewer detours than a file's
        loaded["offsets"] = np.array(loaded["offsets"])
        return cls(**{name: _frozen(np.asarray(array)) for name, array in loaded.items()})

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
        if self.words.shape[0] < SMALL or radius > LARGEST_RADIUS:
            return scan(queries, self.words, radius, later_only)
        rows = (self.words, self.offsets, self.ids, self.signatures, _MASKS)
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
        thirds, thirds_of = np.empty(other.words.shape[0], np.uint16), np.full(1, -1, np.int64)
        fixed = (same, _MASKS, _even_levels(radius), radius, thirds, thirds_of)
        yield from _portions(
            lambda begin, out: join_near(*rows[0], *rows[1], *fixed, begin, *out),
            BANDS * self.words.shape[0],
            JOIN_ROOM,
        )

    def _join_is_crowded(self, other: Segment, radius: int) -> bool:
        """Whether walking the buckets compares more than comparing everything would."""
        if radius > LARGEST_RADIUS:
            return True
        here, there = self._bucket_sizes(), other._bucket_sizes()
        buckets, load = np.arange(65536), 0
        for band, level in enumerate(_even_levels(radius).tolist()):
            for mask in _MASKS[: (0, 1, 17, WITHIN_TWO)[level + 1]].astype(np.int64).tolist():
                load += int(here[band] @ there[band, buckets ^ mask])
        return load > CROWDED * int(self.words.shape[0]) * int(other.words.shape[0])

    def _bucket_sizes(self) -> Items:
        ends: Items = self.offsets.astype(np.int64)
        return ends[:, 1:] - ends[:, :-1]

    def owners_of(self, near: Near) -> Near:
        """The same matches with items for codes: one for each owner."""
        if not near.code.size:
            return near
        if not self.shared.size:
            return Near(near.query, self.owners[near.code].astype(np.int64), near.distance)
        return Near(*spread(*near, self.owners, self.shared, self.extra))

    def owned(self, codes: Items) -> tuple[Items, Items]:
        """For each of ``codes``: where its owners begin in ``owners``, and how many there are."""
        if not self.shared.size:
            return codes, np.ones(codes.size, np.int64)
        narrow = codes.astype(np.uint32)  # else the whole of ``shared`` would be widened for the search
        before = self.shared.searchsorted(narrow)
        more = self.extra[before]
        upto = before + (self.shared[np.minimum(before, self.shared.size - 1)] == narrow)
        return codes + more, 1 + self.extra[upto] - more

    def unfolded(self) -> tuple[Words, Items]:
        """The words and items the segment was built from, in its own order."""
        items = self.owners.astype(np.int64)
        if not self.shared.size:
            return np.asarray(self.words), items
        return np.repeat(self.words, self.owned(np.arange(self.words.shape[0]))[1], axis=0), items


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
    room = max(256, 2 * queries)
    out = (np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.uint16))
    found, reached = run(0, out)
    first = Near(out[0][:found], out[1][:found], out[2][:found])
    if reached >= queries:
        return first
    kept = [first, *_portions(run, queries, max(4096, 4 * room), reached)]
    return Near(*(np.concatenate(columns) for columns in zip(*kept, strict=True)))


def _portions(
    run: Callable[[int, tuple[Any, Any, Any]], tuple[int, int]], total: int, room: int, begin: int = 0
) -> Iterator[Near]:
    """What ``run`` finds, portion after portion; the room grows when a single step finds more than it holds."""
    out = (np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.uint16))
    while begin < total:
        found, reached = run(begin, out)
        if found:
            yield Near(out[0][:found].copy(), out[1][:found].copy(), out[2][:found].copy())
        if reached < total and found < room // 2:
            room *= 4
            out = (np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.uint16))
        begin = reached


def _all_masks() -> npt.NDArray[np.uint64]:
    """All 16-bit masks of at most two bits, the fewest first."""
    chosen = [places for count in range(3) for places in combinations(range(16), count)]
    masks = np.array([sum(1 << place for place in places) for places in chosen], np.uint64)
    masks.flags.writeable = False
    return masks


_MASKS = _all_masks()


@lru_cache(maxsize=64)
def _even_levels(radius: int) -> Items:
    """A level for each band, as equal as can be, with the sum of ``level + 1`` equal to ``radius + 1``."""
    whole, rest = divmod(radius + 1, BANDS)
    levels = np.full(BANDS, whole - 1, np.int64)
    levels[:rest] += 1
    levels.flags.writeable = False
    return levels


def _ascending(words: Words, items: Items) -> npt.NDArray[np.intp]:
    """The order by word after word, then item; sorting by all is slow, and the first word nearly always decides."""
    order = np.argsort(words[:, 0])
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
