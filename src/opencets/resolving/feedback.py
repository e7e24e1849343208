"""Feedback: kept judgements move the weights a little. A new version with its card, and how it compares; none goes live here.

What is moved is one number for each level that enough judged pairs meet, and one scale for them all: a logistic regression
whose centre is the weights learned without judgements, as wide as cross-validation finds it worth. Every version starts from
there, so that no judgement is ever counted twice. The start before anything is compared stays: who is asked about suggested
pairs alone cannot tell how many are not.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from opencets.errors import ActRefused
from opencets.resolving.features import CELLS, LEVEL, Finding, hard_conflict
from opencets.resolving.invented import invent
from opencets.resolving.model import Model, Weight
from opencets.resolving.people import prepare
from opencets.resolving.placing import AMONG, SPOKEN, SUGGESTED_FROM, Kept, Worth
from opencets.resolving.reliability import Bin, bins_of, error_of
from opencets.resolving.suggest import candidates

LEAST_JUDGED = 60
"""From fewer judgements nothing is learned."""
LEAST_OF_EACH = 15
"""Nor where fewer than so many say "same", or fewer "different"."""
LEAST_MET = 20
"""A level that fewer judged pairs meet keeps its weight: it would say more of those pairs than of people."""
GRAIN = 0.05
"""Weights move by whole steps of so many bits: a single judgement hardly ever moves one."""
WIDTHS = (0.0, 0.25, 0.5, 1.0, 1.5)
"""How far a weight may well move, in bits (the standard deviation of the regression's prior); 0: it stays."""
FOLDS = 5
ANCHORED, ANCHOR_SEED = 400, 505
"""Invented people whose improbable pairs are to stay improbable: the queue shows nobody such pairs, and no judgement is on one."""
MOST_FOR_CHANCE = 5.0
"""A judged pair never stands for more than so many times its share, however seldom the queue chooses its like."""
BANDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0)
"""Pairs of about one probability are taken to have had the same chance to be judged."""
_HELD_BY = (CELLS.index(("screen_name", "same")), CELLS.index(("one_account", "repeats")))
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judged:
    """Two records as they are compared, and what a person decided. ``at``: when, as ISO 8601 in UTC."""

    left: Kept
    right: Kept
    same: bool
    at: str


@dataclass(frozen=True, slots=True)
class Version:
    """A model, and what it learned from judgements: those up to ``until``, as widely as ``width``; 0: from none."""

    model: Model
    width: float = 0.0
    until: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """How a version does on judged pairs. ``over``: told as one though judged different; ``under``: judged the same, not told.

    ``loss`` (bits a pair) and ``error`` (expected calibration error) count each pair for those that had its chance.
    """

    right: int
    wrong: int
    over: int
    under: int
    loss: float
    error: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """One weight that a version changed, in bits; ``met``: by how many judged pairs."""

    feature: str
    level: str
    sentence: str
    before: float
    after: float
    met: int


