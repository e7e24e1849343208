"""What is said in one window or page, message by message, in memory alone: so that a phrase in pieces is found, and told once.

A conversation is of one program and one page, or window, under one condition of the order, so that nothing that a condition does
not allow is ever beside what it allows. What is typed is one's own side, what is shown the other's. It holds the last messages and
no more: by count, by characters, by age; at most so many conversations. Nothing of it is ever written.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from opencets.watching import Conversation, Watcher
from opencets_agent.collectors.contract import Seen

MOST_CONVERSATIONS = 40
MOST_MESSAGES = 30
KEPT_OF_A_MESSAGE = 600
"""Characters: the end of a longer message."""
REMEMBERED_SECONDS = 900.0
AGAIN_SECONDS = 60.0
"""A phrase in pieces is told again after so many, where it stands in other messages: a page shows what was typed in its own way."""
LOOKED_BACK = 600
"""Characters before the newest message in which a phrase may begin."""
BETWEEN = "\n"
LABEL_WORDS = 4
"""Words with which what is shown begins or ends, as other messages do: a name, a time, a mark that it was read."""
_WORD = re.compile(r"\S+")
_SIDES = {"typed": "own", "shown": "other"}


@dataclass(slots=True, eq=False)
class Message:
    """One message, or what is being typed. ``first`` to ``last``: what is left of it without labels."""

    side: str
    text: str
    at: float
    first: int = 0
    last: int = 0
    number: int = field(default_factory=count(1).__next__)


Parts = Sequence[tuple[Message, int, int]]
"""Messages, and where in each a part of a phrase stands."""


@dataclass(frozen=True, slots=True)
class Window:
    """Messages joined by line breaks, the newest last: where each begins in ``text``, and how many of its characters were cut."""

    messages: tuple[Message, ...]
    text: str
    starts: tuple[int, ...]
    cut: tuple[int, ...]
    begin: int
    """Where in ``text`` the new piece lies."""
    end: int

    def parts(self, start: int, end: int) -> Parts:
        """In which messages a stretch of ``text`` stands, and where in each; fewer than two: it is no phrase in pieces."""
        ends = (*self.starts[1:], len(self.text) + len(BETWEEN))
        return [
            (message, cut + max(start - first, 0), cut + min(end, last - len(BETWEEN)) - first)
            for message, first, last, cut in zip(self.messages, self.starts, ends, self.cut, strict=True)
            if start < last - len(BETWEEN) and end > first
        ]


@dataclass(slots=True)
class Thread:
    """One conversation."""

    weighed: Conversation
    messages: list[Message] = field(default_factory=list)
    draft: Message | None = None
    at: float = 0.0
    _told: dict[tuple[str, str], tuple[float, frozenset[int]]] = field(default_factory=dict)
    """When each phrase was last told from pieces, and of which messages, by their numbers."""

    def is_fresh(self, key: tuple[str, str], parts: Parts, now: float) -> bool:
        """Whether a phrase in pieces was not told yet, of these messages or just now; asked once, it counts as told."""
        at, told = self._told.get(key, (now - AGAIN_SECONDS, frozenset()))
        numbers = frozenset(one.number for one, _, _ in parts)
        if now - at < AGAIN_SECONDS or numbers & told:
            return False
        self._told[key] = (now, numbers)
        return True

    def hear(self, seen: Seen, now: float) -> Message | None:
        """Take a text in; the message that it belongs to. None: it is blank, or stands here already (drawn anew)."""
        self.at, side = now, _SIDES[seen.collector]
        self.messages = [one for one in self.messages if now - one.at < REMEMBERED_SECONDS]
        if not seen.text.strip():
            return None
        if side == "own":
            message = self._typed(seen, now)
        elif any(_same(seen.text, one.text) for one in self.messages):
            return None
        else:
            message = Message(side, seen.text[-KEPT_OF_A_MESSAGE:], now)
            _find_labels(message, [one for one in self.messages if one.side == side])
        self.messages = [*(one for one in self.messages if one is not message), message][-MOST_MESSAGES:]
        return message

    def _typed(self, seen: Seen, now: float) -> Message:
        """What is typed goes on in the message that is being typed; a field that was emptied, or another one, begins the next."""
        before = seen.text[: seen.begin] + seen.text[seen.end :]
        draft = self.draft
        if draft is None or draft not in self.messages or not _goes_on(draft.text, before):
            draft = self.draft = Message("own", "", now)
        draft.text, draft.at = seen.text[-KEPT_OF_A_MESSAGE:], now
        return draft

    def windows(self, newest: Message, seen: Seen) -> Iterator[Window]:
        """What a phrase that ends in the new piece may stand in: the messages of its side, then of both; with labels and bare."""
        both = [one for one in self.messages if one is not newest]
        own = [one for one in both if one.side == newest.side]
        for chosen in [own] if len(own) == len(both) else [own, both]:
            if chosen:
                yield _window([*chosen, newest], seen, labels=True)
                if any(one.last for one in (*chosen, newest)):
                    yield _window([*chosen, newest], seen, labels=False)


def _window(messages: Sequence[Message], seen: Seen, *, labels: bool) -> Window:
    """The newest message as it was seen, and of those before it as many as begin within `LOOKED_BACK`."""
    kept, length = [messages[-1]], 0
    for one in reversed(messages[:-1]):
        length += len(one.text) + len(BETWEEN)
        if length > LOOKED_BACK and len(kept) > 1:
            break
        kept.insert(0, one)
    texts, spans = [*(one.text for one in kept[:-1]), seen.text], [(0, 0) for _ in kept]
    if not labels:
        spans = [(one.first, one.last) for one in kept]
    if len(seen.text) > KEPT_OF_A_MESSAGE:
        spans[-1] = (0, 0)
    texts = [text[first : last or None] for text, (first, last) in zip(texts, spans, strict=True)]
    starts = [0]
    for text in texts[:-1]:
        starts.append(starts[-1] + len(text) + len(BETWEEN))
    cut = tuple(first for first, _ in spans)
    begin, end = (starts[-1] + max(place - cut[-1], 0) for place in (seen.begin, seen.end))
    return Window(tuple(kept), BETWEEN.join(texts), tuple(starts), cut, begin, end)


def _find_labels(message: Message, others: Sequence[Message]) -> None:
    """Set what of a message, and of those that have the same, is left without the words that they begin or end with alike."""
    for other in others:
        heads = [[_plain(word[0]) for word in _WORD.finditer(one.text)] for one in (message, other)]
        alike = _common(*(words[:LABEL_WORDS] for words in heads))
        alike_at_end = _common(*(words[::-1][:LABEL_WORDS] for words in heads))
        if (alike or alike_at_end) and alike + alike_at_end < min(map(len, heads)):
            for one in (message, other):
                words = list(_WORD.finditer(one.text))
                one.first = max(one.first, words[alike].start())
                one.last = min(one.last or len(one.text), words[len(words) - alike_at_end - 1].end())


def _plain(word: str) -> str:
    """A word as labels are compared: whatever its digits are."""
    return re.sub(r"\d", "0", word.casefold())


class Conversations:
    """Those of a run, the one heard of last at the end."""

    def __init__(self) -> None:
        self._watcher = Watcher([])
        self._threads: OrderedDict[str, Thread] = OrderedDict()

    def __len__(self) -> int:
        return len(self._threads)

    @staticmethod
    def hears(seen: Seen) -> bool:
        """Whether a text is part of a conversation; what is copied is none."""
        return seen.collector in _SIDES

    def of(self, key: str, now: float) -> Thread:
        """The conversation of a key; the one that was heard of longest ago makes room."""
        self.forget_old(now)
        thread = self._threads.get(key)
        if thread is None:
            thread = self._threads[key] = Thread(Conversation(self._watcher), at=now)
        self._threads.move_to_end(key)
        while len(self._threads) > MOST_CONVERSATIONS:
            self._threads.popitem(last=False)
        return thread

    def forget_old(self, now: float) -> None:
        """Those in which nothing was said for so long."""
        while self._threads and next(iter(self._threads.values())).at <= now - REMEMBERED_SECONDS:
            self._threads.popitem(last=False)

    def forget(self) -> None:
        """All of them."""
        self._threads.clear()


def words_of_parts(parts: Parts, now: float) -> str:
    """Where the pieces of a phrase stand, for the officer: in a sentence without its full stop."""
    told = [
        f"characters {start} to {end} of one {'typed' if one.side == 'own' else 'shown'} {_ago(now - one.at)}"
        for one, start, end in parts
    ]
    return f"its parts stand in {len(parts)} messages: {', '.join(told)}"


def _ago(seconds: float) -> str:
    return "now" if seconds < 1 else f"{seconds:,.0f} s before"


def _same(left: str, right: str) -> bool:
    return " ".join(left.casefold().split()) == " ".join(right[-KEPT_OF_A_MESSAGE:].casefold().split())


def _goes_on(draft: str, before: str) -> bool:
    """Whether a text is what was typed, still, or with a change in it; not when the field was emptied, or is another."""
    if not before.strip():
        return not draft.strip()
    draft, before = draft[-KEPT_OF_A_MESSAGE:], before[-KEPT_OF_A_MESSAGE:]
    if draft == before or draft.endswith(before) or before.endswith(draft):
        return True
    same = _common(draft, before) + _common(draft[::-1], before[::-1])
    return 2 * same >= max(len(draft), len(before))


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    """How many are the same from the beginning on."""
    return next(
        (place for place, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right))
    )
