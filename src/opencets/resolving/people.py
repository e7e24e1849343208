"""People as compared: a row as given, and the same row prepared so that every later comparison is on plain ASCII.

Names of every script are romanised before any string distance: DuckDB counts bytes where Python counts characters,
so a distance on anything but ASCII gives two engines two answers (duckdb issue 25113).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache

from anyascii import anyascii

from opencets.errors import ValueRefused
from opencets.resolving.japanese import has_characters, in_kana
from opencets.resolving.names import native_parts
from opencets.values import normalise
from opencets.values.handle import letters as core_of


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person as one record describes them; every field but ``record_id`` may be empty. Own values only.

    A contact's number or address makes nobody the same person: leave claims of other roles out.
    """

    record_id: str
    full_name: str = ""
    given_name: str = ""
    family_name: str = ""
    date_of_birth: str = ""
    place_of_birth: str = ""
    gender: str = ""
    email: str = ""
    phone: str = ""
    street: str = ""
    city: str = ""
    postcode: str = ""
    country: str = ""
    national_id: str = ""
    screen_name: str = ""
    occupation: str = ""

    @classmethod
    def of(cls, row: Mapping[str, str | None]) -> PersonRow:
        """A row from a mapping with these names; unknown names are passed over. KeyError without ``record_id``."""
        known = {name: (row.get(name) or "").strip() for name in FIELDS if name != "record_id"}
        return cls(record_id=str(row["record_id"]), **known)


FIELDS: tuple[str, ...] = tuple(field.name for field in fields(PersonRow))


@dataclass(frozen=True, slots=True)
class Person:
    """A row prepared for comparison: ASCII, lower case, None where nothing usable was given.

    ``written``: the words of the name that stand in another script, as ``names`` reads them ("arabic:Khld"), by their
    letters in ``name``. ``screen_core``: what people keep of a screen name when they vary it.
    """

    record_id: str
    name: str | None
    written: str | None
    skeleton: str | None
    given: str | None
    family: str | None
    birth: str | None
    birth_swapped: str | None
    gender: str | None
    email: str | None
    local_part: str | None
    phone: str | None
    phone_tail: str | None
    national_id: str | None
    screen_name: str | None
    screen_letters: str | None
    screen_core: str | None
    street: str | None
    city: str | None
    postcode: str | None
    birth_place: str | None
    occupation: str | None


MOST_TOKENS = 4
MOST_LETTERS = 24
"""Of a name no more words, and of a word or value no more letters than these are compared."""

COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Person))

# Placeholders would make one giant cluster of everybody whose form was left empty.
_PLACEHOLDERS = frozenset(
    """
    unknown,unk,none,null,nil,na,nan,n a,not,known,available,not known,not available,not given,given,no,name,no name
    noname,anonymous,anon,test,tbd,tba,unbekannt,inconnu,desconocido,sconosciuto,john doe,jane doe,john,doe,jane
    max mustermann,mr x,mr,x,xx,xxx,1234,12345,admin,info,user,guest,deleted
    """.strip().replace("\n", ",").replace("    ", "").split(",")
)  # fmt: skip
_IN_PLACEHOLDERS = frozenset(word for placeholder in _PLACEHOLDERS for word in placeholder.split())
_PLACEHOLDER_DATES = frozenset({"1900-01-01", "1970-01-01", "1900", "1901-01-01", "0001-01-01", "9999-12-31"})
_TITLES = frozenset(
    {"mr", "mrs", "ms", "miss", "dr", "prof", "sir", "herr", "frau"}
    | {"von", "van", "de", "der", "den", "da", "di", "al", "el", "bin", "ibn", "abu"}
)
_FEMALE = frozenset(["f", "female", "w", "weiblich", "woman", "femme", "frau", "k", "kvinna", "zhenskij", "mujer", "2"])
_MALE = frozenset(["m", "male", "man", "homme", "mann", "maennlich", "mannlich", "muzhskoj", "hombre", "1"])
_FOLDS = (
    ("sch", "s"), ("tch", "s"), ("tsch", "s"), ("shch", "s"), ("kh", "h"), ("ch", "s"), ("sh", "s"), ("zh", "s"),
    ("ph", "f"), ("th", "t"), ("gh", "g"), ("dj", "s"), ("dzh", "s"), ("dz", "s"), ("ts", "s"), ("tz", "s"),
    ("ck", "k"), ("qu", "k"), ("mp", "b"), ("nt", "t"), ("x", "ks"), ("c", "k"), ("q", "k"), ("j", "s"), ("z", "s"),
    ("w", "b"), ("v", "b"), ("p", "b"), ("r", "l"),
)  # fmt: skip


