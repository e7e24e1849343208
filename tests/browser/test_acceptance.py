"""What a new user does, in a real Chromium against the real program: evidence in, connections out, and who is told what."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from tests.browser.conftest import (
    AXE,
    BUILT,
    DESKTOP,
    PHONE,
    Officer,
    acknowledge,
    listen,
    show_code,
    show_password,
    until,
    what_is_wrong,
)
from tests.browser.world import BRIGID, INES, PARTNER, PAVEL, TOMAS, Served, one_time_code

NEW = f"AV-2026-{os.getpid()}" if "OPENCETS_SERVED" in os.environ else "AV-2026-0099"
ALERTS = "a.stat[href^='/alerts/'] .stat-value"
SIGNS_IN = Callable[[str], Officer]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    # The first test also serves the system and loads its world.
    pytest.mark.timeout(600),
    pytest.mark.skipif(not BUILT.exists(), reason="the front end is not built: npm run build"),
]


# --- signing in ---


def test_signing_in_takes_both_steps_and_signing_out_ends_it(browser: Any, served: Served) -> None:
    complaints: list[str] = []
    page = browser.new_context(viewport=DESKTOP).new_page()
    listen(page, complaints, served.address)
    page.goto(f"{served.address}/cases/")
    assert "/account/login/" in page.url
    assert "Forgot your password?" not in page.inner_text("main")
    show_password(page, TOMAS, "not the password")
    assert "/account/login/" in page.url
    show_password(page, TOMAS)
    show_code(page, "000000" if one_time_code() != "000000" else "111111")
    assert "Incorrect code" in page.inner_text("main")
    page.goto(f"{served.address}/cases/")
    assert "/account/2fa/" in page.url, "a password alone opens nothing"
    show_code(page, one_time_code())
    acknowledge(page)
    assert page.url.startswith(served.address)
    assert "/account/" not in page.url
    page.click("summary:has-text('Tomas Reddy')")
    page.click("button:has-text('Sign out')")
    page.goto(f"{served.address}/cases/")
    assert "/account/login/" in page.url
    page.context.close()
    assert complaints == []


# --- evidence in ---


@dataclass
class Dropped:
    """What was seen while a package went in, and what both desks showed before and after, without a reload."""

    states: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    alerts: dict[str, tuple[int, int]] = field(default_factory=dict)
    reloaded: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def open_case(page: Any, served: Served, reference: str, title: str) -> None:
    """Open a case through its form."""
    page.goto(f"{served.address}/cases/new/")
    page.fill("input[name=reference]", reference)
    page.fill("input[name=title]", title)
    page.click("button:has-text('Open the case')")
    assert f"/cases/{reference}/" in page.url, page.inner_text("main")


def alerts_on(desk: Any) -> int:
    """The number of new alerts on a desk."""
    return int(desk.evaluate(f"document.querySelector({ALERTS!r}).textContent"))


def wait_for(true: Callable[[], Any], seconds: float = 60.0) -> Any:
    """The value of ``true()`` once there is one."""
    end = monotonic() + seconds
    while not (value := true()):
        assert monotonic() < end, f"still not true after {seconds} s"
        sleep(0.1)
    return value


def settled(number: Callable[[], int], seconds: float = 3.0) -> int:
    """What ``number()`` is once it stays the same: connections come one after the other."""
    last, since = number(), monotonic()
    while monotonic() - since < seconds:
        sleep(0.2)
        if (now := number()) != last:
            last, since = now, monotonic()
    return last


@pytest.fixture(scope="module")
def dropped(browser: Any, served: Served, _officers: dict[str, Officer]) -> Dropped:
    """Ines opens a case, chooses the folder, and closes the tab while it is being read; both desks stand open beside."""
    seen = Dropped()
    for email in (INES, BRIGID):
        _officers.setdefault(email, Officer(browser, served, email))
    desks = {email: _officers[email].open("/") for email in (INES, BRIGID)}
    before = {email: alerts_on(desk) for email, desk in desks.items()}
    for desk in desks.values():
        until(desk, "document.body.dataset.liveState === 'open'")
        desk.evaluate("window.unbroken = true")
        desk.evaluate(
            "document.addEventListener('opencets:live', told => (window.heard ??= []).push(told.detail.event))"
        )
    page = _officers[INES].open("/cases/")
    open_case(page, served, NEW, "New package")
    page.click("nav a:has-text('Exhibits')")
    page.wait_for_load_state()
    page.evaluate("window.unbroken = true")
    page.set_input_files("input[webkitdirectory]", served.drop_in)
    end = monotonic() + 60
    while monotonic() < end:
        text = page.evaluate("document.querySelector('#exhibits').innerText")
        for word in ("Receiving", "Waiting", "Reading"):
            if word in text and word not in seen.states:
                seen.states.append(word)
        if "Everything is received" in page.inner_text(".uploader"):
            break
        sleep(0.03)
    seen.shown.append(page.inner_text(".uploader"))
    assert page.evaluate("window.unbroken"), "progress is shown without a reload"
    page.context.close()
    for email, desk in desks.items():
        # The count may stay: a pointer to an agency that is named already joins the one that stands there.
        until(desk, "(window.heard ?? []).includes('alert.raised')", 90)
        seen.alerts[email] = (before[email], alerts_on(desk))
        if not desk.evaluate("window.unbroken === true"):
            seen.reloaded.append(email)
    page = _officers[INES].open(f"/cases/{NEW}/exhibits/")
    wait_for(
        lambda: "Read" in page.inner_text("#exhibits .panel-head") and "Connecting" not in page.inner_text("#exhibits")
    )
    for known in _officers.values():
        seen.complaints += known.complaints
        known.complaints.clear()
        known.close()
    return seen


def test_a_folder_is_received_while_one_watches_and_read_after_the_tab_is_closed(
    officer: SIGNS_IN, dropped: Dropped
) -> None:
    assert dropped.complaints == []
    assert "Sent" in dropped.shown[0]
    assert re.search(r"\d+ of \d+ files \(100 %\)", dropped.shown[0]), dropped.shown[0]
    page = officer(INES).open(f"/cases/{NEW}/exhibits/")
    row = page.inner_text("#exhibits section.panel")
    assert "new-package" in row
    assert "Read" in row
    assert "Ines Marlow" in row


def test_the_reading_report_names_what_was_skipped_and_why(officer: SIGNS_IN, dropped: Dropped) -> None:
    page = officer(INES).open(f"/cases/{NEW}/exhibits/")
    page.click("#exhibits .panel-head a")
    report = page.inner_text("#report")
    line = next(line for line in report.splitlines() if "broken.zip" in line)
    assert len(line) > len("broken.zip") + 20, "the line says why"
    for word in ("people.csv", "pictures/older.zip", "Chain of custody", "SHA-256"):
        assert word in report
    page.click("a:has-text('Only those with trouble')")
    files = page.inner_text("section.panel:has(h3:text-is('Files')) tbody")
    assert "broken.zip" in files
    assert "people.csv" not in files


def test_a_lost_connection_and_a_killed_server_cost_no_byte(officer: SIGNS_IN, served: Served, tmp_path: Path) -> None:
    folder = tmp_path / "seized disk"
    folder.mkdir()
    files = {f"part-{number}.bin": os.urandom(24_000_000) for number in range(2)}
    files |= {f"note-{number}.txt": f"Line of note {number}.\n".encode() * 40 for number in range(3)}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    ines = officer(INES)
    page = ines.open("/cases/")
    open_case(page, served, f"{NEW}-DISK", "A seized disk")
    page.goto(f"{served.address}/cases/{NEW}-DISK/exhibits/")
    slow = page.context.new_cdp_session(page)
    wire = {"latency": 5, "downloadThroughput": -1, "uploadThroughput": 6_000_000}
    slow.send("Network.enable")
    slow.send("Network.emulateNetworkConditions", {"offline": False, **wire})
    page.set_input_files("input[webkitdirectory]", folder)
    sent = "Number(document.querySelector('.uploader progress').value)"
    until(page, f"{sent} > 9000000", 30)
    slow.send("Network.emulateNetworkConditions", {"offline": True, **wire})
    until(page, "document.querySelector('.uploader').innerText.includes('Waiting for the connection')", 30)
    slow.send("Network.emulateNetworkConditions", {"offline": False, **wire})
    until(page, f"{sent} > 20000000", 60)
    served.kill_web_server()
    served.wait_until_up()
    slow.send("Network.emulateNetworkConditions", {"offline": False, **wire, "uploadThroughput": -1})
    until(page, "document.querySelector('.uploader').innerText.includes('Everything is received')", 90)
    page.click(".uploader a:has-text('Follow it')")
    wait_for(lambda: "Waiting" not in page.inner_text("#report") and "Reading" not in page.inner_text("#report"))
    page.reload()
    rows = page.evaluate(
        "[...document.querySelectorAll('td.mono[title]')].map(cell =>"
        " [cell.closest('tr').cells[0].firstChild.textContent.trim().split('/').at(-1), cell.title])"
    )
    found = dict(rows)
    assert {name: found.get(name) for name in files} == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items()
    }
    # The lost line is the subject here: what the browser says of it is no complaint about the page.
    # 409 is how the server tells an upload that a part of it arrived before the line broke.
    expected = ("net::ERR_", "503", "409 (Conflict)")
    ines.complaints[:] = [line for line in ines.complaints if not any(word in line for word in expected)]


# --- what the case shows ---


def sources_of(page: Any) -> set[str]:
    """What stands in the tiles of the gallery at the moment: ``data`` for a veil, ``blob`` for a picture that was asked for."""
    return set(
        page.evaluate("[...document.querySelectorAll('.gallery .tile img')].map(each => each.src.split(':')[0])")
    )


def test_pictures_are_veiled_until_held_and_each_look_is_counted(officer: SIGNS_IN, dropped: Dropped) -> None:
    page = officer(INES).open(f"/cases/{NEW}/media/")
    assert sources_of(page) == {"data"}
    until(page, "!!document.querySelector('.gallery .tile-eye')")  # the gallery answers to keys from here on
    page.focus(".gallery .tile-frame")
    page.keyboard.down(" ")
    until(page, "document.querySelector('.tile.shown img')?.src.startsWith('blob:')")
    assert page.evaluate("document.querySelectorAll('.tile.shown').length") == 1
    page.wait_for_timeout(300)
    with page.expect_response(lambda answer: answer.url.endswith("/media/exposure/")) as told:
        page.keyboard.up(" ")
    assert told.value.status < 300
    until(page, "!document.querySelector('.tile.shown')")
    assert sources_of(page) == {"data"}
    page.click(".gallery a.tile-frame")
    page.wait_for_load_state()
    assert re.search(r"Shown to you today: [1-9]", page.inner_text("main"))


def test_known_files_are_hidden_and_counted_once_a_hash_set_names_them(
    officer: SIGNS_IN, served: Served, dropped: Dropped
) -> None:
    page = officer(INES).open("/known-files/new/")
    page.set_input_files("input[name=file]", served.packages / "known.csv")
    page.fill("input[name=name]", "Rehearsal set")
    page.fill("input[name=source]", "An invented authority")
    page.fill("textarea[name=authority]", "Invented for this test.")
    page.click("button:has-text('Import')")
    gallery = officer(INES).open(f"/cases/{NEW}/media/")

    def hidden() -> int:
        gallery.reload()
        found = re.search(r"(\d+) known files? hidden", gallery.inner_text("main"))
        return int(found.group(1)) if found else 0

    counted = wait_for(hidden, 60)
    assert counted == 3
    tiles = gallery.evaluate("document.querySelectorAll('.gallery .tile').length")
    gallery.click("[data-known-toggle]")
    gallery.wait_for_load_state()
    known = gallery.evaluate("document.querySelectorAll('.tile[data-known]').length")
    assert known == counted
    assert gallery.evaluate("document.querySelectorAll('.tile[data-known] img').length") == 0, "never shown unasked"
    assert tiles > 0
    # A picture that became known between the page and the picture is refused with 409: so it is meant.
    officer(INES).complaints[:] = [line for line in officer(INES).complaints if "409" not in line]


def test_people_identifiers_and_messages_stand_in_order(officer: SIGNS_IN, dropped: Dropped) -> None:
    page = officer(INES).open(f"/cases/{NEW}/people/")
    assert page.locator("table tbody tr").count() > 1
    page.goto(f"{page.url}?show=identifiers")
    values = page.inner_text("table tbody")
    assert "@" in values
    page.goto(page.url.split("/people/")[0] + "/messages/")
    stamps = page.evaluate(
        "(() => { let day = ''; const out = []; for (const line of document.querySelectorAll('.messages > li')) {"
        " if (line.matches('.message-day')) day = line.innerText; else out.push([day,"
        " line.querySelector('.message-side .tabular')?.innerText ?? '']); } return out; })()"
    )
    assert len(stamps) > 3
    days = list(dict.fromkeys(day for day, _ in stamps))
    for day in days:
        times = [time for of, time in stamps if of == day]
        assert times == sorted(times)


def test_an_identifier_is_found_in_another_notation(officer: SIGNS_IN, world: Any) -> None:
    from opencets.rehearsal.world import PersonCard
    from opencets.values import normalise

    card = next(
        card for card in world.case("AV-2026-0001").cards if isinstance(card, PersonCard) and card.phone and card.email
    )
    value = normalise("phone", card.phone, country="GB")
    number = str(getattr(value, "normal", value) or "")
    digits = re.sub(r"\D", "", number)
    assert digits
    other = f"00{digits[:2]}.{digits[2:5]} - {digits[5:]}"
    page = officer(INES).open("/search/")
    page.fill("main input[name=q]", other)
    page.press("main input[name=q]", "Enter")
    page.wait_for_url("**q=*")
    assert "Read as" in page.inner_text("main")
    assert "AV-2026-0001" in page.inner_text("main")


# --- who is told ---


def test_both_desks_hear_of_the_connection_live_and_learn_nothing_else(
    officer: SIGNS_IN, world: Any, dropped: Dropped
) -> None:
    assert dropped.reloaded == []
    assert all(after >= before for before, after in dropped.alerts.values()), dropped.alerts
    for email, other in ((INES, "Borders Police"), (BRIGID, "Avon Constabulary")):
        assert f"{other} holds something that connects" in officer(email).open("/alerts/").inner_text("main")
    page = officer(INES).open(f"/cases/{NEW}/connections/")
    told = page.inner_text("main")
    assert "Borders Police works on this too" in told
    assert "desk@borders.example.org" in told
    theirs = officer(BRIGID).open(f"/cases/{PARTNER}/connections/")
    assert "Avon Constabulary works on this too" in theirs.inner_text("main")
    for document, other in ((page.content(), "BO-2026"), (theirs.content(), "AV-2026")):
        assert other not in document
    assert "Brigid" not in page.content()
    assert "Ines" not in theirs.inner_text("main")


def test_a_release_opens_the_path_and_its_withdrawal_closes_it(
    officer: SIGNS_IN, served: Served, dropped: Dropped
) -> None:
    ines, brigid = officer(INES), officer(BRIGID)
    desk = brigid.open("/sharing/")
    until(desk, "document.body.dataset.liveState === 'open'")
    page = ines.open(f"/cases/{NEW}/connections/")
    number = settled(lambda: (page.reload(), page.locator("a:has-text('Ask for a release')").count())[1])
    assert number >= 1
    for at in range(number):
        page.goto(f"{served.address}/cases/{NEW}/connections/")
        page.locator("a:has-text('Ask for a release')").nth(at).click()
        page.fill("textarea[name=purpose]", f"To find out who is in the room ({at}).")
        page.click("button:has-text('Ask Borders')")
    until(desk, "document.body.innerText.includes('who is in the room')", 30)
    asked = desk.locator(f"article:has-text('{PARTNER}'):has-text('who is in the room')").first
    asked.locator("summary:has-text('Release')").click()
    asked.locator("button:has-text('Release')").click()
    desk.wait_for_load_state()
    page.goto(f"{served.address}/cases/{NEW}/connections/")
    wait_for(lambda: (page.reload(), PARTNER in page.inner_text("main"))[1], 30)
    panel = page.locator(f"section[aria-label$='to {PARTNER}']").first
    assert panel.locator(".path-step").count() >= 2
    panel.locator("summary:has-text('Every claim')").first.click()
    assert panel.locator(".reason").count() >= 1
    assert ines.status(f"/cases/{PARTNER}/") == 200
    desk.goto(f"{served.address}/cases/{PARTNER}/sharing/")
    desk.click("summary:has-text('Withdraw')")
    desk.fill("input[name=reason]", "The purpose is reached.")
    desk.click("button:has-text('Withdraw the release')")
    assert ines.status(f"/cases/{PARTNER}/") == 404
    page.goto(f"{served.address}/cases/{NEW}/connections/")
    wait_for(lambda: (page.reload(), "Borders Police works on this too" in page.inner_text("main"))[1], 30)
    assert "BO-2026" not in page.content()


def test_an_outsider_gets_not_found_from_every_address_of_a_case(officer: SIGNS_IN, dropped: Dropped) -> None:
    ines, brigid = officer(INES), officer(BRIGID)
    paths = {f"/cases/{NEW}/{tab}" for tab in ("", *TABS)} | {f"/charts/case/{NEW}/", f"/charts/case/{NEW}/graph.json"}
    for begin in (f"/cases/{NEW}/exhibits/", f"/cases/{NEW}/media/", f"/cases/{NEW}/people/"):
        page = ines.open(begin)
        links = page.evaluate(
            "[...document.querySelectorAll('main a[href], main img[src]')].map(each => each.getAttribute('href') ??"
            " each.getAttribute('src'))"
        )
        paths |= {link for link in links if re.match(r"/(exhibits|media|entities|records|charts)/[0-9a-f]{8}-", link)}
    assert len(paths) > 20
    told = {path: (ines.status(path), brigid.status(path)) for path in sorted(paths)}
    assert {path: both for path, both in told.items() if both != (200, 404)} == {}


# --- judging and drawing ---


def records_of(page: Any) -> int:
    """How many records the entity on the page has."""
    found = re.search(r"(\d+) records?", page.inner_text(".page-head"))
    assert found
    return int(found.group(1))


def test_a_judgement_changes_the_entity_and_its_undoing_changes_it_back(officer: SIGNS_IN) -> None:
    ines = officer(INES)
    page = ines.open("/entities/")
    page.locator("article.panel .columns a").first.click()
    entity = page.url
    before = records_of(page)
    card = page.locator("#suggestions article").first
    card.locator("input[name=reason]").fill("Same birthday, same street.")
    card.locator("button[value=same]").click()
    page.wait_for_load_state()
    page.goto(entity)
    assert records_of(page) > before
    history = page.locator("section[aria-label='Judgement history']")
    assert "Same birthday, same street." in history.inner_text()
    history.locator("button:has-text('Undo')").first.click()
    page.wait_for_load_state()
    page.goto(entity)
    assert records_of(page) == before
    assert "ended" in page.locator("section[aria-label='Judgement history']").inner_text()


def test_different_and_unsure_are_kept_with_their_reason(officer: SIGNS_IN) -> None:
    page = officer(INES).open("/entities/?show=within")
    for verdict, reason in (("different", "Two birthdays."), ("unsure", "Ask the school.")):
        first = page.locator("article.panel").first
        first.locator("input[name=reason]").fill(reason)
        first.locator(f"button[value={verdict}]").click()
        page.wait_for_load_state()
    page.goto(page.url.split("?")[0] + "?show=judgements")
    page.click("nav a:has-text('Judge'):not([aria-current])") if "Two birthdays." not in page.inner_text(
        "main"
    ) else None
    shown = page.inner_text("main")
    assert "Two birthdays." in shown
    assert "Ask the school." in shown


CHART = "document.querySelector('.chart-canvas').chart"
DRAWN = f"document.querySelector('[data-island=linkchart][data-ready]') && {CHART}.model.shown().nodes.size"


def test_the_link_chart_is_drawn_expanded_explained_and_equals_its_table(officer: SIGNS_IN) -> None:
    page = officer(INES).open("/charts/case/AV-2026-0001/")
    until(page, DRAWN)
    assert page.evaluate("(document.createElement('canvas')).getContext('webgl')") is None
    spot = page.evaluate(
        f"(() => {{ const {{painter, model, canvas}} = {CHART}; const box = canvas.getBoundingClientRect();"
        " for (const line of model.shown().lines) { const spot = painter.middleOf(line);"
        " if (painter.at(spot.left, spot.top).line === line && spot.left > 0 && spot.left < box.width - 330)"
        " return [box.left + spot.left, box.top + spot.top]; } })()"
    )
    page.mouse.click(*spot)
    until(page, "!document.querySelector('.chart-panel').hidden")
    assert page.locator(".chart-panel .reason, .chart-panel .chart-ends").count() >= 1
    drawn = page.evaluate(
        f"(() => {{ const {{nodes, lines}} = {CHART}.model.shown();"
        " return lines.length + [...nodes.values()].filter(node => !node.degree).length; })()"
    )
    page.click(".chart-tools button:has-text('Table')")
    assert page.locator(".chart table tbody tr").count() == drawn
    page.click(".chart-tools button:has-text('Table')")
    # Around one person, a further node is expanded from the keyboard.
    page.goto(page.url.split("/charts/")[0] + "/cases/AV-2026-0001/people/")
    page.locator("table tbody a").first.click()
    page.click("a:has-text('Link chart')")
    until(page, DRAWN)
    page.focus(".chart-canvas")
    page.keyboard.press("ArrowRight")
    until(page, "!document.querySelector('.chart-panel').hidden")
    with page.expect_response(lambda answer: "expand=" in answer.url) as asked:
        page.keyboard.press("e")
    assert asked.value.status == 200
    until(page, "document.querySelector('#toasts').innerText.match(/more around|Nothing more is known/)")


# --- every page ---

TABS = (
    "exhibits/", "media/", "people/", "people/?show=identifiers", "messages/", "connections/", "sharing/", "notes/",
    "access/", "change/",
)  # fmt: skip
PAGES = (
    "/", "/cases/", "/cases/new/", "/alerts/", "/media/", "/entities/", "/entities/?show=people",
    "/entities/?show=judgements", "/charts/", "/charts/case/AV-2026-0001/", "/known-files/", "/known-files/new/", "/sharing/",
    "/search/", "/search/?q=smith", "/account/me/", "/account/password/change/",
    "/cases/AV-2026-0001/", *(f"/cases/AV-2026-0001/{tab}" for tab in TABS),
)  # fmt: skip


def further_pages(page: Any, served: Served) -> list[str]:
    """One page of each kind whose address holds an id."""
    found = []
    for begin, pattern in (
        ("/cases/AV-2026-0001/exhibits/", r"/exhibits/[0-9a-f-]{36}/$"),
        ("/cases/AV-2026-0001/media/", r"/media/[0-9a-f-]{36}/(\?.*)?$"),
        ("/cases/AV-2026-0001/people/", r"/entities/[0-9a-f-]{36}/$"),
        ("/cases/AV-2026-0001/messages/", r"/records/[0-9a-f-]{36}/$"),
        ("/cases/AV-2026-0001/connections/", r"/connections/[0-9a-f-]{36}/$"),
        ("/cases/AV-2026-0001/connections/", r"/pointers/[0-9a-f-]{36}/ask/$"),
    ):
        page.goto(served.address + begin)
        links = page.evaluate("[...document.querySelectorAll('main a[href]')].map(each => each.getAttribute('href'))")
        found += [link for link in links if re.match(pattern, link)][:1]
    return found


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci in frontend/")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_page_is_accessible_and_fits_its_window(
    officer: SIGNS_IN, served: Served, scheme: str, viewport: dict[str, int]
) -> None:
    page = officer(INES).open("/", viewport=viewport, scheme=scheme)
    wrong = what_is_wrong(page, served.address, (*PAGES, *further_pages(page, served)))
    assert not wrong, "\n".join(f"{path}: {told}" for path, told in wrong.items())


def test_every_page_is_reached_and_used_from_the_keyboard(officer: SIGNS_IN) -> None:
    page = officer(INES).open("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.reload()
    reached: set[str] = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "(() => { const at = document.activeElement; const style = getComputedStyle(at); const seen ="
                " style.outlineStyle !== 'none' || style.boxShadow !== 'none'; return seen ? (at.getAttribute('href') ??"
                " at.id) : ''; })()"
            )
        )
    rooms = page.evaluate("[...document.querySelectorAll('.rooms a')].map(each => each.getAttribute('href'))")
    assert set(rooms) <= reached, "each room is reached with the Tab key, with a ring that shows it"


def test_the_auditor_reads_the_log_and_no_case(officer: SIGNS_IN) -> None:
    pavel = officer(PAVEL)
    page = pavel.open("/audit/")
    assert "Ines Marlow" in page.inner_text("main")
    assert pavel.status("/cases/AV-2026-0001/") == 404
