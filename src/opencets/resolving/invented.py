"""Invented people for training and measuring: several records of some of them, as different agencies write them.

Typing errors, missing fields, day and month exchanged, family name first, name parts left out, five scripts with the
romanisation that a foreign officer would write (not the one that our own romaniser makes). Nobody here exists;
addresses are of example domains, telephone numbers of ranges kept for fiction.
"""
# ruff: noqa: E501 - word lists read best as one line a list

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from opencets.resolving.people import PersonRow


@dataclass(frozen=True, slots=True)
class Invented:
    """``rows`` in random order; ``person_of``: who each record really is."""

    rows: tuple[PersonRow, ...]
    person_of: dict[str, int]

    def true_pairs(self) -> set[tuple[str, str]]:
        """Every pair of records of one person, the smaller id first."""
        records: dict[int, list[str]] = {}
        for record, person in self.person_of.items():
            records.setdefault(person, []).append(record)
        return {(a, b) for held in records.values() for a in held for b in held if a < b}


# Native form and how it is written in Latin letters abroad, several ways where usage differs.
_CYRILLIC_GIVEN = (
    "Александр:Alexander/Aleksandr Дмитрий:Dmitry/Dmitri Сергей:Sergey/Sergei Наталья:Natalia/Natalya Юлия:Julia/Yulia "
    "Михаил:Mikhail/Michail Евгений:Evgeny/Yevgeni Ольга:Olga Татьяна:Tatiana/Tatyana Андрей:Andrey/Andrei Ксения:Ksenia/Xenia"
)
_CYRILLIC_STEM = "Кузнец:Kuznets Соколов:Sokolov Волж:Volzh Зимин:Zimin Лебед:Lebed Орлов:Orlov Гром:Grom Щербак:Shcherbak Яблоч:Yabloch Журав:Zhurav Белин:Belin Хохл:Khokhl"
_CYRILLIC_END = "ов:ov/off ин:in енко:enko ский:sky/skii ев:ev/ew"
_GREEK_GIVEN = "Γιώργος:Giorgos/Yorgos Δημήτρης:Dimitris Ελένη:Eleni/Helen Κατερίνα:Katerina Νίκος:Nikos/Nicos Χρήστος:Christos/Hristos Βασιλική:Vasiliki/Vassiliki Παναγιώτης:Panagiotis Σοφία:Sofia/Sophia"
_GREEK_STEM = "Παπαδ:Papad Κωνσταντ:Konstant/Constant Μιχαηλ:Michail/Mihail Αναγνωστ:Anagnost Νικολα:Nikola Ζαφειρ:Zafeir/Zafir Καραμαν:Karaman Στεφαν:Stefan/Stephan Ραφτ:Raft Θεοδωρ:Theodor"
_GREEK_END = "όπουλος:opoulos ίδης:idis/ides άκης:akis έλης:elis ιάδης:iadis/iades"
_ARABIC_GIVEN = "محمد:Mohammed/Muhammad أحمد:Ahmed/Ahmad فاطمة:Fatima/Fatma خالد:Khaled/Khalid يوسف:Yusuf/Youssef مريم:Maryam/Mariam حسين:Hussein/Husayn سمير:Samir/Sameer نادية:Nadia/Nadya إبراهيم:Ibrahim/Ebrahim"
_ARABIC_FAMILY = "الحسن:Alhassan/Elhasan النجار:Alnajjar/Elnaggar الخطيب:Alkhatib/Elkhateeb منصور:Mansour/Mansoor سليمان:Suleiman/Sulayman حداد:Haddad القاسم:Alqasim/Elkasem بركات:Barakat عثمان:Othman/Osman الشامي:Alshami/Elshamy زيدان:Zidan/Zaydan قباني:Qabbani/Kabbani مراد:Murad/Mourad طاهر:Taher/Tahir الديب:Aldeeb/Eldib"
_KANA_GIVEN = "ハルカ:Haruka サトシ:Satoshi ユミコ:Yumiko ケンジ:Kenji ミサキ:Misaki タケシ:Takeshi ナオミ:Naomi アキラ:Akira シンイチ:Shinichi カオリ:Kaori"
_KANA_FAMILY = "タナカ:Tanaka スズキ:Suzuki ヤマモト:Yamamoto ワタナベ:Watanabe ナカムラ:Nakamura コバヤシ:Kobayashi マツモト:Matsumoto イシカワ:Ishikawa ハセガワ:Hasegawa フジタ:Fujita オカダ:Okada ミヤザキ:Miyazaki"
_LATIN_GIVEN = (
    "Anna Peter Maria Thomas Laura Stefan Julie Marcus Elena Robert Sarah Daniel Ingrid Pablo Lucía Søren Aoife Tomasz Chloé Jürgen "
    "Karin Hugo Nina Oscar Paula Simon Tessa Viktor Wanda Emil Frida Georg Hilde Ivan Jana Klaus Lena Martin Nora Otto"
)
_LATIN_STEM = "Berg Linden Haver Kolm Stein Wald Brook Marten Hollis Grun Falk Ros Norden Karl Ander Peder Silva Castel Mont Dubre Lavel Kowal Novak Horv Vester Halm Thorn Win Ash Bexl"
_LATIN_END = "mann son sen er ski a ez et ley ford feldt qvist ova es ini"
_CITIES = "Aldburg Brennhaven Corville Dunmore Eastwick Fernau Galdo Hollbeck Ilmstad Jorvik Kestrel Lindau Morano Northby Ostra Porto-Velo Quarry Rosenheimchen Stavern Tolva"
_JOBS = "teacher driver nurse coach clerk carpenter student programmer cook gardener electrician photographer"
_STREETS = "Mill Station Church Garden Harbour Market Forest Meadow Bridge School"


