"""The notice says who watches, until when, what is recorded and whom to ask, in the order's language; and fits every screen."""

from __future__ import annotations

import pytest

from opencets.packing.order import Order, open_order
from opencets_agent.collectors import DECLARATIONS
from opencets_agent.notice import HEIGHT, picture_of
from opencets_agent.texts import bar_of, page_of
from tests.agent.ready import PUBLIC, Watched, condition


def order_of(watched: Watched, **other: object) -> Order:
    return open_order(watched.order(**other), [PUBLIC])


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "is watched by"), ("fr", "est surveillé par"), ("de-AT", "wird von"), ("xx", "is watched by")],
)
def test_the_bar_speaks_the_orders_language_and_names_what_it_must(watched: Watched, language: str, words: str) -> None:
    first, second, third = bar_of(order_of(watched, language=language))
    assert words in first
    assert "Order 7/2026" in first
    assert "Avon Probation" in first
    assert "registry@court.example" in third
    assert DECLARATIONS["typed"].labelled(language[:2]) in second


def test_while_nothing_is_recorded_the_bar_says_so(watched: Watched) -> None:
    assert bar_of(order_of(watched), "the hour is excluded")[1] == "Nothing is recorded now: this hour is excluded."


def test_a_schools_policy_is_not_told_as_a_courts_order(watched: Watched) -> None:
    page = page_of(order_of(watched, setting="school", co_users=[]))
    assert "under its published policy" in page
    assert "No other user of this computer is named" in page


@pytest.mark.parametrize("wide", [320, 640, 1280, 3840])
def test_the_picture_is_as_wide_as_the_screen_and_never_higher(watched: Watched, wide: int) -> None:
    order = order_of(watched, words="Long words of a court. " * 200, conditions=[condition(words="Word " * 300)])
    assert picture_of(order, "", wide, 800, whole=False).size == (wide, HEIGHT)
    whole = picture_of(order, "", wide, 800, whole=True)
    assert whole.width == wide
    assert HEIGHT < whole.height <= 800


def test_every_collector_that_an_order_can_name_is_declared_wholly() -> None:
    from opencets.packing.order import COLLECTORS

    assert tuple(DECLARATIONS) == COLLECTORS
    for one in DECLARATIONS.values():
        for said in (one.takes, one.never, one.library, one.systems, one.windows, one.macos, *one.label.values()):
            assert said.strip()
        assert {"en", "fr", "de"} <= one.label.keys()
