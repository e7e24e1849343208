"""The segments of a `HammingIndex`, built and searched by the executors of a Spark cluster.

The folder of the index is one that every machine sees under the same path. What the executors build is an ordinary index:
any process opens it without Spark afterwards. Executors need Python with opencets, as this process has it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from opencets.cluster import watched
from opencets.errors import ActRefused
from opencets.matching.codes import Codes, as_codes, permuted
from opencets.matching.hamming import HammingIndex, Matches, Pairs, merged_matches, segment_pairs, tail_pairs
from opencets.matching.segment import Near, Segment

SEGMENT_CODES = 4_000_000
"""Some 600 MB while an executor builds it and 530 MB on the disk: several fit into an ordinary executor."""
QUERY_BATCH = 65_536


def build(context: Any, codes: Codes, folder: Path, segment_codes: int = SEGMENT_CODES) -> HammingIndex:
    """An index of ``codes`` in the new folder ``folder``, its segments built by the executors."""
    checked = as_codes(codes)
    if folder.exists() and any(folder.iterdir()):
        raise ActRefused(f"An index cannot be built in {folder}: it is not empty. Choose another folder.")
    given = folder / "given"
    given.mkdir(parents=True, exist_ok=True)
    begins = range(0, checked.shape[0], segment_codes)
    for begin in begins:
        np.save(given / f"{begin}.npy", checked[begin : begin + segment_codes])
    place = str(folder)
    names = _run(context, list(begins), lambda begin: [_build_one(place, begin)])
    index = HammingIndex.adopt(folder, sorted(names, key=_number), checked.shape[0])
    shutil.rmtree(given)
    return index


def each_pairs(context: Any, path: Path, radius: int) -> Iterator[Pairs]:
    """The same as `HammingIndex.each_pairs` of the index in the folder ``path``: two segments are one task.

    What the executors find waits in the folder until it is taken: a crowd has more pairs than a driver has memory.
    """
    index = HammingIndex.open(path)
    state, place = index.now(), str(path)
    found = path / f"found-{uuid4().hex}"
    found.mkdir()
    try:
        tasks = list(combinations_with_replacement(state.names, 2))
        for name in _run(context, tasks, lambda task: _pairs_of(place, found.name, task, radius)):
            columns = np.load(found / name)
            (found / name).unlink()
            kept = state.kept_pairs(Pairs(columns[0], columns[1], columns[2].astype(np.uint16)))
            if kept.left.size:
                yield kept
    finally:
        shutil.rmtree(found, ignore_errors=True)
    for some in tail_pairs(state, radius):
        kept = state.kept_pairs(some)
        if kept.left.size:
            yield kept


def search(context: Any, path: Path, queries: Codes, radius: int) -> Iterator[tuple[int, Matches]]:
    """The same as `HammingIndex.search`, for so many queries at a time: the number of the first, and what is near."""
    index = HammingIndex.open(path)
    state, place = index.now(), str(path)
    checked = as_codes(queries)
    for begin in range(0, checked.shape[0], QUERY_BATCH):
        some = checked[begin : begin + QUERY_BATCH]
        asked = context.broadcast(some)
        try:
            found = _run(context, list(state.names), lambda name, asked=asked: _near(place, name, asked, radius))
        finally:
            asked.destroy()
        yield begin, merged_matches(state, permuted(some), 0, radius, [Near(*columns) for columns in found])


def _run(context: Any, tasks: list[Any], act: Any) -> list[Any]:
    """What ``act`` gives for each task, in their order; each is a partition of its own."""
    if not tasks:
        return []
    with watched("Check that every machine sees the folder under the same path, and has this version of opencets."):
        return list(context.parallelize(tasks, len(tasks)).flatMap(act).collect())


def _build_one(folder: str, begin: int) -> str:
    """Runs on an executor. A task that is done twice leaves the same segment once."""
    name = f"segment-s{begin}"
    place, draft = Path(folder, name), Path(folder, f"draft-{begin}-{os.getpid()}")
    if place.exists():
        return name
    codes = np.load(Path(folder, "given", f"{begin}.npy"))
    shutil.rmtree(draft, ignore_errors=True)
    Segment.build(permuted(codes), np.arange(begin, begin + codes.shape[0])).write(draft)
    try:
        draft.rename(place)
    except OSError:
        if not place.exists():
            raise
        shutil.rmtree(draft, ignore_errors=True)
    return name


def _pairs_of(folder: str, found: str, task: tuple[str, str], radius: int) -> list[str]:
    """Runs on an executor. What a task that failed has left is named by nobody."""
    left = Segment.open(Path(folder, task[0]))
    right = left if task[0] == task[1] else Segment.open(Path(folder, task[1]))
    names = []
    for pairs in segment_pairs(left, right, radius):
        if pairs.left.size:
            names.append(f"{uuid4().hex}.npy")
            np.save(
                Path(folder, found, names[-1]), np.stack((pairs.left, pairs.right, pairs.distance.astype(np.int64)))
            )
    return names


def _near(folder: str, name: str, asked: Any, radius: int) -> list[tuple[Any, ...]]:
    """Runs on an executor."""
    segment = Segment.open(Path(folder, name))
    near = segment.owners_of(segment.near(permuted(asked.value), radius))
    return [tuple(np.array(column) for column in near)]


def _number(name: str) -> int:
    return int(name.removeprefix("segment-s"))
