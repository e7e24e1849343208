"""Japanese names in characters, read as kana where a dictionary of names knows one reading.

Characters alone do not tell how a name is read: 大山 is Oyama in Japan and Dashan in China. A name is taken as Japanese where
one of its words, of two characters or more, is a family name of the dictionary (SudachiDict, Apache 2.0) and the other is no
family name of one character, as Chinese ones are. A word with several readings stays as it is written, and counts as unread.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sudachipy import Dictionary

_CHARACTERS = re.compile("[\u3400-\u4dbf\u4e00-\u9fff々]+")
_JAPANESE = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff々]+")
_TWO = re.compile("[\u3400-\u4dbf\u4e00-\u9fff々]{2}")
_ELSEWHERE = frozenset(
    "王李张張刘劉陈陳杨楊黄黃赵趙周吴吳徐孙孫马馬朱胡郭何高林罗羅郑鄭梁谢謝宋唐许許韩韓冯馮邓鄧曹彭曾肖田董袁潘于蒋蔣蔡余杜叶葉"
    "程苏蘇魏吕呂丁任沈姚卢盧姜崔钟鍾谭譚陆陸汪范金石廖贾賈夏韦韋付方白邹鄒孟熊秦邱江尹薛段雷侯龙龍史陶黎贺賀顾顧毛郝邵万萬武钱錢戴"
)
"""Common Chinese and Korean family names of one character: what begins with one and has no space may be either."""
FAMILY, GIVEN = "姓", "名"


_as_written: ContextVar[bool] = ContextVar("opencets_names_as_written", default=False)


@contextmanager
def as_written() -> Iterator[None]:
    """Inside, no name is read: for a model that was learned from names before they were."""
    token = _as_written.set(True)
    try:
        yield
    finally:
        _as_written.reset(token)


def in_kana(name: str) -> str:
    """The name with those of its words in katakana that a Japanese reader would read in one way; others as they stand."""
    return name if _as_written.get() else _read(name)


@lru_cache(maxsize=1 << 16)
def _read(name: str) -> str:
    if not _TWO.search(name):
        return name
    words = name.split()
    if len(words) == 1:
        words = _cut(words[0])
    if len(words) != 2 or not all(map(_JAPANESE.fullmatch, words)) or not any(map(_is_family, words)):
        return name
    if any(len(word) == 1 and _readings(word)[FAMILY] for word in words):
        return name
    kinds = [{FAMILY, GIVEN}] * 2
    if _is_family(words[0]) != _is_family(words[1]):
        kinds = [{FAMILY} if _is_family(word) else {GIVEN} for word in words]
    read = [_reading(word, kind) or word for word, kind in zip(words, kinds, strict=True)]
    return " ".join(read) if read != words else name


def has_characters(text: str) -> bool:
    """Whether Chinese characters stand in it: ``in_kana`` leaves a name without them as it is."""
    return _CHARACTERS.search(text) is not None


def _cut(word: str) -> list[str]:
    """A name written without a space: family name of two or three characters, then a given name; uncut where that is not clear."""
    if not 3 <= len(word) <= 6 or (len(word) == 3 and word[0] in _ELSEWHERE):
        return [word]
    cuts = [
        [word[:at], word[at:]]
        for at in (2, 3)
        if at < len(word)
        and _is_family(word[:at])
        and (_readings(word[at:])[GIVEN] or not _CHARACTERS.match(word[at:]))
    ]
    return cuts[0] if len(cuts) == 1 else [word]


def _is_family(word: str) -> bool:
    return len(word) >= 2 and bool(_readings(word)[FAMILY])


def _reading(word: str, kinds: set[str]) -> str:
    """The one reading of a word as a name of these kinds, or nothing; of two that differ in one voiced sound the first."""
    if not _CHARACTERS.search(word):
        return word
    found = sorted(frozenset().union(*(_readings(word)[kind] for kind in kinds)))
    near = found and all(
        len(found[0]) == len(other) and sum(map(str.__ne__, found[0], other)) <= 1 for other in found[1:]
    )
    return found[0] if near else ""


@lru_cache(maxsize=1 << 14)
def _readings(word: str) -> dict[str, frozenset[str]]:
    """How the dictionary reads a word as a family name and as a given one, in katakana."""
    found: dict[str, set[str]] = {FAMILY: set(), GIVEN: set()}
    if _CHARACTERS.search(word):
        for one in _dictionary().lookup(word):
            kind = one.part_of_speech()
            if kind[2] == "人名" and kind[3] in found:
                found[kind[3]].add(one.reading_form())
    return {kind: frozenset(readings) for kind, readings in found.items()}


@cache
def _dictionary() -> Dictionary:
    """Mapped into memory from the package; opened in 30 ms, at the first name that needs it."""
    from sudachipy import Dictionary

    return Dictionary(dict="small")
