"""The category schemes: every row of the file, and that 0 never silently means the same in two schemes."""

from __future__ import annotations

from importlib import resources
from typing import Any

import yaml

FILE: dict[str, Any] = yaml.safe_load(
    resources.files("opencets.records.vocabulary").joinpath("schemes.yaml").read_text("utf-8")
)


def test_every_scheme_names_its_source_and_every_class_its_defaults() -> None:
    for name, scheme in FILE["schemes"].items():
        assert scheme["source"], name
        assert scheme["label"], name
        for code, row in scheme["classes"].items():
            assert isinstance(code, str), (name, code)
            assert set(row) == {"label", "severity", "illegal_in", "blur", "second_reviewer"}, (name, code)


def test_every_region_selects_a_scheme_and_every_mapping_joins_two_known_classes() -> None:
    assert set(FILE["regions"].values()) <= set(FILE["schemes"])
    for row in FILE["mappings"]:
        scheme, _, code = row["from"].partition(":")
        assert code in FILE["schemes"][scheme]["classes"]
        if row["to"] is None:
            assert row["match"] == "none"
        else:
            scheme, _, code = row["to"].partition(":")
            assert code in FILE["schemes"][scheme]["classes"]
            assert row["match"] in ("exact", "approximate")


def test_uncategorised_in_the_old_list_never_becomes_non_pertinent() -> None:
    assert FILE["schemes"]["US-OLD"]["classes"]["0"]["label"] == "Uncategorized"
    assert FILE["schemes"]["US"]["classes"]["0"]["label"] == "Non-Pertinent"
    assert {row["from"]: row["to"] for row in FILE["mappings"]}["US-OLD:0"] is None