def invent(people: int = 500, seed: int = 1, *, homonyms: float = 0.05, varied: float = 0.0) -> Invented:
    """``people`` persons, of whom about half have two to four records.

    ``homonyms``: share who bear another's name. One in ten is a relative of somebody before: the same family name and
    home, often the same telephone, another given name and date of birth. ``varied``: share of records whose screen name is
    a variant: letters as digits, separators, decoration, a slip.
    """
    chance = random.Random(seed)
    rows: list[PersonRow] = []
    person_of: dict[str, int] = {}
    names: list[_Name] = []
    wholes: list[PersonRow] = []
    for number in range(people):
        name = chance.choice(names) if names and chance.random() < homonyms else _name(chance)
        whole = _person(chance, name, number)
        if names and chance.random() < 0.1:
            relative = chance.randrange(len(names))
            name, home_of = _Name(name.given, names[relative].family), wholes[relative]
            whole = replace(whole, street=home_of.street, city=home_of.city, postcode=home_of.postcode)
            if chance.random() < 0.4:
                whole = replace(whole, phone=home_of.phone)
        names.append(name)
        wholes.append(whole)
        copies = chance.choices((1, 2, 3, 4), (50, 32, 12, 6))[0]
        home = chance.random() < 0.6
        for copy in range(copies):
            record = f"r{len(rows):06d}"
            row = _as_written(chance, whole, name, native=home if copy == 0 else chance.random() < 0.35)
            if varied and row.screen_name and chance.random() < varied:
                row = replace(row, screen_name=_variant(chance, row.screen_name))
            rows.append(replace(row, record_id=record))
            person_of[record] = number
    chance.shuffle(rows)
    return Invented(tuple(rows), person_of)


@dataclass(frozen=True, slots=True)
class _Name:
    given: tuple[str, ...]
    family: tuple[str, ...]
    """Native form first, Latin forms after it; a Latin name has one form."""


def _forms(chance: random.Random, words: str) -> tuple[str, ...]:
    native, _, latin = chance.choice(words.split()).partition(":")
    return (native, *latin.split("/")) if latin else (native,)


def _joined(stem: tuple[str, ...], end: tuple[str, ...]) -> tuple[str, ...]:
    return (stem[0] + end[0], *(one + other for one in stem[1:] for other in end[1:]))


def _name(chance: random.Random) -> _Name:
    script = chance.choices(["latin", "cyrillic", "greek", "arabic", "kana"], (60, 12, 8, 12, 8))[0]
    if script == "cyrillic":
        return _Name(
            _forms(chance, _CYRILLIC_GIVEN), _joined(_forms(chance, _CYRILLIC_STEM), _forms(chance, _CYRILLIC_END))
        )
    if script == "greek":
        return _Name(_forms(chance, _GREEK_GIVEN), _joined(_forms(chance, _GREEK_STEM), _forms(chance, _GREEK_END)))
    if script == "arabic":
        return _Name(_forms(chance, _ARABIC_GIVEN), _forms(chance, _ARABIC_FAMILY))
    if script == "kana":
        return _Name(_forms(chance, _KANA_GIVEN), _forms(chance, _KANA_FAMILY))
    family = chance.choice(_LATIN_STEM.split()) + chance.choice(_LATIN_END.split())
    return _Name((chance.choice(_LATIN_GIVEN.split()),), (family,))


