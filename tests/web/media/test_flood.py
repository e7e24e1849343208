"""When an entry is held back: by files that are unlike each other, by mere number, by copies of a plain file."""

from __future__ import annotations

import numpy as np
import pytest

from opencets_web.media.flood import flood_reason, unlike_share

RNG = np.random.default_rng(4)
UNLIKE = [RNG.integers(0, 256, 32, np.uint8).tobytes() for _ in range(40)]
ALIKE = [bytes([value, *UNLIKE[0][1:]]) for value in range(40)]


@pytest.mark.parametrize(
    ("files", "codes", "copies", "plain", "held"),
    [
        (101, UNLIKE, 0, False, "unlike each other"),
        (100, UNLIKE, 0, False, ""),
        (1_500, ALIKE, 0, False, ""),
        (2_001, ALIKE, 0, False, "seldom has so many"),
        (0, [], 1_001, True, "plain or tiny"),
        (0, [], 50_000, False, ""),
        (0, [], 1_000, True, ""),
        (101, [], 0, False, ""),
    ],
)
def test_an_entry_is_held_back_for_what_it_marks(
    files: int, codes: list[bytes], copies: int, plain: bool, held: str
) -> None:
    reason = flood_reason(files, codes, copies=copies, plain=plain)
    assert held in reason
    assert bool(reason) == bool(held)
    assert f"{files:,} " not in reason or not files
    assert f"{copies:,} " not in reason or not copies


def test_the_share_counts_pairs_further_than_the_radius() -> None:
    assert unlike_share(UNLIKE) == 1.0
    assert unlike_share(ALIKE) == 0.0
    assert unlike_share([*ALIKE[:2], UNLIKE[5]]) == pytest.approx(2 / 3)
    assert unlike_share(UNLIKE[:1]) == 0.0
