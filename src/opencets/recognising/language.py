"""The language of a text: by its script first, then by py3langid among the languages that are written in it.

A text gets no language rather than a guess: when it has too few letters, when no script holds most of them, when no language is
likely enough. Addresses and names of accounts in it do not count. A script that a single language is written in needs two letters.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

LEAST_PROBABILITY = 0.7
LEAST_LETTERS = 12
"""Of an alphabet; Han characters say more each (``LEAST_HAN``)."""
LEAST_HAN = 4
LEAST_OF_ONE = 2
LEAST_SHARE = 0.6
"""Of the letters, in one script."""
MOST_CHARACTERS = 2_000
"""A longer text is told by its beginning."""
_ADDRESS = re.compile(
    r"(?:https?://|www\.)\S{1,2000}|\S{0,64}@\S{1,254}|(?:[\w-]{1,63}\.){1,8}[a-z]{2,10}(?:/\S{0,2000})?"
)
_HAN = frozenset({"CJK", "HIRAGANA", "KATAKANA"})


@dataclass(frozen=True, slots=True)
class Language:
    """What a text is in. ``code`` is empty where it cannot be told; ``script`` is a word such as Latin, empty without letters."""

    code: str
    probability: float
    script: str


NONE = Language("", 0.0, "")


def language_of(text: str) -> Language:
    """The language of ``text`` with its probability among the languages of its script; without a code where it is not clear."""
    text = _ADDRESS.sub(" ", unicodedata.normalize("NFKC", text[:MOST_CHARACTERS]))
    scripts = Counter(_script(sign) for sign in text if sign.isalpha())
    letters = sum(scripts.values())
    if not letters:
        return NONE
    script, held = _most(scripts)
    label = {"CJK": "Han", "HIRAGANA": "Japanese"}.get(script, script.capitalize())
    candidates = _written_in(script)
    if not candidates or held < LEAST_SHARE * letters:
        return Language("", 0.0, label)
    if len(candidates) == 1:
        return Language(candidates[0] if held >= LEAST_OF_ONE else "", 1.0 if held >= LEAST_OF_ONE else 0.0, label)
    if held < (LEAST_HAN if script == "CJK" else LEAST_LETTERS):
        return Language("", 0.0, label)
    code, probability = _likeliest(text, frozenset(candidates))
    clear = probability >= LEAST_PROBABILITY and code in candidates
    return Language(code if clear else "", round(probability, 3) if clear else 0.0, label)


def names() -> dict[str, str]:
    """Every language that a text may be told to be in: code to English name, in the order of the names."""
    return dict(sorted(_table()["names"].items(), key=lambda entry: entry[1]))


def _most(scripts: Counter[str]) -> tuple[str, int]:
    """The script of most letters, and how many; Han together with kana is Japanese."""
    japanese = sum(scripts[one] for one in _HAN)
    if scripts["HIRAGANA"] + scripts["KATAKANA"] and japanese >= max(scripts.values()):
        return "HIRAGANA", japanese
    return scripts.most_common(1)[0]


@cache
def _table() -> dict[str, Any]:
    text = resources.files("opencets.recognising").joinpath("languages.yaml").read_text("utf-8")
    table: dict[str, Any] = yaml.safe_load(text)
    return table


@cache
def _written_in(script: str) -> tuple[str, ...]:
    table = _table()
    if script != "LATIN":
        return tuple(table["scripts"].get(script, ()))
    elsewhere = {code for codes in table["scripts"].values() for code in codes} - set(table["also_in_latin"])
    return (*(code for code in table["names"] if code not in elsewhere), table["none"])


@cache
def _script(sign: str) -> str:
    return unicodedata.name(sign, "UNKNOWN").split(" ", 1)[0]


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def model() -> str:
    """What told the languages: package and version, kept beside each result."""
    from importlib.metadata import version

    return f"py3langid {version('py3langid')}"


def _likeliest(text: str, candidates: frozenset[str]) -> tuple[str, float]:
    """The likeliest candidate and its share of all; varieties are counted with their language."""
    table = _table()
    under, none = table["under"], table["none"]
    found: Counter[str] = Counter()
    for code, probability in _identifier().rank(text):
        language = under.get(code, code)
        if language in candidates:
            found[language] += probability
    code, probability = max(found.items(), key=lambda entry: entry[1])
    return ("" if code == none else code), probability / (sum(found.values()) or 1.0)
