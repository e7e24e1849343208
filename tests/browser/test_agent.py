"""A real agent on a real desktop, under an order drawn up and signed by pages: what is typed is on the officer's screen."""

from __future__ import annotations

import datetime as dt
import getpass
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from opencets.watching import Library
from tests.agent.desktop import desktop, missing
from tests.agent.desktop import until as until_there
from tests.agent.ready import OPENCETS
from tests.browser.conftest import until
from tests.browser.world import INES, Served

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing()), reason=f"not installed: {missing()}"),
]

SETTINGS = """
state = "state"
order = "order.json"
trusted_keys = ["{key}"]
[sending]
heartbeat_seconds = 2
[files]
folders = []
"""


def signed_order(ines: Any, served: Served, request: Path) -> dict[str, Any]:
    """The order for a device, from the opening of the person's file to the download, by pages."""
    reference = f"SV-{uuid4().hex[:8]}"
    page = ines.open("/supervision/people/new/")
    page.fill("input[name=reference]", reference)
    page.fill("input[name=name]", "Rowan Example")
    page.click("main button:has-text('Open the file')")
    page.goto(f"{served.address}/supervision/people/{reference}/orders/")
    page.set_input_files("input[name=file]", str(request))
    page.click("button:has-text('Enrol')")
    page.click("button:has-text('Draft the order')")
    for name, value in {
        "court": "Crown Court at Sampleton", "reference": "T2026-9", "words": "Computer use is watched.",
        "time_zone": "Europe/London", "complaint": "The chief officer", "begins_at": "2026-01-01T00:00",
        "ends_at": f"{dt.datetime.now(dt.UTC) + dt.timedelta(days=90):%Y-%m-%dT%H:%M}", "notice_on": "2025-12-01",
    }.items():  # fmt: skip
        page.fill(f"form[aria-label='The order'] [name={name}]", value)
    for box in page.query_selector_all("input[name=libraries]"):
        box.check()
    page.click("button:has-text('Keep the draft')")
    page.fill("form[aria-label='A condition'] [name=ref]", "C1")
    page.fill("form[aria-label='A condition'] [name=words]", "What he types is compared with phrases.")
    page.check("input[name=collectors][value=typed]")
    page.click("button:has-text('Keep the condition')")
    with page.expect_download() as given:
        page.click(".page-actions button:has-text('Sign')")
        page.click("[data-confirm-yes]")
        page.click("text=File for the device")
    signed: dict[str, Any] = json.loads(given.value.path().read_text())
    return signed


def test_what_is_typed_on_a_watched_desktop_is_on_the_officers_screen(
    officer: Callable[[str], Any], served: Served, tmp_path: Path
) -> None:
    served.load("supervised")
    ines = officer(INES)
    settings, order, request = (tmp_path / name for name in ("agent.toml", "order.json", "request.json"))
    settings.write_text(SETTINGS.format(key="none yet"))
    words = [OPENCETS, "agent", "enrol", str(settings), "--account", getpass.getuser(), "--out", str(request)]
    subprocess.run([*words, "--name", "laptop"], check=True, capture_output=True, timeout=60)
    signed = signed_order(ines, served, request)
    order.write_text(json.dumps(signed))
    settings.write_text(SETTINGS.format(key=signed["key"]))
    with desktop() as desk:
        told = tmp_path / "agent.err"
        with told.open("w") as errors:
            agent = subprocess.Popen(
                [OPENCETS, "agent", "run", str(settings)], env={**os.environ, **desk.environment}, stderr=errors,
                start_new_session=True,
            )  # fmt: skip
        try:
            health = tmp_path / "state" / "health.json"

            def is_ready() -> bool:
                if agent.poll() is not None:
                    raise AssertionError(told.read_text())
                said = json.loads(health.read_text()) if health.exists() else {}
                return bool(said.get("collecting") and said.get("libraries"))

            until_there(is_ready, 40)
            fetched = [Library.from_bytes(path.read_bytes()) for path in (tmp_path / "libraries").iterdir()]
            found = {
                one.phrase: one.severity
                for library in fetched
                for one in library.phrases
                if one.phrase.isascii() and not one.pattern and not one.contexts and one.phrase.count(" ") >= 2
            }
            phrase = max(found, key=lambda one: found[one])
            page = ines.open("/supervision/")
            until(page, "document.body.dataset.liveState === 'open'")
            desk.start("mousepad")
            desk.focus(desk.window("Mousepad"))
            time.sleep(1.5)
            desk.type(f"so {phrase}")
            began = time.monotonic()
            until(page, f"document.querySelector('#queue').innerText.includes({phrase!r})")
            assert time.monotonic() - began < 4, "the officer waits"
        finally:
            agent.terminate()
            agent.wait(30)
    assert agent.returncode == 0
