from __future__ import annotations

import hashlib
import io
import json
import zipfile
from uuid import UUID

import pytest

from opencets.errors import ActRefused, NotFound
from opencets_web.evidence import actions
from opencets_web.evidence.models import (
    Blob,
    Claim,
    CustodyEntry,
    Exhibit,
    ExhibitFile,
    ExhibitState,
    FileState,
    Record,
    ReportLine,
)
from opencets_web.evidence.vault import piece
from tests.web.evidence.room import REFERENCE, Room, picture

PEOPLE = "name,e-mail,phone\nBrook Ashdown,brook@example.org,+442079460101\nRue Fenn,rue@example.net,+442079460102\n"


def packed(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return content.getvalue()


def counts(exhibit_id: UUID) -> tuple[int, int, int, int]:
    """Files, records, claims, report lines."""
    return (
        ExhibitFile.objects.filter(exhibit_id=exhibit_id).count(),
        Record.objects.filter(exhibit_id=exhibit_id).count(),
        Claim.objects.filter(record__exhibit_id=exhibit_id).count(),
        ReportLine.objects.filter(exhibit_id=exhibit_id).count(),
    )


def test_a_folder_is_received_whole_with_digests_custody_and_one_follow_up(room: Room) -> None:
    room.put("a.jpg", picture(1))
    room.put("deep/er/people.csv", PEOPLE.encode())
    (room.folder / "link").symlink_to(room.folder / "a.jpg")
    with room.web(room.cast.owner):
        exhibit_id, left_out = actions.receive_path(room.cast.owner, REFERENCE, room.folder)
    exhibit = Exhibit.objects.get(pk=exhibit_id)
    assert (exhibit.state, exhibit.files_received, exhibit.files_found) == (ExhibitState.RECEIVED, 2, 2)
    assert exhibit.bytes_received == len(picture(1)) + len(PEOPLE)
    assert left_out == ("link: a link or no ordinary file; not received.",)
    kept = ExhibitFile.objects.get(exhibit=exhibit, name="people.csv")
    assert kept.path == ["deep/er/people.csv"]
    assert kept.sha256 == hashlib.sha256(PEOPLE.encode()).hexdigest()
    assert [entry.act for entry in CustodyEntry.objects.filter(exhibit=exhibit)] == ["begun", "received"]
    assert waiting_jobs("read_exhibit", exhibit_id) == 1


def waiting_jobs(name: str, exhibit_id: UUID) -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from procrastinate_jobs where task_name = %s and args->>'exhibit_id' = %s and status = 'todo'",
            [name, str(exhibit_id)],
        )
        return int(cursor.fetchone()[0])


def test_everything_is_read_counted_and_handed_on(room: Room) -> None:
    room.put("a.jpg", picture(1))
    room.put("people.csv", PEOPLE.encode())
    room.put("more.zip", packed({"b.jpg": picture(2), "inner.zip": packed({"c.png": picture(3, format="PNG")})}))
    exhibit = room.read(room.receive())
    assert exhibit.state == ExhibitState.READ
    assert exhibit.read_at is not None
    files = ExhibitFile.objects.filter(exhibit=exhibit)
    assert {"/".join(file.path) for file in files} == {
        "a.jpg", "people.csv", "more.zip", "more.zip/b.jpg", "more.zip/inner.zip", "more.zip/inner.zip/c.png",
    }  # fmt: skip
    assert (exhibit.files_found, exhibit.files_read) == (6, 6)
    assert exhibit.bytes_found == exhibit.bytes_read == sum(file.size for file in files)
    assert set(files.values_list("state", flat=True)) == {FileState.READ}
    assert exhibit.lines_skipped == 0
    assert exhibit.records_read == len(room.records(exhibit.id)) == 5
    assert waiting_jobs("match_media", exhibit.id) == 1
    claims = Claim.objects.filter(record__exhibit=exhibit, kind="email")
    assert set(claims.values_list("normal", flat=True)) == {"brook@example.org", "rue@example.net"}


def test_a_member_of_a_zip_opens_again_from_its_pack_with_the_same_digest(room: Room) -> None:
    inside = picture(2)
    room.put("more.zip", packed({"b.jpg": inside, "inner.zip": packed({"c.txt": b"Hello from within."})}))
    exhibit = room.read(room.receive())
    member = room.file(exhibit.id, "b.jpg")
    assert member.blob is not None
    assert member.sha256 == hashlib.sha256(inside).hexdigest()
    with piece(member.blob, member.blob_offset, member.size) as stream:
        assert stream.read() == inside
    deeper = room.file(exhibit.id, "c.txt")
    assert deeper.blob is not None
    with piece(deeper.blob, deeper.blob_offset, deeper.size) as stream:
        assert stream.read() == b"Hello from within."


