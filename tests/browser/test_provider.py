"""Signing in through an agency's own provider, OpenID Connect and SAML, in Chromium, under the strict policy."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep, time
from typing import Any

import pytest

from tests.browser.conftest import BUILT, DESKTOP, REPOSITORY, Officer, acknowledge, listen, show_code, until
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


@pytest.fixture(scope="module")
def saml_peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The SAML provider of ``tests/web/federation``, on a name that is another site than ours; and the folder it reads."""
    if shutil.which("xmlsec1") is None:
        pytest.skip("xmlsec1 is not installed: the SAML provider of these tests signs with it.")
    folder = tmp_path_factory.mktemp("saml")
    peer = REPOSITORY / "tests/web/federation/saml_peer.py"
    command = [sys.executable, "-W", "ignore", str(peer), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as served:
        assert served.stdout is not None
        port = served.stdout.readline().strip()
        (folder / "told.json").write_text(json.dumps({"host": "127.0.0.1", "identity": {"mail": INES}}))
        yield f"http://127.0.0.1:{port}", folder
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


def test_a_saml_answer_that_another_site_posts_reaches_the_browser_that_asked(
    browser: Any, served: Served, officer: Callable[[str], Officer], saml_peer: tuple[str, Path]
) -> None:
    """The post carries no session of ours (SameSite=Lax); the browser comes for the answer with its own."""
    address, folder = saml_peer
    page = officer(ODILE).open("/officers/sign-in/saml/")
    with urllib.request.urlopen(f"{address}/metadata", timeout=20) as answer:
        page.fill("[name=metadata_text]", answer.read().decode())
    page.fill("[name=name]", "Staff by SAML")
    page.fill("[name=domains]", "avon.example.org")
    page.click("main button:has-text('Register')")
    until(page, "document.querySelector('main').innerText.includes('Assertion consumer service')")
    room = page.url
    ours = page.inner_text("dd code")
    (folder / "sp.xml").write_text(page.context.request.get(ours).text())
    page.click(".page-actions a:has-text('Try it')")
    until(page, f"location.href.startsWith('{address}')")
    page.click("button")
    until(page, "document.body.innerText.includes('Nobody was signed in by it')")
    officer(ODILE).complaints.clear()  # of the provider's own page
    page.goto(room)
    page.click("main button:has-text('Switch on')")
    until(page, "document.querySelector('.page-meta').innerText.includes('On')")

    context = browser.new_context(viewport=DESKTOP)
    theirs = context.new_page()
    theirs.goto(f"{served.address}/account/provider/?next=/cases/")
    theirs.fill("[name=email]", INES)
    theirs.click("main button:has-text('Go on')")
    theirs.click("a:has-text('Staff by SAML')")
    until(theirs, f"location.href.startsWith('{address}')")
    theirs.click("button")
    until(theirs, "location.pathname === '/account/2fa/authenticate/'")
    context.close()
    page.click(".page-actions button:has-text('Switch off')")
    until(page, "document.querySelector('.page-meta').innerText.includes('Off')")
