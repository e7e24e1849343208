"""The same model in Splink on DuckDB: for tables too large for Python, for training, and to check the Python scores.

Splink scores exactly the pairs that share a candidate key, with the SQL of ``features``; its weights are those of the
model, so its ``match_weight`` equals ``Model.score``.
"""

from __future__ import annotations

import csv
import logging
import math
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import duckdb
from splink import Linker
from splink.backends.duckdb import DuckDBAPI

from opencets.resolving.features import FEATURES, Feature
from opencets.resolving.model import Model, Weight
from opencets.resolving.people import COLUMNS, Person, candidate_keys
from opencets.resolving.suggest import BLOCK_LIMIT
from opencets.resolving.train import squared_frequencies

_EM_BLOCKS = ("l.birth = r.birth AND length(l.birth) = 10", "l.name = r.name")
"""Two ways to meet true pairs; each trains every feature but its own."""


def settings(model: Model) -> dict[str, Any]:
    """The model as Splink settings (``dedupe_only``; blocking is done by candidate keys beforehand)."""
    odds = 2.0**model.prior_bits
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "row",
        "probability_two_random_records_match": odds / (1 + odds),
        "blocking_rules_to_generate_predictions": [{"blocking_rule": "l.name = r.name"}],
        "comparisons": [_comparison(feature, model) for feature in FEATURES],
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": False,
    }


def _comparison(feature: Feature, model: Model) -> dict[str, Any]:
    levels: list[dict[str, Any]] = [
        {
            "sql_condition": f"{feature.column}_l IS NULL OR {feature.column}_r IS NULL",
            "label_for_charts": "not stated",
            "is_null_level": True,
        }
    ]
    for level in feature.levels:
        weight = model.weights[feature.name, level.name]
        levels.append(
            {
                "sql_condition": level.sql,
                "label_for_charts": level.name,
                "m_probability": weight.m,
                "u_probability": weight.u,
            }
        )
    return {"output_column_name": feature.name, "comparison_levels": levels}


