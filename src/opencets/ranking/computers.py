"""Which computers matter most: a weighted, explained, versioned order; each factor in sight, and what the order is without it.

A factor's share grows from 0 towards 1 and is one half at the table's ``half``; shares are weighted and added, penalties
multiply. Rare files weigh most: one computer in 250 held so much that without it up to 30 % of the known files would have
been gone (Wolak, Liberatore and Levine 2014), and neither the largest library nor the most days finds it as well (Hurley
and others, WWW 2013). A person decides; the order says only where to look first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Factor:
    """One row of the table."""

    name: str
    weight: float
    half: float
    says: str


@dataclass(frozen=True, slots=True)
class Penalty:
    """What a score is multiplied by where it applies."""

    name: str
    times: float
    says: str


@dataclass(frozen=True, slots=True)
class ComputersModel:
    """The weights of a version."""

    model: str
    factors: tuple[Factor, ...]
    penalties: tuple[Penalty, ...]
    fresh_half_days: float


@dataclass(frozen=True, slots=True)
class Share:
    """What one factor gives a computer: its value, its points of the score, and the place in the order without it."""

    name: str
    value: float
    points: float
    sentence: str
    place_without: int


@dataclass(frozen=True, slots=True)
class Ranked:
    """One computer's place, from 1. ``at``: its position in the arrays that were given."""

    place: int
    at: int
    score: float
    shares: tuple[Share, ...]
    penalties: tuple[str, ...]
    model: str


@lru_cache(maxsize=1)
def computers_model() -> ComputersModel:
    """The table shipped in ``computers.yaml``."""
    return model_from(yaml.safe_load(files("opencets.ranking").joinpath("computers.yaml").read_text(encoding="utf-8")))


def model_from(table: Mapping[str, Any]) -> ComputersModel:
    """A model from its YAML form. ValueError naming the row that is out of range."""
    factors = tuple(
        Factor(name, float(row["weight"]), float(row["half"]), row["says"]) for name, row in table["factors"].items()
    )
    penalties = tuple(Penalty(name, float(row["times"]), row["says"]) for name, row in table["penalties"].items())
    for factor in factors:
        if factor.weight < 0 or factor.half <= 0:
            raise ValueError(f"the factor {factor.name} needs a weight of at least 0 and a half above 0")
    for penalty in penalties:
        if not 0 < penalty.times <= 1:
            raise ValueError(f"the penalty {penalty.name} multiplies by more than 0 and at most 1")
    if not sum(factor.weight for factor in factors):
        raise ValueError("no factor has a weight")
    return ComputersModel(str(table["model"]), factors, penalties, float(table["fresh_half_days"]))


def rank_computers(
    facts: Mapping[str, Floats], most: int = 100, model: ComputersModel | None = None, *, count: int | None = None
) -> list[Ranked]:
    """The ``most`` computers to look at first, with every factor's share.

    ``facts``: arrays of one length by the factors' names (`opencets.sighting.answers.Computers.facts`, and ``links`` and
    ``children`` where they are known); what is not given counts nothing. ``idle_days`` and ``direct_share`` give freshness
    and hearsay. Equal scores keep the order given.
    """
    model = model or computers_model()
    size = count if count is not None else len(next(iter(facts.values())))
    values, points, scores, known = _scored(facts, model, size)
    none = np.zeros(size)
    order = np.argsort(-scores, kind="stable")[:most]
    without = {name: _places(scores - some, order) for name, some in points.items()}
    return [
        Ranked(
            place,
            int(at),
            round(float(scores[at]), 2),
            tuple(
                Share(
                    factor.name,
                    float(values[factor.name][at]),
                    round(float(points[factor.name][at]), 2),
                    factor.says.format(value=float(values[factor.name][at])),
                    int(without[factor.name][place - 1]),
                )
                for factor in model.factors
            ),
            tuple(penalty.says for penalty in model.penalties if known.get(penalty.name, none)[at] > 0),
            model.model,
        )
        for place, at in enumerate(order.tolist(), 1)
    ]


def _scored(
    facts: Mapping[str, Floats], model: ComputersModel, size: int
) -> tuple[dict[str, Floats], dict[str, Floats], Floats, dict[str, Floats]]:
    """The factors' values and points, the scores, and what is known for penalties."""
    known = dict(facts)
    if "idle_days" in known:
        known["fresh"] = 0.5 ** (np.maximum(known["idle_days"], 0) / model.fresh_half_days)
    if "direct_share" in known:
        known["hearsay"] = (known["direct_share"] <= 0).astype(np.float64)
    none = np.zeros(size)
    values = {factor.name: np.asarray(known.get(factor.name, none), np.float64) for factor in model.factors}
    whole = sum(factor.weight for factor in model.factors)
    times = np.ones(size)
    for penalty in model.penalties:
        times = np.where(known.get(penalty.name, none) > 0, times * penalty.times, times)
    points = {
        factor.name: 100 * factor.weight / whole * _share(factor, values[factor.name]) * times
        for factor in model.factors
    }
    return values, points, np.sum(list(points.values()), axis=0) if size else none, known


def shortlist(
    facts: Mapping[str, Floats], most: int = 300, model: ComputersModel | None = None, *, count: int | None = None
) -> npt.NDArray[np.int64]:
    """Positions of the ``most`` first by the order and by the order without each factor, ascending.

    Ranked alone, they give the same first ``most`` with the same places, also without a factor as far as these are not below
    ``most``: what a page shows of many computers needs no more than these.
    """
    model = model or computers_model()
    size = count if count is not None else len(next(iter(facts.values())))
    _, points, scores, _ = _scored(facts, model, size)
    orders = [scores, *(scores - some for some in points.values())]
    first = [np.argsort(-order, kind="stable")[:most] for order in orders]
    return np.asarray(np.unique(np.concatenate(first)), np.int64)


def _share(factor: Factor, values: Floats) -> Floats:
    if factor.name == "fresh":
        return values
    return np.asarray(values / (values + factor.half), np.float64)


def _places(scores: Floats, wanted: Any) -> npt.NDArray[np.int64]:
    """The place, from 1, that each wanted position has in another order."""
    places = np.empty(scores.size, np.int64)
    places[np.argsort(-scores, kind="stable")] = np.arange(1, scores.size + 1)
    return np.asarray(places[wanted], np.int64)
