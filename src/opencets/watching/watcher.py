"""Many phrases in many texts, each hit with its place, its severity and the reason for it.

``scan`` looks at one text; ``scan_lines`` at many, each for itself, and gives the same hits. Both find places by an automaton and
decide by ``comparing``; ``plain.py`` finds the same by looking up every stretch of a text, and the tests hold them to it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

from opencets.watching.comparing import Place, Wanted, least_places, places, wanted
from opencets.watching.folding import Folded, Run, counted_signs, fold, is_cut
from opencets.watching.hit import Hit, Where
from opencets.watching.library import Context, Library, Phrase
from opencets.watching.patterns import compile_pattern

if TYPE_CHECKING:
    from opencets.watching.screen import Found, Screen

LONG = 8_000
"""Characters from which a text is looked at in windows."""
WINDOW = 4_000
OVERLAP = 1_000
"""A hit that is longer than this, with all that stands between its letters, is not found in a long text."""
NOWHERE = Where()
SEPARATORS = frozenset(sign for sign in map(chr, range(128)) if fold(sign) == " ")


class Watcher:
    """Libraries, ready to look at texts. ``muted``: phrases by their key that an agency has switched off."""

    def __init__(
        self, libraries: Sequence[Library], languages: Iterable[str] | None = None, muted: Iterable[str] = ()
    ) -> None:
        spoken, silent = None if languages is None else set(languages), set(muted)
        self.libraries = tuple(libraries)
        self.wanted: list[Wanted] = []
        self._contexts: list[Mapping[str, Context]] = []
        for library in self.libraries:
            for phrase in library.phrases:
                if (spoken is None or phrase.language in spoken) and phrase.key not in silent:
                    self.wanted.append(wanted(phrase, library.name, library.version))
                    self._contexts.append(library.contexts)
        by_loose: dict[str, list[int]] = defaultdict(list)
        for at, entry in enumerate(self.wanted):
            by_loose[entry.loose].append(at)
        self._loose = list(by_loose.values())
        self._automaton = AhoCorasick(
            list(by_loose),
            matchkind=MatchKind.Standard,
            implementation=Implementation.ContiguousNFA,
            store_patterns=False,
        )
        self._patterns: dict[str, re.Pattern[str]] = {}
        self._context_words: dict[Context, list[Wanted]] = {}
        self._plain: dict[int, tuple[str, Hit] | None] = {}
        self._screen: Screen | None = None

    def scan(self, text: str, where: Where = NOWHERE) -> list[Hit]:
        """The hits in a text, in the order in which they begin."""
        if len(text) > LONG:
            return self._scan_long(text, where)
        return self._hits(text, where, None)

    def scan_lines(self, lines: Iterable[str], where: Where = NOWHERE) -> Iterator[tuple[int, list[Hit]]]:
        """The texts that have hits, by their number from 0; none reaches from one text into the next."""
        from opencets.watching.screen import Screen

        if self._screen is None:
            self._screen = Screen(self.wanted)
        for number, line, found, is_strange in self._screen.candidates(lines):
            if found is None:
                hits = self.scan(line, where)
            else:
                hits = ([] if is_strange else self._plain_hits(line, found)) or self._near(line, where, found)
            if hits:
                yield number, hits

    def _scan_long(self, text: str, where: Where) -> list[Hit]:
        starts = range(0, len(text) - OVERLAP, WINDOW - OVERLAP)
        found: dict[tuple[int, int, str, str], Hit] = {}
        for number, hits in self.scan_lines((text[start : start + WINDOW] for start in starts), where):
            begin = starts[number]
            for hit in hits:
                start, end = hit.start + begin, hit.end + begin
                if (hit.start or not begin) and (hit.end < WINDOW or end == len(text)):  # not cut by its window
                    found[start, end, hit.phrase, hit.library] = _moved(hit, begin)
        return sorted(found.values(), key=_order)

    def _plain_hits(self, line: str, found: Found) -> list[Hit]:
        """The hits where each phrase stands as it is written, between separators; none where that is not so of all."""
        hits = []
        for at, start, end in found:
            plain = self._plain[at] if at in self._plain else self._plain_of(at)
            if not plain or line[start:end].lower() != plain[0]:
                return []
            if (start and line[start - 1] not in SEPARATORS) or (end < len(line) and line[end] not in SEPARATORS):
                return []
            hits.append(plain[1]._replace(start=start, end=end, matched=line[start:end]))
        return sorted(hits, key=_order) if len(hits) > 1 else hits

    def _near(self, line: str, where: Where, found: Found) -> list[Hit]:
        """The hits of phrases where they may stand, by the tokens there alone, unless more of the line must be known."""
        if any(self.wanted[at].phrase.contexts or self.wanted[at].phrase.pattern for at, _, _ in found):
            return self._hits(line, where, {at for at, _, _ in found})
        hits: list[Hit] = []
        for start, end, some in _stretches(line, found):
            hits += [_moved(hit, start) for hit in self._hits(line[start:end], where, some)]
        return hits

    def _plain_of(self, at: int) -> tuple[str, Hit] | None:
        """How a phrase stands when it is written as it is, and the hit that it then gives; None when more must be known."""
        if at not in self._plain:
            entry = self.wanted[at]
            low = entry.phrase.phrase.lower()
            found = None
            if not (entry.glued or entry.phrase.contexts or entry.phrase.pattern) and len(low) == len(
                entry.phrase.phrase
            ):
                found = next(iter(self._hits(low, NOWHERE, [at])), None)
            self._plain[at] = (low, found) if found and (found.end, found.how) == (len(low), "words") else None
        return self._plain[at]

    def _hits(self, text: str, where: Where, only: Collection[int] | None) -> list[Hit]:
        readings = [Folded(text)]
        if counted_signs(text):
            readings.append(Folded(text, signed=True))
        spans: dict[int, list[tuple[int, int, Place, int]]] = defaultdict(list)
        for which, read in enumerate(readings):
            found: dict[int, list[Place]] = defaultdict(list)
            for at, first in self._candidates(read.loose, only):
                found[at] += places(self.wanted[at], read, first)
            for at, some in found.items():
                spans[at] += [
                    (read.start(place.first), _end(text, read.end(place.end - 1)), place, which)
                    for place in least_places(some)
                ]
        hits: list[Hit] = []
        for at, some_spans in spans.items():
            for start, end, place, which in _least(some_spans):
                hits += self._told(text, where, at, (start, end), place, readings[which])
        return sorted(hits, key=_order)

    def _candidates(self, loose: str, only: Collection[int] | None) -> Iterator[tuple[int, int]]:
        if only is not None:
            for at in only:
                for place in _found(self.wanted[at].loose, loose):
                    yield at, place
            return
        for which, start, _ in self._automaton.find_matches_as_indexes(loose, overlapping=True):
            for at in self._loose[which]:
                yield at, start

    # --- What an officer is told -------------------------------------------------------------------------------------

    def _told(
        self, text: str, where: Where, at: int, span: tuple[int, int], place: Place, read: Folded
    ) -> Iterator[Hit]:
        entry = self.wanted[at]
        phrase = entry.phrase
        normalised = said(read.runs(place.first, place.end))
        if not phrase.pattern:
            hit = self._weighed(
                text, where, at, span, read, normalised, place.how, _disguises(text, span, place, entry)
            )
            if hit:
                yield hit
            return
        compiled = self._patterns.get(phrase.pattern)
        if compiled is None:
            compiled = self._patterns[phrase.pattern] = compile_pattern(phrase.pattern)
        begin = max(0, span[0] - phrase.window)
        for match in compiled.finditer(text[begin : span[1] + phrase.window]):
            if match.end() > match.start():
                near = [f"within {phrase.window} characters of “{phrase.phrase}”"]
                place_of = (begin + match.start(), begin + match.end())
                hit = self._weighed(text, where, at, place_of, read, match[0].casefold(), "pattern", near)
                if hit:
                    yield hit

    def _weighed(
        self, text: str, where: Where, at: int, span: tuple[int, int], read: Folded, normalised: str, how: str,
        notes: Sequence[str],
    ) -> Hit | None:  # fmt: skip
        """The hit with what its contexts make of it; None when one of them silences it."""
        entry = self.wanted[at]
        phrase = entry.phrase
        severity, changes = phrase.severity, []
        names = []
        for name in phrase.contexts:
            context = self._contexts[at][name]
            if not self._holds(context, where, span, read):
                continue
            if context.silences:
                return None
            names.append(name)
            severity += context.by
            changes.append(
                f"{'raised' if context.by > 0 else 'lowered'} by {abs(context.by)}: {context.sentence.rstrip('.')}"
            )
        severity = min(5, max(1, severity))
        told = [f"“{phrase.key}” ({phrase.theme}, severity {severity}) of {entry.library} version {entry.version}"]
        reason = ", ".join([*told, *notes]) + ("; " + "; ".join(changes) if changes else "") + "."
        return Hit(
            span[0], span[1], phrase.key, entry.library, entry.version, severity, reason, text[span[0] : span[1]], normalised,
            phrase.language, phrase.theme, entry.words, how, tuple(names),
        )  # fmt: skip

    def _holds(self, context: Context, where: Where, span: tuple[int, int], read: Folded) -> bool:
        for asked, there in (
            (context.directions, where.direction), (context.programs, where.program), (context.categories, where.category),
        ):  # fmt: skip
            if asked and (not there or there.casefold() not in {each.casefold() for each in asked}):
                return False
        return not context.words or self._is_near(context, span, read)

    def _is_near(self, context: Context, span: tuple[int, int], read: Folded) -> bool:
        entries = self._context_words.get(context)
        if entries is None:
            entries = [wanted(Phrase(word, 1, "", "", "")) for word in context.words]
            self._context_words[context] = entries
        for entry in entries:
            for at in _found(entry.loose, read.loose):
                for place in places(entry, read, at):
                    start, end = read.start(place.first), read.end(place.end - 1)
                    before, after = span[0] - end, start - span[1]
                    if 0 <= max(before, after) <= context.within:
                        return True
        return False


def _stretches(line: str, found: Found) -> list[tuple[int, int, set[int]]]:
    """The tokens in which phrases may stand, and which; none of the stretches reaches into another."""
    stretches: list[tuple[int, int, set[int]]] = []
    for start, end, at in sorted((start, end, at) for at, start, end in found):
        while start and not is_cut(line, start):
            start -= 1
        while end < len(line) and not is_cut(line, end):
            end += 1
        if stretches and start < stretches[-1][1]:
            before = stretches.pop()
            stretches.append((before[0], max(before[1], end), before[2] | {at}))
        else:
            stretches.append((start, end, {at}))
    return stretches


def _found(part: str, whole: str) -> Iterator[int]:
    at = whole.find(part)
    while at >= 0:
        yield at
        at = whole.find(part, at + 1)


def said(runs: Sequence[Run]) -> str:
    """Runs as a text: the letters as they were compared, tokens apart."""
    return "".join((" " if run.opens and at else "") + run.letter * run.size for at, run in enumerate(runs))


def _end(text: str, end: int) -> int:
    """With the accents and joiners that follow the last letter."""
    while end < len(text) and fold(text[end]) == "":
        end += 1
    return end


def _least(found: Sequence[tuple[int, int, Place, int]]) -> list[tuple[int, int, Place, int]]:
    """The places of both readings, those that have no other within."""
    if len(found) < 2:
        return list(found)
    kept: list[tuple[int, int, Place, int]] = []
    for each in sorted(found, key=lambda each: (each[1] - each[0], each[0], each[3])):
        if not any(each[0] <= other[0] and other[1] <= each[1] for other in kept):
            kept.append(each)
    return kept


def _disguises(text: str, span: tuple[int, int], place: Place, entry: Wanted) -> list[str]:
    """How the text differs from the phrase, in words."""
    notes = []
    written = text[span[0] : span[1]]
    if " ".join(written.split()).casefold() != " ".join(entry.phrase.phrase.split()).casefold():
        notes.append(f"written “{' '.join(written.split())[:80]}”")
    if place.how == "spelled":
        notes.append("spelled letter by letter")
    if place.how == "joined":
        notes.append("cut or joined differently")
    if place.leet:
        notes.append("with digits or signs for letters")
    if place.emphasised:
        notes.append("with repeated letters")
    return notes


def _order(hit: Hit) -> tuple[int, int, str, str]:
    return (hit.start, hit.end, hit.library, hit.phrase)


def _moved(hit: Hit, by: int) -> Hit:
    return hit._replace(start=hit.start + by, end=hit.end + by)
