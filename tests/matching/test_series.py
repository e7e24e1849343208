"""Series: planted shoots and near-duplicates come out, what would chain strangers together does not, names stay."""

from __future__ import annotations

import random
import runpy
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path

from opencets.matching import series
from opencets.matching.series import Given, Item, Near, Place, Series, Shared

BEGUN = datetime(2026, 3, 4, 17, 5)


def digest(number: int) -> str:
    return f"{number:064x}"


def item(number: int, **stated: object) -> Item:
    return Item(digest(number), **stated)  # type: ignore[arg-type]


def near(left: int, right: int, distance: int = 8) -> Near:
    return Near(digest(left), digest(right), distance)


def sets(found: Iterable[Series]) -> list[set[int]]:
    return [{int(member.digest, 16) for member in one.members} for one in found]


def test_near_duplicates_are_a_series_and_a_group_with_the_reason_in_a_sentence() -> None:
    [found] = series.build([item(1), item(2), item(3)], [near(1, 2, 0), near(2, 3, 31), near(1, 3, 14)])
    assert sets([found]) == [{1, 2, 3}]
    assert {member.group for member in found.members} == {0}
    assert {tie.sentence for tie in found.ties} == {
        "They have the same PDQ.",
        "They are near-duplicates, 14 of 256 bits apart.",
        "They are near-duplicates, 31 of 256 bits apart.",
    }
    assert found.members[0].tie.weight == 1.0


def test_pairs_beyond_the_radius_and_pairs_with_unknown_files_say_nothing() -> None:
    assert series.build([item(1), item(2)], [near(1, 2, 32), near(2, 9)]) == []


def test_a_shoot_is_one_camera_within_minutes_and_two_cameras_at_one_time_are_two() -> None:
    minutes = [0, 3, 9, 30, 34]
    of_one = [item(n, camera="7001", taken_at=BEGUN + timedelta(minutes=minute)) for n, minute in enumerate(minutes, 1)]
    others = [item(n, camera=f"800{n}", taken_at=BEGUN) for n in (11, 12)]
    without = [item(n, taken_at=BEGUN) for n in (21, 22)]
    crowd = [item(100 + n, camera="7001", taken_at=BEGUN + timedelta(days=n)) for n in range(1, 70)]
    found = series.build([*of_one, *others, *without, *crowd])
    assert sets(found) == [{1, 2, 3}, {4, 5}]
    assert "One camera (serial 7001) took them 3 minutes apart." in {tie.sentence for tie in found[0].ties}


def test_a_time_without_a_zone_is_not_compared_with_one_that_has_it() -> None:
    naive, aware = item(1, camera="7", taken_at=BEGUN), item(2, camera="7", taken_at=BEGUN.replace(tzinfo=UTC))
    assert [tie.kind for one in series.build([naive, aware]) for tie in one.ties] == ["camera"]


def test_a_camera_that_took_few_files_ties_them_weakly_and_the_owners_own_does_not() -> None:
    few = [item(n, camera="31") for n in range(5)]
    many = [item(100 + n, camera="32") for n in range(series.CAMERA_MOST + 1)]
    [found] = series.build([*few, *many])
    assert (sets([found]), found.kinds) == ([{0, 1, 2, 3, 4}], ("camera",))
    assert found.ties[0].sentence == "One camera (serial 31) took both; it took 5 files of this case."


def _in(folder: str, name: str) -> tuple[Place, ...]:
    return (Place(("EX-1", folder), name),)


def test_numbers_that_follow_each_other_tie_as_a_camera_gives_them_in_one_folder() -> None:
    named = [item(n, places=_in("DCIM", f"IMG_{n:04}.JPG")) for n in (1, 2, 3, 7)]
    elsewhere = [item(11, places=_in("other", "IMG_0004.JPG"))]
    plain = [item(20 + n, places=_in("web", f"picture{n}.jpg")) for n in range(4)]
    same_model = [item(30 + n, places=_in("out", f"{n}.jpg"), model="HX-2") for n in range(2)]
    found = series.build([*named, *elsewhere, *plain, *same_model])
    assert sets(found) == [{1, 2, 3}, {30, 31}]
    assert found[0].ties[0].sentence == (
        "Their numbers follow each other in one folder (1, 2), as a camera numbers them."
    )


