"""A part of a case between two agencies in a real browser: asked, approved in part, released, received; a third sees nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.browser.conftest import until
from tests.browser.world import BRIGID, INES, PASSWORD, SECRET, Served

pytestmark = pytest.mark.browser

Officers = Callable[[str], Any]
THIRD = "kit.ames@cambria.example.org"
MAKE_THIRD = f"""
from opencets_web.commands.opened import opened
with opened("owner"):
    from opencets_web.accounts.entrance import make_officer
    from opencets_web.accounts.models import Agency, Officer
    if not Officer.objects.filter(email={THIRD!r}).exists():
        agency = Agency.objects.create(
            name="Cambria Police", short_name="Cambria", country="GB", contact_name="Cambria desk",
            contact_phone="+442079460123", contact_email="desk@cambria.example.org",
        )
        make_officer(agency, {THIRD!r}, "Kit Ames", ["investigator"], password={PASSWORD!r}, secret={SECRET!r})
"""


def says(words: str) -> str:
    """An expression that is true once the page says these words."""
    return f"document.body.innerText.includes({words!r})"


def test_a_part_is_asked_for_approved_in_part_released_received_and_read(officer: Officers, served: Served) -> None:
    subprocess.run([sys.executable, "-c", MAKE_THIRD], env=served.environment(), check=True)
    brigid, ines = officer(BRIGID), officer(INES)
    mark = uuid4().hex[:8]
    reference, purpose = f"BO-P-{mark}", f"One series {mark}"
    # Brigid has a case, and asks Avon what it holds on a person that both saw.
    theirs = brigid.open("/cases/new/")
    theirs.fill("#id_reference", reference)
    theirs.fill("#id_title", "Harbour wall")
    theirs.click("main form .btn-primary")
    theirs.goto(f"{served.address}/cases/{reference}/parts/ask/")
    theirs.select_option("#id_agency", label="Avon Constabulary")
    theirs.fill("#id_text", f"The chats of the harbour group {mark}")
    theirs.fill("#id_purpose", purpose)
    theirs.fill("#id_legal_basis", "Police Act, section 1")
    theirs.select_option("#id_urgency", label="Urgent")
    theirs.click("main form .btn-primary")
    until(theirs, says("They are asked."))
    # It stands on the desk of Avon. Ines chooses from a case of hers.
    ours = ines.open("/")
    until(ours, says(purpose))
    ours.click(f"#parts article:has-text('{mark}') a")
    ours.click("#another summary")
    ours.click("#another li:has-text('AV-2026-0001') a")
    ours.fill("#id_conditions", "Ask before use")
    ours.click("main form .btn-primary")
    # Two records are weighed: one is given, one is not, with the reason.
    ours.fill("#choose input[name=q]", "example")
    ours.click("#choose button:has-text('Find')")
    boxes = ours.locator("#choose input[name=record]")
    for number in range(2):
        boxes.nth(number).check()
    ours.click("button:has-text('Weigh these')")
    until(ours, "document.querySelectorAll('#decisions fieldset').length === 2")
    items = ours.locator("#decisions fieldset")
    items.nth(0).locator("input[value=yes]").check()
    items.nth(1).locator("input[value=no]").check()
    items.nth(1).locator("input[list]").fill("Concerns somebody else")
    ours.click("button:has-text('Keep the decisions')")
    until(ours, says("Concerns somebody else"))
    until(ours, "!!document.querySelector('#preview button')")
    ours.click("#preview button:has-text('Release this to Borders Police')")
    until(ours, says("It is released."))
    # Brigid is told, sees its terms and receives it into her case with one button; it is read as her own exhibit.
    until(theirs, says("Released in part"), 30)
    theirs.click("#request article[id^=received] a")
    until(theirs, says("Ask before use"))
    theirs.click("button:has-text('Receive it into this case')")
    until(theirs, says("has your signed receipt"), 30)
    theirs.click("#received a:has-text('EX-0001')")
    until(theirs, says("Released by Avon Constabulary for"), 30)
    until(theirs, says("Records released by another agency") + " || " + says("released_records"), 30)
    # Ines sees the signed receipt by herself; the case of each stays closed to the other.
    until(ours, says("Received by them"), 30)
    until(ours, says("the receipt is signed"))
    assert brigid.status("/cases/AV-2026-0001/") == 404
    assert ines.status(f"/cases/{reference}/") == 404
    # A third agency sees nothing of it, wherever it looks.
    kit = officer(THIRD)
    for path in (ours.url, theirs.url):
        assert kit.status(path.removeprefix(served.address).partition("?")[0].partition("#")[0]) == 404
    room = kit.open("/sharing/parts/")
    assert mark not in room.inner_text("body")
    assert "Nothing was released to you." in room.inner_text("main")
