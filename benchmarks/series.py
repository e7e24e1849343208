"""Series: found against planted, what was merged too far and what was not merged, beside plain connected components.

``python benchmarks/series.py [--sizes 1000,10000,100000] [--seed S] [--json]``

The world is generated: digests, times, folders, ties; no picture is drawn. Planted are series of near-duplicates, of one shoot
(some files stripped of their metadata), of one camera, of one sensor (half of it measured alone), of one place (a mark), of
footage, and of several of these. Among them stand decoys that must tie nobody: flat pictures and memes near hundreds, a wallpaper
confirmed everywhere, cameras kept for years, a compilation of films, a program's long runs of numbers; and pairs that are near
by chance, which nothing tells from true ones. The peer is what one writes first: union-find over every tie.

Asserted: precision and recall of pairs, nothing joined by decoys, and the same series in whatever order the ties come.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import combinations, pairwise
from typing import Any

from opencets.matching import series
from opencets.matching.series import Given, Item, Near, Place, Shared

BEGUN = datetime(2020, 1, 1)
YEARS = timedelta(days=5 * 365)
CHANCE_IN = 2_000
"""One pair in so many files is near by chance, 29 to 31 bits apart: nothing tells it from a true one."""
GROWTH = 2.0
"""From 10,000 media on, the time grows at most so many times as fast as the media."""
LOST = 0.04
"""Files of a shoot that were renamed and stripped: no tie leads to them, so that nothing finds them."""
PRECISION, RECALL = 0.95, 0.85
"""What is asserted of the pairs at every size."""


@dataclass
class World:
    """Files, ties, and of each planted file the series that it belongs to."""

    chance: random.Random
    items: list[Item] = field(default_factory=list)
    near: list[Near] = field(default_factory=list)
    given: list[Given | Shared] = field(default_factory=list)
    truth: dict[str, int] = field(default_factory=dict)
    decoys: list[set[str]] = field(default_factory=list)
    planted: int = 0

    def add(self, **stated: Any) -> str:
        """A file, by its digest."""
        digest = f"{len(self.items):08x}{self.chance.getrandbits(224):056x}"
        stated.setdefault("places", (Place(("EX-1", "received"), f"{self.chance.randrange(10**9)}.jpg"),))
        self.items.append(Item(digest, **stated))
        return digest

    def plant(self, digests: Iterable[str]) -> None:
        """These are one series."""
        self.planted += 1
        self.truth.update(dict.fromkeys(digests, self.planted))

    def when(self) -> datetime:
        """An instant of five years."""
        return BEGUN + self.chance.random() * YEARS


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """The measures, also printed; with ``--json`` as one JSON value. AssertionError where they are not as said."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,10000,100000", help="How many media, with commas between.")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    rows = [measured(int(size), options.seed) for size in options.sizes.split(",")]
    growth = [
        {
            "media": [one["media"], more["media"]],
            "times_the_media": round(more["media"] / one["media"], 1),
            "times_the_seconds": round(more["series"]["cpu_seconds"] / max(one["series"]["cpu_seconds"], 1e-9), 1),
        }
        for one, more in pairwise(rows)
    ]
    for step in growth:
        ever = step["times_the_seconds"] <= GROWTH * step["times_the_media"]
        assert ever or step["media"][0] < 10_000, step
    outcome = {"benchmark": "series", "cpus": os.cpu_count(), "seed": options.seed, "sizes": rows, "growth": growth}
    if options.json:
        print(json.dumps(outcome))
        return outcome
    for row in rows:
        print(
            f"{row['media']:,} media, {row['ties']:,} ties given, {row['planted']:,} series planted, "
            f"{row['near_by_chance']} pairs near by chance"
        )
        for name in ("series", "components"):
            said = row[name]
            print(
                f"  {name:<10} precision {said['precision']:.4f}  recall {said['recall']:.3f}  "
                f"merged too far {said['merged_too_far']}  split {said['split']}  largest {said['largest']:,}  "
                f"through decoys {said['through_decoys']}  {said['cpu_seconds']:.2f} s of processor time"
            )
    for step in growth:
        print(f"  {step['times_the_media']} times the media: {step['times_the_seconds']} times the time")
    return outcome


def measured(size: int, seed: int) -> dict[str, Any]:
    """One world, its series and its components."""
    world = planted(size, seed)
    began = time.process_time()
    found = series.build(world.items, world.near, world.given)
    took = time.process_time() - began
    sets = [[member.digest for member in one.members] for one in found]
    began = time.process_time()
    plain = components(world)
    plain_took = time.process_time() - began
    row = {
        "media": len(world.items),
        "ties": len(world.near) + sum(len(one.files) if isinstance(one, Shared) else 1 for one in world.given),
        "planted": world.planted,
        "near_by_chance": size // CHANCE_IN,
        "series": {**against(world, sets), "cpu_seconds": round(took, 3)},
        "components": {**against(world, plain), "cpu_seconds": round(plain_took, 3)},
    }
    said = row["series"]
    assert said["precision"] >= PRECISION, said
    assert said["recall"] >= RECALL, said
    assert said["through_decoys"] == 0, said
    assert said["largest"] <= series.SERIES_MOST, said
    if size <= 10_000:
        world.chance.shuffle(world.near)
        again = series.build(world.items[::-1], world.near, world.given[::-1])
        assert [one.members for one in again] == [one.members for one in found], (
            "The order of the ties changed the series."
        )
    return row


