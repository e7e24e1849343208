"""Names in any script compared: learned steps between letters, parts in any order, initials, pet names; the weakest part decides.

Two spellings of one name differ by how a language is written down: `خالد` is kh-a-l-d on paper and Khaled or Khalid
abroad. ``anyascii`` gives each script's letters; which Latin letters stand for them was learned from pairs
(``opencets.resolving.train_names``) and ships as ``models/names-1.json``. Nothing here says that two people are one: it
says how well two writings agree.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
import yaml
from anyascii import anyascii

from opencets.errors import ActRefused

SCRIPTS = ("cyrillic", "greek", "arabic", "hebrew", "katakana", "han", "hangul", "latin")
_RANGES = (
    (0x0370, 0x03FF, "greek"), (0x1F00, 0x1FFF, "greek"), (0x0400, 0x052F, "cyrillic"), (0x0590, 0x05FF, "hebrew"),
    (0x0600, 0x06FF, "arabic"), (0x0750, 0x077F, "arabic"), (0x3040, 0x30FF, "katakana"), (0x31F0, 0x31FF, "katakana"),
    (0x3400, 0x4DBF, "han"), (0x4E00, 0x9FFF, "han"), (0xAC00, 0xD7A3, "hangul"),
)  # fmt: skip
_NOT_NAMES = frozenset(
    "mr mrs ms miss dr prof sir herr frau bin ibn ben bar abu al el de van von der den da di".split()
)
_TWO_SYLLABLES = frozenset(
    "欧阳 歐陽 司徒 司马 司馬 诸葛 諸葛 上官 夏侯 慕容 皇甫 东方 東方 남궁 독고 사공 선우 제갈 황보".split()
)
"""Family names of two characters; every other one written without a space is read as one character."""
_SYLLABIC = ("han", "hangul", "katakana")
_PART = re.compile(r"[^\W\d_]+(?:[-'’`ʼ.・־][^\W\d_]+)*\.?", re.UNICODE)
_MOST_PARTS = 4


@dataclass(frozen=True, slots=True, eq=False)
class NameForm:
    """A name ready to compare.

    ``parts``: ASCII, a capital where a word or a syllable begins. ``short``: one bit for each group of pet names that a
    part stands in; the lowest bit marks an initial. ``bare``: the same name without Arabic articles that stand joined
    to a Latin part, where there are any. ``whole``: with words that elsewhere are titles and particles, such as De and Ben,
    where there are any: in a Chinese, Korean or Japanese name they are part of it.
    """

    text: str
    script: str
    parts: tuple[str, ...]
    letters: np.ndarray
    plain: np.ndarray
    starts: np.ndarray
    short: np.ndarray
    bare: NameForm | None = None
    whole: NameForm | None = None


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well two writings of names agree.

    ``probability``: that a pair agreeing like this is one name, among pairs of which half are and half share a part.
    ``weakest``: what the weakest pair of parts reaches of all that its letters can weigh, less 0.08 for each part on
    one side only; 1 is full agreement, 0 what two random words reach. ``bits``: the weight of all pairs together.
    ``pairs``: which parts stood beside which. ``why``: one sentence for people.
    """

    probability: float
    weakest: float
    bits: float
    pairs: tuple[tuple[str, str], ...]
    alone: int
    model: str

    @property
    def why(self) -> str:
        """The parts side by side, for example "khld - khaled, hsyn - hussein; one part stands on one side only"."""
        told = ", ".join(one if one == other else f"{one} - {other}" for one, other in self.pairs)
        return told + ("" if not self.alone else f"; {self.alone} more on one side only")


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """What was learned of one way of writing: weights of steps in hundredths of a bit, and each letter's own bits."""

    one: np.ndarray
    two_one: np.ndarray
    one_two: np.ndarray
    two_two: np.ndarray
    lost: np.ndarray
    gained: np.ndarray
    left_bits: np.ndarray
    right_bits: np.ndarray

    def tables(self) -> tuple[np.ndarray, ...]:
        """The arrays in the order in which the compiled loop takes them."""
        return (
            self.one, self.two_one, self.one_two, self.two_two, self.lost, self.gained, self.left_bits, self.right_bits,
        )  # fmt: skip

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Where steps of two letters were learned: of two on the left (1: to one, 2: to two), of two on the right (1)."""
        left = np.zeros(self.two_one.shape[:2], np.uint8)
        left[(self.two_one > NEVER).any(axis=2)] += 1
        left[(self.two_two > NEVER).any(axis=(2, 3))] += 2
        right = np.zeros(self.one_two.shape[1:], np.uint8)
        right[(self.one_two > NEVER).any(axis=0)] = 1
        return left, right

    def reach(self) -> np.ndarray:
        """The most that a letter on the left can add to the weight beside one on the right, in whichever step.

        Of a step that two letters on the left share each adds half. Nothing is added below 0.
        """
        wide = np.maximum(self.one_two.max(axis=2), self.one_two.max(axis=1))
        shared = np.maximum(self.two_one, np.maximum(self.two_two.max(axis=3), self.two_two.max(axis=2)))
        half = shared.max(axis=1).copy()
        half[: shared.shape[1]] = np.maximum(half[: shared.shape[1]], shared.max(axis=0))
        # What stands on the right alone must not add either, or no letter on the left would bound it.
        assert self.gained.max() <= 0, "a letter gained speaks for two names"
        alone = np.maximum(np.maximum(self.one, wide), self.lost[:, None])
        reach: np.ndarray = np.maximum(0, np.maximum(alone, (half + 1) // 2)).astype(np.int32)
        return reach


@dataclass(frozen=True, slots=True)
class Script:
    """The ways in which a script is written abroad, each with its own steps: whoever writes a name follows one of them.

    ``even``: the agreement, in hundredths, at which a pair is as probably one name as not; ``slope``: how many bits of
    odds each hundredth more adds.
    """

    ways: tuple[Steps, ...]
    even: float
    slope: float

    def probability(self, weakest: int) -> float:
        """The calibrated probability of an agreement in hundredths, never 0 or 1."""
        return float(1 / (1 + 2.0 ** -max(-13.0, min(13.0, self.slope * (weakest - self.even)))))


@dataclass(frozen=True, slots=True)
class NameModel:
    """What was learned of each script. ``trained`` says on what and how."""

    name: str
    trained: str
    scripts: Mapping[str, Script]

    def compare(self, left: str | NameForm, right: str | NameForm) -> Agreement | None:
        """How well two names agree, or None where one of them has no letters. Left and right may be exchanged."""
        one, other = (form(side) if isinstance(side, str) else side for side in (left, right))
        if not one.parts or not other.parts:
            return None
        if (one.script == "latin", one.text) > (other.script == "latin", other.text):
            one, other = other, one
        script = self.scripts[one.script if other.script == "latin" else "latin"]
        best = max((arrange(one, other, steps) for steps in script.ways), key=lambda way: way[:2])
        pairs = tuple(
            ("".join(one.parts[a : a + m]).lower(), "".join(best.other.parts[b : b + n]).lower())
            for a, m, b, n in best.rows
        )
        probability = script.probability(best.weakest)
        return Agreement(probability, best.weakest / 100, best.weight / 100, pairs, best.alone, self.name)


class Arrangement(NamedTuple):
    """The best way to put the parts of two names side by side, in hundredths; see ``aligned.compare``.

    ``rows``: (start, length, start, length) of the parts beside each other; ``other``: the form that was compared.
    """

    weakest: int
    weight: int
    alone: int
    rows: list[list[int]]
    other: NameForm


def arrange(one: NameForm, other: NameForm, steps: Steps) -> Arrangement:
    """The parts of two names side by side; an Arabic name is also compared without the other's joined articles."""
    if one.script in _SYLLABIC and other.whole is not None:
        other = other.whole
    found = _arranged(one, other, steps)
    if one.script == "arabic" and other.bare is not None:
        bare = _arranged(one, other.bare, steps)
        return max(found, bare, key=lambda way: way[:2])
    return found


