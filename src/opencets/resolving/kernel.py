"""The comparison of ``features`` for whole tables: pairs of row numbers in, bits out, compiled by Numba."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from opencets.resolving.aligned import agreement, lean, within
from opencets.resolving.features import AGREEING, CELLS, JOINED, TOKEN_LEVELS, VARIED
from opencets.resolving.fragments import RARE_BITS
from opencets.resolving.names import SCRIPTS, ways_of_scripts
from opencets.resolving.people import MOST_LETTERS, MOST_TOKENS, VALUES

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

COLUMNS = VALUES
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
    """A model as the loops read it, one entry for each of ``CELLS``. ``others``: see ``Commonness``; ``unseen``: how many of
    them bear a value.

    Then the learned steps between scripts: the tables of all ways of writing, those of script ``s`` from
    ``first_way[s]`` on, and the agreement from which on two words are one name.
    """

    bits: Doubles
    slope: Doubles
    usual: Doubles
    unseen: Doubles
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
    left_pairs: npt.NDArray[np.uint8]
    right_pairs: npt.NDArray[np.uint8]
    reach: npt.NDArray[np.int32]


class Room(NamedTuple):
    """What the loops write on: see ``room``. ``met`` and ``rare``: see ``fill``; ``edits``: rows of an edit distance;
    ``levels``: of each word of one name with each of another; ``letters`` and ``scores``: of an alignment.
    """

    met: Doubles
    rare: Doubles
    edits: Ints
    levels: Ints
    letters: Ints
    scores: Longs


@numba.njit(cache=True, nogil=True)
def room() -> Room:
    """Room for one comparison after the other."""
    return Room(
        np.zeros(_KINDS),
        np.zeros(_KINDS),
        np.zeros((3, MOST_LETTERS + 1), np.int32),
        np.zeros(MOST_TOKENS * MOST_TOKENS, np.int32),
        np.zeros(MOST_LETTERS, np.int32),
        np.zeros((MOST_LETTERS + 2, MOST_LETTERS + 1), np.int64),
    )


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
CONFLICT = -1e9
"""In place of bits: no evidence makes these two one person."""
(_C_EMAIL, _C_LOCAL, _C_PHONE, _C_TAIL, _C_ID, _C_SCREEN, _C_LETTERS, _C_GENDER, _C_STREET, _C_POSTCODE, _C_CITY,
 _C_PLACE, _C_WORK, _C_CORE) = range(14)  # fmt: skip


@lean
def _letters_apart(one: int, other: int) -> int:
    """How many letters stand in only one of two words; an edit changes at most two of them."""
    rest = one ^ other
    rest -= rest >> 1 & 0x55555555
    rest = (rest & 0x33333333) + (rest >> 2 & 0x33333333)
    rest = rest + (rest >> 4) & 0x0F0F0F0F
    return (rest * 0x01010101 & 0xFFFFFFFF) >> 24


@lean
def _apart(text: Bytes, a: int, na: int, b: int, nb: int, most: int, room: Ints) -> bool:
    """Whether two rows of ``text`` are at most ``most`` (1 or 2) edits apart; two neighbours exchanged are one edit."""
    if na > nb:
        a, na, b, nb = b, nb, a, na
    if nb - na > most:
        return False
    while na > 0 and text[a, na - 1] == text[b, nb - 1]:
        na -= 1
        nb -= 1
    start = 0
    while start < na and text[a, start] == text[b, start]:
        start += 1
    na -= start
    nb -= start
    if na == 0:
        return bool(nb <= most)
    if most == 1:
        if na == 1 and nb == 1:
            return True
        return bool(
            na == 2 and nb == 2 and text[a, start] == text[b, start + 1] and text[a, start + 1] == text[b, start]
        )
    before2, before, now = 0, 1, 2
    for j in range(nb + 1):
        room[before, j] = j
    for i in range(1, na + 1):
        room[now, 0] = i
        least = i
        for j in range(1, nb + 1):
            cost = 0 if text[a, start + i - 1] == text[b, start + j - 1] else 1
            best = min(room[before, j] + 1, room[now, j - 1] + 1, room[before, j - 1] + cost)
            if (
                i > 1
                and j > 1
                and text[a, start + i - 1] == text[b, start + j - 2]
                and text[a, start + i - 2] == text[b, start + j - 1]
            ):
                best = min(best, room[before2, j - 2] + 1)
            room[now, j] = best
            least = min(least, best)
        if least > most:
            return False
        before2, before, now = before, now, before2
    return bool(room[before, nb] <= most)


@within
def _spelt(t: Arrays, rules: Rules, native: int, length: int, room: Room) -> bool:
    """``names.spelt_alike``; the Latin letters, from 0, stand in ``room``."""
    script, found = t.native_script[native], False
    letters = t.native_letters[native, : t.native_length[native]]
    for way in range(rules.first_way[script], rules.first_way[script + 1]):
        if not found:
            found = rules.least[script] <= agreement(
                letters, room.letters[:length], rules.one[way], rules.two_one[way], rules.one_two[way],
                rules.two_two[way], rules.lost[way], rules.gained[way], rules.left_bits[way], rules.right_bits[way],
                rules.left_pairs[way], rules.right_pairs[way], rules.reach[way], room.scores, rules.least[script],
            )  # fmt: skip
    return found


@lean
def _write(text: Bytes, word: int, length: int, room: Room, at: int) -> None:
    """A Latin word's letters from 0 into ``room``, from ``at`` on."""
    for letter in range(length):
        room.letters[at + letter] = int(text[word, letter]) - 97


