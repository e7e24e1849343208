"""Cameras, times and places: as browsers of the cast see them, and as jobs find them behind the blind door."""

from __future__ import annotations

import io
from collections.abc import Callable
from uuid import UUID

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from opencets.errors import NotFound
from opencets.rehearsal.sensors import InventedCamera, as_jpeg
from opencets_web.audit.models import Act
from opencets_web.cameras import actions, jobs, queries
from opencets_web.cameras.models import CameraJudgement, CameraMatch, Fingerprint, NoiseLook
from opencets_web.policy.actor import Actor
from tests.house.small_case import make_small_case
from tests.house.test_queries_per_page import of_the_page
from tests.web.cameras.conftest import taken
from tests.web.conftest import Behind, Cast
from tests.web.media.conftest import Album

Browsers = Callable[[Actor | None], Client]
MOST_QUERIES = 25


def flats(seed: int, number: int = 4) -> dict[str, bytes]:
    return {f"flat-{n}.jpg": taken(seed, n, flat=True) for n in range(number)}


def ask(album: Album, as_actor: Behind, reference: str = "AV-1", name: str = "Seized telephone") -> UUID:
    chosen = [album.media(reference, f"flat-{n}.jpg").id for n in range(4)]
    with as_actor(album.cast.owner):
        return actions.ask_fingerprint(album.cast.owner, reference, name=name, chosen=chosen)


def work(album: Album, as_job: Behind, fingerprint_id: UUID) -> Fingerprint:
    officer = str(album.cast.owner.officer_id)
    with as_job(album.cast.owner):
        jobs.make_fingerprint(str(fingerprint_id), officer)
        jobs.compare_fingerprint(str(fingerprint_id), officer)
    return Fingerprint.objects.get(pk=fingerprint_id)


def test_a_fingerprint_finds_its_camera_in_every_agencys_pictures_and_tells_only_who_sees_both(
    album: Album, cast: Cast, as_actor: Behind, as_job: Behind, client_for: Browsers
) -> None:
    album.exhibit("AV-1", {**flats(1), "own.jpg": taken(1, 50), "other.jpg": taken(2, 50)})
    album.exhibit("BO-1", {"theirs.jpg": taken(1, 51)}, cast.borders)
    made = work(album, as_job, ask(album, as_actor))
    assert (made.state, made.references_count, made.width, made.compared) == ("compared", 4, 512, 7)
    found = {match.media.file.name: match for match in CameraMatch.objects.select_related("media__file")}
    assert sorted(found) == ["flat-0.jpg", "flat-1.jpg", "flat-2.jpg", "flat-3.jpg", "own.jpg", "theirs.jpg"]
    assert [found[name].is_reference for name in ("flat-0.jpg", "own.jpg", "theirs.jpg")] == [True, False, False]
    with as_actor(cast.owner):
        page = queries.get_camera(cast.owner, found["own.jpg"].media_id)
        assert [match.device for match in page.matches] == ["Seized telephone"]
        (line,) = queries.get_cameras(cast.owner, "AV-1").prints
        assert "theirs.jpg" not in {match.label for match in line.matches}
    with as_actor(cast.outsider):
        assert queries.get_camera(cast.outsider, found["theirs.jpg"].media_id).matches == ()
        with pytest.raises(NotFound):
            queries.get_camera(cast.outsider, found["own.jpg"].media_id)
    album.books.grant(album.case("AV-1"), cast.outsider)
    with as_actor(cast.outsider):
        (match,) = queries.get_camera(cast.outsider, found["theirs.jpg"].media_id).matches
        assert (match.device, match.case_reference) == ("Seized telephone", "AV-1")
        assert "8 of 10,000" in match.words
    answer = client_for(cast.owner).get(f"/media/{found['own.jpg'].media_id}/camera/")
    assert "Seized telephone" in answer.content.decode()


