"""Screen names that may be one person's: pairs that share rare fragments, each with its reason. Nothing is merged here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from opencets.resolving.fragments import Fragments
from opencets.values.handle import letters

LIKELY = 0.6
"""From here on two screen names are worth a look; ``opencets bench names`` tells what is found."""
DRAWN_FROM = 10_000
"""Among how many screen names a few candidates are taken to stand, so that what they share is not common for that."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two screen names that share rare fragments. ``score``: 1 for equal letters; ``rare``: what they share, rarest first."""

    left: str
    right: str
    score: float
    rare: tuple[str, ...]

    @property
    def why(self) -> str:
        """One sentence for people."""
        if self.score >= 1:
            return "the same letters; service, separators, digits or decoration differ"
        shared = ", ".join(f"“{fragment.strip('^$')}”" for fragment in self.rare[:4])
        return f"{self.score:.0%} alike by rare letters that they share: {shared}"


def ranked(asked: str, names: Mapping[str, str], at_least: float = LIKELY) -> list[tuple[str, Likeness]]:
    """The keys of the names most like ``asked``, the likest first; names as ``service:name``."""
    index = _index(names)
    found = index.near(letters(asked), len(names), at_least)
    return [
        (near.key, Likeness(asked, names[near.key], near.score, index.rare(near))) for near in found if index.rare(near)
    ]


def likenesses(names: Mapping[str, str], at_least: float = LIKELY, most: int = 5) -> list[tuple[str, str, Likeness]]:
    """Pairs of keys whose screen names are alike and not equal, the likest first; up to ``most`` for each name."""
    index = _index(names)
    found: dict[tuple[str, str], Likeness] = {}
    for key, name in names.items():
        for near in index.near(letters(name), most + 1, at_least):
            one, other = sorted((key, near.key))
            if one != other and names[one] != names[other] and index.rare(near):
                found[one, other] = Likeness(names[one], names[other], near.score, index.rare(near))
    return sorted(((*pair, alike) for pair, alike in found.items()), key=lambda row: (-row[2].score, row[0], row[1]))


def _index(names: Mapping[str, str]) -> Fragments[str]:
    return Fragments(((key, letters(name)) for key, name in names.items()), drawn_from=DRAWN_FROM)
