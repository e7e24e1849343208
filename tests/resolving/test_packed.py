"""A record comes back from its bytes as it was, and the compiled sieve lets through whatever would be suggested."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from opencets.resolving import PersonRow, load_model, prepare
from opencets.resolving.abroad import abroad
from opencets.resolving.crowd import BADLY_WRITTEN, crowd
from opencets.resolving.frequency import common_names
from opencets.resolving.invented import invent
from opencets.resolving.placing import Kept, Stated, compare, keep, likely, unpack

ODD = [
    PersonRow("a", "Maria del Carmen Lopez Garcia Fernandez", date_of_birth="1980-13-40"),
    PersonRow("b", "Lopez Maria", date_of_birth="1980-02"),
    PersonRow("c", "M. Lopez", date_of_birth="1890"),
    PersonRow("d", "Supercalifragilisticexpialidocious Lopez", date_of_birth="1980-02-01", gender="f"),
    PersonRow("e", "", phone="+44 7700 900123", national_id="123456789"),
    PersonRow("f", "Лопез Мария", national_id="123456798", phone="07700 900123", country="GB"),
    PersonRow("g", "x", email="mariala@example.org", screen_name="mariala"),
    PersonRow("h"),
    PersonRow("i", "가람 제갈", screen_name="kik:zephquilla_92"),
    PersonRow("j", "Ga-ram Jegal", screen_name="kik:xx_z3phquila"),
]


@pytest.fixture(scope="module")
def records() -> list[Kept]:
    """Everybody twice as likely to share a naming value as in life, so that both ways into a suggestion are taken."""
    named = [replace(row, record_id=f"c{row.record_id}") for row in crowd(60, 3, BADLY_WRITTEN).rows()]
    spelt = abroad(25, 4, "tune").rows
    rows = [*invent(60, seed=5, varied=0.3).rows[:120], *spelt, *named[:60], *ODD]
    found = []
    for at, row in enumerate(rows):
        values = frozenset({("phone", f"+4477009000{at % 7}")} if at % 5 == 0 else ())
        kind = "account" if at % 9 == 0 else "person"
        found.append(Kept(row.record_id, kind, prepare(row), (at,), values))
    return found


def test_a_record_comes_back_from_its_bytes_as_it_was(records: list[Kept]) -> None:
    assert [unpack(one.id, one.packed(), one.keys) for one in records] == records


def test_a_record_that_another_version_packed_is_not_read() -> None:
    kept = keep("r", "person", [Stated("full_name", "name", "Ines Halloran", None, False)])
    assert unpack("r", b'["0c1b","person",' + kept.packed()) is None


def test_the_sieve_lets_through_what_is_suggested_and_little_else(records: list[Kept]) -> None:
    model, pairs = load_model(), list(combinations(range(len(records)), 2))
    left, right = np.array(pairs, np.int32).T
    let = likely([one.packed() for one in records], left.copy(), right.copy(), model)
    suggested = np.array([compare(records[a], records[b], model, lambda kind: 0.9) is not None for a, b in pairs])
    assert suggested.sum() > 50
    assert not (suggested & ~let).any()
    tied = np.array([bool(records[a].values & records[b].values) for a, b in pairs])
    more = np.flatnonzero(let & ~tied & ~suggested).tolist()
    known = common_names().bits
    words = [{word for word in (one.person.name or "").split() if ("token", word) in known} for one in records]
    assert all(words[pairs[at][0]] and words[pairs[at][1]] for at in more), "only very common names weigh less later"
    assert len(more) < 10
    assert (tied & ~let).any(), "two who contradict each other are not looked at again, whatever they share"


def test_nothing_is_let_through_where_nothing_is_asked() -> None:
    none = np.zeros(0, np.int32)
    assert likely([], none, none, load_model()).tolist() == []
