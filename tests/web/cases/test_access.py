"""A case's own access history: the owner sees who of which agency looked; a partner sees nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tests.web.conftest import Cast

pytestmark = pytest.mark.django_db
PAGE = "/cases/AV-2026-0001/access/"


@pytest.fixture
def case(cast: Cast, as_actor: Callable[..., Any], client_for: Callable[..., Client]) -> str:
    """Avon's case, released to Borders, where the outsider has looked at its notes."""
    from django.utils import timezone

    from opencets_web.cases.actions import open_case
    from opencets_web.cases.models import Case
    from opencets_web.policy.models import Grant

    with as_actor(cast.owner):
        reference = open_case(cast.owner, reference="AV-2026-0001", title="Night heron", kind="possession")
    case, now = Case.objects.get(), timezone.now()
    Grant.objects.create(
        holding=case.holding, agency=cast.avon, to_agency=cast.borders, level="read", purpose="A common series",
        granted_by_id=cast.owner.officer_id, granted_at=now - timedelta(hours=1), expires_at=now + timedelta(days=1),
    )  # fmt: skip
    assert client_for(cast.outsider).get("/cases/AV-2026-0001/notes/").status_code == 200
    return reference


def test_the_owner_sees_the_partners_look_with_agency_and_a_summary_by_officer(
    cast: Cast, client_for: Callable[..., Client], case: str, as_actor: Callable[..., Any]
) -> None:
    from opencets_web.cases.queries import get_frame, list_access

    page = client_for(cast.owner).get(PAGE).content.decode()
    assert "Borders outsider" in page
    with as_actor(cast.colleague):
        found = list_access(cast.colleague, get_frame(cast.colleague, case, "cases:access"))
    assert [(one.officer, one.agency, one.own_agency) for one in found.officers] == [
        ("Borders outsider", "Borders", False),
        ("Avon owner", "Avon", True),
    ]
    assert [entry.officer for entry in found.entries if entry.agency == "Borders"] == ["Borders outsider"]


def test_the_history_is_filtered_by_officer_act_and_days(
    cast: Cast, client_for: Callable[..., Client], case: str
) -> None:
    browser = client_for(cast.owner)

    def rows(query: str) -> str:
        return browser.get(f"{PAGE}?{query}").content.decode().partition("<tbody>")[2].partition("</tbody>")[0]

    assert "Avon owner" not in rows(f"officer={cast.outsider.officer_id}")
    assert "Borders outsider" in rows(f"officer={cast.outsider.officer_id}")
    assert "Borders outsider" not in rows("verb=case.opened")
    assert rows("until=2001-01-01") == ""
    assert "Borders outsider" in rows("since=2001-01-01&officer=no-one")


def test_a_partner_sees_no_line_of_the_history(
    cast: Cast, client_for: Callable[..., Client], case: str, as_actor: Callable[..., Any]
) -> None:
    from opencets_web.audit.models import Act

    page = client_for(cast.outsider).get(PAGE)
    assert page.status_code == 200
    assert "Avon owner" not in page.content.decode().partition("<main")[2]
    assert "Only the owning agency sees who looked" in page.content.decode()
    with as_actor(cast.outsider):
        assert Act.objects.count() == 0


@pytest.mark.parametrize("who", ["administrator", "auditor"])
def test_whoever_does_not_read_the_case_does_not_find_its_history(
    cast: Cast, client_for: Callable[..., Client], case: str, who: str
) -> None:
    assert client_for(getattr(cast, who)).get(PAGE).status_code == 404
