"""Ties and connections from PostgreSQL equal the plain in-memory version, in any order of arrival."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from random import Random
from uuid import UUID

import pytest
from django.utils import timezone

from opencets.linking import Holdings, Path, default_rarity, search
from opencets_web.accounts.ids import new_id
from opencets_web.cases.models import Case
from opencets_web.entities.models import Judgement, Match
from opencets_web.evidence.models import ExhibitFile, Record
from opencets_web.leads import linking, queries
from opencets_web.leads.linking import MAX_BITS, MAX_HOPS
from opencets_web.leads.models import Alert, Connection
from opencets_web.leads.ties import MENTIONED_BITS, DatabaseTies
from opencets_web.media.models import Media, NearDuplicate
from opencets_web.policy.actor import Actor
from opencets_web.policy.blind import across_holdings
from tests.web.conftest import Cast
from tests.web.leads.worlds import Value, World, working

Told = tuple[float, int, tuple[tuple[str, str], ...]]
"""Bits, hops and values of one path."""


@contextmanager
def blind(world: World) -> Iterator[None]:
    """Inside the blind door, as a job of Avon's owner."""
    with working(world.cast.owner), across_holdings():
        yield


def told(paths: tuple[Path, ...]) -> list[Told]:
    return sorted((round(path.bits, 6), path.hops, tuple(sorted(path.values))) for path in paths)


def from_database(world: World, case: Case) -> dict[str, list[Told]]:
    """What a search of one case finds through PostgreSQL, by other case."""
    with blind(world):
        ties = DatabaseTies()
        found = search(ties.boundary(case.id), ties, group_of=ties.group_of, max_hops=MAX_HOPS, max_bits=MAX_BITS)
    return {one.group: told(one.paths) for one in found.connections}


def from_memory(holdings: Holdings, case: Case) -> dict[str, list[Told]]:
    """The same through the plain version."""
    starts = holdings.members(str(case.id))
    found = search(starts, holdings, group_of=holdings.group_of, max_hops=MAX_HOPS, max_bits=MAX_BITS)
    return {one.group: told(one.paths) for one in found.connections}


def picture(world: World, case: Case, pdq: bytes) -> Media:
    """A picture's record and its signals."""
    record = world.record(case, kind="media", label="A picture")
    file = ExhibitFile.objects.get(exhibit__case=case, exhibit__reference="EX-1")
    return Media.objects.create(
        holding_id=case.holding_id, agency_id=case.agency_id, case=case, record=record, file=file, sha256=record.id.hex * 2,
        media_type="image/jpeg", pdq=pdq, quality=90, known_as=[], matched_at=timezone.now(),
    )  # fmt: skip


def near(left: Media, right: Media, distance: int) -> None:
    """Two pictures that are near-duplicates."""
    left, right = sorted((left, right), key=lambda media: media.id)
    NearDuplicate.objects.create(
        left=left, right=right, left_holding_id=left.holding_id, left_agency_id=left.agency_id,
        right_holding_id=right.holding_id, right_agency_id=right.agency_id, distance=distance, found_at=timezone.now(),
    )  # fmt: skip


def match(left: Record, right: Record, probability: float) -> None:
    """A suggestion that two records are the same person."""
    left, right = sorted((left, right), key=lambda record: record.id)
    Match.objects.create(
        left=left, right=right, left_holding_id=left.holding_id, left_agency_id=left.agency_id,
        right_holding_id=right.holding_id, right_agency_id=right.agency_id, probability=probability, bits=5.0, model="test",
        found_at=timezone.now(),
    )  # fmt: skip


def judge(world: World, left: Record, right: Record, verdict: str) -> Judgement:
    """A person's decision on two records."""
    left, right = sorted((left, right), key=lambda record: record.id)
    return Judgement.objects.create(
        left=left, right=right, left_holding_id=left.holding_id, left_agency_id=left.agency_id,
        right_holding_id=right.holding_id, right_agency_id=right.agency_id, verdict=verdict, reason="Seen",
        by_id=world.cast.owner.officer_id, at=timezone.now(),
    )  # fmt: skip