def _person(chance: random.Random, name: _Name, number: int) -> PersonRow:
    born = date(1950, 1, 1) + timedelta(days=int(chance.triangular(0, 21_000, 13_000)))
    given, family = name.given[-1].lower(), name.family[-1].lower()
    tail = chance.randrange(10, 100_000)
    handle = chance.choice(
        (f"{given}{tail}", f"{family}_{given[:1]}{tail}", f"{chance.choice(_JOBS.split())}{family[:4]}{tail}")
    )
    city = chance.choice(_CITIES.split())
    local = chance.choice((f"{given}.{family}{tail % 100}", handle, f"{given[:1]}{family}{tail}"))
    return PersonRow(
        record_id="",
        date_of_birth=born.isoformat(),
        place_of_birth=chance.choice((city, *_CITIES.split())),
        gender=chance.choice("mf"),
        email=f"{local}@{chance.choice(('example.org', 'example.com', 'example.net', 'mail.example', 'post.example'))}",
        phone=f"+1{chance.randrange(200, 990)}555{100 + number % 100:04d}" if number % 3 else f"+44 7700 900{number % 1000:03d}",
        street=f"{chance.randrange(1, 200)} {chance.choice(_STREETS.split())} Street",
        city=city,
        postcode=f"{chance.randrange(10, 40)}{len(city):02d}{ord(city[0]) % 10}",
        national_id=f"{chance.randrange(10**8, 10**9)}",
        screen_name=handle,
        occupation=chance.choice(_JOBS.split()),
    )  # fmt: skip


def _as_written(chance: random.Random, whole: PersonRow, name: _Name, *, native: bool) -> PersonRow:
    given = name.given[0] if native else chance.choice(name.given[1:] or name.given)
    family = name.family[0] if native else chance.choice(name.family[1:] or name.family)
    if chance.random() < 0.12:
        given = mistyped(chance, given)
    if chance.random() < 0.15:
        family = mistyped(chance, family)
    if chance.random() < 0.04:
        given = given[:1] + "."
    order = chance.random()
    written = f"{family}, {given}" if order < 0.15 else f"{family} {given}" if order < 0.25 else f"{given} {family}"
    if chance.random() < 0.03:
        written = ""
    return replace(
        whole,
        full_name=written,
        date_of_birth=birth_as_written(chance, whole.date_of_birth),
        gender=_kept(chance, 0.75, whole.gender if chance.random() > 0.02 else {"m": "f", "f": "m"}[whole.gender]),
        place_of_birth=_kept(chance, 0.3, _sometimes_mistyped(chance, whole.place_of_birth)),
        email=_kept(chance, 0.5, whole.email if chance.random() < 0.75 else _other_address(chance, whole.email)),
        phone=_kept(chance, 0.5, whole.phone if chance.random() < 0.75 else f"+1{chance.randrange(200, 990)}555{chance.randrange(100, 200):04d}"),
        street=_kept(chance, 0.5, _sometimes_mistyped(chance, whole.street) if chance.random() < 0.7 else f"{chance.randrange(1, 200)} {chance.choice(_STREETS.split())} Street"),
        city=_kept(chance, 0.6, _sometimes_mistyped(chance, whole.city) if chance.random() < 0.75 else chance.choice(_CITIES.split())),
        postcode=_kept(chance, 0.4, _sometimes_mistyped(chance, whole.postcode) if chance.random() < 0.92 else str(chance.randrange(10_000, 40_000))),
        national_id=_kept(chance, 0.2, _number_as_written(chance, whole.national_id)),
        screen_name=_kept(chance, 0.4, whole.screen_name if chance.random() < 0.7 else whole.screen_name.rstrip("0123456789") + str(chance.randrange(10, 9999))),
        occupation=_kept(chance, 0.4, whole.occupation if chance.random() < 0.7 else chance.choice(_JOBS.split())),
    )  # fmt: skip


