"""Seconds from a declaration, an operation or a record that is kept to both sides being told, among a million identifiers.

The real server and workers run over a database with a million identifiers in the cases of several agencies and thousands of
standing declarations. Then, in turn: a target is declared that another agency's record holds; a target that nobody holds; a
target that a silent owner holds; an operation that meets another; and a file is handed in that holds what another agency
declared. Timed from the commit of the declaration (for the file: from when its records were kept) until the alerts of both
sides can be read by their officers. Asserted beside: exactly the planted conflicts, told to exactly those who may be told.
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
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

AGENCIES = ("Avon", "Borders", "Cambria", "Devon")
CASES = 100
MOST_SECONDS = 60.0
GOAL_SECONDS = 1.0


def fill(identifiers: str, declared: str) -> dict[str, Any]:
    """Agencies, their officers and cases, and so many identifiers and standing declarations; as the superuser, without triggers."""
    from django.db import connection, transaction
    from django.utils import timezone

    from opencets_web.accounts.models import Agency, Officer
    from opencets_web.cases.models import Assignment, Case
    from opencets_web.evidence.models import Exhibit, ExhibitFile
    from opencets_web.policy.models import Holding

    begun, now, total = time.perf_counter(), timezone.now(), int(identifiers)
    officers = []
    for name in AGENCIES:
        agency = Agency.objects.create(
            name=f"{name} Police", short_name=name, country="GB", contact_name=f"{name} desk", contact_phone="+442079460123",
            contact_email=f"desk@{name.lower()}.example.org",
        )  # fmt: skip
        officers.append(
            Officer.objects.create(
                email=f"officer@{name.lower()}.example.org",
                display_name=f"{name} officer",
                agency=agency,
                roles=["investigator"],
            )
        )
    for number in range(CASES):
        officer = officers[number % len(officers)]
        silent = number % len(officers) == 3
        holding = Holding.objects.create(agency=officer.agency, disclosure="silent" if silent else "open")
        under = {"holding": holding, "agency": officer.agency}
        case = Case.objects.create(
            **under, reference=f"{officer.agency.short_name[:2].upper()}-{number:04}", title=f"Case {number}", opened_at=now,
            opened_by=officer,
        )  # fmt: skip
        Assignment.objects.create(**under, case=case, officer=officer, since_at=now)
        exhibit = Exhibit.objects.create(
            **under, case=case, reference="EX-1", title="Accounts", state="read", received_by=officer, begun_at=now
        )
        ExhibitFile.objects.create(
            **under, exhibit=exhibit, path=["accounts.csv"], name="accounts.csv", size=1, state="read"
        )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set local session_replication_role = replica; set local synchronous_commit = off;"
                       " set local maintenance_work_mem = '256MB'")  # fmt: skip
        cursor.execute(
            "create temp table places on commit drop as select k.id as case_id, k.holding_id, k.agency_id, e.id as exhibit_id,"
            " f.id as file_id, substr(k.reference, 4)::int as turn from cases_case k"
            " join evidence_exhibit e on e.case_id = k.id join evidence_exhibitfile f on f.exhibit_id = e.id"
        )
        cursor.execute(
            "insert into evidence_record (id, holding_id, agency_id, case_id, exhibit_id, file_id, reading, key, kind, reader,"
            " place, label, at_text, conversation, body, extra, read_at, linked_at)"
            " select md5('r'||n)::uuid, holding_id, agency_id, case_id, exhibit_id, file_id, 0, md5('key'||n), 'account',"
            " 'bulk/1', 'row '||n, 'Account '||n, '', '', '', '{}', now(), now()"
            " from generate_series(0, %s) n join places on turn = n %% %s",
            [total // 10 - 1, CASES],
        )
        cursor.execute(
            "insert into evidence_claim (id, holding_id, agency_id, case_id, record_id, property, kind, raw, normal, role, note,"
            " generic) select md5('c'||n)::uuid, holding_id, agency_id, case_id, md5('r'||(n / 10))::uuid, 'email', 'email',"
            " 'p'||n||'@example.org', 'p'||n||'@example.org', 'own', '', false"
            " from generate_series(0, %s) n join places on turn = (n / 10) %% %s",
            [total - 1, CASES],
        )
        cursor.execute(
            "insert into entities_identifier (kind, normal, cases_count, bucket, generic)"
            " select 'email', 'p'||n||'@example.org', 1, 0, false from generate_series(0, %s) n",
            [total - 1],
        )
        cursor.execute(
            "insert into deconfliction_declaration (id, holding_id, agency_id, case_id, subject, label, purpose, contact,"
            " operation, begins_at, ends_at, latitude, longitude, radius_metres, place, place_key, declared_by_id, declared_at,"
            " withdrawn_because) select md5('d'||n)::uuid, p.holding_id, p.agency_id, p.case_id,"
            " case when n %% 10 = 0 then 'operation' else 'target' end, 'Standing '||n, 'Bulk', '',"
            " case when n %% 10 = 0 then 'warrant' else '' end,"
            " now() + (n %% 3000) * interval '1 hour', now() + (n %% 3000 + 2) * interval '1 hour' + interval '60 days',"
            " case when n %% 10 = 0 then 50 + (n %% 1000) / 250.0 end,"
            " case when n %% 10 = 0 then -3 + (n %% 777) / 200.0 end, 500, '', '', k.opened_by_id, now() - interval '9 days', ''"
            " from generate_series(1, %s) n join places p on p.turn = n %% %s join cases_case k on k.id = p.case_id",
            [int(declared), CASES],
        )
        # The operations of the bulk end within their day, so that they neither last for months nor meet the measured place.
        cursor.execute(
            "update deconfliction_declaration set ends_at = begins_at + interval '2 hours' where subject = 'operation'"
        )
        cursor.execute(
            "insert into deconfliction_declaredvalue (id, holding_id, agency_id, declaration_id, kind, raw, normal, generic)"
            " select md5('v'||d.label)::uuid, holding_id, agency_id, id, 'email', label, md5(label)||'@example.org', false"
            " from deconfliction_declaration d where subject = 'target'"
        )
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze evidence_record, evidence_claim, entities_identifier, deconfliction_declaration,"
                       " deconfliction_declaredvalue")  # fmt: skip
        cursor.execute("select count(*) from evidence_claim")
        claims = cursor.fetchone()[0]
    return {"identifiers": claims, "declarations": int(declared), "seconds": round(time.perf_counter() - begun, 1)}


class Sides:
    """The officers of the agencies, and what their cases are told; as the web role."""

    def __init__(self) -> None:
        from opencets_web.policy.acting import acting_as
        from opencets_web.policy.officers import actor_by_email

        with acting_as(None):
            self.actors = [actor_by_email(f"officer@{name.lower()}.example.org") for name in AGENCIES]

    def told(self, side: int, reference: str) -> list[str]:
        """The values that stand in the conflicts of a case, as its officer is told them."""
        from opencets_web.deconfliction.models import Conflict
        from opencets_web.leads.models import Alert
        from opencets_web.policy import door
        from opencets_web.policy.acting import acting_as

        actor = self.actors[side]
        with acting_as(actor.officer_id):
            alerted = {
                url.split("/")[2]
                for url in door.visible(actor, Alert.objects.filter(case__reference=reference)).values_list(
                    "subject_url", flat=True
                )
                if url.startswith("/conflicts/")
            }
            rows = door.visible(actor, Conflict.objects.filter(case__reference=reference, id__in=alerted))
            return [str(part["value"]) for parts in rows.values_list("parts", flat=True) for part in parts]

    def wait(self, begun: float, *expected: tuple[int, str, str]) -> float:
        """Seconds until every one of these sides is told of its value."""
        open_sides = list(expected)
        while open_sides:
            open_sides = [(side, case, value) for side, case, value in open_sides if value not in self.told(side, case)]
            if time.perf_counter() - begun > MOST_SECONDS:
                raise RuntimeError(f"Not told within {MOST_SECONDS:.0f} s: {open_sides}")
            if open_sides:
                time.sleep(0.002)
        return time.perf_counter() - begun


def turns(count: str, identifiers: str, folder: str) -> dict[str, Any]:
    """Every way in which a conflict comes to be, so many times; while server and workers run."""
    sides, total = Sides(), int(identifiers)
    took: dict[str, list[float]] = {"target": [], "operation": [], "record": []}
    for turn in range(int(count)):
        # Record n // 10 stands in case (n // 10) % 100, and that case belongs to agency of the same number % 4.
        value = f"p{(turn * 7919 * 4 + 1) * 10 % total}@example.org"
        place = (turn * 7919 * 4 + 1) % (total // 10) % CASES
        took["target"].append(_target(sides, turn, value, place))
        _nobody_and_silent(sides, turn, total)
        took["operation"].append(_operation(sides, turn))
        took["record"].append(_record(sides, turn, Path(folder)))
    return {name: [round(seconds, 3) for seconds in times] for name, times in took.items()}


def _case(place: int) -> str:
    return f"{AGENCIES[place % 4][:2].upper()}-{place:04}"


def _declare(sides: Sides, place: int, text: str) -> Any:
    from opencets_web.deconfliction.actions import declare_target
    from opencets_web.deconfliction.values import values_of
    from opencets_web.policy.acting import acting_as

    actor = sides.actors[place % 4]
    with acting_as(actor.officer_id):
        return declare_target(actor, _case(place), values_of(text)[0], purpose="Measured")


def _compared(sides: Sides, place: int, made: Any) -> None:
    from opencets_web.deconfliction.models import Declaration
    from opencets_web.policy.acting import acting_as

    until = time.monotonic() + MOST_SECONDS
    while time.monotonic() < until:
        with acting_as(sides.actors[place % 4].officer_id):
            if Declaration.objects.get(pk=made).compared_at is not None:
                return
        time.sleep(0.005)
    raise RuntimeError("A declaration was never compared.")


def _target(sides: Sides, turn: int, value: str, place: int) -> float:
    """Avon declares what Borders' record holds."""
    assert place % 4 == 1, "the value is not of Borders"
    own = turn % (CASES // 4) * 4
    _declare(sides, own, value)
    begun = time.perf_counter()
    return sides.wait(begun, (0, _case(own), value), (1, _case(place), value))


def _nobody_and_silent(sides: Sides, turn: int, total: int) -> None:
    """What nobody holds is told to nobody; what a silent owner holds is told to that owner alone."""
    own = (turn + 3) % (CASES // 4) * 4
    nobody = f"nobody{turn}@example.org"
    _compared(sides, own, _declare(sides, own, nobody))
    record = (turn * 7919 * 4 + 3) % (total // 10)
    value = f"p{record * 10}@example.org"
    _compared(sides, own, _declare(sides, own, value))
    told = sides.told(0, _case(own))
    assert nobody not in told, "told of what nobody holds"
    assert value not in told, "told of what a silent owner holds"
    assert value in sides.told(3, _case(record % CASES)), "the silent owner was not told who asked"


def _operation(sides: Sides, turn: int) -> float:
    """Avon and Borders plan at the same time and place."""
    from opencets_web.deconfliction.actions import declare_operation
    from opencets_web.policy.acting import acting_as

    begins = datetime.now(UTC) + timedelta(days=200 + turn)
    for place, later in ((0, 0), (1, 1)):
        actor = sides.actors[place]
        with acting_as(actor.officer_id):
            made = declare_operation(
                actor, _case(place), operation="warrant", begins_at=begins + timedelta(hours=later),
                ends_at=begins + timedelta(hours=later + 2), purpose="Measured", position=(58.1, -6.4), radius_metres=300,
                label=f"Operation {turn}",
            )  # fmt: skip
        begun = time.perf_counter()
        if not later:
            _compared(sides, place, made)
    return sides.wait(begun, (0, _case(0), f"Operation {turn}"), (1, _case(1), f"Operation {turn}"))


def _record(sides: Sides, turn: int, folder: Path) -> float:
    """Avon has declared what a file of Cambria says that is handed in now; from when its record was kept."""
    from opencets_web.evidence.actions import receive_path
    from opencets_web.evidence.models import Record
    from opencets_web.policy.acting import acting_as

    own, theirs, value = (turn + 7) % (CASES // 4) * 4, 2, f"later{turn}@example.org"
    _compared(sides, own, _declare(sides, own, value))
    source = folder / f"turn-{turn}"
    source.mkdir(parents=True)
    (source / "contacts.csv").write_text(f"Name,E-mail\nAda Example {turn},{value}\n")
    actor = sides.actors[theirs]
    exhibit = receive_path(actor, _case(theirs), source)[0]
    sides.wait(time.perf_counter(), (0, _case(own), value), (theirs, _case(theirs), value))
    seen = datetime.now(UTC)
    with acting_as(actor.officer_id):
        kept = Record.objects.filter(exhibit_id=exhibit, claims__normal=value).order_by("read_at").first()
    assert kept is not None
    return (seen - kept.read_at).total_seconds()


def check(count: str) -> dict[str, Any]:
    """Exactly the planted conflicts, as the owner of the tables counts them."""
    from opencets_web.deconfliction.models import Conflict, ConflictSecret

    expected = int(count)
    secrets = {subject: ConflictSecret.objects.filter(subject=subject).count() for subject in ("target", "operation")}
    # Each turn: one target both know, one that its silent owner alone knows, one found in a file; and one operation.
    assert secrets == {"target": 3 * expected, "operation": expected}, secrets
    assert Conflict.objects.count() == 2 * 3 * expected + expected, Conflict.objects.count()
    return {"conflicts": sum(secrets.values()), "planted": 4 * expected, "sides_told": Conflict.objects.count()}


ACTS = {"fill": fill, "turns": turns, "check": check}


def measure(identifiers: int, declared: int, count: int, place: Path | None) -> dict[str, Any]:
    """All figures, in a scratch home with server and workers of its own."""
    from import_evidence import Home

    script = str(Path(__file__).resolve())
    with tempfile.TemporaryDirectory(prefix="opencets-deconfliction-") as scratch:
        os.chmod(scratch, 0o711)
        with Home((place or Path(scratch)) / "home") as home:
            figures: dict[str, Any] = {
                "filled": home.act_of(script, "superuser", "fill", str(identifiers), str(declared))
            }
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = str(free.getsockname()[1])
            server = subprocess.Popen(
                [home.opencets, "serve", "--port", port], env=home.environment, stdout=subprocess.DEVNULL
            )
            try:
                _until_served(port)
                took = home.act_of(script, "web", "turns", str(count), str(identifiers), str(Path(scratch) / "files"))
            finally:
                server.send_signal(signal.SIGINT)
                server.wait(60)
            home._run([home.opencets, "database", "start"])
            figures["correct"] = home.act_of(script, "owner", "check", str(count))
    for name, times in took.items():
        figures[name] = {
            "seconds_median": statistics.median(times), "seconds_most": max(times), "seconds": times,
            "within_goal": statistics.median(times) < GOAL_SECONDS,
        }  # fmt: skip
    return figures


def _until_served(port: str) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", int(port)), timeout=1):
                time.sleep(3)  # the workers begin beside it
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("The server did not begin.")


def main() -> None:
    if len(sys.argv) > 2 and sys.argv[1] == "--act":
        import django

        django.setup()
        print(json.dumps(ACTS[sys.argv[2]](*sys.argv[3:])))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument(
        "--identifiers", type=int, default=1_000_000, help="identifiers in the cases; a multiple of 10,000"
    )
    parser.add_argument("--declared", type=int, default=20_000, help="standing declarations")
    parser.add_argument("--turns", type=int, default=7, help="how often each way is measured")
    parser.add_argument("--place", type=Path, help="a folder for the scratch home (default: the system's)")
    given = parser.parse_args()
    figures = measure(given.identifiers, given.declared, given.turns, given.place)
    facts = {"benchmark": "deconfliction", "python": platform.python_version(), "machine": platform.machine(),
             "cores": os.cpu_count(), "load_before": round(os.getloadavg()[2], 2)}  # fmt: skip
    print(json.dumps(facts | {"figures": figures}, indent=1))


if __name__ == "__main__":
    main()
