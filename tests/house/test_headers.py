"""What every answer carries, and that no act is taken from a foreign page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.house.addresses import ADDRESSES
from tests.house.repository import nothing
from tests.house.small_case import SmallCase, make_small_case

if TYPE_CHECKING:
    from django.test import Client

    from opencets_web.policy.actor import Actor
    from tests.web.conftest import Cast

pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume:Warning")


@pytest.fixture
def small_case(cast: Cast) -> SmallCase:
    """A case with one row of everything."""
    return make_small_case(cast)


def _wrong_headers(headers: dict[str, str]) -> list[str]:
    policy = headers.get("Content-Security-Policy", "")
    wrong = []
    if "default-src 'none'" not in policy or "*" in policy or "unsafe-" in policy:
        wrong.append(f"policy {policy!r}")
    if headers.get("X-Content-Type-Options") != "nosniff":
        wrong.append("types may be guessed")
    if "public" in headers.get("Cache-Control", "public"):
        wrong.append(f"kept by shared caches: {headers.get('Cache-Control')}")
    if headers.get("Referrer-Policy") != "same-origin":
        wrong.append("the address is told to others")
    return wrong


@pytest.mark.parametrize("who", ["owner", "outsider"])
def test_every_answer_runs_no_foreign_script_and_stays_out_of_shared_caches(
    small_case: SmallCase, client_for: Callable[[Actor | None], Client], who: str
) -> None:
    browser = client_for(small_case.actors[who])
    asked = {name: address for name, address in ADDRESSES.items() if address.method == "get"}
    assert len(asked) > 50
    wrong = []
    for name, address in asked.items():
        answer = browser.get(address.url(name, small_case))
        wrong += [f"{name} ({answer.status_code}): {what}" for what in _wrong_headers(dict(answer.headers))]
        b"".join(getattr(answer, "streaming_content", ()))
    nothing(wrong)


def test_no_act_is_taken_without_the_token_of_its_form(
    small_case: SmallCase, client_for: Callable[[Actor | None], Client]
) -> None:
    browser = client_for(small_case.actors["owner"])
    browser.handler.enforce_csrf_checks = True
    taken = []
    acts = {name: address for name, address in ADDRESSES.items() if address.method != "get"}
    assert len(acts) > 50
    for name, address in acts.items():
        sent = address.sends(small_case) if address.sends else {}
        url = address.url(name, small_case)
        answer = browser.post(url, sent, content_type="application/json") if address.json else browser.post(url, sent)
        status = answer.status_code
        if status != 403:
            taken.append(f"{name}: {status}")
    nothing(taken)
