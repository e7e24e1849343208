"""Where in many lines a phrase may stand: whole blocks of lines at a time, without a loop over characters.

A block becomes a row of codes, one for a character: by a table over code points. Letters that may stand for each other share the
lower byte of their code. Of the row the letters are taken, with nothing between them, and the places where a token begins; from
each of these the next letters are looked up at once, in a table of bits that fits into a cache where an automaton would not. Lines
in which more than that can match (signs beside letters, a letter three times, two doubled ones) are found by comparing the row with
itself, moved by a place; they are looked at again with their repeated letters taken together, and with their signs as letters.

What comes out may be too much, never too little; ``comparing`` decides. Letters share a code where an alphabet is full.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from opencets.watching.comparing import Wanted
from opencets.watching.folding import PUNCTUATION, SAME, SIGNS, fold, is_composing, is_unspaced

BLOCK = 1_500_000
"""Characters of lines that are held at a time."""
PART = 300_000
"""Characters looked at together: so many that their codes stay in a processor's cache."""
LONGEST_LINE = 8_000
_NOTHING, _SPACE, _COMPOSING, _UNKNOWN, _SEVERAL, _SIGN, _PUNCTUATION = range(7)
_LINE_END, _OTHER, _LATIN, _SPACED, _OTHER_GLUED = 8, 9, 10, 36, 160
"""Codes of letters begin with that of the line's end, which no phrase has."""
_END = "\x1e"
"""Ends a line here: a separator, which unlike a newline hardly stands within one."""
_BETWEEN = f" {_END} "
_GLUED = range(161, 256)
_DIGIT = 0x200
"""From here on codes below ``_OTHER_GLUED`` in their lower byte are digits, which are never repeated for emphasis."""
_LONG = 10
"""Letters from which a phrase is looked up by its first ten, whatever stands after them."""
_KEY = 8
_FURTHER = (8, 5, 2)
"""Where the letters begin by which a long phrase is told from others with the same beginning: the first that it reaches."""
_FEW = 4
"""Letters by which most beginnings of short phrases are ruled out at first."""
_BEHIND = 16
_LEAST_BITS, _BITS_FOR_EACH = 18, 32
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_MASKS = np.array([(1 << 8 * min(size, _KEY)) - 1 for size in range(_LONG)], np.uint64)
_FAR = np.int64(1 << 40)
Codes = NDArray[np.uint16]
Places = NDArray[np.int64]
Found = list[tuple[int, int, int]]
"""Phrases by their places in ``wanted``, each with the first of its characters and the one after the last."""


class Candidates(NamedTuple):
    """Where which phrases may stand in a line; ``found`` is None where every phrase may, anywhere."""

    number: int
    line: str
    found: Found | None
    is_strange: bool
    """Whether letters in it may be repeated, and signs may be letters."""


