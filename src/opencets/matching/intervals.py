"""Which seconds of one video stand in which other one.

Both videos are sampled frames with a second and one or two PDQ each (vPDQ, Meta 2021; the second one without black
borders). Frames within 31 bits of each other are pairs. Footage that two videos share shows as a straight line among
the pairs: its slope is the speed, its height the offset. The line with the most frames is found first (offsets at
equal speed by counting, other speeds by RANSAC from a fixed seed: Fischler and Bolles, 1981), fitted by least squares,
cut to the stretch in which most frames agree, taken away, and the next one is looked for. Frames of low quality match
nothing. Where nothing is found as the frames stand, the seven other orientations are tried.

The whole exactness lies in the samples: with one frame a second an end is told to within a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

RADIUS = 31
LOOSE_RADIUS = 47
"""On a line that frames within `RADIUS` have shown, a frame within this agrees: two samplings of a movement never meet.

Unrelated pictures lie about 128 bits apart, 47 bits ten standard deviations below. It is also the radius of turned
copies, whose codes are estimated from the bits.
"""
TURNED_RADIUS = 59
"""The same for turned and mirrored copies: of a small video, codes reckoned from the bits lie up to 55 bits beside it."""
USABLE_QUALITY = 50
"""Below this PDQ quality the publication advises not to match: the picture is too plain."""
LEAST_FRAMES = 3
LEAST_SHARE = 0.6
MOST_INTERVALS = 8
SLOWEST, FASTEST = 0.45, 2.2
TRIES = 1_500
PAIRS_FITTED = 4_000
LEAST_SLACK = 0.15
HELD_SECONDS = 60.0
"""A picture that stands still is held over at most so many seconds without a frame."""
AS_IT_STANDS = "as it stands"

Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sample:
    """One frame of a video: its second, and one PDQ (32 bytes) with its quality for each way in which it was hashed."""

    second: float
    hashes: tuple[tuple[bytes, int], ...]


class HashedFrame(Protocol):
    """What ``opencets.hashing.Frame`` is, and whatever else carries the same."""

    @property
    def second(self) -> float: ...
    @property
    def pdq(self) -> bytes: ...
    @property
    def quality(self) -> int: ...
    @property
    def inner(self) -> bytes | None: ...
    @property
    def inner_quality(self) -> int | None: ...


@dataclass(frozen=True)
class Track:
    """The frames of one video in the order of time, ready to be compared; ``duration`` in seconds."""

    seconds: Floats
    codes: Words
    """Shape (frames, ways, 4): 256 bits as four words."""
    usable: Bools
    """Shape (frames, ways)."""
    duration: float

    @classmethod
    def of(cls, samples: Iterable[Sample], duration: float | None = None) -> Track:
        """A track of ``samples``; without a duration it ends a step after its last frame."""
        ordered = list(_held(sorted(samples, key=lambda sample: sample.second)))
        ways = max((len(sample.hashes) for sample in ordered), default=1)
        codes = np.zeros((len(ordered), ways, 32), np.uint8)
        usable = np.zeros((len(ordered), ways), np.bool_)
        for number, sample in enumerate(ordered):
            for way, (code, quality) in enumerate(sample.hashes):
                codes[number, way] = np.frombuffer(code, np.uint8)
                usable[number, way] = quality >= USABLE_QUALITY
        seconds = np.array([sample.second for sample in ordered], np.float64)
        step = float(np.median(np.diff(seconds))) if seconds.size > 1 else 1.0
        end = float(seconds[-1]) + step if seconds.size else 0.0
        return cls(
            seconds, codes.view(np.uint64), usable, max(duration or end, float(seconds[-1]) if seconds.size else 0)
        )

    @classmethod
    def of_frames(cls, frames: Iterable[HashedFrame], duration: float | None = None) -> Track:
        """A track of frames that may have a second PDQ without black borders."""
        return cls.of(
            (
                Sample(
                    frame.second,
                    ((frame.pdq, frame.quality),)
                    if frame.inner is None
                    else ((frame.pdq, frame.quality), (frame.inner, frame.inner_quality or 0)),
                )
                for frame in frames
            ),
            duration,
        )

    @cached_property
    def step(self) -> float:
        """Seconds between two frames, as a rule."""
        return float(np.median(np.diff(self.seconds))) if self.seconds.size > 1 else 1.0

    @cached_property
    def steps(self) -> Floats:
        """Seconds from each frame to the farther of its neighbours: samplings are finer where much moves."""
        if self.seconds.size < 2:
            return np.ones(self.seconds.size)
        gaps = np.diff(self.seconds)
        farther: Floats = np.maximum(np.append(gaps, gaps[-1]), np.insert(gaps, 0, gaps[0]))
        return farther

    @cached_property
    def tells(self) -> Bools:
        """Which frames may match at all."""
        return np.asarray(self.usable.any(axis=1))


@dataclass(frozen=True, slots=True)
class Interval:
    """Seconds ``left_begin`` to ``left_end`` of one video stand in the other at ``right_begin`` to ``right_end``.

    ``speed``: how fast the right one shows it, compared with the left (2.0: in half the time). ``share``: of the frames
    that could be compared there, how many agree (`LOOSE_RADIUS`, `TURNED_RADIUS`). ``frames``: how many are near-duplicates
    (`RADIUS`), of the video with fewer. ``still``: all of them are one picture, so that its seconds cannot be told apart.
    ``distance``: mean bits apart.
    """

    left_begin: float
    left_end: float
    right_begin: float
    right_end: float
    speed: float
    share: float
    frames: int
    distance: float
    orientation: str = AS_IT_STANDS
    still: bool = False

    @property
    def sentence(self) -> str:
        """What was found, in plain words."""
        text = (
            f"Seconds {self.left_begin:.1f} to {self.left_end:.1f} of the first stand in the second at "
            f"{self.right_begin:.1f} to {self.right_end:.1f}"
        )
        if abs(self.speed - 1) >= 0.02:
            text += f", at {self.speed:.2f} times the speed"
        if self.orientation != AS_IT_STANDS:
            text += f", {self.orientation}"
        text += f": {round(100 * self.share)} % of the frames compared agree, {self.distance:.0f} of 256 bits apart on average."
        if self.still:
            text += " It is a still picture: which of its seconds belong together cannot be told."
        return text


ORIENTATIONS = (
    AS_IT_STANDS,
    "mirrored",
    "mirrored and upside down",
    "upside down",
    "turned by a quarter to the left",
    "turned by a quarter to the right",
    "mirrored and turned by a quarter to the left",
    "mirrored and turned by a quarter to the right",
)

"""How the second video lies beside the first, in the words of pictures."""
_BACK = {ORIENTATIONS[4]: ORIENTATIONS[5], ORIENTATIONS[5]: ORIENTATIONS[4]}


def turned_back(orientation: str) -> str:
    """How the first video lies beside the second; mirrored ones lie to each other alike."""
    return _BACK.get(orientation, orientation)


def find_intervals(left: Track, right: Track) -> tuple[Interval, ...]:
    """The shared footage of two videos, the longest first; at most `MOST_INTERVALS`."""
    if not left.tells.any() or not right.tells.any():
        return ()
    for number, orientation in enumerate(ORIENTATIONS):
        distances = _distances(left, right, number)
        found = _intervals(left, right, distances, orientation)
        if found:
            return found
    return ()


# --- Frames -----------------------------------------------------------------------------------------------------------


def _held(samples: list[Sample]) -> Iterator[Sample]:
    """The samples, and between two that show the same picture far apart one more for each second: it stood still."""
    for number, sample in enumerate(samples):
        yield sample
        if number + 1 == len(samples):
            return
        later = samples[number + 1]
        gap = later.second - sample.second
        if not 1.5 < gap <= HELD_SECONDS or not _same(sample, later):
            continue
        between = round(gap) - 1
        for n in range(1, between + 1):
            nearer = sample if 2 * n <= between + 1 else later
            yield Sample(sample.second + gap * n / (between + 1), nearer.hashes)


def _same(one: Sample, other: Sample) -> bool:
    return any(
        min(quality, other_quality) >= USABLE_QUALITY
        and (int.from_bytes(code) ^ int.from_bytes(other_code)).bit_count() <= RADIUS
        for (code, quality), (other_code, other_quality) in zip(one.hashes, other.hashes, strict=False)
    )


def _turned(codes: Words, orientation: int) -> Words:
    """The codes of the same pictures in another orientation, as the bits tell it.

    PDQ's bits are signs (above the median, which lies near nought) of 16 x 16 cosine coefficients: a mirror image
    changes the sign of those of odd frequency along an axis, a quarter turn also exchanges the axes.
    """
    if orientation == 0:
        return codes
    bits = np.unpackbits(codes.view(np.uint8), axis=-1)[..., ::-1].reshape(*codes.shape[:2], 16, 16)
    odd = np.arange(16) % 2 == 0
    quarter, across, down = orientation >= 4, orientation in (1, 3, 4, 7), orientation in (2, 3, 5, 7)
    if quarter:
        bits = bits.swapaxes(-1, -2)
    if across:
        bits = bits ^ odd[None, None, None, :].astype(np.uint8)
    if down:
        bits = bits ^ odd[None, None, :, None].astype(np.uint8)
    flat = np.ascontiguousarray(bits.reshape(*codes.shape[:2], 256)[..., ::-1])
    return np.packbits(flat, axis=-1).view(np.uint64)


def _distances(left: Track, right: Track, orientation: int) -> npt.NDArray[np.int16]:
    """Bits between each frame of the left and each of the right, the nearest of the ways; 256 where none is usable."""
    best = np.full((left.seconds.size, right.seconds.size), 256, np.int16)
    turned = _turned(right.codes, orientation)
    for way in range(left.codes.shape[1]):
        for other in range(right.codes.shape[1]):
            apart = np.bitwise_count(left.codes[:, None, way] ^ turned[None, :, other]).sum(axis=2, dtype=np.int16)
            apart[~left.usable[:, way]] = 256
            apart[:, ~right.usable[:, other]] = 256
            np.minimum(best, apart, out=best)
    return best


# --- Lines ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Line:
    """Right second = ``slope`` * left second + ``height``; how well the frames of the video with fewer lie on it."""

    slope: float
    height: float
    support: float

    def at(self, left: Any) -> Any:
        return self.slope * left + self.height

    def back(self, right: Any) -> Any:
        return (right - self.height) / self.slope


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Near frames of both videos: their seconds, numbers, and a weight that grows with nearness."""

    x: Floats
    y: Floats
    rows: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]
    weights: Floats
    slack: Floats
    """How far from a line, in seconds, each may lie."""

    @classmethod
    def of(
        cls,
        left: Floats,
        right: Floats,
        rows: npt.NDArray[np.int64],
        columns: npt.NDArray[np.int64],
        distances: npt.NDArray[np.int16],
        slack: Floats,
    ) -> _Pairs:
        """At most `PAIRS_FITTED`: those go first whose frames are near to very many others."""
        if rows.size > PAIRS_FITTED:
            crowd = np.bincount(rows)[rows].astype(np.int64) * np.bincount(columns)[columns]
            kept = np.sort(np.argsort(crowd, kind="stable")[:PAIRS_FITTED])
            rows, columns = rows[kept], columns[kept]
        weights = (1 - distances[rows, columns] / (LOOSE_RADIUS + 1.0)) ** 2
        return cls(left[rows], right[columns], rows, columns, weights, slack[rows, columns])


