"""The indexes of near pictures: built again from the rows, merged beside their readers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from opencets.matching import HammingIndex
from opencets_web.media import index, jobs
from opencets_web.media.models import Frame, NearDuplicate, Signal
from tests.web.conftest import Cast
from tests.web.media.conftest import Album, jpeg
from tests.web.videos.conftest import film


def test_an_index_that_was_lost_or_is_of_an_earlier_version_is_built_again_from_the_rows(
    album: Album, cast: Cast, own_home: Path
) -> None:
    album.exhibit("OP-A", {"one.jpg": jpeg(1), "two.jpg": jpeg(2)})
    folder = own_home / "index" / "media"
    before = HammingIndex.open(folder)
    signals = {row.position: row.media_id for row in Signal.objects.all()}
    assert len(before) == len(signals) == 2
    found = before.search(np.frombuffer(bytes(album.media("OP-A", "one.jpg").pdq or b""), np.uint8).reshape(1, 32), 0)

    shutil.rmtree(folder)
    album.exhibit("OP-B", {"again.jpg": jpeg(1, quality=70)})
    assert NearDuplicate.objects.count() == 1
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format": 1}))
    album.exhibit("OP-C", {"thrice.jpg": jpeg(1, quality=60)})
    assert NearDuplicate.objects.count() == 3

    after = HammingIndex.open(folder)
    same = after.search(np.frombuffer(bytes(album.media("OP-A", "one.jpg").pdq or b""), np.uint8).reshape(1, 32), 0)
    assert found.item_index.tolist() == [item for item in same.item_index.tolist() if item in signals]
    assert [entry.name for entry in (own_home / "index").iterdir() if entry.name.startswith(".")] == []


def test_a_frame_keeps_its_code_without_borders_when_the_index_is_built_again(album: Album, own_home: Path) -> None:
    album.exhibit("OP-A", {"boxed.mp4": film(1, 2, 3, border=40)})
    folder = own_home / "index" / "media"
    frames = list(Frame.objects.order_by("second"))
    assert frames
    assert all(frame.inner_pdq is not None for frame in frames)
    codes = np.frombuffer(b"".join(bytes(frame.inner_pdq or b"") for frame in frames), np.uint8).reshape(-1, 32)
    before = set(HammingIndex.open(folder).search(codes, 0).item_index.tolist())
    assert len(before) == len(frames) < Signal.objects.count()

    shutil.rmtree(folder)
    assert set(index.index_of("media").search(codes, 0).item_index.tolist()) == before


def test_pieces_are_merged_and_a_lost_index_is_no_error(own_home: Path) -> None:
    jobs.merge_indexes(whole=True)
    built = HammingIndex.build(np.zeros((0, 32), np.uint8), own_home / "index" / "media")
    codes = np.random.default_rng(1).integers(0, 256, (40_000 * 2, 32), np.uint8)
    built.add(codes[:40_000])
    built.add(codes[40_000:])
    built.remove([7])
    jobs.merge_indexes(whole=False)
    assert built.fragments == 2 < index.MOST_FRAGMENTS
    jobs.merge_indexes(whole=True)
    assert (built.fragments, len(built)) == (1, 79_999)
