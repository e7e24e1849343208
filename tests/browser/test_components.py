"""The frame, the components and the islands in a real Chromium, under the real content security policy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DIST = REPOSITORY / "src/opencets_web/ui/static/dist"
AXE = REPOSITORY / "frontend/node_modules/axe-core/axe.min.js"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (DIST / "manifest.json").exists(), reason="the front end is not built: npm run build"),
]


class Site:
    """The component site: its address, and what it was told."""

    def __init__(self, port: int) -> None:
        self.address = f"http://localhost:{port}"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """The component site, in its own process, so no settings of ours meet those of the suite."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    script = str(REPOSITORY / "tests/browser/component_site.py")
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, env=environment
    ) as server:
        assert server.stdout is not None
        yield Site(int(server.stdout.readline()))
        server.kill()


@pytest.fixture
def opened(browser: Any, site: Site) -> Iterator[Callable[..., Any]]:
    """Opens a path; at the end no page has complained in its console and none has asked another host for anything."""
    contexts: list[Any] = []
    complaints: list[str] = []
    allowed: list[str] = []

    def listen(page: Any) -> None:
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda sent: None if sent.url.startswith((site.address, "data:", "blob:")) else complaints.append(sent.url),
        )

    def open_page(path: str, *, width: int = 1440, height: int = 900, scheme: str = "light", expected: str = "") -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        allowed.extend([expected] if expected else [])
        page = context.new_page()
        listen(page)
        page.goto(site.address + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [line for line in complaints if not any(word in line for word in allowed)] == []


def until(page: Any, expression: str, seconds: float = 8.0) -> Any:
    """The value of ``expression`` once it is true; polls, since the policy forbids what wait_for_function does."""
    end = monotonic() + seconds
    while not (value := page.evaluate(expression)):
        assert monotonic() < end, f"still not true after {seconds} s: {expression}"
        sleep(0.05)
    return value


def told(page: Any, **asked: Any) -> dict[str, Any]:
    """What the site was told so far; with arguments, what it shall do."""
    address = page.url.split("/", 3)
    control = f"{address[0]}//{address[2]}/control/"
    response = page.request.post(control, data=json.dumps(asked)) if asked else page.request.get(control)
    answer: dict[str, Any] = response.json()
    return answer


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci in frontend/")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_axe_finds_nothing_wrong_with_any_component(
    opened: Callable[..., Any], scheme: str, width: int, height: int
) -> None:
    for path in ("/design/", "/design/plain/", "/missing/"):
        page = opened(path, width=width, height=height, scheme=scheme)
        if path == "/design/":
            until(page, "document.querySelectorAll('.chart-canvas canvas').length")
            # The other view of the chart and the pictures below the fold must be drawn to be judged.
            page.click(".chart-tools button:has-text('Table')")
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        assert [(each["id"], [node["html"][:160] for node in each["nodes"]]) for each in found] == []
        assert page.evaluate("document.documentElement.dataset.bsTheme") == scheme
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_theme_once_chosen_stays_and_needs_no_system(opened: Callable[..., Any]) -> None:
    page = opened("/design/")
    page.click("summary[aria-label=Theme]")
    page.click("[data-theme-set=dark]")
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
    page.reload()
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"


def test_the_keys_search_help_and_rows_work(opened: Callable[..., Any]) -> None:
    page = opened("/parts/")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search-everywhere"
    page.keyboard.press("?")
    assert not page.evaluate("document.getElementById('keys').open"), "typing a question mark is no shortcut"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    assert page.evaluate("document.getElementById('keys').open")
    page.keyboard.press("Escape")
    until(page, "!document.getElementById('keys').open")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    until(page, "location.hash === '#two'")


def test_an_event_renews_only_what_it_concerns(opened: Callable[..., Any]) -> None:
    page = opened("/parts/")
    until(page, "document.body.dataset.liveState === 'open'")
    told(page, event={"channel": "case:8", "id": "8", "event": "case.changed"})
    page.wait_for_timeout(700)
    assert page.inner_text("#part") == "as it was"
    told(page, event={"channel": "case:7", "id": "7", "event": "case.changed"})
    until(page, "document.getElementById('part').textContent === 'renewed'")


