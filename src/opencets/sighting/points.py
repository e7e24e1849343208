"""Rows of a few keys out of parts, without asking an engine: what one computer's history and one file's offers read.

Parts are sorted by their key and written in small row groups (`ROW_GROUPS`), whose least and greatest key stand in the file's
footer. So a look reads the groups that can hold the key and no others: what it takes follows the rows found and the number of
parts, not the ledger. A part that is not sorted, as older ledgers have some, is read further and answers the same.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROW_GROUPS = {"sightings": 4_096, "offers": 2_048}
"""Rows of a group in the tables that are asked by key; what is read from end to end has groups of 122,880."""
_MOST_OPEN = 512


@dataclass(frozen=True, slots=True)
class _Open:
    """A part with its footer read. ``least`` and ``greatest``: the keys of each row group, where the footer says them."""

    file: Any
    least: list[str]
    greatest: list[str]
    ordered: bool
    """Whether both rise from group to group, so that they can be searched; without bounds they do not."""

    @classmethod
    def of(cls, path: Path, key: str) -> _Open:
        """The part opened, its key's bounds read."""
        file = pq.ParquetFile(path, memory_map=True, pre_buffer=False)
        footer = file.metadata
        at = [footer.schema.column(number).path for number in range(footer.num_columns)].index(key)
        said = [footer.row_group(number).column(at).statistics for number in range(footer.num_row_groups)]
        if not all(one is not None and one.has_min_max for one in said):
            return cls(file, [], [], ordered=False)
        least, greatest = [one.min for one in said], [one.max for one in said]
        return cls(file, least, greatest, ordered=least == sorted(least) and greatest == sorted(greatest))

    def groups(self, wanted: Sequence[str]) -> list[int]:
        """The row groups that can hold one of the keys, in their order."""
        if not self.least:
            return list(range(self.file.num_row_groups))
        if not self.ordered:
            bounds = zip(self.least, self.greatest, strict=True)
            return [number for number, (low, high) in enumerate(bounds) if any(low <= key <= high for key in wanted)]
        runs = (range(bisect_left(self.greatest, key), bisect_right(self.least, key)) for key in wanted)
        return sorted(set(chain.from_iterable(runs)))


class Points:
    """The parts of a ledger's folder, opened when they are first asked. A part never changes, so its footer is read once.

    A part that counts no more is let go of: held open, what was forgotten would stay on the disk.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: OrderedDict[tuple[str, str], _Open] = OrderedDict()
        self._asking = Lock()

    def find(self, paths: Sequence[str], key: str, wanted: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """The rows of parts (paths in the folder) whose column ``key`` is one of those wanted, in no certain order."""
        values = pa.array(wanted, pa.string())
        with self._asking:
            found = [table for path in paths if (table := self._find(path, key, wanted, values, columns)) is not None]
        return pa.concat_tables(found, promote_options="permissive") if found else pa.table({})

    def keep(self, paths: Collection[str]) -> None:
        """Let go of all parts but these."""
        with self._asking:
            for known in [known for known in self._open if known[0] not in paths]:
                self._open.pop(known).file.close()

    def _find(
        self, path: str, key: str, wanted: Sequence[str], values: pa.Array, columns: Sequence[str]
    ) -> pa.Table | None:
        part = self._opened(path, key)
        found = []
        for number in part.groups(wanted):
            keys = part.file.read_row_group(number, columns=[key], use_threads=False)[key].combine_chunks()
            mask = pc.is_in(keys, values)
            here = np.flatnonzero(mask.to_numpy(zero_copy_only=False))
            if here.size:
                rows = part.file.read_row_group(number, columns=list(columns), use_threads=False)
                run = rows.slice(int(here[0]), int(here[-1] - here[0]) + 1)
                found.append(_plain(run if run.num_rows == here.size else rows.take(pa.array(here))))
        return pa.concat_tables(found) if found else None

    def _opened(self, path: str, key: str) -> _Open:
        part = self._open.get((path, key))
        if part is None:
            part = self._open[path, key] = _Open.of(self._folder / path, key)
            while len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)[1].file.close()
        self._open.move_to_end((path, key))
        return part


def _plain(rows: pa.Table) -> pa.Table:
    """The rows with texts as texts: batches were written with the texts of a whole table."""
    coded = [
        name for name, field in zip(rows.column_names, rows.schema, strict=True) if pa.types.is_dictionary(field.type)
    ]
    for name in coded:
        rows = rows.set_column(
            rows.column_names.index(name), name, rows[name].cast(rows.schema.field(name).type.value_type)
        )
    return rows
