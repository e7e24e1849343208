"""Names across scripts and screen names varied: right, wrong and missed, beside the string distances that everybody has.

``python benchmarks/names.py [--names N] [--screen-names N] [--searched N] [--json]``

Names: as many pairs of one name as of two that share a part, drawn from stems, roots, characters and syllables that the
shipped table has never seen; ours at the threshold fixed with the table (probability 0.5), the peers at the threshold
that is best for them on these very pairs. A second set of namesakes is harder: the part that differs is the most similar
of twenty. A third is written by hand and independent of the rules that made the table.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import permutations
from typing import Any

from anyascii import anyascii
from rapidfuzz import process
from rapidfuzz.distance import JaroWinkler, Levenshtein

from opencets.rehearsal.names import invent
from opencets.rehearsal.screen_names import screen_name, written
from opencets.resolving.fragments import Fragments
from opencets.resolving.names import SCRIPTS, form, load_names
from opencets.resolving.spellings import namesake, spelt
from opencets.resolving.train import Measure
from opencets.values.handle import letters

Pair = tuple[str, str, bool]
HARDER = 20
BY_HAND = {"ru": "cyrillic", "el": "greek", "ar": "arabic", "ko": "hangul"}


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """The measures, also printed; with ``--json`` as one JSON value."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", type=int, default=1500, help="pairs of one name in each script")
    parser.add_argument("--screen-names", type=int, default=10_000, help="bearers, each with two screen names")
    parser.add_argument("--searched", type=int, default=2_000, help="screen names looked for among them")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    outcome = {
        "benchmark": "names",
        "cpus": os.cpu_count(),
        "table": load_names().name,
        "names": names(options.names),
        "screen_names": screen_names(options.screen_names, options.searched),
    }
    if options.json:
        print(json.dumps(outcome))
    else:
        _tell(outcome)
    return outcome


def names(count: int) -> dict[str, Any]:
    """Each script: our figures at the fixed threshold, the peers' at their best, and the time of one comparison."""
    found: dict[str, Any] = {}
    for script in SCRIPTS:
        sets = {"a part shared": list(_pairs(script, count, 1)), "harder": list(_pairs(script, count, HARDER))}
        language = next((code for code, name in BY_HAND.items() if name == script), "")
        if language:
            sets["by hand"] = list(_by_hand(language, count))
        found[script] = {name: _compared(pairs) for name, pairs in sets.items()}
    mean = sum(found[script]["a part shared"]["ways"]["learned steps"]["f1"] for script in SCRIPTS) / len(SCRIPTS)
    return {"scripts": found, "mean_f1": round(mean, 4)}


def _pairs(script: str, count: int, nearest_of: int) -> Iterator[Pair]:
    chance = random.Random(f"names bench {script} {nearest_of}")
    for _ in range(count):
        same = spelt(chance, script, "test")
        yield same.native, same.latin, True
        one, other = namesake(chance, script, "test", nearest_of=nearest_of)
        yield one.native, other.latin, False


def _by_hand(language: str, count: int) -> Iterator[Pair]:
    """Names of the rehearsal, whose Latin forms were written by hand, part by part."""
    chance = random.Random(f"names bench {language}")
    made = 0
    while made < count:
        one, other = invent(chance, language), invent(chance, language)
        given = chance.random() < 0.5
        if (one.given_latin if given else one.family_latin) == (other.given_latin if given else other.family_latin):
            continue
        made += 1
        yield one.native, one.latin, True
        parts = (other.given_latin, one.family_latin) if given else (one.given_latin, other.family_latin)
        yield one.native, " ".join(parts), False


def _compared(pairs: Sequence[Pair]) -> dict[str, Any]:
    model = load_names()
    model.compare(*pairs[0][:2])  # compiles
    form.cache_clear()
    began = time.process_time()
    forms = [(form(left), form(right)) for left, right, _ in pairs]
    prepared = time.process_time()
    agreed = [model.compare(left, right) for left, right in forms]
    done = time.process_time()
    probabilities = [one.probability if one is not None else 0.0 for one in agreed]
    labels = [label for _, _, label in pairs]
    ways = {"learned steps": _figures(_measured(probabilities, labels, 0.5), 0.5)}
    for name, peer in PEERS.items():
        scores = [peer(left, right) for left, right, _ in pairs]
        threshold = _best(scores, labels)
        ways[name] = _figures(_measured(scores, labels, threshold), threshold)
    error = _calibration_error(probabilities, labels)
    assert ways["learned steps"]["right"] + ways["learned steps"]["missed"] == sum(labels)
    return {
        "pairs": len(pairs),
        "ways": ways,
        "calibration_error": round(error, 4),
        "compare_us": round(1e6 * (done - prepared) / len(pairs), 1),
        "prepare_us_a_name": round(1e6 * (prepared - began) / len(pairs) / 2, 1),
    }