VALUES = (
    "email", "local_part", "phone", "phone_tail", "national_id", "screen_name", "screen_letters",
    "gender", "street", "postcode", "city", "birth_place", "occupation", "screen_core",
)  # fmt: skip
"""The fields of a person that are compared as whole values, in the order of ``values_of``."""
_NO_VALUES: tuple[str | None, ...] = (None,) * len(VALUES)


def prepare(row: PersonRow, country: str = "") -> Person:
    """The row ready for comparison. ``country`` (ISO 3166-1 alpha-2) reads telephone numbers where the row has none."""
    words = named(row)
    tokens = [word for word, _ in words]
    given = (_words(row.given_name) or (tokens[0] if len(tokens) > 1 else "")) if tokens else ""
    family = (_words(row.family_name) or tokens[-1]) if tokens else ""
    birth = birth_of(row.date_of_birth)
    return Person(
        row.record_id,
        " ".join(sorted(tokens)) or None,
        " ".join([form for _, form in sorted(words) if form]) or None,
        " ".join(sorted(map(skeleton, tokens))) or None,
        given or None,
        family or None,
        birth,
        _swapped(birth),
        **dict(zip(VALUES, values_of(row, country), strict=True)),
    )


def values_of(row: PersonRow, country: str = "") -> tuple[str | None, ...]:
    """What of a row is compared as a whole, one of ``VALUES`` after the other, None where nothing usable was given."""
    if not (
        row.email or row.phone or row.national_id or row.screen_name or row.gender or row.street or row.postcode
        or row.city or row.place_of_birth or row.occupation
    ):  # fmt: skip
        return _NO_VALUES
    email = _email(row.email) if row.email else None
    phone = _phone(row.phone, row.country or country) if row.phone else None
    handle = letters = core = ""
    if row.screen_name:
        handle = _words(row.screen_name.rpartition(":")[2], keep_digits=True).replace(" ", "")
        letters, core = _DIGITS.sub("", handle), core_of(row.screen_name)
    return (
        email,
        _local_part(email),
        phone,
        phone[-8:] if phone and len(phone) > 8 else None,
        _stated(_NOT_SIGNS.sub("", anyascii(row.national_id.rpartition(":")[2]).lower())) if row.national_id else None,
        _stated(handle) if len(handle) >= 3 else None,
        _stated(letters) if len(letters) >= 5 else None,
        _gender(row.gender) if row.gender else None,
        _stated(_words(row.street, keep_digits=True)),
        _stated(_NOT_SIGNS.sub("", anyascii(row.postcode).lower())) if row.postcode else None,
        _stated(_words(row.city)),
        _stated(_words(row.place_of_birth)),
        _stated(_words(row.occupation)),
        _stated(core) if len(core) >= 5 else None,
    )


def name_tokens(full_name: str, given_name: str = "", family_name: str = "") -> list[str]:
    """The words of a name in plain Latin letters, as given; titles and particles left out, none for a placeholder.

    The full name counts; the two parts are taken where it is missing.
    """
    return [word for word, _ in named(PersonRow("", full_name, given_name, family_name))]


def named(row: PersonRow) -> list[tuple[str, str]]:
    """The words of a row's name, each with its form in another script, or empty: see ``name_tokens``."""
    words = _worded(row.full_name) if row.full_name else []
    if not words and (row.given_name or row.family_name):
        words = _worded(f"{row.given_name} {row.family_name}", whole=False)
    kept = [word for word in words if word[0] not in _TITLES] or words
    # A placeholder of several words is told by all of them, one of a single word by itself.
    for word, _ in kept:
        if len(word) > 1 and word not in _PLACEHOLDERS:
            return [] if " ".join([word for word, _ in words]) in _PLACEHOLDERS else kept
    return []


