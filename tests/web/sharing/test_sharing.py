"""Asking, answering, releasing, withdrawing: through the pages, and the worker in between."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from opencets_web.audit.models import Act
from opencets_web.cases.models import Case
from opencets_web.leads.models import Alert, Connection, Pointer
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Grant, Holding
from opencets_web.sharing import actions, carrying
from opencets_web.sharing.models import Asked, Release, Request
from tests.web.conftest import Behind, Cast
from tests.web.leads.worlds import World, working

EMAIL = ("email", "kestrel.marsh@example.org")
Browser = Callable[[Actor | None], Client]


@pytest.fixture
def two(world: World, cast: Cast) -> tuple[Case, Case]:
    """A case of Avon and one of Borders, in which the same address stands."""
    ours, theirs = world.case("AV-1"), world.case("BO-77", cast.outsider)
    world.record(ours, EMAIL)
    world.record(theirs, EMAIL, label="Tweedside suspect")
    world.link(ours)
    world.link(theirs)
    return ours, theirs


def carry(actor: Actor) -> None:
    """What the worker does after a request was made, answered or withdrawn."""
    request_id = Request.objects.latest("asked_at").id
    with working(actor):
        carrying.carry_request(actor, request_id)


def later() -> None:
    """Releases stand in the past: the clock of PostgreSQL stands still within the one transaction of a test."""
    Grant.objects.update(granted_at=timezone.now() - timedelta(hours=1))


def ask(browser: Client, case: Case, purpose: str = "Joint safeguarding of a child") -> Request:
    """Ask through the page, by Avon's owner."""
    pointer = Pointer.objects.get(case=case)
    assert browser.get(f"/pointers/{pointer.id}/ask/").status_code == 200
    answer = browser.post(f"/pointers/{pointer.id}/ask/", {"purpose": purpose})
    assert answer.status_code == 302, answer.content.decode()
    return Request.objects.latest("asked_at")


def test_a_request_is_asked_released_seen_and_withdrawn(
    two: tuple[Case, Case], world: World, cast: Cast, client_for: Browser
) -> None:
    ours, theirs = two
    us, them = client_for(cast.owner), client_for(cast.outsider)
    request = ask(us, ours)
    carry(cast.owner)
    assert "Joint safeguarding of a child" in us.get("/sharing/").content.decode()
    page = them.get("/sharing/").content.decode()
    assert "Joint safeguarding of a child" in page
    assert "Avon owner" in page
    assert "BO-77" in page
    assert "AV-1" not in page
    assert "asks for a release" in them.get("/alerts/").content.decode()
    asked = Asked.objects.get(request_ref=request.id)
    answer = them.post(
        f"/asked/{asked.id}/release/", {"purpose": "Joint inquiry", "level": "read", "days": "30"}, follow=True
    )
    assert "BO-77 is released." in answer.content.decode()
    later()
    carry(cast.outsider)
    world.tell_anew(theirs)
    page = us.get("/sharing/").content.decode()
    assert "Released" in page
    assert "BO-77" in page
    assert "released what you asked for" in us.get("/alerts/").content.decode()
    assert "Tweedside suspect" in us.get("/cases/AV-1/connections/").content.decode()
    release = Release.objects.get()
    answer = them.post(f"/releases/{release.id}/withdraw/", {"reason": "The inquiry ended."}, follow=True)
    assert "The inquiry ended." in answer.content.decode()
    world.tell_anew(theirs)
    assert us.get("/cases/BO-77/").status_code == 404
    page = us.get("/sharing/").content.decode()
    assert "BO-77" not in page
    assert "No longer open to you" in page
    again = them.post(f"/releases/{release.id}/again/", follow=True)
    assert "is released again" in again.content.decode()
    later()
    assert us.get("/cases/BO-77/sharing/").status_code == 200
    latest = Release.objects.latest("released_at")
    assert latest.grant.expires_at == release.grant.expires_at
    them.post(f"/releases/{latest.id}/undo/")
    assert us.get("/cases/BO-77/sharing/").status_code == 404
    verbs = list(
        Act.objects.filter(subject="case:BO-77", verb__startswith="release.")
        .order_by("id")
        .values_list("verb", flat=True)
    )
    assert verbs == ["release.made", "release.withdrawn", "release.made", "release.withdrawn"]


