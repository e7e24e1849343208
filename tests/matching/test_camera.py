"""Sensor noise: made-up cameras with known pixels, each picture found again with its own camera and with no other."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from opencets.errors import DamagedSource, NotThisFormat, ValueRefused
from opencets.matching.camera import (
    PRESELECT,
    SCALED_THRESHOLD,
    THRESHOLD,
    Fingerprint,
    FingerprintMaker,
    SensorNoise,
    compare,
    compare_scaled,
    false_alarm_by_theory,
    false_alarm_in_words,
    make_fingerprint,
    noise_of,
    null_scores,
    preselect,
    scale_between,
)
from opencets.rehearsal.sensors import InventedCamera, as_jpeg

SIZE = (704, 640)


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(as_jpeg(pixels, quality))))


@pytest.fixture(scope="module")
def cameras() -> list[InventedCamera]:
    return [InventedCamera(seed, *SIZE) for seed in (1, 2)]


@pytest.fixture(scope="module")
def fingerprints(cameras: list[InventedCamera]) -> list[Fingerprint]:
    return [make_fingerprint(camera.take(number, flat=True) for number in range(4)) for camera in cameras]


@pytest.mark.parametrize("quality", [100, 92, 75])
def test_a_picture_is_found_with_its_own_camera_and_with_no_other(
    cameras: list[InventedCamera], fingerprints: list[Fingerprint], quality: int
) -> None:
    for own, camera in enumerate(cameras):
        picture = noise_of(jpeg(camera.take(50), quality))
        found = [compare(picture, fingerprint) for fingerprint in fingerprints]
        assert found[own].matches, (own, found)
        assert found[own].place == (0, 0)
        assert found[1 - own].pce < THRESHOLD / 3


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_a_turned_picture_is_found_and_the_turn_told(
    cameras: list[InventedCamera], fingerprints: list[Fingerprint], turn: int
) -> None:
    picture = noise_of(np.ascontiguousarray(np.rot90(cameras[0].take(60), turn)))
    found = compare(picture, fingerprints[0])
    assert found.matches
    assert (found.turn // 90 + turn) % 4 == 0
    assert not compare(picture, fingerprints[1]).matches


def test_a_picture_cut_out_is_found_at_its_place(
    cameras: list[InventedCamera], fingerprints: list[Fingerprint]
) -> None:
    whole = cameras[0].take(61, flat=True)
    cut = noise_of(np.ascontiguousarray(whole[40:600, 16:656]))
    found = compare(cut, fingerprints[0])
    assert found.matches
    assert found.anywhere
    assert found.places > 100_000
    assert found.place == (16 + 640 // 2 - SIZE[0] // 2, 40 + 560 // 2 - SIZE[1] // 2)
    assert not compare(cut, fingerprints[1]).matches


@pytest.mark.parametrize("resampling", [Image.Resampling.LANCZOS, Image.Resampling.BILINEAR])
def test_a_picture_scaled_down_is_found_turned_or_not_and_with_no_other(resampling: Image.Resampling) -> None:
    both = [InventedCamera(seed, 1248, 1088, strength=0.03) for seed in (11, 12)]
    known = [make_fingerprint(camera.take(number, flat=True) for number in range(4)) for camera in both]
    whole = Image.fromarray(both[0].take(50))
    for scale, turned in ((0.5, False), (0.73, True)):
        small = whole.resize((round(1248 * scale), round(1088 * scale)), resampling)
        small = small.transpose(Image.Transpose.ROTATE_90) if turned else small
        picture = noise_of(jpeg(np.asarray(small), 90))
        found, other = (compare_scaled(picture, one) for one in known)
        assert found is not None
        assert other is not None
        assert found.matches, (scale, found)
        assert (found.scale, found.turn) == (pytest.approx(scale, abs=0.01), 270 if turned else 0)
        assert compare(picture, known[0]) == found
        assert other.pce < SCALED_THRESHOLD / 2


def test_only_dimensions_of_the_same_shape_are_taken_for_scaled() -> None:
    assert scale_between((1504, 1000), (3008, 2000)) == 0.5
    assert scale_between((1000, 1504), (3008, 2000)) == 0.5
    assert scale_between((2048, 1362), (3008, 2000)) == pytest.approx(0.681, abs=0.001)
    for other in ((3008, 2000), (1504, 1003), (1200, 798), (3760, 2500), (1500, 1500)):
        assert scale_between(other, (3008, 2000)) is None


def test_the_signs_alone_select_the_camera(cameras: list[InventedCamera], fingerprints: list[Fingerprint]) -> None:
    own, other = preselect(noise_of(cameras[0].take(62)), fingerprints)
    assert own > PRESELECT + 2 > other
    smaller = make_fingerprint(InventedCamera(5, 512, 512).take(number, flat=True) for number in range(4))
    assert preselect(noise_of(cameras[0].take(62)), [smaller]) == [0.0]


def test_chance_follows_the_theory_at_wrong_places(
    cameras: list[InventedCamera], fingerprints: list[Fingerprint]
) -> None:
    scores = null_scores(noise_of(jpeg(cameras[1].take(63), 75)), fingerprints[0])
    for pce in (9.0, 12.0):
        expected = false_alarm_by_theory(pce, 1) * scores.size
        assert expected / 2 < int((scores > pce).sum()) < expected * 2


def test_a_file_holds_the_fingerprint_and_refuses_what_was_changed(
    fingerprints: list[Fingerprint], tmp_path: Path
) -> None:
    made = fingerprints[0]
    path = tmp_path / "camera.fingerprint"
    made.save(path)
    again = Fingerprint.open(path)
    assert np.allclose(again.values, made.values, atol=5e-3)
    assert (again.references, again.width, again.height, again.shape) == (4, *SIZE, (640, 704))
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    with pytest.raises(DamagedSource):
        Fingerprint.from_bytes(bytes(content))
    with pytest.raises(DamagedSource):
        Fingerprint.from_bytes(path.read_bytes()[:-2])
    with pytest.raises(NotThisFormat):
        Fingerprint.from_bytes(b"\xff\xd8\xff\xe0 a picture")
    with pytest.raises(NotThisFormat, match="version 9"):
        Fingerprint.from_bytes(path.read_bytes().replace(b'"version": 1', b'"version": 9', 1))


def test_noise_passed_between_processes_compares_the_same(
    cameras: list[InventedCamera], fingerprints: list[Fingerprint]
) -> None:
    picture = noise_of(cameras[0].take(64))
    again = SensorNoise.unpacked(picture.packed())
    assert compare(again, fingerprints[0]).pce == pytest.approx(compare(picture, fingerprints[0]).pce, rel=0.01)


@pytest.mark.parametrize("order", ["0101", "0011"])
def test_references_of_two_cameras_are_refused(cameras: list[InventedCamera], order: str) -> None:
    maker = FingerprintMaker()
    for number, own in enumerate(order):
        maker.add(cameras[int(own)].take(number, flat=True))
    with pytest.raises(ValueRefused, match="more than one camera"):
        maker.finish()


def test_a_single_stranger_among_the_references_is_told(cameras: list[InventedCamera]) -> None:
    maker = FingerprintMaker()
    for number, own in enumerate((0, 0, 0, 0, 1)):
        maker.add(cameras[own].take(number, flat=True))
    (remark,) = maker.finish().remarks
    assert remark.startswith("1 of the 5 pictures agrees with none of the others")


def test_what_cannot_serve_is_refused_with_its_reason(cameras: list[InventedCamera]) -> None:
    with pytest.raises(ValueRefused, match="400 × 400"):
        noise_of(np.full((400, 400, 3), 128, np.uint8))
    with pytest.raises(ValueRefused, match="burnt out"):
        noise_of(np.full((640, 640, 3), 255, np.uint8))
    with pytest.raises(ValueRefused, match="no noise"):
        noise_of(np.full((640, 640, 3), 128, np.uint8))
    maker = FingerprintMaker()
    maker.add(cameras[0].take(1, flat=True), "a" * 64)
    with pytest.raises(ValueRefused, match="twice"):
        maker.add(cameras[0].take(1, flat=True), "a" * 64)
    with pytest.raises(ValueRefused, match="one size"):
        maker.add(InventedCamera(1, 640, 640).take(2, flat=True))
    with pytest.raises(ValueRefused, match="at least 3"):
        maker.finish()


def test_a_picture_larger_than_the_cameras_is_refused(fingerprints: list[Fingerprint]) -> None:
    with pytest.raises(ValueRefused, match="larger"):
        compare(noise_of(InventedCamera(1, 800, 800).take(1)), fingerprints[0])


def test_the_false_alarm_rate_is_told_in_words() -> None:
    assert "8 of 10,000" in false_alarm_in_words(75.0)
    assert "below the threshold of 60" in false_alarm_in_words(40.0)
    assert "scaled down to 50% of" in false_alarm_in_words(40.0, 0.5)
    assert "below the threshold" in false_alarm_in_words(12.0)
    assert false_alarm_by_theory(60.0, 1) < 1e-13
    assert false_alarm_by_theory(0.0, 1) == 1.0
