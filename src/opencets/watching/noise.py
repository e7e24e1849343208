"""What a library would say about innocent text, phrase by phrase; what a new version finds and loses; what to look at."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from opencets.watching.comparing import JOINED_FROM, wanted
from opencets.watching.conversation import Conversation, Settings
from opencets.watching.hit import Hit
from opencets.watching.library import Library
from opencets.watching.watcher import Watcher

MEGABYTE = 1_000_000
MOST_PER_MB = 1.0
"""Hits per MB of innocent text from which a phrase is called noisy. 5,000 phrases of two words and more, made of common words on
purpose, gave 137 together."""
FEW_LETTERS = 4
BATCH = 20_000
EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Noise:
    """What a library found in innocent text."""

    lines: int
    size: int
    """Bytes of the sample, as UTF-8."""
    hits: dict[str, int]
    """By phrase."""
    examples: dict[str, tuple[str, ...]]

    def per_mb(self, phrase: str) -> float:
        return self.hits.get(phrase, 0) * MEGABYTE / self.size if self.size else 0.0

    @property
    def total_per_mb(self) -> float:
        return sum(self.hits.values()) * MEGABYTE / self.size if self.size else 0.0

    def noisiest(self, most: int = 20) -> list[tuple[str, int, float]]:
        """Phrase, hits, hits per MB; the noisiest first."""
        ranked = sorted(self.hits.items(), key=lambda pair: (-pair[1], pair[0]))
        return [(phrase, count, self.per_mb(phrase)) for phrase, count in ranked[:most]]


def measure(library: Library, sample: Iterable[str]) -> Noise:
    """The hits of each phrase in texts that are known to be innocent, each line a text of its own."""
    watcher = Watcher([library])
    hits: Counter[str] = Counter()
    examples: dict[str, list[str]] = defaultdict(list)
    lines = size = 0
    stream = iter(sample)
    while batch := list(islice(stream, BATCH)):
        lines += len(batch)
        size += sum(len(line.encode("utf-8", "replace")) + 1 for line in batch)
        for number, found in watcher.scan_lines(batch):
            for hit in found:
                hits[hit.phrase] += 1
                if len(examples[hit.phrase]) < EXAMPLES:
                    examples[hit.phrase].append(around(batch[number], hit))
    return Noise(lines, size, dict(hits), {phrase: tuple(some) for phrase, some in examples.items()})


def around(text: str, hit: Hit, characters: int = 30) -> str:
    """A hit with what stands around it, in one line."""
    return " ".join(text[max(0, hit.start - characters) : hit.end + characters].split())


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about a library that its author should look at. ``serious``: it should not go live so."""

    phrase: str
    sentence: str
    serious: bool = False


def remarks(library: Library) -> list[Remark]:
    """What can be said of a library without any text."""
    said: list[Remark] = []
    by_letters: dict[tuple[str, tuple[int, ...], str], str] = {}
    used: set[str] = set()
    measured = 0
    for phrase in library.phrases:
        entry = wanted(phrase)
        used.update(phrase.contexts)
        measured += phrase.hits_per_mb is not None
        before = by_letters.setdefault((entry.letters, entry.cuts, phrase.pattern), phrase.key)
        if before != phrase.key:
            said.append(
                Remark(phrase.key, f"it is the same as “{before}” once both are folded; each text gives two hits", True)
            )
        if len(entry.letters) < FEW_LETTERS and not entry.glued:
            said.append(
                Remark(phrase.key, f"it has {len(entry.letters)} letters; short words stand in innocent text by chance")
            )
        if entry.words == 1 and phrase.severity >= 4 and not phrase.pattern:
            said.append(
                Remark(
                    phrase.key, f"it is a single word of severity {phrase.severity}; a single word never alerts alone"
                )
            )
        if entry.words > 1 and not entry.is_joined and not entry.glued:
            said.append(
                Remark(
                    phrase.key,
                    f"it has fewer than {JOINED_FROM} letters and is not found when it is written without spaces",
                )
            )
        if phrase.hits_per_mb is not None and phrase.hits_per_mb > MOST_PER_MB:
            said.append(
                Remark(phrase.key, f"it was measured at {phrase.hits_per_mb:g} hits per MB of innocent text", True)
            )
        scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in phrase.phrase if letter.isalpha()}
        if {"CYRILLIC", "LATIN"} <= scripts or {"GREEK", "LATIN"} <= scripts:
            said.append(
                Remark(phrase.key, "it mixes scripts whose letters look alike; the engine folds them, write it in one")
            )
    if measured < len(library.phrases):
        rest = len(library.phrases) - measured
        said.append(
            Remark("", f"{rest} of {len(library.phrases)} phrases were never measured on innocent text (hits_per_mb)")
        )
    said += [Remark("", f"the context “{name}” is used by no phrase") for name in sorted(set(library.contexts) - used)]
    return said


@dataclass(frozen=True, slots=True)
class Trial:
    """Whether a library may go live, by what it would have said about a sample."""

    noise: Noise
    conversations: int
    alerts: int
    reasons: tuple[str, ...]
    """Why not; empty when it may."""


def trial(
    library: Library, conversations: Iterable[Sequence[str]], most_per_mb: float = MOST_PER_MB, most_alerts: int = 0,
    settings: Settings | None = None,
) -> Trial:  # fmt: skip
    """Innocent conversations as if they were watched: the noise of each phrase, and how many conversations would alert."""
    settings = settings or Settings()
    kept: list[Sequence[str]] = list(conversations)
    noise = measure(library, (line for lines in kept for line in lines))
    watcher = Watcher([library])
    alerts = sum(_alerts(watcher, lines, settings) for lines in kept)
    reasons = [
        f"“{phrase}” hits {per_mb:.2f} times per MB, more than {most_per_mb:g}"
        for phrase, _, per_mb in noise.noisiest(len(noise.hits))
        if per_mb > most_per_mb
    ]
    if alerts > most_alerts:
        reasons.append(f"{alerts} of {len(kept)} innocent conversations would alert, more than {most_alerts}")
    return Trial(noise, len(kept), alerts, tuple(reasons))


def _alerts(watcher: Watcher, lines: Sequence[str], settings: Settings) -> bool:
    conversation = Conversation(watcher, settings)
    found = dict(watcher.scan_lines(lines))
    return any(conversation.weigh(found.get(at, []), len(line)).alert for at, line in enumerate(lines))


@dataclass(frozen=True, slots=True)
class Change:
    """A hit that only one of two versions has, or that both have with another severity."""

    line: int
    phrase: str
    old: int
    """Severity; 0 when it is not found."""
    new: int
    text: str


def compare(old: Library, new: Library, sample: Iterable[str]) -> list[Change]:
    """What a new version would find, lose and weigh differently in a sample, line by line."""
    watchers = (Watcher([old]), Watcher([new]))
    changes: list[Change] = []
    stream, first = iter(sample), 0
    while batch := list(islice(stream, BATCH)):
        found = [dict(watcher.scan_lines(batch)) for watcher in watchers]
        for number in sorted({*found[0], *found[1]}):
            was, now = ({(hit.start, hit.end, hit.phrase): hit for hit in each.get(number, ())} for each in found)
            for key in sorted({*was, *now}):
                before, after = was.get(key), now.get(key)
                severities = (before.severity if before else 0, after.severity if after else 0)
                hit = before or after
                if severities[0] != severities[1] and hit:
                    changes.append(Change(first + number, hit.phrase, *severities, around(batch[number], hit)))
        first += len(batch)
    return changes
