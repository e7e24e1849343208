"""Reading exhibits: what is in them, what is not read and why, and that hostile ones cost their own lines only."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import stat
import tarfile
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from opencets.parsing import FileRead, Limits, Noted, Reading, Skipped, read, source_of, walk
from opencets.parsing.apart import walk_apart
from opencets.parsing.readers import readers
from opencets.parsing.sandbox import Pool
from opencets.records import Record


def _zip(members: dict[str, bytes] | list[tuple[str, bytes]]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items() if isinstance(members, dict) else members:
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def _tar(members: dict[str, bytes], mode: Any) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def _read(folder: Path, name: str, content: bytes, limits: Limits | None = None) -> Reading:
    path = folder / name
    path.write_bytes(content)
    return read(path, limits=limits or Limits())


def _codes(reading: Reading) -> list[str]:
    return [one.code for one in reading.report.skipped]


def _paths(reading: Reading) -> list[tuple[str, ...]]:
    return [one.locator.path for one in reading.files]


def test_a_folder_is_read_in_sorted_order_and_links_are_told(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.txt").write_text("two")
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "link").symlink_to(tmp_path / "a.txt")
    os.mkfifo(tmp_path / "pipe")
    reading = read(tmp_path)
    top = tmp_path.name
    assert reading.format == "folder"
    assert _paths(reading) == [(top, "a.txt"), (top, "b/two.txt"), (top,)]
    assert sorted(_codes(reading)) == ["link", "not-a-file"]


def test_a_file_name_that_is_not_text_is_written_out(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/photo\xff.txt", "wb") as stream:
        stream.write(b"content")
    (record,) = read(tmp_path).records
    assert record.first("file_name") == "photo⟨FF⟩.txt"
    assert len(record.key) == 32


def test_nested_archives_are_read_and_every_step_stands_in_the_locator(tmp_path: Path) -> None:
    inner = _zip({"deep/note.txt": b"here"})
    reading = _read(tmp_path, "outer.zip", _zip({"middle.tar.gz": _tar({"inner.zip": inner}, "w:gz")}))
    (record,) = reading.records
    assert record.locator.path == ("outer.zip", "middle.tar.gz", "inner.zip", "deep/note.txt")
    assert reading.report.complete
    assert reading.report.formats == {"zip": 2, "tar": 1, "document": 1}


def test_a_member_opens_by_itself_in_another_process(tmp_path: Path) -> None:
    inner = _zip({"note.txt": b"here"})
    path = tmp_path / "outer.zip"
    path.write_bytes(_zip({"inner.tar.xz": _tar({"x.zip": inner}, "w:xz")}))
    files = [event for event in walk(source_of(path)) if isinstance(event, FileRead)]
    source = pickle.loads(pickle.dumps(files[0].source))
    with source.open() as stream:
        assert stream.read() == b"here"
        stream.seek(1)
        assert stream.read(2) == b"er"


@pytest.mark.parametrize("name", ["../../evil.txt", "/etc/evil", "C:\\evil.txt", "a\\..\\..\\evil", "\\\\server\\evil"])
def test_a_member_that_climbs_out_costs_its_own_line_and_nothing_else(tmp_path: Path, name: str) -> None:
    reading = _read(tmp_path, "slip.zip", _zip([(name, b"evil"), ("good.txt", b"good")]))
    assert _codes(reading) == ["unsafe-name"]
    assert [record.first("file_name") for record in reading.records] == ["good.txt"]
    reading = _read(tmp_path, "slip.tar", _tar({name: b"evil", "good.txt": b"good"}, "w"))
    assert _codes(reading) == ["unsafe-name"]
    assert [record.first("file_name") for record in reading.records] == ["good.txt"]


def test_links_and_devices_in_archives_are_not_followed(tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        entry = zipfile.ZipInfo("link")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    assert _codes(_read(tmp_path, "link.zip", made.getvalue())) == ["link"]
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tape:
        for kind, name in ((tarfile.SYMTYPE, "soft"), (tarfile.LNKTYPE, "hard"), (tarfile.CHRTYPE, "device")):
            item = tarfile.TarInfo(name)
            item.type, item.linkname = kind, "/etc/passwd"
            tape.addfile(item)
    assert _codes(_read(tmp_path, "links.tar", made.getvalue())) == ["link", "link", "not-a-file"]


def test_a_bomb_costs_its_own_line_and_nothing_else(tmp_path: Path) -> None:
    content = _zip([("zeros.bin", bytes(32 * 1024 * 1024)), ("note.txt", b"still read")])
    reading = _read(tmp_path, "bomb.zip", content)
    assert _codes(reading) == ["limit-reached"]
    assert "bomb" in reading.report.skipped[0].sentence
    assert [record.first("file_name") for record in reading.records] == ["note.txt"]


@pytest.mark.parametrize("name", ["bomb.gz", "bomb.tar.gz"])
def test_a_packed_bomb_is_stopped_while_it_unpacks(tmp_path: Path, name: str) -> None:
    zeros = bytes(64 * 1024 * 1024)
    content = _tar({"zeros": zeros}, "w") if "tar" in name else zeros
    reading = _read(tmp_path, name, gzip.compress(content, 9))
    assert _codes(reading) == ["limit-reached"]
    assert [record.kind for record in reading.records] == ["document"]


def test_members_that_overlap_are_a_bomb(tmp_path: Path) -> None:
    made = bytearray(_zip([("one", os.urandom(5000)), ("two", b"x")]))
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        start = archive.start_dir
    at = made.index(b"PK\x01\x02", start + 4)
    made[at + 20 : at + 24] = (5005).to_bytes(4, "little")
    reading = _read(tmp_path, "overlap.zip", bytes(made))
    assert _codes(reading) == ["limit-reached"]
    assert "overlap" in reading.report.skipped[0].sentence


def test_ten_nested_archives_stop_at_the_allowed_depth(tmp_path: Path) -> None:
    content = b"the innermost"
    for level in range(10, 0, -1):
        content = _zip({f"level{level}.zip" if level < 10 else "note.txt": content})
    reading = _read(tmp_path, "level0.zip", content)
    assert _codes(reading) == ["nesting"]
    assert len(reading.report.skipped[0].locator.path) == 7


def test_an_exhibit_that_unpacks_beyond_its_ratio_through_nesting_is_stopped(tmp_path: Path) -> None:
    limits = Limits(ratio=10, ratio_floor=1024)
    layer = _zip({f"{number}.bin": bytes(1000) for number in range(60)})
    reading = _read(tmp_path, "spread.zip", _zip({f"{number}.zip": layer for number in range(40)}), limits)
    assert "limit-reached" in _codes(reading)
    assert sum(one.size for one in reading.files) < 2_000_000


def test_too_many_members_refuse_the_container(tmp_path: Path) -> None:
    content = _zip({f"{number}.txt": b"x" for number in range(20)})
    reading = _read(tmp_path, "many.zip", content, Limits(members=10))
    assert _codes(reading) == ["limit-reached"]


def test_encrypted_members_are_told_and_the_others_read(tmp_path: Path) -> None:
    made = bytearray(_zip([("secret.txt", b"x"), ("open.txt", b"y")]))
    made[6] |= 1
    at = made.index(b"PK\x01\x02")
    made[at + 8] |= 1
    reading = _read(tmp_path, "locked.zip", bytes(made))
    assert _codes(reading) == ["encrypted"]
    assert [record.first("file_name") for record in reading.records] == ["open.txt"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_both_read_and_keep_apart(tmp_path: Path) -> None:
    reading = _read(tmp_path, "twice.zip", _zip([("a.txt", b"one"), ("a.txt", b"three")]))
    assert [record.first("size_bytes") for record in reading.records] == ["3", "5"]
    assert len({record.key for record in reading.records}) == 2
    assert [note.code for note in reading.report.notes] == ["same-name"]


def test_a_name_in_unmarked_utf8_is_read_and_told(tmp_path: Path) -> None:
    made = _zip({"pict_re_of_Zoe__.txt": b"x"}).replace(b"Zoe__", "Zoë_".encode())
    reading = _read(tmp_path, "names.zip", made)
    assert reading.records[0].first("file_name") == "pict_re_of_Zoë_.txt"
    assert [note.code for note in reading.report.notes] == ["name-encoding"]


def test_a_name_that_turns_the_reading_direction_is_shown(tmp_path: Path) -> None:
    reading = _read(tmp_path, "odd.zip", _zip({"\u202egpj.exe": b"MZ"}))
    assert reading.records[0].locator.path[-1] == "⟨U+202E⟩gpj.exe"
    assert reading.report.notes[0].code == "odd-name"


def test_a_truncated_archive_is_told_and_listed(tmp_path: Path) -> None:
    content = _zip({"a.bin": os.urandom(100_000), "b.bin": os.urandom(100_000)})
    reading = _read(tmp_path, "cut.zip", content[:120_000])
    assert _codes(reading) == ["damaged"]
    assert [record.kind for record in reading.records] == ["document"]
    packed = gzip.compress(_tar({"a.bin": os.urandom(100_000)}, "w"))
    reading = _read(tmp_path, "cut.tar.gz", packed[: len(packed) // 2])
    assert _codes(reading) == ["damaged"]


def test_a_member_with_broken_bytes_costs_itself(tmp_path: Path) -> None:
    made = bytearray(_zip([("a.bin", os.urandom(4000)), ("b.txt", b"whole")]))
    made[2000] ^= 0xFF
    reading = _read(tmp_path, "flip.zip", bytes(made))
    assert _codes(reading) == ["damaged"]
    assert [record.first("file_name") for record in reading.records] == ["b.txt"]


def test_a_tar_cut_off_in_a_member_keeps_the_members_before(tmp_path: Path) -> None:
    content = _tar({"a.txt": b"a" * 1000, "b.txt": b"b" * 50_000}, "w")
    reading = _read(tmp_path, "cut.tar", content[:20_000])
    assert reading.records[0].first("file_name") == "a.txt"
    assert [(one.code, one.locator.path) for one in reading.report.skipped] == [
        ("damaged", ("cut.tar", "b.txt")),
        ("damaged", ("cut.tar",)),
    ]


def test_a_wrongly_labelled_file_is_said_so_and_read_by_its_content(tmp_path: Path) -> None:
    reading = _read(tmp_path, "holiday.jpg", _zip({"note.txt": b"x"}))
    assert reading.format == "zip"
    (note,) = reading.report.notes
    assert note.code == "mislabelled"
    assert "image/jpeg" in note.sentence
    assert "application/zip" in note.sentence


def test_a_format_that_a_person_names_is_asked_first_and_does_not_close_containers(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(_zip({"chat.txt": b"31/12/2025, 10:00 - Sam: hi", "note.txt": b"x"}))
    reading = read(path, options={"format": "whatsapp_text"})
    assert reading.report.formats == {"zip": 1, "whatsapp_text": 1, "document": 1}
    reading = read(path, options={"format": "no_such"})
    assert [one.code for one in reading.report.skipped] == ["source-refused"]
    assert "there are: folder, picture" in reading.report.skipped[0].sentence


def test_an_office_document_is_listed_and_its_pictures_are_read(tmp_path: Path) -> None:
    content = _zip({"[Content_Types].xml": b"<x/>", "word/document.xml": b"<x/>", "word/media/image1.txt": b"x"})
    reading = _read(tmp_path, "letter.docx", content)
    assert sorted(record.locator.path[-1] for record in reading.records) == ["letter.docx", "word/media/image1.txt"]


def test_an_empty_file_is_a_document(tmp_path: Path) -> None:
    (record,) = _read(tmp_path, "empty.txt", b"").records
    assert (record.kind, record.first("media_type")) == ("document", "application/x-empty")


def test_an_archive_that_nothing_opens_is_told(tmp_path: Path) -> None:
    reading = _read(tmp_path, "a.7z", b"7z\xbc\xaf'\x1c" + bytes(100))
    assert _codes(reading) == ["not-opened"]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    source = source_of(tmp_path / "gone.txt") if (tmp_path / "gone.txt").exists() else None
    assert source is None
    (tmp_path / "gone.txt").write_text("x")
    source = source_of(tmp_path / "gone.txt")
    (tmp_path / "gone.txt").unlink()
    events = list(walk(source))
    assert isinstance(events[0], Skipped)
    assert events[0].code == "unreadable"
    assert isinstance(events[1], FileRead)


def test_thousands_of_tiny_members_are_read_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "many.tar"
    with tarfile.open(path, "w") as archive:
        for number in range(2_000):
            entry = tarfile.TarInfo(f"{number}.txt")
            entry.size = 1
            archive.addfile(entry, io.BytesIO(b"x"))
    tracemalloc.start()
    try:
        count = sum(isinstance(event, Record) for event in walk(source_of(path)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 2_000
    assert peak < 20_000_000


def test_the_report_reads_as_text_and_as_json(tmp_path: Path) -> None:
    reading = _read(tmp_path, "slip.zip", _zip([("../evil", b"x"), ("good.txt", b"x")]))
    written = str(reading.report)
    assert "Read 2 files" in written
    assert "[unsafe-name] slip.zip › ../evil" in written
    told = json.loads(json.dumps(reading.report.as_json()))
    assert told["records"] == {"document": 1}
    assert told["skipped"][0]["path"] == ["slip.zip", "../evil"]
    assert told["skipped_total"] == 1


def test_a_report_of_many_skipped_lines_stays_bounded_and_counts_them_all(tmp_path: Path) -> None:
    reading = _read(tmp_path, "slips.zip", _zip([(f"../{number}", b"x") for number in range(50)]))
    reading.report.most_lines = 10
    for one in list(reading.report.skipped):
        reading.report.add(one)
    assert reading.report.skipped_count == 100
    assert "and 50 more" in str(reading.report)


def test_every_reader_answers_for_nul_bytes_long_lines_and_noise_without_a_traceback(tmp_path: Path) -> None:
    noise = [
        bytes(5000),
        b"x" * 9_000_000,
        os.urandom(5000),
        b"\xff\xd8\xff" + bytes(50),
        b"{" * 100_000,
        b"PK\x03\x04",
    ]
    noise += [
        b"From a@example.org Sat Jan 01 10:00:00 2022\nSubject: \x00\xff\n\n\x00",
        b"\x1f\x8b\x08" + os.urandom(50),
    ]
    noise += [
        b"[01.02.26, 10:00:00] A: " + b"\x00" * 100,
        b"\x00\x00\x00\x18ftypheic" + bytes(100),
        b"RIFF\x00\x00\x00\x00AVI ",
    ]
    noise += [
        b'{"messages": [{"date_unixtime": "99999999999999999999", "text": [1, null, {"text": {}}]}, 5, {"id": {}}]}'
    ]
    for number, content in enumerate(noise):
        (tmp_path / f"{number:02}").write_bytes(content)
    reading = read(tmp_path)
    assert len(reading.files) == len(noise) + 1
    seen = {record.locator.path[-1] for record in reading.records}
    assert seen == {f"{number:02}" for number in range(len(noise))}
    assert not [one for one in reading.report.skipped if "the reader" in one.sentence]
    for record in reading.records:
        assert "\x00" not in "".join(claim.raw for claim in record.claims)


def test_readers_never_import_each_other() -> None:
    names = {reader.__name__.rsplit(".", 1)[1] for reader in readers()}  # type: ignore[attr-defined]
    assert {"folder", "zip", "tar", "eml", "mbox", "whatsapp", "telegram", "picture", "video", "document"} <= names
    for reader in readers():
        assert reader.FORMAT
        assert reader.VERSION
        assert reader.LABEL
        text = Path(reader.__file__).read_text("utf-8")  # type: ignore[attr-defined]
        assert "from opencets.parsing.readers" not in text
        assert "import opencets.parsing.readers" not in text


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(2, Limits(seconds=30)) as made:
        yield made


def test_reading_apart_gives_what_reading_here_gives(tmp_path: Path, pool: Pool) -> None:
    inner = _zip({"deep/note.txt": b"here", "../evil": b"x"})
    path = tmp_path / "outer.zip"
    path.write_bytes(_zip({"middle.tar.gz": _tar({"inner.zip": inner, "b.txt": b"b"}, "w:gz"), "c.txt": b"c"}))
    here, apart = list(walk(source_of(path))), list(walk_apart(source_of(path), pool))

    def told(events: list[object]) -> set[str]:
        return {
            event.key if isinstance(event, Record) else event.sentence
            for event in events
            if isinstance(event, Record | Skipped | Noted)
        }

    assert told(list(here)) == told(list(apart))
    assert sum(isinstance(event, FileRead) for event in apart) == 6


def test_reading_apart_costs_a_file_that_kills_its_reader_one_line(tmp_path: Path, pool: Pool) -> None:
    from sandbox_tasks import crashing_source

    events = list(walk_apart(crashing_source("one.bin"), pool))
    assert [event.code for event in events if isinstance(event, Skipped)] == ["crashed"]
    assert isinstance(events[-1], FileRead)
    (tmp_path / "note.txt").write_text("still read")
    assert any(isinstance(event, Record) for event in walk_apart(source_of(tmp_path), pool))


def test_samples_of_archives_are_read_as_they_are(samples: Path) -> None:
    reading = read(samples / "archives")
    assert sorted(_codes(reading)) == ["limit-reached", "not-opened", "unsafe-name", "unsafe-name", "unsafe-name"]
    deepest = max(reading.records, key=lambda record: len(record.locator.path))
    assert deepest.locator.path[1:4] == ("nested_3_levels.zip", "level2.zip", "level3.zip")