def _anyhow(similarity: Callable[[str, str], float]) -> Callable[[str, str], float]:
    """A peer: the similarity of the romanised names, of the best order of their parts."""

    def score(left: str, right: str) -> float:
        mine, theirs = (re.findall(r"[a-z]+", anyascii(re.sub("[・,]", " ", side)).lower()) for side in (left, right))
        if len(mine) == 1 and left == left.replace(" ", ""):
            mine = re.findall(r"[A-Z]?[a-z]+", anyascii(left))
            mine = [mine[0].lower(), "".join(mine[1:]).lower()]
        whole = " ".join(theirs)
        return max(similarity(" ".join(order), whole) for order in permutations(mine[:4]))

    return score


PEERS = {
    "anyascii + Levenshtein": _anyhow(Levenshtein.normalized_similarity),
    "anyascii + Jaro-Winkler": _anyhow(JaroWinkler.normalized_similarity),
}


def _measured(scores: Sequence[float], labels: Sequence[bool], threshold: float) -> Measure:
    right = sum(label and score >= threshold for score, label in zip(scores, labels, strict=True))
    asserted = sum(score >= threshold for score in scores)
    return Measure(right, asserted - right, sum(labels) - right)


def _best(scores: Sequence[float], labels: Sequence[bool]) -> float:
    return max(sorted(set(scores)), key=lambda threshold: _measured(scores, labels, threshold).f1)


def _calibration_error(probabilities: Sequence[float], labels: Sequence[bool], bins: int = 10) -> float:
    held: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    for probability, label in zip(probabilities, labels, strict=True):
        held[min(bins - 1, int(probability * bins))].append((probability, label))
    return sum(abs(sum(p - label for p, label in one)) for one in held) / len(labels)


def _figures(measured: Measure, threshold: float) -> dict[str, float]:
    return {
        "precision": round(measured.precision, 4),
        "recall": round(measured.recall, 4),
        "f1": round(measured.f1, 4),
        "right": measured.right,
        "wrong": measured.wrong,
        "missed": measured.missed,
        "threshold": round(threshold, 3),
    }


def screen_names(bearers: int, searched: int) -> dict[str, Any]:
    """How often the first name found is the bearer's other one: among all bearers' names, each looked for by a variant."""
    chance = random.Random("screen names bench")
    parts = [screen_name(chance) for _ in range(bearers)]
    kept = [written(chance, one) for one in parts]
    asked = [written(chance, one) for one in parts[:searched]]
    kept_letters, asked_letters = ([letters(f"unknown:{name}") for name in side] for side in (kept, asked))
    began = time.process_time()
    index: Fragments[int] = Fragments(enumerate(kept_letters))
    index.near(asked_letters[0], 1)
    built = time.process_time()
    found = [index.near(name, 5) for name in asked_letters]
    done = time.process_time()
    firsts = {"rare shared fragments": [near[0].key if near else -1 for near in found]}
    for name, scorer in (
        ("Jaro-Winkler", JaroWinkler.normalized_similarity),
        ("Levenshtein", Levenshtein.normalized_similarity),
    ):
        for told, wanted, among in (("as written", asked, kept), ("normalised", asked_letters, kept_letters)):
            firsts[f"{name}, {told}"] = [process.extractOne(one, among, scorer=scorer)[2] for one in wanted]
    right = {
        name: round(sum(at == first for at, first in enumerate(each)) / searched, 4) for name, each in firsts.items()
    }
    return {
        "bearers": bearers,
        "searched": searched,
        "same_as_written": round(sum(a == b for a, b in zip(kept, asked, strict=False)) / searched, 4),
        "same_when_normalised": round(
            sum(a == b for a, b in zip(kept_letters, asked_letters, strict=False)) / searched, 4
        ),
        "first_right": right,
        "among_five": round(sum(any(near.key == at for near in each) for at, each in enumerate(found)) / searched, 4),
        "search_ms": round(1e3 * (done - built) / searched, 3),
        "build_s": round(built - began, 2),
    }


def _tell(outcome: dict[str, Any]) -> None:
    for script, sets in outcome["names"]["scripts"].items():
        for kind, figures in sets.items():
            print(
                f"{script}, {kind}: {figures['pairs']:,} pairs, {figures['compare_us']} us to compare, "
                f"{figures['prepare_us_a_name']} us to prepare a name, calibration error {figures['calibration_error']:.3f}"
            )
            for name, one in figures["ways"].items():
                print(
                    f"  {name:<26} precision {one['precision']:.3f}  recall {one['recall']:.3f}  "
                    f"F1 {one['f1']:.3f}  at {one['threshold']:.2f}"
                )
    print(f"mean F1 of the scripts, a part shared: {outcome['names']['mean_f1']:.3f}")
    found = outcome["screen_names"]
    print(
        f"{found['searched']:,} variants of screen names among {found['bearers']:,}: {found['same_when_normalised']:.3f} "
        f"are equal when normalised; {found['search_ms']} ms a search"
    )
    for name, share in found["first_right"].items():
        print(f"  {name:<26} first is right {share:.3f}")


if __name__ == "__main__":
    main()