@lean
def _shared(one: int, other: int) -> bool:
    """``features._consonants_shared`` of which letters stand in two words."""
    least = min(_letters_apart(one, 0), _letters_apart(other, 0))
    return bool(2 * _letters_apart(one & other, 0) >= least)


@within
def _token_level(t: Arrays, rules: Rules, a: int, b: int, form_a: int, form_b: int, room: Room) -> int:
    """``features.token_level`` of two words. Part of its caller: to hand over a table costs more than most comparisons."""
    level = -1
    na, nb = t.token_length[a], t.token_length[b]
    least = min(na, nb)
    x, y = t.bones[a], t.bones[b]
    if a == b:
        level = 0
    elif least == 1:
        level = _INITIAL if t.token_text[a, 0] == t.token_text[b, 0] else _DIFFERENT
    else:
        letters = _letters_apart(t.token_letters[a], t.token_letters[b])
        if least >= 4 and letters <= 2 and _apart(t.token_text, a, na, b, nb, 1, room.edits):
            level = 1
        elif x == y and t.bones_length[x] >= 2:
            level = 2
        elif (form_a >= 0) != (form_b >= 0):
            form, word = (form_a, b) if form_a >= 0 else (form_b, a)
            if _shared(t.bones_letters[x], t.bones_letters[y]):
                _write(t.token_text, word, t.token_length[word], room, 0)
                if _spelt(t, rules, form, t.token_length[word], room):
                    level = AGREEING
            if level < 0 and t.native_script[form] == _HAN:
                level = _UNREAD
        if level < 0 and least >= 3:
            at = 0
            while at < least and t.token_text[a, at] == t.token_text[b, at]:
                at += 1
            if at == least:
                level = _CUT
        if level < 0:
            level = _DIFFERENT
            if least >= 6 and letters <= 4 and _apart(t.token_text, a, na, b, nb, 2, room.edits):
                level = _CLOSE
            else:
                mx, my = t.bones_length[x], t.bones_length[y]
                if (
                    min(mx, my) >= 3
                    and _letters_apart(t.bones_letters[x], t.bones_letters[y]) <= 2
                    and _apart(t.bones_text, x, mx, y, my, 1, room.edits)
                ):
                    level = _CLOSE
    return level


@lean
def _together(a: Bytes, na: int, b: Bytes, nb: int, whole: Bytes, length: int, skip: int) -> bool:
    """Whether ``a`` and ``b``, without its first ``skip`` letters, one behind the other are ``whole``."""
    if na + nb - skip != length:
        return False
    at = 0
    while at < length and whole[at] == (a[at] if at < na else b[at - na + skip]):
        at += 1
    return at == length


