"""The room Supervision in a real browser, and devices on real sockets against a server that is killed in the middle."""

from __future__ import annotations

import datetime as dt
import http.client
import json
import random
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from opencets.packing import captures
from tests.browser.conftest import DESKTOP, PHONE, until, what_is_wrong
from tests.browser.world import INES, TOMAS, Served
from tests.web.supervision.conftest import Agent, heartbeat, hit

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Officers = Callable[[str], Any]
REFERENCE = "SV-2026-0001"
PAGES = (
    "/supervision/", "/supervision/people/", "/supervision/people/new/", f"/supervision/people/{REFERENCE}/",
    f"/supervision/people/{REFERENCE}/orders/", f"/supervision/people/{REFERENCE}/care/",
    f"/supervision/people/{REFERENCE}/history/", f"/supervision/people/{REFERENCE}/told/", "/supervision/devices/",
    "/supervision/phrases/", "/supervision/libraries/",
)  # fmt: skip


@pytest.fixture(scope="module")
def supervised(served: Served) -> None:
    """The demonstration's supervised people in this world."""
    served.load("supervised")


def send(served: Served, agent: Agent, entries: list[captures.Entry], *, cut: int = 0) -> dict[str, Any] | None:
    """One batch over a socket of its own; ``cut``: the line breaks after so many bytes. None: no answer."""
    body = captures.batch_of(entries)
    line = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    try:
        headers = {**agent.headers(body), "Content-Type": "application/json", "Host": f"localhost:{served.port}"}
        if cut:
            line.putrequest("POST", "/agent/v1/entries", skip_host=True)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                line.putheader(name, value)
            line.endheaders(body[:cut])
            return None
        line.request("POST", "/agent/v1/entries", body, headers)
        answer = line.getresponse()
        told: dict[str, Any] = json.loads(answer.read())
        return {**told, "status": answer.status}
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        line.close()


def enrolled(ines: Any, served: Served, tmp_path: Any) -> Agent:
    """A new device of a new person, enrolled and under a signed order, all by pages."""
    agent, reference = Agent(), f"SV-{uuid4().hex[:8]}"
    request = tmp_path / "request.json"
    request.write_bytes(agent.request("Kitchen laptop"))
    page = ines.open("/supervision/people/new/")
    page.fill("input[name=reference]", reference)
    page.fill("input[name=name]", "Kim Sample")
    page.click("main button:has-text('Open the file')")
    page.goto(f"{served.address}/supervision/people/{reference}/orders/")
    page.set_input_files("input[name=file]", str(request))
    page.click("button:has-text('Enrol')")
    page.click("button:has-text('Draft the order')")
    for name, value in {
        "court": "Crown Court at Sampleton", "reference": "T2026-7", "words": "Computer use is watched.",
        "time_zone": "Europe/London", "complaint": "The chief officer", "begins_at": "2026-01-01T00:00",
        "ends_at": f"{dt.datetime.now(dt.UTC) + dt.timedelta(days=90):%Y-%m-%dT%H:%M}", "notice_on": "2025-12-01",
    }.items():  # fmt: skip
        page.fill(f"form[aria-label='The order'] [name={name}]", value)
    page.click("button:has-text('Keep the draft')")
    page.fill("form[aria-label='A condition'] [name=ref]", "C1")
    page.fill("form[aria-label='A condition'] [name=words]", "No contact through chats.")
    page.check("input[name=collectors][value=typed]")
    page.fill("form[aria-label='A condition'] [name=hours]", "sun 08:00-12:00")
    page.click("button:has-text('Keep the condition')")
    with page.expect_download() as given:
        page.click(".page-actions button:has-text('Sign')")
        page.click("[data-confirm-yes]")
        page.click("text=File for the device")
    signed = json.loads(given.value.path().read_text())
    from opencets.packing.order import open_order

    agent.obey(open_order(json.dumps(signed).encode(), [signed["key"]]))
    return agent


