"""Which of many lines can have a hit, and of which phrases: whole blocks of lines at a time, without a loop over characters.

A block becomes bytes, one for a letter: by a table for ASCII, by a table over code points otherwise; a letter that no phrase has is
``OTHER``, letters of scripts without spaces take two bytes. An automaton looks for phrases of one word or few letters among tokens
with one space between, another for phrases without spaces; long ones are looked for where a token begins. Lines in which more than
that can match (signs beside letters, a letter three times, letters spelled one by one) are found by comparing the block with
itself, moved by a place, and are compared in full.

What comes out may be too much, never too little; ``comparing`` decides. Code points share a byte where an alphabet is full.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind
from numpy.typing import NDArray

from opencets.watching.comparing import JOINED_FROM, Wanted
from opencets.watching.folding import PUNCTUATION, SAME, SIGNS, fold, is_composing, is_unspaced

BLOCK = 1_500_000
"""Characters looked at together."""
LONGEST_LINE = 8_000
_NOTHING, _UNKNOWN, _SEVERAL, _SIGN, _COMPOSING, _PUNCTUATION = 0, 1, 2, 3, 4, 5
_NEWLINE, _SPACE, _OTHER, _OTHER_GLUED = 10, 32, 95, 160
_APART = bytes([_SPACE, _SIGN, _PUNCTUATION])
_SPACED = bytes([*range(33, 48), *range(58, 95), 96, *range(123, 160)])
_GLUED = range(161, 256)
_LETTERS_AND_DIGITS = bytes([*range(48, 58), *range(97, 123)])
_DENSE_UP_TO = 64
"""Bytes in use from which a dense automaton would outgrow the processor's cache."""
_BITS = 18
_SECOND = JOINED_FROM - 8
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
Bytes = NDArray[np.uint8]


