"""Invented names in eight scripts, each with the Latin spelling that some other country's officer would write, by rule.

A part of a name (a given name, a family name) is put together from sounds, stems, roots or characters; its Latin
spelling follows one of the ways of writing in use (passport, English, German, French, Wade-Giles, Cantonese, Hepburn,
Kunrei and so on) with the freedoms that people take. Nobody here exists. Building blocks are shared out by their hash:
whoever learns from one share has seen no stem, root, character or syllable of a part of another.
"""
# ruff: noqa: E501 - word lists read best as one line a list

from __future__ import annotations

import hashlib
import random
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

SCRIPTS = ("cyrillic", "greek", "arabic", "hebrew", "katakana", "han", "hangul", "latin")
SHARES = ("learn", "learn", "learn", "tune", "test")


@dataclass(frozen=True, slots=True)
class Spelt:
    """One name of two parts, as its bearer writes it (``native``) and as somebody abroad did (``latin``).

    ``sound``: both parts as plain sounds; two names with one equal part sound there alike to any reader of Latin.
    ``way``: the way of writing that was followed.
    """

    native: str
    latin: str
    sound: tuple[str, str]
    script: str
    way: str


@dataclass(frozen=True, slots=True)
class _Part:
    """A part: its native form, its plain sound, and how a way of writing spells it."""

    native: str
    sound: str
    spell: Callable[[random.Random, str], str]


def spelt(chance: random.Random, script: str, share: str) -> Spelt:
    """A name of ``script`` from the building blocks of ``share`` (``learn``, ``tune`` or ``test``)."""
    way = _way(chance, script)
    return _spelt(chance, script, way, *(_part(chance, script, share, way, family) for family in (False, True)))


def namesake(chance: random.Random, script: str, share: str, *, nearest_of: int = 1) -> tuple[Spelt, Spelt]:
    """Two names that share one part and differ in the other, in sound too.

    ``nearest_of``: so many are drawn for the other part, and the one whose sound is most like the first's is taken.
    """
    way, family = _way(chance, script), chance.random() < 0.5
    mine, shared = _part(chance, script, share, way, family), _part(chance, script, share, way, not family)
    drawn: list[_Part] = []
    while len(drawn) < nearest_of:
        other = _part(chance, script, share, way, family)
        if other.sound != mine.sound:
            drawn.append(other)
    other = max(drawn, key=lambda part: Levenshtein.normalized_similarity(part.sound, mine.sound))
    pairs = ((shared, mine), (shared, other)) if family else ((mine, shared), (other, shared))
    one, two = (_spelt(chance, script, way, *pair) for pair in pairs)
    return one, two


def _way(chance: random.Random, script: str) -> str:
    if script == "latin":
        other = chance.choice([one for one in SCRIPTS if one != "latin"])
        return f"{other} {chance.choices(*_WAYS[other])[0]}"
    return chance.choices(*_WAYS[script])[0]


def _part(chance: random.Random, script: str, share: str, way: str, family: bool) -> _Part:
    if script == "latin":
        script, way = way.split()
        other = _part(chance, script, share, way, family)
        again = way if script == "katakana" else chance.choices(*_WAYS[script])[0]
        return _Part(other.spell(chance, again).capitalize(), other.sound, lambda inner, _: other.spell(inner, way))
    if script == "cyrillic":
        return _cyrillic(chance, share, _RU_FAMILY if family else _RU_GIVEN)
    if script == "greek":
        return _greek(chance, share, _EL_FAMILY if family else _EL_GIVEN)
    if script == "katakana":
        return _foreign(chance, share) if way == "foreign" else _japanese(chance, share, chance.choice((3, 4)))
    if script == "han":
        return _chinese(chance, share, _FAMILY_SYLLABLES if family else _GIVEN_SYLLABLES)
    if script == "hangul":
        return _korean(chance, share, family)
    patterns = {"arabic": (_AR_GIVEN, _AR_FAMILY), "hebrew": (_HE_GIVEN, _HE_FAMILY)}[script]
    return _semitic(chance, script, share, patterns[family])


def _spelt(chance: random.Random, script: str, way: str, given: _Part, family: _Part) -> Spelt:
    first, last = given.spell(chance, way).capitalize(), family.spell(chance, way).capitalize()
    if script in ("han", "hangul"):
        native = family.native + given.native
    elif script == "katakana":
        native = f"{given.native}・{family.native}" if way == "foreign" else f"{family.native} {given.native}"
    else:
        native = f"{given.native} {family.native}"
    order = chance.random()
    family_first = 0.45 if script in ("han", "hangul") else 0.2
    latin = (
        f"{first} {last}"
        if order >= family_first + 0.05
        else f"{last} {first}"
        if order < family_first
        else f"{last}, {first}"
    )
    return Spelt(native, latin, (given.sound, family.sound), script, way)


def _in_share(block: str, share: str) -> bool:
    return SHARES[hashlib.sha256(block.encode()).digest()[0] % 5] == share


def _of(blocks: Sequence[str], share: str) -> tuple[str, ...]:
    return tuple(block for block in blocks if _in_share(block, share))


def _drawn(chance: random.Random, make: Callable[[], str], share: str) -> str:
    while not _in_share(block := make(), share):
        pass
    return block