def test_numbers_of_two_cameras_of_two_days_and_of_a_program_tie_nothing() -> None:
    cameras = [item(n, places=_in("a", f"DSC_{n}.JPG"), camera=str(n)) for n in (1, 2)]
    days = [item(n, places=_in("b", f"DSC_{n}.JPG"), taken_at=BEGUN + timedelta(days=n)) for n in (11, 12)]
    program = [item(1000 + n, places=_in("c", f"IMG_{n}.JPG")) for n in range(series.RUN_MOST + 1)]
    assert series.build([*cameras, *days, *program]) == []


def test_flat_and_widely_traded_files_and_hubs_chain_nothing() -> None:
    many = range(1, series.NEAR_MOST + 2)
    hub = [item(0), *(item(n) for n in many)]
    assert series.build(hub, [near(0, n) for n in many]) == []
    assert series.build([item(1), item(2, binds=False), item(3)], [near(1, 2), near(2, 3)]) == []
    given = [Given(digest(1), digest(2), "scene", "They show one wallpaper.")]
    assert series.build([item(1), item(2, binds=False)], given=given) == []


def test_a_chain_of_near_duplicates_is_one_series_of_several_groups() -> None:
    length = 24
    [found] = series.build([item(n) for n in range(length)], [near(n, n + 1, 30) for n in range(length - 1)])
    assert len(found.members) == length
    assert len({member.group for member in found.members}) > 4


def test_a_series_is_bounded_keeps_the_strongest_ties_and_says_what_was_cut() -> None:
    blocks = [range(100 * n, 100 * n + 100) for n in range(5)]
    close = [near(a, b, 2) for block in blocks for a, b in combinations(list(block)[:12], 2)]
    close += [near(block[0], n, 4) for block in blocks for n in block[12:]]
    far = [near(blocks[n][0], blocks[n + 1][0], 31) for n in range(4)]
    found = series.build([item(n) for n in range(500)], [*close, *far])
    assert sorted(len(one.members) for one in found) in ([100, 100, 300], [200, 300])
    assert any("with them it would hold more than 300 files" in one.cut for one in found)


def test_confirmed_marks_tie_with_their_own_sentence() -> None:
    [found] = series.build([item(1), item(2)], given=[Given(digest(2), digest(1), "scene", "They show one wallpaper.")])
    assert [(tie.kind, tie.sentence) for tie in found.ties] == [("scene", "They show one wallpaper.")]


def of(numbers: Iterable[int]) -> frozenset[str]:
    return frozenset(digest(number) for number in numbers)


def test_two_marks_on_one_picture_are_two_reasons_and_a_mark_seen_everywhere_ties_nothing_and_is_named() -> None:
    fern, clock = (Shared("mark", f"the mark “{name}”, as people confirmed", of(on), 0.7)
                   for name, on in (("Fern", (1, 2, 3)), ("Clock", (2, 3))))  # fmt: skip
    paper = Shared("mark", "the mark “Stripes”, as people confirmed", of(range(1, series.SHARED_MOST + 2)), 0.7)
    [found] = series.build([item(n) for n in range(1, 501)], given=[fern, clock, paper])
    assert sets([found]) == [{1, 2, 3}]
    assert {tie.sentence for tie in found.reasons} == {
        "Both show the mark “Fern”, as people confirmed.", "Both show the mark “Clock”, as people confirmed.",
    }  # fmt: skip
    assert (
        found.cut
        == "The mark “Stripes”, as people confirmed: in 61 files of this case, too many to tie them by itself."
    )


def test_copies_of_one_picture_do_not_make_a_mark_common() -> None:
    many = range(series.SHARED_MOST + 20)
    pairs = [near(a, b, 2) for a, b in combinations(many[:30], 2)]
    found = series.build([item(n) for n in many], pairs, [Shared("mark", "a tattoo", of(many), 0.7)])
    assert [len(one.members) for one in found] == [len(many)]


