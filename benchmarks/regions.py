"""The same place, the same thing: regions marked on rendered pictures, sought in all of them, in one run with the peer.

Each of the invented objects of `region_scenes.py` stands in one picture on which it is marked and in eight others,
half to twice as large, turned, tilted, lit anew and with 40 % of it covered; the rest of the pictures hold other
things. Mean average precision is over the eight, the marked picture left out. The peer is what is usually taken:
RootSIFT, ratio test, RANSAC for a homography, ordered by inliers, on a part of the pictures that holds all the
objects sought; ours is measured on the same part beside it, and on all; it seeks each region in a mirror too, as the
rooms do. The largest score of a wrong picture stands in the answer beside the threshold from which places are
reported: no wrong one may pass it. ``--keep`` holds what was extracted, so that a stopped run goes on.
"""

from __future__ import annotations

import argparse
import json
import pickle
import platform
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import region_scenes as scenes

from opencets.matching.regions import REPORTED, Features, Query, RegionIndex, describe, extract, search_either

APPEARANCES = 8
CHUNK = 40
PEER_CONTRAST, PEER_FEATURES, PEER_RATIO, PEER_PX = 0.04, 1000, 0.8, 5.0


@dataclass(frozen=True, slots=True)
class Picture:
    """What is kept of a rendered picture."""

    thing: tuple[str, int] | None
    features: Features
    query: Query | None
    peer: tuple[npt.NDArray[np.float32], npt.NDArray[np.float16]] | None
    """Places and RootSIFT descriptors."""
    outline: npt.NDArray[np.float32]


Job = tuple[str, int, int]
"""Kind, object and which appearance (0: marked); a distractor has no kind."""


def jobs(pictures: int, things: int) -> list[Job]:
    found = [(kind, thing, seed) for thing in range(things) for kind in scenes.KINDS for seed in range(APPEARANCES + 1)]
    return found + [("", seed, 0) for seed in range(max(0, pictures - len(found)))]


def make(job: Job, with_peer: bool) -> Picture:
    kind, thing, seed = job
    marked = bool(kind) and seed == 0
    scene = scenes.render(kind, thing, seed, query=marked) if kind else scenes.distractor(thing)
    grey = cv2.cvtColor(scene.pixels, cv2.COLOR_BGR2GRAY)
    size = np.array([scenes.WIDTH, scenes.HEIGHT], np.float32)
    aspect = scenes.WIDTH / scenes.HEIGHT
    query = describe(grey, scene.outline / size, (0.0, 0.0, 1.0, 1.0), aspect) if marked else None
    peer = peer_features(grey) if with_peer else None
    return Picture((kind, thing) if kind else None, extract(grey), query, peer, scene.outline)


def make_chunk(numbered: tuple[int, list[Job]], keep: str, with_peer: int) -> list[Picture]:
    """The pictures of a chunk, from ``keep`` when they are there."""
    cv2.setNumThreads(1)
    number, some = numbered
    path = Path(keep, f"{number:05d}.pickle")
    if path.exists():
        kept: list[Picture] = pickle.loads(path.read_bytes())
        return kept
    made = [make(job, number * CHUNK + place < with_peer) for place, job in enumerate(some)]
    draft = path.with_suffix(".draft")
    draft.write_bytes(pickle.dumps(made))
    draft.replace(path)
    return made


def peer_features(grey: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float16]]:
    points, vectors = cv2.SIFT_create(PEER_FEATURES, 3, PEER_CONTRAST, 10).detectAndCompute(grey, None)
    if not points:
        return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float16)
    vectors = np.sqrt(vectors / np.maximum(vectors.sum(axis=1, keepdims=True), 1e-6))
    return np.array([point.pt for point in points], np.float32), vectors.astype(np.float16)


def peer_ranking(marked: int, pictures: list[Picture]) -> list[tuple[int, int]]:
    """Pictures by the number of matches that a homography explains (plain RootSIFT, ratio test, RANSAC)."""
    picture = pictures[marked]
    assert picture.peer is not None
    places, vectors = picture.peer
    inside = [cv2.pointPolygonTest(picture.outline, place, False) >= 0 for place in places.tolist()]
    places, mine = places[inside], vectors[inside].astype(np.float32)
    found = []
    for number, other in enumerate(pictures):
        if number == marked or other.peer is None or len(other.peer[0]) < 2 or len(mine) < 4:
            continue
        likeness = mine @ other.peer[1].astype(np.float32).T
        near = np.argpartition(-likeness, 1, axis=1)[:, :2]
        two = 2 - 2 * np.take_along_axis(likeness, near, axis=1)
        first = two.argmin(axis=1)
        rows = np.arange(len(mine))
        sure = two[rows, first] < PEER_RATIO**2 * two[rows, 1 - first]
        if sure.sum() < 4:
            continue
        cv2.setRNGSeed(1)
        _, inliers = cv2.findHomography(
            places[sure], other.peer[0][near[rows, first][sure]], cv2.RANSAC, PEER_PX, maxIters=1000
        )
        if inliers is not None and int(inliers.sum()) >= 4:
            found.append((int(inliers.sum()), number))
    return [(number, count) for count, number in sorted(found, key=lambda each: (-each[0], each[1]))]


def precision(ranked: list[int], wanted: set[int]) -> float:
    """Average precision of a ranking; what is wanted and not ranked counts nothing."""
    hits, total = 0, 0.0
    for place, number in enumerate(ranked, 1):
        if number in wanted:
            hits += 1
            total += hits / place
    return total / len(wanted)


