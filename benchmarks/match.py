"""Exact search of 256-bit codes within 31 bits: `HammingIndex` beside FAISS's exact binary indexes, in one run.

The codes are random, with neighbours planted at every distance from 0 to 31. Each index answers the same queries one by
one, as an upload is matched; recall of the planted neighbours stands beside each figure and must be 1 for the exact
ones, and what ours finds must be what FAISS's flat scan finds. FAISS is left out where it is not installed. One thread
each.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from opencets.matching import HammingIndex
from opencets.matching.codes import near_plainly

RADIUS = 31
Codes = npt.NDArray[np.uint8]
Found = set[tuple[int, int]]
"""Item and distance of each match of one query."""


def planted(codes: Codes, count: int, rng: np.random.Generator) -> tuple[Codes, list[tuple[int, int]]]:
    """Queries at distances 0 to 31 in turn from random codes, and which item at which distance each must find."""
    queries, expected = [], []
    for number in range(count):
        item, distance = int(rng.integers(codes.shape[0])), number % (RADIUS + 1)
        bits = np.unpackbits(codes[item])
        bits[rng.choice(256, distance, replace=False)] ^= 1
        queries.append(np.packbits(bits))
        expected.append((item, distance))
    return np.stack(queries), expected


def timed(
    search: Callable[[Codes], Found], queries: Codes, expected: list[tuple[int, int]]
) -> tuple[dict[str, float], list[Found]]:
    """Median and 99th percentile of one query, and recall of the planted neighbours."""
    search(queries[:1])
    took, found = [], []
    for number in range(queries.shape[0]):
        begun = time.perf_counter()
        found.append(search(queries[number : number + 1]))
        took.append(1000 * (time.perf_counter() - begun))
    recall = sum(wanted in got for wanted, got in zip(expected, found, strict=True)) / len(expected)
    figures = {
        "median_ms": round(float(np.median(took)), 4),
        "p99_ms": round(float(np.percentile(took, 99)), 4),
        "recall": recall,
    }
    return figures, found


def build_ours(codes: Codes, folder: Path) -> tuple[float, HammingIndex, dict[str, float]]:
    """Processor seconds to build, the index as another process would open it, and what it weighs."""
    begun = time.process_time()
    HammingIndex.build(codes, folder)
    built = time.process_time() - begun
    size = sum(entry.stat().st_size for entry in folder.rglob("*") if entry.is_file())
    begun = time.perf_counter()
    index = HammingIndex.open(folder)
    opened = 1000 * (time.perf_counter() - begun)
    return built, index, {"bytes_per_code": round(size / codes.shape[0], 1), "open_ms": round(opened, 2)}


def measure(count: int, query_count: int, with_pairs: bool) -> dict[str, object]:
    """The figures of every side at ``count`` codes."""
    rng = np.random.default_rng(count)
    codes = rng.integers(0, 256, (count, 32), np.uint8)
    queries, expected = planted(codes, query_count, rng)
    sides: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="opencets-bench-") as folder:
        built, index, weight = build_ours(codes, Path(folder, "index"))

        def search(query: Codes) -> Found:
            found = index.search(query, RADIUS)
            return set(zip(found.item_index.tolist(), found.distance.tolist(), strict=True))

        figures, found = timed(search, queries, expected)
        begun = time.process_time()
        batch = index.search(queries, RADIUS)
        figures["batch_us_per_query"] = round(1e6 * (time.process_time() - begun) / query_count, 2)
        assert batch.query_index.size == sum(len(each) for each in found)
        if with_pairs:
            begun = time.process_time()
            pairs = index.pairs(RADIUS)
            figures["all_pairs_cpu_s"] = round(time.process_time() - begun, 2)
            figures["all_pairs_found"] = pairs.left.size
        sides["opencets HammingIndex"] = {"build_cpu_s": round(built, 2), **weight, **figures}
    assert figures["recall"] == 1, "a planted neighbour was missed"
    few = min(20, query_count)
    plain = near_plainly(queries[:few], codes, RADIUS)
    for number in range(few):
        mine = plain[0] == number
        assert found[number] == set(zip(plain[1][mine].tolist(), plain[2][mine].tolist(), strict=True))
    sides |= measure_faiss(codes, queries, expected, found)
    return {"codes": count, "queries": query_count, "radius": RADIUS, "sides": sides}


def measure_faiss(
    codes: Codes, queries: Codes, expected: list[tuple[int, int]], ours: list[Found]
) -> dict[str, dict[str, float]]:
    """FAISS's flat scan and its multi-index hashing (16 bands of 16 bits, one flip), where it is installed."""
    try:
        import faiss
    except ImportError:
        return {}
    faiss.omp_set_num_threads(1)
    sides: dict[str, dict[str, float]] = {}
    indexes = {
        "FAISS IndexBinaryFlat": faiss.IndexBinaryFlat(256),
        "FAISS IndexBinaryMultiHash 16x16": faiss.IndexBinaryMultiHash(256, 16, 16),
    }
    for name, index in indexes.items():
        if "MultiHash" in name:
            index.nflip = 1
        begun = time.process_time()
        index.add(codes)
        built = time.process_time() - begun

        def search(query: Codes, index: object = index) -> Found:
            # FAISS reports distances strictly below the radius given
            _, distances, items = index.range_search(query, RADIUS + 1)  # type: ignore[attr-defined]
            return set(zip(items.tolist(), distances.astype(int).tolist(), strict=True))

        figures, found = timed(search, queries, expected)
        if "Flat" in name:
            assert found == ours, "FAISS's exact scan and the index disagree"
        sides[name] = {"build_cpu_s": round(built, 2), **figures}
    return sides


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--codes", type=int, nargs="+", default=[100_000, 1_000_000], help="sizes to measure")
    parser.add_argument("--queries", type=int, default=320)
    parser.add_argument(
        "--pairs", action="store_true", help="also find all pairs (at a million codes some ten seconds)"
    )
    arguments = parser.parse_args()
    warm = np.random.default_rng(0).integers(0, 256, (40_000, 32), np.uint8)
    HammingIndex.build(warm).search(warm[:2])
    if arguments.pairs:
        HammingIndex.build(warm).pairs()
    figures = [measure(count, arguments.queries, arguments.pairs) for count in arguments.codes]
    if arguments.json:
        print(json.dumps({"benchmark": "match", "python": platform.python_version(), "figures": figures}, indent=1))
        return
    for figure in figures:
        print(f"{figure['codes']} codes, radius {figure['radius']}")
        sides = figure["sides"]
        assert isinstance(sides, dict)
        for side, numbers in sides.items():
            print(f"   {side}: " + ", ".join(f"{name} {number}" for name, number in numbers.items()))


if __name__ == "__main__":
    main()
