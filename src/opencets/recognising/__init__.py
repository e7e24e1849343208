"""Words that stand in pictures, the language of a text, and the form in which both are searched.

``read_text`` reads a picture through a recogniser that is plugged in (``recogniser_named``), ``language_of`` tells the language of
any text or that it cannot be told, ``terms_of`` and ``query_of`` make words of every script findable.
"""

from __future__ import annotations

from opencets.recognising.language import Language, language_of
from opencets.recognising.plugging import STANDARD, Recogniser, RecogniserFailed, RecogniserMissing, recogniser_named
from opencets.recognising.reading import ReadText, Word, read_frames, read_text
from opencets.recognising.terms import query_of, terms_of, tokens_of

__all__ = [
    "STANDARD",
    "Language",
    "ReadText",
    "Recogniser",
    "RecogniserFailed",
    "RecogniserMissing",
    "Word",
    "language_of",
    "query_of",
    "read_frames",
    "read_text",
    "recogniser_named",
    "terms_of",
    "tokens_of",
]
