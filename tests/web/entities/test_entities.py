"""Entities as each reader sees them: judging, undoing, and what a hidden record may never change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from opencets.errors import ActRefused, NotFound
from opencets_web.audit.models import Act
from opencets_web.cases.queries import get_frame
from opencets_web.entities import actions, jobs, queries
from opencets_web.entities.models import Judgement, Match
from opencets_web.evidence.models import Claim, Record
from tests.web.conftest import Behind, Cast
from tests.web.entities.conftest import Books, exhibit_of

ANNA = (("full_name", "Anna Keller"), ("date_of_birth", "1984-03-09"), ("phone", "07700 900123"))


def labels(page: queries.EntityPage) -> list[str]:
    return sorted(line.label for line in page.records)


def test_an_identical_own_identifier_groups_across_the_cases_that_the_reader_sees(
    books: Books, cast: Cast, as_actor: Behind
) -> None:
    one, two = books.case("AV-1"), books.case("AV-2")
    person = books.record(one, "person", "Anna Keller", *ANNA)
    books.record(two, "account", "annak", ("screen_name", "annak"), ("phone", "+44 7700 900123"))
    books.record(two, "account", "elsewhere", ("screen_name", "annak"))
    books.record(two, "account", "a friend", ("phone", "07700 900123", "contact"))
    with as_actor(cast.colleague):
        page = queries.get_entity(cast.colleague, person.id)
    assert labels(page) == ["Anna Keller", "annak", "elsewhere"]
    assert (page.label, page.kind, page.anchor) == ("Anna Keller", "person", person.id)
    phone = next(attribute for attribute in page.attributes if attribute.label == "Telephone").values
    assert [(value.value, len(value.behind), value.cases) for value in phone] == [("+447700900123", 2, 2)]
    assert {claim.raw for claim in phone[0].behind} == {"07700 900123", "+44 7700 900123"}
    assert phone[0].behind[0].record.locator == "phone.zip › contacts.csv › row 1"
    assert page.complete


def test_a_generic_value_and_a_contradiction_join_nobody(books: Books, cast: Cast, as_actor: Behind) -> None:
    case = books.case("AV-1")
    start = books.record(case, "person", "Anna Keller", *ANNA)
    books.record(case, "person", "Her mother", ("date_of_birth", "1951-11-30"), ("phone", "07700 900123"))
    books.record(case, "account", "front desk", ("email", "desk@example.org"))
    other = books.record(case, "account", "front desk too", ("email", "desk@example.org"))
    Claim.objects.filter(normal="desk@example.org").update(generic=True)
    with as_actor(cast.owner):
        page = queries.get_entity(cast.owner, start.id)
        assert (labels(page), page.kept_apart) == (["Anna Keller"], 1)
        desk = queries.get_entity(cast.owner, other.id)
    assert labels(desk) == ["front desk too"]
    assert desk.attributes[0].values[0].generic


@pytest.mark.parametrize(
    ("minutes", "place", "apart"),
    [(60, "-33.86,151.21", True), (60, "50.12,8.70", False), (20 * 60, "-33.86,151.21", False), (None, "-33.86,151.21", False)],
)  # fmt: skip
def test_two_places_at_one_time_part_what_a_value_joins(
    books: Books, cast: Cast, as_actor: Behind, minutes: int | None, place: str, apart: bool
) -> None:
    """Frankfurt at noon; Sydney, or round the corner, an hour later, or the next morning, or nobody knows when."""
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    case = books.case("AV-1")
    said = ("email", "anna@example.org")
    later = [] if minutes is None else [("happened_at", (noon + timedelta(minutes=minutes)).isoformat())]
    here = books.record(case, "account", "phone", said, ("location", "50.11,8.68"), ("happened_at", noon.isoformat()))
    there = books.record(case, "account", "tablet", said, ("location", place), *later)
    # Where an account was registered says of nobody where they were; nor do two places of one record.
    Record.objects.filter(pk=there.id).update(at=noon)
    third = books.record(case, "account", "third", said, ("location", "1.00,1.00"), ("happened_at", noon.isoformat()))
    books.record(case, "account", "fourth", said)
    Claim.objects.create(
        holding_id=case.holding_id, agency_id=case.agency_id, case=case, record=third, property="location", kind="place",
        raw="2,2", normal="2.00000,2.00000", role="own",
    )  # fmt: skip
    with as_actor(cast.owner):
        page = queries.get_entity(cast.owner, here.id)
        assert ("tablet" in labels(page)) != apart
        assert (page.kept_apart > 0) == apart
        listed = queries.list_case_entities(cast.owner, get_frame(cast.owner, "AV-1", "people"), 10).entities
        assert any({here.id, there.id} <= set(one.records) for one in listed) != apart
        judged = actions.judge(cast.owner, here.id, there.id, "same", "The clock of the phone is wrong.")
        against = queries.list_contradictions(cast.owner, judged)
        assert "tablet" in labels(queries.get_entity(cast.owner, here.id))
    assert [("two places at one time" in sentence and "16,4" in sentence) for sentence in against] == [True] * apart


def test_hidden_records_change_nothing(books: Books, cast: Cast, as_actor: Behind) -> None:
    """The same world with and without the other agency's records gives the same page."""
    ours, theirs = books.case("AV-1"), books.case("BO-1", cast.borders)
    left = books.record(ours, "person", "Anna Keller", *ANNA)
    right = books.record(ours, "account", "quietowl", ("email", "quiet@example.org"))
    with as_actor(cast.owner):
        before = [queries.get_entity(cast.owner, record.id) for record in (left, right)]
    bridge = books.record(theirs, "person", "A. K.", ("phone", "07700 900123"), ("email", "quiet@example.org"))
    with as_actor(cast.owner):
        assert [queries.get_entity(cast.owner, record.id) for record in (left, right)] == before
    books.grant(theirs, cast.owner)
    with as_actor(cast.owner):
        page = queries.get_entity(cast.owner, left.id)
        assert labels(page) == ["A. K.", "Anna Keller", "quietowl"]
        assert {case.reference for case in page.cases} == {"AV-1", "BO-1"}
        assert queries.get_entity(cast.owner, bridge.id).anchor == page.anchor


