"""How much, how long, with whom: pure rules. No database, no clock of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

import yaml

UNGRADED = 4
"""The place in ``Day.by_severity`` of what nobody graded."""
PICTURES, TEXT, HASHES = "pictures", "text", "hashes"
SEVERITY_WORDS = ("nothing found", "comparison or to look at", "illegal in some countries", "illegal", "not graded")


@cache
def defaults() -> dict[str, Any]:
    """What holds where an agency has set nothing: ``defaults.yaml``."""
    text = resources.files("opencets_web.exposure").joinpath("defaults.yaml").read_text("utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def default(name: str) -> int:
    """One number of ``defaults.yaml``."""
    return int(defaults()[name]["value"])


@cache
def _schemes() -> dict[str, Any]:
    text = resources.files("opencets.records.vocabulary").joinpath("schemes.yaml").read_text("utf-8")
    schemes: dict[str, Any] = yaml.safe_load(text)["schemes"]
    return schemes


def severity_of(category: str) -> int | None:
    """0 to 3 for a category such as ``US:1``, from the severity (0 to 5) of its scheme; None where the scheme does not rank it.

    0 nothing found; 1 comparison, or to look at; 2 illegal in some countries; 3 illegal, and the worst class.
    """
    scheme, _, code = category.partition(":")
    given = _schemes().get(scheme, {}).get("classes", {}).get(code, {}).get("severity")
    return None if given is None else (0, 1, 1, 2, 3, 3)[int(given)]


@dataclass(frozen=True, slots=True)
class Rule:
    """What an agency asks for."""

    showings: int
    minutes: int
    break_after: int
    break_minutes: int
    two_from: int | None
    two_originals: bool
    two_minutes: int

    @classmethod
    def usual(cls) -> Rule:
        """What holds where an agency has set nothing."""
        named = {name: default(name) for name in ("showings", "minutes", "break_after", "break_minutes", "two_minutes")}
        return cls(two_from=None, two_originals=False, **named)


@dataclass(frozen=True, slots=True)
class Eyes:
    """How an officer sees at this moment: mode, veil, and what is not shown to them."""

    mode: str = PICTURES
    veil: str = "strong"
    grey: bool = True
    tile: int = 128
    sound: bool = False
    without: frozenset[str] = frozenset()
    """Of ``pictures``, ``video``, ``sound``, ``severe``."""
    today: bool = False
    """Nothing at all is shown today."""

    @property
    def modes(self) -> tuple[tuple[str, str, str], ...]:
        """The modes to choose from: value, words, icon."""
        return ((PICTURES, "Pictures", "photo"), (TEXT, "Words", "file-text"), (HASHES, "Digests", "hash"))

    @property
    def reads_only(self) -> bool:
        """Whether no picture is given out to this officer: by the mode, or because they opted out."""
        return self.mode != PICTURES or self.today or "pictures" in self.without

    @property
    def seen_mode(self) -> str:
        """The mode that a page is drawn in: an officer who opted out of pictures reads words, unless they chose digests."""
        return self.mode if self.mode != PICTURES else TEXT if self.reads_only else PICTURES

    def hides(self, *, video: bool, severity: int | None) -> str:
        """Why this medium is not shown to the officer, in a sentence; empty: it may be."""
        if self.mode == HASHES:
            return "You review digests alone: no picture is given out. Choose another mode to change that."
        if self.mode == TEXT:
            return "You review in words: no picture is given out. Choose another mode to change that."
        if self.today:
            return "You chose to see nothing today. Words and digests are here; nobody asks why."
        if "pictures" in self.without:
            return "You chose not to see pictures. Words and digests are here; nobody asks why."
        if video and "video" in self.without:
            return "You chose not to see videos. Words and digests are here; nobody asks why."
        if severity == 3 and "severe" in self.without:
            return "You chose not to see the most severe media. Words and digests are here; nobody asks why."
        return ""


@dataclass(frozen=True, slots=True)
class Today:
    """What an officer was shown today, against what was agreed."""

    count: int = 0
    seconds: float = 0.0
    by_severity: tuple[int, ...] = (0, 0, 0, 0, 0)
    sound_seconds: float = 0.0
    masks_lifted: int = 0
    breaks: int = 0
    snoozes: int = 0
    stretch_seconds: float = 0.0
    prompt_at: float = 0.0
    resting_until: datetime | None = None
    showings: int = field(default_factory=lambda: default("showings"))
    minutes: int = field(default_factory=lambda: default("minutes"))
    more: int = 0
    break_after: int = field(default_factory=lambda: default("break_after"))

    @property
    def budget(self) -> int:
        """Showings that are left to look at today begin from here, with what a colleague added."""
        return self.showings + self.more

    @property
    def left(self) -> int:
        """Showings left today."""
        return max(0, self.budget - self.count)

    @property
    def share(self) -> int:
        """Per cent of the budget that is used: of showings or of minutes, whichever is more."""
        minutes = self.minutes * (self.budget / self.showings if self.showings else 1)
        used = (self.count / self.budget if self.budget else 1.0, self.seconds / 60 / minutes if minutes else 1.0)
        return min(999, round(100 * max(used)))

    @property
    def over(self) -> bool:
        """Whether the budget of the day is used."""
        return self.share >= 100

    @property
    def break_due(self) -> bool:
        """Whether a break is offered now."""
        return self.stretch_seconds >= max(self.break_after * 60, self.prompt_at)

    def resting(self, now: datetime) -> bool:
        """Whether the officer is in a break that they began."""
        return self.resting_until is not None and now < self.resting_until


def needs_two(rule: Rule, *, severity: int | None, original: bool, case_from: int | None) -> bool:
    """Whether a second officer has to be present for this look. What nobody graded counts as the most severe."""
    asked = 3 if severity is None else severity
    if case_from is not None and (asked >= case_from or original):
        return True
    if rule.two_originals and original:
        return True
    return rule.two_from is not None and asked >= rule.two_from
