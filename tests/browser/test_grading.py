"""Grading by key in a real browser: a group as one act, taken back as one, and nothing waits for the network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import AXE, DESKTOP, PHONE, until, what_is_wrong
from tests.browser.world import GRADED, INES, Served

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Officers = Callable[[str], Any]
MARKED = "document.querySelectorAll('[data-unit] .tile[data-mark]').length"
SENT = "document.querySelectorAll('[data-unit] .tile[data-grading=sent]').length"


@pytest.fixture(scope="module")
def graded(served: Served) -> None:
    """A memory card in a case: two series, the near-duplicates of each graded by Avon's officers."""
    served.load("graded")


def test_a_group_is_graded_by_key_and_taken_back_and_an_act_outlives_a_lost_network(
    officer: Officers, graded: None
) -> None:
    ines = officer(INES)
    page = ines.open(f"/cases/{GRADED}/grading/")
    until(page, "document.activeElement.closest('[data-unit]') !== null")
    first = page.evaluate("document.activeElement.closest('[data-unit]').querySelectorAll('.tile').length")
    assert first > 1
    page.keyboard.press("Shift+G")
    page.keyboard.press("3")
    assert page.evaluate(MARKED) == first
    until(page, f"{SENT} === {first}")
    page.wait_for_selector("#toasts >> text=graded as Category C")
    page.keyboard.press("u")
    assert page.evaluate(MARKED) == 0
    page.wait_for_timeout(300)
    page.context.set_offline(True)
    page.keyboard.press("2")
    assert page.evaluate(MARKED) == 1
    until(page, "document.querySelector('[data-grading-state]').textContent.includes('not sent yet')")
    page.context.set_offline(False)
    until(page, f"{SENT} === 1", seconds=20)
    page.reload()
    until(page, "document.activeElement.closest('[data-unit]') !== null")
    assert page.evaluate("document.activeElement.closest('[data-unit]').querySelectorAll('.tile').length") == first - 1
    assert "taken back" in page.inner_text("#acts")
    ines.complaints[:] = [line for line in ines.complaints if "ERR_INTERNET_DISCONNECTED" not in line]


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci in frontend/")
@pytest.mark.parametrize(("viewport", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"])
def test_the_pages_of_grading_are_accessible_and_fit_their_window(
    officer: Officers, graded: None, viewport: dict[str, int], scheme: str
) -> None:
    page = officer(INES).open(f"/cases/{GRADED}/grading/", viewport=viewport, scheme=scheme)
    link = page.evaluate("document.querySelector('[data-unit] .tile a').getAttribute('href')").partition("?")[0]
    paths = [
        f"/cases/{GRADED}/series/",
        f"/cases/{GRADED}/grading/",
        f"{link}grades/",
        "/grading/disagreements/",
        "/grading/entries/",
    ]
    assert what_is_wrong(page, officer(INES).served.address, paths) == {}
