"""The index against the plain comparison of everything with everything."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opencets.errors import ActRefused, DamagedSource, Interrupted, NotThisFormat, SourceRefused, ValueRefused
from opencets.matching import HammingIndex, hamming, read_hex_codes, segment
from opencets.matching.codes import _order, near_plainly, permuted, permuted_plainly
from opencets.matching.loops import choose_levels

Codes = npt.NDArray[np.uint8]


def random_codes(seed: int, count: int) -> Codes:
    return np.random.default_rng(seed).integers(0, 256, (count, 32), np.uint8)


def with_flips(rng: np.random.Generator, code: Codes, count: int) -> Codes:
    bits = np.unpackbits(code)
    bits[rng.choice(256, count, replace=False)] ^= 1
    return np.packbits(bits)


def crowd(seed: int, count: int, flips: int) -> Codes:
    """Noisy copies of one code."""
    rng = np.random.default_rng(seed)
    centre = random_codes(seed, 1)[0]
    return np.stack([with_flips(rng, centre, int(rng.integers(flips + 1))) for _ in range(count)])


def skewed(seed: int, count: int) -> Codes:
    """Codes of which half share a pattern of 128 bits."""
    codes = random_codes(seed, count)
    codes[::2, :16] = codes[0, :16]
    return codes


def alike_in_bands(seed: int, count: int, bands: list[int]) -> Codes:
    """Codes of which nine in ten agree in whole bands of the index, so that these are no help."""
    codes = random_codes(seed, count)
    bits = np.unpackbits(codes, axis=1, bitorder="little")
    places = np.flatnonzero(np.isin(np.array(_order()) // 16, bands))
    bits[count // 10 :, places] = bits[0, places]
    return np.packbits(bits, axis=1, bitorder="little")


def assert_same(found: tuple[npt.NDArray[np.generic], ...], expected: tuple[npt.NDArray[np.generic], ...]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.tolist() == other.tolist()


def pairs_plainly(codes: Codes, radius: int) -> tuple[npt.NDArray[np.int64], ...]:
    left, right, distance = near_plainly(codes, codes, radius)
    keep = left < right
    order = np.lexsort((right[keep], left[keep]))
    return left[keep][order], right[keep][order], distance[keep][order]


def test_the_permutation_is_the_plain_one_and_keeps_every_distance() -> None:
    codes = random_codes(1, 500)
    words = permuted(codes)
    assert words.tolist() == permuted_plainly(codes).tolist()
    before = np.bitwise_count(codes[:-1] ^ codes[1:]).sum(axis=1)
    after = np.bitwise_count(words[:-1] ^ words[1:]).sum(axis=1)
    assert before.tolist() == after.tolist()


def test_neighbours_planted_at_every_distance_are_found_to_31_and_not_beyond() -> None:
    codes = random_codes(2, 20_000)
    rng = np.random.default_rng(3)
    planted = [(int(rng.integers(20_000)), distance) for distance in range(41) for _ in range(25)]
    queries = np.stack([with_flips(rng, codes[item], distance) for item, distance in planted])
    found = HammingIndex.build(codes).search(queries)
    expected = [(number, item, distance) for number, (item, distance) in enumerate(planted) if distance <= 31]
    assert list(zip(*(column.tolist() for column in found), strict=True)) == expected


@pytest.mark.parametrize("radius", [0, 1, 15, 16, 31, 32, 47, 48, 100, 256])
def test_every_radius_agrees_with_the_plain_comparison(radius: int) -> None:
    codes = np.concatenate([random_codes(4, 2_500), crowd(5, 40, 60)])
    queries = np.concatenate([codes[-20:], random_codes(6, 5)])
    assert_same(HammingIndex.build(codes).search(queries, radius), near_plainly(queries, codes, radius))


@pytest.mark.parametrize("kind", ["random", "skewed", "crowded", "one crowd only", "identical", "zero and one"])
def test_skewed_and_crowded_codes_agree_with_the_plain_comparison(kind: str) -> None:
    codes = {
        "random": random_codes(7, 4_000),
        "skewed": skewed(8, 4_000),
        "crowded": np.concatenate([random_codes(9, 3_600), crowd(9, 400, 20)]),
        "one crowd only": crowd(10, 2_500, 40),
        "identical": np.concatenate([random_codes(11, 2_500), np.repeat(random_codes(12, 3), 50, axis=0)]),
        "zero and one": np.concatenate(
            [np.repeat(np.array([[0] * 32, [255] * 32], np.uint8), 30, 0), skewed(1, 2_500)]
        ),
    }[kind]
    index = HammingIndex.build(codes)
    queries = np.concatenate([codes[:30], codes[-60:]])
    assert_same(index.search(queries), near_plainly(queries, codes, 31))
    if kind != "one crowd only":
        assert_same(index.pairs(), pairs_plainly(codes, 31))


@pytest.mark.parametrize("radius", [0, 20, 31, 36, 47])
@pytest.mark.parametrize("bands", [[4], [0, 15], [3, 4, 9], [1, 2, 3, 5, 8, 13]])
def test_crowded_bands_are_left_out_and_nothing_is_missed(bands: list[int], radius: int) -> None:
    codes = alike_in_bands(radius, 12_000, bands)
    rng = np.random.default_rng(radius)
    items = rng.integers(0, 12_000, 90)
    queries = np.stack([with_flips(rng, codes[item], number % (radius + 2)) for number, item in enumerate(items)])
    assert_same(HammingIndex.build(codes).search(queries, radius), near_plainly(queries, codes, radius))


@settings(deadline=None)  # the first example compiles the loop
@given(st.lists(st.integers(0, 5_000), min_size=16, max_size=16), st.integers(0, 47))
def test_the_levels_chosen_always_suffice_for_the_radius(entries: list[int], radius: int) -> None:
    sizes = np.array([(few, 3 * few) for few in entries], np.int64)
    levels = np.empty(16, np.int64)
    choose_levels(sizes, 100_000, radius, levels)
    assert int((levels + 1).sum()) == radius + 1
    assert levels.min() >= -1
    assert levels.max() <= 2


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_order_of_adding_removing_and_compacting_agrees_with_the_plain_comparison(data: st.DataObject) -> None:
    centres = random_codes(data.draw(st.integers(0, 9)), 3)
    flips = st.lists(st.integers(0, 255), max_size=36, unique=True)

    def one() -> Codes:
        bits = np.unpackbits(centres[data.draw(st.integers(0, 2))])
        bits[data.draw(flips)] ^= 1
        return np.packbits(bits)

    old_tail, old_small = hamming.TAIL_CODES, segment.SMALL
    hamming.TAIL_CODES, segment.SMALL = 4, 2
    try:
        every: list[Codes] = []
        gone: set[int] = set()
        index = HammingIndex.build(np.empty((0, 32), np.uint8))
        for step in data.draw(st.lists(st.sampled_from(["add", "remove", "compact"]), max_size=8)):
            if step == "add":
                fresh = [one() for _ in range(data.draw(st.integers(0, 7)))]
                codes = np.array(fresh, np.uint8).reshape(-1, 32)
                assert index.add(codes) == range(len(every), len(every) + len(fresh))
                every += fresh
            elif step == "remove" and every:
                items = data.draw(st.sets(st.integers(0, len(every) - 1), max_size=4))
                assert index.remove(sorted(items)) == len(items - gone)
                gone |= items
            else:
                index.compact()
        assert len(index) == len(every) - len(gone)
        radius = data.draw(st.sampled_from([0, 8, 31, 40]))
        query = one()[None]
        query_found, item_found, distance = index.search(query, radius)
        expected = near_plainly(query, np.array(every, np.uint8).reshape(-1, 32), radius)
        kept = [(n, i, d) for n, i, d in zip(*(part.tolist() for part in expected), strict=True) if i not in gone]
        assert list(zip(query_found.tolist(), item_found.tolist(), distance.tolist(), strict=True)) == kept
        pairs = pairs_plainly(np.array(every, np.uint8).reshape(-1, 32), radius)
        kept_pairs = [
            row for row in zip(*(part.tolist() for part in pairs), strict=True) if not gone & {row[0], row[1]}
        ]
        assert list(zip(*(part.tolist() for part in index.pairs(radius)), strict=True)) == kept_pairs
    finally:
        hamming.TAIL_CODES, segment.SMALL = old_tail, old_small


def test_pairs_cross_segments_and_tail_and_come_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hamming, "TAIL_CODES", 3_000)
    monkeypatch.setattr(hamming, "PAIR_BATCH", 100)
    codes = np.concatenate([crowd(1, 60, 30), random_codes(2, 2_950)] * 2 + [crowd(1, 60, 30)])
    index = HammingIndex.build(codes[:3_010])
    index.add(codes[3_010:6_020])
    index.add(codes[6_020:])
    assert index.fragments == 2
    assert_same(index.pairs(), pairs_plainly(codes, 31))
    assert max(portion.left.size for portion in index.each_pairs()) <= 2 * 60 * 60


def test_more_threads_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hamming, "QUERY_BATCH", 50)
    codes = random_codes(3, 5_000)
    index = HammingIndex.build(codes)
    assert_same(index.search(codes[:500], threads=4), index.search(codes[:500]))


def test_an_empty_index_and_empty_queries_find_nothing() -> None:
    index = HammingIndex.build(np.empty((0, 32), np.uint8))
    assert [column.size for column in index.search(random_codes(1, 3))] == [0, 0, 0]
    assert [column.size for column in index.pairs()] == [0, 0, 0]
    index.add(random_codes(1, 3))
    assert index.search(np.empty((0, 32), np.uint8)).item_index.size == 0


@pytest.mark.parametrize(
    "wrong", [np.zeros((3, 31), np.uint8), np.zeros((3, 32), np.int64), np.zeros(32, np.uint8), ["00" * 32]]
)
def test_codes_of_another_shape_or_type_are_refused(wrong: npt.ArrayLike) -> None:
    index = HammingIndex.build(random_codes(1, 3))
    for act in (HammingIndex.build, index.add, index.search):
        with pytest.raises(ValueRefused, match=r"uint8 array of shape \(n, 32\)"):
            act(wrong)
    assert len(index) == 3


@pytest.mark.parametrize("radius", [-1, 257])
def test_an_impossible_radius_is_refused(radius: int) -> None:
    index = HammingIndex.build(random_codes(1, 3))
    with pytest.raises(ActRefused, match="256 bits differ in 0 to 256"):
        index.search(random_codes(1, 1), radius)
    with pytest.raises(ActRefused, match="256 bits differ in 0 to 256"):
        index.pairs(radius)


def test_an_index_in_a_folder_is_the_same_after_reopening(tmp_path: Path) -> None:
    codes = np.concatenate([random_codes(1, 3_000), crowd(2, 30, 20)])
    built = HammingIndex.build(codes[:100], tmp_path / "index")
    built.add(codes[100:])
    built.remove([5, 3_001])
    opened = HammingIndex.open(tmp_path / "index")
    queries = codes[-40:]
    assert_same(opened.search(queries), built.search(queries))
    assert_same(opened.pairs(), built.pairs())
    assert (len(opened), opened.count) == (3_028, 3_030)
    assert not {5, 3_001} & set(opened.search(codes, 0).item_index.tolist())


def test_what_one_process_writes_the_others_see_at_their_next_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hamming, "TAIL_CODES", 50)
    codes = random_codes(1, 300)
    writer = HammingIndex.build(codes[:10], tmp_path)
    reader = HammingIndex.open(tmp_path)
    other = HammingIndex.open(tmp_path)
    for begin in range(10, 300, 29):
        assert writer.add(codes[begin : begin + 29]).start == begin
        assert reader.search(codes[begin : begin + 1]).item_index.tolist() == [begin]
        writer, other = other, writer
    assert reader.fragments > 2
    writer.remove([20])
    assert reader.search(codes[20:21]).item_index.tolist() == []
    other.compact()
    assert reader.fragments == 1
    assert reader.search(codes, 0).item_index.tolist() == [n for n in range(300) if n != 20]
    assert writer.add(codes[20:21]) == range(300, 301)
    assert len([name for name in os.listdir(tmp_path) if name.startswith("segment-")]) == 1


def test_an_index_that_grows_merges_its_latest_pieces_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hamming, "TAIL_CODES", 50)
    codes = random_codes(1, 2_000)
    index = HammingIndex.build(codes[:1_000], tmp_path)
    reader = HammingIndex.open(tmp_path)
    for begin in range(1_000, 1_300, 60):
        index.add(codes[begin : begin + 60])
    index.remove([3, 1_100])
    index.compact(whole=False)
    assert index.fragments == 1  # all are worth it: the first is no more than four times as large as the rest
    for begin in range(1_300, 1_480, 60):
        index.add(codes[begin : begin + 60])
    large = next(name for name in os.listdir(tmp_path) if name.startswith("segment-"))
    index.compact(whole=False)
    assert index.fragments == 2
    assert large in os.listdir(tmp_path)
    assert reader.search(codes[:1_480], 0).item_index.tolist() == [n for n in range(1_480) if n not in (3, 1_100)]
    index.compact()
    assert (reader.fragments, len(reader)) == (1, 1_478)


def test_removing_a_number_never_given_removes_nothing(tmp_path: Path) -> None:
    index = HammingIndex.build(random_codes(1, 5), tmp_path)
    with pytest.raises(ActRefused, match="Item 5 cannot be removed"):
        index.remove([0, 5])
    assert (len(index), index.remove([0, 0]), index.remove([0]), len(index)) == (5, 1, 0, 4)


def test_a_folder_with_something_in_it_is_not_built_over(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("keep")
    with pytest.raises(ActRefused, match="not an empty folder"):
        HammingIndex.build(random_codes(1, 2), tmp_path)
    with pytest.raises(NotThisFormat, match="holds no index"):
        HammingIndex.open(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["letter.txt"]


def test_damage_is_named_and_not_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hamming, "TAIL_CODES", 50)
    index = HammingIndex.build(random_codes(1, 100), tmp_path / "whole")
    index.add(random_codes(2, 20))
    part = next((tmp_path / "whole").glob("segment-*"))
    tail = next((tmp_path / "whole").glob("tail-*"))
    for number, place in enumerate((part / "words.npy", part / "ids.npy", tail, tmp_path / "whole" / "manifest.json")):
        damaged = tmp_path / str(number)
        shutil.copytree(tmp_path / "whole", damaged)
        copy = damaged / place.relative_to(tmp_path / "whole")
        copy.write_bytes(copy.read_bytes()[:-8])
        with pytest.raises(DamagedSource, match=str(damaged)):
            HammingIndex.open(damaged)
        if place.name != "manifest.json":
            copy.unlink()
            with pytest.raises(DamagedSource, match="damaged"):
                HammingIndex.open(damaged)
    manifest = json.loads((tmp_path / "whole" / "manifest.json").read_text())
    (tmp_path / "whole" / "manifest.json").write_text(json.dumps(manifest | {"format": 99}))
    with pytest.raises(NotThisFormat, match="another version"):
        HammingIndex.open(tmp_path / "whole")


def test_two_compactions_at_once_are_refused_and_searches_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hamming, "TAIL_CODES", 50)
    codes = random_codes(1, 400)
    index = HammingIndex.build(codes[:100], tmp_path)
    index.add(codes[100:200])
    other = HammingIndex.open(tmp_path)
    inside, go_on = threading.Event(), threading.Event()
    build = segment.Segment.build

    def slow(*arguments: object) -> segment.Segment:
        if threading.current_thread() is not threading.main_thread():
            inside.set()
            assert go_on.wait(20)
        return build(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(segment.Segment, "build", slow)
    compaction = threading.Thread(target=index.compact)
    compaction.start()
    assert inside.wait(20)
    with pytest.raises(Interrupted, match="already being compacted"):
        other.compact()
    other.add(codes[200:400])
    other.remove([7, 350])
    assert other.search(codes[300:301]).item_index.tolist() == [300]
    go_on.set()
    compaction.join()
    assert index.fragments == 2
    assert index.search(codes, 0).item_index.tolist() == [n for n in range(400) if n not in (7, 350)]


WRITER = """
import sys
import numpy as np
from opencets.matching import HammingIndex, hamming
hamming.TAIL_CODES = 40
codes = np.random.default_rng(1).integers(0, 256, (100_000, 32), np.uint8)
index = HammingIndex.open(sys.argv[1])
print("ready", flush=True)
step = 0
while True:
    step += 1
    begin = index.count
    index.add(codes[begin : begin + 7])
    print("added", begin + 7, flush=True)
    if step % 5 == 0:
        index.remove([begin])
        print("removed", begin, flush=True)
    if step % 11 == 0:
        index.compact()
