"""Accounts, devices, vehicles, organisations, places: each with its settings and weights, and none that was not learned."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from opencets.cli.resolve import resolve
from opencets.errors import ActRefused, NotThisFormat
from opencets.resolving.invented_kinds import invent_things
from opencets.resolving.kinds import PREPARE, TESTS, Resolved, kind_model, kinds, load_kind, read_rows, resolve_kind
from opencets.resolving.reliability import bins_of, error_of
from opencets.resolving.train import measure
from opencets.resolving.train_kinds import scored_pairs, shipped, train_kind

NAMES = ("account", "device", "vehicle", "organisation", "place")
LEAST = {
    "account": (0.93, 0.65), "device": (0.92, 0.40), "vehicle": (0.97, 0.40), "organisation": (0.85, 0.55), "place": (0.88, 0.38),
}  # fmt: skip
"""Precision and recall of pairs; many records share nothing with their like, and nobody could tell."""


def body() -> dict[str, Any]:
    file = resources.files("opencets.resolving").joinpath("models", "kinds-1.json")
    return json.loads(file.read_text("utf-8"))  # type: ignore[no-any-return]


def together(found: Resolved) -> set[tuple[str, str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for record, cluster in found.clusters:
        groups[cluster].append(record)
    return {(a, b) for group in groups.values() for a in group for b in group if a < b}


@pytest.mark.parametrize("name", NAMES)
def test_invented_things_are_resolved_and_the_probabilities_kept(name: str) -> None:
    model, things = load_kind(name), invent_things(name, 1_000, 909)
    found = resolve_kind(things.rows, model)
    measured = measure(together(found), things.true_pairs())
    precision, recall = LEAST[name]
    assert measured.precision >= precision
    assert measured.recall >= recall
    scored = [(model.probability(bits), same) for bits, same in scored_pairs(model, things)]
    told = np.array([share for share, _ in scored])
    same = np.array([one for _, one in scored])
    assert error_of(bins_of(told[told >= 0.02], same[told >= 0.02])) < 0.1
    turned = resolve_kind(dict(reversed(list(things.rows.items()))), model)
    assert together(turned) == together(found), "the order of the rows changes nothing"


@pytest.mark.parametrize("name", NAMES)
def test_a_kind_with_a_level_that_was_never_learned_is_refused_by_its_name(name: str) -> None:
    whole, kind = body()[name], kinds()[name]
    kind_model("kinds-1", kind, whole)
    for column, level in kind.cells():
        weights = {at: dict(held) for at, held in whole["weights"].items()}
        del weights[column][level]
        with pytest.raises(ActRefused, match=rf"kind {name} cannot be weighed .*{column}/{level}\."):
            kind_model("kinds-1", kind, whole | {"weights": weights})
    with pytest.raises(ActRefused, match="not learned is the calibration"):
        kind_model("kinds-1", kind, whole | {"calibration": []})
    with pytest.raises(ActRefused, match=f"The kind {name} cannot be learned: no candidate pair of these things meets"):
        train_kind(kind, [invent_things(name, 12, 1)], [], "too little")


def test_every_setting_names_something_that_there_is() -> None:
    for kind in kinds().values():
        columns = {column.name for column in kind.columns}
        for column in kind.columns:
            assert column.prepared in PREPARE
            assert set(column.levels) <= set(TESTS)
            assert column.rare <= set(column.levels)
            assert column.levels[-1] == "different"
        assert {part.partition(".")[0] for key in kind.keys for part in key} <= columns
    with pytest.raises(ActRefused, match="no settings for the kind ship"):
        load_kind("ship")


def test_the_command_resolves_vehicles_and_says_why(tmp_path: Path) -> None:
    table, out, pairs = (tmp_path / name for name in ("vehicles.csv", "clusters.csv", "pairs.csv"))
    table.write_text(
        "record_id,plate,make,model,colour\n"
        "a,AB12 CDE,Falk,Bora,red\nb,ab12cde,Falk,Bora,red\nc,XY99ZZZ,Falk,Bora,red\nd,A812CDE,Falk,,red\n",
        "utf-8",
    )
    done = CliRunner().invoke(resolve, [str(table), "--kind", "vehicle", "--out", str(out), "--pairs", str(pairs)])
    assert done.exit_code == 0, done.output
    with out.open(encoding="utf-8", newline="") as file:
        clusters = dict(list(csv.reader(file))[1:])
    assert clusters["a"] == clusters["b"] == clusters["d"] != clusters["c"]
    assert "number plates that look alike: ab12cde and a812cde" in pairs.read_text("utf-8")
    told = CliRunner().invoke(resolve, [str(table), "--kind", "vehicle", "--explain", "a", "c"])
    assert "a and c: probably not the same vehicle" in told.stdout
    judged = tmp_path / "different.csv"
    judged.write_text("left,right\na,b\n", "utf-8")
    CliRunner().invoke(resolve, [str(table), "--kind", "vehicle", "--out", str(out), "--different", str(judged)])
    with out.open(encoding="utf-8", newline="") as file:
        clusters = dict(list(csv.reader(file))[1:])
    assert clusters["a"] != clusters["b"]
    assert (
        CliRunner().invoke(resolve, [str(table), "--kind", "vehicle", "--engine", "spark", "--out", str(out)]).exit_code
        == 2
    )


def test_a_table_of_another_kind_is_refused(tmp_path: Path) -> None:
    broken = {
        "record_id,colour2\n1,red\n": "needs record_id and any of plate",
        "record_id,plate\n1,A\n1,B\n": "line 3 repeats",
    }
    for text, said in broken.items():
        path = tmp_path / "table.csv"
        path.write_text(text, "utf-8")
        with pytest.raises(NotThisFormat, match=said):
            read_rows(path, kinds()["vehicle"])


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_learning_again_gives_the_shipped_weights() -> None:
    again = json.loads(json.dumps(shipped()))
    assert again == body()