def birth_as_written(chance: random.Random, born: str) -> str:
    drawn = chance.random()
    if drawn < 0.22:
        return ""
    if drawn < 0.30:
        return born[:4]
    if drawn < 0.33:
        return born[:7]
    if drawn < 0.36 and born[8:] <= "12":
        return f"{born[:4]}-{born[8:]}-{born[5:7]}"
    if drawn < 0.40:
        return f"{born[:9]}{chance.choice([d for d in '12345678' if d != born[9]])}"
    if drawn < 0.42:
        return f"{int(born[:4]) + chance.choice((-1, 1))}{born[4:]}"
    if drawn < 0.44:
        return (date(1940, 1, 1) + timedelta(days=chance.randrange(25_000))).isoformat()
    return born


def _number_as_written(chance: random.Random, number: str) -> str:
    wrong = chance.random()
    if wrong < 0.02:
        return f"{chance.randrange(10**8, 10**9)}"
    if wrong < 0.07:
        number = mistyped(chance, number)
    return mistyped(chance, number) if wrong < 0.04 else number


def _variant(chance: random.Random, name: str) -> str:
    """A screen name as its bearer writes it on another service."""
    letters = mistyped(chance, name.rstrip("0123456789_")) if chance.random() < 0.5 else name.rstrip("0123456789_")
    drawn = chance.random()
    if drawn < 0.3:
        letters = letters.replace(*chance.choice((("a", "4"), ("e", "3"), ("i", "1"), ("o", "0"))))
    elif drawn < 0.5:
        letters = chance.choice(("xx_", "the_", "real_")) + letters
    elif drawn < 0.7:
        letters += chance.choice(("_tv", "_official", "fan", "life", "art"))
    return letters + chance.choice(("", str(chance.randrange(1970, 2012)), f"_{chance.randrange(10, 99)}"))


def _kept(chance: random.Random, share: float, text: str) -> str:
    return text if chance.random() < share else ""


def _sometimes_mistyped(chance: random.Random, text: str) -> str:
    return mistyped(chance, text) if chance.random() < 0.08 else text


def mistyped(chance: random.Random, text: str) -> str:
    if len(text) < 3:
        return text
    at = chance.randrange(1, len(text) - 1)
    drawn = chance.randrange(4)
    if drawn == 0:
        return text[:at] + text[at + 1 :]
    if drawn == 1:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if drawn == 2:
        return text[:at] + text[at] + text[at:]
    return text[:at] + (chance.choice("0123456789") if text[at].isdigit() else chance.choice(text)) + text[at + 1 :]


def _other_address(chance: random.Random, email: str) -> str:
    local, _, domain = email.partition("@")
    if chance.random() < 0.4:
        return f"{local}@{chance.choice(('example.org', 'example.com', 'post.example'))}"
    return f"{chance.choice(_JOBS.split())}{chance.randrange(10_000)}@{domain}"


def written_elsewhere(rows: Iterable[PersonRow], seed: int) -> tuple[PersonRow, ...]:
    """The rows as a place writes them whose habits nobody learned from: lines, homes and screen names that strangers share.

    Half of the telephones and streets are of one of a few hostels and shops, a fifth of the screen names are a service's
    defaults, a quarter of the dates stand with day and month exchanged, a fifth of the genders are wrong.
    """
    chance = random.Random(seed)
    written = []
    for row in rows:
        born = row.date_of_birth
        if len(born) == 10 and born[8:] <= "12" and chance.random() < 0.25:
            row = replace(row, date_of_birth=f"{born[:4]}-{born[8:]}-{born[5:7]}")
        if row.phone and chance.random() < 0.5:
            row = replace(row, phone=f"+1200555{100 + chance.randrange(25):04d}")
        if row.gender and chance.random() < 0.2:
            row = replace(row, gender={"m": "f", "f": "m"}[row.gender])
        if row.street and chance.random() < 0.5:
            row = replace(row, street=f"{chance.randrange(1, 6)} Harbour Street", city="Dunmore")
        if row.screen_name and chance.random() < 0.2:
            row = replace(row, screen_name=f"guest{chance.randrange(12)}")
        written.append(row)
    return tuple(written)


def scripts(rows: tuple[PersonRow, ...]) -> Iterator[str]:
    """The first letter's Unicode block of each name, roughly: latin, cyrillic, greek, arabic, kana."""
    for row in rows:
        first = next((letter for letter in row.full_name if letter.isalpha()), "a")
        code = ord(first)
        yield (
            "cyrillic" if 0x400 <= code < 0x530 else "greek" if 0x370 <= code < 0x400 else
            "arabic" if 0x600 <= code < 0x700 else "kana" if 0x3040 <= code < 0x3100 else "latin"
        )  # fmt: skip
