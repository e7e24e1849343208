"""Degrees: how many cases hold each value, and what to score again when that number changes.

The contract that keeps an incremental run equal to a whole run: a tie's bits depend on the degree's bucket and on
whether the value is generic, and on nothing else. So after a package, exactly these connections can differ:

1. paths through a value that a record gained or lost, or whose bucket changed, or that crossed the cap;
2. therefore, to be searched again: the cases within ``max_hops - 1`` hops (``reach``) of every case that holds such a
   value now or has just lost it, and the cases whose kept paths use one.

Everything else stands as it was, in any order of arrival. ``tests/linking`` holds this as a property.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from opencets.linking.paths import TieSource
from opencets.linking.rarity import Rarity, bucket, default_rarity

Value = tuple[str, str]
"""(kind, normalised value)."""


@dataclass(frozen=True, slots=True)
class Change:
    """One value whose degree changed by one case.

    ``rescored``: its ties are worth something else now (another bucket, the second case, the cap crossed): every case
    that holds it is to be searched again, not only the one that came.
    """

    kind: str
    value: str
    before: int
    after: int
    rescored: bool
    generic: bool


class Degrees:
    """Counts of distinct cases by value, kept up to date one holding at a time."""

    def __init__(self, rarity: Rarity | None = None) -> None:
        self._rarity = rarity or default_rarity()
        self._cases: dict[Value, dict[str, int]] = {}

    def degree(self, kind: str, value: str) -> int:
        """The number of distinct cases that hold the value."""
        return len(self._cases.get((kind, value), ()))

    def generic(self, kind: str, value: str) -> bool:
        """Whether too many cases hold the value for it to link."""
        return self._rarity.generic(kind, self.degree(kind, value))

    def cases(self, kind: str, value: str) -> list[str]:
        """The cases that hold the value, sorted."""
        return sorted(self._cases.get((kind, value), ()))

    def add(self, kind: str, value: str, case: str) -> Change | None:
        """Count one more claim of ``value`` in ``case``; None where the case held it already."""
        holders = self._cases.setdefault((kind, value), {})
        holders[case] = holders.get(case, 0) + 1
        return self._change(kind, value, len(holders) - 1) if holders[case] == 1 else None

    def remove(self, kind: str, value: str, case: str) -> Change | None:
        """Take one claim back (withdrawn, deleted); None where the case holds it still. KeyError if it never did."""
        holders = self._cases[kind, value]
        holders[case] -= 1
        if holders[case]:
            return None
        del holders[case]
        return self._change(kind, value, len(holders) + 1)

    def _change(self, kind: str, value: str, before: int) -> Change:
        after = self.degree(kind, value)
        generic = self._rarity.generic(kind, after)
        rescored = bucket(before) != bucket(after) or self._rarity.generic(kind, before) != generic
        return Change(kind, value, before, after, rescored, generic)


def reach(
    records: Iterable[str],
    source: TieSource,
    *,
    group_of: Callable[[str], str],
    members: Callable[[str], Sequence[str]],
    max_hops: int,
) -> set[str]:
    """The groups within ``max_hops`` of the records' groups through ties that are not generic, whatever their bits.

    ``members(group)`` gives a group's records. A superset of what a search reaches, so safe to decide what to repeat.
    """
    reached = {group_of(record) for record in records}
    layer = set(reached)
    for _ in range(max_hops):
        asked = sorted({record for group in layer for record in members(group)})
        if not asked:
            break
        ends = (end for tie in source.ties_of(asked) if not tie.generic for end in (tie.left, tie.right))
        layer = {group_of(end) for end in ends} - reached
        reached |= layer
    return reached