def test_a_thumbnail_stands_in_a_pack_and_is_a_picture(room: Room) -> None:
    room.put("a.jpg", picture(1, 800, 600))
    exhibit = room.read(room.receive())
    file = room.file(exhibit.id, "a.jpg")
    assert file.pack is not None
    assert file.signals is not None
    with piece(file.pack, *file.signals["thumbnail"]) as stream:
        assert stream.read(2) == b"\xff\xd8"
    assert len(file.signals["pdq"]) == 64


def test_reading_again_changes_nothing(room: Room) -> None:
    room.put("people.csv", PEOPLE.encode())
    room.put("more.zip", packed({"b.jpg": picture(2), "broken.jpg": picture(3)[:900]}))
    exhibit_id = room.receive()
    room.read(exhibit_id)
    before, ids = counts(exhibit_id), {record.id for record in room.records(exhibit_id)}
    Exhibit.objects.filter(pk=exhibit_id).update(state=ExhibitState.READING)
    ExhibitFile.objects.filter(exhibit_id=exhibit_id).update(state=FileState.WAITING)
    again = room.read(exhibit_id)
    assert counts(exhibit_id) == before
    assert {record.id for record in room.records(exhibit_id)} == ids
    assert (again.files_read, again.records_read) == (4, before[1])


def test_after_a_stop_only_what_waits_is_read_also_in_a_container_inside_a_container(room: Room) -> None:
    inner = packed({f"{number}.jpg": picture(number) for number in range(4)})
    room.put("outer.zip", packed({"inner.zip": inner, "beside.jpg": picture(9)}, zipfile.ZIP_STORED))
    exhibit_id = room.receive()
    room.read(exhibit_id)
    before = counts(exhibit_id)
    untouched = room.file(exhibit_id, "0.jpg")
    Exhibit.objects.filter(pk=exhibit_id).update(state=ExhibitState.READING)
    # As a stop leaves it: the member is listed, its bytes are not kept, its record is not there.
    ExhibitFile.objects.filter(exhibit_id=exhibit_id, name="3.jpg").update(
        state=FileState.WAITING, blob=None, pack=None
    )
    again = room.read(exhibit_id)
    assert counts(exhibit_id) == before
    assert again.files_read == again.files_found == 7
    read_now = room.file(exhibit_id, "3.jpg")
    assert read_now.state == FileState.READ
    assert read_now.blob is not None
    assert room.file(exhibit_id, "0.jpg").read_at == untouched.read_at


def test_a_hostile_folder_costs_a_line_each_and_nothing_else(room: Room) -> None:
    room.put("bomb.zip", packed({"zeros.txt": bytes(64 * 1024 * 1024), "fine.txt": b"A small text."}))
    room.put("slip.zip", packed({"../../etc/passwd": b"x", "good.txt": b"A good text."}))
    room.put("cut.jpg", picture(1, 800, 600)[:4000])
    room.put("really-a-picture.csv", picture(2))
    room.put("long.csv", b"name,note\nBrook," + b"x" * (5 * 1024 * 1024) + b"\nRue,short\n")
    room.put("random.bin", bytes(range(256)) * 50)
    room.put("empty.txt", b"")
    room.put("good.csv", PEOPLE.encode())
    deep = b"The innermost text."
    for depth in range(8):
        deep = packed({f"level{depth}.zip" if depth else "core.txt": deep})
    room.put("deep.zip", deep)
    exhibit_id = room.receive()
    exhibit = room.read(exhibit_id)
    assert exhibit.state == ExhibitState.READ
    lines = room.lines(exhibit_id)
    codes = dict(lines)
    assert ("really-a-picture.csv", "note:mislabelled") in lines
    assert any(path == "bomb.zip › zeros.txt" for path in codes), lines
    assert any(path.startswith("slip.zip") for path in codes), lines
    assert "cut.jpg" in codes
    assert "long.csv" in codes
    assert any(code == "nesting" for _, code in lines)
    # Beside the hostile ones everything was read.
    good = room.file(exhibit_id, "good.csv")
    assert (good.state, good.records_read) == (FileState.READ, 2)
    assert room.file(exhibit_id, "good.txt").state == FileState.READ
    assert room.file(exhibit_id, "fine.txt").state == FileState.READ
    assert room.file(exhibit_id, "cut.jpg").sha256 == hashlib.sha256(picture(1, 800, 600)[:4000]).hexdigest()
    assert exhibit.lines_skipped == sum(not code.startswith("note:") for _, code in lines_with_double(exhibit_id))
    assert exhibit.files_read == exhibit.files_found
    sentences = ReportLine.objects.filter(exhibit_id=exhibit_id).values_list("sentence", flat=True)
    assert not any("Traceback" in sentence for sentence in sentences)


