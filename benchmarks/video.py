"""Shared footage: interval matching beside plain vPDQ (share of frames), in one run.

Originals are the sample videos beside the clone, where they are, and films made here of photographs and drawn scenes with
camera movement and cuts. Of each, copies are made as people make them: trimmed, letterboxed, pillarboxed, re-encoded
small, slowed, sped up, mirrored, turned, put into another film, two parts of one, and several of these together. Each copy is
compared with every original. Asserted: the own original is found at the true seconds, to within a second; nothing is
found in another original; broken, cut, oversized, empty and sound-only files give a sentence and no error.

Seconds of frames too plain to match (PDQ quality below 50: black, a clear sky) cannot be told: the truth is what lies
between the first and the last frame that can. The peer is vPDQ as published: every frame decoded, one a second hashed
by pdqhash, a copy found when 80 % of its frames are near one of the original; its interval is from the first to the last
such frame.
"""

from __future__ import annotations

import argparse
import io
import json
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from opencets.hashing import sign
from opencets.hashing.pdq import turned_codes
from opencets.hashing.video import Watched, watch
from opencets.matching.intervals import Interval, Track, find_intervals

SAMPLES = Path(__file__).parents[2] / "shared" / "data" / "media"
WITHIN_SECONDS = 1.0
LEAST_TOLD_SECONDS = 1.0
"""A part of which less can be told apart is not asked for."""
PEER_SHARE = 0.8
LONG_PARTS = (3, 6, 12)
RADIUS = 31
FPS = 25
Picture = npt.NDArray[np.uint8]


# --- Films ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Film:
    """Frames with the second of each."""

    frames: list[tuple[float, Picture]]

    @property
    def duration(self) -> float:
        step = self.frames[1][0] - self.frames[0][0] if len(self.frames) > 1 else 1 / FPS
        return self.frames[-1][0] + step

    def part(self, begin: float, end: float) -> Film:
        return Film([(second - begin, frame) for second, frame in self.frames if begin <= second < end])

    def then(self, other: Film) -> Film:
        height, width = self.frames[0][1].shape[:2]
        fitted = [(self.duration + second, _sized(frame, width, height)) for second, frame in other.frames]
        return Film(self.frames + fitted)

    def at(self, speed: float) -> Film:
        return Film([(second / speed, frame) for second, frame in self.frames])

    def each(self, change: Callable[[Picture], Picture]) -> Film:
        return Film([(second, change(frame)) for second, frame in self.frames])

    def encoded(self, crf: int = 23, scale: float = 1.0, preset: str = "veryfast") -> bytes:
        """MP4 (H.264), with as few key frames as the encoder likes."""
        height, width = self.frames[0][1].shape[:2]
        width, height = int(width * scale) // 2 * 2, int(height * scale) // 2 * 2
        out = io.BytesIO()
        with av.open(out, "w", format="mp4") as container:
            stream: Any = container.add_stream("libx264", rate=FPS, options={"crf": str(crf), "preset": preset})
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.codec_context.time_base = Fraction(1, 1000)
            for second, frame in self.frames:
                picture = av.VideoFrame.from_ndarray(_sized(frame, width, height), format="rgb24")
                picture.pts, picture.time_base = round(second * 1000), Fraction(1, 1000)
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
        return out.getvalue()


def _sized(frame: Picture, width: int, height: int) -> Picture:
    if frame.shape[:2] == (height, width):
        return np.ascontiguousarray(frame)
    return np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC))


