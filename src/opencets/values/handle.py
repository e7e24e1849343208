"""Screen names. Canonical: ``service:name``, casefolded; ``unknown:name`` where the service is not known."""

from __future__ import annotations

import re
import unicodedata

from anyascii import anyascii

from opencets.errors import ValueRefused
from opencets.values import Variant
from opencets.values.services import is_service, profile_in, service_name
from opencets.values.writing import clean, refuse_placeholder

_LEET = str.maketrans("0134578@$!", "oieastbasi")
_BEFORE = "x+|xo+|o?x+o|its|im|iam|i_am|the|real|official|mr|mrs|ms|not|only|just|hey|yo|lil"
_AFTER = "x+|xo+|o?x+o|official|real|tv|yt|hd|alt|backup|new|priv|private|2nd|main"
_DECORATION = re.compile(rf"^(?:{_BEFORE})(?=[_.\-])|(?<=[_.\-])(?:{_AFTER})$|(?<=\w)xx+$")


def normalise(raw: str, *, service: str = "", **context: str) -> str:
    """The screen name with its service.

    The service comes from a prefix (``kik:name``), a suffix (``name@kik``), the address of a profile page, or
    ``service``; else it is ``unknown``. ``@user@host`` is the fediverse's. A leading @, quotes and outer punctuation
    are
    decoration and go; underscores and digits stay, since services tell them apart. Refuses placeholders and one
    character.
    """
    return service_and_name(raw, service)


def service_and_name(raw: str, service: str = "", *, sigils: str = "@") -> str:
    """``service:name`` of a screen name or payment account; ``sigils``: leading marks that are not part of the name."""
    text = clean(raw, most=200)
    if profile := profile_in(text):
        return f"{profile[0]}:{profile[1]}"
    of, colon, rest = text.partition(":")
    own = service_name(service) if service.strip() else ""
    if (
        colon
        and rest.strip()
        and (
            is_service(of) or (own and of.strip().casefold() == own) or (not own and re.fullmatch(r"[\w.+-]{2,40}", of))
        )
    ):
        own, text = service_name(of), rest
    else:
        name, at, of = text.rpartition("@")
        if at and name.strip("@ ") and is_service(of):
            own, text = service_name(of), name
        elif not own and re.fullmatch(r"@[\w.-]{1,60}@[\w-]+(?:\.[\w-]+)+", text):
            own = "fediverse"
    name = _bare(text, sigils)
    if own == "discord":
        name = name.removesuffix("#0").strip()
    if own == "reddit":
        name = re.sub(r"^/?u/", "", name)
    refuse_placeholder(name)
    if len(name) < 2:
        raise ValueRefused(f"“{raw[:40]}” is too short for a screen name.")
    return f"{own or 'unknown'}:{name}"


def _bare(text: str, sigils: str) -> str:
    before = None
    while text != before:
        before = text
        text = unicodedata.normalize("NFC", text.casefold()).strip(" \t\"'“”‘’«»,;:()[]<>").lstrip(sigils)
    return text


def letters(normal: str) -> str:
    """The letters of a screen name, in plain Latin, with what people vary taken off; empty where nothing is left.

    Decoration (``xx_``, ``_official``), separators and a number at the end go; digits and signs inside a word are read
    as the letters they stand for (``z3phyr``). Two names with equal letters are not one person: it is a weak sign, for
    finding and ranking (``opencets.resolving.fragments``).
    """
    name = anyascii(normal.partition(":")[2] or normal).casefold()
    before = None
    while name != before:
        before, name = name, _DECORATION.sub("", name.strip("_.- "))
    # A number at the end is a year or a counter; a digit inside a word stands for a letter.
    words = (re.sub(r"\d+$", "", word) for word in re.split(r"[^a-z0-9@$!]+", name))
    return "".join(re.sub(r"[^a-z]", "", word.translate(_LEET)) for word in words)


def variants(normal: str) -> tuple[Variant, ...]:
    """The name on any service; without its separators; its letters alone (see ``letters``)."""
    name = normal.partition(":")[2]
    found = (
        Variant(f"name:{name}", "the service"),
        Variant(f"bare:{re.sub(r'[^0-9a-z]', '', anyascii(name).casefold())}", "service and separators"),
        Variant(f"letters:{letters(normal)}", "service, separators, numbers, decoration, digits for letters"),
    )
    return tuple(one for one in found if len(one.key.partition(":")[2]) >= 5)
