"""Search: any notation, every room, only what the reader may see, and never unlogged."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from opencets.errors import ActRefused

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


# --- Names in other spellings, texts without spaces, filters ---------------------------------------------------------


@pytest.fixture
def more(cast: Cast, case: str) -> dict[str, Any]:
    """Beside the case of Avon one of Borders: names in three scripts, messages in two, with times."""
    from opencets_web.desk.naming import put_names
    from opencets_web.evidence.models import Claim
    from tests.web.entities.conftest import Books

    books = Books(cast)
    ours, theirs = books.case("AV-2"), books.case("BO-1", cast.borders)
    made = {
        "ours": ours,
        "theirs": theirs,
        "anna": books.record(ours, "person", "Анна Келлер", ("full_name", "Анна Келлер")),
        "hidden": books.record(theirs, "person", "Ana Keler", ("full_name", "Ana Keler")),
        "thai": books.record(ours, "message", "m1", body="เจอกันที่สะพานเหลืองตอนหกโมง", at_text="2026-02-03T18:00:00Z"),
        "river": books.record(ours, "message", "m2", body="the yellow bridge", at_text="2026-05-01T18:00:00Z"),
        "far": books.record(theirs, "message", "m3", body="สะพานเหลือง", at_text="2026-02-03T18:00:00Z"),
    }
    put_names(Claim.objects.filter(kind="name").values_list("holding_id", "agency_id", "normal"))
    return {"books": books, **made}


def _found(actor: Any, words: str, **asked: str) -> dict[str, set[str]]:
    from opencets_web.desk.search import read, search

    return {group.part: {hit.url for hit in group.hits} for group in search(actor, read(words, **asked)).groups}


def test_a_name_is_found_in_another_script_and_with_a_letter_wrong(
    cast: Cast, as_actor: Callable[..., Any], more: dict[str, Any]
) -> None:
    anna, hidden = f"/entities/{more['anna'].id}/", f"/entities/{more['hidden'].id}/"
    with as_actor(cast.owner):
        for words in ("Anna Keller", "Ana Keler", "keller anna", "Keler"):
            assert _found(cast.owner, words)["alike"] == {anna}, words
        assert "alike" not in _found(cast.owner, "Tom Reed")
    with as_actor(cast.outsider):
        assert _found(cast.outsider, "Анна Келлер")["alike"] == {hidden}
    with as_actor(None):
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("select * from app_search_names(array['s:n'], null, 10)")
            assert cursor.fetchall() == []


def test_words_within_a_text_without_spaces_are_found_by_who_may_see_it(
    cast: Cast, as_actor: Callable[..., Any], more: dict[str, Any]
) -> None:
    with as_actor(cast.owner):
        assert _found(cast.owner, "สะพานเหลือง") == {"messages": {f"/records/{more['thai'].id}/"}}
        assert _found(cast.owner, "สะพานแดง") == {}
    with as_actor(cast.outsider):
        assert _found(cast.outsider, "สะพานเหลือง") == {"messages": {f"/records/{more['far'].id}/"}}


def test_a_case_and_a_time_narrow_what_is_found(cast: Cast, as_actor: Callable[..., Any], more: dict[str, Any]) -> None:
    river = {"messages": {f"/records/{more['river'].id}/"}}
    with as_actor(cast.owner):
        assert len(_found(cast.owner, "yellow")["messages"]) == 2
        assert _found(cast.owner, "yellow", case="av-2") == river
        assert _found(cast.owner, "yellow", since="2026-04-01") == river
        assert _found(cast.owner, "yellow", until="2026-05-01", since="2026-05-01") == river
        assert _found(cast.owner, "yellow", until="2026-04-30") == {}
        assert _found(cast.owner, "yellow", case="BO-1") == _found(cast.owner, "yellow", case="NONE") == {}
        assert set(_found(cast.owner, "holt", case="AV-2026-0001")) == {"people"}
        assert _found(cast.owner, "holt", case="AV-2") == {}
        assert set(_found(cast.owner, "img 2041", case="AV-2026-0001")) == {"files"}
        assert set(_found(cast.owner, "02079460123", part="identifiers")) == {"identifiers"}


# --- Watches ----------------------------------------------------------------------------------------------------------


def test_a_watch_tells_what_is_new_once_to_its_officer_alone(
    cast: Cast, as_actor: Callable[..., Any], as_job: Callable[..., Any], client_for: Callable[..., Client],
    more: dict[str, Any],
) -> None:  # fmt: skip
    from opencets_web.audit.models import Act
    from opencets_web.casework.models import Notice
    from opencets_web.desk import actions
    from opencets_web.desk.models import Watch

    def look() -> int:
        with as_job(cast.owner):
            return actions.look(cast.owner, watch.id)

    browser = client_for(cast.owner)
    browser.post("/watches/make/", {"q": "+44 20 7946 0123", "title": "The number"})
    watch = Watch.objects.get()
    assert look() == 0, "what was there before is not told"
    books, ours, theirs = more["books"], more["ours"], more["theirs"]
    books.record(theirs, "account", "owl", ("phone", "020 7946 0123"))
    assert look() == 0, "what its officer may not see"
    new = books.record(ours, "account", "annak", ("phone", "020 7946 0123"))
    assert (look(), look()) == (1, 0)
    told = Notice.objects.get()
    assert told.officer_id == cast.owner.officer_id
    assert told.sentence == "Watch “The number” found something new in AV-2: 1 in identifiers."
    assert told.url == f"/entities/{new.id}/"
    # A grant opens what was there: that is new to the officer too, and goes when the grant goes.
    grant = books.grant(theirs, cast.owner)
    assert look() == 1
    assert "BO-1" in browser.get(f"/watches/{watch.id}/").content.decode()
    assert "found something new in BO-1" in browser.get("/").content.decode()
    grant.delete()
    assert "BO-1" not in browser.get(f"/watches/{watch.id}/").content.decode()
    assert "found something new in BO-1" not in browser.get("/").content.decode()
    # Paused, it tells nothing, and what came meanwhile is not told afterwards.
    browser.post(f"/watches/{watch.id}/pause/")
    books.record(ours, "account", "meanwhile", ("phone", "020 7946 0123"))
    assert look() == 0
    browser.post(f"/watches/{watch.id}/resume/")
    assert look() == 0
    books.record(ours, "account", "again", ("phone", "020 7946 0123"))
    assert look() == 1
    browser.post(f"/watches/{watch.id}/end/")
    books.record(ours, "account", "ended", ("phone", "020 7946 0123"))
    assert look() == 0
    assert "The number" not in browser.get("/watches/").content.decode()
    browser.post(f"/watches/{watch.id}/restore/")
    assert "The number" in browser.get("/watches/").content.decode()
    for other in (cast.colleague, cast.outsider):
        assert client_for(other).get(f"/watches/{watch.id}/").status_code == 404
        assert "The number" not in client_for(other).get("/watches/").content.decode()
        with as_actor(other):
            assert not Watch.objects.exists(), "the wall shows it"
    verbs = set(Act.objects.filter(verb__startswith="watch.").values_list("verb", flat=True))
    assert verbs == {"watch.made", "watch.paused", "watch.resumed", "watch.ended", "watch.restored", "watch.told"}


def test_a_watch_on_words_names_and_files_knows_each_thing_again(
    cast: Cast, as_actor: Callable[..., Any], as_job: Callable[..., Any], more: dict[str, Any]
) -> None:
    from opencets_web.desk import actions, naming
    from opencets_web.desk.search import read
    from opencets_web.evidence.models import Claim

    with as_actor(cast.owner):
        watches = {
            words: actions.make_watch(cast.owner, read(words)) for words in ("Keller", "yellow", "สะพาน", "contacts")
        }
        with pytest.raises(ActRefused, match="needs words"):
            actions.make_watch(cast.owner, read(" "))
    books, ours = more["books"], more["ours"]
    books.record(ours, "person", "Hanna Keler", ("full_name", "Hanna Keler"))
    books.record(ours, "message", "m4", body="yellow again ที่สะพาน")
    books.exhibit(ours, "EX-2")
    naming.put_names(Claim.objects.filter(kind="name").values_list("holding_id", "agency_id", "normal"))
    with as_job(cast.owner):
        assert {words: actions.look(cast.owner, watch) for words, watch in watches.items()} == dict.fromkeys(watches, 1)
        assert [actions.look(cast.owner, watch) for watch in watches.values()] == [0] * 4
        assert actions.look(cast.colleague, watches["yellow"]) == 0, "a watch looks as its own officer"


def test_names_of_an_exhibit_are_kept_by_its_job_and_once(
    cast: Cast, as_job: Callable[..., Any], more: dict[str, Any]
) -> None:
    from opencets_web.desk import naming
    from opencets_web.desk.models import NameKey
    from opencets_web.evidence.models import Exhibit

    more["books"].record(more["ours"], "person", "Zoë", ("full_name", "Zoë Ångström"))
    exhibit = Exhibit.objects.get(case=more["ours"])
    before = NameKey.objects.count()
    for _ in range(2):
        with as_job(cast.owner):
            assert naming.keep_names(cast.owner, exhibit.id) == 2
        assert NameKey.objects.count() == before + 1