def is_plain(piece: str, word: str) -> bool:
    """Whether a piece of a name that gives this one word gives it in every name of several pieces.

    Not so are titles and particles, what placeholders consist of, initials, and characters that may be read in two languages.
    """
    return (
        1 < len(word) <= MOST_LETTERS
        and word not in _TITLES
        and word not in _IN_PLACEHOLDERS
        and (piece.isascii() or not has_characters(piece))
    )


def _worded(name: str, *, whole: bool = True) -> list[tuple[str, str]]:
    pieces = (name if name.isascii() else in_kana(name)).split()
    if whole and len(pieces) == 1:
        return list(words_of_piece(pieces[0], alone=True))
    return [word for piece in pieces for word in words_of_piece(piece)]


def compared_tokens(name: str | None) -> list[str]:
    """The words of a prepared name that are compared: all, or the longest four of more, in their order."""
    return cut_tokens((name or "").split())


def cut_tokens(sorted_words: Iterable[str]) -> list[str]:
    """The same of the words themselves, sorted."""
    words = [word[:MOST_LETTERS] for word in sorted_words]
    return (
        words if len(words) <= MOST_TOKENS else sorted(sorted(words, key=lambda word: (-len(word), word))[:MOST_TOKENS])
    )


def whole_skeleton(name: str | None) -> str | None:
    """What of a prepared name agrees across spellings, scripts and the order of its words."""
    return " ".join(sorted(skeleton(word) for word in compared_tokens(name))) or None


@lru_cache(maxsize=1 << 18)
def skeleton(token: str) -> str:
    """The consonants that survive transliteration: "muhammad", "mohamed" and "mhmd" give the same letters.

    Vowels, h and y fall away, sounds that scripts write alike become one letter, doubled letters one.
    """
    text = (token if token.isascii() else anyascii(token)).lower()
    for sound, letter in _FOLDS:
        text = text.replace(sound, letter)
    kept = re.sub(r"[^a-z]|[aeiouyh]", "", text)
    return re.sub(r"(.)\1+", r"\1", kept) or text[:1]


def candidate_keys(row: PersonRow | Person, *, wide: bool = False) -> list[str]:
    """The keys under which a record is looked up, sorted: two records that share none are never compared.

    Store them hashed in one index; a key that more than 100 records share says nothing by itself (skip it alone).
    Keys: each strong identifier; the name alone across scripts; each name part with the birth year; the birth date with
    day and month in either order and an initial. ``wide`` adds those of whole tables: a part alone, with the initial of
    another, with day and month; beginnings and ends of two parts; the date alone and with all initials; the street; runs of
    four letters of a screen name.
    """
    person = row if isinstance(row, Person) else prepare(row)
    keys = {
        f"{letter}:{value}"
        for letter, value in (
            ("e", person.email),
            ("l", person.local_part),
            ("p", person.phone_tail or person.phone),
            ("i", person.national_id),
            ("s", person.screen_letters or person.screen_name),
            ("k", whole_skeleton(person.name)),
        )
        if value
    }
    words = compared_tokens(person.name)
    parts = sorted({skeleton(word) for word in words})
    either = (
        "".join(sorted((person.birth[5:7], person.birth[8:10]))) if person.birth and len(person.birth) == 10 else ""
    )
    if person.birth:
        keys.update(f"y:{part}:{person.birth[:4]}" for part in parts if len(part) >= 2)
    if person.birth and either:
        keys.update(f"d:{person.birth[:4]}{either}:{part[0]}" for part in parts)
    where = person.postcode or person.city
    keys.update(f"c:{word}:{where}" for word in words if where)
    if wide:
        keys.update(_wide_keys(parts, (person.birth or "")[:4], either))
        if either:
            keys.add(f"b:{person.birth}")
        if person.street and len(person.street) >= 8:
            keys.add(f"h:{person.street}")
        if person.screen_core:
            core = person.screen_core[:MOST_LETTERS]
            keys.update(f"g:{core[at : at + 4]}" for at in range(len(core) - 3))
    return sorted(keys)