def test_the_pages_are_in_order_at_both_sizes(officer: Officers, served: Served, supervised: None) -> None:
    ines = officer(INES)
    page = ines.open("/supervision/")
    first = page.locator("#queue tbody th a").first.get_attribute("href")
    order = page.goto(f"{served.address}/supervision/people/{REFERENCE}/orders/") and page.locator(
        "table tbody th a"
    ).first.get_attribute("href")
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)
        assert what_is_wrong(page, served.address, (*PAGES, first, order)) == {}


def test_hits_are_reviewed_with_the_keyboard_in_two_stages_and_taken_back(
    officer: Officers, served: Served, supervised: None
) -> None:
    tomas = officer(TOMAS)
    page = tomas.open("/supervision/")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/supervision/hits/**")
    first = page.url
    page.keyboard.press("s")
    until(page, "document.querySelector('img.shot')?.alt === 'Screenshot of the hit'")
    page.keyboard.press("4")
    page.wait_for_url(lambda address: address != first)
    page.keyboard.press("u")
    page.wait_for_url(first)
    until(page, "document.body.innerText.includes('Nobody has looked')")
    page.keyboard.press("f")
    page.wait_for_url(lambda address: address != first)
    page.keyboard.press("u")
    page.wait_for_url(first)
    assert not tomas.complaints


def test_a_hit_is_on_the_officers_screen_within_two_seconds(
    officer: Officers, served: Served, supervised: None, tmp_path: Any
) -> None:
    ines = officer(INES)
    agent = enrolled(ines, served, tmp_path)
    page = ines.open("/supervision/")
    until(page, "document.body.dataset.liveState === 'open'")
    send(served, agent, [agent.entry(heartbeat())])
    took = []
    for number in range(5):
        words = f"the green lantern {number}"
        began = time.monotonic()
        answer = send(served, agent, [agent.entry(hit(words, 5, conversation=f"talk-{number}"))])
        assert answer is not None
        assert answer["status"] == 200
        until(page, f"document.querySelector('#queue').innerText.includes({words!r})")
        took.append(time.monotonic() - began)
    assert sorted(took)[2] < 2, took


def test_killed_servers_and_cut_lines_lose_nothing_and_double_nothing(
    officer: Officers, served: Served, supervised: None, tmp_path: Any
) -> None:
    ines = officer(INES)
    agents = [enrolled(ines, served, tmp_path) for _ in range(3)]
    per_device, chances = 60, random.Random(7)
    chains = [
        [one.entry(heartbeat() if number % 5 else hit(f"lantern {number}")) for number in range(per_device)]
        for one in agents
    ]
    # No page is open while the server is killed: it would complain, rightly.
    ines.close()
    ended = threading.Event()
    received = [0] * len(agents)

    def run(which: int) -> None:
        agent, chain = agents[which], chains[which]
        while received[which] < per_device and not ended.is_set():
            batch = chain[received[which] : received[which] + 7]
            if chances.random() < 0.2:
                send(served, agent, batch, cut=200)
            answer = send(served, agent, batch)
            if chances.random() < 0.3:
                send(served, agent, batch)
            if answer is None or answer["status"] != 200:
                time.sleep(0.2)
                continue
            received[which] = answer["received"]

    threads = [threading.Thread(target=run, args=(which,)) for which in (*range(len(agents)), 0)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        time.sleep(1.0)
        served.kill_web_server()
        served.wait_until_up()
    for thread in threads:
        thread.join(90)
    ended.set()
    assert received == [per_device] * len(agents)
    page = ines.open("/supervision/devices/")
    text = page.inner_text("#devices")
    assert text.count(f"{per_device} entries") == len(agents)
    page.goto(f"{served.address}/supervision/")
    assert "Entries are missing" not in page.inner_text("#queue")
    assert "used twice" not in page.inner_text("#queue")
