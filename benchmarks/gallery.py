"""A gallery of 100,000 media in a real Chromium, beside a plain page of the same media.

A case gets its media as rows (digests, names, cameras of their own; 48 generated pictures, repeated, as thumbnails in the
encrypted store; one in twenty known). The system is served as ``opencets serve`` serves it, and an officer's browser opens the
gallery: time from the request until the first screen of tiles is painted, time of the server alone, time from a key to the tile
that is marked or focused, far jumps, elements and memory at the top, in the middle and after a long scroll. The peer is served
beside it from the same rows: Django's paginator with its count and offset, thumbnails as ``img`` blurred by the browser, more of
them when the end is seen, nothing ever taken out. What is drawn is held against the rows: the right tiles in the right order.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

REFERENCE = "GA-2026-0001"
PICTURES = 48
KNOWN_EVERY = 20
DESKTOP = {"width": 1440, "height": 900}
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-3d-apis", "--no-first-run", "--disable-background-networking",
             "--enable-precise-memory-info", "--js-flags=--expose-gc"]  # fmt: skip
MOST_FIRST_SCREEN_MS = 300
MOST_NODES = 6_000
MOST_QUERIES = 25

PAINTED = """() => new Promise(done => {
  const whole = () => {
    const tiles = [...document.querySelectorAll('.gallery .tile img')].filter(each => {
      const box = each.getBoundingClientRect(); return box.top < innerHeight && box.bottom > 0 && box.width > 0; });
    return tiles.length > 0 && tiles.every(each => each.complete && each.naturalWidth > 0);
  };
  const painted = () => setTimeout(() => done(performance.now()), 0);
  const look = () => requestAnimationFrame(whole() ? painted : look);
  look();
})"""
"""Milliseconds since the navigation began (its time origin) when every picture in the window is loaded and painted."""


# --- Acts, each in a process of its own with the database role it needs -----------------------------------------------


def load(count: str) -> dict[str, Any]:
    """The agency, its officer, the case and its media, as rows; as the superuser, without triggers."""
    from allauth.mfa.models import Authenticator
    from django.db import connection, transaction
    from django.utils import timezone
    from import_evidence import photograph

    from opencets.hashing.picture import decode, thumbnail
    from opencets_web.accounts import notice
    from opencets_web.accounts.models import Agency, Officer
    from opencets_web.cases.actions import open_case
    from opencets_web.cases.models import Case
    from opencets_web.evidence.models import Blob, Exhibit
    from opencets_web.evidence.vault import store
    from opencets_web.media.models import HashSet
    from opencets_web.media.veils import draw
    from opencets_web.policy.acting import acting_as
    from opencets_web.policy.officers import actor_for

    begun, total, now = time.perf_counter(), int(count), timezone.now()
    agency = Agency.objects.create(
        name="Avon Constabulary", short_name="Avon", country="GB", contact_email="a@example.org"
    )
    officer = Officer.objects.create(
        email="owner@avon.example.org", display_name="Owner", agency=agency, roles=["investigator"],
        notice_seen=notice.version(notice.text_for(agency)),
    )  # fmt: skip
    Authenticator.objects.create(user=officer, type="totp", data={"secret": "none"})
    small = []
    for seed in range(PICTURES):
        with io.BytesIO(photograph(seed)) as content:
            small.append(thumbnail(decode(content, "image/jpeg").image, 320))
    actor = actor_for(officer.id)
    with acting_as(officer.id):
        open_case(actor, reference=REFERENCE, title="A hundred thousand pictures", kind="possession")
        case = Case.objects.get(reference=REFERENCE)
        stored = store(agency.id).put(io.BytesIO(b"".join(small)))
        blob = Blob.objects.create(
            holding_id=case.holding_id, agency_id=agency.id, path=stored.blob_id, wrapped_key=stored.wrapped_key,
            size=stored.size, sha256=stored.sha256, created_at=now,
        )  # fmt: skip
        exhibit = Exhibit.objects.create(
            holding_id=case.holding_id, agency_id=agency.id, case=case, reference="EX-0001", title="A disk", state="read",
            received_by_id=officer.id, begun_at=now, read_at=now, files_found=total, files_read=total, records_read=total,
        )  # fmt: skip
        known = HashSet.objects.create(
            agency=agency, name="Known list", source="Partner unit", authority="Section 12, Example Act", format="csv",
            state="matched", imported_at=now, imported_by=officer,
        )  # fmt: skip
    offsets, at = [], 0
    for picture in small:
        offsets.append(at)
        at += len(picture)
    place = [case.holding_id, agency.id]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "set local session_replication_role = replica; set local synchronous_commit = off; set local work_mem = '256MB'"
        )
        cursor.execute("create temp table small (n int primary key, at bigint, size int, veil bytea) on commit drop")
        cursor.executemany("insert into small values (%s, %s, %s, %s)",
                           [(n, offsets[n], len(small[n]), draw(small[n])) for n in range(PICTURES)])  # fmt: skip
        cursor.execute(
            "create temp table fresh on commit drop as select n, md5('media'||n)::uuid as id, md5('file'||n)::uuid as file_id,"
            " md5('s'||n)||md5('t'||n) as sha256 from generate_series(1, %s) n", [total])  # fmt: skip
        cursor.execute(
            "insert into evidence_exhibitfile (id, holding_id, agency_id, exhibit_id, path, name, size, blob_offset, pack_id,"
            " state, format, media_type, md5, sha1, sha256, reading, options, records_read, lines_skipped, note, read_at)"
            " select file_id, %s, %s, %s, array['DCIM/'||(n / 1000)||'/IMG_'||n||'.jpg'], 'IMG_'||n||'.jpg', 400000 + n, 0, %s,"
            " 'read', 'picture', 'image/jpeg', md5('m'||n), '', sha256, 0, '{}', 1, 0, '', now() from fresh",
            [*place, exhibit.id, blob.id])  # fmt: skip
        cursor.execute(
            "insert into evidence_record (id, holding_id, agency_id, case_id, exhibit_id, file_id, reading, key, kind, reader,"
            " place, label, at, at_text, conversation, body, extra, read_at, linked_at) select id, %s, %s, %s, %s, file_id, 0,"
            " md5('k'||n), 'media', 'picture/1', '', 'IMG_'||n||'.jpg', null, '', '', '', '{}', now(), now() from fresh",
            [*place, case.id, exhibit.id])  # fmt: skip
        cursor.execute(
            "insert into media_media (id, holding_id, agency_id, case_id, record_id, file_id, sha256, media_type, width, height,"
            " pdq, quality, thumbnail_id, thumbnail_offset, thumbnail_size, strip_size, veil, trouble,"
            " taken_at, known_as, known_turn, known_set_id,"
            " known_distance, cases_count, widely_traded, read_at, matched_at) select f.id, %s, %s, %s, f.id, file_id, sha256,"
            " 'image/jpeg', 1632, 1224, decode(md5('p'||f.n)||md5('q'||f.n), 'hex'), 90, %s, s.at, s.size, 0, s.veil, '',"
            " '2024-01-01T00:00:00Z', '{}', '', case when f.n %% %s = 0 then %s::uuid end, case when f.n %% %s = 0 then f.n / %s"
            " %% 3 end, 1, false, timestamptz '2026-01-01' + f.n * interval '1 second', now() from fresh f join small s on s.n ="
            " f.n %% %s", [*place, case.id, blob.id, KNOWN_EVERY, known.id, KNOWN_EVERY, KNOWN_EVERY, PICTURES])  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("analyze")
    return {"officer": str(officer.id), "seconds": round(time.perf_counter() - begun, 1)}


def sign_in(officer_id: str) -> dict[str, Any]:
    """A session that has shown both factors, as a cookie; as the web role."""
    from allauth.usersessions.models import UserSession
    from django.conf import settings
    from django.test import Client

    from opencets_web.accounts.models import Officer

    officer = Officer.objects.get(pk=officer_id)
    client = Client(SERVER_NAME="localhost", headers={"X-Purpose": "investigation"})
    client.force_login(officer, backend="allauth.account.auth_backends.AuthenticationBackend")
    UserSession.objects.create(user=officer, session_key=client.session.session_key, ip="127.0.0.1")
    return {"name": settings.SESSION_COOKIE_NAME, "value": client.session.session_key}


def ask(officer_id: str) -> dict[str, Any]:
    """Each part of the gallery, through the whole of Django in one process: milliseconds at the median, and queries."""
    from collections import Counter

    from django.conf import settings
    from django.db import connection
    from django.test import Client

    cookie = sign_in(officer_id)
    client = Client(SERVER_NAME="localhost", headers={"X-Purpose": "investigation"})
    client.cookies[settings.SESSION_COOKIE_NAME] = cookie["value"]
    base = f"/cases/{REFERENCE}/media/"
    order = client.get(f"{base}order/").json()
    deep = order["starts"][len(order["starts"]) // 2] if order["starts"] else ""
    found = {}
    for name, url in {"first page": base, "tiles, half way down": f"{base}tiles/?after={deep}", "order": f"{base}order/",
                      "by folder": f"{base}?sort=folder", "of all cases": "/media/"}.items():  # fmt: skip
        took, counter = [], Counter[str]()

        def count(
            execute: Any, sql: str, params: Any, many: bool, context: Any, counter: Counter[str] = counter
        ) -> Any:
            counter["queries"] += not sql.lstrip().lower().startswith(("savepoint", "release", "begin", "commit"))
            return execute(sql, params, many, context)

        for turn in range(9):
            counter.clear()
            begun = time.perf_counter()
            with connection.execute_wrapper(count):
                answer = client.get(url)
            if turn >= 2:
                took.append((time.perf_counter() - begun) * 1000)
        found[name] = {"median_ms": round(statistics.median(took), 1), "queries": counter["queries"],
                       "status": answer.status_code, "kilobytes": round(len(answer.content) / 1000, 1)}  # fmt: skip
    return {"parts": found, "length": order["length"], "known": order["known"], "starts": order["starts"][:3]}


ACTS = {"load": load, "sign_in": sign_in, "ask": ask}


# --- The browser ------------------------------------------------------------------------------------------------------


def first_screens(page: Any, url: str, rounds: int) -> dict[str, Any]:
    """From the request to the painted first screen, and to the first byte, over ``rounds`` warm visits."""
    painted, answered = [], []
    for turn in range(rounds + 2):
        page.goto(url, wait_until="commit")
        at = page.evaluate(PAINTED)
        if turn >= 2:
            painted.append(at)
            answered.append(page.evaluate("performance.getEntriesByType('navigation')[0].responseStart"))
        page.wait_for_load_state("load")
        # A person looks for a while; what the page asks for afterwards is done before the next visit.
        page.wait_for_timeout(400)
        _until(page, "document.querySelector('[data-gallery-files]')?.textContent !== 'counting'")
    return {"first_screen_ms": round(statistics.median(painted), 1), "first_screen_worst_ms": round(max(painted), 1),
            "first_byte_ms": round(statistics.median(answered), 1)}  # fmt: skip


KEYS = """([key, times]) => new Promise(done => {
  const took = []; let left = times;
  const next = () => {
    if (!left--) return done(took);
    const begun = performance.now();
    document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => { took.push(performance.now() - begun); setTimeout(next, 20); };
      channel.port2.postMessage(0);
    });
  };
  next();
})"""
"""Milliseconds from a key to the end of the frame in which its change is painted."""


def keys(page: Any, key: str, times: int) -> dict[str, float]:
    """How long a key takes to be seen."""
    took = page.evaluate(KEYS, [key, times])
    return {"median_ms": round(statistics.median(took), 1), "worst_ms": round(max(took), 1)}


def weight(page: Any) -> dict[str, Any]:
    """Elements of the page, and its JavaScript heap after a collection of garbage, in megabytes."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    session.send("HeapProfiler.collectGarbage")
    told = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    tiles = page.evaluate("document.querySelectorAll('.gallery .tile').length")
    return {"tiles": tiles, "elements": page.evaluate("document.getElementsByTagName('*').length"), "nodes": int(told["Nodes"]),
            "heap_megabytes": round(told["JSHeapUsedSize"] / 1e6, 1)}  # fmt: skip


