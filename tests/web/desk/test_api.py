"""The API: the same door as the pages, errors a program and a person can read, a schema that is valid."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tests.web.conftest import Cast

pytestmark = pytest.mark.django_db
OF_A_CASE = ("", "/exhibits", "/records", "/media", "/connections", "/pointers")


@pytest.fixture
def case(cast: Cast, as_actor: Callable[..., object]) -> str:
    """A case that Avon's owner opened."""
    from opencets_web.cases.actions import open_case

    with as_actor(cast.owner):  # type: ignore[attr-defined]
        return open_case(cast.owner, reference="AV-2026-0001", title="Night heron", kind="possession")


def test_the_schema_is_openapi_three_one_and_every_act_declares_its_errors(
    cast: Cast, client_for: Callable[..., Client]
) -> None:
    answer = client_for(cast.owner).get("/api/v1/openapi.json")
    schema = answer.json()
    assert answer.status_code == 200
    assert schema["openapi"].startswith("3.1")
    names = [act["operationId"] for path in schema["paths"].values() for act in path.values()]
    assert len(names) == len(set(names)) >= 12
    assert all(
        {"401", "404", "422"} <= set(act["responses"]) for path in schema["paths"].values() for act in path.values()
    )
    known = schema["components"]["schemas"]
    references = {part.split('"')[0] for part in json.dumps(schema).split("#/components/schemas/")[1:]}
    assert references <= set(known)


@pytest.mark.parametrize("tail", OF_A_CASE)
@pytest.mark.parametrize(
    ("who", "status"),
    [("owner", 200), ("colleague", 200), ("outsider", 404), ("administrator", 404), ("auditor", 404)],
)
def test_a_case_answers_only_those_who_may_read_it(
    cast: Cast, client_for: Callable[..., Client], case: str, who: str, status: int, tail: str
) -> None:
    answer = client_for(getattr(cast, who)).get(f"/api/v1/cases/{case}{tail}")
    assert answer.status_code == status
    if status == 404:
        assert answer.json() == {"code": "not-found", "sentence": "Not found."}


def test_a_hidden_case_and_an_absent_one_look_alike(cast: Cast, client_for: Callable[..., Client], case: str) -> None:
    browser = client_for(cast.outsider)
    hidden, absent = browser.get(f"/api/v1/cases/{case}"), browser.get("/api/v1/cases/NO-SUCH-CASE")
    assert (hidden.status_code, hidden.content) == (absent.status_code, absent.content)


def test_nobody_is_answered_with_a_code(client_for: Callable[..., Client]) -> None:
    answer = client_for(None).get("/api/v1/cases")
    assert answer.status_code == 401
    assert answer.json()["code"] == "sign-in"


def test_cases_are_listed_as_on_the_page(cast: Cast, client_for: Callable[..., Client], case: str) -> None:
    assert [row["reference"] for row in client_for(cast.owner).get("/api/v1/cases").json()["cases"]] == [case]
    assert client_for(cast.outsider).get("/api/v1/cases").json()["cases"] == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("page=0", 422),
        ("page=99999999999999999999", 422),
        ("words=%00", 400),
        (f"words={'x' * 301}", 422),
        ("state=other", 422),
        ("page=one", 422),
    ],
)
def test_what_is_out_of_bounds_is_refused_with_a_sentence(
    cast: Cast, client_for: Callable[..., Client], query: str, status: int
) -> None:
    answer = client_for(cast.owner).get(f"/api/v1/cases?{query}")
    assert answer.status_code == status
    assert set(answer.json()) == {"code", "sentence"}


def test_an_unsafe_act_needs_the_token(cast: Cast, client_for: Callable[..., Client]) -> None:
    browser = client_for(cast.owner)
    browser.handler.enforce_csrf_checks = True
    assert browser.post(f"/api/v1/alerts/{uuid4()}/accept").status_code == 403


def test_an_alert_of_others_is_not_found(cast: Cast, client_for: Callable[..., Client]) -> None:
    answer = client_for(cast.outsider).post(
        f"/api/v1/alerts/{uuid4()}/dismiss", {"reason": "not ours"}, content_type="application/json"
    )
    assert answer.status_code == 404