def decoded(content: bytes) -> Film:
    with av.open(io.BytesIO(content), "r") as container:
        stream = container.streams.video[0]
        frames = [
            (float(frame.time or 0), np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
            for frame in container.decode(stream)
            if frame.time is not None
        ]
    begin = frames[0][0]
    return Film([(second - begin, frame) for second, frame in frames])


def drawn(rng: np.random.Generator, width: int = 1100, height: int = 800) -> Image.Image:
    """An invented still: shapes on a ground."""
    picture = Image.new("RGB", (width, height), tuple(int(c) for c in rng.integers(30, 226, 3)))
    draw = ImageDraw.Draw(picture)
    for _ in range(70):
        x, y, reach = rng.integers(0, width), rng.integers(0, height), rng.integers(12, 150)
        colour = tuple(int(c) for c in rng.integers(0, 256, 3))
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape((int(x - reach), int(y - reach * 0.7), int(x + reach), int(y + reach * 0.7)), fill=colour)
    return picture


def photographs() -> list[Image.Image]:
    found = []
    for path in sorted(SAMPLES.rglob("*.jpg")):
        if path.parts[-2] in ("broken", "prnu") or "prnu" in path.parts or path.stat().st_size < 100_000:
            continue
        try:
            picture = Image.open(path)
            picture.draft("RGB", (1400, 1000))
            found.append(picture.convert("RGB").resize((1100, 800)))
        except OSError:
            continue
        if len(found) == 12:
            break
    return found


def made(seed: int, seconds: float, stills: Sequence[Image.Image], size: tuple[int, int] = (640, 360)) -> Film:
    """A film of several shots, each a camera movement over a still, with something that crosses the picture."""
    rng = np.random.default_rng(seed)
    frames: list[tuple[float, Picture]] = []
    begun = 0.0
    while seconds - begun > 1 / FPS:
        length = float(min(rng.uniform(4, 11), seconds - begun))
        still = drawn(rng) if rng.random() < 0.5 or not stills else stills[int(rng.integers(len(stills)))]
        begin, end = rng.uniform(0, 1, 2), rng.uniform(0, 1, 2)
        zoom_begin, zoom_end = rng.uniform(0.45, 0.8, 2)
        disc = tuple(int(c) for c in rng.integers(0, 256, 3))
        for number in range(round(length * FPS)):
            way = number / max(1, length * FPS)
            zoom = zoom_begin + (zoom_end - zoom_begin) * way
            wide, high = still.width * zoom, still.width * zoom * size[1] / size[0]
            x, y = (begin + (end - begin) * way) * (still.width - wide, still.height - high)
            shot = still.resize(size, Image.Resampling.BILINEAR, (x, max(0, y), x + wide, min(still.height, y + high)))
            middle = (way * 1.4 - 0.2) * size[0]
            ImageDraw.Draw(shot).ellipse(
                (middle - size[1] / 6, size[1] / 2, middle + size[1] / 6, size[1] * 5 / 6), fill=disc
            )
            frames.append((begun + number / FPS, np.asarray(shot)))
        begun = frames[-1][0] + 1 / FPS
    return Film(frames)


def boxed(share: float, *, sideways: bool = False) -> Callable[[Picture], Picture]:
    def change(frame: Picture) -> Picture:
        height, width = frame.shape[:2]
        down, across = (0, int(width * share)) if sideways else (int(height * share), 0)
        return np.pad(frame, ((down, down), (across, across), (0, 0)))

    return change


def mirrored(frame: Picture) -> Picture:
    return frame[:, ::-1]


TURNED: dict[str, Callable[[Picture], Picture]] = {
    "upside down": lambda frame: np.rot90(frame, 2),
    "turned by a quarter to the left": np.rot90,
    "turned by a quarter to the right": lambda frame: np.rot90(frame, 3),
}


@dataclass(frozen=True)
class Copy:
    """A copy, and the truth: begin and end in the original, begin in the copy, speed, for each interval."""

    kind: str
    content: bytes
    truth: tuple[tuple[float, float, float, float], ...]


def copies(film: Film, other: Film) -> Iterator[Copy]:
    length = film.duration
    begin, end = 0.27 * length, 0.77 * length
    whole = ((0.0, length, 0.0, 1.0),)
    lead = min(6.0, other.duration / 2)
    yield Copy("trimmed", film.part(begin, end).encoded(), ((begin, end, 0.0, 1.0),))
    yield Copy("letterboxed", film.each(boxed(0.16)).encoded(), whole)
    yield Copy("pillarboxed", film.each(boxed(0.2, sideways=True)).encoded(), whole)
    yield Copy("re-encoded small", film.encoded(crf=36, scale=0.5), whole)
    yield Copy("slowed to 0.8", film.at(0.8).encoded(), ((0.0, length, 0.0, 0.8),))
    yield Copy("sped to 1.25", film.at(1.25).encoded(), ((0.0, length, 0.0, 1.25),))
    yield Copy("mirrored", film.each(mirrored).encoded(), whole)
    for turn, change in TURNED.items():
        yield Copy(turn, film.each(change).encoded(), whole)
    within = other.part(0, lead).then(film.part(begin, end)).then(other.part(lead, 2 * lead))
    yield Copy("put into another film", within.encoded(), ((begin, end, other.part(0, lead).duration, 1.0),))
    first, gap = film.part(0, 0.4 * length), other.part(0, lead)
    apart = first.then(gap).then(film.part(0.6 * length, length))
    after = first.then(gap).duration
    yield Copy("two parts", apart.encoded(), ((0, 0.4 * length, 0, 1.0), (0.6 * length, length, after, 1.0)))
    hard = film.part(begin, end).at(1.25).each(boxed(0.14))
    yield Copy("trimmed, sped, letterboxed, small", hard.encoded(crf=33, scale=0.6), ((begin, end, 0.0, 1.25),))


# --- Sides ------------------------------------------------------------------------------------------------------------


def track_of(watched: Watched) -> Track:
    return Track.of_frames(watched.frames, watched.duration)


Plain = tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]


