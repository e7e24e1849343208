"""Rarity: what a shared value is worth as evidence, by its kind and by how many cases hold it.

The worth is a probability; paths add its cost in bits, ``-log2(probability)``, so that probabilities multiply along a
path. The degree of a value is the number of **distinct cases** that hold it. The worth depends on the degree only
through its bucket ``floor(log2(degree - 1))``: it changes at 3, 5, 9, 17 ... cases and nowhere between, so that a
growing degree seldom forces a re-scoring and the result does not depend on the order in which packages arrived.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from typing import Any

import yaml

from opencets.records import KINDS

KINDS_WITHOUT_CLAIMS = frozenset({"same_person", "same_source", "pdq"})
"""Kinds of tie that two records have with each other, and not through one value that both claim."""


@dataclass(frozen=True, slots=True)
class Worth:
    """One row of ``rarity.yaml``: what a shared value of one kind says, and why."""

    kind: str
    probability: float
    beta: float
    cap: int
    sentence: str
    ties: str = ""
    distance: tuple[tuple[int, float], ...] = field(default=())
    years: tuple[tuple[int, float], ...] = field(default=())
    passes: str = ""


def bucket(degree: int) -> int:
    """``floor(log2(degree - 1))`` for two cases and more; -1 where fewer than two cases hold the value."""
    return (degree - 1).bit_length() - 1 if degree >= 2 else -1


@dataclass(frozen=True, slots=True)
class Rarity:
    """The table of worths. ``model`` names its version and travels with every result computed from it."""

    model: str
    worths: Mapping[str, Worth]

    def links(self, kind: str) -> bool:
        """Whether values of this kind tie records at all; a kind that the table lacks does not."""
        return kind in self.worths

    def generic(self, kind: str, degree: int) -> bool:
        """Whether so many cases hold the value that it says nothing; a kind that the table lacks is always generic."""
        worth = self.worths.get(kind)
        return worth is None or degree > worth.cap

    def probability(self, kind: str, degree: int, distance: int = 0) -> float:
        """The probability that two holders are really connected; raises KeyError for a kind that the table lacks.

        ``distance``: Hamming distance of near-duplicates; beyond the table's last row the probability is 0.
        """
        worth = self.worths[kind]
        base = worth.probability
        if worth.distance:
            base = next(
                (probability for at_most, probability in worth.distance if distance <= at_most),
                0.0,
            )
        lowest = 2 ** bucket(degree) + 1 if degree >= 2 else 2
        return base / (1 + worth.beta * (lowest - 2))

    def left_after(self, kind: str, years: int) -> float:
        """What is left of the probability where so many full years lie between the two sides of a tie; 1 for all of it."""
        worth = self.worths.get(kind)
        return next((share for least, share in reversed(worth.years) if years >= least), 1.0) if worth else 1.0

    def bits(self, kind: str, degree: int, distance: int = 0) -> float:
        """The cost of a tie in bits; infinite for a generic value and beyond the table's last distance."""
        if self.generic(kind, degree):
            return math.inf
        return bits_of(self.probability(kind, degree, distance))

    def level(self) -> Rarity:
        """The table in which the number of holders counts for nothing up to the cap.

        For what several readers see, each of whom knows of other cases: how many hold a value is then weighed for each.
        """
        return replace(self, worths={kind: replace(worth, beta=0.0) for kind, worth in self.worths.items()})

    def words(self, kind: str) -> str:
        """The words for a tie of this kind, for example "the same e-mail address"."""
        worth = self.worths.get(kind)
        if worth is not None and worth.ties:
            return worth.ties
        return KINDS[kind].ties if kind in KINDS else f"the same {kind.replace('_', ' ')}"


def bits_of(probability: float) -> float:
    """``-log2(probability)``; infinite for 0."""
    return -math.log2(probability) if probability > 0 else math.inf


@cache
def default_rarity() -> Rarity:
    """The table shipped in ``rarity.yaml``."""
    return rarity_from(yaml.safe_load(resources.files(__package__).joinpath("rarity.yaml").read_text("utf-8")))


def rarity_from(table: Mapping[str, Any]) -> Rarity:
    """A table from its YAML form; raises ValueError naming the row that is out of range."""
    worths: dict[str, Worth] = {}
    for kind, row in table["kinds"].items():
        distance = tuple(sorted((int(at_most), float(p)) for at_most, p in row.get("distance", {}).items()))
        years = tuple(sorted((int(least), float(share)) for least, share in row.get("years", {}).items()))
        worth = Worth(kind, float(row["probability"]), float(row["beta"]), int(row["cap"]), row["sentence"],
                      row.get("ties", ""), distance, years, row.get("passes", ""))  # fmt: skip
        if not (0 < worth.probability < 1 and worth.beta >= 0 and worth.cap >= 2):
            raise ValueError(f"rarity table: {kind} needs 0 < probability < 1, beta >= 0 and cap >= 2")
        if any(not 0 < p <= worth.probability for _, p in distance):
            raise ValueError(f"rarity table: {kind} has a distance worth more than the kind itself, or nothing")
        shares = [share for _, share in years]
        if years and not (worth.passes and shares == sorted(shares, reverse=True) and 0 < shares[-1] <= shares[0] < 1):
            raise ValueError(
                f"rarity table: {kind} needs falling shares of its probability by years, and why it passes on"
            )
        worths[kind] = worth
    return Rarity(str(table["model"]), worths)
