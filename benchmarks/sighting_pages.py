"""Pages of the room Sightings over a generated ledger: the order of computers, the map, one computer, statistics.

Each page is asked for by a signed-in officer through the whole of Django (sessions, second factor, row-level security, templates),
in one process without a socket. Two medians: ``first``, where nobody has asked since the ledger changed, so that the ledger is
asked; and ``again``, where its answer is kept; by the clock, and by the time that this process worked, which a busy machine does
not change. What a page shows is compared with the plain answer of the engine before a time counts. The population is that of
``sightings.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

ROUNDS = 9
FIRST = 3
TREE = {
    "version": "bench",
    "jurisdictions": [
        {
            "code": "all", "name": "Everywhere", "everywhere": True, "responsible": "Avon",
            "below": [
                {"code": "US", "name": "United States", "countries": ["US"],
                 "below": [{"code": "US-WY", "name": "Wyoming", "regions": ["US-WY"]}]},
                {"code": "GB", "name": "United Kingdom", "countries": ["GB"]},
            ],
        }
    ],
}  # fmt: skip
PAGES = {
    "order, everywhere": "/sightings/",
    "order, a country": "/sightings/?jurisdiction=US",
    "order, a region": "/sightings/?jurisdiction=US-WY",
    "map, the world": "/sightings/map/",
    "map, a country": "/sightings/map/?at=US",
    "map, a country, 20 days earlier": "/sightings/map/?at=US&back=20",
    "map, a region": "/sightings/map/?at=US-WY",
    "one computer": "/sightings/computers/{identity}/",
    "statistics": "/sightings/statistics/",
}


def people() -> dict[str, Any]:
    """An agency with an officer, responsible everywhere; as owner."""
    from opencets_web.accounts.models import Agency, Officer
    from opencets_web.sightings.handed_in import import_jurisdictions

    agency = Agency.objects.create(
        name="Avon Constabulary", short_name="Avon", country="GB", contact_name="Desk", contact_phone="+442079460000",
        contact_email="desk@avon.example.org",
    )  # fmt: skip
    Officer.objects.create(
        email="owner@avon.example.org", display_name="Avon owner", agency=agency, roles=["investigator"]
    )
    return {"jurisdictions": import_jurisdictions(TREE)}


def ask(identity: str) -> dict[str, Any]:
    """Every page, some times over; as the web role."""
    from allauth.mfa.models import Authenticator
    from allauth.usersessions.models import UserSession
    from django.test import Client

    from opencets.ranking.computers import rank_computers
    from opencets.sighting import answers
    from opencets_web.accounts import notice
    from opencets_web.accounts.models import Officer
    from opencets_web.policy.acting import acting_as
    from opencets_web.sightings import ledger as kept

    with acting_as(None):
        officer = Officer.objects.get(email="owner@avon.example.org")
    browser = Client(raise_request_exception=True, SERVER_NAME="localhost", headers={"X-Purpose": "investigation"})
    with acting_as(officer.id):
        Authenticator.objects.get_or_create(user=officer, type="totp", defaults={"data": {"secret": "bench"}})
        browser.force_login(officer, backend="allauth.account.auth_backends.AuthenticationBackend")
        UserSession.objects.create(user=officer, session_key=browser.session.session_key, ip="127.0.0.1")
        officer.notice_seen = notice.version(notice.text_for(officer.agency))
        officer.save(update_fields=["notice_seen"])
    ledger = kept.find_ledger()
    assert ledger is not None

    def timed(url: str, rounds: int, *, anew: bool) -> tuple[str, list[float]]:
        took: list[tuple[float, float]] = []
        text = ""
        for _ in range(rounds):
            if anew:
                shutil.rmtree(kept.folder() / kept.ANSWERS, ignore_errors=True)
                kept._recent.clear()
            begun, worked = time.perf_counter(), time.process_time()
            answer = browser.get(url)
            took.append((1000 * (time.perf_counter() - begun), 1000 * (time.process_time() - worked)))
            assert answer.status_code == 200, (url, answer.status_code)
            text = answer.content.decode()
        return text, [round(statistics.median(values), 1) for values in zip(*took, strict=True)]

    figures: dict[str, Any] = {}
    for name, address in PAGES.items():
        url = address.format(identity=identity)
        timed(url, 1, anew=True)
        text, first = timed(url, FIRST, anew=True)
        again = timed(url, ROUNDS, anew=False)[1]
        figures[name] = {"first_ms": first[0], "first_cpu_ms": first[1], "again_ms": again[0], "again_cpu_ms": again[1]}
        code = {"order, everywhere": "", "order, a country": "US", "order, a region": "US-WY"}.get(name)
        if code is not None:
            found = answers.computers(ledger, code, 30)
            best = [found.identities[one.at] for one in rank_computers(found.facts, 20, count=len(found))]
            shown = [text.find(f'id="computer-{one}"') for one in best]
            assert -1 not in shown, f"{name}: a computer of the first twenty is not shown"
            assert shown == sorted(shown), f"{name}: the order differs"
            figures[name]["computers"] = len(found)
    total = answers.spread(ledger, "US", "region", 30)
    text = browser.get(PAGES["map, a country"]).content.decode()
    assert f"<b>{total.computers:,}</b>".replace(",", "\u202f") in text, "the map counts otherwise"
    return figures


ACTS = {"people": people, "ask": ask}


def measure(rows: int, place: Path | None, kept: Path | None = None) -> dict[str, Any]:
    """The figures at one size, in a scratch folder; ``kept``: a ledger of that size that was made before."""
    import numpy as np
    from import_evidence import Home
    from sightings import Population, load_ours

    from opencets.sighting import Ledger
    from opencets.sighting.parts import SIGHTINGS

    with tempfile.TemporaryDirectory(prefix="opencets-bench-", dir=place) as scratch:
        os.chmod(scratch, 0o711)
        folder = Path(scratch)
        population = Population(max(1000, rows // 400))
        at = kept or folder / "ledger"
        ledger = Ledger.open(kept) if kept else load_ours(population, at, rows)[0]
        sightings = sum(part.rows for part in ledger.state().table(SIGHTINGS))
        assert rows - 60 <= sightings <= rows, f"{at} holds {sightings:,} sightings, not {rows:,}"
        active = np.flatnonzero((population.length >= 10) & (population.length <= 14))
        identity = population.identities[int(active[np.argsort(population.weight[active])[len(active) // 2]])]
        with Home(folder / "home") as home:
            home.environment["OPENCETS_SIGHTINGS"] = str(at)
            home.act_of(__file__, "owner", "people")
            pages = home.act_of(__file__, "web", "ask", str(identity))
        return {"sightings": sightings, "computers": population.computers, "pages": pages}


def main() -> None:
    if len(sys.argv) > 2 and sys.argv[1] == "--act":
        import django

        django.setup()
        print(json.dumps(ACTS[sys.argv[2]](*sys.argv[3:])))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000_000], help="sightings; several sizes in turn")
    parser.add_argument("--place", type=Path, help="a folder for scratch (default: the system's)")
    parser.add_argument(
        "--ledger", type=Path, help="a ledger of this population that was made before, of the one size given"
    )
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    sizes = [measure(rows, given.place, given.ledger) for rows in given.rows]
    outcome = {
        "benchmark": "sighting-pages", "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "cpus": os.cpu_count(), "load": os.getloadavg()[0], "sizes": sizes,
    }  # fmt: skip
    print(json.dumps(outcome, indent=None if given.json else 1))


if __name__ == "__main__":
    main()
