"""Exact search of 256-bit codes within 31 bits: `HammingIndex` beside every exact peer that is installed, in one run.

``--codes``: random codes, with neighbours planted at every distance from 0 to 32. Each index answers the same queries
one by one, as an upload is matched. What ours finds must be each neighbour up to 31, none at 32, and what FAISS's flat
scan finds. Recall of the planted neighbours stands beside each figure.

``--skew``: the same queries against the same codes alone, with 10,000 identical and 10,000 nearly flat codes among
them, and with a tenth of them noisy copies of one; then queries from amid these crowds beside the plain scan.

``--join``: all pairs among clustered codes of growing number; what is found must be what was planted, to the pair.

One thread each, in processor time: what else the machine does disturbs it least. Peers that are not installed, or need
more memory than ``--memory`` gigabytes at a size, are named with the reason.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from opencets.matching import HammingIndex
from opencets.matching.codes import near_plainly

RADIUS = 31
PLANTED = RADIUS + 2
ALLOWED_SKEW = 1.2
Codes = npt.NDArray[np.uint8]
Found = set[tuple[int, int]]
"""Item and distance of each match of one query."""
Search = Callable[[Codes], Found]
Figures = dict[str, Any]


def tell(line: str) -> None:
    """Says on standard error what is measured so far: large sizes take a while."""
    print(line, file=sys.stderr, flush=True)


def flipped(codes: Codes, distances: npt.NDArray[np.int64], rng: np.random.Generator) -> Codes:
    """Each code with so many of its bits flipped."""
    bits = np.unpackbits(codes, axis=1)
    for row, distance in zip(bits, distances.tolist(), strict=True):
        row[rng.choice(256, distance, replace=False)] ^= 1
    return np.packbits(bits, axis=1)


def planted(codes: Codes, count: int, rng: np.random.Generator) -> tuple[Codes, list[tuple[int, int]]]:
    """Queries at distances 0 to 32 in turn from random codes, and which item each has at which distance."""
    items = rng.integers(0, codes.shape[0], count)
    distances = np.arange(count) % PLANTED
    queries = flipped(codes[items], distances, rng)
    return queries, list(zip(items.tolist(), distances.tolist(), strict=True))


def timed(search: Search, queries: Codes, expected: list[tuple[int, int]]) -> tuple[Figures, list[Found]]:
    """Median and 99th percentile of one query, recall of the neighbours planted up to 31, and how many beyond."""
    for warm in range(min(3, queries.shape[0])):
        search(queries[warm : warm + 1])
    took, found = [], []
    for number in range(queries.shape[0]):
        begun = time.process_time()
        found.append(search(queries[number : number + 1]))
        took.append(1000 * (time.process_time() - begun))
    near = [wanted in got for wanted, got in zip(expected, found, strict=True) if wanted[1] <= RADIUS]
    figures = {
        "median_ms": round(float(np.median(took)), 4),
        "p99_ms": round(float(np.percentile(took, 99)), 4),
        "recall": sum(near) / len(near),
        "beyond": sum(distance > RADIUS for got in found for _, distance in got),
    }
    return figures, found


def our_search(index: HammingIndex) -> Search:
    """One query of ours as a set, as for the peers."""

    def search(query: Codes) -> Found:
        found = index.search(query, RADIUS)
        return set(zip(found.item_index.tolist(), found.distance.tolist(), strict=True))

    return search


def measure(count: int, query_count: int, memory: float, slow: bool) -> Figures:
    """The figures of every side at ``count`` codes."""
    rng = np.random.default_rng(count)
    codes = rng.integers(0, 256, (count, 32), np.uint8)
    queries, expected = planted(codes, query_count, rng)
    sides: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory(prefix="opencets-bench-") as name:
        folder = Path(name, "index")
        begun = time.process_time()
        HammingIndex.build(codes, folder)
        built = time.process_time() - begun
        gc.collect()
        size = sum(entry.stat().st_size for entry in folder.rglob("*") if entry.is_file())
        begun = time.perf_counter()
        index = HammingIndex.open(folder)
        opened = 1000 * (time.perf_counter() - begun)
        some = codes[:20_000]
        index.search(flipped(some, np.full(some.shape[0], 9), rng))  # brings the mapped pages in
        figures, found = timed(our_search(index), queries, expected)
        begun = time.process_time()
        batch = index.search(queries, RADIUS)
        figures["batch_us_per_query"] = round(1e6 * (time.process_time() - begun) / query_count, 2)
        assert batch.query_index.size == sum(len(each) for each in found)
        weight = {
            "build_cpu_s": round(built, 2),
            "million_codes_per_cpu_s": round(count / built / 1e6, 2),
            "bytes_per_code": round(size / count, 1),
            "open_ms": round(opened, 2),
        }
        sides["opencets HammingIndex"] = {**weight, **figures}
        tell(f"{count} codes, ours: {sides['opencets HammingIndex']}")
        del index
    assert figures["recall"] == 1, "a planted neighbour was missed"
    assert figures["beyond"] == 0, "something beyond the radius was found"
    few = min(20, query_count) if count <= 2_000_000 else 2
    plain = near_plainly(queries[:few], codes, RADIUS)
    for number in range(few):
        mine = plain[0] == number
        assert found[number] == set(zip(plain[1][mine].tolist(), plain[2][mine].tolist(), strict=True))
    left_out: dict[str, str] = {}
    for peer, gigabytes_a_million, make in peers():
        if gigabytes_a_million * count / 1e6 > memory:
            left_out[peer] = f"needs about {gigabytes_a_million * count / 1e6:.0f} GB, {memory:.0f} are allowed"
        elif not slow and count > 2_000_000 and "Flat" not in peer and "12x21" not in peer:
            left_out[peer] = "slower at this size than those measured; --every-peer measures it"
        else:
            try:
                sides[peer] = measure_peer(make, codes, queries, expected, found if "Flat" in peer else None)
                tell(f"{count} codes, {peer}: {sides[peer]}")
            except ImportError as reason:
                left_out[peer] = f"not installed: {reason.name}"
        gc.collect()
    ours = sides["opencets HammingIndex"]["median_ms"]
    times = {side: round(each["median_ms"] / ours, 1) for side, each in sides.items() if side in sides}
    return {
        "codes": count,
        "queries": query_count,
        "radius": RADIUS,
        "sides": sides,
        "times_ours": times,
        "left_out": left_out,
    }


def measure_peer(
    make: Callable[[Codes], Search],
    codes: Codes,
    queries: Codes,
    expected: list[tuple[int, int]],
    must_be: list[Found] | None,
) -> Figures:
    """One peer's figures; large sizes answer fewer queries, each distance at least twice."""
    begun = time.process_time()
    search = make(codes)
    built = time.process_time() - begun
    few = queries.shape[0] if codes.shape[0] <= 2_000_000 else min(queries.shape[0], 2 * PLANTED)
    figures, found = timed(search, queries[:few], expected[:few])
    assert must_be is None or found == must_be[:few], "FAISS's exact scan and the index disagree"
    return {"build_cpu_s": round(built, 2), **figures}