def test_an_alert_that_two_channels_tell_of_is_told_once(opened: Callable[..., Any]) -> None:
    page = opened("/parts/")
    until(page, "document.body.dataset.liveState === 'open'")
    for channel, alert in (("case:8", "a"), ("officer:1", "a"), ("officer:1", "b")):
        told(page, event={"channel": channel, "id": alert, "event": "alert.raised"})
    until(page, "document.querySelectorAll('#toasts .toast-text').length === 2")
    page.wait_for_timeout(500)
    assert page.locator("#toasts .toast-text", has_text="A new alert").count() == 2


def test_a_renewal_takes_nothing_from_who_is_writing(opened: Callable[..., Any]) -> None:
    page = opened("/rows/")
    until(page, "document.body.dataset.liveState === 'open'")
    until_rows = "document.querySelectorAll('#rows article').length === {}"
    before = page.locator("#rows article").count()
    page.click("#row-two summary")
    page.fill("#row-two textarea", "half a thought")
    page.click("#row-two input[name=why]")
    page.keyboard.press("Control+a")
    page.keyboard.type("a reason")
    page.keyboard.press("ArrowLeft")
    for more in (1, 2):
        told(page, event={"channel": "case:7", "id": "7", "event": "case.changed"})
        until(page, until_rows.format(before + more))
    assert page.evaluate("[...document.querySelectorAll('details[open]')].map(each => each.parentElement.id)") == [
        "row-two"
    ]
    assert page.input_value("#row-two textarea") == "half a thought"
    assert page.evaluate("[document.activeElement.name, document.activeElement.selectionStart]") == ["why", 7]
    page.keyboard.type("!")
    assert page.input_value("#row-two input[name=why]") == "a reaso!n"


def test_a_refusal_is_shown_and_a_result_can_be_undone(opened: Callable[..., Any]) -> None:
    page = opened("/parts/", expected="422")
    page.click("#send")
    until(page, "document.querySelector('#answer [role=alert]')?.textContent === 'refused, header present'")
    until(page, "document.querySelector('#toasts form')?.getAttribute('action') === '/undo/'")


def test_an_island_that_htmx_brings_wakes_up(opened: Callable[..., Any]) -> None:
    page = opened("/parts/")
    page.click("#ask")
    until(page, "document.querySelector('#answer .chart-count')?.textContent.startsWith('21 nodes')")


def test_an_act_that_asks_waits_for_the_answer(opened: Callable[..., Any]) -> None:
    page = opened("/parts/")
    page.click("text=Withdraw")
    assert page.inner_text("[data-confirm-words]") == "They will no longer see it."
    page.click("#confirm >> text=Cancel")
    assert page.url.endswith("/parts/")
    page.click("text=Withdraw")
    page.click("[data-confirm-yes]")
    page.wait_for_url("**/withdrawn/")


def test_pictures_are_blurred_until_held_and_each_showing_is_counted(opened: Callable[..., Any]) -> None:
    page = opened("/design/")
    # One of the twelve has no picture, and nothing to show.
    until(page, "document.querySelectorAll('.tile-eye').length === 11")
    blur = "getComputedStyle(document.querySelector('.tile img')).filter"
    assert "blur" in page.evaluate(blur)
    assert "grayscale(1)" in page.evaluate(blur)
    assert page.evaluate("[...document.querySelectorAll('.tile[data-known]')].every(tile => !tile.offsetParent)")
    page.focus(".tile-frame")
    page.keyboard.down(" ")
    until(page, f"{blur} === 'none'")
    page.keyboard.up(" ")
    until(page, f"{blur}.includes('grayscale(1)')")
    page.keyboard.press("b")
    until(page, f"{blur} === 'none'")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    until(page, f"{blur}.includes('grayscale(1)')")
    end = monotonic() + 6
    while not (counted := [each for report in told(page)["exposure"] for each in report["reveals"]]):
        assert monotonic() < end
        sleep(0.1)
    assert [each["id"] for each in counted] == ["m0", "m0"]
    page.keyboard.press("k")
    assert page.evaluate("[...document.querySelectorAll('.tile[data-known]')].every(tile => tile.offsetParent)")


