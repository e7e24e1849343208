"""Paths between cases: found, bounded, explained, never through what everybody has."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opencets.linking import Connection, Holdings, Path, Tie, best_paths, between, combined, default_rarity, search

EMAIL, PHONE, CAMERA = "email", "phone", "camera_serial"


def world(*rows: tuple[str, str, str]) -> Holdings:
    """Rows of (record, kind, value); a record's case is its first letter."""
    holdings = Holdings()
    for record, kind, value in rows:
        holdings.add(record, record[0], kind, value, f"{record}.{kind}")
    return holdings


def steps(path: Path) -> list[tuple[str, str, str]]:
    return [(tie.left, tie.value, tie.right) for tie in path.ties]


def chain(length: int) -> Holdings:
    """Cases A, B, C ... in a row, each tied to the next by an address of its own."""
    names = "ABCDEFGH"[: length + 1]
    return world(
        *((f"{name}1", EMAIL, f"{index}@example.org") for index, name in enumerate(names)),
        *((f"{name}1", EMAIL, f"{index - 1}@example.org") for index, name in enumerate(names) if index),
    )


def test_one_shared_address_is_a_path_of_one_hop_naming_both_claims() -> None:
    holdings = world(("A1", EMAIL, "x@example.org"), ("B1", EMAIL, "x@example.org"))
    (path,) = best_paths(["A1"], holdings, group_of=holdings.group_of)
    assert steps(path) == [("A1", "x@example.org", "B1")]
    assert (path.hops, path.groups) == (1, ("A", "B"))
    assert (path.ties[0].left_claim, path.ties[0].right_claim) == ("A1.email", "B1.email")
    assert path.probability == pytest.approx(0.95)


def test_three_hops_are_found_and_the_fourth_is_beyond_the_bound() -> None:
    holdings = chain(4)
    found = search(["A1"], holdings, group_of=holdings.group_of)
    assert [(one.group, one.hops) for one in found.connections] == [("B", 1), ("C", 2), ("D", 3)]
    assert found.complete
    wider = search(["A1"], holdings, group_of=holdings.group_of, max_hops=4)
    assert {one.group for one in wider.connections} == {"B", "C", "D", "E"}


def test_a_tie_inside_a_case_costs_bits_and_no_hop() -> None:
    holdings = world(
        ("A1", EMAIL, "x@example.org"), ("B1", EMAIL, "x@example.org"), ("B1", PHONE, "+15550100"),
        ("B2", PHONE, "+15550100"), ("B2", CAMERA, "m|n|1"), ("C1", CAMERA, "m|n|1"),
    )  # fmt: skip
    found = search(["A1"], holdings, group_of=holdings.group_of)
    to_c = found.connections[1]
    assert (to_c.group, to_c.hops, len(to_c.paths[0].ties)) == ("C", 2, 3)
    assert to_c.probability == pytest.approx(0.95 * 0.93 * 0.93)


def test_many_holders_of_one_value_in_a_case_are_one_tie_paid_once() -> None:
    messages = [(f"A{n}", EMAIL, "x@example.org") for n in range(1, 40)]
    holdings = world(*messages, ("B1", EMAIL, "x@example.org"), ("B9", EMAIL, "x@example.org"))
    (path,) = best_paths(["A37"], holdings, group_of=holdings.group_of)
    assert steps(path) == [("A37", "x@example.org", "B1")]
    assert path.bits == pytest.approx(-math.log2(0.95))
    (inside,) = between(["A37"], ["B9"], holdings, group_of=holdings.group_of)
    assert steps(inside) == [("A37", "x@example.org", "B9")]


def test_a_value_that_eleven_cases_hold_ties_nothing_and_is_listed() -> None:
    holdings = world(*((f"{case}1", EMAIL, "desk@library.example") for case in "ABCDEFGHIJK"))
    assert best_paths(["A1"], holdings, group_of=holdings.group_of) == []
    assert holdings.generic_values() == [(EMAIL, "desk@library.example", 11)]


def test_the_search_leaves_out_a_generic_tie_that_a_source_gave_all_the_same() -> None:
    class Careless:
        def ties_of(self, records: Sequence[str]) -> Iterable[Tie]:
            yield Tie("A1", "B1", EMAIL, "x@example.org", 0.1, "", "", generic=True)
            yield Tie("A1", "C1", EMAIL, "y@example.org", math.inf, "", "")
            yield Tie("A1", "D1", EMAIL, "z@example.org", 0.1, "", "")

    assert [path.groups for path in best_paths(["A1"], Careless(), group_of=lambda r: r[0])] == [("A", "D")]