def test_a_declined_request_carries_the_answer_back(two: tuple[Case, Case], cast: Cast, client_for: Browser) -> None:
    us, them = client_for(cast.owner), client_for(cast.outsider)
    request = ask(us, two[0])
    carry(cast.owner)
    asked = Asked.objects.get(request_ref=request.id)
    assert "Decline with a sentence" in refusal(them, f"/asked/{asked.id}/decline/", {"answer": " "})
    them.post(f"/asked/{asked.id}/decline/", {"answer": "A court has sealed it."})
    carry(cast.outsider)
    page = us.get("/cases/AV-1/sharing/").content.decode()
    assert "A court has sealed it." in page
    assert "declined your request" in us.get("/alerts/").content.decode()
    assert "answered or withdrawn already" in refusal(them, f"/asked/{asked.id}/decline/", {"answer": "Once more"})
    ask(us, two[0], "Asked again with a warrant")


def test_a_withdrawn_request_is_withdrawn_on_both_sides_and_can_be_asked_again(
    two: tuple[Case, Case], cast: Cast, client_for: Browser
) -> None:
    us, them = client_for(cast.owner), client_for(cast.outsider)
    request = ask(us, two[0])
    carry(cast.owner)
    us.post(f"/requests/{request.id}/withdraw/")
    with working(cast.owner):
        carrying.carry_request(cast.owner, request.id)
    assert "Withdrawn by the asker" in them.get("/sharing/").content.decode()
    asked = Asked.objects.get(request_ref=request.id)
    assert "already" in refusal(them, f"/asked/{asked.id}/release/", {"purpose": "x", "level": "read", "days": "7"})
    assert not Grant.objects.exists()
    assert "answered already" in refusal(us, f"/requests/{request.id}/withdraw/", {})
    us.post(f"/requests/{request.id}/again/")
    assert Request.objects.filter(state="asked").count() == 1
    assert "withdrawn is asked again" in refusal(us, f"/requests/{Request.objects.get(state='asked').id}/again/", {})


def refusal(browser: Client, path: str, given: dict[str, str]) -> str:
    """The sentence of a refused act."""
    answer = browser.post(path, given, headers={"accept": "application/json"})
    assert answer.status_code == 409, answer.status_code
    return str(answer.json()["sentence"])


def test_a_second_request_waits_for_the_first(two: tuple[Case, Case], cast: Cast, client_for: Browser) -> None:
    us = client_for(cast.owner)
    request = ask(us, two[0])
    page = us.get(f"/pointers/{request.pointer_id}/ask/").content.decode()
    assert "You asked already" in page
    answer = us.post(f"/pointers/{request.pointer_id}/ask/", {"purpose": "Once more"})
    assert answer.status_code == 422
    assert Request.objects.count() == 1


def test_an_owner_who_closed_the_way_is_not_asked(two: tuple[Case, Case], cast: Cast, client_for: Browser) -> None:
    ours, theirs = two
    us = client_for(cast.owner)
    ask(us, ours)
    Holding.objects.filter(pk=theirs.holding_id).update(disclosure="pointer")
    carry(cast.owner)
    assert not Asked.objects.exists()
    assert "cannot be asked for here any more" in us.get("/cases/AV-1/sharing/").content.decode()
    carry(cast.owner)
    assert Alert.objects.filter(kind="release").count() == 1


def test_a_pointer_that_lets_only_be_called_takes_no_request(
    two: tuple[Case, Case], world: World, cast: Cast, client_for: Browser
) -> None:
    ours, theirs = two
    Holding.objects.filter(pk=theirs.holding_id).update(disclosure="pointer")
    world.tell_anew(theirs)
    us, pointer = client_for(cast.owner), Pointer.objects.get(case=ours)
    page = us.get(f"/pointers/{pointer.id}/ask/").content.decode()
    assert "lets you call, not request" in page
    assert "+442079460999" in page
    answer = us.post(f"/pointers/{pointer.id}/ask/", {"purpose": "Anyway"})
    assert answer.status_code == 422
    assert not Request.objects.exists()


def test_a_release_names_purpose_days_and_conditions(world: World, cast: Cast, client_for: Browser) -> None:
    case = world.case("AV-1")
    Holding.objects.filter(pk=case.holding_id).update(handling="C", conditions="Ask Avon before any arrest.")
    browser = client_for(cast.owner)
    page = browser.get("/cases/AV-1/sharing/").content.decode()
    assert "Handling code C: it may be shared under conditions: Ask Avon before any arrest." in page
    given = {"agency": str(cast.borders.id), "purpose": "Joint inquiry", "level": "contribute", "days": "7"}
    assert browser.post("/cases/AV-1/sharing/", given).status_code == 422
    assert browser.post("/cases/AV-1/sharing/", {**given, "kept": "on", "days": "9999"}).status_code == 422
    assert browser.post("/cases/AV-1/sharing/", {**given, "kept": "on", "agency": str(cast.avon.id)}).status_code == 422
    assert browser.post("/cases/AV-1/sharing/", {**given, "kept": "on"}).status_code == 302
    grant = Grant.objects.get()
    assert (grant.level, grant.purpose) == ("contribute", "Joint inquiry")
    assert grant.expires_at - grant.granted_at == timedelta(days=7)
    twice = browser.post("/cases/AV-1/sharing/", {**given, "kept": "on"})
    assert "released to that agency already" in twice.content.decode()
    assert "withdrawn with a reason" in refusal(
        browser, f"/releases/{Release.objects.get().id}/withdraw/", {"reason": ""}
    )


