"""Models: the weight of every level, how it was learned, and what a score means as a probability. Versioned files."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

from opencets.errors import ActRefused
from opencets.resolving.features import CELLS, COUNTED, DRAWN_FROM, Commonness, Finding, findings
from opencets.resolving.fragments import Fragments
from opencets.resolving.frequency import common_names
from opencets.resolving.kernel import Rules, stacked
from opencets.resolving.people import Person

PRIOR_AT = 5_000
"""Among so many records the prior is the model's; among more each record has so many more chances to be mistaken."""
PRIOR_LEAST = 1_000
"""A smaller table is part of something larger."""
SHIPPED = "person-3"


@dataclass(frozen=True, slots=True)
class Weight:
    """``m``: how often the level holds for the same person; ``u``: for two different people, as far as it counts.

    Where it matters how many bear a value, ``usual`` is the usual rarity (log2 of one in how many) and ``rarity`` what
    each bit of rarity more adds.
    """

    m: float
    u: float
    rarity: float = 0.0
    usual: float = 0.0

    @property
    def bits(self) -> float:
        """``log2(m / u)``: what the level adds for (or, negative, takes from) sameness."""
        return math.log2(self.m / self.u)

    def worth(self, rarity: float | None) -> float:
        """The bits for a value of that rarity."""
        return self.bits + (self.rarity * (rarity - self.usual) if rarity is not None else 0.0)


