"""Emergency access: two people, some hours, everybody who manages the case told, and nothing learnt by asking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from opencets.errors import ActRefused, NotFound

if TYPE_CHECKING:
    from django.test import Client

    from opencets_web.policy.actor import Actor
    from tests.web.conftest import Behind, Cast

    ClientFor = Callable[[Actor | None], Client]

REFERENCE = "AV-CLOSED-1"
REASON = "A child is with him tonight."


@pytest.fixture
def supervisor(cast: Cast) -> Actor:
    """Avon's supervisor, to whom the case is closed too."""
    from opencets_web.accounts.models import Officer
    from opencets_web.policy.actor import Actor

    officer = Officer.objects.create(
        email="supervisor@avon.example.org", display_name="Avon supervisor", agency=cast.avon, roles=["supervisor"]
    )
    cast.officers["supervisor"] = officer
    return Actor.of(officer)


@pytest.fixture
def case(cast: Cast, as_actor: Behind) -> Any:
    """A restricted case of Avon's owner, for an hour already: the wall's clock stands still within a transaction."""
    from django.utils import timezone

    from opencets_web.cases.actions import open_case
    from opencets_web.cases.models import Case
    from opencets_web.policy.models import Grant

    with as_actor(cast.owner):
        open_case(cast.owner, reference=REFERENCE, title="Lantern", kind="production", restricted=True)
    Grant.objects.update(granted_at=timezone.now() - timedelta(hours=1))
    return Case.objects.get(reference=REFERENCE)


def _ask(as_actor: Behind, actor: Actor, reference: str = REFERENCE, **given: Any) -> UUID:
    from opencets_web.emergencies.actions import ask

    with as_actor(actor):
        return ask(actor, reference=reference, reason=REASON, **given)


def _confirm(as_actor: Behind, actor: Actor, asked: UUID) -> bool:
    from opencets_web.emergencies.actions import confirm

    with as_actor(actor):
        return confirm(actor, asked)


def _opens(as_actor: Behind, actor: Actor) -> bool:
    from opencets_web.cases.models import Case, Note
    from opencets_web.policy import door

    with as_actor(actor):
        by_door = door.visible(actor, Case.objects.filter(reference=REFERENCE)).exists()
        assert Case.objects.filter(reference=REFERENCE).exists() == by_door, "the wall says otherwise"
        assert not Note.objects.exists()
    return by_door


def test_a_second_person_opens_the_closed_case_for_hours_to_whoever_asked_and_to_nobody_else(
    cast: Cast, case: Any, supervisor: Actor, as_actor: Behind
) -> None:
    from opencets_web.policy.models import Grant

    asked = _ask(as_actor, cast.colleague)
    assert not _opens(as_actor, cast.colleague)
    assert _confirm(as_actor, supervisor, asked)
    assert _opens(as_actor, cast.colleague)
    assert not _opens(as_actor, supervisor)
    assert not _opens(as_actor, cast.outsider)
    grant = Grant.objects.get(to_officer_id=cast.colleague.officer_id)
    assert (grant.level, grant.purpose, grant.granted_by_id) == ("read", f"Emergency: {REASON}", supervisor.officer_id)
    assert grant.expires_at - grant.granted_at == timedelta(hours=4)
    Grant.objects.filter(pk=grant.pk).update(
        granted_at=grant.granted_at - timedelta(hours=5), expires_at=grant.granted_at
    )
    assert not _opens(as_actor, cast.colleague)


def test_those_who_manage_the_case_are_told_at_once_and_the_log_of_the_case_has_it(
    cast: Cast, case: Any, supervisor: Actor, as_actor: Behind
) -> None:
    from opencets_web.audit.models import Act
    from opencets_web.casework.queries import my_notices

    _confirm(as_actor, supervisor, _ask(as_actor, cast.colleague))
    with as_actor(cast.owner):
        told = my_notices(cast.owner)
        lines = list(Act.objects.filter(verb="emergency.confirmed").values_list("holding_id", "officer_id"))
    assert [notice.sentence for notice in told] == [f"Emergency access to {REFERENCE} for Avon colleague: {REASON}"]
    assert lines == [(case.holding_id, supervisor.officer_id)]


