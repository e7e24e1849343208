"""``opencets import``: a file, folder or archive into a case, followed to its reading report."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from opencets.errors import ActRefused, Interrupted, NotFound
from opencets_web.commands.opened import opened

if TYPE_CHECKING:
    from opencets_web.desk.following import Standing
    from opencets_web.policy.actor import Actor

console = Console(highlight=False, soft_wrap=True)
ASK_SECONDS = 0.4
WORKER_SILENT_SECONDS = 30.0
DATABASE_SILENT_SECONDS = 60.0
"""How long a database that starts again is waited for."""
MOST_TURNS = 8
"""How often the later work is begun anew where it ended early; a job that failed waits a while before it is tried again."""


@click.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--case", "reference", required=True, help="The case's number.")
@click.option(
    "--as", "email", envvar="OPENCETS_OFFICER", help="The officer who brings it, by e-mail address (OPENCETS_OFFICER)."
)
@click.option("--title", default="", help="What the exhibit is called; the name of PATH where not given.")
@click.option(
    "--format", "named", default="auto", show_default=True, help="The format, where it is not to be recognised."
)
@click.option("--json", "as_json", is_flag=True, help="The reading report as one JSON value on standard output.")
@click.pass_context
def import_path(
    ctx: click.Context, path: Path, reference: str, email: str | None, title: str, named: str, as_json: bool
) -> None:
    """Receive PATH into a case, have it read and connected, and print the reading report.

    Exit 0 when all was read, 1 when something was skipped (the report names each place), 2 when it was refused. After Ctrl-C
    what was received stays received, and workers go on with it.
    """
    if not path.exists():
        raise NotFound(f"{path} is neither a file nor a folder on this machine; nothing was received.")
    with opened("web"):
        from opencets_web.policy.acting import acting_as
        from opencets_web.policy.officers import actor_by_email

        if not email:
            raise ActRefused("Say who brings it: --as EMAIL, or OPENCETS_OFFICER; opencets officer list names them.")
        with acting_as(None):
            actor = actor_by_email(email)
        exhibit_id, left_out = receive(actor, reference, path, title=title, named=named)
        standing = follow(actor, exhibit_id)
        report = _report(actor, exhibit_id, standing, left_out)
    if as_json:
        click.echo(json.dumps(report, indent=1, ensure_ascii=False))
    else:
        _print(report)
    if standing.refused:
        ctx.exit(2)
    if report["lines_skipped"] or left_out:
        ctx.exit(1)


def receive(
    actor: Actor, reference: str, path: Path, *, title: str = "", named: str = "auto"
) -> tuple[UUID, tuple[str, ...]]:
    """Receive ``path`` into a case with a bar; the exhibit's id and what was left out, each with why."""
    from opencets_web.evidence.actions import receive_path

    options = {} if named == "auto" else {"format": named}
    with _bar() as bar:
        task = bar.add_task("Receiving", total=None, unit="files")
        return receive_path(
            actor, reference, path, title=title, options=options, progress=lambda files, _size: bar.advance(task, files)
        )


def follow(actor: Actor, exhibit_id: UUID, *, connect: bool = True) -> Standing:
    """Wait until the exhibit is read (and connected), with a bar; where no worker runs, the work is done here.

    Interrupted: the work ended early again and again; it is taken up by the next worker.
    """
    from django.db import OperationalError, connection

    from opencets_web.desk.following import get_standing
    from opencets_web.policy.acting import acting_as

    own: subprocess.Popen[bytes] | None = None
    turns, silent = 0, 0.0
    try:
        with _bar() as bar:
            task = bar.add_task("Reading", total=None, unit="files")
            while True:
                try:
                    with acting_as(actor.officer_id):
                        standing = get_standing(actor, exhibit_id)
                except OperationalError as away:
                    silent = silent or time.monotonic()
                    connection.close()
                    if time.monotonic() - silent > DATABASE_SILENT_SECONDS:
                        raise Interrupted(
                            f"The database does not answer ({str(away).strip().splitlines()[0]}). "
                            "What was received is kept; workers go on with it when the database is back."
                        ) from away
                    time.sleep(ASK_SECONDS)
                    continue
                silent = 0.0
                step = "Reading" if standing.reading else "Connecting"
                bar.update(task, description=step, total=max(standing.files_found, 1), completed=standing.files_read)
                if standing.ended(connect=connect):
                    return standing
                if own is not None and own.poll() is not None:
                    own, turns = None, turns + 1
                    time.sleep(min(turns, 4))
                elif own is None and standing.workers_silent(WORKER_SILENT_SECONDS):
                    if turns >= MOST_TURNS:
                        raise Interrupted(
                            f"{standing.reference} is received, and its reading ended early {turns} times: "
                            f"{standing.trouble or 'see the log'}. "
                            "Nothing received is lost; `opencets worker` takes it up again."
                        )
                    own = subprocess.Popen(
                        [sys.executable, "-m", "opencets_web.commands.evidence"],
                        env={**os.environ, "OPENCETS_DB_ROLE": "jobs", "OPENCETS_PARENT": str(os.getpid())},
                        stdout=subprocess.DEVNULL,
                    )
                time.sleep(ASK_SECONDS)
    finally:
        if own is not None and own.poll() is None:
            own.terminate()
            own.wait(30)