def test_scaled_pictures_are_compared_and_what_cannot_be_is_counted(
    album: Album, cast: Cast, as_actor: Behind, as_job: Behind, client_for: Browsers
) -> None:
    def scaled(seed: int, box: tuple[int, int, int, int], size: tuple[int, int]) -> bytes:
        picture = Image.fromarray(InventedCamera(seed, 1088, 832, strength=0.03).take(50))
        return as_jpeg(np.asarray(picture.crop(box).resize(size, Image.Resampling.LANCZOS)), 92)

    camera = InventedCamera(5, 1088, 832, strength=0.03)
    whole = (0, 0, 1088, 832)
    shown = {
        "scaled.jpg": scaled(5, whole, (816, 624)),
        "turned.jpg": as_jpeg(np.rot90(np.asarray(Image.open(io.BytesIO(scaled(5, whole, (816, 624)))))), 92),
        "another.jpg": scaled(6, whole, (816, 624)),
        "cut.jpg": scaled(5, (0, 0, 832, 832), (832, 832)),
        "small.jpg": scaled(5, whole, (408, 312)),
    }
    album.exhibit("AV-1", {**{f"flat-{n}.jpg": as_jpeg(camera.take(n, flat=True), 95) for n in range(4)}, **shown})
    made = work(album, as_job, ask(album, as_actor))
    assert (made.state, made.compared) == ("compared", 7)
    found = {
        match.media.file.name: match for match in CameraMatch.objects.filter(scale__lt=1).select_related("media__file")
    }
    assert {name: (round(match.scale, 2), match.turn) for name, match in found.items()} == {
        "scaled.jpg": (0.75, 0), "turned.jpg": (0.75, 270),
    }  # fmt: skip
    with as_actor(cast.owner):
        (line,) = queries.get_cameras(cast.owner, "AV-1").prints
    assert line.other_dimensions == 2
    page = client_for(cast.owner).get("/cases/AV-1/cameras/").content.decode()
    assert "2 pictures of this case are not comparable" in page
    assert "scaled to 75%" in page


def test_pictures_that_come_later_are_compared_and_references_of_two_cameras_refused(
    album: Album, cast: Cast, as_actor: Behind, as_job: Behind
) -> None:
    mixed = {f"odd-{n}.jpg": taken(1 + n % 2, n, flat=True) for n in range(4)}
    album.exhibit("AV-1", {**flats(1), **mixed})
    work(album, as_job, ask(album, as_actor))
    officer = str(cast.owner.officer_id)
    exhibit = album.exhibit("AV-1", {"later.jpg": taken(1, 52)})
    with as_job(cast.owner):
        jobs.compare_new_media(str(exhibit.id), officer)
        jobs.compare_new_media(str(exhibit.id), officer)
    assert CameraMatch.objects.filter(media=album.media("AV-1", "later.jpg")).count() == 1
    assert NoiseLook.objects.count() == 1
    with as_actor(cast.owner):
        chosen = [album.media("AV-1", name).id for name in mixed]
        second = actions.ask_fingerprint(cast.owner, "AV-1", name="Two at once", chosen=chosen)
    refused = work(album, as_job, second)
    assert (refused.state, refused.blob) == ("refused", None)
    assert "more than one camera" in refused.sentence


def test_a_match_is_judged_with_a_reason_and_the_judgement_undone(cast: Cast, client_for: Browsers) -> None:
    made = make_small_case(cast)
    match = made.rows["camera_match"]
    address = f"/camera-matches/{match.id}/judge/"
    given = {"same": "yes", "reason": "The same dust on the lens."}
    assert client_for(cast.outsider).post(address, given).status_code == 404
    assert client_for(cast.colleague).post(address, {"same": "yes"}).status_code == 409
    assert client_for(cast.colleague).post(address, given).status_code == 302
    assert client_for(cast.owner).post(address, given).status_code == 409
    judgement = CameraJudgement.objects.get(match=match)
    assert (judgement.same, judgement.by_id) == (True, cast.colleague.officer_id)
    text = client_for(cast.owner).get(f"/media/{match.media_id}/camera/").content.decode()
    assert "Confirmed" in text
    assert "The same dust on the lens." in text
    assert client_for(cast.outsider).post(f"/camera-judgements/{judgement.id}/undo/").status_code == 404
    assert client_for(cast.owner).post(f"/camera-judgements/{judgement.id}/undo/").status_code == 302
    assert "Confirmed" not in client_for(cast.owner).get(f"/media/{match.media_id}/camera/").content.decode()
    assert CameraJudgement.objects.get(pk=judgement.id).undone_by_id == cast.owner.officer_id
    verbs = list(Act.objects.filter(verb__startswith="camera-match").order_by("id").values_list("verb", flat=True))
    assert verbs == ["camera-match.judged", "camera-match.reopened"]


def test_a_withdrawn_fingerprint_shows_nothing_and_comes_back(cast: Cast, client_for: Browsers) -> None:
    rows = make_small_case(cast).rows
    made, page = rows["camera_fingerprint"], f"/media/{rows['picture_media'].id}/camera/"
    assert client_for(cast.outsider).post(f"/camera-fingerprints/{made.id}/withdraw/").status_code == 404
    assert client_for(cast.owner).post(f"/camera-fingerprints/{made.id}/withdraw/").status_code == 302
    assert "PCE of 90" not in client_for(cast.owner).get(page).content.decode()
    assert client_for(cast.owner).post(f"/camera-fingerprints/{made.id}/restore/").status_code == 302
    assert "PCE of 90" in client_for(cast.owner).get(page).content.decode()
    again = Fingerprint.objects.get(pk=made.id)
    assert (again.state, again.compared, again.compared_until) == ("made", 0, None)


