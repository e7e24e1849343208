"""A served OpenCETS with a small invented world: two agencies, six cases, four officers, and a package not yet handed in.

``Served.start(home)`` runs the real ``opencets serve`` on a free port and loads the world through the real ways in. As a
program: ``python tests/browser/world.py HOME`` serves it until Ctrl-C, for looking at pages by hand; where ``OPENCETS_SERVED``
names that folder, the tests walk through it instead of a new one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery staple"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
SEED = 7

INES = "ines.marlow@avon.example.org"
TOMAS = "tomas.reddy@avon.example.org"
PAVEL = "pavel.quist@avon.example.org"
ODILE = "odile.frey@avon.example.org"
NOOR = "noor.calloway@borders.example.org"
BRIGID = "brigid.hale@borders.example.org"
WORKS_FOR = {"Avon": INES, "Borders": BRIGID}
LOADED = ("AV-2026-0001", "AV-2026-0002", "AV-2026-0004", "BO-2026-0001", "BO-2026-0003", "BO-2026-0007")
GRADED = "AV-2026-0004"
"""The case that gets a memory card with two series, some of it graded."""
PARTNER = "BO-2026-0001"
"""The case of the other agency that the package in ``drop-in`` connects to, through a near-duplicate picture."""


def one_time_code(secret: str = SECRET, at: float | None = None) -> str:
    """The six digits of RFC 6238 (SHA-1, 30 seconds) for an instant, now by default."""
    counter = struct.pack(">Q", int(time.time() if at is None else at) // 30)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    number = struct.unpack_from(">I", digest, digest[-1] & 15)[0] & 0x7FFFFFFF
    return f"{number % 10**6:06d}"


class Served:
    """The address of a running system, its home, and the folder of packages."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.packages = home.parent / f"{home.name}-packages"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.address = f"http://localhost:{self.port}"
        self.log = home.parent / f"{home.name}.log"
        self._serving: subprocess.Popen[bytes] | None = None
        self.keeper = 0

    @property
    def drop_in(self) -> Path:
        """The folder that a test drops into a new case."""
        return self.packages / "drop-in" / "new-package"

    @classmethod
    def found(cls, home: Path) -> Served:
        """The system that this file, run as a program, serves from ``home``."""
        system = cls(home)
        told = json.loads((home / "run" / "served.json").read_text())
        system.port, system.address, system.keeper = told["port"], told["address"], told["keeper"]
        return system

    def environment(self) -> dict[str, str]:
        """The environment of every program of this system: its own home, whatever the suite around it uses."""
        kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "OPENCETS_DB_ROLE"}}
        path = os.pathsep.join([str(REPOSITORY / "src"), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        # The tests' identity providers run on this machine.
        own = {
            "OPENCETS_HOME": str(self.home), "PYTHONPATH": path, "OPENCETS_PRIVATE_PROVIDERS": "localhost,127.0.0.1",
            "OPENCETS_ADDRESS": self.address,
        }  # fmt: skip
        return {**kept, **own}

    def start(self) -> None:
        """Serve, load the world where it is not there, and wait until its connections are found."""
        loaded = (self.packages / "known.csv").exists()
        self.serve()
        if loaded:
            return
        for step in ("people", "cases"):
            self.load(step)

    def load(self, step: str) -> None:
        """Load a part of the world: people, cases, or what both agencies do together."""
        line = [sys.executable, __file__, "--load", step, str(self.packages)]
        subprocess.run(line, env=self.environment(), check=True)

    def serve(self) -> None:
        """Start web server and workers; returns once the sign-in page answers."""
        command = [sys.executable, "-m", "opencets.cli.main", "serve", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self._serving = subprocess.Popen(command, env=self.environment(), stdout=log, stderr=subprocess.STDOUT)
        self.keeper = self._serving.pid
        self.wait_until_up(250)

    def wait_until_up(self, seconds: float = 60) -> None:
        """Return once the server answers; the end of its log where it does not."""
        end = time.monotonic() + seconds
        while True:
            try:
                urllib.request.urlopen(f"{self.address}/healthz", timeout=2).close()
                return
            except (OSError, urllib.error.HTTPError):
                if time.monotonic() > end or (self._serving and self._serving.poll() is not None):
                    raise AssertionError(f"Nothing is served:\n{self.log.read_text()[-3000:]}") from None
                time.sleep(0.2)

    def kill_web_server(self) -> None:
        """End the web server's process at once, as the kernel would for lack of memory; its keeper starts another."""
        parent = str(self.keeper)
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                words = stat.read_text().rpartition(")")[2].split()
                line = (stat.parent / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[1] == parent and b"web" in line:
                os.kill(int(stat.parent.name), signal.SIGKILL)
                return
        raise AssertionError("The web server's process was not found.")

    def stop(self) -> None:
        """End what ``serve`` started."""
        if self._serving is not None:
            self._serving.terminate()
            self._serving.wait(60)


def _make_people() -> None:
    """Agencies and officers, each with the password and the secret that the tests know."""
    from opencets import rehearsal
    from opencets_web.commands.opened import opened

    world = rehearsal.build(SEED, rehearsal.Size.demonstration())
    with opened("owner"):
        from opencets_web.accounts.entrance import make_officer
        from opencets_web.accounts.models import Agency

        agencies = {}
        for agency in world.agencies:
            fields = ("name", "short_name", "country", "contact_name", "contact_phone", "contact_email")
            agencies[agency.short_name] = Agency.objects.create(**{name: getattr(agency, name) for name in fields})
        for officer in world.officers:
            make_officer(
                agencies[officer.agency],
                officer.email,
                officer.display_name,
                list(officer.roles),
                password=PASSWORD,
                secret=SECRET,
            )


def _hand_in_cases(folder: Path) -> None:
    """Open the cases and receive their packages as their officers; wait until all is read and connected."""
    from opencets import rehearsal
    from opencets_web.commands.opened import opened

    world = rehearsal.build(SEED, rehearsal.Size.demonstration())
    for case in world.cases:
        if case.reference in LOADED:
            rehearsal.write_case(world, case, folder / case.reference)
    rehearsal.write_case(world, world.drop_in, folder / "drop-in" / "new-package")
    _write_hash_set(world, folder)
    (folder / "drop-in" / "new-package" / "broken.zip").write_bytes(b"PK\x03\x04 not an archive any more")
    with opened("web"):
        from opencets_web.cases.actions import open_case
        from opencets_web.commands.evidence import follow, receive
        from opencets_web.policy.acting import acting_as
        from opencets_web.policy.officers import actor_by_email

        waiting = []
        for case in world.cases:
            if case.reference not in LOADED:
                continue
            with acting_as(None):
                actor = actor_by_email(WORKS_FOR[case.agency])
            with acting_as(actor.officer_id):
                open_case(actor, reference=case.reference, title=case.title, kind=case.kind)
            waiting.append((actor, receive(actor, case.reference, folder / case.reference)[0]))
        for actor, exhibit_id in waiting:
            follow(actor, exhibit_id)


def _work_together() -> None:
    """What both agencies do together in the demonstration: a joint case, conflicts, data requests, a package."""
    from opencets import rehearsal
    from opencets_web.commands.opened import opened

    world = rehearsal.build(SEED, rehearsal.Size.demonstration())
    with opened("web"):
        from opencets_web.commands.joint_work import work_together
        from opencets_web.policy.acting import acting_as
        from opencets_web.policy.officers import actor_by_email

        with acting_as(None):
            ines, tomas, brigid = (actor_by_email(email) for email in (INES, TOMAS, BRIGID))
        work_together([ines, tomas], [brigid], [case for case in world.cases if case.reference in LOADED])


def _grade(folder: Path) -> None:
    """A memory card in a case, its series, and some votes, as in the demonstration."""
    from opencets_web.commands.opened import opened

    with opened("web"):
        from opencets_web.commands.joint_work import grade_together
        from opencets_web.policy.acting import acting_as
        from opencets_web.policy.officers import actor_by_email

        with acting_as(None):
            ines, tomas = (actor_by_email(email) for email in (INES, TOMAS))
        grade_together([ines, tomas], GRADED, folder / "memory-card")


def _see_computers(folder: Path) -> None:
    """The tree of jurisdictions as owner, then the invented computers as the officer who hands them in, each in a process."""
    from opencets_web.commands.opened import opened

    role = "owner" if folder.name == "tree" else "web"
    with opened(role):
        from opencets_web.commands.computers import enter_jurisdictions, hand_in_sightings
        from opencets_web.policy.acting import acting_as
        from opencets_web.policy.officers import actor_by_email

        if role == "owner":
            enter_jurisdictions()
            return
        with acting_as(None):
            ines = actor_by_email(INES)
        hand_in_sightings(ines, folder / "sightings")


def _supervise() -> None:
    """Two supervised people with three devices, as the demonstration has them; Ines supervises, Tomas looks first."""
    from opencets_web.commands.opened import opened

    with opened("web"):
        from opencets_web.commands.supervised import show_supervision
        from opencets_web.policy.acting import acting_as
        from opencets_web.policy.officers import actor_by_email

        with acting_as(None):
            ines, tomas = actor_by_email(INES), actor_by_email(TOMAS)
        show_supervision(ines, tomas)


def _write_hash_set(world: object, folder: Path) -> None:
    """A list of known files that names three pictures of the package, as CSV."""
    from opencets.rehearsal.packages import picture_bytes
    from opencets.rehearsal.world import PictureCard, World

    assert isinstance(world, World)
    pictures = [card for card in world.drop_in.cards if isinstance(card, PictureCard)][-3:]
    lines = [
        f"{hashlib.md5(content).hexdigest()},{hashlib.sha1(content).hexdigest()},2"
        for content in (picture_bytes(world, card) for card in pictures)
    ]
    (folder / "known.csv").write_text("\n".join(["MD5,SHA1,Category", *lines]) + "\n")


def _main(arguments: list[str]) -> None:
    if arguments[0] == "--load":
        if arguments[1] == "together":
            return _work_together()
        if arguments[1] in ("tree", "computers"):
            return _see_computers(Path(arguments[2]) / arguments[1])
        if arguments[1] == "supervised":
            return _supervise()
        if arguments[1] == "graded":
            return _grade(Path(arguments[2]))
        return _make_people() if arguments[1] == "people" else _hand_in_cases(Path(arguments[2]))
    served = Served(Path(arguments[0]).resolve())
    began = time.monotonic()
    try:
        served.start()
        told = {"port": served.port, "address": served.address, "keeper": served.keeper}
        (served.home / "run" / "served.json").write_text(json.dumps(told))
        sys.stdout.write(json.dumps({"address": served.address, "seconds": round(time.monotonic() - began, 1)}) + "\n")
        sys.stdout.flush()
        signal.pause()
    except KeyboardInterrupt:
        served.stop()
    return None


if __name__ == "__main__":
    _main(sys.argv[1:])