def _replaced(text: str, table: Sequence[tuple[str, str]]) -> str:
    for old, new in table:
        text = re.sub(old, new, text)
    return text


# --- Cyrillic: stems of invented syllables; four countries' ways and two of Ukraine -------------------------------

_RU = {
    letter: row.split("/")
    for letter, row in (
        pair.split(":")
        for pair in (
            "а:a/a/a/a б:b/b/b/b в:v/v/w/v г:g/g/g/g д:d/d/d/d е:e/e/e/e ё:yo/e/jo/io ж:zh/zh/sch/j з:z/z/s/z и:i/i/i/i й:y/i/j/i "
            "к:k/k/k/k л:l/l/l/l м:m/m/m/m н:n/n/n/n о:o/o/o/o п:p/p/p/p р:r/r/r/r с:s/s/s/s т:t/t/t/t у:u/u/u/ou ф:f/f/f/f х:kh/kh/ch/kh "
            "ц:ts/ts/z/ts ч:ch/ch/tsch/tch ш:sh/sh/sch/ch щ:shch/shch/schtsch/chtch ъ:/ie// ы:y/y/y/y ь:/// э:e/e/e/e ю:yu/iu/ju/iou я:ya/ia/ja/ia "
            "і:i/i/i/i ї:yi/i/ji/i є:ye/ie/je/ie ґ:g/g/g/g"
        ).split()
    )
}  # fmt: skip
_RU_COLUMN = {"english": 0, "passport": 1, "german": 2, "french": 3}
_RU_ONSETS = "б бр в вл г гл гр д др ж з зв к кл кр л м мл н п пл пр р с ск см сн ст стр т тр ф х хл ц ч ш щ ".split(
    " "
)
_RU_VOWELS = "а а о о е е и и у я ю ы".split()
_RU_CODAS = ["", "", "", "н", "р", "л", "ль", "м", "т", "с", "к", "д", "нь", "й", "ст", "ш", "ч"]
_RU_FAMILY = "ов ев ин енко ский ова ева ина ская ук юк ич ец ян дзе швили ко ий ых".split()
_RU_GIVEN = "ий слав мир ан ей ил он ия ина ана слава ена ся ша ай им ел ар ья".split()


def _ru_stem(chance: random.Random) -> str:
    length = chance.choice((1, 1, 2))
    stem = "".join(
        chance.choice(_RU_ONSETS) + chance.choice(_RU_VOWELS) + (chance.choice(_RU_CODAS) if at == length - 1 else "")
        for at in range(length)
    )
    return stem if len(stem) > 2 else stem + "мл"


def _cyrillic(chance: random.Random, share: str, endings: Sequence[str]) -> _Part:
    stem = _drawn(chance, lambda: _ru_stem(chance), share)
    stem = stem.rstrip("ьй") + (chance.choice("бвгдзклмнпрст") if stem[-1] in "аоеиуяюы" else "")
    word = stem + chance.choice(endings)
    if chance.random() < 0.2:
        word = word.replace("и", chance.choice("иі")).replace("е", chance.choice("еє"))
    return _Part(word.capitalize(), _letters(word), lambda inner, way: _ru_spell(inner, word, way))


def _letters(word: str) -> str:
    return "".join(_RU[letter][0] for letter in word)


def _ru_spell(chance: random.Random, word: str, way: str) -> str:
    ukrainian = way == "ukrainian"
    column = _RU_COLUMN.get(way, 0)
    text = ""
    for at, letter in enumerate(word):
        new = _RU[letter][column]
        before = word[at - 1] if at else ""
        if ukrainian and letter in "ги":
            new = {"г": "h", "и": "y"}[letter]
        if letter == "е" and (not before or before in "аоеиуыюяьй") and way in ("english", "german"):
            new = {"english": "ye", "german": "je"}[way]
        if (
            letter == "с"
            and way in ("german", "french")
            and before in "аоеиуыюя"
            and word[at + 1 : at + 2] in tuple("аоеиуыюя")
        ):
            new = "ss"
        text += new
    free = chance.random
    if free() < 0.5:
        text = re.sub("(iy|ii|yy|ij)$", chance.choice(("y", "i", "iy", "ii")), text)
    if free() < 0.3:
        text = text.replace("ks", "x")
    if free() < 0.2:
        text = text.replace("kh", "h")
    if free() < 0.12:
        text = re.sub("[vw]$", chance.choice(("ff", "w", "v")), text)
    if free() < 0.1:
        text = text.replace("ya", "ia").replace("yu", "iu")
    if free() < 0.08:
        text = text.replace("k", "c")
    return text


# --- Greek -------------------------------------------------------------------------------------------------------