def _intervals(left: Track, right: Track, distances: npt.NDArray[np.int16], name: str) -> tuple[Interval, ...]:
    near = distances <= (RADIUS if name == AS_IT_STANDS else LOOSE_RADIUS)
    # Wherever the coarser sampling has a frame, the finer one has one within half its step, and a little.
    slack = np.maximum(LEAST_SLACK, 0.75 * np.minimum(left.steps[:, None], right.steps[None, :]))
    found: list[Interval] = []
    least = min(LEAST_FRAMES, int(left.tells.sum()), int(right.tells.sum()))
    for _ in range(2 * MOST_INTERVALS):
        rows, columns = np.nonzero(near)
        if rows.size < least or len(found) == MOST_INTERVALS:
            break
        pairs = _Pairs.of(left.seconds, right.seconds, rows, columns, distances, slack)
        line = _best_line(pairs)
        if line is None:
            break
        line = _fitted(line, pairs)
        interval = _cut(left, right, distances, near, line, slack, least, name)
        if interval is None:
            near &= np.abs(right.seconds[None, :] - line.at(left.seconds)[:, None]) > slack
            continue
        found.append(interval)
        # What lies in an interval is told: neither its rows nor its columns begin another one among themselves.
        inside = (left.seconds >= interval.left_begin) & (left.seconds <= interval.left_end)
        across = (right.seconds >= interval.right_begin) & (right.seconds <= interval.right_end)
        near[np.ix_(inside, across)] = False
    found = [one for n, one in enumerate(found) if not any(_repeats(one, other) for other in found[:n])]
    return tuple(sorted(found, key=lambda one: (one.left_begin - one.left_end, one.left_begin)))