@dataclass(frozen=True, slots=True)
class Model:
    """A trained model. ``prior_bits``: log2 odds of sameness before anything is compared, among ``PRIOR_AT`` records.

    ``calibration``: (score in bits, probability) steps, rising; a score takes the probability of the last step at or
    below it. ``trained`` says on what and how.
    """

    name: str
    prior_bits: float
    weights: Mapping[tuple[str, str], Weight]
    calibration: tuple[tuple[float, float], ...]
    trained: str

    def check(self) -> Model:
        """The model itself; raises ActRefused naming every level without a weight: no default is ever used."""
        missing = [f"{feature}/{level}" for feature, level in CELLS if not _usable(self.weights.get((feature, level)))]
        if missing:
            raise ActRefused(
                f"Model {self.name} cannot be used: no trained weight for {', '.join(missing)}. "
                "Train it on more rows, or take these weights from a model that has them."
            )
        return self

    def probability(self, score: float) -> float:
        """The calibrated probability of a score (prior and all features together, in bits)."""
        at = bisect_right([step for step, _ in self.calibration], score) - 1
        if self.calibration:
            return self.calibration[max(at, 0)][1]
        return float(1 / (1 + 2.0**-score))

    def probabilities(self, scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """``probability`` of each score."""
        if not self.calibration:
            return 1 / (1 + np.exp2(-scores))
        steps, shares = np.array(self.calibration).T
        found: npt.NDArray[np.float64] = shares[np.maximum(np.searchsorted(steps, scores, "right") - 1, 0)]
        return found

    def least(self, probability: float) -> float:
        """The least score that is at least so probable; infinite where none is."""
        if not self.calibration:
            return math.log2(probability / (1 - probability)) if probability < 1 else math.inf
        return next((step for step, share in self.calibration if share >= probability), math.inf)

    def prior(self, records: int = 0) -> float:
        """The log2 odds that two of so many records are one person, before anything is compared; 0: it is not known."""
        return self.prior_bits - (math.log2(max(records, PRIOR_LEAST) / PRIOR_AT) if records else 0.0)

    def contributions(
        self, left: Person, right: Person, commonness: Commonness | None = None
    ) -> list[tuple[Finding, float]]:
        """Everything that both people state, each with its bits.

        Without ``commonness`` nothing is counted: very common names weigh less by a fixed list (``frequency``), down to
        nothing, and every other value is as rare as is usual.
        """

        def rarity(cell: tuple[str, str], value: str) -> float:
            usual = self.weights[cell].usual
            held = commonness.held(COUNTED[cell], value) if commonness else 0
            if cell == ("commonness", "common") and not held:
                return math.inf
            if commonness is None:
                return common_names().rarity(COUNTED[cell], value, usual) if self.weights[cell].rarity > 0 else usual
            others = Commonness.OTHERS
            return math.log2((commonness.records + others) / (held + others * 2.0**-usual))

        fragments = commonness.fragments() if commonness else _FRAGMENTS
        weighed = ((found, self._bits(found)) for found in findings(left, right, rarity, fragments))
        if commonness is not None:
            return list(weighed)
        return [(found, bits - min(0.0, bits) if self._agrees(found) else bits) for found, bits in weighed]

    def _agrees(self, found: Finding) -> bool:
        return found.rarity is not None and self.weights[found.feature, found.level].bits > 0

    def _bits(self, found: Finding) -> float:
        weight = self.weights[found.feature, found.level]
        # What a whole name is commoner by is told as such, not as how rare it is.
        over = weight.usual if found.feature == "commonness" else 0.0
        return weight.worth(None if found.rarity is None else found.rarity + over)

    def score(self, left: Person, right: Person, commonness: Commonness | None = None) -> float:
        """Prior and all contributions, in bits."""
        records = commonness.records if commonness else 0
        return self.prior(records) + math.fsum(bits for _, bits in self.contributions(left, right, commonness))

    def rules(self, records: int) -> Rules:
        """The model as ``kernel`` reads it, for a table of so many records."""
        used = self.check()
        weights = [used.weights[cell] for cell in CELLS]
        usual = np.array([weight.usual for weight in weights])
        return Rules(
            np.array([weight.bits for weight in weights]),
            np.array([weight.rarity for weight in weights]),
            usual,
            Commonness.OTHERS * 2.0**-usual,
            float(records),
            Commonness.OTHERS,
            *stacked(),
        )

    def as_json(self) -> str:
        """The model as its file: stable order, readable."""
        features: dict[str, dict[str, dict[str, float]]] = {}
        for feature, level in CELLS:
            weight = self.weights[feature, level]
            row = {"m": weight.m, "u": weight.u}
            if (feature, level) in COUNTED:
                row |= {"rarity": weight.rarity, "usual": weight.usual}
            features.setdefault(feature, {})[level] = row
        body = {
            "name": self.name,
            "trained": self.trained,
            "prior_bits": self.prior_bits,
            "features": features,
            "calibration": [list(step) for step in self.calibration],
        }
        return json.dumps(body, indent=1) + "\n"


_FRAGMENTS: Fragments[str] = Fragments(drawn_from=DRAWN_FROM)


def _usable(weight: Weight | None) -> bool:
    return weight is not None and 0 < weight.m <= 1 and 0 < weight.u <= 1


def model_from(body: Mapping[str, Any]) -> Model:
    """A checked model from its JSON form; raises ActRefused where a weight is missing."""
    return _read(body).check()


def _read(body: Mapping[str, Any]) -> Model:
    weights = {
        (feature, level): Weight(*(float(row.get(part) or 0) for part in ("m", "u", "rarity", "usual")))
        for feature, levels in body["features"].items()
        for level, row in levels.items()
    }
    calibration = tuple((float(score), float(p)) for score, p in body["calibration"])
    return Model(body["name"], float(body["prior_bits"]), weights, calibration, body["trained"])


@cache
def load_model(name: str = SHIPPED) -> Model:
    """The shipped model of that name; raises ActRefused if there is none, or if it lacks a weight."""
    return read_model(name).check()


def read_model(name: str) -> Model:
    """The shipped model of that name, be it complete or of fewer levels than there are now; ActRefused if there is none."""
    file = resources.files(__package__).joinpath("models", f"{name}.json")
    if not name.replace("-", "").isalnum() or not file.is_file():
        raise ActRefused(f"There is no model {name!r}; shipped is {SHIPPED}.")
    return _read(json.loads(file.read_text("utf-8")))


def calibrate(scored: Iterable[tuple[float, bool]], steps: int = 24) -> tuple[tuple[float, float], ...]:
    """Rising (score, probability) steps by isotonic regression (pool adjacent violators) over labelled scores.

    Never 0 or 1: each step's share has one right and one wrong pair added, and neighbours are joined until at most
    ``steps`` are left.
    """
    ordered = sorted(scored)
    pools: list[tuple[float, int, int]] = []
    # Most candidates are nobody: bins as large as a share of all pairs would hold every doubtful one in two of them.
    size = max(1, min(len(ordered), 2 * sum(right for _, right in ordered)) // (steps * 8))
    at = 0
    while at < len(ordered):
        end = min(len(ordered), at + size)
        while end < len(ordered) and ordered[end][0] == ordered[end - 1][0]:
            end += 1
        pools.append((ordered[at][0], sum(right for _, right in ordered[at:end]), end - at))
        at = end
        while len(pools) > 1 and pools[-2][1] * pools[-1][2] >= pools[-1][1] * pools[-2][2]:
            start, right, count = pools.pop(-2)
            _, more_right, more = pools.pop()
            pools.append((start, right + more_right, count + more))
    rising = [
        (round(start, 3), min(max(round((right + 1) / (count + 2), 4), 0.0001), 0.9999))
        for start, right, count in pools
    ]
    kept: list[tuple[float, float]] = []
    for start, probability in rising:
        if not kept or probability > kept[-1][1] + (1 / steps if 0.1 < probability < 0.9 else 0.004):
            kept.append((start, probability))
    return tuple(kept)
