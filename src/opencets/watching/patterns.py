"""Regular expressions that cannot run away: every repeat is bounded, and so is what all of them together can try.

A pattern is looked for only within a window around its anchor, a phrase that the automaton finds. Python's matcher goes back and
forth over repeats and alternatives; the number of ways is at most the product of the widths of the variable repeats and of the
alternatives in a row. ``compile_pattern`` refuses a pattern whose product is above ``MOST_WAYS``, nested variable repeats,
repeats without an end, references back and looks around. With a window of at most ``WIDEST`` characters on each side the work is
bounded by (window and anchor) x ways x length of the pattern, whatever the text.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

MOST_WAYS = 1_024
MOST_REPEATS = 64
LONGEST = 300
WIDEST = 400
_parser: Any = import_module("re._parser")  # the matcher's own reading of a pattern; no public name gives it


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The pattern, without regard to case; ``ValueError`` says in one sentence why it is refused."""
    if len(pattern) > LONGEST:
        raise ValueError(f"the pattern is {len(pattern)} characters long, more than {LONGEST}")
    try:
        compiled = re.compile(pattern, re.IGNORECASE)
        tree = _parser.parse(pattern)
    except (re.error, RecursionError, OverflowError) as reason:
        raise ValueError(f"the pattern cannot be read: {reason}") from None
    ways = _ways(tree, False)
    if ways > MOST_WAYS:
        raise ValueError(
            f"the pattern can be tried in {ways:,} ways, more than {MOST_WAYS:,}; make its repeats narrower"
        )
    if tree.getwidth()[0] == 0:
        raise ValueError("the pattern matches nothing at all; give it something that must stand there")
    return compiled


def _ways(tree: Any, within: bool) -> int:
    """How many ways there are through a part; ``within`` a repeat of variable width none may stand."""
    ways = 1
    for kind, said in tree:
        name = str(kind)
        if name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
            least, most, inner = said
            if int(most) > MOST_REPEATS:
                raise ValueError(f"a repeat has no end or one above {MOST_REPEATS}; write {{0,20}} instead of * or +")
            if within and least != most:
                raise ValueError("a variable repeat stands within a repeat")
            inside = _ways(inner, within or int(most) > 1)
            if int(most) > 1 and inside > 1:
                raise ValueError("alternatives stand within a repeat")
            ways *= (int(most) - int(least) + 1) * inside
        elif name == "BRANCH":
            ways *= sum(_ways(branch, within) for branch in said[1])
        elif name == "SUBPATTERN":
            ways *= _ways(said[3], within)
        elif name == "ATOMIC_GROUP":
            ways *= _ways(said, within)
        elif name in {"GROUPREF", "GROUPREF_EXISTS"}:
            raise ValueError("a reference to a group stands in it")
        elif name in {"ASSERT", "ASSERT_NOT"}:
            raise ValueError("it looks ahead or behind; say it with a context instead")
        if ways > MOST_WAYS * MOST_WAYS:
            break
    return ways
