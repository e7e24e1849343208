"""Names of people. Canonical: NFC, single spaces, case and script kept."""

from __future__ import annotations

from opencets.errors import ValueRefused
from opencets.values.writing import clean, refuse_placeholder


def normalise(raw: str, **context: str) -> str:
    """The name as written, tidied; refuses placeholders (unknown, n/a, test ...) and texts without a letter."""
    text, before = clean(raw, most=300), ""
    while text != before:
        before, text = text, text.strip(' "“”«»,;')
    if not text:
        raise ValueRefused(f"“{raw[:40]}” has no letter; it is not a name.")
    refuse_placeholder(text)
    if not any(mark.isalpha() for mark in text):
        raise ValueRefused(f"“{text[:40]}” has no letter; it is not a name.")
    return text
