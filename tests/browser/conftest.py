"""One Chromium for all browser tests, and one served system with its small world for those that walk through it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browser.world import PASSWORD, SEED, Served, one_time_code

REPOSITORY = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
BUILT = REPOSITORY / "src/opencets_web/ui/static/dist/manifest.json"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    # Machines without a graphics card offer no WebGL; the chart must not need it.
    "--disable-3d-apis",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = REPOSITORY / "frontend/node_modules/axe-core/axe.min.js"
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A real Chromium, without WebGL."""
    playwright = pytest.importorskip("playwright.sync_api")
    if not Path(CHROMIUM).exists():
        pytest.skip("Chromium is not installed.")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The system as ``opencets serve`` runs it, with six cases of two agencies read and connected."""
    if not BUILT.exists():
        pytest.skip("The front end is not built: npm run build.")
    if home := os.environ.get("OPENCETS_SERVED"):
        yield Served.found(Path(home))
        return
    system = Served(tmp_path_factory.mktemp("browser") / "home")
    try:
        system.start()
        yield system
    finally:
        system.stop()


@pytest.fixture(scope="session")
def world() -> Any:
    """The invented world that is served, as it was built."""
    from opencets import rehearsal

    return rehearsal.build(SEED, rehearsal.Size.demonstration())


class Officer:
    """One officer at one browser: contexts and pages with their session, and what the pages complained about."""

    def __init__(self, browser: Any, served: Served, email: str) -> None:
        self.email = email
        self.says_why = True
        """Each request says why, as a program's does; off: the page that asks is met as an officer meets it."""
        self.served = served
        self.complaints: list[str] = []
        self._browser = browser
        self._contexts: list[Any] = []
        page = self._context(None, DESKTOP, "light").new_page()
        page.goto(f"{served.address}/account/login/")
        show_password(page, email)
        show_code(page, one_time_code())
        if "Incorrect code" in page.inner_text("main"):
            # A code opens once; whoever signed in within these thirty seconds has used it.
            sleep(30 - time() % 30 + 0.5)
            show_code(page, one_time_code())
        acknowledge(page)
        assert page.url == f"{served.address}/", page.inner_text("main")
        self._session = page.context.storage_state()
        page.context.close()

    def open(self, path: str, *, viewport: dict[str, int] | None = None, scheme: str = "light") -> Any:
        """A new tab in a context of its own at ``path``; a complaint of the page is kept."""
        page = self._context(self._session, viewport or DESKTOP, scheme).new_page()
        listen(page, self.complaints, self.served.address)
        page.goto(self.served.address + path)
        return page

    def status(self, path: str) -> int:
        """What the server answers to the officer's ``GET``, without a page."""
        context = self._context(self._session, DESKTOP, "light")
        return int(context.request.get(self.served.address + path, max_redirects=0).status)

    def close(self) -> None:
        """Close all that was opened."""
        for context in self._contexts:
            context.close()
        self._contexts.clear()

    def _context(self, session: Any, viewport: dict[str, int], scheme: str) -> Any:
        context = self._browser.new_context(
            viewport=viewport, color_scheme=scheme, storage_state=session, reduced_motion="reduce",
            extra_http_headers={"X-Purpose": "investigation"} if self.says_why else {},
        )  # fmt: skip
        self._contexts.append(context)
        return context


def listen(page: Any, complaints: list[str], address: str) -> None:
    """Keep what the page says in its console, each error, and each request to another host."""
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda sent: None if sent.url.startswith((address, "data:", "blob:")) else complaints.append(sent.url),
    )


def show_password(page: Any, email: str, password: str = PASSWORD) -> None:
    """The first step of signing in."""
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", password)
    page.click("main button[type=submit]")


def show_code(page: Any, code: str) -> None:
    """The second step."""
    page.fill("input[name=code]", code)
    page.click("main button:has-text('Sign in')")


def acknowledge(page: Any) -> None:
    """The notice, where it has not been acknowledged yet."""
    if "/account/me/notice/" in page.url:
        page.click("main button:has-text('I have read this')")


@pytest.fixture(scope="session")
def _officers(browser: Any, served: Served) -> Iterator[dict[str, Officer]]:
    known: dict[str, Officer] = {}
    yield known
    for officer in known.values():
        officer.close()


@pytest.fixture
def officer(browser: Any, served: Served, _officers: dict[str, Officer]) -> Iterator[Callable[[str], Officer]]:
    """Gives an officer by address, signed in once for all tests; at the end no page of theirs has complained."""

    def signed_in(email: str) -> Officer:
        if email not in _officers:
            _officers[email] = Officer(browser, served, email)
        return _officers[email]

    for known in _officers.values():
        known.complaints.clear()
    yield signed_in
    complaints = {email: known.complaints for email, known in _officers.items() if known.complaints}
    for known in _officers.values():
        known.close()
    assert complaints == {}


def what_is_wrong(page: Any, address: str, paths: Iterable[str]) -> dict[str, object]:
    """The pages that do not answer, lead elsewhere, displease axe-core or are wider than their window; with what is wrong."""
    wrong: dict[str, object] = {}
    script = AXE.read_text()
    for path in paths:
        answer = page.goto(address + path)
        page.wait_for_timeout(150)
        page.evaluate(script)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        told = [(each["id"], [node["html"][:200] for node in each["nodes"]][:3]) for each in found]
        width = page.evaluate("document.documentElement.scrollWidth")
        elsewhere = page.url if urlsplit(page.url).path != urlsplit(path).path else ""
        if answer.status != 200 or elsewhere or told or width > page.viewport_size["width"]:
            wrong[path] = (answer.status, elsewhere, told, width)
    return wrong


def until(page: Any, expression: str, seconds: float = 10.0) -> Any:
    """The value of ``expression`` once it is true; polls, since the policy forbids what wait_for_function does."""
    end = monotonic() + seconds
    while True:
        try:
            if value := page.evaluate(expression):
                return value
        except Exception as error:
            # The page is being replaced by the one that was asked for, whose body, for a moment, is not there yet.
            if not any(words in str(error) for words in ("context was destroyed", "navigat", "properties of null")):
                raise
        assert monotonic() < end, f"still not true after {seconds} s: {expression}\n{page.inner_text('body')[:1500]}"
        sleep(0.05)
