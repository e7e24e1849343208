"""What is overdue is told once: to the officers of the case, then to the supervisors; and a killed worker tells nobody twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from opencets_web.accounts.models import Officer
from opencets_web.audit.models import Act
from opencets_web.cases.models import Case
from opencets_web.policy.actor import Actor
from opencets_web.standards import actions, overdue
from opencets_web.standards.models import Deadline, Notice
from tests.web.conftest import Behind, Cast

Browser = Callable[[Actor | None], Client]


@pytest.fixture
def supervisor(cast: Cast) -> Actor:
    """Avon's supervisor, who works on no case."""
    officer = Officer.objects.create(
        email="supervisor@avon.example.org", display_name="Avon supervisor", agency=cast.avon, roles=["supervisor"]
    )
    cast.officers["supervisor"] = officer
    return Actor.of(officer)


@pytest.fixture
def late(cast: Cast, as_actor: Behind, supervisor: Actor) -> Case:
    """Avon's case whose very high band ran out ten minutes ago; the colleague works on it too."""
    from opencets_web.cases.actions import join_case, open_case

    with as_actor(cast.owner):
        open_case(cast.owner, reference="AV-1", title="Lantern", kind="possession")
        actions.set_band(
            cast.owner, "AV-1", clocks="gb-risk-bands", band="very-high", reason="A child lives there.",
            first_information_at=timezone.now() - timedelta(hours=24, minutes=10),
        )  # fmt: skip
    with as_actor(cast.colleague):
        join_case(cast.colleague, "AV-1")
    return Case.objects.get(reference="AV-1")


def told() -> list[tuple[str, str]]:
    rows = Notice.objects.select_related("officer").order_by("kind", "officer__display_name")
    return [(row.kind, row.officer.display_name) for row in rows]


def test_the_officers_are_told_once_and_the_supervisor_when_it_stays_so(late: Case, cast: Cast, as_job: Behind) -> None:
    now = timezone.now()
    with as_job(None):
        assert overdue.tell_overdue(now) == 1
        assert overdue.tell_overdue(now) == 0
    assert told() == [("overdue", "Avon colleague"), ("overdue", "Avon owner")]
    with as_job(None):
        assert overdue.tell_overdue(now + timedelta(minutes=49)) == 0
        assert overdue.tell_overdue(now + timedelta(minutes=51)) == 1
        assert overdue.tell_overdue(now + timedelta(days=9)) == 0
    assert told()[0] == ("escalated", "Avon supervisor")
    assert len(told()) == 3
    acts = Act.objects.filter(verb__startswith="deadline.").order_by("id")
    assert [(act.verb, act.officer_id, act.holding_id) for act in acts] == [
        ("deadline.overdue", None, late.holding_id), ("deadline.escalated", None, late.holding_id),
    ]  # fmt: skip


@pytest.mark.parametrize("ended", ["met", "paused", "closed", "another band"])
def test_nobody_is_told_of_what_does_not_run(
    late: Case, cast: Cast, as_actor: Behind, as_job: Behind, ended: str
) -> None:
    from opencets_web.cases.actions import close_case

    deadline = Deadline.objects.get()
    assert deadline.clock_id is not None
    with as_actor(cast.owner):
        if ended == "met":
            actions.meet_clock(cast.owner, deadline.clock_id, "Arrested.")
        elif ended == "closed":
            close_case(cast.owner, "AV-1", "Charged.")
        elif ended == "another band":
            actions.set_band(cast.owner, "AV-1", clocks="gb-risk-bands", band="low", reason="He died.")
    if ended == "paused":
        Deadline.objects.update(paused_at=timezone.now())
    with as_job(None):
        assert overdue.tell_overdue() == 0
    assert told() == []


def test_a_run_that_is_cut_off_has_told_nobody_and_the_next_tells_all(late: Case, as_job: Behind) -> None:
    with as_job(None):
        try:
            with transaction.atomic():
                assert overdue.tell_overdue() == 1
                raise ConnectionError("the worker is gone")
        except ConnectionError:
            pass
    assert told() == []
    assert Deadline.objects.get().overdue_at is None
    assert not Act.objects.filter(verb="deadline.overdue").exists()
    with as_job(None):
        assert overdue.tell_overdue() == 1
    assert len(told()) == 2


def test_a_case_with_nobody_on_it_is_told_to_the_supervisor_at_once(
    late: Case, cast: Cast, as_actor: Behind, as_job: Behind
) -> None:
    from opencets_web.cases.actions import leave_case

    for actor in (cast.owner, cast.colleague):
        with as_actor(actor):
            leave_case(actor, "AV-1")
    with as_job(None):
        overdue.tell_overdue()
    assert told() == [("overdue", "Avon supervisor")]


def test_of_a_restricted_case_only_those_with_a_grant_are_told(
    late: Case, cast: Cast, as_actor: Behind, as_job: Behind
) -> None:
    from opencets_web.cases.actions import restrict_case

    with as_actor(cast.owner):
        restrict_case(cast.owner, "AV-1")
    from opencets_web.policy.models import Grant

    Grant.objects.update(granted_at=timezone.now() - timedelta(hours=1))
    with as_job(None):
        overdue.tell_overdue()
        overdue.tell_overdue(timezone.now() + timedelta(days=1))
    assert told() == [("overdue", "Avon owner")]


def test_an_officer_sees_what_they_were_told_and_takes_note(
    late: Case, cast: Cast, client_for: Browser, as_job: Behind
) -> None:
    with as_job(None):
        overdue.tell_overdue()
    browser = client_for(cast.owner)
    assert "overdue by 10 min" in browser.get("/").content.decode()
    notice = Notice.objects.get(officer_id=cast.owner.officer_id)
    assert browser.get(f"/standards/notices/{notice.id}/").headers["Location"] == "/cases/AV-1/standards/"
    for other in (cast.colleague, cast.outsider, cast.administrator):
        assert client_for(other).get(f"/standards/notices/{notice.id}/").status_code == 404
        assert client_for(other).post(f"/standards/notices/{notice.id}/seen/").status_code == 404
    assert "Lantern" not in client_for(cast.outsider).get("/standards/notices/").content.decode()
    assert browser.post(f"/standards/notices/{notice.id}/seen/").status_code == 302
    assert 'aria-label="Overdue"' not in browser.get("/").content.decode()
    assert browser.post(f"/standards/notices/{notice.id}/new/").status_code == 302
    assert 'aria-label="Overdue"' in browser.get("/").content.decode()


def test_a_step_that_is_late_is_told_too_and_done_late_says_by_how_much(
    late: Case, cast: Cast, as_actor: Behind, as_job: Behind, client_for: Browser
) -> None:
    with as_actor(cast.owner):
        actions.apply_checklist(cast.owner, "AV-1", "gb-online-images")
    with as_job(None):
        overdue.tell_overdue()
    steps = set(Deadline.objects.filter(clock=None, overdue_at__isnull=False).values_list("step", flat=True))
    assert steps == {"record-information", "deconflict", "children-at-risk", "risk-assessed"}
    with as_actor(cast.owner):
        actions.mark_step(cast.owner, "AV-1", checklist="gb-online-images", step="deconflict", state="done")
    assert "done 10 min late" in client_for(cast.owner).get("/cases/AV-1/standards/").content.decode()


def test_the_job_is_in_the_pipeline_and_runs_as_nobody(late: Case, as_job: Behind) -> None:
    from procrastinate.contrib.django import app

    with as_job(None):
        app.tasks["tell_overdue"](timestamp=0)
    assert len(told()) == 2
