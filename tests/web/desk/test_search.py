"""Search: any notation, every room, only what the reader may see, and never unlogged."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tests.web.conftest import Cast

pytestmark = pytest.mark.django_db
CAST = [("owner", True), ("colleague", True), ("outsider", False), ("administrator", False), ("auditor", False)]


@pytest.fixture
def case(cast: Cast, as_actor: Callable[..., Any]) -> str:
    """A case of Avon with a person, a message and a picture's file."""
    from django.utils import timezone

    from opencets.records import Locator, Record, claim
    from opencets_web.accounts.ids import new_id
    from opencets_web.cases.actions import open_case
    from opencets_web.cases.models import Case
    from opencets_web.evidence.keeping import Under, keep_records
    from opencets_web.evidence.models import Exhibit, ExhibitFile

    with as_actor(cast.owner):
        open_case(cast.owner, reference="AV-2026-0001", title="Night heron", kind="possession")
    kept = Case.objects.get(reference="AV-2026-0001")
    now = timezone.now()
    under: dict[str, UUID] = {"holding_id": kept.holding_id, "agency_id": kept.agency_id}
    exhibit = Exhibit.objects.create(
        **under, case=kept, reference="EX-0001", title="Phone", received_by_id=cast.owner.officer_id, begun_at=now
    )
    file = ExhibitFile.objects.create(
        **under, id=new_id(), exhibit=exhibit, path=["IMG_2041.jpg"], name="IMG_2041.jpg", size=3
    )
    where = Locator(("IMG_2041.jpg",))
    person = Record(
        "person",
        where,
        (
            claim("full_name", "Íva Marsh-Holt"),
            claim("email", "Night.Heron@example.org"),
            claim("phone", "020 7946 0123", country="GB"),
            claim("screen_name", "heron_77", service="kik"),
        ),
        "table/1",
    )
    message = Record(
        "message", Locator(("IMG_2041.jpg",), "line 2"), (claim("body", "Meet by the yellow harbour lamp"),), "chat/1"
    )
    keep_records(Under(kept.holding_id, kept.agency_id, kept.id, exhibit.id), file.id, 0, [person, message], now)
    return "AV-2026-0001"


@pytest.mark.parametrize(("who", "sees"), CAST)
@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("+44 (0)20 7946 0123", "identifiers"),
        ("02079460123", "identifiers"),
        ("NIGHT.HERON@EXAMPLE.ORG", "identifiers"),
        ("heron_77", "identifiers"),
        ("night heron", "cases"),
        ("AV-2026", "cases"),
        ("íva mar", "people"),
        ("holt", "people"),
        ("heron", "people"),
        ("yellow harbour", "messages"),
        ("img 2041", "files"),
        ("IMG_2041.jpg", "files"),
    ],
)
def test_it_is_found_by_who_may_see_it(
    cast: Cast, as_actor: Callable[..., Any], case: str, words: str, part: str, who: str, sees: bool
) -> None:
    from opencets_web.desk.search import search

    actor = getattr(cast, who)
    with as_actor(actor):
        found = {group.part: group for group in search(actor, words).groups}
    assert (part in found) == sees
    if not sees:
        assert found == {}


@pytest.mark.parametrize(("who", "sees"), CAST)
@pytest.mark.parametrize(
    "asked",
    [
        "select * from app_search_messages('yellow', 10)",
        "select claim from app_search_values('''heron'':*', 10)",
        "select * from app_search_files('''img'':*', 10)",
    ],
)
def test_the_functions_of_the_wall_keep_the_wall(
    cast: Cast, as_actor: Callable[..., Any], case: str, asked: str, who: str, sees: bool
) -> None:
    from django.db import connection

    with as_actor(getattr(cast, who)), connection.cursor() as cursor:
        cursor.execute(asked)
        assert bool(cursor.fetchall()) == sees
    with as_actor(None), connection.cursor() as cursor:
        cursor.execute(asked)
        assert cursor.fetchall() == []


@pytest.mark.parametrize("words", ["'", "& | !", "a:*b", "\\", "(((", "%", "🙂", "'; drop table x; --", "x" * 300])
def test_odd_words_find_nothing_and_break_nothing(
    cast: Cast, client_for: Callable[..., Client], case: str, words: str
) -> None:
    answer = client_for(cast.owner).get("/search/", {"q": words})
    assert answer.status_code == 200
    assert "Nothing that you may see" in answer.content.decode()


def test_a_search_is_logged_with_its_words(cast: Cast, client_for: Callable[..., Client], case: str) -> None:
    from opencets_web.audit.models import Act

    client_for(cast.owner).get("/search/", {"q": "yellow harbour"})
    act = Act.objects.get(verb="search.made")
    assert act.officer_id == cast.owner.officer_id
    assert '"words":"yellow harbour"' in act.details


def test_the_page_marks_what_was_found_and_asks_little(
    cast: Cast, client_for: Callable[..., Client], case: str
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    browser = client_for(cast.owner)
    with CaptureQueriesContext(connection) as asked:
        page = browser.get("/search/", {"q": "yellow harbour"}).content.decode()
    told = [
        query["sql"] for query in asked if not query["sql"].startswith(("SAVEPOINT", "RELEASE", "set local", "reset"))
    ]
    assert "<mark>yellow</mark>" in page
    assert "<mark>harbour</mark>" in page
    assert len(told) <= 25, "\n".join(told)


@pytest.mark.parametrize(("who", "sees"), CAST)
def test_a_varied_screen_name_is_found_by_rare_letters_by_who_may_see_it(
    who: str, sees: bool, cast: Cast, as_actor: Callable[..., Any], case: str
) -> None:
    from opencets_web.desk.search import search

    with as_actor(getattr(cast, who)):
        found = {group.part: group for group in search(getattr(cast, who), "the_h3ron2004").groups}
        other = search(getattr(cast, who), "harbour2004")
    hits = [(hit.label[0][0], hit.subtitle, hit.case) for hit in found["handles"].hits] if "handles" in found else []
    told = "the same letters; service, separators, digits or decoration differ"
    assert hits == ([("kik:heron_77", told, "AV-2026-0001")] if sees else [])
    assert not [group for group in other.groups if group.part == "handles"]
