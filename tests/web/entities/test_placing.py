"""Placing one by one gives what the whole run gives, in any order, with records replaced and values turned generic."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from opencets.linking import default_rarity
from opencets.resolving import load_model
from opencets.resolving.placing import Stated, edges, keep
from opencets_web.accounts.statements import Statement
from opencets_web.cases.models import Case
from opencets_web.entities import actions, jobs, matching, placing, queries
from opencets_web.entities.models import Match, Placement
from opencets_web.evidence.models import Claim, Record
from tests.web.conftest import Behind, Cast
from tests.web.entities.conftest import Books, exhibit_of
from tests.web.entities.conftest import Stated as Said

LIMIT = 5
"""Few may share a key, so that a small world has keys that too many share."""
ORDERS = 2
CASES = 13


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "BLOCK_LIMIT", LIMIT)
    monkeypatch.setattr(placing, "RECORDS_AT_ONCE", 4)


@dataclass(frozen=True)
class Arrival:
    """A record that will come: always the same one, whenever it comes."""

    id: UUID
    case: int
    kind: str
    stated: tuple[Said, ...]


def world(seed: int) -> list[Arrival]:
    """People who appear twice and thrice, namesakes, a desk's address in eleven cases, a bank account, two crowds."""
    chance = random.Random(seed)
    names = ["Anna Keller", "Jan Novotny", "Ines Halloran", "Boyd Vasquez", "Mira Solberg", "Tom Reed"]
    rows: list[tuple[int, str, tuple[Said, ...]]] = []
    for at, name in enumerate(names):
        born = f"19{70 + at}-0{at + 1}-1{at}"
        for copy in range(chance.randrange(2, 4)):
            said: list[Said] = [("full_name", name), ("date_of_birth", born)]
            if copy and chance.random() < 0.6:
                said.append(("phone", f"07700 90010{at}"))
            if chance.random() < 0.5:
                said.append(("email", f"{name.split()[0].lower()}.{at}@example.org"))
            rows.append((chance.randrange(CASES), "person", tuple(said)))
    # One address of a desk: rare at first, and generic once the eleventh case holds it.
    for case in range(chance.randrange(10, CASES)):
        said = [("full_name", f"Visitor {chance.choice('ABC')} {'xyz'[case % 3] * 5}"), ("email", "desk@example.org")]
        rows.append((case, "person", tuple(said)))
    # A crowd of one name, more than may share a key, of whom some have a telephone number in common.
    for _ in range(LIMIT + chance.randrange(0, 3)):
        said = [("full_name", "Wei Zhang"), ("date_of_birth", "1988-02-0" + chance.choice("12"))]
        if chance.random() < 0.4:
            said.append(("phone", "07700 900777"))
        rows.append((chance.randrange(CASES), "person", tuple(said)))
    for case in (1, 2):
        rows.append((case, "account", (("screen_name", f"quiet{case}owl"), ("iban", "GB33BUKB20201555555555"))))
    return [Arrival(UUID(int=chance.getrandbits(128)), *row) for row in rows]


@dataclass
class Play:
    """A world that arrives record by record, as jobs place it."""

    books: Books
    cast: Cast
    cases: list[Case]
    as_job: Behind
    as_actor: Behind

    def arrive(self, one: Arrival) -> None:
        """One record comes and is placed at once."""
        case = self.cases[one.case]
        self.books.record(case, one.kind, one.stated[0][1], *one.stated, id=str(one.id))
        self.place(case)

    def replace(self, one: Arrival) -> None:
        """The record's file is read again with corrections, and it is there no more."""
        Record.objects.filter(pk=one.id).update(retired_at=timezone.now())
        self.place(self.cases[one.case])

    def judge(self, left: Arrival, right: Arrival, verdict: str) -> None:
        """A person says of two records what they are."""
        with self.as_actor(self.cast.owner):
            actions.judge(self.cast.owner, left.id, right.id, verdict, "Compared by hand.")

    def place(self, case: Case) -> None:
        """What was read of a case is placed."""
        with self.as_job(self.cast.owner):
            jobs.resolve_people(exhibit_of(case), str(self.cast.owner.officer_id))

    def standing(self) -> dict[tuple[str, str], tuple[float, float, str]]:
        """Every suggestion that stands, with its score and reasons."""
        rows = Match.objects.filter(retired_at=None)
        return {
            (str(match.left_id), str(match.right_id)): (match.probability, match.bits, written(match.reasons))
            for match in rows
        }

    def entities(self, ids: list[UUID]) -> set[frozenset[UUID]]:
        """How the records stand together for a reader who sees them all."""
        with self.as_actor(self.cast.owner):
            groups = queries.list_groups(self.cast.owner, ids)
        return {frozenset(line.id for line in group.lines) for group in groups.values()}


def plain(ids: list[UUID]) -> dict[tuple[str, str], tuple[float, float, str]]:
    """What the plain version says of these records: every one against every other, from nothing, without the database."""
    stated: dict[UUID, list[Claim]] = {record: [] for record in ids}
    for claim in Claim.objects.filter(record__in=ids).order_by("id"):
        stated[claim.record_id].append(claim)
    cases: dict[tuple[str, str | None], set[UUID]] = {}
    for claims in stated.values():
        for claim in claims:
            cases.setdefault((claim.kind, claim.normal), set()).add(claim.case_id)
    rarity, kinds = default_rarity(), dict(Record.objects.filter(pk__in=ids).values_list("id", "kind"))
    kept = [
        keep(str(record), kinds[record], [
            Stated(c.property, c.kind, c.normal or c.raw, c.normal,
                   rarity.links(c.kind) and rarity.generic(c.kind, len(cases[c.kind, c.normal])))
            for c in claims if c.role == "own"
        ])
        for record, claims in stated.items()
    ]  # fmt: skip
    found = edges(kept, load_model(), lambda kind: rarity.probability(kind, 2), LIMIT)
    return {
        pair: (round(one.probability, 4), round(one.bits, 3), written([asdict(reason) for reason in one.reasons]))
        for pair, one in found.items()
    }


