"""Pictures of rooms in which nobody lives: rendered, different for every scene, the same again for the same seed.

A room (wallpaper, bedspread, posters, lamp, toys) is drawn from its own number, a scene is one view of it.
Edits are what happens to a picture on its way from hand to hand. Nobody is ever drawn.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageOps

Colour = tuple[int, int, int]
Edit = Literal["none", "recompress", "resize", "crop", "border", "brightness", "contrast"]
EDITS: tuple[Edit, ...] = ("recompress", "resize", "crop", "border", "brightness", "contrast")
WALLPAPERS = 24
BEDSPREADS = 16


@dataclass(frozen=True, slots=True)
class Scene:
    """One view of one room. ``room`` chooses what stands there, ``view`` from where and in which light."""

    room: int
    view: int


def draw(scene: Scene, width: int, height: int) -> Image.Image:
    """The picture of ``scene``, ``width`` by ``height`` pixels, RGB."""
    room, view = Random(f"room {scene.room}"), Random(f"view {scene.room} {scene.view}")
    picture = Image.new("RGB", (width, height), _colour(room, 60, 220))
    canvas = ImageDraw.Draw(picture)
    # The view: where the two walls meet, where the floor begins on either side, how far the camera is turned.
    corner = int(width * view.uniform(0.15, 0.85))
    floor_corner = int(height * view.uniform(0.45, 0.7))
    floor_left = min(height - 4, floor_corner + int(height * view.uniform(0.05, 0.3)))
    floor_right = min(height - 4, floor_corner + int(height * view.uniform(0.05, 0.3)))
    scale = view.uniform(0.7, 1.6) * width / 640
    paper = _texture(room.randrange(WALLPAPERS), "wallpaper", max(24, int(96 * scale)))
    side = _texture(room.randrange(WALLPAPERS), "wallpaper", max(24, int(80 * scale)))
    left = [(0, 0), (corner, 0), (corner, floor_corner), (0, floor_left)]
    right = [(corner, 0), (width, 0), (width, floor_right), (corner, floor_corner)]
    _fill(picture, paper, left, view, 1.0)
    _fill(picture, side, right, view, view.uniform(0.55, 0.95))
    floor = [(0, floor_left), (corner, floor_corner), (width, floor_right), (width, height), (0, height)]
    _fill(picture, _texture(room.randrange(8), "floor", max(24, int(70 * scale))), floor, view, view.uniform(0.5, 1.0))
    canvas.line(
        [(0, floor_left), (corner, floor_corner), (width, floor_right)], _colour(room, 20, 120), max(2, width // 160)
    )
    pieces = [_window, _poster, _poster, _shelf, _lamp, _door, _logo, _curtain, _poster]
    room.shuffle(pieces)
    for piece in pieces[: room.randrange(4, 8)]:
        piece(picture, canvas, room, view, width, int(height * 0.62))
    _bed(picture, canvas, room, view, width, height)
    for _ in range(room.randrange(3, 9)):
        _toy(canvas, room, view, width, height)
    return _light(picture, view)


def edit(picture: Image.Image, kind: Edit, random: Random) -> Image.Image:
    """``picture`` after one harmless change that leaves it a near-duplicate to the eye and to PDQ."""
    width, height = picture.size
    if kind == "resize":
        share = random.uniform(0.55, 0.85)
        return picture.resize((int(width * share), int(height * share)), Image.Resampling.BICUBIC)
    if kind == "crop":
        dx, dy = max(1, int(width * 0.008)), max(1, int(height * 0.008))
        return picture.crop((dx, random.randrange(dy + 1), width - random.randrange(dx + 1), height - dy))
    if kind == "border":
        return ImageOps.expand(picture, max(1, width // 200), random.choice(("black", "white")))
    if kind == "brightness":
        return ImageEnhance.Brightness(picture).enhance(random.choice((0.82, 0.88, 1.08, 1.12)))
    if kind == "contrast":
        return ImageEnhance.Contrast(picture).enhance(random.choice((0.85, 0.92, 1.1)))
    return picture


def encode(picture: Image.Image, format: str, quality: int, exif: Image.Exif | None = None) -> bytes:
    """The bytes of ``picture`` as ``jpg``, ``png`` or ``webp``."""
    out = io.BytesIO()
    extra = {"exif": exif.tobytes()} if exif is not None else {}
    if format == "png":
        picture.quantize(128, dither=Image.Dither.NONE).convert("RGB").save(out, "PNG", compress_level=1, **extra)
    elif format == "webp":
        picture.save(out, "WEBP", quality=quality, method=0, **extra)
    else:
        picture.save(out, "JPEG", quality=quality, **extra)
    return out.getvalue()


def rough_code(picture: Image.Image) -> NDArray[np.uint8]:
    """32 bytes close to the picture's PDQ, computed from a small copy: good for choosing pictures, not for matching.

    PDQ (Facebook, "The TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm", 2019): luminance, low
    pass to 64 x 64, 16 x 16 discrete cosine transform without the first row and column, one bit per value above the median.
    """
    small = np.asarray(picture.convert("L").resize((64, 64), Image.Resampling.BOX), dtype=np.float32)
    values = _COSINES @ small @ _COSINES.T
    return np.packbits(values > np.median(values))


def distance(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> int:
    """How many of 256 bits differ."""
    return int(np.bitwise_count(np.bitwise_xor(left, right)).sum())


def _cosines() -> NDArray[np.float32]:
    rows = np.arange(1, 17, dtype=np.float32)[:, None]
    waves: NDArray[np.float32] = (
        np.sqrt(2 / 64) * np.cos(np.pi / 128 * rows * (2 * np.arange(64, dtype=np.float32) + 1))
    ).astype(np.float32)
    return waves


_COSINES = _cosines()


def _colour(random: Random, low: int = 30, high: int = 235) -> Colour:
    return (random.randint(low, high), random.randint(low, high), random.randint(low, high))


@lru_cache(maxsize=96)
def _texture(number: int, kind: str, size: int) -> Image.Image:
    """A repeating pattern, 2 x 2 periods large; ``size`` is rounded so that few sizes are drawn."""
    random = Random(f"{kind} {number}")
    period = max(24, size // 16 * 16)
    tile = Image.new("RGB", (period, period), _colour(random))
    canvas = ImageDraw.Draw(tile)
    ink, second = _colour(random), _colour(random)
    style = random.choice(("stripes", "checks", "dots", "diamonds", "stars", "flowers", "waves", "planks"))
    if kind == "floor":
        style = random.choice(("planks", "checks", "stripes"))
    part = period / random.choice((2, 3, 4))
    steps = int(period / part) + 1
    for i in range(steps):
        for j in range(steps):
            x, y = i * part, j * part
            if style == "stripes":
                canvas.rectangle([x, 0, x + part / 2, period], ink)
            elif style == "checks":
                canvas.rectangle([x, y, x + part / 2, y + part / 2], ink if (i + j) % 2 else second)
            elif style == "dots":
                canvas.ellipse(
                    [x + part * 0.2, y + part * 0.2, x + part * 0.8, y + part * 0.8], ink if i % 2 else second
                )
            elif style == "diamonds":
                h = part / 2
                canvas.polygon([(x + h, y), (x + part, y + h), (x + h, y + part), (x, y + h)], ink, second)
            elif style == "stars":
                canvas.polygon(_star(x + part / 2, y + part / 2, part * 0.45, 5), ink if (i + j) % 2 else second)
            elif style == "flowers":
                for petal in range(5):
                    a = petal * 1.2566
                    cx, cy = x + part / 2 + np.cos(a) * part * 0.22, y + part / 2 + np.sin(a) * part * 0.22
                    canvas.ellipse([cx - part * 0.15, cy - part * 0.15, cx + part * 0.15, cy + part * 0.15], ink)
                r = part * 0.12
                canvas.ellipse([x + part / 2 - r, y + part / 2 - r, x + part / 2 + r, y + part / 2 + r], second)
            elif style == "waves":
                canvas.arc([x, y, x + part, y + part], 0, 180, ink, max(2, int(part / 6)))
            else:
                canvas.rectangle([0, y, period, y + part * 0.9], ink if j % 2 else second)
                canvas.line([(x + part * (j % 2) / 2, y), (x + part * (j % 2) / 2, y + part)], (40, 30, 20), 2)
    return tile


def _star(x: float, y: float, radius: float, points: int) -> list[tuple[float, float]]:
    angles = np.arange(points * 2) * np.pi / points
    radii = np.where(np.arange(points * 2) % 2, radius * 0.4, radius)
    return [(float(x + r * np.sin(a)), float(y - r * np.cos(a))) for a, r in zip(angles, radii, strict=True)]


def _fill(
    picture: Image.Image, tile: Image.Image, corners: list[tuple[int, int]], view: Random, brightness: float
) -> None:
    """Cover the polygon with the pattern, sheared a little, as a wall is that the camera does not face."""
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    box = (max(0, min(xs)), max(0, min(ys)), min(picture.width, max(xs)), min(picture.height, max(ys)))
    width, height = box[2] - box[0], box[3] - box[1]
    if width < 2 or height < 2:
        return
    pixels = np.asarray(tile)
    if brightness < 1:
        pixels = (pixels.astype(np.uint16) * int(brightness * 256) >> 8).astype(np.uint8)
    period = pixels.shape[0]
    shear, dx, dy = view.uniform(-0.25, 0.25), view.randrange(period), view.randrange(period)
    rows = np.arange(height)[:, None]
    columns = np.arange(width)[None, :]
    tall = (rows + (shear * columns).astype(np.int32) + dy) % period
    covered = Image.fromarray(pixels[tall, (columns + dx) % period])
    mask = Image.new("1", (width, height), 0)
    ImageDraw.Draw(mask).polygon([(x - box[0], y - box[1]) for x, y in corners], 1)
    picture.paste(covered, box[:2], mask)


def _spot(view: Random, width: int, height: int, w: float, h: float) -> tuple[int, int, int, int]:
    x, y = int(view.uniform(-0.1, 1.0 - w * 0.6) * width), int(view.uniform(-0.1, 1.0 - h * 0.6) * height)
    return x, y, x + int(w * width), y + int(h * height)


def _window(
    picture: Image.Image, canvas: ImageDraw.ImageDraw, room: Random, view: Random, width: int, height: int
) -> None:
    x0, y0, x1, y1 = _spot(view, width, height, view.uniform(0.18, 0.35), view.uniform(0.3, 0.6))
    sky, frame = _colour(room, 130, 255), _colour(room, 120, 250)
    canvas.rectangle([x0, y0, x1, y1], sky, frame, max(3, width // 90))
    middle = (y0 + y1) // 2 + int(view.uniform(-0.1, 0.2) * (y1 - y0))
    canvas.rectangle([x0 + 6, middle, x1 - 6, y1 - 6], _colour(room, 30, 140))
    canvas.line([((x0 + x1) // 2, y0), ((x0 + x1) // 2, y1)], frame, max(3, width // 110))
    canvas.line([(x0, (y0 + y1) // 2), (x1, (y0 + y1) // 2)], frame, max(3, width // 110))


def _poster(
    picture: Image.Image, canvas: ImageDraw.ImageDraw, room: Random, view: Random, width: int, height: int
) -> None:
    x0, y0, x1, y1 = _spot(view, width, height, view.uniform(0.1, 0.28), view.uniform(0.2, 0.55))
    canvas.rectangle([x0, y0, x1, y1], _colour(room), _colour(room, 0, 90), max(2, width // 200))
    w, h = x1 - x0, y1 - y0
    for _ in range(room.randrange(2, 5)):
        cx, cy, r = x0 + w * room.uniform(0.2, 0.8), y0 + h * room.uniform(0.2, 0.8), w * room.uniform(0.1, 0.3)
        shape = room.randrange(3)
        if shape == 0:
            canvas.ellipse([cx - r, cy - r, cx + r, cy + r], _colour(room))
        elif shape == 1:
            canvas.polygon(_star(cx, cy, r, room.randrange(4, 9)), _colour(room))
        else:
            canvas.rectangle([cx - r, cy - r / 2, cx + r, cy + r / 2], _colour(room))


def _shelf(
    picture: Image.Image, canvas: ImageDraw.ImageDraw, room: Random, view: Random, width: int, height: int
) -> None:
    x0, y0, x1, y1 = _spot(view, width, height, view.uniform(0.2, 0.4), view.uniform(0.25, 0.5))
    canvas.rectangle([x0, y0, x1, y1], _colour(room, 40, 140))
    rows = room.randrange(2, 4)
    for row in range(rows):
        top, bottom = y0 + (y1 - y0) * row // rows + 4, y0 + (y1 - y0) * (row + 1) // rows - 4
        x = x0 + 4
        while x < x1 - 8:
            thick = max(4, int(room.uniform(0.008, 0.025) * width))
            canvas.rectangle(
                [x, top + int(room.uniform(0, 0.3) * (bottom - top)), x + thick, max(bottom, top + 8)], _colour(room)
            )
            x += thick + 2


def _lamp(
    picture: Image.Image, canvas: ImageDraw.ImageDraw, room: Random, view: Random, width: int, height: int
) -> None:
    x0, y0, x1, y1 = _spot(view, width, height, 0.12, 0.25)
    pole = (x0 + x1) // 2
    canvas.line([(pole, y1), (pole, y1 + height // 2)], _colour(room, 20, 120), max(3, width // 120))
    canvas.polygon([(x0 + (x1 - x0) // 4, y0), (x1 - (x1 - x0) // 4, y0), (x1, y1), (x0, y1)], _colour(room, 170, 255))


def _door(
    picture: Image.Image, canvas: ImageDraw.ImageDraw, room: Random, view: Random, width: int, height: int
) -> None:
    x0 = int(view.uniform(0, 0.85) * width)
    x1, y0 = x0 + int(width * 0.16), int(height * view.uniform(0.05, 0.3))
    colour = _colour(room)
    canvas.rectangle([x0, y0, x1, height], colour, _colour(room, 0, 80), max(2, width // 160))
    for top, bottom in ((0.1, 0.45), (0.55, 0.9)):
        tall = height - y0
        canvas.rectangle(
            [x0 + 10, y0 + int(tall * top), x1 - 10, y0 + int(tall * bottom)], outline=_colour(room, 0, 120)
        )
    canvas.ellipse([x1 - 16, (y0 + height) // 2, x1 - 8, (y0 + height) // 2 + 8], (220, 200, 90))


def _logo(
    picture: Image.Image, canvas: ImageDraw.ImageDraw, room: Random, view: Random, width: int, height: int
) -> None:
    x0, y0, x1, y1 = _spot(view, width, height, 0.12, 0.2)
    canvas.ellipse([x0, y0, x1, y1], _colour(room), _colour(room), max(3, width // 100))
    canvas.polygon(_star((x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) * 0.35, room.randrange(3, 8)), _colour(room))


def _curtain(
    picture: Image.Image, canvas: ImageDraw.ImageDraw, room: Random, view: Random, width: int, height: int
) -> None:
    x = int(view.uniform(-0.05, 0.9) * width)
    light, dark = _colour(room, 100, 240), _colour(room, 20, 150)
    for fold in range(room.randrange(4, 8)):
        step = max(6, width // 40)
        canvas.rectangle([x + fold * step, 0, x + (fold + 1) * step, int(height * 0.95)], light if fold % 2 else dark)


def _bed(
    picture: Image.Image, canvas: ImageDraw.ImageDraw, room: Random, view: Random, width: int, height: int
) -> None:
    left = int(view.uniform(-0.2, 0.45) * width)
    top = int(height * view.uniform(0.5, 0.72))
    length, drop = int(width * view.uniform(0.4, 0.75)), int(height * view.uniform(0.12, 0.3))
    slant = int(width * view.uniform(-0.12, 0.12))
    corners = [(left + slant, top), (left + length + slant, top), (left + length, top + drop), (left, top + drop)]
    spread = _texture(room.randrange(BEDSPREADS), "bedspread", max(24, int(width * view.uniform(0.05, 0.11))))
    clipped = [(min(width, max(0, x)), min(height, max(0, y))) for x, y in corners]
    _fill(picture, spread, clipped, view, 1.0)
    head = left + slant if room.random() < 0.5 else left + length + slant
    board = int(height * room.uniform(0.1, 0.22))
    thick = int(width * 0.03)
    canvas.rectangle([head - thick, top - board, head + thick, top + drop], _colour(room, 20, 130))
    pillow = head + thick if head < left + length // 2 else head - thick - length // 4
    canvas.ellipse(
        [pillow, top - drop // 5, pillow + length // 4, top + drop // 3],
        _colour(room, 170, 255),
        _colour(room, 60, 160),
    )
    canvas.rectangle([left, top + drop, left + length, top + drop + height // 14], _colour(room, 10, 120))


def _toy(canvas: ImageDraw.ImageDraw, room: Random, view: Random, width: int, height: int) -> None:
    size = width * room.uniform(0.02, 0.06)
    x, y = view.uniform(0, width), view.uniform(height * 0.72, height)
    colour, shape = _colour(room), room.randrange(3)
    if shape == 0:
        canvas.ellipse([x - size, y - size, x + size, y + size], colour, _colour(room))
    elif shape == 1:
        canvas.rectangle([x - size, y - size, x + size, y + size], colour, _colour(room), 3)
    else:
        canvas.polygon(_star(x, y, size * 1.3, 6), colour, _colour(room))


@lru_cache(maxsize=8)
def _grain(number: int) -> Image.Image:
    """A tile of sensor noise around zero, kept as noise plus 128."""
    generator = np.random.default_rng(number)
    return Image.fromarray(generator.normal(128, 4, (512, 512)).clip(96, 160).astype(np.uint8))


def _light(picture: Image.Image, view: Random) -> Image.Image:
    """Light falls from one side and fades at the edges; the sensor adds grain."""
    width, height = picture.size
    x, y = np.linspace(-1, 1, 16, dtype=np.float32)[None, :], np.linspace(-1, 1, 12, dtype=np.float32)[:, None]
    cx, cy, spread = view.uniform(-0.9, 0.9), view.uniform(-0.9, 0.5), view.uniform(0.8, 2.5)
    field = 0.45 + 0.55 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / spread)
    grain = _grain(view.randrange(8))
    sheet = Image.new("L", (width, height))
    dx, dy = view.randrange(512), view.randrange(512)
    for left in range(-dx, width, 512):
        for top in range(-dy, height, 512):
            sheet.paste(grain, (left, top))
    shade = Image.fromarray((field * 255).clip(0, 255).astype(np.uint8)).resize(
        (width, height), Image.Resampling.BILINEAR
    )
    bands = [ImageChops.add(ImageChops.multiply(band, shade), sheet, 1, -128) for band in picture.split()]
    return Image.merge("RGB", bands)
