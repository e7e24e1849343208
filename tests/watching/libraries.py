"""Libraries for tests, made of harmless phrases."""

from __future__ import annotations

from opencets.rehearsal.phrases import InventedPhrases
from opencets.watching import Library, Phrase, Watcher


def library_of(*phrases: str, severity: int = 3) -> Library:
    entries = tuple(Phrase(each, severity, "en", "trips", "tests") for each in phrases)
    return Library("neutral", 1, "Harmless phrases.", "tests", entries)


def invented(count: int, seed: int) -> tuple[InventedPhrases, Watcher]:
    made = InventedPhrases(count, seed)
    phrases = tuple(Phrase(phrase, 2, language, "invented", "tests") for phrase, language in made.phrases.items())
    return made, Watcher([Library("invented", 1, "Invented phrases.", "tests", phrases)])
