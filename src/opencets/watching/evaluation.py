"""How well a risk model names authors and lines: on a corpus in the form of PAN 2012 that the user brings; none is shipped.

A folder holds one XML file of conversations, a list of the authors to be found and one of the lines (conversation, tab, line). The
measures are those of that task, precision counting double (F0.5), and what an office asks besides: how many are right among as many
alerts as can be looked at, and after how many messages the alert would have come.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from xml.parsers import expat

from opencets.errors import DamagedSource, LimitReached, NotThisFormat, SourceRefused
from opencets.watching.risk import AuthorRisk, Baseline, Message, RiskModel, Weights, train

LONGEST_MESSAGE = 100_000
MOST_MESSAGES = 200_000
"""Of one conversation."""
AUTHORS = ("*predators*.txt", "*problem1*.txt", "authors.txt")
LINES = ("*diff*.txt", "*problem2*.txt", "lines.txt")
_READ = 1 << 20


@dataclass(frozen=True, slots=True)
class Corpus:
    """Where the conversations are, and which authors and lines are to be found."""

    conversations: Path
    authors: frozenset[str]
    lines: frozenset[tuple[str, int]]
    half: int | None = None
    """0 or 1: only the conversations whose names fall in this half."""


def open_corpus(folder: Path, authors: Path | None = None, lines: Path | None = None) -> Corpus:
    """The corpus in a folder; the lists are found by their usual names or are given."""
    xml = sorted(folder.glob("*.xml"))
    if len(xml) != 1:
        raise NotThisFormat(f"{folder} holds {len(xml)} XML files; one with the conversations is expected.")
    authors = authors or _one(folder, AUTHORS, "the authors to be found")
    lines = lines or _one(folder, LINES, "the lines to be found")
    named = frozenset(line.strip() for line in _listed(authors) if line.strip())
    places = set()
    for number, line in enumerate(_listed(lines), 1):
        if line.strip():
            parts = line.split()
            if len(parts) != 2 or not parts[1].isdecimal():
                raise DamagedSource(
                    f"{lines.name}:{number}: a conversation and a line are expected, with a tab between."
                )
            places.add((parts[0], int(parts[1])))
    return Corpus(xml[0], named, frozenset(places))


def _one(folder: Path, names: Sequence[str], what: str) -> Path:
    found = sorted({path for name in names for path in folder.glob(name)})
    if len(found) != 1:
        raise NotThisFormat(
            f"{folder} holds {len(found)} lists of {what} ({', '.join(names)}); give the one that is meant as an option."
        )
    return found[0]


def _listed(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as reason:
        raise SourceRefused(f"{path} cannot be read: {reason}.") from None


def read_conversations(path: Path) -> Iterator[tuple[str, list[Message]]]:
    """Each conversation with its messages, one at a time; a document type, with which entities come, is refused."""
    reader = _Reader(path.name)
    with path.open("rb") as stream:
        while True:
            part = stream.read(_READ)
            try:
                reader.parser.Parse(part, not part)
            except expat.ExpatError as reason:
                raise DamagedSource(f"{path.name}:{reason.lineno}: {expat.ErrorString(reason.code)}.") from None
            yield from reader.ready
            reader.ready.clear()
            if not part:
                return


class _Reader:
    def __init__(self, name: str) -> None:
        self.ready: list[tuple[str, list[Message]]] = []
        self._name = name
        self._conversation: str | None = None
        self._messages: list[Message] = []
        self._line = 0
        self._parts: dict[str, list[str]] = {}
        self._in = ""
        self._size = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._refuse

    def _where(self) -> str:
        return f"{self._name}:{self.parser.CurrentLineNumber}"

    def _refuse(self, *_: object) -> None:
        raise NotThisFormat(f"{self._where()}: a document type stands in it; that is not read.")

    def _start(self, tag: str, said: Mapping[str, str]) -> None:
        if tag == "conversation":
            if not said.get("id"):
                raise DamagedSource(f"{self._where()}: the conversation has no id.")
            self._conversation, self._messages = said["id"], []
        elif tag == "message":
            if self._conversation is None or not said.get("line", "").isdecimal():
                raise DamagedSource(f"{self._where()}: the message stands in no conversation or has no line.")
            self._line, self._parts, self._size = int(said["line"]), {"author": [], "text": []}, 0
        elif tag in ("author", "text"):
            self._in = tag
        elif tag not in ("conversations", "time"):
            raise NotThisFormat(f"{self._where()}: <{tag[:50]}> is not of the form of PAN 2012.")

    def _end(self, tag: str) -> None:
        self._in = ""
        if tag == "message":
            author = "".join(self._parts["author"]).strip()
            self._messages.append(Message(self._line, author, "".join(self._parts["text"]).strip()))
            if len(self._messages) > MOST_MESSAGES:
                raise LimitReached(f"{self._where()}: the conversation has more than {MOST_MESSAGES:,} messages.")
        elif tag == "conversation" and self._conversation is not None:
            self.ready.append((self._conversation, self._messages))
            self._conversation = None

    def _text(self, text: str) -> None:
        if self._in and self._in in self._parts:
            self._size += len(text)
            if self._size > LONGEST_MESSAGE:
                raise LimitReached(f"{self._where()}: the message has more than {LONGEST_MESSAGE:,} characters.")
            self._parts[self._in].append(text)


@dataclass(frozen=True, slots=True)
class Measure:
    """Of a set that was named and the set that was to be found."""

    named: int
    right: int
    there: int

    @property
    def precision(self) -> float:
        return self.right / self.named if self.named else 0.0

    @property
    def recall(self) -> float:
        return self.right / self.there if self.there else 0.0

    def f(self, beta: float) -> float:
        """F of this beta: below 1 precision counts more, above 1 recall."""
        below = beta * beta * self.precision + self.recall
        return (1 + beta * beta) * self.precision * self.recall / below if below else 0.0

    def to_json(self) -> dict[str, float]:
        return {
            "named": self.named, "right": self.right, "there": self.there, "precision": round(self.precision, 4),
            "recall": round(self.recall, 4), "f0.5": round(self.f(0.5), 4), "f1": round(self.f(1), 4),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a model did on a corpus."""

    model: str
    conversations: int
    messages: int
    all_authors: int
    authors: Measure
    lines: Measure
    budget: int
    at_budget: Measure
    """Of the authors with the highest scores, as many as can be looked at."""
    turns_to_alert: float | None
    """Median over the conversations of authors rightly named, in messages of the conversation; None without any."""
    share_to_alert: float | None
    """The same as a share of the conversation."""

    def to_json(self) -> dict[str, object]:
        return {
            "model": self.model, "conversations": self.conversations, "messages": self.messages, "all_authors": self.all_authors,
            "authors": self.authors.to_json(), "lines": self.lines.to_json(),
            "budget": {"alerts": self.budget, **self.at_budget.to_json()},
            "turns_to_alert": self.turns_to_alert, "share_to_alert": self.share_to_alert,
        }  # fmt: skip


