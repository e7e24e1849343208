"""The acts of receiving, each tried by everyone of the cast: what the door lets in, and what the acts themselves refuse."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from opencets.errors import ActRefused, Interrupted, NotFound
from opencets.packing.frames import new_key
from opencets_web.cases.models import Case
from opencets_web.evidence import actions
from opencets_web.evidence.models import CustodyEntry, Exhibit, ExhibitFile, ExhibitState, FileState, Upload
from opencets_web.evidence.vault import keys, store
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Grant
from tests.web.evidence.room import REFERENCE, Room

Act = Callable[[Actor], object]


def begin(room: Room, actor: Actor) -> UUID:
    with room.web(actor):
        return actions.begin_exhibit(actor, REFERENCE, title="Phone", files_expected=2)


def send(room: Room, actor: Actor, exhibit_id: UUID, path: str = "a.txt") -> UUID:
    """A file on its way in, its bytes already stored; not finished yet."""
    with room.web(actor):
        return actions.begin_upload(
            actor,
            exhibit_id,
            path=path,
            length=5,
            blob_path=f"{abs(hash(path)):032x}",
            wrapped_key=keys().wrap(new_key()),
        )


def finish(room: Room, actor: Actor, upload_id: UUID) -> None:
    with room.web(actor):
        actions.finish_upload(actor, upload_id, sha256="ab" * 32, size=5)


def grant(room: Room, level: str) -> None:
    """Borders' outsider is let into the case at a level."""
    case = Case.objects.get(reference=REFERENCE)
    # Before this test's transaction began: the database compares with its beginning.
    now = timezone.now() - timedelta(hours=1)
    Grant.objects.create(
        holding=case.holding, agency_id=case.agency_id, to_officer_id=room.cast.outsider.officer_id, level=level,
        purpose="Same suspect", granted_by_id=room.cast.owner.officer_id, granted_at=now, expires_at=now + timedelta(days=1),
    )  # fmt: skip


def acts(room: Room, exhibit_id: UUID, upload_id: UUID, file_id: UUID) -> dict[str, Act]:
    return {
        "begin": lambda by: actions.begin_exhibit(by, REFERENCE, title="Other"),
        "upload": lambda by: actions.begin_upload(
            by, exhibit_id, path="x", length=1, blob_path="00" * 16, wrapped_key=b"k" * 40
        ),
        "finish": lambda by: actions.finish_upload(by, upload_id, sha256="ab" * 32, size=5),
        "complete": lambda by: actions.complete_exhibit(by, exhibit_id),
        "cancel": lambda by: actions.cancel_exhibit(by, exhibit_id),
        "resume": lambda by: actions.resume_exhibit(by, exhibit_id),
        "correct": lambda by: actions.correct_file(by, file_id, {"country": "GB"}),
    }


def stand(room: Room) -> tuple[UUID, UUID, UUID]:
    """An exhibit with one file in it and one on its way."""
    exhibit_id = begin(room, room.cast.owner)
    finish(room, room.cast.owner, send(room, room.cast.owner, exhibit_id))
    upload_id = send(room, room.cast.owner, exhibit_id, "b.txt")
    return exhibit_id, upload_id, ExhibitFile.objects.get(exhibit_id=exhibit_id).id


def state(exhibit_id: UUID) -> tuple[object, ...]:
    exhibit = Exhibit.objects.get(pk=exhibit_id)
    return (
        exhibit.state, exhibit.files_received, CustodyEntry.objects.filter(exhibit=exhibit).count(),
        Upload.objects.filter(exhibit=exhibit, finished_at=None).count(), Exhibit.objects.count(),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["begin", "upload", "finish", "complete", "cancel", "resume", "correct"])
@pytest.mark.parametrize("who", ["outsider", "administrator", "auditor", "partner who reads"])
def test_whom_the_door_keeps_out_finds_nothing_and_changes_nothing(room: Room, name: str, who: str) -> None:
    exhibit_id, upload_id, file_id = stand(room)
    before = state(exhibit_id)
    if who == "partner who reads":
        grant(room, "read")
    actor = room.cast.outsider if who == "partner who reads" else getattr(room.cast, who)
    # A partner who reads sees the case, and is told that reading is all; the others see nothing.
    expected = (NotFound, ActRefused) if who == "partner who reads" else NotFound
    with pytest.raises(expected), room.web(actor):
        acts(room, exhibit_id, upload_id, file_id)[name](actor)
    assert state(exhibit_id) == before


