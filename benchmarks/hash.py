"""Files hashed in a second: `opencets.hashing.sign` beside the plain pipeline hashlib + Pillow + pdqhash.

The pictures are made-up scenes, encoded as JPEG at two sizes. Both sides get the same bytes in the same run, turn and
turn about; beside each figure stands how far the two hashes are apart. The plain pipeline makes a thumbnail too, as
ours does. Processor time of one process counts, since wall time follows what else the machine does.

``--pool`` also measures `opencets hash` over a folder of such pictures with one process and with one for each core, by the
clock, beside how busy the machine was; the lines must be the same.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from opencets.cli.hash import _sign_all
from opencets.hashing import sign

SIZES = {"2 MP": (1632, 1224), "12 MP": (4000, 3000)}
TOLERANCE_BITS = 10
"""The published conformance of PDQ implementations, at quality 80 and more."""


def scene(seed: int, width: int, height: int) -> bytes:
    """A made-up scene as JPEG: a sky, shapes of all sizes, grain like that of a camera."""
    rng = np.random.default_rng(seed)
    sky = np.linspace(0, 1, height)[:, None, None] * rng.integers(40, 215, 3) + rng.integers(0, 40, 3)
    image = Image.fromarray(np.broadcast_to(sky, (height, width, 3)).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(120):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        w, h = (int(side * rng.random() ** 3 / 2) + 2 for side in (width, height))
        colour = tuple(int(part) for part in rng.integers(0, 256, 3))
        (draw.ellipse if rng.random() < 0.5 else draw.rectangle)((x, y, x + w, y + h), fill=colour)
    grain = rng.normal(0, 6, (height, width, 1)).astype(np.float32)
    pixels = np.asarray(image.filter(ImageFilter.GaussianBlur(1)), np.float32) + grain
    encoded = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(encoded, "JPEG", quality=85)
    return encoded.getvalue()


def ours(content: bytes) -> tuple[str, bytes, int]:
    """SHA-256, PDQ and quality by `opencets.hashing.sign`."""
    signed = sign(io.BytesIO(content))
    assert signed.pdq is not None
    assert signed.quality is not None
    assert signed.thumbnail is not None
    return signed.digests.sha256, signed.pdq, signed.quality


def plain(content: bytes) -> tuple[str, bytes, int]:
    """The same by hashlib, Pillow and pdqhash, as one would write it first."""
    import pdqhash

    hashlib.md5(content, usedforsecurity=False).hexdigest()
    hashlib.sha1(content, usedforsecurity=False).hexdigest()
    sha256 = hashlib.sha256(content).hexdigest()
    image = Image.open(io.BytesIO(content)).convert("RGB")
    bits, quality = pdqhash.compute(np.asarray(image))
    image.thumbnail((320, 320))
    image.save(io.BytesIO(), "JPEG", quality=80)
    return sha256, np.packbits(bits).tobytes(), int(quality)


def seconds(act: Callable[[bytes], tuple[str, bytes, int]], content: bytes) -> tuple[float, tuple[str, bytes, int]]:
    """Processor seconds of one call, and what it gave."""
    begun = time.process_time()
    given = act(content)
    return time.process_time() - begun, given


def measure(width: int, height: int, files: int) -> dict[str, object]:
    """Figures of both sides for ``files`` scenes of one size."""
    times: dict[str, list[float]] = {"opencets": [], "hashlib + Pillow + pdqhash": []}
    distances, size = [], 0
    warm = scene(0, width, height)
    ours(warm)
    plain(warm)
    for seed in range(1, files + 1):
        content = scene(seed, width, height)
        size += len(content)
        took, (sha256, hashed, _) = seconds(ours, content)
        times["opencets"].append(took)
        took, (plain_sha256, plain_hashed, quality) = seconds(plain, content)
        times["hashlib + Pillow + pdqhash"].append(took)
        assert sha256 == plain_sha256
        if quality >= 80:
            both = np.frombuffer(hashed, np.uint8) ^ np.frombuffer(plain_hashed, np.uint8)
            distances.append(int(np.bitwise_count(both).sum()))
    assert distances, "no scene reached quality 80; there is nothing to compare"
    assert max(distances) <= TOLERANCE_BITS, f"PDQ is {max(distances)} bits off; at most {TOLERANCE_BITS} conform"
    rates = {name: round(1 / statistics.median(took), 1) for name, took in times.items()}
    return {
        "width": width,
        "height": height,
        "files": files,
        "mean_bytes": size // files,
        "files_per_cpu_second": rates,
        "times_the_plain_pipeline": round(rates["opencets"] / rates["hashlib + Pillow + pdqhash"], 2),
        "pdq_distance": {
            "mean": round(statistics.mean(distances), 2),
            "max": max(distances),
            "compared": len(distances),
        },
    }


def measure_pool(files: int) -> dict[str, object]:
    """Files a second of the command, by the clock, with one process and with all cores."""
    cores = os.cpu_count() or 1
    rates, told = {}, []
    with tempfile.TemporaryDirectory(prefix="opencets-bench-") as name:
        for seed in range(files):
            Path(name, f"{seed}.jpg").write_bytes(scene(seed, *SIZES["2 MP"]))
        list(_sign_all([Path(name, "0.jpg"), Path(name, "1.jpg")], 1))
        for jobs in (1, cores):
            begun = time.perf_counter()
            told.append(list(_sign_all(sorted(Path(name).iterdir()), jobs)))
            rates[f"{jobs} process{'es' if jobs > 1 else ''}"] = round(files / (time.perf_counter() - begun), 1)
    assert told[0] == told[-1]
    return {"files": files, "files_per_second": rates, "load": round(os.getloadavg()[0], 1), "cores": cores}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--files", type=int, default=20, help="pictures of 2 megapixels; a quarter as many of 12")
    parser.add_argument("--pool", type=int, default=0, metavar="FILES", help="also measure the command's processes")
    arguments = parser.parse_args()
    try:
        import pdqhash  # noqa: F401
    except ImportError:
        sys.exit("pdqhash is not installed, and without it there is no peer to measure beside: pip install pdqhash.")
    counts = {"2 MP": arguments.files, "12 MP": max(2, arguments.files // 4)}
    figures = {name: measure(*size, counts[name]) for name, size in SIZES.items()}
    pool = measure_pool(arguments.pool) if arguments.pool else None
    if arguments.json:
        print(
            json.dumps(
                {"benchmark": "hash", "python": platform.python_version(), "figures": figures, "pool": pool}, indent=1
            )
        )
        return
    for name, figure in figures.items():
        rates = figure["files_per_cpu_second"]
        assert isinstance(rates, dict)
        print(f"{name}: " + ", ".join(f"{side} {rate} files/s" for side, rate in rates.items()))
        print(f"   {figure['times_the_plain_pipeline']} times; PDQ distance {figure['pdq_distance']}")
    if pool:
        print(f"opencets hash: {pool}")


if __name__ == "__main__":
    main()
