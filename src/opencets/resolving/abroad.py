"""People whose names stand in two scripts: tables to learn from of names in eight scripts and as they are written abroad.

Half of the people share one part of the name with another one. Japanese names in characters, whose reading nobody can
tell from the characters alone, are among them. Nobody here exists.
"""

from __future__ import annotations

import random
from datetime import date, timedelta

from opencets.resolving.invented import Invented, birth_as_written, mistyped
from opencets.resolving.people import PersonRow
from opencets.resolving.spellings import SCRIPTS, Spelt, namesake, spelt

_CHARACTERS = (
    "山川田中村井上本木石原野藤佐高松林森島池橋谷水青白黒金新古"
    "長大小東西南北春夏秋冬光明美花子太郎一二三正和義信幸恵真直秀"
)
_UNREAD = 0.12
"""So many of the names are in characters that are read in many ways."""


def abroad(people: int, seed: int, share: str) -> Invented:
    """``people`` persons with one to four records each; names from the building blocks of ``share`` (see ``spellings``)."""
    chance = random.Random(f"{seed} {share}")
    rows: list[PersonRow] = []
    person_of: dict[str, int] = {}
    waiting: list[Spelt] = []
    for number in range(people):
        name = waiting.pop() if waiting else _name(chance, share, waiting)
        born = (date(1950, 1, 1) + timedelta(days=int(chance.triangular(0, 21_000, 13_000)))).isoformat()
        gender = chance.choice("mf")
        for copy in range(chance.choices((1, 2, 3, 4), (50, 32, 12, 6))[0]):
            record = f"a{len(rows):06d}"
            written = name.native if chance.random() < (0.6 if copy == 0 else 0.35) else name.latin
            if chance.random() < 0.12:
                written = mistyped(chance, written)
            rows.append(
                PersonRow(
                    record,
                    written,
                    date_of_birth=birth_as_written(chance, born),
                    gender=gender if chance.random() < 0.5 else "",
                )
            )
            person_of[record] = number
    chance.shuffle(rows)
    return Invented(tuple(rows), person_of)


def _name(chance: random.Random, share: str, waiting: list[Spelt]) -> Spelt:
    if chance.random() < _UNREAD:
        read = spelt(chance, "katakana", share)
        characters = ["".join(chance.choice(_CHARACTERS) for _ in range(chance.choice((1, 2, 2)))) for _ in "ab"]
        return Spelt(" ".join(characters), read.latin, read.sound, "han", "unread")
    script = chance.choice(SCRIPTS)
    if chance.random() < 0.5:
        return spelt(chance, script, share)
    one, other = namesake(chance, script, share)
    waiting.append(other)
    return one
