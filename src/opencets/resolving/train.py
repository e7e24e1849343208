"""Training of the shipped model from labelled people, and the measures that every model is held to.

``python -m opencets.resolving.train MODEL.json`` writes the shipped file again, digit for digit.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from opencets.errors import ActRefused
from opencets.resolving.abroad import abroad
from opencets.resolving.bulk import candidate_chunks
from opencets.resolving.columns import table_of
from opencets.resolving.features import CELLS, COUNTED, FEATURES
from opencets.resolving.invented import Invented, invent
from opencets.resolving.japanese import as_written
from opencets.resolving.kernel import CONFLICT, Arrays, Rules, fill_pairs, score_pairs
from opencets.resolving.model import Model, Weight, calibrate, read_model
from opencets.resolving.people import PersonRow, prepare


@dataclass(frozen=True, slots=True)
class Measure:
    """Pairs asserted against pairs true. Over-merging (``wrong``) harms the innocent, ``missed`` pairs lose a child."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        """Share of asserted pairs that are true; 1 where nothing was asserted."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """Share of true pairs that were asserted; 1 where there were none."""
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return 2 * self.right / (2 * self.right + self.wrong + self.missed) if self.right else 0.0


def measure(asserted: Iterable[tuple[str, str]], true: set[tuple[str, str]]) -> Measure:
    """Over- and under-merging counted apart."""
    pairs = {(min(a, b), max(a, b)) for a, b in asserted}
    return Measure(len(pairs & true), len(pairs - true), len(true - pairs))


NEGATIVES_A_POSITIVE = 6
"""Of the candidate pairs that are two people so many are learned from, each for all that it stands for."""
LEARNED_FROM = "kfqtydnmcelpisg"
"""The kinds of keys whose candidates are learned from."""
CAREFUL = 3.5
"""A name of which nothing is known is taken to be so many bits commoner than those that true pairs agree in."""
_RARITY_LEARNED = ("name", "commonness", "birth")
APART = (("name", "joined"), ("name", "spelt"), ("name", "unread"), ("screen_name", "varied"))
"""Levels that are learned by themselves, of people who show them, with every other weight held as it is."""


@dataclass(frozen=True, slots=True)
class World:
    """Invented people to learn from: their table, and who each record is."""

    table: Arrays
    person: npt.NDArray[np.int64]

    @property
    def records(self) -> int:
        """The number of rows."""
        return int(self.person.size)

    def true_pairs(self) -> npt.NDArray[np.int64]:
        """Every pair of rows of one person, the smaller first."""
        return pairs_of_groups(self.person)


def world_of(rows: Iterable[PersonRow], person: Iterable[int]) -> World:
    """Rows and who they are, ready to learn from."""
    return World(table_of(map(prepare, rows)), np.array(list(person), np.int64))


def pairs_of_groups(group: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Every pair of rows of one group as two columns, the smaller row first."""
    order = np.argsort(group, kind="stable")
    held = group[order]
    found = [np.empty((0, 2), np.int64)]
    apart = 1
    while apart < held.size and (same := held[apart:] == held[:-apart]).any():
        found.append(np.column_stack((order[:-apart][same], order[apart:][same])))
        apart += 1
    return np.sort(np.concatenate(found), axis=1)


@dataclass(frozen=True, slots=True)
class _Gathered:
    """Pairs to learn from: what each meets, whether they are one person, the prior in natural odds, what each stands for.

    ``shares``: how often true pairs meet each level; ``expected``: the logarithm of that over how often others do.
    """

    cells: npt.NDArray[np.float32]
    same: npt.NDArray[np.bool_]
    offset: npt.NDArray[np.float64]
    weighed: npt.NDArray[np.float64]
    shares: npt.NDArray[np.float32]
    expected: npt.NDArray[np.float64]


