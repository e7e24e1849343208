"""What the ``opencets`` command finds in the web part: one file per family, each with its ``COMMANDS``."""

from __future__ import annotations

from importlib import import_module

import click

FAMILIES = (
    "serve",
    "evidence",
    "accounts",
    "audit",
    "backup",
    "keys",
    "standards",
    "jurisdictions",
    "disclosure",
    "releases",
    "weights",
)


def commands() -> list[click.Command]:
    """The commands of the web part, for the entry point ``opencets.commands``."""
    return [command for family in FAMILIES for command in import_module(f"{__name__}.{family}").COMMANDS]