def _repeats(one: Interval, stronger: Interval) -> bool:
    """Whether an interval tells again what a stronger one told: a still picture, or a remainder beside the line."""
    inside = min(one.left_end, stronger.left_end) - max(one.left_begin, stronger.left_begin)
    across = min(one.right_end, stronger.right_end) - max(one.right_begin, stronger.right_begin)
    shared = max(inside / max(0.1, one.left_end - one.left_begin), across / max(0.1, one.right_end - one.right_begin))
    return shared > 0.5 and (one.still or 2 * one.frames < stronger.frames)


def _best_line(pairs: _Pairs) -> _Line | None:
    """The line that most frames support; equal speed unless another one has a tenth, and the worth of a frame, more."""
    grid = float(pairs.slack.min()) / 3
    offsets = np.unique(np.round((pairs.y - pairs.x) / grid) * grid)
    even = _best_of(np.ones(offsets.size), offsets, pairs)
    chance = np.random.default_rng(20_210_000)
    first, second = chance.integers(0, pairs.x.size, (2, TRIES))
    apart = pairs.x[second] - pairs.x[first]
    rise = pairs.y[second] - pairs.y[first]
    slopes = np.divide(rise, apart, out=np.zeros(TRIES), where=np.abs(apart) >= 2 * pairs.slack[first])
    sound = (slopes >= 1 / FASTEST) & (slopes <= 1 / SLOWEST)
    uneven = _best_of(slopes[sound], (pairs.y[first] - slopes * pairs.x[first])[sound], pairs)
    if even is None or uneven is None:
        return even or uneven
    return uneven if uneven.support > 1.1 * even.support + 0.5 else even