def _wide_keys(parts: list[str], year: str, either: str) -> Iterator[str]:
    for at, part in enumerate(parts):
        if len(part) >= 3:
            yield f"t:{part}"
        if len(part) < 2:
            continue
        if either:
            yield f"m:{part}:{either}"
        for other in parts:
            if other != part:
                yield f"f:{part}:{other[0]}"
        for other in parts[at + 1 :]:
            if len(other) >= 2:
                for one in (part[:2], part[-2:]):
                    for two in (other[:2], other[-2:]):
                        yield f"q:{min(one, two)}{max(one, two)}"
    if either and parts:
        yield f"n:{year}{either}:{''.join(sorted(part[0] for part in parts))}"


def _stated(text: str) -> str | None:
    return None if not text or text in _PLACEHOLDERS or (len(text) > 1 and len(set(text)) == 1) else text


@lru_cache(maxsize=1 << 20)
def words_of_piece(piece: str, *, alone: bool = False) -> tuple[tuple[str, str], ...]:
    """The words of a piece of a name without spaces, each with its form in another script, or empty."""
    if piece.isascii():
        return tuple((word, "") for word in _words(piece).split())
    script, parts = native_parts(piece, alone=alone)
    if script == "latin":
        return tuple((word, "") for word in _words(" ".join(parts)).split())
    return tuple((part.lower(), f"{script}:{part}" if part.lower() not in _TITLES else "") for part in parts)


def written_forms(person: Person) -> dict[str, str]:
    """Of the words of the name that stand in another script the form of each, by the word."""
    return forms_of((person.written or "").split())


def forms_of(written: Iterable[str]) -> dict[str, str]:
    """The same of the forms themselves, in the order of their words."""
    parted = (form.partition(":") for form in written)
    return {part.lower()[:MOST_LETTERS]: f"{script}:{part[:MOST_LETTERS]}" for script, _, part in parted}


_DIGITS, _NOT_SIGNS, _NOT_LETTERS, _NOT_WORDS = map(re.compile, ("[0-9]+", "[^0-9a-z]", "[^a-z]+", "[^a-z0-9]+"))
_ISO_DATE = re.compile(r"\d{4}(-\d{2}){0,2}")


def _words(raw: str, *, keep_digits: bool = False) -> str:
    if not raw:
        return ""
    text = (raw if raw.isascii() else anyascii(raw)).lower().replace("'", "").replace("`", "")
    return (_NOT_WORDS if keep_digits else _NOT_LETTERS).sub(" ", text).strip()


@lru_cache(maxsize=1 << 16)
def birth_of(raw: str) -> str | None:
    """A date of birth as compared: a year, a month or a day in ISO 8601; None where it is none, or a placeholder."""
    text = raw.strip()
    if _ISO_DATE.fullmatch(text) is None:
        try:
            text = normalise("date", text) if text else ""
        except (ValueRefused, ImportError):
            return None
    return text if text and text not in _PLACEHOLDER_DATES and text[:4] > "1850" else None


def _swapped(birth: str | None) -> str | None:
    if birth is None or len(birth) != 10 or birth[8:10] > "12" or birth[5:7] == birth[8:10]:
        return None
    return f"{birth[:4]}-{birth[8:10]}-{birth[5:7]}"


def _gender(raw: str) -> str | None:
    text = _words(raw, keep_digits=True)
    return "f" if text in _FEMALE else "m" if text in _MALE else None


def _email(raw: str) -> str | None:
    text = raw.strip().lower()
    if text.count("@") != 1 or " " in text:
        return None
    try:
        text = normalise("email", text)
    except (ValueRefused, ImportError):
        local, _, domain = text.partition("@")
        text = f"{local.partition('+')[0]}@{domain}"
    text = anyascii(text)
    local = text.partition("@")[0]
    return None if not local or local in _PLACEHOLDERS else text


def _local_part(email: str | None) -> str | None:
    local = re.sub(r"[^a-z0-9]", "", email.partition("@")[0]) if email else ""
    return local if len(local) >= 6 else None


def _phone(raw: str, country: str) -> str | None:
    if not raw.strip():
        return None
    try:
        return anyascii(normalise("phone", raw, **({"country": country} if len(country) == 2 else {})))
    except (ValueRefused, ImportError):
        digits = re.sub(r"\D", "", anyascii(raw)).lstrip("0")
        return digits if len(digits) >= 6 and len(set(digits)) > 2 else None
