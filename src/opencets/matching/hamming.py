"""The exact index of 256-bit codes by Hamming distance, in memory or in a folder.

In a folder, the file ``manifest.json`` names everything that counts: immutable segments, a tail of the latest codes, a
list of removed items. It is replaced in one step after everything it names is on the disk, so that a crash at any
instant leaves the last whole state, and what a returned `add` or `remove` acknowledged is kept. Readers look at the
manifest before each search and so see every change of every process; nothing they have open is changed, only unlinked.
Writers take turns by a lock on ``lock``; `compact` works beside them and joins them only for the exchange.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from opencets.errors import ActRefused, DamagedSource, Interrupted, NotThisFormat
from opencets.matching.codes import PERMUTATION_SEED, Words, as_codes, permuted
from opencets.matching.segment import MOST_ITEMS, NOTHING, Items, Near, Segment, pieces, scan, sync_folder

FORMAT = 2
TAIL_CODES = 32_768
"""A tail that would grow beyond this becomes a segment; scanning this many codes takes some 20 microseconds."""
QUERY_BATCH = 4_096
PAIR_BATCH = 1 << 20
PUBLISHED_RADIUS = 31
"""The distance up to which the publication of PDQ calls two pictures the same."""


class Matches(NamedTuple):
    """Three arrays of one length: which query, which item, and in how many bits they differ."""

    query_index: npt.NDArray[np.int64]
    item_index: npt.NDArray[np.int64]
    distance: npt.NDArray[np.uint16]


class Pairs(NamedTuple):
    """Three arrays of one length: two items (``left`` is the smaller), and in how many bits they differ."""

    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    distance: npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class State:
    """What one manifest says, opened. Never changed: a change makes another."""

    names: tuple[str, ...]
    segments: tuple[Segment, ...]
    tail_name: str
    tail: Words
    count: int
    """Items ever added; the tail holds the last ``len(tail)`` of them."""
    removed: Items
    """Ascending."""
    generation: int
    stamp: tuple[int, int, int] | None = None

    def is_gone(self, items: Items) -> npt.NDArray[np.bool_]:
        """Which of ``items`` are removed."""
        if not self.removed.size:
            return np.zeros(items.size, np.bool_)
        place = np.minimum(np.searchsorted(self.removed, items), self.removed.size - 1)
        gone: npt.NDArray[np.bool_] = self.removed[place] == items
        return gone

    def kept_pairs(self, pairs: Pairs) -> Pairs:
        """Those of ``pairs`` of which neither side is removed."""
        if not self.removed.size:
            return pairs
        keep = ~(self.is_gone(pairs.left) | self.is_gone(pairs.right))
        return Pairs(pairs.left[keep], pairs.right[keep], pairs.distance[keep])


EMPTY = State((), (), "", np.empty((0, 4), np.uint64), 0, np.empty(0, np.int64), 0)


class HammingIndex:
    """All codes within a radius of a query, none missed.

    Items are numbered from 0 in the order they were added, for good: neither `remove` nor `compact` renumbers.
    Safe for many threads and, in a folder, for many processes.
    """

    def __init__(self, path: Path | None, state: State) -> None:
        self._path = path
        self._manifest = str(path / "manifest.json") if path else ""
        self._state = state
        self._writing = threading.RLock()

    @classmethod
    def build(cls, codes: npt.ArrayLike, path: str | os.PathLike[str] | None = None) -> HammingIndex:
        """An index of ``codes`` (uint8, (n, 32)), in the new or empty folder ``path`` or, without it, in memory.

        Raises ActRefused when ``path`` already holds something, ValueRefused when ``codes`` have another shape or type.
        """
        checked = as_codes(codes)
        if path is None:
            index = cls(None, EMPTY)
        else:
            folder = Path(path)
            if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                raise ActRefused(
                    f"An index cannot be built in {folder}: it is not an empty folder. Choose another, or open it."
                )
            folder.mkdir(parents=True, exist_ok=True)
            index = cls(folder, EMPTY)
            with index._turn(refresh=False):
                index._publish(replace(EMPTY, generation=1))
        if checked.shape[0]:
            index.add(checked)
        return index

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> HammingIndex:
        """The index in the folder ``path``, memory-mapped; opening reads a few kilobytes, however large the index.

        Raises NotThisFormat when the folder holds no index, DamagedSource when files that its manifest names are
        missing or cut short.
        """
        folder = Path(path)
        return cls(folder, _read_state(folder, None))

    @classmethod
    def adopt(cls, path: str | os.PathLike[str], names: Sequence[str], count: int) -> HammingIndex:
        """The index in the folder ``path``, made of whole segments that stand there under ``names``.

        Together they hold the items 0 to ``count`` - 1. Raises DamagedSource when one of them is not whole.
        """
        folder = Path(path)
        index = cls(folder, EMPTY)
        with index._turn(refresh=False):
            try:
                segments = tuple(Segment.open(folder / name) for name in names)
            except (OSError, ValueError) as reason:
                raise DamagedSource(f"A segment in {folder} is missing or cut short ({reason}).") from reason
            if sum(segment.owners.size for segment in segments) != count:
                raise DamagedSource(f"The segments in {folder} do not hold {count} items together.")
            index._publish(replace(EMPTY, names=tuple(names), segments=segments, count=count, generation=1))
        return index

    def __len__(self) -> int:
        """How many items there are, without those removed."""
        state = self.now()
        return state.count - int(state.removed.size)

    @property
    def count(self) -> int:
        """How many items were ever added: the number the next one gets."""
        return self.now().count

    @property
    def fragments(self) -> int:
        """How many segments a search visits; beyond eight or so, `compact` pays."""
        return len(self.now().segments)

    def add(self, codes: npt.ArrayLike) -> range:
        """The item numbers that ``codes`` (uint8, (n, 32)) now have.

        In a folder they are on the disk when this returns, and seen by the next search of every process.
        """
        words = permuted(as_codes(codes))
        with self._turn():
            state = self._state
            numbers = range(state.count, state.count + words.shape[0])
            if not words.shape[0]:
                return numbers
            if numbers.stop > MOST_ITEMS:
                raise ActRefused(f"An index numbers at most {MOST_ITEMS} items. Begin another beside it.")
            if state.tail.shape[0] + words.shape[0] > TAIL_CODES:
                self._add_segment(state, words)
            else:
                self._add_to_tail(state, words)
            return numbers

    def remove(self, items: npt.ArrayLike) -> int:
        """How many of ``items`` were there and are now gone from every search; their numbers are not given again.

        Raises ActRefused when a number was never given; then nothing is removed.
        """
        numbers = np.unique(np.asarray(items, np.int64).ravel())
        with self._turn():
            state = self._state
            if numbers.size and (numbers[0] < 0 or numbers[-1] >= state.count):
                wrong = int(numbers[0] if numbers[0] < 0 else numbers[-1])
                raise ActRefused(
                    f"Item {wrong} cannot be removed: the index has only given the numbers 0 to {state.count - 1}."
                )
            fresh = np.setdiff1d(numbers, state.removed, assume_unique=True)
            if fresh.size:
                if self._path is not None:
                    _append(self._path / "removed", state.removed.size * 8, fresh.astype("<i8").tobytes())
                self._publish(replace(state, removed=_ascending(np.concatenate((state.removed, fresh)))))
            return int(fresh.size)

    def search(self, queries: npt.ArrayLike, radius: int = PUBLISHED_RADIUS, *, threads: int = 1) -> Matches:
        """Every item within ``radius`` bits of each of ``queries`` (uint8, (n, 32)): query, item, distance.

        Sorted by query, then distance, then item. Exact for every radius; fast to 31, slower to 47, a scan beyond.
        ``threads``: how many processors a large number of queries may use.
        """
        _check_radius(radius)
        words = permuted(as_codes(queries))
        state = self.now()
        if words.shape[0] <= QUERY_BATCH:
            return _search(state, words, 0, radius)
        batches = range(0, words.shape[0], QUERY_BATCH)

        def run(begin: int) -> Matches:
            return _search(state, words[begin : begin + QUERY_BATCH], begin, radius)

        if threads > 1:
            with ThreadPoolExecutor(threads) as pool:
                found = list(pool.map(run, batches))
        else:
            found = [run(begin) for begin in batches]
        return Matches(*(np.concatenate(parts) for parts in zip(*found, strict=True)))

    def pairs(self, radius: int = PUBLISHED_RADIUS) -> Pairs:
        """Every two items within ``radius`` bits of each other, once, sorted by left and right.

        A crowd of n near-identical items has n (n - 1) / 2 pairs; `each_pairs` gives them without holding all.
        """
        found = list(self.each_pairs(radius))
        if not found:
            return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint16))
        joined = Pairs(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
        order = np.lexsort((joined.right, joined.left))
        return Pairs(joined.left[order], joined.right[order], joined.distance[order])

    def each_pairs(self, radius: int = PUBLISHED_RADIUS) -> Iterator[Pairs]:
        """The same as `pairs` in portions of at most about a million, in no order."""
        _check_radius(radius)
        state = self.now()
        for found in _all_pairs(state, radius):
            kept = state.kept_pairs(found)
            if kept.left.size:
                yield kept

    def compact(self, *, whole: bool = True) -> None:
        """One segment instead of many, without the removed items; searches, `add` and `remove` go on meanwhile.

        Without ``whole``, only the latest segments are merged, up to the first that is more than four times as large as
        all after it together: so that an index that grows is never merged more often than it doubles.
        Raises Interrupted when another process is compacting the same folder.
        """
        with self._compacting():
            state = self.now()
            first = 0 if whole else _first_to_merge([segment.owners.size for segment in state.segments])
            unfolded = [segment.unfolded() for segment in state.segments[first:]]
            if not unfolded:
                return
            words = np.concatenate([part[0] for part in unfolded])
            items = np.concatenate([part[1] for part in unfolded])
            gone = state.is_gone(items)
            if len(unfolded) == 1 and not gone.any():
                return
            del unfolded
            merged = Segment.build(words[~gone], items[~gone])
            building = None
            if self._path is not None:
                building = self._path / "building"
                shutil.rmtree(building, ignore_errors=True)
                merged.write(building)
            with self._turn():
                present = self._state
                old = len(state.names)
                if present.names[:old] != state.names:
                    raise Interrupted(
                        "The index was rebuilt by another program during the compaction; nothing was changed."
                    )
                name = f"segment-{present.generation + 1}"
                if self._path is not None and building is not None:
                    building.rename(self._path / name)
                    merged = Segment.open(self._path / name)
                names = (*present.names[:first], name, *present.names[old:])
                segments = (*present.segments[:first], merged, *present.segments[old:])
                self._publish(replace(present, names=names, segments=segments))

    def _add_to_tail(self, state: State, words: Words) -> None:
        name = state.tail_name or f"tail-{state.generation + 1}"
        if self._path is not None:
            _append(self._path / name, state.tail.shape[0] * 32, words.astype("<u8").tobytes())
        tail = _frozen(np.concatenate((state.tail, words)))
        self._publish(replace(state, tail_name=name, tail=tail, count=state.count + words.shape[0]))

    def _add_segment(self, state: State, words: Words) -> None:
        """The tail and ``words`` become a segment; the next tail has another file: readers may still read this one."""
        begin = state.count - state.tail.shape[0]
        count = state.count + words.shape[0]
        segment = Segment.build(np.concatenate((state.tail, words)), np.arange(begin, count))
        name = f"segment-{state.generation + 1}"
        if self._path is not None:
            segment.write(self._path / name)
            segment = Segment.open(self._path / name)
        self._publish(
            replace(
                state,
                names=(*state.names, name),
                segments=(*state.segments, segment),
                tail_name="",
                tail=np.empty((0, 4), np.uint64),
                count=count,
            )
        )

    def _publish(self, state: State) -> None:
        """Makes ``state`` the one that counts, here and in the folder; its files are already on the disk."""
        state = replace(state, generation=self._state.generation + 1)
        if self._path is not None:
            manifest = {
                "format": FORMAT,
                "permutation": PERMUTATION_SEED,
                "generation": state.generation,
                "count": state.count,
                "segments": list(state.names),
                "tail": state.tail_name,
                "tail_codes": int(state.tail.shape[0]),
                "removed": int(state.removed.size),
            }
            draft = self._path / "manifest.draft"
            with draft.open("w", encoding="ascii") as file:
                json.dump(manifest, file)
                file.flush()
                os.fsync(file.fileno())
            # a clock too coarse to tell two changes apart would hide the second from readers
            written = draft.stat()
            whole_second = written.st_mtime_ns // 10**9 * 10**9
            os.utime(draft, ns=(written.st_atime_ns, whole_second + state.generation % 10**9))
            sync_folder(self._path)
            draft.replace(self._path / "manifest.json")
            sync_folder(self._path)
            state = replace(state, stamp=_stamp(self._manifest))
        self._state = state

    def now(self) -> State:
        """The state that counts at this instant."""
        state = self._state
        if self._path is None or state.stamp is None or _stamp(self._manifest) == state.stamp:
            return state
        with self._writing:
            self._state = _read_state(self._path, self._state)
            return self._state

    @contextmanager
    def _turn(self, refresh: bool = True) -> Iterator[None]:
        """The writer's turn: alone among threads and processes, on the present state, without leavings of a crash."""
        with self._writing:
            if self._path is None:
                yield
                return
            with (self._path / "lock").open("ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if refresh:
                    self.now()
                    self._sweep()
                yield

    def _sweep(self) -> None:
        """Deletes segments and tails that the manifest does not name: of a crash, or replaced."""
        assert self._path is not None
        named = {*self._state.names, self._state.tail_name}
        for entry in self._path.iterdir():
            if entry.name not in named and entry.name.startswith("segment-"):
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.name not in named and entry.name.startswith("tail-"):
                entry.unlink(missing_ok=True)

    @contextmanager
    def _compacting(self) -> Iterator[None]:
        if self._path is None:
            with self._writing:
                yield
            return
        with (self._path / "lock.compact").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as taken:
                raise Interrupted(
                    f"The index in {self._path} is already being compacted by another program."
                ) from taken
            yield


def _first_to_merge(sizes: list[int]) -> int:
    """The first of the latest segments that are worth one merge."""
    first, after = max(len(sizes) - 1, 0), sizes[-1] if sizes else 0
    while first > 0 and sizes[first - 1] <= 4 * after:
        first -= 1
        after += sizes[first]
    return first


def _search(state: State, words: Words, begin: int, radius: int) -> Matches:
    parts = [segment.owners_of(segment.near(words, radius)) for segment in state.segments]
    return merged_matches(state, words, begin, radius, parts)


def merged_matches(state: State, words: Words, begin: int, radius: int, parts: list[Near]) -> Matches:
    """What all segments found, and what the tail has, without the removed, in order."""
    if state.tail.shape[0]:
        near = scan(words, state.tail, radius)
        parts.append(Near(near.query, near.code + (state.count - state.tail.shape[0]), near.distance))
    if len(parts) == 1:
        (found,) = parts
    elif parts:
        found = Near(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    else:
        found = NOTHING
    query, item, distance = found
    if state.removed.size and item.size:
        keep = ~state.is_gone(item)
        query, item, distance = query[keep], item[keep], distance[keep]
    if item.size > 1:
        order = np.lexsort((item, distance, query))
        query, item, distance = query[order], item[order], distance[order]
    return Matches(query + begin if begin else query, item, distance)


def _all_pairs(state: State, radius: int) -> Iterator[Pairs]:
    """Segment with itself, with each later segment, with the tail; then the tail with itself."""
    for place, segment in enumerate(state.segments):
        for other in state.segments[place:]:
            yield from segment_pairs(segment, other, radius)
    yield from tail_pairs(state, radius)


def segment_pairs(segment: Segment, other: Segment, radius: int) -> Iterator[Pairs]:
    """Every item of one segment with every item of another, or with every other of itself."""
    if other is segment:
        yield from _identical(segment)
    for near in segment.join(other, radius):
        yield from _crossed(segment, other, near)


def tail_pairs(state: State, radius: int) -> Iterator[Pairs]:
    """Every item of the tail with every one of each segment and of the tail itself."""
    begun = state.count - state.tail.shape[0]
    for begin in range(0, state.tail.shape[0], QUERY_BATCH):
        words = state.tail[begin : begin + QUERY_BATCH]
        for segment in state.segments:
            near = segment.owners_of(segment.near(words, radius))
            yield _ordered(near.code, near.query + begin + begun, near.distance)
        near = scan(words, state.tail, radius, begin)
        yield _ordered(near.query + begin + begun, near.code + begun, near.distance)


def _crossed(left: Segment, right: Segment, near: Near) -> Iterator[Pairs]:
    """For each matching pair of codes, each owner of one with each owner of the other."""
    left_starts, left_counts = left.owned(near.query)
    right_starts, right_counts = right.owned(near.code)
    for which, rank in pieces(left_counts * right_counts, PAIR_BATCH):
        one = left.owners[left_starts[which] + rank // right_counts[which]]
        other = right.owners[right_starts[which] + rank % right_counts[which]]
        yield _ordered(one.astype(np.int64), other.astype(np.int64), near.distance[which])


def _identical(segment: Segment) -> Iterator[Pairs]:
    """Each two owners of one code."""
    if not segment.shared.size:
        return
    starts, counts = segment.owned(segment.shared.astype(np.int64))
    for which, rank in pieces(counts * counts, PAIR_BATCH):
        one, other = rank // counts[which], rank % counts[which]
        keep = one < other
        which, one, other = which[keep], one[keep], other[keep]
        left, right = segment.owners[starts[which] + one], segment.owners[starts[which] + other]
        yield _ordered(left.astype(np.int64), right.astype(np.int64), np.zeros(left.size, np.uint16))


def _ordered(one: Items, other: Items, distance: npt.NDArray[np.uint16]) -> Pairs:
    return Pairs(np.minimum(one, other), np.maximum(one, other), distance)


def _check_radius(radius: int) -> None:
    if not 0 <= radius <= 256:
        raise ActRefused(f"A radius of {radius} bits was asked for; codes of 256 bits differ in 0 to 256.")


def _stamp(manifest: str | Path) -> tuple[int, int, int]:
    try:
        found = os.stat(manifest)
    except FileNotFoundError as reason:
        raise NotThisFormat(f"{Path(manifest).parent} holds no index: it has no manifest.json.") from reason
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read_state(folder: Path, known: State | None) -> State:
    """The state that the manifest in ``folder`` tells of; segments that ``known`` has open are taken from there."""
    for _ in range(100):
        stamp = _stamp(folder / "manifest.json")
        manifest = _read_manifest(folder)
        try:
            return replace(_open_state(folder, manifest, known), stamp=stamp)
        except (OSError, ValueError) as reason:
            if _stamp(folder / "manifest.json") == stamp:
                raise DamagedSource(
                    f"The index in {folder} is damaged: files that its manifest names are missing or cut short "
                    f"({reason}). Build it anew from the hashes."
                ) from reason
    raise Interrupted(f"The index in {folder} changed too often to be opened; try again.")


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / "manifest.json").read_text("ascii"))
        if manifest["format"] != FORMAT or manifest["permutation"] != PERMUTATION_SEED:
            raise NotThisFormat(
                f"The index in {folder} was written by another version (format {manifest['format']}); build it anew."
            )
    except (ValueError, KeyError, TypeError) as reason:
        raise DamagedSource(f"{folder / 'manifest.json'} is not the manifest of an index.") from reason
    return dict(manifest)


def _open_state(folder: Path, manifest: dict[str, Any], known: State | None) -> State:
    names = tuple(manifest["segments"])
    opened = dict(zip(known.names, known.segments, strict=True)) if known else {}
    segments = tuple(opened.get(name) or Segment.open(folder / name) for name in names)
    tail = np.empty((0, 4), np.uint64)
    if manifest["tail_codes"]:
        tail = (
            _read_array(folder / manifest["tail"], "<u8", 4 * manifest["tail_codes"]).astype(np.uint64).reshape(-1, 4)
        )
    removed = np.empty(0, np.int64)
    if manifest["removed"]:
        removed = _ascending(_read_array(folder / "removed", "<i8", manifest["removed"]).astype(np.int64))
    return State(
        names,
        segments,
        manifest["tail"],
        _frozen(tail),
        manifest["count"],
        removed,
        manifest["generation"],
    )


def _read_array(path: Path, kind: str, count: int) -> npt.NDArray[Any]:
    array = np.fromfile(path, kind, count)
    if array.size != count:
        raise ValueError(f"{path.name} holds {array.size} of {count} numbers")
    return array


def _append(path: Path, begin: int, content: bytes) -> None:
    """Writes ``content`` at ``begin``, over what a crash may have left beyond it, and brings it to the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
    try:
        os.ftruncate(descriptor, begin)
        os.lseek(descriptor, begin, os.SEEK_SET)
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _ascending(removed: Items) -> Items:
    ordered: Items = _frozen(np.sort(removed))
    return ordered


def _frozen(array: Any) -> Any:
    view = array.view()
    view.flags.writeable = False
    return view
