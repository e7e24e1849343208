"""Which recogniser stands ready on this machine, as the settings say; asked anew every minute."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings

from opencets.errors import OpenCETSError
from opencets.recognising import recogniser_named

MODES = ("asked", "all", "off")
CHECKED_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether pictures are read. ``version``: of the recogniser, empty without one, and then ``sentence`` says what to do."""

    mode: str
    version: str
    sentence: str

    @property
    def reads(self) -> bool:
        """Whether anything can be read here."""
        return bool(self.version) and self.mode != "off"

    @property
    def reads_all(self) -> bool:
        """Whether every new picture is read unasked."""
        return self.reads and self.mode == "all"


def standing() -> Standing:
    """What stands ready now."""
    return _standing(
        settings.TEXT_MODE, settings.TEXT_RECOGNISER, settings.TEXT_LANGUAGES, int(time.monotonic() // CHECKED_SECONDS)
    )


@lru_cache(maxsize=4)
def _standing(mode: str, name: str, languages: str, _minute: int) -> Standing:
    if mode == "off":
        return Standing(mode, "", "Reading visible text is switched off on this machine (OPENCETS_TEXT=off).")
    try:
        return Standing(mode, recogniser_named(name, languages).version, "")
    except OpenCETSError as reason:
        return Standing(mode, "", f"No recogniser is installed: {reason.sentence}")
