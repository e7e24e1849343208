"""The words of a text as they are kept for search, the same for what is kept and for what is asked.

Letters are folded (case, width, accents of alphabets, digits of every script), marks that only separate are gone. Scripts that are
written without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese, Tibetan) are cut into single characters: a query asks for
them in their order, side by side, so that any part of such a text is found.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from anyascii import anyascii

from opencets.values.writing import plain_digits

MOST_CHARACTERS = 20_000
MOST_ASKED = 8
"""Words of a query; what comes after them is left out."""
LONGEST = 60
_ALPHABETS_END = 0x0900
"""Below it stand alphabets whose accents a reader may drop (Latin, Greek, Cyrillic, Hebrew, Arabic); above, marks are letters."""
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "BOPOMOFO")
_APART = re.compile(r"[\s\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+")


def terms_of(text: str) -> str:
    """The words of a text with spaces between, folded; unspaced scripts character by character."""
    return " ".join(" ".join(word) for word in _words(text[:MOST_CHARACTERS]))


def query_of(words: str) -> str:
    """The words asked for in the form of PostgreSQL's ``to_tsquery``: all of them, each a beginning. Empty: nothing to ask."""
    asked = []
    for word in list(_words(words))[:MOST_ASKED]:
        *whole, last = (f"'{part}'" for part in word)
        asked.append("(" + " <-> ".join([*whole, last if len(word) > 1 else f"{last}:*"]) + ")")
    return " & ".join(asked)


def tokens_of(words: str) -> list[tuple[str, ...]]:
    """Each word asked for as it is kept: one part, or the characters of an unspaced script."""
    return list(_words(words))[:MOST_ASKED]


def _words(text: str) -> Iterator[tuple[str, ...]]:
    for word in _APART.split(_folded(text)):
        run: list[str] = []
        for part, unspaced in _parts(word):
            if unspaced:
                run.append(part)
                continue
            if run:
                yield tuple(run)
                run = []
            yield (part[:LONGEST],)
        if run:
            yield tuple(run)


def _parts(word: str) -> Iterator[tuple[str, bool]]:
    """A word's characters of unspaced scripts one by one with the marks they carry, and what stands between them as it is."""
    part, unspaced = "", False
    for sign in word:
        kind = unicodedata.category(sign)[0]
        if kind == "M":
            part += sign if part else ""
            continue
        if kind not in "LN":
            if part:
                yield part, unspaced
            part = ""
            continue
        alone = _is_unspaced(sign)
        if part and (alone or unspaced):
            yield part, unspaced
            part = ""
        part, unspaced = part + sign, alone
    if part:
        yield part, unspaced


def _folded(text: str) -> str:
    """Compatible forms, no accents on alphabets, Latin letters plain, lower case, digits 0-9."""
    kept, base = [], ""
    for sign in unicodedata.normalize("NFKD", text):
        if unicodedata.combining(sign):
            if base and ord(base) >= _ALPHABETS_END:
                kept.append(sign)
            continue
        base = sign
        kept.append(_plain_latin(sign) if sign >= "\x80" else sign)
    return plain_digits(unicodedata.normalize("NFC", "".join(kept)).casefold())


@cache
def _plain_latin(sign: str) -> str:
    return anyascii(sign) if unicodedata.name(sign, "").startswith("LATIN") else sign


@cache
def _is_unspaced(sign: str) -> bool:
    return sign >= "\u0e00" and unicodedata.name(sign, "").startswith(_UNSPACED)
