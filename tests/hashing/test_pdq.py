"""PDQ against its published form: the plain version here, and pdqhash, which wraps Meta's own code."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pdqhash
import pytest
from PIL import Image, ImageDraw, ImageFilter

from opencets.hashing import sign
from opencets.hashing.pdq import (
    OPPOSITE,
    TURNS,
    bits_of,
    coefficients_of,
    pdq,
    pdq_plainly,
    pdq_samples,
    turned_codes,
    turned_hashes,
)

SAMPLES = Path(__file__).parents[2] / "../shared/data/media"


def distance(one: bytes, other: bytes) -> int:
    return int(np.bitwise_count(np.frombuffer(one, np.uint8) ^ np.frombuffer(other, np.uint8)).sum())


def reference(image: Image.Image) -> tuple[bytes, int]:
    bits, quality = pdqhash.compute(np.asarray(image.convert("RGB")))
    return np.packbits(bits).tobytes(), int(quality)


def scene(seed: int, width: int, height: int) -> Image.Image:
    """A made-up scene: a sky, shapes of all sizes, some grain."""
    rng = np.random.default_rng(seed)
    sky = np.linspace(0, 1, height)[:, None, None] * rng.integers(40, 215, 3) + rng.integers(0, 40, 3)
    image = Image.fromarray(np.broadcast_to(sky, (height, width, 3)).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(60):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        w, h = (int(side * rng.random() ** 3 / 2) + 2 for side in (width, height))
        colour = tuple(int(part) for part in rng.integers(0, 256, 3))
        [draw.ellipse, draw.rectangle][int(rng.integers(2))]((x, y, x + w, y + h), fill=colour)
    grain = rng.normal(0, 4, (height, width, 1))
    pixels = np.asarray(image.filter(ImageFilter.GaussianBlur(1))) + grain
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def jpeg(image: Image.Image, quality: int = 85) -> bytes:
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=quality)
    return encoded.getvalue()


def luma(image: Image.Image) -> npt.NDArray[np.uint8]:
    return np.asarray(image.convert("L"))


@pytest.mark.parametrize("size", [(64, 64), (65, 127), (128, 129), (5, 900), (301, 200), (640, 480), (1000, 37)])
def test_the_folded_form_is_the_plain_form_bit_for_bit(size: tuple[int, int]) -> None:
    picture = luma(scene(sum(size), *size))
    fast, fast_quality = pdq(picture)
    plain, plain_quality = pdq_plainly(picture)
    assert distance(fast.tobytes(), plain.tobytes()) <= 1
    assert abs(fast_quality - plain_quality) <= 1


@pytest.mark.parametrize("seed", range(6))
def test_a_picture_at_full_size_agrees_with_the_published_implementation(seed: int) -> None:
    image = scene(seed, 700 + 31 * seed, 512 + 17 * seed)
    expected, quality = reference(image)
    found, found_quality = pdq(luma(image))
    assert distance(found.tobytes(), expected) <= 2
    assert abs(found_quality - quality) <= 1


@pytest.mark.parametrize("size", [(1632, 1224), (4000, 3000), (1023, 3000), (2048, 1024), (2399, 1801)])
def test_a_scaled_decode_stays_within_four_bits_of_the_published_implementation(size: tuple[int, int]) -> None:
    encoded = jpeg(scene(size[0], *size))
    expected, quality = reference(Image.open(io.BytesIO(encoded)))
    signed = sign(io.BytesIO(encoded))
    assert quality >= 80
    assert signed.pdq is not None
    assert distance(signed.pdq, expected) <= 4


def printed_page() -> Image.Image:
    page = Image.new("RGB", (2480, 3508), "white")
    draw, rng = ImageDraw.Draw(page), np.random.default_rng(5)
    for top in range(20, 3508, 14):
        draw.text((30, top), "".join(map(chr, rng.integers(33, 122, 350))), fill="black")
    return page


def halftone() -> Image.Image:
    down, across = np.mgrid[:2000, :3000]
    grey = (np.sin(across / 3000 * 9) + np.cos(down / 2000 * 7) + 2) / 4
    return Image.fromarray(((np.random.default_rng(6).random(grey.shape) < grey) * 255).astype(np.uint8))


@pytest.mark.parametrize("picture", [printed_page, halftone])
@pytest.mark.parametrize("quality", [50, 90])
def test_hard_fine_detail_falls_back_to_the_full_decode(picture: Callable[[], Image.Image], quality: int) -> None:
    encoded = jpeg(picture(), quality)
    expected, published_quality = reference(Image.open(io.BytesIO(encoded)))
    signed = sign(io.BytesIO(encoded))
    assert published_quality >= 80
    assert signed.pdq is not None
    assert distance(signed.pdq, expected) <= 2


@pytest.mark.parametrize("name", ["smooth ramp", "plain wall", "fine checks", "one small dot"])
def test_pictures_of_little_structure_fall_back_to_the_full_decode(name: str) -> None:
    across, down = np.meshgrid(np.arange(2400), np.arange(1800))
    pixels = {
        "smooth ramp": across / 2400 * 200,
        "plain wall": np.full(across.shape, 130.0),
        "fine checks": ((across // 2 + down // 2) % 2) * 255.0,
        "one small dot": np.where((across - 700) ** 2 + (down - 500) ** 2 < 900, 250.0, 20.0),
    }[name]
    encoded = jpeg(Image.fromarray(pixels.astype(np.uint8)).convert("RGB"), 92)
    expected, quality = reference(Image.open(io.BytesIO(encoded)))
    signed = sign(io.BytesIO(encoded))
    assert signed.quality == quality
    if quality >= 50:
        assert signed.pdq is not None
        assert distance(signed.pdq, expected) <= 10


def real_pictures() -> Iterator[Path]:
    return (path for path in sorted(SAMPLES.rglob("*")) if path.suffix.lower() in (".jpg", ".jpeg", ".webp"))


def test_real_photographs_agree_with_the_published_implementation() -> None:
    if not SAMPLES.is_dir():
        pytest.skip("the sample photographs are not beside this clone")
    distances = {}
    for path in real_pictures():
        signed = sign(io.BytesIO(path.read_bytes()))
        if signed.pdq is None or "broken" in path.parts:
            continue
        expected, quality = reference(Image.open(path))
        if quality >= 80:
            distances[path.name] = distance(signed.pdq, expected)
    assert len(distances) > 20
    assert max(distances.values()) <= 10, distances
    assert sorted(distances.values())[len(distances) // 2] <= 2


def test_a_picture_of_four_pixels_a_side_gives_no_hash() -> None:
    hashed, quality = pdq(np.full((4, 4), 9, np.uint8))
    assert (hashed.tolist(), quality) == ([0] * 32, 0)


LAID = {
    "mirrored": lambda picture: picture[:, ::-1],
    "half": lambda picture: picture[::-1, ::-1],
    "flipped": lambda picture: picture[::-1],
    "transposed": lambda picture: picture.T,
    "right": lambda picture: np.rot90(picture, -1),
    "left": lambda picture: np.rot90(picture),
    "transversed": lambda picture: picture.T[::-1, ::-1],
}


@pytest.mark.parametrize("turn", TURNS)
def test_the_hash_of_each_turn_is_near_that_of_the_turned_picture(turn: str) -> None:
    place = TURNS.index(turn)
    for seed, size in enumerate([(640, 480), (500, 700), (333, 512), (1024, 768)]):
        picture = luma(scene(seed, *size))
        expected, quality = pdq(LAID[turn](picture))
        assert quality >= 50
        samples = pdq_samples(picture)
        assert distance(turned_hashes(samples, picture.shape)[place].tobytes(), expected.tobytes()) <= 14
        alone = turned_codes(bits_of(coefficients_of(samples))[None])
        assert alone.shape == (1, 7, 32)
        assert distance(alone[0, place].tobytes(), expected.tobytes()) <= 24


def test_a_turn_and_its_opposite_give_the_hash_again() -> None:
    codes = np.random.default_rng(1).integers(0, 256, (50, 32), np.uint8)
    for place, turn in enumerate(TURNS):
        back = TURNS.index(OPPOSITE.get(turn, turn))
        assert np.array_equal(turned_codes(turned_codes(codes)[:, place])[:, back], codes)


def test_signing_a_picture_gives_its_turns_too() -> None:
    signed = sign(io.BytesIO(jpeg(scene(3, 1632, 1224))))
    upside_down = sign(io.BytesIO(jpeg(scene(3, 1632, 1224).transpose(Image.Transpose.ROTATE_180))))
    assert signed.turned is not None
    assert upside_down.pdq is not None
    place = 32 * TURNS.index("half")
    assert distance(signed.turned[place : place + 32], upside_down.pdq) <= 10
