"""An officer goes through a gallery with the keyboard: looks are counted, words and digests send no picture, enough is enough."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import AXE, DESKTOP, PHONE, until, what_is_wrong
from tests.browser.world import INES, TOMAS, Served

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Officers = Callable[[str], Any]
GALLERY = "/cases/AV-2026-0002/media/"
PAGES = (
    GALLERY,
    "/media/",
    "/exposure/",
    "/exposure/asks/",
    "/exposure/enough/?because=budget",
    "/exposure/enough/?because=two",
)


def as_seen(page: Any, **chosen: str) -> None:
    """Choose on the officer's own page how media are seen."""
    page.goto(re.sub(r"(https?://[^/]+).*", r"\1/exposure/", page.url))
    page.select_option("select[name=mode]", chosen.get("mode", "pictures"))
    page.fill("input[name=own_budget]", chosen.get("own_budget", ""))
    page.click("button:has-text('Keep this')")
    page.wait_for_load_state()


def test_an_officer_looks_with_the_keyboard_and_each_look_leaves_the_server_once(officer: Officers) -> None:
    page = officer(INES).open("/exposure/")
    as_seen(page)
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url))
    page.goto(re.sub(r"(https?://[^/]+).*", rf"\1{GALLERY}", page.url))
    until(page, "!!document.querySelector('.gallery .tile-eye')")
    tiles = page.evaluate("document.querySelectorAll('.gallery .tile img').length")
    assert tiles > 3
    assert page.evaluate(
        "[...document.querySelectorAll('.gallery .tile img')].every(each => each.src.startsWith('data:image'))"
    )
    assert not [url for url in asked if "/thumbnail" in url]
    page.focus(".gallery .tile-frame")
    page.keyboard.press("ArrowRight")
    page.keyboard.down(" ")
    until(page, "document.querySelector('.tile.shown img')?.src.startsWith('blob:')")
    page.wait_for_timeout(200)
    with page.expect_response(lambda answer: answer.url.endswith("/media/exposure/")) as told:
        page.keyboard.up(" ")
    assert told.value.status == 204
    until(page, "!document.querySelector('.tile.shown') && !document.querySelector('.tile img[src^=blob]')")
    assert len([url for url in asked if "/thumbnail" in url]) == 1
    page.keyboard.press("x")
    page.keyboard.press("Shift+ArrowRight")
    assert page.inner_text(".gallery-selected") == "2 selected"
    page.keyboard.press("Shift+?")
    assert "Extend the selection" in page.inner_text("#keys")
    page.keyboard.press("Escape")
    page.reload()
    assert re.search(r"Shown to you today: [1-9]", page.inner_text("main"))


@pytest.mark.parametrize("mode", ["Words", "Digests"])
def test_in_words_and_digests_no_request_for_a_picture_leaves_the_browser(officer: Officers, mode: str) -> None:
    page = officer(TOMAS).open(GALLERY)
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url))
    page.click(f".seeing-modes button:has-text('{mode}')")
    until(page, "!!document.querySelector('.tile-words')")
    page.focus(".gallery .tile-frame")
    for key in (" ", "b", "ArrowRight", " "):
        page.keyboard.press(key)
    page.wait_for_timeout(300)
    page.keyboard.press("Enter")
    until(page, "location.pathname.startsWith('/media/')")
    page.wait_for_load_state()
    assert not [url for url in asked if re.search(r"/(thumbnail|strip|original)|^data:image|^blob:", url)], asked
    assert page.evaluate("document.querySelectorAll('main img').length") == 0
    page.click(".seeing-modes button:has-text('Pictures')")
    page.wait_for_load_state()


def test_a_mask_is_drawn_over_the_picture_and_covers_it(officer: Officers) -> None:
    page = officer(INES).open("/exposure/")
    as_seen(page)
    page.goto(re.sub(r"(https?://[^/]+).*", rf"\1{GALLERY}", page.url))
    page.click(".gallery .tile-frame >> nth=2")
    page.click("summary:has-text('Masks')")
    until(page, "!!document.querySelector('.mask-drawing')")
    page.evaluate("document.querySelector('#medium-picture').scrollIntoView({block: 'center'})")
    box = page.locator("#medium-picture .tile-frame").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 60, middle[1] + 50, steps=4)
    page.mouse.up()
    assert [int(page.input_value(f"input[name={name}]")) for name in ("left", "top")] == [500, 500]
    page.click("button:has-text('Cover it')")
    until(page, "document.body.innerText.includes('masked for everybody')")
    assert "Undo" in page.inner_text("#toasts")


def test_at_the_budget_a_quiet_word_stands_over_the_work_and_the_work_stays(officer: Officers) -> None:
    page = officer(INES).open("/exposure/")
    as_seen(page, own_budget="0")
    page.goto(re.sub(r"(https?://[^/]+).*", rf"\1{GALLERY}", page.url))
    until(page, "!!document.querySelector('.gallery .tile-eye')")
    page.focus(".gallery .tile-frame")
    page.keyboard.press("x")
    page.keyboard.down(" ")
    until(page, "document.querySelector('.calm-dialog')?.open")
    page.keyboard.up(" ")
    assert "That is enough for today" in page.inner_text(".calm-dialog")
    page.click(".calm-dialog button:has-text('go-ahead')")
    until(page, "document.querySelector('[data-calm-said]').textContent.includes('lapses by itself')")
    page.click(".calm-dialog [data-calm-close]")
    assert page.inner_text(".gallery-selected") == "1 selected"
    assert not page.evaluate("document.querySelectorAll('.tile.shown').length")
    officer(INES).complaints[:] = [line for line in officer(INES).complaints if "409" not in line]
    as_seen(page)


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci in frontend/")
@pytest.mark.parametrize(("viewport", "scheme"), [(DESKTOP, "dark"), (PHONE, "light")], ids=["desktop", "phone"])
def test_the_pages_of_looking_are_accessible_and_fit_their_window(
    officer: Officers, served: Served, viewport: dict[str, int], scheme: str
) -> None:
    page = officer(INES).open("/", viewport=viewport, scheme=scheme)
    page.goto(served.address + GALLERY)
    link = page.evaluate("document.querySelector('.gallery a.tile-frame').getAttribute('href')")
    wrong = what_is_wrong(page, served.address, (*PAGES, link))
    other = officer(TOMAS).open(GALLERY, viewport=viewport, scheme=scheme)
    other.click(".seeing-modes button:has-text('Words')")
    other.wait_for_load_state()
    wrong |= {f"in words: {path}": told for path, told in what_is_wrong(other, served.address, (GALLERY, link)).items()}
    other.goto(served.address + GALLERY)
    other.click(".seeing-modes button:has-text('Pictures')")
    other.wait_for_load_state()
    assert not wrong, "\n".join(f"{path}: {told}" for path, told in wrong.items())
