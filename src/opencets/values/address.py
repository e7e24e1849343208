"""Postal addresses or parts of one. Canonical: NFC, single spaces, line breaks as commas."""

from __future__ import annotations

import re

from anyascii import anyascii

from opencets.values import Variant
from opencets.values.writing import clean, refuse_placeholder


def normalise(raw: str, **context: str) -> str:
    """The address as written, on one line; refuses placeholders."""
    text = clean(re.sub(r"\s*,?\s*[\r\n]+\s*", ", ", raw.strip()[:20_000]), most=2000)
    refuse_placeholder(text)
    return text


# Words for a street and a flat, long and short, in plain letters: left aside when two writings are compared.
_STREET_WORDS = frozenset(
    """
    street st road rd avenue ave av lane ln drive dr square sq court ct place pl close crescent terrace boulevard blvd
    strasse str weg platz allee gasse rue place chemin calle c avenida avda plaza via viale piazza rua straat laan
    gata gatan vej ulica ulitsa ul prospekt pr pereulok per dom d kvartira kv odos leoforos
    flat apartment apt unit suite no nr number building bldg floor
    """.split()
)


def variants(normal: str) -> tuple[Variant, ...]:
    """The names and numbers of an address in plain letters, in any order, without the words for street and flat."""
    words = re.findall(r"[a-z]+|\d+[a-z]?", re.sub(r"(?<=[a-z])(?:strasse|str)\b", " ", anyascii(normal).lower()))
    kept = sorted({word for word in words if word not in _STREET_WORDS})
    has_both = any(word[0].isdigit() for word in kept) and any(word[0].isalpha() for word in kept)
    return (Variant(f"words:{' '.join(kept)}", "order, script, and words such as street"),) if has_both else ()
