"""An immutable run of pictures' features in the order of their words. On disk a folder of NumPy arrays, memory-mapped:

================= ================ ======================================================================
``codes.npy``     uint8 (n, 32)    what each feature looks like, word after word
``places.npy``    uint16 (n, 2)    where: x and y as shares of width and height, times 65,535
``angles.npy``    uint8 (n,)       how it is turned, in 256ths
``sizes.npy``     uint8 (n,)       how large it is, in 16ths of an octave
``owners.npy``    uint32 (n,)      which of the segment's pictures it stands in
``starts.npy``    int64 (w + 1,)   where each word's features begin
``words.npy``     float32 (w, 128) what the words stand for
``items.npy``     int64 (p,)       the item of each picture, ascending
``aspects.npy``   float32 (p,)     width by height of each picture
================= ================ ======================================================================
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from opencets.matching.regions import vocabulary
from opencets.matching.regions.features import CODE_BYTES, DIMENSIONS, Features, decode

DECODED_AT_ONCE = 1 << 17
LEARNT_FROM = 1 << 18


@dataclass(frozen=True, slots=True)
class Segment:
    """See the head of this file."""

    codes: npt.NDArray[np.uint8]
    places: npt.NDArray[np.uint16]
    angles: npt.NDArray[np.uint8]
    sizes: npt.NDArray[np.uint8]
    owners: npt.NDArray[np.uint32]
    starts: npt.NDArray[np.int64]
    words: npt.NDArray[np.float32]
    items: npt.NDArray[np.int64]
    aspects: npt.NDArray[np.float32]

    @classmethod
    def build(cls, items: Sequence[int], pictures: Sequence[Features]) -> Segment:
        """A segment of pictures, the items ascending."""
        empty = [np.zeros((0, CODE_BYTES), np.uint8), np.zeros((0, 2), np.uint16), np.zeros(0, np.uint8)]
        counts = [len(picture) for picture in pictures]
        return cls._in_order(
            np.concatenate([empty[0], *(picture.codes for picture in pictures)]),
            np.concatenate([empty[1], *(picture.places for picture in pictures)]),
            np.concatenate([empty[2], *(picture.angles for picture in pictures)]),
            np.concatenate([empty[2], *(picture.sizes for picture in pictures)]),
            np.repeat(np.arange(len(counts), dtype=np.uint32), counts),
            np.array(items, np.int64),
            np.array([picture.aspect for picture in pictures], np.float32),
        )

    @classmethod
    def merge(cls, segments: Sequence[Segment], removed: npt.NDArray[np.int64]) -> Segment:
        """One segment of the pictures of several whose items follow one another; those ``removed`` are left out."""
        parts: list[list[Any]] = []
        before = 0
        for segment in segments:
            kept = ~np.isin(segment.items, removed)
            number = np.cumsum(kept) - 1 + before
            mine = kept[segment.owners]
            parts.append(
                [array[mine] for array in (segment.codes, segment.places, segment.angles, segment.sizes)]
                + [number[segment.owners[mine]].astype(np.uint32), segment.items[kept], segment.aspects[kept]]
            )
            before += int(kept.sum())
        joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
        order = np.argsort(joined[4], kind="stable")  # by picture, so that what is learnt hangs on no earlier merge
        return cls._in_order(*(array[order] for array in joined[:5]), *joined[5:])

    @classmethod
    def _in_order(
        cls, codes: Any, places: Any, angles: Any, sizes: Any, owners: Any, items: Any, aspects: Any
    ) -> Segment:
        count = codes.shape[0]
        words = vocabulary.word_count(count)
        if words == 1:
            centres = np.zeros((1, DIMENSIONS), np.float32)
            word = np.zeros(count, np.int64)
        else:
            chosen = np.linspace(0, count - 1, min(count, LEARNT_FROM)).astype(np.int64)
            centres = vocabulary.learn(decode(codes[chosen]), words)
            blocks = [
                vocabulary.assign(decode(codes[begin : begin + DECODED_AT_ONCE]), centres)
                for begin in range(0, count, DECODED_AT_ONCE)
            ]
            word = np.concatenate(blocks)
        order = np.argsort(word, kind="stable")
        starts = np.searchsorted(word[order], np.arange(words + 1)).astype(np.int64)
        columns = (array[order] for array in (codes, places, angles, sizes, owners))
        return cls(*map(np.ascontiguousarray, (*columns, starts, centres, items, aspects)))

    @classmethod
    def open(cls, folder: Path) -> Segment:
        """The segment in ``folder``, memory-mapped; raises OSError or ValueError when it is not whole."""
        return cls(*(np.load(folder / f"{part.name}.npy", mmap_mode="r", allow_pickle=False) for part in fields(cls)))

    def write(self, folder: Path) -> None:
        """The segment's files in the new ``folder``, on the disk when this returns."""
        folder.mkdir()
        for part in fields(self):
            with (folder / f"{part.name}.npy").open("wb") as file:
                np.save(file, getattr(self, part.name))
                file.flush()
                os.fsync(file.fileno())