def vpdq(content: bytes) -> Plain:
    """Plain vPDQ: all frames decoded, one a second hashed by pdqhash; those of quality 50 and more."""
    import pdqhash

    seconds, codes, due = [], [], 0.0
    with av.open(io.BytesIO(content), "r") as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        for frame in container.decode(stream):
            second = float(frame.time or 0)
            if second + 1e-6 < due:
                continue
            due = due + 1.0
            bits, quality = pdqhash.compute(frame.to_ndarray(format="rgb24"))
            if quality >= 50:
                seconds.append(second)
                codes.append(np.packbits(bits))
    return np.array(seconds), np.array(codes, np.uint8).reshape(-1, 32)


def vpdq_match(original: Plain, copy: Plain) -> tuple[float, float, float, float, float] | None:
    """Share of the copy's frames near one of the original's, and the first and last second on both sides."""
    if not original[0].size or not copy[0].size:
        return None
    near = np.bitwise_count(original[1][:, None] ^ copy[1][None]).sum(axis=2, dtype=np.int64) <= RADIUS
    share = float(near.any(axis=0).mean())
    if share < PEER_SHARE:
        return None
    left, right = original[0][near.any(axis=1)], copy[0][near.any(axis=0)]
    return share, float(left.min()), float(left.max()), float(right.min()), float(right.max())


def errors_of(truth: Sequence[tuple[float, float, float, float]], told: tuple[float, float], track: Track,
              found: Sequence[tuple[float, float, float, float]]) -> list[float]:  # fmt: skip
    """For each true interval the worst end's distance in seconds, in either video; infinite where it was not found."""
    worst = []
    for begin, end, at, speed in truth:
        begin_told, end_told = max(begin, told[0]), min(end, told[1])
        if end_told - begin_told < LEAST_TOLD_SECONDS:
            continue
        wanted = (begin_told, end_told, at + (begin_told - begin) / speed, at + (end_told - begin) / speed)
        off = [max(abs(a - b) for a, b in zip(wanted, one, strict=True)) for one in found]
        worst.append(min(off, default=float("inf")))
    return worst


def meets(known: Track, track: Track) -> bool:
    """Whether a frame of one is within `RADIUS` of a frame of the other in some turn: so the web learns what to compare."""
    codes, others = (one.codes[one.usable].view(np.uint8).reshape(-1, 32) for one in (known, track))
    laid = np.concatenate((others[:, None], turned_codes(others)), axis=1).view(np.uint64)
    near = np.bitwise_count(codes.view(np.uint64)[:, None, None] ^ laid[None]).sum(axis=3) <= RADIUS
    return bool(near.any())


def told_span(track: Track) -> tuple[float, float]:
    """From the first to the last second of a video whose frames can be told apart from others."""
    seconds = track.seconds[track.tells]
    step = track.step
    first, last = (float(seconds[0]), float(seconds[-1]) + step) if seconds.size else (0.0, 0.0)
    return (0.0 if first <= step else first), (track.duration if last >= track.duration - step else last)


def ends(one: Interval) -> tuple[float, float, float, float]:
    return one.left_begin, one.left_end, one.right_begin, one.right_end


