"""What a recogniser is, and how one is plugged in: by the dotted name of its class.

A recogniser is given an upright grey picture and gives the words it sees. All else (turning, which words are kept, their order) is
the same for every recogniser (``opencets.recognising.reading``). It runs in a limited process without network, one picture at a
time; what it raises costs that picture alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, Self, cast

from opencets.errors import SourceRefused

if TYPE_CHECKING:
    from PIL.Image import Image

STANDARD = "opencets.recognising.tesseract.Tesseract"


class RecogniserMissing(SourceRefused):
    """No recogniser can be used here; the sentence says what to install or to set."""

    code = "no-recogniser"


class RecogniserFailed(SourceRefused):
    """The recogniser gave nothing usable for this picture."""

    code = "recogniser-failed"


@dataclass(frozen=True, slots=True)
class Seen:
    """A word as a recogniser sees it: its box in pixels, 0 to 100 how sure it is, the number of the line it belongs to."""

    text: str
    confidence: float
    left: float
    top: float
    width: float
    height: float
    line: int = 0


class Recogniser(Protocol):
    """What a class plugged in brings.

    ``version``: name, version and languages in a few words; a picture is read again when it changes.
    """

    version: str

    @classmethod
    def open(cls, languages: str) -> Self:
        """Ready to read these languages (as it calls them, joined by ``+``; empty: all it has). Raises RecogniserMissing."""
        ...

    def read(self, picture: Image) -> Sequence[Seen]:
        """The words of a grey picture, each line's in their order. Raises RecogniserFailed or LimitReached."""
        ...


def recogniser_named(name: str = "", languages: str = "") -> Recogniser:
    """The recogniser of this dotted name, else the standard one. Raises RecogniserMissing with what to do."""
    name = name or STANDARD
    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as reason:
        raise RecogniserMissing(
            f"The recogniser {name} cannot be loaded ({reason}); correct OPENCETS_TEXT_RECOGNISER or leave it empty."
        ) from reason
    return cast("Recogniser", found.open(languages))
