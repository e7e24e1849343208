"""Text as it is compared: letters without their disguise, each with its place in the text as it was written.

A character becomes no letter (marks of alphabets, joiners, variation selectors), a separator (spaces, punctuation, emoji) or one
letter or more: case, width and accents are folded, letters of other scripts that look like Latin ones become Latin ones, digits
of every script are 0 to 9. A phrase is folded by the same rules as the text, so no folding can lose a language.

Digits and signs may stand for letters (``LEET``); that is decided where a phrase is compared, because it depends on the word.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

LEET = {
    "0": "o", "1": "il", "2": "z", "3": "e", "4": "a", "5": "s", "6": "g", "7": "t", "8": "b", "9": "g",
    "@": "a", "$": "s", "!": "il", "|": "il", "€": "e", "£": "l", "¢": "c", "+": "t",
}  # fmt: skip
"""What a digit or a sign may stand for within a word."""

SIGNS = frozenset(sign for sign in LEET if not sign.isdigit())
"""They separate; in a second reading, those that stand beside a letter or a digit are letters."""

PUNCTUATION = frozenset("!|")
"""Signs that commonly end a word."""

SAME = {ord("l"): "i", **{ord(sign): letters[0].replace("l", "i") for sign, letters in LEET.items()}}
"""One letter for all that may stand for each other, with i and l taken together: for the screen, not for the comparison."""

MOST_LETTERS = 4
"""Letters that one character becomes, at most; a ligature of a whole sentence is cut."""

_LOOKALIKES = {
    **dict(zip("аеорсухіјѕԁһԛԝкмтвнґӏ", "aeopcyxijsdhqwkmtbhгi", strict=True)),  # Cyrillic, also by its capitals
    **dict(zip("αβεζικνορτυχω", "abezikvoptuxw", strict=True)),  # Greek, also by its capitals
    **dict(zip("օսհցոյ", "ouhgnj", strict=True)),  # Armenian
    **dict(zip("ɑɡɩıøłđħŧðƒʀɪɴʟʙɢʜʏᴀᴄᴅᴇᴊᴋᴍᴏᴘꜱᴛᴜᴠᴡᴢ", "agiioldhtdfrinlbghyacdejkmopstuvwz", strict=True)),
    "æ": "ae", "œ": "oe", "þ": "th",
    "ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه", "ٱ": "ا", "ۀ": "ه", "ہ": "ه",
    **dict(zip("ךםןףץ", "כמנפצ", strict=True)),
}  # fmt: skip
_NOTHING = frozenset("\u0640\u093c\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")
"""Drawn as nothing or as a line: tatweel, nukta, fillers, the empty Braille cell."""
_MARKS_KEPT_FROM = 0x0900
"""Above it stand the scripts whose vowels are marks; below, marks are accents and points that a writer may drop."""
_UNSPACED = (
    (0x0E00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3040, 0x312F), (0x31A0, 0x31BF), (0x31F0, 0x31FF),
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0x20000, 0x3FFFF),
)  # fmt: skip
"""Thai, Lao, Tibetan, Burmese, Khmer, kana, Han, and Hangul, whose particles stand at the word: a phrase may begin anywhere."""
_COMPOSED_FIRST = re.compile(
    "[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?|[\u3040-\u30ff\uff66-\uff9d][\u3099\u309a\uff9e\uff9f]"
)
"""Hangul written letter by letter, and kana whose voicing mark stands beside it."""


_CHUNK = re.compile(r"[^\x00-/:-@\[-`{-\x7f]+")
"""What stands between separators of ASCII: no token reaches over them."""
_SIGNED_CHUNK = re.compile(r"[^\x00- \"#%-*,-/:-?\[-`{}~\x7f]+")
"""The same when signs may be letters."""
_SIGN_BESIDE = re.compile(r"[@$!|+][0-9A-Za-z]|[0-9A-Za-z][@$+]")
_LONGEST_KEPT = 40


@lru_cache(maxsize=65_536)
def fold(sign: str) -> str:
    """What one character is compared as: nothing, one space for a separator, or letters."""
    if sign in SIGNS or sign in _NOTHING:
        return " " if sign in SIGNS else ""
    code = ord(sign)
    if 0x1F150 <= code <= 0x1F169 or 0x1F170 <= code <= 0x1F189:  # white letters on black have no decomposition
        return fold(chr((code - 0x1F150) % 32 + 97))
    if 0xAC00 <= code <= 0xD7A3:
        return sign
    kind = unicodedata.category(sign)
    if kind == "Cf" or (kind[0] == "M" and _is_dropped(sign)):
        return ""
    letters = ""
    for part in unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", sign).casefold()):
        kind = unicodedata.category(part)
        if kind == "Nd":
            letters += str(unicodedata.decimal(part))
        elif kind[0] in "LN" or (kind[0] == "M" and not _is_dropped(part)):
            letters += _LOOKALIKES.get(part, "" if part in _NOTHING else part)
    if "\u30a1" <= letters[:1] <= "\u30f6":
        letters = "".join(chr(ord(part) - 0x60) if "\u30a1" <= part <= "\u30f6" else part for part in letters)
    if len(letters) == 2 and letters[1] in "\u3099\u309a":
        letters = unicodedata.normalize("NFC", letters)
    return letters[:MOST_LETTERS] or " "


def _is_dropped(mark: str) -> bool:
    code = ord(mark)
    return (
        code < _MARKS_KEPT_FROM
        or mark in _NOTHING
        or 0x1AB0 <= code <= 0x1DFF
        or 0x20D0 <= code <= 0x20FF
        or code >= 0xFE00
    )


@lru_cache(maxsize=65_536)
def is_unspaced(letter: str) -> bool:
    """Whether a letter is of a script that is written without spaces, or with words glued to each other."""
    code = ord(letter)
    return code >= 0x0E00 and any(first <= code <= last for first, last in _UNSPACED)


@lru_cache(maxsize=65_536)
def _is_mark(letter: str) -> bool:
    return letter >= "\u0900" and unicodedata.category(letter)[0] == "M"


def is_composing(sign: str) -> bool:
    """Whether a character may be a part of a letter that is written in parts, so that it is not folded by itself."""
    return "\u1100" <= sign <= "\u11c2" or sign in "\u3099\u309a\uff9e\uff9f"


@lru_cache(maxsize=65_536)
def _cuts(sign: str) -> str:
    """Whether a character is apart from the tokens beside it ("apart"), opens one ("opens"), or goes on with what is before it."""
    letters = fold(sign)
    if letters == " " and sign not in SIGNS:
        return "apart"
    if sign in SIGNS or is_composing(sign):
        return ""
    return "opens" if letters and is_unspaced(letters[0]) and not _is_mark(letters[0]) else "goes on" if letters else ""


def is_cut(text: str, at: int) -> bool:
    """Whether no token reaches over a place in a text, and nothing before it matters behind it, in either reading."""
    left, right = _cuts(text[at - 1]), _cuts(text[at])
    return left == "apart" or right == "apart" or (right == "opens" and left != "")


class Run(NamedTuple):
    """One letter of a token, written ``size`` times side by side."""

    letter: str
    size: int
    start: int
    end: int
    """Where it stands, from the beginning of its chunk."""
    opens: bool
    """Whether a token begins with it."""
    least: int
    """``size``; 1 in an emphasised token, where a letter that is repeated may stand for any number up to ``size``."""
    may_be_leet: bool
    """Whether its token has a true letter, so that a digit or a sign in it stands for one without more."""


_Chunk = tuple[tuple[Run, ...], str, tuple[int, ...]]
"""The runs of what stands between separators of ASCII, their letters for the screen, the first run of each of these."""


class Folded:
    """A text as chunks of runs, and for the screen as ``loose``. Runs are put side by side only where they are looked at."""

    __slots__ = ("_bases", "_chunks", "_letters_before", "_runs_before", "loose")

    def __init__(self, text: str, signed: bool = False) -> None:
        self._bases: list[int] = []
        self._chunks: list[_Chunk] = []
        self._runs_before: list[int] = []
        self._letters_before: list[int] = []
        loose = ""
        before = 0
        for match in (_SIGNED_CHUNK if signed else _CHUNK).finditer(text):
            word = match[0]
            chunk = _kept_runs_of(word, signed) if len(word) <= _LONGEST_KEPT else _runs_of(word, signed)
            runs, letters, _ = chunk
            if not letters:
                continue
            self._bases.append(match.start())
            self._chunks.append(chunk)
            self._runs_before.append(before)
            before += len(runs)
            same = (
                loose[-1:] == letters[0]
            )  # then one letter for the screen stands for the last of one and the first of the other
            self._letters_before.append(len(loose) - same)
            loose += letters[1:] if same else letters
        self._runs_before.append(before)
        self.loose = loose

    def start(self, at: int) -> int:
        """Where a run begins in the text."""
        chunk = bisect_right(self._runs_before, at) - 1
        return self._bases[chunk] + self._chunks[chunk][0][at - self._runs_before[chunk]].start

    def end(self, at: int) -> int:
        chunk = bisect_right(self._runs_before, at) - 1
        return self._bases[chunk] + self._chunks[chunk][0][at - self._runs_before[chunk]].end

    def runs(self, first: int, end: int) -> list[Run]:
        """The runs from one to before another."""
        return self.beside(first, end)[0][first - self._runs_before[bisect_right(self._runs_before, first) - 1] :][
            : end - first
        ]

    def beside(self, first: int, end: int) -> tuple[list[Run], int]:
        """The runs of the chunks in which those from ``first`` to before ``end`` stand, and the number of the first of them."""
        low = bisect_right(self._runs_before, first) - 1
        high = bisect_left(self._runs_before, end, low)
        return [run for runs, _, _ in self._chunks[low:high] for run in runs], self._runs_before[low]

    def runs_at(self, letter: int) -> tuple[int, int]:
        """The runs that a letter of ``loose`` stands for: the first, and the one after the last."""
        return self._first(letter), self._first(letter + 1) if letter + 1 < len(self.loose) else self._runs_before[-1]

    def _first(self, letter: int) -> int:
        chunk = bisect_right(self._letters_before, letter) - 1
        while chunk and self._letters_before[chunk] == letter and self._last_letter(chunk - 1) == letter:
            chunk -= 1  # its first letter is the last of the chunk before
        return self._runs_before[chunk] + self._chunks[chunk][2][letter - self._letters_before[chunk]]

    def _last_letter(self, chunk: int) -> int:
        return self._letters_before[chunk] + len(self._chunks[chunk][2]) - 1


def parts_of(text: str) -> Iterator[tuple[str, int, int]]:
    """What the text is folded to, character by character, with its place; letters written in parts are put together first."""
    if not _COMPOSED_FIRST.search(text):
        yield from ((fold(sign), at, at + 1) for at, sign in enumerate(text))
        return
    behind = 0
    for match in _COMPOSED_FIRST.finditer(text):
        yield from ((fold(text[at]), at, at + 1) for at in range(behind, match.start()))
        whole = unicodedata.normalize("NFKC", match[0])
        if len(whole) == 1:
            yield fold(whole), match.start(), match.end()
        else:
            yield from ((fold(text[at]), at, at + 1) for at in range(match.start(), match.end()))
        behind = match.end()
    yield from ((fold(text[at]), at, at + 1) for at in range(behind, len(text)))


def tokens_of(text: str, signed: bool = False) -> list[list[tuple[str, int, int]]]:
    """Letters with their places, token by token. ``signed``: signs beside letters are letters."""
    tokens: list[list[tuple[str, int, int]]] = []
    apart = True
    counted = counted_signs(text) if signed else frozenset()
    for letters, start, end in parts_of(text):
        if start in counted:
            letters = text[start]
        if letters == " ":
            apart = True
            continue
        for letter in letters:
            glued = is_unspaced(letter)
            if apart or ((glued or is_unspaced(tokens[-1][-1][0])) and not _is_mark(letter)):
                tokens.append([])
            apart = False
            tokens[-1].append((letter, start, end))
    return tokens


def counted_signs(text: str) -> frozenset[int]:
    """Where a sign stands that the second reading takes for a letter: beside a letter, a digit or such a sign.

    Those that end sentences and cells stand for a letter only before one.
    """
    if SIGNS.isdisjoint(text) or (text.isascii() and not _SIGN_BESIDE.search(text)):
        return frozenset()
    counted, beside = set(), False
    for at in range(len(text) - 1, -1, -1):
        if text[at] not in SIGNS:
            folded = fold(text[at])
            beside = folded != " " if folded else beside
        elif beside:
            counted.add(at)
    beside = False
    for at, sign in enumerate(text):
        if sign not in SIGNS:
            folded = fold(sign)
            beside = folded != " " if folded else beside
        elif beside and sign not in PUNCTUATION:
            counted.add(at)
        else:
            beside = at in counted
    return frozenset(counted)


def is_emphasised(runs: Sequence[tuple[str, int]]) -> bool:
    """Whether a token repeats a letter three times or more, or doubles two side by side."""
    repeated = [0 if letter in LEET or is_unspaced(letter) else size for letter, size in runs]
    return any(size >= 3 for size in repeated) or any(min(pair) >= 2 for pair in pairwise(repeated))


def _runs_of(text: str, signed: bool = False) -> _Chunk:
    runs: list[Run] = []
    for token in tokens_of(text, signed):
        groups: list[list[tuple[str, int, int]]] = []
        for unit in token:
            if groups and groups[-1][0][0] == unit[0]:
                groups[-1].append(unit)
            else:
                groups.append([unit])
        emphasised = is_emphasised([(group[0][0], len(group)) for group in groups])
        true = any(group[0][0] not in LEET for group in groups)
        for at, group in enumerate(groups):
            least = 1 if emphasised else len(group)
            runs.append(Run(group[0][0], len(group), group[0][1], group[-1][2], at == 0, least, true))
    letters = "".join(run.letter for run in runs).translate(SAME)
    firsts = [at for at, letter in enumerate(letters) if not at or letters[at - 1] != letter]
    return tuple(runs), "".join(letters[at] for at in firsts), tuple(firsts)


_kept_runs_of = lru_cache(maxsize=8_192)(_runs_of)
"""Words come again: those met last are kept, which is most of them."""


def runs_of(text: str) -> list[Run]:
    """A short text as runs, with their places in it."""
    return list(_runs_of(text)[0])
