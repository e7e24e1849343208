"""Text. Canonical: NFC, line ends as LF; nothing else is changed."""

from __future__ import annotations

import re
import unicodedata

from opencets.errors import ValueRefused
from opencets.values.writing import whole


def normalise(raw: str, **context: str) -> str:
    """The text; what no UTF-8 file can hold (lone surrogates, NUL) becomes U+FFFD; refuses a text of spaces only."""
    text = whole(unicodedata.normalize("NFC", re.sub(r"\r\n?", "\n", raw)))
    if not text.strip():
        raise ValueRefused("The text is empty.")
    return text
