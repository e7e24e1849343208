"""Splink's SQL and the Python scores say the same about every pair."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest

from opencets.errors import ActRefused
from opencets.resolving import Weight, load_model, prepare
from opencets.resolving.invented import invent
from opencets.resolving.splinked import fit, loaded, weights_of_pairs
from opencets.resolving.suggest import candidates


def test_every_candidate_pair_scores_the_same_in_sql_and_in_python() -> None:
    people = [prepare(row) for row in invent(600, seed=5).rows]
    model = load_model()
    at = {person.record_id: index for index, person in enumerate(people)}
    in_python = {
        (min(at[a.record_id], at[b.record_id]), max(at[a.record_id], at[b.record_id])): model.score(a, b)
        for a, b in candidates(people, None)
    }
    with loaded(people) as connection:
        in_sql = {(left, right): weight for left, right, weight in weights_of_pairs(connection, model)}
    assert len(in_sql) > 1000
    assert in_sql.keys() == in_python.keys()
    assert in_sql == pytest.approx(in_python, abs=1e-6)


def test_two_tables_meet_only_across() -> None:
    people = [prepare(row) for row in invent(200, seed=6).rows]
    sides = [index % 2 for index in range(len(people))]
    with loaded(people, sides) as connection:
        pairs = weights_of_pairs(connection, load_model())
    assert pairs
    assert all(sides[left] != sides[right] for left, right, _ in pairs)


def test_a_table_fits_its_own_weights_without_leaving_any_out() -> None:
    people = [prepare(row) for row in invent(1200, seed=9).rows]
    with loaded(people) as connection:
        fitted, notes = fit(connection, load_model(), em=True)
    assert fitted.check().name == "person-1+table"
    assert all(note.endswith("are used.") for note in notes)
    assert fitted.weights["name", "same"].bits > fitted.weights["name", "close"].bits > 0
    assert fitted.weights["birth", "different"].bits < 0


def test_splink_is_never_run_with_an_untrained_weight() -> None:
    shipped = load_model()
    broken = replace(shipped, weights=MappingProxyType({**shipped.weights, ("gender", "same"): Weight(0.5, 0.0)}))
    with loaded([]) as connection, pytest.raises(ActRefused, match="gender/same"):
        weights_of_pairs(connection, broken)