@pytest.mark.parametrize("who", ["owner", "colleague", "partner who contributes"])
def test_whom_the_door_lets_in_receives_a_whole_exhibit(room: Room, who: str) -> None:
    if who == "partner who contributes":
        grant(room, "contribute")
    actor = room.cast.outsider if who == "partner who contributes" else getattr(room.cast, who)
    exhibit_id = begin(room, actor)
    upload_id = send(room, actor, exhibit_id)
    finish(room, actor, upload_id)
    finish(room, actor, upload_id)
    with room.web(actor):
        actions.complete_exhibit(actor, exhibit_id)
    exhibit = Exhibit.objects.get(pk=exhibit_id)
    assert (exhibit.state, exhibit.files_received, exhibit.agency_id) == (ExhibitState.RECEIVED, 1, room.cast.avon.id)
    told = CustodyEntry.objects.filter(exhibit=exhibit, act="received").get().sentence
    assert told == "1 files, 5 bytes, each with its SHA-256. 1 of 2 announced files did not arrive."


def test_nobody_begins_nothing(room: Room) -> None:
    with pytest.raises(NotFound), room.web(None):
        actions.begin_exhibit(room.cast.owner, REFERENCE, title="Phone")


def test_an_upload_belongs_to_the_officer_who_began_it(room: Room) -> None:
    exhibit_id = begin(room, room.cast.owner)
    upload_id = send(room, room.cast.owner, exhibit_id)
    with room.web(room.cast.colleague), pytest.raises(NotFound):
        actions.get_upload(room.cast.colleague, upload_id)
    with room.web(room.cast.owner):
        assert actions.get_upload(room.cast.owner, upload_id).length == 5


def test_a_cancelled_exhibit_takes_nothing_more_until_it_goes_on(room: Room) -> None:
    exhibit_id, _, _ = stand(room)
    owner = room.cast.owner
    with room.web(owner):
        assert actions.cancel_exhibit(owner, exhibit_id) == REFERENCE
    with pytest.raises(ActRefused, match="begin a new exhibit"):
        send(room, owner, exhibit_id, "c.txt")
    with room.web(owner):
        actions.complete_exhibit(owner, exhibit_id)
    assert Exhibit.objects.get(pk=exhibit_id).state == ExhibitState.CANCELLED
    with room.web(owner):
        actions.resume_exhibit(owner, exhibit_id)
    send(room, owner, exhibit_id, "c.txt")
    with pytest.raises(ActRefused, match="was not cancelled"), room.web(owner):
        actions.resume_exhibit(owner, exhibit_id)


def test_an_exhibit_without_a_file_is_not_complete(room: Room) -> None:
    exhibit_id = begin(room, room.cast.owner)
    with pytest.raises(ActRefused, match="no file was received"), room.web(room.cast.owner):
        actions.complete_exhibit(room.cast.owner, exhibit_id)


def test_the_same_path_twice_is_kept_under_a_numbered_one(room: Room) -> None:
    exhibit_id = begin(room, room.cast.owner)
    for content in (b"first", b"other"):
        stored = store().put(io.BytesIO(content))
        with room.web(room.cast.owner):
            actions.add_file(
                room.cast.owner, Exhibit.objects.select_related("case").get(pk=exhibit_id), "a.txt", stored
            )
    assert sorted(ExhibitFile.objects.filter(exhibit_id=exhibit_id).values_list("name", flat=True)) == [
        "a.txt",
        "a.txt (2)",
    ]


