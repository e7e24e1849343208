"""The pages and bytes of media, as browsers of the cast see them."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from opencets_web.audit.models import Act
from opencets_web.exposure.models import Day
from opencets_web.media.models import Media, NearDuplicate
from opencets_web.policy.actor import Actor
from tests.house.test_queries_per_page import of_the_page
from tests.web.conftest import Cast, signed
from tests.web.media.conftest import Album, jpeg

pytestmark = pytest.mark.urls("tests.web.media.urls")
Browsers = Callable[[Actor | None], Client]
MOST_QUERIES = 25


def fetched(browser: Client, address: str, **headers: str) -> Any:
    """The answer, read to its end as a browser does."""
    answer = browser.get(signed(browser, address), headers=headers)
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


def test_a_grant_that_ends_closes_the_pictures_at_once(album: Album, cast: Cast, client_for: Browsers) -> None:
    album.exhibit("AV-1", {"a.jpg": jpeg(1)})
    medium = album.media("AV-1", "a.jpg")
    grant = album.books.grant(medium.case, cast.outsider)
    browser = client_for(cast.outsider)
    assert fetched(browser, f"/media/{medium.id}/thumbnail").status_code == 200
    grant.withdrawn_at = timezone.now()
    grant.save(update_fields=["withdrawn_at"])
    assert fetched(browser, f"/media/{medium.id}/thumbnail").status_code == 404


def test_the_gallery_stacks_identical_files_and_shows_every_one_veiled(
    album: Album, cast: Cast, client_for: Browsers
) -> None:
    album.exhibit("AV-1", {"a.jpg": jpeg(1), "again/b.jpg": jpeg(1), "c.jpg": jpeg(2)})
    answer = client_for(cast.owner).get("/cases/AV-1/media/")
    page = answer.content.decode()
    found = answer.context["found"]
    assert [(tile.label, tile.note) for tile in sorted(found.tiles, key=lambda tile: tile.note)] == [
        ("c.jpg", "EX-0002 · 320 × 240"),
        (album.media("AV-1", "a.jpg").file.name if page.count("a.jpg") else "b.jpg", "EX-0002 · 320 × 240 · 2 copies"),
    ]
    assert page.count('<img class="veiled"') == 2
    assert (found.totals.files, found.totals.copies, found.totals.pictures, found.totals.videos) == (2, 3, 2, 0)
    act = Act.objects.get(verb="gallery.viewed")
    assert (act.officer_id, act.holding_id) == (cast.owner.officer_id, album.case("AV-1").holding_id)


def test_the_gallery_narrows_and_orders(album: Album, cast: Cast, client_for: Browsers) -> None:
    album.exhibit(
        "AV-1",
        {
            "plain.jpg": jpeg(1),
            "large.jpg": jpeg(2, size=(900, 700), quality=97),
            "camera.jpg": jpeg(3, serial="7701234"),
            "place.jpg": jpeg(4, gps=True),
        },
    )
    album.exhibit("AV-1", {"later.jpg": jpeg(5)})
    browser = client_for(cast.owner)

    def labels(query: str) -> list[str]:
        return [tile.label for tile in browser.get(f"/cases/AV-1/media/?{query}").context["found"].tiles]

    assert labels("having=position") == ["place.jpg"]
    assert labels("having=serial") == ["camera.jpg"]
    assert labels("exhibit=EX-0003") == ["later.jpg"]
    assert labels("q=LARGE") == ["large.jpg"]
    assert labels(f"q={album.media('AV-1', 'plain.jpg').sha256}") == ["plain.jpg"]
    assert labels("kind=video") == []
    assert labels("sort=largest")[0] == "large.jpg"
    assert labels("sort=taken")[0] == "camera.jpg"
    assert labels("sort=camera")[0] == "camera.jpg"
    assert labels("")[0] == "later.jpg"
    assert labels("sort=oldest")[-1] == "later.jpg"
    assert labels("sort=folder&exhibit=EX-0002") == ["camera.jpg", "large.jpg", "place.jpg", "plain.jpg"]
    assert labels("sort=nonsense&kind=nonsense&known=nonsense&group=nonsense&set=nonsense")[0] == "later.jpg"


def test_previous_and_next_follow_the_gallery_that_was_left(album: Album, cast: Cast, client_for: Browsers) -> None:
    album.exhibit("AV-1", {f"{name}.jpg": jpeg(number) for number, name in enumerate("abcd", 1)})
    browser = client_for(cast.owner)
    tiles = browser.get("/cases/AV-1/media/?sort=folder").context["found"].tiles
    assert [tile.label for tile in tiles] == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    for before, tile, after in zip([None, *tiles], tiles, [*tiles[1:], None], strict=False):
        medium = browser.get(tile.url).context["medium"]
        assert medium.previous_url == (before.url if before else "")
        assert medium.next_url == (after.url if after else "")


def test_the_page_says_what_the_file_claims_and_where_it_was_read(
    album: Album, cast: Cast, client_for: Browsers
) -> None:
    album.exhibit("AV-1", {"dcim/a.jpg": jpeg(1, serial="7701234", gps=True), "b.jpg": jpeg(2, serial="7701234")})
    answer = client_for(cast.owner).get(f"/media/{album.media('AV-1', 'a.jpg').id}/")
    medium, page = answer.context["medium"], answer.content.decode()
    claims = {claim.property: claim.raw for claim in medium.claims}
    assert (claims["Camera serial"], claims["Taken"]) == ("7701234", "2026:03:04 17:05:00")
    assert [tile.label for tile in medium.same_camera] == ["b.jpg"]
    assert (medium.spot.words, medium.spot.longitude, medium.spot.latitude) == (
        "51.45000° N, 2.58333° W",
        -2.58333,
        51.45,
    )
    assert 'data-x="-2.58333" data-y="51.45"' in page
    assert medium.path == ("dcim/a.jpg",)
    assert dict(medium.digests)["SHA-256"] == sha256(jpeg(1, serial="7701234", gps=True)).hexdigest()
    assert Act.objects.filter(verb="media.viewed", holding_id=album.case("AV-1").holding_id).count() == 1


def test_an_original_is_served_in_ranges_and_its_opening_logged_once(
    album: Album, cast: Cast, client_for: Browsers
) -> None:
    content = jpeg(1, size=(1400, 1000), quality=97)
    album.exhibit("AV-1", {"a.jpg": content})
    medium, browser = album.media("AV-1", "a.jpg"), client_for(cast.owner)
    address, size = f"/media/{medium.id}/original", len(content)
    assert size > 50_000
    whole = fetched(browser, address)
    assert (whole.status_code, whole.body == content, whole["Content-Type"]) == (200, True, "image/jpeg")
    for asked, begin, end in (("bytes=0-99", 0, 100), ("bytes=100-", 100, size), ("bytes=-5", size - 5, size)):
        part = fetched(browser, address, Range=asked)
        assert (part.status_code, part["Content-Range"]) == (206, f"bytes {begin}-{end - 1}/{size}")
        assert (part.body == content[begin:end], part["Content-Length"]) == (True, str(end - begin))
    beyond = fetched(browser, address, Range=f"bytes={size}-")
    assert (beyond.status_code, beyond["Content-Range"]) == (416, f"bytes */{size}")
    for unusable in ("bytes=5-2,9-10", "pages=1-2", "bytes=-", "bytes=a-b"):
        assert fetched(browser, address, Range=unusable).status_code == 200
    assert Act.objects.filter(verb="file.opened").count() == 1
    assert Day.objects.get().count == 1
    assert browser.head(signed(browser, address))["Content-Length"] == str(size)
    assert fetched(client_for(cast.colleague), address, Range="bytes=1-").status_code == 206
    assert Act.objects.filter(verb="file.opened").count() == 2


HOSTILE = b"<html><script>alert(1)</script></html>"


def test_no_file_is_served_as_something_that_acts(album: Album, cast: Cast, client_for: Browsers) -> None:
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    picture = jpeg(1) + HOSTILE
    album.exhibit("AV-1", {"page.jpg": HOSTILE, "drawing.svg": drawing, 'so "x"\u202egpj.html;\n.jpg': picture})
    # By their bytes the first two are no pictures; they have no page here at all.
    assert {medium.media_type for medium in album.case("AV-1").media.all()} <= {"image/jpeg", "image/svg+xml"}
    browser = client_for(cast.owner)
    polyglot = Media.objects.get(media_type="image/jpeg")
    for declared, served, shown in (
        ("image/jpeg", "image/jpeg", True),
        ("text/html", "application/octet-stream", False),
        ("image/svg+xml", "application/octet-stream", False),
        ("video/x-html; charset=utf-7", "application/octet-stream", False),
        ("", "application/octet-stream", False),
    ):
        Media.objects.filter(pk=polyglot.pk).update(media_type=declared)
        answer = fetched(browser, f"/media/{polyglot.id}/original")
        assert answer["Content-Type"] == served
        assert answer["Content-Disposition"].startswith("inline" if shown else "attachment")
        assert "\u202e" not in answer["Content-Disposition"]
        assert "\n" not in answer["Content-Disposition"]
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Cache-Control"] == "private, no-store"
        assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'; frame-ancestors 'none'"
        assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    small = fetched(browser, f"/media/{polyglot.id}/thumbnail")
    assert (small["Content-Type"], small["X-Content-Type-Options"], small.content[:2]) == (
        "image/jpeg", "nosniff", b"\xff\xd8",
    )  # fmt: skip
    assert HOSTILE not in small.content
    assert small["Cache-Control"] == "private, max-age=60"


def test_exposures_are_counted_by_officer_and_day_and_only_what_may_be_seen(
    album: Album, cast: Cast, client_for: Browsers
) -> None:
    album.exhibit("AV-1", {"a.jpg": jpeg(1), "b.jpg": jpeg(2)})
    album.exhibit("BO-1", {"c.jpg": jpeg(3)}, cast.borders)
    mine, also, theirs = (album.media(*of).id for of in (("AV-1", "a.jpg"), ("AV-1", "b.jpg"), ("BO-1", "c.jpg")))
    browser = client_for(cast.owner)

    def post(body: object) -> int:
        return browser.post("/media/exposure/", json.dumps(body), content_type="application/json").status_code

    given = [(mine, 1500), (mine, 500), (also, 250), (theirs, 9000), ("nonsense", 5), (mine, "x"), (mine, -5)]
    assert post({"reveals": [{"id": str(of), "milliseconds": long} for of, long in given], "count": 7}) == 204
    row = Day.objects.get()
    assert (row.officer_id, row.count, round(row.seconds, 3)) == (cast.owner.officer_id, 4, 2.25)
    assert post({"reveals": [{"id": str(also), "milliseconds": 1000}]}) == 204
    assert (
        post({"reveals": [{"id": str(also), "milliseconds": 10**12}, {"id": str(also), "milliseconds": "NaN"}]}) == 204
    )
    row.refresh_from_db()
    assert (row.count, round(row.seconds, 3)) == (6, 603.25)
    assert Act.objects.filter(verb="media.exposed").count() == 3
    for wrong in ([], {"reveals": 5}, {"nothing": 1}, "text", None):
        assert post(wrong) == 409
    assert post({"reveals": []}) == 204
    assert "Shown to you today: 6" in browser.get("/media/").content.decode()
    assert client_for(cast.colleague).get("/media/").context["found"].exposure.count == 0
    assert browser.get("/media/exposure/").status_code == 405


def test_near_duplicates_are_seen_only_where_both_sides_are(album: Album, cast: Cast, client_for: Browsers) -> None:
    album.exhibit("AV-1", {"a.jpg": jpeg(1), "other.jpg": jpeg(9)})
    album.exhibit("BO-1", {"smaller.jpg": jpeg(1, quality=40)}, cast.borders)
    album.exhibit("AV-2", {"again.jpg": jpeg(1, quality=60)})
    mine, theirs = album.media("AV-1", "a.jpg"), album.media("BO-1", "smaller.jpg")

    def near(actor: Actor, medium: Media) -> list[str]:
        return [line.tile.label for line in client_for(actor).get(f"/media/{medium.id}/").context["medium"].near]

    assert NearDuplicate.objects.count() == 3
    assert near(cast.owner, mine) == ["again.jpg"]
    assert near(cast.outsider, theirs) == []
    tiles = client_for(cast.owner).get("/cases/AV-1/media/").context["found"].tiles
    assert {tile.label: tile.group_size for tile in tiles} == {"a.jpg": 2, "other.jpg": None}
    assert [
        tile.label for tile in client_for(cast.owner).get("/cases/AV-1/media/?having=near").context["found"].tiles
    ] == ["a.jpg"]
    group = client_for(cast.owner).get(f"/media/?group={mine.id}").context["found"].tiles
    assert sorted(tile.label for tile in group) == ["a.jpg", "again.jpg"]
    album.books.grant(theirs.case, cast.owner)
    assert sorted(near(cast.owner, mine)) == ["again.jpg", "smaller.jpg"]
    cases = client_for(cast.owner).get(f"/media/{mine.id}/").context["medium"].cases
    assert sorted(case.reference for case in cases) == ["AV-2", "BO-1"]
    assert near(cast.outsider, theirs) == []


def test_pages_ask_few_questions_however_much_there_is(album: Album, cast: Cast, client_for: Browsers) -> None:
    album.exhibit("AV-1", {f"{number:03}.jpg": jpeg(number % 40, quality=60 + number // 40) for number in range(80)})
    medium = album.media("AV-1", "001.jpg")
    browser = client_for(cast.owner)
    for address in (
        "/cases/AV-1/media/", "/cases/AV-1/media/?page=2", "/cases/AV-1/media/?having=near&sort=camera", "/media/",
        f"/media/{medium.id}/?in=case",
    ):  # fmt: skip
        with CaptureQueriesContext(connection) as asked:
            assert browser.get(address).status_code == 200
        sqls = of_the_page(asked)
        assert len(sqls) <= MOST_QUERIES, (address, len(sqls), [sql[:150] for sql in sqls])
    for address in (f"/media/{medium.id}/thumbnail", f"/media/{medium.id}/original"):
        with CaptureQueriesContext(connection) as asked:
            assert fetched(browser, address).status_code == 200
        assert len(of_the_page(asked)) <= MOST_QUERIES, (address, len(asked))
    found = browser.get("/cases/AV-1/media/").context["found"]
    assert (len(found.tiles), found.length, found.more_url) == (60, 80, f"?after={found.tiles[-1].id}")
