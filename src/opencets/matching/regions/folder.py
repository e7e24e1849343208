"""The pictures of a folder, found by a region marked on one of them or on any other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from opencets.errors import SourceRefused, ValueRefused
from opencets.matching.regions.features import SIDE_PX, Features, Query, describe, extract
from opencets.matching.regions.index import Place, RegionIndex
from opencets.matching.regions.mirror import search_either
from opencets.matching.regions.pictures import Box, Grey, read_brightness

NAMES = "names.json"
AT_ONCE = 200
MARGIN = 0.1
"""What is read around a marked region, as a share of its own size, so that features at its edge are whole."""


@dataclass(slots=True)
class PictureIndex:
    """An index of regions and the path, from its folder of pictures, of each item."""

    index: RegionIndex
    names: list[str]
    refused: dict[str, str] = field(default_factory=dict)
    """Why a file was left out, by its name."""

    @classmethod
    def build(
        cls, folder: Path, keep: Path | None = None, advance: Callable[[int], None] = lambda _: None
    ) -> PictureIndex:
        """The pictures under ``folder``; what cannot be decoded is left out with its reason. Kept in the new ``keep``."""
        built = cls(RegionIndex.create(keep), [])
        batch: list[Features] = []
        for name, path in _files(folder):
            try:
                with path.open("rb") as content:
                    batch.append(extract(read_brightness(content, SIDE_PX).grey))
                built.names.append(name)
            except (SourceRefused, OSError) as reason:
                built.refused[name] = str(reason)
            if len(batch) == AT_ONCE:
                built.index.add(batch)
                batch = []
            advance(1)
        built.index.add(batch)
        if keep is not None:
            draft = keep / f"{NAMES}.draft"
            draft.write_text(json.dumps(built.names), encoding="utf-8")
            draft.replace(keep / NAMES)
        return built

    @classmethod
    def open(cls, folder: Path) -> PictureIndex:
        """The index that ``build`` kept; raises DamagedSource when it is none."""
        index = RegionIndex.open(folder)
        return cls(index, json.loads((folder / NAMES).read_text(encoding="utf-8")))

    @staticmethod
    def is_kept_in(folder: Path) -> bool:
        return (folder / NAMES).is_file() and (folder / "state.json").is_file()

    def search(self, query: Query, *, at_most: int = 100) -> list[tuple[str, Place]]:
        """Names and places, also of flipped pictures, the best first."""
        return [(self.names[place.item], place) for place in search_either(self.index, query, at_most=at_most)]


def mark_box(picture: Path, box_px: Sequence[float]) -> Query:
    """The features of a rectangle (left, top, width, height in pixels of the upright picture).

    Raises ValueRefused when the rectangle is empty or lies outside, SourceRefused when the picture cannot be decoded.
    """
    corners = _corners(picture, box_px)
    with picture.open("rb") as content:
        return mark(content, corners)


def box_of(picture: Path, box_px: Sequence[float]) -> tuple[Grey, list[list[float]]]:
    """The pixels of a rectangle, and its corners as shares of the upright picture."""
    corners = _corners(picture, box_px)
    low, high = corners.min(axis=0), corners.max(axis=0)
    box: Box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    with picture.open("rb") as content:
        return read_brightness(content, SIDE_PX, box).grey, corners.tolist()


def _corners(picture: Path, box_px: Sequence[float]) -> npt.NDArray[np.float32]:
    with picture.open("rb") as content:
        whole = read_brightness(content, 64)
    left, top, width, height = box_px
    if min(width, height) < 4 or left < 0 or top < 0 or left + width > whole.width or top + height > whole.height:
        raise ValueRefused(
            f"The region {left:g},{top:g},{width:g},{height:g} does not lie in the picture of {whole.width} x {whole.height}."
        )
    size = np.array([whole.width, whole.height], np.float32)
    right, bottom = left + width, top + height
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32) / size


def mark(content: BinaryIO, polygon: npt.NDArray[np.float32]) -> Query:
    """The features inside a polygon (shares of width and height) of the picture in ``content``, read as large as is useful."""
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    margin = MARGIN * (high - low)
    low, high = np.maximum(low - margin, 0), np.minimum(high + margin, 1)
    box: Box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    part = read_brightness(content, SIDE_PX, box)
    return describe(part.grey, polygon.astype(np.float32), part.box, part.width / part.height)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path.relative_to(folder).as_posix(), path