def test_a_file_that_cannot_be_opened_is_named_and_the_rest_arrives(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pathlib import Path

    room.put("good.txt", b"Good.")
    room.put("locked.txt", b"Locked.")
    really_open = Path.open

    def refusing(self: Path, *arguments: object, **named: object) -> object:
        if self.name == "locked.txt":
            raise PermissionError(13, "Permission denied")
        return really_open(self, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "open", refusing)
    with room.web(room.cast.owner):
        exhibit_id, left_out = actions.receive_path(room.cast.owner, REFERENCE, room.folder)
    assert left_out == ("locked.txt: it cannot be opened (Permission denied); not received.",)
    assert list(ExhibitFile.objects.filter(exhibit_id=exhibit_id).values_list("name", flat=True)) == ["good.txt"]
    told = CustodyEntry.objects.get(exhibit_id=exhibit_id, act="received").sentence
    assert told.endswith("1 of 2 announced files did not arrive.")


@pytest.mark.parametrize("during", [ExhibitState.RECEIVED, ExhibitState.READING, ExhibitState.READ])
def test_a_file_that_ends_after_the_exhibit_was_handed_over_is_read_as_well(room: Room, during: ExhibitState) -> None:
    """A colleague presses the button while the last file is still on its way; its end is acknowledged all the same."""
    owner = room.cast.owner
    room.put("a.txt", b"first")
    exhibit_id = begin(room, owner)
    with room.web(owner):
        first = store().put(io.BytesIO(b"first"))
        actions.add_file(owner, Exhibit.objects.select_related("case").get(pk=exhibit_id), "a.txt", first)
    content = store().put(io.BytesIO(b"second"))
    with room.web(owner):
        upload_id = actions.begin_upload(
            owner, exhibit_id, path="b.txt", length=6, blob_path=content.blob_id, wrapped_key=content.wrapped_key
        )
    with room.web(room.cast.colleague):
        actions.complete_exhibit(room.cast.colleague, exhibit_id)
    if during == ExhibitState.READING:
        Exhibit.objects.filter(pk=exhibit_id).update(state=during)
    elif during == ExhibitState.READ:
        room.read(exhibit_id)
    with room.web(owner):
        actions.finish_upload(owner, upload_id, sha256=content.sha256, size=content.size)
    if during == ExhibitState.READING:
        # The turn under way listed its files before this one came, and ends without it.
        Exhibit.objects.filter(pk=exhibit_id).update(state=ExhibitState.READ)
    room.read(exhibit_id)
    files = dict(ExhibitFile.objects.filter(exhibit_id=exhibit_id).values_list("name", "state"))
    assert set(files) == {"a.txt", "b.txt"}
    assert FileState.WAITING not in files.values()
    told = CustodyEntry.objects.filter(exhibit_id=exhibit_id).latest("at").sentence
    assert told == "b.txt arrived after the exhibit went to the readers; it is read as well."


def test_a_title_with_characters_that_no_database_keeps_is_written_out(room: Room) -> None:
    with room.web(room.cast.owner):
        exhibit_id = actions.begin_exhibit(room.cast.owner, REFERENCE, title="Phone\x00\ud800\u202e")
    assert Exhibit.objects.get(pk=exhibit_id).title == "Phone⟨U+0000⟩⟨U+D800⟩⟨U+202E⟩"


def test_a_folder_without_a_file_begins_no_exhibit(room: Room) -> None:
    (room.folder / "link").symlink_to(room.folder)
    with pytest.raises(ActRefused, match=r"link: a link or no ordinary file; not received\. No exhibit was begun"):
        room.receive()
    assert not Exhibit.objects.exists()


def test_a_colleague_goes_on_where_the_receiver_can_no_longer(room: Room) -> None:
    """The account of the first is closed between receiving and reading: the work waits, and is not lost."""
    from opencets_web.evidence import jobs
    from opencets_web.policy.officers import actor_for

    room.put("a.txt", b"hello")
    exhibit_id = room.receive()
    officer = room.cast.officers["owner"]
    officer.is_active = False
    officer.save(update_fields=["is_active"])
    with pytest.raises(NotFound, match="not active any more"):
        jobs.read_exhibit(str(exhibit_id), str(officer.id))
    assert Exhibit.objects.get(pk=exhibit_id).state == ExhibitState.RECEIVED
    _empty_queue()
    with room.web(room.cast.colleague):
        actions.complete_exhibit(room.cast.colleague, exhibit_id)
        actions.complete_exhibit(room.cast.colleague, exhibit_id)
    assert _queued() == [("read_exhibit", str(room.cast.colleague.officer_id))]
    assert room.read(exhibit_id, by=actor_for(room.cast.colleague.officer_id)).state == ExhibitState.READ
    _empty_queue()
    with room.web(room.cast.colleague):
        actions.complete_exhibit(room.cast.colleague, exhibit_id)
    colleague = str(room.cast.colleague.officer_id)
    assert sorted(_queued()) == [
        (job, colleague) for job in ("keep_names", "match_media", "tell_languages", "watch_exhibit")
    ]
    _empty_queue()
    ExhibitFile.objects.filter(exhibit_id=exhibit_id).update(state=FileState.WAITING)
    with room.web(room.cast.colleague):
        actions.complete_exhibit(room.cast.colleague, exhibit_id)
    assert _queued() == [("read_exhibit", str(room.cast.colleague.officer_id))]


def _queued() -> list[tuple[str, str]]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "select task_name, args ->> 'officer_id' from procrastinate_jobs where status = 'todo' order by id"
        )
        return cursor.fetchall()


def _empty_queue() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("delete from procrastinate_jobs")


def test_a_disk_that_takes_no_more_ends_the_receiving_with_a_sentence(room: Room) -> None:
    import resource
    from pathlib import Path

    from django.conf import settings

    room.put("large.bin", bytes(4 << 20))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        with pytest.raises(Interrupted, match=r"large\.bin could not be kept: the disk takes no more"):
            room.receive()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not ExhibitFile.objects.exists()
    left = [path for path in (Path(settings.HOME) / "blobs").rglob("*") if path.is_file()]
    assert [path for path in left if path.stat().st_size >= 1 << 20] == []