def against(world: World, found: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Pairs found against pairs planted, by counting: no pair is listed. ``through_decoys``: strangers that a decoy joined."""
    sizes = Counter(world.truth.values())
    planted_pairs = sum(_pairs(number) for number in sizes.values())
    right = pairs = merged = through = 0
    parts: Counter[int] = Counter()
    for members in found:
        inside = Counter(world.truth.get(digest, 0) for digest in members)
        strangers = inside.pop(0, 0)
        right += sum(_pairs(number) for number in inside.values())
        pairs += _pairs(len(members))
        merged += len(inside) + (strangers > 0) > 1
        parts.update(inside.keys())
        for decoy in world.decoys:
            # A decoy joined strangers where two of its files stand together that belong to nothing, or to two series.
            held = [world.truth.get(digest, digest) for digest in members if digest in decoy]
            through += len(set(held)) > 2
    alone = {series_of for series_of in sizes if parts[series_of] == 0}
    split = len(alone) + sum(number > 1 for number in parts.values())
    return {
        "precision": round(right / pairs, 6) if pairs else 1.0,
        "recall": round(right / planted_pairs, 4) if planted_pairs else 1.0,
        "merged_too_far": merged,
        "split": split,
        "largest": max(map(len, found), default=0),
        "through_decoys": through,
    }


def _pairs(number: int) -> int:
    return number * (number - 1) // 2


def components(world: World) -> list[list[str]]:
    """Connected components: every near pair, every pair of one serial, of following numbers, of one thing, of footage."""
    above: dict[str, str] = {}

    def root(digest: str) -> str:
        while (parent := above.get(digest, digest)) != digest:
            above[digest] = digest = above.get(parent, parent)
        return digest

    def join(left: str, right: str) -> None:
        above[root(left)] = root(right)

    serials: dict[str, str] = {}
    numbered: dict[tuple[tuple[str, ...], str], dict[int, str]] = defaultdict(dict)
    for item in world.items:
        if item.camera:
            join(item.digest, serials.setdefault(item.camera, item.digest))
        for place in item.places:
            stem, _, number = place.name.rpartition(".")[0].rpartition("_")
            if stem and number.isdecimal():
                numbered[place.folder, stem][int(number)] = item.digest
    for row in numbered.values():
        for number in sorted(row):
            if number + 1 in row:
                join(row[number], row[number + 1])
    for pair in world.near:
        join(pair.left, pair.right)
    for tie in world.given:
        if isinstance(tie, Given):
            join(tie.left, tie.right)
        else:
            for left, right in pairwise(sorted(tie.files)):
                join(left, right)
    sets: dict[str, list[str]] = defaultdict(list)
    for item in world.items:
        sets[root(item.digest)].append(item.digest)
    return [members for members in sets.values() if len(members) > 1]


# --- The world --------------------------------------------------------------------------------------------------------


def planted(size: int, seed: int) -> World:
    """A world of about this many files: half in planted series, the rest alone or decoys."""
    world = World(random.Random(f"series {size} {seed}"))
    kinds = (_copies, _shoot, _camera, _sensor, _place, _films, _rooms)
    while len(world.items) < size // 2:
        kinds[world.planted % len(kinds)](world)
    for decoy in (_wallpaper, _old_camera, _compilation, _program, _flat, _meme):
        decoy(world, size)
    while len(world.items) < size:
        world.add(taken_at=world.when() if world.chance.random() < 0.5 else None)
    bound = [item.digest for item in world.items if item.binds]
    for _ in range(size // CHANCE_IN):
        left, right = world.chance.sample(bound, 2)
        world.near.append(Near(left, right, world.chance.randrange(29, 32)))
    return world


def _near_all(world: World, digests: Sequence[str]) -> None:
    """The first is near each other; of the others, copies of copies, two thirds are near one another."""
    for left, right in combinations(digests, 2):
        if left == digests[0] or world.chance.random() < 0.67:
            world.near.append(Near(left, right, world.chance.randrange(2, 28)))


def _copies(world: World) -> None:
    made = [world.add() for _ in range(world.chance.randrange(2, 9))]
    _near_all(world, made)
    world.plant(made)


def _taken(world: World, number: int, *, copies: int = 2) -> list[str]:
    """A shoot of so many files: a third without metadata, told by their numbers; some renamed too; and copies of two."""
    serial, at, folder = f"S{world.chance.getrandbits(40)}", world.when(), f"card{len(world.items)}"
    first, made = world.chance.randrange(1, 9_000), []
    for count in range(number):
        at += timedelta(seconds=world.chance.randrange(4, 240))
        if count >= copies and world.chance.random() < LOST:
            made.append(world.add())
            continue
        bare = world.chance.random() < 0.33
        place = Place(("EX-1", folder), f"IMG_{first + count:04}.JPG")
        made.append(world.add(places=(place,), camera="" if bare else serial, taken_at=None if bare else at))
    copied = [(source, world.add()) for source in made[:copies]]
    for source, copy in copied:
        world.near.append(Near(source, copy, world.chance.randrange(2, 24)))
    return made + [copy for _, copy in copied]


def _shoot(world: World) -> None:
    world.plant(_taken(world, world.chance.randrange(3, 30)))


def _camera(world: World) -> None:
    serial, at, made = f"C{world.chance.getrandbits(40)}", world.when(), []
    for _ in range(world.chance.randrange(3, 12)):
        at += timedelta(hours=world.chance.randrange(2, 200))
        made.append(world.add(camera=serial, taken_at=at))
    world.plant(made)


def _sensor(world: World) -> None:
    made = [world.add() for _ in range(world.chance.randrange(4, 20))]
    half = frozenset(made[: len(made) // 2])
    name = f"“Device {world.planted}”"
    world.given += [Shared("noise", f"{name}, confirmed", half, 0.5, True)] if len(half) > 1 else []
    world.given.append(Shared("noise", f"{name}, measured", frozenset(made), 0.3, True))
    world.plant(made)


def _place(world: World) -> None:
    made = [world.add(taken_at=world.when()) for _ in range(world.chance.randrange(2, 20))]
    world.given.append(Shared("mark", f"“Room {world.planted}”", frozenset(made), 0.7))
    world.plant(made)


def _films(world: World) -> None:
    made = [world.add() for _ in range(world.chance.randrange(2, 6))]
    world.given += [Given(made[0], other, "footage", "They share footage.", 0.8) for other in made[1:]]
    world.plant(made)


def _rooms(world: World) -> None:
    """Two shoots of one room, years apart, tied by a mark in two pictures of each."""
    parts = [_taken(world, world.chance.randrange(4, 16)) for _ in range(2)]
    world.given.append(
        Shared("mark", f"“Room {world.planted}”", frozenset(file for part in parts for file in part[:2]), 0.7)
    )
    world.plant([file for part in parts for file in part])


# --- Decoys -----------------------------------------------------------------------------------------------------------


def _some(world: World, number: int) -> list[str]:
    return world.chance.sample(sorted(world.truth), min(number, len(world.truth)))


def _wallpaper(world: World, size: int) -> None:
    """A paper that is sold everywhere, confirmed in pictures of many series."""
    on = _some(world, max(series.SHARED_MOST * 2, size // 200))
    world.given.append(Shared("mark", "“Striped paper”", frozenset(on), 0.7))
    world.decoys.append(set(on))


def _old_camera(world: World, size: int) -> None:
    """Cameras kept for years: one with hundreds of files, others with some dozens, a file now and then."""
    for number, every in ((max(80, size // 50), 9), *((30, 60) for _ in range(max(1, size // 5_000)))):
        serial, at = f"O{world.chance.getrandbits(40)}", BEGUN
        made = []
        for _ in range(number):
            at += timedelta(days=every - 5 + 10 * world.chance.random() if every > 30 else every)
            made.append(world.add(camera=serial, taken_at=at))
        world.decoys.append(set(made))


def _compilation(world: World, size: int) -> None:
    """A film cut together of others, each of another series."""
    hub, parts = world.add(), [world.add() for _ in range(30)]
    world.given += [Given(hub, part, "footage", "They share footage.", 0.8) for part in parts]
    world.decoys.append({hub, *parts})


def _program(world: World, size: int) -> None:
    """What a program exported under numbers of its own, one after another."""
    made = [
        world.add(places=(Place(("EX-1", "export"), f"IMG_{number}.JPG"),)) for number in range(series.RUN_MOST + 50)
    ]
    world.decoys.append(set(made))


def _flat(world: World, size: int) -> None:
    """Flat pictures, near everything that is flat and to some that is not."""
    made = [world.add(binds=False) for _ in range(max(5, size // 50))]
    for digest in made:
        world.near += [Near(digest, other, world.chance.randrange(32)) for other in _some(world, 3)]
        world.near.append(Near(digest, world.chance.choice(made), 0))
    world.decoys.append(set(made))


def _meme(world: World, size: int) -> None:
    """A picture that many cases hold, marked as widely traded; a collage near more files than anything true is."""
    meme = world.add(binds=False)
    world.near += [Near(meme, other, 20) for other in _some(world, size // 100)]
    number = min(series.NEAR_MOST + 50, len(world.truth))
    collage, beside = world.add(), _some(world, number)
    if number > series.NEAR_MOST:
        world.near += [Near(collage, other, 26) for other in beside]
    world.decoys.append({meme, collage})


if __name__ == "__main__":
    main()