@lean
def _joined(t: Arrays, rules: Rules, first: int, second: int, whole: int, form: int, room: Room) -> bool:
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
        if form < 0 or na + nb > MOST_LETTERS:
            continue
        if _shared(t.bones_letters[x] | t.bones_letters[y], t.bones_letters[bones]):
            _write(t.token_text, a, na, room, 0)
            _write(t.token_text, b, nb, room, na)
            if _spelt(t, rules, form, na + nb, room):
                return True
    return False


@lean
def _varied(t: Arrays, x: int, y: int) -> bool:
    """``features.varied`` of two screen names."""
    x -= t.first_core
    y -= t.first_core
    at, to, total, rare = 0, 0, 0.0, False
    one, other = t.fragments[x], t.fragments[y]
    while at < MOST_LETTERS and to < MOST_LETTERS and one[at] >= 0 and other[to] >= 0:
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


@within
def _rare(rules: Rules, cell: int, held: int) -> float:
    """log2 of one in how many bears a value that ``held`` records bear."""
    return float(np.log2((rules.records + rules.others) / (held + rules.unseen[cell])))


@within
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


@within
def _text_apart(t: Arrays, x: int, y: int, most: int, shortest: int, room: Room) -> bool:
    return bool(
        min(t.length[x], t.length[y]) >= shortest and _apart(t.text, x, t.length[x], y, t.length[y], most, room.edits)
    )


@lean
def _may_join(t: Arrays, first: int, second: int, whole: int) -> bool:
    """Whether two words have the letters, or the consonants, of a third: without them ``_joined`` holds for no Latin one."""
    letters, bones = t.token_letters, t.bones_letters
    return bool(
        letters[first] | letters[second] == letters[whole]
        or bones[t.bones[first]] | bones[t.bones[second]] == bones[t.bones[whole]]
    )


@within
def _names(t: Arrays, rules: Rules, i: int, j: int, room: Room) -> bool:
    """Counts the levels of the words of two names; true where one word agrees and another differs."""
    total = 0.0
    used_left, used_right, pairs, agree, differ, na, nb = 0, 0, 0, 0, 0, 0, 0
    for at in range(MOST_TOKENS):
        na += t.tokens[i, at] >= 0
        nb += t.tokens[j, at] >= 0
    forms = t.native.shape[1] > 0
    for at in range(na):
        for to in range(nb):
            form = t.native[i, at] if forms else -1
            other = t.native[j, to] if forms else -1
            room.levels[at * MOST_TOKENS + to] = _token_level(
                t, rules, t.tokens[i, at], t.tokens[j, to], form, other, room
            )
    extra = abs(na - nb)
    if extra > 0:
        long, short, by_long, by_short = (i, j, MOST_TOKENS, 1) if na > nb else (j, i, 1, MOST_TOKENS)
        used_long, used_short, many = 0, 0, max(na, nb)
        for to in range(min(na, nb)):
            for at in range(many * many):
                first, second = at // many, at % many
                if (
                    extra > 0
                    and first < second
                    and not used_long >> first & 1
                    and not used_long >> second & 1
                    and not used_short >> to & 1
                    and room.levels[first * by_long + to * by_short] > 2
                    and room.levels[second * by_long + to * by_short] > 2
                    and not (forms and (t.native[long, first] >= 0 or t.native[long, second] >= 0))
                ):
                    a, b, whole = t.tokens[long, first], t.tokens[long, second], t.tokens[short, to]
                    form = t.native[short, to] if forms else -1
                    if (form >= 0 or _may_join(t, a, b, whole)) and _joined(t, rules, a, b, whole, form, room):
                        extra -= 1
                        used_long |= 1 << first | 1 << second
                        used_short |= 1 << to
                        pairs += 1
                        agree += 1
                        room.met[_NAME + JOINED] += 1
                        value = _rare(rules, _NAME + JOINED, t.token_held[whole])
                        room.rare[_NAME + JOINED] += value - rules.usual[_NAME + JOINED]
                        total += value
        used_left, used_right = (used_long, used_short) if na > nb else (used_short, used_long)
    joined = pairs
    for _ in range(min(na, nb) - joined):
        best, best_at, best_to = 99, 0, 0
        for at in range(na):
            if used_left >> at & 1:
                continue
            for to in range(nb):
                if not used_right >> to & 1 and room.levels[at * MOST_TOKENS + to] < best:
                    best, best_at, best_to = room.levels[at * MOST_TOKENS + to], at, to
        used_left |= 1 << best_at
        used_right |= 1 << best_to
        pairs += 1
        cell = _NAME + best
        room.met[cell] += 1
        agree += best <= AGREEING
        differ += best == _DIFFERENT
        a, b = t.tokens[i, best_at], t.tokens[j, best_to]
        if best > _CLOSE:
            continue
        held = t.bones_held[t.bones[a]] if best == 2 else min(t.token_held[a], t.token_held[b])
        value = _rare(rules, cell, held)
        room.rare[cell] += value - rules.usual[cell]
        total += value
    room.met[_NAME + _EXTRA] += na + nb - 2 * pairs - joined
    if agree == pairs and na == nb and t.whole[i] == t.whole[j] and t.whole_held[i] > 0:
        excess = total - _rare(rules, _COMMON, t.whole_held[i])
        if excess > 0:
            room.met[_COMMON] = 1
            room.rare[_COMMON] = excess
    return agree > 0 and differ > 0