def written(reasons: list[dict[str, Any]]) -> tuple[tuple[str, str, str, float, str], ...]:
    """Reasons as they are told, the weightiest first."""
    return tuple((one["feature"], one["left"], one["right"], round(one["bits"], 2), one["sentence"]) for one in reasons)


@pytest.fixture
def play(books: Books, cast: Cast, as_job: Behind, as_actor: Behind) -> Play:
    return Play(books, cast, [books.case(f"AV-{number}") for number in range(CASES)], as_job, as_actor)


def _one_order(play: Play, seed: int) -> tuple[int, int]:
    """A world in an order of its own; how many suggestions stand, and how many were taken back on the way."""
    chance = random.Random(seed)
    everybody = world(seed // 10)
    chance.shuffle(everybody)
    here: list[Arrival] = []
    for one in everybody:
        play.arrive(one)
        here.append(one)
        if len(here) > 4 and chance.random() < 0.2:
            play.replace(here.pop(chance.randrange(len(here))))
        if len(here) > 4 and chance.random() < 0.15:
            left, right = chance.sample(here, 2)
            play.judge(left, right, chance.choice(("different", "different", "same")))
    ids = [one.id for one in here]
    standing = play.standing()
    assert standing == plain(ids)
    before = play.entities(ids)
    with play.as_job(None):
        assert jobs.check_places() == placing.Difference()
    assert (play.standing(), play.entities(ids)) == (standing, before)
    return len(standing), Match.objects.exclude(retired_at=None).count()


def _empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute("set local session_replication_role = replica")
        for table in ("entities_judgement", "entities_match", "entities_candidatekey", "entities_placement",
                      "entities_identifier", "evidence_claim", "evidence_record"):  # fmt: skip
            cursor.execute(f"delete from {table}")
        cursor.execute("set local session_replication_role = origin")


def test_placing_one_by_one_gives_the_whole_runs_suggestions_in_any_order(play: Play) -> None:
    stood = taken_back = 0
    for seed in range(ORDERS):
        found = _one_order(play, seed)
        stood, taken_back = stood + found[0], taken_back + found[1]
        _empty()
    assert stood > 10 * ORDERS
    assert taken_back > 5 * ORDERS


def test_what_an_earlier_version_packed_is_compared_all_the_same_and_packed_anew(play: Play) -> None:
    everybody = world(3)[:8]
    for one in everybody[:-1]:
        play.arrive(one)
    Placement.objects.update(packed=b'["of another version"]')
    play.arrive(everybody[-1])
    ids = [one.id for one in everybody]
    assert play.standing() == plain(ids)
    with play.as_job(None):
        assert jobs.check_places() == placing.Difference(records=len(everybody) - 1)
        assert jobs.check_places() == placing.Difference()
    assert play.standing() == plain(ids)


def test_a_batch_takes_so_many_records_as_their_keys_may_be_locked_at_once(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "KEYS_AT_ONCE", 1)
    everybody = [replace(one, case=0) for one in world(3)[:6]]
    for one in everybody:
        play.books.record(play.cases[0], one.kind, one.stated[0][1], *one.stated, id=str(one.id))
    play.place(play.cases[0])
    ids = [one.id for one in everybody]
    assert play.standing() == plain(ids)
    assert Placement.objects.count() == len(ids)


def test_no_batch_waits_at_a_key_that_too_many_share(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    locked: list[set[int]] = []
    count = matching.count_arrived

    def counted(*given: Any, first: list[Statement]) -> tuple[bool, bool]:
        locked.append(set(first[-1].parameters[0]))  # type: ignore[call-overload]
        return count(*given, first=first)

    monkeypatch.setattr(matching, "count_arrived", counted)
    said = (("full_name", "Wei Zhang"), ("date_of_birth", "1988-02-01"))
    ids = [UUID(int=number + 1) for number in range(LIMIT + 5)]

    def come(*together: UUID) -> set[int]:
        for one in together:
            play.books.record(play.cases[0], "person", "Wei Zhang", *said, id=str(one))
        play.place(play.cases[0])
        return locked[-1]

    come(*ids[:2])
    stripes = {key % placing.STRIPES for key in Placement.objects.get(record_id=ids[0]).keys}
    assert stripes == locked[-1]
    assert [stripes <= come(one) for one in ids[2 : LIMIT + 2]] == [True] * LIMIT
    assert not stripes & come(*ids[-3:-1])
    # Who leave may open a key again, and then whoever comes waits there again.
    for one in ids[:4]:
        play.replace(Arrival(one, 0, "person", said))
    assert stripes <= come(ids[-1], UUID(int=99))
    assert play.standing() == plain([*ids[4:], UUID(int=99)])


@pytest.mark.proof
@pytest.mark.parametrize("tenth", range(10))
def test_a_hundred_orders_of_arrival_differ_by_no_suggestion(play: Play, tenth: int) -> None:
    """Ten of the hundred, in ten worlds."""
    stood = taken_back = 0
    for seed in range(100 + tenth, 200, 10):
        found = _one_order(play, seed)
        stood, taken_back = stood + found[0], taken_back + found[1]
        _empty()
    assert (stood > 100, taken_back > 50) == (True, True)
