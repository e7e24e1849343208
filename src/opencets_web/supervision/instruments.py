"""Risk instruments: forms whose items are data, each with its explanation and source. They add up; a person decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from opencets.errors import ActRefused


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer to an item, and what it adds."""

    value: str
    label: str
    points: int


@dataclass(frozen=True, slots=True)
class Item:
    """One question, why it is asked, and by which source."""

    key: str
    question: str
    explanation: str
    source: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """What an item adds to the sum."""

    question: str
    answer: str
    points: int
    most: int


@dataclass(frozen=True, slots=True)
class Instrument:
    """An instrument in one version. ``bands``: from which sum on which words hold."""

    key: str
    version: str
    name: str
    purpose: str
    source: str
    items: tuple[Item, ...]
    bands: tuple[tuple[int, str], ...]

    def parts(self, answers: Mapping[str, str]) -> tuple[Part, ...]:
        """What each item adds. ActRefused: an item is not answered, or answered as none of its choices."""
        found = []
        for item in self.items:
            choice = next((one for one in item.choices if one.value == answers.get(item.key)), None)
            if choice is None:
                raise ActRefused(f"“{item.question}” is not answered. Every item is answered, also by “not known”.")
            found.append(Part(item.question, choice.label, choice.points, max(one.points for one in item.choices)))
        return tuple(found)

    def band(self, score: int) -> str:
        """The words for a sum."""
        return next((words for least, words in reversed(self.bands) if score >= least), "")


@cache
def instruments() -> dict[str, Instrument]:
    """Every instrument of ``data/instruments``, by its key."""
    folder = resources.files("opencets_web.supervision") / "data" / "instruments"
    found = [
        _read(yaml.safe_load(path.read_text("utf-8"))) for path in sorted(folder.iterdir(), key=lambda one: one.name)
    ]
    return {one.key: one for one in found}


def _read(given: dict[str, Any]) -> Instrument:
    items = tuple(
        Item(
            one["key"], one["question"], one["explanation"], one["source"],
            tuple(Choice(str(row["value"]), row["label"], int(row["points"])) for row in one["choices"]),
        )
        for one in given["items"]
    )  # fmt: skip
    bands = tuple(sorted((int(row["from"]), row["words"]) for row in given["bands"]))
    return Instrument(
        given["key"], str(given["version"]), given["name"], given["purpose"], given["source"], items, bands
    )