class Screen:
    """Lines that may have hits, with the phrases to compare; None for all of them."""

    def __init__(self, wanted: Sequence[Wanted]) -> None:
        letters = sorted({letter for entry in wanted for letter in entry.letters})
        spaced = [letter for letter in letters if letter > "\x7f" and not is_unspaced(letter)]
        self._codes = {chr(code): code for code in _LETTERS_AND_DIGITS}
        self._codes.update({letter: _SPACED[at % len(_SPACED)] for at, letter in enumerate(spaced)})
        for at, letter in enumerate(filter(is_unspaced, letters)):
            first, second = divmod(at % len(_GLUED) ** 2, len(_GLUED))
            self._codes[letter] = _GLUED[first] | _GLUED[second] << 8
        self._table: NDArray[np.uint16] | None = None
        self._ascii = bytes(self._code_of(chr(code)) & 255 for code in range(128)) + bytes(128)
        same = bytearray(range(256))
        for code in _LETTERS_AND_DIGITS:
            same[code] = ord(chr(code).translate(SAME))
        same[_SIGN] = same[_PUNCTUATION] = _SPACE
        self._squeezed = bytes(same)
        same[_OTHER_GLUED:] = bytes([_SPACE]) * (256 - _OTHER_GLUED)
        self._words = bytes(same)
        self._is_letter = np.zeros(256, np.bool_)
        self._is_letter[[*_SPACED, *range(97, 123)]] = True
        self._is_beside = np.ones(256, np.bool_)
        self._is_beside[[_SIGN, _PUNCTUATION, _SPACE, _NEWLINE]] = False
        self._word_automaton = _Automaton(
            (b" " + b" ".join(self._bytes_of(token) for token in entry.tokens) + b" ", at)
            for at, entry in enumerate(wanted)
            if not (entry.glued or entry.is_joined)
        )
        self._glued_automaton = _Automaton(
            (self._bytes_of(entry.letters), at) for at, entry in enumerate(wanted) if entry.glued
        )
        joined = [
            (self._bytes_of(entry.letters), at)
            for at, entry in enumerate(wanted)
            if entry.is_joined and not entry.glued
        ]
        self._beginnings = _Beginnings(joined)

    def candidates(self, lines: Iterable[str]) -> Iterator[tuple[int, str, Sequence[int] | None]]:
        """Number, line and the phrases that it may have, by their places in ``wanted``, each as often as it may stand there."""
        stream = iter(lines)
        first = 0
        while block := _block_of(stream):
            found, full = self._of_block(block)
            for number in sorted(full.union(found)):
                yield first + number, block[number], None if number in full else found[number]
            first += len(block)

    def _of_block(self, block: list[str]) -> tuple[dict[int, list[int]], set[int]]:
        """For its lines the phrases they may have, and which lines must be compared with every phrase."""
        if max(map(len, block)) <= LONGEST_LINE:
            return self._look(block)
        long = {number for number, line in enumerate(block) if len(line) > LONGEST_LINE}
        found, full = self._look(["" if number in long else line for number, line in enumerate(block)])
        return found, full | long

    def _look(self, lines: list[str]) -> tuple[dict[int, list[int]], set[int]]:
        body = self._bytes(" " + " \n ".join(lines) + " ")
        if body.count(_NEWLINE) != len(lines) - 1:
            body = self._bytes(" " + " \n ".join([line.replace("\n", " ") for line in lines]) + " ")
        full = set(self._strange(np.frombuffer(body, np.uint8)))
        words = body.translate(self._words)
        units = np.frombuffer(words, np.uint8)
        spaces = units == _SPACE
        units = units[1:][~(spaces[1:] & spaces[:-1])]  # the block begins with a space, which is taken off here
        words = b" " + units.tobytes()
        units = np.frombuffer(words, np.uint8)
        ends = np.flatnonzero(units == _SPACE)
        single = np.diff(ends) == 2
        alone = ends[:-3][single[:-2] & single[1:-1] & single[2:]]
        for place in (1, 3, 5):
            alone = alone[units[alone + place] != _NEWLINE]
        if alone.size:
            full.update(_lines(units, alone))
        found: dict[int, list[int]] = defaultdict(list)
        self._word_automaton.look(words, found)
        self._beginnings.look(words.translate(None, b" "), ends - np.arange(ends.size), found)
        if self._glued_automaton and np.frombuffer(body, np.uint8).max() >= _OTHER_GLUED:
            self._glued_automaton.look(body.translate(self._squeezed, _APART), found)
        return found, full

    def _bytes(self, text: str) -> bytes:
        """A text as letters in bytes, those of scripts without spaces in two."""
        if text.isascii():
            return text.encode().translate(self._ascii)
        if self._table is None:
            self._table = np.full(0x110000, _UNKNOWN, np.uint16)
        while True:
            points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
            codes = self._table[points]
            body = codes.view(np.uint8).tobytes().translate(None, b"\0")
            if _UNKNOWN in body:
                for point in np.unique(points[codes == _UNKNOWN]).tolist():
                    self._table[point] = self._code_of(chr(point))
            elif _SEVERAL in body:
                for point in np.unique(points[codes == _SEVERAL]).tolist():
                    text = text.replace(chr(point), fold(chr(point)))
            else:
                return body

    def _code_of(self, sign: str) -> int:
        if sign == "\n":
            return _NEWLINE
        if sign in SIGNS:
            return _PUNCTUATION if sign in PUNCTUATION else _SIGN
        if is_composing(sign):
            return _COMPOSING
        letters = fold(sign)
        if len(letters) > 1:
            return _SEVERAL
        if letters in ("", " "):
            return _SPACE if letters else _NOTHING
        return self._codes.get(letters) or (_OTHER_GLUED | _OTHER_GLUED << 8 if is_unspaced(letters) else _OTHER)

    def _bytes_of(self, letters: str) -> bytes:
        body = b"".join(self._codes[letter].to_bytes(2, "little") for letter in letters)
        return body.translate(self._squeezed, b"\0")

    def _strange(self, units: Bytes) -> Iterator[int]:
        """Lines with a letter three times or two doubled ones, a sign before a letter, or letters written in parts."""
        double = np.flatnonzero(units[1:] == units[:-1])
        double = double[self._is_letter[units[double]]]
        at = [double[:-1][np.diff(double) <= 2]]  # the next letter too, or the next pair
        signs = np.flatnonzero((units == _SIGN) | (units == _PUNCTUATION))
        at.append(signs[self._is_beside[units[signs + 1]]])
        signs = signs[units[signs] == _SIGN]
        at.append(signs[self._is_beside[units[signs - 1]]])
        composing = units == _COMPOSING
        if composing.any():
            at.append(np.flatnonzero(composing))
        places = np.concatenate(at)
        if places.size:
            yield from _lines(units, places)


