"""Feedback: simulated judgements on invented people who are written in a way nobody learned from. ``opencets bench feedback``.

The pairs that the shipped weights suggest are judged in the order of a queue that puts the doubtful and the far-reaching
first, by people who err now and then. The version learned from them is tried on other people of the same place, beside the
shipped weights and beside Platt's two-number correction of their score, learned from the same judgements. What is claimed
is asserted: its probabilities surprise less, it joins fewer strangers and finds no fewer pairs; and where the shipped
weights fit already, it leaves them nearly alone.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from opencets.errors import ActRefused
from opencets.linking import default_rarity
from opencets.resolving import PersonRow, Suggestion, load_model
from opencets.resolving.feedback import Judged, Version, figures, propose, standing_for, told
from opencets.resolving.invented import invent, written_elsewhere
from opencets.resolving.model import Model
from opencets.resolving.people import FIELDS
from opencets.resolving.placing import Kept, Stated, edges, keep
from opencets.resolving.references import on_references
from opencets.resolving.reliability import drawn

ERRING = 0.02
"""How often a judgement is wrong."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="opencets bench feedback", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--people", type=int, default=1_500, help="Invented people of the place, about 1.7 records each."
    )
    parser.add_argument(
        "--judgements", type=int, nargs="*", default=[100, 200, 400, 800], help="How many pairs are judged."
    )
    parser.add_argument("--plot", type=Path, help="Where to draw the reliability before and after (SVG).")
    parser.add_argument("--json", action="store_true", help="Print JSON.")
    asked = parser.parse_args()
    result = measured(asked.people, asked.judgements, asked.plot)
    print(json.dumps(result, indent=1) if asked.json else _table(result))


def measured(people: int, judgements: list[int], plot: Path | None = None) -> dict[str, Any]:
    """All figures; AssertionError where one of them is not what is claimed."""
    shipped = load_model()
    place, fresh = World(people, 11, elsewhere=True), World(people, 77, elsewhere=True)
    result: dict[str, Any] = {"shipped": fresh.figures(shipped), "references": _references(shipped), "learned": []}
    for number in judgements:
        judged, chosen = place.judged(number, seed=number)
        stands = standing_for([place.suggested[pair].probability for pair in chosen], place.told())
        began = time.perf_counter()
        version, card = propose("person-3.1", shipped, Version(shipped), judged, worth, stands)
        seconds = time.perf_counter() - began
        after = fresh.figures(version.model)
        result["learned"].append(
            {
                "judgements": number,
                "seconds": round(seconds, 2),
                "width": version.width,
                "moved": len(card.moved),
                "held_out": {"error_before": card.before.error, "error_after": card.after.error},
                "fresh": after,
                "platt": fresh.figures(shipped, platt(shipped, judged, stands)),
                "references": _references(version.model),
            }
        )
        assert after["loss"] < result["shipped"]["loss"], f"{number} judgements told no better than none"
        assert after["over"] < result["shipped"]["over"], f"{number} judgements joined more strangers"
    last = result["learned"][-1]
    # Surprise is what a wrong probability costs, wherever it stands; the calibration error of some hundred pairs wavers.
    assert last["fresh"]["loss"] < 0.7 * result["shipped"]["loss"], "probabilities surprise as much as before"
    assert last["fresh"]["error"] < result["shipped"]["error"] + 0.02, "worse calibrated"
    assert last["fresh"]["right"] >= result["shipped"]["right"], "fewer of the true pairs are found"
    if plot is not None:
        lines = {"shipped": fresh.bins(shipped), f"after {judgements[-1]} judgements": fresh.bins(version.model)}
        plot.write_text(drawn("Of the pairs told with a probability, the share that are one person", lines), "utf-8")
    result["at_home"] = _at_home(people, shipped)
    return result


def worth(kind: str) -> float:
    """How probable an exact tie of a kind makes a pair, as where records are placed."""
    return default_rarity().probability(kind, 2)


