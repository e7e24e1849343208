"""Long galleries, veils, words and digests in the place of pictures, masks; as browsers of the cast see them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from PIL import Image

from opencets_web.audit.models import Act
from opencets_web.exposure.models import Day
from opencets_web.media import jobs, queries
from opencets_web.media.models import Description, Mask, Media
from opencets_web.policy.actor import Actor
from tests.web.conftest import Behind, Cast, signed
from tests.web.media.conftest import Album, Import, jpeg

Browsers = Callable[[Actor | None], Client]


def picture(browser: Client, medium: Media, what: str = "thumbnail") -> Any:
    answer = browser.get(signed(browser, f"/media/{medium.id}/{what}"))
    if answer.streaming:
        answer.body = answer.getvalue()  # type: ignore[attr-defined]
    return answer


def test_a_long_gallery_goes_on_by_position_and_is_counted_afterwards(
    album: Album, cast: Cast, client_for: Browsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "PAGE_SIZE", 2)
    monkeypatch.setattr(queries, "COUNTED_WITH_THE_PAGE", 3)
    album.exhibit(
        "AV-1", {f"{name}.jpg": jpeg(number) for number, name in enumerate("abcde", 1)} | {"f/a.jpg": jpeg(1)}
    )
    browser = client_for(cast.owner)
    for sort in ("newest", "oldest", "folder", "taken", "largest", "camera"):
        order = browser.get(f"/cases/AV-1/media/order/?sort={sort}").json()
        assert (order["length"], order["whole"], len(order["starts"]), order["per_page"]) == (5, True, 2, 2)
        found = browser.get(f"/cases/AV-1/media/?sort={sort}").context["found"]
        assert (found.length, found.totals, found.next_after) == (None, None, order["starts"][0])
        labels = [tile.label for tile in found.tiles]
        for start in order["starts"]:
            page = browser.get(f"/cases/AV-1/media/tiles/?sort={sort}&after={start}")
            labels += [tile.label for tile in page.context["found"].tiles]
            assert page.content.count(b'class="tile"') == len(page.context["found"].tiles)
        assert len(set(labels)) == len(labels) == 5, sort
    # A place that is gone, or not theirs, begins at the beginning.
    again = browser.get("/cases/AV-1/media/tiles/?after=00000000-0000-0000-0000-000000000000").context["found"]
    assert len(again.tiles) == 2
    for actor in (cast.outsider, cast.administrator):
        for address in ("tiles", "order"):
            assert client_for(actor).get(f"/cases/AV-1/media/{address}/").status_code == 404
    assert client_for(cast.outsider).get("/media/order/").json()["length"] == 0
    assert browser.get("/media/order/").json()["length"] == 6


def test_the_page_holds_veils_and_the_picture_leaves_only_when_it_is_asked_for(
    album: Album, cast: Cast, client_for: Browsers, as_job: Behind
) -> None:
    exhibit = album.exhibit("AV-1", {"a.jpg": jpeg(1)})
    browser, medium = client_for(cast.owner), album.media("AV-1", "a.jpg")
    before = browser.get("/cases/AV-1/media/").context["found"].tiles[0]
    assert before.veil.startswith("data:image/png;base64,")
    with as_job(cast.owner):
        jobs.keep_veils(str(exhibit.id), str(cast.owner.officer_id))
        jobs.keep_veils(str(exhibit.id), str(cast.owner.officer_id))
    medium.refresh_from_db()
    assert 20 < len(bytes(medium.veil or b"")) < 600
    with Image.open(io.BytesIO(bytes(medium.veil or b""))) as veil:
        assert veil.size == (16, 16)
    page = browser.get("/cases/AV-1/media/")
    tile = page.context["found"].tiles[0]
    assert tile.veil == before.veil
    assert f'data-picture="{tile.thumbnail_url}"'.replace("&", "&amp;") in page.content.decode()
    assert f'src="{tile.thumbnail_url}"' not in page.content.decode()
    assert picture(browser, medium).status_code == 200


@pytest.mark.parametrize(("mode", "reads"), [("text", "Described"), ("hashes", "SHA-256")])
def test_in_words_and_in_digests_no_picture_is_addressed_and_none_is_given_out(
    album: Album, cast: Cast, client_for: Browsers, mode: str, reads: str
) -> None:
    album.exhibit("AV-1", {"a.jpg": jpeg(1, serial="7701234"), "b.jpg": jpeg(2)})
    medium, browser = album.media("AV-1", "a.jpg"), client_for(cast.owner)
    other = client_for(cast.colleague)
    other.post(f"/media/{medium.id}/describe/", {"text": "A lamp beside a   window"})
    browser.post("/exposure/choose/", {"mode": mode, "next": "https://example.org/"})
    for address in ("/cases/AV-1/media/", "/media/", f"/media/{medium.id}/", "/cases/AV-1/media/tiles/"):
        page = browser.get(address).content.decode()
        assert "/thumbnail" not in page, address
        assert "/original" not in page, address
        assert "data:image" not in page, address
        assert medium.sha256 in page or mode == "text" or address.endswith("tiles/"), address
    words = {tile.label: dict(tile.words) for tile in browser.get("/cases/AV-1/media/").context["found"].tiles}["a.jpg"]
    assert reads in words
    if mode == "text":
        assert (words["Described"], words["Camera"]) == ("A lamp beside a window", "Harbour Optics HX-2 7701234")
    else:
        assert words["SHA-256"] == medium.sha256
    for what in ("thumbnail", "original"):
        refused = browser.get(signed(browser, f"/media/{medium.id}/{what}"), headers={"Accept": "application/json"})
        assert (refused.status_code, refused.json()["code"]) == (409, "chosen")
        assert picture(client_for(cast.outsider), medium, what).status_code == 404
        assert picture(other, medium, what).status_code == 200
    browser.post("/exposure/choose/", {"mode": "pictures"})
    assert picture(browser, medium).status_code == 200


def test_words_are_written_once_for_all_and_taken_back(album: Album, cast: Cast, client_for: Browsers) -> None:
    album.exhibit("AV-1", {"a.jpg": jpeg(1)})
    medium, browser = album.media("AV-1", "a.jpg"), client_for(cast.owner)
    address = f"/media/{medium.id}/describe/"
    for text in ("A lamp", "A lamp and a chair", "A lamp and a chair"):
        assert browser.post(address, {"text": text}).status_code == 302
    rows = Description.objects.order_by("written_at")
    assert [(row.text, row.withdrawn_at is None) for row in rows] == [("A lamp", False), ("A lamp and a chair", True)]
    living = Description.objects.get(withdrawn_at=None)
    assert client_for(cast.outsider).post(f"/descriptions/{living.id}/undo/").status_code == 404
    assert client_for(cast.outsider).post(address, {"text": "x"}).status_code == 404
    assert browser.post(f"/descriptions/{living.id}/undo/").status_code == 302
    assert Description.objects.get(withdrawn_at=None).text == "A lamp"
    browser.post(address, {"text": " "})
    assert not Description.objects.filter(withdrawn_at=None).exists()
    assert Act.objects.filter(verb="media.described", holding_id=medium.holding_id).count() == 4


def test_a_mask_is_painted_for_everybody_until_it_is_lifted_or_taken_away(
    album: Album, cast: Cast, client_for: Browsers
) -> None:
    album.exhibit("AV-1", {"a.jpg": jpeg(1)})
    medium, browser, other = album.media("AV-1", "a.jpg"), client_for(cast.owner), client_for(cast.colleague)
    clear = picture(other, medium).content
    asked = {"left": 0, "top": 0, "width": 500, "height": 1000}
    assert client_for(cast.outsider).post(f"/media/{medium.id}/masks/", asked).status_code == 404
    assert browser.post(f"/media/{medium.id}/masks/", asked | {"width": 1001}).status_code == 409
    assert browser.post(f"/media/{medium.id}/masks/", asked | {"left": 600}).status_code == 409
    assert browser.post(f"/media/{medium.id}/masks/", asked).status_code == 302
    mask = Mask.objects.get()
    for who in (browser, other):
        with Image.open(io.BytesIO(picture(who, medium).content)) as painted:
            wide, high = painted.size
            assert all(
                abs(part - 96) < 8 for place in ((4, 4), (wide // 2 - 6, high - 4)) for part in painted.getpixel(place)
            )
        refused = picture(who, medium, "original")
        assert refused.status_code == 409
    page = other.get("/cases/AV-1/media/")
    assert page.context["found"].tiles[0].masked == 1
    assert other.post(f"/media/{medium.id}/masks/lift/").status_code == 302
    assert picture(other, medium).content == clear
    assert picture(other, medium, "original").status_code == 200
    assert picture(browser, medium).content != clear
    day = Day.objects.get(officer_id=cast.colleague.officer_id)
    assert (day.count, day.masks_lifted) == (2, 1)
    assert client_for(cast.outsider).post(f"/masks/{mask.id}/withdraw/").status_code == 404
    browser.post(f"/masks/{mask.id}/withdraw/")
    assert picture(browser, medium).content == clear
    browser.post(f"/masks/{mask.id}/restore/")
    assert picture(browser, medium).content != clear
    verbs = ["mask.drawn", "mask.lifted", "mask.withdrawn", "mask.restored"]
    assert list(Act.objects.filter(verb__startswith="mask.").order_by("id").values_list("verb", flat=True)) == verbs


def test_what_resembles_a_known_file_is_hidden_and_counted_beside_the_known(
    album: Album, cast: Cast, client_for: Browsers, import_list: Import
) -> None:
    album.exhibit("AV-1", {"same.jpg": jpeg(1), "like.jpg": jpeg(2), "new.jpg": jpeg(9)})
    same, like = album.media("AV-1", "same.jpg"), album.media("AV-1", "like.jpg")
    near = bytearray(bytes(like.pdq or b""))
    near[0] ^= 0b111
    lines = [f"SHA256,PDQ,Category\n{same.sha256},,US:1\n,{bytes(near).hex()},US:2\n"]
    import_list(cast.owner, lines[0].encode())
    found = client_for(cast.owner).get("/cases/AV-1/media/").context["found"]
    assert [tile.label for tile in found.tiles] == ["new.jpg"]
    assert (found.totals.known, found.totals.near_known, found.length) == (2, 1, 1)
    listed = client_for(cast.owner).get("/cases/AV-1/media/?known=only").context["found"].tiles
    assert {(tile.label, tile.near_known, tile.thumbnail_url) for tile in listed} == {
        ("same.jpg", False, ""), ("like.jpg", True, ""),
    }  # fmt: skip


def test_how_severe_and_how_loud_is_counted_by_grade_and_known_category(
    album: Album, cast: Cast, client_for: Browsers
) -> None:
    album.exhibit("AV-1", {"a.jpg": jpeg(1), "b.jpg": jpeg(2), "c.jpg": jpeg(3)})
    a, b, c = (album.media("AV-1", f"{name}.jpg") for name in "abc")
    Media.objects.filter(pk=a.pk).update(severity=0)
    Media.objects.filter(pk=b.pk).update(known_as=["US:1", "A list"])
    reveals = [
        {"id": str(a.id), "milliseconds": 1000},
        {"id": str(b.id), "milliseconds": 2000, "sound": True},
        {"id": str(c.id), "milliseconds": 500, "lifted": True},
    ]
    client_for(cast.owner).post("/media/exposure/", json.dumps({"reveals": reveals}), content_type="application/json")
    day = Day.objects.get()
    assert (day.count, day.seconds, day.by_severity) == (3, 3.5, [1, 0, 0, 1, 1])
    assert (day.sound_seconds, day.masks_lifted, day.stretch_seconds) == (2.0, 1, 3.5)
