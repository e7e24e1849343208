"""Variants: weaker keys that two writings of one thing share, and that two things do not."""

from __future__ import annotations

import pytest

from opencets.records import KINDS
from opencets.values import normalise, variants
from opencets.values.handle import letters


def keys(kind: str, raw: str) -> set[str]:
    return {variant.key for variant in variants(kind, normalise(kind, raw))}


@pytest.mark.parametrize(
    ("kind", "one", "other", "apart"),
    [
        ("handle", "kik:Z3phyr_Qu1ll98", "instagram:the.zephyr.quill", "kik:zephyr_quinn"),
        ("handle", "kik:sam_sample", "snapchat:sam_sample", "snapchat:sam_simple"),
        ("payment_handle", "$SamSample", "https://paypal.me/SamSample", "$SamSimple"),
        ("email", "sam.sample@proton.me", "samsample@pm.me", "sam.simple@pm.me"),
        ("email", "a.b@ya.ru", "a-b@yandex.com", "ab@yandex.com"),
        ("email", "sam-shop@yahoo.com", "sam-bank@yahoo.com", "tom-bank@yahoo.com"),
        ("email", "sam.sample@example.org", "sam_sample@example.net", "sam@example.net"),
        ("phone", "+44 20 7946 0123", "+49 20 7946 0123", "+44 20 7946 0124"),
        ("ip_hour", "2001:db8::7@2026-02-03T04", "2001:db8::8@2026-02-03T04", "2001:db8:0:1::7@2026-02-03T04"),
        ("ip_hour", "192.0.2.1@2026-02-03T04", "192.0.2.1@2026-02-03T09", "192.0.2.1@2026-02-04T04"),
        ("ip_port", "192.0.2.1:5000@2026-02-03T04", "192.0.2.1:5001@2026-02-03T04", "192.0.2.1:5000@2026-02-03T05"),
        ("plate", "GB:AB12CDE", "A812 CDE", "GB:AB13CDE"),
        ("plate", "А123ВС77", "A123BC77", "А124ВС77"),
        ("address", "Hauptstraße 5", "5, Haupt Str.", "Hauptstraße 6"),
        ("address", "Flat 3, 12 Mill Road", "Apt. 3 12 Mill Rd", "Flat 4, 12 Mill Road"),
        ("name", "Müller, Jürgen", "Jurgen Muller", "Jürgen Maller"),
    ],
)
def test_two_writings_share_a_variant_and_two_things_do_not(kind: str, one: str, other: str, apart: str) -> None:
    assert normalise(kind, one) != normalise(kind, other)
    assert keys(kind, one) & keys(kind, other)
    assert not keys(kind, one) & keys(kind, apart)


def test_a_variant_says_what_was_left_aside_for_it() -> None:
    assert [(one.key, one.without) for one in variants("phone", "+442079460123")] == [
        ("tail:79460123", "country and area")
    ]


def test_the_same_mailbox_is_equal_and_names_that_may_be_two_people_are_not() -> None:
    assert normalise("email", "sam.sample+x@googlemail.com") == normalise("email", "samsample@gmail.com")
    assert normalise("email", "sam@outlook.com") != normalise("email", "sam@hotmail.com")


def test_a_short_or_bare_value_has_no_variant() -> None:
    assert keys("handle", "kik:ab1") == set()
    assert keys("plate", "GB:AB1") == set()
    assert keys("address", "Mill Road") == set()
    assert letters("kik:1990") == ""


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_says_when_it_stops_saying_who(kind: str) -> None:
    assert KINDS[kind].stops.endswith(".")
    assert len(KINDS[kind].stops) > 10
