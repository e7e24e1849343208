"""The model as settings of Splink 5, so that anybody can weigh the same records with other software.

Splink weighs whole names, not their words, and by other means: its score agrees with ours where the names are alike and
of usual rarity. Everything else has the same levels and the same weights, and ``tests/resolving`` holds them together.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opencets.resolving.features import FEATURES, Feature
from opencets.resolving.model import Model

_DIGITS_L, _DIGITS_R = "replace(birth_l, '-', '')", "replace(birth_r, '-', '')"
_FULL = "length(birth_l) = 10 AND length(birth_r) = 10"
_PARTS = " + ".join(
    f"(CASE WHEN substr(birth_l, {at}, {size}) = substr(birth_r, {at}, {size}) THEN 1 ELSE 0 END)"
    for at, size in ((1, 4), (6, 2), (9, 2))
)
_YEARS = "abs(CAST(substr(birth_l, 1, 4) AS INTEGER) - CAST(substr(birth_r, 1, 4) AS INTEGER))"
_BIRTH = {
    "same": f"birth_l = birth_r AND {_FULL}",
    "swapped": "birth_l = birth_swapped_r",
    "typo": f"{_FULL} AND hamming({_DIGITS_L}, {_DIGITS_R}) = 1",
    "crossed": f"{_FULL} AND damerau_levenshtein({_DIGITS_L}, {_DIGITS_R}) = 1",
    "month": "least(length(birth_l), length(birth_r)) = 7 AND substr(birth_l, 1, 7) = substr(birth_r, 1, 7)",
    "only_year": "least(length(birth_l), length(birth_r)) = 4 AND substr(birth_l, 1, 4) = substr(birth_r, 1, 4)",
    "two_parts": f"{_FULL} AND {_PARTS} = 2",
    "year": f"{_YEARS} = 0",
    "near": f"{_YEARS} <= 2",
}
_NEAR = {("national_id", "typo"): (1, 6), ("national_id", "close"): (2, 6), ("street", "close"): (4, 10),
         ("postcode", "typo"): (1, 4), ("city", "typo"): (2, 6), ("birth_place", "typo"): (2, 6)}  # fmt: skip
_OTHER = {
    ("email", "local_part"): "local_part",
    ("phone", "tail"): "phone_tail",
    ("screen_name", "letters"): "screen_letters",
}
_WHOLE_NAMES = (
    ("same", "name_l = name_r", ("same", "same")),
    ("typo", "levenshtein(name_l, name_r) <= 1", ("same", "typo")),
    ("sounds_same", "skeleton_l = skeleton_r AND length(skeleton_l) >= 4", ("sounds_same", "sounds_same")),
    ("close", "levenshtein(name_l, name_r) <= 3", ("typo", "typo")),
    ("one_part", "family_l = family_r OR given_l = given_r OR given_l = family_r OR family_l = given_r", ("same", "different")),
    ("different", "ELSE", ("different", "different")),
)  # fmt: skip


def settings(model: Model) -> dict[str, Any]:
    """The model as Splink settings (``dedupe_only``), for a table with the columns of ``people.Person``."""
    odds = 2.0**model.prior_bits
    compared = [feature for feature in FEATURES if not feature.several]
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "row",
        "probability_two_random_records_match": odds / (1 + odds),
        "blocking_rules_to_generate_predictions": [{"blocking_rule": "l.name = r.name"}],
        "comparisons": [_names(model), *(_comparison(feature, model) for feature in compared)],
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": False,
    }


def _level(label: str, condition: str, m: float, u: float) -> dict[str, Any]:
    return {"sql_condition": condition, "label_for_charts": label, "m_probability": m, "u_probability": u}


def _not_stated(column: str) -> dict[str, Any]:
    condition = f"{column}_l IS NULL OR {column}_r IS NULL"
    return {"sql_condition": condition, "label_for_charts": "not stated", "is_null_level": True}


def _names(model: Model) -> dict[str, Any]:
    levels = [_not_stated("name")]
    for label, condition, words in _WHOLE_NAMES:
        one, other = (model.weights["name", word] for word in words)
        levels.append(_level(label, condition, one.m * other.m, min(1.0, one.u * other.u)))
    return {"output_column_name": "name", "comparison_levels": levels}


def _comparison(feature: Feature, model: Model) -> dict[str, Any]:
    levels = [_not_stated(feature.column)]
    for level in feature.levels:
        if (feature.name, level.name) == ("screen_name", "varied"):
            continue  # rare shared letters are counted over the whole table, which a condition of two rows cannot
        weight = model.weights[feature.name, level.name]
        levels.append(_level(level.name, _condition(feature, level.name), weight.m, weight.u))
    return {"output_column_name": feature.name, "comparison_levels": levels}


def _condition(feature: Feature, level: str) -> str:
    column = feature.column
    if level == "different":
        return "ELSE"
    if feature.name == "birth":
        return _BIRTH[level]
    if level == "same":
        return f"{column}_l = {column}_r"
    if (feature.name, level) in _OTHER:
        other = _OTHER[feature.name, level]
        return f"{other}_l = {other}_r"
    most, shortest = _NEAR[feature.name, level]
    one, two = f"substr({column}_l, 1, 24)", f"substr({column}_r, 1, 24)"
    return (
        f"least(length({column}_l), length({column}_r)) >= {shortest} AND damerau_levenshtein({one}, {two}) <= {most}"
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Splink speaks of its charts and of defaults that are never used here; what matters is told by our own checks."""
    log = logging.getLogger("splink")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)
