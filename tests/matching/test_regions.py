"""The same place, the same thing: a marked region is found turned, scaled and covered; others are not; the index keeps."""

from __future__ import annotations

import csv
import io
import zlib
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner
from PIL import Image

from opencets.cli.match import match
from opencets.errors import DamagedSource, LimitReached, NotThisFormat
from opencets.matching.regions import (
    RegionIndex,
    describe,
    extract,
    mirrored,
    read_brightness,
    search_either,
    unpacked,
)
from opencets.matching.regions.features import DIMENSIONS, EDGES, LEVELS, Query, decode, encode
from opencets.matching.regions.vocabulary import assign, learn

Grey = npt.NDArray[np.uint8]
WHOLE = (0.0, 0.0, 1.0, 1.0)
SIZE = np.array([480, 360], np.float32)


def print_of(seed: int, side: int = 160) -> Grey:
    """A square print of random polygons."""
    rng = np.random.default_rng(seed)
    canvas = np.full((side, side), 230, np.uint8)
    for _ in range(45):
        centre = rng.uniform(0, side, 2)
        points = centre + rng.normal(0, side / 12, (int(rng.integers(3, 6)), 2))
        cv2.fillPoly(canvas, [np.round(points).astype(np.int32)], (int(rng.integers(0, 256)),), cv2.LINE_AA)
    return canvas


def wall_of(seed: int) -> Grey:
    """A motif of a print, repeated."""
    return np.tile(print_of(seed, 40), (4, 4))


def scene(
    look: Grey | None, seed: int, scale: float = 1.0, turn: float = 0.0, covered: float = 0.0
) -> tuple[Grey, npt.NDArray[np.float32]]:
    """A noisy room with the look pasted in, and the outline it has there, as shares."""
    rng = np.random.default_rng([seed, 5])
    coarse = rng.uniform(40, 200, (9, 12)).astype(np.float32)
    canvas = cv2.resize(coarse, (480, 360), interpolation=cv2.INTER_CUBIC)
    for _ in range(25):
        points = rng.uniform([0, 0], SIZE) + rng.normal(0, 25, (4, 2))
        cv2.fillPoly(canvas, [np.round(points).astype(np.int32)], (float(rng.uniform(0, 255)),))
    outline = np.zeros((4, 2), np.float32)
    if look is not None:
        side = look.shape[0]
        place = cv2.getRotationMatrix2D((side / 2, side / 2), turn, scale)
        place[:, 2] += SIZE / 2 - side / 2 + rng.uniform(-40, 40, 2)
        warped = cv2.warpAffine(look.astype(np.float32), place, (480, 360))
        mask = cv2.warpAffine(np.ones(look.shape, np.float32), place, (480, 360))
        mask[:, int(240 + 0.5 * side * scale * (1 - 2 * covered)) :] *= 0.0 if covered else 1.0
        canvas += mask * (warped - canvas)
        corners = np.array([[[0, 0], [side, 0], [side, side], [0, side]]], np.float32)
        outline = cv2.transform(corners, place)[0]
    lit = canvas * rng.uniform(0.6, 1.0) + rng.normal(0, 3, canvas.shape)
    return np.clip(lit, 0, 255).astype(np.uint8), (outline / SIZE).astype(np.float32)


def marked(look: Grey, seed: int) -> Query:
    grey, outline = scene(look, seed)
    return describe(grey, outline, WHOLE, 480 / 360)


@pytest.fixture(scope="module")
def index() -> RegionIndex:
    """Print 1 at 3 and 7, wall 2 at 5 and 9, other things elsewhere."""
    kept = RegionIndex.create()
    looks = {
        3: (print_of(1), 0.7, 40, 0.3),
        7: (print_of(1), 1.5, 200, 0.0),
        5: (wall_of(2), 0.8, 15, 0.3),
        9: (wall_of(2), 1.4, 80, 0.0),
    }
    for number in range(14):
        look, scale, turn, covered = looks.get(number, (print_of(100 + number), 1.0, 10.0, 0.0))
        kept.add([extract(scene(look, 50 + number, scale, turn, covered)[0])])
    return kept


def test_a_print_is_found_smaller_larger_turned_and_covered_and_nothing_else_is_reported(index: RegionIndex) -> None:
    places = index.search(marked(print_of(1), 1))
    assert {place.item for place in places if place.reported} == {3, 7}
    assert all(place.points >= 10 for place in places if place.reported)


def test_a_repeating_wall_is_found_first_by_several_maps_and_nothing_else_is_reported(index: RegionIndex) -> None:
    """In so few pictures a motif is not rare: the wall that is seen at 1.4 times its size stays below the threshold."""
    places = index.search(marked(wall_of(2), 2))
    assert [place.item for place in places[:2]] == [5, 9]
    assert all(place.models > 1 for place in places[:2])
    assert {place.item for place in places if place.reported} == {5}


