from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opencets.errors import ActRefused, DamagedSource, NotFound, NotThisFormat
from opencets.packing.blobs import BlobStore, Opening
from opencets.packing.frames import (
    FRAME_SIZE,
    FrameReader,
    FrameWriter,
    clear_size,
    new_key,
    sealed_size,
    unwrap_key,
    wrap_key,
)

BLOB_ID = "0123456789abcdef0123456789abcdef"
MASTER = bytes(range(32))
SIZES = [0, 1, FRAME_SIZE - 1, FRAME_SIZE, FRAME_SIZE + 1, 2 * FRAME_SIZE, 2 * FRAME_SIZE + 77]


def sealed(text: bytes, key: bytes, blob_id: str = BLOB_ID) -> bytes:
    raw = io.BytesIO()
    writer = FrameWriter(raw, key, blob_id)
    writer.write(text)
    writer.finish()
    return raw.getvalue()


@pytest.fixture(scope="module")
def text() -> bytes:
    return random.Random(1).randbytes(2 * FRAME_SIZE + 12_345)


@pytest.mark.parametrize("size", SIZES)
def test_every_length_comes_back_with_its_size_and_digest(size: int) -> None:
    key = new_key()
    text = random.Random(size).randbytes(size)
    raw = io.BytesIO()
    writer = FrameWriter(raw, key, BLOB_ID)
    for begin in range(0, size, 300_001):
        writer.write(text[begin : begin + 300_001])
    written = writer.finish()
    assert (written.size, written.sha256) == (size, hashlib.sha256(text).hexdigest())
    assert len(raw.getvalue()) == sealed_size(size)
    assert clear_size(len(raw.getvalue())) == size
    with FrameReader(io.BytesIO(raw.getvalue()), key, BLOB_ID) as stream:
        assert stream.read() == text


def test_no_part_of_the_clear_text_stands_in_the_sealed_one() -> None:
    text = b"a line that a search of the disk would find. " * 1000
    assert b"a line that" not in sealed(text, new_key())


def test_ranges_across_frames_are_read_exactly(text: bytes) -> None:
    key = new_key()
    stream = FrameReader(io.BytesIO(sealed(text, key)), key, BLOB_ID)
    for begin, length in [(0, 5), (FRAME_SIZE - 3, 7), (FRAME_SIZE, 1), (5, 2 * FRAME_SIZE), (len(text) - 4, 100)]:
        stream.seek(begin)
        assert stream.read(length) == text[begin : begin + length]
    stream.seek(-10, io.SEEK_END)
    assert stream.read() == text[-10:]
    stream.seek(len(text) + 5)
    assert stream.read(3) == b""
    with pytest.raises(ValueError, match="before the beginning"):
        stream.seek(-1)


_key = new_key()
_text = random.Random(2).randbytes(FRAME_SIZE + 5000)
_sealed = sealed(_text, _key)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["read", "seek", "back", "tell"]), st.integers(min_value=0, max_value=FRAME_SIZE + 6000)
        ),
        max_size=12,
    )
)
def test_it_reads_as_any_file_in_memory_does(steps: list[tuple[str, int]]) -> None:
    ours, plain = FrameReader(io.BytesIO(_sealed), _key, BLOB_ID), io.BytesIO(_text)
    for step, number in steps:
        if step == "read":
            assert ours.read(number) == plain.read(number)
        elif step == "seek":
            assert ours.seek(number) == plain.seek(number)
        elif step == "back":
            number = min(number, len(_text))
            assert ours.seek(-number, io.SEEK_END) == plain.seek(-number, io.SEEK_END)
        assert ours.tell() == plain.tell()


@pytest.mark.parametrize("place", [0, 12, 16, 5000, 16 + FRAME_SIZE, 16 + FRAME_SIZE + 16 + 3, -1])
def test_one_flipped_bit_is_found(text: bytes, place: int) -> None:
    key = new_key()
    changed = bytearray(sealed(text, key))
    changed[place] ^= 4
    with pytest.raises((DamagedSource, NotThisFormat)):
        FrameReader(io.BytesIO(bytes(changed)), key, BLOB_ID).read()


@pytest.mark.parametrize(
    "length", [0, 3, 15, 16, 20, 31, 16 + FRAME_SIZE + 16, 16 + 2 * (FRAME_SIZE + 16), 16 + FRAME_SIZE + 16 + 5, -1]
)
def test_a_cut_file_is_refused_when_it_is_opened(text: bytes, length: int) -> None:
    key = new_key()
    with pytest.raises((DamagedSource, NotThisFormat)):
        FrameReader(io.BytesIO(sealed(text, key)[:length]), key, BLOB_ID)


def test_frames_cannot_change_places_or_files(text: bytes) -> None:
    key = new_key()
    whole = sealed(text, key)
    frame = FRAME_SIZE + 16
    swapped = whole[:16] + whole[16 + frame : 16 + 2 * frame] + whole[16 : 16 + frame] + whole[16 + 2 * frame :]
    with pytest.raises(DamagedSource, match="frame 0"):
        FrameReader(io.BytesIO(swapped), key, BLOB_ID).read()
    with pytest.raises(DamagedSource):
        FrameReader(io.BytesIO(whole), key, BLOB_ID[::-1])
    with pytest.raises(DamagedSource):
        FrameReader(io.BytesIO(whole), new_key(), BLOB_ID)


