"""Grading schemes: their grades with key and weight, and which grade of one scheme is which of another.

Read from ``vocabulary/schemes.yaml`` (what the numbers mean) and ``vocabulary/grading.yaml`` (how people grade). A category is
written ``SCHEME:code``. Nothing is translated that no row translates: the answer is then that it is not known, and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

NOTHING = "none"
"""The grade for "none of these" of a scheme that has no number for it: no category leaves with it."""


@dataclass(frozen=True, slots=True)
class Grade:
    """One grade of a scheme. ``exposure``: 0 to 3, how severe a look is; ``severity``: 0 to 5 as the scheme ranks, or None."""

    scheme: str
    code: str
    label: str
    key: str
    exposure: int
    severity: int | None
    description: str
    second_reviewer: bool

    @property
    def category(self) -> str:
        """As claims write it; empty for "none of these" of a scheme without such a number."""
        return "" if self.code == NOTHING else f"{self.scheme}:{self.code}"


@dataclass(frozen=True, slots=True)
class Scheme:
    """A grading scheme in one edition. ``grades`` stand in the order of their keys."""

    name: str
    edition: str
    version: str
    label: str
    country: str
    region: str
    source: str
    grades: tuple[Grade, ...]

    def grade(self, code: str) -> Grade | None:
        """The grade with this code, or None."""
        return next((grade for grade in self.grades if grade.code == code), None)


@dataclass(frozen=True, slots=True)
class Translation:
    """What a grade is in another scheme: ``match`` exact, approximate, none (said so), or unknown (nobody says)."""

    given: str
    scheme: str
    category: str
    match: str
    sentence: str


@cache
def _read(name: str) -> dict[str, Any]:
    text = resources.files("opencets.records.vocabulary").joinpath(name).read_text("utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    return content


@cache
def schemes() -> dict[str, Scheme]:
    """The schemes that people can grade in, by name, in the order of the file."""
    classes = _read("schemes.yaml")["schemes"]
    return {name: _scheme(name, row, classes[name]) for name, row in _read("grading.yaml")["schemes"].items()}


def _scheme(name: str, row: dict[str, Any], described: dict[str, Any]) -> Scheme:
    grades = [
        Grade(
            scheme=name,
            code=code,
            label=str(described["classes"][code]["label"]),
            key=str(how["key"]),
            exposure=int(how["exposure"]),
            severity=described["classes"][code]["severity"],
            description=str(how["description"]),
            second_reviewer=bool(described["classes"][code]["second_reviewer"]),
        )
        for code, how in row["grades"].items()
    ]
    if row.get("nothing"):
        label = "None of these"
        grades.append(Grade(name, NOTHING, label, "0", 0, 0, "In no category of this scheme.", False))
    return Scheme(
        name=name,
        edition=str(row["edition"]),
        version=str(described["version"]),
        label=str(described["label"]),
        country=str(described["country"] or ""),
        region=str(described["region"] or ""),
        source=f"{described['source']}. Keys and weights: {row['source']}.",
        grades=tuple(sorted(grades, key=lambda grade: grade.key)),
    )


def grade_of(category: str) -> Grade | None:
    """The grade that ``SCHEME:code`` names, or None where the scheme or its code is not known here."""
    name, _, code = category.partition(":")
    scheme = schemes().get(name)
    return scheme.grade(code) if scheme else None


def translate(category: str, to: str) -> Translation:
    """What ``SCHEME:code`` is in the scheme ``to``, where a row says so. ``category`` of the answer is empty where none does."""
    name = category.partition(":")[0]
    if name == to:
        return Translation(category, to, category, "exact", "It is of this scheme.")
    for row in _rows():
        if row["from"] != category:
            continue
        if row["to"] is None:
            return Translation(category, to, "", "none", "The tables say that nothing corresponds to it.")
        if str(row["to"]).startswith(f"{to}:"):
            source = str(row.get("source") or _read("schemes.yaml")["schemes"][name]["source"])
            return Translation(category, to, str(row["to"]), str(row["match"]), source)
    for row in _read("grading.yaml")["untranslatable"]:
        if (row["from"], row["to"]) == (name, to):
            return Translation(category, to, "", "none", str(row["because"]))
    return Translation(
        category, to, "", "unknown", "No table says what it is there; a person grades it in that scheme."
    )


def _rows() -> list[dict[str, Any]]:
    return [*_read("grading.yaml")["translations"], *_read("schemes.yaml")["mappings"]]