def test_a_partner_sees_its_own_release_and_may_not_pass_the_case_on(
    world: World, cast: Cast, third: Actor, client_for: Browser, as_actor: Behind
) -> None:
    case = world.case("AV-1")
    with as_actor(cast.owner):
        actions.release(cast.owner, "AV-1", cast.borders.id, purpose="For Borders", level="contribute")
        actions.release(cast.owner, "AV-1", third.agency_id, purpose="For Cumbria")
    later()
    browser = client_for(cast.outsider)
    page = browser.get("/cases/AV-1/sharing/").content.decode()
    assert "For Borders" in page
    assert "For Cumbria" not in page
    assert "Release the case" not in page
    given = {"agency": str(third.agency_id), "purpose": "Passing on", "level": "read", "days": "7"}
    assert browser.post("/cases/AV-1/sharing/", given).status_code in (404, 422)
    assert Grant.objects.filter(holding=case.holding).count() == 2
    for made in Release.objects.all():
        assert browser.post(f"/releases/{made.id}/withdraw/", {"reason": "Mine"}).status_code == 404
        assert browser.post(f"/releases/{made.id}/undo/").status_code == 404


@pytest.fixture
def third(world: World) -> Actor:
    """An investigator of a third agency."""
    return world.agency("Cumbria")[1]


# --- Doors ----------------------------------------------------------------------------------------


def addresses(ours: Case) -> dict[str, tuple[str, dict[str, str]]]:
    """Every address of both rooms that stands on Avon's case, with what a POST needs; an empty one is looked at."""
    alert = Alert.objects.filter(case=ours).latest("raised_at")
    request = Request.objects.get(case=ours)
    release = Release.objects.get(case=ours)
    asked = Asked.objects.get(case=ours)
    return {
        "connections": (f"/cases/{ours.reference}/connections/", {}),
        "sharing": (f"/cases/{ours.reference}/sharing/", {}),
        "ask": (f"/pointers/{request.pointer_id}/ask/", {}),
        "ask-post": (f"/pointers/{request.pointer_id}/ask/", {"purpose": "x"}),
        "accept": (f"/alerts/{alert.id}/accept/", {"next": "/"}),
        "dismiss": (f"/alerts/{alert.id}/dismiss/", {"reason": "x"}),
        "reopen": (f"/alerts/{alert.id}/reopen/", {"next": "/"}),
        "request-withdraw": (f"/requests/{request.id}/withdraw/", {"next": "/"}),
        "request-again": (f"/requests/{request.id}/again/", {"next": "/"}),
        "decline": (f"/asked/{asked.id}/decline/", {"answer": "x"}),
        "asked-release": (f"/asked/{asked.id}/release/", {"purpose": "x", "level": "read", "days": "7"}),
        "release": (f"/cases/{ours.reference}/sharing/",
                    {"agency": str(release.to_agency_id), "purpose": "x", "level": "read", "days": "7"}),
        "release-withdraw": (f"/releases/{release.id}/withdraw/", {"reason": "x"}),
        "release-undo": (f"/releases/{release.id}/undo/", {"next": "/"}),
        "release-again": (f"/releases/{release.id}/again/", {"next": "/"}),
    }  # fmt: skip


@pytest.fixture
def busy(two: tuple[Case, Case], world: World, cast: Cast, third: Actor) -> Case:
    """Avon's case with one of everything: a request, something asked of it, a release to a third agency, alerts."""
    ours, theirs = two
    for actor, case in ((cast.owner, ours), (cast.outsider, theirs)):
        with working(actor):
            actions.ask(actor, Pointer.objects.get(case=case).id, "For a purpose")
            carrying.carry_request(actor, Request.objects.get(case=case).id)
    with working(cast.owner):
        pass
    now = timezone.now()
    grant = Grant.objects.create(
        holding=ours.holding, agency=cast.avon, to_agency_id=third.agency_id, purpose="x", granted_by_id=cast.owner.officer_id,
        granted_at=now - timedelta(days=9), expires_at=now - timedelta(days=8),
    )  # fmt: skip
    Release.objects.create(
        holding=ours.holding, agency=cast.avon, case=ours, grant=grant, to_agency_id=third.agency_id, purpose="x",
        released_by_id=cast.owner.officer_id, released_at=now - timedelta(days=9),
    )  # fmt: skip
    return ours


