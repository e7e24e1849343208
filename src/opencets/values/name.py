"""Names of people. Canonical: NFC, single spaces, case and script kept."""

from __future__ import annotations

import re

from anyascii import anyascii

from opencets.errors import ValueRefused
from opencets.values import Variant
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


def variants(normal: str) -> tuple[Variant, ...]:
    """The parts in plain letters, in any order. How names of two scripts agree: ``opencets.resolving.names``."""
    parts = sorted(re.findall(r"[a-z]{2,}", anyascii(normal).lower().replace("'", "")))
    return (Variant(f"parts:{' '.join(parts)}", "order, marks and script"),) if len(parts) >= 2 else ()