_EL = [
    ("ου", "ou/u/ou"), ("αυ", "av/af/au"), ("ευ", "ev/ef/eu"), ("αι", "ai/e/ae"), ("ει", "ei/i/i"), ("οι", "oi/i/oe"),
    ("γγ", "ng/ng/gg"), ("γκ", "gk/g/gk"), ("γχ", "nch/nh/gch"), ("μπ", "mp/b/mp"), ("ντ", "nt/nd/nt"), ("τσ", "ts/ts/ts"), ("τζ", "tz/tz/dz"),
    *((letter, row) for letter, row in (pair.split(":") for pair in (
        "α:a/a/a β:v/v/b γ:g/gh/g δ:d/dh/d ε:e/e/e ζ:z/z/z η:i/i/e θ:th/th/th ι:i/i/i κ:k/k/c λ:l/l/l μ:m/m/m ν:n/n/n ξ:x/ks/x ο:o/o/o π:p/p/p "
        "ρ:r/r/r σ:s/s/s ς:s/s/s τ:t/t/t υ:y/i/y φ:f/f/ph χ:ch/h/ch ψ:ps/ps/ps ω:o/o/o"
    ).split())),
]  # fmt: skip
_EL_TABLE = {native: row.split("/") for native, row in _EL}
_EL_COLUMN = {"elot": 0, "heard": 1, "learned": 2}
_EL_ONSETS = "β γ δ ζ θ κ λ μ ν ξ π ρ σ τ φ χ ψ κλ κρ πλ πρ στ στρ τρ φρ χρ δρ θρ γρ μπ ντ γκ τσ βλ".split()
_EL_VOWELS = "α α α ε ε ι ι ο ο ω η υ ου ευ αυ ει αι οι".split()
_EL_FAMILY = "όπουλος ίδης ιάδης άκης έλης άκος άτος ίτης ούσης ινός έας όγλου ης ου άκη ίδου".split()
_EL_GIVEN = "ιος ης ας ος ία ίνα ούλα άνθη ώνη αίος ίων ία ή ω".split()


def _greek(chance: random.Random, share: str, endings: Sequence[str]) -> _Part:
    def stem() -> str:
        middle = "".join(chance.choice(_EL_ONSETS) + chance.choice(_EL_VOWELS) for _ in range(chance.choice((1, 1, 2))))
        return chance.choice(("", "", "α", "ε", "ι", "ο")) + middle + chance.choice("βγδζθκλμνπρστφχ")

    word = _drawn(chance, stem, share) + chance.choice(endings)
    plain = "".join(c for c in unicodedata.normalize("NFD", word) if c != "\u0301")
    return _Part(
        word.capitalize(),
        _el_spell(random.Random(0), plain, "elot", 0),
        lambda inner, way: _el_spell(inner, plain, way),
    )


def _el_spell(chance: random.Random, word: str, way: str, freedom: float = 0.25) -> str:
    text, at = "", 0
    while at < len(word):
        step = 2 if word[at : at + 2] in _EL_TABLE else 1
        row = _EL_TABLE[word[at : at + step]]
        new = row[_EL_COLUMN[way]] if chance.random() >= freedom else chance.choice(row)
        if not at and word[:2] in ("μπ", "ντ", "γκ") and way != "learned":
            new = {"μπ": "b", "ντ": "d", "γκ": "g"}[word[:2]]
        text, at = text + new, at + step
    if freedom and chance.random() < 0.2:
        text = re.sub("(?<=[aeio])s(?=[aeiou])", "ss", text)
    return text


# --- Arabic and Hebrew: a root of three letters in a pattern; short vowels are heard and not written ----------------

_AR = {
    letter: row.split("/")
    for letter, row in (
        pair.split(":")
        for pair in (
            "ب:b/b/b ت:t/t/t ث:th/th/s ج:j/dj/g ح:h/h/h خ:kh/kh/kh د:d/d/d ذ:dh/dh/z ر:r/r/r ز:z/z/z س:s/ss/s ش:sh/ch/sh ص:s/s/s ض:d/dh/d ط:t/t/t ظ:z/dh/z "
            "ع:/a/ غ:gh/gh/gh ف:f/f/f ق:q/k/k ك:k/k/k ل:l/l/l م:m/m/m ن:n/n/n ه:h/h/h و:w/ou/w ي:y/y/y"
        ).split()
    )
}  # fmt: skip
_AR_COLUMN = {"english": 0, "french": 1, "heard": 2}
_AR_ROOT = "ببتجحححخددررررسسسشصضطععغففققككلللممممنننههوي"
# 1 2 3: the root's letters, doubled ones twice; A I U long vowels (written), a i u short ones (not written), w y glides.
_AR_GIVEN = "1A2i3 1a2I3 1a22A3 ma12U3 mu1a22i3 mu12i3 1u2ay3 a12a3 1a23An 1i2A3 1A2i3a_ 1a2I3a_ 1u23a_ i12A3 1a2a3 1i2a3A_".split()
_AR_FAMILY = "1A2i3 1a22A3 1a2I3 ma12U3 1a2a3I 1a22U3 1a23I 1A2i3I mu1A2i3 1a23An 1u2ay3I 1a2A3 ma1A2i3".split()
_HE = {
    letter: row.split("/")
    for letter, row in (
        pair.split(":")
        for pair in (
            "א:// ב:b/b/b ג:g/g/g ד:d/d/d ה:h/h/h ז:z/z/s ח:h/ch/kh ט:t/t/t כ:k/k/c ל:l/l/l מ:m/m/m נ:n/n/n ס:s/s/ss ע:// פ:p/p/p צ:ts/tz/z ק:k/k/q ר:r/r/r ש:sh/sh/sch ת:t/t/th ו:v/v/w י:y/y/j"
        ).split()
    )
}  # fmt: skip
_HE_COLUMN = {"english": 0, "usual": 1, "old": 2}
_HE_ROOT = "אבבגדדהזחחטכלללממננסעפצקרררששתת"
_HE_GIVEN = "1a2a3 1e2e3 1o2e3 1a2I3 1i23a_ 1a2i3El 1i2a3 1a23On 1u2I3 1a2a3ya_ 1o2I3 a2i3 1e23a_ 1a2I3a_ ma1a2 ye1e2 O1a3 1i2I3".split()
_HE_FAMILY = "1a2a3I 1a22a3 1o2e3 1a2i3On 1i23On ma12I3 1u23I 1e2e3 1a2a3 1a23Osh 1a2I3I ma1a2I 1a23An 1o23I".split()
_FINAL = str.maketrans("כמנפצ", "ךםןףץ")