def test_a_key_comes_back_under_its_master_key_only() -> None:
    key = new_key()
    wrapped = wrap_key(MASTER, key)
    assert key not in wrapped
    assert unwrap_key(MASTER, wrapped) == key
    with pytest.raises(DamagedSource):
        unwrap_key(bytes(32), wrapped)
    with pytest.raises(DamagedSource):
        unwrap_key(MASTER, wrapped[:-1])


def test_a_blob_is_kept_once_read_and_removed(tmp_path: Path, text: bytes) -> None:
    store = BlobStore(tmp_path / "blobs", MASTER)
    md5 = hashlib.md5(usedforsecurity=False)
    stored = store.put(io.BytesIO(text), seen=md5.update)
    assert (stored.size, stored.sha256) == (len(text), hashlib.sha256(text).hexdigest())
    assert md5.digest() == hashlib.md5(text, usedforsecurity=False).digest()
    with store.open(stored.blob_id, stored.wrapped_key) as stream:
        assert stream.read() == text
    with pytest.raises(ActRefused, match="written once"):
        store.put([b"other"], blob_id=stored.blob_id)
    with store.open(stored.blob_id, stored.wrapped_key) as stream:
        assert stream.read(10) == text[:10]
    assert list((tmp_path / "blobs" / "staged").iterdir()) == []
    store.delete(stored.blob_id)
    store.delete(stored.blob_id)
    assert not store.exists(stored.blob_id)
    with pytest.raises(NotFound):
        store.open(stored.blob_id, stored.wrapped_key)


def test_a_name_that_would_leave_the_store_is_refused(tmp_path: Path) -> None:
    store = BlobStore(tmp_path, MASTER)
    for name in ["../../../../etc/passwd", "", "A" * 32, "0" * 31]:
        with pytest.raises(ActRefused):
            store.exists(name)


def test_a_source_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = BlobStore(tmp_path, MASTER)

    def broken() -> object:
        yield b"x" * FRAME_SIZE * 2
        raise OSError("the disk was pulled out")

    with pytest.raises(OSError, match="pulled out"):
        store.put(broken(), blob_id=BLOB_ID)  # type: ignore[arg-type]
    assert not store.exists(BLOB_ID)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_store_of_objects_behaves_as_a_folder(tmp_path: Path, text: bytes) -> None:
    store = BlobStore(tmp_path.as_uri(), MASTER)
    stored = store.put([text[:5], text[5:]])
    opening = pickle.loads(pickle.dumps(store.opening(stored.blob_id, stored.wrapped_key)))
    with opening() as stream:
        stream.seek(FRAME_SIZE - 2)
        assert stream.read(4) == text[FRAME_SIZE - 2 : FRAME_SIZE + 2]
    with pytest.raises(ActRefused, match="written once"):
        store.put([b"other"], blob_id=stored.blob_id)
    assert store.exists(stored.blob_id)
    store.delete(stored.blob_id)
    assert not store.exists(stored.blob_id)
    with pytest.raises(NotFound):
        opening()


def _read_elsewhere(opening: Opening, answer: BinaryIO | object) -> None:
    with opening() as stream, zipfile.ZipFile(stream) as archive:
        answer.send(archive.read("note.txt"))  # type: ignore[union-attr]


def test_another_process_opens_a_blob_with_the_key_of_that_blob_alone(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("noise", random.Random(3).randbytes(3 * FRAME_SIZE))
        archive.writestr("note.txt", "found")
    store = BlobStore(tmp_path, MASTER)
    stored = store.put([packed.getvalue()])
    opening = store.opening(stored.blob_id, stored.wrapped_key)
    assert MASTER not in pickle.dumps(opening)
    assert repr(opening) == f"Opening({stored.blob_id})"
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    reader = context.Process(target=_read_elsewhere, args=(opening, there))
    reader.start()
    assert here.poll(60)
    assert here.recv() == b"found"
    reader.join()
    here.close()
    there.close()


def test_a_writer_killed_in_the_middle_leaves_nothing_visible(tmp_path: Path) -> None:
    program = f"""
import sys
from opencets.packing.blobs import BlobStore
def parts():
    while True:
        yield b"x" * {FRAME_SIZE}
        print("part", flush=True)
BlobStore({str(tmp_path)!r}, bytes(range(32))).put(parts(), blob_id={BLOB_ID!r})
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment) as writer:
        assert writer.stdout is not None
        for _ in range(4):
            assert writer.stdout.readline() == b"part\n"
        writer.send_signal(signal.SIGKILL)
    store = BlobStore(tmp_path, MASTER)
    assert not store.exists(BLOB_ID)
    assert len(list((tmp_path / "staged").iterdir())) == 1
    assert store.remove_staged(older_than=0) == 0
    assert store.remove_staged(older_than=2**40) == 1
    stored = store.put([b"again"], blob_id=BLOB_ID)
    assert store.open(BLOB_ID, stored.wrapped_key).read() == b"again"


def test_a_file_sealed_elsewhere_is_adopted_once(tmp_path: Path) -> None:
    key = new_key()
    store = BlobStore(tmp_path / "blobs", MASTER)
    for attempt in ("first", "second"):
        (tmp_path / attempt).write_bytes(sealed(attempt.encode(), key))
    store.adopt(tmp_path / "first", BLOB_ID)
    assert not (tmp_path / "first").exists()
    with pytest.raises(ActRefused, match="written once"):
        store.adopt(tmp_path / "second", BLOB_ID)
    with store.open(BLOB_ID, wrap_key(MASTER, key)) as stream:
        assert stream.read() == b"first"