def test_a_camera_known_by_its_noise_ties_a_shoot_by_minutes_and_over_years_ties_no_shoot() -> None:
    minutes = [item(n, taken_at=BEGUN + timedelta(minutes=n)) for n in range(3)]
    years = [item(10 + n, camera="31", taken_at=BEGUN + timedelta(days=400 * n)) for n in range(1, 9)]
    noise = Shared("noise", "“Telephone”, by the noise of its sensor", of([0, 1, 2, 11]), 0.5, camera=True)
    [found] = series.build([*minutes, *years], given=[noise])
    assert (sets([found]), set(found.kinds)) == ([{0, 1, 2}], {"shoot", "noise"})
    words = "One camera (“Telephone”, by the noise of its sensor) took them 60 seconds apart."
    assert words in {tie.sentence for tie in found.ties}
    assert found.ties[-1].sentence.endswith("it took 4 files of this case.")


def test_a_compilation_ties_the_films_in_it_to_nothing_and_says_so() -> None:
    cut_from = range(1, series.HUB_MOST + 2)
    given = [Given(digest(0), digest(n), "footage", "They share 9 seconds.") for n in cut_from]
    given += [Given(digest(1), digest(2), "footage", "They share 4 seconds.")]
    [found] = series.build([item(0), *(item(n) for n in cut_from)], [near(0, 1)], given)
    assert sets([found]) == [{0, 1, 2}]
    assert "shares footage with 21 others" in found.cut


def test_the_order_in_which_files_and_pairs_come_changes_nothing() -> None:
    chance = random.Random(4)
    items = [item(n, camera=str(n % 9), taken_at=BEGUN + timedelta(minutes=n * 3)) for n in range(300)]
    pairs = [near(*chance.sample(range(300), 2), chance.randrange(32)) for _ in range(200)]
    first = series.build(items, pairs)
    chance.shuffle(items)
    chance.shuffle(pairs)
    assert series.build(items, pairs) == first


def test_a_series_keeps_its_name_when_files_join_and_when_it_breaks_the_larger_part_keeps_it() -> None:
    [first] = series.build([item(5), item(6), item(7)], [near(5, 6), near(6, 7), near(5, 7)])
    before = {member.digest: first.key for member in first.members}
    [grown] = series.build([item(n) for n in range(8)], [near(5, n) for n in range(8) if n != 5], before=before)
    assert (grown.key, len(grown.members)) == (first.key, 8)
    parts = series.build([item(n) for n in range(4, 8)], [near(5, 6), near(4, 7)], before=before)
    assert [one.key == first.key for one in parts].count(True) == 1
    assert len({one.key for one in parts}) == 2


def test_the_benchmark_holds_at_a_thousand_files_and_components_do_not() -> None:
    measured = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks/series.py"))["measured"](1_000, 17)
    assert measured["series"]["through_decoys"] == 0
    assert measured["components"]["precision"] < 0.1 < 0.95 <= measured["series"]["precision"]


def test_planted_shoots_come_out_with_high_precision_and_recall() -> None:
    chance = random.Random(11)
    items, truth, pairs = [], [], []
    for shoot in range(40):
        camera, at = f"S{shoot % 3}", BEGUN + timedelta(days=chance.randrange(400), minutes=chance.randrange(1000))
        members = []
        for _ in range(chance.randrange(3, 12)):
            at += timedelta(seconds=chance.randrange(5, 200))
            number = len(items)
            stripped = chance.random() < 0.3
            items.append(
                item(number, camera="" if stripped else camera, taken_at=None if stripped else at,
                     places=_in(f"card{shoot}", f"IMG_{500 + len(members):04}.JPG"))
            )  # fmt: skip
            members.append(number)
        for n in members[:2]:
            copy = len(items)
            items.append(item(copy, places=_in("received", f"{chance.randrange(10**8)}.jpg")))
            pairs.append(near(n, copy, chance.randrange(2, 24)))
            members.append(copy)
        truth.append(members)
    items += [item(5_000 + n, places=_in("noise", f"{chance.randrange(10**9)}.jpg")) for n in range(300)]
    pairs += [near(5_000 + n, chance.choice(truth)[0], 30) for n in range(3)]
    planted = {pair for members in truth for pair in combinations(sorted(members), 2)}
    found = {pair for one in sets(series.build(items, pairs)) for pair in combinations(sorted(one), 2)}
    assert len(found & planted) / len(planted) > 0.95
    assert len(found & planted) / len(found) > 0.8