def _semitic(chance: random.Random, script: str, share: str, patterns: Sequence[str]) -> _Part:
    arabic = script == "arabic"
    letters = _AR_ROOT if arabic else _HE_ROOT

    def root() -> str:
        while len(set(drawn := "".join(chance.choice(letters) for _ in range(3)))) < 3:
            pass
        return drawn

    block, pattern = _drawn(chance, root, share), chance.choice(patterns)
    prefix = ("ال" if arabic else "") if patterns is _AR_FAMILY and chance.random() < 0.5 else ""
    native = prefix + _native_of(block, pattern, arabic)
    sound = _semitic_spell(random.Random(0), block, pattern, prefix, "english", arabic, 0)
    return _Part(native, sound, lambda inner, way: _semitic_spell(inner, block, pattern, prefix, way, arabic, 0.3))


def _native_of(root: str, pattern: str, arabic: bool) -> str:
    text, before = "", ""
    for place, mark in enumerate(pattern):
        if mark in "123" and mark != before:
            text += root[int(mark) - 1]
        elif mark == "A":
            text += "ا" if arabic else "א" if pattern[place + 1 :] == "n" and root[2] in "הע" else ""
        elif mark == "E":
            text += "א"
        elif mark == "I":
            text += "ي" if arabic else "י"
        elif mark in "UO":
            text += "و" if arabic else "ו"
        elif mark == "_":
            text += "ة" if arabic else "ה"
        elif mark in "aiu" and not place:
            text += ("أ" if mark == "a" else "إ") if arabic else "א"
        elif mark in "mnlyswh":
            text += (
                {"m": "م", "n": "ن", "l": "ل", "y": "ي", "w": "و"}[mark]
                if arabic
                else {"m": "מ", "n": "נ", "l": "ל", "y": "י", "s": "ש"}.get(mark, "")
            )
        elif not arabic and mark in "ou" and place == 1:
            text += "ו"
        before = mark
    return text if arabic or text[-1] not in "כמנפצ" else text[:-1] + text[-1].translate(_FINAL)


def _semitic_spell(
    chance: random.Random, root: str, pattern: str, prefix: str, way: str, arabic: bool, freedom: float
) -> str:
    table, column = (_AR, _AR_COLUMN[way]) if arabic else (_HE, _HE_COLUMN[way])
    long = {"A": "a", "I": "i", "U": "ou" if way == "french" else "u", "E": "e", "O": "o", "_": ""}
    if freedom and chance.random() < freedom:
        long |= {
            "A": chance.choice(("a", "aa")),
            "I": chance.choice(("i", "ee", "y")),
            "U": chance.choice(("u", "oo", "ou")),
        }
    short = {"a": "a", "i": "i", "u": "ou" if way == "french" else "u"}
    if freedom and chance.random() < freedom and arabic:
        short |= {"a": chance.choice("ae"), "i": chance.choice("ie"), "u": chance.choice("uo")}
    double = not freedom or chance.random() < 0.7
    text = ""
    for place, mark in enumerate(pattern):
        if mark in "123":
            letter = root[int(mark) - 1]
            again = place and pattern[place - 1] == mark
            row = table[letter]
            new = row[column] if chance.random() >= freedom / 2 else chance.choice(row)
            if not arabic and place and not again and letter in "בפכ" and pattern[place + 1 : place + 2] != mark:
                new = {"ב": "v", "פ": "f", "כ": chance.choice(("kh", "ch"))}[letter]
            if arabic and letter == "س" and (not place or place == len(pattern) - 1):
                new = "s"
            text += new[:1] if again and double else "" if again else new
        else:
            text += long.get(mark, short.get(mark, mark))
    if pattern.endswith("a_") and freedom and chance.random() < 0.35:
        text += "h"
    text = re.sub(r"^a(?=[aeiou])|(?<=[aeiou])(?=[aeiou]{3})", "", text)
    if prefix:
        joint = "" if not freedom else chance.choice(("al-", "al", "el-", "el ", "al ", "al", ""))
        text = joint + text
    return text


# --- Katakana: Japanese names by moras, and foreign ones as they are heard ------------------------------------------

