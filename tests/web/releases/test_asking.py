"""Asking for a part and being asked: what each side sees, what it does not, and each act's way back."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from opencets.errors import ActRefused, NotFound
from tests.house.small_case import REFERENCE
from tests.web.releases.conftest import THEIRS

if TYPE_CHECKING:
    from tests.web.releases.conftest import Between


def test_an_identifier_is_enough_and_only_the_asked_agency_reads_it(between: Between) -> None:
    from opencets_web.releases.queries import desk_parts, get_asked

    asked = between.asked(between.ask(urgency="life"))
    for actor in (between.owner, between.colleague):
        with between.as_actor(actor):
            assert asked.id in {row.id for row in desk_parts(actor).asked}
            page = get_asked(actor, asked.id)
        assert (page.row.agency, page.row.values, page.row.urgency) == (
            "Borders Police", (("E-mail address", "ada@example.org"),), "Threat to life",
        )  # fmt: skip
        assert [(case.reference, case.records) for case in page.holds] == [(REFERENCE, 1)]
    for actor in (between.outsider, between.made.actors["partner"], between.made.cast.administrator):
        with between.as_actor(actor), pytest.raises(NotFound):
            get_asked(actor, asked.id)


def test_the_asking_side_learns_nothing_by_asking(between: Between) -> None:
    from opencets_web.releases.queries import get_request

    held, absent = between.ask(), between.ask(values=(), text="The phone of the harbour master")
    pages = []
    for request in (held, absent):
        with between.as_actor(between.outsider):
            pages.append(get_request(between.outsider, request.id))
    assert {(page.row.label, page.row.answer) for page in pages} == {("Waiting for an answer", "")}
    with between.as_actor(between.owner), pytest.raises(NotFound):
        get_request(between.owner, held.id)


def test_the_same_is_not_asked_twice_and_is_asked_again_once_taken_back(between: Between) -> None:
    from opencets_web.releases.actions import ask_part_again, take_request_back

    request = between.ask()
    with pytest.raises(ActRefused, match="asked for already"):
        between.ask()
    with between.as_actor(between.outsider):
        take_request_back(between.outsider, request.id)
        take_request_back(between.outsider, request.id)
    between.carry_request(request.id)
    assert between.asked(request).state == "withdrawn"
    with between.as_actor(between.outsider):
        again = ask_part_again(between.outsider, request.id)
    between.carry_request(again)
    between.carry_request(again)
    from opencets_web.releases.models import PartAsked

    assert PartAsked.objects.filter(request_ref=again, state="asked").count() == 1


def test_a_request_is_declined_with_a_sentence_and_the_refusal_taken_back(between: Between) -> None:
    from opencets_web.releases.actions import decline_part, reconsider_part
    from opencets_web.releases.queries import get_request

    request = between.ask()
    asked = between.asked(request)
    with between.as_actor(between.owner), pytest.raises(ActRefused, match="sentence"):
        decline_part(between.owner, asked.id, " ")
    with between.as_actor(between.outsider), pytest.raises(NotFound):
        decline_part(between.outsider, asked.id, "No.")
    with between.as_actor(between.owner):
        decline_part(between.owner, asked.id, "We hold nothing on it.")
    between.carry_request(request.id, between.owner)
    with between.as_actor(between.outsider):
        page = get_request(between.outsider, request.id)
    assert (page.row.label, page.row.answer, page.again) == ("Declined", "We hold nothing on it.", True)
    with between.as_actor(between.owner):
        reconsider_part(between.owner, asked.id)
    between.carry_request(request.id, between.owner)
    request.refresh_from_db()
    assert (request.state, request.answer) == ("asked", "")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"purpose": " "}, "for what"),
        ({"legal_basis": ""}, "legal basis"),
        ({"values": (), "text": ""}, "what is sought"),
        ({"wanted_by": date(2020, 1, 1)}, "has passed"),
        ({"sought": "pass-on"}, "what is asked for"),
        ({"urgency": "soon"}, "how soon"),
    ],
)
def test_a_request_that_says_too_little_is_refused(between: Between, given: dict[str, Any], sentence: str) -> None:
    from opencets_web.releases.models import PartRequest

    with pytest.raises(ActRefused, match=sentence):
        between.ask(**given)
    assert not PartRequest.objects.filter(agency=between.made.cast.borders).exists()


def test_one_asks_under_a_case_of_ones_own_and_another_agency(between: Between) -> None:
    from opencets_web.releases.actions import ask

    partner = between.made.actors["partner"]
    with between.as_actor(partner), pytest.raises(NotFound):
        ask(partner, REFERENCE, between.wanted(), to_agency=between.made.cast.borders.id)
    with between.as_actor(between.owner), pytest.raises(ActRefused, match="another one"):
        ask(between.owner, REFERENCE, between.wanted(), to_agency=between.made.cast.avon.id)


def test_by_a_pointer_the_owner_of_the_hidden_case_is_asked_and_the_asker_is_not_told_which(between: Between) -> None:
    from opencets_web.releases.actions import ask
    from opencets_web.releases.models import PartAsked

    owner, pointer = between.owner, between.made.rows["free_pointer"]
    with between.as_actor(owner):
        made = ask(owner, REFERENCE, between.wanted(values=(), text=""), pointer_id=pointer.id)
    between.carry_request(made, owner)
    asked = PartAsked.objects.get(request_ref=made)
    assert (asked.case, asked.agency) == (between.made.rows["further"], between.made.cast.borders)
    with between.as_actor(owner):
        assert not PartAsked.objects.filter(pk=asked.id).exists()


def test_by_a_conflict_it_is_the_other_owners_case_that_is_asked_for(between: Between) -> None:
    from opencets_web.releases.actions import ask
    from opencets_web.releases.models import PartAsked

    owner, rows = between.owner, between.made.rows
    with between.as_actor(owner):
        made = ask(owner, REFERENCE, between.wanted(values=(), text=""), conflict_id=rows["conflict"].id)
        with pytest.raises(ActRefused, match="lets you call"):
            ask(owner, REFERENCE, between.wanted(text="More"), conflict_id=rows["alone_conflict"].id)
    between.carry_request(made, owner)
    assert PartAsked.objects.get(request_ref=made).case == rows["other"]


def test_a_code_that_closed_meanwhile_answers_at_once(between: Between) -> None:
    from opencets_web.releases.actions import ask
    from opencets_web.releases.models import PartAsked, PartRequest

    owner, rows = between.owner, between.made.rows
    with between.as_actor(owner):
        made = ask(owner, REFERENCE, between.wanted(), pointer_id=rows["free_pointer"].id)
    holding = rows["further"].holding
    holding.disclosure = "pointer"
    holding.save(update_fields=["disclosure"])
    between.carry_request(made, owner)
    request = PartRequest.objects.get(pk=made)
    assert (request.state, request.answer) == ("declined", "This cannot be asked for here any more. Call them.")
    assert not PartAsked.objects.filter(request_ref=made).exists()


def test_what_is_asked_is_in_the_log_of_both(between: Between) -> None:
    from opencets_web.audit.models import Act

    request = between.ask()
    with between.as_actor(between.owner):
        from opencets_web.releases.queries import get_asked

        get_asked(between.owner, between.asked(request).id)
    made = Act.objects.get(verb="part-request.made")
    assert (made.agency_id, made.subject) == (between.made.cast.borders.id, f"case:{THEIRS}")
    assert '"email:ada@example.org"' in made.details
    looked = Act.objects.get(verb="part-request.viewed")
    assert looked.agency_id == between.made.cast.avon.id
    assert '"searched":["email:ada@example.org"]' in looked.details
