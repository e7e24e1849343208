"""What is found, and what is known of where it was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Where:
    """What is known of the place of a text; empty where it is not known, and then no context applies that asks for it."""

    direction: str = ""
    """typed, shown, clipboard or file."""
    program: str = ""
    category: str = ""
    """The kind of address, as the caller names it, such as news or chat."""


class Hit(NamedTuple):
    """A phrase in a text. ``text[start:end] == matched``; ``reason`` is one sentence for the officer."""

    start: int
    end: int
    phrase: str
    library: str
    version: int
    severity: int
    """1 to 5, after the contexts that raised or lowered it."""
    reason: str
    matched: str
    normalised: str
    """The text as it was compared, token by token."""
    language: str = ""
    theme: str = ""
    words: int = 1
    """How many words the phrase has; of scripts without spaces, how many it is worth."""
    how: str = "words"
    """words: as it stands; spelled: letter by letter; joined: cut or joined differently; pattern: near its anchor."""
    contexts: tuple[str, ...] = ()
    """Which contexts changed the severity."""

    def to_json(self) -> dict[str, Any]:
        return {**self._asdict(), "contexts": list(self.contexts)}
