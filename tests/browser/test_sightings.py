"""The room Sightings as officers walk through it: the order with its factors, the map down to the county, a computer followed."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

import pytest

from tests.browser.conftest import AXE, DESKTOP, PHONE, until, what_is_wrong
from tests.browser.world import BRIGID, INES, Served

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Officers = Callable[[str], Any]
PAGES = ("/sightings/", "/sightings/map/?at=GB", "/sightings/statistics/", "/sightings/leads/", "/sightings/received/")


@pytest.fixture(scope="module")
def computers(served: Served) -> None:
    """The demonstration's computers in this world, for its worker to load."""
    served.load("tree")
    served.load("computers")


def _loaded(page: Any) -> None:
    """Return once the file of sightings is in the ledger."""
    end = monotonic() + 60
    while "In the ledger" not in page.inner_text("#received"):
        assert monotonic() < end, page.inner_text("main")
        page.wait_for_timeout(300)
        page.reload()


def test_the_order_shows_its_factors_and_the_map_goes_down_to_the_county(
    officer: Officers, served: Served, computers: None
) -> None:
    ines = officer(INES)
    page = ines.open("/sightings/received/")
    _loaded(page)
    page.goto(f"{served.address}/sightings/")
    first = page.locator(".ranked tbody tr").first
    first.locator("summary").click()
    factors = first.locator("table tbody tr")
    assert factors.count() == 8
    assert "availability worth" in factors.first.inner_text()
    page.select_option("select[name=jurisdiction]", "bristol")
    until(
        page,
        "location.search.includes('bristol') && !document.querySelector('#computers').innerText.includes('Glasgow')",
    )
    page.goto(f"{served.address}/sightings/map/")
    newest = page.inner_text("#map > p")
    page.locator("input[name=back]").fill("40")
    page.locator("input[name=back]").dispatch_event("change")
    until(page, "document.querySelector('#map').innerText.includes('the newest day is')")
    assert page.inner_text("#map > p") != newest
    page.goto(f"{served.address}/sightings/map/")
    page.locator("#map table a", has_text="United Kingdom").click()
    page.wait_for_url("**/sightings/map/?at=GB")
    page.locator("#map table a", has_text="England").click()
    page.wait_for_url("**at=GB-ENG")
    page.locator("#map table a", has_text="Bristol").click()
    page.wait_for_url("**jurisdiction=bristol**")
    page.locator(".ranked tbody th a").first.click()
    page.wait_for_url("**/sightings/computers/**")
    page.click("text=Follow this computer")
    until(page, "document.body.innerText.includes('Nobody has it yet')")
    assert not ines.complaints
    assert officer(BRIGID).status(page.url.removeprefix(served.address)) == 404


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci in frontend/")
def test_its_pages_are_accessible_and_fit_their_window(officer: Officers, served: Served, computers: None) -> None:
    wrong: dict[str, object] = {}
    for viewport, scheme in ((DESKTOP, "light"), (PHONE, "dark")):
        page = officer(INES).open("/sightings/received/", viewport=viewport, scheme=scheme)
        _loaded(page)
        page.goto(f"{served.address}/sightings/")
        one = page.locator(".ranked tbody th a").first.get_attribute("href")
        found = what_is_wrong(page, served.address, (*PAGES, str(one)))
        wrong |= {f"{path} {scheme}": told for path, told in found.items()}
    assert not wrong, "\n".join(f"{path}: {told}" for path, told in wrong.items())
