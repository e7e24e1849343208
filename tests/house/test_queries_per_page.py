"""No page asks the database more than 25 times, and none while its template is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.house.addresses import ADDRESSES
from tests.house.repository import nothing
from tests.house.small_case import SmallCase, make_small_case
from tests.web.conftest import signed

if TYPE_CHECKING:
    from django.test import Client

    from opencets_web.policy.actor import Actor
    from tests.web.conftest import Cast

    ClientFor = Callable[[Actor | None], Client]

MOST = 25
NOT_THE_PAGES = (
    "SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO", "set local role", "reset role", "BEGIN", "COMMIT",
    # Served, the officer travels with BEGIN (policy/postgresql); inside the transaction of a test it is a query of its own.
    "select set_config('app.officer'",
)  # fmt: skip


def of_the_page(asked: Iterable[dict[str, str]]) -> list[str]:
    """The queries that the page itself asked, of those that were captured."""
    return [query["sql"] for query in asked if not query["sql"].startswith(NOT_THE_PAGES)]


PAGES = [name for name, address in ADDRESSES.items() if address.method == "get" and "owner" in address.open_to]

pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume:Warning")


@pytest.fixture
def small_case(cast: Cast) -> SmallCase:
    return make_small_case(cast)


@contextmanager
def _drawing(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The queries that are asked while a template draws; those of the context processors come before."""
    from django.db import connection
    from django.template import base

    asked: list[str] = []
    draw = base.NodeList.render

    def counted(self: base.NodeList, context: Any) -> Any:
        before = len(connection.queries_log)
        outermost = not getattr(connection, "drawing", False)
        connection.drawing = True  # type: ignore[attr-defined]
        try:
            return draw(self, context)
        finally:
            if outermost:
                connection.drawing = False  # type: ignore[attr-defined]
                asked.extend(query["sql"] for query in list(connection.queries_log)[before:])

    monkeypatch.setattr(base.NodeList, "render", counted)
    yield asked


@pytest.mark.parametrize("name", PAGES)
def test_the_page_asks_little_and_nothing_while_it_is_drawn(
    small_case: SmallCase, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    browser = client_for(small_case.actors["owner"])
    url = signed(browser, ADDRESSES[name].url(name, small_case))
    with _drawing(monkeypatch) as drawn, CaptureQueriesContext(connection) as captured:
        answer = browser.get(url)
        if getattr(answer, "streaming", False):
            b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert answer.status_code in {200, 206, 302}
    asked = [query["sql"] for query in captured.captured_queries if not query["sql"].startswith(NOT_THE_PAGES)]
    assert len(asked) <= MOST, "\n".join(asked)
    nothing(sql[:200] for sql in drawn if not sql.startswith(NOT_THE_PAGES))
