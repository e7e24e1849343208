"""The demonstration's world: invented agencies, officers and cases, loaded the way real evidence is, once per home.

``load`` is called by ``opencets demo`` before it serves. Each part runs in a process with the database role it needs: people as
owner, cases and packages as web, the reading and connecting as jobs. What was loaded before is left; a half-loaded world is
gone on with.
"""

from __future__ import annotations

import hmac
import json
import os
import subprocess
import sys
import time
from base64 import b32encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from opencets.errors import Interrupted
from opencets_web.commands import children
from opencets_web.commands.computers import enter_jurisdictions, hand_in_sightings
from opencets_web.commands.joint_work import grade_together, tie_together, work_together
from opencets_web.commands.marked_things import mark_things, receive_things
from opencets_web.commands.media_work import show_media_work
from opencets_web.commands.postgres import write_private
from opencets_web.commands.setup import running
from opencets_web.commands.supervised import show_supervision
from opencets_web.config.connection import url_stamp

if TYPE_CHECKING:
    from opencets.rehearsal import Case, World
    from opencets_web.policy.actor import Actor

SEED = 2026
MOST_SECONDS = 1_200.0
CALM_SECONDS = 240.0
"""How long nothing may move before the rest is left to the workers that serve."""


def load(home: Path, console: Console) -> list[str]:
    """Load the invented world where it is not there yet; the lines that tell how to sign in and what to try."""
    folder = home / "demonstration"
    marker = home / "run" / "demonstration-loaded"
    stamp = f"{SEED} {url_stamp()}"
    if not (marker.exists() and marker.read_text() == stamp):
        started = time.monotonic()
        with running(home, "serve"):
            _load(folder, console)
        write_private(marker, stamp)
        console.print(f"The invented world is loaded ({time.monotonic() - started:.0f} s).")
    return _lines(home, folder)


def _load(folder: Path, console: Console) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    shown = Console(stderr=True)
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as bar:
        task = bar.add_task("Drawing the world", total=None)

        def tell(step: str, done: int, total: int) -> None:
            if bar.disable and bar.tasks[task].description != step:
                shown.print(f"{step} ...")
            bar.update(task, description=step, completed=done, total=total or None)

        _write_world(folder, tell)
        for line in _part("people", folder, "owner"):
            tell(**line)
        workers = [children.worker_child(queue) for queue in ("reading", "linking", "default")]
        try:
            for worker in workers:
                worker.start()
            for line in _part("evidence", folder, "web"):
                tell(**line)
        finally:
            for worker in workers:
                if worker.running is not None:
                    worker.running.terminate()
            for worker in workers:
                if worker.running is not None:
                    worker.running.wait(60)
                    children.end_group(worker.running.pid)


def _write_world(folder: Path, tell: Any) -> None:
    from opencets.rehearsal import write

    written = folder / "written"
    if written.exists() and written.read_text() == str(SEED):
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write(_world(), folder, lambda done, total: tell("Drawing the world", done, total))
    written.write_text(str(SEED))


def _world() -> World:
    from opencets.rehearsal import Size, build

    return build(SEED, Size.demonstration())


