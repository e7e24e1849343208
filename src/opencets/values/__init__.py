"""Values: one file per kind; each gives the canonical text of a raw value or refuses it with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from opencets.values.finding import Found


@dataclass(frozen=True, slots=True)
class Variant:
    """A weaker key under which another writing of the same thing may stand. ``without``: what was left aside for it.

    Two values that share a variant are not the same: it is a reason to look, weaker than equality.
    """

    key: str
    without: str


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


def variants(kind: str, normal: str) -> tuple[Variant, ...]:
    """The weaker keys of a canonical value, the strongest first; none where the kind's module gives none.

    A key is one of its kind alone: ``tail:79460123`` of a telephone number, ``letters:zephyrquill`` of a screen name.
    """
    given = getattr(_module(kind), "variants", None)
    return tuple(given(normal)) if given is not None else ()


def find_in_text(text: str) -> list[Found]:
    """The identifiers in a free text, in order: see ``opencets.values.finding``."""
    from opencets.values.finding import find_in_text as find

    return find(text)


@cache
def _module(kind: str) -> Kind:
    return cast(Kind, import_module(f"opencets.values.{kind}"))
