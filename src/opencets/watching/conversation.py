"""What the hits of a conversation amount to: both sides, a sliding window, decay, distinct phrases.

A phrase counts once, however often it is repeated, by its words and its severity, and fades with what is said and with time. Single
words never alert alone: without a phrase of two words or more a conversation does not alert, whatever its score.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from opencets.watching.hit import Hit, Where
from opencets.watching.watcher import NOWHERE, Watcher


@dataclass(frozen=True, slots=True)
class Settings:
    """How a conversation is weighed. Measured on 26 MB of innocent documents (5,000 phrases of their commonest words): from 10 on
    1.5 documents a megabyte alert, from 20 on none."""

    alert_from: float = 10.0
    by_words: tuple[float, float, float] = (0.3, 3.0, 8.0)
    """What a phrase of one, two, three and more words counts at severity 3."""
    half_life_characters: int = 2_000
    half_life_seconds: float = 6 * 3600.0
    window_characters: int = 20_000
    both_sides: float = 1.25
    """By how much more the whole counts when both sides use phrases."""
    named: int = 4
    """How many phrases the reason names."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a message made of the conversation. ``alert`` tells that an officer should look now; ``reason`` is one sentence."""

    hits: tuple[Hit, ...]
    score: float
    alert: bool
    severity: int
    """The highest among the phrases that count; 0 without any."""
    distinct: int
    reason: str


@dataclass(slots=True)
class _Counted:
    hit: Hit
    weight: float
    characters: int
    seconds: float
    side: str
    turn: int

    def left(self, characters: int, seconds: float, settings: Settings) -> float:
        by_text = 0.5 ** ((characters - self.characters) / settings.half_life_characters)
        by_time = 0.5 ** (max(0.0, seconds - self.seconds) / settings.half_life_seconds)
        return float(self.weight * by_text * by_time)


@dataclass(slots=True)
class Conversation:
    """One conversation: the messages of a program and thread, of both sides, in their order."""

    watcher: Watcher
    settings: Settings = field(default_factory=Settings)
    _counted: dict[tuple[str, str], _Counted] = field(default_factory=dict)
    _alerted: set[tuple[str, str]] = field(default_factory=set)
    _characters: int = 0
    _turns: int = 0

    def add(self, text: str, side: str = "", at: float | None = None, where: Where = NOWHERE) -> Turn:
        """The next message: who says it (``side``, any name that is the same for the same person) and when, in seconds.

        Without a time nothing fades by time.
        """
        return self.weigh(self.watcher.scan(text, where), len(text), side or where.direction, at)

    def weigh(self, hits: list[Hit], characters: int, side: str = "", at: float | None = None) -> Turn:
        """The same for hits that were found already."""
        self._turns += 1
        self._characters += characters
        seconds = at if at is not None else max((each.seconds for each in self._counted.values()), default=0.0)
        new = False
        for hit in hits:
            key = (hit.library, hit.phrase)
            weight = self.settings.by_words[min(hit.words, 3) - 1] * hit.severity / 3
            before = self._counted.get(key)
            if before is None or before.left(self._characters, seconds, self.settings) <= weight:
                self._counted[key] = _Counted(hit, weight, self._characters, seconds, side, self._turns)
            new = new or key not in self._alerted
        for key, each in list(self._counted.items()):
            if self._characters - each.characters > self.settings.window_characters:
                del self._counted[key]
                self._alerted.discard(key)
        return self._turn(tuple(hits), seconds, new)

    def _turn(self, hits: tuple[Hit, ...], seconds: float, new: bool) -> Turn:
        left = [(each.left(self._characters, seconds, self.settings), each) for each in self._counted.values()]
        left.sort(key=lambda pair: (-pair[0], pair[1].hit.phrase))
        sides = {each.side for _, each in left if each.side}
        both = len(sides) > 1
        score = sum(weight for weight, _ in left) * (self.settings.both_sides if both else 1.0)
        whole = any(each.hit.words > 1 for _, each in left)
        alert = new and whole and score >= self.settings.alert_from
        if alert:
            self._alerted.update(self._counted)
        severity = max((each.hit.severity for _, each in left), default=0)
        return Turn(hits, score, alert, severity, len(left), self._reason(left, score, both, whole))

    def _reason(self, left: list[tuple[float, _Counted]], score: float, both: bool, whole: bool) -> str:
        if not left:
            return "No phrase counts in this conversation."
        named = [
            f"“{each.hit.phrase}” {weight:.1f} (severity {each.hit.severity}{_ago(self._turns - each.turn)})"
            for weight, each in left[: self.settings.named]
        ]
        more = len(left) - len(named)
        parts = ", ".join(named) + (f" and {more} more" if more else "")
        told = f"Score {score:.1f} of {self.settings.alert_from:g} from {len(left)} distinct phrases: {parts}"
        if both:
            told += f"; raised {self.settings.both_sides:g} times because both sides use them"
        if not whole:
            told += "; single words alone never alert"
        return told + "."


def _ago(turns: int) -> str:
    return f", {turns} turn{'s' if turns > 1 else ''} ago" if turns else ""
