"""Features: what is compared between two people, level by level, once in SQL for Splink and once in Python.

A level holds where its condition is the first that is true; a feature that either side lacks says nothing (0 bits).
Both forms read the same prepared ASCII columns and must agree on every pair (``tests/resolving`` holds them together).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from opencets.resolving.people import Person

Test = Callable[[Person, Person], bool]


@dataclass(frozen=True, slots=True)
class Level:
    """One degree of agreement. ``sentence`` is what a reader is told; ``{left}`` and ``{right}`` are the values."""

    name: str
    sql: str
    holds: Test
    sentence: str


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing compared. ``column`` is shown beside the reason; both people need it, or nothing is said.

    ``levels``: the strongest agreement first; the last one is disagreement and always holds.
    """

    name: str
    column: str
    levels: tuple[Level, ...]
    near_unique: bool = False

    def level(self, left: Person, right: Person) -> Level | None:
        """The first level that holds, or None where either side lacks the value."""
        if getattr(left, self.column) is None or getattr(right, self.column) is None:
            return None
        return next(level for level in self.levels if level.holds(left, right))


def _equal(column: str) -> Test:
    def holds(left: Person, right: Person) -> bool:
        value = getattr(left, column)
        return value is not None and value == getattr(right, column)

    return holds


def _within(column: str, most: int, shortest: int = 0) -> Test:
    def holds(left: Person, right: Person) -> bool:
        one, other = getattr(left, column), getattr(right, column)
        if one is None or other is None or min(len(one), len(other)) < shortest:
            return False
        return Levenshtein.distance(one, other, score_cutoff=most) <= most

    return holds


def _sql_equal(column: str) -> str:
    return f"{column}_l = {column}_r"


def _sql_within(column: str, most: int, shortest: int = 0) -> str:
    close = f"levenshtein({column}_l, {column}_r) <= {most}"
    return f"least(length({column}_l), length({column}_r)) >= {shortest} AND {close}" if shortest else close


def _always(left: Person, right: Person) -> bool:
    return True


def _either(*tests: Test) -> Test:
    return lambda left, right: any(test(left, right) for test in tests)


def _both(*tests: Test) -> Test:
    return lambda left, right: all(test(left, right) for test in tests)


def _full_dates(left: Person, right: Person) -> bool:
    return len(left.birth or "") == 10 and len(right.birth or "") == 10


def _coarser(left: Person, right: Person) -> bool:
    one, other = left.birth or "", right.birth or ""
    return one.startswith(other) or other.startswith(one)


def _birth_swapped(left: Person, right: Person) -> bool:
    return left.birth is not None and left.birth == right.birth_swapped


def _same_year(left: Person, right: Person) -> bool:
    return (left.birth or "")[:4] == (right.birth or "")[:4]


def _names_crossed(left: Person, right: Person) -> bool:
    return (left.given is not None and left.given == right.family) or (
        left.family is not None and left.family == right.given
    )


def _differs(what: str) -> Level:
    return Level("different", "ELSE", _always, f"{what} differ: {{left}} and {{right}}")


_FULL = "length(birth_l) = 10 AND length(birth_r) = 10"