def test_judging_joins_and_undoing_takes_apart_again(books: Books, cast: Cast, as_actor: Behind) -> None:
    case = books.case("AV-1")
    left = books.record(case, "person", "Anna Keller", *ANNA)
    right = books.record(case, "account", "quietowl", ("screen_name", "quietowl"))
    with as_actor(cast.owner):
        judgement = actions.judge(cast.owner, right.id, left.id, "same", "Both in the same interview, page 4.")
        page = queries.get_entity(cast.owner, left.id)
        assert labels(page) == ["Anna Keller", "quietowl"]
        assert [(line.verdict, line.reason) for line in page.judgements] == [
            ("same", "Both in the same interview, page 4.")
        ]
        assert actions.judge(cast.owner, left.id, right.id, "same", "again") == judgement
    with as_actor(cast.colleague):
        assert actions.undo_judgement(cast.colleague, judgement) == "same"
        page = queries.get_entity(cast.colleague, left.id)
        assert labels(page) == ["Anna Keller"]
        assert [(line.undone_by, line.may_undo) for line in page.judgements] == [("Avon colleague", False)]
        with pytest.raises(ActRefused, match="ended before"):
            actions.undo_judgement(cast.colleague, judgement)
    verbs = Act.objects.filter(verb__startswith="judgement.").order_by("id").values_list("verb", "holding_id")
    assert list(verbs) == [("judgement.made", case.holding_id), ("judgement.undone", case.holding_id)]


