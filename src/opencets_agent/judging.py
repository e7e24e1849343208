"""Whether something seen is kept: first what the order excludes is put away, then the rest is matched, in memory, and forgotten.

Nothing is written or sent from here but hits. The last messages of a conversation are remembered, in memory, so that a phrase whose
parts stand in several of them is found too; any other text without a hit leaves no trace.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from opencets.packing.captures import Hit, KnownFile, Rule, Text, Where
from opencets.packing.fields import cleaned
from opencets.packing.order import Condition, Order
from opencets.watching import Hit as Find
from opencets.watching import Turn
from opencets_agent.clock import Clock
from opencets_agent.collectors.contract import BROWSERS, Place, Seen
from opencets_agent.collectors.file import Found
from opencets_agent.conversations import Conversations, Parts, Window, words_of_parts

REPEATED_SECONDS = 10.0
"""The same find at the same place is told once in so many seconds; of one phrase so often a picture is taken."""
_MOST_REMEMBERED = 2000


CONVERSATION, TOGETHER = "conversation", "several phrases together"


@dataclass(frozen=True, slots=True)
class Piece:
    """A phrase whose parts stand in several messages."""

    find: Find
    window: Window
    parts: Parts


@dataclass(frozen=True, slots=True)
class Talk:
    """What a text made of its conversation under one condition."""

    pieces: tuple[Piece, ...]
    turn: Turn


class Judge:
    """Decides, under one order. ``scan`` finds phrases; ``hit`` is told of each find that the order wants."""

    def __init__(
        self, order: Order, device: str, clock: Clock, scan: Callable[[str, Seen], Sequence[Find]],
        hit: Callable[[Hit, Condition, Place, bool], None],
    ) -> None:  # fmt: skip
        self.order, self._device, self._clock, self._scan, self._hit = order, device, clock, scan, hit
        self._recent: dict[str, float] = {}
        self._conversations = Conversations()
        self.counted = 0
        """How many texts were matched; for the tests, and for the status."""

    def allowing(self, collector: str, place: Place) -> list[Condition]:
        """The conditions under which this collector may take something there and now; none: it is put away unread."""
        local = self.order.local_time(self._clock.now())
        return [
            one
            for one in self.order.conditions_for(collector)
            if not one.excluded.why(place.program, place.window, place.address, local)
            and not (one.excluded.sites and not place.address and _is_browser(place.program))
        ]

    def why_paused(self) -> str:
        """Why nothing at all may be taken just now, in a sentence; empty: something may."""
        local = self.order.local_time(self._clock.now())
        if all(any(hours.contains(local) for hours in one.excluded.hours) for one in self.order.conditions):
            return "the hour is excluded"
        return ""

    def see(self, seen: Seen) -> None:
        """Match a text, if it may be, for itself and with what was said before it; what is not found is forgotten."""
        conditions = self.allowing(seen.collector, seen.place)
        if not conditions:
            return
        self.counted += 1
        found = [one for one in self._scan(seen.text, seen) if one.end > seen.begin and one.start < seen.end]
        talks, told = self._talks(seen, conditions, found), set[tuple[str, str]]()
        for find in found:
            for condition in conditions:
                if find.severity >= condition.severity_from:
                    self._tell(seen, find, condition, talks.get(condition.ref))
                    told.add((find.library, find.phrase))
                    break
        for condition in conditions:
            if (talk := talks.get(condition.ref)) is not None:
                self._tell_of_talk(seen, condition, found, talk, told)

    def forget(self) -> None:
        """What was said before: when collecting stops."""
        self._conversations.forget()

    def forget_old(self) -> None:
        """What was said too long ago."""
        self._conversations.forget_old(time.monotonic())

    def _talks(self, seen: Seen, conditions: Sequence[Condition], found: Sequence[Find]) -> dict[str, Talk]:
        """What the text made of its conversation, for each condition; nothing where it is no part of one, or stood there before."""
        if not self._conversations.hears(seen):
            return {}
        scanned = dict[str, Sequence[Find]]()
        talks = {one.ref: self._talk(seen, one, found, scanned) for one in conditions}
        return {ref: talk for ref, talk in talks.items() if talk is not None}

    def _talk(
        self, seen: Seen, condition: Condition, found: Sequence[Find], scanned: dict[str, Sequence[Find]]
    ) -> Talk | None:
        now = time.monotonic()
        thread = self._conversations.of(f"{condition.ref} {self._thread_of(seen.place)}", now)
        message = thread.hear(seen, now)
        if message is None:
            return None
        pieces, alone = list[Piece](), {(one.library, one.phrase) for one in found}
        for window in thread.windows(message, seen):
            if window.text not in scanned:
                scanned[window.text] = self._scan(window.text, seen)
            for find in scanned[window.text]:
                key, parts = (find.library, find.phrase), window.parts(find.start, find.end)
                is_new = find.end > window.begin and find.start < window.end
                if is_new and len(parts) > 1 and key not in alone and thread.is_fresh(key, parts, now):
                    pieces.append(Piece(find, window, parts))
        finds = [*found, *(one.find for one in pieces)]
        return Talk(tuple(pieces), thread.weighed.weigh(finds, seen.end - seen.begin, message.side, now))

    def see_file(self, found: Found) -> None:
        """A new file that stands in the order's list."""
        for condition in self.allowing("file", Place("", found.path))[:1]:
            if self._is_repeated(f"file {found.sha256} {found.name}"):
                return
            file = KnownFile(cleaned(found.name, 255), found.size, found.sha256, found.md5, found.sha1)
            words = "the file stands in the order's list of known files"
            rule = Rule("known files", (self.order.known_files or "")[:12], found.sha256, 5, words)
            at, thread = self._clock.wall(), self._thread("file", "")
            hit = Hit(rule, condition.ref, at, Where("file"), "file", thread, None, file, False)
            self._hit(hit, condition, Place(""), False)

    def _tell(self, seen: Seen, find: Find, condition: Condition, talk: Talk | None) -> None:
        """A phrase that stands in one text."""
        reason = find.reason
        if talk is not None and talk.turn.distinct > 1:
            reason = f"{reason} In this conversation: {talk.turn.reason}"
        self._keep(seen, condition, _rule(find, reason), _around(seen.text, find, condition, find.start))

    def _tell_of_talk(
        self, seen: Seen, condition: Condition, found: Sequence[Find], talk: Talk, told: set[tuple[str, str]]
    ) -> None:
        """Phrases in pieces, once for all conditions; and what weak phrases make together, where nothing else was told."""
        now = time.monotonic()
        for piece in talk.pieces:
            find, key = piece.find, (piece.find.library, piece.find.phrase)
            if find.severity >= condition.severity_from and key not in told:
                told.add(key)
                reason = f"{find.reason.rstrip('.')}; {words_of_parts(piece.parts, now)}."
                self._keep(
                    seen, condition, _rule(find, reason), _around(piece.window.text, find, condition, piece.parts[0][1])
                )
        if found and talk.turn.alert and talk.turn.distinct > 1 and not told:
            self._tell_together(seen, condition, found[-1], talk.turn)

    def _tell_together(self, seen: Seen, condition: Condition, last: Find, turn: Turn) -> None:
        """Phrases that are one too weak for the condition, each, and weigh enough together."""
        if turn.severity + 1 == condition.severity_from:
            reason = f"{turn.reason} Together they count one more than the most severe of them."
            rule = Rule(CONVERSATION, "1", TOGETHER, turn.severity + 1, cleaned(reason, 1000))
            self._keep(seen, condition, rule, _around(seen.text, last, condition, last.start))

    def _keep(self, seen: Seen, condition: Condition, rule: Rule, kept: Text) -> None:
        place, thread = seen.place, self._thread_of(seen.place)
        if self._is_repeated(
            f"{seen.collector} {rule.library} {rule.phrase} {thread} {kept.before[-40:]}{kept.match}{kept.after[:40]}"
        ):
            return
        shot = condition.captures.screenshot != "none" and not self._is_repeated(f"shot {rule.library} {rule.phrase}")
        where = Where(
            seen.collector, cleaned(place.program, 200), cleaned(place.window, 500), cleaned(place.address, 2000)
        )
        hit = Hit(rule, condition.ref, self._clock.wall(), where, seen.collector, thread, kept, None, shot)
        self._hit(hit, condition, place, shot)

    def _thread_of(self, place: Place) -> str:
        return self._thread(place.program, place.address.partition("?")[0] or place.window)

    def _thread(self, program: str, thread: str) -> str:
        """The same for the same thread of the same program on this device, and nothing else to be read from it."""
        return sha256(f"{self._device}\n{program}\n{thread}".encode()).hexdigest()[:24]

    def _is_repeated(self, key: str) -> bool:
        now, mark = time.monotonic(), sha256(key.encode("utf-8", "replace")).hexdigest()
        before = self._recent.get(mark)
        if before is not None and now - before < REPEATED_SECONDS:
            return True
        if len(self._recent) > _MOST_REMEMBERED:
            self._recent = {one: at for one, at in self._recent.items() if now - at < REPEATED_SECONDS}
        self._recent[mark] = now
        return False


def _is_browser(program: str) -> bool:
    return program.casefold().removesuffix(".exe") in BROWSERS


def _rule(find: Find, reason: str) -> Rule:
    return Rule(find.library, str(find.version), find.phrase, find.severity, cleaned(reason, 1000))


def _around(text: str, find: Find, condition: Condition, start: int) -> Text:
    """A find with as many characters around it as the condition allows; ``start``: its place, as the officer is told."""
    around = condition.captures.text_around
    return Text(
        cleaned(text[max(find.start - around, 0) : find.start]), cleaned(text[find.start : find.end]),
        cleaned(text[find.end : find.end + around]), start, start + find.end - find.start,
    )  # fmt: skip
