"""``opencets jurisdictions``: the tree of who is responsible where, as a file."""

from __future__ import annotations

from pathlib import Path

import click
import yaml
from rich.console import Console

from opencets.errors import ActRefused
from opencets_web.commands.opened import opened

console = Console(highlight=False, soft_wrap=True)


@click.group()
def jurisdictions() -> None:
    """Which agency is responsible where, and so sees which computers of the sightings."""


@jurisdictions.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_tree(path: Path) -> None:
    """Read the tree of a YAML file; what it lacks ends, and nothing is changed where an entry cannot be used.

    ``version`` and ``jurisdictions``, each with ``code``, ``name``, what it covers (``countries``, ``regions`` of ISO 3166-2,
    ``places`` by region, ``everywhere``), ``responsible`` (an agency's short name) or ``contact``, and those ``below`` it.
    """
    try:
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as reason:
        raise ActRefused(f"{path.name} is no YAML: {reason}") from None
    if not isinstance(table, dict):
        raise ActRefused("A file of jurisdictions has a version and a list of jurisdictions.")
    with opened("owner"):
        from opencets_web.sightings.handed_in import import_jurisdictions

        count = import_jurisdictions(table)
    console.print(f"{count} jurisdictions, version {table['version']}.")


@jurisdictions.command("list")
def list_tree() -> None:
    """The tree with who is responsible."""
    with opened("owner"):
        from opencets_web.sightings.sight import read_tree

        for node in read_tree():
            console.print(
                f"{'  ' * node.depth}{node.name} ({node.code}): {node.responsible or node.contact or 'nobody here'}"
            )


COMMANDS = [jurisdictions]