def train(name: str, learn: Sequence[World], calibrate_on: Sequence[World], trained: str) -> Model:
    """A model from labelled worlds.

    Of all candidate pairs of the worlds, logistic regression learns what each level adds and what each bit of a value's
    rarity adds, all together, so that what depends on one another is not counted twice. ``m`` is how often true pairs
    meet a level, ``u`` follows from both. The calibration is isotonic, on candidates of other worlds than those learned
    from. Raises ActRefused naming every level that no candidate met.
    """
    usual = _usual(learn)
    gathered = _gathered(learn, _blank(name, usual, trained))
    _check_met(name, gathered, CELLS)
    bits, slopes, prior = _in_bits(_fitted(gathered))
    weights = _weights(_shares(gathered.shares), bits, slopes, usual)
    model = Model(name, round(prior, 3), weights, (), trained).check()
    scored = [pair for world in calibrate_on for pair in scores(model, world)]
    return replace(model, calibration=calibrate(scored))


def extended(name: str, before: Model, worlds: Sequence[World], trained: str) -> Model:
    """``before`` with the levels of ``APART``, learned from people who show them; nothing else moves, digit for digit.

    Those people would teach the other levels what holds of them alone: one in four of their names is in two scripts. The
    calibration is that of ``before``: ``opencets bench resolve`` tells whether it holds. Raises ActRefused as ``train``.
    """
    usual = {cell: bits for cell, bits in _usual(worlds).items() if cell in APART}
    usual |= {cell: weight.usual for cell, weight in before.weights.items() if cell in COUNTED}
    gathered = _gathered(worlds, _blank(name, usual, trained))
    _check_met(name, gathered, APART)
    known = [before.weights.get(cell, Weight(0.5, 0.5)) for cell in CELLS]
    beta = [before.prior_bits, *(one.bits for one in known), *(known[at].rarity for at in _LEARNED)]
    bits, slopes, _ = _in_bits(_fitted(gathered, np.array(beta) * math.log(2)))
    found = _weights(_shares(gathered.shares), bits, slopes, usual)
    weights = {cell: found[cell] if cell in APART else before.weights[cell] for cell in CELLS}
    return Model(name, before.prior_bits, weights, before.calibration, trained).check()


def _blank(name: str, usual: Mapping[tuple[str, str], float], trained: str) -> Model:
    return Model(name, 0.0, {cell: Weight(0.5, 0.5, 0.0, usual.get(cell, 0.0)) for cell in CELLS}, (), trained)


def _check_met(name: str, gathered: _Gathered, wanted: Sequence[tuple[str, str]]) -> None:
    seen = gathered.cells[:, : len(CELLS)].sum(axis=0) > 0
    missing = ", ".join("/".join(cell) for cell in wanted if not seen[CELLS.index(cell)])
    if missing:
        raise ActRefused(f"{name} cannot be trained: no candidate pair of these worlds meets {missing}.")


def _gathered(worlds: Sequence[World], blank: Model) -> _Gathered:
    tables, labels, offsets, weighed, shares, chance = [], [], [], [], [], []
    for at, world in enumerate(worlds):
        left, right = _candidates(world)
        same = world.person[left] == world.person[right]
        drawn = np.random.default_rng([7, at]).random(same.size)
        share = min(1.0, NEGATIVES_A_POSITIVE * same.sum() / max(1, (~same).sum()))
        kept = same | (drawn < share)
        rules = blank.rules(world.records)
        tables.append(fill_pairs(world.table, rules, left[kept], right[kept]))
        labels.append(same[kept])
        offsets.append(np.full(labels[-1].size, blank.prior(world.records) * math.log(2)))
        weighed.append(np.where(labels[-1], 1.0, 1 / share))
        true = world.true_pairs().astype(np.int32)
        shares.append(fill_pairs(world.table, rules, true[:, 0].copy(), true[:, 1].copy())[:, : len(CELLS)])
        chance.append(_at_random(world, rules, at))
    met = np.concatenate(shares)
    return _Gathered(
        np.concatenate(tables),
        np.concatenate(labels),
        np.concatenate(offsets),
        np.concatenate(weighed),
        met,
        np.log(_shares(met) / _shares(np.concatenate(chance))),
    )


