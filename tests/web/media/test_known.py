"""Hash sets: handed in, read, matched, withdrawn, put back; and known files that nobody is shown unasked."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from hashlib import md5, sha256
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import ProgrammingError, transaction
from django.test import Client
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets_web.audit.models import Act
from opencets_web.evidence.vault import store
from opencets_web.exposure.models import Day
from opencets_web.media import actions, importing, jobs
from opencets_web.media.models import HashEntry, HashSet, Media
from opencets_web.media.queries import category_label, known_summary
from opencets_web.policy.actor import Actor
from tests.web.conftest import Behind, Cast
from tests.web.media.conftest import Album, Import, jpeg
from tests.web.media.test_pages import fetched

pytestmark = pytest.mark.urls("tests.web.media.urls")
Browsers = Callable[[Actor | None], Client]
STATED = {"source": "Partner unit", "authority": "Section 12, Example Act"}


def a_list(*contents: bytes) -> bytes:
    """A table of digests with a category each."""
    rows = [f"{md5(content).hexdigest()},{number}" for number, content in enumerate(contents, 1)]
    return "\n".join(["md5,category", *rows, ""]).encode()


def known(album: Album) -> dict[str, tuple[list[str], int | None]]:
    rows = Media.objects.exclude(known_set=None).select_related("file")
    return {row.file.name: (row.known_as, row.known_distance) for row in rows}


def test_a_hash_set_marks_what_is_kept_comes_off_and_goes_on_again(
    album: Album, cast: Cast, import_list: Import, as_actor: Behind, as_job: Behind
) -> None:
    album.exhibit("AV-1", {"a.jpg": jpeg(1), "b.jpg": jpeg(2)})
    album.exhibit("BO-1", {"c.jpg": jpeg(1)}, cast.borders)
    made = import_list(cast.owner, a_list(jpeg(1)), options={"scheme": "US"})
    marked = {"a.jpg": (["US:1", "Known list"], 0), "c.jpg": (["US:1", "Known list"], 0)}
    assert known(album) == marked
    with as_actor(cast.owner):
        assert actions.withdraw_hash_set(cast.owner, made) == "Known list"
        with pytest.raises(ActRefused, match="withdrawn already"):
            actions.withdraw_hash_set(cast.owner, made)
    with as_job(cast.owner):
        jobs.match_hash_set(str(made), str(cast.owner.officer_id))
    assert known(album) == {}
    with as_actor(cast.owner):
        actions.restore_hash_set(cast.owner, made)
    with as_job(cast.owner):
        jobs.match_hash_set(str(made), str(cast.owner.officer_id))
    assert known(album) == marked
    assert [act.verb for act in Act.objects.filter(verb__startswith="hash-set.").order_by("id")] == [
        "hash-set.received", "hash-set.imported", "hash-set.withdrawn", "hash-set.restored",
    ]  # fmt: skip


def test_a_withdrawn_set_leaves_its_marks_to_another_that_names_the_same(
    album: Album, cast: Cast, import_list: Import, as_actor: Behind, as_job: Behind
) -> None:
    album.exhibit("AV-1", {"a.jpg": jpeg(1)})
    near = bytes(album.media("AV-1", "a.jpg").pdq or b"")
    flipped = bytes([near[0] ^ 0b111, *near[1:]])
    far = f"pdq,category\n{flipped.hex()},2\n".encode()
    exact = f"pdq,category\n{near.hex()},1\n".encode()
    first = import_list(cast.owner, exact, "Exact")
    import_list(cast.owner, far, "Three bits away")
    assert known(album)["a.jpg"][0][1] == "Exact"
    with as_actor(cast.owner):
        actions.withdraw_hash_set(cast.owner, first)
    with as_job(cast.owner):
        jobs.match_hash_set(str(first), str(cast.owner.officer_id))
    assert known(album) == {"a.jpg": (["UNKNOWN:2", "Three bits away"], 3)}


def test_what_arrives_later_is_marked_by_digest_and_by_near_duplicate(
    album: Album, cast: Cast, import_list: Import
) -> None:
    album.exhibit("AV-1", {"a.jpg": jpeg(1)})
    pdq = bytes(album.media("AV-1", "a.jpg").pdq or b"").hex()
    import_list(cast.owner, f"sha256,pdq\n{sha256(jpeg(5)).hexdigest()},\n,{pdq}\n".encode())
    album.exhibit("AV-2", {"same.jpg": jpeg(5), "near.jpg": jpeg(1, quality=35), "new.jpg": jpeg(7)})
    later = {name: distance for name, (_, distance) in known(album).items() if name != "a.jpg"}
    assert later["same.jpg"] == 0
    assert 0 <= (later["near.jpg"] or 0) <= 31
    assert set(later) == {"same.jpg", "near.jpg"}


def test_a_summary_tells_what_of_an_exhibit_is_known(album: Album, cast: Cast, import_list: Import) -> None:
    exhibit = album.exhibit("AV-1", {"a.jpg": jpeg(1), "copy.jpg": jpeg(1), "b.jpg": jpeg(2), "c.jpg": jpeg(3)})
    assert known_summary(exhibit) is None
    import_list(cast.owner, a_list(jpeg(1), jpeg(2)), "Set X", options={"scheme": "US"})
    found = known_summary(exhibit)
    assert found is not None
    assert (found.known, found.total, found.sets) == (2, 3, (("Set X", 2, ("US:1", "US:2")),))
    assert found.sentence == "EX-0002: 2 of 3 pictures and videos are known (Set X, categories US:1, US:2)."
    assert found.gallery_url == "/cases/AV-1/media/?exhibit=EX-0002&known=only"
    assert category_label("US:1") == "Child Abuse Material (CAM)"
    assert category_label("UNKNOWN:1") == ""


def test_a_known_file_is_shown_to_nobody_unasked(
    album: Album, cast: Cast, import_list: Import, client_for: Browsers
) -> None:
    album.exhibit("AV-1", {"a.jpg": jpeg(1), "b.jpg": jpeg(2)})
    import_list(cast.owner, a_list(jpeg(1)))
    medium, browser = album.media("AV-1", "a.jpg"), client_for(cast.owner)
    assert [tile.label for tile in browser.get("/cases/AV-1/media/").context["found"].tiles] == ["b.jpg"]
    assert "1 known file hidden" in browser.get("/cases/AV-1/media/").content.decode()
    for query in ("known=hashes", "known=only"):
        page = browser.get(f"/cases/AV-1/media/?{query}")
        tile = next(tile for tile in page.context["found"].tiles if tile.label == "a.jpg")
        assert (tile.known, tile.thumbnail_url) == (True, "")
        assert f"/media/{medium.id}/thumbnail" not in page.content.decode()
    page = browser.get(f"/media/{medium.id}/?show=original").content.decode()
    assert "A known file is not shown unasked" in page
    assert f"/media/{medium.id}/original" not in page
    for name in ("thumbnail", "original"):
        assert fetched(browser, f"/media/{medium.id}/{name}").status_code == 409
    assert browser.get(f"/media/{medium.id}/show-known/").status_code == 405
    assert client_for(cast.outsider).post(f"/media/{medium.id}/show-known/").status_code == 404
    assert not Day.objects.exists()
    assert browser.post(f"/media/{medium.id}/show-known/").status_code == 302
    assert Day.objects.get().count == 1
    assert Act.objects.filter(verb="media.exposed", details__contains='"known":true').count() == 1
    for name in ("thumbnail", "original"):
        assert fetched(browser, f"/media/{medium.id}/{name}").status_code == 200
    # Another officer, and another session, have not asked.
    assert fetched(client_for(cast.colleague), f"/media/{medium.id}/thumbnail").status_code == 409
    assert fetched(client_for(cast.owner), f"/media/{medium.id}/thumbnail").status_code == 409


def test_entries_are_closed_to_the_pages_and_listed_nowhere(
    album: Album, cast: Cast, import_list: Import, as_actor: Behind, client_for: Browsers
) -> None:
    listed = a_list(jpeg(1), b"never kept here")
    album.exhibit("AV-1", {"a.jpg": jpeg(1)})
    import_list(cast.owner, listed)
    assert HashEntry.objects.count() == 2
    with as_actor(cast.owner), pytest.raises(ProgrammingError), transaction.atomic():
        HashEntry.objects.count()
    page = client_for(cast.owner).get("/known-files/").content.decode()
    assert md5(b"never kept here").hexdigest() not in page
    assert md5(jpeg(1)).hexdigest() not in page


def test_the_page_of_hash_sets_counts_in_my_cases_only(
    album: Album, cast: Cast, import_list: Import, client_for: Browsers
) -> None:
    album.exhibit("AV-1", {"a.jpg": jpeg(1), "again.jpg": jpeg(1), "b.jpg": jpeg(2)})
    album.exhibit("BO-1", {"c.jpg": jpeg(1), "d.jpg": jpeg(3)}, cast.borders)
    import_list(cast.owner, a_list(jpeg(1), jpeg(3)))
    rows = {
        actor: client_for(actor).get("/known-files/").context["found"].rows for actor in (cast.owner, cast.outsider)
    }
    assert [(row.matched, row.cases, row.entries, row.may_withdraw) for row in rows[cast.owner]] == [(1, 1, 2, True)]
    assert [(row.matched, row.cases, row.entries, row.may_withdraw) for row in rows[cast.outsider]] == [
        (2, 1, 2, False)
    ]
    for actor in (cast.administrator, cast.auditor):
        assert client_for(actor).get("/known-files/").status_code == 404
        assert client_for(actor).get("/known-files/new/").status_code == 404
    assert client_for(None).get("/known-files/").status_code == 302
    # An analyst reads the list and imports nothing.
    assert client_for(cast.colleague).get("/known-files/").context["found"].may_import is False
    assert client_for(cast.colleague).get("/known-files/new/").status_code == 404
    made = HashSet.objects.get().id
    assert client_for(cast.colleague).post(f"/known-files/{made}/withdraw/").status_code == 409
    assert client_for(cast.outsider).post(f"/known-files/{made}/withdraw/").status_code == 409
    assert client_for(cast.administrator).post(f"/known-files/{made}/withdraw/").status_code == 404
    assert HashSet.objects.get().withdrawn_at is None


def test_a_list_is_handed_in_by_the_page_and_waits_encrypted(
    cast: Cast, own_home: Path, client_for: Browsers, as_job: Behind
) -> None:
    browser = client_for(cast.owner)
    content = a_list(jpeg(1))

    def post(**changes: Any) -> int:
        upload = SimpleUploadedFile("list.csv", content)
        return browser.post("/known-files/new/", {"name": "Listed", **STATED, "file": upload, **changes}).status_code

    for missing in ("name", "source", "authority", "file"):
        assert post(**{missing: ""}) == 422, missing
    assert not HashSet.objects.exists()
    assert post() == 302
    row = HashSet.objects.get()
    assert (row.state, row.file_sha256, row.agency_id) == ("waiting", sha256(content).hexdigest(), cast.avon.id)
    for path in own_home.rglob("*"):
        assert not path.is_file() or md5(jpeg(1)).hexdigest().encode() not in path.read_bytes()
    with as_job(cast.owner):
        jobs.match_hash_set(str(row.id), str(cast.owner.officer_id))  # too early: nothing happens
        assert importing.read_hash_set(cast.owner, row.id) == 1
        assert importing.read_hash_set(cast.owner, row.id) == 1
    row.refresh_from_db()
    assert (row.state, row.entries_count, row.format, row.blob_path, row.wrapped_key) == (
        "read",
        1,
        "hash_set",
        "",
        None,
    )


def test_the_inbox_is_the_only_folder_that_the_page_reads(cast: Cast, own_home: Path, client_for: Browsers) -> None:
    (own_home / "inbox").mkdir(parents=True)
    (own_home / "inbox" / "large.csv").write_bytes(a_list(jpeg(1)))
    (own_home / "secret.csv").write_bytes(a_list(jpeg(2)))
    (own_home / "inbox" / "link.csv").symlink_to(own_home / "secret.csv")
    browser = client_for(cast.owner)
    for wanted in ("../secret.csv", "/etc/passwd", "link.csv", "absent.csv"):
        answer = browser.post("/known-files/new/", {"name": "Listed", **STATED, "inbox": wanted})
        assert answer.status_code == 422, wanted
    assert browser.post("/known-files/new/", {"name": "Listed", **STATED, "inbox": "large.csv"}).status_code == 302
    assert HashSet.objects.get().file_name == "large.csv"


def test_a_crash_in_the_middle_of_a_list_loses_and_repeats_nothing(
    cast: Cast, own_home: Path, as_actor: Behind, as_job: Behind
) -> None:
    lines = "\n".join(md5(str(number).encode()).hexdigest() for number in range(12_000)).encode()
    with as_actor(cast.owner):
        made = actions.import_hash_set(cast.owner, io.BytesIO(lines), name="Long", file_name="long.txt", **STATED)
    from opencets_web.media.hash_sets import Entry
    from opencets_web.media.matching import keep_entries

    with as_job(cast.owner):
        keep_entries(made, 0, [Entry(md5=md5(str(number).encode()).hexdigest()) for number in range(5_000)])
        assert importing.read_hash_set(cast.owner, made) == 12_000
    assert HashEntry.objects.filter(hash_set=made).count() == 12_000
    assert HashEntry.objects.filter(hash_set=made).values("md5").distinct().count() == 12_000


VICS = {
    "@odata.context": "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/US/$metadata#Media",
    "value": [
        {"MediaID": 1, "Category": 1, "MD5": md5(jpeg(1)).hexdigest().upper(), "MediaSize": "5"},
        {"MediaID": 2, "Category": 2, "MD5": "not a digest"},
    ],
}  # fmt: skip


def test_vics_is_read_and_what_is_no_list_is_refused_with_a_sentence(
    album: Album, cast: Cast, import_list: Import, client_for: Browsers
) -> None:
    album.exhibit("AV-1", {"a.jpg": jpeg(1)})
    import_list(cast.owner, json.dumps(VICS).encode(), "Project", "set.json")
    assert known(album) == {"a.jpg": (["US:1", "Project"], 0)}
    made = HashSet.objects.get(name="Project")
    assert (made.entries_count, made.format) == (1, "vics")
    for number, content in enumerate((b"", b"Dear colleague,\nplease find attached.\n", jpeg(1), b"\x00" * 5000)):
        import_list(cast.owner, content, f"Nothing {number}", "letter.txt")
        row = HashSet.objects.get(name=f"Nothing {number}")
        assert (row.state, row.entries_count) == ("refused", 0)
        assert "no known file was found" in row.sentence
    assert known(album) == {"a.jpg": (["US:1", "Project"], 0)}
    assert "letter.txt: no known file was found" in client_for(cast.owner).get("/known-files/").content.decode()


def test_only_importing_roles_import_and_with_a_legal_basis(cast: Cast, own_home: Path, as_actor: Behind) -> None:
    for actor in (cast.colleague, cast.administrator, cast.auditor):
        with as_actor(actor), pytest.raises(ActRefused):
            actions.import_hash_set(actor, io.BytesIO(b"x"), name="n", **STATED)
    with as_actor(cast.owner), pytest.raises(ActRefused, match="legal basis"):
        actions.import_hash_set(cast.owner, io.BytesIO(b"x"), name="n", source="s", authority="  ")
    assert not HashSet.objects.exists()
    with pytest.raises(NotFound), as_actor(cast.owner):
        actions.withdraw_hash_set(cast.owner, cast.avon.id)


def test_the_waiting_file_is_gone_once_it_was_read(
    cast: Cast, own_home: Path, as_actor: Behind, as_job: Behind, django_capture_on_commit_callbacks: Any
) -> None:
    with as_actor(cast.owner):
        made = actions.import_hash_set(cast.owner, io.BytesIO(a_list(jpeg(1))), name="n", file_name="n.csv", **STATED)
    blob = HashSet.objects.get().blob_path
    assert store().exists(blob)
    with django_capture_on_commit_callbacks(execute=True), as_job(cast.owner):
        importing.read_hash_set(cast.owner, made)
    assert not store().exists(blob)
    assert HashSet.objects.get().read_at <= timezone.now()
