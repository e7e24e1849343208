"""The rules by which a pattern counts as unusual, as data: what is counted, from which number on, and why it is told.

A rule says that somebody should look, never that somebody did wrong: the reason and the numbers stand beside each finding, and an
auditor writes what it was. Numbers are of one officer on one day (UTC).
"""

from __future__ import annotations

from dataclasses import dataclass

HABIT_DAYS = 28
"""How many days before a day its officer's habit, and the agency's median, are taken from."""

OPENED_WITHIN_MINUTES = 15
"""A search counts as followed when something of a case was opened within so many minutes."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: ``least`` is the smallest number told; ``factor``, how far above the compared number it has to be."""

    name: str
    title: str
    explanation: str
    least: int
    factor: float = 0.0

    def speaks(self, number: float, compared: float = 0.0) -> bool:
        """Whether the number is told."""
        return number >= self.least and number > self.factor * compared


NIGHT = Rule(
    "night",
    "Work at night, unlike before",
    "At least 20 acts between 22:00 and 06:00 UTC, and more than three times the officer's own nightly mean of the 28 days before.",
    least=20,
    factor=3.0,
)
MANY_CASES = Rule(
    "many-cases",
    "Many cases in an hour",
    "Something of at least 15 different cases was looked at within one hour.",
    least=15,
)
SEARCH_ONLY = Rule(
    "search-only",
    "Searches that led nowhere",
    "At least 5 searches in a day after which nothing of any case was opened within 15 minutes: looking people up is no"
    " investigation.",
    least=5,
)
REFUSALS = Rule("refusals", "Refused again and again", "At least 5 refusals within one hour.", least=5)
NOT_ASSIGNED = Rule(
    "not-assigned",
    "Cases of colleagues",
    "At least 3 of the agency's cases were looked at in a day that the officer neither opened nor took on, as far as the log goes.",
    least=3,
)
EXPORTS = Rule("exports", "Much taken out", "At least 1,000 lines were exported in a day.", least=1_000)
EXPOSURES = Rule(
    "exposures",
    "Shown more media than others",
    "At least 20 media were shown unblurred in a day, and more than three times the median of the agency's officers of the 28 days"
    " before: least exposure protects officers too.",
    least=20,
    factor=3.0,
)
RULES = (NIGHT, MANY_CASES, SEARCH_ONLY, REFUSALS, NOT_ASSIGNED, EXPORTS, EXPOSURES)
BY_NAME = {rule.name: rule for rule in RULES}
