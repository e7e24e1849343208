"""``opencets export``: a case, or exhibits of it, as a signed package in a file."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from opencets.errors import ActRefused, NotFound
from opencets_web.commands.opened import opened

console = Console(highlight=False, soft_wrap=True)


@click.command()
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--case", "reference", required=True, help="The case's number.")
@click.option(
    "--format", "named", type=click.Choice(["case-uco", "vics", "disclosure"]), required=True, help="What is inside."
)
@click.option(
    "--by",
    "--as",
    "email",
    envvar="OPENCETS_OFFICER",
    help="The officer who releases it, by e-mail address (OPENCETS_OFFICER).",
)
@click.option("--to", "recipients", required=True, help="Who receives it.")
@click.option("--purpose", required=True, help="For what it is released.")
@click.option("--conditions", default="", help="Under which conditions; required where the case has handling code C.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The day until which it may be used.")
@click.option(
    "--exhibit", "exhibits", multiple=True, help="Only this exhibit; may be repeated. The whole case where absent."
)
@click.option("--originals", multiple=True, help="The files of this exhibit go along as received; may be repeated.")
@click.option(
    "--other-cases", is_flag=True, help="Findings that reach into other cases of the own agency with code P go along."
)
@click.option("--json", "as_json", is_flag=True, help="What was made as one JSON value on standard output.")
def export(
    out: Path, reference: str, named: str, email: str | None, recipients: str, purpose: str, conditions: str,
    until: datetime | None, exhibits: tuple[str, ...], originals: tuple[str, ...], other_cases: bool, as_json: bool,
) -> None:  # fmt: skip
    """Write a case as a signed package into OUT, which anyone verifies offline with the verify.py inside.

    Refused are: what another agency owns or brought in, an officer without the right to release, a file that is there
    already. OUT appears whole or not at all; what was released is kept in the case's list of packages for ever.
    """
    if not out.absolute().parent.is_dir():
        raise NotFound(f"{out.parent} is no folder on this machine; nothing was released.")
    if out.exists():
        raise ActRefused(f"{out} is there already; name a new file.")
    with opened("jobs"):
        from opencets_web.disclosure.actions import write_package
        from opencets_web.disclosure.gathering import Choice
        from opencets_web.policy.acting import acting_as
        from opencets_web.policy.officers import actor_by_email

        if not email:
            raise ActRefused("Say who releases it: --by EMAIL, or OPENCETS_OFFICER; opencets officer list names them.")
        with acting_as(None):
            actor = actor_by_email(email)
        day: date | None = until.date() if until else None
        choice = Choice(named, recipients, purpose, conditions, day, exhibits, originals, other_cases)
        with _bar() as bar:
            task = bar.add_task(f"Packing {reference}", total=None)
            package_id, digest, size = write_package(
                actor, reference, choice, out.absolute(), began=lambda total: bar.update(task, total=max(total, 1)),
                tick=lambda count: bar.advance(task, count),
            )  # fmt: skip
    if as_json:
        click.echo(json.dumps({"package": str(package_id), "file": str(out), "size": size, "sha256": digest}))
        return
    console.print(f"{reference} is written to {out}: {size} bytes.", markup=False)
    console.print(f"SHA-256 {digest}", markup=False)
    console.print("Anyone verifies it offline: unpack verify.py from it, then python3 verify.py PACKAGE.")


@contextlib.contextmanager
def _bar() -> Iterator[Progress]:
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        yield bar


COMMANDS: tuple[click.Command, ...] = (export,)
