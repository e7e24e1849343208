"""Pictures assigned to the camera that took them, by the noise of its sensor; with a plain correlation detector beside it.

Two worlds. The real one: Nikon D70 bodies (flat pictures for the fingerprints, natural ones to assign) and pictures of other
cameras, read from a folder (``--data``, or ``OPENCETS_SAMPLES``); left out with its reason where it is not there. The made-up
one: invented cameras, always. In both, every picture is compared with every fingerprint: as it is, and after JPEG recompression
at quality 75 and 50, and scaled to three quarters and to a half (Lanczos and bilinear, quality 85). Told: the share assigned to
the right camera at the threshold, false alarms, the operating curve (threshold to true and false rates), and how often chance
reaches a value at millions of wrong places.

The peer is the detector as first published (Lukáš, Fridrich, Goljan 2006): the mean of plain Wiener residuals, correlated. Its
threshold is set after the fact, just above the highest false correlation of the same run, which no one can do in use.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from opencets.errors import OpenCETSError
from opencets.matching.camera import (
    CROP,
    PRESELECT,
    SCALED_THRESHOLD,
    SMALLEST,
    THRESHOLD,
    Fingerprint,
    compare,
    compare_scaled,
    false_alarm_by_theory,
    make_fingerprint,
    noise_of,
    null_scores,
    preselect,
)
from opencets.rehearsal.sensors import InventedCamera, as_jpeg

Pixels = npt.NDArray[np.uint8]
ENOUGH = 0.85
"""The share of natural pictures that must be assigned to their camera, as they are and after quality 75."""
WAYS = ("as it is", "JPEG 75", "JPEG 50")
SCALED = tuple((scale, kernel) for scale in (0.75, 0.5) for kernel in ("LANCZOS", "BILINEAR"))
SCALED_QUALITY = 85
CURVE = (10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200)


@dataclass(slots=True)
class World:
    """Cameras with their references, natural pictures with the camera of each (None: another camera)."""

    references: dict[str, list[Callable[[], Pixels]]]
    pictures: list[tuple[str, str | None, Callable[[], Pixels]]]


@dataclass(slots=True)
class Tally:
    """Scores of right and wrong pairs of one way of recompression."""

    right: list[float] = field(default_factory=list)
    wrong: list[float] = field(default_factory=list)
    assigned: int = 0
    preselected_right: int = 0
    preselected_wrong: int = 0
    plain_right: list[float] = field(default_factory=list)
    plain_wrong: list[float] = field(default_factory=list)


def opened(path: Path) -> Callable[[], Pixels]:
    """The pixels of a file, decoded when asked for."""
    return lambda: np.asarray(Image.open(path).convert("RGB"))


def real_world(folder: Path) -> World | str:
    """The pictures under ``folder``, or why there are none."""
    flat, natural = folder / "prnu" / "ff-jpg", folder / "prnu" / "nat-jpg"
    if not flat.is_dir() or not natural.is_dir():
        return f"no folder prnu/ff-jpg and prnu/nat-jpg under {folder.name or 'the folder given'}"
    references: dict[str, list[Callable[[], Pixels]]] = {}
    for path in sorted(flat.glob("*.JPG")):
        references.setdefault("_".join(path.stem.split("_")[:3]), []).append(opened(path))
    pictures: list[tuple[str, str | None, Callable[[], Pixels]]] = [
        (path.name, "_".join(path.stem.split("_")[:3]), opened(path)) for path in sorted(natural.glob("*.JPG"))
    ]
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in (".jpg", ".webp") and "prnu" not in path.parts and "broken" not in path.parts:
            with Image.open(path) as image:
                large = min(image.size) >= 512
            if large:
                pictures.append((path.name, None, opened(path)))
    return World(references, pictures)


def made_up_world(cameras: int, pictures: int, side: int) -> World:
    """Invented cameras with six flat references each, and natural pictures of each and of as many others."""
    known = [InventedCamera(seed, side, side, strength=0.01) for seed in range(cameras)]
    others = [InventedCamera(1000 + seed, side, side, strength=0.01) for seed in range(cameras)]

    def taken(camera: InventedCamera, number: int, flat: bool) -> Callable[[], Pixels]:
        return lambda: np.asarray(Image.open(io.BytesIO(as_jpeg(camera.take(number, flat=flat), 95))))

    return World(
        {f"camera {n}": [taken(camera, number, True) for number in range(6)] for n, camera in enumerate(known)},
        [
            (f"{name} {number}", name if ours else None, taken(camera, 100 + number, False))
            for ours, group in ((True, known), (False, others))
            for n, camera in enumerate(group)
            for name in [f"camera {n}"]
            for number in range(pictures)
        ],
    )


def recompressed(pixels: Pixels, way: str) -> Pixels:
    """The picture after one way of recompression."""
    if way == WAYS[0]:
        return pixels
    return np.asarray(Image.open(io.BytesIO(as_jpeg(pixels, int(way.split()[1])))))


def plain_residual(pixels: Pixels) -> npt.NDArray[np.float32]:
    """The residual of a plain Wiener filter at the centre."""
    from scipy.signal import wiener

    side = [min(size, CROP) // 32 * 32 for size in pixels.shape[:2]]
    top, left = ((size - cut) // 2 for size, cut in zip(pixels.shape[:2], side, strict=True))
    grey = pixels[top : top + side[0], left : left + side[1]].astype(np.float32)
    grey = grey if grey.ndim == 2 else grey.mean(axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        residual = grey - np.nan_to_num(wiener(grey, (3, 3)).astype(np.float32))
    return np.asarray(residual - residual.mean(), np.float32)


def plain_score(residual: npt.NDArray[np.float32], pattern: npt.NDArray[np.float32]) -> float | None:
    """The correlation coefficient in the best turn; None for another size."""
    scores = []
    for turn in range(4):
        turned = np.rot90(residual, turn)
        if turned.shape == pattern.shape:
            norm = float(np.linalg.norm(turned) * np.linalg.norm(pattern))
            scores.append(float((turned * pattern).sum()) / norm if norm else 0.0)
    return max(scores) if scores else None


def measure(world: World) -> dict[str, object]:
    """All figures of one world; AssertionError where a false alarm is raised or too few are assigned."""
    begun = time.process_time()
    prints = {name: make_fingerprint(take() for take in references) for name, references in world.references.items()}
    making = time.process_time() - begun
    plain = {
        name: np.mean([plain_residual(take()) for take in some], axis=0) for name, some in world.references.items()
    }
    tallies = {way: Tally() for way in WAYS}
    chance = dict.fromkeys((9, 16, 20, 25, 30, 40), 0)
    places, extracting, comparing, selecting, skipped, highest = 0, [], [], [], {}, 0.0
    for name, camera, take in world.pictures:
        pixels = take()
        for way in WAYS:
            tally, given = tallies[way], recompressed(pixels, way)
            begun = time.process_time()
            try:
                noise = noise_of(given)
            except OpenCETSError as reason:
                skipped[f"{name}, {way}"] = str(reason)
                continue
            extracting.append(time.process_time() - begun)
            begun = time.process_time()
            selected = dict(zip(prints, preselect(noise, prints.values()), strict=True))
            selecting.append((time.process_time() - begun) / len(prints))
            residual = plain_residual(given)
            best, best_name = 0.0, ""
            for known, fingerprint in prints.items():
                begun = time.process_time()
                try:
                    found = compare(noise, fingerprint)
                except OpenCETSError as reason:
                    skipped[f"{name}, {known}"] = str(reason)
                    continue
                comparing.append(time.process_time() - begun)
                (tally.right if known == camera else tally.wrong).append(found.pce)
                if found.pce > best:
                    best, best_name = found.pce, known
                if selected[known] >= PRESELECT:
                    tally.preselected_right += known == camera
                    tally.preselected_wrong += known != camera
                if (score := plain_score(residual, plain[known])) is not None:
                    (tally.plain_right if known == camera else tally.plain_wrong).append(score)
                if known != camera and way != WAYS[2]:
                    wrong = null_scores(noise, fingerprint)
                    places += wrong.size
                    highest = max(highest, float(wrong.max()))
                    for pce in chance:
                        chance[pce] += int((wrong > pce).sum())
            tally.assigned += best >= THRESHOLD and best_name == camera
    figures = {way: told(tally) for way, tally in tallies.items()}
    scaled = measure_scaled(world, prints)
    for way in WAYS:
        tally = tallies[way]
        false = sum(score >= THRESHOLD for score in tally.wrong)
        assert not false, f"{way}: {false} false alarms at the threshold of {THRESHOLD}"
        if way != WAYS[2]:
            share = tally.assigned / len(tally.right)
            assert share >= ENOUGH, f"{way}: {share:.0%} assigned to their camera, {ENOUGH:.0%} wanted"
    return {
        "cameras": len(prints),
        "references": sum(map(len, world.references.values())),
        "pictures_of_the_cameras": sum(camera is not None for _, camera, _ in world.pictures),
        "pictures_of_others": sum(camera is None for _, camera, _ in world.pictures),
        "not_compared": skipped,
        "threshold": THRESHOLD,
        "ways": figures,
        "scaled_threshold": SCALED_THRESHOLD,
        "scaled": scaled,
        "chance": {
            "wrong_places": places,
            "highest": round(highest, 1),
            "above": {
                str(pce): {"measured": count, "by_theory": round(false_alarm_by_theory(pce, 1) * places, 2)}
                for pce, count in chance.items()
            },
        },
        "cpu_seconds": {
            "fingerprint": round(making / len(prints), 2),
            "noise_of_a_picture": middle(extracting),
            "comparison": middle(comparing),
            "preselection": middle(selecting),
        },
    }


def measure_scaled(world: World, prints: dict[str, Fingerprint]) -> dict[str, object]:
    """Each picture scaled down; others' are cut to the camera's shape first, so that they are compared at all."""
    figures: dict[str, object] = {}
    for scale, kernel in SCALED:
        right, wrong = [], []
        for name, camera, take in world.pictures:
            picture = Image.fromarray(take())
            for known, fingerprint in prints.items():
                size = (round(fingerprint.width * scale), round(fingerprint.height * scale))
                size = size if (picture.width >= picture.height) == (size[0] >= size[1]) else size[::-1]
                if min(size) < SMALLEST or picture.width < size[0] or picture.height < size[1]:
                    continue
                fitted = ImageOps.fit(picture, size, Image.Resampling[kernel])
                pixels = np.asarray(Image.open(io.BytesIO(as_jpeg(np.asarray(fitted), SCALED_QUALITY))))
                try:
                    found = compare_scaled(noise_of(pixels), fingerprint)
                except OpenCETSError:
                    continue
                assert found is not None, (name, size)
                (right if known == camera else wrong).append(found.pce)
        way = f"scaled to {scale:g}, {kernel.lower()}"
        false = sum(score >= SCALED_THRESHOLD for score in wrong)
        assert not false, f"{way}: {false} false alarms at the threshold of {SCALED_THRESHOLD}"
        assert share_from(right, SCALED_THRESHOLD) >= ENOUGH, f"{way}: {right}"
        figures[way] = {
            "assigned": sum(score >= SCALED_THRESHOLD for score in right), "of": len(right), "wrong_pairs": len(wrong),
            "false_alarms": false, "lowest_right": round(min(right, default=0.0), 1),
            "highest_wrong": round(max(wrong, default=0.0), 1),
            "curve": [
                {"threshold": at, "true_rate": round(share_from(right, at), 3), "false_rate": round(share_from(wrong, at), 5)}
                for at in CURVE
            ],
        }  # fmt: skip
    return figures


def middle(values: list[float]) -> float:
    """The median, or nought of nothing."""
    return round(float(np.median(values)), 4) if values else 0.0


def told(tally: Tally) -> dict[str, object]:
    """The figures of one way of recompression."""
    edge = max(tally.plain_wrong, default=0.0)
    return {
        "assigned": tally.assigned,
        "of": len(tally.right),
        "share": round(tally.assigned / max(1, len(tally.right)), 3),
        "false_alarms": sum(score >= THRESHOLD for score in tally.wrong),
        "wrong_pairs": len(tally.wrong),
        "lowest_right": round(min(tally.right, default=0.0), 1),
        "highest_wrong": round(max(tally.wrong, default=0.0), 1),
        "preselected": {"right": tally.preselected_right, "wrong": tally.preselected_wrong},
        "curve": [
            {
                "threshold": at,
                "true_rate": round(share_from(tally.right, at), 3),
                "false_rate": round(share_from(tally.wrong, at), 5),
            }
            for at in CURVE
        ],
        "plain_correlation": {
            "threshold_after_the_fact": round(edge, 4),
            "true_rate": round(sum(score > edge for score in tally.plain_right) / max(1, len(tally.plain_right)), 3),
        },
    }


def share_from(scores: Iterable[float], threshold: float) -> float:
    """The share of the scores that reach the threshold."""
    given = list(scores)
    return sum(score >= threshold for score in given) / max(1, len(given))


def worlds(arguments: argparse.Namespace) -> Iterator[tuple[str, World | str]]:
    """Name and world, or why it is left out."""
    if not arguments.data:
        yield "real", "no folder given: --data FOLDER or OPENCETS_SAMPLES"
    else:
        yield "real", real_world(Path(arguments.data))
    yield "made-up", made_up_world(arguments.cameras, arguments.pictures, arguments.side)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument(
        "--data", default=os.environ.get("OPENCETS_SAMPLES", ""), help="folder with the sample pictures"
    )
    parser.add_argument("--cameras", type=int, default=4, help="made-up cameras")
    parser.add_argument("--pictures", type=int, default=4, help="made-up pictures of each")
    parser.add_argument("--side", type=int, default=1088, help="pixels a side of made-up pictures")
    arguments = parser.parse_args()
    figures: dict[str, object] = {}
    for name, world in worlds(arguments):
        figures[name] = {"left_out": world} if isinstance(world, str) else measure(world)
    if arguments.json:
        print(json.dumps({"benchmark": "camera", "python": platform.python_version(), "figures": figures}, indent=1))
        return
    for name, figure in figures.items():
        assert isinstance(figure, dict)
        if "left_out" in figure:
            print(f"{name} world: left out, {figure['left_out']}")
            continue
        print(
            f"{name} world: {figure['cameras']} cameras, {figure['pictures_of_the_cameras']} pictures of them, "
            f"{figure['pictures_of_others']} of others; PCE threshold {figure['threshold']:.0f}"
        )
        for way, line in figure["ways"].items():
            print(
                f"   {way}: {line['assigned']} of {line['of']} assigned, {line['false_alarms']} false alarms in "
                f"{line['wrong_pairs']} wrong pairs (lowest right {line['lowest_right']}, highest wrong "
                f"{line['highest_wrong']}); plain correlation {line['plain_correlation']['true_rate']:.0%}"
            )
        for way, line in figure["scaled"].items():
            print(
                f"   {way}, PCE threshold {figure['scaled_threshold']:.0f}: {line['assigned']} of {line['of']} assigned, "
                f"{line['false_alarms']} false alarms in {line['wrong_pairs']} wrong pairs (lowest right "
                f"{line['lowest_right']}, highest wrong {line['highest_wrong']})"
            )
        above = ", ".join(
            f"{pce}: {line['measured']} ({line['by_theory']})" for pce, line in figure["chance"]["above"].items()
        )
        print(f"   chance at {figure['chance']['wrong_places']:,} wrong places, measured (by theory) above {above}")
        print(f"   processor seconds: {figure['cpu_seconds']}")


if __name__ == "__main__":
    main()
