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

from opencets.errors import ActRefused
from opencets.resolving.features import FEATURES
from opencets.resolving.people import Person


@dataclass(frozen=True, slots=True)
class Weight:
    """``m``: how often the level holds for the same person; ``u``: for two different people."""

    m: float
    u: float

    @property
    def bits(self) -> float:
        """``log2(m / u)``: what the level adds for (or, negative, takes from) sameness."""
        return math.log2(self.m / self.u)


@dataclass(frozen=True, slots=True)
class Model:
    """A trained model. ``prior_bits``: log2 odds of sameness before anything is compared, among candidates at large.

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
        missing = [
            f"{feature.name}/{level.name}"
            for feature in FEATURES
            for level in feature.levels
            if not _usable(self.weights.get((feature.name, level.name)))
        ]
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

    def contributions(self, left: Person, right: Person) -> list[tuple[str, str, float]]:
        """(feature, level, bits) of everything that both people state."""
        found = []
        for feature in FEATURES:
            level = feature.level(left, right)
            if level is not None:
                found.append((feature.name, level.name, self.weights[feature.name, level.name].bits))
        return found

    def score(self, left: Person, right: Person) -> float:
        """Prior and all contributions, in bits: equal to Splink's ``match_weight`` with the same weights."""
        return self.prior_bits + math.fsum(bits for _, _, bits in self.contributions(left, right))

    def as_json(self) -> str:
        """The model as its file: stable order, readable."""
        features: dict[str, dict[str, dict[str, float]]] = {}
        for feature in FEATURES:
            for level in feature.levels:
                weight = self.weights[feature.name, level.name]
                features.setdefault(feature.name, {})[level.name] = {"m": weight.m, "u": weight.u}
        body = {
            "name": self.name,
            "trained": self.trained,
            "prior_bits": self.prior_bits,
            "features": features,
            "calibration": [list(step) for step in self.calibration],
        }
        return json.dumps(body, indent=1) + "\n"


def _usable(weight: Weight | None) -> bool:
    return weight is not None and 0 < weight.m <= 1 and 0 < weight.u <= 1


def model_from(body: Mapping[str, Any]) -> Model:
    """A checked model from its JSON form; raises ActRefused where a weight is missing."""
    weights = {
        (feature, level): Weight(float(row.get("m") or 0), float(row.get("u") or 0))
        for feature, levels in body["features"].items()
        for level, row in levels.items()
    }
    calibration = tuple((float(score), float(p)) for score, p in body["calibration"])
    return Model(body["name"], float(body["prior_bits"]), weights, calibration, body["trained"]).check()


@cache
def load_model(name: str = "person-1") -> Model:
    """The shipped model of that name; raises ActRefused if there is none."""
    file = resources.files(__package__).joinpath("models", f"{name}.json")
    if not name.replace("-", "").isalnum() or not file.is_file():
        raise ActRefused(f"There is no model {name!r}; shipped is person-1.")
    return model_from(json.loads(file.read_text("utf-8")))


def calibrate(scored: Iterable[tuple[float, bool]], steps: int = 24) -> tuple[tuple[float, float], ...]:
    """Rising (score, probability) steps by isotonic regression (pool adjacent violators) over labelled scores.

    Never 0 or 1: each step's share has one right and one wrong pair added, and neighbours are joined until at most
    ``steps`` are left.
    """
    ordered = sorted(scored)
    pools: list[tuple[float, int, int]] = []
    size = max(1, len(ordered) // (steps * 4))
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
    rising = [(round(start, 3), round((right + 1) / (count + 2), 4)) for start, right, count in pools]
    kept: list[tuple[float, float]] = []
    for start, probability in rising:
        if not kept or probability > kept[-1][1] + (1 / steps if 0.1 < probability < 0.9 else 0.004):
            kept.append((start, probability))
    return tuple(kept)