def _best_of(slopes: Floats, heights: Floats, pairs: _Pairs) -> _Line | None:
    """Of the lines the one whose frames, each with its best pair, weigh most; nearness to the line counts too."""
    best: _Line | None = None
    order = np.argsort(pairs.columns, kind="stable")
    row_starts = np.flatnonzero(np.diff(pairs.rows, prepend=-1))
    column_starts = np.flatnonzero(np.diff(pairs.columns[order], prepend=-1))
    for begin in range(0, slopes.size, 250):
        slope, height = slopes[begin : begin + 250, None], heights[begin : begin + 250, None]
        off = (pairs.y[None, :] - slope * pairs.x[None, :] - height) / pairs.slack[None, :]
        worth = np.maximum(0.0, 1 - off * off) * pairs.weights
        of_left = np.maximum.reduceat(worth, row_starts, axis=1).sum(axis=1)
        of_right = np.maximum.reduceat(worth[:, order], column_starts, axis=1).sum(axis=1)
        support = np.minimum(of_left, of_right)
        place = int(np.argmax(support))
        if best is None or support[place] > best.support:
            best = _Line(float(slope[place, 0]), float(height[place, 0]), float(support[place]))
    return best


def _fitted(line: _Line, pairs: _Pairs) -> _Line:
    """The line through its own pairs by weighted least squares; equal speed stays equal speed."""
    for _ in range(4):
        off = pairs.y - line.at(pairs.x)
        on = np.abs(off) <= pairs.slack
        weights = pairs.weights[on] * (1 - (off[on] / pairs.slack[on]) ** 2)
        if on.sum() < 2 or weights.sum() <= 0:
            return line
        if line.slope == 1.0:
            line = _Line(1.0, line.height + float(np.average(off[on], weights=weights)), line.support)
            continue
        slope, height = np.polyfit(pairs.x[on], pairs.y[on], 1, w=np.sqrt(weights))
        if not 1 / FASTEST <= slope <= 1 / SLOWEST:
            return line
        line = _Line(float(slope), float(height), line.support)
    return line


