"""Postal addresses or parts of one. Canonical: NFC, single spaces, line breaks as commas."""

from __future__ import annotations

import re

from opencets.values.writing import clean, refuse_placeholder


def normalise(raw: str, **context: str) -> str:
    """The address as written, on one line; refuses placeholders."""
    text = clean(re.sub(r"\s*,?\s*[\r\n]+\s*", ", ", raw.strip()[:20_000]), most=2000)
    refuse_placeholder(text)
    return text