def test_a_traded_picture_stays_generic_when_every_copy_is_re_encoded() -> None:
    holdings = Holdings()
    codes = [f"{number:064x}" for number in range(12)]
    for number, code in enumerate(codes):
        holdings.add(f"r{number}", f"case{number}", "pdq", code)
    for left in codes:
        for right in codes:
            holdings.add_near("pdq", left, right, 4)
    assert best_paths(["r0"], holdings, group_of=holdings.group_of) == []


def test_a_near_duplicate_of_two_cases_ties_with_its_distance() -> None:
    holdings = Holdings()
    holdings.add("r1", "A", "pdq", "0" * 64)
    holdings.add("r2", "B", "pdq", "f" * 3 + "0" * 61)
    holdings.add_near("pdq", "0" * 64, "f" * 3 + "0" * 61, 12)
    (path,) = best_paths(["r1"], holdings, group_of=holdings.group_of)
    assert path.ties[0].note == "distance 12 of 256"
    assert path.probability == pytest.approx(0.82)


def test_two_identifiers_of_one_account_count_as_one_piece_of_evidence() -> None:
    holdings = world(
        ("A1", EMAIL, "x@example.org"), ("B1", EMAIL, "x@example.org"),
        ("A1", PHONE, "+15550100"), ("B1", PHONE, "+15550100"),
    )  # fmt: skip
    (connection,) = search(["A1"], holdings, group_of=holdings.group_of).connections
    assert len(connection.paths) == 2
    assert connection.probability == pytest.approx(0.95)


def test_two_separate_ties_make_a_connection_surer_than_either() -> None:
    holdings = world(
        ("A1", EMAIL, "x@example.org"), ("B1", EMAIL, "x@example.org"),
        ("A2", PHONE, "+15550100"), ("B2", PHONE, "+15550100"),
    )  # fmt: skip
    (connection,) = search(["A1", "A2"], holdings, group_of=holdings.group_of).connections
    assert connection.probability == pytest.approx(1 - 0.05 * 0.07)
    assert connection.probability == combined(reversed(connection.paths))


def test_between_finds_nothing_between_the_unconnected_and_nothing_without_ends() -> None:
    holdings = world(("A1", EMAIL, "x@example.org"), ("B1", EMAIL, "y@example.org"))
    assert between(["A1"], ["B1"], holdings, group_of=holdings.group_of) == []
    assert between([], ["B1"], holdings, group_of=holdings.group_of) == []


def test_between_finds_two_records_of_one_case_that_meet_in_another() -> None:
    holdings = world(
        ("A1", EMAIL, "x@example.org"), ("B1", EMAIL, "x@example.org"),
        ("B1", PHONE, "+15550100"), ("A2", PHONE, "+15550100"),
    )  # fmt: skip
    paths = between(["A1"], ["A2"], holdings, group_of=holdings.group_of)
    assert steps(paths[-1]) == [("A1", "x@example.org", "B1"), ("B1", "+15550100", "A2")]
    assert paths[-1].groups == ("A", "B", "A")


def test_a_frontier_that_was_cut_is_said() -> None:
    holdings = world(*((f"A{n}", EMAIL, f"{n}@example.org") for n in range(9)),
                     *((f"B{n}", EMAIL, f"{n}@example.org") for n in range(9)))  # fmt: skip
    starts = [f"A{n}" for n in range(9)]
    assert search(starts, holdings, group_of=holdings.group_of).complete
    assert not search(starts, holdings, group_of=holdings.group_of, frontier_limit=4).complete


@st.composite
def random_rows(draw: st.DrawFn) -> list[tuple[str, str, str]]:
    records = st.sampled_from([f"{case}{number}" for case in "ABCDEF" for number in range(3)])
    kinds = st.sampled_from([EMAIL, PHONE])
    values = st.sampled_from(["v1", "v2", "v3", "v4", "v5", "v6", "v7"])
    return draw(st.lists(st.tuples(records, kinds, values), min_size=2, max_size=30, unique=True))


def cheapest_by_brute_force(holdings: Holdings, starts: list[str], max_hops: int) -> dict[str, float]:
    """Every simple way over groups, the slow and plain way: least bits to each other group."""
    best: dict[str, float] = {}
    everything = [record for group in holdings.groups() for record in holdings.members(group)]

    def walk(record: str, left: set[str], used: set[tuple[str, str]], bits: float, hops: int) -> None:
        group = holdings.group_of(record)
        for kind, value in holdings.values_of(record):
            degree = holdings.degree(kind, value)
            if (kind, value) in used or holdings.rarity.generic(kind, degree):
                continue
            cost = bits + holdings.rarity.bits(kind, degree)
            for other in everything:
                if other == record or (kind, value) not in holdings.values_of(other):
                    continue
                other_group = holdings.group_of(other)
                crosses = other_group != group
                if crosses and (other_group in left or hops == max_hops):
                    continue
                if crosses:
                    best[other_group] = min(cost, best.get(other_group, math.inf))
                if len(used) < 4:
                    walk(other, left | {other_group}, used | {(kind, value)}, cost, hops + crosses)

    for start in starts:
        walk(start, {holdings.group_of(start)}, set(), 0.0, 0)
    return best


