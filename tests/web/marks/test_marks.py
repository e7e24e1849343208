"""Marks: what is found, by whom it is seen, what is decided, what leaves."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL import Image

from opencets.errors import ActRefused, NotFound
from opencets_web.audit.models import Act
from opencets_web.evidence.models import ExhibitFile
from opencets_web.exposure.models import Day
from opencets_web.marks import actions, queries
from opencets_web.marks.models import FrameSignal, Mark, MarkJudgement, MarkMatch, MarkRegion, RegionSignal
from opencets_web.media.actions import draw_mask, set_mask_withdrawn
from opencets_web.media.models import HashSet, Media
from opencets_web.policy.actor import Actor
from tests.house.test_queries_per_page import of_the_page
from tests.matching.test_regions import print_of, scene
from tests.web.conftest import Behind, Cast, signed
from tests.web.marks.conftest import Marking, film, picture

Browsers = Callable[[Actor | None], Client]
MOST_QUERIES = 25
BOX = {"left": "20", "top": "20", "width": "50", "height": "60"}


@pytest.fixture
def rooms(marking: Marking) -> Marking:
    """AV-1 holds the marked picture and one place, BO-1 of Borders another."""
    marking.extract(
        "AV-1", {"marked.jpg": picture(1, 1), "there.jpg": picture(1, 57, 1.5, 200), "other.jpg": picture(9, 3)}
    )
    marking.extract("BO-1", {"theirs.jpg": picture(1, 53, 0.8, 40), "else.jpg": picture(8, 4)}, marking.cast.outsider)
    return marking


def listed_by(cast: Cast) -> HashSet:
    """A hash set of Avon."""
    return HashSet.objects.create(
        agency=cast.avon, name="Listed", source="A partner", authority="Section 12", format="csv", imported_at=timezone.now(),
        imported_by_id=cast.owner.officer_id,
    )  # fmt: skip


def found(mark: Mark) -> set[str]:
    return set(MarkMatch.objects.filter(region__mark=mark).values_list("media__file__name", flat=True))


def test_a_marked_region_is_found_in_every_holding_and_seen_by_those_who_may_see_both(
    rooms: Marking, cast: Cast, as_actor: Behind, client_for: Browsers
) -> None:
    mark = rooms.mark("AV-1", "marked.jpg")
    assert found(mark) == {"there.jpg", "theirs.jpg"}
    with as_actor(cast.owner):
        page = queries.get_mark(cast.owner, mark.id, shown=frozenset())
    assert [place.picture.label for place in page.places] == ["there.jpg"]
    assert "points of the region" in page.places[0].why
    with as_actor(cast.outsider), pytest.raises(NotFound):
        queries.get_mark(cast.outsider, mark.id, shown=frozenset())
    answer = client_for(cast.owner).get(f"/marks/{mark.id}/")
    assert answer.status_code == 200
    assert b"theirs.jpg" not in answer.content
    for actor in (cast.outsider, cast.administrator, cast.auditor):
        assert client_for(actor).get(f"/marks/{mark.id}/").status_code == 404
    rooms.album.books.grant(rooms.album.case("AV-1"), cast.outsider)
    with as_actor(cast.outsider):
        page = queries.get_mark(cast.outsider, mark.id, shown=frozenset())
    assert {place.picture.label for place in page.places} == {"there.jpg", "theirs.jpg"}


def test_a_picture_that_comes_later_is_searched_for_every_mark_in_use(
    rooms: Marking, cast: Cast, as_actor: Behind
) -> None:
    mark = rooms.mark("AV-1", "marked.jpg")
    withdrawn = rooms.mark("AV-1", "marked.jpg")
    with as_actor(cast.owner):
        actions.withdraw(cast.owner, withdrawn.id)
    rooms.extract("AV-2", {"later.jpg": picture(1, 61, 1.2, 90)})
    assert "later.jpg" in found(mark)
    assert "later.jpg" not in found(withdrawn)
    with as_actor(cast.owner):
        actions.restore(cast.owner, withdrawn.id)
    rooms.search(withdrawn.id)
    assert "later.jpg" in found(withdrawn)


def test_extraction_goes_on_where_it_stopped_and_a_broken_picture_costs_a_line(marking: Marking, cast: Cast) -> None:
    marking.extract("AV-1", {"a.jpg": picture(1, 1), "broken.jpg": picture(2, 2)[:4000]})
    signals = list(RegionSignal.objects.order_by("position"))
    assert [bool(signal.trouble) for signal in signals].count(True) <= 1
    marking.extract("AV-1", {"b.jpg": picture(3, 3)})
    assert RegionSignal.objects.count() == len(signals) + 1


def test_a_place_is_confirmed_rejected_and_undone_with_who_when_and_why(
    rooms: Marking, cast: Cast, as_actor: Behind
) -> None:
    mark = rooms.mark("AV-1", "marked.jpg")
    match = MarkMatch.objects.get(region__mark=mark, media__file__name="there.jpg")
    with as_actor(cast.outsider), pytest.raises(NotFound):
        actions.judge(cast.outsider, match.id, "same")
    with as_actor(cast.owner):
        actions.judge(cast.owner, match.id, "same", "The fern above the bed.")
        page = queries.get_mark(cast.owner, mark.id, shown=frozenset())
        assert (page.places[0].verdict, page.places[0].reason) == ("same", "The fern above the bed.")
        assert page.mark.confirmed == 1
        with pytest.raises(ActRefused):
            actions.judge(cast.owner, match.id, "perhaps")
        actions.judge(cast.owner, match.id, "different")
        assert [row.verdict for row in queries.get_mark(cast.owner, mark.id, shown=frozenset()).rejected] == [
            "different"
        ]
        actions.undo_judgement(cast.owner, match.id)
        with pytest.raises(ActRefused):
            actions.undo_judgement(cast.owner, match.id)
    assert MarkJudgement.objects.filter(match=match).exclude(undone_at=None).count() == 2
    verbs = set(Act.objects.filter(subject=f"mark:{mark.id}").values_list("verb", flat=True))
    assert {"mark.made", "mark.searched", "mark.confirmed", "mark.rejected", "mark.judgement-undone"} <= verbs


def test_a_region_is_marked_on_the_page_and_a_region_without_area_is_refused(
    rooms: Marking, cast: Cast, client_for: Browsers
) -> None:
    media = rooms.album.media("AV-1", "marked.jpg")
    browser, address = client_for(cast.owner), f"/media/{media.id}/marks/"
    with CaptureQueriesContext(connection) as asked:
        assert b"Mark and search" in browser.get(address).content
    assert len(of_the_page(asked)) <= MOST_QUERIES
    answer = browser.post(address, {"name": "Fern", "kind": "wallpaper", **BOX})
    assert answer.status_code == 302
    region = MarkRegion.objects.get(media=media)
    assert region.polygon[2] == [0.7, 0.8]
    outline = "[[0.1,0.1],[0.9,0.2],[0.5,0.9]]"
    assert browser.post(address, {"name": "Fern", "kind": "toy", "polygon": outline}).status_code == 302
    assert browser.post(address, {"name": "", "kind": "toy", **BOX}).status_code == 422
    assert browser.post(address, {"name": "Fern", "kind": "toy", "polygon": "[[1,1]]"}).status_code == 422
    assert browser.post(address, {"name": "Fern", "kind": "toy"}).status_code == 409
    for actor in (cast.outsider, cast.administrator, cast.auditor):
        assert client_for(actor).get(address).status_code == 404
        assert client_for(actor).post(address, {"name": "Fern", "kind": "toy", **BOX}).status_code == 404


def test_pages_of_marks_ask_few_questions_and_list_what_the_case_has(
    rooms: Marking, cast: Cast, client_for: Browsers
) -> None:
    mark = rooms.mark("AV-1", "marked.jpg")
    browser = client_for(cast.owner)
    for address in ("/cases/AV-1/marks/", f"/marks/{mark.id}/"):
        with CaptureQueriesContext(connection) as asked:
            assert b"Fern print" in browser.get(address).content
        assert len(of_the_page(asked)) <= MOST_QUERIES, address
    there = rooms.album.media("AV-1", "there.jpg")
    assert b"found here" in browser.get(f"/media/{there.id}/marks/").content


def test_the_region_is_handed_out_alone_with_a_purpose_and_logged(
    rooms: Marking, cast: Cast, client_for: Browsers
) -> None:
    mark = rooms.mark("AV-1", "marked.jpg")
    browser = client_for(cast.owner)
    assert browser.post(f"/marks/{mark.id}/hand-out/", {"purpose": " "}).status_code == 409
    answer = browser.post(f"/marks/{mark.id}/hand-out/", {"purpose": "For the textile trade."})
    alone = Image.open(io.BytesIO(answer.content))
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert alone.size[0] <= 170
    assert not alone.getexif()
    act = Act.objects.get(verb="mark.handed-out")
    assert json.loads(act.details)["purpose"] == "For the textile trade."
    crop = browser.get(signed(browser, f"/marks/{mark.id}/crop"))
    assert (crop.status_code, crop.headers["Content-Type"]) == (200, "image/jpeg")
    assert client_for(cast.outsider).post(f"/marks/{mark.id}/hand-out/", {"purpose": "x"}).status_code == 404
    assert Day.objects.get(officer_id=cast.owner.officer_id).count == 1
    Media.objects.filter(pk=rooms.album.media("AV-1", "marked.jpg").pk).update(known_set=listed_by(cast))
    assert browser.post(f"/marks/{mark.id}/hand-out/", {"purpose": "x"}).status_code == 409, "known, and not asked for"


def test_flipped_pictures_and_seconds_of_videos_are_found_and_said(
    marking: Marking, cast: Cast, client_for: Browsers
) -> None:
    marking.extract(
        "AV-1",
        {
            "marked.jpg": picture(1, 1),
            "flipped.jpg": picture(1, 57, 1.5, 200, flipped=True),
            "film.mp4": film((7, 71, 1.0), (1, 72, 1.2), (8, 73, 1.0)),
            "broken.mp4": film((7, 71, 1.0))[:3000],
        },
    )
    mark = marking.mark("AV-1", "marked.jpg")
    marking.extract("AV-1", {"later.mp4": film((1, 75, 0.9), (9, 76, 1.0))})
    places = {match.media.file.name: match for match in MarkMatch.objects.select_related("media__file")}
    assert set(places) == {"flipped.jpg", "film.mp4", "later.mp4"}
    assert {name: place.mirrored for name, place in places.items()} == {
        "flipped.jpg": True,
        "film.mp4": False,
        "later.mp4": False,
    }
    second = places["film.mp4"].second
    assert second is not None
    assert 2.0 <= second < 4.0
    assert (places["later.mp4"].second or 0.0) < 2.0
    assert places["flipped.jpg"].second is None
    signals = FrameSignal.objects.values_list("media_id", "trouble")
    broken = marking.album.media("AV-1", "broken.mp4").id
    assert [bool(trouble) for media_id, trouble in signals if media_id == broken] == [True]
    page = client_for(cast.owner).get(f"/marks/{mark.id}/").content.decode()
    assert "lie here in the same arrangement, mirrored" in page
    film_id = marking.album.media("AV-1", "film.mp4").id
    assert f"/media/{film_id}/footage/#t={second:.2f}" in page
    assert client_for(cast.owner).get(f"/media/{film_id}/marks/").status_code == 200


def test_a_masked_a_known_and_an_unkept_picture_give_no_region_and_whoever_reads_words_is_shown_none(
    rooms: Marking, cast: Cast, as_actor: Behind, client_for: Browsers
) -> None:
    mark = rooms.mark("AV-1", "marked.jpg")
    media, browser = rooms.album.media("AV-1", "marked.jpg"), client_for(cast.owner)
    crop = signed(browser, f"/marks/{mark.id}/crop")
    pages = (f"/marks/{mark.id}/", "/cases/AV-1/marks/", f"/media/{media.id}/marks/")
    hand_out = f"/marks/{mark.id}/hand-out/"

    def given() -> tuple[int, int, set[bool]]:
        told = {f"/marks/{mark.id}/crop" in browser.get(page).content.decode() for page in pages}
        return browser.get(crop).status_code, browser.post(hand_out, {"purpose": "Trade."}).status_code, told

    assert given() == (200, 200, {True})
    with as_actor(cast.owner):
        mask = draw_mask(cast.owner, media.id, left=10, top=10, width=200, height=200)
    assert given() == (409, 409, {False})
    with as_actor(cast.owner):
        set_mask_withdrawn(cast.owner, mask, withdrawn=True)
    browser.post("/exposure/choose/", {"mode": "hashes", "veil": "strong", "tile": "128"})
    assert b"data-picture" not in browser.get(pages[0]).content
    assert media.sha256[:16] in browser.get(pages[0]).content.decode()
    browser.post("/exposure/choose/", {"mode": "pictures", "veil": "strong", "tile": "128", "without_pictures": "on"})
    assert given() == (409, 409, {False})
    browser.post("/exposure/choose/", {"mode": "pictures", "veil": "strong", "tile": "128"})
    Media.objects.filter(pk=media.pk).update(known_set=listed_by(cast))
    assert given() == (409, 409, {False})
    assert b"Mark and search" not in browser.get(pages[2]).content
    browser.post(f"/media/{media.id}/show-known/")
    assert given() == (200, 200, {True}), "asked for on its own page in this session"
    Media.objects.filter(pk=media.pk).update(known_set=None)
    ExhibitFile.objects.filter(pk=media.file_id).update(blob=None)
    assert given() == (404, 409, {False})


def test_the_api_lists_shows_makes_judges_undoes_and_withdraws(
    rooms: Marking, cast: Cast, as_actor: Behind, client_for: Browsers
) -> None:
    media, browser, outsider = (
        rooms.album.media("AV-1", "marked.jpg"),
        client_for(cast.owner),
        client_for(cast.outsider),
    )
    corners = np.clip(scene(print_of(1), 1)[1], 0, 1).tolist()

    def post(address: str, who: Client = browser, **body: object) -> tuple[int, dict[str, Any]]:
        answer = who.post(f"/api/v1/{address}", body, content_type="application/json")
        return answer.status_code, answer.json() if answer.content else {}

    given = {"name": "Fern", "kind": "logo", "polygon": corners}
    assert post(f"media/{media.id}/marks", outsider, **given)[0] == 404
    assert post(f"media/{media.id}/marks", **(given | {"polygon": [[0.1, 2.0]] * 3}))[0] == 422
    status, made = post(f"media/{media.id}/marks", **given)
    assert status == 201
    address = f"/api/v1/marks/{made['id']}"
    (listed,) = browser.get("/api/v1/cases/AV-1/marks").json()["marks"]
    assert (listed["id"], listed["searched_at"], listed["media"]) == (made["id"], None, str(media.id))
    rooms.search(UUID(made["id"]))
    told = browser.get(address).json()
    assert [place["case"] for place in told["places"]] == ["AV-1"], "Borders' place is not theirs to see"
    (place,) = told["places"]
    assert (place["verdict"], place["mirrored"], place["second"], told["more"]) == (None, False, None, 0)
    assert post(f"places/{place['id']}/judge", outsider, verdict="same")[0] == 404
    assert post(f"places/{place['id']}/judge", verdict="perhaps")[0] == 422
    assert post(f"places/{place['id']}/judge", verdict="same", reason="The torn corner.")[0] == 204
    judged = browser.get(address).json()["places"][0]
    assert (judged["verdict"], judged["reason"]) == ("same", "The torn corner.")
    assert post(f"places/{place['id']}/undo")[0] == 204
    assert post(f"places/{place['id']}/undo")[0] == 409
    assert post(f"marks/{made['id']}/withdraw", outsider)[0] == 404
    assert post(f"marks/{made['id']}/withdraw")[0] == 204
    assert browser.get(address).json()["withdrawn"] is True
    assert post(f"marks/{made['id']}/restore")[0] == 204
    for who in (cast.outsider, cast.administrator, cast.auditor):
        assert client_for(who).get(address).status_code == 404
        assert client_for(who).get("/api/v1/cases/AV-1/marks").status_code == 404