def _lines(units: Bytes, places: NDArray[Any]) -> list[int]:
    ends = np.flatnonzero(units == _NEWLINE)
    numbers: list[int] = np.unique(np.searchsorted(ends, places)).tolist()
    return numbers


def _block_of(lines: Iterator[str]) -> list[str]:
    """The next lines: many, unless they are long."""
    block: list[str] = []
    size = 0
    while size < BLOCK and (more := list(islice(lines, 1_024))):
        block += more
        size += sum(map(len, more))
    return block


class _Beginnings:
    """Long patterns in letters without spaces, looked for only where a token begins, by their first bytes at once.

    A table of bits says for nearly every place that nothing begins there; it fits into a cache where an automaton would not.
    """

    def __init__(self, patterns: Iterable[tuple[bytes, int]]) -> None:
        self._patterns: dict[tuple[int, int], list[tuple[bytes, int]]] = defaultdict(list)
        for pattern, at in patterns:
            first, second = pattern[:8], pattern[_SECOND:JOINED_FROM]
            self._patterns[int.from_bytes(first, "little"), int.from_bytes(second, "little")].append((pattern, at))
        self._is_there = np.zeros(1 << _BITS, np.bool_)
        self._goes_on = np.zeros(1 << _BITS, np.bool_)
        if self._patterns:
            keys = np.array(list(self._patterns), np.uint64)
            self._is_there[self._places(keys[:, 0], keys[:, 1])] = True
        for key, some in self._patterns.items():
            for pattern, _ in some:
                more = int.from_bytes(pattern[8:16], "little") if len(pattern) >= 16 else key[1]
                self._goes_on[self._places(np.uint64(key[0]), np.uint64(more))] = True

    @staticmethod
    def _places(first: Any, second: Any) -> Any:
        with np.errstate(over="ignore"):  # it is meant to
            return ((first * _SPREAD ^ second) * _SPREAD) >> np.uint64(64 - _BITS)

    def look(self, body: bytes, starts: NDArray[Any], found: dict[int, list[int]]) -> None:
        if not self._patterns or len(body) < JOINED_FROM:
            return
        keys = np.ndarray((len(body) - 7,), "<u8", body, strides=(1,))
        starts = starts[: np.searchsorted(starts, len(body) - JOINED_FROM, "right")]
        first, second = keys[starts], keys[starts + _SECOND]
        maybe = np.flatnonzero(self._is_there[self._places(first, second)])
        some_first, some_second = first[maybe], second[maybe]
        more = keys[np.minimum(starts[maybe] + 8, keys.size - 1)]
        maybe = maybe[
            self._goes_on[self._places(some_first, some_second)] | self._goes_on[self._places(some_first, more)]
        ]
        hits = [
            (start, at)
            for start, *key in zip(starts[maybe].tolist(), first[maybe].tolist(), second[maybe].tolist(), strict=True)
            for pattern, at in self._patterns.get((key[0], key[1]), ())
            if body.startswith(pattern, start)
        ]
        if hits:
            ends = np.flatnonzero(np.frombuffer(body, np.uint8) == _NEWLINE)
            lines = np.searchsorted(ends, np.array([start for start, _ in hits]))
            for line, (_, at) in zip(lines.tolist(), hits, strict=True):
                found[line].append(at)


class _Automaton:
    """Patterns with the phrases they stand for."""

    def __init__(self, patterns: Iterable[tuple[bytes, int]]) -> None:
        by_pattern: dict[bytes, list[int]] = defaultdict(list)
        for pattern, at in patterns:
            by_pattern[pattern].append(at)
        self._entries = list(by_pattern.values())
        used = len({code for pattern in by_pattern for code in pattern})
        dense = Implementation.DFA if used <= _DENSE_UP_TO else Implementation.ContiguousNFA
        self._automaton = BytesAhoCorasick(list(by_pattern), matchkind=MatchKind.Standard, implementation=dense)

    def __bool__(self) -> bool:
        return bool(self._entries)

    def look(self, body: bytes, found: dict[int, list[int]]) -> None:
        hits = self._automaton.find_matches_as_indexes(body, overlapping=True)
        if not hits:
            return
        ends = np.flatnonzero(np.frombuffer(body, np.uint8) == _NEWLINE)
        lines = np.searchsorted(ends, np.fromiter((end for _, _, end in hits), np.int64, len(hits)) - 2)
        for line, (which, _, _) in zip(lines.tolist(), hits, strict=True):
            found[line] += self._entries[which]
