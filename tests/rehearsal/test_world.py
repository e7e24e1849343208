"""The rehearsal world: what is planted is there, what is a decoy is everywhere, and the same seed gives the same world."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from opencets.hashing import sign
from opencets.hashing.video import key_frames
from opencets.matching.regions import RegionIndex, extract, read_brightness, search_either
from opencets.matching.regions.folder import mark
from opencets.records import Record
from opencets.rehearsal import PictureCard, Size, World, build, picture_bytes, picture_code, records, write
from opencets.rehearsal.marked import MARKED, OUTLINE, write_things
from opencets.rehearsal.packages import LOGOS, write_logo_cache
from opencets.rehearsal.rooms import distance
from opencets.rehearsal.workshop import write_workshop
from opencets.values import normalise


@pytest.fixture(scope="module")
def world() -> World:
    return build(7, Size.demonstration())


@pytest.fixture(scope="module")
def by_case(world: World) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = defaultdict(list)
    for reference, record in records(world):
        found[reference].append(record)
    return found


def test_the_same_seed_and_size_give_the_same_world(world: World) -> None:
    again = build(7, Size.demonstration())
    other = build(8, Size.demonstration())
    assert [case.cards for case in again.cases] == [case.cards for case in world.cases]
    assert again.truth == world.truth
    assert [case.cards for case in other.cases] != [case.cards for case in world.cases]


@pytest.mark.parametrize(("size", "least"), [(Size.demonstration(), 1_500), (Size.acceptance(), 20_000)])
def test_a_world_has_as_many_records_as_its_size_says(size: Size, least: int) -> None:
    number = sum(1 for _ in records(build(7, size)))
    assert least <= number < least * 1.05


@pytest.mark.parametrize("size", [Size.demonstration(), Size.acceptance()], ids=["demonstration", "acceptance"])
def test_every_planted_value_stands_in_both_cases_in_one_normal_form(size: Size) -> None:
    world = build(7, size)
    by_case: dict[str, list[Record]] = defaultdict(list)
    for reference, record in records(world):
        by_case[reference].append(record)
    cards = {case.reference: case.cards for case in world.cases}
    looked_at = 0
    for planted in world.truth.connections:
        for step in planted.path:
            if step.cases[0] not in by_case or step.kind == "name":
                continue
            looked_at += 1
            for reference in step.cases:
                if step.kind in ("pdq", "sha256"):
                    room = int(step.value.removeprefix("scene "))
                    pictures = [card for card in cards[reference] if isinstance(card, PictureCard)]
                    attached = [getattr(card, "attachment", None) for card in cards[reference]]
                    assert any(card is not None and card.scene.room == room for card in [*pictures, *attached]), step
                    continue
                values = {
                    claim.normal for record in by_case[reference] for claim in record.claims if claim.kind == step.kind
                }
                assert step.value in values, (step, reference)
    assert looked_at > 30


def test_the_two_sides_of_a_value_write_it_differently(world: World, by_case: dict[str, list[Record]]) -> None:
    step = next(step for planted in world.truth.connections for step in planted.path if step.kind == "phone")
    raws = {
        claim.raw
        for reference in step.cases
        for record in by_case[reference]
        for claim in record.claims
        if claim.normal == step.value
    }
    assert len(raws) == 2


def test_decoys_stand_in_more_cases_than_any_planted_value(world: World, by_case: dict[str, list[Record]]) -> None:
    holders: dict[tuple[str, str], set[str]] = defaultdict(set)
    for reference, found in by_case.items():
        for record in found:
            for claim in record.claims:
                if claim.normal is not None:
                    holders[claim.kind, claim.normal].add(reference)
    for decoy in world.truth.decoys:
        if (decoy.kind, decoy.value) in holders:
            assert len(holders[decoy.kind, decoy.value]) == len(decoy.cases) == world.size.decoy_cases > 10
    steps = {(step.kind, step.value) for planted in world.truth.connections for step in planted.path}
    assert all(len(holders[step]) <= 2 for step in steps if step in holders)


def test_a_default_camera_serial_is_refused(by_case: dict[str, list[Record]]) -> None:
    serials = [
        claim
        for found in by_case.values()
        for record in found
        for claim in record.claims
        if claim.property == "camera_serial" and claim.raw == "0000000"
    ]
    assert serials
    assert all(claim.normal is None for claim in serials)


def test_edited_copies_lie_within_the_radius_and_different_scenes_far_outside(world: World) -> None:
    scenes: dict[int, list[PictureCard]] = defaultdict(list)
    for case in world.cases:
        for card in case.cards:
            if isinstance(card, PictureCard):
                scenes[card.scene.room].append(card)
    groups = [group for group in scenes.values() if len(group) > 1]
    assert len(groups) >= 3
    codes: dict[int, bytes] = {}
    for group in groups:
        signed = [sign(io.BytesIO(picture_bytes(world, card))) for card in group]
        assert all(one.pdq is not None and (one.quality or 0) >= 50 for one in signed)
        first = signed[0].pdq
        assert first is not None
        codes[group[0].scene.room] = first
        for one in signed[1:]:
            assert one.pdq is not None
            assert _distance(first, one.pdq) <= 31, group[0].scene
    singles = [group[0] for group in scenes.values() if len(group) == 1][:30]
    for card in singles:
        one = sign(io.BytesIO(picture_bytes(world, card)))
        assert one.pdq is not None
        codes[card.scene.room] = one.pdq
    rooms = sorted(codes)
    assert all(_distance(codes[a], codes[b]) > 31 for at, a in enumerate(rooms) for b in rooms[at + 1 :])


def _distance(left: bytes, right: bytes) -> int:
    return sum((a ^ b).bit_count() for a, b in zip(left, right, strict=True))


def test_codes_without_files_keep_the_same_distances(world: World) -> None:
    cards = [card for case in world.cases for card in case.cards if isinstance(card, PictureCard)]
    traded = [card for card in cards if card.scene.room == 900_001]
    assert all(0 < _distance(picture_code(traded[0]), picture_code(card)) <= 24 for card in traded[1:])
    assert _distance(picture_code(traded[0]), picture_code(cards[0])) > 31 or cards[0].scene == traded[0].scene


def test_every_number_passes_its_own_check(by_case: dict[str, list[Record]]) -> None:
    checked: dict[str, int] = defaultdict(int)
    for found in by_case.values():
        for record in found:
            for claim in record.claims:
                if claim.kind in ("phone", "imei", "wallet", "email", "ip") and claim.raw:
                    assert claim.normal is not None, claim
                    assert normalise(claim.kind, claim.normal) == claim.normal
                    checked[claim.kind] += 1
    assert min(checked[kind] for kind in ("phone", "imei", "wallet", "email", "ip")) > 5


def test_a_world_is_written_as_packages_with_its_truth(tmp_path: Path) -> None:
    small = build(3, Size.custom(agencies=2, cases=14, records=400, pictures=40))
    told: list[tuple[int, int]] = []
    truth = write(small, tmp_path, lambda done, of: told.append((done, of)))
    assert told[-1] == (14, 14)
    assert json.loads((tmp_path / "truth.json").read_text())["connections"][0]["id"] == truth.connections[0].id
    for case in small.cases:
        folder = tmp_path / case.agency / case.reference
        assert (folder / "people.csv").is_file()
    drop_in = tmp_path / "drop-in" / "new-package"
    assert list(drop_in.rglob("*.zip"))
    assert list(drop_in.rglob("*.jpg"))
    hash_set = json.loads((tmp_path / "known-files.json").read_text())
    assert hash_set["value"]
    assert len(hash_set["value"][0]["MD5"]) == 32


def test_logos_of_a_cache_are_near_the_logo_and_unlike_each_other(tmp_path: Path) -> None:
    logo = sign(io.BytesIO(write_logo_cache(tmp_path)))
    signed = [sign(io.BytesIO(path.read_bytes())) for path in sorted(tmp_path.iterdir())]
    codes = np.array([np.frombuffer(one.pdq or b"", np.uint8) for one in signed])
    near = np.bitwise_count(codes ^ np.frombuffer(logo.pdq or b"", np.uint8)).sum(axis=1) <= 31
    assert (len(signed), min(one.quality or 0 for one in signed) >= 50) == (LOGOS, True)
    assert near.sum() > 100
    apart = np.bitwise_count(codes[near][:, None] ^ codes[near][None]).sum(axis=2)[np.triu_indices(near.sum(), 1)]
    assert (apart > 31).mean() > 0.7


def test_a_workshop_is_the_same_again_and_its_still_is_a_frame_of_both_films(tmp_path: Path) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    assert write_workshop(first) == write_workshop(again) == 16
    files = {path.relative_to(first): path.read_bytes() for path in first.rglob("*") if path.is_file()}
    pictures = {name for name in files if name.suffix.lower() == ".jpg"}
    assert len(pictures) == 14
    assert all((again / name).read_bytes() == files[name] for name in pictures)
    still, *films = (sign(io.BytesIO(files[Path("films") / name])) for name in ("still.jpg", "workshop.mp4", "cut.mp4"))
    for film in films:
        apart = [distance(*(np.frombuffer(pdq, np.uint8) for pdq in (still.pdq, frame.pdq))) for frame in film.frames]
        assert min(apart) <= 31


def test_the_quilt_lies_where_it_is_said_to_and_in_no_other_picture(tmp_path: Path) -> None:
    assert write_things(tmp_path) == 8
    pictures = sorted(tmp_path.rglob("*.jpg"))
    index = RegionIndex.create()
    for path in pictures:
        with path.open("rb") as content:
            index.add([extract(read_brightness(content, 640).grey)])
    with (tmp_path / "tablet" / MARKED).open("rb") as content:
        query = mark(content, np.array(OUTLINE, np.float32))
    found = {pictures[place.item].name: place.mirrored for place in search_either(index, query) if place.reported}
    straight = {"PIC_0001.jpg", "PIC_0002.jpg", "PIC_0005.jpg", "IMG_7001.jpg"}
    assert found == dict.fromkeys(straight, False) | {"PIC_0003.jpg": True}
    with (tmp_path / "tablet" / "MOV_0006.mp4").open("rb") as content:
        assert [round(second) for second, _ in key_frames(content, most=40, longest_px=640)] == [0, 3, 6]