LABELS = """() => [...document.querySelectorAll('.gallery .tile')].filter(each => { const box = each.getBoundingClientRect();
  return box.bottom > 0 && box.top < innerHeight; })
  .map(each => each.querySelector('.tile-label')?.firstChild?.textContent.trim() ?? '')"""


def visible(page: Any, seconds: float = 10) -> list[str]:
    """The labels of the tiles in the window, once all of them are there."""
    end = time.monotonic() + seconds
    while True:
        labels = list(page.evaluate(LABELS))
        if labels and all(labels):
            return labels
        assert time.monotonic() < end, f"tiles are still awaited: {labels}"
        page.wait_for_timeout(20)


def numbers(labels: list[str]) -> list[int]:
    """The numbers in IMG_<n>.jpg."""
    return [int(label.split("_")[1].split(".")[0]) for label in labels]


def expected(total: int) -> list[int]:
    """The numbers of the unknown media, newest first."""
    return [number for number in range(total, 0, -1) if number % KNOWN_EVERY]


def walk_ours(page: Any, address: str, total: int, rounds: int) -> dict[str, Any]:
    """Every figure of our gallery; AssertionError where a wrong tile stands anywhere."""
    url = f"{address}/cases/{REFERENCE}/media/"
    told: dict[str, Any] = first_screens(page, url, rounds)
    order = expected(total)
    requested: list[str] = []
    page.on("request", lambda sent: requested.append(sent.url))
    page.goto(url)
    page.evaluate(PAINTED)
    _until(page, "document.querySelector('.gallery').offsetHeight > 10000")
    shown = page.inner_text("[data-gallery-length]").replace("\u202f", "").replace("\u00a0", "").replace(" ", "")
    assert int(shown) == len(order), f"{shown} files shown, {len(order)} expected"
    assert f"{total // KNOWN_EVERY:,}".replace(",", "\u202f") in page.inner_text("[data-known-words]")
    first = numbers(visible(page))
    assert first == order[: len(first)], "the first screen shows other tiles than the newest"
    told["at_the_top"] = weight(page)
    page.focus(".gallery .tile-frame")
    told["key_move"] = keys(page, "ArrowRight", 40)
    told["key_down"] = keys(page, "ArrowDown", 40)
    told["key_select"] = keys(page, "x", 40)
    # One screen after the other, as a person reads.
    for _ in range(60):
        page.mouse.wheel(0, 800)
        page.wait_for_timeout(16)
    seen = numbers(visible(page))
    place = order.index(seen[0])
    assert seen == order[place : place + len(seen)], "tiles are out of order after scrolling"
    told["scrolled_tiles"] = place
    told["after_scrolling"] = weight(page)
    jumps = []
    for share in (0.5, 0.9, 0.1, 0.7, 0.3):
        before = time.perf_counter()
        page.evaluate(
            "share => { const grid = document.querySelector('.gallery'); const top = grid.getBoundingClientRect().top;"
            " document.scrollingElement.scrollTop += top + grid.offsetHeight * share; }", share)  # fmt: skip
        page.wait_for_timeout(30)
        seen = numbers(visible(page))
        jumps.append((time.perf_counter() - before) * 1000)
        place = order.index(seen[0])
        assert seen == order[place : place + len(seen)], f"tiles are out of order at {share}"
        assert abs(place / len(order) - share) < 0.05, f"{place} stands at {share}"
    told["jump_ms"] = round(statistics.median(jumps), 1)
    page.focus(".gallery .tile:not([data-waiting]) .tile-frame")
    page.keyboard.press("End")
    page.wait_for_timeout(200)
    assert numbers(visible(page))[-1] == order[-1], "End does not reach the last tile"
    told["at_the_end"] = weight(page)
    assert not [each for each in requested if "/thumbnail" in each], "a picture left the server unasked"
    return told


