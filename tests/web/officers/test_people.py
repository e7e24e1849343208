"""The people of an agency: invited, changed, certified, covered, reviewed, and gone."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.house.small_case import REFERENCE, SmallCase, make_small_case
from tests.web.conftest import signed

if TYPE_CHECKING:
    from django.test import Client

    from opencets_web.policy.actor import Actor
    from tests.web.conftest import Behind, Cast

    Browser = Callable[[Actor | None], Client]

NEWCOMER = {"email": "iva.marsh@avon.example.org", "display_name": "DC Iva Marsh", "roles": ["investigator"]}
PASSWORD = "a long enough sentence"


@pytest.fixture
def made(cast: Cast) -> SmallCase:
    return make_small_case(cast)


def _link(text: str) -> str:
    found = re.search(r"/account/invitation/[\w-]+/", text)
    assert found, text
    return found[0]


def _officer(actor: Actor) -> Any:
    from opencets_web.accounts.models import Officer

    return Officer.objects.get(pk=actor.officer_id)


def _status(browser: Client, path: str) -> int:
    """What is answered, with a file that is sent read to its end."""
    answer = browser.get(signed(browser, path))
    if answer.streaming:
        b"".join(answer.streaming_content)  # type: ignore[arg-type]
    return answer.status_code


def test_an_invitation_makes_one_account_once(cast: Cast, client_for: Browser) -> None:
    from opencets_web.accounts.models import Officer
    from opencets_web.officers.models import Invitation

    administrator, anyone = client_for(cast.administrator), client_for(None)
    link = _link(administrator.post("/officers/invite/", NEWCOMER).content.decode())
    assert link.split("/")[-2] not in str(Invitation.objects.values()), "the token itself is kept nowhere"
    assert "is invited already" in administrator.post("/officers/invite/", NEWCOMER).content.decode()
    assert "DC Iva Marsh" in anyone.get(link).content.decode()
    assert anyone.post(link, {"password": "short", "again": "short"}).status_code == 422
    assert anyone.post(link, {"password": PASSWORD, "again": PASSWORD}).headers["Location"] == "/account/login/"
    officer = Officer.objects.get(email=NEWCOMER["email"])
    assert (officer.agency, officer.roles, officer.check_password(PASSWORD)) == (cast.avon, ["investigator"], True)
    assert anyone.get(link).status_code == 404
    signed_in = anyone.post("/account/login/", {"login": officer.email, "password": PASSWORD})
    assert signed_in.status_code == 302
    assert anyone.get("/cases/").headers["Location"] == "/account/me/", "a second factor first"


def test_a_withdrawn_or_old_invitation_opens_nothing(cast: Cast, client_for: Browser) -> None:
    from opencets_web.officers.models import Invitation

    administrator, anyone = client_for(cast.administrator), client_for(None)
    link = _link(administrator.post("/officers/invite/", NEWCOMER).content.decode())
    row = Invitation.objects.get()
    row.expires_at = row.invited_at - timedelta(days=1)
    row.save()
    assert anyone.post(link, {"password": PASSWORD, "again": PASSWORD}).status_code == 404
    administrator.post(f"/officers/invitations/{row.pk}/withdraw/")
    again = _link(administrator.post("/officers/invite/", NEWCOMER).content.decode())
    administrator.post(f"/officers/invitations/{Invitation.objects.latest('invited_at').pk}/withdraw/")
    assert anyone.get(again).status_code == 404


@pytest.mark.parametrize("name", ["owner", "outsider", "auditor"])
def test_nobody_else_finds_the_room(cast: Cast, made: SmallCase, client_for: Browser, name: str) -> None:
    browser = client_for(getattr(cast, name))
    for path in ("", "invite/", "agency/", "review/", "unassigned/", f"{made.id_of('officer')}/"):
        assert browser.get(f"/officers/{path}").status_code == 404, path


def test_an_administrator_changes_colleagues_and_not_their_own_roles(
    cast: Cast, made: SmallCase, client_for: Browser
) -> None:
    browser, given = client_for(cast.administrator), {"display_name": "DS Colleague", "roles": ["analyst", "reviewer"]}
    assert browser.post(f"/officers/{made.id_of('officer')}/change/", given).status_code == 302
    assert _officer(cast.colleague).roles == ["analyst", "reviewer"]
    own = browser.post(
        f"/officers/{cast.administrator.officer_id}/change/", {"display_name": "Me", "roles": ["investigator"]}
    )
    assert (own.status_code, "by another administrator" in own.content.decode()) == (422, True)
    assert browser.post(f"/officers/{cast.outsider.officer_id}/change/", given).status_code == 404


@pytest.mark.parametrize("who", ["owner", "outsider", "nobody", "administrator"])
def test_the_database_lets_only_an_administrator_change_an_officer(cast: Cast, as_actor: Behind, who: str) -> None:
    """Also where a page would be tricked into it: the rows of officers are no table of theirs."""
    from django.db import DatabaseError, connection, transaction

    statements = {
        "roles of a colleague": ("update accounts_officer set roles = '{auditor}' where id = %s", cast.colleague),
        "own roles": ("update accounts_officer set roles = '{auditor}' where id = %s", getattr(cast, who, cast.owner)),
        "an officer of another agency": ("update accounts_officer set is_active = false where id = %s", cast.outsider),
    }
    done = set()
    for name, (statement, target) in statements.items():
        try:
            with as_actor(getattr(cast, who, None)), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement, [target.officer_id])
                done.add(name)
                transaction.set_rollback(True)
        except DatabaseError:
            connection.needs_rollback = False
    assert done == ({"roles of a colleague"} if who == "administrator" else set())


def test_ending_an_account_ends_its_sessions_and_hands_its_work_over(
    cast: Cast, made: SmallCase, client_for: Browser, as_job: Behind
) -> None:
    from opencets_web.cases.models import Assignment
    from opencets_web.evidence.ledger import officer_id_of
    from opencets_web.officers import carrying

    administrator, leaver = client_for(cast.administrator), client_for(cast.owner)
    scope = {"headers": [(b"cookie", f"sessionid={leaver.cookies['sessionid'].value}".encode())]}
    assert officer_id_of(scope, listens=True) == str(cast.owner.officer_id)
    given = {"reason": "Moved to another force", "successor": str(cast.colleague.officer_id)}
    assert administrator.post(f"/officers/{cast.owner.officer_id}/end/", {"reason": ""}).status_code == 422
    assert administrator.post(f"/officers/{cast.owner.officer_id}/end/", given).status_code == 302
    assert officer_id_of(scope, listens=True) is None
    assert leaver.get("/cases/").headers["Location"].startswith("/account/login/")
    with as_job(cast.colleague):
        for _ in range(2):  # a job that is done again changes nothing
            carrying.hand_over(cast.colleague, cast.owner.officer_id)
    case = made.rows["case"]
    working = Assignment.objects.filter(case=case, until_at=None).values_list("officer_id", flat=True)
    assert list(working) == [cast.colleague.officer_id]
    assert client_for(cast.colleague).get(f"/cases/{REFERENCE}/").status_code == 200
    administrator.post(f"/officers/{cast.owner.officer_id}/open/")
    assert _officer(cast.owner).is_active


def test_without_a_successor_a_supervisor_finds_the_case_and_gives_it_out(
    cast: Cast, made: SmallCase, client_for: Browser
) -> None:
    from opencets_web.accounts.models import Officer

    Officer.objects.filter(pk=cast.colleague.officer_id).update(roles=["supervisor"])
    supervisor, administrator = client_for(cast.colleague), client_for(cast.administrator)
    assert f'id="case-{REFERENCE}"' not in supervisor.get("/officers/unassigned/").content.decode()
    administrator.post(f"/officers/{cast.owner.officer_id}/end/", {"reason": "Left the force"})
    page = supervisor.get("/officers/unassigned/").content.decode()
    assert f'id="case-{REFERENCE}"' in page
    assert "BO-SMALL-0001" not in page
    assert administrator.get("/officers/unassigned/").status_code == 404, "an administrator reads no case"
    supervisor.post(f"/officers/unassigned/{REFERENCE}/assign/", {"officer": str(cast.colleague.officer_id)})
    assert f'id="case-{REFERENCE}"' not in supervisor.get("/officers/unassigned/").content.decode()
    other = supervisor.post("/officers/unassigned/BO-SMALL-0001/assign/", {"officer": str(cast.colleague.officer_id)})
    assert other.status_code == 404


def test_a_colleague_covers_an_absent_officer_from_day_to_day(
    cast: Cast, made: SmallCase, as_job: Behind, as_actor: Behind
) -> None:
    from opencets_web.cases.models import Assignment
    from opencets_web.officers import actions, carrying

    def on_the_desk() -> bool:
        return Assignment.objects.filter(
            case=made.rows["case"], officer_id=cast.colleague.officer_id, until_at=None
        ).exists()

    today = date.today()
    with as_actor(cast.administrator):
        later = actions.add_cover(
            cast.administrator, cast.owner.officer_id, by_id=cast.colleague.officer_id,
            from_on=today + timedelta(days=1), until_on=today + timedelta(days=2),
        )  # fmt: skip
        now = actions.add_cover(
            cast.administrator, cast.owner.officer_id, by_id=cast.colleague.officer_id, from_on=today, until_on=today
        )
    with as_job(None):
        carrying.carry_cover(later)
    assert not on_the_desk()
    with as_job(None):
        carrying.carry_covers()
        carrying.carry_covers()
    assert on_the_desk()
    with as_actor(cast.administrator):
        actions.end_cover(cast.administrator, now)
    with as_job(None):
        carrying.carry_cover(now)
    assert not on_the_desk()


def test_an_account_unused_for_ninety_days_is_closed_and_can_be_opened(
    cast: Cast, as_job: Behind, client_for: Browser
) -> None:
    from django.utils import timezone

    from opencets_web.accounts.models import Officer
    from opencets_web.officers import carrying

    now = timezone.now()
    for actor, days in ((cast.owner, 91), (cast.colleague, 89)):
        Officer.objects.filter(pk=actor.officer_id).update(
            created_at=now - timedelta(days=400), last_login=now - timedelta(days=days)
        )
    with as_job(None):
        assert carrying.disable_unused() == 1
    assert (_officer(cast.owner).is_active, _officer(cast.colleague).is_active) == (False, True)
    client_for(cast.administrator).post(f"/officers/{cast.owner.officer_id}/open/")
    with as_job(None):
        assert carrying.disable_unused() == 0, "unused days count from the day it was opened again"
    assert _officer(cast.owner).is_active
    assert "lost the account, unused for 90 days" in client_for(cast.auditor).get("/audit/").content.decode()


def test_the_yearly_review_is_signed_once_every_account_was_looked_at(
    cast: Cast, as_job: Behind, client_for: Browser
) -> None:
    from opencets_web.accounts.models import Officer
    from opencets_web.officers import carrying
    from opencets_web.officers.models import AccessReview

    with as_job(None):
        assert carrying.open_reviews() == 2
        assert carrying.open_reviews() == 0
    browser = client_for(cast.administrator)
    assert "Yearly review of access" in browser.get("/officers/").content.decode()
    assert browser.post("/officers/review/sign/").status_code == 409
    for officer in Officer.objects.filter(agency=cast.avon):
        browser.post(f"/officers/{officer.pk}/keep/")
    Officer.objects.filter(pk=cast.owner.officer_id).update(roles=["investigator", "supervisor"])
    assert "Avon owner" in browser.post("/officers/review/sign/").content.decode(), "changed after it was looked at"
    browser.post(f"/officers/{cast.owner.officer_id}/keep/undo/")
    browser.post(f"/officers/{cast.owner.officer_id}/keep/")
    assert browser.post("/officers/review/sign/").status_code == 302
    signed = AccessReview.objects.get(agency=cast.avon)
    assert signed.signed_by_id == cast.administrator.officer_id
    with as_job(None):
        assert carrying.open_reviews() == 0, "the next one opens in a year"


def test_a_room_that_needs_a_certification_opens_only_while_it_is_current(
    cast: Cast, made: SmallCase, client_for: Browser, as_actor: Behind
) -> None:
    from django.db import DatabaseError, connection, transaction

    from opencets_web.accounts.models import Agency, Certification

    media = made.id_of("picture_media")
    owner, colleague = client_for(cast.owner), client_for(cast.colleague)
    administrator = client_for(cast.administrator)
    assert _status(owner, f"/media/{media}/original") == 200
    Agency.objects.filter(pk=cast.avon.pk).update(certified_rooms=["media-grading"])
    refused = owner.get(signed(owner, f"/media/{media}/original"))
    assert (refused.status_code, "current certification" in refused.content.decode()) == (409, True)
    assert owner.get(f"/media/{media}/").status_code == 200, "only what shows it unblurred is shut"
    assert _status(colleague, f"/media/{media}/original") == 200

    def exposes(actor: Actor) -> bool:
        with as_actor(actor), connection.cursor() as cursor:
            cursor.execute("select app_may_enter('media-grading')")
            return bool(cursor.fetchone()[0])

    assert (exposes(cast.owner), exposes(cast.colleague), exposes(cast.outsider)) == (False, True, True)
    entered = {
        "kind": "media-grading", "issued_on": "2026-01-01", "expires_on": str(date.today() + timedelta(days=1)),
        "issued_by": "Avon training unit",
    }  # fmt: skip
    assert administrator.post(f"/officers/{cast.owner.officer_id}/certify/", entered).status_code == 302
    assert _status(owner, f"/media/{media}/original") == 200
    row = Certification.objects.get(officer_id=cast.owner.officer_id)
    administrator.post(f"/officers/certifications/{row.pk}/withdraw/")
    assert _status(owner, f"/media/{media}/original") == 409
    administrator.post(f"/officers/certifications/{row.pk}/restore/")
    Certification.objects.filter(pk=row.pk).update(expires_on=date.today(), issued_on="2025-01-01")
    assert (_status(owner, f"/media/{media}/original"), exposes(cast.owner)) == (409, False)
    with pytest.raises(DatabaseError), as_actor(cast.owner), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("insert into accounts_certification select * from accounts_certification")


def test_an_administrator_says_what_the_agency_is(cast: Cast, client_for: Browser) -> None:
    from opencets_web.accounts.models import Agency

    given = {
        "kind": "hotline", "units": "Reports\nAnalysis", "contact_name": "Night desk", "contact_phone": "+442079460001",
        "contact_email": "night@avon.example.org", "notice": "", "certified_rooms": ["media-grading"],
        "purpose_asking": "choose",
    }  # fmt: skip
    assert client_for(cast.administrator).post("/officers/agency/", given).status_code == 302
    agency = Agency.objects.get(pk=cast.avon.pk)
    assert (agency.kind, agency.units, agency.certified_rooms) == (
        "hotline",
        ["Reports", "Analysis"],
        ["media-grading"],
    )
    assert Agency.objects.get(pk=cast.borders.pk).kind == "police"