def _arranged(one: NameForm, other: NameForm, steps: Steps) -> Arrangement:
    from opencets.resolving import aligned

    rows = np.full((aligned.PARTS, 4), -1, np.int64)
    weakest, weight, alone = aligned.compare(
        one.letters, one.starts, one.short, other.plain, other.starts, other.short, *steps.tables(),
        aligned.SEGMENTATIONS, aligned.SEGMENTS, aligned.ORDERS, aligned.ORDER_COUNTS, rows,
    )  # fmt: skip
    return Arrangement(int(weakest), int(weight), int(alone), [row for row in rows.tolist() if row[0] >= 0], other)


@lru_cache(maxsize=20_000)
def form(name: str) -> NameForm:
    """``name`` ready to compare: titles and particles gone, Chinese and Korean names cut behind the family name."""
    text = unicodedata.normalize("NFC", name)
    script = script_of(text)
    parts = _parts(text, script)
    bare = whole = None
    if script == "latin":
        said = _parts(text, script, dropping=False)
        whole = _form(text, script, said) if said != parts else None
        without = tuple(re.sub(r"^[AE]l(?=[a-z]{4})", "", part).capitalize() for part in parts)
        bare = _form(text, script, without) if without != parts else None
    return _form(text, script, parts, bare, whole)


