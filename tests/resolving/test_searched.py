"""Names as they are searched: found in any script and with a letter wrong, and not by everything."""

from __future__ import annotations

import pytest

from opencets.resolving.searched import CLOSE, closeness, name_keys


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("Muhammad Ali", "Мухаммед Али"),
        ("Muhammad Ali", "محمد علي"),
        ("Мухаммед", "Mohamed Hassan"),
        ("Anna Keller", "Ana Keler"),
        ("Keller Anna", "Анна Келлер"),
        ("Schmidt", "Johann Schmitt"),
        ("Aleksandr Petrov", "Alexander Petrow"),
        ("Anna Keller", "Anna Maria Kellner"),
    ],
)
def test_another_spelling_shares_a_key_and_is_close(asked: str, name: str) -> None:
    assert set(name_keys(asked)) & set(name_keys(name))
    assert closeness(asked, name) >= CLOSE


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("Anna Keller", "Tom Reed"),
        ("Anna Keller", "Anna Fischer"),
        ("Ali", "Ola"),
        ("Tom Reed", "Tim Rod"),
        ("Anna", ""),
    ],
)
def test_another_name_is_not_close(asked: str, name: str) -> None:
    assert closeness(asked, name) < CLOSE


def test_what_has_no_letters_has_no_key() -> None:
    assert name_keys("… –") == []
