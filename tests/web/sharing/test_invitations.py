"""Inviting an agency to a case: it opens once they accept, they decline or leave, the owner withdraws."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.utils import DatabaseError
from django.test import Client
from django.utils import timezone

from opencets_web.audit.models import Act
from opencets_web.cases.models import Case
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Grant
from opencets_web.sharing import carrying
from opencets_web.sharing.models import Release
from tests.web.casework.joint import make_case, refused
from tests.web.conftest import Behind, Cast
from tests.web.leads.worlds import World, working

Browser = Callable[[Actor | None], Client]


@pytest.fixture
def invited(cast: Cast, client_for: Browser) -> Case:
    """Avon's case to which Borders is invited, to contribute for 30 days."""
    case = make_case(cast, "AV-1")
    given = {"agency": str(cast.borders.id), "purpose": "One series, two forces", "level": "contribute", "days": "30"}
    assert client_for(cast.owner).post("/cases/AV-1/invite/", given).status_code == 302
    Grant.objects.update(granted_at=timezone.now() - timedelta(hours=1))
    return case


@pytest.fixture
def third(world: World) -> Actor:
    """An investigator of a third agency."""
    return world.agency("Cumbria")[1]


def carry(actor: Actor) -> None:
    """What the worker does after an invitation was answered."""
    with working(actor):
        carrying.carry_answer(Grant.objects.get().id)


def test_an_invitation_opens_nothing_before_it_is_accepted(
    invited: Case, cast: Cast, client_for: Browser, as_actor: Behind
) -> None:
    them, grant = client_for(cast.outsider), Grant.objects.get()
    assert "One series, two forces" in them.get("/").content.decode()
    page = them.get("/sharing/").content.decode()
    assert "One series, two forces" in page
    assert "AV-1" not in page
    assert them.get("/cases/AV-1/").status_code == 404
    with as_actor(cast.outsider):
        assert not Case.objects.exists()
    assert them.post(f"/invitations/{grant.id}/accept/").status_code == 302
    assert them.get("/cases/AV-1/").status_code == 200
    assert "invited your agency (contribute)" in them.get("/cases/AV-1/").content.decode()
    carry(cast.outsider)
    us = client_for(cast.owner)
    assert "accepted your invitation" in us.get("/alerts/").content.decode()
    assert "Taking part" in us.get("/cases/AV-1/sharing/").content.decode()
    assert "already" in refused(them, f"/invitations/{grant.id}/accept/")


def test_declining_leaving_and_coming_back_each_with_a_reason(invited: Case, cast: Cast, client_for: Browser) -> None:
    us, them, grant = client_for(cast.owner), client_for(cast.outsider), Grant.objects.get()
    assert "Decline with a sentence" in refused(them, f"/invitations/{grant.id}/decline/")
    them.post(f"/invitations/{grant.id}/decline/", {"reason": "No officer is free"})
    carry(cast.outsider)
    assert "No officer is free" in us.get("/cases/AV-1/sharing/").content.decode()
    them.post(f"/invitations/{grant.id}/reconsider/")
    them.post(f"/invitations/{grant.id}/accept/")
    assert "Leave with a sentence" in refused(them, f"/invitations/{grant.id}/leave/")
    assert "Leave the case" in them.get("/cases/AV-1/sharing/").content.decode()
    them.post(f"/invitations/{grant.id}/leave/", {"reason": "Our part is done"})
    assert them.get("/cases/AV-1/").status_code == 404
    assert "Our part is done" in us.get("/cases/AV-1/sharing/").content.decode()
    them.post(f"/invitations/{grant.id}/accept/")
    assert them.get("/cases/AV-1/").status_code == 200
    them.post(f"/invitations/{grant.id}/undo/")
    assert them.get("/cases/AV-1/").status_code == 404
    acts = Act.objects.filter(verb__startswith="invitation.").order_by("id").values_list("verb", flat=True)
    assert [verb.partition(".")[2] for verb in acts] == [
        "made", "declined", "reconsidered", "accepted", "left", "accepted", "left",
    ]  # fmt: skip


def test_the_owner_withdraws_and_nothing_is_accepted_after_that(invited: Case, cast: Cast, client_for: Browser) -> None:
    us, them, grant = client_for(cast.owner), client_for(cast.outsider), Grant.objects.get()
    us.post(f"/releases/{Release.objects.get().id}/withdraw/", {"reason": "Sent to the wrong force"})
    assert "withdrawn or is over" in refused(them, f"/invitations/{grant.id}/accept/")
    assert "Withdrawn by them" in them.get("/sharing/").content.decode()
    assert "One series" not in them.get("/").content.decode()
    us.post(f"/releases/{Release.objects.get().id}/again/")
    again = Grant.objects.exclude(pk=grant.pk).get()
    assert (again.state, again.invited) == ("invited", True)


def test_an_invitation_that_is_over_is_not_accepted(invited: Case, cast: Cast, client_for: Browser) -> None:
    Grant.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    them = client_for(cast.outsider)
    assert "is over" in refused(them, f"/invitations/{Grant.objects.get().id}/accept/")


def test_nobody_answers_for_another_agency(third: Actor, invited: Case, cast: Cast, client_for: Browser) -> None:
    grant = Grant.objects.get()
    for actor in (cast.owner, cast.colleague, cast.administrator, cast.auditor, third):
        browser = client_for(actor)
        for act in ("accept", "decline", "undo"):
            assert browser.post(f"/invitations/{grant.id}/{act}/", {"reason": "Mine"}).status_code == 404, act
    grant.refresh_from_db()
    assert grant.state == "invited"


@pytest.mark.parametrize(
    "change",
    [
        {"level": "manage"}, {"expires_at": timezone.now() + timedelta(days=900)}, {"purpose": "Another"},
        {"state": "open"}, {"invited": False},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_the_wall_lets_the_invited_write_their_answer_and_nothing_else(
    invited: Case, cast: Cast, as_actor: Behind, change: dict[str, object]
) -> None:
    """By SQL alone: an acceptance names the officer who gives it, and changes neither level nor end."""
    with as_actor(cast.outsider), pytest.raises(DatabaseError, match="answered by the agency"), transaction.atomic():
        Grant.objects.update(**change)
    with as_actor(cast.outsider):
        answered = {"state": "open", "answered_by_id": cast.outsider.officer_id, "answered_at": timezone.now()}
        assert Grant.objects.update(**answered) == 1


def test_the_wall_lets_no_owner_accept_for_the_invited(invited: Case, cast: Cast, as_actor: Behind) -> None:
    with as_actor(cast.owner), pytest.raises(DatabaseError, match="answered by the agency"), transaction.atomic():
        Grant.objects.update(state="open", answered_by_id=cast.owner.officer_id)


def test_a_partner_does_not_read_to_whom_else_the_case_is_open(
    invited: Case, third: Actor, cast: Cast, client_for: Browser, as_actor: Behind
) -> None:
    them, grant = client_for(cast.outsider), Grant.objects.get()
    given = {"agency": str(third.agency_id), "purpose": "Cumbria too", "level": "read", "days": "7"}
    client_for(cast.owner).post("/cases/AV-1/invite/", given)
    them.post(f"/invitations/{grant.id}/accept/")
    assert "Cumbria" not in them.get("/cases/AV-1/sharing/").content.decode()
    with as_actor(cast.outsider):
        assert Grant.objects.count() == 1