def _form(
    text: str, script: str, parts: tuple[str, ...], bare: NameForm | None = None, whole: NameForm | None = None
) -> NameForm:
    written = "".join(parts).encode("ascii")
    codes = np.frombuffer(written, np.uint8)
    letters = np.where(codes >= 97, codes - 97, codes - 65 + 26).astype(np.int64)
    starts = np.cumsum([0, *map(len, parts)]).astype(np.int64)
    known = _nicknames()
    alphabetic = script not in _SYLLABIC
    short = np.array(
        [known.get(part.lower(), 0) | (1 if alphabetic and len(part) == 1 else 0) for part in parts], np.int64
    )
    return NameForm(text, script, parts, letters, letters % 26, starts, short, bare, whole)


def script_of(text: str) -> str:
    """The script of most letters; what is none of ``SCRIPTS`` counts as Latin, as ``anyascii`` writes it."""
    counts = dict.fromkeys(SCRIPTS, 0)
    for letter in text:
        if letter > "\u024f" and letter.isalpha():
            code = ord(letter)
            counts[next((name for first, last, name in _RANGES if first <= code <= last), "latin")] += 1
        elif letter.isalpha():
            counts["latin"] += 1
    return max(SCRIPTS, key=lambda name: counts[name])


def _parts(text: str, script: str, *, dropping: bool = True) -> tuple[str, ...]:
    joined = re.sub(r"\s+", "", text)
    if script in ("han", "hangul") and joined == text.strip() and 2 <= len(joined) <= 5:
        cut = 2 if joined[:2] in _TWO_SYLLABLES and len(joined) > 2 else 1
        written = [joined[:cut], joined[cut:]]
    else:
        written = [part for whole in _PART.findall(text) for part in _pieces(whole, script)]
    parts = [part for part in (_ascii(one, script) for one in written) if part]
    named = [part for part in parts if not dropping or part.lower() not in _NOT_NAMES] or parts
    return tuple(named if len(named) <= _MOST_PARTS else (*named[: _MOST_PARTS - 1], named[-1]))


_MARKS = re.compile("[\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]")
_ARABIC_PARTICLES = {"أبو": "Abu", "ابو": "Abu", "أبي": "Abu", "بن": "Bin", "ابن": "Ibn", "آل": "Al", "ال": "Al"}
_THAI_SILENT, _THAI_BEFORE = re.compile("[ก-ฮ][ิุ]?์"), re.compile("([เแโใไ])([ก-ฮ])")


def native_parts(piece: str, *, alone: bool = False) -> tuple[str, tuple[str, ...]]:
    """The script of one written word of a name, and the words in it as its table reads them.

    A Chinese or Korean name written without a space is cut behind the family name where it stands ``alone``; the Arabic
    article goes; what is Latin or in a script without a table stays as written. Thai vowels that are written before
    their consonant are put behind it, and letters marked as silent go.
    """
    text = unicodedata.normalize("NFC", piece)
    script = script_of(text)
    if script == "latin":
        return script, (_THAI_BEFORE.sub(r"\2\1", _THAI_SILENT.sub("", text)),)
    runs = re.findall(r"[^\W\d_]+", _MARKS.sub("", re.sub("['’`ʼ]", "", text)))
    if alone and script in ("han", "hangul") and len(runs) == 1 and 2 <= len(runs[0]) <= 5:
        cut = 2 if runs[0][:2] in _TWO_SYLLABLES and len(runs[0]) > 2 else 1
        runs = [runs[0][:cut], runs[0][cut:]]
    if script == "arabic":
        runs = [_ARABIC_PARTICLES.get(run) or re.sub(r"^ال(?=..)", "", run) for run in runs]
    return script, tuple(part for part in (_ascii(run, script) for run in runs) if part)


@cache
def ways_of_scripts() -> dict[str, tuple[tuple[tuple[np.ndarray, ...], ...], float]]:
    """Of each script the tables of its ways with their reach, and the agreement from which on two words count as one name."""
    return {
        name: (
            tuple((*steps.tables(), *steps.pairs(), steps.reach()) for steps in script.ways),
            script.even + math.log2(SPELT / (1 - SPELT)) / script.slope,
        )
        for name, script in load_names().scripts.items()
    }