def grow(world: World, random: Random) -> tuple[list[Case], Holdings]:
    """A small world in both forms: values that two, some or too many cases hold, near pictures, matches, judgements."""
    cases = [
        world.case(f"C-{number}", random.choice((world.cast.owner, world.cast.outsider)))
        for number in range(random.randint(4, 13))
    ]
    holdings = Holdings()
    pool: list[tuple[str, str]] = [
        (random.choice(("email", "phone", "handle", "iban", "url", "ip_hour")), f"value-{number}")
        for number in range(14)
    ]
    records: list[Record] = []
    for case in cases:
        for _ in range(random.randint(1, 5)):
            held = {("email", "front.desk@example.org"), *random.sample(pool, random.randint(0, 3))}
            record = world.record(case, *sorted(held), kind=random.choice(("account", "person", "contact")))
            day = random.choice(("", "", "2012-05-01", "2019-05-01", "2021-07-09", "2024-02-29"))
            Record.objects.filter(pk=record.pk).update(at_text=f"{day}T09:00:00Z" if day else "")
            holdings.add_record(str(record.id), str(case.id), day)
            for kind, value in sorted(held):
                holdings.add(str(record.id), str(case.id), kind, value)
            records.append(record)
    pictures = []
    for _ in range(random.randint(0, 10)):
        case, code = random.choice(cases), random.randbytes(32)
        pictures.append(picture(world, case, code))
        holdings.add(str(pictures[-1].record_id), str(case.id), "pdq", code.hex())
    for left, right in {tuple(sorted(random.sample(range(len(pictures)), 2))) for _ in pictures if len(pictures) > 1}:
        distance = random.randint(0, 31)
        near(pictures[left], pictures[right], distance)
        holdings.add_near(
            "pdq", bytes(pictures[left].pdq or b"").hex(), bytes(pictures[right].pdq or b"").hex(), distance
        )
    for medium in pictures:
        degree = holdings.degree("pdq", bytes(medium.pdq or b"").hex())
        Media.objects.filter(pk=medium.pk).update(
            cases_count=degree, widely_traded=holdings.rarity.generic("pdq", degree)
        )
    for left, right in {tuple(sorted(random.sample(range(len(records)), 2))) for _ in range(3) if len(records) > 1}:
        one, other = str(records[left].id), str(records[right].id)
        kind = random.choice(("match", "weak", "different", "same"))
        probability = random.choice((0.91, 0.95, 0.99))
        if kind in ("match", "different"):
            match(records[left], records[right], probability)
        if kind == "weak":
            match(records[left], records[right], 0.6)
        if kind in ("different", "same"):
            judge(world, records[left], records[right], kind)
        if kind in ("match", "same"):
            holdings.add_same_person(one, other, probability if kind == "match" else 0.99)
    return cases, holdings


def count(world: World, cases: list[Case]) -> None:
    """Count every value, as the worker does."""
    from opencets_web.entities.matching import count_identifiers
    from opencets_web.evidence.models import Exhibit

    # The matches of these worlds are made up: counting compares the people anew, and would take them back.
    made_up = list(Match.objects.values_list("id", "probability", "retired_at"))
    for exhibit in Exhibit.objects.filter(case__in=cases).select_related("case"):
        with working(world.by(exhibit.case)):
            count_identifiers(world.by(exhibit.case), exhibit.id)
    for match_id, probability, retired_at in made_up:
        Match.objects.filter(pk=match_id).update(probability=probability, retired_at=retired_at)


@pytest.mark.parametrize("seed", range(12))
def test_what_postgresql_finds_is_what_the_plain_version_finds(world: World, seed: int) -> None:
    cases, holdings = grow(world, Random(seed))
    count(world, cases)
    assert {case.reference: from_database(world, case) for case in cases} == {
        case.reference: from_memory(holdings, case) for case in cases
    }


def expected(holdings: Holdings, cases: list[Case]) -> dict[tuple[str, str], float]:
    """The cost of the best path of each pair of cases, in bits."""
    best: dict[tuple[str, str], float] = {}
    for case in cases:
        for other, paths in from_memory(holdings, case).items():
            left, right = sorted((str(case.id), other))
            best[left, right] = min(best.get((left, right), 99.0), paths[0][0])
    return best


