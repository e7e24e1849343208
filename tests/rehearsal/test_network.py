"""The network of agencies keeps what it promises: planted chains, decoys, and the truth about both."""

from __future__ import annotations

from collections import defaultdict

from opencets.rehearsal.names import ALL_LANGUAGES
from opencets.rehearsal.network import AGENCIES, TIES, network
from opencets.values import normalise

WORLD = network(3, records=1_500, chains=40, background=20)


def test_the_same_seed_gives_the_same_network() -> None:
    again = network(3, records=1_500, chains=40, background=20)
    assert (again.rows, again.starts, again.tied) == (WORLD.rows, WORLD.starts, WORLD.tied)


def test_fourteen_agencies_of_fifteen_languages_and_chains_of_every_length() -> None:
    assert len(ALL_LANGUAGES) == 15
    assert {row.agency for row in WORLD.rows} == set(range(AGENCIES))
    planted = [start for start in WORLD.starts if start.far is not None]
    assert {ties: sum(start.ties == ties for start in planted) for ties in TIES} == dict.fromkeys(TIES, 10)
    assert sum(start.far is None for start in WORLD.starts) == 20


def test_each_planted_far_end_is_reached_through_shared_values_and_the_truth_about_who_is_who() -> None:
    holders: dict[tuple[str, str], set[int]] = defaultdict(set)
    for row in WORLD.rows:
        for one in row.held:
            context = {"country": "US"} if one.kind == "phone" else {}
            holders[one.kind, normalise(one.kind, one.raw, **context)].add(row.person)
    beside: dict[int, set[int]] = defaultdict(set)
    for people in holders.values():
        for person in people:
            beside[person] |= people
    person_of, group = {row.id: row.person for row in WORLD.rows}, WORLD.connected()
    for start in WORLD.starts:
        if start.far is None:
            continue
        layer = {person_of[start.record]}
        for _ in range(start.ties):
            layer = {other for one in layer for other in beside[one]}
        assert start.far in layer
        assert group[start.far] == group[person_of[start.record]]


def test_some_values_are_held_by_many_who_are_not_connected() -> None:
    holders: dict[tuple[str, str], set[int]] = defaultdict(set)
    for row in WORLD.rows:
        for one in row.held:
            holders[one.kind, one.raw].add(row.person)
    group = WORLD.connected()
    crowded = [people for people in holders.values() if len(people) > 8]
    assert len(crowded) >= 10
    assert all(len({group[person] for person in people}) > 4 for people in crowded)
