"""The same ledger by DuckDB and by a real Spark cluster of two workers: the same answers, and parts that both read."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from opencets import cluster
from opencets.cli.main import main
from opencets.sighting import Ledger, answers
from opencets.sighting.spark import Spark, translated
from tests.sighting.invented import batch, sessions
from tests.spark_cluster import context, master

__all__ = ["context", "master"]


def told(ledger: Ledger) -> dict[str, Any]:
    """All that is asked, as plain values."""
    found = answers.computers(ledger, "", 60)
    return {
        "identities": found.identities,
        "facts": {name: [round(value, 9) for value in values.tolist()] for name, values in found.facts.items()},
        "last": list(found.last),
        "region": answers.computers(ledger, "US-WY", 60).identities,
        "histories": [answers.history(ledger, identity) for identity in found.identities[:5]],
        "offers": [answers.offers(ledger, f"{file:040x}") for file in range(5)],
        "counts": answers.counts(ledger, "", 60) + answers.counts(ledger, "US", 60, monthly=True, published=True),
    }


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_the_cluster_answers_the_same(context: object, master: str, tmp_path: Path) -> None:
    duck = Ledger.create(tmp_path / "duck")
    spark = Ledger.create(tmp_path / "spark", partial(Spark, context))
    for ledger in (duck, spark):
        list(ledger.load([*(batch(seed, days=70) for seed in (1, 2)), sessions()]))
        ledger.derive()
    wanted = told(duck)
    assert len(wanted["identities"]) == 13
    assert any(len(one.identities) > 3 for one in wanted["histories"])
    assert told(spark) == wanted
    for ledger in (duck, spark):
        list(ledger.load([batch(3, days=70)]))
        ledger.derive()
        assert ledger.compact() > 3
    wanted = told(duck)
    assert told(spark) == wanted
    assert told(Ledger.open(tmp_path / "spark")) == wanted  # what the cluster wrote, read without it
    kept = [f"{4:032x}"]
    assert duck.forget("2026-03-04", kept) == spark.forget("2026-03-04", kept) > 50
    assert told(spark) == told(duck) != wanted
    written = {file.relative_to(tmp_path / "spark").as_posix() for file in (tmp_path / "spark").rglob("*.parquet")}
    assert written == set(spark.state().parts)
    with pytest.MonkeyPatch.context() as patch:
        # one context lives in a process: the command is given the one that is there
        patch.setattr(cluster, "cluster", lambda _master: nullcontext(context))
        said = []
        for extra in ([], ["--engine", "spark", "--master", master]):
            done = CliRunner().invoke(main, ["sightings", "counts", "--store", str(tmp_path / "spark"), *extra])
            assert done.exit_code == 0, done.output
            said.append(done.output)
    assert said[0] == said[1]
    assert said[0].count("\n") > 5


def test_the_last_known_value_is_asked_alike() -> None:
    spoken = translated("select max_by(place, at) as place from days where day > date '2026-01-01'")
    assert spoken == (
        "SELECT MAX_BY(place, at) FILTER(WHERE NOT place IS NULL) AS place FROM days WHERE day > CAST('2026-01-01' AS DATE)"
    )
