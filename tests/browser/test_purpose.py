"""In a real Chromium: the first look of a day into a case asks why; one digit answers, and goes on to where it led."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.conftest import BUILT, Officer
from tests.browser.world import TOMAS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not BUILT.exists(), reason="the front end is not built: npm run build"),
]


def test_one_key_says_why_and_goes_on(officer: Callable[[str], Officer]) -> None:
    tomas = officer(TOMAS)
    tomas.says_why = False
    try:
        page = tomas.open("/cases/BO-NONE/")
        assert "Not found" in page.inner_text("main")
        page = tomas.open("/cases/AV-2026-0002/notes/")
        assert "Why do you look into this case today?" in page.inner_text("main")
        page.keyboard.press("6")
        page.wait_for_selector("[role=alert]")
        page.fill("input[name=why_text]", "Handover at the change of shift")
        page.keyboard.press("Enter")
        page.wait_for_url("**/cases/AV-2026-0002/notes/")
        assert "Purpose today: Other: Handover at the change of shift" in page.inner_text("main")
        page.click("a:has-text('change')")
        page.wait_for_selector("main :text('Why do you look')")
        page.wait_for_load_state()  # its keys are heard from here on
        page.keyboard.press("2")
        page.wait_for_url("**/cases/AV-2026-0002/notes/")
        assert "Purpose today: Victim identification" in page.inner_text("main")
    finally:
        tomas.says_why = True
        tomas.complaints.clear()
