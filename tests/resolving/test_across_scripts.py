"""Words of names across scripts, joined and unreadable ones, variants of screen names, common names: what each is told as."""

from __future__ import annotations

import pytest

from opencets.resolving import PersonRow, load_model, prepare
from opencets.resolving.features import TOKEN_LEVELS, Commonness, aligned
from opencets.resolving.frequency import common_names
from opencets.resolving.people import Person
from opencets.resolving.suggest import score


def levels(one: str, other: str) -> list[str]:
    """The levels of the words of two names, the same whichever comes first."""
    left, right = prepare(PersonRow("1", one)), prepare(PersonRow("2", other))
    found = [sorted(TOKEN_LEVELS[level] for level, _, _ in aligned(*pair)) for pair in ((left, right), (right, left))]
    assert found[0] == found[1]
    return found[0]


@pytest.mark.parametrize(
    ("native", "latin", "wanted"),
    [
        ("김철수", "Kim Chul-soo", ["joined", "spelt"]),
        ("가람 제갈", "Jegal, Ga-ram", ["joined", "same"]),
        ("خالد أبو حسين", "Khaled Abu Hussein", ["sounds_same", "sounds_same"]),
        ("الحسين", "Hussein", ["sounds_same"]),
        ("Annamaria Lopez", "Anna Maria Lopez", ["joined", "same"]),
        ("高川 蒼太", "Takakawa Sota", ["typo", "typo"]),
        ("大木 涼", "Ryo Oki", ["spelt", "unread"]),
        ("Анна Берестова", "Otto Berestova", ["different", "same"]),
    ],
)
def test_words_agree_across_scripts_joined_and_without_articles(native: str, latin: str, wanted: list[str]) -> None:
    assert levels(native, latin) == wanted


def test_learned_steps_are_told_in_words_and_weigh_more_than_another_name() -> None:
    left, right = prepare(PersonRow("1", "선우 나래")), prepare(PersonRow("2", "Sunwoo Na-rae"))
    told = score(left, right, load_model())
    sentences = {reason.sentence: reason.bits for reason in told.reasons}
    assert sentences["names that agree by how one script is written in the other: seonu and sunwoo"] > 0
    assert sentences["one word on one side, two on the other: nalae and na rae"] > 0
    other = score(left, prepare(PersonRow("3", "Otto Lindner")), load_model())
    assert other.bits < told.bits - 8
    weights = load_model().weights
    assert weights["name", "different"].bits < weights["name", "unread"].bits < weights["name", "spelt"].bits


def test_screen_names_are_variants_by_rare_letters_and_not_by_common_ones() -> None:
    def named(name: str) -> Person:
        return prepare(PersonRow(name, screen_name=f"kik:{name}"))

    one, variant, gamer, other = map(named, ("zephquilla_92", "xx_z3phquila", "maxgamerpro", "maxgamerboy"))
    gamers = [named(f"maxgamer{chr(97 + at // 26)}{chr(97 + at % 26)}") for at in range(400)]
    common = Commonness([*gamers, one, variant, gamer, other])

    def told(left: Person, right: Person) -> list[str]:
        met = load_model().contributions(left, right, common)
        return [found.level for found, _ in met if found.feature == "screen_name"]

    assert told(one, variant) == ["varied"]
    assert told(gamer, other) == ["different"]


def test_a_very_common_name_weighs_less_by_the_fixed_list_and_none_weighs_more() -> None:
    def bits(name: str) -> float:
        person = prepare(PersonRow("1", name))
        return sum(bits for found, bits in load_model().contributions(person, person) if found.feature == "name")

    assert bits("Kim Nguyen") < bits("John Smith") < bits("Zephyrine Quillfeather") == bits("Rosamund Thistlewood")
    assert bits("Kim Nguyen") == pytest.approx(0.0)
    assert common_names().rarity("token", "nguyen", 7.0) == 2.0
    assert bits("Kim Nguyen") == pytest.approx(0.0)
    assert common_names().rarity("token", "thistlewood", 7.0) == common_names().rarity("birth", "1984", 7.0) == 7.0
    assert prepare(PersonRow("1", "محمد")).name in {word for column, word in common_names().bits if column == "token"}
