"""The part of the graph around two entities gives the paths of the search by layers, and neighbours nobody expects."""

from __future__ import annotations

import random

import pytest

from opencets.linking import Holdings, between
from opencets.linking.nearby import Nearby

KINDS = ("email", "phone", "handle", "imei")


def holdings_of(seed: int) -> Holdings:
    """Six cases of three records; values with two to four holders."""
    chance, holdings = random.Random(seed), Holdings()
    records = [f"{case}{number}" for case in "ABCDEF" for number in range(3)]
    for number in range(22):
        kind = chance.choice(KINDS)
        for record in chance.sample(records, chance.choice((2, 2, 3, 4))):
            holdings.add(record, record[0], kind, f"v{number}", f"{record}.{number}")
    return holdings


@pytest.mark.parametrize("seed", range(12))
def test_the_best_path_is_no_dearer_than_that_of_the_search_by_layers_and_holds(seed: int) -> None:
    holdings = holdings_of(seed)
    starts, goals = ["A0", "A1"], ["F1", "F2"]
    plain = between(starts, goals, holdings, group_of=holdings.group_of, max_bits=8.0)
    found = Nearby([*starts, *goals], holdings).paths(starts, goals, group_of=holdings.group_of)
    # The search by layers returns to no case and crosses three borders at most; this one may.
    assert bool(found) >= bool(plain)
    if plain:
        assert found[0].bits <= plain[0].bits + 1e-6
    for path in found:
        assert (path.records[0] in starts, path.records[-1] in goals) == (True, True)
        for tie in path.ties:
            assert (tie.kind, tie.value) in holdings.values_of(tie.left)
            assert (tie.kind, tie.value) in holdings.values_of(tie.right)
            assert (tie.left_claim.split(".")[0], tie.right_claim.split(".")[0]) == (tie.left, tie.right)


def chain() -> Holdings:
    holdings = Holdings()
    for record, value in (("A1", "x"), ("B1", "x"), ("B1", "y"), ("C1", "y"), ("C1", "z"), ("D1", "z")):
        holdings.add(record, record[0], "email", value, f"{record}.{value}")
    return holdings


def test_an_unexpected_neighbour_is_one_that_no_single_tie_reaches() -> None:
    holdings = chain()
    near = Nearby(["A1"], holdings)
    found = near.unexpected(["A1"], lambda record: True, group_of=holdings.group_of)
    assert [(one.record, one.path.records) for one in found] == [
        ("C1", ("A1", "B1", "C1")),
        ("D1", ("A1", "B1", "C1", "D1")),
    ]
    assert found[0].probability == pytest.approx(0.95**2)
    assert [
        one.record for one in near.unexpected(["A1"], lambda record: record != "C1", group_of=holdings.group_of)
    ] == ["D1"]


def test_a_hidden_record_takes_its_paths_along() -> None:
    holdings = chain()
    near = Nearby(["A1", "D1"], holdings)
    assert near.complete
    near.without({"B1"})
    assert near.paths(["A1"], ["D1"], group_of=holdings.group_of) == []


def test_a_layer_too_wide_is_cut_and_said() -> None:
    holdings = holdings_of(1)
    assert not Nearby(["A0"], holdings, most_records=1).complete
