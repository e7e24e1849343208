"""The comparison of ``features`` for whole tables: pairs of row numbers in, bits out, compiled by Numba."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from opencets.resolving.aligned import agreement
from opencets.resolving.features import AGREEING, CELLS, JOINED, TOKEN_LEVELS, VARIED
from opencets.resolving.fragments import RARE_BITS
from opencets.resolving.names import SCRIPTS, ways_of_scripts

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

COLUMNS = (
    "email", "local_part", "phone", "phone_tail", "national_id", "screen_name", "screen_letters",
    "gender", "street", "postcode", "city", "birth_place", "occupation", "screen_core",
)  # fmt: skip
"""The columns that are compared as whole values, in the order of ``Arrays.codes``."""


class Arrays(NamedTuple):
    """A table as the loops read it. Codes and tokens are -1 where a record states nothing.

    ``native``: of each word of a name its form in another script, or -1. ``fragments``: of each ``screen_core``, by its
    code less ``first_core``, the runs of three letters in it, rising, and how often; ``fragment_bits`` what each weighs.
    """

    tokens: Ints
    token_text: Bytes
    token_length: Ints
    token_letters: Ints
    token_held: Ints
    bones: Ints
    bones_text: Bytes
    bones_length: Ints
    bones_letters: Ints
    bones_held: Ints
    birth: Ints
    birth_length: npt.NDArray[np.int8]
    birth_held: Ints
    whole: Longs
    whole_held: Ints
    one_account: npt.NDArray[np.bool_]
    codes: Ints
    at: Ints
    held: Ints
    text: Bytes
    length: Ints
    native: Ints
    native_letters: Bytes
    native_length: Ints
    native_script: Ints
    first_core: int
    fragments: Ints
    fragment_times: Ints
    fragment_length: Doubles
    fragment_bits: Doubles


class Rules(NamedTuple):
    """A model as the loops read it, one entry for each of ``CELLS``. ``others``: see ``Commonness``.

    Then the learned steps between scripts: the tables of all ways of writing, those of script ``s`` from
    ``first_way[s]`` on, and the agreement from which on two words are one name.
    """

    bits: Doubles
    slope: Doubles
    usual: Doubles
    records: float
    others: float
    first_way: Longs
    least: Doubles
    one: Longs
    two_one: Longs
    one_two: Longs
    two_two: npt.NDArray[np.int16]
    lost: Longs
    gained: Longs
    left_bits: Longs
    right_bits: Longs


@cache
def stacked() -> tuple[Any, ...]:
    """The learned steps between scripts, as the last fields of ``Rules``."""
    ways = ways_of_scripts()
    first = np.cumsum([0, *(len(ways[script][0]) for script in SCRIPTS)])
    tables = [table for script in SCRIPTS for table in ways[script][0]]
    return (first, np.array([ways[script][1] for script in SCRIPTS]), *map(np.stack, zip(*tables, strict=True)))


_CELL = {cell: at for at, cell in enumerate(CELLS)}
_NAME, _COMMON, _BIRTH = _CELL["name", "same"], _CELL["commonness", "common"], _CELL["birth", "same"]
_EMAIL, _PHONE, _ID = _CELL["email", "same"], _CELL["phone", "same"], _CELL["national_id", "same"]
_SCREEN, _GENDER, _STREET = _CELL["screen_name", "same"], _CELL["gender", "same"], _CELL["street", "same"]
_POSTCODE, _CITY = _CELL["postcode", "same"], _CELL["city", "same"]
_PLACE, _WORK = _CELL["birth_place", "same"], _CELL["occupation", "same"]
_HOME, _ACCOUNT = _CELL["household", "relatives"], _CELL["one_account", "repeats"]
_KINDS = len(CELLS)
_HAN = SCRIPTS.index("han")
_CUT, _CLOSE, _INITIAL, _UNREAD, _DIFFERENT, _EXTRA = (
    TOKEN_LEVELS.index(name) for name in ("cut", "close", "initial", "unread", "different", "extra")
)
_CORE_LETTERS = 24
CONFLICT = -1e9
"""In place of bits: no evidence makes these two one person."""
(_C_EMAIL, _C_LOCAL, _C_PHONE, _C_TAIL, _C_ID, _C_SCREEN, _C_LETTERS, _C_GENDER, _C_STREET, _C_POSTCODE, _C_CITY,
 _C_PLACE, _C_WORK, _C_CORE) = range(14)  # fmt: skip


@numba.njit(cache=True, nogil=True)
def _letters_apart(one: int, other: int) -> int:
    """How many letters stand in only one of two words; an edit changes at most two of them."""
    rest, found = one ^ other, 0
    while rest:
        rest &= rest - 1
        found += 1
    return found


@numba.njit(cache=True, nogil=True)
def _apart(a: Bytes, na: int, b: Bytes, nb: int, most: int, crossed: bool, room: Ints) -> bool:
    """Whether the two are at most ``most`` (1 or 2) edits apart; ``crossed``: two neighbours exchanged is one edit."""
    if na > nb:
        a, na, b, nb = b, nb, a, na
    if nb - na > most:
        return False
    while na > 0 and a[na - 1] == b[nb - 1]:
        na -= 1
        nb -= 1
    start = 0
    while start < na and a[start] == b[start]:
        start += 1
    na -= start
    nb -= start
    if na == 0:
        return bool(nb <= most)
    if most == 1:
        if na == 1 and nb == 1:
            return True
        return crossed and na == 2 and nb == 2 and a[start] == b[start + 1] and a[start + 1] == b[start]
    before2, before, now = room[0], room[1], room[2]
    for j in range(nb + 1):
        before[j] = j
    for i in range(1, na + 1):
        now[0] = i
        least = i
        for j in range(1, nb + 1):
            cost = 0 if a[start + i - 1] == b[start + j - 1] else 1
            best = min(before[j] + 1, now[j - 1] + 1, before[j - 1] + cost)
            if (
                crossed
                and i > 1
                and j > 1
                and a[start + i - 1] == b[start + j - 2]
                and a[start + i - 2] == b[start + j - 1]
            ):
                best = min(best, before2[j - 2] + 1)
            now[j] = best
            least = min(least, best)
        if least > most:
            return False
        before2, before, now = before, now, before2
    return bool(before[nb] <= most)


@numba.njit(cache=True, nogil=True)
def _spelt(t: Arrays, rules: Rules, native: int, latin: Bytes, length: int) -> bool:
    """``names.spelt_alike``; ``latin``: letters from 0."""
    script = t.native_script[native]
    letters = t.native_letters[native, : t.native_length[native]]
    for way in range(rules.first_way[script], rules.first_way[script + 1]):
        found = agreement(
            letters, latin[:length], rules.one[way], rules.two_one[way], rules.one_two[way], rules.two_two[way],
            rules.lost[way], rules.gained[way], rules.left_bits[way], rules.right_bits[way],
        )  # fmt: skip
        if found >= rules.least[script]:
            return True
    return False


@numba.njit(cache=True, nogil=True)
def _shared(one: int, other: int) -> bool:
    """``features._consonants_shared`` of which letters stand in two words."""
    least = min(_letters_apart(one, 0), _letters_apart(other, 0))
    return bool(2 * _letters_apart(one & other, 0) >= least)


@numba.njit(cache=True, nogil=True)
def _token_level(t: Arrays, rules: Rules, a: int, b: int, form_a: int, form_b: int, room: Ints) -> int:
    if a == b:
        return 0
    na, nb = t.token_length[a], t.token_length[b]
    least = min(na, nb)
    one, other = t.token_text[a], t.token_text[b]
    if least == 1:
        return _INITIAL if one[0] == other[0] else _DIFFERENT
    letters = _letters_apart(t.token_letters[a], t.token_letters[b])
    if least >= 4 and letters <= 2 and _apart(one, na, other, nb, 1, True, room):
        return 1
    x, y = t.bones[a], t.bones[b]
    mx, my = t.bones_length[x], t.bones_length[y]
    if x == y and mx >= 2:
        return 2
    if (form_a >= 0) != (form_b >= 0):
        form, word = (form_a, b) if form_a >= 0 else (form_b, a)
        if _shared(t.bones_letters[x], t.bones_letters[y]) and _spelt(
            t, rules, form, t.token_text[word] - np.uint8(97), t.token_length[word]
        ):
            return AGREEING
        if t.native_script[form] == _HAN:
            return _UNREAD
    if least >= 3:
        begins = True
        for at in range(least):
            if one[at] != other[at]:
                begins = False
                break
        if begins:
            return _CUT
    if least >= 6 and letters <= 4 and _apart(one, na, other, nb, 2, True, room):
        return _CLOSE
    if (
        min(mx, my) >= 3
        and _letters_apart(t.bones_letters[x], t.bones_letters[y]) <= 2
        and _apart(t.bones_text[x], mx, t.bones_text[y], my, 1, True, room)
    ):
        return _CLOSE
    return _DIFFERENT


@numba.njit(cache=True, nogil=True)
def _together(a: Bytes, na: int, b: Bytes, nb: int, whole: Bytes, length: int, skip: int) -> bool:
    """Whether ``a`` and ``b``, without its first ``skip`` letters, one behind the other are ``whole``."""
    if na + nb - skip != length:
        return False
    return np.array_equal(a[:na], whole[:na]) and np.array_equal(b[skip:nb], whole[na : na + nb - skip])


@numba.njit(cache=True, nogil=True)
def _joined(t: Arrays, rules: Rules, first: int, second: int, whole: int, form: int) -> bool:
    """``features.joined`` for three words."""
    length, bones = t.token_length[whole], t.bones[whole]
    for order in range(2):
        a, b = (first, second) if order == 0 else (second, first)
        na, nb = t.token_length[a], t.token_length[b]
        if _together(t.token_text[a], na, t.token_text[b], nb, t.token_text[whole], length, 0):
            return True
        x, y = t.bones[a], t.bones[b]
        mx, my = t.bones_length[x], t.bones_length[y]
        skip = 1 if mx > 0 and my > 0 and t.bones_text[x, mx - 1] == t.bones_text[y, 0] else 0
        if mx + my - skip >= 3 and _together(
            t.bones_text[x], mx, t.bones_text[y], my, t.bones_text[bones], t.bones_length[bones], skip
        ):
            return True
        if form < 0 or na + nb > _CORE_LETTERS:
            continue
        if _shared(t.bones_letters[x] | t.bones_letters[y], t.bones_letters[bones]):
            both = np.empty(na + nb, np.uint8)
            both[:na] = t.token_text[a, :na]
            both[na:] = t.token_text[b, :nb]
            if _spelt(t, rules, form, both - np.uint8(97), na + nb):
                return True
    return False


@numba.njit(cache=True, nogil=True)
def _varied(t: Arrays, x: int, y: int) -> bool:
    """``features.varied`` of two screen names."""
    x -= t.first_core
    y -= t.first_core
    at, to, total, rare = 0, 0, 0.0, False
    one, other = t.fragments[x], t.fragments[y]
    while at < _CORE_LETTERS and to < _CORE_LETTERS and one[at] >= 0 and other[to] >= 0:
        if one[at] == other[to]:
            bits = t.fragment_bits[one[at]]
            total += t.fragment_times[x, at] * t.fragment_times[y, to] * bits * bits
            rare = rare or bits >= RARE_BITS
            at += 1
            to += 1
        elif one[at] < other[to]:
            at += 1
        else:
            to += 1
    # To six digits, as ``fragments`` tells it.
    return rare and round(total / (t.fragment_length[x] * t.fragment_length[y]), 6) >= VARIED


@numba.njit(cache=True, nogil=True)
def _rare(rules: Rules, cell: int, held: int) -> float:
    return float(np.log2((rules.records + rules.others) / (held + rules.others * 2.0 ** -rules.usual[cell])))


@numba.njit(cache=True, nogil=True)
def _birth_level(t: Arrays, i: int, j: int) -> int:
    a, b = t.birth[i], t.birth[j]
    na, nb = t.birth_length[i], t.birth_length[j]
    least = min(na, nb)
    full = least == 10
    if full and a == b:
        return 0
    ya, ma, da = a // 10000, a // 100 % 100, a % 100
    yb, mb, db = b // 10000, b // 100 % 100, b % 100
    if full and ya == yb and ma == db and da == mb and db <= 12:
        return 1
    if full:
        wrong, first, last = 0, -1, -1
        x, y = a, b
        for at in range(8):
            if x % 10 != y % 10:
                wrong += 1
                last = at
                if first < 0:
                    first = at
            x //= 10
            y //= 10
        if wrong == 1:
            return 2
        if wrong == 2 and last == first + 1:
            low = 10**first
            if a // low % 10 == b // (low * 10) % 10 and b // low % 10 == a // (low * 10) % 10:
                return 3
    if least == 7 and ya == yb and ma == mb:
        return 4
    if least == 4 and ya == yb:
        return 5
    if full and (ya == yb) + (ma == mb) + (da == db) == 2:
        return 6
    if ya == yb:
        return 7
    return 8 if abs(ya - yb) <= 2 else 9


@numba.njit(cache=True, nogil=True)
def _text_apart(t: Arrays, x: int, y: int, most: int, shortest: int, room: Ints) -> bool:
    if min(t.length[x], t.length[y]) < shortest:
        return False
    return _apart(t.text[x], t.length[x], t.text[y], t.length[y], most, True, room)


@numba.njit(cache=True, nogil=True)
def _names(t: Arrays, rules: Rules, i: int, j: int, count: Doubles, rare: Doubles, room: Ints) -> bool:
    """Counts the levels of the words of two names; true where one word agrees and another differs."""
    left, right = t.tokens[i], t.tokens[j]
    total = 0.0
    used_left, used_right, pairs, agree, differ, na, nb = 0, 0, 0, 0, 0, 0, 0
    for at in range(4):
        na += left[at] >= 0
        nb += right[at] >= 0
    forms = t.native.shape[1] > 0
    extra = abs(na - nb)
    if extra > 0:
        long, short, long_row, short_row = (left, right, i, j) if na > nb else (right, left, j, i)
        used_long, used_short = 0, 0
        for to in range(min(na, nb)):
            for at in range(max(na, nb) * max(na, nb)):
                first, second = at // max(na, nb), at % max(na, nb)
                if (
                    extra > 0
                    and first < second
                    and not used_long >> first & 1
                    and not used_long >> second & 1
                    and not used_short >> to & 1
                    and not (forms and (t.native[long_row, first] >= 0 or t.native[long_row, second] >= 0))
                    and _joined(
                        t, rules, long[first], long[second], short[to], t.native[short_row, to] if forms else -1
                    )
                    and _token_level(t, rules, long[first], short[to], -1, -1, room) > 2
                    and _token_level(t, rules, long[second], short[to], -1, -1, room) > 2
                ):
                    extra -= 1
                    used_long |= 1 << first | 1 << second
                    used_short |= 1 << to
                    pairs += 1
                    agree += 1
                    count[_NAME + JOINED] += 1
                    value = _rare(rules, _NAME + JOINED, t.token_held[short[to]])
                    rare[_NAME + JOINED] += value - rules.usual[_NAME + JOINED]
                    total += value
        used_left, used_right = (used_long, used_short) if na > nb else (used_short, used_long)
    levels = room[3]
    for at in range(na):
        for to in range(nb):
            if not used_left >> at & 1 and not used_right >> to & 1:
                levels[at * 4 + to] = _token_level(
                    t,
                    rules,
                    left[at],
                    right[to],
                    t.native[i, at] if forms else -1,
                    t.native[j, to] if forms else -1,
                    room,
                )
    joined = pairs
    for _ in range(min(na, nb) - joined):
        best, best_at, best_to = 99, 0, 0
        for at in range(na):
            if used_left >> at & 1:
                continue
            for to in range(nb):
                if not used_right >> to & 1 and levels[at * 4 + to] < best:
                    best, best_at, best_to = levels[at * 4 + to], at, to
        used_left |= 1 << best_at
        used_right |= 1 << best_to
        pairs += 1
        cell = _NAME + best
        count[cell] += 1
        agree += best <= AGREEING
        differ += best == _DIFFERENT
        a, b = left[best_at], right[best_to]
        value = 0.0
        if best == 2:
            value = _rare(rules, cell, t.bones_held[t.bones[a]])
        elif best <= _CLOSE:
            value = _rare(rules, cell, min(t.token_held[a], t.token_held[b]))
        else:
            continue
        rare[cell] += value - rules.usual[cell]
        total += value
    count[_NAME + _EXTRA] += na + nb - 2 * pairs - joined
    if agree == pairs and na == nb and t.whole[i] == t.whole[j] and t.whole_held[i] > 0:
        excess = total - _rare(rules, _COMMON, t.whole_held[i])
        if excess > 0:
            count[_COMMON] = 1
            rare[_COMMON] = excess
    return agree > 0 and differ > 0


@numba.njit(cache=True, nogil=True)
def _value(t: Arrays, rules: Rules, i: int, column: int, cell: int, count: Doubles, rare: Doubles) -> None:
    count[cell] = 1
    rare[cell] = _rare(rules, cell, t.held[t.codes[i, t.at[column]]]) - rules.usual[cell]


@numba.njit(cache=True, nogil=True)
def _same(t: Arrays, i: int, j: int, column: int) -> int:
    """1 where the values are equal, 0 where they differ, -1 where a side (or the table) states none."""
    at = t.at[column]
    if at < 0:
        return -1
    x, y = t.codes[i, at], t.codes[j, at]
    if x < 0 or y < 0:
        return -1
    return 1 if x == y else 0


@numba.njit(cache=True, nogil=True)
def _near(t: Arrays, i: int, j: int, column: int, most: int, shortest: int, room: Ints) -> bool:
    at = t.at[column]
    return _text_apart(t, t.codes[i, at], t.codes[j, at], most, shortest, room)


@numba.njit(cache=True, nogil=True)
def fill(t: Arrays, rules: Rules, i: int, j: int, count: Doubles, rare: Doubles, room: Ints) -> None:
    """How often two rows meet each cell, and how much rarer than usual their values are there."""
    count[:] = 0
    rare[:] = 0
    mixed = False
    if t.tokens[i, 0] >= 0 and t.tokens[j, 0] >= 0:
        mixed = _names(t, rules, i, j, count, rare, room)
    if t.birth[i] >= 0 and t.birth[j] >= 0:
        level = _birth_level(t, i, j)
        count[_BIRTH + level] = 1
        if level == 0:
            rare[_BIRTH] = _rare(rules, _BIRTH, t.birth_held[i]) - rules.usual[_BIRTH]
    if t.codes.shape[1] == 0:
        return
    email = _same(t, i, j, _C_EMAIL)
    if email == 1:
        _value(t, rules, i, _C_EMAIL, _EMAIL, count, rare)
    elif email == 0:
        email = 1 if _same(t, i, j, _C_LOCAL) == 1 else 0
        count[_EMAIL + 2 - email] = 1
    phone = _same(t, i, j, _C_PHONE)
    if phone == 1:
        _value(t, rules, i, _C_PHONE, _PHONE, count, rare)
    elif phone == 0:
        count[_PHONE + (1 if _same(t, i, j, _C_TAIL) == 1 else 2)] = 1
    same = _same(t, i, j, _C_ID)
    if same == 1:
        _value(t, rules, i, _C_ID, _ID, count, rare)
    elif same == 0:
        level = 3
        if _near(t, i, j, _C_ID, 1, 6, room):
            level = 1
        elif _near(t, i, j, _C_ID, 2, 6, room):
            level = 2
        count[_ID + level] = 1
    screen = _same(t, i, j, _C_SCREEN)
    if screen == 1:
        _value(t, rules, i, _C_SCREEN, _SCREEN, count, rare)
    elif screen == 0:
        screen = 1 if _same(t, i, j, _C_LETTERS) == 1 else 0
        core = t.at[_C_CORE]
        if screen:
            _value(t, rules, i, _C_LETTERS, _SCREEN + 1, count, rare)
        elif _same(t, i, j, _C_CORE) >= 0 and _varied(t, t.codes[i, core], t.codes[j, core]):
            count[_SCREEN + 2] = 1
        else:
            count[_SCREEN + 3] = 1
    same = _same(t, i, j, _C_GENDER)
    if same >= 0:
        count[_GENDER + 1 - same] = 1
    street = _same(t, i, j, _C_STREET)
    if street == 1:
        _value(t, rules, i, _C_STREET, _STREET, count, rare)
    elif street == 0:
        count[_STREET + (1 if _near(t, i, j, _C_STREET, 4, 10, room) else 2)] = 1
    same = _same(t, i, j, _C_POSTCODE)
    if same == 1:
        _value(t, rules, i, _C_POSTCODE, _POSTCODE, count, rare)
    elif same == 0:
        count[_POSTCODE + (1 if _near(t, i, j, _C_POSTCODE, 1, 4, room) else 2)] = 1
    same = _same(t, i, j, _C_CITY)
    if same == 1:
        _value(t, rules, i, _C_CITY, _CITY, count, rare)
    elif same == 0:
        count[_CITY + (1 if _near(t, i, j, _C_CITY, 2, 6, room) else 2)] = 1
    same = _same(t, i, j, _C_PLACE)
    if same == 1:
        _value(t, rules, i, _C_PLACE, _PLACE, count, rare)
    elif same == 0:
        count[_PLACE + (1 if _near(t, i, j, _C_PLACE, 2, 6, room) else 2)] = 1
    same = _same(t, i, j, _C_WORK)
    if same == 1:
        _value(t, rules, i, _C_WORK, _WORK, count, rare)
    elif same == 0:
        count[_WORK + 1] = 1
    if mixed and (street == 1 or phone == 1):
        count[_HOME] = 1
    if email == 1 and screen == 1 and t.one_account[i] and t.one_account[j] and _same(t, i, j, _C_LOCAL) == 1:
        count[_ACCOUNT] = 1


@numba.njit(cache=True, nogil=True)
def in_conflict(t: Arrays, i: int, j: int, room: Ints) -> bool:
    """``features.hard_conflict`` for two rows."""
    if t.birth_length[i] != 10 or t.birth_length[j] != 10 or t.birth[i] == t.birth[j]:
        return False
    if abs(t.birth[i] // 10_000 - t.birth[j] // 10_000) <= 2 and _same(t, i, j, _C_GENDER) != 0:
        return False
    level = _birth_level(t, i, j)
    if 1 <= level <= 3 or level == 6:
        return False
    if t.codes.shape[1] == 0:
        return True
    street = _same(t, i, j, _C_STREET)
    if _same(t, i, j, _C_EMAIL) == 1 or _same(t, i, j, _C_PHONE) == 1 or street == 1:
        return False
    if street == 0 and _near(t, i, j, _C_STREET, 4, 10, room):
        return False
    same = _same(t, i, j, _C_ID)
    return not (same == 1 or (same == 0 and _near(t, i, j, _C_ID, 2, 6, room)))


@numba.njit(cache=True, parallel=True)
def score_pairs(t: Arrays, rules: Rules, left: Ints, right: Ints) -> Doubles:
    """The bits of each pair of rows, without the prior; ``CONFLICT`` where they cannot be one person."""
    found = np.empty(left.size, np.float64)
    chunks = (left.size + 4095) // 4096
    for chunk in numba.prange(chunks):
        count, rare, room = np.zeros(_KINDS), np.zeros(_KINDS), np.zeros((4, 32), np.int32)
        for at in range(chunk * 4096, min(left.size, chunk * 4096 + 4096)):
            if in_conflict(t, left[at], right[at], room):
                found[at] = CONFLICT
                continue
            fill(t, rules, left[at], right[at], count, rare, room)
            total = 0.0
            for cell in range(_KINDS):
                total += count[cell] * rules.bits[cell] + rare[cell] * rules.slope[cell]
            found[at] = total
    return found


@numba.njit(cache=True)
def fill_pairs(t: Arrays, rules: Rules, left: Ints, right: Ints) -> Floats:
    """For each pair how often it meets each cell, and beside it how much rarer than usual its values are there."""
    found = np.empty((left.size, 2 * _KINDS), np.float32)
    count, rare, room = np.zeros(_KINDS), np.zeros(_KINDS), np.zeros((4, 32), np.int32)
    for at in range(left.size):
        fill(t, rules, left[at], right[at], count, rare, room)
        found[at, :_KINDS] = count
        found[at, _KINDS:] = rare
    return found


@numba.njit(cache=True, nogil=True)
def block_pairs(order: Ints, starts: Longs, stops: Longs) -> tuple[Ints, Ints]:
    """Every pair of rows of one block; ``order[start:stop]`` are a block's rows, rising."""
    total = 0
    for block in range(starts.size):
        size = stops[block] - starts[block]
        total += size * (size - 1) // 2
    left, right = np.empty(total, np.int32), np.empty(total, np.int32)
    at = 0
    for block in range(starts.size):
        for one in range(starts[block], stops[block]):
            for other in range(one + 1, stops[block]):
                left[at], right[at] = min(order[one], order[other]), max(order[one], order[other])
                at += 1
    return left, right