def judged(corpus: Corpus, model: RiskModel) -> Iterator[tuple[str, int, list[AuthorRisk]]]:
    """Each conversation with its number of messages and what the model says of its authors."""
    for name, messages in read_conversations(corpus.conversations):
        if corpus.half is not None and _half_of(name) != corpus.half:
            continue
        yield name, len(messages), model.judge(messages)


def evaluate(corpus: Corpus, model: RiskModel, budget: int = 100) -> Evaluation:
    """Names every author who alerts in any conversation, and the lines that speak for it in those; an alert is not taken back."""
    conversations = messages = 0
    best: dict[str, float] = {}
    named: set[str] = set()
    lines: set[tuple[str, int]] = set()
    turns: list[int] = []
    shares: list[float] = []
    for name, size, authors in judged(corpus, model):
        conversations += 1
        messages += size
        for risk in authors:
            best[risk.author] = max(best.get(risk.author, 0.0), risk.score)
            if risk.alert_turn is None:
                continue
            named.add(risk.author)
            lines.update((name, line) for line in risk.lines)
            if risk.author in corpus.authors:
                turns.append(risk.alert_turn)
                shares.append(risk.alert_turn / size)
    ranked = sorted((author for author, score in best.items() if score > 0), key=lambda author: (-best[author], author))
    looked_at = set(ranked[:budget])
    return Evaluation(
        model.name, conversations, messages, len(best),
        Measure(len(named), len(named & corpus.authors), len(corpus.authors)),
        Measure(len(lines), len(lines & corpus.lines), len(corpus.lines)),
        budget, Measure(len(looked_at), len(looked_at & corpus.authors), len(corpus.authors)),
        float(median(turns)) if turns else None, round(float(median(shares)), 4) if shares else None,
    )  # fmt: skip


def halves(corpus: Corpus) -> tuple[Corpus, Corpus]:
    """The corpus in two, by the names of its conversations, each with the authors and lines that stand in it."""
    speaking: tuple[set[str], set[str]] = (set(), set())
    for name, messages in read_conversations(corpus.conversations):
        speaking[_half_of(name)].update(message.author for message in messages)
    first, second = (
        Corpus(
            corpus.conversations, corpus.authors & authors,
            frozenset(place for place in corpus.lines if _half_of(place[0]) == half), half,
        )
        for half, authors in enumerate(speaking)
    )  # fmt: skip
    return first, second


def _half_of(conversation: str) -> int:
    return hashlib.sha256(conversation.encode()).digest()[0] & 1


def learn(corpus: Corpus, model: Baseline, name: str) -> Weights:
    """The baseline's weights from the authors of a corpus who use any phrase."""
    rows, risky = [], []
    for _, _, authors in judged(corpus, model):
        for risk in authors:
            if risk.lines:
                rows.append(risk.features)
                risky.append(risk.author in corpus.authors)
    return train(rows, risky, model.weights, name)
