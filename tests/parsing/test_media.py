"""Pictures, videos and sounds: what their headers say, with honest zones and positions."""

from __future__ import annotations

import io
import struct
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from opencets.parsing import Reading, read
from opencets.records import Claim, Record


def _one(reading: Reading) -> Record:
    (record,) = reading.records
    assert record.kind == "media"
    return record


def _claim(record: Record, name: str) -> Claim:
    (claim,) = [claim for claim in record.claims if claim.property == name]
    return claim


def _picture(path: Path, tags: dict[int, object], inner: dict[int, object], place: dict[int, object]) -> Record:
    picture = Image.new("RGB", (40, 30), "green")
    exif = picture.getexif()
    exif.update(tags)
    exif.get_ifd(0x8769).update(inner)
    exif.get_ifd(0x8825).update(place)
    picture.save(path, exif=exif)
    return _one(read(path))


def _degrees(*parts: float) -> tuple[TiffImagePlugin.IFDRational, ...]:
    return tuple(TiffImagePlugin.IFDRational(Fraction(part).limit_denominator(10_000)) for part in parts)


@pytest.mark.parametrize(
    ("ending", "media_type"), [("jpg", "image/jpeg"), ("png", "image/png"), ("webp", "image/webp")]
)
def test_a_picture_says_when_where_and_by_which_camera(tmp_path: Path, ending: str, media_type: str) -> None:
    record = _picture(
        tmp_path / f"a.{ending}",
        {0x010F: "NIKON CORPORATION", 0x0110: "NIKON D70", 0x0131: "Ver.1.02"},
        {0x9003: "2026:01:02 03:04:05", 0x9011: "+02:00", 0xA431: "20025295"},
        {1: "N", 2: _degrees(52, 31, 12), 3: "W", 4: _degrees(13, 24, 18)},
    )
    assert record.first("media_type") == media_type
    assert (record.first("width"), record.first("height")) == ("40", "30")
    assert record.first("taken_at") == "2026-01-02T01:04:05Z"
    assert record.first("location") == "52.52000,-13.40500"
    assert record.first("software") == "Ver.1.02"
    serial = _claim(record, "camera_serial")
    assert (serial.normal, serial.role) == ("nikon|d70|20025295", "device_of")


def test_a_time_without_offset_stays_without_zone(tmp_path: Path) -> None:
    taken = _claim(_picture(tmp_path / "a.jpg", {}, {0x9003: "2026:01:02 03:04:05"}, {}), "taken_at")
    assert (taken.normal, taken.note) == ("2026-01-02T03:04:05", "no zone in the file")


def test_a_time_of_last_change_is_not_passed_off_as_the_time_of_taking(tmp_path: Path) -> None:
    taken = _claim(_picture(tmp_path / "a.jpg", {0x0132: "2026:01:02 03:04:05"}, {}, {}), "taken_at")
    assert "last changed" in taken.note


@pytest.mark.parametrize("written", ["2026:13:40 03:04:05", "yesterday 1"])
def test_a_time_that_is_none_keeps_its_text(tmp_path: Path, written: str) -> None:
    taken = _claim(_picture(tmp_path / "a.jpg", {}, {0x9003: written}, {}), "taken_at")
    assert (taken.raw, taken.normal) == (written, None)


@pytest.mark.parametrize(
    ("place", "note"),
    [
        ({1: "N", 2: _degrees(0, 0, 0), 3: "E", 4: _degrees(0, 0, 0)}, "0,0"),
        ({2: _degrees(52, 31, 12), 4: _degrees(13, 24, 18)}, "hemisphere"),
    ],
)
def test_a_position_that_is_none_is_kept_raw_and_refused(tmp_path: Path, place: dict[int, object], note: str) -> None:
    location = _claim(_picture(tmp_path / "a.jpg", {}, {}, place), "location")
    assert location.normal is None
    assert note in location.note


def test_seconds_that_were_not_written_do_not_cost_the_position(tmp_path: Path) -> None:
    missing = TiffImagePlugin.IFDRational(0, 0)
    place: dict[int, object] = {1: "N", 2: (*_degrees(48, 53.5), missing), 3: "E", 4: (*_degrees(21, 2.5), missing)}
    assert _picture(tmp_path / "a.jpg", {}, {}, place).first("location") == "48.89167,21.04167"


def test_the_time_of_the_position_is_utc_and_told_apart_from_the_cameras_clock(tmp_path: Path) -> None:
    place: dict[int, object] = {7: _degrees(1, 3, 45.5), 0x1D: "2026:01:02"}
    record = _picture(tmp_path / "a.jpg", {}, {0x9003: "2026:01:02 03:04:05"}, place)
    satellite = _claim(record, "satellite_at")
    assert satellite.normal == "2026-01-02T01:03:45.5Z"
    assert satellite.note.endswith("which gives no zone, less this one: +2:00:20")
    assert _claim(record, "taken_at").normal == "2026-01-02T03:04:05"


@pytest.mark.parametrize("place", [{7: _degrees(1, 3, 45)}, {0x1D: "2026:01:02"}])
def test_a_clock_time_without_a_day_is_no_instant(tmp_path: Path, place: dict[int, object]) -> None:
    record = _picture(tmp_path / "a.jpg", {}, {0x9003: "2026:01:02 03:04:05"}, place)
    assert not [claim for claim in record.claims if claim.property == "satellite_at"]


