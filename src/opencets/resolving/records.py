"""The ids of a table's records in little memory, their order, and the clusters of such a table."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import overload

import numpy as np
import numpy.typing as npt

Longs = npt.NDArray[np.int64]
_SORTED_AS_NUMBERS = 64
"""Ids of no more bytes are sorted as numbers."""
_AT_ONCE = 10_000


class RecordIds(Sequence[str]):
    """Ids as UTF-8, one behind the other: a fifth of the memory of as many texts."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._ends = array("q", [0])

    def append(self, record: str) -> None:
        """One more id."""
        self._text += record.encode(errors="surrogatepass")
        self._ends.append(len(self._text))

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [self[at] for at in range(*row.indices(len(self)))]
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        row %= len(self)
        return self._text[self._ends[row] : self._ends[row + 1]].decode(errors="surrogatepass")

    def order(self) -> tuple[Longs, int | None]:
        """The rows in the order of their ids, equal ones in the order of the rows; and the first whose id came before."""
        ends = np.frombuffer(self._ends, np.int64)
        starts, sizes = ends[:-1], np.diff(ends)
        widest = int(sizes.max(initial=0))
        if widest > _SORTED_AS_NUMBERS or b"\0" in self._text:
            order = np.array(sorted(range(len(self)), key=self.__getitem__), np.int64)
            again = [row for before, row in pairwise(order.tolist()) if self[before] == self[row]]
            return order, min(again, default=None)
        # UTF-8 is ordered as its text is, and of eight bytes as a number the first weighs most.
        text, columns = np.frombuffer(self._text, np.uint8), []
        for begin in range(0, widest, 8):
            part = np.zeros((len(self), 8), np.uint8)
            for at in range(begin, min(begin + 8, widest)):
                there = sizes > at
                part[there, at - begin] = text[starts[there] + at]
            columns.append(part.view(">u8")[:, 0].astype(np.uint64))
        order = np.lexsort(columns[::-1]) if columns else np.arange(len(self))
        same = np.ones(max(len(self) - 1, 0), np.bool_)
        for column in columns:
            ranked = column[order]
            same &= ranked[1:] == ranked[:-1]
        return order, int(order[1:][same].min()) if same.any() else None


@dataclass(frozen=True, slots=True, eq=False)
class Clusters(Sequence[tuple[str, str]]):
    """(record id, id of the cluster's smallest record) of each row. ``named``: the row of that smallest record."""

    ids: RecordIds
    named: Longs

    @classmethod
    def of(cls, ids: RecordIds, roots: Longs, order: Longs) -> Clusters:
        """From the root of each row's cluster; ``order``: see ``RecordIds.order``."""
        rank = np.empty(len(ids), np.int64)
        rank[order] = np.arange(len(ids))
        smallest = np.full(len(ids), len(ids), np.int64)
        np.minimum.at(smallest, roots, rank)
        return cls(ids, order[smallest[roots]])

    @property
    def many(self) -> int:
        """How many clusters there are."""
        return int(np.unique(self.named).size)

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, row: int) -> tuple[str, str]: ...
    @overload
    def __getitem__(self, row: slice) -> list[tuple[str, str]]: ...
    def __getitem__(self, row: int | slice) -> tuple[str, str] | list[tuple[str, str]]:
        if isinstance(row, slice):
            return [self[at] for at in range(*row.indices(len(self)))]
        return self.ids[row], self.ids[int(self.named[row])]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for begin in range(0, len(self), _AT_ONCE):
            for row, named in enumerate(self.named[begin : begin + _AT_ONCE].tolist(), begin):
                yield self.ids[row], self.ids[named]
