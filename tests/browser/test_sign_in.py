"""Passkeys with Chromium's virtual authenticator, and the screen that conceals itself."""

from __future__ import annotations

from collections.abc import Callable
from time import sleep, time
from typing import Any

import pytest

from tests.browser.conftest import BUILT, DESKTOP, Officer, acknowledge, until
from tests.browser.world import ODILE, PAVEL, TOMAS, Served, one_time_code

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not BUILT.exists(), reason="the front end is not built: npm run build"),
]

AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


def _with_authenticator(page: Any) -> tuple[Any, str]:
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    return devtools, devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})["authenticatorId"]


def _fresh_code() -> str:
    """A code that was not used before: a code opens once."""
    sleep(30 - time() % 30 + 0.5)
    return one_time_code()


def test_a_passkey_is_added_and_signs_in_alone_and_is_refused_without_its_user(
    browser: Any, served: Served, officer: Callable[[str], Officer]
) -> None:
    pavel = officer(PAVEL)
    page = pavel.open("/account/me/")
    devtools, authenticator = _with_authenticator(page)
    page.click("text=Add a passkey >> nth=0")
    page.fill("input[name=password]", "correct horse battery staple")
    page.click("main button[type=submit]")
    page.fill("input[name=name]", "Test bench")
    page.click("#mfa_webauthn_add")
    until(page, "location.pathname.includes('recovery-codes') || location.pathname === '/account/me/'")
    page.goto(f"{served.address}/account/me/")
    assert "Test bench" in page.inner_text("main")

    # The session is locked, and the passkey opens it on the page itself.
    page.click(".page-actions button:has-text('Lock now')")
    assert "Session locked" in page.inner_text("main")
    page.click("[data-passkey]")
    until(page, "!location.pathname.startsWith('/account/me/locked')")

    page.context.clear_cookies()
    page.goto(f"{served.address}/cases/")
    page.click("#passkey_login")
    until(page, "!location.pathname.startsWith('/account/login')")
    acknowledge(page)
    assert pavel.email.split("@")[0].split(".")[0].capitalize() in page.inner_text(".top")

    page.context.clear_cookies()
    page.goto(f"{served.address}/account/login/")
    devtools.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": False})
    page.click("#passkey_login")
    until(page, "document.querySelector('#toasts').textContent.includes('passkey was not used')", 30)
    assert page.url.endswith("/account/login/")


def test_the_screen_conceals_itself_after_thirty_minutes_and_keeps_what_was_written(
    browser: Any, served: Served, officer: Callable[[str], Officer]
) -> None:
    page = officer(TOMAS)._context(officer(TOMAS)._session, DESKTOP, "light").new_page()
    page.clock.install()
    page.goto(f"{served.address}/cases/new/")
    page.fill("input[name=title]", "Half a senten")
    with page.expect_response(
        lambda answer: answer.url.endswith("/lock/")
    ):  # the page conceals itself before it is answered
        page.clock.fast_forward(31 * 60 * 1000)
        page.clock.run_for(2000)
    until(page, "document.querySelector('#locked').open")
    assert not page.is_visible("input[name=title]"), "the page is concealed"
    assert page.context.request.get(f"{served.address}/cases/", max_redirects=0).status == 302, (
        "the server has locked it"
    )
    page.keyboard.press("Escape")
    assert page.is_visible("#locked")
    page.fill("#locked-code", "000000" if one_time_code() != "000000" else "111111")
    page.click("#locked button:has-text('Unlock')")
    until(page, "document.querySelector('[data-unlock-wrong]').textContent.includes('not the code')")
    page.fill("#locked-code", _fresh_code())
    page.click("#locked button:has-text('Unlock')")
    until(page, "!document.querySelector('#locked').open")
    assert page.input_value("input[name=title]") == "Half a senten"
    assert page.context.request.get(f"{served.address}/cases/", max_redirects=0).status == 200
    page.context.close()


def test_an_open_page_of_an_officer_whose_account_is_ended_hears_nothing_more_within_a_minute(
    browser: Any, served: Served, officer: Callable[[str], Officer]
) -> None:
    """Pages, the API and the live line: all of them end with the account. The last test here: it ends Pavel's sessions."""
    pavel = officer(PAVEL)
    context = pavel._context(pavel._session, DESKTOP, "light")
    page = context.new_page()
    page.goto(f"{served.address}/cases/")
    if page.url.endswith("/cases/"):
        until(page, "document.body.dataset.liveState === 'open'")
    assert context.request.get(f"{served.address}/api/v1/cases").status == 200
    room = officer(ODILE).open("/officers/")
    room.click("a:has-text('Pavel Quist')")
    room.click("#leaving summary")
    room.fill("#leaving [name=reason]", "Moved to another force")
    room.click("#leaving button:has-text('End the account')")
    if "Confirm it is you" in room.inner_text("body"):
        room.fill("[name=code]", _fresh_code())
        room.click("main button:has-text('Go on')")
    until(room, "document.querySelector('.page-meta').innerText.includes('Ended')")
    assert context.request.get(f"{served.address}/api/v1/cases").status == 401
    assert (
        context.request.get(f"{served.address}/cases/", max_redirects=0)
        .headers["location"]
        .startswith("/account/login/")
    )
    until(page, "document.body.dataset.liveState !== 'open' || location.pathname.startsWith('/account/login')", 60)
    room.click(".page-actions button:has-text('Open again')")
    until(room, "document.querySelector('.page-meta').innerText.includes('Open')")
    context.close()
