"""``opencets resolve-model``: the versions of the weights of people, learned from judgements: propose, compare, live, back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from opencets.errors import ActRefused, NotFound
from opencets_web.commands.opened import opened

if TYPE_CHECKING:
    from opencets_web.entities.versions import VersionView
    from opencets_web.policy.actor import Actor

console = Console(highlight=False, soft_wrap=True)
AS = click.option(
    "--as", "email", envvar="OPENCETS_OFFICER", help="The officer who acts, by e-mail address (OPENCETS_OFFICER)."
)
WHY = click.option("--reason", required=True, help="Why, in a few words; it is kept and logged.")


@click.group("resolve-model")
def resolve_model() -> None:
    """The weights by which people are compared: versions learned from judgements."""


@contextmanager
def _as(email: str | None) -> Iterator[Actor]:
    with opened("web"):
        from opencets_web.policy.acting import acting_as
        from opencets_web.policy.officers import actor_by_email

        if not email:
            raise ActRefused("Say who acts: --as EMAIL, or OPENCETS_OFFICER; opencets officer list names them.")
        with acting_as(None):
            actor = actor_by_email(email)
        with acting_as(actor.officer_id):
            yield actor


@resolve_model.command()
@WHY
@AS
def propose(reason: str, email: str | None) -> None:
    """Have a new version learned from the judgements that stand, and compared with the live one.

    For administrators. A worker learns it; nothing goes live. Nothing is learned from few judgements, nor where they say
    nothing that the live version does not tell as well.
    """
    with _as(email) as actor:
        from opencets_web.entities.actions import ask_weights

        ask_weights(actor, reason)
    console.print("Asked for. A worker learns it; opencets resolve-model compare tells what came of it.")


@resolve_model.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON value on standard output.")
@AS
def compare(name: str | None, as_json: bool, email: str | None) -> None:
    """The version NAME beside the one that was live when it was made; without a name, the newest.

    Counts of judgements are told in tens, and small ones not at all; the pairs that change sides are those that you see.
    """
    with _as(email) as actor:
        from opencets_web.entities.versions import get_versions

        page = get_versions(actor)
    found = next((one for one in page.versions if name in (None, one.name)), None)
    if found is None and name is not None:
        raise NotFound(f"There is no version {name}; live is {page.live}.")
    if as_json:
        told: dict[str, Any] = {"live": page.live, "version": asdict(found) if found else None}
        click.echo(json.dumps(told, default=str, indent=1))
        return
    console.print(f"Live: {page.live}.", markup=False)
    if found is None:
        console.print("No version was learned yet.")
        return
    _tell(found)


def _tell(version: VersionView) -> None:
    console.print(f"{version.name}, asked for by {version.asked_by}: {version.reason}", markup=False)
    if version.refused or version.made_at is None:
        console.print(version.refused or "It is being made.", markup=False)
        return
    console.print(f"Learned from {version.judged} judgements, {version.since} to {version.until}.", markup=False)
    table = Table("", version.former, version.name)
    for row in version.figures:
        table.add_row(row.label, row.before, row.after)
    for reference in version.references:
        table.add_row(f"F1, {reference.name}", reference.before["f1"], reference.after["f1"])
    console.print(table)
    for moved in version.moved:
        console.print(f"{moved.before:+7.2f} {moved.after:+7.2f} bits  {moved.sentence}", markup=False)
    for turn in version.turns:
        console.print(f"{turn.before:>4} {turn.after:>4}  {turn.left} and {turn.right}", markup=False)


@resolve_model.command()
@click.argument("name")
@WHY
@AS
def live(name: str, reason: str, email: str | None) -> None:
    """Take the version NAME live; all suggestions are weighed again. For another administrator than the one who asked."""
    with _as(email) as actor:
        from opencets_web.entities.actions import take_live
        from opencets_web.entities.versions import get_versions

        found = next((one for one in get_versions(actor).versions if one.name == name), None)
        if found is None:
            raise NotFound(f"There is no version {name}; nothing was changed.")
        take_live(actor, found.id, reason)
    console.print(f"{name} is live. A worker weighs all suggestions again.", markup=False)


@resolve_model.command()
@WHY
@AS
def back(reason: str, email: str | None) -> None:
    """Go back to the version that was live before; all suggestions are weighed again. For any administrator."""
    with _as(email) as actor:
        from opencets_web.entities.actions import go_back
        from opencets_web.entities.weights import live_name

        go_back(actor, reason)
        name = live_name()
    console.print(f"{name} is live again. A worker weighs all suggestions again.", markup=False)


COMMANDS: tuple[click.Command, ...] = (resolve_model,)
