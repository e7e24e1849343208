"""Weighing kept connections for one reader: how rare a shared value is follows from the cases that this reader may see.

A kept row says what follows from the records of the holdings on it alone, so that it tells its readers of no other case.
How many cases hold a value is counted here, as the reader, behind both walls.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from django.db.models import Count, Q

from opencets.linking import Path, Rarity, Step, Tie, bits_of, combined, default_rarity, in_words
from opencets.linking.rarity import KINDS_WITHOUT_CLAIMS
from opencets.ranking.strength import strength
from opencets_web.evidence.models import Claim
from opencets_web.leads.models import Connection
from opencets_web.policy import door
from opencets_web.policy.actor import Actor

Value = tuple[str, str]


def weighed(actor: Actor, rows: Iterable[Connection]) -> list[Connection]:
    """The same rows, their paths, probability and strength as this reader may weigh them; in the order given.

    A row through values that no third case of the reader holds stays as it is kept.
    """
    given = list(rows)
    held = _held(actor, {value for row in given for path in row.paths for value in _values(path)})
    rarity = default_rarity()
    for row in given:
        if any(held.get(value, 2) > 2 for path in row.paths for value in _values(path)):
            _weigh(row, held, rarity)
    return given


def _values(path: dict[str, Any]) -> list[Value]:
    return [(step["kind"], step["value"]) for step in path["steps"] if step["kind"] not in KINDS_WITHOUT_CLAIMS]


def _held(actor: Actor, values: set[Value]) -> dict[Value, int]:
    """How many cases that the reader may see hold each value."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for kind, normal in sorted(values):
        by_kind[kind].append(normal)
    if not by_kind:
        return {}
    same = Q(pk__in=[])
    for kind, normals in by_kind.items():
        same |= Q(kind=kind, normal__in=normals)
    claims = door.visible(actor, Claim.objects.filter(same, record__retired_at=None))
    counted = claims.order_by().values_list("kind", "normal").annotate(cases=Count("case_id", distinct=True))
    return {(kind, str(normal)): cases for kind, normal, cases in counted}


def _weigh(row: Connection, held: dict[Value, int], rarity: Rarity) -> None:
    told = []
    for path in row.paths:
        steps = [_step(step, held.get((step["kind"], step["value"]), 2), rarity) for step in path["steps"]]
        bits = sum(step["bits"] for step in steps)
        told.append(path | {"steps": steps, "bits": round(bits, 3), "probability": round(2.0**-bits, 4)})
    row.paths = sorted(told, key=lambda path: (path["bits"], path["hops"]))
    best = row.paths[0]
    row.bits, row.hops = best["bits"], best["hops"]
    row.kinds = sorted({step["kind"] for step in best["steps"]})
    row.probability = combined([_path(path) for path in row.paths])
    row.sentence = in_words([_words(step) for step in best["steps"]])
    judged = strength(row.probability, row.kinds, row.hops)
    recency = [factor for factor in row.factors if factor["name"] == "recency"]
    row.factors = [asdict(factor) for factor in judged.factors if factor.name != "recency"] + recency
    score = 100.0
    for factor in row.factors:
        score *= factor["value"]
    row.strength = round(score, 1)


def _step(step: dict[str, Any], cases: int, rarity: Rarity) -> dict[str, Any]:
    if cases <= 2 or step["kind"] not in rarity.worths:
        return step
    rarer, common = (bits_of(rarity.probability(step["kind"], degree)) for degree in (2, cases))
    if common == rarer:
        return step
    said = f"{step['sentence']}, which {cases} cases open to you hold"
    return step | {"bits": round(step["bits"] + common - rarer, 3), "sentence": said}


def _path(path: dict[str, Any]) -> Path:
    ties = tuple(
        Tie(step["left"]["record"], step["right"]["record"], step["kind"], step["value"], step["bits"], "", "")
        for step in path["steps"]
    )
    return Path(ties, (), path["bits"], path["hops"], path["probability"])


def _words(step: dict[str, Any]) -> Step:
    left, right = (f"{side['label'][:60]} ({side['case']})" for side in (step["left"], step["right"]))
    return Step(left, right, step["sentence"])


def strongest(actor: Actor, rows: Iterable[Connection]) -> list[Connection]:
    """The rows as this reader may weigh them, the strongest first."""
    return sorted(weighed(actor, rows), key=lambda row: (-row.strength, -row.found_at.timestamp(), row.id))
