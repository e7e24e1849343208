"""When one entry of a hash set marks so much that it is held back until a person decides. Pure: no database.

A true entry marks copies of one picture, and those are near each other. An entry of a logo, a flat picture or a wrong
line marks many files that are unlike each other, or one plain file that stands everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

UNLIKE_FILES = 100
"""More distinct files than this, most of them unlike each other: held back."""
MOST_FILES = 2_000
"""More distinct near files than this are held back whatever they look like."""
MOST_COPIES = 1_000
"""More copies than this of one file that is plain or tiny: held back."""
UNLIKE_SHARE = 0.5
RADIUS = 31
SAMPLE = 64
TINY_BYTES = 2_048


def flood_reason(files: int, codes: Sequence[bytes], *, copies: int = 0, plain: bool = False) -> str:
    """Why an entry is held back, in a sentence; empty where it is not. It says the bound and no count: others' files are in that.

    ``files``: distinct files that it marked by PDQ; ``codes``: the PDQ of some of them, `SAMPLE` at most; ``copies``: how
    often the file with its very digest stands; ``plain``: that one is too plain to match by PDQ, or tiny.
    """
    if copies > MOST_COPIES and plain:
        return f"The file it names is plain or tiny and stands more than {MOST_COPIES:,} times: an icon or an empty picture."
    if files > UNLIKE_FILES and unlike_share(codes) > UNLIKE_SHARE:
        return f"It marked more than {UNLIKE_FILES:,} different files, most of them unlike each other: it names no one picture."
    if files > MOST_FILES:
        return f"It marked more than {MOST_FILES:,} different files: one picture seldom has so many near-duplicates."
    return ""


def unlike_share(codes: Sequence[bytes]) -> float:
    """The share of pairs that are further than 31 bits apart; 0 for fewer than two codes."""
    if len(codes) < 2:
        return 0.0
    array = np.frombuffer(b"".join(codes[:SAMPLE]), np.uint8).reshape(-1, 32)
    apart = np.bitwise_count(array[:, None] ^ array[None]).sum(axis=2, dtype=np.int64)
    above = np.triu_indices(len(array), 1)
    return float((apart[above] > RADIUS).mean())
