"""Learning how names are written down in Latin letters: expectation maximisation on invented pairs of a native and a Latin name.

``python -m opencets.resolving.train_names TABLE.json`` writes the shipped table again, digit for digit.
"""

from __future__ import annotations

import json
import math
import random
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from opencets.resolving import aligned
from opencets.resolving.names import SCRIPTS, NameForm, NameModel, Steps, arrange, empty_steps, form, names_from
from opencets.resolving.spellings import namesake, spelt

PAIRS, ROUNDS, CALIBRATED_ON = 4_000, 6, 2_000
APART: dict[str, Sequence[Collection[str]]] = {
    "han": (("pinyin",), ("wade",), ("cantonese",)),
    "katakana": (("hepburn", "kunrei"), ("foreign",)),
    "hangul": (("revised", "mccune"), ("usual",)),
}
"""Ways of writing so different that each is learned by itself."""
BORROWED = 4.0
"""A letter takes so many sightings from its kind: a beginning from the letter elsewhere, every letter from itself."""
SAVED = 0.2
"""Steps expected less often than this, borrowed ones too, are not written down."""
_KEPT = (0.2, 1.0, 1.0, 2.0, 0.2, 0.2)
"""A step is kept from so many expected sightings on, by kind: one to one, two to one, one to two, two to two ..."""


def learn(pairs: Sequence[tuple[NameForm, NameForm]], rounds: int = ROUNDS) -> dict[str, Any]:
    """The steps learned from pairs of one name each, as they stand in the table's file, without calibration.

    Each round arranges the parts of every pair by the weights of the round before, and counts each step by its odds over
    all ways of turning one part into the other. A step weighs ``log2`` of how often it was taken over how often its
    letters would meet by chance.
    """
    left = _shares([one.letters for one, _ in pairs], aligned.LEFT)
    right = _shares([other.plain for _, other in pairs], aligned.RIGHT)
    odds = _first(left, right)
    counts: tuple[np.ndarray, ...] = ()
    for _ in range(rounds):
        steps = _steps(odds, left, right)
        counts = tuple(np.zeros_like(table) for table in odds)
        for one, other in pairs:
            _expect(one, other, steps, odds, counts)
        odds, counts = _weighed(counts, left, right)
    steps = _steps(odds, left, right)
    table = {
        _name(kind, place): int(steps.tables()[kind][tuple(place)])
        for kind, seen in enumerate(counts)
        for place in np.argwhere(seen >= SAVED).tolist()
    }
    return {
        "left_bits": steps.left_bits.tolist(),
        "right_bits": steps.right_bits.tolist(),
        "steps": dict(sorted(table.items())),
    }


def _shares(words: Sequence[np.ndarray], letters: int) -> np.ndarray:
    counts = np.bincount(np.concatenate(words), minlength=letters) + 1.0
    return np.asarray(counts / counts.sum())