def test_a_thing_that_stands_nowhere_is_not_reported(index: RegionIndex) -> None:
    assert not [place for place in index.search(marked(print_of(77), 3)) if place.reported]


def test_the_matched_points_lie_in_the_region_and_on_the_thing(index: RegionIndex) -> None:
    grey, outline = scene(print_of(1), 1)
    there = scene(print_of(1), 57, 1.5, 200)[1]
    place = next(each for each in index.search(describe(grey, outline, WHOLE, 480 / 360)) if each.item == 7)
    pixels = np.array([480, 360], np.float32)
    for x, y, item_x, item_y in place.pairs:
        assert cv2.pointPolygonTest((outline * pixels), (x * 480, y * 360), True) >= -1
        assert cv2.pointPolygonTest((there * pixels), (item_x * 480, item_y * 360), True) >= -6


def test_the_map_of_a_place_says_how_the_thing_is_turned_and_sized(index: RegionIndex) -> None:
    place = next(each for each in index.search(marked(print_of(1), 1)) if each.item == 7)
    a, b, _, c, d, _ = place.transform
    assert np.hypot(a, c) == pytest.approx(1.5, rel=0.08)
    turned = np.degrees(np.arctan2(c - b, a + d)) % 360
    assert turned == pytest.approx(160, abs=4)  # OpenCV turns against the clock, and y runs down


def test_a_flipped_picture_is_found_its_points_lie_on_the_thing_and_the_place_says_so() -> None:
    grey, outline = scene(print_of(1), 1)
    query = describe(grey, outline, WHOLE, 480 / 360)
    there, lies = scene(print_of(1), 57, 1.5, 200)
    kept = RegionIndex.create()
    kept.add([extract(scene(print_of(number), number)[0]) for number in (101, 102)])
    kept.add([extract(np.ascontiguousarray(there[:, ::-1])), extract(there)])
    assert [place.item for place in kept.search(query) if place.reported] == [3]
    found = {place.item: place for place in search_either(kept, query) if place.reported}
    assert {item: place.mirrored for item, place in found.items()} == {2: True, 3: False}
    flipped = np.array([1, 0], np.float32) + np.array([-1, 1], np.float32) * lies
    for x, y, item_x, item_y in found[2].pairs:
        assert cv2.pointPolygonTest(outline * SIZE, (x * 480, y * 360), True) >= -1
        assert cv2.pointPolygonTest(flipped * SIZE, (item_x * 480, item_y * 360), True) >= -6
    carried = np.array(found[2].carried(outline.tolist()), np.float32)
    assert np.abs(carried - flipped).max() < 0.03
    twice = mirrored(mirrored(query))
    assert np.array_equal(twice.vectors, query.vectors)
    assert np.allclose(twice.places, query.places, atol=1e-5)


def test_a_query_cut_to_its_region_finds_the_same_and_tells_nothing_of_where_it_lay() -> None:
    grey, outline = scene(print_of(1), 1)
    low, high = outline.min(axis=0), outline.max(axis=0)
    box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    whole = describe(grey, outline, WHOLE, 480 / 360)
    alone = whole.cropped(box)
    assert alone.places[:, 1].max() <= 1.001
    assert alone.places[:, 0].max() <= alone.aspect + 0.001
    part = np.ascontiguousarray(
        grey[round(box[1] * 360) : round(box[3] * 360), round(box[0] * 480) : round(box[2] * 480)]
    )
    again = describe(part, np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32), WHOLE, part.shape[1] / part.shape[0])
    assert np.median(alone.sizes) == pytest.approx(np.median(again.sizes), abs=0.1)
    kept = RegionIndex.create()
    kept.add([extract(scene(print_of(1), 57, 1.5, 200)[0])])
    by_whole, by_part = kept.search(whole)[0], kept.search(alone)[0]
    assert by_part.score > 0.6 * by_whole.score  # votes fall into other cells
    assert np.abs(np.subtract(by_part.carried([[0, 0], [1, 1]]), by_whole.carried([box[:2], box[2:]]))).max() < 0.02


def test_the_marked_picture_and_removed_ones_are_left_out(index: RegionIndex) -> None:
    query = marked(print_of(1), 1)
    assert {place.item for place in index.search(query, exclude=[3]) if place.reported} == {7}
    own = RegionIndex.create()
    own.add([extract(scene(print_of(1), 1)[0])])
    assert own.search(query)
    own.remove([0])
    assert not own.search(query)


