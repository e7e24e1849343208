"""Phrases found in disguise: 5,000 of them in generated chat of ten languages, beside what finds phrases as they are written.

One line in a hundred holds a phrase, half of these in disguise. Here: chat as it was written in, hits with offsets, severity
and reason out. Peers: `re` with one alternation for each language on the same chat; ahocorasick_rs, on which the engine is
built, pyahocorasick and hyperscan on text that was normalised for them beforehand, words only, no disguise left to find: what a
raw automaton costs at least, message by message (so that a hit is a message's) and over one block (so that it is nobody's yet).
Times are processor time, in turn, medians of ratios within a round. The same hits as the plain version are asserted on the way.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import resource
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from opencets.rehearsal.phrases import DISGUISES, InventedPhrases
from opencets.watching import Library, Phrase, Watcher
from opencets.watching.folding import runs_of
from opencets.watching.plain import Plain
from opencets.watching.watcher import said

CORPORA = {"latin": ("en", "fr"), "ten languages": ()}
SLOWER_THAN_RE = 30
MOST_TIMES_OF_RAW = 2
MOST_MEMORY_MB = 200
BY_MESSAGE = "ahocorasick_rs, message by message"


def world(name: str, phrases: int, lines: int, seed: int) -> tuple[InventedPhrases, Library, list[str]]:
    made = InventedPhrases(phrases, seed, **({"languages": CORPORA[name]} if CORPORA[name] else {}))
    entries = tuple(Phrase(phrase, 3, language, "invented", "generated") for phrase, language in made.phrases.items())
    return made, Library("invented", 1, "Invented phrases.", "generated", entries), list(made.lines(lines))


def spent(work: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.process_time()
    result = work()
    return time.process_time() - begun, result


def peers(library: Library, watcher: Watcher, lines: list[str]) -> tuple[dict[str, Callable[[], int]], float]:
    """Each peer as a call that gives how many it found; megabytes of the normalised text."""
    import ahocorasick
    import hyperscan
    from ahocorasick_rs import AhoCorasick, BytesAhoCorasick, Implementation, MatchKind

    normal = " \n ".join(said(runs_of(line)) for line in lines)
    block = f" {normal} ".encode()
    patterns = sorted({f" {' '.join(entry.tokens)} " for entry in watcher.wanted})
    calls: dict[str, Callable[[], int]] = {}
    for name, kind in (("contiguous", Implementation.ContiguousNFA), ("dense", Implementation.DFA)):
        automaton = BytesAhoCorasick(
            [pattern.encode() for pattern in patterns], matchkind=MatchKind.Standard, implementation=kind
        )
        calls[f"ahocorasick_rs, {name}"] = lambda automaton=automaton: len(
            automaton.find_matches_as_indexes(block, overlapping=True)
        )
    tree = ahocorasick.Automaton()
    for pattern in patterns:
        tree.add_word(pattern, len(pattern))
    tree.make_automaton()
    text = f" {normal} "
    calls["pyahocorasick"] = lambda: sum(1 for _ in tree.iter(text))
    messages = [f" {line} " for line in normal.split(" \n ")]
    by_text = AhoCorasick(patterns, matchkind=MatchKind.Standard, implementation=Implementation.ContiguousNFA)
    calls[BY_MESSAGE] = lambda: sum(
        len(by_text.find_matches_as_indexes(message, overlapping=True)) for message in messages
    )
    base = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    base.compile(
        expressions=[re.escape(pattern.strip()).join(("\\x20", "\\x20")).encode() for pattern in patterns],
        ids=list(range(len(patterns))), elements=len(patterns), flags=[hyperscan.HS_FLAG_SOM_LEFTMOST] * len(patterns),
    )  # fmt: skip
    found: list[int] = []

    def scan() -> int:
        found.clear()
        base.scan(block, match_event_handler=lambda which, start, end, flags, context: found.append(end))
        return len(found)

    calls["hyperscan"] = scan
    return calls, len(block) / 1e6


def alternations(library: Library) -> dict[str, re.Pattern[str]]:
    by_language: dict[str, list[str]] = defaultdict(list)
    for phrase in library.phrases:
        by_language[phrase.language].append(phrase.phrase)
    return {
        language: re.compile(
            r"\b(?:" + "|".join(r"\s+".join(map(re.escape, phrase.split())) for phrase in some) + r")\b", re.IGNORECASE
        )
        for language, some in by_language.items()
    }


def measure(name: str, phrases: int, lines: int, rounds: int, seed: int) -> dict[str, Any]:
    made, library, chat = world(name, phrases, lines, seed)
    size = sum(len(line.encode()) + 1 for line in chat) / 1e6
    built, watcher = spent(lambda: Watcher([library]))
    ours = lambda: sum(len(hits) for _, hits in watcher.scan_lines(chat))  # noqa: E731
    ours()
    calls, normal_size = peers(library, watcher, chat)
    times: dict[str, list[float]] = defaultdict(list)
    found: dict[str, int] = {}
    for _ in range(rounds):
        for peer, call in (("ours", ours), *calls.items()):
            taken, found[peer] = spent(call)
            times[peer].append(taken)
    few = chat[: max(50, lines // 400)]
    few_size = sum(len(line.encode()) + 1 for line in few) / 1e6
    patterns = alternations(library)
    taken, found["re"] = spent(
        lambda: sum(1 for line in few for each in patterns.values() for _ in each.finditer(line))
    )
    raw = min(("ahocorasick_rs, contiguous", "ahocorasick_rs, dense"), key=lambda peer: statistics.median(times[peer]))
    by_message = statistics.median(one / other for one, other in zip(times["ours"], times[BY_MESSAGE], strict=True))
    ratio = statistics.median(one / other for one, other in zip(times["ours"], times[raw], strict=True))
    speed = {peer: size / statistics.median(some) for peer, some in times.items()}
    alone, _ = spent(lambda: [watcher.scan(line) for line in chat[:5_000]])
    checked = check(made, watcher)
    return {
        "corpus": name, "phrases": phrases, "lines": len(chat), "megabytes": round(size, 2),
        "normalised_megabytes": round(normal_size, 2), "built_s": round(built, 2),
        "megabytes_a_second": {peer: round(value, 1) for peer, value in speed.items()} | {"re": round(few_size / taken, 4)},
        "times_of_re": round(speed["ours"] / (few_size / taken)),
        "times_the_time_of_raw_by_message": round(by_message, 2), "raw": raw, "times_the_time_of_raw": round(ratio, 2),
        "hits": found, "hits_per_mb": round(found["ours"] / size, 1),
        "one_message_us": round(alone / 5_000 * 1e6, 1), **checked,
    }  # fmt: skip


def check(made: InventedPhrases, watcher: Watcher) -> dict[str, Any]:
    """The plain version's hits on lines of which a third holds a phrase; what is found of each disguise of long phrases."""
    plain = Plain(watcher.wanted)
    some = list(made.lines(3_000, planted=0.33))
    fast = dict(watcher.scan_lines(some))
    expected = 0
    for number, line in enumerate(some):
        wanted = plain.spans(line)
        expected += len(wanted)
        assert {(hit.start, hit.end, hit.phrase) for hit in fast.get(number, ())} == wanted, line
    chance = random.Random(1)
    long = [entry for entry in watcher.wanted if entry.is_joined]
    recall = {}
    for name, disguise in DISGUISES.items():
        planted = [
            (entry.phrase.phrase, f"x {disguise(entry.phrase.phrase, chance)} y") for entry in chance.sample(long, 300)
        ]
        hit = dict(watcher.scan_lines([line for _, line in planted]))
        right = sum(phrase in {each.phrase for each in hit.get(at, ())} for at, (phrase, _) in enumerate(planted))
        recall[name] = round(right / len(planted), 3)
    return {"checked_lines": len(some), "checked_hits": expected, "recall_by_disguise": recall}