class World:
    """Invented people of a place, the pairs that the shipped weights suggest, and who everybody is."""

    def __init__(self, people: int, seed: int, *, elsewhere: bool) -> None:
        invented = invent(people, seed, homonyms=0.3 if elsewhere else 0.05)
        rows = written_elsewhere(invented.rows, seed) if elsewhere else invented.rows
        self.kept = {row.record_id: kept_of(row) for row in rows}
        self.person = invented.person_of
        self.suggested: Mapping[tuple[str, str], Suggestion] = edges(self.kept.values(), load_model(), worth)
        self.true = len(invented.true_pairs())

    def told(self) -> list[float]:
        """The probability of every suggestion."""
        return [one.probability for one in self.suggested.values()]

    def judged(self, number: int, seed: int) -> tuple[list[Judged], list[tuple[str, str]]]:
        """The first pairs of the queue, judged by people who err now and then."""
        chance = random.Random(seed)
        ties = Counter(side for pair in self.suggested for side in pair)
        change = {
            pair: min(one.probability, 1 - one.probability) * (ties[pair[0]] + ties[pair[1]]) + 0.3 * chance.random()
            for pair, one in self.suggested.items()
        }
        chosen = sorted(change, key=lambda pair: (-change[pair], pair))[:number]
        return [
            Judged(self.kept[one], self.kept[other], (self.person[one] == self.person[other]) != (chance.random() < ERRING),
                   f"2026-11-{1 + at % 20:02d}T09:00:00+00:00")
            for at, (one, other) in enumerate(chosen)
        ], chosen  # fmt: skip

    def _tried(self, model: Model) -> tuple[np.ndarray, np.ndarray, dict[tuple[str, str], Suggestion]]:
        """Every pair that either the shipped weights or these suggest: what these tell of it, and what is true."""
        now = dict(edges(self.kept.values(), model, worth))
        pairs = sorted(set(now) | set(self.suggested))
        judged = [
            Judged(self.kept[one], self.kept[other], self.person[one] == self.person[other], "") for one, other in pairs
        ]
        return np.array([told(model, one, worth) for one in judged]), np.array([one.same for one in judged]), now

    def figures(self, model: Model, correct: tuple[float, float] | None = None) -> dict[str, float]:
        """How weights do on this world. ``correct``: Platt's two numbers on top."""
        probability, same, _ = self._tried(model)
        if correct is not None:
            odds = np.log(probability / (1 - probability))
            probability = 1 / (1 + np.exp(-np.clip(correct[0] * odds + correct[1], -12, 12)))
        found = figures(probability, same, np.ones(same.size))
        right = int(((probability >= 0.5) & same).sum())
        return {
            "right": right, "over": found.over, "under": self.true - right, "loss": found.loss, "error": found.error,
            "precision": round(right / max(1, right + found.over), 4), "recall": round(right / self.true, 4),
        }  # fmt: skip

    def bins(self, model: Model) -> tuple[Any, ...]:
        """The reliability of weights on this world."""
        probability, same, _ = self._tried(model)
        return figures(probability, same, np.ones(same.size)).bins


def kept_of(row: PersonRow) -> Kept:
    """A row as placing keeps a record that states just this."""
    stated = [Stated(field, "text", text, None, False) for field in FIELDS[1:] if (text := getattr(row, field))]
    return keep(row.record_id, "person", stated)


def platt(model: Model, judged: list[Judged], stands: list[float]) -> tuple[float, float]:
    """The peer: a slope and a shift of the log odds, learned from the same judgements by Newton's method."""
    p = np.array([told(model, one, worth) for one in judged])
    table = np.column_stack((np.log(p / (1 - p)), np.ones(p.size)))
    same, weight, moves = np.array([one.same for one in judged]), np.array(stands), np.array([1.0, 0.0])
    for _ in range(200):
        q = 1 / (1 + np.exp(-np.clip(table @ moves, -30, 30)))
        curve = (table * (weight * q * (1 - q))[:, None]).T @ table + np.eye(2)
        step = np.linalg.solve(curve, table.T @ (weight * (same - q)) - (moves - [1.0, 0.0]))
        moves = moves + step * min(1.0, 0.2 / np.abs(step).max())
    return float(moves[0]), float(moves[1])


def _at_home(people: int, shipped: Model) -> dict[str, Any]:
    """Where people are written as the shipped weights expect, a hundred judgements move little, or nothing at all."""
    home, other = World(people, 21, elsewhere=False), World(people, 78, elsewhere=False)
    judged, chosen = home.judged(100, seed=3)
    stands = standing_for([home.suggested[pair].probability for pair in chosen], home.told())
    before = other.figures(shipped)
    try:
        version, card = propose("person-3.1", shipped, Version(shipped), judged, worth, stands)
    except ActRefused:
        return {"moved_bits_most": 0.0, "shipped": before, "learned": before}
    after = other.figures(version.model)
    most = max(abs(one.after - one.before) for one in card.moved)
    assert after["right"] >= 0.98 * before["right"], "little evidence lost pairs"
    assert after["over"] <= before["over"] + 0.02 * before["right"], "little evidence joined strangers"
    return {"moved_bits_most": round(most, 2), "shipped": before, "learned": after}


def _references(model: Model) -> list[dict[str, Any]]:
    return [asdict(one) | {"f1": round(one.f1, 4)} for one in on_references(model)]


def _table(result: dict[str, Any]) -> str:
    lines = ["                      error    loss   over  under  precision recall  | references F1"]

    def line(name: str, row: dict[str, float], references: list[dict[str, Any]]) -> str:
        told = " ".join(f"{one['f1']:.4f}" for one in references)
        return (
            f"{name:<20} {row['error']:7.4f} {row['loss']:7.4f} {row['over']:6d} {row['under']:6d} {row['precision']:9.4f} "
            f"{row['recall']:7.4f}  | {told}"
        )

    lines.append(line("shipped", result["shipped"], result["references"]))
    for one in result["learned"]:
        lines.append(
            line(f"{one['judgements']} judgements", one["fresh"], one["references"]) + f"  ({one['seconds']} s)"
        )
        lines.append(line("  Platt on the same", one["platt"], []))
    home = result["at_home"]
    errors = f"{home['shipped']['error']} to {home['learned']['error']}"
    lines.append(f"at home, 100 judgements: moved {home['moved_bits_most']} bits at most; error {errors}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