def walk_peer(page: Any, address: str, total: int, rounds: int) -> dict[str, Any]:
    """The same of the plain page, as far as it goes."""
    url = f"{address}/plain/{REFERENCE}/"
    told: dict[str, Any] = first_screens(page, url, rounds)
    page.goto(url)
    page.evaluate(PAINTED)
    first = numbers(visible(page))
    assert first == expected(total)[: len(first)]
    told["at_the_top"] = weight(page)
    page.focus(".gallery .tile-frame")
    told["key_move"] = keys(page, "ArrowRight", 40)
    for _ in range(60):
        page.mouse.wheel(0, 800)
        page.wait_for_timeout(16)
    page.wait_for_timeout(1500)
    told["after_scrolling"] = weight(page)
    before = time.perf_counter()
    page.goto(f"{url}?page={total // 120}")
    page.evaluate(PAINTED)
    told["jump_ms"] = round((time.perf_counter() - before) * 1000, 1)
    return told


def _until(page: Any, condition: str, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(20)


def walk(side: str, address: str, cookie: dict[str, Any], total: int, rounds: int) -> dict[str, Any]:
    """A browser of its own for one side."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = browser.new_context(viewport=DESKTOP, extra_http_headers={"X-Purpose": "investigation"})
        context.add_cookies([{**cookie, "url": address}])
        page = context.new_page()
        told = (walk_ours if side == "ours" else walk_peer)(page, address, total, rounds)
        browser.close()
    return told


# --- Serving ----------------------------------------------------------------------------------------------------------


class Serving:
    """A web server over the home: the system's own program, or the plain page beside it (``plain``: its settings)."""

    def __init__(self, home: Any, port: int, *, plain: bool | str) -> None:
        self.address = f"http://localhost:{port}"
        environment = {**home.environment, "OPENCETS_DB_ROLE": "web"}
        if plain:
            settings = plain if isinstance(plain, str) else "gallery_peer"
            environment |= {"DJANGO_SETTINGS_MODULE": settings, "PYTHONPATH": str(Path(__file__).parent)}
            line = [sys.executable, "-m", "uvicorn", "opencets_web.config.asgi:application", "--port", str(port),
                    "--log-level", "warning"]  # fmt: skip
        else:
            line = [home.opencets, "serve", "--port", str(port)]
        self._log = Path(home.place).parent / f"serving-{port}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(line, env=environment, stdout=log, stderr=subprocess.STDOUT)

    def __enter__(self) -> Serving:
        end = time.monotonic() + 300
        while True:
            try:
                urllib.request.urlopen(f"{self.address}/healthz", timeout=2).close()
                return self
            except (OSError, urllib.error.HTTPError):
                if time.monotonic() > end or self._process.poll() is not None:
                    raise RuntimeError(self._log.read_text()[-3000:]) from None
                time.sleep(0.2)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(60)


def measure(total: int, rounds: int, port: int, place: Path | None) -> dict[str, Any]:
    """All figures, in a scratch home."""
    from import_evidence import Home

    script = str(Path(__file__).resolve())
    with tempfile.TemporaryDirectory(prefix="opencets-gallery-") as scratch:
        os.chmod(scratch, 0o711)
        with Home((place or Path(scratch)) / "home") as home:
            loaded = home.act_of(script, "superuser", "load", str(total))
            asked = home.act_of(script, "web", "ask", loaded["officer"])
            assert asked["length"] == len(expected(total)), f"{asked['length']} files in the order"
            assert asked["known"] == total // KNOWN_EVERY, f"{asked['known']} known files counted"
            cookie = home.act_of(script, "web", "sign_in", loaded["officer"])
            figures: dict[str, Any] = {"media": total, "loaded": loaded["seconds"], "server": asked["parts"]}
            with Serving(home, port, plain=False) as ours, Serving(home, port + 1, plain=True) as peer:
                figures["peer"] = walk("peer", peer.address, cookie, total, rounds)
                figures["ours"] = walk("ours", ours.address, cookie, total, rounds)
    ours_told = figures["ours"]
    held = {
        "first screen under 300 ms at the median": ours_told["first_screen_ms"] < MOST_FIRST_SCREEN_MS,
        "elements bounded": max(ours_told[at]["elements"] for at in ("at_the_top", "after_scrolling", "at_the_end"))
        < MOST_NODES,
        "queries": all(part["queries"] <= MOST_QUERIES for part in figures["server"].values()),
    }
    figures["held"] = held
    return figures


def main() -> None:
    if len(sys.argv) > 2 and sys.argv[1] == "--act":
        import django

        django.setup()
        print(json.dumps(ACTS[sys.argv[2]](*sys.argv[3:]), default=str))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--media", type=int, default=100_000, help="how many (default: 100,000)")
    parser.add_argument("--rounds", type=int, default=15, help="warm visits (default: 15)")
    parser.add_argument("--port", type=int, default=9860, help="of the two servers the first (default: 9860)")
    parser.add_argument("--place", type=Path, help="a folder for the scratch home (default: the system's)")
    given = parser.parse_args()
    figures = measure(given.media, given.rounds, given.port, given.place)
    facts = {"benchmark": "gallery", "python": platform.python_version(), "machine": platform.machine(),
             "cores": os.cpu_count(), "load_before": round(os.getloadavg()[2], 2)}  # fmt: skip
    print(json.dumps(facts | {"figures": figures}, indent=1))


if __name__ == "__main__":
    main()