def originals(films: int, seconds: float) -> Iterator[tuple[str, Film, bytes]]:
    for path in sorted((SAMPLES / "video").glob("*")):
        content = path.read_bytes()
        film = decoded(content)
        if film.duration >= 2 and track_of(watch(io.BytesIO(content))).tells.sum() >= 4:
            yield path.name, film, content
    stills = photographs()
    for number in range(films):
        film = made(number + 1, seconds, stills)
        yield f"made film {number + 1}", film, film.encoded()


def measure(films: int, seconds: float) -> dict[str, Any]:
    rows: dict[str, dict[str, Any]] = {}
    ours_cpu = peer_cpu = match_cpu = minutes = 0.0
    held = list(originals(films, seconds))
    tracks: dict[str, Track] = {}
    plains: dict[str, Plain] = {}

    def take(name: str, content: bytes) -> tuple[Track, Plain]:
        nonlocal ours_cpu, peer_cpu, minutes
        begun = time.process_time()
        watched = watch(io.BytesIO(content))
        track = track_of(watched)
        between = time.process_time()
        plain = vpdq(content)
        ours_cpu += between - begun
        peer_cpu += time.process_time() - between
        minutes += track.duration / 60
        assert not watched.broken, (name, watched.broken)
        return track, plain

    for name, _, content in held:
        tracks[name], plains[name] = take(name, content)
    strays: list[str] = []
    missed: list[str] = []
    compared = 0
    for place, (name, film, _) in enumerate(held):
        for copy in copies(film, held[place - 1][1]):
            counted = ("copies", "meets", "asked", "found", "within_1_s", "worst_s", "peer_found", "peer_within_1_s")
            row = rows.setdefault(copy.kind, dict.fromkeys(counted, 0))
            track, plain = take(copy.kind, copy.content)
            row["copies"] += 1
            # Not compared with the film that was put before and after it: that one is in the copy.
            others = {held[place - 1][0]} if copy.kind in ("put into another film", "two parts") else set()
            for other, known in tracks.items():
                if other in others:
                    continue
                begun = time.process_time()
                found = find_intervals(known, track)
                match_cpu += time.process_time() - begun
                compared += 1
                if other != name:
                    strays += [f"{copy.kind} of {name} in {other}: {one.sentence}" for one in found]
                    continue
                off = errors_of(copy.truth, told_span(known), known, [ends(one) for one in found])
                row["asked"] += bool(off)
                row["found"] += bool(found)
                row["within_1_s"] += bool(off) and max(off) <= WITHIN_SECONDS
                row["worst_s"] = max(row["worst_s"], round(min(max(off, default=0.0), 999.0), 2))
                if max(off, default=0.0) > WITHIN_SECONDS:
                    missed.append(f"{copy.kind} of {name}: {copy.truth} {[one.sentence for one in found]}")
                row["meets"] += meets(known, track)
                if copy.kind in ("mirrored", *TURNED) and found:
                    assert found[0].orientation == copy.kind, found[0]
                peer = vpdq_match(plains[name], plain)
                row["peer_found"] += peer is not None
                if peer is not None and len(copy.truth) == 1:
                    row["peer_within_1_s"] += errors_of(copy.truth, told_span(known), known, [peer[1:]])[0] <= 1
    for line in (*missed, *strays):
        print("!", line)
    return {
        "originals": len(held),
        "comparisons": compared,
        "minutes": round(minutes, 2),
        "kinds": rows,
        "strays": len(strays),
        "missed": len(missed),
        "cpu_s_per_minute": {"opencets": round(ours_cpu / minutes, 2), "vPDQ": round(peer_cpu / minutes, 2)},
        "match_ms_per_pair": round(1000 * match_cpu / compared, 2),
    }


def measure_large(seconds: float) -> dict[str, Any]:
    """Processor seconds for a minute of 1920 x 1080: a film that moves, and one that stands still."""
    figures = {}
    still = np.asarray(drawn(np.random.default_rng(5)).resize((1920, 1080)))
    films = {
        "moving": made(99, seconds, photographs(), (1920, 1080)),
        "still": Film([(number / FPS, still) for number in range(int(seconds * FPS))]),
    }
    for name, film in films.items():
        content = film.encoded(preset="ultrafast")
        row = {}
        for side, act in (
            ("opencets", lambda content=content: watch(io.BytesIO(content))),
            ("opencets, key frames alone", lambda content=content: watch(io.BytesIO(content), dense=False)),
            ("vPDQ", lambda content=content: vpdq(content)),
        ):
            begun = time.process_time()
            act()
            row[side] = round((time.process_time() - begun) * 60 / film.duration, 2)
        figures[name] = row
    return figures