@dataclass(frozen=True, slots=True)
class Card:
    """What a version learned from, and what came of it. ``before`` and ``after`` are told on judgements held out."""

    name: str
    root: str
    present: str
    judged: int
    same: int
    different: int
    left_out: int
    since: str
    until: str
    digest: str
    width: float
    before: Figures
    after: Figures
    moved: tuple[Moved, ...]

    def as_body(self) -> dict[str, Any]:
        """The card as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Turned:
    """A pair that the new version tells on the other side of the threshold; ``at``: its place among those given."""

    at: int
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class _Evidence:
    """Judged pairs as numbers: how often each level is met, what exact ties add, who may share a fold with whom.

    ``common``: which pair meets which level with a very common name, and how many of its bits that takes at most.
    """

    cells: Floats
    starts: Floats
    ties: Floats
    common: Sequence[tuple[int, int, float]]
    same: npt.NDArray[np.bool_]
    at: tuple[str, ...]
    fold: npt.NDArray[np.int64]
    anchors: Floats
    anchored: Floats
    alike: Floats


def propose(
    name: str,
    root: Model,
    present: Version,
    judged: Sequence[Judged],
    worth: Worth,
    weighed: Sequence[float] | None = None,
) -> tuple[Version, Card]:
    """A new version and its card, learned from kept judgements. ``weighed``: for how many pairs each stands (``standing_for``).

    ActRefused: too few judgements, or they say nothing that the present version does not tell as well.
    """
    possible = [at for at, one in enumerate(judged) if hard_conflict(one.left.person, one.right.person) is None]
    kept = [judged[at] for at in possible]
    same = sum(one.same for one in kept)
    if len(kept) < LEAST_JUDGED or min(same, len(kept) - same) < LEAST_OF_EACH:
        raise ActRefused(
            f"Nothing is learned from fewer than {LEAST_JUDGED} judgements that count, or where fewer than {LEAST_OF_EACH} "
            "say the same, or different. Judge further pairs."
        )
    stands = np.ones(len(kept)) if weighed is None else np.array([weighed[at] for at in possible])
    seen = _evidence(kept, root, worth)
    width = _width(seen, root, stands)
    model = _fitted(seen, root, stands, width, np.ones(len(kept), bool), name)
    after = _held_out(seen, root, stands, width, "")
    before = (
        _held_out(seen, root, stands, present.width, present.until)
        if present.width
        else np.array([told(present.model, one, worth) for one in kept])
    )
    if not width or np.array_equal(_bits(model), _bits(present.model)):
        raise ActRefused(
            "The judgements say nothing that the present weights do not tell as well; there is nothing to propose."
        )
    met = (seen.cells > 0).sum(axis=0)
    card = Card(
        name=name,
        root=root.name,
        present=present.model.name,
        judged=len(kept),
        same=same,
        different=len(kept) - same,
        left_out=len(judged) - len(kept),
        since=min(seen.at),
        until=max(seen.at),
        digest=digest_of(kept),
        width=width,
        before=figures(before, seen.same, stands),
        after=figures(after, seen.same, stands),
        moved=moved(present.model, model, {cell: int(met[at]) for at, cell in enumerate(CELLS)}),
    )
    learned = f"{len(kept)} judgements from {card.since[:10]} to {card.until[:10]}, digest {card.digest[:16]}"
    model = replace(model, trained=f"{root.name}, moved by {learned}; opencets.resolving.feedback. {root.trained}")
    return Version(model.check(), width, card.until), card


def told(model: Model, pair: Judged, worth: Worth) -> float:
    """The probability of a pair under a version, however improbable; as ``placing.compare`` tells it where it suggests."""
    met, start, ties = _met(pair.left, pair.right, model, worth)
    bits = start * model.prior(AMONG) + ties + math.fsum(bits for _, bits in met)
    probability = model.probability(bits)
    return min(probability, 0.05) if hard_conflict(pair.left.person, pair.right.person) else probability


def turned(pairs: Iterable[Judged], before: Model, after: Model, worth: Worth) -> list[Turned]:
    """The pairs that the versions tell on different sides of the threshold, the greatest difference first."""
    found = []
    for at, pair in enumerate(pairs):
        one, other = told(before, pair, worth), told(after, pair, worth)
        if (one >= SUGGESTED_FROM) != (other >= SUGGESTED_FROM):
            found.append(Turned(at, one, other))
    return sorted(found, key=lambda row: (-abs(row.after - row.before), row.at))


def standing_for(probabilities: Sequence[float], population: Sequence[float]) -> list[float]:
    """For how many pairs each judged one stands: its like among all suggestions, over its like among the judged.

    The queue does not choose by chance: what it puts first is judged more often. Pairs of about one probability count for
    their share of all suggestions, within limits; among these, and where nobody was suggested, each counts the same.
    """
    judged, every = (np.histogram(given, BANDS)[0].astype(float) for given in (probabilities, population))
    band = np.clip(np.searchsorted(BANDS, probabilities, "right") - 1, 0, len(BANDS) - 2)
    known = every[band] > 0
    if not known.any():
        return [1.0] * len(probabilities)
    ratio = np.where(known, (every[band] / every.sum()) / (judged[band] / max(1, known.sum())), 1.0)
    return [float(one) for one in np.clip(ratio, 1 / MOST_FOR_CHANCE, MOST_FOR_CHANCE)]


def figures(probabilities: Floats, same: npt.NDArray[np.bool_], stands: Floats) -> Figures:
    """How probabilities do on judged pairs."""
    as_one = probabilities >= SUGGESTED_FROM
    over, under = int((as_one & ~same).sum()), int((~as_one & same).sum())
    bins = bins_of(probabilities, same, stands)
    return Figures(
        same.size - over - under, over + under, over, under,
        round(float(np.average(_losses(probabilities, same), weights=stands)), 4), round(error_of(bins), 4), bins,
    )  # fmt: skip


def moved(before: Model, after: Model, met: Mapping[tuple[str, str], int]) -> tuple[Moved, ...]:
    """The weights that differ between two versions, the greatest move first."""
    rows = [
        Moved(*cell, LEVEL[cell].sentence.replace("{left}", "…").replace("{right}", "…"), round(one, 2), round(other, 2),
              met.get(cell, 0))
        for cell in CELLS
        if abs((other := after.weights[cell].bits) - (one := before.weights[cell].bits)) >= GRAIN / 2
    ]  # fmt: skip
    return tuple(sorted(rows, key=lambda row: (-abs(row.after - row.before), row.feature, row.level)))


def digest_of(judged: Iterable[Judged]) -> str:
    """One digest of all judgements learned from: whoever has the same judgements can check that it was these."""
    rows = sorted(f"{one.left.id} {one.right.id} {'same' if one.same else 'different'} {one.at}" for one in judged)
    return sha256("\n".join(rows).encode()).hexdigest()


# --- What judged pairs meet ------------------------------------------------------------------------------------------


def _met(left: Kept, right: Kept, model: Model, worth: Worth) -> tuple[list[tuple[Finding, float]], int, float]:
    """The levels met, how often the start counts, and what exact ties add: the sum of ``placing.compare``, taken apart."""
    met = model.contributions(left.person, right.person)
    spoken = {found.feature for found, bits in met if bits > 0}
    tied: list[str] = []
    for kind, _ in sorted(left.values & right.values):
        if (feature := SPOKEN.get(kind)) not in spoken:
            met = [(found, bits) for found, bits in met if found.feature != feature]
            tied = [*(other for other in tied if other != feature), kind]
    return met, 1 - len(tied), math.fsum(math.log2(worth(kind) / (1 - worth(kind))) for kind in tied)


def _evidence(judged: Sequence[Judged], root: Model, worth: Worth) -> _Evidence:
    index = {cell: at for at, cell in enumerate(CELLS)}
    cells = np.zeros((len(judged), len(CELLS)))
    starts, ties = np.zeros(len(judged)), np.zeros(len(judged))
    common: list[tuple[int, int, float]] = []
    for at, one in enumerate(judged):
        met, starts[at], ties[at] = _met(one.left, one.right, root, worth)
        for found, _ in met:
            cell, weight = (found.feature, found.level), root.weights[found.feature, found.level]
            cells[at, index[cell]] += 1
            if found.rarity is not None and (taken := weight.bits - weight.worth(found.rarity)) > 0:
                common.append((at, index[cell], taken))
    _one_account_once(cells)
    same = np.array([one.same for one in judged])
    times = tuple(one.at for one in judged)
    return _Evidence(cells, starts, ties, common, same, times, _folds(judged), *_anchors(root))


def _anchors(root: Model) -> tuple[Floats, Floats, Floats]:
    """What invented pairs meet that nobody would be asked about, how probable the root takes them, and what share meets it."""
    people = invent(ANCHORED, ANCHOR_SEED)
    known = [prepare(row) for row in people.rows]
    index = {cell: at for at, cell in enumerate(CELLS)}
    rows, bits = [], _bits(root)
    for left, right in candidates(known, None):
        if hard_conflict(left, right) is None:
            row = np.zeros(len(CELLS))
            for found, _ in root.contributions(left, right):
                row[index[found.feature, found.level]] += 1
            rows.append(row)
    cells, alike = np.unique(_one_account_once(np.array(rows)), axis=0, return_counts=True)
    told = root.probabilities(bits[0] + cells @ bits[1:])
    low = told < SUGGESTED_FROM
    return cells[low], told[low], alike[low] / alike[low].sum()


def _one_account_once(cells: Floats) -> Floats:
    """One account, one piece of evidence: what repeats takes back exactly what the screen name gave."""
    name, repeats = _HELD_BY
    cells[:, name] -= cells[:, repeats]
    cells[:, repeats] = 0
    return cells


def _folds(judged: Sequence[Judged]) -> npt.NDArray[np.int64]:
    """Pairs that hang together by their records are held out together: the largest groups first, each to the emptiest fold."""
    root: dict[str, str] = {}

    def top(record: str) -> str:
        while root.setdefault(record, record) != record:
            record = root[record]
        return record

    for one in judged:
        a, b = top(one.left.id), top(one.right.id)
        root[max(a, b)] = min(a, b)
    groups: dict[str, list[int]] = defaultdict(list)
    for at, one in enumerate(judged):
        groups[top(one.left.id)].append(at)
    fold, sizes = np.zeros(len(judged), np.int64), [0] * FOLDS
    for _, group in sorted(groups.items(), key=lambda row: (-len(row[1]), row[0])):
        emptiest = sizes.index(min(sizes))
        fold[group] = emptiest
        sizes[emptiest] += len(group)
    return fold


# --- Learning --------------------------------------------------------------------------------------------------------


def _bits(model: Model) -> Floats:
    return np.array([model.prior(AMONG), *(model.weights[cell].bits for cell in CELLS)])


def _scores(seen: _Evidence, model: Model) -> Floats:
    bits = _bits(model)
    scores: Floats = seen.starts * bits[0] + seen.cells @ bits[1:] + seen.ties
    for at, cell, taken in seen.common:
        scores[at] -= min(max(float(bits[1 + cell]), 0.0), taken)
    return scores


def _losses(probabilities: Floats, same: npt.NDArray[np.bool_]) -> Floats:
    losses: Floats = -np.log2(np.where(same, probabilities, 1 - probabilities))
    return losses


def _held_out(seen: _Evidence, root: Model, stands: Floats, width: float, until: str) -> Floats:
    """The probability of each pair by the weights that never saw it, nor any that it hangs together with."""
    found = np.zeros(seen.same.size)
    known = np.array([not until or at <= until for at in seen.at])
    for fold in range(FOLDS):
        here = seen.fold == fold
        model = _fitted(seen, root, stands, width, known & ~here, "")
        found[here] = model.probabilities(_scores(seen, model)[here])
    return found


def _width(seen: _Evidence, root: Model, stands: Floats) -> float:
    """The narrowest width that is not worse than the best by more than chance: little evidence moves nothing."""
    losses = [_losses(_held_out(seen, root, stands, width, ""), seen.same) for width in WIDTHS]
    means = [float(np.average(each, weights=stands)) for each in losses]
    best = means.index(min(means))
    for width, each in zip(WIDTHS, losses, strict=True):
        worse = (each - losses[best]) * stands / stands.mean()
        if worse.mean() <= worse.std() / math.sqrt(worse.size):
            return width
    return WIDTHS[best]


def _fitted(
    seen: _Evidence, root: Model, stands: Floats, width: float, known: npt.NDArray[np.bool_], name: str
) -> Model:
    """The root moved by the pairs that are known: Fisher scoring through the root's calibration, a ridge around the root."""
    if not width:
        return replace(root, name=name or root.name)
    enough = np.flatnonzero((seen.cells[known] != 0).sum(axis=0) >= LEAST_MET)
    bits = _bits(root)
    cells = np.concatenate((seen.cells[known][:, enough], seen.anchors[:, enough]))
    table = np.column_stack((cells @ bits[1 + enough], cells))
    wide = np.array([width / 4, *([width] * enough.size)])
    first = np.concatenate((_scores(seen, root)[known], bits[0] + seen.anchors @ bits[1:]))
    same = np.concatenate((seen.same[known], seen.anchored))
    weight = np.concatenate((stands[known] / stands[known].mean(), known.sum() * seen.alike))
    knots, odds = _curve(root)

    moves = settled(table, first, same.astype(np.float64), weight, wide, knots, odds)
    shifted = bits.copy()
    shifted[1 + enough] += np.round((moves[0] * bits[1 + enough] + moves[1:]) / GRAIN) * GRAIN
    return _with_bits(root, shifted, name)


