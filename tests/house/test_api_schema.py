"""What the OpenAPI document says holds for whatever is sent, by whomever: Schemathesis asks, as each person around the case.

Half of the requests name things that are there, so that the door is tried and not only the address.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.house.addresses import ADDRESSES, EVERYONE, READERS
from tests.house.small_case import REFERENCE, TITLE, SmallCase, make_small_case

if TYPE_CHECKING:
    from django.test import Client

    from tests.web.conftest import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.timeout(900)]
EXAMPLES = int(os.environ.get("OPENCETS_SCHEMA_EXAMPLES", "12"))
"""Requests of each kind for each operation and person; `make proof` asks more."""


@pytest.fixture
def small_case(cast: Cast) -> SmallCase:
    return make_small_case(cast)


def _parts(small_case: SmallCase) -> dict[str, dict[str, str]]:
    """For each path of the API, what its parts are when they name things of the small case."""
    known = {}
    for name, address in ADDRESSES.items():
        if name.startswith("api:"):
            filled = {
                part: REFERENCE if row == "reference" else str(small_case.id_of(row))
                for part, row in address.parts.items()
            }
            known[address.url(name, small_case).partition("?")[0]] = filled
    return known


def _filled(path: str, known: dict[str, dict[str, str]]) -> dict[str, str]:
    """The parts of an address of the document that name things of the small case; nothing where it has no part."""
    pattern = re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path))
    return next((parts for url, parts in known.items() if pattern.fullmatch(url)), {})


def _try(operation: Any, real: dict[str, str], ask: Callable[[Any], None]) -> None:
    """Ask an operation many times: with parts as the document allows them, and with ``real`` ones."""

    def name_real_things(case: Any) -> Any:
        case.path_parameters = {**(case.path_parameters or {}), **real}
        return case

    made = operation.as_strategy()
    settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )(given(st.one_of(made, made.map(name_real_things)) if real else made)(ask))()


@pytest.mark.parametrize("who", [*sorted(EVERYONE), "nobody"])
def test_no_answer_breaks_the_document_or_shows_a_closed_case(
    small_case: SmallCase, client_for: Callable[..., Client], who: str
) -> None:
    import httpx
    import schemathesis
    from django.db import transaction
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
    document = client_for(small_case.actors["owner"]).get("/api/v1/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    browser = client_for(None if who == "nobody" else small_case.actors[who])
    browser.raise_request_exception = False
    known, asked = _parts(small_case), 0

    def ask(case: Any) -> None:
        nonlocal asked
        sent = case.as_transport_kwargs(base_url="http://localhost")
        url = sent["url"] + (f"?{urlencode(sent['params'], doseq=True)}" if sent.get("params") else "")
        request = httpx.Request(
            sent["method"], url, json=sent.get("json"), content=sent.get("data"), headers=dict(sent["headers"])
        )
        with transaction.atomic():
            answer = browser.generic(
                sent["method"],
                request.url.raw_path.decode(),
                request.read(),
                content_type=request.headers.get("content-type", ""),
                headers={"Accept": "application/json"},
            )
            transaction.set_rollback(True)
        asked += 1
        if who not in READERS:
            assert TITLE.encode() not in answer.content
        if who == "nobody":
            assert answer.status_code in {401, 405}
        told = httpx.Response(answer.status_code, headers=dict(answer.headers), content=answer.content, request=request)
        told.elapsed = timedelta(0)
        case.validate_response(told, checks=checks)

    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) >= 12
    for operation in operations:
        _try(operation, _filled(operation.path, known), ask)
    assert asked >= len(operations)
