"""Lists of known files kept clean: negative lists, votes, versions, held entries, frames of videos, all over history."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import CliRunner, Result
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import ProgrammingError, transaction
from django.test import Client
from PIL import Image

from opencets.errors import ActRefused, NotFound
from opencets_web.audit.models import Act
from opencets_web.commands import evidence
from opencets_web.media import actions, flood, jobs
from opencets_web.media.models import EntryVote, HashEntry, HashSet, HeldEntry, Media
from opencets_web.policy.actor import Actor
from tests.web.conftest import Behind, Cast
from tests.web.media.conftest import Album, Import, jpeg
from tests.web.media.test_known import a_list, known
from tests.web.videos.conftest import film

pytestmark = pytest.mark.urls("tests.web.media.urls")
Browsers = Callable[[Actor | None], Client]


def pdq_of(album: Album, case: str, name: str) -> bytes:
    return bytes(album.media(case, name).pdq or b"")


def flipped(code: bytes, bits: int) -> bytes:
    return (int.from_bytes(code) ^ ((1 << bits) - 1)).to_bytes(32)


def settle(as_job: Behind, actor: Actor, entry: HashEntry) -> None:
    with as_job(actor):
        jobs.settle_entry(str(entry.id), str(actor.officer_id))


def test_a_negative_list_takes_marks_off_keeps_them_off_and_gives_them_back(
    album: Album, cast: Cast, import_list: Import, as_actor: Behind, as_job: Behind
) -> None:
    album.exhibit("AV-1", {"a.jpg": jpeg(1), "b.jpg": jpeg(2)})
    code = pdq_of(album, "AV-1", "b.jpg")
    import_list(cast.owner, a_list(jpeg(1)), "Known")
    import_list(cast.owner, f"pdq,category\n{flipped(code, 9).hex()},1\n".encode(), "Near")
    assert set(known(album)) == {"a.jpg", "b.jpg"}
    harmless = f"sha256,pdq\n{sha256(jpeg(1)).hexdigest()},\n,{flipped(code, 4).hex()}\n".encode()
    made = import_list(cast.owner, harmless, "Harmless", negative=True)
    assert known(album) == {}
    album.exhibit("BO-1", {"again.jpg": jpeg(1)}, cast.borders)
    import_list(cast.owner, a_list(jpeg(1)), "Known too")
    assert known(album) == {}
    with as_actor(cast.owner):
        actions.withdraw_hash_set(cast.owner, made)
    with as_job(cast.owner):
        jobs.match_hash_set(str(made), str(cast.owner.officer_id))
    assert set(known(album)) == {"a.jpg", "b.jpg", "again.jpg"}


def test_a_negative_entry_further_away_than_a_known_one_says_nothing(
    album: Album, cast: Cast, import_list: Import
) -> None:
    album.exhibit("AV-1", {"a.jpg": jpeg(1)})
    code = pdq_of(album, "AV-1", "a.jpg")
    import_list(cast.owner, f"pdq,category\n{flipped(code, 20).hex()},1\n".encode(), "Harmless", negative=True)
    import_list(cast.owner, f"pdq,category\n{flipped(code, 6).hex()},1\n".encode(), "Known")
    assert known(album)["a.jpg"][1] == 6


def test_two_doubts_of_an_agency_take_an_entry_off_its_files_alone(
    album: Album, cast: Cast, import_list: Import, as_actor: Behind, as_job: Behind, client_for: Browsers
) -> None:
    album.exhibit("AV-1", {"a.jpg": jpeg(1)})
    album.exhibit("BO-1", {"c.jpg": jpeg(1)}, cast.borders)
    import_list(cast.owner, a_list(jpeg(1)))
    medium, entry = album.media("AV-1", "a.jpg"), HashEntry.objects.get()
    assert client_for(cast.owner).post(f"/media/{medium.id}/vote/", {"confirms": "no"}).status_code == 409
    assert client_for(cast.outsider).post(f"/media/{medium.id}/vote/", {"confirms": "yes"}).status_code == 404
    assert (
        client_for(cast.owner).post(f"/media/{medium.id}/vote/", {"confirms": "no", "reason": "A logo"}).status_code
        == 302
    )
    settle(as_job, cast.owner, entry)
    assert set(known(album)) == {"a.jpg", "c.jpg"}
    with as_actor(cast.colleague):
        second = actions.vote_on_known(cast.colleague, medium.id, confirms=False, reason="The logo of a shop")
    settle(as_job, cast.owner, entry)
    assert set(known(album)) == {"c.jpg"}
    page = client_for(cast.owner).get(f"/known-files/{entry.hash_set_id}/").content.decode()
    assert "The logo of a shop" in page
    assert (
        "The logo of a shop" not in client_for(cast.outsider).get(f"/known-files/{entry.hash_set_id}/").content.decode()
    )
    with as_actor(cast.owner), pytest.raises(NotFound):
        actions.withdraw_vote(cast.owner, second)
    with as_actor(cast.colleague):
        actions.withdraw_vote(cast.colleague, second)
    settle(as_job, cast.owner, entry)
    assert set(known(album)) == {"a.jpg", "c.jpg"}
    assert EntryVote.objects.filter(withdrawn_at=None).count() == 1


def test_an_entry_that_marks_unlike_files_is_held_back_decided_and_held_again(
    album: Album, cast: Cast, import_list: Import, as_actor: Behind, as_job: Behind, client_for: Browsers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(flood, "UNLIKE_FILES", 3)
    album.exhibit("AV-1", {f"{n}.jpg": jpeg(n) for n in range(1, 6)})
    # Pictures of one logo on different grounds are near one code and not each other: their codes are set so here.
    middle = pdq_of(album, "AV-1", "1.jpg")
    for n, medium in enumerate(Media.objects.order_by("id")):
        pieces = int.from_bytes(middle) ^ (((1 << 25) - 1) << (25 * n))
        Media.objects.filter(pk=medium.pk).update(pdq=pieces.to_bytes(32), quality=100)
    import_list(cast.owner, f"pdq,category\n{middle.hex()},1\n".encode(), "Logo")
    assert len(known(album)) <= 3
    with as_job(cast.owner):
        from django.db.models import Q

        from opencets_web.media.matching import _hold_floods, _rematch
        from opencets_web.policy.blind import across_holdings

        with across_holdings():
            _rematch(list(Media.objects.values_list("id", flat=True)))
            assert len(known(album)) == 5
            _hold_floods(cast.owner, Q(known_by__isnull=False))
    assert known(album) == {}
    held = HeldEntry.objects.get()
    assert "more than 3 different files, most of them unlike each other" in held.because
    assert Act.objects.filter(verb="hash-entry.held").count() == 1
    page = client_for(cast.owner).get("/known-files/held/").content.decode()
    assert "up to 100 files" in page
    assert "Logo" in page
    assert held.because not in client_for(cast.outsider).get("/known-files/held/").content.decode()
    base = f"/known-files/held/{held.id}/"
    assert client_for(cast.outsider).post(f"{base}release/", {"reason": "x"}).status_code == 404
    assert client_for(cast.colleague).post(f"{base}release/", {"reason": "x"}).status_code == 409
    assert client_for(cast.owner).post(f"{base}release/").status_code == 409
    assert client_for(cast.owner).post(f"{base}release/", {"reason": "All one shoot"}).status_code == 302
    settle(as_job, cast.owner, held.entry)
    assert HashEntry.objects.get().state == "released"
    assert client_for(cast.owner).post(f"{base}hold-again/").status_code == 302
    settle(as_job, cast.owner, held.entry)
    assert HashEntry.objects.get().state == "held"
    assert client_for(cast.owner).post(f"{base}reject/", {"reason": "A logo"}).status_code == 302
    settle(as_job, cast.owner, held.entry)
    assert (HashEntry.objects.get().state, known(album)) == ("rejected", {})


def test_a_newer_version_takes_the_place_of_the_older_and_tells_what_changed(
    album: Album, cast: Cast, import_list: Import, as_actor: Behind, client_for: Browsers
) -> None:
    album.exhibit("AV-1", {f"{n}.jpg": jpeg(n) for n in (1, 2, 3)})
    first = import_list(cast.owner, a_list(jpeg(1), jpeg(2)), "March", options={"scheme": "US"})
    second = import_list(cast.owner, a_list(jpeg(3), jpeg(1)), "April", options={"scheme": "US"}, supersedes=first)
    assert {name: marks[0] for name, (marks, _) in known(album).items()} == {"1.jpg": "US:2", "3.jpg": "US:1"}
    row = HashSet.objects.get(pk=second)
    assert [row.composition[name] for name in ("added", "removed", "changed")] == [1, 1, 1]
    assert row.composition["categories"] == {"US:1": 1, "US:2": 1}
    assert HashSet.objects.get(pk=first).withdrawn_at is not None
    page = client_for(cast.owner).get(f"/known-files/{second}/").content.decode()
    assert "Against the older version" in page
    assert "A newer version took its place" in client_for(cast.owner).get(f"/known-files/{first}/").content.decode()
    with as_actor(cast.owner), pytest.raises(ActRefused, match="same kind"):
        import_list(cast.owner, a_list(jpeg(1)), "May", supersedes=first)


def test_page_and_command_name_the_older_version_and_no_other_agencys(
    album: Album, cast: Cast, import_list: Import, as_actor: Behind, client_for: Browsers, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    march = import_list(cast.owner, a_list(jpeg(1)), "Project", version="March")
    theirs = import_list(cast.outsider, a_list(jpeg(2)), "Project", version="Their own")
    browser, given = client_for(cast.owner), {"name": "Project", "source": "A partner", "authority": "Section 12"}
    page = browser.get("/known-files/new/").content.decode()
    assert "Project March" in page
    assert "Their own" not in page

    def hand_in(supersedes: UUID) -> int:
        file = SimpleUploadedFile("april.csv", a_list(jpeg(3)))
        return browser.post("/known-files/new/", {**given, "file": file, "supersedes": str(supersedes)}).status_code

    assert (hand_in(theirs), hand_in(march)) == (422, 302)
    assert HashSet.objects.get(supersedes=march).file_name == "april.csv"

    (tmp_path / "may.csv").write_bytes(a_list(jpeg(3)))
    monkeypatch.setattr(evidence, "opened", lambda role: nullcontext())
    stated = [part for name, value in given.items() for part in (f"--{name}", value)]

    def command(supersedes: str) -> Result:
        asked = ["import", str(tmp_path / "may.csv"), *stated, "--as", cast.officers["owner"].email]
        with as_actor(None):
            return CliRunner().invoke(evidence.hash_set, [*asked, "--version", "May", "--supersedes", supersedes])

    refused = command("Project Their own")
    assert isinstance(refused.exception, ActRefused)
    assert str(refused.exception).endswith(f"It uses Project March ({march}).")
    assert command("Project").exception is None
    assert HashSet.objects.get(version="May").supersedes_id == march
    import_list(cast.owner, a_list(jpeg(4)), "Project", version="Other")
    assert "several sets of the name Project" in str(command("Project").exception)


def test_a_new_list_marks_a_video_by_its_frames_and_not_by_a_part_of_them(
    album: Album, cast: Cast, import_list: Import
) -> None:
    album.exhibit("AV-1", {"same.mp4": film(1, 2, 3), "part.mp4": film(1, 20, 21, 22), "1.jpg": jpeg(1)})
    frames = album.media("AV-1", "same.mp4").frames.filter(quality__gte=50)
    codes = "\n".join(f"{bytes(frame.pdq).hex()},1" for frame in frames)
    import_list(cast.owner, f"pdq,category\n{codes}\n".encode(), "Frames")
    assert set(known(album)) == {"same.mp4", "1.jpg"}
    turned = film(1, 2, 3, laid=Image.Transpose.ROTATE_90)
    album.exhibit("BO-1", {"later.mp4": film(1, 2, 3), "turned.mp4": turned}, cast.borders)
    assert {"later.mp4", "turned.mp4"} <= set(known(album))
    assert album.media("BO-1", "turned.mp4").known_turn == "left"


def test_the_pages_change_no_entry_and_decide_nothing_of_others(
    album: Album, cast: Cast, import_list: Import, as_actor: Behind
) -> None:
    import_list(cast.owner, a_list(jpeg(1)))
    entry = HashEntry.objects.get()
    HeldEntry.objects.create(
        entry=entry, hash_set=entry.hash_set, agency=cast.avon, files=500, because="It is a test.",
        held_at=entry.hash_set.imported_at,
    )  # fmt: skip
    with as_actor(cast.owner), pytest.raises(ProgrammingError), transaction.atomic():
        HashEntry.objects.update(state="rejected")
    with as_actor(cast.outsider):
        assert not HeldEntry.objects.exists()
        assert HeldEntry.objects.update(state="released") == 0


def test_an_entry_that_more_members_doubt_than_confirm_marks_nothing(
    album: Album, cast: Cast, import_list: Import, client_for: Browsers
) -> None:
    album.exhibit("AV-1", {"a.jpg": jpeg(1), "b.jpg": jpeg(2), "c.jpg": jpeg(3)})
    rows = zip((jpeg(1), jpeg(2), jpeg(3)), ("0,2", "3,4", "5,0"), strict=True)
    lines = "\n".join(f"{sha256(content).hexdigest()},{votes}" for content, votes in rows)
    made = import_list(cast.owner, f"sha256,confirmed by,doubted by\n{lines}\n".encode())
    assert set(known(album)) == {"b.jpg", "c.jpg"}
    page = client_for(cast.owner).get(f"/known-files/{made}/").context["found"]
    assert (page.confirmed, page.doubted, page.not_used) == (2, 2, 1)