def _cut(
    left: Track,
    right: Track,
    distances: npt.NDArray[np.int16],
    near: Bools,
    line: _Line,
    slack: Floats,
    least: int,
    name: str,
) -> Interval | None:
    """The stretch of a line in which most frames that can be compared agree: the run of the highest sum of them."""
    on = np.abs(right.seconds[None, :] - line.at(left.seconds)[:, None]) <= slack
    comparable = on & left.tells[:, None] & right.tells[None, :]
    agreed = comparable & (distances <= (LOOSE_RADIUS if name == AS_IT_STANDS else TURNED_RADIUS))
    moments = np.concatenate((left.seconds, line.back(right.seconds)))
    compared = np.concatenate((comparable.any(axis=1), comparable.any(axis=0)))
    matched = np.concatenate((agreed.any(axis=1), agreed.any(axis=0)))
    order = np.argsort(moments[compared], kind="stable")
    times, hits = moments[compared][order], matched[compared][order]
    run = _best_run(np.where(hits, 1.0, -1.0))
    if run is None:
        return None
    begin, end = float(times[run[0]]), float(times[run[1]])
    of_left = agreed.any(axis=1) & (left.seconds >= begin - 1e-9) & (left.seconds <= end + 1e-9)
    of_right = (
        agreed.any(axis=0) & (line.back(right.seconds) >= begin - 1e-9) & (line.back(right.seconds) <= end + 1e-9)
    )
    close = agreed & near & of_left[:, None] & of_right[None, :]
    frames = int(min(close.any(axis=1).sum(), close.any(axis=0).sum()))
    share = float(hits[run[0] : run[1] + 1].mean())
    if frames < least or share < LEAST_SHARE:
        return None
    begin, end = _widened(left, right, line, begin, end)
    pairs = agreed & of_left[:, None] & of_right[None, :]
    return Interval(
        left_begin=round(begin, 2),
        left_end=round(end, 2),
        right_begin=round(max(0.0, line.at(begin)), 2),
        right_end=round(min(right.duration, line.at(end)), 2),
        speed=round(1 / line.slope, 3),
        share=round(share, 3),
        frames=frames,
        distance=round(float(np.where(pairs, distances, 256).min(axis=1)[pairs.any(axis=1)].mean()), 1),
        orientation=name,
        still=_is_still(left, of_left),
    )


def _best_run(scores: Floats) -> tuple[int, int] | None:
    """First and last place of the run with the highest sum (Kadane), which begins and ends with a hit."""
    best, here, begin, found = 0.0, 0.0, 0, None
    for place, score in enumerate(scores):
        if here <= 0:
            here, begin = 0.0, place
        here += float(score)
        if here > best:
            best, found = here, (begin, place)
    return found


def _widened(left: Track, right: Track, line: _Line, begin: float, end: float) -> tuple[float, float]:
    """The ends of the footage around its outermost frames, in seconds of the left.

    To the end of a video where the next frame would lie beyond it, otherwise by half a step of the finer sampling.
    """
    limits = max(0.0, line.back(0.0)), min(left.duration, line.back(right.duration))
    step = max(left.step, right.step / line.slope)
    half = 0.5 * min(left.step, right.step / line.slope)
    first = limits[0] if begin - limits[0] <= 1.05 * step else begin - half
    last = limits[1] if limits[1] - end <= 1.05 * step else end + half
    return first, max(first, last)


def _is_still(track: Track, chosen: Bools) -> bool:
    """Whether all chosen frames are near the first of them."""
    codes = track.codes[chosen, 0]
    return bool((np.bitwise_count(codes ^ codes[:1]).sum(axis=1) <= RADIUS).all()) if codes.size else False
