"""``opencets receive``: a package that another node released, checked and received into a case."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from opencets.errors import ActRefused, NotFound
from opencets_web.commands.evidence import follow
from opencets_web.commands.opened import opened

console = Console(highlight=False, soft_wrap=True)


@click.command()
@click.argument("package", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--case", "reference", required=True, help="The number of the case of your agency that receives it.")
@click.option(
    "--as",
    "email",
    envvar="OPENCETS_OFFICER",
    help="The officer who receives it, by e-mail address (OPENCETS_OFFICER).",
)
@click.option("--json", "as_json", is_flag=True, help="What was received as one JSON value on standard output.")
@click.pass_context
def receive(ctx: click.Context, package: Path, reference: str, email: str | None, as_json: bool) -> None:
    """Check PACKAGE in every byte, receive it into a case as an exhibit, and have it read.

    Refused are: a changed byte, a key that the agency has not entered or that speaks for another one, another recipient, a
    package that is here already, a case that is open to others under originator control. Nothing is unpacked before the check.
    """
    if not package.is_file():
        raise NotFound(f"{package} is no file on this machine; nothing was received.")
    with opened("web"):
        from opencets_web.policy.acting import acting_as
        from opencets_web.policy.officers import actor_by_email
        from opencets_web.releases.queries import get_received
        from opencets_web.releases.receiving import accept_part, bring_package

        if not email:
            raise ActRefused("Say who receives it: --as EMAIL, or OPENCETS_OFFICER; opencets officer list names them.")
        with acting_as(None):
            actor = actor_by_email(email)
        with package.open("rb") as stream:
            part_id = bring_package(actor, stream)
        with acting_as(actor.officer_id):
            accept_part(actor, part_id, reference)
            exhibit_id = get_received(actor, part_id).row.exhibit_id
        assert exhibit_id is not None
        standing = follow(actor, exhibit_id)
        with acting_as(actor.officer_id):
            row = get_received(actor, part_id).row
    if as_json:
        told = {"part": str(row.id), "case": row.case, "exhibit": row.exhibit, "from": row.agency, "sha256": row.sha256}
        click.echo(json.dumps({**told, "state": row.label, "files": standing.files_read}))
    else:
        console.print(f"{row.label}: {row.case} › {row.exhibit}, released by {row.agency}.", markup=False)
        console.print(f"SHA-256 {row.sha256}", markup=False)
        if row.sentence:
            console.print(row.sentence, markup=False)
    if not row.kept:
        ctx.exit(2)


COMMANDS: tuple[click.Command, ...] = (receive,)
