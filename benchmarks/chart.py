"""A link chart of 2,000 nodes and 5,000 ties in a real Chromium, with and without WebGL, beside the same graph as a plain SVG page.

A case gets its people and the values they share as rows. The system is served as ``opencets serve`` serves it, and an officer's
browser opens the whole case as a chart: time from the request until everything is drawn and a click is answered, the server's part
of it, time of a frame while the picture is moved and zoomed, time from a click on a tie to its explanation. The peer is served
beside it from the same rows and the same places: one SVG, written by the server. What is drawn is held against the rows: every
node, every tie, the right explanation for each tie that is clicked.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

REFERENCE = "CH-2026-0001"
DESKTOP = {"width": 1440, "height": 900}
WITHOUT_WEBGL = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-3d-apis",
    "--no-first-run",
    "--disable-background-networking",
]
WITH_WEBGL = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-first-run",
              "--disable-background-networking"]  # fmt: skip
MOST_INTERACTIVE_MS = 2_000
MOST_QUERIES = 25
CHART = "document.querySelector('.chart-canvas').chart"

READY = """() => new Promise(done => {
  const look = () => {
    if (document.querySelector('[data-island=linkchart][data-ready]'))
      requestAnimationFrame(() => setTimeout(() => done(performance.now()), 0));
    else setTimeout(look, 4);
  };
  look();
})"""
"""Milliseconds since the navigation began when everything is drawn, painted, and the browser is free for an act."""

PLAIN_READY = """() => new Promise(done => {
  const look = () => document.readyState === 'complete' && document.querySelectorAll('#plain circle').length
    ? requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(performance.now()), 0))) : setTimeout(look, 4);
  look();
})"""

FRAMES = """async ([act, times]) => {
  const took = [];
  const move = new Function('at', act);
  for (let at = 0; at < times; at += 1) {
    const begun = performance.now();
    move(at);
    await new Promise(done => requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = done;
      channel.port2.postMessage(0);
    }));
    took.push(performance.now() - begun);
  }
  return took;
}"""
"""Milliseconds from an act until the frame in which it is painted has ended, one act after another."""


def tied(people: int, values: int, ties: int) -> list[tuple[int, int]]:
    """Who holds which value; no pair twice."""
    return [(k % people, (k % people * 3 + k // people * 37 + k % people // 50 * 11) % values) for k in range(ties)]


def sentence(person: int, value: int) -> str:
    """What the tie between them must say."""
    return f"person {person} has E-mail address v{value}@example.org (of a contact), said by 1 claim."


# --- Acts, each in a process of its own with the database role it needs -----------------------------------------------


def load(people: str, values: str, ties: str) -> dict[str, Any]:
    """The agency, its officer, the case, its people and what they share, as rows; as the superuser, without triggers."""
    from allauth.mfa.models import Authenticator
    from django.db import connection, transaction
    from django.utils import timezone

    from opencets_web.accounts import notice
    from opencets_web.accounts.models import Agency, Officer
    from opencets_web.cases.actions import open_case
    from opencets_web.cases.models import Case
    from opencets_web.evidence.models import Exhibit, ExhibitFile
    from opencets_web.policy.acting import acting_as
    from opencets_web.policy.officers import actor_for

    now = timezone.now()
    agency = Agency.objects.create(
        name="Avon Constabulary", short_name="Avon", country="GB", contact_email="a@example.org"
    )
    officer = Officer.objects.create(
        email="owner@avon.example.org", display_name="Owner", agency=agency, roles=["investigator"],
        notice_seen=notice.version(notice.text_for(agency)),
    )  # fmt: skip
    Authenticator.objects.create(user=officer, type="totp", data={"secret": "none"})
    with acting_as(officer.id):
        open_case(actor_for(officer.id), reference=REFERENCE, title="Two thousand nodes", kind="possession")
        case = Case.objects.get(reference=REFERENCE)
        under = {"holding_id": case.holding_id, "agency_id": agency.id}
        exhibit = Exhibit.objects.create(
            **under,
            case=case,
            reference="EX-0001",
            title="A phone",
            state="read",
            received_by_id=officer.id,
            begun_at=now,
        )
        file = ExhibitFile.objects.create(
            **under, exhibit=exhibit, path=["contacts.csv"], name="contacts.csv", size=1, state="read", sha256="ab" * 32
        )
    place = [case.holding_id, agency.id, case.id]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set local session_replication_role = replica")
        cursor.execute(
            "insert into evidence_record (id, holding_id, agency_id, case_id, exhibit_id, file_id, reading, key, kind, reader,"
            " place, label, at, at_text, conversation, body, extra, read_at, linked_at) select md5('person'||n)::uuid, %s, %s, %s,"
            " %s, %s, 0, md5('k'||n), 'person', 'table/1', 'row '||n, 'person '||n, null, '', '', '', '{}', now(), now()"
            " from generate_series(0, %s - 1) n", [*place, exhibit.id, file.id, int(people)])  # fmt: skip
        cursor.execute(
            "insert into evidence_claim (id, holding_id, agency_id, case_id, record_id, property, kind, raw, normal, role, note,"
            " generic) select md5('name'||n)::uuid, %s, %s, %s, md5('person'||n)::uuid, 'full_name', 'name', 'Person '||n,"
            " 'person '||n, 'own', '', false from generate_series(0, %s - 1) n", [*place, int(people)])  # fmt: skip
        cursor.executemany(
            "insert into evidence_claim (id, holding_id, agency_id, case_id, record_id, property, kind, raw, normal, role, note,"
            " generic) values (md5(%s)::uuid, %s, %s, %s, md5(%s)::uuid, 'email', 'email', %s, %s, 'contact', '', false)",
            [(f"tie{p}-{v}", *place, f"person{p}", f"V{v}@example.org", f"v{v}@example.org")
             for p, v in tied(int(people), int(values), int(ties))])  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("analyze")
    return {"officer": str(officer.id)}


def ask(officer_id: str) -> dict[str, Any]:
    """The page and the graph through the whole of Django in one process: milliseconds at the median, and queries."""
    from collections import Counter

    from django.conf import settings
    from django.db import connection
    from django.test import Client
    from gallery import sign_in

    client = Client(SERVER_NAME="localhost", headers={"X-Purpose": "investigation"})
    client.cookies[settings.SESSION_COOKIE_NAME] = sign_in(officer_id)["value"]
    found: dict[str, Any] = {}
    base = f"/charts/case/{REFERENCE}/"
    for name, url in {"page": f"{base}?whole=1", "graph": f"{base}graph.json?whole=1"}.items():
        took, counter = [], Counter[str]()

        def count(
            execute: Any, sql: str, params: Any, many: bool, context: Any, counter: Counter[str] = counter
        ) -> Any:
            counter["queries"] += not sql.lstrip().lower().startswith(("savepoint", "release", "begin", "commit"))
            return execute(sql, params, many, context)

        for turn in range(7):
            counter.clear()
            begun = time.perf_counter()
            with connection.execute_wrapper(count):
                answer = client.get(url)
            if turn >= 2:
                took.append((time.perf_counter() - begun) * 1000)
        found[name] = {"median_ms": round(statistics.median(took), 1), "queries": counter["queries"],
                       "status": answer.status_code, "kilobytes": round(len(answer.content) / 1000, 1)}  # fmt: skip
    return found


def sign_in(officer_id: str) -> dict[str, Any]:
    """A session that has shown both factors, as a cookie; as the web role."""
    from gallery import sign_in as signed

    return signed(officer_id)


ACTS = {"load": load, "sign_in": sign_in, "ask": ask}


# --- The browser ------------------------------------------------------------------------------------------------------


def walk_ours(page: Any, address: str, world: tuple[int, int, int], rounds: int) -> dict[str, Any]:
    """Every figure of our chart; AssertionError where a node or tie is missing, or a click tells anything else."""
    people, values, ties = world
    url = f"{address}/charts/case/{REFERENCE}/?whole=1"
    told = _visits(page, url, READY, rounds)
    drawn = page.evaluate(
        f"(() => {{ const {{nodes, lines}} = {CHART}.model.shown();"
        " return [[...nodes.values()].map(node => node.label), lines.map(line => line.ties[0].sentence)]; })()"
    )
    expected = {f"person {n}" for n in range(people)} | {f"v{n}@example.org" for n in range(values)}
    assert len(drawn[0]) == people + values, f"{len(drawn[0])} nodes drawn"
    assert set(drawn[0]) == expected, "other nodes are drawn than there are"
    assert sorted(drawn[1]) == sorted(sentence(p, v) for p, v in tied(*world)), "other ties are drawn than there are"
    assert len(drawn[1]) == ties
    painted = page.evaluate(
        "() => { const canvas = document.querySelector('.chart-canvas canvas');"
        " const dots = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;"
        " let filled = 0; for (let at = 3; at < dots.length; at += 4) filled += dots[at] > 0; return filled; }"
    )
    assert painted > 20_000, f"{painted} dots are painted"
    told["pan"] = _frames(page, f"{CHART}.painter.pan(7, at % 2 ? 4 : -4)")
    told["zoom"] = _frames(page, f"{CHART}.painter.zoom(at % 2 ? 1.1 : 1 / 1.1)")
    told["whole_drawing"] = _frames(page, f"{CHART}.painter.paint()")
    told["clicks"] = _clicks(page)
    return told


SPOT = """([at, of]) => {
  const chart = document.querySelector('.chart-canvas').chart;
  const {lines} = chart.model.shown();
  const line = lines[Math.floor(at * lines.length / of)];
  const {painter} = chart;
  painter.fit([line.from, line.to], 120, 1.5);
  painter.paint();
  const spot = painter.middleOf(line);
  const box = chart.canvas.getBoundingClientRect();
  return painter.at(spot.left, spot.top).line === line ? [box.left + spot.left, box.top + spot.top, line.ties[0].sentence] : null;
}"""
"""One tie brought into the window: where its middle is pressed, and what it says; null where another lies over it."""


def _clicks(page: Any) -> dict[str, Any]:
    """Ties clicked with the mouse, each of which must tell its own sentence and its reasons."""
    page.locator(".chart-canvas").scroll_into_view_if_needed()
    took = []
    for at in range(40):
        spot = page.evaluate(SPOT, [at, 40])
        if spot is None or len(took) == 12:
            continue
        x, y, said = spot
        page.mouse.click(x, y)
        begun = time.perf_counter()
        _until(page, "document.querySelector('.chart-panel:not([hidden]) .reason-sentence') !== null")
        took.append((time.perf_counter() - begun) * 1000)
        assert page.inner_text(".chart-panel h2") == said, f"{said}: another explanation opens"
        reason = page.inner_text(".chart-panel .reason")
        assert REFERENCE in reason, reason
        # As the exhibit wrote it: the value whose tie it is.
        assert said.split(" address ")[1].split(" ")[0].upper() in reason.upper(), reason
        page.keyboard.press("Escape")
        # The canvas takes the room of the panel again before the next place is asked for.
        _until(page, "document.querySelector('.chart-panel').hidden")
        page.wait_for_timeout(150)
    assert len(took) >= 8, f"only {len(took)} ties could be clicked"
    return {"ties": len(took), "median_ms": round(statistics.median(took), 1), "worst_ms": round(max(took), 1)}


def walk_peer(page: Any, address: str, world: tuple[int, int, int], rounds: int) -> dict[str, Any]:
    """The same of the plain page, as far as it goes."""
    told = _visits(page, f"{address}/plain/{REFERENCE}/", PLAIN_READY, rounds)
    drawn = page.evaluate(
        "[document.querySelectorAll('#plain circle').length, document.querySelectorAll('#plain line').length]"
    )
    assert drawn == [world[0] + world[1], world[2]], drawn
    move = ("const svg = document.querySelector('#plain'); const box = svg.viewBox.baseVal;"
            " box.x += 70; box.y += at % 2 ? 40 : -40;")  # fmt: skip
    told["pan"] = _frames(page, move)
    zoom = ("const box = document.querySelector('#plain').viewBox.baseVal; const by = at % 2 ? 1 / 1.1 : 1.1;"
            " box.width *= by; box.height *= by;")  # fmt: skip
    told["zoom"] = _frames(page, zoom)
    return told


def _visits(page: Any, url: str, ready: str, rounds: int) -> dict[str, Any]:
    shown, answered = [], []
    for turn in range(rounds + 1):
        page.goto(url, wait_until="commit")
        at = page.evaluate(ready)
        if turn:
            shown.append(at)
            answered.append(page.evaluate("performance.getEntriesByType('navigation')[0].responseStart"))
        page.wait_for_timeout(300)
    return {"interactive_ms": round(statistics.median(shown)), "interactive_worst_ms": round(max(shown)),
            "first_byte_ms": round(statistics.median(answered))}  # fmt: skip


def _frames(page: Any, act: str, times: int = 30) -> dict[str, float]:
    took = page.evaluate(FRAMES, [act, times])
    return {"median_ms": round(statistics.median(took), 1), "worst_ms": round(max(took), 1)}


def _until(page: Any, condition: str, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(5)


def walk(
    side: str, address: str, cookie: dict[str, Any], world: tuple[int, int, int], rounds: int, *, webgl: bool
) -> dict[str, Any]:
    """A browser of its own for one side."""
    from gallery import CHROMIUM
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=WITH_WEBGL if webgl else WITHOUT_WEBGL)
        context = browser.new_context(viewport=DESKTOP, extra_http_headers={"X-Purpose": "investigation"})
        context.add_cookies([{**cookie, "url": address}])
        page = context.new_page()
        offered = page.evaluate("document.createElement('canvas').getContext('webgl') !== null")
        assert offered == webgl, f"the browser {'offers' if offered else 'offers no'} WebGL"
        told = (walk_ours if side == "ours" else walk_peer)(page, address, world, rounds)
        browser.close()
    return told


def measure(world: tuple[int, int, int], rounds: int, port: int, place: Path | None) -> dict[str, Any]:
    """All figures, in a scratch home."""
    from gallery import Serving
    from import_evidence import Home

    script = str(Path(__file__).resolve())
    with tempfile.TemporaryDirectory(prefix="opencets-chart-") as scratch:
        os.chmod(scratch, 0o711)
        with Home((place or Path(scratch)) / "home") as home:
            loaded = home.act_of(script, "superuser", "load", *map(str, world))
            asked = home.act_of(script, "web", "ask", loaded["officer"])
            cookie = home.act_of(script, "web", "sign_in", loaded["officer"])
            figures: dict[str, Any] = {"nodes": world[0] + world[1], "ties": world[2], "server": asked}
            with Serving(home, port, plain=False) as ours, Serving(home, port + 1, plain="chart_peer") as peer:
                for name, webgl in (("without WebGL", False), ("with WebGL", True)):
                    figures[name] = {
                        "ours": walk("ours", ours.address, cookie, world, rounds, webgl=webgl),
                        "peer": walk("peer", peer.address, cookie, world, rounds, webgl=webgl),
                    }
    figures["held"] = {
        f"interactive under 2 s {name}": figures[name]["ours"]["interactive_ms"] < MOST_INTERACTIVE_MS
        for name in ("without WebGL", "with WebGL")
    } | {"queries": all(part["queries"] <= MOST_QUERIES for part in asked.values())}  # fmt: skip
    return figures


def main() -> None:
    if len(sys.argv) > 2 and sys.argv[1] == "--act":
        import django

        django.setup()
        print(json.dumps(ACTS[sys.argv[2]](*sys.argv[3:]), default=str))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--people", type=int, default=1_300, help="how many people (default: 1,300)")
    parser.add_argument("--values", type=int, default=700, help="how many values they share (default: 700)")
    parser.add_argument("--ties", type=int, default=5_000, help="how many ties (default: 5,000)")
    parser.add_argument("--rounds", type=int, default=7, help="warm visits (default: 7)")
    parser.add_argument("--port", type=int, default=9830, help="of the two servers the first (default: 9830)")
    parser.add_argument("--place", type=Path, help="a folder for the scratch home (default: the system's)")
    given = parser.parse_args()
    figures = measure((given.people, given.values, given.ties), given.rounds, given.port, given.place)
    facts = {"benchmark": "chart", "python": platform.python_version(), "machine": platform.machine(),
             "cores": os.cpu_count(), "load_before": round(os.getloadavg()[2], 2)}  # fmt: skip
    print(json.dumps(facts | {"figures": figures}, indent=1))


if __name__ == "__main__":
    main()
