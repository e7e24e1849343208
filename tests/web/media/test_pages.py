"""The pages and bytes of media, as browsers of the cast see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from opencets_web.policy.actor import Actor
from tests.web.conftest import Cast
from tests.web.media.conftest import Album, jpeg

pytestmark = pytest.mark.urls("tests.web.media.urls")
Browsers = Callable[[Actor | None], Client]


def fetched(browser: Client, address: str, **headers: str) -> Any:
    """The answer, read to its end as a browser does."""
    answer = browser.get(address, headers=headers)
    if answer.streaming:
        answer.body = answer.getvalue()  # type: ignore[attr-defined]
    return answer


def addresses(medium: object) -> list[str]:
    base = f"/media/{medium.id}/"  # type: ignore[attr-defined]
    return [base, f"{base}thumbnail", f"{base}original", f"/cases/{medium.case.reference}/media/"]  # type: ignore[attr-defined]


def test_the_outsider_reaches_nothing_until_the_case_is_granted(album: Album, cast: Cast, client_for: Browsers) -> None:
    album.exhibit("AV-1", {"a.jpg": jpeg(1)})
    medium = album.media("AV-1", "a.jpg")
    for address in addresses(medium):
        assert fetched(client_for(cast.owner), address).status_code == 200, address
        assert fetched(client_for(cast.colleague), address).status_code == 200, address
        for actor in (cast.outsider, cast.administrator, cast.auditor):
            assert fetched(client_for(actor), address).status_code == 404, address
        assert fetched(client_for(None), address).status_code == 302, address
    for actor in (cast.outsider, cast.administrator, cast.auditor):
        answer = client_for(actor).get("/media/")
        assert (answer.status_code, str(medium.id).encode() in answer.content) == (200, False)
    album.books.grant(medium.case, cast.outsider)
    for address in addresses(medium):
        assert fetched(client_for(cast.outsider), address).status_code == 200, address