class Screen:
    """The phrases, ready to be looked for in blocks of lines."""

    def __init__(self, wanted: Sequence[Wanted]) -> None:
        letters = sorted({letter for entry in wanted for letter in entry.letters})
        self._low = {chr(97 + at): _LATIN + at for at in range(26)}
        spaced = [letter for letter in letters if letter > "\x7f" and not is_unspaced(letter)]
        self._low.update({letter: _SPACED + at % (_OTHER_GLUED - _SPACED) for at, letter in enumerate(spaced)})
        for at, letter in enumerate(filter(is_unspaced, letters)):
            round_, place = divmod(at, len(_GLUED))
            self._low[letter] = _GLUED[place] | round_ % 255 + 1 << 8
        self._ascii = np.array([self._code_of(chr(code)) for code in range(128)], np.uint16)
        self._table: Codes | None = None
        self._is_beside = np.ones(256, np.bool_)
        self._is_beside[[_SPACE, _SIGN, _PUNCTUATION, _LINE_END]] = False
        spelled = [np.array([self._loose_code(letter) for letter in entry.letters], np.uint16) for entry in wanted]
        self._beginnings = _Beginnings(spelled)
        self._loose_beginnings = _Beginnings([codes[_changes(codes)] for codes in spelled])

    def candidates(self, lines: Iterable[str]) -> Iterator[Candidates]:
        """The lines in which something may stand, by their number from 0."""
        stream = iter(lines)
        first = 0
        while block := _block_of(stream):
            for number, found, is_strange in self._of_block(block):
                yield Candidates(first + number, block[number], found, is_strange)
            first += len(block)

    def _of_block(self, block: list[str]) -> list[tuple[int, Found | None, bool]]:
        told: list[tuple[int, Found | None, bool]] = []
        lines = block
        sizes = list(map(len, block))
        if max(sizes) > LONGEST_LINE:
            told = [(number, None, True) for number, size in enumerate(sizes) if size > LONGEST_LINE]
            lines = ["" if size > LONGEST_LINE else line for line, size in zip(block, sizes, strict=True)]
        strange: list[int] = []
        step = 1 + len(lines) * PART // (1 + sum(sizes))
        for first in range(0, len(lines), step):
            part = lines[first : first + step]
            text = _Text(self, part)
            composing = text.composing()
            told += [(first + number, None, True) for number in composing]
            left_out = {*text.strange(self._is_beside)}.difference(composing)
            strange += [first + number for number in left_out]
            left_out.update(composing)
            found = text.found(self._beginnings)
            told += [(first + number, some, False) for number, some in found.items() if number not in left_out]
        if strange:
            strange.sort()
            found = self._again([lines[number] for number in strange])
            told += [(strange[at], some, True) for at, some in found.items()]
        return sorted(told, key=lambda each: each[0])

    def _again(self, lines: list[str]) -> dict[int, Found]:
        """What may stand in strange lines: with repeated letters as one, and with signs once as separators, once as letters."""
        text = _Text(self, lines)
        found = text.found(self._loose_beginnings, loose=True)
        if text.count_signs():
            for number, more in text.found(self._loose_beginnings, loose=True).items():
                found[number] += more
        return found

    def codes(self, text: str) -> tuple[Codes, bool]:
        """A code for each character, and whether characters that are several letters were written out before."""
        if text.isascii():
            return self._ascii[np.frombuffer(text.encode(), np.uint8)], False
        if self._table is None:
            self._table = np.full(0x110000, _UNKNOWN, np.uint16)
        is_longer = False
        while True:
            points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
            codes = np.take(self._table, points)
            unread = points[(codes == _UNKNOWN) | (codes == _SEVERAL)]
            if not unread.size:
                return codes, is_longer
            for point in {*unread.tolist()}:
                self._table[point] = self._code_of(chr(point))
                if self._table[point] == _SEVERAL:
                    text = text.replace(chr(point), fold(chr(point)))
                    is_longer = True

    def _code_of(self, sign: str) -> int:
        if sign == _END:
            return _LINE_END
        if sign in SIGNS:
            return (_PUNCTUATION if sign in PUNCTUATION else _SIGN) | self._low[sign.translate(SAME)] << 8
        if is_composing(sign):
            return _COMPOSING
        letters = fold(sign)
        if len(letters) > 1:
            return _SEVERAL
        if letters in ("", " "):
            return _SPACE if letters else _NOTHING
        if letters == "l":
            return self._loose_code(letters) | 1 << 8
        if letters.isascii() and letters.isdigit():
            return self._loose_code(letters) | _DIGIT + (int(letters) << 8)
        return self._low.get(letters) or (_OTHER_GLUED if is_unspaced(letters) else _OTHER)

    def _loose_code(self, letter: str) -> int:
        """The code that a letter shares with all that it may stand for."""
        return self._low[letter.translate(SAME)]


