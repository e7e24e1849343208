"""``opencets bench``: the figures of the README, measured on this machine beside their peers."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import click

FIGURES = (
    "hash",
    "match",
    "video",
    "regions",
    "series",
    "resolve",
    "arrive",
    "feedback",
    "kinds",
    "search",
    "names",
    "link",
    "sightings",
    "sensor",
    "agent",
    "agent-page",
    "fleet",
    "fleet-served",
    "grouping",
    "sighting-pages",
    "phrases",
    "import",
    "alerts",
    "deconfliction",
    "web",
    "wall",
    "camera",
    "gallery",
    "chart",
)
FILES = {
    "import": "import_evidence",
    "web": "web_pages",
    "sighting-pages": "sighting_pages",
    "fleet-served": "fleet_served",
    "agent-page": "agent_page",
}
BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
"""Beside ``src`` in the repository; an installed package carries no benchmarks."""


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("figure", type=click.Choice(FIGURES))
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def bench(figure: str, options: tuple[str, ...]) -> None:
    """Measure one FIGURE of the README; OPTIONS go to the benchmark (--json, sizes; --help lists them)."""
    script = BENCHMARKS / f"{FILES.get(figure, figure)}.py"
    if not script.is_file():
        raise click.ClickException(
            f"The benchmark of {figure} is not here: looked for {script.name} in the folder benchmarks. "
            "Run this command from a clone of the repository."
        )
    arguments, places = sys.argv, sys.path
    sys.argv, sys.path = [str(script), *options], [str(BENCHMARKS), *places]  # as if the script were started by itself
    try:
        runpy.run_path(str(script), run_name="__main__")
    finally:
        sys.argv, sys.path = arguments, places