_KANA = {
    "a": "アイウエオ", "k": "カキクケコ", "s": "サシスセソ", "t": "タチツテト", "n": "ナニヌネノ", "h": "ハヒフヘホ", "m": "マミムメモ", "y": "ヤ_ユ_ヨ", "r": "ラリルレロ", "w": "ワ____",
    "g": "ガギグゲゴ", "z": "ザジズゼゾ", "d": "ダヂヅデド", "b": "バビブベボ", "p": "パピプペポ",
}  # fmt: skip
_MORAS = tuple(
    (kana, ("" if row == "a" else row) + vowel)
    for row, kanas in _KANA.items()
    for kana, vowel in zip(kanas, "aiueo", strict=True)
    if kana not in "_ヂヅ" and row != "p"
)
_HEPBURN = (
    ("si", "shi"),
    ("ti", "chi"),
    ("tu", "tsu"),
    ("hu", "fu"),
    ("zi", "ji"),
    ("sy", "sh"),
    ("ty", "ch"),
    ("zy", "j"),
)
# Sounds of foreign names: Latin spellings, and the kana by the vowel that follows (a i u e o), or alone.
_HEARD = (
    "b:b:バビブベボ:ブ d:d:ダディドゥデド:ド f:f/ph:ファフィフフェフォ:フ g:g/gh:ガギグゲゴ:グ h:h:ハヒフヘホ: j:j/g:ジャジジュジェジョ:ジ k:k/c/ck:カキクケコ:ク l:l/ll:ラリルレロ:ル "
    "m:m:マミムメモ:ム n:n/nn:ナニヌネノ:ン p:p:パピプペポ:プ r:r/rr:ラリルレロ:ル s:s/ss:サシスセソ:ス sh:sh/sch:シャシシュシェショ:シュ t:t/tt:タティトゥテト:ト "
    "th:th:サシスセソ:ス v:v/w:ヴァヴィヴヴェヴォ:ヴ w:w/wh:ワウィウウェウォ: z:z/s:ザジズゼゾ:ズ ch:ch/tch:チャチチュチェチョ:チ y:y/j:ヤイユイェヨ: kw:qu:クワクィクゥクェクォ:"
)  # fmt: skip
_FOREIGN = {
    sound: (latin.split("/"), kana, alone) for sound, latin, kana, alone in (one.split(":") for one in _HEARD.split())
}
_FOREIGN_VOWELS = {"a": ("a", "ア", 0, ""), "i": ("i/y", "イ", 1, ""), "u": ("u/oo", "ウ", 2, ""), "e": ("e", "エ", 3, ""), "o": ("o", "オ", 4, ""),
    "ee": ("ee/ie/i/ea", "イー", 1, "ー"), "ar": ("ar/er/ah", "アー", 0, "ー"), "or": ("or/aw/au", "オー", 4, "ー"), "ai": ("i/ai/ei", "アイ", 0, "イ"), "ei": ("a/ay/ai", "エイ", 3, "イ"), "ou": ("o/ow/oa", "オー", 4, "ー"), "oo": ("oo/u", "ウー", 2, "ー")}  # fmt: skip
_BEFORE = "b d f g k p t s sh th".split()


