"""Texts found again by the rare fragments they share: screen names that were varied, names spelt otherwise.

Two screen names that share `zeph` and `quil` are probably one person's; two that share `max` and `1990` are not. Each
text is cut into runs of three letters; a run weighs the more the fewer texts have it (inverse document frequency), and
two texts are as near as the weights they share (cosine). A plain string distance takes all letters alike.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Container, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

COMMON = 2_000
"""A fragment that more texts have proposes nobody by itself; it still counts where another one proposed the pair."""
RARE_BITS = 6.0
"""From here on a fragment is told as a reason: fewer than one text in 64 has it."""


@dataclass(frozen=True, slots=True)
class Near(Generic[Key]):
    """A text that shares fragments. ``score``: 1 for the same fragments, 0 for none; ``shared``: the rarest first."""

    key: Key
    score: float
    shared: tuple[str, ...]


class Fragments(Generic[Key]):
    """An index of texts by their fragments. Texts are given normalised: see ``opencets.values.handle.letters``.

    ``drawn_from``: how many texts there are in all where those kept are only the ones that came into question; a
    fragment that all of a dozen candidates share is not common for that.
    """

    def __init__(self, texts: Mapping[Key, str] | Iterable[tuple[Key, str]] = (), *, drawn_from: int = 0) -> None:
        self._drawn_from = drawn_from
        self._holders: dict[str, list[Key]] = defaultdict(list)
        self._texts: dict[Key, Counter[str]] = {}
        self._lengths: dict[Key, float] = {}
        for key, text in texts.items() if isinstance(texts, Mapping) else texts:
            self.add(key, text)

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, key: Key, text: str) -> None:
        """Keep a text under a key; what the key held before is forgotten. Lengths are weighed anew at the next search."""
        self.remove(key)
        found = fragments(text)
        self._texts[key] = found
        for fragment in found:
            self._holders[fragment].append(key)
        self._lengths.clear()

    def remove(self, key: Key) -> None:
        """Forget a key; nothing happens where it is not kept."""
        for fragment in self._texts.pop(key, ()):
            self._holders[fragment].remove(key)
        self._lengths.clear()

    def bits(self, fragment: str) -> float:
        """How much a fragment weighs: log2 of one in how many texts has it. One that nobody has weighs most."""
        held = len(self._holders.get(fragment, ()))
        return math.log2((max(len(self._texts), self._drawn_from) + 2) / (held + 1))

    def near(self, text: str, most: int = 10, at_least: float = 0.2) -> list[Near[Key]]:
        """The kept texts nearest to ``text``, the nearest first, those of equal score in the order they were kept."""
        asked = {fragment: (count, self.bits(fragment)) for fragment, count in fragments(text).items()}
        length = math.sqrt(math.fsum((count * bits) ** 2 for count, bits in asked.values()))
        together: dict[Key, float] = {}
        for fragment, (count, bits) in sorted(asked.items(), key=lambda one: len(self._holders.get(one[0], ()))):
            holders = self._holders.get(fragment, ())
            weight = count * bits * bits
            for key in holders if len(holders) <= COMMON else [key for key in together if fragment in self._texts[key]]:
                together[key] = together.get(key, 0.0) + weight * self._texts[key][fragment]
        found = [(weight / (length * self._length(key) or 1.0), key) for key, weight in together.items()]
        best = sorted((one for one in found if one[0] >= at_least), key=lambda one: -one[0])[:most]
        return [Near(key, round(score, 6), self._shared(asked, self._texts[key])) for score, key in best]

    def score(self, left: str, right: str) -> Near[str]:
        """How near two texts are by the weights kept here; ``key`` is ``right``."""
        one, other = ({f: n * self.bits(f) for f, n in fragments(text).items()} for text in (left, right))
        lengths = [math.sqrt(math.fsum(weight * weight for weight in side.values())) for side in (one, other)]
        shared = self._shared(one, other)
        together = math.fsum(one[fragment] * other[fragment] for fragment in shared)
        return Near(right, round(together / (lengths[0] * lengths[1] or 1.0), 6), shared)

    def rare(self, near: Near[Key]) -> tuple[str, ...]:
        """The shared fragments that say something: fewer than one text in 64 has them."""
        return tuple(fragment for fragment in near.shared if self.bits(fragment) >= RARE_BITS)

    def _shared(self, asked: Iterable[str], held: Container[str]) -> tuple[str, ...]:
        return tuple(sorted((one for one in asked if one in held), key=lambda one: (-self.bits(one), one)))

    def _length(self, key: Key) -> float:
        known = self._lengths.get(key)
        if known is None:
            weights = (count * self.bits(fragment) for fragment, count in self._texts[key].items())
            known = self._lengths[key] = math.sqrt(math.fsum(weight * weight for weight in weights))
        return known


def fragments(text: str) -> Counter[str]:
    """The runs of three letters of each word of ``text``, with marks for its beginning and its end."""
    found: Counter[str] = Counter()
    for word in text.split():
        marked = f"^{word}$"
        found.update(marked[at : at + 3] for at in range(len(marked) - 2))
    return found