def peers() -> Iterator[tuple[str, float, Callable[[Codes], Search]]]:
    """Name, gigabytes for a million codes, and how to make one."""

    def faiss_search(index: Any) -> Search:
        def search(query: Codes) -> Found:
            # FAISS reports distances strictly below the radius given
            _, distances, items = index.range_search(query, RADIUS + 1)
            return set(zip(items.tolist(), distances.astype(int).tolist(), strict=True))

        return search

    def flat(codes: Codes) -> Search:
        faiss = import_module("faiss")
        faiss.omp_set_num_threads(1)
        index = faiss.IndexBinaryFlat(256)
        index.add(codes)
        return faiss_search(index)

    def multi(bands: int, bits: int, flips: int) -> Callable[[Codes], Search]:
        def make(codes: Codes) -> Search:
            faiss = import_module("faiss")
            faiss.omp_set_num_threads(1)
            index = faiss.IndexBinaryMultiHash(256, bands, bits)
            index.nflip = flips
            index.add(codes)
            return faiss_search(index)

        return make

    def near_tree(codes: Codes) -> Search:
        index = import_module("pynear").MIHBinaryIndex(16)
        index.set(codes)

        def search(query: Codes) -> Found:
            items, distances = index.searchKNN_arrays(query, 16, RADIUS)  # the nearest 16 only: it has no radius search
            rows = zip(items[0].tolist(), distances[0].tolist(), strict=True)
            return {(item, distance) for item, distance in rows if item >= 0 and distance <= RADIUS}

        return search

    def threat_exchange(codes: Codes) -> Search:
        kind = import_module("threatexchange.signal_type.pdq.pdq_index").PDQIndex
        index = kind([(code.tobytes().hex(), number) for number, code in enumerate(codes)])

        def search(query: Codes) -> Found:
            matches = index.query(query.tobytes().hex())
            return {(match.metadata, match.similarity_info.distance) for match in matches}

        return search

    yield "FAISS IndexBinaryFlat", 0.04, flat
    yield "FAISS IndexBinaryMultiHash 16x16, flip 1", 0.35, multi(16, 16, 1)
    yield "FAISS IndexBinaryMultiHash 11x23, flip 2", 1.0, multi(11, 23, 2)
    yield "FAISS IndexBinaryMultiHash 12x21, flip 2", 0.35, multi(12, 21, 2)
    yield "pynear MIHBinaryIndex 16", 0.35, near_tree
    yield "threatexchange PDQIndex", 0.8, threat_exchange