def memory(name: str, phrases: int, seed: int) -> float:
    """Most memory of a process of its own that holds the library and looks at chat, in MB."""
    told = subprocess.run(
        [sys.executable, __file__, "--memory", name, "--phrases", str(phrases), "--seed", str(seed)],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ).stdout  # fmt: skip
    return round(float(told), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--phrases", type=int, default=5_000)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--memory", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory:
        _, library, chat = world(arguments.memory, arguments.phrases, 20_000, arguments.seed)
        watcher = Watcher([library])
        list(watcher.scan_lines(chat))
        list(map(watcher.scan, chat[:2_000]))
        status = Path("/proc/self/status")
        kept = (
            re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
        )  # ru_maxrss counts the parent's
        print((int(kept[1]) if kept else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024)
        return
    results = []
    for name in CORPORA:
        result = measure(name, arguments.phrases, arguments.lines, arguments.rounds, arguments.seed)
        result["memory_mb"] = memory(name, arguments.phrases, arguments.seed)
        results.append(result)
    told = {"corpora": results, "load": round(os.getloadavg()[0], 1), "machine": platform.machine()}
    if arguments.json:
        print(json.dumps(told, ensure_ascii=False))
    else:
        for each in results:
            print(f"{each['corpus']}: {each['phrases']:,} phrases, {each['megabytes']} MB in {each['lines']:,} lines, "
                  f"{each['hits_per_mb']} hits per MB, {each['memory_mb']} MB of memory, built in {each['built_s']} s")  # fmt: skip
            for peer, speed in each["megabytes_a_second"].items():
                print(f"  {peer}: {speed} MB a second, {each['hits'][peer]:,} hits")
            print(f"  {each['times_of_re']:,} times re; {each['times_the_time_of_raw_by_message']} times the time of {BY_MESSAGE}, "
                  f"{each['times_the_time_of_raw']} times that of {each['raw']} over one block")  # fmt: skip
            print(
                f"  one message alone {each['one_message_us']} us; plain version: the same {each['checked_hits']:,} hits"
            )
            print(f"  found of each disguise: {each['recall_by_disguise']}")
    for result in results:
        assert result["times_of_re"] >= SLOWER_THAN_RE, result
        assert result["times_the_time_of_raw_by_message"] <= MOST_TIMES_OF_RAW, result
        assert result["memory_mb"] < MOST_MEMORY_MB, result


if __name__ == "__main__":
    main()