@pytest.mark.parametrize("day", ["2026:13:40", "", "yesterday"])
def test_a_time_of_the_position_that_is_none_is_not_made_one(tmp_path: Path, day: str) -> None:
    record = _picture(tmp_path / "a.jpg", {}, {}, {7: _degrees(1, 3, 45), 0x1D: day})
    assert [claim.normal for claim in record.claims if claim.property == "satellite_at"] in ([], [None])


@pytest.mark.parametrize("ending", ["gif", "bmp", "tiff", "avif", "heic"])
def test_other_pictures_are_measured(tmp_path: Path, ending: str) -> None:
    if ending == "heic":
        import pillow_heif

        pillow_heif.register_heif_opener()
    path = tmp_path / f"a.{ending}"
    Image.new("RGB", (64, 48), "green").save(path, format={"heic": "HEIF"}.get(ending))
    record = _one(read(path))
    assert (record.first("width"), record.first("height")) == ("64", "48")
    assert record.first("media_type") == f"image/{ending}"


def test_a_picture_of_too_many_pixels_is_listed_and_told(tmp_path: Path) -> None:
    made = io.BytesIO()
    Image.new("L", (1, 1)).save(made, "PNG")
    content = bytearray(made.getvalue())
    content[16:24] = struct.pack(">II", 200_000, 200_000)
    import zlib

    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    (tmp_path / "bomb.png").write_bytes(bytes(content))
    reading = read(tmp_path / "bomb.png")
    assert _one(reading).first("file_name") == "bomb.png"
    assert [one.code for one in reading.report.skipped] == ["limit-reached"]


def test_a_truncated_picture_is_listed_and_told(tmp_path: Path) -> None:
    made = io.BytesIO()
    Image.effect_noise((200, 200), 50).save(made, "JPEG")
    for length in range(4, 200, 7):
        (tmp_path / "cut.jpg").write_bytes(made.getvalue()[:length])
        reading = read(tmp_path / "cut.jpg")
        assert _one(reading).first("media_type") == "image/jpeg"
        assert not [one for one in reading.report.skipped if "the reader" in one.sentence]


def _video(path: Path, tags: dict[str, str]) -> None:
    with av.open(str(path), "w") as container:
        container.metadata.update(tags)
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for shade in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), shade * 20, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("ending", "media_type"),
    [
        ("mp4", "video/mp4"),
        ("mov", "video/quicktime"),
        ("mkv", "video/x-matroska"),
        ("avi", "video/x-msvideo"),
        ("3gp", "video/3gpp"),
    ],
)
def test_a_video_says_how_long_how_large_and_which_codec(tmp_path: Path, ending: str, media_type: str) -> None:
    path = tmp_path / f"a.{ending}"
    _video(path, {})
    record = _one(read(path))
    assert record.first("media_type") == media_type
    assert (record.first("width"), record.first("height")) == ("64", "48")
    assert float(record.first("duration") or 0) == pytest.approx(1.0, abs=0.11)
    assert ("track_0", "video mpeg4") in record.extra


def test_a_creation_time_is_utc_and_says_that_cameras_err(tmp_path: Path) -> None:
    _video(tmp_path / "a.mp4", {"creation_time": "2026-01-02T03:04:05.000000Z"})
    taken = _claim(_one(read(tmp_path / "a.mp4")), "taken_at")
    assert taken.normal == "2026-01-02T03:04:05Z"
    assert "local time" in taken.note


def test_a_sound_file_is_media_with_a_length(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16_000))
    record = _one(read(tmp_path / "a.wav"))
    assert (record.first("media_type"), record.first("duration")) == ("audio/wav", "1")


def test_a_truncated_video_is_listed_and_told(tmp_path: Path) -> None:
    _video(tmp_path / "a.mp4", {})
    content = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 2])
    reading = read(tmp_path / "cut.mp4")
    assert _one(reading).first("file_name") == "cut.mp4"
    assert [one.code for one in reading.report.skipped] == ["damaged"]


def test_samples_of_pictures_say_what_is_known_of_them(samples: Path) -> None:
    nikon = _one(read(samples / "media/prnu/nat-jpg/Nikon_D70_0_19445.JPG"))
    assert nikon.first("camera_serial") == "nikon|d70|2001f1c0"
    phone = _one(read(samples / "media/heif/IMG_5195.HEIC"))
    assert (phone.first("taken_at"), phone.first("location")) == ("2021-04-11T20:47:53.054Z", "39.05134,-94.28877")
    canon = _one(read(samples / "media/heif/Issue_649.avif"))
    assert canon.first("camera_serial") == "canon|eos 70d|053022005903"
    film = _one(read(samples / "media/video/with-gps.mov"))
    assert (film.first("taken_at"), film.first("location")) == ("2019-07-24T08:25:40Z", "32.09290,34.86200")


def test_every_sample_picture_and_video_gives_one_record(samples: Path) -> None:
    reading = read(samples / "media")
    assert reading.report.records["media"] == reading.report.formats["picture"] + reading.report.formats["video"]
    assert [one.locator.path[-1].split("/")[0] for one in reading.report.skipped] == ["broken"]