def _curve(model: Model) -> tuple[Floats, Floats]:
    """(scores, log odds): the calibration as a line, each step's share in its middle; an uncalibrated score is its own."""
    if len(model.calibration) < 3:
        return np.array([-50.0, 50.0]), np.array([-50.0, 50.0]) * math.log(2)
    steps, shares = np.array(model.calibration).T
    middles = np.append((steps[1:-1] + steps[2:]) / 2, steps[-1] + (steps[-1] - steps[-2]) / 2)
    return middles, np.log(shares[1:] / (1 - shares[1:]))


@numba.njit(cache=True)
def _likely(score: float, knots: Floats, odds: Floats) -> tuple[float, float]:
    """The log odds of a score, and how steep they are there."""
    at = 0
    while at < knots.size - 2 and score > knots[at + 1]:
        at += 1
    slope = (odds[at + 1] - odds[at]) / (knots[at + 1] - knots[at])
    return min(max(odds[at] + (score - knots[at]) * slope, -9.0), 9.0), slope


@numba.njit(cache=True)
def _cost(
    table: Floats, first: Floats, same: Floats, weight: Floats, wide: Floats, knots: Floats, odds: Floats, moves: Floats
) -> float:
    total = 0.0
    for column in range(moves.size):
        total += 0.5 * (moves[column] / wide[column]) ** 2
    for row in range(first.size):
        score = first[row]
        for column in range(moves.size):
            score += table[row, column] * moves[column]
        likely, _ = _likely(score, knots, odds)
        total += weight[row] * (np.log1p(np.exp(-abs(likely))) + max(likely, 0.0) - same[row] * likely)
    return total