def scores(model: Model, world: World) -> list[tuple[float, bool]]:
    """The score of each candidate pair of a world that may be one person, and whether it is."""
    left, right = _candidates(world)
    bits = model.prior(world.records) + score_pairs(world.table, model.rules(world.records), left, right)
    possible = bits > CONFLICT / 2
    bits, same = bits[possible], (world.person[left] == world.person[right])[possible]
    return list(zip(bits.tolist(), same.tolist(), strict=True))


def _candidates(world: World) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    codes = [np.empty(0, np.int64)]
    for left, right in candidate_chunks(world.table, LEARNED_FROM):
        codes.append(left.astype(np.int64) << 32 | right)
    pairs = np.unique(np.concatenate(codes))
    return (pairs >> 32).astype(np.int32), (pairs & 0xFFFFFFFF).astype(np.int32)


def _usual(worlds: Sequence[World]) -> dict[tuple[str, str], float]:
    """How rare the values are that true pairs agree in, for each level where that counts."""
    blank = Model("", 0.0, {cell: Weight(0.5, 0.5, 0.0, 12.0) for cell in CELLS}, (), "")
    met, rare = np.zeros(len(CELLS)), np.zeros(len(CELLS))
    for world in worlds:
        true = world.true_pairs()
        rows = fill_pairs(
            world.table, blank.rules(world.records), true[:, 0].astype(np.int32), true[:, 1].astype(np.int32)
        )
        met += rows[:, : len(CELLS)].sum(axis=0)
        rare += rows[:, len(CELLS) :].sum(axis=0)
    means = 12.0 + rare / np.maximum(met, 1)
    usual = {
        cell: round(float(means[at]) - (CAREFUL if cell[0] == "name" else 0.0), 3)
        for at, cell in enumerate(CELLS)
        if cell in COUNTED
    }
    # The excess of a whole name is told in bits already.
    return usual | {("commonness", "common"): 20.0}


_LEARNED = [at for at, cell in enumerate(CELLS) if cell in COUNTED and cell[0] in _RARITY_LEARNED]
_GIVEN = [at for at, cell in enumerate(CELLS) if cell in COUNTED and cell[0] not in _RARITY_LEARNED]


def _fitted(gathered: _Gathered, before: npt.NDArray[np.float64] | None = None) -> npt.NDArray[np.float64]:
    """Prior, each cell and each learned bit of rarity in natural odds, by ridge logistic regression (Newton's method).

    A bit of rarity of a whole value is worth a bit: worlds of one size cannot tell, and Splink counts it so too. Of names
    and dates it is learned, for one name has many bearers. Where candidates say little, what is ``expected`` of a level
    counted alone (the logarithm of m / u) stays: a digit wrong in a number is so rare by chance that no two people met it.
    ``before``: then only the levels of ``APART`` are learned, and the prior, which these worlds have their own; the prior
    of ``before`` stays.
    """
    cells, same = gathered.cells, gathered.same
    offset = gathered.offset + cells[:, [len(CELLS) + at for at in _GIVEN]].sum(axis=1) * math.log(2)
    used = [*range(len(CELLS)), *(len(CELLS) + at for at in _LEARNED)]
    table = np.column_stack((np.ones(same.size, np.float32), cells[:, used])).astype(np.float64)
    ridge = np.full(table.shape[1], 3.0)
    ridge[0] = 1e-6
    centre = np.concatenate(([0.0], gathered.expected, np.full(len(_LEARNED), math.log(2))))
    beta = centre.copy()
    free = np.arange(table.shape[1])
    if before is not None:
        own = {CELLS.index(cell) for cell in APART}
        free = np.array(
            [0, *(1 + at for at in sorted(own)), *(1 + len(CELLS) + to for to, at in enumerate(_LEARNED) if at in own)]
        )
        held = np.setdiff1d(np.arange(table.shape[1]), free)
        beta[held] = before[held]
        beta[0] = before[0]
    for _ in range(60):
        p = 1 / (1 + np.exp(-np.clip(table @ beta + offset, -40, 40)))
        moved = table[:, free]
        gradient = moved.T @ (gathered.weighed * (same - p)) - (ridge * (beta - centre))[free]
        curve = (moved * (gathered.weighed * p * (1 - p))[:, None]).T @ moved + np.diag(ridge[free])
        step = np.linalg.solve(curve, gradient)
        beta[free] += step * min(1.0, 3.0 / np.abs(step).max())
        if np.abs(step).max() < 1e-6:
            break
    if before is not None:
        beta[0] = before[0]
    return beta


