"""Shared footage of two cases: found by the job, seen by who may see both sides, judged, and taken back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from opencets.errors import ActRefused, NotFound
from opencets_web.audit.models import Act
from opencets_web.evidence.models import Exhibit
from opencets_web.media.models import Frame
from opencets_web.policy.actor import Actor
from opencets_web.videos import actions, jobs
from opencets_web.videos.models import SharedFootage
from opencets_web.videos.queries import get_footage
from tests.web.conftest import Behind, Cast
from tests.web.media.conftest import Album, jpeg
from tests.web.videos.conftest import film

Browsers = Callable[[Actor | None], Client]
WHOLE = tuple(range(1, 13))


@pytest.fixture
def compare(as_job: Behind) -> Callable[[Exhibit, Actor], None]:
    """Run the job as the pipeline does after an exhibit's media were matched."""

    def act(exhibit: Exhibit, actor: Actor) -> None:
        with as_job(actor):
            jobs.find_footage(str(exhibit.id), str(actor.officer_id))

    return act


@pytest.fixture
def footage(album: Album, cast: Cast, compare: Callable[[Exhibit, Actor], None]) -> SharedFootage:
    """A film in a case of Avon, its middle letterboxed in a case of Borders, and a film that is neither."""
    album.exhibit("AV-1", {"whole.mp4": film(*WHOLE), "still.jpg": jpeg(9)})
    theirs = album.exhibit(
        "BO-1", {"part.mp4": film(*WHOLE[4:10], border=40), "other.mp4": film(*range(30, 40))}, cast.borders
    )
    compare(theirs, cast.outsider)
    return SharedFootage.objects.get()


def side(footage: SharedFootage, name: str) -> tuple[float, float]:
    from opencets_web.media.models import Media

    media = Media.objects.get(file__name=name)
    mine = "left" if footage.left_id == media.id else "right"
    return getattr(footage, f"{mine}_begin"), getattr(footage, f"{mine}_end")


def test_the_seconds_are_found_across_agencies_and_borders(footage: SharedFootage, compare: object, cast: Cast) -> None:
    assert side(footage, "whole.mp4") == pytest.approx((4, 10), abs=0.6)
    assert side(footage, "part.mp4") == pytest.approx((0, 6), abs=0.6)
    assert (footage.state, footage.orientation, footage.still) == ("suggested", "as it stands", False)
    assert Frame.objects.filter(media__file__name="part.mp4", inner_pdq__isnull=False).exists()
    assert Act.objects.filter(verb="footage.found").count() == 1


def test_the_job_again_changes_nothing(
    footage: SharedFootage, compare: Callable[[Exhibit, Actor], None], cast: Cast, as_actor: Behind, album: Album
) -> None:
    album.books.grant(footage.right.case if footage.right.agency_id != cast.avon.id else footage.left.case, cast.owner)
    with as_actor(cast.owner):
        actions.reject(cast.owner, footage.id)
    compare(Exhibit.objects.filter(case__reference="BO-1").latest("reference"), cast.outsider)
    assert SharedFootage.objects.get().state == "rejected"


def test_only_who_sees_both_sides_sees_it(
    footage: SharedFootage, album: Album, cast: Cast, client_for: Browsers, as_actor: Behind
) -> None:
    mine, theirs = album.media("AV-1", "whole.mp4"), album.media("BO-1", "part.mp4")
    for actor, media in ((cast.owner, mine), (cast.outsider, theirs)):
        answer = client_for(actor).get(f"/media/{media.id}/footage/")
        assert answer.status_code == 200
        assert answer.context["found"].partners == ()
        assert str(footage.id) not in answer.content.decode()
        assert client_for(actor).post(f"/media/footage/{footage.id}/confirm/").status_code == 404
    for actor in (cast.outsider, cast.administrator, cast.auditor):
        assert client_for(actor).get(f"/media/{mine.id}/footage/").status_code == 404
    with as_actor(cast.owner):
        assert not SharedFootage.objects.exists()
    album.books.grant(theirs.case, cast.owner)
    browser = client_for(cast.owner)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        answer = browser.get(f"/media/{mine.id}/footage/")
    assert len(asked) <= 25
    (partner,) = answer.context["found"].partners
    (line,) = partner.lines
    assert partner.tile.label == "part.mp4"
    assert float(line.here_second) == pytest.approx(4, abs=0.6)
    assert "of this video stand in the other at" in line.sentence
    page = answer.content.decode()
    assert f"#t={line.here_second}" in page
    assert 'class="veiled"' in page
    assert [picture.tile.label for picture in answer.context["found"].pictures] == ["still.jpg"]
    assert float(answer.context["found"].pictures[0].second) == pytest.approx(8, abs=1.1)


