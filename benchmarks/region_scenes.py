"""Rendered pictures for `benchmarks/regions.py`: invented objects pasted into invented rooms, the truth known exactly.

Five kinds of objects: ``tattoo`` (strokes on skin), ``print`` (polygons and letters on cloth), ``photograph`` (a picture
on the wall: many scales of noise and blobs), ``logo`` (a few large shapes, rounded) and ``wallpaper`` (one motif repeated
over the whole wall). Each stands at a random size (half to twice), turned at random, tilted, lit anew, and with 40 % of it
covered by something else. Everything comes from seeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

KINDS = ("tattoo", "print", "photograph", "logo", "wallpaper")
WIDTH, HEIGHT = 640, 480
OBJECT_PX = 200
"""The longer side of an object at scale 1."""
TEXTURE_PX = 512
COVERED = 0.4

Pixels = npt.NDArray[np.float32]
Random = np.random.Generator


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture, which object stands in it, and the outline it has there (pixels)."""

    pixels: npt.NDArray[np.uint8]
    kind: str
    thing: int
    outline: npt.NDArray[np.float32]


def noise(rng: Random, width: int, height: int, power: float, grain: int) -> Pixels:
    """Noise whose strength falls with frequency, from 0 to 1, three colours."""
    total = np.zeros((2, 3, 3), np.float32)
    strength, cells = 1.0, 2
    while cells <= grain:
        # each octave is laid on the enlarged sum of the coarser ones: the large enlargement happens once
        coarse = rng.random((max(2, cells * height // width + 1), cells + 1, 3), np.float32)
        total = cv2.resize(total, (coarse.shape[1], coarse.shape[0]), interpolation=cv2.INTER_CUBIC) + strength * coarse
        cells, strength = cells * 2, strength * power
    total = np.asarray(cv2.resize(total, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    total -= total.min()
    return np.asarray(total / max(float(total.max()), 1e-6), np.float32)


def colour(rng: Random, low: float = 0.05, high: float = 0.95) -> tuple[float, ...]:
    return tuple(float(part) for part in rng.uniform(low, high, 3))


def polygon(rng: Random, centre: Any, radius: float, corners: int) -> npt.NDArray[np.int32]:
    turns = np.sort(rng.uniform(0, 2 * np.pi, corners))
    reach = radius * rng.uniform(0.4, 1.0, corners)
    points = np.column_stack((np.cos(turns) * reach, np.sin(turns) * reach)) + centre
    return np.asarray(np.round(points), np.int32)


def draw_shapes(rng: Random, canvas: Pixels, count: int, smallest: float, largest: float) -> None:
    """Filled polygons, ellipses, lines and letters of random colours."""
    height, width = canvas.shape[:2]
    for _ in range(count):
        centre = rng.uniform([0, 0], [width, height])
        radius = float(np.exp(rng.uniform(np.log(smallest), np.log(largest))))
        shade = colour(rng)
        at = (int(centre[0]), int(centre[1]))
        choice = rng.integers(5)
        if choice == 0:
            cv2.fillPoly(canvas, [polygon(rng, centre, radius, int(rng.integers(3, 7)))], shade, cv2.LINE_AA)
        elif choice == 1:
            axes = (int(radius * rng.uniform(0.3, 1)) + 1, int(radius * rng.uniform(0.3, 1)) + 1)
            cv2.ellipse(canvas, at, axes, rng.uniform(0, 180), 0, 360, shade, -1, cv2.LINE_AA)
        elif choice == 2:
            turn = rng.uniform(0, 2 * np.pi)
            end = (int(at[0] + 2 * radius * np.cos(turn)), int(at[1] + 2 * radius * np.sin(turn)))
            cv2.line(canvas, at, end, shade, int(rng.integers(1, max(2, radius / 5) + 1)), cv2.LINE_AA)
        elif choice == 3:
            axes = (int(radius) + 1, int(radius * rng.uniform(0.3, 1)) + 1)
            begin = rng.uniform(0, 360)
            thick = int(rng.integers(1, max(2, radius / 6) + 1))
            cv2.ellipse(
                canvas, at, axes, rng.uniform(0, 180), begin, begin + rng.uniform(60, 300), shade, thick, cv2.LINE_AA
            )
        else:
            letters = "".join(chr(code) for code in rng.integers(65, 91, int(rng.integers(1, 4))))
            size = radius / 18
            write(canvas, letters, at, int(rng.integers(0, 8)), size, shade)


def write(canvas: Pixels, letters: str, at: tuple[int, int], face: int, size: float, shade: tuple[float, ...]) -> None:
    """Letters with their lower left corner ``at``; drawn on bytes, as the drawing of letters asks for."""
    reach = int(26 * size * (len(letters) + 1)) + 8
    top, left = max(0, at[1] - reach), max(0, at[0] - 4)
    part = canvas[top : at[1] + reach // 2, left : at[0] + reach]
    if not part.size:
        return
    written = np.zeros(part.shape[:2], np.uint8)
    cv2.putText(written, letters, (at[0] - left, at[1] - top), face, size, (255,), max(1, int(size * 2)), cv2.LINE_AA)
    part += written[:, :, None] / np.float32(255) * (np.asarray(shade, np.float32) - part)


def texture(kind: str, thing: int) -> tuple[Pixels, Pixels]:
    """The look of object number ``thing`` of a kind: colours and how opaque, both ``TEXTURE_PX`` square."""
    rng = np.random.default_rng([KINDS.index(kind), thing, 7])
    side = TEXTURE_PX
    opaque = np.ones((side, side), np.float32)
    if kind == "tattoo":
        canvas = np.empty((side, side, 3), np.float32)
        canvas[:] = np.array([0.35, 0.22, 0.12]) * rng.uniform(0.4, 1.2)
        opaque = np.zeros((side, side), np.float32)
        for _ in range(int(rng.integers(14, 26))):
            points = np.cumsum(rng.normal(0, side / 14, (6, 2)), axis=0) + rng.uniform(side * 0.2, side * 0.8, 2)
            curve = cv2.resize(points.astype(np.float32), (2, 60), interpolation=cv2.INTER_CUBIC)
            thick = int(rng.integers(3, 16))
            cv2.polylines(opaque, [np.asarray(np.round(curve), np.int32)], False, (1.0,), thick, cv2.LINE_AA)
        for _ in range(6):
            spot = polygon(rng, rng.uniform(side * 0.2, side * 0.8, 2), side / 10, 5)
            cv2.fillPoly(opaque, [spot], (float(rng.uniform(0.4, 1)),), cv2.LINE_AA)
        return canvas, opaque * 0.8
    if kind == "print":
        canvas = np.empty((side, side, 3), np.float32)
        canvas[:] = colour(rng)
        draw_shapes(rng, canvas, 60, 12, 70)
        return canvas, opaque
    if kind == "photograph":
        canvas = noise(rng, side, side, 0.75, 128)
        draw_shapes(rng, canvas, 12, 30, 140)
        canvas = 0.6 * canvas + 0.4 * noise(rng, side, side, 0.8, 128)
        return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 1.6), np.float32), opaque
    if kind == "logo":
        canvas = np.empty((side, side, 3), np.float32)
        canvas[:] = colour(rng)
        draw_shapes(rng, canvas, 9, 50, 160)
        opaque = np.zeros((side, side), np.float32)
        if rng.random() < 0.5:
            cv2.ellipse(
                opaque, (side // 2, side // 2), (side // 2 - 4, side // 2 - 4), 0, 0, 360, (1.0,), -1, cv2.LINE_AA
            )
        else:
            opaque[side // 12 : -side // 12, side // 12 : -side // 12] = 1
        return canvas, opaque
    return wall_paper(rng), opaque


def wall_paper(rng: Random) -> Pixels:
    """One motif repeated in rows, every second row moved: a square that can be laid beside itself."""
    side = TEXTURE_PX
    tile = side // 8
    motif = np.empty((tile, tile, 3), np.float32)
    ground = colour(rng, 0.3, 0.9)
    motif[:] = ground
    for _ in range(int(rng.integers(4, 8))):
        centre = rng.uniform(tile * 0.25, tile * 0.75, 2)
        shade = colour(rng)
        if rng.random() < 0.6:
            cv2.fillPoly(motif, [polygon(rng, centre, tile * 0.32, int(rng.integers(3, 7)))], shade, cv2.LINE_AA)
        else:
            axes = (int(tile * rng.uniform(0.06, 0.22)) + 1, int(tile * rng.uniform(0.06, 0.22)) + 1)
            at = (int(centre[0]), int(centre[1]))
            cv2.ellipse(motif, at, axes, rng.uniform(0, 180), 0, 360, shade, int(rng.choice([-1, 2])), cv2.LINE_AA)
    row = np.tile(motif, (1, 8, 1))
    shifted = np.roll(row, tile // 2 if rng.random() < 0.5 else 0, axis=1)
    return np.tile(np.concatenate((row, shifted)), (4, 1, 1))


def room(rng: Random) -> Pixels:
    """A room that holds nothing sought: a wall, furniture, clutter."""
    canvas = 0.35 * noise(rng, WIDTH, HEIGHT, 0.7, 64) + 0.5 * np.asarray(colour(rng), np.float32)
    floor = int(HEIGHT * rng.uniform(0.6, 0.85))
    canvas[floor:] = 0.3 * noise(rng, WIDTH, HEIGHT, 0.8, 128)[floor:] + 0.4 * np.asarray(colour(rng), np.float32)
    canvas = np.ascontiguousarray(canvas, np.float32)
    for _ in range(int(rng.integers(2, 6))):
        furniture(rng, canvas)
    draw_shapes(rng, canvas, int(rng.integers(5, 30)), 4, 60)
    return canvas


def furniture(rng: Random, canvas: Pixels) -> None:
    """A textured quadrilateral somewhere."""
    centre, reach = rng.uniform([0, 0], [WIDTH, HEIGHT]), rng.uniform(40, 160)
    outline = polygon(rng, centre, reach, 4)
    low = np.clip(outline.min(axis=0), 0, [WIDTH, HEIGHT])
    high = np.clip(outline.max(axis=0) + 1, 0, [WIDTH, HEIGHT])
    if (high - low).min() < 2:
        return
    part = canvas[low[1] : high[1], low[0] : high[0]]
    mask = np.zeros(part.shape[:2], np.float32)
    cv2.fillPoly(mask, [outline - low.astype(np.int32)], (1.0,))
    cloth = 0.4 * noise(rng, part.shape[1], part.shape[0], 0.8, 64) + 0.5 * np.asarray(colour(rng), np.float32)
    part += mask[:, :, None] * (cloth - part)


def placement(rng: Random, kind: str, scale: float, tilt: float) -> npt.NDArray[np.float32]:
    """The perspective transform from the texture into a picture."""
    half = (OBJECT_PX * scale if kind != "wallpaper" else 4 * OBJECT_PX * scale) / 2
    turn = rng.uniform(0, 2 * np.pi)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32) * half
    corners *= 1 + rng.uniform(-tilt, tilt, (4, 1))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    margin_x, margin_y = min(half, WIDTH * 0.45), min(half, HEIGHT * 0.45)
    centre = rng.uniform([margin_x, margin_y], [WIDTH - margin_x, HEIGHT - margin_y])
    if kind == "wallpaper":
        centre = np.array([WIDTH / 2, HEIGHT / 2]) + rng.uniform(-60, 60, 2)
    corners = corners @ rotation.T.astype(np.float32) + centre.astype(np.float32)
    source = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32) * TEXTURE_PX
    return np.asarray(cv2.getPerspectiveTransform(source, corners.astype(np.float32)), np.float32)


def render(kind: str, thing: int, seed: int, *, query: bool = False) -> Scene:
    """A scene with object ``thing``; that of a query shows it whole and at about the size of scale 1."""
    rng = np.random.default_rng([KINDS.index(kind), thing, seed, 11])
    canvas = room(rng)
    scale = float(np.exp(rng.uniform(np.log(0.5), np.log(2.0)))) if not query else float(rng.uniform(0.9, 1.4))
    look, opaque = texture(kind, thing)
    if kind == "wallpaper":
        scale *= 0.6
    place = placement(rng, kind, scale, 0.12)
    if kind == "tattoo":
        paste_skin(rng, canvas, place)
    zoom = OBJECT_PX * scale / TEXTURE_PX
    if zoom < 0.9:
        look = cv2.GaussianBlur(look, (0, 0), 0.4 / zoom)
        opaque = cv2.GaussianBlur(opaque, (0, 0), 0.4 / zoom)
    edge = cv2.BORDER_WRAP if kind == "wallpaper" else cv2.BORDER_CONSTANT  # a wall goes on to every side
    warped = cv2.warpPerspective(look, place, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=edge)
    mask = cv2.warpPerspective(opaque, place, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=edge)
    canvas += mask[:, :, None] * (warped - canvas)
    outline = corners_in_picture(place)
    if kind == "wallpaper":
        outline = in_front_of_wall(rng, canvas, query)
    elif not query:
        cover(rng, canvas, outline)
    return Scene(light(rng, canvas), kind, thing, outline)


def corners_in_picture(place: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    side = TEXTURE_PX
    source = np.array([[[0, 0], [side, 0], [side, side], [0, side]]], np.float32)
    return np.asarray(cv2.perspectiveTransform(source, place)[0], np.float32)


def paste_skin(rng: Random, canvas: Pixels, place: npt.NDArray[np.float32]) -> None:
    """A smooth, skin-coloured patch under a tattoo."""
    corners = corners_in_picture(place)
    centre = corners.mean(axis=0)
    reach = float(np.linalg.norm(corners - centre, axis=1).max())
    mask = np.zeros(canvas.shape[:2], np.float32)
    axes = (int(reach * 1.2), int(reach * 1.0))
    cv2.ellipse(mask, (int(centre[0]), int(centre[1])), axes, rng.uniform(0, 180), 0, 360, (1.0,), -1, cv2.LINE_AA)
    tone = np.array([0.55, 0.65, 0.85], np.float32) * float(rng.uniform(0.6, 1.05))
    skin = tone + 0.08 * (noise(rng, WIDTH, HEIGHT, 0.6, 32) - 0.5)
    canvas += mask[:, :, None] * (skin - canvas)


def cover(rng: Random, canvas: Pixels, outline: npt.NDArray[np.float32]) -> None:
    """Something laid over 40 % of the object: the half plane to one side of it, cut at the right place."""
    inside = np.zeros(canvas.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.asarray(np.round(outline), np.int32)], (1,))
    rows, columns = np.nonzero(inside)
    if rows.size == 0:
        return
    turn = rng.uniform(0, 2 * np.pi)
    along = columns * np.cos(turn) + rows * np.sin(turn)
    edge = np.quantile(along, COVERED)
    grid_y, grid_x = np.mgrid[0:HEIGHT, 0:WIDTH]
    depth = grid_x * np.cos(turn) + grid_y * np.sin(turn)
    reach = np.ptp(along) * 0.7
    mask = ((depth < edge) & (depth > edge - reach)).astype(np.float32)
    cloth = 0.45 * noise(rng, WIDTH, HEIGHT, 0.8, 64) + 0.45 * np.asarray(colour(rng), np.float32)
    cloth = np.ascontiguousarray(cloth, np.float32)
    draw_shapes(rng, cloth, 20, 6, 50)
    canvas += cv2.GaussianBlur(mask, (0, 0), 0.7)[:, :, None] * (cloth - canvas)


def in_front_of_wall(rng: Random, canvas: Pixels, query: bool) -> npt.NDArray[np.float32]:
    """Furniture over 40 % of a wall; the part of it that an analyst would mark."""
    left, top = rng.uniform(20, WIDTH - 280), rng.uniform(20, HEIGHT - 240)
    marked = np.array([[0, 0], [260, 0], [260, 220], [0, 220]], np.float32) + np.array([left, top], np.float32)
    front = room(rng)
    if query:
        mask = np.ones(canvas.shape[:2], np.float32)
        cv2.fillPoly(mask, [np.asarray(np.round(marked), np.int32)], (0.0,))
        mask *= np.asarray(noise(rng, WIDTH, HEIGHT, 0.5, 4)[:, :, 0] > 0.5, np.float32)
    else:
        cloud = noise(rng, WIDTH, HEIGHT, 0.5, 4)[:, :, 0]
        mask = np.asarray(cloud > np.quantile(cloud, 1 - COVERED), np.float32)
    canvas += cv2.GaussianBlur(mask, (0, 0), 0.7)[:, :, None] * (front - canvas)
    return np.asarray(marked, np.float32)


def light(rng: Random, canvas: Pixels) -> npt.NDArray[np.uint8]:
    """Brightness, contrast, a gradient of light, a colour cast, noise and a JPEG's losses."""
    turn = rng.uniform(0, 2 * np.pi)
    grid_y, grid_x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    slope = 1 + 0.35 * (np.cos(turn) * grid_x + np.sin(turn) * grid_y)
    gamma, gain, cast = rng.uniform(0.7, 1.5), rng.uniform(0.45, 1.15), rng.uniform(0.85, 1.15, 3)
    lit = np.clip(canvas, 0, 1) ** np.float32(gamma) * (gain * slope).astype(np.float32)[:, :, None]
    lit = lit * cast.astype(np.float32) + np.float32(rng.uniform(-0.03, 0.08))
    if rng.random() < 0.4:
        lit = cv2.GaussianBlur(lit, (0, 0), rng.uniform(0.4, 1.0))
    lit = lit + np.float32(rng.uniform(0.005, 0.025)) * rng.standard_normal(lit.shape, np.float32)
    pixels = np.asarray(np.clip(lit * 255, 0, 255), np.uint8)
    _, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 93))])
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)


def distractor(seed: int) -> Scene:
    """A scene whose object, of any kind, stands in no other picture; every fourth is a room alone."""
    kind = KINDS[seed % len(KINDS)]
    if seed % 4 == 0:
        rng = np.random.default_rng([seed, 13])
        return Scene(light(rng, room(rng)), "", -1, np.zeros((4, 2), np.float32))
    scene = render(kind, 1_000_000 + seed, seed)
    return Scene(scene.pixels, "", -1, scene.outline)
