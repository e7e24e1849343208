"""Whether something seen is kept: first what the order excludes is put away, then the rest is matched, in memory, and forgotten.

Nothing is written, kept or sent from here but hits; a text without one leaves no trace.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from opencets.packing.captures import Hit, KnownFile, Rule, Text, Where
from opencets.packing.fields import cleaned
from opencets.packing.order import Condition, Order
from opencets_agent.clock import Clock
from opencets_agent.collectors.contract import BROWSERS, Place, Seen

REPEATED_SECONDS = 10.0
"""The same find at the same place is told once in so many seconds; of one phrase so often a picture is taken."""
_MOST_REMEMBERED = 2000


@dataclass(frozen=True, slots=True)
class Match:
    """A find of a phrase library."""

    start: int
    end: int
    phrase: str
    library: str
    version: str
    severity: int
    reason: str


class Judge:
    """Decides, under one order. ``scan`` finds phrases; ``hit`` is told of each find that the order wants."""

    def __init__(
        self, order: Order, device: str, clock: Clock, scan: Callable[[str, Seen], Sequence[Match]],
        hit: Callable[[Hit, Condition, Place, bool], None],
    ) -> None:  # fmt: skip
        self.order, self._device, self._clock, self._scan, self._hit = order, device, clock, scan, hit
        self._recent: dict[str, float] = {}
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
        """Match a text, if it may be; what is not found is forgotten."""
        conditions = self.allowing(seen.collector, seen.place)
        if not conditions:
            return
        self.counted += 1
        for match in self._scan(seen.text, seen):
            if match.end <= seen.begin or match.start >= seen.end:
                continue
            for condition in conditions:
                if match.severity >= condition.severity_from:
                    self._keep(seen, match, condition)
                    break

    def see_file(self, name: str, size: int, digest: str, md5: str, path: str) -> None:
        """A new file that stands in the order's list."""
        for condition in self.allowing("file", Place("", path)):
            file = KnownFile(cleaned(name, 255), size, digest, md5)
            rule = Rule(
                "known files", (self.order.known_files or "")[:12], digest, 5, "the file stands in the order's list"
            )
            key = f"file {digest} {name}"
            if not self._is_repeated(key):
                hit = Hit(
                    rule,
                    condition.ref,
                    self._clock.wall(),
                    Where("file"),
                    "file",
                    self._thread("file", ""),
                    None,
                    file,
                    False,
                )
                self._hit(hit, condition, Place(""), False)
            break

    def _keep(self, seen: Seen, match: Match, condition: Condition) -> None:
        around, place, text = condition.captures.text_around, seen.place, seen.text
        kept = Text(
            cleaned(text[max(match.start - around, 0) : match.start]), cleaned(text[match.start : match.end]),
            cleaned(text[match.end : match.end + around]), match.start, match.end,
        )  # fmt: skip
        thread = self._thread(place.program, place.address.partition("?")[0] or place.window)
        if self._is_repeated(
            f"{seen.collector} {match.library} {match.phrase} {thread} {kept.before[-40:]}{kept.match}{kept.after[:40]}"
        ):
            return
        shot = condition.captures.screenshot != "none" and not self._is_repeated(f"shot {match.library} {match.phrase}")
        direction = seen.collector
        where = Where(
            seen.collector, cleaned(place.program, 200), cleaned(place.window, 500), cleaned(place.address, 2000)
        )
        rule = Rule(match.library, match.version, match.phrase, match.severity, cleaned(match.reason, 1000))
        hit = Hit(rule, condition.ref, self._clock.wall(), where, direction, thread, kept, None, shot)
        self._hit(hit, condition, place, shot)

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
