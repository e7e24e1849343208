"""A small calibrator: from what was compared to a probability that holds, as an additive model kept in a readable file.

Scores that add evidence as if it were independent are far too sure of themselves: of pairs scored 0.90 a third may be
right. A path multiplies probabilities, so each has to mean what it says. The model is a logistic regression over named
marks, each present or not: every mark's bits can be read, and added up by hand.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from opencets.errors import ActRefused

Marks = Sequence[str]
"""What holds of one pair, for example ``("name:same|birth:coarser", "home:city")``."""


@dataclass(frozen=True, slots=True)
class Calibrator:
    """``bits``: what each mark adds to the log2 odds; a mark that was never learned adds nothing."""

    name: str
    base_bits: float
    bits: Mapping[str, float]
    trained: str

    def probability(self, marks: Marks) -> float:
        """The probability for a pair of which these marks hold."""
        total = self.base_bits + math.fsum(self.bits.get(mark, 0.0) for mark in marks)
        return float(1 / (1 + 2.0 ** -max(-60.0, min(60.0, total))))

    def as_json(self) -> str:
        """The model as its file: stable order, readable."""
        body = {
            "name": self.name,
            "trained": self.trained,
            "base_bits": round(self.base_bits, 4),
            "bits": {mark: round(bits, 4) for mark, bits in sorted(self.bits.items())},
        }
        return json.dumps(body, indent=1) + "\n"


def learn(
    name: str, pairs: Iterable[tuple[Marks, bool]], trained: str, *, ridge: float = 1.0, fewest: int = 20
) -> Calibrator:
    """A calibrator from labelled pairs; marks that fewer than ``fewest`` pairs carry are left out.

    ``ridge``: how strongly bits are drawn to 0, so that a rare mark cannot shout. ActRefused without both labels.
    """
    labelled = list(pairs)
    if not 0 < sum(right for _, right in labelled) < len(labelled):
        raise ActRefused("A calibrator needs pairs that are right and pairs that are wrong.")
    counts: dict[str, int] = {}
    for marks, _ in labelled:
        for mark in marks:
            counts[mark] = counts.get(mark, 0) + 1
    columns = {mark: at for at, mark in enumerate(sorted(mark for mark, held in counts.items() if held >= fewest))}
    rows = [(at, columns[mark]) for at, (marks, _) in enumerate(labelled) for mark in marks if mark in columns]
    row = np.array([at for at, _ in rows], np.int64)
    column = np.array([at for _, at in rows], np.int64)
    right = np.array([label for _, label in labelled], np.float64)

    def cost(weights: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        score = np.bincount(row, weights[1:][column], right.size) + weights[0]
        wrong_by = 1 / (1 + np.exp(-score)) - right
        value = float(np.sum(np.logaddexp(0, score) - right * score) + ridge * np.sum(weights[1:] ** 2) / 2)
        slope = np.concatenate(
            ([wrong_by.sum()], np.bincount(column, wrong_by[row], len(columns)) + ridge * weights[1:])
        )
        return value, slope

    found = minimize(cost, np.zeros(len(columns) + 1), jac=True, method="L-BFGS-B", options={"maxiter": 400}).x
    bits = found / math.log(2)
    return Calibrator(name, float(bits[0]), {mark: float(bits[at + 1]) for mark, at in columns.items()}, trained)


def calibrator_from(text: str) -> Calibrator:
    """A calibrator from its file."""
    body = json.loads(text)
    return Calibrator(body["name"], float(body["base_bits"]), dict(body["bits"]), body["trained"])


@cache
def load_calibrator(name: str) -> Calibrator:
    """The shipped calibrator of that name; ActRefused if there is none."""
    file = resources.files(__package__).joinpath("models", f"{name}.json")
    if not name.replace("-", "").isalnum() or not file.is_file():
        raise ActRefused(f"There is no calibrator {name!r}.")
    return calibrator_from(file.read_text("utf-8"))


def calibration_error(pairs: Iterable[tuple[float, bool]], bins: int = 10) -> float:
    """Expected calibration error: how far, on average over pairs, a bin's probability lies from its share of right ones."""
    told: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    for probability, right in pairs:
        told[min(bins - 1, int(probability * bins))].append((probability, right))
    total = sum(len(held) for held in told)
    off = (abs(sum(p for p, _ in held) - sum(right for _, right in held)) for held in told)
    return sum(off) / total if total else 0.0
