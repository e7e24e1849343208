"""Which author of a conversation somebody should look at: an interface, and a baseline that explains itself.

A model gives each author a score from 0 to 1 with its reason, the turn at which it would have alerted, and its lines. The
baseline counts what the phrase engine finds, by theme and turn, and weighs it by ``risk.yaml``. It decides nothing about a person.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import yaml

from opencets.errors import NotThisFormat
from opencets.watching.watcher import Watcher

FEATURES = ("themes", "phrases", "words", "severity", "share", "questions", "turns", "answered")
_ASKS = ("?", "？", "؟", ";", "՞")


@dataclass(frozen=True, slots=True)
class Message:
    """A line of a conversation."""

    line: int
    author: str
    text: str


@dataclass(frozen=True, slots=True)
class AuthorRisk:
    """What a model says of an author in one conversation."""

    author: str
    score: float
    """From 0 to 1: the highest that it reached."""
    reason: str
    alert_turn: int | None
    """After how many messages of the conversation the score reached the model's threshold."""
    lines: tuple[int, ...]
    """The lines that speak for it."""
    features: Mapping[str, float] = field(default_factory=dict)


class RiskModel(Protocol):
    """What can be put in the baseline's place: a class with these two."""

    @property
    def name(self) -> str:
        """Name and version, kept with each result."""

    def judge(self, messages: Sequence[Message]) -> list[AuthorRisk]:
        """Every author of the conversation; the messages come in their order, and an alert may use only those before it."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The baseline's weights, as data."""

    model: str
    intercept: float
    alert_from: float
    weights: Mapping[str, float]
    sentences: Mapping[str, str]

    @classmethod
    def open(cls, path: Path | None = None) -> Weights:
        """Those in a file of the form of ``risk.yaml``; without one those shipped."""
        body = (path or files(__package__).joinpath("risk.yaml")).read_text("utf-8")
        try:
            said: Any = yaml.safe_load(body)
            weights = {name: float(each["weight"]) for name, each in said["weights"].items()}
            sentences = {name: str(each["sentence"]) for name, each in said["weights"].items()}
            opened = cls(str(said["model"]), float(said["intercept"]), float(said["alert_from"]), weights, sentences)
        except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as reason:
            raise NotThisFormat(f"{path or 'risk.yaml'} holds no weights: {type(reason).__name__}: {reason}.") from None
        if set(weights) != set(FEATURES):
            wrong = sorted(set(weights) ^ set(FEATURES))[0]
            raise NotThisFormat(f"{path or 'risk.yaml'}: the weight “{wrong}” is unknown or missing.")
        return opened

    def score(self, features: Mapping[str, float]) -> float:
        odds = self.intercept + sum(self.weights[name] * features[name] for name in FEATURES)
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, odds))))

    def to_yaml(self) -> str:
        weights = {
            name: {"weight": round(self.weights[name], 4), "sentence": self.sentences[name]} for name in FEATURES
        }
        said = {
            "model": self.model,
            "intercept": round(self.intercept, 4),
            "alert_from": self.alert_from,
            "weights": weights,
        }
        return str(yaml.safe_dump(said, sort_keys=False, allow_unicode=True))


@dataclass(slots=True)
class _Author:
    turns: int = 0
    with_hits: int = 0
    asks: int = 0
    severity: int = 0
    themes: set[str] = field(default_factory=set)
    phrases: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    lines: list[int] = field(default_factory=list)

    def features(self, answered: int) -> dict[str, float]:
        return {
            "themes": len(self.themes), "phrases": len(self.phrases), "words": len(self.words), "severity": self.severity,
            "share": self.with_hits / self.turns, "questions": self.asks / self.turns, "turns": math.log1p(self.turns),
            "answered": answered,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Baseline:
    """Counts of themes, phrases and turns, weighed. An author without a hit has no score: talk alone alerts nobody."""

    watcher: Watcher
    weights: Weights

    @property
    def name(self) -> str:
        return self.weights.model

    def judge(self, messages: Sequence[Message]) -> list[AuthorRisk]:
        found = dict(self.watcher.scan_lines([message.text for message in messages]))
        authors: dict[str, _Author] = {}
        best: dict[str, AuthorRisk] = {}
        for turn, message in enumerate(messages):
            author = authors.setdefault(message.author, _Author())
            author.turns += 1
            author.asks += message.text.rstrip().endswith(_ASKS)
            hits = found.get(turn, [])
            if hits:
                author.with_hits += 1
                author.lines.append(message.line)
            for hit in hits:
                author.themes.add(hit.theme)
                (author.phrases if hit.words > 1 else author.words).add(hit.phrase)
                author.severity = max(author.severity, hit.severity)
            others: set[str] = set()
            if author.with_hits:
                others.update(*(each.phrases for name, each in authors.items() if name != message.author))
            features = author.features(len(others))
            score = self.weights.score(features) if author.with_hits else 0.0
            before = best.get(message.author)
            alert_turn = before.alert_turn if before else None
            if alert_turn is None and author.phrases and score >= self.weights.alert_from:
                alert_turn = turn + 1
            if before is None or score > before.score:
                best[message.author] = AuthorRisk(message.author, score, "", alert_turn, tuple(author.lines), features)
            else:
                best[message.author] = replace(before, alert_turn=alert_turn, lines=tuple(author.lines))
        return [replace(each, reason=self._reason(each)) for each in best.values()]

    def _reason(self, risk: AuthorRisk) -> str:
        if not risk.lines:
            return "No phrase stands in this author's messages."
        parts = sorted(
            ((self.weights.weights[name] * risk.features[name], name) for name in FEATURES),
            key=lambda part: (-part[0], part[1]),
        )
        told = ", ".join(
            f"{self.weights.sentences[name]} ({risk.features[name]:.3g}): {weight:+.1f}"
            for weight, name in parts[:3]
            if weight
        )
        return f"Score {risk.score:.2f} by {self.name}: {told}."


def train(rows: Sequence[Mapping[str, float]], risky: Sequence[bool], before: Weights, name: str) -> Weights:
    """Weights learned from authors whose features and truth are known, by logistic regression held near zero.

    The intercept is learned for the corpus: where few authors are risky, few score high.
    """
    import numpy as np

    if not any(risky) or all(risky):
        raise NotThisFormat("The corpus names no author of one of the two kinds; there is nothing to learn from.")
    x = np.array([[1.0, *(row[feature] for feature in FEATURES)] for row in rows])
    y = np.array(risky, np.float64)
    held = np.diag([1e-6] + [1.0] * len(FEATURES))
    weights = np.zeros(x.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        slope = x.T @ (chance - y) + held @ weights
        step = np.linalg.solve((x * (chance * (1 - chance))[:, None]).T @ x + held, slope)
        weights -= step
        if np.abs(step).max() < 1e-6:
            break
    learned = {feature: float(weight) for feature, weight in zip(FEATURES, weights[1:], strict=True)}
    return replace(before, model=name, intercept=float(weights[0]), weights=learned)