def _first(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, ...]:
    """Where learning starts: a letter is itself, vowels and h come and go, everything else is possible."""
    n, m = len(left), len(right)
    one, two_one = np.full((n, m), 1 / 16), np.full((n, n // 2, m), 1 / 24)
    one_two, two_two = np.full((n, m, m), 1 / 24), np.full((n, n // 2, m, m), 1 / 200)
    lost, gained = np.full(n, 1 / 8), np.full(m, 1 / 8)
    for letter in range(26):
        one[[letter, letter + 26], letter] = 8
        if chr(97 + letter) in "aeiouyh":
            lost[[letter, letter + 26]] = gained[letter] = 1 / 2
    return one, two_one, one_two, two_two, lost, gained


def _steps(odds: tuple[np.ndarray, ...], left: np.ndarray, right: np.ndarray) -> Steps:
    bits = (np.rint(-100 * np.log2(share)).astype(np.int64) for share in (left, right))
    steps = empty_steps(*bits)
    for table, found in zip(steps.tables()[:6], odds, strict=True):
        seen = found > 0
        table[seen] = np.rint(100 * np.log2(found[seen])).astype(table.dtype)
    return steps


def _expect(
    one: NameForm, other: NameForm, steps: Steps, odds: tuple[np.ndarray, ...], counts: tuple[np.ndarray, ...]
) -> None:
    best = arrange(one, other, steps)
    for a, m, b, n in best.rows:
        x = one.letters[one.starts[a] : one.starts[a + m]][: aligned.LETTERS]
        y = best.other.plain[best.other.starts[b] : best.other.starts[b + n]][: aligned.LETTERS]
        aligned.expect(x, y, *odds, *counts)


def _weighed(
    counts: tuple[np.ndarray, ...], left: np.ndarray, right: np.ndarray
) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """The odds of each step from its expected counts, with what a letter borrows; and the counts that are kept."""
    one, two_one, one_two, two_two, lost, gained = (
        np.where(seen >= least, seen, 0.0) for seen, least in zip(counts, _KEPT, strict=True)
    )
    small, capital = slice(0, 26), slice(26, 52)
    one[small] += BORROWED * np.eye(26)
    taken = sum(table.reshape(len(left), -1).sum(1) for table in (one, two_one, one_two, two_two, lost))
    everywhere = (taken[small] + taken[capital])[:, None]
    one[capital] += BORROWED * (one[small] + one[capital]) / everywhere
    one_two[capital] += BORROWED * (one_two[small] + one_two[capital]) / everywhere[:, :, None]
    lost += 0.5
    gained += 0.5
    kept = one, two_one, one_two, two_two, lost, gained
    total = sum(float(table.sum()) for table in kept)
    chance = (
        np.multiply.outer(left, right),
        np.multiply.outer(np.multiply.outer(left, left[small]), right),
        np.multiply.outer(left, np.multiply.outer(right, right)),
        np.multiply.outer(np.multiply.outer(left, left[small]), np.multiply.outer(right, right)),
        left,
        right,
    )
    return tuple(table / total / expected for table, expected in zip(kept, chance, strict=True)), kept


def _name(kind: int, place: Sequence[int]) -> str:
    mine = (1, 2, 1, 2, 1, 0)[kind]
    written = (
        "".join(chr(97 + code) for code in place[:mine])
        if kind == 5
        else "".join(chr(97 + code) if code < 26 else chr(39 + code) for code in place[:mine])
    )
    return f"{written}:{''.join(chr(97 + code) for code in place[mine:])}"


def learned(script: str, pairs: int = PAIRS) -> dict[str, Any]:
    """What is learned of one script, as it stands in the table's file; always the same from the same seeds."""
    chance = random.Random(f"names learn {script}")
    names = [spelt(chance, script, "learn") for _ in range(pairs)]
    apart = APART.get(script, ({one.way for one in names},))
    ways = [learn([(form(one.native), form(one.latin)) for one in names if one.way in together]) for together in apart]
    body: dict[str, Any] = {"even": 0, "slope": 1, "ways": ways}
    model = names_from({"name": "", "trained": "", "scripts": {script: body}})
    return body | _calibration(model, script)


def shipped() -> dict[str, Any]:
    """The body of ``models/names-1.json``, learned anew from the same seeds."""
    return {
        "name": "names-1",
        "trained": f"Steps from {PAIRS:,} invented names in each script, calibration from {CALIBRATED_ON:,} others and as "
        "many namesakes; opencets.resolving.train_names. Invented by rule, not real: to be replaced by pairs of real "
        "spellings.",
        "scripts": {script: learned(script) for script in SCRIPTS},
    }


def _calibration(model: NameModel, script: str) -> dict[str, float]:
    """Where a pair is one name as probably as not, and how fast that changes: a logistic curve over labelled pairs."""
    chance = random.Random(f"names calibrate {script}")
    reached: list[float] = []
    same: list[bool] = []
    for at in range(CALIBRATED_ON):
        one = spelt(chance, script, "tune")
        first, second = namesake(chance, script, "tune", nearest_of=4 if at % 2 else 1)
        for left, right, label in ((one.native, one.latin, True), (first.native, second.latin, False)):
            agreement = model.compare(left, right)
            if agreement is not None:
                reached.append(agreement.weakest)
                same.append(label)
    x, y = np.array(reached), np.array(same, float)
    weights = np.zeros(2)
    held = np.array([0.0, 1.0])  # a slope that nothing holds back grows for ever where the two kinds lie apart
    features = np.stack([np.ones_like(x), x], 1)
    for _ in range(50):
        p = 1 / (1 + np.exp(-features @ weights))
        gradient = features.T @ (p - y) + held * weights
        curvature = (features * (p * (1 - p))[:, None]).T @ features + np.diag(held)
        weights = weights - np.linalg.solve(curvature + 1e-9 * np.eye(2), gradient)
    even, slope = -weights[0] / weights[1], weights[1] / math.log(2)
    return {"even": round(100 * float(even), 1), "slope": round(float(slope) / 100, 4)}


def as_json(body: dict[str, Any]) -> str:
    """The table as its file: one script a block, its steps on a few lines."""
    text = json.dumps(body, separators=(",", ":"))
    for field in ('"scripts":', '"steps":', '"left_bits":', '"even":'):
        text = text.replace(field, f"\n{field}")
    return text + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(as_json(shipped()), "utf-8")
