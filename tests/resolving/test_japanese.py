"""Japanese names in characters: read where a dictionary knows one reading, and left alone where they may be read otherwise."""

from __future__ import annotations

import pytest

from opencets.resolving import PersonRow, prepare, suggest
from opencets.resolving.japanese import in_kana


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("大木 樹", "オオキ イツキ"),
        ("薫 松田", "カオル マツダ"),
        ("山田太郎", "ヤマダ タロウ"),
        ("佐藤 さくら", "サトウ さくら"),
        ("中島 直樹", "ナカシマ ナオキ"),  # two readings, one voiced sound apart: the first
        ("大山 涼", "オオヤマ 涼"),  # Ryo, Suzuka: nobody can tell
    ],
)
def test_a_name_with_one_reading_is_read(written: str, read: str) -> None:
    assert in_kana(written) == read


@pytest.mark.parametrize(
    "written",
    [
        "王 大山",
        "林 美月",
        "王建国",
        "金子明",
        "欧阳 建国",
        "李明",
        "Ryo Oyama",
        "Анна 大山",
        "",
        "大山",
        "한 지민",
        "大" * 9,
    ],
)
def test_what_may_be_read_otherwise_stays_as_it_is_written(written: str) -> None:
    assert in_kana(written) == written


def test_columns_of_a_name_are_read_together() -> None:
    assert (
        prepare(PersonRow("a", given_name="太郎", family_name="山田")).name
        == prepare(PersonRow("b", "ヤマダ タロウ")).name
    )


def test_characters_and_latin_letters_are_one_name_in_a_suggestion() -> None:
    (found,) = suggest(
        [
            PersonRow("a", "松田 薫", date_of_birth="1995-06-15"),
            PersonRow("b", "Kaoru Matsuda", date_of_birth="1995-06-15"),
        ]
    )
    assert found.probability > 0.9
    assert [reason.sentence for reason in found.reasons if "matsuda" in reason.sentence] == [
        "the name matsuda stands in both"
    ]
