"""Identifiers in free text: what is found, where exactly, and that hostile text costs no more than its length."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opencets.values import find_in_text, normalise

LETTER = (
    "Write to Sam.Sample@example.org, or (see https://example.org/a_(b)?utm_source=x&y=1). "
    "Call +44 20 7946 0123 at 12:30:45; from 198.51.100.23 and [2001:db8::7]. "
    "Pay 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa or GB82 WEST 1234 5698 7654 32 THEN GO."
)


def test_a_letter_gives_its_identifiers_in_order() -> None:
    assert [(found.kind, found.normal) for found in find_in_text(LETTER)] == [
        ("email", "sam.sample@example.org"),
        ("url", "https://example.org/a_(b)?y=1"),
        ("phone", "+442079460123"),
        ("ip", "198.51.100.23"),
        ("ip", "2001:db8::7"),
        ("wallet", "bitcoin:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
        ("iban", "GB82WEST12345698765432"),
    ]


def test_an_address_is_found_in_text_without_spaces() -> None:
    text = "请写信到sam@example.org谢谢，见https://example.org/x。电话+44 20 7946 0123谢谢"
    assert [found.raw for found in find_in_text(text)] == [
        "sam@example.org",
        "https://example.org/x",
        "+44 20 7946 0123",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "version 1.2.3.4.5 of 12:30:45",
        "00:1A:7D:DA:71:13",
        "call 020 7946 0123",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        "GB82 WEST 1234 5698 7654 33",
        "me @ home, @nick, a@b",
        "19195550123@s.whatsapp.net",
        "+99999999999999",
    ],
)
def test_what_only_looks_like_an_identifier_is_left(text: str) -> None:
    assert find_in_text(text) == []


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from([*LETTER.split(), "@", "+", "https://", "::", "例", "\ud800", "0" * 40, "GB82"]), max_size=30
    )
)
def test_every_find_stands_where_it_says_and_is_canonical(words: list[str]) -> None:
    text = " ".join(words)
    end = 0
    for found in find_in_text(text):
        assert text[found.start : found.end] == found.raw
        assert found.start >= end
        assert normalise(found.kind, found.normal) == found.normal
        end = found.end


@pytest.mark.parametrize(
    "piece",
    [
        "@",
        "a",
        "1",
        "+1 ",
        "a@a.",
        ":",
        "1.1.",
        "GB82 ",
        "http://",
        "0x",
        "www.",
        "(",
        "AA11",
        "f:",
        "A1 ",
        "a.b@",
        "+1(",
        "é@",
    ],
)
def test_hostile_text_ends(piece: str) -> None:
    assert isinstance(find_in_text(piece * 50_000), list)