def _japanese(chance: random.Random, share: str, longest: int) -> _Part:
    """Moras; a small one after i, a doubled consonant, a closing n and a long o, as names have them."""

    def block() -> str:
        return chance.choice(_MORAS)[0] + chance.choice(_MORAS)[0]

    table = dict(_MORAS)
    kana, plain = "", ""
    for at in range(max(1, longest // 2)):
        pair = _drawn(chance, block, share)
        for mora in pair:
            kana, plain = kana + mora, plain + table[mora]
        if at == 0 and chance.random() < 0.12 and plain[-1] == "i" and plain[-2:-1] not in ("", *"aiueo"):
            vowel = chance.choice("auo")
            kana, plain = kana + {"a": "ャ", "u": "ュ", "o": "ョ"}[vowel], plain[:-1] + "y" + vowel
        if chance.random() < 0.12 and plain[-1] == "o":
            kana, plain = kana + "ウ", plain + "="
        if chance.random() < 0.12:
            kana, plain = kana + "ン", plain + "n'"
        elif at == 0 and longest > 3 and chance.random() < 0.06:
            kana, plain = kana + "ッ", plain + "+"
    kana, plain = kana.rstrip("ッ"), plain.rstrip("+")
    return _Part(kana, _replaced(_doubled(plain), [("=|'", "")]), lambda inner, way: _ja_spell(inner, plain, way))


def _doubled(plain: str) -> str:
    return re.sub(r"\+(.)", r"\1\1", plain).replace("+", "")


def _ja_spell(chance: random.Random, plain: str, way: str) -> str:
    text = _doubled(plain)
    if way != "kunrei":
        text = _replaced(text, _HEPBURN).replace("cch", "tch")
    text = text.replace("=", chance.choice(("", "", "u", "h", "o")))
    if way == "hepburn" and chance.random() < 0.4:
        text = re.sub("n'?(?=[bpm])", "m", text)
    return re.sub(r"shy", "sh", text.replace("'", "")).replace("chy", "ch").replace("jy", "j")


def _foreign(chance: random.Random, share: str) -> _Part:
    def syllable() -> str:
        return f"{chance.choice(list(_FOREIGN))} {chance.choice(list(_FOREIGN_VOWELS))}"

    sounds: list[tuple[str, str, str]] = []
    for _ in range(chance.choice((1, 2, 2))):
        onset, vowel = _drawn(chance, syllable, share).split()
        before = (
            chance.choice(_BEFORE)
            if onset in "lr" and chance.random() < 0.4
            else "s"
            if onset in "ptk" and chance.random() < 0.2
            else ""
        )
        sounds.append((before, onset, vowel))
    coda = chance.choice(("", "n", "n", "t", "k", "s", "l", "d", "m", "nd", "st", "lt", "rt", "ks"))
    kana, plain = "", ""
    for before, onset, vowel in sounds:
        if before:
            kana, plain = kana + _FOREIGN[before][2], plain + before
        rows = re.findall(r".[ァィゥェォャュョ]?", _FOREIGN[onset][1])
        kana += rows[_FOREIGN_VOWELS[vowel][2]] + _FOREIGN_VOWELS[vowel][3]
        plain += onset + vowel
    for letter in coda:
        kana += "ー" if letter == "r" else _FOREIGN[letter][2]
    if kana.endswith(("ト", "ク")) and len(coda) == 1 and kana[-2] not in "ーイン":
        kana = kana[:-1] + "ッ" + kana[-1]

    def spell(inner: random.Random, way: str) -> str:
        text = ""
        for before, onset, vowel in sounds:
            text += (
                before
                + inner.choice(_FOREIGN[onset][0][: 1 if not text else None])
                + inner.choice(_FOREIGN_VOWELS[vowel][0].split("/"))
            )
        return text + {"ks": inner.choice(("x", "ks", "cks"))}.get(coda, coda)

    return _Part(kana, plain + coda, spell)


# --- Chinese: pinyin, Wade-Giles by rule, Cantonese as Hong Kong writes it --------------------------------------------

_HAN_FAMILY = (
    "王wang/wong 李li/lee 张zhang/cheung 刘liu/lau 陈chen/chan 杨yang/yeung 黄huang/wong 赵zhao/chiu 吴wu/ng 周zhou/chow 徐xu/tsui 孙sun/suen 马ma/ma 朱zhu/chu 胡hu/wu 郭guo/kwok 何he/ho 林lin/lam "
    "高gao/ko 罗luo/law 郑zheng/cheng 梁liang/leung 谢xie/tse 宋song/sung 唐tang/tong 许xu/hui 韩han/hon 冯feng/fung 邓deng/tang 曹cao/cho 彭peng/pang 曾zeng/tsang 萧xiao/siu 田tian/tin 董dong/tung 袁yuan/yuen 潘pan/poon "
    "蒋jiang/cheung 蔡cai/choi 余yu/yu 杜du/to 叶ye/yip 程cheng/ching 苏su/so 魏wei/ngai 吕lü/lui 丁ding/ting 任ren/yam 沈shen/shum 姚yao/yiu 卢lu/lo 姜jiang/keung 崔cui/chui 钟zhong/chung 谭tan/tam 陆lu/luk 汪wang/wong "
    "范fan/fan 金jin/kam 石shi/shek 廖liao/liu 贾jia/ka 夏xia/ha 韦wei/wai 方fang/fong 白bai/pak 邹zou/chau 孟meng/mang 熊xiong/hung 秦qin/chun 邱qiu/yau 江jiang/kong 尹yin/wan 薛xue/sit 段duan/tuen 雷lei/lui 侯hou/hau "
    "龙long/lung 史shi/sze 陶tao/to 黎li/lai 贺he/ho 顾gu/koo 毛mao/mo 龚gong/kung 邵shao/siu 万wan/man 钱qian/chin 严yan/yim 武wu/mo 戴dai/tai 莫mo/mok 孔kong/hung 汤tang/tong 欧阳ouyang/auyeung 司徒situ/szeto"
)
_HAN_GIVEN = (
    "明ming/ming 华hua/wah 国guo/kwok 文wen/man 志zhi/chi 伟wei/wai 建jian/kin 强qiang/keung 军jun/kwan 平ping/ping 玉yu/yuk 秀xiu/sau 英ying/ying 芳fang/fong 敏min/man 静jing/ching 丽li/lai 娟juan/kuen 霞xia/ha 红hong/hung "
    "梅mei/mui 兰lan/lan 燕yan/yin 玲ling/ling 小xiao/siu 晓xiao/hiu 家jia/ka 嘉jia/ka 俊jun/chun 杰jie/kit 浩hao/ho 宇yu/yu 子zi/tsz 思si/sze 雨yu/yu 欣xin/yan 怡yi/yi 慧hui/wai 雪xue/suet 美mei/mei 婷ting/ting 琳lin/lam "
    "雅ya/nga 天tian/tin 永yong/wing 成cheng/shing 德de/tak 海hai/hoi 光guang/kwong 东dong/tung 春chun/chun 生sheng/sang 荣rong/wing 福fu/fuk 祥xiang/cheung 学xue/hok 庆qing/hing 宏hong/wang 振zhen/chun 世shi/sai 安an/on "
    "启qi/kai 耀yao/yiu 辉hui/fai 健jian/kin 凯kai/hoi 瑞rui/sui 佳jia/kai 诗shi/sze 颖ying/wing 琪qi/kei 珊shan/shan 倩qian/sin 洁jie/kit 莹ying/ying 月yue/yuet 云yun/wan 风feng/fung 山shan/shan 松song/chung 柏bai/pak "
    "竹zhu/chuk 清qing/ching 泉quan/chuen 心xin/sum 仁ren/yan 义yi/yee 礼li/lai 信xin/shun 忠zhong/chung 孝xiao/hau 勇yong/yung 胜sheng/shing 利li/lee 富fu/fu 贵gui/kwai 旭xu/yuk 阳yang/yeung 晨chen/san 毅yi/ngai 恒heng/hang "
    "新xin/san 正zheng/ching 立li/lap 达da/tat 远yuan/yuen 博bo/pok 智zhi/chi 勤qin/kan 超chao/chiu 越yue/yuet 飞fei/fei 鹏peng/pang 鸿hong/hung 斌bin/pan 波bo/bo 涛tao/to 磊lei/lui 洋yang/yeung 峰feng/fung 龙long/lung 凤feng/fung "
    "冰bing/ping 彬bin/ban 昌chang/cheung 传chuan/chuen 丹dan/tan 登deng/tang 帆fan/fan 芬fen/fan 刚gang/kong 根gen/kan 桂gui/kwai 汉han/hon 豪hao/ho 鹤he/hok 虎hu/fu 怀huai/wai 欢huan/foon 焕huan/woon 惠hui/wai 基ji/kei 吉ji/kat "
    "继ji/kai 剑jian/kim 娇jiao/kiu 京jing/king 晶jing/ching 景jing/king 菊ju/kuk 开kai/hoi 康kang/hong 克ke/hak 坤kun/kwan 乐le/lok 莲lian/lin 良liang/leung 亮liang/leung 满man/moon 茂mao/mau 民min/man 木mu/muk 宁ning/ning "
    "培pei/pui 佩pei/pui 朋peng/pang 其qi/kei 奇qi/kei 群qun/kwan 如ru/yu 瑶yao/yiu 森sen/sum 尚shang/sheung 少shao/siu 淑shu/suk 树shu/shu 双shuang/sheung 顺shun/shun 素su/so 泰tai/tai 同tong/tung 桐tong/tung 维wei/wai "
    "希xi/hei 喜xi/hei 贤xian/yin 先xian/sin 湘xiang/sheung 兴xing/hing 星xing/sing 杏xing/hang 雄xiong/hung 轩xuan/hin 彦yan/yin 艳yan/yim 业ye/yip 一yi/yat 益yi/yik 银yin/ngan 友you/yau 元yuan/yuen 源yuan/yuen 悦yue/yuet "
    "跃yue/yeuk 泽ze/chak 兆zhao/siu 哲zhe/chit 珍zhen/chun 真zhen/chun 政zheng/ching 之zhi/chi 致zhi/chi 中zhong/chung 仲zhong/chung 卓zhuo/cheuk 宗zong/chung 祖zu/cho"
)
_WADE_INITIALS = (("^zh", "J"), ("^ch", "C"), ("^b", "p"), ("^d", "t"), ("^g(?!h)", "k"), ("^q(?=i|u|ü)", "C"), ("^j", "J"), ("^x", "hs"), ("^z", "ts"), ("^c", "ts"), ("^r", "j"), ("J|C", "ch"))  # fmt: skip
_WADE_FINALS = (("ong$", "ung"), ("ian$", "ien"), ("(?<=[nljqxy])ue$", "üeh"), ("(?<=[dtnlkhgr])uo$", "o"), ("ie$", "ieh"), ("ye$", "yeh"), ("(?<=[kgh])e$", "o"), ("yan$", "yen"), ("you$", "yu"), ("(?<=^zh|^ch|^sh)i$", "ih"), ("^ri$", "rih"), ("^(z|c|s)i$", r"\1zu"), ("(?<=[kg])ui$", "uei"))  # fmt: skip


def _syllables(table: str) -> dict[str, tuple[str, str]]:
    found = (re.match(r"([^a-zü]+)([a-zü]+)/([a-z]+)", one) for one in table.split())
    return {one[1]: (one[2], one[3]) for one in found if one}


_FAMILY_SYLLABLES, _GIVEN_SYLLABLES = _syllables(_HAN_FAMILY), _syllables(_HAN_GIVEN)


def _chinese(chance: random.Random, share: str, table: dict[str, tuple[str, str]]) -> _Part:
    known = _of(sorted(table), share)
    two = table is _GIVEN_SYLLABLES and chance.random() < 0.85
    chars = [chance.choice(known) for _ in range(2 if two else 1)]
    pairs = [table[char] for char in chars]
    return _Part(
        "".join(chars), " ".join(pinyin for pinyin, _ in pairs), lambda inner, way: _zh_spell(inner, pairs, way)
    )


def _zh_spell(chance: random.Random, pairs: Sequence[tuple[str, str]], way: str) -> str:
    if way == "pinyin":
        joint = chance.choices(("", " ", "-"), (70, 15, 15))[0]
        return joint.join(pinyin for pinyin, _ in pairs).replace("ü", chance.choice(("u", "v", "yu")))
    if way == "wade":
        return chance.choice(("-", " ", "-")).join(wade(pinyin) for pinyin, _ in pairs)
    return chance.choice((" ", "-", " ")).join(cantonese for _, cantonese in pairs)


def wade(pinyin: str) -> str:
    """A syllable of pinyin as Wade and Giles wrote it, without marks, as it stands in passports of Taiwan."""
    ending = _replaced(pinyin, _WADE_FINALS)
    return _replaced(ending, _WADE_INITIALS).replace("ü", "u")


# --- Korean: Hangul taken apart into its letters ---------------------------------------------------------------------

_KO_ONSETS = "g/k kk n d/t tt r/l m b/p pp s ss  j/ch jj ch k t p h".split(" ")
_KO_VOWELS = (
    "a ae/ai ya yae eo/u/o e yeo/you/yu ye o wa wae oe/oi yo u/oo/woo wo/weo we wi yu/yoo eu/u ui/eui i/ee".split()
)
_KO_CODAS = " k k k n n n t l k m l l l p l m p p t t ng t t k t p t".split(" ")
_KO_FAMILY = "김:gim/kim/kim 이:i/yi/lee 박:bak/pak/park 최:choe/choe/choi 정:jeong/chong/jung 강:gang/kang/kang 조:jo/cho/cho 윤:yun/yun/yoon 장:jang/chang/jang 임:im/im/lim 한:han/han/han 오:o/o/oh 서:seo/so/suh 신:sin/sin/shin 권:gwon/kwon/kwon 황:hwang/hwang/hwang 안:an/an/ahn 송:song/song/song 류:ryu/yu/ryoo 전:jeon/chon/jun 홍:hong/hong/hong 고:go/ko/koh 문:mun/mun/moon 양:yang/yang/yang 손:son/son/sohn 배:bae/pae/bae 백:baek/paek/paik 허:heo/ho/hur 유:yu/yu/yoo 남:nam/nam/nam 심:sim/sim/shim 노:no/no/roh 하:ha/ha/ha 곽:gwak/kwak/kwak 성:seong/song/sung 차:cha/cha/cha 주:ju/chu/joo 우:u/u/woo 구:gu/ku/koo 민:min/min/min 진:jin/chin/jin 지:ji/chi/jee 엄:eom/om/um 채:chae/chae/chai 원:won/won/won 천:cheon/chon/chun 방:bang/pang/bang 공:gong/kong/kong 현:hyeon/hyon/hyun 함:ham/ham/hahm 변:byeon/pyon/byun 염:yeom/yom/yum 여:yeo/yo/yuh 추:chu/chu/choo 도:do/to/doh 소:so/so/soh 석:seok/sok/suk 선:seon/son/sun 설:seol/sol/sul 마:ma/ma/mah 길:gil/kil/gil 연:yeon/yon/yun 위:wi/wi/wee 표:pyo/pyo/pyo 명:myeong/myong/myung 기:gi/ki/kee 반:ban/pan/bahn 왕:wang/wang/wang 금:geum/kum/keum 옥:ok/ok/ock 육:yuk/yuk/yook 맹:maeng/maeng/maeng 제:je/che/jeh 모:mo/mo/moh 탁:tak/tak/tahk 국:guk/kuk/kook 은:eun/un/eun 편:pyeon/pyon/pyun 용:yong/yong/yong".split()
_KO_GIVEN = "가 강 건 경 광 규 근 기 나 남 다 대 도 동 라 로 리 만 명 무 문 미 민 병 보 빈 상 서 석 선 설 성 세 소 수 숙 순 승 시 신 아 안 연 영 예 오 완 용 우 원 유 윤 은 의 이 인 일 자 재 정 제 종 주 준 중 지 진 찬 창 채 철 태 하 한 해 현 혁 형 혜 호 홍 화 환 효 훈 휘 희".split()


def _korean(chance: random.Random, share: str, family: bool) -> _Part:
    if family:
        native, _, ways = chance.choice(_of(_KO_FAMILY, share)).partition(":")
        revised, mccune, usual = ways.split("/")
        return _Part(native, revised, lambda inner, way: {"revised": revised, "mccune": mccune, "usual": usual}[way])
    chars = [chance.choice(_of(_KO_GIVEN, share)) for _ in range(2)]
    sound = " ".join(_ko_spell(random.Random(0), char, "revised", False) for char in chars)

    def spell(inner: random.Random, way: str) -> str:
        joint = inner.choices(("", "-", " "), (45, 35, 20))[0]
        return joint.join(_ko_spell(inner, char, way, at > 0) for at, char in enumerate(chars))

    return _Part("".join(chars), sound, spell)


def _ko_spell(chance: random.Random, char: str, way: str, inside: bool) -> str:
    place = ord(char) - 0xAC00
    onset, vowel, coda = (
        _KO_ONSETS[place // 588].split("/"),
        _KO_VOWELS[place // 28 % 21].split("/"),
        _KO_CODAS[place % 28],
    )
    if way == "revised":
        return onset[0] + vowel[0] + coda
    if way == "mccune":
        return onset[0 if inside else -1] + {"eo": "o", "eu": "u", "yeo": "yo"}.get(vowel[0], vowel[0]) + coda
    return chance.choice((onset[0], onset[0], onset[-1])) + chance.choice(vowel) + coda


_WAYS: dict[str, tuple[list[str], list[int]]] = {
    "cyrillic": (["english", "passport", "german", "french", "ukrainian"], [35, 30, 12, 11, 12]),
    "greek": (["elot", "heard", "learned"], [45, 30, 25]),
    "arabic": (["english", "french", "heard"], [45, 25, 30]),
    "hebrew": (["english", "usual", "old"], [45, 40, 15]),
    "katakana": (["hepburn", "kunrei", "foreign"], [40, 10, 50]),
    "han": (["pinyin", "wade", "cantonese"], [65, 20, 15]),
    "hangul": (["revised", "mccune", "usual"], [30, 20, 50]),
}
