"""``opencets keys``: the keys that wrap the keys of blobs: list, rotate, destroy."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import Progress

from opencets.errors import ActRefused
from opencets_web.commands.opened import opened

if TYPE_CHECKING:
    from opencets_web.accounts.models import Agency

console = Console(highlight=False, soft_wrap=True)
AGENCY = click.option("--agency", "short_name", required=True, help="The agency's short name.")


@click.group()
def keys() -> None:
    """The keys that blobs are sealed by: a root key, a key for each agency, a key for each blob."""


@keys.command("list")
def list_keys() -> None:
    """List the agencies' keys, and how many blobs open by each."""
    with opened("owner"):
        from opencets_web.evidence import keyring

        keyring.ensure_keys()
        for line in keyring.list_keys():
            console.print(
                f"{line.agency}  key {line.number}, {line.state}, made {line.made_at:%Y-%m-%d}: {line.blobs} blobs"
            )


@keys.command()
@click.option(
    "--agency", "short_name", default="", help="The agency's short name; without it the root key is exchanged."
)
def rotate(short_name: str) -> None:
    """Replace a key and exchange it under all that it wraps. No blob is written; others may go on working.

    Stopped in the middle, the same command goes on. Backups that were made before open by the key that they hold.
    """
    with opened("owner"), _bar() as step:
        from opencets_web.evidence import keyring

        if short_name:
            number, rows = keyring.rotate(_agency(short_name), step)
            told = f"{short_name} seals by key {number} now; {rows} blobs were exchanged, none was written."
        else:
            told = f"The root key is exchanged under {keyring.rotate_root(step)} keys of agencies."
    console.print(told)


@keys.command()
@AGENCY
@click.option("--number", type=int, required=True, help="Which key, as `keys list` shows it.")
@click.option("--because", required=True, help="The reason, as the log keeps it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def destroy(short_name: str, number: int, because: str, yes: bool) -> None:
    """Destroy a key: what it still wraps is lost for ever, here. A backup that holds the key opens its own copy."""
    with opened("owner"):
        from opencets_web.evidence import keyring

        agency = _agency(short_name)
        blobs = {(line.agency, line.number): line.blobs for line in keyring.list_keys()}.get(
            (agency.short_name, number)
        )
        if blobs is None:
            raise ActRefused(f"{agency.short_name} has no key {number}: opencets keys list")
        if not yes:
            click.confirm(
                f"Destroy key {number} of {agency.short_name}? {blobs} blobs can then be opened by nobody.", abort=True
            )
        lost = keyring.destroy(agency, number, because)
    console.print(f"Key {number} of {agency.short_name} is destroyed; {lost} blobs cannot be opened any more.")


def _agency(short_name: str) -> Agency:
    from opencets_web.accounts.models import Agency
    from opencets_web.evidence import keyring

    keyring.ensure_keys()
    found = Agency.objects.filter(short_name__iexact=short_name).first()
    if found is None:
        raise ActRefused(f"No agency is called {short_name} here: opencets keys list shows them.")
    return found


@contextmanager
def _bar() -> Iterator[Callable[[int], object]]:
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("Exchanging", total=None)
        yield lambda rows: bar.advance(task, rows)


COMMANDS: tuple[click.Command, ...] = (keys,)