def test_an_index_on_disk_answers_as_the_one_in_memory_through_merges_and_reopening(
    tmp_path: Path, index: RegionIndex
) -> None:
    kept = RegionIndex.create(tmp_path / "regions")
    looks = {3: (print_of(1), 53, 0.7, 40.0, 0.3), 7: (print_of(1), 57, 1.5, 200.0, 0.0)}
    others = {number: (print_of(100 + number), 50 + number, 1.0, 10.0, 0.0) for number in range(9)}
    pictures = [extract(scene(*look)[0]) for look in (others | looks).values()]
    for picture in pictures:
        kept.add([picture])
    assert len(list((tmp_path / "regions").glob("segment-*"))) <= 3
    assert len(RegionIndex.open(tmp_path / "regions")) == 9
    again = RegionIndex.open(tmp_path / "regions").search(marked(print_of(1), 1))
    assert {place.item for place in again if place.reported} == {3, 7}
    (tmp_path / "regions" / "segment-009999").mkdir()  # left by a crash before the state named it
    assert len(RegionIndex.open(tmp_path / "regions")) == 9
    with pytest.raises(DamagedSource, match="no index of regions"):
        RegionIndex.open(tmp_path)


def test_codes_keep_the_level_of_each_value_and_features_pack_and_unpack() -> None:
    rng = np.random.default_rng(4)
    vectors = rng.uniform(0, 0.3, (50, DIMENSIONS)).astype(np.float32)
    assert np.array_equal(decode(encode(vectors)), LEVELS[np.searchsorted(EDGES, vectors)])
    features = extract(scene(print_of(1), 1)[0])
    again = unpacked(features.packed())
    assert np.array_equal(again.codes, features.codes)
    assert np.array_equal(again.places, features.places)
    assert len(features.packed()) == 8 + 38 * len(features)
    with pytest.raises(ValueError, match="no packed features"):
        unpacked(features.packed()[:-1])


def test_words_are_learnt_without_chance_and_a_feature_gets_a_near_one() -> None:
    rng = np.random.default_rng(6)
    vectors = rng.uniform(0, 0.2, (4000, DIMENSIONS)).astype(np.float32)
    words = learn(vectors, 64)
    assert np.array_equal(words, learn(vectors, 64))
    assert words.shape == (64, DIMENSIONS)
    given = ((vectors - words[assign(vectors, words)]) ** 2).sum(axis=1)
    nearest = np.array([((words - vector) ** 2).sum(axis=1).min() for vector in vectors[:200]])
    assert given[:200].mean() < 1.05 * nearest.mean()


def test_an_empty_picture_has_no_features_and_no_region_finds_it() -> None:
    flat = np.full((200, 300), 90, np.uint8)
    features = extract(flat)
    assert len(features) == 0
    kept = RegionIndex.create()
    kept.add([features])
    assert kept.search(marked(print_of(1), 1)) == []
    polygon = np.array([[0, 0], [1, 0], [1, 1]], np.float32)
    assert index_answers_nothing(kept, describe(flat, polygon, WHOLE, 1.5))


def index_answers_nothing(kept: RegionIndex, query: Query) -> bool:
    return not len(query) and kept.search(query) == []


def test_pictures_are_read_upright_small_and_cut_and_hostile_ones_are_refused() -> None:
    encoded = io.BytesIO()
    picture = Image.fromarray(np.tile(np.arange(0, 200, 2, dtype=np.uint8), (40, 1)))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(encoded, "JPEG", exif=exif)
    encoded.seek(0)
    upright = read_brightness(encoded, 50)
    assert (upright.width, upright.height) == (40, 100)
    assert upright.grey.shape == (50, 20)
    encoded.seek(0)
    half = read_brightness(encoded, 100, (0.0, 0.5, 1.0, 1.0))
    assert half.grey.shape == (50, 40)
    assert half.box == (0.0, 0.5, 1.0, 1.0)
    assert half.grey.mean() > 140
    with pytest.raises(NotThisFormat):
        read_brightness(io.BytesIO(b"no picture"), 100)
    whole = io.BytesIO()
    Image.fromarray(scene(print_of(1), 1)[0]).save(whole, "JPEG")
    with pytest.raises(DamagedSource):
        read_brightness(io.BytesIO(whole.getvalue()[:5000]), 100)
    huge = bytearray(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (60_000).to_bytes(4, "big") * 2 + b"\x08\x00\x00\x00\x00")
    huge += zlib.crc32(bytes(huge[12:29])).to_bytes(4, "big") + (9).to_bytes(4, "big") + b"IDAT" + bytes(9)
    with pytest.raises(LimitReached):
        read_brightness(io.BytesIO(bytes(huge)), 100)


