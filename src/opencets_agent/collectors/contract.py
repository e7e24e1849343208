"""What a collector declares, and what it hands on. A collector reads one thing, keeps nothing, and says so in words for a court."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True, slots=True)
class Declaration:
    """One collector, for the person, the court and the reader of the code alike."""

    name: str
    label: Mapping[str, str]
    """What is recorded, in a few words, by language; for the notice."""
    takes: str
    never: str
    library: str
    """By what it reads, on Linux."""
    systems: str
    """What works on X11 and on Wayland."""
    windows: str
    """The sibling on Windows, not built, with its library."""
    macos: str

    def labelled(self, language: str) -> str:
        """The label in a language, or in English."""
        return self.label.get(language, self.label["en"])


def labels(en: str, fr: str, de: str) -> Mapping[str, str]:
    """A label in the languages of the notice."""
    return MappingProxyType({"en": en, "fr": fr, "de": de})


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is: the program, the title of its window, the address in it, and the process.

    ``in_front``: whether the window shows just this page, as far as its title tells; a page of another tab is not in its picture.
    """

    program: str
    window: str = ""
    address: str = ""
    process: int = 0
    in_front: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """A text that was typed, shown or copied; ``begin`` to ``end`` of it is new, the rest is what stood around it."""

    collector: Literal["typed", "shown", "clipboard"]
    place: Place
    text: str
    begin: int
    end: int


BROWSERS = frozenset(
    ("chromium", "chrome", "google-chrome", "brave", "msedge", "opera", "vivaldi-bin", "firefox", "firefox-esr", "epiphany",
     "falkon", "konqueror", "librewolf")
)  # fmt: skip
"""Programs that show sites: where an order excludes sites and the address is not known, nothing of theirs is taken."""
CHROMIUMS = BROWSERS - {"firefox", "firefox-esr", "epiphany", "falkon", "konqueror", "librewolf"}
"""Those that give their pages' text only when started with ``--force-renderer-accessibility``."""
