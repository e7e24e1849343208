"""The desk and a case's overview: what each of the cast sees, at what price."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tests.web.conftest import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def case(cast: Cast, as_actor: Callable[..., object]) -> str:
    """A case that Avon's owner opened."""
    from opencets_web.cases.actions import open_case

    with as_actor(cast.owner):  # type: ignore[attr-defined]
        return open_case(cast.owner, reference="AV-2026-0001", title="Night heron", kind="possession")


@pytest.mark.parametrize(
    ("who", "status"),
    [("owner", 200), ("colleague", 200), ("outsider", 404), ("administrator", 404), ("auditor", 404)],
)
def test_only_who_may_read_the_case_sees_its_overview(
    cast: Cast, client_for: Callable[..., Client], case: str, who: str, status: int
) -> None:
    answer = client_for(getattr(cast, who)).get(f"/cases/{case}/")
    assert answer.status_code == status
    assert ("Night heron" in answer.content.decode()) == (status == 200)


def test_nobody_is_led_to_the_sign_in_page(client_for: Callable[..., Client]) -> None:
    answer = client_for(None).get("/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/account/login/")


def test_a_first_desk_says_what_to_do(cast: Cast, client_for: Callable[..., Client]) -> None:
    page = client_for(cast.owner).get("/").content.decode()
    assert "Begin here" in page
    assert "/cases/new/" in page


def test_the_desk_shows_own_cases_and_not_those_of_others(
    cast: Cast, client_for: Callable[..., Client], case: str
) -> None:
    assert "AV-2026-0001" in client_for(cast.owner).get("/").content.decode()
    assert "AV-2026-0001" not in client_for(cast.colleague).get("/").content.decode()
    assert "AV-2026-0001" not in client_for(cast.outsider).get("/").content.decode()


@pytest.mark.parametrize("who", ["administrator", "auditor"])
def test_who_reads_no_case_is_told_so(cast: Cast, client_for: Callable[..., Client], case: str, who: str) -> None:
    page = client_for(getattr(cast, who)).get("/").content.decode()
    assert "Night heron" not in page
    assert ("You read the log" in page) == (who == "auditor")


@pytest.mark.parametrize("path", ["/", "/cases/AV-2026-0001/"])
def test_a_page_asks_at_most_twenty_five_times(
    cast: Cast, client_for: Callable[..., Client], case: str, path: str
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    browser = client_for(cast.owner)
    with CaptureQueriesContext(connection) as asked:
        assert browser.get(path).status_code == 200
    told = [
        query["sql"] for query in asked if not query["sql"].startswith(("SAVEPOINT", "RELEASE", "set local", "reset"))
    ]
    assert len(told) <= 25, "\n".join(told)
