"""Visible text and languages: what is read and when, who finds it, what stands on the pages, what an upgrade does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL import Image

from opencets.errors import ActRefused, NotFound
from opencets_web.audit.models import Act
from opencets_web.desk.search import Results, read, search
from opencets_web.exposure.models import Day
from opencets_web.exposure.models import Setting as Seeing
from opencets_web.media.queries import Wanted, get_gallery
from opencets_web.policy.actor import Actor
from opencets_web.texts import again, extracting, jobs, languages, queries, reading
from opencets_web.texts.finding import language_in
from opencets_web.texts.models import LanguagePass, MessageLanguage, TextOrder, VisibleText
from tests.house.test_queries_per_page import of_the_page
from tests.web.conftest import Behind, Cast
from tests.web.media.conftest import scene
from tests.web.texts.conftest import Reading
from tests.web.texts.signs import sign
from tests.web.videos import conftest as films

Browsers = Callable[[Actor | None], Client]


@pytest.fixture
def hotel(reading: Reading) -> Reading:
    """AV-1 of Avon with signs in several scripts, read; BO-1 of Borders with one, read too."""
    reading.exhibit(
        "AV-1", {"hotel.png": sign(20), "volna.png": sign(40), "fonduq.png": sign(60), "eki.png": sign(80),
                 "zimmer.png": sign(100), "wall.png": sign(120)},
    )  # fmt: skip
    reading.exhibit("BO-1", {"lamp.png": sign(140)}, reading.cast.outsider)
    reading.order("AV-1")
    reading.order("BO-1", reading.cast.outsider)
    return reading


def labels(found: Results, part: str = "visible") -> set[str]:
    return {hit.picture.label for group in found.groups if group.part == part for hit in group.hits if hit.picture}


def jobs_waiting(name: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from procrastinate_jobs where task_name = %s and status = 'todo'", [name])
        return int(cursor.fetchone()[0])


# --- Reading ----------------------------------------------------------------------------------------------------------


def test_nothing_is_read_until_somebody_asks_and_then_each_file_once(
    reading: Reading, cast: Cast, as_job: Behind
) -> None:
    exhibit = reading.exhibit("AV-1", {"a.png": sign(20), "copy.png": sign(20), "wall.png": sign(120)})
    with as_job(cast.owner):
        jobs.follow_text(exhibit, str(cast.owner.officer_id))
        jobs.read_text(str(reading.album.cases["AV-1"].id), str(cast.owner.officer_id))
    assert not VisibleText.objects.exists()
    assert jobs_waiting("read_text") == 0
    reading.order("AV-1")
    assert VisibleText.objects.count() == 2
    row = reading.text("AV-1", "a.png")
    assert row.text == "Harbour Hotel\nCall +44 20 7946 0000 www.example.org"
    assert (row.recogniser, row.language, row.script) == ("signs 1", "", "Latin")
    assert [row.words[0][0], row.words[0][6]] == ["Harbour", 0]
    assert row.words[0][2:4] == pytest.approx([0.1, 0.2], abs=0.01)
    assert reading.text("AV-1", "wall.png").text == ""
    reading.read("AV-1")
    assert VisibleText.objects.count() == 2
    later = reading.exhibit("AV-1", {"later.png": sign(40)})
    with as_job(cast.owner):
        jobs.follow_text(later, str(cast.owner.officer_id))
    assert jobs_waiting("read_text") == 1
    act = Act.objects.filter(verb="text.read").order_by("id")[0]
    assert '"files":2' in act.details
    assert "Harbour" not in act.details


def test_a_machine_may_read_every_new_picture_or_none(
    reading: Reading, cast: Cast, as_job: Behind, as_actor: Behind, signs: Any
) -> None:
    exhibit = reading.exhibit("AV-1", {"a.png": sign(20)})
    signs.TEXT_MODE = "off"
    with as_actor(cast.owner), pytest.raises(ActRefused, match="switched off"):
        reading.order("AV-1")
    with as_actor(cast.owner):
        assert not queries.get_case_text(cast.owner, "AV-1", "", "", number=1, shown=()).standing.reads
    signs.TEXT_MODE = "all"
    with as_job(cast.owner):
        jobs.follow_text(exhibit, str(cast.owner.officer_id))
        jobs.read_text(str(reading.album.cases["AV-1"].id), str(cast.owner.officer_id))
    assert reading.text("AV-1", "a.png").text.startswith("Harbour")


def test_hostile_pictures_and_readers_that_fail_cost_their_own_line(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extracting, "SECONDS", 3.0)
    reading.exhibit(
        "AV-1", {"good.png": sign(20), "crash.png": sign(200), "raise.png": sign(220), "hang.png": sign(240),
                 "cut.png": sign(40)[:-200] + b"\x00" * 40, "late.png": sign(100)},
    )  # fmt: skip
    reading.order("AV-1")
    assert reading.text("AV-1", "good.png").text
    assert reading.text("AV-1", "late.png").language == "de"
    troubles = {name: reading.text("AV-1", name).trouble for name in ("crash.png", "raise.png", "hang.png")}
    assert "crashed" in troubles["crash.png"]
    assert "The sign is not lit." in troubles["raise.png"]
    assert "longer than 3 seconds" in troubles["hang.png"]
    before = VisibleText.objects.count()
    reading.read("AV-1")
    assert VisibleText.objects.count() == before


def test_the_key_frames_of_a_video_are_read_each_line_once_with_its_second(
    reading: Reading, cast: Cast, client_for: Browsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lit(grey: int, size: tuple[int, int]) -> Image.Image:
        picture = scene(grey, size)
        picture.paste((grey, grey, grey), (120, 80, 200, 160))
        return picture

    monkeypatch.setattr(films, "scene", lit)
    reading.exhibit("AV-1", {"walk.mp4": films.film(20, 100, 20, gop=5)})
    reading.order("AV-1")
    row = reading.text("AV-1", "walk.mp4")
    lines = ["Harbour Hotel", "Call +44 20 7946 0000 www.example.org", "Zimmer frei, bitte an der Rezeption fragen"]
    assert sorted(row.text.split("\n")) == sorted(lines)
    seconds = {word[0]: word[7] for word in row.words}
    assert (seconds["Harbour"], seconds["Zimmer"]) == (pytest.approx(0.0, abs=0.3), pytest.approx(1.0, abs=0.3))
    browser = client_for(cast.owner)
    page = browser.get(f"/media/{reading.album.media('AV-1', 'walk.mp4').id}/text/").content.decode()
    assert "at 0:01" in page
    assert "<polygon" not in page
    assert "1 of 1" in browser.get("/cases/AV-1/text/?q=zimmer").content.decode()


def test_a_file_that_was_read_in_another_open_case_is_not_read_again(
    hotel: Reading, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    hotel.exhibit("AV-2", {"copy.png": sign(20), "theirs.png": sign(140)})
    given: list[int] = []
    read = extracting.read_words
    monkeypatch.setattr(reading, "read_words", lambda pictures: given.append(len(pictures)) or read(pictures))
    hotel.order("AV-2")
    assert hotel.text("AV-2", "copy.png").text == hotel.text("AV-1", "hotel.png").text
    # What Borders read is nothing that Avon may know of: the same file is read anew.
    assert given[0] == 1
    assert hotel.text("AV-2", "theirs.png").text == "Harbour lamp"


def test_another_version_reads_again_and_what_was_read_is_retired(
    hotel: Reading, cast: Cast, as_job: Behind, as_actor: Behind, signs: Any
) -> None:
    signs.TEXT_LANGUAGES = "2"
    with as_job(None):
        assert again.read_again() >= 2
    assert jobs_waiting("read_text") == 2
    hotel.read("AV-1")
    assert set(
        VisibleText.objects.filter(case__reference="AV-1", retired_at=None).values_list("recogniser", flat=True)
    ) == {"signs 2"}
    assert (
        VisibleText.objects.filter(case__reference="AV-1", recogniser="signs 1", retired_at__isnull=False).count() == 6
    )
    with as_actor(cast.owner):
        assert labels(search(cast.owner, "harbour")) == {"hotel.png"}


def test_who_may_not_contribute_asks_for_nothing_and_ends_nothing(
    hotel: Reading, cast: Cast, client_for: Browsers
) -> None:
    for actor in (cast.outsider, cast.administrator, cast.auditor):
        for act in ("order", "end"):
            assert client_for(actor).post(f"/cases/AV-1/text/{act}/").status_code == 404
    assert TextOrder.objects.get(case__reference="AV-1").ended_at is None
    owner = client_for(cast.colleague)
    assert owner.post("/cases/AV-1/text/end/").status_code == 302
    assert TextOrder.objects.get(case__reference="AV-1").ended_by_id == cast.colleague.officer_id
    assert owner.post("/cases/AV-1/text/end/").status_code == 409
    assert owner.post("/cases/AV-1/text/order/").status_code == 302
    assert TextOrder.objects.filter(case__reference="AV-1", ended_at=None).count() == 1
    assert owner.post("/cases/AV-1/text/order/").status_code == 302
    assert set(Act.objects.filter(verb__in=("text.asked", "text.ended")).values_list("verb", flat=True)) == {
        "text.asked", "text.ended",
    }  # fmt: skip


# --- Finding ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("harb", {"hotel.png"}),
        ("гостиница волна", {"volna.png"}),
        ("КРУГЛ", {"volna.png"}),
        ("الميناء", {"fonduq.png"}),
        ("駅", {"eki.png"}),
        ("京駅", {"eki.png"}),
        ("駅京", set()),
        ("rezeption language:de", {"zimmer.png"}),
        ("language:russian", {"volna.png"}),
        ("language:ja", {"eki.png"}),
        ("harbour language:de", set()),
        ("lamp", set()),
    ],
)
def test_words_of_every_script_are_found_by_those_who_may_see_them(
    hotel: Reading, cast: Cast, as_actor: Behind, words: str, expected: set[str]
) -> None:
    with as_actor(cast.owner):
        assert labels(search(cast.owner, words)) == expected
    with as_actor(cast.outsider):
        assert labels(search(cast.outsider, words)) == ({"lamp.png"} if words in ("lamp", "harb") else set())
    for actor in (cast.administrator, cast.auditor):
        with as_actor(actor):
            assert search(actor, words).groups == ()


@pytest.mark.parametrize(
    "asked",
    [
        "select app_search_visible('''harbour'':*', '', null, 10)",
        "select app_search_visible('', 'de', null, 10)",
        "select app_search_messages_in('', 'de', 10)",
    ],
)
def test_the_functions_of_the_wall_keep_the_wall(hotel: Reading, cast: Cast, as_actor: Behind, asked: str) -> None:
    said = hotel.album.books.record(
        hotel.album.cases["AV-1"], "message", "said", body="Wir treffen uns morgen am Bahnhof"
    )
    MessageLanguage.objects.create(
        record=said,
        holding_id=said.holding_id,
        agency_id=said.agency_id,
        language="de",
        probability=0.9,
        script="Latin",
    )
    counts = []
    for actor in (cast.owner, cast.outsider, cast.administrator, None):
        with as_actor(actor), connection.cursor() as cursor:
            cursor.execute(asked)
            counts.append(len(cursor.fetchall()))
    assert counts == [1, 1 if "harbour" in asked else 0, 0, 0]


def test_a_hit_marks_its_words_and_their_boxes(hotel: Reading, cast: Cast, as_actor: Behind) -> None:
    with as_actor(cast.owner):
        (hit,) = next(group for group in search(cast.owner, "hotel").groups if group.part == "visible").hits
        (across,) = next(group for group in search(cast.owner, "駅出").groups if group.part == "visible").hits
    found = hit.picture
    assert found is not None
    assert ("Hotel", True) in hit.text
    assert ("Harbour", False) in hit.text
    assert len(found.boxes) == 1
    left, top = (float(part) for part in found.boxes[0].split()[0].split(","))
    assert (left / found.width, top / found.height) == pytest.approx((0.1 + 60 / 1000, 0.2), abs=0.02)
    assert found.tile.veil
    assert across.picture is not None
    assert len(across.picture.boxes) == 2
    assert language_in("language:DE  rezeption language:nowhere") == ("rezeption", "")


def test_galleries_find_words_on_pictures_and_those_who_read_are_told_them(
    hotel: Reading, cast: Cast, as_actor: Behind
) -> None:
    def shown(**wanted: str) -> set[str]:
        with as_actor(cast.owner):
            _, found = get_gallery(cast.owner, "AV-1", Wanted(**wanted), shown=frozenset())
        return {tile.label for tile in found.tiles}

    assert shown(having="text") == {"hotel.png", "volna.png", "fonduq.png", "eki.png", "zimmer.png"}
    assert shown(words="harbour") == {"hotel.png"}
    assert shown(words="language:ru") == {"volna.png"}
    assert shown(words="駅 会い") == {"eki.png"}
    assert shown(words="language:nowhere") == set()
    assert shown(words="volna.png") == {"volna.png"}
    Seeing.objects.update_or_create(
        officer_id=cast.owner.officer_id, defaults={"mode": "text", "changed_at": timezone.now()}
    )
    with as_actor(cast.owner):
        _, found = get_gallery(cast.owner, "AV-1", Wanted(words="zimmer"), shown=frozenset())
    assert ("Visible text (German)", "Zimmer frei, bitte an der Rezeption fragen") in found.tiles[0].words


# --- Pages ------------------------------------------------------------------------------------------------------------


def test_the_pages_show_words_boxes_and_suggestions_and_no_look_is_counted(
    hotel: Reading, cast: Cast, client_for: Browsers
) -> None:
    media = hotel.album.media("AV-1", "hotel.png")
    browser = client_for(cast.owner)
    with CaptureQueriesContext(connection) as asked:
        page = browser.get(f"/media/{media.id}/text/", {"q": "hotel"}).content.decode()
    assert len(of_the_page(asked)) <= 25
    assert "<mark>Hotel</mark>" in page
    assert page.count("<polygon") == 8
    assert "data-found" in page
    assert "+442079460000" in page
    assert "/search/?q=www.example.org" in page
    for address in (
        "/cases/AV-1/text/",
        "/cases/AV-1/text/?q=hotel",
        "/cases/AV-1/text/?language=de",
        "/search/?q=hotel",
    ):
        with CaptureQueriesContext(connection) as asked:
            answer = browser.get(address)
        assert answer.status_code == 200, address
        assert len(of_the_page(asked)) <= 25, address
    assert b"6 of 6" in browser.get("/cases/AV-1/text/").content
    assert not Day.objects.exists()
    for actor in (cast.outsider, cast.administrator, cast.auditor):
        assert client_for(actor).get(f"/media/{media.id}/text/").status_code == 404
        assert client_for(actor).get("/cases/AV-1/text/").status_code == 404


def test_the_words_of_a_known_file_are_read_and_the_file_is_not_shown(
    hotel: Reading, cast: Cast, client_for: Browsers, import_list: Any
) -> None:
    media = hotel.album.media("AV-1", "hotel.png")
    import_list(cast.owner, f"sha256\n{media.sha256}\n".encode())
    browser = client_for(cast.owner)
    for address in (f"/media/{media.id}/text/", "/cases/AV-1/text/?q=hotel", "/search/?q=hotel"):
        page = browser.get(address).content.decode()
        assert "Hotel" in page
        assert "data:image" not in page, address
        assert f"/media/{media.id}/thumbnail" not in page


def test_without_a_recogniser_nothing_breaks_and_the_page_says_so(
    reading: Reading, cast: Cast, client_for: Browsers, signs: Any
) -> None:
    exhibit = reading.exhibit("AV-1", {"a.png": sign(20)})
    signs.TEXT_RECOGNISER = "tests.web.texts.nowhere.Reader"
    page = client_for(cast.owner).get("/cases/AV-1/text/").content.decode()
    assert "No recogniser is installed: The recogniser tests.web.texts.nowhere.Reader cannot be loaded" in page
    assert client_for(cast.owner).post("/cases/AV-1/text/order/").status_code == 409
    with reading.as_job(cast.owner):
        jobs.follow_text(exhibit, str(cast.owner.officer_id))
    assert not VisibleText.objects.exists()


# --- Languages of messages --------------------------------------------------------------------------------------------

SAID = {
    "german": "Wir treffen uns morgen am Bahnhof, sag niemandem etwas davon",
    "english": "We meet at the station tomorrow, do not tell anybody about it",
    "short": "ok bis dann",
}


def test_messages_get_their_language_in_slices_and_are_found_by_it(
    reading: Reading, cast: Cast, as_job: Behind, as_actor: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = reading.album.case("AV-1")
    rows = {name: reading.album.books.record(case, "message", name, body=body) for name, body in SAID.items()}
    exhibit = rows["german"].exhibit
    monkeypatch.setattr(languages, "SLICE", 2)
    with as_job(cast.owner):
        jobs.tell_languages(str(exhibit.id), str(cast.owner.officer_id))
    assert LanguagePass.objects.get().ended_at is None
    assert jobs_waiting("go_on_telling") == 1
    with as_job(cast.owner):
        jobs.go_on_telling(str(exhibit.id), str(cast.owner.officer_id))
        jobs.go_on_telling(str(exhibit.id), str(cast.owner.officer_id))
    row = LanguagePass.objects.get()
    assert (row.messages, row.told, row.ended_at is not None) == (3, 2, True)
    told = dict(MessageLanguage.objects.values_list("record__label", "language"))
    assert told == {"german": "de", "english": "en"}
    with as_actor(cast.owner):
        for words, expected in (
            ("language:de", 1),
            ("bahnhof language:de", 1),
            ("station language:de", 0),
            ("station", 1),
        ):
            groups = {group.part: group.total for group in search(cast.owner, words).groups}
            assert groups.get("messages", 0) == expected, words
        asked = search(cast.owner, read("", language="en"))
        assert (asked.language_name, asked.total) == ("English", 1)
        assert search(cast.owner, "AV-1").groups[0].part == "cases"
        assert not search(cast.owner, read("AV-1", language="en")).groups
    with as_actor(cast.outsider):
        assert search(cast.outsider, "language:de").groups == ()


def test_exhibits_read_before_there_were_languages_are_gone_through_once_a_night(
    reading: Reading, as_job: Behind
) -> None:
    reading.album.case("AV-1")
    with as_job(None):
        assert again.read_again() == 1
    assert jobs_waiting("go_on_telling") == 1


def test_an_outsider_tells_no_language_of_another_agencys_messages(
    reading: Reading, cast: Cast, as_job: Behind
) -> None:
    case = reading.album.case("AV-1")
    said = reading.album.books.record(case, "message", "german", body=SAID["german"])
    with as_job(cast.outsider), pytest.raises(NotFound):
        jobs.tell_languages(str(said.exhibit_id), str(cast.outsider.officer_id))
    assert not MessageLanguage.objects.exists()
