"""Explanations: one plain sentence for a tie and for a path, and what of a path somebody may read who may not see all.

The words come from the vocabulary (``ties`` in ``kinds.yaml`` and ``rarity.yaml``); the caller names the records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from opencets.linking.paths import Path, Tie
from opencets.linking.rarity import Rarity, default_rarity

ANOTHER_AGENCY = "a record of another agency"

_WITHOUT_VALUE = {"same_person", "same_source", "pdq", "sha256", "sha1", "md5"}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an explained path; ``tie`` is None for one that the reader may not see; nothing tells which."""

    left: str
    right: str
    words: str
    tie: Tie | None

    @property
    def sentence(self) -> str:
        """For example "Anna K. (AV-12) and Ann (BO-7): the same e-mail address a@b.example."."""
        return f"{self.left} and {self.right}: {self.words}." if self.words else f"{self.left} and {self.right}."


@dataclass(frozen=True, slots=True)
class Explained:
    """A path in words. ``whole`` is False where steps were hidden; then bits and probability are withheld too."""

    steps: tuple[Step, ...]
    sentence: str
    whole: bool
    probability: float | None


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
    return redacted(path, label, lambda group: True, rarity)


def redacted(
    path: Path,
    label: Callable[[str], str],
    may_see: Callable[[str], bool],
    rarity: Rarity | None = None,
) -> Explained:
    """The path for a reader who may see only the groups that ``may_see`` admits.

    A tie that touches a hidden group shows neither its kind nor its value, also not the half that lies in the reader's
    own case: that the value is shared is the secret. Neighbouring hidden steps become one, so their number stays
    hidden as well. ``label`` is called for visible records only.
    """
    steps: list[Step] = []
    whole = True
    for at, tie in enumerate(path.ties):
        sees_left, sees_right = may_see(path.groups[at]), may_see(path.groups[at + 1])
        if sees_left and sees_right:
            steps.append(Step(label(tie.left), label(tie.right), explain_tie(tie, rarity), tie))
            continue
        whole = False
        left = label(tie.left) if sees_left else ANOTHER_AGENCY
        right = label(tie.right) if sees_right else ANOTHER_AGENCY
        if not (steps and left == right == ANOTHER_AGENCY and steps[-1].right == ANOTHER_AGENCY):
            steps.append(Step(left, right, "", None))
    return Explained(tuple(steps), in_words(steps), whole, path.probability if whole else None)


def in_words(steps: Sequence[Step]) -> str:
    """One sentence for all steps: "A is connected to B by X, and B to C by Y."."""
    if not steps:
        return ""
    parts = []
    for at, step in enumerate(steps):
        verb = "is connected to" if at == 0 else "to"
        parts.append(f"{step.left} {verb} {step.right}" + (f" by {step.words}" if step.words else ""))
    text = ", and ".join(parts) + "."
    return text[0].upper() + text[1:]
