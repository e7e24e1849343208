"""``opencets standards``: checklists and action clocks as files, checked before a node starts with them."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from opencets_web.standards.vocabulary import Checklist, Clocks

console = Console(highlight=False, soft_wrap=True)


@click.group()
def standards() -> None:
    """Checklists and action clocks: what cases are led by."""


@standards.command()
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
def check(folder: Path | None) -> None:
    """Check the files of this program, and those in FOLDER together with them; without it, the node's own.

    FOLDER holds ``checklists`` and ``clocks``, as the folder ``standards`` of a node's home does. The first file that is not
    right is named with its line (exit 2). Nothing is changed, and no database is needed.
    """
    from opencets_web.config.connection import home
    from opencets_web.standards.vocabulary import HERE, read

    own = folder or home() / "standards"
    found = read(HERE, own)
    for entry in found.checklists:
        console.print(_line(entry, f"{len(entry.steps)} steps"))
    for clocks in found.clocks:
        console.print(_line(clocks, f"{len(clocks.bands)} bands"))
    console.print(f"{len(found.checklists)} checklists and {len(found.clocks)} sets of clocks are right.")


def _line(entry: Checklist | Clocks, parts: str) -> str:
    where = "anywhere" if entry.jurisdiction == "*" else entry.jurisdiction
    return f"{entry.key} version {entry.version} ({where}; {', '.join(entry.kinds)}): {parts}"


COMMANDS = [standards]