def clocked(number: int, minute: int) -> bytes:
    """By the camera's clock two hours and twenty seconds ahead of the satellites."""
    return taken(
        1, number,
        exif=(
            ("serial", "HX20031177"), ("time", f"2026:03:04 17:{minute:02}:20"), ("day", "2026:03:04"),
            ("clock", (15.0, float(minute), 0.0)), ("north", 51.0), ("east", 2.0 + number % 10),
        ),
    )  # fmt: skip


def test_the_clock_of_a_camera_is_told_with_its_evidence_beside_the_time_as_written(
    album: Album, cast: Cast, as_actor: Behind, client_for: Browsers
) -> None:
    without = taken(1, 70, exif=(("serial", "HX20031177"), ("time", "2026:03:05 09:00:20")))
    later = taken(1, 71, exif=(("time", "2026:04:01 09:00:00"), ("north", 10.0), ("east", 20.0)))
    given = {"a.jpg": clocked(60, 1), "b.jpg": clocked(61, 9), "c.jpg": without, "later.jpg": later}
    album.exhibit("AV-1", {**given, **flats(1)})
    with as_actor(cast.owner):
        page = queries.get_camera(cast.owner, album.media("AV-1", "c.jpg").id)
    (time,) = page.times
    assert (time.words, time.has_zone) == ("2026-03-05 09:00:20 (zone not known)", False)
    assert page.clock is not None
    assert "UTC+02:00 and 20 s fast" in page.clock.sentence
    assert page.clock.suggestion == "2026-03-05 07:00:00 UTC"
    assert len(page.clock.evidence) == 2
    assert page.serial_files == 3
    browser = client_for(cast.owner)
    with CaptureQueriesContext(connection) as asked:
        answer = browser.get("/cases/AV-1/cameras/")
    assert len(of_the_page(asked)) <= MOST_QUERIES, len(of_the_page(asked))
    assert "UTC+02:00 and 20 s fast" in answer.content.decode()
    text = browser.get(f"/media/{album.media('AV-1', 'c.jpg').id}/camera/").content.decode()
    assert "not known" in text
    assert "2026-03-05 07:00:00 UTC" in text
    _positions(album, browser)
    _choice(album, browser)
    for actor in (cast.outsider, cast.administrator, cast.auditor):
        for address in ("where-and-when/", "where-and-when/points/", "cameras/", "cameras/new/"):
            assert client_for(actor).get(f"/cases/AV-1/{address}").status_code == 404
    chosen = [album.media("AV-1", f"flat-{n}.jpg").id for n in range(4)]
    with as_actor(cast.outsider), pytest.raises(NotFound):
        actions.ask_fingerprint(cast.outsider, "AV-1", name="A", chosen=chosen)


def _positions(album: Album, browser: Client) -> None:
    """Positions stand on the map and in the table, and a part of the time can be chosen."""
    page = browser.get("/cases/AV-1/where-and-when/").content.decode()
    assert page.count("51.00000° N") == 2
    assert "2026-04-01 09:00:00 (zone not known)" in page
    points = browser.get("/cases/AV-1/where-and-when/points/?from=2026-04-01&to=2026-04-01").json()
    assert (points["x"], points["y"], points["label"]) == ([20.0], [10.0], ["later.jpg"])
    assert browser.get("/cases/AV-1/where-and-when/?from=2030-01-01&to=x").status_code == 200


def _choice(album: Album, browser: Client) -> None:
    """Pictures are offered the flattest first; what cannot be made is refused with its sentence, and what was chosen stays."""
    offered = [one.label for one in browser.get("/cases/AV-1/cameras/new/").context["found"].offered]
    assert set(offered[:4]) == {f"flat-{n}.jpg" for n in range(4)}
    chosen = [str(album.media("AV-1", f"flat-{n}.jpg").id) for n in range(3)]
    refused = browser.post("/cases/AV-1/cameras/new/", {"name": "A", "media": chosen[:2]})
    assert refused.status_code == 422
    text = refused.content.decode()
    assert "at least 3" in text
    assert text.count(" checked") == 2
    assert browser.post("/cases/AV-1/cameras/new/", {"name": "A", "media": chosen}).status_code == 302
    assert Fingerprint.objects.get().state == "asked"
