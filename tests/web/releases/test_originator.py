"""Originator control: what was released is not passed on before its originator agreed, by whatever way something leaves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from opencets.errors import ActRefused
from tests.web.releases.conftest import THEIRS

if TYPE_CHECKING:
    from tests.web.releases.conftest import Between

CAMBRIA = "Cambria Police"


def pass_on(between: Between, part: Any, **given: Any) -> Any:
    """Borders asks Avon to pass it on; the request is carried."""
    from opencets_web.releases.actions import ask_to_pass_on

    told = {"recipients": CAMBRIA, "purpose": "They search too", "legal_basis": "Police Act", **given}
    with between.as_actor(between.outsider):
        made = ask_to_pass_on(between.outsider, part.id, **told)
    between.carry_request(made)
    return made


def answer(between: Between, request_id: Any, *, agrees: bool, why: str = "") -> None:
    from opencets_web.releases.actions import answer_pass_on
    from opencets_web.releases.models import PartAsked

    asked = PartAsked.objects.get(request_ref=request_id)
    with between.as_actor(between.owner):
        answer_pass_on(between.owner, asked.id, agrees=agrees, answer=why)
    between.carry_request(request_id, between.owner)


def onward(between: Between, part: Any) -> None:
    """Borders releases the received exhibit to Cambria."""
    from opencets_web.releases.actions import Decision, add_items, begin_release, decide_items, send
    from opencets_web.releases.models import ReleaseItem

    actor = between.outsider
    terms = between.terms(to_agency=between.made.actors["partner"].agency_id)
    with between.as_actor(actor):
        release_id = begin_release(actor, THEIRS, terms)
        add_items(actor, release_id, exhibits=[part.exhibit_id])
        item = ReleaseItem.objects.get(part_release_id=release_id)
        decide_items(actor, release_id, [Decision(item.id, True)])
    seen = between.seen(release_id, actor)
    with between.as_actor(actor):
        send(actor, release_id, seen)
    assert between.make(release_id, actor).state == "made"


def bundle(between: Between, recipients: str) -> list[str]:
    """Borders makes a bundle of its whole case for court; the exhibits in it."""
    from opencets_web.disclosure.gathering import Choice, Gathering, admit_release

    with between.as_actor(between.outsider):
        case = admit_release(between.outsider, THEIRS)
        return [
            row.reference
            for row in Gathering(between.outsider, case, Choice("disclosure", recipients, "Trial")).exhibits
        ]


def grant(between: Between) -> None:
    """Borders opens its whole case to Cambria."""
    from opencets_web.sharing.actions import release

    with between.as_actor(between.outsider):
        release(between.outsider, THEIRS, between.made.actors["partner"].agency_id, purpose="They search too")


def test_it_does_not_leave_by_any_way_until_the_originator_agreed_to_these_recipients(between: Between) -> None:
    part = between.receive(between.released())
    assert part.exhibit is not None
    ways: tuple[Callable[[], object], ...] = (lambda: onward(between, part), lambda: grant(between))
    for way in ways:
        with pytest.raises(ActRefused, match="under originator control: ask them"):
            way()
    assert bundle(between, CAMBRIA) == []
    request = pass_on(between, part)
    for way in ways:
        with pytest.raises(ActRefused, match="under originator control"):
            way()
    answer(between, request, agrees=True)
    assert bundle(between, "Crown court") == []
    assert bundle(between, " cambria  police") == [part.exhibit.reference]
    for way in ways:
        way()


def test_the_originator_reads_what_is_to_be_passed_on_and_to_whom_and_may_say_no_later(between: Between) -> None:
    from opencets_web.releases.models import PartAsked, PartRequest
    from opencets_web.releases.queries import get_asked
    from opencets_web.sharing.models import Origin

    part = between.receive(between.released())
    request = pass_on(between, part)
    asked = PartAsked.objects.get(request_ref=request)
    with between.as_actor(between.owner):
        page = get_asked(between.owner, asked.id)
    assert page.row.recipients == CAMBRIA
    assert page.passed_on is not None
    assert page.passed_on.id == part.release_ref
    with pytest.raises(ActRefused, match="sentence"):
        answer(between, request, agrees=False)
    answer(between, request, agrees=True)
    assert Origin.objects.get(exhibit=part.exhibit).cleared_for == [CAMBRIA]
    answer(between, request, agrees=False, why="Our source is in Cambria.")
    assert Origin.objects.get(exhibit=part.exhibit).cleared_for == []
    assert PartRequest.objects.get(pk=request).answer == "Our source is in Cambria."
    with pytest.raises(ActRefused, match="under originator control"):
        onward(between, part)


def test_the_recipient_cannot_clear_it_for_themselves(between: Between) -> None:
    from django.db import transaction
    from django.db.utils import ProgrammingError

    from opencets_web.sharing.models import Origin

    part = between.receive(between.released())
    with between.as_actor(between.outsider), pytest.raises(ProgrammingError), transaction.atomic():
        Origin.objects.filter(exhibit=part.exhibit).update(cleared_for=[CAMBRIA])
    assert Origin.objects.get(exhibit=part.exhibit).cleared_for == []


def test_it_is_not_received_into_a_case_that_others_read_already(between: Between) -> None:
    grant(between)
    part = between.released()
    with pytest.raises(ActRefused, match="open to another agency"):
        between.receive(part)
    assert between.receive(part, "BO-SMALL-0002").state == "kept"


def test_back_to_its_originator_it_may_go(between: Between) -> None:
    from opencets_web.sharing.actions import release

    between.receive(between.released())
    with between.as_actor(between.outsider):
        assert release(between.outsider, THEIRS, between.made.cast.avon.id, purpose="Joint work")


def test_without_originator_control_its_terms_travel_along(between: Between) -> None:
    part = between.receive(between.released(controlled=False, conditions="Ask before use"))
    assert part.exhibit is not None
    assert bundle(between, "Crown court") == [part.exhibit.reference]
    with pytest.raises(ActRefused, match="without originator control"):
        pass_on(between, part)
    from opencets_web.disclosure.gathering import Choice, Gathering, admit_release

    with between.as_actor(between.outsider):
        case = admit_release(between.outsider, THEIRS)
        (row,) = Gathering(between.outsider, case, Choice("disclosure", "Crown court", "Trial"))._exhibit_rows()
    assert (row["origin"]["handling"], row["origin"]["conditions"], row["origin"]["agency"]) == (
        "C", "Ask before use", "Avon Constabulary",
    )  # fmt: skip


def test_a_withdrawn_release_and_one_whose_day_passed_go_to_nobody(between: Between) -> None:
    from opencets_web.releases.actions import withdraw_part
    from opencets_web.releases.jobs import carry_release
    from opencets_web.sharing.models import Origin

    part = between.receive(between.released(controlled=False))
    Origin.objects.filter(exhibit=part.exhibit).update(until_on=date(2020, 1, 1))
    with pytest.raises(ActRefused, match="used until 2020-01-01"):
        onward(between, part)
    Origin.objects.filter(exhibit=part.exhibit).update(until_on=None)
    with between.as_actor(between.owner):
        withdraw_part(between.owner, part.release_ref, "Wrong person.")
    with between.as_job(None):
        carry_release(str(part.release_ref), str(between.owner.officer_id))
    with pytest.raises(ActRefused, match="withdrew it"):
        onward(between, part)
    assert bundle(between, "Crown court") == []