def test_a_new_verdict_ends_the_old_one_and_undo_puts_it_back(books: Books, cast: Cast, as_actor: Behind) -> None:
    case = books.case("AV-1")
    left = books.record(case, "account", "one", ("email", "shared@example.org"))
    right = books.record(case, "account", "two", ("email", "shared@example.org"))
    with as_actor(cast.owner):
        assert len(queries.get_entity(cast.owner, left.id).records) == 2
        actions.judge(cast.owner, left.id, right.id, "unsure", "A shared mailbox?")
        second = actions.judge(cast.owner, left.id, right.id, "different", "Two brothers, one mailbox.")
        page = queries.get_entity(cast.owner, left.id)
        assert (labels(page), page.kept_apart) == (["one"], 1)
        actions.undo_judgement(cast.owner, second)
        assert len(queries.get_entity(cast.owner, left.id).records) == 2
    rows = Judgement.objects.order_by("at", "id").values_list("verdict", "reason", "undone_at")
    assert [(verdict, reason, ended is None) for verdict, reason, ended in rows] == [
        ("unsure", "A shared mailbox?", False),
        ("different", "Two brothers, one mailbox.", False),
        ("unsure", "Put back: A shared mailbox?", True),
    ]


def test_judging_needs_both_sides_in_sight_and_one_to_write_to(books: Books, cast: Cast, as_actor: Behind) -> None:
    ours, theirs = books.case("AV-1"), books.case("BO-1", cast.borders)
    left = books.record(ours, "person", "Anna Keller", *ANNA)
    right = books.record(theirs, "person", "Anna K.", *ANNA[:1])
    second = books.record(ours, "person", "Anna", *ANNA[:1])
    for actor in (cast.outsider, cast.administrator, cast.owner):
        with as_actor(actor), pytest.raises(NotFound):
            actions.judge(actor, left.id, right.id, "same", "Both look alike.")
    books.grant(ours, cast.outsider, "read")
    with as_actor(cast.outsider):
        with pytest.raises(NotFound):
            actions.judge(cast.outsider, left.id, second.id, "same", "Neither is ours to write to.")
        judgement = actions.judge(cast.outsider, left.id, right.id, "same", "One side is ours.")
    # The owner of the left record does not see the right one, hence neither the judgement nor its effect.
    with as_actor(cast.owner):
        assert labels(queries.get_entity(cast.owner, left.id)) == ["Anna Keller"]
        assert queries.get_entity(cast.owner, left.id).judgements == ()
        with pytest.raises(NotFound):
            actions.undo_judgement(cast.owner, judgement)
    logged = Act.objects.filter(verb="judgement.made").values_list("holding_id", flat=True)
    assert set(logged) == {ours.holding_id, theirs.holding_id}


@pytest.mark.parametrize(
    ("verdict", "reason", "words"),
    [("maybe", "x", "same, as different or as unsure"), ("same", "  ", "needs a reason")],
)
def test_a_judgement_without_verdict_or_reason_is_refused(
    books: Books, cast: Cast, as_actor: Behind, verdict: str, reason: str, words: str
) -> None:
    case = books.case("AV-1")
    left, right = (books.record(case, "person", name, ("full_name", name)) for name in ("Anna", "Tom"))
    with as_actor(cast.owner):
        with pytest.raises(ActRefused, match=words):
            actions.judge(cast.owner, left.id, right.id, verdict, reason)
        with pytest.raises(ActRefused, match="against itself"):
            actions.judge(cast.owner, left.id, left.id, "same", "It is.")
    assert not Judgement.objects.exists()


def test_the_queue_asks_first_where_a_word_says_most_and_not_what_was_judged(
    books: Books, cast: Cast, as_job: Behind, as_actor: Behind
) -> None:
    case = books.case("AV-1")
    sure = [books.record(case, "person", "Anna Keller", *ANNA[:2], ("city", "Bristol")) for _ in range(2)]
    for _ in range(2):
        books.record(case, "person", "Grouped already", *ANNA[2:], ("full_name", "Zoe Quint"))
    vague = [
        books.record(case, "person", "Jan Novotny", ("full_name", name), ("date_of_birth", "1990-05-01"))
        for name in ("Jan Novotny", "Jan Novotni")
    ]
    with as_job(cast.owner):
        jobs.resolve_people(exhibit_of(case), str(cast.owner.officer_id))
    Match.objects.filter(left=vague[0]).update(probability=0.7)
    with as_actor(cast.owner):
        queue = queries.list_queue(cast.owner, within=True)
        assert [card.left.record.id for card in queue.cards] == [vague[0].id, sure[0].id]
        assert [fact.value for fact in queue.cards[1].left.facts] == ["Anna Keller", "1984-03-09", "Bristol"]
        actions.judge(cast.owner, vague[0].id, vague[1].id, "unsure")
        assert [card.left.record.id for card in queries.list_queue_within(cast.owner).cards] == [sure[0].id]
        # One case's own doubles do not crowd out what connects cases.
        assert queries.list_queue(cast.owner).cards == ()
    assert Judgement.objects.get().reason.startswith("Compared side by side; suggested for: ")
    with as_actor(cast.outsider):
        assert queries.list_queue_within(cast.outsider).cards == ()


