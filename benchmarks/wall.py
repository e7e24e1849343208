"""What the wall and the log cost: the busiest pages and an import, with both on and with both off, turn by turn in one run.

One process, connected as the database's superuser. On: it takes on the role of the web server (or the worker), for which row-level
security holds, and every act is logged. Off: it stays superuser, whom no policy touches, and nothing is logged. The Python door
answers in both. Checked beside the times: the pages are the same, "on" logs and hides, "off" does neither, both imports give the
same records. The bar is 25 % more time at most.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

MOST_PERCENT = 25.0


@contextmanager
def wall(on: bool, role: str) -> Iterator[None]:
    """Inside, row-level security and the log are on (in a role that they hold for) or off."""
    from django.db import connection

    from opencets_web.audit import log

    kept = log.record, log.record_each
    with connection.cursor() as cursor:
        cursor.execute(f"set role opencets_{role}" if on else "reset role")
    if not on:
        log.record = log.record_each = lambda *given, **named: None
    try:
        yield
    finally:
        log.record, log.record_each = kept
        with connection.cursor() as cursor:
            cursor.execute("reset role")


def _acts() -> int:
    from opencets_web.audit.models import Act

    return Act.objects.count()


def pages(rounds: str) -> dict[str, Any]:
    """Milliseconds of the busiest pages, on and off in turn."""
    from allauth.mfa.models import Authenticator
    from allauth.usersessions.models import UserSession
    from django.db import connection
    from django.test import Client
    from django.urls import reverse

    from opencets_web.accounts import notice
    from opencets_web.accounts.models import Officer
    from opencets_web.cases.models import Case
    from opencets_web.evidence.models import Record

    officers = list(Officer.objects.filter(roles__contains=["investigator"]).order_by("agency__short_name", "email"))
    officer = officers[0]
    other = next(one for one in officers if one.agency_id != officer.agency_id)
    browsers = []
    for one in (officer, other):
        Authenticator.objects.get_or_create(user=one, type="totp", defaults={"data": {"secret": "none"}})
        browser = Client(SERVER_NAME="localhost", headers={"X-Purpose": "investigation"})
        browser.force_login(one, backend="allauth.account.auth_backends.AuthenticationBackend")
        UserSession.objects.create(user=one, session_key=browser.session.session_key, ip="127.0.0.1")
        one.notice_seen = notice.version(notice.text_for(one.agency))
        one.save(update_fields=["notice_seen"])
        browsers.append(browser)
    cases = {
        case: Record.objects.filter(case=case).count() for case in Case.objects.filter(agency_id=officer.agency_id)
    }
    case = max(cases, key=lambda one: cases[one])
    person = Record.objects.filter(case=case, kind="person").first()
    assert person is not None
    asked = {
        "desk": reverse("desk:home"),
        "cases": reverse("cases:list"),
        "case overview": reverse("desk:case", args=[case.reference]),
        "exhibits": reverse("evidence:exhibits", args=[case.reference]),
        "gallery": reverse("media:gallery", args=[case.reference]),
        "people": reverse("entities:case", args=[case.reference]),
        "messages": reverse("evidence:messages", args=[case.reference]),
        "entity": reverse("entities:detail", args=[person.id]),
        "record": reverse("entities:record", args=[person.id]),
        "media of all cases": reverse("media:list"),
        "alerts": reverse("leads:list"),
        "search words": reverse("desk:search") + "?q=river",
    }
    with wall(True, "web"), connection.cursor() as cursor:
        cursor.execute("select count(*) from evidence_record")
        assert cursor.fetchone()[0] == 0, "row-level security is not on"
    assert Record.objects.exists(), "row-level security is not off"
    with wall(True, "web"):
        assert browsers[1].get(asked["case overview"]).status_code == 404, "the other agency is let in"
    figures: dict[str, Any] = {}
    for name, url in asked.items():
        took: dict[bool, list[float]] = {True: [], False: []}
        shown: dict[bool, bytes] = {}
        for turn in range(int(rounds) + 2):
            for on in (True, False) if turn % 2 else (False, True):
                before = _acts()
                with wall(on, "web"):
                    begun = time.perf_counter()
                    answer = browsers[0].get(url)
                    spent = (time.perf_counter() - begun) * 1000
                assert answer.status_code == 200, f"{name}: {answer.status_code}"
                assert (_acts() > before) == on, f"{name}: {'nothing' if on else 'something'} was logged"
                shown[on] = answer.content
                if turn >= 2:
                    took[on].append(spent)
        alike = (
            abs(len(shown[True]) - len(shown[False])) <= 400
        )  # counts, times and the mark against forged forms differ
        assert alike, f"{name}: the pages differ"
        figures[name] = _compared(took)
    return _summed(figures)


def imports(folder: str, rounds: str) -> dict[str, Any]:
    """Seconds from the receipt of a folder to its records, on and off in turn."""
    from uuid import UUID

    from opencets_web.accounts.models import Officer
    from opencets_web.cases.actions import open_case
    from opencets_web.evidence import actions, reading
    from opencets_web.evidence.models import Record
    from opencets_web.policy.acting import acting_as
    from opencets_web.policy.officers import actor_for

    officer = Officer.objects.filter(roles__contains=["investigator"]).order_by("agency__short_name", "email").first()
    assert officer is not None
    actor = actor_for(officer.id)
    took: dict[bool, list[float]] = {True: [], False: []}
    counts = set()

    def run(on: bool, role: str, act: Callable[[], Any]) -> Any:
        with wall(on, role):
            return act()

    for turn in range(int(rounds) + 1):
        for on in (True, False) if turn % 2 else (False, True):
            reference = f"WALL-{turn}-{'ON' if on else 'OFF'}"
            with acting_as(actor.officer_id):
                open_case(actor, reference=reference, title="Import", kind="possession")
            before = _acts()
            begun = time.perf_counter()
            exhibit = run(on, "web", lambda named=reference: actions.receive_path(actor, named, Path(folder))[0])
            run(on, "jobs", lambda named=exhibit: reading.read_exhibit(actor, UUID(str(named))))
            spent = time.perf_counter() - begun
            assert (_acts() > before) == on
            counts.add(Record.objects.filter(exhibit_id=exhibit).count())
            if turn:
                took[on].append(spent)
    assert len(counts) == 1, f"the imports differ: {counts}"
    assert min(counts) > 0
    return {"records": counts.pop(), **_compared(took)}


def _compared(took: dict[bool, list[float]]) -> dict[str, Any]:
    on, off = statistics.median(took[True]), statistics.median(took[False])
    return {"on": round(on, 2), "off": round(off, 2), "percent": round(100 * (on / off - 1), 1)}


def _summed(figures: dict[str, Any]) -> dict[str, Any]:
    on, off = sum(one["on"] for one in figures.values()), sum(one["off"] for one in figures.values())
    return {"pages": figures, "on": round(on, 1), "off": round(off, 1), "percent": round(100 * (on / off - 1), 1)}


ACTS = {"pages": pages, "imports": imports}


def write_rows(folder: Path, rows: int) -> None:
    """A table of people and a chat in a folder, invented."""
    lines = ["Name,E-mail,Phone,Seen"]
    lines += [
        f"Person {n},p{n}@example.org,+44207946{n % 10_000:04},2026-01-{1 + n % 28:02}T10:00:00Z" for n in range(rows)
    ]
    (folder / "people.csv").write_text("\n".join(lines) + "\n")


def measure(size: str, rows: int, rounds: int, place: Path | None) -> dict[str, Any]:
    """All figures, in a scratch home."""
    from import_evidence import Home

    script, world = str(Path(__file__).resolve()), str(Path(__file__).resolve().with_name("web_pages.py"))
    with tempfile.TemporaryDirectory(prefix="opencets-wall-") as scratch:
        os.chmod(scratch, 0o711)
        packages = Path(scratch) / "package"
        packages.mkdir()
        write_rows(packages, rows)
        with Home((place or Path(scratch)) / "home") as home:
            loaded = home.act_of(world, "owner", "load", size)
            figures: dict[str, Any] = {"world": size, "records": loaded["records"]}
            figures["pages_ms"] = home.act_of(script, "superuser", "pages", str(rounds))
            figures["import_s"] = home.act_of(script, "superuser", "imports", str(packages), str(max(3, rounds // 3)))
    figures["holds"] = max(figures["pages_ms"]["percent"], figures["import_s"]["percent"]) <= MOST_PERCENT
    return figures


def main() -> None:
    if len(sys.argv) > 2 and sys.argv[1] == "--act":
        import django

        django.setup()
        print(json.dumps(ACTS[sys.argv[2]](*sys.argv[3:])))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--world", default="2,12,1500,120", help="acceptance, or AGENCIES,CASES,RECORDS,PICTURES")
    parser.add_argument("--rows", type=int, default=5_000, help="rows of the imported table")
    parser.add_argument("--rounds", type=int, default=15, help="turns of each page, on and off")
    parser.add_argument("--place", type=Path, help="a folder for the scratch home (default: the system's)")
    given = parser.parse_args()
    figures = measure(given.world, given.rows, given.rounds, given.place)
    facts = {"benchmark": "wall", "python": platform.python_version(), "machine": platform.machine(),
             "cores": os.cpu_count(), "load_before": round(os.getloadavg()[2], 2)}  # fmt: skip
    print(json.dumps(facts | {"figures": figures}, indent=1))


if __name__ == "__main__":
    main()