def kept() -> dict[tuple[str, str], float]:
    """The same of the connections that stand."""
    best: dict[tuple[str, str], float] = {}
    for row in Connection.objects.filter(retired_at=None):
        key = (str(row.left_case_id), str(row.right_case_id))
        best[key] = min(best.get(key, 99.0), round(row.bits, 6))
    return best


@pytest.mark.parametrize("seed", range(8))
def test_connections_do_not_depend_on_the_order_in_which_exhibits_came(world: World, seed: int) -> None:
    """Shared values, some of which turn generic on the way, and chains whose middle comes last."""
    random = Random(seed)
    people = [world.cast.owner, world.cast.outsider]
    cases = [world.case(f"C-{number}", random.choice(people)) for number in range(random.randint(5, 13))]
    holdings = Holdings(default_rarity().level())
    pool = [(random.choice(("email", "phone", "handle", "url")), f"value-{number}") for number in range(12)]
    pool.append(("email", "front.desk@example.org"))
    arrivals = [(case, number) for case in cases for number in range(random.randint(1, 3))]
    random.shuffle(arrivals)
    for case, number in arrivals:
        reference = f"EX-{number + 2}"
        world.exhibit(case, reference)
        for _ in range(random.randint(1, 3)):
            held = {*random.sample(pool, random.randint(0, 3))}
            if random.random() < 0.7:
                held.add(pool[-1])
            record = world.record(case, *sorted(held), exhibit=reference)
            for kind, value in held:
                holdings.add(str(record.id), str(case.id), kind, value)
        world.link(case, reference)
    assert kept() == pytest.approx(expected(holdings, cases))
    before = list(Connection.objects.order_by("id").values("id", "digest", "retired_at", "strength"))
    with blind(world):
        assert linking._link_cases({case.id for case in cases}) == []
    assert [row["id"] for row in before] == list(Connection.objects.order_by("id").values_list("id", flat=True))
    assert kept() == pytest.approx(expected(holdings, cases))


def test_a_chain_of_three_hops_is_found_whichever_end_came_last(world: World) -> None:
    links: list[list[Value]] = [
        [("email", "a@example.org")],
        [("email", "a@example.org"), ("phone", "+447700900001")],
        [("phone", "+447700900001"), ("iban", "GB33BUKB20201555555555")],
        [("iban", "GB33BUKB20201555555555")],
    ]
    for turn, order in enumerate(((0, 1, 2, 3), (3, 0, 2, 1), (1, 3, 0, 2))):
        suffix = f".{turn}"
        cases = {}
        for number in order:
            cases[number] = world.case(f"C-{turn}-{number}")
            world.record(cases[number], *[(kind, value + suffix) for kind, value in links[number]])
            world.link(cases[number])
        ends = sorted((cases[0].id, cases[3].id))
        row = Connection.objects.get(left_case_id=ends[0], right_case_id=ends[1])
        assert row.hops == 3
        assert set(row.through) == {cases[1].holding_id, cases[2].holding_id}
        assert [len(path["steps"]) for path in row.paths] == [3]


def test_a_value_that_turns_generic_ends_the_connections_through_it_everywhere(world: World) -> None:
    cases = [world.case(f"C-{number}") for number in range(14)]
    for case in cases[:10]:
        world.record(case, ("email", "front.desk@example.org"))
        world.link(case)
    assert Connection.objects.filter(retired_at=None).count() == 45
    for case in cases[10:]:
        world.record(case, ("email", "front.desk@example.org"))
    count(world, cases[10:])  # four more were counted before any of them was linked
    world.link(cases[13])
    assert Connection.objects.filter(retired_at=None).count() == 0
    assert Alert.objects.count() > 0  # what was told stays, and shows no connection any more


def test_a_corrected_reading_takes_back_what_hung_on_the_old_one(world: World) -> None:
    first, middle, last = world.case("C-1"), world.case("C-2"), world.case("C-3")
    world.record(first, ("email", "a@example.org"))
    wrong = world.record(middle, ("email", "a@example.org"), ("phone", "+447700900001"))
    world.record(last, ("phone", "+447700900001"))
    for case in (first, middle, last):
        world.link(case)
    assert Connection.objects.filter(retired_at=None).count() == 3
    Record.objects.filter(pk=wrong.pk).update(retired_at=timezone.now())
    world.link(middle)
    assert Connection.objects.filter(retired_at=None).count() == 0