SPELT = 0.8
"""From this probability on a word in another script and a Latin one count as one name."""


def spelt_alike(form: str, latin: str) -> bool:
    """Whether a word in another script ("arabic:Khld") and a Latin one ("khaled") agree by the learned steps."""
    from opencets.resolving.aligned import LETTERS, agreement

    script, _, letters = form.partition(":")
    ways, least = ways_of_scripts()[script]
    codes = np.frombuffer(letters.encode("ascii"), np.uint8)[:LETTERS]
    left = np.where(codes >= 97, codes - 97, codes - 39).astype(np.uint8)
    right = np.frombuffer(latin.encode("ascii"), np.uint8)[:LETTERS] - 97
    scores = np.empty((LETTERS + 2, LETTERS + 1), np.int64)
    return any(agreement(left, right, *tables, scores, least) >= least for tables in ways)


def _pieces(whole: str, script: str) -> list[str]:
    if script in ("katakana",):
        return whole.split("・")
    if script == "arabic":
        return [re.sub(r"^ال(?=...)", "", whole)]
    pieces = re.split(r"[-־]", whole)
    kept = [piece for piece in pieces if anyascii(piece).lower() not in _NOT_NAMES]
    return ["".join(kept)] if kept else pieces


def _ascii(part: str, script: str) -> str:
    plain = anyascii(part)
    if script in ("han", "hangul"):
        return re.sub(r"[^A-Za-z]", "", plain)
    letters = re.sub(r"[^a-z]", "", plain.lower())
    if script != "latin" and len(re.sub(r"\W", "", part)) == 1:
        letters = letters[:1]
    return letters.capitalize()


@cache
def _nicknames() -> dict[str, int]:
    text = resources.files(__package__).joinpath("nicknames.yaml").read_text("utf-8")
    found: dict[str, int] = {}
    for place, group in enumerate(yaml.safe_load(text)["groups"], 1):
        for name in group.split():
            found[name] = found.get(name, 0) | 1 << place
    return found


@cache
def load_names(name: str = "names-1") -> NameModel:
    """The shipped table of that name; raises ActRefused if there is none."""
    file = resources.files(__package__).joinpath("models", f"{name}.json")
    if not name.replace("-", "").isalnum() or not file.is_file():
        raise ActRefused(f"There is no table of name steps called {name!r}; shipped is names-1.")
    return names_from(json.loads(file.read_text("utf-8")))


UNSEEN, NEVER = -900, -1500
"""Weights of a step of one letter, and of two, that no pair of the training showed."""


def names_from(body: Mapping[str, Any]) -> NameModel:
    """The tables from their JSON form."""
    return NameModel(
        body["name"],
        body["trained"],
        {
            script: Script(
                tuple(_steps(way) for way in learned["ways"]),
                float(learned["even"]),
                float(learned["slope"]),
            )
            for script, learned in body["scripts"].items()
        },
    )


def empty_steps(left_bits: np.ndarray, right_bits: np.ndarray) -> Steps:
    """Steps nobody has seen yet."""
    left, right = len(left_bits), len(right_bits)
    return Steps(
        np.full((left, right), UNSEEN, np.int64),
        np.full((left, left // 2, right), NEVER, np.int64),
        np.full((left, right, right), NEVER, np.int64),
        np.full((left, left // 2, right, right), NEVER, np.int16),
        np.full(left, UNSEEN, np.int64),
        np.full(right, UNSEEN, np.int64),
        left_bits,
        right_bits,
    )


def _steps(learned: Mapping[str, Any]) -> Steps:
    steps = empty_steps(np.array(learned["left_bits"], np.int64), np.array(learned["right_bits"], np.int64))
    for step, weight in learned["steps"].items():
        left, _, right = step.partition(":")
        mine, theirs = ([_code(letter) for letter in side] for side in (left, right))
        table = steps.tables()[_KIND[len(mine), len(theirs)]]
        table[(*mine, *theirs)] = weight
    return steps


_KIND = {(1, 1): 0, (2, 1): 1, (1, 2): 2, (2, 2): 3, (1, 0): 4, (0, 1): 5}


def _code(letter: str) -> int:
    return ord(letter) - 97 if letter >= "a" else ord(letter) - 65 + 26
