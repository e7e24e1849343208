"""Names as they are searched: keys under which a spelling is found in any script and with a letter wrong, and how close two are.

A key is the consonants of one part of a name (``people.skeleton``), as they are and with one left out, so that two spellings that
differ in one consonant share a key; a part too short for that is its own key. What shares a key is then compared.
"""

from __future__ import annotations

import re

from anyascii import anyascii
from rapidfuzz.distance import JaroWinkler

from opencets.resolving.people import skeleton

CLOSE = 0.86
"""From here on two names are shown as the same asked for."""
LONG_ENOUGH = 4
MOST_PARTS = 8


def name_parts(name: str) -> list[str]:
    """The parts of a name in plain small letters."""
    return re.findall(r"[a-z0-9]+", anyascii(name).lower().replace("'", "").replace("`", ""))[:MOST_PARTS]


def part_keys(part: str) -> set[str]:
    """The keys of one part of a name."""
    bones = skeleton(part)
    if len(bones) < 2:
        return {f"w:{part}", f"1:{bones}"} if bones else {f"w:{part}"}
    keys = {f"s:{bones}"}
    if len(bones) >= LONG_ENOUGH:
        keys |= {f"s:{bones[:at]}{bones[at + 1 :]}" for at in range(len(bones))}
    return keys


def name_keys(name: str) -> list[str]:
    """All keys of a name, sorted; empty for what has no letters."""
    return sorted({key for part in name_parts(name) for key in part_keys(part)})


def closeness(asked: str, name: str) -> float:
    """How close a name comes to the one asked for, 0 to 1: each part of it against the nearest part, whatever their order.

    Written in another script, equal consonants count nearly as much as equal letters; within one script only three or more do.
    """
    wanted, given = name_parts(asked), name_parts(name)
    if not wanted or not given:
        return 0.0
    across = asked.isascii() != name.isascii()
    return sum(max(_close(one, other, across=across) for other in given) for one in wanted) / len(wanted)


def _close(one: str, other: str, *, across: bool) -> float:
    if one == other:
        return 1.0
    bones = skeleton(one)
    same = bones == skeleton(other) and (across or len(bones) >= 3)
    spelt = float(JaroWinkler.similarity(one, other))
    return max(spelt, 0.92 if same else 0.0) if min(len(one), len(other)) > 2 or same else 0.0