def work_until_done() -> None:
    """Do all later work that waits, then end; in a process of its own, as the role ``jobs``."""
    from opencets_web.commands.children import end_with_parent

    end_with_parent()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opencets_web.config.settings")
    import django

    django.setup()
    from procrastinate.contrib.django import app

    with app.replace_connector(app.connector.get_worker_connector()):  # type: ignore[attr-defined]
        app.run_worker(
            queues=["reading", "linking", "default"],
            name=f"import-{os.getpid()}",
            concurrency=1,
            wait=False,
            listen_notify=False,
            update_heartbeat_interval=5.0,
            delete_jobs="never",
        )


def _report(actor: Actor, exhibit_id: UUID, standing: Standing, left_out: tuple[str, ...]) -> dict[str, Any]:
    from opencets_web.desk.following import get_summary
    from opencets_web.policy.acting import acting_as

    with acting_as(actor.officer_id):
        summary = get_summary(actor, exhibit_id)
    return {**asdict(summary), "exhibit_id": str(exhibit_id), "left_out": list(left_out)}


def _print(report: dict[str, Any]) -> None:
    console.print(f"\n{report['case']} › {report['exhibit']} {report['title']}: {report['state']}", markup=False)
    console.print(
        f"  {report['files_read']} files read, {report['records']} records, {report['lines_skipped']} not read"
    )
    for name, files, records in report["formats"]:
        console.print(f"  {name}: {files} files, {records} records", markup=False)
    if report["connections"]:
        console.print(f"  {report['connections']} connections to other cases; new alerts: {report['alerts']}")
    for line in report["skipped"][:50]:
        console.print(
            f"  - {line['path']}{' › ' + line['place'] if line['place'] else ''}: {line['sentence']}", markup=False
        )
    for sentence in report["left_out"]:
        console.print(f"  - {sentence}", markup=False)
    if len(report["skipped"]) > 50:
        console.print(f"  and {len(report['skipped']) - 50} more; --json gives all of them.")


@contextlib.contextmanager
def _bar() -> Iterator[Progress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed} of {task.total} {task.fields[unit]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        yield bar


@click.group("hash-set")
def hash_set() -> None:
    """Lists of known files."""


@hash_set.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--name", required=True, help="What the list is called.")
@click.option("--source", required=True, help="Whom it comes from.")
@click.option("--authority", required=True, help="The legal basis on which it is used.")
@click.option(
    "--as", "email", envvar="OPENCETS_OFFICER", required=True, help="The officer who brings it, by e-mail address."
)
@click.option("--version", default="", help="Which version of the list it is.")
@click.option("--negative", is_flag=True, help="What it names is never marked as known.")
@click.option(
    "--supersedes", default="", help="The older version whose place it takes: its name and version, or its id."
)
@click.option(
    "--scheme", default="", help="The category scheme where the file does not name one, for example UK or US."
)
@click.option("--algorithm", type=click.Choice(["sha256", "pdq"]), help="What bare lines of 64 digits are.")
def import_hash_set(file: Path, email: str, supersedes: str, **stated: Any) -> None:
    """Take FILE in as a list of known files, encrypted; a worker reads it and matches it with all kept media.

    An older version that it takes the place of is withdrawn once FILE is read.
    """
    if not file.is_file():
        raise NotFound(f"{file} is no file on this machine; nothing was taken in.")
    name = stated["name"]
    options = {said: stated.pop(said) or "" for said in ("scheme", "algorithm")}
    with opened("web"):
        from opencets_web.media import actions
        from opencets_web.media.queries import get_replaceable
        from opencets_web.policy.acting import acting_as
        from opencets_web.policy.officers import actor_by_email

        with acting_as(None):
            actor = actor_by_email(email)
        with acting_as(actor.officer_id):
            older = get_replaceable(actor, supersedes) if supersedes else None
        stated["options"] = {said: value for said, value in options.items() if value}
        actions.import_hash_set(actor, file, supersedes=older, **stated)
    console.print(f"{name} is taken in; how far its reading is stands under Known files.", markup=False)


@hash_set.command("authorise")
@click.argument("table", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--as", "email", envvar="OPENCETS_OFFICER", required=True, help="The supervisor who signs it, by e-mail address."
)
@click.option("--name", required=True, help="What the list is called.")
@click.option("--order", required=True, help="The order or authority under which is looked, as a court will read it.")
@click.option("--purpose", required=True, help="For what it is looked.")
@click.option("--from", "begins_on", required=True, type=click.DateTime(["%Y-%m-%d"]), help="The first day.")
@click.option("--until", "ends_on", required=True, type=click.DateTime(["%Y-%m-%d"]), help="The last day.")
def authorise_sensor(
    table: Path, out: Path, email: str, purpose: str, begins_on: datetime, ends_on: datetime, **said: str
) -> None:
    """Sign the files of TABLE into OUT as what a sensor may look for; without it, no sensor starts.

    TABLE is a CSV with the columns network and file, where known also pieces (how many the file has) and trackers, with
    spaces between. The act stands in the log with its order, its purpose and how many files it names.
    """
    if out.exists():
        raise ActRefused(f"{out} is there already; name a new file. Nothing was signed.")
    with opened("web"):
        from opencets_web.media.actions import authorise_sensor as sign
        from opencets_web.policy.acting import acting_as
        from opencets_web.policy.officers import actor_by_email

        with acting_as(None):
            actor = actor_by_email(email)
        days = {"begins_on": begins_on.date().isoformat(), "ends_on": ends_on.date().isoformat()}
        written = sign(actor, table.read_text(encoding="utf-8"), purpose=purpose, **days, **said)
    with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(written)
    console.print(f"{out} is signed with the key {json.loads(written)['key']}: sensors trust it by that.", markup=False)


COMMANDS: tuple[click.Command, ...] = (import_path, hash_set)

if __name__ == "__main__":
    work_until_done()
