"""Two officers of two agencies at two browsers on one case: invited, accepted, seen to be there, and everything live."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.browser.conftest import until
from tests.browser.world import BRIGID, INES

pytestmark = pytest.mark.browser

Officers = Callable[[str], Any]


def says(page: Any, words: str) -> str:
    """An expression that is true once the page says these words."""
    return f"document.body.innerText.includes({words!r})"


def test_two_agencies_work_on_one_case_and_see_each_other_do_it(officer: Officers) -> None:
    ines, brigid = officer(INES), officer(BRIGID)
    reference = f"AV-J-{uuid4().hex[:8]}"
    page = ines.open("/cases/new/")
    page.fill("#id_reference", reference)
    page.fill("#id_title", "Harbour wall")
    page.click("main form .btn-primary")
    # Invited, and nothing is open before it is accepted.
    page.goto(page.url.partition("/cases/")[0] + f"/cases/{reference}/sharing/")
    page.select_option("#invite_agency", label="Borders Police")
    page.fill("#invite_purpose", f"One series {reference[-8:]}")
    page.click("#invite button")
    assert brigid.status(f"/cases/{reference}/") == 404
    theirs = brigid.open("/sharing/")
    theirs.locator(f"article:has-text('{reference[-8:]}') button:has-text('Accept')").click()
    until(theirs, says(theirs, "Your agency takes part"))
    assert brigid.status(f"/cases/{reference}/") == 200
    # Both have the case open, and each is told so.
    ours = ines.open(f"/cases/{reference}/casework/")
    theirs.goto(ours.url)
    until(ours, "document.querySelector('#here').innerText.includes('Brigid Hale')")
    until(theirs, "document.querySelector('#here').innerText.includes('Ines Marlow')")
    # What one writes appears at the other without a reload; whom it names has a notice on the desk.
    desk = ines.open("/")
    theirs.fill("#comments textarea", "@Ines Marlow the wall is at Eyemouth")
    theirs.click("#comments button:has-text('Comment')")
    until(ours, says(ours, "the wall is at Eyemouth"))
    until(ours, "document.querySelector('#feed').innerText.includes('Wrote a comment')")
    until(desk, says(desk, "named you on"))
    # Half a comment of one's own is not taken away by what another does.
    ours.fill("#comments textarea", "Half a sentence")
    theirs.click("#decision-new summary")
    theirs.fill("#id_what", "Ask the harbour master")
    theirs.fill("#id_reason", "He keeps the films")
    theirs.click("button:has-text('Keep the decision')")
    until(ours, says(ours, "Ask the harbour master"))
    assert ours.input_value("#comments textarea") == "Half a sentence"
    # An open form says what another changed meanwhile.
    form = brigid.open(f"/cases/{reference}/change/")
    until(form, "document.body.dataset.liveState === 'open'")
    ours.goto(form.url)
    ours.fill("#id_summary", "Written by Avon")
    ours.click("text=Keep the change")
    until(form, says(form, "while this form was open"))
    assert "Written by Avon" in form.inner_text("#meanwhile")
    assert form.input_value("#id_summary") == ""
    # Both have written the same field: neither text is lost, and whoever comes second is shown both and writes them together.
    form.fill("#id_summary", "Written by Borders")
    form.click("text=Keep the change")
    until(form, says(form, "two versions"))
    shown = form.inner_text("#met-summary")
    assert "Written by Avon" in shown
    assert "Written by Borders" in shown
    assert "Ines Marlow" in shown
    # Chromium tells of the 409 in which both versions came.
    assert [line for line in brigid.complaints if "409" not in line] == []
    brigid.complaints.clear()
    form.fill("#id_summary", "Written by Avon. Written by Borders")
    form.click("#met-summary button:has-text('Keep what the form says')")
    until(form, f"location.pathname !== '/cases/{reference}/change/'")
    ours.goto(f"{ours.url.partition('/cases/')[0]}/cases/{reference}/history/")
    history = ours.inner_text("main")
    assert "Written by Avon. Written by Borders" in history
    assert "Brigid Hale" in history
    assert "Ines Marlow" in history