def test_asking_tells_nothing_of_whether_there_is_such_a_case(
    cast: Cast, case: Any, supervisor: Actor, client_for: ClientFor
) -> None:
    from opencets_web.audit.models import Act

    browser, pages = client_for(cast.colleague), []
    for reference in (REFERENCE, "AV-ABSENT-1"):
        answer = browser.post("/emergencies/ask/", {"reference": reference, "reason": REASON, "hours": "4"})
        pages.append((answer.status_code, answer.headers["Location"], browser.get(f"/cases/{reference}/").status_code))
    assert pages[0] == pages[1] == (302, "/emergencies/", 404)
    shown = browser.get("/emergencies/").content.decode()
    assert shown.count(">waiting<") == shown.count("to be confirmed until") == 2
    asked = Act.objects.filter(verb="emergency.asked")
    assert set(asked.values_list("holding_id", flat=True)) == {None}


def test_a_confirmed_number_that_nobody_gave_opens_nothing_and_says_so_to_both(
    cast: Cast, case: Any, supervisor: Actor, as_actor: Behind, client_for: ClientFor
) -> None:
    from opencets_web.policy.models import Grant

    for reference in ("AV-ABSENT-1",):
        assert not _confirm(as_actor, supervisor, _ask(as_actor, cast.colleague, reference))
    assert not Grant.objects.filter(to_officer_id=cast.colleague.officer_id).exists()
    assert "no such closed case" in client_for(cast.colleague).get("/emergencies/").content.decode()


def test_a_case_of_another_agency_is_never_opened_by_it(
    cast: Cast, case: Any, supervisor: Actor, as_actor: Behind
) -> None:
    from opencets_web.policy.models import Grant

    asked = _ask(as_actor, cast.outsider)
    with pytest.raises(NotFound):
        _confirm(as_actor, supervisor, asked)
    assert not Grant.objects.filter(to_officer_id=cast.outsider.officer_id).exists()