def test_the_command_finds_a_region_in_a_folder_and_in_the_index_it_kept(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, (look, seed, scale, turn) in {
        "there.png": (print_of(1), 57, 1.5, 200.0),
        "other.png": (print_of(101), 58, 1.0, 10.0),
    }.items():
        Image.fromarray(scene(look, seed, scale, turn)[0]).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    grey, outline = scene(print_of(1), 1)
    Image.fromarray(grey).save(tmp_path / "marked.png")
    left, top = (outline[0] * SIZE).tolist()
    common = ["region"]
    options = ["--picture", str(tmp_path / "marked.png"), "--region", f"{left:.0f},{top:.0f},160,160"]
    out = tmp_path / "places.csv"
    first = CliRunner().invoke(
        match, [*common, str(folder), *options, "--keep", str(tmp_path / "kept"), "--out", str(out)]
    )
    assert first.exit_code == 0, first.output
    assert "notes.txt: left out." in first.output
    rows = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    assert [row["picture"] for row in rows] == ["there.png"]
    assert float(rows[0]["turn_degrees"]) == pytest.approx(160, abs=4)
    again = CliRunner().invoke(match, [*common, str(tmp_path / "kept"), *options, "--out", str(tmp_path / "again.csv")])
    assert again.exit_code == 0
    assert (tmp_path / "again.csv").read_text() == out.read_text()
    tiny_model(tmp_path / "tiny.onnx")
    ordered = [*common, str(folder), *options, "--model", str(tmp_path / "tiny.onnx"), "--out", str(out)]
    by_model = CliRunner().invoke(match, ordered)
    if find_spec("onnxruntime") is None:  # the optional part that make proof installs
        assert by_model.exit_code == 1
        assert "onnx" in by_model.output
    else:
        assert by_model.exit_code == 0, by_model.output
        assert 0 < float(next(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))["likeness"]) <= 1
    outside = CliRunner().invoke(match, [*common, str(folder), *options[:3], "400,0,160,160", "--out", str(out)])
    assert outside.exit_code == 1
    assert "does not lie in the picture" in outside.output


def tiny_model(path: Path, side: int = 8) -> None:
    """An ONNX model that flattens a grey square, written by hand as protocol buffers (onnx.proto, IR version 8)."""

    def field(number: int, content: bytes | int) -> bytes:
        def number_bytes(value: int) -> bytes:
            parts = bytearray()
            while value > 127:
                parts.append(value & 127 | 128)
                value >>= 7
            return bytes([*parts, value])

        if isinstance(content, int):
            return number_bytes(number << 3) + number_bytes(content)
        return number_bytes(number << 3 | 2) + number_bytes(len(content)) + content

    def value(name: str, sides: tuple[int, ...]) -> bytes:
        shape = b"".join(field(1, field(1, length)) for length in sides)
        tensor = field(1, 1) + field(2, shape)
        return field(1, name.encode()) + field(2, field(1, tensor))

    node = field(1, b"picture") + field(2, b"vector") + field(4, b"Flatten")
    graph = field(1, node) + field(2, b"tiny")
    graph += field(11, value("picture", (1, 1, side, side))) + field(12, value("vector", (1, side * side)))
    path.write_bytes(field(1, 8) + field(8, field(1, b"") + field(2, 17)) + field(7, graph))


def test_an_embedding_that_is_plugged_in_puts_places_in_order_and_a_wrong_one_says_why(
    tmp_path: Path, index: RegionIndex
) -> None:
    pytest.importorskip("onnxruntime", reason="The optional part onnx is not installed: make proof installs it.")
    from opencets.matching.regions.rerank import Embedding, ModelRefused, reranked

    model = tmp_path / "tiny.onnx"
    tiny_model(model)
    embedding = Embedding.open(model)
    assert (embedding.channels, embedding.side_px) == (1, 8)
    grey, outline = scene(print_of(1), 1)
    places = [
        (place.item, place) for place in index.search(describe(grey, outline, WHOLE, 480 / 360)) if place.reported
    ]
    looks = {3: scene(print_of(1), 53, 0.7, 40, 0.3)[0], 7: grey}

    def picture_of(item: int) -> bytes:
        stream = io.BytesIO()
        Image.fromarray(looks[item]).save(stream, "PNG")
        return stream.getvalue()

    found = reranked(embedding, grey, places, outline.tolist(), picture_of)
    assert {item for item, _, _ in found} == {3, 7}
    likenesses = [likeness for _, _, likeness in found]
    assert likenesses == sorted(likenesses, key=lambda each: -(each or 0))
    broken = reranked(embedding, grey, places, outline.tolist(), lambda item: b"no picture")
    assert [likeness for _, _, likeness in broken] == [None, None]
    with pytest.raises(ModelRefused, match="is not there"):
        Embedding.open(tmp_path / "absent.onnx")
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    with pytest.raises(ModelRefused, match="cannot be read"):
        Embedding.open(tmp_path / "broken.onnx")
