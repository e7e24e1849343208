"""Screen names. Canonical: ``service:name``, casefolded; ``unknown:name`` where the service is not known."""

from __future__ import annotations

import re
import unicodedata

from opencets.errors import ValueRefused
from opencets.values.services import is_service, profile_in, service_name
from opencets.values.writing import clean, refuse_placeholder


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
