"""Labels: exact ranks and texts, and that of several the most restrictive wins whatever their order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencets.errors import ValueRefused
from opencets.values.handling import CODES, TLP, Label, label_of, most_restrictive, read_tlp

WORDS = st.lists(st.sampled_from(["Ask Avon", "Not to the press", "No arrest before May"]), max_size=3, unique=True)
LABELS = st.builds(
    Label,
    code=st.sampled_from(["", *CODES]),
    tlp=st.sampled_from(["", *TLP]),
    conditions=WORDS.map(lambda words: tuple(sorted(words))),
    originators=st.lists(st.sampled_from(["Avon", "Borders"]), max_size=2, unique=True).map(
        lambda names: tuple(sorted(names))
    ),
)


def test_the_labels_of_tlp_2_stand_in_its_order() -> None:
    assert list(TLP) == ["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([("P", "GREEN"), ("P", "AMBER")], ("P", "AMBER")),
        ([("P", "RED"), ("C", "")], ("C", "RED")),
        ([("P", ""), ("P", "CLEAR")], ("P", "CLEAR")),
        ([("C", "AMBER+STRICT"), ("P", "AMBER")], ("C", "AMBER+STRICT")),
        ([("", ""), ("C", "GREEN")], ("", "GREEN")),
    ],
)
def test_of_two_the_more_restrictive_wins_in_each_part(
    labels: list[tuple[str, str]], expected: tuple[str, str]
) -> None:
    found = most_restrictive(Label(code, tlp) for code, tlp in labels)
    assert (found.code, found.tlp) == expected


def test_conditions_and_originators_of_all_go_along() -> None:
    found = most_restrictive([label_of("C", "AMBER", "Ask  Avon", "Avon"), label_of("P", "", "", "Borders")])
    assert found.text() == (
        "Handling code C, lawful sharing permitted with conditions. TLP:AMBER, within the recipient's organisation and its"
        " clients, as far as they need to know. Conditions: Ask Avon. Passed on by Avon and Borders alone."
    )


def test_nothing_and_no_label_are_refused() -> None:
    for refused in (lambda: most_restrictive([]), lambda: Label("Q"), lambda: Label("P", "PINK")):
        with pytest.raises(ValueRefused):
            refused()


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("TLP:AMBER+STRICT", "AMBER+STRICT"), ("tlp:red", "RED"), ("amber strict", "AMBER+STRICT"), ("TLP:WHITE", "CLEAR"),
        ("TLP: GREEN", "GREEN"), ("Clear", "CLEAR"),
    ],
)  # fmt: skip
def test_labels_are_read_as_people_write_them(text: str, label: str) -> None:
    assert read_tlp(text) == label


@pytest.mark.parametrize("text", ["", "TLP:", "TLP:PINK", "STRICT", "RED+STRICT", "AMBER+AMBER"])
def test_what_is_no_label_is_refused(text: str) -> None:
    with pytest.raises(ValueRefused):
        read_tlp(text)


@given(st.lists(LABELS, min_size=1, max_size=6), st.randoms())
def test_a_derived_label_is_never_less_restrictive_than_any_part_and_no_more_than_all(
    labels: list[Label], chance: object
) -> None:
    derived = most_restrictive(labels)
    for label in labels:
        assert all(own <= whole for own, whole in zip(label.rank, derived.rank, strict=True))
        assert set(label.conditions) <= set(derived.conditions)
        assert set(label.originators) <= set(derived.originators)
    assert derived.rank == (max(one.rank[0] for one in labels), max(one.rank[1] for one in labels))
    shuffled = [*labels, labels[0]]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert most_restrictive(shuffled) == derived
    assert most_restrictive([derived, *labels]) == derived


@given(LABELS, LABELS, LABELS)
def test_it_does_not_matter_in_which_steps_a_thing_was_derived(first: Label, second: Label, third: Label) -> None:
    stepwise = most_restrictive([most_restrictive([first, second]), third])
    assert stepwise == most_restrictive([first, most_restrictive([second, third])])


@given(st.sampled_from(sorted(TLP)))
def test_every_label_is_read_as_it_is_written(tlp: str) -> None:
    assert read_tlp(f"TLP:{tlp}") == tlp