class _Text:
    """Lines as codes, and as letters with nothing between them."""

    def __init__(self, screen: Screen, lines: Sequence[str]) -> None:
        self._lines = lines
        self._codes, self._is_longer = screen.codes(_BETWEEN.join(["", *lines, ""]))
        self._read()
        if self._ends.size != len(lines) + 1:  # a line holds the sign that ends one
            lines = [line.replace(_END, " ") for line in lines]
            self._codes, self._is_longer = screen.codes(_BETWEEN.join(["", *lines, ""]))
            self._read()

    def _read(self) -> None:
        low = self._codes.astype(np.uint8)
        self._ends = np.flatnonzero(low == _LINE_END)
        """Of the line before the first one, and of each."""
        is_letter = low >= _LINE_END
        self.letters = np.flatnonzero(is_letter)
        """Where the letters stand among the codes."""
        self.others = np.flatnonzero(~is_letter)
        self.kinds = low[self.others]
        self.written = np.take(self._codes, self.letters)
        starts = self.others - np.arange(self.others.size)
        if not self.kinds.all():
            starts = starts[self.kinds != _NOTHING]
        self.starts = _once(starts)
        """Which letters begin a token; the last of them is the one after the last letter."""
        self.low = low
        self.units = np.zeros(self.letters.size + _BEHIND, np.uint8)
        self.units[: self.letters.size] = self.written
        self.opens = np.zeros(self.letters.size + 2, np.bool_)
        self.opens[self.starts] = True
        self.glued: NDArray[np.uint8] | None = None
        is_glued = self.units[:-_BEHIND] >= _OTHER_GLUED
        if is_glued.any():
            self.glued = np.zeros(self.units.size, np.uint8)
            self.glued[:-_BEHIND] = (self.written >> np.uint16(8)) * is_glued
            self.opens[:-2] |= is_glued
            self.opens[1:-1] |= is_glued
            self.starts = np.flatnonzero(self.opens)

    def _numbers(self, places: Places) -> list[int]:
        return sorted({*(np.searchsorted(self._ends, places) - 1).tolist()})

    def composing(self) -> list[int]:
        """Lines with letters that are written in parts."""
        return self._numbers(self.others[self.kinds == _COMPOSING])

    def strange(self, is_beside: NDArray[np.bool_]) -> list[int]:
        """Lines with a letter three times or two doubled ones in a word, or a sign before or behind a letter."""
        double = np.flatnonzero(self.written[1:] == self.written[:-1])
        kind = self.written[double]
        double = double[
            (kind > _OTHER) & (kind < _DIGIT) & (self.units[double] < _OTHER_GLUED) & ~self.opens[double + 1]
        ]
        apart = np.diff(double)
        places = [self.letters[double[:-1][(apart == 1) | ((apart == 2) & ~self.opens[double[:-1] + 2])]]]
        signs = self.others[self.kinds >= _SIGN]
        places.append(signs[is_beside[self.low[signs + 1]]])
        signs = self.others[self.kinds == _SIGN]
        places.append(signs[is_beside[self.low[signs - 1]]])
        return self._numbers(np.concatenate(places))

    def count_signs(self) -> bool:
        """Makes letters of the signs that ``counted_signs`` names; False when there are none."""
        there = np.flatnonzero(self.low != _NOTHING)
        low = self.low[there]
        is_punctuation = low == _PUNCTUATION
        signs = np.flatnonzero((low == _SIGN) | is_punctuation)
        if not signs.size:
            return False
        first = np.concatenate(([True], np.diff(signs) > 1))
        row = np.cumsum(first) - 1
        begins = signs[first]
        ends = signs[np.concatenate((first[1:], [True]))] + 1
        ended = np.cumsum(is_punctuation)[signs] - np.cumsum(is_punctuation)[begins - 1][row]
        is_counted = (low[ends] > _LINE_END)[row] | ((low[begins - 1] > _LINE_END)[row] & (ended == 0))
        counted = there[signs[is_counted]]
        if not counted.size:
            return False
        self._codes = self._codes.copy()
        self._codes[counted] >>= np.uint16(8)
        self._read()
        return True

    def found(self, beginnings: _Beginnings, loose: bool = False) -> dict[int, Found]:
        """For the lines the phrases that may stand in them. ``loose``: letters that are repeated are taken together."""
        if loose:
            same = (
                self.units[:-_BEHIND]
                if self.glued is None
                else self.units[:-_BEHIND] | self.glued[:-_BEHIND].astype(np.uint16) << np.uint16(8)
            )
            is_kept = _changes(same)
            kept = np.flatnonzero(is_kept)
            number = np.cumsum(is_kept) - 1
            starts = _once(number[self.starts[:-1]])
            ends = _once(number[self.starts[1:] - 1]) + 1
            units = np.concatenate((self.units[kept], np.zeros(_BEHIND, np.uint8)))
            glued = None if self.glued is None else np.concatenate((self.glued[kept], np.zeros(_BEHIND, np.uint8)))
            hits = beginnings.look(units, glued, starts, ends, np.searchsorted(ends, starts, "right"))
            kept = np.append(kept, same.size)
            hits = [(at, kept[first], kept[end]) for at, first, end in hits]
        else:
            hits = beginnings.look(
                self.units, self.glued, self.starts[:-1], self.starts[1:], np.arange(self.starts.size - 1)
            )
        by_line: dict[int, Found] = defaultdict(list)
        if not hits:
            return by_line
        first = self.letters[[hit[1] for hit in hits]]
        last = self.letters[[hit[2] - 1 for hit in hits]] + 1
        numbers = np.searchsorted(self._ends, first) - 1
        begins = self._ends[numbers] + 2
        spans = zip(numbers.tolist(), (first - begins).tolist(), (last - begins).tolist(), strict=True)
        for (at, _, _), (number, start, end) in zip(hits, spans, strict=True):
            by_line[number].append((at, start, end))
        if self._is_longer:
            self._shorten(by_line, np.diff(self._ends) - len(_BETWEEN))
        return by_line

    def _shorten(self, by_line: dict[int, Found], sizes: Places) -> None:
        """Spans in lines that were written out, made so wide that they hold what they held before."""
        for number, found in by_line.items():
            by = int(sizes[number]) - len(self._lines[number])
            if by:
                by_line[number] = [
                    (at, max(0, start - by), min(end, len(self._lines[number]))) for at, start, end in found
                ]