def test_a_long_gallery_keeps_the_tiles_of_its_window_alone(opened: Callable[..., Any]) -> None:
    page = opened("/long/")
    until(page, "document.querySelector('[data-gallery-length]').textContent.replace(/\\D/g, '') === '5000'")
    page.evaluate(
        "() => { window.told = []; document.addEventListener('gallery:selection', event => window.told.push(event.detail)); }"
    )
    labels = "[...document.querySelectorAll('.tile')].map(each => each.querySelector('.tile-label').firstChild.textContent.trim())"
    focused = "document.activeElement.closest('.tile')?.dataset.medium"
    page.focus(".tile-frame")
    page.keyboard.press("x")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowLeft")
    assert page.evaluate("window.told.at(-1)") == {"ids": ["m0", "m2", "m3"], "focus": "m3"}
    page.keyboard.press("End")
    until(page, f"{focused} === 'm4999'")
    until(page, "!document.querySelector('.tile[data-waiting]')")
    assert page.evaluate("document.querySelectorAll('.tile').length") < 200
    assert page.evaluate("document.querySelectorAll('[data-selected]').length") == 0
    drawn = page.evaluate(labels)
    assert drawn == [f"IMG_{number}.jpg" for number in range(5_000 - len(drawn), 5_000)]
    page.keyboard.press("Home")
    until(page, f"{focused} === 'm0'")
    assert page.evaluate("[...document.querySelectorAll('[data-selected]')].map(each => each.dataset.medium)") == [
        "m0",
        "m2",
        "m3",
    ]
    # The focus goes on from where it was, although its tile left the window.
    page.mouse.move(600, 500)
    page.mouse.wheel(0, 40_000)
    until(page, "!document.querySelector('.tile[data-medium=m0]') && !document.querySelector('.tile[data-waiting]')")
    page.keyboard.press("ArrowRight")
    until(page, f"{focused} === 'm1'")
    page.keyboard.press("Escape")
    assert page.evaluate("window.told.at(-1)") == {"ids": [], "focus": "m1"}


def test_a_chart_explains_expands_hides_and_has_an_equal_table(opened: Callable[..., Any]) -> None:
    page = opened("/design/")
    until(page, "document.querySelector('.chart-count')?.textContent === '21 nodes, 21 ties'")
    page.focus(".chart-canvas")
    page.keyboard.press("ArrowRight")
    until(page, "!document.querySelector('.chart-panel').hidden")
    page.click(".chart-panel >> text=Why >> nth=0")
    assert "bits of evidence" in page.inner_text(".chart-panel") or "named in the case" in page.inner_text(
        ".chart-panel"
    )
    page.focus(".chart-canvas")
    page.keyboard.press("e")
    until(page, "document.querySelector('.chart-count').textContent === '26 nodes, 26 ties'")
    page.keyboard.press("h")
    until(page, "parseInt(document.querySelector('.chart-count').textContent) === 25")
    page.keyboard.press("u")
    until(page, "document.querySelector('.chart-count').textContent === '26 nodes, 26 ties'")
    # Two are grouped into one and taken apart again; a note stands on the chart and in its table.
    for key in ("ArrowRight", "x", "ArrowDown", "x", "g"):
        page.keyboard.press(key)
    until(page, "parseInt(document.querySelector('.chart-count').textContent) === 25")
    page.fill(".chart-note input", "Ask her school")
    page.keyboard.press("Enter")
    assert page.evaluate("Object.values(document.querySelector('.chart-canvas').chart.model.layout().notes)") == [
        "Ask her school"
    ]
    page.click(".chart-panel >> text=Ungroup")
    until(page, "document.querySelector('.chart-count').textContent === '26 nodes, 26 ties'")
    page.click(".chart-tools button:has-text('Table')")
    rows = page.evaluate("document.querySelectorAll('.chart tbody tr').length")
    ties = int(page.inner_text(".chart-count").split(", ")[1].split()[0])
    assert rows >= ties
    with page.expect_download() as download:
        page.click(".chart-tools >> text=PNG")
    assert Path(download.value.path()).read_bytes()[:4] == b"\x89PNG"