def test_widely_traded_media_link_nothing_by_digest_or_by_sight(world: World) -> None:
    first, second = world.case("C-1"), world.case("C-2")
    left, right = picture(world, first, b"\1" * 32), picture(world, second, b"\1" * 32)
    for medium in (left, right):
        from opencets_web.evidence.models import Claim

        Claim.objects.create(
            holding_id=medium.holding_id, agency_id=medium.agency_id, case_id=medium.case_id, record_id=medium.record_id,
            property="sha256", kind="sha256", raw="c" * 64, normal="c" * 64, role="own",
        )  # fmt: skip
    near(left, right, 4)
    Media.objects.update(cases_count=2)
    world.link(first)
    assert {tuple(row.kinds) for row in Connection.objects.filter(retired_at=None)} <= {("pdq",), ("sha256",)}
    assert Connection.objects.filter(retired_at=None).count() == 1
    Media.objects.update(cases_count=11, widely_traded=True)
    world.link(first)
    assert Connection.objects.filter(retired_at=None).count() == 0


def test_a_value_in_a_text_costs_one_bit_more(world: World) -> None:
    first, second, third = world.case("C-1"), world.case("C-2"), world.case("C-3")
    world.record(first, ("email", "a@example.org"))
    world.record(second, ("email", "a@example.org", "mentioned"), kind="message")
    world.record(third, ("phone", "+447700900001"))
    world.record(first, ("phone", "+447700900001"))
    for case in (first, second, third):
        world.link(case)
    rarity = DatabaseTies().rarity
    bits = {frozenset((row.left_case.reference, row.right_case.reference)): row.bits
            for row in Connection.objects.filter(hops=1)}  # fmt: skip
    assert bits[frozenset(("C-1", "C-2"))] == pytest.approx(rarity.bits("email", 2) + MENTIONED_BITS)
    assert bits[frozenset(("C-1", "C-3"))] == pytest.approx(rarity.bits("phone", 2))


def test_a_judgement_makes_a_connection_and_its_opposite_ends_one(world: World, cast: Cast) -> None:
    first, second = world.case("C-1"), world.case("C-2", cast.outsider)
    left = world.record(first, kind="person", label="Kestrel Marsh")
    right = world.record(second, kind="person", label="K. Marsh")
    match(left, right, 0.7)
    world.link(first)
    assert not Connection.objects.exists()
    judgement = judge(world, left, right, "same")
    with working(cast.owner):
        linking.link_records(cast.owner, [left.id, right.id])
    assert "judged by a person" in Connection.objects.get(retired_at=None).sentence
    Judgement.objects.filter(pk=judgement.pk).update(undone_at=timezone.now())
    judge(world, left, right, "different")
    with working(cast.owner):
        linking.link_records(cast.owner, [left.id, right.id])
    assert not Connection.objects.filter(retired_at=None).exists()


def test_a_number_in_a_thousand_messages_is_as_many_ties_as_messages(world: World) -> None:
    chat, other = world.case("C-1"), world.case("C-2")
    for _ in range(120):
        world.record(chat, ("handle", "kestrel@chatter", "author"), kind="message")
    world.record(other, ("handle", "kestrel@chatter"))
    count(world, [chat, other])
    with blind(world):
        ties = DatabaseTies()
        assert len(ties.boundary(chat.id)) == 1
        every = [str(key) for key in Record.objects.values_list("id", flat=True)]
        assert len({frozenset((tie.left, tie.right)) for tie in ties.ties_of(every)}) == 120
        assert len(list(ties.ties_of(every))) <= 4 * 120