def test_a_judgement_that_later_data_or_another_judgement_contradicts_says_so(
    books: Books, cast: Cast, as_actor: Behind
) -> None:
    case = books.case("AV-1")
    left = books.record(case, "person", "Anna Keller", *ANNA[:1])
    right = books.record(case, "person", "A. Keller", ("full_name", "A. Keller"), ANNA[1])
    third = books.record(case, "account", "annak", ("screen_name", "annak"))

    def against(record: object) -> list[tuple[str, ...]]:
        with as_actor(cast.owner):
            page = queries.get_entity(cast.owner, record.id)  # type: ignore[attr-defined]
            assert page.judgements == tuple(
                line for line in queries.list_judgements(cast.owner).rows if line in page.judgements
            )
            return [line.against for line in page.judgements if line.against]

    with as_actor(cast.owner):
        same = actions.judge(cast.owner, left.id, right.id, "same", "Looks alike.")
    assert against(left) == []
    Claim.objects.create(
        holding_id=case.holding_id, agency_id=case.agency_id, case=case, record=left, property="date_of_birth",
        kind="date", raw="1951-11-30", normal="1951-11-30", role="own",
    )  # fmt: skip
    assert against(left) == [
        ("Judged the same, but: dates of birth 1984-03-09 and 1951-11-30 are years apart.",)
        if right.id < left.id
        else ("Judged the same, but: dates of birth 1951-11-30 and 1984-03-09 are years apart.",)
    ]
    with as_actor(cast.owner):
        actions.undo_judgement(cast.owner, same)
        actions.judge(cast.owner, left.id, third.id, "same", "Named in the interview.")
        actions.judge(cast.owner, right.id, third.id, "same", "Named in the interview.")
        apart = actions.judge(cast.owner, left.id, right.id, "different", "Mother and daughter.")
        assert queries.list_contradictions(cast.owner, apart) == (
            "Judged different, but each was judged the same as a third.",
        )
    assert ("Judged the same, but a third was judged the same as one and different from the other.",) in against(third)


def test_the_queue_asks_first_where_the_same_would_bring_most_together(
    books: Books, cast: Cast, as_job: Behind, as_actor: Behind
) -> None:
    cases = [books.case(f"AV-{number}") for number in range(4)]
    pairs = []
    for at, name in enumerate(("Anna Keller", "Jan Novotny")):
        said = (("full_name", name), ("date_of_birth", f"1984-03-0{at + 1}"))
        mine = books.record(cases[0], "person", name, *said, *((("phone", "07700 900123"),) if at else ()))
        pairs.append((mine, books.record(cases[1], "person", name, *said)))
    for case in cases[2:]:
        books.record(case, "account", "line", ("phone", "07700 900123"))
    with as_job(cast.owner):
        for case in cases[:2]:
            jobs.resolve_people(exhibit_of(case), str(cast.owner.officer_id))
    Match.objects.update(probability=0.9)
    with as_actor(cast.owner):
        cards = queries.list_queue(cast.owner).cards
    assert [{card.left.record.label, card.right.record.label} for card in cards] == [{"Jan Novotny"}, {"Anna Keller"}]
    assert [card.change for card in cards] == [
        "The same would bring together 4 records of 4 cases.",
        "The same would bring together 2 records of 2 cases.",
    ]