def lines_with_double(exhibit_id: UUID) -> list[tuple[str, str]]:
    return list(ReportLine.objects.filter(exhibit_id=exhibit_id).values_list("path", "code"))


def test_a_reader_that_dies_costs_its_own_file_only(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    from opencets_web.evidence import reading
    from tests.web.evidence import dying

    for number in range(6):
        room.put(f"{number}.jpg", picture(number))
    room.put("deadly.csv", b"name,note\n" + dying.WORD + b",x\n")
    monkeypatch.setattr(reading, "examine", dying.examine)
    exhibit = room.read(room.receive())
    assert exhibit.state == ExhibitState.READ
    assert room.lines(exhibit.id) == {("deadly.csv", "crashed")}
    assert room.file(exhibit.id, "deadly.csv").state == FileState.SKIPPED
    assert ExhibitFile.objects.filter(exhibit=exhibit, state=FileState.READ).count() == 6
    assert (exhibit.files_read, exhibit.lines_skipped) == (7, 1)


def test_names_with_nul_and_lone_surrogates_are_kept_readable(room: Room) -> None:
    room.put("lone.csv", "name,e-mail\nBrook \ud83d,lone@example.org\n".encode("utf-8", "surrogatepass"))
    room.put("nul.csv", b"name,e-mail\nBro\x00ok Ashdown,nul@example.org\n")
    room.put("chat/_chat.json", json.dumps({"name": "\ud800 lone", "x": "a\u0000b"}).encode())
    raw = bytearray(packed({"picXname.jpg": picture(1)}))
    room.put("odd.zip", bytes(raw).replace(b"picXname", b"pic\xffname"))
    (room.folder / "undecodable").mkdir()
    with open(bytes(room.folder / "undecodable") + b"/caf\xe9.csv", "wb") as stream:
        stream.write(PEOPLE.encode())
    exhibit = room.read(room.receive())
    assert exhibit.state == ExhibitState.READ
    assert exhibit.files_read == exhibit.files_found
    told = {path for path, code in room.lines(exhibit.id) if not code.startswith("note:")}
    found = set(Claim.objects.filter(record__exhibit=exhibit, kind="email").values_list("normal", flat=True))
    assert "lone.csv" in told
    assert "nul@example.org" in found or "nul.csv" in told
    assert "brook@example.org" in found
    assert room.file(exhibit.id, "caf⟨E9⟩.csv").state == FileState.READ


def test_corrected_columns_retire_the_old_records_and_add_the_new_ones_once(room: Room) -> None:
    room.put("list.csv", b"who,reach\nBrook Ashdown,brookie77\nRue Fenn,rue_f\n")
    room.put("inside.zip", packed({"more.csv": b"who,reach\nMo Lindqvist,mo_l\n"}))
    exhibit_id = room.receive()
    room.read(exhibit_id)
    for name, new in (("list.csv", {"brookie77", "rue_f"}), ("more.csv", {"mo_l"})):
        file = room.file(exhibit_id, name)
        old = {record.id for record in room.records(exhibit_id) if record.file_id == file.id}
        with room.web(room.cast.owner):
            actions.correct_file(room.cast.owner, file.id, {"columns": {"0": "full_name", "1": "screen_name"}})
        assert waiting_jobs("read_exhibit", exhibit_id) == 1
        room.read(exhibit_id)
        room.read(exhibit_id)
        live = {record.id for record in room.records(exhibit_id) if record.file_id == file.id}
        assert old.isdisjoint(live)
        assert len(live) == len(new)
        assert set(Record.objects.filter(id__in=old).values_list("retired_at", flat=True)) != {None}
        found = Claim.objects.filter(record__in=live, property="screen_name")
        assert {claim.raw for claim in found} == new
    exhibit = Exhibit.objects.get(pk=exhibit_id)
    assert exhibit.files_read == exhibit.files_found == 3
    assert exhibit.records_read == len(room.records(exhibit_id))


def test_what_an_earlier_reading_did_not_read_no_longer_counts_after_a_correction(room: Room) -> None:
    from opencets_web.desk.following import get_summary
    from opencets_web.evidence.queries import get_report

    room.put("list.csv", b"who,reach\nBrook Ashdown,brookie77\nRue Fenn,rue_f,odd\n")
    room.put("cut.jpg", picture(1, 800, 600)[:4000])
    exhibit_id = room.receive()
    before = room.read(exhibit_id)
    file = room.file(exhibit_id, "list.csv")
    said = ReportLine.objects.filter(file=file)
    skipped = said.exclude(code__startswith="note:").count()
    assert skipped == 1
    with room.web(room.cast.owner):
        actions.correct_file(room.cast.owner, file.id, {"columns": {"0": "full_name", "1": "screen_name"}})
    after = room.read(exhibit_id)
    assert said.filter(retired_at=None, reading=0).count() == 0
    assert said.filter(retired_at=None, reading=1).exclude(code__startswith="note:").count() == skipped
    assert after.lines_skipped == before.lines_skipped
    with room.web(room.cast.owner):
        report = get_report(room.cast.owner, exhibit_id)
        summary = get_summary(room.cast.owner, exhibit_id)
    live = ReportLine.objects.filter(exhibit_id=exhibit_id, retired_at=None).count()
    assert report.lines_total == len(report.lines) == live < ReportLine.objects.filter(exhibit_id=exhibit_id).count()
    assert len([line for line in report.lines if not line.note]) == len(summary.skipped) == after.lines_skipped
    assert sum(found for _, _, found in report.formats) == after.records_read


def test_an_attachment_named_in_a_chat_is_joined_to_the_picture_beside_it(room: Room) -> None:
    chat = (
        "[03/02/2026, 18:04:12] Brook Ashdown: Look at this\n"
        "[03/02/2026, 18:04:40] Brook Ashdown: <attached: 00000002-PHOTO-2026-02-03-18-04-40.jpg>\n"
        "[03/02/2026, 18:05:02] Rue Fenn: <attached: missing.jpg>\n"
    )
    shot = picture(5)
    room.put(
        "WhatsApp Chat - Brook.zip",
        packed({"_chat.txt": chat.encode(), "00000002-PHOTO-2026-02-03-18-04-40.jpg": shot}),
    )
    exhibit = room.read(room.receive())
    joined = Claim.objects.filter(record__exhibit=exhibit, property="attached_file")
    assert [claim.normal for claim in joined] == [hashlib.sha256(shot).hexdigest()]
    assert joined[0].record.kind == "message"


def test_notes_are_kept_as_notes_and_are_not_counted_as_skipped(room: Room) -> None:
    room.put("really.png", picture(2))
    exhibit = room.read(room.receive())
    assert room.lines(exhibit.id) == {("really.png", "note:mislabelled")}
    assert exhibit.lines_skipped == 0


def test_two_members_of_one_name_are_both_kept(room: Room) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("same.txt", b"The first text.")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("same.txt", b"The second text.")
    room.put("twice.zip", content.getvalue())
    exhibit = room.read(room.receive())
    digests = {hashlib.sha256(text).hexdigest() for text in (b"The first text.", b"The second text.")}
    kept = set(ExhibitFile.objects.filter(exhibit=exhibit).exclude(name="twice.zip").values_list("sha256", flat=True))
    told = " ".join(ReportLine.objects.filter(exhibit=exhibit).values_list("sentence", flat=True))
    assert kept == digests or "same.txt" in told


def test_an_exhibit_of_another_is_not_read(room: Room) -> None:
    room.put("a.jpg", picture(1))
    exhibit_id = room.receive()
    for actor in (room.cast.outsider, room.cast.administrator):
        with pytest.raises(NotFound):
            room.read(exhibit_id, by=actor)
    assert Exhibit.objects.get(pk=exhibit_id).state == ExhibitState.RECEIVED
    assert Record.objects.filter(exhibit_id=exhibit_id).count() == 0


def test_the_key_of_a_blob_is_never_kept_in_clear_and_bytes_are_sealed(room: Room) -> None:
    room.put("people.csv", PEOPLE.encode())
    room.put("in.zip", packed({"more.csv": PEOPLE.encode()}))
    exhibit = room.read(room.receive())
    from pathlib import Path

    from django.conf import settings

    sealed = [path for path in (Path(settings.HOME) / "blobs").rglob("*") if path.is_file()]
    assert len(sealed) == Blob.objects.filter(holding_id=exhibit.holding_id).count() == 3
    assert not any(b"brook@example.org" in path.read_bytes() for path in sealed)
    assert all(len(bytes(blob.wrapped_key)) > 32 for blob in Blob.objects.all())


def test_an_exhibit_that_is_being_read_is_not_corrected(room: Room) -> None:
    room.put("people.csv", PEOPLE.encode())
    exhibit_id = room.receive()
    Exhibit.objects.filter(pk=exhibit_id).update(state=ExhibitState.READING)
    with room.web(room.cast.owner), pytest.raises(ActRefused, match="is being read"):
        actions.correct_file(room.cast.owner, room.file(exhibit_id, "people.csv").id, {})