def measure_long(seconds: float) -> dict[str, Any]:
    """A film longer than is sampled each second: which short parts of it are found, and what it costs."""
    film = made(41, seconds, photographs(), (160, 90))
    content = film.encoded()
    figures: dict[str, Any] = {}
    for name, dense in (("key frames alone", False), ("denser where it changes", True)):
        begun = time.process_time()
        watched = watch(io.BytesIO(content), dense=dense)
        cost = time.process_time() - begun
        assert not watched.broken
        known = track_of(watched)
        row: dict[str, Any] = {"frames": len(watched.frames), "cpu_s_per_minute": round(cost * 60 / film.duration, 2)}
        for length in LONG_PARTS:
            begins = [(0.07 + 0.09 * n) * seconds for n in range(10)]
            parts = [track_of(watch(io.BytesIO(film.part(at, at + length).encoded()))) for at in begins]
            found = [(at, find_intervals(known, part)) for at, part in zip(begins, parts, strict=True)]
            for at, intervals in found:
                assert all(one.left_begin >= at - 2 and one.left_end <= at + length + 2 for one in intervals), intervals
            row[f"of 10 parts of {length} s"] = sum(bool(intervals) for _, intervals in found)
        figures[name] = row
    return figures


def hostile() -> dict[str, str]:
    """What broken files cost: a sentence each, and digests that are whole."""
    good = made(7, 6, []).encoded()
    place = good.find(b"avc1") + 4 + 24
    huge = bytearray(good)
    huge[place : place + 4] = b"\xff\xff\xff\xff"
    sound = io.BytesIO()
    with av.open(sound, "w", format="mp4") as container:
        stream: Any = container.add_stream("aac", rate=44100)
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        tone.rate = 44100
        container.mux(stream.encode(tone))
        container.mux(stream.encode())
    noise = np.random.default_rng(3).integers(0, 256, len(good), np.uint8).tobytes()
    spoilt = good[: len(good) // 3] + noise[len(good) // 3 : len(good) // 2] + good[len(good) // 2 :]
    told = {}
    for name, content in {
        "truncated": good[: len(good) // 2],
        "spoilt in the middle": spoilt,
        "huge dimensions": bytes(huge),
        "sound only": sound.getvalue(),
        "empty": b"",
        "noise behind a head": good[:48] + noise,
    }.items():
        signed = sign(io.BytesIO(content))
        assert signed.digests.size == len(content)
        told[name] = signed.trouble or f"{len(signed.frames)} frames, {signed.media_type}"
        assert signed.trouble or signed.frames or not content, name
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--films", type=int, default=4, help="films made here, beside the sample videos")
    parser.add_argument("--seconds", type=float, default=30.0, help="their length")
    parser.add_argument("--large", type=float, default=20.0, help="seconds of the 1920 x 1080 films; 0 leaves them out")
    parser.add_argument("--long", type=float, default=0.0, help="seconds of a film beyond ten minutes; 0 leaves it out")
    arguments = parser.parse_args()
    figures = measure(arguments.films, arguments.seconds)
    figures["hostile"] = hostile()
    if arguments.large:
        figures["cpu_s_per_minute_1080p"] = measure_large(arguments.large)
    if arguments.long:
        figures["long"] = measure_long(arguments.long)
    assert figures["strays"] == 0, "footage was found where there is none"
    assert figures["missed"] == 0, "shared footage was not found within a second"
    if arguments.json:
        print(json.dumps({"benchmark": "video", "python": platform.python_version(), **figures}, indent=1))
        return
    print(f"{figures['originals']} originals, {figures['minutes']} minutes, {figures['comparisons']} comparisons")
    for kind, row in figures["kinds"].items():
        print(f"   {kind}: " + ", ".join(f"{name} {number}" for name, number in row.items()))
    for name in ("strays", "cpu_s_per_minute", "match_ms_per_pair", "cpu_s_per_minute_1080p", "long", "hostile"):
        print(f"   {name}: {figures.get(name)}")


if __name__ == "__main__":
    main()