def _part(name: str, folder: Path, role: str) -> Iterator[dict[str, Any]]:
    """Run one part in a process of its own; what it tells, line by line. Interrupted: it failed."""
    part = subprocess.Popen(
        [sys.executable, "-m", "opencets_web.commands.demonstration", name, str(folder)],
        env={
            **os.environ,
            "OPENCETS_DB_ROLE": role,
            "OPENCETS_PARENT": str(os.getpid()),
            "DJANGO_SETTINGS_MODULE": "opencets_web.config.settings",
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    if part.stdout is not None:
        for line in part.stdout:
            yield json.loads(line)
    if part.wait():
        raise Interrupted(f"The demonstration's {name} could not be loaded (see above); start it again to go on.")


def _tell(step: str, done: int, total: int) -> None:
    click.echo(json.dumps({"step": step, "done": done, "total": total}))


# --- As owner: who there is -----------------------------------------------------------------------


def make_people() -> None:
    """The invented agencies and officers, with passwords and one-time-code secrets that are fixed for this home."""
    from django.conf import settings
    from django.db import transaction

    from opencets_web.accounts.entrance import demonstration_secret, make_officer
    from opencets_web.accounts.models import Agency, Officer
    from opencets_web.audit import log
    from opencets_web.evidence import keyring

    world = _world()
    with transaction.atomic():
        for entry in world.agencies:
            contact = {
                name: getattr(entry, name) for name in ("country", "contact_name", "contact_phone", "contact_email")
            }
            _, made = Agency.objects.get_or_create(
                short_name=entry.short_name, defaults={"name": entry.name, **contact}
            )
            if made:
                log.record("agency.made", None, subject=f"agency:{entry.short_name}", details={"by": "demonstration"})
        for person in world.officers:
            if Officer.objects.filter(email=person.email).exists():
                continue
            make_officer(
                Agency.objects.get(short_name=person.agency),
                person.email,
                person.display_name,
                list(person.roles),
                password=password_of(settings.SECRET_KEY, person.email),
                secret=demonstration_secret(settings.SECRET_KEY, person.email),
            )
            log.record("account.made", None, subject=f"officer:{person.email}", details={"by": "demonstration"})
    enter_jurisdictions()
    keyring.ensure_keys()


def password_of(key: str, email: str) -> str:
    """The password of an invented officer: the same at each start of this home, another in each other home."""
    letters = b32encode(hmac.digest(key.encode(), f"password:{email}".encode(), sha256)).decode().lower()
    return "-".join(letters[at : at + 4] for at in range(0, 16, 4))


# --- As web: cases and packages -------------------------------------------------------------------


def bring_evidence(folder: Path) -> None:
    """Open each case as its officer, receive its package, and wait until all is read and connected."""
    from opencets_web.policy.acting import acting_as
    from opencets_web.policy.officers import actor_by_email

    world = _world()
    with acting_as(None):
        actors = {person.email: actor_by_email(person.email) for person in world.officers}
    working = {
        agency.short_name: [
            actors[person.email]
            for person in world.officers
            if person.agency == agency.short_name and actors[person.email].reads_cases
        ]
        for agency in world.agencies
    }
    _known_files(working["Avon"][-1], folder / "known-files.json")
    holds = {case.agency: case.reference for case in reversed(world.cases)}
    exhibits = []
    for number, case in enumerate(world.cases):
        _tell("Receiving packages", number, len(world.cases))
        actor = working[case.agency][0]
        _open_case(actor, working[case.agency][1:], case, number)
        exhibits.append((actor, _receive(actor, case, folder / case.agency / case.reference)))
        if case.reference == holds[case.agency]:
            receive_things(actor, case.reference, "tablet" if case.agency == "Avon" else "laptop", folder / "things")
    _wait(exhibits)
    _ask_for_a_release(working["Borders"][0], [case for case in world.cases if case.agency == "Borders"])
    _tell("Working together", len(world.cases), len(world.cases))
    work_together(working["Avon"], working["Borders"], world.cases)
    mine = [case.reference for case in world.cases if case.agency == "Avon"]
    show_media_work(working["Avon"], mine[-2:], folder / "media-work")
    grade_together([*working["Avon"], *working["Borders"]], world.cases[0].reference, folder / "memory-card")
    tie_together(working["Avon"][0], world.cases[0].reference, folder / "workshop")
    _tell("Marking places and things", len(world.cases), len(world.cases))
    mark_things(working["Avon"][0], world.cases[0].reference)
    hand_in_sightings(working["Avon"][0], folder / "sightings")
    show_supervision(working["Avon"][0], working["Avon"][1])


def _known_files(actor: Actor, path: Path) -> None:
    from opencets_web.media.actions import import_hash_set
    from opencets_web.media.models import HashSet
    from opencets_web.policy.acting import acting_as

    name = "Known files of the rehearsal"
    with acting_as(actor.officer_id):
        there = HashSet.objects.filter(name=name).exists()
    if not there and path.exists():
        import_hash_set(
            actor,
            path,
            name=name,
            source="Invented for the demonstration",
            authority="Drawn rooms; nothing real is known here.",
        )


def _open_case(actor: Actor, colleagues: list[Actor], case: Case, number: int) -> None:
    from opencets_web.cases.actions import add_note, add_number, join_case, open_case
    from opencets_web.cases.models import Case as KeptCase
    from opencets_web.policy.acting import acting_as

    with acting_as(actor.officer_id):
        if KeptCase.objects.filter(reference=case.reference).exists():
            return
        open_case(
            actor,
            reference=case.reference,
            title=case.title,
            kind=case.kind,
            summary="An invented case: its people, telephones, chats and pictures were made up for the demonstration.",
            disclosure="pointer" if number % 4 == 3 else "open",
        )
        add_number(actor, case.reference, "Provider report", f"{9_200_000 + 37 * number}")
        if number == 0:
            add_note(
                actor,
                case.reference,
                "Package received from the property store; the telephone is still with the laboratory.",
            )
        _lead(actor, case.reference, number)
    for colleague in colleagues[: number % 3]:
        with acting_as(colleague.officer_id):
            join_case(colleague, case.reference)


def _lead(actor: Actor, reference: str, number: int) -> None:
    """Put most cases under the usual checklist, and a clock: some overdue, some due soon, some on time."""
    from datetime import timedelta

    from django.utils import timezone

    from opencets_web.standards.actions import apply_checklist, mark_step, set_band
    from opencets_web.standards.queries import get_case_standards

    page = get_case_standards(actor, reference)
    turn = number // 2
    if turn % 5 == 4 or not page.offers or not page.bands:
        return
    clocks, _, band = page.bands[0].bands[turn % 3][0].partition(":")
    first = timezone.now() - timedelta(hours=(22, 12, 200, 30, 0)[turn % 5])
    why = ("The suspect lives with children.", "The suspect coaches a team.", "Nothing points to contact so far.")
    set_band(actor, reference, clocks=clocks, band=band, reason=why[turn % 3], first_information_at=first)
    checklist = page.offers[0].key
    apply_checklist(actor, reference, checklist)
    steps = get_case_standards(actor, reference).checklists[0].steps
    for step in [step for step in steps if not step.evidence or "reference" in step.evidence][: 1 + 3 * (turn % 4)]:
        mark_step(actor, reference, checklist=checklist, step=step.key, state="done", evidence=f"Enquiry {number + 3}")


def _receive(actor: Actor, case: Case, path: Path) -> Any:
    """The exhibit of the case's package; received now where it is not there, anew where it was broken off."""
    from opencets_web.evidence.actions import cancel_exhibit, receive_path
    from opencets_web.evidence.models import Exhibit, ExhibitState
    from opencets_web.policy.acting import acting_as

    with acting_as(actor.officer_id):
        for exhibit in Exhibit.objects.filter(case__reference=case.reference).exclude(state=ExhibitState.CANCELLED):
            if exhibit.state != ExhibitState.RECEIVING:
                return exhibit.id
            cancel_exhibit(actor, exhibit.id)
    exhibit_id, _ = receive_path(actor, case.reference, path, title=f"Package of {case.reference}")
    return exhibit_id


def _wait(exhibits: list[tuple[Actor, Any]]) -> None:
    from opencets_web.desk.following import get_standing
    from opencets_web.policy.acting import acting_as

    begun = moved = time.monotonic()
    before: tuple[int, int] = (-1, -1)
    while True:
        read = connected = found = 0
        for actor, exhibit_id in exhibits:
            with acting_as(actor.officer_id):
                standing = get_standing(actor, exhibit_id)
            read += standing.files_read
            found += max(standing.files_found, 1)
            connected += standing.ended(connect=True)
        if connected == len(exhibits):
            return
        if read < found:
            _tell("Reading packages", read, found)
        else:
            _tell("Searching for connections", connected, len(exhibits))
        if (read, connected) != before:
            before, moved = (read, connected), time.monotonic()
        if time.monotonic() - moved > CALM_SECONDS or time.monotonic() - begun > MOST_SECONDS:
            click.echo("The rest is read while it is being served.", err=True)
            return
        time.sleep(0.5)


def _ask_for_a_release(actor: Actor, cases: list[Case]) -> None:
    """One request between the agencies, so that a desk has something to answer."""
    from opencets.errors import ActRefused
    from opencets_web.cases.queries import get_frame
    from opencets_web.leads.queries import case_pointers
    from opencets_web.policy.acting import acting_as
    from opencets_web.sharing.actions import ask
    from opencets_web.sharing.models import Request

    with acting_as(actor.officer_id):
        if Request.objects.exists():
            return
        for case in cases:
            pointers = [row for row in case_pointers(actor, get_frame(actor, case.reference, "")) if row.may_request]
            if not pointers:
                continue
            try:
                ask(
                    actor, pointers[0].id, "The same account appears in our seized telephone; may we see what you have?"
                )
            except ActRefused:
                continue
            return


# --- What is told ---------------------------------------------------------------------------------


def _lines(home: Path, folder: Path) -> list[str]:
    world = _world()
    key = (home / "secrets" / "django-secret-key").read_text()
    told = ["", "Everybody here is invented. Sign in as:"]
    for person in world.officers:
        if "administrator" not in person.roles:
            password = password_of(key, person.email)
            told.append(
                f"  {person.display_name}, {person.agency} ({', '.join(person.roles)}): {person.email}  {password}"
            )
    first = world.officers[0].email
    told += [
        f"One-time code, asked for after the password; in another terminal: {_called()} officer code {first}",
        f"Try it: open the case {world.cases[0].reference}, drop this folder into Exhibits, and watch what connects:",
        f"  {folder / 'drop-in' / 'new-package'}",
    ]
    return told


def main(arguments: list[str]) -> None:
    """One part: ``people FOLDER`` or ``evidence FOLDER``."""
    children.end_with_parent()
    import django

    django.setup()
    if arguments[0] == "people":
        make_people()
    else:
        bring_evidence(Path(arguments[1]))


if __name__ == "__main__":
    main(sys.argv[1:])


def _called() -> str:
    """The command as it was called, so that a person can call it again from the same folder."""
    return sys.argv[0] if sys.argv[0].endswith("opencets") else "opencets"
