"""Seconds from the last byte received to the first alert, with the real server and workers, and links found that way.

A world of real files (``opencets.rehearsal``) is received case by case while web server and workers run; when all is read and
connected, a new package is received into a new case. Timed by the database's own clock: package complete, read, first alert.
Beside it stands what the whole way from file to connection found of the planted truth, by hops.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

MOST_SECONDS = 1800.0


def people(size: str) -> dict[str, Any]:
    """The world's agencies and officers; as the owner of the tables."""
    from web_pages import world_of

    from opencets_web.accounts.models import Agency, Officer

    world = world_of(size)
    for entry in world.agencies:
        agency = Agency.objects.create(
            name=entry.name, short_name=entry.short_name, country=entry.country, contact_name=entry.contact_name,
            contact_phone=entry.contact_phone, contact_email=entry.contact_email,
        )  # fmt: skip
        for person in world.officers:
            if person.agency == entry.short_name:
                Officer.objects.create(
                    email=person.email, display_name=person.display_name, agency=agency, roles=list(person.roles)
                )
    return {}


def bring(size: str, folder: str, turns: str) -> dict[str, Any]:
    """Every package into its case, then the new ones, timed; as the web role, while the workers work."""
    from web_pages import world_of

    from opencets_web.policy.acting import acting_as
    from opencets_web.policy.officers import actor_by_email

    world = world_of(size)
    with acting_as(None):
        actors = {one.agency: actor_by_email(one.email) for one in world.officers if "investigator" in one.roles}
    begun = time.perf_counter()
    for case in world.cases:
        receive(actors[case.agency], case.reference, case.kind, Path(folder) / case.agency / case.reference)
    received = time.perf_counter() - begun
    wait_for_calm()
    loaded = time.perf_counter() - begun
    (package,) = [path for path in (Path(folder) / "drop-in").iterdir() if path.is_dir()]
    measured = []
    for turn in range(int(turns)):
        exhibit = receive(actors[world.drop_in.agency], f"NEW-{turn:04}", world.drop_in.kind, package)
        measured.append(first_alert(actors[world.drop_in.agency], exhibit))
        wait_for_calm()
    return {"receiving_all_seconds": round(received, 1), "all_connected_seconds": round(loaded, 1), "turns": measured}


def receive(actor: Any, reference: str, kind: str, folder: Path) -> str:
    """A package received into a new case; the exhibit's id."""
    from opencets_web.cases.actions import open_case
    from opencets_web.evidence.actions import receive_path
    from opencets_web.policy.acting import acting_as

    with acting_as(actor.officer_id):
        open_case(actor, reference=reference, title=reference, kind=kind)
    return str(receive_path(actor, reference, folder)[0])


def wait_for_calm() -> None:
    """Until no job of an exhibit waits or runs. RuntimeError: one failed, or it took too long."""
    from django.db import connection

    until = time.monotonic() + MOST_SECONDS
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute(
                "select count(*) filter (where status in ('todo', 'doing')), count(*) filter (where status = 'failed')"
                " from procrastinate_jobs where args ? 'exhibit_id'"
            )
            waiting, failed = cursor.fetchone()
        if failed:
            raise RuntimeError(f"{failed} jobs failed; see the server's output.")
        if not waiting:
            return
        time.sleep(0.2)
    raise RuntimeError("The workers did not come to an end.")


def first_alert(actor: Any, exhibit_id: str) -> dict[str, float]:
    """Seconds from the package's completion to the end of its reading and to the first alert of its case."""
    from opencets_web.evidence.models import Exhibit
    from opencets_web.leads.models import Alert
    from opencets_web.policy.acting import acting_as

    until = time.monotonic() + MOST_SECONDS
    while time.monotonic() < until:
        with acting_as(actor.officer_id):
            exhibit = Exhibit.objects.get(pk=exhibit_id)
            alert = Alert.objects.filter(case_id=exhibit.case_id).order_by("raised_at").first()
            if alert is not None and exhibit.read_at is not None and exhibit.received_at is not None:
                return {
                    "files": exhibit.files_found,
                    "records": exhibit.records_read,
                    "to_read_seconds": round((exhibit.read_at - exhibit.received_at).total_seconds(), 2),
                    "to_first_alert_seconds": round((alert.raised_at - exhibit.received_at).total_seconds(), 2),
                }
        time.sleep(0.1)
    raise RuntimeError("No alert came.")


def judge(size: str) -> dict[str, Any]:
    """What was found of the truth, as ``web_pages`` judges it."""
    import web_pages

    return web_pages.judge(size)


ACTS = {"people": people, "bring": bring, "judge": judge}


def measure(size: str, turns: int, place: Path | None) -> dict[str, Any]:
    """All figures, in a scratch home with server and workers of its own."""
    from import_evidence import Home
    from web_pages import world_of

    from opencets.rehearsal import write

    script = str(Path(__file__).resolve())
    with tempfile.TemporaryDirectory(prefix="opencets-alerts-") as scratch:
        os.chmod(scratch, 0o711)
        folder = Path(scratch) / "world"
        write(world_of(size), folder)
        with Home((place or Path(scratch)) / "home") as home:
            home.act_of(script, "owner", "people", size)
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = str(free.getsockname()[1])
            server = subprocess.Popen(
                [home.opencets, "serve", "--port", port], env=home.environment, stdout=subprocess.DEVNULL
            )
            try:
                figures = home.act_of(script, "web", "bring", size, str(folder), str(turns))
            finally:
                server.send_signal(signal.SIGINT)
                server.wait(60)
            home._run([home.opencets, "database", "start"])
            figures["links"] = home.act_of(script, "owner", "judge", size)
    took = [turn["to_first_alert_seconds"] for turn in figures["turns"]]
    return {"world": size, "first_alert_seconds_median": statistics.median(took), **figures}


def main() -> None:
    if len(sys.argv) > 2 and sys.argv[1] == "--act":
        import django

        django.setup()
        print(json.dumps(ACTS[sys.argv[2]](*sys.argv[3:])))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--world", default="2,8,400,60", help="AGENCIES,CASES,RECORDS,PICTURES")
    parser.add_argument("--turns", type=int, default=3, help="how often the new package is received")
    parser.add_argument("--full", action="store_true", help="the size of the demonstration: 14 cases, 220 pictures")
    parser.add_argument("--place", type=Path, help="a folder for the scratch home (default: the system's)")
    given = parser.parse_args()
    figures = measure("2,14,1500,220" if given.full else given.world, given.turns, given.place)
    facts = {"benchmark": "alerts", "python": platform.python_version(), "machine": platform.machine(),
             "cores": os.cpu_count(), "load_before": round(os.getloadavg()[2], 2)}  # fmt: skip
    print(json.dumps(facts | {"figures": figures}, indent=1))


if __name__ == "__main__":
    main()