"""


def test_a_writer_killed_at_any_instant_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    codes = random_codes(1, 100_000)
    HammingIndex.build(np.empty((0, 32), np.uint8), tmp_path / "index")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    added, removed = 0, set[int]()
    for attempt in range(8):
        command = [sys.executable, "-c", WRITER, str(tmp_path / "index")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
            for number, line in enumerate(writer.stdout):
                if number == 4 + 3 * attempt:
                    # a few thousandths of a second later, so that it dies in another step each time
                    threading.Timer(0.004 * attempt, writer.kill).start()
                if not line.endswith("\n"):
                    continue
                word, item = line.split()
                if word == "added":
                    added = int(item)
                else:
                    removed.add(int(item))
        index = HammingIndex.open(tmp_path / "index")
        # one step more than acknowledged may have come through; never less, never a part of a step
        assert index.count in (added, added + 7)
        present = set(index.search(codes[: index.count], 0).item_index.tolist())
        missing = set(range(index.count)) - present
        assert missing >= removed
        assert len(missing - removed) <= 1
        added, removed = index.count, missing
    assert added >= 6 * 7 * 4


def test_hash_text_is_read_by_line(tmp_path: Path) -> None:
    codes = random_codes(1, 5)
    text = tmp_path / "hashes.txt"
    for form in ("\n".join, "\r\n".join, lambda lines: "\ufeff" + "\n".join(lines).upper() + "\n\n"):
        text.write_bytes(form([code.tobytes().hex() for code in codes]).encode())
        assert read_hex_codes(text).tolist() == codes.tolist()
    text.write_bytes(b"")
    assert read_hex_codes(text).shape == (0, 32)


@pytest.mark.parametrize(
    "wrong", ["", "00" * 31, "0g" * 32, "00" * 33, "é" * 32, " " + "0" * 63, "0" * 32 + "\r" + "0" * 31]
)
def test_a_line_that_is_no_hash_is_named(tmp_path: Path, wrong: str) -> None:
    text = tmp_path / "hashes.txt"
    text.write_text("\n".join(["00" * 32, wrong, "11" * 32]), encoding="utf-8", newline="")
    with pytest.raises(SourceRefused, match=r"hashes\.txt, line 2"):
        read_hex_codes(text)
    with pytest.raises(SourceRefused, match="cannot be read"):
        read_hex_codes(tmp_path / "absent.txt")


def test_a_read_only_installation_still_compiles(tmp_path: Path) -> None:
    package = tmp_path / "src"
    shutil.copytree(
        Path(__file__).parents[2] / "src/opencets", package / "opencets", ignore=shutil.ignore_patterns("__pycache__")
    )
    program = (
        "import numba.core.caching as caching\n"
        "caching.CacheImpl._locator_classes = []\n"
        "import numpy as np; from opencets.matching import HammingIndex\n"
        "codes = np.arange(64, dtype=np.uint8).reshape(2, 32)\n"
        "print(HammingIndex.build(codes).search(codes, 0).item_index.tolist())"
    )
    environment = os.environ | {"PYTHONPATH": str(package)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "[0, 1]\n"