def _changes(row: NDArray[Any]) -> NDArray[np.bool_]:
    """Where something stands that does not stand before it."""
    changes = np.ones(row.size, np.bool_)
    np.not_equal(row[1:], row[:-1], out=changes[1:])
    return changes


def _block_of(lines: Iterator[str]) -> list[str]:
    """The next lines: many, unless they are long."""
    block: list[str] = []
    size = 0
    while size < BLOCK and (more := list(islice(lines, 1_024))):
        block += more
        size += sum(map(len, more))
    return block


def _key(low: Any, glued: Any) -> Any:
    """Eight letters as one number of 64 bits."""
    return low ^ glued * _SPREAD if isinstance(low, np.ndarray) else low ^ glued * int(_SPREAD) % (1 << 64)


def _once(row: Places) -> Places:
    """Of numbers in their order each once."""
    return row[_changes(row)]


class _Beginnings:
    """Patterns, looked for where a token begins: short ones as a whole and to the end of a token, long ones by ten letters."""

    def __init__(self, patterns: Sequence[Codes]) -> None:
        self._short: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
        self._long: dict[tuple[int, int], list[tuple[bytes, int]]] = defaultdict(list)
        goes_on = set()
        short = set()
        for at, codes in enumerate(patterns):
            low = codes.astype(np.uint8).tobytes()
            glued = (codes >> np.uint16(8)).astype(np.uint8).tobytes()
            first = int.from_bytes(low[:_KEY], "little")
            if len(low) < _LONG:
                second = int.from_bytes(glued[:_KEY], "little")
                self._short[_key(first, second)].append((len(low), low[_KEY] if len(low) > _KEY else 0, at))
                short.add((first, second))
            else:
                second = int.from_bytes(low[_LONG - _KEY : _LONG], "little")
                self._long[first, second].append((low, at))
                further = next(offset for offset in _FURTHER if offset + _KEY <= len(low))
                goes_on.add((first, int.from_bytes(low[further : further + _KEY], "little")))
        size = max(_LEAST_BITS, (len(patterns) * _BITS_FOR_EACH).bit_length())
        self._shift = np.uint64(64 - size)
        self._is_short = np.zeros(1 << size, np.bool_)
        self._is_long = np.zeros(1 << size, np.bool_)
        self._goes_on = np.zeros(1 << size, np.bool_)
        self._begins = np.zeros(1 << size, np.bool_)
        if self._short:
            self._is_short[self._place(np.array(list(self._short), np.uint64))] = True
            self._first = _MASKS[min(_FEW, *(size for some in self._short.values() for size, _, _ in some))]
            pairs = np.array(list(short), np.uint64) & self._first
            self._begins[self._place(_key(pairs[:, 0], pairs[:, 1]))] = True
        if self._long:
            for table, some in ((self._is_long, self._long), (self._goes_on, goes_on)):
                pairs = np.array(list(some), np.uint64)
                table[self._place(pairs[:, 0] * _SPREAD ^ pairs[:, 1])] = True

    def _place(self, keys: NDArray[np.uint64]) -> Places:
        places: NDArray[np.int64] = (keys * _SPREAD >> self._shift).view(np.int64)
        return places

    def look(
        self, units: NDArray[np.uint8], glued: NDArray[np.uint8] | None, starts: Places, ends: Places, nexts: Places
    ) -> Found:
        """Patterns with their first letter and the one after the last. ``nexts``: for each start the first end behind it."""
        body = units.tobytes()
        keys = np.ndarray((units.size - _KEY + 1,), "<u8", body, strides=(1,))
        first = np.take(keys, starts)
        found = self._find_long(body, keys, first, starts, ends) if self._long else []
        if self._short:
            second = None if glued is None else np.take(np.ndarray(keys.shape, "<u8", glued, strides=(1,)), starts)
            found += self._find_short(body, first, second, starts, ends, nexts)
        return found

    def _find_long(self, body: bytes, keys: Any, first: Any, starts: Places, ends: Places) -> Found:
        spread = first * _SPREAD
        maybe = np.flatnonzero(self._is_long[self._place(spread ^ np.take(keys, starts + (_LONG - _KEY)))])
        where, spread = starts[maybe], spread[maybe]
        goes_on = np.zeros(where.size, np.bool_)
        for offset in _FURTHER:
            goes_on |= self._goes_on[self._place(spread ^ keys[where + offset])]
        on = np.flatnonzero(goes_on)
        where = where[on]
        found = [
            (at, start, start + len(pattern))
            for start, *key in zip(
                where.tolist(), first[maybe[on]].tolist(), keys[where + (_LONG - _KEY)].tolist(), strict=True
            )
            for pattern, at in self._long.get((key[0], key[1]), ())
            if body.startswith(pattern, start)
        ]
        if not found:
            return found
        after = np.array([end for _, _, end in found])
        is_end = ends[np.minimum(np.searchsorted(ends, after), ends.size - 1)] == after
        return [hit for hit, ended in zip(found, is_end.tolist(), strict=True) if ended]

    def _find_short(self, body: bytes, first: Any, second: Any, starts: Places, ends: Places, nexts: Places) -> Found:
        keys = first & self._first
        if second is not None:
            keys = _key(keys, second & self._first)
        some = np.flatnonzero(self._begins[self._place(keys)])
        starts, first, nexts = starts[some], first[some], nexts[some]
        second = None if second is None else second[some]
        ends = np.append(ends, _FAR)
        found: Found = []
        while starts.size:
            sizes = ends[nexts] - starts
            near = np.flatnonzero(sizes < _LONG)
            starts, first, sizes = starts[near], first[near], sizes[near]
            mask = _MASKS[sizes]
            keys = first & mask
            if second is not None:
                second = second[near]
                keys = _key(keys, second & mask)
            maybe = np.flatnonzero(self._is_short[self._place(keys)])
            for start, size, key in zip(
                starts[maybe].tolist(), sizes[maybe].tolist(), keys[maybe].tolist(), strict=True
            ):
                for wanted, ninth, at in self._short.get(key, ()):
                    if wanted == size and (size <= _KEY or body[start + _KEY] == ninth):
                        found.append((at, start, start + size))
            nexts = nexts[near] + 1
        return found
