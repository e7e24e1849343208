"""The pairs of a table, found and scored by the executors of a Spark cluster: the same rules, so the same clusters.

The driver reads and counts the table; each executor is given it once, as numbers, and compares the blocks of its keys.
Executors need Python with opencets, as this process has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from opencets.cluster import watched
from opencets.resolving import bulk
from opencets.resolving.kernel import Arrays
from opencets.resolving.model import Model

PARTS = 4
"""Each kind of key is so many tasks."""


def probable_pairs(
    context: Any, table: Arrays, model: Model, at_least: float, sides: npt.NDArray[np.int8] | None = None
) -> bulk.Pairs:
    """``bulk.probable_pairs``, by executors. Raises Interrupted where the cluster gives up."""
    given = context.broadcast((tuple(table), model.as_json(), sides))
    tasks = [(kind, part) for kind in bulk.kinds_for(table) for part in range(PARTS)]
    try:
        with watched("Check that every machine has this version of opencets, and memory for the table."):
            spread = context.parallelize(tasks, len(tasks))
            found = spread.flatMap(lambda task: _one(given.value, at_least, *task)).collect()
    finally:
        given.destroy()
    return bulk.merged(found)


def _one(
    given: tuple[tuple[Any, ...], str, npt.NDArray[np.int8] | None], at_least: float, kind: str, part: int
) -> Iterator[npt.NDArray[np.float64]]:
    import json

    from opencets.resolving.model import model_from

    columns, model, sides = given
    table = Arrays(*columns)
    yield from bulk.scored(table, model_from(json.loads(model)), at_least, sides, [kind], part, PARTS)
