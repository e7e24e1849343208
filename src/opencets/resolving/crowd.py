"""Crowds: tables of invented people of any size that state only a name and a date of birth, badly written.

Names are put together from syllables in five scripts, as common and as rare as names are (a Zipf law), with the Latin
spellings a foreign officer would choose. Errors: letters mistyped, names cut off, initials, the family name first,
parts left out; dates missing, coarse, with day and month exchanged, a digit or the year wrong. Nobody here exists.
"""
# ruff: noqa: E501 - syllables read best as one line a list

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from opencets.resolving.people import PersonRow

SCRIPTS = ("latin", "cyrillic", "greek", "arabic", "kana")
_SHARES = (0.60, 0.12, 0.08, 0.12, 0.08)
_AT_ONCE = 100_000

# script: syllables, endings of given names, endings of family names; native:latin/latin where they differ
_PARTS: dict[str, tuple[str, str, str]] = {
    "latin": (
        "ber lin ha kol stei wal bro mar hol gru fal ro nor kar an pe sil cas mon du la ko no hor ves hal tho wi be da fe ga he jo ki le mi ne pa ri sa te va ye zo bri cla dre fri gle klo pra sven tri",
        "a e o us ia in el en is na ta ric bert mund ine ette",
        "mann son sen er ski ez et ley ford feldt qvist ova es ini berg dal wick field ham ton by strand hauser eaux",
    ),
    "cyrillic": (
        "ва:va ве:ve ви:vi во:vo га:ga ге:ge да:da ди:di до:do жа:zha/ja за:za зо:zo ка:ka ки:ki ко:ko ла:la ле:le лю:lyu/liu ма:ma ми:mi мо:mo на:na не:ne ни:ni па:pa пе:pe ро:ro ра:ra ри:ri са:sa се:se си:si та:ta те:te ти:ti ха:kha/ha хо:kho/ho ца:tsa/tza ча:cha че:che ша:sha/cha щу:shchu/schu яр:yar/iar юр:yur/iur",
        "а:a я:ya/ia й:y/i н:n р:r слав:slav сей:sey/sei мир:mir ра:ra",
        "ов:ov/off ев:ev/ew ин:in енко:enko/yenko ский:sky/skiy/ski ук:uk ич:ich/itch ных:nykh/nyh ова:ova ян:yan/ian",
    ),
    "greek": (
        "πα:pa πε:pe μα:ma μι:mi κα:ka κω:ko λα:la λε:le νι:ni νο:no ρα:ra ρι:ri σα:sa σο:so τα:ta τε:te φα:fa/pha φι:fi/phi χα:cha/ha χρι:chri/hri θε:the/te ζα:za γε:ge/ye γα:ga δη:di δα:da βα:va βε:ve ξε:xe/kse ψα:psa στα:sta κρι:kri",
        "ος:os ης:is ας:as α:a ία:ia νη:ni κος:kos",
        "όπουλος:opoulos ίδης:idis/ides άκης:akis έλης:elis ιάδης:iadis/iades άτος:atos έας:eas",
    ),
    "arabic": (
        "م:ma/mo/mu ح:ha ه:ha س:sa/su ل:la/li ي:ya ن:na/ne ر:ra/re ف:fa/fi خ:kha/ka ع:a ب:ba/be ك:ka/ke د:da/di ط:ta ق:qa/ka ص:sa ج:ja/ga ش:sha/cha ز:za و:wa/ou غ:gha/ga ث:tha/sa ت:ta/te",
        "د:d م:m ر:r ل:l ن:n س:s ة:a/ah ين:ine/een ان:an",
        "ي:i/y ان:an ين:een/in د:d ر:r ل:l م:m ب:b ف:f اوي:awi/aoui",
    ),
    "kana": (
        "ア:a イ:i ウ:u エ:e オ:o カ:ka キ:ki ク:ku ケ:ke コ:ko サ:sa シ:shi/si ス:su セ:se ソ:so タ:ta チ:chi/ti ツ:tsu/tu テ:te ト:to ナ:na ニ:ni ノ:no ハ:ha ヒ:hi フ:fu/hu ホ:ho マ:ma ミ:mi ム:mu モ:mo ヤ:ya ユ:yu ヨ:yo ラ:ra リ:ri ル:ru ワ:wa ガ:ga ギ:gi グ:gu ジ:ji/zi ダ:da デ:de ド:do バ:ba ブ:bu",
        "コ:ko ミ:mi オ:o キ:ki シ:shi/si ト:to タ:ta エ:e ケン:ken ジ:ji/zi",
        "タ:ta ダ:da ムラ:mura カワ:kawa モト:moto シマ:shima/sima ヤマ:yama ノ:no サキ:saki バヤシ:bayashi ウチ:uchi/uti",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Errors:
    """How often each error befalls a record."""

    letter: float = 0.08
    cut: float = 0.02
    initial: float = 0.02
    family_first: float = 0.15
    one_part: float = 0.01
    no_date: float = 0.05
    only_year: float = 0.02
    only_month: float = 0.02
    exchanged: float = 0.02
    digit: float = 0.03
    other_year: float = 0.01
    crossed: float = 0.01
    middle: float = 0.08


BADLY_WRITTEN = Errors(0.15, 0.04, 0.04, 0.25, 0.02, 0.12, 0.04, 0.03, 0.04, 0.06, 0.02, 0.02)
"""Three in ten names with a wrong letter, one date in eight missing."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Some rows of a table. ``person``: who each record is; ``script``: in which script its name stands."""

    full_name: list[str]
    date_of_birth: list[str]
    person: npt.NDArray[np.int64]
    script: npt.NDArray[np.int8]

    def rows(self) -> list[PersonRow]:
        """As rows, numbered from 0."""
        both = zip(self.full_name, self.date_of_birth, strict=True)
        return [PersonRow(f"{at:08d}", full_name=name, date_of_birth=born) for at, (name, born) in enumerate(both)]

    def true_pairs(self) -> npt.NDArray[np.int64]:
        """Every pair of records of one person, as two columns, the smaller row first."""
        order = np.argsort(self.person, kind="stable")
        held = self.person[order]
        found = []
        for apart in range(1, int(np.bincount(held).max(initial=1))):
            same = held[apart:] == held[:-apart]
            found.append(np.column_stack((order[:-apart][same], order[apart:][same])))
        return np.sort(np.concatenate(found), axis=1) if found else np.empty((0, 2), np.int64)


def crowd(records: int, seed: int, errors: Errors | None = None) -> Crowd:
    """About ``records`` rows of a small crowd, in random order."""
    parts = list(crowds(records, seed, errors))
    names = [name for part in parts for name in part.full_name]
    births = [born for part in parts for born in part.date_of_birth]
    mixed = np.random.default_rng([seed, 1]).permutation(len(names))
    return Crowd(
        [names[at] for at in mixed],
        [births[at] for at in mixed],
        np.concatenate([part.person for part in parts])[mixed],
        np.concatenate([part.script for part in parts])[mixed],
    )


def crowds(records: int, seed: int, errors: Errors | None = None) -> Iterator[Crowd]:
    """About ``records`` rows, some at a time; half of the people have one record, others two to four."""
    chance = np.random.default_rng([seed, 0])
    people = max(1, round(records / 1.74))
    for begin in range(0, people, _AT_ONCE):
        yield _some(chance, begin, min(_AT_ONCE, people - begin), errors or Errors())


@cache
def _pool(script: str, part: int, size: int) -> tuple[list[str], list[list[str]], npt.NDArray[np.float64]]:
    """Names of one script: the native forms, the Latin forms of each, and how the probability grows along them."""
    chance = np.random.default_rng([SCRIPTS.index(script), part])
    syllables, *ends = (_PARTS[script][at].split() for at in range(3))
    found: dict[str, list[str]] = {}
    while len(found) < size:
        count = 1 + int(chance.random() < (0.5 if part == 0 else 0.8)) + int(chance.random() < 0.2)
        if script in ("arabic", "kana"):
            count += 1
        chosen = [syllables[at] for at in chance.integers(0, len(syllables), count)]
        chosen.append(ends[part][int(chance.integers(len(ends[part])))])
        if script == "arabic" and part == 1 and chance.random() < 0.3:
            chosen.insert(0, "ال:al/el")
        native = "".join(one.partition(":")[0] for one in chosen)
        latin: list[str] = []
        for _ in range(6):
            spelt = ""
            for one in chosen:
                forms = (one.partition(":")[2] or one).split("/")
                spelt += forms[int(len(forms) * chance.random() ** 2)]
            if spelt.capitalize() not in latin:
                latin.append(spelt.capitalize())
        found.setdefault(native.capitalize(), latin[:4])
    # The commonest given name is borne by some three in a hundred, the commonest family name by one, as in registers.
    weight = 1 / (np.arange(size) + 8.0) ** (0.9 if part == 0 else 0.75)
    return list(found), list(found.values()), np.cumsum(weight / weight.sum())


def _some(chance: np.random.Generator, begin: int, people: int, errors: Errors) -> Crowd:
    script = chance.choice(5, people, p=_SHARES)
    draws = chance.random((people, 3))
    days = chance.triangular(0, 13_000, 21_000, people).astype(np.int64)
    copies = chance.choice([1, 2, 3, 4], people, p=[0.50, 0.32, 0.12, 0.06])
    pools = [(_pool(name, 0, 800 if at == 0 else 300), _pool(name, 1, 12_000 if at == 0 else 2_500)) for at, name in enumerate(SCRIPTS)]  # fmt: skip
    chosen = np.empty((people, 3), np.int64)
    for at, both in enumerate(pools):
        here = script == at
        for part in (0, 1, 2):
            chosen[here, part] = np.searchsorted(both[part % 2][2], draws[here, part])
    second = chance.random(people) < errors.middle
    who = np.repeat(np.arange(people), copies)
    first = np.r_[True, who[1:] != who[:-1]]
    count = who.size
    native = chance.random(count) < np.where(first, 0.6, 0.35)
    luck = chance.random((count, 10))
    places = chance.random((count, 6))
    born = (np.datetime64("1950-01-01") + days).astype(str)
    names, births, stands = [], [], script[who].astype(np.int8)
    for at, (person, own) in enumerate(zip(who.tolist(), native.tolist(), strict=True)):
        both, drawn, place = pools[script[person]], luck[at], places[at]
        parts = []
        for part in (0, 1):
            natives, latins, _ = both[part]
            name = chosen[person, part]
            spelt = natives[name] if own else latins[name][int(len(latins[name]) * place[part] ** 2)]
            if drawn[part] < errors.letter:
                spelt = _mistyped(spelt, place[2 + part], drawn[part] / errors.letter)
            elif drawn[part] < errors.letter + errors.cut and len(spelt) > 5:
                spelt = spelt[: 3 + int(place[2 + part] * (len(spelt) - 4))]
            parts.append(spelt)
        given, family = parts
        if drawn[2] < errors.initial:
            given = given[:1] + "."
        elif drawn[2] < errors.initial + errors.one_part:
            given = ""
        if second[person] and drawn[5] < 0.5:
            natives, latins, _ = both[0]
            name = chosen[person, 2]
            given = f"{given} {natives[name] if own else latins[name][0]}".strip()
        if drawn[3] < errors.family_first:
            names.append(
                f"{family}, {given}" if drawn[3] < errors.family_first / 2 and given else f"{family} {given}".strip()
            )
        else:
            names.append(f"{given} {family}".strip())
        births.append(_as_written(str(born[person]), drawn[4], place[4], errors))
        if not own:
            stands[at] = 0
    return Crowd(names, births, who + begin, stands)


def _as_written(born: str, drawn: float, place: float, errors: Errors) -> str:
    ways: tuple[tuple[float, Callable[[], str]], ...] = (
        (errors.no_date, lambda: ""),
        (errors.only_year, lambda: born[:4]),
        (errors.only_month, lambda: born[:7]),
        (errors.exchanged, lambda: f"{born[:4]}-{born[8:]}-{born[5:7]}" if born[8:] <= "12" else born),
        (errors.digit, lambda: _digit_wrong(born, place)),
        (errors.crossed, lambda: _digits_crossed(born, place)),
        (errors.other_year, lambda: f"{int(born[:4]) + (1 if place < 0.5 else -1)}{born[4:]}"),
    )
    for share, write in ways:
        if drawn < share:
            return write()
        drawn -= share
    return born


def _digit_wrong(born: str, place: float) -> str:
    at = (2, 3, 6, 9)[int(place * 4)]
    return f"{born[:at]}{(int(born[at]) + 1 + int(place * 997) % 8) % 10}{born[at + 1 :]}"


def _digits_crossed(born: str, place: float) -> str:
    at = (2, 5, 8)[int(place * 3)]
    return f"{born[:at]}{born[at + 1]}{born[at]}{born[at + 2 :]}"


def _mistyped(text: str, place: float, kind: float) -> str:
    if len(text) < 3:
        return text
    at = 1 + int(place * (len(text) - 2))
    if kind < 0.25:
        return text[:at] + text[at + 1 :]
    if kind < 0.5:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if kind < 0.75:
        return text[:at] + text[at] + text[at:]
    return text[:at] + text[int(kind * 997) % len(text)].lower() + text[at + 1 :]
