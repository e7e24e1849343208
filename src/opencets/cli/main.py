"""The ``opencets`` command group: the engines' own commands, and those that installed packages bring.

A package brings commands by an entry point of the group ``opencets.commands``: a callable without arguments that gives
a list of click commands. One that fails to load costs its own commands and nothing else; the reason is told when a
command is asked for that is not there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, entry_points, version

import click

from opencets.errors import OpenCETSError

GROUP = "opencets.commands"
REFUSED = 2
"""Exit code when nothing was done because what was asked for cannot be."""

OWN: dict[str, tuple[str, str]] = {
    "bench": ("opencets.cli.bench", "bench"),
    "hash": ("opencets.cli.hash", "hash_files"),
    "match": ("opencets.cli.match", "match"),
    "phrases": ("opencets.cli.phrases", "phrases"),
    "resolve": ("opencets.cli.resolve", "resolve"),
    "sightings": ("opencets.cli.sightings", "sightings"),
    "text": ("opencets.cli.text", "text"),
}
"""The engines' commands: name, module, attribute. Loaded when asked for; a module that is not there is left out."""


class Commands(click.Group):
    """A group that loads a command when it is asked for."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self._brought: dict[str, click.Command] | None = None
        self.trouble: list[str] = []

    def list_commands(self, ctx: click.Context) -> list[str]:
        own = [name for name, (module, _) in OWN.items() if _is_there(module)]
        return sorted({*own, *self._from_packages(), *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in OWN and _is_there(OWN[cmd_name][0]):
            module, attribute = OWN[cmd_name]
            command: click.Command = getattr(import_module(module), attribute)
            return command
        return super().get_command(ctx, cmd_name) or self._from_packages().get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as unknown:
            if not self.trouble:
                raise
            raise click.UsageError("\n".join([unknown.message, *self.trouble]), ctx) from unknown

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        for sentence in self.trouble:
            formatter.write_paragraph()
            formatter.write_text(sentence)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except OpenCETSError as reason:
            click.echo(f"opencets: {reason.sentence}", err=True)
            ctx.exit(REFUSED)

    def _from_packages(self) -> dict[str, click.Command]:
        if self._brought is None:
            self._brought = {}
            for point in entry_points(group=GROUP):
                try:
                    bring: Callable[[], list[click.Command]] = point.load()
                    brought = {command.name or point.name: command for command in bring()}
                except Exception as reason:
                    self.trouble.append(
                        f"The commands of {point.value.partition(':')[0]} are missing: "
                        f"{type(reason).__name__}: {reason}."
                    )
                else:
                    self._brought.update(brought)
        return self._brought


def _is_there(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None


def _version() -> str:
    try:
        return version("opencets")
    except PackageNotFoundError:
        return "not installed"


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), prog_name="opencets")
def main() -> None:
    """OpenCETS: child exploitation tracking, open and self-hosted."""


if __name__ == "__main__":
    sys.exit(main())