@within
def _value(t: Arrays, rules: Rules, i: int, column: int, cell: int, room: Room) -> None:
    room.met[cell] = 1
    room.rare[cell] = _rare(rules, cell, t.held[t.codes[i, t.at[column]]]) - rules.usual[cell]


@within
def _same(t: Arrays, i: int, j: int, column: int) -> int:
    """1 where the values are equal, 0 where they differ, -1 where a side (or the table) states none."""
    at, same = t.at[column], -1
    if at >= 0:
        x, y = t.codes[i, at], t.codes[j, at]
        if x >= 0 and y >= 0:
            same = 1 if x == y else 0
    return same


@lean
def _near(t: Arrays, i: int, j: int, column: int, most: int, shortest: int, room: Room) -> bool:
    at = t.at[column]
    return bool(_text_apart(t, t.codes[i, at], t.codes[j, at], most, shortest, room))


@lean
def _values(t: Arrays, rules: Rules, i: int, j: int, mixed: bool, room: Room) -> None:
    """The part of ``fill`` for what is compared as whole values; ``mixed``: one word of the names agrees, another differs."""
    email = _same(t, i, j, _C_EMAIL)
    if email == 1:
        _value(t, rules, i, _C_EMAIL, _EMAIL, room)
    elif email == 0:
        email = 1 if _same(t, i, j, _C_LOCAL) == 1 else 0
        room.met[_EMAIL + 2 - email] = 1
    phone = _same(t, i, j, _C_PHONE)
    if phone == 1:
        _value(t, rules, i, _C_PHONE, _PHONE, room)
    elif phone == 0:
        room.met[_PHONE + (1 if _same(t, i, j, _C_TAIL) == 1 else 2)] = 1
    same = _same(t, i, j, _C_ID)
    if same == 1:
        _value(t, rules, i, _C_ID, _ID, room)
    elif same == 0:
        level = 3
        if _near(t, i, j, _C_ID, 1, 6, room):
            level = 1
        elif _near(t, i, j, _C_ID, 2, 6, room):
            level = 2
        room.met[_ID + level] = 1
    screen = _same(t, i, j, _C_SCREEN)
    if screen == 1:
        _value(t, rules, i, _C_SCREEN, _SCREEN, room)
    elif screen == 0:
        screen = 1 if _same(t, i, j, _C_LETTERS) == 1 else 0
        core = t.at[_C_CORE]
        if screen:
            _value(t, rules, i, _C_LETTERS, _SCREEN + 1, room)
        elif _same(t, i, j, _C_CORE) >= 0 and _varied(t, t.codes[i, core], t.codes[j, core]):
            room.met[_SCREEN + 2] = 1
        else:
            room.met[_SCREEN + 3] = 1
    same = _same(t, i, j, _C_GENDER)
    if same >= 0:
        room.met[_GENDER + 1 - same] = 1
    street = _same(t, i, j, _C_STREET)
    if street == 1:
        _value(t, rules, i, _C_STREET, _STREET, room)
    elif street == 0:
        room.met[_STREET + (1 if _near(t, i, j, _C_STREET, 4, 10, room) else 2)] = 1
    same = _same(t, i, j, _C_POSTCODE)
    if same == 1:
        _value(t, rules, i, _C_POSTCODE, _POSTCODE, room)
    elif same == 0:
        room.met[_POSTCODE + (1 if _near(t, i, j, _C_POSTCODE, 1, 4, room) else 2)] = 1
    same = _same(t, i, j, _C_CITY)
    if same == 1:
        _value(t, rules, i, _C_CITY, _CITY, room)
    elif same == 0:
        room.met[_CITY + (1 if _near(t, i, j, _C_CITY, 2, 6, room) else 2)] = 1
    same = _same(t, i, j, _C_PLACE)
    if same == 1:
        _value(t, rules, i, _C_PLACE, _PLACE, room)
    elif same == 0:
        room.met[_PLACE + (1 if _near(t, i, j, _C_PLACE, 2, 6, room) else 2)] = 1
    same = _same(t, i, j, _C_WORK)
    if same == 1:
        _value(t, rules, i, _C_WORK, _WORK, room)
    elif same == 0:
        room.met[_WORK + 1] = 1
    if mixed and (street == 1 or phone == 1):
        room.met[_HOME] = 1
    if email == 1 and screen == 1 and t.one_account[i] and t.one_account[j] and _same(t, i, j, _C_LOCAL) == 1:
        room.met[_ACCOUNT] = 1


