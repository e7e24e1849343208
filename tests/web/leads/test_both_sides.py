"""Who is told what of a connection between agencies, before a release, after it, and after its end."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models import BooleanField, F, Func
from django.test import Client
from django.utils import timezone

from opencets_web.accounts.models import Agency
from opencets_web.audit.models import Act
from opencets_web.cases.models import Case
from opencets_web.desk import following
from opencets_web.evidence.models import Exhibit
from opencets_web.leads import queries
from opencets_web.leads.models import Alert, Connection, Pointer
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Grant, Holding
from tests.web.conftest import Behind, Cast
from tests.web.leads.worlds import World

EMAIL = ("email", "kestrel.marsh@example.org")
Browser = Callable[[Actor | None], Client]


@pytest.fixture
def two(world: World, cast: Cast) -> tuple[Case, Case]:
    """A case of Avon and one of Borders, in which the same address stands."""
    ours, theirs = world.case("AV-1"), world.case("BO-77", cast.outsider)
    world.record(ours, EMAIL, label="Avonside contact")
    world.record(theirs, EMAIL, label="Tweedside suspect")
    world.link(ours)
    world.link(theirs)
    return ours, theirs


@pytest.fixture
def partner(world: World) -> Actor:
    """An investigator of a third agency."""
    return world.agency("Cumbria")[1]


def pages_of(browser: Client, case: str) -> str:
    """Everything that the pages of both rooms show of a case, and the queue."""
    paths = ("/alerts/", "/alerts/?state=any", f"/cases/{case}/connections/", "/sharing/", f"/cases/{case}/sharing/",
             f"/cases/{case}/access/")  # fmt: skip
    return "".join(browser.get(path).content.decode() for path in paths)


SECRET = ("BO-77", "Tweedside", "Title of BO-77", "kestrel", "same e-mail")


def test_each_side_learns_whom_to_call_and_nothing_else(
    two: tuple[Case, Case], cast: Cast, client_for: Browser, as_actor: Behind
) -> None:
    shown = pages_of(client_for(cast.owner), "AV-1")
    assert "Borders Police" in shown
    assert "+442079460999" in shown
    assert "Borders desk" in shown
    assert [word for word in SECRET if word in shown] == []
    shown = pages_of(client_for(cast.outsider), "BO-77")
    assert "Avon Constabulary" in shown
    assert "+442079460000" in shown
    assert [word for word in ("AV-1", "Avonside", "kestrel") if word in shown] == []
    for actor, secrets in (
        (cast.owner, ("BO-77", "Tweedside", "kestrel")),
        (cast.outsider, ("AV-1", "Avonside", "kestrel")),
    ):
        with as_actor(actor):
            written = repr([list(model.objects.values()) for model in (Alert, Pointer, Connection, Act)])
        assert [word for word in secrets if word in written] == []
        assert str(Connection.objects.get().id) not in written


def test_a_release_turns_the_pointer_into_the_connection_and_its_end_turns_it_back(
    two: tuple[Case, Case], world: World, cast: Cast, client_for: Browser
) -> None:
    _ours, theirs = two
    browser = client_for(cast.owner)
    grant = world.grant(theirs, cast.avon)
    assert world.tell_anew(theirs) == 1  # Avon; Borders sees no more than before
    assert world.tell_anew(theirs) == 0
    page = browser.get("/cases/AV-1/connections/").content.decode()
    assert "BO-77" in page
    assert "Tweedside suspect" in page
    assert "Borders desk" not in page
    queue = browser.get("/alerts/").content.decode()
    assert "Tweedside suspect" in queue
    assert "Call Borders desk" not in queue
    assert browser.get(f"/connections/{Connection.objects.get().id}/").status_code == 200
    assert "BO-77" not in client_for(cast.outsider).get("/alerts/").content.decode().replace(
        'href="/cases/BO-77/"', ""
    ).replace(">BO-77<", "").replace("/cases/BO-77/connections/", "")
    Grant.objects.filter(pk=grant.pk).update(withdrawn_at=timezone.now())
    assert world.tell_anew(theirs) == 0
    shown = pages_of(browser, "AV-1")
    assert "Borders desk" in shown
    assert [word for word in SECRET if word in shown] == []
    assert browser.get(f"/connections/{Connection.objects.get().id}/").status_code == 404


def test_asking_for_all_hidden_pointers_at_once_gives_what_asking_for_each_gives(
    two: tuple[Case, Case], world: World, cast: Cast, partner: Actor, as_actor: Behind
) -> None:
    """``app_pointer_hidden`` is the plain version of ``app_hidden_pointers``."""
    _ours, theirs = two

    def found(actor: Actor) -> tuple[int, int]:
        each = Func(F("id"), function="app_pointer_hidden", output_field=BooleanField())
        with as_actor(actor):
            plain = set(Pointer.objects.filter(agency_id=actor.agency_id).annotate(h=each).filter(h=True))
            assert plain == set(queries.standing_pointers(actor))
            return len(plain), Pointer.objects.count()

    assert found(cast.owner) == found(cast.outsider) == (1, 1)
    assert found(partner) == found(cast.administrator) == (0, 0)
    grant = world.grant(theirs, cast.avon)
    assert found(cast.owner)[0] == 0
    assert found(cast.outsider)[0] == 1
    Grant.objects.filter(pk=grant.pk).update(withdrawn_at=timezone.now())
    assert found(cast.owner)[0] == 1


def test_a_release_that_expires_by_itself_needs_no_job(
    two: tuple[Case, Case], world: World, cast: Cast, client_for: Browser
) -> None:
    _, theirs = two
    browser = client_for(cast.owner)
    grant = world.grant(theirs, cast.avon)
    world.tell_anew(theirs)
    assert "Tweedside" in pages_of(browser, "AV-1")
    Grant.objects.filter(pk=grant.pk).update(expires_at=timezone.now() - timedelta(days=1))
    shown = pages_of(browser, "AV-1")
    assert [word for word in SECRET if word in shown] == []
    assert "Borders desk" in shown


def test_a_pointer_stands_ready_for_the_day_on_which_an_early_release_ends(
    world: World, cast: Cast, client_for: Browser
) -> None:
    ours, theirs = world.case("AV-1"), world.case("BO-77", cast.outsider)
    world.record(ours, EMAIL)
    world.record(theirs, EMAIL)
    grant = world.grant(theirs, cast.avon)
    world.link(theirs)
    world.link(ours)
    assert "Borders desk" not in pages_of(client_for(cast.owner), "AV-1")
    Grant.objects.filter(pk=grant.pk).update(expires_at=timezone.now() - timedelta(days=1))
    assert "Borders desk" in pages_of(client_for(cast.owner), "AV-1")


@pytest.mark.parametrize(
    ("disclosure", "told", "may_ask"), [("open", True, True), ("pointer", True, False), ("silent", False, False)]
)
def test_what_the_other_side_learns_is_what_the_owner_says(
    world: World, cast: Cast, client_for: Browser, disclosure: str, told: bool, may_ask: bool
) -> None:
    ours, theirs = world.case("AV-1"), world.case("BO-77", cast.outsider, disclosure=disclosure)
    world.record(ours, EMAIL)
    world.record(theirs, EMAIL)
    world.link(ours)
    world.link(theirs)
    shown = client_for(cast.owner).get("/cases/AV-1/connections/").content.decode()
    assert ("Borders desk" in shown) is told
    assert ("Ask for a release" in shown) is may_ask
    assert Alert.objects.filter(case=ours).exists() is told
    assert "Avon control room" in client_for(cast.outsider).get("/cases/BO-77/connections/").content.decode()
    with_silence = [act for act in Act.objects.filter(agency_id=cast.avon.id) if act.verb == "connection.found"]
    assert all("cases_searched" not in act.details for act in with_silence)


def test_an_owner_who_turns_silent_takes_the_pointer_back(
    two: tuple[Case, Case], world: World, cast: Cast, client_for: Browser
) -> None:
    _, theirs = two
    Holding.objects.filter(pk=theirs.holding_id).update(disclosure="silent")
    world.tell_anew(theirs)
    assert "Borders desk" not in pages_of(client_for(cast.owner), "AV-1")
    Holding.objects.filter(pk=theirs.holding_id).update(disclosure="pointer")
    world.tell_anew(theirs)
    shown = client_for(cast.owner).get("/cases/AV-1/connections/").content.decode()
    assert "Borders desk" in shown
    assert "Ask for a release" not in shown


def test_a_third_agency_in_between_hides_the_way_until_it_releases_too(
    world: World, cast: Cast, client_for: Browser
) -> None:
    _cumbria, in_between = world.agency("Cumbria")
    ours, middle, theirs = world.case("AV-1"), world.case("CU-9", in_between), world.case("BO-77", cast.outsider)
    world.record(ours, EMAIL)
    world.record(middle, EMAIL, ("phone", "+447700900123"), label="Eskdale link")
    world.record(theirs, ("phone", "+447700900123"))
    for case in (ours, middle, theirs):
        world.link(case)
    far = Connection.objects.get(left_case__in=[ours, theirs], right_case__in=[ours, theirs])
    assert far.through == [middle.holding_id]
    browser = client_for(cast.owner)
    world.grant(theirs, cast.avon)
    world.tell_anew(theirs)
    shown = pages_of(browser, "AV-1")
    assert "Eskdale" not in shown
    assert "BO-77" not in shown.split("Released to you")[0]
    assert "Cumbria desk" in shown
    assert "Borders desk" not in shown
    assert browser.get(f"/connections/{far.id}/").status_code == 404
    world.grant(middle, cast.avon)
    world.tell_anew(middle)
    shown = pages_of(browser, "AV-1")
    assert "Eskdale link" in shown
    assert "Cumbria desk" not in shown
    assert browser.get(f"/connections/{far.id}/").status_code == 200


def test_a_partner_on_our_case_does_not_learn_whom_we_were_pointed_to(
    two: tuple[Case, Case], world: World, partner: Actor, client_for: Browser
) -> None:
    ours, _ = two
    world.grant(ours, Agency.objects.get(pk=partner.agency_id))
    shown = pages_of(client_for(partner), "AV-1")
    assert "AV-1" in shown
    assert "Borders" not in shown


def test_an_alert_is_told_once_and_its_strength_kept_current(
    two: tuple[Case, Case], world: World, cast: Cast, as_actor: Behind
) -> None:
    ours, theirs = two
    world.grant(theirs, cast.avon)
    world.tell_anew(theirs)
    with as_actor(cast.owner):
        before = next(row for row in queries.list_alerts(cast.owner).rows if row.kind == "connection")
    world.record(ours, ("iban", "GB33BUKB20201555555555"))
    world.exhibit(theirs, "EX-2")
    world.record(theirs, ("iban", "GB33BUKB20201555555555"), exhibit="EX-2")
    world.link(ours)
    assert world.link(theirs, "EX-2") == 0
    with as_actor(cast.owner):
        after = [row for row in queries.list_alerts(cast.owner).rows if row.kind == "connection"]
    assert [row.id for row in after] == [before.id]
    assert after[0].strength > before.strength
    assert Alert.objects.get(pk=before.id).sentence == "This case connects to another case."


def test_an_alert_of_what_an_officer_may_not_see_is_theirs_neither_to_count_nor_to_decide(
    world: World, cast: Cast, client_for: Browser, as_actor: Behind
) -> None:
    ours, closed = world.case("AV-1"), world.case("AV-R", cast.colleague, restricted=True)
    Grant.objects.create(
        holding_id=closed.holding_id, agency_id=closed.agency_id, to_officer_id=cast.colleague.officer_id, level="manage",
        purpose="Theirs alone", granted_by_id=cast.colleague.officer_id, granted_at=timezone.now() - timedelta(days=1),
        expires_at=timezone.now() + timedelta(days=9),
    )  # fmt: skip
    for case in (ours, closed):
        world.record(case, EMAIL)
    for case in (ours, closed):
        world.link(case)
    alert = Alert.objects.get(case=ours)
    exhibit = Exhibit.objects.get(case=ours)
    with as_actor(cast.owner):
        told = following.get_summary(cast.owner, exhibit.id)
        assert (told.alerts, told.connections) == (0, 0)
    browser = client_for(cast.owner)
    assert browser.post(f"/alerts/{alert.id}/accept/").status_code == 404
    ours_told = Act.objects.filter(verb="connection.found", holding_id=ours.holding_id)
    assert {json.loads(act.details)["alerts"] for act in ours_told} == {0}
    with as_actor(cast.colleague):
        assert {row.case for row in queries.list_alerts(cast.colleague).rows} == {"AV-1", "AV-R"}


def test_a_way_through_a_case_that_is_closed_to_us_points_nowhere(
    world: World, cast: Cast, client_for: Browser, as_actor: Behind
) -> None:
    ours, theirs = world.case("AV-1"), world.case("BO-77", cast.outsider)
    closed = world.case("AV-R", restricted=True)
    world.record(ours, EMAIL)
    world.record(closed, EMAIL, ("phone", "+447700900123"))
    world.record(theirs, ("phone", "+447700900123"))
    Holding.objects.filter(pk=closed.holding_id).update(restricted=False)
    for case in (ours, closed):
        world.link(case)
    Holding.objects.filter(pk=closed.holding_id).update(restricted=True)
    world.link(theirs)
    assert Connection.objects.filter(left_case=ours, right_case=theirs, retired_at=None).exists()
    assert list(Pointer.objects.filter(retired_at=None, agency_id=cast.avon.id).values_list("case", flat=True)) == [
        closed.id
    ]
    assert "Borders desk" not in pages_of(client_for(cast.owner), "AV-1")


def test_every_owner_on_a_connection_sees_who_looked(
    two: tuple[Case, Case], world: World, cast: Cast, client_for: Browser
) -> None:
    ours, theirs = two
    world.grant(theirs, cast.avon)
    browser = client_for(cast.owner)
    browser.get("/cases/AV-1/connections/")
    browser.get(f"/connections/{Connection.objects.get().id}/")
    for verb in ("connections.viewed", "connection.viewed"):
        assert set(Act.objects.filter(verb=verb).values_list("holding_id", flat=True)) == {
            ours.holding_id,
            theirs.holding_id,
        }
    assert not Act.objects.filter(
        holding_id=theirs.holding_id, subject__contains="AV-1", verb__startswith="connection"
    ).exists()
