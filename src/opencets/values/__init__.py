"""Values: one file per kind; each gives the canonical text of a raw value or refuses it with a reason."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from opencets.values.finding import Found


class Kind(Protocol):
    """What the module of a kind offers."""

    def normalise(self, raw: str, **context: str) -> str:
        """The canonical text of ``raw``; raises ValueRefused with the reason. Normalising it again changes nothing."""


def normalise(kind: str, raw: str, **context: str) -> str:
    """The canonical text of ``raw`` as a value of ``kind``; raises ValueRefused with the reason.

    Each kind is a sibling module ``opencets.values.<kind>`` with one function ``normalise(raw, **context)``.
    ``context`` that a kind does not know is passed over: ``country``, ``service``, ``zone``, ``order``, ``maker``,
    ``model``, ``scheme``, ``quality``, ``instant`` and others (see the modules).
    """
    return _module(kind).normalise(raw, **context)


def find_in_text(text: str) -> list[Found]:
    """The identifiers in a free text, in order: see ``opencets.values.finding``."""
    from opencets.values.finding import find_in_text as find

    return find(text)


@cache
def _module(kind: str) -> Kind:
    return cast(Kind, import_module(f"opencets.values.{kind}"))
