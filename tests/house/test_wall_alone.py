"""The access matrix once more with the Python door taken out of its hinges: row-level security alone lets nothing through.

The product has no switch for this. Here, in the test's process, ``visible`` gives every row that the database gives, ``level`` is
the highest, and ``explain`` explains; what is left between an outsider and a case is PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.house.addresses import ADDRESSES, EVERYONE, READERS, WRITERS, Address
from tests.house.repository import nothing
from tests.house.small_case import REFERENCE, TITLE, SmallCase, make_small_case
from tests.house.test_access_matrix import _ask
from tests.web.conftest import signed

if TYPE_CHECKING:
    from django.test import Client

    from opencets_web.policy.actor import Actor
    from tests.web.conftest import Cast

    ClientFor = Callable[[Actor | None], Client]

pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume:Warning")
CONTENT = (TITLE, "ada@example.org", "Ada@example.org", "L-77", "people.csv")
"""Words that only the small case holds."""


@pytest.fixture
def small_case(cast: Cast) -> SmallCase:
    return make_small_case(cast)


@pytest.fixture
def without_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    """``policy.door`` says yes to everything, wherever it is asked; ``admit`` goes through ``visible``."""
    from opencets_web.policy import door

    monkeypatch.setattr(door, "visible", lambda actor, rows: rows)
    monkeypatch.setattr(door, "level", lambda actor, holding_id: 3)
    monkeypatch.setattr(door, "explain", lambda actor, holding: "The door is off.")


def _rows(made: SmallCase) -> dict[str, Any]:
    """Every row of the small case as it stands in the table, beside the log and the count of each table."""
    from opencets_web.policy.models import BetweenTwo, Guarded

    found: dict[str, Any] = {}
    for name, row in made.rows.items():
        if isinstance(row, Guarded | BetweenTwo):
            found[name] = type(row).objects.filter(pk=row.pk).values().first()
            found[type(row).__name__] = type(row).objects.count()
    return found


def _touched() -> dict[str, int]:
    """How many rows of each guarded table were written in this transaction, as the server counts them."""
    from django.apps import apps
    from django.db import connection

    from opencets_web.policy.models import BetweenTwo, Guarded

    tables = [model._meta.db_table for model in apps.get_models() if issubclass(model, Guarded | BetweenTwo)]
    with connection.cursor() as cursor:
        cursor.execute(
            "select relname, n_tup_ins + n_tup_upd + n_tup_del from pg_stat_xact_user_tables where relname = any(%s)",
            [tables],
        )
        return dict(cursor.fetchall())


def _changes(
    browser: Client, name: str, address: Address, made: SmallCase, before: dict[str, Any]
) -> tuple[int, str, bool]:
    """Status, text, and whether a guarded row was changed or added; all of it is taken back."""
    from django.db import transaction

    browser.raise_request_exception = False
    url, sent = signed(browser, address.url(name, made)), address.sends(made) if address.sends else {}
    with transaction.atomic():
        kind = {"content_type": "application/json"} if address.json else {}
        try:
            touched = _touched()
            with transaction.atomic():
                answer = browser.post(url, sent, **kind)
            # What was written and taken back counts as touched too; whether it stayed is asked only then: it is slow.
            changed = _touched() != touched and _rows(made) != before
        finally:
            transaction.set_rollback(True)
    return answer.status_code, answer.content.decode("utf-8", "replace"), changed


@pytest.mark.parametrize("who", sorted(EVERYONE - READERS))
def test_no_page_shows_a_word_of_the_case_to_whom_it_is_closed(
    small_case: SmallCase, client_for: ClientFor, without_the_door: None, who: str
) -> None:
    browser, leaks = client_for(small_case.actors[who]), []
    for name, address in ADDRESSES.items():
        if address.method == "get":
            status, text, _ = _ask(browser, name, address, small_case)
            shown = [word for word in CONTENT if word in text]
            if shown and address.asks.get("q") != "Lantern":
                leaks.append(f"{name} as {who}: {status} shows {shown}")
            if REFERENCE in text and "reference" not in address.parts.values() and who != "auditor":
                leaks.append(f"{name} as {who}: {status} names the case")
            if status == 200 and who not in address.open_to and address.of_the_case:
                leaks.append(f"{name} as {who}: is let in")
    nothing(leaks)


@pytest.mark.parametrize("who", sorted(EVERYONE - WRITERS))
def test_no_act_changes_a_row_of_the_case_for_whom_it_is_closed(
    small_case: SmallCase, client_for: ClientFor, without_the_door: None, who: str
) -> None:
    """The partner reads the case and writes none of it: the level of a grant holds in the database too."""
    browser, leaks, before = client_for(small_case.actors[who]), [], _rows(small_case)
    for name, address in ADDRESSES.items():
        if address.method == "post" and address.of_the_case and who not in address.open_to:
            status, text, changed = _changes(browser, name, address, small_case, before)
            if changed:
                leaks.append(f"{name} as {who}: {status} changed a row")
            if who not in READERS and any(word in text for word in CONTENT):
                leaks.append(f"{name} as {who}: {status} shows the case")
    nothing(leaks)


def test_a_change_of_a_guarded_row_is_noticed(small_case: SmallCase, client_for: ClientFor) -> None:
    """The measure of the test above does see what the owner, to whom the case is open, changes and adds."""
    browser, before = client_for(small_case.actors["owner"]), _rows(small_case)
    for name in ("cases:note-withdraw", "casework:comment", "casework:task-done"):
        status, _, changed = _changes(browser, name, ADDRESSES[name], small_case, before)
        assert (status, changed) == (302, True), name


def test_with_the_door_off_the_owner_is_let_in_as_before(
    small_case: SmallCase, client_for: ClientFor, without_the_door: None
) -> None:
    """The other half of the proof: the pages asked above do show the case to whom it is open."""
    browser = client_for(small_case.actors["owner"])
    for name in ("desk:case", "evidence:exhibits", "cases:notes"):
        status, text, _ = _ask(browser, name, ADDRESSES[name], small_case)
        assert (status, TITLE in text) == (200, True)