def test_known_files_are_told_once_for_each_exhibit_and_set(world: World, cast: Cast) -> None:
    from opencets_web.media.models import HashSet

    case = world.case("C-1")
    known = HashSet.objects.create(
        agency=cast.avon, name="Demo list", source="Rehearsal", authority="Exercise", format="md5", imported_at=timezone.now(),
        imported_by_id=cast.owner.officer_id,
    )  # fmt: skip
    for number in range(3):
        medium = picture(world, case, bytes([number]) * 32)
        Media.objects.filter(pk=medium.pk).update(known_set=known, known_as=["A" if number else "B", "Demo list"])
    assert world.link(case) == 1
    alert = Alert.objects.get()
    assert (alert.kind, alert.sentence) == ("known", "EX-1 holds 3 known files of the set Demo list: 2 of A, 1 of B.")
    medium = picture(world, case, b"\7" * 32)
    Media.objects.filter(pk=medium.pk).update(known_set=known, known_as=["A", "Demo list"])
    assert world.link(case) == 0
    assert Alert.objects.get().sentence == "EX-1 holds 4 known files of the set Demo list: 3 of A, 1 of B."
    assert alert.id == Alert.objects.get().id
    assert isinstance(alert.id, UUID)
    assert new_id() != alert.id


def test_what_an_older_model_found_is_found_again_or_ended(world: World, cast: Cast) -> None:
    first, second, third = (world.case(f"C-{number}") for number in (1, 2, 3))
    gone = world.record(first, ("phone", "+447700900001"))
    world.record(first, ("email", "a@example.org"))
    world.record(second, ("email", "a@example.org"))
    world.record(third, ("phone", "+447700900001"))
    for case in (first, second, third):
        world.link(case)
    before = {row.id: row.strength for row in Connection.objects.filter(retired_at=None)}
    assert len(before) == 2
    Connection.objects.update(model="paths-1/alert-1", strength=1.0)
    Record.objects.filter(pk=gone.pk).update(retired_at=timezone.now())
    with working(cast.owner):
        while linking.search_older(1):
            pass
    (row,) = Connection.objects.filter(retired_at=None)
    assert (row.model.partition("/")[0], row.strength) == (linking.MODEL, before[row.id])
    assert not Alert.objects.filter(connection=row).exclude(strength=row.strength).exists()


def test_how_many_cases_hold_a_value_is_weighed_for_each_reader(
    world: World, cast: Cast, as_actor: Callable[[Actor], AbstractContextManager[None]]
) -> None:
    cases = [world.case(f"AV-{number}") for number in range(2)]
    cases += [world.case(f"BO-{number}", cast.outsider) for number in range(4)]
    for case in cases:
        world.record(case, ("handle", "chatter:night"))
    for case in cases:
        world.link(case)

    def shown(actor: Actor) -> set[tuple[float, float, bool]]:
        with as_actor(actor):
            rows = queries.list_connections(actor, "AV-0").rows
            return {(round(row.probability, 2), row.strength, "cases open to you hold" in row.sentence) for row in rows}

    assert shown(cast.owner) == {(0.85, 76.5, False)}
    for case in cases[2:]:
        world.grant(case, cast.avon)
    assert shown(cast.owner) == {(0.39, 34.8, True)}
    assert set(Connection.objects.values_list("strength", flat=True)) == {76.5}


def test_a_number_given_out_again_makes_a_weaker_connection_and_says_so(world: World) -> None:
    cases = [world.case(f"C-{number}") for number in range(3)]
    for case, day in zip(cases, ("2014-03-01", "2021-06-01", "2014-09-01"), strict=True):
        held = world.record(case, ("phone", "+447700900001"))
        Record.objects.filter(pk=held.pk).update(at_text=f"{day}T10:00:00Z")
    for case in cases:
        world.link(case)
    rows = {
        frozenset((row.left_case.reference, row.right_case.reference)): row
        for row in Connection.objects.filter(retired_at=None, hops=1)
    }
    together, apart = rows[frozenset(("C-0", "C-2"))], rows[frozenset(("C-0", "C-1"))]
    assert together.probability == pytest.approx(0.93)
    assert apart.probability == pytest.approx(0.93 * 0.3)
    assert apart.strength < together.strength / 3
    assert "seen 7 years apart, until 2014-03-01 and from 2021-06-01; numbers are given out again" in apart.sentence
    assert "apart" not in together.sentence
