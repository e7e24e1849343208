"""Values: one file per kind; each gives the canonical text of a raw value or refuses it with a reason."""

from __future__ import annotations

from importlib import import_module


def normalise(kind: str, raw: str, **context: str) -> str:
    """The canonical text of ``raw`` as a value of ``kind``; raises ValueRefused with the reason.

    Each kind is a sibling module ``opencets.values.<kind>`` with one function ``normalise(raw, **context)``.
    """
    module = import_module(f"opencets.values.{kind}")
    normal: str = module.normalise(raw, **context)
    return normal
