"""Numbers of entities: the same through joining, splitting and undoing, and silent about what a reader may not see."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.utils import timezone

from opencets.errors import NotFound
from opencets_web.entities import actions, queries
from opencets_web.entities.numbering import number_of, read_number, span_of
from opencets_web.evidence.models import Record
from tests.web.conftest import Behind, Cast
from tests.web.entities.conftest import Books

PHONE = ("phone", "07700 900123")


def test_a_number_is_read_as_it_was_meant_and_a_miswritten_one_is_refused() -> None:
    record = UUID("01920000-aaaa-8bbb-8ccc-0123456789ab")
    number = number_of(record)
    assert number == "E-0690-005A-NAXV-W"
    assert number_of(UUID("00000000-0000-8000-8000-000000000000")) == "E-0000-0000-0000-0"
    for written in (number.lower(), number.replace("-", ""), number[2:], number.replace("0", "O", 1)):
        assert read_number(written) == number
    first, last = span_of(number)
    assert first <= record <= last
    for wrong in (number[:-1] + "0", number.replace("69", "96"), "E-12", "E-0690-005A-NAU!-R", ""):
        with pytest.raises(NotFound):
            read_number(wrong)


def test_a_number_leads_on_through_joining_and_back_through_undoing(books: Books, cast: Cast, as_actor: Behind) -> None:
    one, two = books.case("AV-1"), books.case("AV-2")
    first = books.record(one, "person", "Anna Keller", ("full_name", "Anna Keller"), PHONE)
    second = books.record(two, "account", "annak", ("screen_name", "annak"), ("email", "anna@example.org"))
    third = books.record(two, "account", "anna2", ("screen_name", "anna2"), ("email", "anna@example.org"))
    ordered = sorted((second, third), key=lambda record: record.id)
    with as_actor(cast.owner):
        apart = queries.get_numbered(cast.owner, number_of(ordered[0].id))
        assert (apart.stands, apart.way, apart.entity_number) == (True, (), number_of(ordered[0].id))
        joined = queries.get_numbered(cast.owner, number_of(ordered[1].id))
        assert (joined.stands, joined.entity_number) == (False, number_of(ordered[0].id))
        assert [step.sentence for step in joined.way] == ["the same e-mail address anna@example.org"]
        judgement = actions.judge(cast.owner, first.id, second.id, "same", "Both in one interview.")
        anchor = min((first, second, third), key=lambda record: record.id)
        for record in (first, second, third):
            page = queries.get_numbered(cast.owner, number_of(record.id))
            assert (page.entity_number, page.entity_label) == (number_of(anchor.id), "Anna Keller")
            assert bool(page.way) == (record.id != anchor.id)
        last = max((first, second), key=lambda record: record.id)
        told = [step for step in queries.get_numbered(cast.owner, number_of(last.id)).way if step.reason]
        assert all(step.sentence == "judged the same by Avon owner" for step in told)
        assert {step.reason for step in told} <= {"Both in one interview."}
        actions.undo_judgement(cast.owner, judgement)
        assert queries.get_numbered(cast.owner, number_of(ordered[1].id)) == joined
        actions.judge(cast.owner, second.id, third.id, "different", "Two sisters, one mailbox.")
        split = queries.get_numbered(cast.owner, number_of(ordered[1].id))
        assert (split.stands, [line.reason for line in split.apart]) == (True, ["Two sisters, one mailbox."])
        entity = queries.get_entity(cast.owner, first.id)
        assert (entity.number, entity.earlier) == (number_of(first.id), ())


def test_the_number_of_a_replaced_record_leads_to_the_one_in_its_place(
    books: Books, cast: Cast, as_actor: Behind
) -> None:
    case = books.case("AV-1")
    old = books.record(case, "person", "Ana Keller", ("full_name", "Ana Keller"))
    new = books.record(case, "person", "Anna Keller", ("full_name", "Anna Keller"))
    Record.objects.filter(pk=old.pk).update(retired_at=timezone.now())
    Record.objects.filter(pk=new.pk).update(place=old.place)
    with as_actor(cast.owner):
        page = queries.get_numbered(cast.owner, number_of(old.id))
    assert (page.record.id, page.entity_number, page.replaced_at is None) == (new.id, number_of(new.id), False)


def test_a_number_tells_nothing_of_hidden_records(books: Books, cast: Cast, as_actor: Behind) -> None:
    ours, theirs = books.case("AV-1"), books.case("BO-1", cast.borders)
    hidden = books.record(theirs, "person", "A. K.", PHONE, ("email", "anna@example.org"))
    left = books.record(ours, "person", "Anna Keller", PHONE)
    right = books.record(ours, "account", "annak", ("email", "anna@example.org"))
    with as_actor(cast.owner):
        for record in (left, right):
            page = queries.get_numbered(cast.owner, number_of(record.id))
            assert (page.stands, page.way) == (True, ())
        with pytest.raises(NotFound):
            queries.get_numbered(cast.owner, number_of(hidden.id))
    books.grant(theirs, cast.owner)
    with as_actor(cast.owner):
        anchor = number_of(min(record.id for record in (hidden, left, right)))
        assert {queries.get_numbered(cast.owner, number_of(record.id)).entity_number for record in (left, right)} == {
            anchor
        }