@contextmanager
def loaded(people: Sequence[Person], sides: Sequence[int] | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB connection with the tables ``people`` (one row each, ``row`` its index) and ``pairs`` (candidates).

    ``sides``: 0 or 1 for each person; then only pairs across the sides are candidates.
    """
    with tempfile.TemporaryDirectory(prefix="opencets-resolve-") as folder:
        connection = duckdb.connect(":memory:")
        try:
            connection.execute(f"SET temp_directory = '{folder}'")
            _load(connection, people, sides, Path(folder))
            yield connection
        finally:
            connection.close()


def _load(
    connection: duckdb.DuckDBPyConnection, people: Sequence[Person], sides: Sequence[int] | None, folder: Path
) -> None:
    with (
        open(folder / "people.csv", "w", encoding="utf-8", newline="") as rows,
        open(folder / "keys.csv", "w", encoding="utf-8", newline="") as keys,
    ):
        row_writer, key_writer = csv.writer(rows), csv.writer(keys)
        row_writer.writerow(("row", "side", *COLUMNS))
        key_writer.writerow(("row", "key"))
        for at, person in enumerate(people):
            values = ("" if value is None else value for value in astuple(person))
            row_writer.writerow((at, sides[at] if sides else 0, *values))
            key_writer.writerows((at, key) for key in candidate_keys(person))
    # Everything is text, an empty field is NULL; only the two numbers are cast.
    columns = ", ".join(f"nullif({column}, '') AS {column}" for column in COLUMNS)
    connection.execute(
        f'CREATE TABLE people AS SELECT "row"::BIGINT AS "row", side::TINYINT AS side, {columns} '
        "FROM read_csv(?, all_varchar = true, header = true, delim = ',', quote = '\"', escape = '\"')",
        [str(folder / "people.csv")],
    )
    across = "a.side <> b.side" if sides else "true"
    connection.execute(
        f"""
        CREATE TABLE pairs AS
        WITH keys AS (
            SELECT k."row"::BIGINT AS "row", k.key, p.side,
                   count(*) OVER (PARTITION BY k.key) AS held
            FROM read_csv(?, all_varchar = true, header = true, delim = ',', quote = '"', escape = '"') k
            JOIN people p ON p."row" = k."row"::BIGINT
        )
        SELECT DISTINCT '0' AS match_key, a."row" AS join_key_l, b."row" AS join_key_r
        FROM keys a JOIN keys b ON a.key = b.key AND a."row" < b."row" AND {across}
        WHERE a.held <= {BLOCK_LIMIT} AND b.held <= {BLOCK_LIMIT}
        """,
        [str(folder / "keys.csv")],
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


def weights_of_pairs(
    connection: duckdb.DuckDBPyConnection, model: Model, at_least: float | None = None
) -> list[tuple[int, int, float]]:
    """(row, row, score in bits) of every candidate pair scoring ``at_least``, by Splink's SQL; smaller row first."""
    with _quiet():
        linker, api = _linker(connection, model.check())
        linker.table_management.register_blocked_pairs_for_predict(api.register("pairs"))
        predicted = linker.inference.predict(threshold_match_weight=at_least)
        found = connection.execute(
            f'SELECT row_l, row_r, match_weight FROM "{predicted.physical_name}" ORDER BY row_l, row_r'
        ).fetchall()
    return [(min(a, b), max(a, b), float(weight)) for a, b, weight in found]


def fit(connection: duckdb.DuckDBPyConnection, base: Model, *, em: bool, seed: int = 1) -> tuple[Model, list[str]]:
    """The base model fitted to the loaded table, and a sentence for each weight that was not.

    ``u`` comes from random pairs of the table (for near-unique columns from its squared frequencies); with ``em`` also
    ``m``, by expectation maximisation from the base model's values. A feature whose trained weights are missing or
    contradict themselves (agreement speaking against, disagreement for) keeps the base model's: training that fails
    quietly is worse than none. The prior falls with the number of rows.
    """
    with _quiet():
        linker, _ = _linker(connection, base)
        linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=seed)
        if em:
            for block in _EM_BLOCKS:
                try:
                    linker.training.estimate_parameters_using_expectation_maximisation(block, fix_u_probabilities=True)
                except Exception as reason:  # Splink raises many kinds where a block yields too few pairs
                    logging.getLogger(__name__).info("training on %s gave nothing: %s", block, reason)
        trained = _read(linker.misc.save_model_to_json())
    rows = connection.execute("SELECT count(*) FROM people").fetchone()
    count = int(rows[0]) if rows else 0
    weights, notes = dict(base.weights), []
    for feature in FEATURES:
        names = [level.name for level in feature.levels]
        fitted = {}
        for at, name in enumerate(names):
            old, new = base.weights[feature.name, name], trained.get((feature.name, name), {})
            u = float(new.get("u") or old.u)
            if feature.near_unique and at == 0:
                values = connection.execute(f"SELECT {feature.column} FROM people").fetchall()
                # Records of one person share values too; half of all sharing is taken as chance, an upper bound.
                u = max(squared_frequencies(value for (value,) in values) / 2, 1 / max(count, 2) ** 1.5)
            elif feature.near_unique:
                u = old.u
            fitted[name] = Weight(float(new.get("m") or old.m) if em else old.m, u)
        if fitted[names[0]].bits <= 0 or fitted[names[-1]].bits >= 0:
            notes.append(
                f"{feature.name}: the table's own weights contradict themselves; those of {base.name} are used."
            )
            continue
        weights.update({(feature.name, name): weight for name, weight in fitted.items()})
    prior = min(base.prior_bits, -math.log2(max(count, 2)) + 0.3)
    return replace(base, name=f"{base.name}+table", weights=weights, prior_bits=prior).check(), notes


def _linker(connection: duckdb.DuckDBPyConnection, model: Model) -> tuple[Any, Any]:
    api = DuckDBAPI(connection)
    return Linker(api.register("people"), settings(model), log_level=None, validate_settings=False), api


def _read(body: dict[str, Any]) -> dict[tuple[str, str], dict[str, float]]:
    """m and u by feature and level; a level that Splink left untrained holds a sentence instead of a number."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for comparison in body["comparisons"]:
        for level in comparison["comparison_levels"]:
            numbers = {
                short: float(value)
                for short in ("m", "u")
                if isinstance(value := level.get(f"{short}_probability"), int | float) and 0 < value <= 1
            }
            found[comparison["output_column_name"], str(level.get("label_for_charts"))] = numbers
    return found
