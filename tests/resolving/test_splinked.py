"""The model as Splink settings: of whole values, other software gives the same bits as we do."""

from __future__ import annotations

from dataclasses import astuple, replace

import duckdb
import pytest
from splink import Linker
from splink.backends.duckdb import DuckDBAPI

from opencets.resolving import load_model, prepare
from opencets.resolving.invented import invent
from opencets.resolving.people import COLUMNS
from opencets.resolving.splinked import _quiet, settings


def test_splink_weighs_values_and_dates_as_we_do() -> None:
    # Names are weighed by their words here and as a whole there: all are given one, of usual rarity. Rare letters that
    # screen names share are counted here alone.
    one_name = {"name": "a", "skeleton": "a", "given": "a", "family": "a", "screen_core": None}
    rows = [replace(prepare(row), **one_name) for row in invent(60, seed=5).rows]
    model = load_model()
    connection = duckdb.connect(":memory:")
    columns = ", ".join(f"{column} VARCHAR" for column in COLUMNS)
    connection.execute(f'CREATE TABLE people ("row" BIGINT, {columns})')
    marks = ", ".join("?" * (len(COLUMNS) + 1))
    connection.executemany(f"INSERT INTO people VALUES ({marks})", [(at, *astuple(one)) for at, one in enumerate(rows)])
    with _quiet():
        api = DuckDBAPI(connection)
        linker = Linker(api.register("people"), settings(model), log_level=None, validate_settings=False)
        found = linker.inference.predict()
        told = connection.execute(f'SELECT row_l, row_r, match_weight FROM "{found.physical_name}"').fetchall()
    assert len(told) == len(rows) * (len(rows) - 1) // 2
    names = 2 * model.weights["name", "same"].bits
    for a, b, weight in told:
        met = [(one, bits) for one, bits in model.contributions(rows[a], rows[b])
               if one.feature not in ("name", "commonness", "household", "one_account")]  # fmt: skip
        assert weight == pytest.approx(model.prior() + names + sum(bits for _, bits in met), abs=1e-4)
