"""Explanations: one plain sentence for a tie and for a path.

The words come from the vocabulary (``ties`` in ``kinds.yaml`` and ``rarity.yaml``); the caller names the records. A path that
somebody may not see all of is told to them by nothing: a part of it would say that there is more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from opencets.linking.paths import Path, Tie
from opencets.linking.rarity import Rarity, default_rarity

_WITHOUT_VALUE = {"same_person", "same_source", "pdq", "sha256", "sha1", "md5"}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an explained path."""

    left: str
    right: str
    words: str

    @property
    def sentence(self) -> str:
        """For example "Anna K. (AV-12) and Ann (BO-7): the same e-mail address a@b.example."."""
        return f"{self.left} and {self.right}: {self.words}."


@dataclass(frozen=True, slots=True)
class Explained:
    """A path in words."""

    steps: tuple[Step, ...]
    sentence: str
    probability: float


def explain_tie(tie: Tie, rarity: Rarity | None = None) -> str:
    """The tie in words: "the same e-mail address a@b.example"; "a near-duplicate picture (distance 12 of 256)"."""
    words = (rarity or default_rarity()).words(tie.kind)
    if tie.kind == "pdq" and "~" not in tie.value and not tie.note:
        words = f"{words} (distance 0 of 256)"
    elif tie.kind in ("ip_hour", "ip_port") and "@" in tie.value:
        address, _, hour = tie.value.partition("@")
        words = f"{words} {address} ({hour.replace('T', ' ')}:00 UTC)"
    elif tie.kind not in _WITHOUT_VALUE:
        words = f"{words} {tie.value}"
    return f"{words} ({tie.note})" if tie.note else words


def explain_path(path: Path, label: Callable[[str], str], rarity: Rarity | None = None) -> Explained:
    """The whole path in words, for a reader who may see every group on it."""
    steps = tuple(Step(label(tie.left), label(tie.right), explain_tie(tie, rarity)) for tie in path.ties)
    return Explained(steps, in_words(steps), path.probability)


def in_words(steps: Sequence[Step]) -> str:
    """One sentence for all steps: "A is connected to B by X, and B to C by Y."."""
    if not steps:
        return ""
    parts = []
    for at, step in enumerate(steps):
        verb = "is connected to" if at == 0 else "to"
        parts.append(f"{step.left} {verb} {step.right} by {step.words}")
    text = ", and ".join(parts) + "."
    return text[0].upper() + text[1:]
