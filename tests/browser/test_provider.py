"""Signing in through an agency's own OpenID Connect provider, an independent one, in Chromium, under the strict policy."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from time import sleep, time
from typing import Any

import pytest

from tests.browser.conftest import BUILT, DESKTOP, Officer, acknowledge, listen, show_code, until
from tests.browser.world import INES, ODILE, Served, one_time_code

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not BUILT.exists(), reason="the front end is not built: npm run build"),
]


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """oidc-provider-mock in a process of its own, which knows one person."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    person = json.dumps({"sub": "ines-1", "email": INES, "email_verified": True})
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port), "--host", "localhost"]
    with subprocess.Popen([*command, "--user-claims", person], stderr=subprocess.DEVNULL) as served:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://localhost:{port}/jwks", timeout=5).close()
                break
            except OSError:
                sleep(0.1)
        yield f"http://localhost:{port}"
        served.terminate()


def _at_the_provider(page: Any, issuer: str) -> None:
    until(page, f"location.href.startsWith('{issuer}')")
    page.click("button:has-text('ines-1')")


def test_an_administrator_registers_a_provider_and_an_officer_signs_in_through_it(
    browser: Any, served: Served, officer: Callable[[str], Officer], issuer: str
) -> None:
    page = officer(ODILE).open("/officers/sign-in/")
    page.click(".page-actions a:has-text('OpenID Connect')")
    page.fill("[name=name]", "Staff sign-in")
    page.fill("[name=issuer]", issuer)
    page.fill("[name=client_id]", "opencets")
    page.fill("[name=secret]", "a secret")
    page.fill("[name=domains]", "avon.example.org")
    page.click("main button:has-text('Register')")
    until(page, "document.querySelector('main').innerText.includes('Redirect URI')")
    assert "Try it first" in page.inner_text("body")
    room = page.url
    complaints = officer(ODILE).complaints
    assert complaints == []
    page.click(".page-actions a:has-text('Try it')")
    _at_the_provider(page, issuer)
    until(page, "document.body.innerText.includes('Nobody was signed in by it')")
    assert "would be bound to Ines Marlow" in page.inner_text("main")
    complaints.clear()  # of the provider's own page
    page.goto(room)
    page.click("main button:has-text('Switch on')")
    until(page, "document.querySelector('.page-meta').innerText.includes('On')")

    context = browser.new_context(viewport=DESKTOP)
    theirs, heard = context.new_page(), []
    listen(theirs, heard, served.address)
    theirs.goto(f"{served.address}/cases/")
    theirs.click("text=Sign in through your agency")
    theirs.fill("[name=email]", INES)
    theirs.click("main button:has-text('Go on')")
    assert heard == []
    theirs.click("a:has-text('Staff sign-in')")
    _at_the_provider(theirs, issuer)
    until(theirs, "location.pathname === '/account/2fa/authenticate/'")
    heard.clear()  # of the provider's own page
    sleep(30 - time() % 30 + 0.5)
    show_code(theirs, one_time_code())
    acknowledge(theirs)
    until(theirs, "location.pathname === '/cases/'")
    assert "Ines" in theirs.inner_text(".top")
    assert heard == []
    context.close()

    page.reload()
    assert "ines-1" in page.inner_text("main")
    page.click(".page-actions button:has-text('Switch off')")
    until(page, "document.querySelector('.page-meta').innerText.includes('Off')")