@pytest.mark.parametrize("who", ["outsider", "third", "administrator", "auditor"])
def test_every_address_is_not_there_for_those_without_a_grant(
    busy: Case, cast: Cast, third: Actor, client_for: Browser, who: str
) -> None:
    """The third agency's release has expired: it counts as none."""
    browser = client_for(third if who == "third" else getattr(cast, who))
    for name, (path, given) in addresses(busy).items():
        answer = browser.post(path, given) if given else browser.get(path)
        assert answer.status_code == 404, name
    for row in Connection.objects.all():
        assert browser.get(f"/connections/{row.id}/").status_code == 404


def test_nobody_is_let_in_without_signing_in(busy: Case, client_for: Browser) -> None:
    browser = client_for(None)
    queue = {"alerts": ("/alerts/", {}), "list": ("/sharing/", {})}
    for name, (path, given) in {**addresses(busy), **queue}.items():  # type: ignore[dict-item]
        answer = browser.post(path, given) if given else browser.get(path)
        assert (answer.status_code, answer.headers["Location"].startswith("/account/")) == (302, True), name


@pytest.mark.parametrize("who", ["outsider", "third", "administrator", "auditor"])
def test_the_lists_show_others_nothing_of_it(
    busy: Case, cast: Cast, third: Actor, client_for: Browser, who: str
) -> None:
    browser = client_for(third if who == "third" else getattr(cast, who))
    for path in (
        "/alerts/?state=any",
        "/sharing/",
        "/sharing/?show=of-us",
        "/sharing/?show=received",
        "/sharing/?show=released",
    ):
        answer = browser.get(path)
        assert answer.status_code == 200
        assert "AV-1" not in answer.content.decode(), path


def test_a_granted_partner_reads_and_changes_nothing(busy: Case, world: World, cast: Cast, client_for: Browser) -> None:
    world.grant(busy, cast.borders)
    browser = client_for(cast.outsider)
    open_to = {name: browser.post(path, given).status_code if given else browser.get(path).status_code
               for name, (path, given) in addresses(busy).items()}  # fmt: skip
    assert {name for name, status in open_to.items() if status == 200} == {"connections", "sharing"}
    assert {status for name, status in open_to.items() if name not in ("connections", "sharing", "release")} == {404}
    assert open_to["release"] == 404


def test_a_colleague_may_do_what_the_owner_may(busy: Case, cast: Cast, client_for: Browser) -> None:
    browser = client_for(cast.colleague)
    for name in ("connections", "sharing", "ask"):
        assert browser.get(addresses(busy)[name][0]).status_code == 200
    there = addresses(busy)
    for name in ("accept", "reopen", "dismiss", "request-withdraw", "request-again", "asked-release"):
        path, given = there[name]
        assert browser.post(path, given).status_code == 302, name


def test_each_page_asks_few_questions_however_much_there_is(
    busy: Case, world: World, cast: Cast, client_for: Browser
) -> None:
    for number in range(12):
        other = world.case(f"AV-9{number}")
        world.record(other, ("phone", f"+4477009001{number:02}"))
        world.record(busy, ("phone", f"+4477009001{number:02}"))
        world.link(other)
        world.grant(other, cast.borders)
    world.link(busy)
    browser = client_for(cast.owner)
    row = Connection.objects.filter(retired_at=None, left_agency=cast.avon, right_agency=cast.avon)[0]
    pointer = Pointer.objects.filter(case=busy)[0]
    for path in ("/alerts/", "/sharing/", "/sharing/?show=released", "/cases/AV-1/connections/", "/cases/AV-1/sharing/",
                 f"/connections/{row.id}/", f"/pointers/{pointer.id}/ask/"):  # fmt: skip
        browser.get(path)
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert browser.get(path).status_code == 200
        assert len(asked) <= 27, (path, len(asked))  # two of them are the test's own change of role


def test_the_words_of_a_purpose_are_text(two: tuple[Case, Case], cast: Cast, client_for: Browser) -> None:
    us, them = client_for(cast.owner), client_for(cast.outsider)
    ask(us, two[0], "<script>alert(1)</script>")
    carry(cast.owner)
    for page in (us.get("/sharing/"), them.get("/sharing/"), them.get("/alerts/"), them.get("/cases/BO-77/sharing/")):
        assert re.search(r"<script>alert", page.content.decode()) is None