@within
def fill(t: Arrays, rules: Rules, i: int, j: int, room: Room) -> None:
    """How often two rows meet each cell, and how much rarer than usual their values are there. Returns at its end only."""
    room.met[:] = 0
    room.rare[:] = 0
    mixed = False
    if t.tokens[i, 0] >= 0 and t.tokens[j, 0] >= 0:
        mixed = _names(t, rules, i, j, room)
    if t.birth[i] >= 0 and t.birth[j] >= 0:
        level = _birth_level(t, i, j)
        room.met[_BIRTH + level] = 1
        if level == 0:
            room.rare[_BIRTH] = _rare(rules, _BIRTH, t.birth_held[i]) - rules.usual[_BIRTH]
    if t.codes.shape[1] > 0:
        _values(t, rules, i, j, mixed, room)


@within
def in_conflict(t: Arrays, i: int, j: int, room: Room) -> bool:
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


@lean
def bits_of(rules: Rules, room: Room) -> float:
    """What the cells that two rows meet weigh together, without the prior."""
    total = 0.0
    for cell in range(_KINDS):
        if room.met[cell] > 0:
            total += room.met[cell] * rules.bits[cell] + room.rare[cell] * rules.slope[cell]
    return total


@lean
def _score(t: Arrays, rules: Rules, left: Ints, right: Ints, found: Doubles, room: Room) -> None:
    """``score_pairs`` in one thread; apart from it, since what is parallel is rearranged when ``fill`` is compiled into it."""
    for at in range(left.size):
        if in_conflict(t, left[at], right[at], room):
            found[at] = CONFLICT
        else:
            fill(t, rules, left[at], right[at], room)
            found[at] = bits_of(rules, room)


@numba.njit(cache=True, parallel=True)
def score_pairs(t: Arrays, rules: Rules, left: Ints, right: Ints) -> Doubles:
    """The bits of each pair of rows, without the prior; ``CONFLICT`` where they cannot be one person."""
    found = np.empty(left.size, np.float64)
    for chunk in numba.prange((left.size + 4095) // 4096):
        begin, end = chunk * 4096, min(left.size, chunk * 4096 + 4096)
        _score(t, rules, left[begin:end], right[begin:end], found[begin:end], room())
    return found


@lean
def _fill(t: Arrays, rules: Rules, left: Ints, right: Ints, found: Floats, room: Room) -> None:
    for at in range(left.size):
        fill(t, rules, left[at], right[at], room)
        for cell in range(_KINDS):
            found[at, cell] = room.met[cell]
            found[at, _KINDS + cell] = room.rare[cell]


@numba.njit(cache=True)
def fill_pairs(t: Arrays, rules: Rules, left: Ints, right: Ints) -> Floats:
    """For each pair how often it meets each cell, and beside it how much rarer than usual its values are there."""
    found = np.empty((left.size, 2 * _KINDS), np.float32)
    _fill(t, rules, left, right, found, room())
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
