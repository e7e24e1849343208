"""Values of closed lists.

Canonical: ``SCHEME:code`` where there is a scheme; else lower case, country codes upper case.
"""

from __future__ import annotations

import re

from opencets.errors import ValueRefused
from opencets.values.writing import clean, plain_digits

_TRUE = frozenset(
    [
        "true",
        "yes",
        "y",
        "1",
        "t",
        "ja",
        "j",
        "oui",
        "si",
        "sì",
        "sí",
        "sim",
        "да",
        "identified",
        "x",
        "wahr",
        "vrai",
        "verdadero",
    ]
)
_FALSE = frozenset(
    [
        "false",
        "no",
        "n",
        "0",
        "f",
        "nein",
        "non",
        "não",
        "нет",
        "falsch",
        "faux",
        "falso",
        "nej",
        "nie",
        "not_identified",
        "unidentified",
    ]
)
_GENDER = {
    "male": "m male man boy masculine männlich maennlich mann junge homme masculin "
    "garçon hombre masculino niño maschio uomo maschile "
    "man jongen mannelijk homem menino mężczyzna muž мужской мужчина м муж ذكر 男 男性 남 남성 erkek mies",
    "female": "f female woman girl feminine weiblich frau w mädchen femme féminin "
    "fille mujer femenino niña femmina donna femminile "
    "vrouw meisje vrouwelijk mulher menina feminino kobieta žena женский женщина ж жен أنثى 女 女性 여 여성 "
    "kadın nainen v",
    "other": "o other x d divers diverse non-binary nonbinary nb",
}
_GENDER_OF = {word: sex for sex, words in _GENDER.items() for word in words.split()}


def normalise(raw: str, *, scheme: str = "", list: str = "", **context: str) -> str:
    """The code.

    ``scheme`` puts a scheme in front; ``list`` ("boolean", "gender", "country") reads words of that list.
    """
    text = clean(raw, most=300).strip("\"' ")
    if not text:
        raise ValueRefused("The code is empty.")
    word = text.casefold().replace(" ", "_")
    if list == "boolean":
        if word in _TRUE or word in _FALSE:
            return "true" if word in _TRUE else "false"
        raise ValueRefused(f"“{text[:40]}” is neither yes nor no.")
    if list == "gender":
        if word not in _GENDER_OF:
            raise ValueRefused(f"“{text[:40]}” is not one of the words known for a gender.")
        return _GENDER_OF[word]
    if list == "country":
        if not re.fullmatch(r"[A-Za-z]{2}", text):
            raise ValueRefused(f"“{text[:40]}” is not a country code of two letters (ISO 3166-1).")
        return text.upper()
    of, colon, rest = text.partition(":")
    if scheme and not (colon and of.upper() == scheme.strip().upper()):
        return f"{clean(scheme).upper().replace(':', '_')}:{plain_digits(text)}"
    if colon and rest.strip() and re.fullmatch(r"[\w.-]{1,40}", of):
        return f"{of.upper()}:{plain_digits(rest.strip())}"
    return text.upper() if re.fullmatch(r"[A-Za-z]{2}", text) and word != "no" else text.lower()