FEATURES: tuple[Feature, ...] = (
    Feature(
        "name",
        "name",
        (
            Level("same", _sql_equal("name"), _equal("name"), "the same name {left}"),
            Level(
                "typo",
                _sql_within("name", 1, 7),
                _within("name", 1, 7),
                "names one letter apart: {left} and {right}",
            ),
            Level(
                "sounds_same",
                f"{_sql_equal('skeleton')} AND length(skeleton_l) >= 4",
                _both(_equal("skeleton"), lambda left, right: len(left.skeleton or "") >= 4),
                "names that agree across spellings or scripts: {left} and {right}",
            ),
            Level(
                "close",
                f"({_sql_within('name', 3, 10)}) OR ({_sql_within('skeleton', 1, 6)})",
                _either(_within("name", 3, 10), _within("skeleton", 1, 6)),
                "similar names: {left} and {right}",
            ),
            Level(
                "one_part",
                f"{_sql_equal('family')} OR {_sql_equal('given')} OR given_l = family_r OR family_l = given_r",
                _either(_equal("family"), _equal("given"), _names_crossed),
                "one part of the name is the same: {left} and {right}",
            ),
            _differs("names"),
        ),
    ),
    Feature(
        "birth",
        "birth",
        (
            Level(
                "same",
                f"{_sql_equal('birth')} AND length(birth_l) = 10",
                _both(_equal("birth"), _full_dates),
                "the same date of birth {left}",
            ),
            Level(
                "swapped",
                "birth_l = birth_swapped_r",
                _birth_swapped,
                "dates of birth with day and month exchanged: {left} and {right}",
            ),
            Level(
                "typo",
                f"{_FULL} AND {_sql_within('birth', 1)}",
                _both(_full_dates, _within("birth", 1)),
                "dates of birth one digit apart: {left} and {right}",
            ),
            Level(
                "coarser",
                "starts_with(birth_l, birth_r) OR starts_with(birth_r, birth_l)",
                _coarser,
                "dates of birth that agree as far as both are known: {left} and {right}",
            ),
            Level(
                "year",
                "left(birth_l, 4) = left(birth_r, 4)",
                _same_year,
                "the same year of birth: {left} and {right}",
            ),
            _differs("dates of birth"),
        ),
    ),
    Feature(
        "email",
        "email",
        (
            Level("same", _sql_equal("email"), _equal("email"), "the same e-mail address {left}"),
            Level(
                "local_part",
                _sql_equal("local_part"),
                _equal("local_part"),
                "e-mail addresses alike before the @: {left} and {right}",
            ),
            _differs("e-mail addresses"),
        ),
        near_unique=True,
    ),
    Feature(
        "phone",
        "phone",
        (
            Level("same", _sql_equal("phone"), _equal("phone"), "the same telephone number {left}"),
            Level(
                "tail",
                _sql_equal("phone_tail"),
                _equal("phone_tail"),
                "telephone numbers with the same last eight digits: {left} and {right}",
            ),
            _differs("telephone numbers"),
        ),
        near_unique=True,
    ),
    Feature(
        "national_id",
        "national_id",
        (
            Level("same", _sql_equal("national_id"), _equal("national_id"), "the same national number {left}"),
            Level(
                "typo",
                _sql_within("national_id", 1, 7),
                _within("national_id", 1, 7),
                "national numbers one digit apart: {left} and {right}",
            ),
            _differs("national numbers"),
        ),
        near_unique=True,
    ),
    Feature(
        "screen_name",
        "screen_name",
        (
            Level("same", _sql_equal("screen_name"), _equal("screen_name"), "the same screen name {left}"),
            Level(
                "letters",
                _sql_equal("screen_letters"),
                _equal("screen_letters"),
                "screen names that differ only in digits: {left} and {right}",
            ),
            _differs("screen names"),
        ),
        near_unique=True,
    ),
    Feature(
        "gender",
        "gender",
        (
            Level("same", _sql_equal("gender"), _equal("gender"), "the same gender"),
            Level("different", "ELSE", _always, "gender differs"),
        ),
    ),
    Feature(
        "home",
        "city",
        (
            Level(
                "street",
                f"{_sql_equal('street')} AND {_sql_equal('city')}",
                _both(_equal("street"), _equal("city")),
                "the same street and city: {left}",
            ),
            Level("postcode", _sql_equal("postcode"), _equal("postcode"), "the same postcode in {left}"),
            Level(
                "city",
                f"{_sql_equal('city')} OR ({_sql_within('city', 1, 6)})",
                _either(_equal("city"), _within("city", 1, 6)),
                "the same city {left}",
            ),
            _differs("cities"),
        ),
    ),
    Feature(
        "birth_place",
        "birth_place",
        (
            Level("same", _sql_equal("birth_place"), _equal("birth_place"), "the same place of birth {left}"),
            Level(
                "typo",
                _sql_within("birth_place", 2, 6),
                _within("birth_place", 2, 6),
                "similar places of birth: {left} and {right}",
            ),
            _differs("places of birth"),
        ),
    ),
    Feature(
        "occupation",
        "occupation",
        (
            Level("same", _sql_equal("occupation"), _equal("occupation"), "the same occupation {left}"),
            _differs("occupations"),
        ),
    ),
)


def hard_conflict(left: Person, right: Person) -> str | None:
    """Why the two cannot be one person, or None: dates of birth over two years apart that no typing error explains.

    Gender as recorded differs too often between sources to decide anything alone; together with a date of birth that
    differs at all, it does.
    """
    if not _full_dates(left, right) or _within("birth", 1)(left, right) or _birth_swapped(left, right):
        return None
    if abs(int((left.birth or "")[:4]) - int((right.birth or "")[:4])) > 2:
        return f"dates of birth {left.birth} and {right.birth} are years apart"
    if left.gender and right.gender and left.gender != right.gender:
        return f"dates of birth {left.birth} and {right.birth} differ, and gender too"
    return None