def _in_bits(
    beta: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float]:
    """(bits of each cell, bits of each bit of rarity, prior)."""
    beta = beta / math.log(2)
    slopes = np.zeros(len(CELLS))
    slopes[_GIVEN] = 1.0
    slopes[_LEARNED] = beta[1 + len(CELLS) :]
    return beta[1 : 1 + len(CELLS)], slopes, float(beta[0])


def _at_random(world: World, rules: Rules, seed: int) -> npt.NDArray[np.float32]:
    """What pairs of different people drawn at random meet."""
    drawn = np.random.default_rng([9, seed]).integers(0, world.records, (300_000, 2), dtype=np.int32)
    two = drawn[world.person[drawn[:, 0]] != world.person[drawn[:, 1]]]
    return fill_pairs(world.table, rules, two[:, 0].copy(), two[:, 1].copy())[:, : len(CELLS)]


def _shares(met: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """How often each level is met where its feature is compared; alone for features of one level."""
    found = np.full(len(CELLS), 0.5)
    for feature in FEATURES:
        here = [at for at, cell in enumerate(CELLS) if cell[0] == feature.name]
        if len(here) > 1:
            counts = met[:, here].sum(axis=0, dtype=np.float64) + 0.5
            found[here] = counts / counts.sum()
    return found


def _weights(
    shares: npt.NDArray[np.float64],
    bits: npt.NDArray[np.float64],
    slopes: npt.NDArray[np.float64],
    usual: Mapping[tuple[str, str], float],
) -> dict[tuple[str, str], Weight]:
    # One account, one piece of evidence: candidates cannot teach it, for with both the same nobody is in doubt.
    bits[CELLS.index(("one_account", "repeats"))] = -bits[CELLS.index(("screen_name", "same"))]
    weights = {}
    for at, m in enumerate(shares.tolist()):
        u = m / 2.0 ** bits[at]
        if u > 1:
            m, u = m / u, 1.0
        weights[CELLS[at]] = Weight(
            round(m, 8), float(f"{u:.6g}"), round(float(slopes[at]), 4), usual.get(CELLS[at], 0.0)
        )
    return weights


def squared_frequencies(values: Iterable[str | None]) -> float:
    """The probability that two of these values, drawn at random, are equal; None is passed over, 0 for fewer than two.

    Given one value per person it is how often two people share one; given one per record it is an upper bound of that.
    """
    counts = Counter(value for value in values if value is not None)
    total = sum(counts.values())
    shared = sum(count * (count - 1) for count in counts.values())
    return shared / (total * (total - 1)) if total > 1 else 0.0


def shipped() -> Model:
    """The model of ``models/person-3.json``, made anew from ``models/person-2.json`` and the same seeds.

    Its levels were learned from names as they are written, before Japanese ones in characters were read.
    """
    with as_written():
        worlds = [_world(abroad(6_000, 106, "learn")), _world(invent(3_000, seed=107, varied=0.5))]
    return extended(
        "person-3",
        read_model("person-2"),
        worlds,
        "Weights and calibration of person-2; the levels joined, spelt, unread and varied from invented people in eight "
        "scripts and with varied screen names (seeds 106, 107); opencets.resolving.train. Invented, not real: to be "
        "replaced by a model trained on judgements.",
    )


def _world(some: Invented) -> World:
    return world_of(some.rows, (some.person_of[row.record_id] for row in some.rows))


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(shipped().as_json(), "utf-8")
