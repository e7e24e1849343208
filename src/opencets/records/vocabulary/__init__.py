"""The vocabulary, read from the YAML files beside this one: kinds of value, kinds of record, properties."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

import yaml

from opencets.errors import ValueRefused
from opencets.records.record import Claim, Role
from opencets.values import normalise


@dataclass(frozen=True, slots=True)
class ValueKind:
    """A kind of value: whether it may link (strong), only with others (weak) or never (none), and when it stops to."""

    name: str
    label: str
    sentence: str
    links: Literal["strong", "weak", "none"]
    ties: str
    stops: str


@dataclass(frozen=True, slots=True)
class RecordKind:
    """A kind of record."""

    name: str
    label: str
    plural: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Property:
    """A property that a claim may assert, with its kind of value."""

    name: str
    label: str
    sentence: str
    kind: str


def _read(name: str) -> dict[str, dict[str, Any]]:
    text = resources.files(__name__).joinpath(f"{name}.yaml").read_text("utf-8")
    table: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return table


KINDS = {name: ValueKind(name, **row) for name, row in _read("kinds").items()}
RECORDS = {name: RecordKind(name, **row) for name, row in _read("records").items()}
PROPERTIES = {name: Property(name, **row) for name, row in _read("properties").items()}


def claim(property: str, raw: str, *, role: Role = "own", note: str = "", **context: str) -> Claim:
    """A claim with its value normalised as the property's kind; a refused value keeps its raw text and says why.

    ``context`` helps to normalise: ``country`` (ISO 3166-1 alpha-2) for telephone numbers, ``service`` for screen
    names, ``maker`` and ``model`` for serial numbers. Raises KeyError for a property that the vocabulary lacks.
    """
    kind = PROPERTIES[property].kind
    try:
        normal = normalise(kind, raw, **context)
    except ValueRefused as refusal:
        return Claim(property, raw, kind, None, role, note or refusal.sentence)
    return Claim(property, raw, kind, normal, role, note)
