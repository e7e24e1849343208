"""``opencets agent``."""

from __future__ import annotations

import click


@click.group()
def agent() -> None:
    """Watch this computer under a court's order, in the open, within what the order says, and stop at its end."""


def commands() -> list[click.Command]:
    """For the entry point ``opencets.commands``."""
    return [agent]
