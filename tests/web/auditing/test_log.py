"""The auditor's page and the lines that signing in and out leave."""

from __future__ import annotations

import csv
from collections.abc import Callable
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tests.web.conftest import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def case(cast: Cast, as_actor: Callable[..., Any]) -> str:
    """A case of each agency; Avon's is returned."""
    from opencets_web.cases.actions import open_case

    with as_actor(cast.outsider):
        open_case(cast.outsider, reference="BO-2026-0001", title="Tern", kind="possession")
    with as_actor(cast.owner):
        return open_case(cast.owner, reference="AV-2026-0001", title="=Night heron", kind="possession")


@pytest.mark.parametrize("path", ["/audit/", "/audit/export.csv", "/audit/unusual/", "/audit/reviews/"])
@pytest.mark.parametrize(
    ("who", "status"),
    [("auditor", 200), ("owner", 404), ("colleague", 404), ("outsider", 404), ("administrator", 404)],
)
def test_only_an_auditor_finds_the_log(
    cast: Cast, client_for: Callable[..., Client], case: str, path: str, who: str, status: int
) -> None:
    assert client_for(getattr(cast, who)).get(path).status_code == status


def test_an_auditor_reads_the_acts_of_the_own_agency_and_no_content(
    cast: Cast, client_for: Callable[..., Client], case: str
) -> None:
    page = client_for(cast.auditor).get("/audit/").content.decode()
    assert "case:AV-2026-0001" in page
    assert "BO-2026-0001" not in page
    assert "Night heron" not in page


@pytest.mark.parametrize(
    ("query", "there"),
    [
        ("verb=case.opened", True),
        ("verb=case.closed", False),
        ("text=AV-2026", True),
        ("text=BO-2026", False),
        ("case=AV-2026-0001", True),
        ("case=AV-2026-0002", False),
        ("since=1999-01-01&until=1999-01-02", False),
        ("since=2026-01-01", True),
        ("since=never", True),
        ("whose=own", True),
        ("whose=others", False),
        ("officer=not-one", True),
    ],
)
def test_filters_narrow_the_log(
    cast: Cast, client_for: Callable[..., Client], case: str, query: str, there: bool
) -> None:
    page = client_for(cast.auditor).get(f"/audit/?{query}").content.decode()
    assert ("case:AV-2026-0001" in page.partition("Act</th>")[2]) == there


def test_the_export_disarms_formulas_and_is_logged(cast: Cast, client_for: Callable[..., Client], case: str) -> None:
    from opencets_web.accounts.models import Officer
    from opencets_web.audit.models import Act

    Officer.objects.filter(pk=cast.owner.officer_id).update(display_name="=cmd|' /c calc'!A1")
    written = client_for(cast.auditor).get("/audit/export.csv").content.decode()
    rows = list(csv.DictReader(StringIO(written)))
    opened = next(row for row in rows if row["verb"] == "case.opened")
    assert opened["officer"] == "'=cmd|' /c calc'!A1"
    assert Act.objects.filter(verb="audit.exported", officer_id=cast.auditor.officer_id).count() == 1


def test_the_seal_is_shown_to_the_auditor_alone(cast: Cast, as_actor: Callable[..., Any], case: str) -> None:
    from django.db import connection
    from django.utils import timezone

    from opencets_web.audit.models import Checkpoint

    Checkpoint.objects.create(size=2, root=b"\x01" * 32, frontier=b"\x01" * 32, at=timezone.now())
    for who, rows in (("auditor", 1), ("owner", 0), ("administrator", 0), ("outsider", 0)):
        with as_actor(getattr(cast, who)), connection.cursor() as cursor:
            cursor.execute("select size, root from app_last_checkpoint()")
            assert len(cursor.fetchall()) == rows


def test_a_failed_sign_in_says_the_same_of_a_known_and_an_unknown_address(
    cast: Cast, client_for: Callable[..., Client]
) -> None:
    from opencets_web.audit.models import Act

    told = []
    for email in (cast.officers["owner"].email, "nobody@avon.example.org"):
        answer = client_for(None).post("/account/login/", {"login": email, "password": "wrong password 1"})
        told.append((answer.status_code, answer.content.decode().replace(email, "ADDRESS").partition("alert")[2][:300]))
    assert told[0] == told[1]
    failed = Act.objects.filter(verb="account.sign-in-failed").order_by("id")
    assert [act.officer_id for act in failed] == [cast.owner.officer_id, None]
    assert "wrong password" not in "".join(act.details for act in failed)


def test_signing_in_with_both_factors_and_out_is_logged(cast: Cast, client_for: Callable[..., Client]) -> None:
    from django.core.cache import cache

    from opencets_web.accounts.entrance import make_officer
    from opencets_web.audit.models import Act

    cache.clear()
    officer, entrance = make_officer(cast.avon, "iva@avon.example.org", "Iva Marsh", ["investigator"])
    browser = client_for(None)
    first = browser.post("/account/login/", {"login": officer.email, "password": entrance.password})
    assert first["Location"].startswith("/account/2fa/authenticate/")
    assert not Act.objects.filter(verb="account.signed-in").exists()
    browser.post("/account/2fa/authenticate/", {"code": "000000"})
    assert '"step":"one-time code"' in Act.objects.get(verb="account.sign-in-failed").details
    assert browser.post("/account/2fa/authenticate/", {"code": _code(entrance.secret)}).status_code == 302
    assert Act.objects.get(verb="account.signed-in").officer_id == officer.id
    assert browser.get("/", follow=True).status_code == 200  # the notice of use comes first
    browser.post("/account/logout/")
    assert Act.objects.get(verb="account.signed-out").officer_id == officer.id
    assert browser.get("/").status_code == 302


def _code(secret: str) -> str:
    import time

    from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))