def test_it_takes_a_second_person_a_supervisor_and_haste(
    cast: Cast, case: Any, supervisor: Actor, as_actor: Behind
) -> None:
    from django.utils import timezone

    from opencets_web.emergencies.models import EmergencyAccess

    asked = _ask(as_actor, cast.colleague)
    for actor in (cast.colleague, cast.owner, cast.auditor, cast.administrator, cast.outsider):
        with pytest.raises(NotFound):
            _confirm(as_actor, actor, asked)
    own = _ask(as_actor, supervisor)
    with pytest.raises(NotFound):
        _confirm(as_actor, supervisor, own)
    EmergencyAccess.objects.filter(pk=asked).update(lapses_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(ActRefused, match="in time"):
        _confirm(as_actor, supervisor, asked)
    assert not _opens(as_actor, cast.colleague)


def test_the_database_holds_it_too_where_the_program_forgets(
    cast: Cast, case: Any, supervisor: Actor, as_actor: Behind
) -> None:
    from django.db import DatabaseError, connection, transaction

    asked = _ask(as_actor, cast.colleague)
    calls = (
        (cast.colleague, "select app_answer_emergency(%s, true, '', '{}', '{}')"),
        (cast.auditor, "select app_answer_emergency(%s, true, '', '{}', '{}')"),
        (cast.outsider, "select app_answer_emergency(%s, true, '', '{}', '{}')"),
        (cast.colleague, "update emergencies_emergencyaccess set confirmed = true where id = %s"),
        (supervisor, "update emergencies_emergencyaccess set accepted = true where id = %s"),
    )
    for actor, statement in calls:
        refused = pytest.raises(DatabaseError, match=r"second officer|permission denied")
        with as_actor(actor), connection.cursor() as cursor, refused, transaction.atomic():
            cursor.execute(statement, [asked])
    with as_actor(cast.outsider), connection.cursor() as cursor:
        cursor.execute("select count(*) from emergencies_emergencyaccess")
        assert cursor.fetchone() == (0,)
        cursor.execute("select app_end_emergency(%s), app_review_emergency(%s, true, 'x')", [asked, asked])
        assert cursor.fetchone() == (None, False)
    assert not _opens(as_actor, cast.colleague)


def test_hours_are_bounded_and_what_is_open_anyway_is_not_asked_for(
    cast: Cast, case: Any, supervisor: Actor, as_actor: Behind
) -> None:
    for hours in (0, 25):
        with pytest.raises(ActRefused, match="1 to 24"):
            _ask(as_actor, cast.colleague, hours=hours)
    with pytest.raises(ActRefused, match="open to you"):
        _ask(as_actor, cast.owner)
    for actor in (cast.administrator, cast.auditor):
        with pytest.raises(NotFound):
            _ask(as_actor, actor)
    for number in range(3):
        _ask(as_actor, cast.colleague, f"AV-TRY-{number}")
    with pytest.raises(ActRefused, match="wait for a supervisor"):
        _ask(as_actor, cast.colleague)


def test_it_ends_early_and_by_a_refusal_nothing_opens(
    cast: Cast, case: Any, supervisor: Actor, as_actor: Behind
) -> None:
    from opencets_web.emergencies.actions import end, refuse

    refused = _ask(as_actor, cast.colleague)
    with as_actor(supervisor):
        refuse(supervisor, refused, "Call me.")
    assert not _opens(as_actor, cast.colleague)
    asked = _ask(as_actor, cast.colleague)
    _confirm(as_actor, supervisor, asked)
    for actor in (cast.owner, cast.outsider):
        with as_actor(actor), pytest.raises(NotFound):
            end(actor, asked)
    with as_actor(cast.colleague):
        end(cast.colleague, asked)
    assert not _opens(as_actor, cast.colleague)


def test_a_third_person_reviews_it_and_may_take_that_back(
    cast: Cast, case: Any, supervisor: Actor, as_actor: Behind, client_for: ClientFor
) -> None:
    from opencets_web.emergencies.actions import review
    from opencets_web.emergencies.models import EmergencyAccess
    from opencets_web.emergencies.queries import list_emergencies

    asked = _ask(as_actor, cast.colleague)
    _confirm(as_actor, supervisor, asked)
    with as_actor(cast.auditor):
        assert [row.id for row in list_emergencies(cast.auditor).to_review] == [asked]
    for actor in (cast.colleague, supervisor, cast.owner, cast.outsider):
        with as_actor(actor), pytest.raises(NotFound):
            review(actor, asked, accepted=True, text="Fine")
    browser = client_for(cast.auditor)
    sent = {"accepted": "0", "review": "The child was known to be safe."}
    assert browser.post(f"/emergencies/{asked}/review/", sent).status_code == 302
    row = EmergencyAccess.objects.get(pk=asked)
    assert (row.accepted, row.review, row.reviewed_by_id) == (False, sent["review"], cast.auditor.officer_id)
    assert browser.post(f"/emergencies/{asked}/review/withdraw/").status_code == 302
    row.refresh_from_db()
    assert (row.accepted, row.reviewed_by_id) == (None, None)


def test_the_supervisor_finds_how_many_wait_beside_the_room(
    cast: Cast, case: Any, supervisor: Actor, as_actor: Behind
) -> None:
    from opencets_web.emergencies.queries import count_waiting

    _ask(as_actor, cast.colleague)
    with as_actor(supervisor):
        assert count_waiting(supervisor) == 1
    assert count_waiting(replace(supervisor, roles=frozenset({"investigator"}))) == 0