@numba.njit(cache=True)
def settled(
    table: Floats, first: Floats, same: Floats, weight: Floats, wide: Floats, knots: Floats, odds: Floats
) -> Floats:
    """The moves of least cost. Compiled, not by matrices: their many threads fight with those of the other jobs."""
    width = wide.size
    moves = np.zeros(width)
    now = _cost(table, first, same, weight, wide, knots, odds, moves)
    for _ in range(30):
        gradient, curve = -moves / wide**2, np.diag(1 / wide**2)
        for row in range(first.size):
            score = first[row]
            for column in range(width):
                score += table[row, column] * moves[column]
            likely, slope = _likely(score, knots, odds)
            p = 1 / (1 + np.exp(-likely))
            push, bend = weight[row] * (same[row] - p) * slope, weight[row] * p * (1 - p) * slope**2
            for one in range(width):
                if table[row, one] != 0:
                    gradient[one] += push * table[row, one]
                    for other in range(width):
                        curve[one, other] += bend * table[row, one] * table[row, other]
        step = np.linalg.solve(curve, gradient)
        # The calibration is a line with bends: a whole step may go past one.
        best, further = moves, now
        for halved in range(8):
            tried = moves + step / 2**halved
            cost = _cost(table, first, same, weight, wide, knots, odds, tried)
            if cost < further:
                best, further = tried, cost
            elif further < now:
                break
        if now - further < 1e-4:
            break
        moves, now = best, further
    return moves


def _with_bits(root: Model, bits: Floats, name: str) -> Model:
    weights = {}
    for at, cell in enumerate(CELLS):
        former, now = root.weights[cell], float(bits[1 + at])
        if at == _HELD_BY[1]:
            now = -float(bits[1 + _HELD_BY[0]])
        if abs(now - former.bits) < GRAIN / 2:
            weights[cell] = former
            continue
        u = former.m / 2.0**now
        m, u = (former.m / u, 1.0) if u > 1 else (former.m, u)
        weights[cell] = Weight(float(f"{m:.8g}"), float(f"{u:.8g}"), former.rarity, former.usual)
    return replace(root, name=name or root.name, prior_bits=root.prior_bits, weights=weights)
