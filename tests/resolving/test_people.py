"""A row made ready: romanised, placeholders gone, keys under which the same person is found again."""

from __future__ import annotations

import pytest

from opencets.resolving import PersonRow, candidate_keys, prepare, skeleton


@pytest.mark.parametrize(
    ("native", "latin"),
    [
        ("محمد", "Muhammad"),
        ("محمد", "Mohamed"),
        ("Дмитрий", "Dmitri"),
        ("Соколов", "Sokolov"),
        ("タナカ", "Tanaka"),
        ("スズキ", "Suzuki"),
        ("Παπαδόπουλος", "Papadopoulos"),
        ("Юлия", "Yulia"),
    ],
)
def test_a_name_has_one_skeleton_in_both_scripts(native: str, latin: str) -> None:
    assert skeleton(native) == skeleton(latin) != ""


def test_every_column_that_is_compared_is_ascii() -> None:
    person = prepare(
        PersonRow("1", "Жанна Ли", city="Łódź", street="Größe 5", email="ж@пример.example", screen_name="vk:ню_2")
    )
    values = [getattr(person, name) for name in person.__slots__]
    assert all(value is None or value.isascii() for value in values)
    assert (person.city, person.street) == ("lodz", "grosse 5")


def test_the_order_of_name_parts_and_titles_do_not_matter() -> None:
    assert (
        prepare(PersonRow("1", "Dr. Anna Bergmann")).name
        == prepare(PersonRow("2", "BERGMANN, Anna")).name
        == "anna bergmann"
    )
    assert prepare(PersonRow("3", given_name="Anna", family_name="Bergmann")).name == "anna bergmann"


@pytest.mark.parametrize("name", ["unknown", "N/A", "John Doe", "-", "???", "x x", ""])
def test_a_placeholder_is_no_name(name: str) -> None:
    person = prepare(PersonRow("1", name))
    assert (person.name, person.skeleton, person.given, person.family) == (None, None, None, None)


def test_placeholders_of_other_columns_are_nothing() -> None:
    person = prepare(
        PersonRow("1", date_of_birth="1900-01-01", email="admin@example.org", phone="000000", national_id="0000000")
    )
    assert (person.birth, person.email, person.phone, person.national_id) == (None, None, None, None)
    assert candidate_keys(person) == []


def test_the_same_person_is_found_under_a_common_key_in_another_script_and_with_the_date_turned() -> None:
    one = PersonRow("1", "Дмитрий Соколов", date_of_birth="1980-02-03")
    other = PersonRow("2", "Sokolov Dmitry", date_of_birth="1980-03-02")
    assert set(candidate_keys(one)) & set(candidate_keys(other)) >= {"d:19800203:d", "k:dmtl sklb", "y:sklb:1980"}
    assert set(candidate_keys(PersonRow("3", "Someone Else"))).isdisjoint(candidate_keys(one))


def test_a_row_of_a_table_keeps_what_is_known_and_needs_its_number() -> None:
    row = PersonRow.of({"record_id": "7", "full_name": " Anna ", "shoe_size": "38", "email": None})
    assert (row.record_id, row.full_name, row.email) == ("7", "Anna", "")
    with pytest.raises(KeyError):
        PersonRow.of({"full_name": "Anna"})