def test_a_folder_arrives_whole_over_a_line_that_breaks(opened: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / "card"
    (folder / "DCIM").mkdir(parents=True)
    for number in range(40):
        (folder / "DCIM" / f"IMG_{number:04}.jpg").write_bytes(bytes([number]) * (1000 + number))
    (folder / "long.bin").write_bytes(os.urandom(18_000_000))
    (folder / "empty.txt").write_bytes(b"")
    (folder / "refused.bin").write_bytes(b"x")
    page = opened("/design/", expected="status of")
    told(page, broken=2)
    page.set_input_files("[data-island=uploader] input[webkitdirectory]", str(folder))
    until(page, "document.querySelector('.upload-state [role=status]').textContent.includes('may close this tab')", 40)
    answer = told(page)
    assert answer["begin"][-1]["files"] == 43
    assert len(answer["files"]) == 42
    assert answer["files"]["card/long.bin"]["size"] == 18_000_000
    assert answer["files"]["card/DCIM/IMG_0007.jpg"]["batch"] == "batch-1"
    assert answer["files"]["card/empty.txt"]["exhibit"] == "e1", "what begin answers travels with every file"
    assert answer["complete"][-1]["failed"] == [
        {"path": "card/refused.bin", "reason": "refused.bin: this name is refused here."}
    ]
    assert "refused.bin: this name is refused here." in page.inner_text(".upload-failed")


def test_a_closed_tab_goes_on_in_the_batch_it_left(opened: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / "phone"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(bytes([number]) * 500)
    page = opened("/design/", expected="status of")
    before = len(told(page, broken=1_000_000)["begin"])
    page.set_input_files("[data-island=uploader] input[webkitdirectory]", str(folder))
    until(page, "document.querySelector('.upload-state .progress-label')?.textContent === 'Sending'")
    until(page, "Object.keys(localStorage).some(key => key.startsWith('opencets-batch:'))")
    again = page.context.new_page()
    page.close(run_before_unload=False)
    again.goto(page.url)
    told(again, broken=0)
    again.set_input_files("[data-island=uploader] input[webkitdirectory]", str(folder))
    until(again, "document.querySelector('.upload-state [role=status]').textContent.includes('may close this tab')", 30)
    answer = told(again)
    assert len(answer["begin"]) == before + 1
    assert {answer["files"][f"phone/{number}.jpg"]["batch"] for number in range(3)} == {f"batch-{before + 1}"}
    assert not again.evaluate("Object.keys(localStorage).some(key => key.startsWith('opencets-batch:'))")


def test_dragging_over_the_bars_filters_by_time(opened: Callable[..., Any]) -> None:
    page = opened("/design/")
    until(page, "document.querySelector('.density canvas')")
    page.locator(".density").scroll_into_view_if_needed()
    box = page.locator(".density .u-over").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 30, steps=5)
    page.mouse.up()
    page.wait_for_url("**from=2026-*")
    until(page, "document.querySelector('.density-head')?.textContent.startsWith('Showing 2026-')")
    assert page.evaluate("document.querySelectorAll('.density tbody tr').length") == 60


def test_on_a_phone_the_rooms_open_and_close(opened: Callable[..., Any]) -> None:
    page = opened("/parts/", width=390, height=844)
    assert page.evaluate("getComputedStyle(document.getElementById('side')).visibility") == "hidden"
    page.click("[data-side-open]")
    until(page, "getComputedStyle(document.getElementById('side')).visibility === 'visible'")
    page.keyboard.press("Escape")
    until(page, "getComputedStyle(document.getElementById('side')).visibility === 'hidden'")
