"""Grading schemes: every grade has a key, a weight and a source; nothing is translated that no row translates."""

from __future__ import annotations

from importlib import resources
from typing import Any

import pytest
import yaml

from opencets.records.grading import NOTHING, grade_of, schemes, translate

FILE: dict[str, Any] = yaml.safe_load(
    resources.files("opencets.records.vocabulary").joinpath("grading.yaml").read_text("utf-8")
)


def test_every_scheme_that_people_grade_in_has_all_classes_a_source_and_a_key_for_each_grade() -> None:
    described = yaml.safe_load(
        resources.files("opencets.records.vocabulary").joinpath("schemes.yaml").read_text("utf-8")
    )["schemes"]
    for name, scheme in schemes().items():
        assert scheme.source, name
        assert scheme.edition, name
        assert {grade.code for grade in scheme.grades} - {NOTHING} == set(described[name]["classes"]), name
        keys = [grade.key for grade in scheme.grades]
        assert len(set(keys)) == len(keys), name
        assert all(key.isdigit() and len(key) == 1 for key in keys), name
        assert all(0 <= grade.exposure <= 3 and grade.description for grade in scheme.grades), name
        assert "0" in keys, f"{name} has no grade for what is of no importance."


def test_none_of_these_is_no_category_of_the_scheme() -> None:
    nothing = grade_of(f"UK:{NOTHING}")
    assert nothing is not None
    assert (nothing.category, nothing.key) == ("", "0")
    assert grade_of("US:0").category == "US:0"  # type: ignore[union-attr]
    assert grade_of("US:9") is None
    assert grade_of("NOWHERE:1") is None


def test_every_translation_joins_two_known_grades_and_names_its_source() -> None:
    for row in FILE["translations"]:
        assert grade_of(row["from"]), row
        assert grade_of(row["to"]), row
        assert row["match"] in ("exact", "approximate"), row
        assert row["source"], row
    for row in FILE["untranslatable"]:
        assert {row["from"], row["to"]} <= set(schemes())
        assert row["because"]


@pytest.mark.parametrize(
    ("given", "to", "category", "match"),
    [
        ("US-OLD:5", "US", "US:0", "exact"),
        ("US-OLD:0", "US", "", "none"),
        ("US-OLD:2", "US", "US:2", "approximate"),
        ("INDUSTRY:A1", "BASELINE", "BASELINE:true", "approximate"),
        ("INDUSTRY:A2", "BASELINE", "", "unknown"),
        ("UK:1", "US", "", "none"),
        ("US:1", "DE", "", "unknown"),
        ("US:1", "US", "US:1", "exact"),
    ],
)
def test_a_grade_is_translated_where_a_row_says_so_and_nowhere_else(
    given: str, to: str, category: str, match: str
) -> None:
    found = translate(given, to)
    assert (found.category, found.match) == (category, match)
    assert found.sentence
