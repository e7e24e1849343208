"""The rooms of joint work, with something in each: accessible, within the window, closed to whom they do not concern."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import AXE, DESKTOP, PHONE, what_is_wrong
from tests.browser.world import BRIGID, INES, NOOR, ODILE, PAVEL, Served

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Officers = Callable[[str], Any]
CASE = "/cases/AV-2026-0001/"
ROOMS = (
    "/", "/standards/", "/inquiries/", "/inquiries/providers/", "/deconfliction/", "/sharing/", CASE,
    *(CASE + tab for tab in ("casework/", "standards/", "inquiries/", "packages/", "deconfliction/", "sharing/", "access/")),
    CASE + "parts/", CASE + "parts/ask/", CASE + "parts/release/", "/sharing/parts/", "/emergencies/", "/purpose/", "/push/",
    "/cases/AV-2026-0002/packages/", "/cases/AV-2026-0002/packages/new/", "/cases/AV-2026-0002/deconfliction/",
)  # fmt: skip
OF_OTHERS = {
    BRIGID: ("/sharing/", "/deconfliction/", CASE, f"{CASE}casework/"),
    PAVEL: ("/audit/", "/audit/unusual/", "/audit/reviews/"),
    NOOR: ("/emergencies/", "/standards/", "/sharing/parts/rules/"),
    ODILE: (
        "/officers/",
        "/officers/agency/",
        "/officers/review/",
        "/officers/sign-in/",
        "/officers/sign-in/oidc/",
        "/officers/sign-in/saml/",
    ),
}
"""What is looked at as somebody else: a partner, the auditor, a supervisor, the administrator."""


@pytest.fixture(scope="module")
def together(served: Served) -> None:
    """What the demonstration's agencies do together, done in this world too."""
    served.load("together")


def _further(page: Any, served: Served) -> list[str]:
    """One page of each kind whose address holds an id."""
    found: dict[str, str] = {}
    for begin in ("/deconfliction/", "/inquiries/", "/sharing/parts/"):
        page.goto(served.address + begin)
        links = page.evaluate("[...document.querySelectorAll('main a[href]')].map(each => each.getAttribute('href'))")
        for link in links:
            if re.match(r"/(conflicts|declarations|inquiries|sharing/parts/asked)/[0-9a-f-]{36}/$", link):
                found.setdefault(link.split("/")[1], link)
    return sorted(found.values())


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci in frontend/")
@pytest.mark.parametrize(("viewport", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"])
def test_rooms_of_joint_work_are_accessible_and_fit_their_window(
    officer: Officers, served: Served, together: None, viewport: dict[str, int], scheme: str
) -> None:
    page = officer(INES).open("/", viewport=viewport, scheme=scheme)
    further = _further(page, served)
    assert len(further) == 4, "a conflict, a declaration, a data request and a request for a part stand there"
    wrong = what_is_wrong(page, served.address, (*ROOMS, *further))
    for email, paths in OF_OTHERS.items():
        other = officer(email).open("/", viewport=viewport, scheme=scheme)
        wrong |= {f"{email} {path}": told for path, told in what_is_wrong(other, served.address, paths).items()}
    assert not wrong, "\n".join(f"{path}: {told}" for path, told in wrong.items())


def test_what_only_one_side_declared_or_asked_stays_with_it(officer: Officers, served: Served, together: None) -> None:
    page = officer(INES).open("/")
    ours = [path for path in _further(page, served) if not path.startswith("/conflicts/")]
    brigid = officer(BRIGID)
    assert {path: brigid.status(path) for path in ours} == dict.fromkeys(ours, 404)
    assert brigid.status("/cases/AV-2026-0002/packages/") == 404