@settings(max_examples=60, deadline=None)
@given(random_rows())
def test_the_cheapest_path_is_the_one_that_brute_force_finds(rows: list[tuple[str, str, str]]) -> None:
    holdings = world(*rows)
    group = holdings.groups()[0]
    starts = holdings.members(group)
    found = search(starts, holdings, group_of=holdings.group_of, max_hops=2, max_ties=5)
    fast = {one.group: one.paths[0].bits for one in found.connections}
    slow = cheapest_by_brute_force(holdings, starts, 2)
    assert fast.keys() == slow.keys()
    assert all(fast[name] == pytest.approx(slow[name]) for name in slow)
    for one in found.connections:
        assert all(path.groups[0] == group and path.groups[-1] == one.group for path in one.paths)
        goals = holdings.members(one.group)
        (same, *_) = between(starts, goals, holdings, group_of=holdings.group_of, max_hops=2, max_ties=5)
        assert same.bits == pytest.approx(one.paths[0].bits)


@settings(max_examples=40, deadline=None)
@given(random_rows(), st.randoms(use_true_random=False))
def test_equal_worlds_give_equal_answers_whatever_the_order(
    rows: list[tuple[str, str, str]], chance: random.Random
) -> None:
    holdings = world(*rows)
    shuffled = list(rows)
    chance.shuffle(shuffled)
    again = world(*shuffled)
    starts = holdings.members(holdings.groups()[0])
    assert search(starts, holdings, group_of=holdings.group_of) == search(
        reversed(starts), again, group_of=again.group_of
    )


@pytest.mark.parametrize("seed", range(40))
def test_what_is_found_over_some_holdings_is_what_a_search_of_them_alone_finds(seed: int) -> None:
    """Two worlds that differ in hidden cases alone: same connections, paths and probabilities over what is seen."""
    chance = random.Random(seed)
    rarity = default_rarity().level()
    cases = "ABCDEFGHIJ"[: chance.randint(4, 10)]
    hidden = set(chance.sample(cases[1:], chance.randint(1, len(cases) - 2)))
    whole, seen = Holdings(rarity), Holdings(rarity)
    kinds = (EMAIL, PHONE, CAMERA, "handle", "url")
    pool = [(chance.choice(kinds), f"value {number}") for number in range(chance.randint(3, 14))]
    people = []
    for case in cases:
        for number in range(chance.randint(1, 5)):
            record = f"{case}{number}"
            people.append(record)
            for kind, value in chance.sample(pool, chance.randint(0, min(3, len(pool)))):
                for holdings in (whole,) if case in hidden else (whole, seen):
                    holdings.add(record, case, kind, value)
    for one, other in [chance.sample(people, 2) for _ in range(4)]:
        for holdings in (whole,) if {one[0], other[0]} & hidden else (whole, seen):
            holdings.add_same_person(one, other, 0.9)

    def found(holdings: Holdings) -> list[Connection]:
        told = search(holdings.members("A"), holdings, group_of=lambda r: r[0], held_by=lambda r: r[0], max_bits=6.0)
        assert told.complete
        return [one for one in told.connections if not one.within & hidden]

    assert found(whole) == found(seen)


def test_steps_along_one_value_cost_as_much_as_the_weakest_of_them() -> None:
    near, far = (
        Tie("A1", "A2", PHONE, "+15550100", 0.2, "", ""),
        Tie("A2", "B1", PHONE, "+15550100", 2.0, "", "", "late"),
    )
    groups = {"A1": "A", "A2": "A", "B1": "B"}

    class Both:
        def ties_of(self, records: Sequence[str]) -> Iterable[Tie]:
            return [near, far]

    (path,) = best_paths(["A1"], Both(), group_of=groups.__getitem__)
    assert (path.bits, [tie.note for tie in path.ties]) == (2.0, ["late"])
    (path,) = between(["B1"], ["A1"], Both(), group_of=groups.__getitem__)
    assert (path.bits, [tie.note for tie in path.ties]) == (2.0, ["late"])