@pytest.mark.parametrize(
    ("laid", "there", "back"),
    [
        (Image.Transpose.FLIP_LEFT_RIGHT, "mirrored", "mirrored"),
        (Image.Transpose.FLIP_TOP_BOTTOM, "mirrored and upside down", "mirrored and upside down"),
        (Image.Transpose.ROTATE_180, "upside down", "upside down"),
        (Image.Transpose.ROTATE_270, "turned by a quarter to the right", "turned by a quarter to the left"),
    ],
)
def test_a_video_that_was_turned_is_found_and_each_side_says_how_the_other_lies(
    album: Album, cast: Cast, compare: Callable[[Exhibit, Actor], None], as_actor: Behind, client_for: Browsers,
    laid: Image.Transpose, there: str, back: str,
) -> None:  # fmt: skip
    album.exhibit("AV-1", {"whole.mp4": film(*WHOLE), "still.jpg": jpeg(6)})
    compare(album.exhibit("AV-2", {"turned.mp4": film(*WHOLE[4:9], laid=laid)}), cast.owner)
    whole, turned = album.media("AV-1", "whole.mp4"), album.media("AV-2", "turned.mp4")
    with as_actor(cast.owner):
        pages = [get_footage(cast.owner, media.id, shown=frozenset()) for media in (whole, turned)]
    (line,), (other,) = (page.partners[0].lines for page in pages)
    assert (line.lies, other.lies) == (there, back)
    assert (float(line.here_second), float(line.there_second)) == pytest.approx((4, 0), abs=0.6)
    assert f", {there}. " in line.sentence
    assert [(one.tile.label, one.lies) for one in pages[1].pictures] == [("still.jpg", back)]
    page = client_for(cast.owner).get(f"/media/{whole.id}/footage/").content.decode()
    assert f'<span class="sub">{there}</span>' in page


def test_a_picture_lists_the_videos_that_show_it(
    footage: SharedFootage, album: Album, cast: Cast, as_actor: Behind
) -> None:
    still = album.media("AV-1", "still.jpg")
    with as_actor(cast.owner):
        found = get_footage(cast.owner, still.id, shown=frozenset())
    assert (found.is_video, [line.tile.label for line in found.pictures]) == (False, ["whole.mp4"])


def test_a_suggestion_is_confirmed_rejected_and_taken_back(
    footage: SharedFootage, album: Album, cast: Cast, client_for: Browsers, as_actor: Behind
) -> None:
    album.books.grant(album.case("BO-1"), cast.owner)
    browser = client_for(cast.owner)
    page = f"/media/{album.media('AV-1', 'whole.mp4').id}/footage/"
    answer = browser.post(f"/media/footage/{footage.id}/confirm/", headers={"Referer": f"http://testserver{page}"})
    assert answer["Location"].endswith(page)
    footage.refresh_from_db()
    assert (footage.state, footage.judged_by_id) == ("confirmed", cast.owner.officer_id)
    assert b"Undo" in browser.get(page).content
    assert browser.post(f"/media/footage/{footage.id}/confirm/").status_code == 409
    assert browser.post(f"/media/footage/{footage.id}/reopen/").status_code == 302
    assert browser.post(f"/media/footage/{footage.id}/reject/").status_code == 302
    footage.refresh_from_db()
    assert footage.state == "rejected"
    acts = Act.objects.filter(subject=f"footage:{footage.id}").order_by("id")
    assert [act.verb for act in acts] == ["footage.confirmed", "footage.reopened", "footage.rejected"]
    with as_actor(cast.owner), pytest.raises(ActRefused):
        actions.reject(cast.owner, footage.id)
    for actor in (cast.outsider, cast.administrator):
        with as_actor(actor), pytest.raises(NotFound):
            actions.reopen(actor, footage.id)
