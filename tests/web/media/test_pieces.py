"""The memory of matching is bounded by pieces, and nothing is missed between them."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from typing import Any

import numpy as np
import pytest
from django.db.models import F
from PIL import Image

from opencets.matching import HammingIndex, Matches
from opencets_web.media import matching
from opencets_web.media.models import Frame, NearDuplicate
from tests.web.media.conftest import Album, jpeg
from tests.web.media.test_turns import laid
from tests.web.videos.conftest import film


def test_a_search_asks_for_fewer_codes_where_each_is_near_to_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "HITS_AT_ONCE", 20_000)
    crowd, asked = 5_000, 1_200
    one = np.random.default_rng(1).integers(0, 256, (1, 32), np.uint8)
    index, codes = HammingIndex.build(np.tile(one, (crowd, 1))), np.tile(one, (asked, 1))
    index.search(one)
    tracemalloc.start()
    pieces = [piece.item_index.size for piece in matching._in_pieces(index, codes)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(pieces) == crowd * asked
    assert pieces[0] == matching.FIRST_QUERIES * crowd
    assert max(pieces[1:]) == 20_000
    bytes_of_a_hit = 18
    assert peak < crowd * asked * bytes_of_a_hit / 10


def test_a_batch_in_portions_finds_the_same_as_at_once(album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "one.jpg": jpeg(1),
        "again.jpg": jpeg(1, quality=60),
        "right.jpg": laid(1, Image.Transpose.ROTATE_270),
        "other.jpg": jpeg(2),
        "first.mp4": film(1, 3, 4, 5),
        "second.mp4": film(6, 4, 5, 2),
    }
    album.exhibit("OP-A", given)
    at_once = pairs()
    assert sum(at_once.values()) == 8, (
        "three of one scene, and what two films show of it, of the other and of each other"
    )
    added: list[int] = []
    asked: list[int] = []

    class Counted(HammingIndex):
        """Counts what it is given."""

        def add(self, codes: Any) -> range:
            added.append(len(codes))
            return super().add(codes)

        def search(self, queries: Any, radius: int = 31, *, threads: int = 1) -> Matches:
            asked.append(len(queries))
            return super().search(queries, radius, threads=threads)

    monkeypatch.setattr("opencets_web.media.index.HammingIndex", Counted)
    monkeypatch.setattr(matching, "CODES_AT_ONCE", 10)
    monkeypatch.setattr(matching, "MOST_QUERIES", 5)
    monkeypatch.setattr(matching, "FIRST_QUERIES", 2)
    album.exhibit("OP-B", given)
    frames = max(Frame.objects.filter(media__file__name=name).count() // 2 for name in ("first.mp4", "second.mp4"))
    assert len(added) > 2
    assert max(added) <= max(10, frames)
    assert max(asked) <= 5
    assert pairs("OP-B", "OP-B") == at_once
    assert sum(pairs("OP-A", "OP-B").values()) == 2 * 8 + len(given)


def pairs(one: str = "OP-A", other: str = "OP-A") -> Counter[str]:
    """The names of both sides of each near pair between two cases, or within one."""
    rows = NearDuplicate.objects.filter(left__case__reference__in=(one, other), right__case__reference__in=(one, other))
    rows = rows.exclude(left__case=F("right__case")) if one != other else rows
    return Counter(" ".join(sorted((row.left.file.name, row.right.file.name))) for row in rows)
