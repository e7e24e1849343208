"""Screen names found again by rare fragments: what is varied does not matter, what many share says nothing."""

from __future__ import annotations

import random

import pytest

from opencets.rehearsal.screen_names import screen_name, written
from opencets.resolving.aliases import likenesses, ranked
from opencets.resolving.fragments import Fragments
from opencets.values.handle import letters


@pytest.mark.parametrize(
    "variant",
    [
        "zephyr.quill",
        "xX_zephyr_quill_Xx",
        "Z3phyr_Qu1ll",
        "zephyrquill1998",
        "the_zephyr-quill",
        "zephyr__quill_official",
    ],
)
def test_what_people_vary_is_taken_off(variant: str) -> None:
    assert letters(f"kik:{variant.casefold()}") == "zephyrquill"


def test_a_rare_fragment_finds_the_bearer_and_a_common_one_does_not() -> None:
    names = [f"max{at % 7}marie{at}" for at in range(300)]
    index = Fragments(enumerate([*map(letters, names), "quillzephyr"]))
    found = index.near(letters("max_quill"), 3)
    assert found[0].key == 300
    assert "qui" in index.rare(found[0])
    common = index.near("marie", 1, at_least=0.0)[0]
    assert index.rare(common) == ()


def test_the_index_forgets_and_the_plain_way_gives_the_same_scores() -> None:
    chance = random.Random(4)
    names = {at: letters(written(chance, screen_name(chance))) for at in range(200)}
    index = Fragments(names)
    asked = letters(written(chance, screen_name(chance)))
    plain = sorted((-index.score(asked, name).score, at) for at, name in names.items())
    found = index.near(asked, 200, at_least=0.01)
    assert [(-one.score, one.key) for one in found] == [one for one in plain if -one[0] >= 0.01]
    index.remove(found[0].key)
    assert all(one.key != found[0].key for one in index.near(asked, 200, at_least=0.0))
    assert len(index) == 199


def test_nine_of_ten_variants_find_their_bearer_first() -> None:
    chance = random.Random(11)
    parts = [screen_name(chance) for _ in range(800)]
    index = Fragments((at, letters(written(chance, one))) for at, one in enumerate(parts))
    found = [index.near(letters(written(chance, one)), 1) for one in parts]
    assert sum(bool(near) and near[0].key == at for at, near in enumerate(found)) / len(parts) >= 0.9


def test_likenesses_say_why_and_leave_equal_and_common_names_out() -> None:
    names = {
        "a": "kik:zephyr_quill",
        "b": "instagram:the.z3phyrquill98",
        "c": "kik:max_2004",
        "d": "vk:max1990",
        "e": "ok:max1990",
    }
    ((one, other, alike),) = [row for row in likenesses(names) if "a" in row]
    assert (one, other) == ("a", "b")
    assert alike.why == "the same letters; service, separators, digits or decoration differ"
    near = [key for key, _ in ranked("kik:quillzephyr", names)]
    assert near == ["a", "b"]
