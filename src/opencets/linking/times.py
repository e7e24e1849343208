"""When a value was seen with each of two holders: what is left of a tie where years lie between.

A telephone number, a plate or a screen name passes on. Two who are seen with one value at the same time share it; two who are
seen with it years apart may have had it one after the other. Where a side names no day nothing is taken off.
"""

from __future__ import annotations

from datetime import date

from opencets.linking.rarity import Rarity, bits_of

Span = tuple[str | None, str | None]
"""The first and the last day, ISO 8601, on which a holder is seen with a value; None where no day is known."""
DAYS_OF_A_YEAR = 365


def years_between(left: Span, right: Span) -> int:
    """Full years between the two; 0 where they touch, or where a day is not known."""
    (one, other), gap = (left, right), 0
    for before, after in ((one, other), (other, one)):
        until, since = _day(before[1]), _day(after[0])
        if until and since:
            gap = max(gap, (since - until).days)
    return gap // DAYS_OF_A_YEAR


def fading(rarity: Rarity, kind: str, left: Span, right: Span) -> tuple[float, str]:
    """(bits, words): what a tie of this kind costs more for the years between its two sides, and why; 0 and "" for nothing."""
    years = years_between(left, right)
    share = rarity.left_after(kind, years)
    if share >= 1.0:
        return 0.0, ""
    earlier, later = sorted((left, right), key=lambda span: span[0] or "")
    words = f"seen {years} years apart" if years > 1 else "seen a year apart"
    said = f"{words}, until {earlier[1]} and from {later[0]}; {rarity.worths[kind].passes}, so it counts for less"
    return bits_of(share), said


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        return None
