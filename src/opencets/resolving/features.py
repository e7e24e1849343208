"""Features: what is compared between two people, level by level, and what each agreement is called.

This is the plain form, one pair at a time, with the words for people; ``kernel`` compares whole tables and must agree on
every pair (``tests/resolving`` holds them together). A feature that either side lacks says nothing (0 bits).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

from rapidfuzz.distance import OSA

from opencets.resolving.fragments import Fragments
from opencets.resolving.names import spelt_alike
from opencets.resolving.people import MOST_LETTERS, Person, compared_tokens, skeleton, whole_skeleton, written_forms

Test = Callable[[Person, Person], bool]


@dataclass(frozen=True, slots=True)
class Level:
    """One degree of agreement. ``sentence`` is what a reader is told; ``{left}`` and ``{right}`` are the values.

    ``counted``: of which column it matters how many bear the value; empty where it does not matter.
    """

    name: str
    sentence: str
    holds: Test
    counted: str = ""


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing compared. ``column`` is shown beside the reason; both people need it, or nothing is said.

    ``levels``: the strongest agreement first. Where ``several``, each word of the name has a level of its own.
    """

    name: str
    column: str
    levels: tuple[Level, ...]
    several: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One level met: ``rarity`` is log2 of one in how many bears the value, None where that is not counted."""

    feature: str
    level: str
    left: str
    right: str
    rarity: float | None = None


def _equal(column: str) -> Test:
    def holds(left: Person, right: Person) -> bool:
        value = getattr(left, column)
        return value is not None and value == getattr(right, column)

    return holds


def _within(column: str, most: int, shortest: int) -> Test:
    def holds(left: Person, right: Person) -> bool:
        one, other = getattr(left, column), getattr(right, column)
        if one is None or other is None or min(len(one), len(other)) < shortest:
            return False
        return OSA.distance(one[:MOST_LETTERS], other[:MOST_LETTERS], score_cutoff=most) <= most

    return holds


def _never(left: Person, right: Person) -> bool:
    raise AssertionError("levels of words are met by token_level")


def _always(left: Person, right: Person) -> bool:
    return True


def _both(*tests: Test) -> Test:
    return lambda left, right: all(test(left, right) for test in tests)


def _full_dates(left: Person, right: Person) -> bool:
    return len(left.birth or "") == 10 and len(right.birth or "") == 10


def _birth_swapped(left: Person, right: Person) -> bool:
    return left.birth is not None and left.birth == right.birth_swapped


def _digits(person: Person) -> str:
    return (person.birth or "").replace("-", "")


def _one_digit(left: Person, right: Person) -> bool:
    return _full_dates(left, right) and sum(a != b for a, b in zip(_digits(left), _digits(right), strict=True)) == 1


def _digits_crossed(left: Person, right: Person) -> bool:
    return _full_dates(left, right) and OSA.distance(_digits(left), _digits(right)) == 1


def _two_parts(left: Person, right: Person) -> bool:
    if not _full_dates(left, right):
        return False
    one, other = (left.birth or "").split("-"), (right.birth or "").split("-")
    return sum(a == b for a, b in zip(one, other, strict=True)) == 2


def _coarser(length: int) -> Test:
    def holds(left: Person, right: Person) -> bool:
        one, other = left.birth or "", right.birth or ""
        return min(len(one), len(other)) == length and one[:length] == other[:length]

    return holds


def _years_apart(most: int) -> Test:
    return lambda left, right: abs(int((left.birth or "0")[:4]) - int((right.birth or "0")[:4])) <= most


def _differs(what: str) -> Level:
    return Level("different", f"{what} differ: {{left}} and {{right}}", _always)


TOKEN_LEVELS = (
    "same", "typo", "sounds_same", "joined", "spelt", "cut", "close", "initial", "unread", "different", "extra",
)  # fmt: skip
_INITIAL, _UNREAD, _DIFFERENT, _EXTRA = (
    TOKEN_LEVELS.index(name) for name in ("initial", "unread", "different", "extra")
)
AGREEING = TOKEN_LEVELS.index("spelt")
"""Words up to this level agree; ``initial`` and ``unread`` say little, ``different`` speaks against."""
JOINED = TOKEN_LEVELS.index("joined")
FEATURES: tuple[Feature, ...] = (
    Feature(
        "name",
        "name",
        (
            Level("same", "the name {left} stands in both", _never, "token"),
            Level("typo", "names one letter apart: {left} and {right}", _never, "token"),
            Level(
                "sounds_same", "names that agree across spellings or scripts: {left} and {right}", _never, "skeleton"
            ),
            Level("joined", "one word on one side, two on the other: {left} and {right}", _never, "token"),
            Level(
                "spelt",
                "names that agree by how one script is written in the other: {left} and {right}",
                _never,
                "token",
            ),
            Level("cut", "one name is the beginning of the other: {left} and {right}", _never, "token"),
            Level("close", "similar names: {left} and {right}", _never, "token"),
            Level("initial", "an initial that fits: {left} and {right}", _never),
            Level("unread", "a name in characters that are read in many ways: {left} and {right}", _never),
            Level("different", "names differ: {left} and {right}", _never),
            Level("extra", "only one side has the name {left}", _never),
        ),
        several=True,
    ),
    Feature(
        "commonness",
        "name",
        (Level("common", "the whole name {left} is commoner than its parts tell", _never, "whole"),),
        several=True,
    ),
    Feature(
        "birth",
        "birth",
        (
            Level("same", "the same date of birth {left}", _both(_equal("birth"), _full_dates), "birth"),
            Level("swapped", "dates of birth with day and month exchanged: {left} and {right}", _birth_swapped),
            Level("typo", "dates of birth one digit apart: {left} and {right}", _one_digit),
            Level("crossed", "dates of birth with two digits exchanged: {left} and {right}", _digits_crossed),
            Level("month", "the same month of birth, one day not known: {left} and {right}", _coarser(7)),
            Level(
                "only_year", "the same year of birth, no more is known of at least one: {left} and {right}", _coarser(4)
            ),
            Level("two_parts", "two of day, month and year of birth agree: {left} and {right}", _two_parts),
            Level("year", "the same year of birth, but another date: {left} and {right}", _years_apart(0)),
            Level("near", "dates of birth one or two years apart: {left} and {right}", _years_apart(2)),
            _differs("dates of birth"),
        ),
    ),
    Feature(
        "email",
        "email",
        (
            Level("same", "the same e-mail address {left}", _equal("email"), "email"),
            Level("local_part", "e-mail addresses alike before the @: {left} and {right}", _equal("local_part")),
            _differs("e-mail addresses"),
        ),
    ),
    Feature(
        "phone",
        "phone",
        (
            Level("same", "the same telephone number {left}", _equal("phone"), "phone"),
            Level(
                "tail", "telephone numbers with the same last eight digits: {left} and {right}", _equal("phone_tail")
            ),
            _differs("telephone numbers"),
        ),
    ),
    Feature(
        "national_id",
        "national_id",
        (
            Level("same", "the same national number {left}", _equal("national_id"), "national_id"),
            Level("typo", "national numbers one digit apart: {left} and {right}", _within("national_id", 1, 6)),
            Level("close", "national numbers two digits apart: {left} and {right}", _within("national_id", 2, 6)),
            _differs("national numbers"),
        ),
    ),
    Feature(
        "screen_name",
        "screen_name",
        (
            Level("same", "the same screen name {left}", _equal("screen_name"), "screen_name"),
            Level(
                "letters",
                "screen names that differ only in digits: {left} and {right}",
                _equal("screen_letters"),
                "screen_letters",
            ),
            Level("varied", "screen names that share rare letters: {left} and {right}", _never),
            _differs("screen names"),
        ),
    ),
    Feature(
        "gender",
        "gender",
        (Level("same", "the same gender", _equal("gender")), Level("different", "gender differs", _always)),
    ),
    Feature(
        "street",
        "street",
        (
            Level("same", "the same street {left}", _equal("street"), "street"),
            Level("close", "similar streets: {left} and {right}", _within("street", 4, 10)),
            _differs("streets"),
        ),
    ),
    Feature(
        "postcode",
        "postcode",
        (
            Level("same", "the same postcode {left}", _equal("postcode"), "postcode"),
            Level("typo", "postcodes one sign apart: {left} and {right}", _within("postcode", 1, 4)),
            _differs("postcodes"),
        ),
    ),
    Feature(
        "city",
        "city",
        (
            Level("same", "the same city {left}", _equal("city"), "city"),
            Level("typo", "similar cities: {left} and {right}", _within("city", 2, 6)),
            _differs("cities"),
        ),
    ),
    Feature(
        "birth_place",
        "birth_place",
        (
            Level("same", "the same place of birth {left}", _equal("birth_place"), "birth_place"),
            Level("typo", "similar places of birth: {left} and {right}", _within("birth_place", 2, 6)),
            _differs("places of birth"),
        ),
    ),
    Feature(
        "occupation",
        "occupation",
        (
            Level("same", "the same occupation {left}", _equal("occupation"), "occupation"),
            _differs("occupations"),
        ),
    ),
    Feature(
        "household",
        "name",
        (Level("relatives", "one home or telephone, one part of the name: relatives may share these", _never),),
        several=True,
    ),
    Feature(
        "one_account",
        "screen_name",
        (Level("repeats", "the screen name {left} repeats the e-mail address", _never),),
        several=True,
    ),
)
LEVEL = {(feature.name, level.name): level for feature in FEATURES for level in feature.levels}
CELLS: tuple[tuple[str, str], ...] = tuple(
    (feature.name, level.name) for feature in FEATURES for level in feature.levels
)
"""Every level there is, in the order in which ``kernel`` counts them."""
COUNTED = {
    (feature.name, level.name): level.counted for feature in FEATURES for level in feature.levels if level.counted
}


class Commonness:
    """How many records bear each name, date and value, so that a common one weighs less than a rare one.

    Records of one person share their name too, so of a whole name not every bearer counts: only bearers born in
    different years, and bearers beyond the sixth. Among few records little is known: ``OTHERS`` more are imagined, of
    whom as many bear a value as is usual.
    """

    OTHERS = 200.0
    _OF_ONE_PERSON = 6
    _COLUMNS = tuple(sorted(set(COUNTED.values()) - {"token", "skeleton", "whole"}))
    _fragments: Fragments[str] | None = None

    def __init__(self, people: Iterable[Person]) -> None:
        self.records = 0
        self._held: dict[str, Counter[str]] = defaultdict(Counter)
        self._years: dict[str, set[str]] = defaultdict(set)
        self._cores: dict[str, None] = {}
        for person in people:
            self.records += 1
            if person.screen_core:
                self._cores[person.screen_core[:MOST_LETTERS]] = None
            words = set(compared_tokens(person.name))
            self._held["token"].update(words)
            self._held["skeleton"].update({skeleton(word) for word in words})
            for column in self._COLUMNS:
                value = getattr(person, column)
                if value is not None:
                    self._held[column][value] += 1
            whole = whole_skeleton(person.name)
            if whole:
                self._held["whole"][whole] += 1
                if person.birth:
                    self._years[whole].add(person.birth[:4])

    def held(self, column: str, value: str) -> int:
        """How many records bear the value; of a whole name how many bear it who are not one person."""
        count = self._held[column][value]
        if column == "whole":
            return max(len(self._years.get(value, ())) - 1, count - self._OF_ONE_PERSON, 0)
        return count

    def fragments(self) -> Fragments[str]:
        """The screen names among the records, by the rare letters that they share."""
        if self._fragments is None:
            self._fragments = Fragments({core: core for core in self._cores}, drawn_from=DRAWN_FROM)
        return self._fragments


DRAWN_FROM = 10_000
"""Among at least so many screen names those at hand are taken to stand."""
VARIED = 0.6
"""From this nearness on two screen names that share a rare fragment count as variants of one."""


def varied(left: Person, right: Person, fragments: Fragments[str]) -> bool:
    """Whether two screen names share rare letters: see ``fragments``."""
    if left.screen_core is None or right.screen_core is None:
        return False
    near = fragments.score(left.screen_core[:MOST_LETTERS], right.screen_core[:MOST_LETTERS])
    return near.score >= VARIED and bool(fragments.rare(near))


def token_level(one: str, other: str, one_form: str = "", other_form: str = "") -> int:
    """How well two words of a name agree: an index of ``TOKEN_LEVELS``, without "joined" and "extra".

    A form is that of a word in another script (see ``people.written_forms``); a Latin word has none.
    """
    if one == other:
        return 0
    short, long = sorted((one, other), key=len)
    if len(short) == 1:
        return _INITIAL if long[0] == short else _DIFFERENT
    if len(short) >= 4 and OSA.distance(one, other, score_cutoff=1) <= 1:
        return 1
    bones, others = skeleton(one), skeleton(other)
    least = min(len(bones), len(others))
    if bones == others and least >= 2:
        return 2
    if bool(one_form) != bool(other_form):
        if _consonants_shared(bones, others) and spelt_alike(one_form or other_form, other if one_form else one):
            return AGREEING
        if (one_form or other_form).startswith("han:"):
            return _UNREAD
    if len(short) >= 3 and long.startswith(short):
        return 5
    if len(short) >= 6 and OSA.distance(one, other, score_cutoff=2) <= 2:
        return 6
    if least >= 3 and OSA.distance(bones, others, score_cutoff=1) <= 1:
        return 6
    return _DIFFERENT


def _consonants_shared(bones: str, others: str) -> bool:
    """Whether half of the kinds of consonants of the word with fewer stand in the other: else nothing is aligned."""
    one, other = set(bones), set(others)
    return 2 * len(one & other) >= min(len(one), len(other))


def joined(first: str, second: str, whole: str, form: str = "") -> bool:
    """Whether two words of one name, in either order, are one word of the other, whose form in another script is ``form``."""
    for one, other in ((first, second), (second, first)):
        if one + other == whole:
            return True
        bones, others = skeleton(one), skeleton(other)
        together = bones + (others[1:] if bones[-1:] == others[:1] else others)
        if len(together) >= 3 and together == skeleton(whole):
            return True
        if not form or len(one + other) > MOST_LETTERS or not _consonants_shared(together, skeleton(whole)):
            continue
        if spelt_alike(form, one + other):
            return True
    return False


def aligned(left: Person, right: Person) -> list[tuple[int, str, str]]:
    """(level, word, word) of the words that belong together, the best first; then what only one side has.

    Where one side has more words, two of them that are joined on the other side stand together, parted by a space.
    """
    forms, other_forms = written_forms(left), written_forms(right)
    mine, theirs = compared_tokens(left.name), compared_tokens(right.name)
    pairs = []
    swap = len(mine) < len(theirs)
    long, short, of_short, of_long = (theirs, mine, forms, other_forms) if swap else (mine, theirs, other_forms, forms)
    used_long, used_short = set[int](), set[int]()
    room = len(long) - len(short)
    for to, whole in enumerate(short):
        found = next(
            (
                pair
                for pair in combinations(range(len(long)), 2)
                if room
                and not used_long & set(pair)
                and not any(long[at] in of_long for at in pair)
                and all(token_level(long[at], whole) > 2 for at in pair)
                and joined(long[pair[0]], long[pair[1]], whole, of_short.get(whole, ""))
            ),
            None,
        )
        if found is not None:
            room -= 1
            used_long |= set(found)
            used_short.add(to)
            both = f"{long[found[0]]} {long[found[1]]}"
            pairs.append((JOINED, whole, both) if swap else (JOINED, both, whole))
    used_left, used_right = (used_short, used_long) if swap else (used_long, used_short)
    table = sorted(
        (token_level(a, b, forms.get(a, ""), other_forms.get(b, "")), at, to)
        for at, a in enumerate(mine)
        if at not in used_left
        for to, b in enumerate(theirs)
        if to not in used_right
    )
    for level, at, to in table:
        if at not in used_left and to not in used_right:
            used_left.add(at)
            used_right.add(to)
            pairs.append((level, mine[at], theirs[to]))
    extra = [word for at, word in enumerate(mine) if at not in used_left]
    extra += [word for at, word in enumerate(theirs) if at not in used_right]
    return pairs + [(_EXTRA, word, word) for word in extra]


def findings(
    left: Person, right: Person, rarity: Callable[[tuple[str, str], str], float], fragments: Fragments[str]
) -> Iterator[Finding]:
    """Every level that two people meet. ``rarity``: of a level and a value, log2 of one in how many bears it."""
    met = {}
    for feature in FEATURES:
        if feature.several or getattr(left, feature.column) is None or getattr(right, feature.column) is None:
            continue
        level = next(
            level
            for level in feature.levels
            if (varied(left, right, fragments) if level.name == "varied" else level.holds(left, right))
        )
        met[feature.name] = level.name
        one, other = str(getattr(left, feature.column)), str(getattr(right, feature.column))
        rare = rarity((feature.name, level.name), getattr(left, level.counted)) if level.counted else None
        yield Finding(feature.name, level.name, one, other, rare)
    if left.name and right.name:
        yield from _of_names(left, right, met, rarity)
    if (
        met.get("email") in ("same", "local_part")
        and met.get("screen_name") in ("same", "letters")
        and left.local_part is not None
        and left.local_part == left.screen_name
        and right.local_part == right.screen_name
    ):
        yield Finding("one_account", "repeats", left.screen_name or "", right.screen_name or "")


def _of_names(
    left: Person, right: Person, met: dict[str, str], rarity: Callable[[tuple[str, str], str], float]
) -> Iterator[Finding]:
    words = aligned(left, right)
    total, agree, differ = 0.0, 0, 0
    for index, one, other in words:
        name = TOKEN_LEVELS[index]
        agree += index <= AGREEING
        differ += index == _DIFFERENT
        rare = None
        if name == "sounds_same":
            rare = rarity(("name", name), skeleton(one))
        elif name == "joined":
            rare = rarity(("name", name), other if " " in one else one)
        elif ("name", name) in COUNTED:
            rare = max(rarity(("name", name), one), rarity(("name", name), other))
        total += rare or 0.0
        yield Finding("name", name, one, other, rare)
    whole = whole_skeleton(left.name)
    if whole and whole == whole_skeleton(right.name) and agree == len(words):
        excess = total - rarity(("commonness", "common"), whole)
        if excess > 0:
            yield Finding("commonness", "common", left.name or "", right.name or "", excess)
    if agree and differ and ("same" in (met.get("street"), met.get("phone"))):
        yield Finding("household", "relatives", left.name or "", right.name or "")


_ONE_IDENTIFIER = (
    *(_equal(column) for column in ("email", "phone", "street", "national_id")),
    _within("street", 4, 10),
    _within("national_id", 2, 6),
)


def hard_conflict(left: Person, right: Person) -> str | None:
    """Why the two cannot be one person, or None: dates of birth over two years apart that no typing error explains.

    Gender as recorded differs too often between sources to decide anything alone; together with a date of birth that
    differs at all, it does. Where the same number, address or home stands on both sides, a date may be plainly wrong:
    the weights decide.
    """
    if not _full_dates(left, right) or left.birth == right.birth:
        return None
    if any(test(left, right) for test in (_one_digit, _birth_swapped, _digits_crossed, _two_parts, *_ONE_IDENTIFIER)):
        return None
    if abs(int((left.birth or "")[:4]) - int((right.birth or "")[:4])) > 2:
        return f"dates of birth {left.birth} and {right.birth} are years apart"
    if left.gender and right.gender and left.gender != right.gender:
        return f"dates of birth {left.birth} and {right.birth} differ, and gender too"
    return None
