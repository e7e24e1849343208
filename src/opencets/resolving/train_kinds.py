"""Training of the weights of kinds other than people, from invented things. ``python -m opencets.resolving.train_kinds FILE``."""

from __future__ import annotations

import json
import math
import random
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from opencets.errors import ActRefused
from opencets.resolving.feedback import settled
from opencets.resolving.invented_kinds import InventedThings, invent_things
from opencets.resolving.kinds import SHIPPED, Counts, Item, Kind, KindModel, candidates, kinds, levels_of
from opencets.resolving.model import PRIOR_AT, PRIOR_LEAST, calibrate

WIDE = 3.0
"""How far a weight may well lie from what its level says alone, in bits."""
AT_RANDOM = 40_000


def train_kind(
    kind: Kind, learn: Sequence[InventedThings], calibrate_on: Sequence[InventedThings], trained: str
) -> KindModel:
    """Weights from labelled things: each level alone by its frequencies, all together by a ridge regression around these.

    Raises ActRefused naming every level that no candidate pair met: nothing stands in for a weight that was not learned.
    """
    cells = kind.cells()
    index = {cell: at for at, cell in enumerate(cells)}
    worlds = [_World(kind, things) for things in learn]
    usual = _usual(kind, worlds)
    true, chance = (np.full(len(cells), 0.5) for _ in range(2))
    tables, offsets, labels, starts = [], [], [], []
    for world in worlds:
        start = -math.log2(max(len(world.items), PRIOR_LEAST) / PRIOR_AT)
        for one, other in world.true:
            for column, level in levels_of(kind, world.items[one], world.items[other]):
                true[index[column.name, level]] += 1
        for one, other in world.at_random():
            for column, level in levels_of(kind, world.items[one], world.items[other]):
                chance[index[column.name, level]] += 1
        for one, other in world.pairs:
            row, extra = np.zeros(len(cells)), 0.0
            for column, level in levels_of(kind, world.items[one], world.items[other]):
                row[index[column.name, level]] = 1
                if level in column.rare:
                    extra += (
                        world.rarity(column.name, one, other, usual[column.name, level]) - usual[column.name, level]
                    )
            tables.append(row)
            offsets.append(extra)
            starts.append(start)
            labels.append((one, other) in world.true)
    table, same = np.array(tables), np.array(labels, np.float64)
    missing = [f"{column}/{level}" for (column, level), met in zip(cells, table.sum(axis=0), strict=True) if not met]
    if missing:
        raise ActRefused(
            f"The kind {kind.name} cannot be learned: no candidate pair of these things meets {', '.join(missing)}."
        )
    alone = np.log2(_shares(kind, true) / _shares(kind, chance))
    first = np.array(offsets) + np.array(starts) + table @ alone + float(np.log2(same.mean() / (1 - same.mean())))
    wide = np.array([20.0, *([WIDE] * len(cells))])
    line = np.array([-50.0, 50.0])
    moves = settled(
        np.column_stack((np.ones(same.size), table)), first, same, np.ones(same.size), wide, line, line * math.log(2)
    )
    prior = float(np.log2(same.mean() / (1 - same.mean())) + moves[0])
    weights = {
        cell: (round(float(alone[at] + moves[1 + at]), 3), round(usual.get(cell, 0.0), 3)) for cell, at in index.items()
    }
    model = KindModel(SHIPPED, kind, round(prior, 3), weights, ((0.0, 0.5),), trained)
    scored = [pair for things in calibrate_on for pair in scored_pairs(model, things)]
    return KindModel(SHIPPED, kind, round(prior, 3), weights, calibrate(scored), trained).check()


def scored_pairs(model: KindModel, things: InventedThings) -> list[tuple[float, bool]]:
    """The score of each candidate pair, and whether it is one thing."""
    world = _World(model.kind, things)
    return [
        (
            model.compare((one, world.items[one]), (other, world.items[other]), world.counts).bits,
            (one, other) in world.true,
        )
        for one, other in world.pairs
    ]


class _World:
    """Invented things, ready to compare."""

    def __init__(self, kind: Kind, things: InventedThings) -> None:
        self.items: Mapping[str, Item] = {record: kind.prepare(row) for record, row in things.rows.items()}
        self.true = things.true_pairs()
        self.pairs = candidates(kind, self.items)
        self.counts = Counts(kind, self.items.values())

    def rarity(self, column: str, one: str, other: str, usual: float) -> float:
        return max(self.counts.rarity(column, self.items[record][column], usual) for record in (one, other))

    def at_random(self) -> list[tuple[str, str]]:
        chance, records = random.Random(9), sorted(self.items)
        drawn = (tuple(sorted(chance.sample(records, 2))) for _ in range(AT_RANDOM))
        return [(one, other) for one, other in drawn if (one, other) not in self.true]


def _usual(kind: Kind, worlds: Sequence[_World]) -> dict[tuple[str, str], float]:
    """How rare the values are that true pairs agree in."""
    told: dict[tuple[str, str], list[float]] = defaultdict(list)
    for world in worlds:
        for one, other in world.true:
            for column, level in levels_of(kind, world.items[one], world.items[other]):
                if level in column.rare:
                    told[column.name, level].append(world.rarity(column.name, one, other, 12.0))
    return defaultdict(float, {cell: sum(values) / len(values) for cell, values in told.items()})


def _shares(kind: Kind, met: Any) -> Any:
    shares, at = np.empty(met.size), 0
    for column in kind.columns:
        here = slice(at, at + len(column.levels))
        shares[here] = met[here] / met[here].sum()
        at += len(column.levels)
    return shares


def shipped() -> dict[str, Any]:
    """The file ``models/kinds-1.json``, learned anew from the same seeds."""
    body = {}
    for name, kind in kinds().items():
        trained = (
            f"Invented {name}s (seeds 101 and 102), calibrated on others (201 to 203); opencets.resolving.train_kinds."
        )
        learn = [invent_things(name, 1_500, 101), invent_things(name, 4_000, 102)]
        model = train_kind(
            kind,
            learn,
            [invent_things(name, size, seed) for size, seed in ((1_500, 201), (4_000, 202), (6_000, 203))],
            trained,
        )
        weights: dict[str, dict[str, list[float]]] = defaultdict(dict)
        for (column, level), given in model.weights.items():
            weights[column][level] = list(given)
        body[name] = {
            "trained": trained, "prior_bits": model.prior_bits, "weights": weights,
            "calibration": [list(step) for step in model.calibration],
        }  # fmt: skip
    return body


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(shipped(), indent=1) + "\n", "utf-8")
