"""Which seconds of which video stand in which other one: found where they are, and nowhere else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from opencets.hashing.pdq import pdq
from opencets.matching.intervals import ORIENTATIONS, Interval, Sample, Track, find_intervals

Hashes = list[bytes]


def pictures(count: int, seed: int = 1) -> list[npt.NDArray[np.uint8]]:
    """Unrelated pictures, rich enough for PDQ."""
    rng = np.random.default_rng(seed)
    small = (Image.fromarray(rng.integers(0, 256, (12, 12)).astype(np.uint8)) for _ in range(count))
    return [np.asarray(one.resize((480, 360), Image.Resampling.BICUBIC)) for one in small]


def codes(count: int, seed: int = 1) -> Hashes:
    return [pdq(picture)[0].tobytes() for picture in pictures(count, seed)]


def track(hashes: Hashes, step: float = 1.0, quality: int = 100, duration: float | None = None) -> Track:
    return Track.of([Sample(n * step, ((code, quality),)) for n, code in enumerate(hashes)], duration)


def noisy(hashes: Hashes, bits: int, seed: int = 5) -> Hashes:
    rng = np.random.default_rng(seed)
    found = []
    for code in hashes:
        flipped = np.unpackbits(np.frombuffer(code, np.uint8))
        flipped[rng.choice(256, bits, replace=False)] ^= 1
        found.append(np.packbits(flipped).tobytes())
    return found


def only(found: tuple[Interval, ...]) -> Interval:
    assert len(found) == 1, found
    return found[0]


def span(one: Interval) -> tuple[float, float, float, float]:
    return one.left_begin, one.left_end, one.right_begin, one.right_end


def test_a_trimmed_copy_is_found_at_its_seconds() -> None:
    film = codes(60)
    one = only(find_intervals(track(film), track(noisy(film[20:35], 20))))
    assert span(one) == pytest.approx((20, 35, 0, 15), abs=0.6)
    assert (one.speed, one.share, one.frames, one.orientation, one.still) == (1.0, 1.0, 15, "as it stands", False)
    assert one.sentence.startswith("Seconds 20.0 to 35.0 of the first stand in the second at 0.0 to 15.0: 100 %")


def test_footage_put_between_other_footage_is_cut_out() -> None:
    film, other = codes(40), codes(40, seed=2)
    one = only(find_intervals(track(film), track([*other[:9], *film[10:25], *other[9:30]])))
    assert span(one) == pytest.approx((10, 25, 9, 24), abs=1)


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.25, 2.0])
def test_slowed_and_sped_copies_tell_their_speed(speed: float) -> None:
    # Each picture of the original stands for two seconds, so that every sampling meets it.
    film = [code for code in codes(40) for _ in range(4)]
    original = track(film, step=0.5)
    copy = track([film[min(int(n * speed), 159)] for n in range(int(160 / speed))], step=0.5)
    one = only(find_intervals(original, copy))
    assert one.speed == pytest.approx(speed, rel=0.02)
    assert span(one) == pytest.approx((0, 80, 0, 80 / speed), abs=1)


def test_two_parts_of_one_film_are_two_intervals() -> None:
    film = codes(60)
    found = find_intervals(track(film), track([*film[40:55], *codes(7, seed=3), *film[5:15]]))
    assert [span(one) for one in found] == [
        pytest.approx((40, 55, 0, 15), abs=1), pytest.approx((5, 15, 22, 32), abs=1)
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(1, 8))
def test_mirrored_and_turned_copies_are_found_and_named(number: int) -> None:
    turns = {
        1: lambda p: p[:, ::-1],
        2: lambda p: p[::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: np.rot90(p),
        5: lambda p: np.rot90(p, 3),
        6: lambda p: np.rot90(p[:, ::-1]),
        7: lambda p: np.rot90(p[:, ::-1], 3),
    }
    film = pictures(12)
    copy = [pdq(np.ascontiguousarray(turns[number](picture)))[0].tobytes() for picture in film]
    one = only(find_intervals(track([pdq(picture)[0].tobytes() for picture in film]), track(copy)))
    assert one.orientation == ORIENTATIONS[number]
    assert span(one) == pytest.approx((0, 12, 0, 12), abs=0.6)


def test_unrelated_videos_share_nothing() -> None:
    assert find_intervals(track(codes(120)), track(codes(120, seed=2))) == ()


def test_frames_of_low_quality_match_nothing() -> None:
    film = codes(20)
    assert find_intervals(track(film, quality=49), track(film)) == ()
    assert find_intervals(track(film, quality=50), track(film)) != ()


def test_two_frames_alike_by_chance_are_no_footage() -> None:
    film, other = codes(40), codes(40, seed=2)
    assert find_intervals(track(film), track([*other[:10], film[3], *other[10:20], film[30], *other[20:]])) == ()


def test_a_second_hash_without_borders_meets_the_first_of_the_original() -> None:
    film, boxed = codes(20), codes(20, seed=2)
    copy = Track.of(
        [Sample(float(n), ((code, 100), (inner, 100))) for n, (code, inner) in enumerate(zip(boxed, film, strict=True))]
    )
    assert only(find_intervals(track(film), copy)).share == 1.0


def test_a_still_picture_is_said_to_be_one() -> None:
    still = codes(1) * 20
    one = only(find_intervals(track(still), track(still[:8])))
    assert one.still
    assert "still picture" in one.sentence


def test_a_picture_held_between_key_frames_counts_for_each_second() -> None:
    film = codes(3)
    seconds = [0.0, 10.0, 11.0, 20.0, 21.0, 30.0]
    sparse = Track.of([Sample(second, ((film[n // 2], 100),)) for n, second in enumerate(seconds)], 31)
    assert sparse.seconds.size == 31
    dense = track([film[0]] * 11 + [film[1]] * 10 + [film[2]] * 10)
    assert span(only(find_intervals(sparse, dense))) == pytest.approx((0, 31, 0, 31), abs=1)


def test_a_long_thinly_sampled_video_meets_a_short_dense_one() -> None:
    film = codes(600)
    one = only(find_intervals(track(film[::6], step=6.0), track(film[100:160])))
    assert span(one) == pytest.approx((100, 160, 0, 60), abs=1)


def test_empty_and_single_frames_are_no_trouble() -> None:
    nothing = Track.of([])
    assert find_intervals(nothing, track(codes(5))) == ()
    assert find_intervals(track(codes(5)), nothing) == ()
    single = track(codes(1))
    assert only(find_intervals(single, single)).still