def measure_skew(count: int, query_count: int) -> Figures:
    """What crowds among the codes do to other queries (asserted), and what they do to queries from amid them."""
    rng = np.random.default_rng(7)
    base = rng.integers(0, 256, (count, 32), np.uint8)
    queries, expected = planted(base[: count * 9 // 10], query_count, rng)
    identical = np.repeat(rng.integers(0, 256, (1, 32), np.uint8), 10_000, axis=0)
    flat = flipped(np.zeros((10_000, 32), np.uint8), rng.integers(0, 5, 10_000), rng)
    noisy = base.copy()
    tenth = count // 10
    noisy[-tenth:] = flipped(np.repeat(base[:1], tenth, axis=0), rng.integers(0, 33, tenth), rng)
    kinds = {
        "random": base,
        "10,000 identical, 10,000 flat among them": np.concatenate((base, identical, flat)),
        "a tenth noisy copies of one": noisy,
    }
    with tempfile.TemporaryDirectory(prefix="opencets-bench-") as name:
        searches = {}
        for number, (kind, codes) in enumerate(kinds.items()):
            HammingIndex.build(codes, Path(name, str(number)))
            searches[kind] = our_search(HammingIndex.open(Path(name, str(number))))
        took: dict[str, list[float]] = {kind: [] for kind in kinds}
        for _ in range(3):
            for number in range(query_count):  # turn and turn about: what else the machine does hits all alike
                for kind, search in searches.items():
                    begun = time.process_time()
                    found = search(queries[number : number + 1])
                    took[kind].append(1000 * (time.process_time() - begun))
                    assert (expected[number] in found) == (expected[number][1] <= RADIUS)
        medians = {kind: float(np.median(times)) for kind, times in took.items()}
        sides = {
            kind: {
                "median_ms": round(medians[kind], 4),
                "p99_ms": round(float(np.percentile(took[kind], 99)), 4),
                "times_random": round(medians[kind] / medians["random"], 2),
            }
            for kind in kinds
        }
        assert max(medians.values()) < ALLOWED_SKEW * medians["random"], sides
        amid = {
            "a flat code": ("10,000 identical, 10,000 flat among them", np.zeros((1, 32), np.uint8)),
            "the code of the crowd": ("a tenth noisy copies of one", base[:1]),
            "32 bits beside the crowd": ("a tenth noisy copies of one", flipped(base[:1], np.array([32]), rng)),
            "90 bits beside the crowd": ("a tenth noisy copies of one", flipped(base[:1], np.array([90]), rng)),
        }
        crowds = {}
        for what, (kind, query) in amid.items():
            times = []
            for _ in range(9):
                begun = time.process_time()
                found = searches[kind](query)
                times.append(1000 * (time.process_time() - begun))
            plain = near_plainly(query, kinds[kind], RADIUS)
            assert found == set(zip(plain[1].tolist(), plain[2].tolist(), strict=True))
            crowds[what] = {"median_ms": round(float(np.median(times)), 3), "found": len(found)}
        index, times = HammingIndex.open(Path(name, "0")), []
        for number in range(9):
            begun = time.process_time()
            index.search(queries[number : number + 1], 48)  # beyond 47 bits every code is compared
            times.append(1000 * (time.process_time() - begun))
        crowds["any query by the plain scan"] = {"median_ms": round(float(np.median(times)), 3)}
    tell(f"crowds: {sides} {crowds}")
    return {"codes": count, "queries": query_count, "sides": sides, "queries_amid_a_crowd": crowds}


def clustered(count: int, rng: np.random.Generator) -> tuple[Codes, list[npt.NDArray[np.int64]]]:
    """Codes as holdings have them: two thirds alone, the rest in groups of 2 to 50 near-duplicates; and the groups."""
    codes = rng.integers(0, 256, (count, 32), np.uint8)
    places = rng.permutation(count)
    groups, at = [], count * 2 // 3
    while at < count - 60:
        size = int(min(50, 1 + rng.zipf(1.8)))
        group = places[at : at + size]
        codes[group] = flipped(np.repeat(codes[group[:1]], size, axis=0), rng.integers(0, 20, size), rng)
        groups.append(group)
        at += size
    return codes, groups


def measure_join(counts: list[int]) -> Figures:
    """Processor seconds for all pairs of clustered codes, and the exponent of its growth."""
    rows = []
    for count in counts:
        codes, groups = clustered(count, np.random.default_rng(count))
        wanted = []
        for group in groups:
            left, right, distance = near_plainly(codes[group], codes[group], RADIUS)
            keep = group[left] < group[right]
            wanted.append(np.stack((group[left][keep], group[right][keep], distance[keep])))
        begun = time.process_time()
        index = HammingIndex.build(codes)
        built = time.process_time() - begun
        begun = time.process_time()
        pairs = index.pairs(RADIUS)
        took = time.process_time() - begun
        expected = np.concatenate(wanted, axis=1)
        expected = expected[:, np.lexsort((expected[1], expected[0]))]
        assert np.array_equal(np.stack((pairs.left, pairs.right, pairs.distance.astype(np.int64))), expected)
        rows.append(
            {"codes": count, "pairs": pairs.left.size, "build_cpu_s": round(built, 2), "join_cpu_s": round(took, 2)}
        )
        tell(f"all pairs: {rows[-1]}")
        del index, codes, pairs
    figures: Figures = {"rows": rows}
    if len(rows) > 1:
        first, last = rows[0], rows[-1]
        growth = math.log(last["join_cpu_s"] / first["join_cpu_s"]) / math.log(last["codes"] / first["codes"])
        figures["exponent"] = round(growth, 2)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--codes", type=int, nargs="*", default=[100_000, 1_000_000], help="sizes to search in")
    parser.add_argument("--queries", type=int, default=330)
    parser.add_argument("--skew", type=int, default=0, metavar="CODES", help="measure crowds among so many codes")
    parser.add_argument("--join", type=int, nargs="*", default=[], metavar="CODES", help="sizes to find all pairs in")
    parser.add_argument("--memory", type=float, default=12, help="gigabytes that a peer may need")
    parser.add_argument("--every-peer", action="store_true", help="also, at large sizes, the peers known to be slower")
    arguments = parser.parse_args()
    warm = HammingIndex.build(np.random.default_rng(0).integers(0, 256, (40_000, 32), np.uint8))
    warm.search(np.zeros((2, 32), np.uint8))
    warm.pairs()
    figures: Figures = {
        "search": [measure(size, arguments.queries, arguments.memory, arguments.every_peer) for size in arguments.codes]
    }
    if arguments.skew:
        figures["skew"] = measure_skew(arguments.skew, arguments.queries)
    if arguments.join:
        figures["join"] = measure_join(arguments.join)
    if arguments.json:
        print(json.dumps({"benchmark": "match", "python": platform.python_version(), **figures}, indent=1))
        return
    for figure in figures["search"]:
        print(f"{figure['codes']} codes, radius {figure['radius']}")
        for side, numbers in figure["sides"].items():
            line = ", ".join(f"{name} {number}" for name, number in numbers.items())
            print(f"   {side} ({figure['times_ours'][side]} times ours): {line}")
        for side, why in figure["left_out"].items():
            print(f"   {side}: left out, {why}")
    for name in ("skew", "join"):
        if name in figures:
            print(name, json.dumps(figures[name], indent=1))


if __name__ == "__main__":
    main()