def by_kind(values: dict[str, list[float]]) -> dict[str, float]:
    every = [value for kind in values.values() for value in kind]
    return {"all": round(float(np.mean(every)), 3)} | {
        kind: round(float(np.mean(some)), 3) for kind, some in values.items()
    }


def questions(pictures: list[Picture]) -> Iterator[tuple[int, str, Query, set[int]]]:
    where: dict[tuple[str, int], set[int]] = defaultdict(set)
    for number, picture in enumerate(pictures):
        if picture.thing:
            where[picture.thing].add(number)
    for number, picture in enumerate(pictures):
        if picture.query is not None and picture.thing:
            yield number, picture.thing[0], picture.query, where[picture.thing] - {number}


def measure_ours(pictures: list[Picture]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="opencets-bench-") as name:
        folder = Path(name, "regions")
        begun = time.process_time()
        index = RegionIndex.create(folder)
        for first in range(0, len(pictures), 1000):
            index.add([picture.features for picture in pictures[first : first + 1000]])
        built = time.process_time() - begun
        weight = sum(entry.stat().st_size for entry in folder.rglob("*") if entry.is_file())
        begun = time.perf_counter()
        index = RegionIndex.open(folder)
        opened = 1000 * (time.perf_counter() - begun)
        precisions: dict[str, list[float]] = defaultdict(list)
        reported: dict[str, list[float]] = defaultdict(list)
        took, wrong, false = [], [], 0
        for number, kind, query, wanted in questions(pictures):
            if not took:
                search_either(index, query)  # compiles
            begun = time.process_time()
            places = search_either(index, query, exclude=[number])
            took.append(time.process_time() - begun)
            precisions[kind].append(precision([place.item for place in places], wanted))
            reported[kind].append(sum(place.reported for place in places if place.item in wanted) / len(wanted))
            wrong += [place.score for place in places if place.item not in wanted]
            false += sum(place.reported for place in places if place.item not in wanted)
        assert not search_either(index, query, exclude=range(len(pictures))), "an excluded picture was found"
    return {
        "mean_average_precision": by_kind(precisions),
        "share_reported": by_kind(reported),
        "false_reported": false,
        "largest_wrong_scores": [round(score, 1) for score in sorted(wrong, reverse=True)[:10]],
        "query_cpu_s_median": round(float(np.median(took)), 3),
        "query_cpu_s_largest": round(max(took), 3),
        "features_a_picture": round(index.feature_count / len(pictures)),
        "bytes_a_picture": round(weight / len(pictures)),
        "build_cpu_s": round(built, 1),
        "open_ms": round(opened, 1),
    }


def measure_peer(pictures: list[Picture]) -> dict[str, Any]:
    precisions: dict[str, list[float]] = defaultdict(list)
    took, wrong, ten = [], 0, 0
    for number, kind, _, wanted in questions(pictures):
        begun = time.process_time()
        ranked = peer_ranking(number, pictures)
        took.append(time.process_time() - begun)
        precisions[kind].append(precision([each for each, _ in ranked], wanted))
        wrong = max([wrong, *(count for each, count in ranked if each not in wanted)])
        ten += sum(count >= 10 for each, count in ranked if each not in wanted)
    return {
        "mean_average_precision": by_kind(precisions),
        "most_points_in_a_wrong_picture": wrong,
        "wrong_pictures_with_ten_points": ten,
        "query_cpu_s_median": round(float(np.median(took)), 3),
        "bytes_a_picture": round(float(np.mean([p.peer[0].nbytes + p.peer[1].nbytes for p in pictures if p.peer]))),
    }


def measure(count: int, things: int, peer_count: int, keep: str, processes: int) -> dict[str, Any]:
    wanted = jobs(count, things)
    peer_count = min(max(peer_count, things * len(scenes.KINDS) * (APPEARANCES + 1)), len(wanted)) if peer_count else 0
    chunks = [(first // CHUNK, wanted[first : first + CHUNK]) for first in range(0, len(wanted), CHUNK)]
    folder = Path(keep, f"{things}-{peer_count}")  # chunks are the same for any number of pictures
    folder.mkdir(parents=True, exist_ok=True)
    work = partial(make_chunk, keep=str(folder), with_peer=peer_count)
    with ProcessPoolExecutor(processes) as pool:
        pictures = [picture for some in pool.map(work, chunks) for picture in some]
    sides: dict[str, Any] = {f"opencets RegionIndex, {len(pictures)} pictures": measure_ours(pictures)}
    if peer_count:
        if peer_count < len(pictures):
            sides[f"opencets RegionIndex, {peer_count} pictures"] = measure_ours(pictures[:peer_count])
        sides[f"RootSIFT, ratio test, RANSAC, {peer_count} pictures"] = measure_peer(pictures[:peer_count])
    queries = sum(picture.query is not None for picture in pictures)
    return {"pictures": len(pictures), "queries": queries, "threshold": REPORTED, "sides": sides}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--things", type=int, default=12, help="objects of each of the five kinds")
    parser.add_argument("--peer-pictures", type=int, default=600, help="on how many the peer is measured; 0: not")
    parser.add_argument("--keep", help="a folder for what was extracted, to go on from")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="opencets-bench-") as folder:
        figures = measure(
            arguments.pictures, arguments.things, arguments.peer_pictures, arguments.keep or folder, arguments.processes
        )
    figures["machine"] = f"{platform.machine()}, Python {platform.python_version()}"
    if arguments.json:
        print(json.dumps(figures, indent=1))
        return
    print(f"{figures['pictures']} pictures, {figures['queries']} marked regions, reported from a score of {REPORTED}")
    for side, values in figures["sides"].items():
        print(f"\n{side}")
        for name, value in values.items():
            print(f"  {name:32} {value}")


if __name__ == "__main__":
    main()
